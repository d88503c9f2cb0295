from __future__ import annotations

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from src.logger import ROOT, configure_logging, get_logger


def test_importing_configures_nothing() -> None:
    code = (
        "import logging, src.logger\n"
        "root = logging.getLogger('stuprediction')\n"
        "print(root.handlers, root.level, root.propagate, logging.getLogger().handlers)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout.strip(), done.stderr) == ("[] 0 True []", "")


def test_lines_go_to_stderr_with_their_module(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    get_logger("src.schema").info("Read %d rows", 12)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.rstrip().endswith("INFO stuprediction.src.schema: Read 12 rows")


def test_configuring_twice_does_not_double_the_lines(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(file=tmp_path / "log")
    configure_logging(file=tmp_path / "log")
    get_logger("x").warning("once")
    assert capsys.readouterr().err.count("once") == 1
    assert (tmp_path / "log").read_text().count("once") == 1


def test_the_last_call_decides(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("DEBUG", tmp_path / "log")
    configure_logging("error")
    get_logger("x").warning("unheard")
    assert capsys.readouterr().err == (tmp_path / "log").read_text() == ""


def test_a_file_is_appended_to_in_utf8(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("before\n")
    configure_logging(file=tmp_path / "log")
    get_logger("x").error("Zoë")
    text = (tmp_path / "log").read_bytes().decode("utf-8")
    assert text.startswith("before\n")
    assert "Zoë" in text


@pytest.mark.parametrize(
    ("level", "file", "error"),
    [("LOUD", None, ValueError), ("INFO", "no/such/folder/log", FileNotFoundError)],
)
def test_what_cannot_be_used_leaves_the_handlers_as_they_were(
    level: str, file: str | None, error: type[Exception], tmp_path: Path
) -> None:
    configure_logging()
    before = logging.getLogger(ROOT).handlers[:]
    with pytest.raises(error):
        configure_logging(level, tmp_path / file if file else None)
    assert logging.getLogger(ROOT).handlers == before
