"""Audit the pages with Lighthouse, in Debian's Chromium, against a real gunicorn.

``python -m benchmarks.lighthouse``; needs Chromium and npm (apt-get install chromium npm).

Lighthouse is installed into ``.envs/lighthouse``, which git ignores, when it is first asked for.
The result is reached as a person reaches it: the form is filled in and its button pressed. Then a
class is uploaded, and the model's page and, signed in, the one on what came true are opened.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from werkzeug.security import generate_password_hash

from appBackend.openapi import example_record
from benchmarks.process import clean_environment
from benchmarks.wsgi import train
from src.config import ROOT
from src.serving.predictor import Predictor
from src.web.batch.template import csv_template

VERSION = "12.8.2"
FOLDER = ROOT / ".envs" / "lighthouse"
LIMIT = 95
PASSWORD = "correct horse battery staple"  # of a server that nobody else reaches
CATEGORIES = {
    "performance": "performance",
    "accessibility": "accessibility",
    "best-practices": "best practices",
}
DEVICES = ("mobile", "desktop")
CHROMIUM_FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@dataclass(frozen=True)
class Audit:
    """What Lighthouse says of a page: scores from 0 to 100, and what they fall short by."""

    page: str
    device: str
    scores: Mapping[str, int]
    short: Sequence[str]

    @property
    def passed(self) -> bool:
        return all(self.scores[key] >= LIMIT for key in CATEGORIES)


def install(folder: Path) -> None:
    """Install Lighthouse, without a browser of its own, unless it is there."""
    installed = folder / "node_modules" / "lighthouse" / "package.json"
    if installed.exists() and json.loads(installed.read_text("utf-8"))["version"] == VERSION:
        return
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["npm", "install", "--prefix", str(folder), "--no-save", "--no-package-lock", "--no-audit",
         "--no-fund", f"lighthouse@{VERSION}"],
        check=True, stdout=sys.stderr, env=os.environ | {"PUPPETEER_SKIP_DOWNLOAD": "1"},
    )  # fmt: skip


@contextmanager
def served(artifacts: Path, log: Path) -> Iterator[str]:
    """Run gunicorn on a free port, as it is deployed, and give the address of the form."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    settings = {
        "ARTIFACTS_DIR": str(artifacts),
        "APP_ENV": "production",
        "RECORDS_URL": f"sqlite:///{log.with_name('records.db')}",
        "RECORDS_KEY": secrets.token_hex(32),
        "SECRET_KEY": secrets.token_hex(32),
        "OPERATOR_PASSWORD_HASH": generate_password_hash(PASSWORD),
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "gunicorn", "--bind", address, "application:application"],
            cwd=ROOT, env=clean_environment() | settings, stdout=output, stderr=output,
        )  # fmt: skip
    try:
        wait_until_ready(f"http://{address}/ready", process, log)
        yield f"http://{address}/"
    finally:
        process.terminate()
        process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once a server answers that its model is loaded."""
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5):
            return
        time.sleep(0.1)
    raise RuntimeError(f"gunicorn did not start:\n{log.read_text('utf-8')[-2000:]}")


def audit(
    url: str, record: Mapping[str, object], class_list: Path, device: str, chromium: str
) -> list[Audit]:
    """Return what Lighthouse says of the form at an address, and of the pages beside it."""
    asked = {
        "classList": str(class_list), "password": PASSWORD,
        "url": url, "device": device, "flags": CHROMIUM_FLAGS,
        "record": {name: str(value) for name, value in record.items()},
    }  # fmt: skip
    script = FOLDER / "lighthouse.mjs"  # modules are found from where a script lies
    shutil.copyfile(Path(__file__).with_suffix(".mjs"), script)
    done = subprocess.run(
        ["node", str(script), json.dumps(asked)],
        env=clean_environment() | {"CHROME_PATH": chromium}, capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise RuntimeError(f"Lighthouse failed:\n{done.stderr[-2000:]}")
    return [read(found, device) for found in json.loads(done.stdout.splitlines()[-1])]


def read(found: Mapping[str, object], device: str) -> Audit:
    """Return one page's part of what the script printed."""
    scores: dict[str, float | None] = found["scores"]  # type: ignore[assignment]
    missing = [key for key in CATEGORIES if scores.get(key) is None]
    if missing:
        raise RuntimeError(f"Lighthouse could not score {found['page']}: {', '.join(missing)}")
    return Audit(
        str(found["page"]),
        device,
        {key: round(100 * float(scores[key] or 0)) for key in CATEGORIES},
        found["short"],  # type: ignore[arg-type]
    )


def report(audits: Sequence[Audit]) -> bool:
    """Print each page's scores beside the limit; return whether all reach it."""
    print(f"{'page':<8} {'device':<8}", *(f"{name:>15}" for name in CATEGORIES.values()), "limit")
    for one in audits:
        cells = (f"{one.scores[key]:>15}" for key in CATEGORIES)
        verdict = "" if one.passed else "  MISSED by " + "; ".join(one.short)
        print(f"{one.page:<8} {one.device:<8}", *cells, f">= {LIMIT}{verdict}")
    return all(one.passed for one in audits)


def main() -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        prog="python -m benchmarks.lighthouse",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--artifacts", type=Path, help="a trained model, in place of training one")
    parser.add_argument("--devices", nargs="+", choices=DEVICES, default=DEVICES)
    parser.add_argument("--check", action="store_true", help="exit with 1 where a limit is missed")
    options = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None or shutil.which("npm") is None:
        parser.exit(1, "It needs Chromium and npm: apt-get install chromium npm\n")
    install(FOLDER)
    with tempfile.TemporaryDirectory() as folder:
        artifacts = options.artifacts or Path(folder) / "artifacts"
        if options.artifacts is None:
            train(artifacts, "ridge")
        schema = Predictor.load(artifacts).schema
        record, class_list = example_record(schema), Path(folder) / "class.csv"
        class_list.write_text(csv_template(schema), "utf-8")
        with served(artifacts, Path(folder) / "log") as url:
            audits = [one for device in options.devices
                      for one in audit(url, record, class_list, device, chromium)]  # fmt: skip
    return 1 if not report(audits) and options.check else 0


if __name__ == "__main__":
    raise SystemExit(main())
