"""What is used up by being read: iterators, generators of random numbers, files, queues. A compiled function would not
read them again, so a function that reads one is refused."""

from __future__ import annotations

import warnings
from collections.abc import Hashable, Iterator
from gc import get_referents
from io import SEEK_END, IOBase
from itertools import count
from queue import Queue, SimpleQueue
from random import Random
from types import FunctionType, GeneratorType
from typing import Any

import numpy

from autograd_mini.compiler.ir.keys import Themselves, token

RANDOM = (Random, numpy.random.Generator, numpy.random.BitGenerator, numpy.random.RandomState)
CONSUMED = (Iterator, IOBase, Queue, SimpleQueue, *RANDOM)

DEEPEST = 8
"""Iterators nested more deeply than this are not looked at. Not tuned."""


def standing(thing: Any, depth: int = 0) -> Hashable:
    """How far a thing has been read, as a key that differs after more of it was used up.

    For iterators of the user's own classes it is made of their attributes. `itertools.count` always gives the same key,
    as it mostly makes names. What cannot tell, as the rest of itertools from Python 3.14 on, never gives a key twice.

    >>> numbers = iter([1.0, 1.0])
    >>> before = standing(numbers)
    >>> before == standing(numbers), next(numbers), before == standing(numbers)
    (True, 1.0, False)
    """
    try:
        return _standing(thing, depth)
    except Exception:  # it can be neither copied nor asked
        return Themselves(object())


def _standing(thing: Any, depth: int) -> Hashable:
    if isinstance(thing, count) or depth > DEEPEST:
        return None
    if isinstance(thing, (list, tuple)):
        return tuple([standing(each, depth + 1) for each in thing])
    if isinstance(thing, (Queue, SimpleQueue)):
        return thing.qsize()
    if isinstance(thing, numpy.flatiter):
        return thing.index
    if isinstance(thing, GeneratorType):
        frame = thing.gi_frame  # and its stack, with the iterators of its loops
        return frame and (frame.f_lasti, standing(get_referents(thing), depth + 1))
    if isinstance(thing, IOBase):
        return _rest(thing) if thing.readable() and thing.seekable() else None
    is_iterator = isinstance(thing, Iterator) and not isinstance(type(thing).__next__, FunctionType)
    if not (is_iterator or isinstance(thing, RANDOM)):
        return token(thing)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # from itertools, until Python 3.13
        made = thing.__reduce__()
    return made if isinstance(made, str) else standing(made[1:], depth + 1)


def _rest(file: Any) -> int:
    """How much of a file is still to be read; writing at its end leaves this unchanged."""
    here = file.tell()
    rest: int = file.seek(0, SEEK_END) - here
    file.seek(here)
    return rest
