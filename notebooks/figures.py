"""Show and save what the notebooks find: the report's own figures, each with its sentence."""

from __future__ import annotations

import html
import os
import re
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.exception import ConfigurationError
from src.pipelines.rows import learn_schema
from src.pipelines.run_files import dropped_columns
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.matplotlib_svg import COLOURS
from src.schema.record import Schema

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
FOLDER = "NOTEBOOK_FIGURES"  # the variable that says where figures are saved
PNG_SCALE = 3
TITLE_LETTERS = 42  # in a line
SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', sans-serif"
# On a page, its own colours. In a notebook, the editor's colour of text, and accents that stand out
# on white as on black.
SHADES = {
    "accent": "#5572ee",
    "second": "#cf6f14",
    "text": "currentColor",
    "quiet": "color-mix(in srgb, currentColor 75%, transparent)",
    "line": "color-mix(in srgb, currentColor 20%, transparent)",
}
STYLE = "".join(
    f".seen .{kind[0]}-{name}{{{kind}:var(--{name},{shade})}}"
    for name, shade in SHADES.items()
    for kind in ("fill", "stroke")
) + (
    ".seen{max-width:72rem}.seen>*+*{margin-top:1rem}.seen>p,.seen>ul{max-width:46rem}"
    ".seen .figures:not(.alone){display:grid;gap:1.75rem;"
    "grid-template-columns:repeat(auto-fill,minmax(min(100%,21rem),1fr))}"
    ".seen figure{margin:0}.seen .figures:not(.alone) figure,.seen .alone svg{max-width:32rem}"
    ".seen svg{width:100%;height:auto;overflow:visible}"
    f".seen svg text{{font-family:{SANS}}}.seen h3{{margin:0 0 .5rem;font-size:1rem}}"
    ".seen figcaption{margin-top:.5rem;line-height:1.45}.seen table{font-size:.9em}"
    ".seen td,.seen th{vertical-align:top}.seen td small,.seen th small{display:block}"
    ".seen .wide{max-width:100%;overflow-x:auto}"
)


@dataclass(frozen=True)
class Loaded:
    """A table that was read and checked as training does it.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    n_rows, n_refused : int
        Rows of the file, and those that break a rule.
    dropped : dict of str to str
        Columns that are not used, with the reason.
    """

    source: Path | str
    schema: Schema
    X: pd.DataFrame
    y: NDArray[np.float64]
    n_rows: int
    n_refused: int
    dropped: dict[str, str]


def find_table(data: str) -> Path | str:
    """Return where a table lies: seen from here, from ``notebooks/`` or from the project."""
    if "://" in data:
        return data
    for folder in (Path.cwd(), ROOT / "notebooks", ROOT):
        if (folder / data).is_file():
            return folder / data
    raise FileNotFoundError(f"There is no table {data!r}. Set DATA to the path of one.")


def load(data: str, target: str | None = None) -> Loaded:
    """Read and check a table as training does."""
    source = find_table(data)
    config = TrainConfig(data=str(source), target=target or None)
    hints, checked = TrainPipeline(config).check()
    inferred, good = learn_schema(checked, hints, config)
    if inferred.schema.task != "regression":
        raise ConfigurationError(
            f"{inferred.schema.target.name} has outcomes; these notebooks are about a number. "
            "Training writes a report of the outcomes: python -m src.pipelines.train_pipeline."
        )
    return Loaded(
        source,
        inferred.schema,
        good.X,
        good.y,
        checked.n_rows,
        good.n_refused,
        dropped_columns(config, inferred, inferred.schema, checked),
    )


def show(*sections: Section | None) -> None:
    """Show sections under the cell, and save their figures where they are asked for."""
    from IPython.display import display

    for section in filter(None, sections):
        forms = {"text/html": to_html(section)}
        if folder := os.environ.get(FOLDER):
            save(section, Path(folder))
            forms["text/markdown"] = to_markdown(section, Path(folder).name)
        display(forms, raw=True)


def to_markdown(section: Section, folder: str) -> str:
    """Return a section as Markdown, two saved figures beside one another, without its tables."""
    parts = [plain_markdown(text) for text in section.lead]
    parts += ["\n".join(f"- {plain_markdown(text)}" for text in section.points)]
    cells = [
        f'<img src="{folder}/{name}.svg" width="400" alt="{html.escape(alt_of(one.svg))}"><br>'
        f"{plain_markdown(one.caption)}"
        for name, one in named_figures(section)
    ]
    if cells:
        pairs = [cells[i : i + 2] for i in range(0, len(cells), 2)]
        width = len(pairs[0])
        rows = [f"|{' |' * width}", f"|{'---|' * width}"]
        rows += [f"| {' | '.join([*pair, *[''] * (width - len(pair))])} |" for pair in pairs]
        parts.append("\n".join(rows))
    parts += [plain_markdown(text) for text in section.notes]
    return "\n\n".join(filter(None, parts))


def plain_markdown(text: str) -> str:
    """Return a text with what Markdown would take for markup escaped."""
    return re.sub(r"([\\`*_\[\]<>|$~])", r"\\\1", text)


def alt_of(svg: str) -> str:
    """Return a figure's alternative text, without what Markdown's links and tables end at."""
    text = html.unescape(re.search(r'aria-label="([^"]*)"', svg)[1])
    return text.replace("]", ")").replace("[", "(").replace("|", "/")


def named_figures(section: Section) -> Iterator[tuple[str, Figure]]:
    """Yield each figure of a section with the name of its file."""
    for number, one in enumerate(section.figures, 1):
        yield section.id if len(section.figures) == 1 else f"{section.id}-{number}", one


def to_html(section: Section) -> str:
    """Return a section as HTML with its figures inside."""
    parts = [f"<p>{html.escape(text)}</p>" for text in section.lead]
    if section.points:
        items = "".join(f"<li>{html.escape(text)}</li>" for text in section.points)
        parts.append(f"<ul>{items}</ul>")
    figures = "".join(
        "<figure>"
        + (f"<h3>{html.escape(one.title)}</h3>" if one.title else "")
        + f"{one.svg}<figcaption>{html.escape(one.caption)}</figcaption></figure>"
        for one in section.figures
    )
    alone = " alone" if len(section.figures) == 1 else ""
    parts.append(f'<div class="figures{alone}">{figures}</div>' if figures else "")
    parts += map(_table, section.tables)
    parts += [f"<p><small>{html.escape(text)}</small></p>" for text in section.notes]
    return f'<style>{STYLE}</style><div class="seen">{"".join(parts)}</div>'


def _table(one: ReportTable) -> str:
    def cell(number: int, item: Cell, tag: str = "td") -> str:
        tag = "th" if number == 0 else tag
        words = ' class="words"' if number in one.words else ""
        detail = f" <small>{html.escape(item.detail)}</small>" if item.detail else ""
        return f"<{tag}{words}>{html.escape(item.text)}{detail}</{tag}>"

    head = "".join(cell(i, Cell(text), "th") for i, text in enumerate(one.header))
    rows = "".join(
        f"<tr>{''.join(cell(i, item) for i, item in enumerate(row))}</tr>" for row in one.rows
    )
    return (
        f"<details><summary>{html.escape(one.caption)}</summary>"
        f'<div class="wide" tabindex="0" role="region" aria-label="{html.escape(one.caption)}">'
        f"<table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div></details>"
    )


def save(section: Section, folder: Path) -> None:
    """Write a section's figures as SVG and PNG, and their alternative texts to ``figures.md``."""
    folder.mkdir(parents=True, exist_ok=True)
    dark = f"{_css(_DARK)}.paper{{fill:#12161f}}"
    style = f"{_css(COLOURS, SANS)}@media (prefers-color-scheme: dark){{{dark}}}"
    for name, one in named_figures(section):
        title = " · ".join(filter(None, (section.title, one.title)))
        (folder / f"{name}.svg").write_text(_standalone(one.svg, title, style), "utf-8")
        (folder / f"{name}.png").write_bytes(to_png(one.svg, title))
        with (folder / "figures.md").open("a", encoding="utf-8") as out:
            out.write(f"## {title}\n\n![{alt_of(one.svg)}]({name}.png)\n\n{one.caption}\n\n")


def to_png(svg: str, title: str) -> bytes:
    """Return a figure as a picture on white, in letters that Matplotlib brings along."""
    import matplotlib
    import resvg_py

    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return bytes(
        resvg_py.svg_to_bytes(
            svg_string=_standalone(svg, title, _css(COLOURS, "DejaVu Sans")),
            background="white",
            zoom=PNG_SCALE,
            skip_system_fonts=True,
            font_files=[str(fonts / f"{name}.ttf") for name in ("DejaVuSans", "DejaVuSans-Bold")],
            sans_serif_family="DejaVu Sans",
        )
    )


_DARK = {
    "#91a7ff": "accent",
    "#ffb35c": "second",
    "#e8ebf4": "text",
    "#a7b0c6": "quiet",
    "#313a50": "line",
}


def _css(colours: dict[str, str], font: str = "") -> str:
    rules = "".join(f".f-{n}{{fill:{c}}}.s-{n}{{stroke:{c}}}" for c, n in colours.items())
    return f"{rules}text{{font-family:{font}}}" if font else rules


def _standalone(svg: str, title: str, style: str) -> str:
    """Return a figure that needs no page: with its title above it and its colours inside."""
    _, _, width, height = map(int, re.search(r'viewBox="([^"]+)"', svg)[1].split())
    lines = textwrap.wrap(title, TITLE_LETTERS)
    top = 10 + 20 * len(lines)
    head = (
        '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
        f'viewBox="0 {-top} {width} {height + top}" width="{width}" height="{height + top}" '
    )
    head += svg[svg.index('role="img"') : svg.index(">") + 1] + f"<style>{style}</style>"
    head += f'<rect class="paper" y="{-top}" width="{width}" height="{height + top}" fill="#fff"/>'
    for number, line in enumerate(lines):
        head += (
            f'<text class="f-text" x="4" y="{20 - top + 20 * number}" font-size="14" '
            f'font-weight="700">{html.escape(line)}</text>'
        )
    return head + svg[svg.index(">") + 1 :]
