"""What came true, in figures that single nobody out."""

from __future__ import annotations

import json
import tracemalloc

import pytest

from src.records.cases import read_cases
from src.records.database import migrate, open_engine
from src.records.report import describe, latest, make_report
from src.records.terms import Terms
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.web.records.view import describe_report
from tests.records.test_outcomes import TARGET
from tests.records.worlds import a_prediction, a_school, an_outcome_row, come_true, put

SCHEMA = Schema(features=(TARGET,), target=TARGET)
TERMS = Terms("02-01, 08-01")


def test_figures_by_term_and_class_have_intervals_over_classes(engine):
    a_school(engine)
    found = make_report(engine, SCHEMA, TERMS)
    figures = found["figures"]
    assert (figures["n"], figures["clusters"]) == (180, "groups")
    for name in ("mean_error", "mae", "rmse", "coverage"):
        one = figures[name]
        assert one["low"] < one["value"] < one["high"]
    assert figures["mean_error"]["low"] < 0 < figures["mean_error"]["high"]
    assert 0.8 < figures["coverage"]["value"] < 0.98
    assert [row["name"] for row in found["by_term"]] == ["2026-08-01"]
    assert len(found["by_group"]) == 12
    assert [part["n"] for part in found["parts"]] == sorted(
        (part["n"] for part in found["parts"]), reverse=True
    )
    with engine.connect() as connection:
        assert latest(connection) == json.loads(json.dumps(found))


def test_pupils_of_a_class_count_as_alike_so_that_intervals_are_wider(make_url):
    engine = open_engine(make_url("sqlite"))
    migrate(engine)
    rows = []
    values = {}
    for group in range(20):
        for pupil in range(10):
            row = a_prediction(f"{group}-{pupil}", group_name=f"class {group}")
            rows.append(row)
            values[row["id"]] = str(60 + (8 if group % 2 else -8))
    put(engine, rows)
    come_true(engine, values)
    clustered = make_report(engine, SCHEMA, TERMS)["figures"]["mean_error"]
    engine.dispose()
    # 200 independent pupils would give 8 * 1.97 / sqrt(199); 20 classes give 8 * 2.09 / sqrt(19).
    assert clustered["high"] == pytest.approx(8 * 2.093 / 19**0.5, rel=0.01)


def test_a_pupil_counts_once_a_term_by_the_last_prediction(engine):
    first, last = put(engine, [a_prediction("1", number=10.0, made_at_ms=1), a_prediction("1")])
    others = put(engine, [a_prediction(str(i)) for i in range(2, 12)])
    come_true(engine, dict.fromkeys([first, last, *others], "60"))
    found = make_report(engine, SCHEMA, TERMS)
    assert (found["n_cases"], found["n_known"]) == (11, 11)
    assert found["figures"]["mae"]["value"] == 0.0


def test_each_of_two_groups_with_half_of_what_is_missing_may_be_named_and_the_first_is(engine):
    known = put(engine, [a_prediction(f"k{i}", group_name="9a") for i in range(20)])
    for at, group in enumerate(("9z", "9b")):
        put(
            engine,
            [a_prediction(f"{group}{i}", group_name=group, made_at_ms=at) for i in range(10)],
        )
    come_true(engine, dict.fromkeys(known, "60"))
    assert make_report(engine, SCHEMA, TERMS)["missing"]["mostly_of"] == "9z"


def test_a_report_keeps_so_few_bytes_of_a_prediction_that_a_million_fit(make_url):
    """Rows as texts and tuples took a kilobyte each."""
    engine = open_engine(make_url("sqlite"))
    migrate(engine)
    rows = [a_prediction(str(i), group_name=f"school {i % 50}") for i in range(20_000)]
    come_true(engine, dict.fromkeys(put(engine, rows), "60"))
    n_rows = len(rows)
    del rows
    make_report(engine, SCHEMA, TERMS)  # what is imported counts for nothing
    tracemalloc.start()
    with engine.connect() as connection:
        cases = read_cases(connection, TARGET, TERMS)
        held = tracemalloc.get_traced_memory()[0]
        assert describe(cases, SCHEMA)["n_known"] == n_rows
        peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    engine.dispose()
    assert held / n_rows < 100
    assert (peak - 8e6) / n_rows < 400  # a piece of rows, as SQLAlchemy reads them, takes 8 MB


def test_what_is_missing_is_said_in_words_with_the_class_where_most_are(engine):
    known = put(engine, [a_prediction(f"a{i}", group_name="9a") for i in range(69)])
    put(engine, [a_prediction(f"c{i}", group_name="9c") for i in range(31)])
    come_true(engine, dict.fromkeys(known, "60"))
    missing = make_report(engine, SCHEMA, TERMS)["missing"]
    assert missing["sentence"].replace("\xa0", " ") == (
        "31 % are missing, mostly of 9c: what is here may flatter."
    )


def test_small_classes_get_no_figures_nor_what_theirs_would_follow_from(engine):
    sizes = {"9a": 30, "9b": 12, "9c": 4}
    names = put(
        engine,
        [a_prediction(f"{g}{i}", group_name=g) for g, n in sizes.items() for i in range(n)],
    )
    come_true(engine, dict.fromkeys(names, "60"))
    by_group = make_report(engine, SCHEMA, TERMS)["by_group"]
    assert {row["name"]: row["figures"] is None for row in by_group} == {
        "9a": False, "9b": True, "9c": True,
    }  # fmt: skip


def test_fewer_than_ten_outcomes_give_no_figure_at_all(engine):
    names = put(engine, [a_prediction(str(i)) for i in range(9)])
    come_true(engine, dict.fromkeys(names, "60"))
    found = make_report(engine, SCHEMA, TERMS)
    assert found["figures"] is None
    assert found["sentence"] == "Outcomes of 9 are known. There are figures from 10 on."


def test_the_list_says_how_many_it_caught(engine):
    rows = [a_prediction(str(i), at_risk=0.9 if i < 20 else 0.1) for i in range(100)]
    names = put(engine, rows)
    # 15 of the 20 with the largest chance scored below the mark of 50, and 5 of the others.
    come_true(engine, {n: "40" if i < 15 or i >= 95 else "60" for i, n in enumerate(names)})
    listed = make_report(engine, SCHEMA, TERMS)["list"]
    (fifth,) = [one for one in listed["lists"] if one["share"] == 0.2]
    assert fifth == {"share": 0.2, "k": 20, "hits": 15, "caught": 0.75}
    assert listed["n_happened"] == 20


def test_outcomes_have_their_share_right_their_sets_and_their_calibration(engine):
    target = ClassTarget(name="result", categories=("Fail", "Pass"), at_risk=("Fail",))
    rows = [
        an_outcome_row("Fail" if i < 40 else "Pass", 0.75 if i < 40 else 0.25, str(i), f"9{i % 2}")
        for i in range(80)
    ]
    names = put(engine, rows)
    # Of each forty, ten end otherwise than was predicted.
    true = ["Pass" if i % 4 == 0 else "Fail" for i in range(40)]
    true += ["Fail" if i % 4 == 0 else "Pass" for i in range(40)]
    come_true(engine, dict(zip(names, true, strict=True)))
    found = make_report(engine, Schema(features=(TARGET,), target=target), TERMS)
    assert found["figures"]["accuracy"]["value"] == 0.75
    assert found["figures"]["coverage"]["value"] == 0.75
    assert found["figures"]["mean_error"]["value"] == 0.0
    assert found["parts"][0]["predicted"] == 0.25
    assert found["list"]["event"] == "Ended with Fail"


def test_a_class_that_is_nearly_a_term_is_not_shown_beside_it(make_url):
    """The term less the class would be the figures of three pupils."""
    engine = open_engine(make_url("sqlite"))
    migrate(engine)
    rows = [a_prediction(f"a{i}", "2026-03-01", group_name="9a") for i in range(40)]
    rows += [a_prediction(f"b{i}", "2026-03-01", group_name="9b") for i in range(3)]
    rows += [a_prediction(f"c{i}", "2026-09-15", group_name="9b") for i in range(30)]
    come_true(engine, dict.fromkeys(put(engine, rows), "60"))
    found = make_report(engine, SCHEMA, TERMS)
    engine.dispose()
    shown = {
        row["name"]: row["figures"]["n"]
        for row in found["by_term"] + found["by_group"]
        if row["figures"]
    }
    assert 0 < len(shown) < 4
    assert not {43, 40} <= set(shown.values())
    assert not {33, 30} <= set(shown.values())


def test_a_group_shows_no_figure_of_some_of_its_pupils_alone(make_url):
    engine = open_engine(make_url("sqlite"))
    migrate(engine)
    rows = [
        a_prediction(f"{group}{i}", group_name=group, low=None if i < bare else 45.0)
        for group, bare in (("9a", 2), ("9b", 0))
        for i in range(30)
    ]
    come_true(engine, dict.fromkeys(put(engine, rows), "60"))
    found = make_report(engine, SCHEMA, TERMS)
    engine.dispose()
    assert "coverage" in found["figures"]
    assert ["coverage" in row["figures"] for row in found["by_group"]] == [False, False]


def test_where_a_pupil_has_no_range_the_page_tells_none_of_terms_and_classes(engine):
    a_school(engine)
    whole = describe_report(make_report(engine, SCHEMA, TERMS), SCHEMA)
    (name,) = put(engine, [a_prediction("far", low=None, high=None, group_name="class 0")])
    come_true(engine, {name: "60"})
    view = describe_report(make_report(engine, SCHEMA, TERMS), SCHEMA)
    for found, n_columns in ((whole, 4), (view, 3)):
        for table in (found.terms, found.groups):
            assert len(table.header) == n_columns
            assert {len(row) for row in table.rows} == {n_columns}
    assert [row[1] for row in whole.terms.rows] != [row[2] for row in whole.terms.rows]
