"""What is said of lead times: how well is known who needs help, and how early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from src.report.document import Cell, Figure, ReportTable, Section, Tile
from src.report.lead_time_facts import LeadTimeFacts, Listing, Ranking, StageScores
from src.report.wording import SPACE, capitalize, count, listed, number, percent, plain, signed
from src.stats.intervals import Interval

WITHHELD = "–"
LOG_LOSS = "log loss"
MOST_TILES = 4
SHOWN_COLUMNS = 9
NOTHING = Interval(0.0, 0.0, 0.0)


def title(facts: LeadTimeFacts) -> str:
    """Return the heading of the page."""
    if facts.listing:
        return f"How early is {facts.listing.event} known?"
    return f"How early is {facts.target} known?"


def origin(facts: LeadTimeFacts) -> list[str]:
    """Return what the figures come from."""
    held_out = f"{count(facts.n_test)} held out"
    if facts.known_groups:
        held_out += ", of groups that are learnt from"
    elif facts.n_groups is not None:
        held_out += f", in {count(facts.n_groups, 'group')} kept whole"
    return [f"{count(facts.n_train)} to learn from", held_out, "no model was saved or promoted"]


def lead_time_dict(facts: LeadTimeFacts) -> dict[str, Any]:
    """Return lead_time.json."""
    return asdict(facts) | {"sentences": [*summary(facts), *notes(facts)]}


def tiles(facts: LeadTimeFacts) -> list[Tile]:
    """Return the main figure of the first stages and of the last."""
    shown = list(facts.stages)
    if len(shown) > MOST_TILES:
        shown = [*shown[: MOST_TILES - 1], shown[-1]]
    unit = "AUC" if facts.listing else facts.metric
    return [Tile(number(_main(one.model).value, 3), unit, f"by {one.name}") for one in shown]


def summary(facts: LeadTimeFacts) -> list[str]:
    """Return what a reader needs first."""
    said: list[str] = []
    if facts.listing:
        said += _lists(facts.stages, facts.listing)
    said += [_gain(one, before.name, facts) for before, one in _pairs(facts.stages)]
    last = facts.stages[-1]
    return said + [_against(one, last, facts) for one in last.baselines]


def notes(facts: LeadTimeFacts) -> list[str]:
    """Return how the figures were made."""
    said = [
        f"All stages learn from the same {count(facts.n_train)}, are chosen by the same folds and "
        f"are scored on the same {facts.n_test:,} held-out students, by one budget together. "
        f"Small: 95{SPACE}% intervals; those of a difference are of the same students' figures."
    ]
    listing = facts.listing
    if listing:
        places = (
            f"The list has {count(listing.n_listed, 'place')} for the {facts.n_test:,} held-out "
            f"students ({percent(listing.n_listed / facts.n_test)} of them)"
        )
        said.append(
            f"{places}, as --capacity says."
            if listing.asked
            else f"{places}, as many as have {listing.event}; --capacity says otherwise."
        )
    said.append(
        f"The number alone is the one column, of those known by the stage, that tells most of "
        f"{listing.event if listing else facts.target} in the students to learn from; a line is "
        "fitted to it."
    )
    if facts.known_groups:
        said.append(
            f"The held-out students are of known groups ({plain(facts.group)}): a group's average "
            "is that of its students to learn from, drawn towards the overall mean."
        )
    elif facts.group:
        said.append(
            f"Groups are held out whole ({plain(facts.group)}) and have no average yet: it is the "
            "average of what the number alone says of their students. --for known holds out "
            "students of known groups instead."
        )
    else:
        said.append("Ranking by the school's average needs to know the schools: --group COLUMN.")
    if facts.skipped:
        said.append(f"Nothing more becomes known by {listed(map(plain, facts.skipped))}.")
    if listing and any(one.hits is None for stage in facts.stages for one in _rankings(stage)):
        said.append(
            f"{WITHHELD}: what a list holds is withheld where it would tell of fewer than ten "
            "students; a larger --test-size shows more."
        )
    return said


def sections(facts: LeadTimeFacts) -> list[Section]:
    """Return the parts of the page."""
    added = [f"New by {one.name}: {listed(one.added, most=SHOWN_COLUMNS)}." for one in facts.stages]
    tables = [stages_table(facts)]
    found = [Section("stages", "Stage by stage", (), added, _score_figure(facts), tables)]
    if facts.listing:
        lists = Section(
            "lists",
            f"Whom a list of {facts.listing.n_listed:,} reaches",
            (),
            (),
            _list_figure(facts, facts.listing),
            [lists_table(facts, facts.listing)],
        )
        found.append(lists)
    against = Section(
        "baselines",
        "Is the model worth it?",
        ["A list by one grade, or by the school, costs nothing. The model must be better."],
        tables=[baselines_table(facts)],
    )
    return [*found, against, Section("notes", "How to read this", points=notes(facts))]


def stages_table(facts: LeadTimeFacts) -> ReportTable:
    """Return each stage's score, and what it gains over the stage before."""
    better = f"{capitalize(facts.metric)} {'saved' if facts.metric == LOG_LOSS else 'gained'}"
    header = ["Known by", "Columns", capitalize(facts.metric), better]
    if facts.listing:
        header += ["AUC", "AUC gained"]
    rows = []
    for one in facts.stages:
        row = [
            Cell(one.name, one.model.detail),
            Cell(f"{one.n_columns}"),
            _cell(one.model.score),
            _signed_cell(one.gain),
        ]
        if facts.listing:
            row += [_cell(one.model.auc), _signed_cell(one.auc_gain)]
        rows.append(tuple(row))
    return ReportTable("What each stage gains", header, rows, frozenset({0}))


def lists_table(facts: LeadTimeFacts, listing: Listing) -> ReportTable:
    """Return what lists by the model and by plain rankings hold, stage by stage."""
    rows = [
        (
            Cell(stage.name),
            Cell(capitalize(_called(one))),
            _cell(one.auc),
            _cell(one.hits.found if one.hits else None, 0),
            _share_cell(one.hits.recall if one.hits else None),
            _share_cell(one.hits.precision if one.hits else None),
        )
        for stage in facts.stages
        for one in _rankings(stage)
    ]
    return ReportTable(
        f"A list of {listing.n_listed:,} of {facts.n_test:,}; {listing.n_event:,} have "
        f"{listing.event}",
        ("Known by", "Ranked by", "AUC", "Holds", "Recall", "Precision"),
        rows,
        frozenset({1}),
    )


def baselines_table(facts: LeadTimeFacts) -> ReportTable:
    """Return by how much the model is ahead of plain ways, on the same students."""
    rows = []
    for stage in facts.stages:
        for one in stage.baselines:
            row = [Cell(stage.name), Cell(capitalize(_called(one)))]
            if not facts.listing:
                row.append(_cell(one.score))
            row.append(_signed_cell(one.ahead))
            if facts.listing:
                row.append(_signed_cell(one.more_found, 0))
            rows.append(tuple(row))
    last = ("R²", "The model's is higher by")
    if facts.listing:
        last = ("The model's AUC is higher by", "Its list holds more")
    header = ("Known by", "Compared with", *last)
    return ReportTable("The model beside plain ways", header, rows, frozenset({1}))


def _lists(stages: Sequence[StageScores], listing: Listing) -> Iterator[str]:
    """Return what the list holds by each stage, in one sentence."""
    told = [(one, one.model.hits) for one in stages if one.model.hits]
    parts = [
        f"by {one.name}, {number(hits.found.value)}{_more(one.found_gain)}"
        if k
        else f"by {one.name} the list of {listing.n_listed:,} holds {number(hits.found.value)} of "
        f"the {listing.n_event:,} who have {listing.event}"
        for k, (one, hits) in enumerate(told)
    ]
    if parts:
        yield f"{capitalize('; '.join(parts))}."


def _more(gain: Interval | None) -> str:
    return f" ({_with_ends(gain, 0)})" if gain else ""


def _gain(one: StageScores, before: str, facts: LeadTimeFacts) -> str:
    what = "AUC" if facts.listing else facts.metric
    gain = one.auc_gain if facts.listing else one.gain
    gain = gain or NOTHING
    sign = -1 if what == LOG_LOSS else 1  # a loss falls where more is known
    moved = Interval(sign * gain.value, *sorted((sign * gain.low, sign * gain.high)))
    change = f"the {what} changes by {_with_ends(moved, 3)}"
    if not gain.excludes_zero:
        return f"Whether more is known by {one.name} than by {before} is not shown: {change}."
    way = "More" if gain.value > 0 else "Less"
    return f"{way} is known by {one.name} than by {before}: {change}."


def _against(one: Ranking, stage: StageScores, facts: LeadTimeFacts) -> str:
    what, ahead = "AUC" if facts.listing else facts.metric, one.ahead or NOTHING
    verb = "ranking" if facts.listing else "predicting"
    told = f"{verb} by {_called(one)}, on the same students, by {stage.name}"
    ends = f"{what} {_with_ends(ahead, 3)}"
    if not ahead.excludes_zero:
        return f"That the model is better than {told}, is not shown: {ends}."
    return f"The model is {'better' if ahead.value > 0 else 'worse'} than {told}: {ends}."


def _score_figure(facts: LeadTimeFacts) -> list[Figure]:
    from src.report.matplotlib_svg import ACCENT, QUIET
    from src.report.plots import Dot, dots

    what = "AUC" if facts.listing else facts.metric
    rows = [
        Dot(
            stage.name if one is stage.model else _short(one),
            found.value,
            found.low,
            found.high,
            colour=ACCENT if one is stage.model else QUIET,
        )
        for stage in facts.stages
        for one in _rankings(stage)
        for found in [_main(one)]
    ]
    said = "; ".join(f"by {one.name} {number(_main(one.model).value, 3)}" for one in facts.stages)
    reference = 0.5 if facts.listing else 0.0
    svg = dots("stages", f"{what} by stage: {said}.", rows, what, reference=reference)
    caption = (
        f"Blue: the model by each stage; grey: plain ways by the same stage. Lines: 95{SPACE}% "
        f"intervals. The upright line: knowing nothing."
    )
    return [Figure(svg, caption)]


def _list_figure(facts: LeadTimeFacts, listing: Listing) -> list[Figure]:
    from src.report.matplotlib_svg import ACCENT, QUIET
    from src.report.plots import Dot, dots

    rows, said = [], []
    for stage in facts.stages:
        for one in _rankings(stage):
            if one.hits is None:
                continue
            found, mine = one.hits.found, one is stage.model
            label, colour = (stage.name, ACCENT) if mine else (_short(one), QUIET)
            rows.append(Dot(label, found.value, found.low, found.high, colour=colour))
            if mine:
                said.append(f"by {stage.name} {number(found.value)}")
    if not rows:
        return []
    svg = dots(
        "lists",
        f"Of {listing.n_event:,} who have {listing.event}, the list holds {'; '.join(said)}.",
        rows,
        f"Held, of {listing.n_event:,} who have {listing.event}",
        limits=(0.0, 1.02 * listing.n_event),
        bars=True,
    )
    by_lot = listing.n_listed * listing.n_event / facts.n_test
    caption = (
        f"Drawing lots would hold {number(by_lot)} on average. Blue: by the model; grey: by plain "
        f"rankings. Lines: 95{SPACE}% intervals."
    )
    return [Figure(svg, caption)]


def _rankings(stage: StageScores) -> tuple[Ranking, ...]:
    return (stage.model, *stage.baselines)


def _pairs(stages: Sequence[StageScores]) -> Iterator[tuple[StageScores, StageScores]]:
    return pairwise(stages)


def _main(one: Ranking) -> Interval:
    """Return the figure that stages are compared by."""
    return one.auc or one.score or NOTHING


def _called(one: Ranking) -> str:
    if one.source == "model":
        return "the model"
    return "the school's average" if one.source == "group" else f"{one.detail} alone"


def _short(one: Ranking) -> str:
    return "school's average" if one.source == "group" else f"{one.detail} alone"


def _cell(found: Interval | None, decimals: int = 3) -> Cell:
    if found is None:
        return Cell(WITHHELD)
    return Cell(number(found.value, decimals), _ends(found, decimals))


def _signed_cell(found: Interval | None, decimals: int = 3) -> Cell:
    if found is None:
        return Cell(WITHHELD)
    return Cell(signed(found.value, decimals), _ends(found, decimals, sign=True))


def _share_cell(found: Interval | None) -> Cell:
    if found is None:
        return Cell(WITHHELD)
    ends = f"{100 * found.low:.0f} to {100 * found.high:.0f}{SPACE}%"
    return Cell(percent(found.value), ends)


def _with_ends(found: Interval, decimals: int) -> str:
    """Return a difference with its interval."""
    ends = _ends(found, decimals, sign=True)
    return signed(found.value, decimals) + (f", 95{SPACE}% interval {ends}" if ends else "")


def _ends(found: Interval, decimals: int, *, sign: bool = False) -> str:
    if found.low == found.high:
        return ""
    write = signed if sign else number
    return f"{write(found.low, decimals)} to {write(found.high, decimals)}"
