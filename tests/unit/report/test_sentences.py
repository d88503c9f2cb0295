"""What the report says follows from the numbers, at their edges too."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from src.artifact_store import RunManifest
from src.report import facts
from src.report.accuracy import coverage, leaderboard, learning_curve, predictions, residuals
from src.report.data import data_section
from src.report.fairness import exclusion, fairness, pass_mark
from src.report.findings import sentence
from src.report.importance import dependence, importance
from src.report.model_card import card, limits
from src.report.overview import accuracy, added, certainty, purpose, summary, unreliable_parts
from src.report.wording import Measure
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.candidates import CANDIDATES
from src.stats.intervals import Interval
from src.stats.reliability import ReliabilityBin

AGE = NumericFeature(name="age", label="Age", observed_minimum=15, observed_maximum=18)
SEX = CategoricalFeature(name="sex", label="Sex", categories=("f", "m"), sensitive=True)
MARK = NumericFeature(
    name="mark", label="Mark", unit="points", minimum=0, maximum=100, observed_minimum=5,
    observed_maximum=95,
)  # fmt: skip


def row(name: str, r2: float) -> dict[str, Any]:
    """Return a line of the leaderboard; the winner's R² is 0.8."""
    return {"name": name, "label": name.title(), "r2": r2, "r2_low": r2 - 0.05,
            "r2_high": r2 + 0.05, "behind": figure(0.8 - r2, 0.79 - r2, 0.81 - r2),
            "rmse": 5.0, "mae": 4.0, "n_trials": 3, "params": {}}  # fmt: skip


def figure(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


METRICS: dict[str, Any] = {
    "winner": "ridge", "model": "Ridge",
    "held_out": {"n_samples": 200, "r2": figure(0.8, 0.7, 0.85), "rmse": figure(5.0, 4.5, 5.5),
                 "mae": figure(4.0, 3.6, 4.4), "baseline_rmse": 10.0},
    "leaderboard": [row("ridge", 0.8), row("dummy", -0.01)],
}  # fmt: skip
RUN = RunManifest(
    run_id="20260131T120000Z-1a2b3c",
    created="2026-01-31T12:00:00+00:00",
    seed=42,
    rows={"total": 1000, "refused": 0, "used": 1000, "train": 800, "test": 200},
    data_sha256="ab" * 32,
    schema_fingerprint="cd" * 32,
    model="Ridge",
    options={"budget": "standard", "metric": "r2", "group": "school"},
    dropped={},
    fit_time_s={},
    versions={},
    requires=[],
    python="3.11.7",
)


def given(*features: Any, **parts: Any) -> facts.ReportFacts:
    return facts.ReportFacts(Schema(features or (AGE, SEX), MARK), METRICS, **parts)


def held_out(**figures: Any) -> facts.ReportFacts:
    return replace(given(), metrics=METRICS | {"held_out": METRICS["held_out"] | figures})


def said(made: facts.ReportFacts) -> str:
    return " ".join(accuracy(made))


# --- the summary ---------------------------------------------------------------------------------


def test_ranges_are_told_by_their_width_for_one_end_may_be_further_than_the_other():
    """Issue 13."""
    rows = [{"level": 0.9, "coverage": 0.9, "mean_width": 18.0, "low": 0.8, "high": 0.95}]
    tiles, _ = summary(replace(given(), metrics=METRICS | {"coverage": rows}))
    assert (tiles[1].value, tiles[1].unit, tiles[1].meaning) == (
        "18.0", "points", "wide on average: the range that should hold 9 in 10 students",
    )  # fmt: skip


def test_the_purpose_names_target_unit_range_and_features():
    assert purpose(given()) == (
        "The model estimates Mark (in points, from 0 to 100) from 2 facts about a student: "
        "Age and Sex."
    )
    assert "from 1 fact about a student: Age." in purpose(given(AGE))


def test_the_end_that_is_not_bounded_is_the_one_that_was_seen():
    scores = replace(MARK, maximum=None, observed_minimum=487, observed_maximum=774)
    made = replace(held_out(mae=figure(22.04, 21, 23)), schema=Schema((AGE,), scores))
    assert "in points, 487 to 774 in the table that it learnt from" in purpose(made)
    assert "22 points off" in said(made)


def test_ranges_are_written_with_digits_that_mean_something():
    features = (replace(AGE, observed_minimum=-2.834719823742, observed_maximum=1e6),)
    assert "Age -2.8347 to 1000000." in " ".join(limits(given(*features, run=RUN)))


@pytest.mark.parametrize("family", [c.label for c in CANDIDATES])
def test_the_card_says_of_which_models_students_rows_are_a_part(family):
    """Issue 13, item 15."""
    made = replace(given(run=RUN), metrics=METRICS | {"model": family})
    told = any("Students' rows are part of the model" in " ".join(p.sentences) for p in card(made))
    assert told == (family in ("k-nearest neighbours", "Support vector regression"))


def test_report_and_card_say_what_the_rows_weights_count_in():
    """Issue 13."""
    weighed = replace(RUN, options=RUN.options | {"sample_weight": "Weight"})
    for run, told in ((RUN, 0), (weighed, 1)):
        made = given(run=run)
        sentences = [s for part in card(made) for s in part.sentences]
        for said in (sentences, data_section(made).lead):
            found = [s for s in said if s.startswith("Rows count by their weight, Weight, in ")]
            assert len(found) == told
            assert all(s.endswith("9 in 10 rows, whatever they weigh.") for s in found)


def test_what_is_left_out_is_no_feature_of_the_model():
    cost = facts.ExclusionCost(("sex",), ("Sex",), 200, *[Interval(0.1, 0.05, 0.2)] * 3)
    made = given(exclusion=cost)
    assert purpose(made).endswith("from 1 fact about a student: Age.")
    assert "It is not given Sex." in " ".join(limits(made))
    assert "This model was trained without Sex." in " ".join(exclusion(made).lead)


def test_a_model_that_may_be_nothing_says_so_first():
    """13.5."""
    assert summary(given())[1][0].startswith("The model estimates")
    made = replace(given(), metrics=METRICS | {"chance_p_value": 0.03})
    assert summary(made)[1][0] == (
        "This model may be nothing: 3 of 100 tables whose columns say nothing of the target look "
        "as predictable as this one."
    )
    # Few held-out students leave much open of a model whose columns are told from chance.
    assert summary(held_out(r2=figure(0.1, -0.1, 0.3)))[1][0].startswith("The model estimates")


def test_what_the_model_adds_to_its_best_column_and_to_ridge_is_told():
    """13.20."""
    assert added(given()) == []
    single = row("single_column", 0.7) | {"label": "Best single column: age"}
    board = [row("svr", 0.8), row("ridge", 0.795), single]
    made = replace(given(), metrics=METRICS | {"winner": "svr", "leaderboard": board})
    assert added(made) == [
        "On the training rows, each predicted without having been seen, its R² is 0.800, before it "
        "is corrected for having been chosen: 0.100 above that of the best single column, Age "
        "(0.700), and 0.005 above that of a ridge regression on the same columns (0.795), which "
        "may well be chance."
    ]


def test_the_error_stands_with_its_unit_interval_and_baseline():
    assert "4.0 points off on average (95\xa0% interval 3.6 to 4.4)." in said(given())
    assert "The model errs 50\xa0% less." in said(given())
    assert "explains 80\xa0%" in said(given())


def test_a_model_that_is_no_better_than_the_average_is_said_to_be_so():
    made = held_out(r2=figure(-0.1, -0.3, 0.05), rmse=figure(11, 10, 12))
    assert "no better than that" in said(made)
    assert "Of the differences between these students it explains none" in said(made)
    assert not [tile for tile in summary(made)[0] if "less error" in tile.meaning]


def test_a_score_that_may_be_chance_is_said_to_be_open():
    assert "leave open" in said(held_out(r2=figure(0.1, -0.05, 0.2)))
    assert "leave open" not in said(given())


def test_no_interval_is_claimed_where_there_is_none():
    made = held_out(r2=figure(0.8, 0.8, 0.8), mae=figure(4.0, 4.0, 4.0))
    assert "interval" not in said(made)
    assert certainty(made) == []


def test_errors_too_small_for_their_decimals_are_not_called_none():
    made = held_out(mae=figure(0.001, 0.001, 0.001), r2=figure(0.9999, 0.9998, 1.0))
    assert "were less than 0.1 points off" in said(made)
    assert "explains over 99\xa0%" in said(made)
    assert "R² over 0.999" in said(made)


# --- the models ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([row("ridge", 0.8)], {}, "nothing else that was tried is better"),
        ([row("ridge", 0.8), row("svr", -2.0)], {}, "nothing else that was tried is better"),
        ([row("ridge", 0.8), row("svr", 0.799)], {}, "0.001 less, which may well be chance."),
        ([row("ridge", 0.8), row("svr", 0.7)], {}, "Svr, reaches 0.100 less."),
        (
            [row("svr", 0.8012), row("ridge", 0.8)],
            {},
            "Svr reaches 0.001 more, too little to be "
            "worth its complexity, which may well be chance.",
        ),
        ([row("svr", 0.9), row("ridge", 0.8)], {"metric": "mae"}, "was chosen, by its MAE."),
    ],
)
def test_the_choice_is_explained(rows, options, expected):
    made = replace(
        given(run=replace(RUN, options=options)),
        metrics=METRICS | {"leaderboard": [*rows, row("dummy", -0.01)]},
    )
    section = leaderboard(made)
    assert expected in section.figures[0].caption
    assert section.tables[0].rows[section.tables[0].marked][0].text == "Ridge"
    assert "Svr −" not in section.figures[0].svg


@pytest.mark.parametrize(
    ("shares", "best", "expected"),
    [
        ((0.5, 0.5), 0.8012, "of 2 models was chosen: where several reach nearly the same, their "
         "mean is safer than the luckiest. Svr reaches 0.001 more, which may well be chance."),
        ((0.5, 0.5), 0.7, "than the luckiest. The next best, Svr, reaches 0.100 less."),
        ((0.3, 0.7), 0.7, "Blend was chosen. The next best, Svr, reaches 0.100 less."),
    ],
)  # fmt: skip
def test_an_average_is_not_called_simpler_than_its_members(shares, best, expected):
    blend = row("blend", 0.8) | {"params": dict(zip(("ridge", "svr"), shares, strict=True))}
    board = sorted([blend, row("svr", best)], key=lambda one: -one["r2"])
    metrics = METRICS | {"winner": "blend", "leaderboard": [*board, row("dummy", -0.01)]}
    assert expected in leaderboard(replace(given(run=RUN), metrics=metrics)).figures[0].caption


def test_families_that_were_not_tried_are_listed_by_reason():
    left_out = {
        "Support vector regression": "no room", "CatBoost, native categories": "no room",
        "k-nearest neighbours": "no weights",
    }  # fmt: skip
    notes = leaderboard(replace(given(), metrics=METRICS | {"left_out": left_out})).notes
    assert notes[1:] == [
        "Left out, no room: Support vector regression; CatBoost, native categories.",
        "Left out, no weights: k-nearest neighbours.",
    ]


def point(n_train: int, gain: Interval | None = None) -> facts.LearningPoint:
    return facts.LearningPoint(n_train, 0.7, 0.65, 0.75, 0.9, gain)


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (Interval(0.1, 0.02, 0.18), "it still rises, so more students would probably help."),
        (Interval(0.005, -0.005, 0.015), "more students of this kind would hardly help."),
        (Interval(-0.1, -0.15, -0.05), "more students did not help."),
        (Interval(0.04, -0.02, 0.1), "R² went from 0.700 to 0.700 (difference: 95\xa0% interval"),
    ],
)
def test_a_learning_curve_says_what_chance_does_not_explain(gain, expected):
    """13.18."""
    points = point(80), point(160, Interval(0.5, 0.4, 0.6)), point(320, gain)
    caption = learning_curve(given(learning_curve=points)).figures[0].caption
    assert expected in caption
    assert ("help" in caption) == ("help" in expected)
    assert learning_curve(given(learning_curve=points[:1])) is None


def test_a_learning_curve_says_which_sizes_are_missing():
    """T1."""
    points = point(80), point(160, Interval(0.5, 0.4, 0.6))
    section = learning_curve(given(learning_curve=points, too_few_to_learn_from=(16, 40)))
    assert "cannot learn from only 16 and 40 students" in section.figures[0].caption


# --- held-out rows -------------------------------------------------------------------------------


def told_at(unit: float) -> str:
    """Return what is said of the errors where a score of 100 is so many units."""
    noise = np.random.default_rng(0).normal(scale=5, size=100)
    y_pred = np.linspace(10, 90, 100) * unit
    y_true = y_pred + noise * unit
    target = NumericFeature(name="dose", observed_minimum=0, observed_maximum=100 * unit)
    held = facts.HeldOutPredictions(y_true, y_pred, y_pred, y_pred)
    figures = {
        key: figure(*(unit * one for one in ends))
        for key, ends in (("mae", (4.0, 3.6, 4.4)), ("rmse", (5.0, 4.5, 5.5)))
    }
    made = replace(
        held_out(**figures, baseline_rmse=10 * unit), schema=Schema((AGE,), target), held_out=held
    )
    shown = residuals(made), predictions(made)
    captions = [one.caption for section in shown for one in section.figures]
    return " ".join([said(made), *captions]).replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize(
    ("unit", "error", "average", "half"),
    [
        (1e-8, "4.0e-08 off on average (95 % interval 3.6e-08 to 4.4e-08)", "1.00e-07", "3.3e-08"),
        (1e-6, "0.0000040 off on average (95 % interval 0.0000036 to 0.0000044)", "0.0000100",
         "0.0000033"),
        (1.0, "4.0 off on average (95 % interval 3.6 to 4.4)", "10.0", "3.3"),
        (1e10, "4e+10 off on average (95 % interval 3.6e+10 to 4.4e+10)", "1e+11", "3.31e+10"),
    ],
)  # fmt: skip
def test_errors_in_tiny_and_huge_units_keep_two_digits(unit, error, average, half):
    """Issue 13."""
    told = told_at(unit)
    assert f"its estimates were {error}" in told
    assert f"comes to {average}." in told
    assert f"Half of the errors are smaller than {half}, 19 in 20 smaller than " in told


def test_errors_that_round_to_nothing_are_smaller_than_the_least_that_is_shown():
    y = np.linspace(10, 90, 100)
    off = y + 0.001 * np.random.default_rng(0).normal(size=100)
    made = given(held_out=facts.HeldOutPredictions(off, y, y, y))
    caption = residuals(made).figures[1].caption
    assert "smaller than 0.1 points, 19 in 20 smaller than 0.1 points." in caption
    assert "are within 0.1 points of the truth" in predictions(made).figures[0].caption


def test_fewer_than_ten_students_are_not_drawn():
    y = np.linspace(10, 90, 10)
    drawn, hidden = (given(held_out=facts.HeldOutPredictions(*[y[:n]] * 4)) for n in (10, 9))
    assert predictions(drawn)
    assert residuals(drawn)
    assert predictions(hidden) is None
    assert residuals(hidden) is None


@pytest.mark.parametrize(
    ("offset", "expected"),
    [(0.0, "is not told from chance"), (3.0, "3.0 points too little"),
     (-3.0, "3.0 points too much")],
)  # fmt: skip
def test_a_lean_to_one_side_is_told_from_chance(offset, expected):
    noise = np.random.default_rng(0).normal(size=100)
    y_pred = np.linspace(10, 90, 100)
    y_true = y_pred + noise - noise.mean() + offset
    section = residuals(given(held_out=facts.HeldOutPredictions(y_true, y_pred, y_pred, y_pred)))
    assert expected in section.figures[0].caption


@pytest.mark.parametrize(
    ("found", "p_value", "expected"),
    [
        (0.9, 1.0, "it is not off by more than chance"),
        (0.86, 0.06, "it is not off by more than chance"),
        (0.7, 0.001, "fewer than promised"),
        (1.0, 0.01, "more than promised"),
    ],
)
def test_ranges_are_held_to_their_promise(found, p_value, expected):
    figures = {"coverage": found, "mean_width": 18.0, "low": found - 0.05, "high": 1.0}
    rows = [{"level": 0.9, "p_value": p_value, **figures}]
    made = replace(given(), metrics=METRICS | {"coverage": rows})
    assert expected in coverage(made).figures[0].caption
    assert coverage(given()) is None


def test_of_too_few_clusters_no_promise_is_said_to_be_kept():
    figures = {"coverage": 0.9, "mean_width": 18.0, "low": 0.9, "high": 0.9}
    made = replace(given(), metrics=METRICS | {"coverage": [{"level": 0.9, **figures}]})
    caption = coverage(made).figures[0].caption
    assert "fewer than 10 clusters: nothing is told from chance" in caption
    assert "Lines" not in caption


def test_levels_at_which_the_ranges_hold_too_few_are_named():
    part = {"n_samples": 10, "low": 0.2, "high": 0.7}
    parts = [
        {"from": 10.0, "to": 20.0, "coverage": 0.4, "p_value": 0.001, **part},
        {"from": 20.0, "to": 30.0, "coverage": 0.7, "p_value": 0.04, **part},
        {"from": 30.0, "to": 40.0, "coverage": 1.0, "p_value": 0.001, **part},
    ]
    rows = [{"level": 0.9, "coverage": 0.7, "mean_width": 18.0, "low": 0.6, "high": 0.8}]
    made = replace(given(), metrics=METRICS | {"coverage": rows, "coverage_by_prediction": parts})
    (sentence,) = unreliable_parts(made)
    assert "predicts 10.0 to 20.0: there the 90" in sentence
    assert sentence in certainty(made)
    section = coverage(made)
    assert sentence in section.lead
    assert [row[0].text for row in section.tables[1].rows] == [
        "10.0 to 20.0", "20.0 to 30.0", "30.0 to 40.0",
    ]  # fmt: skip


# --- what the model relies on --------------------------------------------------------------------


RIDGE = facts.RefittedModel("Ridge regression", 0.7, 160)


def test_features_that_are_not_missed_are_named():
    rows = (
        facts.Importance("age", 3.0, Interval(0.4, 0.3, 0.5)),
        facts.Importance("sex", 0.1, Interval(0.001, -0.002, 0.004)),
        facts.Importance("lunch", 0.0),
    )
    section = importance(given(importance=rows, refitted=RIDGE))
    caption = section.figures[0].caption
    assert "Age is missed most: without it R² falls by 0.40." in caption
    assert "Without Sex it falls no more than by chance." in caption
    assert [cell.text for cell in section.tables[0].rows[0]][1:3] == ["0.300", "0.400"]
    assert section.tables[0].rows[2][1].text == "not measured"
    nothing = importance(given(importance=rows[1:], refitted=RIDGE)).figures[0].caption
    assert nothing.startswith("No feature is missed alone")


def test_features_that_are_missed_together_are_named():
    rows = tuple(
        facts.Importance(name, 3.0, Interval(0.001, -0.002, 0.004)) for name in ("age", "sex")
    )
    both = facts.JointImportance(("age", "sex"), Interval(0.3, 0.2, 0.4))
    lead = importance(given(importance=rows, refitted=replace(RIDGE, together=(both,)))).lead
    assert lead[1] == (
        "Age and Sex go together: neither is missed alone, but without both R² falls by 0.300 "
        "(95 % interval 0.200 to 0.400)."
    )
    missed = (replace(rows[0], r2_drop=Interval(0.02, 0.01, 0.03)), rows[1])
    lead = importance(given(importance=missed, refitted=replace(RIDGE, together=(both,)))).lead
    assert "without any one of them R² falls by 0.020 at most, but without both" in lead[1]
    little = replace(both, r2_drop=Interval(0.003, 0.001, 0.005))  # no more than the two alone
    lead = importance(given(importance=missed, refitted=replace(RIDGE, together=(little,)))).lead
    assert len(lead) == 1


@pytest.mark.parametrize(
    ("at", "mean", "expected"),
    [
        ((15.0, 16.0, 18.0), (40.0, 50.0, 60.0), "From 15 to 18 it rises from 40.0 to 60.0 points"),
        ((15.0, 16.0, 18.0), (60.0, 50.0, 40.0), "From 15 to 18 it falls from 60.0 to 40.0 points"),
        ((15.0, 16.0, 18.0), (40.0, 60.0, 50.0), "up and down between 40.0 and 60.0: 20.0 points"),
        ((15.0, 16.0), (40.0, 40.1), "hardly moves the prediction: by 0.1 points at most"),
        ((15.0,), (40.0,), "one value only"),
        (("f", None), (40.0, 50.0), "Lowest for f (40.0), highest for missing (50.0)"),
    ],
)
def test_a_curve_is_put_into_words(at, mean, expected):
    made = given(partial_dependence=(facts.PartialDependence("age", at, mean),))
    assert expected in dependence(made).figures[0].caption


def test_the_twelve_most_important_curves_are_drawn_and_the_others_told():
    features = [replace(AGE, name=f"x{i}", label="") for i in range(15)]
    made = given(
        *features,
        importance=tuple(facts.Importance(f"x{i}", i / 100) for i in range(15)),
        partial_dependence=tuple(
            facts.PartialDependence(f"x{i}", (0.0, 1.0), (40.0, 60.0)) for i in range(15)
        ),
    )
    section = dependence(made)
    assert [one.title for one in section.figures] == [f"x{i}" for i in range(14, 2, -1)]
    assert [cells[0].text for cells in section.tables[0].rows] == ["x2", "x1", "x0"]
    assert section.tables[0].folded


# --- groups --------------------------------------------------------------------------------------


def group(label: str, error: float, p: float = 0.5) -> facts.GroupErrors:
    around = Interval(error, error - 1, error + 1)
    return facts.GroupErrors(label, 40, around, Interval(4, 3, 5), Interval(5, 4, 6), {},
                             {"mean_error": p})  # fmt: skip


FINDING = facts.FairnessFinding("equal_errors", {"n_rows": 200})


def compared(*groupings: facts.Grouping) -> facts.ReportFacts:
    return given(fairness=facts.Fairness(groupings, (FINDING,), 200, 10))


def test_groups_are_named_without_their_feature_and_the_outstanding_one_is_marked():
    groups = group("Sex = f", -2.0, p=0.01), group("Sex = m", 0.5)
    section = fairness(compared(facts.Grouping(("sex",), groups, ("Sex missing",))))
    caption = section.figures[0].caption
    assert caption.startswith("Farthest apart, by 2.5 points, are f (−2.0) and m (+0.5).")
    assert "Orange" in caption
    assert "s-second" in section.figures[0].svg
    assert [cells[0].text for cells in section.tables[0].rows] == ["f", "m", "missing"]
    assert [cells[1].text for cells in section.tables[0].rows] == ["40", "40", "withheld"]
    assert section.points == (sentence(FINDING, Measure.of(MARK)),)


def test_nothing_is_marked_where_no_group_stands_out():
    groups = group("Sex = f", -2.0), group("Sex = m", 0.5)
    section = fairness(compared(facts.Grouping(("sex",), groups)))
    assert "Orange" not in section.figures[0].caption
    assert "second" not in section.figures[0].svg


def test_groups_that_are_all_withheld_have_a_table_and_no_plot():
    section = fairness(compared(facts.Grouping(("sex",), (), ("Sex = f", "Sex = m"))))
    assert section.figures == []
    assert len(section.tables[0].rows) == 2


def test_a_pair_that_was_crossed_has_a_table_and_no_plot():
    groups = group("Sex = f", -2.0), group("Sex = m", 0.5)
    pair = facts.Grouping(("age", "sex"), (group("g", 5.0, p=0.001),))
    section = fairness(compared(facts.Grouping(("sex",), groups), pair))
    assert [table.caption for table in section.tables] == ["Errors by Sex", "Errors by Age and Sex"]
    assert [figure.title for figure in section.figures] == ["Sex"]


# --- the pass mark -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("brier", "expected"),
    [(0.1, "which is worse"), (0.3, "no better than that"), (0.17, "not told from chance")],
)
def test_probabilities_are_compared_with_the_same_for_everyone(brier, expected):
    bins = (ReliabilityBin(0.0, 0.5, 100, 0.3, Interval(0.32, 0.2, 0.4)),
            ReliabilityBin(0.5, 1.0, 100, 0.6, Interval(0.8, 0.7, 0.9)))  # fmt: skip
    gain = Interval(0.2 - brier, *(0.2 - brier + end for end in (-0.06, 0.06)))
    mark = facts.PassMark(50.0, 200, 60, Interval(brier, 0.05, 0.4), 0.2, gain, bins)
    section = pass_mark(given(pass_mark=mark))
    assert expected in section.lead[1]
    assert "In 1 of 2 groups" in section.figures[0].caption
    assert pass_mark(given(pass_mark=replace(mark, bins=()))).figures == []


def test_how_few_are_below_the_mark_is_not_told():
    assert pass_mark(given()) is None
    made = replace(given(), metrics=METRICS | {"pass_mark": {"mark": 12.0}})
    section = pass_mark(made)
    assert section.title == "Below the pass mark of 12 points"
    assert section.lead[0].startswith("Fewer than 10 students not seen before are below it, or")


def test_of_too_few_clusters_no_group_is_said_to_lie_within_chance():
    bins = (ReliabilityBin(0.0, 0.5, 100, 0.3, Interval(0.6, 0.6, 0.6)),)
    gain = Interval(0.1, 0.1, 0.1)
    mark = facts.PassMark(50.0, 200, 60, Interval(0.1, 0.1, 0.1), 0.2, gain, bins)
    section = pass_mark(given(pass_mark=mark))
    assert "fewer than 10 clusters" in section.figures[0].caption
    assert "not told from chance" in section.lead[1]


# --- the limits ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (given(AGE), "No column is marked as sensitive"),
        (given(), "It uses Sex, marked as sensitive"),
        (given(), "Outside what it saw it guesses: Age 15 to 18."),
        (held_out(n_samples=20), "Only 20 students"),
        (given(run=replace(RUN, rows=RUN.rows | {"train": 80})), "chosen on 80 students"),
        (given(run=replace(RUN, options={})), "drawn at random"),
    ],
)
def test_limits_follow_from_the_facts(made, expected):
    assert expected in " ".join(limits(made))


@pytest.mark.parametrize(("budget", "bounded"), [(30.0, True), ("standard", False)])
def test_the_card_says_where_a_search_was_bounded_by_the_clock(budget, bounded):
    parts = card(given(run=replace(RUN, options={"budget": budget})))
    assert any("bounded by the clock" in " ".join(part.sentences) for part in parts) == bounded


@pytest.mark.parametrize("unsaid", ["drawn at random", "Only", "few"])
def test_limits_that_do_not_hold_are_not_named(unsaid):
    assert unsaid not in " ".join(limits(given(run=RUN)))


@pytest.mark.parametrize(
    ("gain", "expected"),
    [
        (Interval(0.05, 0.02, 0.08), "its log loss is 0.050 less (difference: "),
        (Interval(-0.05, -0.08, -0.02), "its log loss is 0.050 more (difference: "),
        (Interval(0.01, -0.02, 0.04), "its log loss is as good, as far as chance lets one see"),
        (Interval(0.06, 0.06, 0.06), "fewer than 10 clusters: which of the two has the lower"),
    ],
)
def test_a_model_of_the_outcome_is_compared_with_the_number(gain, expected):
    mark = facts.PassMark(50.0, 200, 60, Interval(0.1, 0.08, 0.12), 0.21, gain, ())
    way = facts.WayScores(*[Interval(0.3, 0.2, 0.4)] * 3)
    section = pass_mark(
        given(pass_mark=mark, both_ways=facts.BothWays("CatBoost", 200, way, way, gain))
    )
    assert expected in section.lead[-1]
    assert [line[0].text for line in section.tables[-1].rows] == ["Log loss", "Brier score", "AUC"]
