"""The back end's JSON API, as far as the page asks it, and what can go wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import requests

from appFrontend.language import gettext as _

DEFAULT_URL = "http://127.0.0.1:8000"
CONNECT_S = 3
ANSWER_S = 10
FILE_ANSWER_S = 60

Json = dict[str, Any]


class BackEndError(Exception):
    """The back end cannot be asked, or answers nobody: what is wrong, and what to do about it."""

    def __init__(self, title: str, advice: str) -> None:
        super().__init__(title)
        self.title = title
        self.advice = advice


class RefusedError(BackEndError):
    """The back end refuses what was sent; `messages` says why, in its words."""

    def __init__(self, messages: list[str]) -> None:
        # An answer's text may hold what was entered, so it is no part of the error's own.
        super().__init__(f"{len(messages)} problems", "Change what is named, and send it again.")
        self.messages = messages


@dataclass(frozen=True)
class Api:
    """The API at an address.

    Each method raises BackEndError: RefusedError where what it sends is refused.

    The URL is that of the Flask app, without a path; a key, where there is one, is sent each time.
    """

    url: str
    key: str = field(default="", repr=False)

    def schema(self) -> Json:
        """Return what a record must look like."""
        return self._json("GET", "schema")

    def model(self) -> Json:
        """Return which model answers, how good it is and what it relies on."""
        return self._json("GET", "model")

    def predict(self, record: Json) -> Json:
        """Return the prediction of one record, with what each feature adds to it."""
        return self._json("POST", "predict", params={"contributions": "1"}, json=record)

    def predict_file(
        self, name: str, content: bytes, pass_mark: float | None, sheet: str | None = None
    ) -> Json:
        """Return the list of students of a CSV or Excel file, and all its rows as CSV.

        Parameters
        ----------
        sheet : str, optional
            Of a workbook; an empty name stands for all.
        """
        asked = {"list": "1"}
        if pass_mark is not None:
            asked["pass_mark"] = repr(pass_mark)
        if sheet is not None:
            asked |= {"sheet": sheet} if sheet else {"all_sheets": "1"}
        files = {"file": (name, content)}
        return self._json(
            "POST", "predict/batch", params=asked, files=files, answer_s=FILE_ANSWER_S
        )

    @property
    def address(self) -> str:
        """The host and port, without a password that may stand in the URL."""
        return urlsplit(self.url).netloc.rpartition("@")[2] or self.url

    def _ask(
        self, method: str, path: str, *, answer_s: float = ANSWER_S, **options: Any
    ) -> requests.Response:
        try:
            # A redirect is not followed: it would carry a student's data to another address.
            answer = requests.request(
                method,
                f"{self.url}/api/v1/{path}",
                auth=self._sign,
                timeout=(CONNECT_S, answer_s),
                allow_redirects=False,
                **options,
            )
        except requests.Timeout as error:
            raise BackEndError(
                _("The back end takes too long to answer"),
                _(
                    "It was asked at %(address)s. It may be busy: try again in a moment.",
                    address=self.address,
                ),
            ) from error
        except (requests.RequestException, ValueError) as error:
            raise BackEndError(
                _("The back end is not answering"),
                _(
                    "Nothing could be reached at %(address)s. Start it with `make run`, or set "
                    "`API_URL` to the address where it runs.",
                    address=self.address,
                ),
            ) from error
        if answer.status_code != 200:
            raise self._error(answer)
        return answer

    def _sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self.key:
            request.headers["Authorization"] = f"Bearer {self.key}"
        return request

    def _json(self, method: str, path: str, **options: Any) -> Json:
        try:
            body = self._ask(method, path, **options).json()
        except ValueError:
            body = None
        if not isinstance(body, dict) or body.get("ok") is not True:
            raise self._stranger()
        return body

    def _error(self, answer: requests.Response) -> BackEndError:
        try:
            body = answer.json()
            said = str(body["error"])
            messages = [problem["message"] for problem in body["errors"]] or [said]
        except (ValueError, TypeError, KeyError):
            return self._stranger()
        match answer.status_code:
            case 401:
                return BackEndError(
                    _("The back end refuses the key"),
                    _("Set `API_KEY` to a good key where this page is started, and start it again.")
                    if self.key
                    else _(
                        "It asks for a key: set `API_KEY` where this page is started, and start "
                        "it again."
                    ),
                )
            case 429:
                return BackEndError(
                    _("Too many requests within a minute"),
                    _wait_words(answer.headers.get("Retry-After", "")),
                )
            case 503 if not answer.headers.get("Retry-After"):
                return BackEndError(
                    _("There is no model yet"),
                    _(
                        "The back end runs, but has no model to answer with. It says: %(said)s",
                        said=said,
                    ),
                )
            case 503:
                return BackEndError(_("The back end is busy"), said)
            case 400 | 413 | 415 | 422:
                return RefusedError(messages)
            case status:
                return BackEndError(
                    _("The back end made a mistake"),
                    _("Status %(status)s: %(said)s", status=status, said=said),
                )

    def _stranger(self) -> BackEndError:
        return BackEndError(
            _("Something else answers"),
            _(
                "What answers at %(address)s is not StuPrediction's API, or one of another "
                "version. Check `API_URL`.",
                address=self.address,
            ),
        )


def _wait_words(seconds: str) -> str:
    if seconds.isdecimal():
        return _(
            "The back end limits how often it is asked. Try again in %(seconds)s seconds.",
            seconds=seconds,
        )
    return _("The back end limits how often it is asked. Try again in a minute.")
