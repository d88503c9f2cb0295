"""CodePipeline's way from a push to a deployment: stages, artifacts, executions, superseding.

A stage holds one execution at a time. In the mode SUPERSEDED one more may wait at its door, and a
newer one that arrives there takes its place; what is superseded never runs.
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
    """One push on its way.

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
    subject: str
    status: str = "InProgress"
    stage: str = ""
    reason: str = ""
    ended: threading.Event = field(default_factory=threading.Event)


class Door:
    """The entrance of a stage, in the mode SUPERSEDED."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._inside: Execution | None = None
        self._waiting: Execution | None = None

    def enter(self, execution: Execution) -> bool:
        """Wait for the stage to be free; return False where a newer execution took the place."""
        with self._changed:
            if self._waiting is not None and self._waiting.number > execution.number:
                return False
            self._waiting = execution
            self._changed.notify_all()
            while self._waiting is execution and self._inside is not None:
                self._changed.wait()
            if self._waiting is not execution:
                return False
            self._inside, self._waiting = execution, None
            return True

    def leave(self) -> None:
        """Let the next one in."""
        with self._changed:
            self._inside = None
            self._changed.notify_all()


@dataclass
class Pipeline:
    """The stages of a resolved pipeline template, and what each does here.

    Attributes
    ----------
    stages : list of str
    actions : dict of str to callable
        By the provider that the template names.
    tell : callable
        Takes a line for people.
    """

    stages: list[tuple[str, str]]
    actions: Mapping[str, Action]
    tell: Callable[[str], None]
    executions: list[Execution] = field(default_factory=list)
    _doors: dict[str, Door] = field(default_factory=dict)

    @classmethod
    def from_template(
        cls,
        properties: Mapping[str, Any],
        actions: Mapping[str, Action],
        tell: Callable[[str], None],
        without: tuple[str, ...] = (),
    ) -> Pipeline:
        """Return the pipeline of a template's resource.

        Parameters
        ----------
        properties : mapping
            Of the ``AWS::CodePipeline::Pipeline``, resolved.
        without : tuple of str
            Stages to leave out, as people do who choose "Skip build stage".

        Raises
        ------
        ValueError
            If the template asks for what is not played here.
        """
        if (properties["PipelineType"], properties["ExecutionMode"]) != ("V2", "SUPERSEDED"):
            raise ValueError("The rehearsal plays pipelines of type V2 in the mode SUPERSEDED.")
        stages = []
        for stage in properties["Stages"]:
            (action,) = stage["Actions"]
            provider = action["ActionTypeId"]["Provider"]
            if provider not in actions:
                raise ValueError(f"The rehearsal does not play {provider}.")
            if stage["Name"] not in without:
                stages.append((stage["Name"], provider))
        return cls(stages, actions, tell)

    def start(self, commit: str, subject: str) -> Execution:
        """Start an execution for a commit and return it at once."""
        execution = Execution(len(self.executions) + 1, commit, subject)
        self.executions.append(execution)
        for name, _ in self.stages:
            self._doors.setdefault(name, Door())
        threading.Thread(target=self._run, args=(execution,), daemon=True).start()
        return execution

    def _run(self, execution: Execution) -> None:
        key = ""
        try:
            for name, provider in self.stages:
                execution.stage = name
                door = self._doors[name]
                if not door.enter(execution):
                    execution.status = "Superseded"
                    self.tell(f"#{execution.number} superseded while waiting for {name}")
                    return
                started = time.monotonic()
                self.tell(f"#{execution.number} {name} …")
                try:
                    key = self.actions[provider](execution, key)
                finally:
                    door.leave()
                seconds = time.monotonic() - started
                self.tell(f"#{execution.number} {name} succeeded after {seconds:.1f} s")
            execution.status = "Succeeded"
        except ActionFailedError as error:
            execution.status, execution.reason = "Failed", str(error)
            self.tell(f"#{execution.number} {execution.stage} failed. {error}")
        except Exception as error:  # noqa: BLE001 - a thread's error would be lost
            execution.status, execution.reason = "Failed", f"{type(error).__name__}: {error}"
            self.tell(f"#{execution.number} {execution.stage} broke: {execution.reason}")
        finally:
            execution.ended.set()
