"""Whether sums over a few students can be worked out from all figures that are shown together."""

from __future__ import annotations

import itertools
from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.components.model_evaluation import quality_at_marks
from src.components.model_groups import ModelGroups
from src.report.group_facts import GroupScore
from src.report.groups import partitions_of
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.search.group_effects import GroupFit, Units
from src.search.task import REGRESSION
from src.stats.disclosure import LEAST_ROWS, parts_by_size
from src.stats.group_effects import Members, group_means
from src.stats.group_tilts import group_tilts

EXHAUSTED = 12  # small cells up to which every union of them is looked at


def drawn(random: np.random.Generator, n_features: int) -> tuple[Schema, pd.DataFrame, np.ndarray]:
    """Return sensitive columns, some of which nearly repeat or coarsen others, and predictions."""
    n_rows = int(random.integers(40, 250))
    base = random.normal(size=n_rows)
    codes: list[np.ndarray] = []
    for _ in range(n_features):
        n_levels = int(random.integers(2, 5))
        if codes and random.random() < 0.5:
            own = codes[random.integers(len(codes))].copy()
            kind = random.integers(3)
            changed = random.choice(n_rows, random.integers(1, 15), replace=False)
            if kind:
                own[changed] = random.integers(0, n_levels, len(changed))
            codes.append(np.minimum(own, 1) if kind == 2 else own)
        else:
            latent = 0.6 * base + 0.8 * random.normal(size=n_rows)
            ends = np.quantile(latent, np.sort(random.random(n_levels - 1)))
            codes.append(np.searchsorted(ends, latent))
    X = pd.DataFrame({f"f{i}": own.astype(str).astype(object) for i, own in enumerate(codes)})
    features = tuple(
        CategoricalFeature(name=name, categories=tuple(sorted(set(X[name]))), sensitive=True)
        for name in X
    )
    target = NumericFeature(name="mark", observed_minimum=0, observed_maximum=1)
    return Schema(features=features, target=target), X, base + random.normal(size=n_rows)


def shown_together(
    schema: Schema, X: pd.DataFrame, y_pred: np.ndarray
) -> tuple[np.ndarray, int, int]:
    """Return the sets of rows whose figures are shown; of how many groups, out of how many."""
    parts = [np.isin(np.arange(len(X)), rows) for rows in parts_by_size(y_pred)]
    cross = ("f0", "f1") if len(schema.features) > 1 else None
    found = partitions_of(schema, X, cross, parts)
    groups = [one.codes == code for one in found for code in one.shown]
    everyone = np.ones(len(X), dtype=bool)
    n_groups = sum(int((one.counts > 0).sum()) for one in found)
    return np.array([everyone, *parts, *groups]), len(groups), n_groups


def fewest_found(shown: np.ndarray) -> int:
    """Return on how few rows some weighted sum of the figures is found to rest; 0 if on none.

    A result rests on some cells alone just where the projection on the space of all sums, cut to
    those cells, has an eigenvalue of 1. Cells are added one by one, those that come nearest to it
    first; where there are few, all unions are tried.
    """
    cells, sizes = np.unique(shown, axis=1, return_counts=True)
    _, scale, right = np.linalg.svd(cells.astype(float), full_matrices=False)
    basis = right[scale > 1e-9]
    projection = basis.T @ basis
    small = np.flatnonzero(sizes < LEAST_ROWS).tolist()

    def follows(chosen: list[int]) -> float:
        return float(np.linalg.eigvalsh(projection[np.ix_(chosen, chosen)])[-1])

    if len(small) <= EXHAUSTED:
        unions = [
            list(chosen)
            for n in range(1, len(small) + 1)
            for chosen in itertools.combinations(small, n)
            if sizes[list(chosen)].sum() < LEAST_ROWS
        ]
        return min((int(sizes[u].sum()) for u in unions if follows(u) > 1 - 1e-8), default=0)
    for start in small:
        chosen = [start]
        while follows(chosen) <= 1 - 1e-8:
            room = LEAST_ROWS - sizes[chosen].sum()
            others = [cell for cell in small if cell not in chosen and sizes[cell] < room]
            if not others:
                break
            chosen.append(max(others, key=lambda cell: follows([*chosen, cell])))
        else:
            return int(sizes[chosen].sum())
    return 0


def test_the_attack_finds_what_nested_groups_give_away() -> None:
    codes = np.repeat([0, 1, 2], [70, 4, 126])
    shown = np.array([np.ones(200, dtype=bool), codes == 0, codes > 0, codes < 2, codes == 2])
    assert fewest_found(shown) == 4


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4))
def test_no_result_rests_on_few_students(seed: int, n_features: int) -> None:
    """13.19."""
    shown, _, _ = shown_together(*drawn(np.random.default_rng(seed), n_features))
    assert fewest_found(shown) == 0


def counted_at_marks(seed: int) -> np.ndarray:
    """Return the sets of rows that the precision and recall at all marks tell the sizes of."""
    random = np.random.default_rng(seed)
    n_rows = int(random.integers(80, 500))
    truth = random.normal(60, 15, n_rows).round()
    predicted = truth + random.normal(0, random.uniform(3, 12), n_rows)
    sets = [np.ones(n_rows, dtype=bool)]
    for one in quality_at_marks(truth, predicted):
        below, flagged = truth < one.mark, predicted < one.mark
        sets += [below, flagged, below & flagged]
    return np.array(sets)


@pytest.mark.parametrize("seed", [6, 8])  # leaked before
def test_precision_at_marks_tells_nothing_of_few_students(seed: int) -> None:
    assert fewest_found(counted_at_marks(seed)) == 0


@pytest.mark.slow
def test_precision_at_marks_of_many_tables_tells_nothing_of_few() -> None:
    for seed in range(100):
        assert fewest_found(counted_at_marks(seed)) == 0, seed


@pytest.mark.slow
def test_no_table_of_four_sensitive_features_leaks_and_most_groups_are_shown() -> None:
    n_shown, n_groups = 0, 0
    for seed in range(300):
        shown, some, every = shown_together(*drawn(np.random.default_rng(seed), 4))
        assert fewest_found(shown) == 0, seed
        n_shown, n_groups = n_shown + some, n_groups + every
    assert n_shown > 0.4 * n_groups


# --- effects of schools --------------------------------------------------------------------------


def told_of_schools(seed: int, moved: float) -> tuple[dict[str, object], dict[str, object]]:
    """Return what is told of schools, of numbers and of outcomes.

    What the pupils of the smallest schools, each of fewer than ten, reached is another by so much.
    """
    random = np.random.default_rng(seed)
    sizes = np.array([3, 9, *random.integers(10, 60, 12)])
    codes = np.repeat(np.arange(len(sizes)), sizes)
    of_school = random.normal(0, 1, len(sizes))[codes]
    residuals = of_school + random.normal(0, 2, len(codes)) + moved * (codes < 2)
    chance = np.clip(random.normal(0.5, 0.15, len(codes)), 0.05, 0.95)
    passed = (random.random(len(codes)) < chance + 0.25 * of_school).astype(np.int64)
    passed[codes < 2] = moved > 0
    members = Members.of(codes, len(sizes))
    names = [f"{code:02d}" for code in range(len(sizes))]
    found = []
    for means in (
        group_means(residuals, members),
        group_tilts(passed, np.column_stack([1 - chance, chance]), members, np.array([0.0, 1.0])),
    ):
        fit = GroupFit(
            names=names, means=means, rows=np.arange(0), new=residuals,
            known=residuals, task=REGRESSION, units=Units(codes.astype(str)), truth=residuals,
            predicted=residuals,
        )  # fmt: skip
        score = GroupScore("new", True, 100, 10, {})
        found.append(asdict(ModelGroups("school").facts(fit, [score], {"05": "Hill"})))
    return found[0], found[1]


@pytest.mark.parametrize("seed", range(3))
def test_nothing_that_is_told_of_schools_depends_on_those_of_fewer_than_ten(seed: int) -> None:
    for one, other in zip(told_of_schools(seed, 0.0), told_of_schools(seed, 50.0), strict=True):
        assert one["between"]
        assert one == other
        assert one["n_with_effect"] == 12


def test_the_size_of_a_school_without_a_name_is_told_by_its_first_digit() -> None:
    found, _ = told_of_schools(0, 0.0)
    sizes = {one["name"]: one["n_members"] for one in found["effects"]}
    assert sizes["Hill"] % 10
    unnamed = [one for one in found["effects"] if not one["name"]]
    assert {one["n_members"] % 10 for one in unnamed} == {0}
    widths = {one["n_members"]: round(one["high"] - one["low"], 9) for one in unnamed}
    assert {(one["n_members"], round(one["high"] - one["low"], 9)) for one in unnamed} == {
        *widths.items()
    }  # the interval tells no more of the size
