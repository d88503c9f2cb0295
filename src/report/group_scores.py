"""How well a model does in new groups, such as schools, and in known ones: always both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from src.language import ENGLISH, current, mark, ngettext
from src.language import gettext as _
from src.report.document import Cell, ReportTable, Section, Tile
from src.report.facts import Facts
from src.report.group_facts import KNOWN, NEW, GroupScore, GroupsFacts
from src.report.wording import (
    Measure,
    capitalize,
    group_noun,
    interval_note,
    listed,
    number,
    percent,
    percent_span,
    plural,
    r2_text,
    span,
)
from src.schema.record import Schema
from src.stats.intervals import LEAST_CLUSTERS, Interval

IN_PROSE = ("r2", "mae", "log_loss", "auc")
SCORES = (
    ("r2", "R²"),
    ("rmse", mark("RMSE")),
    ("mae", mark("MAE")),
    ("log_loss", mark("Log loss")),
    ("brier", mark("Brier score")),
    ("auc", mark("AUC")),
)
ERRORS = ("rmse", "mae")  # in the target's unit


@dataclass(frozen=True)
class GroupWords:
    """What the groups of a schema are called, and what a model's figures in them are.

    Attributes
    ----------
    one, many : str
        Such as "school" and "schools"; in languages other than English the label of the column,
        which cannot be inflected: sentences there say "groups (school)" or the like.
    """

    one: str
    many: str
    measure: Measure

    @classmethod
    def of(cls, schema: Schema) -> GroupWords:
        """Return the words that a schema's column of groups asks for."""
        measure = Measure.of(schema.target)
        if schema.group is None:
            return cls(_("group"), _("groups"), measure)
        one = group_noun(schema.group)
        return cls(one, plural(one) if current() == ENGLISH else one, measure)

    @property
    def both(self) -> dict[str, str]:
        """Both words, as sentences name them."""
        return {"group": self.one, "groups": self.many}

    def case(self, case: str) -> str:
        """Return the students that a score is of."""
        if case == NEW:
            # Translators: groups is the column's label, as in "Schule": not inflected.
            return _("new %(groups)s", groups=self.many)
        # Translators: groups is the column's label, as in "Schule": not inflected.
        return _("new students of known %(groups)s", groups=self.many)

    def students(self, score: GroupScore) -> str:
        """Return how many students a score is of, and of how many groups."""
        return ngettext(
            "%(students)s students of %(n)s %(group)s",
            "%(students)s students of %(n)s %(groups)s",
            score.n_groups,
            students=number(score.n_samples),
            **self.both,
        )

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
        return span(number(estimate.low, 3), number(estimate.high, 3))

    def interval_note(self, name: str, estimate: Interval) -> str:
        """Return a score's interval as it follows it in a sentence."""
        if name in ERRORS:
            return self.measure.interval_note(estimate)
        return interval_note(number(estimate.low, 3), number(estimate.high, 3))

    def axis(self, name: str, label: str) -> str:
        """Return what a score is called, with its unit."""
        return self.measure.axis(_(label)) if name in ERRORS else _(label)


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
            if ends:
                ends = f" ({ends})" if figures else words.interval_note(name, estimate)
            unit = f" {words.measure.unit}" if name in ERRORS and words.measure.unit else ""
            figures.append(f"{_(label)} {words.figure(name, estimate)}{unit}{ends}")
    said = {
        "case": capitalize(words.case(score.case)),
        "scores": listed(figures),
        "students": words.students(score),
    }
    if score.n_groups < LEAST_CLUSTERS:
        return _(
            "%(case)s: %(scores)s, on %(students)s; no intervals, since there are fewer than "
            "%(least)s %(groups)s.",
            least=number(LEAST_CLUSTERS),
            groups=words.many,
            **said,
        )
    return _("%(case)s: %(scores)s, on %(students)s.", **said)


def _origin(groups: GroupsFacts, words: GroupWords) -> list[str]:
    if groups.scores[0].held_out:
        return []
    return [
        _(
            "Both are from cross-validation: fewer than %(least)s %(groups)s are too few to hold "
            "some out.",
            least=number(LEAST_CLUSTERS),
            groups=words.many,
        )
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
        kept = _("Inside the 90\N{NO-BREAK SPACE}% range")
        if schema.task != "regression":
            kept = _("Inside the 90\N{NO-BREAK SPACE}% set")
        rows.append((Cell(kept), *map(_share, scores)))
    rows += [
        (Cell(_("Students")), *(Cell(number(score.n_samples)) for score in scores)),
        (Cell(capitalize(words.many)), *(Cell(number(score.n_groups)) for score in scores)),
        (
            Cell(_("Measured on")),
            *(Cell(_("held-out rows") if s.held_out else _("cross-validation")) for s in scores),
        ),
    ]
    header = (_("Measure"), *(capitalize(words.case(score.case)) for score in scores))
    return ReportTable(_new_and_known(words), header, rows)


def _new_and_known(words: GroupWords) -> str:
    return _("New and known %(groups)s", groups=words.many)


def _share(score: GroupScore) -> Cell:
    if (share := score.share_in_range) is None:
        return Cell("–")
    ends = percent_span(share.low, share.high) if share.low < share.high else ""
    return Cell(percent(share.value), ends)


def tiles(groups: GroupsFacts, schema: Schema) -> list[Tile]:
    """Return the errors of both cases in large letters, and how far they are from guessing."""
    words = GroupWords.of(schema)
    large = {"mae": words.measure.unit, "r2": "R²", "log_loss": _("log loss"), "auc": _("AUC")}
    return [
        Tile(words.figure(name, score.scores[name]), unit, _meaning(name, words.case(score.case)))
        for score in groups.scores
        for name, unit in large.items()
        if name in score.scores
    ]


def _meaning(name: str, case: str) -> str:
    return _("off on average, %(case)s", case=case) if name == "mae" else case


def both_tables(facts: Facts) -> list[ReportTable]:
    """Return both scores side by side; nothing where the model knows no groups."""
    return [scores_table(facts.groups, facts.schema)] if facts.groups else []


def scores_section(facts: Facts) -> Section | None:
    """Return both scores; None where the model knows no groups."""
    groups = facts.groups
    if groups is None:
        return None
    words = GroupWords.of(facts.schema)
    if groups.first == NEW:
        chosen = _(
            "The model was chosen for new %(groups)s: their score comes first. Where it is used "
            "for new students of known %(groups)s, the other score counts.",
            groups=words.many,
        )
    else:
        chosen = _(
            "The model was chosen for new students of known %(groups)s: their score comes first. "
            "Where it is used for new %(groups)s, the other score counts.",
            groups=words.many,
        )
    return Section(
        "groups",
        _new_and_known(words),
        [chosen, *_origin(groups, words)],
        tables=[scores_table(groups, facts.schema)],
    )
