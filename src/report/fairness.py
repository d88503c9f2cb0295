"""Whether the model treats groups alike, what leaving columns out costs, and the pass mark."""

from __future__ import annotations

from collections.abc import Sequence

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import BothWays, GroupErrors, Grouping, ReportFacts
from src.report.findings import exclusion_sentence, fairness_sentences
from src.report.matplotlib_svg import ACCENT, SECOND
from src.report.overview import SHOWN_LEVEL
from src.report.plots import Dot, dots, padded, reliability
from src.report.wording import SPACE, Measure, Names, count, listed, number, percent, plain, signed
from src.stats.intervals import Interval
from src.stats.permutation_test import ALPHA
from src.tables.cells import format_number

DRAWN_GROUPS = 16
SIGN = "Mean error is actual less predicted: above zero, a group reaches more than is predicted."


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
        f"Lines and small letters: 95{SPACE}% intervals. Among many groups a few stand out by "
        "chance alone; the sentences above allow for that. Groups of few students are withheld."
    ]
    return Section(
        "fairness",
        "Fairness",
        [f"The same held-out students, by group. {SIGN}"],
        fairness_sentences(facts.fairness, facts.schema.number),
        figures,
        [group_table(one, names, measure, folded=True) for one in facts.fairness.groupings],
        notes,
    )


def label_in(label: str, one: Grouping, names: Names) -> str:
    """Return a group's label without the feature's name, where that stands in the heading."""
    label = plain(label)
    if len(one.features) == 1:
        label = label.removeprefix(f"{names.of(one.features[0])} ").removeprefix("= ")
    return label


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
    alt = f"Mean error by {names.all(one.features)}: {said}."
    return dots(name, alt, rows, measure.axis("Mean error"), reference=0.0, limits=limits)


def _stands_out(group: GroupErrors) -> bool:
    return any(p <= ALPHA for p in group.p_values.values())


def _apart(one: Grouping, names: Names, measure: Measure) -> str:
    """Say between which groups the mean errors are farthest apart; chance is told of elsewhere."""
    ranked = sorted(one.groups, key=lambda group: group.mean_error.value)
    ends = [
        f"{label_in(group.label, one, names)} ({measure.signed(group.mean_error.value)})"
        for group in (ranked[0], ranked[-1])
    ]
    drawn = f" The {DRAWN_GROUPS} largest groups are drawn." if len(ranked) > DRAWN_GROUPS else ""
    if len(ranked) == 1:
        return f"Only {ends[0]} has enough students to be shown."
    gap = measure.amount(ranked[-1].mean_error.value - ranked[0].mean_error.value)
    marked = (
        " Orange: different from the rest by more than chance."
        if any(_stands_out(group) for group in one.groups)
        else ""
    )
    return f"Farthest apart, by {gap}, are {ends[0]} and {ends[1]}.{marked}{drawn}"


def group_table(
    one: Grouping, names: Names, measure: Measure, *, folded: bool = False
) -> ReportTable:
    """Return the errors of each group with their intervals."""
    rows: list[Sequence[Cell]] = [
        (
            Cell(label_in(group.label, one, names)),
            Cell(f"{group.n_samples:,}"),
            cell(group.mean_error, measure, signed=True),
            cell(group.mae, measure),
            cell(group.rmse, measure),
            _share(group.coverage.get(str(SHOWN_LEVEL))),
        )
        for group in one.groups
    ]
    rows += [
        (Cell(label_in(label, one, names)), Cell("withheld"), *[Cell("–")] * 4)
        for label in one.suppressed
    ]
    header = (
        "Group",
        "Students",
        measure.axis("Mean error"),
        measure.axis("MAE"),
        measure.axis("RMSE"),
        f"Inside the {percent(SHOWN_LEVEL)} range",
    )
    return ReportTable(f"Errors by {names.all(one.features)}", header, rows, folded=folded)


def cell(estimate: Interval, measure: Measure, *, signed: bool = False) -> Cell:
    """Return a figure of errors with its interval."""
    write = measure.signed if signed else measure.number
    return Cell(write(estimate.value), measure.interval(estimate, signed=signed))


def _share(estimate: Interval | None) -> Cell:
    if estimate is None:
        return Cell("–")
    ends = f"{100 * estimate.low:.0f} to {100 * estimate.high:.0f}{SPACE}%"
    return Cell(percent(estimate.value), ends)


# --- without the sensitive features --------------------------------------------------------------


def exclusion(facts: ReportFacts) -> Section | None:
    """Return what it costs to do without the sensitive features."""
    cost = facts.exclusion
    if cost is None:
        return None
    measure = Measure.of(facts.schema.number)
    lead = [
        f"This model was trained without {listed(cost.labels)}. For comparison, one was "
        "trained with them in the same way; both were tested on the same students.",
        exclusion_sentence(cost),
    ]
    r2 = cost.r2
    ends = f"{signed(r2.low, 3)} to {signed(r2.high, 3)}" if r2.low < r2.high else ""
    table = ReportTable(
        f"What it costs, with 95{SPACE}% intervals",
        ("Measure", "Cost"),
        [
            (Cell("R² that is lost"), Cell(signed(r2.value, 3), ends)),
            (Cell(f"{measure.axis('RMSE')} that is added"), cell(cost.rmse, measure, signed=True)),
            (Cell(f"{measure.axis('MAE')} that is added"), cell(cost.mae, measure, signed=True)),
        ],
    )
    return Section("exclusion", "Without the sensitive features", lead, tables=[table])


# --- the pass mark -------------------------------------------------------------------------------


def pass_mark(facts: ReportFacts) -> Section | None:
    """Return whether the probability of a score below the mark comes true."""
    mark = facts.pass_mark
    if mark is None:
        return None
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    at = f"{format_number(mark.mark)} {measure.unit}".strip()
    lead = [
        f"The model also states how likely a student is to stay below {at} in {names.target}. Of "
        f"{count(mark.n_samples)} not seen before, {mark.n_below:,} did.",
        _brier(mark.brier, mark.baseline_brier),
    ]
    figures, tables = [], []
    if mark.bins:
        within = sum(one.observed.low <= one.predicted <= one.observed.high for one in mark.bins)
        said = "; ".join(
            f"{percent(one.predicted)} said, {percent(one.observed.value)} came true"
            for one in mark.bins
        )
        svg = reliability(
            "reliability",
            f"Probability of less than {at}: {said}.",
            [one.predicted for one in mark.bins],
            [one.observed for one in mark.bins],
            "Probability that was said (%)",
            f"Share below {at} (%)",
        )
        caption = (
            f"The closer to the line the better. In {within} of {count(len(mark.bins), 'group')} "
            f"of students, what was said lies within chance of what came true. Lines: 95{SPACE}% "
            "intervals."
        )
        figures = [Figure(svg, caption)]
        tables = [
            ReportTable(
                "Said and come true",
                ("Probability that was said", "Came true", "Students"),
                [
                    (Cell(percent(one.predicted)), _share(one.observed), Cell(f"{one.n_samples:,}"))
                    for one in mark.bins
                ],
            )
        ]
    if facts.both_ways is not None:
        lead.append(_which_way(facts.both_ways))
        tables.append(_ways_table(facts.both_ways))
    return Section("pass-mark", f"Below the pass mark of {at}", lead, (), figures, tables)


def _which_way(ways: BothWays) -> str:
    """Say whether a model of the outcome would give better chances than the number does."""
    gain = ways.gain
    said = (
        "For comparison, a model was trained on nothing but whether a score is below the mark "
        f"({plain(ways.label)}), on the same rows: "
    )
    low, high = (gain.low, gain.high) if gain.value > 0 else (-gain.high, -gain.low)
    ends = f"difference: 95{SPACE}% interval {signed(low, 3)} to {signed(high, 3)}"
    if not gain.excludes_zero:
        return f"{said}its log loss is as good, as far as chance lets one see ({ends})."
    side = "less" if gain.value > 0 else "more"
    return f"{said}its log loss is {number(abs(gain.value), 3)} {side} ({ends})."


def _ways_table(ways: BothWays) -> ReportTable:
    rows = [
        (Cell(name), *(_three(getattr(way, key)) for way in (ways.number, ways.outcome)))
        for name, key in (("Log loss", "log_loss"), ("Brier score", "brier"), ("AUC", "auc"))
    ]
    header = ("Score", "From the number", "From the outcome")
    return ReportTable(f"Both ways, on {count(ways.n_samples)} held out", header, rows)


def _three(estimate: Interval) -> Cell:
    ends = f"{number(estimate.low, 3)} to {number(estimate.high, 3)}"
    return Cell(number(estimate.value, 3), ends if estimate.low < estimate.high else "")


def _brier(brier: Interval, baseline: float) -> str:
    """Say whether the probabilities are better than the same share for everyone."""
    said = f"The probabilities' mean squared error (Brier score) is {number(brier.value, 3)}"
    if brier.low < brier.high:
        said += f" (95{SPACE}% interval {number(brier.low, 3)} to {number(brier.high, 3)})"
    said += f"; stating the same for everyone scores {number(baseline, 3)}"
    if brier.value < baseline:
        return f"{said}, which is worse."
    return f"{said}: the probabilities are no better than that."
