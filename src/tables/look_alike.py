"""Texts that mean the same category though they are spelt differently."""

from __future__ import annotations

import re
import unicodedata

from src.tables.cells import word_set

_QUOTES = str.maketrans("‘’‚‛`´ʼ′“”„«»″‐‑‒–—−", "''''''''\"\"\"\"\"\"------")
_TRUE = word_set("""
true yes y t 1 ja j oui o si sì sí s sim evet e da tak on да
""")  # fmt: skip
_FALSE = word_set("""
false no n f 0 nein non não nao hayır hayir h nie off нет
""")  # fmt: skip
_OTHERS = word_set("""
other others andere anderes sonstige sonstiges autre autres otro otra otros altro altri outro
outros diğer overig overige inny inne annat
""")  # fmt: skip


def fold(text: str) -> str:
    """Return what look-alikes share: no case, plain blanks and dashes, no quotes, one Unicode form.

    Examples
    --------
    >>> fold("Master\u2019s\u00a0 Degree") == fold("master's degree")
    True
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text).translate(_QUOTES)
    return " ".join(text.replace("'", "").replace('"', "").casefold().split()) or text


def truth(text: str) -> bool | None:
    """Return what a text says of yes or no, None where it says nothing.

    Examples
    --------
    >>> truth("TRUE"), truth("n"), truth("1.0"), truth("maybe")
    (True, False, True, None)
    """
    word = fold(text).removesuffix(".0")
    return True if word in _TRUE else False if word in _FALSE else None


def means_others(text: str) -> bool:
    """Return whether a category is that of all which have none of their own."""
    return fold(text) in _OTHERS


def digits(text: str) -> list[str]:
    """Return the whole numbers in a text: where they differ, it is no other spelling.

    Examples
    --------
    >>> digits("G-08") == digits("g 8"), digits("G-08") == digits("G-05")
    (True, False)
    """
    return [number.lstrip("0") for number in re.findall(r"\d+", text)]
