"""Learn a schema from a training table and its hints. Serving never imports this module."""

from __future__ import annotations

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from src.exception import ConfigurationError, DataValidationError, Problem
from src.logger import get_logger
from src.schema.features import CategoricalFeature, ClassTarget, NumericFeature
from src.schema.findings import Reading
from src.schema.hints import ColumnHints, Hints
from src.schema.outcomes import (
    MOST_OUTCOMES,
    Task,
    known_words,
    outcomes_of,
    plain_outcomes,
    predicts_outcomes,
)
from src.schema.record import Schema
from src.tables.cells import (
    MISSING_MARKS,
    clean,
    column_name,
    format_number,
    match_key,
    parse_number,
    shorten,
)
from src.tables.layout import Table
from src.tables.look_alike import fold

logger = get_logger(__name__)

MANY_CATEGORIES = 100
MAX_CATEGORIES = 1000  # each is a column of the model's input and a choice on the form


@dataclass(frozen=True)
class InferredSchema:
    """What a table taught.

    Attributes
    ----------
    positions : dict of str to int
        Where each feature and the target stand in the table's header.
    dropped : dict of str to str
        Columns that are not used, with the reason.
    """

    schema: Schema
    positions: dict[str, int]
    dropped: dict[str, str]


class _Column:
    """One column of the table: its different cells, counted, and those that are numbers."""

    def __init__(
        self,
        header: str,
        position: int,
        cells: Counter[str],
        hints: Hints,
        decimal_comma: bool,
        readings: Mapping[str, Reading],
    ) -> None:
        self.header = header
        self.name = column_name(header)
        self.position = position
        self.hints = hints.of(self.name)
        self.reading = readings.get(self.name, Reading())
        self.counts = Counter[str]()
        for cell, n in cells.items():
            self.counts[clean(cell)] += n
        parsed = ((c, parse_number(c, decimal_comma=decimal_comma)) for c in self.counts)
        self.numbers = {cell: number for cell, number in parsed if number is not None}

    @property
    def said(self) -> ColumnHints:
        return self.hints or ColumnHints()

    @cached_property
    def present(self) -> Counter[str]:
        """The cells that are not missing values, with their counts."""
        marks = MISSING_MARKS if self.reading.numeric else frozenset(("",))
        present = Counter({c: n for c, n in self.counts.items() if c.lower() not in marks})
        # A lone mark in a column of texts may be a category; where nothing else stands, it is none.
        alone = len(present) == 1 and next(iter(present)).lower() in MISSING_MARKS
        return Counter() if alone else present

    @property
    def examples(self) -> str:
        return ", ".join(repr(shorten(cell)) for cell in itertools.islice(self.present, 3))


def infer_schema(
    table: Table,
    hints: Hints,
    readings: Mapping[str, Reading],
    target: str | None = None,
    drop: Sequence[str] = (),
    task: Task = "auto",
    counts: Mapping[int, Counter[str]] | None = None,
) -> InferredSchema:
    """Learn the schema of a table.

    Parameters
    ----------
    table : Table
    hints : Hints
        ``Hints()`` where there are none.
    readings : mapping of str to Reading
        How the cells of the features' and the target's columns are read, by name.
    target : str, optional
        The column to predict; default: the hints'.
    drop : sequence of str
        Columns that shall not be features.
    task : str
        Whether a number or one of some outcomes is predicted; ``auto`` looks at the column.
    counts : mapping of int to Counter of str, optional
        By position, the cells of a larger table that this one was drawn from.

    Returns
    -------
    InferredSchema
        Constant, empty and nameless columns, and texts beyond all choosing, are dropped from it,
        each with a warning in the log.

    Raises
    ------
    ConfigurationError
        If the target or a column to drop is not there, no target is named, or the hints call a
        column numeric that is not.
    DataValidationError
        If no row can be read, two headers are the same, the target is no number, or no feature is
        left.
    """
    dropped: dict[str, str] = {}
    rows = [row for i, row in enumerate(table.rows) if i not in table.malformed]
    positions = _named_columns(table, rows, dropped)

    def read(position: int) -> _Column:  # one at a time: a wide table's cells fill the memory
        if counts is not None and position in counts:
            cells = counts[position]
        else:
            cells = Counter(row[position] for row in rows)
        header = table.header[position]
        return _Column(header, position, cells, hints, table.decimal_comma, readings)

    headers = [table.header[position] for position in positions]
    chosen = target or hints.target
    if not chosen:
        raise ConfigurationError(
            "Which column shall be predicted? Name it with --target COLUMN, or as target in the "
            f"hints. The columns are: {', '.join(map(column_name, headers))}."
        )
    said_by = "--target" if target else "The hints' target"
    target_position = positions[position_of(headers, chosen, said_by)]
    target_column = read(target_position)
    left_out = {positions[position_of(headers, name, "--drop")] for name in drop}
    if target_position in left_out:
        raise ConfigurationError(f"{target_column.name} is the target: it cannot be dropped too.")
    for key, spelt in hints.spelling.items():
        if key not in map(match_key, headers):
            logger.warning("The hints describe %s, which is no column of the table.", spelt)

    target_feature = _target(target_column, task)
    features: list[NumericFeature | CategoricalFeature] = []
    found = {target_column.name: target_position}
    for position in positions:
        if position == target_position:
            continue
        if position in left_out:
            dropped[column_name(table.header[position])] = "named in --drop"
            continue
        column = read(position)
        found[column.name] = position
        if reason := _why_not(column):
            _drop(dropped, column.name, reason)
        else:
            features.append(_feature(column, len(features)))
    if not features:
        raise DataValidationError(
            f"No column is left to predict {target_column.name} from.",
            [Problem(f"{name}: {reason}.", name) for name, reason in dropped.items()],
        )
    groups = _groups(features, hints)
    features.sort(key=lambda f: (groups.index(f.group), f.order))
    schema = Schema(
        tuple(features),
        target_feature,
        hints.title,
        hints.description,
        groups,
        translations=hints.translations,
        headings_in=hints.headings_in,
    )
    used = (*schema.names, target_column.name)
    return InferredSchema(schema, {name: found[name] for name in used}, dropped)


def _named_columns(
    table: Table, rows: Sequence[Sequence[str]], dropped: dict[str, str]
) -> list[int]:
    """Return where the columns stand that have a name."""
    if not rows:
        raise DataValidationError(
            "No row of the table can be read." if table.rows else "The table has no rows.",
            table.malformed.values(),
        )
    refuse_same_names(table.header)
    for position, header in enumerate(table.header):
        # Nothing could find it in a later file. Spreadsheets save empty ones beside a table.
        if not header and any(row[position].strip() for row in rows):
            _drop(dropped, f"column {position + 1}", "has no name in the header")
    return [position for position, header in enumerate(table.header) if header]


def refuse_same_names(header: Sequence[str]) -> None:
    """Raise where two columns have the same name.

    Raises
    ------
    DataValidationError
        With each such pair.
    """
    first: dict[str, int] = {}
    problems = [
        Problem(
            f"Columns {header[first[match_key(name)]]!r} and {name!r} have the same name: case "
            "does not count, nor do characters other than letters and digits. Rename one.",
            column_name(name),
            row=1,
        )
        for position, name in enumerate(header)
        if name and first.setdefault(match_key(name), position) != position
    ]
    if problems:
        raise DataValidationError(
            "The header names columns twice. The first row must hold the names of the columns.",
            problems,
        )


def _drop(dropped: dict[str, str], name: str, reason: str) -> None:
    logger.warning("Column %s is not used: it %s.", name.removeprefix("column "), reason)
    dropped[name] = f"it {reason}"


def position_of(header: Sequence[str], wanted: str, said_by: str) -> int:
    """Return where a column stands.

    Raises
    ------
    ConfigurationError
        If it does not; with what named it, and the nearest name.
    """
    keys = [match_key(name) if name else None for name in header]
    if match_key(wanted) in keys:
        return keys.index(match_key(wanted))
    names = {name.casefold(): column_name(name) for name in header if name}
    close = difflib.get_close_matches(wanted.casefold(), names, n=1)
    hint = f" Did you mean {names[close[0]]!r}?" if close else ""
    if any(parse_number(name, decimal_comma=True) is not None for name in header):
        hint += " The first row must hold the names of the columns."
    raise ConfigurationError(
        f"{said_by}: there is no column {wanted!r}.{hint} The columns are: "
        f"{', '.join(names.values())}."
    )


def _target(column: _Column, task: Task) -> NumericFeature | ClassTarget:
    is_number, labels = column.reading.numeric, _outcome_counts(column)
    if predicts_outcomes(task, column.said, is_number=is_number, n_distinct=len(labels)):
        missing = labels.total() < column.counts.total()
        return outcomes_of(labels, column.said, task, _words(column, 0) | {"optional": missing})
    if not column.reading.numeric or not column.numbers:
        raise DataValidationError(
            f"The target {column.name} must be a number in every row, or one of 2 to "
            f"{MOST_OUTCOMES} outcomes; it holds {column.examples or 'nothing'}. Name another "
            "column with --target, or merge its values in the hints."
        )
    feature = _numeric(column, 0)
    inside = {number for number in column.numbers.values() if feature.within(number)}
    if len(inside) < 2:
        raise DataValidationError(
            f"The target {column.name} is {format_number(min(inside))} in every row: there is "
            "nothing to learn."
            if inside
            else f"No value of the target {column.name} is {feature.rule}. Check the hints."
        )
    if feature.minimum is None and feature.observed_minimum >= 0:
        return replace(feature, minimum=0.0)  # marks that are never negative end at 0
    return feature


def _outcome_counts(column: _Column) -> Counter[str]:
    """Return the rows of each different value of a target, by what it is called as an outcome."""
    named = set(map(fold, column.said.named_outcomes))
    cells = [c for c in column.present if c.lower() not in MISSING_MARKS or fold(c) in named]
    called = plain_outcomes(cells)
    if column.reading.numeric:
        called |= {c: format_number(column.numbers[c]) for c in cells if c in column.numbers}
    counts = Counter[str]()
    for cell in cells:
        counts[called[cell]] += column.present[cell]
    return counts


def _why_not(column: _Column) -> str | None:
    """Return why a column cannot be a feature, as the rest of 'it …'; None where it can."""
    n_present = column.present.total()
    if not n_present:
        return "is empty in every row"
    distinct = (
        {column.numbers.get(cell, cell) for cell in column.present}
        if column.reading.numeric
        else set(column.present)
    )
    if len(distinct) == 1 and (column.reading.numeric or n_present == column.counts.total()):
        return f"is {shorten(next(iter(column.present)))!r} in every row"
    if not (column.reading.numeric or column.said.describes) and len(distinct) > MAX_CATEGORIES:
        return f"is text with {len(distinct)} different values, too many to choose from"
    return None


def _words(column: _Column, position: int) -> dict[str, Any]:
    """Return what numeric and categorical features share."""
    said = column.said
    label = " ".join(column.header.replace("_", " ").split())
    return {
        "name": column.name,
        "label": said.label or label[:1].upper() + label[1:] or column.name,
        "help": said.help or "",
        "group": said.group or "",
        "sensitive": bool(said.sensitive),
        "actionable": bool(said.actionable),
        "synonyms": said.synonyms or (),
        "order": said.order if said.order is not None else position + 1,
        "translations": said.translations,
    }


def _feature(column: _Column, position: int) -> NumericFeature | CategoricalFeature:
    return (_numeric if column.reading.numeric else _categorical)(column, position)


def _numeric(column: _Column, position: int) -> NumericFeature:
    said = column.said
    if not column.numbers:
        raise ConfigurationError(
            f"The hints call {column.name} a number, but no cell of it is one; it holds "
            f"{column.examples}."
        )
    bounds: dict[str, Any] = {
        side: None if value is None else float(value)
        for side, value in (("minimum", said.minimum), ("maximum", said.maximum))
    }
    probe = NumericFeature(name="", observed_minimum=0.0, observed_maximum=0.0, **bounds)
    numbers = set(column.numbers.values())
    numbers = numbers - set(column.reading.apart) or numbers
    seen = {number for number in numbers if probe.within(number)} or numbers
    whole = all(number.is_integer() for number in seen)
    return NumericFeature(
        **_words(column, position),
        **bounds,
        optional=any(cell.lower() in MISSING_MARKS for cell in column.counts),
        unit=said.unit or "",
        observed_minimum=min(seen),
        observed_maximum=max(seen),
        integer=whole if said.integer is None else said.integer,
        format=column.reading.format,
        absent=column.reading.missing,
    )


def _categorical(column: _Column, position: int) -> CategoricalFeature:
    seen = set(column.present)
    wanted = [category for category in column.said.categories or () if category in seen]
    for missing in sorted(set(column.said.categories or ()) - seen):
        logger.warning(
            "The hints list %r in %s, which no row holds: the model cannot know it.",
            missing,
            column.name,
        )
    if column.hints is None and len(seen) > MANY_CATEGORIES:
        logger.warning(
            "Column %s is text with %d different values. If it says nothing of the target, leave "
            "it out with --drop %s.",
            column.name,
            len(seen),
            column.name,
        )
    other = column.reading.other
    rest = sorted(seen - set(wanted), key=_natural)
    return CategoricalFeature(
        **_words(column, position),
        optional="" in column.counts,
        categories=tuple(wanted + rest),
        other=other if other in seen else "",
        words=known_words(column.said, seen, column.name),
    )


def _natural(text: str) -> tuple[float, str, str]:
    """Sort numbers by their value, before texts."""
    number = parse_number(text)
    return (math.inf if number is None else number, text.casefold(), text)


def _groups(features: list[NumericFeature | CategoricalFeature], hints: Hints) -> tuple[str, ...]:
    """Return the groups that have a feature, in the hints' order, the nameless one last."""
    used = dict.fromkeys(feature.group for feature in features)
    named = [group for group in hints.groups if group in used]
    named += [group for group in used if group and group not in named]
    return (*named, "") if "" in used else tuple(named)
