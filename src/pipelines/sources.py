"""The tables that training learns from: one, further ones below it, or what records hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from src.components.data_ingestion import DataIngestion, DataIngestionConfig
from src.config import load_settings
from src.exception import ConfigurationError, DataValidationError
from src.logger import get_logger
from src.pipelines.training import TrainConfig
from src.schema.record import Schema
from src.tables.cells import match_key
from src.tables.joining import columns_left_out, join_tables
from src.tables.layout import Table
from src.tables.many_files import (
    file_system,
    folder_and_pattern,
    found_files,
    is_many_files,
)
from src.tables.reader import read_table, table_from_records

logger = get_logger(__name__)

CLASS, SUBJECT = "class", "subject"  # columns of records, unless options call them otherwise
RECORDS = "records"  # the source that is no file: pupils whose outcome is known by now


def read_all(config: TrainConfig, target: str, ingestion: DataIngestion) -> Table:
    """Return the table, with further ones below it.

    Raises
    ------
    StuPredictionError
        If one cannot be read.
    """
    many = is_many_files(config.data)
    tables = read_files(config.data) if many else [ingestion.run()]
    for source in config.more:
        tables += [read_records(target, config)[1]] if source == RECORDS else [read_file(source)]
    return joined(tables)[0]


def read_files(source: str) -> list[Table]:
    """Return the tables of a folder's or a pattern's files.

    Raises
    ------
    StuPredictionError
        If one cannot be read.
    """
    files = file_system(folder_and_pattern(source)[0])
    found = [one for one in found_files(source) if one.size]
    return [read_table(files.open_input_file(one.path), one.base_name) for one in found]


def joined(tables: Sequence[Table]) -> tuple[Table, list[int]]:
    """Join tables as :func:`join_tables` does, and say which columns that leaves out."""
    if left_out := columns_left_out(tables):
        logger.warning("Not every table has %s: left out.", ", ".join(map(repr, left_out)))
    return join_tables(tables)


def read_file(source: str) -> Table:
    """Return a table that stands below another one.

    Raises
    ------
    StuPredictionError
        If it cannot be read.
    """
    return DataIngestion(DataIngestionConfig(source)).run()


def read_records(target: str, config: TrainConfig, since_ms: int = -1) -> tuple[Table, Table]:
    """Return the pupils whose outcome came up to a moment, and those whose outcome came later.

    Raises
    ------
    StuPredictionError
        If there are no records, or they hold no answers.
    """
    settings = load_settings()
    if not settings.records_url:
        raise ConfigurationError("There are no records to learn from: RECORDS_URL is not set.")
    try:
        from src.records.database import opened
        from src.records.learning import Named, learnable_rows
        from src.records.terms import Terms
    except ImportError as error:
        raise ConfigurationError("Records need packages: pip install '.[records]'") from error
    pupil = SUBJECT if config.pupil in (None, "none") else config.pupil
    named = Named(target, config.group or CLASS, pupil, config.time)
    with opened(settings.records_url) as engine, engine.connect() as connection:
        header, rows = learnable_rows(connection, named, Terms(settings.record_terms))
    before, after = (
        table_from_records(header, [row.cells for row in rows if (row.known_ms > since_ms) is late])
        for late in (False, True)
    )
    return replace(before, typed=False), replace(after, typed=False)


def require(table: Table, schema: Schema, source: str) -> None:
    """Refuse new terms that lack what the champion needs.

    Raises
    ------
    DataValidationError
        With the columns that are missing.
    """
    known = {match_key(name) for name in table.header}
    needed = [*schema.names, schema.target.name]
    if missing := [name for name in needed if match_key(name) not in known]:
        raise DataValidationError(
            f"{source} lacks {', '.join(missing)}: it needs the columns that the champion learnt "
            "from, and the outcome, called as in the first table."
        )
