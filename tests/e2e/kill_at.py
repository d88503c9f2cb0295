"""Train in a child process and kill it with SIGKILL as it takes its n-th step in the artifacts.

A step is an opening for writing, a rename, a making or a removal of a file or folder there.
``python kill_at.py ARTIFACTS TABLE FIRST STEP`` kills children at steps FIRST, FIRST + STEP, …
until one lives to the end, checks the artifacts after each, and prints how many were killed.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import matplotlib.backends.backend_svg  # noqa: F401 - once for all children
import sklearn.linear_model  # noqa: F401

from src.exception import ModelNotFoundError
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor

WATCHED = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "shutil.copyfile"}


def train_and_die(artifacts: Path, table: str, at: int) -> None:
    steps = 0

    def hook(event: str, arguments: tuple) -> None:
        nonlocal steps
        if event not in WATCHED or not str(arguments[0]).startswith(str(artifacts)):
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR):
            return
        steps += 1
        if steps == at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    config = TrainConfig(data=table, target="math_score", models=("linear",), artifacts=artifacts,
                         jobs=1)  # fmt: skip
    TrainPipeline(config).run()


def serves(artifacts: Path) -> str | None:
    """Return the run that a fresh reader gets; None where nothing was promoted yet."""
    try:
        predictor = Predictor.load(artifacts)
    except ModelNotFoundError:
        return None
    record = {f.name: getattr(f, "observed_maximum", None) or f.categories[0]
              for f in predictor.schema.features}  # fmt: skip
    assert predictor.predict_record(record).prediction > 0
    for name, _ in predictor.run.manifest.files.items():
        assert (predictor.run.folder / name).is_file()
    return predictor.run.run_id


def main() -> None:
    artifacts, table = Path(sys.argv[1]).resolve(), sys.argv[2]
    at, step = int(sys.argv[3]), int(sys.argv[4])
    killed, served = 0, serves(artifacts)
    while True:
        child = os.fork()
        if child == 0:
            try:
                train_and_die(artifacts, table, at)
            finally:
                os._exit(0 if sys.exc_info()[0] is None else 1)
        _, status = os.waitpid(child, 0)
        now = serves(artifacts)
        assert served is None or now is not None, f"step {at} lost the model"
        if not os.WIFSIGNALED(status):
            assert status == 0, "the training that nobody killed failed"
            break
        killed, served, at = killed + 1, now, at + step
    left = [str(path) for path in artifacts.rglob("*.tmp")]
    assert not left, f"the next run did not clean up: {left}"
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    main()
