"""The model card: what the model is, what it is for and not for, how to make it again.

Mitchell et al. (2019), "Model Cards for Model Reporting", Proceedings of FAT*, section 4.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

from src.artifact_store import RunManifest
from src.language import gettext as _
from src.language import ngettext
from src.report import class_overview
from src.report.class_groups import ClassReportFacts
from src.report.document import CardPart, Cell, ReportTable, Told
from src.report.facts import CategoricalSummary, Facts, ReportFacts
from src.report.fairness import SIGN, group_table
from src.report.findings import fairness_sentences
from src.report.group_effects import group_limits
from src.report.group_scores import both_scores, both_tables
from src.report.large_table import sentences as of_large_table
from src.report.overview import (
    accuracy,
    certainty,
    held_out_on,
    purpose,
    shown_coverage,
    used_features,
    used_sensitive_features,
)
from src.report.periods import headline, periods_of, sentences
from src.report.stored_words import spoken
from src.report.weights import weighed
from src.report.wording import (
    Measure,
    Names,
    day,
    end,
    listed,
    number,
    plain,
    r2_text,
    span,
)
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
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return format_number(float(value)) if is_number else plain(str(value))  # type: ignore[arg-type]


def card(facts: Facts) -> list[CardPart]:
    """Return the parts that the page and ``model_card.md`` share."""
    names, metrics, run = Names(facts.schema), facts.metrics, facts.run
    method = spoken(plain(str(metrics["model"])))
    told = told_of(facts)
    model = [told.purpose, _("Method: %(method)s.", method=method)]
    if run is not None:
        libraries = listed((f"{k} {v}" for k, v in sorted(run.versions.items())), most=20)
        model.append(
            _(
                "Run %(run)s of %(day)s, with Python %(python)s, %(libraries)s.",
                run=run.run_id,
                day=day(run.created),
                python=run.python,
                libraries=libraries,
            )
        )
    parts = [
        CardPart(_("The model"), model),
        CardPart(
            _("What it is for"),
            [
                _(
                    "To estimate %(target)s of a student like those in its table, so that people "
                    "who know the student can offer help in time; and to learn how such models "
                    "work.",
                    target=names.target,
                ),
                told.look_at,
            ],
        ),
        CardPart(
            _("What it must not be used for"),
            [
                _("To decide about a person: admission, grades, rank, discipline, money or work."),
                _(
                    "To judge teachers or schools, or in place of the real %(target)s where it is "
                    "known.",
                    target=names.target,
                ),
                _(
                    "For students unlike those it learnt from, unless it was checked on such "
                    "students."
                ),
                _("To find causes: it does not say what would happen if something were changed."),
            ],
        ),
        CardPart(_("The data"), _data(facts)),
    ]
    if run is not None:
        command = rebuild_command(run.options, run.seed)
        parts.append(CardPart(_("How to make it again"), _rebuild(run), command))
    return parts


def _data(facts: Facts) -> list[str]:
    said = []
    if facts.schema.description:
        said.append(plain(facts.schema.description))
    run = facts.run
    if run is not None:
        source = run.options.get("data")
        said.append(_rows_of(run, plain(str(source)) if source else ""))
        if facts.schema.as_of:
            stage = plain(facts.schema.as_of)
            said.append(_("It was trained on what is known by %(stage)s.", stage=stage))
        said += weighed(facts)
        dropped = [plain(name) for name in run.dropped]
        if dropped:
            said.append(_("Columns not used: %(columns)s.", columns=listed(dropped, most=20)))
        if any(family in str(facts.metrics["model"]) for family in MADE_OF_ROWS):
            said.append(
                _(
                    "Students' rows are part of the model: it compares new students with them. "
                    "Keep model.pkl as you keep the table."
                )
            )
    elif note := facts.metrics.get("note"):
        said.append(plain(str(note)))
    if sensitive := used_sensitive_features(facts):
        used = Names(facts.schema).all(sensitive)
        said.append(_("Sensitive, and used: %(columns)s.", columns=used))
    if facts.not_given:
        not_used = listed(facts.not_given.values())
        said.append(_("Sensitive, and not used: %(columns)s.", columns=not_used))
    return said


def _rows_of(run: RunManifest, source: str) -> str:
    """Return how many rows there are, and what they were used for."""
    used = run.rows["used"]
    said = {
        "train": number(run.rows["train"]),
        "test": number(run.rows["test"]),
        "all": number(used),
    }
    if not source:
        return ngettext(
            "%(n)s row: %(train)s to choose the model by cross-validation, %(test)s held out to "
            "measure it. What is used was then fitted on all %(all)s.",
            "%(n)s rows: %(train)s to choose the model by cross-validation, %(test)s held out to "
            "measure it. What is used was then fitted on all %(all)s.",
            used,
            **said,
        )
    return ngettext(
        "%(n)s row of %(source)s: %(train)s to choose the model by cross-validation, %(test)s "
        "held out to measure it. What is used was then fitted on all %(all)s.",
        "%(n)s rows of %(source)s: %(train)s to choose the model by cross-validation, %(test)s "
        "held out to measure it. What is used was then fitted on all %(all)s.",
        used,
        source=source,
        **said,
    )


def _rebuild(run: RunManifest) -> list[str]:
    said = [
        _(
            "With the same code, library versions, table and hints file, this command, given the "
            "path of the table, makes the same model and the same figures, to the last digit. The "
            "table is the same if the SHA-256 of data.csv, which the command writes beside the "
            "model, is %(sha)s.",
            sha=run.data_sha256,
        )
    ]
    if run.options.get("budget") not in (None, "quick", "standard"):
        said.append(
            _(
                "Its search was bounded by the clock, though: a faster or slower machine may try "
                "more or less and end at another model."
            )
        )
    return said


def measured(facts: Facts) -> list[CardPart]:
    """Return the parts that only ``model_card.md`` has: elsewhere they are figures."""
    told = told_of(facts)
    parts = [CardPart(_("How good it is"), told.good, tables=told.tables)]
    if in_parts := of_large_table(facts.metrics):
        parts.append(CardPart(_("The data"), in_parts))
    if in_time := [*headline(facts.metrics), *sentences(facts.metrics, facts.schema)]:
        parts.append(CardPart(_("From period to period"), in_time))
    return [*parts, CardPart(_("Groups"), *told.groups)] if told.groups else parts


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
        promise = _(
            "A single prediction can be far off: 1 student in 10 is expected outside a range that "
            "is %(width)s wide on average. That holds over all students, not for each kind of "
            "student.",
            width=measure.amount(row["mean_width"]),
        )
    groups = None
    if facts.fairness is not None and facts.fairness.groupings:
        singles = [one for one in facts.fairness.groupings if len(one.features) == 1]
        said = [*fairness_sentences(facts.fairness, facts.schema.number), _(SIGN)]
        groups = (said, "", [group_table(one, names, measure) for one in singles])
    return Told(
        purpose(facts),
        _("Whoever uses it looks at the range around a prediction, not at the number alone."),
        [*both_scores(facts), *accuracy(facts), *certainty(facts)],
        [*both_tables(facts), held_out_table(facts.metrics["held_out"], measure)],
        groups,
        promise,
    )


def held_out_table(held_out: Mapping[str, Any], measure: Measure) -> ReportTable:
    """Return the errors on the held-out rows with their intervals."""
    r2 = Interval(**held_out["r2"])
    ends = span(r2_text(r2.low), r2_text(r2.high)) if r2.low < r2.high else ""
    rows = [(Cell("R²"), Cell(r2_text(r2.value)), Cell(ends))]
    for key, label in (("rmse", _("RMSE")), ("mae", _("MAE"))):
        error = Interval(**held_out[key])
        name = Cell(measure.axis(label))
        rows.append((name, Cell(measure.number(error.value)), Cell(measure.interval(error))))
    baseline = _("%(score)s of the average for everyone", score=measure.axis(_("RMSE")))
    rows.append((Cell(baseline), Cell(measure.number(held_out["baseline_rmse"])), Cell("")))
    header = (_("Measure"), _("Value"), _("95 % interval"))
    caption = held_out_on(held_out["n_samples"], held_out.get("n_clusters"))
    return ReportTable(caption, header, rows)


# --- limits --------------------------------------------------------------------------------------


def limits(facts: Facts) -> list[str]:
    """Return what a reader must keep in mind, as far as it follows from the figures."""
    names, told = Names(facts.schema), told_of(facts)
    n, run = facts.metrics["held_out"]["n_samples"], facts.run
    said = [
        _(
            "It repeats what its table holds, unfair differences included. It finds what goes "
            "together, not what causes what: changing a value does not change the student."
        ),
        _(
            "It knows the students of its table: of another school, year or test it may be wrong "
            "in ways that no figure here shows. Check it there before use."
        ),
    ]
    if told.promise:
        said.append(told.promise)
    if n < FEW_TESTED:
        said.append(
            ngettext(
                "Only %(n)s student could be used to test it: every figure here may be some way "
                "off.",
                "Only %(n)s students could be used to test it: every figure here may be some way "
                "off.",
                n,
            )
        )
    clusters = facts.metrics["held_out"].get("n_clusters")
    if clusters and clusters < LEAST_CLUSTERS:
        said.append(
            ngettext(
                "The students that it was tested on come from %(n)s cluster that belong together. "
                "With fewer than %(least)s no interval can be given, and no difference told from "
                "chance.",
                "The students that it was tested on come from %(n)s clusters that belong "
                "together. With fewer than %(least)s no interval can be given, and no difference "
                "told from chance.",
                clusters,
                least=number(LEAST_CLUSTERS),
            )
        )
    if run is not None and run.rows["train"] < FEW_TRAINED:
        said.append(
            ngettext(
                "It was chosen on %(n)s student, which is few.",
                "It was chosen on %(n)s students, which is few.",
                run.rows["train"],
            )
        )
    periods = periods_of(facts.metrics)
    if facts.groups is not None:
        said += group_limits(facts.groups, facts.schema)
    if periods is not None:
        said.append(
            _(
                "It was tested on %(period)s alone, of %(column)s. It is fitted again on every "
                "period, that one too; the next may differ more from it than that one did.",
                period=periods.names[-1],
                column=periods.column,
            )
        )
    elif run is not None and not run.options.get("group"):
        said.append(
            _(
                "The students that it was tested on come from the same table as those that it "
                "learnt from, drawn at random. Where the table holds several schools or years, "
                "the test says little about a new one."
            )
        )
    used = used_features(facts)
    numeric = [f for f in facts.schema.numeric if f.name in used]
    if numeric:
        ranges = listed(
            (
                f"{names.of(f.name)} {span(end(f.observed_minimum), end(f.observed_maximum))}"
                for f in numeric
            ),
            most=4,
        )
        said.append(_("Outside what it saw it guesses: %(ranges)s.", ranges=ranges))
    said += _limits_of_fairness(facts)
    return said


def _limits_of_fairness(facts: Facts) -> list[str]:
    names = Names(facts.schema)
    sensitive = used_sensitive_features(facts)
    said = []
    if facts.not_given:
        left_out = listed(facts.not_given.values())
        said.append(
            _(
                "It is not given %(columns)s. Other columns may stand in for them, so that "
                "leaving them out does not make it fair.",
                columns=left_out,
            )
        )
    elif not sensitive:
        said.append(
            _(
                "No column is marked as sensitive, so whether it errs more for some groups of "
                "students is not known."
            )
        )
    else:
        said.append(
            _(
                "It uses %(columns)s, marked as sensitive: whether that is right or lawful where "
                "you are is for people to decide.",
                columns=names.all(sensitive),
            )
        )
    if hidden := facts.n_suppressed:
        said.append(
            ngettext(
                "%(n)s group could not be looked at: its figures would tell of too few held-out "
                "students.",
                "%(n)s groups could not be looked at: their figures would tell of too few held-out "
                "students.",
                hidden,
            )
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
            _(
                "Some categories of %(columns)s have fewer than %(least)s students: what it says "
                "of those rests on very little.",
                columns=names.all(small),
                least=number(LEAST_ROWS),
            )
        )
    return said
