"""What a report on outcomes says: facts with a known truth in, sentences out."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pytest

from src.components.class_evaluation import ClassEvaluation
from src.components.model_report import ModelReport
from src.report import facts
from src.report.class_accuracy import capacity, confusion_table, leaderboard, reliability, sets
from src.report.class_facts import ListQuality
from src.report.class_fairness import fairness, group_fairness
from src.report.class_groups import (
    ClassExclusionCost,
    ClassFairness,
    ClassGroupFairness,
    ClassGrouping,
    ClassReportFacts,
    GroupChances,
)
from src.report.class_overview import accuracy, added, doubt, list_sentence, purpose, summary
from src.report.importance import dependence, importance
from src.report.levers import levers
from src.report.model_card import limits, measured
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval

HOURS = NumericFeature(
    name="hours", label="Hours", observed_minimum=0, observed_maximum=9, actionable=True
)
SEX = CategoricalFeature(name="sex", label="Sex", categories=("f", "m"), sensitive=True)
RESULT = ClassTarget(
    name="result", label="Result", categories=("Fail", "Pass", "Top"), ordered=True,
    at_risk=("Fail",),
)  # fmt: skip


def scores(n: int = 3_000) -> dict[str, Any]:
    random = np.random.default_rng(0)
    chances = random.dirichlet((0.6, 1, 0.6), n)
    y = (random.random((n, 1)) > chances.cumsum(axis=1)).sum(axis=1)
    prior = np.bincount(y, minlength=3) / n
    return asdict(ClassEvaluation().run(y, chances, prior, ordered=True, event=frozenset({0})))


def row(name: str, log_loss: float, behind: tuple[float, float, float] | None) -> dict[str, Any]:
    return {
        "name": name, "label": name.title(), "r2": 1 - log_loss, "r2_low": 0.9 - log_loss,
        "r2_high": 1.1 - log_loss, "log_loss": log_loss, "brier": log_loss / 2, "auc": 0.8,
        "behind": dict(zip(("value", "low", "high"), behind, strict=True)) if behind else None,
        "n_trials": 3, "params": {},
    }  # fmt: skip


METRICS: dict[str, Any] = {
    "task": "ordinal", "winner": "logistic", "model": "Logistic regression",
    "held_out": scores(), "chance_p_value": None,
    "leaderboard": [
        row("logistic", 0.6, None), row("catboost", 0.62, (0.02, -0.01, 0.05)),
        row("single_column", 0.8, (0.2, 0.1, 0.3)), row("dummy", 1.0, (0.4, 0.3, 0.5)),
    ],
    "outcomes": ["Fail", "Pass", "Top"], "ordered": True, "at_risk_outcomes": ["Fail"],
    "outcome_counts": [300, 500, 300], "calibration": "temperature",
    "set_coverage": [{"level": 0.9, "mean_size": 1.6, "coverage": 0.84, "low": 0.81, "high": 0.87,
                      "p_value": 0.0001}],
}  # fmt: skip
METRICS["leaderboard"][2]["label"] = "Best single column: hours"
DROP = Interval(0.1, 0.05, 0.15)
GROUPS = ClassFairness(
    (
        ClassGrouping(
            ("sex",),
            (
                GroupChances("Sex = f", 300, 0.3, DROP, DROP, DROP, DROP, 90),
                GroupChances("Sex = m", 300, 0.3, Interval(-0.1, -0.2, 0.0), DROP),
            ),
        ),
    ),
    (facts.FairnessFinding("too_few_to_tell", {
        "figure": "missed", "smallest_rows": 20, "smallest_seen": 0.4, "largest_rows": 90,
        "largest_seen": 0.25}),),
    600, 10, 180,
)  # fmt: skip


def given(target: ClassTarget = RESULT, **parts: Any) -> ClassReportFacts:
    return replace(ClassReportFacts(Schema((HOURS, SEX), target), METRICS), **parts)


def with_scores(**parts: Any) -> ClassReportFacts:
    return given(metrics=METRICS | {"held_out": METRICS["held_out"] | parts})


def test_the_purpose_names_the_outcomes_in_their_order() -> None:
    assert purpose(given()).startswith(
        "The model states how likely each outcome of Result is (Fail, Pass and Top, from the "
        "lowest) from 2 facts about a student: Hours and Sex."
    )


def test_the_first_lines_say_how_good_it_is_and_that_nothing_is_resampled() -> None:
    tiles, paragraphs = summary(given())
    text = " ".join(paragraphs)
    assert tiles[0].meaning.startswith("stating the shares for everyone loses 1.")
    assert "At risk is a student with Fail." in text
    assert "Nothing is resampled or weighted for imbalance" in text
    assert "drawing lots holds" in text


def test_a_model_that_may_be_nothing_says_so_first() -> None:
    assert doubt(given()) == []
    made = given(metrics=METRICS | {"chance_p_value": 0.03})
    assert doubt(made)[0].startswith("This model may be nothing")
    assert summary(made)[1][0] == doubt(made)[0]


def test_the_gain_is_told_with_its_interval() -> None:
    gain = {"value": 0.3, "low": 0.25, "high": 0.35}
    said = accuracy(given(metrics=METRICS | {"gain": gain}))[0]
    assert "less: a difference of 0.300 (95\N{NO-BREAK SPACE}% interval 0.250 to 0.350)." in said


def test_what_the_model_adds_is_measured_on_the_same_students() -> None:
    assert added(given()) == [
        "On the training rows, each predicted without having been seen, its log loss is 0.600, "
        "before it is corrected for having been chosen: 0.200 below that of the best single "
        "column, Hours (0.800)."
    ]


def test_the_next_best_model_is_told_from_chance() -> None:
    section = leaderboard(given())
    assert "The next best, Catboost, loses 0.020 more, which may well be chance." in (
        section.figures[0].caption
    )
    assert section.tables[0].marked == 0
    board = [
        row | {"behind": {"value": -0.01, "low": -0.03, "high": 0.01}}
        if row["name"] == "catboost"
        else row
        for row in METRICS["leaderboard"]
    ]
    caption = leaderboard(given(metrics=METRICS | {"leaderboard": board})).figures[0].caption
    assert "chosen. Catboost loses" in caption


def test_a_list_is_compared_with_drawing_lots() -> None:
    one = ListQuality(20, 0.1, Interval(12, 8.4, 15.2), 4.0, DROP, DROP)
    assert list_sentence(one, 40, "Fail").replace("\N{NO-BREAK SPACE}", " ") == (
        "With help for 20 students (10 %), the list holds 12 of the 40 with Fail (95 % interval 8 "
        "to 15); drawing lots holds 4."
    )


def test_lists_are_drawn_and_stand_in_a_table() -> None:
    section = capacity(given())
    assert [figure.title for figure in section.figures] == [
        "Recall and precision", "Is it worth it? (decision curve)",
    ]  # fmt: skip
    n_lists = len(given().scores.capacity.lists)  # type: ignore[union-attr]
    assert len(section.tables[0].rows) == n_lists > 3


def test_a_list_of_training_students_is_called_so_by_report_and_card() -> None:
    made = given().scores.capacity
    few = {**METRICS["held_out"], "capacity": asdict(replace(made, lists=(), net_benefit=()))}
    of_training = asdict(replace(made, out_of_fold=True))
    facts = given(metrics=METRICS | {"held_out": few, "capacity_out_of_fold": of_training})
    lead = capacity(facts).lead
    assert "this was counted on 3,000 training students" in lead[0]
    assert lead[1].startswith("Of 3,000 training students, ")
    assert "training students, each predicted by models that had not seen" in summary(facts)[1][2]
    assert "flatters the list a little" in str(measured(facts)[0])


def test_without_an_event_the_report_says_how_to_name_one() -> None:
    nobody = ClassTarget(name="result", categories=("Fail", "Pass", "Top"))
    section = capacity(given(nobody))
    assert section.tables == ()
    assert 'at_risk = ["…"]' in section.lead[0]


def test_of_a_scale_of_numbers_the_report_names_both_ends_as_what_may_be_at_risk() -> None:
    grades = ClassTarget(name="grade", categories=("1", "2", "6"), ordered=True)
    section = capacity(given(grades))
    assert 'at_risk = ["1"] or at_risk = ["6"] under [columns."grade"]' in section.lead[0]


def test_sets_are_held_to_their_promise() -> None:
    section = sets(given())
    assert section is not None
    assert "set holds 84\N{NO-BREAK SPACE}%, fewer than promised, by more than chance" in (
        section.figures[0].caption
    )


def test_chances_that_come_true_are_counted() -> None:
    section = reliability(given())
    assert section is not None
    assert "The chance of Fail, by tenths" in section.lead[0]
    assert len(section.tables[0].rows) == len(given().scores.bins)


def test_withheld_cells_of_the_confusion_are_called_so() -> None:
    made = with_scores(confusion=((None, None, 0), (None, 50, None), (0, None, None)))
    texts = [[cell.text for cell in line] for line in confusion_table(made).rows]
    assert texts[0] == ["Fail", "withheld", "withheld", "0"]
    assert texts[1][2] == "50"


def test_features_are_missed_by_log_loss() -> None:
    made = given(
        importance=(facts.Importance("hours", 0.123, DROP), facts.Importance("sex", 0.001)),
        refitted=facts.RefittedModel("Logistic regression", 0.4, 500, (), 1.2),
    )
    section = importance(made)
    assert section is not None
    assert "With all features its log loss is 0.720; where it rises" in section.lead[0]
    assert section.figures[0].caption.startswith("Hours is missed most: without it log loss rises")
    line = [cell.text for cell in section.tables[0].rows[0]]
    assert line == ["Hours", "0.840", "0.120", "12.3"]


def test_curves_are_chances_in_per_cent() -> None:
    curve = facts.PartialDependence("hours", (0.0, 9.0), (0.6, 0.1), (0.5, 0.1), (0.7, 0.2), "Fail")
    section = dependence(given(partial_dependence=(curve,)))
    assert section is not None
    assert section.figures[0].caption == "From 0 to 9 it falls from 60.0 to 10.0 %."
    assert "Mean chance of Fail (%)" in section.figures[0].svg


def test_curves_of_several_outcomes_are_not_called_those_of_the_first() -> None:
    many = [facts.PartialDependence("hours", (0.0, 9.0), (0.6, 0.1), (), (), o) for o in "AB"]
    section = dependence(given(partial_dependence=tuple(many)))
    assert section is not None
    assert "shows the mean chance of an outcome." in section.lead[0]


def test_a_difference_that_the_model_turns_round_is_told_of_the_event() -> None:
    curve = facts.PartialDependence("hours", (0.0, 9.0), (0.2, 0.25), (), (), "Fail")
    raw = facts.RawDifference("hours", (), 0.0, 9.0, -0.3)
    section = levers(given(partial_dependence=(curve,), levers=(raw,)))
    assert section is not None
    assert (
        "Hours, by a straight line through all students: students with 9 have Fail 30.0 points "
        "less often than those with 0, but among students whose other answers are the same the "
        "model gives a chance of it that is 5.0 points more."
    ) in section.lead[1]


def test_withheld_figures_of_groups_are_a_dash() -> None:
    section = fairness(given(fairness=GROUPS))
    assert section is not None
    texts = [[cell.text for cell in line] for line in section.tables[0].rows]
    assert texts[1][0] == "m"
    assert texts[1][-2:] == ["–", "–"]
    assert section.points[0].startswith("Too few to tell whether the share of missed students")


def test_fairness_is_told_without_the_effect_and_with_it() -> None:
    def of(size: float) -> ClassFairness:
        found = tuple(
            GroupChances(f"Sex = {name}", 300, 0.3, Interval(value, value - 0.05, value + 0.05))
            for name, value in (("f", size), ("m", -size))
        )
        return ClassFairness((ClassGrouping(("sex",), found, ("Sex missing",)),), (), 600, 10)

    assert group_fairness(given()) is None
    section = group_fairness(given(group_fairness=ClassGroupFairness(of(0.1), of(0.02))))
    assert section is not None
    assert "lie 20.0 points apart without the group's effect, 4.0 with it" in section.points[0]
    (table,) = section.tables
    rows = [[cell.text for cell in row] for row in table.rows]
    assert [row[4:] for row in rows] == [["+10.0", "+2.0"], ["−10.0", "−2.0"], ["–", "–"]]
    assert rows[2][1] == "withheld"
    assert len(table.header) == len(rows[0])


def test_the_card_says_what_leaving_columns_out_costs_and_who_is_missed() -> None:
    cost = ClassExclusionCost(("sex",), ("Sex",), 600, Interval(0.02, 0.01, 0.03), DROP)
    made = given(fairness=GROUPS, exclusion=cost)
    assert any(one.startswith("It is not given Sex.") for one in limits(made))
    assert [part.title for part in measured(made)] == ["How good it is", "Groups"]
    rendered = ModelReport().run(made)
    page, text = rendered.html.decode(), rendered.model_card.decode()
    assert "Leaving out Sex costs 0.020 of log loss" in page
    assert "| Log loss |" in text
    assert "<script" not in page


@pytest.mark.parametrize("part", ["set_coverage", "left_out"])
def test_the_schema_and_the_metrics_are_enough(part: str) -> None:
    lean = {key: value for key, value in METRICS.items() if key != part}
    assert ModelReport().run(given(metrics=lean)).html
