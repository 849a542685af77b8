"""What the strategies draw, and what their examples shrink to."""

from math import inf, isfinite, sin

import mpmath
import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from autograd_mini import TABLE, Value, register_primitive
from autograd_mini.nn import MLP
from autograd_mini.testing import Dual, GradientError, check_gradients, strategies

SEARCH = settings(max_examples=20_000, database=None, deadline=None, suppress_health_check=list(HealthCheck),
                  phases=[Phase.generate, Phase.shrink], derandomize=True)  # fmt: skip


@given(strategies.values(low=-1.0, high=3.0), strategies.points(3, low=0.25, high=0.375))
def test_values_and_points_lie_within_their_bounds(x, point):
    assert -1.0 <= x <= 3.0
    assert len(point) == 3
    assert all(0.25 <= x <= 0.375 for x in point)


@given(strategies.expressions(3))
def test_operands_lie_within_their_domains(program):
    results = program.run(program.point)
    assert all(map(isfinite, results))
    for primitive, operands in program.steps:
        args = [results[each] if isinstance(each, int) else each for each in operands]
        domains = primitive.domain if primitive.arity is not None else primitive.domain * len(args)
        assert all(low < x < high for x, (low, high) in zip(args, domains)), (primitive, args)


@given(strategies.expressions(2))
def test_every_step_matters_and_depends_on_an_input(program):
    used = {each for _, operands in program.steps for each in operands if isinstance(each, int)}
    assert used | {program.n_inputs + len(program.steps) - 1} >= set(
        range(program.n_inputs, program.n_inputs + len(program.steps))
    )
    assert all(any(isinstance(each, int) for each in operands) for _, operands in program.steps)


@given(strategies.expressions(2, primitives=["add", "sin", TABLE["gelu"]], max_size=4))
def test_chosen_primitives_alone(program):
    assert {step.primitive.name for step in program.steps} <= {"add", "sin", "gelu", "sum", "pos"}
    assert len(program.steps) <= 5


def test_all_shapes_occur():
    """Every row, repeated operands, shared results, chains of depth 8 and sums of 4 results."""
    seen = set()

    @settings(SEARCH, max_examples=1_500, phases=[Phase.generate])
    @given(strategies.expressions(2))
    def collect(program):
        *_, last = program.steps
        seen.update(step.primitive.name for step in program.steps)
        seen.update(
            shape
            for shape, occurs in {
                "repeated": any(len(set(step.operands)) < len(step.operands) for step in program.steps),
                "deep": depth(program) >= 8,
                "wide": last.primitive.name == "sum" and len(last.operands) >= 4,
                "shared": shares(program),
            }.items()
            if occurs
        )

    collect()
    assert seen >= {*TABLE, "repeated", "deep", "wide", "shared"}


def shares(program):
    operands = [each for step in program.steps for each in set(step.operands) if isinstance(each, int)]
    return any(operands.count(each) > 1 for each in operands if each >= program.n_inputs)


def depth(program):
    depths = [0] * program.n_inputs
    for _, operands in program.steps:
        depths.append(1 + max(depths[each] for each in operands if isinstance(each, int)))
    return depths[-1]


def test_a_failure_shrinks_to_one_readable_operation():
    program = find(
        strategies.expressions(2), lambda p: any(s.primitive.name == "tanh" for s in p.steps), settings=SEARCH
    )
    assert repr(program).removeprefix("lambda x0, x1: ") in ("ag.tanh(x0)", "ag.tanh(x1)")
    assert program.point == (0.0, 0.0)


def test_your_primitives_take_part_and_faults_in_them_are_found():
    register_primitive("cube_wrong_", lambda x: x * x * x, lambda out, x: (2.0 * x * x,))
    try:
        assert any(row.name == "cube_wrong_" for row in TABLE.values())

        def is_wrong(program):
            try:
                check_gradients(program, *program.point)
            except GradientError:
                return True
            return False

        program = find(strategies.expressions(1, primitives=["cube_wrong_", "sin", "mul"]), is_wrong, settings=SEARCH)
        assert "ag.TABLE['cube_wrong_'](" in repr(program)
        assert len(program.steps) == 1
    finally:
        del TABLE["cube_wrong_"]
        del Value.cube_wrong_


def test_programs_take_every_kind_of_number():
    program = find(strategies.expressions(1), lambda p: repr(p) == "lambda x0: ag.sin(x0)", settings=SEARCH)
    assert program(1.0) == program(Value(1.0)).data == sin(1.0)
    assert mpmath.almosteq(program(mpmath.mpf(1)), mpmath.sin(1), 1e-15)
    assert float(program(Dual(1.0)).value) == sin(1.0)
    with pytest.raises(TypeError, match="takes 1 number"):
        program(1.0, 2.0)


@given(strategies.kinks())
def test_kinks_are_kinks(program):
    """At each of them, the derivatives of the two sides differ for some input."""
    point, here = program.point, float(program(*program.point))

    def slope(j, step):
        moved = [*point[:j], point[j] + step, *point[j + 1 :]]
        return (float(program(*moved)) - here) / (moved[j] - point[j])

    assert any(abs(slope(j, 2.0**-20) - slope(j, -(2.0**-20))) > 1e-3 for j in range(len(point)))


def test_kinks_of_your_primitives():
    found = find(strategies.kinks(primitives=["abs"]), lambda p: True, settings=SEARCH)
    assert repr(found) == "lambda x0: ag.abs(x0)"
    with pytest.raises(ValueError, match="none of those given does"):
        strategies.kinks(primitives=["sin"])


@given(strategies.mlps(max_inputs=2, max_layers=2, max_width=3, activations=["tanh"]), st.data())
def test_networks(model, data):
    assert isinstance(model, MLP)
    assert len(model.layers) <= 2
    assert all(layer.n_outputs <= 3 for layer in model.layers)
    n_inputs = model.layers[0].n_inputs
    assert n_inputs <= 2
    model(data.draw(strategies.points(n_inputs)))


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: strategies.values(low=1.0, high=0.0), "low < high"),
        (lambda: strategies.values(high=inf), "finite"),
        (lambda: strategies.points(0), "integer n ≥ 1"),
        (lambda: strategies.expressions(0), "n_inputs must be an integer ≥ 1"),
        (lambda: strategies.expressions(1, max_size=0), "max_size must be an integer ≥ 1"),
        (lambda: strategies.expressions(1, primitives=["nothing"]), "no primitive 'nothing'"),
        (lambda: strategies.expressions(1, primitives=[]), "at least one primitive"),
        (lambda: strategies.mlps(max_width=0), "max_width must be an integer ≥ 1"),
        (lambda: strategies.mlps(activations=[]), "at least one activation"),
    ],
)
def test_settings_are_validated_at_once(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
