"""The page on the model, through the test client."""

import json
import re
import shutil
from copy import copy
from pathlib import Path

import pytest

from src.artifact_store import REPORT_MANIFEST, ArtifactStore
from src.language import speaking
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from src.utils import sha256
from src.web.pages.chosen_model import why_chosen
from src.web.pages.model_page import describe_model


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_the_page_says_what_the_model_is_and_how_good(client, predictor):
    text = words(client.get("/model").text)
    held_out = predictor.metrics["held_out"]
    for said in (
        "The model estimates Math score",
        "What it must not be used for",
        "To decide about a person",
        f"{held_out['mae']['value']:.1f} points off on average",
        f"{held_out['mae']['low']:.1f} to {held_out['mae']['high']:.1f}",
        f"{held_out['r2']['value']:.3f}",
        predictor.run.run_id,
    ):
        assert said in text


def test_every_model_that_was_compared_stands_in_the_leaderboard(client, predictor):
    text = words(client.get("/model").text)
    for row in predictor.metrics["leaderboard"]:
        assert f"{row['label']} " in text
        assert f"{row['r2_low']:.3f} to {row['r2_high']:.3f}".replace("-", "−") in text


def test_the_coverage_of_each_interval_is_told(client, predictor):
    text = words(client.get("/model").text)
    for row in predictor.metrics["coverage"]:
        assert f"{100 * row['level']:.0f} % {100 * row['coverage']:.0f} %" in text


def test_fairness_is_told_by_sensitive_feature_with_its_sentences(client, predictor):
    page = client.get("/model").text
    found = json.loads(predictor.run.read_report("report.json"))["fairness"]
    for name in ("Gender", "School lunch"):
        assert f"Errors by {name}" in page
    assert all(sentence.split(":")[0] in words(page) for sentence in found["sentences"])


def test_what_the_model_relies_on_most_comes_first(client, predictor):
    page = client.get("/model").text
    rows = json.loads(predictor.run.read_report("report.json"))["importance"]
    labels = {feature.name: feature.label for feature in predictor.schema.features}
    ranked = [labels[row["feature"]] for row in rows]
    drops = [row["r2_drop"]["value"] for row in rows]
    assert drops == sorted(drops, reverse=True)
    assert re.findall(r"<li><span>(.*?)</span>", page) == [
        label.replace("'", "&#39;") for label in ranked
    ]


@pytest.mark.parametrize("name", ["report.html", "model_card.md"])
def test_the_report_is_downloaded_as_training_wrote_it(client, predictor, name):
    assert f"/model/{name}" in client.get("/model").text
    response = client.get(f"/model/{name}")
    assert response.data == predictor.run.read_report(name)
    # Shown in the page's own origin, its style would meet the security policy.
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    assert predictor.run.run_id in response.headers["Content-Disposition"]


@pytest.mark.parametrize("name", ["report.json", "manifest.json", "..%2Fmanifest.json", "x"])
def test_nothing_else_of_a_run_is_sent(client, name):
    assert client.get(f"/model/{name}").status_code == 404


@pytest.fixture
def without_report(make_app, own_artifacts: Path):
    for path in own_artifacts.glob(f"runs/*/{REPORT_MANIFEST}"):
        path.unlink()
    return make_app(artifacts_dir=own_artifacts).test_client()


def test_a_run_without_a_report_shows_what_every_run_has(without_report):
    page = without_report.get("/model").text
    assert "/model/report.html" not in page
    assert "The models compared" in page
    assert "No report was written for this run" in words(page)
    missing = without_report.get("/model/report.html")
    assert missing.status_code == 404
    assert "--budget standard" in missing.text


def test_a_report_that_was_changed_is_not_shown(make_app, own_artifacts: Path):
    (path,) = own_artifacts.glob("runs/*/report.json")
    path.write_bytes(path.read_bytes() + b" ")
    client = make_app(artifacts_dir=own_artifacts).test_client()
    page = client.get("/model")
    assert page.status_code == 200
    assert "report.json of run" in words(page.text)
    assert "is not the file that training saved" in words(page.text)
    assert "/model/report.html" not in page.text
    assert client.get("/").status_code == 200


def test_the_history_tells_every_promotion_the_latest_first(make_app, own_artifacts: Path):
    store = ArtifactStore(own_artifacts, "")
    first = store.promoted()
    second = shutil.copytree(first.folder, store.runs / "20300101T000000Z-abcdef")
    manifest = json.loads((second / "manifest.json").read_bytes())
    manifest |= {"run_id": second.name, "model": "Another model"}
    (second / "manifest.json").write_text(json.dumps(manifest))
    store.promote(store.run(second.name), "train")
    store.promote(first, "promote")
    page = make_app(artifacts_dir=own_artifacts).test_client().get("/model").text
    history = words(page[page.index('id="history"') :])
    ids = re.findall(r"\d{8}T\d{6}Z-[0-9a-f]{6}", history)
    assert ids == [first.run_id, second.name, first.run_id]
    assert history.count(", in use") == 1
    assert "Another model" in history
    assert "taken back into use" in history
    shutil.rmtree(second)
    gone = make_app(artifacts_dir=own_artifacts).test_client().get("/model").text
    assert "not there any more" in gone


def test_a_page_names_a_model_in_its_language():
    single = {"model": "Ridge regression", "winner": "ridge", "leaderboard": [{"name": "ridge"}]}
    with speaking("de"):
        assert why_chosen(single).startswith("Gewählt wurde: Ridge-Regression.")
    assert why_chosen(single).startswith("Ridge regression was chosen")


def test_why_a_model_was_chosen_is_what_the_leaderboard_shows():
    board = [{"name": name} for name in ("single_column", "ridge", "svr")]
    metrics = {"model": "Ridge regression", "winner": "ridge", "leaderboard": board}
    assert "it is there for comparison" in why_chosen(metrics)
    assert "too little more" in why_chosen(metrics | {"winner": "svr"})
    blend = {"name": "blend", "params": {"ridge": 0.3, "svr": 0.7}}
    made = why_chosen({"model": "Blend", "winner": "blend", "leaderboard": [*board, blend]})
    assert made == "Blend of 2 models was chosen: in these shares they erred least together."


def test_without_a_model_the_page_says_so(empty_client):
    response = empty_client.get("/model")
    assert response.status_code == 503
    assert "No model yet" in response.text


@pytest.fixture(scope="module")
def blind(make_app, tmp_path_factory):
    """Return a client and a predictor of a model that is not given the sensitive features."""
    artifacts = tmp_path_factory.mktemp("blind")
    TrainPipeline(TrainConfig(models=("ridge",), exclude_sensitive=True, artifacts=artifacts)).run()
    return make_app(artifacts_dir=artifacts).test_client(), Predictor.load(artifacts)


def test_a_model_without_the_sensitive_features_does_not_ask_for_them(blind):
    client, predictor = blind
    page = client.get("/").text
    assert not [name for name in ("gender", "race_ethnicity") if f'name="{name}"' in page]
    assert "Why are sensitive questions asked?" not in page
    assert "gender" not in predictor.schema.names


def test_what_leaving_them_out_costs_stands_on_the_page(blind):
    client, predictor = blind
    cost = json.loads(predictor.run.read_report("report.json"))["exclusion"]
    assert " ".join(cost["sentence"].split()[:6]) in words(client.get("/model").text)


def test_a_report_of_an_earlier_version_is_still_told(make_app, own_artifacts: Path):
    store = ArtifactStore(own_artifacts, "")
    run = store.promoted()
    files = {name: run.read_report(name) for name in ("report.html", "model_card.md")}
    numbers = json.loads(run.read_report("report.json"))
    del numbers["fairness"]["findings"]
    numbers["fairness"]["sentences"] = ["What was written then."]
    figure = {"value": 0.01, "low": 0.005, "high": 0.02}
    numbers["exclusion"] = {
        "left_out": ["age"], "n_samples": 200, "r2": figure, "rmse": figure, "mae": figure,
        "sentence": "Leaving out age costs 0.010 R² (95 % interval 0.005 to 0.020; 200 rows)",
    }  # fmt: skip
    store.add_report(run, files | {"report.json": json.dumps(numbers).encode()})
    text = words(make_app(artifacts_dir=own_artifacts).test_client().get("/model").text)
    assert "What was written then." in text
    assert numbers["exclusion"]["sentence"] in text


def damaged(own_artifacts: Path, change) -> None:
    """Write another report.json, with hashes that fit."""
    run = ArtifactStore(own_artifacts, "").promoted()
    numbers = json.loads(run.read_report("report.json"))
    change(numbers)
    content = json.dumps(numbers).encode()
    (run.folder / "report.json").write_bytes(content)
    hashes = json.loads((run.folder / REPORT_MANIFEST).read_bytes())
    hashes["report.json"] = sha256(content)
    (run.folder / REPORT_MANIFEST).write_text(json.dumps(hashes), "utf-8")


@pytest.mark.parametrize(
    "change",
    [
        lambda found: found.clear(),
        lambda found: found.update(importance="<b>"),
        lambda found: found["importance"][0].update(r2_drop="<b>"),
        lambda found: found["fairness"]["groupings"][0]["groups"][0].pop("rmse"),
        lambda found: found["fairness"]["groupings"][0].update(groups=[-1]),
        lambda found: found["fairness"]["findings"].append({"kind": "x", "values": {}}),
        lambda found: found.update(exclusion={"left_out": 1}),
    ],
)
def test_a_report_of_another_shape_is_not_shown_and_the_page_says_so(
    make_app, own_artifacts, change
):
    """A2."""
    damaged(own_artifacts, change)
    client = make_app(artifacts_dir=own_artifacts).test_client()
    page = client.get("/model")
    assert page.status_code == 200
    assert "report.json of run" in words(page.text)
    assert client.get("/").status_code == 200
    assert client.get("/api/v1/model").json["report"] is None
    assert client.get("/ready").status_code == 200


def test_a_damaged_history_hides_no_model(make_app, own_artifacts):
    """A2."""
    client = make_app(artifacts_dir=own_artifacts).test_client()
    pointer = own_artifacts / "manifest.json"
    values = json.loads(pointer.read_bytes())
    pointer.write_text(json.dumps(values | {"history": [7]}), "utf-8")
    assert client.get("/model").status_code == 200
    assert "is damaged" in client.get("/ready").json["problem"]


def test_a_model_that_may_be_nothing_says_so_before_anything_else(predictor, sample_artifacts):
    doubtful = copy(predictor)
    doubtful.metrics = predictor.metrics | {"chance_p_value": 0.03}
    page = describe_model(doubtful, ArtifactStore(sample_artifacts, ""))
    (doubt,) = page.doubts
    assert doubt.startswith("This model may be nothing: 3 of 100 tables")
    assert page.summary[0].startswith("The model estimates")
    assert describe_model(predictor, ArtifactStore(sample_artifacts, "")).doubts == []
