"""Random loops, compiled, against the same loops written out: values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.expr.expr import Expr

SHAPES: list[tuple[int, ...]] = [(3,), (2, 3), ()]


class RandomBody:
    """A body with a few carries, each made from itself and others by a few random operations."""

    def __init__(self, rng: np.random.Generator) -> None:
        count = int(rng.integers(1, 4))
        self.shapes = [SHAPES[rng.integers(0, len(SHAPES))] for _ in range(count)]
        self.weight = 0.5 * rng.standard_normal((3, 3))
        self.moves = [[tuple(rng.integers(0, (8, count, count + 2))) for _ in range(rng.integers(1, 4))] for _ in range(count)]
        self.shown = tuple(rng.integers(0, count, 2))

    def __call__(self, carries: list[Expr], x: tuple[Expr, Expr]) -> tuple[list[Expr], Expr]:
        pool = [*carries, *x]
        news = []
        for carry, shape, moves in zip(carries, self.shapes, self.moves):
            for move, one, other in moves:
                carry = self.moved(int(move), carry, fitted(pool[other], shape), fitted(pool[one], shape))
            news.append(carry)
        return news, fitted(news[self.shown[0]], (3,)) * fitted(carries[self.shown[1]], (3,))

    def moved(self, move: int, c: Expr, a: Expr, b: Expr) -> Expr:
        """A carry after one of the operations."""
        moves: list[Any] = [
            lambda: cr.tanh(c + a),
            lambda: c + 0.2 * a,
            lambda: 0.7 * a,
            lambda: cr.sin(c * b),
            lambda: c @ self.weight if c.ndim else 0.9 * c,
            lambda: cr.where(a > 0, c, 0.5 * b),
            lambda: 0.5 * c + cr.exp(-b * b),
            lambda: cr.maximum(0.8 * c, a),
        ]
        return moves[move]()


def fitted(value: Expr, shape: tuple[int, ...]) -> Expr:
    """The value in another shape, by sums and broadcasting."""
    if value.shape == shape:
        return value
    if shape == ():
        return 0.3 * value.sum()
    return 0.5 * value.sum(axis=0) if value.ndim > len(shape) else value + cr.zeros(shape)


@pytest.mark.parametrize("seed", range(12))
def test_a_random_loop(seed: int) -> None:
    rng = np.random.default_rng(seed)
    steps, reverse = int(rng.integers(1, 5)), bool(rng.integers(0, 2))
    body = RandomBody(rng)
    x, s = cr.tensor("x", (steps, 3)), cr.tensor("s", (steps,))
    init = [cr.tensor(f"c{i}", shape) for i, shape in enumerate(body.shapes)]
    last, ys = cr.scan(body, init, (x, s), reverse=reverse)
    carries: list[Expr] = list(init)
    rows: dict[int, Expr] = {}
    for step in range(steps)[:: -1 if reverse else 1]:
        carries, rows[step] = body(carries, (x[step], s[step]))
    written = cr.stack([rows[step] for step in range(steps)])

    def outputs(last: list[Expr], ys: Expr) -> list[Expr]:
        cost = sum([(value**2).sum() for value in last], (ys**2).sum())
        return [*last, ys, *cr.grad(cost, [x, s, *init], disconnected="zero")]

    values = {node: rng.standard_normal(node.shape) for node in (x, s, *init)}
    found = cr.function(list(values), outputs(last, ys))(*values.values())
    for a, b in zip(found, cr.reference.evaluate(outputs(carries, written), values)):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-9)
