"""Outcomes that are uploaded: read by a process of its own, which then makes the report anew."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
import tempfile
from base64 import b64encode
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, NamedTuple

from src.config import ROOT
from src.language import current, mark
from src.language import gettext as _
from src.logger import get_logger
from src.serving.scoring import can_vectorise
from src.tables.writer import restore, write_rows
from src.utils import disk_folder
from src.web.batch.worker import child_environment
from src.web.recording import Recording

logger = get_logger(__name__)

LIMIT_S = 25  # gunicorn ends a request after 30
MOST_LINK_BYTES = 1 << 20
MOST_MENDED = 50  # rows on the page; the others stand in the file of those that were not taken
SLOW = mark(
    "The file takes more time than a page has. Import it on the server: "
    "python -m src.records outcomes import FILE"
)
DOWN = mark(
    "The database of the records does not answer. Nothing of the file was kept; try again later."
)
OUR_FAULT = mark("The mistake is here, not in your file. It was noted; please try again.")
NO_REPORT = mark(
    "The outcomes are kept. The report could not be made here; make it where the model is trained: "
    "python -m src.records report"
)


class Wrong(NamedTuple):
    """A row that was not taken: its cells of the columns that are read, and why."""

    cells: list[str]
    why: str


@dataclass(frozen=True)
class Mending:
    """Rows that a person may mend on the page, which holds them: none lie on the server."""

    header: list[str] = field(default_factory=list)
    rows: list[Wrong] = field(default_factory=list)

    @property
    def file(self) -> IO[bytes]:
        """The rows as a table."""
        text = io.StringIO(newline="")
        write_rows(text, [self.header, *(row.cells for row in self.rows)])
        return io.BytesIO(text.getvalue().encode())


@dataclass(frozen=True)
class Outcome:
    """What became of an upload.

    Attributes
    ----------
    counts : dict of str to int
        Rows by what became of them.
    examples : list of str
        Why the first rows were not taken.
    not_taken : str
        Address of the rows that were not taken as a file; empty where there is none.
    mending : Mending
        The first of them, with the columns that are read.
    refusal : str
        Why the file as a whole could not be read; else empty.
    remark : str
        What did not work afterwards.
    """

    counts: dict[str, int] = field(default_factory=dict)
    examples: list[str] = field(default_factory=list)
    not_taken: str = ""
    mending: Mending = Mending()
    refusal: str = ""
    remark: str = ""


def import_file(
    file: IO[bytes], name: str, as_of: str, actor: str, recording: Recording
) -> Outcome:
    """Import a file of outcomes, and make the report anew.

    Nothing of the file is left when this returns.
    """
    suffix = Path(name).suffix.lower()
    with tempfile.TemporaryDirectory(prefix="stuprediction-outcomes-", dir=disk_folder()) as folder:
        upload, not_taken = Path(folder, f"upload{suffix}"), Path(folder, "not-taken.csv")
        with upload.open("wb") as copy:
            shutil.copyfileobj(file, copy)
        command = ["outcomes", "import", str(upload), "--not-taken", str(not_taken), "--json",
                   "--actor", actor, "--name", name, "--language", current()]  # fmt: skip
        command += ["--as-of", as_of] if as_of else []
        command += ["--report"] if can_vectorise() else []
        try:
            ran = _run(recording, command)
        except subprocess.TimeoutExpired:
            return Outcome(refusal=_(SLOW))
        if ran.returncode == 3:
            return Outcome(refusal=_(DOWN))
        if ran.returncode == 2:
            return Outcome(refusal=ran.stderr.decode("utf-8", "replace").strip())
        if ran.returncode:
            logger.error("A process for outcomes ended with status %d", ran.returncode)
            return Outcome(refusal=_(OUR_FAULT))
        found = json.loads(ran.stdout)
        return Outcome(
            counts={name: n for name, n in found.items() if isinstance(n, int)},
            examples=found["examples"],
            not_taken=_link(not_taken),
            mending=_to_mend(not_taken, found["columns"], found["examples"]),
            remark="" if can_vectorise() else _(NO_REPORT),
        )


def _run(recording: Recording, arguments: Sequence[str]) -> subprocess.CompletedProcess[bytes]:
    environment = {
        **child_environment(),
        **recording.child_environment(),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(  # noqa: S603 - a program of ours; a name is an argument, never a path
        [sys.executable, "-m", "src.records", *arguments],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=LIMIT_S,
        check=False,
    )


def _to_mend(not_taken: Path, columns: Sequence[int], examples: Sequence[str]) -> Mending:
    """Return the first rows that were not taken and are not blank."""
    found: list[Wrong] = []
    with suppress(FileNotFoundError), not_taken.open(encoding="utf-8-sig", newline="") as file:
        header, *rows = csv.reader(file)
        for i, row in enumerate(rows):
            cells = [restore(row[at]) for at in columns]
            if any(cell.strip() for cell in cells) and len(found) < MOST_MENDED:
                found.append(Wrong(cells, examples[i] if i < len(examples) else row[-1]))
        return Mending([restore(header[at]) for at in columns], found)
    return Mending()


def _link(not_taken: Path) -> str:
    """Return the rows that were not taken as an address that holds them: none lie on the server."""
    try:
        content = not_taken.read_bytes()
    except FileNotFoundError:
        return ""
    if len(content) > MOST_LINK_BYTES:
        return ""
    return f"data:text/csv;charset=utf-8;base64,{b64encode(content).decode()}"
