"""Whether the model treats groups alike, what leaving columns out costs, and the pass mark."""

from __future__ import annotations

from collections.abc import Sequence

from src.language import gettext as _
from src.language import mark, ngettext
from src.report.class_groups import ClassGrouping
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import BothWays, GroupErrors, Grouping, PassMark, ReportFacts
from src.report.findings import exclusion_sentence, fairness_sentences
from src.report.matplotlib_svg import ACCENT, SECOND
from src.report.overview import SHOWN_LEVEL
from src.report.plots import Dot, dots, padded, reliability
from src.report.stored_words import group_label, spoken
from src.report.wording import (
    Measure,
    Names,
    in_full,
    interval_note,
    listed,
    number,
    percent,
    percent_span,
    plain,
    signed,
    span,
)
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import LEAST_CLUSTERS, Interval
from src.stats.permutation_test import ALPHA
from src.stats.reliability import ReliabilityBin

DRAWN_GROUPS = 16
SIGN = mark(
    "Mean error is actual less predicted: above zero, a group reaches more than is predicted."
)


def fairness(facts: ReportFacts) -> Section | None:
    """Return the errors in each group of the sensitive features."""
    if facts.fairness is None or not facts.fairness.groupings:
        return None
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
    errors = [group.mean_error for one in singles for group in one.groups]
    limits = padded([0.0, *(end for error in errors for end in (error.low, error.high))])
    figures = [
        Figure(
            _draw(f"fairness-{i}", one, facts, limits),
            _apart(one, names, measure),
            names.all(one.features),
        )
        for i, one in enumerate(singles)
        if one.groups
    ]
    notes = [
        _(
            "Lines and small letters: 95\N{NO-BREAK SPACE}% intervals. Among many groups a few "
            "stand out by chance alone; the sentences above allow for that. Groups of few "
            "students are withheld."
        )
    ]
    return Section(
        "fairness",
        _("Fairness"),
        [" ".join([_("The same held-out students, by group."), _(SIGN)])],
        fairness_sentences(facts.fairness, facts.schema.number),
        figures,
        [group_table(one, names, measure, folded=True) for one in facts.fairness.groupings],
        notes,
    )


def label_in(label: str, one: Grouping | ClassGrouping, names: Names) -> str:
    """Return a group's label without the feature's name, where that stands in the heading."""
    label = group_label(plain(label))
    if len(one.features) == 1:
        label = label.removeprefix(f"{names.of(one.features[0])} ").removeprefix("= ")
    return label


def withheld_rows(
    one: Grouping | ClassGrouping, names: Names, n_figures: int
) -> list[Sequence[Cell]]:
    """Return a table's rows of the groups that are too small to be told of."""
    return [
        (Cell(label_in(label, one, names)), Cell(_("withheld")), *[Cell("–")] * n_figures)
        for label in one.suppressed
    ]


def _draw(name: str, one: Grouping, facts: ReportFacts, limits: tuple[float, float]) -> str:
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    largest = sorted(one.groups, key=lambda group: -group.n_samples)[:DRAWN_GROUPS]
    rows = [
        Dot(
            label_in(group.label, one, names),
            group.mean_error.value,
            group.mean_error.low,
            group.mean_error.high,
            colour=SECOND if _stands_out(group) else ACCENT,
        )
        for group in one.groups
        if group in largest
    ]
    said = "; ".join(f"{row.label} {measure.signed(row.value)}" for row in rows)
    alt = _("Mean error by %(columns)s: %(errors)s.", columns=names.all(one.features), errors=said)
    return dots(name, alt, rows, measure.axis(_("Mean error")), reference=0.0, limits=limits)


def _stands_out(group: GroupErrors) -> bool:
    return any(p <= ALPHA for p in group.p_values.values())


def _apart(one: Grouping, names: Names, measure: Measure) -> str:
    """Say between which groups the mean errors are farthest apart; chance is told of elsewhere."""
    ranked = sorted(one.groups, key=lambda group: group.mean_error.value)
    ends = [
        f"{label_in(group.label, one, names)} ({measure.signed(group.mean_error.value)})"
        for group in (ranked[0], ranked[-1])
    ]
    if len(ranked) == 1:
        return only_one(ends[0])
    gap = measure.amount(ranked[-1].mean_error.value - ranked[0].mean_error.value)
    said = [
        _(
            "Farthest apart, by %(size)s, are %(one)s and %(other)s.",
            size=gap,
            one=ends[0],
            other=ends[1],
        )
    ]
    return " ".join([*said, *how_drawn(len(ranked), any(map(_stands_out, one.groups)))])


def only_one(group: str) -> str:
    """Return that there is one group only."""
    return _("Only %(group)s has enough students to be shown.", group=group)


def how_drawn(n_groups: int, any_stands_out: bool) -> list[str]:
    """Return what the plot's colours mean, and how many groups it shows."""
    said = []
    if any_stands_out:
        said.append(_("Orange: different from the rest by more than chance."))
    if n_groups > DRAWN_GROUPS:
        said.append(_("The %(number)s largest groups are drawn.", number=number(DRAWN_GROUPS)))
    return said


def group_table(
    one: Grouping, names: Names, measure: Measure, *, folded: bool = False
) -> ReportTable:
    """Return the errors of each group with their intervals."""
    rows: list[Sequence[Cell]] = [
        (
            Cell(label_in(group.label, one, names)),
            Cell(number(group.n_samples)),
            cell(group.mean_error, measure, signed=True),
            cell(group.mae, measure),
            cell(group.rmse, measure),
            share_cell(group.coverage.get(str(SHOWN_LEVEL))),
        )
        for group in one.groups
    ]
    rows += withheld_rows(one, names, 4)
    header = (
        _("Group"),
        _("Students"),
        measure.axis(_("Mean error")),
        measure.axis(_("MAE")),
        measure.axis(_("RMSE")),
        _("Inside the %(range)s range", range=percent(SHOWN_LEVEL)),
    )
    caption = _("Errors by %(columns)s", columns=names.all(one.features))
    return ReportTable(caption, header, rows, folded=folded)


def cell(estimate: Interval, measure: Measure, *, signed: bool = False) -> Cell:
    """Return a figure of errors with its interval."""
    write = measure.signed if signed else measure.number
    return Cell(write(estimate.value), measure.interval(estimate, signed=signed))


def share_cell(estimate: Interval | None) -> Cell:
    """Return a share with its interval under it; a dash where it is withheld."""
    if estimate is None:
        return Cell("–")
    ends = percent_span(estimate.low, estimate.high) if estimate.low < estimate.high else ""
    return Cell(percent(estimate.value), ends)


# --- without the sensitive features --------------------------------------------------------------


def exclusion(facts: ReportFacts) -> Section | None:
    """Return what it costs to do without the sensitive features."""
    cost = facts.exclusion
    if cost is None:
        return None
    measure = Measure.of(facts.schema.number)
    r2 = cost.r2
    ends = span(signed(r2.low, 3), signed(r2.high, 3)) if r2.low < r2.high else ""
    rows = [
        (Cell(_("R² that is lost")), Cell(signed(r2.value, 3), ends)),
        (Cell(is_added(measure.axis(_("RMSE")))), cell(cost.rmse, measure, signed=True)),
        (Cell(is_added(measure.axis(_("MAE")))), cell(cost.mae, measure, signed=True)),
    ]
    return exclusion_section(cost.labels, exclusion_sentence(cost), rows)


def is_added(score: str) -> str:
    """Return what a score is called that a model without the sensitive features adds to."""
    return _("%(score)s that is added", score=score)


def exclusion_section(
    labels: Sequence[str], sentence: str, rows: Sequence[Sequence[Cell]]
) -> Section:
    """Return what it costs to do without the sensitive features, whatever is predicted."""
    compared = _(
        "This model was trained without %(columns)s. For comparison, one was trained with them in "
        "the same way; both were tested on the same students.",
        columns=listed(labels),
    )
    caption = _("What it costs, with 95\N{NO-BREAK SPACE}% intervals")
    table = ReportTable(caption, (_("Measure"), _("Cost")), rows)
    title = _("Without the sensitive features")
    return Section("exclusion", title, [compared, sentence], tables=[table])


# --- the pass mark -------------------------------------------------------------------------------


def pass_mark(facts: ReportFacts) -> Section | None:
    """Return whether the probability of a score below the mark comes true."""
    mark, asked = facts.pass_mark, facts.metrics.get("pass_mark")
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    if mark is None:
        if not asked:
            return None
        at = f"{in_full(asked['mark'])} {measure.unit}".strip()
        few = _(
            "Fewer than %(least)s students not seen before are below it, or fewer are not: whether "
            "the probabilities of it come true is not told.",
            least=number(LEAST_ROWS),
        )
        return Section("pass-mark", _("Below the pass mark of %(mark)s", mark=at), [few])
    at = f"{in_full(mark.mark)} {measure.unit}".strip()
    lead = [
        _(
            "The model also states how likely a student is to stay below %(mark)s in %(target)s. "
            "Of %(students)s students not seen before, %(below)s did.",
            mark=at,
            target=names.target,
            students=number(mark.n_samples),
            below=number(mark.n_below),
        ),
        _brier(mark),
    ]
    figures, tables = [], []
    if mark.bins:
        svg = reliability(
            "reliability",
            _("Probability of less than %(mark)s: %(bins)s.", mark=at, bins=said_of(mark.bins)),
            [one.predicted for one in mark.bins],
            [one.observed for one in mark.bins],
            _("Probability that was said (%)"),
            _("Share below %(mark)s (%%)", mark=at),
        )
        figures = [Figure(svg, how_many_within(mark.bins))]
        tables = [bins_table(mark.bins, _("Probability that was said"))]
    if facts.both_ways is not None:
        lead.append(_which_way(facts.both_ways))
        tables.append(_ways_table(facts.both_ways))
    title = _("Below the pass mark of %(mark)s", mark=at)
    return Section("pass-mark", title, lead, (), figures, tables)


def said_of(bins: Sequence[ReliabilityBin]) -> str:
    """Return what was said and what came true, for those who do not see the plot."""
    return "; ".join(
        _(
            "%(said)s said, %(true)s came true",
            said=percent(one.predicted),
            true=percent(one.observed.value),
        )
        for one in bins
    )


def how_many_within(bins: Sequence[ReliabilityBin]) -> str:
    """Return in how many groups of students what was said came true, as far as chance allows."""
    told = [one for one in bins if one.observed.low < one.observed.high]
    if not told:
        return _(
            "The closer to the line the better. The students are of fewer than %(least)s clusters: "
            "nothing is told from chance.",
            least=number(LEAST_CLUSTERS),
        )
    return ngettext(
        "The closer to the line the better. In %(within)s of %(n)s group of students, what was "
        "said lies within chance of what came true. Lines: 95\N{NO-BREAK SPACE}%% intervals.",
        "The closer to the line the better. In %(within)s of %(n)s groups of students, what was "
        "said lies within chance of what came true. Lines: 95\N{NO-BREAK SPACE}%% intervals.",
        len(told),
        within=number(sum(one.observed.low <= one.predicted <= one.observed.high for one in told)),
    )


def bins_table(bins: Sequence[ReliabilityBin], said: str) -> ReportTable:
    """Return what was said and what came true."""
    rows = [
        (Cell(percent(one.predicted)), share_cell(one.observed), Cell(number(one.n_samples)))
        for one in bins
    ]
    return ReportTable(_("Said and come true"), (said, _("Came true"), _("Students")), rows)


def _which_way(ways: BothWays) -> str:
    """Say whether a model of the outcome would give better chances than the number does."""
    gain = ways.gain
    low, high = (gain.low, gain.high) if gain.value > 0 else (-gain.high, -gain.low)
    said = {
        "model": spoken(plain(ways.label)),
        "size": number(abs(gain.value), 3),
        "low": signed(low, 3),
        "high": signed(high, 3),
    }
    if low >= high:
        return _(
            "For comparison, a model was trained on nothing but whether a score is below the mark "
            "(%(model)s), on the same rows. They are of fewer than %(least)s clusters: which of "
            "the two has the lower log loss is not told from chance.",
            model=said["model"],
            least=number(LEAST_CLUSTERS),
        )
    if not gain.excludes_zero:
        return _(
            "For comparison, a model was trained on nothing but whether a score is below the mark "
            "(%(model)s), on the same rows: its log loss is as good, as far as chance lets one "
            "see (difference: 95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s).",
            **said,
        )
    if gain.value > 0:
        return _(
            "For comparison, a model was trained on nothing but whether a score is below the mark "
            "(%(model)s), on the same rows: its log loss is %(size)s less (difference: "
            "95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s).",
            **said,
        )
    return _(
        "For comparison, a model was trained on nothing but whether a score is below the mark "
        "(%(model)s), on the same rows: its log loss is %(size)s more (difference: "
        "95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s).",
        **said,
    )


def _ways_table(ways: BothWays) -> ReportTable:
    rows = [
        (Cell(name), *(_three(getattr(way, key)) for way in (ways.number, ways.outcome)))
        for name, key in (
            (_("Log loss"), "log_loss"),
            (_("Brier score"), "brier"),
            (_("AUC"), "auc"),
        )
    ]
    header = (_("Score"), _("From the number"), _("From the outcome"))
    caption = _("Both ways, on %(students)s students held out", students=number(ways.n_samples))
    return ReportTable(caption, header, rows)


def _three(estimate: Interval) -> Cell:
    ends = span(number(estimate.low, 3), number(estimate.high, 3))
    return Cell(number(estimate.value, 3), ends if estimate.low < estimate.high else "")


def _brier(mark: PassMark) -> str:
    """Say whether the probabilities are better than the same share for everyone."""
    brier, gain = mark.brier, mark.brier_gain
    interval = ""
    if brier.low < brier.high:
        interval = interval_note(number(brier.low, 3), number(brier.high, 3))
    said = {
        "brier": number(brier.value, 3),
        "interval": interval,
        "baseline": number(mark.baseline_brier, 3),
    }
    if not gain.excludes_zero:
        return _(
            "The probabilities' mean squared error (Brier score) is %(brier)s%(interval)s; "
            "stating the same for everyone scores %(baseline)s. Which is better is not told from "
            "chance.",
            **said,
        )
    if gain.value > 0:
        return _(
            "The probabilities' mean squared error (Brier score) is %(brier)s%(interval)s; "
            "stating the same for everyone scores %(baseline)s, which is worse.",
            **said,
        )
    return _(
        "The probabilities' mean squared error (Brier score) is %(brier)s%(interval)s; stating "
        "the same for everyone scores %(baseline)s: the probabilities are no better than that.",
        **said,
    )
