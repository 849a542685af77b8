"""Generates the stubs of the primitives for type checkers from the table: `python -m tests.typed.generating`."""

import inspect
from pathlib import Path
from textwrap import indent

from autograd_mini import Value, functions
from autograd_mini.primitives import TABLE

PACKAGE = Path(functions.__file__).parent
NOTE = "Written by `python -m tests.typed.generating`: change the table, or that, and run it again."
CHECKED = """
# plain numbers are tried before Numbers, so that they give floats
# mypy: disable-error-code="overload-overlap"
# pyright: reportOverlappingOverload=false
"""
BOTH_WAYS = ("add", "sub", "mul", "truediv", "floordiv", "mod", "pow")
COMPARISONS = ("lt", "le", "gt", "ge")
RESULTS = {"Any": "{}", "list[Any]": "list[{}]", "tuple[Any, Any]": "tuple[{0}, {0}]"}
ITERABLES = ("xs", "ys")
VECTORS = [  # arrays first, and Values before numbers: a list of what is not known may hold Values
    ("ObjectArray", "Value"),
    ("PlainArray", "float"),
    ("Iterable[Value]", "Value"),
    ("Iterable[Plain]", "float"),
    ("Iterable[Real]", "Value"),
]
PAIRS = [
    ("PlainArray", "PlainArray", "float"),
    ("Iterable[Value]", "Iterable[Real]", "Value"),
    ("Iterable[Plain]", "Iterable[Plain]", "float"),
    ("Iterable[Real]", "Iterable[Real]", "Value"),
]
HEAD = '''"""{title}

{note}
"""

{imports}'''


def functions_stub() -> str:
    """Every function, for plain numbers, which give floats, and with Values, which give Values."""
    imports = """from collections.abc import Callable, Iterable
from typing import Any, Literal, overload

from autograd_mini.primitives import Primitive
from autograd_mini.signatures import Real, ObjectArray, Plain, PlainArray
from autograd_mini.value import Value
"""
    imports += f"{CHECKED}\n__all__ = {functions.__all__}\n".replace("'", '"')
    parts = [HEAD.format(title="The primitives as functions of numbers and Values.", note=NOTE, imports=imports)]
    for name, function in vars(functions).items():
        if name.startswith("_") or not inspect.isfunction(function) or function.__module__ != functions.__name__:
            continue
        if name not in (*TABLE, "fabs", "modf"):
            parts.append(f"def {name}{inspect.signature(function)}: ...\n".replace("'", ""))
        else:
            parts += [overload + "\n" for overload in overloads_of(name, function)]
    return "\n".join(parts)


def overloads_of(name, function):
    signature = inspect.signature(function)
    result = RESULTS[given(signature.return_annotation)]
    parameters = [*signature.parameters.values()]
    takes_one = [each for each in parameters if is_number(each) and each.name not in ITERABLES]
    doc = f'\n    """{brief_doc(function)}"""'
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):  # several, or one iterable of them
        ways = [(f"xs: {taken}, /", out) for taken, out in VECTORS] + [("*xs: Plain", "float"), ("*xs: Real", "Value")]
    elif not takes_one and len(parameters) == 1:
        ways = [(written(parameters, taken), out) for taken, out in VECTORS]
    elif not takes_one:
        ways = [(f"xs: {xs}, ys: {ys}", out) for xs, ys, out in PAIRS]
    elif len(takes_one) == 1:
        ways = [(written(parameters, "Value"), "Value"), (written(parameters, "Plain"), "float")]
    else:
        ways = [(written(parameters, "Plain"), "float"), (written(parameters, "Real"), "Value")]
    for place, (taken, kind) in enumerate(ways):
        ending = ": ..." if place else f":{doc}"
        yield f"@overload\ndef {name}({taken}) -> {result.format(kind)}{ending}"


def written(parameters, kind):
    return ", ".join(parameter_of(each, kind) for each in parameters)


def parameter_of(parameter, kind):
    """A parameter as the stub writes it; `kind` is the type of a number."""
    annotation = kind if is_number(parameter) else given(parameter.annotation)
    if parameter.default is parameter.empty:
        return f"{parameter.name}: {annotation}"
    if parameter.default is None and is_number(parameter):
        annotation += " | None"
    default = repr(parameter.default).replace("'", '"')
    default = "..." if "inf" in default else default
    return f"{parameter.name}: {annotation} = {default}"


def is_number(parameter) -> bool:
    return given(parameter.annotation) == "Any"


def given(annotation) -> str:
    return "Any" if annotation is inspect.Signature.empty else annotation.strip("'")


def brief_doc(function) -> str:
    return inspect.getdoc(function).split("\n\n")[0]


def methods_stub() -> str:
    """The operators, and every primitive that is a method."""
    imports = """from typing import Any, Literal, SupportsIndex, overload

from autograd_mini.compatibility import Compatible
from autograd_mini.signatures import BoolArray, Real, NumberArray, ObjectArray, Plain
from autograd_mini.value import Value
"""
    parts = [HEAD.format(title="What Values have from the table: operators and methods.", note=NOTE, imports=imports)]
    parts.append('class Operators(Compatible):\n    """Operators, comparisons, conversions, every primitive."""\n')
    for name in (spelt for each in BOTH_WAYS for spelt in (each, f"r{each}")):
        parts += both_ways(name, "Real", "Value", "ObjectArray")
    for name in COMPARISONS:
        parts += both_ways(name, "Real", "bool", "BoolArray")
    for name in ("divmod", "rdivmod"):
        parts.append(f"    def __{name}__(self, other: Real) -> tuple[Value, Value]: ...\n")
    for name in ("neg", "pos", "abs"):
        parts.append(f"    def __{name}__(self) -> Value: ...\n")
    for name in ("eq", "ne"):
        parts.append(f"    def __{name}__(self, other: object, /) -> bool: ...\n")
    parts.append("    def __hash__(self) -> int: ...\n")
    for name, result in {"float": "float", "int": "int", "trunc": "int", "floor": "int", "ceil": "int"}.items():
        parts.append(f"    def __{name}__(self) -> {result}: ...\n")
    parts.append("    @overload\n    def __round__(self, ndigits: None = None) -> int: ...\n")
    parts.append("    @overload\n    def __round__(self, ndigits: SupportsIndex) -> float: ...\n")
    parts.append("    @property\n    def real(self) -> Value: ...\n")
    parts.append("    @property\n    def imag(self) -> float: ...\n")
    for name in ("conjugate", "copy", "__copy__"):
        parts.append(f"    def {name}(self) -> Value: ...\n")
    parts.append("    def __deepcopy__(self, memo: dict[int, Any]) -> Value: ...\n")
    for name, function in methods().items():
        parts.append(indent("\n".join(method_of(name, function)), "    ") + "\n")
    return "\n".join(parts)


def methods():
    """The methods of Value that exist as functions too, by name."""
    known = {name: vars(functions)[name] for name in (*TABLE, "modf")}
    names = {id(function): function for function in known.values()}
    return {name: each for name, each in vars(Value).items() if id(each) in names and not name.startswith("__")}


def both_ways(name, taken, result, of_arrays):
    yield f"    @overload\n    def __{name}__(self, other: {taken}) -> {result}: ...\n"
    yield f"    @overload\n    def __{name}__(self, other: NumberArray) -> {of_arrays}: ...\n"


def method_of(name, function):
    signature = inspect.signature(function)
    first, *others = signature.parameters.values()
    result = RESULTS[given(signature.return_annotation)].format("Value")
    taken = "*xs: Real" if first.kind is first.VAR_POSITIONAL else written(others, "Real")
    yield f"def {name}(self{', ' if taken else ''}{taken}) -> {result}:"
    yield f'    """{brief_doc(function)}"""'


STUBS = {"functions.pyi": functions_stub, "methods.pyi": methods_stub}

if __name__ == "__main__":
    for file, write in STUBS.items():
        (PACKAGE / file).write_text(write(), encoding="utf-8")
