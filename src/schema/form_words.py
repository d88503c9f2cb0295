"""What a form says to the person whose answer cannot be used: what to do, by the field's label."""

from __future__ import annotations

import re
from dataclasses import replace

from src.language import ENGLISH, current, decimal_mark
from src.language import gettext as _
from src.schema.features import (
    LONGEST_GROUP,
    CategoricalFeature,
    Checked,
    Feature,
    NumericFeature,
    shown_number,
)
from src.tables.cells import almost_number, clean, shorten

_NOT_PLURAL = ("ss", "us", "is")
_SOUND_LIKE_YOU = ("eu", "one", "uni", "use")


def check_answer(feature: Feature, typed: str, *, suggest: bool = True) -> Checked:
    """Check what was typed in a field; a problem or a warning speaks of its label.

    Where the page's language writes decimals after a comma, ``1.234`` may be a thousand and is
    refused, as it is in a file that does.
    """
    comma = decimal_mark() == ","
    checked = feature.check_cell(typed, decimal_comma=comma, suggest=suggest)
    if checked.problem:
        return checked._replace(problem=_problem(feature, typed, suggest=suggest))
    if checked.warning:
        labelled = replace(feature, name=feature.label or feature.name)
        return labelled.check_cell(typed, decimal_comma=comma)
    return checked


def asked(label: str) -> str:
    """Return what a field asks for, as a sentence can go on after "Enter" or "Select".

    Other languages take the label as it is.

    Examples
    --------
    >>> asked("Gender"), asked("Age"), asked("GPA"), asked("Absences"), asked("G1")
    ('a gender', 'an age', 'a GPA', 'absences', 'G1')
    >>> asked("Parents' education")
    "parents' education"
    """
    words = re.sub("['’]", "", label).replace("-", " ").split()
    if current() != ENGLISH or not "".join(words).isalpha():
        return label
    first = words[0]
    small = label if first[1:] != first[1:].lower() else label[:1].lower() + label[1:]
    if any(word.endswith("s") and not word.endswith(_NOT_PLURAL) for word in (first, words[-1])):
        return small
    vowel = small[0] in "aeiou" and not small.startswith(_SOUND_LIKE_YOU)
    return f"{'an' if vowel else 'a'} {small}"


def _problem(feature: Feature, typed: str, *, suggest: bool) -> str:
    label = feature.label or feature.name
    if isinstance(feature, NumericFeature):
        return _wrong_number(feature, label, typed, suggest=suggest)
    if isinstance(feature, CategoricalFeature):
        return _wrong_choice(feature, label, typed, suggest=suggest)
    return _("%(label)s must have %(n)s characters or fewer", label=label, n=LONGEST_GROUP)


def _wrong_number(feature: NumericFeature, label: str, typed: str, *, suggest: bool) -> str:
    text = clean(typed)
    if not text or feature.is_absent(text):
        return _("Enter %(label)s", label=asked(label))
    number = feature.format.read(text, decimal_comma=decimal_mark() == ",")
    if number is None:
        hint = almost_number(typed) if suggest else ""
        said = _must_be_a_number(feature, label)
        return f"{said}. {hint}" if hint else said
    if feature.within(number):
        return _("%(label)s is too large to be meant", label=label)
    if feature.minimum is None:
        high = shown_number(feature.range[1])
        return _("%(label)s must be %(high)s or less", label=label, high=high)
    low = shown_number(feature.minimum)
    if feature.maximum is None:
        return _("%(label)s must be %(low)s or more", label=label, low=low)
    high = shown_number(feature.maximum)
    return _("%(label)s must be between %(low)s and %(high)s", label=label, low=low, high=high)


def _must_be_a_number(feature: NumericFeature, label: str) -> str:
    if feature.minimum is None or feature.maximum is None:
        return _("%(label)s must be a number", label=label)
    low, high = shown_number(feature.minimum), shown_number(feature.maximum)
    return _(
        "%(label)s must be a number between %(low)s and %(high)s", label=label, low=low, high=high
    )


def _wrong_choice(feature: CategoricalFeature, label: str, typed: str, *, suggest: bool) -> str:
    if not clean(typed):
        return _("Select %(label)s", label=asked(label))
    if suggest and (near := feature.suggestion(typed)):
        return _("Select %(label)s: did you mean %(near)s?", label=asked(label), near=near)
    got = shorten(clean(typed))
    return _("Select %(label)s from the list: %(got)s is not in it", label=asked(label), got=got)
