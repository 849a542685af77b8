"""What observers are told about Values, what they may answer, and what they are not told."""

import math
import threading

import pytest

import autograd_mini as ag
from autograd_mini import TABLE, Constant, Value, debug, gradients, relu, where
from autograd_mini.draw import draw, draw_steps
from autograd_mini.observing import Observer, active, current_observers, silence, unheard
from tests.interrupting import interrupt_everywhere

ROWS = TABLE.auxiliary


class Listener(Observer):
    """Records what it is told."""

    def __init__(self):
        self.heard = []

    def truth_asked(self, node):
        self.heard.append((node, "bool()"))

    def number_read(self, node, how):
        self.heard.append((node, how))

    def number_written(self, node, how):
        self.heard.append((node, f"{how} ="))


class Tracer(Listener):
    """Records a node where eager mode would decide by a number."""

    hears_rules = True

    def compared(self, primitive, x, y):
        return primitive(x, y)

    def detached(self, node):
        return ROWS["stopped"](node)

    def selected(self, primitive, args):
        self.heard.append((args[0], primitive.name))


COMPARISONS = {
    "less": lambda x, y: x < y,
    "less_equal": lambda x, y: x <= y,
    "equal": lambda x, y: x == y,
    "not_equal": lambda x, y: x != y,
    "greater": lambda x, y: x > y,
    "greater_equal": lambda x, y: x >= y,
}
MIRRORED = {"less": "greater", "less_equal": "greater_equal", "equal": "equal", "not_equal": "not_equal",
            "greater": "less", "greater_equal": "less_equal"}  # fmt: skip


@pytest.mark.parametrize("name", COMPARISONS)
@pytest.mark.parametrize(("x", "y"), [(1.0, 2.0), (2.0, 1.0), (2.0, 2.0), (math.nan, 1.0), (math.nan, math.nan)])
def test_a_comparison_is_recorded_where_an_observer_answers(name, x, y):
    compare, a, b = COMPARISONS[name], Value(x), Value(y)
    truth = compare(x, y)
    assert compare(a, b) is compare(a, y) is compare(x, b) is truth
    with Tracer():
        both, right, left = compare(a, b), compare(a, y), compare(x, b)
    assert [node.data for node in (both, right, left)] == [float(truth)] * 3
    assert both.operation is right.operation is ROWS[name]
    assert both.parents == (a, b)
    assert right.parents[0] is a
    assert isinstance(right.parents[1], Constant)
    assert left.operation is ROWS[MIRRORED[name]]
    assert left.parents[0] is b


def test_comparisons_with_other_things_stay_as_they_are():
    x = Value(1.0)
    with Tracer():
        assert (x == "one") is False
        assert (x != None) is True  # noqa: E711
        with pytest.raises(TypeError):
            x < "one"  # noqa: B015


def test_an_observer_without_an_answer_leaves_comparisons_alone():
    x = Value(1.0)
    with Listener():
        assert (x < 2) is True
        assert isinstance(x.detach(), Constant)


def test_the_first_answer_counts():
    with Listener(), Tracer(), debug():
        assert (Value(1.0) < 2).operation is ROWS["less"]


def test_detach():
    x = Value(3.0)
    with Tracer():
        y = x * x.detach()
    assert y.parents[1].operation is ROWS["stopped"]
    assert gradients(y, [x]) == [3.0]


@pytest.mark.parametrize(
    ("how", "read"),
    [
        (".data", lambda x: x.data),
        (".grad", lambda x: x.grad),
        ("bool()", lambda x: 1 if x else 0),
        ("bool()", lambda x: not x),
        ("bool()", lambda x: x and 1),
        ("float()", float),
        pytest.param("float()", math.erf, marks=pytest.mark.filterwarnings("ignore:read turns a Value")),
        ("int()", int),
        ("trunc()", math.trunc),
        ("floor()", math.floor),
        ("ceil()", math.ceil),
        ("round()", round),
        ("round()", lambda x: round(x, 1)),
        ("format()", lambda x: f"{x:.3f}"),
        (".data =", lambda x: setattr(x, "data", 2.5)),
        (".grad =", lambda x: setattr(x, "grad", 1.0)),
        ("backward() =", lambda x: x.backward()),
        ("gradients()", lambda x: gradients(x, [x])[0]),
    ],
)
def test_numbers_that_leave_or_enter_the_graph_are_heard(how, read):
    x, silent = Value(2.5), Value(2.5)
    listener = Listener()
    with listener:
        got = read(x)
    assert listener.heard == [(x, how)]
    assert got == read(silent)
    assert type(got) is type(read(silent))


def test_derivatives_of_numbers_are_heard():
    w, listener = Value(2.0), Listener()
    with listener:
        slope = ag.grad(lambda x: w * x)(3.0)
        ag.grad(lambda x: 2 * x)(3.0)
        ag.jacobian(lambda x: [w * x])(3.0)
        assert listener.heard == []  # what depends on a Value stays one; the others are numbers of the call's own
        slope.data  # noqa: B018
    assert listener.heard == [(w, ".data")]


def test_copies_prints_pictures_and_other_observers_read_nothing():
    listener, x = Listener(), Value(2.0, label="x")
    with listener, debug():
        y = relu(x * 3 - 1).exp()
        repr(y), str(y), f"{y}"
        draw(y).source  # noqa: B018
        gradients(y, [x], create_graph=True)
    assert listener.heard == []


def test_threads_do_not_hear_each_other():
    x, listener, found = Value(1.0), Tracer(), []

    def elsewhere():
        found.append((x < 2, float(x), bool(x), type(x.detach())))

    with listener:
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    assert found == [(True, 1.0, True, Constant)]
    assert listener.heard == []
    assert not active


def test_silence():
    listener, tracer = Listener(), Tracer()
    x = Value(1.0)
    with listener, tracer:
        assert current_observers() == [listener, tracer]
        with silence():
            float(x)
    assert listener.heard == []
    assert tracer.heard == [(x, "float()")]


def test_unheard():
    listener, tracer = Listener(), Tracer()
    with listener, tracer:
        with unheard():
            float(Value(1.0))
        assert listener.heard == tracer.heard == []
        float(Value(1.0))
    assert len(listener.heard) == len(tracer.heard) == 1


def test_selectors_of_rules_are_heard():
    x, tracer = Value(1.0), Tracer()
    with tracer:
        gradients(relu(x), [x], create_graph=True)
    assert tracer.heard == [(x, "step")]


@pytest.mark.parametrize(
    ("x", "expected"), [(2.0, [8.0, 12.0, 12.0]), (-2.0, [4.0, -4.0, 2.0]), (0.0, [0.0, 0.0, 2.0])]
)
def test_where_takes_recorded_conditions_in_every_order(x, expected):
    """x³ for x > 0, else x²."""
    x = Value(x)
    with Tracer():
        y = where(x > 0, x**3, x**2)
    derivatives = [y]
    for _ in range(2):
        derivatives += gradients(derivatives[-1], [x], create_graph=True)
    assert [each.data for each in derivatives] == expected
    y.backward()
    assert x.grad == expected[1]


def test_nothing_comes_through_a_recorded_condition():
    x = Value(0.0)
    with Tracer():
        y = where(x > 0, x.log(), 7.0)
    assert (y.data, gradients(y, [x])) == (7.0, [0.0])


def test_ctrl_c_ends_observers_and_differentiations():
    def run(_):
        with debug(), Listener():
            x = Value(1.0)
            with silence():
                y = x * x
            gradients(y, [x], create_graph=True)
            draw_steps(y)
        ag.hessian(lambda x: x**3)(2.0)

    def check(_):
        assert ag.hessian(lambda x: x**3)(2.0) == 12.0

    interrupt_everywhere(lambda: None, run, check)


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)])
def test_observers_end_in_any_order(order):
    def within(observer):
        with observer:
            yield

    observers = [Listener(), Listener(), Listener()]
    running = [within(observer) for observer in observers]
    for each in running:
        next(each)
    for ended, index in enumerate(order, 1):
        running[index].close()
        assert current_observers() == [observers[left] for left in sorted(order[ended:])]
    assert not active
