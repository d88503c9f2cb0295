"""Runs on disk: M1, M2, M4, M7, M9, M10 of the fault table."""

from __future__ import annotations

import json
import os
import pickle
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from src.artifact_store import (
    REPORT_MANIFEST,
    REPORT_SIGNATURE,
    ArtifactStore,
    Run,
    RunManifest,
    library_versions,
    new_run_id,
)
from src.exception import ArtifactError, ModelNotFoundError
from src.utils import dump_object


def manifest(**changes: object) -> RunManifest:
    values: dict[str, object] = {
        "run_id": new_run_id(),
        "created": "2026-01-31T12:00:00+00:00",
        "seed": 42,
        "rows": {"total": 25, "refused": 0, "used": 25, "train": 20, "test": 5},
        "data_sha256": "0" * 64,
        "schema_fingerprint": "1" * 64,
        "model": "Ridge regression",
        "options": {},
        "dropped": {},
        "fit_time_s": {},
        "versions": library_versions(),
        "requires": ["scikit-learn"],
        "python": "3.11.7",
    }
    return RunManifest(**(values | changes))  # type: ignore[arg-type]


def save(store: ArtifactStore, value: object = "model", **changes: object) -> Run:
    files = {"model.pkl": dump_object(value), "metrics.json": b'{"r2": 0.9}\n'}
    return store.save(manifest(**changes), files)


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts", "")


def test_a_promoted_run_is_read_back(store: ArtifactStore) -> None:
    run = save(store, {"coef": [1.5]})
    store.promote(run, by="train")
    read = store.promoted()
    assert read.manifest == run.manifest
    assert read.load_object("model.pkl") == {"coef": [1.5]}
    assert read.read_json("metrics.json") == {"r2": 0.9}


def test_the_files_on_top_are_copies_of_the_promoted_run(store: ArtifactStore) -> None:
    for value in ("first", "second"):
        store.promote(save(store, value), by="train")
    run = store.promoted()
    for name in run.manifest.files:
        assert (store.root / name).read_bytes() == (run.folder / name).read_bytes()
        assert not (store.root / name).is_symlink()


def test_before_the_first_promotion_an_error_names_the_command(store: ArtifactStore) -> None:
    with pytest.raises(ModelNotFoundError, match=r"python -m src\.pipelines\.train_pipeline"):
        store.promoted()
    assert store.history() == []
    assert store.signature() is None


def test_a_saved_run_that_was_not_promoted_is_not_served(store: ArtifactStore) -> None:
    first = save(store)
    store.promote(first, by="train")
    save(store, "other")
    assert store.promoted().run_id == first.run_id


def test_a_roll_back_leaves_a_line_in_the_history(store: ArtifactStore) -> None:
    """M9."""
    first, second = save(store, "first"), save(store, "second")
    for run, by in ((first, "train"), (second, "train"), (first, "promote")):
        store.promote(run, by)
    assert [(line.run_id, line.by) for line in store.history()] == [
        (first.run_id, "train"),
        (second.run_id, "train"),
        (first.run_id, "promote"),
    ]
    assert store.promoted().load_object("model.pkl") == "first"


def test_the_signature_changes_with_each_promotion(store: ArtifactStore) -> None:
    run = save(store)
    signatures = set()
    for _ in range(3):
        store.promote(run, by="promote")
        signatures.add(store.signature())
    assert len(signatures) == 3


class Bomb:
    """Runs a command when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return os.system, (f"touch '{self.path}'",)


def test_a_replaced_pickle_is_refused_before_it_runs(store: ArtifactStore, tmp_path: Path) -> None:
    """M2."""
    run = save(store)
    exploded = tmp_path / "exploded"
    (run.folder / "model.pkl").write_bytes(pickle.dumps(Bomb(exploded)))
    with pytest.raises(ArtifactError, match="is not the file that training saved"):
        store.run(run.run_id).load_object("model.pkl")
    assert not exploded.exists()
    pickle.loads((run.folder / "model.pkl").read_bytes())
    assert exploded.exists(), "the pickle of this test runs no command, so it shows nothing"


def test_a_pickle_changed_by_one_byte_is_refused(store: ArtifactStore) -> None:
    """M2."""
    run = save(store)
    path = run.folder / "model.pkl"
    content = bytearray(path.read_bytes())
    content[-5] ^= 1
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="hash differs"):
        run.load_object("model.pkl")


@pytest.mark.parametrize("content", [b"", b"garbage", b"\x80\x04"])
def test_an_empty_or_truncated_pickle_is_a_named_error(
    store: ArtifactStore, content: bytes
) -> None:
    """M1."""
    run = save(store)
    (run.folder / "model.pkl").write_bytes(content)
    with pytest.raises(ArtifactError, match=r"model\.pkl of run .* is not the file"):
        run.load_object("model.pkl")


def test_a_pickle_that_was_saved_broken_is_a_named_error(store: ArtifactStore) -> None:
    """M1."""
    run = store.save(manifest(), {"model.pkl": b"\x80\x04garbage"})
    with pytest.raises(ArtifactError, match="cannot be unpickled"):
        run.load_object("model.pkl")


def test_a_json_file_is_checked_before_it_is_parsed(store: ArtifactStore) -> None:
    run = save(store)
    (run.folder / "metrics.json").write_text("{not json")
    with pytest.raises(ArtifactError, match="hash differs"):
        run.read_json("metrics.json")


def test_a_missing_file_is_named(store: ArtifactStore) -> None:
    run = save(store)
    (run.folder / "model.pkl").unlink()
    with pytest.raises(ArtifactError, match=r"model\.pkl of run .* is missing"):
        run.load_object("model.pkl")
    with pytest.raises(ArtifactError, match=r"has no compiled\.json"):
        run.read_json("compiled.json")


def test_another_library_version_is_refused_with_both_and_the_command(
    store: ArtifactStore,
) -> None:
    """M4."""
    versions = library_versions()
    run = save(store, versions=versions | {"scikit-learn": "0.1.2"})
    with pytest.raises(ArtifactError) as raised:
        run.load_object("model.pkl")
    assert "scikit-learn 0.1.2, this is " + versions["scikit-learn"] in str(raised.value)
    assert "python -m src.pipelines.train_pipeline" in str(raised.value)


def test_the_version_of_a_library_that_the_model_does_not_use_is_free(
    store: ArtifactStore,
) -> None:
    """M4."""
    run = save(store, versions=library_versions() | {"catboost": "0.1"})
    assert run.load_object("model.pkl") == "model"


def test_a_run_manifest_that_was_changed_after_promotion_is_refused(store: ArtifactStore) -> None:
    run = save(store)
    store.promote(run, by="train")
    path = run.folder / "manifest.json"
    path.write_text(path.read_text().replace('"seed": 42', '"seed": 43'))
    with pytest.raises(ArtifactError, match="not the one that was promoted"):
        store.promoted()


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"run_id": "x"}', "\x00\x01"])
def test_a_damaged_manifest_is_a_named_error_and_can_be_mended_by_promoting(
    store: ArtifactStore, content: str
) -> None:
    run = save(store)
    store.promote(run, by="train")
    (store.root / "manifest.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"manifest\.json is damaged"):
        store.promoted()
    store.promote(run, by="promote")
    assert store.promoted().run_id == run.run_id


@pytest.mark.parametrize(
    "run_id",
    ["../x", "..", "", ".", "/etc", "a/../../b", "20260131T120000Z-1a2b3c/..", "20260131T120000Z"],
)
def test_a_run_id_that_is_none_is_refused(store: ArtifactStore, run_id: str) -> None:
    """M10."""
    with pytest.raises(ArtifactError, match="is not a run id"):
        store.run(run_id)


def test_a_run_id_with_a_line_end_is_refused(store: ArtifactStore) -> None:
    """M10."""
    run = save(store)
    with pytest.raises(ArtifactError, match="is not a run id"):
        store.run(run.run_id + "\n")


def test_a_pointer_to_a_path_is_refused(store: ArtifactStore) -> None:
    """M10."""
    run = save(store)
    store.promote(run, by="train")
    pointer = json.loads((store.root / "manifest.json").read_text())
    (store.root / "manifest.json").write_text(json.dumps(pointer | {"run_id": "../x"}))
    with pytest.raises(ArtifactError, match="is not a run id"):
        store.promoted()


@pytest.mark.skipif(os.name == "nt", reason="symbolic links need a right on Windows")
def test_symbolic_links_are_not_followed(store: ArtifactStore, tmp_path: Path) -> None:
    """M10."""
    run = save(store)
    linked = store.runs / new_run_id()
    linked.symlink_to(run.folder, target_is_directory=True)
    with pytest.raises(ArtifactError, match="symbolic link"):
        store.run(linked.name)
    elsewhere = tmp_path / "model.pkl"
    (run.folder / "model.pkl").rename(elsewhere)
    (run.folder / "model.pkl").symlink_to(elsewhere)
    with pytest.raises(ArtifactError, match="is missing"):
        run.load_object("model.pkl")


def test_a_run_moved_under_another_id_is_refused(store: ArtifactStore) -> None:
    run = save(store)
    other = new_run_id()
    run.folder.rename(store.runs / other)
    with pytest.raises(ArtifactError, match="names another run"):
        store.run(other)


def test_an_interrupted_save_leaves_nothing(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    import src.artifact_store

    written: list[Path] = []

    def fail_at_second(path: Path, content: bytes) -> None:
        if written:
            raise OSError(28, "No space left on device")
        written.append(path)
        path.write_bytes(content)

    monkeypatch.setattr(src.artifact_store, "write_bytes", fail_at_second)
    with pytest.raises(OSError, match="No space left"):
        save(store)
    assert written
    assert list(store.runs.iterdir()) == []


def test_what_a_killed_training_left_is_removed_by_the_next(store: ArtifactStore) -> None:
    """M5."""
    run = save(store)
    store.promote(run, by="train")
    (store.runs / ".20260131T120000Z-1a2b3c.tmp").mkdir()
    (store.runs / ".20260131T120000Z-1a2b3c.tmp" / "model.pkl").write_bytes(b"half")
    (store.root / ".model.pkl.0a1b2c3d.tmp").write_bytes(b"half")
    with store.training():
        left = [path.name for path in store.root.rglob("*.tmp")]
    assert left == []
    assert store.promoted().load_object("model.pkl") == "model"


def test_a_second_training_waits_for_the_first(store: ArtifactStore) -> None:
    """M7."""
    events: list[str] = []
    inside, leave = threading.Event(), threading.Event()

    def first() -> None:
        with store.training():
            events.append("first in")
            inside.set()
            leave.wait(10)
            events.append("first out")

    def second() -> None:
        with ArtifactStore(store.root, "").training():
            events.append("second in")

    one, two = threading.Thread(target=first), threading.Thread(target=second)
    one.start()
    assert inside.wait(10)
    two.start()
    two.join(0.5)
    assert events == ["first in"]
    leave.set()
    one.join(10)
    two.join(10)
    assert events == ["first in", "first out", "second in"]


def test_promotions_at_once_all_stand_in_the_history(store: ArtifactStore) -> None:
    """M7."""
    runs = [save(store, n) for n in range(8)]
    threads = [
        threading.Thread(target=ArtifactStore(store.root, "").promote, args=(run, "promote"))
        for run in runs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert {line.run_id for line in store.history()} == {run.run_id for run in runs}
    assert store.promoted().run_id == store.history()[-1].run_id
    assert list(store.root.glob(".*.tmp")) == []


def test_rolling_back_does_not_wait_for_a_training(store: ArtifactStore) -> None:
    run = save(store)
    with store.training():
        store.promote(run, by="promote")
    assert store.promoted().run_id == run.run_id


REPORT = {"report.html": b"<p>first</p>", "model_card.md": b"# first", "report.json": b"{}"}


def test_the_report_on_top_is_the_promoted_runs(store: ArtifactStore) -> None:
    """T6."""
    first, second = save(store, "first"), save(store, "second")
    store.promote(first, by="train")
    store.add_report(first, REPORT)
    store.promote(second, by="train")
    assert not [name for name in REPORT if (store.root / name).exists()]
    store.add_report(second, dict.fromkeys(REPORT, b"second"))
    assert (store.root / "report.html").read_bytes() == b"second"
    store.promote(first, by="promote")
    assert {name: (store.root / name).read_bytes() for name in REPORT} == REPORT


def test_a_report_that_ends_after_another_promotion_is_not_on_top(store: ArtifactStore) -> None:
    """T6."""
    first, second = save(store, "first"), save(store, "second")
    store.promote(second, by="promote")
    store.add_report(first, REPORT)
    assert first.read_report("report.html") == REPORT["report.html"]
    assert not (store.root / "report.html").exists()


@pytest.fixture
def signed(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts", "k" * 32)


def test_a_signed_report_is_read(signed: ArtifactStore) -> None:
    """A1."""
    run = save(signed)
    signed.promote(run, by="train")
    signed.add_report(run, REPORT)
    assert signed.promoted().read_report("report.html") == REPORT["report.html"]
    assert "kkk" not in repr(signed.promoted())


def test_a_planted_report_is_refused_though_its_manifest_fits(signed: ArtifactStore) -> None:
    """A1."""
    run = save(signed)
    signed.add_report(run, REPORT)
    planted = REPORT | {"report.html": b"<script>alert(1)</script>"}
    ArtifactStore(signed.root, "").add_report(replace(run, signing_key=b""), planted)
    with pytest.raises(ArtifactError, match=r"report\.manifest\.json of run"):
        signed.run(run.run_id).read_report("report.html")


def test_a_report_without_a_signature_is_not_shown_where_a_key_is_set(
    signed: ArtifactStore,
) -> None:
    """A1."""
    run = save(signed)
    signed.add_report(run, REPORT)
    (run.folder / REPORT_SIGNATURE).unlink()
    assert signed.run(run.run_id).read_report("report.html") is None


def test_the_signed_report_of_another_run_is_refused(signed: ArtifactStore) -> None:
    """A1."""
    first, second = save(signed, "first"), save(signed, "second")
    signed.add_report(first, REPORT)
    for name in (*REPORT, REPORT_SIGNATURE, REPORT_MANIFEST):
        shutil.copyfile(first.folder / name, second.folder / name)
    with pytest.raises(ArtifactError):
        signed.run(second.run_id).read_report("report.html")


def test_a_file_that_is_no_json_is_a_named_error(store: ArtifactStore) -> None:
    """A2."""
    run = store.save(manifest(), {"metrics.json": b"{"})
    with pytest.raises(ArtifactError, match=r"metrics\.json of run .* is not JSON"):
        run.read_json("metrics.json")
