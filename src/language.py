"""The language that people read: pages, report, model card. API messages and logs stay English.

English is the language of the source, so it has no catalogue. Each other language is one file,
``src/translations/<code>.po``; ``python -m src.translations`` keeps them complete, and
CONTRIBUTING.md says how one is added. What is marked here is said in the language that
:func:`speaking` or :func:`speak` has set for this thread or task, English otherwise.
"""

from __future__ import annotations

import gettext as standard
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import TYPE_CHECKING, ParamSpec, TypeVar

if TYPE_CHECKING:
    from babel import Locale
    from jinja2 import Environment, nodes

ENGLISH = "en"
CATALOGUES = Path(__file__).parent / "translations"

P = ParamSpec("P")
T = TypeVar("T")

_language: ContextVar[str] = ContextVar("language", default=ENGLISH)


@cache
def languages() -> tuple[str, ...]:
    """Return the codes of all languages, English first."""
    return ENGLISH, *sorted(path.stem for path in CATALOGUES.glob("*.po"))


def current() -> str:
    """Return the code of the language that is spoken."""
    return _language.get()


def speak(language: str) -> None:
    """Speak a language from here on, in this thread or task.

    Raises
    ------
    ValueError
        If there is no such language.
    """
    if language not in languages():
        raise ValueError(f"language must be one of {', '.join(languages())}. Got {language!r}.")
    _language.set(language)


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Speak a language inside a ``with``, and the one before it afterwards."""
    before = current()
    speak(language)
    try:
        yield
    finally:
        _language.set(before)


def own_name(language: str) -> str:
    """Return what a language calls itself.

    Examples
    --------
    >>> own_name("en"), own_name("de")
    ('English', 'Deutsch')
    """
    name = str(_locale_of(language).display_name)
    return name[:1].upper() + name[1:]


def reads_rightwards(language: str) -> bool:
    """Return whether a language is written from left to right."""
    return _locale_of(language).text_direction == "ltr"


def gettext(message: str, /, **values: object) -> str:
    """Return a message in the language that is spoken, with its ``%(name)s`` filled.

    Without values a per cent sign stands for itself, as in the templates.

    Examples
    --------
    >>> gettext("Enter %(label)s", label="a score"), gettext("100 %")
    ('Enter a score', '100 %')
    """
    text = _said(_language.get(), message)
    return text % values if values else text


def ngettext(one: str, many: str, n: int, /, **values: object) -> str:
    """Return the message of a number of things; ``%(n)s`` is the number, as the language writes it.

    Examples
    --------
    >>> ngettext("%(n)s student", "%(n)s students", 1200)
    '1,200 students'
    """
    text = _catalogue(current()).ngettext(one, many, n)
    return text % {"n": localize(f"{n:,}"), **values}


def pgettext(context: str, message: str, /, **values: object) -> str:
    """Return a message whose words mean different things in different places."""
    text = _catalogue(current()).pgettext(context, message)
    return text % values if values else text


def mark(message: str) -> str:
    """Return a message as it is, but have it translated: for what is said later, by `gettext`."""
    return message


def install(environment: Environment) -> None:
    """Let templates say ``{% trans %}`` and ``_("…")``; in the latter ``%`` is written ``%%``."""
    from jinja2 import pass_eval_context
    from jinja2.compiler import CodeGenerator, Frame
    from jinja2.nodes import EvalContext
    from markupsafe import Markup

    @lru_cache(maxsize=4096)
    def marked(text: str) -> str:
        return Markup(text)  # noqa: S704 # nosec B704

    @lru_cache(maxsize=4096)
    def marked_alone(language: str, message: str) -> str:
        return marked(_said(language, message)) % {}

    @pass_eval_context
    def say(template: EvalContext, message: str, /, **values: object) -> str:
        language = _language.get()
        if not template.autoescape:
            return _said(language, message) % values
        if not values:
            return marked_alone(language, message)
        return marked(_said(language, message)) % values

    @pass_eval_context
    def say_number(template: EvalContext, one: str, many: str, n: int, /, **values: object) -> str:
        text = _catalogue(_language.get()).ngettext(one, many, n)
        return (marked(text) if template.autoescape else text) % {"num": n, **values}

    class Generator(CodeGenerator):
        """Looks a message without values up where Jinja would go through four calls."""

        def visit_Call(self, node: nodes.Call, frame: Frame, forward_caller: bool = False) -> None:
            found = _message_alone(node)
            if found is None or frame.eval_ctx.volatile or not frame.eval_ctx.autoescape:
                super().visit_Call(node, frame, forward_caller=forward_caller)
            else:
                self.write(f"environment.said({found!r})")

    environment.code_generator_class = Generator
    environment.said = (  # type: ignore[attr-defined]
        lambda message: marked_alone(_language.get(), message)
    )
    environment.add_extension("jinja2.ext.i18n")
    environment.policies["ext.i18n.trimmed"] = True
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        gettext,
        ngettext,
        newstyle=True,
        pgettext=lambda context, message: _catalogue(current()).pgettext(context, message),
    )
    # Jinja's own go through three calls and mark the text anew each time.
    environment.globals |= {"_": say, "gettext": say, "ngettext": say_number}


def localize(number: str) -> str:
    """Return a number written in English with the separators of the language that is spoken.

    Examples
    --------
    >>> with speaking("de"):
    ...     localize("1,234.5")
    '1.234,5'
    """
    language = _language.get()
    return number if language == ENGLISH else number.translate(_separators(language))


def decimal_mark() -> str:
    """Return the decimal mark of the language that is spoken."""
    return localize(".")


def cached_by_language(maxsize: int) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Return a decorator as :func:`functools.lru_cache`, for what is said in some language."""

    def decorate(say: Callable[P, T]) -> Callable[P, T]:
        @lru_cache(maxsize)
        def cached(_: str, *values: P.args, **named: P.kwargs) -> T:
            return say(*values, **named)

        @wraps(say)
        def of_this_language(*values: P.args, **named: P.kwargs) -> T:
            return cached(_language.get(), *values, **named)  # type: ignore[arg-type]

        return of_this_language

    return decorate


@cache
def _locale_of(language: str) -> Locale:
    from babel import Locale

    return Locale.parse(language.replace("-", "_"))


@cache
def _separators(language: str) -> dict[int, str]:
    symbols = _locale_of(language).number_symbols["latn"]
    return str.maketrans({",": symbols["group"], ".": symbols["decimal"]})


def _message_alone(call: nodes.Call) -> str | None:
    """Return the message of a template's ``_("…")``; None where a call is another or has values."""
    name = getattr(call.node, "name", "")
    if name not in ("_", "gettext") or call.kwargs or len(call.args) != 1:
        return None
    return getattr(call.args[0], "value", None)


def _said(language: str, message: str) -> str:
    return message if language == ENGLISH else _catalogue(language).gettext(message)


@cache
def _catalogue(language: str) -> standard.NullTranslations:
    if language == ENGLISH:
        return standard.NullTranslations()
    from io import BytesIO

    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    with (CATALOGUES / f"{language}.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return standard.GNUTranslations(compiled)
