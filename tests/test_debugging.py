import math
import threading

import pytest

import autograd_mini as am
from autograd_mini import Value, debug, gradients
from autograd_mini.observing import active


def test_forward_names_operation_inputs_and_line():
    x = Value(0.0, label="x")
    with pytest.raises(FloatingPointError) as caught, debug():
        (x + 1) * x.log()
    message = str(caught.value)
    assert message.startswith("log(x=0.0) gave -inf, at ")
    assert message.endswith("(x + 1) * x.log()")
    assert f"{__file__}, line" in message


@pytest.mark.parametrize(
    ("operate", "call"),
    [
        (lambda x: x / 0.0, "div(2.0, 0.0) gave inf"),
        (lambda x: (x * 500).exp(), "exp(1000.0) gave inf"),
        (lambda x: (-x).sqrt(), "sqrt(-2.0) gave nan"),
        (lambda x: (-x) ** 0.5, "pow(-2.0, 0.5) gave nan"),
        (lambda x: am.sum([x, 1e308, 1e308]), "sum(2.0, 1e+308, 1e+308) gave inf"),
        (lambda x: am.sum([x] * 20 + [math.inf]) - math.inf, "gave nan"),
    ],
)
def test_the_first_bad_number_is_found(operate, call):
    with pytest.raises(FloatingPointError) as caught, debug():
        operate(Value(2.0))
    assert call in str(caught.value)


def test_backward_names_the_line_that_recorded_the_operation():
    x = Value(0.0, label="x")
    with debug():
        root = x.sqrt()
        y = root + 1
        with pytest.raises(FloatingPointError) as caught:
            y.backward()
    message = str(caught.value)
    assert "backward through sqrt(x=0.0) gave inf" in message
    assert "local derivative inf for x=0.0" in message
    assert message.endswith("root = x.sqrt()")
    assert x.grad == 0.0


def test_backward_of_a_graph_recorded_outside_says_so():
    y = Value(0.0).sqrt()
    with debug(), pytest.raises(FloatingPointError, match=r"outside debug\(\): build the graph inside the context"):
        y.backward()


def test_differentiable_backward_is_watched_too():
    with debug():
        x = Value(0.0)
        y = x.sqrt()
        with pytest.raises(FloatingPointError, match="backward through sqrt"):
            gradients(y, [x], create_graph=True)


def test_sums_that_overflow_going_back_are_found():
    x = Value(1e-300, label="x")
    with debug():
        y = x * 1.7e308 + x * 1.7e308
        with pytest.raises(FloatingPointError, match="adjoint of x=1e-300 was 1.7e\\+308 already and 1.7e\\+308 was"):
            y.backward()


def test_what_rules_calculate_on_the_side_is_no_alarm():
    with debug():
        x = Value(-2.0)
        y = x**3  # its derivative towards the exponent, a constant, is nan
        y.backward()
        (slope,) = gradients(y, [x], create_graph=True)
        slope.backward()
    assert (x.grad, slope.data) == (12.0 - 12.0, 12.0)


def test_numbers_that_came_in_bad_are_not_born_here():
    with debug():
        y = Value(math.inf) + 1
        z = am.maximum(Value(math.nan), 1.0)
        weights = am.softmax([Value(1.0), -math.inf])
    assert y.data == math.inf
    assert math.isnan(z.data)
    assert [w.data for w in weights] == [1.0, 0.0]


def test_branches_not_taken_stay_silent_going_back():
    with debug():
        x = Value(4.0)
        am.where(x > 0, x.sqrt(), 0.0).backward()
    assert x.grad == 0.25


def test_ends_with_the_block_and_stays_in_its_thread():
    heard = []

    def elsewhere():
        heard.append(Value(0.0).log().data)

    with debug():
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert heard == [-math.inf]
    with pytest.raises(FloatingPointError), debug():
        Value(0.0).log()
    assert Value(0.0).log().data == -math.inf
    assert not active


def test_one_debugger_may_be_entered_twice():
    debugger = debug()
    with debugger, debugger, pytest.raises(FloatingPointError):
        Value(0.0).log()
    assert not active
