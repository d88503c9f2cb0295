"""What the rehearsal says: lines as it goes, claims with their proof, a report at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console
from rich.table import Table

ONLY_AWS = (
    "that the roles' policies suffice for what Beanstalk does in the caller's name on EC2, Auto "
    "Scaling and CloudFormation (the calls of eb, build and instances are checked above)",
    "the platform itself: its version, its Python, how its engine orders steps within a hook phase",
    "launching machines, the real load balancer, its health check and connection draining",
    "HTTPS with a certificate, DNS, security groups, managed updates, alarms and e-mails",
    "the GitHub connection, CodeBuild's image and its limits of time and memory",
    "prices, quotas and the free tier of your account",
)


class RehearsalFailedError(Exception):
    """Something that should have been proven was not."""


@dataclass
class Report:
    """Collects what was shown."""

    console: Console
    started: float = field(default_factory=time.monotonic)
    proven: list[str] = field(default_factory=list)
    figures: list[tuple[str, str]] = field(default_factory=list)
    chapters: list[tuple[str, float]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def tell(self, line: str) -> None:
        """Say what is going on."""
        self._print(line, "dim")

    def chapter(self, title: str) -> None:
        """Begin a part."""
        self.chapters.append((title, time.monotonic()))
        self._print(title, "bold cyan")

    def figure(self, name: str, value: str) -> None:
        """Note a measurement."""
        self.figures.append((name, value))
        self._print(f"{name}: {value}", "magenta")

    def prove(self, claim: str, holds: bool, otherwise: str | Callable[[], str] = "") -> None:
        """Note that a claim holds.

        Raises
        ------
        RehearsalFailedError
            If it does not.
        """
        if not holds:
            said = otherwise() if callable(otherwise) else otherwise
            raise RehearsalFailedError(f"Not shown: {claim}. {said}")
        self.proven.append(claim)
        self._print(f"✓ {claim}", "green")

    def finish(self) -> None:
        """Print what was proven and measured, how long it took, and what only AWS can prove."""
        ended = time.monotonic()
        self.console.print()
        table = Table(title="Proven here", show_header=False, expand=True, title_style="bold green")
        for claim in self.proven:
            table.add_row("✓", claim)
        self.console.print(table, soft_wrap=False)
        table = Table(title="Measured", show_header=False, expand=True, title_style="bold magenta")
        for name, value in self.figures:
            table.add_row(name, value)
        self.console.print(table, soft_wrap=False)
        table = Table(title="Took", show_header=False, expand=True, title_style="bold blue")
        ends = [*(began for _, began in self.chapters[1:]), ended]
        for (chapter, began), end in zip(self.chapters, ends, strict=True):
            table.add_row(f"{end - began:.0f} s", chapter)
        self.console.print(table, soft_wrap=False)
        table = Table(title="Only AWS can prove", show_header=False, expand=True,
                      title_style="bold yellow")  # fmt: skip
        for text in ONLY_AWS:
            table.add_row("·", text)
        self.console.print(table, soft_wrap=False)
        seconds = ended - self.started
        self.console.print(f"[bold green]The rehearsal passed[/] in {seconds / 60:.1f} minutes.")

    def _print(self, text: str, style: str) -> None:
        with self._lock:
            clock = f"{time.monotonic() - self.started:6.1f} s"
            self.console.print(f"[blue]{clock}[/]  ", end="")
            self.console.print(text, style=style, markup=False, highlight=False)
