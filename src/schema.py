"""The schema: what a record must look like, learnt from a training table and saved with the model.

Standard library only: the web process reads a saved schema and checks records with it.
"""

from __future__ import annotations

import difflib
import hashlib
import itertools
import math
import numbers
import re
import reprlib
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from src.exception import ArtifactError, DataValidationError, Problem
from src.utils import to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MISSING_MARKS = frozenset(
    {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "missing", "-", "--", ".", "?"}
)
SHOWN_CHOICES = 12
SHOWN_CHARACTERS = 60
SHOWN_UNKNOWN = 50  # unknown keys that are told one by one: looking for the nearest name takes time
LARGEST_NUMBER = 1e30  # beyond it scaling can overflow, and trees compare in float32

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)
_GROUPED_BY_POINTS = re.compile(r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+", re.ASCII)
_GROUPED = re.compile(r"[+-]?[1-9]\d{0,2}([ ,.'’])\d{3}(?:\1\d{3})*(?:[.,]\d+)?", re.ASCII)
_WITH_UNIT = re.compile(r"[+-]?\d+(?:[.,]\d+)?\s*[^\W\d_].*", re.DOTALL)

Value = float | str | None


def clean(cell: str) -> str:
    """Return a cell's text without surrounding blanks, its accents composed.

    Some systems write ``é`` as two characters: both must be the same category.
    """
    cell = cell.strip()
    return cell if cell.isascii() else unicodedata.normalize("NFC", cell)


def column_name(header: str) -> str:
    """Return the schema's spelling of a header: what is no letter, digit or ``_`` becomes ``_``.

    Examples
    --------
    >>> column_name("race/ethnicity")
    'race_ethnicity'
    """
    # Accents and the vowel signs of many scripts are marks that belong to a letter.
    return "".join(
        c if c.isalnum() or unicodedata.category(c).startswith("M") else "_" for c in clean(header)
    )


def match_key(header: str) -> str:
    """Return what headers are compared by: no case; space, ``/``, ``-``, ``_`` all the same.

    Examples
    --------
    >>> match_key("Race / Ethnicity") == match_key("race_ethnicity")
    True
    """
    name = column_name(header)
    return re.sub("_+", "_", name).strip("_").casefold() or name[:1]


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """Return the finite number that a plain decimal string spells, else None.

    Stricter than :class:`float`: no ``nan``, ``inf``, ``1_0``, full-width digits or overflow. Where
    commas are decimal, ``1.234`` is none either: it may stand for 1234.

    Examples
    --------
    >>> parse_number(" 72.5 "), parse_number("72,5", decimal_comma=True), parse_number("1_0")
    (72.5, 72.5, None)
    """
    text = text.strip()
    if decimal_comma:
        if "," in text and "." not in text:
            text = text.replace(",", ".", 1)
        elif _GROUPED_BY_POINTS.fullmatch(text):
            return None
    if not text.isascii() or "_" in text:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def almost_number(text: str) -> str:
    """Return what to change so that a text is read as the number it stands for, else nothing.

    Examples
    --------
    >>> almost_number("85 %"), almost_number("72,5"), almost_number("high")
    ('Leave out the percent sign.', 'Write the decimals after a point.', '')
    """
    if len(text) > SHOWN_CHARACTERS:
        return ""
    plain = unicodedata.normalize("NFKC", text).replace("−", "-").strip()
    bare = plain.removesuffix("%").strip()
    if _GROUPED.fullmatch(bare):
        return "Leave out the thousands separators."
    if not _NUMBER.fullmatch(bare.replace(",", ".", 1)):
        return "Write the number alone, without its unit." if _WITH_UNIT.fullmatch(bare) else ""
    if bare != plain:
        return "Leave out the percent sign."
    if "," in bare:
        return "Write the decimals after a point."
    if not text.isascii():
        return "Write it with the digits 0 to 9 and a plain minus."
    return ""


def format_number(number: float) -> str:
    """Return the shortest spelling of a number, without a needless ``.0``.

    Examples
    --------
    >>> format_number(100.0), format_number(0.25)
    ('100', '0.25')
    """
    number = float(number)
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(number)


def _finite(value: object) -> float | None:
    """Return a number as a float, None where it is none, is not finite, or is true or false."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


class _ShortRepr(reprlib.Repr):
    """A repr that neither goes deep nor fails on an integer of thousands of digits."""

    maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        return repr(x) if x.bit_length() < 1024 else "an integer of more than 300 digits"


_short_repr = _ShortRepr().repr


def shorten(value: object) -> str:
    """Return a value as text that fits on a line, whatever it is.

    Examples
    --------
    >>> shorten("x" * 100)[-3:], shorten([[[[1]]]])
    ('xx…', '[[[[...]]]]')
    """
    if isinstance(value, str):
        text = value[: SHOWN_CHARACTERS + 1]
        text = text.encode("utf-8", "backslashreplace").decode()  # JSON may hold half a character
    else:
        text = _short_repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


class Checked(NamedTuple):
    """What a check of one value found.

    Attributes
    ----------
    value : float, str or None
        The value in the type that the model takes; None when missing or refused.
    problem : str
        The rest of the sentence that begins with the feature's name; empty when all is well.
    warning : str
        Likewise, for a value that is accepted but lies outside what training saw.
    """

    value: Value
    problem: str = ""
    warning: str = ""


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
    """

    name: str
    label: str = ""
    help: str = ""
    group: str = ""
    sensitive: bool = False
    actionable: bool = False
    order: int = 0
    optional: bool = False

    kind: ClassVar[str]

    @property
    def rule(self) -> str:
        """What a value must be, as in 'must be …'."""
        raise NotImplementedError

    def check_cell(
        self, cell: str, *, decimal_comma: bool = False, suggest: bool = True
    ) -> Checked:
        """Check the text of a table's cell or of a form's field.

        Parameters
        ----------
        cell : str
        decimal_comma : bool
            Whether ``72,5`` is a number.
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
        return Checked(None, f"is missing. It must be {self.rule}.")

    def refused(self, got: object, hint: str = "") -> Checked:
        shown = repr(shorten(got)) if isinstance(got, str) else shorten(got)
        return Checked(None, f"must be {self.rule}. Got {shown}.{hint and ' ' + hint}")


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
    """

    minimum: float | None = None
    maximum: float | None = None
    observed_minimum: float
    observed_maximum: float
    unit: str = ""
    integer: bool = False

    kind: ClassVar[str] = "numeric"

    @property
    def rule(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f"a number from {format_number(self.minimum)} to {format_number(self.maximum)}"
        if self.minimum is not None:
            return f"a number of at least {format_number(self.minimum)}"
        if self.maximum is not None:
            return f"a number of at most {format_number(self.maximum)}"
        return "a number"

    def check_cell(
        self, cell: str, *, decimal_comma: bool = False, suggest: bool = True
    ) -> Checked:
        if not cell.strip():
            return self.missing()
        number = parse_number(cell, decimal_comma=decimal_comma)
        if number is None:
            return self.refused(cell.strip(), almost_number(cell) if suggest else "")
        return self._check_number(number, cell.strip())

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, str):
            return self.check_cell(value, suggest=suggest)
        number = _finite(value)
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
        bounds = (-LARGEST_NUMBER if self.minimum is None else self.minimum,
                  LARGEST_NUMBER if self.maximum is None else self.maximum)  # fmt: skip
        return max(bounds[0], self.observed_minimum), min(bounds[1], self.observed_maximum)

    def _check_number(self, number: float, got: object) -> Checked:
        if not self.within(number):
            return self.refused(got)
        if abs(number) > LARGEST_NUMBER:
            return self.refused(got, "That is too large to be meant.")
        if self.observed_minimum <= number <= self.observed_maximum:
            return Checked(number)
        low, high = format_number(self.observed_minimum), format_number(self.observed_maximum)
        return Checked(
            number,
            warning=f"is {format_number(number)}, outside the range of {low} to {high} that "
            "training saw: the prediction is an extrapolation.",
        )

    def within(self, number: float) -> bool:
        """Whether a number keeps the bounds that the hints set."""
        return (self.minimum is None or number >= self.minimum) and (
            self.maximum is None or number <= self.maximum
        )


@dataclass(frozen=True, kw_only=True)
class CategoricalFeature(Feature):
    """A feature that is one of a list.

    Attributes
    ----------
    categories : tuple of str
        What training saw, in the order in which a person should see it.
    """

    categories: tuple[str, ...]

    kind: ClassVar[str] = "categorical"

    @property
    def rule(self) -> str:
        shown = ", ".join(repr(c) for c in self.categories[:SHOWN_CHOICES])
        more = len(self.categories) - SHOWN_CHOICES
        return f"one of {shown}" + (f" or {more} more" if more > 0 else "")

    def check_cell(
        self, cell: str, *, decimal_comma: bool = False, suggest: bool = True
    ) -> Checked:
        category = clean(cell)
        if not category:
            return self.missing()
        known = category if category in self._spellings else self._same(category)
        if known:
            return Checked(known)
        return self.refused(category, self._suggestion(category) if suggest else "")

    def check_json(self, value: object, *, suggest: bool = True) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, bool):
            value = str(value)
        elif (number := _finite(value)) is not None:
            value = format_number(number)
        if not isinstance(value, str):
            return self.refused(value)
        return self.check_cell(value, suggest=suggest)

    def plain(self, value: object) -> Value:
        return value if value.__class__ is str and value in self._spellings else None

    def _same(self, cell: str) -> str | None:
        """Return the one category that is the same truth value or number, otherwise spelt.

        Programs write ``True`` and ``TRUE``; pandas writes ``1.0`` for 1 beside missing values.
        """
        same = self._spellings_of.get(_meaning(cell), ())
        return same[0] if len(same) == 1 else None

    @cached_property
    def _spellings(self) -> frozenset[str]:
        return frozenset(self.categories)

    @cached_property
    def _spellings_of(self) -> dict[float | str | None, list[str]]:
        """Categories by the number or truth value that they spell."""
        found: dict[float | str | None, list[str]] = {}
        for category in self.categories:
            if (meaning := _meaning(category)) is not None:
                found.setdefault(meaning, []).append(category)
        return found

    def _suggestion(self, got: str) -> str:
        close = _nearest(got.casefold(), {c.casefold(): c for c in reversed(self.categories)})
        return f"Did you mean {close!r}?" if close else ""


@dataclass(frozen=True)
class Schema:
    """The features in the order of the model and of the form, and the target.

    Attributes
    ----------
    features : tuple of NumericFeature or CategoricalFeature
    target : NumericFeature
        Its ``minimum`` and ``maximum`` clip every prediction. Where the hints name no minimum, it
        is 0 if no row of training is below.
    title, description : str
        Words for people, from the hints.
    groups : tuple of str
        Headings of the form in their order.
    """

    features: tuple[NumericFeature | CategoricalFeature, ...]
    target: NumericFeature
    title: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()

    VERSION: ClassVar[int] = 1

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @property
    def numeric(self) -> tuple[NumericFeature, ...]:
        return tuple(f for f in self.features if isinstance(f, NumericFeature))

    @property
    def categorical(self) -> tuple[CategoricalFeature, ...]:
        return tuple(f for f in self.features if isinstance(f, CategoricalFeature))

    @property
    def fingerprint(self) -> str:
        """Hash of the JSON: equal schemas, equal fingerprints."""
        return hashlib.sha256(to_json(self.to_dict())).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the exact inverse of :meth:`from_dict`."""
        return {
            "version": self.VERSION,
            "title": self.title,
            "description": self.description,
            "groups": list(self.groups),
            "target": _feature_to_dict(self.target),
            "features": [_feature_to_dict(feature) for feature in self.features],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the schema that :meth:`to_dict` described.

        Raises
        ------
        ArtifactError
            If the values are not those of a schema of this version.
        """
        if not isinstance(values, Mapping):
            raise ArtifactError("schema.json is damaged: it holds no object. Train again.")
        if values.get("version") != cls.VERSION:
            raise ArtifactError(
                f"schema.json has version {values.get('version')!r}, this program reads "
                f"{cls.VERSION}. Train again to rebuild it."
            )
        try:
            target = _feature_from_dict(values["target"])
            if not isinstance(target, NumericFeature):
                raise TypeError("the target is not numeric")
            return cls(
                features=tuple(_feature_from_dict(feature) for feature in values["features"]),
                target=target,
                title=values["title"],
                description=values["description"],
                groups=tuple(values["groups"]),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ArtifactError(f"schema.json is damaged ({error}). Train again.") from error

    def clip(self, prediction: float) -> float:
        """Return a prediction moved into the target's allowed range."""
        low, high = self.target.minimum, self.target.maximum
        if low is not None and prediction < low:
            return low
        return high if high is not None and prediction > high else prediction

    def clip_all(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions moved into the target's allowed range."""
        low, high = self.target.minimum, self.target.maximum
        return predictions.clip(
            -math.inf if low is None else low, math.inf if high is None else high
        )

    def check_record(
        self, record: Mapping[str, object], *, form: bool = False, suggest: bool = True
    ) -> tuple[dict[str, Value], list[Problem]]:
        """Check one record and return its values by feature, with the warnings.

        Parameters
        ----------
        record : mapping of str to object
            JSON values, or the texts of a form.
        form : bool
            Whether messages name a feature by its label, and keys that no feature has are let pass
            (a form sends its token and its button too).
        suggest : bool
            Whether messages say what may be meant, which takes a millisecond for each.

        Returns
        -------
        values : dict
            One entry a feature, in the schema's order.
        warnings : list of Problem
            Values that lie outside what training saw.

        Raises
        ------
        DataValidationError
            With every problem of the record.
        """
        if not isinstance(record, Mapping):
            raise DataValidationError(
                f"A record must be an object with a value for each of {', '.join(self.names)}. "
                f"Got {shorten(record)}."
            )
        problems: list[Problem] = []
        warnings: list[Problem] = []
        values: dict[str, Value] = {}
        for feature in self.features:
            got = record.get(feature.name)
            if (plain := feature.plain(got)) is not None:
                values[feature.name] = plain
                continue
            checked = feature.check_json(got, suggest=suggest)
            called = feature.label if form and feature.label else feature.name
            values[feature.name] = checked.value
            for text, found in ((checked.problem, problems), (checked.warning, warnings)):
                if text:
                    shown = None if got is None else shorten(got)
                    found.append(Problem(f"{called} {text}", feature.name, got=shown))
        if not form and not record.keys() <= values.keys():
            unknown = (item for item in record.items() if item[0] not in values)
            problems += [
                self._unknown(key, value, suggest=suggest)
                for key, value in itertools.islice(unknown, SHOWN_UNKNOWN)
            ]
            if more := sum(1 for _ in unknown):
                problems.append(Problem(f"{more} more keys are not features of this model."))
        if problems:
            raise DataValidationError(problems=problems)
        return values, warnings

    def _unknown(self, key: str, value: object, *, suggest: bool) -> Problem:
        hint = ""
        if match_key(key) == match_key(self.target.name):
            hint = " It is what the model predicts: leave it out."
        elif suggest:
            close = _nearest(match_key(key), {match_key(name): name for name in self.names})
            hint = f" Did you mean {close!r}?" if close else ""
        name = shorten(key)
        message = f"{name} is not a feature of this model.{hint}"
        return Problem(message, name, got=shorten(value))

    def locate(self, header: Sequence[str]) -> dict[str, int]:
        """Return the position of each feature's column in a file's header.

        Raises
        ------
        DataValidationError
            With every feature whose column is missing or stands there twice.
        """
        positions: dict[str, list[int]] = {}
        for position, name in enumerate(header):
            positions.setdefault(match_key(name), []).append(position)
        taken = {"", *(match_key(name) for name in self.names)}
        found: dict[str, int] = {}
        problems: list[Problem] = []
        for feature in self.features:
            at = positions.get(match_key(feature.name), [])
            if len(at) == 1:
                found[feature.name] = at[0]
                continue
            if at:
                spelt = ", ".join(repr(header[position]) for position in at)
                message = f"stands there {len(at)} times ({spelt}). Keep one of them."
            else:
                free = {key: header[p[0]] for key, p in positions.items() if key not in taken}
                close = _nearest(match_key(feature.name), free)
                message = "is missing." + (f" Is it {close!r}? Then rename it." if close else "")
            problems.append(Problem(f"Column {feature.name} {message}", feature.name, row=1))
        if problems:
            message = f"The header does not fit the model, which needs {', '.join(self.names)}."
            if not found:
                first = ", ".join(repr(shorten(name)) for name in header[:SHOWN_CHOICES])
                message += f" The first row must hold the names of the columns; it holds {first}."
            raise DataValidationError(message, problems)
        return found


def _nearest(got: str, known: Mapping[str, str]) -> str | None:
    """Return the value of the key that is nearest to ``got``, None where none is near."""
    if len(got) > 200:  # difflib's cost grows with the square of the length
        return None
    close = difflib.get_close_matches(got, known, n=1)
    return known[close[0]] if close else None


def _meaning(cell: str) -> float | str | None:
    """Return the number or the truth value that a text spells, None where it is neither."""
    truth = cell.casefold()
    return truth if truth in ("true", "false") else parse_number(cell)


def _feature_to_dict(feature: Feature) -> dict[str, Any]:
    values = {key: list(v) if isinstance(v, tuple) else v for key, v in asdict(feature).items()}
    return {"kind": feature.kind, **values}


def _feature_from_dict(values: Mapping[str, Any]) -> NumericFeature | CategoricalFeature:
    rest = {key: value for key, value in values.items() if key != "kind"}
    if values["kind"] == CategoricalFeature.kind:
        return CategoricalFeature(**{**rest, "categories": tuple(rest["categories"])})
    if values["kind"] == NumericFeature.kind:
        return NumericFeature(**rest)
    raise TypeError(f"unknown kind {values['kind']!r}")
