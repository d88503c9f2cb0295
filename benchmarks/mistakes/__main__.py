"""Measure what the common tutorial's mistakes cost.

``python -m benchmarks.mistakes selection``; the guide in docs/ quotes what each prints.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.development_tables import development_tables
from benchmarks.process import clean_environment

WHAT = {
    "selection": "the winner chosen on the test rows",
    "answers": "missing model, wrong input, swapped fields, unknown categories, a bare number",
    "requests": "pickles read, or a DataFrame made, for each request (on a quiet machine)",
    "columns": "columns written by name into the code",
}
TABLES = ("sample", "stud", "uci_mat-no-G1-G2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.mistakes",
        description="Measure what the common tutorial's mistakes cost.",
        epilog="\n".join(f"  {name:11}{text}" for name, text in WHAT.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", choices=WHAT, help="what to measure")
    parser.add_argument("--seeds", type=int, default=50, metavar="N",
                        help="splits to average over (default: %(default)s)")  # fmt: skip
    parser.add_argument("--tables", nargs="+", default=TABLES, metavar="TABLE",
                        help="tables of `selection` (default: those that are there)")  # fmt: skip
    options = parser.parse_args(arguments)
    if options.seeds < 2:
        parser.error("--seeds must be at least 2")
    environment = clean_environment()
    if options.what == "requests" and len(os.environ) != len(environment):
        command = [sys.executable, "-m", "benchmarks.mistakes", *(arguments or sys.argv[1:])]
        os.execve(sys.executable, command, environment)
    logging.disable(logging.CRITICAL)  # the tutorials' app logs a traceback for each 500

    from benchmarks.mistakes import answers, requests, splits

    with tempfile.TemporaryDirectory() as folder:
        tables = development_tables(Path(folder))
        if unknown := [name for name in options.tables if name not in tables]:
            parser.error(f"no such table: {', '.join(unknown)}. There are {', '.join(tables)}")
        if options.what == "selection":
            for name in options.tables:
                if reason := tables[name].reason_to_skip:
                    print(f"{name}: skipped, {reason}\n")
                else:
                    splits.report(tables[name], options.seeds)
        elif options.what == "answers":
            answers.report(tables["sample"], options.seeds)
        elif options.what == "requests":
            requests.report()
        else:
            answers.report_columns(tables)
    return 0


if __name__ == "__main__":
    sys.exit(main())
