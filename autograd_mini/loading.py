"""Which form of `graph` and `numbering` is loaded: the machine code that was made of them when the package was
installed, or their sources.

The machine code is modules with other names, which tell the sources that they were made of. Where these have been
edited since, there are no such modules, and the sources run. So they do where `AUTOGRAD_MINI_PURE` is set in the
environment.
"""

import sys
from _imp import source_hash
from os import environ
from os.path import dirname

COMPILED = ("graph", "numbering")
"""Those of which machine code is made, together; each imports only those before it."""


def names_of(sources: list[bytes]) -> list[str]:
    """The names of the modules that are made of these sources."""
    digest = source_hash(0, b"".join(sources)).hex()
    return [f"{name}_{digest}" for name in COMPILED]


def without_compiler(**options: bool) -> object:
    """What stands in `graph.py` for mypyc's decorator of classes where the source runs: it leaves them as they are."""
    return lambda kind: kind


def load_compiled(package: str, folder: str) -> None:
    """Have these modules of the package mean the machine code made of their sources in the folder, if there is any."""
    if environ.get("AUTOGRAD_MINI_PURE"):
        return
    try:
        sources = []
        for name in COMPILED:
            with open(f"{folder}/{name}.py", "rb") as file:
                sources.append(file.read())
        names = [f"{package}.{name}" for name in names_of(sources)]
        for name in names:
            __import__(name)
    except (ImportError, OSError):
        return
    for plain, name in zip(COMPILED, names):
        sys.modules[f"{package}.{plain}"] = sys.modules[name]
        setattr(sys.modules[package], plain, sys.modules[name])


if __package__:  # setup.py asks for the names alone
    load_compiled(__package__, dirname(__file__))
