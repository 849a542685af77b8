"""The derivative at kinks, jumps and ties: the conventions, written by hand and compared exactly."""

from math import inf, nan

import pytest

from autograd_mini import Value, gradients, relu
from autograd_mini.primitives import TABLE

# primitive, arguments, derivatives towards each
CONVENTIONS = [
    ("relu", (0.0,), (1.0,)),
    ("relu", (-0.0,), (1.0,)),
    ("relu", (5e-324,), (1.0,)),
    ("relu", (-5e-324,), (0.0,)),
    ("leaky_relu", (0.0, 0.25), (1.0, 0.0)),
    ("leaky_relu", (-0.0, 0.25), (1.0, 0.0)),
    ("leaky_relu", (-2.0, 0.25), (0.25, -2.0)),
    ("elu", (0.0, 2.0), (1.0, 0.0)),
    ("elu", (-0.0, 2.0), (1.0, 0.0)),
    ("abs", (0.0,), (0.0,)),
    ("abs", (-0.0,), (0.0,)),
    ("abs", (-5e-324,), (-1.0,)),
    ("sign", (0.0,), (0.0,)),
    ("sign", (-3.0,), (0.0,)),
    ("floor", (2.0,), (0.0,)),
    ("ceil", (2.0,), (0.0,)),
    ("trunc", (-2.0,), (0.0,)),
    ("rint", (2.5,), (0.0,)),
    ("floordiv", (6.0, 3.0), (0.0, 0.0)),
    ("frac", (2.0,), (1.0,)),
    ("frac", (-0.0,), (1.0,)),
    ("mod", (6.0, 3.0), (1.0, -2.0)),
    ("mod", (-7.0, 3.0), (1.0, 3.0)),
    ("mod", (7.0, -3.0), (1.0, 3.0)),
    ("fmod", (6.0, 3.0), (1.0, -2.0)),
    ("fmod", (-7.0, 3.0), (1.0, 2.0)),
    ("fmod", (7.0, -3.0), (1.0, 2.0)),
    ("remainder", (7.0, 4.0), (1.0, -2.0)),
    ("remainder", (6.0, 4.0), (1.0, -2.0)),  # 1.5 rounds to the even 2
    ("remainder", (10.0, 4.0), (1.0, -2.0)),  # so does 2.5
    ("copysign", (0.0, -1.0), (0.0, 0.0)),
    ("copysign", (-0.0, -1.0), (0.0, 0.0)),
    ("copysign", (2.0, -0.0), (-1.0, 0.0)),
    ("copysign", (-2.0, 0.0), (-1.0, 0.0)),
    ("copysign", (-2.0, -3.0), (1.0, 0.0)),
    ("ldexp", (3.0, 2.0), (4.0, 0.0)),
    ("ldexp", (3.0, -1.0), (0.5, 0.0)),
    ("ldexp", (3.0, -1074.0), (5e-324, 0.0)),
    ("ldexp", (0.0, -1022.0), (2.0**-1022, 0.0)),
    ("maximum", (1.0, 1.0), (1.0, 0.0)),
    ("maximum", (0.0, -0.0), (1.0, 0.0)),
    ("maximum", (-0.0, 0.0), (1.0, 0.0)),
    ("maximum", (1.0, 2.0), (0.0, 1.0)),
    ("maximum", (1.0, nan), (0.0, 1.0)),
    ("minimum", (1.0, 1.0), (1.0, 0.0)),
    ("minimum", (2.0, 1.0), (0.0, 1.0)),
    ("max", (1.0, 3.0, 3.0), (0.0, 1.0, 0.0)),
    ("max", (-inf, -inf), (1.0, 0.0)),
    ("max", (2.0,), (1.0,)),
    ("min", (3.0, 1.0, 1.0), (0.0, 1.0, 0.0)),
    ("min", (inf, inf), (1.0, 0.0)),
    ("clip", (-1.0, -1.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (1.0, -1.0, 1.0), (1.0, 0.0, 0.0)),
    ("clip", (-2.0, -1.0, 1.0), (0.0, 1.0, 0.0)),
    ("clip", (2.0, -1.0, 1.0), (0.0, 0.0, 1.0)),
    ("clip", (0.0, 1.0, -1.0), (0.0, 0.0, 1.0)),  # bounds in the wrong order: the upper one wins, as in NumPy
    ("where", (1.0, 5.0, 6.0), (0.0, 1.0, 0.0)),
    ("where", (0.0, 5.0, 6.0), (0.0, 0.0, 1.0)),
    ("where", (-0.0, 5.0, 6.0), (0.0, 0.0, 1.0)),
    ("where", (nan, 5.0, 6.0), (0.0, 1.0, 0.0)),  # nan is not 0
    ("hypot", (0.0, 0.0), (0.0, 0.0)),
    ("hypot", (0.0,), (0.0,)),
    ("norm", (0.0, 0.0, 0.0), (0.0, 0.0, 0.0)),
    ("dist", (1.0, 2.0, 1.0, 2.0), (0.0, 0.0, 0.0, 0.0)),
    ("atan2", (0.0, 0.0), (0.0, 0.0)),
    ("atan2", (0.0, -1.0), (-1.0, 0.0)),  # on the cut, from either side
    ("atan2", (-0.0, -1.0), (-1.0, 0.0)),
]


@pytest.mark.parametrize(("name", "args", "expected"), CONVENTIONS)
def test_convention(name, args, expected):
    xs = [Value(x) for x in args]
    y = TABLE[name](*xs)
    y.backward()
    assert tuple(x.grad for x in xs) == expected
    assert tuple(g.data for g in gradients(y, xs, create_graph=True)) == expected


def test_every_row_with_a_policy_is_in_the_table():
    assert {name for name, row in TABLE.items() if row.policy} == {name for name, _, _ in CONVENTIONS}


@pytest.mark.parametrize("name", [name for name, row in TABLE.items() if row.kinks])
def test_declared_kinks_are_in_the_table(name):
    """The table of conventions above holds all kinks that rows declare, by their first argument."""
    listed = {args[0] for other, args, _ in CONVENTIONS if other == name}
    assert {kink[0] for kink in TABLE[name].kinks} <= listed


@pytest.mark.parametrize("at_zero", [0.0, 0.5, 1.0])
def test_relu_takes_the_subgradient_asked_for(at_zero):
    x = Value(0.0)
    relu(x, at_zero=at_zero).backward()
    assert x.grad == at_zero
