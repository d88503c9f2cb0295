from xml.etree import ElementTree

import pytest

from src.web.charts import bar_list, distribution, table_rows

NASTY = "<script>&\"'"


def draw(**values) -> ElementTree.Element:
    words = {"title": "T", "description": "D", "at": 5.0, "at_label": "5", **values}
    return ElementTree.fromstring(distribution((0.0, 10.0, 20.0), (1, 4), **words))


def places(svg: ElementTree.Element, cls: str) -> list[ElementTree.Element]:
    return [element for element in svg.iter() if element.get("class") == cls]


def test_a_chart_is_named_and_described_by_its_title_and_its_text():
    svg = draw(title="Where 5 lies", description="Two bars.")
    named = dict(zip(["title", "desc"], svg.get("aria-labelledby").split(), strict=True))
    for tag, words in (("title", "Where 5 lies"), ("desc", "Two bars.")):
        assert svg.find(tag).text == words
        assert svg.find(tag).get("id") == named[tag]
    assert svg.get("role") == "img"


def test_bars_are_as_high_as_their_counts_and_stand_on_one_line():
    low, high = places(draw(), "bars")[0]
    assert float(high.get("height")) == pytest.approx(4 * float(low.get("height")))
    ends = {float(bar.get("y")) + float(bar.get("height")) for bar in (low, high)}
    assert len(ends) == 1


def test_the_area_of_a_bar_is_its_count():
    svg = ElementTree.fromstring(distribution((0.0, 10.0, 40.0), (10, 15), "T", "D"))
    narrow, wide = places(svg, "bars")[0]
    assert float(narrow.get("height")) == pytest.approx(2 * float(wide.get("height")))


@pytest.mark.parametrize(("at", "place"), [(0.0, "0.0%"), (5.0, "25.0%"), (20.0, "100.0%")])
def test_the_value_stands_where_the_axis_has_it(at, place):
    line, _ = places(draw(at=at), "here")
    assert line.get("x1") == line.get("x2") == place


def test_an_axis_grows_to_a_value_beyond_its_edges():
    svg = draw(at=30.0)
    line, _ = places(svg, "here")
    assert line.get("x1") == "100.0%"
    last = places(svg, "bars")[0][-1]
    assert float(last.get("x").rstrip("%")) == pytest.approx(100 / 3, abs=0.01)


def test_a_label_near_an_end_stays_on_the_chart():
    anchors = [places(draw(at=at), "here")[1].get("text-anchor") for at in (0.0, 10.0, 20.0)]
    assert anchors == ["start", "middle", "end"]


@pytest.mark.parametrize(("at", "words"), [(5.0, "0 5 10 15 20"), (30.0, "0 10 20 30")])
def test_the_axis_is_labelled_with_round_numbers_at_their_places(at, words):
    labels = [text for text in draw(at=at).iter("text") if text.get("class") is None]
    assert [label.text for label in labels] == words.split()
    for label in labels:
        place = 100 * float(label.text) / max(20.0, at)
        assert float(label.get("x").rstrip("%")) == pytest.approx(place, abs=0.01)


def test_the_interval_and_the_pass_mark_are_drawn_where_they_are_known():
    svg = draw(band=(5.0, 15.0), mark=10.0)
    (band,) = places(svg, "band")
    assert (band.get("x"), band.get("width")) == ("25.0%", "50.00%")
    assert places(svg, "pass")[0].get("x1") == "50.0%"
    assert not places(draw(), "band") + places(draw(), "pass")


def test_a_pass_mark_outside_the_axis_is_not_drawn():
    assert not places(draw(mark=99.0), "pass")


def test_words_are_escaped():
    svg = draw(title=NASTY, description=NASTY, at_label=NASTY)
    assert places(svg, "here")[1].text == NASTY
    assert svg.find("title").text == svg.find("desc").text == NASTY
    assert "&lt;script&gt;" in table_rows(((NASTY, 1),))


def test_a_histogram_of_one_value_is_drawn():
    svg = ElementTree.fromstring(
        distribution((5.0, 5.0), (3,), "T", "D", at=5.0, at_label="5", band=(5.0, 5.0))
    )
    assert places(svg, "here")


def bars(*rows: tuple[str, str, float]) -> list[ElementTree.Element]:
    return list(ElementTree.fromstring(bar_list(rows)))


def test_bars_lean_to_their_side_of_one_zero():
    items = bars(("a", "+3", 3.0), ("b", "−1", -1.0), ("c", "0", 0.0))
    rects = [item.find("svg/rect") for item in items]
    assert {item.find("svg/line").get("x1") for item in items} == {"25.00%"}
    assert [(r.get("class"), r.get("x"), r.get("width")) for r in rects[:2]] == [
        ("more", "25.00%", "75.00%"), ("less", "0.00%", "25.00%"),
    ]  # fmt: skip
    assert rects[2].get("width") == "0.00%"


def test_a_bar_stands_beside_its_words_which_are_escaped():
    (item,) = bars((NASTY, "+3", 3.0))
    assert item.find("span").text == NASTY
    assert item.find("strong").text == "+3"
    assert item.find("svg").get("aria-hidden") == "true"


def test_bars_of_nothing_but_zeros_are_drawn():
    assert bars(("a", "0", 0.0))[0].find("svg/rect").get("width") == "0.00%"
