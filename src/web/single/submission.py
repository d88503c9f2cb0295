"""From the body of a request to the record that it holds. JSON is read strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from src.exception import DataValidationError, Problem
from src.language import gettext as _
from src.schema.record import Schema
from src.serving.predictor import Answered, Predictor
from src.tables.cells import shorten

LONGEST_INTEGER = 308  # digits that a float can hold
LISTED = 50  # wrong names that are listed; a body can hold very many


class MalformedBody(ValueError):
    """A body that holds no record; the message says what is expected."""


@dataclass(frozen=True)
class Submission:
    """A record as it was sent, and what is wrong with its names; its values are not checked yet."""

    record: Mapping[str, object]
    problems: tuple[Problem, ...] = ()
    from_form: bool = False

    def predict(self, predictor: Predictor, *, suggest: bool = True) -> Answered:
        """Predict the record; ``suggest`` as for :meth:`Schema.check_record`.

        Raises
        ------
        DataValidationError
            With every problem of the record.
        """
        try:
            prediction = predictor.predict_record(self.record, form=self.from_form, suggest=suggest)
        except DataValidationError as error:
            if not self.problems:
                raise
            raise DataValidationError(problems=(*self.problems, *error.problems)) from error
        if self.problems:
            raise DataValidationError(problems=self.problems)
        return prediction


def read_form(fields: Mapping[str, list[str]], schema: Schema) -> Submission:
    """Return the record of a posted form, from everything that was sent under each name.

    Fields that the model's schema does not have, and fields sent twice, become problems.
    """
    labels = {feature.name: feature.label for feature in schema.asked}
    problems = []
    for name, sent in fields.items():
        got = shorten(sent[0])
        if name not in labels:
            said = _("%(name)s is not a field of this form.", name=shorten(name))
            problems.append(Problem(said, got=got))
        elif len(sent) > 1:
            message = _(
                "%(label)s was sent %(n)s times. Send it once.", label=labels[name], n=len(sent)
            )
            problems.append(Problem(message, name, got=got))
    record = {name: sent[0] for name, sent in fields.items() if name in labels}
    return Submission(record, _listed(problems), from_form=True)


def read_json(body: bytes, schema: Schema) -> Submission:
    """Return the record of a JSON body.

    Raises
    ------
    MalformedBody
        If the body is not one JSON object.
    """
    value = _parse(body, schema, _RECORD)
    if not isinstance(value, dict):
        raise MalformedBody(f"The body is {_KINDS[type(value)]}. {_expected(_RECORD, schema)}")
    return _submission(value)


def read_json_list(body: bytes, schema: Schema) -> list[Submission]:
    """Return the records of a JSON list; an item that is not an object becomes one problem.

    Raises
    ------
    MalformedBody
        If the body is not a JSON list, or an empty one.
    """
    value = _parse(body, schema, _LIST)
    if not isinstance(value, list) or not value:
        got = "an empty list" if value == [] else _KINDS.get(type(value), "an object")
        raise MalformedBody(f"The body is {got}. {_expected(_LIST, schema)}")
    return [_submission(item) for item in value]


_RECORD = "a JSON object with a value for each of {names}"
_LIST = "a JSON list of objects, each with a value for each of {names}"
_KINDS = {
    list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip


def _expected(what: str, schema: Schema) -> str:
    return f"Send {what.format(names=', '.join(schema.names))}."


def _parse(body: bytes, schema: Schema, what: str) -> Any:
    """Return what a body spells.

    A number that no float can hold becomes its own text and NaN stays what it is: the schema
    refuses both by name.
    """
    if not body.strip():
        raise MalformedBody(f"The body is empty. {_expected(what, schema)}")
    try:
        return _decode(body.decode("utf-8-sig"))
    except RecursionError:
        problem = "The JSON is nested too deeply."
    except UnicodeDecodeError:
        problem = "The body is not UTF-8 text."
    except json.JSONDecodeError as error:
        problem = f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})."
    raise MalformedBody(f"{problem} {_expected(what, schema)}")


class _Repeated(dict[str, Any]):
    """An object that repeats a key; the last value counts."""

    problems: tuple[Problem, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    repeated, seen, problems = _Repeated(values), set(), []
    for key, value in pairs:
        if key in seen:
            name = shorten(key)
            message = f"{name} stands there twice. Keep one."
            problems.append(Problem(message, name, got=shorten(value)))
        seen.add(key)
    repeated.problems = _listed(problems)
    return repeated


def _integer(text: str) -> int | str:
    return int(text) if len(text) <= LONGEST_INTEGER else text


def _float(text: str) -> float | str:
    number = float(text)
    return number if math.isfinite(number) else text


# One decoder for all requests: making one takes longer than reading a record.
_decode = json.JSONDecoder(object_pairs_hook=_object, parse_int=_integer, parse_float=_float).decode


def _submission(value: Any) -> Submission:
    return Submission(value, value.problems if isinstance(value, _Repeated) else ())


def _listed(problems: list[Problem]) -> tuple[Problem, ...]:
    more = len(problems) - LISTED
    rest = [Problem(_("%(n)s more names are wrong in the same way.", n=more))] if more > 0 else []
    return (*problems[:LISTED], *rest)
