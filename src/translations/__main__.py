"""Keep the catalogues complete: ``python -m src.translations [--check] [--add LANGUAGE]``.

Every message of the pages, the report and the model card is written to every catalogue; new ones
wait there for a translation (``--check`` names them), and those that are said no more go.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel import Locale, UnknownLocaleError
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po, write_po

from src.config import ROOT
from src.language import CATALOGUES

FOLDERS = ("src", "templates")
PAGES, DOCUMENTS = "templates/**.html", "src/report/templates/**.jinja"
METHODS = [("src/**.py", "python"), (PAGES, "jinja2"), (DOCUMENTS, "jinja2")]
KEYWORDS = {
    "_": None,
    "gettext": None,
    "mark": None,
    "ngettext": (1, 2),
    "pgettext": ((1, "c"), 2),
}  # fmt: skip
JINJA = {"trimmed": "true", "newstyle_gettext": "true", "silent": "false"}
OPTIONS = {PAGES: JINJA, DOCUMENTS: JINJA}
FIELD = re.compile(r"%\(\w+\)[sd]")
HEADER = """\
# Written anew by `python -m src.translations`; translate here what follows a `msgid`.
msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"

"""


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
        (CATALOGUES / f"{options.add}.po").touch()
    said = said_in_source()
    lacking = 0
    for path in sorted(CATALOGUES.glob("*.po")):
        catalogue = merged(path, said)
        faults = [*faults_of(catalogue)]
        if options.check:
            faults += [f"is said no more: {text!r}" for text in _gone(path, said)]
        else:
            _write(path, catalogue)
        lacking += len(faults)
        for fault in faults:
            print(f"{path.name}: {fault}", file=sys.stderr)  # noqa: T201
    return int(options.check and lacking > 0)


def said_in_source() -> Catalog:
    """Return the messages that templates and modules mark."""
    catalogue = Catalog()
    found = extract_from_dir(
        ROOT, METHODS, OPTIONS, KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True,
        directory_filter=lambda folder: Path(folder).relative_to(ROOT).parts[0] in FOLDERS,
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
        wanted = set(FIELD.findall(ids[-1]))
        for string in strings:
            # One of a kind may go without its number, as in "one student".
            if wanted ^ set(FIELD.findall(str(string))) - ({"%(n)s"} if len(ids) > 1 else set()):
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
