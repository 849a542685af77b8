"""An independent oracle: every primitive once more as an mpmath function, and mpmath's differences of it.

Only the functions are written here, never a derivative: derivatives are differences taken with so many
digits that at least 20 of them are right.
"""

from itertools import product
from math import comb, factorial

import mpmath
from mpmath import mp, mpf

SMALLEST_DOUBLE = mpf("5e-324")


def _exactly(function):
    """With so many digits that the quotient of any two doubles is known to its fraction."""
    return mp.extradps(700)(function)


@_exactly
def _remainder(x, y):
    """x - n·y with the integer n nearest to x/y, halves to even."""
    n = mpmath.floor(x / y + mpf(1) / 2)
    if n - x / y == mpf(1) / 2 and n % 2:
        n -= 1
    return x - n * y


def _truncated(x):
    return mpmath.floor(x) if x >= 0 else mpmath.ceil(x)


def _round_to_even(x):
    return x - _remainder(x, mpf(1))


def _halves(args):
    return zip(args[: len(args) // 2], args[len(args) // 2 :])


def _dot(*args):
    return sum((x * y for x, y in _halves(args)), mpf(0))


def _norm(*xs):
    return mpmath.sqrt(sum((x * x for x in xs), mpf(0)))


def _logsumexp(*xs):
    top = max(range(len(xs)), key=lambda i: xs[i])
    return xs[top] + mpmath.log1p(sum((mpmath.exp(x - xs[top]) for i, x in enumerate(xs) if i != top), mpf(0)))


def _log_softmax(*xs, index=0):
    """-log Σⱼ exp(xⱼ - xᵢ), where the term of i itself is exactly 1."""
    return -mpmath.log1p(sum((mpmath.exp(x - xs[index]) for i, x in enumerate(xs) if i != index), mpf(0)))


def _softmax(*xs, index=0):
    return 1 / sum((mpmath.exp(x - xs[index]) for x in xs), mpf(0))


def _softmax_rest(*xs):
    rest = sum((mpmath.exp(x - xs[0]) for x in xs[1:]), mpf(0))
    return rest / (1 + rest)


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def _erfc(x):
    """mpmath refuses arguments that are too large; far out, where doubles cannot tell, they are cut."""
    return mpmath.erfc(min(max(x, mpf(-1000)), mpf(1000)))


def _gelu(x, approximate="none"):
    if approximate == "none":
        return x * _erfc(-x / mpmath.sqrt(2)) / 2
    u = mpmath.sqrt(2 / mp.pi) * (x + mpf(0.044715) * x**3)
    return x * (_sigmoid(2 * u))  # (1 + tanh u)/2


def _polygamma(x, order=1):
    """ψ⁽ⁿ⁾(x) by the Hurwitz zeta function; mpmath's own psi is the same for n = 0."""
    return mpmath.psi(0, x) if order == 0 else (-1) ** (order + 1) * factorial(order) * mpmath.zeta(order + 1, x)


TWINS = {
    "add": lambda x, y: x + y,
    "sub": lambda x, y: x - y,
    "mul": lambda x, y: x * y,
    "reciprocal": lambda x: 1 / x,
    "div": lambda x, y: x / y,
    "neg": lambda x: -x,
    "pos": lambda x: +x,
    "square": lambda x: x * x,
    "fma": lambda x, y, z: x * y + z,
    "exp": mpmath.exp,
    "exp2": lambda x: mpmath.exp(x * mpmath.log(2)),
    "expm1": mpmath.expm1,
    "log": mpmath.log,
    "log2": lambda x: mpmath.log(x) / mpmath.log(2),
    "log10": lambda x: mpmath.log(x) / mpmath.log(10),
    "log1p": mpmath.log1p,
    "sqrt": mpmath.sqrt,
    "cbrt": lambda x: mpmath.cbrt(x) if x >= 0 else -mpmath.cbrt(-x),
    "pow": lambda x, y: mpmath.exp(y * mpmath.log(x)) if x > 0 else mpmath.power(x, int(y)),
    "sigmoid": _sigmoid,
    "softplus": lambda x: mpmath.log1p(mpmath.exp(x)),
    "log_sigmoid": lambda x: -mpmath.log1p(mpmath.exp(-x)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tan": mpmath.tan,
    "asin": mpmath.asin,
    "acos": mpmath.acos,
    "atan": mpmath.atan,
    "atan2": mpmath.atan2,
    "sinh": mpmath.sinh,
    "cosh": mpmath.cosh,
    "tanh": mpmath.tanh,
    "asinh": mpmath.asinh,
    "acosh": mpmath.acosh,
    "atanh": mpmath.atanh,
    "degrees": lambda x: x * 180 / mp.pi,
    "radians": lambda x: x * mp.pi / 180,
    "hypot": _norm,
    "dist": lambda *pq: _norm(*(x - y for x, y in _halves(pq))),
    "erf": lambda x: 1 - _erfc(x) if abs(x) > 1 else mpmath.erf(x),
    "erfc": _erfc,
    "polygamma": _polygamma,
    "digamma": lambda x: mpmath.psi(0, x),
    "gamma": mpmath.gamma,
    "lgamma": lambda x: mpmath.log(abs(mpmath.gamma(x))) if x < 0 else mpmath.loggamma(x),
    "relu": lambda x: max(x, mpf(0)),
    "leaky_relu": lambda x, slope: x if x >= 0 else slope * x,
    "elu": lambda x, alpha: x if x >= 0 else alpha * mpmath.expm1(x),
    "silu": lambda x: x * _sigmoid(x),
    "gelu": _gelu,
    "floor": mpmath.floor,
    "ceil": mpmath.ceil,
    "trunc": _truncated,
    "rint": _round_to_even,
    "sign": mpmath.sign,
    "floordiv": _exactly(lambda x, y: mpmath.floor(x / y)),
    "frac": lambda x: x - _truncated(x),
    "mod": _exactly(lambda x, y: x - y * mpmath.floor(x / y)),
    "fmod": _exactly(lambda x, y: x - y * _truncated(x / y)),
    "remainder": _remainder,
    "abs": abs,
    "copysign": lambda x, y: abs(x) if y > 0 else -abs(x),
    "ldexp": lambda x, exponent: x * mpf(2) ** int(exponent),
    "maximum": max,
    "minimum": min,
    "clip": lambda x, low, high: min(max(x, low), high),
    "where": lambda condition, x, y: x if condition else y,
    "sum": lambda *xs: sum(xs, mpf(0)),
    "fsum": lambda *xs: sum(xs, mpf(0)),
    "mean": lambda *xs: sum(xs, mpf(0)) / len(xs),
    "prod": lambda *xs: mpmath.fprod(xs),
    "dot": _dot,
    "sumprod": _dot,
    "max": lambda *xs: max(xs),
    "min": lambda *xs: min(xs),
    "norm": _norm,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
    "log_softmax": _log_softmax,
    # What only rules use:
    "scale": lambda x, y: x * y,
    "ratio": lambda x, y: x / y,
    "one_minus_square": lambda x: 1 - x * x,
    "sech": mpmath.sech,
    "softmax_rest": _softmax_rest,
}


def value(function, args):
    """`function` at doubles, to 50 digits."""
    with mp.workdps(50):
        return function(*map(mpf, args))


def slopes(function, args, index):
    """The one-sided differences of `function` at doubles towards an argument: to the left and to the right.

    They agree to 30 digits where the function is smooth; at a jump one of them is huge.
    """
    large = sum(int(mpmath.log10(max(abs(mpf(x)), 1))) for x in args)
    sizes = [mpf(1), *(abs(mpf(x)) for x in args if x)]
    step = mpf(10) ** -40 * min(sizes) ** 2 / max(sizes)  # small against what a remainder jumps at
    with mp.workdps(500 + large - int(mpmath.log10(step))):
        here, point = function(*map(mpf, args)), list(map(mpf, args))
        found = []
        for signed in (-step, step):
            point[index] = mpf(args[index]) + signed
            found.append((function(*point) - here) / signed)
        return found


def _steps(args):
    """Small even against the distance of neighbouring doubles. With two arguments, each has a step of its own size
    over the size of the other, for the sake of powers; with more, all have that of the smallest, for `dist`
    between points that agree in all but one small component."""
    sizes = [mpf(1), *(abs(mpf(x)) for x in args if x)]
    if len(args) == 2:
        largest = max(sizes)
        return [mpf(10) ** -40 * (min(1, abs(mpf(x))) or min(sizes)) / largest for x in args]
    return [mpf(10) ** -40 * min(sizes)] * len(args)


def derivative(function, args, indices):
    """The mixed partial derivative of `function` at doubles towards the arguments `indices`, such as (0, 0, 1).

    Central differences along each argument. The digits are doubled until rounding leaves 20 of the result, or
    until what it leaves is far below the smallest double; a difference that vanishes at over four times the
    digits is 0.
    """
    counts = [indices.count(i) for i in range(len(args))]
    steps = _steps(args)
    scale = mpmath.fprod(step**count for step, count in zip(steps, counts))
    large = sum(int(mpmath.log10(max(abs(mpf(x)), 1))) for x in args)
    resolution = max(int(mpmath.log10(abs(mpf(x)) / step)) for x, step in zip(args, steps) if x) if any(args) else 0
    digits, first = 30 + 45 * len(indices) + resolution, 60 - int(mpmath.log10(scale)) + large
    while True:
        with mp.workdps(digits):
            total, largest = mpf(0), mpf(0)
            for js in product(*(range(count + 1) for count in counts)):
                term = function(*(x + (mpf(n) / 2 - j) * h for x, n, j, h in zip(map(mpf, args), counts, js, steps)))
                for n, j in zip(counts, js):
                    term *= (-1) ** j * comb(n, j)
                total, largest = total + term, max(largest, abs(term))
            noise = largest * mpf(10) ** -(digits - 5)
            if abs(total) > noise * mpf(10) ** 20:
                return total / scale
            if noise / scale < SMALLEST_DOUBLE * mpf(10) ** -20 or digits >= 4 * first + 3 * large:
                return mpf(0) if abs(total) <= noise else total / scale
        digits *= 2
