"""What a model knows of groups, such as schools: ranges in known ones, and the score by case."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.report.group_facts import GroupEffect, GroupScore, GroupsFacts
from src.search.group_effects import GroupFit
from src.stats.conformal import Factor, PredictionIntervals
from src.stats.group_effects import (
    LEAST_MEMBERS,
    Members,
    about,
    group_means,
)

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LEVEL = 0.9  # of the range whose width is set for known groups
NARROWEST = 0.5  # of a range's usual width in known groups
WIDE_95 = 1.96


@dataclass(frozen=True)
class KnownSpread:
    """How ranges in known groups differ from those in new ones.

    Attributes
    ----------
    usual : float
        What multiplies the spread in a group that is known.
    own : dict of str to float
        The same, by the key of a group, as far as its own residuals tell.
    """

    usual: float
    own: dict[str, float]

    def of(
        self, intervals: PredictionIntervals, column: str, keys: Mapping[str, float]
    ) -> PredictionIntervals:
        """Return intervals that know these groups."""
        factors = {key: self.own.get(key, self.usual) for key in keys}
        return replace(intervals, factors=intervals.factors | {column: Factor(factors)})


class ModelGroups:
    """Learn what is said of groups.

    Parameters
    ----------
    column : str
        The column of groups, as the schema spells it.
    """

    def __init__(self, column: str) -> None:
        self.column = column

    def spread(
        self,
        fit: GroupFit,
        y: NDArray[np.float64],
        X: pd.DataFrame,
        intervals: PredictionIntervals,
    ) -> KnownSpread:
        """Return how much narrower ranges are in groups that are known.

        The spread of a new group's members holds what their group adds. A known group's is that of
        out-of-fold predictions with the effect that its other members tell: one factor for all,
        and one for each group, shrunken towards it by how little the group's residuals tell.

        Parameters
        ----------
        fit : GroupFit
        y : ndarray of shape (n_searched,)
            The rows' target.
        X : DataFrame
            Their typed columns.
        intervals : PredictionIntervals
            Learnt for new groups.
        """
        import numpy as np

        effects = fit.effects
        rows = np.isin(fit.units.keys, [*effects])
        if not rows.any():
            return KnownSpread(1.0, {})

        def sizes(predicted: NDArray[np.float64]) -> NDArray[np.float64]:
            spread = intervals.spread_of_each(predicted, X)
            return np.abs((y - spread.centre) / spread.scale)[rows]

        new, known = sizes(fit.new), sizes(fit.known)
        wide = float(np.quantile(new, LEVEL))
        usual = float(np.quantile(known, LEVEL)) / wide if wide else 1.0
        usual = min(max(usual, NARROWEST), 1.0)
        names, codes = np.unique(fit.units.keys[rows], return_inverse=True)
        people = None if fit.units.people is None else fit.units.people[rows]
        mean = float(known.mean()) or 1.0
        found = group_means(known / mean - 1, Members.of(codes, len(names), people))
        own = (usual * (1 + found.effect)).clip(NARROWEST * usual)
        return KnownSpread(usual, dict(zip(names.tolist(), own.tolist(), strict=True)))

    def facts(
        self,
        fit: GroupFit,
        scores: list[GroupScore],
        names: Mapping[str, str],
    ) -> GroupsFacts:
        """Return what is told of the groups.

        Of a group without a name, only the first digit of its size is told, and its interval is
        made from that: who knows a school's size shall not find the school by it.

        Parameters
        ----------
        fit : GroupFit
            Of all rows.
        scores : list of GroupScore
            The first is the one that the choice was made for.
        names : mapping of str to str
            By key, of groups that may be named.
        """
        means, shown = fit.means, []
        for at, key in enumerate(fit.names):
            effect, n_members = float(means.effect[at]), int(means.n_members[at])
            if n_members < LEAST_MEMBERS:
                continue
            name = names.get(key, "")
            told = n_members if name else about(n_members)
            half = WIDE_95 * means.error_of(at, told)
            shown.append(GroupEffect(effect, effect - half, effect + half, told, name))
        return GroupsFacts(
            column=self.column,
            first=scores[0].case,
            scores=tuple(scores),
            n_groups=len(fit.names),
            n_with_effect=len(shown),
            between=means.between**0.5,
            within=means.within**0.5,
            effects=tuple(sorted(shown, key=lambda one: one.effect)),
        )
