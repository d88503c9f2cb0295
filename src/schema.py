"""The schema: what a record must look like, learnt from the training table and saved with the model.

Standard library only: the web process reads a saved schema and checks records with it.
"""

from __future__ import annotations

import difflib
import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

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
LARGEST_NUMBER = 1e30  # beyond it scaling can overflow, and trees compare in float32

_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?", re.ASCII)

Value = float | str | None


def column_name(header: str) -> str:
    """Return the schema's spelling of a header: what is no letter, digit or ``_`` becomes ``_``.

    Examples
    --------
    >>> column_name("race/ethnicity")
    'race_ethnicity'
    """
    return re.sub(r"\W", "_", header.strip())


def match_key(header: str) -> str:
    """Return what headers are compared by: no case; space, ``/``, ``-``, ``_`` all the same.

    Examples
    --------
    >>> match_key("Race / Ethnicity") == match_key("race_ethnicity")
    True
    """
    return re.sub(r"[\W_]+", "_", header.strip()).strip("_").casefold() or header.strip()


def parse_number(text: str, *, decimal_comma: bool = False) -> float | None:
    """Return the finite number that a plain decimal string spells, else None.

    Stricter than :class:`float`: no ``nan``, ``inf``, ``1_0``, full-width digits or overflow.

    Examples
    --------
    >>> parse_number(" 72.5 "), parse_number("72,5", decimal_comma=True), parse_number("1_0")
    (72.5, 72.5, None)
    """
    text = text.strip()
    if decimal_comma and "," in text and "." not in text:
        text = text.replace(",", ".", 1)
    if not _NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def format_number(number: float) -> str:
    """Return the shortest spelling of a number, without a needless ``.0``.

    Examples
    --------
    >>> format_number(100.0), format_number(0.25)
    ('100', '0.25')
    """
    return str(int(number)) if number.is_integer() and abs(number) < 1e15 else repr(float(number))


def shorten(value: object) -> str:
    """Return a value as text that fits on a line."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else text[: SHOWN_CHARACTERS - 1] + "…"


@dataclass(frozen=True)
class Checked:
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

    def check_cell(self, cell: str, *, decimal_comma: bool = False) -> Checked:
        """Check the text of a table's cell or of a form's field."""
        raise NotImplementedError

    def check_json(self, value: object) -> Checked:
        """Check a value that came as JSON."""
        raise NotImplementedError

    def missing(self) -> Checked:
        if self.optional:
            return Checked(None)
        return Checked(None, f"is missing. It must be {self.rule}.")

    def refused(self, got: object, hint: str = "") -> Checked:
        shown = repr(shorten(got)) if isinstance(got, str) else shorten(got)
        return Checked(None, f"must be {self.rule}. Got {shown}.{hint}")


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

    def check_cell(self, cell: str, *, decimal_comma: bool = False) -> Checked:
        if not cell.strip():
            return self.missing()
        number = parse_number(cell, decimal_comma=decimal_comma)
        return self.refused(cell) if number is None else self._check_number(number, cell)

    def check_json(self, value: object) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, str):
            return self.check_cell(value)
        if isinstance(value, bool) or not isinstance(value, int | float):
            return self.refused(value)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        return self._check_number(number, value) if math.isfinite(number) else self.refused(value)

    def _check_number(self, number: float, got: object) -> Checked:
        if not self.within(number):
            return self.refused(got)
        if abs(number) > LARGEST_NUMBER:
            return self.refused(got, " That is too large to be meant.")
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

    def check_cell(self, cell: str, *, decimal_comma: bool = False) -> Checked:
        category = cell.strip()
        if not category:
            return self.missing()
        if category in self.categories:
            return Checked(category)
        return self.refused(category, self._suggestion(category))

    def check_json(self, value: object) -> Checked:
        if value is None:
            return self.missing()
        if isinstance(value, bool):
            value = str(value)
        elif isinstance(value, int | float) and math.isfinite(value):
            value = format_number(float(value))
        return self.check_cell(value) if isinstance(value, str) else self.refused(value)

    def _suggestion(self, got: str) -> str:
        if len(got) > 200:  # difflib's cost grows with the square of the length
            return ""
        by_key = {category.casefold(): category for category in reversed(self.categories)}
        close = difflib.get_close_matches(got.casefold(), by_key, n=1)
        return f" Did you mean {by_key[close[0]]!r}?" if close else ""


@dataclass(frozen=True)
class Schema:
    """The features in the order of the model and of the form, and the target.

    Attributes
    ----------
    features : tuple of NumericFeature or CategoricalFeature
    target : NumericFeature
        Its ``minimum`` and ``maximum`` clip every prediction.
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
        except (KeyError, TypeError) as error:
            raise ArtifactError(f"schema.json is damaged ({error}). Train again.") from error

    def clip(self, prediction: float) -> float:
        """Return a prediction moved into the range that the hints allow the target."""
        if self.target.minimum is not None:
            prediction = max(prediction, self.target.minimum)
        if self.target.maximum is not None:
            prediction = min(prediction, self.target.maximum)
        return prediction

    def clip_all(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions moved into the range that the hints allow the target."""
        low, high = self.target.minimum, self.target.maximum
        return predictions if low is None and high is None else predictions.clip(low, high)

    def check_record(
        self, record: Mapping[str, object], *, form: bool = False
    ) -> tuple[dict[str, Value], list[Problem]]:
        """Check one record and return its values by feature, with the warnings.

        Parameters
        ----------
        record : mapping of str to object
            JSON values, or the texts of a form.
        form : bool
            Whether messages name a feature by its label, and keys that no feature has are let pass
            (a form sends its token and its button too).

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
        problems: list[Problem] = []
        warnings: list[Problem] = []
        values: dict[str, Value] = {}
        for feature in self.features:
            got = record.get(feature.name)
            checked = feature.check_json(got)
            called = feature.label if form else feature.name
            values[feature.name] = checked.value
            for text, found in ((checked.problem, problems), (checked.warning, warnings)):
                if text:
                    shown = None if got is None else shorten(got)
                    found.append(Problem(f"{called} {text}", feature.name, got=shown))
        if not form:
            problems += [self._unknown(key, value) for key, value in record.items()
                         if key not in values]
        if problems:
            raise DataValidationError(problems=problems)
        return values, warnings

    def _unknown(self, key: str, value: object) -> Problem:
        by_key = {match_key(name): name for name in self.names}
        close = difflib.get_close_matches(match_key(shorten(key)), by_key, n=1)
        hint = f" Did you mean {by_key[close[0]]!r}?" if close else ""
        if match_key(key) == match_key(self.target.name):
            hint = " It is what the model predicts: leave it out."
        return Problem(
            f"{shorten(key)} is not a feature of this model.{hint}",
            shorten(key),
            got=shorten(value),
        )

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
        found: dict[str, int] = {}
        problems: list[Problem] = []
        for feature in self.features:
            at = positions.get(match_key(feature.name), [])
            if len(at) == 1:
                found[feature.name] = at[0]
            elif at:
                spelt = ", ".join(repr(header[position]) for position in at)
                problems.append(Problem(
                    f"Column {feature.name} stands there {len(at)} times ({spelt}). "
                    "Keep one of them.", feature.name, row=1))
            else:
                problems.append(Problem(
                    f"Column {feature.name} is missing.{_nearest(feature.name, header)}",
                    feature.name, row=1))
        if problems:
            raise DataValidationError(
                f"The header does not fit the model, which needs {', '.join(self.names)}.", problems
            )
        return found


def _nearest(name: str, header: Iterable[str]) -> str:
    by_key = {match_key(shorten(given)): given for given in header}
    close = difflib.get_close_matches(match_key(name), by_key, n=1)
    return f" Is it {by_key[close[0]]!r}? Then rename it." if close else ""


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
