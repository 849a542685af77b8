"""What the demos compute besides training: their examples, labels and formulas; and that one runs as a command.

That every demo runs through, in its quick form, is checked where they are run one by one.
"""

import re
import subprocess
import sys
from collections import Counter
from importlib import import_module
from math import isclose, log2
from pathlib import Path
from random import Random

import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autograd_mini import Value, hessian, tanh, topological_order
from autograd_mini.limits import ties
from autograd_mini.nn import MLP, Layer, kl_softmax
from autograd_mini.optim import SGD, Cosine
from autograd_mini.training import fit

ROOT = Path(__file__).parents[2]
SEEDS = st.integers(0, 2**32)

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(ROOT / "demos")
    (
        adding,
        brackets,
        characters,
        gpt,
        by_layer,
        vectors,
        layered,
        forward_pass,
        descent,
        activations,
        multiplicative,
        subgradients,
        convergence,
        common,
        eleven,
        ten,
    ) = map(
        import_module,
        (
            "adding_problem",
            "brackets",
            "next_characters",
            "character_gpt",
            "backpropagation_by_layer",
            "vector_formulation",
            "layered_network",
            "forward_pass",
            "gradient_descent",
            "vector_activations",
            "multiplicative_networks",
            "subgradients",
            "convergence",
            "common",
            "eleven_digits",
            "ten_digits",
        ),
    )


def assert_comparisons_hold(comparisons, n):
    assert len(comparisons) == n
    for name, by_formula, by_graph in comparisons:
        assert by_formula.shape == by_graph.shape, name
        np.testing.assert_allclose(by_formula, by_graph, rtol=1e-12, atol=1e-12, err_msg=name)


@given(SEEDS, st.integers(2, 12))
def test_the_sum_of_the_marked_numbers_is_the_answer(seed, length):
    sequence, answer = adding.draw_example(Random(seed), length)
    assert [mark for _, mark in sequence].count(1.0) == 2
    assert len(sequence) == length
    assert isclose(sum(x * mark for x, mark in sequence), answer)


def by_rewriting(text):
    """Whether nothing remains when () is taken out again and again."""
    while "()" in text:
        text = text.replace("()", "")
    return not text


@given(st.text("()", max_size=14))
def test_is_balanced_agrees_with_rewriting(text):
    assert brackets.is_balanced(text) == by_rewriting(text)


@given(SEEDS)
def test_brackets_have_the_right_labels_and_lengths_and_are_unknown(seed):
    known = frozenset({"()", "(())", "()()"})
    examples = brackets.draw_examples(Random(seed), 3, (6, 8), known)
    assert [(len(text), d) for text, d in examples] == [(n, d) for n in (6, 8) for d in (1.0, 0.0) for _ in range(3)]
    assert all(by_rewriting(text) == d and text not in known for text, d in examples)


def test_known_brackets_are_left_out():
    known = frozenset({"(())"})
    assert {text for text, d in brackets.draw_examples(Random(1), 20, (4,), known) if d} == {"()()"}


def test_numbers_in_words():
    words = {
        1: "one",
        19: "nineteen",
        20: "twenty",
        71: "seventy one",
        300: "three hundred",
        812: "eight hundred twelve",
    }
    assert {number: characters.in_words(number) for number in words} == words
    assert len(set(characters.TEXTS)) == 999


def test_counting_needs_the_entropy_of_what_it_has_counted():
    """With ever more data Laplace's rule becomes the empirical entropy of a character."""
    text = "one." * 5000
    counts, n = Counter(text), len(text)
    entropy = -sum(count / n * log2(count / n) for count in counts.values())
    assert isclose(characters.bits_by_counting([text], [text], 0), entropy, rel_tol=0.01)
    assert characters.bits_by_counting([text], [text], 1) < 0.05


def test_a_prediction_depends_on_nothing_that_comes_later():
    model = characters.Transformer(4, Random(1))
    first, second = model("one."), model("owy.")
    for place, same in ((0, True), (1, True), (2, False), (3, False)):
        assert ([z.data for z in first[place]] == [z.data for z in second[place]]) is same


@given(
    st.lists(st.tuples(st.integers(1, 4), st.sampled_from(["tanh", "relu", "softmax"])), min_size=1, max_size=4),
    SEEDS,
)
def test_the_formulas_by_layer_equal_the_graph(shape, seed):
    random = Random(seed)
    layers, width = [], 3
    for n_outputs, activation in [*shape, (3, "softmax")]:
        layers.append(Layer(width, n_outputs, activation, random=random))
        width = n_outputs
    steps = layered.forward(layers, [Value(random.gauss(0, 1)) for _ in range(3)])
    d = random.randrange(3)
    divergence = kl_softmax(steps[-1].y, d)
    assume(not ties(topological_order(divergence)))  # dead units below: the graph settles kinks together
    assert_comparisons_hold(list(by_layer.walk_back(steps, d, divergence)), 3 * len(layers))
    assert_comparisons_hold(list(vectors.walk_back(steps, d, divergence)), 7 * len(layers))


def test_a_wrong_formula_is_noticed(capsys):
    steps = layered.forward(layered.example_layers(), [Value(number) for number in (0.5, -1.0, 2.0)])
    comparisons = list(vectors.walk_back(steps, 2, kl_softmax(steps[-1].y, 1)))  # of another class
    assert layered.print_comparisons(comparisons) > 0.1


@given(st.lists(st.integers(1, 4), min_size=1, max_size=3), SEEDS)
def test_the_sums_of_the_forward_pass_are_those_of_mlp(widths, seed):
    model = MLP(3, widths, activation="tanh", output="tanh", random=seed)
    x = [Random(seed).gauss(0, 1) for _ in range(3)]
    zs, ys = forward_pass.forward_pass([layered.weights(layer).tolist() for layer in model.layers], tanh, x)
    assert [len(z) for z in zs] == widths
    outputs = model(x)
    np.testing.assert_allclose(ys[-1], [y.data for y in np.atleast_1d(outputs)], rtol=1e-14, atol=1e-14)


@given(st.tuples(*[st.floats(-3, 3)] * 3), st.integers(0, 2))
def test_formulas_of_vector_activations_equal_the_graph(z, d):
    assert_comparisons_hold(list(activations.compare(z, d)), 8)


@given(st.tuples(*[st.floats(-3, 3)] * 4))
def test_formulas_of_multiplicative_networks_equal_the_graph(y):
    assert_comparisons_hold(list(multiplicative.compare(y)), 5)


def test_only_a_gate_keeps_a_derivative_alive():
    random = Random(849)
    curves = multiplicative.memories([random.gauss(0.0, 0.5) for _ in range(60)])
    assert curves["gate f = 0.99"][0][-1] == pytest.approx(0.99**60, rel=1e-12)
    for name, (by_graph, by_formula) in curves.items():
        np.testing.assert_allclose(by_graph, by_formula, rtol=1e-10, err_msg=name)
        assert name.startswith("gate") or by_graph[-1] < 1e-12


def test_the_subgradient_inequality_holds_for_the_convex_functions_only():
    for example in subgradients.EXAMPLES:
        assert (subgradients.share_where_subgradient(example.f) == 1.0) is example.is_convex
    assert subgradients.share_where_subgradient(subgradients.non_convex) < 0.9
    assert subgradients.share_where_subgradient(subgradients.non_convex, [-1.0, 1.0]) == 1.0


def test_gradient_descent_goes_as_the_eigenvalues_say():
    examples = descent.make_examples(seed=2)
    curvatures = np.linalg.eigvalsh(hessian(descent.loss, 0)(list(descent.START), examples))
    for share, converges in ((0.5, True), (0.9, True), (1.1, False)):
        rate = share * 2 / curvatures[-1]
        found = descent.descend(examples, rate)
        assert found.converged is converges
        if converges:
            gaps = np.linalg.norm(found.ws - np.polyfit(*np.transpose(examples), 1)[::-1], axis=1)
            assert descent.rate_of_approach(gaps) == pytest.approx(np.max(np.abs(1 - rate * curvatures)), abs=1e-3)


def test_descent_settles_where_steps_shrink_and_hops_where_they_do_not():
    settled = convergence.descend("", subgradients.convex, -2.0, lambda step: 1.0 / (step + 1), 2000)
    hopping = convergence.descend("", subgradients.convex, -2.0, 0.7, 2000)
    assert settled.converged
    assert abs(settled.xs[-1] - 1.0) < 0.01
    assert not hopping.converged
    assert len(hopping.xs) == 2000


@pytest.mark.parametrize("kind", eleven.KINDS.values())
def test_non_digits_are_no_digits_but_made_of_them(kind):
    examples = eleven.digits()[1]
    images = {tuple(image) for image, _ in examples}
    made = eleven.make_non_digits(kind, 50, examples, Random(1))
    assert all(len(image) == 64 and tuple(image) not in images and d == 10 for image, d in made)
    assert {pixel for image, _ in made for pixel in image} <= {pixel for image in images for pixel in image}


def test_blocks_move_every_quarter():
    image = [float(4 * (row // 4) + column // 4) for row in range(8) for column in range(8)]
    made = eleven.blocks([(image, 0)], Random(3))
    quarters = np.reshape(image, (8, 8))
    assert sorted(made.flat) == sorted(image)
    assert not np.any(made == quarters)


@pytest.mark.parametrize("size", [16, 320])
def test_compiled_training_on_digits_is_eager_training(size):
    """Twenty steps on the same sixteen images, whose losses are those of the epochs; and on twenty times sixteen."""
    images, results = ten.digits()[0][:size], []
    for compiled in (False, True):
        model = MLP(64, [48, 10], activation="tanh", output="softmax", random=1)
        optimizer = SGD(model.parameters(), Cosine(0.1, 1260), momentum=0.9)
        epochs = 320 // size
        history = fit(model, images, kl_softmax, optimizer, batch_size=16, epochs=epochs, compiled=compiled)
        results.append([*history.losses, *(weight.data for weight in model.parameters())])
    assert np.allclose(*results, rtol=1e-9, atol=1e-9)


def test_a_demo_runs_as_a_command_and_leaves_its_picture(tmp_path):
    command = [sys.executable, "demos/vector_formulation.py", "--quick", "--out", str(tmp_path / "pictures")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 0, run.stderr
    assert run.stdout.startswith("    z_k = W_k y_{k-1} + b_k")
    assert "largest difference of all 21: " in run.stdout
    assert "∇W1 = ∇z₁ xᵀ" in run.stdout
    assert (tmp_path / "pictures" / "jacobians.png").stat().st_size > 10_000


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").touch()
    command = [sys.executable, "demos/convergence.py", "--out", str(tmp_path / "file" / "pictures")]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert run.returncode == 2
    assert "cannot make the folder" in run.stderr


def test_a_place_of_the_gpt_knows_only_what_came_before_it():
    w = gpt.weights(Random(0))
    first, second = (gpt.one_hot([text])[0][0].tolist() for text in ("twenty one.", "twelve."))
    same = len("twe") + 1
    ours, theirs = (gpt.logits(w, letters) for letters in (first, second))
    assert [[z.data for z in zs] for zs in ours[:same]] == [[z.data for z in zs] for zs in theirs[:same]]
    assert ours[same][0].data != theirs[same][0].data


def test_the_table_of_contents_names_every_script_and_nothing_else():
    contents = (ROOT / "demos" / "README.md").read_text()
    links = re.findall(r"\]\(([^)#:]+)\)", contents)
    assert [link for link in links if not (ROOT / "demos" / link).exists()] == []
    assert {path.name for path in (ROOT / "demos").glob("*.py")} == {link for link in links if link.endswith(".py")}


def test_figures_are_no_larger_than_a_slide_so_that_captions_are_as_large_there(tmp_path):
    image = pytest.importorskip("PIL.Image")
    sizes = {key: plt.rcParams[key] for key in ("font.size", "axes.titlesize")}
    assert min(sizes.values()) >= 14
    steps = layered.forward(layered.example_layers(), [Value(number) for number in (0.5, -1.0, 2.0)])
    vectors.draw_jacobians(steps, tmp_path / "jacobians.png")
    figure, _ = plt.subplots(figsize=(20, 4))
    common.save_figure(figure, tmp_path / "wide.png")
    for name in ("jacobians.png", "wide.png"):
        with image.open(tmp_path / name) as png:
            assert png.width <= 13.34 * 150
            assert png.height <= 7.5 * 150


def test_what_is_negative_is_orange_and_dashed_and_nothing_is_neither(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(layered, "save_figure", lambda figure, path: drawn.append(figure))
    layered.draw_layers([np.array([[0.0, 1.0, -2.0]])], [["a", "b"], ["c"]], ["x", "y"], tmp_path, "Div")
    (figure,) = drawn
    lines = {line.get_linestyle(): line.get_color() for line in figure.axes[0].lines}
    assert lines == {"-": "0.6", "--": common.ORANGE}  # the last solid one joins the divergence
    solid = [line.get_color() for line in figure.axes[0].lines if line.get_linestyle() == "-"]
    assert solid == ["0.6", common.BLUE, "0.6"]
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert {"1", "b₁⁽¹⁾", "w₁₁⁽¹⁾", "w₂₁⁽¹⁾", "Div"} <= set(texts)
    assert common.SIGNS(1.0)[2] > common.SIGNS(1.0)[0]
    assert common.SIGNS(0.0)[0] > common.SIGNS(0.0)[2]
    plt.close(figure)
