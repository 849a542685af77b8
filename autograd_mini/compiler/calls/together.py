"""Several paths as one program: it computes the results of every path, what they share only once, and chooses for each
example the results of the path whose decisions all come out as in its trace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from itertools import chain

from autograd_mini.compiler.code.caching import CodeCache
from autograd_mini.compiler.code.scalar_programs import ScalarProgram, differentiate_scalars
from autograd_mini.compiler.deriving import Plan
from autograd_mini.compiler.ir.request import Request
from autograd_mini.compiler.ir.scalars import Input, Looped, Number, Scalar, Terms, alive, first_computed
from autograd_mini.compiler.ir.slots import Arguments
from autograd_mini.compiler.partition import FREE, MOST_WORK
from autograd_mini.compiler.passes.growing import Growing
from autograd_mini.compiler.run.executing import Executor, is_machine, threads_of
from autograd_mini.compiler.run.one_kernel import ScalarExecutor
from autograd_mini.primitives import TABLE

_where, _equal = TABLE["where"], TABLE.auxiliary["equal"]


class Joint(Plan):
    """Several plans joined into one, for one request. Its value has one more number at the end: which plan an example
    takes, counted from 1, or 0 if none. Its only decision is whether there is one.

    Each plan's numbers are computed as it computes them alone, so that an example has the same bits.

    Raises:
        NotImplementedError: the plans cannot be joined, or it would not pay.
    """

    def __init__(self, plans: Sequence[Plan], arguments: Arguments, request: Request) -> None:
        first = plans[0]
        for plan in plans:
            trace = plan.trace
            is_like = trace.structure == first.trace.structure
            is_like = is_like and [*map(id, trace.parameters)] == [*map(id, first.trace.parameters)]
            if not (is_like and plan.source.suits_scalars and trace.guards) or trace.inner or trace.counts:
                raise NotImplementedError
        if not is_machine(first.target):
            raise NotImplementedError
        super().__init__(first.trace, arguments, reduces=False, target=first.target)
        self.state: int = first.state
        self.n_guards: int = 1
        programs = [differentiate_scalars(plan.source_of(request).scalars, request, self.frame) for plan in plans]
        cache = CodeCache(self.target.cache) if self.target.cache is not None else None
        self._executor = ScalarExecutor(_together(programs, plans), threads_of(self.target), cache)

    def executor(self, request: Request) -> Executor:
        return self._executor


def _together(programs: Sequence[ScalarProgram], plans: Sequence[Plan]) -> ScalarProgram:
    """One program that computes several, and chooses among their results; see `Joint`."""
    first = programs[0]
    start = first_computed(first.scalars)
    growing = _Shared(first.scalars[:start])
    found: list[dict[str, list[int]]] = []
    longest = 0
    for program in programs:
        wanted = [*chain.from_iterable(program.results.values())]
        used = alive(program.scalars, wanted)
        if first_computed(program.scalars) != start:
            raise NotImplementedError
        place = [*range(start)]
        for number in range(start, len(program.scalars)):
            place.append(growing.once(program.scalars[number], place.__getitem__) if used[number] else 0)
        found.append({name: [place[each] for each in numbers] for name, numbers in program.results.items()})
        longest = max(longest, used[start:].count(1))
    if len(growing.scalars) - start > MOST_WORK * longest + FREE:
        raise NotImplementedError
    zero, one = growing.number(0.0), growing.number(1.0)
    truths = [
        growing.apply(_equal, each["guards"][0], growing.number(float(plan.n_guards)))
        for plan, each in zip(plans, found)
    ]

    def chosen(numbers: Sequence[int], otherwise: int) -> int:
        """Choose, of one number for each path, that of the path which is taken."""
        pairs = [*zip(truths, numbers)]
        return reduce(
            lambda rest, pair: rest if rest == pair[1] else growing.apply(_where, *pair, rest), pairs[::-1], otherwise
        )

    results = {}
    for name in dict.fromkeys(name for each in found for name in each if name != "guards"):
        size = max(len(each.get(name, ())) for each in found)
        rows = zip(*[each.get(name, [zero] * size) for each in found])
        results[name] = [chosen(row, row[-1]) for row in rows]
    numbers = [growing.number(float(number)) for number in range(1, 1 + len(plans))]
    results["value"].append(chosen(numbers, zero))
    results["guards"] = [chosen([one] * len(plans), zero)]
    return ScalarProgram(growing.scalars, first.arrays, [], results)


class _Shared(Growing):
    """The scalars of several programs, added one after the other; what they share is there once."""

    def once(self, scalar: Scalar, place: Callable[[int], int]) -> int:
        if isinstance(scalar, Number):
            return self.number(scalar.number)
        if isinstance(scalar, Terms):
            key = scalar.from_zero, *[(c, place(x), place(y)) for c, x, y in scalar]
            if key not in self._memo:
                self._memo[key] = self.again(scalar, place)
            return self._memo[key]
        if isinstance(scalar, Input | Looped):
            raise NotImplementedError
        return self.again(scalar, place)
