"""How the shadow's predictions did beside those that were given, on the same pupils."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from src.report.challenge import Scale
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.challenge import compare
from src.stats.disclosure import LEAST_ROWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ShadowedCase(Protocol):
    """A pupil in a term whose outcome is known."""

    @property
    def number(self) -> float | None: ...
    @property
    def chances(self) -> str | None: ...
    @property
    def actual(self) -> str | None: ...
    @property
    def shadow(self) -> str | None: ...


def describe_shadow(
    known: Sequence[ShadowedCase],
    schema: Schema,
    clusters_of: Callable[[Any], tuple[NDArray[np.intp] | None, str]],
) -> dict[str, Any] | None:
    """Return both models' errors, paired; None where no shadow predicted.

    Of several shadows, the latest run is described; of fewer than ten pupils there are no figures.
    """
    said = [(case, json.loads(case.shadow)) for case in known if case.shadow]
    if not said:
        return None
    run = max(beside["run"] for _, beside in said)
    cases, beside = zip(*((c, b) for c, b in said if b["run"] == run), strict=True)
    content: dict[str, Any] = {"run": run, "n": len(cases), "found": None}
    if len(cases) < LEAST_ROWS:
        return content
    clusters, kind = clusters_of(cases)
    champion, shadow = _losses(cases, beside, schema)
    found = compare(champion, shadow, clusters)
    return content | {
        "clusters": kind,
        "scale": asdict(Scale.of(schema)),
        "found": asdict(found),
    }


def _losses(
    cases: Sequence[ShadowedCase], beside: Sequence[dict[str, Any]], schema: Schema
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    import numpy as np

    if not isinstance(schema.target, ClassTarget):
        actual = np.array([float(case.actual or 0.0) for case in cases])
        champion = np.array([case.number for case in cases], float)
        shadow = np.array([one["number"] for one in beside], float)
        return (actual - champion) ** 2, (actual - shadow) ** 2
    given = [json.loads(case.chances or "{}").get("probabilities", {}) for case in cases]
    of_shadow = [one["probabilities"] for one in beside]
    least = np.finfo(float).eps
    pairs = (zip(chances, cases, strict=True) for chances in (given, of_shadow))
    of_actual = [[max(one.get(case.actual, 0.0), least) for one, case in both] for both in pairs]
    return -np.log(of_actual[0]), -np.log(of_actual[1])
