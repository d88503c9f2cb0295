"""The bodies of requests that are too large, that come in pieces, or that end too soon."""

from __future__ import annotations

import tempfile
import time
from typing import IO

from flask import Request, Response, after_this_request, request
from werkzeug.exceptions import BadRequest, HTTPException, RequestEntityTooLarge

from src.language import gettext as _
from src.utils import disk_folder

DISCARD_FOR_S = 5.0
PIECE = 1 << 16  # bytes
SPOOLED_BYTES = 1 << 18  # of a file that are held in memory


def _spool() -> IO[bytes]:
    return tempfile.SpooledTemporaryFile(SPOOLED_BYTES, dir=str(disk_folder()))


class DiskRequest(Request):
    """A request whose form's files are kept on a disk."""

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        return _spool()


def expect_whole_body() -> None:
    """Have a body that ends before its stated length refused by whatever reads it.

    Where a server says that it ends the body itself, Werkzeug takes what came for all of it.
    """
    environ = request.environ
    if environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" not in environ:
        environ.pop("wsgi.input_terminated", None)


def read_chunked_body() -> None:
    """Read a body of unknown length before anything else does, and refuse it above the limit.

    Werkzeug stops at the limit in silence, and what is cut off could pass for a whole record.
    """
    if "HTTP_TRANSFER_ENCODING" not in request.environ:
        return
    try:
        length = len(request.get_data(parse_form_data=False))
    except HTTPException:
        raise
    except Exception as error:  # the server's parser met a piece that is none
        raise BadRequest(_("The body's pieces could not be read.")) from error
    if request.max_content_length is not None and length >= request.max_content_length:
        raise RequestEntityTooLarge


def spool_body(most_bytes: int) -> None:
    """Copy a body that comes in pieces to a temporary file, from which the view reads it.

    Raises
    ------
    RequestEntityTooLarge
        If it has more bytes than it may.
    BadRequest
        If a piece cannot be read.
    """
    pieces, length = request.environ["wsgi.input"], 0
    whole = _spool()

    @after_this_request
    def close_with(response: Response) -> Response:
        response.call_on_close(whole.close)
        return response

    try:
        while piece := pieces.read(PIECE):
            length += len(piece)
            if length > most_bytes:
                raise RequestEntityTooLarge
            whole.write(piece)
    except HTTPException:
        raise
    except Exception as error:  # the server's parser met a piece that is none
        raise BadRequest(_("The body's pieces could not be read.")) from error
    whole.seek(0)
    del request.environ["HTTP_TRANSFER_ENCODING"]
    request.environ["CONTENT_LENGTH"] = str(length)
    request.environ["wsgi.input"] = whole


def discard_body() -> None:
    """Read on to the end of a refused body, so that its sender comes to read the answer.

    A connection that is closed while somebody still sends is reset, and the answer lost. Reading
    ends after some seconds, where the body's end cannot be told, and at a piece that is none.
    """
    stream, rest = request.environ["wsgi.input"], request.content_length
    if rest is None and "wsgi.input_terminated" not in request.environ:
        return
    deadline = time.monotonic() + DISCARD_FOR_S
    try:
        while (rest is None or rest > 0) and time.monotonic() < deadline:
            piece = stream.read(PIECE if rest is None else min(PIECE, rest))
            if not piece:
                return
            if rest is not None:
                rest -= len(piece)
    except Exception:  # noqa: BLE001 - the sender is gone, or the server's parser at its wits' end
        return
