"""Random programs over the whole table, exported to C, keep the contract of arithmetic, bits included."""

import re
from contextlib import contextmanager
from math import isfinite

import numpy
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from autograd_mini import compile, gradients
from autograd_mini.compiler.export.exported import Exported
from autograd_mini.testing import strategies
from tests.compiler.contract import Contract, is_tied, wrong_among
from tests.compiler.export.in_c import built, needs_gcc
from tests.compiler.export.numbers import LibraryInC
from tests.compiler.tricky import tricky

pytestmark = [pytest.mark.usefixtures("form"), needs_gcc, pytest.mark.filterwarnings("ignore::RuntimeWarning")]

WITHOUT_C = re.compile(r"there is no C for (digamma|polygamma|fsum|softmax_rest)")
LIBRARY = LibraryInC()


@st.composite
def tricky_programs(draw):
    return tricky(lambda first, last: draw(st.integers(first, last)))


PROGRAMS = strategies.expressions(3) | strategies.kinks() | tricky_programs()


def written(folder, programs, order):
    """The programs for which there are C files."""
    found = {}
    for number, program in enumerate(programs):
        path = folder / f"f{number}.c"
        with suppress_without_c():
            compile(program, backend="numpy").export(path, *program.point, order=order)
            found[number] = program
        assert path.exists() is (number in found)
    return found


@contextmanager
def suppress_without_c():
    try:
        yield
    except ValueError as error:
        if not WITHOUT_C.match(str(error)):
            raise


def run(folder, strategy, order, count, check):
    """Check a property of programs in C, several of them in each library."""
    phases = [Phase.explicit, Phase.reuse, Phase.generate]  # to shrink would take a compiler many times

    @settings(max_examples=count, phases=phases, suppress_health_check=[*HealthCheck])
    @given(st.lists(strategy, min_size=12, max_size=12))
    def test(programs):
        for path in folder.glob("*.[ch]"):
            path.unlink()
        with numpy.errstate(all="ignore"):
            found = written(folder, programs, order)
            if found:
                library = built(folder)
                for number, program in found.items():
                    check(library, f"f{number}", program)

    test()


def gradient_of(program):
    def slopes(*xs):
        return gradients(program(*xs), xs, create_graph=True)

    return slopes


def contract_of(function, point, slack=0):
    return Contract(function, point, LIBRARY, slack)


def check_first(library, name, program):
    contract = contract_of(program, program.point)
    status, (value,) = library(name, *program.point)
    assert status == 0
    wrong = wrong_among(value.tolist(), contract.values, "value")
    assert not wrong, f"{program} at {program.point}: {wrong}"
    if contract.outputs[0] is None:
        return
    status, found = library(f"grad_{name}", *program.point)
    gradient = [float(each[0]) for each in found]
    if status:
        assert status == 2
        assert contract.is_settled
        assert is_nan(library, f"grad_{name}", found)
        return
    check_slopes(contract, gradient, f"{program} at {program.point}")


def is_nan(library, name, found):
    """Whether all nonzeros of the results are nan."""
    patterns = library.patterns(name, "out")
    return all(numpy.isnan(each).sum() == len(rows) for each, (_, rows, _) in zip(found, patterns))


def check_slopes(contract, found, where):
    """Where zeros meet inf, derivatives that are finite must be right."""
    allowed = contract.gradient()
    if contract.is_careful or contract.is_settled:
        kept = [place for place, number in enumerate(found) if isfinite(number)]
        found, allowed = [found[place] for place in kept], [allowed[place] for place in kept]
    wrong = wrong_among(found, allowed, "gradient", signs=False)
    assert not wrong, f"{where}: {wrong}"


def check_second(library, name, program):
    status, found = library(f"hess_{name}", *program.point)
    n = len(program.point)
    tied = is_tied(program, gradient_of(program), program.point)
    if status:
        assert status == 2
        assert tied
        assert is_nan(library, f"hess_{name}", found)
        return
    rows = numpy.array([float(each[0]) for each in found]).reshape(n, n)
    for place, row in enumerate(rows.tolist()):
        contract = contract_of(lambda *xs, place=place: gradient_of(program)(*xs)[place], program.point, slack=4)
        if contract.outputs[0] is not None and not tied:
            check_slopes(contract, row, f"row {place} of {program} at {program.point}")


@pytest.fixture(params=["packs", "scalars"])
def form(request, monkeypatch):
    monkeypatch.setattr(Exported, "as_scalars", request.param == "scalars")


def test_values_and_gradients(tmp_path):
    run(tmp_path, PROGRAMS, 1, 4, check_first)


def test_hessians(tmp_path):
    run(tmp_path, strategies.expressions(3, max_size=6), 2, 2, check_second)
