"""From the body of a request to the record that it holds. JSON is read strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from src.exception import DataValidationError, Problem
from src.pipelines.predict_pipeline import Prediction, Predictor
from src.schema import Schema, shorten

LONGEST_INTEGER = 308  # digits that a float can hold
TOLD = 50  # wrong names that are told one by one: a body can hold very many


class MalformedBody(ValueError):
    """A body that holds no record at all; the message says what is expected."""


@dataclass(frozen=True)
class Submission:
    """A record as somebody sent it, and what is wrong with it before its values are looked at."""

    record: Mapping[str, object]
    problems: tuple[Problem, ...] = ()
    from_form: bool = False

    def predict(self, predictor: Predictor) -> Prediction:
        """Predict the record.

        Raises
        ------
        DataValidationError
            With every problem of the record.
        """
        problems = list(self.problems)
        try:
            prediction = predictor.predict_record(self.record, form=self.from_form)
        except DataValidationError as error:
            problems += error.problems
        if problems:
            raise DataValidationError(problems=problems)
        return prediction


def read_form(fields: Mapping[str, list[str]], schema: Schema) -> Submission:
    """Return the record of a posted form.

    Parameters
    ----------
    fields : mapping of str to list of str
        Everything that was sent under each name, without the token.
    schema : Schema
        The model's: an extra field is a problem, and so is one that was sent twice.
    """
    labels = {feature.name: feature.label for feature in schema.features}
    problems = []
    for name, sent in fields.items():
        got = shorten(sent[0])
        if name not in labels:
            problems.append(Problem(f"{shorten(name)} is not a field of this form.", got=got))
        elif len(sent) > 1:
            message = f"{labels[name]} was sent {len(sent)} times. Send it once."
            problems.append(Problem(message, name, got=got))
    record = {name: sent[0] for name, sent in fields.items() if name in labels}
    return Submission(record, _told(problems), from_form=True)


def read_json(body: bytes, schema: Schema) -> Submission:
    """Return the record of a JSON body.

    A number that no float can hold becomes its own text and NaN stays what it is: the schema
    refuses both by name.

    Raises
    ------
    MalformedBody
        If the body is not one JSON object.
    """
    expected = f"Send a JSON object with a value for each of {', '.join(schema.names)}."
    if not body.strip():
        raise MalformedBody(f"The body is empty. {expected}")
    reader = _JSONReader()
    try:
        record = reader.read(body)
    except RecursionError:
        raise MalformedBody(f"The JSON is nested too deeply. {expected}") from None
    except UnicodeDecodeError:
        raise MalformedBody(f"The body is not UTF-8 text. {expected}") from None
    except json.JSONDecodeError as error:
        raise MalformedBody(
            f"The body is not JSON: {error.msg} (line {error.lineno}, column {error.colno}). "
            f"{expected}"
        ) from None
    if not isinstance(record, dict):
        raise MalformedBody(f"The body is {_KINDS[type(record)]}. {expected}")
    return Submission(record, _told(reader.problems))


def _told(problems: list[Problem]) -> tuple[Problem, ...]:
    more = len(problems) - TOLD
    rest = [Problem(f"{more} more names are wrong in the same way.")] if more > 0 else []
    return (*problems[:TOLD], *rest)


_KINDS = {
    list: "a list", str: "a text", int: "a number", float: "a number", bool: "true or false",
    type(None): "null",
}  # fmt: skip


@dataclass
class _JSONReader:
    problems: list[Problem] = field(default_factory=list)

    def read(self, body: bytes) -> Any:
        return json.loads(
            body.decode("utf-8-sig"),
            object_pairs_hook=self._object,
            parse_int=lambda text: int(text) if len(text) <= LONGEST_INTEGER else text,
            parse_float=lambda text: n if math.isfinite(n := float(text)) else text,
        )

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in pairs:
            if key in values:
                name = shorten(key)
                self.problems.append(
                    Problem(f"{name} stands there twice. Keep one.", name, got=shorten(value))
                )
            values[key] = value
        return values
