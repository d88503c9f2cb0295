"""The command of lead times: ``… train_pipeline --lead-time``."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from src.components.model_report import page_language, report_templates
from src.language import ENGLISH, speaking
from src.pipelines.check_command import log_findings, show_findings
from src.pipelines.lead_time import LeadTime, Training
from src.pipelines.train_console import progress_shown
from src.report.document import ReportTable
from src.report.lead_time import (
    baselines_table,
    lead_time_dict,
    lists_table,
    notes,
    origin,
    sections,
    stages_table,
    summary,
    tiles,
    title,
)
from src.report.lead_time_facts import LeadTimeFacts
from src.utils import to_json, write_bytes

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PAGE, NUMBERS = "lead_time.html", "lead_time.json"


def report_lead_time(
    training: Training, options: argparse.Namespace, out: Console, errors: Console
) -> dict[str, Any]:
    """Score all stages, write the page and print the tables; return them as JSON has it."""
    notice = log_findings if options.quiet else partial(show_findings, errors, training=True)
    lead_time = LeadTime(training, options.capacity)
    with progress_shown(None if options.quiet else errors) as progress:
        facts = lead_time.run(progress, notice)
    write_page(options.artifacts, facts, options.language)
    show_lead_time(facts, out)
    out.print(f"\nReport: {options.artifacts / PAGE}", markup=False, soft_wrap=True)
    return {"trained": False, "lead_time": lead_time_dict(facts)}


def write_page(folder: Path, facts: LeadTimeFacts, language: str = ENGLISH) -> None:
    """Write lead_time.html, which fetches nothing, in a language, and lead_time.json in English.

    Raises
    ------
    OSError
        If they cannot be written.
    """
    with speaking(language):
        page = _page(facts)
    numbers = to_json(lead_time_dict(facts))
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / NUMBERS, numbers)
    write_bytes(folder / PAGE, page.encode())


def _page(facts: LeadTimeFacts) -> str:
    from markupsafe import Markup

    return (
        report_templates()
        .get_template("report.html.jinja")
        .render(
            **page_language(),
            title=title(facts),
            made=origin(facts),
            name="",
            tiles=tiles(facts),
            paragraphs=summary(facts),
            sections=sections(facts),
            parts=(),
            markup=Markup,
        )
    )


def show_lead_time(facts: LeadTimeFacts, out: Console) -> None:
    """Print what the page says, without its pictures."""
    say = partial(out.print, markup=False, soft_wrap=True)
    say(f"{title(facts)} {'; '.join(origin(facts))}.", style="bold")
    out.print(_grid(stages_table(facts)))
    if facts.listing:
        out.print(_grid(lists_table(facts, facts.listing)))
    out.print(_grid(baselines_table(facts)))
    for sentence in summary(facts):
        say(sentence)
    for sentence in notes(facts):
        say(sentence, style="dim")


def _grid(table: ReportTable) -> Table:
    from rich.markup import escape
    from rich.table import Table

    grid = Table(title=escape(table.caption), title_justify="left", show_lines=True)
    for k, name in enumerate(table.header):
        grid.add_column(
            name,
            justify="left" if k in {0, *table.words} else "right",
            min_width=9,
            overflow="fold",
        )
    for row in table.rows:
        grid.add_row(*(escape(f"{cell.text}\n{cell.detail}".rstrip()) for cell in row))
    return grid
