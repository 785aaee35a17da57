"""What bodies of loops may contain, against the same loops step by step."""

from __future__ import annotations

import numpy as np
import pytest
from loop_values import check, loops_of, stacked, written_out

import croton as cr
from croton.expr.expr import Expr
from croton.util.errors import ShapeError

RNG = np.random.default_rng(0)
T, B, D, H = 5, 3, 4, 6


def test_shared_variables_are_read_and_updated() -> None:
    W, total = cr.shared(0.5 * RNG.standard_normal((H, H)), name="W"), cr.shared(np.zeros(H), name="total")
    x = cr.matrix("x")
    last, ys = cr.scan(lambda c, v: (cr.tanh(c @ W + v), c.sum()), total, x)
    f = cr.function([x], [ys, cr.grad((last**2).sum(), W)], updates={total: last, W: W - 0.1 * cr.grad((last**2).sum(), W)})
    values, w, c = RNG.standard_normal((T, H)), W.get_value(), np.zeros(H)
    weight = cr.tensor("weight", (H, H))
    for _ in range(2):
        each, begin = [], c
        for v in values:
            each.append(c.sum())
            c = np.tanh(c @ w + v)
        end = written_out(lambda c, v: (cr.tanh(c @ weight + v), None), cr.asarray(begin), [cr.asarray(v) for v in values])[0]
        slope = cr.reference.evaluate(cr.grad((end**2).sum(), weight), {weight: w})
        found = f(values)
        np.testing.assert_allclose(found[0], each)
        np.testing.assert_allclose(found[1], slope, rtol=1e-9, atol=1e-12)
        w = w - 0.1 * slope
        np.testing.assert_allclose(total.get_value(), c)
        np.testing.assert_allclose(W.get_value(), w)


def test_random_numbers_of_steps() -> None:
    begin = cr.random.key(7)

    def body(state: tuple[Expr, Expr], t: Expr) -> tuple[tuple[Expr, Expr], Expr]:
        c, key = state
        key, mine = cr.random.split(key)
        noise = cr.random.normal(mine, (H,)) + cr.random.uniform(cr.random.fold_in(begin, t), (H,))
        return (0.5 * c + noise, key), noise

    (last, key), ys = cr.scan(body, (cr.zeros(H), begin), cr.arange(T))
    (other, other_key), each = written_out(body, (cr.zeros(H), begin), [cr.asarray(t) for t in range(T)])
    check([last, ys], [other, stacked(each)], {})
    np.testing.assert_array_equal(key.eval(), cr.reference.evaluate(other_key))
    assert len({row.tobytes() for row in ys.eval()}) == T


def test_results_that_are_none_and_nested_structures() -> None:
    x, z = cr.matrix("x"), cr.vector("z")
    values = {x: RNG.standard_normal((T, H)), z: RNG.standard_normal(T)}

    def body(c: dict[str, tuple[Expr, None]], e: list[Expr | None]) -> tuple[dict[str, tuple[Expr, None]], dict[str, object]]:
        assert e[1] is None
        new = cr.sin(c["h"][0] + e[0] * e[2])
        return {"h": (new, None)}, {"y": (new.sum(), None), "none": None, "all": [new]}

    last, ys = cr.scan(body, {"h": (cr.zeros(H), None)}, [x, None, z])
    assert last["h"][1] is None and ys["none"] is None and ys["y"][1] is None
    other, each = written_out(body, {"h": (cr.zeros(H), None)}, [[x[t], None, z[t]] for t in range(T)])
    check([last["h"][0], ys["y"][0], ys["all"][0]], [other["h"][0], stacked([e["y"][0] for e in each]), stacked([e["all"][0] for e in each])], values)


def test_sequences_of_different_lengths_in_a_call() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    _, ys = cr.scan(lambda c, v: (c, v[0] + v[1]), None, (x, y))
    with pytest.raises(ShapeError, match=r"'y' of shape \(4, 2\) has 4 along axis 0, where it wants 3(.|\n)*test_bodies.py"):
        cr.function([x, y], ys)(np.ones((3, 2)), np.ones((4, 2)))


def test_a_carry_whose_shape_changes_in_a_call() -> None:
    h, x = cr.vector("h"), cr.matrix("x")
    last, _ = cr.scan(lambda c, v: (c * v, None), h, x)
    with pytest.raises(ShapeError, match=r"has 2 along axis 1, where it wants 3(.|\n)*test_bodies.py"):
        cr.function([h, x], last)(np.ones(3), np.ones((4, 2)))


def test_lines_of_a_body_are_kept() -> None:
    """What a step computes is of the line in the body, in loops in loops and on the way back too."""
    x, w = cr.tensor("x", (5, 3)), cr.tensor("w", (3, 3))

    def body(h: cr.Expr, v: cr.Expr) -> tuple[cr.Expr, None]:
        h = cr.tanh(h @ w + v)
        return cr.while_loop(lambda c: c.sum() < 2, lambda c: c + cr.exp(c), h), None

    h, _ = cr.scan(body, cr.zeros(3), x)
    first = body.__code__.co_firstlineno
    with pytest.raises(cr.NotSupportedError, match=rf"test_bodies.py:{first + 2}"):
        cr.function([x, w], cr.grad(h.sum(), w))

    x, w = cr.tensor("x", (30, 32, 32)), cr.tensor("w", (32, 32))

    def plain(h: cr.Expr, v: cr.Expr) -> tuple[cr.Expr, None]:
        a = h @ w
        b = cr.tanh(a + v)
        c = b @ w
        return cr.sin(c), None

    h, _ = cr.scan(plain, cr.zeros((32, 32)), x)
    first = plain.__code__.co_firstlineno
    shown = str(cr.function([x, w], cr.grad((h**2).sum(), w)).explain())
    assert f"line {first + 2}: b = cr.tanh(a + v)" in shown and f"line {first + 4}: return cr.sin(c), None" in shown


def test_squared_gradients_of_embeddings_that_meet_are_not_made_one_by_one() -> None:
    i, E = cr.tensor("i", (7, 3), dtype="int64"), cr.tensor("E", (1000, 8))
    cost = (E[i].sum(axis=1) ** 2).sum(axis=1)
    total, _ = cr.scan(lambda t, k: (t + cr.grad(cost[k], E) ** 2, None), cr.zeros((1000, 8)), cr.arange(7))
    assert loops_of([total]) == []
    f = cr.function([i, E], total)
    index, table = RNG.integers(0, 5, (7, 3)), RNG.standard_normal((1000, 8))
    wanted = np.zeros((1000, 8))
    for row in index:
        slope = np.zeros((1000, 8))
        np.add.at(slope, row, 2 * table[row].sum(axis=0))
        wanted += slope**2
    np.testing.assert_allclose(f(index, table), wanted, rtol=1e-9)
    assert f.memory_peak((7, 3), (1000, 8)) < 2 * 1000 * 8 * 8  # for each example it would be 7 of them


def test_a_cell_that_concatenates_its_input_and_its_state() -> None:
    x, h, W, b = cr.tensor("x", (T, B, D)), cr.tensor("h", (B, H)), cr.tensor("W", (D + H, H)), cr.tensor("b", (H,))
    values = {node: 0.5 * RNG.standard_normal(node.shape) for node in (x, h, W, b)}

    def cell(c: Expr, v: Expr) -> tuple[Expr, Expr]:
        c = cr.tanh(cr.concatenate([v, c], axis=1) @ W + b)
        return c, c

    last, ys = cr.scan(cell, h, x)
    other, each = written_out(cell, h, [x[t] for t in range(T)])
    check([last, ys], [other, stacked(each)], values)
    check(cr.grad((ys**3).sum(), [x, h, W, b]), cr.grad((stacked(each) ** 3).sum(), [x, h, W, b]), values)
    # The product with the input is one, in front of the loop; the part of the weights for the state is cut out there, too.
    (loop,) = loops_of([last])
    products = [node for node in cr.algebra.walk([loop.param[0].results[0][0]]) if node.kind == "contract" and node.sums]
    assert [node.sums for node in products] == [(H,)]
    f = cr.function([x, h, W, b], last)
    assert f.flops() < 2 * T * B * (D + H) * H + 30 * T * B * H


def test_loops_in_steps_that_are_done_at_once() -> None:
    x, W = cr.tensor("x", (T, 3, H)), cr.tensor("W", (H, H))
    values = {x: RNG.standard_normal((T, 3, H)), W: 0.5 * RNG.standard_normal((H, H))}

    def inner(c: Expr, v: Expr) -> tuple[Expr, Expr]:
        c = cr.tanh(c @ W + v)
        return c, c.sum()

    def outer(total: Expr, rows: Expr) -> tuple[Expr, Expr]:
        last, ys = cr.scan(inner, cr.zeros(H), rows)
        return total + (last**2).sum(), ys

    def outer_written(total: Expr, rows: Expr) -> tuple[Expr, Expr]:
        last, ys = written_out(inner, cr.zeros(H), [rows[k] for k in range(3)])
        return total + (last**2).sum(), stacked(ys)

    total, ys = cr.scan(outer, 0.0, x)
    other, each = written_out(outer_written, cr.asarray(0.0), [x[t] for t in range(T)])
    check([total, ys], [other, stacked(each)], values)
    check(cr.grad(total + ys.sum(), [x, W]), cr.grad(other + stacked(each).sum(), [x, W]), values)
    (loop,) = loops_of([total, ys])
    assert loop.param[0].length == 3 and sorted(loop.param[0].carries[0].dims) == [T, H]
