"""How the shadow's predictions did beside those that were given, on the same pupils."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from src.records.cases import NO_SHADOW, Cases
from src.report.challenge import Scale
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.stats.challenge import compare
from src.stats.disclosure import LEAST_ROWS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def describe_shadow(
    cases: Cases,
    schema: Schema,
    clusters_of: Callable[[Cases], tuple[NDArray[np.intp] | None, str]],
) -> dict[str, Any] | None:
    """Return both models' errors, paired; None where no shadow predicted.

    Of several shadows, the latest run is described; of fewer than ten pupils there are no figures.

    Parameters
    ----------
    cases : Cases
        With known outcomes alone.
    """
    import numpy as np

    ran = [cases.shadows[i] for i in np.unique(cases.columns.shadow) if i != NO_SHADOW]
    if not ran:
        return None
    run = max(ran)
    columns = cases.columns.of(cases.columns.shadow == cases.shadows.index(run))
    content: dict[str, Any] = {"run": run, "n": len(columns), "found": None}
    if len(columns) < LEAST_ROWS:
        return content
    clusters, kind = clusters_of(replace(cases, columns=columns))
    champion, shadow = (
        _loss(said, columns.actual, schema) for said in (columns.champion_said, columns.shadow_said)
    )
    return content | {
        "clusters": kind,
        "scale": asdict(Scale.of(schema)),
        "found": asdict(compare(champion, shadow, clusters)),
    }


def _loss(
    said: NDArray[np.float64], actual: NDArray[np.float64], schema: Schema
) -> NDArray[np.float64]:
    import numpy as np

    if isinstance(schema.target, ClassTarget):
        return -np.log(np.maximum(said, np.finfo(float).eps))
    return (actual - said) ** 2
