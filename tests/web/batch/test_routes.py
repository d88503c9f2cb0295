"""Upload, results and downloads in the test client; IDs are rows of FAULTS.md."""

from __future__ import annotations

import csv
import errno
import io
import json
import logging
import os
import re
import shutil
import stat
import threading
import time
from pathlib import Path

import openpyxl
import pytest

from src.logger import ROOT as LOGGER
from src.schema.features import NumericFeature
from src.serving.summary import NumberSummary
from src.web.batch import workspace as batch_store
from src.web.batch.downloads import summary_header
from src.web.batch.service import BatchService
from src.web.batch.workspace import LARGE, LIFETIME_S, Job, Order, Workspace
from src.web.middleware import request_body
from tests.waiting import wait_until
from tests.web.conftest import workbook

NAMES = ("gender", "race_ethnicity", "parental_level_of_education", "lunch",
         "test_preparation_course", "reading_score", "writing_score")  # fmt: skip
STUDENT = ("female", "group C", "some college", "standard", "none", "70", "70")
OTHER = ("male", "group A", "high school", "free/reduced", "completed", "41", "43")
API = "/api/v1/predict/batch"
CROSS_SITE = {"Sec-Fetch-Site": "cross-site"}
PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(range(256))


def table(*rows, header=NAMES, delimiter=",") -> str:
    return "".join(delimiter.join(row) + "\n" for row in (header, *rows))


# What is tried here in the test client is tried in test_served_faults.py under gunicorn too.
SPELLINGS = [
    pytest.param(b"\xef\xbb\xbf" + table(STUDENT, OTHER).encode(), id="C1-mark"),
    pytest.param(b"\xef\xbb\xbf" * 2 + table(STUDENT, OTHER).encode(), id="C1-two-marks"),
    pytest.param(table(STUDENT, OTHER, delimiter=";").encode(), id="C2-semicolon"),
    pytest.param(table(STUDENT, OTHER, delimiter="\t").encode(), id="C2-tab"),
    pytest.param(table((*STUDENT[:5], "70,0", "70,0"), (*OTHER[:5], "41,0", "43"),
                       delimiter=";").encode(), id="C2-decimal-comma"),
    pytest.param(table(STUDENT, OTHER).encode("utf-16"), id="C3-utf-16"),
    pytest.param(table((*STUDENT, "Zoë"), (*OTHER, "Jürgen"),
                       header=(*NAMES, "Schüler")).encode("latin-1"), id="C3-latin-1"),
    pytest.param(table(STUDENT[::-1], OTHER[::-1], header=NAMES[::-1]).encode(), id="C8-order"),
    pytest.param(table(STUDENT, OTHER, header=tuple(n.upper() for n in NAMES)).encode(),
                 id="C8-case"),
    pytest.param(table(STUDENT, OTHER,
                       header=("Gender", "race/ethnicity", "parental level of education",
                               *NAMES[3:])).encode(), id="C8-spaces"),
]  # fmt: skip
BAD_ROWS = [
    pytest.param(",".join((*STUDENT, "1")), "has 8 cells, the header has 7", id="C4-cell-too-many"),
    pytest.param(",".join(STUDENT[:5]), "has 5 cells, the header has 7", id="C5-short"),
    pytest.param('"' + ",".join(STUDENT), "A quote in the line is not closed", id="C5-quote"),
    pytest.param(",".join((*STUDENT[:6], "7\0")), "holds a NUL character", id="C7-nul"),
    pytest.param(",".join((*STUDENT[:6], "inf")), "must be a number", id="C7-inf"),
    pytest.param(",".join((*STUDENT[:6], "1e309")), "must be a number", id="C7-too-large"),
    pytest.param(",".join((*STUDENT[:6], "")), "writing_score is missing", id="C15-missing"),
    pytest.param(",".join((*STUDENT[:6], "NA")), "writing_score is missing", id="C6b-mark"),
    pytest.param(",".join(("", *STUDENT[1:])), "gender is missing", id="C6b-empty-category"),
]  # fmt: skip
UNUSABLE = [
    pytest.param(table(STUDENT[:6], header=NAMES[:6]), "a.csv",
                 "Column writing_score is missing", id="C8-missing"),
    pytest.param(b"", "a.csv", "is empty", id="C9-empty"),
    pytest.param(table(), "a.csv", "holds a header and no row", id="C9-header-only"),
    pytest.param(workbook([NAMES, STUDENT]), "a.csv", "is not a text table", id="C9-renamed"),
    pytest.param(PICTURE, "a.csv", "a picture", id="C9-picture"),
    pytest.param(PICTURE, "a.xlsx", "is not an Excel workbook", id="C9-picture-as-excel"),
    pytest.param(workbook([NAMES]), "a.xlsx", "holds a header and no row", id="C9-empty-excel"),
    pytest.param(b"PK\x03\x04" + b"x" * 100, "a.xlsx", "not an Excel workbook that can be read",
                 id="C9-damaged-excel"),
]  # fmt: skip
FORMULAS = ["=1+1", "+cmd", "-cmd", "@sum", "\tx", "\rx", "＝1"]
FILE_NAMES = [
    "../../../etc/passwd.csv", "..\\x.csv", 'a"; filename="b.csv',
    "x" * 500 + ".csv", "<script>alert(1)</script>.csv", "..", "/",
]  # fmt: skip


@pytest.fixture
def upload(client):
    """Upload a file on the page."""

    def send(content: bytes | str, name="class.csv", pass_mark="", **options):
        content = content.encode() if isinstance(content, str) else content
        data = {"pass_mark": pass_mark, "file": (io.BytesIO(content), name)}
        return client.post("/batch", data=data, **options)

    return send


@pytest.fixture
def scored(client, upload):
    """Upload a file and return the rows of its results."""

    def send(content: bytes | str, name="class.csv", pass_mark=""):
        answer = upload(content, name, pass_mark)
        assert answer.status_code == 303, told(answer.text)
        return download(client, answer.headers["Location"])

    return send


def download(client, location: str, name="predictions.csv") -> list[dict[str, str]]:
    text = client.get(f"{location}/{name}").data.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def told(page: str) -> str:
    """Return what the summary of errors says."""
    return " ".join(re.findall(r'<li><a href="#file">(.*?)</a>', page)).replace("&#39;", "'")


@pytest.fixture
def expected(predictor) -> list[str]:
    return [repr(predictor.predict_record(dict(zip(NAMES, row, strict=True))).prediction)
            for row in (STUDENT, OTHER)]  # fmt: skip


@pytest.fixture
def workspace(app) -> Workspace:
    return app.extensions[BatchService.EXTENSION].workspace


# ---------------------------------------------------------------- the flow


@pytest.mark.parametrize("make", [
    lambda: (table(STUDENT, OTHER).encode(), "class.csv"),
    lambda: (workbook([NAMES, STUDENT, (*OTHER[:5], 41, 43.0)]), "class.xlsx"),
], ids=["csv", "excel"])  # fmt: skip
def test_a_row_has_the_same_value_as_form_and_json_to_the_last_bit(
    client, scored, send_form, make, expected
):
    content, name = make()
    rows = scored(content, name)
    assert [row["prediction"] for row in rows] == expected
    record = dict(zip(NAMES, STUDENT, strict=True))
    answer = client.post("/api/v1/predict", json=record).get_json()
    assert repr(answer["prediction"]) == rows[0]["prediction"]
    assert [repr(end) for end in answer["intervals"]["0.9"]] == [rows[0]["low_90"],
                                                                 rows[0]["high_90"]]  # fmt: skip
    assert f'<data value="{rows[0]["prediction"]}">' in send_form(record).text


def test_a_larger_file_is_scored_in_a_process_with_the_same_values(scored, expected):
    rows = scored(table(*[STUDENT, OTHER] * 300))
    assert [row["prediction"] for row in rows] == expected * 300


def test_the_page_shows_rows_problems_flags_and_a_histogram(client, upload):
    bad = ("female", "group Z", "some college", "standard", "none", "abc", "70")
    answer = upload(table(STUDENT, bad, OTHER), pass_mark="60")
    page = client.get(answer.headers["Location"]).text
    assert "Math score predicted for 2 of 3 students. 1 needs mending." in page
    assert "group Z, as it stands" in page
    assert page.count('<span class="tag risk">At risk</span>') == 1
    assert re.search(r"<dt>Predicted below 60</dt><dd>1</dd>", page)
    assert page.count("<rect") == 2
    assert "The same as a table" in page


def test_the_pass_mark_can_be_changed_on_the_results(client, upload):
    location = upload(table(STUDENT, OTHER)).headers["Location"]
    assert "below_pass_mark" not in download(client, location)[0]
    client.post(location, data={"pass_mark": "60,5"})
    assert [row["below_pass_mark"] for row in download(client, location)] == ["no", "yes"]
    assert "How good such a list is was counted at" in client.get(location).text
    answer = client.post(f"{API}?pass_mark=60", data=table(STUDENT), content_type="text/csv")
    assert "of those on it did score below" in json.loads(answer.headers["X-Summary"])["at_risk"]
    wrong = client.post(location, data={"pass_mark": "600"})
    assert wrong.status_code == 422
    assert "The pass mark must be a number from 0 to 100. Got &#39;600&#39;." in wrong.text
    assert 'value="600"' in wrong.text
    from_elsewhere = client.post(location, data={"pass_mark": "1"}, headers=CROSS_SITE)
    assert from_elsewhere.status_code == 403
    assert [row["below_pass_mark"] for row in download(client, location)] == ["no", "yes"]


def test_rows_to_fix_are_downloaded_mended_and_uploaded_again(client, upload, scored, expected):
    bad = (*STUDENT[:5], "seventy", "70")
    location = upload(table(OTHER, bad)).headers["Location"]
    (row,) = download(client, location, "to-fix.csv")
    assert row["problem"] == "Row 3: reading_score must be a number from 0 to 100. Got 'seventy'."
    row["reading_score"] = "70"
    again = scored(table(tuple(f'"{cell}"' for cell in row.values()), header=tuple(row)))
    assert [(r["prediction"], r["problem"]) for r in again] == [(expected[0], "")]


@pytest.mark.parametrize(("data", "status", "message"), [
    ({}, 422, "Choose a CSV or Excel file."),
    ({"file": (io.BytesIO(b""), "")}, 422, "Choose a CSV or Excel file."),
    ({"file": (io.BytesIO(b"x"), "x.csv"), "pass_mark": "-5"}, 422, "must be a number from 0 to"),
    ({"file": (io.BytesIO(b"PAR1"), "x.parquet")}, 422, "Parquet files are not taken here."),
])  # fmt: skip
def test_what_is_missing_or_wrong_is_told_beside_its_field(client, data, status, message):
    answer = client.post("/batch", data=data, content_type="multipart/form-data")
    assert answer.status_code == status
    assert answer.text.count(message) == 2
    assert "<title>Error: " in answer.text


@pytest.mark.parametrize("path", ["/batch", "/api/v1/predict/batch"])
def test_a_file_that_another_site_sends_is_not_taken(client, workspace, path):
    """F8."""
    data = {"pass_mark": "55", "file": (io.BytesIO(table(STUDENT).encode()), "class.csv")}
    answer = client.post(path, data=data, headers=CROSS_SITE)
    assert answer.status_code == 403
    assert "came from another website" in answer.text
    assert not workspace.folder.exists()


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("content", SPELLINGS)
def test_any_spelling_of_the_table_gets_the_same_predictions(scored, expected, content):
    """C1, C2, C3, C8."""
    assert [row["prediction"] for row in scored(content)] == expected


@pytest.mark.parametrize(("line", "problem"), BAD_ROWS)
def test_a_bad_row_is_refused_with_its_line_and_the_others_predicted(
    client, upload, expected, line, problem
):
    """C4, C5, C6, C7, C15."""
    location = upload(table(STUDENT) + line + "\n" + ",".join(OTHER) + "\n").headers["Location"]
    rows = download(client, location)
    assert [row["prediction"] for row in rows] == [expected[0], "", expected[1]]
    assert rows[1]["problem"].startswith("Row 3: ")
    assert problem in rows[1]["problem"]


def test_none_is_the_category_that_it_is(scored, expected):
    """C6."""
    assert "none" in STUDENT
    assert scored(table(STUDENT))[0]["prediction"] == expected[0]


@pytest.mark.parametrize(("content", "name", "message"), UNUSABLE)
def test_a_file_that_cannot_be_used_is_refused_and_not_kept(
    client, upload, workspace, content, name, message
):
    """C8, C9."""
    answer = upload(content, name)
    assert answer.status_code == 422
    assert message in told(answer.text)
    assert list(workspace.folder.glob("*")) == []
    content = content.encode() if isinstance(content, str) else content
    program = client.post(API, data={"file": (io.BytesIO(content), name)})
    assert program.status_code == 422
    assert message in program.text.replace("\\u0027", "'")


def test_one_bad_row_in_a_thousand(client, upload):
    """C12."""
    rows = [STUDENT] * 999
    rows.insert(500, (*STUDENT[:5], "abc", "70"))
    location = upload(table(*rows)).headers["Location"]
    assert "predicted for 999 of 1,000 students" in client.get(location).text
    (refused,) = download(client, location, "to-fix.csv")
    assert refused["problem"] == "Row 502: reading_score must be a number from 0 to 100. Got 'abc'."
    assert sum(bool(row["prediction"]) for row in download(client, location)) == 999


@pytest.mark.parametrize("start", FORMULAS)
def test_no_cell_that_comes_back_is_a_formula(client, upload, start):
    """C13."""
    header = ("name", "debt", *NAMES)
    good = (f'"{start}"', "-3.5", *STUDENT)
    bad = (f'"{start}"', "-3.5", *STUDENT[:6], "abc")
    location = upload(table(good, bad, header=header)).headers["Location"]
    for name in ("predictions.csv", "to-fix.csv"):
        for row in download(client, location, name):
            assert row["name"] == "'" + start
            assert row["debt"] == "-3.5"
    answer = client.post(API, data=table(good, header=header), content_type="text/csv")
    assert f"'{start}" in answer.data.decode()


@pytest.mark.parametrize("name", FILE_NAMES)
def test_a_file_s_name_reaches_no_path_and_no_header(client, upload, workspace, name):
    """C14."""
    answer = upload(table(STUDENT), name)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert "<script>alert" not in client.get(location).text
    (job,) = workspace.folder.iterdir()
    assert {path.name for path in job.iterdir()} == {
        "upload", "order.json", "worker", "progress", "predictions.csv", "to-fix.csv",
        "outcome.json",
    }  # fmt: skip
    headers = client.get(f"{location}/predictions.csv").headers
    assert headers["Content-Disposition"] == 'attachment; filename="predictions.csv"'


def test_a_line_break_in_a_name_breaks_no_line(client, predictor):
    """C14."""
    part = (
        b"--b\r\nContent-Disposition: form-data; name=file; "
        b"filename*=UTF-8''a%0D%0ASet-Cookie%3A%20x%3D1%0D%0A.csv\r\n\r\na,b\n1,2\r\n--b--\r\n"
    )
    answer = client.post(API, data=part, content_type="multipart/form-data; boundary=b")
    assert answer.status_code == 422
    assert "Set-Cookie" not in answer.headers
    empty = part.replace(b"a,b\n1,2", b"")
    answer = client.post(API, data=empty, content_type="multipart/form-data; boundary=b")
    assert answer.get_json()["error"] == "aSet-Cookie: x=1.csv is empty."


# ---------------------------------------------------------------- where files lie


def test_files_lie_in_a_private_folder_and_are_found_by_the_whole_address_only(
    client, upload, workspace
):
    location = upload(table(STUDENT)).headers["Location"]
    (job,) = workspace.folder.iterdir()
    assert location == f"/batch/{job.name}"
    assert len(job.name) == 32
    for folder in (workspace.folder, job):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    for wrong in (job.name[:-1], job.name[:-1] + "!", "..", "%2e%2e", "a" * 32):
        assert client.get(f"/batch/{wrong}").status_code in (404, 308)


def test_after_half_an_hour_a_file_is_gone(client, upload, workspace):
    location = upload(table(STUDENT)).headers["Location"]
    (job,) = workspace.folder.iterdir()
    old = time.time() - LIFETIME_S - 1
    os.utime(job / "upload", (old, old))
    for path in ("", "/predictions.csv", "/progress"):
        assert client.get(location + path).status_code == 404
    said = client.get(location).text
    assert "the server was restarted or updated since" in said  # D12: which may be the reason too
    workspace.sweep()
    assert list(workspace.folder.glob("*")) == []
    assert LIFETIME_S + batch_store.SWEEP_EVERY_S <= 30 * 60


def test_every_worker_sweeps_from_its_first_request_on_whoever_left_a_file(
    client, workspace, tmp_path, monkeypatch
):
    """U1: a server killed with -9 leaves a folder of its own behind."""
    monkeypatch.setattr(workspace, "_temporary", tmp_path)
    monkeypatch.setattr(batch_store, "SWEEP_EVERY_S", 0.01)
    left = tmp_path / f"{batch_store.PREFIX}abc" / ("j" * 32) / "upload"
    left.parent.mkdir(parents=True)
    left.write_text("a pupil")
    old = time.time() - LIFETIME_S - 1
    os.utime(left, (old, old))
    client.get("/health")
    wait_until(lambda: not left.parent.exists())


@pytest.mark.parametrize("jump_s", [-3600, 3600])
def test_a_clock_that_jumps_keeps_no_file_longer(client, upload, workspace, monkeypatch, jump_s):
    """U1."""
    location = upload(table(STUDENT)).headers["Location"]
    now = time.time()
    monkeypatch.setattr(batch_store.time, "time", lambda: now + jump_s)
    assert client.get(location).status_code == 404
    workspace.sweep()
    assert list(workspace.folder.glob("*")) == []


def test_a_file_is_deleted_when_its_owner_says_so(client, upload, workspace):
    location = upload(table(STUDENT)).headers["Location"]
    assert client.post(f"{location}/delete", headers=CROSS_SITE).status_code == 403
    assert client.get(location).status_code == 200
    answer = client.post(f"{location}/delete", follow_redirects=True)
    assert "are deleted" in answer.text
    assert list(workspace.folder.glob("*")) == []


def test_uploads_and_what_the_form_parser_keeps_lie_on_a_disk(app, client, monkeypatch):
    """D3: /tmp is memory on Amazon Linux 2023."""
    monkeypatch.delenv("TMPDIR", raising=False)
    on_disk = Path("/var/tmp")
    if not os.access(on_disk, os.W_OK):
        pytest.skip("there is no /var/tmp here")
    assert Workspace(None, 1 << 20).folder.parent == on_disk
    spooled = []

    def folder_of(*_, dir=None, **__):  # noqa: A002 - tempfile's name
        spooled.append(dir)
        return io.BytesIO()

    monkeypatch.setattr(request_body.tempfile, "SpooledTemporaryFile", folder_of)
    client.post("/batch", data={"file": (io.BytesIO(table(STUDENT).encode()), "class.csv")})
    assert spooled == [str(on_disk)]


def test_a_disk_that_is_nearly_full_takes_no_file(client, upload, workspace, monkeypatch):
    """D3: what is free counts, before a byte is written."""
    full = shutil.disk_usage(workspace.folder.parent)._replace(free=workspace.most_bytes)
    monkeypatch.setattr(batch_store.shutil, "disk_usage", lambda _: full)
    answer = upload(table(STUDENT))
    assert answer.status_code == 503
    assert "no room" in answer.text
    assert list(workspace.folder.glob("*")) == []


def test_files_of_a_server_that_was_killed_are_swept_by_the_next(tmp_path, monkeypatch):
    """U1."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    killed = Workspace(None, 1 << 20)
    (job, first), (young, second) = killed.create(b""), killed.create(b"")
    for each in (job, young):
        each.upload.write_bytes(b"x")
    old = time.time() - LIFETIME_S - 1
    os.utime(job.upload, (old, old))
    half_deleted = killed.folder / f"{batch_store.DELETED}x"
    half_deleted.mkdir()
    (half_deleted / "outcome.json").write_text("a pupil")
    Workspace(None, 1 << 20)
    assert not job.folder.exists()
    assert not half_deleted.exists()
    assert young.folder.exists()
    first.close()
    second.close()


@pytest.fixture
def working(workspace):
    """Return jobs of some kind that are being worked on for as long as the test runs."""
    claims = []

    def begin(kind: bytes):
        job, claim = workspace.create(kind)
        claims.append(claim)
        return job

    yield begin
    for claim in claims:
        claim.close()


def test_no_more_large_files_than_two_are_worked_on_at_once(
    client, upload, workspace, working, monkeypatch
):
    """U4."""
    monkeypatch.setattr(batch_store, "WAIT_S", 0.1)
    for _ in range(2):
        working(LARGE)
    large = table(*[STUDENT] * 6_000)
    for answer in (upload(large),
                   client.post(API, data=large, content_type="text/csv")):  # fmt: skip
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
    assert upload(table(STUDENT)).status_code == 303  # a class list waits for nobody
    small = upload(workbook([NAMES, STUDENT]), "class.xlsx")  # nor does one in a workbook
    assert small.status_code == 303


def test_class_lists_in_workbooks_wait_for_one_another(upload, workspace, monkeypatch):
    """U4: three at once, of which a server has the memory for one."""
    monkeypatch.setattr(batch_store, "MOST_RUNNING", 1)
    content, codes = workbook([NAMES, STUDENT]), []

    def send():
        codes.append(upload(content, "class.xlsx").status_code)

    threads = [threading.Thread(target=send) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert codes == [303] * 3


def test_a_job_whose_process_died_says_so(client, workspace):
    job, claim = workspace.create(LARGE)
    job.upload.write_bytes(table(STUDENT).encode())
    job.write_order(Order("class.csv"))
    page = client.get(f"/batch/{job.id}")
    assert page.status_code == 200
    assert "Working on class.csv" in page.text
    assert client.get(f"/batch/{job.id}/progress").get_json()["done"] is False
    assert client.get(f"/batch/{job.id}/predictions.csv").status_code == 404
    claim.close()  # as the end of its process does
    page = client.get(f"/batch/{job.id}")
    assert page.status_code == 422
    assert "was interrupted" in page.text


def test_a_class_list_on_a_second_sheet_is_found(scored, expected):
    book = openpyxl.Workbook()
    for row in (["Read me", "first"], ["of", "two sheets"]):
        book.active.append(row)
    sheet = book.create_sheet("Class")
    for row in (NAMES, STUDENT, OTHER):
        sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    rows = scored(content.getvalue(), "class.xlsx")
    assert [row["prediction"] for row in rows] == expected


@pytest.mark.parametrize("name", ["upload", "order.json", "outcome.json"])
def test_a_full_disk_is_said_and_nothing_is_left(client, upload, workspace, monkeypatch, name):
    """U2: it is full when this file is written."""
    opened = Path.open

    def full(path, *arguments, **options):
        if name in path.name and arguments and "w" in arguments[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        return opened(path, *arguments, **options)

    monkeypatch.setattr(Path, "open", full)
    answer = upload(table(STUDENT))
    assert answer.status_code == 503
    assert "disk is full" in answer.text
    assert int(answer.headers["Retry-After"]) > 0
    assert list(workspace.folder.glob("*")) == []


def test_a_full_disk_costs_no_earlier_result(client, upload, workspace, monkeypatch):
    """U2: a pass mark is changed then."""
    location = upload(table(STUDENT)).headers["Location"]
    before = client.get(f"{location}/predictions.csv").data

    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(batch_store, "write_bytes", full)
    assert client.post(location, data={"pass_mark": "80"}).status_code == 503
    assert client.get(f"{location}/predictions.csv").data == before


@pytest.mark.parametrize("moment", ["read_order", "outcome", "claim", "finish", "report"])
@pytest.mark.parametrize("again", [False, True], ids=["read", "re-score"])
def test_a_job_that_is_deleted_meanwhile_is_404_and_leaves_nothing(
    client, upload, workspace, monkeypatch, moment, again
):
    """U3: it is deleted just before this step of reading it, or of scoring it again."""
    location = upload(table(STUDENT)).headers["Location"]
    step = getattr(Job, moment)

    def deleted_before(job, *arguments):
        workspace.delete(job)
        return step(job, *arguments)

    monkeypatch.setattr(Job, moment, deleted_before)
    mark = {"data": {"pass_mark": "80"}} if again else {}
    answer = client.open(location, method="POST" if again else "GET", **mark)
    reached = again or moment in ("read_order", "outcome")
    assert answer.status_code == (404 if reached else 200)
    if reached:
        assert "It was deleted" in answer.text
        assert list(workspace.folder.glob("*")) == []


def test_a_run_that_a_process_cannot_load_is_our_fault_and_logged(make_app, own_artifacts, caplog):
    """U5."""
    app = make_app(artifacts_dir=own_artifacts)
    logging.getLogger(LOGGER).addHandler(caplog.handler)
    client = app.test_client()
    (run,) = (own_artifacts / "runs").iterdir()
    (run / "metrics.json").write_text("{}")
    data = {"file": (io.BytesIO(workbook([NAMES, STUDENT])), "class.xlsx")}
    answer = client.post("/batch", data=data)
    assert answer.status_code == 500
    assert "The mistake is here, not in your file" in answer.text
    assert "memory" not in answer.text
    assert "metrics.json" in caplog.text


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (table((*STUDENT, "Zoë"), header=(*NAMES, "Schüler")).encode("latin-1"), "zzannazz.csv"),
        (b"PK\x03\x04", "zzannazz.csv"),
        (workbook([NAMES, STUDENT]), "zzannazz.xlsx"),
    ],
)
def test_no_upload_s_name_is_logged(upload, log, content, name):
    """U6."""
    upload(content, name)
    assert log.text
    assert "zzannazz" not in log.text


def test_there_is_an_end_of_room(make_app, sample_artifacts, tmp_path):
    app = make_app(artifacts_dir=sample_artifacts, max_upload_bytes=1000, uploads_dir=tmp_path)
    client = app.test_client()
    workspace = app.extensions[BatchService.EXTENSION].workspace
    job, claim = workspace.create(b"")
    claim.close()
    job.upload.write_bytes(b"x" * 42_000)
    data = {"file": (io.BytesIO(table(STUDENT).encode()), "class.csv")}
    answer = client.post("/batch", data=data)
    assert answer.status_code == 503
    assert "no room" in answer.text


# ---------------------------------------------------------------- templates


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_a_template_holds_every_column_and_every_allowed_value(client, predictor, kind):
    answer = client.get(f"/batch/template.{kind}")
    assert answer.headers["Content-Disposition"] == f'attachment; filename="template.{kind}"'
    if kind == "csv":
        rows = list(csv.reader(io.StringIO(answer.data.decode("utf-8-sig"))))
    else:
        book = openpyxl.load_workbook(io.BytesIO(answer.data))
        rows = [[cell or "" for cell in row]
                for row in book["Allowed values"].iter_rows(values_only=True)]  # fmt: skip
        (header,) = book["Students"].iter_rows(values_only=True)
        assert header == ("Name", *predictor.schema.headings.values())
    if kind == "csv":
        assert rows[0].pop(0) == "Name"
        rows[1:] = [row[1:] for row in rows[1:]]
    assert rows[0] == [*predictor.schema.headings.values()]
    assert "Reading score" in rows[0]
    columns = zip(*rows[1:], strict=True)
    for feature, column in zip(predictor.schema.features, columns, strict=True):
        if feature.kind == "categorical":
            assert set(column) - {""} == set(feature.categories)


def test_the_csv_template_is_predicted_as_it_is(client, scored):
    rows = scored(client.get("/batch/template.csv").data)
    assert len(rows) == 6
    assert all(row["prediction"] and not row["problem"] for row in rows)


def test_the_excel_template_offers_and_checks_values(client):
    book = openpyxl.load_workbook(io.BytesIO(client.get("/batch/template.xlsx").data))
    checks = {str(v.sqref): v for v in book["Students"].data_validations.dataValidation}
    assert checks["B2:B1001"].type == "list"
    assert checks["B2:B1001"].formula1 == "'Allowed values'!$A$2:$A$3"
    score = checks["G2:G1001"]
    assert (score.type, score.operator, score.formula1, score.formula2) == (
        "decimal", "between", "0", "100",
    )  # fmt: skip


def test_a_filled_in_excel_template_is_predicted(client, scored, expected):
    book = openpyxl.load_workbook(io.BytesIO(client.get("/batch/template.xlsx").data))
    book["Students"].append(["Anna", *STUDENT[:5], 70, 70])
    content = io.BytesIO()
    book.save(content)
    (row,) = scored(content.getvalue(), "template.xlsx")
    assert row["prediction"] == expected[0]


# ---------------------------------------------------------------- how a file was read


def two_sheets() -> bytes:
    book = openpyxl.Workbook()
    book.active.title = "7a <b>"
    for sheet, rows in ((book.active, [STUDENT]), (book.create_sheet("7b"), [OTHER, STUDENT])):
        for row in (NAMES, *rows):
            sheet.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def test_what_is_mended_and_left_out_is_named(client, upload, expected):
    mended = (" Female", *STUDENT[1:5], "70 %", "70")
    content = table(mended, OTHER, [""] * 7, ("Average", *[""] * 4, "55.5", "56.5"))
    location = upload(content).headers["Location"]
    page = client.get(location).text
    assert "predicted for 2 of 2 students. 2 rows are no student and left out." in page
    assert "Reading score: &#39;70 %&#39; is read as 70." in page
    assert "Row 5: The row holds a total, an average or the like, no pupil" in page
    assert "to mend" not in page
    rows = download(client, location)
    assert [row["prediction"] for row in rows] == [*expected, "", ""]
    assert rows[0]["problem"] == (
        "Row 2: gender ' Female' is read as 'female'. reading_score '70 %' is read as 70."
    )
    assert [row["problem"].endswith("it is left out.") for row in rows] == [False] * 2 + [True] * 2
    answer = client.post(API, data=content, content_type="text/csv")
    assert list(csv.DictReader(io.StringIO(answer.text))) == rows
    assert json.loads(answer.headers["X-Summary"]) == {
        "n_rows": 4, "n_predicted": 2, "n_refused": 0, "n_skipped": 2, "n_mended": 2,
        "mended": {"gender": 1, "reading_score": 1},
    }  # fmt: skip


def test_the_sheets_are_named_and_another_one_can_be_read(client, upload, expected):
    location = upload(two_sheets(), "class.xlsx", "60").headers["Location"]
    page = client.get(location).text
    assert "The workbook has the sheets 7a &lt;b&gt; and 7b. Read: 7a &lt;b&gt;." in page
    assert [row["prediction"] for row in download(client, location)] == expected[:1]
    client.post(location, data={"sheet": "7b"})
    assert '<option value="7b" selected>' in client.get(location).text
    rows = download(client, location)
    assert [row["prediction"] for row in rows] == expected[::-1]
    assert "below_pass_mark" in rows[0]  # the mark stays


def test_a_program_names_a_sheet_or_asks_for_all(client, expected):
    def ask(query: str):
        return client.post(f"{API}?{query}", data={"file": (io.BytesIO(two_sheets()), "a.xlsx")})

    answer = ask("all_sheets=1")
    assert [row["prediction"] for row in csv.DictReader(io.StringIO(answer.text))] == [
        expected[0], *expected[::-1],
    ]  # fmt: skip
    summary = json.loads(answer.headers["X-Summary"])
    assert summary["sheets"] == summary["sheets_read"] == ["7a <b>", "7b"]
    unknown = ask("sheet=8a")
    assert (unknown.status_code, unknown.json["ok"]) == (422, False)
    assert "has no sheet '8a'" in unknown.json["error"]
    assert ask("sheet=7b&all_sheets=1").status_code == 400


def test_where_no_sheet_fits_their_names_stand_beside_what_is_missing(client, upload):
    book = openpyxl.load_workbook(io.BytesIO(two_sheets()))
    for sheet in book:
        sheet["A1"] = "sex"
    content = io.BytesIO()
    book.save(content)
    page = upload(content.getvalue(), "class.xlsx").text
    assert "Select your column for ‘Gender’." in page
    assert "The workbook has the sheets 7a &lt;b&gt; and 7b. Read: 7a &lt;b&gt;." in page


def test_an_encoding_that_was_guessed_is_said(client, upload):
    content = table((*STUDENT, "Jürgen"), header=(*NAMES, "Schüler")).encode("latin-1")
    page = client.get(upload(content).headers["Location"]).text
    assert "The file is not UTF-8: read as cp1252, by its letters." in page


def test_a_summary_fits_into_a_header_however_many_columns_were_mended():
    target = NumericFeature(name="score", observed_minimum=0, observed_maximum=1)
    summary = NumberSummary(run_id="", target=target, shown_columns=[])
    summary.mended = {f"Spalte mit Ü {n}": n for n in range(1_000)}
    header = summary_header(summary)
    assert (len(header) < 4_000, header.isascii()) == (True, True)
    assert json.loads(header)["n_mended"] == sum(range(1_000))


# ---------------------------------------------------------------- programs


def test_a_program_gets_csv_back_and_nothing_is_left(client, workspace, expected):
    bad = (*STUDENT[:5], "abc", "70")
    content = table(STUDENT, bad, OTHER)
    plain = client.post(f"{API}?pass_mark=60", data=content, content_type="text/csv")
    form = client.post(f"{API}?pass_mark=60",
                       data={"file": (io.BytesIO(content.encode()), "class.csv")})  # fmt: skip
    unnamed = client.post(f"{API}?pass_mark=60", data={"file": content},
                          content_type="multipart/form-data")  # fmt: skip
    assert plain.data == form.data == unnamed.data
    assert plain.content_type == "text/csv; charset=utf-8"
    assert plain.headers["Content-Disposition"] == 'attachment; filename="predictions.csv"'
    rows = list(csv.DictReader(io.StringIO(plain.text)))
    assert [row["prediction"] for row in rows] == [expected[0], "", expected[1]]
    assert [row["below_pass_mark"] for row in rows] == ["no", "", "yes"]
    assert rows[1]["problem"].startswith("Row 3: reading_score must be a number")
    assert list(workspace.folder.glob("*")) == []


@pytest.mark.parametrize(("options", "status"), [
    ({"data": "x", "content_type": "text/plain"}, 415),
    ({"data": {"other": (io.BytesIO(b"x"), "x.csv")}}, 400),
    ({"data": {"x": "1"}, "content_type": "multipart/form-data"}, 400),
    ({"data": "", "content_type": "text/csv"}, 422),
    ({"data": table(STUDENT), "content_type": "text/csv", "query_string": "pass_mark=x"}, 422),
    ({"data": table(STUDENT), "content_type": "text/csv", "query_string": "pass_mark=101"}, 422),
    ({"data": {"file": (io.BytesIO(b"PAR1"), "x.parquet")}}, 422),
])  # fmt: skip
def test_a_program_s_mistakes_have_the_one_shape(client, options, status):
    answer = client.post(API, **options)
    assert answer.status_code == status
    body = answer.get_json()
    assert set(body) == {"ok", "error", "errors", "status"}
    assert body["status"] == status
    assert "0 problems" not in body["error"]


def test_a_form_of_very_many_fields_is_told_what_is_wrong_with_it(client):
    answer = client.post(API, data={f"field {i}": "x" for i in range(1_200)} | {
        "file": (io.BytesIO(table(STUDENT).encode()), "class.csv")
    })  # fmt: skip
    assert answer.status_code == 413
    assert answer.get_json()["error"].startswith("The form has more fields")


def test_a_file_may_be_larger_than_a_record_but_has_its_limit(make_app, sample_artifacts):
    """C11."""
    client = make_app(artifacts_dir=sample_artifacts, max_body_bytes=2_000,
                      max_upload_bytes=20_000).test_client()  # fmt: skip
    fitting, large = table(*[STUDENT] * 200), table(*[STUDENT] * 600)
    assert client.post(API, data=fitting, content_type="text/csv").status_code == 200
    answer = client.post(API, data=large, content_type="text/csv")
    assert answer.status_code == 413
    assert "20,000 bytes" in answer.get_json()["error"]
    assert client.post(API, json=[{"x": "y" * 3_000}]).status_code == 413
    assert client.post("/", data={"x": "y" * 3_000}).status_code == 413
    answer = client.post("/batch", data={"file": (io.BytesIO(large.encode()), "class.csv")})
    assert answer.status_code == 413
    assert "Too large" in answer.text


def test_the_api_alone_takes_files_too(sample_artifacts, expected):
    from appBackend.endpoints import create_api
    from src.config import Settings

    client = create_api(Settings(artifacts_dir=sample_artifacts)).test_client()
    answer = client.post(API, data=table(STUDENT), content_type="text/csv")
    assert expected[0] in answer.text


def test_rows_are_counted(client, upload):
    upload(table(STUDENT, (*STUDENT[:5], "abc", "70")))
    counted = client.get("/api/v1/metrics").text
    assert 'stuprediction_records_total{outcome="predicted"} 1' in counted
    assert 'stuprediction_records_total{outcome="refused"} 1' in counted


def test_without_a_model_there_is_a_page_that_says_so(empty_client):
    assert empty_client.get("/batch").status_code == 503
    assert empty_client.post(API, data="x", content_type="text/csv").status_code == 503
