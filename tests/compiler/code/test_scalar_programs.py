"""The properties of compiled functions also hold for programs of scalars."""

import pytest

from tests.compiler import test_networks, test_random_programs
from tests.compiler.calls import test_calling
from tests.compiler.passes import test_vector_rules
from tests.compiler.test_random_programs import own  # noqa: F401, a fixture

pytest.importorskip("llvmlite")
pytestmark = pytest.mark.usefixtures("as_scalars", "between_margins")

MODES = pytest.mark.parametrize("mode", test_random_programs.MODES)


@MODES
def test_within_domains(mode, own):  # noqa: F811
    test_random_programs.test_within_domains(mode, "machine", own)


@MODES
def test_on_kinks_and_ties(mode):
    test_random_programs.test_on_kinks_and_ties(mode, "machine")


@pytest.mark.parametrize("mode", ["value", "gradient"])
def test_at_the_ends_of_the_doubles(mode, own):  # noqa: F811
    test_random_programs.test_at_the_ends_of_the_doubles(mode, "machine", own)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches(reduce):
    test_random_programs.test_batches(reduce, "machine")


def test_wrt_by_position_and_by_name():
    test_random_programs.test_wrt_by_position_and_by_name("machine")


def test_compiled_derivatives():
    test_random_programs.test_compiled_derivatives("machine")


@pytest.mark.parametrize("others", [[], [0.5, -3.0]])
@pytest.mark.parametrize("kind", ["list", "array", "dict"])
def test_jacobians(kind, others):
    test_random_programs.test_jacobians(kind, others, "machine")


def test_products_with_the_hessian():
    test_random_programs.test_products_with_the_hessian("machine")


@pytest.mark.parametrize("name", test_vector_rules.FUNCTIONS)
def test_functions_of_vectors(name):
    test_vector_rules.test_gradients(name, "machine")
    test_vector_rules.test_second_derivatives(name, "machine")
    test_vector_rules.test_over_a_batch_and_in_several_lanes(name, "machine")


@pytest.mark.parametrize("name", test_calling.RESULTS)
def test_structures_of_results(name):
    test_calling.test_structures_of_results(name, "machine")


@pytest.mark.parametrize("batch", [False, True])
def test_layouts_in_memory(batch):
    test_calling.test_layouts_in_memory(batch, "machine")


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
def test_batches_of_one_and_of_none(reduce):
    test_calling.test_batches_of_one(reduce, "machine")
    test_calling.test_empty_batches("machine")


@pytest.mark.parametrize("name", test_calling.BRANCHES)
def test_branches_that_are_not_taken(name):
    test_calling.test_branches_that_are_not_taken_carry_nothing(name, "machine")


@pytest.mark.parametrize("name", test_calling.CURVED)
def test_second_derivatives_of_branches_that_are_not_taken(name):
    test_calling.test_second_derivatives_of_branches_that_are_not_taken(name, "machine")


@pytest.mark.parametrize(
    "test",
    [
        test_calling.test_every_derivative_after_every_other,
        test_calling.test_branches_at_one_point,
        test_calling.test_parameters_are_read_at_each_call,
        test_calling.test_backward_accumulates,
        test_calling.test_captured_values_that_were_computed,
    ],
    ids=lambda test: test.__name__,
)
def test_calls(test):
    test("machine")


def test_products_with_the_hessian_over_batches():
    test_calling.test_products_with_the_hessian_over_batches()


@pytest.mark.parametrize("network", test_networks.NETWORKS, ids=lambda network: network.__name__)
def test_networks_of_one_example(network):
    test_networks.test_one_example(network)


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("network", test_networks.NETWORKS, ids=lambda network: network.__name__)
def test_networks_over_batches(network, reduce):
    test_networks.test_batches(network, 5, reduce)
