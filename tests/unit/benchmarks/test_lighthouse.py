import pytest

from benchmarks.lighthouse import read, report


def found(**scores) -> dict:
    full = {"performance": 1, "accessibility": 1, "best-practices": 1, "seo": 0.5}
    return {"page": "form", "scores": full | scores, "short": ["color-contrast"]}


@pytest.mark.parametrize(("score", "shown", "passed"), [(0.95, 95, True), (0.94, 94, False)])
def test_a_page_passes_from_ninety_five_on(score, shown, passed):
    audit = read(found(accessibility=score), "mobile")
    assert (audit.scores["accessibility"], audit.passed) == (shown, passed)


def test_one_page_that_misses_fails_all_and_says_by_what(capsys):
    assert report([read(found(), "mobile")])
    assert not report([read(found(), "mobile"), read(found(performance=0.5), "desktop")])
    assert "MISSED by color-contrast" in capsys.readouterr().out


def test_a_page_that_could_not_be_scored_is_no_pass():
    with pytest.raises(RuntimeError, match="could not score form: performance"):
        read(found(performance=None), "mobile")
