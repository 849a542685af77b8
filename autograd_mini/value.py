"""`Value`: a number that remembers how it was computed."""

from __future__ import annotations

from autograd_mini import copying, observing
from autograd_mini.adjoints import add_to_grads
from autograd_mini.compatibility import Compatible
from autograd_mini.graph import above, leaf, new, record, start, topological_order
from autograd_mini.numbering import numbers_of
from autograd_mini.primitives import to_float

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self, SupportsFloat

    from autograd_mini.limits import Choice
    from autograd_mini.methods import Operators
    from autograd_mini.primitives import Primitive
else:
    Operators = Compatible  # the operators themselves, and every primitive as a method, are attached from the table

EMPTY, NAMELESS = (), ""


class Value(Operators):
    """One float, its parents and the local derivatives with respect to them.

    Arithmetic on Values, with plain numbers on either side, records a computation graph;
    `backward()` then applies the chain rule to it. Comparisons compare `data`; hashing is by identity.

    Args:
        data: any real number: int, float, bool, a NumPy scalar, what defines `__float__`, or an array or tensor
            with one element.
        label: a name for messages and pictures; it may be the second argument. (`_children` and `_op` are there for
            code written for micrograd: a leaf has no children.)

    Raises:
        TypeError: `data` is not one real number (complex, str, None, a longer array, another Value), the label
            is not a string, or there are children: use `register_primitive` to make an operation.

    Attributes:
        data: the number, a float64.
        grad: d(result)/d(this), written by `backward()`; assigning None sets it to 0.
        parents: the Values this was computed from, in order; empty for a leaf.
        local_grads: the derivative with respect to each parent, in the same order.
        operation: the primitive that computed it; `None` for a leaf.
        origin: file and line that recorded it, known within `debug()`.

    >>> a, b = Value(2.0), Value(-3.0)
    >>> y = (a * b + 1).tanh()
    >>> y.backward()
    >>> y.data, a.grad
    (-0.9999092042625951, -0.00054474969283142)
    >>> (a * b).parents == (a, b), (a * b).local_grads
    (True, (-3.0, 2.0))
    """

    __slots__ = ("__dict__", "__weakref__")
    is_constant = False
    label: str = NAMELESS  # this and the next two are in the `__dict__` of the few nodes that have them
    origin: tuple[str, int] | None = None
    _choice: Choice | None = None

    def __new__(cls, *args: Any, **keywords: Any) -> Self:
        return new(cls)  # type: ignore[return-value]

    def __init__(self, data: SupportsFloat, _children: Any = EMPTY, _op: str = NAMELESS, label: str = NAMELESS) -> None:
        start(self, to_float(data, "Value"))
        if _children is not EMPTY or _op is not NAMELESS or label is not NAMELESS:
            self.label = self._label_of(_children, _op, label)
        if observing.differentiations:
            observing.leaf_made(self)

    @property
    def data(self) -> float:
        """The number, a float64."""
        if observing.active:
            observing.number_read(self, ".data")
        return self._number

    @data.setter
    def data(self, number: SupportsFloat) -> None:
        if observing.active:
            observing.number_written(self, ".data")
        self._number = to_float(number, "Value.data")

    @property
    def grad(self) -> float:
        """The derivative of what `backward()` was last called on, with respect to this."""
        if observing.active:
            observing.number_read(self, ".grad")
        return self._grad

    @grad.setter
    def grad(self, number: SupportsFloat | None) -> None:
        if observing.active:
            observing.number_written(self, ".grad")
        self._grad = 0.0 if number is None else to_float(number, "Value.grad")

    def backward(self, seed: SupportsFloat = 1.0) -> None:
        """Differentiate this Value with respect to everything it was computed from.

        Leaves add seed·d(this)/d(leaf) to their `grad`, call after call; intermediate nodes hold that of the last
        call only; constants are left alone. Ctrl-C leaves either every `grad` as it was or all of them written.

        Args:
            seed: the adjoint of this Value itself, a number.

        Raises:
            ValueError: it depends on no variable, only on constants.
            TypeError: the seed is not a number.

        >>> x = Value(3.0)
        >>> (x * x).backward()
        >>> x.grad
        6.0
        """
        if observing.active:
            observing.number_written(self, "backward()")
        order: list[Value] = topological_order(self)
        if all(node.is_constant for node in order if node.operation is None):
            raise ValueError(
                "backward() needs a Value that depends on a variable, and this one is made of constants only; "
                "make its inputs with Value(...)"
            )
        add_to_grads(order, [(self, to_float(seed, "backward(seed)"))])

    def detach(self) -> Value:
        """The same number as a constant, through which no derivative flows.

        >>> x = Value(3.0)
        >>> (x * x.detach()).backward()
        >>> x.grad
        3.0
        """
        answer = observing.ask("detached", self) if observing.active else None
        return Constant(self._number, label=self.label) if answer is None else answer

    def as_operand(self) -> Value | float:
        """What rules calculate with: the Value itself or, if it is a constant, only its number."""
        return self

    @staticmethod
    def apply_primitive(primitive: Primitive, args: tuple[Any, ...]) -> Any:
        """Record `primitive` applied to Values and numbers: one new node."""
        try:
            xs = numbers_of(args)
        except (AttributeError, TypeError):  # plain numbers among them
            for arg in args:
                if not isinstance(arg, Value) and hasattr(arg, "apply_primitive"):  # as a series, which takes Values
                    return arg.apply_primitive(primitive, args)
            args = tuple(
                arg if isinstance(arg, Value) else leaf(to_float(arg, primitive.name), Constant) for arg in args
            )
            xs = numbers_of(args)
        if primitive.is_selector:
            answer = observing.ask("selected", primitive, args) if observing.active else None
            return primitive.forward(*xs) if answer is None else answer
        out = primitive.forward(*xs)
        return record(out, args, primitive.partials(out, *xs), primitive)

    _record = staticmethod(record)

    def __bool__(self) -> bool:
        if observing.active:
            observing.ask("truth_asked", self)
        return self._number != 0.0

    def __repr__(self) -> str:
        shown = observing.ask("shown", self) if observing.active else None
        if shown is not None:
            return shown  # type: ignore[no-any-return]
        label = f", label={self.label!r}" if self.label else ""
        return f"{type(self).__name__}(data={self._number!r}, grad={self._grad!r}{label})"

    if not TYPE_CHECKING:
        __copy__ = copying.copy
        __deepcopy__ = copying.deepcopy
        __reduce_ex__ = copying.reduce
        __setstate__ = copying.with_attributes


class Constant(Value):
    """A number in a graph that gets no derivative; operators turn their plain numbers into constants.

    >>> (Value(2.0) * 3).parents[1]
    Constant(data=3.0, grad=0.0)
    """

    __slots__ = ()
    is_constant = True

    def backward(self, seed: Any = 1.0) -> None:
        raise ValueError("backward() needs a Value that depends on a variable, and this is a constant; use Value(...)")

    def as_operand(self) -> float:
        return self._number


above.value, above.constant = Value, Constant
