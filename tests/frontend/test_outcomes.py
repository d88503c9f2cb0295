"""The page in Streamlit's own test where one of some outcomes is predicted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator

import pandas as pd
import pytest
from pyarrow import ipc

from appFrontend.outcomes import Outcomes
from tests.frontend.test_page import (
    API,
    answered,
    as_csv,
    entered,
    listed,
    names,
    send,
    students,
    widget,
    with_example,
)
from tests.outcomes import records
from tests.web.conftest import Server, multipart, run_gunicorn

pytestmark = pytest.mark.e2e
LABELS = ["Fail", "Pass", "Distinction"]


@pytest.fixture(scope="module")
def outcome_back_end(outcome_artifacts, tmp_path_factory) -> Iterator[Server]:
    """Run the app on a model of outcomes."""
    folder = tmp_path_factory.mktemp("outcomes-back-end")
    with run_gunicorn(folder, ARTIFACTS_DIR=str(outcome_artifacts)) as running:
        yield running


@pytest.fixture
def kind() -> Outcomes:
    return Outcomes({"categories": LABELS, "at_risk": ["Fail"], "label": "Outcome"})


def answer(chance: float, low: float, high: float, *inside: str) -> dict[str, object]:
    """Return what the back end says of a student who is likely to pass."""
    return {
        "prediction": "Pass",
        "sets": {"0.9": [*inside]},
        "at_risk": {"probability": chance, "low": low, "high": high},
    }


@pytest.mark.parametrize(
    ("chance", "low", "high", "said"),
    [
        (0.3, 0.2, 0.45, "about 30 end with Fail. On average over such students it is between "
         "20 and 45."),
        (0.01, 0.0, 0.02, "about 1 ends with Fail. On average over such students it is at most 2."),
        (0.004, 0.0, 0.004, "fewer than 1 ends with Fail."),
        (0.998, 0.9, 1.0, "more than 99 end with Fail. On average over such students it is at "
         "least 90."),
        (0.004, 0.0, 1.0, "fewer than 1 ends with Fail. How far off that may be is not known."),
    ],
)  # fmt: skip
def test_chances_are_said_as_people_say_them(kind, chance, low, high, said):
    words = kind.in_words(answer(chance, low, high))
    assert words == f"Of 100 students with this estimate, {said}"


def test_a_set_is_of_9_in_10_over_all_students(kind):
    assert kind.sureness(answer(0.3, 0.2, 0.4, "Pass")) == (
        "Most likely Pass. Over all students, 9 in 10 have an outcome in their set; here it names "
        "Pass alone."
    )
    assert kind.sureness(answer(0.3, 0.2, 0.4, "Pass", "Fail")) == (
        "Most likely Pass; what cannot be ruled out: Fail. Over all students, 9 in 10 have an "
        "outcome in their set."
    )


@pytest.mark.parametrize(
    ("inside", "shown"),
    [("Pass", "–"), ("Pass | Fail | Distinction", "Fail, Distinction"), ("", "")],
)
def test_what_a_student_may_also_reach(kind, inside, shown):
    assert kind.cells({"prediction": "Pass", "set_90": inside}) == ("Pass", shown)


def drawn(page, title: str) -> pd.DataFrame:
    """Return what a chart was drawn from."""
    (found,) = [
        one.proto for one in page.get("vega_lite_chart")
        if json.loads(one.proto.spec)["title"]["text"] == title
    ]  # fmt: skip
    return pd.concat(ipc.open_stream(one.data.data).read_pandas() for one in found.datasets)


def test_api_file_and_streamlit_give_one_answer(open_page, outcome_back_end):
    server = outcome_back_end
    page = with_example(open_page(server.url))
    record = entered(page, server)
    said = answered(server, record)
    body, kind = multipart(as_csv([list(record), list(record.values())]), "class.csv")
    file = server.ask(f"{API}/predict/batch", body, Content_Type=kind)
    (row,) = csv.DictReader(io.StringIO(file.text))
    assert row["prediction"] == said["prediction"] == said["result"]
    assert {label: float(row[f"p_{label}"]) for label in LABELS} == said["probabilities"]
    assert row["set_90"].split(" | ") == said["set"]
    assert widget(page, "metric", "Predicted: Outcome").value == said["prediction"]
    about = round(100 * said["at_risk"]["probability"])
    text = " ".join(one.value for one in page.markdown).replace("\\", "")
    assert f"Of 100 students with this estimate, about {about} end with Fail" in text


def test_the_form_gives_the_apis_answer(open_page, outcome_back_end):
    record = entered(with_example(open_page(outcome_back_end.url)), outcome_back_end)
    said = answered(outcome_back_end, record)
    form = outcome_back_end.post_form("/", record)
    assert form.status == 200
    about = round(100 * said["at_risk"]["probability"])
    assert said["prediction"] in form.text
    assert f"about <strong>{about}</strong>" in form.text


def test_what_if_tells_how_the_chance_of_being_at_risk_moves(open_page, outcome_back_end):
    page = with_example(open_page(outcome_back_end.url))
    first = answered(outcome_back_end, entered(page, outcome_back_end))
    (keep,) = [one for one in page.button if one.label == "Keep to compare"]
    keep.click().run()
    widget(page, "number_input", "Reading").set_value(20).run()
    now = answered(outcome_back_end, entered(page, outcome_back_end))
    assert not page.exception
    assert widget(page, "metric", "First answer").value == first["prediction"]
    shown = widget(page, "metric", "Now")
    moved = 100 * (now["at_risk"]["probability"] - first["at_risk"]["probability"])
    assert shown.value == now["prediction"]
    assert shown.delta == f"{moved:+.0f} points (Fail)"


def test_a_class_shows_chances_and_who_is_at_risk_the_likeliest_first(open_page, outcome_back_end):
    page = open_page(outcome_back_end.url)
    changes = [*records(8, seed=2), {"reading": "?!"}]
    rows = students(*changes, base=changes[0])
    send(page, as_csv(rows))
    said = outcome_back_end.post_json(f"{API}/predict/batch", changes[:8]).json["predictions"]
    risks = {
        f"Student {i}": 100 * one["at_risk"]["probability"] for i, one in enumerate(said)
        if one["prediction"] == "Fail" or one["at_risk"]["probability"] >= 0.5
    }  # fmt: skip
    assert 0 < len(risks) < 8
    assert widget(page, "metric", "At risk").value == str(len(risks))
    assert widget(page, "metric", "Refused rows").value == "1"
    assert not [one for one in page.number_input if "Pass mark" in one.label]
    every, refused = [one.value for one in page.dataframe if "problem" in one.value]
    assert every["prediction"].tolist() == [*(one["prediction"] for one in said), ""]
    expected = sorted(risks, key=risks.__getitem__, reverse=True)
    assert names(page)[: len(risks)] == expected
    assert ["At risk" in row[2] for row in listed(page)] == [name in risks for name in names(page)]
    for row, name in zip(listed(page), expected, strict=False):
        if 1 < risks[name] < 99:
            assert row[4] == f"{risks[name]:.0f}\xa0%"
    assert every["p: Fail"][int(expected[0][-1])] == pytest.approx(risks[expected[0]])
    assert refused["name"].tolist() == ["Student 8"]
    counts, predicted = drawn(page, "Predictions of this class"), [p["prediction"] for p in said]
    assert dict(zip(counts["name"], counts["students"], strict=True)) == {
        label: predicted.count(label) for label in LABELS
    }
    widget(page, "selectbox", "Sort by").set_value("down").run()
    in_order = [row[2].split()[0] for row in listed(page)]
    assert in_order == sorted(predicted, key=LABELS.index, reverse=True)


def test_the_model_of_outcomes_is_described_as_the_api_does(open_page, outcome_back_end):
    page = with_example(open_page(outcome_back_end.url))
    metrics = outcome_back_end.ask(f"{API}/model").json["metrics"]
    held_out = metrics["held_out"]
    for name, called in {"log_loss": "Log loss", "auc": "AUC", "accuracy": "Accuracy"}.items():
        assert widget(page, "metric", called).value == f"{held_out[name]['value']:.3f}"
    chart = drawn(page, "Chances: Outcome")
    said = answered(outcome_back_end, entered(page, outcome_back_end))["probabilities"]
    assert dict(zip(chart["name"], chart["value"], strict=True)) == said
    (leaderboard,) = [one.value for one in page.dataframe if "log_loss" in one.value]
    assert leaderboard["name"].tolist() == [
        one["label"] + " (chosen)" * (one["name"] == metrics["winner"])
        for one in metrics["leaderboard"]
    ]


def test_without_outcomes_at_risk_nobody_is_asked_whom_to_help(
    open_page, nobody_at_risk_artifacts, tmp_path
):
    with run_gunicorn(tmp_path, ARTIFACTS_DIR=str(nobody_at_risk_artifacts)) as server:
        page = open_page(server.url)
        send(page, as_csv(students(*records(6, seed=2), base=records(1)[0])))
    assert not [one for one in page.number_input if "I can help" in one.label]
    assert widget(page, "selectbox", "Sort by").options[0] == "By outcome"
    assert any("write at_risk in the hints" in one.value for one in page.info)
