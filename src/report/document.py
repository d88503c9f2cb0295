"""What a page is put together from: sections of sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """A plot and the sentence under it that says what to see.

    Attributes
    ----------
    svg : str
        Markup from :func:`src.report.matplotlib_svg.to_svg`; everything else here is plain text.
    """

    svg: str
    caption: str
    title: str = ""


@dataclass(frozen=True)
class Cell:
    """A figure in a table, with its interval or the like under it in small letters."""

    text: str
    detail: str = ""


@dataclass(frozen=True)
class ReportTable:
    """Rows of cells; the first of each row is its heading.

    Attributes
    ----------
    words : frozenset of int
        Columns that hold sentences; the others hold figures, which stand on the right.
    folded : bool
        Whether only the caption is seen until it is opened.
    marked : int or None
        Row that stands out.
    """

    caption: str
    header: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    words: frozenset[int] = frozenset()
    folded: bool = False
    marked: int | None = None


@dataclass(frozen=True)
class Section:
    """A heading with what belongs under it, in this order."""

    id: str
    title: str
    lead: Sequence[str] = ()
    points: Sequence[str] = ()
    figures: Sequence[Figure] = ()
    tables: Sequence[ReportTable] = ()
    notes: Sequence[str] = ()


@dataclass(frozen=True)
class Tile:
    """A figure in large letters, and what it is."""

    value: str
    unit: str
    meaning: str


@dataclass(frozen=True)
class CardPart:
    """A heading of the model card; ``code`` is a command or the like, shown as it is typed."""

    title: str
    sentences: Sequence[str]
    code: str = ""
    tables: Sequence[ReportTable] = ()


@dataclass(frozen=True)
class Told:
    """What a model card says of a model by what it predicts.

    Attributes
    ----------
    look_at : str
        What to look at beside a prediction.
    good, tables
        How good it is.
    groups : (sentences, code, tables) or None
        How groups fare; None where none were looked at.
    promise : str
        What holds of a single prediction; may be empty.
    """

    purpose: str
    look_at: str
    good: Sequence[str]
    tables: Sequence[ReportTable]
    groups: tuple[Sequence[str], str, Sequence[ReportTable]] | None
    promise: str
