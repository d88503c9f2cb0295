"""Training on what a real PostgreSQL server answers: by a cursor on its side, in bounded memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from src.components import data_ingestion
from src.pipelines import large_table as road
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig

N_ROWS, MOST = 4_000, 600
TABLE = """CREATE TABLE marks AS
SELECT i AS pupil_number, 40 + (i * 7919) % 61 AS mark, round(((i * 104729) % 1000) / 100.0, 2)
AS hours, CASE WHEN (i * 15485863) % 3 = 0 THEN 'free' ELSE 'standard' END AS lunch,
CASE WHEN 40 + (i * 7919) % 61 + (i * 32452843) % 40 > 75 THEN 'pass' ELSE 'fail' END AS outcome
FROM generate_series(CAST(1 AS bigint), :n) AS i"""
LONG = "SELECT i, repeat('a mark', 40) || i AS answer FROM generate_series(1, 300000) AS i"
MEASURE = """
import json, resource, sys
from pathlib import Path
from src.components.data_ingestion import DataIngestion, DataIngestionConfig

url, query, folder = sys.argv[1:]

def peak_mib(n):
    found = DataIngestion(DataIngestionConfig(url, query + f" LIMIT {n}"))
    assert found.read_or_write(Path(folder) / f"{n}.parquet", lambda n_cells: False) is None
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024

print(json.dumps([peak_mib(60_001), peak_mib(300_000)]))
"""


@pytest.fixture
def database(make_url) -> str:
    url = make_url("postgresql")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text(TABLE), {"n": N_ROWS})
    engine.dispose()
    return url


def test_answer_of_300000_rows_takes_no_more_memory_than_one_of_60000(make_url, tmp_path):
    url, environment = make_url("postgresql"), os.environ | {"PYTHONPATH": str(Path.cwd())}
    command = [sys.executable, "-c", MEASURE, url, LONG, str(tmp_path)]
    answer = subprocess.run(command, capture_output=True, check=True, env=environment, timeout=300)
    few, many = json.loads(answer.stdout)
    assert (tmp_path / "300000.parquet").stat().st_size > 0
    assert many - few < 30, "of the answer, 58 MiB more would be held at once"


def test_outcomes_of_a_database_that_does_not_fit_are_trained_in_parts(
    database, tmp_path, monkeypatch, caplog
):
    """The memory left is used up after the first rows, so the rest goes to a file, unasked."""
    monkeypatch.setattr(data_ingestion, "ROWS_AT_ONCE", 500)
    monkeypatch.setattr(road, "rows_to_draw", lambda n_columns: MOST)
    monkeypatch.setattr(road, "memory_left", lambda: road.memory_to_train(2_600))
    config = TrainConfig(
        data=database, query="SELECT * FROM marks", target="outcome", models=("logistic",),
        budget="quick", artifacts=tmp_path / "artifacts", drop=("pupil_number",),
    )  # fmt: skip
    result = TrainPipeline(config).run()
    assert f"answer has {N_ROWS} rows. It is read in parts: it does not fit" in caplog.text
    assert result.run.manifest.rows["used"] == N_ROWS
    assert result.run.read_json("metrics.json")["large_table"]["n_searched"] == MOST
    monkeypatch.undo()
    whole = TrainPipeline(replace(config, artifacts=tmp_path / "whole"))
    whole.check()
    assert whole._large is None, "it is read into memory where it fits"
