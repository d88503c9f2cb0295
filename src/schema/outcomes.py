"""Whether a target is a number or a list of outcomes, and which outcomes in which order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence, Set
from typing import Any, Literal

from src.exception import ConfigurationError, DataValidationError, Problem
from src.logger import get_logger
from src.schema.features import ClassTarget, Translations
from src.schema.hints import ColumnHints
from src.schema.ordered_scales import ordered_outcomes
from src.tables.cells import clean, parse_number, shorten

logger = get_logger(__name__)

MOST_OUTCOMES = 20
LONGEST_OUTCOME = 100  # characters: what is longer is no name that a page can show
LEAST_PUPILS = 10  # of an outcome: fewer teach nothing, and would be told of singly

Task = Literal["auto", "regression", "binary", "ordinal", "classes"]
TASKS: tuple[Task, ...] = ("auto", "regression", "binary", "ordinal", "classes")


def predicts_outcomes(task: Task, said: ColumnHints, *, is_number: bool, n_distinct: int) -> bool:
    """Whether a target's different values are outcomes, and not measurements.

    Parameters
    ----------
    task : str
        What was asked for; with ``auto`` the hints decide, then the column: text with 2 to 20
        values, or a number with two.
    is_number : bool
        Whether the column is read as a number.
    n_distinct : int
        How many different values it has.
    """
    if task != "auto":
        return task != "regression"
    if said.says_numeric or said.says_categorical:
        return said.says_categorical
    return n_distinct == 2 or (not is_number and 2 <= n_distinct <= MOST_OUTCOMES)


def outcomes_of(
    counts: Mapping[str, int], said: ColumnHints, task: Task, words: Mapping[str, Any]
) -> ClassTarget:
    """Return the target of a table whose outcomes are these.

    Parameters
    ----------
    counts : mapping of str to int
        Rows by outcome, as the table spells it.
    words : mapping
        Name, label and what else all features share.

    Raises
    ------
    ConfigurationError
        If the hints name an outcome that is not there, or the task does not fit.
    DataValidationError
        If there are fewer than two outcomes or more than twenty.
    """
    name, merged = words["name"], dict(said.merge or {})
    merged_counts: dict[str, int] = {}
    for label, n in counts.items():
        into = merged.get(label, label)
        merged_counts[into] = merged_counts.get(into, 0) + n
    labels = [*merged_counts]
    _refuse_unknown(f"columns.{name}.merge", merged, counts)
    _refuse_unknown(f"columns.{name}.categories", said.categories or (), labels)
    _refuse_unknown(f"columns.{name}.at_risk", said.at_risk or (), labels)
    if len(labels) < 2:
        got = f"{shorten(labels[0])!r} in every row" if labels else "empty in every row"
        raise DataValidationError(f"The target {name} is {got}: there is nothing to learn.")
    if len(labels) > MOST_OUTCOMES:
        raise DataValidationError(
            f"The target {name} has {len(labels)} different values, too many to be outcomes (at "
            f"most {MOST_OUTCOMES}). It must be a number, or be merged to fewer with `merge` in "
            "the hints, or name another column with --target."
        )
    if long := [label for label in labels if len(label) > LONGEST_OUTCOME]:
        raise DataValidationError(
            f"The target {name} holds {shorten(long[0])!r}, {len(long[0]):,} characters long: an "
            f"outcome is a name of at most {LONGEST_OUTCOME}. Give it a short one with `merge` in "
            "the hints, or name another column with --target."
        )
    if task == "binary" and len(labels) != 2:
        raise ConfigurationError(
            f"--task binary needs a target with two outcomes; {name} has {len(labels)}. Choose "
            "--task classes or --task ordinal, or merge outcomes in the hints."
        )
    by_scale = ordered_outcomes(labels)
    ordered = _is_ordered(labels, by_scale, said, task, name)
    in_order = _in_order(labels, by_scale, said)
    return ClassTarget(
        **words,
        categories=in_order,
        ordered=ordered,
        at_risk=said.at_risk or (in_order[:1] if ordered else ()),
        merged=merged,
        words=known_words(said, set(in_order), name),
    )


def known_words(said: ColumnHints, categories: Set[str], name: str) -> Translations:
    """Return what the hints call the categories that a table has; they are told of others."""
    found: dict[str, dict[str, str]] = {}
    for language, words in (said.words or {}).items():
        for category in words.keys() - categories:
            logger.warning("The hints say %r in %s, which no row holds.", category, name)
        known = {category: word for category, word in words.items() if category in categories}
        if known:
            found[language] = known
    return found


def refuse_few(target: ClassTarget, counts: Sequence[int]) -> None:
    """Refuse outcomes of fewer than ten pupils.

    Raises
    ------
    DataValidationError
        With each of them, and how to merge it.
    """
    few = [(c, n) for c, n in zip(target.categories, counts, strict=True) if n < LEAST_PUPILS]
    if not few:
        return
    problems = [Problem(f"{target.name}: {c!r} has {n} rows.", target.name) for c, n in few]
    label, into = few[0][0], _neighbour(target, counts, few[0][0])
    raise DataValidationError(
        f"Each outcome of {target.name} needs at least {LEAST_PUPILS} rows. Merge rare ones in the "
        f'hints: [columns."{target.name}"] merge = {{ {_quoted(label)} = {_quoted(into)} }}.',
        problems,
    )


def _quoted(label: str) -> str:
    """Return a label as TOML writes it."""
    return json.dumps(label, ensure_ascii=False)


def _neighbour(target: ClassTarget, counts: Sequence[int], label: str) -> str:
    """Return an outcome that a rare one can count as: the next of an order, else the commonest."""
    categories = target.categories
    at = categories.index(label)
    if target.ordered:
        return categories[at + 1 if at + 1 < len(categories) else at - 1]
    others = [i for i in range(len(categories)) if i != at]
    return categories[max(others, key=lambda i: counts[i])]


def _refuse_unknown(where: str, named: Mapping[str, str] | Sequence[str], known: Any) -> None:
    unknown = [label for label in named if label not in known]
    if unknown:
        raise ConfigurationError(
            f"The hints' {where} names {', '.join(map(repr, unknown))}, which no row holds. The "
            f"outcomes are: {', '.join(map(repr, known))}."
        )


def _is_ordered(
    labels: Sequence[str],
    by_scale: tuple[str, ...] | None,
    said: ColumnHints,
    task: Task,
    name: str,
) -> bool:
    if task == "ordinal":
        if by_scale is None and not said.categories:
            in_hints = ", ".join(map(_quoted, labels))
            raise ConfigurationError(
                f"--task ordinal needs the order of {name}'s outcomes. Write it in the hints, from "
                f'the lowest: [columns."{name}"] categories = [{in_hints}] and ordered = true.'
            )
        return True
    if task == "classes":
        return False
    if said.ordered is not None:
        return said.ordered
    numbers = all(parse_number(label) is not None for label in labels)
    return by_scale is not None and not (numbers and len(labels) == 2)


def _in_order(
    labels: Sequence[str], by_scale: tuple[str, ...] | None, said: ColumnHints
) -> tuple[str, ...]:
    rest = by_scale or sorted(labels, key=lambda label: (clean(label).casefold(), label))
    named = said.categories or ()
    return (*named, *(label for label in rest if label not in named))
