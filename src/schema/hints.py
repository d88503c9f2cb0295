"""The hints: an optional TOML file beside a table that says in words what the numbers cannot."""

from __future__ import annotations

import datetime
import difflib
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from src.exception import ConfigurationError, Problem
from src.language import ENGLISH
from src.schema.stages import Stages, order_stages, stage_key
from src.tables.cells import clean, format_number, match_key, shorten
from src.tables.number_columns import NumberHints


@dataclass(frozen=True)
class ColumnHints:
    """What the hints say of one column; None where they say nothing."""

    label: str | None = None
    help: str | None = None
    unit: str | None = None
    group: str | None = None
    minimum: float | None = None
    maximum: float | None = None
    integer: bool | None = None
    kind: str | None = None
    categories: tuple[str, ...] | None = None
    sensitive: bool | None = None
    actionable: bool | None = None
    order: int | None = None
    missing: tuple[str, ...] | None = None
    decimal: str | None = None
    percent: bool | None = None
    known_before: bool | None = None
    ordered: bool | None = None
    at_risk: tuple[str, ...] | None = None
    merge: Mapping[str, str] | None = None
    publish: bool | None = None
    available: str | None = None
    words: Mapping[str, Mapping[str, str]] | None = None
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    synonyms: tuple[str, ...] | None = None

    @property
    def describes(self) -> bool:
        """Whether the column is described as one to use, not only how its cells are read."""
        how_read = (
            *("missing", "decimal", "percent", "known_before"),
            *("publish", "available", "synonyms"),
        )
        said = {**vars(self), "translations": self.translations or None}
        return any(v is not None for key, v in said.items() if key not in how_read)

    @property
    def numbers(self) -> NumberHints:
        """What is said of how the column's numbers are read."""
        numeric = True if self.says_numeric else False if self.says_categorical else None
        return NumberHints(self.decimal, self.percent, numeric, self.missing or ())

    @property
    def says_numeric(self) -> bool:
        """Whether the column is called numeric, or given what only a number has."""
        bounds = (self.minimum, self.maximum, self.integer)
        return self.kind == "numeric" or any(value is not None for value in bounds)

    @property
    def named_outcomes(self) -> frozenset[str]:
        """The cells of a target that are called outcomes, whatever they look like."""
        return frozenset((*(self.categories or ()), *(self.at_risk or ()), *(self.merge or ())))

    @property
    def says_categorical(self) -> bool:
        of_classes = (self.categories, self.ordered, self.at_risk, self.merge, self.words)
        return self.kind == "categorical" or any(value is not None for value in of_classes)


@dataclass(frozen=True)
class Hints:
    """The whole file; columns by the key that headers are matched with.

    Attributes
    ----------
    translations, headings_in : mapping of str to mapping of str to str
        As of :class:`Schema`.
    """

    target: str | None = None
    title: str = ""
    description: str = ""
    groups: tuple[str, ...] = ()
    stages: tuple[str, ...] = ()
    columns: Mapping[str, ColumnHints] = field(default_factory=dict)
    spelling: Mapping[str, str] = field(default_factory=dict)
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    headings_in: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def of(self, column: str) -> ColumnHints | None:
        """Return the hints of a column however its header is spelt, None where there are none."""
        return self.columns.get(match_key(column))

    def known_by(self, target: str) -> Stages:
        """Return when the columns other than the target are known.

        Raises
        ------
        ConfigurationError
            If the stages cannot be put in order.
        """
        available = {
            key: said.available
            for key, said in self.columns.items()
            if said.available is not None and key != match_key(target)
        }
        return order_stages(available, self.stages)


_TEXT, _NUMBER, _FLAG, _TEXTS = "a text", "a number", "true or false", "a list of texts"
_SAID = 'a text, or a table of texts by language such as { en = "Age", de = "Alter" }'
_HEADINGS = 'a list of texts, or of tables of texts by language such as { en = "Scores" }'
_WORDS = 'a table of texts by category for each language, such as { de = { yes = "ja" } }'
_LANGUAGE = re.compile("[a-z]{2,3}(?:_[A-Z]{2})?")
_STAGE = "a text such as 'day 30', or a date"
_KIND = "'numeric' or 'categorical'"
_MARK = "'.' or ','"
_VALUES = "a list of numbers and texts"
_TABLE = 'a table of texts such as { "A+" = "A" }'
_COLUMN_KEYS = {
    "label": _SAID, "help": _SAID, "unit": _SAID, "group": _TEXT, "words": _WORDS,
    "minimum": _NUMBER, "maximum": _NUMBER,
    "integer": _FLAG, "sensitive": _FLAG, "actionable": _FLAG,
    "kind": _KIND, "categories": _TEXTS, "order": "a whole number",
    "missing": _VALUES, "decimal": _MARK, "percent": _FLAG, "known_before": _FLAG,
    "ordered": _FLAG, "at_risk": _TEXTS, "merge": _TABLE, "publish": _FLAG, "available": _STAGE,
    "synonyms": _TEXTS,
}  # fmt: skip
_TOP_KEYS = {
    "target": _TEXT, "title": _SAID, "description": _SAID, "groups": _HEADINGS, "stages": _TEXTS,
}  # fmt: skip


def _fits(value: Any, wanted: str) -> bool:
    if wanted == _TEXTS:
        return isinstance(value, list) and all(isinstance(item, str) for item in value)
    if wanted == _VALUES:
        return isinstance(value, list) and all(
            isinstance(item, str) or _fits(item, _NUMBER) for item in value
        )
    if wanted == _TABLE:
        return isinstance(value, dict) and all(isinstance(v, str) for v in value.values())
    if wanted == _MARK:
        return value in (".", ",")
    if wanted == _FLAG:
        return isinstance(value, bool)
    if wanted == _TEXT:
        return isinstance(value, str)
    if wanted == _SAID:
        return isinstance(value, str) or _is_by_language(value, _TEXT)
    if wanted == _HEADINGS:
        return isinstance(value, list) and all(
            isinstance(item, str) or (_is_by_language(item, _TEXT) and ENGLISH in item)
            for item in value
        )
    if wanted == _WORDS:
        return _is_by_language(value, _TABLE)
    if wanted == _STAGE:
        return bool(value.strip()) if isinstance(value, str) else _is_day(value)
    if wanted == _NUMBER:
        return (
            isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        )
    if wanted == _KIND:
        return value in ("numeric", "categorical")
    return isinstance(value, int) and not isinstance(value, bool)


def _is_by_language(value: Any, wanted: str) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(_LANGUAGE.fullmatch(key) and _fits(said, wanted) for key, said in value.items())
    )


def _is_day(value: Any) -> bool:
    return isinstance(value, datetime.date) and not isinstance(value, datetime.datetime)


def _take(
    values: Mapping[str, Any], allowed: Mapping[str, str], where: str, problems: list[Problem]
) -> dict[str, Any]:
    taken: dict[str, Any] = {}
    for key, value in values.items():
        if key not in allowed:
            close = difflib.get_close_matches(key, allowed, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else f" Known: {', '.join(allowed)}."
            if isinstance(value, dict) and not where:
                hint = " Columns are described in tables such as [columns.age]."
            problems.append(Problem(f"{where}{key} is not a known hint.{hint}"))
        elif not _fits(value, allowed[key]):
            shown = repr(shorten(value)) if isinstance(value, str) else shorten(value)
            problems.append(Problem(f"{where}{key} must be {allowed[key]}. Got {shown}."))
        else:
            taken[key] = _cleaned(value)
    return taken


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if _is_day(value):
        return value.isoformat()
    if isinstance(value, dict):
        return {clean(key): _cleaned(said) for key, said in value.items()}
    if isinstance(value, list):
        return tuple(format_number(v) if _fits(v, _NUMBER) else _cleaned(v) for v in value)
    return value


def _by_language(taken: dict[str, Any], keys: tuple[str, ...]) -> dict[str, dict[str, str]]:
    """Take from hints what they say in other languages than English, and return it by language."""
    found: dict[str, dict[str, str]] = {}
    for key in keys:
        if isinstance(taken.get(key), dict):
            for language, said in taken.pop(key).items():
                if language == ENGLISH:
                    taken[key] = said
                else:
                    found.setdefault(language, {})[key] = said
    return found


def _headings_by_language(top: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Leave the English headings in the hints, and return the others by language and heading."""
    found: dict[str, dict[str, str]] = {}
    english = []
    for heading in top.get("groups", ()):
        said = {ENGLISH: heading} if isinstance(heading, str) else heading
        english.append(said[ENGLISH])
        for language in said.keys() - {ENGLISH}:
            found.setdefault(language, {})[said[ENGLISH]] = said[language]
    top["groups"] = tuple(english)
    return found


def find_hints(data: Path) -> Path | None:
    """Return ``<stem>.schema.toml`` beside a table, None where there is none."""
    beside = data.parent / f"{data.stem}.schema.toml"
    return beside if beside.is_file() else None


def read_hints(path: Path) -> Hints:
    """Read a hints file.

    Raises
    ------
    ConfigurationError
        If it is absent, is no TOML, or says something unknown; with every problem.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise ConfigurationError(f"There is no hints file {path}.") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}.") from error
    except RecursionError as error:
        raise ConfigurationError(f"{path.name} is nested too deeply.") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigurationError(f"{path.name} cannot be read as TOML: {error}.") from error

    problems: list[Problem] = []
    columns: dict[str, ColumnHints] = {}
    spelling: dict[str, str] = {}
    listed = values.pop("columns", {})
    if not isinstance(listed, dict):
        problems.append(Problem("columns must be tables such as [columns.age]."))
        listed = {}
    top = _take(values, _TOP_KEYS, "", problems)
    top["translations"] = _by_language(top, ("title", "description"))
    top["headings_in"] = _headings_by_language(top)
    if not all(top.get("stages", ())):
        problems.append(Problem("stages must not name one that is empty."))
    for name, said in listed.items():
        if not isinstance(said, dict):
            problems.append(Problem(f"columns.{name} must be a table: [columns.{name}]."))
            continue
        taken = _take(said, _COLUMN_KEYS, f"columns.{name}.", problems)
        translations = _by_language(taken, ("label", "help", "unit"))
        hints = ColumnHints(**taken, translations=translations)
        problems += [Problem(f"columns.{name}{said}") for said in _contradictions(hints, top)]
        key = match_key(name)
        if key in columns:
            problems.append(
                Problem(f"columns.{name} and columns.{spelling[key]} are the same column.")
            )
        columns[key], spelling[key] = hints, name
    if problems:
        raise ConfigurationError(f"{path.name} has {len(problems)} problem(s).", problems)
    return Hints(**top, columns=columns, spelling=spelling)


def _contradictions(hints: ColumnHints, top: Mapping[str, Any]) -> list[str]:
    """Return what is said of a column and cannot be so, as the rest of 'columns.age…'."""
    found = []
    if hints.minimum is not None and hints.maximum is not None and hints.minimum > hints.maximum:
        found.append(f": minimum {hints.minimum} is above maximum {hints.maximum}.")
    if hints.categories is not None:
        if not all(hints.categories) or not hints.categories:
            found.append(".categories must name at least one, and none that is empty.")
        if repeated := {c for c in hints.categories if hints.categories.count(c) > 1}:
            found.append(f".categories names {', '.join(map(repr, sorted(repeated)))} twice.")
    if hints.says_numeric and hints.says_categorical:
        found.append(": a number has bounds, a category has a list: say one of the two.")
    groups, stages = top.get("groups", ()), top.get("stages", ())
    if groups and hints.group and hints.group not in groups:
        found.append(f".group {_not_in(hints.group, groups, 'groups')}")
    if stages and hints.available and stage_key(hints.available) not in map(stage_key, stages):
        found.append(f".available {_not_in(hints.available, stages, 'stages')}")
    return found


def _not_in(said: str, listed: tuple[str, ...], of_what: str) -> str:
    close = difflib.get_close_matches(said, listed, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"{said!r} is not in the list of {of_what}.{hint}"
