"""Central differences, extrapolated by Richardson's rule, with which gradients of networks are compared.

With steps h, h/2 and h/4 the error is O(h⁶) and rounding about 1e-16·|f|/h, so a precision of 1e-9 can be required at
h = 0.02 of functions that vary on a scale of 1. For piecewise linear functions the only error is rounding, at any
step that stays on one piece.
"""

from random import Random

from hypothesis import settings
from hypothesis import strategies as st

from autograd_mini import Value, grad, gradients, hessian
from autograd_mini.structures import flatten

TOLERANCE = 1e-9
STEP = 0.02


def differences(f, step=STEP):
    """f'(0) by extrapolated differences."""
    slopes = [(f(h) - f(-h)) / (2 * h) for h in (step, step / 2, step / 4)]
    extrapolated = [(4 * finer - coarser) / 3 for coarser, finer in zip(slopes, slopes[1:])]
    return (16 * extrapolated[1] - extrapolated[0]) / 15


def project(outputs):
    """One number that depends differently on every output, from nested lists and tuples or a flat tensor."""
    numbers = outputs if hasattr(outputs, "shape") else flatten(outputs, "the outputs")[0]
    return sum((0.3 + 0.7 * ((5 * k) % 8) / 8) * y for k, y in enumerate(numbers))


def check_gradients(run, leaves, step=STEP):
    """Compare the gradient of run() with respect to each leaf with differences."""
    expected = []
    for leaf in leaves:
        start = leaf.data

        def moved(by, leaf=leaf, start=start):
            leaf.data = start + by
            try:
                return run().data
            finally:
                leaf.data = start

        expected.append(differences(moved, step))
    found = gradients(run(), leaves)
    assert len(found) == len(expected) > 0
    for index, (g, numeric) in enumerate(zip(found, expected)):
        assert abs(g - numeric) <= TOLERANCE * (1 + abs(numeric)), (
            f"leaf {index} {leaves[index]}: autodiff {g!r}, differences {numeric!r}"
        )


def check_module(module, inputs, step=STEP):
    """Check the derivatives of module(inputs) with respect to its inputs and parameters; return its outputs."""
    numbers, structure = flatten(inputs, "the inputs")
    variables = [Value(x) for x in numbers]
    nest = structure.rebuild(variables)
    check_gradients(lambda: project(module(nest)), [*variables, *module.parameters()], step)
    return module(inputs)


def check_hessian(f, point):
    """Compare the Hessian of f with differences of its gradient."""
    rows = hessian(f)(point)
    slope = grad(f)
    assert len(rows) == len(point)
    for i, row in enumerate(rows):
        for j, second in enumerate(row):

            def moved(by, i=i, j=j):
                return slope([x + by * (k == j) for k, x in enumerate(point)])[i]

            numeric = differences(moved)
            assert abs(second - numeric) <= TOLERANCE * (1 + abs(numeric)), (i, j, second, numeric)


def randomise(module, seed, bound=1.0):
    """Set every parameter, biases included, to a number in ±bound; return the module."""
    generator = Random(seed)
    for parameter in module.parameters():
        parameter.data = generator.uniform(-bound, bound)
    return module


def points(n, bound=2.0):
    """Lists of n numbers."""
    return st.lists(st.floats(-bound, bound), min_size=n, max_size=n)


def spaced(n, gap=0.25):
    """Lists of n numbers that lie at least `gap` apart, in any order: no ties near."""
    return st.permutations(range(n)).map(lambda order: [gap * (k - n / 2) + 0.01 for k in order])


few = settings(max_examples=20, deadline=None)
seeds = st.integers(0, 2**32)
sizes = st.integers(1, 4)
