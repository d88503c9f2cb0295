"""The terms by which the loss of later rows is estimated: the features and the prediction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Self

from src.exception import ArtifactError
from src.schema.features import NumericFeature
from src.schema.record import Schema
from src.stats.class_drift import LEAST_PUPILS
from src.stats.expected_loss import LEAST_ROWS, LossModel
from src.stats.intervals import Interval
from src.utils import read_typed

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

LOSSES = "expected_loss.json"  # of a run
PREDICTION = ""  # the name that no feature has
MOST_TERMS = 60
ROWS_A_TERM = 15
FARTHEST = 4.0  # standard deviations to which numbers are cut
LINEAR, SQUARE, CATEGORY, BLANK = "linear", "square", "category", "blank"


@dataclass(frozen=True)
class Term:
    """A column of the linear function.

    Attributes
    ----------
    feature : str
        Empty for the prediction.
    kind : str
        ``linear``, ``square``, ``category`` or ``blank``.
    center, scale : float
        Of a number.
    category : str
    """

    feature: str
    kind: str
    center: float = 0.0
    scale: float = 1.0
    category: str = ""

    def of(self, column: pd.Series[Any]) -> NDArray[np.float64]:
        """Return the term of each row."""
        import numpy as np

        if self.kind == BLANK:
            return np.asarray(column.isna(), dtype=float)
        if self.kind == CATEGORY:
            return np.asarray(column == self.category, dtype=float)
        number = (column.to_numpy(dtype=float) - self.center) / self.scale
        number = np.nan_to_num(number.clip(-FARTHEST, FARTHEST))
        return number if self.kind == LINEAR else number**2


@dataclass(frozen=True)
class ExpectedLoss:
    """How large the squared error of later rows is expected to be."""

    terms: tuple[Term, ...]
    model: LossModel

    @classmethod
    def fit(
        cls,
        schema: Schema,
        frame: pd.DataFrame,
        predicted: NDArray[np.float64],
        losses: NDArray[np.float64],
        clusters: NDArray[np.intp] | None = None,
    ) -> Self | None:
        """Learn from rows that the model of the target had not seen; None of fewer than 50.

        Of many terms, those are taken that go with the loss most.
        """
        import numpy as np
        import pandas as pd

        if len(losses) < LEAST_ROWS or not losses.any():
            return None
        columns = {name: frame[name] for name in schema.names}
        columns[PREDICTION] = pd.Series(predicted)
        terms = [*_number_terms(PREDICTION, columns[PREDICTION])]
        for feature in schema.features:
            column = columns[feature.name]
            if column.isna().sum() >= LEAST_PUPILS:
                terms.append(Term(feature.name, BLANK))
            if isinstance(feature, NumericFeature):
                terms += _number_terms(feature.name, column)
                continue
            counts = column.value_counts().to_dict()
            for category in feature.categories[1:]:
                if counts.get(category, 0) >= LEAST_PUPILS:
                    terms.append(Term(feature.name, CATEGORY, category=category))
        if not terms:
            return None
        above = losses - losses.mean()

        def strength(term: Term) -> float:
            values = term.of(columns[term.feature]).astype(float)
            values -= values.mean()
            size = float(np.sqrt(values @ values))
            return abs(float(values @ above)) / size if size > 0 else 0.0

        strengths = np.array([strength(term) for term in terms])  # all at once may be gigabytes
        most = max(1, min(MOST_TERMS, len(losses) // ROWS_A_TERM))
        taken = [terms[i] for i in np.sort(np.argsort(-strengths, kind="stable")[:most])]
        matrix = np.column_stack([term.of(columns[term.feature]) for term in taken])
        return cls(tuple(taken), LossModel.fit(matrix, losses, clusters))

    def mean_of(
        self,
        frame: pd.DataFrame,
        predicted: NDArray[np.float64],
        clusters: NDArray[np.intp] | None = None,
    ) -> Interval:
        """Return the expected mean loss of later rows, with its interval."""
        import numpy as np
        import pandas as pd

        prediction = pd.Series(predicted)
        columns = [t.of(frame[t.feature] if t.feature else prediction) for t in self.terms]
        return self.model.mean_of(np.column_stack(columns), clusters)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return what :meth:`to_dict` described."""
        try:
            found: Self = read_typed(cls, values)
        except (TypeError, ValueError, KeyError) as error:
            raise ArtifactError(f"{LOSSES} is damaged ({error}). Train again.") from error
        return found


def _number_terms(name: str, column: pd.Series[Any]) -> list[Term]:
    center, scale = float(column.mean()), float(column.std())
    if not scale > 0:
        return []
    return [Term(name, kind, center, scale) for kind in (LINEAR, SQUARE)]
