"""Take the pictures of the pages: `python docs/make_screenshots.py`, then look at each.

It needs Debian's `chromium` and a promoted model, whose form it fills in and sends. The class that
it uploads is made up from the schema. `streamlit` is the page of `make frontend`.
"""

from __future__ import annotations

import argparse
import csv
import io
import logging
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, sync_playwright  # noqa: E402
from playwright.sync_api import Error as PlaywrightError  # noqa: E402

from application import create_app  # noqa: E402
from benchmarks.threaded import served  # noqa: E402
from src.config import Settings  # noqa: E402
from src.schema.features import NumericFeature  # noqa: E402
from src.schema.record import Schema  # noqa: E402
from src.serving.predictor import Predictor  # noqa: E402
from src.tables.cells import format_number  # noqa: E402

SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
STATES = ("form", "result", "errors", "upload", "class", "model", "api", "no-model", "not-found",
          "streamlit")  # fmt: skip
PATHS = {"upload": "/batch", "class": "/batch", "model": "/model", "api": "/docs",
         "not-found": "/nowhere"}  # fmt: skip


@contextmanager
def serve(artifacts: Path) -> Iterator[str]:
    """Run the app on a free port and give its address."""
    app = create_app(Settings(artifacts_dir=artifacts, log_level="ERROR"))
    with served(app) as url:
        yield url


@contextmanager
def serve_streamlit(api_url: str) -> Iterator[str]:
    """Run the Streamlit page before a back end and give its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "streamlit", "run", ROOT / "appFrontend" / "app.py",
         "--server.headless", "true", "--server.address", "127.0.0.1", "--server.port", port],
        env=os.environ | {"API_URL": api_url}, stdout=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def open_when_ready(page: Page, url: str) -> None:
    """Open the Streamlit page, once its server listens, and wait until it is drawn."""
    deadline = time.monotonic() + 60
    while True:
        try:
            page.goto(url)
            break
        except PlaywrightError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.5)
    page.get_by_role("button", name="Fill in an example").click(timeout=60_000)
    page.get_by_test_id("stMetric").first.wait_for()
    page.wait_for_timeout(3_000)  # charts are drawn after the text
    height = page.get_by_test_id("stMainBlockContainer").evaluate("it => it.scrollHeight")
    page.set_viewport_size({"width": page.viewport_size["width"], "height": height})
    page.wait_for_timeout(1_000)


def fill_in(page: Page, schema: Schema) -> None:
    """Answer every question with something plain."""
    for feature in schema.features:
        field = page.locator(f"[name={feature.name}]")
        if isinstance(feature, NumericFeature):
            low, high = feature.range
            field.fill(format_number(float(round(low + 0.72 * (high - low)))))
        elif field.first.get_attribute("type") == "radio":
            field.nth(0).check()
        else:
            field.select_option(feature.categories[len(feature.categories) // 2])


def made_up_class(schema: Schema, n_rows: int = 24) -> bytes:
    """Return a CSV file of students, one of whom has a number that is none."""
    chance = random.Random(1)  # noqa: S311 - nothing is kept secret by it
    rows = []
    for i in range(n_rows):
        row = [f"Student {i + 1}"]
        for feature in schema.features:
            if isinstance(feature, NumericFeature):
                low, high = feature.observed_minimum, feature.observed_maximum
                row.append(format_number(float(round(chance.triangular(low, high)))))
            else:
                row.append(chance.choice(feature.categories))
        rows.append(row)
    if schema.numeric:
        rows[4][1 + schema.names.index(schema.numeric[0].name)] = "ninety"
    content = io.StringIO()
    csv.writer(content).writerows((["name", *schema.names], *rows))
    return content.getvalue().encode()


def show(page: Page, state: str, urls: Mapping[str, str], schema: Schema) -> None:
    """Bring a page into a state."""
    if state == "streamlit":
        open_when_ready(page, urls["streamlit"])
        return
    page.goto(urls.get(state) or urls["app"] + PATHS.get(state, ""))
    if state == "class":
        file = {"name": "class-7b.csv", "mimeType": "text/csv", "buffer": made_up_class(schema)}
        page.get_by_label("File").set_input_files(file)
        if isinstance(schema.target, NumericFeature):
            middle = sum(schema.target.range) / 2
            page.get_by_label("Pass mark").fill(format_number(float(round(middle))))
        page.get_by_role("button", name="Upload and predict").click()
        page.get_by_role("heading", name="Overview").wait_for()
    if state in ("result", "errors"):
        fill_in(page, schema)
        if state == "errors":
            for feature, wrong in zip(schema.numeric, ("ninety", "1e400"), strict=False):
                page.locator(f"[name={feature.name}]").fill(wrong)
            for feature in [f for f in schema.categorical if len(f.categories) > 4][:1]:
                page.locator(f"[name={feature.name}]").select_option("")
        page.get_by_role("button", name="Predict").click()
        page.locator("#answer").wait_for()


def take(browser: Browser, arguments: argparse.Namespace) -> None:
    """Write a picture of each state, on a desktop and a phone, light and dark."""
    schema = Predictor.load(arguments.artifacts).schema
    arguments.output.mkdir(parents=True, exist_ok=True)
    with (
        tempfile.TemporaryDirectory() as empty,
        serve(arguments.artifacts) as url,
        serve(Path(empty)) as empty_url,
        serve_streamlit(url) as streamlit_url,
    ):
        urls = {"app": url, "no-model": empty_url, "streamlit": streamlit_url}
        for state in arguments.states or STATES:
            for size, (width, height) in SIZES.items():
                for scheme in ("light", "dark"):
                    page = browser.new_page(
                        viewport={"width": width, "height": height}, color_scheme=scheme
                    )
                    show(page, state, urls, schema)
                    path = arguments.output / f"{state}-{size}-{scheme}.png"
                    taken = io.BytesIO(page.screenshot(full_page=True))
                    Image.open(taken).convert("RGB").quantize(128).save(path, optimize=True)
                    page.close()


def main() -> None:
    """Read the options and take the pictures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("states", nargs="*", metavar="STATE", help=", ".join(STATES))
    parser.add_argument("--artifacts", type=Path, default=ROOT / "artifacts")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "images")
    arguments = parser.parse_args()
    logging.getLogger("werkzeug").setLevel("ERROR")
    chromium = shutil.which("chromium")
    if chromium is None:
        parser.exit(1, "Chromium is missing: apt-get install chromium\n")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        take(browser, arguments)
        browser.close()


if __name__ == "__main__":
    main()
