from __future__ import annotations

import io
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.exception import DataValidationError
from src.tables.encoding import find_encoding
from src.tables.reader import read_table

# A table a language, with what is particular to it.
TEXTS = {
    "German": "geschlecht,übung,ort\nweiblich,Grundschule,Köln\nmännlich,keine,Weißenburg\n",
    "French": "sexe,élève,cours\nféminin,Zoé,terminé\nmasculin,François,à moitié\n",
    "Spanish": "género,educación,año\nhombre,educación básica,sí\nmujer,niños,no\n",
    "Portuguese": "gênero,educação,nota\nfeminino,ensino médio,72\nmãe,graduação,60\n",
    "Italian": "genere,città,voto\nfemmina,Forlì,72\nmaschio,perché,60\n",
    "Swedish": "kön,förberedelse,poäng\nkvinna,avslutad på våren,72\nman,högskola,60\n",
    "Danish": "køn,skole,point\nkvinde,gymnasium på Sjælland,72\nmand,højskole,60\n",
    "Icelandic": "kyn,menntun,stig\nkona,háskóli,72\nmaður,framhaldsskóli Þórs,60\n",
    "Polish": "płeć,wykształcenie,wynik\nkobieta,średnie,72\nmężczyzna,wyższe,60\n",
    "Czech": "pohlaví,vzdělání,body\nžena,střední škola,72\nmuž,vysoká škola,60\n",
    "Hungarian": "nem,végzettség,pont\nnő,középiskola,72\nférfi,főiskola,60\n",
    "Croatian": "spol,škola,bodovi\nžensko,srednja škola,72\nmuško,Đurđevac,60\n",
    "Turkish": "cinsiyet,eğitim,puan\nkız,üniversite,72\nerkek,ortaöğretim,60\n",
    "Lithuanian": "lytis,išsilavinimas,balas\nmergaitė,vidurinė,72\nberniukas,aukštasis,60\n",
    "Russian": "пол,образование,балл\nженский,среднее,72\nмужской,высшее,60\n",
    "Ukrainian": "стать,освіта,бал\nжіноча,середня,72\nчоловіча,вища,60\n",
    "Greek": "φύλο,εκπαίδευση,βαθμός\nκορίτσι,λύκειο,72\nαγόρι,γυμνάσιο,60\n",
    "Hebrew": "מין,השכלה,ציון\nנקבה,תיכון,72\nזכר,אוניברסיטה,60\n",
    "Arabic": "الجنس,التعليم,الدرجة\nأنثى,ثانوي,72\nذكر,جامعي,60\n",
    "Chinese": "性別,學歷,分數\n女生,高中職,72\n男生,大學部,60\n",
    "Simplified": "性别,学历,分数\n女生,高中,72\n男生,大学,60\n",
    "Korean": "성별,학력,점수\n여자,고등학교,72\n남자,대학교,60\n",
    "Japanese": "性別,学歴,点数\n女性,高校,72\n男性,大学,60\n",
}
BY_ENCODING = {
    "cp1252": ["German", "French", "Spanish", "Portuguese", "Italian", "Swedish", "Danish",
               "Icelandic"],
    "latin-1": ["German", "French", "Spanish", "Portuguese", "Italian", "Swedish", "Danish"],
    "cp1250": ["Polish", "Czech", "Hungarian", "Croatian"],
    "iso8859_2": ["Polish", "Czech", "Hungarian"],
    "cp1251": ["Russian", "Ukrainian"],
    "koi8_r": ["Russian"], "iso8859_5": ["Russian"], "cp866": ["Russian"],
    "cp1256": ["Arabic"], "iso8859_6": ["Arabic"],
    "big5": ["Chinese"], "gb18030": ["Simplified"], "cp949": ["Korean"],
    "cp1253": ["Greek"], "cp1254": ["Turkish"], "cp1255": ["Hebrew"], "cp1257": ["Lithuanian"],
    "mac_roman": ["German", "French", "Spanish", "Swedish", "Danish"],
    "cp850": ["German", "French", "Spanish", "Swedish", "Danish"],
    "cp932": ["Japanese"],
}  # fmt: skip


def rows(content: bytes) -> list[list[str]]:
    table = read_table(io.BytesIO(content), "class.csv")
    return [table.header, *table.rows]


def cells(text: str) -> list[list[str]]:
    return [line.split(",") for line in text.splitlines()]


@pytest.mark.parametrize(
    ("encoding", "language"),
    [(encoding, language) for encoding, languages in BY_ENCODING.items() for language in languages],
)
def test_tables_in_the_encodings_of_schools_are_decoded(encoding: str, language: str) -> None:
    """C3."""
    assert rows(TEXTS[language].encode(encoding)) == cells(TEXTS[language])


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"]
)
def test_unicode_is_decoded_with_a_mark_and_without(encoding: str, text: str) -> None:
    """C3."""
    assert rows(text.encode(encoding)) == cells(text)


def test_zeros_everywhere_are_not_utf_16() -> None:
    """C3."""
    with pytest.raises(DataValidationError, match="has no header"):
        rows(bytes(500))


def test_typographic_marks_alone_are_windows_ones() -> None:
    """C3."""
    text = "level,fee\nbachelor’s degree – part time,£20\nmaster’s degree…,€30\n"
    assert rows(text.encode("cp1252")) == cells(text)


def test_names_of_many_countries_are_western() -> None:
    """C3."""
    text = "name,score\nMüller,1\nGarcía,2\nØyvind,3\nÇelik,4\nLefèvre,5\nZoë,6\nBjörn,7\n"
    assert rows(text.encode("cp1252")) == cells(text)


def test_a_foreign_letter_far_below_is_seen() -> None:
    """C3."""
    text = "name,score\n" + "Bob,1\n" * 60_000 + "Zoë,2\n"
    assert rows(text.encode("latin-1"))[-1] == ["Zoë", "2"]


def test_a_guess_is_noted(caplog: pytest.LogCaptureFixture) -> None:
    """C3."""
    with caplog.at_level(logging.INFO):
        table = read_table(io.BytesIO("name\nZoë\n".encode("latin-1")), "class.csv")
    assert table.notes.encoding == "cp1252"
    assert caplog.messages == ["The file is not UTF-8: read as cp1252."]


def test_utf8_is_never_a_guess() -> None:
    table = read_table(io.BytesIO("name\nZoë\n".encode()), "class.csv")
    assert table.notes.encoding == ""


@pytest.mark.parametrize(
    "content",
    [
        b"\xff\xfea\x00,\x00b\x00\n\x00\x31",  # half a character at the end
        b"\xff\xfe\x00\xd8a\x00",  # half a surrogate pair
        b"\xff\xfe\x00\x00\xff\xff\xff\xff",
    ],
)
def test_damaged_unicode_is_a_clear_refusal(content: bytes) -> None:
    """C3."""
    with pytest.raises(DataValidationError, match=r"looks like utf-(16|32) .* Save it as UTF-8"):
        find_encoding(io.BytesIO(content), "class.csv")


@pytest.mark.parametrize(
    "content",
    ["name\nZoë\n".encode() + "é".encode()[:1], "Zoë,Köln\n".encode() + "Zoë\n".encode("cp1252")],
)
def test_utf8_with_some_damage_is_not_read_as_something_else(content: bytes) -> None:
    """C3."""
    with pytest.raises(DataValidationError, match="is UTF-8 but for some bytes"):
        find_encoding(io.BytesIO(content), "class.csv")


@given(st.binary(min_size=1, max_size=300))
def test_what_is_found_decodes_the_file(content: bytes) -> None:
    try:
        encoding, _ = find_encoding(io.BytesIO(content), "class.csv")
    except DataValidationError:
        return
    content.decode(encoding)
