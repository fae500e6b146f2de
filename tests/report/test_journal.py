"""Figures alone: as wide as asked, type that can be read, the same bytes each time."""

from __future__ import annotations

import re
import struct
from xml.etree import ElementTree

import pytest

from trastuz_ml.errors import ConfigurationError, OutputExistsError
from trastuz_ml.report.journal import SMALLEST_TYPE, write_figure

MM = 72 / 25.4


@pytest.fixture
def draw(rich, pseudonyms, tmp_path):
    def drawn(name, file, **about):
        return write_figure(rich, name, tmp_path / file, names=pseudonyms(rich), **about)

    return drawn


@pytest.mark.parametrize(("name", "width"), [("roc", 85), ("roc", 180), ("forest", 85), ("overview", 180)])
def test_figure__is_as_wide_as_asked_and_its_type_readable(draw, name, width):
    root = ElementTree.fromstring(draw(name, "f.svg", width=width).read_text("utf-8"))  # noqa: S314 - our own
    assert float(root.attrib["viewBox"].split()[2]) == pytest.approx(width * MM, abs=0.1)
    sizes = [float(size) for size in re.findall(r'font-size="([\d.]+)', ElementTree.tostring(root, "unicode"))]
    sizes += [float(size) for size in re.findall(r'font="[^"]*?([\d.]+)px', ElementTree.tostring(root, "unicode"))]
    assert sizes
    assert min(sizes) >= SMALLEST_TYPE - 0.05


def test_figure__file_has_plain_colours_and_words(draw):
    text = draw("roc", "f.svg").read_text("utf-8")
    assert "var(--" not in text
    assert "#0072b2" in text
    assert "ROC curve of chosen" in text


def test_figure__all_panels_stand_on_one_sheet_by_name(draw, rich):
    text = draw("roc", "f.svg").read_text("utf-8")
    assert all(f">{model}<" in text for model in rich.models)


@pytest.mark.parametrize("ending", ["svg", "png", "pdf"])
def test_figure__same_run_same_bytes(draw, ending):
    assert draw("forest", f"a.{ending}").read_bytes() == draw("forest", f"b.{ending}").read_bytes()


def test_figure__png_has_600_dots_an_inch(draw):
    written = draw("forest", "f.png", width=85).read_bytes()
    assert written.startswith(b"\x89PNG")
    assert struct.unpack(">I", written[16:20])[0] == pytest.approx(85 / 25.4 * 600, abs=2)


def test_figure__pdf_page_is_as_wide_as_asked(draw):
    box = re.search(rb"/MediaBox \[ ?0 0 ([\d.]+)", draw("forest", "f.pdf", width=85).read_bytes())
    assert box is not None
    assert float(box[1]) == pytest.approx(85 * MM, abs=0.1)


def test_figure__unknown_name_lists_those_there_are(draw):
    with pytest.raises(ConfigurationError, match="There are: flow, overview, forest, roc, precision-recall"):
        draw("rocket", "f.svg")


def test_figure__nothing_to_show_is_said(make, pseudonyms, tmp_path):
    with pytest.raises(ConfigurationError, match="nothing to show"):
        write_figure(make(), "chance", tmp_path / "f.svg", names=pseudonyms(make()))


def test_figure__too_narrow_says_how_wide_it_must_be(draw):
    with pytest.raises(ConfigurationError, match="give --width"):
        draw("flow", "f.svg", width=40)


@pytest.mark.parametrize("name", ["forest", "overview"])
def test_figure__names_that_leave_no_room_say_how_wide_it_must_be(draw, name):
    with pytest.raises(ConfigurationError, match=r"give --width \d+ or more") as refused:
        draw(name, "f.svg", width=40)
    needed = int(re.search(r"--width (\d+)", str(refused.value))[1])
    assert draw(name, "f.svg", width=needed).is_file()
    with pytest.raises(ConfigurationError, match=f"give --width {needed} or more"):
        draw(name, "g.svg", width=needed - 1)


def test_figure__wrong_ending_and_existing_file_are_refused(draw, tmp_path):
    with pytest.raises(ConfigurationError, match=r"\.svg, \.png, \.pdf"):
        draw("roc", "f.gif")
    (tmp_path / "f.svg").write_text("old")
    with pytest.raises(OutputExistsError):
        draw("roc", "f.svg")
