"""A challenger is promoted where it is better beyond chance, and nowhere else."""

from __future__ import annotations

import csv
import json
import random
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from src.artifact_store import ArtifactStore
from src.pipelines import challenge
from src.pipelines.train_pipeline import main
from src.report.challenge import read_challenge
from src.utils import sha256

HEADER = ("pupil", "class", "last_mark", "homework", "score")
SIZE = 15


def a_school(seed: int, n_classes: int, per_homework: float = 1.0) -> list[list[object]]:
    """Return pupils of some classes; how much homework counts is what may change."""
    rng, rows = random.Random(seed), []
    for k in range(n_classes):
        of_class = rng.gauss(0, 1)
        for i in range(SIZE):
            mark, homework = round(rng.gauss(60, 10)), rng.randrange(11)
            score = 20 + 0.5 * mark + per_homework * homework + of_class + rng.gauss(0, 3)
            rows.append([f"P{seed}-{k}-{i}", f"{k}a", mark, homework, round(score, 1)])
    return rows


def write(path: Path, rows: list[list[object]], header: tuple[str, ...] = HEADER) -> str:
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return str(path)


def outcome_of(rows: list[list[object]]) -> list[list[object]]:
    return [[*row[:-1], "pass" if row[-1] > 55 else "fail"] for row in rows]


def run(capsys, *arguments: str) -> tuple[int, dict[str, object], str]:
    status = main(["--json", *arguments])
    said = capsys.readouterr()
    return status, json.loads(said.out.splitlines()[-1]) if said.out else {}, said.err


@pytest.fixture(autouse=True)
def two_folds(monkeypatch) -> None:
    monkeypatch.setattr(challenge, "FOLDS", 2)  # each is a training


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """Return a folder with an old table, and the artifacts of a model of it."""
    folder = tmp_path_factory.mktemp("champion")
    old = write(folder / "old.csv", a_school(1, 16))
    options = ("--models", "ridge", "--budget", "quick", "--drop", "class", "--jobs", "1")
    folders = ("--artifacts", str(folder / "artifacts"))
    assert main(["--data", old, "--target", "score", *options, *folders]) == 0
    return folder


@pytest.fixture
def old(trained: Path) -> str:
    return str(trained / "old.csv")


@pytest.fixture
def champion(trained: Path, tmp_path: Path, monkeypatch) -> str:
    """Return the run that was trained on the old table."""
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "artifacts"))
    shutil.copytree(trained / "artifacts", tmp_path / "artifacts")
    return ArtifactStore(tmp_path / "artifacts", "").promoted().run_id


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts", "")


def test_a_challenger_that_is_no_better_is_kept_with_the_reason(
    champion, old, store, tmp_path, capsys
) -> None:
    new = write(tmp_path / "new.csv", a_school(2, 12))
    arguments = ("--challenge", new, "--data", old, "--promote-if", "better")
    status, summary, said = run(capsys, *arguments)
    assert (status, summary["decision"]) == (0, "kept"), said
    assert store.promoted().run_id == champion
    assert f"--promote {summary['run_id']}" in said
    assert f"SHADOW_RUN={summary['run_id']}" in said
    challenger = store.run(str(summary["run_id"]))
    facts = read_challenge(challenger.read_json("metrics.json")["challenge"])
    assert (facts.champion, facts.found.verdict, facts.clusters) == (
        champion,
        "not shown",
        "groups",
    )
    assert (facts.found.n_samples, facts.found.n_clusters) == (12 * SIZE, 12)
    assert challenger.manifest.rows["used"] == (16 + 12) * SIZE
    assert challenger.manifest.options["models"] == ["ridge"]
    # Beside the model lie the champion's rows still.
    beside = (tmp_path / "artifacts" / "data.csv").read_bytes()
    assert sha256(beside) == store.promoted().manifest.data_sha256


def test_a_challenger_that_is_better_is_promoted_and_one_command_goes_back(
    champion, old, store, tmp_path, capsys
) -> None:
    new = write(tmp_path / "new.csv", a_school(3, 12, per_homework=3.0))
    arguments = ("--challenge", new, "--data", old, "--promote-if", "better")
    _, summary, said = run(capsys, *arguments)
    assert summary["decision"] == "promoted", said
    assert [line.by for line in store.history()] == ["train", "challenge"]
    promoted = store.promoted()
    assert promoted.run_id == summary["run_id"]
    beside = (tmp_path / "artifacts" / "data.csv").read_bytes()
    assert sha256(beside) == promoted.manifest.data_sha256
    assert promoted.manifest.options["more"] == ["new.csv"]
    assert main(["--promote", champion]) == 0
    assert store.promoted().run_id == champion


def test_a_better_one_is_asked_about_in_a_terminal_and_without_one_the_champion_stays(
    champion, old, store, tmp_path, capsys, monkeypatch
) -> None:
    new = write(tmp_path / "new.csv", a_school(3, 12, per_homework=3.0))
    _, summary, said = run(capsys, "--challenge", new, "--data", old)
    assert summary["challenge"]["found"]["verdict"] == "better"
    assert (summary["decision"], store.promoted().run_id) == ("kept", champion)
    assert "you did not ask to promote it" in said
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    monkeypatch.setattr(Console, "is_terminal", True)
    monkeypatch.setattr(Console, "input", lambda self, prompt: "y")
    _, summary, _ = run(capsys, "--challenge", new, "--data", old)
    assert (summary["decision"], store.promoted().run_id) == ("promoted", summary["run_id"])


def test_no_challenger_learns_from_the_class_that_it_is_judged_by(
    champion, old, tmp_path, capsys, monkeypatch
) -> None:
    seen = []
    predict = challenge.predict

    def watched(schema, trainer, train, test, *rest):
        seen.append((train.X, test.X, test.y))
        return predict(schema, trainer, train, test, *rest)

    monkeypatch.setattr(challenge, "predict", watched)
    rows = a_school(2, 10)
    for i, row in enumerate(rows):
        row[2] = 200 + i // SIZE + (i % SIZE) / 100  # whose class a row is of can be told
    new = write(tmp_path / "new.csv", rows)
    run(capsys, "--challenge", new, "--data", old)
    judged = np.concatenate([test.last_mark for _, test, _ in seen])
    assert sorted(judged) == sorted(row[2] for row in rows)
    for train, test, _ in seen:
        learnt = set(np.floor(train.last_mark[train.last_mark >= 200]))
        assert learnt
        assert not learnt & set(np.floor(test.last_mark))


def test_outcomes_are_compared_by_their_log_loss(tmp_path, capsys, monkeypatch, store) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "artifacts"))
    old = write(tmp_path / "old.csv", outcome_of(a_school(1, 20)))
    options = ("--models", "logistic", "--budget", "quick", "--drop", "class", "--jobs", "1")
    status, _, said = run(capsys, "--data", old, "--target", "score", *options)
    assert status == 0, said
    new = write(tmp_path / "new.csv", outcome_of(a_school(3, 12, per_homework=4.0)))
    status, summary, said = run(capsys, "--challenge", new, "--data", old)
    assert status == 0, said
    facts = read_challenge(summary["challenge"])
    assert (facts.scale.metric, facts.found.verdict) == ("log_loss", "better")
    assert 0 < facts.found.challenger < facts.found.champion
    other = write(tmp_path / "other.csv", [[*r[:-1], "absent"] for r in a_school(4, 8)])
    status, _, said = run(capsys, "--challenge", other, "--data", old)
    assert status == 1
    assert "do not predict the same outcomes: absent" in said


def test_the_newest_of_several_new_periods_is_kept_from_the_challenger(
    tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "artifacts"))
    header = (*HEADER, "term")

    def of_term(seed: int, term: str) -> list[list[object]]:
        return [[*row, term] for row in a_school(seed, 8)]

    rows = [*of_term(1, "2023"), *of_term(2, "2024")]
    old = write(tmp_path / "old.csv", rows, header)
    options = ("--models", "ridge", "--budget", "quick", "--drop", "class", "--time", "term")
    status, _, said = run(capsys, "--data", old, "--target", "score", *options)
    assert status == 0, said
    new = write(tmp_path / "new.csv", [*of_term(3, "2025"), *of_term(4, "2026")], header)
    status, summary, said = run(capsys, "--challenge", new, "--data", old)
    assert status == 0, said
    assert (summary["challenge"]["period"], summary["challenge"]["found"]["n_samples"]) == (
        "2026",
        8 * SIZE,
    )


def test_what_cannot_be_compared_is_refused_before_anything_is_trained(
    champion, old, store, tmp_path, capsys
) -> None:
    new = a_school(2, 8)
    lacking = write(tmp_path / "lacking.csv", [row[:3] for row in new], HEADER[:3])
    cases = (
        (("--challenge", old, "--data", old), "stand in the table that the champion learnt from"),
        (("--challenge", lacking, "--data", old), "lacks homework, score"),
        (("--challenge", old), "say where it is"),
        (("--promote-if", "better"), "--promote-if goes with --challenge"),
        (("--challenge", "records", "--data", old), "RECORDS_URL is not set"),
    )
    for arguments, message in cases:
        status, _, said = run(capsys, *arguments)
        assert status == 1
        assert message in " ".join(said.split())
    assert store.run_ids() == [champion]


def test_new_terms_need_not_have_the_columns_that_the_champion_dropped(
    champion, old, tmp_path, capsys
) -> None:
    rows = [[row[0], *row[2:]] for row in a_school(2, 8)]
    new = write(tmp_path / "new.csv", rows, (HEADER[0], *HEADER[2:]))
    status, summary, said = run(capsys, "--challenge", new, "--data", old)
    assert status == 0, said
    assert summary["challenge"]["clusters"] == "pupils"
    assert "Nobody said which class a pupil is of" in " ".join(said.split())


def test_rows_that_the_champion_learnt_from_are_left_out(champion, old, tmp_path, capsys) -> None:
    new = write(tmp_path / "new.csv", [*a_school(1, 16)[:20], *a_school(2, 8)])
    _, summary, said = run(capsys, "--challenge", new, "--data", old)
    assert (summary["challenge"]["n_seen"], summary["challenge"]["found"]["n_samples"]) == (20, 120)
    assert "20 rows were left out: the champion learnt from them." in said


def test_further_tables_are_learnt_from_and_named_in_the_run(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "artifacts"))
    first = write(tmp_path / "first.csv", a_school(1, 4))
    second = write(tmp_path / "second.csv", [r[::-1] for r in a_school(2, 4)], HEADER[::-1])
    options = ("--target", "score", "--models", "ridge", "--budget", "quick", "--drop", "class")
    status, summary, said = run(capsys, "--data", first, "--more", second, *options)
    assert status == 0, said
    assert summary["rows"]["used"] == 8 * SIZE
