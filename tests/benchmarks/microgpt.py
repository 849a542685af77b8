"""A step of a GPT written in scalars, as in microgpt: the loss of one name of eight letters, and its gradient with
respect to 4,192 parameters.

microgpt's own class is measured if the environment variable MICROGPT names its file; only the class is run from it.
"""

from __future__ import annotations

import ast
import math
import os
import random
from functools import partial
from pathlib import Path

from tests.benchmarks.run import LeftOut

TITLE = "eager: a GPT of one layer, 16 wide with 4 heads, on one name, loss and gradient in 4,192 parameters"
BASELINE = "microgpt's Value"
LETTERS, PLACES, WIDTH, HEADS = 27, 16, 16, 4
NAME = [26, 4, 11, 8, 25, 0, 1, 4, 26]
"""The letters of the name by number; 26 marks its start and end."""


def first_weights():
    """The matrices by name, each a list of rows."""
    generator = random.Random(1)
    shapes = {
        "letters": (LETTERS, WIDTH), "places": (PLACES, WIDTH), "out": (LETTERS, WIDTH),
        "queries": (WIDTH, WIDTH), "keys": (WIDTH, WIDTH), "values": (WIDTH, WIDTH), "mix": (WIDTH, WIDTH),
        "wide": (4 * WIDTH, WIDTH), "narrow": (WIDTH, 4 * WIDTH),
    }  # fmt: skip
    return {name: [[generator.gauss(0.0, 0.08) for _ in range(n)] for _ in range(m)] for name, (m, n) in shapes.items()}


def loss(weights, dot, softmax, relu, log):
    """The mean of -log p over the letters to be predicted."""
    known, read, losses = [], [], []
    for place, (letter, following) in enumerate(zip(NAME, NAME[1:])):
        x = scaled([a + b for a, b in zip(weights["letters"][letter], weights["places"][place])], dot)
        y = scaled(x, dot)
        query, key, value = (times(weights[name], y, dot) for name in ("queries", "keys", "values"))
        known.append(key)
        read.append(value)
        found = []
        for start in range(0, WIDTH, WIDTH // HEADS):
            part = slice(start, start + WIDTH // HEADS)
            shares = softmax([dot(query[part], each[part]) / (WIDTH // HEADS) ** 0.5 for each in known])
            found += [dot(shares, column) for column in zip(*[each[part] for each in read])]
        x = [a + b for a, b in zip(times(weights["mix"], found, dot), x)]
        y = [relu(each) for each in times(weights["wide"], scaled(x, dot), dot)]
        x = [a + b for a, b in zip(times(weights["narrow"], y, dot), x)]
        losses.append(-log(softmax(times(weights["out"], x, dot))[following]))
    return sum(losses) * (1 / len(losses))


def times(matrix, xs, dot):
    return [dot(row, xs) for row in matrix]


def scaled(xs, dot):
    """x divided by the root of its mean square."""
    scale = (dot(xs, xs) / len(xs) + 1e-5) ** -0.5
    return [x * scale for x in xs]


def of_plus_and_times(Value):
    """The functions that the model needs, built from nothing but the methods of microgpt's class."""

    def softmax(xs):
        most = max(x.data for x in xs)
        powers = [(x - most).exp() for x in xs]
        total = sum(powers)
        return [power / total for power in powers]

    return lambda xs, ys: sum(x * y for x, y in zip(xs, ys)), softmax, Value.relu, Value.log


def step(Value, functions):
    weights = {name: [[Value(number) for number in row] for row in matrix] for name, matrix in first_weights().items()}
    parameters = [weight for matrix in weights.values() for row in matrix for weight in row]

    def run():
        found = loss(weights, *functions)
        for each in parameters:
            each.grad = 0.0
        found.backward()
        return [found.data, *(each.grad for each in parameters)]

    return run


def microgpt():
    path = os.environ.get("MICROGPT")
    if not path:
        raise LeftOut("the environment variable MICROGPT names no file of microgpt's")
    classes = [each for each in ast.parse(Path(path).read_text()).body if isinstance(each, ast.ClassDef)]
    names = {"math": math}
    exec(compile(ast.Module([each for each in classes if each.name == "Value"], []), path, "exec"), names)
    return step(names["Value"], of_plus_and_times(names["Value"]))


def by_hand():
    from autograd_mini import Value

    return step(Value, of_plus_and_times(Value))


def by_functions():
    from autograd_mini import Value, dot, log, relu, softmax

    return step(Value, (dot, softmax, relu, log))


def compiled():
    import numpy

    from autograd_mini import compile, dot, log, relu, softmax

    derive = compile(partial(loss, dot=dot, softmax=softmax, relu=relu, log=log)).value_and_grad
    weights = {name: numpy.array(matrix) for name, matrix in first_weights().items()}

    def arrange(result):
        value, slopes = result
        return [value, *slopes.values()]

    return lambda: derive(weights), arrange


CONTENDERS = {
    "microgpt's Value": microgpt,
    "autograd_mini, + and *": by_hand,
    "autograd_mini, dot and softmax": by_functions,
    "autograd_mini, compiled": compiled,
}
