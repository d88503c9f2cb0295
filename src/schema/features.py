"""What one column is, and how its values are checked."""

from __future__ import annotations

import difflib
import math
import numbers
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, NamedTuple, Self

from src.language import ENGLISH, current, localize
from src.language import gettext as _
from src.tables.cells import (
    MISSING_MARKS,
    almost_number,
    are_numbers,
    clean,
    format_number,
    parse_number,
    shorten,
    without_needless_point,
)
from src.tables.look_alike import digits, fold, means_others, truth
from src.tables.number_columns import is_one_of
from src.tables.number_formats import PLAIN_NUMBERS, NumberFormat
from src.utils import read_typed

SHOWN_CHOICES = 12
LIKE, ONE_LETTER = 0.6, 0.85  # what spellings have in common; the second differ in 1 letter of 7
LARGEST_NUMBER = 1e30  # beyond it scaling can overflow, and trees compare in float32
LONGEST_GROUP = 200  # characters of a group's name
MOST_EXACT = 2**53  # up to which each whole number is a float of its own
FAMILIAR_MARGIN = 0.1  # of the width of what training saw
NUMBER, SPELLING = "number", "spelling"  # what a check mends
Value = float | str | None
Translations = Mapping[str, Mapping[str, str]]  # by language


def finite(value: object) -> float | None:
    """Return a number as a float, None where it is none, is not finite, or is true or false."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class Checked(NamedTuple):
    """What a check of one value found.

    Attributes
    ----------
    value : float, str or None
        The value in the type that the model takes; None when missing or refused.
    problem : str
        What is wrong, to somebody who knows the feature by its name; empty when all is well.
    warning : str
        Likewise, for a value that is accepted but lies outside what training saw.
    mended : str
        ``number`` or ``spelling``, where a cell was read as what it clearly stands for.
    """

    value: Value
    problem: str = ""
    warning: str = ""
    mended: str = ""


@dataclass(frozen=True, kw_only=True)
class Feature:
    """What numeric and categorical features share.

    Attributes
    ----------
    name : str
        Column name: the key in JSON, the name of the input in the form.
    label, help, group : str
        Words for people.
    sensitive : bool
        Whether fairness must be looked at by this feature.
    actionable : bool
        Whether a school can act on it.
    order : int
        Place on the form.
    optional : bool
        Whether training had missing values in it, so that a record may miss it too.
    translations : mapping of str to mapping of str to str
        Label, help and unit in other languages than that of the attributes, by language.
    synonyms : tuple of str
        What the column may be called in files too.
    """

    name: str
    label: str = ""
    help: str = ""
    group: str = ""
    sensitive: bool = False
    actionable: bool = False
    order: int = 0
    optional: bool = False
    translations: Translations = field(default_factory=dict, hash=False)
    synonyms: tuple[str, ...] = ()

    kind: ClassVar[str]

    def in_language(self, language: str) -> Self:
        """Return the feature with its words in a language, as far as the hints say them."""
        said = self.translations.get(language, {})
        others = {**self.translations, ENGLISH: {"label": self.label}}  # files may still say it
        label, help_ = said.get("label", self.label), said.get("help", self.help)
        return replace(self, label=label, help=help_, translations=others)

    @property
    def rule(self) -> str:
        """What a value must be, as a sentence can go on after 'must be'."""
        raise NotImplementedError

    def check_cell(
        self,
        cell: str,
        *,
        decimal_comma: bool = False,
        typed: bool = False,
        suggest: bool = True,
    ) -> Checked:
        """Check the text of a table's cell or of a form's field, and mend what is clear.

        Parameters
        ----------
        decimal_comma : bool
            Whether the file writes ``72,5``, so that ``1,250`` is no thousand.
        typed : bool
            Whether the file keeps numbers as numbers, so that ``1.250`` is no thousand.
        suggest : bool
            Whether to say which allowed value may be meant, which takes a millisecond.
        """
        raise NotImplementedError

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        """Check a value that came as JSON; ``suggest`` as for :meth:`check_cell`."""
        raise NotImplementedError

    def plain(self, value: object) -> Value:
        """Return a JSON value that is right beyond question; None for all that needs a check."""
        raise NotImplementedError

    def missing(self) -> Checked:
        if self.optional:
            return Checked(None)
        return Checked(None, f"{self.name} is missing. It must be {self.rule}.")

    def refused(self, got: object, hint: str = "") -> Checked:
        shown = repr(shorten(got)) if isinstance(got, str) else shorten(got)
        return Checked(None, f"{self.name} must be {self.rule}. Got {shown}.{hint and ' ' + hint}")


@dataclass(frozen=True, kw_only=True)
class NumericFeature(Feature):
    """A feature (or the target) that is a number.

    Attributes
    ----------
    minimum, maximum : float or None
        Bounds from the hints; a value outside is refused.
    observed_minimum, observed_maximum : float
        Range in the training table; a value outside is a warning.
    unit : str
        For example ``points``.
    integer : bool
        Whether training held whole numbers only: the step and the keyboard of the form.
    format : NumberFormat
        How training's file wrote its numbers.
    absent : tuple of str
        Cells that stand for no value, beside the usual marks.
    """

    minimum: float | None = None
    maximum: float | None = None
    observed_minimum: float
    observed_maximum: float
    unit: str = ""
    integer: bool = False
    format: NumberFormat = PLAIN_NUMBERS
    absent: tuple[str, ...] = ()

    kind: ClassVar[str] = "numeric"

    def in_language(self, language: str) -> Self:
        unit = self.translations.get(language, {}).get("unit", self.unit)
        return replace(super().in_language(language), unit=unit)

    @property
    def range(self) -> tuple[float, float]:
        """The ends between which values lie: the allowed one, else the one that training saw.

        Examples
        --------
        >>> NumericFeature(name="mark", minimum=0, observed_minimum=7, observed_maximum=93).range
        (0, 93)
        """
        low = self.observed_minimum if self.minimum is None else self.minimum
        high = self.observed_maximum if self.maximum is None else self.maximum
        return low, high

    @property
    def rule(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            low, high = shown_number(self.minimum), shown_number(self.maximum)
            return _("a number from %(low)s to %(high)s", low=low, high=high)
        if self.minimum is not None:
            return _("a number of at least %(low)s", low=shown_number(self.minimum))
        if self.maximum is not None:
            return _("a number of at most %(high)s", high=shown_number(self.maximum))
        return _("a number")

    def check_cell(
        self,
        cell: str,
        *,
        decimal_comma: bool = False,
        typed: bool = False,
        suggest: bool = True,
    ) -> Checked:
        text = clean(cell)
        if not text or self.is_absent(text):
            return self.missing()
        number = self.format.read(text, decimal_comma=decimal_comma, typed=typed)
        if number is None:
            return self.refused(text, almost_number(cell) if suggest else "")
        checked = self._check_number(number, text)
        usual = self.format != PLAIN_NUMBERS or number == parse_number(
            text, decimal_comma=decimal_comma
        )
        return checked if usual else checked._replace(mended=NUMBER)

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, str):
            number = parse_number(value)
            if number is None and value.strip():
                return self.refused(value.strip(), almost_number(value) if suggest else "")
            return self.missing() if number is None else self._check_number(number, value.strip())
        number = finite(value)
        return self.refused(value) if number is None else self._check_number(number, value)

    def plain(self, value: object) -> Value:
        if value.__class__ is float or value.__class__ is int:
            low, high = self._plain_range
            if low <= value <= high:
                return float(value)
        return None

    @cached_property
    def _plain_range(self) -> tuple[float, float]:
        """What is neither refused nor warned of."""
        bounds = (
            -LARGEST_NUMBER if self.minimum is None else self.minimum,
            LARGEST_NUMBER if self.maximum is None else self.maximum,
        )
        return max(bounds[0], self.observed_minimum), min(bounds[1], self.observed_maximum)

    def is_absent(self, text: str) -> bool:
        """Whether a text stands for no value in the table that training read."""
        return bool(self.absent) and is_one_of(text, self.absent)

    def _check_number(self, number: float, got: object) -> Checked:
        if self.is_absent(format_number(number)):
            return self.missing()
        if not self.within(number):
            return self.refused(got)
        if abs(number) > LARGEST_NUMBER:
            return self.refused(got, "That is too large to be meant.")
        if self.observed_minimum <= number <= self.observed_maximum:
            return Checked(number)
        said = _(
            "%(name)s is %(got)s, outside the range of %(low)s to %(high)s that training saw: the "
            "prediction is an extrapolation.",
            name=self.name,
            got=shown_number(number),
            low=shown_number(self.observed_minimum),
            high=shown_number(self.observed_maximum),
        )
        return Checked(number, warning=said)

    @cached_property
    def familiar_range(self) -> tuple[float, float]:
        """Where errors are known: what training saw, and a tenth of its width on both sides."""
        margin = FAMILIAR_MARGIN * (self.observed_maximum - self.observed_minimum)
        return self.observed_minimum - margin, self.observed_maximum + margin

    def within(self, number: float) -> bool:
        """Whether a number keeps the bounds that the hints set."""
        return (self.minimum is None or number >= self.minimum) and (
            self.maximum is None or number <= self.maximum
        )

    def short(self, number: float) -> float:
        """Return a number rounded as far as the bounds allow: an example that reads well."""
        return next(filter(self.within, (float(round(number)), round(number, 2))), number)


@dataclass(frozen=True, kw_only=True)
class CategoricalFeature(Feature):
    """A feature that is one of a list.

    Attributes
    ----------
    categories : tuple of str
        What training saw, in the order in which a person should see it.
    other : str
        The category that an unseen value is given; empty where one is refused.
    words : mapping of str to mapping of str to str
        What people call categories, by language.
    """

    categories: tuple[str, ...]
    other: str = ""
    words: Translations = field(default_factory=dict, hash=False)

    kind: ClassVar[str] = "categorical"

    @property
    def rule(self) -> str:
        shown = ", ".join(repr(c) for c in self.categories[:SHOWN_CHOICES])
        more = len(self.categories) - SHOWN_CHOICES
        if more > 0:
            return _("one of %(choices)s or %(n)s more", choices=shown, n=more)
        return _("one of %(choices)s", choices=shown)

    def word(self, category: str) -> str:
        """Return what people call a category, in the language that is spoken.

        Examples
        --------
        >>> sex = CategoricalFeature(name="sex", categories=("f",), words={"en": {"f": "female"}})
        >>> sex.word("f"), sex.word("m")
        ('female', 'm')
        """
        if not self.words:
            return category
        of_english = self.words.get(ENGLISH, {}).get(category, category)
        return self.words.get(current(), {}).get(category, of_english)

    def check_cell(
        self,
        cell: str,
        *,
        decimal_comma: bool = False,
        typed: bool = False,
        suggest: bool = True,
    ) -> Checked:
        cell = self._counted(cell)
        category = clean(cell)
        if not category:
            return self.missing()
        if category in self._spellings:
            return Checked(category, mended=SPELLING if category != cell else "")
        if known := self._same(category):
            return Checked(known, mended=SPELLING)
        if self.other:
            said = _(
                "%(name)s is a value that training did not see: %(other)s is taken.",
                name=self.name,
                other=repr(self.other),
            )
            return Checked(self.other, warning=said)
        return self.refused(category, self._did_you_mean(category) if suggest else "")

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, bool):
            value = str(value)
        elif (number := finite(value)) is not None:
            value = format_number(number)
        if not isinstance(value, str):
            return self.refused(value)
        return self.check_cell(value, suggest=suggest)

    def plain(self, value: object) -> Value:
        return value if value.__class__ is str and value in self._spellings else None

    def _counted(self, cell: str) -> str:
        """Return the cell that a cell counts as."""
        return cell

    def _same(self, cell: str) -> str | None:
        """Return the one category that is the same text, truth value or number, otherwise spelt.

        Programs write ``True`` and ``TRUE``; pandas writes ``1.0`` for 1 beside missing values.
        """
        for key in (fold(cell), parse_number(cell), f"is {truth(cell)}"):
            same = self._spellings_of.get(key, ())
            if len(same) == 1:
                return same[0]
        return None

    @cached_property
    def _spellings(self) -> frozenset[str]:
        return frozenset(self.categories)

    @cached_property
    def _spellings_of(self) -> dict[object, list[str]]:
        """Categories by their folded text, and by the number or truth value that they spell."""
        found: dict[object, list[str]] = {}
        for category in self.categories:
            found.setdefault(fold(category), []).append(category)
            if (number := parse_number(category)) is not None:
                found.setdefault(number, []).append(category)
        for words in self.words.values():
            for category, word in words.items():
                if category not in (same := found.setdefault(fold(word), [])):
                    same.append(category)
        truths = {f"is {truth(category)}": [category] for category in self.categories}
        return found | truths if sorted(truths) == ["is False", "is True"] else found

    def suggestion(self, cell: str) -> str:
        """Return the one category that a refused cell may mean; empty where none is near.

        Where a category stands for all others, it is that one: training may have grouped a rare
        value with it. Only a long word of which one letter differs is taken for a misspelling.

        Examples
        --------
        >>> lunch = CategoricalFeature(name="lunch", categories=("standard", "free/reduced"))
        >>> lunch.suggestion("standart"), lunch.suggestion("free"), lunch.suggestion("x")
        ('standard', 'free/reduced', '')
        >>> language = CategoricalFeature(name="language", categories=("German", "other"))
        >>> language.suggestion("Germann"), language.suggestion("Romansh")
        ('German', 'other')
        """
        got = clean(cell).casefold()
        if not got:
            return ""
        others = next(filter(means_others, self.categories), "")
        alike = [c for c in self.categories if digits(c) == digits(got)]
        near = nearest(
            got, {c.casefold(): c for c in reversed(alike)}, ONE_LETTER if others else LIKE
        )
        if near or others:
            return near or others
        for known in (
            [c for c in alike if c.casefold().startswith(got)],
            [c for c in alike if got in re.split(r"[\W_]+", c.casefold())],
        ):
            if len(known) == 1:
                return known[0]
        return ""

    def _did_you_mean(self, got: str) -> str:
        close = self.suggestion(got)
        return f"Did you mean {close!r}?" if close else ""


@dataclass(frozen=True, kw_only=True)
class ClassTarget(CategoricalFeature):
    """A target that is one of a list of outcomes.

    Attributes
    ----------
    ordered : bool
        Whether the categories go from the lowest outcome to the highest.
    at_risk : tuple of str
        The outcomes that help should prevent; empty where nobody said which.
    merged : mapping of str to str
        Outcomes of the table that count as another.
    """

    ordered: bool = False
    at_risk: tuple[str, ...] = ()
    merged: Mapping[str, str] = field(default_factory=dict)

    kind: ClassVar[str] = "class"
    unit: ClassVar[str] = ""

    @property
    def task(self) -> str:
        """What predicting it is called: ``binary``, ``ordinal`` or ``classes``."""
        if len(self.categories) == 2:
            return "binary"
        return "ordinal" if self.ordered else "classes"

    @property
    def is_scale_of_numbers(self) -> bool:
        """Whether the outcomes are ordered numbers, of which either end may be the good one."""
        return self.ordered and are_numbers(self.categories)

    @property
    def event(self) -> tuple[int, ...]:
        """The codes of the outcomes at risk: positions among the categories."""
        return tuple(i for i, c in enumerate(self.categories) if c in self.at_risk)

    def _counted(self, cell: str) -> str:
        label = clean(cell)
        if label.lower() in MISSING_MARKS and label not in {*self.categories, *self.merged}:
            return ""
        return self.merged.get(label) or self.merged.get(without_needless_point(label), cell)


@dataclass(frozen=True, kw_only=True)
class GroupFeature(Feature):
    """The column that says which group, such as a school, a record belongs to.

    Any text is accepted: a group that training did not know counts as an average one.

    Attributes
    ----------
    names : tuple of str
        Of the groups that have an effect, where the hints allow them to be published; else empty.
    """

    names: tuple[str, ...] = ()
    optional: bool = True

    kind: ClassVar[str] = "group"

    @property
    def rule(self) -> str:
        return _("a text of at most %(n)s characters", n=LONGEST_GROUP)

    def check_cell(
        self,
        cell: str,
        *,
        decimal_comma: bool = False,
        typed: bool = False,
        suggest: bool = True,
    ) -> Checked:
        text = group_text(cell)
        if not text:
            return self.missing()
        return self.refused(text) if len(text) > LONGEST_GROUP else Checked(text)

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        if value is None:
            return self.missing()
        if (number := finite(value)) is not None and abs(number) <= LARGEST_NUMBER:
            value = format_number(number)
        return self.check_cell(value) if isinstance(value, str) else self.refused(value)

    def plain(self, value: object) -> Value:
        if isinstance(value, str) and len(value) <= LONGEST_GROUP:
            return _remembered_text(value) or None
        return None


def shown_number(number: float) -> str:
    """Return the shortest spelling of a number, with the decimal mark of the language.

    Examples
    --------
    >>> shown_number(100.0), shown_number(0.25)
    ('100', '0.25')
    """
    return localize(format_number(number))


def group_text(cell: str) -> str:
    """Return a group's name as it is compared: a number however it is written.

    Examples
    --------
    >>> group_text(" Hill School "), group_text("12.0"), group_text("90071992547409931")
    ('Hill School', '12', '90071992547409931')
    """
    text = clean(cell)
    number = parse_number(text)
    # Above, a float may stand for two numbers.
    return text if number is None or abs(number) > MOST_EXACT else format_number(number)


_remembered_text = lru_cache(maxsize=1024)(group_text)


def read_as(name: str, cell: str, value: Value) -> str:
    """Return how a mended cell of a column is read.

    Examples
    --------
    >>> read_as("score", "78%", 78.0), read_as("sex", "Female", "female")
    ("score '78%' is read as 78.", "sex 'Female' is read as 'female'.")
    """
    shown = format_number(value) if isinstance(value, float) else repr(value)
    return f"{name} {shorten(cell)!r} is read as {shown}."


def nearest(got: str, known: Mapping[str, str], least: float = LIKE) -> str | None:
    """Return the value of the key that is nearest to ``got``, None where none is near.

    Parameters
    ----------
    least : float
        How much two texts have in common, at least, as :mod:`difflib` counts it: 1 is all.
    """
    if len(got) > 200:  # difflib's cost grows with the square of the length
        return None
    close = difflib.get_close_matches(got, known, n=1, cutoff=least)
    return known[close[0]] if close else None


def feature_to_dict(feature: Feature) -> dict[str, Any]:
    """Return a feature as a JSON object."""
    values = {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in asdict(feature).items()
        if value or key not in ("translations", "words", "synonyms")
    }
    return {"kind": feature.kind, **values}


def feature_from_dict(values: Mapping[str, Any]) -> NumericFeature | CategoricalFeature:
    """Return the feature that a JSON object describes; TypeError where it describes none."""
    rest = {key: value for key, value in values.items() if key != "kind"}
    for kind in (CategoricalFeature, NumericFeature, ClassTarget):
        if values["kind"] == kind.kind:
            feature: NumericFeature | CategoricalFeature = read_typed(kind, rest)
            return feature
    raise TypeError(f"unknown kind {values['kind']!r}")
