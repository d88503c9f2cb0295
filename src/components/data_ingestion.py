"""Fetch a training table from wherever it lies, and split its rows. The source is only read."""

from __future__ import annotations

import io
import re
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from src.exception import ConfigurationError, DataValidationError
from src.logger import get_logger
from src.tables import Table, read_table, table_from_records

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = get_logger(__name__)

MINIMUM_ROWS = 20
DOWNLOAD_LIMIT = 1 << 30
TIMEOUT_S = 30


@dataclass(frozen=True)
class DataIngestionConfig:
    """Where the table is and how its rows are split."""

    source: str  # a file, an http(s) URL, or a database URL
    query: str | None = None  # SQL, where the source is a database
    test_size: float = 0.2  # share of rows
    random_state: int = 42


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
        scheme = re.match(r"([a-z][a-z0-9+]+)://", source)
        is_database = scheme is not None and scheme[1] not in ("http", "https", "file")
        if self.config.query and not is_database:
            raise ConfigurationError(
                "--query goes with a database URL, such as sqlite:///school.db."
            )
        if is_database:
            table = self._from_database()
        elif scheme:
            table = self._from_url()
        else:
            table = read_table(Path(source))
        logger.info("Read %d rows and %d columns", len(table.rows), len(table.header))
        return table

    def split(self, n_rows: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the positions of the training and of the test rows.

        Raises
        ------
        DataValidationError
            If there are fewer than 20 rows.
        """
        from sklearn.model_selection import train_test_split

        if n_rows < MINIMUM_ROWS:
            raise DataValidationError(
                f"{n_rows} rows are too few to learn from and to test on: "
                f"at least {MINIMUM_ROWS} are needed."
            )
        train, test = train_test_split(
            range(n_rows), test_size=self.config.test_size, random_state=self.config.random_state
        )
        logger.info(
            "Split %d rows into %d train, %d test (random_state=%d)",
            n_rows, len(train), len(test), self.config.random_state)
        import numpy as np

        return np.asarray(train), np.asarray(test)

    def _from_url(self) -> Table:
        url = self.config.source
        name = Path(urllib.parse.unquote(urllib.parse.urlsplit(url).path)).name or "table.csv"
        logger.info("Downloading %s", name)
        try:
            with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:  # noqa: S310 - asked for
                content = answer.read(DOWNLOAD_LIMIT + 1)
                if not Path(name).suffix:
                    name += _ENDINGS.get(answer.headers.get_content_type(), "")
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise ConfigurationError(f"{url} cannot be downloaded: {reason}.") from error
        if len(content) > DOWNLOAD_LIMIT:
            raise DataValidationError(f"{name} is larger than {DOWNLOAD_LIMIT >> 30} GiB.")
        return read_table(io.BytesIO(content), name)

    def _from_database(self) -> Table:
        if not self.config.query:
            raise ConfigurationError(
                'A database needs --query, such as --query "SELECT * FROM students".'
            )
        try:
            import sqlalchemy
        except ImportError as error:
            raise ConfigurationError(
                "Reading a database needs SQLAlchemy, which is not installed: "
                "pip install sqlalchemy (and the driver of your database)."
            ) from error
        try:
            engine = sqlalchemy.create_engine(self.config.source)
            with engine.connect() as connection:
                answer = connection.execute(sqlalchemy.text(self.config.query))
                table = table_from_records(list(answer.keys()), answer)
        except (sqlalchemy.exc.SQLAlchemyError, ImportError) as error:
            reason = str(getattr(error, "orig", None) or error).splitlines()[0]
            raise ConfigurationError(f"The database did not answer the query: {reason}.") from error
        engine.dispose()
        return table


_ENDINGS = {
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.apache.parquet": ".parquet",
}
