"""Uploads as one state machine, its transitions in any order (`docs/architecture.md` draws it)."""

from __future__ import annotations

import io
import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from src.serving.predictor import Predictor
from src.web.batch import workspace as batch_store
from src.web.batch.service import BatchService
from src.web.batch.worker import run
from src.web.batch.workspace import LARGE, LIFETIME_S, Job, Order

HEADER = "gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
HEADER += "reading_score,writing_score\n"
ROW = "female,group C,some college,standard,none,70,70\n"
FILES = {"whole": HEADER + ROW * 3, "one bad row": HEADER + ROW + ROW.replace("70", "x"),
         "no table": "what is this", "empty": ""}  # fmt: skip


@dataclass
class Known:
    """What a client may expect of a job."""

    id: str
    put_at: float  # by the clock of the server
    state: str  # working, scored, refused, interrupted, gone
    pass_mark: float | None = None
    claim: IO[bytes] | None = None
    seen: list[str] = field(default_factory=list)


class Uploads(RuleBasedStateMachine):
    """Clients, workers that die, a janitor, and a clock that jumps."""

    jobs = Bundle("jobs")
    # Set by the test: an app, and the model that it serves.
    client = None
    service: BatchService
    predictor: Predictor
    now: ClassVar[list[float]] = [0.0]

    def __init__(self) -> None:
        super().__init__()
        type(self).now[0] = time.time()
        self.known: list[Known] = []

    def teardown(self) -> None:
        for job in self.known:
            if job.claim:
                job.claim.close()
        for path in list(self.service.workspace.folder.glob("*")):
            self.service.workspace.delete(Job(path))

    # ------------------------------------------------------------ transitions

    @rule(target=jobs, kind=st.sampled_from(sorted(FILES)), mark=st.sampled_from(["", "60"]))
    def upload(self, kind: str, mark: str) -> Known:
        data = {"file": (io.BytesIO(FILES[kind].encode()), "class.csv"), "pass_mark": mark}
        answer = self.client.post("/batch", data=data)
        self._swept()
        if kind in ("no table", "empty"):
            assert answer.status_code == 422
            return Known("-" * 32, 0.0, "gone")
        assert answer.status_code == 303
        job = Known(answer.headers["Location"].rpartition("/")[2], self.now[0], "scored",
                    float(mark) if mark else None)  # fmt: skip
        self._put_back(job)
        return job

    @rule(target=jobs)
    def begin_a_large_file(self) -> Known:
        """Begin work in a process, which a later rule ends or kills."""
        job, claim = self.service.workspace.create(LARGE)
        self._swept()
        job.upload.write_text(HEADER + ROW * 2)
        job.write_order(Order("school.csv"))
        known = Known(job.id, self.now[0], "working", claim=claim)
        self._put_back(known)
        return known

    @rule(job=jobs)
    def the_process_ends(self, job: Known) -> None:
        if job.claim:
            with suppress(FileNotFoundError):
                run(self._job(job), self.predictor)
                job.state = "scored" if job.state == "working" else job.state
            job.claim.close()
            job.claim = None

    @rule(job=jobs)
    def the_process_is_killed(self, job: Known) -> None:
        if job.claim:
            job.claim.close()
            job.claim = None
            job.state = "interrupted" if job.state == "working" else job.state

    @rule(job=jobs, mark=st.sampled_from(["", "50", "80", "many"]))
    def score_again(self, job: Known, mark: str) -> None:
        answer = self.client.post(f"/batch/{job.id}", data={"pass_mark": mark})
        if self._is_gone(job):
            assert answer.status_code == 404
        elif mark == "many":
            assert answer.status_code == 422
        else:
            assert answer.status_code == 303
            if job.state != "working":  # else somebody is at it
                job.state = "scored"
                job.pass_mark = float(mark) if mark else None

    @rule(job=jobs)
    def read(self, job: Known) -> None:
        page = self.client.get(f"/batch/{job.id}")
        progress = self.client.get(f"/batch/{job.id}/progress")
        table = self.client.get(f"/batch/{job.id}/predictions.csv")
        codes = page.status_code, progress.status_code, table.status_code
        if self._is_gone(job):
            assert codes == (404, 404, 404)
            return
        expected = {"scored": (200, 200, 200), "working": (200, 200, 404)}
        assert codes == expected.get(job.state, (422, 200, 404))
        assert progress.get_json()["done"] is (job.state != "working")
        assert ("Working on" in page.text) is (job.state == "working")
        assert ("was interrupted" in page.text) is (job.state == "interrupted")
        if job.state == "scored":
            assert ("below_pass_mark" in table.text) is (job.pass_mark is not None)

    @rule(job=consumes(jobs))
    def delete(self, job: Known) -> None:
        expected = 404 if self._is_gone(job) else 303
        assert self.client.post(f"/batch/{job.id}/delete").status_code == expected
        if expected == 303:
            job.state = "gone"
            assert not self._job(job).folder.exists()

    @rule()
    def sweep(self) -> None:
        self.service.workspace.sweep()
        self._swept()
        for folder in self.service.workspace.folder.glob("*"):
            began = (folder / "upload").stat().st_mtime
            assert -batch_store.AHEAD_S <= self.now[0] - began < LIFETIME_S

    @rule(
        seconds=st.sampled_from([1, 600, LIFETIME_S - 601, LIFETIME_S, 86_400, -3, -600, -86_400])
    )
    def the_clock_goes_on_or_jumps(self, seconds: int) -> None:
        self.now[0] += seconds

    @rule()
    @precondition(lambda self: self.known)
    def a_worker_dies_while_it_deletes(self) -> None:
        half = self.service.workspace.folder / f"{batch_store.DELETED}half"
        half.mkdir(exist_ok=True)
        (half / "predictions.csv").write_text("a pupil")
        self.service.workspace.sweep()
        self._swept()
        assert not half.exists()

    # ------------------------------------------------------------ what always holds

    @invariant()
    def nothing_fails(self) -> None:
        assert self.client.get("/batch").status_code == 200

    def _is_gone(self, job: Known) -> bool:
        return job.state == "gone" or self._is_over(job)

    def _is_over(self, job: Known) -> bool:
        return not -batch_store.AHEAD_S <= self.now[0] - job.put_at < LIFETIME_S

    def _swept(self) -> None:
        """Note what a sweep removes: a clock that is put back does not bring it back."""
        for job in self.known:
            if self._is_over(job):
                job.state = "gone"

    def _job(self, job: Known) -> Job:
        return Job(self.service.workspace.folder / job.id)

    def _put_back(self, job: Known) -> None:
        """Give a job the time of the server's clock; the system's own does not jump."""
        os.utime(self._job(job).upload, (job.put_at, job.put_at))
        os.utime(self._job(job).folder, (job.put_at, job.put_at))
        self.known.append(job)


@pytest.fixture
def machine(make_app, sample_artifacts, predictor, monkeypatch, tmp_path: Path) -> type[Uploads]:
    """Return the machine on an app and a folder of its own, its clock in our hands."""
    app = make_app(artifacts_dir=sample_artifacts, uploads_dir=tmp_path / "uploads")

    class Ours(Uploads):
        client = app.test_client()
        service = app.extensions[BatchService.EXTENSION]
        now: ClassVar[list[float]] = [time.time()]

    Ours.predictor = predictor
    monkeypatch.setattr(Ours.service.workspace, "_temporary", tmp_path)
    monkeypatch.setattr(Ours.service.workspace, "keep_swept", lambda: None)
    monkeypatch.setattr(batch_store.time, "time", lambda: Ours.now[0])
    monkeypatch.setattr(batch_store, "WAIT_S", 0)
    monkeypatch.setattr(batch_store, "MOST_LARGE", 99)
    monkeypatch.setattr(batch_store, "MOST_RUNNING", 99)
    return Ours


def run_machine(machine: type[Uploads], n_examples: int, n_steps: int) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=n_examples,
            stateful_step_count=n_steps,
            deadline=None,
            database=None,
            derandomize=n_examples < 50,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_uploads_keep_their_word_in_whatever_order_things_happen(machine) -> None:
    """U1, U3."""
    run_machine(machine, 12, 25)


@pytest.mark.slow
def test_uploads_keep_their_word_in_very_many_orders(machine) -> None:
    """U1, U3."""
    run_machine(machine, 400, 60)
