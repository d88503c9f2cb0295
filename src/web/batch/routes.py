"""The pages for a whole class: templates, upload, progress, results, downloads."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import lru_cache

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from src.exception import DataValidationError, Problem
from src.serving.predictor import Predictor
from src.tables.cells import format_number
from src.web.batch.downloads import CSV, FILE, attachment, csv_file
from src.web.batch.service import current_batches, read_pass_mark, safe_name
from src.web.batch.template import csv_template, excel_template, explanation
from src.web.batch.view import NOTHING, describe_file
from src.web.batch.workspace import Job, Order, Refusal
from src.web.middleware.errors import answer_error, first_errors
from src.web.model_holder import current_models

WAIT_S = 4.0  # for a process, before the page that shows its progress is shown
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
GONE = (
    "There is no such file. It was deleted, or uploaded more than 30 minutes ago, or the server "
    "was restarted or updated since. Please upload it again."
)

batch = Blueprint("batch", __name__, url_prefix="/batch")


@batch.before_app_request
def sweep() -> None:
    """Begin to remove what is too old in this worker, whoever asks for whatever."""
    current_batches().workspace.keep_swept()


@batch.errorhandler(FileNotFoundError)
def show_gone(error: FileNotFoundError) -> Response:
    """Answer for a file that was deleted while somebody read it or had it scored again."""
    job_id = (request.view_args or {}).get("job_id", "")
    deleted = current_batches().workspace.find(job_id) is None
    return answer_error(NotFound(GONE) if deleted else error)


@batch.get("")
def show() -> ResponseReturnValue:
    """Show what a file must look like, and where to upload it."""
    predictor = current_models().predictor()
    mark = predictor.pass_mark
    return _upload_page(predictor, "" if mark is None else format_number(mark))


@batch.post("")
def upload() -> ResponseReturnValue:
    """Take a file; a class list is answered at once."""
    predictor = current_models().predictor()
    file, mark_text = request.files.get(FILE), request.form.get("pass_mark", "")
    problems: list[Problem] = []
    name, pass_mark = "", None
    try:
        pass_mark = read_pass_mark(mark_text, predictor.schema.target)
    except DataValidationError as error:
        problems += error.problems
    try:
        name = safe_name(file.filename if file else None)
    except DataValidationError as error:
        problems += error.problems
    if file is None or not file.filename:
        problems.append(Problem("Choose a CSV or Excel file.", FILE))
    if problems or file is None:
        return _upload_page(predictor, mark_text, Refusal("", tuple(problems)), status=422)
    batches = current_batches()
    job = batches.accept(file.stream, Order(name, pass_mark), predictor, wait_s=WAIT_S)
    outcome = job.outcome()
    if isinstance(outcome, Refusal):
        batches.workspace.delete(job)
        status = 500 if outcome.internal else 422
        return _upload_page(predictor, mark_text, _of_file(outcome, name), status=status)
    return redirect(url_for("batch.show_job", job_id=job.id), 303)


@batch.get("/template.csv")
def show_csv_template() -> ResponseReturnValue:
    """Return a table of examples."""
    schema = current_models().predictor().schema
    return attachment("\ufeff" + csv_template(schema), f"{CSV}; charset=utf-8", "template.csv")


@batch.get("/template.xlsx")
def show_excel_template() -> ResponseReturnValue:
    """Return a workbook to fill in."""
    workbook = _workbook(current_models().predictor())
    return attachment(workbook, XLSX, "template.xlsx")


@lru_cache(maxsize=2)
def _workbook(predictor: Predictor) -> bytes:
    return excel_template(predictor.schema)


@batch.get("/<job_id>")
def show_job(job_id: str) -> ResponseReturnValue:
    """Show how far the work on a file is, or what came of it."""
    job = _find(job_id)
    outcome = job.outcome()
    predictor = current_models().predictor()
    if isinstance(outcome, Refusal):
        order = job.read_order()
        shown = "" if order.pass_mark is None else format_number(order.pass_mark)
        refusal = _of_file(outcome, order.name)
        return _upload_page(predictor, shown, refusal, status=500 if outcome.internal else 422)
    return _job_page(job, predictor)


@batch.post("/<job_id>")
def change(job_id: str) -> ResponseReturnValue:
    """Score a file again, with another pass mark or by another sheet."""
    job = _find(job_id)
    predictor = current_models().predictor()
    order, form = job.read_order(), request.form
    if "pass_mark" in form:
        try:
            mark = read_pass_mark(form["pass_mark"], predictor.schema.target)
        except DataValidationError as error:
            return _job_page(job, predictor, error.problems[0], form["pass_mark"], 422)
        order = replace(order, pass_mark=mark)
    if "sheet" in form:  # an empty name stands for all
        order = replace(order, sheet=form["sheet"] or None, all_sheets=not form["sheet"])
    if job.outcome() is not None:  # else somebody asked twice
        current_batches().repeat(job, order, predictor, wait_s=WAIT_S)
    return redirect(url_for("batch.show_job", job_id=job.id), 303)


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


@batch.get("/<job_id>/to-fix.csv")
def download_to_fix(job_id: str) -> ResponseReturnValue:
    """Return the refused rows with what is wrong."""
    return csv_file(_finished(job_id).to_fix.open("rb"), "to-fix.csv")


def _find(job_id: str) -> Job:
    job = current_batches().workspace.find(job_id)
    if job is None:
        raise NotFound(GONE)
    return job


def _finished(job_id: str) -> Job:
    job = _find(job_id)
    if isinstance(job.outcome(), Refusal | None):
        raise NotFound(GONE)
    return job


def _of_file(refusal: Refusal, name: str) -> Refusal:
    """Return a refusal whose lines are all about the file."""
    lines = [Problem(refusal.message, FILE)] if refusal.message else []
    lines += [Problem(str(p), FILE) for p in refusal.problems if p.message != refusal.message]
    return Refusal(f"{name} could not be scored.", tuple(lines))


def _upload_page(
    predictor: Predictor, pass_mark: str, refusal: Refusal | None = None, status: int = 200
) -> Response:
    schema = predictor.schema
    page = render_template(
        "batch.html",
        schema=schema,
        features=sorted(schema.features, key=lambda feature: feature.order),
        explanation=explanation,
        refusal=refusal,
        errors=first_errors(refusal.problems if refusal else ()),
        pass_mark=pass_mark,
        deleted="deleted" in request.args,
        most_megabytes=current_batches().workspace.most_bytes >> 20,
    )
    return make_response(page, status)


def _job_page(
    job: Job,
    predictor: Predictor,
    problem: Problem | None = None,
    mark_text: str | None = None,
    status: int = 200,
) -> Response:
    outcome = job.outcome()
    view = None
    if outcome is not None and not isinstance(outcome, Refusal):
        same = outcome.run_id == predictor.run.run_id
        view = describe_file(outcome, predictor.metrics if same else NOTHING)
    page = render_template(
        "batch_job.html",
        job=job,
        name=job.read_order().name,
        view=view,
        rows_done=job.rows_done(),
        minutes_left=max(1, int((job.expires - time.time()) / 60)),
        problem=problem,
        pass_mark=mark_text,
    )
    return make_response(page, status)
