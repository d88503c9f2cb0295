from __future__ import annotations

import codecs
from pathlib import Path

import pytest

from src.exception import ConfigurationError
from src.schema.hints import ColumnHints, Hints, find_hints, read_hints


@pytest.fixture
def hints(tmp_path: Path):
    def read(text: str | bytes) -> Hints:
        path = tmp_path / "class.schema.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return read_hints(path)

    return read


@pytest.fixture
def problems(hints):
    def of(text: str) -> list[str]:
        with pytest.raises(
            ConfigurationError, match=r"class\.schema\.toml has \d+ problem"
        ) as raised:
            hints(text)
        return [problem.message for problem in raised.value.problems]

    return of


def test_everything_that_can_be_said_is_read(hints) -> None:
    found = hints("""
        title = " Math score "
        description = "Words."
        target = "math score"
        groups = ["About", "Scores"]

        [columns."race/ethnicity"]
        label = "Race"
        help = "Letters only."
        group = "About"
        kind = "categorical"
        categories = ["B ", "A"]
        sensitive = true
        actionable = false
        order = 2

        [columns.reading_score]
        unit = "points"
        minimum = 0
        maximum = 100.5
        integer = true
    """)
    assert (found.title, found.description, found.target) == ("Math score", "Words.", "math score")
    assert found.groups == ("About", "Scores")
    assert found.of("race_ethnicity") == ColumnHints(
        label="Race", help="Letters only.", group="About", kind="categorical",
        categories=("B", "A"), sensitive=True, actionable=False, order=2,
    )  # fmt: skip
    assert found.of("Reading-Score") == ColumnHints(
        unit="points", minimum=0, maximum=100.5, integer=True
    )
    assert found.of("lunch") is None
    assert set(found.spelling.values()) == {"race/ethnicity", "reading_score"}


def test_an_empty_file_says_nothing(hints) -> None:
    assert hints("") == Hints()


def test_a_byte_order_mark_is_no_part_of_it(hints) -> None:
    assert hints(codecs.BOM_UTF8 + b'target = "y"').target == "y"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("taget = 'y'", "taget is not a known hint. Did you mean 'target'?"),
        ("zzz = 1", "zzz is not a known hint. Known: target, title, description, groups, stages."),
        ("[columns.a]\nmininum = 0", "columns.a.mininum is not a known hint. Did you mean 'min"),
        ("[column.a]\nminimum = 0", "column is not a known hint. Columns are described in"),
        ("target = 5", "target must be a text. Got 5."),
        ("groups = 'a'", "groups must be a list of texts, or of tables of texts by language"),
        ("groups = [1]", "{ en = \"Scores\" }. Got [1]."),
        ("columns = 3", "columns must be tables such as [columns.age]."),
        ("[columns]\nage = 3", "columns.age must be a table: [columns.age]."),
        ("[columns.a]\nminimum = '0'", "columns.a.minimum must be a number. Got '0'."),
        ("[columns.a]\nminimum = true", "columns.a.minimum must be a number. Got True."),
        ("[columns.a]\nmaximum = nan", "columns.a.maximum must be a number. Got nan."),
        ("[columns.a]\nmaximum = inf", "columns.a.maximum must be a number. Got inf."),
        ("[columns.a]\ninteger = 1", "columns.a.integer must be true or false. Got 1."),
        ("[columns.a]\norder = 1.5", "columns.a.order must be a whole number. Got 1.5."),
        ("[columns.a]\norder = true", "columns.a.order must be a whole number. Got True."),
        ("[columns.a]\nkind = 'text'", "columns.a.kind must be 'numeric' or 'categorical'. Got 't"),
        ("[columns.a]\ncategories = [1, 2]", "columns.a.categories must be a list of texts. Got"),
        ("[columns.a]\ncategories = []", "columns.a.categories must name at least one"),
        ("[columns.a]\ncategories = ['x', ' ']", "and none that is empty"),
        ("[columns.a]\ncategories = ['x', 'y', 'x ']", "columns.a.categories names 'x' twice."),
        ("[columns.a]\nminimum = 9\nmaximum = 1", "columns.a: minimum 9 is above maximum 1."),
        ("[columns.a]\nminimum = 9\ncategories = ['x']", "columns.a: a number has bounds, a cat"),
        ("[columns.a]\nkind = 'numeric'\ncategories = ['x']", "say one of the two"),
        ("[columns.a]\nkind = 'categorical'\ninteger = true", "say one of the two"),
        ("[columns.'a b']\n[columns.A_B]", "columns.A_B and columns.a b are the same column."),
        ("groups = ['Scores']\n[columns.a]\ngroup = 'Score'",
         "columns.a.group 'Score' is not in the list of groups. Did you mean 'Scores'?"),
        ("stages = ['day 30']\n[columns.a]\navailable = 'day 3'",
         "columns.a.available 'day 3' is not in the list of stages. Did you mean 'day 30'?"),
        ("stages = ['day 30', '']", "stages must not name one that is empty."),
        ("[columns.a]\navailable = ' '", "columns.a.available must be a text such as 'day 30', or"),
        ("[columns.a]\navailable = 30", "or a date. Got 30."),
        ("[columns.a]\navailable = 2026-01-15T10:00:00", "or a date. Got"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(problems, text: str, message: str) -> None:
    (found,) = problems(text)
    assert message in found


def test_a_date_says_when_a_column_is_known_as_its_text_does(hints) -> None:
    dated, told = (
        hints(f"[columns.a]\navailable = {day}") for day in ("2026-01-15", "'2026-01-15'")
    )
    assert dated == told
    assert dated.of("a").available == "2026-01-15"
    assert not dated.of("a").describes


def test_all_problems_are_told_at_once(problems) -> None:
    found = problems("taget = 'y'\n[columns.a]\nminimum = 'x'\nlabell = 'A'\n[columns.b]\nkind = 1")
    assert len(found) == 4


def test_equal_bounds_and_groups_without_a_list_are_fine(hints) -> None:
    assert hints("[columns.a]\nminimum = 1\nmaximum = 1\ngroup = 'x'").of("a").group == "x"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"target = \ntitle = ''", r"cannot be read as TOML: .*line 1"),
        (b"a,b\n1,2\n", "cannot be read as TOML"),
        ("target = 'Größe'".encode("latin-1"), "cannot be read as TOML: 'utf-8' codec"),
        ("target = 'y'".encode("utf-16"), "cannot be read as TOML"),
        (b"target = 'a'\ntarget = 'b'", "cannot be read as TOML"),
        (b"target = " + 5_000 * b"[", "is nested too deeply"),  # T5
    ],
)
def test_what_is_no_toml_is_refused_with_the_place(hints, content: bytes, message: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"class\.schema\.toml {message}"):
        hints(content)


def test_a_file_that_is_not_there_or_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"There is no hints file .*x\.toml"):
        read_hints(tmp_path / "x.toml")
    with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
        read_hints(tmp_path)


@pytest.mark.parametrize("table", ["class.csv", "class.xlsx", "class.schema.csv", "class"])
def test_hints_are_found_beside_the_table_by_its_stem(tmp_path: Path, table: str) -> None:
    beside = tmp_path / f"{Path(table).stem}.schema.toml"
    assert find_hints(tmp_path / table) is None
    beside.write_text("")
    assert find_hints(tmp_path / table) == beside


@pytest.mark.parametrize("data", ["", ".", "/", "no/such/folder/x.csv", "https://x.org/class.csv"])
def test_where_there_can_be_no_hints_there_are_none(data: str) -> None:
    assert find_hints(Path(data)) is None


def test_words_are_said_by_language(hints) -> None:
    """18: labels, help and categories by hints; a table is the same as dotted keys."""
    read = hints(
        'title = { en = "Predict", de = "Vorhersagen" }\n'
        'groups = [{ en = "Home", de = "Zuhause" }, "Marks"]\n'
        '[columns.lunch]\nlabel.en = "Lunch"\nlabel.de = "Essen"\nhelp = { de = "Satt?" }\n'
        'group = "Home"\nwords.de = { full = "satt" }\n'
    )
    assert (read.title, read.groups) == ("Predict", ("Home", "Marks"))
    assert read.translations == {"de": {"title": "Vorhersagen"}}
    assert read.headings_in == {"de": {"Home": "Zuhause"}}
    lunch = read.of("lunch")
    assert (lunch.label, lunch.help, lunch.group) == ("Lunch", None, "Home")
    assert lunch.translations == {"de": {"label": "Essen", "help": "Satt?"}}
    assert lunch.words == {"de": {"full": "satt"}}
    assert lunch.says_categorical


@pytest.mark.parametrize(
    "text",
    [
        "title = { deutsch = 'Vorhersagen' }",
        "groups = [{ de = 'Zuhause' }]",
        "[columns.a]\nlabel = { de = 1 }",
        "[columns.a]\nlabel = {}",
        "[columns.a]\nwords = { yes = 'ja' }",
    ],
)
def test_words_that_fit_no_language_are_refused(problems, text: str) -> None:
    (found,) = problems(text)
    assert "by language" in found or "for each language" in found
