"""A model that was trained on what is known by a stage says so wherever it is used."""

from __future__ import annotations

import random
from pathlib import Path

from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig


def test_form_model_page_and_api_say_by_when_all_of_it_is_known(make_app, tmp_path: Path) -> None:
    dice, lines = random.Random(0), ["hours,quiz,exam,mark"]
    for _ in range(60):
        hours, quiz, exam = (dice.randint(0, 20) for _ in range(3))
        lines.append(f"{hours},{quiz},{exam},{2 * hours + quiz + exam + dice.randint(0, 5)}")
    data = tmp_path / "class.csv"
    data.write_text("\n".join(lines), "utf-8")
    data.with_name("class.schema.toml").write_text(
        '[columns.quiz]\navailable = "day 30"\n[columns.exam]\navailable = "day 90"\n', "utf-8"
    )
    artifacts = tmp_path / "artifacts"
    config = TrainConfig(
        data=str(data), target="mark", as_of="day 30", models=("ridge",), budget="quick",
        artifacts=artifacts,
    )  # fmt: skip
    TrainPipeline(config).run()
    client = make_app(artifacts_dir=artifacts).test_client()
    form, model = (client.get(path).get_data(as_text=True) for path in ("/", "/model"))
    assert "Answer what is known by day 30." in form
    assert 'name="quiz"' in form
    assert 'name="exam"' not in form
    assert "It was trained on what is known by day 30." in model
    assert "Columns not used: exam." in model
    assert client.get("/api/v1/schema").json["as_of"] == "day 30"
