"""What a trace holds, and what it refuses because it could not repeat it."""

from concurrent.futures import ThreadPoolExecutor

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Value, compile, dot, grad, gradients, where
from autograd_mini.optim import SGD
from autograd_mini.testing.strategies import expressions

HERE = __file__


# Leaves made within the function


def by_accumulating(x):
    total = Value(0.0)
    for _ in range(3):
        total = total + x * x
    return total


def by_mapping(x):
    return dot(list(map(Value, [1.0, 2.0])), [x, x * x])


def by_derivative(x):
    return grad(lambda y: y * y * x)(Value(3.0)) + x


@pytest.mark.parametrize("f", [by_accumulating, by_mapping, by_derivative])
@pytest.mark.parametrize("batch", [False, True])
def test_leaves_of_the_function_are_constants(f, batch):
    compiled = compile(f, batch=batch)
    xs = numpy.array([2.0, -1.0])
    found = compiled.value_and_grad(xs if batch else 2.0)
    assert compiled.parameters == []
    slopes = found[1].tolist() if batch else [found[1]]
    assert slopes == [grad(f)(x) for x in xs.tolist()][: len(slopes)]


def test_an_optimizer_drives_what_was_there_before():
    w = Value(1.0)
    compiled = compile(lambda x: (w * x + Value(3.0) - 5.0) ** 2)
    compiled(1.0)
    assert compiled.parameters == [w]
    optimizer = SGD(compiled.parameters, learning_rate=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        compiled.backward(1.0)
        optimizer.step()
    assert abs(w.data - 2.0) < 1e-4


def test_parameters_made_by_the_first_run_stay_parameters():
    made = {}

    def f(x):
        if "w" not in made:
            made["w"] = Value(3.0)
        return made["w"] * x

    compiled = compile(f)
    assert compiled.value_and_grad(2.0) == (6.0, 3.0)
    assert compiled.parameters == [made["w"]]
    made["w"].data = 5.0
    assert compiled.value_and_grad(2.0) == (10.0, 5.0)


# Other threads


def in_a_thread(work):
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


@pytest.mark.parametrize(
    "f",
    [
        lambda x: in_a_thread(lambda: x * 2.0),
        lambda x: in_a_thread(lambda: (x * x).exp()),
        lambda x: x if in_a_thread(lambda: x > 1.0) else -x,
        lambda x: x if in_a_thread(lambda: bool(x)) else -x,
        lambda x: x * in_a_thread(lambda: x.data),
        lambda x: x * in_a_thread(lambda: round(x * 1.0)),
        lambda x: x * len(in_a_thread(lambda: f"{x:.3f}")),
        lambda x: x * in_a_thread(lambda: setattr(x, "data", 5.0) or 1.0),
    ],
)
def test_other_threads_are_refused(f):
    with pytest.raises(TypeError, match="<lambda> uses its Values in another thread at ") as error:
        compile(f)(2.0)
    assert HERE in str(error.value)
    assert "\n" not in str(error.value)


def test_threads_with_values_of_their_own_are_not_disturbed():
    other = Value(3.0)

    def f(x):
        squared = in_a_thread(lambda: (other * other + 1.0).data if other > 0.0 else 0.0)
        return x * squared

    assert compile(f)(2.0) == 20.0


# Texts


def test_texts_hold_no_number():
    seen = []

    def f(x):
        y = x * 2.0
        seen.extend([repr(x), str(y), f"{y}", repr(Value(1.0)), f"{[x]}"])
        return y

    assert compile(f)(7.0) == 14.0
    assert len(set(seen[:3])) == 1
    assert "7" not in "".join(seen)
    assert repr(Value(7.0)) == "Value(data=7.0, grad=0.0)"


@pytest.mark.parametrize("backend", ["machine", "numpy"])
@pytest.mark.parametrize("batch", [False, True])
def test_what_is_detached_is_a_number_of_each_call(batch, backend):
    """Not of the first call only; it has no derivative."""
    if backend == "machine":
        pytest.importorskip("llvmlite")
    compiled = compile(lambda x, y: x * (x * y).detach() + y.detach(), backend=backend, batch=batch)
    for x, y in ((2.0, 3.0), (5.0, -1.5)):
        found = compiled.value_and_grad(*(numpy.full(3, each) if batch else each for each in (x, y)))
        assert [*map(numpy.unique, (found[0], *found[1]))] == [x * (x * y) + y, x * y, 0.0]


def test_a_missing_key_is_the_functions_own():
    with pytest.raises(KeyError, match="'weights'"):
        compile(lambda x: x * {"weight": 2.0}["weights"])(3.0)


# Comparisons


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if (x > 2.5) is True else x * x,
        lambda x: x if (x > 2.5) is not False else x * x,
        lambda x: x if isinstance(x > 2.5, bool) else x * x,
    ],
)
@pytest.mark.parametrize("x", [2.0, 3.0])
def test_comparisons_of_which_nothing_comes(f, x):
    with pytest.raises(
        TypeError, match="<lambda> compares numbers at .*no Value `is True`: write `if x > y:`"
    ) as error:
        compile(f)(x)
    assert HERE in str(error.value)


@pytest.mark.parametrize(
    "f",
    [
        lambda x: x if x > 2.5 else x * x,
        lambda x: x if not x > 2.5 else x * x,
        lambda x: where(x > 2.5, x, x * x),
        lambda x: x * (x > 2.5),
        lambda x: max(x, 2.0) + sorted([x, 1.0])[0],
        lambda x: x if 2.5 < x < 5.0 and x != 3.5 else x * x,
        lambda x: x if x in [3.0, 4.0] else x * x,
        lambda x: x < 2.5,
        lambda x: x if Value(3.0) > 2.0 else -x,
    ],
)
@pytest.mark.parametrize("x", [2.0, 3.0])
def test_comparisons_of_which_something_comes(f, x):
    assert compile(f)(x) == f(x)


# What a function leaves outside


@given(expressions(2), st.booleans())
def test_what_is_left_outside_shows_the_numbers_of_the_call(program, is_batched):
    """A function runs twice while it is compiled, the second time at another point. Derivatives are those of the call,
    too."""
    left = {}

    def f(*xs):
        left["inputs"], left["result"] = xs, program(*xs) + 0.0 * xs[0]
        return left["result"] * 1.0

    point = [numpy.array([x, x]) for x in program.point] if is_batched else program.point
    compile(f, batch=is_batched)(*point)
    xs, found = [*map(Value, program.point)], left["result"]
    expected = program(*xs) + 0.0 * xs[0]
    assert [x.data for x in left["inputs"]] == [*program.point]
    assert repr(found.data) == repr(expected.data)
    assert repr(gradients(found, left["inputs"])) == repr(gradients(expected, xs))


def test_what_is_left_of_a_run_that_is_not_the_same_again_is_nan():
    left = []

    def f(x):
        left.append(x * (len(left) + 1.0))
        return x * (len(left) + 1.0)

    with pytest.raises(ValueError, match="computed two different things"):
        compile(f)(3.0)
    assert [left[0].data, *map(repr, [each.data for each in left[1:]])] == [3.0, *["nan"] * (len(left) - 1)]
    assert [*map(repr, left[1].local_grads)] == ["nan", "nan"]
