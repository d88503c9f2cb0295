"""CatBoost as it comes: its defaults and its own handling of categories."""

from _peer import Solution, Task, run, with_missing_named


def solve(task: Task) -> Solution:
    """Fit once; there is nothing to choose."""
    from catboost import CatBoostRegressor

    model = CatBoostRegressor(
        cat_features=task.categorical,
        random_seed=task.seed,
        verbose=False,
        allow_writing_files=False,
    )
    model.fit(with_missing_named(task.X_train, task.categorical), task.y_train)
    y_pred = model.predict(with_missing_named(task.X_test, task.categorical))
    return Solution(y_pred, "CatBoost", model)


if __name__ == "__main__":
    run(solve)
