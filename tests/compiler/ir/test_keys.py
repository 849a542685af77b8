"""Things that are not numbers are told apart by type and content, not by Python's equality."""

import enum
from collections import OrderedDict, defaultdict
from datetime import date
from fractions import Fraction

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import compile, hvp
from autograd_mini.compiler.ir.keys import Exact, token


class Colour(enum.StrEnum):
    RED = "red"


class Named(dict):
    """A dict with an attribute."""


def named(scale, **items):
    made = Named(items)
    made.scale = scale
    return made


def scaling(k):
    """The same code with a number held in three ways."""
    return [lambda x: k * x, lambda x, k=k: k * x, lambda x, *, k=k: k * x]


DIFFERENT = [
    1, True, 1.0, 1 + 0j, 0.0, -0.0, 0, False, float("nan"), None, "1", "red", Colour.RED, "None", (), (1,), (True,),
    (1.0,), [1], [[1]], {1: 2}, {True: 2}, {1: 2.0}, OrderedDict({1: 2}), defaultdict(int, {1: 2}),
    defaultdict(float, {1: 2}), defaultdict(lambda: 1, {1: 2}), defaultdict(lambda: 2, {1: 2}), named(1.0, x=1),
    named(2.0, x=1), named(True, x=1), {1}, {True}, frozenset({1}), numpy.ones(1), numpy.ones(1, dtype=int),
    numpy.ones((1, 1)), numpy.float64(1.0), numpy.float32(1.0), numpy.array([1.0, None]), Fraction(1), date(2020, 1, 1),
    object(), object(), int, float, *scaling(2.0), *scaling(3.0),
]  # fmt: skip


def test_different_things_have_different_tokens():
    for i, one in enumerate(DIFFERENT):
        for j, other in enumerate(DIFFERENT):
            assert (token(one) == token(other)) == (i == j), (one, other)
            assert (Exact(one) == Exact(other)) == (i == j)
        hash(token(one))


@given(st.recursive(st.none() | st.text() | st.booleans() | st.integers() | st.floats(),
                    lambda each: st.lists(each) | st.dictionaries(st.text() | st.integers(), each)))  # fmt: skip
def test_copies_have_the_same_token(thing):
    import copy

    assert token(copy.deepcopy(thing)) == token(thing)
    assert hash(token(copy.deepcopy(thing))) == hash(token(thing))


def test_a_thing_that_contains_itself():
    loop = [1.0]
    loop.append(loop)
    assert token(loop) == token(loop)


def test_functions_made_by_one_line_are_alike_if_they_hold_the_same():
    def made(number):
        return lambda x, y=number: x + y

    assert token(made(1.0)) == token(made(1.0)) != token(made(2.0))


def test_factories_of_dicts():
    compiled = compile(lambda d: d["x"] * d["y"])
    for other in (1.0, 5.0, 1.0):
        assert compiled(defaultdict(lambda other=other: other, x=2.0)) == 2.0 * other


def test_attributes_of_dicts():
    compiled = compile(lambda d: d["x"] * d.scale)
    for scale in (1.0, 3.0, 1.0):
        assert compiled(named(scale, x=2.0)) == 2.0 * scale
        assert compiled.grad(named(scale, x=2.0)) == {"x": scale}


def test_keys_of_dicts():
    weights = {int: 1.0, bool: 10.0, float: 100.0}
    compiled = compile(lambda d: sum(x * weights[type(key)] for key, x in d.items()))
    for key in (1, True, 1.0, 1):
        assert compiled({key: 2.0}) == 2.0 * weights[type(key)]
        (found,) = compiled.grad({key: 2.0})
        assert type(found) is type(key)


def test_members_of_text_enumerations():
    compiled = compile(lambda kind, x: x * (2.0 if isinstance(kind, Colour) else 3.0))
    for kind, expected in (("red", 3.0), (Colour.RED, 2.0), ("red", 3.0), (None, 3.0)):
        assert compiled(kind, 1.0) == expected


@pytest.mark.parametrize("batch", [False, True])
def test_vectors_are_paired_by_key(batch):
    def f(q):
        return q["a"] ** 2 * q["b"] * q["rest"][0][True]

    compiled = compile(f, batch=batch)
    point = {"a": 1.0, "b": 2.0, "rest": [{True: 3.0}]}
    vector = {"rest": [{True: 0.0}], "b": 0.0, "a": 1.0}
    expected = hvp(f)(point, {name: vector[name] for name in point})
    assert expected == {"a": 12.0, "b": 6.0, "rest": [{True: 4.0}]}
    if batch:
        point, vector = [spread(nest, 2) for nest in (point, vector)]
        found = compiled.hvp(point, vector)
        assert [found["a"].tolist(), found["b"].tolist()] == [[12.0] * 2, [6.0] * 2]
        assert list(found) == list(point)
    else:
        assert compiled.hvp(point, vector) == expected
        assert list(compiled.hvp(point, vector)) == list(point)
        with pytest.raises(TypeError, match="must have the structure of the gradient"):
            compiled.hvp(point, {"a": 1.0, "c": 0.0, "rest": [{True: 0.0}]})


def spread(nest, n):
    if isinstance(nest, dict):
        return {key: spread(part, n) for key, part in nest.items()}
    return [spread(part, n) for part in nest] if isinstance(nest, list) else numpy.full(n, nest)
