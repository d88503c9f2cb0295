"""Keep the catalogues complete: ``python -m src.translations [--check] [--add LANGUAGE]``.

Every message of the pages, the report and the model card is written to every catalogue, and every
one of the Streamlit page to those of its own. New ones wait there for a translation (``--check``
names them), and those that are said no more go.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from src import language
from src.config import ROOT

PAGES, DOCUMENTS = "templates/**.html", "src/report/templates/**.jinja"
KEYWORDS = {
    "_": None,
    "gettext": None,
    "mark": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}  # fmt: skip
JINJA = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
OPTIONS = {PAGES: JINJA, DOCUMENTS: JINJA}
STREAMLIT = "appFrontend"  # imports nothing of ours, so that it has catalogues of its own
FIELD = re.compile(r"%\(\w+\)[sd]")
HEADER = """\
# Written anew by `python -m src.translations`; translate here what follows a `msgid`.
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


@dataclass(frozen=True)
class Area:
    """A part of the source with catalogues of its own."""

    catalogues: Path
    folders: tuple[str, ...]
    methods: tuple[tuple[str, str], ...]


def areas() -> tuple[Area, Area]:
    """Return the app's pages, report and card, and the Streamlit page."""
    pages = (("src/**.py", "python"), (PAGES, "jinja2"), (DOCUMENTS, "jinja2"))
    return (
        Area(language.CATALOGUES, ("src", "templates"), pages),
        Area(ROOT / STREAMLIT / "translations", (STREAMLIT,), ((f"{STREAMLIT}/**.py", "python"),)),
    )


def main(arguments: list[str] | None = None) -> int:
    """Write the catalogues anew, or with ``--check`` say what they lack; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m src.translations", description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit with 1 where something is missing"
    )
    parser.add_argument("--add", metavar="LANGUAGE", help="begin a catalogue, such as it or pt_BR")
    options = parser.parse_args(arguments)
    if options.add:
        try:
            Locale.parse(options.add)
        except (UnknownLocaleError, ValueError) as error:
            parser.error(f"argument --add: {error}")
        for area in areas():
            (area.catalogues / f"{options.add}.po").touch()
    faults = [fault for area in areas() for fault in keep_complete(area, write=not options.check)]
    for fault in faults:
        print(fault, file=sys.stderr)  # noqa: T201
    return int(options.check and bool(faults))


def keep_complete(area: Area, *, write: bool) -> list[str]:
    """Return what the catalogues of an area lack, and write them anew if asked to."""
    said, found = said_in_source(area), []
    for path in sorted(area.catalogues.glob("*.po")):
        catalogue = merged(path, said)
        faults = [*faults_of(catalogue)]
        if write:
            _write(path, catalogue)
        else:
            faults += [f"is said no more: {text!r}" for text in _gone(path, said)]
        found += [f"{path.relative_to(area.catalogues.parents[1])}: {one}" for one in faults]
    return found


def said_in_source(area: Area) -> Catalog:
    """Return the messages that templates and modules of an area mark."""
    catalogue = Catalog()
    found = extract_from_dir(
        ROOT, area.methods, OPTIONS, KEYWORDS, comment_tags=("Translators:",),
        strip_comment_tags=True,
        directory_filter=lambda path: Path(path).relative_to(ROOT).parts[0] in area.folders,
    )  # fmt: skip
    for _, _, message, comments, context in found:
        catalogue.add(message, auto_comments=comments, context=context)
    return catalogue


def merged(path: Path, said: Catalog) -> Catalog:
    """Return a language's catalogue with the messages that are said and their translations."""
    old = _read(path)
    new = Catalog(locale=path.stem)
    for message in _messages(said):
        known = old.get(message.id, message.context)
        string = known.string if known is not None else ""
        comments = message.auto_comments
        new.add(message.id, string, auto_comments=comments, context=message.context)
    return new


def faults_of(catalogue: Catalog) -> Iterator[str]:
    """Yield what a catalogue lacks: translations, or fields of the message in them."""
    for message in _messages(catalogue):
        ids = message.id if isinstance(message.id, tuple | list) else [message.id]
        strings = message.string if isinstance(message.string, tuple | list) else [message.string]
        if not all(strings) or (len(ids) > 1 and len(strings) != catalogue.num_plurals):
            yield f"not translated: {ids[0]!r}"
            continue
        wanted = [set(FIELD.findall(text)) for text in ids]
        optional = {"%(n)s"} if len(ids) > 1 else set()  # as in "one student"
        for string in strings:
            found = set(FIELD.findall(str(string)))
            if all((fields ^ found) - optional for fields in wanted):
                yield f"other fields than in the message: {string!r}"


def _write(path: Path, catalogue: Catalog) -> None:
    text = BytesIO()
    write_po(text, catalogue, width=100, sort_output=True, no_location=True, omit_header=True)
    header = HEADER.format(language=path.stem, plurals=catalogue.plural_forms)
    path.write_bytes(header.encode() + text.getvalue())


def _gone(path: Path, said: Catalog) -> list[object]:
    return [m.id for m in _messages(_read(path)) if said.get(m.id, m.context) is None]


def _read(path: Path) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def _messages(catalogue: Catalog) -> Iterator[Message]:
    return (message for message in catalogue if message.id)


if __name__ == "__main__":
    sys.exit(main())
