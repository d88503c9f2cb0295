"""AutoGluon with a budget of time; ``--preset`` medium (default) or high. It writes a folder."""

import tempfile
from pathlib import Path

from _peer import Solution, Task, run


def solve(task: Task) -> Solution:
    """Search for as long as the budget lasts; say that it is regression, which it would not see."""
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as temporary:
        predictor = TabularPredictor(
            label=task.target,
            problem_type="regression",
            eval_metric="r2",
            path=str((task.folder or Path(temporary)) / "autogluon"),
            verbosity=0,
        )
        predictor.fit(
            task.X_train.assign(**{task.target: task.y_train}),
            presets=f"{task.preset or 'medium'}_quality",
            time_limit=task.time_s,
        )
        y_pred = predictor.predict(task.X_test).to_numpy()
        name = predictor.model_best
    return Solution(y_pred, name)


if __name__ == "__main__":
    run(solve)
