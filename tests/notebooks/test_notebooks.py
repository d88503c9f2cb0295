"""The notebooks run from top to bottom, for any table, and are kept without output."""

import html
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tests.sampling import first
from tests.web.chromium import unfold, violations, watched

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = ROOT / "docs" / "notebooks"
MOST_BYTES = 300_000  # of all pages with their figures


def started(output: Path, *arguments: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(ROOT / "notebooks" / "build.py"), "--output", str(output)]
    (scratch := output / "scratch").mkdir()
    return subprocess.run(
        [*command, *arguments],
        cwd=output,
        env={**os.environ, "TMPDIR": str(scratch)},
        capture_output=True,
        text=True,
        check=False,
    )


def build(output: Path, *arguments: str) -> Path:
    run = started(output, *arguments)
    assert run.returncode == 0, run.stdout[-2000:] + run.stderr[-6000:]
    return output


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(("notebooks", "quick"), id="from-notebooks"),
        pytest.param((".", "standard"), id="from-the-root", marks=pytest.mark.slow),
    ],
)
def built(request, tmp_path_factory) -> Path:
    output = tmp_path_factory.mktemp("built")
    folder, budget = request.param
    return build(output, "--folder", str(ROOT / folder), "--budget", budget)


@pytest.mark.e2e
def test_each_notebook_runs_and_becomes_a_page_whose_figures_say_what_they_show(built):
    for path in NOTEBOOKS:
        page = (built / f"{path.stem}.html").read_text("utf-8")
        figures = re.findall(r"<figure>.*?</figure>", page, re.DOTALL)
        assert len(figures) > 10
        for figure in figures:
            assert 'role="img"' in figure
            assert len(re.search(r'<svg[^>]* ?aria-label="([^"]+)"', figure)[1]) > 20
            assert len(re.search(r"<figcaption>(.+?)</figcaption>", figure)[1]) > 20


@pytest.mark.e2e
def test_no_cell_warns(built):
    for path in NOTEBOOKS:
        assert 'class="stderr"' not in (built / f"{path.stem}.html").read_text("utf-8")


@pytest.mark.e2e
@pytest.mark.browser
@pytest.mark.parametrize(
    ("path", "scheme"),
    first(
        1,
        [
            (NOTEBOOKS[1], "light"),
            (NOTEBOOKS[0], "dark"),
            (NOTEBOOKS[0], "light"),
            (NOTEBOOKS[1], "dark"),
        ],
    ),
)
def test_a_page_is_readable_for_everybody_and_fetches_nothing(browser, built, path, scheme):
    phone = {"width": 320, "height": 800}
    with watched(browser, built.as_uri()) as visit:
        page = visit(f"/{path.stem}.html", viewport=phone, color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") == phone["width"]
        unfold(page)
        assert violations(page) == []
        back = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert back == {"light": "rgb(245, 246, 250)", "dark": "rgb(18, 22, 31)"}[scheme]


@pytest.mark.e2e
def test_each_figure_is_saved_as_svg_and_png_with_its_alternative_text(built):
    for path in NOTEBOOKS:
        folder = built / "figures" / path.stem
        listed = re.findall(r"^!\[(.+)\]\((.+)\.png\)$", (folder / "figures.md").read_text(), re.M)
        assert {name for _, name in listed} == {p.stem for p in folder.glob("*.png")}
        assert {name for _, name in listed} == {p.stem for p in folder.glob("*.svg")}
        assert all((folder / f"{n}.png").read_bytes().startswith(b"\x89PNG") for _, n in listed)
        pictures = [ElementTree.parse(folder / f"{name}.svg").getroot() for _, name in listed]
        assert all(p.find("{*}text").get("font-weight") == "700" for p in pictures)  # its title
        assert [p.get("aria-label").replace("]", ")") for p in pictures] == [a for a, _ in listed]


@pytest.mark.e2e
def test_the_promoted_run_is_as_good_as_the_steps_that_led_to_it(built):
    page = html.unescape((built / "2_model_training.html").read_text("utf-8"))
    promoted, steps = re.search(
        r"R² (\S+) on the rows set aside; .* came to (\S+)\.", page
    ).groups()
    assert promoted == steps


@pytest.mark.e2e
def test_no_copy_of_the_table_is_left_behind(built):
    assert list((built / "scratch").iterdir()) == []


@pytest.mark.e2e
def test_a_wrong_target_stops_with_one_line_that_names_it(tmp_path):
    (tmp_path / "class.csv").write_text("hours,score\n" + "1,2\n3,4\n" * 20)
    run = started(tmp_path, "--data", "class.csv", "--target", "scores")
    assert run.returncode == 1
    (line,) = run.stderr.splitlines()
    assert re.match(r"1_eda\.ipynb stopped\. \w+: .*'scores'", line)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "target"), [("uci_mat.csv", "G3"), ("star3.csv", "math3")])
def test_the_notebooks_run_for_other_tables(real_table, tmp_path, name, target):
    build(tmp_path, "--data", str(real_table(name)), "--target", target)
    assert target in (tmp_path / "1_eda.html").read_text("utf-8")


def odd_tables() -> dict[str, pd.DataFrame]:
    random = np.random.default_rng(0)
    numbers = pd.DataFrame(random.normal(size=(200, 2)), columns=["a$", "b <i>"])
    groups = pd.DataFrame({k: random.choice(["p_1", "q", "点" * 30], 200) for k in "uv"})
    noise = random.normal(0, 3, 200)
    gaps = numbers.assign(**groups, y=5 * numbers["a$"] + noise)
    gaps.loc[::3, ["b <i>", "u"]] = np.nan
    return {
        "no-groups": numbers.assign(y=5 * numbers["a$"] + noise),
        "no-numbers": groups.assign(y=6.0 * (groups.u == "q") + noise),
        "gaps-and-copies": pd.concat([gaps, gaps[:9]]),
        "forty-rows": gaps[:40],
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", odd_tables())
def test_the_notebooks_run_for_odd_tables(tmp_path, name):
    odd_tables()[name].to_csv(tmp_path / "odd.csv", index=False)
    build(tmp_path, "--data", str(tmp_path / "odd.csv"), "--target", "y")


def test_the_notebooks_hold_no_output():
    command = [sys.executable, "-m", "nbstripout", "--keep-id", "--verify", *map(str, NOTEBOOKS)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_the_page_of_a_notebook_shows_its_code_its_words_and_its_figures(path):
    cells = json.loads(path.read_text("utf-8"))["cells"]
    page = (PAGES / f"{path.stem}.md").read_text("utf-8")
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    shown = re.findall(r"^```python\n(.*?)\n```$", page, re.DOTALL | re.MULTILINE)
    assert shown == code, "Run: make notebooks ARGS=--pages"
    for cell in cells:
        if cell["cell_type"] == "markdown":
            assert "".join(cell["source"]) in page
    pictures = re.findall(rf'<img src="{path.stem}/([\w-]+\.svg)" width="400" alt="[^"]+">', page)
    assert len(pictures) > 10
    assert sorted(pictures) == sorted(file.name for file in (PAGES / path.stem).iterdir())


def test_the_pages_are_light():
    files = [file for file in PAGES.rglob("*") if file.is_file()]
    assert sum(file.stat().st_size for file in files) < MOST_BYTES


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_names_no_environment(path):
    notebook = json.loads(path.read_text("utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert "version" not in notebook["metadata"]["language_info"]
