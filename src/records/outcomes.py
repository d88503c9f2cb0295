"""Outcomes come in by a file: each row finds its prediction, or it is said why it does not.

A row names the prediction by its id, else the pupil and a day of the term. What is known of a
pupil in a term holds for all predictions that were made of it.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import IO, Any, NamedTuple

from sqlalchemy import Connection, Engine, func, insert, select

from src.components.data_validation import DataValidation
from src.exception import DataValidationError, Problem
from src.language import gettext as _
from src.records.identity import is_day, now_ms, subject_hash, today
from src.records.tables import event, outcome, prediction
from src.records.terms import Terms
from src.schema.record import Schema
from src.serving.row_words import of_line, of_row
from src.tables.cells import match_key
from src.tables.layout import TableReader
from src.tables.writer import write_rows

PIECE = 500  # ids or pupils of one query
FATES = ("matched", "corrected", "unchanged", "unmatched", "doubtful", "refused", "left_out")
VALUE_NAMES = ("outcome", "value", "actual", "result")
DAY_NAMES = ("as_of", "term", "known_at")


@dataclass
class Imported:
    """What became of the rows of a file; the counts sum to ``n_rows``.

    Attributes
    ----------
    matched, corrected, unchanged : int
        Rows whose outcome is new, differs from the one that was known, or is the same.
    unmatched, doubtful, refused, left_out : int
        Rows that no prediction was made of, that could mean several things, whose value cannot be
        read, and that are no pupils.
    n_predictions : int
        That have an outcome by this file: a pupil may have several in a term.
    examples : list of str
        Why the first rows were not taken.
    columns : list of int
        Where the columns stand that are read.
    """

    n_rows: int = 0
    matched: int = 0
    corrected: int = 0
    unchanged: int = 0
    unmatched: int = 0
    doubtful: int = 0
    refused: int = 0
    left_out: int = 0
    mended: int = 0
    n_predictions: int = 0
    examples: list[str] = field(default_factory=list)
    columns: list[int] = field(default_factory=list)


class _Known(NamedTuple):
    """A prediction that a row may be about."""

    id: str
    subject: str | None
    as_of: str


@dataclass
class _Row:
    """A row of the file, with what it is about."""

    line: int
    cells: list[str]
    value: str = ""
    prediction_id: str = ""
    subject: str = ""  # the hash
    day: str = ""
    known_at: str = ""
    fate: str = ""
    why: str = ""
    says_line: bool = False  # whether the reason names the row
    predictions: tuple[str, ...] = ()

    def end(self, fate: str, why: str, *, says_line: bool = False) -> None:
        self.fate, self.why, self.says_line = fate, why, says_line


@dataclass(frozen=True)
class OutcomeImport:
    """How outcomes are read.

    Attributes
    ----------
    schema : Schema
        Of the model whose target the outcomes are of.
    key : str
        Of the hashes of pupils.
    subject_column : str
        Beside ``subject``, the column that says who a pupil is.
    as_of : str
        Day of the term where the file has none; empty where rows without one must speak for
        themselves.
    """

    schema: Schema
    key: str
    terms: Terms
    subject_column: str = ""
    as_of: str = ""

    def run(
        self, engine: Engine, reader: TableReader, source: str, to_fix: IO[str], actor: str
    ) -> Imported:
        """Read a table, keep its outcomes, and write the rows that were not taken.

        Parameters
        ----------
        source : str
            What is kept of where the outcomes are from.
        to_fix : text file
            Gets the rows that were not taken, with the reason.

        Raises
        ------
        DataValidationError
            If the table lacks the column of outcomes, or one that says whose they are.
        """
        found = Imported()
        rows = [*self._read(reader, found)]
        with engine.begin() as connection:
            self._match(connection, rows)
            self._keep(connection, rows, source, found)
            self._count(rows, found)
            counts = {name: n for name, n in asdict(found).items() if isinstance(n, int)}
            connection.execute(
                insert(event).values(
                    at_ms=now_ms(), kind="import", actor=actor, details=json.dumps(counts)
                )
            )
        write_rows(to_fix, [[*reader.header, "problem"]])
        write_rows(to_fix, ([*row.cells, row.why] for row in rows if row.why))
        return found

    def _read(self, reader: TableReader, found: Imported) -> Iterator[_Row]:
        places = self._places(reader.header)
        found.columns = sorted(places.values())
        target = self.schema.target
        alone = Schema(features=(target,), target=target)
        validation = DataValidation(
            alone, decimal_comma=reader.decimal_comma, typed=reader.typed, header=reader.header
        )
        for chunk in reader.chunks(20_000):
            checked = validation.run(chunk, {target.name: places["value"]})
            found.mended += sum(checked.mended.values())
            values = iter(checked.columns[target.name])
            for i, (line, cells) in enumerate(zip(chunk.lines, chunk.rows, strict=True)):
                row = _Row(line, cells)
                if i in checked.skipped:
                    said = of_row(checked.skipped[i].message)
                    row.end("left_out", of_line(line, said), says_line=True)
                elif i in checked.refused:
                    said = " ".join(of_row(p.message) or p.message for p in checked.refused[i])
                    row.end("refused", of_line(line, said), says_line=True)
                else:
                    row.value = str(next(values))
                    self._read_who(row, places)
                yield row

    def _read_who(self, row: _Row, places: dict[str, int]) -> None:
        cells = {name: row.cells[place].strip() for name, place in places.items()}
        row.prediction_id = cells.get("prediction_id", "").lower()
        subject = cells.get("subject", "")
        row.subject = subject_hash(subject, self.key) if subject else ""
        row.day = cells.get("as_of") or cells.get("term") or self.as_of
        row.known_at = cells.get("known_at") or today()
        if row.day and not is_day(row.day):
            row.end("refused", _("The day of the term must be written such as 2026-09-30."))
        if row.known_at and not is_day(row.known_at):
            row.end("refused", _("The day it was known must be written such as 2026-09-30."))
        if not row.prediction_id and not subject:
            row.end("unmatched", _("The row names neither a prediction nor a pupil."))

    def _places(self, header: Sequence[str]) -> dict[str, int]:
        keys = [match_key(name) for name in header]

        def place(*names: str) -> int | None:
            wanted = [match_key(name) for name in names if name]
            return next((keys.index(name) for name in wanted if name in keys), None)

        target = self.schema.target
        places = {
            "value": place(target.name, target.label, *VALUE_NAMES),
            "prediction_id": place("prediction_id"),
            "subject": place(self.subject_column, "subject"),
            **{name: place(name) for name in DAY_NAMES},
        }
        problems = []
        if places["value"] is None:
            problems.append(
                Problem(
                    _("The file needs the column %(column)s: what came true.", column=target.name)
                )
            )
        if places["prediction_id"] is None and places["subject"] is None:
            who = self.subject_column or "subject"
            problems.append(
                Problem(_("The file needs the column prediction_id or %(column)s.", column=who))
            )
        if problems:
            raise DataValidationError(problems=problems)
        return {name: at for name, at in places.items() if at is not None}

    def _match(self, connection: Connection, rows: Sequence[_Row]) -> None:
        open_rows = [row for row in rows if not row.fate]
        by_id = self._predictions(
            connection, prediction.c.id, {row.prediction_id for row in open_rows}
        )
        known = {one.id: one for one in by_id}
        pupils = {row.subject for row in open_rows}
        pupils |= {one.subject for one in by_id if one.subject}
        of_pupil: dict[str, list[_Known]] = defaultdict(list)
        for one in self._predictions(connection, prediction.c.subject, pupils):
            of_pupil[one.subject or ""].append(one)
        for row in open_rows:
            self._find(row, known, of_pupil)
        self._doubt_those_that_differ(open_rows)

    def _predictions(
        self, connection: Connection, column: Any, values: Iterable[str]
    ) -> list[_Known]:
        columns = (prediction.c.id, prediction.c.subject, prediction.c.as_of)
        found: list[_Known] = []
        for some in _pieces(values):
            asked = select(*columns).where(
                column.in_(some), prediction.c.target == self.schema.target.name
            )
            found += [_Known(*row) for row in connection.execute(asked)]
        return found

    def _find(self, row: _Row, known: dict[str, _Known], of_pupil: dict[str, list[_Known]]) -> None:
        one = known.get(row.prediction_id)
        if row.prediction_id and one is None and not row.subject:
            row.end("unmatched", _("No prediction has this id."))
        elif one is not None and row.subject and one.subject != row.subject:
            row.end("doubtful", _("The prediction with this id is of another pupil."))
        elif one is not None and not one.subject:
            row.predictions = (one.id,)
        else:
            day = one.as_of if one else row.day
            self._find_in_term(row, of_pupil.get((one and one.subject) or row.subject, []), day)

    def _find_in_term(self, row: _Row, predictions: Sequence[_Known], day: str) -> None:
        terms = {self.terms.of(one.as_of) for one in predictions}
        if not terms:
            row.end("unmatched", _("No prediction was made of this pupil."))
        elif not day and len(terms) > 1:
            row.end("doubtful", _("Predictions were made in several terms: add a column as_of."))
        else:
            term = self.terms.of(day) if day else terms.pop()
            row.predictions = tuple(p.id for p in predictions if self.terms.of(p.as_of) == term)
            if not row.predictions:
                row.end("unmatched", _("No prediction was made of this pupil in that term."))

    @staticmethod
    def _doubt_those_that_differ(rows: Sequence[_Row]) -> None:
        said: dict[tuple[str, ...], set[str]] = defaultdict(set)
        for row in rows:
            if row.predictions:
                said[row.predictions].add(row.value)
        for row in rows:
            if row.predictions and len(said[row.predictions]) > 1:
                row.end("doubtful", _("The file says something else of this pupil in another row."))

    def _keep(
        self, connection: Connection, rows: Sequence[_Row], source: str, found: Imported
    ) -> None:
        taken = [row for row in rows if not row.fate]
        before = _latest(connection, {name for row in taken for name in row.predictions})
        written: dict[str, dict[str, Any]] = {}
        for row in taken:
            old = {before[name] for name in row.predictions if name in before}
            row.fate = "matched" if not old else "unchanged" if old == {row.value} else "corrected"
            for name in row.predictions:
                if before.get(name) != row.value:
                    written[name] = {
                        "prediction": name, "value": row.value, "source": source,
                        "known_at": row.known_at, "imported_at_ms": now_ms(),
                    }  # fmt: skip
        found.n_predictions = len({name for row in taken for name in row.predictions})
        if written:
            connection.execute(insert(outcome), [*written.values()])

    @staticmethod
    def _count(rows: Sequence[_Row], found: Imported) -> None:
        found.n_rows = len(rows)
        for fate, n in Counter(row.fate for row in rows).items():
            setattr(found, fate, n)
        found.examples = [
            row.why if row.says_line else of_line(row.line, row.why) for row in rows if row.why
        ][:20]


def _latest(connection: Connection, predictions: set[str]) -> dict[str, str]:
    """Return the outcome that counts of some predictions: the one that came last."""
    found: dict[str, str] = {}
    for some in _pieces(predictions):
        last = (
            select(func.max(outcome.c.id))
            .where(outcome.c.prediction.in_(some))
            .group_by(outcome.c.prediction)
        )
        asked = select(outcome.c.prediction, outcome.c.value).where(outcome.c.id.in_(last))
        found |= dict(map(tuple, connection.execute(asked)))
    return found


def _pieces(values: Iterable[str]) -> Iterator[list[str]]:
    """Yield values in pieces that one query takes."""
    rest = sorted(filter(None, values))
    return (rest[start : start + PIECE] for start in range(0, len(rest), PIECE))
