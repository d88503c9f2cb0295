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


def files_of(name: str, root: Path) -> list[Path]:
    """Return what to hand to pytest for a module or a room: test files, then sources with examples.

    A module has its dotted name and its last part; a room (a folder) has all that is below it.
    Nothing where there are no tests.
    """
    path, (*room, stem) = name.replace(".", "/"), name.split(".")
    named = (f"test_{stem}.py", f"test_{stem}_*.py")
    tests = sorted(test for pattern in named for test in root.glob(f"tests/**/{pattern}"))
    tests = [test for test in tests if test.parent.name in room[-1:]] or tests
    tests += sorted(root.glob(f"tests/**/{path}/**/test_*.py"))
    sources = [*root.glob(f"src/**/{path}.py"), *root.glob(f"src/**/{path}/**/[!_]*.py")]
    return [*tests, *sorted(sources)] if tests else []


def names_with_tests(root: Path) -> list[str]:
    """Return the modules and rooms that have tests, by their last names."""
    tests = [*root.glob("tests/**/test_*.py")]
    rooms = {path.name for path in root.glob("src/**/") if path != root / "src"}
    modules = {test.stem.removeprefix("test_") for test in tests}
    return sorted(modules | rooms & {test.parent.name for test in tests})


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

    known = names_with_tests(root)
    if not known:
        parser.error(
            f"There are no tests in {root / 'tests'}: run this in a clone of the repository."
        )
    paths: list[Path] = []
    problems = []
    for text in chosen:
        name = module_name(text)
        found = files_of(name, root)
        paths += found
        if not found:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            problems.append(f"No tests/**/test_{name}*.py for the module {text!r}.{hint}")
    if problems:
        parser.error("\n".join([*problems, f"Modules with tests: {', '.join(known)}."]))
    if importlib.util.find_spec("pytest") is None:
        parser.exit(1, "pytest is not installed: python -m pip install -r requirements-dev.txt\n")

    command = [sys.executable, "-m", "pytest", *map(str, dict.fromkeys(paths))]
    run = subprocess.run([*command, *arguments[split + 1 :]], cwd=root, check=False)  # noqa: S603
    return run.returncode


if __name__ == "__main__":
    raise SystemExit(main())
