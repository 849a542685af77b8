"""A trace recorded again on other numbers: the graph that its function records on these in eager mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from autograd_mini.adjoints import adjoints, descendants_of, differentiable_adjoints
from autograd_mini.compiler.passes.nodes import Kept, Scanned
from autograd_mini.compiler.passes.tracing import COMPARISONS, Inner, Trace
from autograd_mini.compiler.scans.transforming import Scan
from autograd_mini.functions import sum as total
from autograd_mini.graph import leaf, topological_order
from autograd_mini.primitives import TABLE
from autograd_mini.value import Value

_stopped = TABLE.auxiliary["stopped"]


def recorded_again(trace: Trace, given: Mapping[Value, Any]) -> list[Any]:
    """The results of a trace, as Values and floats.

    Derivatives that the function itself takes are taken again, so that ties are settled in them, too.

    Args:
        given: for each Value of its inputs and parameters a Value, or a float for one that does not vary.
    """
    found = dict(given)
    inner_of = {node: inner for inner in trace.inner for node in inner.made}
    sources = {source for inner in trace.inner for source in inner.sources}
    taken: set[Inner] = set()
    for node in trace.all or trace.order:
        inner = inner_of.get(node)
        if inner is not None:
            if inner not in taken:
                _differentiate(inner, found)
                taken.add(inner)
            continue
        if node not in found:
            found[node] = _recorded(node, found)
        if node in sources and not isinstance(found[node], Value):
            found[node] = leaf(found[node], Value)
    return [found[y] for y in trace.outputs]


def _recorded(node: Value, found: Mapping[Value, Any]) -> Any:
    operation = node.operation
    if operation is None:
        return node._number if node.is_constant else node
    args = [found[parent] for parent in node.parents]
    if isinstance(operation, Scanned):
        return _looped(operation.scan, args)
    if isinstance(operation, Kept):
        return args[0][operation.index]
    if operation in COMPARISONS:  # in eager mode, they are plain truths
        return operation(*[each._number if isinstance(each, Value) else each for each in args])
    if operation is _stopped and isinstance(args[0], Value):
        return args[0].detach()
    return operation(*args)


def _looped(scan: Scan, args: Sequence[Any]) -> list[Any]:
    """All results of a loop, each step of which is recorded again."""
    (carried, given, fixed), outside = scan.trace.inputs, args[scan.first_outside :]
    carry, kept = [*args[: len(carried)]], []
    for number in range(scan.length):
        first = len(carried) + number * len(given)
        found = dict(zip(scan.trace.parameters, outside)) | dict(zip(carried, carry))
        found |= dict(zip(given, args[first : first + len(given)])) | dict(zip(fixed, scan.constants[number].tolist()))
        results = recorded_again(scan.trace, found)
        carry = results[: len(carried)]
        kept += results[len(carried) :]
    return carry + kept


def _differentiate(inner: Inner, found: dict[Value, Any]) -> None:
    """Take a derivative again."""
    if not inner.is_forward:
        roots = [(found[root], found.get(seed, seed)) for root, seed in inner.roots if root in found]
        adjoints_of = _adjoints(roots, inner, found)
        found.update((each, adjoints_of.get(found[node], 0.0)) for node, each in inner.found.items() if node in found)
        return
    for node, tangent in inner.found.items():  # by the gradients, which know their limits
        adjoints_of = _adjoints([(found[node], 1.0)], inner, found)
        terms = [found.get(seed, seed) * adjoints_of.get(found[x], 0.0) for x, seed in inner.sources.items()]
        found[tangent] = total(terms)


def _adjoints(roots: Iterable[tuple[Any, Any]], inner: Inner, found: Mapping[Value, Any]) -> Mapping[Any, Any]:
    """The adjoints of Σ seed·root; as numbers, if they depend on the variables of the derivative alone."""
    roots = [(root, seed) for root, seed in roots if isinstance(root, Value)]
    order = topological_order(*[root for root, _ in roots])
    variables = {found[source] for source in inner.sources if source in found}
    leaves = [node for node in order if not node.parents and not node.is_constant]
    if variables.issuperset(leaves) and all(type(seed) is float for _, seed in roots):
        return dict(zip(order, adjoints(order, roots, order)))
    return differentiable_adjoints(order, roots, descendants_of(variables, order))
