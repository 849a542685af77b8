"""Primitives with a wrong rule, planted at a chosen order: right in all lower orders, everywhere."""

from math import factorial, isfinite
from random import Random

from autograd_mini import Value, gradients
from autograd_mini.primitives import Primitive

FAULTS = ("sign", "factor", "missing term", "stale value", "wrong operand", "beyond a kink")


def sample(row, random):
    """Arguments of ordinary size within the domain, away from its ends and from 0."""
    if row.name == "ldexp":
        return [random.uniform(0.5, 3.0), float(random.randint(-3, 3))]
    domains = row.domain if row.arity is not None else row.domain * 4
    return [_within(low, high, random) for low, high in domains]


def _within(low, high, random):
    low, high = max(low, -3.0 if high > -2.0 else high - 3.0), min(high, max(low, 0.0) + 3.0)
    return low + (high - low) * random.uniform(0.1, 0.9) + 1e-3


def derivative(primitive, args, index, order):
    """The derivative of the given order with respect to one argument, by the rule."""
    xs = [Value(x) for x in args]
    y = primitive(*xs)
    for _ in range(order):
        (y,) = gradients(y, [xs[index]], create_graph=True)
    return y.data


def size_of_fault(row, args, index, order, fault, random):
    """By how much the derivative of that order is to be wrong; 0 if the fault would make no difference."""
    true = derivative(row, args, index, order)
    if fault == "sign":
        return -2.0 * true
    if fault == "factor":
        return true * random.choice([1.0, -0.5, 1e-3, 1e-5])
    if fault == "missing term":
        return -true * random.choice([1.0, 1.0 / 3.0])
    if fault == "stale value":
        moved = [*args[:index], args[index] + 0.0625, *args[index + 1 :]]
        return derivative(row, moved, index, order) - true
    if fault == "wrong operand":
        turned = [*args[1:], args[0]] if len(args) > 1 else [row.forward(*args)]
        return derivative(row, turned, index, order) - true
    return true or 1.0  # beyond a kink


def plant(row, args, order, fault, random):
    """A wrong copy of a row, and the index of the argument whose derivative is wrong; None if it would be right."""
    index = random.randrange(len(args)) if row.name != "ldexp" else 0
    delta = size_of_fault(row, args, index, order, fault, random)
    scale = 1.0 + abs(derivative(row, args, index, order))
    if not isfinite(delta) or abs(delta) < 1e-5 * scale:
        return None

    def partials(out, *xs):
        x = xs[index]
        here = x.data if isinstance(x, Value) else x
        found = list(row.partials(out, *xs))
        if fault == "beyond a kink" and here > args[index] + 1e-2:
            return tuple(found)
        found[index] = found[index] + delta * (x - here) ** (order - 1) * (1.0 / factorial(order - 1))
        return tuple(found)

    return Primitive(f"wrong_{row.name}", row.forward, partials, arity=row.arity, domain=row.domain), index


def planted_cases(rows, orders, seed):
    """(description, arguments, wrong primitive, order) for every row, order and fault that makes a difference."""
    random = Random(seed)
    for row in rows:
        for order in orders:
            for fault in FAULTS:
                args = sample(row, random)
                wrong = plant(row, args, order, fault, random)
                if wrong is not None:
                    yield f"{fault} in order {order} of {row.name} at {args}", args, wrong[0], order
