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


class ActionFailedError(Exception):
    """A stage that did not succeed; the execution ends there."""


@dataclass
class Execution:
    """One push.

    Attributes
    ----------
    status : str
        ``InProgress``, then ``Succeeded``, ``Failed`` or ``Superseded``.
    stage : str
        The one it is in, waits for, or ended in.
    reason : str
        Why it failed.
    """

    number: int
    commit: str
    status: str = "InProgress"
    stage: str = ""
    reason: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Slot:
    """Holds the execution that a stage runs, and the one that waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.running: Execution | None = None
        self.waiting: Execution | None = None

    def enter(self, execution: Execution) -> bool:
        """Wait until the stage is free; return False if a newer execution took the place."""
        with self._changed:
            if self.waiting is not None and self.waiting.number > execution.number:
                return False
            self.waiting = execution
            self._changed.notify_all()
            self._changed.wait_for(lambda: self.waiting is not execution or self.running is None)
            if self.waiting is not execution:
                return False
            self.running, self.waiting = execution, None
            return True

    def leave(self) -> None:
        """Free the stage."""
        with self._changed:
            self.running = None
            self._changed.notify_all()


class Pipeline:
    """The stages of a template's pipeline, and what each does here.

    Parameters
    ----------
    properties : mapping
        Of the ``AWS::CodePipeline::Pipeline``, resolved.
    actions : mapping of str to callable
        By the provider that the template names.
    log : callable
        Takes a line for people.

    Raises
    ------
    ValueError
        If the template asks for what is not played here.
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
        self._slots = {name: Slot() for name in self.stages}
        self._started = 0

    def start(self, commit: str, without: tuple[str, ...] = ()) -> Execution:
        """Start an execution and return it at once.

        Parameters
        ----------
        commit : str
        without : tuple of str
            Stages to leave out, as in a pipeline made with "Skip build stage".
        """
        self._started += 1
        execution = Execution(self._started, commit)
        stages = [name for name in self.stages if name not in without]
        threading.Thread(target=self._run, args=(execution, stages), daemon=True).start()
        return execution

    def _run(self, execution: Execution, stages: list[str]) -> None:
        try:
            key = ""
            for name in stages:
                execution.stage = name
                slot = self._slots[name]
                if not slot.enter(execution):
                    execution.status = "Superseded"
                    break
                started = time.monotonic()
                self.log(f"#{execution.number} {name} …")
                try:
                    key = self.stages[name](execution, key)
                finally:
                    slot.leave()
                self.log(f"#{execution.number} {name} took {time.monotonic() - started:.1f} s")
            else:
                execution.status = "Succeeded"
        except ActionFailedError as error:
            execution.status, execution.reason = "Failed", str(error)
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            execution.status, execution.reason = "Failed", f"{type(error).__name__}: {error}"
        finally:
            self.log(f"#{execution.number} {execution.status} {execution.reason}")
            execution.ended.set()
