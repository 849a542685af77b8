"""Makes machine code of a few files of autograd_mini, where there is a C compiler; else they run as they stand."""

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
    """What mypyc makes of them, as modules whose names tell the sources that they were made of."""
    from mypyc.build import mypycify

    loading = run_path(str(PACKAGE / "loading.py"))
    sources = {plain: (PACKAGE / f"{plain}.py").read_bytes() for plain in loading["COMPILED"]}
    names = dict(zip(sources, loading["names_of"]([*sources.values()])))
    for old in [old for plain in sources for old in PACKAGE.glob(f"{plain}_*")]:
        if old.suffix in (".so", ".pyd") and not old.name.startswith((*names.values(),)):
            old.unlink()
    folder = Path("build", "mypyc", "autograd_mini")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_bytes(b"")
    for plain, source in sources.items():
        for other, name in names.items():  # they import each other's machine code
            source = source.replace(f"from autograd_mini.{other} ".encode(), f"from autograd_mini.{name} ".encode())
        (folder / f"{names[plain]}.py").write_bytes(source)
    options = ["--config-file=", "--follow-imports=skip", "--ignore-missing-imports", f"--cache-dir={os.devnull}"]
    paths = [str(folder / f"{name}.py") for name in names.values()]
    extensions: list[Extension] = mypycify(
        [*options, *paths], opt_level="3", debug_level="0", group_name=f"autograd_mini.{names['graph']}"
    )
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
