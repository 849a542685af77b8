"""Functions of a vector w and a vector x, compiled in every way that other libraries may meet."""

from autograd_mini import compile, dot, exp, tanh


def pair(w, x):
    return [tanh(dot(w, x)), dot(x, x) * w[0]]


def nest(w, x):
    return {"a": exp(w[0] * x[1]), "b": (dot(w, x) ** 3, [w[1] * x[0], x[2], w[0]])}


def number(w, x):
    return tanh(dot(w, x)) * w[2]


def branching(w, x):
    return dot(w, x) ** 2 if x[0] > 0.3 else dot(w, w) * x[1]


COMPILED = {
    "a function": number,
    "a list": compile(pair),
    "a nest": compile(nest),
    "a batch": compile(pair, batch=1),
    "a batch of nests": compile(nest, batch="x"),
    "a batch of branches": compile(branching, batch=["x"]),
    "a sum": compile(number, batch=1, reduce="sum"),
    "a mean": compile(number, batch=1, reduce="mean"),
    "numpy": compile(pair, batch=1, backend="numpy"),
}
ONE_EXAMPLE = {"a function", "a list", "a nest"}
