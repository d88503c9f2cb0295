"""What is said of a file that was scored: how it was read, and what was mended in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from src.report.table_findings import message
from src.report.wording import count, listed, percent, plain
from src.schema.features import CategoricalFeature
from src.schema.findings import NOTE, WARNING, Finding
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.tables.cells import format_number


class ScoredFile(Protocol):
    """What is known of it; see :class:`src.serving.scoring.Tally`."""

    n_skipped: int
    warnings: dict[str, int]
    mended: dict[str, int]
    examples: dict[str, str]
    sheets: list[str]
    sheets_read: list[str]
    encoding: str
    effect_column: str
    n_unknown: int
    n_unknown_groups: int
    n_without_group: int

    @property
    def n_predicted(self) -> int: ...


def reading(file: ScoredFile, *, mended: bool = True) -> list[str]:
    """Return which sheet and encoding was read, what was mended if asked, and unknown groups."""
    said = []
    if file.sheets:
        counts: Mapping[str, Sequence[str]] = {"sheets": file.sheets, "read": file.sheets_read}
        said.append(message(Finding("other_sheets", NOTE, counts=counts)))
    if file.encoding:
        said.append(message(Finding("encoding", WARNING, counts={"encoding": file.encoding})))
    for name, n in file.mended.items() if mended else ():
        example = file.examples[name]
        if n == 1:
            said.append(f"{plain(name)}: one cell is read as what it clearly means: {example}")
        else:
            said.append(
                f"{plain(name)}: {n:,} cells are read as what they clearly mean, such as: {example}"
            )
    return [*said, *average_groups(file)]


def average_groups(file: ScoredFile) -> list[str]:
    """Return how many rows count as of an average group, such as a school, and why."""
    name, why = plain(file.effect_column), []
    if file.n_unknown:
        groups = f"{file.n_unknown_groups:,} group{'s' if file.n_unknown_groups > 1 else ''}"
        why.append(f"{count(file.n_unknown)} of {groups} that the model does not know")
    if file.n_without_group:
        why.append(f"{count(file.n_without_group)} without one")
    if not why:
        return []
    if file.n_without_group == file.n_predicted:
        why = ["no student has one"]
    return [f"{name}: {listed(why)}. They count as of an average one, of which less is known."]


def at_risk(metrics: Mapping[str, Any], mark: float | None) -> str:
    """Return how good a list of those predicted below a pass mark is; empty where nobody counted.

    What was counted at the nearest of the marks of the training is said, if the mark lies among
    them.
    """
    counted = metrics.get("at_risk") or []
    if mark is None or not counted or not counted[0]["mark"] <= mark <= counted[-1]["mark"]:
        return ""
    row = min(counted, key=lambda row: abs(row["mark"] - mark))
    right, found = (Interval(**row[key]) for key in ("precision", "recall"))
    nearest = "" if row["mark"] == mark else f" at {format_number(row['mark'])}, the nearest mark,"
    return (
        f"How good such a list is was counted{nearest} on {count(row['n_samples'])} of the "
        f"training data, each predicted without having been seen: {_share(right)} of those on it "
        f"did score below, and it named {_share(found)} of all who did."
    )


def listed_by_chance(metrics: Mapping[str, Any], share: float) -> str:
    """Return how good a list of those with the largest chance of being at risk is.

    What was counted for the nearest share of the students is said; empty where nobody counted.

    Parameters
    ----------
    share : float
        Of a class: who is on the list.
    """
    counted = metrics["held_out"].get("capacity") if metrics else None
    if not share or not counted or not counted["lists"]:
        return ""
    row = min(counted["lists"], key=lambda row: abs(row["share"] - share))
    right, found = (Interval(**row[key]) for key in ("precision", "recall"))
    outcomes = listed(metrics["at_risk_outcomes"])
    return (
        f"How good such a list is was counted on {count(counted['n_samples'])} who were kept out "
        f"of training: of the {percent(row['share'])} with the largest chance of {outcomes}, "
        f"{_share(right)} did end there, and the list named {_share(found)} of all who did; "
        f"drawing lots names {percent(row['share'])}."
    )


def _share(share: Interval) -> str:
    ends = f"{100 * share.low:.0f} to {100 * share.high:.0f}"
    return percent(share.value) + (f" ({ends})" if share.low < share.high else "")


def left_out(file: ScoredFile) -> list[str]:
    """Return how many rows are no pupils."""
    if not file.n_skipped:
        return []
    if file.n_skipped == 1:
        return ["One row is left out: it is no pupil."]
    return [f"{file.n_skipped:,} rows are left out: they are no pupils."]


def beyond_training(file: ScoredFile, schema: Schema) -> list[str]:
    """Return in which columns values lie outside what training saw."""
    said = []
    for feature in schema.features:
        n = file.warnings.get(feature.name)
        if not n:
            continue
        if isinstance(feature, CategoricalFeature):
            what = f"that training did not see, read as {plain(feature.other)!r}"
        else:
            low, high = map(format_number, (feature.observed_minimum, feature.observed_maximum))
            what = f"outside the range of {low} to {high} that training saw"
        said.append(f"{feature.name}: {n} value(s) {what}.")
    return said
