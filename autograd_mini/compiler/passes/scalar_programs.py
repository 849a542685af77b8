"""Programs of scalars: of the value, the gradient, Jacobian and products with the Hessian."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import NamedTuple

from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.ir.program import TIED, Leaf, Pack
from autograd_mini.compiler.ir.request import Frame, Kind, Request
from autograd_mini.compiler.ir.scalars import ONE, Application, Input, Scalar, Scalars
from autograd_mini.compiler.passes.expanding import expanded_scalars
from autograd_mini.compiler.passes.packing import REDUCTIONS
from autograd_mini.compiler.passes.rules import local_derivatives
from autograd_mini.compiler.passes.scalar_adjoints import Tape
from autograd_mini.primitives import Primitive


class Result(NamedTuple):
    """What is wanted: scalars, each for every column, or their sums over the columns."""

    numbers: list[int]
    is_summed: bool


class ScalarProgram(NamedTuple):
    """Scalars, and which of them are wanted.

    Attributes:
        arrays: the leaf that stands for each array, by its number among the arrays of the scalars.
        seeds: those of them that are seeds.
        results: what is wanted, by name.
    """

    scalars: Sequence[Scalar]
    arrays: Mapping[int, Pack]
    seeds: list[Pack]
    results: Mapping[str, Result]


def differentiate_scalars(scalars: Scalars, request: Request, frame: Frame) -> ScalarProgram:
    """The program for a request.

    Raises:
        NotImplementedError: there is no machine code for a primitive, or for its derivative: programs of all kinds are
            scalars, or none, so that all have the same values.
    """
    kind = request.kind
    for scalar in scalars.scalars:
        if type(scalar) is Application:
            _require_derivative(scalar.primitive, len(scalar.args))
    tape = Tape(scalars)
    arrays = dict(enumerate(frame.inputs[:-1])) | {-1: frame.inputs[-1]}
    members: dict[int, list[int]] = {number: [] for number in arrays}
    for number, scalar in enumerate(tape.scalars):
        if type(scalar) is Input:
            members[scalar.array].append(number)
    seeds: list[Pack] = []

    def seed(lanes: int) -> range:
        """The scalars of a new array of seeds."""
        seeds.append(Pack(lanes, True, Leaf("seed", len(seeds), "seed")))
        arrays[len(arrays)] = seeds[-1]
        return tape.inputs(len(arrays) - 1, lanes)

    targets = [members[array] for array in request.wrt]
    flat = [number for target in targets for number in target]
    adjoints: list[int | None] = []
    if kind == Kind.JACOBIAN:
        adjoints = tape.reverse(list(zip(scalars.outputs, seed(len(scalars.outputs)))), flat)
    elif kind not in (Kind.GUARDS, Kind.VALUE):
        adjoints = tape.reverse([(output, ONE) for output in scalars.outputs], flat)
    if kind == Kind.PRODUCT:  # the gradient of the gradient's product with a direction
        directions = [number for target in targets for number in seed(len(target))]
        adjoints = tape.reverse([(a, d) for a, d in zip(adjoints, directions) if a is not None], flat)
    is_summed = frame.has_batch and frame.reduces
    results = {} if kind == Kind.GUARDS else {"value": Result(scalars.outputs, is_summed)}
    if scalars.guards:
        results["guards"] = Result(scalars.guards, False)
    if scalars.tied is not None and kind != Kind.GUARDS:
        results[TIED] = Result([scalars.tied], False)
    rest = iter(adjoints)
    for (array, name), target in zip(request.names, targets) if adjoints else ():
        found = [next(rest) for _ in target]
        if any(each is not None for each in found):
            numbers = [tape.number(0.0) if each is None else each for each in found]
            results[name] = Result(numbers, is_summed and not arrays[array].batched)
    written = expanded_scalars(tape.scalars)
    if written is not None:
        tape.scalars, place = written
        results = {
            name: Result([place[number] for number in each.numbers], each.is_summed) for name, each in results.items()
        }
    return ScalarProgram(tape.scalars, arrays, seeds, results)


@cache
def _require_derivative(primitive: Primitive, n_args: int) -> None:
    """Raise NotImplementedError if there is no machine code for what its rule computes."""
    if primitive.is_selector or primitive in REDUCTIONS:
        return
    assembly = Assembly(1)
    cells = [Cell(assembly, "%x") for _ in range(1 + n_args)]
    try:
        local_derivatives(primitive, cells[0], cells[1:])
    except TypeError:  # it is no rule for symbols
        raise NotImplementedError(primitive.name) from None
