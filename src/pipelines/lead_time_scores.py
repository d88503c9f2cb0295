"""How good the stages of a lead time are, on the same held-out rows, beside plain ways to rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from src.components.class_evaluation import list_intervals
from src.exception import ConfigurationError
from src.pipelines.rows import Rows
from src.report.lead_time_facts import (
    ListHits,
    Listing,
    Ranking,
    Source,
    StageScores,
)
from src.report.wording import Names, event_label, plain
from src.schema.record import Schema
from src.stats.class_scores import auc_interval, log_losses
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import Interval, mean_interval, r2_drop_interval, r2_interval
from src.stats.plain_rankings import best_number, line_of, mean_of_group, shrunken_means
from src.stats.ranked_lists import auc_gain_interval, listed_share, recall_gain_interval
from src.tables.cells import format_number

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Known:
    """What is known by a stage.

    Attributes
    ----------
    added : tuple of str
        Labels of the features that were not known before.
    numbers : tuple of str
        Features that are numbers, those that are known latest first.
    """

    name: str
    schema: Schema
    added: tuple[str, ...]
    numbers: tuple[str, ...]


@dataclass(frozen=True)
class Predicted:
    """What a model predicts for the held-out rows.

    Attributes
    ----------
    losses : ndarray of shape (n_test,)
        Squared errors, or log losses of the outcomes.
    chance : ndarray of shape (n_test,) or None
        Of the event.
    """

    label: str
    losses: NDArray[np.float64]
    chance: NDArray[np.float64] | None


@dataclass(frozen=True)
class Event:
    """What help should prevent.

    Attributes
    ----------
    codes : frozenset of int
        Of the outcomes; empty where the target is a number.
    mark : float or None
        The pass mark of a number.
    """

    label: str
    codes: frozenset[int] = frozenset()
    mark: float | None = None

    @classmethod
    def of(cls, schema: Schema, mark: float | None) -> Event | None:
        """Return the event; None where a number has no pass mark.

        Raises
        ------
        ConfigurationError
            If no outcome is at risk.
        """
        if schema.task == "regression":
            if mark is None:
                return None
            return cls(f"a score below {format_number(mark)}", mark=mark)
        target = schema.outcomes
        if not target.event:
            raise ConfigurationError(
                f"--lead-time ranks the students at risk: name the outcomes of {target.name} that "
                f'help should prevent, with at_risk = ["…"] under [columns."{target.name}"] in the '
                "hints."
            )
        return cls(event_label(target), codes=frozenset(target.event))

    def happened(self, y: NDArray[Any]) -> NDArray[np.bool_]:
        """Return whether each row has it."""
        import numpy as np

        return np.isin(y, sorted(self.codes)) if self.mark is None else y < self.mark

    def listing(self, y: NDArray[Any], capacity: float | None) -> Listing:
        """Return whom a list shall reach.

        Raises
        ------
        ConfigurationError
            If too few of the rows have the event or have not, or the list would hold none or all.
        """
        n, n_event = len(y), int(self.happened(y).sum())
        if min(n_event, n - n_event) < LEAST_ROWS:
            raise ConfigurationError(
                f"Of {n} held-out students, fewer than {LEAST_ROWS} have {self.label}, or fewer "
                "have not: too few to compare lists by. Hold out more.",
                setting="test_size",
            )
        n_listed = n_event if capacity is None else capacity
        if isinstance(capacity, float):
            n_listed = round(capacity * n)
        if not 0 < n_listed < n:
            raise ConfigurationError(
                f"--capacity is how many of the {n} held-out students the list has room for. Got "
                f"{n_listed}."
            )
        return Listing(self.label, n_event, int(n_listed), asked=capacity is not None)


def losses_of(schema: Schema, test: Rows, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each row's squared error, or log loss of the outcomes."""
    if schema.task == "regression":
        return (test.y - predicted) ** 2
    return log_losses(test.y, predicted)


def constant_for(value: float, n_rows: int) -> NDArray[np.float64]:
    """Return the same for each row."""
    import numpy as np

    return np.full(n_rows, value)


@dataclass(frozen=True)
class Scores:
    """Score the stages on the held-out rows."""

    schema: Schema
    train: Rows
    test: Rows
    event: Event | None
    listing: Listing | None

    def of_stages(
        self, known: Sequence[Known], predicted: Sequence[Predicted]
    ) -> tuple[StageScores, ...]:
        """Return the scores of each stage, beside those of the stage before and of baselines."""
        found, before = [], None
        for stage, now in zip(known, predicted, strict=True):
            found.append(self._stage(stage, now, before))
            before = now
        return tuple(found)

    def _stage(self, stage: Known, now: Predicted, before: Predicted | None) -> StageScores:
        baselines = self._baselines(stage)
        auc_gain = found_gain = None
        if before and now.chance is not None and before.chance is not None:
            auc_gain, found_gain = self._ahead(now.chance, before.chance)
        return StageScores(
            name=plain(stage.name),
            added=stage.added,
            n_columns=len(stage.schema.features),
            model=self._ranked("model", now.label, now.chance, score=self._score(now.losses)),
            baselines=tuple(
                self._baseline(source, detail, predicted, now)
                for source, (detail, predicted) in baselines.items()
            ),
            gain=self._gain(now.losses, before.losses) if before else None,
            auc_gain=auc_gain,
            found_gain=found_gain,
        )

    def _baselines(self, stage: Known) -> Mapping[Source, tuple[str, NDArray[np.float64]]]:
        """Return what the plain ways to predict say of the held-out rows."""
        import numpy as np

        found: dict[Source, tuple[str, NDArray[np.float64]]] = {}
        y = self._y(self.train.y)
        alone = constant_for(float(y.mean()), len(self.test.y))
        columns = [self.train.X[name].to_numpy(dtype=np.float64) for name in stage.numbers]
        best = best_number(columns, y, event=self.event is not None)
        if best is not None:
            name = stage.numbers[best]
            alone = line_of(columns[best], y, self.test.X[name].to_numpy(dtype=np.float64))
            found["number"] = Names(self.schema).of(name), alone
        of_train, of_test = self.train.units, self.test.units
        if of_train is not None and of_test is not None:
            learnt = shrunken_means(y, of_train.keys)
            found["group"] = "", mean_of_group(learnt, of_test.keys, alone)
        return found

    def _y(self, y: NDArray[Any]) -> NDArray[np.float64]:
        """Return what plain ways predict: whether the event happens, or else the number."""
        return (self.event.happened(y) if self.event else y).astype(float)

    def _baseline(
        self, source: Source, detail: str, predicted: NDArray[np.float64], now: Predicted
    ) -> Ranking:
        if now.chance is None:
            losses = losses_of(self.schema, self.test, self.schema.clip_all(predicted))
            ahead = self._gain(now.losses, losses)
            return Ranking(source, detail, score=self._score(losses), ahead=ahead)
        ahead, more = self._ahead(now.chance, predicted)
        return replace(self._ranked(source, detail, predicted), ahead=ahead, more_found=more)

    def _score(self, losses: NDArray[np.float64]) -> Interval:
        clusters = self.test.clusters
        if self.schema.task == "regression":
            return r2_interval(self.test.y, losses**0.5, clusters)
        return mean_interval(losses, clusters, positive=True)

    def _gain(self, now: NDArray[np.float64], before: NDArray[np.float64]) -> Interval:
        clusters = self.test.clusters
        if self.schema.task == "regression":
            spread = (self.test.y - self.test.y.mean()) ** 2
            return r2_drop_interval(now, before, spread, clusters)
        return mean_interval(before - now, clusters)

    def _ahead(
        self, chance: NDArray[np.float64], other: NDArray[np.float64]
    ) -> tuple[Interval, Interval | None]:
        """Return by how much an AUC is above another, and how many more a list holds."""
        happened, clusters = self._happened(), self.test.clusters
        ahead = auc_gain_interval(happened, chance, other, clusters)
        if self._hits(chance) is None or self._hits(other) is None:
            return ahead, None
        places, n_event = self._listing().n_listed, self._listing().n_event
        more = recall_gain_interval(happened, chance, other, places, clusters)
        return ahead, Interval(*(n_event * v for v in (more.value, more.low, more.high)))

    def _ranked(
        self,
        source: Source,
        detail: str,
        chance: NDArray[np.float64] | None,
        score: Interval | None = None,
    ) -> Ranking:
        import numpy as np

        if chance is None:
            return Ranking(source, detail, score)
        both = np.column_stack([1 - chance, chance])
        auc = auc_interval(self._happened().astype(np.int64), both, self.test.clusters)
        return Ranking(source, detail, score, auc, self._hits(chance))

    def _hits(self, chance: NDArray[np.float64]) -> ListHits | None:
        """Return what a list holds; None where that tells of fewer than ten students."""
        happened, listing = self._happened(), self._listing()
        listed, end = listed_share(chance, listing.n_listed)
        hits, n, n_event = float(listed @ happened), len(happened), listing.n_event
        parts = hits, listing.n_listed - hits, n_event - hits, n - listing.n_listed - n_event + hits
        if min(parts) < LEAST_ROWS:
            return None
        last = min(max(end, 0.0), 1.0)
        precision, recall = list_intervals(listed, happened, last, self.test.clusters)
        found = Interval(*(n_event * one for one in (recall.value, recall.low, recall.high)))
        return ListHits(found, precision, recall)

    def _happened(self) -> NDArray[np.bool_]:
        if self.event is None:
            raise TypeError("a number without a pass mark has no event")
        return self.event.happened(self.test.y)

    def _listing(self) -> Listing:
        if self.listing is None:
            raise TypeError("without an event there is no list")
        return self.listing
