"""What came of a file: how it was read, how its rows were scored, and what a page shows of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from array import array
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from functools import cached_property
from itertools import chain, repeat
from operator import itemgetter
from typing import Any, ClassVar, NamedTuple

from src.compiled.group_effects import GroupEffects
from src.components.data_validation import ValidatedTable
from src.exception import Problem
from src.schema.features import (
    ClassTarget,
    NumericFeature,
    Value,
    feature_from_dict,
    feature_to_dict,
)
from src.stats.chances import added
from src.stats.poisson_binomial import count_range
from src.tables.layout import FileNotes
from src.tables.look_alike import fold

BINS = 20
HALF = 0.5
AT_RISK, BORDERLINE, UNCERTAIN, CALM = range(4)  # in the order of the list
LIKELY_ENOUGH = 0.2  # a chance from which on a row that is not at risk is borderline
MOST_LISTED = 2_000  # rows; the first ones in the order of the list
MOST_VALUES = 200_000  # of the listed rows, so that a very wide table lists fewer
MOST_GROUPS = 40

# The columns that a score adds to a file; those of the chances of outcomes are named by these.
PREDICTION, LOW, HIGH = "prediction", "low_90", "high_90"
BELOW, CHANCE = "below_pass_mark", "chance_below_pass_mark"
SET = "set_90"
LOW_80 = "low_80"  # not written to a file: by it a row is borderline
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
    effect_column : str
        The column of groups, such as schools, where these have effects; else empty.
    n_unknown, n_unknown_groups, n_without_group : int
        Predicted rows of groups that the model does not know, how many groups these are, and rows
        that name none.
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
    effect_column: str = ""
    n_unknown: int = 0
    n_unknown_groups: int = 0
    n_without_group: int = 0

    @property
    def n_predicted(self) -> int:
        return self.n_rows - self.n_refused - self.n_skipped

    def note(self, notes: FileNotes) -> None:
        """Remember how the file was read."""
        self.sheets, self.sheets_read = list(notes.sheets), list(notes.sheets_read)
        self.encoding = notes.encoding

    def add(self, checked: ValidatedTable, groups: GroupEffects | None = None) -> None:
        """Count the rows of a chunk; ``groups`` are those that the model knows."""
        if groups is not None:
            self._add_groups(checked, groups)
        self.n_rows += checked.n_rows
        self.n_refused += len(checked.refused)
        self.n_skipped += len(checked.skipped)
        self.warnings = dict(Counter(self.warnings) + checked.warnings)
        self.mended = dict(Counter(self.mended) + checked.mended)
        if self.examples.keys() != self.mended.keys():
            for problem in chain.from_iterable(checked.notes.values()):
                name = str(problem.field)
                self.examples.setdefault(name, problem.message.removeprefix(f"{name} "))

    def _add_groups(self, checked: ValidatedTable, groups: GroupEffects) -> None:
        n_good = checked.n_rows - len(checked.refused) - len(checked.skipped)
        named = [name for name in checked.columns.get(groups.column, ()) if name is not None]
        keys = groups.keys({groups.column: named}, len(named))
        unknown = [fold(str(n)) for n, key in zip(named, keys, strict=True) if key is None]
        self.effect_column = groups.column
        self.n_without_group += n_good - len(named)
        self.n_unknown += len(unknown)
        self._unknown_groups.update(map(hash, unknown))
        self.n_unknown_groups = len(self._unknown_groups)

    @cached_property
    def _unknown_groups(self) -> set[int]:
        return set()


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
    chance : float or None
        Of the outcomes at risk; of the predicted one where nobody said which these are. None where
        an answer lies far outside what training saw.
    at_risk : bool
    outcomes : sequence of str
        The 90 % set: what cannot be ruled out, the likeliest first.
    """

    prediction: str
    chance: float | None
    at_risk: bool = False
    outcomes: Sequence[str] = ()


class ListedRow(NamedTuple):
    """A row of the list of students.

    Attributes
    ----------
    number, line : int
        Its place below the header, from 1, and its line in the file.
    cells : list of str
        What says who it is.
    score : NumberScore or OutcomeScore
    tier : int
        :data:`AT_RISK`, :data:`BORDERLINE`, :data:`UNCERTAIN` or :data:`CALM`.
    values : list of float, str or None
        Its checked values, in the schema's order of the features.
    doubts : list of str
        Features of which the model knows little: blank, or not seen in training.
    """

    number: int
    line: int
    cells: list[str]
    score: Any
    tier: int
    values: list[Value]
    doubts: list[str]


class NamedCell(NamedTuple):
    """A cell that is wrong, or was mended, with whose it is.

    Attributes
    ----------
    number, line, who
        Of its row; see :class:`ListedRow`.
    field : str
        The feature; empty where the whole row is meant.
    position : int
        Of its column; -1 where the whole row is meant.
    got : str
    message : str
    """

    number: int
    line: int
    who: list[str]
    field: str
    position: int
    got: str
    message: str


class Group(NamedTuple):
    """A class of a file: how many rows, how many at risk, and how many it may turn out to be."""

    name: str
    n_rows: int
    n_at_risk: int
    low: int
    high: int


@dataclass(kw_only=True)
class Summary(Tally, ABC):
    """How a file went, and the part of it that a page shows.

    Attributes
    ----------
    target : NumericFeature or ClassTarget
        What was predicted, by the model that did it.
    shown_columns : list of str
        Headers of what says who a row is.
    rows : list of ListedRow
        Those who need help most first; of a long file, the first :data:`MOST_LISTED`, of a wide
        one fewer.
    wrong, mended_cells : list of NamedCell
        The first ones.
    left_out : list of Problem
        The first rows that are no pupils.
    n_borderline, n_uncertain : int
    likely : (int, int) or None
        Between which numbers of rows will probably turn out at risk.
    delimiter, decimal_comma
        Of the file that came; see :class:`src.tables.layout.TableReader`.
    group_column : str
        The column that tells classes apart; empty where none does.
    groups : list of Group
    school_choices : list of (int, str)
        Columns of which one may hold the groups that have effects, such as schools, where none is
        called as the model's: place and name.
    """

    run_id: str
    target: Any
    shown_columns: list[str]
    rows: list[ListedRow] = field(default_factory=list)
    wrong: list[NamedCell] = field(default_factory=list)
    mended_cells: list[NamedCell] = field(default_factory=list)
    left_out: list[Problem] = field(default_factory=list)
    n_borderline: int = 0
    n_uncertain: int = 0
    likely: tuple[int, int] | None = None
    delimiter: str = ""
    decimal_comma: bool = False
    group_column: str = ""
    groups: list[Group] = field(default_factory=list)
    school_choices: list[tuple[int, str]] = field(default_factory=list)

    SCORE: ClassVar[Any]

    def __post_init__(self) -> None:
        self.most_listed = MOST_LISTED
        self._keys: list[tuple[Any, ...]] = []
        self._chances = array("d")
        self._of_groups: dict[str, tuple[array[int], array[float]]] = {}

    @abstractmethod
    def count(self, scores: Scores) -> None:
        """Take note of the scores of a chunk."""

    @abstractmethod
    def shown(self, scores: Scores) -> Iterator[Any]:
        """Return each row's score as a page shows it."""

    @property
    @abstractmethod
    def knows_risk(self) -> bool:
        """Whether somebody said who is at risk: by a pass mark, or by outcomes."""

    @property
    def starts_with_need(self) -> bool:
        """Whether those who need help most come first: of numbers, the lowest do."""
        return True

    @property
    @abstractmethod
    def n_at_risk(self) -> int:
        """How many rows are predicted to be at risk."""

    @abstractmethod
    def _tiers(self, scores: Scores, shown: Sequence[Any]) -> list[int]:
        """Return the tier of each row, doubts aside."""

    def _places(self, tiers: list[int], shown: Sequence[Any]) -> list[int]:
        """Return in which part of the list each row stands: by its tier."""
        return tiers

    @abstractmethod
    def _ranks(self, shown: Sequence[Any]) -> Iterable[tuple[float, ...]]:
        """Return what rows of a part are ordered by, those who need help most first."""

    @abstractmethod
    def chance_of(self, score: Any) -> float | None:
        """Return the chance that a row is at risk; None where it is not known."""

    def list_rows(
        self,
        scores: Scores,
        doubts: Mapping[int, list[str]],
        row_at: Callable[[int], tuple[int, int, list[str], list[Value]]],
        groups: Sequence[str] | None,
        far: Container[int] = frozenset(),
    ) -> None:
        """List the rows of a chunk, as far as they are among the first ones.

        Parameters
        ----------
        doubts : mapping of int to list of str
            Features of which little is known, by the position among the scored rows.
        row_at : callable
            Takes that position, and returns number, line, cells and values of the row.
        groups : sequence of str or None
            The class of each scored row.
        far : container of int
            Positions of rows that lie so far outside what training saw that no chance is known.
        """
        shown = [
            score._replace(chance=None) if i in far else score
            for i, score in enumerate(self.shown(scores))
        ]
        tiers = self._tiers(scores, shown)
        if self.knows_risk:
            tiers = [min(tier, UNCERTAIN) if i in doubts else tier for i, tier in enumerate(tiers)]
            self.n_borderline += tiers.count(BORDERLINE)
        self.n_uncertain += len(doubts)
        worst = self._keys[-1] if len(self._keys) >= self.most_listed else None
        found = [*zip(self._keys, self.rows, strict=True)]
        places = self._places(tiers, shown)
        for i, rank in enumerate(self._ranks(shown)):
            key = (places[i], *rank)
            if worst is None or key < worst:
                number, line, cells, values = row_at(i)
                row = ListedRow(number, line, cells, shown[i], tiers[i], values, doubts.get(i, []))
                found.append(((*key, number), row))
        found.sort(key=itemgetter(0))
        self._keys = [key for key, _ in found[: self.most_listed]]
        self.rows = [row for _, row in found[: self.most_listed]]
        if self.knows_risk:
            self._count_groups(tiers, shown, groups)

    def _count_groups(
        self, tiers: list[int], shown: list[Any], groups: Sequence[str] | None
    ) -> None:
        chances = [self.chance_of(score) for score in shown]
        self._chances.extend(chance for chance in chances if chance is not None)
        for name, tier, chance in zip(groups or (), tiers, chances, strict=False):
            if name not in self._of_groups and len(self._of_groups) > MOST_GROUPS:
                break
            counts, known = self._of_groups.setdefault(name, (array("q", (0, 0)), array("d")))
            counts[0] += 1
            counts[1] += tier == AT_RISK
            if chance is not None:
                known.append(chance)

    def finish(self) -> None:
        """Find out what needs all rows."""
        if self.knows_risk and self.n_predicted:
            self.likely = self._with_unknown(self.n_predicted, self._chances)
        if 1 < len(self._of_groups) <= MOST_GROUPS:
            self.groups = [
                Group(name, counts[0], counts[1], *self._with_unknown(counts[0], known))
                for name, (counts, known) in sorted(self._of_groups.items())
            ]

    @staticmethod
    def _with_unknown(n_rows: int, chances: Sequence[float]) -> tuple[int, int]:
        """Return a range in which a row of unknown chance may count or not."""
        low, high = count_range(chances)
        return low, high + n_rows - len(chances)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold; the inverse of :meth:`from_dict`."""
        found = {one.name: getattr(self, one.name) for one in fields(self)}
        return found | {
            "target": feature_to_dict(self.target),
            "left_out": [asdict(problem) for problem in self.left_out],
        }

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Summary:
        """Return the summary that :meth:`to_dict` described."""
        target = feature_from_dict(values["target"])
        kind = OutcomeSummary if isinstance(target, ClassTarget) else NumberSummary
        rows = [
            ListedRow(number, line, cells, kind.SCORE(*score), *rest)
            for number, line, cells, score, *rest in values["rows"]
        ]
        likely = values["likely"]
        read = {
            "target": target,
            "rows": rows,
            "wrong": [NamedCell(*cell) for cell in values["wrong"]],
            "mended_cells": [NamedCell(*cell) for cell in values["mended_cells"]],
            "left_out": [Problem(**problem) for problem in values["left_out"]],
            "likely": None if likely is None else tuple(likely),
            "groups": [Group(*group) for group in values["groups"]],
            "school_choices": [(at, name) for at, name in values["school_choices"]],
        }
        return kind(**{**values, **read})


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
        super().__post_init__()
        self._predictions = array("d")

    @property
    def knows_risk(self) -> bool:
        return self.pass_mark is not None

    @property
    def n_at_risk(self) -> int:
        return self.n_below

    def chance_of(self, score: NumberScore) -> float | None:
        return score.chance

    def _tiers(self, scores: Scores, shown: Sequence[NumberScore]) -> list[int]:
        if self.pass_mark is None:
            return [CALM] * len(shown)
        lows = scores.get(LOW_80, repeat(None))
        return [self._tier(one, low) for one, low in zip(shown, lows, strict=False)]

    def _tier(self, score: NumberScore, low_80: float | None) -> int:
        if score.below or self.pass_mark is None:
            return AT_RISK
        crosses = low_80 is not None and low_80 < self.pass_mark
        may_fall = score.chance is not None and score.chance >= LIKELY_ENOUGH
        return BORDERLINE if crosses or may_fall else CALM

    def _ranks(self, shown: Sequence[NumberScore]) -> Iterable[tuple[float, ...]]:
        if self.pass_mark is None:
            return ((one.prediction,) for one in shown)
        # Of a row far from all that training saw, no chance is known: it stands last in its tier.
        return ((0.0 if one.chance is None else -one.chance, one.prediction) for one in shown)

    def count(self, scores: Scores) -> None:
        self.n_below += sum(scores.get(BELOW, ()))
        self._predictions.extend(scores[PREDICTION])

    def shown(self, scores: Scores) -> Iterator[NumberScore]:
        columns = (PREDICTION, LOW, HIGH, BELOW, CHANCE)
        return map(NumberScore, *(scores.get(name, repeat(None)) for name in columns))

    def finish(self) -> None:
        super().finish()
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
    n_event : int
        Rows for whom the outcomes at risk are as likely as not, or likelier than any other one.
    """

    target: ClassTarget
    counts: dict[str, int] = field(default_factory=dict)
    expected: dict[str, float] = field(default_factory=dict)
    n_event: int = 0

    SCORE = OutcomeScore

    def __post_init__(self) -> None:
        super().__post_init__()
        labels = self.target.categories
        self.counts = {label: self.counts.get(label, 0) for label in labels}
        self.expected = {label: self.expected.get(label, 0.0) for label in labels}

    @property
    def knows_risk(self) -> bool:
        return bool(self.target.event)

    @property
    def starts_with_need(self) -> bool:
        return self.knows_risk

    @property
    def n_at_risk(self) -> int:
        return self.n_event

    def chance_of(self, score: OutcomeScore) -> float | None:
        return score.chance if self.knows_risk else None

    def _tiers(self, scores: Scores, shown: Sequence[OutcomeScore]) -> list[int]:
        if not self.knows_risk:
            return [CALM] * len(shown)
        return [
            AT_RISK if one.at_risk else BORDERLINE if _known(one) >= LIKELY_ENOUGH else CALM
            for one in shown
        ]

    def _places(self, tiers: list[int], shown: Sequence[OutcomeScore]) -> list[int]:
        """Return in which part of the list each row stands.

        Whoever may be at risk stands in one part, which only the chance orders: of three outcomes
        or more, some are at risk with a smaller chance than others who are not. The likeliest of n
        outcomes has a chance of 1/n or more, so nobody is at risk with less.
        """
        if not self.knows_risk:
            return tiers
        least = 1 / len(self.target.categories)
        return [
            AT_RISK if tier <= BORDERLINE or _known(one) >= least else tier
            for tier, one in zip(tiers, shown, strict=True)
        ]

    def _ranks(self, shown: Sequence[OutcomeScore]) -> Iterable[tuple[float, ...]]:
        if self.knows_risk:
            # As of numbers: whoever is at risk with an unknown chance stands behind one half.
            unknown = {True: HALF, False: 0.0}
            return (
                (-(unknown[one.at_risk] if one.chance is None else one.chance),) for one in shown
            )
        codes = {label: code for code, label in enumerate(self.target.categories)}
        return ((codes[one.prediction], -_known(one)) for one in shown)

    def count(self, scores: Scores) -> None:
        for label, n in Counter(scores[PREDICTION]).items():
            self.counts[label] += n
        for label, chances in zip(self.target.categories, self._of_outcomes(scores), strict=True):
            self.expected[label] += sum(chances)
        if self.target.event:
            self.n_event += sum(score.at_risk for score in self.shown(scores))

    def shown(self, scores: Scores) -> Iterator[OutcomeScore]:
        target, chances = self.target, self._of_outcomes(scores)
        sets: Iterable[Sequence[str]] = scores.get(SET, repeat(()))
        others = [i for i in range(len(target.categories)) if i not in target.event]
        for label, outcomes, *of_each in zip(scores[PREDICTION], sets, *chances, strict=False):
            codes = target.event or (target.categories.index(label),)
            chance = added(of_each[code] for code in codes)
            risk = bool(target.event) and (
                label in target.at_risk
                or chance >= HALF
                or all(chance > of_each[code] for code in others)
            )
            yield OutcomeScore(label, chance, risk, outcomes)

    def _of_outcomes(self, scores: Scores) -> list[list[float]]:
        """Return the chances of each outcome: all columns between the prediction and the set."""
        return [column for name, column in scores.items() if name not in (PREDICTION, SET)]


def _known(score: OutcomeScore) -> float:
    return 0.0 if score.chance is None else score.chance
