"""Options of the commands: one that is given must be used or refused."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any


class Once(argparse.Action):
    """Refuse an option that is given twice, of whose values one would be dropped in silence."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option_string: Any = None) -> None:
        given = vars(namespace).setdefault("given", set())
        if self.dest in given:
            raise argparse.ArgumentError(self, "given twice")
        given.add(self.dest)
        setattr(namespace, self.dest, values)


def option_text(text: str) -> str:
    """Return the value of an option, which may not be empty."""
    if not text.strip():
        raise argparse.ArgumentTypeError("a value is missing")
    return text


def option_path(text: str) -> Path:
    """Return the path that an option names."""
    return Path(option_text(text))
