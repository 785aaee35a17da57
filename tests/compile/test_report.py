"""The compiler's account of a program, as a reader sees it."""

from __future__ import annotations

import re

import numpy as np
import pytest

import croton as cr
from croton.compile.words import SizeNames, amount, seconds
from croton.sizes import fresh_symbol, symbol
from croton.util.errors import ArgumentError, ShapeError


def test_sizes_are_named_after_arguments() -> None:
    x, y = cr.matrix("x"), cr.tensor("y", ("n", None))
    text = str(cr.function([x, y], x @ y).explain())
    assert "(x.0, n) @ (n, y.1)" in text
    assert "2*n*x.0*y.1 flop" in text
    assert re.search(r"with n = \d+, x\.0 = \d+, y\.1 = \d+", text)
    assert not re.search(r"_\d", text.split("\n")[2])


def test_arguments_without_a_name_are_numbered() -> None:
    x = cr.matrix()
    assert "arg0.0" in str(cr.function([x], x @ x.T).explain())


def test_lines_are_shown_once_for_each_call_and_their_file_once() -> None:
    x = cr.vector("x")
    a = cr.exp(x)
    b = a * x
    text = str(cr.function([x], b + cr.tanh(a), name="small").explain())
    assert text.startswith("small: 1 kernel call (1 distinct kernel), 0 library calls\n")
    assert text.count(__file__) == 1
    assert "3 lines fused" in text
    assert text.index("a = cr.exp(x)") < text.index("b = a * x") < text.index("b + cr.tanh(a)")
    assert len(text.split("\n")) <= 12


def test_calls_that_say_the_same_are_one_row() -> None:
    x = cr.tensor("x", (None, 16))
    W = [cr.shared(np.eye(16), name=f"W{i}") for i in range(10)]
    h = x
    for w in W:
        h = cr.tanh(h @ w)
    text = str(cr.function([x], h).explain())
    assert "(x10)" in text
    assert text.count("matrix product") == 1


def test_decisions_are_sentences_with_their_lines() -> None:
    x = cr.matrix("x")
    W = cr.shared(np.ones((30, 20)), name="W")
    h = cr.tanh(x @ W)
    penalty = ((W[None, :, :] * (h * (1 - h))[:, None, :]) ** 2).sum(axis=(1, 2)).mean()
    report = cr.function([x], penalty).explain()
    assert report.decisions
    assert "multiplied out in another order" in report.decisions[0] and "in place of" in report.decisions[0]
    assert "penalty = " in str(report).split("What was rewritten:")[1]


def test_what_calls_read_and_write_is_named() -> None:
    x, w = cr.matrix("x"), cr.shared(np.ones((64, 32)), name="w")
    b = cr.shared(np.zeros(32))
    h = x @ w
    rows = str(cr.function([x], [cr.tanh(h + b), h.sum()], updates={b: b + 1}).explain()).split("\n")
    assert any("x, w -> t0" in row for row in rows)
    assert any("t0, shared1 -> " in row and "result 0" in row for row in rows)
    assert not any("arg0" in row for row in rows)
    plain = str(cr.function([x], x * 2).explain())
    assert "kernel 0: x -> result " in plain


def test_detail_has_the_code() -> None:
    x = cr.vector("x")
    report = cr.function([x], cr.exp(x)).explain()
    assert "exp(" in report.detail()
    assert repr(report) == str(report)


def test_a_function_that_computes_nothing() -> None:
    x = cr.vector("x")
    assert "0 kernel calls" in str(cr.function([x], None).explain())
    assert "1 kernel call" in str(cr.function([x], x).explain())


def test_amounts() -> None:
    assert [amount(n) for n in (0, 999, 1000, 999_999, 1.5e6, 2e9)] == ["0 ", "999 ", "1 k", "1 M", "1.5 M", "2 G"]
    assert [seconds(t) for t in (2e-9, 1.5e-6, 2e-3, 3.0)] == ["2 ns", "1.5 us", "2 ms", "3 s"]


def test_names_of_sizes() -> None:
    made, given = fresh_symbol("x.0_"), symbol("rows")
    names = SizeNames([("x", (made, 3)), ("y", (given, made + 1))])
    assert names.text(made * 2 + given) in ("2*x.0 + rows", "rows + 2*x.0")
    assert names.text(5) == "5"


def test_shapes_are_of_sizes() -> None:
    x = cr.matrix("x")
    f = cr.function([x], cr.exp(x) @ x.T)
    for wrong in ((-1, 3), (1.5, 3)):
        with pytest.raises(ShapeError, match="argument 'x': a shape is of integers that are not negative"):
            f.memory_peak(x=wrong)
    with pytest.raises(ArgumentError, match="2 shapes are given; the arguments are x"):
        f.flops((2, 3), (2, 3))
    assert f.flops((np.int64(2), 3)) == f.flops((2, 3))
