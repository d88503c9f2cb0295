"""What the rehearsal prints: each step with its proofs, and a summary at the end."""

from __future__ import annotations

import time

from rich.console import Console
from rich.table import Table
from rich.text import Text

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
    """A claim that did not hold."""


class Report:
    """Prints and collects steps, proofs and figures."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.started = time.monotonic()
        self.proven: list[str] = []
        self.figures: list[tuple[str, str]] = []
        self.steps: list[tuple[str, float]] = []

    def log(self, line: str, style: str = "dim") -> None:
        """Print a line with the time since the start."""
        seconds = f"{time.monotonic() - self.started:6.1f} s  "
        self.console.print(Text.assemble((seconds, "blue"), (line, style)))

    def step(self, title: str) -> None:
        """Begin a step."""
        self.steps.append((title, time.monotonic()))
        self.log(title, "bold cyan")

    def figure(self, name: str, value: str) -> None:
        """Note a measurement."""
        self.figures.append((name, value))
        self.log(f"{name}: {value}", "magenta")

    def prove(self, claim: str, holds: bool, otherwise: object = "") -> None:
        """Note that a claim holds; if it does not, raise with what was seen ``otherwise``."""
        if not holds:
            raise RehearsalFailedError(f"Not shown: {claim}. {otherwise}")
        self.proven.append(claim)
        self.log(f"✓ {claim}", "green")

    def finish(self) -> None:
        """Print what was proven and measured, how long it took, and what only AWS can prove."""
        ends = [*(began for _, began in self.steps[1:]), time.monotonic()]
        steps = zip(self.steps, ends, strict=True)
        parts = {
            "Proven here": [("✓", claim) for claim in self.proven],
            "Measured": self.figures,
            "Took": [(f"{end - began:.0f} s", title) for (title, began), end in steps],
            "Only AWS can prove": [("·", text) for text in ONLY_AWS],
        }
        for title, rows in parts.items():
            table = Table(title=title, show_header=False, expand=True, title_style="bold")
            for row in rows:
                table.add_row(*row)
            self.console.print(table, soft_wrap=False)
        minutes = (ends[-1] - self.started) / 60
        self.console.print(f"[bold green]The rehearsal passed[/] in {minutes:.1f} minutes.")
