"""A table that is read in parts: what is counted, drawn, refused and learnt."""

from __future__ import annotations

import csv
import gc
import json
import random
import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import TransformedTargetRegressor
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.metrics import r2_score
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

from src.exception import ConfigurationError, DataValidationError
from src.pipelines import large_table as road
from src.pipelines.rows import learn_schema
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig, TrainResult
from src.serving.predictor import Predictor
from src.stats.moments import Moments
from src.streaming import scan as scanning
from src.streaming.files import LargeTable
from src.streaming.fits import Part, StreamedFit, least_squares
from src.streaming.scan import Hasher, Scanned, scan
from src.streaming.typed_rows import MatrixMaker, RowReader
from src.tables import plain_rows
from src.tables.layout import Table

N_ROWS, MOST, PASS_MARK = 3_000, 500, 55
COLUMNS = ("pupil_age", "mark", "hours", "lunch", "town", "score")


def _rows() -> list[dict[str, str]]:
    """Return rows with missing values, a rare town, and one whose marks are all low."""
    chance = random.Random(5)
    rows = []
    for i in range(N_ROWS):
        mark = round(chance.gauss(60, 15), 1)
        lunch = chance.choice(["free", "standard", "standard"])
        town = "Elsewhere" if i in (4, 2990) else chance.choice(["Ayton", "Beford", "Ceville"])
        hours = round(chance.gammavariate(2, 3), 3)
        score = 20 + 0.5 * mark + 5 * (lunch == "standard") + hours + chance.gauss(0, 6)
        rows.append(
            {
                "pupil_age": str(chance.randint(10, 18)),
                "mark": "" if chance.random() < 0.05 else str(mark),
                "hours": str(hours),
                "lunch": lunch,
                "town": town,
                "score": str(round(score, 1)),
            }
        )
    rows[1_700]["mark"] = "-250.5"  # the lowest, which is not drawn
    return rows


def _write(path: Path, rows: list[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three files, the second with its columns the other way round, and an empty one."""
    made, rows = tmp_path_factory.mktemp("large"), _rows()
    _write(made / "a.csv", rows[:1_000])
    _write(made / "b.csv", rows[1_000:2_200], COLUMNS[::-1])
    _write(made / "c.csv", rows[2_200:])
    (made / "d.csv").touch()
    return made


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks of some 100 rows, 500 rows to search on and as many held out."""
    monkeypatch.setattr(plain_rows, "BLOCK_CHARACTERS", 4_000)
    monkeypatch.setattr(road, "rows_to_draw", lambda n_columns: MOST)


def _config(folder: Path, artifacts: Path, **more: object) -> TrainConfig:
    config = TrainConfig(
        data=str(folder), target="score", artifacts=artifacts, large="yes", budget="quick"
    )
    return replace(config, **more)


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_rows, "BLOCK_CHARACTERS", 4_000)
        patch.setattr(road, "rows_to_draw", lambda n_columns: MOST)
        artifacts = tmp_path_factory.mktemp("artifacts")
        config = _config(folder, artifacts, models=("ridge",), budget="standard")
        config = replace(config, pass_mark=PASS_MARK)
        return artifacts, TrainPipeline(config).run()


def _scanned(folder: Path, seed: int = 42) -> Scanned:
    return scan(LargeTable.open(str(folder)), seed, 0.2, MOST)


# --- what is drawn ------------------------------------------------------------------------------


def test_drawn_rows_and_counts_do_not_depend_on_how_much_is_read_at_once(folder, monkeypatch):
    small = _scanned(folder)
    monkeypatch.setattr(plain_rows, "BLOCK_CHARACTERS", 1 << 21)
    monkeypatch.setattr(scanning, "SPARE_ROWS", 40)
    large = _scanned(folder)
    assert small.drawn.rows == large.drawn.rows
    assert small.drawn.lines == large.drawn.lines
    assert (
        (small.held_from, small.n_rows)
        == (large.held_from, large.n_rows)
        == (
            small.held_from,
            N_ROWS,
        )
    )
    for one, other in zip(small.columns, large.columns, strict=True):
        assert (one.cells, one.total) == (other.cells, other.total)


def test_row_by_row_draws_the_same(folder, monkeypatch):
    together = _scanned(folder)
    monkeypatch.setattr("src.streaming.files.plain_blocks", lambda reader: None)
    one_by_one = _scanned(folder)
    assert one_by_one.drawn.rows == together.drawn.rows
    assert [c.cells for c in one_by_one.columns] == [c.cells for c in together.columns]


def test_a_fifth_is_held_out_and_another_seed_draws_others(folder):
    scanned = _scanned(folder)
    assert scanned.n_held_out == min(MOST, N_ROWS // 5)
    assert len(scanned.drawn.rows) == 2 * MOST
    other = _scanned(folder, seed=1)
    common = len(set(other.drawn.lines) & set(scanned.drawn.lines))
    assert common == pytest.approx((2 * MOST) ** 2 / N_ROWS, rel=0.2), "as chance has it"


def test_drawn_rows_are_a_random_sample(folder):
    """DKW: the share of drawn rows below any value is that of all rows, within its bound."""
    scanned = _scanned(folder)
    marks = np.array([float(row["hours"]) for row in _rows()])
    drawn = np.sort([float(row[2]) for row in scanned.drawn.rows])
    below = np.searchsorted(drawn, np.sort(marks), side="right") / len(drawn)
    assert np.abs(below - np.arange(1, N_ROWS + 1) / N_ROWS).max() <= scanned.quantile_error


# --- what is counted ----------------------------------------------------------------------------


def test_schema_is_the_one_of_the_whole_table_in_memory(folder, tmp_path):
    in_parts = TrainPipeline(_config(folder, tmp_path / "a"))
    hints, checked = in_parts.check()
    found = learn_schema(checked, hints, in_parts.config)[0].schema
    whole = _write(tmp_path / "whole.csv", _rows())
    in_memory = TrainPipeline(_config(whole, tmp_path / "b", large="no"))
    hints, checked = in_memory.check()
    expected = learn_schema(checked, hints, in_memory.config)[0].schema
    assert found.to_dict() == expected.to_dict()
    assert expected.to_dict()["features"]  # the rare town counts as other, -250.5 is apart


def test_figures_of_numbers_are_exact(trained):
    rows = pd.DataFrame(_rows()).replace("", np.nan)
    facts = trained[1].run.read_json("metrics.json")["large_table"]
    hours = next(one for one in facts["columns"] if one["name"] == "hours")
    assert hours["total"] == pytest.approx(rows["hours"].astype(float).sum(), rel=1e-14)
    mark = next(one for one in facts["columns"] if one["name"] == "mark")
    assert (mark["n_rows"], mark["n_missing"]) == (N_ROWS, int(rows["mark"].isna().sum()))
    assert (facts["n_rows"], facts["n_used"], facts["n_searched"]) == (N_ROWS, N_ROWS, MOST)


# --- what is fitted -----------------------------------------------------------------------------


def _typed(result: TrainResult) -> tuple[pd.DataFrame, np.ndarray]:
    """Return all rows as training in memory would read them with the run's schema."""
    schema = result.schema
    rows = pd.DataFrame(_rows())
    frame = pd.DataFrame(
        {
            feature.name: pd.to_numeric(rows[feature.name])
            if feature.kind == "numeric"
            else rows[feature.name].replace("Elsewhere", "other").astype(object)
            for feature in schema.features
        }
    )
    return frame, pd.to_numeric(rows["score"]).to_numpy()


def _reader(folder: Path, result: TrainResult) -> RowReader:
    table = LargeTable.open(str(folder))
    positions = {name: i for i, name in enumerate(table.header)}
    town = {positions["town"]: {"Elsewhere": "other"}}
    return RowReader(table, result.schema, positions, town, Hasher(42))


def test_ridge_on_all_rows_is_the_one_in_memory(trained):
    run = trained[1].run
    X, y = _typed(trained[1])
    preprocessor, model = run.load_object("preprocessor.pkl"), run.load_object("model.pkl")
    matrix = preprocessor.transform(X)
    expected = clone(model).fit(matrix, y)
    assert isinstance(model, Ridge)
    np.testing.assert_allclose(model.coef_, expected.coef_, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(model.predict(matrix), expected.predict(matrix), rtol=1e-9)


def test_run_serves_like_any_other(trained):
    predictor = Predictor.load(trained[0])
    pupil = {"pupil_age": 12, "mark": 70, "hours": 3, "lunch": "free", "town": "Ayton"}
    answer = predictor.predict_record(pupil)
    assert answer.prediction == pytest.approx(20 + 35 + 3, abs=5)
    assert trained[1].report_problem is None
    for name in ("report.html", "model_card.md"):
        text = (trained[0] / name).read_text(encoding="utf-8")
        assert "The search saw 500 of 3,000 rows" in text


@pytest.mark.parametrize(
    "model",
    [
        LinearRegression(),
        Ridge(alpha=20.0),
        TransformedTargetRegressor(Lasso(alpha=0.01, tol=1e-10), transformer=StandardScaler()),
        TransformedTargetRegressor(
            ElasticNet(alpha=0.03, l1_ratio=0.3, tol=1e-10), transformer=StandardScaler()
        ),
    ],
    ids=["linear", "ridge", "lasso", "elastic_net"],
)
def test_families_that_are_linear_come_out_as_in_memory(model):
    random = np.random.default_rng(0)
    X = random.normal(0.1, size=(900, 6))
    y = X @ [3, 0, -1, 0.01, 2, 0] + 50 + random.normal(size=900)
    origin = np.append(X[:50].mean(axis=0), 49.0)
    moments = Moments.of(np.column_stack([X, y]) - origin)
    found = least_squares(Part.of(model, X), moments, origin)
    expected = clone(model).fit(X, y)
    np.testing.assert_allclose(found.predict(X), expected.predict(X), rtol=1e-7, atol=1e-6)


def test_matrix_is_the_preprocessors(folder, trained):
    result = trained[1]
    preprocessor = result.run.load_object("preprocessor.pkl")
    reader = _reader(folder, result)
    found = np.concatenate([MatrixMaker(preprocessor)(rows) for rows in reader.rows()])
    X, _ = _typed(result)
    np.testing.assert_array_equal(found, preprocessor.transform(X))


def test_blend_of_a_line_and_trees_is_fitted_part_by_part(folder, trained):
    result = trained[1]
    preprocessor = result.run.load_object("preprocessor.pkl")
    reader = _reader(folder, result)
    X, y = _typed(result)
    matrix = preprocessor.transform(X)
    trees = XGBRegressor(n_estimators=10, max_depth=3, n_jobs=1)
    blend = VotingRegressor([("ridge", Ridge()), ("xgboost", trees)], weights=[0.3, 0.7])
    told = []
    fits = StreamedFit(reader, _scanned(folder).held_from).run(
        blend,
        preprocessor,
        matrix[:200],
        y[:200],
        N_ROWS,
        lambda n_read, n_rows: told.append((n_read, n_rows)),
    )
    found = fits.on_all.named_steps["model"]
    line, booster = (one.predict(matrix) for one in found.estimators_)
    np.testing.assert_allclose(found.predict(matrix), 0.3 * line + 0.7 * booster)
    expected = [Ridge().fit(matrix, y), clone(trees).fit(matrix, y)]
    np.testing.assert_allclose(line, expected[0].predict(matrix), rtol=1e-9)
    apart = r2_score(y, booster) - r2_score(y, expected[1].predict(matrix))
    assert abs(apart) < 0.002
    assert told[-1] == (N_ROWS, N_ROWS)


def test_scores_of_the_sample_alone_stand_beside_those_of_all_rows(trained):
    facts = trained[1].run.read_json("metrics.json")["large_table"]
    assert facts["n_tested"] == MOST // 2
    assert facts["on_all"]["value"] == pytest.approx(trained[1].evaluation.r2.value)
    gain = facts["on_all"]["value"] - facts["on_sample"]["value"]
    assert facts["gain"]["value"] == pytest.approx(gain)


# --- what is refused ----------------------------------------------------------------------------


def test_what_learns_from_the_drawn_rows_alone_is_not_set_beside_the_model(trained):
    report = json.loads((trained[0] / "report.json").read_text(encoding="utf-8"))
    assert trained[1].run.read_json("metrics.json")["pass_mark"]["mark"] == PASS_MARK
    assert report["both_ways"] is None


def test_file_that_lacks_a_column_is_named(folder, tmp_path):
    _write(tmp_path / "a.csv", _rows()[:50])
    _write(tmp_path / "b.csv", _rows()[:50], COLUMNS[1:])
    with pytest.raises(DataValidationError, match=r"b\.csv lacks 'pupil_age', compared with a"):
        LargeTable.open(str(tmp_path))


def test_file_that_is_no_table_is_named(tmp_path):
    _write(tmp_path / "a.csv", _rows()[:50])
    (tmp_path / "b.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
    with pytest.raises(DataValidationError, match=r"b\.csv is not a text table but a picture"):
        LargeTable.open(str(tmp_path))


def test_rows_that_cannot_be_used_are_named_by_file_and_row(folder, tmp_path, caplog):
    rows = _rows()[:1_500]
    rows[1_210]["score"] = "many"
    _write(tmp_path / "a.csv", rows[:1_000])
    path = _write(tmp_path / "b.csv", rows[1_000:])
    lines = path.read_text().splitlines()
    lines[99] = "1,2"
    path.write_text("\n".join(lines))
    config = _config(tmp_path, tmp_path / "x", models=("ridge", "decision_tree"))
    result = TrainPipeline(config).run()
    assert result.run.manifest.rows["total"] == 1_500
    assert result.run.manifest.rows["refused"] == 1
    assert result.run.manifest.rows["used"] == 1_498, "a word among marks is none"
    assert "b.csv, row 100:" in caplog.text
    unable = {"decision_tree": "it cannot learn from a table that is read in parts"}
    assert result.trained.left_out == unable


def test_header_that_comes_again_and_totals_are_no_rows(folder, trained, tmp_path):
    rows = _rows()[:120]
    rows[40] = {name: name for name in COLUMNS}
    rows[80] = dict.fromkeys(COLUMNS, "") | {"town": "Total", "score": "4900"}
    _write(tmp_path / "a.csv", rows)
    reader = _reader(tmp_path, trained[1])
    assert sum(map(len, reader.rows())) == 118
    assert [one.problem.row for one in reader.counted.problems] == [42, 82]


def test_table_that_is_mostly_wrong_is_refused_with_its_file(tmp_path):
    rows = _rows()[:600]
    path = _write(tmp_path / "a.csv", rows)
    bad = [line if i % 5 else "1,2" for i, line in enumerate(path.read_text().splitlines(), 1)]
    path.write_text("\n".join(bad))
    with pytest.raises(DataValidationError, match=r"of 600 rows cannot be used") as refused:
        TrainPipeline(_config(path, tmp_path / "x", models=("ridge",))).run()
    assert "a.csv, row 5" in str(refused.value.problems[0])


def test_families_that_need_all_rows_are_refused_alone(folder, tmp_path):
    with pytest.raises(ConfigurationError, match=r"svr: it cannot learn .* Choose from ridge"):
        TrainPipeline(_config(folder, tmp_path, models=("svr",))).run()


@pytest.mark.parametrize("option", ["time", "sample_weight"])
def test_options_that_need_all_rows_are_refused_by_name(folder, tmp_path, option):
    config = _config(folder, tmp_path, **{option: "town"})
    with pytest.raises(ConfigurationError, match=f"--{option.replace('_', '-')}: not for a table"):
        TrainPipeline(config).run()


def test_stopped_on_the_second_pass_the_old_run_serves(folder, trained, monkeypatch):
    artifacts, before = trained[0], trained[1].run.run_id
    rows = RowReader.rows

    def stopped(self, *more):
        for i, block in enumerate(rows(self, *more)):
            if i == 3:
                raise KeyboardInterrupt
            yield block

    monkeypatch.setattr(RowReader, "rows", stopped)
    pipeline = TrainPipeline(_config(folder, artifacts, models=("ridge",)))
    with pytest.raises(KeyboardInterrupt):
        pipeline.run()
    assert pipeline.store.run_ids() == [before]
    assert Predictor.load(artifacts).run.run_id == before


def test_answer_of_a_database_is_read_as_in_memory_and_deleted(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    rows = pd.DataFrame(_rows()).replace("", None)
    numbers = ["pupil_age", "mark", "hours", "score"]
    rows[numbers] = rows[numbers].apply(pd.to_numeric)
    with sqlite3.connect(tmp_path / "school.db") as connection:
        rows.to_sql("marks", connection, index=False)
    connection.close()
    database = {"data": f"sqlite:///{tmp_path / 'school.db'}", "query": "SELECT * FROM marks"}
    found = []
    for large in ("yes", "no"):
        pipeline = TrainPipeline(_config(tmp_path, tmp_path, large=large, **database))
        hints, checked = pipeline.check()
        found.append(learn_schema(checked, hints, pipeline.config)[0].schema.to_dict())
        assert len(list((tmp_path / "temporary").iterdir())) == (large == "yes")
        del pipeline
        gc.collect()
    assert found[0] == found[1]
    assert not list((tmp_path / "temporary").iterdir())


# --- whether a table is one ---------------------------------------------------------------------


def test_table_is_read_in_parts_where_it_would_not_fit(folder, tmp_path, monkeypatch, caplog):
    whole = _write(tmp_path / "whole.csv", _rows())
    config = _config(whole, tmp_path, large="auto")
    assert road.large_table(config) is None, "a small file is not even looked into"
    monkeypatch.setattr(road, "SURELY_FITS", 0)
    assert road.large_table(config) is None
    monkeypatch.setattr(road, "memory_left", lambda: 100 << 20)
    assert isinstance(road.large_table(config), LargeTable)
    assert "0.3 GiB to train on, and 0.1 GiB are left" in caplog.text
    assert road.large_table(replace(config, large="no")) is None


def test_folder_that_fits_is_read_as_one_table(folder, tmp_path):
    pipeline = TrainPipeline(_config(folder, tmp_path, large="auto"))
    _, checked = pipeline.check()
    assert isinstance(checked.table, Table)
    assert checked.n_rows == N_ROWS
