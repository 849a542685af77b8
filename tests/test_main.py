"""The command line, and the expressions it understands: friendly to formulas, closed to everything else."""

import io
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

import autograd_mini
from autograd_mini import Value
from autograd_mini.__main__ import main
from autograd_mini.expressions import Expression, ExpressionError
from autograd_mini.primitives import TABLE

OPERATORS = ["+", "-", "*"]


@given(
    st.recursive(st.sampled_from(["x", "y", "3"]), lambda inner: st.tuples(inner, st.sampled_from(OPERATORS), inner))
)
def test_arithmetic_is_pythons(tree):
    def written(tree):
        return tree if isinstance(tree, str) else f"({written(tree[0])} {tree[1]} -{written(tree[2])})"

    text = written(tree)
    expression = Expression(text)
    numbers = {name: float(index + 2) for index, name in enumerate(expression.names)}
    assert expression.evaluate(numbers) == eval(text, {"__builtins__": {}}, numbers)


@given(st.text(max_size=50))
def test_any_text_gives_a_result_or_an_expression_error(text):
    try:
        expression = Expression(text)
        expression.evaluate(dict.fromkeys(expression.names, 0.5))
    except ExpressionError as error:
        assert "\n" not in str(error)  # noqa: PT017  (it need not be raised)


@pytest.mark.parametrize(
    ("text", "variables", "result"),
    [
        ("tanh(w*x + b)", {"w": 0.5, "x": 2.0, "b": -1.0}, 0.0),
        ("-x**2", {"x": 3.0}, -9.0),
        ("x // 2 + x % 2", {"x": 5.0}, 3.0),
        ("softmax([x, x])[1]", {"x": 1.0}, 0.5),
        ("where(x > 0, x, -x)", {"x": -2.0}, 2.0),
        ("gelu(x, approximate='tanh')", {"x": 0.0}, 0.0),
        ("log(x, 2)", {"x": 8.0}, 3.0),
        ("ldexp(x, 3)", {"x": 2.0}, 16.0),
        ("9**9**9", {}, float("inf")),
        ("cos(pi)", {}, -1.0),
        ("e", {"e": 2.0}, 2.0),
        ("dot((1, 2), [x, 4])", {"x": 3.0}, 11.0),
        ("(w·x + 1)²/√y - ⌊x⌋^2", {"w": 2.0, "x": 1.5, "y": 4.0}, 7.0),
        ("√|x|·∛y - |x - y|²", {"x": -4.0, "y": 8.0}, -140.0),
    ],
)
def test_expressions(text, variables, result):
    assert Expression(text).evaluate(variables) == result


def test_every_primitive_can_be_called():
    for name, primitive in TABLE.items():
        if name in ("polygamma", "ldexp"):
            continue
        if name in ("dot", "sumprod", "dist"):
            text = f"{name}([x, x], [x, x])"
        else:
            arguments = ", ".join(["x"] * (primitive.arity or 2))
            text = f"{name}({arguments})" if primitive.arity else f"{name}([{arguments}])"
        assert Expression(text).evaluate({"x": Value(0.5)}) is not None


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "x.__class__.__mro__",
        "().__class__",
        "open('/etc/passwd')",
        "eval('1')",
        "lambda: x",
        "[x for x in (1, 2)]",
        "x if x else 1",
        "x and x",
        "(x := 1)",
        "f'{x}'",
        "'a' * 10**9",
        "[x] * 10**9",
        "tanh(*[x])",
        "tanh(**x)",
        "tanh",
        "register_primitive(x)",
        "x[0]",
        "softmax([x, x])[2]",
        "[x] < 3",
        "1 < x < 2",
        "not x",
        "1j * x",
        "None",
        "...",
        "x; x",
        "import os",
        "x = 1",
        "tanh(x",
        "",
        "\0",
        "await x",
        "tanh()",
        "tanh(x, x)",
        "relu(x, at_zero=2)",
        "-" * 1_500 + "x",
        "(" * 900 + "x" + ")" * 900,
        "x" + "+x" * 2_000,
    ],
)
def test_what_is_not_a_formula_gets_one_sentence(text):
    with pytest.raises(ExpressionError) as caught:
        Expression(text).evaluate({"x": Value(1.0)})
    assert "\n" not in str(caught.value)


def test_values_and_gradients_are_printed(capsys):
    assert main(["draw", "w*x + b", "w=0.5", "x=2", "b=-1"]) == 0
    assert capsys.readouterr().out == (
        "w·x + b = 0\n\nname  value  gradient\nw       0.5         2\nx         2       0.5\nb        -1         1\n"
    )


def test_expressions_may_begin_with_a_sign_and_values_follow_options(capsys, tmp_path):
    assert main(["draw", "-x", "-o", str(tmp_path / "y.dot"), "x=2", "--format", ".2f"]) == 0
    assert "-x = -2.00" in capsys.readouterr().out
    assert (tmp_path / "y.dot").read_text().startswith("digraph")


@pytest.mark.parametrize("before", [["-o", "y.dot", "--direction=TB"], ["-o", "y.dot", "--"]])
def test_a_sign_may_follow_options(before, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", *before, "-x", "x=2"]) == 0
    assert "-x = -2" in capsys.readouterr().out
    assert (tmp_path / "y.dot").exists()


def test_a_picture_is_written(capsys, tmp_path):
    assert main(["draw", "tanh(x)", "x=1", "-o", str(tmp_path / "y.svg"), "--direction", "TB"]) == 0
    assert "y.svg" in capsys.readouterr().out
    assert "tanh(x)" in (tmp_path / "y.svg").read_text()


def test_a_page_is_written(capsys, tmp_path):
    assert main(["explain", "-tanh(w·x)", "w=1", "x=2", "-o", str(tmp_path / "y.html")]) == 0
    assert capsys.readouterr().out == (
        "-tanh(w·x) = -0.964028\n\nname  value    gradient\nw         1   -0.141302\nx         2  -0.0706508\n\n"
        f"page: {tmp_path / 'y.html'}\n"
    )
    assert "-tanh(w·x)" in (tmp_path / "y.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x", "x=1", "-o", "y.svg"], "choose a name that ends in .html"),
        (["x.real", "x=1", "-o", "y.html"], "is not allowed"),
        (["x", "x=1", "-o", "missing/y.html"], "cannot write"),
        (["x+x+x", "x=1", "-o", "y.html", "--max-nodes", "2"], "more than 2 nodes"),
        (["x", "x=1", "-o", "y.html", "--format", "zz"], "number_format"),
    ],
)
def test_errors_of_pages_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["explain", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_plain_numbers(capsys):
    assert main(["draw", "3 + 4"]) == 0
    assert capsys.readouterr().out == "3 + 4 = 7\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x*y", "x=1"], "needs a value for y"),
        (["x", "x=1", "y=2"], "there is no y in the expression"),
        (["x", "x=1", "x=2"], "x is given twice"),
        (["x", "x=one"], "the value of x must be a number"),
        (["x", "2=1"], "name=number"),
        (["x", "x"], "name=number"),
        (["softmax([x, x])", "x=1"], "a list of 2"),
        (["x", "x=1", "-o", "y.bmp"], "choose a name that ends in"),
        (["x", "x=1", "-o", ""], "choose a name that ends in"),
        (["x", "x=1", "-o", "missing/y.svg"], "cannot write"),
        (["x", "x=1", "--format", "zz"], "number_format"),
        (["x+x+x", "x=1", "-o", "y.svg", "--max-nodes", "2"], "more than 2 nodes"),
        (["x.real", "x=1"], "is not allowed"),
    ],
)
def test_errors_are_one_line(arguments, message, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["draw", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [[], ["paint"], ["draw"], ["explain", "x", "x=1"], ["draw", "x", "x=1", "--colour"], ["primitives", "x", "y"]],
)
def test_usage(arguments, capsys):
    with pytest.raises(SystemExit):
        main(arguments)
    assert "usage:" in capsys.readouterr().err


def test_all_primitives_are_listed(capsys):
    assert main(["primitives"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["name", *TABLE]


def test_it_runs_as_a_module_whatever_the_output():
    command = [sys.executable, "-m", "autograd_mini", "draw", "w*x", "w=1", "x=2"]
    done = subprocess.run(command, env={"PYTHONIOENCODING": "ascii"}, capture_output=True, check=True)
    assert done.stdout.startswith(b"w?x = 2")
    reader = subprocess.Popen([sys.executable, "-m", "autograd_mini", "primitives"], stdout=-1, stderr=-1)
    reader.stdout.close()
    assert reader.stderr.read() == b""
    reader.stderr.close()
    assert reader.wait() == 0


def test_gradients_alone(capsys):
    assert main(["grad", "x**2", "x=3"]) == 0
    assert capsys.readouterr().out == "x² = 9\n\nname  value  gradient\nx         3         6\n"


def test_derivatives_are_checked(capsys):
    assert main(["check", "tanh(x)*y", "x=1", "y=2", "--order", "2"]) == 0
    assert "∂²y/∂x∂y" in capsys.readouterr().out
    assert main(["check", "sin(1e17*x)", "x=1.5"]) == 1
    assert "cannot be decided by differences" in capsys.readouterr().out
    assert main(["check", "3 + 4"]) == 2
    assert "there is no variable" in capsys.readouterr().err


def test_one_primitive(capsys):
    assert main(["primitives", "relu"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("relu: max(0, x)")
    assert "kinks       0\n" in out
    assert main(["primitives", "arctan"]) == 0
    assert capsys.readouterr().out.startswith("atan:")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["darw", "x"], "no command is named 'darw'; did you mean 'draw'?"),
        (["quit"], "no command is named 'quit'; choose one of grad, draw, explain, check, primitives"),
        (["primitives", "tahn"], "no primitive is named 'tahn'; did you mean 'tanh'?"),
        (["grad", "sigmiod(x)", "x=1"], "sigmiod is not a primitive; did you mean 'sigmoid'?"),
        (["grad", "weight*x", "wieght=1", "weight=2", "x=1"], "no wieght in the expression; did you mean 'weight'?"),
        (["grad", "__import__(x)", "x=1"], "__import__ is not a primitive"),
    ],
)
def test_what_was_meant(arguments, message, capsys):
    try:
        status = main(arguments)
    except SystemExit as ended:
        status = ended.code
    assert status == 2
    assert message in capsys.readouterr().err


def test_versions_agree(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"autograd_mini {autograd_mini.__version__}\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_are_for_terminals_alone(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    assert main(["grad", "x", "x=1"]) == 0
    assert "\x1b[1mname  value  gradient\x1b[0m" in terminal.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    before = len(terminal.getvalue())
    assert main(["grad", "x", "x=1"]) == 0
    assert "\x1b" not in terminal.getvalue()[before:]


def test_a_power_is_written_with_stars():
    for operation in (lambda x: x ^ 2, lambda x: 2 ^ x):
        with pytest.raises(TypeError, match=r"write \*\* for a power"):
            operation(Value(3.0))
