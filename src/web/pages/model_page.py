"""What the model page says: the run's card, its figures, and the runs before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from src.artifact_store import ArtifactStore, Run
from src.exception import ArtifactError
from src.report.document import CardPart, Cell, ReportTable, Tile
from src.report.facts import ExclusionCost, Fairness, ReportFacts, from_json
from src.report.findings import exclusion_sentence, fairness_sentences
from src.report.saved_report import read_report
from src.report.wording import Measure, Names, day, number, percent, plain, r2_text
from src.serving.predictor import Predictor
from src.web.charts import bar_list

REPORTS = {"report.html": "text/html", "model_card.md": "text/markdown"}
MOST_IMPORTANT = 12
MOST_RUNS = 10


@dataclass(frozen=True)
class ModelPage:
    """Everything on the page, in words and tables.

    Attributes
    ----------
    warnings, notes : sequence of str
        What the check of the training table found.
    groups : tuple of ReportTable
        Errors by each sensitive feature.
    importance : Markup
        How far R² falls when a feature is shuffled, as bars.
    fairness : tuple of str
        Which differences between groups are larger than chance.
    has_report : bool
        Whether there is a report to download; else only what every run has is shown.
    report_problem : str
        Why the report is not read, though there is one.
    """

    target: str
    tiles: Sequence[Tile]
    summary: Sequence[str]
    card: Sequence[CardPart]
    limits: Sequence[str]
    warnings: Sequence[str]
    notes: Sequence[str]
    metrics: ReportTable
    leaderboard: ReportTable
    coverage: ReportTable
    fairness: tuple[str, ...]
    groups: tuple[ReportTable, ...]
    exclusion: str
    importance: Markup
    history: ReportTable
    has_report: bool
    report_problem: str


def describe_model(predictor: Predictor, store: ArtifactStore) -> ModelPage:
    """Return the page of the run that is served."""
    # The report's words, not its plots: no library of training's is imported by them.
    from src.report.accuracy import leaderboard_table
    from src.report.fairness import group_table
    from src.report.model_card import card, held_out_table, limits
    from src.report.overview import summary
    from src.report.table_findings import notes, warnings

    schema, run = predictor.schema, predictor.run
    numbers, problem = _read_numbers(run)
    facts = _facts(predictor, numbers)
    names, measure = Names(schema), Measure.of(schema.target)
    tiles, paragraphs = summary(facts)
    groupings = facts.fairness.groupings if facts.fairness else ()
    return ModelPage(
        target=names.target,
        tiles=tiles,
        summary=paragraphs,
        card=card(facts),
        limits=limits(facts),
        warnings=warnings(predictor.findings),
        notes=notes(predictor.findings),
        metrics=held_out_table(predictor.metrics["held_out"], measure),
        leaderboard=leaderboard_table(predictor.metrics, measure),
        coverage=_coverage(predictor.metrics, measure),
        fairness=fairness_sentences(facts.fairness, schema.target) if facts.fairness else (),
        groups=tuple(
            group_table(one, names, measure) for one in groupings if len(one.features) == 1
        ),
        exclusion=exclusion_sentence(facts.exclusion) if facts.exclusion else "",
        importance=_importance(numbers.get("importance") or (), names),
        history=_history(store, run),
        has_report=bool(numbers),
        report_problem=problem,
    )


def importance_of(run: Run) -> Mapping[str, float]:
    """Return how much a run's model relies on each feature; nothing where no report says so."""
    numbers, _ = _read_numbers(run)  # the model's page tells of a problem
    return {row["feature"]: row["r2_drop"] for row in numbers.get("importance") or ()}


def _read_numbers(run: Run) -> tuple[dict[str, Any], str]:
    """Return report.json, and why it cannot be read."""
    try:
        return read_report(run), ""
    except ArtifactError as error:
        return {}, str(error)


def _facts(predictor: Predictor, numbers: Mapping[str, Any]) -> ReportFacts:
    fairness, cost = numbers.get("fairness"), numbers.get("exclusion")
    if fairness and "findings" not in fairness:  # saved before findings carried values
        written = [
            {"kind": "as_written", "values": {"text": text}} for text in fairness["sentences"]
        ]
        fairness = {**fairness, "findings": written}
    if cost and "labels" not in cost:
        cost = {**cost, "labels": cost["left_out"]}
    return ReportFacts(
        predictor.schema,
        predictor.metrics,
        run=predictor.run.manifest,
        fairness=from_json(Fairness, fairness) if fairness and fairness["groupings"] else None,
        exclusion=from_json(ExclusionCost, cost) if cost else None,
        findings=predictor.findings,
    )


def _coverage(metrics: Mapping[str, Any], measure: Measure) -> ReportTable:
    return ReportTable(
        "Students inside their interval",
        ("Interval", "Held the truth", measure.axis("Mean width")),
        [
            (
                Cell(percent(row["level"])),
                Cell(percent(row["coverage"])),
                Cell(measure.number(row["mean_width"])),
            )
            for row in sorted(metrics.get("coverage") or (), key=lambda row: row["level"])
        ],
    )


def _importance(rows: Sequence[Mapping[str, Any]], names: Names) -> Markup:
    """Return a bar for each of the features that matter most; nothing where that is not known."""
    ranked = sorted(rows, key=lambda row: -row["r2_drop"])[:MOST_IMPORTANT]
    shown = [(names.of(r["feature"]), number(r["r2_drop"], 3), r["r2_drop"]) for r in ranked]
    return bar_list(shown) if shown else Markup("")


def _history(store: ArtifactStore, served: Run) -> ReportTable:
    """Return the latest promotions, the last one first; the one that is served stands out."""
    rows, marked = [], None
    for i, entry in enumerate(reversed(store.history()[-MOST_RUNS:])):
        model, r2 = "not there any more", "–"
        try:
            run = store.run(entry.run_id)
            model = plain(run.manifest.model)
            r2 = r2_text(run.read_json("metrics.json")["held_out"]["r2"]["value"])
        except (ArtifactError, KeyError, TypeError):  # removed, or of an older shape
            pass
        how = f"{'trained' if entry.by == 'train' else 'taken back into use'} {day(entry.at)}"
        if marked is None and entry.run_id == served.run_id:
            marked, how = i, f"{how}, in use"
        rows.append((Cell(entry.run_id, how), Cell(model), Cell(r2)))
    return ReportTable(
        "Runs, the latest first", ("Run", "Model", "R²"), rows, frozenset({1}), marked=marked
    )
