"""The language of the page: the browser's, or the one that a person chose.

English is the language of the source. Each other one is a file, ``translations/<code>.po``;
``python -m src.translations`` keeps them complete. What the back end says in sentences is
English in all of them.
"""

from __future__ import annotations

import gettext as standard
from datetime import datetime
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Literal

import streamlit as st
from babel import Locale, negotiate_locale
from babel.dates import format_date
from babel.lists import format_list
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_percent
from streamlit.runtime.scriptrunner import get_script_run_ctx

ENGLISH = "en"
CATALOGUES = Path(__file__).parent / "translations"
CHOSEN = "language"  # of the session


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    return ENGLISH, *sorted(path.stem for path in CATALOGUES.glob("*.po"))


def current() -> str:
    """Return the code of the language of this visit."""
    if get_script_run_ctx(suppress_warning=True) is None:  # no page is being drawn
        return ENGLISH
    chosen = st.session_state.get(CHOSEN)
    return str(chosen) if chosen in languages() else fitting(st.context.locale)


def fitting(wanted: str | None) -> str:
    """Return the language that fits a browser's locale.

    Examples
    --------
    >>> fitting("de-AT"), fitting("xx"), fitting(None)
    ('de', 'en', 'en')
    """
    return negotiate_locale([wanted or ENGLISH], languages(), sep="-") or ENGLISH


def draw_switch() -> None:
    """Let a person choose the language."""
    found = languages()
    if len(found) > 1:
        st.selectbox(
            gettext("Language"),
            found,
            found.index(current()),
            format_func=own_name,
            key=CHOSEN,
            label_visibility="collapsed",
        )


def own_name(language: str) -> str:
    """Return what a language calls itself.

    Examples
    --------
    >>> own_name("es")
    'Español'
    """
    name = str(Locale.parse(language).display_name)
    return name[:1].upper() + name[1:]


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the language of this visit, with its ``%(name)s`` filled.

    Examples
    --------
    >>> gettext("Predict %(label)s", label="a score")
    'Predict a score'
    """
    text = _catalogue(current()).gettext(message)
    return text % values if values else text


def ngettext(one: str, many: str, n: int, /, **values: object) -> str:
    """Return the message of a number of things, which is ``%(n)s`` in it.

    Examples
    --------
    >>> ngettext("%(n)s student", "%(n)s students", 1200)
    '1,200 students'
    """
    return _catalogue(current()).ngettext(one, many, n) % {"n": number(n), **values}


def mark(message: str) -> str:
    """Return a message as it is, to be translated when it is said by `gettext`."""
    return message


def number(value: float, form: str = ",d") -> str:
    """Return a number with the separators of the language; the format is Python's.

    Examples
    --------
    >>> number(1234.56, ",.1f"), number(-3.2, "+.0f")
    ('1,234.6', '−3')
    """
    return f"{value:{form}}".translate(_separators(current()))


def percent(share: float) -> str:
    """Return a share in whole per cent; what is not quite none or all is not called so.

    Examples
    --------
    >>> percent(0.256), percent(0.001), percent(1)
    ('26 %', 'under 1 %', '100 %')
    """
    whole = round(100 * share)
    if whole == 100 and share < 1:
        return gettext("over %(share)s", share=_per_cent(0.99))
    if whole == 0 and share > 0:
        return gettext("under %(share)s", share=_per_cent(0.01))
    return _per_cent(whole / 100)


def _per_cent(share: float) -> str:
    form = "#,##0\N{NO-BREAK SPACE}%" if current() == ENGLISH else None
    return str(format_percent(share, form, locale=_region()))


def date(when: datetime) -> str:
    """Return a day as a sentence has it."""
    return str(format_date(when, "long", locale=_region()))


def listed(labels: list[str], style: Literal["standard", "or"] = "standard") -> str:
    """Return labels as a sentence lists them, by "and" or by "or".

    Examples
    --------
    >>> listed(["Fail", "Withdrawn"], "or"), listed([])
    ('Fail or Withdrawn', '')
    """
    return str(format_list([*labels], style, locale=_region()))


def vega_numbers() -> dict[str, object]:
    """Return how charts write numbers."""
    separators = _separators(current())
    return {
        "decimal": separators[ord(".")],
        "thousands": separators[ord(",")],
        "grouping": [3],
        "currency": ["", ""],
    }


def _region() -> str:
    """Return the locale of what English writes in several ways."""
    return "en_GB" if current() == ENGLISH else current()


@cache
def _separators(language: str) -> dict[int, str]:
    symbols = Locale.parse(language).number_symbols["latn"]
    return {ord(","): symbols["group"], ord("."): symbols["decimal"], ord("-"): "−"}


@cache
def _catalogue(language: str) -> standard.NullTranslations:
    if language == ENGLISH:
        return standard.NullTranslations()
    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return standard.GNUTranslations(compiled)
