"""Logging: one place that decides where it goes. Importing this module configures nothing."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

ROOT = "stuprediction"
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"

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
    """Writes a record as one line of JSON: its ``fields`` and a traceback included."""

    def format(self, record: logging.LogRecord) -> str:
        moment = datetime.fromtimestamp(record.created, UTC)
        line: dict[str, Any] = {
            "time": f"{moment:%Y-%m-%dT%H:%M:%S}.{record.msecs:03.0f}Z",
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= getattr(record, "fields", {})
        if answering := request_id.get():
            line["request_id"] = answering
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_answer(method: str, route: str, status: str, seconds: float) -> None:
    """Write the line of an answered request.

    It holds the rule of the route, never the address that was asked for, which a person may have
    written answers into.

    Parameters
    ----------
    seconds : float
        Until the answer was ready to be sent.
    """
    fields = {
        "method": method,
        "route": route,
        "status": int(status),
        "duration_ms": round(seconds * 1e3, 3),
    }
    message = "%s %s %s %.1f ms"
    _access.info(message, method, route, status, seconds * 1e3, extra={"fields": fields})


_access = get_logger("access")
