"""Loops against the same loops written out step by step: values, derivatives of any kind, and what is left of them."""

from __future__ import annotations

import numpy as np
import pytest
from loop_values import check, interpreted, loops_of, stacked, written_out

import croton as cr
from croton.expr.expr import Expr
from croton.transforms.scan import fori, scan
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError

RNG = np.random.default_rng(0)
T, B, D, H = 4, 3, 2, 3


class Net:
    """A recurrent network of one layer."""

    def __init__(self, sized: bool = False) -> None:
        self.x = cr.tensor("x", (T, B, D)) if sized else cr.tensor3("x")
        self.h, self.U, self.W = cr.matrix("h"), cr.matrix("U"), cr.matrix("W")
        self.weights = [self.U, self.W, self.h, self.x]
        shapes = ((H, H), (D, H), (B, H), (T, B, D))
        self.values = {w: 0.7 * RNG.standard_normal(shape) for w, shape in zip(self.weights, shapes)}

    def body(self, h: Expr, x: Expr) -> tuple[Expr, Expr]:
        h = cr.tanh(h @ self.U + x @ self.W)
        return h, (h**2).sum(axis=1)

    def cost(self, last: Expr, ys: Expr) -> Expr:
        return (ys**2).sum() + last.sum()


def test_a_recurrent_net_and_its_gradients() -> None:
    net = Net()
    last, ys = scan(net.body, net.h, net.x)
    other, each = written_out(net.body, net.h, [net.x[t] for t in range(T)])
    check([last, ys], [other, stacked(each)], net.values)
    cost, same = net.cost(last, ys), net.cost(other, stacked(each))
    check(cr.grad(cost, net.weights), cr.grad(same, net.weights), net.values)


def test_the_product_with_the_input_and_the_gradients_of_weights_are_outside() -> None:
    net = Net()
    last, ys = scan(net.body, net.h, net.x)
    forward, backward = sorted(loops_of(cr.grad(net.cost(last, ys), net.weights)), key=lambda node: node.id)
    assert [len(forward.param[0].elements), len(forward.param[0].fixed)] == [1, 1]
    assert not forward.param[0].reverse and backward.param[0].reverse
    products = [node for node in cr.algebra.walk([backward.param[0].results[0][0]]) if node.kind == "contract" and node.sums]
    assert len(products) == 1


@pytest.mark.parametrize("length", [0, 1, 2])
def test_few_steps(length: int) -> None:
    net = Net()
    net.values[net.x] = net.values[net.x][:length]
    last, ys = scan(net.body, net.h, net.x)
    found = interpreted([last, ys, cr.grad(net.cost(last, ys), net.U)], net.values)
    x = cr.tensor("x", (length, B, D))
    last, ys = scan(net.body, net.h, x)
    known = interpreted([last, ys, cr.grad(net.cost(last, ys), net.U, disconnected="zero")], {**net.values, x: net.values[net.x]})
    for a, b in zip(found, known):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    assert found[1].shape == (length, B)
    if length == 0:
        np.testing.assert_array_equal(found[0], net.values[net.h])
        np.testing.assert_array_equal(found[2], np.zeros((H, H)))


def test_from_the_last_to_the_first() -> None:
    net = Net()
    last, ys = scan(net.body, net.h, net.x, reverse=True)
    other, each = written_out(net.body, net.h, [net.x[t] for t in range(T)], reverse=True)
    check([last, ys], [other, stacked(each)], net.values)
    check(cr.grad(net.cost(last, ys), net.weights), cr.grad(net.cost(other, stacked(each)), net.weights), net.values)


def test_second_derivatives_and_products_with_them() -> None:
    net = Net(sized=True)
    last, ys = scan(net.body, net.h, net.x)
    other, each = written_out(net.body, net.h, [net.x[t] for t in range(T)])
    cost, same = net.cost(last, ys), net.cost(other, stacked(each))
    check([cr.hessian(cost, net.U)], [cr.hessian(same, net.U)], net.values)
    v = cr.matrix("v")
    values = {**net.values, v: RNG.standard_normal((H, H))}
    products = [cr.grad((cr.grad(c, net.U) * v).sum(), net.W) for c in (cost, same)]
    check(products[:1], products[1:], values)


def test_jacobians_and_forward_mode() -> None:
    net = Net(sized=True)
    last, ys = scan(net.body, net.h, net.x)
    other, each = written_out(net.body, net.h, [net.x[t] for t in range(T)])
    check([cr.jacobian(last, net.h)], [cr.jacobian(other, net.h)], net.values)
    check([cr.jacobian(ys, net.U)], [cr.jacobian(stacked(each), net.U)], net.values)
    v = cr.matrix("v")
    values = {**net.values, v: RNG.standard_normal((H, H))}
    check([cr.jvp(ys, net.U, v)], [cr.jvp(stacked(each), net.U, v)], values)


def test_a_long_short_term_memory() -> None:
    x, W, U, b = cr.tensor3("x"), cr.matrix("W"), cr.matrix("U"), cr.vector("b")
    values = {x: RNG.standard_normal((T, B, D)), W: RNG.standard_normal((D, 4 * H)), U: RNG.standard_normal((H, 4 * H)), b: RNG.standard_normal(4 * H)}

    def cell(state: tuple[Expr, Expr], x: Expr) -> tuple[tuple[Expr, Expr], Expr]:
        h, c = state
        gates = x @ W + h @ U + b
        i, f, o, g = (gates[:, k * H : (k + 1) * H] for k in range(4))
        c = cr.sigmoid(f) * c + cr.sigmoid(i) * cr.tanh(g)
        h = cr.sigmoid(o) * cr.tanh(c)
        return (h, c), h

    begin = (cr.zeros((B, H)), cr.zeros((B, H)))
    (h, c), ys = scan(cell, begin, x)
    (h2, c2), each = written_out(cell, begin, [x[t] for t in range(T)])
    check([h, c, ys], [h2, c2, stacked(each)], values)
    cost, same = (ys**2).sum() + c.sum(), (stacked(each) ** 2).sum() + c2.sum()
    check(cr.grad(cost, [W, U, b, x]), cr.grad(same, [W, U, b, x]), values)
    assert len(loops_of([cost])) == 1
    assert len(loops_of(cr.grad(cost, [W, U, b, x]))) == 2


def test_a_weight_that_a_step_uses_several_times() -> None:
    """Its gradient is a sum of products and of what is no product, in steps that also differ in how far they go."""
    net = Net(sized=True)

    def body(h: Expr, given: tuple[Expr, Expr]) -> tuple[Expr, Expr]:
        x, far = given
        first = cr.tanh(h @ net.U + x @ net.W)
        second = cr.tanh((h + 0.5 * far * first) @ net.U)
        h = h + far * (first + 2 * second @ net.U) / 3 + 0.1 * net.U[0] * net.h.sum() + net.U.sum()
        return h, cr.sin(h).sum(axis=1)

    far = cr.tensor("far", (T,))
    values = {**net.values, far: RNG.uniform(size=T)}
    last, ys = scan(body, net.h, (net.x, far))
    other, each = written_out(body, net.h, [(net.x[t], far[t]) for t in range(T)])
    cost, same = net.cost(last, ys), net.cost(other, stacked(each))
    check(cr.grad(cost, [*net.weights, far]), cr.grad(same, [*net.weights, far]), values)
    v = cr.asarray(RNG.standard_normal((H, H)))
    check([cr.grad((cr.grad(c, net.U) * v).sum(), net.W) for c in (cost,)], [cr.grad((cr.grad(same, net.U) * v).sum(), net.W)], values)


def test_layers_in_one_body_are_a_loop_each() -> None:
    net = Net()
    V, R = cr.matrix("V"), cr.matrix("R")
    values = {**net.values, V: RNG.standard_normal((H, H)), R: RNG.standard_normal((H, H))}

    def body(state: list[Expr], x: Expr) -> tuple[list[Expr], Expr]:
        low = cr.tanh(state[0] @ net.U + x @ net.W)
        high = cr.tanh(state[1] @ R + low @ V)
        return [low, high], high.sum()

    last, ys = scan(body, [net.h, net.h], net.x)
    other, each = written_out(body, [net.h, net.h], [net.x[t] for t in range(T)])
    check([*last, ys], [*other, stacked(each)], values)
    check(cr.grad(ys.sum(), [V, R, net.U]), cr.grad(stacked(each).sum(), [V, R, net.U]), values)
    loops = loops_of([ys])
    assert len(loops) == 2 and all(len(node.param[0].carries) == 1 for node in loops)


def test_what_needs_no_loop() -> None:
    x, h = cr.matrix("x"), cr.vector("h")
    values = {x: RNG.standard_normal((T, D)), h: RNG.standard_normal(D)}

    def body(state: dict[str, Expr], x: Expr) -> tuple[dict[str, Expr], Expr]:
        late = {"same": state["same"], "late": cr.sin(x), "later": state["late"], "total": state["total"] + state["later"] * x}
        return late, state["later"] + state["total"] * state["same"]

    begin = {"same": h, "late": h, "later": 2 * h, "total": h}
    for reverse in (False, True):
        last, ys = scan(body, begin, x, reverse=reverse)
        other, each = written_out(body, begin, [x[t] for t in range(T)], reverse)
        check([*last.values(), ys], [*other.values(), stacked(each)], values)
        cost, same = (ys**2).sum() + (last["total"] ** 2).sum(), (stacked(each) ** 2).sum() + (other["total"] ** 2).sum()
        check(cr.grad(cost, [x, h]), cr.grad(same, [x, h]), values)
        assert loops_of([*last.values(), ys, *cr.grad(cost, [x, h])]) == []


def test_a_loop_without_a_carry_is_a_map() -> None:
    x, w = cr.matrix("x"), cr.vector("w")
    _, ys = scan(lambda carry, row: (carry, cr.tanh(row * w).sum()), None, x)
    found, wanted = (algebra_of(y) for y in (ys, cr.map(lambda row: cr.tanh(row * w).sum(), x)))
    assert found is wanted


def algebra_of(expr: Expr) -> object:
    (operand,) = cr.transforms.lower.lower([expr]).outputs
    return operand.use.node


def test_per_example_gradients_by_a_loop_are_those_of_the_batch() -> None:
    x, W = cr.matrix("x"), cr.matrix("W")
    values = {x: RNG.standard_normal((5, D)), W: RNG.standard_normal((D, H))}
    cost = (cr.tanh(x @ W) ** 2).sum(axis=1)
    total, _ = scan(lambda total, i: (total + cr.grad(cost[i], W) ** 2, None), cr.zeros((D, H)), cr.arange(5))
    check([total], [(cr.jacobian(cost, W) ** 2).sum(axis=0)], values)
    assert loops_of([total]) == []


def test_loops_in_loops() -> None:
    x, U = cr.tensor3("x"), cr.matrix("U")
    values = {x: RNG.standard_normal((3, T, H)), U: 0.5 * RNG.standard_normal((H, H))}

    def inner(h: Expr, x: Expr) -> tuple[Expr, Expr]:
        h = cr.tanh(h @ U + x)
        return h, h.sum()

    def outer(h: Expr, rows: Expr) -> tuple[Expr, Expr]:
        last, ys = scan(inner, h, rows)
        return last * 0.5, ys.sum()

    def outer_written(h: Expr, rows: Expr) -> tuple[Expr, Expr]:
        last, ys = written_out(inner, h, [rows[t] for t in range(T)])
        return last * 0.5, stacked(ys).sum()

    begin = cr.zeros(H)
    last, ys = scan(outer, begin, x)
    other, each = written_out(outer_written, begin, [x[i] for i in range(3)])
    check([last, ys], [other, stacked(each)], values)
    cost, same = (ys**2).sum(), (stacked(each) ** 2).sum()
    check(cr.grad(cost, [U, x]), cr.grad(same, [U, x]), values)
    # A loop whose carry begins anew in each step of the outer one is one loop for all of them.
    _, fresh = scan(lambda c, rows: (c, scan(inner, cr.zeros(H), rows)[0]), None, x)
    each = [written_out(inner, cr.zeros(H), [x[i][t] for t in range(T)])[0] for i in range(3)]
    check([fresh, cr.grad(fresh.sum(), U)], [stacked(each), cr.grad(stacked(each).sum(), U)], values)
    assert len(loops_of([fresh])) == 1


def test_mapped_over_a_batch() -> None:
    net = Net(sized=True)
    row, single = cr.vmap, net.values

    def one(h: Expr, x: Expr) -> tuple[Expr, Expr]:
        return scan(net.body, h[None], x[:, None])

    last, ys = row(one, in_axes=(0, 1), out_axes=(0, 0))(net.h, net.x)
    other, each = scan(net.body, net.h, net.x)
    check([last[:, 0], ys[:, :, 0].T], [last_of(net), ys_of(net)], single)
    # begun with a number that does not depend on the element
    mapped = row(lambda x: scan(lambda h, v: (cr.tanh(h @ net.U + v @ net.W), None), cr.zeros(H), x)[0], in_axes=1)(net.x)
    zero = {**single, net.h: np.zeros((B, H))}
    check([mapped, cr.grad((mapped**2).sum(), net.U)], [last_of(net), cr.grad((last_of(net) ** 2).sum(), net.U)], zero)
    per_example = row(lambda x: cr.grad((scan(lambda h, v: (cr.tanh(h @ net.U + v @ net.W), None), cr.zeros(H), x)[0] ** 2).sum(), net.U), in_axes=1)
    jacobian = cr.jacobian((last_of(net) ** 2).sum(axis=1), net.U)
    check([per_example(net.x)], [jacobian], zero)


def last_of(net: Net) -> Expr:
    return written_out(net.body, net.h, [net.x[t] for t in range(T)])[0]


def ys_of(net: Net) -> Expr:
    return stacked(written_out(net.body, net.h, [net.x[t] for t in range(T)])[1])


def test_a_gradient_in_the_body() -> None:
    A, p = cr.matrix("A"), cr.vector("p")
    values = {A: RNG.standard_normal((H, H)), p: RNG.standard_normal(H)}

    def descent(p: Expr, _: object) -> tuple[Expr, Expr]:
        cost = (cr.tanh(A @ p) ** 2).sum()
        return p - 0.1 * cr.grad(cost, p), cost

    last, costs = scan(descent, p, None, length=T)
    other, each = written_out(descent, p, [None] * T)
    check([last, costs], [other, stacked(each)], values)
    check([cr.grad((last**2).sum(), A)], [cr.grad((other**2).sum(), A)], values)


def test_other_reductions_and_indices_in_the_body() -> None:
    x, E = cr.matrix("x", dtype="int64"), cr.matrix("E")
    values = {x: RNG.integers(0, 5, (T, B)), E: RNG.standard_normal((5, H))}

    def body(state: tuple[Expr, Expr], i: Expr) -> tuple[tuple[Expr, Expr], Expr]:
        h, count = state
        rows = E[i]
        h = cr.max(cr.stack([h, rows]), axis=0) * 0.9 + cr.softmax(h + rows)
        count = count + (h > 0.5).sum()
        return (h, count), cr.where(count > 3, h.sum(), h.max())

    begin = (cr.zeros((B, H)), cr.asarray(0))
    (h, count), ys = scan(body, begin, x)
    (h2, count2), each = written_out(body, begin, [x[t] for t in range(T)])
    check([h, count, ys], [h2, count2, stacked(each)], values)
    check([cr.grad(ys.sum(), E)], [cr.grad(stacked(each).sum(), E)], values)


def test_counting() -> None:
    a = cr.scalar("a")
    values = {a: np.float64(0.3)}
    check([fori(2, 6, lambda i, c: cr.sin(c * a) + i, a)], [written_out(lambda c, i: (cr.sin(c * a) + i, None), a, range(2, 6))[0]], values)
    check([fori(3, 3, lambda i, c: c * a, a)], [a], values)


def test_equal_loops_are_one() -> None:
    net = Net()
    assert scan(net.body, net.h, net.x)[0] is scan(net.body, net.h, net.x)[0]
    last, ys = scan(net.body, net.h, net.x)
    assert len(loops_of([last, ys])) == 1


def test_a_first_value_that_is_a_number_takes_the_dtype_of_what_follows() -> None:
    x = cr.vector("x")
    total, _ = scan(lambda c, v: (c + v, None), 0, x)
    check([total], [x.sum()], {x: np.arange(3.0)})


@pytest.mark.parametrize(
    "body",
    [
        lambda c, x, y: x.T @ (y * (x @ c)),
        lambda c, x, y: cr.grad(lambda w: (y * cr.log(cr.cosh(x @ w))).sum())(c),
        lambda c, x, y: cr.jvp(lambda w: cr.grad(lambda w: cr.softplus(-(x @ w) * y).mean())(w), (c * 0,), (c,))[1],
    ],
    ids=["product", "gradient", "Hessian times vector"],
)
def test_weights_of_rows_do_not_make_another_matrix_outside_of_the_loop(body) -> None:
    x, y, c = cr.tensor("x", (400, 30)), cr.tensor("y", (400,)), cr.tensor("c", (30,))
    f = cr.function([x, y, c], cr.scan(lambda c, _: (body(c, x, y), None), c, length=3)[0])
    assert f.memory_peak() < 400 * 30 * 8 / 2
    values = 0.1 * RNG.standard_normal((400, 30)), RNG.random(400), RNG.standard_normal(30)
    wanted = c
    for _ in range(3):
        wanted = body(wanted, x, y)
    np.testing.assert_allclose(f(*values), cr.reference.evaluate(wanted, dict(zip((x, y, c), values))), rtol=1e-9)


def test_a_value_of_the_body_outside_of_the_loop_is_an_error() -> None:
    x, leaked = cr.vector("x"), []

    def body(c: Expr, v: Expr) -> tuple[Expr, Expr]:
        leaked.append(c * v)
        return c + v, c

    scan(body, cr.asarray(0.0), x)
    with pytest.raises(KindError, match="only inside of the function"):
        cr.function([x], leaked[0] + 1)


def test_the_reference_knows_loops() -> None:
    x = cr.vector("x")
    total, ys = scan(lambda c, v: (c * v, c), cr.asarray(1.0), x)
    found = cr.reference.evaluate([total + 1, ys], {x: np.array([2.0, 3.0, 4.0])})
    np.testing.assert_allclose(found[0], 25.0)
    np.testing.assert_allclose(found[1], [1, 2, 6])


def test_mistakes_are_named() -> None:
    x, y = cr.tensor("x", (4, 2)), cr.tensor("y", (5, 2))
    with pytest.raises(ShapeError, match=r"sequences of one length are wanted.*4.*5"):
        scan(lambda c, v: (c, None), cr.zeros(2), (x, y))
    with pytest.raises(ShapeError, match="sequences of one length"):
        scan(lambda c, v: (c, None), cr.zeros(2), x, length=3)
    with pytest.raises(DTypeError, match=r"the carry begins with dtype float32, and the body makes it float64(.|\n)*test_scan.py"):
        scan(lambda c, v: (c + v, None), cr.zeros(2, dtype="float32"), x)
    with pytest.raises(ShapeError, match=r"carry\[1\] begins with shape"):
        scan(lambda c, v: ((c[0], c[1].sum()), None), (cr.zeros(2), cr.zeros(2)), x)
    with pytest.raises(DTypeError, match=r"carry\['n'\] begins with dtype int64"):
        scan(lambda c, v: ({"n": c["n"] * v.sum()}, None), {"n": cr.asarray(1)}, x)
    elsewhere = cr.tensor("elsewhere", (3,))
    with pytest.raises(ShapeError, match="the carry begins with shape") as error:
        scan(lambda c, v: (elsewhere, None), cr.zeros(2), x)
    assert "lambda c, v: (elsewhere" in str(error.value), "what a body returns as it is was made somewhere else"
    with pytest.raises(KindError, match="returns a pair"):
        scan(lambda c, v: c, cr.zeros(2), x)
    with pytest.raises(KindError, match="structure it came in"):
        scan(lambda c, v: ((c, c), None), cr.zeros(2), x)
    with pytest.raises(ArgumentError, match="length="):
        scan(lambda c, v: (c, None), cr.zeros(2))
    with pytest.raises(ShapeError, match="got a scalar"):
        scan(lambda c, v: (c, None), cr.zeros(2), cr.scalar("s"))


def test_a_loop_gives_what_is_made_of_results_of_an_equal_one() -> None:
    """The carries of all four are equal, so the loops are one but for what their steps give."""
    x = cr.tensor("x", (T,))
    a = RNG.standard_normal(T)
    states = 0.5 + np.concatenate([[0], np.cumsum(a)[:-1]])
    last, first = scan(lambda c, e: (c + e, c * e), 0.5, x)
    _, second = scan(lambda c, e: (c + e, c * first.sum()), 0.5, x)
    _, third = scan(lambda c, e: (c + e, cr.vmap(lambda row: row * e * second.sum())(first)), 0.5, x)
    _, slopes = scan(lambda c, e: (c + e, cr.grad(c * c * last, c)), 0.5, x)
    by_hand = [states * a, states * (states * a).sum()]
    by_hand += [np.outer(a, by_hand[0]) * by_hand[1].sum(), 2 * states * (0.5 + a.sum())]
    outputs = [third, first, slopes, second]
    for found, right in zip(cr.function([x], outputs)(a), [by_hand[2], by_hand[0], by_hand[3], by_hand[1]]):
        np.testing.assert_allclose(found, right, rtol=1e-12)
    for found, right in zip(cr.reference.evaluate(outputs, {x: a}), [by_hand[2], by_hand[0], by_hand[3], by_hand[1]]):
        np.testing.assert_allclose(found, right, rtol=1e-12)
