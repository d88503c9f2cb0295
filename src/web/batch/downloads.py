"""Files in, files out: the API's answer to an upload, and the downloads of a job."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from io import BytesIO
from typing import IO, Any

from flask import Response, request
from werkzeug.exceptions import BadRequest, ServiceUnavailable, UnsupportedMediaType

from src.exception import DataValidationError, Problem
from src.serving.listed_reasons import Reasons, reasons_of
from src.serving.summary import Summary
from src.web.batch.json_list import listed_answer
from src.web.batch.service import current_batches, read_pass_mark, safe_name
from src.web.batch.view import quality
from src.web.batch.workspace import Order, Refusal
from src.web.model_holder import current_models
from src.web.single.json_answers import JSON, is_asked_for

CSV = "text/csv"
FILE = "file"  # the part of a form that holds it
WAIT_S = 25  # gunicorn and nginx give up soon after
EXPLAIN_S = 1.0  # of the processor, for reasons
RETRY_AFTER_S = 30
PIECE = 1 << 16
HEADER_CHARACTERS = 2_000


def answer_file() -> Response:
    """Score the CSV or Excel file in the request, and stream CSV back.

    With ``?list=1`` it is JSON: the list of the class page, and the CSV in it. Nothing of the file
    is left when the answer begins.

    Raises
    ------
    BadRequest, UnsupportedMediaType
        If the request holds no file.
    DataValidationError
        If the file as a whole cannot be scored, or the pass mark is not a possible score.
    ServiceUnavailable
        If there is no room for it, or it takes too long for one request.
    ArtifactError
        If no model is loaded.
    """
    predictor = current_models().predictor()
    pass_mark = read_pass_mark(request.args.get("pass_mark", ""), predictor.schema.target)
    sheet, all_sheets = request.args.get("sheet"), is_asked_for("all_sheets")
    as_list, reasons = is_asked_for("list"), Reasons()
    if sheet is not None and all_sheets:
        raise BadRequest("Name a sheet, or ask for all_sheets.")
    file, name = _sent_file()
    batches = current_batches()
    order = Order(safe_name(name), pass_mark, sheet, all_sheets)
    job = batches.accept(file, order, predictor, wait_s=WAIT_S)
    try:
        outcome = job.outcome()
        if outcome is None:
            raise ServiceUnavailable(
                f"The file takes more than {WAIT_S} seconds. Send it in parts, or upload it on "
                "the page.",
                retry_after=RETRY_AFTER_S,
            )
        if isinstance(outcome, Refusal):
            if outcome.internal:
                raise RuntimeError("A file could not be scored: see the log above.")
            problems = outcome.problems or (Problem(outcome.message),)
            raise DataValidationError(outcome.message, problems)
        if as_list:
            reasons = reasons_of(predictor, outcome.rows, job.read_reasons(), EXPLAIN_S)
        result = job.predictions.open("rb")
    except FileNotFoundError as error:  # the clock was put forward, and it was swept
        message = "The file was lost while it was scored. Please send it again."
        raise ServiceUnavailable(message, retry_after=RETRY_AFTER_S) from error
    finally:
        batches.workspace.delete(job)
    said = quality(predictor.metrics, outcome)
    if as_list:
        reading = _counts(outcome) | _reading(outcome, said)
        pieces = listed_answer(outcome, reasons, reading, predictor.schema, result)
        answer = Response(pieces, mimetype=JSON)
        answer.call_on_close(result.close)
        return answer
    result.seek(len(BOM_UTF8))  # that is for Excel
    answer = csv_file(result, "predictions.csv")
    answer.headers["X-Summary"] = summary_header(outcome, said)
    return answer


def summary_header(summary: Summary, at_risk: str = "") -> str:
    """Return how a file went, as JSON that a header can hold: proxies allow little in all."""
    fields = _counts(summary)
    for name, value in _reading(summary, at_risk).items():
        longer = fields | {name: value}
        if value and len(json.dumps(longer)) <= HEADER_CHARACTERS:
            fields = longer
    return json.dumps(fields)


def _counts(summary: Summary) -> dict[str, Any]:
    return {
        "n_rows": summary.n_rows,
        "n_predicted": summary.n_predicted,
        "n_refused": summary.n_refused,
        "n_skipped": summary.n_skipped,
        "n_mended": sum(summary.mended.values()),
    }


def _reading(summary: Summary, at_risk: str) -> dict[str, Any]:
    return {
        "sheets_read": summary.sheets_read,
        "sheets": summary.sheets,
        "encoding": summary.encoding,
        "mended": summary.mended,
        "warnings": summary.warnings,
        "group": _average_groups(summary),
        "at_risk": at_risk,
    }


def _average_groups(summary: Summary) -> dict[str, Any]:
    """Return how many rows count as of an average group; nothing where groups have no effects."""
    if not summary.effect_column:
        return {}
    return {
        "column": summary.effect_column,
        "n_unknown": summary.n_unknown,
        "n_unknown_groups": summary.n_unknown_groups,
        "n_without": summary.n_without_group,
    }


def csv_file(file: IO[bytes], name: str) -> Response:
    """Return a file as a download, in pieces; it is closed with the answer."""
    answer = attachment(_pieces(file), f"{CSV}; charset=utf-8", name)
    answer.call_on_close(file.close)  # also where nobody read a piece
    return answer


def attachment(content: str | bytes | Iterable[bytes], kind: str, name: str) -> Response:
    """Return some content as a download."""
    answer = Response(content, content_type=kind)
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _sent_file() -> tuple[IO[bytes], str | None]:
    if request.mimetype == CSV:
        return BytesIO(request.get_data(cache=False)), "the body"
    if request.mimetype != "multipart/form-data":
        raise UnsupportedMediaType(
            f"Send application/json, {CSV}, or multipart/form-data with a CSV or Excel file as "
            f"{FILE!r}."
        )
    sent, texts = request.files.getlist(FILE), request.form.getlist(FILE)
    if len(sent) + len(texts) != 1:
        raise BadRequest(f"Send one file, as the part {FILE!r} of the form.")
    if texts:  # a part without a file's name
        return BytesIO(texts[0].encode()), f"the part {FILE!r}"
    return sent[0].stream, sent[0].filename


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while piece := file.read(PIECE):
            yield piece
