"""The form as HTML. What the schema decides is drawn once; the answers are put into it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from flask import current_app
from markupsafe import Markup

from src.exception import Problem
from src.report.wording import listed
from src.schema.features import CategoricalFeature
from src.schema.record import Schema
from src.web.pages.forms import Field, draw_up, form_groups, sensitive_labels

SLOT = "\ue000slot\ue000"  # stands for what is put in; no text of a schema holds it


class DrawnForm:
    """The form of one schema.

    Kept are the fields, and each with each of its categories chosen. What somebody typed is not.

    Attributes
    ----------
    names : list of str
        Of the fields in their order.
    sensitive : str
        Labels of the questions for which the form has to say why it asks.

    Parameters
    ----------
    schema : Schema
    importance : mapping of str to float
        See :func:`form_groups`.
    """

    def __init__(self, schema: Schema, importance: Mapping[str, float]) -> None:
        self._schema = schema
        self._importance = importance
        groups = form_groups(schema, importance=importance)
        self.names = [field.name for group in groups for field in group.fields]
        self.sensitive = listed(sensitive_labels(schema), most=20)
        self._features = {feature.name: feature for feature in schema.features}
        self._pieces = _draw("_groups.html", groups=groups, slot=SLOT).split(SLOT)
        self._kept: dict[tuple[str, str], Markup] = {}

    def draw(self, values: Mapping[str, str], problems: Iterable[Problem] = ()) -> Markup:
        """Return the form's fields with answers, and with what is wrong with them."""
        problems = tuple(problems)
        if problems:
            groups = form_groups(self._schema, values, problems, self._importance)
            return _draw("_groups.html", groups=groups)
        parts = [self._pieces[0]]
        for name, piece in zip(self.names, self._pieces[1:], strict=True):
            parts += (self._field(name, values.get(name, "")), piece)
        return Markup("".join(parts))  # noqa: S704 - each part is HTML, what was typed escaped

    def _field(self, name: str, value: str) -> Markup:
        feature = self._features[name]
        typed = not isinstance(feature, CategoricalFeature)
        key = (name, SLOT if typed else value)
        drawn = self._kept.get(key)
        if drawn is None:
            drawn = _draw_field(draw_up(feature, key[1]))
            if typed or not value or value in feature.categories:  # type: ignore[union-attr]
                self._kept[key] = drawn
        return drawn.replace(SLOT, value) if typed else drawn


def _draw(template: str, **values: object) -> Markup:
    return Markup(current_app.jinja_env.get_template(template).render(values))  # noqa: S704


def _draw_field(field: Field) -> Markup:
    macros = current_app.jinja_env.get_template("_field.html").module
    return Markup(macros.draw(field))  # type: ignore[attr-defined]  # noqa: S704
