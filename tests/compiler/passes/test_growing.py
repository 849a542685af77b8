"""Scalars that grow: what is alike is there once, to the bit."""

from hypothesis import given
from hypothesis import strategies as st

from autograd_mini import TABLE
from autograd_mini.compiler.ir.scalars import Application, Number
from autograd_mini.compiler.passes.growing import Growing


@given(st.lists(st.floats() | st.sampled_from([0.0, -0.0, 1.0, -1.0])))
def test_constants_are_one_scalar_where_their_bits_are_the_same(constants):
    growing = Growing()
    numbers = [growing.number(each) for each in constants]
    texts = [each.hex() for each in constants]
    assert [each.number.hex() for each in growing.scalars] == [*dict.fromkeys(texts)]
    assert [growing.scalars[number].number.hex() for number in numbers] == texts


@given(st.lists(st.tuples(st.sampled_from(["add", "mul", "where"]), st.lists(st.integers(0, 2), max_size=3))))
def test_the_same_primitive_of_the_same_scalars_is_one_scalar(applications):
    growing = Growing([Number(1.0)] * 3)
    numbers = [growing.apply(TABLE[name], *args) for name, args in applications]
    made = [(name, (*args,)) for name, args in applications]
    assert [(each.primitive.name, each.args) for each in growing.scalars[3:]] == [*dict.fromkeys(made)]
    for number, (name, args) in zip(numbers, made):
        scalar = growing.scalars[number]
        assert type(scalar) is Application
        assert (scalar.primitive.name, scalar.args) == (name, args)
