"""What was found, in words: the sentences of findings and the names of groups.

What computes a figure knows no sentence; another language needs another module like this one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from src.report.class_groups import ClassExclusionCost, ClassFairness
from src.report.facts import ExclusionCost, Fairness, FairnessFinding
from src.report.wording import Measure, event_label, listed, percent, plain
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
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
            said = "No feature is marked as sensitive in the hints file: no groups were compared."
        case "too_few_rows":
            least = values["least_rows"]
            said = (
                f"No groups were compared: a group needs {least} of the {values['n_rows']} "
                f"held-out rows, with {least} outside it."
            )
        case "too_few_clusters":
            said = (
                f"No groups were compared: the held-out rows come from {values['n_clusters']} "
                f"clusters of rows that belong together. It takes {values['least']} of them, and "
                f"{values['least_inside']} with rows of a group."
            )
        case "mean_error_differs":
            sides = ["too low" if values[key] > 0 else "too high" for key in ("value", "others")]
            said = _difference(values, measure, sides)
        case "mae_differs":
            said = _difference(values, measure, ["off", "off"])
        case "no_difference":
            said = _no_difference(values, measure)
        case "equal_errors":
            rows = f"{values['n_rows']:,} held-out rows"
            said = f"{_NOTHING_FOUND} {rows}, whose errors are all the same."
        case "as_written":  # in a run that was saved before findings carried values
            said = str(values["text"])
        case unknown:
            raise ValueError(f"A finding must be of a known kind. Got {unknown!r}.")
    return plain(said)


def _difference(values: Values, measure: Measure, sides: Sequence[str]) -> str:
    chance = 100 * values["p_value"]
    models = "fewer than 1" if chance < 1 else f"about {chance:.0f}"
    ends = values["low"], values["high"]
    low, high = ends if values["value"] > 0 else (-ends[1], -ends[0])
    return (
        f"For {values['group']} the prediction is {measure.amount(abs(values['value']))} "
        f"{sides[0]} on average (95 % interval {measure.number(low)} to {measure.number(high)}; "
        f"{values['n_rows']:,} held-out rows), for the others "
        f"{measure.amount(abs(values['others']))} {sides[1]}: that difference is more than chance "
        f"explains. Of 100 fair models, {models} would show one as large."
    )


def _no_difference(values: Values, measure: Measure) -> str:
    small, large = (measure.amount(values[f"{name}_noticed"]) for name in ("smallest", "largest"))
    return (
        f"{_NOTHING_FOUND} {values['n_rows']:,} held-out rows: to be told from chance, a group's "
        f"mean error would have to lie about {small} away from the others' in the smallest group "
        f"compared ({values['smallest_rows']:,} rows), {large} in the largest "
        f"({values['largest_rows']:,} rows). Smaller differences may be there."
    )


_NOTHING_FOUND = (
    "No group's errors differ from the others' by more than chance explains. That rests on"
)


# --- fairness of chances -------------------------------------------------------------------------


def class_fairness_sentences(fairness: ClassFairness, target: ClassTarget) -> tuple[str, ...]:
    """Return what was found of the differences between groups' chances and outcomes."""
    return tuple(class_sentence(one, target, fairness) for one in fairness.findings)


def class_sentence(finding: FairnessFinding, target: ClassTarget, fairness: ClassFairness) -> str:
    """Return a finding on groups' chances in words."""
    values, event = finding.values, event_label(target)
    of_what = event or "the predicted outcome"
    match finding.kind:
        case "calibration_differs":
            sides = ["too low" if values[key] > 0 else "too high" for key in ("value", "others")]
            size, others = (_points(abs(values[key])) for key in ("value", "others"))
            said = (
                f"For {values['group']} the chance of {of_what} is {size} {sides[0]} on average "
                f"({_ends(values)}), for the others {others} {sides[1]}"
            )
        case "missed_differs":
            said = (
                f"The list misses {percent(values['value'])} of those with {event} in "
                f"{values['group']} ({_ends(values)}), {percent(values['others'])} of the others"
            )
        case "false_alarms_differs":
            said = (
                f"{percent(values['value'])} of those without {event} in {values['group']} are on "
                f"the list for nothing ({_ends(values)}), {percent(values['others'])} of the others"
            )
        case "no_class_difference" | "too_few_to_tell":
            return plain(_none_seen(finding, event))
        case _:
            return sentence(finding, Measure.of(target))
    chance = 100 * values["p_value"]
    models = "fewer than 1" if chance < 1 else f"about {chance:.0f}"
    return plain(
        f"{said}: that difference is more than chance explains. Of 100 fair models, {models} would "
        "show one as large."
    )


def _points(share: float) -> str:
    return f"{100 * share:.1f} points"


def _ends(values: Values) -> str:
    """Return the interval of a finding's value, taken as positive, and on how many it rests."""
    ends = values["low"], values["high"]
    low, high = ends if values["value"] > 0 else (-ends[1], -ends[0])
    students = f"{values['n_rows']:,} students"
    return f"95 % interval {100 * low:.0f} to {100 * high:.0f}; {students}"


def _none_seen(finding: FairnessFinding, event: str) -> str:
    values = finding.values
    figure, base = {
        "calibration": ("calibration", "students"),
        "missed": ("share of missed students", f"students with {event}"),
        "false_alarms": ("share of false alarms", f"students without {event}"),
    }[values["figure"]]
    small, large = (_points(values[f"{name}_seen"]) for name in ("smallest", "largest"))
    sizes = f"{values['largest_rows']:,}"
    if values["smallest_rows"] != values["largest_rows"]:
        sizes = f"{values['smallest_rows']:,} to {sizes}"
    apart = (
        small if small == large else f"{small} for the smallest group and {large} for the largest"
    )
    seen = (
        f"a difference of {apart} would have been seen in 8 of 10 such tests (groups of {sizes} "
        f"{base})"
    )
    if finding.kind == "too_few_to_tell":
        return f"Too few to tell whether the {figure} differs between groups: only {seen}."
    return f"No group's {figure} differs from the others' by more than chance explains; {seen}."


# --- other findings ------------------------------------------------------------------------------


def exclusion_sentence(cost: ExclusionCost) -> str:
    """Return what it costs to leave the sensitive features out."""
    r2 = cost.r2
    verb = "gains" if r2.value < 0 else "costs"
    low, high = (r2.low, r2.high) if r2.value >= 0 else (-r2.high, -r2.low)
    chance = "more than" if r2.excludes_zero else "no more than"
    return plain(
        f"Leaving out {listed(cost.labels)} {verb} {abs(r2.value):.3f} R² (95 % "
        f"interval {low:.3f} to {high:.3f}; {cost.n_samples:,} rows), {chance} chance explains."
    )


def class_exclusion_sentence(cost: ClassExclusionCost) -> str:
    """Return what it costs in log loss to leave the sensitive features out."""
    loss = cost.log_loss
    verb = "gains" if loss.value < 0 else "costs"
    low, high = (loss.low, loss.high) if loss.value >= 0 else (-loss.high, -loss.low)
    chance = "more than" if loss.excludes_zero else "no more than"
    return plain(
        f"Leaving out {listed(cost.labels)} {verb} {abs(loss.value):.3f} of log loss (95 % "
        f"interval {low:.3f} to {high:.3f}; {cost.n_samples:,} rows), {chance} chance explains."
    )
