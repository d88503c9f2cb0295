"""The schema: what a record must look like, learnt from a training table and saved with the model.

Standard library only: the web process reads a saved schema and checks records with it.
"""

from __future__ import annotations

import hashlib
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Self

from src.exception import ArtifactError, DataValidationError, HeaderError, Problem
from src.language import current
from src.language import gettext as _
from src.schema.features import (
    SHOWN_CHOICES,
    CategoricalFeature,
    ClassTarget,
    Feature,
    GroupFeature,
    NumericFeature,
    Translations,
    Value,
    feature_from_dict,
    feature_to_dict,
    nearest,
)
from src.schema.form_words import check_answer
from src.tables.cells import match_key, shorten
from src.utils import read_typed, to_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHOWN_UNKNOWN = 50  # unknown keys that are told one by one: looking for the nearest name takes time


@dataclass(frozen=True)
class Schema:
    """The features in the order of the model and of the form, and the target.

    Attributes
    ----------
    features : tuple of NumericFeature or CategoricalFeature
    target : NumericFeature or ClassTarget
        A number's ``minimum`` and ``maximum`` clip every prediction. Where the hints name no
        minimum, it is 0 if no row of training is below.
    title, description : str
        Words for people, from the hints.
    groups : tuple of str
        Headings of the form in their order.
    people : tuple of str
        Columns of the table that say whose row it is: to be filled in, and shown beside a score.
        Their values are known nowhere.
    group : GroupFeature or None
        The column of groups that have an effect; no feature of the model's matrix.
    as_of : str
        The stage by which the features are known, as the hints spell it; empty where nothing says.
    translations : mapping of str to mapping of str to str
        Title and description in other languages, by language.
    headings_in : mapping of str to mapping of str to str
        Headings of the form in other languages, by language and heading.
    """

    features: tuple[NumericFeature | CategoricalFeature, ...]
    target: NumericFeature | ClassTarget
    title: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    group: GroupFeature | None = None
    as_of: str = ""
    translations: Translations = field(default_factory=dict, hash=False)
    headings_in: Translations = field(default_factory=dict, hash=False)

    VERSION: ClassVar[int] = 1

    def __post_init__(self) -> None:
        if self.group is not None and self.group.name in (*self.names, self.target.name):
            raise TypeError(f"the groups' column {self.group.name} is a feature or the target")

    def spoken(self) -> Schema:
        """Return the schema with its words in the language that is spoken."""
        if not self._said or (language := current()) not in self._said:
            return self
        if language not in self._in_languages:
            self._in_languages[language] = self._translated(language)
        return self._in_languages[language]

    @cached_property
    def _said(self) -> frozenset[str]:
        """The languages in which the hints say something."""
        of_features = [one.translations for one in (*self.asked, self.target)]
        return frozenset().union(self.translations, self.headings_in, *of_features)

    @cached_property
    def _in_languages(self) -> dict[str, Schema]:
        return {}

    def _translated(self, language: str) -> Schema:
        headings = self.headings_in.get(language, {})
        features = tuple(
            replace(one.in_language(language), group=headings.get(one.group, one.group))
            for one in self.features
        )
        said = self.translations.get(language, {})
        return replace(
            self,
            features=features,
            target=self.target.in_language(language),
            group=None if self.group is None else self.group.in_language(language),
            groups=tuple(headings.get(heading, heading) for heading in self.groups),
            title=said.get("title", self.title),
            description=said.get("description", self.description),
        )

    @property
    def task(self) -> str:
        """What is predicted: ``regression``, ``binary``, ``ordinal`` or ``classes``."""
        return self.target.task if isinstance(self.target, ClassTarget) else "regression"

    @property
    def number(self) -> NumericFeature:
        """The target of a regression; TypeError where outcomes are predicted."""
        if isinstance(self.target, ClassTarget):
            raise TypeError(f"the target {self.target.name} is no number")
        return self.target

    @property
    def outcomes(self) -> ClassTarget:
        """The target of a classification; TypeError where a number is predicted."""
        if not isinstance(self.target, ClassTarget):
            raise TypeError(f"the target {self.target.name} is a number")
        return self.target

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(feature.name for feature in self.features)

    @cached_property
    def asked(self) -> tuple[NumericFeature | CategoricalFeature | GroupFeature, ...]:
        """What a record may hold: the features and, where groups have effects, the group."""
        return self.features if self.group is None else (*self.features, self.group)

    def named(self, values: Sequence[Value]) -> dict[str, Value]:
        """Return checked values by name: the features', and the group's if there is one."""
        return {one.name: value for one, value in zip(self.asked, values, strict=False)}

    @property
    def keys(self) -> tuple[frozenset[str], frozenset[str]]:
        """What the headers of the features' columns are compared by: by names, or by headings."""
        headings = self.headings.values()
        return frozenset(map(match_key, self.names)), frozenset(map(match_key, headings))

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
            "people": list(self.people),
            "as_of": self.as_of,
            "task": self.task,
            "target": feature_to_dict(self.target),
            "features": [feature_to_dict(feature) for feature in self.features],
            **({} if self.group is None else {"group": feature_to_dict(self.group)}),
            **({"translations": self.translations} if self.translations else {}),
            **({"headings_in": self.headings_in} if self.headings_in else {}),
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
            target = feature_from_dict(values["target"])
            if not isinstance(target, NumericFeature | ClassTarget):
                raise TypeError("the target is neither a number nor a list of outcomes")
            return cls(
                features=tuple(feature_from_dict(feature) for feature in values["features"]),
                target=target,
                title=read_typed(str, values["title"]),
                description=read_typed(str, values["description"]),
                groups=read_typed(tuple[str, ...], values["groups"]),
                people=read_typed(tuple[str, ...], values.get("people", ())),
                group=_read_group(values.get("group")),
                as_of=read_typed(str, values.get("as_of", "")),
                translations=read_typed(Translations, values.get("translations", {})),
                headings_in=read_typed(Translations, values.get("headings_in", {})),
            )
        except (AttributeError, KeyError, TypeError) as error:
            raise ArtifactError(f"schema.json is damaged ({error}). Train again.") from error

    def clip(self, prediction: float) -> float:
        """Return a prediction moved into the target's allowed range."""
        low, high = self.number.minimum, self.number.maximum
        if low is not None and prediction < low:
            return low
        return high if high is not None and prediction > high else prediction

    def clip_all(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return predictions moved into the target's allowed range."""
        low, high = self.number.minimum, self.number.maximum
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
            Whether messages speak to the person who fills a form, and keys that no feature has are
            let pass (a form sends its button too).
        suggest : bool
            Whether messages say what may be meant, which takes a millisecond for each.

        Returns
        -------
        values : dict
            One entry a feature, in the schema's order; the group's last.
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
        for feature in self.asked:
            got = record.get(feature.name)
            if (plain := feature.plain(got)) is not None:
                values[feature.name] = plain
                continue
            if form and isinstance(got, str):
                checked = check_answer(feature, got, suggest=suggest)
            elif form and got is None:
                checked = check_answer(feature, "", suggest=suggest)
            else:
                checked = feature.check_json(got, suggest=suggest)
            values[feature.name] = checked.value
            for text, found in ((checked.problem, problems), (checked.warning, warnings)):
                if text:
                    shown = None if got is None else shorten(got)
                    found.append(Problem(text, feature.name, got=shown))
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
            close = nearest(match_key(key), {match_key(one.name): one.name for one in self.asked})
            hint = f" Did you mean {close!r}?" if close else ""
        name = shorten(key)
        message = f"{name} is not a feature of this model.{hint}"
        return Problem(message, name, got=shorten(value))

    @cached_property
    def headings(self) -> dict[str, str]:
        """What people call the columns: a feature's label, unless another column is called so."""
        names = (*(one.name for one in self.asked), self.target.name, *self.people)
        keys = Counter(match_key(one.label) for one in self.asked if one.label)
        keys.update(map(match_key, dict.fromkeys(names)))
        found = {}
        for one in self.asked:
            label = match_key(one.label)
            alone = keys[label] == 1 + (label == match_key(one.name))
            found[one.name] = one.label if one.label and alone else one.name
        return found

    @cached_property
    def _synonyms(self) -> dict[str, tuple[str, ...]]:
        """Keys of what columns may be called too, unless it may be another column."""
        called = Counter(
            key for one in self.asked for key in {match_key(text) for text in one.synonyms}
        )
        called.update(map(match_key, (*self.headings, *self.headings.values(), self.target.name)))
        return {
            one.name: tuple(
                key for key in dict.fromkeys(map(match_key, one.synonyms)) if called[key] == 1
            )
            for one in self.asked
        }

    def locate(
        self, header: Sequence[str], chosen: Mapping[str, int] = MappingProxyType({})
    ) -> dict[str, int]:
        """Return the position of each feature's column in a file's header, and the group's if any.

        A column is known by the feature's name, its heading or a synonym that the hints say.

        Parameters
        ----------
        chosen : mapping of str to int
            What a person said of features whose columns are called otherwise.

        Raises
        ------
        HeaderError
            With every feature whose column is missing or stands there twice.
        """
        positions: dict[str, list[int]] = {}
        for position, name in enumerate(header):
            positions.setdefault(match_key(name), []).append(position)
        taken = {"", *(match_key(one.name) for one in self.asked)}
        found: dict[str, int] = {}
        problems: list[Problem] = []
        for feature in self.asked:
            at = positions.get(match_key(feature.name), [])
            at = at or positions.get(match_key(self.headings[feature.name]), [])
            at = at or _in_other_words(feature, positions)
            at = at or [p for key in self._synonyms[feature.name] for p in positions.get(key, ())]
            said = chosen.get(feature.name, -1)
            if len(at) == 1 or 0 <= said < len(header):
                found[feature.name] = said if 0 <= said < len(header) else at[0]
                continue
            if feature is self.group and not at:
                continue
            if at:
                spelt = ", ".join(repr(header[position]) for position in at)
                message = _(
                    "Column %(name)s stands there %(n)s times (%(spelt)s). Keep one of them.",
                    name=feature.name,
                    n=len(at),
                    spelt=spelt,
                )
            else:
                free = {key: header[p[0]] for key, p in positions.items() if key not in taken}
                close = nearest(match_key(feature.name), free)
                message = _("Column %(name)s is missing.", name=feature.name)
                if close:
                    message += " " + _("Is it %(column)s? Then rename it.", column=repr(close))
            problems.append(Problem(message, feature.name, row=1))
        if problems:
            message = _(
                "The header does not fit the model, which needs %(names)s.",
                names=", ".join(self.names),
            )
            if not found:
                first = ", ".join(repr(shorten(name)) for name in header[:SHOWN_CHOICES])
                message += " " + _(
                    "The first row must hold the names of the columns; it holds %(first)s.",
                    first=first,
                )
            raise HeaderError(message, problems, header, found)
        return found


def _in_other_words(feature: Feature, positions: Mapping[str, list[int]]) -> list[int]:
    """Return where a feature's column stands that is called by a label of another language."""
    labels = {match_key(said["label"]) for said in feature.translations.values() if "label" in said}
    return [position for label in sorted(labels) for position in positions.get(label, [])]


def _read_group(values: Mapping[str, Any] | None) -> GroupFeature | None:
    if values is None:
        return None
    if values["kind"] != GroupFeature.kind:
        raise TypeError(f"the group is of the kind {values['kind']!r}")
    return read_typed(GroupFeature, {key: v for key, v in values.items() if key != "kind"})
