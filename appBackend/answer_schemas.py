"""JSON Schemas of what the API answers, the same for every model but for the target."""

from __future__ import annotations

from typing import Any, get_args

from src.compiled.contributions import Method
from src.schema.features import ClassTarget, GroupFeature, NumericFeature
from src.schema.record import Schema


def ref(name: str) -> dict[str, str]:
    """Return a reference to one of the document's schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def object_of(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    """Return the schema of an object with these properties."""
    return {"type": "object", "properties": required | optional, "required": list(required)}


_TEXT = {"type": "string"}
_NUMBER = {"type": "number"}
_COUNT = {"type": "integer", "minimum": 0}
_TRUE = {"const": True}
_OR_NULL = {"type": ["string", "null"]}
_PROBLEM = {"field": _OR_NULL, "message": _TEXT, "got": _OR_NULL}
_LIST_OF_PROBLEMS = {"type": "array", "items": ref("Problem")}
_INTERVALS = {
    "type": "object",
    "description": "Ends of a range by the share of students whose scores such ranges hold.",
    "additionalProperties": {"type": "array", "items": _NUMBER, "minItems": 2, "maxItems": 2},
}
_CHANCE = {**_NUMBER, "minimum": 0, "maximum": 1}
_PASS_MARK = object_of({"mark": _NUMBER, "probability_below": _CHANCE})
_CONTRIBUTIONS_ANSWER = {
    **object_of(
        {
            "base": _NUMBER,
            "values": {"type": "object", "additionalProperties": _NUMBER},
            "method": {"enum": [*get_args(Method)]},
        }
    ),
    "type": ["object", "null"],
}
_NO_CONTRIBUTIONS = "Null, with a warning, where none can be given."
_NUMBERS = {"type": "array", "items": _NUMBER}
_ESTIMATE = object_of({"value": _NUMBER, "low": _NUMBER, "high": _NUMBER})
_OR_NO_ESTIMATE = {"anyOf": [_ESTIMATE, {"type": "null"}]}
_NUMBER_GROUP = {"mean_error": _ESTIMATE, "mae": _ESTIMATE, "rmse": _ESTIMATE}
_OF_NUMBER_GROUP: dict[str, Any] = {
    "coverage": {
        "type": "object",
        "description": "Share of the students inside their range, by level.",
        "additionalProperties": _ESTIMATE,
    }
}
_OUTCOME_GROUP = {
    "expected": _NUMBER,
    "calibration": _ESTIMATE,
    "listed": _OR_NO_ESTIMATE,
    "false_alarms": _OR_NO_ESTIMATE,
    "missed": _OR_NO_ESTIMATE,
}
_OF_OUTCOME_GROUP: dict[str, Any] = {
    "n_event": {**_COUNT, "type": ["integer", "null"], "description": "Who ended at risk."}
}
_P_VALUES = {
    "type": "object",
    "description": "Of a figure against all other students, adjusted for all comparisons.",
    "additionalProperties": _NUMBER,
}
_NUMBER_FAIRNESS = (
    "Errors by each sensitive feature. A mean error is actual less predicted: above zero, the "
    "predictions are too low."
)
_OUTCOME_FAIRNESS = (
    "Chances and a list by them, by each sensitive feature: the mean chance that was expected, the "
    "share that came true less it (calibration), and who was listed, listed in vain or missed."
)


_TEXTS = {"type": "array", "items": _TEXT}
_FINDING = object_of(
    {
        "kind": _TEXT,
        "severity": {"enum": ["stop", "warning", "note"]},
        "columns": _TEXTS,
        "counts": {"type": "object"},
        "rows": {"type": "array", "maxItems": 0, "description": "Never told by the API."},
        "message": _TEXT,
        "advice": _TEXT,
        "options": _TEXTS,
    }
)
_VERSION = {"type": "string", "description": "The run that answered."}
_VALUE = {"type": ["number", "string", "null"]}
_REASON = object_of({"feature": _TEXT, "value": _VALUE, "adds": _NUMBER})
_LISTED = object_of(
    {
        "row": {**_COUNT, "minimum": 1, "description": "Of the CSV, below its header."},
        "line": {**_COUNT, "description": "Of the file that was sent."},
        "tag": {"enum": ["at_risk", "borderline", "uncertain", None]},
        "chance": {
            **_CHANCE,
            "type": ["number", "null"],
            "description": "Of being at risk. Null where nobody said who is, or an answer lies far "
            "outside what training saw.",
        },
        "reasons": {
            "type": ["array", "null"],
            "description": "The answers that pull towards risk, without sensitive ones: what each "
            "adds to the prediction, or to a chance, of 100. Null where nobody looked: of students "
            "who are neither at risk nor borderline, and of the last ones of a long list.",
            "items": _REASON,
        },
        "doubts": {
            "type": "array",
            "description": "Answers of which the model knows little: blank, or not seen in "
            "training.",
            "items": object_of({"feature": _TEXT, "value": _VALUE}),
        },
    }
)
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_READING = {
    "sheets_read": {**_TEXTS, "description": "Of a workbook."},
    "sheets": {**_TEXTS, "description": "All that a workbook has."},
    "encoding": {**_TEXT, "description": "Where it was guessed; else empty."},
    "mended": {**_COUNTS, "description": "Cells that were mended, by column."},
    "warnings": {**_COUNTS, "description": "Rows outside what training saw, by column."},
    "group": {
        **object_of(
            {},
            column=_TEXT,
            n_unknown=_COUNT,
            n_unknown_groups=_COUNT,
            n_without=_COUNT,
        ),
        "description": "Rows that count as of an average group; empty where groups have no effect.",
    },
    "at_risk": {
        **_TEXT,
        "description": "How good a list of those at risk is, in a sentence. Empty where that was "
        "not counted: without a pass mark or outcomes at risk, or where the students held out of "
        "training are too few.",
    },
}
_LIST_ANSWER = object_of(
    {
        "ok": _TRUE,
        "unit": _TEXT,
        "target": _TEXT,
        "model_version": _VERSION,
        **dict.fromkeys(("n_rows", "n_predicted", "n_refused", "n_skipped", "n_mended"), _COUNT),
        **_READING,
        "n_at_risk": {
            "type": ["integer", "null"],
            "description": "Null where nobody said who is: there is no pass mark, and the hints "
            "name no outcomes.",
        },
        "n_borderline": _COUNT,
        "n_uncertain": _COUNT,
        "likely": {
            "type": ["array", "null"],
            "description": "Between which numbers of students will probably turn out at risk (9 in "
            "10 such lists).",
            "items": _COUNT,
        },
        "reasons_unavailable": {**_TEXT, "description": "Why there are no reasons; else empty."},
        "students": {
            "type": "array",
            "description": "Those who were predicted, those who need help most first: of a number, "
            "those below the pass mark; of outcomes, the largest chance. Of a long file, the first "
            "ones.",
            "items": _LISTED,
        },
        "file": {**_TEXT, "description": "All rows with their predictions, as CSV."},
    }
)
ANSWERS = {
    "Problem": object_of(_PROBLEM),
    "RowProblem": object_of({"row": {**_COUNT, "minimum": 1}, **_PROBLEM}),
    "Error": object_of(
        {
            "ok": {"const": False},
            "error": _TEXT,
            "errors": _LIST_OF_PROBLEMS,
            "status": {"type": "integer"},
        }
    ),
    "Schema": object_of(
        {
            "ok": _TRUE,
            "model_version": _VERSION,
            "version": {"type": "integer", "description": "Of this form of the schema."},
            "title": _TEXT,
            "description": _TEXT,
            "groups": {"type": "array", "items": _TEXT},
            "people": {
                **_TEXTS,
                "description": "Columns of the table that say who it is.",
            },
            "as_of": {"type": "string", "description": "By when the features are known."},
            "task": {"enum": ["regression", "binary", "ordinal", "classes"]},
            "target": {"type": "object"},
            "features": {"type": "array", "items": {"type": "object"}},
        },
        group={
            "type": "object",
            "description": "The column of groups that have an effect, where there is one. Its "
            "names are empty unless the hints allow them to be published.",
        },
        translations={"type": "object", "description": "Title and description, by language."},
        headings_in={"type": "object", "description": "Headings of groups, by language."},
    ),
    "ListAnswer": _LIST_ANSWER,
    "Health": object_of({"ok": _TRUE}),
    "Ready": object_of({"ok": _TRUE, "model_version": _VERSION, "problem": _OR_NULL}),
}


def answers_for(schema: Schema) -> dict[str, Any]:
    """Return the schemas of all answers, of which those with predictions are the model's own."""
    target = schema.target
    required, optional = (
        _outcome_fields(target) if isinstance(target, ClassTarget) else _number_fields(target)
    )
    if schema.group is not None:
        required["group"] = _group_answer(schema.group)
    predicted = object_of({**required, "warnings": _LIST_OF_PROBLEMS}, **optional)
    return {
        **ANSWERS,
        "Model": object_of(
            {
                "ok": _TRUE,
                "model_version": _VERSION,
                "model": _TEXT,
                "target": _TEXT,
                "unit": _TEXT,
                "trained_at": {"type": "string", "format": "date-time"},
                "trained_on": {"type": "object"},
                "backend": {"enum": ["compiled", "pickles"]},
                "fallback_reason": _OR_NULL,
                "metrics": {"type": "object"},
                "findings": {
                    "type": "array",
                    "description": "What the check of the training table found.",
                    "items": _FINDING,
                },
                "report": _report_for(target),
                "python": _TEXT,
                "libraries": {"type": "object", "additionalProperties": _TEXT},
            }
        ),
        "Answer": object_of(
            {
                "ok": _TRUE,
                **required,
                "result": {**required["prediction"], "description": "The same value."},
                "unit": {"const": target.unit},
                "target": {"const": target.name},
                "model_version": _VERSION,
                "warnings": _LIST_OF_PROBLEMS,
            },
            **optional,
            contributions=_CONTRIBUTIONS_ANSWER | {"description": _contributions_words(target)},
        ),
        "BatchAnswer": object_of(
            {
                "ok": _TRUE,
                "unit": _TEXT,
                "target": _TEXT,
                "model_version": _VERSION,
                "n_records": _COUNT,
                "n_refused": _COUNT,
                "predictions": {
                    "type": "array",
                    "items": {"anyOf": [predicted, {"type": "null"}]},
                },
                "errors": {"type": "array", "items": ref("RowProblem")},
            }
        ),
    }


def _group_answer(group: GroupFeature) -> dict[str, Any]:
    """Return the schema of what is said of a record's group."""
    known = {
        "type": ["boolean", "null"],
        "description": "Whether training knew it, with 10 students or more; else the record counts "
        "as of an average one, with a wider range. Null where none was sent.",
    }
    return object_of({"column": {"const": group.name}, "known": known})


def _number_fields(target: NumericFeature) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is always said of a number, and what only some runs say."""
    value: dict[str, Any] = {**_NUMBER, "description": f"{target.label or target.name}."}
    if target.minimum is not None:
        value["minimum"] = target.minimum
    if target.maximum is not None:
        value["maximum"] = target.maximum
    return {"prediction": value, "intervals": _INTERVALS}, {"pass_mark": _PASS_MARK}


def _outcome_fields(target: ClassTarget) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is always said of an outcome, and what is where some are at risk."""
    labels = [*target.categories]
    label = {"enum": labels}
    outcomes = {"type": "array", "items": label, "uniqueItems": True}
    always = {
        "prediction": {**label, "description": f"{target.label or target.name}: the likeliest."},
        "probabilities": {
            **object_of(dict.fromkeys(labels, _CHANCE)),
            "additionalProperties": False,
            "description": "Calibrated chances of the outcomes; they sum to 1.",
        },
        "set": {**outcomes, "description": "That of sets for 0.9."},
        "sets": {
            "type": "object",
            "description": "Outcomes that cannot be ruled out, the likeliest first, by the share "
            "of all students whose outcome is in their set.",
            "additionalProperties": outcomes,
        },
    }
    if not target.at_risk:
        return always, {}
    at_risk = {
        "outcomes": {"const": [*target.at_risk]},
        "probability": _CHANCE,
        "low": _CHANCE,
        "high": _CHANCE,
    }
    words = (
        "Chance of the outcomes that help should prevent. On average over students with such "
        "chances, the share who end so lies between low and high (a 95 % interval from training "
        "rows): no confidence interval of this student's own chance. 0 and 1 where an answer lies "
        "so far outside what training saw that little is known."
    )
    return {**always, "at_risk": object_of(at_risk) | {"description": words}}, {}


def _contributions_words(target: NumericFeature | ClassTarget) -> str:
    if isinstance(target, NumericFeature):
        what = "the prediction before it is clipped to the target's range"
    elif target.at_risk:
        what = "the chance of being at risk"
    else:
        what = "the chance of the outcome that is predicted"
    return f"Interventional Shapley values: base and values sum to {what}. {_NO_CONTRIBUTIONS}"


def _report_for(target: NumericFeature | ClassTarget) -> dict[str, Any]:
    """Return the schema of what was measured after training."""
    if isinstance(target, ClassTarget):
        group, more, fairness = _OUTCOME_GROUP, _OF_OUTCOME_GROUP, _OUTCOME_FAIRNESS
    else:
        group, more, fairness = _NUMBER_GROUP, _OF_NUMBER_GROUP, _NUMBER_FAIRNESS
    one = object_of({"label": _TEXT, "n_samples": _COUNT, **group}, **more, p_values=_P_VALUES)
    return {
        "type": ["object", "null"],
        "description": "Measured on the held-out rows after training; null until it is, and where "
        "training was told to be quick.",
        "properties": {
            "importance": {
                "type": "array",
                "description": "How far a feature moves predictions on average, and how far R² "
                "(of outcomes: the saved share of the log loss) falls when a model is fitted "
                "without it; null where that was not measured.",
                "items": object_of(
                    {
                        "feature": _TEXT,
                        "mean_absolute_contribution": _NUMBER,
                        "r2_drop": _OR_NO_ESTIMATE,
                    }
                ),
            },
            "refitted": {
                "type": ["object", "null"],
                "description": "Which family was fitted without features, its R² with all, and "
                "sets of features that go together.",
                "properties": {
                    "label": _TEXT,
                    "r2": _NUMBER,
                    "n_samples": _COUNT,
                    "baseline_log_loss": {
                        "type": ["number", "null"],
                        "description": "Of outcomes: of their shares alone.",
                    },
                    "together": {
                        "type": "array",
                        "items": object_of(
                            {"features": {"type": "array", "items": _TEXT}, "r2_drop": _ESTIMATE}
                        ),
                    },
                },
            },
            "partial_dependence": {
                "type": "array",
                "description": "The mean prediction (of outcomes: the mean chance) if all had one "
                "value of a feature, value by value, and between which ends most are.",
                "items": object_of(
                    {
                        "feature": _TEXT,
                        "at": {"type": "array", "items": {"type": ["number", "string", "null"]}},
                        "mean": _NUMBERS,
                        "low": _NUMBERS,
                        "high": _NUMBERS,
                    },
                    outcome={**_TEXT, "description": "Whose chance it is; of numbers, empty."},
                ),
            },
            "fairness": {
                "type": ["object", "null"],
                "description": fairness,
                "properties": {
                    "n_samples": _COUNT,
                    "n_listed": {**_COUNT, "type": ["integer", "null"]},
                    "least_rows": {**_COUNT, "description": "Smaller groups are suppressed."},
                    "sentences": {"type": "array", "items": _TEXT},
                    "findings": {
                        "type": "array",
                        "description": "What the sentences say: a kind, and the values in it.",
                        "items": object_of({"kind": _TEXT, "values": {"type": "object"}}),
                    },
                    "groupings": {
                        "type": "array",
                        "items": object_of(
                            {
                                "features": {"type": "array", "items": _TEXT},
                                "groups": {"type": "array", "items": one},
                            },
                            suppressed={
                                **_TEXTS,
                                "description": "Groups whose figures would say something of few.",
                            },
                        ),
                    },
                },
            },
        },
        "required": ["importance", "partial_dependence", "fairness"],
    }
