"""A year of a school comes to an end, and its page says what happened."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from benchmarks import year
from src.artifact_store import ArtifactStore


@pytest.mark.slow
def test_in_a_year_the_winter_s_challenger_stays_a_shadow_and_the_summer_s_is_promoted(
    tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(year.shutil, "which", lambda name: None)  # no pictures
    folder = tmp_path / "year"
    assert year.main(["--output", str(folder)]) == 0
    store = ArtifactStore(folder / "artifacts", "")
    assert [line.by for line in store.history()] == ["train", "challenge"]
    assert len(store.run_ids()) == 3
    with sqlite3.connect(folder / "records.db") as database:
        told = database.execute("SELECT details FROM event WHERE kind = 'challenge' ORDER BY id")
        decisions = [json.loads(details)["decision"] for (details,) in told]
        (shadowed,) = database.execute("SELECT count(shadow) FROM prediction").fetchone()
    assert decisions == ["kept", "promoted"]
    assert shadowed == len(year.CLASSES) * year.CLASS_SIZE
    page = (folder / "summer.html").read_text()
    assert f"run {store.promoted().run_id} answers since then" in page
    assert "<link" not in page.split("</head>")[0].replace('<link rel="icon"', "")


def test_a_folder_with_other_things_is_not_emptied(tmp_path: Path, capsys) -> None:
    (tmp_path / "marks.csv").touch()
    with pytest.raises(SystemExit):
        year.main(["--output", str(tmp_path)])
    assert "holds other things than a year" in capsys.readouterr().err
    assert (tmp_path / "marks.csv").exists()
