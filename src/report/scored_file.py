"""What is said of a file that was scored: how it was read, and what was mended in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from src.language import gettext as _
from src.language import ngettext
from src.report.table_findings import message
from src.report.wording import in_full, listed, number, percent, plain, span
from src.schema.features import CategoricalFeature
from src.schema.findings import NOTE, WARNING, Finding
from src.schema.record import Schema
from src.stats.intervals import Interval


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
        said.append(
            ngettext(
                "%(column)s: one cell is read as what it clearly means: %(example)s",
                "%(column)s: %(n)s cells are read as what they clearly mean, such as: %(example)s",
                n,
                column=plain(name),
                example=example,
            )
        )
    return [*said, *average_groups(file)]


def average_groups(file: ScoredFile) -> list[str]:
    """Return how many rows count as of an average group, such as a school, and why."""
    why = []
    if file.n_unknown:
        students = ngettext("%(n)s student", "%(n)s students", file.n_unknown)
        why.append(
            ngettext(
                "%(students)s of %(n)s group that the model does not know",
                "%(students)s of %(n)s groups that the model does not know",
                file.n_unknown_groups,
                students=students,
            )
        )
    if file.n_without_group:
        n = file.n_without_group
        why.append(ngettext("%(n)s student without one", "%(n)s students without one", n))
    if not why:
        return []
    if file.n_without_group == file.n_predicted:
        why = [_("no student has one")]
    return [
        _(
            "%(column)s: %(students)s. They count as of an average one, of which less is known.",
            column=plain(file.effect_column),
            students=listed(why),
        )
    ]


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
    said = {"right": _share(right), "found": _share(found)}
    if row["mark"] == mark:
        return ngettext(
            "How good such a list is was counted on %(n)s student of the training data, each "
            "predicted without having been seen: %(right)s of those on it did score below, and it "
            "named %(found)s of all who did.",
            "How good such a list is was counted on %(n)s students of the training data, each "
            "predicted without having been seen: %(right)s of those on it did score below, and it "
            "named %(found)s of all who did.",
            row["n_samples"],
            **said,
        )
    return ngettext(
        "How good such a list is was counted at %(mark)s, the nearest mark, on %(n)s student of "
        "the training data, each predicted without having been seen: %(right)s of those on it did "
        "score below, and it named %(found)s of all who did.",
        "How good such a list is was counted at %(mark)s, the nearest mark, on %(n)s students of "
        "the training data, each predicted without having been seen: %(right)s of those on it did "
        "score below, and it named %(found)s of all who did.",
        row["n_samples"],
        mark=in_full(row["mark"]),
        **said,
    )


def listed_by_chance(metrics: Mapping[str, Any], share: float, outcomes: str) -> str:
    """Return how good a list of those with the largest chance of being at risk is.

    What was counted for the nearest share of the students is said; empty where nobody counted.

    Parameters
    ----------
    share : float
        Of a class: who is on the list.
    outcomes : str
        Those at risk, with an "or" between them.
    """
    counted = None
    if metrics:
        counted = metrics.get("capacity_out_of_fold") or metrics["held_out"].get("capacity")
    if not share or not counted or not counted["lists"]:
        return ""
    row = min(counted["lists"], key=lambda row: abs(row["share"] - share))
    right, found = (Interval(**row[key]) for key in ("precision", "recall"))
    said = {
        "share": percent(row["share"]),
        "outcomes": outcomes,
        "right": _share(right),
        "found": _share(found),
    }
    if counted.get("out_of_fold"):
        return _(
            "How good such a list is was counted on %(n)s training students, each predicted by "
            "models that had not seen them, which flatters it a little: of the %(share)s with the "
            "largest chance of %(outcomes)s, %(right)s did end there, and the list named "
            "%(found)s of all who did; drawing lots names %(share)s.",
            n=number(counted["n_samples"]),
            **said,
        )
    return ngettext(
        "How good such a list is was counted on %(n)s student who were kept out of training: of "
        "the %(share)s with the largest chance of %(outcomes)s, %(right)s did end there, and the "
        "list named %(found)s of all who did; drawing lots names %(share)s.",
        "How good such a list is was counted on %(n)s students who were kept out of training: of "
        "the %(share)s with the largest chance of %(outcomes)s, %(right)s did end there, and the "
        "list named %(found)s of all who did; drawing lots names %(share)s.",
        counted["n_samples"],
        **said,
    )


def _share(share: Interval) -> str:
    if share.low == share.high:
        return percent(share.value)
    return f"{percent(share.value)} ({span(number(100 * share.low), number(100 * share.high))})"


def left_out(file: ScoredFile) -> list[str]:
    """Return how many rows are no pupils."""
    if not file.n_skipped:
        return []
    return [
        ngettext(
            "One row is left out: it is no pupil.",
            "%(n)s rows are left out: they are no pupils.",
            file.n_skipped,
        )
    ]


def beyond_training(file: ScoredFile, schema: Schema) -> list[str]:
    """Return in which columns values lie outside what training saw."""
    said = []
    for feature in schema.features:
        n = file.warnings.get(feature.name)
        if not n:
            continue
        if isinstance(feature, CategoricalFeature):
            said.append(
                _(
                    "%(column)s: %(number)s value(s) that training did not see, read as %(other)s.",
                    column=feature.name,
                    number=number(n),
                    other=repr(plain(feature.other)),
                )
            )
        else:
            said.append(
                _(
                    "%(column)s: %(number)s value(s) outside the range of %(low)s to %(high)s "
                    "that training saw.",
                    column=feature.name,
                    number=number(n),
                    low=in_full(feature.observed_minimum),
                    high=in_full(feature.observed_maximum),
                )
            )
    return said
