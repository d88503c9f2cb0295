"""report.json of a run, as older versions wrote it too."""

from __future__ import annotations

import json
from typing import Any

from src.artifact_store import Run

ERROR = "actual less predicted"  # the sign of every error


def read_report(run: Run) -> dict[str, Any]:
    """Return what report.json holds; nothing where a run has none.

    Raises
    ------
    ArtifactError
        If it is not what was saved.
    """
    content = run.read_report("report.json")
    found: dict[str, Any] = json.loads(content) if content else {}
    fairness = found.get("fairness")
    if fairness and "error" not in found:  # saved while the errors of groups had the other sign
        for grouping in fairness["groupings"]:
            for group in grouping["groups"]:
                group["mean_error"] = _negated(group["mean_error"])
        for finding in fairness.get("findings", ()):
            if finding["kind"] == "mean_error_differs":
                finding["values"] |= _negated(finding["values"])
                finding["values"]["others"] *= -1
    return found


def _negated(estimate: dict[str, float]) -> dict[str, float]:
    return {"value": -estimate["value"], "low": -estimate["high"], "high": -estimate["low"]}
