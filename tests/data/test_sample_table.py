"""The sample table is what its README says: simulated, and true to the published facts."""

import itertools
import runpy
import tomllib
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from scipy.stats import chi2_contingency

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "notebooks" / "data"
ORIGINAL = ROOT.parent / "shared" / "data" / "stud.csv"

COLUMNS = [
    "gender",
    "race_ethnicity",
    "parental_level_of_education",
    "lunch",
    "test_preparation_course",
    "math_score",
    "reading_score",
    "writing_score",
]
CATEGORICAL, SCORES = COLUMNS[:5], COLUMNS[5:]

# The decimals to which stud_facts.toml states each kind of fact.
DECIMALS = {"share": 3, "correlation": 3, "r2": 3, "minimum": 0, "maximum": 0}

simulator = SimpleNamespace(**runpy.run_path(str(DATA / "simulate_stud.py")))
facts = simulator.load_facts()
FACT_NAMES = list(simulator.published(facts).index)

needs_original = pytest.mark.skipif(
    not ORIGINAL.exists(),
    reason=f"the original table isn't in this repository, and not at {ORIGINAL}",
)


def read_table(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, keep_default_na=False)


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return read_table(DATA / "stud.csv")


@pytest.fixture(scope="module")
def comparison(table) -> pd.DataFrame:
    return simulator.compare(table, facts)


@pytest.fixture(scope="module")
def hints() -> dict:
    return tomllib.loads((DATA / "stud.schema.toml").read_text(encoding="utf-8"))


def test_table_has_the_columns_in_the_known_order_and_a_thousand_rows(table):
    assert list(table.columns) == COLUMNS
    assert len(table) == facts["n_rows"] == 1000


@pytest.mark.parametrize("score", SCORES)
def test_scores_are_whole_numbers_from_0_to_100(table, score):
    assert pd.api.types.is_integer_dtype(table[score])
    assert table[score].between(0, 100).all()


@pytest.mark.parametrize("column", CATEGORICAL)
def test_categories_are_the_published_ones(table, column):
    assert set(table[column]) == set(facts["share"][column])


@pytest.mark.parametrize("fact", FACT_NAMES)
def test_table_has_the_published(comparison, fact):
    row = comparison.loc[fact]
    assert row["measured"] == pytest.approx(row["published"], abs=row["tolerance"] + 1e-9)


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(CATEGORICAL, 2)))
def test_background_columns_are_as_unrelated_as_in_the_original(table, one, other):
    assert chi2_contingency(pd.crosstab(table[one], table[other])).pvalue > 0.01


def test_every_correlation_and_every_effect_is_among_the_facts():
    assert {
        frozenset((one, b)) for one, others in facts["correlation"].items() for b in others
    } == {frozenset(pair) for pair in itertools.combinations(SCORES, 2)}
    for column in CATEGORICAL:
        assert set(facts["effect"][column]) == set(facts["share"][column])
        assert all(set(effect) == set(SCORES) for effect in facts["effect"][column].values())


def test_script_writes_the_committed_file_byte_for_byte(tmp_path):
    output = tmp_path / "stud.csv"
    assert simulator.main(["--output", str(output)]) == 0
    assert output.read_bytes() == (DATA / "stud.csv").read_bytes()


def test_another_seed_gives_another_table():
    assert not simulator.simulate(facts, seed=2).equals(simulator.simulate(facts, seed=3))


def test_file_is_plain_csv_with_line_feeds_and_no_needless_quotes():
    content = (DATA / "stud.csv").read_bytes()
    assert content.endswith(b"\n")
    assert b"\r" not in content
    assert b'"' not in content


def test_check_fails_on_a_table_that_misses_a_fact_and_shows_its_figure(table, tmp_path, capsys):
    swapped = table["lunch"].map({"standard": "free/reduced", "free/reduced": "standard"})
    table.assign(lunch=swapped).to_csv(tmp_path / "swapped.csv", index=False)
    assert simulator.main(["--check", "--output", str(tmp_path / "swapped.csv")]) == 1
    report = capsys.readouterr().out
    assert "| `share.lunch.standard` | 0.645 | 0.355 | 0 |" in report
    assert f"{len(FACT_NAMES)} facts, 8 missed" in report  # two shares, six effects


def test_readme_quotes_the_figures_that_the_check_prints(comparison):
    readme = (DATA / "README.md").read_text(encoding="utf-8").splitlines()
    quoted = [
        line for line in readme if line.startswith(tuple(f"| `{fact}` " for fact in FACT_NAMES))
    ]
    assert len(quoted) >= len(SCORES)
    assert set(quoted) <= set(simulator.to_markdown(comparison).splitlines())


@needs_original
def test_no_row_is_a_row_of_the_original(table):
    # Rows are short, so two tables of this kind share one or two by chance; the seed was chosen so
    # that these two share none.
    shared = table.merge(read_table(ORIGINAL), on=COLUMNS)
    assert shared.empty


@needs_original
def test_facts_are_those_of_the_original():
    original = simulator.compare(read_table(ORIGINAL), facts)
    decimals = [DECIMALS.get(fact.split(".")[0], 2) for fact in FACT_NAMES]
    misstated = [
        f"{fact}: stated {row.published}, is {row.measured}"
        for (fact, row), places in zip(original.iterrows(), decimals, strict=True)
        if abs(row.measured - row.published) > 0.5 * 10**-places + 1e-9
    ]
    assert misstated == []


def test_hints_describe_every_column_and_no_other(hints):
    assert hints["target"] == "math_score"
    assert set(hints["columns"]) == set(COLUMNS)


@pytest.mark.parametrize("column", CATEGORICAL)
def test_hints_offer_exactly_the_categories_of_the_table(table, hints, column):
    offered = hints["columns"][column]["categories"]
    assert sorted(offered) == sorted(table[column].unique())


@pytest.mark.parametrize("score", SCORES)
def test_hints_bound_each_score_by_the_exam(hints, score):
    hint = hints["columns"][score]
    assert (hint["minimum"], hint["maximum"], hint["unit"]["en"]) == (0, 100, "points")
    assert hint["integer"]


def test_hints_place_every_feature_once_in_a_listed_group(hints):
    features = {name: hint for name, hint in hints["columns"].items() if name != hints["target"]}
    assert sorted(hint["order"] for hint in features.values()) == list(range(1, 8))
    groups = {heading["en"] for heading in hints["groups"]}
    assert {hint["group"] for hint in features.values()} == groups


@pytest.mark.parametrize("language", ["de", "fr", "es"])
def test_hints_say_everything_in_each_language(hints, language):
    """18."""
    for said in (hints["title"], hints["description"], *hints["groups"]):
        assert said[language]
    for hint in hints["columns"].values():
        assert hint["label"][language]
        assert hint["help"][language]
        assert set(hint.get("words", {}).get(language, ())) == set(hint.get("categories", ()))
