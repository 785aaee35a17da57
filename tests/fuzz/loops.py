"""Random loops against the same loops written out step by step, their gradients also against differences.

`python -m tests.fuzz.loops --count 10000 --seed N` runs as many as wanted.
"""

from __future__ import annotations

import argparse
import traceback
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

import croton as cr
from croton.expr.expr import Expr

from .compare import quick_code

SHAPES: list[tuple[int, ...]] = [(3,), (2, 3), ()]
ROWS, WIDTH, BATCH = 4, 3, 2


class RandomBody:
    """A body with a few carries, each made from itself and others by a few random operations. `written` has no loops inside."""

    def __init__(self, rng: np.random.Generator) -> None:
        count = int(rng.integers(1, 4))
        self.shapes = [SHAPES[rng.integers(0, len(SHAPES))] for _ in range(count)]
        self.lags = [int(rng.choice([1, 1, 1, 2, 3])) for _ in range(count)]
        self.weight = 0.5 * rng.standard_normal((3, 3))
        self.wide = 0.4 * rng.standard_normal((6, 3))
        self.moves = [[tuple(rng.integers(0, (len(MOVES), 9, 9))) for _ in range(rng.integers(1, 4))] for _ in range(count)]
        self.shown = tuple(rng.integers(0, count, 2))
        self.bound = float(rng.choice([np.inf, 0.2, 1.0])) if rng.random() < 0.3 else None
        self.table: Expr
        self.written = False

    @property
    def is_smooth(self) -> bool:
        return self.bound is None and all(MOVES[move] not in KINKED for moves in self.moves for move, _, _ in moves)

    def __call__(self, past: Sequence[Sequence[Expr]], x: tuple[Any, ...]) -> tuple[list[Expr], Expr, Expr]:
        """The new carries, what is given besides, and whether the loop ends. A carry is given as its values one, two, ... steps ago."""
        (before, row, behind), number, index = x
        carries = [ago[0] if len(ago) == 1 else ago[0] + 0.3 * cr.sin(ago[-1]) for ago in past]
        pool = [*carries, row, number, before * behind, self.table[index[0]] * self.table[index[1]]]
        news = []
        for carry, shape, moves in zip(carries, self.shapes, self.moves):
            for move, one, other in moves:
                carry = MOVES[move](self, carry, fitted(pool[other % len(pool)], shape), fitted(pool[one % len(pool)], shape))
            news.append(carry)
        given = fitted(news[self.shown[0]], (3,)) * fitted(carries[self.shown[1]], (3,))
        return news, given, given.sum() > (np.inf if self.bound is None else self.bound)

    def inner(self, h: Expr, v: Expr) -> Expr:
        """A loop in the loop over the last axis of v."""
        along = v if v.ndim == 1 else v.sum(axis=0) if v.ndim else cr.stack([v, 0.5 * v])
        if self.written:
            for k in range(along.shape[0]):
                h = cr.tanh(0.5 * h + along[k])
            return h
        return cr.scan(lambda h, e: (cr.tanh(0.5 * h + e), None), h, along)[0]


Move = Callable[[RandomBody, Expr, Expr, Expr], Expr]
MOVES: list[Move] = [
    lambda body, c, a, b: cr.tanh(c + a),
    lambda body, c, a, b: c + 0.2 * a,
    lambda body, c, a, b: 0.7 * a,
    lambda body, c, a, b: cr.sin(c * b),
    lambda body, c, a, b: c @ body.weight if c.ndim else 0.9 * c,
    lambda body, c, a, b: cr.where(a > 0, c, 0.5 * b),
    lambda body, c, a, b: 0.5 * c + cr.exp(-b * b),
    lambda body, c, a, b: cr.maximum(0.8 * c, a),
    lambda body, c, a, b: cr.tanh(cr.concatenate([c, a], axis=-1) @ body.wide) if c.ndim else c * a,
    lambda body, c, a, b: cr.cond(a.sum() > 0, lambda c, b: cr.tanh(c) + b, lambda c, b: 0.5 * c * b, c, b),
    lambda body, c, a, b: 0.5 * c + body.inner(cr.asarray(0.1), a),
    lambda body, c, a, b: 0.5 * b * body.inner(0.2 * c.sum(), a),
    lambda body, c, a, b: cr.vmap(lambda u, v: body.inner(u, v * cr.ones(2)))(c, a) if c.ndim == 1 else cr.sin(c + a),
]
KINKED = {MOVES[5], MOVES[7], MOVES[9]}


def fitted(value: Expr, shape: tuple[int, ...]) -> Expr:
    """The value in another shape, by sums and broadcasting."""
    if value.shape == shape:
        return value
    if shape == ():
        return 0.3 * value.sum()
    return 0.5 * value.sum(axis=0) if value.ndim > len(shape) else value + cr.zeros(shape)


class RandomLoop:
    """A loop over a random body: with taps, perhaps from the last element, truncated, ending early, or mapped over a batch; in `segments` if there are any."""

    def __init__(self, seed: int, segments: int | str | None = None) -> None:
        self.segments = segments
        rng = np.random.default_rng(seed)
        self.body = body = RandomBody(rng)
        self.steps, self.reverse, self.mapped = int(rng.integers(1, 5)), bool(rng.integers(0, 2)), bool(rng.random() < 0.25)
        self.truncate = int(rng.integers(1, 4)) if rng.random() < 0.2 else None
        self.cut_short = bool(rng.random() < 0.3)  # unknown lengths otherwise
        batch = (BATCH,) if self.mapped else ()
        steps = self.steps

        def variable(name: str, *shape: int) -> Expr:
            known = self.cut_short or name[0] == "c"
            return cr.tensor(name, (*batch, *shape) if known else (*batch, None, *shape[1:]))

        self.x, self.s = variable("x", steps + 2, WIDTH), variable("s", steps)
        self.init = [variable(f"c{i}", lag, *shape) for i, (lag, shape) in enumerate(zip(body.lags, body.shapes))]
        self.table = body.table = cr.tensor("t", (ROWS, WIDTH))
        self.i = cr.tensor("i", (*batch, steps, 2), dtype="int64")
        self.inputs = [self.x, self.s, *self.init, self.table]
        sizes = {self.x: (*batch, steps + 2, WIDTH), self.s: (*batch, steps)}
        self.values: dict[Expr, np.ndarray] = {node: rng.standard_normal(sizes.get(node, node.shape)) for node in self.inputs}
        self.values[self.i] = rng.integers(0, ROWS, (*batch, steps, 2))
        self.direction = {node: rng.standard_normal(self.values[node].shape) for node in self.inputs}

    def looped(self) -> list[Expr]:
        """The last carries, what the steps give, and how many there were."""
        self.body.written = False

        def one(x: Expr, s: Expr, i: Expr, *init: Expr) -> list[Expr]:
            def step(carries: list[Any], elements: tuple[Any, ...]) -> tuple[Any, ...]:
                past = [carry if isinstance(carry, tuple) else (carry,) for carry in carries]
                news, y, ends = self.body(past, elements)
                return (news, y) if self.body.bound is None else (news, y, cr.until(ends))

            begin = [c[0] if lag == 1 else cr.taps(c, (-1, -lag)) for c, lag in zip(init, self.body.lags)]
            sequences = cr.taps(x, (-1, 0, 1)), s, i
            last, ys, *count = cr.scan(step, begin, sequences, reverse=self.reverse, truncate=self.truncate, checkpoint=self.segments)
            return [*last, ys, *count]

        arguments = (self.x, self.s, self.i, *self.init)
        return cr.vmap(one)(*arguments) if self.mapped else one(*arguments)

    def spelled(self) -> list[Expr]:
        """The same, written out."""
        self.body.written = True
        arguments = (self.x, self.s, self.i, *self.init)
        if not self.mapped:
            return self._spelled(*arguments)
        each = [self._spelled(*[argument[k] for argument in arguments]) for k in range(BATCH)]
        return [cr.stack(list(results)) for results in zip(*each)]

    def _spelled(self, x: Expr, s: Expr, i: Expr, *init: Expr) -> list[Expr]:
        history = [[c[k] for k in range(lag)] for c, lag in zip(init, self.body.lags)]
        rows: dict[int, Expr] = {}
        order = list(range(self.steps))[:: -1 if self.reverse else 1]
        for done, t in enumerate(order):
            if self.truncate is not None and done and (self.steps - done) % self.truncate == 0:
                history = [[cr.stop_gradient(value) for value in values[-lag:]] for values, lag in zip(history, self.body.lags)]
            past = [(values[-1], values[-lag]) if lag > 1 else (values[-1],) for values, lag in zip(history, self.body.lags)]
            news, rows[t], ends = self.body(past, ((x[t], x[t + 1], x[t + 2]), s[t], i[t]))
            history = [[*values, new] for values, new in zip(history, news)]
            if self.body.bound is not None and bool(cr.reference.evaluate(ends, self.values)):
                break
        last = [cr.stack(values[-lag:]) if lag > 1 else values[-1] for values, lag in zip(history, self.body.lags)]
        ys = cr.stack([rows.get(t, cr.zeros(3)) for t in range(self.steps)])
        return [*last, ys] if self.body.bound is None else [*last, ys, cr.asarray(len(rows))]


def check_loop(seed: int, segments: int | str | None = None) -> None:
    """Raise where a loop, its gradients, or a derivative of these differ from those of the loop written out, or from differences."""
    loop = RandomLoop(seed, segments)
    spelled = [loop.spelled(), loop.looped()]
    outputs, costs = [], []
    for results in spelled:
        floats = [value for value in results if value.dtype.is_float]
        # Something of every input, so that all sizes are known where a slope is 0.
        cost = sum([(cr.sin(value) ** 2).sum() for value in floats], 0.1 * sum([(node**3).sum() for node in loop.inputs], cr.asarray(0.0)))
        slopes = cr.grad(cost, loop.inputs, disconnected="zero")
        again = [cr.grad(slopes[0].sum(), loop.inputs[1], disconnected="zero")] if seed % 4 == 0 else []
        outputs.append([*results, *slopes, *again])
        costs.append(cost)
    wanted = cr.reference.evaluate(outputs[0], loop.values)
    f = cr.function(list(loop.values), [costs[1], *outputs[1]])
    found = f(*loop.values.values())
    for place, (a, b) in enumerate(zip(found[1:], wanted)):
        np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-8, err_msg=f"output {place}")
    if loop.body.is_smooth and loop.truncate is None:
        check_slope(f, loop, dict(zip(loop.inputs, found[1 + len(spelled[1]) :])))


def check_slope(f: Callable[..., Any], loop: RandomLoop, slopes: Mapping[Expr, np.ndarray]) -> None:
    """The cost along a direction by differences, of two widths: what the square of the width adds to both is taken off."""

    def cost(step: float) -> float:
        moved = {node: value + step * loop.direction[node] if node in loop.direction else value for node, value in loop.values.items()}
        return float(f(*moved.values())[0])

    wide, narrow = [(cost(step) - cost(-step)) / (2 * step) for step in (1e-6, 5e-7)]
    along = sum(float((slopes[node] * direction).sum()) for node, direction in loop.direction.items())
    np.testing.assert_allclose((4 * narrow - wide) / 3, along, rtol=1e-4, atol=1e-5, err_msg="slope")


def check_products(seed: int) -> None:
    """Raise where products with a Jacobian of a loop, which never build it, differ from products with that of the loop written out."""
    loop = RandomLoop(seed)
    rng = np.random.default_rng(seed)
    variable = loop.inputs[rng.integers(0, len(loop.inputs))]
    place = rng.integers(0, len(loop.body.shapes) + 1)
    nothing = 0.0 * sum([(node * node).sum() for node in loop.inputs], cr.asarray(0.0))
    written, y = loop.spelled()[place] + nothing, loop.looped()[place] + nothing
    J = cr.reference.evaluate(cr.jacobian(written, variable), loop.values)
    rank = np.ndim(loop.values[variable])
    v, w = rng.standard_normal(loop.values[variable].shape), rng.standard_normal(J.shape[: J.ndim - rank])
    right, left = [cr.tensor(name, [size if isinstance(size, int) else None for size in shape]) for name, shape in (("v", variable.shape), ("w", y.shape))]
    found = cr.jacobian(y, variable)
    outputs = [
        cr.tensordot(found, right, (list(range(y.ndim, y.ndim + rank)), list(range(rank)))),
        cr.tensordot(left, found, (list(range(y.ndim)), list(range(y.ndim)))),
        (found**2).sum(),
    ]
    wanted = [np.tensordot(J, v, rank), np.tensordot(w, J, w.ndim), (J**2).sum()]
    for output, value in zip(outputs, wanted):
        f = cr.function([*loop.values, right, left], output)
        np.testing.assert_allclose(f(*loop.values.values(), v, w), value, rtol=1e-7, atol=1e-8, err_msg="product")


def trial(seed: int) -> str:
    """What is wrong with the loop of a seed, or nothing."""
    try:
        check_loop(seed)
        if seed % 2 == 0:
            check_products(seed)
        if seed % 3 == 0:
            check_loop(seed, 2 if seed % 2 else "sqrt")
    except Exception as error:
        return f"seed {seed}: {''.join(traceback.format_exception(error)[-3:])}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    with quick_code():
        for seed in range(options.seed, options.seed + options.count):
            text = trial(seed)
            failed += bool(text)
            if text or seed % 500 == 499:
                print(text or f"seed {seed}: {failed} failed so far", flush=True)
    print(f"{options.count} loops, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
