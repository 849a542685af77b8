"""The graph: its nodes, + - * that record them, their order, and the chain rule backward in numbers.

What runs for every node is here. mypyc compiles this file as it stands, where there is a C compiler; the results are
the same to the bit. Compiled, nothing can come between its lines, no other thread and no interrupt.
"""

from __future__ import annotations

from autograd_mini.loading import without_compiler
from autograd_mini.primitives import TABLE, is_real, to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from typing import Any, Final, TypeVar

    from mypy_extensions import mypyc_attr

    from autograd_mini.primitives import Primitive
    from autograd_mini.value import Value

    N = TypeVar("N", bound="Node")  # a Value

compiled: Final = not __file__.endswith(".py")
if not compiled:
    globals().update(mypyc_attr=without_compiler)
ADD: Final[Any] = TABLE["add"]
SUB: Final[Any] = TABLE["sub"]
MUL: Final[Any] = TABLE["mul"]


class Above:
    """What the files above say: the classes of nodes, and who is told of new ones while any are `listening`; and the
    last mark of a node."""

    __slots__ = ("constant", "listening", "mark", "notify", "value")
    value: type[Any]
    constant: type[Any]
    listening: dict[Any, Any]
    notify: Callable[[Any], None]
    mark: int


above: Final = Above()
above.listening = {}
above.mark = 0


@mypyc_attr(allow_interpreted_subclasses=True)
class Node:
    """A number, what it was computed from, and the local derivatives with respect to that.

    One parent or two lie in slots of their own, since every tuple would cost as much again as the node itself.
    """

    __slots__ = (  # not `_data`, which numpy.ma takes for an array's
        "_adjoint", "_first", "_grad", "_many", "_mark", "_number", "_second", "_to_first", "_to_second", "operation",
    )  # fmt: skip
    _number: float
    _grad: float
    _first: Node | None  # None for a leaf
    _second: Node | None
    _to_first: float
    _to_second: float
    _many: tuple[tuple[Any, ...], tuple[float, ...]] | None  # more than two parents, and the derivatives by them
    _adjoint: float
    _mark: int
    operation: Primitive | None

    def __new__(cls) -> Node:
        return object.__new__(cls)

    @property
    def parents(self) -> tuple[Any, ...]:
        """The Values this was computed from, in order."""
        if self._second is not None:
            return self._first, self._second
        if self._first is None:
            return ()
        return (self._first,) if self._many is None else self._many[0]

    @property
    def local_grads(self) -> tuple[float, ...]:
        """The derivative with respect to each parent, in the same order."""
        if self._second is not None:
            return self._to_first, self._to_second
        if self._first is None:
            return ()
        return (self._to_first,) if self._many is None else self._many[1]

    def __add__(self, other: Any) -> Value:
        right: Node | None = other if type(other) is above.value else operand(other)
        if right is None:
            return NotImplemented
        return join(self._number + right._number, self, right, 1.0, 1.0, ADD)

    def __radd__(self, other: Any) -> Value:
        left: Node | None = operand(other)
        return NotImplemented if left is None else join(left._number + self._number, left, self, 1.0, 1.0, ADD)

    def __sub__(self, other: Any) -> Value:
        right: Node | None = other if type(other) is above.value else operand(other)
        if right is None:
            return NotImplemented
        return join(self._number - right._number, self, right, 1.0, -1.0, SUB)

    def __rsub__(self, other: Any) -> Value:
        left: Node | None = operand(other)
        return NotImplemented if left is None else join(left._number - self._number, left, self, 1.0, -1.0, SUB)

    def __mul__(self, other: Any) -> Value:
        right: Node | None = other if type(other) is above.value else operand(other)
        if right is None:
            return NotImplemented
        x, y = self._number, right._number
        return join(x * y, self, right, y, x, MUL)

    def __rmul__(self, other: Any) -> Value:
        left: Node | None = operand(other)
        if left is None:
            return NotImplemented
        x, y = left._number, self._number
        return join(x * y, left, self, y, x, MUL)


def join(out: float, first: Node, second: Node | None, to_first: float, to_second: float, operation: Any) -> Value:
    """A new node with one parent or two."""
    node = new(above.value)
    node._number = out
    node._grad = 0.0
    node._first = first
    node._second = second
    node._to_first = to_first
    if second is None:
        node._many = None
    else:
        node._to_second = to_second
    node._mark = 0
    node.operation = operation
    if above.listening:
        above.notify(node)
    return node  # type: ignore[return-value]


def record(out: float, parents: tuple[Any, ...], local_grads: tuple[float, ...], operation: Primitive) -> Value:
    """A new node with any number of parents."""
    node = leaf(out, above.value)
    connect(node, parents, local_grads, operation)
    if above.listening:
        above.notify(node)
    return node


def leaf(number: float, kind: type[Any]) -> Value:
    """A node of a plain float, made without asking what else it could be."""
    node = new(kind)
    start(node, number)
    return node  # type: ignore[return-value]


def leaves(numbers: list[float], kind: type[Any]) -> list[Any]:
    """A leaf for each of many numbers."""
    return [leaf(number, kind) for number in numbers]


def start(node: Node, number: float) -> None:
    """Make it a leaf."""
    node._number = number
    node._grad = 0.0
    node._first = node._second = node.operation = None
    node._mark = 0


def connect(node: Node, parents: tuple[Any, ...], local_grads: tuple[float, ...], operation: Primitive | None) -> None:
    """Say what a node was computed from."""
    node._first = parents[0] if parents else None
    node._second = None
    if len(parents) == 2:
        node._second = parents[1]
        node._to_first, node._to_second = local_grads
    elif len(parents) == 1:
        (node._to_first,) = local_grads
        node._many = None
    elif parents:
        node._many = parents, local_grads
    node.operation = operation


def operand(number: Any) -> Node | None:
    """`number` as a node; None for what is not a number, so that Python tries the other operand's method."""
    kind = type(number)
    if kind is float:
        return leaf(number, above.constant)
    if kind is int:
        whole: int = number
        try:
            return leaf(float(whole), above.constant)
        except OverflowError:
            return leaf(to_float(number, "Value"), above.constant)
    if isinstance(number, Node):
        return number
    if not is_real(kind):
        return None
    try:
        return leaf(to_float(number, "Value"), above.constant)
    except TypeError:
        return None


class Seen:
    """A set of nodes, for one walk: it marks them."""

    __slots__ = ("mark",)
    mark: int

    def __init__(self, known: Iterable[Any]) -> None:
        above.mark += 1
        self.mark = above.mark
        for node in known:
            self.add(node)

    def __contains__(self, node: Node) -> bool:
        return node._mark == self.mark

    def add(self, node: Node) -> None:
        node._mark = self.mark


def topological_order(*roots: N, known: Iterable[N] = ()) -> list[N]:
    """All nodes that `roots` were computed from, roots included, every parent before its children.

    The order depends on the graph alone, not on addresses or hash seeds. Those `known`, and what lies behind
    them, are left out. It is iterative, so that depth is no limit.

    >>> from autograd_mini import Value
    >>> x = Value(3.0, label="x")
    >>> y = x * x + x
    >>> [node.operation.symbol if node.operation else node.label for node in topological_order(y)]
    ['x', '*', '+']
    """
    order: list[Any] = []
    seen = Seen(known)
    stack: list[Any] = [*roots]
    while stack:
        node: Node | None = stack.pop()
        if node is None:  # all parents of the node below are in the order
            order.append(stack.pop())
        elif node not in seen:
            seen.add(node)
            stack.append(node)
            stack.append(None)
            parent, following = node._first, node._second
            if following is None and parent is not None and node._many is not None:
                for each in node._many[0]:
                    if each not in seen:
                        if each._first is not None:
                            stack.append(each)
                        else:
                            seen.add(each)
                            order.append(each)
                continue
            while parent is not None:
                if parent not in seen:
                    if parent._first is not None:
                        stack.append(parent)
                    else:
                        seen.add(parent)
                        order.append(parent)
                parent, following = following, None
    return order


def sweep(order: list[Any], seeds: Sequence[tuple[Any, float]], xs: list[Any], kinked: list[Any]) -> bool:
    """The chain rule along a topological order, backward. It leaves the adjoints in the nodes, where the next sweep
    finds them: no two may run at a time. Whether all are numbers; nan is where a zero met inf, too.

    Args:
        xs: other nodes of which the adjoint is wanted; it is 0 if they are not in the order.
        kinked: filled with the nodes whose operation has kinks, whether or not they are at one.
    """
    nodes: list[Node] = order
    wanted: list[Node] = xs
    node: Node
    for node in nodes:
        node._adjoint = 0.0
        operation: Any = node.operation
        if operation is not ADD and operation is not MUL and operation is not None and operation.tied is not None:
            kinked.append(node)
    if wanted is not nodes:
        for node in wanted:
            node._adjoint = 0.0
    for root, seed in seeds:
        node = root
        node._adjoint += seed
    for node in reversed(nodes):
        adjoint, first, second = node._adjoint, node._first, node._second
        if adjoint != adjoint:
            return False
        if first is not None and second is not None:
            first._adjoint += adjoint * node._to_first
            second._adjoint += adjoint * node._to_second
        elif first is not None:
            if node._many is None:
                first._adjoint += adjoint * node._to_first
            else:
                parents, slopes = node._many
                for parent, local in zip(parents, slopes):
                    each: Node = parent
                    each._adjoint += adjoint * local
    return True


def is_at_kink(node: Any) -> Any:
    """Whether an operation that has kinks is at one."""
    here: Node = node
    tied: Any = node.operation.tied
    if here._first is not None and here._second is None and here._many is None:
        return tied(here._number, here._first._number)
    return tied(here._number, *[parent._number for parent in here.parents])


def adjoints_in(xs: list[Any]) -> list[float]:
    """What a sweep left in the nodes."""
    wanted: list[Node] = xs
    return [node._adjoint for node in wanted]


def write_grads(order: list[Any]) -> bool:
    """Make of what a sweep left in the nodes what `backward` says. Compiled, this cannot be interrupted."""
    nodes: list[Node] = order
    for node in nodes:
        if node._first is not None:
            node._grad = node._adjoint
        elif not is_constant(node):
            node._grad += node._adjoint
    return True


def is_constant(node: Any) -> Any:
    """Whether no derivative goes there."""
    return node.is_constant


def new(kind: Any) -> Node:
    """An empty node of any class."""
    return Node.__new__(kind)


if not compiled:  # another thread may come in between, and would mark the same nodes
    globals().update(Seen=set, new=object.__new__)
