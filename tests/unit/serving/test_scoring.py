"""Scores of a table: equal to the record's and to the command line's, in a worker or a process."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from src.exception import DataValidationError
from src.pipelines.predict_pipeline import predict_file, to_fix_file
from src.pipelines.train_pipeline import TrainPipeline
from src.pipelines.training import TrainConfig
from src.serving.predictor import Predictor
from src.serving.scorers import scorer_for
from src.serving.scoring import score_table
from src.serving.summary import Summary
from src.tables.reader import open_table
from tests.sampling import first

SAMPLE = Path(__file__).resolve().parents[3] / "notebooks" / "data" / "stud.csv"


def score(predictor: Predictor, content: bytes, mark=None, *, vectorised=False):
    output, to_fix = io.StringIO(newline=""), io.StringIO(newline="")
    scorer = scorer_for(predictor, mark, vectorised=vectorised)
    with open_table(io.BytesIO(content), "class.csv") as reader:
        summary = score_table(reader, scorer, output, to_fix)
    return summary, read(output.getvalue()), read(to_fix.getvalue())


def read(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture(scope="module", params=first(2, ["ridge", "decision_tree", "neighbors"]))
def any_predictor(request, tmp_path_factory) -> Predictor:
    """Return a linear model, trees, and one that is served from its pickles."""
    artifacts = tmp_path_factory.mktemp(request.param) / "artifacts"
    TrainPipeline(TrainConfig(models=(request.param,), artifacts=artifacts)).run()
    return Predictor.load(artifacts)


def test_every_row_of_a_compiled_model_has_the_record_s_values_to_the_last_bit(any_predictor):
    rows = read(SAMPLE.read_text("utf-8"))[:60]
    content = "\n".join(SAMPLE.read_text("utf-8").splitlines()[:61]).encode()
    plain = score(any_predictor, content, 60.0)
    together = score(any_predictor, content, 60.0, vectorised=True)
    assert plain == together
    assert plain[0].n_predicted == 60
    for row, scored in zip(rows, plain[1], strict=True):
        record = {name: row[name] for name in any_predictor.schema.names}
        one = any_predictor.predict_record(record)
        chance = any_predictor.intervals.probability_below(
            60.0, unclipped(any_predictor, record), integer=any_predictor.schema.target.integer
        )
        expected = [one.prediction, *one.intervals["0.9"], chance]
        names = ("prediction", "low_90", "high_90", "chance_below_pass_mark")
        got = [float(scored[name]) for name in names]
        if any_predictor.compiled is None:  # scikit-learn itself rounds a lone row otherwise
            expected = pytest.approx(expected, rel=1e-5)
        assert got == expected
        assert scored["below_pass_mark"] == ("yes" if one.prediction < 60 else "no")


def unclipped(predictor: Predictor, record) -> float:
    return predictor.unclipped(predictor.predict_record(record).values)


HEADER = (
    "gender,race_ethnicity,parental_level_of_education,lunch,test_preparation_course,"
    "reading_score,writing_score\n"
)
NASTY = (
    HEADER
    + """\
female,group C,some college,standard,none,70,70
female,group Z,some college,Standard,none,abc,70
female,group C,some college,standard,none,70,70,1
female,group C,some college,standard
,group C,some college,standard,none,70,inf
"female,group C,some college,standard,none,70,70
female,group C,some college,standard,none,1e309,70
male,group A,high school,free/reduced,completed,0,-1

male,group A,high school,free/reduced,completed,0,100
"""
)


def test_a_file_is_scored_and_refused_as_on_the_command_line(predictor, tmp_path):
    source, output = tmp_path / "class.csv", tmp_path / "predictions.csv"
    source.write_text(NASTY, "utf-8")
    by_command = predict_file(predictor, source, output)
    summary, scored, to_fix = score(predictor, NASTY.encode())
    assert scored == read(output.read_text("utf-8"))
    assert to_fix == read(to_fix_file(output).read_text("utf-8"))
    assert (summary.n_rows, summary.n_refused) == (by_command.n_rows, by_command.n_refused)
    assert len(to_fix) == summary.n_refused == 7
    assert summary.warnings == by_command.warnings


def test_a_summary_comes_back_from_json_as_it_was(predictor):
    summary, _, _ = score(predictor, NASTY.encode(), 60.0)
    assert Summary.from_dict(json.loads(json.dumps(summary.to_dict()))) == summary


def test_rows_to_fix_come_back_with_what_is_wrong_and_can_be_sent_again(predictor):
    _, _, to_fix = score(predictor, NASTY.encode())
    assert to_fix[0]["problem"].startswith("Row 3: race_ethnicity must be one of")
    assert "reading_score must be a number from 0 to 100. Got 'abc'." in to_fix[0]["problem"]
    mended = to_fix[0] | {"race_ethnicity": "group A", "reading_score": "7", "lunch": "standard"}
    file = io.StringIO()
    writer = csv.DictWriter(file, list(mended))
    writer.writeheader()
    writer.writerow(mended)
    summary, scored, _ = score(predictor, file.getvalue().encode())
    assert summary.n_refused == 0
    assert list(scored[0])[-4:] == ["prediction", "low_90", "high_90", "problem"]
    assert scored[0]["problem"] == ""


def test_columns_of_the_file_keep_their_names(predictor):
    header, *rows = NASTY.splitlines()[:2]
    content = f"prediction,problem,{header}\nx,y,{rows[0]}".encode()
    _, scored, _ = score(predictor, content)
    assert (scored[0]["prediction"], scored[0]["problem"]) == ("x", "y")
    assert float(scored[0]["prediction_2"]) > 0


def test_the_summary_counts_every_prediction_once(predictor):
    summary, scored, _ = score(predictor, SAMPLE.read_bytes(), 60.0)
    values = sorted(float(row["prediction"]) for row in scored)
    assert sum(summary.bins) == summary.n_predicted == len(values) == 1000
    assert summary.n_below == sum(value < 60 for value in values)
    assert summary.mean == pytest.approx(sum(values) / 1000)
    assert summary.median == pytest.approx((values[499] + values[500]) / 2)
    assert summary.bins[0] == sum(value < 5 for value in values)
    assert len(summary.rows) == 1000
    assert isinstance(summary, Summary)


def test_what_says_who_a_row_is_stands_beside_its_score(predictor):
    header, row = NASTY.splitlines()[:2]
    summary, _, _ = score(predictor, f"Name,{header},Class\nAnna,{row},4b".encode())
    assert summary.shown_columns == ["Name", "Class"]
    assert summary.rows[0].cells == ["Anna", "4b"]


def test_a_header_alone_is_refused(predictor):
    with pytest.raises(DataValidationError, match="holds a header and no row"):
        score(predictor, NASTY.splitlines()[0].encode())
