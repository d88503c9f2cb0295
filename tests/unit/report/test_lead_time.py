from __future__ import annotations

from dataclasses import replace

from src.report.lead_time import (
    baselines_table,
    lists_table,
    notes,
    sections,
    stages_table,
    summary,
    tiles,
)
from src.report.lead_time_facts import LeadTimeFacts, ListHits, Listing, Ranking, StageScores
from src.stats.intervals import Interval


def at(value: float, half: float = 0.02) -> Interval:
    return Interval(value, value - half, value + half)


def ranking(source, found: float | None, auc: float, **more: Interval) -> Ranking:
    hits = None if found is None else ListHits(at(found, 6), at(found / 100), at(found / 68))
    score = at(0.4) if source == "model" else None
    return Ranking(source, {"number": "Quiz"}.get(source, "Ridge"), score, at(auc), hits, **more)


def stage(name: str, found: float | None, auc: float, **gains: Interval) -> StageScores:
    grade = ranking("number", 38, 0.7, ahead=at(auc - 0.7), more_found=at(3, 5))
    school = ranking("group", None, 0.6, ahead=at(auc - 0.6))
    return StageScores(
        name, (f"of {name}",), 3, ranking("model", found, auc), (grade, school), **gains
    )


FACTS = LeadTimeFacts(
    target="Mark",
    metric="R²",
    n_train=900,
    n_test=430,
    stages=(
        stage("day 30", 41, 0.71),
        stage("day 60", 55, 0.8, gain=at(0.1), auc_gain=at(0.09), found_gain=at(14, 5)),
        stage("day 90", None, 0.81, gain=at(0.0), auc_gain=at(0.01)),
    ),
    listing=Listing("a score below 50", n_event=68, n_listed=100, asked=True),
    group="school",
    n_groups=12,
)  # fmt: skip


def test_what_the_list_holds_is_one_sentence_and_what_is_withheld_is_not_in_it() -> None:
    first, *_ = summary(FACTS)
    assert first.replace("\xa0", " ") == (
        "By day 30 the list of 100 holds 41 of the 68 who have a score below 50; by day 60, 55 "
        "(+14, 95 % interval +9 to +19)."
    )


def test_a_gain_that_chance_explains_is_not_called_one() -> None:
    _, shown, not_shown, grade, school = summary(FACTS)
    assert shown.startswith("More is known by day 60 than by day 30: the AUC changes by +0.090")
    assert not_shown.startswith("Whether more is known by day 90 than by day 60 is not shown")
    assert grade.startswith("The model is better than ranking by Quiz alone, on the same students")
    assert "the school's average" in school


def test_log_loss_that_falls_is_more_known() -> None:
    plain = replace(FACTS, listing=None, metric="log loss")
    shown = summary(plain)[0].replace("\xa0", " ")
    assert shown == (
        "More is known by day 60 than by day 30: the log loss changes by −0.100, 95 % interval "
        "−0.120 to −0.080."
    )


def test_the_tables_hold_every_stage_with_every_ranking() -> None:
    assert [row[0].text for row in stages_table(FACTS).rows] == ["day 30", "day 60", "day 90"]
    rows = lists_table(FACTS, FACTS.listing).rows
    assert [row[1].text for row in rows[:3]] == ["The model", "Quiz alone", "The school's average"]
    assert [cell.text for cell in rows[0][2:4]] == ["0.710", "41"]
    assert [cell.text for cell in rows[2][2:]] == ["0.600", "–", "–", "–"]
    assert len(baselines_table(FACTS).rows) == 6
    for table in (stages_table(FACTS), lists_table(FACTS, FACTS.listing), baselines_table(FACTS)):
        assert {len(row) for row in table.rows} == {len(table.header)}


def test_how_many_places_the_list_has_and_what_is_missing_is_said() -> None:
    told = " ".join(notes(FACTS)).replace("\xa0", " ")
    assert "The list has 100 places for the 430 held-out students (23 % of them), as --cap" in told
    assert "withheld where it would tell of fewer than ten" in told
    assert "Groups are held out whole (school) and have no average yet" in told
    known = " ".join(notes(replace(FACTS, known_groups=True)))
    assert "students are of known groups (school): a group's average is" in known
    alone = " ".join(notes(replace(FACTS, group="", skipped=("day 5",))))
    assert "needs to know the schools: --group COLUMN" in alone
    assert "Nothing more becomes known by day 5." in alone


def test_the_page_shows_tiles_and_two_figures_that_say_what_they_show() -> None:
    assert [(one.value, one.meaning) for one in tiles(FACTS)][:2] == [
        ("0.710", "by day 30"),
        ("0.800", "by day 60"),
    ]
    figures = [figure for section in sections(FACTS) for figure in section.figures]
    assert len(figures) == 2
    assert 'aria-label="AUC by stage: by day 30 0.710; by day 60 0.800' in figures[0].svg
    assert "the list holds by day 30 41; by day 60 55." in figures[1].svg
