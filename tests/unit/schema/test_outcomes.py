"""Which targets are outcomes, in which order, and what hints may say of them."""

from __future__ import annotations

import pytest

from src.exception import ConfigurationError, DataValidationError
from src.schema.features import ClassTarget
from src.schema.hints import ColumnHints
from src.schema.ordered_scales import ordered_outcomes
from src.schema.outcomes import outcomes_of, predicts_outcomes, refuse_few

NOTHING = ColumnHints()


def target(*labels: str, said: ColumnHints = NOTHING, task: str = "auto") -> ClassTarget:
    return outcomes_of(dict.fromkeys(labels, 20), said, task, {"name": "result"})


@pytest.mark.parametrize(
    "from_low",
    [
        ("L", "M", "H"),
        ("very low", "low", "medium", "high", "very high"),
        ("Withdrawn", "Fail", "Pass", "Distinction"),
        ("poor", "fair", "good", "excellent"),
        ("F", "D", "C", "B-", "B", "A", "A+"),
        ("U", "E", "D", "C", "B", "A", "A*"),
        ("U", "A", "A*"),
        ("U", "G", "F", "E", "D"),
        ("1", "2", "3", "10"),
        ("bad", "medium", "good"),
        ("below average", "average", "above average"),
        ("insuficiente", "suficiente", "bien", "notable", "sobresaliente"),
        ("malo", "regular", "bueno", "excelente"),
        ("mala", "regular", "buena", "muy buena"),
        ("sehr schlecht", "schlecht", "mittel", "gut", "sehr gut"),
        ("nicht genügend", "genügend", "befriedigend", "gut", "sehr gut"),
        ("mauvais", "moyen", "bon", "très bon"),
        ("mauvaise", "moyenne", "bonne"),
        ("mangelhaft", "ausreichend", "gut"),
        ("suspenso", "aprobado", "notable"),
        ("échec", "réussi"),
        ("Dropout", "Enrolled", "Graduate"),
    ],
)
def test_common_scales_go_from_low_to_high(from_low: tuple[str, ...]) -> None:
    assert ordered_outcomes(sorted(from_low)) == from_low


@pytest.mark.parametrize(
    "labels",
    [
        ("red", "green"),
        ("low", "medium", "unknown"),
        ("pass", "passed", "fail"),
        ("B", "G"),
        ("E", "U"),
        ("B*", "B", "C"),
    ],
)
def test_what_is_no_scale_has_no_order(labels: tuple[str, ...]) -> None:
    assert ordered_outcomes(labels) is None


@pytest.mark.parametrize(
    ("task", "is_number", "n_distinct", "outcomes"),
    [
        ("auto", False, 3, True),
        ("auto", False, 21, False),
        ("auto", True, 2, True),
        ("auto", True, 5, False),
        ("classes", True, 5, True),
        ("regression", True, 2, False),
    ],
)
def test_text_or_two_numbers_are_outcomes(
    task: str, is_number: bool, n_distinct: int, outcomes: bool
) -> None:
    assert outcomes == predicts_outcomes(task, NOTHING, is_number=is_number, n_distinct=n_distinct)


def test_the_lowest_of_an_order_is_at_risk_and_nobody_without_one() -> None:
    assert target("Pass", "Fail").at_risk == ("Fail",)
    assert target("red", "blue").at_risk == ()
    assert not target("0", "1").ordered  # two numbers may be a yes and a no


def test_of_ordered_numbers_nobody_is_at_risk_until_the_hints_say_so() -> None:
    grades = ("1", "2", "3", "6")
    found = target(*grades, task="ordinal")
    assert (found.ordered, found.categories, found.at_risk) == (True, grades, ())
    assert target(*grades, said=ColumnHints(at_risk=("6",))).at_risk == ("6",)
    assert target("grade 1", "grade 2", said=ColumnHints(
        categories=("grade 2", "grade 1"), ordered=True,
    )).at_risk == ("grade 2",)  # fmt: skip


def test_hints_say_the_order_and_who_is_at_risk() -> None:
    said = ColumnHints(categories=("far", "near"), ordered=True, at_risk=("near",))
    found = target("near", "far", said=said)
    assert (found.categories, found.ordered, found.at_risk) == (("far", "near"), True, ("near",))
    assert not target("low", "high", said=ColumnHints(ordered=False)).ordered
    assert not target("low", "high", task="classes").ordered


def test_hints_merge_outcomes_before_their_order_is_read() -> None:
    said = ColumnHints(merge={"A+": "A"})
    found = target("A", "A+", "B", said=said)
    assert found.categories == ("B", "A")
    assert found.merged == {"A+": "A"}


@pytest.mark.parametrize(
    "said",
    [
        ColumnHints(at_risk=("failed",)),
        ColumnHints(merge={"failed": "pass"}),
        ColumnHints(categories=("failed", "pass")),
    ],
)
def test_hints_of_an_outcome_that_no_row_holds_are_refused(said: ColumnHints) -> None:
    with pytest.raises(ConfigurationError, match=r"'failed', which no row holds.*'fail', 'pass'"):
        target("fail", "pass", said=said)


@pytest.mark.parametrize(
    ("labels", "task", "error", "words"),
    [
        (("a", "b", "c"), "binary", ConfigurationError, "with two outcomes; result has 3"),
        (("red", "blue"), "ordinal", ConfigurationError, "needs the order of result's outcomes"),
        (("a",), "classes", DataValidationError, "there is nothing to learn"),
        (tuple("abcdefghijklmnopqrstuv"), "classes", DataValidationError, "22 different values"),
        (("a", "b" * 101), "auto", DataValidationError, "101 characters long"),
    ],
)
def test_a_task_that_does_not_fit_is_refused(
    labels: tuple[str, ...], task: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        target(*labels, task=task)


def test_an_empty_list_means_that_nothing_is_at_risk() -> None:
    assert target("Pass", "Fail", said=ColumnHints(at_risk=())).at_risk == ()


def test_an_outcome_that_is_named_twice_is_at_risk_once() -> None:
    said = ColumnHints(at_risk=("Fail", "fail", "Fail"))
    assert target("Pass", "Fail", said=said).at_risk == ("Fail",)


def test_not_every_outcome_can_be_at_risk() -> None:
    said = ColumnHints(at_risk=("Pass", "Fail"))
    with pytest.raises(ConfigurationError, match=r"columns\.result\.at_risk names every.*one out"):
        target("Pass", "Fail", said=said)


def test_hints_are_matched_as_cells_are() -> None:
    said = ColumnHints(categories=("fail", "PASS "), merge={"absent": "FAIL"}, at_risk=("FAIL",))
    found = target("Fail", "Pass", "Absent", said=said)
    assert (found.categories, found.at_risk) == (("Fail", "Pass"), ("Fail",))
    assert found.merged == {"Absent": "Fail"}
    assert target("0", "1", said=ColumnHints(at_risk=("1.0",))).at_risk == ("1",)
    assert target("0", "1", said=ColumnHints(at_risk=("yes",))).at_risk == ("1",)


def test_a_merge_may_spell_an_outcome_otherwise() -> None:
    found = target("fail", "pass", said=ColumnHints(merge={"fail": "Fail", "pass": "Passed"}))
    assert set(found.categories) == {"Fail", "Passed"}
    found = target("a", "b", "c", said=ColumnHints(merge={"a": "Rest", "b": "rest"}))
    assert set(found.categories) == {"Rest", "c"}


def test_a_merge_into_a_number_finds_it_however_it_is_spelt() -> None:
    labels = ("1.0", "2.0", "4.0", "5.0")
    found = target(*labels, said=ColumnHints(merge={"5": "4"}, at_risk=("4",)), task="classes")
    assert found.categories == ("1.0", "2.0", "4.0")
    assert (found.merged, found.at_risk) == ({"5.0": "4.0"}, ("4.0",))
    renamed = target("0", "1", "2", said=ColumnHints(merge={"0": "no", "1": "no", "2": "yes"}))
    assert set(renamed.categories) == {"no", "yes"}


def test_an_outcome_is_not_merged_into_one_that_is_merged() -> None:
    said = ColumnHints(merge={"o01": "o00", "o02": "o01"})
    with pytest.raises(ConfigurationError, match=r"'o02' as 'o01', and 'o01' as 'o00'"):
        target("o00", "o01", "o02", "o03", said=said)


LABELS = ("Fail", "Pass", "Distinction", "Absent")


@pytest.mark.parametrize(
    ("labels", "said", "advice"),
    [
        (("fail", "pass", "distinction"), NOTHING, '{ "distinction" = "pass" }'),
        (
            ("Withdrawn", "Fail", "Pass"),
            ColumnHints(at_risk=("Withdrawn", "Fail")),
            '{ "Fail" = "Withdrawn" }',
        ),
        (("blue", "green", "red"), NOTHING, '{ "green" = "…" }'),
        (("blue", 'say "no"', "red"), NOTHING, r'{ "say \"no\"" = "…" }'),
        (LABELS, ColumnHints(merge={"Absent": "Absence"}), '{ "Absent" = "…" }'),
        (
            (*LABELS, "Ill"),
            ColumnHints(merge={"Distinction": "Pass", "Absent": "Ill"}),
            '{ "Distinction" = "Pass", "Absent" = "…", "Ill" = "…" }',
        ),
    ],
)
def test_rare_outcomes_are_refused_with_the_way_to_merge_them(
    labels: tuple[str, ...], said: ColumnHints, advice: str
) -> None:
    rare = {"distinction", "green", 'say "no"', "Absence", "Ill"}
    rare |= {"Fail"} if "Withdrawn" in labels else set()
    found = target(*labels, said=said)
    counts = [4 if label in rare else 50 for label in found.categories]
    with pytest.raises(DataValidationError, match="at least 10 rows") as caught:
        refuse_few(found, counts, set(labels))
    assert advice in str(caught.value)
    assert ("yours to decide" in str(caught.value)) == (not found.ordered)
    assert len(caught.value.problems) == 1


def test_of_two_outcomes_a_rare_one_is_not_to_be_merged() -> None:
    with pytest.raises(DataValidationError, match="there are only two") as caught:
        refuse_few(target("Fail", "Pass"), [4, 50], {"Fail", "Pass"})
    assert "merge =" not in str(caught.value)
    assert [str(one) for one in caught.value.problems] == ["result: 'Fail' has 4 rows."]


def test_an_order_that_nobody_names_is_asked_for() -> None:
    said = ColumnHints(ordered=True)
    with pytest.raises(ConfigurationError, match=r"ordered = true needs the order of result's"):
        target("red", "blue", said=said)
    assert target("high", "low", said=said).categories == ("low", "high")
