import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from src.artifact_store import ArtifactStore
from src.exception import ArtifactError, ModelNotFoundError
from src.web.model_holder import RETRY_AFTER_S, ModelHolder


class Folder:
    """Artifacts of which only the manifest's signature counts; what loads is said by the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = 0.0
        self.loads = 0
        self.outcome: object = "first"
        self.compiled: object = {}

    def promote(self, outcome: object) -> None:
        self.outcome = outcome
        manifest = self.root / "manifest.new"
        manifest.write_text("{}")
        manifest.replace(self.root / "manifest.json")
        os.utime(self.root / "manifest.json", ns=(self.loads, self.loads + 10**9))

    def load(self, store: ArtifactStore):
        assert store.root == self.root
        self.loads += 1
        if isinstance(self.outcome, Exception):
            raise self.outcome
        manifest = SimpleNamespace(model="Ridge")
        run = SimpleNamespace(run_id=self.outcome, manifest=manifest)
        return SimpleNamespace(run=run, compiled=self.compiled)

    def holder(self) -> ModelHolder:
        return ModelHolder(ArtifactStore(self.root, ""), self.load, lambda: self.now)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    made = Folder(tmp_path)
    made.promote("first")
    return made


def served(holder: ModelHolder) -> str:
    return holder.predictor().run.run_id


def test_the_model_is_loaded_at_start_and_not_for_each_request(folder):
    holder = folder.holder()
    assert folder.loads == 1
    assert {served(holder) for _ in range(50)} == {"first"}
    assert folder.loads == 1


def test_a_promoted_run_is_picked_up(folder):
    holder = folder.holder()
    folder.promote("second")
    assert served(holder) == "second"
    assert folder.loads == 2


def test_a_model_is_at_hand_while_it_is_the_promoted_run_s_and_predicts_by_tables(folder):
    holder = folder.holder()
    assert holder.is_at_hand()
    folder.promote("second")
    assert not holder.is_at_hand()  # whoever asks for it next has to load it
    assert (served(holder), holder.is_at_hand()) == ("second", True)
    folder.compiled = None
    folder.promote("third")
    assert (served(holder), holder.is_at_hand()) == ("third", False)
    folder.outcome = ModelNotFoundError("none")
    assert not folder.holder().is_at_hand()


@pytest.mark.parametrize("fault", [ArtifactError("damaged"), RuntimeError("odd"), OSError("disk")])
def test_the_last_good_model_goes_on_when_the_new_one_does_not_load(folder, fault):
    """M1."""
    holder = folder.holder()
    folder.promote(fault)
    assert served(holder) == "first"
    assert isinstance(holder.problem, ArtifactError)
    folder.promote("third")
    assert served(holder) == "third"
    assert holder.problem is None


def test_a_model_that_does_not_load_at_start_is_a_named_error(folder):
    """M1."""
    folder.outcome = ArtifactError("model.pkl is damaged")
    holder = folder.holder()
    with pytest.raises(ArtifactError, match=r"model\.pkl is damaged"):
        holder.predictor()


def test_what_an_unexpected_error_says_is_not_shown(folder):
    """M1."""
    folder.outcome = RuntimeError("/secret/path")
    with pytest.raises(ArtifactError, match=r"could not be loaded \(RuntimeError\)"):
        folder.holder().predictor()


def test_a_broken_run_is_tried_again_after_a_while_only(folder):
    """M1."""
    holder = folder.holder()
    folder.promote(ArtifactError("damaged"))
    for _ in range(20):
        served(holder)
    assert folder.loads == 2
    folder.now += RETRY_AFTER_S
    for _ in range(20):
        served(holder)
    assert folder.loads == 3
    folder.outcome = "mended"  # the same manifest, its run made whole again
    folder.now += RETRY_AFTER_S
    assert served(holder) == "mended"


def test_a_folder_without_a_model_is_not_read_again_until_one_is_promoted(folder):
    (folder.root / "manifest.json").unlink()
    folder.outcome = ModelNotFoundError("train one")
    holder = folder.holder()
    folder.now += 100 * RETRY_AFTER_S
    with pytest.raises(ModelNotFoundError, match="train one"):
        holder.predictor()
    assert folder.loads == 1
    folder.promote("first")
    assert served(holder) == "first"


def test_others_go_on_with_the_old_model_while_one_thread_loads(folder):
    holder = folder.holder()
    loading, go_on = threading.Event(), threading.Event()
    load = folder.load

    def slow(root: Path):
        loading.set()
        assert go_on.wait(10)
        return load(root)

    holder._load = slow
    folder.promote("second")
    got: list[str] = []
    thread = threading.Thread(target=lambda: got.append(served(holder)))
    thread.start()
    assert loading.wait(10)
    assert served(holder) == "first"
    go_on.set()
    thread.join(10)
    assert got == ["second"]
    assert folder.loads == 2


def test_many_threads_load_the_first_model_once(folder):
    (folder.root / "manifest.json").unlink()
    folder.outcome = ModelNotFoundError("train one")
    holder = folder.holder()
    folder.promote("first")
    got: list[str] = []
    threads = [threading.Thread(target=lambda: got.append(served(holder))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert got == ["first"] * 8
    assert folder.loads == 2


def test_the_app_s_own_signing_key_is_the_one_that_counts(make_app, own_artifacts, monkeypatch):
    """M3."""
    monkeypatch.setenv("MODEL_SIGNING_KEY", "short")  # nobody reads it here, so nobody refuses it
    app = make_app(artifacts_dir=own_artifacts)
    assert app.test_client().get("/model").status_code == 200
    signed = make_app(artifacts_dir=own_artifacts, model_signing_key="k" * 32)
    assert "is not signed" in signed.test_client().get("/ready").get_json()["error"]
