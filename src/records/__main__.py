"""Outcomes in, reports out; a look at drift; one pupil's records: ``python -m src.records``."""

from __future__ import annotations

import argparse
import getpass
import json
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import OperationalError

from src.artifact_store import ArtifactStore
from src.config import Settings, load_settings
from src.exception import ConfigurationError, StuPredictionError
from src.language import ENGLISH, speaking
from src.records.database import opened
from src.records.drift import make_drift, reference_of_table
from src.records.drift_words import describe_drift
from src.records.erasure import erase, export, note, prune
from src.records.identity import is_day, now_ms
from src.records.outcomes import FATES, OutcomeImport
from src.records.recorder import record_settings
from src.records.report import make_report
from src.records.tables import prediction, review
from src.records.terms import Terms
from src.report.document import ReportTable
from src.schema.record import Schema
from src.tables.reader import open_table, read_table

PROGRAM = "python -m src.records"
NOT_TAKEN = "not-taken.csv"
EXAMPLES = f"""
examples:
  {PROGRAM} outcomes import results.csv --as-of 2026-09-30
  {PROGRAM} report > what-came-true.json
  {PROGRAM} drift --reference training.csv --by class
  {PROGRAM} erase --subject 4711
  {PROGRAM} prune --older 400d

RECORDS_URL and RECORDS_KEY say where the records are, as for the app.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status."""
    options = _parser().parse_args(arguments)
    try:
        settings = load_settings()
        if not settings.records_url:
            raise ConfigurationError("No records are kept: RECORDS_URL is not set.")
        with opened(settings.records_url) as engine:
            run: Callable[[argparse.Namespace, Settings, Engine], None] = options.run
            run(options, settings, engine)
    except StuPredictionError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OperationalError as error:
        sys.stderr.write(f"The database of the records does not answer: {error.orig}\n")
        return 3
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=PROGRAM,
        description="What was predicted, and what came true.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    outcomes = commands.add_parser("outcomes", help="bring in what came true")
    bring = outcomes.add_subparsers(required=True, metavar="import").add_parser(
        "import", help="read a CSV or Excel file of outcomes"
    )
    bring.add_argument("file", type=Path, help="with prediction_id, or subject and as_of")
    bring.add_argument("--as-of", type=_day, help="a day of the term, for rows that name none")
    bring.add_argument(
        "--not-taken", type=Path, default=Path(NOT_TAKEN), help="gets the rows that were not taken"
    )
    bring.add_argument("--report", action="store_true", help="make the report anew afterwards")
    bring.add_argument("--json", action="store_true", help="print the counts as JSON")
    for hidden in ("--actor", "--name"):  # for the app, which starts this for an upload
        bring.add_argument(hidden, default="", help=argparse.SUPPRESS)
    bring.add_argument("--language", default=ENGLISH, help=argparse.SUPPRESS)
    bring.set_defaults(run=_import)
    made = commands.add_parser("report", help="compute what came true, store and print it as JSON")
    made.set_defaults(run=_report)
    look = commands.add_parser("drift", help="compare this term's classes with those that trained")
    look.add_argument("--day", type=_day, help="of the look; today unless said")
    look.add_argument("--reference", type=Path, help="the table that the model was trained on")
    look.add_argument("--by", help="its column that says which class a row is of")
    look.add_argument("--json", action="store_true", help="print what is stored as JSON")
    look.set_defaults(run=_drift)
    for name, run, help_text in (
        ("erase", _erase, "remove everything that is kept of a pupil"),
        ("export", _export, "print everything that is kept of a pupil as JSON"),
    ):
        one = commands.add_parser(name, help=help_text)
        one.add_argument("--subject", required=True, help="as the app was told")
        one.set_defaults(run=run)
    old = commands.add_parser("prune", help="remove what is too old")
    old.add_argument("--older", type=_days, required=True, help="days, such as 400d")
    old.set_defaults(run=_prune)
    decided = commands.add_parser("review", help="keep what a person decided, and why")
    decided.add_argument("prediction_id")
    decided.add_argument("--decision", required=True)
    decided.add_argument("--reason", required=True)
    decided.set_defaults(run=_review)
    return parser


def _import(options: argparse.Namespace, settings: Settings, engine: Engine) -> None:
    reading = OutcomeImport(
        _schema(settings), settings.records_key, Terms(settings.record_terms),
        settings.record_subject, options.as_of or "",
    )  # fmt: skip
    source = options.file.open("rb") if options.name else options.file
    with (
        speaking(options.language),
        open_table(source, options.name) as reader,
        options.not_taken.open("w", encoding="utf-8-sig", newline="") as not_taken,
    ):
        found = reading.run(engine, reader, "file", not_taken, options.actor or _actor())
    if options.report:
        make_report(engine, _schema(settings), Terms(settings.record_terms))
    if options.json:
        _say(json.dumps(asdict(found)))
        return
    counts = ", ".join(f"{getattr(found, fate):,} {fate.replace('_', ' ')}" for fate in FATES)
    _say(f"{found.n_rows:,} rows: {counts}.")
    if found.n_rows > found.matched + found.corrected + found.unchanged:
        _say(f"What was not taken stands in {options.not_taken}, with the reasons.")
    else:
        options.not_taken.unlink()


def _report(_: argparse.Namespace, settings: Settings, engine: Engine) -> None:
    found = make_report(engine, _schema(settings), Terms(settings.record_terms))
    _say(json.dumps(found, indent=2, ensure_ascii=False))


def _drift(options: argparse.Namespace, settings: Settings, engine: Engine) -> None:
    if bool(options.reference) != bool(options.by):
        raise ConfigurationError("--reference and --by go together.")
    run = ArtifactStore(settings.artifacts_dir, settings.model_signing_key).promoted()
    schema = Schema.from_dict(run.read_json("schema.json"))
    reference = None
    if options.reference:
        reference = reference_of_table(schema, read_table(options.reference), options.by)
    found = make_drift(engine, run, Terms(settings.record_terms), options.day or "", reference)
    if options.json:
        _say(json.dumps(found, indent=2, ensure_ascii=False))
        return
    words = describe_drift(found, schema)
    _say("\n".join(words.lines))
    if words.table:
        _say(_as_text(words.table))


def _as_text(table: ReportTable) -> str:
    """Return a table in columns of equal width."""
    rows = [
        [" ".join(filter(None, (cell.text, cell.detail and f"({cell.detail})"))) for cell in row]
        for row in table.rows
    ]
    lines = [[*table.header], *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def _erase(options: argparse.Namespace, settings: Settings, engine: Engine) -> None:
    folder = record_settings(settings).spool_folder
    n = erase(engine, options.subject, settings.records_key, folder, _actor())
    _say(f"{n:,} predictions erased. Make the report anew: {PROGRAM} report")


def _export(options: argparse.Namespace, settings: Settings, engine: Engine) -> None:
    found = export(engine, options.subject, settings.records_key, _actor())
    _say(json.dumps(found, indent=2, ensure_ascii=False))


def _prune(options: argparse.Namespace, _: Settings, engine: Engine) -> None:
    _say(f"{prune(engine, options.older, _actor()):,} predictions removed.")


def _review(options: argparse.Namespace, _: Settings, engine: Engine) -> None:
    with engine.begin() as connection:
        asked = select(prediction.c.id).where(prediction.c.id == options.prediction_id.lower())
        if connection.execute(asked).scalar() is None:
            raise ConfigurationError("No prediction has this id.")
        row = {
            "prediction": options.prediction_id.lower(), "made_at_ms": now_ms(),
            "reviewer": _actor(), "decision": options.decision, "reason": options.reason,
        }  # fmt: skip
        connection.execute(insert(review).values(row))
        note(connection, "review", _actor(), {})
    _say("Kept.")


def _schema(settings: Settings) -> Schema:
    store = ArtifactStore(settings.artifacts_dir, settings.model_signing_key)
    return Schema.from_dict(store.promoted().read_json("schema.json"))


def _actor() -> str:
    return f"command, {getpass.getuser()}"


def _day(text: str) -> str:
    if not is_day(text):
        raise argparse.ArgumentTypeError("must be a day such as 2026-09-30")
    return text


def _days(text: str) -> int:
    if not re.fullmatch(r"[1-9]\d{0,4}d", text, re.ASCII):
        raise argparse.ArgumentTypeError("must be a number of days such as 400d")
    return int(text[:-1])


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
