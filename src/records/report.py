"""What came true: predictions beside the outcomes that are known, as JSON that a page can draw.

A pupil counts once a term, by the last prediction that was made. Groups of fewer than ten pupils
get no figures, nor does anything from which theirs would follow.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, Engine, insert, select

from src.records.cases import LACKS_CHANCE, LACKS_RANGE, UNKNOWN, Cases, Columns, read_cases
from src.records.identity import now_ms
from src.records.sentences import of_event, of_list, of_missing, too_few
from src.records.shadow_report import describe_shadow
from src.records.tables import report
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
GROUPS, PUPILS, ROWS = "groups", "pupils", "rows"


def make_report(engine: Engine, schema: Schema, terms: Terms) -> dict[str, Any]:
    """Compute the report on all that is kept of a target, store it, and return it."""
    with engine.connect() as connection:
        content = describe(read_cases(connection, schema.target, terms), schema)
    content["made_at_ms"] = now_ms()
    with engine.begin() as connection:
        row = {"made_at_ms": content["made_at_ms"], "content": json.dumps(content)}
        connection.execute(insert(report).values(row))
    return content


def describe(cases: Cases, schema: Schema) -> dict[str, Any]:
    """Return what came true of some cases.

    Parameters
    ----------
    cases : Cases
    schema : Schema
        Of the model that is served: it says what is predicted, and which outcomes are at risk.
    """
    missing = _missing(cases)
    n_cases, known = len(cases.columns), cases.columns.of(cases.columns.known)
    cases = replace(cases, columns=known)
    target = schema.target
    content: dict[str, Any] = {
        "target": target.name,
        "label": target.label or target.name,
        "unit": target.unit,
        "n_cases": n_cases,
        "n_known": len(known),
        "missing": missing,
        "figures": None,
        "shadow": describe_shadow(cases, schema, clusters_of),
    }
    if len(known) < LEAST_ROWS:
        content["sentence"] = too_few(len(known), LEAST_ROWS)
        return content
    content["figures"] = _figures(cases, target)
    content["by_term"], content["by_group"] = _by_term_and_group(cases, target)
    content["parts"] = _parts(known, target)
    content["list"] = _list(known, target)
    return content


def _missing(cases: Cases) -> dict[str, Any]:
    """Return how many have no outcome, and in words where that may flatter what is here."""
    import numpy as np

    n, without = len(cases.columns), cases.columns.group[~cases.columns.known]
    share = len(without) / n if n else 0.0
    found = {"share": share, "n": len(without), "mostly_of": ""}
    if len(without):
        counts = np.bincount(without)
        worst = without[np.argmax(counts[without] == counts.max())]  # of equal ones the first
        size = (cases.columns.group == worst).sum()
        name = cases.groups[worst]
        if name != UNKNOWN and size >= LEAST_ROWS and 2 * counts[worst] >= len(without):
            found["mostly_of"] = name
    return {**found, "sentence": of_missing(found, n)}


def clusters_of(cases: Cases) -> tuple[NDArray[np.intp] | None, str]:
    """Return what goes together, as numbers, and what that is.

    Pupils of a group are alike. Where there are too few groups to say how much, a pupil's terms go
    together.
    """
    import numpy as np

    columns = cases.columns
    present = np.unique(columns.group)
    if len(present) >= LEAST_CLUSTERS and UNKNOWN not in [cases.groups[i] for i in present]:
        return columns.group.astype(np.intp), GROUPS
    pupils, numbers = np.unique(columns.pupil, return_inverse=True)
    return (None, ROWS) if len(pupils) == len(columns) else (numbers, PUPILS)


def _figures(cases: Cases, target: Any) -> dict[str, Any]:
    clusters, kind = clusters_of(cases)
    make = _class_figures if isinstance(target, ClassTarget) else _number_figures
    return {"n": len(cases.columns), "clusters": kind, **make(cases.columns, clusters)}


def _number_figures(columns: Columns, clusters: NDArray[np.intp] | None) -> dict[str, Any]:
    import numpy as np

    errors, ranged = columns.actual - columns.predicted, columns.has_range
    found = {
        "mean_error": asdict(mean_interval(errors, clusters)),
        "mae": asdict(mean_interval(np.abs(errors), clusters, positive=True)),
        "rmse": asdict(rmse_interval(errors, clusters)),
    }
    if ranged.sum() >= LEAST_ROWS:
        found["coverage"] = asdict(share_interval(columns.held[ranged], _some(clusters, ranged)))
    return found


def _class_figures(columns: Columns, clusters: NDArray[np.intp] | None) -> dict[str, Any]:
    found = {
        "accuracy": asdict(share_interval(columns.predicted == 1.0, clusters)),
        "coverage": asdict(share_interval(columns.held, clusters)),
    }
    chance, happened, rows = _at_risk(columns)
    if len(rows) >= LEAST_ROWS:
        difference = happened.astype(float) - chance
        found["mean_error"] = asdict(mean_interval(difference, _some(clusters, rows)))
    return found


def _some(clusters: NDArray[np.intp] | None, rows: NDArray[Any]) -> NDArray[np.intp] | None:
    return None if clusters is None else clusters[rows]


def _by_term_and_group(
    cases: Cases, target: Any
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the figures of the terms and of the groups that can be shown together.

    Neither a term nor a group, nor what any sum of them leaves over, has fewer than ten pupils.
    """
    import numpy as np

    columns = cases.columns
    of_term, of_group = (
        np.unique(codes, return_inverse=True) for codes in (columns.term, columns.group)
    )
    counts = np.zeros((len(of_term[0]), len(of_group[0])), dtype=np.intp)
    np.add.at(counts, (of_term[1], of_group[1]), 1)
    found, partial = [], _partial(columns)
    for names, (present, codes), hidden in zip(
        (cases.terms, cases.groups), (of_term, of_group), hidden_lines(counts), strict=True
    ):
        lines: list[dict[str, Any]] = []
        rows_of = np.split(np.argsort(codes, kind="stable"), np.cumsum(np.bincount(codes))[:-1])
        for number, rows, is_hidden in zip(present, rows_of, hidden, strict=True):
            figures = None
            if not is_hidden:
                whole = _figures(replace(cases, columns=columns.of(rows)), target).items()
                figures = {name: value for name, value in whole if name not in partial}
            lines.append({"name": plain(names[number]), "figures": figures})
        found.append(sorted(lines, key=lambda line: _in_order(line["name"])))
    return found[0], found[1]


def _partial(columns: Columns) -> set[str]:
    """Return the figures that not all cases have a part in: in a group those may be few."""
    lacking = {LACKS_RANGE: "coverage", LACKS_CHANCE: "mean_error"}
    return {name for kind, name in lacking.items() if (columns.lacks == kind).any()}


def _in_order(name: str) -> list[tuple[int, str]]:
    """Return what sorts 9a before 10a."""
    return [
        (int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)
    ]


def _parts(columns: Columns, target: Any) -> list[dict[str, Any]]:
    """Return predicted beside actual: means of parts of equal size, or chances and shares."""
    if isinstance(target, ClassTarget):
        chance, happened, _ = _at_risk(columns)
        return [
            {"n": one.n_samples, "predicted": one.predicted, "actual": asdict(one.observed)}
            for one in reliability(chance, happened)
        ]
    return [
        {
            "n": len(rows),
            "predicted": float(columns.predicted[rows].mean()),
            "actual": asdict(mean_interval(columns.actual[rows])),
        }
        for rows in parts_by_size(columns.predicted, PARTS)
    ]


def _list(columns: Columns, target: Any) -> dict[str, Any] | None:
    """Return what lists of those with the largest chance caught; None where nobody is at risk."""
    import numpy as np

    chance, happened, _ = _at_risk(columns)
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
    columns: Columns,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.intp]]:
    """Return chances, whether it came to that, and which cases have one."""
    import numpy as np

    rows = np.flatnonzero(~np.isnan(columns.chance))
    return columns.chance[rows], columns.happened[rows], rows


def said(interval: dict[str, float]) -> Interval:
    """Return a stored figure."""
    return Interval(**interval)


def latest(connection: Connection) -> dict[str, Any] | None:
    """Return the report that was stored last; None where there is none."""
    asked = select(report.c.content).order_by(report.c.id.desc()).limit(1)
    found = connection.execute(asked).scalar()
    return None if found is None else json.loads(found)
