"""The model card: what the model is, what it is for and not for, how to make it again.

Mitchell et al. (2019), "Model Cards for Model Reporting", Proceedings of FAT*, section 4.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from src.artifact_store import RunManifest
from src.report import class_overview
from src.report.class_groups import ClassReportFacts
from src.report.document import CardPart, Cell, ReportTable, Told
from src.report.facts import CategoricalSummary, Facts, ReportFacts
from src.report.fairness import SIGN, group_table
from src.report.findings import fairness_sentences
from src.report.group_effects import group_limits
from src.report.group_scores import both_scores, both_tables
from src.report.overview import (
    accuracy,
    certainty,
    purpose,
    shown_coverage,
    used_features,
    used_sensitive_features,
)
from src.report.periods import headline, periods_of, sentences
from src.report.wording import Measure, Names, capitalize, count, day, end, listed, plain, r2_text
from src.stats.disclosure import LEAST_ROWS
from src.stats.intervals import LEAST_CLUSTERS, Interval
from src.tables.cells import format_number

FEW_TESTED = 100
FEW_TRAINED = 500
MADE_OF_ROWS = ("k-nearest neighbours", "Support vector")  # by their labels
COMMAND = "python -m src.pipelines.train_pipeline"


def rebuild_command(options: Mapping[str, Any], seed: int) -> str:
    """Return the command that trains the same model again.

    Examples
    --------
    >>> rebuild_command({"data": "my class.csv", "drop": ["id", "-x"], "group": None}, 42)
    "python -m src.pipelines.train_pipeline --data 'my class.csv' --drop=id --drop=-x --seed 42"
    """
    words = [COMMAND]
    for name, value in {**options, "seed": seed}.items():
        flag = f"--{name.replace('_', '-')}"
        if value is True:
            words.append(flag)
        elif isinstance(value, list | tuple):
            words += [shlex.quote(f"{flag}={_text(one)}") for one in value]
        elif value is not None and value is not False:
            text = _text(value)  # one that begins with a dash must not be taken for an option
            glued = [f"{flag}={text}"] if text.startswith("-") else [flag, text]
            words += map(shlex.quote, glued)
    return " ".join(words)


def _text(value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_number(float(value)) if number else plain(str(value))  # type: ignore[arg-type]


def card(facts: Facts) -> list[CardPart]:
    """Return the parts that the page and ``model_card.md`` share."""
    names, metrics, run = Names(facts.schema), facts.metrics, facts.run
    method = plain(str(metrics["model"]))
    told = told_of(facts)
    model = [told.purpose, f"Method: {method}."]
    if run is not None:
        libraries = listed((f"{k} {v}" for k, v in sorted(run.versions.items())), most=20)
        model.append(
            f"Run {run.run_id} of {day(run.created)}, with Python {run.python}, {libraries}."
        )
    parts = [
        CardPart("The model", model),
        CardPart(
            "What it is for",
            [
                f"To estimate {names.target} of a student like those in its table, so that people "
                "who know the student can offer help in time; and to learn how such models work.",
                told.look_at,
            ],
        ),
        CardPart(
            "What it must not be used for",
            [
                "To decide about a person: admission, grades, rank, discipline, money or work.",
                "To judge teachers or schools, or in place of the real "
                f"{names.target} where it is known.",
                "For students unlike those it learnt from, unless it was checked on such students.",
                "To find causes: it does not say what would happen if something were changed.",
            ],
        ),
        CardPart("The data", _data(facts)),
    ]
    if run is not None:
        parts.append(
            CardPart("How to make it again", _rebuild(run), rebuild_command(run.options, run.seed))
        )
    return parts


def _data(facts: Facts) -> list[str]:
    said = []
    if facts.schema.description:
        said.append(plain(facts.schema.description))
    run = facts.run
    if run is not None:
        source = run.options.get("data")
        called = f" of {plain(str(source))}" if source else ""
        rows = run.rows
        said.append(
            f"{count(rows['used'], 'row')}{called}: {rows['train']:,} to choose the model by "
            f"cross-validation, {rows['test']:,} held out to measure it. What is used was then "
            f"fitted on all {rows['used']:,}."
        )
        if facts.schema.as_of:
            said.append(f"It was trained on what is known by {plain(facts.schema.as_of)}.")
        dropped = [plain(name) for name in run.dropped]
        if dropped:
            said.append(f"Columns not used: {listed(dropped, most=20)}.")
        if any(family in str(facts.metrics["model"]) for family in MADE_OF_ROWS):
            said.append(
                "Students' rows are part of the model: it compares new students with them. Keep "
                "model.pkl as you keep the table."
            )
    elif note := facts.metrics.get("note"):
        said.append(plain(str(note)))
    if sensitive := used_sensitive_features(facts):
        said.append(f"Sensitive, and used: {Names(facts.schema).all(sensitive)}.")
    if facts.not_given:
        said.append(f"Sensitive, and not used: {listed(facts.not_given.values())}.")
    return said


def _rebuild(run: RunManifest) -> list[str]:
    said = [
        "With the same code, library versions, table and hints file, this command, given the path "
        "of the table, makes the same model and the same figures, to the last digit. The table is "
        "the same if the SHA-256 of data.csv, which the command writes beside the model, is "
        f"{run.data_sha256}."
    ]
    if run.options.get("budget") not in (None, "quick", "standard"):
        said.append(
            "Its search was bounded by the clock, though: a faster or slower machine may try more "
            "or less and end at another model."
        )
    return said


def measured(facts: Facts) -> list[CardPart]:
    """Return the parts that only ``model_card.md`` has: elsewhere they are figures."""
    told = told_of(facts)
    parts = [CardPart("How good it is", told.good, tables=told.tables)]
    if in_time := [*headline(facts.metrics), *sentences(facts.metrics, facts.schema)]:
        parts.append(CardPart("From period to period", in_time))
    return [*parts, CardPart("Groups", *told.groups)] if told.groups else parts


def told_of(facts: Facts) -> Told:
    """Return what a card says of a model by what it predicts."""
    if isinstance(facts, ClassReportFacts):
        return class_overview.told(facts)
    if not isinstance(facts, ReportFacts):
        raise TypeError("the facts of a number or of outcomes")
    return _told(facts)


def _told(facts: ReportFacts) -> Told:
    names, measure = Names(facts.schema), Measure.of(facts.schema.number)
    promise = ""
    if (row := shown_coverage(facts)) is not None:
        promise = (
            "A single prediction can be far off: 1 student in 10 is expected outside a range that "
            f"is {measure.amount(row['mean_width'])} wide on average. That holds over all "
            "students, not for each kind of student."
        )
    groups = None
    if facts.fairness is not None and facts.fairness.groupings:
        singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
        said = [*fairness_sentences(facts.fairness, facts.schema.number), SIGN]
        groups = (said, "", [group_table(one, names, measure) for one in singles])
    return Told(
        purpose(facts),
        "Whoever uses it looks at the range around a prediction, not at the number alone.",
        [*both_scores(facts), *accuracy(facts), *certainty(facts)],
        [*both_tables(facts), held_out_table(facts.metrics["held_out"], measure)],
        groups,
        promise,
    )


def held_out_table(held_out: Mapping[str, Any], measure: Measure) -> ReportTable:
    """Return the errors on the held-out rows with their intervals."""
    r2 = Interval(**held_out["r2"])
    ends = f"{r2_text(r2.low)} to {r2_text(r2.high)}" if r2.low < r2.high else ""
    rows = [(Cell("R²"), Cell(r2_text(r2.value)), Cell(ends))]
    for key in ("rmse", "mae"):
        error = Interval(**held_out[key])
        name = Cell(measure.axis(key.upper()))
        rows.append((name, Cell(measure.number(error.value)), Cell(measure.interval(error))))
    baseline = f"{measure.axis('RMSE')} of the average for everyone"
    rows.append((Cell(baseline), Cell(measure.number(held_out["baseline_rmse"])), Cell("")))
    header = ("Measure", "Value", "95 % interval")
    clusters = held_out.get("n_clusters")
    of = f" from {count(clusters, 'cluster')}" if clusters else ""
    return ReportTable(f"On {count(held_out['n_samples'])}{of} held out", header, rows)


# --- limits --------------------------------------------------------------------------------------


def limits(facts: Facts) -> list[str]:
    """Return what a reader must keep in mind, as far as it follows from the figures."""
    names, told = Names(facts.schema), told_of(facts)
    n, run = facts.metrics["held_out"]["n_samples"], facts.run
    said = [
        "It repeats what its table holds, unfair differences included. It finds what goes "
        "together, not what causes what: changing a value does not change the student.",
        "It knows the students of its table: of another school, year or test it may be wrong in "
        "ways that no figure here shows. Check it there before use.",
    ]
    if told.promise:
        said.append(told.promise)
    if n < FEW_TESTED:
        said.append(
            f"Only {count(n)} could be used to test it: every figure here may be some way off."
        )
    clusters = facts.metrics["held_out"].get("n_clusters")
    if clusters and clusters < LEAST_CLUSTERS:
        said.append(
            f"The students that it was tested on come from {count(clusters, 'cluster')} that "
            f"belong together. With fewer than {LEAST_CLUSTERS} no interval can be given, and no "
            "difference told from chance."
        )
    if run is not None and run.rows["train"] < FEW_TRAINED:
        said.append(f"It was chosen on {count(run.rows['train'])}, which is few.")
    periods = periods_of(facts.metrics)
    if facts.groups is not None:
        said += group_limits(facts.groups, facts.schema)
    if periods is not None:
        said.append(
            f"It was tested on {periods.names[-1]} alone, of {periods.column}. It is fitted again "
            "on every period, that one too; the next may differ more from it than that one did."
        )
    elif run is not None and not run.options.get("group"):
        said.append(
            "The students that it was tested on come from the same table as those that it learnt "
            "from, drawn at random. Where the table holds several schools or years, the test says "
            "little about a new one."
        )
    used = used_features(facts)
    numeric = [f for f in facts.schema.numeric if f.name in used]
    if numeric:
        ranges = listed(
            (
                f"{names.of(f.name)} {end(f.observed_minimum)} to {end(f.observed_maximum)}"
                for f in numeric
            ),
            most=4,
        )
        said.append(f"Outside what it saw it guesses: {ranges}.")
    said += _limits_of_fairness(facts)
    return said


def _limits_of_fairness(facts: Facts) -> list[str]:
    names = Names(facts.schema)
    sensitive = used_sensitive_features(facts)
    said = []
    if facts.not_given:
        left_out = listed(facts.not_given.values())
        said.append(
            f"It is not given {left_out}. Other columns may stand in "
            "for them, so that leaving them out does not make it fair."
        )
    elif not sensitive:
        said.append(
            "No column is marked as sensitive, so whether it errs more for some groups of students "
            "is not known."
        )
    else:
        said.append(
            f"It uses {names.all(sensitive)}, marked as sensitive: whether that is right "
            "or lawful where you are is for people to decide."
        )
    if hidden := facts.n_suppressed:
        said.append(
            f"{capitalize(count(hidden, 'group'))} with too few held-out students could not be "
            "looked at."
        )
    summaries = facts.data.features if facts.data else ()
    small = [
        one.name
        for one in summaries
        if isinstance(one, CategoricalSummary)
        and any(0 < n < LEAST_ROWS for n in one.counts.values())
    ]
    if small:
        said.append(
            f"Some categories of {names.all(small)} have fewer than "
            f"{LEAST_ROWS} students: what it says of those rests on very little."
        )
    return said
