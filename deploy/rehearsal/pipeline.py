"""CodePipeline from a push to a deployment: stages, artifacts, executions, superseding.

A stage runs one execution at a time. In the mode SUPERSEDED one more may wait for it; a newer one
that arrives takes the waiting one's place, and the superseded execution never runs the stage.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

# An action takes the execution and its input artifact's key, and returns its output artifact's.
Action = Callable[["Execution", str], str]


@dataclass
class Execution:
    """One push; its ``stage`` is the one that it is in, waits for, or ended in."""

    number: int
    commit: str
    status: str = "InProgress"  # then Succeeded, Failed or Superseded
    stage: str = ""
    reason: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Pipeline:
    """The stages of a template's pipeline; ``actions`` says what each provider does here.

    An action that raises fails the execution. What a template asks for and is not played here is a
    :class:`ValueError`.
    """

    def __init__(
        self,
        properties: Mapping[str, Any],
        actions: Mapping[str, Action],
        log: Callable[[str], None],
    ) -> None:
        if (properties["PipelineType"], properties["ExecutionMode"]) != ("V2", "SUPERSEDED"):
            raise ValueError("The rehearsal plays pipelines of type V2 in the mode SUPERSEDED.")
        self.log = log
        self.stages: dict[str, Action] = {}
        for stage in properties["Stages"]:
            (action,) = stage["Actions"]
            provider = action["ActionTypeId"]["Provider"]
            if provider not in actions:
                raise ValueError(f"The rehearsal does not play {provider}.")
            self.stages[stage["Name"]] = actions[provider]
        self._running: dict[str, Execution] = {}
        self._waiting: dict[str, Execution] = {}
        self._changed = threading.Condition()
        self._started = 0

    def start(self, commit: str, without: str = "") -> Execution:
        """Start an execution, maybe without a stage ("Skip build stage"), and return it at once."""
        self._started += 1
        execution = Execution(self._started, commit)
        threading.Thread(target=self._run, args=(execution, without), daemon=True).start()
        return execution

    def _run(self, execution: Execution, without: str) -> None:
        key, name = "", f"#{execution.number}"
        try:
            for stage, action in self.stages.items():
                if stage == without:
                    continue
                execution.stage = stage
                if not self._enter(stage, execution):
                    execution.status = "Superseded"
                    return
                started = time.monotonic()
                self.log(f"{name} {stage} …")
                try:
                    key = action(execution, key)
                finally:
                    self._leave(stage)
                self.log(f"{name} {stage} took {time.monotonic() - started:.1f} s")
            execution.status = "Succeeded"
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            execution.status, execution.reason = "Failed", f"{type(error).__name__}: {error}"
        finally:
            self.log(f"{name} {execution.status} {execution.reason}")
            execution.ended.set()

    def _enter(self, stage: str, execution: Execution) -> bool:
        """Wait until a stage is free; return False if a newer execution took the place."""
        with self._changed:
            other = self._waiting.get(stage, execution)
            if other.number > execution.number:
                return False
            self._waiting[stage] = execution
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: self._waiting.get(stage) is not execution or stage not in self._running
            )
            if self._waiting.get(stage) is not execution:
                return False
            self._running[stage] = self._waiting.pop(stage)
            return True

    def _leave(self, stage: str) -> None:
        with self._changed:
            del self._running[stage]
            self._changed.notify_all()
