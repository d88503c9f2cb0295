"""A language whose words all look foreign, so that a word that is not marked stands out."""

from __future__ import annotations

import re
import shutil
import string
from collections.abc import Iterator
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.pofile import write_po

from src import language
from src.translations.__main__ import areas, said_in_source

CODE = "eo"
CIRCLED = str.maketrans(
    string.ascii_letters,
    "".join(map(chr, (*range(0x24D0, 0x24D0 + 26), *range(0x24B6, 0x24B6 + 26)))),
)
_FIELD = re.compile(r"(%\(\w+\)s)")
_WORD = re.compile(r"[A-Za-z]{2,}")
_UNREAD = ("style", "code", "title")


@contextmanager
def pseudo_language(folder: Path) -> Iterator[str]:
    """Add the language to those that there are; return its code."""
    for path in language.CATALOGUES.glob("*.po"):
        shutil.copy(path, folder)
    catalogue = Catalog(locale=CODE)
    for message in said_in_source(areas()[0]):
        if not message.id:
            continue
        several = isinstance(message.id, tuple)
        said = tuple(map(_circled, message.id)) if several else _circled(message.id)
        catalogue.add(message.id, said, context=message.context)
    with (folder / f"{CODE}.po").open("wb") as file:
        write_po(file, catalogue)
    caches = (language.languages, language._catalogue)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "CATALOGUES", folder)
        for cached in caches:
            cached.cache_clear()
        yield CODE
    for cached in caches:
        cached.cache_clear()


def _circled(text: str) -> str:
    parts = _FIELD.split(text)
    return "".join(part if part.startswith("%(") else part.translate(CIRCLED) for part in parts)


class _Reader(HTMLParser):
    """Collects what a person reads or hears."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []
        self._inside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append(tag)
        self.texts += [value for name, value in attrs if name == "aria-label" and value]

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        if not set(_UNREAD) & set(self._inside) and data.strip():
            self.texts.append(data)


def unmarked_words(page: str, own: tuple[str, ...]) -> set[str]:
    """Return the English words of a page that are not a user's own, and the texts they are in."""
    reader = _Reader()
    reader.feed(page)
    known = "|".join(re.escape(words) for words in sorted(own, key=len, reverse=True))
    theirs = re.compile(rf"(?<!\w)(?:{known})(?!\w)")
    return {text.strip() for text in reader.texts if _WORD.search(theirs.sub("", text))}
