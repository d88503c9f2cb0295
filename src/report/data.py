"""What the table holds, and what was wrong with it."""

from __future__ import annotations

from src.language import gettext as _
from src.language import ngettext
from src.report.document import Cell, Figure, ReportTable, Section
from src.report.facts import CategoricalSummary, DataSummary, Facts, NumericSummary, RefusedRows
from src.report.large_table import sentences as of_large_table
from src.report.overview import used_features
from src.report.plots import Dot, dots, histogram
from src.report.stored_words import spoken
from src.report.table_findings import left_out_columns
from src.report.weights import weighed
from src.report.wording import Measure, Names, end, number, percent, plain, span
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
            ngettext(
                "The table has %(n)s row, one a student; %(used)s were used: %(train)s to learn "
                "from, %(test)s set aside to test on.",
                "The table has %(n)s rows, one a student; %(used)s were used: %(train)s to learn "
                "from, %(test)s set aside to test on.",
                rows["total"],
                **{part: number(rows[part]) for part in ("used", "train", "test")},
            )
        )
        if facts.schema.as_of:
            lead.append(_("Used is what is known by %(stage)s.", stage=plain(facts.schema.as_of)))
        lead += [*of_large_table(facts.metrics), *weighed(facts)]
        without_target = rows["total"] - rows["refused"] - rows["used"]
        if without_target > 0:
            points.append(
                ngettext(
                    "%(n)s row had no %(target)s: left out.",
                    "%(n)s rows had no %(target)s: left out.",
                    without_target,
                    target=names.target,
                )
            )
    if data is not None:
        points += [_refused(found, names) for found in data.problems]
    if run is not None:
        n_refused = run.rows["refused"]
        if n_refused and not (data and data.problems):
            points.append(ngettext("%(n)s row refused.", "%(n)s rows refused.", n_refused))
        told = left_out_columns(facts.findings)  # above, where the report begins
        points += [
            _(
                "Column %(column)s is not used: %(reason)s.",
                column=plain(name),
                reason=spoken(plain(reason).rstrip(".")),
            )
            for name, reason in run.dropped.items()
            if name not in told
        ]
        if not points and not run.dropped:
            points = [_("Problems found: none. No row was refused, no column left out.")]
        if data is not None and not any(one.n_missing for one in data.features):
            points.append(_("No value is missing in the rows that were used."))
    figures: list[Figure] = []
    tables: list[ReportTable] = []
    if data is not None:
        if data.edges or isinstance(data.target, CategoricalSummary):
            figures.append(_target_figure(facts, data))
        tables.append(_features_table(facts, data))
    return Section("data", _("The data"), lead, points, figures, tables)


def _refused(found: RefusedRows, names: Names) -> str:
    rule = spoken(plain(found.rule))
    if not found.field:
        return ngettext(
            "%(n)s row refused: not %(rule)s.",
            "%(n)s rows refused: not %(rule)s.",
            found.n_rows,
            rule=rule,
        )
    return ngettext(
        "%(n)s row refused: %(column)s must be %(rule)s.",
        "%(n)s rows refused: %(column)s must be %(rule)s.",
        found.n_rows,
        column=names.of(found.field),
        rule=rule,
    )


def _target_figure(facts: Facts, data: DataSummary) -> Figure:
    names, measure, target = Names(facts.schema), Measure.of(facts.schema.target), data.target
    if isinstance(target, CategoricalSummary):
        return _outcomes_figure(names.target, target)
    mean = target.mean or 0.0  # a target has values
    caption = _(
        "%(target)s is %(mean)s on average (the line). Students typically lie %(deviation)s from "
        "it (standard deviation).",
        target=names.target,
        mean=measure.amount(mean),
        deviation=measure.amount(target.standard_deviation or 0.0),
    )
    alt = ngettext(
        "Histogram of %(target)s of %(n)s student: from %(low)s to %(high)s, average %(mean)s.",
        "Histogram of %(target)s of %(n)s students: from %(low)s to %(high)s, average %(mean)s.",
        data.n_rows,
        target=names.target,
        low=measure.number(target.minimum or 0),
        high=measure.amount(target.maximum or 0),
        mean=measure.number(mean),
    )
    svg = histogram(
        "target", alt, data.edges, data.counts, measure.axis(names.target), marks=[mean]
    )
    return Figure(svg, caption, _what_is_predicted(names.target))


def _what_is_predicted(target: str) -> str:
    return _("What is predicted: %(target)s", target=target)


def _outcomes_figure(name: str, target: CategoricalSummary) -> Figure:
    """Draw how many students have each outcome; training refuses outcomes of fewer than ten."""
    n = sum(target.counts.values())
    rows = [
        Dot(f"{plain(outcome)} ({number(k)})", 100 * k / n) for outcome, k in target.counts.items()
    ]
    said = "; ".join(f"{plain(outcome)} {percent(k / n)}" for outcome, k in target.counts.items())
    svg = dots(
        "target",
        _("Outcomes of %(students)s students: %(shares)s.", students=number(n), shares=said),
        rows,
        _("Students (%)"),
        reference=0.0,
        bars=True,
    )
    caption = _(
        "%(shares)s. Stating these shares for everyone is what the model must beat. No outcome "
        "was resampled or weighted because it is rare: that would make the chances wrong.",
        shares=said,
    )
    return Figure(svg, caption, _what_is_predicted(name))


def _features_table(facts: Facts, data: DataSummary) -> ReportTable:
    names = Names(facts.schema)
    features = {feature.name: feature for feature in facts.schema.features}
    rows = []
    any_missing = any(one.n_missing for one in data.features)
    for one in data.features:
        feature = features[one.name]
        marks = [_("sensitive")] if feature.sensitive else []
        if one.name not in used_features(facts):
            marks.append(_("not used"))
        if isinstance(one, CategoricalSummary):
            held = _categories(one, feature)
        else:
            held = _numbers(one, feature)
        missing = [Cell(number(one.n_missing))] if any_missing else []
        rows.append((Cell(names.of(one.name), ", ".join(marks)), held, *missing))
    caption = ngettext("What the column holds", "What the %(n)s columns hold", len(rows))
    header = [_("Column"), _("Students or values"), *([_("Missing")] if any_missing else [])]
    return ReportTable(
        caption, header, rows, words=frozenset({1}), folded=len(rows) > SHOWN_COLUMNS
    )


def _categories(one: CategoricalSummary, feature: NumericFeature | CategoricalFeature) -> Cell:
    """Return categories with their counts, so that no small group's can be worked out."""
    import numpy as np

    hidden = hidden_groups(np.array([*one.counts.values()], dtype=np.intp))
    shown = []
    for (category, n), is_hidden in zip(one.counts.items(), hidden.tolist(), strict=True):
        held = number(n)
        if is_hidden:
            few = _("fewer than %(number)s", number=number(LEAST_ROWS))
            held = few if n < LEAST_ROWS else _("not shown")
        word = feature.word(category) if isinstance(feature, CategoricalFeature) else category
        shown.append(f"{plain(word)}: {held}")
    if len(shown) > SHOWN_CATEGORIES:
        more = ngettext(
            "and %(n)s more category",
            "and %(n)s more categories",
            len(shown) - SHOWN_CATEGORIES,
        )
        shown = [*shown[:SHOWN_CATEGORIES], more]
    return Cell("; ".join(shown))


def _numbers(one: NumericSummary, feature: NumericFeature | CategoricalFeature) -> Cell:
    if one.mean is None or one.minimum is None or one.maximum is None:
        return Cell(_("no values"))
    measure = Measure.of(feature) if isinstance(feature, NumericFeature) else Measure("", 2)
    spread = measure.number(one.standard_deviation or 0.0)
    return Cell(
        f"{span(end(one.minimum), end(one.maximum))} {measure.unit}".strip(),
        _(
            "mean %(mean)s, standard deviation %(deviation)s",
            mean=measure.number(one.mean),
            deviation=spread,
        ),
    )
