import numpy as np
import pytest

jax = pytest.importorskip("jax")
jnp = jax.numpy

from autograd_mini import Value, compile, dot  # noqa: E402
from autograd_mini.neighbours import in_jax, to_jax  # noqa: E402
from tests.neighbours.functions import COMPILED, ONE_EXAMPLE, pair  # noqa: E402


@pytest.fixture(autouse=True)
def double_precision():
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)


def arrays(name):
    random = np.random.default_rng(len(name))
    return random.normal(size=3), random.normal(size=3 if name in ONE_EXAMPLE else (5, 3))


def theirs(w, x):
    return jnp.array([jnp.tanh(w @ x), (x @ x) * w[0]])


def total(function):
    """A number that depends on all results of the function, in different ways."""

    def number(*args):
        leaves = jax.tree_util.tree_leaves(function(*args))
        return sum(jnp.sum(jnp.sin(leaf + i)) for i, leaf in enumerate(leaves))

    return number


@pytest.mark.parametrize("name", COMPILED)
@pytest.mark.parametrize("compiled_by_jax", [False, True])
def test_jax_finds_first_and_second_derivatives_right(name, compiled_by_jax):
    number = total(to_jax(COMPILED[name]))
    w, x = arrays(name)
    gradient = jax.grad(number, (0, 1))
    gradient = jax.jit(gradient) if compiled_by_jax else gradient
    random = np.random.default_rng(1)
    v, u = random.normal(size=w.shape), random.normal(size=x.shape)

    def along(f):
        return float(f(w + 1e-5 * v, x + 1e-5 * u) - f(w - 1e-5 * v, x - 1e-5 * u)) / 2e-5

    slope_w, slope_x = gradient(w, x)
    assert np.vdot(slope_w, v) + np.vdot(slope_x, u) == pytest.approx(along(number), rel=1e-6, abs=1e-7)

    def slope(w, x):
        a, b = gradient(w, x)
        return jnp.vdot(a, v) + jnp.vdot(b, u)

    second_w, second_x = jax.grad(slope, (0, 1))(w, x)
    assert np.vdot(second_w, v) + np.vdot(second_x, u) == pytest.approx(along(slope), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("ours", [to_jax(pair), to_jax(compile(pair, backend="numpy"))])
def test_vmap_goes_over_examples(ours):
    w, _ = arrays("a list")
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)))
    over = jax.vmap(jax.vmap(ours, (None, 0)), (None, 0))
    np.testing.assert_allclose(over(w, xs), jax.vmap(jax.vmap(theirs, (None, 0)), (None, 0))(w, xs), rtol=1e-13)

    def loss(function):
        return lambda w: (jax.vmap(function, (None, 0))(w, xs[0]) ** 2).sum()

    np.testing.assert_allclose(jax.jit(jax.grad(loss(ours)))(w), jax.grad(loss(theirs))(w), rtol=1e-12)
    np.testing.assert_allclose(
        jax.jacrev(jax.grad(loss(ours)))(w), jax.hessian(loss(theirs))(w), rtol=1e-11, atol=1e-12
    )


@pytest.mark.parametrize(
    "over", [jax.vmap, lambda f: jax.vmap(jax.jit(f)), lambda f: lambda xs: jnp.stack([*map(f, xs)])]
)
def test_derivatives_belong_to_the_numbers_of_the_result(over):
    """What was changed in between would give those of another function."""
    w, scale = Value(3.0), [2.0]
    f = over(to_jax(lambda x: w * x**2 * scale[0] if x > 0 else x))
    xs, ones = jnp.array([2.0, -1.0, 3.0]), jnp.ones(3)
    _, pull = jax.vjp(f, xs)
    _, pull_again = jax.vjp(lambda xs: jax.vjp(f, xs)[1](ones)[0], xs)

    def refused(change, restore):
        change()
        for back in (pull, pull_again):
            with pytest.raises(Exception, match="reads numbers from outside that have changed since it was called"):
                back(ones)
        restore()
        assert [back(ones)[0].tolist() for back in (pull, pull_again)] == [[24.0, 1.0, 36.0], [12.0, 0.0, 12.0]]

    refused(lambda: setattr(w, "data", 5.0), lambda: setattr(w, "data", 3.0))
    refused(lambda: scale.__setitem__(0, 7.0), lambda: scale.__setitem__(0, 2.0))


def test_states_do_not_pile_up(monkeypatch):
    """Where what is read changes at every step; of a call too long ago it is not known what it read."""
    monkeypatch.setattr(in_jax, "RECENT", 3)
    w = Value(7.0)
    f = to_jax(lambda x: w * x**2)
    _, oldest = jax.vjp(f, 2.0)
    for step in range(5):
        w.data = float(step)
        assert jax.grad(f)(2.0) == 4.0 * step
    w.data = 7.0
    with pytest.raises(Exception, match="reads numbers from outside that have changed since it was called"):
        oldest(jnp.array(1.0))
    assert jax.vjp(f, 2.0)[1](jnp.array(1.0))[0] == 28.0


def test_vmap_of_a_batch_goes_one_by_one():
    w, _ = arrays("a list")
    xs = jnp.asarray(np.random.default_rng(0).normal(size=(2, 4, 3)))
    over = jax.vmap(to_jax(compile(pair, batch=1)), (None, 0))
    np.testing.assert_allclose(over(w, xs), jax.vmap(jax.vmap(theirs, (None, 0)), (None, 0))(w, xs), rtol=1e-13)


def test_single_precision_stays_single():
    jax.config.update("jax_enable_x64", False)
    slope = jax.grad(to_jax(lambda w: w[0] * w[1]))(jnp.ones(2))
    assert slope.dtype == jnp.float32


def test_whole_numbers_reach_the_function():
    f = to_jax(lambda xs, n: sum(xs[:n]))
    assert jax.grad(f)(jnp.ones(4), 2).tolist() == [1.0, 1.0, 0.0, 0.0]


def test_things_that_are_equal_but_not_the_same_are_told_apart():
    f = to_jax(compile(lambda x, mode: [x] if mode is True else x * mode, static="mode"))
    assert [f(2.0, mode).tolist() for mode in (3, 1, True)] == [6.0, 2.0, [2.0]]


def test_a_result_may_be_shown_instead_of_computed():
    def careful(x):
        if x == 1.0:
            raise ZeroDivisionError
        return 1 / (x - 1)

    with pytest.raises(ZeroDivisionError):
        to_jax(careful)(3.0)
    assert to_jax(careful, like=0.0)(3.0) == 0.5


def test_bad_input():
    with pytest.raises(TypeError, match="^to_jax takes a function in scalar code, got an object of type int"):
        to_jax(3)
    with pytest.raises(TypeError, match="takes at least one array of floats, got none"):
        to_jax(dot)(1, 2)
    for mode, kind in (([3], "list"), (jnp.array(3), "ArrayImpl")):
        with pytest.raises(TypeError, match=f"^argument 1 holds no floats, .* must be hashable, got {kind}; pass an"):
            to_jax(lambda x, n: x)(2.0, mode)
    with pytest.raises(TypeError, match=r"must be hashable, got .*Tracer; .* \(under jit, through static_argnums\)"):
        jax.jit(to_jax(lambda x, n: x))(2.0, 3)
