"""Write two papers about the promoted model: ``python -m src.pipelines.write_papers``.

Technical documentation in the order of Annex IV of the EU's AI Act, and a notice for pupils and
parents. Figures are filled from the run and the records, each with its file; the rest is marked.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from src.artifact_store import ArtifactStore, Run
from src.components.model_report import report_templates
from src.config import Settings, load_settings
from src.exception import StuPredictionError
from src.language import speaking
from src.pipelines.option_values import Once, option_path, option_text
from src.report.papers import (
    DOCUMENTATION,
    LANGUAGES,
    NOTICE,
    Paper,
    places_of_level,
)
from src.report.wording import Names, day, plain
from src.schema.features import ClassTarget
from src.schema.record import Schema
from src.utils import write_bytes

RECORDS = "records report"  # what a source is called that is no file of the run
LEVEL = 0.9


def write_papers(
    store: ArtifactStore, run: Run, settings: Settings, language: str, folder: Path
) -> dict[Path, list[str]]:
    """Write both papers, and return what people must still fill in of each.

    Raises
    ------
    StuPredictionError
        If the run cannot be read.
    OSError
        If the papers cannot be written.
    """
    files = files_of(run, settings)
    folder.mkdir(parents=True, exist_ok=True)
    found = {}
    for name, spoken in ((DOCUMENTATION, "en"), (f"{NOTICE}.{language}", language)):
        paper = Paper(files, spoken)
        template = report_templates().get_template(f"{name}.html.jinja")
        with speaking(spoken):
            page = template.render(paper=paper, **_context(store, run, settings, files))
        path = folder / f"{name}.html"
        write_bytes(path, page.encode())
        found[path] = paper.blanks
    return found


def files_of(run: Run, settings: Settings) -> dict[str, Any]:
    """Return what the papers are filled from, by the name under which figures tell it."""
    files = {name: run.read_json(name) for name in ("schema.json", "metrics.json", "findings.json")}
    files["manifest.json"] = asdict(run.manifest)
    report = run.read_report("report.json")
    files["report.json"] = None if report is None else json.loads(report)
    files[RECORDS] = _records_report(settings)
    return files


def _records_report(settings: Settings) -> dict[str, Any] | None:
    if not settings.records_url:
        return None
    from src.records.database import opened
    from src.records.report import latest

    with opened(settings.records_url) as engine, engine.connect() as connection:
        return latest(connection)


def _context(
    store: ArtifactStore, run: Run, settings: Settings, files: dict[str, Any]
) -> dict[str, Any]:
    """Return the words of a paper that are not figures, in the language that is spoken."""
    schema, metrics = Schema.from_dict(files["schema.json"]).spoken(), files["metrics.json"]
    names, is_class = Names(schema), isinstance(schema.target, ClassTarget)
    history = store.history()
    before = [line.run_id for line in history if line.run_id != run.run_id]
    report, level = files["report.json"], places_of_level(metrics, LEVEL)
    unit = "" if is_class else plain(schema.target.unit)
    return {
        "target": names.target,
        "unit": f" {unit}" if unit else "",
        "outcomes": is_class,
        "features": [
            {
                "label": names.of(one.name),
                "kind": one.kind,
                "optional": one.optional,
                "sensitive": one.sensitive,
            }
            for one in schema.features
        ],
        "sensitive": [names.of(one.name) for one in schema.features if one.sensitive],
        "level": level,
        "coverage": level.partition(".")[0],
        "n_levels": len(metrics.get(level.partition(".")[0], ())) if level else 0,
        "manifest": run.manifest,
        "metrics": metrics,
        "challenge": "challenge" in metrics,
        "fairness": report["fairness"].get("sentences", []) if report else [],
        "history": history,
        "earlier": before[-1] if before else "",
        "run_id": run.run_id,
        "made": day(run.manifest.created),
        "signed": bool(run.signing_key),
        "keeps": bool(settings.records_url),
        "records": RECORDS,
        "came_true": bool((files[RECORDS] or {}).get("figures")),
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m src.pipelines.write_papers",
        description="Write technical documentation in the order of Annex IV of the EU's AI Act, "
        "and a notice for pupils and parents, filled from a run and the records. They do not say "
        "that the law is complied with.",
    )
    parser.add_argument(
        "--language", choices=LANGUAGES, default="en", help="of the notice (default: %(default)s)"
    )
    parser.add_argument(
        "--run",
        type=option_text,
        action=Once,
        metavar="RUN_ID",
        help="the run that they are about (default: the promoted one)",
    )
    parser.add_argument(
        "--output",
        type=option_path,
        action=Once,
        default=Path("papers"),
        metavar="DIR",
        help="folder to write to (default: %(default)s)",
    )
    options = parser.parse_args(arguments)
    try:
        settings = load_settings()
        store = ArtifactStore(settings.artifacts_dir, settings.model_signing_key)
        run = store.run(options.run) if options.run else store.promoted()
        found = write_papers(store, run, settings, options.language, options.output)
    except StuPredictionError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"{error.filename}: {error.strerror}\n")
        return 1
    for path, blanks in found.items():
        sys.stdout.write(f"{path}: {len(blanks)} places are for people to fill in\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
