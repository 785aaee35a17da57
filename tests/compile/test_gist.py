"""What `explain()` says that kernels compute."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr
from croton.compile.gist import MOST_CHARACTERS, MOST_IN_A_LINE, Expression, gist, mentioned, named, results_of, without_parts
from croton.dtypes import float64
from croton.kernel.language import Acc, Buffer, Const, Index, Kernel, Lanes, Let, Load, Store, Update, Var

x, y = cr.matrix("x"), cr.matrix("y")
v, k = cr.vector("v"), cr.vector("k", dtype="int64")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (lambda: cr.tanh(x * y + 1), "result = tanh(x*y + 1)"),
        (lambda: x - 0.5 * y, "result = x - 0.5*y"),
        (lambda: (x - y) * (x - y), "result = (x - y)**2"),
        (lambda: -(x + y) / (x - 2), "result = -(x + y)/(x - 2)"),
        (lambda: cr.where(x > 0, x, cr.exp(y)), "result = where(x > 0, x, exp(y))"),
        (lambda: v[k] * 3, "result = 3*v[where(k < 0, k + n, k)]"),
        (lambda: cr.full((3,), 2.5), "result = 2.5"),
        (lambda: x.T.copy(), "result = x"),
        (lambda: cr.tril(x), "result = where(i - j >= 0, x, 0)"),
    ],
)
def test_values_as_one_would_write_them(value: Callable[[], cr.Expr], text: str) -> None:
    out = value()
    inputs = [leaf for leaf in (x, y, v, k) if leaf in _leaves(out)]
    assert text in [row.strip() for row in str(cr.function(inputs, out).explain()).split("\n")]


def _leaves(out: cr.Expr) -> set:
    found, stack = set(), [out]
    while stack:
        node = stack.pop()
        found.add(node)
        stack += node.inputs
    return found


def test_sums_and_several_results() -> None:
    text = str(cr.function([x], [cr.exp(x).sum(axis=1), x.max(axis=1)]).explain())
    assert "result 0 = sum(exp(x)); result 1 = max(x)" in text


def test_what_is_long_is_left_out_from_the_inside() -> None:
    value = x
    for _ in range(30):
        value = cr.tanh(value + 1)
    (row,) = [row.strip() for row in str(cr.function([x], value).explain()).split("\n") if "result = " in row]
    assert row.startswith("result = tanh(tanh(") and "..." in row
    assert len(row) <= MOST_CHARACTERS + len("result = ")


def test_many_results_are_counted() -> None:
    names = [f"b{i}" for i in range(9)]
    buffers = tuple([Buffer(name, float64, ("n0",)) for name in names])
    at = (Index((("i0", 1),)),)
    stores = tuple([Store(name, at, Var("v1")) for name in names[1:]])
    body = (Lanes("i0", "n0", (Load("v0", float64, "b0", at), Let("v1", float64, "exp", (Var("v0"),)), *stores)),)
    kernel = Kernel(buffers, ("n0",), body)
    text = gist(results_of(kernel), named(kernel, ["a", *[f"the result of number {i}" for i in range(8)]]))
    assert text.startswith("the result of number 0 = exp(a); ") and text.endswith(" more")
    assert len(text) < MOST_IN_A_LINE + len("; and 8 more")


def test_an_accumulator_read_behind_its_loop() -> None:
    buffers = (Buffer("b0", float64, ("n0",)), Buffer("b1", float64, ()))
    at = (Index((("i0", 1),)),)
    loop = Lanes("i0", "n0", (Load("v0", float64, "b0", at), Update("v1", Var("v0"))))
    body = (Acc("v1", float64, "sum"), loop, Let("v2", float64, "mul", (Var("v1"), Const(-0.5))), Store("b1", (), Var("v2")))
    kernel = Kernel(buffers, ("n0",), body)
    assert gist(results_of(kernel), named(kernel, ["x", "y"])) == "y = -0.5*sum(x)"


def test_a_step_of_a_loop_is_told() -> None:
    sequence = cr.tensor("sequence", (None, 3))
    last, _ = cr.scan(lambda h, e: (cr.tanh(h * e + 1), None), cr.zeros(3), sequence)
    text = str(cr.function([sequence], last).explain())
    assert "a step: next c0 = tanh(" in text
    assert "each 1 kernel and 0 other calls" in text


def test_costs_at_given_shapes() -> None:
    f = cr.function([x, y], cr.exp(x @ y))
    text = str(f.explain((8, 4), (4, 2)))
    assert "One call with x.0 = 8, x.1 = 4, y.1 = 2: " in text
    assert "448 flop" in text
    with pytest.raises(cr.CrotonError):
        f.explain((8, 4), (5, 2))
    counted = cr.function([v], v[v > 0] * 2)
    assert "v.0 = 9" in str(counted.explain(v=(9,), count1=4))


def test_long_totals_show_their_greatest_terms() -> None:
    sizes = [cr.tensor(name, (name,)) for name in "abcdefghijklmnopqr"]
    total = sum((cr.exp(s).sum() for s in sizes[1:]), cr.exp(sizes[0]).sum())
    (row,) = [row for row in str(cr.function(sizes, total).explain()).split("\n") if row.startswith("In general")]
    assert "smaller term" in row and len(row) < 400
    assert np.isfinite(cr.function(sizes, total)(*[np.ones(2)] * 18))


def formulas(outputs: cr.Expr) -> str:
    return str(cr.function([x], outputs).explain())


def test_what_is_stored_on_the_way_has_no_name() -> None:
    assert "result = exp(x - max(x))/sum(exp(x - max(x)))" in formulas(cr.softmax(x, axis=-1))


def test_sizes_divide_and_have_names_of_their_own() -> None:
    assert "result = 3*sum(t0)/(n*m)" in formulas(x.mean() * 3)
    assert "sum((x - t0/n)**2)" in formulas(x.var(0).sum())
    assert "result = -(sum(t0)/(n*m))" in formulas(-x.mean())


def test_what_is_read_in_many_places_is_looked_at_once() -> None:
    """Written out, each of these values is twice as long as the one before."""
    value = Expression("#b0")
    for _ in range(200):
        value = Expression("add", (value, value))
    assert mentioned({"#b1": value}) == {"#b0", "#b1"}


def test_partial_results_are_not_mentioned() -> None:
    part, total = Expression("sum", (Expression("#b0"),)), Expression("sum", (Expression("#b2"),))
    results = {"#b1": total, "#b2": part}
    assert without_parts(results, {"#b2"}) == {"#b1": part}
    assert without_parts(results, set()) == results, "who else reads it wants to see it"
    assert without_parts({**results, "#b2": Expression("max", part.args)}, {"#b2"})["#b1"] == total
