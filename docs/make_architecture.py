"""Write what `docs/architecture.md` says about the code: `python docs/make_architecture.py`.

The drawing of the rooms is made from the import statements, the lists of files by training a model
and asking it for a prediction. `--check` writes nothing and fails where the page is out of date.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import CodeType, FrameType

from werkzeug.test import EnvironBuilder, run_wsgi_app

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "architecture.md"
BLOCK = re.compile(r"(<!-- made: ([a-z-]+) -->\n).*?(<!-- end -->)", re.DOTALL)
FOUNDATION = ("config", "exception", "logger", "utils")  # the files of src that all rooms may use
COLOURS = {
    "training": "fill:#e3eefc,stroke:#7b8695,color:#1c2430",
    "serving": "fill:#e2f4e6,stroke:#7b8695,color:#1c2430",
    "both": "fill:#efeff2,stroke:#7b8695,color:#1c2430",
    "apart": "fill:#fff3d6,stroke:#7b8695,color:#1c2430",
}


def room_of(module: str) -> str | None:
    """Return the room of a module; None for what is in no room: `src` itself, `src.test`."""
    package, _, rest = module.partition(".")
    if package != "src":
        return "application.py" if module == "application" else package
    name = rest.partition(".")[0]
    if name in ("", "test"):
        return None
    if name in FOUNDATION:
        return "foundation"
    return f"src/{name}" if (ROOT / "src" / name).is_dir() else f"src/{name}.py"


def imports() -> dict[str, set[str]]:
    """Return which room imports which."""
    import grimp

    graph = grimp.build_graph("src", "appBackend")
    found = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}
    entry = ast.parse((ROOT / "application.py").read_text("utf-8"))
    found["application"] = {
        str(node.module) for node in ast.walk(entry) if isinstance(node, ast.ImportFrom)
    } & graph.modules
    rooms: dict[str, set[str]] = {room: set() for module in found if (room := room_of(module))}
    for module, names in found.items():
        if above := room_of(module):
            rooms[above] |= {room for name in names if (room := room_of(name))} - {above}
    return rooms


def reached(rooms: Mapping[str, set[str]], start: str) -> set[str]:
    """Return every room that a room imports, directly or through others."""
    found: set[str] = set()
    ahead = [start]
    while ahead:
        new = rooms[ahead.pop()] - found
        found |= new
        ahead += new
    return found


def direct(rooms: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """Return the imports without those that follow from others."""
    return {
        room: {
            below
            for below in targets
            if not any(below in reached(rooms, other) for other in targets - {below})
        }
        for room, targets in rooms.items()
    }


def drawing(training: str, serving: str) -> str:
    """Return the rooms and their imports as a Mermaid block.

    Parameters
    ----------
    training, serving : str
        The files that one training and one request pass; they colour the rooms.
    """
    rooms = imports()

    def side(room: str) -> str:
        in_training, in_serving = (f"{room}/" in files or f"{room}\n" in files
                                   for files in (training, serving))  # fmt: skip
        if in_training == in_serving:
            return "both"
        return "training" if in_training else "serving"

    def label(room: str) -> str:
        return (
            "<br>".join(f"src/{name}.py" for name in FOUNDATION) if room == "foundation" else room
        )

    identity = {room: re.sub(r"\W", "_", room) for room in sorted(rooms)}
    lines = ["```mermaid", "flowchart TD"]
    lines += [f'  {key}["{label(room)}"]:::{side(room)}' for room, key in identity.items()]
    lines += [
        '  appFrontend["appFrontend"]:::apart',
        "  appFrontend -. asks by HTTP .-> appBackend",
    ]
    for room, targets in sorted(direct(rooms).items()):
        lines += [f"  {identity[room]} --> {identity[target]}" for target in sorted(targets)]
    lines += [f"  classDef {name} {style}" for name, style in COLOURS.items()]
    return "\n".join([*lines, "```"])


def file_of(code: CodeType) -> str | None:
    """Return the file of the project that code stands in; None for libraries and this file."""
    path = Path(code.co_filename)
    if path == Path(__file__).resolve() or ".venv" in path.parts or not path.is_relative_to(ROOT):
        return None
    return path.relative_to(ROOT).as_posix()


def called_from(frame: FrameType) -> tuple[str | None, bool]:
    """Return the project's file that called a frame, and whether a module is being imported."""
    caller: str | None = None
    above = frame.f_back
    while above is not None:
        name = file_of(above.f_code)
        if name and above.f_code.co_name == "<module>":
            return caller, True
        caller = caller or name
        above = above.f_back
    return caller, False


def files_passed(action: Callable[[], object]) -> str:
    """Return the files whose functions an action calls, each below the file that entered it first.

    What runs while a module is imported does not count.
    """
    callers: dict[str, str | None] = {}  # in the order in which the files are entered
    file_by_code: dict[CodeType, str | None] = {}

    def note(frame: FrameType, event: str, _: object) -> None:
        if event != "call":
            return
        code = frame.f_code
        if code not in file_by_code:
            file_by_code[code] = file_of(code)
        name = file_by_code[code]
        if name and name not in callers and code.co_name != "<module>":
            caller, importing = called_from(frame)
            if not importing:
                callers[name] = caller if caller in callers else None

    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)

    def tree(caller: str | None, depth: int) -> list[str]:
        lines = []
        for name in callers:
            if callers[name] == caller:
                lines += ["  " * depth + name, *tree(name, depth + 1)]
        return lines

    return "\n".join(["```text", *tree(None, 0), "```"])


def example() -> dict[str, object]:
    """Return the record that the README asks about."""
    text = (ROOT / "README.md").read_text("utf-8")
    return json.loads(re.search(r"/predict .*?-d '(\{.*?\})'", text, re.DOTALL)[1])


def made_blocks() -> dict[str, str]:
    """Return each block of the page by its name, after a training and a prediction."""
    from src.pipelines.train_pipeline import main as train

    with tempfile.TemporaryDirectory() as folder:
        options = ["--models", "ridge", "--quiet", "--artifacts", folder]
        table = files_passed(lambda: train(options))
        os.environ.update(ARTIFACTS_DIR=folder, LOG_LEVEL="ERROR")
        from application import application

        environ = EnvironBuilder("/predict", method="POST", json=example()).get_environ()
        record = files_passed(lambda: run_wsgi_app(application, environ))
    return {"rooms": drawing(table, record), "table-files": table, "record-files": record}


def remade(text: str, blocks: Mapping[str, str]) -> str:
    """Return the page with its blocks made anew."""
    return BLOCK.sub(lambda m: f"{m[1]}\n{blocks[m[2]]}\n\n{m[3]}", text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where the page is old"
    )
    check = parser.parse_args(arguments).check
    text = PAGE.read_text("utf-8")
    made = remade(text, made_blocks())
    if made == text:
        return 0
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} {'is out of date' if check else 'written'}\n")
    if not check:
        PAGE.write_text(made, "utf-8")
    return int(check)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    sys.exit(main())
