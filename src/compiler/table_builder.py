"""Fold a preprocessor's columns and an estimator's parts into the tables of ``compiled.json``."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from src.compiled.model import CompiledModel
from src.compiler.classifiers import AveragedMembers, ClassMember
from src.compiler.columns import CategoryColumns, FeatureColumns, NumericColumn, exact_cuts
from src.compiler.estimators import (
    LEAF,
    Comparison,
    Exponential,
    FittedCurve,
    FittedEnsemble,
    FittedObliviousTree,
    FittedObliviousTrees,
    FittedTree,
    FittedTrees,
    Linear,
    Part,
    Product,
    UnsupportedEstimatorError,
    WeightedSum,
)
from src.compiler.leaf_shapley import leaf_contributions

if TYPE_CHECKING:
    import pandas as pd

MOST_LEAVES = 1_000_000  # of all trees: a process holds about 100 bytes for each
MOST_NODES = 16  # of a quadrature; the contributions of 32 features are exact by so many
DIGITS = 7  # of the largest of the numbers that only explanations read

# Feature, column of the feature, and the cut of a number or the categories' answers.
Test = tuple[int, int, float] | tuple[int, int, tuple[bool, ...]]
Placed = Test | bool  # a test, or the answer that it always has
Curves = dict[int, list[dict[str, Any]]]  # by feature
Products = list[tuple[int, int, float, float]]


class TableBuilder:
    """Build the tables of one pipeline.

    Parameters
    ----------
    features : sequence of NumericColumn or CategoryColumns
    constant : mapping of int to float
        Columns that no feature changes.
    X : DataFrame of shape (n_samples, n_features)
        Training rows: linear terms are counted from their means.
    points : ndarray of shape (n_points, n_columns)
        Of the background, as the model takes them: trees' contributions are counted from them.
    weights : sequence of float
        Of the points.
    """

    def __init__(
        self,
        features: Sequence[FeatureColumns],
        constant: Mapping[int, float],
        X: pd.DataFrame,
        points: NDArray[np.float64],
        weights: Sequence[float],
    ) -> None:
        self.features = features
        self.constant = constant
        self._X = X
        self._points = points
        self._weights = weights
        self._owners: dict[int, tuple[int, int]] = {}  # feature and its column, by matrix column
        for position, feature in enumerate(features):
            self._owners |= {column: (position, i) for i, column in enumerate(feature.columns)}
        self._placed: dict[Comparison, dict[tuple[int, float], Placed]] = {}
        self._numbers: dict[Test, int] = {}

    def run(self, model: WeightedSum | AveragedMembers) -> dict[str, Any]:
        """Return the tables.

        Raises
        ------
        UnsupportedEstimatorError
            If the trees are too many to be held by a web worker.
        """
        if isinstance(model, AveragedMembers):
            return self._classifier(model)
        features = self._asked([part for _, part in model.parts])
        base, terms, curves, products = self._terms(model)
        own = list(map(_own_terms, terms))
        for position, of_feature in curves.items():
            own[position]["curves"] = of_feature
        powers = [self._exponential(w, p) for w, p in model.parts if isinstance(p, Exponential)]
        return {
            "version": CompiledModel.VERSION,
            "features": [feature | more for feature, more in zip(features, own, strict=True)],
            "base": base,
            "linear": _is_linear(model),
            **({"products": products} if products else {}),
            "ensembles": self._ensembles(model.parts),
            **({"exponentials": powers, "nodes": _nodes(len(features))} if powers else {}),
        }

    def _classifier(self, model: AveragedMembers) -> dict[str, Any]:
        """Return the tables of a classifier; what its outputs ask of features stands there once."""
        return {
            "version": CompiledModel.VERSION,
            "features": self._asked(model.parts),
            "n_classes": model.n_classes,
            "members": [self._member(member) for member in model.members],
        }

    def _member(self, member: ClassMember) -> dict[str, Any]:
        return {
            "weight": member.weight,
            "link": member.link,
            "outputs": [self._output(output) for output in member.outputs],
            **({"thresholds": list(member.thresholds)} if member.thresholds else {}),
            **({"joint": self._ensembles(member.joint)} if member.joint else {}),
        }

    def _output(self, model: WeightedSum) -> dict[str, Any]:
        base, terms, curves, products = self._terms(model)
        ensembles = self._ensembles(model.parts)
        found: dict[str, Any] = {"base": base}
        if _is_linear(model):
            found["terms"] = terms
        for name, part in (("curves", curves), ("products", products), ("ensembles", ensembles)):
            if part:
                found[name] = part
        return found

    def _asked(self, parts: Sequence[Part]) -> list[dict[str, Any]]:
        """Find all tests, and return what they are by feature."""
        ensembles = [part for part in parts if isinstance(part, FittedEnsemble)]
        n_leaves = sum(map(_n_leaves, ensembles))
        if n_leaves > MOST_LEAVES:
            raise UnsupportedEstimatorError(
                f"Its trees have {n_leaves:,} leaves, more than the {MOST_LEAVES:,} that a web "
                "worker should hold."
            )
        for part in ensembles:
            self._place(part)
        placed = [test for tests in self._placed.values() for test in tests.values()]
        ordered = sorted({test for test in placed if not isinstance(test, bool)})
        self._numbers = {test: number for number, test in enumerate(ordered)}
        return [
            self._feature(position, [test for test in ordered if test[0] == position])
            for position in range(len(self.features))
        ]

    def _exponential(self, weight: float, part: Exponential) -> dict[str, Any]:
        builder = TableBuilder(self.features, self.constant, self._X, self._points, self._weights)
        return {"weight": weight, "tables": builder.run(part.inner)}

    # --- linear terms ----------------------------------------------------------------------------

    def _terms(self, model: WeightedSum) -> tuple[float, list[Any], Curves, Products]:
        """Return the base, each feature's linear term, the curves by feature, and the products."""
        base, terms = self._linear([(w, p) for w, p in model.parts if isinstance(p, Linear)])
        bent, curves = self._bend([(w, p) for w, p in model.parts if isinstance(p, FittedCurve)])
        base += bent
        products = self._products([(w, p) for w, p in model.parts if isinstance(p, Product)])
        base += sum(weight * mean for _, _, weight, mean in products)
        return model.constant + base, terms, curves, products

    def _linear(self, parts: Iterable[tuple[float, Linear]]) -> tuple[float, list[Any]]:
        """Return the mean of the linear parts, and each feature's deviation from its own."""
        base, weights = 0.0, np.zeros(len(self._owners) + len(self.constant))
        for factor, part in parts:
            base += factor * part.intercept
            weights += factor * part.weights
        base += sum(float(weights[column]) * value for column, value in self.constant.items())
        terms: list[Any] = []
        for feature in self.features:
            if isinstance(feature, NumericColumn):
                slope = float(weights[feature.column]) / feature.scale
                height = 0.0
                if feature.missing_column is not None:
                    height = float(weights[feature.missing_column])
                share = float(self._X[feature.name].isna().mean()) if height else 0.0
                base += height * share
                terms.append((slope, -height * share, height * (1 - share)) if height else slope)
                continue
            values = feature.values @ weights[list(feature.columns)]
            mean = float(values @ self._shares(feature))
            base += mean
            terms.append((values - mean).tolist())
        return base, terms

    def _bend(self, parts: Iterable[tuple[float, FittedCurve]]) -> tuple[float, Curves]:
        """Return the sum of the means of curves, and each number's, counted from them."""
        base, found = 0.0, Curves()
        for factor, part in parts:
            position, feature = self._number_of(part.column)
            origins = feature.mean + feature.scale * part.origins
            powers = factor * part.powers / feature.scale ** np.arange(4)
            # A curve jumps where several knots are the same number: the last bit decides there too.
            breaks = exact_cuts(feature, part.breaks, Comparison(single=False, strict=True))
            curve = FittedCurve(part.column, breaks, origins, powers)
            mean = _mean_on(curve, self._filled(feature))
            base += mean
            powers[:, 0] -= mean
            found.setdefault(position, []).append(
                {
                    "breaks": curve.breaks.tolist(),
                    "pieces": np.column_stack([origins, powers]).tolist(),
                }
            )
        return base, found

    def _products(self, parts: Iterable[tuple[float, Product]]) -> Products:
        """Return each product's numbers, its weight, and its mean, from which it is counted."""
        weights: dict[tuple[int, int], float] = {}
        means: dict[tuple[int, int], float] = {}
        for factor, part in parts:
            (i, first), (j, second) = sorted(map(self._number_of, part.columns), key=lambda p: p[0])
            weight = factor * part.weight / (first.scale * second.scale)
            weights[i, j] = weights.get((i, j), 0.0) + weight
            u, v = (self._filled(one) - one.mean for one in (first, second))
            means[i, j] = float((u * v).mean())
        return [(*pair, weight, means[pair]) for pair, weight in weights.items()]

    def _filled(self, feature: NumericColumn) -> NDArray[np.float64]:
        """Return the training rows' numbers, what stands for a missing one in its place."""
        numbers = self._X[feature.name].to_numpy(dtype=float)
        return np.where(np.isnan(numbers), feature.fill, numbers)

    def _number_of(self, column: int) -> tuple[int, NumericColumn]:
        """Return the position of the number that a column stands for, and how.

        Raises
        ------
        UnsupportedEstimatorError
            If it stands for no number.
        """
        position, within = self._owners.get(column, (-1, 0))
        feature = self.features[position] if position >= 0 and not within else None
        if not isinstance(feature, NumericColumn):
            raise UnsupportedEstimatorError("A curve or a product is of something not a number.")
        return position, feature

    def _shares(self, feature: CategoryColumns) -> NDArray[np.float64]:
        """Return the share of the training rows in each category."""
        counts = self._X[feature.name].value_counts()
        known = np.array([counts.get(c, 0) for c in feature.categories if c is not None])
        if None in feature.categories:
            known = np.append(known, self._X[feature.name].isna().sum())
        return known / known.sum()

    # --- tests -----------------------------------------------------------------------------------

    def _place(self, part: FittedEnsemble) -> None:
        """Find the test that stands for each comparison of some trees."""
        if isinstance(part, FittedTrees):
            inner = [tree.column != LEAF for tree in part.trees]
            columns = [tree.column[i] for tree, i in zip(part.trees, inner, strict=True)]
            thresholds = [tree.threshold[i] for tree, i in zip(part.trees, inner, strict=True)]
        else:
            columns = [tree.columns for tree in part.trees]
            thresholds = [tree.thresholds for tree in part.trees]
        column, threshold = np.concatenate(columns), np.concatenate(thresholds)
        placed = self._placed.setdefault(part.comparison, {})
        for one in np.unique(column).tolist():
            asked = np.unique(threshold[column == one])
            for value, test in zip(
                asked.tolist(), self._tests(one, asked, part.comparison), strict=True
            ):
                placed[one, value] = test

    def _tests(
        self, column: int, thresholds: NDArray[np.float64], comparison: Comparison
    ) -> list[Placed]:
        if column in self.constant:
            value = np.full(len(thresholds), self.constant[column])
            return comparison.goes_right(value, thresholds).tolist()
        position, within = self._owners[column]
        feature = self.features[position]
        if isinstance(feature, NumericColumn) and within:
            left, right = (comparison.goes_right(np.full(len(thresholds), value), thresholds)
                           for value in (0.0, 1.0))  # fmt: skip
            return [
                known if known == unknown else (position, within, 0.0)
                for known, unknown in zip(left.tolist(), right.tolist(), strict=True)
            ]
        if isinstance(feature, NumericColumn):
            cuts = exact_cuts(feature, thresholds, comparison).tolist()
            return [
                cut < 0 if cut in (float("inf"), float("-inf")) else (position, 0, cut)
                for cut in cuts
            ]
        right = comparison.goes_right(feature.values[:, [within]], thresholds[None, :])
        return [
            # Means of the target were cross-fitted in training: all answers can be alike by now.
            answers[0] if len(set(answers)) == 1 else (position, within, tuple(answers))
            for answers in right.T.tolist()
        ]

    def _number(self, part: FittedEnsemble, column: int, threshold: float) -> int | bool:
        """Return a comparison's test by number, or the answer that it always has."""
        test = self._placed[part.comparison][column, threshold]
        return test if isinstance(test, bool) else self._numbers[test]

    def _feature(self, position: int, tests: list[Test]) -> dict[str, Any]:
        feature = self.features[position]
        if isinstance(feature, NumericColumn):
            return {
                "name": feature.name,
                "fill": feature.fill,
                "cuts": [test[2] for test in tests if not test[1]],
                "center": feature.mean,
                **({"knows_missing": True} if feature.missing_column is not None else {}),
                **({"asks_missing": True} if any(test[1] for test in tests) else {}),
            }
        answers = [test[2] for test in tests if isinstance(test[2], tuple)]
        return {
            "name": feature.name,
            "categories": list(feature.categories),
            "answers": [
                "".join(str(int(each[i])) for each in answers)
                for i in range(len(feature.categories))
            ],
            "columns": [test[1] for test in tests],
        }

    # --- trees -----------------------------------------------------------------------------------

    def _ensembles(self, parts: Iterable[tuple[float, Part]]) -> list[dict[str, Any]]:
        return [self._ensemble(w, part) for w, part in parts if isinstance(part, FittedEnsemble)]

    def _ensemble(self, weight: float, part: FittedEnsemble) -> dict[str, Any]:
        if isinstance(part, FittedObliviousTrees):
            trees = [self._oblivious(part, tree) for tree in part.trees]
            return {"kind": "oblivious", "weight": weight, "trees": trees}
        found: dict[str, list[Any]] = {"tests": [], "values": []}
        for tree in part.trees:
            self._list(part, tree, **found)
        if part.median_weights:
            weights = {"tree_weights": list(part.median_weights)}
            return {"kind": "median", "weight": weight, **found, **weights}
        return {"kind": "sum", "weight": weight, **found}

    def _list(self, part: FittedTrees, tree: FittedTree, tests: Any, values: Any) -> None:
        """Add a tree's nodes in preorder, without those that have one answer only."""
        column, threshold = tree.column.tolist(), tree.threshold.tolist()
        children = tree.left.tolist(), tree.right.tolist()
        value = tree.value.tolist()
        waiting = [0]
        while waiting:
            node = waiting.pop()
            if column[node] == LEAF:
                tests.append(LEAF)
                values.append(value[node])
                continue
            number = self._number(part, column[node], threshold[node])
            if isinstance(number, bool):
                waiting.append(children[number][node])
            else:
                tests.append(number)
                waiting += [children[1][node], children[0][node]]

    def _oblivious(self, part: FittedObliviousTrees, tree: FittedObliviousTree) -> dict[str, Any]:
        n_outputs = tree.values.shape[1:]
        leaves: Any = tree.values.reshape((2,) * len(tree.columns) + n_outputs)
        right = part.comparison.goes_right(self._points[:, tree.columns], tree.thresholds)
        tests: list[int] = []
        owners: list[int] = []
        reached = np.zeros(len(self._points), dtype=np.intp)
        for level, (column, threshold) in enumerate(
            zip(tree.columns.tolist(), tree.thresholds.tolist(), strict=True)
        ):
            number = self._number(part, column, threshold)
            if isinstance(number, bool):
                leaves = leaves.take(int(number), axis=len(tests))
            else:
                tests.append(number)
                owners.append(self._owners[column][0])
                reached += reached + right[:, level]
        features = sorted(set(owners))
        players = np.array([features.index(owner) for owner in owners], dtype=np.intp)

        def by_leaf(values: NDArray[np.float64]) -> dict[str, Any]:
            base, each = leaf_contributions(players, values, reached, np.array(self._weights))
            added = _short(each[:, :-1].ravel())
            return {"values": values.tolist(), "base": base, "contributions": added}

        if n_outputs:
            columns = leaves.reshape(-1, *n_outputs).T
            return {"tests": tests, "features": features, "outputs": list(map(by_leaf, columns))}
        found = by_leaf(leaves.ravel())
        return {
            "tests": tests,
            "values": found["values"],
            "base": found["base"],
            "features": features,
            "contributions": found["contributions"],
        }


def _is_linear(model: WeightedSum) -> bool:
    return any(isinstance(part, Linear) for _, part in model.parts)


def _mean_on(curve: FittedCurve, numbers: NDArray[np.float64]) -> float:
    """Return the mean of a curve's values."""
    piece = np.searchsorted(curve.breaks, numbers)
    distance = numbers - curve.origins[piece]
    return float((curve.powers[piece] * distance[:, None] ** np.arange(4)).sum(axis=1).mean())


def _own_terms(term: Any) -> dict[str, Any]:
    """Return a feature's linear term as its table holds it."""
    if isinstance(term, list):  # of a category's values
        return {"terms": term}
    if isinstance(term, float):
        return {"weight": term}
    slope, present, missing = term
    return {"weight": slope, "missing_terms": [present, missing]}


def _nodes(n_features: int) -> list[list[float]]:
    """Return where, and with which weights, a polynomial is summed to its integral from 0 to 1."""
    at, weights = np.polynomial.legendre.leggauss(min((n_features + 1) // 2, MOST_NODES))
    return np.column_stack([(at + 1) / 2, weights / 2]).tolist()


def _n_leaves(part: FittedEnsemble) -> int:
    if isinstance(part, FittedObliviousTrees):
        return sum(tree.values.size for tree in part.trees)
    return sum(tree.value[tree.column == LEAF].size for tree in part.trees)


def _short(numbers: NDArray[np.float64]) -> list[float]:
    """Return numbers that only explanations read, with no more digits than these need.

    Examples
    --------
    >>> import numpy as np
    >>> _short(np.array([12.0, 5.0])), _short(np.array([1 / 3, 20.0]))
    ([12, 5], [0.333333, 20.0])
    """
    if (numbers == np.rint(numbers)).all():
        return numbers.astype(np.int64).tolist()
    size = math.ceil(math.log10(float(np.abs(numbers).max())))
    return np.round(numbers, DIGITS + 1 - size).tolist()
