"""What fitted estimators compute, as arrays over the columns of the matrix that they take."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from src.exception import StuPredictionError

Reader = TypeVar("Reader")
LEAF = -1


class UnsupportedEstimatorError(StuPredictionError):
    """An estimator that cannot be written as tables; the message says why."""


@dataclass(frozen=True)
class Linear:
    """An intercept, and a weight a column."""

    intercept: float
    weights: NDArray[np.float64]


@dataclass(frozen=True)
class FittedCurve:
    """A function of one column, in pieces: cubic polynomials, and lines at the ends.

    Attributes
    ----------
    breaks : ndarray of shape (n_pieces - 1,)
        Ascending; a value on one belongs to the piece that begins there.
    origins : ndarray of shape (n_pieces,)
        What a piece's distances are counted from.
    powers : ndarray of shape (n_pieces, 4)
        Coefficients of the distance to the power of 0, 1, 2 and 3.
    """

    column: int
    breaks: NDArray[np.float64]
    origins: NDArray[np.float64]
    powers: NDArray[np.float64]


@dataclass(frozen=True)
class Product:
    """A weight times the product of two columns."""

    columns: tuple[int, int]
    weight: float


@dataclass(frozen=True)
class Comparison:
    """How a library compares a value with a threshold.

    Attributes
    ----------
    single : bool
        Whether the value is rounded to float32 first.
    strict : bool
        Whether an equal value goes right: ``x < threshold`` goes left, not ``x <= threshold``.
    """

    single: bool
    strict: bool = False

    def goes_right(
        self, values: NDArray[np.float64], thresholds: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Return which values go right, as the library decides it."""
        with np.errstate(over="ignore"):
            x = values.astype(np.float32).astype(np.float64) if self.single else values
        return x >= thresholds if self.strict else x > thresholds


@dataclass(frozen=True)
class FittedTree:
    """A binary tree: an entry a node, the root first.

    Attributes
    ----------
    column : ndarray of int
        What a node looks at; :data:`LEAF` for a leaf.
    threshold : ndarray of float64
    left, right : ndarray of int
        Positions of the children.
    value : ndarray of float64
        What the leaves add, or a row with what they add to each output; of other nodes, anything.
    """

    column: NDArray[np.intp]
    threshold: NDArray[np.float64]
    left: NDArray[np.intp]
    right: NDArray[np.intp]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class FittedTrees:
    """Binary trees, summed; or their weighted median where there are ``median_weights``."""

    trees: tuple[FittedTree, ...]
    comparison: Comparison
    median_weights: tuple[float, ...] = ()


@dataclass(frozen=True)
class FittedObliviousTree:
    """A tree that asks the same on each level.

    Attributes
    ----------
    columns : ndarray of int, shape (depth,)
        The root's first.
    thresholds : ndarray of float64, shape (depth,)
    values : ndarray of shape (2 ** depth,) or (2 ** depth, n_outputs)
        By leaf, whose number in binary says which way was taken, the root's bit the highest.
    """

    columns: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    values: NDArray[np.float64]


@dataclass(frozen=True)
class FittedObliviousTrees:
    """Oblivious trees, summed."""

    trees: tuple[FittedObliviousTree, ...]
    comparison: Comparison


@dataclass(frozen=True)
class Exponential:
    """The exponential function of what the inner model predicts."""

    inner: WeightedSum


FittedEnsemble = FittedTrees | FittedObliviousTrees
Part = Linear | FittedCurve | Product | FittedEnsemble | Exponential


@dataclass(frozen=True)
class WeightedSum:
    """What an estimator predicts: a constant, and each part times its weight.

    Attributes
    ----------
    single : bool
        Whether the library itself sums in float32.
    """

    constant: float
    parts: tuple[tuple[float, Part], ...]
    single: bool = False

    @property
    def has_trees(self) -> bool:
        return any(isinstance(part, FittedEnsemble) for _, part in self.parts)

    @property
    def needs_points(self) -> bool:
        """Whether reasons are counted from the points of a background."""
        return any(isinstance(part, FittedEnsemble | Exponential) for _, part in self.parts)

    def scaled(self, factor: float, constant: float = 0.0) -> WeightedSum:
        """Return ``constant + factor × self``."""
        return WeightedSum(
            constant + factor * self.constant,
            tuple((factor * weight, part) for weight, part in self.parts),
            self.single,
        )


def read_estimator(estimator: Any) -> WeightedSum:
    """Return what a fitted regressor computes.

    Raises
    ------
    UnsupportedEstimatorError
        If it is of a kind, or has a part, that no table stands for.
    """
    return reader_of(estimator, _READERS)(estimator)


def reader_of(estimator: Any, readers: Mapping[str, Reader]) -> Reader:
    """Return what reads an estimator of its kind.

    Raises
    ------
    UnsupportedEstimatorError
        If there is none.
    """
    kind = type(estimator)
    reader = readers.get(f"{kind.__module__.partition('.')[0]}.{kind.__name__}")
    if reader is None:
        raise UnsupportedEstimatorError(
            f"{kind.__name__} is neither linear nor made of trees that can be written as tables."
        )
    return reader


# --- scikit-learn ---------------------------------------------------------------------------------


def _linear(estimator: Any) -> WeightedSum:
    weights = np.asarray(estimator.coef_, dtype=np.float64).ravel()
    intercept = float(np.ravel(estimator.intercept_)[0])
    return WeightedSum(0.0, ((1.0, Linear(intercept, weights)),))


def _transformed_target(estimator: Any) -> WeightedSum:
    scaler = estimator.transformer_
    if getattr(scaler, "inverse_func", None) is np.dot:
        return read_estimator(estimator.regressor_).scaled(float(scaler.inv_kw_args["b"]))
    if type(scaler).__name__ != "StandardScaler":
        raise UnsupportedEstimatorError(
            f"The target is transformed by {type(scaler).__name__}, which is not linear."
        )
    scale, mean = float(scaler.scale_[0]), float(scaler.mean_[0])
    return read_estimator(estimator.regressor_).scaled(scale, mean)


def _log_linear(estimator: Any) -> WeightedSum:
    if estimator.link == "identity" or (estimator.link == "auto" and estimator.power <= 0):
        return _linear(estimator)
    return WeightedSum(0.0, ((1.0, Exponential(_linear(estimator))),))


def _pipeline(estimator: Any) -> WeightedSum:
    return expanded(estimator, read_estimator(estimator.steps[-1][1]))


def expanded(estimator: Any, found: WeightedSum) -> WeightedSum:
    """Return what a pipeline computes, whose last step computes that from more columns.

    Raises
    ------
    UnsupportedEstimatorError
        If the last step is not linear, or the columns are none that a table stands for.
    """
    if [type(step).__name__ for _, step in estimator.steps[:-1]] == ["ColumnTransformer"]:
        match found.parts:
            case ((1.0, Linear() as part),):
                return _expanded(estimator.steps[0][1], part)
            case ((1.0, Exponential(WeightedSum(parts=((1.0, Linear() as part),)))),):
                inner = _expanded(estimator.steps[0][1], part)
                return WeightedSum(0.0, ((1.0, Exponential(inner)),))
    raise UnsupportedEstimatorError("Its columns are transformed once more before they are used.")


def _expanded(transformer: Any, linear: Linear) -> WeightedSum:
    """Return what a linear model of columns, their curves and their products computes."""
    weights = np.zeros(transformer.n_features_in_)
    parts: list[Part] = []
    for name, step, columns in transformer.transformers_:
        positions = np.arange(transformer.n_features_in_)[columns].tolist()
        of_step = linear.weights[transformer.output_indices_[name]]
        match type(step).__name__:
            case "FunctionTransformer" if step.func is None:
                weights[positions] += of_step
            case "PolynomialFeatures" if step.degree == 2:
                for powers, weight in zip(step.powers_.tolist(), of_step.tolist(), strict=True):
                    used = [p for p, power in zip(positions, powers, strict=True) if power]
                    if sum(powers) == 1:
                        weights[used] += weight
                    elif len(used) == 2:
                        parts.append(Product((used[0], used[1]), weight))
                    else:
                        square = np.array([[0.0, 0.0, weight, 0.0]])
                        parts.append(FittedCurve(used[0], np.empty(0), np.zeros(1), square))
            case "OneHotEncoder" if step.handle_unknown == "ignore":
                of_column = np.split(of_step, np.cumsum([len(c) for c in step.categories_])[:-1])
                parts += [
                    _levels(positions[i], step.categories_[i], of_one)
                    for i, of_one in enumerate(of_column)
                ]
            case "SplineTransformer" if step.extrapolation == "linear" and step.degree <= 3:
                of_column = np.split(of_step, len(positions))
                parts += [
                    _spline(step, i, positions[i], of_one) for i, of_one in enumerate(of_column)
                ]
            case kind:
                raise UnsupportedEstimatorError(f"Its columns are changed by {kind}.")
    parts.insert(0, Linear(linear.intercept, weights))
    return WeightedSum(0.0, tuple((1.0, part) for part in parts))


def _levels(column: int, levels: NDArray[np.float64], weights: NDArray[np.float64]) -> FittedCurve:
    """Return the curve that has a height at each level, and is 0 at all other numbers."""
    breaks = np.column_stack([levels, np.nextafter(levels, np.inf)]).ravel()
    heights = np.zeros(len(breaks) + 1)
    heights[1::2] = weights
    powers = np.pad(heights[:, None], ((0, 0), (0, 3)))
    return FittedCurve(column, breaks, np.zeros(len(heights)), powers)


def _spline(step: Any, position: int, column: int, weights: NDArray[np.float64]) -> FittedCurve:
    """Return the curve of one column of a spline; its lines beyond the ends are read off it."""

    def value(points: NDArray[np.float64]) -> NDArray[np.float64]:
        asked = np.zeros((len(points), step.n_features_in_))
        asked[:, position] = points
        return np.split(step.transform(asked), step.n_features_in_, axis=1)[position] @ weights

    from scipy.interpolate import BSpline, PPoly

    spline = step.bsplines_[position]
    padded = np.append(weights, np.zeros(spline.c.shape[1] - len(weights)))  # a bias left out
    pieces = PPoly.from_spline(BSpline(spline.t, padded, spline.k))
    breaks = np.unique(spline.t[spline.k : len(spline.t) - spline.k])
    low, high = breaks[0], breaks[-1]
    starts, ends = pieces.x[:-1], pieces.x[1:]
    inside = (low <= starts) & (starts < ends) & (ends <= high)
    origins = [low, *starts[inside], high]
    powers = [np.pad(piece, (0, 3 - spline.k)) for piece in pieces.c[::-1, inside].T]
    for at, end, outwards in ((0, low, -1.0), (len(origins), high, 1.0)):
        one, two = value(end + outwards * np.array([1.0, 2.0]))
        powers.insert(at, np.array([2 * one - two, outwards * (two - one), 0.0, 0.0]))
    return FittedCurve(column, breaks, np.array(origins), np.array(powers))


def sklearn_tree(fitted: Any, factor: float = 1.0, output: int | slice = 0) -> FittedTree:
    """Return a tree of scikit-learn's.

    Parameters
    ----------
    output : int or slice
        Of a classifier, whose shares of its classes are wanted.
    """
    tree = fitted.tree_
    leaf = tree.children_left == LEAF
    return FittedTree(
        column=np.where(leaf, LEAF, tree.feature),
        threshold=tree.threshold,
        left=tree.children_left,
        right=tree.children_right,
        value=factor * tree.value[:, 0, output],
    )


SKLEARN = Comparison(single=True)


def _decision_tree(estimator: Any) -> WeightedSum:
    return WeightedSum(0.0, ((1.0, FittedTrees((sklearn_tree(estimator),), SKLEARN)),))


def _forest(estimator: Any) -> WeightedSum:
    trees = tuple(map(sklearn_tree, estimator.estimators_))
    return WeightedSum(0.0, ((1.0 / len(trees), FittedTrees(trees, SKLEARN)),))


def _gradient_boosting(estimator: Any) -> WeightedSum:
    start = float(estimator.init_.constant_.ravel()[0])
    return WeightedSum(start, ((1.0, gradient_boosting_trees(estimator)),))


def gradient_boosting_trees(estimator: Any, output: int = 0) -> FittedTrees:
    """Return the trees of gradient boosting that add to an output."""
    trees = (
        sklearn_tree(each, estimator.learning_rate) for each in estimator.estimators_[:, output]
    )
    return FittedTrees(tuple(trees), SKLEARN)


def hist_gradient_boosting(estimator: Any, output: int = 0) -> WeightedSum:
    """Return what histogram gradient boosting computes for an output."""
    trees = []
    for predictors in estimator._predictors:  # no public attribute holds the trees
        nodes = predictors[output].nodes
        leaf = nodes["is_leaf"].astype(bool)
        if nodes["is_categorical"][~leaf].any():
            raise UnsupportedEstimatorError("Its trees split by sets of categories.")
        trees.append(
            FittedTree(
                column=np.where(leaf, LEAF, nodes["feature_idx"]),
                threshold=nodes["num_threshold"],
                left=nodes["left"].astype(np.intp),
                right=nodes["right"].astype(np.intp),
                value=nodes["value"],
            )
        )
    base = float(np.ravel(estimator._baseline_prediction)[output])
    return WeightedSum(base, ((1.0, FittedTrees(tuple(trees), Comparison(single=False))),))


def _adaboost(estimator: Any) -> WeightedSum:
    trees = tuple(map(sklearn_tree, estimator.estimators_))
    weights = tuple(map(float, estimator.estimator_weights_[: len(trees)]))
    return WeightedSum(0.0, ((1.0, FittedTrees(trees, SKLEARN, weights)),))


def voting_weights(estimator: Any) -> list[float]:
    """Return the weights of the members of a vote; their sum is 1."""
    n_members = len(estimator.estimators_)
    weights = [1.0] * n_members if estimator.weights is None else estimator.weights
    return [float(weight / sum(weights)) for weight in weights]


def _voting(estimator: Any) -> WeightedSum:
    members = [read_estimator(member) for member in estimator.estimators_]
    weights = voting_weights(estimator)
    parts = [m.scaled(w) for m, w in zip(members, weights, strict=True)]
    return WeightedSum(
        sum(part.constant for part in parts),
        tuple(one for part in parts for one in part.parts),
        any(part.single for part in parts),
    )


# --- others ---------------------------------------------------------------------------------------


def _xgboost(estimator: Any) -> WeightedSum:
    return xgboost_sums(estimator, 1)[0]


def xgboost_sums(estimator: Any, n_outputs: int) -> list[WeightedSum]:
    """Return what XGBoost sums for each output; the constant is as it was saved."""
    learner = json.loads(estimator.get_booster().save_raw("json"))["learner"]
    model = learner["gradient_booster"]["model"]
    trees: list[list[FittedTree]] = [[] for _ in range(n_outputs)]
    for tree, output in zip(model["trees"], model["tree_info"], strict=True):
        if any(tree["split_type"]):
            raise UnsupportedEstimatorError("XGBoost's trees split by sets of categories.")
        left = np.array(tree["left_children"], dtype=np.intp)
        # The library reads both thresholds and leaf values as float32.
        conditions = np.array(tree["split_conditions"], dtype=np.float32).astype(np.float64)
        trees[output].append(
            FittedTree(
                column=np.where(left == LEAF, LEAF, tree["split_indices"]),
                threshold=conditions,
                left=left,
                right=np.array(tree["right_children"], dtype=np.intp),
                value=conditions,
            )
        )
    saved = learner["learner_model_param"]["base_score"].strip("[]").split(",")
    bases = np.broadcast_to(np.array(saved, dtype=np.float32), n_outputs).tolist()
    comparison = Comparison(single=True, strict=True)
    return [
        WeightedSum(base, ((1.0, FittedTrees(tuple(each), comparison)),), single=True)
        for base, each in zip(bases, trees, strict=True)
    ]


def _catboost(estimator: Any) -> WeightedSum:
    bias, scale, part, _ = read_catboost(estimator)
    return WeightedSum(bias[0], ((scale, part),))


def read_catboost(estimator: Any) -> tuple[list[float], float, FittedObliviousTrees, str]:
    """Return CatBoost's constant of each output, the weight of its trees, these, and its loss."""
    if estimator.get_cat_feature_indices():
        raise UnsupportedEstimatorError("CatBoost has encoded the categories in its own way.")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.json"
        estimator.save_model(str(path), format="json")
        saved = json.loads(path.read_bytes())
    features = saved["features_info"]["float_features"]
    columns = {f["feature_index"]: f["flat_feature_index"] for f in features}
    trees = []
    for tree in saved["oblivious_trees"]:
        splits = list(reversed(tree["splits"] or []))  # the last one is the highest bit
        if any(split["split_type"] != "FloatFeature" for split in splits):
            raise UnsupportedEstimatorError("CatBoost's trees split by sets of categories.")
        values = np.array(tree["leaf_values"], dtype=np.float64).reshape(1 << len(splits), -1)
        borders = np.array([split["border"] for split in splits], dtype=np.float32)
        trees.append(
            FittedObliviousTree(
                columns=np.array(
                    [columns[s["float_feature_index"]] for s in splits], dtype=np.intp
                ),
                thresholds=borders.astype(np.float64),
                values=values if values.shape[1] > 1 else values[:, 0],
            )
        )
    scale, bias = saved["scale_and_bias"]
    part = FittedObliviousTrees(tuple(trees), Comparison(single=True))
    loss = saved["model_info"]["params"]["loss_function"]["type"]
    return np.ravel(bias).astype(float).tolist(), float(scale), part, loss


_READERS: dict[str, Callable[[Any], WeightedSum]] = {
    "sklearn.LinearRegression": _linear,
    "sklearn.Ridge": _linear,
    "sklearn.Lasso": _linear,
    "sklearn.ElasticNet": _linear,
    "sklearn.TweedieRegressor": _log_linear,
    "sklearn.TransformedTargetRegressor": _transformed_target,
    "sklearn.Pipeline": _pipeline,
    "sklearn.DecisionTreeRegressor": _decision_tree,
    "sklearn.RandomForestRegressor": _forest,
    "sklearn.ExtraTreesRegressor": _forest,
    "sklearn.GradientBoostingRegressor": _gradient_boosting,
    "sklearn.HistGradientBoostingRegressor": hist_gradient_boosting,
    "sklearn.AdaBoostRegressor": _adaboost,
    "sklearn.VotingRegressor": _voting,
    "xgboost.XGBRegressor": _xgboost,
    "catboost.CatBoostRegressor": _catboost,
}
