"""Predict the probabilities of classes for many rows from the compiled tables, with numpy.

As in :mod:`src.compiled.batch`, a row of a file and the same record of a form have the same
probabilities to the last bit: all is added in the same order, and `math.exp` is used for both, of
which numpy's own differs.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from src.compiled.batch import BatchEvaluator, Columns, encode
from src.compiled.block_trees import Answers, Plan, Table, Tests, block_rows, planned, summed
from src.compiled.classifier import CompiledClassifier, JointTrees, Member
from src.compiled.links import Link


class ClassifierBatch:
    """A compiled classifier laid out for many rows; made once, used chunk after chunk."""

    def __init__(self, model: CompiledClassifier) -> None:
        self.model = model
        self._tests = Tests(model.features)
        self._members = [_MemberBatch(member, self._tests) for member in model.members]
        plans = [plans for member in self._members for plans in member.plans]
        self._block = block_rows(self._tests, plans)

    def probabilities(self, columns: Columns) -> NDArray[np.float64]:
        """Return the probability of each class, shape (n_samples, n_classes).

        Parameters
        ----------
        columns : mapping of str to sequence of length n_samples
            See :func:`src.compiled.batch.encode`.
        """
        encoded = encode(self.model, columns)
        found = np.zeros((len(encoded[0]), self.model.n_classes))
        for start in range(0, len(found), self._block):
            rows = slice(start, start + self._block)
            part = [column[rows] for column in encoded]
            answers = Answers(self._tests, part)
            for member in self._members:
                found[rows] += member.weight * member.probabilities(part, answers)
        return found


class _MemberBatch:
    """A member laid out for many rows."""

    def __init__(self, member: Member, tests: Tests) -> None:
        self.weight = member.weight
        self._member = member
        self._outputs = [BatchEvaluator(output, tests) for output in member.outputs]
        self._shape = (len(member.outputs),)
        self._joint: list[tuple[float, list[Plan]]] = []
        for each in member.joint:
            if isinstance(each, JointTrees):
                plans: list[Plan] = [planned(root, tests, self._shape) for root in each.roots]
            else:
                plans = [
                    Table(trees[0].tests, np.column_stack([tree.values for tree in trees]))
                    for trees in zip(*(output.trees for output in each.outputs), strict=True)
                ]
            self._joint.append((each.weight, plans))
        self.plans = [plans for output in self._outputs for plans in output.plans]
        self.plans += [plans for _, plans in self._joint]

    def probabilities(self, encoded: list[NDArray[Any]], answers: Answers) -> NDArray[np.float64]:
        scores = np.empty((answers.n_rows, *self._shape))
        for place, output in enumerate(self._outputs):
            total = output.terms(encoded)
            output.add_trees(total, answers)
            scores[:, place] = total
        for weight, plans in self._joint:
            scores += weight * summed(plans, answers, self._shape)
        return _probabilities(self._member.link, scores, self._member.thresholds)


def _probabilities(
    link: Link, scores: NDArray[np.float64], thresholds: tuple[float, ...]
) -> NDArray[np.float64]:
    """Return what :func:`src.compiled.links.probabilities` returns for each row of scores."""
    if link == "softmax":
        exps = _exp(scores - scores.max(axis=1, keepdims=True))
        total = exps[:, 0].copy()
        for column in exps.T[1:]:
            total += column
        return exps / total[:, None]
    if link == "cumulative":
        below = _sigmoid(np.array(thresholds) - scores)
        return np.diff(below, prepend=0.0, append=1.0)
    if scores.shape[1] > 1:
        return scores
    second = _sigmoid(scores) if link == "sigmoid" else scores
    return np.hstack([1 - second, second])


def _sigmoid(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    small = _exp(-np.abs(scores))
    return np.where(scores >= 0, 1 / (1 + small), small / (1 + small))


def _exp(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.fromiter(map(math.exp, values.ravel().tolist()), float, values.size).reshape(
        values.shape
    )
