"""Whether chances, and a list by them, treat groups alike, and what leaving columns out costs."""

from __future__ import annotations

from collections.abc import Sequence

from src.language import gettext as _
from src.report.class_groups import ClassGrouping, ClassReportFacts, GroupChances
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.fairness import (
    exclusion_section,
    how_drawn,
    is_added,
    label_in,
    only_one,
    share_cell,
    withheld_rows,
)
from src.report.findings import class_exclusion_sentence, class_fairness_sentences
from src.report.group_scores import GroupWords
from src.report.matplotlib_svg import ACCENT, SECOND
from src.report.plots import Dot, dots, padded
from src.report.wording import (
    Measure,
    Names,
    event_label,
    number,
    percent,
    signed,
    span,
)
from src.stats.intervals import Interval
from src.stats.permutation_test import ALPHA

DRAWN_GROUPS = 16


def meaning(facts: ClassReportFacts) -> list[str]:
    """Return what the figures of groups are."""
    label, fairness = event_label(facts.target), facts.fairness
    said = [
        _(
            "Calibration: the share that came true less the mean chance of %(event)s; above zero, "
            "the chances of the group are too low.",
            event=label or _("the predicted outcome"),
        )
    ]
    if fairness is not None and fairness.n_listed is not None:
        said.append(
            _(
                "The list: the %(students)s students with the largest chances; of the lists of "
                "which figures can be told, it is nearest to as many as have %(event)s. False "
                "alarms: who of those without %(event)s is on it. Missed: who of those with "
                "%(event)s is not. Where groups have %(event)s more or less often, both differ "
                "even for perfect chances: a difference there is to be weighed, and is no fault "
                "by itself.",
                students=number(fairness.n_listed),
                event=label,
            )
        )
    elif label:
        said.append(
            _(
                "Whom a list misses in each group cannot be told of so few held-out students: the "
                "figures would say something of fewer than ten."
            )
        )
    else:
        said.append(_("No outcome is said to be at risk, so there is no list to miss anyone."))
    return said


def fairness(facts: ClassReportFacts) -> Section | None:
    """Return the figures of each group of the sensitive features."""
    if facts.fairness is None or not facts.fairness.groupings:
        return None
    names = Names(facts.schema)
    singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
    found = [group.calibration for one in singles for group in one.groups]
    limits = padded([0.0, *(100 * end for one in found for end in (one.low, one.high))])
    figures = [
        Figure(
            _draw(f"fairness-{i}", one, names, limits), _apart(one, names), names.all(one.features)
        )
        for i, one in enumerate(singles)
        if one.groups
    ]
    notes = [
        _(
            "Lines and small letters: 95\N{NO-BREAK SPACE}% intervals. Among many groups a few "
            "stand out by chance alone; the sentences above allow for that. Figures of few "
            "students are withheld."
        )
    ]
    return Section(
        "fairness",
        _("Fairness"),
        [_("The same held-out students, by group."), *meaning(facts)],
        class_fairness_sentences(facts.fairness, facts.target),
        figures,
        [group_table(one, names, folded=True) for one in facts.fairness.groupings],
        notes,
    )


def group_fairness(facts: ClassReportFacts) -> Section | None:
    """Return how groups of students fare with and without the effects; None without both."""
    both = facts.group_fairness
    if both is None:
        return None
    words, names = GroupWords.of(facts.schema), Names(facts.schema)
    without, with_effect = (
        " ".join(class_fairness_sentences(found, facts.target))
        for found in (both.without, both.with_effect)
    )
    pairs = list(zip(both.without.groupings, both.with_effect.groupings, strict=True))
    return Section(
        "group-fairness",
        _("Fairness with and without the %(group)s's effect", group=words.one),
        [
            _(
                "The same %(students)s students of known %(groups)s: their chances without the "
                "%(group)s's effect and with it.",
                students=number(both.with_effect.n_samples),
                **words.both,
            )
        ],
        [
            *(_both_apart(*pair, names, words) for pair in pairs if len(pair[0].groups) > 1),
            _("Without the effect: %(sentences)s", sentences=without),
            _("With it: %(sentences)s", sentences=with_effect),
        ],
        tables=[_both_table(*pair, names) for pair in pairs],
        notes=[
            _(
                "Small letters: 95\N{NO-BREAK SPACE}% intervals. Groups of few students are "
                "withheld."
            )
        ],
    )


def _both_apart(
    without: ClassGrouping, with_effect: ClassGrouping, names: Names, words: GroupWords
) -> str:
    """Say how far apart groups' calibrations are, without the effects and with them."""
    before, after = (
        max(values) - min(values)
        for values in (
            [group.calibration.value for group in one.groups] for one in (without, with_effect)
        )
    )
    return _(
        "%(columns)s: the groups' calibrations lie %(before)s points apart without the "
        "%(group)s's effect, %(after)s with it.",
        columns=names.all(without.features),
        before=number(100 * before, 1),
        after=number(100 * after, 1),
        group=words.one,
    )


def _both_table(without: ClassGrouping, with_effect: ClassGrouping, names: Names) -> ReportTable:
    rows: list[Sequence[Cell]] = [
        (
            Cell(label_in(one.label, without, names)),
            Cell(number(one.n_samples)),
            Cell(percent(one.expected)),
            Cell(percent(other.expected)),
            _signed(one.calibration),
            _signed(other.calibration),
        )
        for one, other in zip(without.groups, with_effect.groups, strict=True)
    ]
    rows += withheld_rows(without, names, 4)
    header = (
        _("Group"),
        _("Students"),
        # Translators: without the effect of the group, and with it.
        _("%(score)s without", score=_("Mean chance")),
        # Translators: with the effect of the group.
        _("with"),
        _("%(score)s without", score=_("Calibration (points)")),
        _("with"),
    )
    return ReportTable(
        _("Chances by %(columns)s", columns=names.all(without.features)), header, rows
    )


def _draw(name: str, one: ClassGrouping, names: Names, limits: tuple[float, float]) -> str:
    largest = sorted(one.groups, key=lambda group: -group.n_samples)[:DRAWN_GROUPS]
    rows = [
        Dot(
            label_in(group.label, one, names),
            100 * group.calibration.value,
            100 * group.calibration.low,
            100 * group.calibration.high,
            colour=SECOND if group.p_values.get("calibration", 1.0) <= ALPHA else ACCENT,
        )
        for group in one.groups
        if group in largest
    ]
    said = "; ".join(f"{row.label} {signed(row.value, 1)}" for row in rows)
    alt = _(
        "Share that came true less mean chance, by %(columns)s: %(differences)s points.",
        columns=names.all(one.features),
        differences=said,
    )
    axis = _("Came true less mean chance (points)")
    return dots(name, alt, rows, axis, reference=0.0, limits=limits)


def _apart(one: ClassGrouping, names: Names) -> str:
    """Say between which groups the calibration is farthest apart; chance is told of elsewhere."""
    ranked = sorted(one.groups, key=lambda group: group.calibration.value)
    low, high = ranked[0].calibration.value, ranked[-1].calibration.value
    ends = [
        f"{label_in(group.label, one, names)} ({signed(100 * group.calibration.value, 1)})"
        for group in (ranked[0], ranked[-1])
    ]
    if len(ranked) == 1:
        return only_one(ends[0])
    stands_out = any(group.p_values.get("calibration", 1.0) <= ALPHA for group in one.groups)
    apart = _(
        "Calibration is farthest apart, by %(size)s points, for %(one)s and %(other)s.",
        size=number(100 * (high - low), 1),
        one=ends[0],
        other=ends[1],
    )
    return " ".join([apart, *how_drawn(len(ranked), stands_out)])


def group_table(one: ClassGrouping, names: Names, *, folded: bool = False) -> ReportTable:
    """Return each group's calibration, and where there is an event how a list treats it."""
    with_list = any(group.listed for group in one.groups)
    rows: list[Sequence[Cell]] = [
        (
            Cell(label_in(group.label, one, names)),
            Cell(number(group.n_samples)),
            Cell(percent(group.expected)),
            _signed(group.calibration),
            *(_of_list(group) if with_list else ()),
        )
        for group in one.groups
    ]
    header = [_("Group"), _("Students"), _("Mean chance"), _("Calibration (points)")]
    if with_list:
        header += [_("On the list"), _("False alarms"), _("Missed")]
    rows += withheld_rows(one, names, len(header) - 2)
    caption = _("Chances by %(columns)s", columns=names.all(one.features))
    return ReportTable(caption, header, rows, folded=folded)


def _of_list(group: GroupChances) -> list[Cell]:
    return [share_cell(one) for one in (group.listed, group.false_alarms, group.missed)]


def _signed(estimate: Interval) -> Cell:
    ends = span(signed(100 * estimate.low, 1), signed(100 * estimate.high, 1))
    return Cell(signed(100 * estimate.value, 1), ends if estimate.low < estimate.high else "")


def exclusion(facts: ClassReportFacts) -> Section | None:
    """Return what it costs to do without the sensitive features."""
    cost = facts.exclusion
    if cost is None:
        return None
    measure = Measure("", 3)
    rows = [
        (
            Cell(is_added(name)),
            Cell(measure.signed(one.value), measure.interval(one, signed=True)),
        )
        for name, one in ((_("Log loss"), cost.log_loss), (_("Brier score"), cost.brier))
    ]
    return exclusion_section(cost.labels, class_exclusion_sentence(cost), rows)
