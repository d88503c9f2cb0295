"""Fields as HTML, each drawn by the one macro; what was drawn before is not drawn again."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

from flask import current_app
from markupsafe import Markup, escape

from src.web.forms import Field

KEPT = 4096  # drawn fields, a few hundred bytes each
SLOT = "\ue000"  # stands in a kept field for what somebody typed, which is not kept


def draw_field(field: Field) -> Markup:
    """Return a field's HTML.

    Kept is what the schema holds: a field, and which of its categories is chosen.
    """
    if field.error:
        return _drawn(field)
    if not field.options:
        return _kept(replace(field, value=SLOT)).replace(SLOT, escape(field.value))
    if field.value and not any(option.chosen for option in field.options):
        return _drawn(field)
    return _kept(field)


def _drawn(field: Field) -> Markup:
    macros = current_app.jinja_env.get_template("_field.html").module
    return Markup(macros.draw(field))  # type: ignore[attr-defined]  # noqa: S704 - it escapes


_kept = lru_cache(maxsize=KEPT)(_drawn)
