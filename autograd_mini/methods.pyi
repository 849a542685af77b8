"""What Values have from the table: operators and methods.

Written by `python -m tests.typed.generating`: change the table, or that, and run it again.
"""

from typing import Any, Literal, SupportsIndex, overload

from autograd_mini.compatibility import Compatible
from autograd_mini.signatures import BoolArray, Real, NumberArray, ObjectArray, Plain
from autograd_mini.value import Value

class Operators(Compatible):
    """Operators, comparisons, conversions, every primitive."""

    @overload
    def __add__(self, other: Real) -> Value: ...

    @overload
    def __add__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __radd__(self, other: Real) -> Value: ...

    @overload
    def __radd__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __sub__(self, other: Real) -> Value: ...

    @overload
    def __sub__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rsub__(self, other: Real) -> Value: ...

    @overload
    def __rsub__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __mul__(self, other: Real) -> Value: ...

    @overload
    def __mul__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rmul__(self, other: Real) -> Value: ...

    @overload
    def __rmul__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __truediv__(self, other: Real) -> Value: ...

    @overload
    def __truediv__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rtruediv__(self, other: Real) -> Value: ...

    @overload
    def __rtruediv__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __floordiv__(self, other: Real) -> Value: ...

    @overload
    def __floordiv__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rfloordiv__(self, other: Real) -> Value: ...

    @overload
    def __rfloordiv__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __mod__(self, other: Real) -> Value: ...

    @overload
    def __mod__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rmod__(self, other: Real) -> Value: ...

    @overload
    def __rmod__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __pow__(self, other: Real) -> Value: ...

    @overload
    def __pow__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __rpow__(self, other: Real) -> Value: ...

    @overload
    def __rpow__(self, other: NumberArray) -> ObjectArray: ...

    @overload
    def __lt__(self, other: Real) -> bool: ...

    @overload
    def __lt__(self, other: NumberArray) -> BoolArray: ...

    @overload
    def __le__(self, other: Real) -> bool: ...

    @overload
    def __le__(self, other: NumberArray) -> BoolArray: ...

    @overload
    def __gt__(self, other: Real) -> bool: ...

    @overload
    def __gt__(self, other: NumberArray) -> BoolArray: ...

    @overload
    def __ge__(self, other: Real) -> bool: ...

    @overload
    def __ge__(self, other: NumberArray) -> BoolArray: ...

    def __divmod__(self, other: Real) -> tuple[Value, Value]: ...

    def __rdivmod__(self, other: Real) -> tuple[Value, Value]: ...

    def __neg__(self) -> Value: ...

    def __pos__(self) -> Value: ...

    def __abs__(self) -> Value: ...

    def __eq__(self, other: object, /) -> bool: ...

    def __ne__(self, other: object, /) -> bool: ...

    def __hash__(self) -> int: ...

    def __float__(self) -> float: ...

    def __int__(self) -> int: ...

    def __trunc__(self) -> int: ...

    def __floor__(self) -> int: ...

    def __ceil__(self) -> int: ...

    @overload
    def __round__(self, ndigits: None = None) -> int: ...

    @overload
    def __round__(self, ndigits: SupportsIndex) -> float: ...

    @property
    def real(self) -> Value: ...

    @property
    def imag(self) -> float: ...

    def conjugate(self) -> Value: ...

    def copy(self) -> Value: ...

    def __copy__(self) -> Value: ...

    def __deepcopy__(self, memo: dict[int, Any]) -> Value: ...

    def add(self, y: Real) -> Value:
        """The sum x + y."""

    def sub(self, y: Real) -> Value:
        """The difference x - y."""

    def mul(self, y: Real) -> Value:
        """The product x·y."""

    def reciprocal(self) -> Value:
        """1/x; ±inf at ±0."""

    def div(self, y: Real) -> Value:
        """The quotient x/y in IEEE 754 arithmetic: ±inf or nan for y = 0."""

    def neg(self) -> Value:
        """-x."""

    def pos(self) -> Value:
        """x itself."""

    def square(self) -> Value:
        """x²."""

    def fma(self, y: Real, z: Real) -> Value:
        """x·y + z, rounded once."""

    def exp(self) -> Value:
        """eˣ."""

    def exp2(self) -> Value:
        """2ˣ."""

    def expm1(self) -> Value:
        """eˣ - 1, exact for small x."""

    def log(self, base: Real | None = None) -> Value:
        """The logarithm of x, natural or to a base; -inf at 0, nan below."""

    def log2(self) -> Value:
        """The logarithm to base 2; -inf at 0, nan below."""

    def log10(self) -> Value:
        """The logarithm to base 10; -inf at 0, nan below."""

    def log1p(self) -> Value:
        """log(1 + x), exact for small x; -inf at -1, nan below."""

    def sqrt(self) -> Value:
        """The square root; nan below 0. Its derivative at 0 is inf."""

    def cbrt(self) -> Value:
        """The real cube root, of negative numbers too. Its derivative at 0 is inf."""

    def pow(self, y: Real) -> Value:
        """x to the power y, as C99's pow: nan for a negative x with a fractional y, x⁰ = 1 for every x."""

    def tanh(self) -> Value:
        """The hyperbolic tangent (eˣ - e⁻ˣ)/(eˣ + e⁻ˣ)."""

    def sigmoid(self) -> Value:
        """The logistic function 1/(1 + e⁻ˣ)."""

    def softplus(self) -> Value:
        """log(1 + eˣ), without a threshold."""

    def log_sigmoid(self) -> Value:
        """log(1/(1 + e⁻ˣ)), finite where the sigmoid underflows."""

    def floor(self) -> Value:
        """The largest integer ≤ x."""

    def ceil(self) -> Value:
        """The smallest integer ≥ x."""

    def trunc(self) -> Value:
        """x without its fraction."""

    def rint(self) -> Value:
        """The nearest integer, halves to even."""

    def sign(self) -> Value:
        """-1, 0 or 1 by the sign of x."""

    def floordiv(self, y: Real) -> Value:
        """The floor of x/y."""

    def frac(self) -> Value:
        """The fraction of x with the sign of x: the first part of modf."""

    def mod(self, y: Real) -> Value:
        """Python's remainder x - y·⌊x/y⌋, with the sign of y; nan for y = 0."""

    def fmod(self, y: Real) -> Value:
        """C's remainder x - y·trunc(x/y), with the sign of x; nan for y = 0."""

    def remainder(self, y: Real) -> Value:
        """IEEE 754's remainder x - n·y, n the integer nearest to x/y; nan for y = 0."""

    def abs(self) -> Value:
        """|x|."""

    def fabs(self) -> Value:
        """|x|."""

    def copysign(self, y: Real) -> Value:
        """|x| with the sign of y; |x| if y is nan, whose sign is not defined."""

    def ldexp(self, exponent: int) -> Value:
        """x·2ⁱ for an integer i, exact."""

    def maximum(self, y: Real) -> Value:
        """The larger of x and y; nan if an argument is nan."""

    def minimum(self, y: Real) -> Value:
        """The smaller of x and y; nan if an argument is nan."""

    def clip(self, low: Real = ..., high: Real = ...) -> Value:
        """x limited to [low, high]."""

    def sin(self) -> Value:
        """The sine of x radians."""

    def cos(self) -> Value:
        """The cosine of x radians."""

    def tan(self) -> Value:
        """The tangent of x radians."""

    def asin(self) -> Value:
        """The angle in [-π/2, π/2] whose sine is x; nan outside [-1, 1]. Its derivative at ±1 is inf."""

    def arcsin(self) -> Value:
        """The angle in [-π/2, π/2] whose sine is x; nan outside [-1, 1]. Its derivative at ±1 is inf."""

    def acos(self) -> Value:
        """The angle in [0, π] whose cosine is x; nan outside [-1, 1]. Its derivative at ±1 is -inf."""

    def arccos(self) -> Value:
        """The angle in [0, π] whose cosine is x; nan outside [-1, 1]. Its derivative at ±1 is -inf."""

    def hypot(self, *xs: Real) -> Value:
        """√(Σ x²), without overflow in between."""

    def atan(self) -> Value:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def arctan(self) -> Value:
        """The angle in (-π/2, π/2) whose tangent is x."""

    def atan2(self, y: Real) -> Value:
        """The angle in [-π, π] from the x-axis to the point (x, y); the arguments are y, x."""

    def arctan2(self, y: Real) -> Value:
        """The angle in [-π, π] from the x-axis to the point (x, y); the arguments are y, x."""

    def sinh(self) -> Value:
        """The hyperbolic sine (eˣ - e⁻ˣ)/2."""

    def cosh(self) -> Value:
        """The hyperbolic cosine (eˣ + e⁻ˣ)/2."""

    def asinh(self) -> Value:
        """The inverse of sinh, log(x + √(x² + 1))."""

    def arcsinh(self) -> Value:
        """The inverse of sinh, log(x + √(x² + 1))."""

    def acosh(self) -> Value:
        """The inverse of cosh, log(x + √(x² - 1)); nan below 1. Its derivative at 1 is inf."""

    def arccosh(self) -> Value:
        """The inverse of cosh, log(x + √(x² - 1)); nan below 1. Its derivative at 1 is inf."""

    def atanh(self) -> Value:
        """The inverse of tanh, log((1 + x)/(1 - x))/2; ±inf at ±1, nan beyond."""

    def arctanh(self) -> Value:
        """The inverse of tanh, log((1 + x)/(1 - x))/2; ±inf at ±1, nan beyond."""

    def degrees(self) -> Value:
        """x radians in degrees."""

    def rad2deg(self) -> Value:
        """x radians in degrees."""

    def radians(self) -> Value:
        """x degrees in radians."""

    def deg2rad(self) -> Value:
        """x degrees in radians."""

    def erf(self) -> Value:
        """The error function, 2/√π ∫₀ˣ exp(-t²) dt."""

    def erfc(self) -> Value:
        """1 - erf(x), without cancellation for large x."""

    def digamma(self) -> Value:
        """ψ(x), the derivative of log Γ(x); nan at negative integers."""

    def gamma(self) -> Value:
        """Γ(x) = ∫₀^∞ tˣ⁻¹ e⁻ᵗ dt, (n - 1)! at integers n; ±inf at ±0, nan at negative integers."""

    def lgamma(self) -> Value:
        """log |Γ(x)|; inf at 0 and at negative integers."""

    def relu(self, at_zero: float | None = None) -> Value:
        """max(0, x), the rectified linear unit."""

    def leaky_relu(self, slope: Real = 0.01) -> Value:
        """x for x ≥ 0, else slope·x. The slope may be a Value, to be learnt."""

    def elu(self, alpha: Real = 1.0) -> Value:
        """x for x ≥ 0, else α(eˣ - 1): Clevert et al. 2015."""

    def silu(self) -> Value:
        """x·sigmoid(x), also called swish."""

    def gelu(self, approximate: Literal['none', 'tanh'] = "none") -> Value:
        """x·Φ(x) with the normal distribution function Φ: Hendrycks and Gimpel 2016."""

    def modf(self) -> tuple[Value, Value]:
        """The fraction and the integer part of x, both with its sign; derivatives 1 and 0."""
