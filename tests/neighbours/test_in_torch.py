import numpy as np
import pytest

torch = pytest.importorskip("torch")

from autograd_mini import Value, compile, dot  # noqa: E402
from autograd_mini.neighbours import to_torch  # noqa: E402
from tests.neighbours.functions import COMPILED, ONE_EXAMPLE, pair  # noqa: E402


def tensors(name, dtype=torch.float64):
    generator = torch.Generator().manual_seed(len(name))
    shapes = [(3,), (3,) if name in ONE_EXAMPLE else (5, 3)]
    return [torch.randn(shape, dtype=dtype, generator=generator).requires_grad_() for shape in shapes]


def flat(function):
    """A function's tensors as a tuple, as PyTorch's checks need them."""

    def tensors_of(result):
        if isinstance(result, dict):
            return sum(map(tensors_of, result.values()), ())
        return sum(map(tensors_of, result), ()) if isinstance(result, tuple) else (result,)

    return lambda *args: tensors_of(function(*args))


@pytest.mark.parametrize("name", COMPILED)
def test_pytorch_finds_first_and_second_derivatives_right(name):
    function = flat(to_torch(COMPILED[name]))
    assert torch.autograd.gradcheck(function, tensors(name))
    assert torch.autograd.gradgradcheck(function, tensors(name))


def test_values_are_those_of_the_function():
    w, x = tensors("a batch")
    found = to_torch(compile(pair, batch=1))(w, x)
    assert np.array_equal(found.numpy(force=True), compile(pair, batch=1)(w.numpy(force=True), x.numpy(force=True)))


def test_it_is_a_layer_in_theirs():
    """A loss with a PyTorch layer before and after it, against PyTorch alone."""
    torch.manual_seed(0)
    before, after = torch.nn.Linear(4, 3).double(), torch.nn.Linear(2, 1).double()
    w, x = torch.randn(3, dtype=torch.float64, requires_grad=True), torch.randn(6, 4, dtype=torch.float64)
    ours = to_torch(compile(pair, batch=1))

    def theirs(w, x):
        return torch.stack([torch.tanh(x @ w), (x * x).sum(axis=1) * w[0]], axis=1)

    everything = [w, *before.parameters(), *after.parameters()]
    losses = [after(f(w, before(x))).square().mean() for f in (ours, theirs)]
    for one, other in zip(*(torch.autograd.grad(loss, everything) for loss in losses)):
        torch.testing.assert_close(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_precision_is_that_of_the_tensors(dtype):
    w, x = tensors("a batch", dtype)
    y = to_torch(compile(pair, batch=1))(w, x)
    y.sum().backward()
    assert y.dtype == w.grad.dtype == x.grad.dtype == dtype


def test_what_holds_no_floats_reaches_the_function():
    f = to_torch(lambda xs, n: sum(xs[:n]))
    x = torch.ones(4, requires_grad=True)
    f(x, 2).backward()
    assert x.grad.tolist() == [1.0, 1.0, 0.0, 0.0]


def test_what_holds_no_floats_may_change_before_the_way_back():
    f = to_torch(compile(lambda w, x, d: (dot(w, x) - d) ** 2, batch=["x", "d"]))
    w, x, labels = torch.ones(2, requires_grad=True), torch.tensor([[1.0, 2.0], [0.5, 0.0]]), torch.tensor([0, 1])
    y = f(w, x, labels).sum()
    labels.fill_(7)
    y.backward()
    assert w.grad.tolist() == [6.0 - 0.5, 12.0]


@pytest.mark.parametrize("name", ["a batch", "a batch of nests", "a sum"])
def test_there_may_be_no_example(name):
    w, x = torch.ones(3, dtype=torch.float64, requires_grad=True), torch.zeros((0, 3), dtype=torch.float64)
    function = flat(to_torch(COMPILED[name]))
    total = sum(part.sum() for part in function(w, x.requires_grad_()))
    slopes = torch.autograd.grad(total, [w, x], create_graph=True)
    again = torch.autograd.grad(slopes[0].sum() + slopes[1].sum(), [w, x])
    assert [slope.tolist() for slope in (*slopes, *again)] == [[0.0] * 3, [], [0.0] * 3, []]


def test_values_from_outside_are_constants():
    w = Value(3.0)
    x = torch.tensor(2.0, requires_grad=True)
    to_torch(lambda x: w * x**2)(x).backward()
    assert x.grad == 12.0
    assert w.grad == 0.0


def test_derivatives_belong_to_the_numbers_of_the_result():
    """What was changed in between would give those of another function."""
    w, scale = Value(3.0), [2.0]
    f = to_torch(lambda x: w * x**2 * scale[0])
    x = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)

    def refused(change, restore):
        y = f(x)
        (slope,) = torch.autograd.grad(y, x, create_graph=True)
        assert slope == 24.0
        change()
        for result in (y, slope):
            with pytest.raises(
                RuntimeError, match="<lambda> reads numbers from outside that have changed since it was"
            ):
                torch.autograd.grad(result, x, retain_graph=True)
        restore()
        assert [torch.autograd.grad(each, x, retain_graph=True)[0].item() for each in (y, slope)] == [24.0, 12.0]

    refused(lambda: setattr(w, "data", 5.0), lambda: setattr(w, "data", 3.0))
    refused(lambda: scale.__setitem__(0, 7.0), lambda: scale.__setitem__(0, 2.0))


def test_torch_func_takes_it():
    w, x = (tensor.detach() for tensor in tensors("a list"))
    f = to_torch(pair)
    slope = torch.func.grad(lambda w: f(w, x)[1])(w)
    torch.testing.assert_close(slope, torch.stack([(x * x).sum(), *torch.zeros(2).double()]))


def test_bad_input():
    with pytest.raises(TypeError, match="^to_torch takes a function in scalar code, got an object of type int"):
        to_torch(3)
    with pytest.raises(TypeError, match="takes at least one tensor of floats, got none"):
        to_torch(dot)([1.0], [2.0])
    with pytest.raises(TypeError, match="lists that no array can hold"):
        to_torch(lambda x: [x[0], [x[1]]])(torch.ones(2))
