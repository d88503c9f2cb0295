"""Learn a schema from a training table and its hints. Serving never imports this module."""

from __future__ import annotations

import difflib
import itertools
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from src.exception import ConfigurationError, DataValidationError, Problem
from src.hints import ColumnHints, Hints
from src.logger import get_logger
from src.schema import (
    MISSING_MARKS,
    CategoricalFeature,
    NumericFeature,
    Schema,
    column_name,
    format_number,
    match_key,
    parse_number,
    shorten,
)
from src.tables import Table

logger = get_logger(__name__)

NUMERIC_SHARE = 0.8  # of the cells that are not missing, for a column to be taken as numeric
UNIQUE_TEXT_SHARE = 0.9  # distinct texts a row from which a text column is an identifier
RELATED = 0.5  # |Spearman's rho| with the target from which unique integers are a measurement
MANY_CATEGORIES = 100


@dataclass(frozen=True)
class InferredSchema:
    """What a table taught.

    Attributes
    ----------
    schema : Schema
    positions : dict of str to int
        Where each feature and the target stand in the table's header.
    dropped : dict of str to str
        Columns that are not used, with the reason.
    """

    schema: Schema
    positions: dict[str, int]
    dropped: dict[str, str]


@dataclass(frozen=True)
class _Column:
    """One column of the table, its distinct cells counted and read as numbers where they are."""

    name: str
    position: int
    hints: ColumnHints | None
    counts: Counter[str]  # stripped cells
    numbers: dict[str, float]

    @property
    def said(self) -> ColumnHints:
        return self.hints or ColumnHints()

    @property
    def is_numeric(self) -> bool:
        if self.said.kind is not None:
            return self.said.kind == "numeric"
        present = sum(n for cell, n in self.counts.items() if cell.lower() not in MISSING_MARKS)
        numeric = sum(self.counts[cell] for cell in self.numbers)
        return present > 0 and numeric >= NUMERIC_SHARE * present


def infer_schema(
    table: Table, hints: Hints, target: str | None = None, drop: Sequence[str] = ()
) -> InferredSchema:
    """Learn the schema of a table.

    Parameters
    ----------
    table : Table
    hints : Hints
        ``Hints()`` where there are none.
    target : str, optional
        The column to predict; default: the hints'.
    drop : sequence of str
        Columns that shall not be features.

    Returns
    -------
    InferredSchema
        Identifiers, constant and empty columns and copies of the target are dropped from it, each
        with a warning in the log.

    Raises
    ------
    ConfigurationError
        If the target or a column to drop is not there, or no target is named.
    DataValidationError
        If two headers are the same, the target is no number, or no feature is left.
    """
    columns = _read_columns(table, hints)
    by_key = {match_key(column.name): column for column in columns}
    chosen = target or hints.target
    if not chosen:
        raise ConfigurationError(
            "Which column shall be predicted? Name it with --target COLUMN, or as target in the "
            f"hints. The columns are: {', '.join(c.name for c in columns)}."
        )
    target_column = _named(chosen, by_key, "--target")
    left_out = {_named(name, by_key, "--drop").name for name in drop}
    if target_column.name in left_out:
        raise ConfigurationError(f"{target_column.name} is the target: it cannot be dropped too.")
    for key, spelt in hints.spelling.items():
        if key not in by_key:
            logger.warning("The hints describe %s, which is no column of the table.", spelt)

    dropped: dict[str, str] = {}
    features: list[NumericFeature | CategoricalFeature] = []
    target_cells = [cell.strip() for cell in table.column(target_column.position)]
    target_feature = _target(target_column, table)
    for column in columns:
        if column is target_column:
            continue
        if column.name in left_out:
            dropped[column.name] = "named in --drop"
            continue
        reason = _why_not(column, table, target_column, target_cells)
        if reason:
            logger.warning("Column %s is not used: it %s.", column.name, reason)
            dropped[column.name] = f"it {reason}"
            continue
        features.append(_feature(column, len(features)))
    if not features:
        raise DataValidationError(
            f"No column is left to predict {target_column.name} from.",
            [Problem(f"{name}: {reason}.", name) for name, reason in dropped.items()],
        )
    groups = _groups(features, hints)
    features.sort(key=lambda f: (groups.index(f.group), f.order))
    schema = Schema(tuple(features), target_feature, hints.title, hints.description, groups)
    positions = {column.name: column.position for column in columns}
    used = (*schema.names, target_column.name)
    return InferredSchema(schema, {name: positions[name] for name in used}, dropped)


def _read_columns(table: Table, hints: Hints) -> list[_Column]:
    names = [
        column_name(header) or f"column_{position}"
        for position, header in enumerate(table.header, start=1)
    ]
    first: dict[str, int] = {}
    problems = []
    for position, name in enumerate(names):
        key = match_key(name)
        if key in first:
            problems.append(Problem(
                f"Columns {table.header[first[key]]!r} and {table.header[position]!r} have the "
                "same name (case, spaces, '/', '-' and '_' do not count). Rename one.", name))
        first.setdefault(key, position)
    if problems:
        raise DataValidationError("The header names columns twice.", problems)

    columns = []
    good = [row for i, row in enumerate(table.rows) if i not in table.malformed]
    for position, name in enumerate(names):
        counts = Counter(row[position].strip() for row in good)
        parsed = {c: parse_number(c, decimal_comma=table.decimal_comma) for c in counts}
        numbers = {cell: number for cell, number in parsed.items() if number is not None}
        columns.append(_Column(name, position, hints.of(name), counts, numbers))
    return columns


def _named(wanted: str, by_key: dict[str, _Column], option: str) -> _Column:
    column = by_key.get(match_key(wanted))
    if column is None:
        names = {column.name.casefold(): column.name for column in by_key.values()}
        close = difflib.get_close_matches(wanted.casefold(), names, n=1)
        hint = f" Did you mean {names[close[0]]!r}?" if close else ""
        raise ConfigurationError(
            f"{option}: there is no column {wanted!r}.{hint} The columns are: "
            f"{', '.join(names.values())}."
        )
    return column


def _target(column: _Column, table: Table) -> NumericFeature:
    if not column.is_numeric or not column.numbers:
        examples = ", ".join(repr(shorten(cell)) for cell in itertools.islice(column.counts, 3))
        raise DataValidationError(
            f"The target {column.name} must be a number in every row; it holds {examples}. "
            "Name another column with --target."
        )
    feature = _feature(column, 0)
    assert isinstance(feature, NumericFeature)  # noqa: S101 - is_numeric, above
    inside = {number for number in column.numbers.values() if feature.within(number)}
    if len(inside) < 2:
        raise DataValidationError(
            f"The target {column.name} is {format_number(min(inside))} in every row: there is "
            "nothing to learn."
            if inside
            else f"No value of the target {column.name} is {feature.rule}. Check the hints."
        )
    return feature


def _why_not(
    column: _Column, table: Table, target: _Column, target_cells: list[str]
) -> str | None:
    """Return why a column cannot be a feature, as the rest of 'it …'; None where it can."""
    marks = MISSING_MARKS if column.is_numeric else {""}
    present = {cell: n for cell, n in column.counts.items() if cell.lower() not in marks}
    if not present:
        return "is empty in every row"
    distinct = {column.numbers.get(cell, cell) for cell in present} if column.is_numeric else (
        set(present))
    n_present = sum(present.values())
    if len(distinct) == 1 and (column.is_numeric or n_present == column.counts.total()):
        return f"is {shorten(next(iter(present)))!r} in every row"
    cells = [cell.strip() for cell in table.column(column.position)]
    if _copies(column, cells, target, target_cells):
        return f"is a copy of the target {target.name}"
    if column.hints is not None:
        return None  # someone described it: it is meant
    if not column.is_numeric:
        if len(distinct) > UNIQUE_TEXT_SHARE * n_present:
            return "differs in almost every row, as a name or a key does"
        if len(distinct) > MANY_CATEGORIES:
            logger.warning(
                "Column %s is text with %d different values. If it says nothing of the "
                "target, leave it out with --drop %s.", column.name, len(distinct), column.name)
        return None
    if len(distinct) == n_present and all(
        isinstance(number, float) and number.is_integer() for number in distinct
    ):
        pairs = [
            (column.numbers[cell], target.numbers[answer])
            for cell, answer in zip(cells, target_cells, strict=True)
            if cell in column.numbers and answer in target.numbers
        ]
        values = [value for value, _ in pairs]
        in_file_order = values in (sorted(values), sorted(values, reverse=True))
        if in_file_order or abs(_spearman(pairs)) < RELATED:
            return "is a different whole number in every row, as a key is"
    return None


def _copies(column: _Column, cells: list[str], target: _Column, answers: list[str]) -> bool:
    if not column.is_numeric:
        return False
    both = [
        (column.numbers[cell], target.numbers[answer])
        for cell, answer in zip(cells, answers, strict=True)
        if cell in column.numbers and answer in target.numbers
    ]
    return bool(both) and all(value == answer for value, answer in both)


def _spearman(pairs: list[tuple[float, float]]) -> float:
    """Return Spearman's rank correlation; ties share their mean rank; 0 where it is undefined."""

    def ranks(values: list[float]) -> list[float]:
        order = sorted(range(len(values)), key=values.__getitem__)
        result = [0.0] * len(values)
        for _, tied in itertools.groupby(enumerate(order), key=lambda item: values[item[1]]):
            members = list(tied)
            mean = sum(rank for rank, _ in members) / len(members)
            for _, index in members:
                result[index] = mean
        return result

    if len(pairs) < 2:
        return 0.0
    a, b = (ranks(list(values)) for values in zip(*pairs, strict=True))
    middle = (len(pairs) - 1) / 2
    covariance = sum((x - middle) * (y - middle) for x, y in zip(a, b, strict=True))
    spread = math.sqrt(sum((x - middle) ** 2 for x in a) * sum((y - middle) ** 2 for y in b))
    return covariance / spread if spread else 0.0


def _feature(column: _Column, position: int) -> NumericFeature | CategoricalFeature:
    said = column.said
    words = {
        "name": column.name,
        "label": said.label or column.name.replace("_", " ").strip().capitalize() or column.name,
        "help": said.help or "",
        "group": said.group or "",
        "sensitive": bool(said.sensitive),
        "actionable": bool(said.actionable),
        "order": said.order if said.order is not None else position + 1,
    }
    if column.is_numeric:
        optional = any(cell.lower() in MISSING_MARKS for cell in column.counts)
        bounds = {
            side: None if value is None else float(value)
            for side, value in (("minimum", said.minimum), ("maximum", said.maximum))
        }
        probe = NumericFeature(name="", observed_minimum=0.0, observed_maximum=0.0, **bounds)
        seen = [n for n in column.numbers.values() if probe.within(n)] or [0.0]
        whole = all(number.is_integer() for number in seen)
        return NumericFeature(
            **words, **bounds, optional=optional, unit=said.unit or "",
            observed_minimum=min(seen), observed_maximum=max(seen),
            integer=whole if said.integer is None else said.integer,
        )  # fmt: skip
    seen_categories = {cell for cell in column.counts if cell}
    wanted = [c for c in said.categories or () if c in seen_categories]
    for missing in set(said.categories or ()) - seen_categories:
        logger.warning(
            "The hints list %r in %s, which no row holds: the model cannot know it.",
            missing, column.name)
    rest = sorted(seen_categories - set(wanted), key=_natural)
    return CategoricalFeature(**words, optional="" in column.counts,
                              categories=tuple(wanted + rest))


def _natural(text: str) -> tuple[float, str]:
    """Sort numbers by their value, before texts."""
    number = parse_number(text)
    return (math.inf, text.casefold()) if number is None else (number, "")


def _groups(features: list[NumericFeature | CategoricalFeature], hints: Hints) -> tuple[str, ...]:
    """Return the groups that have a feature, in the hints' order, the nameless one last."""
    used = dict.fromkeys(feature.group for feature in features)
    named = [group for group in hints.groups if group in used]
    named += [group for group in used if group and group not in named]
    return (*named, "") if "" in used else tuple(named)
