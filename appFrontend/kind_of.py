"""Which kind a target is of."""

from __future__ import annotations

from appFrontend.api import Json
from appFrontend.kinds import Kind
from appFrontend.numbers import Numbers
from appFrontend.outcomes import Outcomes


def kind_of(target: Json) -> Kind:
    """Return what shows predictions of a target of the schema."""
    return Outcomes(target) if target["kind"] == "class" else Numbers(target)
