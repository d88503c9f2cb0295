"""From the schema that the back end sends to the inputs of a form, whatever its columns are."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from appFrontend.api import Json

NOT_KNOWN = "Not known"
MOST_SEGMENTS = 4  # with more categories, or longer ones, a list is easier to read
SEGMENT_CHARACTERS = 36  # of all of them together, so that a phone shows them in a line or two
MOST_UNGROUPED = 12  # with more features than this, and no groups, the important ones come first
MOST_IMPORTANT = 8
MOST_STEPS = 1000  # a slider with more is too fine for a finger
STEPS = 100


def label_of(feature: Json) -> str:
    """Return what people call a feature."""
    return str(feature["label"] or feature["name"])


def asked(schema: Json) -> list[Json]:
    """Return what a record may hold: the features and, where groups have effects, the group."""
    return [*schema["features"], *filter(None, [schema.get("group")])]


def with_unit(feature: Json, called: str = "") -> str:
    """Return the label, or what else to call it, with the feature's unit, as an axis has it.

    Examples
    --------
    >>> with_unit({"name": "age", "label": "Age", "unit": "years"})
    'Age (years)'
    """
    called = called or label_of(feature)
    return f"{called} ({feature['unit']})" if feature.get("unit") else called


def listed(labels: Sequence[str], last: str = "and") -> str:
    """Return labels as a sentence lists them.

    Examples
    --------
    >>> listed(["Fail", "Withdrawn"], "or"), listed([])
    ('Fail or Withdrawn', '')
    """
    return f" {last} ".join(filter(None, [", ".join(labels[:-1]), *labels[-1:]]))


def limits(feature: Json) -> tuple[float, float]:
    """Return the ends of a numeric feature's range: what is allowed, else what training saw."""
    low, high = feature["minimum"], feature["maximum"]
    return (
        feature["observed_minimum"] if low is None else low,
        feature["observed_maximum"] if high is None else high,
    )


def n_decimals(feature: Json) -> int:
    """Return how many decimals show a hundredth part of a numeric feature's range.

    Examples
    --------
    >>> n_decimals({"minimum": 0.0, "maximum": 100.0}), n_decimals({"minimum": 1.0, "maximum": 5.0})
    (1, 2)
    """
    low, high = limits(feature)
    return -math.floor(math.log10((high - low) / 100)) if 0 < high - low < 100 else 1


def number_format(feature: Json, more: int = 0) -> str:
    """Return the format of such a feature's values, or of what needs some more decimals."""
    return f",.{n_decimals(feature) + more}f"


def amount(value: float, feature: Json, more: int = 0) -> str:
    """Return a value with its unit, such as `65.4 points`."""
    return f"{value:{number_format(feature, more)}} {feature['unit']}".strip()


def grouped(schema: Json, importance: Mapping[str, float]) -> dict[str, list[Json]]:
    """Return the features below their headings, in the order in which to ask for them.

    The schema's groups where it has some. Else, of many features, the important ones come first.
    """
    features = sorted(schema["features"], key=lambda feature: feature["order"])
    if any(feature["group"] for feature in features):
        found: dict[str, list[Json]] = {heading: [] for heading in schema["groups"]}
        for feature in features:
            found.setdefault(feature["group"] or "Other questions", []).append(feature)
    elif len(features) <= MOST_UNGROUPED or not importance:
        found = {"": features}
    else:
        ranked = sorted(features, key=lambda feature: -importance.get(feature["name"], 0))
        first = ranked[:MOST_IMPORTANT]
        rest = [feature for feature in features if feature not in first]
        found = {
            "What counts most for the prediction": first,
            "Other choices": [one for one in rest if one["kind"] == "categorical"],
            "Other numbers": [one for one in rest if one["kind"] == "numeric"],
        }
    return {heading: members for heading, members in found.items() if members}


def draw_form(schema: Json, model: Json) -> dict[str, Any]:
    """Draw an input for each feature, the group's last, and return the record that they make up.

    A number starts at the middle one of the values at which the model was looked at, where it was.
    """
    report = model["report"] or {"partial_dependence": [], "importance": []}
    typical = {}
    for curve in report["partial_dependence"]:
        at = [value for value in curve["at"] if value is not None]
        typical[curve["feature"]] = at[len(at) // 2] if at else None
    rows = report["importance"]
    importance = {one["feature"]: one["mean_absolute_contribution"] for one in rows}
    prefix = schema["model_version"]  # another model may allow other values
    record: dict[str, Any] = {}
    for place, (heading, features) in enumerate(grouped(schema, importance).items()):
        folded = place > 0 and len(schema["features"]) > MOST_UNGROUPED
        box = st.expander(f"{heading} ({len(features)})") if folded else st.container(border=True)
        with box:
            if heading and not folded:
                st.subheader(heading, anchor=False)
            for start in range(0, len(features), 2):  # row by row: a phone shows them in order
                pair = features[start : start + 2]
                for column, feature in zip(st.columns(2, gap="medium"), pair, strict=False):
                    name = feature["name"]
                    with column:
                        record[name] = _draw(feature, f"{prefix}:{name}", typical.get(name))
    record = {feature["name"]: record[feature["name"]] for feature in schema["features"]}
    if group := schema.get("group"):
        with st.container(border=True):
            record[group["name"]] = _draw_group(group, f"{prefix}:{group['name']}")
    return record


def _draw(feature: Json, key: str, typical: Any) -> str | float | None:
    if feature["kind"] == "categorical":
        return _draw_choice(feature, key)
    if feature["optional"] and st.checkbox(f"{label_of(feature)}: not known", key=f"{key}:unknown"):
        return None
    return _draw_number(feature, key, typical)


def _draw_choice(feature: Json, key: str) -> str | None:
    categories: list[str | None] = [*feature["categories"]]
    if feature["optional"]:
        categories.append(None)
    shown = [category or NOT_KNOWN for category in categories]
    options: dict[str, Any] = {
        "format_func": lambda category: category or NOT_KNOWN,
        "help": _help(feature),
        "key": key,
    }
    if len(shown) <= MOST_SEGMENTS and sum(map(len, shown)) <= SEGMENT_CHARACTERS:
        return st.segmented_control(
            label_of(feature), categories, default=categories[0], required=True, **options
        )
    return st.selectbox(label_of(feature), categories, **options)


def _draw_group(group: Json, key: str) -> str | None:
    """Draw what asks for a group, such as a school; names are offered where they are published."""
    words = " ".join(filter(None, [group["help"], "Leave it blank for an average one."]))
    if not group["names"]:
        blank = "Blank: an average one"
        options: dict[str, Any] = {"help": words, "placeholder": blank, "autocomplete": "off"}
        return st.text_input(label_of(group), key=key, **options) or None
    return st.selectbox(
        label_of(group),
        group["names"],
        index=None,
        key=key,
        help=words,
        placeholder="Choose one, or type another",
        accept_new_options=True,
    )


def _draw_number(feature: Json, key: str, typical: float | None) -> float:
    low, high = limits(feature)
    whole = feature["integer"]
    if whole:
        low, high = math.ceil(low), math.floor(high)
    kind = int if whole else float
    start = kind(min(max((low + high) / 2 if typical is None else typical, low), high))
    if low >= high:  # training saw one value only, and the hints allow no other
        return st.number_input(with_unit(feature), value=start, key=key, help=_help(feature))
    step = 1 if whole else 10 ** math.floor(math.log10((high - low) / STEPS))
    draw = st.slider if (high - low) / step <= MOST_STEPS else st.number_input
    return draw(
        with_unit(feature), kind(low), kind(high), start, kind(step), key=key, help=_help(feature)
    )


def _help(feature: Json) -> str | None:
    parts = [feature["help"]]
    if feature["kind"] == "numeric":
        low, high = limits(feature)
        unit = f" {feature['unit']}" if feature["unit"] else ""
        parts.append(f"{low:g} to {high:g}{unit}.")
    if feature["sensitive"]:
        parts.append(
            "A sensitive feature: the tab *The model* says whether it errs more for some groups."
        )
    return " ".join(filter(None, parts)) or None
