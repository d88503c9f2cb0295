"""mljar-supervised, mode Perform, with a budget of time. It writes its own folder."""

import tempfile
from pathlib import Path

from _peer import Solution, Task, run


def solve(task: Task) -> Solution:
    """Search for as long as the budget lasts; say that it is regression, which it would not see."""
    from supervised.automl import AutoML

    with tempfile.TemporaryDirectory() as temporary:
        automl = AutoML(
            mode="Perform",
            ml_task="regression",
            eval_metric="r2",
            total_time_limit=int(task.time_s),
            results_path=str((task.folder or Path(temporary)) / "mljar"),
            random_state=task.seed,
            verbose=0,
        )
        # Rows are split by position inside, so the shuffled index must go.
        X_train, y_train = task.X_train.reset_index(drop=True), task.y_train.reset_index(drop=True)
        automl.fit(X_train, y_train)
        y_pred = automl.predict(task.X_test.reset_index(drop=True))
        best = automl._best_model
        name = best.get_name() if best is not None else ""
    return Solution(y_pred, name)


if __name__ == "__main__":
    run(solve)
