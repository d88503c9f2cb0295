"""What is said of lead times: how well is known who needs help, and how early."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import pairwise
from typing import Any

from src.language import ENGLISH, ngettext, speaking
from src.language import gettext as _
from src.report.document import Cell, Figure, ReportTable, Section, Tile
from src.report.lead_time_facts import LeadTimeFacts, ListHits, Listing, Ranking, StageScores
from src.report.stored_words import event_label, spoken
from src.report.wording import (
    capitalize,
    listed,
    number,
    percent,
    percent_span,
    plain,
    signed,
    span,
)
from src.stats.intervals import Interval

WITHHELD = "–"
LOG_LOSS = "log loss"
MOST_TILES = 4
SHOWN_COLUMNS = 9
NOTHING = Interval(0.0, 0.0, 0.0)


def title(facts: LeadTimeFacts) -> str:
    """Return the heading of the page."""
    if facts.listing:
        return _("How early is %(event)s known?", event=event_label(facts.listing.event))
    return _("How early is %(event)s known?", event=facts.target)


def origin(facts: LeadTimeFacts) -> list[str]:
    """Return what the figures come from."""
    n = facts.n_test
    if facts.known_groups:
        held_out = ngettext(
            "%(n)s student held out, of groups that are learnt from",
            "%(n)s students held out, of groups that are learnt from",
            n,
        )
    elif facts.n_groups is not None:
        held_out = ngettext(
            "%(students)s students held out, in %(n)s group kept whole",
            "%(students)s students held out, in %(n)s groups kept whole",
            facts.n_groups,
            students=number(n),
        )
    else:
        held_out = ngettext("%(n)s student held out", "%(n)s students held out", n)
    return [
        ngettext("%(n)s student to learn from", "%(n)s students to learn from", facts.n_train),
        held_out,
        _("no model was saved or promoted"),
    ]


def lead_time_dict(facts: LeadTimeFacts) -> dict[str, Any]:
    """Return lead_time.json, in English."""
    with speaking(ENGLISH):
        return asdict(facts) | {"sentences": [*summary(facts), *notes(facts)]}


def tiles(facts: LeadTimeFacts) -> list[Tile]:
    """Return the main figure of the first stages and of the last."""
    shown = list(facts.stages)
    if len(shown) > MOST_TILES:
        shown = [*shown[: MOST_TILES - 1], shown[-1]]
    unit = _score_name(facts)
    return [
        # Translators: until then, as in "by day 30".
        Tile(number(_main(one.model).value, 3), unit, _("by %(stage)s", stage=one.name))
        for one in shown
    ]


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
        _(
            "All stages learn from the same %(train)s students, are chosen by the same folds and "
            "are scored on the same %(test)s held-out students, by one budget together. Small: "
            "95\N{NO-BREAK SPACE}%% intervals; those of a difference are of the same students' "
            "figures.",
            train=number(facts.n_train),
            test=number(facts.n_test),
        )
    ]
    listing = facts.listing
    if listing:
        said.append(_places(facts, listing))
    said += [
        _(
            "The number alone is the one column, of those known by the stage, that tells most of "
            "%(event)s in the students to learn from; a line is fitted to it.",
            event=event_label(listing.event) if listing else facts.target,
        ),
        _averages(facts),
    ]
    if facts.skipped:
        skipped = listed(map(plain, facts.skipped))
        said.append(_("Nothing more becomes known by %(stages)s.", stages=skipped))
    if listing and any(one.hits is None for stage in facts.stages for one in _rankings(stage)):
        said.append(
            _(
                "%(sign)s: what a list holds is withheld where it would tell of fewer than ten "
                "students; a larger --test-size shows more.",
                sign=WITHHELD,
            )
        )
    return said


def _places(facts: LeadTimeFacts, listing: Listing) -> str:
    said = {
        "students": number(facts.n_test),
        "share": percent(listing.n_listed / facts.n_test),
    }
    if listing.asked:
        return ngettext(
            "The list has %(n)s place for the %(students)s held-out students (%(share)s of them), "
            "as --capacity says.",
            "The list has %(n)s places for the %(students)s held-out students (%(share)s of "
            "them), as --capacity says.",
            listing.n_listed,
            **said,
        )
    return ngettext(
        "The list has %(n)s place for the %(students)s held-out students (%(share)s of them), as "
        "many as have %(event)s; --capacity says otherwise.",
        "The list has %(n)s places for the %(students)s held-out students (%(share)s of them), as "
        "many as have %(event)s; --capacity says otherwise.",
        listing.n_listed,
        event=event_label(listing.event),
        **said,
    )


def _averages(facts: LeadTimeFacts) -> str:
    if facts.known_groups:
        return _(
            "The held-out students are of known groups (%(column)s): a group's average is that of "
            "its students to learn from, drawn towards the overall mean.",
            column=plain(facts.group),
        )
    if facts.group:
        return _(
            "Groups are held out whole (%(column)s) and have no average yet: it is the average of "
            "what the number alone says of their students. --for known holds out students of "
            "known groups instead.",
            column=plain(facts.group),
        )
    return _("Ranking by the school's average needs to know the schools: --group COLUMN.")


def sections(facts: LeadTimeFacts) -> list[Section]:
    """Return the parts of the page."""
    added = [
        _(
            "New by %(stage)s: %(columns)s.",
            stage=one.name,
            columns=listed(one.added, most=SHOWN_COLUMNS),
        )
        for one in facts.stages
    ]
    tables = [stages_table(facts)]
    found = [Section("stages", _("Stage by stage"), (), added, _score_figure(facts), tables)]
    if facts.listing:
        lists = Section(
            "lists",
            _("Whom a list of %(number)s reaches", number=number(facts.listing.n_listed)),
            (),
            (),
            _list_figure(facts, facts.listing),
            [lists_table(facts, facts.listing)],
        )
        found.append(lists)
    against = Section(
        "baselines",
        _("Is the model worth it?"),
        [_("A list by one grade, or by the school, costs nothing. The model must be better.")],
        tables=[baselines_table(facts)],
    )
    return [*found, against, Section("notes", _("How to read this"), points=notes(facts))]


def stages_table(facts: LeadTimeFacts) -> ReportTable:
    """Return each stage's score, and what it gains over the stage before."""
    if facts.metric == LOG_LOSS:
        scores = [_("Log loss"), _("Log loss saved")]
    else:
        scores = ["R²", _("R² gained")]
    header = [_("Known by"), _("Columns"), *scores]
    if facts.listing:
        header += [_("AUC"), _("AUC gained")]
    rows = []
    for one in facts.stages:
        row = [
            Cell(one.name, spoken(one.model.detail)),
            Cell(number(one.n_columns)),
            _cell(one.model.score),
            _signed_cell(one.gain),
        ]
        if facts.listing:
            row += [_cell(one.model.auc), _signed_cell(one.auc_gain)]
        rows.append(tuple(row))
    return ReportTable(_("What each stage gains"), header, rows, frozenset({0}))


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
        _(
            "A list of %(listed)s of %(students)s; %(number)s have %(event)s",
            listed=number(listing.n_listed),
            students=number(facts.n_test),
            number=number(listing.n_event),
            event=event_label(listing.event),
        ),
        # Translators: "known by" a day, "ranked by" a number; a list "holds" so many students.
        (_("Known by"), _("Ranked by"), _("AUC"), _("Holds"), _("Recall"), _("Precision")),
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
    last = ("R²", _("The model's is higher by"))
    if facts.listing:
        last = (_("The model's AUC is higher by"), _("Its list holds more"))
    header = (_("Known by"), _("Compared with"), *last)
    return ReportTable(_("The model beside plain ways"), header, rows, frozenset({1}))


def _lists(stages: Sequence[StageScores], listing: Listing) -> Iterator[str]:
    """Return what the list holds by each stage, in one sentence."""
    told = [(one, one.model.hits) for one in stages if one.model.hits]
    parts = [
        _("by %(stage)s, %(found)s", stage=one.name, found=_found(hits, one.found_gain))
        if k
        else _(
            "by %(stage)s the list of %(listed)s holds %(found)s of the %(number)s who have "
            "%(event)s",
            stage=one.name,
            listed=number(listing.n_listed),
            found=number(hits.found.value),
            number=number(listing.n_event),
            event=event_label(listing.event),
        )
        for k, (one, hits) in enumerate(told)
    ]
    if parts:
        yield f"{capitalize('; '.join(parts))}."


def _found(hits: ListHits, gain: Interval | None) -> str:
    found = number(hits.found.value)
    return f"{found} ({_with_ends(gain, 0)})" if gain else found


def _gain(one: StageScores, before: str, facts: LeadTimeFacts) -> str:
    gain = one.auc_gain if facts.listing else one.gain
    gain = gain or NOTHING
    # A loss falls where more is known.
    sign = 1 if facts.listing or facts.metric != LOG_LOSS else -1
    moved = Interval(sign * gain.value, *sorted((sign * gain.low, sign * gain.high)))
    said = {
        "stage": one.name,
        "before": before,
        "score": _score_name(facts),
        "change": _with_ends(moved, 3),
    }
    if not gain.excludes_zero:
        return _(
            "Whether more is known by %(stage)s than by %(before)s is not shown: the %(score)s "
            "changes by %(change)s.",
            **said,
        )
    if gain.value > 0:
        return _(
            "More is known by %(stage)s than by %(before)s: the %(score)s changes by %(change)s.",
            **said,
        )
    return _(
        "Less is known by %(stage)s than by %(before)s: the %(score)s changes by %(change)s.",
        **said,
    )


def _against(one: Ranking, stage: StageScores, facts: LeadTimeFacts) -> str:
    ahead = one.ahead or NOTHING
    said = {
        "way": _called(one),
        "stage": stage.name,
        "score": _score_name(facts),
        "difference": _with_ends(ahead, 3),
    }
    match bool(facts.listing), ahead.excludes_zero, ahead.value > 0:
        case True, False, _better:
            return _(
                "That the model is better than ranking by %(way)s, on the same students, by "
                "%(stage)s, is not shown: %(score)s %(difference)s.",
                **said,
            )
        case False, False, _better:
            return _(
                "That the model is better than predicting by %(way)s, on the same students, by "
                "%(stage)s, is not shown: %(score)s %(difference)s.",
                **said,
            )
        case True, True, True:
            return _(
                "The model is better than ranking by %(way)s, on the same students, by %(stage)s: "
                "%(score)s %(difference)s.",
                **said,
            )
        case True, True, False:
            return _(
                "The model is worse than ranking by %(way)s, on the same students, by %(stage)s: "
                "%(score)s %(difference)s.",
                **said,
            )
        case False, True, True:
            return _(
                "The model is better than predicting by %(way)s, on the same students, by "
                "%(stage)s: %(score)s %(difference)s.",
                **said,
            )
    return _(
        "The model is worse than predicting by %(way)s, on the same students, by %(stage)s: "
        "%(score)s %(difference)s.",
        **said,
    )


def _score_figure(facts: LeadTimeFacts) -> list[Figure]:
    from src.report.matplotlib_svg import ACCENT, QUIET
    from src.report.plots import Dot, dots

    what = _score_name(facts)
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
    said = "; ".join(_by_stage(one.name, number(_main(one.model).value, 3)) for one in facts.stages)
    alt = _("%(score)s by stage: %(stages)s.", score=what, stages=said)
    svg = dots("stages", alt, rows, what, reference=0.5 if facts.listing else 0.0)
    caption = _(
        "Blue: the model by each stage; grey: plain ways by the same stage. Lines: "
        "95\N{NO-BREAK SPACE}% intervals. The upright line: knowing nothing."
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
                said.append(_by_stage(stage.name, number(found.value)))
    if not rows:
        return []
    svg = dots(
        "lists",
        _(
            "Of %(number)s who have %(event)s, the list holds %(stages)s.",
            number=number(listing.n_event),
            event=event_label(listing.event),
            stages="; ".join(said),
        ),
        rows,
        _(
            "Held, of %(number)s who have %(event)s",
            number=number(listing.n_event),
            event=event_label(listing.event),
        ),
        limits=(0.0, 1.02 * listing.n_event),
        bars=True,
    )
    by_lot = listing.n_listed * listing.n_event / facts.n_test
    caption = _(
        "Drawing lots would hold %(number)s on average. Blue: by the model; grey: by plain "
        "rankings. Lines: 95\N{NO-BREAK SPACE}%% intervals.",
        number=number(by_lot),
    )
    return [Figure(svg, caption)]


def _by_stage(stage: str, figure: str) -> str:
    # Translators: as in "by day 30 0.81".
    return _("by %(stage)s %(figure)s", stage=stage, figure=figure)


def _score_name(facts: LeadTimeFacts) -> str:
    """Return what stages are compared by, as a sentence names it."""
    if facts.listing:
        return _("AUC")
    return _("log loss") if facts.metric == LOG_LOSS else facts.metric


def _rankings(stage: StageScores) -> tuple[Ranking, ...]:
    return (stage.model, *stage.baselines)


def _pairs(stages: Sequence[StageScores]) -> Iterator[tuple[StageScores, StageScores]]:
    return pairwise(stages)


def _main(one: Ranking) -> Interval:
    """Return the figure that stages are compared by."""
    return one.auc or one.score or NOTHING


def _called(one: Ranking) -> str:
    if one.source == "model":
        return _("the model")
    if one.source == "group":
        return _("the school's average")
    # Translators: a ranking by one column alone, as in "grade 1 alone".
    return _("%(column)s alone", column=one.detail)


def _short(one: Ranking) -> str:
    return _("school's average") if one.source == "group" else _called(one)


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
    return Cell(percent(found.value), percent_span(found.low, found.high))


def _with_ends(found: Interval, decimals: int) -> str:
    """Return a difference with its interval."""
    ends = _ends(found, decimals, sign=True)
    value = signed(found.value, decimals)
    if not ends:
        return value
    return _("%(value)s, 95\N{NO-BREAK SPACE}%% interval %(ends)s", value=value, ends=ends)


def _ends(found: Interval, decimals: int, *, sign: bool = False) -> str:
    if found.low == found.high:
        return ""
    write = signed if sign else number
    return span(write(found.low, decimals), write(found.high, decimals))
