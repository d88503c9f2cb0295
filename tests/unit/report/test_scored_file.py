"""What is said of a file that was scored."""

import pytest

from src.report.scored_file import at_risk

SHARE = {"value": 0.8, "low": 0.7, "high": 0.9}
METRICS = {
    "at_risk": [
        {"mark": 40.0, "n_samples": 800, "precision": SHARE, "recall": SHARE},
        {"mark": 50.0, "n_samples": 800, "precision": SHARE, "recall": SHARE | {"value": 0.75}},
    ]
}


def test_a_list_of_those_below_the_mark_says_how_good_such_lists_are() -> None:
    said = at_risk(METRICS, 50)
    assert "was counted on 800 students" in said
    assert "80\N{NO-BREAK SPACE}% (70 to 90) of those on it did score below" in said
    assert said.endswith("it named 75\N{NO-BREAK SPACE}% (70 to 90) of all who did.")
    assert "was counted at 40, the nearest mark, on 800" in at_risk(METRICS, 43)


@pytest.mark.parametrize("mark", [None, 39.5, 51])
def test_nothing_is_said_without_a_mark_or_outside_those_that_were_counted(mark) -> None:
    assert at_risk(METRICS, mark) == ""
    assert at_risk({}, 45) == ""
