from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from src.exception import ArtifactError
from src.explanations.background import Background
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema

SCHEMA = Schema(
    features=(
        NumericFeature(name="a", observed_minimum=0, observed_maximum=999, optional=True),
        NumericFeature(name="b", observed_minimum=0, observed_maximum=999),
        CategoricalFeature(name="c", categories=("x", "y"), optional=True),
    ),
    target=NumericFeature(name="mark", observed_minimum=0, observed_maximum=100),
)


def table(n_rows: int = 1_000) -> pd.DataFrame:
    number = np.arange(n_rows, dtype=float)
    kind = np.where(number % 4 < 3, "x", "y").astype(object)
    frame = pd.DataFrame({"a": number, "b": number, "c": kind}).astype({"c": object})
    frame.loc[::5, "a"] = np.nan
    frame.loc[::10, "c"] = np.nan
    return frame


def test_no_row_is_anybodys() -> None:
    drawn = Background.of(SCHEMA, table()).frame(SCHEMA)
    assert len(drawn) == 100
    assert (drawn["a"] == drawn["b"]).sum() <= 3  # the same in every row of the table


def test_each_column_is_like_the_tables() -> None:
    drawn = Background.of(SCHEMA, table()).frame(SCHEMA)
    assert drawn["b"].mean() == pytest.approx(499.5, abs=5)
    assert drawn["b"].max() > 980
    assert drawn["a"].isna().mean() == pytest.approx(0.2, abs=0.02)
    assert drawn["c"].isna().mean() == pytest.approx(0.1, abs=0.02)
    assert (drawn["c"] == "x").mean() == pytest.approx(0.675, abs=0.03)


def test_it_survives_json_and_is_the_same_for_a_seed() -> None:
    drawn = Background.of(SCHEMA, table(), random_state=3)
    assert Background.from_dict(json.loads(json.dumps(drawn.to_dict()))) == drawn
    assert Background.of(SCHEMA, table(), random_state=3) == drawn
    assert Background.of(SCHEMA, table(), random_state=4) != drawn


def test_a_small_table_repeats_its_values() -> None:
    drawn = Background.of(SCHEMA, table(7)).frame(SCHEMA)
    assert set(drawn["b"]) == {0, 1, 2, 3, 4, 5, 6}
    assert drawn["b"].value_counts().between(14, 15).all()


@pytest.mark.parametrize("values", [{}, {"columns": 3}, {"columns": {"a": [1], "b": [1, 2]}}])
def test_damage_is_named(values: dict) -> None:
    with pytest.raises(ArtifactError, match=r"background\.json is damaged"):
        Background.from_dict(values)
