"""Tapes: a recorded computation as a list of operations, to be run again on numbers of any kind."""

from __future__ import annotations

from operator import itemgetter

from autograd_mini.adjoints import descendants_of
from autograd_mini.tangents import product
from autograd_mini.value import Constant, Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from autograd_mini.primitives import Primitive


class Tape:
    """Operations in order, on numbers that have places: first those given, then the constants, then each result.

    Two tapes are equal if they compute the same.
    """

    def __init__(
        self,
        n_given: int,  # unknowns, followed by the numbers from outside
        constants: tuple[float, ...],
        operations: tuple[tuple[Primitive, tuple[int, ...]], ...],  # each with the places of its arguments
        outputs: tuple[int, ...],  # the places of the results
    ) -> None:
        self.n_given = n_given
        self.constants = constants
        self.operations = operations
        self.outputs = outputs
        self._first = n_given + len(constants)
        self._steps = [
            (operation, itemgetter(*places) if len(places) > 1 else itemgetter(slice(places[0], places[0] + 1)))
            for operation, places in operations
        ]
        self._key = n_given, tuple(map(float.hex, constants)), operations, outputs
        self._hash = hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tape) and self._key == other._key

    def __hash__(self) -> int:
        return self._hash

    def __reduce__(self) -> tuple[Any, ...]:
        return Tape, (self.n_given, self.constants, self.operations, self.outputs)

    def run(self, given: Sequence[Any]) -> list[Any]:
        """Run the operations; the numbers in all places."""
        numbers = [*given, *self.constants]
        for operation, arguments in self._steps:
            numbers.append(operation(*arguments(numbers)))
        return numbers

    def local_derivatives(self, numbers: Sequence[Any]) -> list[tuple[Any, ...]]:
        """The local derivatives of every operation, by the rules of the table."""
        return [
            operation.partials(out, *arguments(numbers))
            for (operation, arguments), out in zip(self._steps, numbers[self._first :])
        ]

    def pull(self, locals_: Sequence[tuple[Any, ...]], seeds: Mapping[int, Any], n: int | None = None) -> list[Any]:
        """The derivatives of Σ seed·number, over the places in `seeds`, with respect to the numbers given or the first
        n of them; 0.0 for those without influence."""
        result, n = dict(seeds), self.n_given if n is None else n
        for number in reversed(range(len(self.operations))):
            adjoint = result.get(self._first + number)
            if adjoint is None:
                continue
            operation, places = self.operations[number]
            for place, local in zip(places, locals_[number]):
                if not n <= place < self._first:
                    term = product(local, adjoint, operation)
                    if term is not None:
                        result[place] = result[place] + term if place in result else term
        return [result.get(place, 0.0) for place in range(n)]


def tape_of(unknowns: Sequence[Value], outputs: Sequence[Any], order: Sequence[Value]) -> tuple[Tape, list[Value]]:
    """The tape that computes the outputs from the unknowns, and the Values from outside that they also depend on.

    `order` holds the nodes of the outputs in topological order; at least those that depend on the unknowns.
    """
    inside, is_unknown = descendants_of(unknowns, order), set(unknowns)
    results = [y if isinstance(y, Value) else Constant(y) for y in outputs]
    made = [node for node in order if node in inside and node not in is_unknown]
    needed = [*[parent for node in made for parent in node.parents], *results]
    used = dict.fromkeys(node for node in needed if node not in inside)
    outside = [node for node in used if not node.is_constant]
    constants = [node for node in used if node.is_constant]
    place = {node: number for number, node in enumerate([*unknowns, *outside, *constants, *made])}
    tape = Tape(
        len(unknowns) + len(outside),
        tuple(node._number for node in constants),
        tuple((node.operation, tuple(place[parent] for parent in node.parents)) for node in made if node.operation),
        tuple(place[y] for y in results),
    )
    return tape, outside
