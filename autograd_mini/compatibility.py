"""The names by which micrograd and microgpt know a node, so that code written for them finds them on a Value."""

from __future__ import annotations

from autograd_mini import copying, observing
from autograd_mini.graph import Node
from autograd_mini.primitives import brief

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from autograd_mini.value import Value

REGISTER = "make an operation of your own with register_primitive(name, forward, partials)"
_NOTHING, _SOMETHING = (lambda: None).__code__, (lambda: ...).__code__


class Step:
    """`_backward`: calling it takes one step of the chain rule, by the rule that the operation has in the table.

    A function that does nothing, as micrograd's leaves have, may be assigned to a leaf. Anything else is refused,
    because `backward()` would not call it.
    """

    def __get__(self, node: Compatible | None, owner: type) -> Callable[..., None]:
        return Compatible._make_step if node is None else node._make_step

    def __set__(self, node: Compatible, step: Any) -> None:
        code = getattr(step, "__code__", _SOMETHING)
        if node.parents or (code.co_code, code.co_consts) != (_NOTHING.co_code, _NOTHING.co_consts):
            raise AttributeError(
                f"a Value's step of the chain rule belongs to its operation and cannot be assigned; {REGISTER}, or "
                "take the Value of autograd_mini.micrograd, whose backward() calls what is assigned"
            )


class Compatible(Node):
    """The base class that gives Value the names of micrograd and microgpt."""

    __slots__ = ()
    label: str

    _backward = Step()
    if not TYPE_CHECKING:
        copy = copying.twin_of

    @property
    def _prev(self) -> tuple[Value, ...]:
        return self.parents

    @property
    def _children(self) -> tuple[Value, ...]:
        return self.parents

    @property
    def _local_grads(self) -> tuple[float, ...]:
        return self.local_grads

    @property
    def _op(self) -> str:
        return self.operation.symbol if self.operation else vars(self).get("_op", "")

    def _make_step(self) -> None:
        """Add this node's `grad` times each local derivative to the `grad` of its parents, constants among them."""
        if observing.active:
            observing.number_written(self, "_backward()")
        for parent, local in zip(self.parents, self.local_grads):
            parent._grad += self._grad * local

    def _label_of(self, children: Any, op: Any, label: Any) -> str:
        """The label that the arguments of the constructor give a new leaf."""
        kind = type(self).__name__
        if isinstance(children, str) and not label:
            children, label = (), children
        if isinstance(children, (tuple, list, set, frozenset, dict)):
            if children:
                raise TypeError(f"{kind} makes a leaf, which has no operands, but got {brief(children)}; {REGISTER}")
            children = ""
        for name in (children, op, label):
            if not isinstance(name, str):
                raise TypeError(f"{kind} takes a string as its label, got {brief(name)} ({type(name).__name__})")
        if children:
            raise TypeError(f"{kind} takes one label, got two: {brief(children)} and {brief(label)}")
        if op:
            vars(self)["_op"] = op
        return label  # type: ignore[no-any-return]
