"""A function that uses something up by reading it is refused, whatever its arguments; others are compiled."""

import io
import itertools
import queue
import random
import sys

import numpy
import pytest

from autograd_mini import Value, compile
from autograd_mini.compiler.calls.consumed import standing


def ones():
    while True:
        yield from [1.0] * 10
        for each in [2.0] * 10:
            yield each / 2.0


def filled(kind):
    found = kind()
    for _ in range(50):
        found.put(1.0)
    return found


def first(iterator):
    return next(iterator)


TWO = [1.0, 1.0, 1.0]
ITERATORS = {
    "a generator": lambda: (1.0 for _ in range(9)),
    "a generator within a loop": ones,
    "a generator within another loop": lambda: [source := ones(), *(next(source) for _ in range(12))][0],
    "of a list": lambda: iter([*TWO]),
    "of a tuple": lambda: iter((*TWO,)),
    "of a dict": lambda: iter(dict.fromkeys([1.0, 2.0], 1.0).values()),
    "reversed": lambda: reversed(TWO),
    "map": lambda: map(float, TWO),
    "filter": lambda: filter(None, TWO),
    "zip": lambda: (each for (each,) in zip(TWO)),
    "cycle": lambda: itertools.cycle(TWO),
    "repeat": lambda: itertools.repeat(1.0, 5),
    "chain": lambda: itertools.chain(TWO, TWO),
    "islice": lambda: itertools.islice(TWO, 2),
    "one of two": lambda: itertools.tee(TWO)[0],
    "of an array": lambda: numpy.ones(4).flat,
}  # fmt: skip
OTHERS = {
    "random.Random": (lambda: random.Random(0), lambda source: 1.0 if source.random() < 2.0 else 0.0),
    "a generator of NumPy's": (lambda: numpy.random.default_rng(0), lambda source: float(source.normal() < 99.0)),
    "an older one": (lambda: numpy.random.RandomState(0), lambda source: float(source.normal() < 99.0)),
    "its bits": (lambda: numpy.random.PCG64(0), lambda source: float(source.random_raw() >= 0)),
    "a text file": (lambda: io.StringIO("1\n1\n1\n"), lambda source: float(source.readline())),
    "a file of bytes": (lambda: io.BytesIO(b"111"), lambda source: float(source.read(1))),
    "a queue": (lambda: filled(queue.Queue), lambda source: source.get()),
    "a simple queue": (lambda: filled(queue.SimpleQueue), lambda source: source.get()),
}
SILENT = {"cycle", "repeat", "chain", "islice", "one of two"} if sys.version_info >= (3, 14) else set()
"""What does not tell where it stands: what itertools makes, from Python 3.14 on. It is refused where it may be read."""
CASES = {**{name: (make, first) for name, make in ITERATORS.items()}, **OTHERS}


@pytest.mark.parametrize("name", CASES)
def test_what_is_used_up_is_refused(name):
    """Even if it gives the same each time the function is traced, or is asked only for what comes out the same."""
    make, read = CASES[name]
    source = make()
    for function in (lambda x: x * read(source), lambda x, held=(source,): x * sum(map(read, held))):
        with pytest.raises(
            ValueError, match=r"reads from a \w+ outside, which gives something else each time, and a compiled"
        ) as error:
            compile(function)(2.0)
        assert str(error.value).endswith("read it outside, and pass what you get as an argument")


@pytest.mark.parametrize("name", CASES)
def test_what_is_not_used_up_is_compiled(name):
    source = CASES[name][0]()
    compiled = compile(lambda x: x * (2.0 if source is None else 3.0))
    if name in SILENT:
        with pytest.raises(ValueError, match="which gives something else each time"):
            compiled(1.0)
        return
    for x in (1.0, 2.0):
        assert compiled(x) == 3.0 * x
    CASES[name][1](source)
    assert compiled(3.0) == 9.0


def dropout(x):
    return [0.0 if random.random() < 1e-9 else each for each in x]


def dropout_of_arrays(x):
    return [0.0 if numpy.random.rand() < 1e-9 else each for each in x]


normal = numpy.random.normal
gauss = random.gauss


@pytest.mark.parametrize(
    "f", [dropout, dropout_of_arrays, lambda x: [x[0] * (normal() < 99.0)], lambda x: [x[0] * (gauss(0.0, 1.0) < 99.0)]]
)
def test_random_numbers_that_all_say_the_same(f):
    """Those of the generators that modules share."""
    with pytest.raises(ValueError, match=r"reads from a Random(State)? outside"):
        compile(f)([1.0, 2.0])


def test_paths_that_draw_are_refused_when_they_are_taken():
    source = random.Random(0)

    def f(x):
        return x * (source.random() < 2.0) if x > 1.0 else -x

    compiled = compile(f)
    assert compiled(0.5) == -0.5
    with pytest.raises(ValueError, match="reads from a Random outside"):
        compiled(2.0)


def test_what_counts_may_name():
    names = itertools.count()
    compiled = compile(lambda x: x * Value(2.0, label=f"w{next(names)}"))
    assert [compiled(x) for x in (1.0, 2.0)] == [2.0, 4.0]


@pytest.mark.parametrize("make", [io.StringIO, io.BytesIO])
def test_what_is_written_may_be(make, tmp_path):
    line = "line\n" if make is io.StringIO else b"line\n"
    mode = "w+" if make is io.StringIO else "wb+"
    with open(tmp_path / "log", mode) as log:
        for target in (make(), log):
            compiled = compile(lambda x, target=target: (target.write(line), 2.0 * x)[1])
            assert [compiled(x) for x in (1.0, 2.0)] == [2.0, 4.0]
            target.seek(0)
            assert target.readline() == line


@pytest.mark.parametrize("mode", ["r", "rb"])
def test_files_that_are_read(mode, tmp_path):
    (tmp_path / "numbers").write_text("1.0\n" * 9)
    with open(tmp_path / "numbers", mode) as file:
        for read in (lambda: file.readline(), lambda: next(file), lambda: file.read(4)):
            with pytest.raises(ValueError, match=r"reads from a \w+ outside"):
                compile(lambda x, read=read: x * float(read()))(2.0)


class Countdown:
    def __init__(self, n):
        self.n = n

    def __iter__(self):
        return self

    def __next__(self):
        self.n -= 1
        return float(self.n)


def test_iterators_of_ones_own_are_watched():
    source = Countdown(5)
    compiled = compile(lambda x: x * source.n)
    assert compiled(2.0) == 10.0
    next(source)
    assert compiled(2.0) == 8.0


@pytest.mark.parametrize("make", [lambda: range(3), lambda: numpy.arange(3), lambda: iter([]), lambda: "ab"])
def test_standings_compare(make):
    assert standing(make()) == standing(make()) != standing(None)
