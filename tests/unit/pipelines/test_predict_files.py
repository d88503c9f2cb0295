"""Files of any size, shard by shard: whole or not at all, on this machine and on S3."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import fs, parquet

from src.exception import ConfigurationError
from src.pipelines import predict_files as module
from src.pipelines.predict_files import is_many, predict_files
from src.pipelines.predict_pipeline import main
from src.search.home import HERE
from src.serving.predictor import Predictor
from tests.s3 import Faulty

SAMPLE = Path(__file__).resolve().parents[3] / "notebooks" / "data" / "stud.csv"
SMALL = """
import sys
import time
from src.pipelines import predict_files
predict_files.SHARD_ROWS = 1
from src.pipelines.predict_pipeline import main
sys.exit(main(sys.argv[1:]))
"""


def rows() -> list[dict[str, object]]:
    with SAMPLE.open(encoding="utf-8", newline="") as file:
        found = [
            {k: v for k, v in row.items() if k != "math_score"} for row in csv.DictReader(file)
        ]
    for row in found:
        row["reading_score"], row["writing_score"] = (
            int(row[k]) for k in ("reading_score", "writing_score")
        )
    found[7]["gender"] = "nobody"
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with two Parquet files of 300 rows in groups of 20."""
    source, table = tmp_path / "in", pa.Table.from_pylist(rows()[:300])
    source.mkdir()
    parquet.write_table(table.slice(0, 200), source / "a.parquet", row_group_size=20)
    parquet.write_table(table.slice(200), source / "b.parquet", row_group_size=20)
    (source / "_ignored.parquet").write_bytes(b"")
    return source


def read_parts(output: Path) -> list[dict[str, object]]:
    """Return all rows, and see that each part is what the manifest says."""
    manifest = json.loads((output / "manifest.json").read_text())
    found: list[dict[str, object]] = []
    for part in manifest["parts"]:
        content = (output / part["name"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == part["sha256"]
        found += parquet.read_table(pa.BufferReader(content)).to_pylist()
    assert len(found) == manifest["n_rows"]
    names = {part["name"] for part in manifest["parts"]} | {"manifest.json"}
    assert {p.name for p in output.iterdir()} - {"to-fix"} == names
    return found


def whole(sample_artifacts: Path, folder: Path, tmp_path: Path) -> list[dict[str, object]]:
    """Return the rows of both files, predicted file by file."""
    found: list[dict[str, object]] = []
    for name in ("a", "b"):
        output = tmp_path / f"{name}.whole.parquet"
        main(["--input", str(folder / f"{name}.parquet"), "--output", str(output), "--quiet",
              "--artifacts", str(sample_artifacts)])  # fmt: skip
        found += parquet.read_table(output).to_pylist()
    return found


def test_parts_hold_the_rows_of_the_files_and_their_problems(
    sample_artifacts, folder, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 40)
    output = tmp_path / "out"
    options = ["--artifacts", str(sample_artifacts), "--output", f"{output}/", "--input"]
    assert main([*options, str(folder)]) == 3
    assert "Predicted 299 of 300 rows in 8 parts by the compiled tables:" in capsys.readouterr().err
    found = read_parts(output)
    assert found == whole(sample_artifacts, folder, tmp_path)
    (to_fix,) = (output / "to-fix").iterdir()
    assert to_fix.read_text().splitlines()[1].startswith("nobody,")
    assert "Row 9: gender" in to_fix.read_text()
    assert main([*options, str(folder)]) == 1
    assert "holds predictions already" in capsys.readouterr().err


def test_csv_files_become_csv_parts(sample_artifacts, tmp_path) -> None:
    source, output = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    lines = SAMPLE.read_text("utf-8").splitlines(keepends=True)
    for number, start in enumerate((1, 11)):
        (source / f"{number}.csv").write_text(lines[0] + "".join(lines[start : start + 10]))
    parts = predict_files(sample_artifacts, f"{source}/*.csv", str(output), HERE)
    assert [(part.name, part.n_rows) for part in parts] == [
        ("part-00000.csv", 10),
        ("part-00001.csv", 10),
    ]
    assert (output / "part-00001.csv").read_text().splitlines()[1].startswith(lines[11].strip())


@pytest.mark.parametrize(
    ("source", "output", "said"),
    [("in/*.parquet", "out", True), ("in.csv", "out.csv", False), ("in.csv", "s3://b/o", True),
     ("in.csv", "out/", True)],
)  # fmt: skip
def test_many_files_are_told_from_one(source, output, said) -> None:
    assert is_many(source, output) == said


def test_what_was_begun_for_other_files_is_not_mixed_with_these(
    sample_artifacts, folder, tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 20)

    class Stopped:
        by_clock = True

        def map(self, task, data, items, each_s):
            return [task(data, item) for item in items[:3]] and [][1]

    with pytest.raises(IndexError):
        predict_files(sample_artifacts, str(folder), str(tmp_path / "out"), Stopped())
    os.utime(folder / "b.parquet", (1, 1))
    with pytest.raises(ConfigurationError, match="parts of other files"):
        predict_files(sample_artifacts, str(folder), str(tmp_path / "out"), HERE)


def test_what_stops_at_any_step_goes_on(sample_artifacts, folder, tmp_path, monkeypatch) -> None:
    """R12."""
    monkeypatch.setattr(module, "SHARD_ROWS", 100)
    predictor, left, step = Predictor.load(sample_artifacts), 0, dict(vars(module.Folder))
    monkeypatch.setattr(module.Predictor, "load", lambda artifacts: predictor)

    def stopping(name: str):
        def called(self, *arguments):
            nonlocal left
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
            return step[name](self, *arguments)

        return called

    steps = {name: stopping(name) for name in ("write", "delete", "sweep")}
    expected = whole(sample_artifacts, folder, tmp_path)
    n_done = 0
    for n_done in range(1, 30):
        output, left = tmp_path / f"out{n_done}", n_done
        with monkeypatch.context() as patched:
            for name, stops in steps.items():
                patched.setattr(module.Folder, name, stops)
            try:
                predict_files(sample_artifacts, str(folder), str(output), HERE)
            except KeyboardInterrupt:
                left = 0
        if left:
            break
        parts = predict_files(sample_artifacts, str(folder), str(output), HERE)
        assert [part.n_rows for part in parts] == [100, 100, 100]
        assert read_parts(output) == expected
    assert 10 < n_done < 29


def kill_until_done(arguments: list[str], n_kills: int, most_s: float, env=None) -> int:
    """Run the command, killed so often at random moments, then to its end; return its status."""
    command, chance = [sys.executable, "-c", SMALL, *arguments], random.Random(1)
    for _ in range(n_kills):
        process = subprocess.Popen(command, stderr=subprocess.PIPE, env=env)
        try:
            process.wait(chance.uniform(0.3 * most_s, most_s))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
        process.communicate()
    return subprocess.run(command, check=False, capture_output=True, env=env).returncode


def test_a_killed_run_goes_on_and_no_row_is_lost_or_twice(sample_artifacts, folder, tmp_path):
    """R12."""
    output = tmp_path / "out"
    arguments = [
        "--artifacts",
        str(sample_artifacts),
        "--input",
        str(folder),
        "--quiet",
        "--output",
    ]
    began = time.monotonic()
    assert kill_until_done([*arguments, str(tmp_path / "first")], 0, 1.0) == 3
    assert kill_until_done([*arguments, str(output)], 3, time.monotonic() - began) in (1, 3)
    assert read_parts(output) == whole(sample_artifacts, folder, tmp_path)


MANY = """
import sys
import time
from src.pipelines import predict_files
predict_files.SHARD_ROWS = 100_000
from src.pipelines.predict_pipeline import main
sys.exit(main(sys.argv[1:]))
"""


def write_many(source: Path, n_files: int) -> None:
    """Write files of a million rows: the sample's 1,000 again and again, each with its number."""
    source.mkdir()
    number = np.tile(np.arange(1_000), 1_000)
    table = pa.Table.from_pylist(rows()[:1_000]).take(pa.array(number))
    for file in range(n_files):
        block = np.repeat(np.arange(file * 1_000, (file + 1) * 1_000), 1_000)
        numbered = table.append_column("block", pa.array(block)).append_column(
            "number", pa.array(number)
        )
        parquet.write_table(numbered, source / f"{file:02}.parquet", row_group_size=100_000)


def killed_at_random(command: list[str], output: Path, chance: random.Random) -> bool:
    """Start the command and kill it some parts later, or none; return False where it had ended."""

    def n_whole() -> int:
        return len([*(output / "_done").glob("*.json")])

    started = n_whole() + chance.choice((0, 0, 1, 2))
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    while n_whole() < started and process.poll() is None:
        time.sleep(0.01)
    try:
        process.wait(chance.uniform(0, 3))
    except subprocess.TimeoutExpired:
        process.kill()
    _, said = process.communicate()
    assert process.returncode in (-signal.SIGKILL, 3), said
    return process.returncode != 3


@pytest.mark.slow
def test_50_kills_in_10_million_rows_lose_none_and_repeat_none(sample_artifacts, tmp_path) -> None:
    """R12."""
    source, chance = tmp_path / "in", random.Random(0)
    write_many(source, 10)
    once = tmp_path / "once.parquet"
    parquet.write_table(parquet.read_table(source / "00.parquet").slice(0, 1_000), once)
    options = ["--artifacts", str(sample_artifacts), "--quiet", "--input"]
    assert main([*options, str(once), "--output", str(tmp_path / "expected.parquet")]) == 3
    expected = parquet.read_table(tmp_path / "expected.parquet")["prediction"].to_numpy()
    n_killed, outputs = 0, []
    while n_killed < 50:
        output = tmp_path / f"out{len(outputs)}"
        outputs.append(output)
        command = [sys.executable, "-c", MANY, *options, str(source), "--output", str(output)]
        while n_killed < 50 and killed_at_random(command, output, chance):
            n_killed += 1
        if not (output / "manifest.json").exists() or (output / "_plan.json").exists():
            assert subprocess.run(command, check=False).returncode == 3
    for output in outputs:
        manifest = json.loads((output / "manifest.json").read_text())
        assert (manifest["n_rows"], manifest["n_refused"]) == (10_000_000, 10_000)
        seen = np.zeros(10_000_000, dtype=np.int8)
        for part in manifest["parts"]:
            path = output / part["name"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == part["sha256"]
            found = parquet.read_table(path)
            number = found["number"].to_numpy()
            np.add.at(seen, found["block"].to_numpy() * 1_000 + number, 1)
            np.testing.assert_array_equal(found["prediction"].to_numpy(), expected[number])
            to_fix = (output / "to-fix" / part["name"]).with_suffix(".csv")
            assert len(to_fix.read_text().splitlines()) == 1 + part["n_refused"]
        assert (seen == 1).all()
        names = {part["name"] for part in manifest["parts"]} | {"manifest.json", "to-fix"}
        assert {path.name for path in output.iterdir()} == names


# --- S3 ------------------------------------------------------------------------------------------


def test_files_on_s3_come_and_go_though_requests_fail(
    sample_artifacts, folder, tmp_path, monkeypatch, s3
):
    monkeypatch.setattr(module, "SHARD_ROWS", 100)
    for path in folder.iterdir():
        with s3.open_output_stream(f"bucket/in/{path.name}") as file:
            file.write(path.read_bytes())
    parts = predict_files(sample_artifacts, "s3://bucket/in/*.parquet", "s3://bucket/out/", HERE)
    assert [part.n_rows for part in parts] == [100, 100, 100]
    selector = fs.FileSelector("bucket/out", recursive=True)
    names = {i.path for i in s3.get_file_info(selector) if i.type == fs.FileType.File}
    assert names == {
        *(f"bucket/out/part-0000{k}.parquet" for k in range(3)), "bucket/out/manifest.json",
        "bucket/out/to-fix/part-00000.csv",
    }  # fmt: skip
    found: list[dict[str, object]] = []
    for part in parts:
        with s3.open_input_file(f"bucket/out/{part.name}") as file:
            found += parquet.read_table(file).to_pylist()
    assert found == whole(sample_artifacts, folder, tmp_path)
    assert Faulty.n_failed > 5
