"""Logging: one place that decides where it goes. Importing this module configures nothing."""

from __future__ import annotations

import json
import logging
import sys
import time
from contextvars import ContextVar
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
    """Writes a record as one line of JSON, a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": utc(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if answering := request_id.get():
            line["request_id"] = answering
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def utc(seconds: float) -> str:
    """Return a moment as ISO 8601 writes it, to the millisecond.

    Examples
    --------
    >>> utc(0.5)
    '1970-01-01T00:00:00.500Z'
    """
    whole = int(seconds)
    milliseconds = int((seconds - whole) * 1000)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{milliseconds:03d}Z"


class AccessLog:
    """A line for each answered request, written past :mod:`logging`'s record, which costs more.

    It goes where the project's lines go at level INFO, in their format. It holds the rule of the
    route, never the address that was asked for, which a person may have written answers into.
    """

    def __init__(self, *, json_lines: bool = False) -> None:
        self._logger = logging.getLogger(ACCESS)
        self._root = logging.getLogger(ROOT)
        self._json = json_lines
        self._now = (-1, "")  # the second that was written last, and its text

    def write(self, method: str, route: str, status: str, seconds: float, answered: str) -> None:
        """Write a line.

        Parameters
        ----------
        method, route, status : str
            As the program knows them; nothing that a client can choose freely.
        seconds : float
            Until the answer was ready to be sent.
        answered : str
            The request's id.
        """
        if not self._logger.isEnabledFor(logging.INFO):
            return
        if self._json:
            line = (
                f'{{"time": "{self._time()}", "level": "INFO", "logger": "{ACCESS}", "message": '
                f'"{method} {route} {status}", "method": "{method}", "route": "{route}", '
                f'"status": {status}, "duration_ms": {seconds * 1e3:.3f}, '
                f'"request_id": "{answered}"}}\n'
            )
        else:
            line = (
                f"{self._time()} INFO {ACCESS}: {method} {route} {status} "
                f"{seconds * 1e3:.1f} ms [{answered}]\n"
            )
        for handler in self._root.handlers:
            if isinstance(handler, logging.StreamHandler):
                handler.acquire()
                try:
                    handler.stream.write(line)
                    handler.stream.flush()
                except (OSError, ValueError):  # a full disk, a closed pipe: the answer goes out
                    continue
                finally:
                    handler.release()

    def _time(self) -> str:
        now = time.time()
        second, text = self._now
        if int(now) != second:
            form = "%Y-%m-%dT%H:%M:%SZ" if self._json else "%Y-%m-%d %H:%M:%S"
            moment = time.gmtime(now) if self._json else time.localtime(now)
            text = time.strftime(form, moment)
            self._now = (int(now), text)
        return text
