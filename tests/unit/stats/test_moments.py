"""Sums of products, block by block."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, Ridge

from src.stats.moments import Moments, few_rows_alike


def _table(seed: int, n_rows: int = 400, n_columns: int = 5):
    random = np.random.default_rng(seed)
    X = random.normal(size=(n_rows, n_columns)) * [1, 1, 3, 1, 0.5]
    y = X @ [1, -2, 0.3, 0, 4] + random.normal(size=n_rows) + 1
    return X, y


def _of_blocks(rows, ends):
    blocks = [Moments.of(part) for part in np.split(rows, sorted(ends)) if len(part)]
    found = blocks[0]
    for block in blocks[1:]:
        found += block
    return found


@settings(max_examples=25)
@given(seed=st.integers(0, 50), ends=st.lists(st.integers(0, 400), max_size=12))
def test_blocks_of_any_size_give_the_same_moments(seed, ends):
    X, y = _table(seed)
    rows = np.column_stack([X, y])
    whole, parts = Moments.of(rows), _of_blocks(rows, ends)
    assert parts.n_rows == len(rows)
    np.testing.assert_allclose(parts.means, whole.means, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(parts.about_means, whole.about_means, rtol=1e-12, atol=1e-11)


@settings(max_examples=25)
@given(seed=st.integers(0, 50), ends=st.lists(st.integers(0, 400), max_size=6))
def test_order_of_blocks_does_not_matter(seed, ends):
    X, y = _table(seed)
    blocks = [part for part in np.split(np.column_stack([X, y]), sorted(ends)) if len(part)]
    forward, backward = _of_blocks(np.concatenate(blocks), []), Moments.of(blocks[-1])
    for block in reversed(blocks[:-1]):
        backward += Moments.of(block)
    np.testing.assert_allclose(backward.about_means, forward.about_means, rtol=1e-12, atol=1e-11)


@pytest.mark.parametrize("alpha", [0.1, 1.0, 500.0])
def test_ridge_on_a_few_rows_is_ridge_on_all(alpha):
    X, y = _table(1)
    few, target = few_rows_alike(Moments.of(np.column_stack([X, y])))
    expected = Ridge(alpha=alpha).fit(X, y)
    found = Ridge(alpha=alpha, fit_intercept=False).fit(few, target)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-10, atol=1e-12)


def test_columns_that_depend_on_one_another_get_least_squares_smallest_weights():
    X, y = _table(2)
    X = np.column_stack([X, X[:, 0] + X[:, 1]])
    few, target = few_rows_alike(Moments.of(np.column_stack([X, y])))
    expected = LinearRegression().fit(X, y)
    found = LinearRegression(fit_intercept=False).fit(few, target)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8, atol=1e-9)


def test_many_blocks_lose_no_digits():
    rows = np.random.default_rng(0).normal(size=(64, 2)) + 0.1
    block = Moments.of(rows)
    found = block
    for _ in range(2_000):
        found += block
    exact = 2_001 * block.products.astype(np.longdouble)
    np.testing.assert_allclose(
        found.products + found.products_lost, exact.astype(float), rtol=2e-16
    )


def test_weights_count_rows_more_than_once():
    X, y = _table(3)
    rows, weight = np.column_stack([X, y]), np.arange(len(y)) % 3 + 1.0
    weighted, repeated = (
        Moments.of(rows, weight),
        Moments.of(np.repeat(rows, weight.astype(int), 0)),
    )
    assert weighted.weight == repeated.weight
    np.testing.assert_allclose(weighted.about_means, repeated.about_means, rtol=1e-11, atol=1e-10)
