"""The report: whole, safe to open anywhere, and silent about what nobody gave it."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from src.artifact_store import RunManifest
from src.components.model_report import ModelReport, RenderedReport
from src.report import facts
from src.report.data_summary import summarize_data
from src.schema.features import CategoricalFeature, NumericFeature
from src.schema.record import Schema
from src.stats.intervals import Interval
from src.stats.reliability import ReliabilityBin

NASTY = "<script>alert('x')</script> & *b* | `c`"
MARK = NumericFeature(
    name="mark", unit="points", minimum=0, maximum=100, observed_minimum=0, observed_maximum=100
)


def schema(n_features: int = 2, name: str = "course", sensitive: bool = True) -> Schema:
    numbers = tuple(
        NumericFeature(name=f"x{i}", observed_minimum=0, observed_maximum=1)
        for i in range(n_features - 1)
    )
    category = CategoricalFeature(name=name, categories=("none", NASTY), sensitive=sensitive)
    return Schema((*numbers, category), MARK)


def around(value: float) -> Interval:
    return Interval(value, value - 0.05, value + 0.05)


def interval(value: float) -> dict[str, float]:
    return {"value": value, "low": value - 0.05, "high": value + 0.05}


def metrics() -> dict:
    def row(name: str, label: str, r2: float, params: dict) -> dict:
        return {"name": name, "label": label, "r2": r2, "r2_low": r2 - 0.02, "r2_high": r2 + 0.02,
                "behind": None if name == "ridge" else interval(0.8 - r2), "rmse": 5.0,
                "mae": 4.0, "n_trials": 6, "params": params}  # fmt: skip

    return {
        "target": "mark", "unit": "points", "target_mean": 60.0, "winner": "ridge",
        "model": "Ridge regression",
        "held_out": {"n_samples": 200, "r2": interval(0.8), "rmse": interval(5.0),
                     "mae": interval(4.0), "baseline_rmse": 11.0},
        "note": "Chosen inside the training rows.",
        "leaderboard": [row("ridge", "Ridge regression", 0.8, {"alpha": 1.0}),
                        row("catboost", "CatBoost", 0.78, {"depth": 3}),
                        row("dummy", "Mean of the target (baseline)", -0.01, {})],
        "left_out": {"Support vector regression": "no room in the budget (quick)"},
        "coverage": [{"level": 0.9, "coverage": 0.88, "mean_width": 18.0}],
        "pass_mark": None,
    }  # fmt: skip


def everything(n_features: int = 2, n_rows: int = 200, name: str = "course") -> facts.ReportFacts:
    made = schema(n_features, name)
    random = np.random.default_rng(0)
    X = pd.DataFrame({f.name: random.random(n_rows) for f in made.numeric})
    X[name] = pd.Series(random.choice(["none", NASTY], n_rows), dtype=object)
    y = random.uniform(20, 90, n_rows).round()
    y_pred = y + random.normal(0, 5, n_rows)
    level = {"0.9": around(0.9)}
    group = facts.GroupErrors(f"{name} = {NASTY}", 90, around(0.2), around(4.0), around(5.0),
                              level, {"mean_error": 0.4, "mae": 0.9})  # fmt: skip
    return facts.ReportFacts(
        made,
        metrics(),
        run=RunManifest(
            run_id="20260131T120000Z-1a2b3c", created="2026-01-31T12:00:00+00:00", seed=42,
            rows={"total": n_rows + 2, "refused": 2, "used": n_rows, "train": n_rows - 40,
                  "test": 40},
            data_sha256="ab" * 32, schema_fingerprint="cd" * 32, model="Ridge regression",
            options={"data": "marks.csv", "target": "mark", "budget": "standard"},
            dropped={"id": "every value is another one"}, fit_time_s={},
            versions={"scikit-learn": "1.9.0"}, requires=[], python="3.11.7"),
        data=summarize_data(X, y, made),
        learning_curve=(facts.LearningPoint(80, 0.7, 0.66, 0.74, 0.9),
                        facts.LearningPoint(160, 0.8, 0.77, 0.83, 0.85, around(0.1))),
        held_out=facts.HeldOutPredictions(y, y_pred, y_pred - 9, y_pred + 9),
        importance=tuple(facts.Importance(n, 1.5, around(0.1)) for n in made.names),
        refitted=facts.RefittedModel("Ridge regression", 0.8, 160),
        partial_dependence=(
            *(facts.PartialDependence(f.name, (0.0, 0.5, 1.0), (50.0, 55.0, 60.0),
                                      (49.0, 54.0, 58.0), (51.0, 56.0, 62.0))
              for f in made.numeric),
            facts.PartialDependence(name, ("none", NASTY), (55.0, 58.0)),
        ),
        fairness=facts.Fairness(
            (facts.Grouping((name,), (group,), (f"{name} = none",)),),
            (facts.FairnessFinding("equal_errors", {"n_rows": 200}),), 200, 10,
        ),
        pass_mark=facts.PassMark(50.0, 200, 60, around(0.1), 0.21, around(0.11),
                                 (ReliabilityBin(0.0, 0.5, 100, 0.1, around(0.12)),
                                  ReliabilityBin(0.5, 1.0, 100, 0.6, around(0.55)))),
        exclusion=facts.ExclusionCost(("sex",), ("sex",), 200, around(0.01), around(0.2),
                                      around(0.1)),
    )  # fmt: skip


@pytest.fixture(scope="module")
def whole() -> RenderedReport:
    """Everything, rendered once."""
    return ModelReport().run(everything())


def headings(html: str) -> list[str]:
    return re.findall(r"<h2[^>]*>(.*?)</h2>", html, re.DOTALL)


def test_equal_facts_give_equal_bytes(whole: RenderedReport) -> None:
    assert ModelReport().run(everything()) == whole


def test_the_page_is_one_file_that_asks_for_nothing_and_runs_nothing() -> None:
    html = ModelReport().run(everything(name=NASTY)).html.decode()
    assert html.count("<style") == 1
    assert not re.search(r"<script|<link|<iframe|<img|javascript:", html)
    assert not re.search(r"\sstyle\s*=|\son[a-z]+\s*=", re.sub(r"<style.*?</style>", "", html,
                                                              flags=re.DOTALL))  # fmt: skip
    addresses = re.findall(r"(?:src|href|xlink:href)=\"([^\"]*)\"|url\(([^)]*)\)", html)
    assert {a or b for a, b in addresses if not (a or b).startswith("#")} == set()
    assert html.count("<svg") == len(re.findall(r"<svg[^>]*aria-label=\"[^\"]{20,}\"", html))
    assert "&lt;script&gt;" in html


def test_names_and_categories_are_no_markup_in_the_model_card() -> None:
    card = ModelReport().run(everything(name=NASTY)).model_card.decode()
    assert "<script>" not in re.sub(r"```.*?```|`[^`]*`", "", card, flags=re.DOTALL)
    assert r"\*b\*" in card


@pytest.mark.parametrize(
    ("part", "empty"),
    [
        ("learning_curve", ()), ("held_out", None), ("importance", ()),
        ("partial_dependence", ()), ("fairness", None), ("pass_mark", None),
    ],
)  # fmt: skip
def test_what_is_not_given_is_left_out_with_its_heading(
    whole: RenderedReport, part: str, empty: object
) -> None:
    less = ModelReport().run(replace(everything(), **{part: empty})).html.decode()
    missing = [title for title in headings(whole.html.decode()) if title not in headings(less)]
    assert missing
    for title in headings(less):
        assert f">{title}</a>" in less  # each heading stands in the navigation, and no other
    assert not [title for title in missing if f">{title}</a>" in less]


def test_the_schema_and_the_metrics_are_enough() -> None:
    made = ModelReport().run(facts.ReportFacts(schema(1, sensitive=False), metrics()))
    assert b"4.0" in made.html
    assert made.model_card


def test_the_facts_stand_in_the_page_and_in_the_card(whole: RenderedReport) -> None:
    for text in (whole.html.decode(), whole.model_card.decode()):
        assert "20260131T120000Z-1a2b3c" in text
        assert "--target mark" in text
        assert "ab" * 32 in text
        assert "0.80" in text
    html = whole.html.decode()
    assert "no room in the budget (quick)" in html
    assert "Leaving out sex costs 0.010 R² (95 % interval" in html


def test_few_students_are_not_counted() -> None:
    made = everything()
    one = pd.DataFrame({"x0": np.zeros(30), "course": ["none"] * 27 + [NASTY] * 3}).astype(
        {"course": object}
    )
    html = (
        ModelReport()
        .run(replace(made, data=summarize_data(one, np.arange(30.0), made.schema)))
        .html.decode()
    )
    assert "fewer than 10" in html


def test_a_wide_table_with_many_rows_stays_under_a_megabyte() -> None:
    made = ModelReport().run(everything(n_features=32, n_rows=5_000))
    assert len(made.html) < 1_000_000
    assert b"x30" in made.html


def lightness(page) -> float:
    colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


@pytest.mark.browser
def test_it_reads_on_a_phone_without_scrolling_sideways(browser, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(ModelReport().run(everything(n_features=12, name="long" * 20)).html)
    for scheme in ("light", "dark"):
        said: list[str] = []
        page = browser.new_page(viewport={"width": 320, "height": 700}, color_scheme=scheme)
        page.on("console", lambda message, said=said: said.append(message.text))
        page.on("request", lambda asked, said=said: said.append(asked.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= 320
        assert (lightness(page) > 127) == (scheme == "light")
        page.emulate_media(media="print")
        assert lightness(page) > 250
        assert said == [path.as_uri()]


@pytest.mark.browser
def test_a_category_that_is_one_long_word_widens_no_table_on_a_phone(browser, tmp_path) -> None:
    made = everything()
    counts = facts.CategoricalSummary("course", 0, {"long" * 20: 120, "none": 80})
    data = replace(made.data, features=(made.data.features[0], counts))
    path = tmp_path / "report.html"
    path.write_bytes(ModelReport().run(replace(made, data=data)).html)
    page = browser.new_page(viewport={"width": 360, "height": 700})
    page.goto(path.as_uri())
    table = page.locator(".wide", has=page.locator("td.words")).first
    assert table.evaluate("e => e.scrollWidth <= e.clientWidth")


@pytest.mark.browser
def test_it_looks_the_same_under_a_policy_that_allows_its_one_style_sheet(browser) -> None:
    html = ModelReport().run(everything(name=NASTY)).html.decode()
    style = re.search(r"<style>(.*?)</style>", html, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy, said = f"default-src 'none'; style-src 'sha256-{digest}'", []
    page = browser.new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
    answer = {"body": html, "headers": {"Content-Security-Policy": policy,
                                        "Content-Type": "text/html"}}  # fmt: skip
    page.route("**/report.html", lambda route: route.fulfill(**answer))
    page.goto("http://127.0.0.1/report.html")
    dot = page.locator("svg .f-accent").first
    assert dot.evaluate("e => getComputedStyle(e).fill") == "rgb(59, 91, 219)"
    assert page.locator("h1").inner_text() == "How well is mark predicted?"
    assert [text for text in said if "favicon" not in text] == []
