"""Rows that are no pupils: totals and averages, units, points possible, the header again."""

from __future__ import annotations

import re
from collections.abc import Sequence

from src.language import mark
from src.tables.cells import MISSING_MARKS, match_key, parse_number, word_set
from src.tables.look_alike import fold

SUMMARY, UNITS, HEADER = "summary", "units", "header"
BLANK = mark("The row is empty: it is left out.")
NO_PUPIL = {
    SUMMARY: mark("The row holds a total, an average or the like, no pupil: it is left out."),
    UNITS: mark("The row holds units, no pupil: it is left out."),
    HEADER: mark("The row holds the names of the columns again, no pupil: it is left out."),
}

_LABELS = word_set("""
total | totals | sum | sums | mean | means | average | averages | avg | avg. | grand total |
overall | subtotal | sub-total | mean score | average score | class average | class mean | class
total | group average | school average | overall average | overall mean | column total | column
mean | points possible | possible points | max points | maximum points | max score | maximum
score | out of | full marks | standard deviation | std dev | std. dev. | stdev | std |
std deviation | summe | gesamt | gesamtsumme | insgesamt | mittel | mittelwert | mittelwerte |
durchschnitt | klassendurchschnitt | schnitt | klassenschnitt | notenschnitt |
standardabweichung | maximalpunkte | erreichbare punkte | max. punkte | moyenne | moyennes |
moyenne générale | moyenne de la classe | somme | total général | écart-type | écart type |
promedio | promedios | total general | desviación estándar | totale | somma | media della classe
| totaal | gemiddelde | toplam | ortalama | genel ortalama | standart sapma | razem | średnia |
suma końcowa | média | medelvärde | gennemsnit | gjennomsnitt | keskiarvo | yhteensä | итого |
всего | среднее | сумма | المجموع | المتوسط | 合计 | 总计 | 平均 | 平均分
""", "|")  # fmt: skip
# Words that may also be a name or an answer: only where the row holds no other text.
_WEAK = word_set("""
maximum minimum median count number media anzahl nombre variance
""")  # fmt: skip
# Codes of states and the like, too: only below another such row.
_BELOW = word_set("sd s.d. var q1 q3 n min max range")
_ANY = _LABELS | _WEAK | _BELOW
_LABEL_OF = re.compile(
    r"(?:total|sum|average|mean|avg|durchschnitt|summe|moyenne) (?:of|for|der|de) .*"
)
_UNIT = re.compile(r"[\[(<].{0,14}[\])>]|%|°C?")
_UNIT_WORDS = word_set("""
h hrs hours hour min mins minutes minute s sec seconds days day years year yrs weeks pts points
score marks mark percent number text string yes/no m/f kg cm m km std stunden punkte jahre tage
wochen minuten prozent heures ans jours puntos horas años días puan saat
""")  # fmt: skip


def row_kind(
    header: Sequence[str],
    cells: Sequence[str],
    legitimate: frozenset[str] = frozenset(),
    *,
    below: bool = False,
) -> str:
    """Return what a row is that is no pupil; empty where nothing says so.

    Parameters
    ----------
    header : sequence of str
    cells : sequence of str of the same length
    legitimate : frozenset of str
        Folded texts that are ordinary values of the table, so that they label nothing.
    below : bool
        Whether the row above is such a row.

    Examples
    --------
    >>> row_kind(["name", "score"], ["Average", "71.5"]), row_kind(["name", "score"], ["Ada", "80"])
    ('summary', '')
    >>> row_kind(["name", "score"], ["Name", "Score"]), row_kind(["name", "score"], ["", "[pts]"])
    ('header', 'units')
    """
    filled = [(name, cell) for name, cell in zip(header, cells, strict=False) if cell.strip()]
    if not filled:
        return ""
    n_same = sum(match_key(name) == match_key(cell) for name, cell in filled if name)
    if n_same >= 2 and 2 * n_same >= len(filled):
        return HEADER
    texts = [cell for _, cell in filled if _is_text(cell)]
    if not texts:
        return ""
    if len(texts) == len(filled) and all(map(_is_unit, texts)) and any(map(_UNIT.fullmatch, texts)):
        return UNITS
    folded = [fold(cell).rstrip(" :=") for cell in texts]
    labels = [text for text in folded if text in _LABELS or _LABEL_OF.fullmatch(text)]
    if not labels and len(folded) == 1 and (folded[0] in _WEAK or (below and folded[0] in _BELOW)):
        labels = folded
    # A firm or a river may be called Total or Somme: its row holds more texts.
    n_others = len(folded) - len(labels)
    return SUMMARY if n_others <= 1 and any(t not in legitimate for t in labels) else ""


def _is_text(cell: str) -> bool:
    is_empty = cell.strip().lower() in MISSING_MARKS or cell.startswith("=")  # without a result
    return not is_empty and parse_number(cell, decimal_comma="," in cell) is None


def _is_unit(cell: str) -> bool:
    text = fold(cell)
    return _UNIT.fullmatch(text) is not None or text in _UNIT_WORDS


def may_be_no_pupil(cell: str, header_key: str) -> bool:
    """Whether a cell is worth looking at its row, for speed: most cells are not."""
    if len(cell) > 60 or not cell:
        return False
    first = cell[0]
    if first.isdigit() or first in "+-.,":
        return False
    text = fold(cell).rstrip(" :=")
    if text in _ANY or _LABEL_OF.fullmatch(text) or _UNIT.fullmatch(text):
        return True
    return abs(len(cell) - len(header_key)) <= 3 and match_key(cell) == header_key
