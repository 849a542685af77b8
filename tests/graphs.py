"""Random computation graphs for tests: polynomials with integer coefficients, exact in floats."""

from __future__ import annotations

from hypothesis import strategies as st

from autograd_mini import Value

OPERATORS = {"+": lambda x, y: x + y, "-": lambda x, y: x - y, "*": lambda x, y: x * y}
STEPS = st.lists(st.tuples(st.sampled_from("+-*"), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=12)
"""A program: each step applies an operator to two earlier results."""


def run(steps, inputs):
    """All results of the program, inputs first, on any type of number."""
    results = list(inputs)
    for operator, left, right in steps:
        results.append(OPERATORS[operator](results[left % len(results)], results[right % len(results)]))
    return results


def variables(numbers):
    return [Value(number, label=f"x{index}") for index, number in enumerate(numbers)]
