"""Run one module's tests while working on it, or all: ``python -m src.test schema``."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = """
examples:
  python -m src.test                                  all tests but the slow ones
  python -m src.test hints                            a module's tests and its own examples
  python -m src.test schema                           all tests of a room
  python -m src.test src.components.data_ingestion    a dotted name or a path will do
  python -m src.test src/components/data_ingestion.py
  python -m src.test schema tables -- -x -k bounds    what follows -- goes to pytest
"""


def module_name(text: str) -> str:
    """Return the dotted name below ``src`` that a name, a dotted name or a path stands for.

    >>> module_name("src/components/data_ingestion.py"), module_name("src.web.pages.forms")
    ('components.data_ingestion', 'web.pages.forms')
    >>> module_name("tests/unit/schema/test_record.py"), module_name("record")
    ('schema.record', 'record')
    """
    text = text.strip().replace("\\", "/").strip("/").removesuffix(".py").replace("/", ".")
    parts = text.removeprefix("src.").removeprefix("tests.").removeprefix("unit.").split(".")
    if parts[-1] != "test":
        parts[-1] = parts[-1].removeprefix("test_")
    return ".".join(parts)


def files_by_module(root: Path) -> dict[str, list[Path]]:
    """Return what to hand to pytest for each name: test files, then sources with examples.

    A module has its dotted name and its last part; a room (a folder) has all that is below it.
    """
    tests = sorted((root / "tests").rglob("test_*.py"))
    sources = sorted(path for path in (root / "src").rglob("*.py") if path.stem != "__init__")
    rooms = {room for source in sources for room in source.relative_to(root / "src").parts[:-1]}
    files: dict[str, list[Path]] = {}

    def add(name: str, paths: list[Path]) -> None:
        files[name] = list(dict.fromkeys([*files.get(name, []), *paths]))

    for source in sources:
        room = source.parent.name
        own = [
            test
            for test in tests
            if f"{test.stem}_".startswith(f"test_{source.stem}_")
            and (test.parent.name == room or test.parent.name not in rooms)
        ]
        parts = source.relative_to(root / "src").with_suffix("").parts
        for name in {source.stem, ".".join(parts)} if own else ():
            add(name, [*own, source])
        for end in range(1, len(parts)):
            add(".".join(parts[:end]), [source])
            add(parts[end - 1], [source])
    for test in tests:
        add(test.stem.removeprefix("test_"), [test])
        if test.parent.name in rooms:
            add(test.parent.name, [test])
    tested = {name for name, paths in files.items() if any(path in paths for path in tests)}
    return {name: paths for name, paths in files.items() if name in tested}


def main(argv: list[str] | None = None, root: Path = ROOT) -> int:
    """Run pytest on the chosen modules and return its exit status; 2 for a wrong name."""
    arguments = sys.argv[1:] if argv is None else argv
    split = arguments.index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser(
        prog="python -m src.test",
        usage="%(prog)s [-h] [module ...] [-- pytest options]",
        description="Run the tests of one or more modules, or all.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "module", nargs="*", help="a module or a room: a name, a dotted name or a path"
    )
    chosen = parser.parse_args(arguments[:split]).module

    files = files_by_module(root)
    if not files:
        parser.error(
            f"There are no tests in {root / 'tests'}: run this in a clone of the repository."
        )
    problems = []
    for text in chosen:
        name = module_name(text)
        if name not in files:
            close = difflib.get_close_matches(name, files, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            problems.append(f"No tests/**/test_{name}*.py for the module {text!r}.{hint}")
    if problems:
        parser.error(
            "\n".join([*problems, "Modules with tests: " + ", ".join(sorted(files)) + "."])
        )
    if importlib.util.find_spec("pytest") is None:
        parser.exit(1, "pytest is not installed: python -m pip install -r requirements-dev.txt\n")

    paths = dict.fromkeys(path for text in chosen for path in files[module_name(text)])
    command = [sys.executable, "-m", "pytest", *map(str, paths), *arguments[split + 1 :]]
    return subprocess.run(command, cwd=root, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    raise SystemExit(main())
