"""Which of a table's columns and rows training uses, and the tables that it writes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.compiled.group_effects import GroupEffects, group_key
from src.components.data_check import CheckedTable
from src.components.data_ingestion import DataIngestion
from src.components.data_validation import DataValidation
from src.exception import ConfigurationError, DataValidationError, Problem
from src.logger import get_logger
from src.pipelines.training import TrainConfig
from src.report.group_facts import KNOWN, NEW
from src.schema.features import ClassTarget, GroupFeature, group_text
from src.schema.frames import target_cells, target_values
from src.schema.hints import ColumnHints, Hints
from src.schema.inference import InferredSchema, infer_schema, position_of
from src.schema.outcomes import refuse_few
from src.schema.periods import LEAST_ROWS, find_periods
from src.schema.record import Schema
from src.search.cohorts import Cohorts
from src.search.group_effects import GroupFit, Units
from src.search.task import Classification
from src.stats.group_effects import LEAST_MEMBERS
from src.stats.same_rows import joined
from src.tables.cells import clean, column_name, match_key, parse_number, shorten, to_text
from src.tables.layout import Table
from src.tables.writer import csv_line
from src.utils import sha256, write_bytes

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

logger = get_logger(__name__)

REFUSED_SHARE = 0.1  # of the rows: above it, something is wrong with the table, not with the rows
SALT_CHARACTERS = 32
UNEVEN_SHARE = 0.1  # of the rows, between those held out and those asked for: above it, a warning


@dataclass(frozen=True)
class Rows:
    """Some of the table's rows.

    Attributes
    ----------
    X : DataFrame of shape (n_samples, n_features)
        Every feature of the table, whether or not the model was given it.
    y : ndarray of shape (n_samples,)
        Numbers, or the outcomes' codes: positions among the target's categories.
    groups : list of str or None
        Rows that belong together, by the group's column and by pupil.
    weight : ndarray of shape (n_samples,) or None
    units : Units or None
        The groups that have effects; their keys are a column of X, too.
    cohorts : Cohorts or None
        The rows' periods.
    """

    X: pd.DataFrame
    y: NDArray[Any]
    groups: list[str] | None
    weight: NDArray[np.float64] | None
    units: Units | None = None
    cohorts: Cohorts | None = None

    @property
    def clusters(self) -> NDArray[np.intp] | None:
        """The number of each row's group."""
        import numpy as np

        return None if self.groups is None else np.unique(self.groups, return_inverse=True)[1]

    def take(self, positions: NDArray[np.intp]) -> Rows:
        """Return some of them."""
        return Rows(
            self.X.iloc[positions],
            self.y[positions],
            None if self.groups is None else [self.groups[i] for i in positions],
            None if self.weight is None else self.weight[positions],
            None if self.units is None else self.units.take(positions),
            None if self.cohorts is None else self.cohorts.take(positions),
        )


@dataclass(frozen=True, kw_only=True)
class GoodRows(Rows):
    """The rows that training uses.

    Attributes
    ----------
    salt : str
        What the keys of the groups are made with; hexadecimal.
    names : mapping of str to str
        By key, the names of groups that may be published.
    periods : tuple of str
        From the earliest to the last.
    n_refused : int
        Rows of the table that could not be used.
    problems : sequence of Problem
        What is wrong with them.
    indices : ndarray of int
        Where in the table the rows stand.
    """

    n_refused: int
    problems: Sequence[Problem]
    indices: NDArray[np.intp]
    salt: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    periods: tuple[str, ...] = ()


def columns_apart(table: Table, config: TrainConfig, target: str | None) -> list[str]:
    """Return the columns that options name and that are not features.

    Raises
    ------
    ConfigurationError
        If one is not in the table, or is the target.
    """
    named = (
        ("--group", config.group),
        ("--time", config.time),
        ("--sample-weight", config.sample_weight),
    )
    for option, name in named:
        if name and match_key(name) == match_key(target or ""):
            raise ConfigurationError(f"{option} names {name}, which is the target.")
        if name:
            position_of(table.header, name, option)
    return [name for _, name in named if name]


def known_later(table: Table, hints: Hints, config: TrainConfig) -> tuple[str, dict[str, str]]:
    """Return the stage that is trained for, and why columns that are known later are left out.

    Returns
    -------
    stage : str
        As the hints spell it; empty without ``--as-of``.
    reasons : dict of str to str
        By the columns' names.

    Raises
    ------
    ConfigurationError
        If the hints know no such stage, or their stages cannot be put in order.
    """
    if config.as_of is None:
        return "", {}
    target = config.target or hints.target or ""
    stages = hints.known_by(target)
    if not stages.of_column:
        raise ConfigurationError(
            "--as-of needs hints that say when columns are known, such as "
            f'available = "{config.as_of}" under [columns.NAME].'
        )
    stage = stages.find(config.as_of)
    named = stages.names[stage]
    apart = {match_key(name) for name in (config.group, config.sample_weight) if name}
    reasons = {
        column_name(header): f"it is known later than {named} (--as-of)"
        for header in table.header
        if header
        and match_key(header) not in apart
        and not stages.is_known(match_key(header), stage)
    }
    return named, reasons


def learn_schema(
    checked: CheckedTable, hints: Hints, config: TrainConfig, *, effects: bool = True
) -> tuple[InferredSchema, GoodRows]:
    """Return the schema and the rows that training uses: it is learnt from those alone.

    Parameters
    ----------
    effects : bool
        Whether groups have effects, or are only kept whole.

    Raises
    ------
    StuPredictionError
        As :func:`infer_schema` and :func:`usable_rows` do.
    """
    apart = [one.name for one in checked.columns if one.use not in ("feature", "target")]
    drop = [*config.drop, *apart]
    as_of, _ = known_later(checked.table, hints, config)

    def infer(table: Table) -> InferredSchema:
        inferred = infer_schema(
            table, hints, checked.readings, config.target, drop, config.task, checked.counts
        )
        schema = replace(inferred.schema, people=checked.people, as_of=as_of)
        return replace(inferred, schema=schema)

    inferred = infer(checked.table)
    good = usable_rows(checked.table, inferred, config, checked.groups)
    if len(good.y) < len(checked.table.rows):
        used = checked.table.take(good.indices)
        inferred = infer(used)
        again = usable_rows(used, inferred, config)
        good = replace(good, X=again.X, y=again.y)
    if config.group and effects:
        inferred, good = _with_groups(checked, inferred, good, hints, config.group)
    if config.time:
        good = _with_periods(checked, good, hints, config.time)
    if isinstance(inferred.schema.target, ClassTarget):
        target = inferred.schema.target
        counts = [int((good.y == code).sum()) for code in range(len(target.categories))]
        at = inferred.positions[target.name]
        refuse_few(target, counts, {clean(row[at]) for row in checked.table.rows})
    return inferred, good


def _with_groups(
    checked: CheckedTable, inferred: InferredSchema, good: GoodRows, hints: Hints, column: str
) -> tuple[InferredSchema, GoodRows]:
    """Return the schema and the rows with the groups that have effects."""
    import numpy as np

    table, hint = checked.table, hints.of(column) or ColumnHints()
    at = position_of(table.header, column, "--group")
    names = [group_text(table.rows[i][at]) for i in good.indices]
    salt = sha256("\n".join(sorted(set(names))).encode())[:SALT_CHARACTERS]
    keys = np.array([group_key(name, salt) if name else "" for name in names])
    units = Units(keys, _people(checked, good))
    _, members = units.members()
    large = set(np.unique(keys[keys != ""])[members.sums() >= LEAST_MEMBERS].tolist())
    named = {key: n for n, key in zip(names, keys.tolist(), strict=True) if key in large}
    if not hint.publish:
        named = {}
    name = column_name(column)
    group = GroupFeature(
        name=name,
        label=hint.label or name.replace("_", " ").capitalize(),
        help=hint.help or "",
        translations=hint.translations,
        synonyms=hint.synonyms or (),
        names=tuple(sorted(named.values(), key=lambda name: (parse_number(name) or 0, name))),
    )
    others = tuple(p for p in inferred.schema.people if match_key(p) != match_key(name))
    schema = replace(inferred.schema, group=group, people=others)
    X = good.X.copy()
    X[name] = [key or None for key in keys.tolist()]
    return replace(inferred, schema=schema), replace(good, X=X, units=units, salt=salt, names=named)


def _with_periods(checked: CheckedTable, good: GoodRows, hints: Hints, column: str) -> GoodRows:
    """Return the rows with their periods."""
    import numpy as np

    table, hint = checked.table, hints.of(column) or ColumnHints()
    at = position_of(table.header, column, "--time")
    cells = [table.rows[i][at] for i in good.indices]
    periods = find_periods(cells, column_name(column), hint.categories or ())
    cohorts = Cohorts(np.array(periods.codes), _people(checked, good))
    return replace(good, cohorts=cohorts, periods=periods.names)


def _people(checked: CheckedTable, good: GoodRows) -> NDArray[np.intp] | None:
    """Return whose row each is; None where each is another pupil's."""
    import numpy as np

    if checked.groups is None:
        return None
    return np.unique(checked.groups[good.indices], return_inverse=True)[1]


def usable_rows(
    table: Table,
    inferred: InferredSchema,
    config: TrainConfig,
    pupils: NDArray[np.integer] | None = None,
) -> GoodRows:
    """Return the rows that training uses: valid, with a target, and with a weight where one is due.

    Parameters
    ----------
    table : Table
    inferred : InferredSchema
    config : TrainConfig
    pupils : ndarray of shape (n_rows,), optional
        Rows of the same number belong together.

    Raises
    ------
    DataValidationError
        If a tenth of the rows cannot be used; with what is wrong with each.
    """
    import numpy as np

    schema = inferred.schema
    validation = DataValidation(schema, decimal_comma=table.decimal_comma, typed=table.typed)
    validated = validation.run(table, inferred.positions, with_target=True)
    problems, accepted = validated.problems, validated.accepted
    weight = None
    if config.sample_weight:
        weight, more = read_weights(table, config.sample_weight, accepted)
        problems, accepted = problems + more, accepted & (weight > 0)
    n_refused = int((~accepted).sum())
    _check_refused(n_refused, len(table.rows), problems)
    frame = validated.frame.set_axis(np.flatnonzero(validated.accepted))
    frame = frame[accepted[validated.accepted]]
    known = frame[schema.target.name].notna()
    if not known.all():
        logger.warning("%s", _left_out(schema, table, inferred, frame.index[~known].tolist()))
    frame = frame[known]
    return GoodRows(
        X=frame[list(schema.names)].reset_index(drop=True),
        y=target_values(schema, frame[schema.target.name]),
        groups=_groups(table, frame.index.tolist(), config, pupils),
        weight=None if weight is None else weight[frame.index],
        n_refused=n_refused,
        problems=problems,
        indices=frame.index.to_numpy(),
    )


def _left_out(schema: Schema, table: Table, inferred: InferredSchema, rows: list[int]) -> str:
    """Return how many rows have no target, and by which marks where these may be outcomes."""
    name = schema.target.name
    one = len(rows) == 1
    told = f"{'1 row is' if one else f'{len(rows)} rows are'} left out: no {name} is known."
    at = inferred.positions[name]
    marks = {clean(table.rows[i][at]) for i in rows} - {""}
    if isinstance(schema.target, ClassTarget) and marks:
        told += (
            f" {', '.join(map(repr, sorted(marks)))} is read as nothing known. Where it is an "
            f'outcome, name it in the hints: [columns."{name}"] categories.'
        )
    return told


def _groups(
    table: Table, rows: list[int], config: TrainConfig, pupils: NDArray[np.integer] | None
) -> list[str] | None:
    """Return what says which rows stay on one side of every split, None where nothing does."""
    import numpy as np

    values = None
    if config.group:
        at = position_of(table.header, config.group, "--group")
        values = [table.rows[i][at].strip() for i in rows]
    if pupils is None:
        return values
    found = [pupils[rows]]
    if values is not None:
        found.append(np.unique(values, return_inverse=True)[1])
    return list(map(str, joined(*found).tolist()))


def _check_refused(n_refused: int, n_rows: int, problems: Sequence[Problem]) -> None:
    """Warn of rows that are left out; raise an error where they are too many."""
    if n_refused > REFUSED_SHARE * n_rows:
        raise DataValidationError(
            f"{n_refused} of {n_rows} rows cannot be used. Mend the table, or leave "
            "a column out with --drop COLUMN.",
            problems,
        )
    if n_refused:
        # A message about a field quotes the student's value, which no log may hold.
        shown = (f"Row {p.row}: {p.field} is refused." if p.field else str(p) for p in problems[:5])
        left_out = f"{n_refused} of {n_rows} rows {'is' if n_refused == 1 else 'are'} left out."
        logger.warning("%s %s", left_out, " ".join(shown))


def write_tables(
    folder: Path,
    good: GoodRows,
    schema: Schema,
    split: Split,
) -> str:
    """Write data.csv, train.csv and test.csv; return the hash of the first."""
    import numpy as np

    columns = [*(good.X[name] for name in schema.names), target_cells(schema, good.y)]
    header = csv_line([*schema.names, schema.target.name])
    lines = [csv_line(map(to_text, row)) for row in zip(*columns, strict=True)]
    contents = {}
    test = np.concatenate([split.test, split.other])
    for name, positions in (("data", range(len(lines))), ("train", split.train), ("test", test)):
        contents[name] = "".join([header, *(lines[i] for i in positions)]).encode()
        write_bytes(folder / f"{name}.csv", contents[name])
    return sha256(contents["data"])


@dataclass(frozen=True)
class Split:
    """Which rows are learnt from, and which are held out.

    Attributes
    ----------
    train, test, other : ndarray of int
        Positions. Held out are ``test``, by which the model is judged, and with groups ``other``:
        of groups held out whole and of the other groups, one and the other.
    first : str
        With groups, which of both ``test`` is of: ``new`` or ``known``.
    """

    train: NDArray[np.intp]
    test: NDArray[np.intp]
    other: NDArray[np.intp]
    first: str = NEW


def split_rows(
    ingestion: DataIngestion, good: GoodRows, schema: Schema, config: TrainConfig
) -> Split:
    """Return which rows are held out."""
    import numpy as np

    if good.cohorts is not None:
        return _split_by_time(good, config)
    if good.units is None or good.groups is None:
        outcomes = None if schema.task == "regression" else good.y.astype(int)
        train, test = ingestion.split(len(good.y), good.groups, outcomes)
        return Split(train, test, np.empty(0, dtype=np.intp))
    people = good.units.people
    train, new, known = ingestion.split_groups(
        good.groups, None if people is None else [*map(str, people.tolist())]
    )
    if not len(new):
        return Split(train, known, new, KNOWN)
    warn_of_share(len(new), len(good.y), config)
    if config.used_for == KNOWN:
        return Split(train, known, new, KNOWN)
    return Split(train, new, known)


def warn_of_share(n_held_out: int, n_rows: int, config: TrainConfig) -> None:
    """Warn where whole groups make the share of held-out rows unlike the one that was asked for."""
    held_out = n_held_out / n_rows
    if config.group and abs(held_out - config.test_size) > UNEVEN_SHARE:
        logger.warning(
            "%.0f %% of the rows are held out, not %.0f %%: the groups of --group are kept "
            "whole, and they are few or of unequal size.",
            *(100 * held_out, 100 * config.test_size),
        )


def _split_by_time(good: GoodRows, config: TrainConfig) -> Split:
    """Hold the last period out; with groups, members of known and of new ones apart.

    Where fewer than ten rows are of one kind, they are not judged.
    """
    import numpy as np

    if good.cohorts is None:
        raise TypeError("rows without periods")
    train, last = good.cohorts.last(config.seed)
    if min(len(train), len(last)) < LEAST_ROWS:
        raise ConfigurationError(
            f"--time leaves {len(train)} rows to learn from and {len(last)} of {good.periods[-1]} "
            f"to test on: at least {LEAST_ROWS} of both are needed."
        )
    n_unused = len(good.y) - len(train) - len(last)
    logger.info(
        "Split %d rows into %d of earlier periods, %d of the last; %d are of pupils on both sides",
        *(len(good.y), len(train), len(last), n_unused),
    )
    nobody = np.empty(0, dtype=np.intp)
    if good.units is None:
        return Split(train, last, nobody)
    keys = good.units.keys
    known = np.isin(keys[last], keys[train]) & (keys[last] != "")
    held = {KNOWN: last[known], NEW: last[~known]}
    first = config.used_for
    other = NEW if first == KNOWN else KNOWN
    if len(held[first]) < LEAST_ROWS:
        first, other = other, first
    if len(held[first]) < LEAST_ROWS:
        raise ConfigurationError(
            f"--time and --group: {good.periods[-1]} has {len(held[KNOWN])} rows of known groups "
            f"and {len(held[NEW])} of new ones: at least {LEAST_ROWS} of one kind are needed."
        )
    return Split(
        train, held[first], held[other] if len(held[other]) >= LEAST_ROWS else nobody, first
    )


def served_effects(schema: Schema, fit: GroupFit | None, salt: str) -> GroupEffects | None:
    """Return the effects as serving applies them."""
    if fit is None or schema.group is None:
        return None
    direction = fit.task.direction if isinstance(fit.task, Classification) else ()
    return GroupEffects(schema.group.name, salt, fit.effects, direction)


def read_weights(
    table: Table, name: str, accepted: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], list[Problem]]:
    """Return each row's weight, 0 where it is none, and what is wrong with the accepted rows'."""
    import numpy as np

    at = position_of(table.header, name, "--sample-weight")
    weights, problems = np.zeros(len(table.rows)), []
    for index, row in enumerate(table.rows):
        number = parse_number(row[at], decimal_comma=table.decimal_comma)
        if number is not None and number > 0:
            weights[index] = number
        elif accepted[index]:
            message = f"{name} must be a number above 0 to be a weight."
            problems.append(Problem(message, name, table.lines[index], shorten(row[at])))
    return weights, problems
