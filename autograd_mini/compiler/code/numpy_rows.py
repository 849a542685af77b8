"""The NumPy form of every primitive of the table: what the NumPy executor applies to whole arrays.

`elementwise` gives the form over arrays that broadcast, `reduction` the one over the first axis of one array. They
agree with `primitive.forward` element by element, up to the last digits of library functions. NumPy may warn within:
callers say `numpy.errstate(all="ignore")`. A primitive without a form here is computed by its formula, or by its own
`forward` in a loop.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

import numpy
from numpy.typing import NDArray

from autograd_mini.primitives import TABLE, Part, Primitive
from autograd_mini.primitives import piecewise as selectors
from autograd_mini.primitives.symbols import lasting_formula

Array: TypeAlias = NDArray[numpy.float64]
Form: TypeAlias = Callable[..., Any]
Result = TypeVar("Result")


def errors_kept(work: Callable[[], Result]) -> Result:
    """Return what `work` does; NumPy then handles errors as before, even if Ctrl-C came just as an `errstate` ended."""
    errors = numpy.geterr()
    try:
        return work()
    except KeyboardInterrupt:
        numpy.seterr(**errors)
        raise


def has_form(primitive: Primitive) -> bool:
    """Whether a primitive has a form of its own."""
    return primitive.base in FORMS or primitive.base in REDUCTIONS


def elementwise(primitive: Primitive) -> Form:
    """A function of as many arrays (or floats) as `primitive` has arguments: its forward on every element."""
    base, options = primitive.base, primitive.options
    if isinstance(primitive, Part):
        whole, part = elementwise(primitive.whole), primitive.part
        return lambda *xs: whole(*xs)[part]
    if base in FORMS:
        return functools.partial(FORMS[base], **options) if options else FORMS[base]
    if base in REDUCTIONS:
        reduce = reduction(primitive)
        return lambda *xs: reduce(_stack(*xs))
    return functools.partial(_written_out, primitive)


def reduction(primitive: Primitive) -> Callable[[Array], Array]:
    """A function of one array: the n-ary `primitive` of the entries along the first axis."""
    if primitive.base in REDUCTIONS:
        return functools.partial(REDUCTIONS[primitive.base], **primitive.options)
    form = elementwise(primitive)
    return lambda X: form(*X)


def _written_out(primitive: Primitive, *args: Any) -> Any:
    formula = lasting_formula(primitive, len(args))
    if formula is None:
        return _looped(primitive.forward, *args)
    return formula.run(args, lambda operation, *numbers: elementwise(operation)(*numbers))


def _looped(forward: Form, *args: Any) -> Any:
    # numpy.frompyfunc would do, but takes a limited number of arguments
    arrays = numpy.broadcast_arrays(*args)
    results = numpy.array(list(map(forward, *(a.ravel().tolist() for a in arrays))), dtype=numpy.float64)
    if results.ndim == 2:
        return tuple(column.reshape(arrays[0].shape) for column in results.T)
    return results.reshape(arrays[0].shape)


def _stack(*xs: Any) -> Array:
    return numpy.stack(numpy.broadcast_arrays(*xs))


def _choose(mask: Any, x: Any, y: Any) -> Any:
    """numpy.where by bits: its branches take several times as long where the mask follows no pattern."""
    ones = -mask.astype(numpy.int64)
    x, y = (numpy.asarray(number, dtype=numpy.float64).view(numpy.int64) for number in (x, y))
    bits = (x ^ y) & ones
    bits ^= y
    return bits.view(numpy.float64)


def _put(x: Any, mask: Any, fresh: Any) -> Any:
    """`fresh` with x where the mask holds; fast if that is seldom."""
    if not isinstance(fresh, numpy.ndarray):
        return x if mask else fresh
    numpy.copyto(fresh, x, where=mask)
    return fresh


def _number(truth: Any) -> Any:
    return truth.astype(numpy.float64)


def _compare(ufunc: numpy.ufunc, x: Any, y: Any) -> Any:
    return _number(ufunc(x, y))


def _larger(extreme: Form, x: Any, y: Any) -> Any:
    out = extreme(x, y)
    if type(y) is float and y != 0.0:
        return out
    return _put(x, numpy.equal(x, y), out)  # of 0.0 and -0.0 NumPy may give either, the row gives the first


_maximum = functools.partial(_larger, numpy.maximum)
_minimum = functools.partial(_larger, numpy.minimum)


def _pow(x: Any, y: Any) -> Any:
    out, is_half = numpy.power(x, y), numpy.equal(y, 0.5)
    if not numpy.any(is_half):
        return out
    # NumPy takes the square root if one exponent serves many numbers; pow gives 0 and inf at -0 and -inf
    return _put(numpy.abs(x), is_half & (numpy.equal(x, 0.0) | numpy.equal(x, -numpy.inf)), out)


def _step(x: Any, at_zero: Any) -> Any:
    slope = _number(~numpy.less(x, 0.0))
    if type(at_zero) is float and at_zero == 1.0:
        return slope
    return _choose(numpy.equal(x, 0.0), at_zero, slope)


def _clip_branch(x: Any, low: Any, high: Any) -> tuple[Any, Any, Any]:
    below, above = numpy.less(x, low), numpy.greater(x, high)
    at_high = above | (below & numpy.greater(low, high))
    return _number(~(below | above)), _number(below & ~at_high), _number(at_high)


def _decay(x: Any) -> Any:
    """exp(-|x|). It and its callers work in place: to allocate an array takes longer than to fill it."""
    e = numpy.asarray(numpy.abs(x))
    numpy.negative(e, out=e)
    return numpy.exp(e, out=e)


def _sigmoid(x: Any) -> Any:
    e = _decay(x)
    out = numpy.maximum(e, numpy.greater_equal(x, 0.0))
    e += 1.0
    out /= e
    return out


def _softplus(x: Any) -> Any:
    out = _decay(x)
    numpy.log1p(out, out=out)
    out += numpy.maximum(x, 0.0)
    return out


def _sech(x: Any) -> Any:
    out = _decay(x)
    below = out * out
    below += 1.0
    out += out
    out /= below
    return out


def _erf(x: Any) -> Any:
    try:
        from scipy.special import erf  # its other special functions are off by more than 4 units in the last place
    except ImportError:
        return _looped(math.erf, x)
    return erf(x)


def _remainder(x: Any, y: Any) -> Any:
    """The remainder as fdlibm computes it: from |x| and |y|, in steps that do not round."""
    y = numpy.abs(y)
    rest = numpy.fmod(numpy.abs(x), y + y)
    beyond = rest + rest > y
    rest = numpy.where(beyond, rest - y, rest)
    rest = numpy.where(beyond & (rest + rest >= y), rest - y, rest)
    return numpy.where(numpy.signbit(x), -rest, rest)


def _ldexp(x: Any, exponent: Any) -> Any:
    bounded = numpy.clip(numpy.trunc(exponent), -4096.0, 4096.0).astype(numpy.intc)  # ±4096 turns every x into 0 or inf
    return numpy.where(numpy.isfinite(exponent), numpy.ldexp(x, bounded), numpy.multiply(x, numpy.exp2(exponent)))


def total(X: Array) -> Array:
    """The sum of the entries along the first axis, by halves: in the same order whatever the other axes are."""
    if not len(X):
        return numpy.zeros(X.shape[1:])
    while len(X) > 1:
        half = len(X) // 2
        rest = X[2 * half :]
        X = X[:half] + X[half : 2 * half]
        if len(rest):
            X[0] += rest[0]
    out: Array = X[0]
    return out


def norm(X: Array) -> Array:
    out: Array = numpy.sqrt(total(X * X))
    safe = (out > 1e-140) & (out < 1e150)  # beyond, squares are lost
    safe |= numpy.isnan(out) & ~numpy.isinf(X).any(axis=0)  # in steps it may come to overflow before a nan
    return out if safe.all() else numpy.where(safe, out, numpy.hypot.reduce(X, axis=0, initial=0.0))


def _extreme(extreme: numpy.ufunc, X: Array) -> Array:
    out: Array = extreme.reduce(X, axis=0)
    if numpy.any(out == 0.0):  # of zeros of two signs the first, as in `_larger`
        first = numpy.take_along_axis(X, numpy.argmax(out == X, axis=0)[numpy.newaxis], axis=0)[0]
        out = numpy.where(out == 0.0, first, out)
    return out


def _log_total(X: Array, top: Array) -> Array:
    """log Σ exp(x - top): the one that is 1 stays outside, so that little next to it is not lost."""
    powers = numpy.exp(X - top)
    numpy.put_along_axis(powers, numpy.argmax(X, axis=0)[numpy.newaxis], 0.0, axis=0)
    out: Array = numpy.log1p(total(powers))
    return out


def logsumexp(X: Array) -> Array:
    top: Array = numpy.maximum.reduce(X, axis=0)
    return numpy.where(numpy.isfinite(top), top + _log_total(X, top), top)


def softmax(X: Array, empty: float = numpy.nan) -> Array:
    """The softmax along the first axis; `empty` where all entries are -inf."""
    top = numpy.maximum.reduce(X, axis=0)
    out: Array = numpy.exp(X - top)
    out /= total(out)
    if empty == empty:
        numpy.copyto(out, empty, where=top == -numpy.inf)
    return out


def log_softmax(X: Array) -> Array:
    top = numpy.maximum.reduce(X, axis=0)
    out: Array = X - numpy.where(numpy.isfinite(top), top, numpy.nan)
    out -= _log_total(X, top)
    return out


def sum_of_others(X: Array) -> Array:
    """For every entry along the first axis the sum of all others, in O(n) and without a subtraction."""
    out, right = numpy.zeros_like(X), numpy.zeros_like(X[0])
    for i in range(1, len(X)):
        numpy.add(out[i - 1], X[i - 1], out=out[i])
    for i in range(len(X) - 2, -1, -1):
        right += X[i + 1]
        out[i] += right
    return out


def first_equal(out: Any, X: Array) -> Array:
    """1 for the first entry along the first axis that is `out` (nan is nan), 0 for the others."""
    is_first, open_, out_is_nan = numpy.empty_like(X), numpy.ones(numpy.shape(out), dtype=bool), numpy.isnan(out)
    for i, x in enumerate(X):
        hit = open_ & ((x == out) | (out_is_nan & numpy.isnan(x)))
        is_first[i] = hit
        open_ = open_ & ~hit
    return is_first


ROWS = {**TABLE, **TABLE.auxiliary}
COMPARISONS = "less less_equal equal not_equal greater greater_equal"
UFUNCS = (
    "add sub:subtract mul:multiply div:divide reciprocal neg:negative pos:positive square abs:absolute "
    "exp exp2 expm1 log log2 log10 log1p sqrt cbrt floor ceil trunc rint sign "
    "floordiv:floor_divide mod:remainder fmod sin cos tan asin:arcsin acos:arccos atan:arctan atan2:arctan2 "
    "sinh cosh tanh asinh:arcsinh acosh:arccosh atanh:arctanh"
)

_FORMS: dict[str, Form] = {
    **{row: getattr(numpy, ufunc or row) for row, _, ufunc in (entry.partition(":") for entry in UFUNCS.split())},
    **{name: functools.partial(_compare, getattr(numpy, name)) for name in COMPARISONS.split()},
    "dot": ROWS["dot"].forward,  # written in operators alone
    "scale": lambda x, y: _put(0.0, numpy.equal(x, 0.0), numpy.multiply(x, y)),
    "ratio": lambda x, y: _put(0.0, numpy.equal(x, 0.0), numpy.divide(x, y)),
    "pow": _pow,
    "copysign": lambda x, y: numpy.copysign(x, numpy.where(numpy.isnan(y), 0.0, y)),
    "remainder": _remainder,
    "ldexp": _ldexp,
    "maximum": _maximum,
    "minimum": _minimum,
    "where": lambda condition, x, y: _choose(numpy.not_equal(condition, 0.0), x, y),
    "relu": lambda x, at_zero=1.0: _maximum(x, 0.0),
    "leaky_relu": lambda x, slope: _choose(numpy.greater_equal(x, 0.0), x, numpy.multiply(slope, x)),
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "sech": _sech,
    "erf": _erf,
}
# Keys are primitives, not names: a user's own of the same name is another.
FORMS: dict[Primitive, Form] = {ROWS[name]: form for name, form in _FORMS.items()} | {
    selectors.at_least: lambda x, y: _number(~numpy.less(x, y)),
    selectors.step: _step,
    selectors._is_true: lambda x: _number(numpy.not_equal(x, 0.0)),
    selectors._clip_branch: _clip_branch,
    selectors.first_equal: lambda *xs: tuple(first_equal((stack := _stack(*xs))[0], stack[1:])),
}
_REDUCTIONS: dict[str, Form] = {
    "sum": lambda X: total(X) + 0.0,
    "mean": lambda X: (total(X) + 0.0) / len(X),
    "prod": lambda X: numpy.multiply.reduce(X, axis=0, initial=1.0),
    "max": functools.partial(_extreme, numpy.maximum),
    "min": functools.partial(_extreme, numpy.minimum),
    "norm": norm,
    "hypot": lambda X: numpy.hypot(*X) if len(X) == 2 else norm(X),
    "logsumexp": logsumexp,
    "softmax": lambda X, index=0, empty=numpy.nan: softmax(X, empty)[index],
    "softmax_rest": lambda X, index=0, empty=numpy.nan: total(numpy.delete(softmax(X, empty), index, axis=0)),
    "log_softmax": lambda X, index=0: log_softmax(X)[index],
}
REDUCTIONS: dict[Primitive, Form] = {ROWS[name]: form for name, form in _REDUCTIONS.items()}
VECTORS: dict[str, Form] = {
    "softmax": softmax,
    "log_softmax": lambda X, empty: log_softmax(X),
    "sum_of_others": lambda X, empty: sum_of_others(X),
    "first_max": lambda X, empty: first_equal(X.max(axis=0), X),
    "first_min": lambda X, empty: first_equal(X.min(axis=0), X),
}
"""Functions of whole vectors to vectors by their names in programs."""
