"""Programs of scalars: of the value, the gradient, Jacobian and products with the Hessian."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from autograd_mini.compiler.building import local_derivatives
from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.cells import Assembly, Cell
from autograd_mini.compiler.expanding import expanded_scalars
from autograd_mini.compiler.normalising import ONE, Application, Input, Scalars
from autograd_mini.compiler.packing import REDUCTIONS
from autograd_mini.compiler.program import TIED, Leaf, Pack
from autograd_mini.compiler.run.one_kernel import Result, ScalarExecutor
from autograd_mini.compiler.scalar_adjoints import Tape
from autograd_mini.primitives import Primitive


def scalar_executor(
    scalars: Scalars,
    inputs: Sequence[Pack],
    kind: str,
    wanted: Sequence[int],
    *,
    has_batch: bool,
    reduces: bool,
    threads: int,
    cache: CodeCache | None,
) -> ScalarExecutor:
    """What runs the program of that kind: "guards" alone, "value", "gradient", "jacobian" or
    "product".

    Args:
        inputs: the leaf of each array among the arguments; the last one is that of the parameters.
        wanted: the arrays to differentiate towards; -1 for the parameters.
        has_batch: some of them carry a batch.
        reduces: the results are summed over it.

    Raises:
        NotImplementedError: there is no machine code for a primitive, or for its derivative: programs of all kinds are
            scalars, or none, so that all have the same values.
    """
    for scalar in scalars.scalars:
        if type(scalar) is Application:
            _require_derivative(scalar.primitive, len(scalar.args))
    tape = Tape(scalars)
    arrays = dict(enumerate(inputs[:-1])) | {-1: inputs[-1]}
    members: dict[int, list[int]] = {number: [] for number in arrays}
    for number, scalar in enumerate(tape.scalars):
        if type(scalar) is Input:
            members[scalar.array].append(number)
    seeds: list[Pack] = []

    def seed(lanes: int) -> list[int]:
        """The scalars of a new array of seeds."""
        seeds.append(Pack(lanes, True, Leaf("seed", len(seeds), "seed")))
        arrays[len(arrays)] = seeds[-1]
        return tape.inputs(len(arrays) - 1, lanes)

    targets = [members[array] for array in wanted]
    flat = [number for target in targets for number in target]
    adjoints: list[int | None] = []
    if kind == "jacobian":
        adjoints = tape.reverse(list(zip(scalars.outputs, seed(len(scalars.outputs)))), flat)
    elif kind not in ("guards", "value"):
        adjoints = tape.reverse([(output, ONE) for output in scalars.outputs], flat)
    if kind == "product":  # the gradient of the gradient's product with a direction
        directions = [number for target in targets for number in seed(len(target))]
        adjoints = tape.reverse([(a, d) for a, d in zip(adjoints, directions) if a is not None], flat)
    is_summed = has_batch and reduces
    results = {} if kind == "guards" else {"value": Result(scalars.outputs, is_summed)}
    if scalars.guards:
        results["guards"] = Result(scalars.guards, False)
    if scalars.tied is not None and kind != "guards":
        results[TIED] = Result([scalars.tied], False)
    rest = iter(adjoints)
    for array, target in zip(wanted, targets) if adjoints else ():
        found = [next(rest) for _ in target]
        if any(each is not None for each in found):
            numbers = [tape.number(0.0) if each is None else each for each in found]
            results[f"adjoint {array}"] = Result(numbers, is_summed and not arrays[array].batched)
    written = expanded_scalars(tape.scalars)
    if written is not None:
        tape.scalars, place = written
        results = {
            name: Result([place[number] for number in each.numbers], each.is_summed) for name, each in results.items()
        }
    return ScalarExecutor(tape, arrays, seeds, results, threads, cache)


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
