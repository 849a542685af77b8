"""Compiled functions as functions of JAX arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import Any

import jax
import numpy

from autograd_mini.compiler import Compiled
from autograd_mini.compiler.ir.keys import Exact
from autograd_mini.neighbours.sweeps import Arrays, Sweeps, as_compiled, batched, leaves, rebuilt


def to_jax(function: Callable[..., Any], like: Any = None) -> Callable[..., Any]:
    """Make a function usable in JAX: with JAX arrays, `jit`, `vmap` and reverse mode, which may be applied twice.

    JAX calls it back on the CPU, where it runs in double precision; results and gradients have JAX's precision.
    Second derivatives are `jax.jacrev(jax.grad(f))`: JAX's forward mode does not go through callbacks. `vmap` of a
    function of one example calls it once, with the whole batch. Values that the function uses but does not take as
    arguments are constants.

    Args:
        function: a function for `compile`, or a compiled one, which may take a batch. Arrays and floats are
            differentiated; other arguments, such as Python integers, are passed on unchanged.
        like: an example of a result: all results have its structure and shapes. Without it, the function is called
            once on ones for each combination of argument shapes, to find out.

    Returns:
        A function whose results have a JAX array for each array, list of numbers and number.

    Raises:
        TypeError: `function` is not a function; when called: no argument is an array of floats, or `compile` refuses
            the function.
        Exception: JAX's own, on the way back: what the function reads from outside has changed since it was called.

    >>> from autograd_mini import tanh
    >>> import jax
    >>> f = to_jax(lambda w: tanh(w[0]) * w[1])
    >>> [round(float(slope), 4) for slope in jax.jit(jax.grad(f))(jax.numpy.array([0.5, -1.0]))]
    [-0.7864, 0.4621]
    """
    compiled = as_compiled(function, "to_jax")

    @cache
    def form_of(count: int, shapes: tuple[tuple[int, tuple[int, ...]], ...], exact: Exact) -> _Form:
        sweeps, others = Sweeps(compiled, count, tuple([place for place, _ in shapes])), dict(exact.thing)
        shown = sweeps.value([numpy.ones(shape) for _, shape in shapes], others) if like is None else like
        return _Form(sweeps, [shape for _, shape in shapes], others, shown)

    @wraps(function)
    def of_arrays(*args: Any) -> Any:
        places = [
            place
            for place, arg in enumerate(args)
            if isinstance(arg, float) or (hasattr(arg, "dtype") and jax.numpy.issubdtype(arg.dtype, jax.numpy.floating))
        ]
        if not places:
            raise TypeError("a function of to_jax takes at least one array of floats, got none")
        arrays = [jax.numpy.asarray(args[place]) for place in places]
        others = tuple([(place, _other(arg, place)) for place, arg in enumerate(args) if place not in places])
        shapes = tuple([(place, array.shape) for place, array in zip(places, arrays)])
        form = form_of(len(args), shapes, Exact(others))
        return rebuilt(form.shown, iter(form.value(*arrays)))

    return of_arrays


def _other(arg: Any, place: int) -> Any:
    """Return an argument that is not differentiated, which becomes part of the key of cached functions.

    Raises:
        TypeError: it is not hashable.
    """
    try:
        hash(arg)
    except TypeError:
        raise TypeError(
            f"argument {place} holds no floats, so it is not differentiated and must be hashable, got "
            f"{type(arg).__name__}; pass an int or a tuple (under jit, through static_argnums), or make it floats"
        ) from None
    return arg


RECENT = 4096
"""On how many states of what a function reads from outside derivatives are not yet refused: for the last ones."""


class _Form:
    """A function of arrays of given shapes, with the derivatives that JAX needs.

    Attributes:
        shown: an example of a result.
        value: the function from arrays to the arrays of the result and the number of what it read from outside, which
            JAX can differentiate.
        watches: by the last of these numbers, what raises an error once that has changed.
    """

    def __init__(self, sweeps: Sweeps, shapes: list[tuple[int, ...]], others: dict[int, Any], shown: Any) -> None:
        self.sweeps, self.others, self.shown = sweeps, others, shown
        self.shapes = [*shapes, *(leaf.shape for leaf in leaves(shown))]
        self.count = len(shapes)
        self.value: Any = jax.custom_vjp(self._value)
        self.value.defvjp(
            lambda *xs: (found := self.value(*xs), (found[-1], *xs)),
            lambda kept, weights: self.pull(*kept, *weights[:-1]),
        )
        self.pull: Any = jax.custom_vjp(self._pull)
        self.pull.defvjp(lambda *given: (self.pull(*given), given), self._pull_again)
        self.watches: dict[int, Callable[[], None]] = {}

    def _value(self, *xs: Any) -> Any:
        dtype = jax.numpy.result_type(*xs)
        wanted = [*[_array_of(shape, dtype) for shape in self.shapes[self.count :]], _array_of((), numpy.int32)]

        def value(sweeps: Sweeps, arrays: Arrays) -> Arrays:
            found = leaves(sweeps.value(arrays, self.others))
            number, require_same = sweeps.watch()
            self.watches[number] = self.watches.pop(number, require_same)
            if len(self.watches) > RECENT:
                del self.watches[next(iter(self.watches))]
            return [*found, numpy.full(arrays[0].shape[: arrays[0].ndim - len(self.shapes[0])], number)]

        return self._call_back(value, wanted, xs)

    def _require_same(self, numbers: Any) -> None:
        for number in {*numpy.ravel(numbers)}:
            if int(number) not in self.watches:
                raise self.sweeps.changed()
            self.watches[int(number)]()

    def _pull(self, number: Any, *both: Any) -> Any:
        def pull(sweeps: Sweeps, arrays: Arrays) -> Arrays:
            self._require_same(arrays[-1])
            return sweeps.pull(arrays[: self.count], self.others, arrays[self.count : -1])

        return self._call_back(pull, _alike(both[: self.count]), [*both, number])

    def _pull_again(self, given: Any, directions: Any) -> Any:
        number, *both = given

        def pull_again(sweeps: Sweeps, arrays: Arrays) -> Arrays:
            self._require_same(arrays[-1])
            xs, weights, along = arrays[: self.count], arrays[self.count : len(both)], arrays[len(both) : -1]
            slopes, towards_weights = sweeps.pull_again(xs, self.others, weights, along)
            return [*slopes, *towards_weights]

        return None, *self._call_back(pull_again, _alike(both), [*both, *directions, number])

    def _call_back(self, run: Callable[[Sweeps, Arrays], Arrays], wanted: list[Any], arguments: Any) -> Any:
        """Let JAX call `run` with NumPy arrays; if `vmap` has added axes to them, over a batch."""
        own = [each.shape for each in arguments]

        def on_arrays(*given: Any) -> tuple[Any, ...]:
            arrays = [numpy.asarray(array, dtype=float) for array in given]
            axes = arrays[0].shape[: arrays[0].ndim - len(own[0])]
            if not axes:
                found = run(self.sweeps, arrays)
            else:
                flat = [array.reshape(-1, *shape) for array, shape in zip(arrays, own)]
                found = self._over(run, flat)
            shapes = [(*axes, *each.shape) for each in wanted]
            return tuple([numpy.reshape(a, s).astype(w.dtype) for a, s, w in zip(found, shapes, wanted)])

        return jax.pure_callback(on_arrays, tuple(wanted), *arguments, vmap_method="broadcast_all")

    def _over(self, run: Callable[[Sweeps, Arrays], Arrays], arrays: Arrays) -> Arrays:
        function: Compiled = self.sweeps.function
        if function._options.batch is False and not self.others:
            return run(Sweeps(batched(function), self.sweeps.count, self.sweeps.places), arrays)
        each = [run(self.sweeps, [array[i] for array in arrays]) for i in range(len(arrays[0]))]
        return [numpy.stack(parts) for parts in zip(*each)]


def _alike(arrays: Any) -> list[Any]:
    return [_array_of(array.shape, array.dtype) for array in arrays]


def _array_of(shape: tuple[int, ...], dtype: Any) -> Any:
    return jax.ShapeDtypeStruct(shape, dtype)  # type: ignore[no-untyped-call, unused-ignore]
