"""A language that nobody speaks: each message is longer, and bears a mark at both ends.

What a page says without the mark was forgotten to be marked for translation.
"""

from __future__ import annotations

import re
from pathlib import Path

from babel.messages.pofile import write_po

from src.translations.__main__ import areas, merged, said_in_source

OPENING, CLOSING = "⟦", "⟧"
_PARTS = re.compile(r"(%\(\w+\)[sd]|%%|<[^>]*>|\{\w+\})")
_ACCENTS = str.maketrans("aeiouAEIOUn", "áéíóúÁÉÍÓÚñ")


def pseudo(message: str) -> str:
    """Return a message two fifths longer, its letters with accents, its fields as they are."""
    parts = _PARTS.split(message)
    text = "".join(p if i % 2 else p.translate(_ACCENTS) for i, p in enumerate(parts))
    return f"{OPENING}{text}{'~' * round(0.4 * len(message))}{CLOSING}"


def write_catalogue(folder: Path, language: str = "de") -> None:
    """Write the catalogue of all that is said."""
    path = folder / f"{language}.po"
    path.touch()
    catalogue = merged(path, said_in_source(areas()[0]))
    for message in catalogue:
        if message.id:
            many = isinstance(message.id, tuple | list)
            message.string = tuple(map(pseudo, message.id)) if many else pseudo(message.id)
    with path.open("wb") as file:
        write_po(file, catalogue)
