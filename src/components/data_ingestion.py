"""Fetch a training table from wherever it lies, and split its rows. The source is only read."""

from __future__ import annotations

import http.client
import io
import itertools
import math
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.exception import ConfigurationError, DataValidationError
from src.logger import get_logger
from src.tables.cells import to_text
from src.tables.layout import Table
from src.tables.reader import read_table, table_from_records
from src.tables.spreadsheets import FIRST_TABLE, SheetChoice

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from sqlalchemy import Result

logger = get_logger(__name__)

MINIMUM_ROWS = 20
MINIMUM_TRAIN_ROWS = 10
MINIMUM_TEST_ROWS = 2
LEAST_GROUPS = 10  # to hold a share of them out
DOWNLOAD_LIMIT = 1 << 30
TIMEOUT_S = 30
ROWS_AT_ONCE = 20_000  # of a database's answer


@dataclass(frozen=True)
class DataIngestionConfig:
    """Where the table is and how its rows are split."""

    source: str  # a file, an http(s) URL, or a database URL
    query: str | None = None  # SQL, where the source is a database
    test_size: float = 0.2  # share of rows
    random_state: int = 42
    sheet: SheetChoice = FIRST_TABLE  # of a workbook


class DataIngestion:
    """Fetch a table."""

    def __init__(self, config: DataIngestionConfig) -> None:
        self.config = config

    def run(self) -> Table:
        """Return the table as text cells.

        Raises
        ------
        ConfigurationError
            If the source cannot be reached, or a query is missing or not wanted.
        DataValidationError
            If what it holds is no table.
        """
        source = self.config.source
        check_query(self.config.query, is_database=self.is_database)
        if self.is_database:
            table = self._from_database()
        elif scheme_of(source):
            table = self._from_url()
        else:
            table = read_table(Path(source), choice=self.config.sheet)
        logger.info("Read %d rows and %d columns", len(table.rows), len(table.header))
        return table

    @property
    def is_database(self) -> bool:
        """Whether the source is a database."""
        return scheme_of(self.config.source) not in ("", "http", "https", "file")

    def read_or_write(self, path: Path, fits: Callable[[int], bool]) -> Table | None:
        """Return what a database answers or, where it does not fit, write it to a Parquet file.

        It is fetched some rows at a time, by one query.

        Parameters
        ----------
        fits : callable
            Takes how many cells there are up to now.

        Raises
        ------
        ConfigurationError
            As :meth:`run` does, or if pyarrow is not installed.
        """
        with self._answer(in_parts=True) as answer:
            table = table_from_records(list(answer.keys()), ())
            parts = (
                [[to_text(value) for value in record] for record in part]
                for part in answer.partitions(ROWS_AT_ONCE)
            )
            while fits(len(table.rows) * len(table.header)):
                part = next(parts, None)
                if part is None:
                    return table
                for line, row in enumerate(part, start=len(table.rows) + 2):
                    table.add(line, row, len(table.header))
            starts = range(0, len(table.rows), ROWS_AT_ONCE)
            held = (table.rows[start : start + ROWS_AT_ONCE] for start in starts)
            _write_parquet(path, table.header, itertools.chain(held, parts))
        return None

    def split(
        self,
        n_rows: int,
        groups: Sequence[str] | None = None,
        outcomes: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of the training and of the test rows.

        Parameters
        ----------
        outcomes : ndarray of shape (n_rows,), optional
            Codes of a target's outcomes, of which both sides get the same share; not where there
            are groups, which are kept whole.
        groups : sequence of str of length n_rows, optional
            Rows of one group go to the same side; the share is then one of the groups.

        Raises
        ------
        DataValidationError
            If there are fewer than 20 rows.
        ConfigurationError
            If the share leaves too few rows, or groups, to learn from or to test on.
        """
        import numpy as np

        check_enough(n_rows)
        train, test = self._split(np.arange(n_rows), groups, outcomes)
        logger.info(
            "Split %d rows into %d train, %d test (random_state=%d)",
            *(n_rows, len(train), len(test), self.config.random_state),
        )
        return train, test

    def split_groups(
        self, groups: Sequence[str], people: Sequence[str] | None = None
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of training rows, and of two kinds that are held out.

        The first are groups as a whole, the second rows of the other groups.

        Parameters
        ----------
        groups : sequence of str of length n_rows
        people : sequence of str of length n_rows, optional
            Rows of one person go to the same side.

        Returns
        -------
        train, new, known : ndarray of int
            None are new where there are fewer than ten groups.

        Raises
        ------
        DataValidationError, ConfigurationError
            As :meth:`split` does.
        """
        import numpy as np

        check_enough(len(groups))
        rest, new = np.arange(len(groups)), np.empty(0, dtype=np.intp)
        if len(set(groups)) >= LEAST_GROUPS:
            rest, new = self._split(rest, groups)
        of_rest = None if people is None else [people[i] for i in rest.tolist()]
        at_train, at_known = self._split(np.arange(len(rest)), of_rest)
        train, known = rest[at_train], rest[at_known]
        logger.info(
            "Split %d rows into %d train, %d of groups held out, %d of the other groups",
            *(len(groups), len(train), len(new), len(known)),
        )
        return train, new, known

    def _split(
        self,
        rows: NDArray[np.intp],
        groups: Sequence[str] | None = None,
        outcomes: NDArray[np.int64] | None = None,
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        import numpy as np
        from sklearn.model_selection import GroupShuffleSplit, train_test_split

        n_rows, share, seed = len(rows), self.config.test_size, self.config.random_state
        if groups is None:
            n_test = math.ceil(n_rows * share)
            if n_test < MINIMUM_TEST_ROWS or n_rows - n_test < MINIMUM_TRAIN_ROWS:
                raise ConfigurationError(
                    f"A test share of {share} leaves {n_rows - n_test} of {n_rows} rows to learn "
                    f"from and {n_test} to test on: at least {MINIMUM_TRAIN_ROWS} and "
                    f"{MINIMUM_TEST_ROWS} are needed.",
                    setting="test_size",
                )
            if outcomes is not None and n_test < len(np.unique(outcomes)):
                outcomes = None
            train, test = train_test_split(
                range(n_rows), test_size=share, random_state=seed, stratify=outcomes
            )
        else:
            n_groups = len(set(groups))
            if not 1 <= math.ceil(n_groups * share) <= n_groups - 2:
                belong = "all belong to one group" if n_groups == 1 else f"are of {n_groups} groups"
                raise ConfigurationError(
                    f"The rows {belong}, too few to put a share of {share} of them aside for "
                    "testing and to learn from the rest.",
                    setting="groups",
                )
            splitter = GroupShuffleSplit(n_splits=1, test_size=share, random_state=seed)
            train, test = next(splitter.split(range(n_rows), groups=groups))
        return np.asarray(train), np.asarray(test)

    def _from_url(self) -> Table:
        url = self.config.source
        if not _is_url(url):  # what is wrong may be part of a password
            raise ConfigurationError(
                "The address of the table is not a valid URL. Write a blank as %20, a slash in a "
                "password as %2F, and close brackets."
            )
        shown = without_secrets(url)
        name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "table.csv"
        logger.info("Downloading %s", name)
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 # nosec B310
                content = answer.read(DOWNLOAD_LIMIT + 1)
                length = int(answer.headers["Content-Length"] or 0)
                if len(content) < min(length, DOWNLOAD_LIMIT):  # urllib does not mind
                    raise OSError(f"the connection ended after {len(content)} of {length} bytes")
                if Path(name).suffix.lower() not in _ENDINGS.values():
                    name += _ENDINGS.get(answer.headers.get_content_type(), "")
        except (OSError, ValueError, http.client.HTTPException) as error:
            reason = str(getattr(error, "reason", "") or error or type(error).__name__)
            if isinstance(error, urllib.error.HTTPError):
                error.close()
                reason = f"the server answers {error.code} {reason}"
            raise ConfigurationError(f"{shown} cannot be downloaded: {reason}.") from error
        if len(content) > DOWNLOAD_LIMIT:
            raise DataValidationError(f"{name} is larger than {DOWNLOAD_LIMIT >> 30} GiB.")
        return read_table(io.BytesIO(content), name, self.config.sheet)

    def _from_database(self) -> Table:
        with self._answer() as answer:
            return table_from_records(list(answer.keys()), answer)

    @contextmanager
    def _answer(self, *, in_parts: bool = False) -> Iterator[Result[Any]]:
        """Ask the database; in parts, the answer stays on its side, where it can."""
        if not self.config.query:
            raise ConfigurationError(
                'A database needs a query, such as "SELECT * FROM students".', setting="query"
            )
        try:
            import sqlalchemy
        except ImportError as error:
            raise ConfigurationError(
                "Reading a database needs SQLAlchemy, which is not installed: "
                "pip install sqlalchemy (and the driver of your database)"
            ) from error
        # A colon is a colon, as in '12:30', not the mark of a parameter.
        query = sqlalchemy.text(self.config.query.replace(":", "\\:"))
        try:
            engine = sqlalchemy.create_engine(self.config.source)
        except (sqlalchemy.exc.SQLAlchemyError, ImportError, ValueError) as error:
            raise ConfigurationError(f"The database cannot be opened: {_reason(error)}.") from error
        sqlite = engine.dialect.name == "sqlite"
        database = engine.url.database or ":memory:"
        if sqlite and not database.startswith((":", "file:")) and not Path(database).is_file():
            raise ConfigurationError(f"There is no database {database}.")  # SQLite would make it
        try:
            with engine.connect() as connection:
                if sqlite:  # others undo what was not committed
                    connection.exec_driver_sql("PRAGMA query_only = ON")
                streamed = {"stream_results": True, "max_row_buffer": ROWS_AT_ONCE}
                yield connection.execute(query, execution_options=streamed if in_parts else {})
        except sqlalchemy.exc.SQLAlchemyError as error:
            raise ConfigurationError(
                f"The database did not answer the query: {_reason(error)}."
            ) from error
        finally:
            engine.dispose()


def _write_parquet(
    path: Path, names: Sequence[str], parts: Iterable[Sequence[Sequence[str]]]
) -> None:
    """Write rows of text cells, some at a time."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError as error:
        raise ConfigurationError(
            "A database's answer is read in parts by pyarrow, which is not installed: "
            "pip install pyarrow"
        ) from error
    schema = pa.schema([(name, pa.string()) for name in names])
    with parquet.ParquetWriter(path, schema) as writer:
        for part in parts:
            arrays = [pa.array(column, pa.string()) for column in zip(*part, strict=True)]
            writer.write_batch(pa.record_batch(arrays, schema=schema))


def check_query(query: str | None, *, is_database: bool) -> None:
    """Refuse a query that nothing can answer.

    Raises
    ------
    ConfigurationError
    """
    if query and not is_database:
        raise ConfigurationError(
            "A query goes with a database URL, such as sqlite:///school.db.", setting="query"
        )


def scheme_of(source: str) -> str:
    """Return what stands before ``://``, in lower case; nothing for a file.

    Examples
    --------
    >>> scheme_of("sqlite:///school.db"), scheme_of("class.csv")
    ('sqlite', '')
    """
    # Two letters at least: C:\x\y.csv is a file.
    found = re.match(r"([a-z][a-z0-9+]+)://", source, re.IGNORECASE)
    return found[1].lower() if found else ""


def check_enough(n_rows: int) -> None:
    """Refuse a table, or what is left of one, of fewer than 20 rows.

    Raises
    ------
    DataValidationError
    """
    if n_rows < MINIMUM_ROWS:
        raise DataValidationError(
            f"{n_rows} rows are too few to learn from and to test on: "
            f"at least {MINIMUM_ROWS} are needed."
        )


def without_secrets(source: str) -> str:
    """Return where a table came from, without a password, a query or the folders above it."""
    scheme, separator, _ = source.partition("://")
    if not separator:
        return Path(source).name
    try:
        parts = urllib.parse.urlsplit(source)
    except ValueError:  # a database's password may hold a bracket
        return f"{scheme}://"
    return f"{parts.scheme}://{parts.hostname or ''}{parts.path}"


def _is_url(text: str) -> bool:
    try:
        _ = urllib.parse.urlsplit(text).port
    except ValueError:
        return False
    return text.isprintable() and " " not in text


def _reason(error: Exception) -> str:
    """Return the first line of what a driver says, without SQLAlchemy's wrapping."""
    text = str(getattr(error, "orig", None) or error) or type(error).__name__
    return text.splitlines()[0].rstrip(".")


_ENDINGS = {
    "text/csv": ".csv",
    "text/tab-separated-values": ".tsv",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.apache.parquet": ".parquet",
}
