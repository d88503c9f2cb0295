"""What is said of groups such as schools: both scores always, effects with what they are not."""

from __future__ import annotations

import random
from dataclasses import asdict, replace

import pytest

from src.components.model_report import ModelReport
from src.report.facts import (
    Fairness,
    FairnessFinding,
    GroupErrors,
    GroupFairness,
    Grouping,
    ReportFacts,
)
from src.report.group_effects import effects_section, group_fairness
from src.report.group_facts import KNOWN, NEW, GroupEffect, GroupScore, GroupsFacts, RangeShare
from src.report.group_scores import score_sentences, scores_section, scores_table
from src.report.overview import summary
from src.report.saved_metrics import check_metrics
from src.schema.features import CategoricalFeature, GroupFeature, NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval

SCHEMA = Schema(
    (CategoricalFeature(name="lunch", categories=("free", "paid"), sensitive=True),),
    NumericFeature(name="mark", unit="points", observed_minimum=0, observed_maximum=100),
    group=GroupFeature(name="school_id", label="School ID"),
)


def around(value: float, half: float = 0.05) -> Interval:
    return Interval(value, value - half, value + half)


def score(case: str, n_groups: int, r2: Interval, mae: Interval, **more: object) -> GroupScore:
    scores = {"r2": r2, "rmse": around(8.0, 0.5), "mae": mae}
    share = RangeShare(0.91, 0.86, 0.95, 0.4)
    held_out = {"held_out": True, "share_in_range": share} | more
    return GroupScore(case=case, n_samples=300, n_groups=n_groups, scores=scores, **held_out)


def groups(n_effects: int = 20, *, named: bool = False, **more: object) -> GroupsFacts:
    rng = random.Random(0)
    effects = sorted(rng.gauss(0, 3) for _ in range(n_effects))
    found = GroupsFacts(
        column="school_id",
        first=NEW,
        scores=(
            score(NEW, 8, Interval(0.3, 0.3, 0.3), Interval(6.5, 6.5, 6.5)),
            score(KNOWN, 32, around(0.5), around(6.1, 0.4)),
        ),
        n_groups=n_effects + 3,
        n_with_effect=n_effects,
        between=3.0,
        within=8.0,
        effects=tuple(
            GroupEffect(one, one - 2, one + 2, 40, f"Hill {i}" if named else "")
            for i, one in enumerate(effects)
        ),
    )
    return replace(found, **more)


def facts(known: GroupsFacts) -> ReportFacts:
    def interval(value: float) -> dict[str, float]:
        return asdict(around(value))

    row = {"name": "ridge", "label": "Ridge", "r2": 0.3, "rmse": 8.0, "mae": 6.5, "n_trials": 1,
           "params": {}, "behind": None}  # fmt: skip
    metrics = {
        "target": "mark", "unit": "points", "winner": "ridge", "model": "Ridge",
        "held_out": {"n_samples": 300, "n_clusters": 8, "r2": interval(0.3),
                     "rmse": interval(8.0), "mae": interval(6.5), "baseline_rmse": 11.0},
        "leaderboard": [row], "groups": asdict(known),
    }  # fmt: skip
    check_metrics(metrics)
    return ReportFacts(SCHEMA, metrics)


def test_both_scores_are_told_with_how_many_they_rest_on() -> None:
    new, known = score_sentences(groups(), SCHEMA)
    assert new.startswith("New schools: R² 0.300")
    assert "300 students of 8 schools" in new
    assert "no intervals, since there are fewer than 10 schools" in new
    assert known.startswith("New students of known schools: R² 0.500 (95\xa0% interval 0.450 to")
    assert "of 32 schools" in known
    table = scores_table(groups(), SCHEMA)
    assert table.header == ("Measure", "New schools", "New students of known schools")
    cells = {row[0].text: [cell.text for cell in row[1:]] for row in table.rows}
    assert cells["R²"] == ["0.300", "0.500"]
    few = score(NEW, 5, around(0.3), around(6.5), share_in_range=RangeShare(0.92, 0.92, 0.92, 0.4))
    (held,) = [row for row in scores_table(groups(scores=(few,)), SCHEMA).rows if "set" in
               row[0].text or "range" in row[0].text]  # fmt: skip
    assert held[1].detail == ""
    assert cells["Schools"] == ["8", "32"]


def test_scores_of_cross_validation_are_called_so_and_held_out_rows_are_of_known_schools() -> None:
    new, known = groups().scores
    of_folds = tuple(replace(one, held_out=False, share_in_range=None) for one in (new, known))
    found = groups(scores=of_folds)
    assert "Both are from cross-validation" in score_sentences(found, SCHEMA)[-1]
    _, paragraphs = summary(facts(found))
    assert any("(new students of known schools)" in one for one in paragraphs)


def test_first_lines_page_and_card_tell_both_scores() -> None:
    tiles, paragraphs = summary(facts(groups()))
    assert [tile.value for tile in tiles[:4]] == ["6.5", "0.300", "6.1", "0.500"]
    assert any("New students of known schools: R² 0.500" in one for one in paragraphs)
    rendered = ModelReport().run(facts(groups()))
    for content in (rendered.html.decode(), rendered.model_card.decode()):
        assert "New students of known schools" in content
        assert "not the quality of a school" in content


@pytest.mark.parametrize(("n_effects", "named"), [(20, True), (20, False), (400, False)])
def test_effects_are_drawn_and_named_only_where_published(n_effects: int, named: bool) -> None:
    section = effects_section(facts(groups(n_effects, named=named)))
    assert section is not None
    svg, table = section.figures[0].svg, section.tables[0]
    assert ("Hill" in svg) == named
    assert ("Hill" in table.rows[0][0].text) == named
    assert table.rows[0][2].text == ("40" if named else "about 40")
    assert len(table.rows) <= 60
    assert len(svg) < 200_000
    said = " ".join(section.lead)
    assert "12\xa0% lies between schools" in said  # 9 of 73
    assert "3 with fewer than 10 students have none" in said


def test_no_plot_is_made_of_effects_that_are_all_nothing() -> None:
    section = effects_section(facts(groups(between=0.0)))
    assert section is not None
    assert not section.figures
    assert "every effect is 0" in " ".join(section.lead)
    assert "less these effects" not in " ".join(section.lead)


def test_a_model_without_groups_has_none_of_it() -> None:
    plain = replace(facts(groups()), metrics=facts(groups()).metrics | {"groups": None})
    assert scores_section(plain) is None
    assert effects_section(plain) is None
    assert group_fairness(plain) is None
    assert "it had not seen, its" in summary(plain)[1][1]


def test_runs_that_learnt_less_than_the_target_are_still_read() -> None:
    assert effects_section(facts(groups(learns_less=True))) is not None


def test_fairness_is_told_without_the_effect_and_with_it() -> None:
    def fairness(free: float, paid: float) -> Fairness:
        errors = tuple(
            GroupErrors(f"Lunch = {name}", 100, around(error), around(5.0), around(6.0))
            for name, error in (("free", free), ("paid", paid))
        )
        grouping = Grouping(("lunch",), errors, ("Lunch missing",))
        return Fairness((grouping,), (FairnessFinding("equal_errors", {"n_rows": 200}),), 200, 10)

    both = GroupFairness(fairness(-3.0, 2.0), fairness(-1.0, 0.5))
    section = group_fairness(replace(facts(groups()), group_fairness=both))
    assert section is not None
    said = " ".join(section.points)
    assert "lie 5.0 points apart without the school's effect, 1.5 points with it" in said
    rows = [[cell.text for cell in row] for row in section.tables[0].rows]
    assert rows[0][2:4] == ["−3.0", "−1.0"]
    assert rows[-1][1] == "withheld"
