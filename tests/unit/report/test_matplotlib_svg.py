import xml.etree.ElementTree as ET

import pytest
from matplotlib.figure import Figure

from src.report.matplotlib_svg import ACCENT, COLOURS, TEXT, to_svg


def figure(colour: str = ACCENT, text: str = "label") -> Figure:
    made = Figure(figsize=(4, 3), facecolor="none")
    ax = made.add_axes((0.1, 0.1, 0.8, 0.8), facecolor="none")
    ax.spines[:].set_visible(False)
    ax.tick_params(colors=TEXT)
    ax.plot([0, 1, 2], [0, 2, 1], "o", color=colour, alpha=0.5)
    ax.text(1, 1, text, color=TEXT)
    return made


def test_colours_become_classes_that_the_page_can_change():
    svg = to_svg(figure(), "one", "Three dots.")
    assert 'class="f-accent s-accent"' in svg
    assert not [colour for colour in COLOURS if colour in svg]
    assert "style" not in svg


def test_a_colour_that_the_page_does_not_know_is_refused():
    with pytest.raises(ValueError, match="#00ff00"):
        to_svg(figure("#00ff00"), "one", "Green dots.")


def test_an_opacity_stays():
    assert 'opacity="0.5"' in to_svg(figure(), "one", "Three dots.")


def test_ids_of_two_figures_differ_and_every_reference_is_met():
    ids: set[str] = set()
    for name in ("one", "two"):
        root = ET.fromstring(to_svg(figure(), name, "Three dots."))
        own = {element.get("id") for element in root.iter()} - {None}
        used = {element.get("href") for element in root.iter()} - {None}
        clips = {element.get("clip-path") for element in root.iter()} - {None}
        assert used
        assert used <= {f"#{one}" for one in own}
        assert clips <= {f"url(#{one})" for one in own}
        assert not ids & own
        ids |= own


def test_what_a_figure_says_is_text_and_not_markup():
    svg = to_svg(figure(text='<script>"&'), "one", 'A "figure" & <b>more</b>.')
    root = ET.fromstring(svg)
    assert [element.text for element in root.iter("text")][-1] == '<script>"&'
    assert root.get("aria-label") == 'A "figure" & <b>more</b>.'
    assert root.get("role") == "img"
    assert "<script" not in svg


def test_letters_that_the_measuring_font_lacks_are_written_without_a_warning():
    assert "数学の点数" in to_svg(figure(text="数学の点数"), "one", "A label in Japanese.")


def test_the_same_figure_is_the_same_text():
    assert to_svg(figure(), "one", "Dots.") == to_svg(figure(), "one", "Dots.")
