"""Logging: one place that decides where it goes. Importing this module configures nothing."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextlib import nullcontext, suppress
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = "stuprediction"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
ACCESS = f"{ROOT}.access"

request_id: ContextVar[str] = ContextVar("request_id", default="")


def get_logger(name: str) -> logging.Logger:
    """Return the logger of a module, below the project's own root.

    Examples
    --------
    >>> get_logger("src.schema.record").name
    'stuprediction.src.schema.record'
    """
    return logging.getLogger(f"{ROOT}.{name}")


def configure_logging(
    level: str = "INFO", file: Path | None = None, *, json_lines: bool = False
) -> None:
    """Send the project's log lines to stderr, and to a file where one is named.

    Calling it again replaces the handlers, so the last call decides.

    Parameters
    ----------
    level : str
        ``DEBUG``, ``INFO``, ``WARNING`` or ``ERROR``.
    file : Path, optional
        Appended to; its folder must exist.
    json_lines : bool
        Whether each line is a JSON object.

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
        handler.setFormatter(JSONFormatter() if json_lines else TextFormatter(FORMAT))
        logger.addHandler(handler)
    logger.propagate = False


class TextFormatter(logging.Formatter):
    """Adds the id of the request that is being answered, where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        text, answering = super().format(record), request_id.get()
        return f"{text} [{answering}]" if answering else text


class JSONFormatter(logging.Formatter):
    """Writes a record as one line of JSON: a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if answering := request_id.get():
            line["request_id"] = answering
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


class AccessLog:
    """A line for each answered request, at a fifth of what a record of :mod:`logging` costs.

    It goes where the project's lines go at level INFO, in their format. It holds the rule of the
    route, never the address that was asked for, which a person may have written answers into.
    """

    def __init__(self, *, json_lines: bool = False) -> None:
        self._logger, self._root = logging.getLogger(ACCESS), logging.getLogger(ROOT)
        self._json = json_lines
        self._now = (-1, "")  # the second that was written last, and its text

    def write(self, method: str, route: str, status: str, seconds: float, answering: str) -> None:
        """Write what a request took until its answer was ready; nothing a client chooses freely."""
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if self._json:
            line = (
                f'{{"time": "{self._time()}", "level": "INFO", "logger": "{ACCESS}", "message": '
                f'"{method} {route} {status}", "method": "{method}", "route": "{route}", '
                f'"status": {status}, "duration_ms": {seconds * 1e3:.3f}, '
                f'"request_id": "{answering}"}}\n'
            )
        else:
            took = f"{seconds * 1e3:.1f} ms [{answering}]"
            line = f"{self._time()} INFO {ACCESS}: {method} {route} {status} {took}\n"
        for handler in self._root.handlers:
            if isinstance(handler, logging.StreamHandler):
                # A full disk, a closed pipe: the answer goes out.
                with handler.lock or nullcontext(), suppress(OSError, ValueError):
                    handler.stream.write(line)
                    handler.stream.flush()

    def _time(self) -> str:
        now = int(time.time())
        if now != self._now[0]:
            form = "%Y-%m-%dT%H:%M:%SZ" if self._json else "%Y-%m-%d %H:%M:%S"
            moment = time.gmtime(now) if self._json else time.localtime(now)
            self._now = (now, time.strftime(form, moment))
        return self._now[1]
