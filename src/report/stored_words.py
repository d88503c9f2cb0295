"""Words that the files of a run hold in English, said in the language that is spoken.

``metrics.json``, ``report.json`` and ``manifest.json`` answer the API, so that what they call a
model, a group or a reason stays English there. Here such a text is recognized and said.
"""

from __future__ import annotations

import re
from functools import cache

from src.language import ENGLISH, current, localize, mark
from src.language import gettext as _
from src.report.wording import listed_outcomes

FAMILIES = (
    mark("AdaBoost"),
    mark("CatBoost"),
    mark("CatBoost, native categories"),
    mark("Decision tree"),
    mark("Elastic net"),
    mark("Extra trees"),
    mark("Gradient boosting"),
    mark("Histogram gradient boosting"),
    mark("Lasso"),
    mark("Linear regression"),
    mark("Log-linear regression"),
    mark("Log-linear regression with curves"),
    mark("Logistic regression"),
    mark("Logistic regression with curves"),
    mark("Logistic regression with products"),
    mark("Logistic regression, elastic net"),
    mark("Mean of the target (baseline)"),
    mark("Proportional odds"),
    mark("Proportional odds with curves"),
    mark("Random forest"),
    mark("Ridge regression"),
    mark("Ridge regression with codes as categories"),
    mark("Ridge regression with curves"),
    mark("Ridge regression with products"),
    mark("Shares of the outcomes (baseline)"),
    mark("Support vector regression"),
    mark("Support vectors"),
    mark("XGBoost"),
    mark("k-nearest neighbours"),
)
MODELS = (
    mark("Average of %(models)s"),
    mark("Blend of %(models)s"),
    mark("Best single column: %(column)s"),
    mark("%(models)s on all columns, for comparison"),
)
NOT_TRIED = (
    mark("it cannot be trained with weights"),
    mark("the target has no long upper tail that begins at 0"),
    mark("no feature has three or more categories"),
    mark("no feature is a number"),
    mark("no number looks like a code"),
    mark("its columns would fill the memory"),
    mark("no room in the budget (%(budget)s)"),
    mark("no time left"),
    mark("it could not be fitted (%(kind)s)"),
    mark("it predicts no number"),
    mark("it cannot learn from a table that is read in parts"),
)
NOT_USED = (
    mark("named in --drop"),
    mark("it has no name in the header"),
    mark("it is empty in every row"),
    mark("it is %(value)s in every row"),
    mark("it is text with %(number)s different values, too many to choose from"),
    mark("it is the group, which has an effect beside the features (--group)"),
    mark("it says which rows belong together (--group)"),
    mark("it says which period a row is of (--time)"),
    mark("it holds the rows' weights (--sample-weight)"),
    mark("it is sensitive (--exclude-sensitive)"),
    mark("it is known later than %(stage)s (--as-of)"),
)
RULES = (
    mark("a number"),
    mark("a number from %(low)s to %(high)s"),
    mark("a number of at least %(number)s"),
    mark("a number of at most %(number)s"),
    mark("one of %(values)s"),
    mark("one of %(values)s or %(number)s more"),
    mark("a text of at most %(number)s characters"),
    mark("a full row with as many cells as the header"),
    mark("usable"),
)
_GROUPS = (
    mark("%(column)s missing"),
    mark("%(column)s up to %(high)s"),
    mark("%(column)s over %(low)s to %(high)s"),
    mark("%(column)s over %(low)s"),
)
_BOTH_GROUPS = mark("%(one)s and %(other)s")
_EVENT = mark("a score below %(number)s")
_NUMBERS = ("low", "high", "number")
_FIELD = re.compile(r"%\\\((\w+)\\\)s")


def spoken(text: str) -> str:
    """Return a text that a run's files hold, in the language that is spoken.

    What is not known, such as a text of a run that is older or newer, stays as it is.

    Examples
    --------
    >>> spoken("Average of Lasso, Elastic net"), spoken("no time left")
    ('Average of Lasso, Elastic net', 'no time left')
    """
    if current() == ENGLISH:
        return text
    known = (*FAMILIES, *MODELS, *NOT_TRIED, *NOT_USED, *RULES)
    if text in known:
        return _(text)
    # The longest first: "one of … or 3 more" is "one of …" as well.
    for message in sorted(known, key=len, reverse=True):
        if "%(" in message and (found := _pattern(message).fullmatch(text)):
            return _(message, **{name: _field(name, found[name]) for name in found.groupdict()})
    return text


def group_label(label: str) -> str:
    """Return the name of a group of students, as :mod:`src.report.findings` made it.

    Examples
    --------
    >>> group_label("Age over 15 to 18 years")
    'Age over 15 to 18 years'
    """
    if current() == ENGLISH:
        return label
    words = label.split(" and ")
    for at in reversed(range(1, len(words))):  # where both sides are the name of a group
        one, other = (_single_group(" and ".join(part)) for part in (words[:at], words[at:]))
        if one and other:
            return _(_BOTH_GROUPS, one=one, other=other)
    return _single_group(label) or label


def event_label(label: str) -> str:
    """Return what lead times call the event: a score below a mark, or the outcomes at risk.

    Examples
    --------
    >>> event_label("a score below 50"), event_label("F or D")
    ('a score below 50', 'F or D')
    """
    if found := _pattern(_EVENT).fullmatch(label):
        return _(_EVENT, number=localize(found["number"]))
    return listed_outcomes(label.split(" or "))


def _single_group(label: str) -> str:
    """Return the name of a feature's group; empty where it is not one."""
    if " = " in label:
        return label
    for message in sorted(_GROUPS, key=len, reverse=True):
        if found := _pattern(message).fullmatch(label):
            return _(message, **{name: _field(name, found[name]) for name in found.groupdict()})
    return ""


def _field(name: str, value: str) -> str:
    if name == "models":
        longest_first = "|".join(map(re.escape, sorted(FAMILIES, key=len, reverse=True)))
        return re.sub(longest_first, lambda family: _(family[0]), value)
    return localize(value) if name in _NUMBERS else value


@cache
def _pattern(message: str) -> re.Pattern[str]:
    """Return what texts of a message match, with its fields."""
    return re.compile(_FIELD.sub(r"(?P<\1>.+)", re.escape(message)))
