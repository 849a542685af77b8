"""Graphs to explain."""

from autograd_mini import Value
from autograd_mini.explain import explain


def neuron():
    """A neuron with a squared error, as a page and its Values by name."""
    w, x, b, d = Value(0.5, label="w"), Value(2.0, label="x"), Value(-1.5, label="b"), Value(1.0, label="d")
    y = (w * x + b).tanh()
    loss = (y - d) ** 2
    loss.label = "L"
    return loss, {"w": w, "x": x, "b": b, "d": d}


def shared(a=2.0, c=-3.0):
    """A graph of arithmetic alone, in which nodes between leaves and result have several children."""
    a, c = Value(a, label="a"), Value(c, label="c")
    e, f = a * c, a + c
    e.label, f.label = "e", "f"
    g = e * f
    g.label = "g"
    y = e * g - f * f / 3.0
    y.label = "y"
    return y, {"a": a, "c": c}


def page_of(made):
    result, leaves = made
    return explain(result, parameters=[leaf for name, leaf in leaves.items() if name not in ("x", "d")])


def table_of(tab):
    """The contents of the page's table, by name: data, gradient, finite difference."""
    rows = tab.evaluate(
        "[...document.querySelectorAll('#numbers tbody tr')]"
        ".map((row) => [...row.cells].map((cell) => cell.textContent))"
    )
    return {name: cells for name, _, *cells, _ in rows}


def gradients_of(made):
    """Python's results for the same graph: data and gradient of every leaf, as the table writes them."""
    result, leaves = made
    result.backward()
    return {name: [repr(leaf.data), repr(leaf.grad)] for name, leaf in leaves.items()}
