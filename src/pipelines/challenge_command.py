"""The command of a challenge: ``… train_pipeline --challenge new_terms.csv``."""

from __future__ import annotations

import argparse
import getpass
import sys
from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from src.artifact_store import REBUILD, ArtifactStore
from src.components.data_check import CheckedTable
from src.config import ARTIFACTS, load_settings
from src.exception import ModelNotFoundError
from src.logger import get_logger
from src.pipelines.challenge import (
    Challenge,
    as_champion,
    challenger_folder,
    of_table,
    read_terms,
)
from src.pipelines.check_command import log_findings, show_findings
from src.pipelines.lead_time import Training
from src.pipelines.train_console import progress_shown
from src.pipelines.train_options import IF_BETTER, NEVER, config_of
from src.pipelines.training import TrainConfig, TrainResult
from src.report.challenge import ChallengeFacts, sentences
from src.search.plan import Progress

if TYPE_CHECKING:
    from rich.console import Console

logger = get_logger(__name__)

PROMOTED, KEPT = "promoted", "kept"
TABLES = ("data.csv", "train.csv", "test.csv")


class Challenger(Training, Protocol):
    """The road of a training that can be told what a challenge found."""

    def run(
        self,
        progress: Progress,
        notice: Callable[[CheckedTable], None],
        challenge: ChallengeFacts | None,
    ) -> TrainResult:
        """Train and save, and do not promote."""


def run_challenge(
    make: Callable[..., Challenger],
    store: ArtifactStore,
    options: argparse.Namespace,
    out: Console,
    errors: Console,
) -> dict[str, Any]:
    """Train a challenger, compare it with the champion, and promote it if that is wanted.

    Parameters
    ----------
    make : callable
        Makes the road of a training from a :class:`TrainConfig`, and a table that was read.
    """
    try:
        champion = store.promoted()
    except ModelNotFoundError as error:
        raise ModelNotFoundError(f"There is no champion to challenge. {error}") from error
    given = frozenset(vars(options).get("given", ()))
    config = as_champion(champion, config_of(options), given)
    source: str = options.challenge
    terms = read_terms(champion, config, make(config).ingestion, source)
    training = make(of_table(config, terms.table, source), terms.table)
    notice = log_findings if options.quiet else partial(show_findings, errors, training=True)
    with progress_shown(None if options.quiet else errors) as progress:
        facts = Challenge(champion, training, terms).run(source, progress)
        result = training.run(progress, notice, facts)
    decision = _decide(facts, result, options.promote_if, out)
    if decision == PROMOTED:
        store.promote(result.run, by="challenge")
        move_tables(training.config)
    _show(facts, result, decision, options, out)
    _note(facts, result, decision)
    return {
        "run_id": result.run.run_id,
        "champion": champion.run_id,
        "trained": True,
        "decision": decision,
        "challenge": asdict(facts),
        "said": sentences(facts),
    }


def _decide(
    facts: ChallengeFacts, result: TrainResult, promote_if: str | None, out: Console
) -> str:
    """Return what becomes of the challenger; where nothing was said and it is better, ask."""
    if not facts.is_better or promote_if == NEVER:
        return KEPT
    if promote_if == IF_BETTER:
        return PROMOTED
    if not (sys.stdin.isatty() and out.is_terminal):
        return KEPT
    for line in sentences(facts):
        out.print(line, markup=False, soft_wrap=True)
    answer = out.input(f"Promote run {result.run.run_id}? [y/N] ")
    return PROMOTED if answer.strip().casefold() in ("y", "yes") else KEPT


def move_tables(config: TrainConfig) -> None:
    """Put a promoted challenger's tables beside the model."""
    for name in TABLES:
        (challenger_folder(config) / name).replace(config.artifacts / name)
    challenger_folder(config).rmdir()


def _show(
    facts: ChallengeFacts,
    result: TrainResult,
    decision: str,
    options: argparse.Namespace,
    out: Console,
) -> None:
    say = partial(out.print, markup=False, soft_wrap=True)
    run_id, elsewhere = result.run.run_id, ""
    if options.artifacts != ARTIFACTS:
        elsewhere = f" --artifacts {options.artifacts}"
    for line in sentences(facts):
        say(line)
    command = f"{REBUILD} --promote"
    if decision == PROMOTED:
        say(f"\nPromoted run {run_id} ({result.run.manifest.model}).", style="bold green")
        say(f"To go back:\n  {command} {facts.champion}{elsewhere}")
        return
    why = "it is better" if facts.is_better else "it is not shown to be better"
    but = "; you did not ask to promote it" if facts.is_better else ""
    say(f"\nThe champion stays, run {facts.champion}.", style="bold")
    say(f"The challenger is kept: {why}{but}. To promote it all the same:")
    say(f"  {command} {run_id}{elsewhere}")
    say(f"To let it predict beside the champion, without answering: SHADOW_RUN={run_id}")


def _note(facts: ChallengeFacts, result: TrainResult, decision: str) -> None:
    """Have the records keep what was found and decided, where there are records."""
    settings = load_settings()
    if not settings.records_url:
        return
    from sqlalchemy.exc import OperationalError

    from src.records.challenges import keep_challenge
    from src.records.database import opened

    details = {
        "run": result.run.run_id,
        "model": result.run.manifest.model,
        "decision": decision,
        "facts": asdict(facts),
    }
    try:
        with opened(settings.records_url) as engine:
            keep_challenge(engine, f"command, {getpass.getuser()}", details)
    except OperationalError as error:
        logger.error("The records do not know of the challenge: %s", error.orig)
