"""The backward pass in frames: the chain rule with its numbers, and a layout that does not move."""

import os
import re
import sys
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini.adjoints import adjoints
from autograd_mini.draw import GraphTooLargeError, UnknownFormatError, draw_steps
from autograd_mini.graph import topological_order
from tests.draw.browser import in_chromium, needs_chromium
from tests.draw.reading import expected, graphs, read_source, shown_texts


def neuron():
    w, x, b = Value(0.5, label="w"), Value(2.0, label="x"), Value(-0.7, label="b")
    return ((w * x + b) * x).tanh()


@given(graphs())
def test_every_frame_shows_the_whole_graph(y):
    for frame in draw_steps(y):
        assert read_source(frame.source) == expected(y)


@given(graphs(), st.floats(-5, 5))
def test_the_last_frame_shows_the_gradients_and_the_graph_keeps_its_own(y, mine):
    order = topological_order(y)
    for node in order:
        node.grad = mine
    keys = {node: index for index, node in enumerate(order)}
    last = draw_steps(y)[-1].source
    for node, adjoint in zip(order, adjoints(order, [(y, 1.0)], order)):
        line = re.search(rf"^\s*v{keys[node]} \[.*$", last, re.M).group()
        if adjoint and type(node) is Value:
            assert f">{adjoint:.4g}<" in line
    assert all(node.grad == mine for node in order)


@given(graphs())
def test_products_and_sums_in_captions_come_out(y):
    for caption in draw_steps(y, number_format=".17g").captions[1:]:
        for line in caption[1:]:
            numbers = re.search(r" = (\S+) · (\S+) = (\S+?)(?:, in all|$)", line)
            if numbers:
                adjoint, local, contribution = map(float, numbers.groups())
                assert adjoint * local == contribution or contribution != contribution


def test_the_chain_rule_is_spelled_out():
    captions = draw_steps(neuron()).captions
    assert captions[0] == ("Start: ∂y/∂y = 1",)
    assert captions[1] == ("Step 1 of 4, through tanh:", "∂y/∂z3 = ∂y/∂y · ∂y/∂z3 = 1 · 0.7116 = 0.7116")
    assert captions[4][2] == "∂y/∂x += ∂y/∂z1 · ∂z1/∂x = 1.423 · 0.5 = 0.7116, in all 0.9251"


def test_limits_have_a_frame_of_their_own():
    u = Value(1.0, label="u")
    steps = draw_steps(u / (u - u) ** 2)
    assert steps.captions[-1][:2] == ("Limits decide, where ties meet or 0 meets inf or nan:", "∂y/∂u = inf")
    assert ">inf<" in re.search(r"^\s*v0 .*$", steps[-1].source, re.M).group()
    assert draw_steps(u * 2.0 + 1.0).captions[-1][0] == "Step 2 of 2, through *:"


def test_names_do_not_clash():
    y = (Value(1.0, label="y") * Value(2.0) + Value(3.0, label="z1")).exp()
    assert draw_steps(y).captions[-1][1:] == (
        "∂y1/∂y = ∂y1/∂z2 · ∂z2/∂y = 148.4 · 2 = 296.8",
        "∂y1/∂x1 = ∂y1/∂z2 · ∂z2/∂x1 = 148.4 · 1 = 148.4",
    )


@given(graphs(max_size=4))
@settings(max_examples=10, deadline=None)
def test_nothing_moves_between_frames(y):
    def places(svg):
        nodes = (group for group in ElementTree.fromstring(svg).iter() if group.get("class") == "node")
        return [
            (group[0].text, shape.get("points"), shape.get("d"), shape.get("cx"))
            for group in nodes
            for shape in group.iter()
            if shape.get("stroke") not in (None, "none", "transparent")
        ]

    assert len({tuple(places(frame._repr_svg_())) for frame in draw_steps(y)}) == 1


def test_one_animated_file(tmp_path):
    steps = draw_steps(neuron())
    assert steps.save(tmp_path / "steps.svg", seconds=0.5) == [str(tmp_path / "steps.svg")]
    svg = (tmp_path / "steps.svg").read_text()
    layers = [group for group in ElementTree.fromstring(svg).iter() if "animation-delay" in group.get("style", "")]
    assert [layer.get("visibility") for layer in layers] == ["hidden"] * 4 + ["visible"]
    assert [layer.get("style") for layer in layers] == [f"animation-delay: {t:g}s" for t in (-2.5, -2, -1.5, -1, -0.5)]
    assert re.search(r"animation: steps-\w+ 2.5s", svg)
    assert " id=" not in svg
    assert svg.count("<style>@font-face") == 1
    assert {line for caption in steps.captions for line in caption} <= set(shown_texts(svg))


# At each time, and after each button: which frames of each picture show.
VISIBLE = """const pictures = [...document.querySelectorAll("body > svg")], found = [];
const frames = picture => [...picture.querySelectorAll("[class^=steps-] > g")];
const look = () => found.push(pictures.map(picture => frames(picture).map(frame => getComputedStyle(frame).visibility
  === "visible")));
const press = button => { document.querySelectorAll("[role=button]")[button].onclick(); look(); };
look();
"""
CONTROLLED = "press(2); press(2); press(0); press(0); press(0);"
TIMED = """for (let time = 250; time < 2500; time += 500) {
  document.getAnimations().forEach(animation => { animation.currentTime = time; });
  look();
}"""


def shown_frames(svgs, script, folder, *flags):
    """The places of the frames that Chromium shows of each picture, at each look."""
    looks = in_chromium("".join(svgs), VISIBLE + script + "finish(found);", folder, *flags)
    return [[[place for place, is_shown in enumerate(frames) if is_shown] for frames in each] for each in looks]


@needs_chromium
def test_animations_begin_with_the_first_frame_and_do_not_disturb_each_other(tmp_path):
    w = Value(3.0, label="w")
    svgs = [steps._svg(0.5) for steps in (draw_steps(neuron()), draw_steps(((w * w) * w + w) * w))]
    assert len({name for svg in svgs for name in re.findall("@keyframes (\\S+)", svg)}) == 2
    plain = [re.sub("<script>.*?</script>", "", svg, flags=re.S) for svg in svgs]
    assert shown_frames(plain, TIMED, tmp_path) == [[[0], [0]], *([[k], [k]] for k in range(5))]
    assert shown_frames(plain, "", tmp_path, "--force-prefers-reduced-motion") == [[[4], [4]]]


@needs_chromium
def test_animations_can_be_held_and_stepped(tmp_path):
    svgs = [draw_steps(neuron())._svg(60.0)] * 2
    expected = [[[k], [0]] for k in (0, 1, 2, 1, 0, 4)]
    assert shown_frames(svgs, CONTROLLED, tmp_path) == expected
    assert shown_frames(svgs, CONTROLLED, tmp_path, "--force-prefers-reduced-motion") == expected


def test_an_animated_gif(tmp_path):
    image = pytest.importorskip("PIL.Image")
    draw_steps(neuron()).save(tmp_path / "steps.gif", seconds=0.25)
    with image.open(tmp_path / "steps.gif") as gif:
        assert (gif.n_frames, gif.info["duration"]) == (5, 250)
    assert os.path.getsize(tmp_path / "steps.gif") < 100_000


def test_a_gif_without_pillow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ModuleNotFoundError, match="needs the package pillow"):
        draw_steps(neuron()).save(tmp_path / "steps.gif")


@pytest.mark.parametrize("image_format", ["svg", "png", "dot"])
def test_a_folder_of_images(tmp_path, image_format):
    paths = draw_steps(neuron()).save(tmp_path / "steps", image_format=image_format)
    assert sorted(os.listdir(tmp_path / "steps")) == [f"step-0{index}.{image_format}" for index in range(5)]
    assert paths == [str(tmp_path / "steps" / f"step-0{index}.{image_format}") for index in range(5)]


def test_many_operands_are_summed_up():
    from autograd_mini import functions as f

    caption = draw_steps(f.sum([Value(index) for index in range(20)])).captions[1]
    assert len(caption) == 8
    assert caption[-1] == "… and 14 more"


def test_a_leaf_has_one_frame():
    assert len(draw_steps(Value(1.0, label="x"))) == 1


def test_errors(tmp_path):
    y = Value(1.0)
    with pytest.raises(TypeError, match=r"^draw_steps takes one Value, got 3.0 \(float\); pass one result$"):
        draw_steps(3.0)
    with pytest.raises(ValueError, match="direction"):
        draw_steps(y, direction="up")
    with pytest.raises(UnknownFormatError, match=r"\.svg or \.gif"):
        draw_steps(y).save(tmp_path / "steps.mp4")
    with pytest.raises(UnknownFormatError):
        draw_steps(y).save(tmp_path / "steps", image_format="bmp")
    with pytest.raises(ValueError, match="seconds"):
        draw_steps(y).save(tmp_path / "steps.svg", seconds=0)
    with pytest.raises(FileNotFoundError, match="cannot make the folder"):
        draw_steps(y).save(tmp_path / "missing" / "steps")
    for _ in range(100):
        y = y + 1
    with pytest.raises(GraphTooLargeError):
        draw_steps(y)
