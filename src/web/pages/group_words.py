"""Whether the model knows a record's group, such as its school, as the result page says it."""

from __future__ import annotations

from src.language import gettext as _
from src.report.wording import group_noun, plain
from src.schema.features import GroupFeature, nearest
from src.serving.predictor import Answered, NumberPredictor, Predictor
from src.tables.cells import parse_number, shorten
from src.tables.look_alike import digits, fold


def group_sentence(answered: Answered, predictor: Predictor) -> str:
    """Return whether the group is known, and what follows; empty where groups have no effects."""
    feature, groups = predictor.schema.group, predictor.groups
    if feature is None or groups is None:
        return ""
    label = plain(feature.label or feature.name)
    noun = group_noun(feature)
    known, name = groups.is_known(answered.values), str(answered.values.get(feature.name))
    if known is None:
        if _widens(predictor):
            return _(
                "%(label)s was left blank: it counts as an average %(group)s, with a wider range.",
                label=label,
                group=noun,
            )
        return _(
            "%(label)s was left blank: it counts as an average %(group)s.", label=label, group=noun
        )
    shown = plain(shorten(name))
    if known:
        return _("%(label)s: as in %(name)s, which the model knows.", label=label, name=shown)
    if _widens(predictor):
        said = _(
            "%(label)s: the model does not know %(name)s. It counts as an average %(group)s, with "
            "a wider range.",
            label=label,
            name=shown,
            group=noun,
        )
    else:
        said = _(
            "%(label)s: the model does not know %(name)s. It counts as an average %(group)s.",
            label=label,
            name=shown,
            group=noun,
        )
    return f"{said} {_meant(name, feature)}".rstrip()


def _meant(name: str, feature: GroupFeature) -> str:
    if parse_number(name) is not None:  # the nearest number is as good as any
        return ""
    alike = (known for known in feature.names if digits(known) == digits(name))
    close = nearest(fold(name), {fold(known): known for known in alike})
    return _("Did you mean %(value)s?", value=close) if close else ""


def _widens(predictor: Predictor) -> bool:
    """Whether ranges are narrower in groups that are known."""
    if predictor.groups is None or not isinstance(predictor, NumberPredictor):
        return False
    factor = predictor.intervals.factors.get(predictor.groups.column)
    return factor is not None and any(one < 1 for one in factor.categories.values())
