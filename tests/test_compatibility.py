"""Code written for micrograd and microgpt finds the attributes that it needs on a Value."""

import copy
import gc
import math
import pickle
import re
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import Constant, Value, topological_order
from autograd_mini.compiler import compile
from autograd_mini.copying import _attributes as attributes_of
from tests.graphs import STEPS, run, variables


class Weight(Value):
    """A class that extends Value as such code extends its own class."""

    def __init__(self, data, _children=(), _op="", decay=0.0):
        super().__init__(data, _children, _op)
        self.decay = decay


class TestConstructor:
    @pytest.mark.parametrize("empty", [(), [], set(), frozenset(), {}])
    def test_empty_children(self, empty):
        for x in (Value(2.0, empty), Value(2.0, empty, ""), Value(2.0, _children=empty, _op="", label="")):
            assert (x.data, x.label, x.parents, x._prev, x._op) == (2.0, "", (), (), "")

    def test_a_label_is_second_or_fourth_or_named(self):
        for x in (Value(2.0, "w"), Value(2.0, label="w"), Value(2.0, (), "", "w"), Value(2.0, (), label="w")):
            assert x.label == "w"
        assert Constant(2.0, "c").label == "c"

    @pytest.mark.parametrize("label", [0, None, 1.5, b"w", Value(1.0), object(), np.ones(3)])
    def test_a_label_that_is_no_text_is_refused(self, label):
        message = f"^Value takes a string as its label, got .*{type(label).__name__}"
        for make in (lambda: Value(2.0, label), lambda: Value(2.0, label=label), lambda: Value(2.0, (), "", label)):
            with pytest.raises(TypeError, match=message):
                make()

    def test_two_labels_are_refused(self):
        with pytest.raises(TypeError, match="takes one label, got two: 'a' and 'b'"):
            Value(2.0, "a", label="b")

    @pytest.mark.parametrize("kind", [tuple, list, set])
    def test_an_operation_made_by_hand_is_refused(self, kind):
        a, b = Value(1.0), Value(2.0)
        message = r"^Value makes a leaf, .* got .*; make an operation of your own with register_primitive\(.*\)$"
        with pytest.raises(TypeError, match=message):
            Value(3.0, kind((a, b)), "+")
        with pytest.raises(TypeError, match=message):
            Value(3.0, _children=kind((a,)))

    def test_subclasses_pass_their_empty_children_on(self):
        w = Weight(0.5, decay=0.1)
        y = w * 3.0
        y.backward()
        assert (w.data, w.grad, w.decay, type(w), type(y)) == (0.5, 3.0, 0.1, Weight, Value)
        with pytest.raises(TypeError, match="Weight makes a leaf"):
            Weight(0.5, (w, y), "*")

    def test_a_name_for_the_operation_of_a_leaf(self):
        x = Value(2.0, _op="input")
        assert x._op == "input"
        assert copy.deepcopy(x)._op == pickle.loads(pickle.dumps(x))._op == "input"

    @pytest.mark.parametrize("one", [np.array(3.0), np.array([3.0]), np.array([[3]]), np.array([3.0], dtype=object)])
    def test_arrays_with_one_element(self, one):
        x = Value(one)
        x.data, x.grad = one, one
        assert (x.data, x.grad, type(x.data)) == (3.0, 3.0, float)

    def test_tensors_with_one_element(self):
        class Tensor:
            """A stand-in for a torch tensor, with the attributes that matter here."""

            def __init__(self, *numbers):
                self.numbers, self.shape = numbers, (len(numbers),)

            def __len__(self):
                return len(self.numbers)

            def __float__(self):
                return float(self.item())

            def __array__(self):
                return np.array(self.numbers)

            def item(self):
                (number,) = self.numbers
                return number

        assert Value(Tensor(3)).data == 3.0
        with pytest.raises(TypeError, match="dtype=object"):
            Value(Tensor(3, 4))

    @pytest.mark.parametrize("thing", [np.array([1j]), np.array(["3"]), np.array([]), np.array([Value(1.0)])])
    def test_other_arrays_are_refused(self, thing):
        with pytest.raises(TypeError, match="Value takes a real number"):
            Value(thing)


class TestParts:
    def test_names_of_the_parts(self):
        a, b = Value(2.0), Value(-3.0)
        y = a * b
        assert y._prev == y._children == y.parents
        assert y._local_grads == y.local_grads
        assert ((a + b)._op, y._op, (-a)._op, a.tanh()._op, (a**2)._op) == ("+", "*", "-", "tanh", "**")
        assert (a._prev, a._op) == ((), "")

    @pytest.mark.parametrize("name", ["_prev", "_children", "_local_grads", "_op"])
    def test_they_cannot_be_assigned(self, name):
        with pytest.raises(AttributeError, match=name):
            setattr(Value(1.0), name, ())

    @given(STEPS, st.lists(st.floats(-2.0, 2.0), min_size=1, max_size=3))
    def test_steps_of_the_chain_rule_in_order_give_the_gradient(self, steps, point):
        xs, ys = variables(point), variables(point)
        run(steps, xs)[-1].backward()
        root = run(steps, ys)[-1]
        root.grad = 1.0
        for node in reversed(topological_order(root)):
            node._backward()
        for x, y in zip(xs, ys):
            assert math.isclose(x.grad, y.grad, rel_tol=1e-12, abs_tol=1e-12)

    def test_a_step_adds_to_every_parent_each_time(self):
        x = Value(3.0)
        y = x * x * 2.0
        y.grad = 0.5
        y._backward()
        y._backward()
        assert [parent.grad for parent in y.parents] == [2.0, 9.0]
        assert x.grad == 0.0
        x._backward()
        assert x.grad == 0.0

    def test_microgpts_loop(self):
        x = Value(3.0)
        y = (x**2 + 1.0) ** -0.5
        y.grad = 1
        for v in reversed(topological_order(y)):
            for child, local in zip(v._children, v._local_grads):
                child.grad += local * v.grad
        assert math.isclose(x.grad, -3.0 * 10.0**-1.5, rel_tol=1e-15)

    def test_a_step_cannot_be_assigned_unless_it_does_nothing(self):
        x = Value(1.0)
        x._backward = lambda: None
        x._backward()
        refused = re.compile(r"cannot be assigned; make .* with register_primitive\(.*autograd_mini.micrograd")
        for node, step in ((x, lambda: print()), (x, 3), (x, lambda: 3), (x * x, lambda: None)):
            with pytest.raises(AttributeError, match=refused):
                node._backward = step

    def test_compilation_refuses_steps(self):
        def f(x):
            y = x * x
            y._backward()
            return y

        with pytest.raises(Exception, match=r"_backward\(\)"):
            compile(f)(2.0)

    def test_none_as_gradient_is_zero(self):
        p = Value(3.0)
        p.grad = 5.0
        p.grad = None
        assert p.grad == 0.0
        (p * p).backward()
        assert p.grad == 6.0

    def test_copy_is_a_method(self):
        x = Value(2.0, label="x")
        twin = x.copy()
        twin.data += 1.0
        (twin * twin).backward()
        assert (twin.data, twin.grad, twin.label, x.data, x.grad) == (3.0, 6.0, "x", 2.0, 0.0)


class TestForeignAttributes:
    def test_any_node_takes_them(self):
        x = Value(2.0)
        for node in (x, x * x, x + 1.0, (x + 1.0).parents[1]):
            assert not hasattr(node, "m")
            node.m, node.v = 0, [1.0]
            assert (node.m, node.v) == (0, [1.0])
            del node.m
            assert not hasattr(node, "m")

    def test_nodes_without_them_have_no_dict(self):
        """Nodes that are computed, differentiated or copied have none either."""
        x = Value(2.0)
        y = (x**2 + 3.0).tanh() * x
        y.backward()
        for root in (y, copy.deepcopy(y), pickle.loads(pickle.dumps(y))):
            assert [attributes_of(node) for node in topological_order(root)] == [None] * 7

    @pytest.mark.parametrize(
        "clone", [copy.copy, copy.deepcopy, *(lambda v, p=p: pickle.loads(pickle.dumps(v, p)) for p in range(2, 6))]
    )
    def test_copies_keep_them(self, clone):
        x = Value(2.0, label="x")
        y = x * x
        for node in (x, y):
            node.m, node.history = 0.5, [1, 2]
            node.label = "named"
            twin = clone(node)
            assert (twin.m, twin.history, twin.label) == (0.5, [1, 2], "named")
            twin.m = 1.0
            assert node.m == 0.5
        assert (clone(y).history is y.history) == (clone is copy.copy)

    @pytest.mark.parametrize("clone", [copy.deepcopy, lambda v: pickle.loads(pickle.dumps(v))])
    def test_copies_of_values_among_them_are_the_copies(self, clone):
        x = Value(2.0)
        y = x * x
        y.source, y.itself = x, y
        twin = clone(y)
        assert twin.source is twin.parents[0]
        assert twin.itself is twin
        assert (twin.source is x) == (clone is copy.deepcopy)  # copied together with the function of it, it stays

    def test_weak_references(self):
        gc.disable()
        try:
            x = Value(2.0)
            y = x * x
            seen = weakref.ref(y)
            assert seen() is y
            cache = weakref.WeakKeyDictionary({y: 1})
            del y
            assert seen() is None
            assert not len(cache)
        finally:
            gc.enable()


class TestPlainNumbers:
    @given(st.one_of(st.integers(), st.floats()), st.floats(-3.0, 3.0))
    def test_ints_are_the_floats_they_equal(self, number, data):
        x = Value(data)
        for y, z in ((x + number, x + Value(number)), (number * x, Value(number) * x), (x - number, x - Value(number))):
            assert y.data == z.data or (math.isnan(y.data) and math.isnan(z.data))
            assert {type(parent.data) for parent in y.parents} == {float}

    @given(st.floats(0.1, 3.0), st.one_of(st.integers(-4, 4), st.floats(-4.0, 4.0)))
    def test_a_plain_exponent_gets_no_derivative_and_changes_none(self, data, exponent):
        x, z, n = Value(data), Value(data), Value(exponent)
        y, full = x**exponent, z**n
        y.backward()
        full.backward()
        assert y.data == full.data
        assert math.isclose(x.grad, z.grad, rel_tol=1e-14, abs_tol=1e-300)
        assert y.local_grads[1] == 0.0
        assert full.local_grads[1] == n.grad == full.data * math.log(data)

    def test_an_exponent_that_is_a_constant_on_purpose_keeps_its_derivative(self):
        y = Value(2.0) ** Constant(3.0)
        assert y.local_grads == (12.0, 8.0 * math.log(2.0))
