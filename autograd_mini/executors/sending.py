"""Pickles sent to another process: not through the pipes of a pool, but through memory that both have open.

What goes through a pipe is then so short that it is written in one piece. A process that is killed leaves no half of a
message there, for the rest of which the pool would wait forever; nor does a pool block writing what nobody reads.
"""

from __future__ import annotations

import io
import mmap
import os
import pickle
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy

SHORT = 2048
"""Bytes above which a message goes through memory. A pipe takes 4096 in one piece; POSIX guarantees 512."""

HAS_MEMORY = hasattr(os, "memfd_create") and os.path.isdir("/proc/self/fd")
"""Whether this system is Linux, where processes find each other's files."""

ALIGNED = 64


class Packed:
    """A pickle and, apart from it, the numbers of its arrays, which are not copied if that can be avoided."""

    def __init__(self, stream: bytes, buffers: Sequence[Any] = ()) -> None:
        self.stream: bytes = stream
        self.buffers: Sequence[Any] = buffers

    @classmethod
    def of(cls, thing: Any) -> Self:
        buffers: list[pickle.PickleBuffer] = []
        return cls(pickle.dumps(thing, 5, buffer_callback=buffers.append), buffers)

    def parts(self) -> list[memoryview]:
        """The pickle and the numbers of each array, as bytes."""
        return [memoryview(self.stream), *(pickle.PickleBuffer(each).raw() for each in self.buffers)]

    def __len__(self) -> int:
        return sum(map(len, self.parts()))

    def __reduce_ex__(self, protocol: Any) -> Any:
        buffers = [*map(pickle.PickleBuffer, self.buffers)] if protocol > 4 else [*map(bytearray, self.parts()[1:])]
        return Packed, (self.stream, buffers)


def opened(content: Any, *, stays: bool = False) -> Any:
    """What a pickle holds; anything that is not a pickle is returned unchanged. If the pickle is in memory, its arrays
    are read-only.

    Args:
        stays: whether the result is kept longer than anything else in the same piece of memory, which holds a file
            open for as long as it is needed; its arrays are then copied.
    """
    if isinstance(content, Memory):
        content = content.get(mmap.PROT_READ)
    elif stays and isinstance(content, Packed):
        content = Packed(content.stream, [*map(bytearray, content.parts()[1:])])
    return pickle.loads(content.stream, buffers=content.buffers) if isinstance(content, Packed) else content


class OutOfReach(OSError):
    """A pickle in memory is gone, or belongs to a process that cannot be seen from here."""


class Memory:
    """A file in memory that holds one pickle. It has no name, and vanishes when no process has it open, however they
    ended. Other processes find it among the files of its process; an instance sent to them says where."""

    _process: int = 0  # the one that has it open and must close it

    def __init__(self) -> None:
        self._file: int = os.memfd_create("autograd_mini", os.MFD_CLOEXEC)
        self._process = os.getpid()
        self._place: tuple[str, int] = f"/proc/{self._process}/fd/{self._file}", os.fstat(self._file).st_ino
        _here.add(self)

    def __del__(self) -> None:
        if self._process == os.getpid():
            os.close(self._file)

    def __getstate__(self) -> dict[str, Any]:
        return {"_place": self._place}

    @contextmanager
    def _opened(self) -> Iterator[io.BufferedRandom]:
        """The open file; another file that has taken its number is left alone.

        Raises:
            OutOfReach: the file is gone, or out of reach.
        """
        path, inode = self._place
        try:
            number = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
        except OSError as error:
            raise OutOfReach(*error.args, path) from None
        with open(number, "r+b") as file:
            if os.fstat(number).st_ino != inode:
                raise OutOfReach(f"{path} is another file by now")
            yield file

    def put(self, packed: Packed) -> None:
        """Write a pickle into the file.

        Raises:
            OutOfReach: the file is gone, or out of reach.
            OSError: there is too little memory.
        """
        parts = packed.parts()
        with self._opened() as file:
            file.write(numpy.array([len(parts), *map(len, parts)]).tobytes())
            for part in parts:
                file.seek(-file.tell() % ALIGNED, os.SEEK_CUR)
                file.write(part)
            file.truncate()

    def get(self, protection: int = 0) -> Packed:
        """The pickle in the file, whose buffers stay in that memory.

        Args:
            protection: what may be done with the buffers, as for `mmap`; by default they may be read and written.

        Raises:
            OutOfReach: the file is gone, or out of reach.
        """
        with self._opened() as file:
            protection = protection or mmap.PROT_READ | mmap.PROT_WRITE
            flags = mmap.MAP_SHARED | mmap.MAP_POPULATE
            whole = memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=protection))
        count = 1 + int.from_bytes(whole[:8], "little")
        at, parts = 8 * count, list[memoryview]()
        for length in whole[8:at].cast("q"):
            at += -at % ALIGNED
            parts.append(whole[at : at + length])
            at += length
        return Packed(bytes(parts[0]), parts[1:])


def in_memory(packed: Packed) -> Memory:
    """A new file in memory with a pickle in it."""
    memory = Memory()
    memory.put(packed)
    return memory


_here: weakref.WeakSet[Memory] = weakref.WeakSet()


def _close() -> None:
    """Close, in a forked process, the files of its parent, which would else stay in memory as long as it runs."""
    for each in _here:
        os.close(each._file)


if HAS_MEMORY:
    os.register_at_fork(after_in_child=_close)
