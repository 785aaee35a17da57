"""Values that lie side by side are written where they belong, and parts of a value are computed where they are read."""

from __future__ import annotations

import numpy as np
import pytest
from programs import calls_of, passes, planned, statements, stores

import croton as cr
from croton.kernel.language import Const, Load, Store
from croton.schedule.plan import KernelCall, LoopCall, Plan, ProductCall

RNG = np.random.default_rng(0)


def fills(plan: Plan) -> int:
    """Stores of a number: memory that is set before something is added to it."""
    return sum(isinstance(store.value, Const) for kernel in plan.kernels for store in stores(kernel))


def check(inputs: list[cr.Expr], output: cr.Expr, wanted: np.ndarray, *values: np.ndarray) -> None:
    np.testing.assert_allclose(cr.function(inputs, output)(*values), wanted, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("axis", [0, 1])
def test_a_concatenation_of_computed_values_is_written_in_place(axis: int) -> None:
    a, b, c = cr.matrix("a"), cr.matrix("b"), cr.matrix("c")
    shapes = [(3, 4), (3, 2), (3, 5)] if axis else [(4, 3), (2, 3), (5, 3)]
    values = [RNG.standard_normal(shape) for shape in shapes]
    output = cr.concatenate([cr.tanh(a), b * 2, -cr.exp(c)], axis)
    plan = planned([a, b, c], [output])
    assert passes(plan) == 3 and not plan.slots and not fills(plan)
    check([a, b, c], output, np.concatenate([np.tanh(values[0]), values[1] * 2, -np.exp(values[2])], axis), *values)


def test_a_piece_that_is_zero_in_a_part_of_its_box_is_written_in_place() -> None:
    a, b, c = cr.tensor("a", (7, 3)), cr.tensor("b", (5, 4)), cr.tensor("c", (2, 6))
    pieces = [cr.tanh(a), cr.pad(cr.sin(b), ((2, 0), (0, 0))), cr.pad(cr.exp(c), ((4, 1), (0, 0)))]
    output = cr.concatenate(pieces, 1)
    apart = sum([cr.function([one], of(one)).flops() for one, of in ((a, cr.tanh), (b, cr.sin), (c, cr.exp))])
    assert cr.function([a, b, c], output).flops() < apart + 7 * 13  # nothing is added
    x, y, z = (RNG.standard_normal(shape) for shape in ((7, 3), (5, 4), (2, 6)))
    wanted = np.concatenate([np.tanh(x), np.pad(np.sin(y), ((2, 0), (0, 0))), np.pad(np.exp(z), ((4, 1), (0, 0)))], 1)
    check([a, b, c], output, wanted, x, y, z)


def test_pieces_of_different_wholes_that_are_alike_stay_apart() -> None:
    """They share a kernel, not memory; and pieces that are alike but for where they lie are different kernels."""
    given = [cr.tensor(name, (30, 20)) for name in "abcd"]
    a, b, c, d = given
    first, second = cr.concatenate([cr.tanh(a), cr.sin(b)], 1), cr.concatenate([cr.tanh(c), cr.sin(d)], 1)
    turned = cr.concatenate([cr.sin(b * 2), cr.tanh(a * 2)], 1)
    values = [RNG.standard_normal((30, 20)) for _ in given]
    found = cr.function(given, [first, second, turned])(*values)
    x, y, z, w = values
    for one, other in zip(found, ([np.tanh(x), np.sin(y)], [np.tanh(z), np.sin(w)], [np.sin(y * 2), np.tanh(x * 2)])):
        np.testing.assert_allclose(one, np.concatenate(other, 1), rtol=1e-12, atol=1e-12)


def test_it_is_read_like_any_value() -> None:
    a, b, w = cr.matrix("a"), cr.matrix("b"), cr.tensor("w", (60, 30))
    joined = cr.concatenate([cr.tanh(a), cr.sin(b)], 1)
    x, y, v = RNG.standard_normal((40, 25)), RNG.standard_normal((40, 35)), RNG.standard_normal((60, 30))
    both = np.concatenate([np.tanh(x), np.sin(y)], 1)
    check([a, b, w], cr.cos(joined @ w) + joined.sum(), np.cos(both @ v) + both.sum(), x, y, v)
    check([a, b], joined.T.reshape((-1,)), both.T.reshape(-1), x, y)
    check([a, b], cr.concatenate([joined * 2, joined], 0).sum(0), 3 * both.sum(0), x, y)
    check([a, b], joined + cr.flip(joined, 1), both + both[:, ::-1], x, y)


@pytest.mark.parametrize("sizes", [(0, 3), (3, 0), (1, 1), (0, 0)])
def test_sizes_of_nothing_and_one(sizes: tuple[int, int]) -> None:
    a, b = cr.vector("a"), cr.vector("b")
    x, y = (RNG.standard_normal(size) for size in sizes)
    check([a, b], cr.concatenate([cr.tanh(a), cr.sin(b)]), np.concatenate([np.tanh(x), np.sin(y)]), x, y)


def test_the_derivative_of_a_split_is_one_kernel() -> None:
    x = cr.tensor("x", (30, 80))
    p, q = cr.split(x, 2, axis=1)
    gradient = cr.grad((cr.tanh(p) * q).sum(), x)
    plan = planned([x], [gradient])
    assert passes(plan) == 1 and not fills(plan)
    value = RNG.standard_normal((30, 80))
    left, right = value[:, :40], value[:, 40:]
    check([x], gradient, np.concatenate([(1 - np.tanh(left) ** 2) * right, np.tanh(left)], 1), value)


def test_what_leaves_something_out_or_overlaps_is_added() -> None:
    x = cr.tensor("x", (30, 80))
    for parts in ([slice(0, 40), slice(41, 80)], [slice(0, 41), slice(40, 80)], [slice(0, 20), slice(20, 60)]):
        cost = sum((cr.tanh(x[:, part]) ** 2).sum() * (number + 1) for number, part in enumerate(parts))
        value = RNG.standard_normal((30, 80))
        wanted = np.zeros_like(value)
        for number, part in enumerate(parts):
            y = np.tanh(value[:, part])
            wanted[:, part] += 2 * (number + 1) * y * (1 - y**2)
        check([x], cr.grad(cost, x), wanted, value)


def test_parts_that_are_read_once_are_computed_where_they_are_read() -> None:
    x, w = cr.tensor("x", (40, 50)), cr.tensor("w", (50, 90))
    gates = cr.sin(x @ w) + 1
    a, b, c = cr.split(gates, 3, axis=1)
    together = a * b + c
    plan = planned([x, w], [together])
    assert [type(call) for call in plan.calls] == [ProductCall, KernelCall]
    values = RNG.standard_normal((40, 50)), RNG.standard_normal((50, 90))
    p, q, r = np.split(np.sin(values[0] @ values[1]) + 1, 3, axis=1)
    check([x, w], together, p * q + r, *values)
    # A part that is read again elsewhere is computed once.
    twice = a * b + c + cr.flip(a, 0)
    assert [sum(calls_of(kernel, "sin") for kernel in planned([x, w], [expression]).kernels) for expression in (together, twice)] == [3, 1]
    check([x, w], twice, p * q + r + p[::-1], *values)


def cell(xs: cr.Expr, inward: cr.Expr, around: cr.Expr, first: cr.Expr) -> cr.Expr:
    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        state, memory = carry
        write, keep, new, show = cr.split(x @ inward + state @ around, 4, axis=-1)
        memory = cr.sigmoid(keep) * memory + cr.sigmoid(write) * cr.tanh(new)
        state = cr.sigmoid(show) * cr.tanh(memory)
        return (state, memory), state

    return cr.scan(step, (first, first), xs)[1]


def test_a_step_of_an_lstm_is_a_product_and_its_gates() -> None:
    xs, first = cr.tensor("xs", (7, 32, 24)), cr.tensor("first", (32, 20))
    weights = [cr.tensor("inward", (24, 80)), cr.tensor("around", (20, 80))]
    states = cell(xs, *weights, first)
    plan = planned([xs, *weights, first], [states, *cr.grad((states**2).sum(), weights)])
    loops = [call for call in plan.calls if isinstance(call, LoopCall)]
    forward, backward = [[type(call).__name__ for call in loop.body.calls] for loop in loops]
    assert forward == ["ProductCall", "KernelCall"]
    # What the states add to the derivative is added after the product.
    assert backward == ["KernelCall", "ProductCall", "KernelCall"]
    # Only what the derivative starts with.
    assert fills(plan) == 1


def test_a_bias_is_added_in_the_step() -> None:
    """It is not written into an array for all steps first, and its gradient is a sum of what there is."""
    xs, first = cr.tensor("xs", (7, 32, 24)), cr.tensor("first", (32, 20))
    inward, around, bias = cr.tensor("inward", (24, 20)), cr.tensor("around", (20, 20)), cr.tensor("bias", (20,))
    states = cr.scan(lambda state, x: (cr.tanh(x @ inward + state @ around + bias),) * 2, first, xs)[1]
    given = [xs, inward, around, bias, first]
    plan = planned(given, [states])
    assert [type(call) for call in plan.calls[:2]] == [ProductCall, LoopCall]
    assert [type(call) for call in plan.calls[1].body.calls] == [ProductCall, KernelCall]
    values = [RNG.standard_normal(leaf.shape) / 4 for leaf in given]
    state, rows = values[4], []
    for x in values[0]:
        state = np.tanh(x @ values[1] + state @ values[2] + values[3])
        rows.append(state)
    check(given, states, np.stack(rows), *values)
    slope = cr.function(given, cr.grad((states**2).sum(), bias))
    step, nudge = 1e-6, np.eye(20)[3]
    cost = cr.function(given, (states**2).sum())
    apart = [cost(*values[:3], values[3] + sign * step * nudge, values[4]) for sign in (1, -1)]
    np.testing.assert_allclose(slope(*values)[3], (apart[0] - apart[1]) / (2 * step), rtol=1e-5)


@pytest.mark.parametrize("turned", [False, True])
def test_a_step_transposes_nothing(turned: bool) -> None:
    """Whatever way round the user has the state, each step is a product and a kernel that walks through memory."""
    xs, first = cr.tensor("xs", (7, 32, 24)), cr.tensor("first", (20, 32) if turned else (32, 20))
    inward, around = cr.tensor("inward", (24, 20)), cr.tensor("around", (20, 20))

    def step(state: cr.Expr, x: cr.Expr) -> tuple[cr.Expr, cr.Expr]:
        before = state.T if turned else state
        after = cr.tanh(x @ inward + before @ around)
        return (after.T if turned else after), after

    states = cr.scan(step, first, xs)[1]
    given = [xs, inward, around, first]
    plan = planned(given, [states, *cr.grad((states**2).sum(), [inward, around])])
    for loop in [call for call in plan.calls if isinstance(call, LoopCall)]:
        assert [type(call).__name__ for call in loop.body.calls].count("ProductCall") == 1
        for call in loop.body.calls:
            if isinstance(call, KernelCall):
                # Every array is walked through along one and the same label.
                places = {access.index[-1] for access in statements(plan.kernels[call.kernel]) if isinstance(access, Load | Store)}
                assert len(places) == 1
    values = [RNG.standard_normal(leaf.shape) / 4 for leaf in given]
    state, rows = values[3].T if turned else values[3], []
    for x in values[0]:
        state = np.tanh(x @ values[1] + state @ values[2])
        rows.append(state)
    check(given, states, np.stack(rows), *values)


def test_a_piece_that_begins_where_the_whole_does_is_not_all_of_it() -> None:
    """Pieces of 9 - n rows, the first of which goes through its memory as the whole does."""
    x = cr.matrix("x")
    part = x[-5:4]
    value = np.arange(10.0).reshape(5, 2)
    check([x], cr.concatenate([cr.tanh(part), cr.tanh(part), part]), np.concatenate([np.tanh(value[:4]), np.tanh(value[:4]), value[:4]]), value)
