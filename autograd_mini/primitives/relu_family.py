"""The relu family of activation functions: relu, leaky_relu, elu, silu, gelu."""

from __future__ import annotations

import math

from autograd_mini.primitives.arithmetic import scale
from autograd_mini.primitives.comparisons import less
from autograd_mini.primitives.exponential import exp, expm1, sigmoid, sigmoid_slope
from autograd_mini.primitives.piecewise import at_least, clip, step, where
from autograd_mini.primitives.primitive import POSITIVE, REAL, Primitive, row
from autograd_mini.primitives.special import erfc

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SQRT_HALF = math.sqrt(0.5)
NORMAL_DENSITY_AT_0 = 1.0 / math.sqrt(2.0 * math.pi)
DENORMAL = -708.0  # below it, eˣ may be denormal
TANH_FACTOR, TANH_CUBIC = math.sqrt(8.0 / math.pi), 0.044715  # 2·√(2/π)

relu: Primitive = row(
    "relu",
    lambda x, at_zero=1.0: 0.0 if x < 0.0 else x,
    lambda out, x, at_zero=1.0: (step(x, at_zero),),
    formula=lambda x, at_zero=1.0: where(less(x, 0.0), 0.0, x),
    kinks=((0.0,),),
    tied=lambda out, x, at_zero=None: at_zero is None and x == 0.0,
    policy="1 at 0, or the subgradient at_zero in [0, 1] asked for",
    selects=True,
    doc="max(0, x), the rectified linear unit.",
    example="relu(-2.0) == 0.0",
)
leaky_relu: Primitive = row(
    "leaky_relu",
    lambda x, slope: x if x >= 0.0 else slope * x,
    lambda out, x, slope: (where(at_least(x, 0.0), 1.0, slope), where(at_least(x, 0.0), 0.0, x)),
    formula=lambda x, slope: where(at_least(x, 0.0), x, slope * x),
    domain=(REAL, (0.0, 1.0)),
    kinks=((0.0, 0.25),),
    tied=lambda out, x, slope: x == 0.0,
    policy="1 at 0",
    doc="x for x ≥ 0, else slope·x. The slope may be a Value, to be learnt.",
    example="leaky_relu(-2.0, 0.25) == -0.5",
)
elu: Primitive = row(
    "elu",
    lambda x, alpha: x if x >= 0.0 else alpha * math.expm1(x),
    lambda out, x, alpha: (where(at_least(x, 0.0), 1.0, alpha * exp(x)), where(at_least(x, 0.0), 0.0, expm1(x))),
    formula=lambda x, alpha: where(at_least(x, 0.0), x, alpha * expm1(x)),
    domain=(REAL, POSITIVE),
    kinks=((0.0, 0.25),),
    tied=lambda out, x, slope: x == 0.0,
    policy="1 at 0",
    doc="x for x ≥ 0, else α(eˣ - 1): Clevert et al. 2015.",
    example="elu(-1e-20) == -1e-20",
)


def _silu(x: float) -> float:
    """x·sigmoid(x), by the root of eˣ where eˣ is denormal: x times that would be wrong by |x| units."""
    if x < DENORMAL:
        root = math.exp(0.5 * x)
        return root and root * x * root
    e = math.exp(-abs(x))
    return (e * x if x < 0.0 else x) / (1.0 + e)


def _silu_in_operators(x: Any) -> Any:
    is_deep = less(x, DENORMAL)
    e = exp(where(is_deep, -0.5, -1.0) * abs(x))
    return where(less(x, 0.0), scale(e, x) * where(is_deep, e, 1.0), x) / (1.0 + e)


silu: Primitive = row(
    "silu",
    _silu,
    lambda out, x: (sigmoid(x) + where(at_least(x, DENORMAL), scale(sigmoid_slope(x), x), out),),
    formula=_silu_in_operators,
    doc="x·sigmoid(x), also called swish.",
    example="silu(0.0) == 0.0",
)


def _gelu(x: float, approximate: str = "none") -> Any:
    return scale(_normal(x, approximate), x)


def _normal(x: Any, approximate: str) -> Any:
    """Φ(x), the normal distribution function, or its approximation."""
    return 0.5 * erfc(-SQRT_HALF * x) if approximate == "none" else sigmoid(_tanh_argument(x))


def _tanh_argument(x: Any) -> Any:
    return TANH_FACTOR * x * (1.0 + TANH_CUBIC * (x * x))


def _gelu_partials(out: Any, x: Any, approximate: str = "none") -> tuple[Any]:
    x = clip(x, -40.0, 40.0)  # beyond, the density is 0; x² must not overflow to 0·inf in higher orders
    if approximate == "none":
        density = NORMAL_DENSITY_AT_0 * exp(-0.5 * (x * x))
        return (_normal(x, approximate) + scale(density, x),)
    u = _tanh_argument(x)
    density = scale(sigmoid(u) * sigmoid(-u), TANH_FACTOR * (1.0 + 3.0 * TANH_CUBIC * (x * x)))
    return (sigmoid(u) + scale(density, x),)


gelu: Primitive = row(
    "gelu",
    _gelu,
    _gelu_partials,
    doc='x·Φ(x) with the normal distribution function Φ, or its "tanh" approximation: Hendrycks and Gimpel 2016.',
    example="gelu(0.0) == 0.0",
)
