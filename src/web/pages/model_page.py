"""What the model page says: the run's card, its figures, and the runs before it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from src.artifact_store import ArtifactStore, Run
from src.exception import ArtifactError
from src.language import gettext as _
from src.language import mark
from src.report.class_groups import ClassReportFacts
from src.report.document import CardPart, Cell, ReportTable, Tile
from src.report.facts import Facts, ReportFacts
from src.report.findings import exclusion_sentence, fairness_sentences
from src.report.saved_metrics import check_metrics
from src.report.saved_report import SavedReport, load_report
from src.report.stored_words import spoken
from src.report.wording import Measure, Names, day, number, percent, r2_text
from src.serving.outcomes import OutcomePredictor
from src.serving.predictor import Predictor
from src.web.charts import bar_list
from src.web.pages.chosen_model import short_name, why_chosen, with_short_name
from src.web.pages.outcome_model_page import card_parts, outcome_words

REPORTS = {"report.html": "text/html", "model_card.md": "text/markdown"}
MOST_IMPORTANT = 12
MOST_RUNS = 10
ERROR_SIGN = mark(
    "Mean error is actual less predicted: above zero, a group reaches more than is predicted."
)


@dataclass(frozen=True)
class ModelPage:
    """Everything on the page, in words and tables.

    Attributes
    ----------
    use, facts : sequence of CardPart
        Of the model card: what it is for, what not and its limits; how it was made.
    choice : str
        Why the model was chosen of those compared.
    warnings, notes : sequence of str
        What the check of the training table found.
    groups : tuple of ReportTable
        Errors by each sensitive feature.
    importance : Markup
        How far R² falls without a feature, as bars.
    importance_lead : str
        What was measured.
    fairness : tuple of str
        Which differences between groups are larger than chance.
    outcomes, lists : ReportTable or None
        Of a model that predicts outcomes: how many students have which, and what lists of those at
        risk hold.
    capacity : str
        Of the same: what help for some of the students reaches.
    cases : ReportTable or None
        How good it is in new groups, such as schools, and in known ones.
    effects : CardPart or None
        What those that it knows add.
    group_note : str
        What the figures of groups are.
    has_report : bool
        Whether there is a report to download; else only what every run has is shown.
    report_problem : str
        Why the report is not read, though there is one.
    """

    target: str
    tiles: Sequence[Tile]
    doubts: Sequence[str]
    summary: Sequence[str]
    use: Sequence[CardPart]
    facts: Sequence[CardPart]
    warnings: Sequence[str]
    notes: Sequence[str]
    metrics: ReportTable
    leaderboard: ReportTable
    choice: str
    coverage: ReportTable
    levels: ReportTable | None
    fairness: tuple[str, ...]
    groups: tuple[ReportTable, ...]
    exclusion: str
    importance: Markup
    importance_lead: str
    history: ReportTable
    has_report: bool
    report_problem: str
    outcomes: ReportTable | None = None
    lists: ReportTable | None = None
    capacity: str = ""
    cases: ReportTable | None = None
    effects: CardPart | None = None
    group_note: str = ""


def describe_model(predictor: Predictor, store: ArtifactStore) -> ModelPage:
    """Return the page of the run that is served."""
    if isinstance(predictor, OutcomePredictor):
        return _describe_outcomes(predictor, store)
    report, problem = _report(predictor)
    facts = ReportFacts(
        predictor.schema,
        predictor.metrics,
        run=predictor.run.manifest,
        fairness=report.fairness if report and _has_groups(report) else None,
        exclusion=report.exclusion if report else None,
        findings=predictor.findings,
    )
    return ModelPage(
        target=Names(predictor.schema).target,
        **_words(facts),
        **_of_groups(facts),
        **_findings(facts),
        coverage=_coverage(facts.metrics, Measure.of(facts.schema.number)),
        importance=_importance(report, Names(facts.schema)),
        importance_lead=_importance_lead(report),
        group_note=_(ERROR_SIGN),
        history=_history(store, predictor.run),
        has_report=report is not None,
        report_problem=problem,
    )


def _describe_outcomes(predictor: OutcomePredictor, store: ArtifactStore) -> ModelPage:
    from src.report.class_fairness import group_table, meaning

    report, problem = _report(predictor)
    fairness = report.class_fairness if report else None
    facts = ClassReportFacts(
        predictor.schema,
        predictor.metrics,
        run=predictor.run.manifest,
        fairness=fairness,
        exclusion=report.class_exclusion if report else None,
        findings=predictor.findings,
    )
    names = Names(predictor.schema)
    singles = [one for one in fairness.groupings if len(one.features) == 1] if fairness else ()
    return ModelPage(
        target=names.target,
        **outcome_words(facts),
        **_of_groups(facts),
        fairness=report.fairness_sentences(predictor.schema) if report else (),
        groups=tuple(group_table(one, names) for one in singles),
        group_note=" ".join(meaning(facts)),
        exclusion=report.exclusion_sentence() if report else "",
        importance=_importance(report, names),
        importance_lead=_importance_lead(report, _("R² (McFadden's)")),
        history=_history(store, predictor.run),
        has_report=report is not None,
        report_problem=problem,
    )


def importance_of(predictor: Predictor) -> Mapping[str, float]:
    """Return how much a model relies on each feature; nothing where no report says so."""
    report, __ = _report(predictor)  # the model's page tells of a problem
    rows = report.importance if report else ()
    return {one.feature: one.mean_absolute_contribution for one in rows}


def _report(predictor: Predictor) -> tuple[SavedReport | None, str]:
    """Return the figures of the run's report, and why they cannot be shown."""
    try:
        return load_report(predictor.run, predictor.schema), ""
    except ArtifactError as error:
        return None, str(error)


def _has_groups(report: SavedReport) -> bool:
    return report.fairness is not None and bool(report.fairness.groupings)


def _words(facts: ReportFacts) -> dict[str, Any]:
    """Return what every run has: the card, its limits, how good the model is."""
    # The report's words, not its plots: no library of training's is imported by them.
    from src.report.accuracy import leaderboard_table
    from src.report.model_card import held_out_table
    from src.report.overview import coverage_by_level, doubt, summary
    from src.report.table_findings import notes, warnings

    measure = Measure.of(facts.schema.number)
    tiles, paragraphs = summary(facts)
    doubts = doubt(facts)
    return {
        "tiles": tiles,
        "doubts": doubts,
        "summary": paragraphs[len(doubts) :],
        **card_parts(facts),
        "choice": why_chosen(facts.metrics),
        "warnings": warnings(facts.findings),
        "notes": notes(facts.findings),
        "metrics": held_out_table(facts.metrics["held_out"], measure),
        "levels": coverage_by_level(facts),
        "leaderboard": with_short_name(leaderboard_table(facts.metrics, measure), facts.metrics),
    }


def _of_groups(facts: Facts) -> dict[str, Any]:
    """Return what is said of groups, such as schools, where the model knows any."""
    from src.report.group_effects import effect_sentences, not_what_it_is
    from src.report.group_scores import GroupWords, scores_table

    if (groups := facts.groups) is None:
        return {}
    words = GroupWords.of(facts.schema)
    said = [*effect_sentences(groups, facts.schema), *not_what_it_is(words)]
    effects = CardPart(_("What a %(group)s adds", group=words.one), said)
    return {"cases": scores_table(groups, facts.schema), "effects": effects}


def _findings(facts: ReportFacts) -> dict[str, Any]:
    """Return what only the report knows: errors by group, and what leaving columns out costs."""
    from src.report.fairness import group_table

    target, fairness = facts.schema.number, facts.fairness
    singles = [one for one in fairness.groupings if len(one.features) == 1] if fairness else ()
    names, measure = Names(facts.schema), Measure.of(target)
    return {
        "fairness": fairness_sentences(fairness, target) if fairness else (),
        "groups": tuple(group_table(one, names, measure) for one in singles),
        "exclusion": exclusion_sentence(facts.exclusion) if facts.exclusion else "",
    }


def _coverage(metrics: Mapping[str, Any], measure: Measure) -> ReportTable:
    return ReportTable(
        _("Students inside their interval"),
        (_("Interval"), _("Held the truth"), measure.axis(_("Mean width"))),
        [
            (
                Cell(percent(row["level"])),
                Cell(percent(row["coverage"])),
                Cell(measure.number(row["mean_width"])),
            )
            for row in sorted(metrics.get("coverage") or (), key=lambda row: row["level"])
        ],
    )


def _importance(report: SavedReport | None, names: Names) -> Markup:
    """Return a bar for each feature that was left out; nothing where none was."""
    drops = [(row.feature, row.r2_drop) for row in report.importance] if report else []
    shown = [(names.of(name), number(drop.value, 3), drop.value) for name, drop in drops if drop]
    return bar_list(shown[:MOST_IMPORTANT]) if shown else Markup("")


def _importance_lead(report: SavedReport | None, measure: str = "R²") -> str:
    if not report or not (refitted := report.refitted):
        return ""
    return _(
        "%(model)s was fitted again without one feature at a time. With all of them its "
        "%(measure)s is %(value)s on students whom it had not seen: by how much does it fall?",
        model=spoken(refitted.label),
        measure=measure,
        value=r2_text(refitted.r2),
    )


def _history(store: ArtifactStore, served: Run) -> ReportTable:
    """Return the latest promotions, the last one first; the one that is served stands out."""
    rows, marked, promotions = [], None, []
    with suppress(ArtifactError):  # readiness says so
        promotions = store.history()[-MOST_RUNS:]
    for i, entry in enumerate(reversed(promotions)):
        model, quality = _("not there any more"), "–"
        try:
            run = store.run(entry.run_id)
            metrics = run.read_json("metrics.json")
            check_metrics(metrics)
            model = short_name(run.manifest.model, metrics)
            quality = _held_out_quality(metrics["held_out"])
        except (ArtifactError, OSError, TypeError, ValueError):  # removed, or of another shape
            pass
        in_use = marked is None and entry.run_id == served.run_id
        if in_use:
            marked = i
        how = _how_promoted(entry.by, in_use=in_use) % {"day": day(entry.at)}
        rows.append((Cell(entry.run_id, how), Cell(model), Cell(quality)))
    return ReportTable(
        _("Runs, the latest first"),
        (_("Run"), _("Model"), _("Held out")),
        rows,
        frozenset({1}),
        marked=marked,
    )


def _how_promoted(by: str, *, in_use: bool) -> str:
    if by == "train":
        return _("trained %(day)s, in use") if in_use else _("trained %(day)s")
    if in_use:
        return _("taken back into use %(day)s, in use")
    return _("taken back into use %(day)s")


def _held_out_quality(held_out: Mapping[str, Any]) -> str:
    """Return the figure by which runs are told apart: they may predict other things."""
    if "log_loss" in held_out:
        return _("log loss %(value)s", value=number(held_out["log_loss"]["value"], 3))
    return _("R² %(value)s", value=r2_text(held_out["r2"]["value"]))
