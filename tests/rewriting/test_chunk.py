"""An axis in chunks means what it means at once: every region of a few programs, in chunks of several sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.algebra.check import check
from croton.algebra.interpret import interpret
from croton.algebra.node import Operand, Use
from croton.rewriting.chunk import chunked, regions
from croton.rewriting.optimise import optimise
from croton.transforms.lower import lower

RNG = np.random.default_rng(0)


def per_example(x: Any, w: Any) -> list[Any]:
    a = cr.tanh(cr.tanh(x[:, :, None] * x[:, None, :]) @ w)
    return [(a**2).sum(axis=0), a.sum(), a.max(axis=(1, 2))]


def gradient(x: Any, w: Any) -> list[Any]:
    cost = (cr.tanh(cr.tanh(x @ w) @ w) ** 2).mean()
    return [cost, cr.grad(cost, w), cr.grad(cost, x)]


def normalised(x: Any, w: Any) -> list[Any]:
    """What waits for a sum over the axis is not in its loop."""
    z = x @ w
    y = cr.tanh((z - z.mean(axis=0)) / cr.sqrt(z.var(axis=0) + 1))
    return [(y**2).sum(), cr.grad((y**3).sum(), w)]


def looked_up(x: Any, w: Any) -> list[Any]:
    index = cr.argmax(x, axis=1)
    return [cr.tanh(w[index] * x + cr.arange(x.shape[0])[:, None]).sum(axis=0), index]


def against_itself(x: Any, w: Any) -> list[Any]:
    """Both axes of a table are the axis of one array."""
    return [cr.tanh(x @ x.T).sum(), (cr.exp(-((x[:, None] - x[None]) ** 2).sum(axis=2)) @ x).sum(axis=0)]


def pairs(x: Any, w: Any) -> list[Any]:
    """Both axes of a table are the axis of one value that is computed: the others are needed besides those of the chunk."""
    h = cr.tanh(x @ w)
    return [cr.tanh(h @ h.T) @ h, (cr.exp(-((h[:, None] - h[None]) ** 2).sum(axis=2)) @ h).sum(axis=0)]


def chosen_pairs(x: Any, w: Any) -> list[Any]:
    y = cr.take(x, [-3, 2, -3, 1, 0], axis=0)
    return [y @ y.T, cr.tanh(y @ y.T) @ cr.tanh(y)]


def shifted(x: Any, w: Any) -> list[Any]:
    return [cr.tanh(x[1:] - x[:-1]).sum(axis=0), cr.cumsum(cr.tanh(x @ w), axis=0).sum()]


def running(x: Any, w: Any) -> list[Any]:
    """What runs along an axis is there for all of it."""
    return [(cr.tanh(cr.cummax(x, axis=0) @ w) ** 2).sum(axis=0), cr.tanh(cr.tanh(cr.cumprod(x, axis=0) @ w) @ w).sum(axis=0)]


def running_across(x: Any, w: Any) -> list[Any]:
    """What runs along one axis is read at the other axis too."""
    a = cr.cummin(x @ x.T, axis=0)
    return [cr.tanh(cr.tanh(a) @ x).sum(axis=0), cr.tanh(cr.tanh(a).T @ x).sum(axis=0), cr.tanh(a + a.T).sum()]


def in_order(x: Any, w: Any) -> list[Any]:
    first = cr.top_k(x, 2, axis=1).values * cr.top_k(x, 1, axis=1).indices
    every = [cr.tanh(cr.sort(x, axis=0) @ w).sum(axis=0), cr.tanh(cr.argsort(x, axis=0) * x).sum(axis=0), cr.tanh(cr.sort(x, axis=1) @ w).sum(axis=0)]
    return [*every, cr.tanh(first).sum(axis=0), cr.tanh(cr.top_k(x @ w, 1, axis=0).values).sum()]


def extremes(x: Any, w: Any) -> list[Any]:
    """What goes over the chunked axis need not be a sum."""
    s = cr.tanh(cr.tanh(x[:, :, None] * x[:, None, :]) @ w)
    some = [s.max(), s.min(axis=0), cr.logsumexp(s, axis=(0, 1)), cr.prod(1 + 0.1 * s, axis=0), cr.any(s > 0.9, axis=0), cr.all(s < 0.9, axis=(0, 2))]
    return [*some, s.max(axis=(1, 2)), cr.floor(5 * s).astype("int32").max(axis=0), cr.logsumexp(cr.log(s > 2), axis=0)]


PROGRAMS: tuple[Callable[[Any, Any], list[Any]], ...] = (
    per_example,
    gradient,
    normalised,
    looked_up,
    against_itself,
    pairs,
    chosen_pairs,
    shifted,
    running,
    running_across,
    in_order,
    extremes,
)


@pytest.mark.parametrize("rows", [9, None], ids=["known", "open"])
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.__name__)
def test_every_region_in_chunks(program: Callable[[Any, Any], list[Any]], rows: int | None) -> None:
    x, w = cr.tensor("x", (rows, 4)), cr.tensor("w", (4, 4))
    lowered = lower(program(x, w))
    uses, _ = optimise([operand.use for operand in lowered.outputs])
    values = {x.id: RNG.normal(size=(9, 4)), w.id: RNG.normal(size=(4, 4))}
    sizes = {} if rows else {str(x.shape[0]): 9}
    operands = [Operand(operand.axes, use) for operand, use in zip(lowered.outputs, uses)]
    wanted = interpret(operands, values, sizes)
    found = regions(uses, 20)
    assert found
    for region in found:
        assert set(region.totals) | set(region.wanted) and not set(region.totals) & set(region.wanted)
        for each in (2, 3, 5) if region.size != 4 else (2,):
            if isinstance(region.size, int) and (region.size % each == 1 or region.size // each < 2):
                continue
            again: list[Use] = chunked(uses, region, each)
            check(again)
            for one, other in zip(wanted, interpret([Operand(o.axes, use) for o, use in zip(operands, again)], values, sizes)):
                np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)


def test_reductions_of_every_kind_are_kept_running() -> None:
    x, w = cr.tensor("x", (9, 4)), cr.tensor("w", (4, 4))
    uses, _ = optimise([operand.use for operand in lower(extremes(x, w)).outputs])
    whole = [region for region in regions(uses, 20) if region.size == 9]
    assert any({node.param for node in region.totals if node.kind == "reduce"} == {"max", "min", "lse", "prod", "any", "all"} for region in whole)


def test_the_first_region_is_the_one_with_most_that_is_never_whole() -> None:
    x, w = cr.tensor("x", (50, 4)), cr.tensor("w", (4, 4))
    a = cr.tanh(cr.tanh(x[:, :, None] * x[:, None, :]) @ w)
    region = regions([operand.use for operand in lower([(a**2).sum(axis=0)]).outputs], 8)[0]
    assert region.size == 50 and len(region.totals) == 1 and not region.wanted
    assert region.inside == sum(8 * int(np.prod(node.dims)) for node in region.order[:-1])
