"""Fences around all memory that machine code gets: memory is allocated between two margins, and so are copies of arrays
from elsewhere, which must not be changed.

A fence is a guard page, which ends the process, or a stretch of poison, which is checked after every run.
"""

import ctypes
import mmap
import sys
import threading
from contextlib import ExitStack, contextmanager
from unittest import mock

import numpy

from autograd_mini.compiler.run import memory
from autograd_mini.compiler.run import short_way as direct
from autograd_mini.compiler.run.arena import ArenaExecutor
from autograd_mini.compiler.run.machine import Runner

PAGE = mmap.PAGESIZE
CANARY = 0xAB
MARGIN = 1024
POISON = numpy.arange(MARGIN) + (0x7FF8DEAD << 32)  # each of them a nan, and no two alike


class Guarded:
    """Memory between two guard pages, at the end or the start of the space between them; the rest of it is watched."""

    def __init__(self, shape, of=numpy.float64, *, at_end=True):
        self.shape, self.size = shape, 8 * int(numpy.prod(shape))
        self.room = -(-max(self.size, 1) // PAGE) * PAGE
        self.memory = mmap.mmap(-1, self.room + 2 * PAGE)
        self.memory[PAGE : PAGE + self.room] = bytes([CANARY]) * self.room
        self.address = ctypes.addressof(ctypes.c_char.from_buffer(self.memory))
        self._protect(0, PAGE, 0)
        self._protect(PAGE + self.room, PAGE, 0)
        self.offset = PAGE + (self.room - self.size if at_end else 0)
        self.whole = numpy.frombuffer(self.memory, of, self.size // 8, self.offset)

    @property
    def array(self):
        return self.whole.reshape(self.shape)

    def _protect(self, start, length, how):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mprotect(ctypes.c_void_p(self.address + start), ctypes.c_size_t(length), how):
            raise OSError(ctypes.get_errno(), "mprotect")

    def freeze(self):
        """Make memory read-only from now on."""
        self._protect(PAGE, self.room, mmap.PROT_READ)

    def check(self):
        outside = self.memory[PAGE : self.offset] + self.memory[self.offset + self.size : PAGE + self.room]
        assert outside == bytes([CANARY]) * (self.room - self.size), f"wrote next to an array of {self.shape}"


class Margined:
    """Memory between two margins of poison, and itself filled with poison until something is written."""

    def __init__(self, shape, of=numpy.float64):
        self.shape = shape
        self.whole = numpy.empty(int(numpy.prod(shape)) + 2 * MARGIN, of)
        self._numbers = self.whole.view(numpy.int64)
        self._numbers[...] = POISON[0]
        self._numbers[:MARGIN] = self._numbers[-MARGIN:] = POISON
        self._frozen = None

    @property
    def array(self):
        return self.whole[MARGIN:-MARGIN].reshape(self.shape)

    def freeze(self):
        self._frozen = self._numbers[MARGIN:-MARGIN].copy()

    def check(self):
        for side, margin in (("before", self._numbers[:MARGIN]), ("behind", self._numbers[-MARGIN:])):
            wrong = numpy.flatnonzero(margin != POISON)
            assert not wrong.size, f"wrote {side} an array of {self.shape}: {wrong.size} numbers, first {wrong[0]}"
        if self._frozen is not None:
            assert numpy.array_equal(self._frozen, self._numbers[MARGIN:-MARGIN]), f"wrote to an input of {self.shape}"


class Fences:
    """Stands in for where machine code gets its memory.

    Args:
        make: Guarded or Margined, or what makes these of a shape and a type.
    """

    def __init__(self, make):
        self.make = make
        self.n_made = 0
        self._blocks = {}
        self._ours = threading.local()
        self._lock = threading.Lock()
        self._address, self._rows, self._scattered = memory.address, memory.rows, memory.scattered

    def empty(self, *shape, of=numpy.float64):
        block = self.make(shape, of)
        with self._lock:
            self._blocks[id(block.whole)] = block, sys.getrefcount(block.whole)
            self.n_made += 1
        return block.array

    def address(self, array, shape):
        self._address(array, shape)
        return self._address(self._within(array), shape)

    def rows(self, array, lanes, columns):
        self._rows(array, lanes, columns)
        return self._rows(self._within(array), lanes, columns)

    def scattered(self, array, lanes, columns):
        self._scattered(array, lanes, columns)
        return self._scattered(self._within(array.T).T, lanes, columns)

    def _within(self, array):
        """The array if it stands between fences, else a copy that does, kept for this run, and only to be read."""
        owner = array
        while isinstance(owner, numpy.ndarray):
            if id(owner) in self._blocks:
                return array
            owner = owner.base
        block = self.make(array.shape, array.dtype)
        block.array[...] = array
        block.freeze()
        self._ours.__dict__.setdefault("copies", []).append(block)
        return block.array

    def check(self):
        """Raise AssertionError if anything was written beyond memory; forget memory that nobody uses any more."""
        copies = self._ours.__dict__.pop("copies", [])
        with self._lock:
            blocks = list(self._blocks.items())
        for block in [*copies, *(block for _, (block, _) in blocks)]:
            block.check()
        for key, (block, unused) in blocks:
            if sys.getrefcount(block.whole) <= unused:
                with self._lock:
                    self._blocks.pop(key, None)

    def checked(self, call):
        """A function that checks all fences after each call."""

        def checked(*args):
            result = call(*args)
            self.check()
            return result

        return checked


@contextmanager
def fenced(make):
    """Run all machine code between fences."""
    fences = Fences(make)
    short = direct.short
    with ExitStack() as stack:
        if make is not Margined:  # a page has room for no gaps between rows
            stack.enter_context(mock.patch.object(memory, "lines_of", fences.empty))
        for name in ("empty", "address", "rows", "scattered"):
            stack.enter_context(mock.patch.object(memory, name, getattr(fences, name)))
        for executor in (Runner, ArenaExecutor):
            stack.enter_context(mock.patch.object(executor, "__call__", fences.checked(executor.__call__)))
        checked = mock.patch.object(direct, "short", lambda *args: fences.checked(short(*args)))
        stack.enter_context(checked)
        yield fences
        fences.check()
