"""The primitives as functions of numbers and Values.

Written by `python -m tests.typed.generating`: change the table, or that, and run it again.
"""

from collections.abc import Callable, Iterable
from typing import Any, Literal, overload

from autograd_mini.primitives import Primitive
from autograd_mini.signatures import Real, ObjectArray, Plain, PlainArray
from autograd_mini.value import Value

# plain numbers are tried before Numbers, so that they give floats
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false

__all__ = ["acos", "acosh", "add", "asin", "asinh", "atan", "atan2", "atanh", "cbrt", "ceil", "clip", "copysign", "cos", "cosh", "degrees", "digamma", "dist", "div", "dot", "elu", "erf", "erfc", "exp", "exp2", "expm1", "fabs", "floor", "floordiv", "fma", "fmod", "frac", "fsum", "gamma", "gelu", "hypot", "ldexp", "leaky_relu", "lgamma", "log", "log10", "log1p", "log2", "log_sigmoid", "log_softmax", "logsumexp", "maximum", "mean", "minimum", "mod", "modf", "mul", "neg", "norm", "polygamma", "pos", "prod", "radians", "reciprocal", "relu", "remainder", "rint", "sigmoid", "sign", "silu", "sin", "sinh", "softmax", "softplus", "sqrt", "square", "sub", "sumprod", "tan", "tanh", "trunc", "where"]

def documented(function: Callable[..., Any], name: str, *raised: str) -> Any: ...

@overload
def fma(x: Plain, y: Plain, z: Plain) -> float:
    """x·y + z, rounded once."""

@overload
def fma(x: Real, y: Real, z: Real) -> Value: ...

@overload
def clip(x: Plain, low: Plain = ..., high: Plain = ...) -> float:
    """x limited to [low, high]."""

@overload
def clip(x: Real, low: Real = ..., high: Real = ...) -> Value: ...

@overload
def leaky_relu(x: Plain, slope: Plain = 0.01) -> float:
    """x for x ≥ 0, else slope·x. The slope may be a Value, to be learnt."""

@overload
def leaky_relu(x: Real, slope: Real = 0.01) -> Value: ...

@overload
def elu(x: Plain, alpha: Plain = 1.0) -> float:
    """x for x ≥ 0, else α(eˣ - 1): Clevert et al. 2015."""

@overload
def elu(x: Real, alpha: Real = 1.0) -> Value: ...

@overload
def log(x: Plain, base: Plain | None = None) -> float:
    """The logarithm of x, natural or to a base; -inf at 0, nan below."""

@overload
def log(x: Real, base: Real | None = None) -> Value: ...

@overload
def ldexp(x: Value, exponent: int) -> Value:
    """x·2ⁱ for an integer i, exact."""

@overload
def ldexp(x: Plain, exponent: int) -> float: ...

@overload
def modf(x: Value) -> tuple[Value, Value]:
    """The fraction and the integer part of x, both with its sign; derivatives 1 and 0."""

@overload
def modf(x: Plain) -> tuple[float, float]: ...

@overload
def polygamma(order: int, x: Value) -> Value:
    """The derivative of digamma of the given order, ψ⁽ⁿ⁾(x) with n ≥ 0."""

@overload
def polygamma(order: int, x: Plain) -> float: ...

@overload
def where(condition: Plain, x: Plain, y: Plain) -> float:
    """x where the condition holds (is not 0), else y. No derivative flows into the branch not taken."""

@overload
def where(condition: Real, x: Real, y: Real) -> Value: ...

@overload
def relu(x: Value, at_zero: float | None = None) -> Value:
    """max(0, x), the rectified linear unit."""

@overload
def relu(x: Plain, at_zero: float | None = None) -> float: ...

@overload
def gelu(x: Value, approximate: Literal['none', 'tanh'] = "none") -> Value:
    """x·Φ(x) with the normal distribution function Φ: Hendrycks and Gimpel 2016."""

@overload
def gelu(x: Plain, approximate: Literal['none', 'tanh'] = "none") -> float: ...

@overload
def add(x: Plain, y: Plain) -> float:
    """The sum x + y."""

@overload
def add(x: Real, y: Real) -> Value: ...

@overload
def sub(x: Plain, y: Plain) -> float:
    """The difference x - y."""

@overload
def sub(x: Real, y: Real) -> Value: ...

@overload
def mul(x: Plain, y: Plain) -> float:
    """The product x·y."""

@overload
def mul(x: Real, y: Real) -> Value: ...

@overload
def reciprocal(x: Value) -> Value:
    """1/x; ±inf at ±0."""

@overload
def reciprocal(x: Plain) -> float: ...

@overload
def div(x: Plain, y: Plain) -> float:
    """The quotient x/y in IEEE 754 arithmetic: ±inf or nan for y = 0."""

@overload
def div(x: Real, y: Real) -> Value: ...

@overload
def neg(x: Value) -> Value:
    """-x."""

@overload
def neg(x: Plain) -> float: ...

@overload
def pos(x: Value) -> Value:
    """x itself."""

@overload
def pos(x: Plain) -> float: ...

@overload
def square(x: Value) -> Value:
    """x²."""

@overload
def square(x: Plain) -> float: ...

@overload
def exp(x: Value) -> Value:
    """eˣ."""

@overload
def exp(x: Plain) -> float: ...

@overload
def exp2(x: Value) -> Value:
    """2ˣ."""

@overload
def exp2(x: Plain) -> float: ...

@overload
def expm1(x: Value) -> Value:
    """eˣ - 1, exact for small x."""

@overload
def expm1(x: Plain) -> float: ...

@overload
def log2(x: Value) -> Value:
    """The logarithm to base 2; -inf at 0, nan below."""

@overload
def log2(x: Plain) -> float: ...

@overload
def log10(x: Value) -> Value:
    """The logarithm to base 10; -inf at 0, nan below."""

@overload
def log10(x: Plain) -> float: ...

@overload
def log1p(x: Value) -> Value:
    """log(1 + x), exact for small x; -inf at -1, nan below."""

@overload
def log1p(x: Plain) -> float: ...

@overload
def sqrt(x: Value) -> Value:
    """The square root; nan below 0. Its derivative at 0 is inf."""

@overload
def sqrt(x: Plain) -> float: ...

@overload
def cbrt(x: Value) -> Value:
    """The real cube root, of negative numbers too. Its derivative at 0 is inf."""

@overload
def cbrt(x: Plain) -> float: ...

@overload
def pow(x: Plain, y: Plain) -> float:
    """x to the power y, as C99's pow: nan for a negative x with a fractional y, x⁰ = 1 for every x."""

@overload
def pow(x: Real, y: Real) -> Value: ...

@overload
def tanh(x: Value) -> Value:
    """The hyperbolic tangent (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ)."""

@overload
def tanh(x: Plain) -> float: ...

@overload
def sigmoid(x: Value) -> Value:
    """The logistic function 1/(1 + e⁻ˣ)."""

@overload
def sigmoid(x: Plain) -> float: ...

@overload
def softplus(x: Value) -> Value:
    """log(1 + eˣ), without a threshold."""

@overload
def softplus(x: Plain) -> float: ...

@overload
def log_sigmoid(x: Value) -> Value:
    """log(1/(1 + e⁻ˣ)), finite where the sigmoid underflows."""

@overload
def log_sigmoid(x: Plain) -> float: ...

@overload
def floor(x: Value) -> Value:
    """The largest integer ≤ x."""

@overload
def floor(x: Plain) -> float: ...

@overload
def ceil(x: Value) -> Value:
    """The smallest integer ≥ x."""

@overload
def ceil(x: Plain) -> float: ...

@overload
def trunc(x: Value) -> Value:
    """x without its fraction."""

@overload
def trunc(x: Plain) -> float: ...

@overload
def rint(x: Value) -> Value:
    """The nearest integer, halves to even."""

@overload
def rint(x: Plain) -> float: ...

@overload
def sign(x: Value) -> Value:
    """-1, 0 or 1 by the sign of x."""

@overload
def sign(x: Plain) -> float: ...

@overload
def floordiv(x: Plain, y: Plain) -> float:
    """The floor of x/y."""

@overload
def floordiv(x: Real, y: Real) -> Value: ...

@overload
def frac(x: Value) -> Value:
    """The fraction of x with the sign of x: the first part of modf."""

@overload
def frac(x: Plain) -> float: ...

@overload
def mod(x: Plain, y: Plain) -> float:
    """Python's remainder x - y·⌊x/y⌋, with the sign of y; nan for y = 0."""

@overload
def mod(x: Real, y: Real) -> Value: ...

@overload
def fmod(x: Plain, y: Plain) -> float:
    """C's remainder x - y·trunc(x/y), with the sign of x; nan for y = 0."""

@overload
def fmod(x: Real, y: Real) -> Value: ...

@overload
def remainder(x: Plain, y: Plain) -> float:
    """IEEE 754's remainder x - n·y, n the integer nearest to x/y; nan for y = 0."""

@overload
def remainder(x: Real, y: Real) -> Value: ...

@overload
def abs(x: Value) -> Value:
    """|x|."""

@overload
def abs(x: Plain) -> float: ...

@overload
def copysign(x: Plain, y: Plain) -> float:
    """|x| with the sign of y; |x| if y is nan, whose sign is not defined."""

@overload
def copysign(x: Real, y: Real) -> Value: ...

@overload
def maximum(x: Plain, y: Plain) -> float:
    """The larger of x and y; nan if an argument is nan."""

@overload
def maximum(x: Real, y: Real) -> Value: ...

@overload
def minimum(x: Plain, y: Plain) -> float:
    """The smaller of x and y; nan if an argument is nan."""

@overload
def minimum(x: Real, y: Real) -> Value: ...

@overload
def sin(x: Value) -> Value:
    """The sine of x radians."""

@overload
def sin(x: Plain) -> float: ...

@overload
def cos(x: Value) -> Value:
    """The cosine of x radians."""

@overload
def cos(x: Plain) -> float: ...

@overload
def tan(x: Value) -> Value:
    """The tangent of x radians."""

@overload
def tan(x: Plain) -> float: ...

@overload
def asin(x: Value) -> Value:
    """The angle in [-π/2, π/2] whose sine is x; nan outside [-1, 1]. Its derivative at ±1 is inf."""

@overload
def asin(x: Plain) -> float: ...

@overload
def acos(x: Value) -> Value:
    """The angle in [0, π] whose cosine is x; nan outside [-1, 1]. Its derivative at ±1 is -inf."""

@overload
def acos(x: Plain) -> float: ...

@overload
def hypot(xs: ObjectArray, /) -> Value:
    """√(Σ x²), without overflow in between."""

@overload
def hypot(xs: PlainArray, /) -> float: ...

@overload
def hypot(xs: Iterable[Value], /) -> Value: ...

@overload
def hypot(xs: Iterable[Plain], /) -> float: ...

@overload
def hypot(xs: Iterable[Real], /) -> Value: ...

@overload
def hypot(*xs: Plain) -> float: ...

@overload
def hypot(*xs: Real) -> Value: ...

@overload
def dist(xs: PlainArray, ys: PlainArray) -> float:
    """The distance √(Σ (p - q)²) of two points."""

@overload
def dist(xs: Iterable[Value], ys: Iterable[Real]) -> Value: ...

@overload
def dist(xs: Iterable[Plain], ys: Iterable[Plain]) -> float: ...

@overload
def dist(xs: Iterable[Real], ys: Iterable[Real]) -> Value: ...

@overload
def atan(x: Value) -> Value:
    """The angle in (-π/2, π/2) whose tangent is x."""

@overload
def atan(x: Plain) -> float: ...

@overload
def atan2(x: Plain, y: Plain) -> float:
    """The angle in [-π, π] from the x-axis to the point (x, y); the arguments are y, x."""

@overload
def atan2(x: Real, y: Real) -> Value: ...

@overload
def sinh(x: Value) -> Value:
    """The hyperbolic sine (eˣ - e⁻ˣ)/2."""

@overload
def sinh(x: Plain) -> float: ...

@overload
def cosh(x: Value) -> Value:
    """The hyperbolic cosine (eˣ + e⁻ˣ)/2."""

@overload
def cosh(x: Plain) -> float: ...

@overload
def asinh(x: Value) -> Value:
    """The inverse of sinh, log(x + √(x² + 1))."""

@overload
def asinh(x: Plain) -> float: ...

@overload
def acosh(x: Value) -> Value:
    """The inverse of cosh, log(x + √(x² - 1)); nan below 1. Its derivative at 1 is inf."""

@overload
def acosh(x: Plain) -> float: ...

@overload
def atanh(x: Value) -> Value:
    """The inverse of tanh, log((1 + x)/(1 - x))/2; ±inf at ±1, nan beyond."""

@overload
def atanh(x: Plain) -> float: ...

@overload
def degrees(x: Value) -> Value:
    """x radians in degrees."""

@overload
def degrees(x: Plain) -> float: ...

@overload
def radians(x: Value) -> Value:
    """x degrees in radians."""

@overload
def radians(x: Plain) -> float: ...

@overload
def sum(xs: ObjectArray) -> Value:
    """Σ xs, added from left to right."""

@overload
def sum(xs: PlainArray) -> float: ...

@overload
def sum(xs: Iterable[Value]) -> Value: ...

@overload
def sum(xs: Iterable[Plain]) -> float: ...

@overload
def sum(xs: Iterable[Real]) -> Value: ...

@overload
def fsum(xs: ObjectArray) -> Value:
    """Σ xs, rounded once."""

@overload
def fsum(xs: PlainArray) -> float: ...

@overload
def fsum(xs: Iterable[Value]) -> Value: ...

@overload
def fsum(xs: Iterable[Plain]) -> float: ...

@overload
def fsum(xs: Iterable[Real]) -> Value: ...

@overload
def mean(xs: ObjectArray) -> Value:
    """The arithmetic mean of xs."""

@overload
def mean(xs: PlainArray) -> float: ...

@overload
def mean(xs: Iterable[Value]) -> Value: ...

@overload
def mean(xs: Iterable[Plain]) -> float: ...

@overload
def mean(xs: Iterable[Real]) -> Value: ...

@overload
def prod(xs: ObjectArray) -> Value:
    """The product of xs."""

@overload
def prod(xs: PlainArray) -> float: ...

@overload
def prod(xs: Iterable[Value]) -> Value: ...

@overload
def prod(xs: Iterable[Plain]) -> float: ...

@overload
def prod(xs: Iterable[Real]) -> Value: ...

@overload
def dot(xs: PlainArray, ys: PlainArray) -> float:
    """Σ x·y over the pairs of two vectors of equal length."""

@overload
def dot(xs: Iterable[Value], ys: Iterable[Real]) -> Value: ...

@overload
def dot(xs: Iterable[Plain], ys: Iterable[Plain]) -> float: ...

@overload
def dot(xs: Iterable[Real], ys: Iterable[Real]) -> Value: ...

@overload
def sumprod(xs: PlainArray, ys: PlainArray) -> float:
    """Σ x·y over the pairs of two vectors of equal length, rounded once; compiled, it is added as dot is."""

@overload
def sumprod(xs: Iterable[Value], ys: Iterable[Real]) -> Value: ...

@overload
def sumprod(xs: Iterable[Plain], ys: Iterable[Plain]) -> float: ...

@overload
def sumprod(xs: Iterable[Real], ys: Iterable[Real]) -> Value: ...

@overload
def max(xs: ObjectArray, /) -> Value:
    """The largest of xs; nan if an argument is nan."""

@overload
def max(xs: PlainArray, /) -> float: ...

@overload
def max(xs: Iterable[Value], /) -> Value: ...

@overload
def max(xs: Iterable[Plain], /) -> float: ...

@overload
def max(xs: Iterable[Real], /) -> Value: ...

@overload
def max(*xs: Plain) -> float: ...

@overload
def max(*xs: Real) -> Value: ...

@overload
def min(xs: ObjectArray, /) -> Value:
    """The smallest of xs; nan if an argument is nan."""

@overload
def min(xs: PlainArray, /) -> float: ...

@overload
def min(xs: Iterable[Value], /) -> Value: ...

@overload
def min(xs: Iterable[Plain], /) -> float: ...

@overload
def min(xs: Iterable[Real], /) -> Value: ...

@overload
def min(*xs: Plain) -> float: ...

@overload
def min(*xs: Real) -> Value: ...

@overload
def norm(xs: ObjectArray) -> Value:
    """The Euclidean norm √(Σ x²) of a vector."""

@overload
def norm(xs: PlainArray) -> float: ...

@overload
def norm(xs: Iterable[Value]) -> Value: ...

@overload
def norm(xs: Iterable[Plain]) -> float: ...

@overload
def norm(xs: Iterable[Real]) -> Value: ...

@overload
def logsumexp(xs: ObjectArray) -> Value:
    """log Σ eˣ, without overflow; -inf if all xs are -inf, with derivatives 0."""

@overload
def logsumexp(xs: PlainArray) -> float: ...

@overload
def logsumexp(xs: Iterable[Value]) -> Value: ...

@overload
def logsumexp(xs: Iterable[Plain]) -> float: ...

@overload
def logsumexp(xs: Iterable[Real]) -> Value: ...

@overload
def softmax(xs: ObjectArray) -> list[Value]:
    """yᵢ = exp(xᵢ) / Σⱼ exp(xⱼ), without overflow; a list as long as xs."""

@overload
def softmax(xs: PlainArray) -> list[float]: ...

@overload
def softmax(xs: Iterable[Value]) -> list[Value]: ...

@overload
def softmax(xs: Iterable[Plain]) -> list[float]: ...

@overload
def softmax(xs: Iterable[Real]) -> list[Value]: ...

@overload
def log_softmax(xs: ObjectArray) -> list[Value]:
    """xᵢ - log Σⱼ exp(xⱼ), finite where a softmax underflows; a list as long as xs."""

@overload
def log_softmax(xs: PlainArray) -> list[float]: ...

@overload
def log_softmax(xs: Iterable[Value]) -> list[Value]: ...

@overload
def log_softmax(xs: Iterable[Plain]) -> list[float]: ...

@overload
def log_softmax(xs: Iterable[Real]) -> list[Value]: ...

@overload
def erf(x: Value) -> Value:
    """The error function, 2/√π ∫₀ˣ exp(-t²) dt."""

@overload
def erf(x: Plain) -> float: ...

@overload
def erfc(x: Value) -> Value:
    """1 - erf(x), without cancellation for large x."""

@overload
def erfc(x: Plain) -> float: ...

@overload
def digamma(x: Value) -> Value:
    """ψ(x), the derivative of log Γ(x); nan at negative integers."""

@overload
def digamma(x: Plain) -> float: ...

@overload
def gamma(x: Value) -> Value:
    """Γ(x) = ∫₀^∞ tˣ⁻¹ e⁻ᵗ dt, (n - 1)! at integers n; ±inf at ±0, nan at negative integers."""

@overload
def gamma(x: Plain) -> float: ...

@overload
def lgamma(x: Value) -> Value:
    """log |Γ(x)|; inf at 0 and at negative integers."""

@overload
def lgamma(x: Plain) -> float: ...

@overload
def silu(x: Value) -> Value:
    """x·sigmoid(x), also called swish."""

@overload
def silu(x: Plain) -> float: ...

@overload
def fabs(x: Value) -> Value:
    """|x|."""

@overload
def fabs(x: Plain) -> float: ...

def attach(primitive: Primitive, function: Callable[..., Any]) -> None: ...
