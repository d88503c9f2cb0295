"""Scales of outcomes that are written as text and go from low to high, in common languages."""

from __future__ import annotations

import re
from collections.abc import Iterable

from src.tables.cells import parse_number
from src.tables.look_alike import fold

# Each from the lowest step to the highest; words between bars mean the same.
_SCALES = tuple(
    {fold(word): step for step, words in enumerate(line.split(" < ")) for word in words.split("|")}
    for line in """
very low < l|low < m|medium|middle|moderate|mid|average < h|high < very high
sehr niedrig|sehr gering < niedrig|gering < mittel|mäßig < hoch < sehr hoch
très faible < faible < moyen|moyenne < élevé|élevée|fort|forte < très élevé|très élevée
muy bajo|muy baja < bajo|baja < medio|media < alto|alta < muy alto|muy alta
very poor|very bad < poor|bad < fair|sufficient < average|satisfactory|medium < good < \
very good < excellent|outstanding
withdrawn < fail|failed|failing|not passed < pass|passed|passing < credit < merit < \
distinction|honours
nicht bestanden|durchgefallen < bestanden
échec|échoué|ajourné|recalé < reçu|réussi|admis
muy deficiente < reprobado|reprobada|no aprobado|no aprobada|suspenso|suspendido|suspendida|\
insuficiente < aprobado|aprobada|suficiente < bien < notable < sobresaliente < matrícula de honor
ungenügend|nicht genügend < mangelhaft < ausreichend|genügend < befriedigend < gut < sehr gut
très insuffisant < insuffisant < passable|suffisant < assez bien < bien < très bien < excellent
muy deficiente|muy malo|muy mala|muy mal < deficiente|insuficiente|malo|mala|mal < \
suficiente|regular < bien|bueno|buena < muy bien|muy bueno|muy buena < excelente
sehr schlecht < schlecht < mittel|mittelmäßig < gut < sehr gut
très mauvais|très mauvaise < mauvais|mauvaise < moyen|moyenne < bon|bonne < \
très bon|très bonne < excellent|excellente
well below average < below average < average < above average < well above average
below basic < basic < proficient < advanced
beginner|elementary < intermediate < advanced|expert
never < rarely|seldom < sometimes < often|usually < always
dropout|dropped out|drop out < enrolled < graduate|graduated
""".strip().splitlines()
)
_GRADE = re.compile(r"([a-gu])([+-]?|(?<=a)\*)")
_LETTERS = "ugfedcba"
_SIGNS = {"-": -1, "": 0, "+": 1, "*": 2}
_LEAST_BESIDE = 3  # grades beside G or U: B and G may be boys and girls


def ordered_outcomes(labels: Iterable[str]) -> tuple[str, ...] | None:
    """Return outcomes from the lowest to the highest, where all are steps of one common scale.

    Letters from A to F are grades, A the highest; A* is above it, and beside it or several
    others G and U (ungraded) are below. Numbers go by their value.

    Examples
    --------
    >>> ordered_outcomes(["Pass", "Distinction", "Fail"])
    ('Fail', 'Pass', 'Distinction')
    >>> ordered_outcomes(["B", "A", "B+", "C"])
    ('C', 'B', 'B+', 'A')
    >>> ordered_outcomes(["red", "green", "blue"]) is None
    True
    """
    folded = {label: fold(label) for label in labels}
    for steps in (
        *(_steps_of(scale, folded) for scale in _SCALES),
        _grades(folded),
        _numbers(folded),
    ):
        if steps and len(set(steps.values())) == len(steps):
            return tuple(sorted(steps, key=steps.__getitem__))
    return None


def _steps_of(scale: dict[str, int], folded: dict[str, str]) -> dict[str, float] | None:
    found = {label: float(scale[word]) for label, word in folded.items() if word in scale}
    return found if len(found) == len(folded) else None


def _grades(folded: dict[str, str]) -> dict[str, float] | None:
    found, n_usual = {}, 0
    for label, word in folded.items():
        grade = _GRADE.fullmatch(word)
        if grade is None:
            return None
        letter, sign = grade.groups()
        found[label] = 4.0 * _LETTERS.index(letter) + _SIGNS[sign]
        n_usual += letter not in "gu"
    are_grades = "a*" in folded.values() or n_usual >= min(_LEAST_BESIDE, len(found))
    return found if are_grades else None


def _numbers(folded: dict[str, str]) -> dict[str, float] | None:
    found = {label: parse_number(word) for label, word in folded.items()}
    return {k: v for k, v in found.items() if v is not None} if None not in found.values() else None
