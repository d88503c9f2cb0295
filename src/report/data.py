"""What the table holds, and what was wrong with it."""

from __future__ import annotations

from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import CategoricalSummary, DataSummary, Facts, NumericSummary
from src.report.overview import used_features
from src.report.plots import Dot, dots, histogram
from src.report.table_findings import left_out_because
from src.report.wording import Measure, Names, count, end, percent, plain
from src.schema.features import CategoricalFeature, NumericFeature
from src.stats.disclosure import LEAST_ROWS, hidden_groups

SHOWN_CATEGORIES = 12
SHOWN_COLUMNS = 12


def data_section(facts: Facts) -> Section | None:
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
        if facts.schema.as_of:
            lead.append(f"Used is what is known by {plain(facts.schema.as_of)}.")
        without_target = rows["total"] - rows["refused"] - rows["used"]
        if without_target > 0:
            points.append(f"{count(without_target, 'row')} had no {names.target}: left out.")
    if data is not None:
        points += [
            f"{count(found.n_rows, 'row')} refused: "
            + (
                f"{names.of(found.field)} must be {plain(found.rule)}."
                if found.field
                else f"not {plain(found.rule)}."
            )
            for found in data.problems
        ]
    if run is not None:
        if run.rows["refused"] and not (data and data.problems):
            points.append(f"{count(run.rows['refused'], 'row')} refused.")
        told = left_out_because(facts.findings)  # above, where the report begins
        points += [
            f"Column {plain(name)} is not used: {plain(reason).rstrip('.')}."
            for name, reason in run.dropped.items()
            if name not in told
        ]
        if not points and not run.dropped:
            points = ["Problems found: none. No row was refused, no column left out."]
        if data is not None and not any(one.n_missing for one in data.features):
            points.append("No value is missing in the rows that were used.")
    figures: list[Figure] = []
    tables: list[ReportTable] = []
    if data is not None:
        figures.append(_target_figure(facts, data))
        tables.append(_features_table(facts, data))
    return Section("data", "The data", lead, points, figures, tables)


def _target_figure(facts: Facts, data: DataSummary) -> Figure:
    names, measure, target = Names(facts.schema), Measure.of(facts.schema.target), data.target
    if isinstance(target, CategoricalSummary):
        return _outcomes_figure(names.target, target)
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
    svg = histogram(
        "target", alt, data.edges, data.counts, measure.axis(names.target), marks=[mean]
    )
    return Figure(svg, caption, f"What is predicted: {names.target}")


def _outcomes_figure(name: str, target: CategoricalSummary) -> Figure:
    """Draw how many students have each outcome; training refuses outcomes of fewer than ten."""
    n = sum(target.counts.values())
    rows = [Dot(f"{plain(outcome)} ({k:,})", 100 * k / n) for outcome, k in target.counts.items()]
    said = "; ".join(f"{plain(outcome)} {percent(k / n)}" for outcome, k in target.counts.items())
    svg = dots(
        "target", f"Outcomes of {count(n)}: {said}.", rows, "Students (%)", reference=0.0, bars=True
    )
    caption = (
        f"{said}. Stating these shares for everyone is what the model must beat. No outcome was "
        "resampled or weighted because it is rare: that would make the chances wrong."
    )
    return Figure(svg, caption, f"What is predicted: {name}")


def _features_table(facts: Facts, data: DataSummary) -> ReportTable:
    names = Names(facts.schema)
    features = {feature.name: feature for feature in facts.schema.features}
    rows = []
    any_missing = any(one.n_missing for one in data.features)
    for one in data.features:
        feature = features[one.name]
        marks = ["sensitive"] if feature.sensitive else []
        if one.name not in used_features(facts):
            marks.append("not used")
        held = _categories(one) if isinstance(one, CategoricalSummary) else _numbers(one, feature)
        missing = [Cell(f"{one.n_missing:,}")] if any_missing else []
        rows.append((Cell(names.of(one.name), ", ".join(marks)), held, *missing))
    caption = f"What {'the column holds' if len(rows) == 1 else f'the {len(rows)} columns hold'}"
    header = ["Column", "Students or values", *(["Missing"] if any_missing else [])]
    return ReportTable(
        caption, header, rows, words=frozenset({1}), folded=len(rows) > SHOWN_COLUMNS
    )


def _categories(one: CategoricalSummary) -> Cell:
    """Return categories with their counts, so that no small group's can be worked out."""
    import numpy as np

    hidden = hidden_groups(np.array([*one.counts.values()], dtype=np.intp))
    shown = []
    for (category, n), is_hidden in zip(one.counts.items(), hidden.tolist(), strict=True):
        held = f"{n:,}"
        if is_hidden:
            held = f"fewer than {LEAST_ROWS}" if n < LEAST_ROWS else "not shown"
        shown.append(f"{plain(category)}: {held}")
    if len(shown) > SHOWN_CATEGORIES:
        more = f"and {len(shown) - SHOWN_CATEGORIES} more categories"
        shown = [*shown[:SHOWN_CATEGORIES], more]
    return Cell("; ".join(shown))


def _numbers(one: NumericSummary, feature: NumericFeature | CategoricalFeature) -> Cell:
    if one.mean is None or one.minimum is None or one.maximum is None:
        return Cell("no values")
    measure = Measure.of(feature) if isinstance(feature, NumericFeature) else Measure("", 2)
    spread = measure.number(one.standard_deviation or 0.0)
    return Cell(
        f"{end(one.minimum)} to {end(one.maximum)} {measure.unit}".strip(),
        f"mean {measure.number(one.mean)}, standard deviation {spread}",
    )
