"""What came true: predictions beside the outcomes that are known, as JSON that a page can draw.

A pupil counts once a term, by the last prediction that was made. Groups of fewer than ten pupils
get no figures, nor does anything from which theirs would follow.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select

from src.language import mark
from src.records.identity import now_ms
from src.records.sentences import of_event, of_list, of_missing, too_few
from src.records.shadow_report import describe_shadow
from src.records.tables import outcome, prediction, report
from src.records.terms import Terms
from src.report.wording import plain
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.disclosure import LEAST_ROWS, hidden_lines, parts_by_size
from src.stats.intervals import (
    LEAST_CLUSTERS,
    Interval,
    mean_interval,
    rmse_interval,
    share_interval,
)
from src.stats.reliability import reliability

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIST_SHARES = (0.05, 0.1, 0.2, 0.3)
PARTS = 8  # of predicted against actual
UNKNOWN = mark("unknown")
GROUPS, PUPILS, ROWS = "groups", "pupils", "rows"


class Case(NamedTuple):
    """A pupil in a term: the last prediction, and the outcome where it is known."""

    subject: str | None
    group: str
    term: str
    number: float | None
    label: str | None
    low: float | None
    high: float | None
    at_risk: float | None
    mark: float | None
    chances: str | None
    actual: str | None
    shadow: str | None = None


def make_report(engine: Engine, schema: Schema, terms: Terms) -> dict[str, Any]:
    """Compute the report on all that is kept of a target, store it, and return it."""
    with engine.connect() as connection:
        cases = read_cases(connection, schema.target.name, terms)
    content = describe(cases, schema)
    content["made_at_ms"] = now_ms()
    with engine.begin() as connection:
        row = {"made_at_ms": content["made_at_ms"], "content": json.dumps(content)}
        connection.execute(insert(report).values(row))
    return content


def read_cases(connection: Connection, target: str, terms: Terms) -> list[Case]:
    """Return each pupil and term once, by the last prediction; one of nobody stands for itself."""
    last = select(func.max(outcome.c.id)).group_by(outcome.c.prediction)
    known = select(outcome.c.prediction, outcome.c.value).where(outcome.c.id.in_(last)).subquery()
    p = prediction.c
    asked = (
        select(
            p.id, p.subject, p.group_name, p.as_of, p.number, p.label, p.low, p.high, p.at_risk,
            p.mark, p.chances, known.c.value, p.shadow,
        )
        .outerjoin(known, known.c.prediction == p.id)
        .where(p.target == target)
        .order_by(p.id)
    )  # fmt: skip
    cases: dict[tuple[str, str], Case] = {}
    for name, subject, group, as_of, *rest in connection.execute(asked):
        term = terms.of(as_of)
        cases[subject or name, term] = Case(subject, group or UNKNOWN, term, *rest)
    return [*cases.values()]


def describe(cases: Sequence[Case], schema: Schema) -> dict[str, Any]:
    """Return what came true of some cases.

    Parameters
    ----------
    cases : sequence of Case
    schema : Schema
        Of the model that is served: it says what is predicted, and which outcomes are at risk.
    """
    known = [case for case in cases if case.actual is not None]
    target = schema.target
    content: dict[str, Any] = {
        "target": target.name,
        "label": target.label or target.name,
        "unit": target.unit,
        "n_cases": len(cases),
        "n_known": len(known),
        "missing": _missing(cases, len(known)),
        "figures": None,
        "shadow": describe_shadow(known, schema, _clusters),
    }
    if len(known) < LEAST_ROWS:
        content["sentence"] = too_few(len(known), LEAST_ROWS)
        return content
    content["figures"] = _figures(known, target)
    content["by_term"], content["by_group"] = _by_term_and_group(known, target)
    content["parts"] = _parts(known, target)
    content["list"] = _list(known, target)
    return content


def _missing(cases: Sequence[Case], n_known: int) -> dict[str, Any]:
    """Return how many have no outcome, and in words where that may flatter what is here."""
    n = len(cases)
    share = 1 - n_known / n if n else 0.0
    groups = Counter(case.group for case in cases if case.actual is None)
    sizes = Counter(case.group for case in cases)
    found = {"share": share, "n": n - n_known, "mostly_of": ""}
    for worst, n_worst in groups.most_common(1):
        if worst != UNKNOWN and sizes[worst] >= LEAST_ROWS and 2 * n_worst >= sum(groups.values()):
            found["mostly_of"] = worst
    return {**found, "sentence": of_missing(found, n)}


def _clusters(cases: Sequence[Case]) -> tuple[NDArray[np.intp] | None, str]:
    """Return what goes together, as numbers, and what that is.

    Pupils of a group are alike. Where there are too few groups to say how much, a pupil's terms go
    together.
    """
    import numpy as np

    groups = [case.group for case in cases]
    if UNKNOWN not in groups and len(set(groups)) >= LEAST_CLUSTERS:
        return np.unique(groups, return_inverse=True)[1], GROUPS
    names = [case.subject or f"row {i}" for i, case in enumerate(cases)]
    if len(set(names)) == len(names):
        return None, ROWS
    return np.unique(names, return_inverse=True)[1], PUPILS


def _figures(cases: Sequence[Case], target: Any) -> dict[str, Any]:
    clusters, kind = _clusters(cases)
    found = (_class_figures if isinstance(target, ClassTarget) else _number_figures)(
        cases, target, clusters
    )
    return {"n": len(cases), "clusters": kind, **found}


def _number_figures(
    cases: Sequence[Case], _: Any, clusters: NDArray[np.intp] | None
) -> dict[str, Any]:
    import numpy as np

    actual, predicted = _numbers(cases)
    errors = actual - predicted
    ranged = np.array([case.low is not None and case.high is not None for case in cases])
    held = np.array(
        [(c.low or 0.0) <= y <= (c.high or 0.0) for c, y in zip(cases, actual, strict=True)]
    )
    found = {
        "mean_error": asdict(mean_interval(errors, clusters)),
        "mae": asdict(mean_interval(np.abs(errors), clusters, positive=True)),
        "rmse": asdict(rmse_interval(errors, clusters)),
    }
    if ranged.sum() >= LEAST_ROWS:
        found["coverage"] = asdict(share_interval(held[ranged], _some(clusters, ranged)))
    return found


def _class_figures(
    cases: Sequence[Case], target: ClassTarget, clusters: NDArray[np.intp] | None
) -> dict[str, Any]:
    import numpy as np

    right = np.array([case.label == case.actual for case in cases])
    held = np.array(
        [case.actual in json.loads(case.chances or "{}").get("set", ()) for case in cases]
    )
    found = {
        "accuracy": asdict(share_interval(right, clusters)),
        "coverage": asdict(share_interval(held, clusters)),
    }
    chance, happened, rows = _at_risk(cases, target)
    if len(rows) >= LEAST_ROWS:
        difference = happened.astype(float) - chance
        found["mean_error"] = asdict(mean_interval(difference, _some(clusters, rows)))
    return found


def _some(clusters: NDArray[np.intp] | None, rows: NDArray[Any]) -> NDArray[np.intp] | None:
    return None if clusters is None else clusters[rows]


def _by_term_and_group(
    cases: Sequence[Case], target: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the figures of the terms and of the groups that can be shown together.

    Neither a term nor a group, nor what any sum of them leaves over, has fewer than ten pupils.
    """
    import numpy as np

    of_term, of_group = (
        np.unique(names, return_inverse=True)
        for names in ([case.term for case in cases], [case.group for case in cases])
    )
    counts = np.zeros((len(of_term[0]), len(of_group[0])), dtype=np.intp)
    np.add.at(counts, (of_term[1], of_group[1]), 1)
    found, partial = [], _partial(cases)
    for (labels, codes), hidden in zip((of_term, of_group), hidden_lines(counts), strict=True):
        lines: list[dict[str, Any]] = []
        for code, label in enumerate(labels):
            figures = None
            if not hidden[code]:
                chosen = [case for case, of in zip(cases, codes, strict=True) if of == code]
                whole = _figures(chosen, target).items()
                figures = {name: value for name, value in whole if name not in partial}
            lines.append({"name": plain(str(label)), "figures": figures})
        found.append(sorted(lines, key=lambda line: _in_order(line["name"])))
    return found[0], found[1]


def _partial(cases: Sequence[Case]) -> set[str]:
    """Return the figures that not all cases have a part in: in a group those may be few."""
    found = set()
    if any(case.label is None and (case.low is None or case.high is None) for case in cases):
        found.add("coverage")
    if any(case.label is not None and case.at_risk is None for case in cases):
        found.add("mean_error")
    return found


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return what sorts 9a before 10a."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _parts(cases: Sequence[Case], target: Any) -> list[dict[str, Any]]:
    """Return predicted beside actual: means of parts of equal size, or chances and shares."""
    if isinstance(target, ClassTarget):
        chance, happened, _ = _at_risk(cases, target)
        return [
            {"n": one.n_samples, "predicted": one.predicted, "actual": asdict(one.observed)}
            for one in reliability(chance, happened)
        ]
    actual, predicted = _numbers(cases)
    return [
        {
            "n": len(rows),
            "predicted": float(predicted[rows].mean()),
            "actual": asdict(mean_interval(actual[rows])),
        }
        for rows in parts_by_size(predicted, PARTS)
    ]


def _list(cases: Sequence[Case], target: Any) -> dict[str, Any] | None:
    """Return what lists of those with the largest chance caught; None where nobody is at risk."""
    import numpy as np

    chance, happened, _ = _at_risk(cases, target)
    n_happened = int(happened.sum())
    if len(chance) < 2 * LEAST_ROWS or not 0 < n_happened < len(chance):
        return None
    order = np.argsort(-chance, kind="stable")
    lists: list[dict[str, Any]] = []
    for share in LIST_SHARES:
        k = round(share * len(chance))
        if k - (lists[-1]["k"] if lists else 0) < LEAST_ROWS:
            continue  # what it adds to the list before would be of fewer
        hits = int(happened[order[:k]].sum())
        lists.append({"share": share, "k": k, "hits": hits, "caught": hits / n_happened})
    if not lists:
        return None
    found = {"event": of_event(target), "n_happened": n_happened, "n": len(chance), "lists": lists}
    return {**found, "sentence": of_list(found, target)}


def _at_risk(
    cases: Sequence[Case], target: Any
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return chances, whether it came to that, and which cases have one."""
    import numpy as np

    rows = [i for i, case in enumerate(cases) if case.at_risk is not None]
    if isinstance(target, ClassTarget):
        happened = [cases[i].actual in target.at_risk for i in rows]
    else:
        rows = [i for i in rows if cases[i].mark is not None]
        happened = [float(cases[i].actual or 0.0) < (cases[i].mark or 0.0) for i in rows]
    chance = [cases[i].at_risk for i in rows]
    return np.array(chance, float), np.array(happened, bool), np.array(rows, np.intp)


def _numbers(cases: Sequence[Case]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    actual = np.array([float(case.actual or 0.0) for case in cases])
    return actual, np.array([case.number for case in cases], float)


def said(interval: dict[str, float]) -> Interval:
    """Return a stored figure."""
    return Interval(**interval)


def latest(connection: Connection) -> dict[str, Any] | None:
    """Return the report that was stored last; None where there is none."""
    asked = select(report.c.content).order_by(report.c.id.desc()).limit(1)
    found = connection.execute(asked).scalar()
    return None if found is None else json.loads(found)
