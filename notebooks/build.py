"""Run the notebooks and write what people read: ``python notebooks/build.py``.

Writes to ``build/notebooks``: an HTML page of each notebook, which needs no network, and
``figures/`` with each figure as SVG and PNG and its alternative text. ``--pages`` renews the
Markdown pages of ``docs/notebooks``, which show a code host's readers what the notebooks say of the
sample table.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted((ROOT / "notebooks").glob("[0-9]*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
TIMEOUT_S = 600
PAGE_CSS = """
h1 { margin-bottom: 1rem; }
.code { border-color: transparent; }
.code[open] { border-color: var(--line); }
.code > summary { padding: 0.25rem 0; color: var(--quiet); font-size: 0.875rem; font-weight: 400; }
.code[open] > summary { padding-left: 1rem; }
.code .highlight { padding: 0; }
.code pre { border: 0; line-height: 1.4; }
"""


def run(path: Path, parameters: dict[str, str], folder: Path, figures: Path | None = None):
    """Return a notebook, run in a fresh kernel from a folder, with other values at its top."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    top = next(cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    top.source += "".join(f"\n{name} = {value!r}" for name, value in parameters.items())
    environment = {**os.environ}
    environment.pop("NOTEBOOK_FIGURES", None)
    if figures:
        environment["NOTEBOOK_FIGURES"] = str(figures)
    client = NotebookClient(
        notebook,
        timeout=TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": folder}},
        # Only root can listen on the loopback interface: no warning that it isn't encrypted.
        extra_arguments=["--IPKernelApp.log_level=40"],
    )
    client.execute(env=environment)
    return notebook


def to_html(notebook) -> str:
    """Return a run notebook as one page that fetches nothing, light or dark as its reader's."""
    from nbconvert import HTMLExporter
    from pygments.formatters import HtmlFormatter

    light, dark = (
        HtmlFormatter(style=style, nobackground=True).get_style_defs(".code")
        for style in ("xcode", "lightbulb")
    )
    css = (ROOT / "src" / "report" / "templates" / "report.css").read_text("utf-8")
    css += f"{light}\n@media screen and (prefers-color-scheme: dark) {{\n{dark}\n}}\n"
    title = notebook.cells[0].source.partition("\n")[0].removeprefix("# ")
    exporter = HTMLExporter(
        template_name="page",
        extra_template_basedirs=[str(ROOT / "notebooks")],
        exclude_anchor_links=True,
    )
    body, _ = exporter.from_notebook_node(
        notebook, {"metadata": {"name": title}, "css": css + PAGE_CSS}
    )
    return body


def to_markdown(notebook, path: Path) -> str:
    """Return a run notebook as a Markdown page: its answers in full, its code folded."""
    notebook_link = f"[`{path.name}`](../../notebooks/{path.name})"
    parts = []
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(
            f"<details><summary>Code</summary>\n\n```python\n{cell.source}\n```\n\n</details>"
        )
        parts += [
            output.data["text/markdown"]
            for output in cell.outputs
            if "text/markdown" in output.get("data", ())
        ]
    note = f"<!-- Made from {path.name} by `make notebooks ARGS=--pages`. -->"
    parts.insert(1, f"Made from {notebook_link}, run on the sample table.")
    return "\n\n".join([note, *parts]) + "\n"


def write_page(notebook, path: Path, figures: Path) -> None:
    """Write the Markdown page of a notebook and its figures as SVG to ``docs/notebooks``."""
    folder = PAGES / path.stem
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    for figure in figures.glob("*.svg"):
        shutil.copy(figure, folder)
    page = PAGES / f"{path.stem}.md"
    page.write_text(to_markdown(notebook, path), "utf-8")
    print(f"{page}")


def main() -> None:
    """Read the options, run the notebooks and write the pages."""
    from nbclient.exceptions import CellExecutionError

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a table of your own")
    parser.add_argument("--target", help="its column to predict, unless its hints say so")
    parser.add_argument("--budget", help="how long to search: quick, standard or seconds")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "notebooks")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "notebooks",
        help="where the notebooks are run, as if they were opened from there",
    )
    parser.add_argument(
        "--pages", action="store_true", help="renew the pages of docs/notebooks too"
    )
    arguments = parser.parse_args()
    if arguments.pages and (arguments.data or arguments.target or arguments.budget):
        parser.error("--pages shows the sample table: leave --data, --target and --budget out.")
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    parameters = {}
    if arguments.data:
        local = Path(arguments.data)
        parameters["DATA"] = str(local.resolve()) if local.is_file() else arguments.data
    if arguments.target:
        parameters["TARGET"] = arguments.target
    if arguments.budget:
        parameters["BUDGET"] = arguments.budget
    shutil.rmtree(arguments.output / "figures", ignore_errors=True)
    for path in NOTEBOOKS:
        started = time.monotonic()
        figures = (arguments.output / "figures" / path.stem).resolve()
        try:
            done = run(path, parameters, arguments.folder, figures)
        except CellExecutionError as error:
            sys.exit(f"{path.name} stopped. {error.ename}: {error.evalue}")
        page = arguments.output / f"{path.stem}.html"
        page.write_text(to_html(done), "utf-8")
        if arguments.pages:
            write_page(done, path, figures)
        print(f"{page}: {time.monotonic() - started:.0f} s")
    print(f"{arguments.output / 'figures'}")


if __name__ == "__main__":
    main()
