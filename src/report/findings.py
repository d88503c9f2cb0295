"""What was found, in words: the sentences of findings and the names of groups.

What computes a figure knows no sentence; another language needs another module like this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any

from src.report.facts import ExclusionCost, Fairness, Finding
from src.report.wording import Measure, listed, plain
from src.schema.features import CategoricalFeature, NumericFeature
from src.tables.cells import format_number

Values = Mapping[str, Any]


# --- groups --------------------------------------------------------------------------------------


def category_label(feature: NumericFeature | CategoricalFeature, value: str | float) -> str:
    """Return the name of the students with a value."""
    shown = value if isinstance(value, str) else _with_unit(feature, format_number(value))
    return f"{_name(feature)} = {shown}"


def missing_label(feature: NumericFeature | CategoricalFeature) -> str:
    """Return the name of the students without a value."""
    return f"{_name(feature)} missing"


def range_labels(feature: NumericFeature, edges: Sequence[float]) -> list[str]:
    """Return the names of the students between the edges, and on either side of them."""
    ends = list(map(format_number, edges))
    texts = [f"up to {ends[0]}"]
    texts += [f"over {low} to {high}" for low, high in pairwise(ends)]
    texts.append(f"over {ends[-1]}")
    return [f"{_name(feature)} {_with_unit(feature, text)}" for text in texts]


def pair_label(one: str, other: str) -> str:
    """Return the name of the students who are in two groups."""
    return f"{one} and {other}"


def _name(feature: NumericFeature | CategoricalFeature) -> str:
    return feature.label or feature.name


def _with_unit(feature: NumericFeature | CategoricalFeature, text: str) -> str:
    unit = feature.unit if isinstance(feature, NumericFeature) else ""
    return f"{text} {unit}".strip()


# --- fairness ------------------------------------------------------------------------------------


def fairness_sentences(fairness: Fairness, target: NumericFeature) -> tuple[str, ...]:
    """Return what was found of the differences between groups."""
    measure = Measure.of(target)
    return tuple(sentence(finding, measure) for finding in fairness.findings)


def sentence(finding: Finding, measure: Measure) -> str:
    """Return a finding in words.

    Parameters
    ----------
    measure : Measure
        The target's.
    """
    return plain(_SENTENCES[finding.kind](finding.values, measure))


def _no_sensitive_feature(values: Values, measure: Measure) -> str:
    return "No feature is marked as sensitive in the hints file, so no groups were compared."


def _too_few_rows(values: Values, measure: Measure) -> str:
    least = values["least_rows"]
    return (
        f"No groups were compared: a group needs {least} of the {values['n_rows']} held-out rows, "
        f"with {least} outside it."
    )


def _mean_error_differs(values: Values, measure: Measure) -> str:
    low, high = values["low"], values["high"]
    if values["value"] <= 0:
        low, high = -high, -low
    sides = ["too high" if values[key] > 0 else "too low" for key in ("value", "others")]
    return _difference(values, measure, (low, high), sides)


def _mae_differs(values: Values, measure: Measure) -> str:
    return _difference(values, measure, (values["low"], values["high"]), ["off", "off"])


def _difference(
    values: Values, measure: Measure, ends: tuple[float, float], sides: Sequence[str]
) -> str:
    chance = 100 * values["p_value"]
    models = "fewer than 1" if chance < 1 else f"about {chance:.0f}"
    low, high = map(measure.number, ends)
    return (
        f"For {values['group']} the prediction is {measure.amount(abs(values['value']))} "
        f"{sides[0]} on average (95 % interval {low} to {high}; {values['n_rows']:,} held-out "
        f"rows), for the others {measure.amount(abs(values['others']))} {sides[1]}: that "
        f"difference is more than chance explains. Of 100 fair models, {models} would show one as "
        "large."
    )


def _no_difference(values: Values, measure: Measure) -> str:
    small, large = (measure.amount(values[f"{name}_noticed"]) for name in ("smallest", "largest"))
    return (
        f"{_NOTHING_FOUND} {values['n_rows']:,} held-out rows: to be told from chance, a group's "
        f"mean error would have to lie about {small} away from the others' in the smallest group "
        f"compared ({values['smallest_rows']:,} rows), {large} in the largest "
        f"({values['largest_rows']:,} rows). Smaller differences may be there."
    )


def _equal_errors(values: Values, measure: Measure) -> str:
    return f"{_NOTHING_FOUND} {values['n_rows']:,} held-out rows, whose errors are all the same."


def _as_written(values: Values, measure: Measure) -> str:
    """Return the sentence of a run that was saved before findings carried values."""
    return str(values["text"])


_NOTHING_FOUND = (
    "No group's errors differ from the others' by more than chance explains. That rests on"
)
_SENTENCES: dict[str, Callable[[Values, Measure], str]] = {
    "no_sensitive_feature": _no_sensitive_feature,
    "too_few_rows": _too_few_rows,
    "mean_error_differs": _mean_error_differs,
    "mae_differs": _mae_differs,
    "no_difference": _no_difference,
    "equal_errors": _equal_errors,
    "as_written": _as_written,
}


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
