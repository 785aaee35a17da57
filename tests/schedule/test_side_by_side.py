"""Pieces of one array: the parts of a projection that are taken apart, and their derivatives, which are written side by side into one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from programs import planned, stores

import croton as cr
from croton.algebra.constant import input_
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Label
from croton.algebra.relation import affine
from croton.dtypes import float64
from croton.kernel.language import Const, Store
from croton.schedule.plan import KernelCall, Plan
from croton.schedule.side_by_side import Box, Gap, Placed, box_of, product_of, side_by_side
from croton.sizes import symbol

RNG = np.random.default_rng(0)
H, D = 3, 4
WIDE = 4 * H * D

PARTS = {
    "split": lambda p: p[..., : 3 * H * D].reshape((*p.shape[:-1], 3, H, D)),
    "the heads first": lambda p: p.reshape((*p.shape[:-1], H, 4, D)),
    "of each head": lambda p: p.reshape((*p.shape[:-1], H, D, 4)),
}
"""Where the parts are in the last axis of a projection, and the axis of the parts among the last three."""

AXES = {"split": -3, "the heads first": -2, "of each head": -1}


def part(p: Any, kind: str, number: int) -> Any:
    """A part as heads: (..., H, D)."""
    if kind == "split":
        return p[..., number * H * D : (number + 1) * H * D].reshape((*p.shape[:-1], H, D))
    whole = PARTS[kind](p)
    return whole[..., number, :] if kind == "the heads first" else whole[..., number]


def attention(m: Any, q: Any, k: Any, v: Any) -> Any:
    scores = m.einsum("bshd,bthd->bhst", q, k)
    return (m.sin(m.einsum("bhst,bthd->bshd", m.exp(scores - scores.max(-1, keepdims=True)), v)) ** 2).sum()


def writes(plan: Plan, elements: int) -> list[Store]:
    """What is stored in arrays of so many elements."""
    found = []
    for call in plan.calls:
        if isinstance(call, KernelCall):
            kernel = plan.kernels[call.kernel]
            large = {buffer.name for buffer, value in zip(kernel.buffers, call.values) if math.prod(plan.values[value].shape) == elements}
            found += [store for store in stores(kernel) if store.buffer in large]
    return found


@pytest.mark.parametrize("numbers", [(0, 1, 2), (2, 0, 1), (0, 1, 3), (0, 1, 1)])
@pytest.mark.parametrize("kind", AXES)
def test_the_gradient_of_heads_that_are_taken_from_a_projection(kind: str, numbers: tuple[int, ...]) -> None:
    """Compared with that of projections of their own. Parts that nobody takes are 0, and one that is taken twice is a sum."""
    if kind == "split" and 3 in numbers:
        numbers = (0, 2, 3)
    x, w = cr.tensor("x", (None, None, 6)), cr.tensor("w", (6, WIDE))
    p = x @ w
    gradient = cr.function([x, w], cr.grad(attention(cr, *[part(p, kind, number) for number in numbers]), [x, w]))
    apart = [cr.tensor(f"w{place}", (6, H, D)) for place in range(3)]
    own = [cr.einsum("bsi,ihd->bshd", x, one) for one in apart]
    plain = cr.function([x, *apart], cr.grad(attention(cr, *own), [x, *apart]))
    matrix = 0.5 * RNG.standard_normal((6, WIDE))
    columns = [part(np.arange(WIDE), kind, number) for number in numbers]
    for shape in ((2, 5), (1, 1), (1, 7), (0, 3), (4, 2)):
        value = RNG.standard_normal((*shape, 6))
        by_x, *by_w = plain(value, *[matrix[:, column] for column in columns])
        wanted = np.zeros((6, WIDE))
        for column, slope in zip(columns, by_w):
            wanted[:, column] += slope
        found = gradient(value, matrix)
        np.testing.assert_allclose(found[0], by_x, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found[1], wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("kind", AXES)
def test_their_pieces_are_written_into_one_array(kind: str) -> None:
    """Nothing is set to 0 first but what nobody takes, nothing is added, and there is no array of the size of the projection beside it and its gradient."""
    x, w = cr.tensor("x", (8, 32, 6)), cr.tensor("w", (6, WIDE))
    p = x @ w
    plan = planned([x, w], [cr.grad(attention(cr, *[part(p, kind, number) for number in (0, 1, 2)]), p)])
    size = 8 * 32 * WIDE
    assert sum(math.prod(value.shape) == size for value in plan.values) == 2
    pieces = writes(plan, size)
    assert len(pieces) == 4 and sum(isinstance(piece.value, Const) for piece in pieces) == 1
    assert all(piece.op is None and piece.guard is None for piece in pieces)


def test_a_diagonal_is_no_piece() -> None:
    """Of a Jacobian: what is written at equal places of two axes fills no box."""
    x, y = cr.tensor("x", (6, 5)), cr.tensor("y", (7, 5))
    slope = cr.jacobian(cr.concatenate([cr.sin(x).sum(0) * y[1:].sum(0), cr.cos(x).sum(0) * y[:6].sum(0)]), y)
    one, two = RNG.standard_normal((6, 5)), RNG.standard_normal((7, 5))
    wanted = np.zeros((10, 7, 5))
    for place in range(5):
        wanted[place, 1:, place] = np.sin(one).sum(0)[place]
        wanted[5 + place, :6, place] = np.cos(one).sum(0)[place]
    found = cr.function([x, y], [slope, (slope**2).sum()])(one, two)
    np.testing.assert_allclose(found[0], wanted, rtol=1e-12)
    np.testing.assert_allclose(found[1], (wanted**2).sum(), rtol=1e-12)


def test_a_sum_of_pieces_and_of_others() -> None:
    """Pieces of heads are one term of a sum with what has no pieces."""
    x = cr.tensor("x", (5, 3 * H * D))
    q, k, v = [one.reshape((5, H, D)) for one in cr.split(x, 3, axis=1)]
    cost = (cr.sin(q) * cr.einsum("shd,thd->sht", k, v).sum(-1)[..., None]).sum() + (cr.cos(x) ** 2).sum()
    value = RNG.standard_normal((5, 3 * H * D))
    found = cr.function([x], cr.grad(cost, x))(value)
    for row, column in [(0, 0), (4, H * D), (2, 2 * H * D + 3), (1, H * D - 1)]:
        step = np.zeros_like(value)
        step[row, column] = 1e-6
        run = cr.function([x], cost)
        slope = (run(value + step) - run(value - step)) / 2e-6
        np.testing.assert_allclose(found[row, column], slope, rtol=1e-6, atol=1e-8)


def box(weights: dict[int, Any], start: Any, sizes: dict[int, Any], length: Any) -> Box | None:
    return box_of(weights, start, sizes, length)


def test_which_places_fill_a_box() -> None:
    n = symbol("n")
    assert box({0: 1}, 3, {0: 5}, 10) == Box(3, 5, 10, 1, ((0, 1),))
    assert box({}, 3, {}, 10) == Box(3, 1, 10, 1, ())
    assert box({0: 1, 1: 5}, 0, {0: 5, 1: 4}, 60) == Box(0, 20, 60, 1, ((1, 5), (0, 1)))
    assert box({0: 1, 1: n}, n * 2, {0: n, 1: 4}, n * 12) == Box(n * 2, n * 4, n * 12, 1, ((1, n), (0, 1)))
    # the second part of every head, or every third element
    assert box({0: 1, 1: 12}, 4, {0: 4, 1: 5}, 60) == Box(4, 4, 12, 5, ((1, 12), (0, 1)))
    assert box({0: 3}, 2, {0: n}, n * 3) == Box(2, 1, 3, n, ((0, 3),))
    # overlapping, with holes, backward, and of which the end is not that of a block
    assert box({0: 1, 1: 1}, 0, {0: 4, 1: 4}, 7) is None
    assert box({0: 1, 1: 6}, 0, {0: 5, 1: 4}, 60) is None
    assert box({0: -1}, 9, {0: 10}, 10) is None
    assert box({0: 3}, 2, {0: n}, n * 3 + 1) is None


def test_what_is_summed_besides_is_a_product_of_the_same_arguments() -> None:
    """They have been lowered; a constructor might put others in their place, which have not."""
    place, inside, summed, other = Label(10), Label(4), Label(3), Label(6)
    a, b = input_("a", (inside, summed), float64), input_("b", (summed, other), float64)
    use = contract([place, other], [(a, 1), (b, 2), (affine({place: 1, inside: -1}, -2), 1)], summed=[inside, summed])
    axes = [[place, other].index(label) for label in use.labels]
    found = product_of(use.node, axes, ONE, [10, 6])
    assert found is not None and found.placed.axis == 0 and found.placed.box == Box(2, 4, 10, 1, found.placed.box.weights)
    ((node, _, power),) = found.factors
    assert power == 1 and node.sums == (3,) and {arg[0] for arg in node.args} == {a.node, b.node}


def placed(start: Any, extent: Any, block: Any, axis: int = 0) -> Placed:
    return Placed(axis, Box(start, extent, block, 1, ()), (), (), {}, False)


def test_the_order_of_boxes_and_what_is_between_them() -> None:
    n = symbol("n")
    assert side_by_side([placed(4, 2, 6), placed(0, 4, 6)]) == [1, 0]
    assert side_by_side([placed(5, 2, 9), placed(1, 4, 9)]) == [Gap(0, 1), 1, 0, Gap(7, 2)]
    assert side_by_side([placed(n, n, n * 3), placed(0, n, n * 3)]) == [1, 0, Gap(n * 2, n)]
    assert side_by_side([placed(n + 2, 3, n + 9), placed(0, 1, n + 9)]) == [1, Gap(1, n + 1), 0, Gap(n + 5, 4)]
    assert side_by_side([placed(0, 4, 6), placed(3, 3, 6)]) is None
    assert side_by_side([placed(0, 4, 6), placed(4, 3, 6)]) is None
    assert side_by_side([placed(0, 4, 6), placed(4, 2, 6, 1)]) is None
    assert side_by_side([placed(0, 4, 6), placed(4, 2, 8)]) is None
    assert side_by_side([placed(n, n, n * 2), placed(n, n, n * 2)]) is None
    # nobody knows which comes first
    assert side_by_side([placed(n, 1, n + 9), placed(4, 1, n + 9)]) is None
    assert side_by_side([placed(-1, 4, 6), placed(3, 3, 6)]) is None


@pytest.mark.parametrize("seed", range(6))
def test_random_pieces(seed: int) -> None:
    """Of any kind, in any order, with gaps, on any axis, read by what has an order of its own."""
    chance = np.random.default_rng(seed)
    length, axis = 12, int(chance.integers(0, 3))
    shape = [4, 6, 3]
    shape[axis] = length
    x = cr.tensor("x", tuple(shape))
    value = chance.standard_normal(shape)
    cuts = sorted(chance.choice(np.arange(1, length), 3, replace=False))
    bounds = list(zip([0, *cuts], [*cuts, length]))
    chance.shuffle(bounds)
    w = chance.standard_normal((length, 5))
    weights = [chance.standard_normal(6 * 4 * 3 * length) for _ in bounds]
    cost, wanted = cr.asarray(0.0), np.zeros(shape)
    for number, (low, high) in enumerate(bounds[: 3 + seed % 2]):
        at = tuple([slice(low, high) if place == axis else slice(None) for place in range(3)])
        one, mine = x[at], value[at]
        factor = weights[number][: mine.size].reshape(mine.shape)
        if number == 0:
            cost = cost + (cr.sin(one) * factor).sum()
            wanted[at] += np.cos(mine) * factor
        elif number == 1:
            cost = cost + (cr.exp(one).reshape(-1) * factor.reshape(-1)).sum()
            wanted[at] += np.exp(mine) * factor
        else:
            cost = cost + (one**3).sum()
            wanted[at] += 3 * mine**2
    slope = cr.grad(cost, x)
    read = cr.moveaxis(slope, axis, -1)
    found = cr.function([x], [slope, cr.tanh(read @ w), read.T + 1])(value)
    moved = np.moveaxis(wanted, axis, -1)
    for one, other in zip(found, (wanted, np.tanh(moved @ w), moved.T + 1)):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("policy", ["strict", "default"])
def test_a_diagonal_of_pieces(policy: str) -> None:
    """Several axes of a piece are one axis of what the pieces are written into, which may be the axis that they lie along."""
    a, b = cr.tensor("a", (3, 3)), cr.tensor("b", (3, 3))
    values = RNG.standard_normal((2, 3, 3))
    sines = np.sin(values[0])
    wanted = [
        (cr.diagonal(cr.concatenate([cr.sin(a)[None], b[None]]), 0, 1, 2) + b[:2], np.diagonal([sines, values[1]], 0, 1, 2) + values[1, :2]),
        (cr.diagonal(cr.concatenate([cr.sin(a)[:1], b[1:]])), np.diagonal(np.concatenate([sines[:1], values[1, 1:]]))),
    ]
    for expr, expected in wanted:
        with cr.config.use(algebra=policy):
            np.testing.assert_allclose(cr.function([a, b], expr)(*values), expected, rtol=1e-12)
