"""What the app calls to keep its predictions: an id at once, the row later."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from src.components.data_validation import ValidatedTable
from src.config import ARTIFACTS
from src.exception import Problem
from src.records.address import check_url, spool_folder
from src.records.file_summary import FileSummary
from src.records.identity import (
    BATCH,
    LONGEST,
    NOBODY,
    About,
    day_of,
    is_day,
    new_prediction_id,
    now_ms,
    subject_hash,
    take_about,
)
from src.records.outbox import TABLE, Count, Outbox
from src.records.spool import Row
from src.schema.features import Value
from src.serving.outcomes import OutcomePrediction, OutcomePredictor
from src.serving.predictor import Answered, NumberPredictor, Prediction, Predictor
from src.serving.scorers import LEVEL, Scorer
from src.serving.summary import CHANCE, HIGH, LOW, PREDICTION, SET, Scores
from src.tables.cells import match_key
from src.tables.layout import Chunk

if TYPE_CHECKING:
    from src.records.shadow import Shadow

SCHEMA = "schema.json"


@dataclass(frozen=True)
class RecordSettings:
    """What is kept, and where; see the settings of the app.

    Attributes
    ----------
    url, key : str
        Of the database, and of the hashes of pupils.
    subject, group : str
        Columns of uploaded files; empty where there is none.
    features : bool
        Whether the answers are kept beside the prediction.
    shadow_run : str
        The run that predicts beside the one that answers; empty where none does.
    artifacts, signing_key
        Where it lies, and what it is signed with.
    """

    url: str
    key: str
    spool_folder: Path
    subject: str = ""
    group: str = ""
    features: bool = False
    shadow_run: str = ""
    artifacts: Path = ARTIFACTS
    signing_key: str = ""


class Keeping(Protocol):
    """The names of the app's settings that are about records."""

    @property
    def records_url(self) -> str: ...
    @property
    def records_key(self) -> str: ...
    @property
    def records_spool(self) -> Path | None: ...
    @property
    def record_subject(self) -> str: ...
    @property
    def record_group(self) -> str: ...
    @property
    def record_features(self) -> bool: ...
    @property
    def shadow_run(self) -> str: ...
    @property
    def artifacts_dir(self) -> Path: ...
    @property
    def model_signing_key(self) -> str: ...


def record_settings(settings: Keeping) -> RecordSettings:
    """Return what the app's settings say of records."""
    return RecordSettings(
        settings.records_url,
        settings.records_key,
        settings.records_spool or spool_folder(settings.records_url),
        settings.record_subject,
        settings.record_group,
        settings.record_features,
        settings.shadow_run,
        settings.artifacts_dir,
        settings.model_signing_key,
    )


# What was predicted, by PREDICTED.
_Predicted = tuple[
    float | None, str | None, float | None, float | None, float | None, float | None, str | None
]
PREDICTED = ("number", "label", "low", "high", "at_risk", "mark", "chances")
# A prediction of one record as it waits: what is the same for its run, its id, the milliseconds,
# the source, whose it is, what was predicted, the answers. Rows would take several times the
# memory, and so the processor's caches from the next requests.
_One = tuple[Row, str, int, str, About, _Predicted, str | None]
# What waits for the shadow's prediction, with the record's checked values.
Shadowed = tuple[Row | _One, Mapping[str, Value]]


class Recorder:
    """Keep predictions: of single records, and of the rows of a file.

    Parameters
    ----------
    settings : RecordSettings
    count : callable
        See :class:`Outbox`.
    """

    def __init__(self, settings: RecordSettings, count: Count) -> None:
        self._settings = settings
        check_url(settings.url)
        self._outbox = Outbox(settings.url, settings.spool_folder, self._row, count)
        self._served: set[str] = set()  # runs that this process noted
        self._shadow: Shadow | None = None
        if settings.shadow_run:
            from src.records.shadow import Shadow

            self._shadow = Shadow(settings.shadow_run, settings.artifacts, settings.signing_key)

    @property
    def keeps_features(self) -> bool:
        """Whether the answers are kept too."""
        return self._settings.features

    def keep(
        self, answered: Answered, predictor: Predictor, source: str, about: About = NOBODY
    ) -> str:
        """Have a prediction kept, and return its id."""
        run_id, made_at_ms = predictor.run.run_id, now_ms()
        if run_id not in self._served:  # promoted, or the worker is new
            self._served.add(run_id)
            self.note("serving", "app", run=run_id)
        prediction_id, features = new_prediction_id(made_at_ms), None
        if self._settings.features:
            features = json.dumps(_answers(answered.values, predictor, self._settings))
        fixed, predicted = _run_fields(predictor), _predicted(answered, predictor)
        one: _One = (fixed, prediction_id, made_at_ms, source, about, predicted, features)
        self._outbox.put((one, answered.values) if self._shadow else one)
        return prediction_id

    def take_about(
        self, record: MutableMapping[str, object], predictor: Predictor
    ) -> tuple[About, list[Problem]]:
        """Take out of a record what is said beside its answers; see :func:`take_about`."""
        return take_about(record, predictor.schema.headings)

    def file(self, scorer: Scorer, header: Sequence[str], *, patient: bool) -> RecordedFile:
        """Return what keeps the rows of a file while it is scored.

        Parameters
        ----------
        patient : bool
            Whether to wait where the queue is full, rather than lose rows.
        """
        put = self._outbox.put_patiently if patient else self._outbox.put_all
        return RecordedFile(put, self._settings, scorer, header)

    def note(self, kind: str, actor: str, **details: object) -> None:
        """Have an event kept; ``details`` hold no value of a pupil."""
        self._outbox.put(
            {
                TABLE: "event",
                "at_ms": now_ms(),
                "kind": kind,
                "actor": actor,
                "details": json.dumps(details),
            }
        )

    def close(self) -> None:
        """Write what is there, and end."""
        self._outbox.close()

    def _row(self, item: _One | Shadowed) -> Row:
        if len(item) != 2:
            fixed, prediction_id, made_at_ms, source, about, predicted, features = item
            return {
                **fixed,
                "id": prediction_id,
                "made_at_ms": made_at_ms,
                "source": source,
                **_about_fields(about, self._settings.key, made_at_ms),
                **_named(predicted),
                "features": features,
            }
        kept, values = item
        row = kept if isinstance(kept, dict) else self._row(kept)
        row["shadow"] = self._shadow.column(values, row["run"]) if self._shadow else None
        return row


class RecordedFile:
    """Keeps the rows of one file.

    Subject and group are the columns that RECORD_SUBJECT and RECORD_GROUP name, where the file has
    them.
    """

    def __init__(
        self,
        put: Callable[[Sequence[Row | Shadowed]], None],
        settings: RecordSettings,
        scorer: Scorer,
        header: Sequence[str],
    ) -> None:
        self._put, self._settings, self._scorer = put, settings, scorer
        self._batch_id, self._n_rows, self._n_predicted = str(uuid4()), 0, 0
        self._summary = FileSummary(scorer.predictor.schema, with_classes=not settings.features)
        keys = [match_key(name) for name in header]
        self._subject, self._group, self._as_of = (
            keys.index(match_key(name)) if name and match_key(name) in keys else None
            for name in (settings.subject, settings.group, "as_of")
        )

    def keep(self, chunk: Chunk, checked: ValidatedTable, scores: Scores) -> list[str]:
        """Have the scored rows of a chunk kept, and return an id for each."""
        left_out = checked.refused.keys() | checked.skipped.keys()
        cells = [row for i, row in enumerate(chunk.rows) if i not in left_out]
        made_at_ms, settings = now_ms(), self._settings
        predictor = self._scorer.predictor
        fixed = _run_fields(predictor) | {"made_at_ms": made_at_ms, "source": BATCH}
        rows: list[Row] = []
        waiting: list[Shadowed] = []
        mark = getattr(self._scorer, "pass_mark", None)
        each = _each_predicted(scores, predictor, mark)
        for i, (row, predicted) in enumerate(zip(cells, each, strict=True)):
            about = About(*(self._cell(row, at) for at in (self._subject, self._group)))
            as_of = self._cell(row, self._as_of)
            if as_of is not None and is_day(as_of):
                about = about._replace(as_of=as_of)
            features = None
            if settings.features or settings.shadow_run:
                values = {name: of[i] for name, of in checked.columns.items()}
            if settings.features:
                features = json.dumps(_answers(values, predictor, settings))
            rows.append(
                {
                    **fixed,
                    "id": new_prediction_id(made_at_ms),
                    **_about_fields(about, settings.key, made_at_ms),
                    **_named(predicted),
                    "batch": self._batch_id,
                    "features": features,
                }
            )
            if settings.shadow_run:
                waiting.append((rows[-1], values))
        self._put(waiting or rows)
        groups, days = ([row[name] for row in rows] for name in ("group_name", "as_of"))
        self._summary.add(checked, groups, days)
        self._n_rows += len(chunk.rows)
        self._n_predicted += len(rows)
        return [row["id"] for row in rows]

    def finish(self) -> None:
        """Have it kept that there was a file; its name is not, it may be a pupil's."""
        row = {
            TABLE: "batch",
            "id": self._batch_id,
            "made_at_ms": now_ms(),
            "run": self._scorer.predictor.run.run_id,
            "n_rows": self._n_rows,
            "n_predicted": self._n_predicted,
            "summary": json.dumps(self._summary.content()),
        }
        self._put([row])

    @staticmethod
    def _cell(row: Sequence[str], position: int | None) -> str | None:
        text = "" if position is None else row[position].strip()[:LONGEST]
        return text or None


@lru_cache(maxsize=4)
def _run_fields(predictor: Predictor) -> Row:
    """Return a row with what is the same for all predictions of a run; copy it."""
    manifest = predictor.run.manifest
    return {
        TABLE: "prediction",
        "run": manifest.run_id,
        "fingerprint": manifest.files[SCHEMA],
        "target": predictor.schema.target.name,
        "batch": None,
        "features": None,
        "shadow": None,
    }


def _answers(
    values: Mapping[str, Value], predictor: Predictor, settings: RecordSettings
) -> dict[str, Value]:
    """Return the answers that are kept: the pupil's school only where groups are kept at all."""
    school = predictor.schema.group
    if school is None or settings.group:
        return dict(values)
    return {name: value for name, value in values.items() if name != school.name}


def _about_fields(about: About, key: str, made_at_ms: int) -> Row:
    subject = about.subject and subject_hash(about.subject, key)
    return {
        "subject": subject or None,
        "group_name": about.group and _storable(about.group),
        "as_of": about.as_of or _day(made_at_ms // 86_400_000),
    }


@lru_cache(maxsize=4)
def _day(n_days: int) -> str:
    return day_of(n_days * 86_400_000)


def _storable(text: str) -> str:
    """Return a text without what a database cannot hold: NUL, and halves of characters."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _predicted(answered: Answered, predictor: Predictor) -> _Predicted:
    if isinstance(answered, OutcomePrediction):
        chances = {"probabilities": answered.probabilities, "set": answered.sets.get(LEVEL, ())}
        return _outcome(answered.prediction, answered.at_risk, chances)
    assert isinstance(answered, Prediction)  # noqa: S101 - there are two kinds
    low, high = answered.intervals.get(LEVEL, (None, None))
    risk, mark = answered.probability_below, predictor.pass_mark
    return _number(answered.prediction, low, high, risk, mark)


def _each_predicted(
    scores: Scores, predictor: Predictor, mark: float | None
) -> Iterator[_Predicted]:
    """Yield the same for each scored row of a file."""
    n_rows = len(scores[PREDICTION])
    empty = [None] * n_rows
    if isinstance(predictor, NumberPredictor):
        columns = [scores.get(name, empty) for name in (PREDICTION, LOW, HIGH, CHANCE)]
        for number, low, high, at_risk in zip(*columns, strict=True):
            yield _number(number, low, high, at_risk, mark)
        return
    assert isinstance(predictor, OutcomePredictor)  # noqa: S101 - there are two kinds
    labels, event = predictor.labels, predictor.chances.event
    of_each = [column for name, column in scores.items() if name not in (PREDICTION, SET)]
    sets = scores.get(SET, [()] * n_rows)
    for label, found, *chances in zip(scores[PREDICTION], sets, *of_each, strict=True):
        at_risk = predictor.chances.chance_of_event(chances) if event else None
        probabilities: Mapping[str, float] = dict(zip(labels, chances, strict=True))
        yield _outcome(label, at_risk, {"probabilities": probabilities, "set": found})


def _number(
    number: float,
    low: float | None,
    high: float | None,
    at_risk: float | None,
    mark: float | None,
) -> _Predicted:
    return number, None, low, high, at_risk, None if at_risk is None else mark, None


def _outcome(label: str, at_risk: float | None, chances: Mapping[str, Any]) -> _Predicted:
    return None, label, None, None, at_risk, None, json.dumps(chances)


def _named(predicted: _Predicted) -> Row:
    return dict(zip(PREDICTED, predicted, strict=True))
