"""The OpenAPI document, made from the schema that was saved with the model."""

from __future__ import annotations

from typing import Any

import src
from appBackend.answer_schemas import answers_for, ref
from src.schema.features import (
    LARGEST_NUMBER,
    LONGEST_GROUP,
    SHOWN_CHOICES,
    CategoricalFeature,
    GroupFeature,
    NumericFeature,
)
from src.schema.record import Schema
from src.tables.cells import format_number, parse_number
from src.web.single.json_answers import MOST_RECORDS

JSON = "application/json"
CSV = "text/csv"
ERRORS = {
    "400": "The body is not what the route takes; the message says what is.",
    "401": "The API key is missing, or not good.",
    "413": "The body is too large.",
    "415": "The body is of another kind than the route takes.",
    "422": "The record does not fit; every problem is listed.",
    "429": "Too many requests within a minute.",
    "503": "No model is loaded, or there is no room for a file; the message says why.",
}
REFUSALS = ("400", "413", "415", "422", "503")
_TEXT = {"type": "string"}
REQUEST_ID = {"description": "Names the request in the log.", "schema": _TEXT}


def openapi_document(
    schema: Schema,
    model_version: str,
    *,
    prefix: str,
    keys: bool,
    limited: bool,
    kept: bool = False,
) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of the API for one model.

    Parameters
    ----------
    schema : Schema
        The model's: it gives names, allowed values, bounds and examples.
    model_version : str
        Run id.
    prefix : str
        Where the API is mounted.
    keys, limited : bool
        Whether the API asks for keys, and whether it limits requests.
    kept : bool
        Whether predictions are kept: records may then say whom they are of, and answers have ids.
    """
    paths = {prefix + path: methods for path, methods in _paths(schema).items()}
    for path, methods in paths.items():
        if not path.endswith(("/health", "/ready")):
            for operation in methods.values():
                _guard(operation, keys=keys, limited=limited)
    schemas = {"Record": record_schema(schema), **answers_for(schema)}
    if kept:
        _add_what_is_kept(schemas, schema)
    components: dict[str, Any] = {"schemas": schemas}
    if keys:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
    made_for = f"This document was made for model {model_version}."
    return {
        "openapi": "3.1.0",
        "info": {
            "title": schema.title or f"Predict {schema.target.label or schema.target.name}",
            "version": src.__version__,
            "description": f"{schema.description} {made_for}".strip(),
        },
        "paths": paths,
        "components": components,
    }


def _paths(schema: Schema) -> dict[str, dict[str, Any]]:
    record, target = example_record(schema), schema.target.name
    metrics = _response("Prometheus's text format.", _TEXT, "text/plain")
    return {
        "/predict": _route(
            "post",
            "predict",
            f"Predict {target} for one record",
            "Numbers may be sent as text. A value outside what training saw is predicted, with a "
            "warning.",
            _responses("The prediction.", "Answer", *REFUSALS),
            parameters=[_CONTRIBUTIONS],
            requestBody=_body(ref("Record"), record),
        ),
        "/predict/batch": _route(
            "post",
            "predictBatch",
            f"Predict {target} for a list of records or a file",
            _batch_description(schema),
            _batch_responses(),
            requestBody=_body(_BATCH, [record, record]),
        ),
        "/schema": _get(
            "schema",
            "What a record must look like",
            "Everything that a form needs.",
            "Schema",
            "503",
        ),
        "/model": _get(
            "model",
            "Which model answers",
            "When and on what it was trained, and how good it is.",
            "Model",
            "503",
        ),
        "/health": _get(
            "health",
            "Whether the process is alive",
            "Whatever the model.",
            "Health",
        ),
        "/ready": _get(
            "ready",
            "Whether a model is loaded",
            "With the reason where none is.",
            "Ready",
            "503",
        ),
        "/metrics": _route(
            "get",
            "metrics",
            "Counts for Prometheus",
            "Of all workers: requests, how long they took, records.",
            {"200": metrics, **_errors()},
        ),
    }


def _guard(operation: dict[str, Any], *, keys: bool, limited: bool) -> None:
    """Add to an operation what it asks of its callers."""
    if keys:
        operation["security"] = [{"key": []}]
        operation["responses"]["401"] = _error("401")
    if limited:
        operation["responses"]["429"] = _error("429")


def _add_what_is_kept(schemas: dict[str, Any], schema: Schema) -> None:
    """Add what a record may say beside its answers, and the id of each prediction."""
    said = {name: about for name, about in _ABOUT.items() if name not in schema.headings}
    record = schemas["Record"]
    record["properties"] = {**record["properties"], **said}
    answer = schemas["Answer"]
    answer["properties"] = {**answer["properties"], **_PREDICTION_ID}
    predicted = schemas["BatchAnswer"]["properties"]["predictions"]["items"]["anyOf"][0]
    predicted["properties"] = {**predicted["properties"], **_PREDICTION_ID}


_WHO = {"type": ["string", "integer", "null"], "minLength": 1, "maxLength": 200}
_ABOUT = {
    "subject": {**_WHO, "description": "Who it is. Only a keyed hash of it is kept."},
    "group": {**_WHO, "description": "The class or school."},
    "as_of": {
        "type": ["string", "null"],
        "format": "date",
        "description": "The day that the answers are of; today unless given.",
    },
}
_PREDICTION_ID = {
    "prediction_id": {
        "type": "string",
        "format": "uuid",
        "description": "Names the prediction when its outcome is known.",
    }
}


def record_schema(schema: Schema) -> dict[str, Any]:
    """Return the JSON Schema of a record."""
    return {
        "type": "object",
        "properties": {feature.name: feature_schema(feature) for feature in schema.asked},
        "required": [feature.name for feature in schema.features if not feature.optional],
        "additionalProperties": False,
        "examples": [example_record(schema)],
    }


def feature_schema(
    feature: NumericFeature | CategoricalFeature | GroupFeature,
) -> dict[str, Any]:
    """Return the JSON Schema of a feature's value, texts that stand for numbers included."""
    words = {"title": feature.label or feature.name}
    unit = feature.unit if isinstance(feature, NumericFeature) else ""
    if description := " ".join(part for part in (feature.help, unit and f"In {unit}.") if part):
        words["description"] = description
    if isinstance(feature, GroupFeature):
        return words | _group_value(feature)
    if isinstance(feature, CategoricalFeature):
        return words | {"enum": _choices(feature), "examples": [_example(feature)]}
    low = -LARGEST_NUMBER if feature.minimum is None else feature.minimum
    high = LARGEST_NUMBER if feature.maximum is None else feature.maximum
    ways: list[dict[str, Any]] = [{"type": "number", "minimum": low, "maximum": high}]
    ways.append({**_NUMBER_AS_TEXT, "examples": [str(_example(feature))]})
    if feature.optional:
        ways.append({"enum": [None, ""]})
    return words | {"anyOf": ways, "examples": [_example(feature)]}


def example_record(schema: Schema) -> dict[str, Any]:
    """Return a record of values that training saw, numbers in the middle of their range.

    It names a group only where groups may be published.
    """
    record = {feature.name: _example(feature) for feature in schema.features}
    if schema.group is not None and schema.group.names:
        record[schema.group.name] = schema.group.names[0]
    return record


def _example(feature: NumericFeature | CategoricalFeature) -> float | str:
    if isinstance(feature, CategoricalFeature):
        plain = (category for category in feature.categories if "'" not in category)
        return next(plain, feature.categories[0])  # one that a shell takes between quotes
    middle = feature.short((feature.observed_minimum + feature.observed_maximum) / 2)
    return int(middle) if middle.is_integer() else middle


def _group_value(group: GroupFeature) -> dict[str, Any]:
    """Return the JSON Schema of a group's name: any text, or the number that it is."""
    says = "Any text; one that training did not know counts as an average one."
    value: dict[str, Any] = {
        "type": ["string", "number", "null"],
        "maxLength": LONGEST_GROUP,
        "minimum": -LARGEST_NUMBER,
        "maximum": LARGEST_NUMBER,
        "description": f"{group.help} {says}".strip(),
    }
    return value | ({"examples": [*group.names[:SHOWN_CHOICES]]} if group.names else {})


def _choices(feature: CategoricalFeature) -> list[Any]:
    """Return the categories, and the numbers and truth values that stand for one of them."""
    choices: list[Any] = list(feature.categories)
    meant: dict[str, list[str]] = {}
    for category in feature.categories:
        number = parse_number(category)
        if number is not None:
            meant.setdefault(format_number(number), []).append(category)
    choices += [
        int(text) if text.lstrip("-").isdigit() else float(text)
        for text, categories in meant.items()
        if len(categories) == 1
    ]
    folded = [category.casefold() for category in feature.categories]
    choices += [truth for truth in (True, False) if folded.count(str(truth).casefold()) == 1]
    return [*choices, None, ""] if feature.optional else choices


# --- pieces ---------------------------------------------------------------------------------------


def _body(schema: dict[str, Any], example: Any) -> dict[str, Any]:
    return {"required": True, "content": {JSON: {"schema": schema, "example": example}}}


def _response(description: str, schema: dict[str, Any], kind: str = JSON) -> dict[str, Any]:
    return {
        "description": description,
        "headers": {"X-Request-ID": REQUEST_ID},
        "content": {kind: {"schema": schema}},
    }


def _error(status: str) -> dict[str, Any]:
    error = _response(ERRORS[status], ref("Error"))
    if status == "429":
        seconds = {"description": "Seconds to wait.", "schema": {"type": "integer", "minimum": 1}}
        error["headers"] = {**error["headers"], "Retry-After": seconds}
    return error


def _errors(*statuses: str) -> dict[str, Any]:
    return {
        **{status: _error(status) for status in statuses},
        "default": _response("Anything else that went wrong, in the same shape.", ref("Error")),
    }


def _responses(description: str, name: str, *statuses: str) -> dict[str, Any]:
    return {"200": _response(description, ref(name)), **_errors(*statuses)}


def _batch_responses() -> dict[str, Any]:
    description = (
        "A prediction or null for each record, in order. Where a file was sent, CSV; where "
        "its list was asked for, the students of it."
    )
    responses = _responses(description, "BatchAnswer", *REFUSALS)
    answers = [ref("BatchAnswer"), ref("ListAnswer")]
    responses["200"]["content"][JSON]["schema"] = {"anyOf": answers}
    responses["200"]["content"][CSV] = {"schema": _TEXT}
    responses["200"]["headers"]["X-Summary"] = {
        "description": "Of a file: how it was read and what came of its rows, as JSON.",
        "schema": _TEXT,
    }
    return responses


def _get(name: str, summary: str, description: str, answer: str, *statuses: str) -> dict[str, Any]:
    responses = _responses(f"{summary}.", answer, *statuses)
    return _route("get", name, summary, description, responses)


def _route(
    method: str, name: str, summary: str, description: str, responses: dict[str, Any], **more: Any
) -> dict[str, Any]:
    operation = {"operationId": name, "summary": summary, "description": description}
    return {method: {**operation, "responses": responses, **more}}


# What a table must be cannot be said in JSON Schema, and a content without it says that anything
# goes: so files stand here in words.
def _batch_description(schema: Schema) -> str:
    if schema.task == "regression":
        columns, quality = _NUMBER_COLUMNS, "those below the pass mark"
    else:
        columns, quality = _OUTCOME_COLUMNS, "those with the largest chance of being at risk"
    groups = ""
    if schema.group is not None:
        groups = (
            f"; of {schema.group.name}, a column that may be left out, how many rows are of how "
            "many groups that the model does not know, and how many of none (group)"
        )
    return f"""What is wrong with one record does not stop the others: its prediction is \
null, and its problems stand among the errors.

A file is taken too: CSV as the body with Content-Type {CSV}, or CSV or Excel as the part `file` \
of multipart/form-data. Its first row names the features. It comes back as {CSV}, row by row, with \
the columns {columns}. Of a workbook, the query `sheet=NAME` \
reads that sheet and `all_sheets=1` all of them; else the first whose columns fit. The header \
X-Summary holds JSON: how many rows were predicted, refused and left out since they are no pupils \
(n_skipped), how many cells were mended, which sheets there are and which were read, the \
encoding where it was guessed, and in words how good a list of {quality} is \
(at_risk){groups}. What was mended in a row stands in its column problem.

With the query `list=1` a file is answered in JSON: how it was read, the students in the order of \
the class page, those who need help most first, each with a tag and the reasons, how many will \
probably turn out at risk, and the CSV in the field file."""


_NUMBER_COLUMNS = (
    "prediction, low_90, high_90 and problem; the query `pass_mark=NUMBER` adds whether a "
    "prediction is below that mark, and how likely the truth is"
)
_OUTCOME_COLUMNS = (
    "prediction, the chance of each outcome (`p_` and its name), set_90, which holds what cannot "
    "be ruled out, and problem"
)
_BATCH = {
    "type": "array",
    "minItems": 1,
    "description": "Records, each as /predict takes it; an item that is not an object becomes one "
    f"problem. At most {MOST_RECORDS:,}, and no more than the body may hold.",
    "items": {},
}
# JSON Schema bounds numbers, but not the texts that stand for them.
_NUMBER_AS_TEXT = {**_TEXT, "description": "Such a number as text; other text is refused (422)."}
_CONTRIBUTIONS = {
    "name": "contributions",
    "in": "query",
    "description": "1 for what each feature adds to the prediction.",
    "schema": {"type": "integer", "enum": [0, 1], "default": 0},
}
