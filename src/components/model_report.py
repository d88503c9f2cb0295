"""Write what is known of a model for people: ``report.html`` and ``model_card.md``."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from src.language import ENGLISH, current, install, ngettext, reads_rightwards, speaking
from src.language import gettext as _
from src.report.class_groups import ClassReportFacts
from src.report.facts import ReportFacts

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.nodes import EvalContext

    from src.report.document import Section, Tile

# What Markdown takes for markup; an underscore only at the edge of a word.
_MARKUP = re.compile(r"[\\`*\[\]<>|~&]|(?<![^\W_])_|_(?![^\W_])|^(?:[-+]|#+)(?= |$)")
_NUMBERED = re.compile(r"^(\d+)([.)])(?= |$)")


@dataclass(frozen=True)
class RenderedReport:
    """The two files of a run, in UTF-8. Equal facts give equal bytes."""

    html: bytes
    model_card: bytes


class ModelReport:
    """Render the facts of a run."""

    def run(self, facts: ReportFacts | ClassReportFacts, language: str = ENGLISH) -> RenderedReport:
        """Return the page and the model card in a language.

        The page is one file without scripts, ``style`` attributes or addresses to fetch from, so
        that it can be mailed, printed, or served under a strict content security policy.
        """
        with speaking(language):
            return _rendered(replace(facts, schema=facts.schema.spoken()))


def _rendered(facts: ReportFacts | ClassReportFacts) -> RenderedReport:
    from markupsafe import Markup

    from src.report.document import CardPart, Section
    from src.report.group_scores import scores_section
    from src.report.model_card import card, limits, measured
    from src.report.table_findings import findings_card
    from src.report.wording import Names, day, plain

    made = _class_sections(facts) if isinstance(facts, ClassReportFacts) else _sections(facts)
    made = [scores_section(facts), *made, Section("limits", _("Limits"), points=limits(facts))]
    sections = [section for section in made if section is not None]
    tiles, paragraphs = _summary(facts)
    names, run = Names(facts.schema), facts.run
    origin = []
    if run:
        students = ngettext("%(n)s student", "%(n)s students", run.rows["used"])
        origin = [_("Run %(run)s", run=run.run_id), day(run.created), students]
    title = _("How well is %(target)s predicted?", target=names.target)
    parts = card(facts)
    templates = report_templates()
    html = templates.get_template("report.html.jinja").render(
        **page_language(),
        title=title,
        made=origin,
        name=plain(facts.schema.title),
        tiles=tiles,
        paragraphs=paragraphs,
        sections=sections,
        parts=parts,
        markup=Markup,
    )
    text = templates.get_template("model_card.md.jinja").render(
        title=title,
        made=origin,
        verbatim=Markup,
        parts=[
            *findings_card(facts),
            *parts,
            *measured(facts),
            CardPart(_("Limits"), limits(facts)),
        ],
    )
    return RenderedReport(html.encode(), text.encode())


def _summary(facts: ReportFacts | ClassReportFacts) -> tuple[list[Tile], list[str]]:
    from src.report import class_overview, overview

    if isinstance(facts, ClassReportFacts):
        return class_overview.summary(facts)
    return overview.summary(facts)


def _sections(facts: ReportFacts) -> list[Section | None]:
    """Return what is shown of a model of a number."""
    from src.report import accuracy, fairness
    from src.report.data import data_section
    from src.report.group_effects import effects_section, group_fairness
    from src.report.importance import dependence, importance
    from src.report.levers import levers
    from src.report.periods import periods_section
    from src.report.table_findings import findings_section

    return [
        findings_section(facts),
        data_section(facts),
        periods_section(facts),
        accuracy.leaderboard(facts),
        accuracy.learning_curve(facts),
        accuracy.predictions(facts),
        accuracy.residuals(facts),
        accuracy.coverage(facts),
        importance(facts),
        dependence(facts),
        levers(facts),
        effects_section(facts),
        fairness.fairness(facts),
        group_fairness(facts),
        fairness.exclusion(facts),
        fairness.pass_mark(facts),
    ]


def _class_sections(facts: ClassReportFacts) -> list[Section | None]:
    """Return what is shown of a model of outcomes."""
    from src.report import class_accuracy, class_fairness
    from src.report.accuracy import learning_curve
    from src.report.data import data_section
    from src.report.group_effects import effects_section
    from src.report.importance import dependence, importance
    from src.report.levers import levers
    from src.report.periods import periods_section
    from src.report.table_findings import findings_section

    return [
        findings_section(facts),
        data_section(facts),
        periods_section(facts),
        class_accuracy.leaderboard(facts),
        learning_curve(facts),
        class_accuracy.held_out(facts),
        class_accuracy.reliability(facts),
        class_accuracy.sets(facts),
        class_accuracy.capacity(facts),
        importance(facts),
        dependence(facts),
        levers(facts),
        effects_section(facts),
        class_fairness.fairness(facts),
        class_fairness.group_fairness(facts),
        class_fairness.exclusion(facts),
    ]


def page_language() -> dict[str, object]:
    """Return what the page's template is told of the language that is spoken."""
    return {"language": current(), "rightwards": reads_rightwards(current())}


def report_templates() -> Environment:
    """Return the templates: what they print is escaped for HTML, or else for Markdown."""
    import jinja2

    @jinja2.pass_eval_context
    def finalize(context: EvalContext, value: object) -> object:
        return value if context.autoescape else escape_markdown(value)

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("src.report"),
        autoescape=jinja2.select_autoescape(["html.jinja"], default_for_string=True),
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    install(environment)
    return environment


def escape_markdown(value: object) -> object:
    r"""Return a text that Markdown shows as it is; markup and what is no text is left as it is.

    Examples
    --------
    >>> print(escape_markdown("reading_score <b>a|b</b>"))
    reading_score \<b\>a\|b\</b\>
    """
    from markupsafe import Markup

    if not isinstance(value, str) or isinstance(value, Markup):
        return value
    escaped = _MARKUP.sub(lambda match: "\\" + match[0], value)
    return _NUMBERED.sub(r"\1\\\2", escaped)
