"""A real Chromium, and what every page that it opens is held to."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.sampling import first

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")  # the first takes half the time
CHROMIUM = next(filter(None, map(shutil.which, NAMES)), None)
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
         "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--host-resolver-rules=MAP * 127.0.0.1"]  # fmt: skip
TIMEOUT_MS = 120_000  # a machine may have much else to do
AXE = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@contextmanager
def launched() -> Iterator:
    """Run a browser to which each host is this machine; the test is skipped where it is absent."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium-headless-shell")
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def watched(browser, home: str) -> Iterator[Callable]:
    """Give what opens a page; fail where one complains, opens a dialog or asks another host."""
    contexts, said = [], []

    def visit(path: str = "/", root: str = home, **options):
        context = browser.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("dialog", lambda dialog: (said.append("dialog"), dialog.dismiss()))
        page.on("request", lambda r: r.url.startswith(root) or said.append(r.url))
        page.goto(root + path)
        return page

    yield visit
    for context in contexts:
        context.close()
    # Chromium itself notes every answer above 399; those are asked for here.
    assert [text for text in said if "Failed to load resource: the server" not in text] == []


def looks(width: str, scheme: str) -> pytest.MarkDecorator:
    """Parametrize by a phone in light and a desktop in dark; the other two pairs are slow."""
    pairs = [(390, "light"), (1280, "dark"), (390, "dark"), (1280, "light")]
    return pytest.mark.parametrize((width, scheme), first(2, pairs))


def focused(element) -> None:
    """Wait for the focus to be on an element: a browser moves it a frame after a page has come."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    sync_api.expect(element).to_be_focused(timeout=TIMEOUT_MS)


def titled(page, beginning: str) -> None:
    """Wait for a page whose title begins with these words."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    sync_api.expect(page).to_have_title(re.compile(f"^{beginning}"), timeout=TIMEOUT_MS)


def unfold(page) -> None:
    """Open all that is folded away."""
    for part in page.locator("details").all():
        part.evaluate("e => e.open = true")


def violations(page) -> list[str]:
    """Return what axe-core finds, rule by rule, with the elements."""
    sync = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is missing")
    found = sync.Axe().run(page, options=AXE).response["violations"]
    return [f"{v['id']}: {[n['html'][:120] for n in v['nodes']]}" for v in found]


def n_printed(page) -> int:
    """Return how many sheets a page takes when it is printed."""
    margins = dict.fromkeys(("top", "right", "bottom", "left"), "1cm")
    document = page.pdf(format="A4", margin=margins)
    return len(re.findall(rb"/Type\s*/Page\b", document))
