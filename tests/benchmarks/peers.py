"""What surrounds a formula with the peers: at one point, or over all examples with the means of its derivatives."""

from __future__ import annotations

import numpy


def torch_at_point(formula, point):
    """A tensor for each number."""
    import torch

    tensors = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in point]

    def run():
        value = formula(*tensors)
        return value, torch.autograd.grad(value, tensors)

    return run


def xad_at_point(formula, point):
    """Its tape in C++."""
    from xad.adj_1st import Real, Tape

    def run():
        with Tape() as tape:
            numbers = [Real(each) for each in point]
            for each in numbers:
                tape.registerInput(each)
            tape.newRecording()
            value = formula(*numbers)
            tape.registerOutput(value)
            value.derivative = 1.0
            tape.computeAdjoints()
            return value.value, [each.derivative for each in numbers]

    return run


def casadi_at_point(function, point):
    """Its fast way: one vector in and one out, in memory bound to the function."""
    numbers, results = numpy.empty(len(point)), numpy.empty(function.numel_out(0))
    evaluate, kept = bound(function, [numbers], [results])

    def run():
        numbers[:] = point
        evaluate()
        return results.tolist()

    run.kept = kept
    return run


def casadi_mapped(one, n, weights, *batches):
    """A function of one example over all of them, its results summed."""
    columns = numpy.asfortranarray(weights.reshape(one.size_in(0)))
    value, slopes = numpy.empty(1), numpy.empty(one.size_out(1), order="F")
    args = [columns, *map(numpy.ascontiguousarray, batches)]
    evaluate, kept = bound(one.map("all", "serial", n, [0], [0, 1]), args, [value, slopes])

    def run():
        evaluate()
        return value, slopes

    run.kept = kept
    return run


def bound(function, args, results):
    """What evaluates a function of CasADi's that reads and writes these arrays in place; and what has to be kept for
    it, since nothing else keeps it."""
    buffer, evaluate = function.buffer()
    for position, array in enumerate(args):
        buffer.set_arg(position, memoryview(array.ravel("K")))
    for position, array in enumerate(results):
        buffer.set_res(position, memoryview(array.ravel("K")))
    return evaluate, (buffer, function, args, results)


def ddx_at_point(equation, point):
    """Its fast way: in memory bound to the function."""
    call = equation.compile().buffer(numpy.empty(len(point)))

    def run():
        call.x[:] = point
        call()
        return call.value, call.jacobian

    return run


def ddx_over_examples(formula, weights, *batches):
    """Over all examples, with glibc's vector functions; NumPy adds up.

    Args:
        formula: of one example, whose variables are the weights and whose parameters the numbers of the batches.
        batches: arrays with a row a number and a column an example.
    """
    import ddx

    n = batches[0].shape[1]
    column = numpy.reshape(weights, (-1, 1))
    inputs = numpy.vstack([numpy.empty((len(column), n)), *batches])
    call = ddx.equation(formula).compile(points=n, veclib=ddx.VecLib.LIBMVEC).buffer(inputs)

    def run():
        inputs[: len(column)] = column
        call()
        return call.value.mean(), call.jacobian.mean(axis=-1)

    return run


def casadi_arrays(function, args, is_called=False):
    """A function of CasADi's of vectors, its results the numbers that are not 0 by form, column by column.

    Args:
        is_called: whether it is called as a function of arrays, which gives matrices of CasADi's; else it reads and
            writes bound memory.
    """
    if is_called:
        return lambda: function.call(args), lambda found: [each.nonzeros() for each in found]
    inputs, results = (
        [numpy.array(each) for each in args],
        [numpy.empty(function.nnz_out(place)) for place in range(function.n_out())],
    )
    evaluate, kept = bound(function, inputs, results)

    def run():
        evaluate()
        return results

    run.kept = kept
    return run
