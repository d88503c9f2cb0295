"""After an erasure nothing of the pupil is left: by SQL, in the files, in the spool."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, insert, make_url, select, text

from src.records.erasure import erase, export, prune
from src.records.identity import now_ms, subject_hash
from src.records.spool import Spool
from src.records.tables import event, outcome, prediction, report, review
from tests.records.conftest import KEY
from tests.records.worlds import DAY_MS, a_prediction, come_true, put

logger = logging.getLogger(__name__)

MARK = "RARE-GROUP-NAME"  # a value of the pupil that is found in bytes
VALUE = "61.123456789"
REASON = "a reason that names the pupil"
N_OLD = 100_000  # rows that are pruned


def files_of(engine: Engine, request) -> dict[str, bytes]:
    """Return what the database's files hold; of PostgreSQL all but its log."""
    if engine.dialect.name == "sqlite":
        path = Path(str(make_url(str(engine.url)).database))
        return {one.name: one.read_bytes() for one in path.parent.glob("records.db*")}
    server = request.getfixturevalue("postgresql")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("CHECKPOINT"))
    return {
        str(one): one.read_bytes() for one in (server.folder / "base").rglob("*") if one.is_file()
    }


def a_pupil(engine: Engine) -> None:
    """Keep predictions of a pupil among those of others, all with outcomes and a review."""
    rows = [a_prediction(f"other {i}") for i in range(300)]
    rows[100:100] = [a_prediction("4711", group_name=MARK, number=61.123456789) for _ in range(3)]
    names = put(engine, rows)
    come_true(engine, dict.fromkeys(names, "60"))
    come_true(engine, dict.fromkeys(names[100:103], VALUE))
    with engine.begin() as connection:
        row = {"prediction": names[100], "made_at_ms": now_ms(), "reviewer": "operator",
               "decision": "help", "reason": REASON}  # fmt: skip
        connection.execute(insert(review).values(row))
        connection.execute(insert(report).values(made_at_ms=now_ms(), content="{}"))


def count(engine: Engine, table) -> int:
    with engine.connect() as connection:
        return connection.execute(select(func.count()).select_from(table)).scalar()


def test_an_erased_pupil_is_in_no_row_and_no_file(engine, tmp_path, request):
    a_pupil(engine)
    spool = Spool(tmp_path / "spool")
    kept = a_prediction("other", group_name="STAYS") | {"table": "prediction"}
    spool.append([a_prediction("4711", group_name=MARK) | {"table": "prediction"}, kept])
    name = subject_hash("4711", KEY)
    traces = [text.encode() for text in (name, MARK, VALUE, REASON)]
    before = files_of(engine, request)
    assert all(any(trace in content for content in before.values()) for trace in traces)

    assert erase(engine, "4711", KEY, tmp_path / "spool", "a test") == 4

    engine.dispose()
    after = files_of(engine, request)
    (spooled,) = [path.read_bytes() for path in (tmp_path / "spool").glob("*.jsonl")]
    for trace in traces:
        assert [file for file, content in after.items() if trace in content] == []
        assert trace not in spooled
    assert b"STAYS" in spooled
    spool.ship(lambda rows: None)
    spool.close()
    assert (count(engine, prediction), count(engine, outcome)) == (300, 300)
    assert (count(engine, review), count(engine, report)) == (0, 0)
    found = export(engine, "4711", KEY, "a test")
    assert found == {"predictions": [], "outcomes": [], "reviews": []}
    with engine.connect() as connection:
        events = [*connection.execute(select(event.c.kind, event.c.details))]
    assert events[0] == ("erasure", '{"predictions": 4}')


def test_an_export_holds_all_that_is_kept_of_a_pupil_and_of_nobody_else(engine):
    a_pupil(engine)
    found = export(engine, "4711", KEY, "a test")
    assert [row["group_name"] for row in found["predictions"]] == [MARK] * 3
    assert [row["value"] for row in found["outcomes"]].count(VALUE) == 3
    assert len(found["outcomes"]) == 6
    assert [row["reason"] for row in found["reviews"]] == [REASON]


def test_what_is_too_old_is_removed_and_the_rest_stays(engine):
    day = now_ms() - 400 * DAY_MS
    old = [a_prediction("1", made_at_ms=day - 1_000), a_prediction("2", made_at_ms=day - DAY_MS)]
    put(engine, [*old, a_prediction("3", made_at_ms=day + 60_000), a_prediction("4")])
    assert prune(engine, 400, "a test") == 2
    assert count(engine, prediction) == 2


@pytest.mark.slow
@pytest.mark.parametrize("n_rows", [10**7])
def test_one_pupil_of_ten_million_rows_is_found_and_deleted_within_a_second(
    url, n_rows, engine, tmp_path
):
    """Prints what else takes its time at that size: the files, and pruning."""
    fill(engine, n_rows)
    took_s = {}
    started = time.monotonic()
    with engine.begin() as connection:
        found = connection.execute(
            prediction.delete().where(prediction.c.subject == subject_hash("4711", KEY))
        )
    took_s["one pupil by SQL"] = time.monotonic() - started
    assert found.rowcount == 3
    for name, work in (
        ("erase, with the files", lambda: erase(engine, "4712", KEY, tmp_path / "spool", "a test")),
        ("prune 100,000 rows", lambda: prune(engine, 400, "a test")),
    ):
        started = time.monotonic()
        work()
        took_s[name] = time.monotonic() - started
    logger.info("%s: %s", engine.dialect.name, {n: round(s, 3) for n, s in took_s.items()})
    assert count(engine, prediction) == n_rows - N_OLD
    assert took_s["one pupil by SQL"] < 1


def fill(engine: Engine, n_rows: int) -> None:
    """Fill the table by SQL alone, with three predictions of a pupil somewhere in it."""
    (index,) = prediction.indexes
    row = a_prediction(None)
    columns = [name for name in row if name not in ("id", "subject")]
    of_each = ", ".join(f":{name}" for name in columns)
    age = f"CASE WHEN i <= {N_OLD} THEN '0' ELSE 'f' END"  # an id begins with its time
    if engine.dialect.name == "sqlite":
        numbers = (
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :n_rows) "
        )
        values, source = f"{age} || printf('%035d', i), hex(randomblob(32))", "FROM n"
    else:
        numbers, source = "", "FROM generate_series(1, :n_rows) AS i"
        values = f"{age} || lpad(i::text, 35, '0'), md5(i::text) || md5((i * 7)::text)"
        kinds = {name: prediction.c[name].type.compile(engine.dialect) for name in columns}
        of_each = ", ".join(f"CAST(:{name} AS {kinds[name]})" for name in columns)
    with engine.begin() as connection:
        index.drop(connection)  # it is made faster afterwards
        connection.execute(
            text(
                f"INSERT INTO prediction (id, subject, {', '.join(columns)}) "
                f"{numbers}SELECT {values}, {of_each} {source}"
            ),
            {name: row[name] for name in columns} | {"n_rows": n_rows},
        )
        connection.execute(insert(prediction), [a_prediction("4711") for _ in range(3)])
        index.create(connection)


def test_the_pupil_is_found_by_the_index(engine):
    fill(engine, 20_000)
    asked = "DELETE FROM prediction WHERE subject = 'x'"
    how = "EXPLAIN QUERY PLAN " if engine.dialect.name == "sqlite" else "EXPLAIN "
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("ANALYZE prediction"))
        plan = " ".join(str(row) for row in connection.execute(text(how + asked)))
    assert "ix_prediction_subject_as_of" in plan
