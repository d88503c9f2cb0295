"""What each group, such as a school, adds to a prediction, and who fares better or worse by it."""

from __future__ import annotations

from collections.abc import Sequence

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import Facts, GroupFairness, Grouping, ReportFacts
from src.report.fairness import cell, label_in
from src.report.findings import fairness_sentences
from src.report.group_facts import GroupEffect, GroupsFacts
from src.report.group_scores import GroupWords
from src.report.matplotlib_svg import ACCENT, QUIET
from src.report.wording import SPACE, Measure, Names, capitalize, count, percent, plain
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
        f"What a {words.one} adds",
        effect_sentences(groups, facts.schema),
        not_what_it_is(words),
        figures,
        tables,
    )


def effect_sentences(groups: GroupsFacts, schema: Schema) -> list[str]:
    """Return what the effects are, how large, and how many groups have one."""
    words, measure = GroupWords.of(schema), _measure(schema)
    added = f"how far students there were above or below what was predicted without the {words.one}"
    if isinstance(schema.target, ClassTarget):
        added = f"it tilts the chances, above 0 towards {_towards(schema.target)}"
    said = [
        f"For a student of a {words.one} that the model knows, it adds the {words.one}'s effect: "
        f"{added}, shrunken towards 0 the more, the fewer they are. A new {words.one} counts as an "
        "average one."
    ]
    if groups.between:
        between, within = groups.between**2, groups.within**2
        said.append(
            f"Of what the columns leave unexplained, {percent(between / (between + within))} lies "
            f"between {words.many} (standard deviation {measure.amount(groups.between)} between "
            f"them, {measure.amount(groups.within)} among the students of one)."
        )
    else:
        said.append(
            f"No difference between {words.many} was found that the students of each would not "
            "make by chance: every effect is 0."
        )
    have = "has" if groups.n_with_effect == 1 else "have"
    having = f"{groups.n_with_effect:,} of {groups.n_groups:,} {words.many} {have} an effect"
    if without := groups.n_groups - groups.n_with_effect:
        have = "has" if without == 1 else "have"
        having += f"; {without:,} with fewer than {LEAST_MEMBERS} students {have} none"
    said.append(f"{having}.")
    if groups.learns_less:
        said.append(
            "What the columns say was learnt from the target less these effects, so that a column "
            f"which differs by {words.one} does not stand for the {words.one}."
        )
    return said


def group_limits(groups: GroupsFacts, schema: Schema) -> list[str]:
    """Return what a reader must keep in mind of groups and their effects."""
    words = GroupWords.of(schema)
    return [
        f"How well it does for a new {words.one} is known of {words.many} like those of its table: "
        "of the same test and the same years.",
        *not_what_it_is(words),
    ]


def not_what_it_is(words: GroupWords) -> list[str]:
    """Return what the effect of a group must not be taken for."""
    return [
        f"An effect is not the quality of a {words.one}, and not what the {words.one} causes.",
        f"It also stands for who attends the {words.one}, and for all that no column holds.",
        f"It must not be used to rank or judge {words.many} or those who work there.",
    ]


def _towards(target: ClassTarget) -> str:
    """Return which outcomes an effect above 0 makes more likely."""
    if len(target.categories) == 2 or target.ordered:
        return plain(target.categories[-1])
    return f"outcomes other than {plain(' or '.join(target.at_risk or target.categories[:1]))}"


def _measure(schema: Schema) -> Measure:
    """Return how effects are written: those on chances are of their log odds."""
    if isinstance(schema.target, ClassTarget):
        return Measure("log odds", 2)
    return Measure.of(schema.target)


def _caterpillar(groups: GroupsFacts, words: GroupWords, measure: Measure) -> Figure:
    from src.report.plots import Dot, caterpillar, dots

    effects = groups.effects
    below = sum(one.high < 0 for one in effects)
    above = sum(one.low > 0 for one in effects)
    axis = measure.axis("Effect")
    lowest, highest = (measure.signed(effects[at].effect) for at in (0, -1))
    alt = (
        f"Effects of {len(effects):,} {words.many} with 95 % intervals, from {lowest} to "
        f"{highest}: {below:,} wholly below 0, {above:,} wholly above."
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
    caption = (
        f"Each line is a {words.one}, from the lowest effect to the highest, with its 95{SPACE}% "
        f"interval. In colour: {below + above:,} whose interval does not hold 0. Where two "
        "intervals overlap, it is not certain which of the two is higher."
    )
    if not any(row.label for row in rows):
        caption += " Names are not shown: the hints do not publish them."
    return Figure(draw("group-effects", alt, rows, axis, reference=0.0), caption)


def _effects_table(groups: GroupsFacts, words: GroupWords, measure: Measure) -> ReportTable:
    effects = list(enumerate(groups.effects, 1))
    shown, half = effects, LISTED // 2
    if len(effects) > LISTED:
        shown = [*effects[:half], *effects[-half:]]
    named = any(one.name for one in groups.effects)
    rows = [
        (
            Cell(plain(one.name) or f"{place:,}"),
            Cell(
                measure.signed(one.effect),
                _ends(one, measure),
            ),
            Cell(f"{'' if one.name else 'about '}{one.n_members:,}"),
        )
        for place, one in shown
    ]
    of = "" if len(shown) == len(effects) else f", the {half} lowest and highest"
    header = (
        capitalize(words.one) if named else "From the lowest",
        measure.axis("Effect"),
        "Students",
    )
    caption = f"Effects with 95{SPACE}% intervals{of}"
    return ReportTable(caption, header, rows, folded=len(rows) > 12)


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
        f"The same {count(both.with_effect.n_samples)} of known {words.many}, predicted without "
        f"the {words.one}'s effect and with it. Mean error is actual less predicted."
    ]
    points = [
        f"{how}: {' '.join(fairness_sentences(found, target))}"
        for how, found in (("Without the effect", both.without), ("With it", both.with_effect))
    ]
    return Section(
        "group-fairness",
        f"Fairness with and without the {words.one}'s effect",
        lead,
        [*apart_sentences(both, names, words), *points],
        tables=[_both_table(pair, names, words) for pair in _singles(both)],
        notes=[f"Small letters: 95{SPACE}% intervals. Groups of few students are withheld."],
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
                f"{names.all(without.features)}: the groups' mean errors lie {before} apart "
                f"without the {words.one}'s effect, {after} with it."
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
            Cell(f"{one.n_samples:,}"),
            cell(one.mean_error, measure, signed=True),
            cell(other.mean_error, measure, signed=True),
            cell(one.mae, measure),
            cell(other.mae, measure),
        )
        for one, other in zip(without.groups, with_effect.groups, strict=True)
    ]
    rows += [
        (Cell(label_in(label, without, names)), Cell("withheld"), *[Cell("–")] * 4)
        for label in without.suppressed
    ]
    header = (
        "Group",
        "Students",
        f"{measure.axis('Mean error')} without",
        "with",
        f"{measure.axis('MAE')} without",
        "with",
    )
    return ReportTable(f"Errors by {names.all(without.features)}", header, rows)
