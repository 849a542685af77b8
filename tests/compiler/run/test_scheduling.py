"""A schedule holds each pack once, after its operands, and gives large products to BLAS."""

import numpy
import pytest

from autograd_mini import compile
from autograd_mini.compiler.ir.program import Leaf, Sum
from autograd_mini.compiler.ir.request import Kind, Request
from autograd_mini.compiler.partition import MOST_SEGMENTS
from autograd_mini.compiler.passes.isolating import is_large
from autograd_mini.compiler.pipeline import program_of
from autograd_mini.compiler.run.scheduling import Work, phases_of, schedule
from tests.compiler.test_networks import NETWORKS

pytest.importorskip("llvmlite")


@pytest.fixture(params=["one example", "batch", "reduced"])
def divided(request, network):
    """The schedules of all kinds of programs."""
    weights, x, d = NETWORKS[network]
    options = {"one example": {}, "batch": {"batch": [1, "d"]}, "reduced": {"batch": [1, "d"], "reduce": "sum"}}
    compiled = compile(network, backend="numpy", **options[request.param])
    args = [numpy.ones(size if request.param == "one example" else (3, *numpy.atleast_1d(size))) for size in (x, d)]
    compiled(weights, *args)
    source = compiled._latest.parts[0].plan.source
    return [schedule(program_of(source, Request(kind, (0, 1)))) for kind in Kind]


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_parts(divided):
    for each in divided:
        done = {pack for pack in each.program.packs if isinstance(pack.operation, Leaf)} | each.constants.keys()
        n_done = len(done)
        for part in each.parts:
            sums = set()
            for pack in part.packs:
                assert pack not in done
                assert done.issuperset(pack.parents)
                (sums if part.kind is Work.KERNEL and pack not in each.varying else done).add(pack)
                n_done += 1
            done |= sums
        assert n_done == len(each.program.packs)
        assert done == {*each.program.packs}


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_kernels_hold_no_large_product(divided):
    for each in divided:
        for kind, pack in [(part.kind, pack) for part in each.parts for pack in part.packs if part.kind != Work.ALONE]:
            is_over = not each.varying.isdisjoint(pack.parents)
            assert is_over if kind is Work.KERNEL else not is_over
            segments = pack.operation.segments if isinstance(pack.operation, Sum) else ()
            assert len(segments) <= MOST_SEGMENTS
            assert not any(is_large(pack, segment, block) for segment in segments for block in segment.blocks)


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.__name__)
def test_phases_come_one_after_the_other(divided):
    for each in divided:
        phases = phases_of(each)
        if phases is not None:
            sums, later = phases
            assert each.is_batched
            assert each.varying.isdisjoint(sums | later)
            assert all(each.varying.intersection(pack.parents) for pack in sums)
            for pack in {*each.program.packs} - later:
                assert not (sums | later).intersection(pack.parents)
