"""Printing: shared nodes once, no recursion."""

from __future__ import annotations

import numpy as np

import croton as e
from croton.expr.expr import constant
from croton.expr.print import describe
from croton.ops.creation import matrix, shared, tensor, vector
from croton.ops.reductions import sum as sum_
from croton.ops.sugar import install_operators

install_operators()


def test_a_graph_reads_as_a_program() -> None:
    x = matrix("x", ("n", 3))
    w = shared(np.ones((3, 2)), "w")
    h = e.tanh(x @ w + 0.5)  # type: ignore[operator]
    assert describe(sum_(h * h, 1)) == (
        "x = input: float64[n, 3]\n"
        "w = shared: float64[3, 2]\n"
        "%2 = einsum(x, w, spec='ab,bc->ac'): float64[n, 2]\n"
        "%3 = add(%2, 0.5): float64[n, 2]\n"
        "%4 = tanh(%3): float64[n, 2]\n"
        "%5 = multiply(%4, %4): float64[n, 2]\n"
        "%6 = sum(%5, axes=(1,), keepdims=False): float64[n]"
    )


def test_several_results_are_returned() -> None:
    x, other = vector("x", ("n",)), vector("x", ("n",))
    text = describe([x, e.exp(other), x])
    assert text == "x = input: float64[n]\nx%1 = input: float64[n]\n%2 = exp(x%1): float64[n]\nreturn x, %2, x"


def test_constants_are_shown_shortly() -> None:
    assert describe(constant(np.arange(100))) == "%0 = [ 0,  1, ..., 98, 99]: int64[100]"
    assert describe(constant(2.5)) == "%0 = 2.5: float64[]"


def test_lines_can_be_shown() -> None:
    text = describe(e.exp(tensor("x")), lines=True)
    assert text.count("# ") == 2
    assert "test_print.py:" in text


def test_str_of_a_deep_graph() -> None:
    x = vector("x", ("n",))
    y = x
    for _ in range(10_000):
        y = e.sin(y)
    assert str(y).count("\n") == 10_000


def test_str_of_a_graph_with_exponentially_many_paths() -> None:
    x = vector("x", ("n",))
    for _ in range(60):
        x = x + x * 2  # type: ignore[operator]
    assert str(x).count("\n") == 120
