"""Partition: every threshold by which work is divided or a method is chosen, and choices that depend on numbers alone.

Beside each stands what was measured: the workloads of `tests/benchmarks` with other numbers in its place, side by side,
where 6 % are noise. "Flat" are numbers between which no difference was seen; what is not tuned is said to be so.
`SHORTEST_CHAIN` and `FUSED` decide bits, not work, and stand where sums are written; limits on what is kept stand with
what is kept.
"""

from __future__ import annotations

import math

# Scalars or packs; some of them with a batch (True) and without.
MANY_FORMS, FEW_LANES = 512, 16  # from so many forms on, packs with fewer lanes on average cost more than they save
# (as packs, Heston's steps took 59 times as long, an LSTM's 1.9; 64 to 4,096 forms and 4 to 64 lanes are flat)
MOST_UNNOTICED = 100_000  # a graph of more scalars that are not alike takes seconds to compile: mostly a long loop
LARGE_SUM = {True: 2**14, False: 2**12}
"""Sums of one form with at least so many terms in all are for BLAS. With fewer in a batch, scalars keep them in
registers: digits 64-32-10 (2,048) then takes 0.6 of the time, a convolution (1,440) 0.7. For one example, more would
take seconds to compile."""
SCALARS = {True: range(128, 4096), False: range(16384)}  # more compile slowly; with fewer in a batch, copying counts
MATRIX = 64  # with at least so many terms in sums of one form, a batch runs as scalars, however few; not tuned
MOST_CONTRIBUTIONS = 8  # contributions to an adjoint are summed so many at a time, near their source; 4 to 64: flat

# Paths that are merged may have MOST_WORK times the operations of the longest, and FREE more, which take less time than
# to split a batch (values of Newton's method over 100,000 rows: 1.6 times straight-line code, split 5; not tuned).
MOST_WORK, FREE = 2.0, 64

# Sums and products.
DENSE = 0.5  # rows of unequal columns become one matrix with zeros if more than this share of it is there; ¼ to ¾: flat
MOST_LENGTHS = 8  # if rows have more different lengths, they are padded to fewer; 2 to 32: flat
SMALL_PRODUCT = 256  # a product with fewer multiplications per example is not worth a call of BLAS; 16 to 4,096: flat
TILE = 12, 2  # rows of sums, and registers of each, that a large product has at a time: with factors, 27 registers
SMALLEST_TILED, LARGEST_TILED = 2**21, 2**22  # multiplications of such a product, and numbers in its longer factor;
FEWEST_ROWS, TILED_TERMS = 128, range(64, 4097)  # the rows of that, and terms: they take 0.65 to 0.95 of the time of
# BLAS on Zen 5; smaller products up to 2.4, larger ones 1.1, and with four doubles in a register BLAS is as fast
WORK_OF_A_THREAD = 2**23  # multiplications that take longer (140 µs) than to hand them to a thread (30)
SMALL_OF_ONE = 4096  # a smaller product of what is the same for all examples is computed term by term
# (100 bodies took 1.4 ms in place of 3.3 before they had columns; since then 256 to 10⁶ are flat)
MOST_TERMS = 2**18  # the table of more terms would not fit the cache; 2¹⁰: flat
SHORTEST_RUN = 16  # evenly spaced runs of at least so many numbers are viewed in place, not copied; not tuned
FEWEST_PLACED = 4096  # sums of at least so many lanes that only move numbers to their places do just that; not tuned
MOST_TURNS = 8  # where NumPy would add to a lane more often, its rows are sorted and summed at once; not tuned
SMALLEST_MATRIX = 16  # sums that share their factors are computed together if they have at least so many terms
SMALLEST_OUTER = 8  # the same for sums over the batch; 4 to 64 and 2 to 32 are flat, without, digits takes 1.5 and 2.9
LITTLE_CODE = 100  # code for so many sums over the batch, a few milliseconds to compile, is worth reading twice as much
# (30 to 1,000: flat; with 10,000 and more, digits has 1.4 times as much code for products and takes as long)
MOST_SEGMENTS = 32  # a sum of more segments is computed in several steps, each of which fits a kernel; 8 to 128: flat

MOST_ELIMINATED = 2**16  # if sums have more terms, local derivatives are left to sweeps, which keep products whole
# (not tuned: a dense layer has more terms, and elimination would write each by itself)

# Kernels; some numbers are for those of packs (True), and of programs of scalars (False).
LONGEST, LONGEST_LANE, LONGEST_VECTOR = 512, 64, 128  # longer sums, in all and per lane, and vectors are left to NumPy
# (so that code stays short: not tuned)
LONGEST_SUM = 16  # a sum of more terms is computed by several operations; 8 to 64: flat
MOST_LITERALS = 64  # more constants are read from memory, so that more of the code is alike; 16 to 256: flat
BY_DEMAND = 512  # in programs of fewer scalars, each is computed where another first needs it, as in kernels of packs
# (Newton's method in a batch then takes 0.94 of the time; attention, LSTM and moons take the same)
CHUNK = {True: 32, False: 64}  # the size of a chunk, in additions and multiplications; from half to 8 times it is flat
MOST_CODE = 8192  # if chunks that differ hold more operations, each operation becomes a chunk of its own; 512: flat
MOST_ALONE = 20_000  # a kernel for one example with more pointers (10 µs) lets other threads of Python run meanwhile
LOOKS = 3  # how often a first call looks at what it reads from outside: machine code for that takes 6 ms to compile

# Loops within kernels: those with longer steps, or more numbers in all, are run by themselves.
LONGEST_TURN, MOST_STATES = 256, 2**16  # scalars of a step; numbers given, carried and kept by all steps; not tuned

MOST_IN_ROWS = 2**17  # up to so many numbers, results for each example are written to memory of their own, then copied

# What one example computes again and again.
FEWEST_COLUMNS = 16  # with fewer, a kernel calls more than it computes; 8 to 64: flat, with 256 moons takes twice
MANY_LANES, MANY_SCALARS = 8, 100  # scalars of a form on average, and in all, at least; 2 to 32 lanes: flat
MOST_ROWS = 4096  # operations in columns, which are written one by one; if there are more, sums go term by term
# (45 layers of 12 units for 16 points, 7,400 rows: 1.4 s to compile and 0.19 ms, in columns 7 and 0.10; not tuned)
FREELY_GATHERED = 2**21  # so many numbers are fetched in less time than NumPy takes to multiply them; not tuned
MOST_GATHERED_TERMS = 4  # terms per lane of sums that kernels compute from gathered numbers; others go term by term
# (4 to 16: flat; with 1, 100 bodies take 1.1 times as long)
FEWEST_REGULAR = 64  # how many regular terms are worth code of their own; 16 and more: flat, within 14 % on moons
LONG_OF_FEW = 32  # terms per lane from which on a sum of few lanes is split to fill a register; 8 and more: flat

# Columns and memory.
COLUMNS, BLOCK_BYTES = 128, 2**19  # columns in a block, at most, and the bytes that should hold its numbers
# (columns: with 32, digits takes 1.5 times as long, with 64 1.0 to 1.2, with 256 and 512 the same; attention of 4,096
# examples takes 0.9 with 64 and 1.05 with 256. Bytes: 2¹⁷ to 2²¹ are flat)
COLUMNS_A_THREAD, POINTERS_A_THREAD = 256, 2**18  # fewer columns, or fewer numbers in all, are not worth a thread
# (30 µs of arithmetic, in which a thread can be woken and can report back; not tuned)
SUMMED_TOGETHER = 256  # how many columns, at least, add to the same memory for sums over the batch; 128 to 1,024: flat
SIDE_BY_SIDE = 4096  # directions run side by side up to so many columns in all, where each column is by itself
# (100 Hessians of 20 numbers take 0.4 ms, direction by direction 2.3; the number is not tuned)
COLUMNS_OF_A_ROOM = 4096  # from so many columns on, results are one block, which the system allocates and frees faster
# (1,024 to 16,384: flat)
TILE_BYTES = 2**24
"""Bytes that should hold what a program computes for the columns that go through it at a time: with 2²² a network
784-128-10 takes 12.1 ms, with 2²⁴ to 2⁴⁰ 9.2; digits, attention, convolution and LSTM take the same."""


def suits_scalars(
    n_forms: int,
    n_scalars: int,
    largest_sum: int,
    has_batch: bool,
    is_summed: bool = False,
    gains: bool = False,
) -> bool:
    """Whether a graph is better compiled as scalars than as packs: it has many forms and few scalars of each, or no
    matrix products that matter.

    Args:
        n_scalars: how many scalars are computed.
        largest_sum: the most terms of sums of one form, in all.
        is_summed: whether results are summed over the batch, so that nothing is copied out.
        gains: whether it branches on numbers, or holds loops: paths of scalars can be computed together, and loops with
            what is around them.
    """
    is_many = n_scalars in SCALARS[has_batch] or (has_batch and largest_sum >= MATRIX and n_scalars < MANY_FORMS)
    is_many = is_many or ((is_summed or gains) and n_scalars < SCALARS[True].stop)
    is_ragged = n_forms >= MANY_FORMS and n_scalars < FEW_LANES * n_forms
    return is_ragged or (is_many and largest_sum < LARGE_SUM[has_batch])


def too_many_forms(n_scalars: int) -> int:
    """How many forms make a graph of so many scalars ragged."""
    return max(MANY_FORMS, n_scalars // FEW_LANES + 1)


def has_columns(n_forms: int, n_scalars: int, largest_sum: int) -> bool:
    """Whether one example may have columns worth a kernel, or long sums: a layer of 40 neurons with 200 inputs then
    takes a fifth of the time that it takes as scalars, one of 10 with 10 the same."""
    return max(n_scalars, largest_sum) >= max(MANY_SCALARS, MANY_LANES * n_forms)


def suits_columns(rows: int, inside: int, gathered: int) -> bool:
    """Whether one example is better computed in columns.

    Args:
        rows: how many operations a column has, summed over all groups of columns.
        inside: how many operations on numbers these are in all columns.
        gathered: how many numbers are fetched one by one.
    """
    return rows <= MOST_ROWS and gathered <= 2 * inside + FREELY_GATHERED


def suits_blas(n_products: int, size: int, *, varies: bool, sums_batch: bool) -> bool:
    """Whether a stack of matrix products of so many multiplications each is for BLAS: it is large, or runs over the
    batch."""
    return n_products * size > SMALL_PRODUCT or sums_batch if varies else size >= SMALL_OF_ONE


def threads_for_tiles(rows: int, columns: int, terms: int, width: int, threads: int) -> int:
    """How many of the threads compute a product of two matrices in tiles of our own, in registers of so many doubles; 0
    if it is for BLAS, which does not depend on the threads."""
    n_panels = columns // (TILE[1] * width)
    has_tiles = width == 8 and rows >= FEWEST_ROWS and n_panels and terms in TILED_TERMS
    if not has_tiles or rows * terms > LARGEST_TILED or rows * columns * terms < SMALLEST_TILED:
        return 0
    return min(threads, n_panels, 1 + rows * columns * terms // WORK_OF_A_THREAD)


def sum_fits_kernel(n_terms: int, lanes: int) -> bool:
    """Whether a kernel may compute a sum of so many terms, which is else left to NumPy."""
    return n_terms <= max(LONGEST, LONGEST_LANE * lanes)


def columns_of_a_block(n_scratch: int, width: int) -> int:
    """How many columns a kernel takes at a time if it keeps so many numbers for each; they fill registers."""
    fits = BLOCK_BYTES // (8 * max(n_scratch, 1)) // width * width
    return max(width, min(COLUMNS, fits))


def columns_of_a_group(n_sums: int, columns: int) -> int:
    """How many columns, in blocks of `columns`, add to the same memory for sums over the batch: so many that clearing
    it, and adding it up at the end, is no more work than one more column."""
    return -(-max(SUMMED_TOGETHER, n_sums) // columns) * columns


def rows_of_a_matrix(registers: int) -> int:
    """How many sums of the same factors fit registers, with a factor and a weight."""
    return min(16, registers - 4)


def parts_of_an_outer(n_rows: int, n_columns: int, registers: int) -> tuple[int, int]:
    """Into how many parts to divide the rows of an outer product, and its columns, so that the sums of a part fit
    registers, with a factor of each column, one of a row, and a product."""

    def cost(parts: tuple[int, int]) -> int:
        """How many factors are read, and more for code: parts that are not alike have their own."""
        sizes = ({n // k, -(-n // k)} for n, k in zip((n_rows, n_columns), parts))
        return (n_rows * parts[1] + n_columns * parts[0]) * (LITTLE_CODE + math.prod(map(sum, sizes)))

    room = registers - 2
    shapes = [(rows, columns) for rows in range(1, room) for columns in range(1, room // (rows + 1) + 1)]
    return min([(-(-n_rows // rows), -(-n_columns // columns)) for rows, columns in shapes], key=cost)


def columns_of_a_tile(n_lanes: int) -> int:
    """How many columns go through a program at a time if it computes so many numbers for each."""
    return max(2, TILE_BYTES // (8 * COLUMNS * max(n_lanes, 1))) * COLUMNS


def columns_a_thread(n_pointers: int) -> int:
    """How many columns are worth a thread, of a kernel with so many pointers."""
    return max(COLUMNS_A_THREAD, POINTERS_A_THREAD // max(1, n_pointers))


def threads_for(n: int, threads: int, n_pointers: int) -> int:
    """How many of the threads work on so many columns."""
    return threads if n >= 2 * columns_a_thread(n_pointers) else 1


def columns_at_once(n_rows: int, threads: int, n_pointers: int) -> int:
    """The most columns for one call of machine code from which results, so many numbers for each column, are copied;
    with more columns, results are written in place, or several threads share the work."""
    most = MOST_IN_ROWS // max(1, n_rows)
    return most if threads == 1 else min(most, 2 * columns_a_thread(n_pointers) - 1)
