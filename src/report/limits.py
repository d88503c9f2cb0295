"""What a reader must keep in mind, as far as it follows from the figures."""

from __future__ import annotations

from src.report.facts import CategoricalSummary, ReportFacts
from src.report.overview import shown_coverage, used_features, used_sensitive_features
from src.report.wording import Measure, Names, capitalize, count, end, listed
from src.stats.disclosure import LEAST_ROWS

FEW_TESTED = 100
FEW_TRAINED = 500


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
    row = shown_coverage(facts)
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
    used = used_features(facts)
    numeric = [f for f in facts.schema.numeric if f.name in used]
    if numeric:
        ranges = listed(
            (f"{names.of(f.name)} {end(f.observed_minimum)} to {end(f.observed_maximum)}"
             for f in numeric), most=4)  # fmt: skip
        said.append(f"Outside what it saw it guesses: {ranges}.")
    said += _limits_of_fairness(facts)
    if run is not None and run.options.get("budget") not in (None, "quick", "standard"):
        said.append(
            "Its search was bounded by the clock: on another machine it may end at another model."
        )
    return said


def _limits_of_fairness(facts: ReportFacts) -> list[str]:
    names = Names(facts.schema)
    sensitive = used_sensitive_features(facts)
    said = []
    if facts.exclusion is not None:
        left_out = listed(facts.exclusion.labels)
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
    groupings = facts.fairness.groupings if facts.fairness else ()
    if hidden := sum(len(one.suppressed) for one in groupings):
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
