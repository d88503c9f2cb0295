"""What a reader needs first: what is predicted, how well, how surely."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from src.config import ALL_COLUMNS, SINGLE_COLUMN
from src.language import gettext as _
from src.language import ngettext
from src.report.document import Cell, ReportTable, Tile
from src.report.facts import Facts, ReportFacts
from src.report.findings import fairness_sentences
from src.report.group_scores import GroupWords, both_scores, held_out_case
from src.report.group_scores import tiles as group_tiles
from src.report.periods import headline
from src.report.stored_words import spoken
from src.report.wording import (
    Measure,
    Names,
    day,
    end,
    number,
    percent,
    percent_span,
    plain,
    r2_text,
    span,
)
from src.stats.intervals import Interval

SHOWN_LEVEL = 0.9
CHANCE = 0.05  # of saying of any range, or of any level, what is not so (Bonferroni)
DOUBTFUL = 0.01  # p-value above which a model may be nothing


def shown_coverage(facts: ReportFacts) -> Mapping[str, float] | None:
    """Return what metrics.json says of the intervals that the texts speak of."""
    return next((r for r in facts.metrics.get("coverage") or () if r["level"] == SHOWN_LEVEL), None)


def used_features(facts: Facts) -> list[str]:
    """Return the names of the features that the model is given."""
    return [name for name in facts.schema.names if name not in facts.not_given]


def used_sensitive_features(facts: Facts) -> list[str]:
    """Return the names of the sensitive ones among them."""
    sensitive = {feature.name for feature in facts.schema.features if feature.sensitive}
    return [name for name in used_features(facts) if name in sensitive]


def purpose(facts: ReportFacts) -> str:
    """Return what the model predicts, and from what."""
    names, used = Names(facts.schema), used_features(facts)
    target = facts.schema.number
    low, high = map(end, target.range)
    ends = _("from %(low)s to %(high)s", low=low, high=high)
    if target.minimum is None or target.maximum is None:
        low, high = end(target.observed_minimum), end(target.observed_maximum)
        ends = _("%(low)s to %(high)s in the table that it learnt from", low=low, high=high)
    if unit := plain(target.unit):
        ends = _("in %(unit)s, %(ends)s", unit=unit, ends=ends)
    return ngettext(
        "The model estimates %(target)s (%(range)s) from %(n)s fact about a student: %(columns)s.",
        "The model estimates %(target)s (%(range)s) from %(n)s facts about a student: %(columns)s.",
        len(used),
        target=names.target,
        range=ends,
        columns=names.all(used),
    )


def doubt(facts: Facts) -> list[str]:
    """Return that the model may be nothing, where the figures leave that open."""
    p_value = facts.metrics.get("chance_p_value")
    if p_value is None or p_value <= DOUBTFUL:
        return []
    return [
        _(
            "This model may be nothing: %(number)s of 100 tables whose columns say nothing of the "
            "target look as predictable as this one.",
            number=number(100 * p_value),
        )
    ]


def accuracy(facts: ReportFacts) -> list[str]:
    """Return how well the model does on held-out rows, and better than what."""
    measure, held_out = Measure.of(facts.schema.number), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (Interval(**held_out[key]) for key in ("mae", "rmse", "r2"))
    base = held_out["baseline_rmse"]
    # Translators: interval is empty, or " (95 % interval 3 to 5)"; case is, or " (new schools)".
    errors = ngettext(
        "On %(n)s student that it had not seen%(case)s, its estimates were %(error)s off on "
        "average%(interval)s.",
        "On %(n)s students that it had not seen%(case)s, its estimates were %(error)s off on "
        "average%(interval)s.",
        n,
        case=case_note(facts),
        error=measure.amount(mae.value),
        interval=measure.interval_note(mae),
    )
    return [
        errors,
        _beside_the_average(rmse.value, base, measure),
        _explained(r2),
    ]


def _beside_the_average(rmse: float, base: float, measure: Measure) -> str:
    errors = {"rmse": measure.amount(rmse), "average": measure.number(base)}
    if rmse < base:
        return _(
            "Measured so that large errors count more (root mean squared error), that is "
            "%(rmse)s; giving every student the average comes to %(average)s. The model errs "
            "%(share)s less.",
            share=percent(1 - rmse / base),
            **errors,
        )
    return _(
        "Measured so that large errors count more (root mean squared error), that is %(rmse)s; "
        "giving every student the average comes to %(average)s: on these students the model is no "
        "better than that.",
        **errors,
    )


def _explained(r2: Interval) -> str:
    """Say which share of the differences is explained, with R²."""
    figures, share = f"R² {r2_text(r2.value)}", percent(r2.value)
    if r2.low < r2.high:
        figures = _(
            "R² %(r2)s, 95\N{NO-BREAK SPACE}%% interval %(low)s to %(high)s",
            r2=r2_text(r2.value), low=number(r2.low, 3), high=number(r2.high, 3),
        )  # fmt: skip
    if r2.value <= 0:
        return _(
            "Of the differences between these students it explains none (%(r2)s): their own "
            "average, which nobody knows before, would err less.",
            r2=figures,
        )
    if r2.low <= 0 and r2.low < r2.high:
        return _(
            "It explains %(share)s of the differences between students (%(r2)s; so few students "
            "leave open whether it explains anything).",
            share=share,
            r2=figures,
        )
    return _(
        "It explains %(share)s of the differences between students (%(r2)s).",
        share=share,
        r2=figures,
    )


def case_note(facts: Facts) -> str:
    """Return of which groups the held-out students are, in brackets, with the space before it."""
    if facts.groups is None:
        return ""
    return f" ({GroupWords.of(facts.schema).case(held_out_case(facts.groups))})"


def references(facts: Facts, family: str) -> tuple[str, list[Mapping[str, Any]]]:
    """Return the best single column, and the rows of the leaderboard of it and a plain family.

    There are none where a run was saved before they stood there; the family is left out where it
    won.
    """
    board = {row["name"]: row for row in facts.metrics["leaderboard"]}
    single = board.get(SINGLE_COLUMN)
    if single is None:
        return "", []
    column = Names(facts.schema).of(single["label"].partition(": ")[2])
    plain_one = board.get(family) or board.get(ALL_COLUMNS)
    if plain_one is not None and plain_one is not board[facts.metrics["winner"]]:
        return column, [single, plain_one]
    return column, [single]


def compared_with(comparisons: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Return what the model is compared with, each with whether that may be chance."""
    said = [
        _("%(comparison)s, which may well be chance", comparison=comparison)
        if may_be_chance(row)
        else comparison
        for comparison, row in comparisons
    ]
    if len(said) == 1:
        return said[0]
    return _("%(one)s, and %(other)s", one=said[0], other=said[1])


def may_be_chance(row: Mapping[str, Any]) -> bool:
    """Return whether chance may explain how far a row is from the winner."""
    behind = row.get("behind")
    return bool(behind and behind["low"] <= 0 <= behind["high"])


def added(facts: ReportFacts) -> list[str]:
    """Return what the model adds to its best column alone and to a ridge regression."""
    column, rows = references(facts, "ridge")
    if not rows:
        return []
    before = rows[0]["r2"] + rows[0]["behind"]["value"]
    comparisons = [(_beside(row, column), row) for row in rows]
    return [
        _(
            "On the training rows, each predicted without having been seen, its R² is %(r2)s, "
            "before it is corrected for having been chosen: %(compared)s.",
            r2=r2_text(before),
            compared=compared_with(comparisons),
        )
    ]


def _beside(row: Mapping[str, Any], column: str) -> str:
    gain = row["behind"]["value"]
    figures = {"size": number(abs(gain), 3), "r2": r2_text(row["r2"])}
    if row["name"] == SINGLE_COLUMN:
        figures["column"] = column
        if gain >= 0:
            return _(
                "%(size)s above that of the best single column, %(column)s (%(r2)s)", **figures
            )
        return _("%(size)s below that of the best single column, %(column)s (%(r2)s)", **figures)
    if gain >= 0:
        return _(
            "%(size)s above that of a ridge regression on the same columns (%(r2)s)", **figures
        )
    return _("%(size)s below that of a ridge regression on the same columns (%(r2)s)", **figures)


def certainty(facts: ReportFacts) -> list[str]:
    """Return how sure a single prediction is; nothing where there are no intervals."""
    if (row := shown_coverage(facts)) is None:
        return []
    measure = Measure.of(facts.schema.number)
    return [
        _(
            "Every prediction comes with a range that should hold the truth for 9 in 10 students. "
            "It is %(width)s wide on average, and held %(share)s of the students that were not "
            "seen.",
            width=measure.amount(row["mean_width"]),
            share=percent(row["coverage"]),
        ),
        *unreliable_parts(facts),
    ]


def unreliable_parts(facts: ReportFacts) -> list[str]:
    """Return at which levels of the prediction the ranges held fewer than chance explains."""
    parts = facts.metrics.get("coverage_by_prediction") or ()
    measure = Measure.of(facts.schema.number)
    return [
        ngettext(
            "Do not rely on the ranges where the model predicts %(level)s: there the %(range)s "
            "range held only %(share)s of %(n)s student, fewer than chance explains.",
            "Do not rely on the ranges where the model predicts %(level)s: there the %(range)s "
            "range held only %(share)s of %(n)s students, fewer than chance explains.",
            row["n_samples"],
            level=_level(row, measure),
            range=percent(SHOWN_LEVEL),
            share=percent(row["coverage"]),
        )
        for row in parts
        if row["coverage"] < SHOWN_LEVEL and row["p_value"] < CHANCE / len(parts)
    ]


def coverage_by_level(facts: ReportFacts) -> ReportTable | None:
    """Return how often the shown range held the truth, from low predictions to high."""
    parts = facts.metrics.get("coverage_by_prediction")
    measure = Measure.of(facts.schema.number)
    rows = [
        (
            Cell(_level(row, measure)),
            Cell(number(row["n_samples"])),
            Cell(percent(row["coverage"]), percent_span(row["low"], row["high"])),
        )
        for row in parts or ()
    ]
    title = _("The %(range)s range by level of the prediction", range=percent(SHOWN_LEVEL))
    header = (_("Predicted"), _("Students"), _("Held the truth"))
    return ReportTable(title, header, rows) if rows else None


def _level(row: Mapping[str, float], measure: Measure) -> str:
    return span(measure.number(row["from"]), measure.number(row["to"]))


def summary(facts: ReportFacts) -> tuple[list[Tile], list[str]]:
    """Return the figures in large letters, and the paragraphs under them."""
    measure, held_out = Measure.of(facts.schema.number), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (Interval(**held_out[key]) for key in ("mae", "rmse", "r2"))
    tiles = [
        Tile(
            measure.number(mae.value),
            measure.unit,
            ngettext(
                "off on average, on %(n)s student not seen before",
                "off on average, on %(n)s students not seen before",
                n,
            ),
        )
    ]
    if facts.groups is not None:
        tiles = group_tiles(facts.groups, facts.schema)
    if (row := shown_coverage(facts)) is not None:
        tiles.append(
            Tile(
                measure.number(row["mean_width"]),
                measure.unit,
                _("wide on average: the range that should hold 9 in 10 students"),
            )
        )
    if facts.groups is None:
        tiles.append(
            Tile(r2_text(r2.value), "R²", _("1 is perfect, 0 is guessing their own average"))
        )
    base = held_out["baseline_rmse"]
    if facts.groups is None and rmse.value < base:
        less = _("less error than the average for everyone")
        tiles.append(Tile(percent(1 - rmse.value / base), "", less))
    stands_out: list[str] = []
    if facts.fairness is not None and facts.fairness.groupings:
        stands_out += fairness_sentences(facts.fairness, facts.schema.number)
    paragraphs = [
        *doubt(facts),
        " ".join([purpose(facts), *how_made(facts)]),
        " ".join([*both_scores(facts), *accuracy(facts), *added(facts)]),
        *filter(None, [" ".join(headline(facts.metrics))]),
        *filter(None, [" ".join(certainty(facts))]),
        *filter(None, [" ".join(first_two(stands_out))]),
        last_word(),
    ]
    return tiles, paragraphs


def how_made(facts: Facts) -> list[str]:
    """Return when the model was trained, with how many students, and by which method."""
    method = _("The method is: %(method)s.", method=spoken(plain(str(facts.metrics["model"]))))
    if facts.run is None:
        return [method]
    made = ngettext(
        "It was trained on %(day)s with %(n)s student.",
        "It was trained on %(day)s with %(n)s students.",
        facts.run.rows["used"],
        day=day(facts.run.created),
    )
    return [made, method]


def held_out_on(n_samples: int, n_clusters: int | None) -> str:
    """Return the caption of a table of scores on the held-out students."""
    if not n_clusters or n_clusters == n_samples:
        return ngettext("On %(n)s student held out", "On %(n)s students held out", n_samples)
    return ngettext(
        "On %(students)s students from %(n)s cluster held out",
        "On %(students)s students from %(n)s clusters held out",
        n_clusters,
        students=number(n_samples),
    )


def first_two(sentences: Sequence[str]) -> list[str]:
    """Return two sentences on fairness, and how many more there are."""
    if len(sentences) <= 2:
        return [*sentences]
    more = _("More under the heading Fairness (%(number)s).", number=number(len(sentences) - 2))
    return [*sentences[:2], more]


def last_word() -> str:
    """Return what a prediction is for."""
    return _("Use a prediction to see who may need help, never to decide about a person.")
