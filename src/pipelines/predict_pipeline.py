"""Predict with the promoted model: one record, a frame, or a file.

``python -m src.pipelines.predict_pipeline --input class.csv --output predictions.csv``
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from src.config import ARTIFACTS
from src.exception import StuPredictionError
from src.logger import configure_logging, get_logger
from src.pipelines.stopping import leave, stopped_by_sigterm, stopped_status
from src.serving.predictor import Predictor
from src.tables.cells import format_number

if TYPE_CHECKING:
    pass

logger = get_logger(__name__)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m src.pipelines.predict_pipeline",
        description="Predict every row of a table with the promoted model.",
        epilog="""examples:
  %(prog)s --input class.csv --output predictions.csv
  %(prog)s --input class.xlsx --output out/predictions.csv --artifacts other/artifacts

exit status: 0 all rows predicted; 3 some refused, their problems in *.problems.csv; 1 none;
130 stopped by Ctrl+C, 143 by SIGTERM: the output is as it was before""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--input",
        type=Path,
        required=True,
        metavar="FILE",
        help="CSV, Excel (.xlsx) or Parquet file with the features' columns",
    )
    parser.add_argument(
        "--output",
        type=Path,
        required=True,
        metavar="FILE",
        help="CSV file to write: the input's columns and 'prediction'",
    )
    parser.add_argument(
        "--artifacts",
        type=Path,
        default=ARTIFACTS,
        metavar="DIR",
        help="folder that training wrote (default: %(default)s)",
    )
    parser.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return parser  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    options = _parser().parse_args(arguments)
    configure_logging("ERROR" if options.quiet else "WARNING")
    console = Console(stderr=True, quiet=options.quiet, highlight=False, soft_wrap=True)
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
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
            summary = predictor.predict_file(
                options.input, options.output, lambda n: bar.update(task, completed=n)
            )
    except StuPredictionError as error:
        errors.print(str(error), style="red", markup=False)
        return 1
    except OSError as error:
        errors.print(
            f"{options.output} cannot be written: {error.strerror}.", style="red", markup=False
        )
        return 1
    except KeyboardInterrupt as stop:
        errors.print(
            f"Stopped. Nothing was written to {options.output}.", style="red", markup=False
        )
        return stopped_status(stop)
    schema = predictor.schema
    for name, count in summary.warnings.items():
        feature = next(f for f in schema.numeric if f.name == name)
        console.print(
            f"{name}: {count} value(s) outside the range of "
            f"{format_number(feature.observed_minimum)} to "
            f"{format_number(feature.observed_maximum)} that training saw.",
            style="yellow",
            markup=False,
        )
    console.print(
        f"Predicted {schema.target.name} for {summary.n_predicted:,} of {summary.n_rows:,} rows: "
        f"{options.output}",
        markup=False,
    )
    if summary.problems_file is not None:
        console.print(
            f"Refused {summary.n_refused:,} row(s). What is wrong with each: "
            f"{summary.problems_file}",
            style="yellow",
            markup=False,
        )
    return 0 if not summary.n_refused else 3 if summary.n_predicted else 1


if __name__ == "__main__":
    leave(main())
