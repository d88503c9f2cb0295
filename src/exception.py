"""The errors that this project raises, each with the list of problems it found."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with the input.

    Attributes
    ----------
    message : str
        What is wrong and what to do, a full sentence.
    field : str or None
        Name of the column that the problem is about.
    row : int or None
        Line of a text file, row of a sheet; the header is 1.
    got : str or None
        The offending value as text, shortened. Shown to the person who sent it, never logged.
    """

    message: str
    field: str | None = None
    row: int | None = None
    got: str | None = None

    def __str__(self) -> str:
        return self.message if self.row is None else f"Row {self.row}: {self.message}"


class StuPredictionError(Exception):
    """Base of all errors that a person can do something about.

    Parameters
    ----------
    message : str
        One sentence for the person; when empty, it is put together from the problems.
    problems : iterable of Problem
        Everything that was found, not only the first.
    setting : str
        The setting of a component that could be changed, such as ``folds``. What takes options
        knows which one sets it.
    """

    shown = 20  # problems spelled out in str(error); all of them stand in `problems`

    def __init__(
        self, message: str = "", problems: Iterable[Problem] = (), setting: str = ""
    ) -> None:
        self.problems = tuple(problems)
        self.setting = setting
        self.summary = message or str(next(iter(self.problems), ""))
        lines = [message] if message else []
        lines += [str(problem) for problem in self.problems[: self.shown]]
        if len(self.problems) > self.shown:
            lines.append(f"… and {len(self.problems) - self.shown} more.")
        super().__init__("\n".join(lines))


class ConfigurationError(StuPredictionError):
    """An option, a setting or a hints file that cannot be used."""


class DataValidationError(StuPredictionError):
    """A table or a record that does not fit."""


class HeaderError(DataValidationError):
    """A header that lacks columns.

    Attributes
    ----------
    header : tuple of str
        As it stands in the file.
    found : dict of str to int
        Where the columns stand that are there, by feature.
    """

    def __init__(
        self,
        message: str,
        problems: Iterable[Problem],
        header: Iterable[str] = (),
        found: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(message, problems)
        self.header, self.found = tuple(header), dict(found or {})


class TrainingError(StuPredictionError):
    """Training ran, and what came out must not be served."""


class ClusterError(StuPredictionError):
    """Workers that cannot be reached, are lost, or would compute something else."""


class ArtifactError(StuPredictionError):
    """A saved run that is absent, damaged, or made by other library versions."""


class ReasonsUnavailableError(StuPredictionError):
    """A model of which no true reasons can be given in the time that a page has."""


class ModelNotFoundError(ArtifactError):
    """Nothing was promoted yet."""
