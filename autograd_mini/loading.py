"""Load `graph` and `numbering` either as the machine code compiled when the package was installed, or from their
sources.

The compiled modules have other names, which contain a hash of the sources that they were compiled from. If these have
been edited since, no module has the right name, and the sources run. The sources also run if `AUTOGRAD_MINI_PURE` is
set in the environment.
"""

import sys
from _imp import source_hash
from os import environ
from os.path import dirname

COMPILED = ("graph", "numbering")
"""The modules that are compiled, together; each imports only those before it."""


def names_of(sources: list[bytes]) -> list[str]:
    """The names of the modules that are compiled from these sources."""
    digest = source_hash(0, b"".join(sources)).hex()
    return [f"{name}_{digest}" for name in COMPILED]


def without_compiler(**options: bool) -> object:
    """Stand in for mypyc's class decorator where the source of `graph.py` runs: the classes are left as they are."""
    return lambda kind: kind


def load_compiled(package: str, folder: str) -> None:
    """Let imports of these modules find the machine code compiled from their sources in `folder`, if there is any."""
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


if __package__:  # setup.py runs this file only for the names
    load_compiled(__package__, dirname(__file__))
