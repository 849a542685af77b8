"""Chunks cover the sequence of operations, read only what was written, and repeat where the sequence does."""

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler.code.chunks import Chunks
from autograd_mini.compiler.code.listing import Listing, Operation
from autograd_mini.compiler.code.operations import Operations
from autograd_mini.compiler.ir.scalars import ONE, Input, Number, Terms
from autograd_mini.compiler.partition import CHUNK

INPUTS, LARGEST = 3, CHUNK[False]


def sequence(draw, n):
    """Random operations, whose heads say how many numbers they read."""
    made = []
    for number in range(INPUTS, INPUTS + n):
        reads = draw(st.lists(st.integers(max(0, number - 30), number - 1), min_size=1, max_size=3))
        made.append(Operation((number,), len(reads), tuple(reads), draw(st.sampled_from([1, 4, 200]))))
    return made


def value(head, args):
    """The result of an operation, which tells its operands and their order apart."""
    return hash((head, *args))


@st.composite
def sequences(draw):
    return sequence(draw, draw(st.integers(1, 120)))


@given(sequences(), st.sampled_from([1, 7, LARGEST]), st.data())
def test_chunks_compute_what_the_operations_do(operations, largest, data):
    expected = {number: ("input", number) for number in range(INPUTS)}
    for operation in operations:
        expected[operation.results[0]] = value(operation.head, [expected[number] for number in operation.reads])
    kept = data.draw(st.lists(st.sampled_from(sorted(expected)), min_size=1, max_size=4))
    homes = data.draw(st.lists(st.sampled_from([each for each in kept if each >= INPUTS] or [INPUTS]), unique=True))
    row_of = {number: row for row, number in enumerate([*range(INPUTS), *homes])}
    where_few_cross = data.draw(st.booleans())
    chunks = Chunks(
        Listing.of(operations), row_of, kept, largest, where_few_cross=where_few_cross, n_uniform=1, n_arrays=4
    )
    memory = {number: ("input", number) for number in range(INPUTS)}
    for chunk in chunks.chunks:
        form = chunks.forms[chunk.form]
        assert len(chunk.rows) == form.n_reads + len(form.writes)
        results = []
        for head, *operands in form.steps:
            args = [results[o] if o >= 0 else memory[chunk.rows[~o]] for o in operands]
            results.append(value(head, args))
        for row, result in zip(chunk.rows[form.n_reads :], form.writes):
            memory[row] = results[result]
        assert [*form.kinds] == [0 if row < 1 else 1 if row < 4 else 2 for row in chunk.rows]
    assert [memory[chunks.row_of[number]] for number in [*kept, *homes]] == [expected[n] for n in [*kept, *homes]]
    assert max(memory) < chunks.n_rows


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(0, 20))
def test_what_repeats_itself_shares_its_form(period, ahead):
    """However long the repetition is, and whatever comes before it."""
    heads = [100 + i for i in range(ahead)] + period * 200
    operations = [Operation((n + 1,), head, (n,), 1) for n, head in enumerate(heads)]
    longer = [Operation((n + 1,), head, (n,), 1) for n, head in enumerate(heads + period * 200)]
    few, many = (Chunks(Listing.of(each), {0: 0}, [len(each)], LARGEST) for each in (operations, longer))
    assert len(many.chunks) > len(few.chunks)
    assert len(many.forms) <= len(few.forms) + 2  # but for the end, cut elsewhere


def test_memory_is_used_again():
    """A chain needs only the memory that a chunk passes on."""
    chain = [Operation((n + 1,), 0, (n,), 1) for n in range(5000)]
    chunks = Chunks(Listing.of(chain), {0: 0}, [5000], LARGEST)
    assert chunks.n_rows <= 4


@given(st.integers(1, 60), st.data())
def test_by_demand_operands_come_first(n, data):
    """Each operation comes once, those of one wanted scalar before those that only later ones need."""
    scalars = [Number(1.0), *[Input(0, 1)] * INPUTS]
    for number in range(len(scalars), len(scalars) + n):
        reads = data.draw(st.lists(st.integers(1, number - 1), min_size=1, max_size=20))
        scalars.append(Terms.of([(1.0, each, ONE) for each in reads]))
    wanted = data.draw(st.lists(st.integers(1 + INPUTS, len(scalars) - 1), min_size=1, max_size=4, unique=True))
    operations = Operations(scalars, wanted)
    ordered = [*operations.by_demand(wanted)]
    assert sorted(ordered) == sorted(operations.sequence)
    made = set(range(1, 1 + INPUTS))
    for operation in ordered:
        assert made.issuperset(operation.reads)
        made.update(operation.results)
    alone = [*Operations(scalars, wanted[:1]).sequence]
    assert {each.results[0] for each in ordered[: len(alone)] if each.results[0] < len(scalars)} == {
        each.results[0] for each in alone if each.results[0] < len(scalars)
    }


def test_a_result_that_nothing_reads():
    """It is the last of several results: only the others are written."""
    operations = [Operation((INPUTS, INPUTS + 1), 0, (0, 1), 1)]
    chunks = Chunks(Listing.of(operations), {0: 0, 1: 1}, [INPUTS], LARGEST)
    assert [form.writes for form in chunks.forms] == [(0,)]
    assert [chunk.rows for chunk in chunks.chunks] == [[0, 1, 2]]
