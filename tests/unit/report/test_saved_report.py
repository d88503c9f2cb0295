"""report.json as this version and earlier ones wrote it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from src.report.saved_report import ERROR, read_report


class SavedRun:
    """A run with a report.json."""

    def __init__(self, numbers: dict[str, Any] | None) -> None:
        self._content = None if numbers is None else json.dumps(numbers).encode()

    def read_report(self, name: str) -> bytes | None:
        return self._content if name == "report.json" else None


def fairness(value: float, low: float, high: float) -> dict[str, Any]:
    error = {"value": value, "low": low, "high": high}
    group = {"label": "Gender = male", "mean_error": error, "mae": {"value": 5.0}}
    said = {"kind": "mean_error_differs", "values": {**error, "others": -value / 2, "n_rows": 50}}
    return {"groupings": [{"features": ["gender"], "groups": [group]}], "findings": [said]}


def test_a_report_of_this_version_is_returned_as_it_is() -> None:
    numbers = {"error": ERROR, "fairness": fairness(2.0, 1.0, 3.0)}
    assert read_report(SavedRun(numbers)) == numbers


def test_errors_of_an_earlier_version_get_the_sign_of_this_one() -> None:
    found = read_report(SavedRun({"fairness": fairness(2.0, 1.0, 3.5)}))
    assert found["fairness"] == fairness(-2.0, -3.5, -1.0)


@pytest.mark.parametrize("numbers", [None, {"fairness": None}])
def test_a_run_need_not_have_a_report_or_groups(numbers) -> None:
    assert read_report(SavedRun(numbers)) == (numbers or {})
