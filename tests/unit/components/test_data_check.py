from __future__ import annotations

import io
import random
from collections.abc import Sequence

import pytest

from src.components.data_check import CheckedTable, DataCheck, DataCheckConfig
from src.report.table_findings import as_dict, message
from src.schema.findings import NOTE, STOP, WARNING, Finding
from src.schema.hints import ColumnHints, Hints
from src.schema.inference import infer_schema
from src.tables.cells import match_key
from src.tables.layout import Table
from src.tables.reader import read_table
from tests.planted_faults import as_table, clean_tables, plant


def check(table: Table, target: str, **options: object) -> CheckedTable:
    return DataCheck(DataCheckConfig(target, **options)).run(table)


def test_every_column_of_a_clean_table_is_used() -> None:
    for columns, target in clean_tables(0):
        checked = check(as_table(columns), target)
        assert {use.name for use in checked.columns if use.use != "left out"} == set(columns)


def hints(**columns: dict[str, object]) -> Hints:
    said = {match_key(name): ColumnHints(**what) for name, what in columns.items()}
    return Hints(columns=said)


def marks(**more: list[str]) -> dict[str, list[str]]:
    return clean_tables(0)[0][0] | more


def kinds(checked: CheckedTable) -> set[tuple[str, str]]:
    return {(f.severity, f.kind) for f in checked.findings}


def one(checked: CheckedTable, kind: str) -> Finding:
    (finding,) = (f for f in checked.findings if f.kind == kind)
    return finding


# --- what a person may answer --------------------------------------------------------------------


def test_a_column_that_is_kept_is_a_feature_whatever_it_looks_like() -> None:
    table = as_table(marks(name=[f"P{i}" for i in range(300)]))
    assert check(table, "final").left_out == {"name": "identifier"}
    assert check(table, "final", keep=("Name",)).left_out == {}


KEYS = random.Random(1).sample(range(1000, 9000), 300)


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([f"S{i}" for i in range(300)], "identifier"),
        ([*(f"S{i}" for i in range(298)), "", ""], "identifier"),
        (range(1, 301), "identifier"),
        (range(300, 0, -1), "identifier"),
        (KEYS, "identifier"),
        ([f"{key}.0" for key in KEYS], "identifier"),
        ([*KEYS[:-3], "", "NA", ""], "identifier"),
        ([f"2024-01-{1 + i % 9:02}" for i in range(300)], "date"),
        ([f"{1 + i % 9}.{1 + i % 5}.2011" for i in range(300)], "date"),
        ([f"{1 + i % 9}/{1 + i % 5}/11" for i in range(300)], "date"),
        (["2024-01-15 08:30", "2024-01-15T09:00:00"] * 150, "date"),
    ],
)
def test_a_key_or_a_date_is_left_out(cells: Sequence[object], why: str) -> None:
    """R2b."""
    table = as_table(marks(extra=list(map(str, cells))))
    assert check(table, "final").left_out == {"extra": why}
    assert check(table, "final", hints=hints(extra={"label": "Extra"})).left_out == {}


@pytest.mark.parametrize("sign", [1, -1])
def test_a_measurement_that_never_repeats_is_kept(sign: int) -> None:
    """R2b."""
    cells = [sign * (1000 * int(mark) + i) for i, mark in enumerate(marks()["final"])]
    fractions = [i + 0.5 for i in range(300)]
    table = as_table(marks(extra=list(map(str, cells)), half=list(map(str, fractions))))
    assert check(table, "final").left_out == {}


def test_a_leak_is_let_through_where_it_is_known_before() -> None:
    table = as_table(marks())
    doubled = [str(2 * int(cell)) for cell in table.column(5)]
    table = as_table(marks(double=doubled))
    assert not check(table, "final").ok
    assert check(table, "final", keep=("double",)).ok
    assert check(table, "final", drop=("double",)).ok
    assert check(table, "final", hints=hints(double={"known_before": True})).ok


def test_an_exact_copy_of_the_target_is_left_out_with_a_warning() -> None:
    table = as_table(marks(again=marks()["final"]))
    checked = check(table, "final")
    assert (one(checked, "leak").severity, checked.left_out) == (WARNING, {"again": "leak"})


def course_with_tests() -> dict[str, list[str]]:
    """Return two tests that go with the final mark, the second closely, and what does not."""
    dice = random.Random(0)
    final = [dice.gauss(50, 10) for _ in range(400)]
    columns = {
        "first": [mark + dice.gauss(0, 7) for mark in final],
        "second": [mark + dice.gauss(0, 4) for mark in final],
        "noise": [dice.gauss(0, 1) for _ in final],
        "final": final,
    }
    return {name: [f"{value:.1f}" for value in values] for name, values in columns.items()}


def test_a_strong_column_is_compared_with_the_others_and_left_out_on_a_condition() -> None:
    checked = check(as_table(course_with_tests()), "final")
    told = {
        f.columns[0]: as_dict(f, private=False) for f in checked.findings if f.variant == "strong"
    }
    assert told["second"]["message"] == (
        "Column second alone reaches R² 0.86 in a quick linear model; the other columns together "
        "reach 0.70. That is right where it is known before the target is."
    )
    assert told["second"]["advice"] == "If it is known only afterwards, leave it out."
    assert told["second"]["options"] == ["--drop second"]


def test_a_strong_column_is_compared_with_nothing_that_gives_the_target_away() -> None:
    doubled = {"double": [str(2 * float(cell)) for cell in course_with_tests()["final"]]}
    checked = check(as_table(course_with_tests() | doubled), "final")
    (second,) = (f for f in checked.findings if (f.columns, f.variant) == (("second",), "strong"))
    assert "the other columns" not in as_dict(second, private=False)["message"]


def test_columns_that_say_the_same_in_every_row_are_named_together() -> None:
    columns = marks()
    again = [f"{float(cell):.1f}" for cell in columns["previous"]]
    sex = ["f" if i % 3 else "m" for i in range(300)]
    word = ["girl" if i % 3 else "boy" for i in range(300)]
    checked = check(as_table(columns | {"again": again, "sex": sex, "girl_or_boy": word}), "final")
    found = [f for f in checked.findings if f.kind == "same_columns"]
    assert [(f.severity, f.columns) for f in found] == [
        (NOTE, ("previous", "again")), (NOTE, ("sex", "girl_or_boy")),
    ]  # fmt: skip
    told = [as_dict(f, private=False) for f in found]
    assert told[0]["message"] == "Columns previous and again say the same in every row."
    assert told[0]["advice"] == "One of them suffices."
    assert [one["options"] for one in told] == [["--drop again"], ["--drop girl_or_boy"]]
    assert checked.ok
    assert checked.left_out == {}


@pytest.mark.parametrize(
    ("one_column", "other"),
    [
        (["1", "2"] * 150, ["1", "2"] * 149 + ["1", "3"]),
        (["1", "2"] * 150, ["3", "4"] * 150),  # numbers may be of different scales
        (["", "2"] * 150, ["1", "2"] * 150),
        ([f"A{i}" for i in range(300)], [f"B{i}" for i in range(300)]),
        (["same"] * 300, ["same"] * 300),
    ],
)
def test_other_columns_are_not(one_column: list[str], other: list[str]) -> None:
    table = as_table(marks(one=one_column, other=other))
    findings = check(table, "final", keep=("one", "other")).findings
    assert [f for f in findings if f.kind == "same_columns"] == []


def test_a_missing_value_is_what_the_hints_list() -> None:
    cells = ["999" if i % 20 == 0 else cell for i, cell in enumerate(marks()["previous"])]
    table = as_table(marks(previous=cells))
    asked = check(table, "final")
    assert one(asked, "sentinel").columns == ("previous",)
    assert asked.readings["previous"].apart == (999.0,)
    told = check(table, "final", hints=hints(previous={"missing": ("999",)}))
    assert (WARNING, "sentinel") not in kinds(told)
    assert told.readings["previous"].missing == ("999",)
    assert told.table.column(4).count("") == 15


@pytest.mark.parametrize(("mark", "value"), [(",", "15827"), (".", "15.827")])
def test_digits_that_can_be_read_in_two_ways_are_asked_and_answered(mark, value) -> None:
    text = "income;final\n" + "".join(f"{10 + i % 50}.{i * 37 % 1000:03};{i}\n" for i in range(300))
    text = text.replace("10.000;0", "15.827;0")
    table = read_table(io.BytesIO(text.encode()), "t.csv")
    assert one(check(table, "final"), "number_format").severity == STOP
    told = check(table, "final", hints=hints(income={"decimal": mark}))
    assert told.table.rows[0][0] == value
    assert told.ok


@pytest.mark.parametrize(("answer", "value"), [(True, "85"), (False, "0.85")])
def test_shares_beside_per_cents_are_asked_and_answered(answer: bool, value: str) -> None:
    cells = ["0.85" if i % 3 == 0 else cell for i, cell in enumerate(marks()["attendance"])]
    cells[3], cells[6] = "0.7", "0.92"
    table = as_table(marks(attendance=cells))
    assert one(check(table, "final"), "number_format").variant == "scale"
    told = check(table, "final", hints=hints(attendance={"percent": answer}))
    assert told.ok
    assert told.table.rows[0][3] == value


def test_pupils_are_kept_together_as_named_or_not_at_all() -> None:
    planted = plant("pupils in several rows", 0)[0]
    checked = check(planted.table, planted.target)
    assert checked.left_out == {planted.column: "repeated_pupil"}
    assert len(set(checked.groups.tolist())) == 60
    assert check(planted.table, planted.target, pupil="none").groups is None
    named = check(planted.table, planted.target, pupil="gender")
    assert len(set(named.groups.tolist())) == 2


# --- the table as training takes it --------------------------------------------------------------


def test_rows_that_are_no_pupils_are_taken_out_of_the_table() -> None:
    planted = plant("summary row", 0)[0]
    checked = check(planted.table, planted.target)
    assert (len(checked.table.rows), checked.n_summary_rows) == (300, 1)


def test_rare_categories_are_grouped_under_the_name_that_is_there() -> None:
    cells = ["Polish" if i % 75 == 0 else "German" if i % 3 else "Andere" for i in range(300)]
    checked = check(as_table(marks(language=cells)), "final")
    at = checked.table.header.index("language")
    assert set(checked.table.column(at)) == {"German", "Andere"}
    listed = hints(language={"categories": ("German", "Polish")})
    kept = check(as_table(marks(language=cells)), "final", hints=listed)
    assert (NOTE, "rare") in kinds(checked)
    assert (NOTE, "rare") not in kinds(kept)


def test_words_among_numbers_are_missing_and_only_usual_ones_are_remembered() -> None:
    cells = ["AB" if i % 20 == 0 else c for i, c in enumerate(marks()["previous"])]
    cells[5] = "ask Anna"
    checked = check(as_table(marks(previous=cells)), "final")
    assert checked.readings["previous"].missing == ("AB",)
    assert checked.table.column(4).count("") == 16


def test_the_public_part_of_a_finding_holds_no_row_and_no_cell() -> None:
    planted = plant("names", 0)[0]
    for finding in check(planted.table, planted.target).findings:
        public = as_dict(finding, private=False)
        assert public["rows"] == []
        assert not any(f" {cell}" in public["message"] for cell in finding.cells)


def test_names_of_schools_and_courses_are_categories() -> None:
    schools = [f"{['Nord', 'Sued', 'Ost', 'West', 'Mitte'][i % 5]}schule" for i in range(300)]
    checked = check(as_table(marks(**{"school name": schools})), "final")
    assert checked.left_out == {}


def test_a_table_of_which_no_row_says_anything_is_no_crash() -> None:
    table = Table(header=["a", "b"], rows=[["", ""]] * 5, lines=list(range(2, 7)))
    assert check(table, "b").findings == ()
    assert check(Table(header=["a"]), "a").columns == ()


# --- what real tables taught ---------------------------------------------------------------------


def test_a_test_that_is_repeated_is_no_second_measure_of_the_same_test() -> None:
    """Draws of one measure agree equally well, scores of three terms the better the closer."""
    dice = random.Random(0)
    once = [dice.gauss(60, 12) for _ in range(400)]
    draws = {f"pv{k}": [f"{v + dice.gauss(0, 3):.1f}" for v in once] for k in range(1, 5)}
    assert {f.variant for f in check(as_table(draws), "pv1").findings if f.severity == STOP} == {
        "same_test"
    }
    terms = [once]
    for _ in range(3):
        terms.append([60 + 0.97 * (v - 60) + dice.gauss(0, 3) for v in terms[-1]])
    repeated = {f"term{k}": [f"{v:.1f}" for v in term] for k, term in enumerate(terms)}
    assert check(as_table(repeated), "term3").ok


def test_a_group_that_lies_at_a_bound_is_no_cut_of_the_target() -> None:
    """Winners reached 100, and so did many others."""
    final = [min(100, 40 + k % 75) for k in range(300)]
    at_bound = [k for k, mark in enumerate(final) if mark == 100]
    won = set(at_bound[::8])
    table = as_table(
        {"won": ["yes" if k in won else "no" for k in range(300)], "final": list(map(str, final))}
    )
    assert check(table, "final").ok


def test_a_column_that_is_known_in_few_rows_gives_nothing_away() -> None:
    dice = random.Random(0)
    score = [dice.gauss(500, 90) for _ in range(300)]
    table = as_table(
        {
            "level": [*("low" if v < 500 else "high" for v in score[:60]), *[""] * 240],
            "score": [f"{v:.1f}" for v in score],
        }
    )
    assert check(table, "score").ok


def test_large_incomes_are_no_slips_of_the_pen() -> None:
    dice = random.Random(3)
    income = [f"{dice.lognormvariate(10, 1):.0f}" for _ in range(299)]
    assert kinds(check(as_table(marks(income=[*income, "900000"])), "final")) == set()
    slip = one(check(as_table(marks(income=[*income, "90000000"])), "final"), "outlier")
    assert slip.cells == ("90000000",)


@pytest.mark.parametrize("label", ["Total", "Somme", "SD"])
def test_a_name_that_is_also_a_label_is_a_row_like_any_other(label: str) -> None:
    names = [f"{a}{b}" for a in "ABCDEFGHIJKLMNOPQRST" for b in "abcdefghijklmno"]
    names[100] = label
    checked = check(as_table(marks(firm=names, town=["Jena", "Ulm"] * 150)), "final")
    assert checked.n_summary_rows == 0


def test_the_standard_deviation_below_the_mean_is_no_pupil() -> None:
    columns = marks()
    plain = {name: ["", ""] for name in columns} | {"study_hours": ["9.5", "3.1"]}
    table = as_table(
        {"pupil": [*(f"P{k}" for k in range(300)), "Mean", "SD"]}
        | {name: [*cells, *plain[name]] for name, cells in columns.items()}
    )
    assert one(check(table, "final"), "not_a_pupil").rows == (302, 303)


def test_values_that_are_grouped_are_told_apart_from_unknown_ones_where_there_are_many() -> None:
    """Training's own pupils of a small county can be predicted."""
    counties = [f"County {chr(65 + min(k % 40, 15))}{k % 40}" for k in range(300)]
    counties = [c if k % 3 else "County A0" for k, c in enumerate(counties)]
    checked = check(as_table(marks(county=counties)), "final", keep=("county",))
    assert checked.readings["county"].other == "other"


def test_a_quarter_of_a_year_is_no_duration() -> None:
    quarters = [f"{1979 + k % 3}:{1 + k % 4}" for k in range(300)]
    checked = check(as_table(marks(born=quarters)), "final")
    assert {use.name: use.kind for use in checked.columns}["born"] == "category"


# --- outcomes -------------------------------------------------------------------------------------

SCORES = [random.Random(i).gauss(50, 10) for i in range(300)]
RESULTS = ["Fail" if s < 42 else "Pass" if s < 60 else "Distinction" for s in SCORES]


@pytest.mark.parametrize(
    ("column", "variant"),
    [
        ([f"{score:.1f}" for score in SCORES], "rank"),
        ([f"{-score:.1f}" for score in SCORES], "rank"),
        (["again" if result == "Fail" else "on" for result in RESULTS], "cut"),
        ([str(["Pass", "Fail", "Distinction"].index(r)) for r in RESULTS], "cut"),
    ],
)
def test_a_column_that_gives_an_outcome_away_stops_the_training(
    column: list[str], variant: str
) -> None:
    checked = check(as_table(marks(result=RESULTS, told=column)), "result")
    found = [f for f in checked.findings if (f.severity, f.kind) == (STOP, "leak")]
    assert [(f.columns, f.variant) for f in found] == [(("told",), variant)]


def test_a_column_that_goes_with_an_outcome_is_no_leak() -> None:
    noisy = [f"{score + random.Random(1000 + i).gauss(0, 8):.1f}" for i, score in enumerate(SCORES)]
    checked = check(as_table(marks(result=RESULTS, earlier=noisy)), "result")
    assert checked.ok
    assert one(checked, "class_target").variant == "outcomes"


def test_a_number_with_two_values_is_an_outcome_unless_a_person_says_otherwise() -> None:
    table = as_table(marks(passed=[str(int(score > 45)) for score in SCORES]))
    assert one(check(table, "passed"), "class_target").variant == "outcomes"
    number = one(check(table, "passed", task="regression"), "class_target")
    assert number.variant == "number"
    told = as_dict(number, private=False)
    assert told["message"].endswith(
        "Predictions can be other numbers than these, and ranges say little."
    )
    assert told["options"] == ["--task binary"]


@pytest.mark.parametrize(
    ("cells", "said", "n_outcomes"),
    [
        (["Fail", "FAIL ", "fail", "Pass", "pass"], {}, 2),
        (["Fail", "Pass", "Absent"], {"merge": {"absent": "Fail"}}, 2),
        (["Fail", "Pass", "Absent", "N/A"], {}, 3),
        (["Fail", "Pass", "N/A"], {"at_risk": ("n/a",)}, 3),
        (["0", "1", "1.0"], {}, 2),
    ],
)
def test_the_outcomes_that_are_predicted_are_counted(
    cells: list[str], said: dict[str, object], n_outcomes: int
) -> None:
    results = [cells[i % len(cells)] for i in range(len(SCORES))]
    of_result = hints(result=said) if said else Hints()
    checked = check(as_table(marks(result=results)), "result", hints=of_result)
    found = one(checked, "class_target")
    assert (found.variant, found.counts["n_distinct"]) == ("outcomes", n_outcomes)
    assert f"is one of {n_outcomes} outcomes" in message(found)
    inferred = infer_schema(checked.table, of_result, checked.readings, "result")
    assert len(inferred.schema.outcomes.categories) == n_outcomes


def test_rare_outcomes_are_not_grouped_and_marks_for_missing_values_are_none() -> None:
    cells = ["rare"] * 3 + ["NA"] * 5 + RESULTS[8:]
    checked = check(as_table(marks(result=cells)), "result")
    assert {row[checked.table.header.index("result")] for row in checked.table.rows} == set(cells)


# --- schools -------------------------------------------------------------------------------------


def test_a_column_of_schools_is_proposed_as_groups_and_stays_a_feature() -> None:
    table = as_table(marks(school=[f"Hill {i % 12}" for i in range(300)]))
    checked = check(table, "final")
    found = one(checked, "school")
    assert (found.severity, found.columns) == (NOTE, ("school",))
    assert as_dict(found, private=False)["options"] == ["--group school"]
    assert {use.name: use.use for use in checked.columns}["school"] == "feature"


@pytest.mark.parametrize(
    ("name", "cells"),
    [
        ("school", [f"Hill {i % 4}" for i in range(300)]),  # few: a category like any other
        ("school", [f"Hill {i % 100}" for i in range(300)]),  # small: none would have an effect
        ("class_size", [str(15 + i % 12) for i in range(300)]),
        ("town", [f"Hill {i % 12}" for i in range(300)]),
    ],
)
def test_other_columns_are_not_proposed_as_groups(name: str, cells: list[str]) -> None:
    checked = check(as_table(marks(**{name: cells})), "final")
    assert "school" not in {finding.kind for finding in checked.findings}


def test_groups_of_a_few_rows_each_are_warned_of_as_pupils_may_be() -> None:
    table = as_table(marks(pupil=[f"P{i % 100}" for i in range(300)], school=["Hill"] * 300))
    named = {"apart": ("pupil",), "group": "pupil"}
    checked = check(table, "final", **named)
    found = one(checked, "small_groups")
    assert found.severity == WARNING
    assert "--pupil" in as_dict(found, private=False)["advice"]
    assert {use.name: use.use for use in checked.columns}["pupil"] == "group"
    school = {"apart": ("school",), "group": "school"}
    assert "small_groups" not in {f.kind for f in check(table, "final", **school).findings}
