"""Which form of `graph` is loaded: the machine code that was made of it when the package was installed, or its source.

The machine code is a module with another name, which tells the source that it was made of. Where that has been edited
since, there is no such module, and the source runs. So it does where `AUTOGRAD_MINI_PURE` is set in the environment.
"""

import sys
from _imp import source_hash
from os import environ
from os.path import dirname


def name_of(source: bytes) -> str:
    """The name of the module that is made of a source."""
    return f"graph_{source_hash(0, source).hex()}"


def without_compiler(**options: bool) -> object:
    """What stands in `graph.py` for mypyc's decorator of classes where the source runs: it leaves them as they are."""
    return lambda kind: kind


def load_graph(package: str, folder: str) -> None:
    """Have `package.graph` mean the machine code made of the `graph.py` that is in the folder, if there is any."""
    if environ.get("AUTOGRAD_MINI_PURE"):
        return
    try:
        with open(f"{folder}/graph.py", "rb") as file:
            name = f"{package}.{name_of(file.read())}"
        __import__(name)
    except (ImportError, OSError):
        return
    sys.modules[f"{package}.graph"] = sys.modules[package].graph = sys.modules[name]  # type: ignore[attr-defined]


if __package__:  # setup.py asks for the name alone
    load_graph(__package__, dirname(__file__))
