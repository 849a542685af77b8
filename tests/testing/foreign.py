"""Random functions of plain floats whose arithmetic rounds in many ways, with gradients from mpmath at 60 digits.

    python -m tests.testing.foreign 10000 [SEED]

checks that many of them with their right gradient and with wrong ones, and counts the outcomes by kind.
"""

import math
import sys
import warnings
from collections import Counter
from random import Random

import mpmath
import numpy as np

from autograd_mini.testing import GradientError, UndecidedError, check_gradients

mp = mpmath.mp
WRONG = {"+1e-3": lambda d: d * 1.001, "+1 %": lambda d: d * 1.01, "sign": lambda d: -d, "missing": lambda d: 0.0}

# name: (of a float, of an mpmath number, its derivative)
OF_ONE = {
    "sin": (math.sin, mpmath.sin, mpmath.cos),
    "cos": (math.cos, mpmath.cos, lambda x: -mpmath.sin(x)),
    "tanh": (math.tanh, mpmath.tanh, lambda x: mpmath.sech(x) ** 2),
    "exp": (math.exp, mpmath.exp, mpmath.exp),
    "atan": (math.atan, mpmath.atan, lambda x: 1 / (1 + x * x)),
    "erf": (math.erf, mpmath.erf, lambda x: 2 * mpmath.exp(-x * x) / mpmath.sqrt(mpmath.pi)),
    "bell": (lambda x: math.exp(-x * x), lambda x: mpmath.exp(-x * x), lambda x: -2 * x * mpmath.exp(-x * x)),
    "root": (lambda x: math.sqrt(1.0 + x * x), lambda x: mpmath.sqrt(1 + x * x), lambda x: x / mpmath.sqrt(1 + x * x)),
    "square": (lambda x: x**2, lambda x: x * x, lambda x: 2 * x),
    "cube": (lambda x: x**3, lambda x: x**3, lambda x: 3 * x * x),
    "fifth": (lambda x: x**5, lambda x: x**5, lambda x: 5 * x**4),
    "power": (lambda x: (1.0 + x * x) ** 1.7, lambda x: (1 + x * x) ** 1.7, lambda x: 3.4 * x * (1 + x * x) ** 0.7),
}
LOSING = {
    "plus and minus": lambda x: (x + 1e6) - 1e6,
    "times and over": lambda x: x * 3.7e5 / 3.7e5 + 1e3 - 1e3,
    "twelve digits": lambda x: float(f"{x:.12g}"),
    "single": lambda x: float(np.float32(x)),
}
LOSING_ONE = {
    "1 - cos": (lambda x: 1.0 - math.cos(x), lambda x: 1 - mpmath.cos(x), mpmath.sin),
    "exp - 1": (lambda x: math.exp(x) - 1.0, lambda x: mpmath.exp(x) - 1, mpmath.exp),
    "log(1 + exp)": (
        lambda x: math.log(1.0 + math.exp(x)),
        lambda x: mpmath.log1p(mpmath.exp(x)),
        lambda x: 1 / (1 + mpmath.exp(-x)),
    ),
    "roots": (
        lambda x: math.sqrt(x * x + 1.0) - math.sqrt(x * x + 0.5),
        lambda x: mpmath.sqrt(x * x + 1) - mpmath.sqrt(x * x + 0.5),
        lambda x: x / mpmath.sqrt(x * x + 1) - x / mpmath.sqrt(x * x + 0.5),
    ),
    "tan": (math.tan, mpmath.tan, lambda x: mpmath.sec(x) ** 2),
    "cosh": (math.cosh, mpmath.cosh, mpmath.sinh),
}


class Dual:
    """A number and its gradient, in mpmath."""

    def __init__(self, value, slopes):
        self.value, self.slopes = value, slopes

    def __add__(self, other):
        return Dual(self.value + other.value, [a + b for a, b in zip(self.slopes, other.slopes)])

    def __mul__(self, other):
        slopes = [a * other.value + self.value * b for a, b in zip(self.slopes, other.slopes)]
        return Dual(self.value * other.value, slopes)

    def of(self, f, slope):
        return Dual(f(self.value), [slope(self.value) * each for each in self.slopes])


def variables(point):
    return [Dual(mp.mpf(x), [mp.mpf(i == j) for j in range(len(point))]) for i, x in enumerate(point)]


def tree(random, n, depth, losses=(), more=()):
    """A random function of a list of floats, and the same function of duals."""
    rows = [*OF_ONE.values(), *more]
    if depth == 0:
        j, factor = random.randrange(n), random.choice([1.0, 0.5, -0.7, 1.3])
        return lambda x: factor * x[j], lambda x: Dual(mp.mpf(factor), [mp.zero] * n) * x[j]
    if random.random() < 0.5:
        f, of_dual = tree(random, n, depth - 1, losses, more)
        g, g_mp, slope = random.choice(rows)
        lose = random.choice(losses) if losses and random.random() < 0.4 else float
        return lambda x: lose(g(f(x))), lambda x: of_dual(x).of(g_mp, slope)
    (a, a_dual), (b, b_dual) = (tree(random, n, depth - 1, losses, more) for _ in range(2))
    if random.random() < 0.5:
        return lambda x: a(x) + b(x), lambda x: a_dual(x) + b_dual(x)
    return lambda x: a(x) * b(x), lambda x: a_dual(x) * b_dual(x)


def everyday(random, n):
    return [random.choice([random.uniform(-3.0, 3.0), random.randint(-96, 96) / 32.0]) for _ in range(n)]


def composition(random):
    n = random.randint(1, 3)
    return *tree(random, n, random.randint(1, 4)), everyday(random, n)


def losing(random):
    n = random.randint(1, 3)
    losses = [LOSING[name] for name in random.sample(sorted(LOSING), 1)]
    return *tree(random, n, random.randint(1, 3), losses, LOSING_ONE.values()), everyday(random, n)


def sums(random):
    """Σ gᵢ(xᵢ)ᵖ: terms that cancel to little."""
    n, p = random.randint(2, 4), random.choice([1, 2, 3, 5])
    g, g_mp, slope = random.choice([*OF_ONE.values(), *LOSING_ONE.values()])
    point = everyday(random, n)
    if random.random() < 0.5:
        point[1] = -point[0] + random.choice([0.0, 2.0**-5, 2.0**-20])
    return (
        lambda x: sum(g(v) ** p for v in x),
        lambda x: sum(
            (v.of(lambda t: g_mp(t) ** p, lambda t: p * g_mp(t) ** (p - 1) * slope(t)) for v in x[1:]),
            x[0].of(lambda t: g_mp(t) ** p, lambda t: p * g_mp(t) ** (p - 1) * slope(t)),
        ),
        point,
    )


def arrays(random, kind=np.float64):
    """NumPy float functions of an array."""
    n = random.randint(2, 4)
    w = [random.randint(-8, 8) / 8.0 for _ in range(n)]
    point = everyday(random, n)
    zero = [mp.zero] * n
    constant = lambda c: Dual(mp.mpf(c), zero)

    def tanh_dot(x):
        total = constant(0.25)
        for c, v in zip(w, x):
            total = total + constant(c) * v
        return total.of(mpmath.tanh, lambda t: mpmath.sech(t) ** 2)

    def logsumexp(x):
        total = constant(0.0)
        for v in x:
            total = total + v.of(mpmath.exp, mpmath.exp)
        return total.of(mpmath.log, lambda t: 1 / t)

    def norm(x):
        total = constant(1.0)
        for v in x:
            total = total + v * v
        return total.of(mpmath.sqrt, lambda t: 1 / (2 * mpmath.sqrt(t)))

    def product(x):
        total = constant(1.0)
        for v in x:
            total = total * v.of(lambda t: 1 + mpmath.sin(t) / 2, lambda t: mpmath.cos(t) / 2)
        return total

    def mean_of_cubes(x):
        total = constant(0.0)
        for v in x:
            t = v.of(mpmath.tanh, lambda t: mpmath.sech(t) ** 2)
            total = total + t * t * t * constant(mp.mpf(1) / n)
        return total

    a = lambda x: np.asarray(x, dtype=kind)
    choices = [
        (lambda x: float(np.tanh(np.dot(a(w), a(x)) + kind(0.25))), tanh_dot),
        (lambda x: float(np.log(np.sum(np.exp(a(x))))), logsumexp),
        (lambda x: float(np.sqrt(kind(1.0) + np.sum(a(x) ** 2))), norm),
        (lambda x: float(np.prod(kind(1.0) + np.sin(a(x)) / kind(2.0))), product),
        (lambda x: float(np.mean(np.tanh(a(x)) ** 3)), mean_of_cubes),
    ]
    return *random.choice(choices), point


def single(random):
    return arrays(random, np.float32)


def huge(random):
    x = 10.0 ** random.uniform(5.0, 18.0) * random.choice([1.0, -1.0])
    factor = random.choice([1.0, 1e-3, 1e-8, 7.0])
    g, g_mp, slope = random.choice([OF_ONE["sin"], OF_ONE["cos"], OF_ONE["tanh"], OF_ONE["atan"], OF_ONE["root"]])
    exact, trend = mp.mpf(factor), mp.mpf(random.choice([0.0, 0.0, 1e-3]))
    return (
        lambda x: g(factor * x[0]) + float(trend) * x[0],
        lambda x: x[0].of(lambda t: g_mp(exact * t) + trend * t, lambda t: exact * slope(exact * t) + trend),
        [x],
    )


def steep(random):
    g, g_mp, slope = random.choice([OF_ONE["sin"], OF_ONE["cos"], OF_ONE["tanh"], OF_ONE["bell"], OF_ONE["erf"]])
    if random.random() < 0.4:
        return (
            lambda x: g(math.exp(x[0])),
            lambda x: x[0].of(lambda t: g_mp(mpmath.exp(t)), lambda t: slope(mpmath.exp(t)) * mpmath.exp(t)),
            [random.uniform(5.0, 40.0)],
        )
    factor, centre = 10.0 ** random.uniform(3.0, 17.0), random.choice([1.0, 0.0, 2.5, -40.0])
    point = centre + random.choice([0.0, 1.0 / factor, -0.3 / factor])
    return (
        lambda x: g(factor * (x[0] - centre)),
        lambda x: x[0].of(
            lambda t: g_mp(mp.mpf(factor) * (t - mp.mpf(centre))),
            lambda t: mp.mpf(factor) * slope(mp.mpf(factor) * (t - mp.mpf(centre))),
        ),
        [point],
    )


KINDS = {each.__name__: each for each in (composition, losing, sums, arrays, single, huge, steep)}


def cases(count, seed):
    """Tuples of kind, function of a list, point, and its right gradient as a function; equally many of each kind."""
    random = Random(seed)
    made = 0
    while made < count:
        kind = list(KINDS)[made % len(KINDS)]
        f, of_dual, point = KINDS[kind](random)
        try:
            value = f(point)
            with mp.workdps(60):
                exact = of_dual(variables(point))
            slopes = list(map(float, exact.slopes))
        except (ArithmeticError, ValueError):
            continue
        if not all(map(math.isfinite, [value, *slopes])) or max(map(abs, [value, *slopes])) > 1e200:
            continue
        if kind == "losing" and abs(value - exact.value) > 1e-5 * abs(exact.value):
            continue  # so much is lost that it is another function
        made += 1
        yield kind, f, point, exact_gradient(of_dual)


def exact_gradient(of_dual):
    def gradient(x):
        with mp.workdps(60):
            return list(map(float, of_dual(variables(x)).slopes))

    return gradient


def with_one_wrong(gradient, point, wrong):
    """The gradient with its largest component wrong; None if that is 0."""
    slopes = gradient(point)
    largest = max(range(len(slopes)), key=lambda j: abs(slopes[j]))
    if not slopes[largest]:
        return None
    return lambda x: [wrong(d) if j == largest else d for j, d in enumerate(gradient(x))]


def outcome(f, point, gradient):
    """The outcome of a check as one word (agrees, differs or undecided), and its message."""
    with warnings.catch_warnings(record=True) as caught, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            report = check_gradients(f, point, gradient=gradient)
        except GradientError as error:
            return "differs", str(error)
        except UndecidedError as error:
            return "undecided", str(error)
    return ("partly undecided" if caught else "agrees"), str(report)


def main(count, seed):
    counts = {name: Counter() for name in ("right", *WRONG)}
    for number, (kind, f, point, gradient) in enumerate(cases(count, seed)):
        found, text = outcome(f, point, gradient)
        counts["right"][kind, found] += 1
        if found == "differs":
            print(f"false alarm, case {number} of seed {seed}, {kind}:\n{text}\n")
        name = list(WRONG)[number % len(WRONG)]
        claimed = with_one_wrong(gradient, point, WRONG[name])
        if claimed:
            counts[name][kind, outcome(f, point, claimed)[0]] += 1
    for name, found in counts.items():
        for (kind, what), n in sorted(found.items()):
            print(f"{name:8} {kind:12} {what:17} {n}")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0)
