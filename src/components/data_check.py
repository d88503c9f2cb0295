"""Look at a training table first, and say whether it is what a school thinks it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from src.logger import get_logger
from src.schema.check_columns import (
    MANY_CATEGORIES,
    emptiness,
    kind_findings,
    number_findings,
    odd_values,
    rare_categories,
    same_columns,
    spellings,
    word_findings,
    words_for_missing,
)
from src.schema.check_groups import copies, repeated_pupil, schools, small_groups
from src.schema.check_leaks import leak_findings
from src.schema.check_rows import odd_rows
from src.schema.check_target import coded, outcome_of_cells, target_findings
from src.schema.column_kinds import (
    CATEGORY,
    DATE,
    IDENTIFYING,
    NUMBER,
    TEXT,
    UNIQUE,
    Kind,
    column_kind,
)
from src.schema.findings import NOTE, STOP, WARNING, ColumnUse, Finding, Reading
from src.schema.hints import ColumnHints, Hints
from src.schema.outcomes import Task, predicts_outcomes
from src.schema.prepared_table import plain_numbers, rewrite
from src.stats.leaks import correlates
from src.stats.same_rows import joined
from src.tables.cells import MISSING_MARKS, column_name, match_key
from src.tables.layout import Table
from src.tables.profile import ColumnProfile, profile_columns
from src.tables.workbook_parts import column_letters

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

RELATED = 0.5  # |rank correlation| with the target, from which unique whole numbers are measured


@dataclass(frozen=True)
class DataCheckConfig:
    """What a person said of the table.

    Attributes
    ----------
    target : str
    hints : Hints
    drop, keep : tuple of str
        Columns that are left out, and that are used whatever the check thinks of them.
    apart : tuple of str
        Columns that are used otherwise than as features: groups, weights.
    pupil : str or None
        The column that says whose row it is; ``none`` where each row is another pupil's.
    task : str
        Whether the target is a number or one of some outcomes; ``auto`` looks at it.
    group, weight : str or None
        Those of ``apart`` that say which school or the like a row is of, and how much it counts.
    """

    target: str
    hints: Hints = field(default_factory=Hints)
    drop: tuple[str, ...] = ()
    keep: tuple[str, ...] = ()
    apart: tuple[str, ...] = ()
    pupil: str | None = None
    task: Task = "auto"
    group: str | None = None
    weight: str | None = None


@dataclass(frozen=True)
class CheckedTable:
    """What was found, and the table as training takes it.

    Attributes
    ----------
    findings : tuple of Finding
    columns : tuple of ColumnUse
    table : Table
        The rows that are pupils, their cells written in one way.
    left_out : dict of str to str
        Columns that are no features by the check's own judgment, with the kind of the finding.
    readings : dict of str to Reading
        How each column's cells are read from now on.
    groups : ndarray of shape (n_rows,) or None
        Rows with the same number stay on one side of every split; None where each stands alone.
    n_rows, n_summary_rows : int
        Rows of the file, and those of them that are no pupils.
    rewritings : mapping of int to dict of str to str
        By position, how cells are written otherwise.
    counts : mapping of int to Counter of str, optional
        By position, the cells of a larger table that this one was drawn from, as training reads
        them.
    """

    findings: tuple[Finding, ...]
    columns: tuple[ColumnUse, ...]
    table: Table
    left_out: dict[str, str]
    readings: dict[str, Reading]
    groups: NDArray[np.intp] | None
    n_rows: int
    n_summary_rows: int = 0
    rewritings: Mapping[int, dict[str, str]] = field(default_factory=dict)
    counts: Mapping[int, Counter[str]] | None = None

    @property
    def ok(self) -> bool:
        """Whether nothing must be settled before training."""
        return not any(finding.severity == STOP for finding in self.findings)

    @property
    def people(self) -> tuple[str, ...]:
        """Columns that say whose row it is: names, else the columns that number the pupils."""
        named = [f for f in self.findings if (f.kind, f.variant) == ("identifier", "name")]
        numbered = [f for f in self.findings if f.variant in ("unique", "key")]
        repeated = [f for f in self.findings if f.kind == "repeated_pupil"]
        return tuple(f.columns[0] for f in named or numbered or repeated)


class DataCheck:
    """Check a table.

    Parameters
    ----------
    config : DataCheckConfig
    """

    def __init__(self, config: DataCheckConfig) -> None:
        self.config = config
        self._counts: Mapping[int, Counter[str]] = {}
        self._keys = {
            name: frozenset(map(match_key, getattr(config, name)))
            for name in ("drop", "keep", "apart")
        }

    def run(self, table: Table, counts: Mapping[int, Counter[str]] | None = None) -> CheckedTable:
        """Return what is found in a table, and the table as training takes it.

        Parameters
        ----------
        table : Table
        counts : mapping of int to Counter of str, optional
            By position, the different cells of columns of a larger table that this one was drawn
            from: categories are merged by these.
        """
        import numpy as np

        self._counts = counts or {}
        with np.errstate(all="ignore"):  # 1e308 is a number, and its square is none
            return self._check(table)

    def _check(self, table: Table) -> CheckedTable:
        import numpy as np

        hints = {key: said.numbers for key, said in self.config.hints.columns.items()}
        rows = np.array([i for i in range(len(table.rows)) if i not in table.malformed], np.intp)
        columns = profile_columns(table, rows, hints)
        odd = odd_rows(table, columns, rows)
        unused = frozenset(table.lines[i] for i in (*odd.left_out, *table.malformed))
        findings = [*_file_findings(table, unused), *odd.findings]
        if odd.left_out:
            pupils = np.array(
                [k for k, i in enumerate(rows.tolist()) if i not in odd.left_out], np.intp
            )
            rows, columns = rows[pupils], [column.take(pupils) for column in columns]
        target = _find(columns, self.config.target)
        if target is None or not len(rows):
            return CheckedTable(tuple(findings), (), table, {}, {}, None, len(table.rows))
        said = self._said(target)
        labels = outcome_of_cells(target, self._texts(target), said)
        outcomes = predicts_outcomes(
            self.config.task,
            said,
            is_number=target.is_numeric,
            n_distinct=len({*labels.values()}),
        )
        if target.is_numeric:
            known = np.flatnonzero(np.isfinite(target.values))
        else:
            known = (
                np.flatnonzero(target.present[target.codes]) if outcomes else np.arange(len(rows))
            )
        learnt = columns if len(known) == len(rows) else [column.take(known) for column in columns]
        lines = np.array(table.lines)[rows[known]]
        findings += word_findings(target, np.array(table.lines)[rows])
        of_target = next(column for column in learnt if column.position == target.position)
        uses, more, readings, rewritings = self._columns(
            learnt, of_target, lines, labels if outcomes else None
        )
        if target.is_numeric:  # its words stand in rows that nothing is learnt from
            readings[target.name] = replace(
                readings[target.name], missing=(*target.said.missing, *words_for_missing(target))
            )
            rewritings[target.position] = plain_numbers(target)
        groups, grouped = self._groups(learnt, uses, of_target)
        unread = {f.columns[0] for f in findings if f.kind == "formula_without_value"}
        findings += [f for f in (*more, *grouped) if not unread.intersection(f.columns)]
        left_out = {use.name: use.why for use in uses if use.use == "left out" and use.why}
        kept = [i for i in range(len(table.rows)) if i not in odd.left_out]
        return CheckedTable(
            tuple(_with_lines(finding, lines) for finding in findings),
            tuple(uses),
            rewrite(
                table.take(kept) if odd.left_out else table,
                {position: changed for position, changed in rewritings.items() if changed},
            ),
            left_out,
            readings,
            None if groups is None else _spread(groups, rows[known], kept, len(table.rows)),
            len(table.rows),
            len(odd.left_out),
            rewritings,
        )

    def _said(self, column: ColumnProfile) -> ColumnHints:
        return self.config.hints.of(column.name) or ColumnHints()

    def _columns(
        self,
        columns: Sequence[ColumnProfile],
        target: ColumnProfile,
        lines: NDArray[np.intp],
        outcomes: Mapping[str, str] | None,
    ) -> tuple[list[ColumnUse], list[Finding], dict[str, Reading], dict[int, dict[str, str]]]:
        uses: dict[str, ColumnUse] = {}
        findings: list[Finding] = []
        readings: dict[str, Reading] = {}
        rewritings: dict[int, dict[str, str]] = {}
        candidates: list[ColumnProfile] = []
        for column in columns:
            key = match_key(column.header)
            is_target = column is target
            if key in self._keys["drop"] | self._keys["apart"] and not is_target:
                uses[column.name] = ColumnUse(column.name, self._use(key), _plain_kind(column))
                continue
            of_target = CATEGORY if outcomes and not column.is_numeric else NUMBER
            kind = Kind(of_target) if is_target else self._kind(column, target)
            of_kind = [] if is_target else kind_findings(column, kind)
            findings += of_kind
            if kind.kind in (IDENTIFYING, TEXT, DATE):
                uses[column.name] = ColumnUse(column.name, "left out", kind.kind, of_kind[0].kind)
                continue
            use = "target" if is_target else "feature"
            uses[column.name] = ColumnUse(column.name, use, kind.kind)
            empty = emptiness(column)
            findings += [empty] if empty and not is_target else []
            findings += number_findings(column)
            findings += [] if is_target else word_findings(column, lines)
            if kind.kind == CATEGORY:
                read = self._category(column, group_rare=not is_target)
            else:
                read = _number(column)
            more, readings[column.name], rewritings[column.position] = read
            findings += more
            if not is_target:
                candidates.append(column)
        if outcomes:
            counts = {"n_distinct": len({*outcomes.values()})}
            findings += self._leaks(*coded(target, outcomes), candidates, uses, outcomes=True)
            remedies = ("number",) if target.is_numeric else ()
            findings.append(
                Finding("class_target", NOTE, (target.name,), "outcomes", counts, remedies)
            )
        elif target.is_numeric:
            findings += self._leaks(target, True, candidates, uses)
            apart = readings[target.name].apart
            findings += target_findings(target.name, target.values, apart)
        if not self._counts:  # else not every row is here
            findings += same_columns([c for c in candidates if uses[c.name].use == "feature"])
        return list(uses.values()), findings, readings, rewritings

    def _use(self, key: str) -> str:
        """Return what a column is used for that is no feature."""
        for use in ("group", "weight"):
            if match_key(getattr(self.config, use) or "") == key:
                return use
        return "left out"

    def _kind(self, column: ColumnProfile, target: ColumnProfile) -> Kind:
        said = self._said(column)
        if said.describes or match_key(column.header) in self._keys["keep"]:
            return Kind(_plain_kind(column))
        may_be_key = column.is_numeric and column.n_distinct >= UNIQUE * column.n_present
        describes = (
            may_be_key and target.is_numeric and correlates(column.values, target.values) >= RELATED
        )
        return column_kind(column, describes=describes)

    def _category(
        self, column: ColumnProfile, *, group_rare: bool
    ) -> tuple[list[Finding], Reading, dict[str, str]]:
        name, said = (column.name,), self._said(column)
        found: list[Finding] = []
        texts = self._texts(column)
        respelt = spellings(texts)
        if respelt:
            n_rows = sum(n for cell, n in texts if cell in respelt)
            counts = {"n_rows": n_rows, "n_spellings": len(respelt)}
            cells = tuple(repr(cell) for cell in list(respelt)[:3])
            found.append(Finding("look_alike", NOTE, name, "", counts, (), (), cells))
        counted = Counter[str]()
        for cell, n in texts:
            counted[respelt.get(cell, cell)] += n
        rare, other = rare_categories(counted, said.categories) if group_rare else (set(), "")
        if rare:
            n_rows = sum(counted[c] for c in rare)
            counts = {"n_categories": len(rare), "n_rows": n_rows}
            found.append(
                Finding("rare", NOTE, name, other, counts, ("list",), (), tuple(sorted(rare)[:5]))
            )
        best = {cell: respelt.get(cell, cell) for cell, _ in texts}
        rewriting = {cell: other if text in rare else text for cell, text in best.items()}
        many = len(counted) > MANY_CATEGORIES
        return found, Reading(other=other if many else ""), rewriting

    def _texts(self, column: ColumnProfile) -> list[tuple[str, int]]:
        """Return the different cells of a column that are no missing values, with their counts."""
        counts = self._counts.get(column.position)
        if counts is None:
            return column.texts()
        texts = Counter[str]()
        for cell, n in counts.items():
            texts[column.said.cleaned(cell)] += n
        marks = MISSING_MARKS if column.is_numeric else frozenset()
        return [(cell, n) for cell, n in texts.items() if cell and cell.lower() not in marks]

    def _leaks(
        self,
        target: ColumnProfile,
        ordered: bool,
        candidates: list[ColumnProfile],
        uses: dict[str, ColumnUse],
        *,
        outcomes: bool = False,
    ) -> list[Finding]:
        allowed = {
            column.name
            for column in candidates
            if self._said(column).known_before or match_key(column.header) in self._keys["keep"]
        }
        findings = leak_findings(
            target, candidates, frozenset(allowed), outcomes=outcomes, ordered=ordered
        )
        for finding in findings:
            if finding.variant == "copy":
                name = finding.columns[0]
                uses[name] = replace(uses[name], use="left out", why="leak")
        return findings

    def _groups(
        self, columns: Sequence[ColumnProfile], uses: list[ColumnUse], target: ColumnProfile
    ) -> tuple[NDArray[np.integer] | None, list[Finding]]:
        """Return which rows belong together; the pupil's column stops being a feature."""
        findings: list[Finding] = []
        groupings: list[NDArray[np.integer]] = []
        pupil = _find(columns, self.config.pupil or "")
        if self.config.pupil is None:
            pupil, variant = repeated_pupil(columns, target, self._keys["drop"])
        else:
            variant = "named"
        if pupil is not None:
            groupings.append(pupil.codes)
            counts = {"n_groups": pupil.n_distinct, "n_rows": len(pupil.codes)}
            findings.append(
                Finding("repeated_pupil", NOTE, (pupil.name,), variant, counts, ("pupil",))
            )
            at = next((k for k, use in enumerate(uses) if use.name == pupil.name), None)
            if at is not None and uses[at].use == "feature":
                uses[at] = replace(uses[at], use="left out", kind=IDENTIFYING, why="repeated_pupil")
        group = _find(columns, self.config.group or "")
        if group is not None:
            findings += filter(None, [small_groups(group)])
        else:
            taken = self._keys["drop"] | self._keys["apart"]
            taken |= {match_key(pupil.header)} if pupil is not None else set()
            findings += schools(columns, target, taken)
        features = {use.name for use in uses if use.use in ("feature", "target")}
        identifying = {use.name for use in uses if use.kind in (IDENTIFYING, TEXT, DATE)}
        same, finding = copies(
            columns, features, identifying, target, groupings[0] if groupings else None
        )
        if finding:
            groupings.append(same)
            findings.append(finding)
        return (joined(*groupings) if groupings else None), findings


def _find(columns: Sequence[ColumnProfile], name: str) -> ColumnProfile | None:
    key = match_key(name)
    return next((column for column in columns if match_key(column.header) == key), None)


def _plain_kind(column: ColumnProfile) -> str:
    return NUMBER if column.is_numeric else CATEGORY


def _number(column: ColumnProfile) -> tuple[list[Finding], Reading, dict[str, str]]:
    findings, apart = odd_values(column) if column.is_numeric else ([], ())
    missing = (*column.said.missing, *words_for_missing(column))
    reading = Reading(True, column.numbers.format, missing, apart)
    return findings, reading, plain_numbers(column) if column.is_numeric else {}


def _file_findings(table: Table, unused: frozenset[int]) -> list[Finding]:
    """Return what is said of the file; formulas in lines that are not used do not count."""
    notes = table.notes
    found = []
    if notes.encoding:
        found.append(Finding("encoding", WARNING, (), "", {"encoding": notes.encoding}))
    if len(notes.sheets) > len(notes.sheets_read):
        counts = {"sheets": list(notes.sheets), "read": list(notes.sheets_read)}
        found.append(Finding("other_sheets", WARNING, (), "", counts, ("sheet",)))
    header = dict(enumerate(table.header))
    for position, n in notes.merged.items():
        if header.get(position):
            found.append(
                Finding("merged_cells", NOTE, (column_name(header[position]),), "", {"n_cells": n})
            )
    for position, rows in notes.formulas.items():
        inside = [row for row in rows if row not in unused]
        if not inside or not header.get(position):
            continue
        where = {"cell": f"{column_letters(position)}{inside[0]}", "n_cells": len(inside)}
        name = (column_name(header[position]),)
        found.append(Finding("formula_without_value", STOP, name, "", where, ("open",)))
    return found


def _with_lines(finding: Finding, lines: NDArray[np.intp]) -> Finding:
    """Return a finding whose rows are lines of the file."""
    if not finding.rows or finding.kind in ("not_a_pupil", "header_rows", "mostly_numbers"):
        return finding
    return replace(finding, rows=tuple(int(lines[i]) for i in finding.rows))


def _spread(
    groups: NDArray[np.integer], rows: NDArray[np.intp], kept: Sequence[int], n_rows: int
) -> NDArray[np.intp]:
    """Return a group for each row that is kept, its own for one that nothing is known of."""
    import numpy as np

    every = np.arange(n_rows) + int(groups.max(initial=-1)) + 1
    every[rows] = groups
    return every[np.array(kept, dtype=np.intp)]
