"""How programs print."""

import pytest

import autograd_mini as ag
from autograd_mini import TABLE, Value
from autograd_mini.testing import Program, Step

T = TABLE
POLYGAMMA, TANH_GELU = T["polygamma"].variant(order=2), T["gelu"].variant(approximate="tanh")


@pytest.mark.parametrize(
    ("steps", "text"),
    [
        ([(T["sub"], (0, -1.5))], "x0 - -1.5"),
        ([(T["pow"], (-2.0, 0))], "(-2.0) ** x0"),
        ([(T["neg"], (0,)), (T["pow"], (2, 1))], "(-x0) ** x1"),
        ([(T["mul"], (0, 1)), (T["mul"], (2, 2))], "(t2 := x0 * x1, t2 * t2)[-1]"),
        ([(T["ldexp"], (0, -2.0))], "ag.ldexp(x0, -2)"),
        ([(POLYGAMMA, (1,))], "ag.polygamma(2, x1)"),
        ([(TANH_GELU, (1,))], "ag.gelu(x1, approximate='tanh')"),
        ([(T["softmax"].variant(index=1), (0, 1, 0))], "ag.softmax([x0, x1, x0])[1]"),
        ([(T["dot"], (0, 1, 1, 0.5))], "ag.dot([x0, x1], [x1, 0.5])"),
        ([(T["clip"], (0, -1.0, 1))], "ag.clip(x0, -1.0, x1)"),
        ([(T["max"], (0, 1))], "ag.max([x0, x1])"),
    ],
)
def test_text_is_python(steps, text):
    program = Program(2, [Step(*step) for step in steps], (1.5, 2.5))
    assert repr(program) == f"lambda x0, x1: {text}"
    pasted, own = (f(Value(1.5), Value(2.5)).data for f in (eval(repr(program), {"ag": ag}), program))
    assert repr(pasted) == repr(own)


def test_long_programs_print_flat():
    program = Program(1, [Step(T["sin"], (index,)) for index in range(500)], (1.0,))
    assert eval(repr(program), {"ag": ag})(1.0) == program(1.0)
