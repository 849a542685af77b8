"""How work is divided among threads and tiles, for all numbers."""

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini.compiler import partition
from autograd_mini.compiler.partition import COLUMNS, COLUMNS_A_THREAD, POINTERS_A_THREAD

counts = st.integers(0, 10**7)
widths = st.sampled_from([1, 2, 4, 8, 16])


@given(counts, widths)
def test_blocks_fill_registers_and_the_memory_they_are_given(n_scratch, width):
    columns = partition.columns_of_a_block(n_scratch, width)
    assert width <= columns <= COLUMNS
    assert columns % width == 0
    assert columns == width or 8 * n_scratch * columns <= partition.BLOCK_BYTES
    assert columns == COLUMNS or 8 * n_scratch * (columns + width) > partition.BLOCK_BYTES


@given(counts)
def test_tiles_are_whole_blocks(n_lanes):
    columns = partition.columns_of_a_tile(n_lanes)
    assert columns >= 2 * COLUMNS
    assert columns % COLUMNS == 0
    assert columns == 2 * COLUMNS or 8 * n_lanes * columns <= partition.TILE_BYTES


@given(counts, st.integers(1, 64), st.integers(1, 10**6))
def test_threads_have_enough_to_do(n, threads, n_pointers):
    found = partition.threads_for(n, threads, n_pointers)
    has_enough = n // 2 >= COLUMNS_A_THREAD and (n // 2 + 1) * n_pointers > POINTERS_A_THREAD
    assert found == (threads if has_enough else 1)


@given(counts, counts, st.booleans())
def test_a_program_without_sums_is_scalars_by_its_size_alone(n_forms, n_scalars, has_batch):
    is_ragged = n_forms >= partition.MANY_FORMS and n_scalars < partition.FEW_LANES * n_forms
    fits = n_scalars in partition.SCALARS[has_batch]
    assert partition.suits_scalars(n_forms, n_scalars, 0, has_batch) is (is_ragged or fits)
    assert partition.suits_scalars(n_forms, n_scalars, partition.LARGE_SUM[has_batch], has_batch) is is_ragged


@given(st.integers(1, partition.SCALARS[True].stop - 1), st.integers(0, partition.LARGE_SUM[True] - 1))
def test_what_is_summed_over_a_batch_is_scalars_however_small(n, largest_sum):
    assert partition.suits_scalars(n, n, largest_sum, True, True)


@given(st.integers(1, 10**4), st.integers(1, 10**5), st.booleans())
def test_products_for_blas(n_products, size, sums_batch):
    found = partition.suits_blas(n_products, size, varies=True, sums_batch=sums_batch)
    assert found is (sums_batch or n_products * size > partition.SMALL_PRODUCT)
    of_one_column = partition.suits_blas(n_products, size, varies=False, sums_batch=False)
    assert of_one_column is (size >= partition.SMALL_OF_ONE)


@given(counts, counts)
def test_more_terms_never_fit_where_fewer_do_not(n_terms, lanes):
    fits = partition.sum_fits_kernel(n_terms, lanes)
    assert fits is (n_terms <= partition.LONGEST or n_terms <= partition.LONGEST_LANE * lanes)
    assert fits or not partition.sum_fits_kernel(n_terms + 1, lanes)


@given(st.integers(1, partition.MANY_FORMS - 1), st.integers(partition.MATRIX, partition.LARGE_SUM[True] - 1))
def test_matrices_of_a_batch_stay_in_registers(n, largest_sum):
    assert partition.suits_scalars(n, n, largest_sum, True)
    assert partition.suits_scalars(n, n, largest_sum, False) is (largest_sum < partition.LARGE_SUM[False])


@given(st.integers(1, 500), st.integers(1, 500), st.sampled_from([16, 32]))
def test_what_is_computed_together_fits_the_registers(n_rows, n_columns, registers):
    parts = partition.parts_of_an_outer(n_rows, n_columns, registers)
    rows, columns = (-(-n // k) for n, k in zip((n_rows, n_columns), parts))
    assert 1 <= parts[0] <= n_rows
    assert 1 <= parts[1] <= n_columns
    assert rows * columns + columns + 2 <= registers
    assert 4 <= partition.rows_of_a_matrix(registers) <= registers - 2


@given(st.sampled_from([(64, 32), (32, 10), (32, 9), (24, 4)]))
def test_parts_are_alike_where_that_costs_little(shape):
    parts = partition.parts_of_an_outer(*shape, 32)
    assert [n % k for n, k in zip(shape, parts)] == [0, 0]


@given(counts, widths.map(lambda width: 16 * width))
def test_groups_are_whole_blocks_and_no_smaller_than_their_sums(n_sums, columns):
    group = partition.columns_of_a_group(n_sums, columns)
    assert group % columns == 0
    assert group >= n_sums
    assert group - columns < max(n_sums, partition.SUMMED_TOGETHER)
