"""Outcomes of a table that is read in parts: what is drawn, fitted, calibrated and told."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyarrow import parquet
from pyarrow.csv import read_csv
from scipy.optimize import minimize
from sklearn.base import clone
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from xgboost import XGBClassifier

from src.exception import ConfigurationError
from src.pipelines import large_table as road
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig, TrainResult
from src.report.large_table import sentences
from src.search.ordinal import ProportionalOdds
from src.serving.predictor import Predictor
from src.stats.likelihoods import CumulativeLogistic
from src.streaming import scan as scanning
from src.streaming.files import LargeTable
from src.streaming.fits import StreamedFit
from src.streaming.newton import NewtonFit
from src.streaming.scan import Hasher, Scanned, scan
from src.streaming.typed_rows import RowReader
from src.tables import plain_rows
from tests.s3 import Faulty

N_ROWS, MOST = 3_000, 500
GRADES = ("fail", "pass", "merit")
HEADER = "mark,hours,lunch,pupil,school,grade"


def _rows() -> list[list[str]]:
    """Return rows of 300 pupils in 40 schools, in the order of their grades; few fail."""
    chance = random.Random(8)
    rows = []
    for i in range(N_ROWS):
        mark, hours = round(chance.gauss(60, 15), 1), round(chance.gammavariate(2, 3), 2)
        lunch = chance.choice(["free", "standard", "standard"])
        reached = mark + 2 * hours + 8 * (lunch == "standard") + chance.gauss(0, 12)
        grade = GRADES[(reached > 45) + (reached > 80)]
        pupil = i % 300
        rows.append([str(mark), str(hours), lunch, f"P{pupil}", f"S{pupil % 40}", grade])
    rows[7][0] = ""
    return sorted(rows, key=lambda row: row[-1])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, rows = tmp_path_factory.mktemp("large"), _rows()
    for name, some in (("a", rows[:1_700]), ("b", rows[1_700:])):
        lines = [HEADER, *map(",".join, some)]
        (made / f"{name}.csv").write_text("\n".join(lines) + "\n", "utf-8")
    (made / "hints.toml").write_text(
        '[columns.grade]\ncategories = ["fail", "pass", "merit"]\nordered = true\n'
        'at_risk = ["fail"]\n',
        "utf-8",
    )
    return made


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_rows, "BLOCK_CHARACTERS", 20_000)
    monkeypatch.setattr(road, "rows_to_draw", lambda n_columns: MOST)


def _config(folder: Path, artifacts: Path, **more: object) -> TrainConfig:
    options: dict[str, object] = {
        "data": f"{folder}/*.csv",
        "hints": folder / "hints.toml",
        "target": "grade",
        "drop": ("pupil", "school"),
        "artifacts": artifacts,
        "large": "yes",
        "budget": "quick",
        "models": ("logistic",),
    }
    return TrainConfig(**(options | more))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TrainResult]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plain_rows, "BLOCK_CHARACTERS", 20_000)
        patch.setattr(road, "rows_to_draw", lambda n_columns: MOST)
        artifacts = tmp_path_factory.mktemp("artifacts")
        return artifacts, TrainPipeline(_config(folder, artifacts, budget="standard")).run()


def _frame() -> tuple[pd.DataFrame, np.ndarray]:
    """Return all rows as training in memory reads them."""
    rows = pd.DataFrame(_rows(), columns=HEADER.split(","))
    rows[["mark", "hours"]] = rows[["mark", "hours"]].apply(pd.to_numeric)
    return rows[["mark", "hours", "lunch"]], rows["grade"].map(GRADES.index).to_numpy()


def _scanned(folder: Path, **more: int | None) -> Scanned:
    table = LargeTable.open(f"{folder}/*.csv")
    return scan(table, 42, 0.2, MOST, target=table.header.index("grade"), **more)


def _shares(scanned: Scanned) -> Counter[str]:
    rows = zip(scanned.drawn.rows, scanned.hashes.tolist(), strict=True)
    return Counter(row[-1] for row, hashed in rows if hashed < scanned.held_from)


# --- what is drawn ------------------------------------------------------------------------------


def test_searched_rows_have_the_shares_of_all_rows_and_some_of_a_rare_outcome(folder, monkeypatch):
    counts = Counter(row[-1] for row in _rows())
    monkeypatch.setattr(scanning, "LEAST_OF_OUTCOME", 5)
    found = _shares(_scanned(folder))
    assert found == {grade: round(MOST * n / N_ROWS) for grade, n in counts.items()}
    monkeypatch.setattr(scanning, "LEAST_OF_OUTCOME", 120)
    rare = _scanned(folder)
    assert counts["fail"] / N_ROWS < 120 / MOST, "else it is not rare"
    assert _shares(rare)["fail"] == 120
    assert rare.quantile_error > _scanned(folder).quantile_error - 1e-12


def test_stratified_rows_do_not_depend_on_how_much_is_read_at_once(folder, monkeypatch):
    """The rows lie in the order of their outcomes, so each outcome comes into its share late."""
    monkeypatch.setattr(scanning, "LEAST_OF_OUTCOME", 20)
    at_once = _scanned(folder)
    monkeypatch.setattr(plain_rows, "BLOCK_CHARACTERS", 3_000)
    monkeypatch.setattr(scanning, "SPARE_ROWS", 10)
    in_parts = _scanned(folder)
    assert in_parts.drawn.lines == at_once.drawn.lines
    monkeypatch.setattr("src.streaming.files.plain_blocks", lambda reader: None)
    assert _scanned(folder).drawn.lines == at_once.drawn.lines


def test_quantile_error_covers_what_was_exchanged(folder):
    scanned = _scanned(folder)
    marks = np.sort([float(row[0] or "nan") for row in _rows()])
    drawn = np.sort([float(row[0] or "nan") for row in scanned.drawn.rows])
    below = np.searchsorted(drawn, marks, side="right") / len(drawn)
    assert np.abs(below - np.arange(1, N_ROWS + 1) / N_ROWS).max() <= scanned.quantile_error


# --- what is fitted -----------------------------------------------------------------------------


def _exact(model: LogisticRegression) -> LogisticRegression:
    return clone(model).set_params(solver="newton-cholesky", tol=1e-12, max_iter=500)


def test_logistic_regression_on_all_rows_is_the_one_in_memory(trained):
    run = trained[1].run
    preprocessor, model = run.load_object("preprocessor.pkl"), run.load_object("model.pkl")
    X, y = _frame()
    matrix = preprocessor.transform(X)
    expected = _exact(model).fit(matrix, y)
    np.testing.assert_allclose(
        model.predict_proba(matrix), expected.predict_proba(matrix), atol=1e-9
    )
    np.testing.assert_allclose(model.coef_, expected.coef_, atol=1e-8)


@pytest.mark.parametrize("every", [1, 15], ids=["all", "some"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_newton_ends_where_scikit_learn_does_by_a_part_of_the_hessian_too(n_classes, every):
    numbers = np.random.default_rng(n_classes)
    X = numbers.normal(size=(6_000, 5))
    latent = X @ [1.0, -1.0, 0.5, 0.0, 2.0] + numbers.logistic(size=len(X))
    y = np.searchsorted(np.quantile(latent, np.arange(1, n_classes) / n_classes), latent)
    near = LogisticRegression(C=0.3).fit(X[:200], y[:200])
    before = near.coef_.copy()
    fit = NewtonFit(near, X.shape[1], n_classes, len(X))
    fit._every = every
    while not fit.done:
        for at in np.array_split(np.arange(len(X)), 7):
            fit.add(X[at], y[at])
        fit.step()
    found, expected = fit.result(), _exact(near).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=2e-6)
    np.testing.assert_array_equal(near.coef_, before)
    assert fit.n_passes <= (7 if every == 1 else 15)


def test_proportional_odds_end_at_the_least_loss():
    numbers = np.random.default_rng(3)
    X = numbers.normal(size=(3_000, 4))
    latent = X @ [1.0, -1.0, 0.5, 0.0] + numbers.logistic(size=len(X))
    y = np.searchsorted([-2.0, 0.0, 3.0], latent)
    near = ProportionalOdds(C=0.5).fit(X[:150], y[:150])
    fit = NewtonFit(near, 4, 4, len(X))
    while not fit.done:
        fit.add(X[:1_000], y[:1_000])
        fit.add(X[1_000:], y[1_000:])
        fit.step()
    found, likelihood = fit.result(), CumulativeLogistic(4, 4)

    def loss(parameters):
        sums, coef = likelihood.sums(parameters, X, y), np.append(parameters[:4], np.zeros(3))
        return sums.loss + coef @ coef, sums.gradient + 2 * coef

    start = likelihood.parameters(near)
    expected = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7}).x
    np.testing.assert_allclose(likelihood.parameters(found), expected, atol=1e-6)
    in_memory = ProportionalOdds(C=0.5).fit(X, y)
    np.testing.assert_allclose(found.predict_proba(X), in_memory.predict_proba(X), atol=1e-3)


def test_step_that_goes_too_far_is_halved():
    """Full steps from far out diverge: without the halving the chances end at 0 and 1."""
    X = np.array([[-3.0], [-1.0], [1.0], [3.0], [-2.0], [2.0]])
    y = np.array([0, 0, 1, 1, 1, 0])
    far = LogisticRegression(C=1e4).fit(X, y)
    expected = _exact(far).fit(X, y)
    far.coef_, far.intercept_ = far.coef_ + 4.0, far.intercept_ + 2.0
    fit = NewtonFit(far, 1, 2, len(X))
    while not fit.done:
        fit.add(X, y)
        fit.step()
    np.testing.assert_allclose(fit.result().coef_, expected.coef_, atol=1e-6)


def test_blend_of_logistic_regressions_and_trees_is_fitted_part_by_part(folder, trained):
    result = trained[1]
    table = LargeTable.open(f"{folder}/*.csv")
    positions = {name: i for i, name in enumerate(table.header)}
    reader = RowReader(table, result.schema, positions, {}, Hasher(42))
    preprocessor = result.run.load_object("preprocessor.pkl")
    X, y = _frame()
    matrix = preprocessor.transform(X)
    products = make_pipeline(PolynomialFeatures(include_bias=False), LogisticRegression(C=0.1))
    trees = XGBClassifier(n_estimators=10, max_depth=3, n_jobs=1)
    members = [("odds", ProportionalOdds(C=0.3)), ("products", products), ("xgboost", trees)]
    blend = VotingClassifier(members, weights=[0.2, 0.3, 0.5], voting="soft")
    sample = np.arange(0, N_ROWS, 10)
    fits = StreamedFit(reader, _scanned(folder).held_from, n_classes=3).run(
        blend, preprocessor, matrix[sample], y[sample], N_ROWS, lambda n_read, n_rows: None
    )
    found = fits.on_all.named_steps["model"]
    assert found.classes_.tolist() == [0, 1, 2]
    parts = [one.predict_proba(matrix) for one in found.estimators_]
    np.testing.assert_allclose(found.predict_proba(matrix), np.tensordot([0.2, 0.3, 0.5], parts, 1))
    for part, (_, member) in zip(parts, members, strict=True):
        expected = clone(member).fit(matrix, y).predict_proba(matrix)
        assert log_loss(y, part) == pytest.approx(log_loss(y, expected), abs=0.002)
    some = fits.without_held_out.predict_proba(X)
    assert np.abs(some - found.predict_proba(matrix)).max() > 1e-4, "it lacks the held-out rows"


# --- what is told -------------------------------------------------------------------------------


def test_run_is_judged_and_calibrated_by_held_out_rows(trained):
    metrics = trained[1].run.read_json("metrics.json")
    facts = metrics["large_table"]
    assert (facts["n_rows"], facts["n_tested"], facts["n_held_out"]) == (N_ROWS, MOST // 2, MOST)
    assert trained[1].run.manifest.rows["train"] == N_ROWS - MOST
    assert facts["metric"] == "log_loss"
    gain = facts["on_sample"]["value"] - facts["on_all"]["value"]
    assert facts["gain"]["value"] == pytest.approx(gain)
    assert trained[1].evaluation.n_samples == MOST // 2
    assert trained[1].run.read_json("chances.json")["n_samples"] == MOST // 2


def test_report_and_card_say_how_the_rows_were_drawn_and_what_the_sample_cost(trained):
    assert trained[1].report_problem is None
    for name in ("report.html", "model_card.md"):
        text = (trained[0] / name).read_text(encoding="utf-8")
        for said in ("of 3,000 rows, drawn at random", "the same share", "before calibration"):
            assert said in text


def test_run_serves_like_any_other(trained):
    predictor = Predictor.load(trained[0])
    good = predictor.predict_record({"mark": 95, "hours": 12, "lunch": "standard"})
    poor = predictor.predict_record({"mark": 25, "hours": 1, "lunch": "free"})
    assert good.prediction == "merit"
    assert poor.prediction == "fail"


def test_families_that_cannot_are_left_out_with_the_reason(folder, tmp_path):
    models = ("decision_tree", "logistic_elastic_net", "ordinal", "xgboost")
    result = TrainPipeline(_config(folder, tmp_path, models=models)).run()
    unable = "it cannot learn from a table that is read in parts"
    assert result.trained.left_out["decision_tree"] == unable
    assert result.trained.left_out["logistic_elastic_net"] == unable
    assert {row.name for row in result.trained.leaderboard} >= {"ordinal", "xgboost"}
    with pytest.raises(ConfigurationError, match=r"svc: it cannot .* Choose from logistic, ord"):
        TrainPipeline(_config(folder, tmp_path, models=("svc",))).run()


def test_folders_on_s3_are_read_in_parts_as_local_ones(folder, trained, tmp_path, s3):
    """Each third request fails; every pass reads all files again."""
    before = Faulty.n_failed
    for path in folder.glob("*.csv"):
        with s3.open_output_stream(f"bucket/csv/{path.name}") as file:
            file.write(path.read_bytes())
        with s3.open_output_stream(f"bucket/parquet/{path.stem}.parquet") as file:
            parquet.write_table(read_csv(path), file, row_group_size=300)
    pipeline = TrainPipeline(_config(folder, tmp_path, data="s3://bucket/csv/"))
    result = pipeline.run()
    assert result.run.manifest.rows == trained[1].run.manifest.rows
    local = _scanned(folder)
    assert pipeline._large is not None
    assert pipeline._large.scanned.drawn.rows == local.drawn.rows
    typed = scan(LargeTable.open("s3://bucket/parquet/"), 42, 0.2, MOST)
    assert typed.n_rows == N_ROWS
    assert [one.total for one in typed.columns] == [one.total for one in local.columns]
    assert Faulty.n_failed > before


# --- rows that belong together ------------------------------------------------------------------


@pytest.mark.parametrize(("column", "n_cells"), [("pupil", 300), ("school", 40)])
def test_equal_cells_stay_on_one_side_of_all_passes(folder, trained, column, n_cells):
    table = LargeTable.open(f"{folder}/*.csv")
    at = table.header.index(column)
    scanned = _scanned(folder, together=at)
    sides: dict[str, set[bool]] = {}
    for row, hashed in zip(scanned.drawn.rows, scanned.hashes.tolist(), strict=True):
        sides.setdefault(row[at], set()).add(hashed >= scanned.held_from)
    assert all(len(side) == 1 for side in sides.values())
    held = {cell for cell, side in sides.items() if side == {True}}
    assert len(held) == n_cells // 5
    positions = {name: i for i, name in enumerate(table.header)}
    reader = RowReader(table, trained[1].schema, positions, {}, scanned.hasher)
    n_held = sum(int((rows.hashes >= scanned.held_from).sum()) for rows in reader.rows())
    assert n_held == sum(row[at] in held for row in _rows()) == reader.counted.n_apart


def test_group_is_kept_whole_and_is_no_feature(folder, tmp_path):
    config = _config(folder, tmp_path, group="school", drop=("pupil",))
    result = TrainPipeline(config).run()
    assert result.schema.names == ("mark", "hours", "lunch")
    metrics = result.run.read_json("metrics.json")
    assert metrics["large_table"]["together"] == "school"
    assert metrics["large_table"]["n_held_out"] > MOST, "all rows of the held-out schools"
    told = sentences(metrics)
    assert "same school were kept on one side" in told[2]
    assert told[3].endswith(f"a gain of {metrics['large_table']['gain']['value']:.4f}.")
    assert result.run.manifest.dropped["school"] == "it says which rows belong together (--group)"


def test_pupils_judge_no_range_that_other_rows_of_theirs_made(folder, tmp_path, monkeypatch):
    seen = []
    split = road.LargeTraining.split

    def noted(self, lines, groups):
        found = split(self, lines, groups)
        seen.append([{groups[i] for i in rows} for rows in (found.train, found.test)])
        return found

    monkeypatch.setattr(road.LargeTraining, "split", noted)
    config = _config(folder, tmp_path, pupil="pupil", drop=("school",))
    result = TrainPipeline(config).run()
    assert "pupil" not in result.schema.names
    learnt, judged = seen[0]
    assert judged
    assert not learnt & judged


def test_too_few_groups_are_refused_with_what_to_do(folder, tmp_path):
    config = _config(folder, tmp_path, group="lunch")
    with pytest.raises(ConfigurationError, match=r"--group lunch has so few values .* name anoth"):
        TrainPipeline(config).run()


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        ({"time": "hours"}, "or train on a part that fits in memory"),
        ({"group": "school", "used_for": "known"}, "leave --group out"),
        ({"group": "school", "pupil": "pupil"}, "Name the wider one"),
        ({"sample_weight": "hours"}, "or without the option"),
    ],
)
def test_what_is_refused_says_what_to_do(folder, tmp_path, options, advice):
    with pytest.raises(ConfigurationError, match=advice):
        TrainPipeline(_config(folder, tmp_path, **options)).run()


def test_columns_that_are_known_later_are_left_out(folder, tmp_path):
    hints = tmp_path / "hints.toml"
    hints.write_text(
        'stages = ["autumn", "spring"]\n'
        + (folder / "hints.toml").read_text("utf-8")
        + '[columns.hours]\navailable = "spring"\n[columns.mark]\navailable = "autumn"\n'
        '[columns.lunch]\navailable = "autumn"\n',
        "utf-8",
    )
    result = TrainPipeline(_config(folder, tmp_path / "x", hints=hints, as_of="autumn")).run()
    assert result.schema.names == ("mark", "lunch")
