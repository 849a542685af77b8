import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, gradients, jacobian
from autograd_mini.nn import SelfAttention
from tests.nn.gradients import check_hessian, check_module, few, project, randomise, seeds
from tests.nn.torch_weights import fill_attention, wave


def attention_of_numpy(x, n_heads, causal, in_weight, in_bias, out_weight, out_bias):
    """Attention in NumPy, batched over heads, with the mask as -inf."""
    n_tokens, n_features = x.shape
    parts = (x @ in_weight.T + in_bias).reshape(n_tokens, 3, n_heads, n_features // n_heads)
    q, k, v = parts.transpose(1, 2, 0, 3)
    scores = np.einsum("htd,hsd->hts", q, k) / np.sqrt(n_features / n_heads)
    if causal:
        scores = np.where(np.tri(n_tokens, dtype=bool), scores, -np.inf)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    return np.einsum("hts,hsd->thd", weights, v).reshape(n_tokens, n_features) @ out_weight.T + out_bias, weights


@st.composite
def blocks(draw, max_width=2, max_tokens=4):
    """Random numbers of heads, features and tokens, a mask, and a seed for the weights."""
    n_heads = draw(st.integers(1, 2))
    n_features = n_heads * draw(st.integers(1, max_width))
    return n_heads, n_features, draw(st.integers(1, max_tokens)), draw(st.booleans()), draw(seeds)


def weights_of(generator, n_features):
    shapes = [(3 * n_features, n_features), 3 * n_features, (n_features, n_features), n_features]
    return [generator.uniform(-1.5, 1.5, shape) for shape in shapes]


def data_of(nest):
    return np.vectorize(float)(np.array(nest, dtype=object))


@few
@given(blocks())
def test_agrees_with_numpy(block):
    n_heads, n_features, n_tokens, causal, seed = block
    generator = np.random.default_rng(seed)
    arrays, x = weights_of(generator, n_features), generator.uniform(-2, 2, (n_tokens, n_features))
    attention = fill_attention(SelfAttention(n_features, n_heads, causal=causal), *arrays)
    expected, expected_weights = attention_of_numpy(x, n_heads, causal, *arrays)
    assert np.allclose(data_of(attention(x)), expected, rtol=0, atol=1e-12)
    for head, rows in enumerate(attention.weights(x)):
        for t, row in enumerate(rows):
            assert len(row) == (t + 1 if causal else n_tokens)
            assert np.allclose([w.data for w in row], expected_weights[head, t, : len(row)], rtol=0, atol=1e-12)


@few
@given(blocks(max_tokens=3))
def test_gradients(block):
    n_heads, n_features, n_tokens, causal, seed = block
    attention = randomise(SelfAttention(n_features, n_heads, causal=causal), seed)
    x = np.random.default_rng(seed).uniform(-1, 1, (n_tokens, n_features)).tolist()
    check_module(attention, x)


@few
@given(seeds, st.booleans())
def test_second_derivatives(seed, causal):
    attention = randomise(SelfAttention(2, causal=causal), seed)
    check_hessian(lambda x: project(attention([x[:2], x[2:]])), [0.5, -1.0, 0.25, 1.5])


@pytest.mark.parametrize("causal", [False, True])
def test_a_token_sees_later_ones_only_without_the_mask(causal):
    attention = SelfAttention(2, causal=causal, random=1)
    rows = jacobian(attention)([[1.0, -1.0], [0.5, 2.0], [-1.0, 1.0]])
    towards_later = [rows[t][j][s][k] for t in range(3) for s in range(t + 1, 3) for j in range(2) for k in range(2)]
    assert len(towards_later) == 12
    assert all((slope == 0.0) == causal for slope in towards_later)


def test_the_softmax_jacobian_of_the_lecture():
    """∂y_j/∂z_i = y_j (δ_ij - y_i), here of attention weights towards a score, set by the key of one feature."""
    attention = SelfAttention(1, bias=False)
    for layer in (attention.query, attention.key, attention.value, attention.output):
        layer.neurons[0].weights[0].data = 1.0
    scores = [Value(0.3), Value(-1.2), Value(0.7)]
    # token 0 has the query 0.3: its score towards token s is 0.3 x_s, so ∂a_0j/∂x_i = 0.3 a_0j (δ_ij - a_0i)
    row = attention.weights([[x] for x in scores])[0][0]
    a = [weight.data for weight in row]
    for j, weight in enumerate(row):
        found = gradients(weight, scores[1:])
        assert np.allclose(found, [0.3 * a[j] * ((i == j) - a[i]) for i in (1, 2)], rtol=1e-13, atol=0)


def test_scores_however_large_make_weights():
    attention = randomise(SelfAttention(2, causal=True), 3)
    weights = attention.weights([[1e150, 0.0], [-1e150, 1e150]])[0]
    assert sorted(w.data for w in weights[1]) == [0.0, 1.0]
    assert weights[0][0].data == 1.0


# Of torch 2.13.0: the outputs, and the gradient of project() of them towards the tokens, without and with a mask.
RECORDED = {
    False: (
        [-2.181040312598272, -0.6613886914725424, 1.7113971887609267, -0.6304064793196839]
        + [-2.9388102421641054, -0.23507461277712483, 1.911852162279545, -1.318772787436759]
        + [-1.3798968481121665, -2.4492549830686574, 3.2475085171925873, -0.8506789292549354],
        [0.06488916612415388, -0.2160606910663187, -0.2983653453053454, -0.10635427705292501]
        + [1.0894278149155316, 1.5502453302522756, 0.5857744382777088, -0.9172547708121547]
        + [-0.5441848420741485, -0.6668791549578232, -0.17644784824406817, 0.4762087964143399],
    ),
    True: (
        [-2.8579329270798413, -1.2366167176456409, 3.1402780629425218, -1.9231361899122268]
        + [-3.1526765822167806, -0.7003419310443039, 2.7339565314955436, -1.9282320224138623]
        + [-1.3798968481121665, -2.4492549830686574, 3.2475085171925873, -0.8506789292549354],
        [0.3839093702657641, 0.0861877859979977, -0.2907744512409883, -0.40039999898409545]
        + [0.8100000343550275, 1.1180214460070803, 0.398139096220287, -0.6877905025189237]
        + [-0.42712022779179565, -0.4394661717778994, -0.04776894413349035, 0.387846830449477],
    ),
}


@pytest.mark.parametrize("causal", [False, True])
def test_figures_recorded_of_pytorch(causal):
    attention = fill_attention(
        SelfAttention(4, 2, causal=causal), wave((12, 4), 0), wave(12, 100), wave((4, 4), 200), wave(4, 300)
    )
    tokens = [[Value(x) for x in row] for row in wave((3, 4), 400)]
    ys = attention(tokens)
    outputs, slopes = RECORDED[causal]
    assert np.allclose([y.data for row in ys for y in row], outputs, rtol=0, atol=1e-13)
    assert np.allclose(gradients(project(ys), [x for row in tokens for x in row]), slopes, rtol=0, atol=1e-13)


@few
@given(blocks())
def test_agrees_with_pytorch_where_it_is_installed(block):
    torch = pytest.importorskip("torch")
    n_heads, n_features, n_tokens, causal, seed = block
    generator = np.random.default_rng(seed)
    arrays, array = weights_of(generator, n_features), generator.uniform(-2, 2, (n_tokens, n_features))
    theirs = torch.nn.MultiheadAttention(n_features, n_heads).double()
    names = [theirs.in_proj_weight, theirs.in_proj_bias, theirs.out_proj.weight, theirs.out_proj.bias]
    with torch.no_grad():
        for parameter, numbers in zip(names, arrays, strict=True):
            parameter.copy_(torch.tensor(numbers))
    x = torch.tensor(array, requires_grad=True)
    mask = torch.triu(torch.ones(n_tokens, n_tokens, dtype=torch.bool), 1) if causal else None
    expected, _ = theirs(x, x, x, attn_mask=mask)
    (slopes,) = torch.autograd.grad(project(expected.ravel()), x)
    tokens = [[Value(number) for number in row] for row in array]
    ys = fill_attention(SelfAttention(n_features, n_heads, causal=causal), *arrays)(tokens)
    assert np.allclose(data_of(ys), expected.detach().numpy(), rtol=0, atol=1e-12)
    found = gradients(project(ys), [x for row in tokens for x in row])
    assert np.allclose(found, slopes.numpy().ravel(), rtol=0, atol=1e-11)


def test_parameters():
    assert len(SelfAttention(4, 2).parameters()) == 4 * (16 + 4)
    assert len(SelfAttention(4, 2, bias=False).parameters()) == 4 * 16
    assert "query.neurons.0.weights.0" in dict(SelfAttention(4).named_parameters())
    first, again, other = ([w.data for w in SelfAttention(2, random=seed).parameters()] for seed in (5, 5, 6))
    assert first == again != other


@pytest.mark.parametrize(
    ("args", "error", "message"),
    [
        ((0,), ValueError, "n_features must be 1 or more"),
        ((4, 0), ValueError, "n_heads must be 1 or more"),
        ((4, 3), ValueError, "n_heads must divide n_features, 4, got 3"),
        (("4",), TypeError, "n_features must be an int"),
    ],
)
def test_refuses(args, error, message):
    with pytest.raises(error, match=message):
        SelfAttention(*args)


def test_refuses_tokens_that_do_not_fit():
    attention = SelfAttention(2)
    with pytest.raises(ValueError, match="takes one token or more, got none"):
        attention([])
    with pytest.raises(ValueError, match=r"SelfAttention\(2, n_heads=1, causal=False\) takes 2 inputs, got 3"):
        attention([[1.0, 2.0], [1.0, 2.0, 3.0]])
    with pytest.raises(TypeError, match="takes a list of tokens"):
        attention(7)
    with pytest.raises(TypeError, match="takes a list of 2 inputs, got 1.0"):
        attention.weights([1.0, 2.0])
