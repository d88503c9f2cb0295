"""Pages say nothing that cannot be translated, and the API nothing that is."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from src import language
from src.schema.record import Schema
from tests.web.pseudo import CLOSING, OPENING, write_catalogue

GERMAN = {"Accept-Language": "de"}
SPOKEN = ("aria-label", "alt", "data-below", "data-above", "data-copy")
OURS = frozenset({"StuPrediction", "API", "Deutsch", "– StuPrediction", "API – StuPrediction"})


@pytest.fixture(scope="module")
def marked_words(tmp_path_factory):
    """Speak a German in which each translated message bears marks."""
    folder = tmp_path_factory.mktemp("catalogues")
    write_catalogue(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(language, "CATALOGUES", folder)
        for cached in (language.languages, language._catalogue):
            cached.cache_clear()
        yield
    for cached in (language.languages, language._catalogue):
        cached.cache_clear()


class Texts(HTMLParser):
    """The texts of a page outside code, and outside of what is said to be English."""

    VOID = frozenset({"meta", "link", "img", "input", "rect", "line", "circle", "br"})

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._open: list[tuple[str, str | None]] = []
        self._depth = 0  # of marks: a message may hold elements
        self.feed(page)

    def handle_starttag(self, tag, attrs) -> None:
        values = dict(attrs)
        self.found += [values[name] for name in SPOKEN if values.get(name)]
        if tag not in self.VOID:
            self._open.append((tag, values.get("lang")))

    def handle_endtag(self, tag) -> None:
        while self._open and self._open.pop()[0] != tag:
            pass

    def handle_data(self, data) -> None:
        inside = self._depth
        self._depth += data.count(OPENING) - data.count(CLOSING)
        english = any(code == "en" for _, code in self._open[1:])
        if inside or english or any(tag in ("code", "pre") for tag, _ in self._open):
            return
        self.found.append(" ".join(data.split()))


def without_marked(text: str) -> str:
    """Return what of a text stands outside of marks."""
    kept, depth = [], 0
    for character in text:
        depth += character == OPENING
        if not depth:
            kept.append(character)
        depth -= character == CLOSING
    return "".join(kept).strip(" .·")


def own_words(schema: Schema) -> set[str]:
    """Return what the hints and the table say, in whatever language."""
    schema = schema.spoken()
    said = {schema.title, f"{schema.title} – StuPrediction", schema.number.unit, *schema.groups}
    said.add(schema.description.strip("."))
    for feature in (*schema.asked, schema.target):
        said |= {feature.label, feature.help.strip(".")}
        said |= {feature.word(one) for one in getattr(feature, "categories", ())}
    return said


def test_a_page_says_nothing_that_is_not_marked(marked_words, client, student, predictor) -> None:
    """18: extraction is tested; numbers are those of the language."""
    with language.speaking("de"):
        known = own_words(predictor.schema) | OURS
    known |= {predictor.run.run_id, predictor.run.manifest.model}
    pages = {
        "form": client.get("/", headers=GERMAN),
        "errors": client.post("/", data={"reading_score": "x"}, headers=GERMAN),
        "result": client.post("/", data=student | {"reading_score": "61,5"}, headers=GERMAN),
        "not there": client.get("/nowhere", headers=GERMAN),
    }
    for name, response in pages.items():
        page = response.get_data(as_text=True)
        assert OPENING in page
        said = {without_marked(text) for text in Texts(page).found}
        unmarked = {t for t in said - known if any(map(str.isalpha, t))}
        assert not unmarked, name
    result = pages["result"].get_data(as_text=True)
    assert 'value="61,5"' in result  # as it was typed …
    assert "61,5” ís réád" not in result  # … which needs no word here


def test_an_answer_for_programs_is_english_where_the_page_is_not(
    marked_words, client, student
) -> None:
    wrong = student | {"reading_score": "ninety"}
    for path in ("/", "/api/v1/predict", "/api/v1/predict/batch"):
        sent = [wrong] if path.endswith("batch") else wrong
        response = client.post(path, json=sent, headers=GERMAN)
        assert OPENING not in response.get_data(as_text=True), path
    asked = GERMAN | {"Accept": "application/json"}
    assert OPENING not in client.post("/", data=wrong, headers=asked).get_data(as_text=True)
    assert OPENING in client.post("/", data=wrong, headers=GERMAN).get_data(as_text=True)
