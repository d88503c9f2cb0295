"""A promoted run whose target is one of some outcomes, and the chances that it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from src.artifact_store import Run
from src.compiled.classifier import CompiledClassifier
from src.exception import Problem
from src.language import gettext as _
from src.language import mark
from src.schema.features import Value
from src.serving.predictor import Answered, Columns, Predictor
from src.stats.chances import ClassChances

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from src.compiled.class_contributions import ClassAttributor
    from src.compiled.classifier_batch import ClassifierBatch
    from src.compiled.contributions import Contributions
    from src.explanations.explainer import Explainer

CHANCES = "chances.json"
KNOWN_CHANCES = "chances_known.json"  # in groups that the model knows
UNKNOWN_RANGE = 0.0, 1.0
NO_SET = mark(
    "An answer lies so far outside what training saw that little is known there: no outcome is "
    "ruled out."
)


@dataclass(frozen=True)
class OutcomePrediction(Answered):
    """The chances of the outcomes for one record.

    Attributes
    ----------
    prediction : str
        The most likely outcome.
    probabilities : dict of str to float
        By outcome, in the schema's order; they sum to 1.
    sets : dict of str to tuple of str
        By level, such as ``"0.9"``: the outcomes that cannot be ruled out, the likeliest first.
    at_risk : float or None
        Chance of the outcomes that help should prevent; None where nobody said which.
    at_risk_range : (float, float) or None
        Between what the share who end so lies among students with about this chance (95 % interval
        from training rows). It is no interval of this student's own chance. From 0 to 1 where an
        answer lies far outside what training saw.
    """

    prediction: str
    probabilities: dict[str, float] = field(default_factory=dict)
    sets: dict[str, tuple[str, ...]] = field(default_factory=dict)
    at_risk: float | None = None
    at_risk_range: tuple[float, float] | None = None


class OutcomePredictor(Predictor):
    """A run whose target is one of some outcomes."""

    COMPILED = CompiledClassifier
    compiled: CompiledClassifier | None

    def __init__(self, run: Run, *rest: Any) -> None:
        super().__init__(run, *rest)
        self.chances = ClassChances.from_dict(run.read_json(CHANCES))
        self.known_chances = self.chances
        if self.groups is not None:
            self.known_chances = ClassChances.from_dict(run.read_json(KNOWN_CHANCES))
        self.labels = self.schema.outcomes.categories
        self._explainers: dict[frozenset[int], Explainer] = {}
        of_outcomes = [self.chances.prior, self.known_chances.prior]
        of_outcomes += [self.groups.direction] if self.groups else []
        if any(len(one) != len(self.labels) for one in of_outcomes):
            raise ValueError("the chances are of other outcomes")
        if self.metrics["outcomes"] != [*self.labels]:
            raise ValueError("the figures are of other outcomes")

    def predict_values(
        self, values: Mapping[str, Value], warnings: tuple[Problem, ...] = ()
    ) -> OutcomePrediction:
        """Predict a record whose values were checked; see :meth:`Predictor.predict_values`."""
        raw, made, labels = self.raw(values), self.chances_for(values), self.labels
        chances = made.calibrated(raw)
        most_likely = labels[max(range(len(labels)), key=chances.__getitem__)]
        chance_range = made.chance_range(chances)
        if self.is_far_from_training(values):
            warnings += (Problem(_(NO_SET)),)
            by_chance = sorted(range(len(labels)), key=lambda code: -chances[code])
            sets = dict.fromkeys(made.thresholds, tuple(by_chance))
            chance_range = chance_range and UNKNOWN_RANGE
        else:
            sets = made.sets(chances)
        return OutcomePrediction(
            values,
            warnings,
            self.run.run_id,
            most_likely,
            dict(zip(labels, chances, strict=True)),
            {level: tuple(labels[code] for code in codes) for level, codes in sets.items()},
            made.chance_of_event(chances) if made.event else None,
            chance_range,
        )

    def is_sound(self, answered: OutcomePrediction) -> bool:
        """Whether the chances are finite and sum to 1."""
        total = math.fsum(answered.probabilities.values())
        return math.isfinite(total) and abs(total - 1) < 1e-6

    def fields(self, answered: OutcomePrediction) -> dict[str, Any]:
        """Return the most likely outcome, the chances, the sets and the chance of the event."""
        found: dict[str, Any] = {
            "prediction": answered.prediction,
            "probabilities": answered.probabilities,
            "set": [*answered.sets.get("0.9", ())],
            "sets": {level: [*labels] for level, labels in answered.sets.items()},
        }
        if answered.at_risk is not None and answered.at_risk_range is not None:
            low, high = answered.at_risk_range
            outcomes = [*self.schema.outcomes.at_risk]
            found["at_risk"] = {
                "outcomes": outcomes,
                "probability": answered.at_risk,
                "low": low,
                "high": high,
            }
        return found

    def explained(self, prediction: str) -> tuple[int, ...]:
        """Return the codes of what reasons are about: the event, else the outcome predicted."""
        return self.chances.event or (self.labels.index(prediction),)

    def explain(self, values: Mapping[str, Value]) -> Contributions:
        """Return what each checked value of a record adds to the chance of being at risk.

        Where nobody said who is, it is the chance of the outcome that is predicted. Base and
        contributions, in probability, sum to that chance.

        Raises
        ------
        ReasonsUnavailableError
            If no true reasons can be given in the time that a page has.
        """
        codes = self.chances.event or self.explained(self.predict_values(values).prediction)
        event = frozenset(codes)
        if self._attributor is not None:
            found = self._attributor.contributions(values, event, self.chances)
        else:
            if event not in self._explainers:
                self._explainers[event] = self._explainer(event)
            found = self._explained_by(self._explainers[event], values)
        if self.groups is None or self.groups.key(values) is None:
            return found
        chances = self.chances_for(values).calibrated(self.raw(values))
        more = math.fsum(chances[code] for code in event) - found.total
        return replace(found, values={**found.values, self.groups.column: more})

    def chances_for(self, values: Mapping[str, Value]) -> ClassChances:
        """Return what is said of a record's chances: another thing where its group is known."""
        if self.groups is None or self.groups.key(values) is None:
            return self.chances
        return self.known_chances

    def raw(self, values: Mapping[str, Value]) -> list[float]:
        """Return what the model says of a record, not calibrated: a probability an outcome.

        Where the group is known, its tilt is in them.
        """
        if self.compiled is not None:
            found = self.compiled.probabilities(values)
            if self.groups is None:
                return found
            return self.groups.tilted(found, self.groups.key(values))
        rows: list[float] = self.raw_columns({name: [v] for name, v in values.items()})[0].tolist()
        return rows

    def calibrated_columns(
        self, columns: Columns, level: str
    ) -> tuple[NDArray[np.float64], list[tuple[int, ...]]]:
        """Return the chances of rows, and their sets at a level, none where it is not known."""
        import numpy as np

        raw = self.raw_columns(columns)
        chances = np.empty_like(raw)
        sets: list[tuple[int, ...]] = [()] * len(raw)
        known = np.zeros(len(raw), dtype=bool)
        if self.groups is not None:
            known[:] = [key is not None for key in self.groups.keys(columns, len(raw))]
        for rows, made in ((~known, self.chances), (known, self.known_chances)):
            at = np.flatnonzero(rows)
            if not len(at):
                continue
            chances[at] = made.calibrated_of_each(raw[at])
            if level in made.thresholds:
                found = made.sets_of_each(chances[at], level)
                for row, codes in zip(at.tolist(), found, strict=True):
                    sets[row] = codes
        return chances, sets

    def raw_columns(self, columns: Columns) -> NDArray[np.float64]:
        """Return what the model says of rows, of shape (n_samples, n_outcomes).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            Checked numbers and texts by feature; None or NaN where a value is missing.
        """
        import numpy as np

        if not len(columns[self.schema.names[0]]):
            return np.empty((0, len(self.labels)))
        if self._evaluator is not None:
            found = self._evaluator.probabilities(columns)
        else:
            found = self._model.predict_proba(self._pickled_matrix(columns))
        chances = np.asarray(found, dtype=np.float64)
        if self.groups is None:
            return chances
        return self.groups.tilted_of_each(chances, self.groups.keys(columns, len(chances)))

    @cached_property
    def _evaluator(self) -> ClassifierBatch | None:
        from src.compiled.classifier_batch import ClassifierBatch

        return None if self.compiled is None else ClassifierBatch(self.compiled)

    @cached_property
    def _attributor(self) -> ClassAttributor | None:
        from src.compiled.class_contributions import ClassAttributor

        if self.compiled is None:
            return None
        background = self._background()
        return ClassAttributor(self.compiled, background.records, background.weights)

    def _explainer(self, event: frozenset[int]) -> Explainer:
        """Return what explains the calibrated chance of some outcomes by the pickles."""
        codes: Sequence[int] = sorted(event)

        def chance(probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
            return self.chances.calibrated_of_each(probabilities)[:, codes].sum(axis=1)

        return self._explainer_of(chance)
