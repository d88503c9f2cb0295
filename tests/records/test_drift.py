"""This term's classes beside those that trained: looks, what they find, and what is kept."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, select

from src.artifact_store import ArtifactStore, Run, RunManifest, new_run_id
from src.components.data_validation import DataValidation
from src.exception import ConfigurationError
from src.language import speaking
from src.records.database import migrate, open_engine
from src.records.drift import YEAR_RATE, latest_drift, make_drift, reference_of_table
from src.records.drift_words import UNCHANGED, describe_drift, fits
from src.records.erasure import erase
from src.records.file_summary import FileSummary
from src.records.tables import batch, drift
from src.records.terms import Terms
from src.schema.class_reference import REFERENCE, ClassReference
from src.schema.expected_loss import LOSSES, ExpectedLoss
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.serving.predictor import Predictor
from src.tables.layout import Table
from src.utils import to_json
from tests.outcomes import records
from tests.records.conftest import KEY
from tests.records.test_sign_in import SIGN_IN, sign_in
from tests.records.worlds import a_prediction, put

TERMS = Terms("02-01, 08-01")
DAY = "2026-11-30"
READING = NumericFeature(
    name="reading", label="Reading", observed_minimum=0, observed_maximum=100, optional=True
)
LUNCH = CategoricalFeature(name="lunch", label="Lunch", categories=("free", "standard"))
TARGET = NumericFeature(name="math_score", unit="points", observed_minimum=0, observed_maximum=100)
SCHEMA = Schema(features=(READING, LUNCH), target=TARGET)


def some_classes(n_classes: int, seed: int, moved: float = 0.0, size: int = 15):
    """Return pupils whose classes differ, and their classes."""
    random = np.random.default_rng(seed)
    codes = np.repeat(np.arange(n_classes), size)
    reading = 60 + moved + 4 * random.normal(size=n_classes)[codes]
    reading += 10 * random.normal(size=len(codes))
    lunch = np.where(random.random(len(codes)) < 0.4, "free", "standard").astype(object)
    return pd.DataFrame({"reading": reading.round(1), "lunch": lunch}), codes


def saved_run(folder: Path, reference: ClassReference) -> Run:
    """Return a run with the files that a look at drift reads."""
    frame, codes = some_classes(30, 1)
    random = np.random.default_rng(2)
    spread = 4 + 0.2 * (frame["reading"] - 30).clip(0)
    losses = (spread * random.normal(size=len(frame))).to_numpy() ** 2
    expected = ExpectedLoss.fit(SCHEMA, frame, frame["reading"].to_numpy(), losses, codes)
    assert expected is not None
    manifest = RunManifest(
        new_run_id(), "2026-08-01T00:00:00+00:00", 42, {}, "", SCHEMA.fingerprint, "Ridge",
        {}, {}, {}, {}, [], "3.11",
    )  # fmt: skip
    files = {"schema.json": SCHEMA.to_dict(), REFERENCE: reference.to_dict()}
    files[LOSSES] = expected.to_dict()
    store = ArtifactStore(folder, "")
    run = store.save(manifest, {name: to_json(one) for name, one in files.items()})
    store.promote(run, by="train")
    return run


@pytest.fixture
def engine(make_url) -> Iterator[Engine]:
    engine = open_engine(make_url("sqlite"), patient=True)
    migrate(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def run(tmp_path: Path) -> Run:
    frame, codes = some_classes(40, 0)
    return saved_run(tmp_path / "artifacts", ClassReference.of(SCHEMA, frame, codes, "class"))


def keep(
    engine: Engine, run: Run, frame: pd.DataFrame, codes, first: int = 0, day: str = DAY
) -> None:
    """Write predictions with their answers."""
    put(
        engine,
        [
            a_prediction(
                f"{first}-{i}", day, run=run.run_id, number=float(row["reading"] or 60.0),
                group_name=f"class {first + code}",
                features=json.dumps({"reading": row["reading"], "lunch": row["lunch"]}),
            )
            for i, (row, code) in enumerate(
                zip(frame.to_dict("records"), codes.tolist(), strict=True)
            )
        ],
    )  # fmt: skip


def test_classes_like_those_that_trained_have_not_changed(engine, run):
    keep(engine, run, *some_classes(10, 3))
    found = make_drift(engine, run, TERMS, DAY)
    assert (found["n_classes"], found["n_pupils"], found["source"]) == (10, 150, "features")
    assert not any(one["found"] for one in found["features"])
    assert all(one["smallest"] > 0 for one in found["features"])
    assert found["looks"]["rate"] == YEAR_RATE / 2
    words = describe_drift(found, SCHEMA)
    assert words.sentence == UNCHANGED
    assert not words.changed
    with engine.connect() as connection:
        assert latest_drift(connection) == json.loads(json.dumps(found))


def test_a_shift_is_named_with_its_size_and_the_expected_error_follows(engine, run):
    keep(engine, run, *some_classes(10, 3))
    usual = make_drift(engine, run, TERMS, "2026-11-29")  # nothing yet on that day
    assert usual["untold"] == "no classes"
    before = make_drift(engine, run, TERMS, DAY)["error"]
    keep(engine, run, *some_classes(30, 4, moved=12.0), first=100)
    found = make_drift(engine, run, TERMS, "2026-12-07")
    reading, lunch = sorted(found["features"], key=lambda one: one["feature"], reverse=True)
    assert (reading["found"], lunch["found"]) == (True, False)
    assert reading["mean"] - reading["expected"] > 3
    assert found["looks"]["number"] == 2
    words = describe_drift(found, SCHEMA)
    assert words.sentence == "Reading differs by more than another class would bring."
    assert words.changes[0].startswith("Reading: ")
    with speaking("de"):
        german = describe_drift(found, SCHEMA)
    assert german.sentence.startswith("Reading weicht stärker ab")
    assert german.table is not None
    assert german.table.rows[0][-1].text == "ja"
    assert found["error"]["value"] > 1.05 * before["value"]
    assert found["error"]["low"] < found["error"]["value"] < found["error"]["high"]
    assert "cannot see whether the same answers" in words.error


def test_of_outcomes_the_share_that_will_be_missed_is_expected(engine, outcome_artifacts):
    run = ArtifactStore(outcome_artifacts, "").promoted()
    predictor = Predictor.load(outcome_artifacts)
    pupils = [one for one in records(400, seed=5) if 30 < one["reading"] - one["absences"] < 80]

    def answered(name: str, pupil: dict[str, object]) -> dict[str, object]:
        found = predictor.predict_record(pupil)
        return a_prediction(
            name, DAY, run=run.run_id, target="outcome", number=None, label=found.prediction,
            chances=json.dumps({"probabilities": found.probabilities}), features=json.dumps(pupil),
        )  # fmt: skip

    put(engine, [answered(str(i), pupil) for i, pupil in enumerate(pupils)])
    found = make_drift(engine, run, TERMS, DAY)
    error = found["error"]
    assert (error["measure"], error["n_pupils"]) == ("missed", len(pupils))
    assert 0.15 < error["low"] < error["usual"] < error["value"] < error["high"] < 0.6
    words = describe_drift(found, predictor.schema)
    assert words.error.startswith(f"Of 100 pupils predicted this term ({len(pupils)} pupils)")
    assert f"about {100 * error['value']:.0f} (" in words.error
    assert fits(found, predictor.schema)
    number = replace(predictor.schema, target=replace(TARGET, name="outcome"))
    assert not fits(found, number)


def test_looking_again_without_new_classes_is_no_new_look(engine, run):
    keep(engine, run, *some_classes(10, 3))
    first = make_drift(engine, run, TERMS, DAY)
    again = make_drift(engine, run, TERMS, "2026-12-20")
    assert first["looks"]["number"] == again["looks"]["number"] == 1
    assert again["looks"]["spent"] > first["looks"]["spent"]


def test_a_scale_and_blanks_are_said_in_words(engine, run):
    frame, codes = some_classes(10, 3)
    frame["reading"] /= 5
    frame.loc[:39, "reading"] = None
    frame["reading"] = frame["reading"].astype(object).where(frame["reading"].notna(), None)
    keep(engine, run, frame, codes)
    columns = describe_drift(make_drift(engine, run, TERMS, DAY), SCHEMA).columns
    assert any(line.startswith("Reading is blank for 27") for line in columns)
    assert any("about 1/5 of what it was" in line for line in columns)


def test_without_classes_in_training_the_first_term_is_what_later_ones_are_compared_with(
    engine, tmp_path
):
    frame, _ = some_classes(40, 0)
    run = saved_run(tmp_path / "plain", ClassReference.of(SCHEMA, frame))
    keep(engine, run, *some_classes(10, 3))
    found = make_drift(engine, run, TERMS, DAY)
    assert found["untold"] == "no reference"
    assert "It cannot be told" in describe_drift(found, SCHEMA).sentence
    keep(engine, run, *some_classes(20, 5, moved=15.0), first=100, day="2027-03-01")
    found = make_drift(engine, run, TERMS, "2027-04-01")
    assert (found["reference"]["source"], found["reference"]["n_classes"]) == ("first term", 10)
    assert found["features"][0]["found"]


def a_table(header: list[str], rows: list[list[str]]) -> Table:
    return Table(rows=rows, lines=[*range(2, len(rows) + 2)], header=header)


def test_a_table_can_be_given_with_its_column_of_classes(engine, run):
    frame, codes = some_classes(20, 7)
    rows = [
        [str(reading), lunch, f"K{code}"]
        for (reading, lunch), code in zip(frame.itertuples(index=False), codes, strict=True)
    ]
    table = a_table(["reading", "lunch", "Class"], rows)
    reference = reference_of_table(SCHEMA, table, "class")
    assert (reference.by, reference.n_classes) == ("class", 20)
    keep(engine, run, *some_classes(10, 3))
    assert make_drift(engine, run, TERMS, DAY, reference)["reference"]["source"] == "table"
    with pytest.raises(ConfigurationError, match="--by nothing"):
        reference_of_table(SCHEMA, table, "nothing")
    with pytest.raises(ConfigurationError, match="at least 8 are needed"):
        reference_of_table(SCHEMA, a_table(table.header, rows[:100]), "class")


def summary_of(frame: pd.DataFrame, groups: list[str], **cells: str) -> dict:
    """Return what is kept of a file; with cells, of twelve rows more that hold these."""
    rows = [[str(reading), lunch] for reading, lunch in frame.itertuples(index=False)]
    rows += [["50", cells["lunch"]]] * 12 if cells else []
    table = a_table(["reading", "lunch"], rows)
    checked = DataValidation(SCHEMA).run(table, SCHEMA.locate(table.header))
    summary = FileSummary(SCHEMA, with_classes=True)
    summary.add(checked, groups, [DAY] * len(groups))
    return summary.content()


def test_without_answers_files_keep_counts_of_ten_or_more_and_means(engine, run):
    frame, codes = some_classes(11, 3, moved=12.0)
    frame, codes = frame[:159], codes[:159]  # nine pupils of the last class
    groups = [f"class {code}" for code in codes]
    content = summary_of(frame, groups, lunch="vegan")
    assert [one["n"] for one in content["classes"]] == [15] * 10
    assert content["refused"] == {"lunch": {"vegan": 12}}
    counts = [n for one in content["classes"] for of in one["counts"].values() for n in of.values()]
    assert all(n >= 10 for n in counts)
    n, mean = content["classes"][0]["means"]["reading"]
    assert (n, mean) == (15, pytest.approx(frame["reading"][:15].mean(), rel=1e-5))
    put(engine, [a_prediction("1", DAY, run=run.run_id)])
    row = {"id": "b", "made_at_ms": 1, "run": run.run_id, "n_rows": 171, "n_predicted": 159,
           "summary": json.dumps(content)}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(batch).values(row))
    found = make_drift(engine, run, TERMS, DAY)
    assert (found["source"], found["n_classes"]) == ("summaries", 10)
    assert [one["feature"] for one in found["features"] if one["found"]] == ["reading"]
    words = describe_drift(found, SCHEMA)
    assert "“vegan” (12)" in words.columns[0]
    assert found["error"] is None


def test_after_an_erasure_no_look_and_no_summary_of_the_pupil_is_left(engine, run, tmp_path):
    frame, codes = some_classes(10, 3)
    keep(engine, run, frame, codes)
    put(engine, [a_prediction("Anna", DAY, batch="b", run=run.run_id)])
    row = {"id": "b", "made_at_ms": 1, "run": run.run_id, "n_rows": 10, "n_predicted": 10,
           "summary": "{}"}  # fmt: skip
    with engine.begin() as connection:
        connection.execute(insert(batch).values(row))
    with engine.begin() as connection:
        connection.execute(
            insert(drift).values(
                made_at_ms=1, reference="r", term="2026-08-01", day=DAY, n_classes=10, content="{}"
            )
        )
    erase(engine, "Anna", KEY, tmp_path / "spool", "test")
    with engine.connect() as connection:
        assert connection.execute(select(batch.c.summary)).scalar() is None
        assert connection.execute(select(drift.c.content, drift.c.n_classes)).one() == (None, 10)
        assert latest_drift(connection) is None


def a_look(engine: Engine, run: Run) -> None:
    """Keep a look that found one feature to differ."""
    one = {
        "feature": "reading_score",
        "part": "mean",
        "n_classes": 12,
        "expected": 69.2,
        "mean": 61.7,
        "deviation": 5.0,
        "p_value": 1e-4,
        "found": True,
        "smallest": 5.1,
    }
    found = make_drift(engine, run, TERMS, DAY) | {
        "untold": "", "features": [one], "n_classes": 12, "n_pupils": 240,
        "looks": {"number": 3, "passed": 0.66, "spent": 0.019, "rate": 0.025, "year_rate": 0.05},
    }  # fmt: skip
    with engine.begin() as connection:
        connection.execute(drift.update().values(content=json.dumps(found)))


def test_the_page_says_first_what_has_changed_and_computes_nothing(
    make_app, sample_artifacts, tmp_path, monkeypatch
):
    app = make_app(sample_artifacts, **SIGN_IN)
    client = app.test_client()
    sign_in(client)
    assert "Nobody has looked yet" in client.get("/records").get_data(as_text=True)
    engine = open_engine(f"sqlite:///{tmp_path}/records.db", patient=True)
    run = ArtifactStore(sample_artifacts, "").promoted()
    schema = Schema.from_dict(run.read_json("schema.json"))
    a_look(engine, run)
    engine.dispose()
    monkeypatch.setitem(sys.modules, "numpy", None)
    text = client.get("/records").get_data(as_text=True).replace("\xa0", " ")
    label = schema.features[schema.names.index("reading_score")].label
    assert f"{label} differs by more than another class would bring." in text
    assert re.search(r"61\.7.* on average of classes, where 69\.2.* was usual", text)
    assert 'data-label="Smallest that would be found">5.1' in text
    assert "Look 3 of this term, of which 66 % has passed." in text
