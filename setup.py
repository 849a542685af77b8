"""Makes machine code of autograd_mini/graph.py, where there is a C compiler; else that file runs as it stands."""

import os
import re
import sys
import sysconfig
from pathlib import Path
from runpy import run_path

from setuptools import Extension, setup

BUILDING = {"build", "build_ext", "bdist_wheel", "develop", "editable_wheel", "install"}
PACKAGE = Path(__file__).parent / "autograd_mini"


def machine_code() -> list[Extension]:
    """What mypyc makes of it, as a module whose name tells the source that it was made of."""
    from mypyc.build import mypycify

    source = (PACKAGE / "graph.py").read_bytes()
    name = run_path(str(PACKAGE / "loading.py"))["name_of"](source)
    for old in PACKAGE.glob("graph_*"):
        if old.suffix in (".so", ".pyd") and not old.name.startswith(name):
            old.unlink()
    folder = Path("build", "mypyc", "autograd_mini")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_bytes(b"")
    path = folder / f"{name}.py"
    path.write_bytes(source)
    options = ["--config-file=", "--follow-imports=skip", "--ignore-missing-imports", f"--cache-dir={os.devnull}"]
    extensions: list[Extension] = mypycify([*options, str(path)], opt_level="3", debug_level="0")
    for extension in extensions:
        extension.optional = True
        extension.extra_compile_args = [each for each in extension.extra_compile_args if each != "-Werror"]
        if os.name == "posix":
            extension.extra_compile_args += ["-ffp-contract=off"]  # a·b + c is rounded twice, as in Python
            # nodes are left to reference counting: the cyclic collector never looks at them
            untracked = "tp_alloc(type, n), self ? PyObject_GC_UnTrack(self) : (void)0"
            extension.define_macros.append(("tp_alloc(type, n)", untracked))
    return extensions


def extensions_here() -> list[Extension]:
    if not BUILDING.intersection(sys.argv) or sys.implementation.name != "cpython":
        return []
    if sysconfig.get_config_var("Py_GIL_DISABLED"):  # there other threads can come in between
        return []
    try:
        return machine_code()
    except (Exception, SystemExit):
        return []


def long_description() -> str:
    """The README as it reads where the repository's files are not: a picture is left out, a link is its text."""
    text = (PACKAGE.parent / "README.md").read_text(encoding="utf-8")
    text = re.sub(r"!\[(.*?)\]\((?!https?:).*?\)\n*", "", text, flags=re.DOTALL)
    return re.sub(r"(?<!!)\[([^\[\]]*?)\]\((?!https?:|#).*?\)", r"\1", text)


setup(
    ext_modules=extensions_here(),
    long_description=long_description(),
    long_description_content_type="text/markdown",
)
