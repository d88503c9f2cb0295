"""From the schema that the back end sends to the inputs of a form, whatever its columns are."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import streamlit as st

from appFrontend.api import Json
from appFrontend.language import gettext as _
from appFrontend.language import ngettext, number

MOST_SEGMENTS = 4  # with more categories, or longer ones, a list is easier to read
SEGMENT_CHARACTERS = 36  # of all of them together, so that a phone shows them in a line or two
MOST_UNGROUPED = 12  # with more features than this, and no groups, the important ones come first
MOST_IMPORTANT = 8
MOST_NAMED = 3
KEPT: Literal["page"] = "page"  # what was answered, while the back end does not answer
STEPS = 100  # of a number's range


def not_known() -> str:
    """Return what stands for an answer that was left blank."""
    return _("Not known")


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
    return f"{number(value, number_format(feature, more))} {feature['unit']}".strip()


def grouped(schema: Json, importance: Mapping[str, float]) -> dict[str, list[Json]]:
    """Return the features below their headings, in the order in which to ask for them.

    The schema's groups where it has some. Else, of many features, the important ones come first.
    """
    features = sorted(schema["features"], key=lambda feature: feature["order"])
    if any(feature["group"] for feature in features):
        found: dict[str, list[Json]] = {heading: [] for heading in schema["groups"]}
        for feature in features:
            found.setdefault(feature["group"] or _("Other questions"), []).append(feature)
    elif len(features) <= MOST_UNGROUPED or not importance:
        found = {"": features}
    else:
        ranked = sorted(features, key=lambda feature: -importance.get(feature["name"], 0))
        first = ranked[:MOST_IMPORTANT]
        rest = [feature for feature in features if feature not in first]
        found = {
            _("What counts most for the prediction"): first,
            _("Other choices"): [one for one in rest if one["kind"] == "categorical"],
            _("Other numbers"): [one for one in rest if one["kind"] == "numeric"],
        }
    return {heading: members for heading, members in found.items() if members}


def draw_form(schema: Json, model: Json) -> dict[str, Any]:
    """Draw a blank input for each feature, the group's last, and return what was answered.

    What was not is None.
    """
    importance = {
        one["feature"]: one["mean_absolute_contribution"]
        for one in (model["report"] or {"importance": []})["importance"]
    }
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
                    with column:
                        record[feature["name"]] = _draw(feature, key_of(schema, feature))
    record = {feature["name"]: record[feature["name"]] for feature in schema["features"]}
    if group := schema.get("group"):
        with st.container(border=True):
            record[group["name"]] = _draw_group(group, key_of(schema, group))
    return record


def key_of(schema: Json, feature: Json) -> str:
    """Return the key of an input; another model may allow other values."""
    return f"{schema['model_version']}:{feature['name']}"


def unanswered(schema: Json, record: Json) -> list[Json]:
    """Return the features without which there is no prediction; all, before the first answer."""
    answered = any(record[feature["name"]] is not None for feature in schema["features"])
    return [
        feature
        for feature in schema["features"]
        if record[feature["name"]] is None and not (answered and feature["optional"])
    ]


def example(schema: Json, model: Json) -> Json:
    """Return an answer for each feature: numbers from the middle of the training table."""
    middles = {}
    for curve in (model["report"] or {"partial_dependence": []})["partial_dependence"]:
        at = [value for value in curve["at"] if value is not None]
        if at:
            middles[curve["feature"]] = at[len(at) // 2]
    return {
        feature["name"]: feature["categories"][0]
        if feature["kind"] == "categorical"
        else _within(feature, middles.get(feature["name"]))
        for feature in schema["features"]
    }


def _within(feature: Json, middle: float | None) -> float:
    low, high = limits(feature)
    if feature["integer"]:
        low, high = math.ceil(low), math.floor(high)
    value = min(max((low + high) / 2 if middle is None else middle, low), high)
    return int(value) if feature["integer"] else float(value)


def _draw(feature: Json, key: str) -> str | float | None:
    return (
        _draw_choice(feature, key)
        if feature["kind"] == "categorical"
        else _draw_number(feature, key)
    )


def _draw_choice(feature: Json, key: str) -> str | None:
    categories = feature["categories"]
    options: dict[str, Any] = {"help": _help(feature), "key": key, "persist_state": KEPT}
    if len(categories) <= MOST_SEGMENTS and sum(map(len, categories)) <= SEGMENT_CHARACTERS:
        return st.segmented_control(_asks(feature), categories, **options)
    return st.selectbox(
        _asks(feature), categories, index=None, placeholder=_("Choose one"), **options
    )


def _draw_group(group: Json, key: str) -> str | None:
    """Draw what asks for a group, such as a school; names are offered where they are published."""
    words = " ".join(filter(None, [group["help"], _("Leave it blank for an average one.")]))
    if not group["names"]:
        blank = _("Blank: an average one")
        options: dict[str, Any] = {"help": words, "placeholder": blank, "autocomplete": "off"}
        return st.text_input(label_of(group), key=key, persist_state=KEPT, **options) or None
    return st.selectbox(
        label_of(group),
        group["names"],
        index=None,
        key=key,
        help=words,
        placeholder=_("Choose one, or type another"),
        accept_new_options=True,
        persist_state=KEPT,
    )


def _draw_number(feature: Json, key: str) -> float | None:
    low, high = limits(feature)
    whole = feature["integer"]
    if whole:
        low, high = math.ceil(low), math.floor(high)
    options: dict[str, Any] = {"placeholder": _range(feature), "key": key, "help": _help(feature)}
    options["persist_state"] = KEPT
    kind = int if whole else float
    if low >= high:  # training saw one value only, and the hints allow no other
        step = kind(1)
        return st.number_input(_asks(feature), value=None, step=step, **options)
    step = kind(1 if whole else 10 ** math.floor(math.log10((high - low) / STEPS)))
    if not whole:
        options["format"] = "%g"
    return st.number_input(_asks(feature), kind(low), kind(high), None, step, **options)


def _asks(feature: Json) -> str:
    """Return the label of an input, which says where an answer may be left out."""
    label = with_unit(feature)
    return _("%(label)s, optional", label=label) if feature["optional"] else label


def _range(feature: Json) -> str:
    low, high = (number(end, ",g") for end in limits(feature))
    return _("%(low)s to %(high)s", low=low, high=high)


def _help(feature: Json) -> str | None:
    parts = [feature["help"]]
    if feature["kind"] == "numeric":
        parts.append(f"{_range(feature)} {feature['unit'] or ''}".strip() + ".")
    if feature["sensitive"]:
        parts.append(
            _("A sensitive feature: the tab *The model* says whether it errs more for some groups.")
        )
    return " ".join(filter(None, parts)) or None


def missing_words(missing: list[Json]) -> str:
    """Return what is still to be answered before there is a prediction."""
    names = ", ".join(label_of(feature) for feature in missing[:MOST_NAMED])
    if len(missing) > MOST_NAMED:
        return ngettext(
            "%(n)s answer is missing: %(names)s and others.",
            "%(n)s answers are missing: %(names)s and others.",
            len(missing),
            names=names,
        )
    return ngettext(
        "%(n)s answer is missing: %(names)s.",
        "%(n)s answers are missing: %(names)s.",
        len(missing),
        names=names,
    )
