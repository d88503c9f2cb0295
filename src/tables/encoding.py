"""Which encoding a text file is in: its mark, else UTF-8 where it fits, else the likeliest."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections import Counter
from typing import BinaryIO

from src.exception import DataValidationError
from src.language import gettext as _
from src.logger import get_logger
from src.tables.scripts import find_script

logger = get_logger(__name__)

SAMPLE_BYTES = 1 << 16
COVERED = 0.9  # share of the foreign letters that one alphabet must hold

# The letters beyond a to z of languages that share an encoding. German, French, Spanish,
# Portuguese, Italian, Catalan, Swedish and Finnish, Danish and Norwegian, Icelandic, Dutch:
_WESTERN = (
    "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü¿¡", "àáâãçéêíóôõú", "àéèìîòóù", "áàçèéíïòóúü",
    "åäöé", "åæøé", "áéíóúýþæðö", "éëïöüóè",
)  # fmt: skip
# Polish, Czech, Slovak, Hungarian, Croatian and Slovene, Romanian:
_CENTRAL = (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîşţ",
)  # fmt: skip
_TURKISH = ("çğıöşüâîû",)
_BALTIC = ("ąčęėįšųūž", "āčēģīķļņšūž", "äõöüšž")
# In the order in which they are preferred where several fit.
_LATIN = {
    "cp1252": _WESTERN, "cp1250": _CENTRAL, "cp1254": _TURKISH, "cp1257": _BALTIC,
    "iso8859_2": _CENTRAL, "mac_roman": _WESTERN, "cp850": _WESTERN, "cp852": _CENTRAL,
}  # fmt: skip
# Bytes of ı, ş, ğ, İ, Ş, Ğ, which Western encodings have for ý, þ, ð; beside them no á, é, í, æ,
# without which Icelandic has hardly a line.
_TURKISH_AS_WESTERN = re.compile(
    rb"(?=.*[\xfd\xfe\xf0\xdd\xde\xd0])[\x00-\x7f\xfd\xfe\xf0\xdd\xde\xd0\xf6\xfc\xe7\xd6\xdc\xc7]*",
    re.DOTALL,
)
_MARKS_OF_ALL = "€£§°²³±‘’‚“”„–—…«»·ºª®©™´\xa0"
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"),
)  # fmt: skip


def find_encoding(file: BinaryIO, name: str) -> tuple[str, bool]:
    """Return an encoding in which the whole file can be read, and whether it was guessed.

    Parameters
    ----------
    file : seekable binary file
        Read through, its position left anywhere.
    name : str
        What the file is called in messages.

    Raises
    ------
    DataValidationError
        If the file is empty, holds no text, or its encoding cannot be told.
    """
    file.seek(0)
    sample = file.read(SAMPLE_BYTES)
    if not sample.strip():
        raise DataValidationError(_("%(name)s is empty.", name=name))
    encoding = next((e for mark, e in _BYTE_ORDER_MARKS if sample.startswith(mark)), "")
    encoding = encoding or _utf16_without_mark(sample)
    guessed = False
    if not encoding:
        if _decodes(file, "utf-8"):
            encoding = "utf-8"
        elif b"\0" in sample:
            raise DataValidationError(_("%(name)s is not a text table.", name=name))
        else:
            encoding, guessed = _guess(_foreign_lines(file), name), True
            logger.info("The file is not UTF-8: read as %s.", encoding)
    if encoding != "utf-8" and not _decodes(file, encoding):
        raise DataValidationError(
            _(
                "%(name)s looks like %(encoding)s and cannot be read as such. Save it as UTF-8.",
                name=name,
                encoding=encoding,
            )
        )
    if _is_binary(sample.decode(encoding, errors="replace")):
        raise DataValidationError(_("%(name)s is not a text table.", name=name))
    return encoding, guessed


def _utf16_without_mark(sample: bytes) -> str:
    """Return the byte order by where the zeros stand, nothing where it is not UTF-16."""
    half = max(1, len(sample) // 2)
    even, odd = sample[::2].count(0) / half, sample[1::2].count(0) / half
    if max(even, odd) < 0.2 or min(even, odd) > 0.05:
        return ""
    return "utf-16-le" if odd > even else "utf-16-be"


def _decodes(file: BinaryIO, encoding: str) -> bool:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(encoding)()
    try:
        while block := file.read(1 << 20):
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return False
    return True


def _is_binary(text: str) -> bool:
    start = text[:4096]
    # A zero is left to the line that holds it.
    control = sum(unicodedata.category(c) == "Cc" and c not in "\t\r\n\f\v\0" for c in start)
    return control > max(10, len(start) // 20)


def _foreign_lines(file: BinaryIO) -> bytes:
    """Return the first lines that are not ASCII, which may stand far below."""
    file.seek(0)
    found = b""
    while len(found) < SAMPLE_BYTES and (line := file.readline(SAMPLE_BYTES)):
        if not line.isascii():
            found += line
    return found


def _guess(sample: bytes, name: str) -> str:
    """Return the likeliest 8-bit encoding of lines that are not UTF-8.

    Guessers need more text than a table holds to tell Latin encodings apart. One language's letters
    cover nearly all that is foreign in a table, when it is read rightly; read wrongly they don't.
    """
    as_utf8 = sample.decode("utf-8", errors="replace")
    n_damaged = as_utf8.count("\ufffd")
    if sum(c > "\x7f" for c in as_utf8) >= 2 * n_damaged:
        raise DataValidationError(
            _(
                "%(name)s is UTF-8 but for some bytes, as if it was cut off or put together from "
                "several files. Save it as UTF-8 again.",
                name=name,
            )
        )
    if script := find_script(sample):
        return script
    coverage = {encoding: _coverage(sample, encoding) for encoding in _LATIN}
    best = max(coverage, key=coverage.__getitem__)
    if coverage[best] >= COVERED:
        return "cp1254" if best == "cp1252" and _TURKISH_AS_WESTERN.fullmatch(sample) else best
    among_latin = len(re.findall(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]", sample))
    if 2 * among_latin > len(re.findall(rb"[\x80-\xff]", sample)) and (
        _coverage(sample, "cp1252", ("".join(_WESTERN),)) >= COVERED
    ):
        return "cp1252"  # names of many countries

    from charset_normalizer import from_bytes

    guess = from_bytes(sample).best()
    if guess is None:
        raise DataValidationError(
            _(
                "%(name)s is not UTF-8, and which encoding it is in cannot be told. Save it as "
                "UTF-8 (in Excel: CSV UTF-8).",
                name=name,
            )
        )
    return guess.encoding


def _coverage(sample: bytes, encoding: str, alphabets: tuple[str, ...] = ()) -> float:
    """Return the largest share of the foreign letters that one of the alphabets holds."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return 0.0
    foreign = Counter(
        c for c in text.replace("İ", "i").lower() if c > "\x7f" and c not in _MARKS_OF_ALL
    )
    held = (sum(foreign[c] for c in alphabet) for alphabet in alphabets or _LATIN[encoding])
    return max(held) / foreign.total() if foreign else 1.0
