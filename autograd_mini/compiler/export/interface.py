"""The functions of the file that are called from outside: the value, the gradient, Jacobian and Hessian, and those from
which CasADi derives others."""

from __future__ import annotations

from collections.abc import Sequence

import numpy

from autograd_mini.compiler.export import derivatives_in_c as sweeps
from autograd_mini.compiler.export.bodies_in_c import Body, function, indented
from autograd_mini.compiler.export.constants import Constants
from autograd_mini.compiler.export.exported import Exported
from autograd_mini.compiler.export.functions_in_c import Entry, Part, Pattern, dense, empty, parts_of
from autograd_mini.compiler.export.identifiers import identifiers
from autograd_mini.compiler.export.packs import body_of
from autograd_mini.compiler.ir.names import ENTRIES, TIED, adjoint
from autograd_mini.compiler.ir.program import Index
from autograd_mini.compiler.ir.request import Kind
from autograd_mini.compiler.sparse.eliminating import SparseProgram

Named = tuple[str, Pattern]
Sweep = tuple[str, sweeps.Results]
"""A function that returns a status, and where it leaves its results."""


class Interface:
    """Writes the functions of a file.

    Args:
        order: the order of the highest derivatives.

    Attributes:
        lines: the functions that others call.
        entries: those that are called from outside.
        size: how many doubles of memory the functions need.
    """

    def __init__(self, exported: Exported, order: int, constants: Constants) -> None:
        self.exported: Exported = exported
        self.constants: Constants = constants
        self.name: str = exported.name
        self.size: int = 0
        self.lines: list[str] = []
        self.entries: list[Entry] = []
        self._names = [name for name, _ in exported.inputs]
        self._m, self._lanes = exported.n_outputs, [leaf.lanes for leaf in exported.slots]
        self._guards: Body | None = None
        self._arguments()
        self._value()
        if order >= 1 and exported.wrt:
            gradient = self._first()
            if order >= 2:
                self._second(gradient)

    def _body(self, kind: Kind) -> Body:
        """Write the body of the program of a kind."""
        return self._write(self.exported.body(kind, self.constants))

    def _write(self, body: Body) -> Body:
        self.lines += body.written()
        self.size = max(self.size, body.size)
        return body

    def _sweeping(
        self, name: str, of: Sweep, blocks: Sequence[sweeps.Block], seeds: Sequence[tuple[int, Index]] = ()
    ) -> None:
        """Write the function that computes blocks by sweeps: `of` is called for each, and leaves its results."""
        n_sweeps = 1 + max((int(sweep.max(initial=0)) for _, sweep in seeds), default=0)
        self.lines += sweeps.sweeping(f"{self.name}_{name}", *of, seeds, n_sweeps, blocks, self.constants)

    def _checked(self, kind: Kind) -> Sweep:
        """Write the function that carries out a body and returns a status; return its name, and the body's results."""
        body, name = self._body(kind), f"{self.name}_{kind.name.lower()}"
        sides = self.exported.sides(self.constants) if kind == Kind.GRADIENT else []
        if not sides:
            self.lines += sweeps.checked(name, body, self.exported.plan.n_guards)
            return name, body.results
        for side in sides:
            self._write(side)
        starts = [*self.exported.offsets.values()]
        sources = [(adjoint(slot), self._lanes[slot], starts[slot]) for slot in self.exported.wrt]
        place = self.exported.directions_at[-1]
        lines, results = sweeps.settling(name, body, sources, place, sides, self.exported.plan.n_guards)
        self.lines += lines
        return name, results

    def _call(self, function: str, places: Sequence[int]) -> list[str]:
        """The call of a function that computes blocks, which are the results at these places."""
        to = ", ".join([f"res[{place}]" for place in places])
        call = f"if (!status) status = {self.name}_{function}(w, to);"
        return ["{", *indented([f"casadi_real *to[{len(places)}] = {{{to}}};", call]), "}"]

    def _add(
        self, name: str, says: str, inputs: Sequence[Named], outputs: Sequence[Named], lines: Sequence[str]
    ) -> None:
        """Add a function that is called from outside; where its status is not 0, its results are nan."""
        inputs = [*self.exported.inputs, *inputs]
        sizes = [pattern.rows.size for _, pattern in outputs]
        nans = [f"set_nan({size}, res[{place}]);" for place, size in enumerate(sizes) if size]
        end = ["if (status) {", *indented(nans), "}"] if nans else ["(void)res;"]
        lines = [f"int status = {self.name}_load(arg, w);", *lines, *end, "return status;"]
        differentiable = [slot in self.exported.wrt for slot in range(len(self._lanes))]
        differentiable += [True] * (len(inputs) - len(differentiable))
        self.entries.append(Entry(name, says, inputs, outputs, lines, differentiable))

    def _arguments(self) -> None:
        """Write what loads the arguments, and checks that those which Python counted with are the same."""
        loads = [
            f"load({leaf.lanes}, arg[{slot}], w + {start});"
            for slot, (leaf, start) in enumerate(self.exported.offsets.items())
            if leaf.lanes
        ]
        same = [f"w[{place}] == {number!r}" for place, number in self.exported.counts]
        lines = ["(void)arg;", "(void)w;", *loads, f"return !({' && '.join(same)});" if same else "return 0;"]
        head = f"static int {self.name}_load(const casadi_real **arg, casadi_real *w)"
        self.lines += function(head, lines)

    def _value(self) -> None:
        outputs = [(self.exported.output, dense(self._m, 1))]
        self._sweeping(
            "results", self._checked(Kind.VALUE), [sweeps.Block(outputs[0][1], "value", numpy.arange(self._m))]
        )
        self._add(self.name, "The value.", [], outputs, self._call("results", [0]))

    def _weights(self, place: int) -> str:
        """The line that loads the weights of the results."""
        return f"load({self._m}, arg[{place}], w + {self.exported.weights_at});"

    def _at_weights(self, lines: Sequence[str], scaled: Sequence[tuple[int, int]]) -> list[str]:
        """Lines that compute derivatives of the sum of all results times their weights, which are an argument. For a
        single result its weight multiplies those in `scaled`: for each, where it goes and how many numbers it has."""
        place = len(self._lanes) + 1
        if not self.exported.is_one:
            return [self._weights(place), *lines]
        weight = f"arg[{place}] ? arg[{place}][0] : 0.0"
        return [*lines, *(f"multiply({size}, res[{each}], {weight});" for each, size in scaled)]

    def _there(self, of: Sweep, slot: int, pattern: Pattern) -> Pattern:
        """A pattern of derivatives with respect to an argument; without any nonzeros if nothing depends on that."""
        return pattern if adjoint(slot) in of[1] else empty(*pattern.shape)

    def _of_entries(self, name: str, found: SparseProgram) -> Sweep:
        """Write the function that carries out the program of the entries of a matrix."""
        exported = self.exported
        if exported.plan.n_guards and self._guards is None:
            self._guards = self._body(Kind.GUARDS)
        setting = exported.setting([], self.constants)
        body = self._write(body_of(f"{self.name}_{name}_body", found.program, setting))
        self.lines += sweeps.checked(f"{self.name}_{name}", body, exported.plan.n_guards, self._guards)
        return f"{self.name}_{name}", body.results

    def _jacobian(self, name: str, gradient: Sweep, found: list[Part], *, is_turned: bool = False) -> None:
        """Write the function that computes the blocks of the Jacobian, or of its transpose: from its entries if there
        is a program for these; row by row if there is none, or where it tells that something is tied."""
        falls_back = self._entries is not None and TIED in self._entries[1]
        if self._entries is not None:
            blocks = [sweeps.Block(pattern, ENTRIES, places) for pattern, places in found]
            self._sweeping(f"{name}_of_entries" if falls_back else name, self._entries, blocks)
        if self._entries is None or falls_back:
            blocks = []
            for slot, (pattern, _) in zip(self.exported.wrt, found):
                row, place = (pattern.columns, pattern.rows) if is_turned else (pattern.rows, pattern.columns)
                blocks.append(sweeps.Block(pattern, adjoint(slot), place, row * bool(self._seeds)))
            self._sweeping(f"{name}_by_rows" if falls_back else name, gradient, blocks, self._seeds)
        if falls_back:
            whole = f"{self.name}_{name}"
            lines = [f"const int status = {whole}_of_entries(w, to);"]
            lines.append(f"return status == 2 ? {whole}_by_rows(w, to) : status;")
            self.lines += function(f"static int {whole}(casadi_real *w, casadi_real **to)", lines)

    def _first(self) -> Sweep:
        """Write first derivatives; return the function that computes the gradient in one sweep."""
        exported, value, wrt = self.exported, self.exported.output, self.exported.wrt
        gradient = self._checked(Kind.GRADIENT)
        found = None if exported.is_one else exported.entries(Kind.SPARSE_JACOBIAN)
        rows = numpy.arange(self._m)
        self._seeds = [] if exported.is_one else [(exported.weights_at, rows)]
        self._entries = None if found is None else self._of_entries("entries_of_jacobian", found)
        if found is None:
            whole = [self._there(gradient, slot, dense(self._m, self._lanes[slot])) for slot in wrt]
            self._parts = [Part(each, each.rows) for each in whole]
        else:
            (self._parts,) = parts_of(found.rows, found.columns, [self._m], exported.lanes)
        patterns = [pattern for pattern, _ in self._parts]
        self._jacobian("jacobian", gradient, self._parts)
        if exported.is_one:
            outputs = [(f"grad_{self._names[slot]}", p.T) for slot, p in zip(wrt, patterns)]
            self._add(f"grad_{self.name}", "The gradient.", [], outputs, self._call("jacobian", range(len(wrt))))
        whole = [patterns[wrt.index(slot)] if slot in wrt else empty(self._m, n) for slot, n in enumerate(self._lanes)]
        outputs = [(f"jac_{value}_{name}", pattern) for name, pattern in zip(self._names, whole)]
        given = [(f"out_{value}", empty(self._m, 1))]
        self._add(f"jac_{self.name}", "The Jacobian.", given, outputs, self._call("jacobian", wrt))
        columns = [dense(lanes, 1) for lanes in self._lanes]
        alone = [self._there(gradient, slot, columns[slot]) for slot in wrt]
        blocks = [sweeps.Block(each, adjoint(slot), each.rows) for slot, each in zip(wrt, alone)]
        self._sweeping("adjoint", gradient, blocks)
        given.append((f"adj_{value}", dense(self._m, 1)))
        zeros = [f"set_zero({lanes}, res[{slot}]);" for slot, lanes in enumerate(self._lanes)]
        lines = [*zeros, *self._at_weights(self._call("adjoint", wrt), [(slot, self._lanes[slot]) for slot in wrt])]
        says = "The gradient of the sum of the results times their weights, which are the last argument."
        outputs = [(f"adj_{name}", column) for name, column in zip(self._names, columns)]
        self._add(f"adj1_{self.name}", says, given, outputs, lines)
        return gradient

    def _second(self, gradient: Sweep) -> None:
        """Write second derivatives."""
        exported, value = self.exported, self.exported.output
        wrt, n = exported.wrt, len(exported.wrt)
        entries = exported.entries(Kind.SPARSE_HESSIAN)
        if entries is None:
            product = self._checked(Kind.PRODUCT)
            columns = numpy.split(numpy.arange(sum(exported.lanes)), numpy.cumsum(exported.lanes)[:-1])
            blocks = [
                sweeps.Block(each, adjoint(slot), each.rows, columns[place][each.columns])
                for slot in wrt
                for place, other in enumerate(wrt)
                for each in [self._there(product, slot, dense(self._lanes[slot], self._lanes[other]))]
            ]
            self._sweeping("hessian", product, blocks, [*zip(exported.directions_at, columns)])
        else:
            parts = parts_of(entries.rows, entries.columns, exported.lanes, exported.lanes)
            blocks = [sweeps.Block(pattern, ENTRIES, places) for row in parts for pattern, places in row]
            self._sweeping("hessian", self._of_entries("entries_of_hessian", entries), blocks)
        pairs = [(row, column) for row in wrt for column in wrt]
        outputs = [
            (f"hess_{self._names[row]}_{self._names[column]}", block.pattern)
            for (row, column), block in zip(pairs, blocks)
        ]
        if exported.is_one:
            self._add(f"hess_{self.name}", "The Hessian.", [], outputs, self._call("hessian", range(n * n)))
        else:
            (name,) = identifiers(["weights"], [name for name, _ in (*exported.inputs, *outputs)])
            lines = [self._weights(len(self._lanes)), *self._call("hessian", range(n * n))]
            says = "The Hessian of the sum of the results times their weights."
            self._add(f"hess_{self.name}", says, [(name, dense(self._m, 1))], outputs, lines)
        turned = [Part(pattern.T, places[pattern.turned]) for pattern, places in self._parts]
        self._jacobian("transposed", gradient, turned, is_turned=True)
        found: dict[tuple[int, int], Pattern] = {pair: block.pattern for pair, block in zip(pairs, blocks)}
        variables = [*zip(self._names, self._lanes), (f"out_{value}", self._m), (f"adj_{value}", self._m)]
        found |= {(slot, len(variables) - 1): each.pattern for slot, each in zip(wrt, turned)}
        outputs = [
            (f"jac_adj_{name}_{other}", found.get((slot, place), empty(self._lanes[slot], width)))
            for slot, name in enumerate(self._names)
            for place, (other, width) in enumerate(variables)
        ]
        of_hessian = [len(variables) * slot + other for slot, other in pairs]
        of_jacobian = [len(variables) * (slot + 1) - 1 for slot in wrt]
        scaled = [(each, outputs[each][1].rows.size) for each in of_hessian]
        lines = self._call("transposed", of_jacobian) + self._at_weights(self._call("hessian", of_hessian), scaled)
        given = [(f"out_{value}", empty(self._m, 1)), (f"adj_{value}", dense(self._m, 1))]
        given += [(f"out_adj_{name}", empty(lanes, 1)) for name, lanes in zip(self._names, self._lanes)]
        says = "The Jacobian of the function before."
        self._add(f"jac_adj1_{self.name}", says, given, outputs, lines)
