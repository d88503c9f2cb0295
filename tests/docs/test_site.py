"""The site is built without a warning and reads nothing from elsewhere."""

from __future__ import annotations

import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def build(source: Path, output: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet",
         "--conf-dir", ROOT / "docs", source, output],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip


class Sources(HTMLParser):
    """Collects what a page has a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        name = {"script": "src", "img": "src", "link": "href"}.get(tag)
        if name and values.get(name) and values.get("rel") not in ("canonical",):
            self.loaded.append(values[name])


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("site")
    done = build(ROOT, output)
    assert done.returncode == 0, done.stderr
    return output


def test_every_page_is_built_without_a_warning(site: Path) -> None:
    for name in ("docs/index", "docs/guide", "docs/reference/settings", "README", "deploy/README"):
        assert (site / f"{name}.html").exists()


def test_reading_the_site_loads_nothing_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        sources = Sources()
        sources.feed(page.read_text("utf-8"))
        outside = [one for one in sources.loaded if one.startswith(("http:", "https:", "//"))]
        assert outside == [], page.relative_to(site)


def test_a_link_to_a_heading_that_is_not_there_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# A page\n\n[there](#nowhere)\n")
    done = build(tmp_path, tmp_path / "out")
    assert done.returncode != 0
    assert "nowhere" in done.stderr
