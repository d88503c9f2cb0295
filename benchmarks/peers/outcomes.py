"""Peers that say how likely outcomes are: logistic regression, CatBoost, or an AutoML tool.

They read the rows that our training kept, so that all learn from the same and are tested on the
same. The last line of stdout is one JSON object: each model's log loss on the test rows.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

PENALTIES = 10
INNER_FOLDS = 5


def main() -> None:
    """Fit what was asked for and print what it loses."""
    options = _parser().parse_args()
    import pandas as pd
    from sklearn.metrics import log_loss

    train, test = (pd.read_csv(options.rows / f"{name}.csv") for name in ("train", "test"))
    y, truth = (part.pop(options.target).astype(str) for part in (train, test))
    chances = METHODS[options.method](train, y, test, options)
    labels = sorted(y.unique())
    answer = {name: float(log_loss(truth, found, labels=labels)) for name, found in chances.items()}
    sys.stdout.write("\n" + json.dumps(answer) + "\n")


def plain(
    X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the chances by logistic regression, by CatBoost's defaults, and their average."""
    from catboost import CatBoostClassifier
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegressionCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numeric = [*X.select_dtypes("number").columns]
    categorical = [name for name in X.columns if name not in numeric]
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    categories = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="missing"),
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
    )
    columns = ColumnTransformer([("n", numbers, numeric), ("c", categories, categorical)])
    logistic = make_pipeline(
        columns,
        LogisticRegressionCV(
            Cs=PENALTIES, cv=INNER_FOLDS, scoring="neg_log_loss", max_iter=1_000
        ),
    ).fit(X, y)  # fmt: skip
    boosting = CatBoostClassifier(
        cat_features=categorical,
        random_seed=options.seed,
        verbose=False,
        allow_writing_files=False,
    )

    def named(frame: pd.DataFrame) -> pd.DataFrame:
        texts = {name: frame[name].astype(object).fillna("missing") for name in categorical}
        return frame.assign(**{name: text.astype(str) for name, text in texts.items()})

    boosting.fit(named(X), y)
    found = {
        "logistic": logistic.predict_proba(X_test),
        "catboost": boosting.predict_proba(named(X_test)),
    }
    return found | {"average": (found["logistic"] + found["catboost"]) / 2}


def flaml(
    X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the chances by FLAML with a budget of time."""
    import numpy as np
    from flaml import AutoML

    texts = [name for name in X.columns if name not in X.select_dtypes("number").columns]
    categories = dict.fromkeys(texts, "category")
    labels = sorted(y.unique())
    automl = AutoML()
    automl.fit(
        X.astype(categories), np.searchsorted(labels, y), task="classification",
        metric="log_loss", time_budget=options.time, seed=options.seed, verbose=0, log_file_name="",
    )  # fmt: skip
    return {"flaml": automl.predict_proba(X_test.astype(categories))}


def autogluon(
    X: pd.DataFrame, y: pd.Series, X_test: pd.DataFrame, options: argparse.Namespace
) -> dict[str, Any]:
    """Return the chances by AutoGluon's medium preset with a budget of time."""
    from autogluon.tabular import TabularPredictor

    with tempfile.TemporaryDirectory() as folder:
        predictor = TabularPredictor(
            label="target of all", eval_metric="log_loss", path=folder, verbosity=0
        )
        predictor.fit(
            X.assign(**{"target of all": y}), presets="medium_quality", time_limit=options.time
        )
        found = predictor.predict_proba(X_test)
        return {"autogluon": found[sorted(found.columns)].to_numpy()}


METHODS = {"plain": plain, "flaml": flaml, "autogluon": autogluon}


def _parser() -> argparse.ArgumentParser:
    result = argparse.ArgumentParser(description="Train peers; print one line of JSON.")
    result.add_argument("--method", choices=METHODS, default="plain")
    result.add_argument("--rows", type=Path, required=True, metavar="DIR")
    result.add_argument("--target", required=True, metavar="COLUMN")
    result.add_argument("--seed", type=int, required=True)
    result.add_argument("--time", type=float, default=60, metavar="S")
    return result


if __name__ == "__main__":
    main()
