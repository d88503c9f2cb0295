"""Run the notebooks and write what people read: ``python notebooks/build.py``.

Writes to ``build/notebooks``: an HTML page of each notebook, which needs no network, and
``figures/`` with each figure as SVG and PNG and its alternative text.
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
TIMEOUT_S = 600


def run(path: Path, parameters: dict[str, str], folder: Path, figures: Path | None = None):
    """Return a notebook, run in a fresh kernel from a folder, with other values at its top."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    given = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    at = next(
        i for i, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", ())
    )  # fmt: skip
    notebook.cells.insert(at + 1, nbformat.v4.new_code_cell(given))
    environment = {**os.environ}
    environment.pop("NOTEBOOK_FIGURES", None)
    if figures:
        environment["NOTEBOOK_FIGURES"] = str(figures)
    client = NotebookClient(
        notebook, timeout=TIMEOUT_S, kernel_name="python3", resources={"metadata": {"path": folder}}
    )
    client.execute(env=environment)
    return notebook


def to_html(notebook, title: str) -> str:
    """Return a run notebook as one page that fetches nothing."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(mathjax_url="", require_js_url="", jquery_url="", mermaid_js_url="")
    body, _ = exporter.from_notebook_node(notebook, {"metadata": {"name": title}})
    return body


def main() -> None:
    """Read the options, run the notebooks and write the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="a table of your own")
    parser.add_argument("--target", help="the column of it to predict")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "notebooks")
    parser.add_argument(
        "--folder",
        type=Path,
        default=ROOT / "notebooks",
        help="where the notebooks are run, as if they were opened from there",
    )
    arguments = parser.parse_args()
    if bool(arguments.data) != bool(arguments.target):
        parser.error("--data and --target go together")
    if sys.platform == "win32":
        asyncio.set_event_loop_policy(asyncio.WindowsSelectorEventLoopPolicy())
    parameters = {}
    if arguments.data:
        local = Path(arguments.data)
        data = str(local.resolve()) if local.is_file() else arguments.data
        parameters = {"DATA": data, "TARGET": arguments.target}
    shutil.rmtree(arguments.output / "figures", ignore_errors=True)
    for path in NOTEBOOKS:
        started = time.monotonic()
        figures = (arguments.output / "figures" / path.stem).resolve()
        done = run(path, parameters, arguments.folder, figures)
        page = arguments.output / f"{path.stem}.html"
        page.write_text(to_html(done, path.stem), "utf-8")
        print(f"{page}: {time.monotonic() - started:.0f} s")
    print(f"{arguments.output / 'figures'}")


if __name__ == "__main__":
    main()
