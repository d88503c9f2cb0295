"""Draw who imports whom, from the code: `python docs/make_diagram.py`.

The boxes and what they hold are listed here; the arrows are what the import statements say. An
arrow that follows from others is left out. `--check` writes nothing and fails where the drawing is
out of date, as a test does.
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import grimp

ROOT = Path(__file__).resolve().parent.parent
DRAWING = ROOT / "docs" / "images" / "architecture.svg"

WIDTH, GAP, MARGIN = 920, 46, 20
TITLE, LINE, CHARACTER, PADDING = 20, 17, 7.3, 12


@dataclass(frozen=True)
class Box:
    """A part of the code: whole packages, or modules that do one job together.

    Attributes
    ----------
    row, left, width : int
        Where it is drawn: the rows from the top, the others in units of the drawing.
    colour : {"people", "training", "serving", "shared"}
        Which side of the project it belongs to.
    holds : tuple of str
        Modules, each with all that is below it.
    """

    title: str
    row: int
    left: int
    width: int
    colour: str
    holds: tuple[str, ...]


BOXES = (
    Box("application.py", 0, 470, 200, "serving", ("application",)),
    Box("appFrontend/app.py", 0, 690, 210, "people", ("appFrontend",)),
    Box("appBackend: the JSON API", 1, 470, 430, "serving", ("appBackend",)),
    Box("src/pipelines", 2, 20, 410, "training", ("src.pipelines",)),
    Box("src/web: pages, errors, guards", 2, 470, 430, "serving", ("src.web",)),
    Box("src/serving", 3, 470, 250, "shared", ("src.serving",)),
    Box("src/components", 4, 20, 410, "training", ("src.components",)),
    Box("src/explanations", 5, 230, 200, "shared", ("src.explanations",)),
    Box("src/compiler", 6, 230, 200, "training", ("src.compiler",)),
    Box("src/report", 6, 690, 210, "training", ("src.report",)),
    Box("src/compiled", 7, 230, 200, "shared", ("src.compiled",)),
    Box("src/schema", 8, 470, 200, "shared", ("src.schema",)),
    Box("src/artifact_store.py", 8, 690, 210, "shared", ("src.artifact_store",)),
    Box("src/search", 9, 20, 190, "training", ("src.search",)),
    Box("src/stats", 10, 20, 190, "training", ("src.stats",)),
    Box("src/tables", 10, 470, 200, "shared", ("src.tables",)),
    Box("Foundation", 11, 20, 880, "shared",
        ("src.config", "src.exception", "src.logger", "src.utils", "src.test")),
)  # fmt: skip


def box_of(module: str) -> Box | None:
    """Return the box that holds a module; None for the packages that hold no code."""
    found = [
        box for box in BOXES for name in box.holds if f"{module}.".startswith(f"{name}.")
    ]  # fmt: skip
    if found:
        return found[0]
    if (ROOT / module.replace(".", "/") / "__init__.py").exists():
        return None
    raise SystemExit(f"{module} stands in no box. Add it to BOXES in {Path(__file__).name}.")


def imports() -> Mapping[str, set[str]]:
    """Return which box imports which, without what follows from the others."""
    graph = grimp.build_graph("src", "appBackend")
    found = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    found["application"] = imported_by_the_entry() & graph.modules
    direct: dict[str, set[str]] = {box.title: set() for box in BOXES}
    for module, names in found.items():
        above = box_of(module)
        for imported in names:
            below = box_of(imported)
            if above and below and above != below:
                direct[above.title].add(below.title)
    return {
        title: {
            below for below in said
            if not any(below in reached(direct, other) for other in said - {below})
        }
        for title, said in direct.items()
    }  # fmt: skip


def imported_by_the_entry() -> set[str]:
    """Return what application.py imports; it is no package, which is what grimp reads."""
    tree = ast.parse((ROOT / "application.py").read_text("utf-8"))
    return {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


def reached(direct: Mapping[str, set[str]], title: str) -> set[str]:
    """Return what a box imports, directly or by others."""
    found: set[str] = set()
    ahead = [title]
    while ahead:
        for below in direct[ahead.pop()] - found:
            found.add(below)
            ahead.append(below)
    return found


STYLE = """
svg { --paper: #fbfbf9; --ink: #1c2430; --soft: #56606e; --line: #7b8695;
  --people: #fff3d6; --training: #e3eefc; --serving: #e2f4e6; --shared: #efeff2; }
@media (prefers-color-scheme: dark) {
  svg { --paper: #181c22; --ink: #eef1f5; --soft: #b4bdc9; --line: #8793a3;
    --people: #4a3d16; --training: #1d3553; --serving: #1c4028; --shared: #2c3139; } }
text { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace;
  font-size: 12px; fill: var(--soft); }
.title { font-family: system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif;
  font-size: 15px; font-weight: 600; fill: var(--ink); }
path.import { fill: none; stroke: var(--line); stroke-width: 1.4; marker-end: url(#tip); }
path.asks { stroke-dasharray: 5 4; }
#tip path { fill: var(--line); }
.paper { fill: var(--paper); } .box { stroke: var(--line); stroke-width: 1; }
.people { fill: var(--people); } .training { fill: var(--training); }
.serving { fill: var(--serving); } .shared { fill: var(--shared); }
"""


def words(box: Box) -> list[str]:
    """Return the names of a box's modules on as many lines as its width asks for."""
    names = [name.rpartition(".")[2] for name in box.holds]
    if names == [box.title.removesuffix(".py")] or box.title.startswith(("app", "src/")):
        return []
    columns = int((box.width - 2 * PADDING) / CHARACTER)
    return textwrap.wrap(
        "  ".join(names), columns, break_long_words=False, replace_whitespace=False
    )


def height(box: Box) -> int:
    """Return the height of a box."""
    return 2 * PADDING + TITLE + LINE * len(words(box)) - 4


def arrows(tops: Mapping[int, int]) -> Iterator[str]:
    """Yield a line for each import, from the lower edge of a box to the upper one of another."""
    boxes = {box.title: box for box in BOXES}
    said = imports()
    pairs = [(boxes[above], boxes[below]) for above, to in said.items() for below in to]
    asks = (boxes["appFrontend/app.py"], boxes["appBackend: the JSON API"])
    pairs = sorted([*pairs, asks], key=lambda pair: (pair[0].title, pair[1].title))

    def middle(box: Box) -> float:
        return box.left + box.width / 2

    def port(box: Box, other: Box, others: list[Box]) -> float:
        others = sorted(others, key=lambda one: (middle(one), one.title))
        return box.left + box.width * (others.index(other) + 1) / (len(others) + 1)

    for above, below in pairs:
        x1 = port(above, below, [to for box, to in pairs if box == above])
        x2 = port(below, above, [box for box, to in pairs if to == below])
        if below.width > WIDTH / 2 and above.row > 4:  # wide enough to be met straight below
            x2 = x1
        y1, y2 = tops[above.row] + height(above), tops[below.row] - 3
        bend = min(GAP, (y2 - y1) / 2)
        kind = "import asks" if (above, below) == asks else "import"
        yield (
            f'<path class="{kind}" d="M{x1:.0f} {y1:.0f} C{x1:.0f} {y1 + bend:.0f} '
            f'{x2:.0f} {y2 - bend:.0f} {x2:.0f} {y2:.0f}"/>'
        )


def drawing() -> str:
    """Return the drawing as SVG."""
    tops, y = {}, MARGIN
    for row in sorted({box.row for box in BOXES}):
        tops[row] = y
        y += max(height(box) for box in BOXES if box.row == row) + GAP
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {y - GAP + MARGIN}" '
        'role="img" aria-labelledby="what">',
        '<title id="what">Which part of the code imports which</title>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
        'markerHeight="8" orient="auto"><path d="M0 0 L8 4 L0 8 z"/></marker></defs>',
        '<rect class="paper" width="100%" height="100%" rx="10"/>',
        *arrows(tops),
    ]
    for box in BOXES:
        top = tops[box.row]
        parts.append(
            f'<rect class="box {box.colour}" x="{box.left}" y="{top}" width="{box.width}" '
            f'height="{height(box)}" rx="7"/>'
        )
        x, y = box.left + PADDING, top + PADDING + 12
        parts.append(f'<text class="title" x="{x}" y="{y}">{escape(box.title)}</text>')
        for line in words(box):
            y += LINE
            parts.append(f'<text x="{x}" y="{y}" xml:space="preserve">{escape(line)}</text>')
    return "\n".join([*parts, "</svg>", ""])


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where the drawing is old"
    )
    check = parser.parse_args(arguments).check
    made = drawing()
    if DRAWING.exists() and DRAWING.read_text("utf-8") == made:
        return 0
    said = "is out of date" if check else "written"
    sys.stdout.write(f"{DRAWING.relative_to(ROOT)} {said}\n")
    if not check:
        DRAWING.write_text(made, "utf-8")
    return int(check)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
