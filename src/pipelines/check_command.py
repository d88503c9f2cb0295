"""The check of a table, alone and before training: ``… train_pipeline --check``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.components.data_check import CheckedTable
from src.exception import ConfigurationError, DataValidationError, Problem, TrainingError
from src.logger import get_logger
from src.pipelines.proposed_hints import proposed_hints
from src.pipelines.rows import learn_schema
from src.pipelines.train_options import config_of
from src.pipelines.training import TrainConfig
from src.report.table_findings import HEADINGS, LEAVES_OUT, advice, as_dict, message, options
from src.schema.findings import SEVERITIES, STOP, WARNING, Finding
from src.schema.hints import Hints
from src.schema.inference import position_of, refuse_same_names
from src.tables.layout import Table

if TYPE_CHECKING:
    from rich.console import Console

logger = get_logger(__name__)

APART = ("group", "weight")
_STYLES = {"stop": "red", "warning": "yellow", "note": ""}


def check_table(
    hints: Hints, checked: CheckedTable, asked: argparse.Namespace, out: Console
) -> dict[str, Any]:
    """Print what was found in a table; return it as JSON has it.

    Raises
    ------
    StuPredictionError
        If training would refuse the table though nothing in it must be settled.
    """
    show_findings(out, checked)
    if checked.ok:
        inferred, good = learn_schema(checked, hints, config_of(asked))
        n_rows, n_features = len(good.y), len(inferred.schema.features)
        apart = [f"{use.name} as {use.use}" for use in checked.columns if use.use in APART]
        said = ", ".join((f"{n_rows} rows", f"{n_features} features", *apart))
        out.print(f"The table can be trained on: {said}.", markup=False)
    else:
        out.print("Settle what is marked first; nothing can be trained before.", style="red")
    proposed = proposed_hints(checked, hints, asked.target or hints.target or "")
    if asked.write_hints:
        write_hints(Path(asked.data), proposed, out)
    return {
        "ok": checked.ok,
        "findings": [as_dict(finding, private=True) for finding in checked.findings],
        "columns": [
            {"name": use.name, "use": use.use, "as": use.kind, "why": use.why}
            for use in checked.columns
        ],
        "proposed_hints": proposed,
    }


def write_hints(data: Path, proposed: str, out: Console) -> None:
    """Write the proposed hints beside a table.

    Raises
    ------
    ConfigurationError
        If the table is no file, or has hints already.
    """
    if not data.is_file():
        raise ConfigurationError("--write-hints needs a table that is a file on this machine.")
    path = data.with_name(f"{data.stem}.schema.toml")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(proposed)
    except FileExistsError as error:
        raise ConfigurationError(f"{path.name} is there already: it was left as it is.") from error
    out.print(f"Wrote {path}", markup=False, soft_wrap=True)


def show_findings(console: Console, checked: CheckedTable, *, training: bool = False) -> None:
    """Print findings with the rows and cells that they are about, the worst first.

    What stops a training is told by the error that it raises.
    """
    for severity in SEVERITIES[training:]:
        found = [finding for finding in checked.findings if finding.severity == severity]
        if found:
            console.print(f"{HEADINGS[severity]}:", style="bold")
        for finding in found:
            line = f"  {_told(finding)}"
            console.print(line, style=_STYLES[severity], markup=False, soft_wrap=True)


def log_findings(checked: CheckedTable) -> None:
    """Log what was found, without rows and cells."""
    for finding in checked.findings:
        loud = finding.severity == WARNING or finding.kind in LEAVES_OUT
        (logger.warning if loud else logger.info)("%s", message(finding))


def refuse_to_train(checked: CheckedTable) -> None:
    """Raise where something must be settled first.

    Raises
    ------
    DataValidationError
        With all that must be.
    """
    stops = [finding for finding in checked.findings if finding.severity == STOP]
    if stops:
        raise DataValidationError(
            "Nothing was trained or promoted: this must be settled first.",
            [Problem(_told(f), f.columns[0] if f.columns else None) for f in stops],
        )


def _told(finding: Finding) -> str:
    advised = advice(finding)
    offered = "; ".join(option for option in options(finding) if option not in advised)
    parts = (message(finding, private=True), advised, offered and f"({offered})")
    return " ".join(filter(None, parts))


@contextmanager
def naming_the_cause(checked: CheckedTable, target: str) -> Iterator[None]:
    """Add to a training's failure what the check found that may be its cause."""
    try:
        yield
    except TrainingError as error:
        causes = [
            message(finding, private=True)
            for finding in checked.findings
            if (finding.kind in ("outlier", "sentinel") and target in finding.columns)
            or finding.kind in ("repeated_pupil", "copies")
        ]
        if not causes:
            raise
        raise TrainingError(f"{error} It may come from this: {' '.join(causes)}") from error


def refuse_unknown(table: Table, target: str | None, config: TrainConfig) -> None:
    """Raise where an option or the hints name a column that is not there.

    Raises
    ------
    ConfigurationError
        With the nearest name.
    DataValidationError
        If two columns have the same name, or no row can be read.
    """
    if len(table.malformed) == len(table.rows):
        raise DataValidationError(
            "No row of the table can be read." if table.rows else "The table has no rows.",
            table.malformed.values(),
        )
    refuse_same_names(table.header)
    if not target:
        return  # told where the schema is learnt
    named = [("--target" if config.target else "The hints' target", target)]
    named += [("--keep", name) for name in config.keep]
    named += [("--drop", name) for name in config.drop]
    if config.pupil not in (None, "none"):
        named.append(("--pupil", str(config.pupil)))
    for option, name in named:
        position_of(table.header, name, option)
