"""What the chosen model is called in a few words, and why it was chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import takewhile
from typing import Any

from src.config import ALL_COLUMNS, BLEND, SINGLE_COLUMN
from src.language import gettext as _
from src.language import ngettext
from src.report.document import ReportTable
from src.report.stored_words import spoken
from src.report.wording import plain

_LINEAR = (
    "ridge",
    "lasso",
    "linear",
    "elastic_net",
    "log_linear",
    "logistic",
    "ordinal",
)  # names begin so


def short_name(model: str, metrics: Mapping[str, Any]) -> str:
    """Return the name of a run's model; of several models, how many they are.

    Examples
    --------
    >>> members = {"ridge": 0.5, "lasso": 0.5}
    >>> metrics = {"winner": "blend", "leaderboard": [{"name": "blend", "params": members}]}
    >>> short_name("Average of Ridge regression, Lasso", metrics)
    'Average of 2 linear models'
    """
    members = _members(metrics)
    if not members:
        return spoken(plain(model))
    linear = all(name.startswith(_LINEAR) for name in members)
    n = len(members)
    if len(set(members.values())) > 1:
        return ngettext("Blend of %(n)s model", "Blend of %(n)s models", n)
    if linear:
        return ngettext("Average of %(n)s linear model", "Average of %(n)s linear models", n)
    return ngettext("Average of %(n)s model", "Average of %(n)s models", n)


def why_chosen(metrics: Mapping[str, Any]) -> str:
    """Return why a run's model was chosen of those on its leaderboard."""
    model = short_name(str(metrics["model"]), metrics)
    if members := _members(metrics):
        if len(set(members.values())) > 1:
            return _(
                "%(model)s was chosen: in these shares they erred least together.",
                model=model,
            )
        return _(
            "%(model)s was chosen: where several reach nearly the same, their mean is safer than "
            "the luckiest of them.",
            model=model,
        )
    board = [*takewhile(lambda r: r["name"] != metrics["winner"], metrics["leaderboard"])]
    references = [row for row in board if row["name"] in (SINGLE_COLUMN, ALL_COLUMNS)]
    if len(references) == len(board):
        chosen = _(
            "%(model)s was chosen: nothing else that was tried did better on students whom it had "
            "not seen, before its score was corrected for this choice.",
            model=model,
        )
        if not references:
            return chosen
        compared = _("What stands above it cannot be chosen: it is there for comparison.")
        return f"{chosen} {compared}"
    return _(
        "%(model)s was chosen: what stands above it reaches too little more to be worth its "
        "complexity, or was not chosen by this score.",
        model=model,
    )


def with_short_name(leaderboard: ReportTable, metrics: Mapping[str, Any]) -> ReportTable:
    """Return a leaderboard whose chosen model is called in a few words."""
    if leaderboard.marked is None:
        return leaderboard
    rows = list(leaderboard.rows)
    first, *others = rows[leaderboard.marked]
    rows[leaderboard.marked] = (replace(first, text=short_name(first.text, metrics)), *others)
    return replace(leaderboard, rows=rows)


def _members(metrics: Mapping[str, Any]) -> Mapping[str, float]:
    """Return the shares of the models that a run's model is a mean of; nothing for a single one."""
    if metrics.get("winner") != BLEND:
        return {}
    board = metrics["leaderboard"]
    found: Mapping[str, float] = next(row["params"] for row in board if row["name"] == BLEND)
    return found
