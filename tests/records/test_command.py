"""The command: what an operator types, from outcomes to an erasure."""

from __future__ import annotations

import json

import pytest

from src.records.__main__ import main
from src.records.database import migrate, open_engine
from tests.records.conftest import KEY
from tests.records.worlds import a_prediction, a_school, put


@pytest.fixture
def engine(make_url, monkeypatch, sample_artifacts, tmp_path):
    """Return an engine of the database that the environment names."""
    url = make_url("sqlite")
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("RECORDS_URL", url), ("RECORDS_KEY", KEY), ("ARTIFACTS_DIR", str(sample_artifacts)),
    ):  # fmt: skip
        monkeypatch.setenv(name, value)
    engine = open_engine(url)
    migrate(engine)
    yield engine
    engine.dispose()


def test_outcomes_come_in_and_what_was_not_taken_stands_in_a_file(engine, tmp_path, capsys):
    put(engine, [a_prediction("1"), a_prediction("2")])
    (tmp_path / "results.csv").write_text("subject,math_score\n1,70\nnobody,80\n")
    assert main(["outcomes", "import", "results.csv", "--as-of", "2026-09-30"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 rows: 1 matched, 0 corrected, 0 unchanged, 1 unmatched, 0 doubtful,")
    not_taken = (tmp_path / "not-taken.csv").read_text("utf-8-sig")
    assert "nobody,80,No prediction was made of this pupil." in not_taken


def test_the_report_is_stored_and_printed_as_json(engine, capsys):
    a_school(engine, n_groups=3)
    assert main(["report"]) == 0
    assert json.loads(capsys.readouterr().out)["figures"]["n"] == 45


def test_a_pupil_is_shown_then_erased(engine, capsys):
    put(engine, [a_prediction("4711"), a_prediction("other")])
    assert main(["export", "--subject", "4711"]) == 0
    assert len(json.loads(capsys.readouterr().out)["predictions"]) == 1
    assert main(["erase", "--subject", "4711"]) == 0
    assert capsys.readouterr().out.startswith("1 predictions erased.")


def test_a_person_s_decision_is_kept_with_its_reason(engine, capsys):
    (name,) = put(engine, [a_prediction("1")])
    given = ["--decision", "no extra help", "--reason", "was ill on the day"]
    assert main(["review", name, *given]) == 0
    capsys.readouterr()
    main(["export", "--subject", "1"])
    (review,) = json.loads(capsys.readouterr().out)["reviews"]
    assert (review["decision"], review["reason"]) == ("no extra help", "was ill on the day")
    assert main(["review", "none", *given]) == 2


def test_old_predictions_are_pruned_by_days_alone(engine, capsys):
    put(engine, [a_prediction("1", made_at_ms=0), a_prediction("2")])
    assert main(["prune", "--older", "400d"]) == 0
    assert capsys.readouterr().out == "1 predictions removed.\n"
    with pytest.raises(SystemExit):
        main(["prune", "--older", "0d"])


def test_without_records_the_command_says_what_is_not_set(monkeypatch, capsys):
    monkeypatch.delenv("RECORDS_URL", raising=False)
    assert main(["report"]) == 2
    assert capsys.readouterr().err == "No records are kept: RECORDS_URL is not set.\n"


def test_a_database_that_is_down_is_said_in_one_line(monkeypatch, capsys, sample_artifacts):
    monkeypatch.setenv("RECORDS_URL", "postgresql+psycopg://nobody@127.0.0.1:1/none")
    monkeypatch.setenv("RECORDS_KEY", KEY)
    assert main(["report"]) == 3
    assert capsys.readouterr().err.startswith("The database of the records does not answer:")
