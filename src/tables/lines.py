"""Physical lines of a text file."""

from __future__ import annotations

import io
from typing import IO

LINE_LIMIT = 1 << 17  # characters, also the csv module's limit; a longer line is no table of people
SAMPLE_LINES = 100  # lines that show the delimiter, the decimal mark and the width
SAMPLE_CHARACTERS = 1 << 16


class Lines:
    """Physical lines with their numbers; some can be put back. The byte order mark is dropped."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._back: list[str] = []
        self.number = 0

    def next(self) -> str | None:
        """Return the next line with its end, None at the end of the file."""
        if self._back:
            line = self._back.pop()
        else:
            line = self._text.readline(LINE_LIMIT)
            if len(line) == LINE_LIMIT and line[-1] not in "\r\n":
                while (rest := self._text.readline(LINE_LIMIT)) and rest[-1] not in "\r\n":
                    pass
            if self.number == 0:
                line = line.lstrip("\ufeff")
        if not line:
            return None
        self.number += 1
        return line

    def take(self, n_characters: int) -> str:
        """Return so many characters, up to the end of a line, with what was put back; or nothing.

        Of a line that is too long, only its beginning is returned, as many characters as show it.
        """
        text = "".join(reversed(self._back)) + self._text.read(n_characters)
        self._back.clear()
        if text and text[-1] != "\n":
            rest = self._text.readline(LINE_LIMIT)
            text += rest
            while rest and rest[-1] not in "\r\n":
                rest = self._text.readline(LINE_LIMIT)
        self.number += (
            len(split_lines(text))
            if "\r" in text
            else text.count("\n") + (text[-1:] not in ("", "\n"))
        )
        return text

    def put_back(self, lines: list[str]) -> None:
        """Make ``lines`` the next ones to be read."""
        self._back += reversed(lines)
        self.number -= len(lines)

    def peek(self) -> list[str]:
        """Return the next lines without reading them."""
        lines: list[str] = []
        size = 0
        while len(lines) < SAMPLE_LINES and size < SAMPLE_CHARACTERS:
            if (line := self.next()) is None:
                break
            lines.append(line)
            size += len(line)
        self.put_back(lines)
        return lines


def split_lines(text: str) -> list[str]:
    """Return the lines of a text with their ends; a line that is too long is cut to the limit."""
    return [line[:LINE_LIMIT] for line in io.StringIO(text, newline="")]
