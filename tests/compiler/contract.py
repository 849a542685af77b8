"""The contract of compiled arithmetic: what the value and the gradient of a function may be, to the last bit.

A function runs in eager mode on Values, and the graph that they record is evaluated again. Operations are carried out
as they are written; `sum`, `mean`, `dot` and `sumprod`, chains of at least four terms joined by + and the adding up of
adjoints are off by at most n·ε·Σ|terms|; library functions are those of the back end. At ties, and where a zero in the
data meets inf, derivatives are those of eager mode.
"""

from collections import Counter
from math import isfinite

import numpy

import autograd_mini as am
from autograd_mini import TABLE, Value, compile
from autograd_mini.adjoints import adjoints as eager_adjoints
from autograd_mini.graph import topological_order
from autograd_mini.limits import ties
from autograd_mini.structures import flatten
from tests.compiler.allowed import UNIT, Allowed, Library, anything, applied, same, total

SHORTEST_CHAIN = 4
LISTS = {TABLE["sum"], TABLE["mean"], TABLE["dot"], TABLE["sumprod"]}
PRODUCTS = {TABLE["mul"], TABLE["square"]}
VECTORS = {TABLE["softmax"], TABLE["log_softmax"]}


class Contract:
    """What the contract allows for one function of numbers at one point.

    Args:
        slack: how many additional units in the last place every operation may be off: for derivatives of derivatives,
            which the compiler computes by other products of the same factors. Then sums of two terms count as sums.

    Attributes:
        values: what is allowed for each number of the result.
        is_careful: whether an adjoint of exactly 0 met inf or nan, or a derivative is not finite: then derivatives are
            computed once more by NumPy.
        is_settled: whether something is tied, or a zero in the data met inf or nan: then eager mode decides them.
    """

    def __init__(self, function, point, backend, slack=0):
        self.library = backend if isinstance(backend, Library) else Library(backend)
        self.slack = slack
        self.function, self.point = function, point
        self.leaves = [Value(x) for x in point]
        outputs = [y if isinstance(y, Value) else None for y in flatten(function(*self.leaves), "a result")[0]]
        self.outputs = outputs
        self.order = order = _ordered([y for y in outputs if y is not None])
        self.uses = Counter(parent for node in order for parent in node.parents)
        self.uses.update({y: 2 for y in outputs if y is not None})
        self.known = {}
        self.shared = {}  # what is computed twice is one number, whose adjoints are added up
        found = {}
        for node in order:
            is_sum = not node.parents or node.operation in LISTS
            key = node if is_sum else (node.operation, *[self.shared[parent] for parent in node.parents])
            self.shared[node] = found.setdefault(key, node)
        self._evaluate()
        self.values = [None if y is None else self._number(y) for y in outputs]
        self.is_careful = False
        self.is_settled = bool(ties(order))

    def gradient(self, output=0):
        """For each number of the point, of one number of the result."""
        adjoints, active = {}, set(self.leaves)
        for node in self.order:
            if not active.isdisjoint(node.parents):
                active.add(node)
        contributions = {self.shared[self.outputs[output]]: ([(1.0,)], 0)}
        for node in reversed(self.order):
            if node not in contributions or node not in active:
                continue
            terms, roundings = contributions[node]
            adjoint = adjoints[node] = self._sum(terms, roundings)
            if node.parents and node in self.known_nodes:
                self._spread(node, adjoint, active, contributions)
        if self.is_settled:
            return self._of_eager_mode(output)
        zero = Allowed(0.0, 0.0, self.library)
        found = [adjoints.get(leaf, zero) for leaf in self.leaves]
        self.is_careful |= not all(each.is_finite for each in found)
        return found

    def _of_eager_mode(self, output):
        found = dict(zip(self.order, eager_adjoints(self.order, [(self.outputs[output], 1.0)], self.order)))
        sizes, allowed = self._sizes(output), about([found.get(leaf, 0.0) for leaf in self.leaves], self.library)
        for leaf, each in zip(self.leaves, allowed):
            rounding = len(self.order) * UNIT * sizes.get(leaf, 0.0)
            each.low, each.high = each.low - rounding, each.high + rounding
        return allowed

    def _sizes(self, output):
        """By nodes, Σ|products of local derivatives| over all ways to a result: what is added up may cancel."""
        sizes = {self.outputs[output]: 1.0}
        for node in reversed(self.order):
            for parent, local in zip(node.parents, node.local_grads):
                sizes[parent] = sizes.get(parent, 0.0) + sizes.get(node, 0.0) * abs(local)
        return {node: size for node, size in sizes.items() if isfinite(size)}

    def _sum(self, terms, roundings):
        out = total(terms, self.library, roundings=roundings + self.slack)
        return out if isinstance(out, Allowed) else Allowed(out, out, self.library)

    def changes(self, place):
        """For each number of the result, along one number of the point, as sweeps forward find it."""
        zero = Allowed(0.0, 0.0, self.library)
        tangents = dict.fromkeys(self.leaves, zero)
        tangents[self.leaves[place]] = Allowed(1.0, 1.0, self.library)
        for node in self.order:
            if self.shared[node] is not node or not node.parents or node not in self.known_nodes:
                continue
            terms, roundings = [], 0
            for parent, local, more in self._locals(node):
                tangent = tangents.get(self.shared[parent])
                if tangent is not None and self._carries(tangent, local, node.operation):
                    terms.append((tangent,) if isinstance(local, float) and local == 1.0 else (tangent, local))
                    roundings += more
            if terms:
                tangents[node] = self._sum(terms, roundings)
        found = [None if y is None else tangents.get(self.shared[y], zero) for y in self.outputs]
        self.is_careful |= not all(each.is_finite for each in found if each is not None)
        return found

    def _spread(self, node, adjoint, active, contributions):
        for parent, local, more in self._locals(node):
            if parent in active and self._carries(adjoint, local, node.operation):
                terms, roundings = contributions.setdefault(self.shared[parent], ([], 0))
                terms.append((adjoint,) if isinstance(local, float) and local == 1.0 else (adjoint, local))
                contributions[self.shared[parent]] = terms, roundings + more

    def _locals(self, node):
        """The parents of a node with their local derivatives, and how many roundings more these may be off; without
        those that are a choice of 0."""
        operation = node.operation
        if operation.is_selector:
            return
        args = [self._operand(parent) for parent in node.parents]
        if operation in LISTS or operation is TABLE["add"]:
            locals_ = operation.partials(None, *args)
        else:
            locals_ = operation.partials(self._operand(node), *args)
        if operation.base in VECTORS and not self._number(node).is_finite:  # the order of factors decides
            locals_ = (anything(self.library),) * len(args)
        more = len(args) + 6 if operation.base in VECTORS else 1 if operation is TABLE["square"] else 0
        for parent, local in zip(node.parents, locals_):
            if not (isinstance(local, float) and local == 0.0 and operation.selects):
                yield parent, local, more

    def _carries(self, adjoint, local, operation):
        """Whether a term is there at all; a choice of 0 wins over inf and nan, other zeros leave it open."""
        local = local if isinstance(local, Allowed) else Allowed(local, local, self.library)
        if operation.selects and local.is_exact and local.low == 0.0 and not adjoint.is_finite:
            self.is_careful = True
            return False
        for zero, other in ((adjoint, local), (local, adjoint)):
            if zero.is_exact and zero.low == 0.0 and not other.is_finite:
                self.is_settled = True
        return True

    def _operand(self, node):
        """A node as rules are given it: constants are floats."""
        return node._number if self._is_constant(node) else self._number(node)

    def _number(self, node):
        if self._is_constant(node):
            return Allowed(node._number, node._number, self.library)
        if node not in self.known:
            out = self._computed(node)
            self.known[node] = total([(out,)], self.library, roundings=self.slack) if self.slack else out
        return self.known[node]

    def _is_constant(self, node):
        return node in self.constants

    def _evaluate(self):
        self.constants = {node for node in self.order if node.is_constant}
        for node in self.order:
            if node.parents and self.constants.issuperset(node.parents):
                self.constants.add(node)
        for leaf in self.leaves:
            self.known[leaf] = Allowed(leaf._number, leaf._number, self.library)
        self.known_nodes = set(self.order) - self.constants
        for node in self.order:  # in order, so that nothing recurs deeply
            if node in self.known_nodes and not self._is_within_sum(node):
                self._number(node)

    def _is_within_sum(self, node):
        return self.uses[node] == 1 and node.operation in LISTS | PRODUCTS | {TABLE["add"]}

    def _computed(self, node):
        operation = node.operation
        if operation in LISTS or operation is TABLE["add"]:
            terms, from_zero = self._terms(node)
            if operation in LISTS or len(terms) >= (2 if self.slack else SHORTEST_CHAIN):
                numbers = [tuple(map(self._operand, term)) for term in terms]
                out = total(numbers, self.library, from_zero=from_zero)
                if operation is TABLE["mean"]:
                    out = applied(TABLE["div"], (out, float(len(node.parents))))
                return out
        args = tuple(map(self._operand, node.parents))
        if operation is TABLE["pow"] and type(args[1]) is float and args[1] == 2.0:
            operation, args = TABLE["square"], args[:1]
        return applied(operation, args)

    def _terms(self, node):
        """The terms of a sum as tuples of their factors; whether it begins with 0."""
        operation, parents = node.operation, node.parents
        if operation in (TABLE["dot"], TABLE["sumprod"]):
            half = len(parents) // 2
            return list(zip(parents[:half], parents[half:])), True
        if operation in LISTS:
            return [term for parent in parents for term in self._inner(parent, LISTS - {TABLE["mean"]})[0]], True
        x, y = parents
        if self._is_constant(x) or self._is_constant(y):
            constant, other = (x, y) if self._is_constant(x) else (y, x)
            if repr(constant._number) != "0.0":
                return [(node,)], False
            return self._inner(other, CHAINS)[0], True
        if not self._is_open(x, CHAINS) and self._is_open(y, CHAINS):
            x, y = y, x
        terms, from_zero = self._inner(x, CHAINS)
        return terms + self._inner(y, LISTS - {TABLE["mean"]})[0], from_zero

    def _is_open(self, node, rows):
        return self.uses[node] == 1 and node.operation in rows and not self._is_constant(node)

    def _inner(self, node, rows):
        """The terms of a term that is itself a sum, if nothing else reads it."""
        if self._is_open(node, rows):
            terms, from_zero = self._terms(node)
            if terms != [(node,)]:
                return terms, from_zero
        if self._is_open(node, PRODUCTS):
            return [(node.parents[0], node.parents[-1])], False
        return [(node,)], False


CHAINS = LISTS - {TABLE["mean"]} | {TABLE["add"]}


def _ordered(outputs):
    order = {}
    for output in outputs:
        order.update(dict.fromkeys(topological_order(output)))
    return list(order)


def faults(function, point, backend, value=None, gradient=None):
    """What is wrong with a value and a gradient, in words; empty if nothing is."""
    contract = Contract(function, point, backend)
    wrong = "" if value is None else wrong_among(value, contract.values, "value")
    return wrong or ("" if gradient is None else wrong_slopes(contract, gradient))


def wrong_slopes(contract, gradient, output=0):
    """What is wrong with the derivatives of one result; those of others may have made the run a careful one."""
    wrong = wrong_among(gradient, contract.gradient(output), "gradient", signs=False)
    if wrong and contract.is_careful and contract.library.backend != "numpy":
        again = Contract(contract.function, contract.point, "numpy", contract.slack)
        return wrong_among(gradient, again.gradient(output), "gradient", signs=False) and wrong
    return wrong


def about(numbers, library):
    """Numbers as eager mode has them, rounded otherwise."""
    radius = 1e-11 * max([abs(x) for x in numbers if isfinite(x)], default=0.0)
    return [Allowed(x - radius, x + radius, library) for x in numbers]


def is_tied(function, gradients, point):
    """Whether anything is tied there, in a function or its gradient."""
    slopes = [slope for slope in flatten(gradients(*map(Value, point)), "the gradient")[0] if isinstance(slope, Value)]
    result = function(*map(Value, point))
    return bool(ties(topological_order(*slopes, *([result] if isinstance(result, Value) else []))))


def wrong_second(function, point, backend, gradients, hessian):
    """What is wrong with second derivatives.

    Args:
        gradients: returns the gradient of the function as Values.
    """
    if is_tied(function, gradients, point):
        expected = am.jacobian(lambda xs: gradients(*xs))([*point])
        allowed = about(flatten(expected, "second derivatives")[0], None)
        return wrong_among(hessian, allowed, "second derivatives", signs=False)
    for place, row in enumerate(hessian):
        contract = Contract(lambda *xs, place=place: gradients(*xs)[place], point, backend, slack=4)
        wrong = "" if contract.outputs[0] is None else wrong_slopes(contract, row)
        if wrong:
            return f"of {function} at {point}: row {place}: {wrong}"
    return ""


def wrong_among(found, allowed, what, signs=True):
    """What numbers are not allowed; those of a nest, if need be without the signs of zeros."""
    numbers = flatten(found, what)[0]
    for number, each in zip(map(float, numbers), allowed, strict=True):
        if each is not None and number not in each and (signs or number != 0.0 or -number not in each):
            return f"{what} {numbers}, allowed {allowed}"
    return ""


def same_in_batches(function, point, backend, lengths):
    """Whether an example has the same bits in batches of all lengths, wherever it stands; what differs, in words."""
    compiled = compile(function, backend=backend, batch=True)
    alone = None
    for n in [1, *lengths]:
        chosen = 2 * n // 3
        rows = numpy.array([[x * (1.0 + 0.25 * (k - chosen)) for x in point] for k in range(n)])
        value, gradient = compiled.value_and_grad(*rows.T)
        gradient = gradient if isinstance(gradient, tuple) else (gradient,)
        found = [float(each[chosen]) for each in (value, *gradient, compiled(*rows.T))]
        if alone is None:
            alone = found
            wrong = faults(function, point, backend, found[0], found[1:-1])
            if wrong:
                return f"in a batch of one: {wrong}"
        if not all(map(same, found, alone)) or not same(found[0], found[-1]):
            return f"in a batch of {n}: {found}, alone: {alone}"
    return ""
