"""Runs a formula with the peers: at one point, or over all examples with the means of its derivatives."""

from __future__ import annotations

import numpy


def torch_at_point(formula, point):
    """PyTorch, with one tensor for each number."""
    import torch

    tensors = [torch.tensor(each, dtype=torch.double, requires_grad=True) for each in point]

    def run():
        value = formula(*tensors)
        return value, torch.autograd.grad(value, tensors)

    return run


def xad_at_point(formula, point):
    """XAD, with its tape in C++."""
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
    """CasADi the fast way: one input and one output vector, in buffers bound to the function."""
    numbers, results = numpy.empty(len(point)), numpy.empty(function.numel_out(0))
    evaluate, kept = bound(function, [numbers], [results])

    def run():
        numbers[:] = point
        evaluate()
        return results.tolist()

    run.kept = kept
    return run


def casadi_mapped(one, n, weights, *batches):
    """CasADi: a function of one example mapped over all examples, its results summed."""
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
    """A function that evaluates a CasADi function, reading and writing these arrays in place; and the objects that must
    be kept alive for it."""
    buffer, evaluate = function.buffer()
    for position, array in enumerate(args):
        buffer.set_arg(position, memoryview(array.ravel("K")))
    for position, array in enumerate(results):
        buffer.set_res(position, memoryview(array.ravel("K")))
    return evaluate, (buffer, function, args, results)


def ddx_at_point(equation, point):
    """ddx the fast way: in buffers bound to the function."""
    call = equation.compile().buffer(numpy.empty(len(point)))

    def run():
        call.x[:] = point
        call()
        return call.value, call.jacobian

    return run


def ddx_over_examples(formula, weights, *batches):
    """ddx over all examples, with glibc's vector functions; NumPy takes the means.

    Args:
        formula: a function of one example, whose variables are the weights and whose parameters the batches' numbers.
        batches: arrays with one row for each number and one column for each example.
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
    """A CasADi function of vectors; its results are the structurally nonzero entries, column by column.

    Args:
        is_called: whether to call it with arrays, which returns CasADi matrices; otherwise it reads and writes bound
            buffers.
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
