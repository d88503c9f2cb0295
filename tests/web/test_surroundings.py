"""Where the app runs: another user, files that cannot be written, another locale, a new binary."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import sysconfig
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.waiting import wait_until
from tests.web.conftest import OURS, ROOT, Server, multipart, wait_for_url, workbook

pytestmark = pytest.mark.e2e
NOBODY = 10001
TABLE = "gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
TABLE += "reading_score,writing_score\nfemale,group C,some college,standard,none,70,70\n"


@contextmanager
def running(command: list[str], folder: Path, **environment: str) -> Iterator[Server]:
    """Run a command that starts gunicorn, until the block ends."""
    clean = {name: value for name, value in os.environ.items() if name not in OURS}
    log_file = folder / "server.log"
    with log_file.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**clean, **environment}, stdout=output, stderr=output
        )
    try:
        yield Server(wait_for_url(process, log_file), process, log_file)
    finally:
        process.terminate()
        process.wait(timeout=60)


def is_defunct(pid: int) -> bool:
    """Whether a process ended and nobody asked for its status; nobody's child in a container."""
    try:
        return ") Z " in Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return True


def python_for_anybody() -> str:
    """Return an interpreter of this version that another user may run."""
    real = Path(sys.executable).resolve()
    if all(path.stat().st_mode & 0o001 for path in (real, *real.parents)):
        return sys.executable
    found = shutil.which(f"python{sys.version_info[0]}.{sys.version_info[1]}", path="/usr/bin")
    return found or pytest.skip("the interpreter lies in a folder of root's own")


@pytest.fixture
def anybodys() -> Iterator[Path]:
    """Return a folder that everybody may look into; pytest's own are shut by each new pytest."""
    folder = Path(tempfile.mkdtemp(prefix="stuprediction-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def as_nobody(anybodys: Path, sample_artifacts: Path) -> list[str]:
    """Return the beginning of a command that runs as nobody and can write to its uploads alone."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs Linux, root to become somebody else, and setpriv")
    if subprocess.run(["unshare", "--mount", "true"], check=False).returncode:
        pytest.skip("needs the right to mount")
    artifacts, uploads = anybodys / "artifacts", anybodys / "uploads"
    shutil.copytree(sample_artifacts, artifacts)
    uploads.mkdir()
    os.chown(uploads, NOBODY, NOBODY)
    mounts = " && ".join(
        f"mount --bind '{path}' '{path}' && mount -o remount,ro,bind '{path}'"
        for path in (ROOT, artifacts)
    )
    script = (
        f"{mounts} && mount -t tmpfs -o mode=1777 tmpfs /var/tmp && umask 077 && "
        f'exec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups "$@"'
    )
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def test_as_nobody_with_files_that_cannot_be_written_all_is_answered(
    as_nobody, anybodys, predictor, student, tmp_path
) -> None:
    """Emulates a read-only container: tmpfs, a volume for uploads, umask 077, Turkish."""
    uploads = anybodys / "uploads"
    command = [*as_nobody, python_for_anybody(), "-m", "gunicorn", "--bind", "127.0.0.1:0",
               "application:application"]  # fmt: skip
    environment = {
        "ARTIFACTS_DIR": str(anybodys / "artifacts"), "UPLOADS_DIR": str(uploads),
        "TMPDIR": "/var/tmp", "LC_ALL": "tr_TR.UTF-8", "HOME": "/nonexistent",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": os.pathsep.join((str(ROOT), sysconfig.get_path("purelib"))),
    }  # fmt: skip
    rows = [line.split(",") for line in TABLE.splitlines()]
    many = TABLE + (TABLE.splitlines()[1] + "\n") * 600
    files = ((TABLE.encode(), "a.csv"), (many.encode(), "b.csv"), (workbook(rows), "c.xlsx"))
    expected = predictor.predict_record(student).prediction
    with running(command, tmp_path, **environment) as server:
        for record in (student, student | {"gender": "FEMALE", "lunch": "STANDARD"}):
            assert server.post_json("/predict", record).json["prediction"] == expected
        for content, name in files:
            body, kind = multipart(content, name)
            page = server.ask("/batch", body, Content_Type=kind)
            assert page.status == 200
            job = re.search(r"/batch/([\w-]{32})", page.text)[1]
            progress = f"/batch/{job}/progress"
            wait_until(lambda path=progress: server.ask(path).json["done"])
            assert b"prediction" in server.ask(f"/batch/{job}/predictions.csv").body
        jobs = list(uploads.iterdir())
        assert len(jobs) == 3
        for path in (*jobs, *(file for job in jobs for file in job.iterdir())):
            assert path.stat().st_uid == NOBODY
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0
        assert server.ask("/model").status == 200
        assert "Traceback" not in server.log


@pytest.mark.skipif(sys.platform == "win32", reason="gunicorn does not run on Windows")
def test_a_new_binary_takes_over_and_no_request_fails(sample_artifacts, student, tmp_path) -> None:
    """USR2 has gunicorn start itself anew beside the old one, which is then told to stop."""
    script = Path(sysconfig.get_path("scripts")) / "gunicorn"
    if not script.is_file():
        pytest.skip("gunicorn's script is not installed")
    pid_file = tmp_path / "pid"
    command = [str(script), "--bind", "127.0.0.1:0", "--pid", str(pid_file),
               "application:application"]  # fmt: skip
    codes: list[int] = []
    done = threading.Event()
    uploads = tmp_path / "uploads"
    with running(
        command, tmp_path, ARTIFACTS_DIR=str(sample_artifacts), UPLOADS_DIR=str(uploads)
    ) as server:
        body, kind = multipart(TABLE.encode(), "class.csv")
        page = server.ask("/batch", body, Content_Type=kind)
        job = page.text.partition('"/batch/')[2][:32]

        def ask() -> None:
            while not done.is_set():
                codes.append(server.post_json("/predict", student).status)

        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        new: int | None = None
        try:
            server.process.send_signal(signal.SIGUSR2)
            new_pid_file = tmp_path / "pid.2"
            wait_until(lambda: new_pid_file.exists() and new_pid_file.read_text())
            new = int(new_pid_file.read_text())
            wait_until(lambda: server.log.count("Booting worker") >= 4)
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(timeout=60) == 0
            after = len(codes)
            wait_until(lambda: len(codes) > after + 20)
            assert server.ask(f"/batch/{job}/predictions.csv").status == 200  # in UPLOADS_DIR
        finally:
            done.set()
            thread.join()
            if new is not None:
                os.kill(new, signal.SIGTERM)
                wait_until(lambda: not Path(f"/proc/{new}").exists() or is_defunct(new))
    assert set(codes) == {200}
