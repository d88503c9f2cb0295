"""The compiled classifier: members' scores as plain tables. Standard library only.

A member has one or several outputs, each a :class:`CompiledModel` of its own. All of them ask the
same tests of a record, which are answered once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, Self, get_args

from src.compiled.links import Link, probabilities
from src.compiled.model import (
    Bits,
    CompiledModel,
    FeatureTable,
    NumericTable,
    ObliviousTree,
    ObliviousTrees,
    grow,
    read_curve,
    read_ensemble,
    read_feature,
    read_oblivious,
)
from src.exception import ArtifactError
from src.schema.features import Value

MOST_OFF = 1e-9  # by which the members' weights may miss 1


class JointTrees:
    """Binary trees, whose leaves hold a value for each output.

    Attributes
    ----------
    weight : float
        Of the sums in the scores.
    """

    def __init__(self, weight: float, roots: tuple[Any, ...]) -> None:
        self.weight = weight
        self.roots = roots

    def reached(self, bits: Bits) -> list[list[float]]:
        """Return the leaf of each tree."""
        found = []
        for node in self.roots:
            while node.__class__ is tuple:
                node = node[bits[node[2]]]
            found.append(node)
        return found

    def sums(self, bits: Bits) -> list[float]:
        """Return each output's sum of leaves, without the weight."""
        return [reduce(add, leaves, 0.0) for leaves in zip(*self.reached(bits), strict=True)]

    def totals(self, answers: Sequence[Bits]) -> list[list[float]]:
        """Return each output's sum of leaves, without the weight, for each of some records."""
        each = [
            [math.fsum(column) for column in zip(*self.reached(bits), strict=True)]
            for bits in answers
        ]
        return [list(column) for column in zip(*each, strict=True)]


class JointObliviousTrees:
    """Oblivious trees, whose leaves hold a value for each output.

    Attributes
    ----------
    weight : float
        Of the sums in the scores.
    outputs : tuple of ObliviousTrees
        By output; all ask the same tests.
    n_summed : int
        The outputs before the last one, where that is 0 in all leaves; else all.
    """

    def __init__(self, outputs: tuple[ObliviousTrees, ...]) -> None:
        self.weight = outputs[0].weight
        self.outputs = outputs
        trees = [*zip(*(each.trees for each in outputs), strict=True)]
        # Training makes the last score of a softmax 0, which costs nothing here. Of the others two
        # are added at once, as a complex number: both are rounded as they would be alone.
        last_is_0 = not any(value for tree in trees for value in tree[-1].values)
        self.n_summed = len(outputs) - last_is_0
        paired = tuple(replace(t[0], values=_pairs(t[: self.n_summed])) for t in trees)
        self._paired = ObliviousTrees(self.weight, paired, outputs[0].n_tests)

    def sums(self, bits: Bits) -> list[float]:
        """Return each output's sum of leaves, without the weight."""
        found = [0.0] * (len(self.outputs) + 1)
        reached = self._paired.reached(bits)
        pairs = [reached] if self.n_summed <= 2 else zip(*reached, strict=True)
        for place, leaves in enumerate(pairs):
            total = reduce(add, leaves, 0j)
            found[2 * place : 2 * place + 2] = total.real, total.imag
        return found[: len(self.outputs)]


def _pairs(trees: tuple[ObliviousTree, ...]) -> tuple[Any, ...]:
    """Return the values of each leaf, two in a complex number; a tuple where these are several."""
    values = [tree.values for tree in trees]
    if len(values) % 2:
        values.append((0.0,) * len(trees[0].values))
    pairs = [[*map(complex, *two)] for two in zip(values[::2], values[1::2], strict=True)]
    return tuple(pairs[0] if len(pairs) == 1 else zip(*pairs, strict=True))


@dataclass(frozen=True)
class Member:
    """One of the classifiers whose probabilities are averaged.

    Attributes
    ----------
    weight : float
        In the average.
    link : str
        What turns scores into probabilities, see :mod:`src.compiled.links`.
    outputs : tuple of CompiledModel
        The scores, without what the joint ensembles add to them.
    thresholds : tuple of float
        Of the link "cumulative", ascending.
    joint : tuple of JointTrees or JointObliviousTrees
        Add to all outputs.
    """

    weight: float
    link: Link
    outputs: tuple[CompiledModel, ...]
    thresholds: tuple[float, ...] = ()
    joint: tuple[JointTrees | JointObliviousTrees, ...] = ()

    def scores(self, values: Mapping[str, Value], bits: Bits) -> list[float]:
        """Return a record's scores.

        Parameters
        ----------
        bits : list of int or bytes
            The record's answers to all tests.
        """
        found = [output.score(values, bits) for output in self.outputs]
        for ensemble in self.joint:
            for output, total in enumerate(ensemble.sums(bits)):
                found[output] += ensemble.weight * total
        return found

    @property
    def models(self) -> list[CompiledModel]:
        """Each output, and what it holds of joint oblivious trees: a model of its own."""
        oblivious = [each for each in self.joint if isinstance(each, JointObliviousTrees)]
        return [
            CompiledModel(
                output.features,
                output.base,
                output.linear,
                (*output.ensembles, *(each.outputs[i] for each in oblivious if i < each.n_summed)),
                output.products,
            )
            for i, output in enumerate(self.outputs)
        ]

    @property
    def joint_trees(self) -> list[JointTrees]:
        """The other joint ensembles."""
        return [each for each in self.joint if isinstance(each, JointTrees)]


class CompiledClassifier:
    """Predict the probabilities of classes from the tables of ``compiled.json``.

    Attributes
    ----------
    features : tuple of NumericTable or CategoryTable
        In the schema's order: what is asked about them; linear terms are the outputs'.
    n_classes : int
    members : tuple of Member
        Their weights sum to 1.
    """

    def __init__(
        self, features: tuple[FeatureTable, ...], n_classes: int, members: tuple[Member, ...]
    ) -> None:
        self.features = features
        self.n_classes = n_classes
        self.members = members
        outputs = [output for member in members for output in member.outputs]
        self.has_trees = any(output.ensembles for output in outputs) or any(
            member.joint for member in members
        )
        self.n_tests = outputs[0].n_tests
        self._tested = outputs[0]

    @classmethod
    def from_dict(cls, tables: Mapping[str, Any]) -> Self:
        """Return the classifier that ``compiled.json`` describes.

        Raises
        ------
        ArtifactError
            If the tables are of another version or do not fit together.
        """
        CompiledModel.check_version(tables)
        try:
            features = tuple(read_feature(_untermed(values)) for values in tables["features"])
            n_classes = int(tables["n_classes"])
            members = tuple(_member(m, features, n_classes) for m in tables["members"])
            if abs(sum(member.weight for member in members) - 1) > MOST_OFF:
                raise ValueError("the members' weights")
            return cls(features, n_classes, members)
        except (AttributeError, KeyError, IndexError, TypeError, ValueError) as error:
            raise ArtifactError(f"compiled.json is damaged ({error!r}). Train again.") from error

    def probabilities(self, values: Mapping[str, Value]) -> list[float]:
        """Return the probability of each class, in the order of their codes.

        Parameters
        ----------
        values : mapping
            A number, a category or None for each feature, as :meth:`Schema.check_record` returns
            them.
        """
        bits = self._tested.bits(values) if self.has_trees else ()
        return self.averaged(member.scores(values, bits) for member in self.members)

    def averaged(self, scores: Iterable[Sequence[float]]) -> list[float]:
        """Return the probability of each class from the scores of each member."""
        found: list[float] = []
        for member, of_member in zip(self.members, scores, strict=True):
            each = probabilities(member.link, of_member, member.thresholds)
            weight = member.weight
            if found:
                found = [total + weight * p for total, p in zip(found, each, strict=True)]
            else:
                found = [weight * p for p in each]
        return found

    def bits(self, values: Mapping[str, Value]) -> Bits:
        """Return the answers to all tests, see :meth:`CompiledModel.bits`."""
        return self._tested.bits(values)


def read_compiled(tables: Mapping[str, Any]) -> CompiledModel | CompiledClassifier:
    """Return what ``compiled.json`` describes: only a classifier's tables have members.

    Raises
    ------
    ArtifactError
        If the tables are of another version or do not fit together.
    """
    if "members" in tables:
        return CompiledClassifier.from_dict(tables)
    return CompiledModel.from_dict(tables)


# --- reading the tables ---------------------------------------------------------------------------


def _untermed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {"weight": 0.0, "terms": (), **values}


def _member(
    values: Mapping[str, Any], features: tuple[FeatureTable, ...], n_classes: int
) -> Member:
    n_tests = sum(feature.n_tests for feature in features)
    outputs = tuple(_output(output, features, n_tests) for output in values["outputs"])
    member = Member(
        weight=float(values["weight"]),
        link=values["link"],
        outputs=outputs,
        thresholds=tuple(map(float, values.get("thresholds", ()))),
        joint=tuple(_joint(each, n_tests, len(outputs)) for each in values.get("joint", ())),
    )
    if member.link not in get_args(Link):
        raise ValueError(f"unknown link {member.link!r}")
    if list(member.thresholds) != sorted(member.thresholds):
        raise ValueError("a member's thresholds")
    scores = [0.0] * len(outputs)
    if len(probabilities(member.link, scores, member.thresholds)) != n_classes:
        raise ValueError("a member's classes")
    return member


def _output(
    values: Mapping[str, Any], features: tuple[FeatureTable, ...], n_tests: int
) -> CompiledModel:
    linear = "terms" in values
    if linear:
        curves = values.get("curves", {})
        features = tuple(
            _with_terms(feature, terms, curves.get(str(position), ()))
            for position, (feature, terms) in enumerate(zip(features, values["terms"], strict=True))
        )
    return CompiledModel(
        features,
        float(values["base"]),
        linear,
        tuple(read_ensemble(each, n_tests) for each in values.get("ensembles", ())),
        tuple(
            (int(i), int(j), float(weight), float(mean))
            for i, j, weight, mean in values.get("products", ())
        ),
    )


def _with_terms(feature: FeatureTable, terms: Any, curves: Any) -> FeatureTable:
    if isinstance(feature, NumericTable):
        weight, *of_missing = terms if isinstance(terms, list) else (terms, 0.0, 0.0)
        present, missing = map(float, of_missing)
        return replace(
            feature,
            weight=float(weight),
            curves=tuple(map(read_curve, curves)),
            missing_terms=(present, missing),
        )
    if len(terms) != len(feature.categories):
        raise ValueError(f"the terms of {feature.name}")
    return replace(feature, terms=tuple(map(float, terms)))


def _joint(
    values: Mapping[str, Any], n_tests: int, n_outputs: int
) -> JointTrees | JointObliviousTrees:
    weight = float(values["weight"])
    if values["kind"] == "oblivious":
        return JointObliviousTrees(
            tuple(
                ObliviousTrees(
                    weight,
                    tuple(
                        read_oblivious(tree | tree["outputs"][output], n_tests)
                        for tree in values["trees"]
                    ),
                    n_tests,
                )
                for output in range(n_outputs)
            )
        )
    if values["kind"] != "sum":
        raise ValueError(f"unknown kind {values['kind']!r}")
    kept: dict[tuple[float, ...], list[float]] = {}  # one object for all equal leaves
    leaves = [kept.setdefault(tuple(leaf), [*map(float, leaf)]) for leaf in values["values"]]
    if not all(len(leaf) == n_outputs and all(map(math.isfinite, leaf)) for leaf in kept):
        raise ValueError("a leaf's values")
    return JointTrees(weight, grow(values["tests"], leaves, n_tests))
