"""What came of a file: how it was read, how its rows were scored, and what a page shows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from itertools import chain, repeat
from typing import Any, ClassVar, NamedTuple

from src.components.data_validation import ValidatedTable
from src.exception import Problem
from src.schema.features import ClassTarget, NumericFeature, feature_from_dict, feature_to_dict
from src.stats.chances import added
from src.tables.layout import FileNotes

BINS = 20
HALF = 0.5

# The columns that a score adds to a file; those of the chances of outcomes are named by these.
PREDICTION, LOW, HIGH = "prediction", "low_90", "high_90"
BELOW, CHANCE = "below_pass_mark", "chance_below_pass_mark"
SET = "set_90"
Scores = dict[str, list[Any]]  # those of them that apply, a value for each row


@dataclass
class Tally:
    """How a file was read, and how many of its rows were predicted and refused.

    Attributes
    ----------
    n_skipped : int
        Rows that are no pupils: totals, units, the header again, blank ones.
    warnings, mended : dict of str to int
        Cells of a column that lie outside what training saw, and that were read as what they
        clearly stand for.
    examples : dict of str to str
        How the first mended cell of a column is read.
    sheets, sheets_read, encoding
        See :class:`FileNotes`.
    """

    n_rows: int = 0
    n_refused: int = 0
    n_skipped: int = 0
    warnings: dict[str, int] = field(default_factory=dict)
    mended: dict[str, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    sheets: list[str] = field(default_factory=list)
    sheets_read: list[str] = field(default_factory=list)
    encoding: str = ""

    @property
    def n_predicted(self) -> int:
        return self.n_rows - self.n_refused - self.n_skipped

    def note(self, notes: FileNotes) -> None:
        """Remember how the file was read."""
        self.sheets, self.sheets_read = list(notes.sheets), list(notes.sheets_read)
        self.encoding = notes.encoding

    def add(self, checked: ValidatedTable) -> None:
        """Count the rows of a chunk."""
        self.n_rows += checked.n_rows
        self.n_refused += len(checked.refused)
        self.n_skipped += len(checked.skipped)
        self.warnings = dict(Counter(self.warnings) + checked.warnings)
        self.mended = dict(Counter(self.mended) + checked.mended)
        if self.examples.keys() != self.mended.keys():
            for problem in chain.from_iterable(checked.notes.values()):
                name = str(problem.field)
                self.examples.setdefault(name, problem.message.removeprefix(f"{name} "))


class NumberScore(NamedTuple):
    """A row's predicted number, in the target's unit.

    Attributes
    ----------
    low, high : float or None
        Ends of its 90 % interval.
    below : bool or None
        Whether it is below the pass mark; None without one.
    chance : float or None
        Chance that the truth is below it.
    """

    prediction: float
    low: float | None = None
    high: float | None = None
    below: bool | None = None
    chance: float | None = None


class OutcomeScore(NamedTuple):
    """A row's predicted outcome.

    Attributes
    ----------
    prediction : str
    chance : float
        Of the outcomes at risk; of the predicted one where nobody said which these are.
    at_risk : bool
    outcomes : sequence of str
        The 90 % set: what cannot be ruled out, the likeliest first.
    """

    prediction: str
    chance: float
    at_risk: bool = False
    outcomes: Sequence[str] = ()


class ShownRow(NamedTuple):
    """A row of the preview: its line, what says who it is, and its score.

    Attributes
    ----------
    score : NumberScore, OutcomeScore or None
        None where the row was refused, or left out.
    left_out : str
        Why it was left out: it is no pupil.
    mended : str
        What was mended in it.
    """

    line: int
    cells: list[str]
    score: Any
    left_out: str = ""
    mended: str = ""


@dataclass(kw_only=True)
class Summary(Tally, ABC):
    """How a file went, and the part of it that a page shows.

    Attributes
    ----------
    target : NumericFeature or ClassTarget
        What was predicted, by the model that did it.
    rows : list of ShownRow
        The first rows, with their cells in :attr:`shown_columns`.
    problems : list of Problem
        The first ones.
    """

    run_id: str
    target: Any
    shown_columns: list[str]
    rows: list[ShownRow] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    SCORE: ClassVar[Any]

    @abstractmethod
    def count(self, scores: Scores) -> None:
        """Take note of the scores of a chunk."""

    @abstractmethod
    def shown(self, scores: Scores) -> Iterator[Any]:
        """Return each row's score as a page shows it."""

    def finish(self) -> None:
        """Find out what needs all rows."""

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        return asdict(self) | {"target": feature_to_dict(self.target)}

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Summary:
        """Return the summary that :meth:`to_dict` described."""
        target = feature_from_dict(values["target"])
        kind = OutcomeSummary if isinstance(target, ClassTarget) else NumberSummary
        rows = [
            ShownRow(line, cells, None if score is None else kind.SCORE(*score), *rest)
            for line, cells, score, *rest in values["rows"]
        ]
        problems = [Problem(**problem) for problem in values["problems"]]
        return kind(**{**values, "target": target, "rows": rows, "problems": problems})


@dataclass(kw_only=True)
class NumberSummary(Summary):
    """How a file went whose predictions are numbers.

    Attributes
    ----------
    n_below : int
        Predictions below the pass mark.
    bins : list of int
        Predictions by equal parts of the target's range.
    """

    target: NumericFeature
    pass_mark: float | None = None
    n_below: int = 0
    mean: float = 0.0
    median: float = 0.0
    bins: list[int] = field(default_factory=lambda: [0] * BINS)

    SCORE = NumberScore

    def __post_init__(self) -> None:
        self._predictions = array("d")

    def count(self, scores: Scores) -> None:
        self.n_below += sum(scores.get(BELOW, ()))
        self._predictions.extend(scores[PREDICTION])

    def shown(self, scores: Scores) -> Iterator[NumberScore]:
        columns = (PREDICTION, LOW, HIGH, BELOW, CHANCE)
        return map(NumberScore, *(scores.get(name, repeat(None)) for name in columns))

    def finish(self) -> None:
        if not self._predictions:
            return
        in_order = sorted(self._predictions)
        middle = len(in_order) // 2
        self.mean = sum(self._predictions) / len(in_order)
        self.median = (in_order[middle] + in_order[~middle]) / 2
        low, high = self.target.range
        for value in self._predictions:
            at = int(BINS * (value - low) / (high - low or 1.0))
            self.bins[min(BINS - 1, max(0, at))] += 1


@dataclass(kw_only=True)
class OutcomeSummary(Summary):
    """How a file went whose predictions are outcomes.

    Attributes
    ----------
    counts : dict of str to int
        Rows by the outcome that is predicted, in the schema's order.
    expected : dict of str to float
        How many rows will have each outcome, by the sum of its chances.
    n_at_risk : int
        Rows whose predicted outcome is one at risk, or for whom one of these is as likely as not.
    """

    target: ClassTarget
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    n_at_risk: int = 0

    SCORE = OutcomeScore

    def __post_init__(self) -> None:
        labels = self.target.categories
        self.counts = {label: self.counts.get(label, 0) for label in labels}
        self.expected = {label: self.expected.get(label, 0.0) for label in labels}

    def count(self, scores: Scores) -> None:
        for label, n in Counter(scores[PREDICTION]).items():
            self.counts[label] += n
        for label, chances in zip(self.target.categories, self._chances(scores), strict=True):
            self.expected[label] += sum(chances)
        if self.target.event:
            self.n_at_risk += sum(score.at_risk for score in self.shown(scores))

    def shown(self, scores: Scores) -> Iterator[OutcomeScore]:
        target, chances = self.target, self._chances(scores)
        sets: Iterable[Sequence[str]] = scores.get(SET, repeat(()))
        for label, outcomes, *of_each in zip(scores[PREDICTION], sets, *chances, strict=False):
            codes = target.event or (target.categories.index(label),)
            chance = added(of_each[code] for code in codes)
            risk = bool(target.event) and (label in target.at_risk or chance >= HALF)
            yield OutcomeScore(label, chance, risk, outcomes)

    def _chances(self, scores: Scores) -> list[list[float]]:
        """Return the chances of each outcome: all columns between the prediction and the set."""
        return [column for name, column in scores.items() if name not in (PREDICTION, SET)]
