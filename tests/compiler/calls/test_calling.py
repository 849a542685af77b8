"""How compiled functions are called, and which errors they raise."""

import builtins
import copy
import math
import pickle
import random
import warnings
from collections import Counter, OrderedDict, defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import autograd_mini
from autograd_mini import (
    TABLE,
    Value,
    compile,
    dot,
    exp,
    grad,
    hessian,
    register_primitive,
    sqrt,
    tanh,
    value_and_grad,
    where,
)
from autograd_mini import sum as total
from autograd_mini.compiler.calls import planning
from autograd_mini.structures import flatten
from tests.compiler.comparing import BACKENDS, arrays_of, disagreement

HERE = __file__


def square(x):
    return x * x


def product(x, y):
    return x * y * y


def squares(x):
    return total(each * each for each in numpy.ravel(x))


def sentence(error, *parts):
    """The message of an error: one line with all the given parts, and no other exception in its chain."""
    text = str(error.value)
    assert "\n" not in text
    for part in parts:
        assert part in text, text
    return text


# Arguments


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        (1j, "x of square is 1j (complex)"),
        ("2", "x of square is '2' (str)"),
        (None, "x of square is None"),
        ({1.0, 2.0}, "(set)"),
        (range(3), "(range)"),
        ((each for each in [1.0]), "(generator)"),
        (square, "(function)"),
        ([1.0, [None]], "x[1][0] of square is None"),
        ({"a": "b"}, "x['a'] of square is 'b'"),
        (numpy.datetime64("2020-01-01"), "datetime64"),
        (numpy.array([1j]), "complex128"),
        (numpy.array(["a"]), "<U1"),
        (numpy.array([None]), "object"),
        (numpy.array([1.0, 2.0], dtype=object), "object"),
        (numpy.array(["2020"], dtype="datetime64[Y]"), "datetime64[Y]"),
        (numpy.zeros(2, dtype=[("a", float)]), "[('a', '<f8')]"),
        (numpy.ma.masked_array([1.0, 2.0], [False, True]), "MaskedArray"),
        (numpy.ones((2, 2)).view(numpy.matrix), "is a matrix, whose own arithmetic would be lost"),
    ],
    ids=lambda each: each if isinstance(each, str) else type(each).__name__,
)
def test_arguments_that_hold_no_numbers(argument, words):
    with pytest.raises(TypeError) as error:
        compile(square)(argument)
    sentence(error, "square", words)


def test_a_list_in_the_place_of_a_number_may_be_a_batch():
    with pytest.raises(TypeError, match="'list'") as error:
        compile(lambda x, y: x / y)([1.0, 2.0], 3.0)
    assert any("name it in batch=…" in note for note in error.value.__notes__)


@pytest.mark.parametrize(
    "number", [2, True, numpy.float32(2.0), numpy.float16(2.0), numpy.int8(2), numpy.bool_(True), numpy.array(2.0)]
)
def test_other_numbers(number):
    assert compile(square)(number) == float(number) ** 2
    assert compile(square).grad(number) == 2.0 * float(number)


@pytest.mark.parametrize("dtype", [numpy.float32, numpy.float16, int, numpy.uint8, bool, ">f8"])
def test_other_arrays(dtype):
    xs = numpy.array([1, 0, 3]).astype(dtype)
    assert compile(squares)(xs) == squares(xs.astype(float))
    found = compile(square, batch=True).grad(xs)
    assert found.dtype == numpy.float64
    assert found.tolist() == (2.0 * xs.astype(float)).tolist()


def test_numbers_too_large_for_a_double_are_inf():
    assert compile(square)(10**400) == math.inf
    assert compile(lambda x: 0.5 * x)(1.7976931348623157e308) == 1.7976931348623157e308 / 2


def test_wrong_numbers_of_arguments():
    compiled = compile(product)
    for args, keywords in (((), {}), ((1.0,), {}), ((1.0, 2.0, 3.0), {}), ((1.0,), {"z": 2.0}), ((1.0,), {"x": 2.0})):
        with pytest.raises(TypeError) as error:
            compiled(*args, **keywords)
        sentence(error, "product")


def test_keywords():
    compiled = compile(product)
    assert compiled(2.0, y=3.0) == compiled(y=3.0, x=2.0) == 18.0
    assert compiled.grad(y=3.0, x=2.0) == (9.0, 12.0)
    assert compile(product, batch="y")(2.0, y=numpy.array([1.0, 2.0])).tolist() == [2.0, 8.0]


def of_names(x, a=1.5, y=2.0, *, scale, shift=0.5):
    return x**2 * a * y**3 * scale + shift * x


NAMES = ("x", "a", "y", "scale", "shift")


@settings(deadline=None, max_examples=60)
@given(
    by_place=st.integers(0, 3),
    named=st.permutations(NAMES),
    left_out=st.sets(st.sampled_from(["a", "y", "shift"])),
    option=st.sampled_from(
        [{}, {"wrt": "scale"}, {"wrt": ["y", "x"]}, {"wrt": 2}, {"wrt": ("shift",)}, {"static": "a"}]
    ),
    method=st.sampled_from(["value_and_grad", "hessian", "jacobian", "jvp", "vjp", "hvp"]),
)
def test_arguments_given_by_name(by_place, named, left_out, option, method):
    """As Python takes them: in any order, with defaults for those left out; derivatives are in the order in which the
    function names its arguments."""
    numbers = dict(zip(NAMES, (1.1, 0.7, 1.3, 0.9, 2.0)))
    given_names = [name for name in NAMES if name not in left_out or NAMES.index(name) < by_place]
    args = [numbers[name] for name in NAMES[:by_place]]
    keywords = {name: numbers[name] for name in named if name in given_names[by_place:]}
    defaults = {"a": 1.5, "y": 2.0, "shift": 0.5}
    value = compile(of_names, **option)(*args, **keywords)
    assert value == pytest.approx(of_names(*args, **keywords), rel=1e-14)
    chosen = option.get("wrt", [name for name in given_names if name not in option.get("static", ())])
    is_single = isinstance(chosen, (int, str)) or ("wrt" not in option and len(chosen) == 1)
    chosen = [NAMES[chosen] if isinstance(chosen, int) else chosen] if is_single and "wrt" in option else [*chosen]

    def of_chosen(*points):
        return of_names(**{**defaults, **numbers, **{name: defaults[name] for name in left_out - {*given_names}},
                           **dict(zip(chosen, points))})  # fmt: skip

    point = [numbers[name] if name in given_names else defaults[name] for name in chosen]
    eager, argnums, vector = getattr(autograd_mini, method), 0 if is_single else tuple(range(len(point))), ()
    if method in ("jvp", "hvp"):
        vector = (0.5,) if is_single else (tuple(0.5 + place for place in range(len(point))),)
    elif method == "vjp":
        vector = (1.5,)
    found = getattr(compile(of_names, **option), method)(*args, *vector, **keywords)
    wanted = eager(of_chosen, argnums)(*point, *vector)
    assert numpy.allclose(*[numpy.hstack(flatten(each, "it")[0]) for each in (found, wanted)], rtol=1e-12)
    assert flatten(found, "it")[1] == flatten(wanted, "it")[1]


def test_arguments_by_name_over_a_batch():
    xs, scales = numpy.arange(1.0, 6.0), numpy.arange(2.0, 7.0)
    compiled = compile(of_names, batch=["x", "scale"], wrt="scale")
    assert compiled(xs, scale=scales).tolist() == [of_names(x, scale=s) for x, s in zip(xs, scales)]
    assert compiled.grad(xs, y=3.0, scale=scales).tolist() == [x**2 * 1.5 * 27.0 for x in xs]
    with pytest.raises(ValueError, match="batch names argument 'y' of of_names, which has x, scale"):
        compile(of_names, batch=["x", "y"])(xs, scale=1.0)


def test_arguments_by_name_take_part_in_derivatives():
    compiled = compile(of_names)
    assert grad(compiled)(2.0, scale=3.0) == grad(of_names)(2.0, scale=3.0)
    assert grad(lambda s: compiled(2.0, scale=s))(3.0) == grad(lambda s: of_names(2.0, scale=s))(3.0)
    assert compiled.grad(2.0, scale=Value(3.0))[1].data == compiled.grad(2.0, scale=3.0)[1]


def test_calls_by_name_leave_the_short_way_to_calls_by_position():
    compiled = compile(lambda x, *, a=1.0, b=2.0: x * a + b)
    for _ in range(3):
        assert (compiled(3.0), compiled(3.0, a=5.0), compiled(3.0, b=5.0)) == (5.0, 17.0, 8.0)
        assert (compiled.grad(3.0, a=5.0), compiled.grad(3.0), compiled.grad(3.0, b=5.0)) == (
            (5.0, 3.0),
            1.0,
            (1.0, 1.0),
        )
        with pytest.raises(TypeError, match="takes 1 positional argument but 2 were given"):
            compiled(3.0, 5.0)
    assert compile(lambda x, **more: x * more["y"]).grad(3.0, y=2.0) == (2.0, 3.0)
    assert compile(lambda *xs, scale=1.0: sum(xs) * scale).grad(3.0, 4.0, scale=2.0) == (2.0, 2.0, 7.0)
    assert compile(lambda x, y=2.0, /, z=3.0: x * y * z, wrt="y").grad(5.0, z=7.0) == 35.0


def test_any_number_of_arguments():
    compiled = compile(lambda *xs: total(i * x * x for i, x in enumerate(xs)))
    assert compiled.value_and_grad(1.0, 2.0, 3.0) == (22.0, (0.0, 4.0, 12.0))
    assert compile(lambda *xs: total(xs), wrt="argument 1").grad(1.0, 2.0) == 1.0


def test_no_arguments():
    w = Value(3.0)
    compiled = compile(lambda: w * w)
    assert compiled() == 9.0
    assert compiled.value_and_grad() == (9.0, ())
    assert compiled.jacobian() == ()
    assert compiled.hessian() == ()
    assert compiled.backward() == 9.0
    assert w.grad == 6.0


def test_an_argument_named_parameters():
    """It is the function's own argument, not the option of that name."""
    compiled = compile(lambda x, parameters: x * parameters)
    assert compiled(2.0, 3.0) == compiled(2.0, parameters=3.0) == compiled(x=2.0, parameters=3.0) == 6.0


# Options


@pytest.mark.parametrize("option", ["wrt", "batch"])
@pytest.mark.parametrize("chosen", [1.5, [1.5], b"x", {"x": 1}, [True], [None], numpy.array([0]), numpy.int64(0)])
def test_options_of_another_type(option, chosen):
    with pytest.raises(TypeError) as error:
        compile(product, **{option: chosen})
    sentence(error, f"{option} takes positions or names of arguments")


@pytest.mark.parametrize("chosen", [True, False])
def test_wrt_must_not_be_a_bool(chosen):
    with pytest.raises(TypeError, match="wrt takes positions or names of arguments, or None for all"):
        compile(product, wrt=chosen)


@pytest.mark.parametrize("option", ["wrt", "batch"])
@pytest.mark.parametrize("chosen", [2, -3, "z", "xy", "", [0, 5], ["x", "z"]])
def test_arguments_that_are_not_there(option, chosen):
    """Naming them is refused before any call, unless the function takes any number of arguments."""
    options = {"batch": True} | {option: chosen}
    with pytest.raises(ValueError, match=f"{option} names argument .* of product, which has x, y") as error:
        compile(product, **options)
    sentence(error)
    with pytest.raises(ValueError, match=f"{option} names argument .* of <lambda>, which has argument 0, argument 1"):
        compile(lambda *xs: product(*xs), **options).grad(numpy.ones(3), numpy.ones(3))


@pytest.mark.parametrize("option", ["wrt", "batch"])
@pytest.mark.parametrize("chosen", [[0, 0], ["x", 0], [0, -2], ("y", "y")])
def test_arguments_named_twice(option, chosen):
    with pytest.raises(ValueError, match=f"{option} names argument [xy] of product twice"):
        compile(product, **({"batch": True} | {option: chosen}))


@pytest.mark.parametrize("reduce", ["max", "", 0, False, 1, ["mean"]])
def test_reduce_is_one_of_three(reduce):
    with pytest.raises(ValueError, match="reduce must be None, 'sum' or 'mean', got"):
        compile(batch=True, reduce=reduce)


def test_reduce_needs_a_batch():
    with pytest.raises(ValueError, match=r"reduce='mean' needs a batch; name the arguments that carry it in batch=…"):
        compile(square, reduce="mean")


@pytest.mark.parametrize("thing", [3, "f", [square], classmethod(square)])
def test_only_functions_are_compiled(thing):
    for compile_it in (compile, compile(batch=True)):
        with pytest.raises(TypeError, match="compile takes a function, got"):
            compile_it(thing)


def test_compiled_functions_are_not_compiled_again():
    compiled = compile(square)
    with pytest.raises(TypeError, match=r"compile takes a Python function, got <compiled square>; .* \.function"):
        compile(compiled)
    assert compile(compiled.function, batch=True)(numpy.ones(2)).tolist() == [1.0, 1.0]
    assert (compile(lambda x: compiled(x) + 1.0)(2.0), grad(lambda x: compiled(x))(2.0)) == (5.0, 4.0)


def test_decorators():
    @compile
    def plain(x):
        """Says what it does."""
        return x * x

    @compile(batch="x", reduce="sum")
    def with_options(w, x):
        return w * x

    assert plain.grad(2.0) == 4.0
    assert (plain.__name__, plain.__doc__) == ("plain", "Says what it does.")
    assert repr(plain) == "<compiled plain>"
    assert with_options.grad(2.0, numpy.array([1.0, 3.0]))[0] == 4.0


class Scaled:
    """A callable with a parameter."""

    def __init__(self):
        self.w = Value(2.0)

    def times(self, x):
        return self.w * x

    def __call__(self, x):
        return self.w * x * x

    @staticmethod
    @compile
    def alone(x):
        return x * x


def test_methods_and_callable_objects():
    scaled = Scaled()
    assert compile(scaled.times).grad(3.0) == 2.0
    assert compile(scaled).grad(3.0) == 12.0
    assert compile(scaled, wrt="x").grad(x=3.0) == 12.0
    assert scaled.alone.grad(3.0) == 6.0
    assert compile(partial(product, 3.0)).grad(2.0) == 12.0
    assert compile(partial(product, y=3.0))(2.0) == 18.0


def test_methods_without_their_object():
    with pytest.raises(TypeError, match=r"times is a method without its object; .* self\.times = compile\(self\.times"):
        compile(Scaled.times)


def test_builtins():
    assert compile(builtins.sum)([1.0, 2.0]) == 3.0
    assert compile(builtins.max).grad(1.0, 2.0) == (0.0, 1.0)
    assert compile(abs).grad(-2.0) == -1.0
    assert compile(tanh)(0.0) == 0.0
    assert compile(numpy.exp)(0.0) == 1.0
    assert compile(list)((1.0, 2.0)) == [1.0, 2.0]
    with pytest.raises(TypeError, match=r"sin reads the number of a Value by float\(\)"):
        compile(math.sin)(2.0)
    with pytest.raises(TypeError, match="max does not tell the names of its arguments; give them by position"):
        compile(builtins.max)([1.0], key=2.0)


# Results


@pytest.mark.parametrize(
    "result", [None, "a", b"a", 1j, {1.0}, ..., object(), map(abs, [1.0]), [1.0, None], {"a": "b"}, numpy.array([1j])]
)
def test_results_that_are_no_numbers(result):
    with pytest.raises(TypeError) as error:
        compile(lambda x: result)(2.0)
    sentence(error, "<lambda>", "numbers")


@pytest.mark.parametrize("result", [3.0, [3.0], {"a": 3}, numpy.ones(2)])
def test_results_that_are_not_made_from_arguments(result):
    with pytest.raises(ValueError, match="<lambda> gave .*, which is not made from its arguments") as error:
        compile(lambda x: result)(2.0)
    sentence(error)


Pair = namedtuple("Pair", "first second")

RESULTS = {
    "itself": lambda x, y: x,
    "itself twice": lambda x, y: [x, x],
    "a constant and an input": lambda x, y: [3.0, x],
    "the same Value twice": lambda x, y: [x * y] * 2,
    "nothing": lambda x, y: [],
    "a nest": lambda x, y: [[x], (y, [x * y])],
    "a dict": lambda x, y: {"a": x, 3: [y, 1]},
    "an OrderedDict": lambda x, y: OrderedDict(b=x, a=y),
    "a namedtuple": lambda x, y: Pair(x, x * y),
    "an array": lambda x, y: numpy.array([[x, 2.0], [y, x * y]]),
    "an array of one number": lambda x, y: numpy.array(x * y),
    "an empty array": lambda x, y: numpy.zeros((0, 3)),
    "lists in an array": lambda x, y: numpy.array([[x, y], [x]], dtype=object),
    "a comparison": lambda x, y: x < y,
    "a truth": lambda x, y: bool(x < y) and x,
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", RESULTS)
def test_structures_of_results(name, backend):
    f = RESULTS[name]
    found, expected = compile(f, backend=backend).jacobian(2.0, 3.0), autograd_mini.jacobian(f)(2.0, 3.0)
    assert repr(found) == repr(expected)
    value = compile(f, backend=backend)(2.0, 3.0)
    assert repr(value).replace(".0", "") == repr(f(2.0, 3.0)).replace(".0", "").replace("True", "1") or name in (
        "an array",
        "an array of one number",
    )


def test_gradients_need_one_number():
    compiled = compile(lambda x: [x, x])
    for ask in (compiled.grad, compiled.hessian, lambda x: compiled.hvp(x, 1.0), compiled.backward):
        with pytest.raises(TypeError, match=r"one number as the result of <lambda>, got \[·, ·\]; .* use jacobian"):
            ask(2.0)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "argument",
    [
        Pair(1.0, 2.0), OrderedDict(b=1.0, a=2.0), defaultdict(list, a=1.0, b=2.0), Counter(a=1.0), {"a": {"c": [1.0]}},
        (), [], {}, [[], [1.0]], numpy.array(3.0), numpy.zeros(0), numpy.zeros((3, 0)), {1: 2.0, (1, 2): 3.0},
        numpy.ones((2, 1, 2)), [numpy.ones(2), 3.0, numpy.ones((1, 2))],
    ],
    ids=repr,
)  # fmt: skip
def test_structures_of_arguments(argument, backend):
    def f(nest):
        leaves, _ = autograd_mini.structures.flatten(nest, "the nest")
        return total((1.0 + i) * leaf**3 for i, leaf in enumerate(leaves))

    compiled = compile(f, backend=backend)
    for _ in range(2):
        assert repr(compiled.value_and_grad(argument)) == repr(value_and_grad(f)(argument))
        assert repr(compiled.hessian(argument)) == repr(hessian(f)(argument))
        assert repr(compiled.hvp(argument, argument)) == repr(autograd_mini.hvp(f)(argument, argument))


def test_unused_arguments():
    xs = numpy.ones(3)
    assert compile(lambda x, y: y * y).grad([1.0, 2.0], 3.0) == ([0.0, 0.0], 6.0)
    value, (towards_x, towards_y) = compile(lambda x, y: y * y, batch="x").value_and_grad(xs, 2.0)
    assert (value.tolist(), towards_x.tolist(), towards_y.tolist()) == ([4.0] * 3, [0.0] * 3, [4.0] * 3)
    compiled = compile(lambda x, y: y * y, batch="x", reduce="mean")
    value, (towards_x, towards_y) = compiled.value_and_grad(xs, 2.0)
    assert (value, towards_x.tolist(), towards_y) == (4.0, [0.0] * 3, 4.0)


# Derivatives in turn


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_derivative_after_every_other(backend):
    ways = {
        "grad": lambda f: f.grad(2.0, 3.0),
        "jacobian": lambda f: f.jacobian(2.0, 3.0),
        "hessian": lambda f: f.hessian(2.0, 3.0),
        "hvp": lambda f: f.hvp(2.0, 3.0, (1.0, 2.0)),
        "value": lambda f: f(2.0, 3.0),
    }
    alone = {name: way(compile(product, backend=backend)) for name, way in ways.items()}
    for first in ways:
        compiled = compile(product, backend=backend)
        ways[first](compiled)
        assert {name: way(compiled) for name, way in ways.items()} == alone


def test_directions_in_the_order_of_wrt():
    compiled = compile(product, wrt=("y", "x"))
    assert compiled.grad(2.0, 3.0) == (12.0, 9.0)
    assert compiled.hessian(2.0, 3.0) == ((4.0, 6.0), (6.0, 0.0))
    assert compiled.hvp(2.0, 3.0, (1.0, 0.0)) == (4.0, 6.0)


@pytest.mark.parametrize("vector", [3.0, None, "ab", (1.0,), (1.0, 2.0, 3.0), [1.0, 1.0], numpy.ones(2)])
def test_vectors_for_several_arguments_are_tuples(vector):
    with pytest.raises(TypeError, match="hvp's vector for product must be a tuple of 2, one each for x, y, got"):
        compile(product).hvp(1.0, 2.0, vector)


@pytest.mark.parametrize("vector", [(1.0, 1.0), [1.0], [[1.0, 1.0]], numpy.ones(2), {"a": 1.0}, 1.0])
def test_vectors_have_the_structure_of_the_gradient(vector):
    with pytest.raises(TypeError, match=r"hvp's vector must have the structure of the gradient of .*, \[·, ·\], but"):
        compile(lambda x: x[0] * x[1]).hvp([1.0, 2.0], vector)


def test_vectors_pair_numbers_by_their_places():
    """Whether a number comes as such or as an array without an axis, here or there; and entries of dicts by key."""
    f = lambda v: v[0] ** 2 * v[1] ** 3
    plain, array = 2.0, numpy.array(2.0)
    expected = hessian(f)([2.0, 2.0])[0]
    for point in ([plain, array], [array, plain], [plain, plain], [array, array]):
        for vector in ([1.0, numpy.array(0.0)], [numpy.array(1.0), 0.0], [1.0, 0.0]):
            assert [*map(float, compile(f).hvp(point, vector))] == expected
    assert compile(lambda x: x**3).hvp(2.0, numpy.array(1.0)) == compile(lambda x: x**3).hvp(array, 1.0) == 12.0
    g = lambda d: d["a"] ** 2 * d["b"]
    assert compile(g).hvp({"a": 1.0, "b": 2.0}, {"b": 0.0, "a": 1.0}) == {"a": 4.0, "b": 2.0}
    with pytest.raises(TypeError, match="structure of the gradient of <lambda>, ·, but has None"):
        compile(lambda x: x**3).hvp(2.0, None)


def test_vectors_have_as_many_examples_as_arguments():
    compiled = compile(square, batch=True)
    assert compiled.hvp(numpy.ones(3), numpy.ones(3)).tolist() == [2.0] * 3
    with pytest.raises(ValueError, match="hvp's vector for square has 2 examples along its first axis, .* have 3"):
        compiled.hvp(numpy.ones(3), numpy.ones(2))
    with pytest.raises(TypeError, match="hvp of square takes its arguments and then the vector"):
        compiled.hvp(numpy.ones(3))


def test_the_hessian_of_a_reduced_batch_towards_the_batch():
    with pytest.raises(ValueError, match="square is reduced over its batch, and its Hessian with respect to the batch"):
        compile(square, batch=True, reduce="sum").hessian(numpy.ones(3))


def test_what_is_known_only_after_a_call():
    compiled = compile(square)
    for ask in (lambda: compiled.program, lambda: compiled.parameters):
        with pytest.raises(ValueError, match="square has not been called yet"):
            ask()


# Batches


def test_batches_of_unequal_lengths():
    with pytest.raises(ValueError, match=r"x of product has 3 examples .*, but y has 2; the two must agree"):
        compile(product, batch=True)(numpy.ones(3), numpy.ones(2))


def test_batched_arguments_need_an_axis():
    for argument, words in (
        (2.0, "but is a number"),
        (numpy.array(2.0), "without axes"),
        ([2.0, [1.0]], "is a number"),
    ):
        with pytest.raises(ValueError, match=r"x(\[0\])? of product should carry a batch axis") as error:
            compile(product, batch="x")(argument, 1.0)
        sentence(error, words)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches_of_one(reduce, backend):
    w = numpy.array([[1.0, 2.0], [0.5, -1.0]])
    x = numpy.array([[0.25, 3.0]])

    def f(w, x):
        return dot([tanh(dot(row, x)) for row in w], [1.0, 2.0]) + squares(w)

    value, (towards_w, towards_x) = compile(f, batch="x", reduce=reduce, backend=backend).value_and_grad(w, x)
    expected, (of_w, of_x) = value_and_grad(f)(w, x[0])
    assert numpy.shape(value) == (() if reduce else (1,))
    assert towards_w.shape == (w.shape if reduce else (1, 2, 2))
    assert not disagreement([float(numpy.sum(value)), towards_w, towards_x], [expected, of_w, of_x])


@pytest.mark.parametrize("backend", BACKENDS)
def test_empty_batches(backend):
    """The sum over no examples is 0, with derivatives 0; their mean is nan."""

    def f(w, x):
        return dot(w, x) ** 2

    w, x = numpy.ones(3), numpy.zeros((0, 3))
    value, slopes = compile(f, batch="x", backend=backend).value_and_grad(w, x)
    assert value.shape == (0,)
    assert [slope.shape for slope in slopes] == [(0, 3), (0, 3)]
    value, slopes = compile(f, batch="x", reduce="sum", backend=backend).value_and_grad(w, x)
    assert value == 0.0
    assert (slopes[0] == 0.0).all()
    assert slopes[1].shape == (0, 3)
    value, slopes = compile(f, batch="x", reduce="mean", backend=backend).value_and_grad(w, x)
    assert math.isnan(value)
    assert numpy.isnan(slopes[0]).all()
    assert slopes[1].shape == (0, 3)
    assert compile(f, batch="x", backend=backend).jacobian(w, x)[0].shape == (0, 3)


@pytest.mark.parametrize("backend", BACKENDS)
def test_derivatives_of_a_mean_over_no_examples(backend):
    """All are nan, those by nothing that depends on the argument, too; and so they are on an executor."""
    nothing = numpy.zeros(0)
    for f in (lambda w, x: w * x, lambda w, x: w * w * x, lambda w, x: x * x):
        for reduce, expected in (("mean", numpy.nan), ("sum", 0.0)):
            compiled = compile(f, wrt="w", batch="x", reduce=reduce, backend=backend)
            with ThreadPoolExecutor(2) as executor:
                for each in (compiled, compiled.on(executor)):
                    found = [each.grad(1.0, nothing), each.hessian(1.0, nothing), each.hvp(1.0, nothing, 1.0)]
                    assert found == pytest.approx([expected] * 3, nan_ok=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_options_name_arguments_that_calls_leave_out(backend):
    """They have their defaults, as in the function itself."""
    compiled = compile(lambda x, y=3.0: x * y * y, wrt="y", backend=backend)
    for _ in range(3):
        assert (compiled(2.0), compiled.grad(2.0), compiled.hessian(2.0)) == (18.0, 12.0, 4.0)
        assert (compiled(2.0, 1.0), compiled.grad(2.0, y=1.0), compiled.hvp(2.0, 1.0, 1.0)) == (2.0, 4.0, 4.0)
    by_kind = compile(lambda x, kind="x", y=3.0: x * y if kind == "x" else x + y, static="kind", backend=backend)
    assert (by_kind.grad(2.0), by_kind.grad(2.0, "y"), by_kind.grad(2.0, "x", 5.0)) == (3.0, 1.0, (5.0, 2.0))
    assert compile(lambda x, y=3.0: x * y, wrt=(1, 0), backend=backend).grad(2.0) == (2.0, 3.0)
    assert compile(lambda x, y=3.0: x * y, backend=backend).grad(2.0) == 3.0
    with pytest.raises(ValueError, match="batch names argument 'y' of <lambda>, which has x"):
        compile(lambda x, y=3.0: x * y, batch="y", backend=backend)(2.0)


def test_empty_batches_with_a_penalty():
    """Terms that do not depend on the example are added to those that do."""

    def f(w, x):
        return dot(w, x) ** 2 + squares(w)

    compiled = compile(f, batch="x", backend="numpy")
    value, slopes = compiled.value_and_grad(numpy.ones(3), numpy.zeros((0, 3)))
    assert (value.shape, [slope.shape for slope in slopes]) == ((0,), [(0, 3), (0, 3)])


def test_products_with_the_hessian_over_batches():
    def f(w, x):
        return exp(dot(w, x)) * x[0]

    random_ = numpy.random.default_rng(0)
    w, v, x, u = (random_.normal(size=size) for size in (3, 3, (4, 3), (4, 3)))
    each = [autograd_mini.hvp(f)(w, row, (v, along)) for row, along in zip(x, u)]
    found = compile(f, batch="x").hvp(w, x, (v, u))
    assert not disagreement(found[0], numpy.array([a for a, _ in each]))
    assert not disagreement(found[1], numpy.array([b for _, b in each]))
    found = compile(f, batch="x", reduce="sum").hvp(w, x, (v, u))
    assert not disagreement(found[0], sum(a for a, _ in each))
    assert not disagreement(found[1], numpy.array([b for _, b in each]))
    found = compile(f, batch="x", reduce="mean", wrt="w").hessian(w, x)
    assert not disagreement(found, sum(hessian(f, 0)(w, row) for row in x) / 4)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("n", [1, 3, 130])
@pytest.mark.parametrize("batch", [[0], [0, 2], [0, 1, 2]])
def test_hessians_of_every_example(batch, n, backend):
    def f(x, y, w):
        return exp(x * w) * y + w * w * y**3

    args = numpy.random.default_rng(n).normal(size=(3, n))
    points = numpy.array([args[i] if i in batch else numpy.full(n, args[i][0]) for i in range(3)])
    found = compile(f, batch=batch, backend=backend).hessian(*[args[i] if i in batch else args[i][0] for i in range(3)])
    expected = numpy.array([hessian(f)(*point) for point in points.T.tolist()])
    assert not disagreement(numpy.moveaxis(numpy.array(found), 2, 0), expected, scale=1.0)


# Branches


def halved(x):
    if x > 1.0:
        return x / 2.0
    return x * 3.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_branches_at_one_point(backend):
    compiled = compile(halved, backend=backend)
    for x in (0.0, 4.0, -1.0, 2.0, 1.0):
        assert compiled(x) == halved(x)
        assert compiled.grad(x) == grad(halved)(x)
    assert len(next(iter(compiled._plans._by_layout.values()))) == 2


@pytest.mark.parametrize("ask", ["__call__", "jacobian"])
def test_structures_that_differ_between_branches(ask):
    def f(x):
        if x[0] > 0.0:
            return [x[0], x[1], x[0] * x[1]]
        return x[0] * x[1]

    compiled = compile(f)
    assert compiled.jacobian([-1.0, 2.0]) == [2.0, -1.0]
    assert compiled.jacobian([1.0, 2.0]) == [[1.0, 0.0], [0.0, 1.0], [2.0, 1.0]]
    assert compiled.jacobian([-1.0, 2.0]) == compiled.grad([-1.0, 2.0]) == [2.0, -1.0]
    with pytest.raises(TypeError, match="one number"):
        compiled.grad([1.0, 2.0])
    assert compiled.hessian([-1.0, 2.0]) == [[0.0, 1.0], [1.0, 0.0]]


def test_too_many_paths():
    def counted(x):
        n = 0
        while x > n:
            n += 1
        return x * n

    compiled = compile(counted)
    for n in range(64):
        assert compiled(float(n)) == n * n
    with pytest.raises(ValueError, match="counted took more than 64 different paths through its branches") as error:
        compiled(64.0)
    sentence(error, HERE, "while x > n")
    assert compiled(3.0) == 9.0
    batched = compile(counted, batch=True)
    xs = numpy.arange(64.0)
    assert batched(xs).tolist() == (xs * xs).tolist()
    with pytest.raises(ValueError, match="counted took more than 64 different paths through its branches"):
        batched(numpy.arange(70.0))
    assert batched(xs).tolist() == (xs * xs).tolist()


def test_too_many_shapes():
    compiled = compile(squares, backend="numpy")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for n in range(planning.MOST_LAYOUTS + 3):
            assert compiled(numpy.ones(n)) == n
    (warning,) = caught
    assert warning.category is RuntimeWarning
    assert "squares was called with arguments of more than 64 different shapes" in str(warning.message)
    assert warning.filename == HERE
    assert len(compiled._plans._by_layout) == planning.MOST_LAYOUTS


def test_other_shapes_are_traced_anew_and_kept():
    runs = []

    def f(x):
        runs.append(len(x))
        return squares(x)

    compiled = compile(f)
    for n in (2, 3, 2, 3, 2):
        assert compiled(numpy.ones(n)) == n
    assert len(runs) == len({*runs}) * runs.count(2)
    before = len(runs)
    compiled(numpy.zeros(3))
    compiled.grad(numpy.zeros(3))
    assert len(runs) == before


def test_a_batch_of_any_length_is_one_layout():
    compiled = compile(squares, batch=True)
    for n in (1, 5, 2, 300):
        assert compiled(numpy.ones((n, 2))).tolist() == [2.0] * n
    assert len(compiled._plans._by_layout) == 1


def test_batches_of_frames_with_other_labels_are_one_layout():
    """The function sees rows as arrays; derivatives have the labels of the frame they are taken at."""
    pandas = pytest.importorskip("pandas")
    compiled = compile(lambda row: row[0] * row[1], batch=True)
    first = pandas.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]}, index=["a", "b"])
    second = pandas.DataFrame({"u": [5.0], "v": [6.0]}, index=[7])
    assert compiled.grad(first).equals(pandas.DataFrame({"x": [3.0, 4.0], "y": [1.0, 2.0]}, index=["a", "b"]))
    assert compiled.grad(second).equals(pandas.DataFrame({"u": [6.0], "v": [5.0]}, index=[7]))
    assert len(compiled._plans._by_layout) == 1
    by_name = compile(lambda row: row["x"] * row["y"], batch=True)
    assert by_name.grad(dict(first))["x"].equals(first["y"].rename("x"))
    with pytest.raises(TypeError, match=r"a row of a frame is an array without names: give dict\(frame\)"):
        by_name(first)


def test_rows_are_not_paired_against_their_labels():
    """pandas would pair rows by label, and does so in eager mode."""
    pandas = pytest.importorskip("pandas")
    first = pandas.Series([1.0, 2.0, 3.0], index=list("xyz"))
    second = pandas.Series([10.0, 20.0, 30.0], index=list("zyx"))
    compiled = compile(lambda s, k: s * s - k, batch=True)
    with pytest.raises(ValueError, match="k of <lambda> has other row labels than s, or another order of them"):
        compiled(first, second)
    assert compiled(first, second.reindex(first.index)).tolist() == [-29.0, -16.0, -1.0]
    assert compiled(first, second.to_numpy()).tolist() == [-9.0, -16.0, -21.0]
    frame = {"s": first, "k": second}
    with pytest.raises(ValueError, match="another column of row of <lambda> has other row labels than row"):
        compile(lambda row: row["s"] * row["k"], batch=True)(frame)
    assert compile(lambda s, k: s @ k)(first, second) == 100.0  # no batch: the function pairs them itself


# What the trace cannot keep


def by_data(x):
    return x * x.data


def by_float(x):
    return x * float(x)


def by_round(x):
    return x * round(x, 1)


def by_int(x):
    return x * int(x)


def by_math(x):
    return x * math.exp(x)


def by_array(x):
    return total(numpy.asarray([x, x], dtype=float)) * x


def by_astype(x):
    return x * numpy.array([x]).astype(float)[0]


def by_grad(x):
    return x * x.grad


def by_floor(x):
    return x * math.floor(x)


def by_format(x):
    return x * float(f"{x:.17g}")


def by_pickle(x):
    return x * pickle.loads(pickle.dumps(x))


def by_gradients(x):
    return x * autograd_mini.gradients(x * x, [x])[0]


ADVICE = {
    by_math: "use autograd_mini.exp in place of math.exp",
    by_array: "dtype=object",
    by_astype: "dtype=object",
    by_floor: "use autograd_mini.floor, for arrays numpy.vectorize(autograd_mini.floor, otypes=[object])",
}


@pytest.mark.parametrize(
    "f",
    [
        by_data,
        by_float,
        by_round,
        by_int,
        by_math,
        by_array,
        by_astype,
        by_grad,
        by_floor,
        by_format,
        by_pickle,
        by_gradients,
    ],
)
def test_numbers_that_are_read(f):
    with pytest.raises(TypeError, match=f"{f.__name__} reads the number of a Value by ") as error:
        compile(f)(2.0)
    place = f"{HERE}, line {f.__code__.co_firstlineno + 1}: return"
    sentence(error, place, ADVICE.get(f, "compute with the Value itself"))


def test_what_is_advised_for_floors_of_arrays():
    floor = numpy.vectorize(autograd_mini.floor, otypes=[object])
    value, slope = compile(lambda x: (floor(x) * x).sum()).value_and_grad(numpy.array([1.5, -2.25]))
    assert value == 1.5 + 3.0 * 2.25
    assert slope.tolist() == [1.0, -3.0]


def by_chance(x):
    return x * random.random()


def by_numpy_chance(x):
    return x * numpy.random.default_rng().normal()


counts = []


def by_counting(x):
    counts.append(1)
    return x * len(counts)


def by_collecting(x):
    counts.append(x)
    return total(counts)


@pytest.mark.parametrize("f", [by_chance, by_numpy_chance, by_counting, by_collecting])
@pytest.mark.parametrize("batch", [False, True])
def test_other_ways_out(f, batch):
    counts.clear()
    told = "reads from a Random outside, " if f is by_chance else "computed two different things when run twice: "
    with pytest.raises(ValueError, match=f"{f.__name__} {told}") as error:
        compile(f, batch=batch)(numpy.array([2.0, 3.0]) if batch else 2.0)
    sentence(error)


def test_copies_are_the_same_function():
    compiled = compile(lambda x: x * copy.deepcopy(x) * copy.copy(x))
    assert compiled.value_and_grad(2.0) == (8.0, 12.0)


def test_ways_out_next_to_a_branch():
    def f(x):
        if x > 0.0:
            return x
        return x * random.random()

    with pytest.raises(ValueError, match="reads from a Random outside"):
        compile(f)(0.0)


def test_errors_of_the_function_next_to_the_point():
    """If a slightly larger number is refused, that is no error of this call."""

    def f(p):
        if p > 1.0:
            raise ValueError("no probability")
        return p * p

    assert compile(f).grad(1.0) == 2.0
    with pytest.raises(ValueError, match="no probability"):
        compile(f)(2.0)


def changing(w):
    w.data = 3.0
    return w * w


def differentiating(w):
    y = w * w
    y.backward()
    return y


def test_values_changed_inside():
    w = Value(2.0)
    for f, how in ((changing, ".data"), (differentiating, "backward()")):
        with pytest.raises(TypeError, match=f"{f.__name__} changes a Value by ") as error:
            compile(f)(2.0)
        sentence(error, how, HERE)

    def captured():
        w.data = 3.0
        return w * w

    with pytest.raises(TypeError, match=r"captured changes a Value by \.data"):
        compile(captured)()
    assert w.data == 2.0


@pytest.mark.parametrize("backend", BACKENDS)
def test_rules_that_differentiate_functions_themselves(backend):
    cube = register_primitive("cube_by_rule", lambda x: x**3, lambda out, x: (grad(lambda t: t * t * t)(x),))
    try:
        f = lambda v: total(cube(x) * v[0] for x in v)
        compiled, points = compile(f, backend=backend), numpy.array([[1.0, 2.0], [3.0, -1.0]])
        assert compiled.grad([1.0, 2.0]) == grad(f)([1.0, 2.0])
        assert compiled.hessian([1.0, 2.0]) == hessian(f)([1.0, 2.0])
        assert compile(f, batch=True, backend=backend).grad(points).tolist() == [
            grad(f)(row) for row in points.tolist()
        ]
    finally:
        del TABLE["cube_by_rule"], Value.cube_by_rule


# Parameters


@pytest.mark.parametrize("backend", BACKENDS)
def test_parameters_are_read_at_each_call(backend):
    w, b = Value(2.0), Value(1.0)
    compiled = compile(lambda x: w * x + b, backend=backend)
    for number in (2.0, 3.0, -1.0):
        w.data = number
        assert compiled(5.0) == 5.0 * number + 1.0
        assert compiled.value_and_grad(5.0) == (5.0 * number + 1.0, number)
    assert set(compiled.parameters) == {w, b}


@pytest.mark.parametrize("backend", BACKENDS)
def test_backward_accumulates(backend):
    w = Value(2.0)
    compiled = compile(lambda x: w * w * x, batch=True, reduce="sum", backend=backend)
    for n in (1, 2, 3):
        assert compiled.backward(numpy.array([1.0, 2.0])) == 12.0
        assert w.grad == n * 12.0
    with pytest.raises(TypeError, match=r"backward\(\) needs one number, but <lambda> gives one for each example"):
        compile(lambda x: w * x, batch=True).backward(numpy.ones(2))


def test_other_numbers_for_parameters():
    w = Value(2.0)
    compiled = compile(lambda x: w * x)
    assert compiled(3.0, parameters=numpy.array([5.0])) == 15.0
    assert compiled.value_and_parameter_grads(3.0, parameters=numpy.array([5.0]))[1].tolist() == [3.0]
    assert compiled(3.0) == 6.0
    with pytest.raises(ValueError, match=r"<lambda> has 1 parameters, got an array of shape \(2,\) for them"):
        compiled(3.0, parameters=numpy.ones(2))


@pytest.mark.parametrize("backend", BACKENDS)
def test_captured_values_that_were_computed(backend):
    """A Value computed outside is recomputed from its leaves, which derivatives reach."""
    w = Value(3.0)
    inner = w * w
    compiled = compile(lambda x: inner * x, backend=backend)
    assert compiled(2.0) == 18.0
    assert compiled.parameters == [w]
    assert compiled.backward(2.0) == 18.0
    assert w.grad == 12.0


# Memory


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "f",
    [
        lambda x: x,
        lambda x: x * 2.0,
        lambda x: [x[0], 5.0, x],
        lambda x: numpy.array([numpy.ravel(x)[0], 3.0]),
        lambda x: {"a": x, "b": x},
    ],
)
@pytest.mark.parametrize("batch", [False, True])
def test_results_are_the_callers(f, batch, backend):
    x = numpy.arange(6.0).reshape(2, 3)
    compiled = compile(f, batch=batch, backend=backend)

    def everything():
        return [compiled(x), compiled.jacobian(x)]

    first = everything()
    kept = copy.deepcopy(first)
    for array in arrays_of(first):
        array[...] = -7.0
    assert x.tolist() == [[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]
    assert repr(everything()) == repr(kept)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("f", [lambda x: 3.0 * x[0], squares, lambda x: 0.0 * x[0], lambda x: x[0] * x[1] + x[2]])
@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_gradients_are_the_callers(f, reduce, backend):
    for batch in (False, True) if reduce is None else (True,):
        x = numpy.arange(6.0).reshape(2, 3) if batch else numpy.arange(3.0)
        compiled = compile(f, batch=batch, reduce=reduce, backend=backend)

        def everything(compiled=compiled, x=x, is_square=not (batch and reduce)):
            return [compiled.grad(x), compiled.hvp(x, x), *([compiled.hessian(x)] if is_square else [])]

        first = everything()
        kept = copy.deepcopy(first)
        for array in arrays_of(first):
            array[...] = -7.0
        assert repr(everything()) == repr(kept)
    w = [Value(float(i)) for i in range(3)]
    compiled = compile(lambda: f(w), backend=backend)
    _, slopes = compiled.value_and_parameter_grads()
    kept = slopes.copy()
    slopes[...] = -7.0
    assert compiled.value_and_parameter_grads()[1].tolist() == kept.tolist()


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [False, True])
def test_layouts_in_memory(batch, backend):
    plain = numpy.random.default_rng(0).normal(size=(4, 6))
    wide = numpy.zeros((8, 12))
    wide[::2, ::2] = plain
    read_only = plain.copy()
    read_only.flags.writeable = False
    layouts = [
        plain, numpy.asfortranarray(plain), wide[::2, ::2], plain[::-1, ::-1].copy()[::-1, ::-1], read_only,
        plain.T.copy().T, plain.astype(">f8"), numpy.broadcast_to(plain, (4, 6)),
    ]  # fmt: skip

    def f(x):
        return total(tanh(each) * (1.0 + i) for i, each in enumerate(numpy.ravel(x)))

    compiled = compile(f, batch=batch, backend=backend)
    expected = compiled.value_and_grad(plain)
    for layout in layouts:
        before = layout.copy()
        value, slopes = compiled.value_and_grad(layout)
        # NumPy adds in an order that depends on the layout.
        numpy.testing.assert_allclose(value, expected[0], rtol=1e-14 if backend == "numpy" else 0.0)
        numpy.testing.assert_allclose(slopes, expected[1], rtol=1e-14 if backend == "numpy" else 0.0)
        assert numpy.array_equal(layout, before)


# Where an adjoint is 0


BRANCHES = {
    "square root": lambda x: where(x > 0.0, sqrt(x), x * x),
    "x log x": lambda x: where(x > 0.0, x * autograd_mini.log(x), 0.0 * x),
    "overflow": lambda x: where(x < 1.0, x, exp(1000.0 * x) * x),
    "quotient": lambda x: where(x != 0.0, autograd_mini.sin(x) / x, 1.0),
    "infinite constant": lambda x: where(x > 0.0, x * math.inf, x),
    "infinite slope": lambda x: autograd_mini.relu(x) * exp(-x),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", BRANCHES)
def test_branches_that_are_not_taken_carry_nothing(name, backend):
    f = BRANCHES[name]
    points = [-1000.0, -1.0, 0.0, 0.5, 2.0]
    compiled, batched, slope = compile(f, backend=backend), compile(f, batch=True, backend=backend), compile(grad(f))
    for x, along in zip(points, batched.grad(numpy.array(points)).tolist()):
        expected = grad(f)(x)
        assert not disagreement([compiled.grad(x), along], [expected, expected])
        assert not disagreement(slope(x), expected)  # whatever point it was traced at


@pytest.mark.parametrize("first", [-1.0, 4.0])
def test_compiled_derivatives_decide_anew(first):
    slope = compile(grad(lambda x: where(x > 0.0, sqrt(x), x)))
    slope(first)
    assert (slope(-1.0), slope(4.0)) == (1.0, 0.25)


# Coefficients


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: x * 1e200 * 1e200, 1e-300),
        (lambda x: x * 1e-200 * 1e-200, 1e300),
        (lambda x: x / 3e200 / 3e200 * 1e300, 1e300),
        (lambda x: (x - 1.0) * 1e308 * 10.0, 1.0),
        (lambda x: (x * 1e-200) * (x * 1e-200), 1e200),
        (lambda x: x / 1e-310, 1e-310),
        (lambda x: total([x * math.inf, -math.inf]), 1.0),
    ],
)
def test_constants_do_not_overflow_before_the_function_does(f, x):
    assert not disagreement(compile(f)(x), f(x))
    assert not disagreement(compile(f).grad(x), grad(f)(x))


def test_primitives_of_the_same_name_as_rows():
    """The primitive that was passed counts, not its name."""
    other = autograd_mini.Primitive("square", lambda x: x * x * x, lambda out, x: (3.0 * x * x,))
    assert compile(lambda x: other(x)).value_and_grad(2.0) == (8.0, 12.0)


CURVED = {
    "x log x": lambda x: where(x > 0.0, x * autograd_mini.log(x), 0.0 * x),
    "a product": lambda x: where(x > 0.0, sqrt(x) * x * 3.0, x * x * x),
    "a power": lambda x: where(x > 0.0, sqrt(x) ** 3, x * x * x),
    "a chain": lambda x: where(x > 0.0, tanh(sqrt(x) * autograd_mini.log(x)), autograd_mini.cos(x)),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CURVED)
def test_second_derivatives_of_branches_that_are_not_taken(name, backend):
    f = CURVED[name]
    for x in (0.0, -1.0, 2.0):
        expected = hessian(f)(x)
        if math.isfinite(expected):
            assert not disagreement(compile(f, backend=backend).hessian(x), expected)
            assert not disagreement(compile(f, batch=True, backend=backend).hvp(numpy.full(3, x), numpy.ones(3))[1:2],
                                    [expected])  # fmt: skip


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [False, "x"])
def test_absent_weights_carry_nothing(batch, backend):
    def f(w, x):
        return [dot(w[0], x), dot(w[1], x), dot(w[2][:2], x[:2])]

    x = numpy.array([1.0, 2.0, math.inf])
    found = compile(f, batch=batch, backend=backend)(numpy.ones((3, 3)), x[None] if batch else x)
    assert numpy.ravel(found).tolist() == [math.inf, math.inf, 3.0]


def test_another_way_with_other_parameters():
    w = Value(2.0)
    compiled = compile(lambda x: w * x if w > 0.0 else -x, batch=True)
    assert compiled(numpy.ones(2), parameters=numpy.array([3.0])).tolist() == [3.0, 3.0]
    with pytest.raises(ValueError, match="without"):
        compiled(numpy.ones(2), parameters=numpy.array([-3.0]))


def test_positions_must_not_be_bools():
    """1 and True are equal in Python, but mean different arguments."""
    xs = numpy.arange(3.0)
    for first, second in ((True, 1), (1, True)):
        for batch in (first, second):
            compiled = compile(product, batch=batch)
            if batch is True:
                assert compiled(xs, xs).tolist() == [0.0, 1.0, 8.0]
            else:
                assert compiled(2.0, xs).tolist() == [0.0, 2.0, 8.0]


def test_a_list_of_positions_may_change_afterwards():
    wrt = ["x"]
    compiled = compile(product, wrt=wrt)
    wrt[0] = "y"
    assert compiled.grad(2.0, 3.0) == (9.0,)


def payoff(spot, strike, kind, floor=None):
    paid = spot - strike if kind == "call" else strike - spot
    return paid * spot if floor is None else autograd_mini.maximum(paid, floor)


def test_texts_and_none_stay_what_they_are():
    """The function is compiled for each of them, and has no derivative with respect to them."""
    compiled = compile(payoff, batch="spot")
    spots = numpy.array([1.0, 2.0, 4.0])
    for _ in range(2):
        value, (slopes, towards_strike, kind, floor) = compiled.value_and_grad(spots, 3.0, "call", None)
        assert value.tolist() == [-2.0, -2.0, 4.0]
        assert slopes.tolist() == [-1.0, 1.0, 5.0]
        assert towards_strike.tolist() == [-1.0, -2.0, -4.0]
        assert (kind, floor) == (None, None)
        assert compiled(spots, 3.0, "put").tolist() == [2.0, 2.0, -4.0]
        assert compiled(spots, 3.0, kind="call", floor=0.5).tolist() == [0.5, 0.5, 1.0]
    (curved, *_), *_ = compile(payoff, wrt=["spot", "kind"]).hessian(2.0, 3.0, "call")
    assert curved == 2.0
    assert compile(payoff, wrt=["spot", "kind"]).hvp(2.0, 3.0, "call", (1.5, None)) == (3.0, None)
    assert compile(lambda options: options["x"] ** 2 if options["how"] == "square" else 0.0).grad(
        {"x": 3.0, "how": "square"}
    ) == {"x": 6.0, "how": None}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([1, 2.0, True], [1.0, 4.0, 1.0]),
        ((1.0, 2.0), [1.0, 4.0]),
        ([], []),
        ([numpy.float32(3.0)], [9.0]),
    ],
)
def test_a_batch_as_a_list_of_numbers(given, expected):
    compiled = compile(lambda x: x * x, batch=True)
    value, slopes = compiled.value_and_grad(given)
    assert value.tolist() == expected
    assert slopes.tolist() == [2.0 * x for x in given]


def values_for(nest):
    leaves, structure = autograd_mini.structures.flatten(nest, "it")
    return structure.rebuild([*map(Value, leaves)])


def test_a_batch_as_a_list_of_lists():
    compiled = compile(lambda row, scale: row[0] * row[1] * scale, batch="row")
    assert compiled([[1, 2], [3, 4], [5, 6]], 2.0).tolist() == [4.0, 24.0, 60.0]
    for nest, path in (
        ([[1, 2], [3]], "row[0][0]"),
        ([{"a": 1.0}], "row[0]['a']"),
        ([Pair(1.0, 2.0)], "row[0][0]"),
        (Pair([1.0, 2.0], [3.0, 4.0]), "row[0][0]"),
    ):
        for numbers in (nest, values_for(nest)):
            with pytest.raises(ValueError, match="of <lambda> should carry a batch axis, but is a number") as error:
                compiled(numbers, 2.0)
            sentence(error, f"{path} of")


def test_hvp_without_its_vector():
    for function, args in ((product, (2.0, 3.0)), (lambda x: x * x, (2.0,))):
        with pytest.raises(TypeError, match="takes its arguments and then the vector, in the structure of the gradi"):
            compile(function).hvp(*args)
    assert compile(lambda x, y=3.0: x * x * y).hvp(2.0, 1.5) == 9.0


@compile(batch="x", wrt="x")
def with_names_of_options(x, *, sparse=2.0, which=1.0, name=1.0, order=1.0, parameters=1.0):
    return x[0] ** 2 * x[1] * sparse * which * name * order * parameters


def test_arguments_may_have_the_names_of_options():
    """Given by name, or with a default before which nothing is given, `sparse=5.0` asked for a sparse matrix."""
    f, x = with_names_of_options, [[1.0, 2.0]]
    with ThreadPoolExecutor(1) as pool:
        for g in (f, f.on(pool)):
            for name in ("sparse", "which", "name", "order", "parameters"):
                factor = 5.0 * (1.0 if name == "sparse" else 2.0)
                given = {name: 5.0}
                assert g(x, **given) == [2.0 * factor]
                assert g.grad(x, **given).tolist() == g.jacobian(x, **given).tolist() == [[4.0 * factor, factor]]
                assert g.hessian(x, **given).tolist() == [[[4.0 * factor, 2.0 * factor], [2.0 * factor, 0.0]]]
                assert g.sparsity("hessian", x, **given).toarray().tolist() == [[True, True], [True, False]]
    by_position = compile(lambda x, sparse=2.0: [x[0] * sparse, x[1]], wrt="x")
    assert by_position.jacobian([1.0, 2.0], sparse=5.0) == [[5.0, 0.0], [0.0, 1.0]]
    assert by_position.jacobian([1.0, 2.0], 5.0, sparse=True).toarray().tolist() == [[5.0, 0.0], [0.0, 1.0]]
