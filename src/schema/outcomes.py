"""Whether a target is a number or a list of outcomes, and which outcomes in which order."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from dataclasses import replace
from typing import Any, Literal

from src.exception import ConfigurationError, DataValidationError, Problem
from src.logger import get_logger
from src.schema.features import CategoricalFeature, ClassTarget, Translations
from src.schema.hints import ColumnHints
from src.schema.ordered_scales import ordered_outcomes
from src.tables.cells import are_numbers, clean, parse_number, shorten, without_needless_point
from src.tables.look_alike import fold

logger = get_logger(__name__)

MOST_OUTCOMES = 20
LONGEST_OUTCOME = 100  # characters: what is longer is no name that a page can show
TO_FILL_IN = "…"  # in advice, where only a person can say
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
        If the hints name an outcome that is not there, merge one into another that is merged
        itself, or call every outcome at risk, or the task does not fit.
    DataValidationError
        If there are fewer than two outcomes or more than twenty.
    """
    name, merged = words["name"], read_merge(said.merge or {}, counts)
    merged_counts: dict[str, int] = {}
    for label, n in counts.items():
        into = merged.get(label, label)
        merged_counts[into] = merged_counts.get(into, 0) + n
    labels = [*merged_counts]
    _refuse_unknown(f"columns.{name}.merge", merged, counts)
    _refuse_chains(f"columns.{name}.merge", merged)
    named = _as_spelt(said.categories or (), labels)
    _refuse_unknown(f"columns.{name}.categories", named, labels)
    at_risk = _as_spelt(said.at_risk or (), labels)
    _refuse_unknown(f"columns.{name}.at_risk", at_risk, labels)
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
    if len(at_risk) == len(labels):
        raise ConfigurationError(
            f"The hints' columns.{name}.at_risk names every outcome of {name}: help cannot prevent "
            "them all. Leave at least one out."
        )
    by_scale = ordered_outcomes(labels)
    ordered = _is_ordered(labels, by_scale, said, task, name)
    in_order = _in_order(labels, by_scale, named)
    if said.at_risk is None and ordered and not are_numbers(labels):
        at_risk = in_order[:1]  # of numbers, either end may be the good one
    return ClassTarget(
        **words,
        categories=in_order,
        ordered=ordered,
        at_risk=at_risk,
        merged=merged,
        words=known_words(_words_as_spelt(said, in_order), set(in_order), name),
    )


def _words_as_spelt(said: ColumnHints, labels: Collection[str]) -> ColumnHints:
    """Return hints whose words are those of outcomes as the table spells them."""
    words = {
        language: {_as_spelt((label,), labels)[0]: word for label, word in of.items()}
        for language, of in (said.words or {}).items()
    }
    return replace(said, words=words)


def read_merge(merge: Mapping[str, str], labels: Collection[str]) -> dict[str, str]:
    """Return which outcomes count as which, in the spelling of the table."""
    merged: dict[str, str] = {}
    for said, said_into in merge.items():
        (label,) = _as_spelt((said,), labels)
        others = [one for one in (*labels, *merged.values()) if one != label]
        into = _same_outcome(said_into, others) or said_into
        if into != label:
            merged[label] = into
    return merged


def _same_outcome(said: str, outcomes: Sequence[str]) -> str | None:
    """Return the outcome that is the same text or number.

    Truth values are not compared: to merge 2 into "yes" need not mean 1.
    """
    same_text = (one for one in outcomes if fold(one) == fold(said))
    number = parse_number(said)
    same_number = (one for one in outcomes if number is not None and parse_number(one) == number)
    return next(same_text, None) or next(same_number, None)


def plain_outcomes(cells: Iterable[str]) -> dict[str, str]:
    """Return what each cell is called as an outcome: of numbers, 1 where 1.0 is written.

    pandas writes whole numbers with a point where blanks are among them.

    Examples
    --------
    >>> plain_outcomes(["1.0", "2.5"]), plain_outcomes(["1.0", "none"])
    ({'1.0': '1', '2.5': '2.5'}, {'1.0': '1.0', 'none': 'none'})
    """
    cells = list(cells)
    plain = without_needless_point if are_numbers(cells) else str
    return {cell: plain(cell) for cell in cells}


def _as_spelt(named: Sequence[str], labels: Collection[str]) -> tuple[str, ...]:
    """Return what the hints name as the table spells it, matched as cells are, each once."""
    known = CategoricalFeature(name="", categories=tuple(labels))
    found = (known.check_cell(label, suggest=False).value for label in named)
    return tuple(dict.fromkeys(str(one or label) for one, label in zip(found, named, strict=True)))


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


def refuse_few(target: ClassTarget, counts: Sequence[int], cells: Set[str]) -> None:
    """Refuse outcomes of fewer than ten pupils.

    Parameters
    ----------
    counts : sequence of int
        Rows by outcome.
    cells : set of str
        The target's different cells: the hints merge what rows hold.

    Raises
    ------
    DataValidationError
        With each of them, and how to merge it.
    """
    few = [(c, n) for c, n in zip(target.categories, counts, strict=True) if n < LEAST_PUPILS]
    if not few:
        return
    problems = [Problem(f"{target.name}: {c!r} has {n} rows.", target.name) for c, n in few]
    if len(target.categories) == 2:
        raise DataValidationError(
            f"Each outcome of {target.name} needs at least {LEAST_PUPILS} rows, and there are only "
            "two: merged, nothing would be left to tell apart. Train on a table with more rows of "
            "the rare one, or name another column with --target.",
            problems,
        )
    label = few[0][0]
    sources = [one for one, into in target.merged.items() if into == label]
    if label in cells or not sources:
        sources.append(label)
    into = _neighbour(target, label) if target.ordered else TO_FILL_IN
    merge = {**target.merged, **dict.fromkeys(sources, into)}
    pairs = ", ".join(f"{_quoted(one)} = {_quoted(other)}" for one, other in merge.items())
    setting = f'[columns."{target.name}"] merge = {{ {pairs} }}'
    said = f"Each outcome of {target.name} needs at least {LEAST_PUPILS} rows. Merge rare ones"
    if target.ordered:
        raise DataValidationError(
            f"{said} with the next in order in the hints: {setting}.", problems
        )
    raise DataValidationError(
        f"{said} in the hints: {setting}. Write for {TO_FILL_IN} the outcome that they count as: "
        "that is yours to decide. Or leave those rows out.",
        problems,
    )


def _quoted(label: str) -> str:
    """Return a label as TOML writes it."""
    return json.dumps(label, ensure_ascii=False)


def _neighbour(target: ClassTarget, label: str) -> str:
    """Return the next outcome of the order, at risk like this one where there is such."""
    at, categories = target.categories.index(label), target.categories
    near = (*categories[at + 1 : at + 2], *categories[max(0, at - 1) : at])
    is_at_risk = label in target.at_risk
    return min(near, key=lambda one: (one in target.at_risk) != is_at_risk)


def _refuse_unknown(where: str, named: Mapping[str, str] | Sequence[str], known: Any) -> None:
    unknown = [label for label in named if label not in known]
    if unknown:
        raise ConfigurationError(
            f"The hints' {where} names {', '.join(map(repr, unknown))}, which no row holds. The "
            f"outcomes are: {', '.join(map(repr, known))}."
        )


def _refuse_chains(where: str, merged: Mapping[str, str]) -> None:
    for label, into in merged.items():
        if into in merged:
            raise ConfigurationError(
                f"The hints' {where} counts {label!r} as {into!r}, and {into!r} as "
                f"{merged[into]!r}. Name an outcome that is not merged itself."
            )


def _is_ordered(
    labels: Sequence[str],
    by_scale: tuple[str, ...] | None,
    said: ColumnHints,
    task: Task,
    name: str,
) -> bool:
    if task == "ordinal" or (said.ordered and task != "classes"):
        if by_scale is None and not said.categories:
            in_hints = ", ".join(map(_quoted, labels))
            asking = "--task ordinal" if task == "ordinal" else "ordered = true"
            raise ConfigurationError(
                f"{asking} needs the order of {name}'s outcomes. Write it in the hints, from "
                f'the lowest: [columns."{name}"] categories = [{in_hints}] and ordered = true.'
            )
        return True
    if task == "classes" or said.ordered is not None:
        return False
    return by_scale is not None and not (are_numbers(labels) and len(labels) == 2)


def _in_order(
    labels: Sequence[str], by_scale: tuple[str, ...] | None, named: Sequence[str]
) -> tuple[str, ...]:
    rest = by_scale or sorted(labels, key=lambda label: (clean(label).casefold(), label))
    return (*named, *(label for label in rest if label not in named))
