"""Catalogues: complete, with the fields of their messages, and one file a language."""

from __future__ import annotations

import pytest
from jinja2 import Environment

from src import language
from src.language import gettext, localize, ngettext, speaking
from src.translations.__main__ import areas, faults_of, keep_complete, main, merged, said_in_source
from tests.conftest import ROOT


def test_each_catalogue_translates_all_that_is_said(capsys) -> None:
    """18: pages, report and card speak English, German, French and Spanish."""
    assert set(language.languages()) >= {"en", "de", "fr", "es"}
    assert main(["--check"]) == 0, capsys.readouterr().err


def test_the_streamlit_page_is_translated_whole() -> None:
    """18: it has catalogues of its own."""
    page = areas()[1]
    codes = {path.stem for path in page.catalogues.glob("*.po")}
    assert codes == {*language.languages()} - {language.ENGLISH}
    assert keep_complete(page, write=False) == []


@pytest.fixture
def one_file(tmp_path, monkeypatch):
    """Return the path of a catalogue of Italian, the only one."""
    path = tmp_path / "it.po"
    path.write_text(
        'msgid ""\nmsgstr "Plural-Forms: nplurals=2; plural=(n != 1);\\n"\n\n'
        'msgid "Enter %(label)s"\nmsgstr "Inserisci %(label)s"\n\n'
        'msgid "%(n)s student"\nmsgid_plural "%(n)s students"\n'
        'msgstr[0] "uno studente"\nmsgstr[1] "%(n)s studenti"\n\n'
        'msgid "Gone"\nmsgstr ""\n',
        encoding="utf-8",
    )
    monkeypatch.setattr(language, "CATALOGUES", tmp_path)
    for cached in (language.languages, language._catalogue):
        cached.cache_clear()
    yield path
    for cached in (language.languages, language._catalogue):
        cached.cache_clear()


def test_a_language_is_one_file(one_file) -> None:
    assert language.languages() == ("en", "it")
    with speaking("it"):
        assert gettext("Enter %(label)s", label="un voto") == "Inserisci un voto"
        assert ngettext("%(n)s student", "%(n)s students", 1) == "uno studente"
        assert ngettext("%(n)s student", "%(n)s students", 1200) == "1.200 studenti"
        environment = Environment(autoescape=True)
        language.install(environment)
        page = environment.from_string("{% trans label=x %}Enter {{ label }}{% endtrans %}")
        assert page.render(x="<b>") == "Inserisci &lt;b&gt;"
    assert gettext("Enter %(label)s", label="a score") == "Enter a score"
    with pytest.raises(ValueError, match="'xx'"):
        language.speak("xx")


def test_a_template_that_was_compiled_once_speaks_each_language(one_file) -> None:
    """18: constant messages are looked up past Jinja's calls, in HTML and in Markdown alike."""
    one_file.write_text(
        'msgid ""\nmsgstr ""\n\nmsgid "<b> of 5 %%"\nmsgstr "<b> di 5 %%"\n', encoding="utf-8"
    )
    for escaped in (True, False, lambda name: True):
        environment = Environment(autoescape=escaped)
        language.install(environment)
        page = environment.from_string('{{ _("<b> of 5 %%") }}, {{ _("<b> of 5 %%")|upper }}')
        assert page.render() == "<b> of 5 %, <B> OF 5 %"
        with speaking("it"):
            assert page.render() == "<b> di 5 %, <B> DI 5 %"
        assert page.render() == "<b> of 5 %, <B> OF 5 %"


def test_what_is_missing_or_of_other_fields_is_named(one_file) -> None:
    said = said_in_source(areas()[0])
    said.add("Enter %(label)s")
    said.add("New")
    said.add(("%(n)s student", "%(n)s students"))
    catalogue = merged(one_file, said)
    assert "not translated: 'New'" in list(faults_of(catalogue))
    assert catalogue.get("Gone") is None
    catalogue["Enter %(label)s"].string = "Inserisci %(nome)s"
    assert any("other fields" in fault for fault in faults_of(catalogue))
    assert not any("studenti" in fault for fault in faults_of(catalogue))


def test_numbers_are_written_as_the_language_writes_them() -> None:
    with speaking("fr"):
        assert localize("1,234.5") == "1\N{NARROW NO-BREAK SPACE}234,5"
    assert localize("1,234.5") == "1,234.5"


def test_catalogues_come_with_the_package() -> None:
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    assert '"src.translations" = ["*.po"]' in project
    assert 'appFrontend = [".streamlit/*", "*.svg", "translations/*.po"]' in project
