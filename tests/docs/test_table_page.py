"""The page "Is my table ready?" names every kind of finding, and its picture is of today."""

from __future__ import annotations

import runpy
from pathlib import Path

from tests.planted_faults import FAULTS, plant

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_every_kind_of_fault_stands_on_the_page() -> None:
    page = (DOCS / "table.md").read_text("utf-8")
    kinds = {plant(fault, 0)[0].kind for fault in FAULTS}
    assert [kind for kind in sorted(kinds) if f"`{kind}`" not in page] == []


def test_the_picture_is_as_the_command_draws_it_and_fetches_nothing() -> None:
    make = runpy.run_path(str(DOCS / "make_table_picture.py"))
    drawn = make["picture"](make["checked_class"]())
    assert make["PICTURE"].read_text("utf-8") == drawn
    assert "url(http" not in drawn
