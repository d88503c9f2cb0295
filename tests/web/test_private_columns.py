"""A table of a school with names and remarks: what anybody can read holds none of them."""

from __future__ import annotations

import csv
import io
import zipfile

import pytest

from src.components.data_check import DataCheck, DataCheckConfig
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.report.table_findings import options
from src.schema.findings import STOP
from src.tables.reader import read_table

TARGET = "Endpunkte Mathe"
PRIVATE = ("Schüler-ID", "Nachname", "Vorname", "Bemerkung")


@pytest.fixture(scope="module")
def school(case, tmp_path_factory):
    """Train as the check advises; return the artifacts."""
    path = case("german_school/train.csv")
    checked = DataCheck(DataCheckConfig(TARGET)).run(read_table(path))
    stops = [finding for finding in checked.findings if finding.severity == STOP]
    advised = {option for finding in stops for option in options(finding)}
    assert {"--drop Bestanden", "--drop Note_Mathe"} <= advised
    artifacts = tmp_path_factory.mktemp("school") / "artifacts"
    config = TrainConfig(
        data=str(path), target=TARGET, models=("ridge",), artifacts=artifacts,
        drop=tuple(name for finding in stops for name in finding.columns),
    )  # fmt: skip
    result = TrainPipeline(config).run()
    assert result.report_problem is None
    return artifacts


@pytest.fixture(scope="module")
def secrets(case) -> set[str]:
    text = case("german_school/train.csv").read_text("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text), delimiter=";"))
    # Four letters and more: shorter ones stand inside other words.
    return {row[name] for row in rows for name in PRIVATE if len(row[name]) > 3}


@pytest.fixture
def client(make_app, school):
    return make_app(artifacts_dir=school).test_client()


def told(content: bytes, secrets: set[str]) -> list[str]:
    return sorted(value for value in secrets if value.encode() in content)


def test_no_file_of_the_run_holds_a_name_or_a_remark(school, secrets) -> None:
    files = [path for path in school.rglob("*") if path.is_file()]
    assert {"report.html", "model_card.md", "schema.json", "findings.json", "data.csv"} <= {
        path.name for path in files
    }
    assert {path.name: told(path.read_bytes(), secrets) for path in files} == {
        path.name: [] for path in files
    }


@pytest.mark.parametrize(
    "address",
    ["/", "/model", "/batch", "/batch/template.csv", "/model/report.html", "/model/model_card.md",
     "/api/v1/model", "/api/v1/schema", "/api/v1/openapi.json", "/api/v1/docs"],
)  # fmt: skip
def test_no_page_and_no_answer_holds_one(client, secrets, address) -> None:
    answer = client.get(address)
    assert answer.status_code == 200
    assert told(answer.data, secrets) == []


def test_the_workbook_to_fill_in_holds_none_and_asks_for_the_name(client, secrets) -> None:
    content = client.get("/batch/template.xlsx").data
    with zipfile.ZipFile(io.BytesIO(content)) as book:
        assert [told(book.read(name), secrets) for name in book.namelist()] == [
            [] for _ in book.namelist()
        ]
    header = client.get("/batch/template.csv").text.lstrip("\ufeff").splitlines()[0]
    assert header.startswith("Nachname,Vorname,Klasse,")


def test_new_pupils_are_predicted_and_called_by_their_names(client, case) -> None:
    file = (io.BytesIO(case("german_school/new_pupils.csv").read_bytes()), "new_pupils.csv")
    location = client.post("/batch", data={"file": file, "pass_mark": ""}).headers["Location"]
    page = client.get(location).text
    assert "predicted for 3 of 3 students" in page
    assert ">Nachname</a></th>" in page
    assert ">Vorname</a></th>" in page
    assert "Neumeyer" in page


def test_what_was_found_in_the_table_is_told_without_its_values(client) -> None:
    findings = client.get("/api/v1/model").json["findings"]
    (name,) = (one for one in findings if one["columns"] == ["Nachname"])
    assert (name["kind"], name["severity"], name["rows"]) == ("identifier", "note", [])
    for address in ("/model", "/model/report.html", "/model/model_card.md"):
        page = client.get(address).text.replace("\\", "")
        assert page.index("What was found in the table") < page.index("What it must not be used")
        assert "Column Nachname is not used: it holds people" in page
