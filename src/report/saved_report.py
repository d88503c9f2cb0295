"""report.json of a run, as older versions wrote it too: checked before a page shows it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from src.artifact_store import Run
from src.exception import ArtifactError
from src.report.class_groups import ClassExclusionCost, ClassFairness
from src.report.facts import (
    ExclusionCost,
    Fairness,
    Importance,
    PartialDependence,
    RefittedModel,
)
from src.report.findings import (
    class_exclusion_sentence,
    class_fairness_sentences,
    exclusion_sentence,
    fairness_sentences,
)
from src.schema.record import Schema
from src.utils import read_typed

ERROR = "actual less predicted"  # the sign of every error


@dataclass(frozen=True)
class SavedReport:
    """What other pages show of ``report.json``.

    Attributes
    ----------
    fairness, exclusion
        Of a number.
    class_fairness, class_exclusion
        Of outcomes.
    """

    importance: tuple[Importance, ...]
    refitted: RefittedModel | None
    partial_dependence: tuple[PartialDependence, ...]
    fairness: Fairness | None = None
    exclusion: ExclusionCost | None = None
    class_fairness: ClassFairness | None = None
    class_exclusion: ClassExclusionCost | None = None

    def fairness_sentences(self, schema: Schema) -> tuple[str, ...]:
        """Return what was found of the differences between groups."""
        if self.class_fairness:
            return class_fairness_sentences(self.class_fairness, schema.outcomes)
        return fairness_sentences(self.fairness, schema.number) if self.fairness else ()

    def exclusion_sentence(self) -> str:
        """Return what it costs to leave the sensitive features out; may be empty."""
        if self.class_exclusion:
            return class_exclusion_sentence(self.class_exclusion)
        return exclusion_sentence(self.exclusion) if self.exclusion else ""


def read_report(run: Run) -> dict[str, Any]:
    """Return what report.json holds; nothing where a run has none.

    Raises
    ------
    ArtifactError
        If it is not what was saved.
    """
    content = run.read_report("report.json")
    found: dict[str, Any] = json.loads(content) if content else {}
    fairness = found.get("fairness")
    if fairness and "error" not in found:  # saved while the errors of groups had the other sign
        for grouping in fairness["groupings"]:
            for group in grouping["groups"]:
                group["mean_error"] = _negated(group["mean_error"])
        for finding in fairness.get("findings", ()):
            if finding["kind"] == "mean_error_differs":
                finding["values"] |= _negated(finding["values"])
                finding["values"]["others"] *= -1
    return found


def load_report(run: Run, schema: Schema) -> SavedReport | None:
    """Return the figures of a run's report; None where there is none.

    Raises
    ------
    ArtifactError
        If ``report.json`` is not the file that training wrote, or not of its shape.
    """
    if run.read_report("report.json") is None:
        return None
    try:
        found = read_report(run)
        report = SavedReport(
            _importance(found["importance"]),
            read_typed(RefittedModel | None, found.get("refitted")),
            read_typed(tuple[PartialDependence, ...], found["partial_dependence"]),
            **(_of_number(found) if schema.task == "regression" else _of_classes(found)),
        )
        report.fairness_sentences(schema)  # a finding of an unknown kind has no sentence
        report.exclusion_sentence()
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"report.json of run {run.run_id} is damaged ({error}). The report is not shown."
        ) from error
    return report


def report_fields(report: SavedReport, schema: Schema) -> dict[str, Any]:
    """Return what the API tells of a report; groups are by one feature each."""
    fairness = report.class_fairness or report.fairness
    return {
        "importance": [asdict(one) for one in report.importance],
        "refitted": report.refitted and asdict(report.refitted),
        "partial_dependence": [asdict(one) for one in report.partial_dependence],
        "fairness": fairness
        and asdict(fairness)
        | {
            "groupings": [asdict(one) for one in fairness.groupings if len(one.features) == 1],
            "sentences": report.fairness_sentences(schema),
        },
    }


def _importance(values: Sequence[Any]) -> tuple[Importance, ...]:
    rows = [
        {key: row[key] for key in ("feature", "mean_absolute_contribution")}
        if isinstance(row, dict) and "mae_rise" in row  # saved when features were shuffled
        else row
        for row in values
    ]
    found: tuple[Importance, ...] = read_typed(tuple[Importance, ...], rows)
    return found


def _of_number(found: Mapping[str, Any]) -> dict[str, Any]:
    return {"fairness": _fairness(found["fairness"]), "exclusion": _exclusion(found["exclusion"])}


def _of_classes(found: Mapping[str, Any]) -> dict[str, Any]:
    fairness, cost = (
        {key: value for key, value in (found[name] or {}).items() if not key.startswith("sentence")}
        for name in ("fairness", "exclusion")
    )
    return {
        "class_fairness": read_typed(ClassFairness | None, fairness or None),
        "class_exclusion": read_typed(ClassExclusionCost | None, cost or None),
    }


def _fairness(values: Mapping[str, Any] | None) -> Fairness | None:
    if not values:
        return None
    plain = {key: value for key, value in values.items() if key != "sentences"}
    if "findings" not in plain:  # saved before findings carried values
        plain["findings"] = [
            {"kind": "as_written", "values": {"text": text}} for text in values["sentences"]
        ]
    fairness: Fairness = read_typed(Fairness, plain)
    return fairness


def _exclusion(values: Mapping[str, Any] | None) -> ExclusionCost | None:
    if not values:
        return None
    plain = {key: value for key, value in values.items() if key != "sentence"}
    cost: ExclusionCost = read_typed(ExclusionCost, {"labels": plain["left_out"], **plain})
    return cost


def _negated(estimate: dict[str, float]) -> dict[str, float]:
    return {"value": -estimate["value"], "low": -estimate["high"], "high": -estimate["low"]}
