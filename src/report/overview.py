"""The first and the last that a reader needs: the summary, the data, the limits."""

from __future__ import annotations

import datetime
from collections.abc import Mapping

from src.estimates import Interval
from src.report.document import Cell, Figure, Section, Table, Tile
from src.report.facts import (
    CategoricalSummary,
    DataSummary,
    NumericSummary,
    ReportFacts,
)
from src.report.plots import histogram
from src.report.words import (
    SPACE,
    Measure,
    Names,
    between,
    capitalize,
    count,
    listed,
    percent,
    plain,
    r2_text,
)
from src.schema import CategoricalFeature, NumericFeature, format_number
from src.suppression import LEAST_ROWS, hidden_groups

SHOWN_LEVEL = 0.9
SHOWN_CATEGORIES = 12
SHOWN_COLUMNS = 12
FEW_TESTED = 100
FEW_TRAINED = 500


def estimate(values: Mapping[str, float]) -> Interval:
    """Return a figure of metrics.json."""
    return Interval(values["value"], values["low"], values["high"])


def coverage_at(facts: ReportFacts, level: float = SHOWN_LEVEL) -> Mapping[str, float] | None:
    """Return what metrics.json says of the intervals of a level."""
    rows = facts.metrics.get("coverage") or ()
    return next((row for row in rows if abs(row["level"] - level) < 1e-9), None)


def day(facts: ReportFacts) -> str:
    """Return the date of the run, empty where it is not known."""
    if facts.run is None:
        return ""
    created = datetime.datetime.fromisoformat(facts.run.created)
    return f"{created.day} {created:%B %Y}"


def target_range(facts: ReportFacts) -> str:
    """Return the target's unit and bounds, as in ``in points, from 0 to 100``."""
    target = facts.schema.target
    low = target.observed_minimum if target.minimum is None else target.minimum
    high = target.observed_maximum if target.maximum is None else target.maximum
    unit = f"in {plain(target.unit)}, " if target.unit else ""
    return f"{unit}from {format_number(low)} to {format_number(high)}"


def used_features(facts: ReportFacts) -> list[str]:
    """Return the names of the features that the model is given."""
    left_out = facts.exclusion.left_out if facts.exclusion else ()
    return [name for name in facts.schema.names if name not in left_out]


def purpose(facts: ReportFacts) -> str:
    """Return what the model predicts, and from what."""
    names, used = Names(facts.schema), used_features(facts)
    what = f"{count(len(used), 'fact')} about a student: {names.all(used)}"
    return f"The model estimates {names.target} ({target_range(facts)}) from {what}."


def accuracy(facts: ReportFacts) -> list[str]:
    """Return how well the model does on held-out rows, and better than what."""
    measure, held_out = Measure.of(facts.schema.target), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (estimate(held_out[key]) for key in ("mae", "rmse", "r2"))
    base = held_out["baseline_rmse"]
    interval = measure.interval(mae)
    sentences = [
        f"On {count(n)} that it had not seen, its estimates were {measure.amount(mae.value)} off "
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
    if r2.value > 0:
        explained = (
            f"It explains {percent(r2.value)} of the differences between students "
            f"(R² {r2_text(r2.value)}"
        )
    else:
        explained = f"It explains none of the differences between students (R² {r2_text(r2.value)}"
    if r2.low < r2.high:
        explained += f", 95{SPACE}% interval {between(r2.low, r2.high, 3)}"
        if r2.low <= 0 < r2.value:
            explained += "; so few students leave open whether it explains anything"
    return [*sentences, f"{explained})."]


def certainty(facts: ReportFacts) -> list[str]:
    """Return how sure a single prediction is; nothing where there are no intervals."""
    row = coverage_at(facts)
    if row is None:
        return []
    measure = Measure.of(facts.schema.target)
    return [
        "Every prediction comes with a range that should hold the truth for 9 in 10 students. It "
        f"is {measure.amount(row['mean_width'])} wide on average, and held "
        f"{percent(row['coverage'])} of the students that were not seen."
    ]


def fairness_in_short(facts: ReportFacts) -> list[str]:
    """Return what stands out between groups; nothing where that was not looked at."""
    if facts.fairness is None:
        return []
    found = list(map(plain, facts.fairness.sentences))
    more = [f"More under the heading Fairness ({len(found) - 2})."] if len(found) > 2 else []
    return [" ".join([*found[:2], *more])] if found else []


def summary(facts: ReportFacts) -> tuple[list[Tile], list[str]]:
    """Return the figures in large letters, and the paragraphs under them."""
    measure, held_out = Measure.of(facts.schema.target), facts.metrics["held_out"]
    n = held_out["n_samples"]
    mae, rmse, r2 = (estimate(held_out[key]) for key in ("mae", "rmse", "r2"))
    tiles = [Tile(measure.number(mae.value), measure.unit,
                  f"off on average, on {count(n)} not seen before")]  # fmt: skip
    if (row := coverage_at(facts)) is not None:
        tiles.append(Tile(
            f"±{SPACE}{measure.number(row['mean_width'] / 2)}", measure.unit,
            "reach of the range that should hold 9 in 10 students",
        ))  # fmt: skip
    tiles.append(Tile(r2_text(r2.value), "R²", "1 is perfect, 0 is guessing the average"))
    base = held_out["baseline_rmse"]
    if rmse.value < base:
        tiles.append(Tile(percent(1 - rmse.value / base), "", "less error than the average for "
                          "everyone"))  # fmt: skip
    how = plain(str(facts.metrics["model"]))
    made = ""
    if facts.run is not None:
        made = f"It was trained on {day(facts)} with {count(facts.run.rows['used'])}. "
    paragraphs = [
        f"{purpose(facts)} {made}The method is: {how}.",
        " ".join(accuracy(facts)),
        *certainty(facts),
        *fairness_in_short(facts),
        "Use a prediction to see who may need help, never to decide about a person.",
    ]
    return tiles, paragraphs


# --- the data ------------------------------------------------------------------------------------


def data_section(facts: ReportFacts) -> Section | None:
    """Return what is known of the rows and columns, and what was wrong with them."""
    data, run = facts.data, facts.run
    if data is None and run is None:
        return None
    names, points = Names(facts.schema), []
    lead = []
    if run is not None:
        rows = run.rows
        lead.append(
            f"The table has {count(rows['total'], 'row')}, one a student; {rows['used']:,} were "
            f"used: {rows['train']:,} to learn from, {rows['test']:,} set aside to test on."
        )
        without_target = rows["total"] - rows["refused"] - rows["used"]
        if without_target > 0:
            points.append(f"{count(without_target, 'row')} had no {names.target}: left out.")
    if data is not None:
        points += [
            f"{count(found.n_rows, 'row')} refused: "
            + (f"{names.of(found.field)} must be {plain(found.rule)}." if found.field
               else f"not {plain(found.rule)}.")
            for found in data.problems
        ]  # fmt: skip
    if run is not None:
        if run.rows["refused"] and not (data and data.problems):
            points.append(f"{count(run.rows['refused'], 'row')} refused.")
        points += [
            f"Column {plain(name)} is not used: {plain(reason).rstrip('.')}."
            for name, reason in run.dropped.items()
        ]
        if not points:
            points = ["Problems found: none. No row was refused, no column left out."]
        if data is not None and not any(one.n_missing for one in data.features):
            points.append("No value is missing in the rows that were used.")
    figures: list[Figure] = []
    tables: list[Table] = []
    if data is not None:
        figures.append(_target_figure(facts, data))
        tables.append(_features_table(facts, data))
    return Section("data", "The data", lead, points, figures, tables)


def _target_figure(facts: ReportFacts, data: DataSummary) -> Figure:
    names, measure, target = Names(facts.schema), Measure.of(facts.schema.target), data.target
    mean = target.mean or 0.0  # a target has values
    caption = (
        f"{names.target} is {measure.amount(mean)} on average (the line). Students typically lie "
        f"{measure.amount(target.standard_deviation or 0.0)} from it (standard deviation)."
    )
    alt = (
        f"Histogram of {names.target} of {count(data.n_rows)}: from "
        f"{measure.number(target.minimum or 0)} to {measure.amount(target.maximum or 0)}, "
        f"average {measure.number(mean)}."
    )
    svg = histogram("target", alt, data.edges, data.counts, measure.axis(names.target),
                    marks=[mean])  # fmt: skip
    return Figure(svg, caption, f"What is predicted: {names.target}")


def _features_table(facts: ReportFacts, data: DataSummary) -> Table:
    names = Names(facts.schema)
    features = {feature.name: feature for feature in facts.schema.features}
    rows = []
    any_missing = any(one.n_missing for one in data.features)
    for one in data.features:
        feature = features.get(one.name)
        marks = "sensitive" if feature is not None and feature.sensitive else ""
        if isinstance(one, CategoricalSummary):
            held = Cell(_categories(one))
        else:
            held = _numbers(one, feature if isinstance(feature, NumericFeature) else None)
        missing = [Cell(f"{one.n_missing:,}")] if any_missing else []
        rows.append((Cell(names.of(one.name), marks), held, *missing))
    caption = f"What {'the column holds' if len(rows) == 1 else f'the {len(rows)} columns hold'}"
    header = ["Column", "Students or values", *(["Missing"] if any_missing else [])]
    return Table(caption, header, rows, words=frozenset({1}), folded=len(rows) > SHOWN_COLUMNS)


def _categories(one: CategoricalSummary) -> str:
    """Return categories with their counts, so that no small group's can be worked out."""
    import numpy as np

    hidden = hidden_groups(np.array([*one.counts.values()], dtype=np.intp))
    shown = []
    for (category, n), is_hidden in zip(one.counts.items(), hidden.tolist(), strict=True):
        held = f"{n:,}"
        if is_hidden:
            held = f"fewer than {LEAST_ROWS}" if n < LEAST_ROWS else "not shown"
        shown.append(f"{plain(category)}: {held}")
    return "; ".join(shown[:SHOWN_CATEGORIES]) + (
        f"; and {len(shown) - SHOWN_CATEGORIES} more categories"
        if len(shown) > SHOWN_CATEGORIES
        else ""
    )


def _numbers(one: NumericSummary, feature: NumericFeature | None) -> Cell:
    if one.mean is None or one.minimum is None or one.maximum is None:
        return Cell("no values")
    measure = Measure("", 2) if feature is None else Measure.of(feature)
    ends = " to ".join(format_number(round(end, 6)) for end in (one.minimum, one.maximum))
    spread = measure.number(one.standard_deviation or 0.0)
    return Cell(f"{ends} {measure.unit}".strip(),
                f"mean {measure.number(one.mean)}, standard deviation {spread}")  # fmt: skip


# --- the limits ----------------------------------------------------------------------------------


def limits(facts: ReportFacts) -> list[str]:
    """Return what a reader must keep in mind, as far as it follows from the figures."""
    names, measure = Names(facts.schema), Measure.of(facts.schema.target)
    held_out, run = facts.metrics["held_out"], facts.run
    n = held_out["n_samples"]
    said = [
        "It repeats what its table holds, unfair differences included. It finds what goes "
        "together, not what causes what: changing a value does not change the student.",
        "It knows the students of its table: of another school, year or test it may be wrong in "
        "ways that no figure here shows. Check it there before use.",
    ]
    row = coverage_at(facts)
    if row is not None:
        said.append(
            f"A single prediction can be far off: 1 student in 10 is expected outside a range that "
            f"is {measure.amount(row['mean_width'])} wide on average. That holds over all "
            "students, not for each kind of student."
        )
    if n < FEW_TESTED:
        said.append(
            f"Only {count(n)} could be used to test it: every figure here may be some way off."
        )
    if run is not None and run.rows["train"] < FEW_TRAINED:
        said.append(f"It was chosen on {count(run.rows['train'])}, which is few.")
    if run is not None and not run.options.get("group"):
        said.append(
            "The students that it was tested on come from the same table as those that it learnt "
            "from, drawn at random. Where the table holds several schools or years, the test says "
            "little about a new one."
        )
    numeric = [feature for feature in facts.schema.features if isinstance(feature, NumericFeature)]
    if numeric:
        ranges = listed(
            (f"{names.of(f.name)} {format_number(f.observed_minimum)} to "
             f"{format_number(f.observed_maximum)}" for f in numeric), most=4)  # fmt: skip
        said.append(f"Outside what it saw it guesses: {ranges}.")
    said += _limits_of_fairness(facts)
    if run is not None and run.options.get("budget") not in (None, "quick", "standard"):
        said.append(
            "Its search was bounded by the clock: on another machine it may end at another model."
        )
    return said


def _limits_of_fairness(facts: ReportFacts) -> list[str]:
    names = Names(facts.schema)
    sensitive = [f.name for f in facts.schema.features
                 if f.sensitive and f.name in used_features(facts)]  # fmt: skip
    said = []
    if facts.exclusion is not None:
        said.append(
            f"It is not given {names.all(facts.exclusion.left_out)}. Other columns may stand in "
            "for them, so that leaving them out does not make it fair."
        )
    elif not sensitive:
        said.append(
            "No column is marked as sensitive, so whether it errs more for some groups of students "
            "is not known."
        )
    elif sensitive:
        said.append(
            f"It uses {names.all(sensitive)}, marked as sensitive: whether that is right "
            "or lawful where you are is for people to decide."
        )
    groupings = facts.fairness.groupings if facts.fairness else ()
    if hidden := sum(len(one.suppressed) for one in groupings):
        said.append(
            f"{capitalize(count(hidden, 'group'))} with too few held-out students, pairs counted, "
            "could not be looked at."
        )
    many = [
        f for f in facts.schema.features
        if isinstance(f, CategoricalFeature) and facts.data is not None
        and any(0 < n < LEAST_ROWS for one in facts.data.features
                if isinstance(one, CategoricalSummary) and one.name == f.name
                for n in one.counts.values())
    ]  # fmt: skip
    if many:
        said.append(
            f"Some categories of {names.all([f.name for f in many])} have fewer than "
            f"{LEAST_ROWS} students: what it says of those rests on very little."
        )
    return said


def limits_section(facts: ReportFacts) -> Section:
    """Return the limits as a section."""
    return Section("limits", "Limits", points=limits(facts))
