"""Whether predictions are kept, and what became of those that are.

Nothing of :mod:`src.records` is imported unless the operator asked for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from flask import current_app

from src.config import Settings
from src.web.middleware.shared_memory import SharedCounters

if TYPE_CHECKING:
    from src.records.recorder import Recorder

KEPT = "stuprediction_predictions_kept_total"
FAILURES = "stuprediction_records_database_failures_total"
FATES = ("written", "spooled", "lost")


class Recording:
    """The recorder of an app, and the counters that its workers share."""

    EXTENSION = "recording"

    def __init__(self, settings: Settings) -> None:
        from src.records.recorder import Recorder, record_settings

        self._settings = settings
        self._counters = SharedCounters(len(FATES) + 1)
        self.recorder: Recorder = Recorder(
            record_settings(settings), lambda what, n: self._counters.add((what, n))
        )

    @property
    def url(self) -> str:
        """Of the database."""
        return self._settings.records_url

    def counts(self) -> dict[str, int]:
        """Return how many predictions were written, spooled and lost since the app was started."""
        return dict(zip(FATES, map(int, self._counters.totals()), strict=False))

    def render(self) -> str:
        """Return the counters in Prometheus's text format."""
        *fates, failures = self._counters.totals()
        lines = [
            f"# HELP {KEPT} Predictions by what became of their record; a spooled one is written "
            "once the database answers.",
            f"# TYPE {KEPT} counter",
            *(f'{KEPT}{{fate="{fate}"}} {n:.0f}' for fate, n in zip(FATES, fates, strict=True)),
            f"# HELP {FAILURES} Attempts to write records that the database did not take.",
            f"# TYPE {FAILURES} counter",
            f"{FAILURES} {failures:.0f}",
            "",
        ]
        return "\n".join(lines)

    def child_environment(self) -> Mapping[str, str]:
        """Return the variables by which a process that works for us finds records and model."""
        settings = self._settings
        return {
            "ARTIFACTS_DIR": str(settings.artifacts_dir.resolve()),
            "MODEL_SIGNING_KEY": settings.model_signing_key,
            "RECORDS_URL": settings.records_url,
            "RECORDS_KEY": settings.records_key,
            "RECORDS_SPOOL": str(settings.records_spool or ""),
            "RECORD_SUBJECT": settings.record_subject,
            "RECORD_GROUP": settings.record_group,
            "RECORD_FEATURES": "1" if settings.record_features else "",
            "RECORD_TERMS": settings.record_terms,
            "SHADOW_RUN": settings.shadow_run,
        }


def current_recording() -> Recording | None:
    """Return what keeps the predictions of the app that answers; None where none are kept."""
    recording: Recording | None = current_app.extensions.get(Recording.EXTENSION)
    return recording


def current_recorder() -> Recorder | None:
    """Return its recorder alone."""
    recording = current_recording()
    return recording.recorder if recording else None
