"""How well a model does in new groups, such as schools, and in known ones: always both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from src.report.document import Cell, ReportTable, Section, Tile
from src.report.facts import Facts
from src.report.group_facts import KNOWN, NEW, GroupScore, GroupsFacts
from src.report.wording import (
    SPACE,
    Measure,
    capitalize,
    count,
    group_noun,
    listed,
    number,
    percent,
    plural,
    r2_text,
)
from src.schema.record import Schema
from src.stats.intervals import LEAST_CLUSTERS, Interval

IN_PROSE = ("r2", "mae", "log_loss", "auc")
SCORES = (
    ("r2", "R²"),
    ("rmse", "RMSE"),
    ("mae", "MAE"),
    ("log_loss", "Log loss"),
    ("brier", "Brier score"),
    ("auc", "AUC"),
)
ERRORS = ("rmse", "mae")  # in the target's unit


@dataclass(frozen=True)
class GroupWords:
    """What the groups of a schema are called, and what a model's figures in them are.

    Attributes
    ----------
    one, many : str
        Such as "school" and "schools".
    """

    one: str
    many: str
    measure: Measure

    @classmethod
    def of(cls, schema: Schema) -> GroupWords:
        """Return the words that a schema's column of groups asks for."""
        one = group_noun(schema.group) if schema.group else "group"
        return cls(one, plural(one), Measure.of(schema.target))

    def case(self, case: str) -> str:
        """Return the students that a score is of."""
        return f"new {self.many}" if case == NEW else f"new students of known {self.many}"

    def students(self, score: GroupScore) -> str:
        """Return how many students a score is of, and of how many groups."""
        called = self.one if score.n_groups == 1 else self.many
        return f"{count(score.n_samples)} of {score.n_groups:,} {called}"

    def figure(self, name: str, estimate: Interval) -> str:
        """Return a score."""
        if name in ERRORS:
            return self.measure.number(estimate.value)
        return r2_text(estimate.value) if name == "r2" else number(estimate.value, 3)

    def ends(self, name: str, estimate: Interval) -> str:
        """Return the ends of a score's interval, nothing where there is none."""
        if estimate.low == estimate.high:
            return ""
        if name in ERRORS:
            return self.measure.interval(estimate)
        return f"{number(estimate.low, 3)} to {number(estimate.high, 3)}"

    def axis(self, name: str, label: str) -> str:
        """Return what a score is called, with its unit."""
        return self.measure.axis(label) if name in ERRORS else label


def held_out_case(groups: GroupsFacts) -> str:
    """Return which case the held-out rows of the metrics are of."""
    return groups.first if groups.scores[0].held_out else KNOWN


def both_scores(facts: Facts) -> list[str]:
    """Return both scores in words; nothing where the model knows no groups."""
    return score_sentences(facts.groups, facts.schema) if facts.groups else []


def score_sentences(groups: GroupsFacts, schema: Schema) -> list[str]:
    """Return both scores, the one of the model's use first."""
    words = GroupWords.of(schema)
    return [*(_score(score, words) for score in groups.scores), *_origin(groups, words)]


def _score(score: GroupScore, words: GroupWords) -> str:
    figures: list[str] = []
    for name, label in SCORES:
        estimate = score.scores.get(name)
        if estimate is not None and name in IN_PROSE:
            ends = words.ends(name, estimate)
            interval = f" (95{SPACE}% interval {ends})" if ends else ""
            if interval and figures:
                interval = f" ({ends})"
            unit = f" {words.measure.unit}" if name in ERRORS and words.measure.unit else ""
            figures.append(f"{label} {words.figure(name, estimate)}{unit}{interval}")
    for_whom = capitalize(words.case(score.case))
    few = score.n_groups < LEAST_CLUSTERS
    without = (
        f"; no intervals, since there are fewer than {LEAST_CLUSTERS} {words.many}" if few else ""
    )
    return f"{for_whom}: {listed(figures)}, on {words.students(score)}{without}."


def _origin(groups: GroupsFacts, words: GroupWords) -> list[str]:
    if groups.scores[0].held_out:
        return []
    return [
        f"Both are from cross-validation: fewer than {LEAST_CLUSTERS} {words.many} are too few to "
        "hold some out."
    ]


def scores_table(groups: GroupsFacts, schema: Schema) -> ReportTable:
    """Return both scores side by side."""
    words, scores = GroupWords.of(schema), groups.scores
    rows: list[Sequence[Cell]] = []
    for name, label in SCORES:
        found = [score.scores.get(name) for score in scores]
        if any(found):
            cells = [
                Cell(words.figure(name, one), words.ends(name, one)) if one else Cell("–")
                for one in found
            ]
            rows.append((Cell(words.axis(name, label)), *cells))
    if any(score.share_in_range for score in scores):
        kept = "range" if schema.task == "regression" else "set"
        rows.append((Cell(f"Inside the 90{SPACE}% {kept}"), *map(_share, scores)))
    rows += [
        (Cell("Students"), *(Cell(f"{score.n_samples:,}") for score in scores)),
        (Cell(capitalize(words.many)), *(Cell(f"{score.n_groups:,}") for score in scores)),
        (
            Cell("Measured on"),
            *(Cell("held-out rows" if s.held_out else "cross-validation") for s in scores),
        ),
    ]
    header = ("Measure", *(capitalize(words.case(score.case)) for score in scores))
    return ReportTable(f"New and known {words.many}", header, rows)


def _share(score: GroupScore) -> Cell:
    if (share := score.share_in_range) is None:
        return Cell("–")
    return Cell(percent(share.value), f"{100 * share.low:.0f} to {100 * share.high:.0f}{SPACE}%")


def tiles(groups: GroupsFacts, schema: Schema) -> list[Tile]:
    """Return the errors of both cases in large letters, and how far they are from guessing."""
    words = GroupWords.of(schema)
    large = (
        ("mae", words.measure.unit, "off on average, "),
        ("r2", "R²", ""),
        ("log_loss", "log loss", ""),
        ("auc", "AUC", ""),
    )
    return [
        Tile(words.figure(name, score.scores[name]), unit, f"{what}{words.case(score.case)}")
        for score in groups.scores
        for name, unit, what in large
        if name in score.scores
    ]


def both_tables(facts: Facts) -> list[ReportTable]:
    """Return both scores side by side; nothing where the model knows no groups."""
    return [scores_table(facts.groups, facts.schema)] if facts.groups else []


def scores_section(facts: Facts) -> Section | None:
    """Return both scores; None where the model knows no groups."""
    groups = facts.groups
    if groups is None:
        return None
    words = GroupWords.of(facts.schema)
    others = words.case(KNOWN if groups.first == NEW else NEW)
    lead = [
        f"The model was chosen for {words.case(groups.first)}: their score comes first. Where it "
        f"is used for {others}, the other score counts.",
        *_origin(groups, words),
    ]
    return Section(
        "groups",
        f"New and known {words.many}",
        lead,
        tables=[scores_table(groups, facts.schema)],
    )
