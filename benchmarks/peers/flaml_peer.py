"""FLAML with a budget of time."""

from _peer import Solution, Task, run


def solve(task: Task) -> Solution:
    """Search for as long as the budget lasts."""
    from flaml import AutoML

    # It knows pandas' object and category columns, not the texts that pandas 3 reads.
    categories = dict.fromkeys(task.categorical, "category")
    automl = AutoML()
    automl.fit(
        task.X_train.astype(categories),
        task.y_train,
        task="regression",
        metric="r2",
        time_budget=task.time_s,
        seed=task.seed,
        verbose=0,
        log_file_name="",
    )
    y_pred = automl.predict(task.X_test.astype(categories))
    return Solution(y_pred, str(automl.best_estimator), automl)


if __name__ == "__main__":
    run(solve)
