from __future__ import annotations

import io
import logging
import random
from typing import Any

import pytest

from src.exception import ConfigurationError, DataValidationError
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.hints import ColumnHints, Hints
from src.schema.inference import InferredSchema
from src.tables.cells import match_key
from src.tables.layout import Table
from src.tables.reader import read_table
from tests.readings import learn

N = 40
NOISE = random.Random(0)
MARKS = [40 + (i * 7) % 31 + i / 10 for i in range(N)]


def table(mark: list | None = None, /, delimiter: str = ",", **columns: list) -> Table:
    """Return a table of columns, with a good feature and the target ``mark`` if there is none."""
    columns = {"hours": [i % 9 for i in range(N)], **columns}
    columns.setdefault("mark", MARKS if mark is None else mark)
    lines = [columns, *zip(*columns.values(), strict=True)]
    text = "\n".join(delimiter.join(map(str, line)) for line in lines)
    return read_table(io.BytesIO(text.encode()), "class.csv")


def hints(target: str | None = "mark", groups: tuple[str, ...] = (), **columns: dict) -> Hints:
    said = {match_key(name): ColumnHints(**what) for name, what in columns.items()}
    return Hints(target=target, groups=groups, columns=said,
                 spelling={match_key(name): name for name in columns})  # fmt: skip


def infer(*args: Any, **columns: list) -> InferredSchema:
    return learn(table(*args, **columns), Hints(), "mark")


def feature(inferred: InferredSchema, name: str) -> Any:
    return {f.name: f for f in inferred.schema.features}[name]


# --- kinds --------------------------------------------------------------------------------------


def test_columns_become_numeric_and_categorical_features_and_a_target() -> None:
    inferred = infer(
        **{"race/ethnicity": ["B", "A"] * (N // 2), "IQ_score": [i / 2 for i in range(N)]}
    )
    hours, race, iq = inferred.schema.features
    assert hours == NumericFeature(
        name="hours", label="Hours", order=1,
        observed_minimum=0.0, observed_maximum=8.0, integer=True,
    )  # fmt: skip
    assert race == CategoricalFeature(
        name="race_ethnicity", label="Race/ethnicity", order=2, categories=("A", "B")
    )
    assert (iq.label, iq.integer) == ("IQ score", False)
    assert inferred.schema.target.name == "mark"
    assert inferred.positions == {"hours": 0, "race_ethnicity": 1, "IQ_score": 2, "mark": 3}
    assert inferred.dropped == {}


def test_names_keep_the_tables_spelling_and_labels_the_header() -> None:
    inferred = infer(**{"Math score (%)": [i % 7 for i in range(N)]})
    found = feature(inferred, "Math_score____")
    assert found.label == "Math score (%)"


@pytest.mark.parametrize("mark", ["NA", "null", "", "n/a", "None", "-", "?", "#N/A", "NaN"])
def test_usual_marks_are_missing_values_in_a_numeric_column(mark: str) -> None:
    """C6b."""
    found = feature(infer(score=[mark, *range(1, 10)] * 4), "score")
    assert isinstance(found, NumericFeature)
    assert (found.optional, found.observed_minimum) == (True, 1.0)


@pytest.mark.parametrize("mark", ["NA", "null", "none", "None", "-"])
def test_usual_marks_are_categories_in_a_categorical_column(mark: str) -> None:
    """C6."""
    found = feature(infer(club=[mark, "chess", "golf", "chess"] * 10), "club")
    assert sorted(found.categories) == sorted([mark, "chess", "golf"])
    assert not found.optional


def test_an_empty_cell_is_a_missing_value_in_a_categorical_column() -> None:
    """C6b."""
    found = feature(infer(club=["", "chess", " ", "golf"] * 10), "club")
    assert (found.categories, found.optional) == (("chess", "golf"), True)


def test_a_column_with_a_few_texts_among_numbers_is_numeric() -> None:
    assert isinstance(feature(infer(x=["abs", *range(9)] * 4), "x"), NumericFeature)
    assert isinstance(feature(infer(x=["a", "b", "c", 1, 2, 3, 4, 5] * 5), "x"), CategoricalFeature)


def test_whole_numbers_and_truth_values() -> None:
    inferred = infer(
        a=["1.0", "2.0", "3.5e1", "4"] * 10, b=["TRUE", "FALSE"] * 20, c=[0, 1] * 20,
        d=["1", "2.5"] * 20,
    )  # fmt: skip
    assert feature(inferred, "a").integer
    assert feature(inferred, "b").categories == ("FALSE", "TRUE")
    assert feature(inferred, "c").kind == "numeric"
    assert not feature(inferred, "d").integer


def test_categories_come_in_natural_order() -> None:
    cells = ["10 h", "b", "A", "a", "9", "10", "1.5"]
    assert feature(infer(x=(cells * 6)[:N]), "x").categories == (
        "1.5", "9", "10", "10 h", "A", "a", "b",
    )  # fmt: skip


def test_blanks_around_cells_and_ways_to_write_accents_make_no_categories() -> None:
    found = feature(infer(town=["Zürich", " Zürich", "Zu\u0308rich ", "Bern"] * 10), "town")
    assert found.categories == ("Bern", "Zürich")


def test_decimal_commas_give_the_same_schema() -> None:
    """C2."""
    with_points = table(score=[f"{i / 4:.2f}" for i in range(N)])
    with_commas = table(
        [str(mark).replace(".", ",") for mark in MARKS],
        score=[f"{i / 4:.2f}".replace(".", ",") for i in range(N)],
        delimiter=";",
    )
    assert learn(with_commas, Hints(), "mark") == learn(with_points, Hints(), "mark")


def test_malformed_rows_teach_nothing() -> None:
    lines = ["hours,club,mark"] + [f"{i % 9},{'ab'[i % 2]},{MARKS[i]}" for i in range(N)]
    lines[5] = "99,golf,50,oops"
    found = learn(read_table(io.BytesIO("\n".join(lines).encode())), Hints(), "mark")
    assert feature(found, "club").categories == ("a", "b")
    assert feature(found, "hours").observed_maximum == 8.0


# --- R2b: columns that are not used ---------------------------------------------------------------

KEYS = list(range(1000, 1000 + N))
NOISE.shuffle(KEYS)


@pytest.mark.parametrize(
    ("cells", "reason"),
    [
        (["yes"] * N, "is 'yes' in every row"),
        ([5] * N, "is '5' in every row"),
        (["5", "5.0"] * (N // 2), "in every row"),
        (["5", ""] * (N // 2), "is '5' in every row"),
        ([""] * N, "is empty in every row"),
        (["NA"] * N, "is empty in every row"),
        (["NA", ""] * (N // 2), "is empty in every row"),
    ],
)
def test_a_column_that_cannot_help_is_dropped_with_a_warning(
    cells: list, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    """R2b."""
    with caplog.at_level(logging.WARNING):
        inferred = infer(extra=list(cells))
    assert reason in inferred.dropped["extra"]
    assert inferred.dropped["extra"].startswith("it ")
    assert [m for m in caplog.messages if m.startswith("Column extra is not used: it ")]
    assert inferred.schema.names == ("hours",)
    assert "extra" not in inferred.positions


@pytest.mark.parametrize(
    "cells",
    [
        ["yes", ""] * (N // 2),  # whether it is there may say something
        [f"S{i // 2}" for i in range(N)],
    ],
    ids=["there or not", "pairs"],
)
def test_a_column_that_may_help_is_kept(cells: list) -> None:
    """R2b."""
    assert infer(extra=cells).dropped == {}


def test_hints_do_not_save_a_constant() -> None:
    """R2b."""
    assert set(learn(table(one=[1] * N), hints(one={"label": "x"})).dropped) == {"one"}


def test_texts_beyond_all_choosing_are_dropped() -> None:
    n = 2400
    text = "word,hours,mark\n" + "".join(f"w{i % 1200},{i % 7},{i % 100}\n" for i in range(n))
    inferred = learn(read_table(io.BytesIO(text.encode())), Hints(), "mark")
    assert "1200 different values, too many" in inferred.dropped["word"]


def test_many_categories_are_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    n = 300
    text = "name,mark\n" + "".join(f"n{i % 120},{i % 100}\n" for i in range(n))
    learn(read_table(io.BytesIO(text.encode())), Hints(), "mark")
    assert caplog.messages == [
        "Column name is text with 120 different values. If it says nothing of the target, leave it "
        "out with --drop name."
    ]


def test_a_column_without_a_name_is_dropped_and_an_empty_one_is_nothing() -> None:
    text = ",hours,mark,\n" + "".join(f"{i},{i % 9},{m},\n" for i, m in enumerate(MARKS))
    inferred = learn(read_table(io.BytesIO(text.encode())), Hints(), "mark")
    assert inferred.dropped == {"column 1": "it has no name in the header"}
    assert inferred.positions == {"hours": 1, "mark": 2}


def test_dropped_columns_are_listed_with_who_dropped_them() -> None:
    inferred = learn(table(a=["x", "y"] * 20), Hints(), "mark", drop=["A "])
    assert inferred.dropped == {"a": "named in --drop"}


def test_no_feature_left_is_an_error_that_says_why() -> None:
    with pytest.raises(
        DataValidationError, match="No column is left to predict mark from"
    ) as raised:
        learn(table(one=[1] * N), Hints(), "mark", drop=["hours"])
    assert [p.message for p in raised.value.problems] == [
        "hours: named in --drop.", "one: it is '1' in every row.",
    ]  # fmt: skip


# --- numbers in other dress -----------------------------------------------------------------------


# --- the target -----------------------------------------------------------------------------------


def test_the_target_is_named_by_option_or_hints_however_it_is_spelt() -> None:
    for said, target in ((Hints(), "MARK"), (hints("Mark "), None), (hints("hours"), "mark")):
        assert learn(table(), said, target).schema.target.name == "mark"


def test_without_a_target_the_columns_are_listed() -> None:
    with pytest.raises(
        ConfigurationError, match=r"--target COLUMN.*The columns are: hours, mark\."
    ):
        learn(table(), Hints())


@pytest.mark.parametrize(
    ("said", "target", "drop", "message"),
    [
        (Hints(), "marks", [], "--target: there is no column 'marks'. Did you mean 'mark'?"),
        (hints("marks"), None, [], "The hints' target: there is no column 'marks'. Did you mean"),
        (Hints(), "mark", ["hour"], "--drop: there is no column 'hour'. Did you mean 'hours'?"),
        (
            Hints(),
            "mark",
            ["zzz"],
            "--drop: there is no column 'zzz'. The columns are: hours, mark.",
        ),
        (Hints(), "mark", ["Mark"], "mark is the target: it cannot be dropped too."),
    ],
)
def test_a_column_that_is_not_there_is_refused_with_the_nearest(
    said: Hints, target: str | None, drop: list[str], message: str
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        learn(table(), said, target, drop)
    assert message in str(raised.value)


def test_a_table_without_a_header_is_told_what_the_first_row_is_for() -> None:
    without = read_table(io.BytesIO(b"f,7.5,40.1\n" + b"m,3.5,50\n" * 30), "x.csv")
    with pytest.raises(
        ConfigurationError, match="The first row must hold the names of the columns"
    ):
        learn(without, Hints(), "mark")


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ([5] * N, "The target mark is 5 in every row: there is nothing to learn."),
        (["5", "5.0"] * 20, "The target mark is 5 in every row"),
        ([5, *[""] * (N - 1)], "The target mark is 5 in every row"),
        (["a"] * N, "must be a number in every row, or one of 2 to 20 outcomes; it holds 'a'."),
        ([f"x{i}" for i in range(N)], "or one of 2 to 20 outcomes; it holds 'x0', 'x1', 'x2'."),
        ([""] * N, "must be a number in every row, or one of 2 to 20 outcomes; it holds nothing."),
        (["NA"] * N, "or one of 2 to 20 outcomes; it holds nothing."),
    ],
)
def test_a_target_that_cannot_be_learnt_is_refused(cells: list, message: str) -> None:
    """R2."""
    with pytest.raises(DataValidationError) as raised:
        infer(cells)
    assert message in str(raised.value)


def test_a_target_that_the_hints_call_categorical_has_outcomes_if_they_are_few() -> None:
    with pytest.raises(DataValidationError, match="different values, too many to be outcomes"):
        learn(table(), hints(mark={"kind": "categorical"}))
    found = learn(table([1, 2, 3, 4] * (N // 4)), hints(mark={"kind": "categorical"})).schema
    assert (found.task, found.outcomes.categories) == ("ordinal", ("1", "2", "3", "4"))


def test_numbers_as_outcomes_are_called_the_same_with_hints_and_without() -> None:
    cells = ["1.0", "2.0", "4.0", "5.0"] * (N // 4)
    plain = learn(table(cells), hints(), task="classes").schema.outcomes
    assert plain.categories == ("1", "2", "4", "5")
    said = hints(mark={"merge": {"5": "4"}, "at_risk": ("4",), "words": {"de": {"4.0": "vier"}}})
    merged = learn(table(cells), said, task="classes").schema.outcomes
    assert (merged.categories, merged.at_risk) == (("1", "2", "4"), ("4",))
    assert merged.words == {"de": {"4": "vier"}}
    assert [merged.check_cell(cell).value for cell in ("5.0", "5", "4.0", "1")] == list("4441")


def test_a_mark_of_missing_values_is_an_outcome_where_the_hints_name_it() -> None:
    """C6."""
    cells = ["None", "Merit", "Honours", "\u200b"] * (N // 4)
    assert learn(table(cells), hints()).schema.outcomes.categories == ("Merit", "Honours")
    order = ("None", "Merit", "Honours")
    target = learn(table(cells), hints(mark={"categories": order})).schema.outcomes
    assert target.categories == order
    assert [target.check_cell(cell).value for cell in ("None", "NA", "\u200b")] == [
        "None", None, None,
    ]  # fmt: skip


def test_a_target_beyond_its_bounds_is_refused() -> None:
    with pytest.raises(
        DataValidationError, match="No value of the target mark is a number from 0 to 1"
    ):
        learn(table(), hints(mark={"minimum": 0, "maximum": 1}))


def test_a_target_that_is_never_negative_is_never_predicted_negative() -> None:
    assert infer().schema.clip(-3.5) == 0
    assert infer().schema.clip(1e6) == 1e6
    assert infer([mark - 45 for mark in MARKS]).schema.clip(-3.5) == -3.5
    said = learn(table(), hints(mark={"minimum": -5.0}), "mark").schema
    assert said.clip(-3.5) == -3.5


def test_missing_values_of_the_target_are_known() -> None:
    assert infer([*MARKS[:-2], "", "NA"]).schema.target.optional


# --- hints ----------------------------------------------------------------------------------------


def test_hints_refine_what_the_table_shows() -> None:
    inferred = learn(
        table(club=["chess", "golf"] * 20),
        hints(
            Hours={"label": "Hours a week", "help": "Homework.", "unit": "h", "minimum": 0,
                   "maximum": 6, "integer": False, "actionable": True, "order": 9},
            club={"categories": ("golf", "chess"), "sensitive": True, "order": 1},
            mark={"minimum": 0, "maximum": 100, "unit": "points"},
        ),
    )  # fmt: skip
    club, hours = inferred.schema.features
    assert (club.categories, club.sensitive) == (("golf", "chess"), True)
    assert hours == NumericFeature(
        name="hours", label="Hours a week", help="Homework.", unit="h", minimum=0.0, maximum=6.0,
        observed_minimum=0.0, observed_maximum=6.0, actionable=True, order=9,
    )  # fmt: skip
    assert (inferred.schema.target.maximum, inferred.schema.target.unit) == (100.0, "points")


def test_bounds_are_floats_so_that_the_schema_comes_back_equal() -> None:
    schema = learn(table(), hints(hours={"minimum": 0}, mark={"maximum": 100})).schema
    assert repr(schema.from_dict(schema.to_dict())) == repr(schema)
    assert isinstance(schema.numeric[0].minimum, float)


def test_words_alone_do_not_refuse_anything() -> None:
    assert feature(learn(table(), hints(hours={"label": "x"})), "hours").minimum is None


@pytest.mark.parametrize("said", [{"kind": "categorical"}, {"categories": ("2", "1")}])
def test_numeric_codes_are_categories_where_the_hints_say_so(said: dict) -> None:
    found = feature(learn(table(level=[2, 1, 3, 10] * 10), hints(level=said)), "level")
    listed = list(said.get("categories", ()))
    assert list(found.categories) == listed + [c for c in ("1", "2", "3", "10") if c not in listed]


@pytest.mark.parametrize("said", [{"kind": "numeric"}, {"minimum": 0}, {"integer": True}])
def test_a_column_of_mostly_texts_is_numeric_where_the_hints_say_so(said: dict) -> None:
    cells = ["absent", "ill", "late", 3, 4] * 8
    assert feature(learn(table(x=cells), hints(x=said)), "x").kind == "numeric"


def test_hints_that_call_texts_a_number_are_refused() -> None:
    with pytest.raises(
        ConfigurationError, match=r"The hints call x a number, .* it holds 'a', 'b'"
    ):
        learn(table(x=["a", "b"] * 20), hints(x={"kind": "numeric"}))


def test_hints_of_what_the_table_lacks_are_warnings(caplog: pytest.LogCaptureFixture) -> None:
    learn(
        table(club=["chess", "golf"] * 20),
        hints(Shoe={"label": "x"}, club={"categories": ("chess", "golf", "polo")}),
    )
    assert caplog.messages == [
        "The hints describe Shoe, which is no column of the table.",
        "The hints list 'polo' in club, which no row holds: the model cannot know it.",
    ]


def test_groups_come_in_the_hints_order_and_the_nameless_last() -> None:
    inferred = learn(
        table(a=[1, 2] * 20, b=["x", "y"] * 20, c=["x", "y"] * 20),
        hints(groups=("Later", "Unused", "First"), a={"group": "First"}, c={"group": "Later"}),
    )
    assert inferred.schema.groups == ("Later", "First", "")
    assert inferred.schema.names == ("c", "a", "hours", "b")


# --- tables that cannot be learnt from ------------------------------------------------------------


@pytest.mark.parametrize("header", ["hours,Hours,mark", "math score,math_score,mark", "a%,a,mark"])
def test_a_header_that_names_a_column_twice_is_refused(header: str) -> None:
    """C8."""
    text = header + "\n" + "1,2,3\n" * 30
    with pytest.raises(DataValidationError, match="names columns twice") as raised:
        learn(read_table(io.BytesIO(text.encode())), Hints(), "mark")
    (problem,) = raised.value.problems
    assert "have the same name" in problem.message
    assert "Rename one." in problem.message


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(DataValidationError, match="The table has no rows"):
        learn(read_table(io.BytesIO(b"a,mark\n")), Hints(), "mark")


def test_a_table_of_malformed_rows_is_refused_with_what_is_wrong() -> None:
    with pytest.raises(DataValidationError, match="No row of the table can be read") as raised:
        learn(read_table(io.BytesIO(b"a,mark\n1,2,3\n4\n")), Hints(), "mark")
    assert [problem.row for problem in raised.value.problems] == [2, 3]


def test_five_rows_have_a_schema() -> None:
    """That they are too few to learn from is for the split to say."""
    text = "hours,mark\n1,2\n3,4\n3,5\n4,6\n5,1\n"
    assert learn(read_table(io.BytesIO(text.encode())), Hints(), "mark").schema.names == ("hours",)


def test_the_words_of_the_hints_are_kept_in_the_schema() -> None:
    """18."""
    said = hints(lunch={"words": {"de": {"full": "satt", "none": "keins"}},
                        "translations": {"de": {"label": "Essen"}}})  # fmt: skip
    lunch = feature(learn(table(lunch=["full", "half"] * (N // 2)), said, "mark"), "lunch")
    assert (lunch.label, lunch.translations) == ("Lunch", {"de": {"label": "Essen"}})
    assert lunch.words == {"de": {"full": "satt"}}  # no row holds the other
