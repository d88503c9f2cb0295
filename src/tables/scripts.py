"""Which encoding a text in another script than Latin is in: words of its letters alone, in case."""

from __future__ import annotations

import re

PURE = 0.8  # of the words with foreign letters, that must be of the script's letters alone
# The first that fits is taken, one with small letters before others. Hebrew's letters are where
# Cyrillic's small ones are, all but five.
_SCRIPTS = (
    ("cp1255", "א-ת", False), ("cp1253", "Ͱ-Ͽ", True), ("cp1251", "Ѐ-ӿ", True),
    ("koi8_r", "Ѐ-ӿ", True), ("iso8859_5", "Ѐ-ӿ", True), ("cp866", "Ѐ-ӿ", True),
    ("cp1256", "ء-يپچژگکیہھے", False), ("iso8859_6", "ء-ي", False),
)  # fmt: skip
_WORD = re.compile(r"[^\W\d_]+")
_EAST_ASIAN = re.compile(r"[\u3005-\u30ff\u4e00-\u9fff\uac00-\ud7a3]+")
_PAIRS = re.compile(rb"[\x81-\xfe][\x40-\xfe]")


def find_script(sample: bytes) -> str:
    """Return the encoding of lines in a script of its own, empty where none fits."""
    fitting = [
        encoding
        for encoding, letters, has_case in _SCRIPTS
        if _fits(sample, encoding, letters, has_case=has_case)
    ]
    if not fitting:
        return _east_asian(sample)
    # One Cyrillic encoding has its large letters where another has its small ones.
    return min(fitting, key=lambda encoding: _is_large(sample.decode(encoding)))


def _is_large(text: str) -> bool:
    foreign = [c for c in text if not c.isascii()]
    return sum(map(str.isupper, foreign)) > sum(map(str.islower, foreign))


def _fits(sample: bytes, encoding: str, letters: str, *, has_case: bool) -> bool:
    """Whether the words are of the script's letters alone, and only their first ones are large."""
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    pure = [word for word in words if re.fullmatch(f"[{letters}]+", word)]
    if not words or len(pure) < PURE * len(words) or sum(map(len, pure)) < 2.5 * len(pure):
        return False
    if text.count("ΰ") > 0.02 * sum(map(len, pure)):
        return False  # rare in Greek, and where Cyrillic has its commonest letter
    in_case = [word for word in pure if word[1:] == word[1:].lower() or word == word.upper()]
    return not has_case or len(in_case) >= 0.9 * len(pure)


def _east_asian(sample: bytes) -> str:
    """Return Big5, GB 18030, Shift JIS or Korean's encoding by the bytes that begin characters."""
    pairs = [found.group() for found in _PAIRS.finditer(sample)]
    n_foreign = sum(byte > 0x7F for byte in sample)
    if not pairs or sum(sum(b > 0x7F for b in pair) for pair in pairs) < 0.95 * n_foreign:
        return ""
    first = [pair[0] for pair in pairs]
    if sum(byte < 0xA1 or byte in (0xE0, 0xE1) for byte in first) > 0.3 * len(first):
        order: tuple[str, ...] = ("cp932",)
    elif any(pair[1] < 0x80 for pair in pairs):
        order = ("big5", "cp932")
    else:
        order = ("cp949",) if all(0xB0 <= byte <= 0xC8 for byte in first) else ("gb18030",)
    return next((encoding for encoding in order if _decodes(sample, encoding)), "")


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        text = sample.decode(encoding)
    except UnicodeDecodeError:
        return False
    words = [word for word in _WORD.findall(text) if not word.isascii()]
    pure = [word for word in words if _EAST_ASIAN.fullmatch(word)]
    return len(pure) >= PURE * len(words) and sum(map(len, pure)) >= 1.5 * len(pure) > 0
