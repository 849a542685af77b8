"""Elimination against exact rational arithmetic, and its derivatives against differences."""

import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autograd_mini import hessian, jacobian
from autograd_mini.linear import eliminate, linear_solve, solve_linear

ENTRIES = st.integers(-4, 4)


@st.composite
def systems(draw):
    n = draw(st.integers(1, 4))
    return [[draw(ENTRIES) for _ in range(n)] for _ in range(n)], [draw(ENTRIES) for _ in range(n)]


def determinant(rows):
    """The exact determinant by Laplace's expansion."""
    if not rows:
        return 1
    return sum(
        (-1) ** j * rows[0][j] * determinant([row[:j] + row[j + 1 :] for row in rows[1:]]) for j in range(len(rows))
    )


def cramer(rows, right):
    whole = determinant(rows)
    return [
        Fraction(determinant([[*row[:i], b, *row[i + 1 :]] for row, b in zip(rows, right)]), whole)
        for i in range(len(right))
    ]


@given(systems(), st.integers(-300, 300))
def test_against_cramers_rule(system, exponent):
    rows, right = system
    scale = 2.0**exponent  # of one equation, which changes nothing
    scaled = [[rows[0][j] * scale for j in range(len(right))], *rows[1:]], [right[0] * scale, *right[1:]]
    found = eliminate(*scaled)
    if determinant(rows) == 0:
        assert found is None
    else:
        size = max(map(abs, cramer(rows, right)))
        assert found == pytest.approx(list(map(float, cramer(rows, right))), rel=1e-12, abs=1e-12 * float(size))


@pytest.mark.parametrize("rows", [[[0.1, 0.3], [0.2, 0.6]], [[0.0]], [[float("nan")]], [[float("inf")]]])
def test_what_is_singular_but_for_rounding_is_singular(rows):
    assert eliminate(rows, [1.0] * len(rows)) is None


@given(st.floats(), st.floats())
def test_one_equation_is_solved_as_the_first_of_two(a, b):
    alone, both = eliminate([[a]], [b]), eliminate([[a, 0.0], [0.0, 1.0]], [b, 1.0])
    assert repr(alone) == repr(both and both[:1])


def test_a_badly_scaled_system_is_not():
    assert eliminate([[1.0, 0.0], [0.0, 1e-200]], [1.0, 1e-200]) == [1.0, 1.0]


@settings(max_examples=20)
@given(systems())
def test_derivatives_by_the_inverse(system):
    """∂xᵢ/∂Aⱼₖ = -Bᵢⱼ xₖ with B = A⁻¹, and of that, towards Aₗₘ, Bᵢₗ Bₘⱼ xₖ + Bᵢⱼ Bₖₗ xₘ."""
    rows, right = np.array(system[0], dtype=float), np.array(system[1], dtype=float)
    assume(determinant(system[0]) != 0)
    n = len(right)
    inverse = np.linalg.inv(rows)
    x = inverse @ right
    by_matrix, by_right = jacobian(lambda a, b: np.array(solve_linear([*a.ravel()], [*b])))(rows, right)
    assert np.allclose(by_matrix, -np.einsum("ij,k->ijk", inverse, x), rtol=1e-10, atol=1e-10)
    assert np.allclose(by_right, inverse, rtol=1e-10, atol=1e-10)
    found = hessian(lambda a: solve_linear([*a.ravel()], [*right])[n - 1])(rows)
    expected = np.einsum("l,mj,k->jklm", inverse[-1], inverse, x) + np.einsum("j,kl,m->jklm", inverse[-1], inverse, x)
    assert np.allclose(found, expected, rtol=1e-9, atol=1e-9)


def test_an_operation_is_one_and_can_be_pickled():
    operation = linear_solve(2, 1)
    assert pickle.loads(pickle.dumps(operation)) is operation
    assert operation(2.0, 0.0, 0.0, 4.0, 1.0, 1.0) == 0.25
    assert np.isnan(operation(1.0, 1.0, 1.0, 1.0, 1.0, 1.0))
