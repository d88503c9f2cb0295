"""Logging: one place that decides where it goes. Importing this module configures nothing."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

ROOT = "stuprediction"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, below the project's own root.

    Examples
    --------
    >>> get_logger("src.schema").name
    'stuprediction.src.schema'
    """
    return logging.getLogger(f"{ROOT}.{name}")


def configure_logging(level: str = "INFO", file: Path | None = None) -> None:
    """Send the project's log lines to stderr, and to a file where one is named.

    Calling it again replaces the handlers, so the last call decides.

    Parameters
    ----------
    level : str
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    file : Path, optional
        Appended to; its folder must exist.

    Raises
    ------
    ValueError
        If ``level`` is not a level.
    OSError
        If ``file`` cannot be opened; the handlers are then as they were.
    """
    logger = logging.getLogger(ROOT)
    logger.setLevel(level.upper())
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if file is not None:
        handlers.append(logging.FileHandler(file, encoding="utf-8"))
    for handler in logger.handlers[:]:
        logger.removeHandler(handler)
        handler.close()
    for handler in handlers:
        handler.setFormatter(logging.Formatter(FORMAT))
        logger.addHandler(handler)
    logger.propagate = False
