"""Run one module's tests while working on it, or all: ``python -m src.test schema``."""

from __future__ import annotations

import argparse
import difflib
import importlib.util
import subprocess
import sys
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent

EXAMPLES = """
examples:
  python -m src.test                                  all tests but the slow ones
  python -m src.test schema                           its tests, and the examples in src/schema.py
  python -m src.test src.components.data_ingestion    a dotted name or a path will do
  python -m src.test src/components/data_ingestion.py
  python -m src.test schema tables -- -x -k bounds    what follows -- goes to pytest
"""


def module_name(text: str) -> str:
    """Return the bare module name in a name, a dotted name or a path.

    >>> module_name("src/components/data_ingestion.py"), module_name("src.web.forms")
    ('data_ingestion', 'forms')
    >>> module_name("tests/unit/test_schema.py")
    'schema'
    """
    path = PurePosixPath(text.strip().replace("\\", "/"))
    name = path.stem if path.suffix == ".py" else path.name.rpartition(".")[2]
    return name if name == "test" else name.removeprefix("test_")


def files_by_module(root: Path) -> dict[str, list[Path]]:
    """Return what to hand to pytest for each module: its test files, then its own source."""
    tests = sorted((root / "tests").rglob("test_*.py"))
    sources = sorted(path for path in (root / "src").rglob("*.py") if path.stem != "__init__")
    files: dict[str, list[Path]] = {}
    for name in {path.stem.removeprefix("test_") for path in tests} | {s.stem for s in sources}:
        own = [t for t in tests if f"{t.stem}_".startswith(f"test_{name}_")]
        if own:
            files[name] = own + [source for source in sources if source.stem == name]
    return files


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
    parser.add_argument("module", nargs="*", help="a name, a dotted name or a path")
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
