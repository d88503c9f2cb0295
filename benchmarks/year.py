"""A year of a school, played on this machine: ``python -m benchmarks.year`` (``make year``).

summer   a model is trained on the pupils of three earlier years
autumn   the app predicts each class; in January the marks come in
winter   a challenger learns from them; unless it is better, it goes on as the shadow
spring   homework is handed in otherwise, and absence costs more: the model errs
summer   drift is looked for, the marks come in, a challenger learns from the whole year

The school is simulated with a seed. ``--output`` then holds the artifacts, the records' database,
the page *What came true* as HTML and as a picture (with Chromium), and the two papers.
"""

from __future__ import annotations

import argparse
import csv
import io
import logging
import os
import random
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.threaded import served
from src.artifact_store import ArtifactStore
from src.config import ROOT, load_settings
from src.web.recording import Recording

SEED = 20_260_801
CLASSES = tuple(f"{grade}{letter}" for grade in range(5, 11) for letter in "ab")
CLASS_SIZE = 24
EARLIER_YEARS = 3
HEADER = ("pupil", "class", "last_mark", "homework_done", "days_absent", "reads", "score")
HINTS = """\
target = "score"
title = "Score at the end of the term"

[columns.score]
label = "Score at the end of the term"
unit = "points"
minimum = 0
maximum = 100
"""
AUTUMN, SPRING = "2026-09-15", "2027-02-15"
OPERATOR = {"X-Operator": "head of school", "X-Forwarded-For": "127.0.0.1"}  # as a proxy says
TRAINING = "src.pipelines.train_pipeline"
RECORDS = "src.records"


@dataclass(frozen=True)
class Pupil:
    """A pupil, and how strong the pupil is."""

    name: str
    of_class: str
    strength: float


def rows_of_term(
    pupils: Sequence[Pupil], chance: random.Random, *, changed: bool
) -> list[list[str | float]]:
    """Return the answers and the score of each pupil.

    Parameters
    ----------
    changed : bool
        Whether homework is counted a fortnight rather than a week, and absence costs more.
    """
    of_class = {name: chance.gauss(0, 1.5) for name in CLASSES}
    rows: list[list[str | float]] = []
    for pupil in pupils:
        mark = round(60 + 11 * pupil.strength + chance.gauss(0, 4))
        homework, absent = chance.randrange(11), chance.randrange(16)
        reads = chance.choice(("often", "sometimes", "never"))
        score = (
            18 + 0.6 * mark + 1.2 * homework - (1.6 if changed else 0.5) * absent
            + {"often": 3, "sometimes": 1, "never": -1}[reads]
            + of_class[pupil.of_class] + chance.gauss(0, 6)
        )  # fmt: skip
        counted = 2 * homework if changed else homework
        shown = min(max(round(score), 0), 100)
        rows.append([pupil.name, pupil.of_class, mark, counted, absent, reads, shown])
    return rows


def school(chance: random.Random, year: int) -> list[Pupil]:
    """Return the pupils of a year."""
    return [
        Pupil(f"{year}-{name}-{i:02}", name, chance.gauss(0, 1))
        for name in CLASSES
        for i in range(CLASS_SIZE)
    ]


@dataclass(frozen=True)
class Year:
    """Where the year is played, and by which settings."""

    folder: Path
    budget: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings of the app and of the commands."""
        return {
            "ARTIFACTS_DIR": str(self.folder / "artifacts"),
            "RECORDS_URL": f"sqlite:///{self.folder / 'records.db'}",
            "RECORDS_KEY": "only the year knows this key",
            "RECORD_SUBJECT": "pupil",
            "RECORD_GROUP": "class",
            "RECORD_FEATURES": "1",
            "TRUSTED_USER_HEADER": next(iter(OPERATOR)),
            "TRUSTED_PROXIES": "1",
            "LOG_LEVEL": "ERROR",
        }

    @property
    def store(self) -> ArtifactStore:
        """The store of the artifacts."""
        return ArtifactStore(self.folder / "artifacts", "")

    def write(self, name: str, rows: Sequence[Sequence[object]], *header: str) -> Path:
        """Write a table."""
        path = self.folder / name
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header or HEADER, *rows])
        return path

    def command(self, module: str, *arguments: str) -> None:
        """Run a command of ours, what it says indented."""
        say(f"$ python -m {module} {' '.join(arguments)}".replace(f"{self.folder}/", ""))
        ran = subprocess.run(
            [sys.executable, "-m", module, *arguments],
            cwd=ROOT, env={**os.environ, **self.environment, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        shown = [] if ran.stdout.startswith("{") else ran.stdout.splitlines()
        say("\n".join(f"    {line}" for line in shown))
        if ran.returncode:
            sys.exit(ran.returncode)

    @contextmanager
    def app(self, **more: str) -> Iterator[str]:
        """Run the app and give its address; what it predicted is written when this ends."""
        os.environ["ARTIFACTS_DIR"] = self.environment["ARTIFACTS_DIR"]
        from application import create_app

        app = create_app(load_settings({**self.environment, **more}))
        try:
            with served(app) as url:
                yield url
        finally:
            app.extensions[Recording.EXTENSION].recorder.close()


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def predict_classes(url: str, rows: Sequence[Sequence[object]], as_of: str) -> None:
    """Have the app predict each class as a file, as the programs of a school do."""
    n_predicted = 0
    for name in CLASSES:
        content = io.StringIO()
        of_class = [[*row[:-1], as_of] for row in rows if row[1] == name]
        csv.writer(content).writerows([(*HEADER[:-1], "as_of"), *of_class])
        request = urllib.request.Request(
            f"{url}/api/v1/predict/batch", content.getvalue().encode(),
            {"Content-Type": "text/csv"},
        )  # fmt: skip
        with urllib.request.urlopen(request, timeout=60) as answer:
            n_predicted += sum(1 for _ in csv.DictReader(io.StringIO(answer.read().decode())))
    say(f"{as_of}: {n_predicted} pupils of {len(CLASSES)} classes were predicted")


def bring_outcomes(year: Year, name: str, rows: Sequence[Sequence[object]], as_of: str) -> None:
    """Bring in what came true; of a few pupils nothing is known."""
    known = [(row[0], row[-1]) for i, row in enumerate(rows) if i % 20]
    path = year.write(name, known, "pupil", "score")
    year.command(RECORDS, "outcomes", "import", str(path), "--as-of", as_of, "--report")


def play(year: Year) -> None:
    """Play the year."""
    chance = random.Random(SEED)
    earlier = [
        row
        for k in range(EARLIER_YEARS)
        for row in rows_of_term(school(chance, 2023 + k), chance, changed=False)
    ]
    for row in earlier:  # another year's 5a is another class
        row[1] = f"{str(row[0])[:4]} {row[1]}"
    trained = str(year.write("trained.csv", earlier))
    (year.folder / "trained.schema.toml").write_text(HINTS, encoding="utf-8")
    pupils = school(chance, 2026)
    autumn = rows_of_term(pupils, chance, changed=False)
    spring = rows_of_term(pupils, chance, changed=True)
    challenge = ("--challenge", "records", "--data", trained, "--promote-if", "better")

    say("\n== August 2026: a model of three earlier years")
    how = ("--pupil", "pupil", "--drop", "class", "--budget", year.budget)
    year.command(TRAINING, "--data", trained, *how)
    champion = year.store.promoted().run_id
    say("\n== Autumn term")
    with year.app() as url:
        predict_classes(url, autumn, AUTUMN)
    bring_outcomes(year, "autumn.csv", autumn, AUTUMN)
    say("\n== Winter: is it time to train again?")
    year.command(TRAINING, *challenge)
    shadow = max(year.store.run_ids())
    beside = {} if year.store.promoted().run_id == shadow else {"SHADOW_RUN": shadow}
    say("\n== Spring term: homework is counted otherwise, absence costs more")
    with year.app(**beside) as url:
        predict_classes(url, spring, SPRING)
    look = ("--reference", trained, "--by", "class", "--day", SPRING)
    year.command(RECORDS, "drift", *look)
    bring_outcomes(year, "spring.csv", spring, SPRING)
    with year.app(**beside) as url:
        keep_page(url, year.folder, "spring")
    say("\n== Summer: a challenger that learnt from the year")
    year.command(TRAINING, *challenge)
    year.command(TRAINING, "--history")
    say(f"The first champion was {champion}; {year.store.promoted().run_id} answers now.")
    year.command("src.pipelines.write_papers", "--output", str(year.folder / "papers"))
    with year.app() as url:
        keep_page(url, year.folder, "summer")


def keep_page(url: str, folder: Path, season: str) -> None:
    """Write the records' page as one file, and as pictures where there is Chromium."""

    def get(path: str) -> str:
        request = urllib.request.Request(url + path, headers=OPERATOR)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text: str = answer.read().decode()
        return text

    page = get("/records")
    styles = re.compile(r'<link rel="stylesheet" href="([^"]+)"[^>]*>')
    alone = styles.sub(lambda found: f"<style>{get(found[1])}</style>", page)
    (folder / f"{season}.html").write_text(alone, encoding="utf-8")
    say(f"The page: {folder / f'{season}.html'}")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        say("There is no picture of it: Chromium is not installed.")
        return
    from PIL import Image
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
        )
        for size, width in (("desktop", 1280), ("phone", 390)):
            for scheme in ("light", "dark"):
                context = browser.new_context(
                    viewport={"width": width, "height": 800},
                    color_scheme=scheme,
                    extra_http_headers=OPERATOR,
                )
                shown = context.new_page()
                shown.goto(f"{url}/records")
                taken = io.BytesIO(shown.screenshot(full_page=True))
                path = folder / f"{season}-{size}-{scheme}.png"
                Image.open(taken).convert("RGB").quantize(64).save(path, optimize=True)
                context.close()
        browser.close()
    say(f"Pictures: {folder}/{season}-*.png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.year",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--output", type=Path, default=Path("build/year"), help="a folder, which is emptied first"
    )
    parser.add_argument("--budget", choices=("quick", "standard"), default="quick")
    options = parser.parse_args(arguments)
    logging.getLogger("werkzeug").setLevel("ERROR")
    folder: Path = options.output.resolve()
    marker = folder / ".played"
    if folder.is_dir() and any(folder.iterdir()) and not marker.exists():
        parser.error(f"{folder} holds other things than a year")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    marker.touch()
    play(Year(folder, options.budget))
    return 0


if __name__ == "__main__":
    sys.exit(main())
