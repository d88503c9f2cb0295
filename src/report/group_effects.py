"""What each group, such as a school, adds to a prediction, and who fares better or worse by it."""

from __future__ import annotations

from collections.abc import Sequence

from src.language import gettext as _
from src.language import ngettext
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, GroupFairness, Grouping, ReportFacts
from src.report.fairness import cell, label_in, withheld_rows
from src.report.findings import fairness_sentences
from src.report.group_facts import GroupEffect, GroupsFacts
from src.report.group_scores import GroupWords
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.wording import Measure, Names, capitalize, listed, number, percent, plain
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.group_effects import LEAST_MEMBERS
from src.stats.intervals import Interval

NAMED = 25  # of the groups drawn at most, that each gets a line with its name
LISTED = 60  # in a table at most: of more, the lowest and the highest


def effects_section(facts: Facts) -> Section | None:
    """Return what groups add, as a caterpillar plot; None where the model knows no groups."""
    groups = facts.groups
    if groups is None:
        return None
    words = GroupWords.of(facts.schema)
    figures, tables = [], []
    if groups.between and groups.effects:
        figures = [_caterpillar(groups, words, _measure(facts.schema))]
        tables = [_effects_table(groups, words, _measure(facts.schema))]
    return Section(
        "group-effects",
        # Translators: group is the column's label, as in "Schule": not inflected.
        _("What a %(group)s adds", group=words.one),
        effect_sentences(groups, facts.schema),
        not_what_it_is(words),
        figures,
        tables,
    )


def effect_sentences(groups: GroupsFacts, schema: Schema) -> list[str]:
    """Return what the effects are, how large, and how many groups have one."""
    words, measure = GroupWords.of(schema), _measure(schema)
    if isinstance(schema.target, ClassTarget):
        effect = _(
            "For a student of a %(group)s that the model knows, it adds the %(group)s's effect: "
            "it tilts the chances, above 0 towards %(outcome)s, shrunken towards 0 the more, the "
            "fewer they are. A new %(group)s counts as an average one.",
            group=words.one,
            outcome=_towards(schema.target),
        )
    else:
        effect = _(
            "For a student of a %(group)s that the model knows, it adds the %(group)s's effect: "
            "how far students there were above or below what was predicted without the %(group)s, "
            "shrunken towards 0 the more, the fewer they are. A new %(group)s counts as an "
            "average one.",
            group=words.one,
        )
    return [effect, _share_between(groups, words, measure), *_how_many_have(groups, words)]


def _share_between(groups: GroupsFacts, words: GroupWords, measure: Measure) -> str:
    """Say how much of what is unexplained lies between groups."""
    if not groups.between:
        return _(
            "No difference between %(groups)s was found that the students of each would not make "
            "by chance: every effect is 0.",
            groups=words.many,
        )
    between, within = groups.between**2, groups.within**2
    return _(
        "Of what the columns leave unexplained, %(share)s lies between %(groups)s (standard "
        "deviation %(between)s between them, %(within)s among the students of one).",
        share=percent(between / (between + within)),
        groups=words.many,
        between=measure.amount(groups.between),
        within=measure.amount(groups.within),
    )


def _how_many_have(groups: GroupsFacts, words: GroupWords) -> list[str]:
    """Say how many groups have an effect, and how many are too small for one."""
    said = {"all": number(groups.n_groups), "groups": words.many}
    without = groups.n_groups - groups.n_with_effect
    if not without:
        return [
            ngettext(
                "%(n)s of %(all)s %(groups)s has an effect.",
                "%(n)s of %(all)s %(groups)s have an effect.",
                groups.n_with_effect,
                **said,
            )
        ]
    having = ngettext(
        "%(n)s of %(all)s %(groups)s has an effect",
        "%(n)s of %(all)s %(groups)s have an effect",
        groups.n_with_effect,
        **said,
    )
    small = ngettext(
        "%(n)s with fewer than %(least)s students has none",
        "%(n)s with fewer than %(least)s students have none",
        without,
        least=number(LEAST_MEMBERS),
    )
    return [f"{having}; {small}."]


def group_limits(groups: GroupsFacts, schema: Schema) -> list[str]:
    """Return what a reader must keep in mind of groups and their effects."""
    words = GroupWords.of(schema)
    return [
        _(
            "How well it does for a new %(group)s is known of %(groups)s like those of its table: "
            "of the same test and the same years.",
            **words.both,
        ),
        *not_what_it_is(words),
    ]


def not_what_it_is(words: GroupWords) -> list[str]:
    """Return what the effect of a group must not be taken for."""
    return [
        _(
            "An effect is not the quality of a %(group)s, and not what the %(group)s causes.",
            group=words.one,
        ),
        _(
            "It also stands for who attends the %(group)s, and for all that no column holds.",
            group=words.one,
        ),
        _(
            "It must not be used to rank or judge %(groups)s or those who work there.",
            groups=words.many,
        ),
    ]


def _towards(target: ClassTarget) -> str:
    """Return which outcomes an effect above 0 makes more likely."""
    if len(target.categories) == 2 or target.ordered:
        return plain(target.categories[-1])
    others = listed(map(plain, target.at_risk or target.categories[:1]), most=20, last="or")
    return _("outcomes other than %(outcomes)s", outcomes=others)


def _measure(schema: Schema) -> Measure:
    """Return how effects are written: those on chances are of their log odds."""
    if isinstance(schema.target, ClassTarget):
        return Measure(_("log odds"), 2)
    return Measure.of(schema.target)


def _caterpillar(groups: GroupsFacts, words: GroupWords, measure: Measure) -> Figure:
    from src.report.plots import Dot, caterpillar, dots

    effects = groups.effects
    below = sum(one.high < 0 for one in effects)
    above = sum(one.low > 0 for one in effects)
    axis = measure.axis(_("Effect"))
    lowest, highest = (measure.signed(effects[at].effect) for at in (0, -1))
    alt = _(
        "Effects of %(number)s %(groups)s with 95 %% intervals, from %(lowest)s to %(highest)s: "
        "%(below)s wholly below 0, %(above)s wholly above.",
        number=number(len(effects)),
        groups=words.many,
        lowest=lowest,
        highest=highest,
        below=number(below),
        above=number(above),
    )
    rows = [
        Dot(
            one.name,
            one.effect,
            one.low,
            one.high,
            colour=ACCENT if one.low > 0 or one.high < 0 else QUIET,
        )
        for one in effects
    ]
    named = len(rows) <= NAMED and all(row.label for row in rows)
    draw = dots if named else caterpillar
    caption = [
        _(
            "Each line is a %(group)s, from the lowest effect to the highest, with its "
            "95\N{NO-BREAK SPACE}%% interval. In colour: %(number)s whose interval does not hold "
            "0. Where two intervals overlap, it is not certain which of the two is higher.",
            group=words.one,
            number=number(below + above),
        )
    ]
    if not any(row.label for row in rows):
        caption.append(_("Names are not shown: the hints do not publish them."))
    return Figure(draw("group-effects", alt, rows, axis, reference=0.0), " ".join(caption))


def _effects_table(groups: GroupsFacts, words: GroupWords, measure: Measure) -> ReportTable:
    effects = list(enumerate(groups.effects, 1))
    shown, half = effects, LISTED // 2
    if len(effects) > LISTED:
        shown = [*effects[:half], *effects[-half:]]
    named = any(one.name for one in groups.effects)
    rows = [
        (
            Cell(plain(one.name) or number(place)),
            Cell(
                measure.signed(one.effect),
                _ends(one, measure),
            ),
            Cell(_members(one)),
        )
        for place, one in shown
    ]
    header = (
        capitalize(words.one) if named else _("From the lowest"),
        measure.axis(_("Effect")),
        _("Students"),
    )
    caption = _("Effects with 95\N{NO-BREAK SPACE}% intervals")
    if len(shown) < len(effects):
        caption = _(
            "Effects with 95\N{NO-BREAK SPACE}%% intervals, the %(number)s lowest and highest",
            number=number(half),
        )
    return ReportTable(caption, header, rows, folded=len(rows) > 12)


def _members(one: GroupEffect) -> str:
    if one.name:
        return number(one.n_members)
    return _("about %(number)s", number=number(one.n_members))


def _ends(one: GroupEffect, measure: Measure) -> str:
    return measure.interval(Interval(one.effect, one.low, one.high), signed=True)


# --- fairness with and without -------------------------------------------------------------------


def group_fairness(facts: ReportFacts) -> Section | None:
    """Return how groups of students fare with and without the effects; None without both."""
    both = facts.group_fairness
    if both is None:
        return None
    words, names = GroupWords.of(facts.schema), Names(facts.schema)
    target = facts.schema.number
    lead = [
        _(
            "The same %(students)s students of known %(groups)s, predicted without the "
            "%(group)s's effect and with it. Mean error is actual less predicted.",
            students=number(both.with_effect.n_samples),
            **words.both,
        )
    ]
    without, with_effect = (
        " ".join(fairness_sentences(found, target)) for found in (both.without, both.with_effect)
    )
    points = [
        _("Without the effect: %(sentences)s", sentences=without),
        _("With it: %(sentences)s", sentences=with_effect),
    ]
    return Section(
        "group-fairness",
        _("Fairness with and without the %(group)s's effect", group=words.one),
        lead,
        [*apart_sentences(both, names, words), *points],
        tables=[_both_table(pair, names, words) for pair in _singles(both)],
        notes=[
            _(
                "Small letters: 95\N{NO-BREAK SPACE}% intervals. Groups of few students are "
                "withheld."
            )
        ],
    )


def apart_sentences(both: GroupFairness, names: Names, words: GroupWords) -> list[str]:
    """Return how far apart groups' mean errors are, without the effects and with them."""
    said = []
    for without, with_effect in _singles(both):
        gaps = [
            max(errors) - min(errors)
            for errors in (
                [group.mean_error.value for group in one.groups] for one in (without, with_effect)
            )
            if len(errors) > 1
        ]
        if gaps:
            before, after = map(words.measure.amount, gaps)
            said.append(
                _(
                    "%(columns)s: the groups' mean errors lie %(before)s apart without the "
                    "%(group)s's effect, %(after)s with it.",
                    columns=names.all(without.features),
                    before=before,
                    after=after,
                    group=words.one,
                )
            )
    return said


def _singles(both: GroupFairness) -> list[tuple[Grouping, Grouping]]:
    """Return each sensitive feature's groups, without the effects and with them."""
    pairs = zip(both.without.groupings, both.with_effect.groupings, strict=True)
    return [pair for pair in pairs if len(pair[0].features) == 1]


def _both_table(pair: tuple[Grouping, Grouping], names: Names, words: GroupWords) -> ReportTable:
    without, with_effect = pair
    measure = words.measure
    rows: list[Sequence[Cell]] = [
        (
            Cell(label_in(one.label, without, names)),
            Cell(number(one.n_samples)),
            cell(one.mean_error, measure, signed=True),
            cell(other.mean_error, measure, signed=True),
            cell(one.mae, measure),
            cell(other.mae, measure),
        )
        for one, other in zip(without.groups, with_effect.groups, strict=True)
    ]
    rows += withheld_rows(without, names, 4)
    header = (
        _("Group"),
        _("Students"),
        # Translators: without the effect of the group, and with it.
        _("%(score)s without", score=measure.axis(_("Mean error"))),
        # Translators: with the effect of the group.
        _("with"),
        _("%(score)s without", score=measure.axis(_("MAE"))),
        _("with"),
    )
    caption = _("Errors by %(columns)s", columns=names.all(without.features))
    return ReportTable(caption, header, rows)
