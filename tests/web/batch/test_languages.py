"""The class page in the language of its reader; files for programs, and the API, in English."""

from __future__ import annotations

import csv
import io
import re
from html import unescape
from html.parser import HTMLParser

import pytest

from src import language
from src.language import speaking
from src.translations.__main__ import areas, said_in_source
from tests.web.batch.test_routes import NAMES, OTHER, STUDENT, table

HEADER = ("Pupil", "Class", *NAMES)
CLASS = [
    ("1", "7a", *STUDENT),
    ("2", "7a", *OTHER),
    ("3", "7b", "Female ", *OTHER[1:]),
    ("4", "7b", *OTHER[:3], "standart", *OTHER[4:]),
    ("5", "7b", *STUDENT[:5], "5", ""),
    ("Average", "", "", "", "", "", "", "60", "61"),
    ("6", "7b", *STUDENT[:5]),
]
WORDS = re.compile("[A-Za-z]{3}")
DATA = re.compile(  # what the file and the schema say, and the parts that all pages share
    r"(?:over|under) \d+\xa0%|"
    + "|".join(NAMES)
    + r"|7a|7b\.csv|\d+[.,]\d points|Skip to|How good such a list|"
    r"Pupil|Class|Average|StuPrediction|[A-Z]?[\w ']+ score|Gender|School lunch|"
    r"Race or ethnicity|Parents' education|Test preparation course"
)
OF_OTHERS = ("head", "header", "footer", "script", "option", "code")


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory):
    """Return the folder of an invented language, in which every message stands in brackets."""
    folder = tmp_path_factory.mktemp("catalogues")
    said = said_in_source(areas()[0])
    for message in said:
        texts = message.id if isinstance(message.id, tuple) else (message.id,)
        spoken = tuple(f"[{text}]" for text in texts)
        message.string = spoken if isinstance(message.id, tuple) else spoken[0]
    from babel.messages.pofile import write_po

    with (folder / "eo.po").open("wb") as file:
        file.write(b'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n')
        write_po(file, said, omit_header=True)
    return folder


@pytest.fixture
def invented(catalogue, monkeypatch):
    """Return the code of the invented language; there is no other but English."""
    monkeypatch.setattr(language, "CATALOGUES", catalogue)
    for cached in (language.languages, language._catalogue):
        cached.cache_clear()
    yield "eo"
    for cached in (language.languages, language._catalogue):
        cached.cache_clear()


@pytest.fixture
def ask(client):
    """Ask for a page, or send a form, in a language."""

    def ask(spoken: str, path: str, data: dict | None = None):
        with speaking(spoken):
            return client.open(
                path,
                method="GET" if data is None else "POST",
                data=data,
                headers={"Accept-Language": spoken},
            )

    return ask


@pytest.fixture
def send(ask):
    """Send a file on the page in a language, and return the answer."""

    def send(spoken: str, rows=CLASS, header=HEADER, mark: str = "60"):
        content = rows if isinstance(rows, bytes) else table(*rows, header=header).encode()
        data = {"file": (io.BytesIO(content), "7b.csv"), "pass_mark": mark, "n_helped": "1"}
        return ask(spoken, "/batch", data)

    return send


class _Texts(HTMLParser):
    """Collect what stands outside the brackets, of what a person reads or hears on a page."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[str] = []
        self._depth = 0

    def handle_starttag(self, tag, attrs):
        if tag in OF_OTHERS:
            self._inside.append(tag)
        elif not self._inside:
            self.found += [
                value
                for name, value in attrs
                if value and name in ("aria-label", "data-label", "title") and value[0] != "["
            ]

    def handle_endtag(self, tag):
        if tag in OF_OTHERS and self._inside:
            self._inside.pop()

    def handle_data(self, data):
        if self._inside:
            return
        outside = []
        for letter in data:
            self._depth -= letter == "]"
            outside.append(letter if self._depth == 0 else "")
            self._depth += letter == "["
        self.found.append("".join(outside).strip("[] \n"))


def unmarked(page: str) -> list[str]:
    texts = _Texts()
    texts.feed(page)
    return [text for text in texts.found if WORDS.search(text) and not DATA.match(text)]


def test_every_word_of_the_class_page_can_be_said_in_another_language(
    invented, ask, send, predictor
):
    address = send(invented).headers["Location"]
    page = ask(invented, address).text
    assert "[Who may need help]" in page
    assert unmarked(page) == []
    assert unmarked(ask(invented, f"{address}/search", {"search": "Nobody"}).text) == []
    assert "[There is no such file." in ask(invented, "/batch/gone").text
    upload = unmarked(unescape(ask(invented, "/batch").text))
    said_by_hints = [feature.help for feature in predictor.schema.features]
    assert all(any(said in text for said in said_by_hints) for text in upload)


def test_columns_that_are_missing_are_asked_for_in_the_reader_s_language(invented, send):
    header = tuple("Reading" if name == "reading_score" else name for name in HEADER)
    page = send(invented, header=header).text
    assert "[Your ‘Reading’ looks like our ‘Reading score’: use it?]" in page
    assert unmarked(page) == []


def test_why_a_file_is_refused_is_said_in_the_reader_s_language(invented, send):
    assert "[7b.csv is empty.]" in send(invented, b"").text
    assert "[7b.csv holds a header and no row.]" in send(invented, rows=[]).text


def test_a_page_of_results_speaks_to_whoever_looks(invented, ask, send):
    address = send("en").headers["Location"]
    assert "Rows to mend" in ask("en", address).text
    page = ask(invented, address).text
    assert "[Rows to mend]" in page
    assert "[Select School lunch from the list: standart is not in it]" in page
    assert "[Row 7: [The row holds a total, an average or the like, no pupil: it is left" in page


def test_files_for_people_speak_their_language_and_those_for_programs_english(
    invented, ask, send, client
):
    address = send(invented).headers["Location"]

    def file(spoken: str, name: str) -> list[dict[str, str]]:
        text = ask(spoken, f"{address}/{name}").data.decode("utf-8-sig")
        return [*csv.DictReader(io.StringIO(text))]

    ours, plain = file(invented, "class"), file(invented, "predictions.csv")
    assert [*ours[0]][len(HEADER) :] == [
        "prediction", "low_90", "high_90", "at_risk", "chance", "reasons", "uncertain", "problem",
    ]  # fmt: skip
    assert ours[1]["at_risk"] == "yes"
    assert ours[2]["problem"] == "[Row 4: [Gender: 'Female ' is read as 'female'.]]"
    assert ours[3]["problem"] == ("[Row 5: [Select School lunch: did you mean standard?]]")
    assert ours[6]["problem"].startswith("[Row 8: [The row has 7 cells, the header has 9.")
    assert file(invented, "to-fix.csv")[0]["problem"] == ours[3]["problem"]
    assert all("[" not in row["problem"] for row in plain)
    assert plain == file("en", "predictions.csv")
    api = client.post(
        "/api/v1/predict/batch",
        data={"file": (io.BytesIO(table(*CLASS, header=HEADER).encode()), "7b.csv")},
        headers={"Accept-Language": invented},
    )
    assert "[" not in api.text


def test_numbers_are_written_and_read_as_the_language_writes_them(ask, send):
    exact = ("1", "7a", *STUDENT[:5], "70.125", "70")  # which might be a thousand in German
    address = send("de", [exact, *CLASS[1:]], mark="62,5").headers["Location"]
    student = ask("de", f"{address}/row/1")
    assert student.status_code == 200
    assert 'value="70,125"' in student.text
    page = ask("de", address).text
    assert 'id="pass_mark" value="62,5"' in page
    assert re.search(r"<strong>\d\d,\d</strong>", page)
    assert ask("en", address).text.count('value="62.5"') == 1
    template = ask("de", "/batch/template.csv").data.decode("utf-8-sig")
    again = ask("de", "/batch", {"file": (io.BytesIO(template.encode()), "template.csv")})
    assert again.status_code == 303
    assert template.splitlines()[0].count(";") == len(NAMES)
