"""The pages for a whole class: templates, upload, progress, results, downloads."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from src.exception import DataValidationError, Problem
from src.language import ENGLISH, current, mark, speaking
from src.language import gettext as _
from src.report.table_findings import message as table_message
from src.report.wording import listed, number
from src.schema.features import SHOWN_CHOICES, shown_number
from src.schema.findings import NOTE, Finding
from src.schema.record import Schema
from src.serving.listed_reasons import Reasons, reasons_of
from src.serving.predictor import Answered, NumberPredictor, Predictor
from src.serving.row_words import RowWords, of_line, of_mended_cell, of_row
from src.serving.scorers import scorer_for
from src.serving.summary import BORDERLINE, ListedRow, NamedCell, OutcomeSummary, Summary
from src.tables.cells import shorten
from src.web.batch.changes import (
    ask,
    ask_columns,
    ask_school,
    changed_order,
    choices,
    free_columns,
    looks_like,
    message_of,
)
from src.web.batch.class_file import as_csv, as_workbook, class_rows, n_ours, rows_to_fix
from src.web.batch.downloads import CSV, FILE, attachment, csv_file
from src.web.batch.listing import FEW, Wish, caption, list_students, next_one, rows_of, selected
from src.web.batch.service import current_batches, safe_name
from src.web.batch.template import (
    csv_template,
    excel_template,
    explanation,
    in_order,
    people_columns,
)
from src.web.batch.view import NOTHING, describe_file, help_reaches, named
from src.web.batch.worker import is_workbook
from src.web.batch.workspace import Job, Order, Refusal
from src.web.middleware.errors import answer_error, first_errors
from src.web.model_holder import current_models
from src.web.pages.routes import Student, form_page

WAIT_S = 4.0  # for a process, before the page that shows its progress is shown
EXPLAIN_S = 0.15  # of the processor, for reasons each time that the list is looked at …
DOWNLOAD_S = 1.0  # … and for those of a file
MOST_SEARCHED = 100  # characters
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GONE = mark(
    "There is no such file. It was deleted, or uploaded more than 30 minutes ago, or the server "
    "was restarted or updated since. Please upload it again."
)

batch = Blueprint("batch", __name__, url_prefix="/batch")
batch.add_app_template_filter(number, "written")


@batch.before_app_request
def sweep() -> None:
    """Begin to remove what is too old in this worker, whoever asks for whatever."""
    current_batches().workspace.keep_swept()


@batch.errorhandler(FileNotFoundError)
def show_gone(error: FileNotFoundError) -> Response:
    """Answer for a file that was deleted while somebody read it or had it scored again."""
    job_id = (request.view_args or {}).get("job_id", "")
    deleted = current_batches().workspace.find(job_id) is None
    return answer_error(NotFound(_(GONE)) if deleted else error)


@batch.get("")
def show() -> ResponseReturnValue:
    """Show what a file must look like, and where to upload it."""
    predictor = current_models().predictor()
    mark = "" if predictor.pass_mark is None else shown_number(predictor.pass_mark)
    asked = request.args
    return _upload_page(predictor, asked.get("pass_mark", mark), asked.get("n_helped", ""))


@batch.post("")
def upload() -> ResponseReturnValue:
    """Take a file; a class list is answered at once."""
    predictor = current_models().predictor()
    file, form, schema = request.files.get(FILE), request.form, predictor.schema
    texts = form.get("pass_mark", ""), form.get("n_helped", "")
    problems: list[Problem] = []
    order = Order("", language=current())
    try:
        order = changed_order(order, form, None, schema)
    except DataValidationError as error:
        problems += error.problems
    try:
        order = replace(order, name=safe_name(file.filename if file else None))
    except DataValidationError as error:
        problems += error.problems
    if file is None or not file.filename:
        problems.append(Problem(_("Choose a CSV or Excel file."), FILE))
    if problems or file is None:
        return _upload_page(predictor, *texts, Refusal("", tuple(problems)), status=422)
    batches = current_batches()
    job = batches.accept(file.stream, order, predictor, wait_s=WAIT_S)
    outcome = job.outcome()
    if isinstance(outcome, Refusal):
        if free_columns(outcome.header, outcome.found):
            return _columns_page(job, outcome, predictor)
        batches.workspace.delete(job)
        status = 500 if outcome.internal else 422
        return _upload_page(predictor, *texts, _of_file(outcome, order.name), status=status)
    return redirect(url_for("batch.show_job", job_id=job.id), 303)


@batch.get("/template.csv")
def show_csv_template() -> ResponseReturnValue:
    """Return a table of examples."""
    schema = current_models().predictor().schema
    return attachment("\ufeff" + csv_template(schema), f"{CSV}; charset=utf-8", "template.csv")


@batch.get("/template.xlsx")
def show_excel_template() -> ResponseReturnValue:
    """Return a workbook to fill in."""
    workbook = _workbook(current_models().predictor(), current())
    return attachment(workbook, XLSX, "template.xlsx")


@lru_cache(maxsize=4)
def _workbook(predictor: Predictor, language: str) -> bytes:
    with speaking(language):
        return excel_template(predictor.schema)


@batch.get("/<job_id>")
def show_job(job_id: str) -> ResponseReturnValue:
    """Show how far the work on a file is, or what came of it."""
    job = _find(job_id)
    outcome = job.outcome()
    predictor = current_models().predictor()
    if isinstance(outcome, Refusal):
        if free_columns(outcome.header, outcome.found):
            return _columns_page(job, outcome, predictor)
        order = job.read_order()
        refusal = _of_file(outcome, order.name)
        status = 500 if outcome.internal else 422
        return _upload_page(predictor, *_entered(order), refusal, status=status)
    return _job_page(job, outcome, predictor, Wish.of(request.args))


@batch.post("/<job_id>/search")
def search(job_id: str) -> ResponseReturnValue:
    """Show the students whose name holds a text, which comes into no address."""
    job = _find(job_id)
    wish = Wish.of(request.args, request.form.get("search", "").strip()[:MOST_SEARCHED])
    return _job_page(job, _summary(job), current_models().predictor(), wish)


@batch.post("/<job_id>")
def change(job_id: str) -> ResponseReturnValue:
    """Score a file again, as its page asks: by another mark, sheet or column, or other cells."""
    job = _find(job_id)
    predictor = current_models().predictor()
    before, form, outcome = job.read_order(), request.form, job.outcome()
    summary = outcome if isinstance(outcome, Summary) else None
    try:
        order = changed_order(before, form, summary, predictor.schema)
    except DataValidationError as error:
        return _job_page(job, summary, predictor, Wish(), error.problems[0], form, 422)
    if outcome is None:  # somebody asked twice
        pass
    elif replace(order, n_helped=before.n_helped) == before and summary is not None:
        job.keep_order(order)
    else:
        order = replace(order, language=current())
        current_batches().repeat(job, order, predictor, wait_s=WAIT_S)
    anchor = "mend" if {"accept", "save"} & form.keys() else None
    return redirect(url_for("batch.show_job", job_id=job.id, _anchor=anchor), 303)


@batch.get("/<job_id>/row/<int:number>")
def show_student(job_id: str, number: int) -> ResponseReturnValue:
    """Show the result of one student of a file, whose row is read from what lies here."""
    job = _find(job_id)
    predictor, summary = current_models().predictor(), _summary(job)
    row = next((row for row in summary.rows if row.number == number), None)
    if row is None or summary.run_id != predictor.run.run_id:
        raise NotFound(_(GONE))
    texts = {
        name: shown_number(value) if isinstance(value, float) else value or ""
        for name, value in predictor.schema.named(row.values).items()
    }
    mark = job.read_order().pass_mark
    values, warnings = predictor.schema.check_record(texts, form=True)
    prediction: Answered
    if isinstance(predictor, NumberPredictor):
        prediction = predictor.predict_values(values, tuple(warnings), mark)
    else:
        prediction = predictor.predict_values(values, tuple(warnings))
    back = url_for("batch.show_job", job_id=job.id)
    student = Student(named(row.cells, row.line), back, mark)
    return form_page(predictor, texts, prediction=prediction, student=student)


@batch.post("/<job_id>/delete")
def delete(job_id: str) -> ResponseReturnValue:
    """Remove a file and its results, and end the work on it."""
    current_batches().workspace.delete(_find(job_id))
    return redirect(url_for("batch.show", deleted=1), 303)


@batch.get("/<job_id>/progress")
def show_progress(job_id: str) -> ResponseReturnValue:
    """Tell the page's script how far the work is."""
    job = _find(job_id)
    return {"ok": True, "done": job.outcome() is not None, "rows": job.rows_done()}


@batch.get("/<job_id>/predictions.csv")
def download_predictions(job_id: str) -> ResponseReturnValue:
    """Return all rows with their predictions."""
    return csv_file(_finished(job_id).predictions.open("rb"), "predictions.csv")


@batch.get("/<job_id>/class")
def download_class(job_id: str) -> ResponseReturnValue:
    """Return the file that came, as it came, with our columns behind."""
    job = _find(job_id)
    predictor, summary, order = current_models().predictor(), _summary(job), job.read_order()
    if summary.run_id != predictor.run.run_id:
        raise NotFound(_(GONE))
    scorer = scorer_for(predictor, order.pass_mark, vectorised=False)
    reasons = _reasons(job, summary, predictor, summary.rows, DOWNLOAD_S)
    rows = class_rows(job, summary, scorer, reasons)
    if is_workbook(order.name):
        return attachment(as_workbook(rows), XLSX, "class.xlsx")
    delimiter, comma = summary.delimiter or ",", summary.decimal_comma
    if comma and delimiter == ",":
        delimiter = ";"
    content = as_csv(rows, n_ours(summary, scorer), delimiter, decimal_comma=comma)
    return attachment(content, f"{CSV}; charset=utf-8", "class.csv")


@batch.get("/<job_id>/to-fix.csv")
def download_to_fix(job_id: str) -> ResponseReturnValue:
    """Return the refused rows with what is wrong."""
    job = _finished(job_id)
    if current() == ENGLISH:
        return csv_file(job.to_fix.open("rb"), "to-fix.csv")
    schema = current_models().predictor().schema
    content = as_csv(rows_to_fix(job, _summary(job), schema), 0, ",", decimal_comma=False)
    return attachment(content, f"{CSV}; charset=utf-8", "to-fix.csv")


def _find(job_id: str) -> Job:
    job = current_batches().workspace.find(job_id)
    if job is None:
        raise NotFound(_(GONE))
    return job


def _finished(job_id: str) -> Job:
    job = _find(job_id)
    if isinstance(job.outcome(), Refusal | None):
        raise NotFound(_(GONE))
    return job


def _of_file(refusal: Refusal, name: str) -> Refusal:
    """Return a refusal whose lines are all about the file."""
    lines = [Problem(_(refusal.message), FILE)] if refusal.message else []
    for problem in refusal.problems:
        said = of_row(problem.message) or problem.message
        if problem.message != refusal.message:
            lines.append(Problem(of_line(problem.row, said) if problem.row else said, FILE))
    return Refusal(_("%(name)s could not be scored.", name=name), tuple(lines))


def _summary(job: Job) -> Summary:
    outcome = job.outcome()
    if not isinstance(outcome, Summary):
        raise NotFound(_(GONE))
    return outcome


def _reasons(
    job: Job, summary: Summary, predictor: Predictor, rows: list[ListedRow], budget_s: float
) -> Reasons:
    """Return why students are at risk, as far as is known or found in a time."""
    known = job.read_reasons()
    found = reasons_of(predictor, rows, known, budget_s)
    if found != known:
        job.write_reasons(found)
    return found


def _mended(summary: Summary, schema: Schema) -> list[NamedCell]:
    """Return the cells that were mended, with how they are read."""
    words = RowWords(schema, {}, decimal_comma=summary.decimal_comma, typed=not summary.delimiter)
    features = {feature.name: feature for feature in schema.asked}
    return [
        cell._replace(
            message=of_mended_cell(
                schema.headings[cell.field],
                cell.got,
                words.check(features[cell.field], cell.got),
            )
        )
        for cell in summary.mended_cells
    ]


def _entered(order: Order) -> tuple[str, str]:
    """Return the mark and the number of students to help, as a form shows them."""
    mark = "" if order.pass_mark is None else shown_number(order.pass_mark)
    return mark, "" if order.n_helped is None else str(order.n_helped)


def _upload_page(
    predictor: Predictor,
    pass_mark: str,
    n_helped: str,
    refusal: Refusal | None = None,
    status: int = 200,
) -> Response:
    schema = predictor.schema
    page = render_template(
        "batch.html",
        schema=schema,
        target=schema.target.label or schema.target.name,
        people=people_columns(schema),
        features=in_order(schema),
        explanation=explanation,
        refusal=refusal,
        errors=first_errors(refusal.problems if refusal else ()),
        pass_mark=pass_mark,
        n_helped=n_helped,
        deleted="deleted" in request.args,
        most_megabytes=current_batches().workspace.most_bytes >> 20,
    )
    return make_response(page, status)


def _columns_page(job: Job, refusal: Refusal, predictor: Predictor) -> Response:
    """Ask which of a file's columns are those that the model needs."""
    schema, header = predictor.schema, refusal.header
    asked = ask_columns(schema, header, refusal.found)
    page = render_template(
        "batch_columns.html",
        job=job,
        name=job.read_order().name,
        asked=asked,
        n_missing=sum(not one.optional for one in asked),
        message=message_of(asked, header),
        known=[(header[at], schema.headings[name]) for name, at in refusal.found.items()],
        free=choices(header, free_columns(header, refusal.found)),
        sheets=refusal.sheets,
        sheets_read=[*refusal.sheets_read],
        remark=_sheets_remark(refusal),
        first=listed((repr(shorten(name)) for name in header), most=SHOWN_CHOICES),
    )
    return make_response(page, 422)


def _sheets_remark(refusal: Refusal) -> str:
    counts = {"sheets": refusal.sheets, "read": refusal.sheets_read}
    return table_message(Finding("other_sheets", NOTE, counts=counts)) if refusal.sheets else ""


def _job_page(
    job: Job,
    outcome: Summary | None,
    predictor: Predictor,
    wish: Wish,
    problem: Problem | None = None,
    entered: Mapping[str, str] | None = None,
    status: int = 200,
) -> Response:
    order = job.read_order()
    of_summary: dict[str, Any] = {"view": None}
    if outcome is not None:
        of_summary = _of_summary(job, outcome, order, predictor, wish)
    mark, n_helped = _entered(order)
    page = render_template(
        "batch_job.html",
        job=job,
        name=order.name,
        order=order,
        rows_done=job.rows_done(),
        minutes_left=max(1, int((job.expires - time.time()) / 60)),
        problem=problem,
        entered={"pass_mark": mark, "n_helped": n_helped, **(entered or {})},
        **of_summary,
    )
    return make_response(page, status)


def _of_summary(
    job: Job, summary: Summary, order: Order, predictor: Predictor, wish: Wish
) -> dict[str, Any]:
    """Return what the page of results shows."""
    same, schema = summary.run_id == predictor.run.run_id, predictor.schema
    if same:
        summary.target = schema.target  # as it is called in the language of whoever looks
    listing = list_students(summary, selected(summary, wish), wish)
    reasons = Reasons()
    if same and summary.knows_risk:
        reasons = _reasons(job, summary, predictor, listing.listed, EXPLAIN_S)
    waiting = any(
        row.tier <= BORDERLINE and str(row.number) not in reasons.of_rows for row in listing.listed
    )
    asked = ask(summary.wrong, schema) if same else []
    n_helped = order.n_helped if summary.starts_with_need else None
    return {
        "view": describe_file(summary, predictor.metrics if same else NOTHING),
        "listing": listing,
        "rows": rows_of(summary, listing.listed, schema, reasons, n_helped) if same else [],
        "same": same,
        "few": FEW,
        "reasons": reasons,
        "waiting": waiting and same and not reasons.unavailable,
        "asked": asked,
        "school": ask_school(schema, summary, order) if same else None,
        "looks_like": looks_like,
        "n_suggested": sum(bool(one.suggestion) for one in asked),
        "mended": _mended(summary, schema) if same else [],
        "left_out": [of_line(p.row or 0, of_row(p.message)) for p in summary.left_out[:5]],
        "caption": caption(listing, summary),
        "headings": schema.headings,
        "named": named,
        "reached": help_reaches(summary, n_helped) if n_helped else "",
        "next_one": next_one(summary, n_helped),
        "of_chance": isinstance(summary, OutcomeSummary),
    }
