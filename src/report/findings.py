"""What was found, in words: the sentences of findings and the names of groups.

What computes a figure knows no sentence. Names of groups are made in English, since files and the
API hold them; :mod:`src.report.stored_words` says them in the language of the reader.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from src.language import gettext as _
from src.report.class_groups import ClassExclusionCost, ClassFairness
from src.report.facts import ExclusionCost, Fairness, FairnessFinding
from src.report.stored_words import group_label
from src.report.wording import Measure, event_label, listed, number, percent, plain, span
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.stats.intervals import Interval
from src.tables.cells import format_number

Values = Mapping[str, Any]


# --- groups --------------------------------------------------------------------------------------


def category_label(feature: NumericFeature | CategoricalFeature, value: str | float) -> str:
    """Return the name of the students with a value."""
    shown = value if isinstance(value, str) else format_number(value)
    unit = feature.unit if isinstance(feature, NumericFeature) else ""
    return f"{feature.label or feature.name} = {shown} {unit}".rstrip()


def missing_label(feature: NumericFeature | CategoricalFeature) -> str:
    """Return the name of the students without a value."""
    return f"{feature.label or feature.name} missing"


def range_labels(feature: NumericFeature, edges: Sequence[float]) -> list[str]:
    """Return the names of the students between the edges, and on either side of them."""
    ends = list(map(format_number, edges))
    texts = [f"up to {ends[0]}"]
    texts += [f"over {low} to {high}" for low, high in pairwise(ends)]
    texts.append(f"over {ends[-1]}")
    return [f"{feature.label or feature.name} {text} {feature.unit}".rstrip() for text in texts]


def pair_label(one: str, other: str) -> str:
    """Return the name of the students who are in two groups."""
    return f"{one} and {other}"


# --- fairness ------------------------------------------------------------------------------------


def fairness_sentences(fairness: Fairness, target: NumericFeature) -> tuple[str, ...]:
    """Return what was found of the differences between groups."""
    measure = Measure.of(target)
    return tuple(sentence(finding, measure) for finding in fairness.findings)


def sentence(finding: FairnessFinding, measure: Measure) -> str:
    """Return a finding in words, with amounts as the target's measure writes them."""
    values = finding.values
    match finding.kind:
        case "no_sensitive_feature":
            return _(
                "No feature is marked as sensitive in the hints file: no groups were compared."
            )
        case "too_few_rows":
            return _(
                "No groups were compared: a group needs %(least)s of the %(rows)s held-out rows, "
                "with %(least)s outside it.",
                least=number(values["least_rows"]),
                rows=number(values["n_rows"]),
            )
        case "withheld_together":
            return _(
                "No groups were compared: their figures are withheld, since together with those of "
                "the other tables they would tell of fewer than %(least)s students.",
                least=number(values["least_rows"]),
            )
        case "too_few_clusters":
            return _(
                "No groups were compared: the held-out rows come from %(clusters)s clusters of "
                "rows that belong together. It takes %(least)s of them, and %(inside)s with rows "
                "of a group.",
                clusters=number(values["n_clusters"]),
                least=number(values["least"]),
                inside=number(values["least_inside"]),
            )
        case "mean_error_differs" | "mae_differs":
            return f"{_difference(finding, measure)} {_fair_models(values)}"
        case "no_difference":
            return _no_difference(values, measure)
        case "equal_errors":
            return _(
                "No group's errors differ from the others' by more than chance explains. That "
                "rests on %(rows)s held-out rows, whose errors are all the same.",
                rows=number(values["n_rows"]),
            )
        case "as_written":  # in a run that was saved before findings carried values
            return plain(str(values["text"]))
        case unknown:
            raise ValueError(f"A finding must be of a known kind. Got {unknown!r}.")


def _difference(finding: FairnessFinding, measure: Measure) -> str:
    values = finding.values
    low, high = _positive_ends(values)
    said = {
        "group": group_label(values["group"]),
        "error": measure.amount(abs(values["value"])),
        "low": measure.number(low),
        "high": measure.number(high),
        "rows": number(values["n_rows"]),
        "others": measure.amount(abs(values["others"])),
    }
    if finding.kind == "mae_differs":
        return _(
            "For %(group)s the prediction is %(error)s off on average (95 %% interval %(low)s to "
            "%(high)s; %(rows)s held-out rows), for the others %(others)s off: that difference is "
            "more than chance explains.",
            **said,
        )
    match values["value"] > 0, values["others"] > 0:
        case True, True:
            return _(
                "For %(group)s the prediction is %(error)s too low on average (95 %% interval "
                "%(low)s to %(high)s; %(rows)s held-out rows), for the others %(others)s too low: "
                "that difference is more than chance explains.",
                **said,
            )
        case True, False:
            return _(
                "For %(group)s the prediction is %(error)s too low on average (95 %% interval "
                "%(low)s to %(high)s; %(rows)s held-out rows), for the others %(others)s too "
                "high: that difference is more than chance explains.",
                **said,
            )
        case False, True:
            return _(
                "For %(group)s the prediction is %(error)s too high on average (95 %% interval "
                "%(low)s to %(high)s; %(rows)s held-out rows), for the others %(others)s too low: "
                "that difference is more than chance explains.",
                **said,
            )
    return _(
        "For %(group)s the prediction is %(error)s too high on average (95 %% interval %(low)s to "
        "%(high)s; %(rows)s held-out rows), for the others %(others)s too high: that difference "
        "is more than chance explains.",
        **said,
    )


def _positive_ends(values: Values) -> tuple[float, float]:
    """Return the ends of the interval of a finding's value, taken as positive."""
    if values["value"] > 0:
        return values["low"], values["high"]
    return -values["high"], -values["low"]


def _fair_models(values: Values) -> str:
    chance = 100 * values["p_value"]
    if chance < 1:
        return _("Of 100 fair models, fewer than 1 would show one as large.")
    return _("Of 100 fair models, about %(number)s would show one as large.", number=number(chance))


def _no_difference(values: Values, measure: Measure) -> str:
    return _(
        "No group's errors differ from the others' by more than chance explains. That rests on "
        "%(rows)s held-out rows: to be told from chance, a group's mean error would have to lie "
        "about %(small)s away from the others' in the smallest group compared (%(smallest)s "
        "rows), %(large)s in the largest (%(largest)s rows). Smaller differences may be there.",
        rows=number(values["n_rows"]),
        small=measure.amount(values["smallest_noticed"]),
        smallest=number(values["smallest_rows"]),
        large=measure.amount(values["largest_noticed"]),
        largest=number(values["largest_rows"]),
    )


# --- fairness of chances -------------------------------------------------------------------------


def class_fairness_sentences(fairness: ClassFairness, target: ClassTarget) -> tuple[str, ...]:
    """Return what was found of the differences between groups' chances and outcomes."""
    return tuple(class_sentence(one, target, fairness) for one in fairness.findings)


def class_sentence(finding: FairnessFinding, target: ClassTarget, fairness: ClassFairness) -> str:
    """Return a finding on groups' chances in words."""
    values, event = finding.values, event_label(target)
    match finding.kind:
        case "calibration_differs":
            said = _calibration_differs(values, event or _("the predicted outcome"))
        case "missed_differs":
            said = _(
                "The list misses %(share)s of those with %(event)s in %(group)s (95 %% interval "
                "%(low)s to %(high)s; %(students)s students), %(others)s of the others: that "
                "difference is more than chance explains.",
                **_shares(values, event),
            )
        case "false_alarms_differs":
            said = _(
                "%(share)s of those without %(event)s in %(group)s are on the list for nothing "
                "(95 %% interval %(low)s to %(high)s; %(students)s students), %(others)s of the "
                "others: that difference is more than chance explains.",
                **_shares(values, event),
            )
        case "no_class_difference" | "too_few_to_tell":
            return _none_seen(finding, event)
        case _:
            return sentence(finding, Measure.of(target))
    if finding.kind == "calibration_differs":
        return f"{said} {_fair_models(values)}"
    return f"{said} {_equal_models(finding, event)}"


def _equal_models(finding: FairnessFinding, event: str) -> str:
    """Return what chance makes of a list that treats all groups alike, which a right one need not.

    Where groups have the event more or less often, chances that are right list more of some.
    """
    chance = 100 * finding.values["p_value"]
    said = {"number": number(chance), "event": event}
    match finding.kind, chance < 1:
        case "missed_differs", True:
            of_equal = _(
                "Of 100 models that miss as large a share in every group, fewer than 1 would show "
                "one as large."
            )
        case "missed_differs", False:
            of_equal = _(
                "Of 100 models that miss as large a share in every group, about %(number)s would "
                "show one as large.",
                **said,
            )
        case _, True:
            of_equal = _(
                "Of 100 models with as large a share of false alarms in every group, fewer than 1 "
                "would show one as large."
            )
        case _:
            of_equal = _(
                "Of 100 models with as large a share of false alarms in every group, about "
                "%(number)s would show one as large.",
                **said,
            )
    by_nature = _(
        "A group that has %(event)s more often is listed for nothing more often, and missed less, "
        "even by chances that are right.",
        **said,
    )
    return f"{of_equal} {by_nature}"


def _calibration_differs(values: Values, event: str) -> str:
    said = _shares(values, event)
    said["size"], said["others"] = (_points(abs(values[key])) for key in ("value", "others"))
    match values["value"] > 0, values["others"] > 0:
        case True, True:
            return _(
                "For %(group)s the chance of %(event)s is %(size)s too low on average (95 %% "
                "interval %(low)s to %(high)s; %(students)s students), for the others %(others)s "
                "too low: that difference is more than chance explains.",
                **said,
            )
        case True, False:
            return _(
                "For %(group)s the chance of %(event)s is %(size)s too low on average (95 %% "
                "interval %(low)s to %(high)s; %(students)s students), for the others %(others)s "
                "too high: that difference is more than chance explains.",
                **said,
            )
        case False, True:
            return _(
                "For %(group)s the chance of %(event)s is %(size)s too high on average (95 %% "
                "interval %(low)s to %(high)s; %(students)s students), for the others %(others)s "
                "too low: that difference is more than chance explains.",
                **said,
            )
    return _(
        "For %(group)s the chance of %(event)s is %(size)s too high on average (95 %% interval "
        "%(low)s to %(high)s; %(students)s students), for the others %(others)s too high: that "
        "difference is more than chance explains.",
        **said,
    )


def _shares(values: Values, event: str) -> dict[str, str]:
    """Return the fields of a sentence on a share, or on a difference of chances."""
    low, high = _positive_ends(values)
    return {
        "group": group_label(values["group"]),
        "event": event,
        "share": percent(values["value"]),
        "low": number(100 * low),
        "high": number(100 * high),
        "students": number(values["n_rows"]),
        "others": percent(values["others"]),
    }


def _points(share: float) -> str:
    return _("%(number)s points", number=number(100 * share, 1))


def _none_seen(finding: FairnessFinding, event: str) -> str:
    values = finding.values
    small, large = (_points(values[f"{name}_seen"]) for name in ("smallest", "largest"))
    sizes = number(values["largest_rows"])
    if values["smallest_rows"] != values["largest_rows"]:
        sizes = span(number(values["smallest_rows"]), sizes)
    apart = small
    if small != large:
        apart = _(
            "%(small)s for the smallest group and %(large)s for the largest",
            small=small,
            large=large,
        )
    said = {"apart": apart, "sizes": sizes, "event": event}
    if finding.kind == "too_few_to_tell":
        return _too_few_to_tell(values["figure"], said)
    match values["figure"]:
        case "calibration":
            return _(
                "No group's calibration differs from the others' by more than chance explains; a "
                "difference of %(apart)s would have been seen in 8 of 10 such tests (groups of "
                "%(sizes)s students).",
                **said,
            )
        case "missed":
            return _(
                "No group's share of missed students differs from the others' by more than chance "
                "explains; a difference of %(apart)s would have been seen in 8 of 10 such tests "
                "(groups of %(sizes)s students with %(event)s).",
                **said,
            )
        case "false_alarms":
            return _(
                "No group's share of false alarms differs from the others' by more than chance "
                "explains; a difference of %(apart)s would have been seen in 8 of 10 such tests "
                "(groups of %(sizes)s students without %(event)s).",
                **said,
            )
        case unknown:
            raise ValueError(f"A finding must be of a known figure. Got {unknown!r}.")


def _too_few_to_tell(figure: str, said: Mapping[str, str]) -> str:
    match figure:
        case "calibration":
            return _(
                "Too few to tell whether the calibration differs between groups: only a "
                "difference of %(apart)s would have been seen in 8 of 10 such tests (groups of "
                "%(sizes)s students).",
                **said,
            )
        case "missed":
            return _(
                "Too few to tell whether the share of missed students differs between groups: "
                "only a difference of %(apart)s would have been seen in 8 of 10 such tests "
                "(groups of %(sizes)s students with %(event)s).",
                **said,
            )
        case "false_alarms":
            return _(
                "Too few to tell whether the share of false alarms differs between groups: only a "
                "difference of %(apart)s would have been seen in 8 of 10 such tests (groups of "
                "%(sizes)s students without %(event)s).",
                **said,
            )
        case unknown:
            raise ValueError(f"A finding must be of a known figure. Got {unknown!r}.")


# --- other findings ------------------------------------------------------------------------------


def exclusion_sentence(cost: ExclusionCost) -> str:
    """Return what it costs to leave the sensitive features out."""
    said = _cost(cost.r2, cost.labels, cost.n_samples)
    match cost.r2.value < 0, cost.r2.excludes_zero:
        case True, True:
            return _(
                "Leaving out %(columns)s gains %(size)s R² (95 %% interval %(low)s to %(high)s; "
                "%(rows)s rows), more than chance explains.",
                **said,
            )
        case True, False:
            return _(
                "Leaving out %(columns)s gains %(size)s R² (95 %% interval %(low)s to %(high)s; "
                "%(rows)s rows), no more than chance explains.",
                **said,
            )
        case False, True:
            return _(
                "Leaving out %(columns)s costs %(size)s R² (95 %% interval %(low)s to %(high)s; "
                "%(rows)s rows), more than chance explains.",
                **said,
            )
    return _(
        "Leaving out %(columns)s costs %(size)s R² (95 %% interval %(low)s to %(high)s; %(rows)s "
        "rows), no more than chance explains.",
        **said,
    )


def class_exclusion_sentence(cost: ClassExclusionCost) -> str:
    """Return what it costs in log loss to leave the sensitive features out."""
    said = _cost(cost.log_loss, cost.labels, cost.n_samples)
    match cost.log_loss.value < 0, cost.log_loss.excludes_zero:
        case True, True:
            return _(
                "Leaving out %(columns)s gains %(size)s of log loss (95 %% interval %(low)s to "
                "%(high)s; %(rows)s rows), more than chance explains.",
                **said,
            )
        case True, False:
            return _(
                "Leaving out %(columns)s gains %(size)s of log loss (95 %% interval %(low)s to "
                "%(high)s; %(rows)s rows), no more than chance explains.",
                **said,
            )
        case False, True:
            return _(
                "Leaving out %(columns)s costs %(size)s of log loss (95 %% interval %(low)s to "
                "%(high)s; %(rows)s rows), more than chance explains.",
                **said,
            )
    return _(
        "Leaving out %(columns)s costs %(size)s of log loss (95 %% interval %(low)s to %(high)s; "
        "%(rows)s rows), no more than chance explains.",
        **said,
    )


def _cost(change: Interval, labels: Sequence[str], n_samples: int) -> dict[str, str]:
    low, high = change.low, change.high
    if change.value < 0:
        low, high = -high, -low
    return {
        "columns": listed(map(plain, labels)),
        "size": number(abs(change.value), 3),
        "low": number(low, 3),
        "high": number(high, 3),
        "rows": number(n_samples),
    }
