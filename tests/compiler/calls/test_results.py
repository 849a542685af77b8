"""The structure of results: over a batch, what an array can hold becomes one array with the batch axis first."""

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autograd_mini import Value, compile, grad, jacobian, sin
from tests.compiler.comparing import BACKENDS

NUMBERS = [lambda x: x[0] * x[1], lambda x: sin(x[0]), lambda x: x[1], lambda x: 2.0 * x[0] - x[1], lambda x: 3.0]
"""Parts of results; the last is a constant."""

parts = st.sampled_from(NUMBERS)
nests = st.recursive(
    parts | st.lists(st.lists(parts, min_size=2, max_size=2), min_size=1, max_size=2),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, min_size=1, max_size=2).map(tuple)
        | st.dictionaries(st.sampled_from("ab"), inner, min_size=1, max_size=2)
        | st.lists(parts, min_size=1, max_size=3).map(lambda parts: ("array", parts))
    ),
    max_leaves=6,
)


def computed(nest, x):
    """Evaluate a nest of functions at x, as one function would."""
    if isinstance(nest, dict):
        return {key: computed(part, x) for key, part in nest.items()}
    if isinstance(nest, tuple) and nest[:1] == ("array",):
        return numpy.array([Value(part(x)) if isinstance(part(x), float) else part(x) for part in nest[1]])
    if isinstance(nest, (list, tuple)):
        return type(nest)(computed(part, x) for part in nest)
    return nest(x)


def joined(rows, axes=0):
    """The result for a batch, from the results of its examples."""
    first = rows[0]
    if isinstance(first, dict):
        return {key: joined([row[key] for row in rows], axes) for key in first}
    if isinstance(first, tuple):
        return tuple(joined(each, axes) for each in zip(*rows))
    if isinstance(first, list):
        columns = [joined(each, axes) for each in zip(*rows)]
        if all(isinstance(each, numpy.ndarray) and each.shape == columns[0].shape for each in columns):
            return numpy.stack(columns, axis=1) if columns else numpy.zeros((len(rows), 0))
        return columns
    return numpy.array(rows)


def numbers(nest):
    """A nest with its numbers and arrays replaced by texts that tell shape and bits."""
    if isinstance(nest, dict):
        return {key: numbers(part) for key, part in nest.items()}
    if isinstance(nest, (list, tuple)):
        return [type(nest).__name__, *map(numbers, nest)]
    array = numpy.vectorize(lambda each: each._number if isinstance(each, Value) else each, otypes=[float])(nest)
    return type(nest).__name__, array.shape, (array.round(9) + 0.0).tolist()


@pytest.mark.parametrize("backend", BACKENDS)
@settings(max_examples=60)
@given(nests, st.integers(1, 3))
def test_over_a_batch(backend, nest, n):
    def f(x):
        return computed(nest, x), x[0]  # so that something is made from the argument

    rows = numpy.linspace(0.5, 2.0, 2 * n).reshape(n, 2)
    compiled = compile(f, batch=True, backend=backend)
    assert numbers(compiled(rows)) == numbers(joined([f(row) for row in rows]))
    if "[]" not in repr(computed(nest, rows[0])):  # of which the axes of the argument are not known
        assert numbers(compiled.jacobian(rows)) == numbers(joined([jacobian(f)(row) for row in rows]))


@settings(max_examples=60)
@given(nests, st.integers(1, 3))
def test_values_give_what_numbers_give(nest, n):
    def f(x):
        return computed(nest, x), x[0]

    rows = numpy.linspace(0.5, 2.0, 2 * n).reshape(n, 2)
    values = numpy.array([[Value(each) for each in row] for row in rows])
    compiled = compile(f, batch=True)
    assert numbers(compiled(values)) == numbers(compiled(rows))
    assert numbers(compiled.jacobian(values)) == numbers(compiled.jacobian(rows))


@settings(max_examples=30)
@given(nests)
def test_at_one_point_and_as_lists(nest):
    """Without a batch, or with `as_lists`, the structure is that of the function."""

    def f(x):
        return computed(nest, x), x[0]

    x = numpy.array([0.5, 2.0])
    assert numbers(compile(f)(x)) == numbers(as_floats(f(x)))
    kept = compile(f, batch=True, as_lists=True)
    assert shape_of(kept(x[None])) == shape_of(f(x))
    assert shape_of(kept(numpy.array([[Value(each) for each in x]]))) == shape_of(f(x))


def as_floats(nest):
    if isinstance(nest, dict):
        return {key: as_floats(part) for key, part in nest.items()}
    if isinstance(nest, (list, tuple)):
        return type(nest)(map(as_floats, nest))
    return numpy.array([each._number for each in nest]) if isinstance(nest, numpy.ndarray) else float(nest)


def shape_of(nest):
    """The structure of a nest: its lists, tuples and dicts."""
    if isinstance(nest, dict):
        return {key: shape_of(part) for key, part in nest.items()}
    return [type(nest).__name__, *map(shape_of, nest)] if isinstance(nest, (list, tuple)) else "numbers"


@pytest.mark.parametrize("reduce", ["sum", "mean"])
def test_what_is_reduced_has_no_batch_axis(reduce):
    rows = numpy.arange(6.0).reshape(3, 2)
    found = compile(lambda x: [x[0], 2.0 * x[1]], batch=True, reduce=reduce)(rows)
    assert found == ([6.0, 18.0] if reduce == "sum" else [2.0, 6.0])


def test_an_array_without_an_axis():
    """It is returned as an array, as in eager mode; the value beside a gradient is a number, as in eager mode."""
    f = lambda x: numpy.array(x * x)
    found = compile(f)(3.0)
    assert (type(found), found.shape, float(found)) == (numpy.ndarray, (), 9.0)
    assert compile(f).value_and_grad(3.0) == (9.0, 6.0)
    assert compile(f).jacobian(3.0).shape == jacobian(f)(3.0).shape == ()
    assert compile(f, batch=True)(numpy.array([1.0, 3.0])).tolist() == [1.0, 9.0]
    point = numpy.array(3.0)
    assert repr(compile(lambda x: x * x).grad(point)) == repr(grad(lambda x: x * x)(point))


def test_a_model_with_ten_results():
    weights = numpy.random.default_rng(0).normal(size=(10, 4))
    rows = numpy.random.default_rng(1).normal(size=(7, 4))

    def model(w, x):
        return [sum(a * b for a, b in zip(row, x)) for row in w]

    compiled = compile(model, batch="x")
    assert numpy.allclose(compiled(weights, rows), rows @ weights.T, rtol=1e-14)
    towards_w, towards_x = compiled.jacobian(weights, rows)
    assert (towards_w.shape, towards_x.shape) == ((7, 10, 10, 4), (7, 10, 4))
    assert numpy.array_equal(towards_x[3], weights)


def test_as_lists_must_be_a_bool():
    with pytest.raises(TypeError, match="as_lists must be True or False, got 'yes'"):
        compile(lambda x: x, as_lists="yes")
