"""Predict the rows of a file with the promoted model.

``python -m src.pipelines.predict_pipeline --input class.csv --output predictions.csv``
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.cluster.opening import open_home
from src.config import ARTIFACTS
from src.exception import ConfigurationError, StuPredictionError
from src.logger import configure_logging
from src.pipelines.option_values import Once, option_path, option_text
from src.pipelines.predict_files import TO_FIX, is_many, predict_files
from src.pipelines.stopping import leave, stopped_by_sigterm, stopped_status
from src.report.scored_file import beyond_training, left_out, reading
from src.serving.plain_scoring import score_file, score_to_parquet
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for
from src.serving.scoring import can_vectorise
from src.serving.summary import Tally
from src.tables.reader import open_table
from src.tables.spreadsheets import SheetChoice
from src.utils import atomic_open

if TYPE_CHECKING:
    from rich.console import Console

WORKBOOKS = (".xlsx", ".xls", ".xlsm")
PARQUET = (".parquet", ".pq")


def predict_file(
    predictor: Predictor,
    source: Path,
    output: Path,
    progress: Callable[[int], None] = lambda n_rows: None,
    sheet: str | None = None,
    *,
    all_sheets: bool = False,
) -> Tally:
    """Predict a CSV, Excel or Parquet file into a CSV or Parquet file.

    Every row of the input stands in the output, in its place, its cells as they were. Refused rows
    also stand in :func:`to_fix_file`, ready to be mended and predicted again. Both files appear
    whole or not at all.

    Parameters
    ----------
    progress : callable
        Called with the number of rows done so far.
    sheet : str, optional
        Of a workbook; default: the first whose header fits the model.
    all_sheets : bool
        Whether all sheets are read that have the first one's columns.

    Raises
    ------
    DataValidationError
        If the file cannot be read or lacks a column.
    ConfigurationError
        If the output is a workbook, or would replace the input.
    OSError
        If the output cannot be written.
    """
    if output.suffix.lower() in WORKBOOKS:
        name = output.with_suffix(".csv").name
        raise ConfigurationError(
            f"Predictions are written as CSV or Parquet. Name the output {name}."
        )
    to_parquet = output.suffix.lower() in PARQUET
    if to_parquet and not importlib.util.find_spec("pyarrow"):
        raise ConfigurationError(
            "Writing Parquet needs pyarrow, which is not installed: pip install pyarrow"
        )
    to_fix = to_fix_file(output)
    for path, what in ((output, "output"), (to_fix, f"list of rows to fix, {to_fix.name},")):
        if path.exists() and source.exists() and path.samefile(source):
            raise ConfigurationError(f"The {what} would replace the input. Name another file.")
    scorer = scorer_for(predictor, predictor.pass_mark, vectorised=can_vectorise())
    tally = Tally()
    with ExitStack() as stack:
        choice = SheetChoice(sheet, all_sheets, *predictor.schema.keys)
        reader = stack.enter_context(open_table(source, choice=choice))
        tally.note(reader.notes)
        as_text: dict[str, Any] = {"mode": "w", "encoding": "utf-8", "newline": ""}
        refused = stack.enter_context(atomic_open(to_fix, **as_text))
        scored = stack.enter_context(atomic_open(output, **({} if to_parquet else as_text)))
        score = score_to_parquet if to_parquet else score_file
        for checked in score(reader, scorer, scored, refused):
            tally.add(checked, predictor.groups)
            progress(tally.n_rows)
    if not tally.n_refused:
        to_fix.unlink()
    return tally


def to_fix_file(output: Path) -> Path:
    """Return where the refused rows stand."""
    return output.with_name(f"{output.stem}.to-fix.csv")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.pipelines.predict_pipeline",
        description="Predict every row of a table with the promoted model.",
        epilog="""examples:
  %(prog)s --input class.csv --output predictions.csv
  %(prog)s --input class.xlsx --output out/predictions.csv --artifacts other/artifacts
  %(prog)s --input 's3://bucket/in/*.parquet' --output s3://bucket/out/ --scheduler local:4

exit status: 0 all rows predicted; 3 some refused, they stand in *.to-fix.csv; 1 none;
130 stopped by Ctrl+C, 143 by SIGTERM: the output is as it was before""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input",
        type=option_text,
        action=Once,
        required=True,
        metavar="FILE",
        help="CSV, Excel (.xlsx) or Parquet file with the features' columns; or many CSV and "
        "Parquet files: a folder, a pattern such as 'in/*.parquet', an s3:// address",
    )
    parser.add_argument(
        "--output",
        type=option_text,
        action=Once,
        required=True,
        metavar="FILE",
        help="CSV or Parquet file to write: the input's columns, prediction, interval ends (or the "
        "chances of outcomes and what cannot be ruled out) and problem; for many files a folder",
    )
    parser.add_argument(
        "--artifacts",
        type=option_path,
        action=Once,
        default=ARTIFACTS,
        metavar="DIR",
        help="folder that training wrote (default: %(default)s)",
    )
    sheets = parser.add_mutually_exclusive_group()
    sheets.add_argument(
        "--sheet",
        type=option_text,
        action=Once,
        metavar="NAME",
        help="the sheet of a workbook to read",
    )
    sheets.add_argument(
        "--all-sheets", action="store_true", help="read all sheets of a workbook, one after another"
    )
    parser.add_argument(
        "--scheduler",
        type=option_text,
        action=Once,
        metavar="WHERE",
        help="where the parts of many files are predicted: local:N for N processes, or a Dask "
        "scheduler's address such as tcp://host:8786 (default: this process)",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    options = _parser().parse_args(arguments)
    configure_logging("ERROR" if options.quiet else "WARNING")
    console = Console(stderr=True, quiet=options.quiet, highlight=False, soft_wrap=True)

    def fail(message: str, status: int = 1) -> int:
        errors = Console(stderr=True, highlight=False, soft_wrap=True)
        errors.print(message, style="red", markup=False)
        return status

    if is_many(options.input, options.output):
        return _predict_many(options, console, fail)
    options.input, options.output = Path(options.input), Path(options.output)
    try:
        predictor = Predictor.load(options.artifacts)
        columns = (SpinnerColumn(), TextColumn("{task.completed:,} rows"), TimeElapsedColumn())
        with (
            stopped_by_sigterm(),
            Progress(
                *columns, console=console, transient=True, disable=not console.is_terminal
            ) as bar,
        ):
            task = bar.add_task("", total=None)
            tally = predict_file(
                predictor,
                options.input,
                options.output,
                lambda n: bar.update(task, completed=n),
                options.sheet,
                all_sheets=options.all_sheets,
            )
    except StuPredictionError as error:
        return fail(str(error))
    except OSError as error:
        return fail(f"{options.output} cannot be written: {error.strerror}.")
    except KeyboardInterrupt as stop:
        return fail(f"Stopped. Nothing was written to {options.output}.", stopped_status(stop))
    _show(tally, predictor, options.output, console)
    return 0 if not tally.n_refused else 3 if tally.n_predicted else 1


def _predict_many(options: argparse.Namespace, console: Console, fail: Callable[..., int]) -> int:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(), MofNCompleteColumn(), TextColumn("parts, {task.fields[rows]:,} rows"),
        TimeElapsedColumn(),
    )  # fmt: skip
    try:
        with (
            stopped_by_sigterm(),
            open_home(options.scheduler, 1, send_all=True) as home,
            Progress(
                *columns, console=console, transient=True, disable=not console.is_terminal
            ) as bar,
        ):
            task = bar.add_task("", total=None, rows=0)

            def show(n_done: int, n_parts: int, n_rows: int) -> None:
                bar.update(task, completed=n_done, total=n_parts, rows=n_rows)

            parts = predict_files(options.artifacts, options.input, options.output, home, show)
    except StuPredictionError as error:
        return fail(str(error))
    except OSError as error:
        return fail(
            f"Stopped: {error}. Run the command again to go on with the parts that are left."
        )
    except KeyboardInterrupt as stop:
        return fail("Stopped. Run the command again to go on.", stopped_status(stop))
    n_rows, n_refused = (sum(getattr(p, name) for p in parts) for name in ("n_rows", "n_refused"))
    console.print(
        f"Predicted {n_rows - n_refused:,} of {n_rows:,} rows in {len(parts):,} parts by "
        f"{' and '.join(sorted({part.evaluator for part in parts}))}: {options.output}",
        markup=False,
    )
    if n_refused:
        console.print(
            f"Refused {n_refused:,} row(s). They stand in {TO_FIX} beside the parts, with what is "
            "wrong.",
            style="yellow",
            markup=False,
        )
    return 0 if not n_refused else 3 if n_refused < n_rows else 1


def _show(tally: Tally, predictor: Predictor, output: Path, console: Console) -> None:
    """Say how the file went."""
    remarks = (reading(tally), left_out(tally), beyond_training(tally, predictor.schema))
    for line in chain.from_iterable(remarks):
        console.print(line, style="yellow", markup=False)
    console.print(
        f"Predicted {predictor.schema.target.name} for {tally.n_predicted:,} of "
        f"{tally.n_rows:,} rows by {predictor.evaluator}: {output}",
        markup=False,
    )
    if tally.n_refused:
        console.print(
            f"Refused {tally.n_refused:,} row(s). Mend them and predict them again: "
            f"{to_fix_file(output)}",
            style="yellow",
            markup=False,
        )


if __name__ == "__main__":
    leave(main())
