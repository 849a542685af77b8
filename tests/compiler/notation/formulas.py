"""What printed programs compute: an evaluator of the notation, to hold it to the compiled function's own numbers.

Numbers are arrays whose last axis is the batch; before it come lanes, or rows and columns.
"""

import re

import numpy

from autograd_mini.primitives import TABLE

NAME = r"∇?²?(?![ᵀ²])[^\W\d](?:(?![ᵀ²])[\w′])*(?:\[[\d:]+\])*"
TOKEN = re.compile(rf"\s*(Σₙ|Σ≠|Σ|\d[\d.]*(?:e-?\d+)?|{NAME}|[-+∘·(),ᵀ²/√<>])")


class Evaluator:
    def __init__(self, known, n):
        self.known = dict(known)
        self.n = n

    def assign(self, line):
        """Evaluate one line."""
        self.tokens = TOKEN.findall(line.formula) + [""]
        assert "".join(self.tokens) == line.formula.replace(" ", ""), line.formula
        found = self.sum()
        assert self.tokens == [""], self.tokens
        if not line.shape.endswith("N") and found.shape[-1] > 1:
            found = found.sum(-1, keepdims=True)  # of a product of two matrices with N columns
        name, slices = self.split(line.target)
        if not slices:
            assert line.sign == "="
            self.known[name] = found
            return
        (lanes,) = slices
        have = self.known.get(name, numpy.zeros((0, 1)))
        size = max(len(have), lanes.stop)
        wider = numpy.zeros((size, max(have.shape[-1], found.shape[-1])))
        wider[: len(have)] = have
        wider[lanes] += found
        self.known[name] = wider

    def split(self, name):
        """A name and the slices after it; brackets may be part of an argument's name."""
        slices = []
        while name not in self.known and name.endswith("]"):
            name, _, inner = name[:-1].rpartition("[")
            parts = [int(part) for part in inner.split(":")]
            slices.insert(0, slice(parts[0], parts[0] + 1) if len(parts) == 1 else slice(*parts))
        return name, slices

    def take(self):
        return self.tokens.pop(0)

    def sum(self):
        found = self.product()
        while self.tokens[0] in ("+", "-", "<", ">"):
            sign, right = self.take(), self.product()
            operation = {"+": numpy.add, "-": numpy.subtract, "<": numpy.less, ">": numpy.greater}[sign]
            found = operation(*self.alike(found, right)) * 1.0
        return found

    def product(self):
        sign = 1.0
        while self.tokens[0] == "-":
            sign = -sign
            self.take()
        found = self.factor()
        while self.tokens[0] not in ("", ")", ",", "+", "-", "<", ">"):
            if self.tokens[0] in "∘·/":
                operation = numpy.divide if self.take() == "/" else numpy.multiply
                found = operation(*self.alike(found, self.factor()))
            else:
                found = self.matrix_product(found, self.factor())
        return sign * found

    def factor(self):
        token = self.take()
        if token == "Σₙ":
            inside = self.product()
            return inside.sum(-1, keepdims=True) * (self.n if inside.shape[-1] == 1 else 1)
        if token == "Σ":
            inside = self.product()
            return inside.sum(tuple(range(inside.ndim - 1))).reshape(1, -1)
        if token == "√":
            return numpy.sqrt(self.factor())
        if token == "Σ≠":
            inside = self.factor()
            return inside.sum(0, keepdims=True) - inside
        if token == "(":
            found = self.sum()
            assert self.take() == ")"
        elif token[0].isdecimal():
            return numpy.array(float(token))
        elif self.tokens[0] == "(":
            found = self.call(token)
        else:
            name, slices = self.split(token)
            found = self.known[name]
            for each in slices:
                found = found[each]
        while self.tokens[0] in ("ᵀ", "²"):
            found = found**2 if self.take() == "²" else self.transposed(found)
        return found

    def call(self, name):
        args = []
        while self.take() in ("(", ","):
            args.append(self.sum())
        if name == "softmax":
            e = numpy.exp(args[0])
            return e / e.sum(0)
        if name == "log_softmax":
            return args[0] - numpy.log(numpy.exp(args[0]).sum(0))
        row = (
            TABLE[name.removesuffix("′")]
            if name.removesuffix("′") in list(TABLE)
            else TABLE.auxiliary[name.removesuffix("′")]
        )
        if name.endswith("′"):
            return numpy.vectorize(lambda x: float(row.partials(row(x), x)[0]))(args[0])
        return numpy.vectorize(lambda *xs: float(row(*map(float, xs))))(*args)

    @staticmethod
    def transposed(x):
        return x[None] if x.ndim == 2 else x.swapaxes(0, 1)

    @staticmethod
    def alike(a, b):
        """Two operands of ∘ and +: a matrix and its numbers one after the other are the same."""
        if a.ndim == 3 and b.ndim == 2 and len(b) > 1:
            b = b.reshape(a.shape[:2] + b.shape[-1:])
        if b.ndim == 3 and a.ndim == 2 and len(a) > 1:
            a = a.reshape(b.shape[:2] + a.shape[-1:])
        return a, b

    @staticmethod
    def matrix_product(a, b):
        if a.ndim == 0:
            return a * b
        if a.ndim == b.ndim == 2:  # a row of weights
            return (a * b).sum(0, keepdims=True) if b.shape[0] == a.shape[0] else a * b
        if a.ndim == 2:
            return (
                a[:, None] * b
                if len(b) == 1
                else numpy.einsum("kn,ksn->sn", *numpy.broadcast_arrays(a[:, None], b)[:1], b)
            )
        if b.ndim == 2:
            return (a * b[None]).sum(1)
        return (a[:, :, None] * b[None]).sum(1)
