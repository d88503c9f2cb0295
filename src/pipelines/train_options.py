"""The options of training: ``python -m src.pipelines.train_pipeline --help``."""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from src.artifact_store import REBUILD
from src.exception import ConfigurationError, StuPredictionError
from src.language import languages
from src.pipelines.option_values import Once, option_path, option_text
from src.pipelines.training import TrainConfig
from src.report.wording import listed
from src.schema.outcomes import TASKS
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from src.tables.cells import format_number, match_key

LARGE = ("auto", "yes", "no")
AIMS = ("new", "known")
IF_BETTER, NEVER = PROMOTE_IF = ("better", "never")
# By the setting of a component that an error names.
OPTIONS = {
    "folds": "--cv",
    "groups": "--group, --cv and --test-size",
    "query": "--query",
    "test_size": "--test-size",
}


@contextmanager
def naming_options() -> Iterator[None]:
    """Add to a component's error which option can be changed."""
    try:
        yield
    except StuPredictionError as error:
        if error.setting not in OPTIONS:
            raise
        message = f"{error.summary} See {OPTIONS[error.setting]}."
        raise type(error)(message, error.problems) from error


def _budget(text: str) -> str | float:
    option_text(text)
    try:
        seconds = float(text)
    except ValueError:
        return text
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError("seconds must be above 0")
    return seconds


def _capacity(text: str) -> float:
    """Return a whole number of places, or a share of the rows where a per cent sign says so."""
    number = option_text(text).strip()
    try:
        found = float(number[:-1]) / 100 if number.endswith("%") else int(number)
    except ValueError:
        found = 0
    if not found > 0 or (isinstance(found, float) and found >= 1):
        raise argparse.ArgumentTypeError("it is a number of students, or a share such as 10%")
    return found


_MANY: dict[str, Any] = {"nargs": "+", "action": "extend"}
_FLAG: dict[str, Any] = {"action": "store_true"}
_FAMILIES = ", ".join(candidate.name for candidate in CANDIDATES)
# By group: an option, its help, and what argparse is told beside. Defaults are TrainConfig's.
_TABLE: dict[str, tuple[tuple[str, str, dict[str, Any]], ...]] = {
    "the table": (
        ("--data", "CSV, Parquet or Excel file, a folder or a pattern of CSV or Parquet files, "
         "also on S3 (s3://bucket/in/*.parquet), http(s) URL, or database URL (default: the sample "
         "table)", {"metavar": "SOURCE"}),
        ("--more", "further tables of the same columns, put below the first: a file a term, say; "
         "`records` stands for the pupils of the records whose outcome is known",
         {"metavar": "SOURCE"} | _MANY),
        ("--query", "what to select, where --data is a database", {"metavar": "SQL"}),
        ("--target", "column to predict (default: the hints' target)", {"metavar": "COLUMN"}),
        ("--task", "regression (a number), or binary, ordinal, classes (one of some outcomes); "
         "auto takes text with 2 to 20 values, and numbers with two, as outcomes (default: "
         "%(default)s)",
         {"choices": TASKS}),
        ("--hints", "TOML file of labels, units and bounds (default: NAME.schema.toml beside the "
         "table, where there is one)", {"metavar": "FILE", "type": option_path}),
        ("--drop", "columns that must not be features", {"metavar": "COLUMN"} | _MANY),
        ("--keep", "columns that are features though the check of the table would leave them out "
         "or stop", {"metavar": "COLUMN"} | _MANY),
        ("--pupil", "says whose row it is: one pupil's rows stay on one side of every split "
         "('none': each row is another pupil's; default: as the check of the table finds)",
         {"metavar": "COLUMN"}),
        ("--as-of", "train on the columns that are known by then, as `available` in the hints says "
         "of them", {"metavar": "STAGE"}),
        ("--sheet", "the sheet of a workbook to read", {"metavar": "NAME"}),
        ("--large", "whether the table is read in parts, since it does not fit in memory: a "
         "random sample is searched on, the winner is fitted to all rows; auto compares its size "
         "with the memory that is left, and reads databases into memory (default: %(default)s)",
         {"choices": LARGE}),
        ("--all-sheets", "read all sheets of a workbook; the sheet's name becomes a column",
         _FLAG),
    ),
    "the search": (
        ("--models", f"families to try (default: all of {_FAMILIES})",
         {"metavar": "MODEL"} | _MANY),
        ("--budget", "quick, standard, or the most seconds to search, while that gains "
         "(default: %(default)s)", {"metavar": "BUDGET", "type": _budget}),
        ("--metric", "what the winner is chosen by: r2, rmse or mae for a number (default: r2), "
         "log_loss, brier or auc for outcomes (default: log_loss)", {"metavar": "METRIC"}),
        ("--cv", "folds of the cross-validation (default: %(default)s)",
         {"metavar": "N", "type": int}),
        ("--group", "the pupil's school, teacher or other group: it adds an effect of its own to "
         "the prediction, and the model is judged in groups that it knows and in new ones",
         {"metavar": "COLUMN"}),
        ("--for", "with --group: models are chosen, and the first score is told, for pupils of "
         "new groups, or of known ones (default: %(default)s)",
         {"choices": AIMS, "dest": "used_for"}),
        ("--time", "the year, the term or the date of each row: the last period is held out, and "
         "models are chosen by predicting each earlier one from those before it",
         {"metavar": "COLUMN"}),
        ("--sample-weight", "weight of each row in every fit; not a feature",
         {"metavar": "COLUMN"}),
        ("--exclude-sensitive", "train without the features that the hints call sensitive; the "
         "report says what that costs", _FLAG),
        ("--cross", "two sensitive features: the report then looks at their combinations too",
         {"metavar": "COLUMN"} | _MANY),
        ("--pass-mark", "the model then says how likely a score below it is",
         {"metavar": "N", "type": float}),
        ("--capacity", "with --lead-time: for how many of the held-out students there is help, or "
         "for which share of them, such as 10%% (default: for as many as need it)",
         {"metavar": "K", "type": _capacity}),
        ("--seed", "same table and seed, same model (default: %(default)s)", {"type": int}),
        ("--test-size", "share of the rows held out for the metrics (default: %(default)s)",
         {"metavar": "SHARE", "type": float}),
        ("--jobs", "fits at once; does not change the result (default: %(default)s)",
         {"metavar": "N", "type": int}),
        ("--scheduler", "run the fits elsewhere, where that is faster: local:N for N processes of "
         "this machine, or the address of a Dask scheduler; the result is the same, but seconds of "
         "--budget are then a number of fits", {"metavar": "ADDRESS"}),
        ("--send-all", "with --scheduler: send every fit, though some would be faster here", _FLAG),
    ),
    "the outcome": (
        ("--artifacts", "folder that everything is written to (default: %(default)s)",
         {"metavar": "DIR", "type": option_path}),
        ("--language", "what the report, the model card and the page of lead times are written "
         "in; console, log and JSON are English (default: %(default)s)",
         {"choices": languages()}),
        ("--json", "the summary as one JSON object on the last line of stdout", _FLAG),
        ("--promote-if", "with --challenge: `better` promotes the challenger where it is better "
         "beyond chance, `never` promotes nothing (default: ask; without a terminal, as `never`)",
         {"choices": PROMOTE_IF}),
        ("--write-hints", "with --check: write NAME.schema.toml beside the table, where there is "
         "none", _FLAG),
        ("--quiet", "say nothing but errors", _FLAG),
    ),
}  # fmt: skip


def build_parser(artifacts: Path) -> argparse.ArgumentParser:
    """Return the parser of the command, which writes to ``artifacts`` unless told otherwise."""
    parser = argparse.ArgumentParser(
        prog=REBUILD,
        description="Learn to predict a column of a table, and promote the model that does it "
        "best. Without options it trains on the sample table.",
        epilog="""examples:
  %(prog)s
  %(prog)s --data mine.csv --target final_score
  %(prog)s --data grades.xlsx --target "Final score" --drop "Student name" Class
  %(prog)s --data sqlite:///school.db --query "SELECT * FROM marks" --target mark
  %(prog)s --challenge new_terms.csv --data mine.csv
  %(prog)s --history
  %(prog)s --promote 20260131T120000Z-1a2b3c""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    for title, options in _TABLE.items():
        group = parser.add_argument_group(title)
        for name, text, more in options:
            common: dict[str, Any] = {"type": option_text, "action": Once}
            if more is _FLAG:
                common = {}
            group.add_argument(name, help=text, **common | more)
    mode = parser.add_argument_group("instead of training").add_mutually_exclusive_group()
    mode.add_argument("--if-missing", help="do nothing where a promoted run loads", **_FLAG)
    mode.add_argument(
        "--check", help="only look at the table, and say what to settle before training", **_FLAG
    )
    mode.add_argument(
        "--lead-time",
        help="score a model for each stage at which columns become known, beside plain ways to "
        "rank; write lead_time.html, promote nothing",
        **_FLAG,
    )
    mode.add_argument(
        "--challenge",
        metavar="SOURCE",
        type=option_text,
        action=Once,
        help="a table of new terms with their outcomes, or `records`: train a challenger as the "
        "promoted model was trained, on its table and the new terms, and promote it only where it "
        "predicts outcomes better that neither had learnt from",
    )
    mode.add_argument("--history", help="list promotions and saved runs", **_FLAG)
    mode.add_argument(
        "--promote",
        metavar="RUN_ID",
        type=option_text,
        action=Once,
        help="serve an earlier run again",
    )
    defaults = {
        name: list(v) if isinstance(v, tuple) else v for name, v in vars(TrainConfig()).items()
    }
    parser.set_defaults(**defaults | {"artifacts": artifacts})
    return parser


def config_of(options: argparse.Namespace) -> TrainConfig:
    """Return what the parsed options ask for."""
    asked: dict[str, Any] = {
        field.name: getattr(options, field.name) for field in fields(TrainConfig)
    }
    lists = {name: tuple(value) for name, value in asked.items() if isinstance(value, list)}
    return TrainConfig(**asked | lists)


def check_config(config: TrainConfig) -> None:
    """Refuse options that no table could be trained with.

    Raises
    ------
    ConfigurationError
    """
    size, jobs, seed, cv = config.test_size, config.jobs, config.seed, config.cv
    rules = (
        (0 < size < 1, f"--test-size is a share of the rows, between 0 and 1. Got {size}."),
        (jobs >= 1, f"--jobs must be at least 1. Got {jobs}."),
        (0 <= seed < 2**32, f"--seed must be from 0 to {2**32 - 1}. Got {seed}."),
        (
            not (config.sheet and config.all_sheets),
            "--sheet and --all-sheets exclude each other: give one.",
        ),
        (not config.send_all or bool(config.scheduler), "--send-all goes with --scheduler."),
        (cv >= 2, f"--cv must be at least 2. Got {cv}."),
        (bool(config.group) or config.used_for == "new", "--for known goes with --group COLUMN."),
        (
            not config.time or size == TrainConfig().test_size,
            "--test-size does not go with --time: the last period is held out, whatever its size.",
        ),
    )
    for holds, message in rules:
        if not holds:
            raise ConfigurationError(message)


def model_schema(schema: Schema, *, exclude_sensitive: bool) -> Schema:
    """Return the schema of what the model may see.

    Raises
    ------
    ConfigurationError
        If no feature is sensitive, or all are.
    """
    if not exclude_sensitive:
        return schema
    kept = tuple(feature for feature in schema.features if not feature.sensitive)
    if len(kept) == len(schema.features):
        raise ConfigurationError(
            "--exclude-sensitive has nothing to leave out: no feature is called sensitive. Say "
            "which are, with `sensitive = true` in the hints file beside the table."
        )
    if not kept:
        raise ConfigurationError("--exclude-sensitive leaves no feature: all are sensitive.")
    return replace(schema, features=kept)


def check_pass_mark(mark: float | None, schema: Schema) -> None:
    """Refuse a mark that every score, or none, lies below.

    Raises
    ------
    ConfigurationError
    """
    if mark is None:
        return
    if schema.task != "regression":
        raise ConfigurationError(
            f"--pass-mark is for a target that is a number; {schema.target.name} has outcomes. "
            "Name those that help should prevent with `at_risk` in the hints."
        )
    target = schema.number
    low, high = target.range
    if not low < mark <= high:
        raise ConfigurationError(
            f"--pass-mark must lie above {format_number(low)} and not above "
            f"{format_number(high)}, where {target.name} lies. Got {format_number(mark)}."
        )


def crossed_features(named: Sequence[str], schema: Schema) -> tuple[str, str] | None:
    """Return the two sensitive features to combine, as the schema spells them; None without.

    Raises
    ------
    ConfigurationError
        If they are not two different sensitive features.
    """
    if not named:
        return None
    sensitive = {match_key(f.name): f.name for f in schema.features if f.sensitive}
    found = [sensitive[key] for key in map(match_key, named) if key in sensitive]
    if len(named) != 2 or len(set(found)) != 2:
        raise ConfigurationError(
            f"--cross takes two different sensitive features. Got {listed(named)}. Sensitive are: "
            f"{listed(sensitive.values(), most=20) or 'none, by the hints file'}."
        )
    return found[0], found[1]
