"""The form and its result through the test client; IDs are rows of FAULTS.md."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from src.artifact_store import Run
from src.serving.predictor import Predictor

PATHS = ("/", "/predict", "/predictdata")
NASTY = "\"'><script>alert(1)</script>{{7*7}}{% raw %}&lt;"


class Page(HTMLParser):
    """A page as its elements: tag, attributes, text up to the end tag."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.open: list[list[str]] = []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        words: list[str] = []
        self.elements.append((tag, dict(attributes), words))
        if tag not in ("input", "meta", "link", "img"):
            self.open.append(words)

    def handle_endtag(self, tag):
        if self.open:
            self.open.pop()

    def handle_data(self, data):
        for words in self.open:
            words.append(data)

    def all(self, tag: str, **wanted: str) -> list[tuple[dict[str, str | None], str]]:
        return [
            (attributes, " ".join("".join(words).split()))
            for name, attributes, words in self.elements
            if name == tag and wanted.items() <= attributes.items()
        ]

    def values(self) -> dict[str, str]:
        """Return what the form would send, without the token."""
        sent = {a["name"]: a.get("value") for a, _ in self.all("input", type="text")}
        sent |= {
            a["name"]: a["value"] for a, _ in self.all("input", type="radio") if "checked" in a
        }
        name = None
        for tag, attributes, _ in self.elements:
            if tag == "select":
                name = attributes["name"]
            elif tag == "option" and "selected" in attributes:
                sent[name] = attributes["value"]
        return sent


@pytest.mark.parametrize("path", PATHS)
def test_the_form_has_a_field_for_each_feature(client, predictor, path):
    response = client.get(path)
    assert response.status_code == 200
    page = Page(response.text)
    names = {a.get("name") for t, a, _ in page.elements if t in ("input", "select")}
    assert names == set(predictor.schema.names)
    (heading,) = page.all("h1")
    assert heading[1] == predictor.schema.title


def test_every_field_has_a_label_of_its_own_or_a_legend(client):
    page = Page(client.get("/").text)
    labels = {a["for"]: text for a, text in page.all("label")}
    fields = [
        a["id"]
        for t, a, _ in page.elements
        if t in ("input", "select") and a.get("type") != "hidden"
    ]
    assert len(set(fields)) == len(fields)
    assert set(labels) == set(fields)
    assert all(labels.values())
    legends = [text for _, text in page.all("legend")]
    assert {"Gender", "School lunch", "About the student", "Scores so far"} <= set(legends)


def test_what_describes_a_field_is_on_the_page(client, send_form):
    for text in (client.get("/").text, send_form({}).text):
        page = Page(text)
        ids = [a["id"] for _, a, _ in page.elements if "id" in a]
        assert len(set(ids)) == len(ids)
        described = [a["aria-describedby"] for _, a, _ in page.elements if "aria-describedby" in a]
        assert described
        assert {part for text in described for part in text.split()} <= set(ids)


@pytest.mark.parametrize("path", PATHS)
def test_the_result_stands_beside_the_form_with_the_answers_kept(
    send_form, predictor, student, path
):
    response = send_form(student, path)
    assert response.status_code == 200
    page = Page(response.text)
    (data,) = page.all("data")
    expected = predictor.predict_record(student).prediction
    assert float(data[0]["value"]) == expected
    assert data[1] == f"{expected:.1f}"
    assert page.values() == {name: str(value) for name, value in student.items()}
    assert re.search(r"<title>Result: ", response.text)


def test_the_result_names_unit_comparison_error_model_and_its_limits(send_form, predictor, student):
    text = send_form(student).text
    mean, mae = predictor.metrics["target_mean"], predictor.metrics["held_out"]["mae"]["value"]
    for words in (
        f"the average of the training data, {mean:.1f}\N{NO-BREAK SPACE}points",
        f"off by {mae:.1f} points on average",
        "Ridge regression",
        predictor.run.run_id,
        "1,000 students",
        "not for decisions about a person",
    ):
        assert words in text


def test_a_value_outside_the_training_data_is_predicted_with_a_warning(send_form, student):
    response = send_form(student | {"reading_score": 0})
    assert response.status_code == 200
    assert "Take this with care" in response.text
    assert "Reading score is 0, outside the range" in response.text


@pytest.mark.parametrize("score", ["72", "72.5", " 72 ", "7.2e1", "72,5", "72 %"])
def test_a_plain_decimal_or_what_clearly_stands_for_one_is_accepted(send_form, student, score):
    """F3."""
    assert send_form(student | {"reading_score": score}).status_code == 200


def test_what_was_mended_in_an_answer_is_said_and_a_choice_stays_chosen(send_form, student):
    sent = student | {"reading_score": "61,5", "gender": "Female", "lunch": " standard "}
    page = send_form(sent).text
    assert "Reading score: “61,5” is read as 61.5." in page
    assert "Gender: “Female” is read as female." in page
    assert page.count(" is read as ") == 3
    values = Page(page).values()
    assert (values["gender"], values["lunch"]) == ("female", "standard")
    assert " is read as " not in send_form(student).text


@pytest.mark.parametrize(
    "score",
    ["", " ", "abc", "-1", "101", "1e9", "nan", "inf", "-Infinity", "1e400", "1_0", "５０", "true",
     "1,250", "0x10", "7" * 10_000],
)  # fmt: skip
def test_a_score_that_is_none_is_refused_beside_its_field(send_form, student, score):
    """F1, F2, F3."""
    response = send_form(student | {"reading_score": score})
    assert response.status_code == 422
    page = Page(response.text)
    (error,) = page.all("p", id="field-reading_score-error")
    asked = ("Enter a reading score", "Reading score must be ")
    assert error[1].removeprefix("Error: ").startswith(asked)
    (field,) = page.all("input", id="field-reading_score")
    assert field[0]["aria-invalid"] == "true"
    assert field[0]["aria-describedby"].split()[-1] == "field-reading_score-error"
    assert page.values() == {n: str(v) for n, v in student.items()} | {"reading_score": score}


def test_every_problem_stands_in_the_summary_and_beside_its_field(send_form, predictor):
    """F1."""
    response = send_form({})
    assert response.status_code == 422
    page = Page(response.text)
    assert page.all("section", role="alert", tabindex="-1")
    links = {a["href"] for a, _ in page.all("a") if a["href"].startswith("#field")}
    assert links == {f"#field-{name}" for name in predictor.schema.names}
    ids = {a["id"] for t, a, _ in page.elements if t in ("input", "select") and "id" in a}
    assert {link[1:] for link in links} <= ids
    (title,) = page.all("title")
    assert title[1].startswith("Error: ")
    assert response.text.index("#field-lunch") > response.text.index("and 4 more")
    for name in predictor.schema.names:
        (error,) = page.all("p", id=f"field-{name}-error")
        (link,) = page.all("a", href=f"#field-{name}")
        assert error[1] == f"Error: {link[1]}"


def test_an_unknown_category_is_refused_with_the_nearest(send_form, student):
    """F4."""
    response = send_form(student | {"lunch": "standart", "reading_score": 71})
    assert response.status_code == 422
    assert "Select a school lunch: did you mean standard?" in response.text
    values = Page(response.text).values()
    assert "lunch" not in values
    assert values["reading_score"] == "71"


def test_a_form_with_an_extra_field_or_one_sent_twice_is_refused(send_form, student):
    """F5."""
    response = send_form(student | {"nickname": "Bo", "reading_score": ["70", "90"]})
    assert response.status_code == 422
    assert "nickname is not a field of this form." in response.text
    assert "Reading score was sent 2 times." in response.text


def test_what_was_entered_is_escaped_everywhere(send_form, predictor):
    """F7."""
    nasty = dict.fromkeys([*predictor.schema.names, NASTY], NASTY)
    text = send_form(nasty).text
    assert "<script>alert" not in text
    assert "49" not in Page(text).values().values()
    for name in ("reading_score", "writing_score"):
        assert Page(text).values()[name] == NASTY
    assert [a for a, _ in Page(text).all("script")] == [{"src": "/static/app.js", "defer": None}]


def test_the_pages_hold_no_inline_style_or_script(client, send_form, student):
    for text in (client.get("/").text, send_form(student).text, send_form({}).text):
        page = Page(text)
        attributes = {name for _, a, _ in page.elements for name in a}
        assert "style" not in attributes
        assert not [name for name in attributes if name.startswith("on")]
        assert not page.all("style")
        assert all("src" in a and not text for a, text in page.all("script"))


def test_a_table_with_missing_values_makes_optional_fields(make_app, real_table, tmp_path):
    from src.pipelines.train_pipeline import TrainPipeline
    from src.pipelines.training import TrainConfig

    rows = real_table("star3.csv").read_text("utf-8").splitlines(keepends=True)
    (tmp_path / "part.csv").write_text("".join(rows[:500]), "utf-8")
    config = TrainConfig(
        data=str(tmp_path / "part.csv"), target="math3", models=("ridge",), artifacts=tmp_path
    )
    TrainPipeline(config).run()
    client = make_app(artifacts_dir=tmp_path).test_client()
    page = Page(client.get("/").text)
    optional = [f.name for f in Predictor.load(tmp_path).schema.features if f.optional]
    assert optional
    assert "(optional)" in client.get("/").text
    response = client.post("/", data=page.values())
    errors = re.findall(r'id="field-(\w+)-error"', response.text)
    assert not set(errors) & set(optional)


def test_home_says_in_two_sentences_what_it_is_and_goes_on_with_the_form(client):
    text = client.get("/").text
    lead = " ".join(re.search(r'<p class="lead">(.*?)</p>', text, re.S).group(1).split())
    assert lead.count(". ") + lead.endswith(".") == 2
    assert "7 questions" in lead
    assert text.index('class="lead"') < text.index('<form class="form"')
    assert text.index('<form class="form"') < text.index("1,000 other students")


def test_the_result_says_where_it_lies_and_why(send_form, predictor, student):
    text = send_form(student).text
    for words in (
        "9 in 10 students score within such a range",
        "students that the model learnt from scored lower",
        "The chart as a table",
        "Reading score: 70<",
    ):
        assert words in text


def test_the_chance_of_missing_the_pass_mark_is_told(make_app, own_artifacts, student, monkeypatch):
    load = Run.read_json

    def with_mark(run, name):
        value = load(run, name)
        return value | {"pass_mark": {"mark": 60.0}} if name == "metrics.json" else value

    monkeypatch.setattr(Run, "read_json", with_mark)
    client = make_app(artifacts_dir=own_artifacts).test_client()
    text = client.post("/", data=student).text
    assert "The chance of a score below the pass mark of 60\N{NO-BREAK SPACE}points is" in text


@pytest.mark.parametrize("path", PATHS)
def test_the_link_opens_the_form_with_the_answers(client, send_form, student, path):
    ((link, _),) = Page(send_form(student, path).text).all("a", id="link")
    assert link["href"].startswith(f"{path}?")
    opened = client.get(link["href"])
    page = Page(opened.text)
    assert page.values() == {name: str(value) for name, value in student.items()}
    assert "These answers stood in the link" in opened.text
    assert not page.all("data")  # nothing is predicted until it is asked for
    assert page.all("form")[0][0]["action"] == f"{path}#answer"  # without the answers


def test_a_link_with_nonsense_opens_a_form_that_holds_it_as_text(client):
    page = Page(
        client.get("/", query_string={"lunch": NASTY, "reading_score": NASTY, "x": "1"}).text
    )
    assert page.values()["reading_score"] == NASTY
    assert "lunch" not in page.values()
    assert [a for a, _ in page.all("script")] == [{"src": "/static/app.js", "defer": None}]


def test_what_somebody_typed_is_not_shown_to_the_next(client, send_form, student):
    send_form(student | {"reading_score": 61, "lunch": "nonsense"})
    send_form(student | {"reading_score": 62})
    client.get("/?lunch=nonsense&reading_score=63")
    text = client.get("/").text
    assert not [value for value in ("61", "62", "63", "nonsense") if f'value="{value}"' in text]
    assert Page(text).values()["reading_score"] == ""


def test_the_answers_in_a_link_are_not_logged(client, log):
    client.get("/?reading_score=61&lunch=standard")
    assert "61" not in re.sub(r"\d+\.\d+|[0-9a-f]{16}", "", log.text)
    assert "lunch" not in log.text


def test_sensitive_questions_are_explained(client, predictor):
    text = client.get("/").text
    assert "Why are sensitive questions asked?" in text
    assert "--exclude-sensitive" in text
    assert text.count(">Sensitive.<") == sum(f.sensitive for f in predictor.schema.features)


def test_every_page_links_to_the_others(client):
    for path in ("/", "/model", "/nowhere"):
        nav, *_ = re.findall(r"<nav.*?</nav>", client.get(path).text, re.S)
        assert {"/", "/model", "/docs"} <= set(re.findall(r'href="(.*?)"', nav))


def test_every_page_says_which_of_the_links_it_belongs_to(client, send_form, student):
    pages = {"/model": client.get("/model"), "/": send_form(student, "/predict"),
             "/batch": client.post("/batch"), "/docs": client.get("/docs")}  # fmt: skip
    for address, page in pages.items():
        assert re.findall(r'href="(\S*?)" aria-current="page"', page.text) == [address]


def test_links_keep_the_root_that_a_proxy_serves_under(client):
    text = client.get("/", environ_overrides={"SCRIPT_NAME": "/school"}).text
    assert 'href="/school/model"' in text
    assert 'href="/school/static/style.css"' in text
    assert 'href="/model"' in client.get("/").text


def test_the_style_sheet_is_light_and_asks_nobody_else(client):
    (sheet,) = Path(client.application.static_folder).glob("*.css")
    style = sheet.read_text("utf-8")
    assert len(style.encode()) < 18_000
    assert style.index(":root") < style.index("font:")  # colours and measures stand on top
    assert "url(" not in style
    assert "@import" not in style
