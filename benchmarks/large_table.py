"""Train on a table that does not fit in memory, hold its memory to a limit; compare parts that fit.

``python -m benchmarks.large_table --mib 5120 --limit 1536 --check``
``python -m benchmarks.large_table --outcomes 2 --model logistic --check``

The table is synthetic and seeded, lies in a folder for temporary files, and is deleted. The limit
is held against the most that was resident of the training, which is one process: limits that the
kernel keeps for a process (``ulimit``) count what is only reserved. To have the kernel keep it, run
this in a container, or a control group, of that much memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.large_tables import TARGET, write_large_table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MIB = 1 << 20
PART_MIB = 8  # of the part that is fitted in memory, too
MOST_APART = 1e-9  # of ridge's predictions, over their spread
MOST_R2 = 0.002  # of XGBoost; of its log loss, too
MOST_CHANCE = 1e-6  # by which a chance of a logistic regression may be off
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "LOG_LEVEL": "WARNING"}


def train_measured(data: Path, artifacts: Path, model: str) -> dict[str, Any]:
    """Return what a training in a process of its own came to, with its peak of memory."""
    command = [
        *(sys.executable, "-m", "src.pipelines.train_pipeline", "--data", str(data), "--json"),
        *("--target", TARGET, "--large", "yes", "--budget", "quick", "--models", model),
        *("--artifacts", str(artifacts)),
    ]
    started = time.monotonic()
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        env=os.environ | ENVIRONMENT,
    )
    answer, _ = process.communicate()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    found: dict[str, Any] = {
        "status": process.returncode,
        "seconds": time.monotonic() - started,
        "processor_s": used.ru_utime + used.ru_stime,
        "peak_mib": used.ru_maxrss / 1024,
    }
    if process.returncode == 0:
        told = json.loads(answer.splitlines()[-1])
        found |= {"rows": told["rows"], "large_table": told["large_table"]}
    return found


def compare_in_memory(model: str, folder: Path, n_outcomes: int) -> tuple[float, float]:
    """Return how far predictions are apart, over their spread, and R², for a part in memory.

    The same model is fitted to the same rows, made by the same preprocessor; a logistic regression
    to its very end. Of outcomes, chances are compared, and the log loss.
    """
    import numpy as np
    import pandas as pd
    from sklearn.base import clone
    from sklearn.metrics import log_loss, r2_score

    from src.pipelines.train_pipeline import TrainPipeline
    from src.pipelines.training import TrainConfig

    data = folder / "part"
    data.mkdir(exist_ok=True)
    if not any(data.iterdir()):
        write_large_table(data, PART_MIB * MIB, seed=1, n_outcomes=n_outcomes)
    config = TrainConfig(
        data=str(data),
        target=TARGET,
        models=(model,),
        artifacts=folder / model,
        large="yes",
        budget="quick",
    )
    result = TrainPipeline(replace(config, jobs=1)).run()
    run = result.run
    preprocessor, fitted = run.load_object("preprocessor.pkl"), run.load_object("model.pkl")
    rows = pd.concat([pd.read_csv(path) for path in sorted(data.iterdir())], ignore_index=True)
    X = preprocessor.transform(rows[list(result.schema.names)])
    y = rows[TARGET].to_numpy()
    if n_outcomes:
        y = rows[TARGET].map(result.schema.outcomes.categories.index).to_numpy()
        in_memory = clone(fitted)
        if model == "logistic":
            in_memory.set_params(solver="newton-cholesky", tol=1e-12, max_iter=1_000)
        chances = [one.predict_proba(X) for one in (fitted, in_memory.fit(X, y))]
        losses = [log_loss(y, one) for one in chances]
        return float(np.abs(chances[0] - chances[1]).max()), abs(losses[0] - losses[1])
    expected = clone(fitted).fit(X, y).predict(X)
    found: NDArray[np.float64] = fitted.predict(X)
    apart = float(np.abs(found - expected).max() / expected.std())
    return apart, abs(float(r2_score(y, found) - r2_score(y, expected)))


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=200, help="size of the table (%(default)s)")
    parser.add_argument("--limit", type=int, default=700, help="MiB for training (%(default)s)")
    parser.add_argument("--model", default="ridge", help="that is trained under it (%(default)s)")
    parser.add_argument("--ending", default=".csv", choices=(".csv", ".parquet"))
    parser.add_argument("--folder", help="for the table (default: the system's for such files)")
    parser.add_argument(
        "--parts", nargs="*", help="compared in memory (ridge and xgboost; logistic, of outcomes)"
    )
    parser.add_argument(
        "--outcomes", type=int, default=0, choices=(2, 4), help="that the target has (a number)"
    )
    parser.add_argument("--check", action="store_true", help="fail where a limit is missed")
    options = parser.parse_args()
    missed, usual = [], ["logistic" if options.outcomes else "ridge", "xgboost"]
    figure = "log loss" if options.outcomes else "R²"
    most = {"ridge": MOST_APART, "logistic": MOST_CHANCE}
    with tempfile.TemporaryDirectory(dir=options.folder) as temporary:
        folder = Path(temporary)
        for model in usual if options.parts is None else options.parts:
            apart, r2 = compare_in_memory(model, folder, options.outcomes)
            print(f"{model} on {PART_MIB} MiB, as in memory: predictions {apart:.1e} apart, "
                  f"{figure} {r2:.5f}", flush=True)  # fmt: skip
            if (apart > most[model]) if model in most else (r2 > MOST_R2):
                missed.append(model)
        data = folder / "table"
        data.mkdir()
        n_rows = write_large_table(
            data, options.mib * MIB, ending=options.ending, n_outcomes=options.outcomes
        )
        print(f"Table: {n_rows:,} rows, {options.mib:,} MiB of {options.ending}", flush=True)
        found = train_measured(data, folder / "artifacts", options.model)
    print(json.dumps(found, indent=1))
    if found["status"] != 0 or found["peak_mib"] > options.limit:
        missed.append("memory")
    else:
        print(f"{options.model}: {found['peak_mib']:.0f} MiB at most (limit {options.limit}), "
              f"{found['seconds']:.0f} s, {found['processor_s']:.0f} s of a processor, "
              f"{n_rows / found['processor_s']:,.0f} rows a second of it")  # fmt: skip
    print(f"Missed: {', '.join(missed)}" if missed else "All limits are kept.")
    return 1 if options.check and missed else 0


if __name__ == "__main__":
    sys.exit(main())
