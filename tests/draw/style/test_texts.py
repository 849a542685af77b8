"""Texts are exactly as large as the layout assumes, with every layout engine and viewer."""

import base64
import io
import json
import os
import re
import shutil
from unicodedata import category

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, dot, functions, relu
from autograd_mini.draw import draw, draw_influence, draw_network, draw_steps, run_recorded
from autograd_mini.draw.images import rendering
from autograd_mini.draw.style import font
from autograd_mini.draw.style.texts import PADDING, cell, width_of
from autograd_mini.nn import MLP, LSTMCell
from tests.draw.browser import in_chromium, needs_chromium
from tests.draw.reading import shown_texts

FONTS = """<?xml version='1.0'?><!DOCTYPE fontconfig SYSTEM 'fonts.dtd'>
<fontconfig><dir>{0}/fonts</dir><cachedir>{0}/cache</cachedir></fontconfig>"""
ENGINES = ["wheel", pytest.param("graphviz", marks=pytest.mark.skipif(not shutil.which("dot"), reason="no Graphviz"))]
TOLERANCE = 0.5  # pixels
# Of every text: itself, its length, how far it reaches beyond the smallest shape around its centre in its own group
# (null where there is none), and the first text of the same picture that it overlaps.
MEASURE = """Promise.all([...document.fonts].map(face => face.load())).then(() => {
  const found = [], box = shape => shape.getBoundingClientRect();
  for (const picture of document.querySelectorAll("svg")) {
    const texts = [...picture.querySelectorAll("text")].map(text => [text, box(text)]);
    for (const [text, t] of texts) {
      const x = t.x + t.width / 2, y = t.y + t.height / 2;
      const group = text.closest("g.node, g.cluster, g.graph"), shapes = "polygon, path, ellipse, polyline";
      const around = [...group.querySelectorAll(shapes)].filter(shape => shape.closest("g.node, g.cluster, g.graph")
        === group).map(box).filter(s => s.left <= x && x <= s.right && s.top <= y && y <= s.bottom);
      around.sort((s, r) => s.width * s.height - r.width * r.height);
      const s = around[0];
      const beyond = s ? Math.max(s.left - t.left, t.right - s.right, s.top - t.top, t.bottom - s.bottom) : null;
      const others = texts.filter(([other, o]) => other !== text && t.left < o.right - 1 && o.left < t.right - 1
        && t.top < o.bottom - 3 && o.top < t.bottom - 3);
      found.push([text.textContent, text.getComputedTextLength(), beyond, others.map(([other]) => other.textContent)]);
    }
  }
  finish(found);
});"""


def pictures():
    """Drawings of every kind, with every symbol that this package writes."""
    w, x, b = Value(0.5, label="w"), Value(2.0, label="∇∘⋮⊙∈∛ẋ"), Value(-1.7, label="Ωμéж")
    y = functions.relu((w * x + b) / functions.sqrt(x), at_zero=0.0)
    yield draw(y, parameters=[w])
    y.backward()
    yield draw(y, parameters=[w], direction="TB", number_format=".17g")
    model = MLP(3, [4, 3], "tanh", output="softmax")
    outputs, scopes = run_recorded(model, [1.0, 2.0, 3.0])
    outputs[0].backward()
    yield from (draw(outputs, scopes=scopes, fold=fold) for fold in (None, "modules", 2))
    state, scopes = run_recorded(LSTMCell(1, 1), [1.0])
    yield draw(state.hidden, scopes=scopes)
    yield draw_network(model, divergence="kl_softmax")
    yield from (draw_network(MLP(n, [n, 1]), divergence="squared_error") for n in (1, 2, 3))
    yield draw_network(MLP(30, [12, 3]), max_units=12)
    yield from (draw_influence(f, [1.0, -2.0, 1e-7]) for f in ("softmax", "relu", lambda z: [z[0] * z[1]]))
    yield draw_steps((w * x + b) * x)[2]
    program = compile(lambda W, x: functions.sum([relu(dot(row, x)) for row in W]))
    program.value_and_grad([[1.0, 2.0], [3.0, 4.0]], [1.0, 1.0])
    yield program.program.draw()


def laid_out(monkeypatch, tmp_path, engine):
    """The SVGs of all pictures by one of the layout engines."""
    if engine == "wheel":
        monkeypatch.setenv("PATH", str(tmp_path))
    svgs = [drawing._repr_svg_() for drawing in pictures()]
    assert all(("graphviz-pure" in svg) == (engine == "wheel") for svg in svgs)
    return svgs


def measured(svgs, folder, **environment):
    """The sizes of texts that Chromium measures."""
    return in_chromium("".join(svg[svg.index("<svg") :] for svg in svgs), MEASURE, folder, **environment)


def check(found, svgs):
    assert [text.strip() for text, *_ in found] == [text for svg in svgs for text in shown_texts(svg)]
    assert not [each for each in found if each[2] is not None and each[2] > TOLERANCE]
    assert not [each for each in found if each[3]]
    assert sum(each[2] is not None for each in found) > len(found) / 2


@needs_chromium
@pytest.mark.parametrize("engine", ENGINES)
def test_every_text_is_within_its_box_and_as_wide_as_measured(engine, monkeypatch, tmp_path):
    svgs = laid_out(monkeypatch, tmp_path, engine)
    found = measured(svgs, tmp_path)
    check(found, svgs)
    lengths = [float(length) for svg in svgs for length in re.findall(r'textLength="([\d.]+)"', svg)]
    assert [length for _, length, *_ in found] == pytest.approx(lengths, abs=0.1)


@needs_chromium
def test_on_a_machine_with_one_other_font_the_embedded_one_has_all_letters(monkeypatch, tmp_path):
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib, with its fonts, is not installed")
    (tmp_path / "fonts").mkdir()
    shutil.copy(os.path.join(matplotlib.get_data_path(), "fonts", "ttf", "cmtt10.ttf"), tmp_path / "fonts")
    (tmp_path / "fonts.conf").write_text(FONTS.format(tmp_path))
    svgs = laid_out(monkeypatch, tmp_path, "wheel")
    natural = [re.sub(' textLength="[^"]*" lengthAdjust="[^"]*"', "", svg) for svg in svgs]
    found = measured(natural, tmp_path, FONTCONFIG_FILE=str(tmp_path / "fonts.conf"))
    check(found, natural)
    lengths = [float(length) for svg in svgs for length in re.findall(r'textLength="([\d.]+)"', svg)]
    for (text, length, *_), expected in zip(found, lengths):
        assert expected / 1.05 - 0.2 <= length <= expected + 0.2, text  # bold ones have room for their stroke


@needs_chromium
@pytest.mark.parametrize("family", ["DejaVu Serif", "monospace"])
def test_with_another_font_texts_keep_to_their_boxes(family, monkeypatch, tmp_path):
    svgs = laid_out(monkeypatch, tmp_path, "wheel")
    others = [re.sub('font-family="[^"]*"(.*?)<style>.*?</style>', rf'font-family="{family}"\1', svg) for svg in svgs]
    check(measured(others, tmp_path), others)


@given(st.text(st.sampled_from([*font.advances()]), max_size=30), st.integers(5, 40))
def test_widths_are_those_of_the_font(text, size):
    images = pytest.importorskip("PIL.ImageFont", reason="pillow is not installed")
    drawn = images.truetype(font.FILE, 2048, layout_engine=images.Layout.BASIC).getlength(text)
    assert font.width(text, size) == pytest.approx(size * drawn / 2048)
    assert font.is_complete(text)


def test_the_pieces_of_the_font_have_its_letters_each_once_as_they_are():
    fonts = pytest.importorskip("fontTools.ttLib", reason="fonttools is not installed")
    pytest.importorskip("brotli", reason="brotli, which unpacks WOFF2, is not installed")
    pens = pytest.importorskip("fontTools.pens.recordingPen")
    whole, letters = fonts.TTFont(font.FILE), []
    for piece in json.loads(font.PIECES.read_text("utf-8")):
        part = fonts.TTFont(io.BytesIO(base64.b64decode(piece["woff2"])))
        assert set(part.getBestCmap()) == set(map(ord, piece["letters"]))
        letters += piece["letters"]
        for code in part.getBestCmap():
            drawn = []
            for each in (whole, part):
                pen, name = pens.RecordingPen(), each.getBestCmap()[code]
                each.getGlyphSet()[name].draw(pen)
                drawn.append((pen.value, each["hmtx"][name]))
            assert drawn[0] == drawn[1]
            assert piece["letters"][chr(code)] == drawn[0][1][0] / whole["head"].unitsPerEm
    assert sorted(map(ord, letters)) == sorted(whole.getBestCmap())


@given(st.sets(st.sampled_from([*"aé∇אЯ→日😀 "])))
def test_svgs_carry_the_pieces_that_they_need(letters):
    rules = font.embedded(letters)
    for letter in letters:
        assert (f"U+{ord(letter):x}" in re.split("[,:}]", rules)) == (letter in font.advances())
    assert rules.count("@font-face") <= len(letters)


@given(st.text(max_size=40))
def test_a_cell_is_as_wide_as_its_text(text):
    inner = int(re.search(r'WIDTH="(\d+)"', cell(text)).group(1)) - 2 * PADDING
    assert 0 <= inner - (width_of(text) - 2 * PADDING) < 1 or any(category(letter) == "Cc" for letter in text)
    assert 'WIDTH="500"' in cell("short", room=500)


def test_every_symbol_has_a_picture_of_its_own_in_pngs():
    pngs = {draw(Value(1.0, label=f"f{letter}"), legend=False)._repr_image_png() for letter in "∇∘⋮⊙∈∛ᵀⱼ⁽∂Σ日"}
    assert len(pngs) == 12


def test_a_png_has_the_boxes_of_the_svg(tmp_path):
    images = pytest.importorskip("PIL.Image", reason="pillow is not installed")
    drawing = draw(Value(2.0, label="∇").exp())
    width, height = map(float, re.search(r'width="([\d.]+)pt" height="([\d.]+)pt"', drawing._repr_svg_()).groups())
    png = images.open(io.BytesIO(drawing._repr_image_png()))
    scale = rendering.PNG_RESOLUTION / 72
    assert png.size == (pytest.approx(width * scale, abs=1), pytest.approx(height * scale, abs=1))


def test_texts_of_the_users_own_statements_stay():
    drawing = draw(Value(2.0, label="x"))
    drawing.node("mine", "my text")
    assert {"my text", "x"} <= set(shown_texts(drawing._repr_svg_()))


def test_captions_of_wide_pictures_have_14_points_on_a_slide():
    y = Value(0.5, label="x")
    for _ in range(9):
        y = y.sin()
    y.backward()
    for drawing, caption in ((draw(y), "input"), (draw_steps(y)[3], "Step 3 of 9, through sin:")):
        svg = drawing._repr_svg_()
        size = float(re.search(rf'font-size="(\d+)"[^>]*>{caption}<', svg)[1])
        width = rendering.width_in_points(svg)
        assert width > 2000
        assert 14 <= size * rendering.SLIDE / width < 20
