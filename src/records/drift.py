"""Whether this term's classes are like those that trained, and how large errors will be.

It is computed by ``python -m src.records drift``, stored as JSON, and drawn by the page. A class is
one observation: see :mod:`src.stats.class_drift`. A term is a series of looks, and the rate of
false alarms of a year is shared among its terms.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine, insert, select

from src.artifact_store import Run
from src.components.data_validation import DataValidation
from src.exception import ConfigurationError
from src.records.identity import now_ms, today
from src.records.schema_drift import schema_drifts
from src.records.tables import batch, drift, prediction
from src.records.terms import Terms
from src.schema.class_reference import (
    MEAN,
    REFERENCE,
    SHARE,
    ClassReference,
    class_means,
    parts,
)
from src.schema.expected_loss import LOSSES, ExpectedLoss
from src.schema.feature_drift import feature_drifts
from src.schema.record import Schema
from src.stats.class_drift import LEAST_CLASSES, LEAST_PUPILS
from src.stats.spent_alpha import Looks, spent_share
from src.tables.cells import match_key
from src.tables.layout import Table
from src.utils import sha256, to_json

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

YEAR_RATE = 0.05  # of false alarms in a year without drift, over all looks and features
LEAST_ESTIMATED = 50  # pupils, for an estimate of their error
RMSE, MISSED = "rmse", "missed"
TRAINING, TABLE, FIRST_TERM = "training", "table", "first term"
FEATURES, SUMMARIES = "features", "summaries"
# Why nothing can be said.
NO_CLASSES, NO_REFERENCE = "no classes", "no reference"


class Recorded(NamedTuple):
    """The pupils of a term whose answers are kept, each once."""

    frame: pd.DataFrame
    codes: NDArray[Any]  # of the class; -1 of none
    # The number, or the chance of the most likely outcome; NaN where it is of another run.
    predicted: NDArray[Any]


@dataclass(frozen=True)
class Compared:
    """The classes of a term, by feature and by what is compared.

    Attributes
    ----------
    source : str
        ``features``, or ``summaries`` of files where no answers are kept.
    """

    source: str
    n_classes: int
    n_pupils: int
    means: Mapping[str, Mapping[str, Any]]


def make_drift(
    engine: Engine,
    run: Run,
    terms: Terms,
    day: str = "",
    reference: ClassReference | None = None,
) -> dict[str, Any]:
    """Compare the term's classes with those that trained, store what is found, and return it.

    Parameters
    ----------
    run : Run
        The promoted one.
    day : str
        Of the look; predictions that are of later days are not looked at. Empty: today.
    reference : ClassReference, optional
        Of a table that is given; else the run's own or, where that has no classes, that of the
        earliest term with enough.
    """
    day = day or today()
    term, schema = terms.of(day), Schema.from_dict(run.read_json("schema.json"))
    with engine.connect() as connection:
        pupils = read_pupils(connection, run, schema, term, day)
        files = read_summaries(connection, schema, term, day)
        known, source = reference, TABLE
        if known is None:
            known, source = _reference_of(connection, run, schema, terms, term)
    compared = _compared(schema, pupils, files)
    content: dict[str, Any] = {
        "made_at_ms": now_ms(), "run": run.run_id, "day": day, "term": term,
        "n_classes": compared.n_classes, "n_pupils": compared.n_pupils, "source": compared.source,
        "reference": {"source": source, "by": known.by, "n_classes": known.n_classes,
                      "n_rows": known.n_rows},
        "looks": None, "features": [],
        "schema": [asdict(one) for one in schema_drifts(schema, known, pupils.frame, files)],
        "error": _expected_error(run, schema, pupils),
        "untold": _why_untold(known, compared),
    }  # fmt: skip
    key = sha256(to_json([source, known.to_dict()]))
    with engine.begin() as connection:
        if not content["untold"]:
            content |= _look(connection, key, known, compared, terms, day)
        row = {"made_at_ms": content["made_at_ms"], "reference": key, "term": term, "day": day,
               "n_classes": 0 if content["untold"] else compared.n_classes,
               "content": json.dumps(content)}  # fmt: skip
        connection.execute(insert(drift).values(row))
    return content


def latest_drift(connection: Connection) -> dict[str, Any] | None:
    """Return what was stored last; None where there is none, or it was removed by an erasure."""
    asked = select(drift.c.content).order_by(drift.c.id.desc()).limit(1)
    found = connection.execute(asked).scalar()
    return None if found is None else json.loads(found)


def reference_of_table(schema: Schema, table: Table, by: str) -> ClassReference:
    """Return the classes of a table as those to compare with.

    Raises
    ------
    StuPredictionError
        If the table does not fit the schema, lacks the column, or has too few classes.
    """
    import numpy as np

    at = [i for i, name in enumerate(table.header) if match_key(name) == match_key(by)]
    if len(at) != 1:
        raise ConfigurationError(f"--by {by}: the table must have one such column.")
    validation = DataValidation(schema, decimal_comma=table.decimal_comma, typed=table.typed)
    checked = validation.run(table, schema.locate(table.header))
    names = np.array([row[at[0]].strip() for row in table.rows])[checked.accepted]
    found = ClassReference.of(schema, checked.frame, _codes(names), by)
    if found.n_classes < LEAST_CLASSES:
        raise ConfigurationError(
            f"--by {by}: {found.n_classes} classes have {LEAST_PUPILS} pupils or more; "
            f"at least {LEAST_CLASSES} are needed to know how classes differ."
        )
    return found


def read_pupils(
    connection: Connection, run: Run, schema: Schema, first: str, last: str
) -> Recorded:
    """Return the pupils whose answers are kept, by the last prediction between two days."""
    import numpy as np

    from src.schema.frames import typed_frame

    p = prediction.c
    asked = (
        select(p.id, p.subject, p.group_name, p.run, p.number, p.chances, p.features)
        .where(p.target == schema.target.name, p.features.is_not(None))
        .where(p.as_of >= first, p.as_of <= last)
        .order_by(p.id)
    )
    rows: dict[str, tuple[str, float, dict[str, Any]]] = {}
    for name, subject, group, of_run, number, chances, features in connection.execute(asked):
        answers = json.loads(features)
        if answers.keys() >= {*schema.names}:
            if number is None and chances is not None:
                number = max(json.loads(chances)["probabilities"].values())
            predicted = number if of_run == run.run_id and number is not None else math.nan
            rows[subject or name] = group or "", predicted, answers
    groups, predicted, answers_of = zip(*rows.values(), strict=True) if rows else ((), (), ())
    columns = {name: [one[name] for one in answers_of] for name in schema.names}
    frame = typed_frame(schema, columns)
    return Recorded(frame, _codes(np.array(groups, dtype=str)), np.array(predicted, dtype=float))


def read_summaries(
    connection: Connection, schema: Schema, first: str, last: str
) -> list[dict[str, Any]]:
    """Return what is kept of the files of the target's predictions between two days."""
    runs = select(prediction.c.run).where(prediction.c.target == schema.target.name).distinct()
    asked = select(batch.c.summary).where(batch.c.run.in_(runs), batch.c.summary.is_not(None))
    found = [json.loads(content) for content in connection.execute(asked).scalars()]
    return [one for one in found if first <= one["day"] <= last]


def _codes(names: NDArray[Any]) -> NDArray[Any]:
    import numpy as np

    found, codes = np.unique(names, return_inverse=True)
    return np.where(found[codes] == "", -1, codes) if len(names) else codes


def _reference_of(
    connection: Connection, run: Run, schema: Schema, terms: Terms, term: str
) -> tuple[ClassReference, str]:
    """Return the run's classes or, where it has none, those of the earliest term with enough."""
    import numpy as np

    known = ClassReference("", 0, 0, {})
    if REFERENCE in run.manifest.files:
        known = ClassReference.from_dict(run.read_json(REFERENCE))
    if known.n_classes >= LEAST_CLASSES:
        return known, TRAINING
    days = select(prediction.c.as_of).distinct().where(prediction.c.as_of < term)
    for first in sorted({terms.of(one) for one in connection.execute(days).scalars()}):
        earlier = sorted(d for d in connection.execute(days).scalars() if terms.of(d) == first)
        pupils = read_pupils(connection, run, schema, first, earlier[-1])
        sizes = np.bincount(pupils.codes[pupils.codes >= 0], minlength=1)
        if (sizes >= LEAST_PUPILS).sum() >= LEAST_CLASSES:
            found = ClassReference.of(schema, pupils.frame, pupils.codes, "group")
            return found, FIRST_TERM
    return known, TRAINING


def _compared(schema: Schema, pupils: Recorded, files: Sequence[Mapping[str, Any]]) -> Compared:
    """Return the classes of the pupils or, where no answers are kept, of the files."""
    import numpy as np

    if not len(pupils.frame):
        return _of_summaries(schema, files)
    sizes = np.bincount(pupils.codes[pupils.codes >= 0], minlength=1)
    means = {
        feature.name: {
            part: class_means(values, pupils.codes)
            for part, values in parts(feature, pupils.frame[feature.name])
        }
        for feature in schema.features
    }
    return Compared(FEATURES, int((sizes >= LEAST_PUPILS).sum()), len(pupils.frame), means)


def _of_summaries(schema: Schema, files: Sequence[Mapping[str, Any]]) -> Compared:
    """Return classes as files were summed up: each by the last file, those without a name apart."""
    import numpy as np

    classes: dict[str, Mapping[str, Any]] = {}
    for file in files:
        for one in file["classes"]:
            classes[one["group"] or json.dumps(one)] = one
    rows = [*classes.values()]
    means: dict[str, dict[str, Any]] = {}
    for feature in schema.features:
        name = feature.name
        if feature in schema.numeric:
            found = [one["means"][name] for one in rows if name in one["means"]]
            if found:
                sizes, values = zip(*found, strict=True)
                means[name] = {MEAN: (np.array(values), np.array(sizes))}
        elif rows and all(name in one["counts"] for one in rows):
            counts = [one["counts"][name] for one in rows]
            totals = np.array([sum(one.values()) for one in counts])
            means[name] = {
                SHARE + c: (np.array([one.get(c, 0) for one in counts]) / totals, totals)
                for c in sorted({category for one in counts for category in one})
            }
    return Compared(SUMMARIES, len(rows), sum(one["n"] for one in rows), means)


def _why_untold(reference: ClassReference, compared: Compared) -> str:
    if not compared.n_classes:
        return NO_CLASSES
    return "" if reference.n_classes >= LEAST_CLASSES else NO_REFERENCE


def _look(
    connection: Connection,
    key: str,
    reference: ClassReference,
    compared: Compared,
    terms: Terms,
    day: str,
) -> dict[str, Any]:
    """Return what this look finds, the looks of the term before it being counted.

    One on the same day, or without new classes, takes the place of the one before.
    """
    asked = (
        select(drift.c.day, drift.c.n_classes, drift.c.content)
        .where(drift.c.reference == key, drift.c.term == terms.of(day), drift.c.n_classes > 0)
        .order_by(drift.c.id)
    )
    series: list[tuple[str, int, str | None]] = []
    for row in (*map(tuple, connection.execute(asked)), (day, compared.n_classes, None)):
        while series and (series[-1][0] >= row[0] or series[-1][1] >= row[1]):
            series.pop()
        series.append(row)
    before: dict[str, float] = {}
    for _, _, stored in series[:-1]:
        for one in json.loads(stored or "{}").get("features", ()):
            before[one["feature"]] = min(one["p_value"], before.get(one["feature"], 1.0))
    looks = Looks(
        tuple(spent_share(terms.passed(of)) for of, _, _ in series),
        tuple(1 / (1 / n + 1 / reference.n_classes) for _, n, _ in series),
    )
    rate = YEAR_RATE / terms.n_a_year
    drifts = feature_drifts(reference, compared.means, looks, rate, before)
    return {
        "looks": {"number": len(series), "passed": terms.passed(day), "rate": rate,
                  "spent": rate * looks.spent[-1], "year_rate": YEAR_RATE},
        "features": [asdict(one) for one in sorted(drifts, key=lambda one: one.p_value)],
    }  # fmt: skip


def _expected_error(run: Run, schema: Schema, pupils: Recorded) -> dict[str, Any] | None:
    """Return how large the error of the pupils is expected to be.

    It is the root mean squared error in the target's unit or, of outcomes, the share of pupils to
    whom another comes than was most likely.
    """
    import numpy as np

    there = ~np.isnan(pupils.predicted)
    if LOSSES not in run.manifest.files or there.sum() < LEAST_ESTIMATED:
        return None
    expected = ExpectedLoss.from_dict(run.read_json(LOSSES))
    frame = pupils.frame[there].reset_index(drop=True)
    classes = pupils.codes[there]
    alone = np.arange(len(classes)) + classes.max() + 1  # a pupil of no class stands alone
    clusters = np.where(classes < 0, alone, classes)
    loss = asdict(expected.mean_of(frame, pupils.predicted[there], clusters))
    loss["usual"] = expected.model.usual
    measure, said = (RMSE, math.sqrt) if schema.task == "regression" else (MISSED, _as_share)
    shown = {name: said(one) for name, one in loss.items()}
    return {"n_pupils": int(there.sum()), "measure": measure, **shown}


def _as_share(value: float) -> float:
    return min(value, 1.0)
