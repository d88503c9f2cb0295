from __future__ import annotations

import pytest

from src.exception import (
    ArtifactError,
    ConfigurationError,
    DataValidationError,
    ModelNotFoundError,
    Problem,
    StuPredictionError,
    TrainingError,
)


def test_a_problem_names_its_row() -> None:
    assert str(Problem("lunch is missing.", row=7)) == "Row 7: lunch is missing."
    assert str(Problem("lunch is missing.")) == "lunch is missing."


def test_an_error_says_its_message_then_every_problem() -> None:
    error = DataValidationError("2 rows are refused.", [Problem("a.", row=2), Problem("b.", row=9)])
    assert str(error) == "2 rows are refused.\nRow 2: a.\nRow 9: b."
    assert error.summary == "2 rows are refused."


def test_an_error_without_a_message_is_summed_up_by_its_first_problem() -> None:
    error = DataValidationError(problems=[Problem("a."), Problem("b.")])
    assert (str(error), error.summary) == ("a.\nb.", "a.")


def test_all_problems_are_kept_though_not_all_are_spelled_out() -> None:
    error = DataValidationError("Bad.", (Problem(f"p{i}.") for i in range(25)))
    assert len(error.problems) == 25
    assert str(error).endswith("p19.\n… and 5 more.")


def test_an_error_without_anything_is_still_an_error() -> None:
    assert (str(StuPredictionError()), StuPredictionError().summary) == ("", "")


@pytest.mark.parametrize(
    "kind",
    [ConfigurationError, DataValidationError, TrainingError, ArtifactError, ModelNotFoundError],
)
def test_every_error_can_be_caught_by_the_base(kind: type[StuPredictionError]) -> None:
    with pytest.raises(StuPredictionError, match="Boo"):
        raise kind("Boo.")
