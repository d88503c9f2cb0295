"""The papers tell nothing that no file says, and mark what people must add."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from src.artifact_store import ArtifactStore
from src.config import Settings
from src.pipelines.write_papers import RECORDS, files_of, main, write_papers
from src.records.database import migrate, open_engine
from src.records.report import make_report
from src.records.terms import Terms
from src.report.papers import LANGUAGES, look_up
from src.schema.record import Schema
from tests.records.worlds import a_school

ANNEX_IV = (
    "1. General description", "2. Elements and development", "3. Monitoring, functioning, control",
    "4. Why these metrics", "5. Risk management (Article 9)", "6. Changes through the lifecycle",
    "7. Standards", "8. EU declaration of conformity (Article 47)",
    "9. After it is in use (Article 72)",
)  # fmt: skip


class Read(HTMLParser):
    """Collects figures with their sources, marked places, headings, and all other text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.figures: list[tuple[str, float, str]] = []
        self.blanks, self.headings, self.rest = list[str](), list[str](), list[str]()
        self._inside: list[str] = []
        self._figure: tuple[str, float] | None = None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self._inside.append(f"{tag}.{given.get('class', '')}")
        if tag == "data":
            self._figure = given["data-source"], float(given["value"])
        if tag in ("meta", "link", "br"):
            self._inside.pop()

    def handle_endtag(self, tag):
        self._inside.pop()

    def handle_data(self, text):
        inside = {one.split(".")[0] for one in self._inside}
        if self._figure and inside & {"data"}:
            self.figures.append((*self._figure, text))
            self._figure = None
        elif "mark" in inside:
            self.blanks.append(text)
        elif "h2" in inside:
            self.headings.append(text)
        elif not inside & {"style", "code", "sup"} and "span.quoted" not in self._inside:
            self.rest.append(text)


@pytest.fixture(params=["sample_artifacts", "outcome_artifacts"])
def store(request) -> ArtifactStore:
    return ArtifactStore(request.getfixturevalue(request.param), "")


@pytest.mark.parametrize("language", LANGUAGES)
def test_each_figure_is_the_one_in_the_file_that_it_names(store, tmp_path, language) -> None:
    run, settings = store.promoted(), Settings()
    files = files_of(run, settings)
    found = write_papers(store, run, settings, language, tmp_path)
    for path, blanks in found.items():
        read = Read(path.read_text())
        assert len(read.figures) >= 3
        for source, value, _ in read.figures:
            file, _, place = source.partition(": ")
            actual = float(look_up(files[file], place))
            shares = value == pytest.approx(100 * actual, abs=0.51)
            assert shares or value == pytest.approx(actual, rel=0.005, abs=1e-3), source
        assert [one.strip("[] ") for one in read.blanks if one.startswith("[")] == blanks
        if "notice" in path.name:
            # The only other figures are of the day on which the model was made.
            said = " ".join(read.rest).replace(run.manifest.created[:4], "")
            assert len(re.findall(r"\d+", said)) <= 1


def test_the_documentation_has_the_order_of_annex_iv_and_claims_nothing(store, tmp_path) -> None:
    write_papers(store, store.promoted(), Settings(), "en", tmp_path)
    page = (tmp_path / "technical_documentation.html").read_text()
    assert tuple(Read(page).headings[:9]) == ANNEX_IV
    assert "does not say that the Act is complied with" in page


def test_numbers_are_written_as_the_language_does(sample_artifacts, tmp_path) -> None:
    store = ArtifactStore(sample_artifacts, "")
    run = store.promoted()
    written = {}
    for language in LANGUAGES:
        write_papers(store, run, Settings(), language, tmp_path)
        read = Read((tmp_path / f"notice.{language}.html").read_text())
        written[language] = {source: text for source, _, text in read.figures}
    mae = "metrics.json: held_out.mae.value"
    assert written["en"][mae].replace(".", ",") == written["de"][mae] == written["fr"][mae]
    assert "," not in written["en"][mae]


def test_what_came_true_is_told_where_records_know_it(sample_artifacts, tmp_path) -> None:
    store = ArtifactStore(sample_artifacts, "")
    run, url = store.promoted(), f"sqlite:///{tmp_path}/records.db"
    engine = open_engine(url, patient=True)
    migrate(engine)
    a_school(engine)
    schema = Schema.from_dict(run.read_json("schema.json"))
    report = make_report(engine, schema, Terms("02-01, 08-01"))
    engine.dispose()
    settings = Settings(records_url=url, records_key="k" * 20)
    write_papers(store, run, settings, "es", tmp_path)
    for name in ("technical_documentation", "notice.es"):
        figures = Read((tmp_path / f"{name}.html").read_text()).figures
        told = {source: value for source, value, _ in figures}
        assert told[f"{RECORDS}: n_known"] == report["n_known"]
        mae = report["figures"]["mae"]["value"]
        assert told[f"{RECORDS}: figures.mae.value"] == pytest.approx(mae, rel=0.005)


def test_the_command_says_how_many_places_are_left(
    sample_artifacts, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.setenv("ARTIFACTS_DIR", str(sample_artifacts))
    assert main(["--language", "fr", "--output", str(tmp_path / "papers")]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "papers" / "notice.fr.html").is_file()
    assert re.search(r"notice\.fr\.html: \d+ places are for people to fill in", said)
    monkeypatch.setenv("ARTIFACTS_DIR", str(tmp_path / "none"))
    assert main([]) == 1
