"""Real files, a real HTTP server on loopback, a real SQLite database."""

from __future__ import annotations

import functools
import http.server
import io
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openpyxl
import pytest
from sklearn.model_selection import train_test_split

from src.components.data_ingestion import MINIMUM_ROWS, DataIngestion, DataIngestionConfig
from src.exception import ConfigurationError, DataValidationError
from src.tables.layout import Table

CSV = b"sex,score\nf,72\nm,60.5\n"
HEADER, ROWS = ["sex", "score"], [["f", "72"], ["m", "60.5"]]


def ingest(source: object, query: str | None = None) -> Table:
    return DataIngestion(DataIngestionConfig(str(source), query)).run()


def excel() -> bytes:
    book = openpyxl.Workbook()
    for row in [HEADER, ["f", 72], ["m", 60.5]]:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def parquet() -> bytes:
    pa = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    pq = pytest.importorskip("pyarrow.parquet")
    content = io.BytesIO()
    pq.write_table(pa.table({"sex": ["f", "m"], "score": [72.0, 60.5]}), content)
    return content.getvalue()


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("class.csv", lambda: CSV),
        ("class.txt", lambda: CSV.replace(b",", b"\t")),
        ("class.xlsx", excel),
        ("class.parquet", parquet),
    ],
)
def test_a_file_is_read_by_its_ending_and_left_as_it_is(tmp_path: Path, name: str, content) -> None:
    path = tmp_path / name
    path.write_bytes(content())
    before = path.read_bytes()
    table = ingest(path)
    assert (table.header, table.rows) == (HEADER, ROWS)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [name]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.csv cannot be read: No such file"):
        ingest(tmp_path / "nowhere.csv")


@pytest.mark.parametrize("path", [r"C:\school\marks.csv", "C:/school/marks.csv", "c:marks.csv"])
def test_a_windows_path_is_no_url(path: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        ingest(path)


def test_a_query_goes_with_a_database_only(tmp_path: Path) -> None:
    (tmp_path / "class.csv").write_bytes(CSV)
    for source in (tmp_path / "class.csv", "https://example.org/class.csv"):
        with pytest.raises(ConfigurationError, match="A query goes with a database URL"):
            ingest(source, "SELECT 1")


# --- URLs ---------------------------------------------------------------------------------------


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        if self.path == "/export?sheet=1":
            self.send_response(200)
            kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
            self.send_header("Content-Type", kind)
            self.end_headers()
            self.wfile.write(excel())
        elif self.path == "/short.csv":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(CSV)
        elif self.path == "/garbage.csv":
            self.wfile.write(b"this is not HTTP\r\n\r\n")
        else:
            super().do_GET()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "class.csv").write_bytes(CSV)
    (tmp_path / "my class.xlsx").write_bytes(excel())
    (tmp_path / "login").write_bytes(b"<!doctype html><title>Sign in</title>")
    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.mark.parametrize(
    "path", ["/class.csv", "/class.csv?token=secret#x", "/my%20class.xlsx", "/export?sheet=1"]
)
def test_a_table_is_downloaded(server: str, path: str) -> None:
    table = ingest(server + path)
    assert (table.header, table.rows) == (HEADER, ROWS)


def test_a_scheme_may_be_in_capitals(server: str) -> None:
    assert ingest(server.replace("http", "HTTP") + "/class.csv").rows == ROWS


def test_a_file_url_is_read(tmp_path: Path) -> None:
    path = tmp_path / "my class.csv"
    path.write_bytes(CSV)
    assert ingest(path.as_uri()).rows == ROWS
    with pytest.raises(ConfigurationError, match=r"cannot be downloaded: .*No such file"):
        ingest((tmp_path / "nowhere.csv").as_uri())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/nowhere.csv", "the server answers 404 File not found"),
        ("/short.csv", "the connection ended after 22 of 1000 bytes"),
        ("/garbage.csv", "this is not HTTP"),
    ],
)
def test_a_download_that_fails_says_why(server: str, path: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=f"cannot be downloaded: .*{message}"):
        ingest(server + path)


def test_a_server_that_is_not_there_is_an_error_without_password_and_token() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ConfigurationError) as raised:
        ingest(f"http://ann:secret@127.0.0.1:{port}/class.csv?token=secret")
    assert str(raised.value).startswith("http://127.0.0.1/class.csv cannot be downloaded: ")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://[::1",
        "http://127.0.0.1:9/class 7b.csv?sig=secret",
        "http://127.0.0.1:9/class.csv?sig=secret\u200b",
        "http://me:sec/ret@127.0.0.1/class.csv",
    ],
)
def test_an_address_that_is_none_is_one_line_without_a_secret(url: str) -> None:
    """T5."""
    with pytest.raises(ConfigurationError, match="is not a valid URL") as raised:
        DataIngestion(DataIngestionConfig(url)).run()
    assert "sec" not in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_page_where_a_table_was_meant_is_refused(server: str) -> None:
    with pytest.raises(DataValidationError, match="login is not a text table but a web page"):
        ingest(server + "/login")


def test_a_download_beyond_the_limit_is_refused(server: str, monkeypatch) -> None:
    monkeypatch.setattr("src.components.data_ingestion.DOWNLOAD_LIMIT", 10)
    with pytest.raises(DataValidationError, match=r"class\.csv is larger than"):
        ingest(server + "/class.csv")


# --- databases ----------------------------------------------------------------------------------


@pytest.fixture
def database(tmp_path: Path) -> Path:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    path = tmp_path / "school.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE marks (sex TEXT, score REAL, note TEXT, n INTEGER)")
    connection.executemany(
        "INSERT INTO marks VALUES (?, ?, ?, ?)",
        [("f", 72, "at 12:30", 1), ("m", 60.5, None, None), (None, None, "a, \"b\"\n", 3)],
    )  # fmt: skip
    connection.commit()
    connection.close()
    return path


def test_a_query_is_a_table(database: Path) -> None:
    table = ingest(f"sqlite:///{database}", "SELECT * FROM marks")
    assert table.header == ["sex", "score", "note", "n"]
    assert table.rows == [
        ["f", "72", "at 12:30", "1"], ["m", "60.5", "", ""], ["", "", 'a, "b"\n', "3"],
    ]  # fmt: skip
    assert table.lines == [2, 3, 4]


@pytest.mark.parametrize(
    ("query", "n_rows"),
    [
        ("SELECT sex FROM marks WHERE note = 'at 12:30'", 1),
        ("SELECT sex FROM marks WHERE note != ':x'", 2),  # a colon, not a parameter
        ("SELECT sex FROM marks WHERE note LIKE 'a%'", 2),
        ("SELECT sex FROM marks WHERE n > 99", 0),
        ("-- all of them\nSELECT sex FROM marks;", 3),
    ],
)
def test_a_query_is_run_as_it_is_written(database: Path, query: str, n_rows: int) -> None:
    assert len(ingest(f"sqlite:///{database}", query).rows) == n_rows


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELEC * FROM marks", 'did not answer the query: near "SELEC": syntax error'),
        ("SELECT * FROM grades", "did not answer the query: no such table: grades"),
        ("SELECT * FROM marks; SELECT 1", "one statement at a time"),
        ("DELETE FROM marks", "attempt to write a readonly database"),
        ("DROP TABLE marks", "attempt to write a readonly database"),
        ("CREATE TABLE more (x)", "attempt to write a readonly database"),
    ],
)
def test_a_query_that_cannot_be_answered_changes_nothing(
    database: Path, query: str, message: str
) -> None:
    before = database.read_bytes()
    with pytest.raises(ConfigurationError, match=message) as raised:
        ingest(f"sqlite:///{database}", query)
    assert "\n" not in str(raised.value)
    assert database.read_bytes() == before


def test_a_database_needs_a_query(database: Path) -> None:
    with pytest.raises(ConfigurationError, match='A database needs a query, such as "SEL'):
        ingest(f"sqlite:///{database}")


def test_a_database_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    with pytest.raises(ConfigurationError, match=r"There is no database .*nowhere\.db"):
        ingest(f"sqlite:///{tmp_path / 'nowhere.db'}", "SELECT 1")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("oddbase://ann:secret@host/x", "The database cannot be opened: Can't load plugin"),
        ("s3://bucket/class.csv", "The database cannot be opened: Can't load plugin"),
        ("postgresql://ann:secret@host:port/x", "The database cannot be opened"),
        ("sqlite:///class.csv", "There is no database class.csv"),
    ],
)
def test_a_database_that_cannot_be_opened_is_an_error_without_its_password(
    source: str, message: str
) -> None:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    with pytest.raises(ConfigurationError, match=message) as raised:
        ingest(source, "SELECT 1")
    assert "secret" not in str(raised.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    pytest.importorskip("sqlalchemy", reason="sqlalchemy is not installed")
    (tmp_path / "class.csv").write_bytes(CSV * 100)
    with pytest.raises(ConfigurationError, match="file is not a database"):
        ingest(f"sqlite:///{tmp_path / 'class.csv'}", "SELECT 1 FROM marks")


def test_without_sqlalchemy_a_database_is_refused_with_what_to_install(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "sqlalchemy", None)
    with pytest.raises(ConfigurationError, match="pip install sqlalchemy"):
        ingest("sqlite:///school.db", "SELECT 1")


# --- the split ------------------------------------------------------------------------------------


def split(n_rows: int, **config: object):
    return DataIngestion(DataIngestionConfig("x.csv", **config)).split(n_rows)


def test_each_outcome_is_on_both_sides_in_its_share() -> None:
    outcomes = np.repeat([0, 1, 2], [10, 30, 60])
    train, test = DataIngestion(DataIngestionConfig("x.csv")).split(100, outcomes=outcomes)
    assert np.bincount(outcomes[test]).tolist() == [2, 6, 12]
    assert np.bincount(outcomes[train]).tolist() == [8, 24, 48]


def test_more_outcomes_than_test_rows_are_split_by_chance() -> None:
    ingestion = DataIngestion(DataIngestionConfig("x.csv"))
    assert len(ingestion.split(20, outcomes=np.arange(20) % 6)[1]) == 4


@pytest.mark.parametrize("n_rows", [20, 21, 1000])
@pytest.mark.parametrize("test_size", [0.2, 0.25, 0.5])
def test_the_split_is_scikit_learns_own(n_rows: int, test_size: float) -> None:
    train, test = split(n_rows, test_size=test_size, random_state=7)
    expected = train_test_split(range(n_rows), test_size=test_size, random_state=7)
    assert [train.tolist(), test.tolist()] == expected


def test_every_row_stands_in_one_part_and_only_one() -> None:
    train, test = split(101)
    assert sorted([*train, *test]) == list(range(101))


def test_the_same_seed_splits_alike_and_another_does_not() -> None:
    assert split(50)[1].tolist() == split(50)[1].tolist()
    assert split(50)[1].tolist() != split(50, random_state=1)[1].tolist()


@pytest.mark.parametrize("n_rows", [0, 5, MINIMUM_ROWS - 1])
def test_too_few_rows_are_refused(n_rows: int) -> None:
    """R2."""
    with pytest.raises(DataValidationError, match=f"{n_rows} rows are too few .* at least 20 are"):
        split(n_rows)


@pytest.mark.parametrize("test_size", [0.001, 0.03, 0.97, 0, 1, 1.5, -0.2])
def test_a_share_that_leaves_a_part_empty_is_refused(test_size: float) -> None:
    with pytest.raises(
        ConfigurationError, match=f"A test share of {test_size} leaves .* of 30 rows"
    ):
        split(30, test_size=test_size)
