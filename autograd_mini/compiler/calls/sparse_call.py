"""What a call does for sparse matrices, and for columns of Jacobians, which are computed as these are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy

from autograd_mini.compiler.calls.options import Roles
from autograd_mini.compiler.calls.serving import Serving
from autograd_mini.compiler.calls.splitting import Part
from autograd_mini.compiler.ir.program import Floats
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.sparse.matrices import Pattern, pattern_of, scipy_sparse, united
from autograd_mini.structures import Structure


class SparseCall:
    """One call, of which sparse matrices may be wanted."""

    name: str
    reduce: str | None
    roles: Roles
    arguments: Arguments
    serving: Serving
    finish: Callable[[Floats], Any] | None

    @property
    @abstractmethod
    def wrt(self) -> tuple[int, ...]:
        """The slots of the arguments to differentiate with respect to."""

    @abstractmethod
    def scaled(self, rows: Floats) -> Floats:
        """A result: of the mean over the batch, not the sum; of what is the same for all examples, one each."""

    def sparse(self, kind: Kind) -> Any:
        """A sparse matrix; over a batch that is not reduced, a list of one for each example."""
        scipy_sparse()
        patterns = self._patterns(kind)
        found = [(pattern, self._nonzeros(kind, part, pattern, len(patterns) == 1)) for part, pattern in patterns]
        n = self.arguments.n_examples
        if n is None:
            ((pattern, entries),) = found
            self.finish = pattern.filled
            return pattern.matrix(entries[:, 0])
        if self.reduce is not None:
            whole, numbers = united([(pattern, entries[:, 0]) for pattern, entries in found])
            return whole.matrix(self.scaled(numbers[:, None])[:, 0])
        matrices: list[Any] = [None] * n
        for ((_, rows), pattern), (_, entries) in zip(patterns if n else (), found):
            columns = numpy.broadcast_to(entries.T, (len(rows), len(entries)))
            for row, numbers in zip(rows.tolist(), columns):
                matrices[row] = pattern.matrix(numbers)
        return matrices

    def _nonzeros(self, kind: Kind, part: Part, pattern: Pattern, is_whole: bool) -> Floats:
        """The entries of some examples."""
        arguments = self.arguments if is_whole else self.arguments.part(part.rows)
        entries = self.serving.run_plan(part.plan, Request(kind, self.wrt), arguments).entries
        return numpy.zeros((pattern.columns.size, 1)) if entries is None else entries

    def sparsity(self, kind: Kind) -> Any:
        """The pattern of a sparse matrix, that of all examples together."""
        scipy_sparse()
        found = [(pattern, numpy.ones(pattern.columns.size)) for _, pattern in self._patterns(kind)]
        whole, _ = united([(replace(pattern, order=None), ones) for pattern, ones in found])
        matrix = whole.matrix(numpy.ones(whole.columns.size))
        return matrix.astype(bool)

    def _patterns(self, kind: Kind) -> list[tuple[Part, Pattern]]:
        """Which plan serves which examples, and its pattern."""
        is_hessian = kind == Kind.SPARSE_HESSIAN
        if self.reduce is not None and any(self.arguments.slots[number].batched for number in self.wrt):
            raise ValueError(
                f"{self.name} is reduced over its batch, and the columns of a sparse matrix with respect to the batch "
                "have no natural order; name the arguments to differentiate in wrt=…"
            )
        parts = self.serving.parts(scalar=is_hessian)
        request = Request(kind, self.wrt)
        self.serving.note(parts, request)
        found = []
        for part in parts:
            if request not in part.plan.patterns:
                program = part.plan.sparse(request)
                part.plan.patterns[request] = pattern_of(program, self.arguments, self.roles.wrt[0], is_hessian)
            found.append((part, part.plan.patterns[request]))
        return found

    def column(self, structure: Structure) -> Any:
        """The Jacobian with respect to one number, in the structure of the result."""
        ((part, pattern),) = self._patterns(Kind.SPARSE_JACOBIAN)
        rows, m = pattern.rows(), pattern.shape[0]

        def finish(numbers: Floats) -> Any:
            column = numbers if len(rows) == m else numpy.zeros(m)
            if column is not numbers:
                column[rows] = numbers
            return column.reshape(structure.shape) if structure.shape else structure.rebuild(column.tolist())

        self.finish = finish
        return finish(self._nonzeros(Kind.SPARSE_JACOBIAN, part, pattern, True)[:, 0])
