"""From a schema to what the form shows: labels, kinds of inputs, hints, the order of fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from src.exception import Problem
from src.language import gettext as _
from src.language import mark
from src.report.wording import MINUS, SPACE, group_noun, listed, plain
from src.schema.features import CategoricalFeature, GroupFeature, NumericFeature, shown_number
from src.schema.record import Schema
from src.tables.cells import format_number

MOST_RADIOS = 4  # with more categories than this a list is easier to read
MOST_UNGROUPED = 12  # with more fields than this they stand below headings, hints or not
MOST_IMPORTANT = 8
MOST_NAMED = 6  # outcomes in a sentence
IMPORTANT_SHARE = 0.95  # of all that the model relies on
MOST_IN_A_HEADING = 2
COUNTS_MOST = mark("What counts most for the prediction")
NO_GROUP = mark("Other questions")
CHOICES, NUMBERS, LEFT_OVER = "choices", "numbers", "left over"  # headings say what is in them
NOT_KNOWN = mark("Not known")

Feature = NumericFeature | CategoricalFeature


@dataclass(frozen=True)
class Option:
    """One choice of a radio group or a list."""

    value: str
    label: str
    id: str


@dataclass(frozen=True, kw_only=True, eq=False)  # told apart by identity, which is quick
class Field:
    """One input, drawn by ``templates/_field.html`` with an answer and an error.

    Attributes
    ----------
    widget : str
        ``number``, ``radio``, ``select``, or ``text`` for a group such as a school.
    hint : str
        The allowed range with its unit, else the range that training saw.
    help : str
        What the hints file says.
    sensitive : bool
        Whether the form has to say why it asks.
    options : tuple of Option
        Choices of a ``radio`` or ``select``; what a ``text`` offers beside any other.
    keyboard : str
        ``inputmode`` of a ``number`` or ``text``: the keys that a phone shows.
    step, minimum, maximum : str
        Of a ``number``, for the arrow keys; empty where there is none.
    """

    name: str
    id: str
    label: str
    widget: str
    required: bool
    hint: str = ""
    help: str = ""
    sensitive: bool = False
    options: tuple[Option, ...] = ()
    keyboard: str = ""
    step: str = ""
    minimum: str = ""
    maximum: str = ""

    @property
    def noted(self) -> bool:
        """Whether a line below the label says more: hint, help or that it is sensitive."""
        return bool(self.hint or self.help or self.sensitive)


@dataclass(frozen=True)
class Group:
    """Fields below one heading; an empty heading where the schema has no groups."""

    heading: str
    fields: tuple[Field, ...]


class SummaryLine(NamedTuple):
    """A line of the summary of errors; it links to its field where there is one."""

    message: str
    target: str


def form_groups(schema: Schema, importance: Mapping[str, float] | None = None) -> tuple[Group, ...]:
    """Return the form's fields below their headings, in the order in which to ask for them.

    The field of the record's group, such as its school, is the last one.

    Parameters
    ----------
    importance : mapping of str to float, optional
        How much the model relies on each feature. Where there are many and the hints group none,
        those that it relies on most come first.
    """
    fields = {
        heading: [*map(_field, features)]
        for heading, features in _headings(schema, importance or {}).items()
        if features
    }
    if schema.group is not None:
        heading = "" if [*fields] == [""] else LEFT_OVER
        fields.setdefault(heading, []).append(_group_field(schema.group))
    return tuple(Group(_heading(key, found), tuple(found)) for key, found in fields.items())


def _heading(key: str, fields: list[Field]) -> str:
    """Return a heading as it is read: the hints', else what is in the group."""
    if key == COUNTS_MOST:
        return _(COUNTS_MOST)
    if key not in (CHOICES, NUMBERS, LEFT_OVER):
        return key
    if len(fields) == 1:  # its label stands below
        return _(NO_GROUP)
    return listed((field.label for field in fields), most=MOST_IN_A_HEADING)


def what_to_expect(schema: Schema) -> str:
    """Return what a form is answered with, by what is predicted."""
    if schema.task == "regression":
        return _("You then read what to expect, how far off that may be, and why.")
    target = schema.outcomes
    outcomes = listed((plain(target.word(one)) for one in target.categories), most=MOST_NAMED)
    return _(
        "You then read which outcome to expect (%(outcomes)s), how likely each one is, and why.",
        outcomes=outcomes,
    )


def sensitive_labels(groups: Iterable[Group]) -> tuple[str, ...]:
    """Return the labels of the questions for which the form has to say why it asks."""
    return tuple(field.label for group in groups for field in group.fields if field.sensitive)


def _headings(schema: Schema, importance: Mapping[str, float]) -> dict[str, list[Feature]]:
    features = sorted(schema.features, key=lambda feature: feature.order)
    grouped = any(feature.group for feature in features)
    found: dict[str, list[Feature]] = {heading: [] for heading in schema.groups}
    if grouped or len(features) <= MOST_UNGROUPED:
        for feature in features:
            found.setdefault(feature.group, []).append(feature)
        if grouped and "" in found:
            found[LEFT_OVER] = found.pop("")
        return found
    first = _most_important(importance)
    top = COUNTS_MOST if first else ""
    found = {top: [], CHOICES: [], NUMBERS: []}
    for feature in features:
        if feature.name in first:
            found[top].append(feature)
        elif isinstance(feature, NumericFeature):
            found[NUMBERS].append(feature)
        else:
            found[CHOICES].append(feature)
    found[top].sort(key=lambda feature: -importance[feature.name])
    return found


def _most_important(importance: Mapping[str, float]) -> frozenset[str]:
    """Return the few features that make up nearly all that a model relies on."""
    ranked = sorted(importance, key=lambda name: -importance[name])
    total = sum(value for value in importance.values() if value > 0)
    first: list[str] = []
    reached = 0.0
    for name in ranked[:MOST_IMPORTANT]:
        if reached >= IMPORTANT_SHARE * total:
            break
        first.append(name)
        reached += importance[name]
    return frozenset(first)


def error_summary(groups: Iterable[Group], problems: Iterable[Problem]) -> tuple[SummaryLine, ...]:
    """Return the lines of the summary above the form, in the order of its fields."""
    names = [field.name for group in groups for field in group.fields]
    place = {name: i for i, name in enumerate(names)}
    ordered = sorted(problems, key=lambda problem: place.get(problem.field or "", len(place)))
    return tuple(SummaryLine(p.message, _id(p.field) if p.field in place else "") for p in ordered)


def _id(name: str | None) -> str:
    return f"field-{name}"


def _field(feature: Feature) -> Field:
    common: dict[str, Any] = {
        "name": feature.name,
        "id": _id(feature.name),
        "label": feature.label or feature.name,
        "help": feature.help,
        "required": not feature.optional,
        "sensitive": feature.sensitive,
    }
    if isinstance(feature, NumericFeature):
        return Field(
            **common,
            widget="number",
            hint=_range(feature),
            keyboard=_keyboard(feature),
            step="1" if feature.integer else "",
            minimum=_number(feature.minimum),
            maximum=_number(feature.maximum),
        )
    radio = len(feature.categories) <= MOST_RADIOS
    choices = [(category, feature.word(category)) for category in feature.categories]
    if not radio:
        choices.insert(0, ("", _(NOT_KNOWN) if feature.optional else _("Choose…")))
    elif feature.optional:
        choices.append(("", _(NOT_KNOWN)))
    options = tuple(
        # The first one has the field's own id, for links to the field.
        Option(category, label, _id(feature.name) + (f"-{i}" if i else ""))
        for i, (category, label) in enumerate(choices)
    )
    return Field(**common, widget="radio" if radio else "select", options=options)


def _group_field(feature: GroupFeature) -> Field:
    """Return the field of a group: names are offered where the hints allow them to be published."""
    options = tuple(Option(name, name, "") for name in feature.names)
    noun = group_noun(feature)
    if options:
        hint = _(
            "Choose one, type another, or leave it blank for an average %(group)s.", group=noun
        )
    else:
        hint = _("Leave it blank for an average %(group)s.", group=noun)
    return Field(
        name=feature.name,
        id=_id(feature.name),
        label=feature.label or feature.name,
        help=feature.help,
        required=False,
        widget="text",
        hint=hint,
        keyboard="text",
        options=options,
    )


def _number(number: float | None) -> str:
    return "" if number is None else format_number(number)


def _range(feature: NumericFeature) -> str:
    """Return the range of a number in words that no line breaks apart."""
    return _range_words(feature).replace(" ", SPACE)


def _range_words(feature: NumericFeature) -> str:
    low, high = feature.minimum, feature.maximum
    if low is not None and high is not None:
        return _("%(low)s to %(high)s.", low=_shown(low), high=_with_unit(high, feature))
    if low is not None:
        return _("%(low)s or more.", low=_with_unit(low, feature))
    if high is not None:
        return _("%(high)s or less.", high=_with_unit(high, feature))
    least, most = feature.observed_minimum, feature.observed_maximum
    return _("Usually %(low)s to %(high)s.", low=_shown(least), high=_with_unit(most, feature))


def _with_unit(number: float, feature: NumericFeature) -> str:
    return f"{_shown(number)} {feature.unit}".strip()


def _shown(number: float) -> str:
    return shown_number(number).replace("-", MINUS)


def _keyboard(feature: NumericFeature) -> str:
    lowest = feature.range[0]
    if lowest < 0:  # the number pads of some phones have no minus sign
        return "text"
    return "numeric" if feature.integer else "decimal"
