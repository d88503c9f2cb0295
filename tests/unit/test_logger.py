from __future__ import annotations

import json
import logging
import subprocess
import sys
from pathlib import Path

import pytest

from src.logger import ROOT, AccessLog, configure_logging, get_logger, request_id


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
    get_logger("src.schema.record").info("Read %d rows", 12)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.rstrip().endswith("INFO stuprediction.src.schema.record: Read 12 rows")


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


def test_json_lines_hold_the_message_the_request_and_the_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging(json_lines=True)
    token = request_id.set("abc")
    try:
        raise ValueError('line one\nline "two"')
    except ValueError:
        get_logger("x").exception("Failed on %d rows", 3)
    finally:
        request_id.reset(token)
    get_logger("x").info("later")
    failed, later = map(json.loads, capsys.readouterr().err.splitlines())
    assert (failed["level"], failed["message"]) == ("ERROR", "Failed on 3 rows")
    assert (failed["logger"], failed["request_id"]) == ("stuprediction.x", "abc")
    assert failed["traceback"].startswith("Traceback")
    assert failed["time"].endswith("Z")
    assert not {"request_id", "traceback"} & set(later)


def test_a_text_line_names_the_request_that_it_is_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logging()
    token = request_id.set("abc")
    get_logger("x").warning("odd")
    request_id.reset(token)
    assert capsys.readouterr().err.endswith("WARNING stuprediction.x: odd [abc]\n")


@pytest.mark.parametrize("json_lines", [False, True])
def test_an_access_line_goes_where_the_others_go(
    json_lines: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(file=tmp_path / "log", json_lines=json_lines)
    AccessLog(json_lines=json_lines).write("POST", "/predict", "200", 0.00123, "abc")
    line = capsys.readouterr().err
    assert (tmp_path / "log").read_text("utf-8") == line
    if json_lines:
        read = json.loads(line)
        assert read.pop("time").endswith("Z")
        assert read == {
            "level": "INFO", "logger": "stuprediction.access", "message": "POST /predict 200",
            "method": "POST", "route": "/predict", "status": 200, "duration_ms": 1.23,
            "request_id": "abc",
        }  # fmt: skip
    else:
        assert line.endswith(" INFO stuprediction.access: POST /predict 200 1.2 ms [abc]\n")


def test_access_lines_are_silent_above_info(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging("WARNING")
    AccessLog().write("GET", "/", "200", 0.1, "abc")
    assert capsys.readouterr().err == ""
