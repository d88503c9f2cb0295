"""The options of training: ``python -m src.pipelines.train_pipeline --help``."""

from __future__ import annotations

import argparse
import math
from pathlib import Path

from src.artifact_store import REBUILD
from src.pipelines.training import TrainConfig
from src.search.candidates import CANDIDATES


def build_parser(artifacts: Path) -> argparse.ArgumentParser:
    """Return the parser of the command, which writes to ``artifacts`` unless told otherwise."""
    defaults = TrainConfig()
    parser = argparse.ArgumentParser(
        prog=REBUILD,
        description="Learn to predict a column of a table, and promote the model that does it "
        "best. Without options it trains on the sample table.",
        epilog="""examples:
  %(prog)s
  %(prog)s --data mine.csv --target final_score
  %(prog)s --data grades.xlsx --target "Final score" --drop "Student name" Class
  %(prog)s --data sqlite:///school.db --query "SELECT * FROM marks" --target mark
  %(prog)s --history
  %(prog)s --promote 20260131T120000Z-1a2b3c""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    table = parser.add_argument_group("the table")
    table.add_argument(
        "--data",
        default=defaults.data,
        metavar="SOURCE",
        help="CSV, Parquet or Excel file, http(s) URL, or database URL (default: the sample table)",
    )
    table.add_argument("--query", metavar="SQL", help="what to select, where --data is a database")
    table.add_argument(
        "--target", metavar="COLUMN", help="column to predict (default: the hints' target)"
    )
    table.add_argument(
        "--hints",
        type=Path,
        metavar="FILE",
        help="TOML file of labels, units and bounds (default: NAME.schema.toml "
        "beside the table, where there is one)",
    )
    table.add_argument(
        "--drop",
        nargs="+",
        default=[],
        metavar="COLUMN",
        action="extend",
        help="columns that must not be features",
    )
    search = parser.add_argument_group("the search")
    search.add_argument(
        "--models",
        nargs="+",
        default=[],
        metavar="MODEL",
        action="extend",
        help=f"families to try (default: all of {', '.join(_model_names())})",
    )
    search.add_argument(
        "--budget",
        type=_budget,
        default=defaults.budget,
        metavar="BUDGET",
        help="quick, standard, thorough (up to a minute, while it gains) or seconds "
        "(default: %(default)s)",
    )
    search.add_argument(
        "--metric",
        default=defaults.metric,
        metavar="METRIC",
        help="what the winner is chosen by: r2, rmse or mae (default: %(default)s)",
    )
    search.add_argument(
        "--cv",
        type=int,
        default=defaults.cv,
        metavar="N",
        help="folds of the cross-validation (default: %(default)s)",
    )
    search.add_argument(
        "--group",
        metavar="COLUMN",
        help="rows with the same value, such as a school's pupils, are never in training and test "
        "rows at once; not a feature",
    )
    search.add_argument(
        "--sample-weight", metavar="COLUMN", help="weight of each row in every fit; not a feature"
    )
    search.add_argument(
        "--exclude-sensitive",
        action="store_true",
        help="train without the features that the hints call sensitive; the report says what that "
        "costs",
    )
    search.add_argument(
        "--cross",
        nargs="+",
        default=[],
        metavar="COLUMN",
        action="extend",
        help="two sensitive features: the report then looks at their combinations too",
    )
    search.add_argument(
        "--pass-mark",
        type=float,
        metavar="N",
        help="the model then says how likely a score below it is",
    )
    search.add_argument(
        "--seed",
        type=int,
        default=defaults.seed,
        help="same table and seed, same model (default: %(default)s)",
    )
    search.add_argument(
        "--test-size",
        type=float,
        default=defaults.test_size,
        metavar="SHARE",
        help="share of the rows held out for the metrics (default: %(default)s)",
    )
    search.add_argument(
        "--jobs",
        type=int,
        default=defaults.jobs,
        metavar="N",
        help="fits at once; does not change the result (default: %(default)s)",
    )
    output = parser.add_argument_group("the outcome")
    output.add_argument(
        "--artifacts",
        type=Path,
        default=artifacts,
        metavar="DIR",
        help="folder that everything is written to (default: %(default)s)",
    )
    output.add_argument(
        "--json",
        action="store_true",
        help="the summary as one JSON object on the last line of stdout",
    )
    output.add_argument("--quiet", action="store_true", help="say nothing but errors")
    mode = parser.add_argument_group("instead of training").add_mutually_exclusive_group()
    mode.add_argument(
        "--if-missing", action="store_true", help="do nothing where a promoted run loads"
    )
    mode.add_argument("--history", action="store_true", help="list promotions and saved runs")
    mode.add_argument("--promote", metavar="RUN_ID", help="serve an earlier run again")
    return parser  # fmt: skip


def _budget(text: str) -> str | float:
    try:
        seconds = float(text)
    except ValueError:
        return text
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("seconds must be above 0")
    return seconds


def _model_names() -> list[str]:
    return [candidate.name for candidate in CANDIDATES]
