"""What a reader needs first: what is predicted, how well, how surely."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from src.config import ALL_COLUMNS, SINGLE_COLUMN
from src.report.document import Cell, ReportTable, Tile
from src.report.facts import Facts, ReportFacts
from src.report.findings import fairness_sentences
from src.report.group_scores import GroupWords, both_scores, held_out_case
from src.report.group_scores import tiles as group_tiles
from src.report.periods import headline
from src.report.wording import (
    SPACE,
    Measure,
    Names,
    count,
    day,
    end,
    number,
    percent,
    plain,
    r2_text,
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
    what = f"{count(len(used), 'fact')} about a student: {names.all(used)}"
    low, high = map(end, facts.schema.number.range)
    unit = f"in {plain(facts.schema.target.unit)}, " if facts.schema.target.unit else ""
    return f"The model estimates {names.target} ({unit}from {low} to {high}) from {what}."


def doubt(facts: ReportFacts) -> list[str]:
    """Return that the model may be nothing, where the figures leave that open."""
    p_value, r2 = facts.metrics.get("chance_p_value"), Interval(**facts.metrics["held_out"]["r2"])
    found = []
    if p_value is not None and p_value > DOUBTFUL:
        found.append(
            f"{number(100 * p_value)} of 100 tables whose columns say nothing of the target look "
            "as predictable as this one"
        )
    if r2.low <= 0:
        found.append("the students that it had not seen do not show that it beats the average")
    return [f"This model may be nothing: {'; '.join(found)}."] if found else []


def accuracy(facts: ReportFacts) -> list[str]:
    """Return how well the model does on held-out rows, and better than what."""
    measure, held_out = Measure.of(facts.schema.number), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (Interval(**held_out[key]) for key in ("mae", "rmse", "r2"))
    base = held_out["baseline_rmse"]
    interval = measure.interval(mae)
    sentences = [
        f"On {not_seen(facts, n)}, its estimates were {measure.amount(mae.value)} off "
        f"on average{interval and f' (95{SPACE}% interval {interval})'}."
    ]
    compared = (
        f"Measured so that large errors count more (root mean squared error), that is "
        f"{measure.amount(rmse.value)}; giving every student the average comes to "
        f"{measure.number(base)}"
    )
    if rmse.value < base:
        sentences.append(f"{compared}. The model errs {percent(1 - rmse.value / base)} less.")
    else:
        sentences.append(f"{compared}: on these students the model is no better than that.")
    share = percent(r2.value) if r2.value > 0 else "none"
    explained = f"It explains {share} of the differences between students (R² {r2_text(r2.value)}"
    if r2.low < r2.high:
        explained += f", 95{SPACE}% interval {number(r2.low, 3)} to {number(r2.high, 3)}"
        if r2.low <= 0 < r2.value:
            explained += "; so few students leave open whether it explains anything"
    return [*sentences, f"{explained})."]


def not_seen(facts: Facts, n_samples: int) -> str:
    """Return who the held-out students are."""
    groups = facts.groups
    if groups is None:
        return f"{count(n_samples)} that it had not seen"
    case = GroupWords.of(facts.schema).case(held_out_case(groups))
    return f"{count(n_samples)} that it had not seen ({case})"


def references(facts: Facts, family: str, called: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Return the best single column and a plain family with their rows of the leaderboard.

    There are none where a run was saved before they stood there; the family is left out where it
    won.

    Parameters
    ----------
    family, called : str
        The plain family's name, and what people call it.
    """
    board = {row["name"]: row for row in facts.metrics["leaderboard"]}
    single = board.get(SINGLE_COLUMN)
    if single is None:
        return []
    column = Names(facts.schema).of(single["label"].partition(": ")[2])
    compared = [(f"the best single column, {column}", single)]
    plain_one = board.get(family) or board.get(ALL_COLUMNS)
    if plain_one is not None and plain_one is not board[facts.metrics["winner"]]:
        compared.append((f"{called} on all columns", plain_one))
    return compared


def added(facts: ReportFacts) -> list[str]:
    """Return what the model adds to its best column alone and to a ridge regression."""
    compared = references(facts, "ridge", "a ridge regression")
    if not compared:
        return []
    said = ", and ".join(_above(row, name) for name, row in compared)
    return [f"On the training rows, each predicted without having been seen, its R² is {said}."]


def _above(row: Mapping[str, Any], name: str) -> str:
    gain = row["behind"]
    side = "above" if gain["value"] >= 0 else "below"
    chance = ", which may well be chance" if gain["low"] <= 0 <= gain["high"] else ""
    return f"{number(abs(gain['value']), 3)} {side} that of {name} ({r2_text(row['r2'])}){chance}"


def certainty(facts: ReportFacts) -> list[str]:
    """Return how sure a single prediction is; nothing where there are no intervals."""
    if (row := shown_coverage(facts)) is None:
        return []
    measure = Measure.of(facts.schema.number)
    return [
        "Every prediction comes with a range that should hold the truth for 9 in 10 students. It "
        f"is {measure.amount(row['mean_width'])} wide on average, and held "
        f"{percent(row['coverage'])} of the students that were not seen.",
        *unreliable_parts(facts),
    ]


def unreliable_parts(facts: ReportFacts) -> list[str]:
    """Return at which levels of the prediction the ranges held fewer than chance explains."""
    parts = facts.metrics.get("coverage_by_prediction") or ()
    measure = Measure.of(facts.schema.number)
    return [
        f"Do not rely on the ranges where the model predicts {_level(row, measure)}: there the "
        f"{percent(SHOWN_LEVEL)} range held only {percent(row['coverage'])} of "
        f"{count(row['n_samples'])}, fewer than chance explains."
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
            Cell(f"{row['n_samples']:,}"),
            Cell(
                percent(row["coverage"]),
                f"{100 * row['low']:.0f} to {100 * row['high']:.0f}{SPACE}%",
            ),
        )
        for row in parts or ()
    ]
    title = f"The {percent(SHOWN_LEVEL)} range by level of the prediction"
    return ReportTable(title, ("Predicted", "Students", "Held the truth"), rows) if rows else None


def _level(row: Mapping[str, float], measure: Measure) -> str:
    return f"{measure.number(row['from'])} to {measure.number(row['to'])}"


def summary(facts: ReportFacts) -> tuple[list[Tile], list[str]]:
    """Return the figures in large letters, and the paragraphs under them."""
    measure, held_out = Measure.of(facts.schema.number), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (Interval(**held_out[key]) for key in ("mae", "rmse", "r2"))
    tiles = [
        Tile(
            measure.number(mae.value),
            measure.unit,
            f"off on average, on {count(n)} not seen before",
        )
    ]
    if facts.groups is not None:
        tiles = group_tiles(facts.groups, facts.schema)
    if (row := shown_coverage(facts)) is not None:
        tiles.append(
            Tile(
                f"±{SPACE}{measure.number(row['mean_width'] / 2)}",
                measure.unit,
                "reach of the range that should hold 9 in 10 students",
            )
        )
    if facts.groups is None:
        tiles.append(Tile(r2_text(r2.value), "R²", "1 is perfect, 0 is guessing the average"))
    base = held_out["baseline_rmse"]
    if facts.groups is None and rmse.value < base:
        tiles.append(
            Tile(percent(1 - rmse.value / base), "", "less error than the average for everyone")
        )
    how = plain(str(facts.metrics["model"]))
    made = ""
    if facts.run is not None:
        made = f"It was trained on {day(facts.run.created)} with {count(facts.run.rows['used'])}. "
    stands_out: list[str] = []
    if facts.fairness is not None and facts.fairness.groupings:
        stands_out += fairness_sentences(facts.fairness, facts.schema.number)
    if len(stands_out) > 2:
        stands_out[2:] = [f"More under the heading Fairness ({len(stands_out) - 2})."]
    paragraphs = [
        *doubt(facts),
        f"{purpose(facts)} {made}The method is: {how}.",
        " ".join([*both_scores(facts), *accuracy(facts), *added(facts)]),
        *filter(None, [" ".join(headline(facts.metrics))]),
        *filter(None, [" ".join(certainty(facts))]),
        *filter(None, [" ".join(stands_out)]),
        "Use a prediction to see who may need help, never to decide about a person.",
    ]
    return tiles, paragraphs
