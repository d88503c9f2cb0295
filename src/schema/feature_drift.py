"""Each feature of later classes beside those that trained: what differs, and by how much."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from src.schema.class_reference import BLANK, ClassReference, FeatureReference
from src.stats.class_drift import ClassDifference, compare, smallest_seen
from src.stats.spent_alpha import Looks, found_features

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# The means and the sizes of classes, by what they are compared by.
ClassMeans = Mapping[str, "tuple[NDArray[np.float64], NDArray[np.integer]]"]


@dataclass(frozen=True)
class FeatureDrift:
    """What was found of a feature.

    Attributes
    ----------
    part : str
        Where classes differ most: in their mean, in the share of a category or of blanks.
    n_classes : int
    expected, mean : float
        Of the classes that trained, and of the later ones.
    deviation : float
        Standard deviation of the means of classes.
    p_value : float
        Sequential: the error rate of all looks together at which the feature is just found.
    found : bool
        Whether the classes differ by more than another class would bring.
    smallest : float or None
        The smallest difference that this look would have found in 80 of 100 cases; None where
        there are too few classes to find any.
    """

    feature: str
    part: str
    n_classes: int
    expected: float
    mean: float
    deviation: float
    p_value: float
    found: bool
    smallest: float | None


def feature_drifts(
    reference: ClassReference,
    classes: Mapping[str, ClassMeans],
    looks: Looks,
    rate: float,
    before: Mapping[str, float],
) -> list[FeatureDrift]:
    """Compare each feature with the classes that trained.

    Parameters
    ----------
    classes : mapping of str to ClassMeans
        By feature.
    looks : Looks
        The present one last.
    rate : float
        Of false alarms, for all features and looks together.
    before : mapping of str to float
        The features' sequential p-values at the look before this one.
    """
    compared = {
        name: most
        for name, known in reference.features.items()
        if (most := most_different(known, classes.get(name, {})))
    }
    p_values = {
        name: min(before.get(name, 1.0), looks.sequential(min(1.0, difference.p_value * n_parts)))
        for name, (_, difference, n_parts) in compared.items()
    }
    found = set(found_features(p_values, rate))
    level = looks.nominal(rate / len(compared)) if compared else 0.0
    return [
        FeatureDrift(
            feature=name,
            part=part,
            n_classes=one.n_classes,
            expected=one.mean - one.difference,
            mean=one.mean,
            deviation=one.deviation,
            p_value=p_values[name],
            found=name in found,
            smallest=smallest_seen(
                reference.features[name].spreads[part],
                one.n_classes,
                one.deviation,
                level / n_parts,
            ),
        )
        for name, (part, one, n_parts) in compared.items()
    ]


def most_different(
    reference: FeatureReference, classes: ClassMeans
) -> tuple[str, ClassDifference, int] | None:
    """Return in what the classes differ most, how far, and in how many ways it was looked at.

    Blanks are looked at where training had some.
    """
    parts = reference.spreads.keys() & classes.keys()
    found = {
        part: compare(reference.spreads[part], *classes[part])
        for part in sorted(parts, key=lambda part: part == BLANK)
        if len(classes[part][0])
    }
    if not found:
        return None
    part = min(found, key=lambda name: found[name].p_value)
    return part, found[part], len(found)
