"""Every operation under every transformation: mapped over, in a loop, pushed forward and pulled back, each in and around the others, and twice.

What an operation gives for each of three elements is NumPy's; what its derivatives give is what NumPy's differences say. One sample of each
kind of each operation.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from evaluation import symbolic
from numpy_samples import numpy_samples
from rearranging_samples import rearranging_samples
from samples import Sample, samples
from window_samples import window_samples
from writing_samples import writing_samples

import croton as cr
from croton.expr.expr import Expr, input
from croton.expr.types import TensorType
from tests.fuzz.compare import quick_code

SCALES = (1.0, 0.95, 1.0)
STEP = 1e-6


def chosen() -> dict[str, list[Sample]]:
    """By operation: of its samples with derivatives, and of those without, the one with the largest array."""
    best: dict[tuple[str, bool], Sample] = {}
    for sample in (*samples(), *rearranging_samples(), *writing_samples(), *window_samples(), *numpy_samples()):
        # The NumPy meaning of sums of products does not keep the sign of a zero.
        if "special" not in sample.name and sample.arrays and all(a.dtype == np.float64 or a.dtype.kind != "f" for a in sample.arrays):
            smooth = sample.smooth and any(a.dtype.kind == "f" for a in sample.arrays)
            kind = sample.name.split()[0], smooth
            if kind not in best or sum([a.size for a in sample.arrays]) > sum([a.size for a in best[kind].arrays]):
                best[kind] = sample._replace(smooth=smooth)
    found: dict[str, list[Sample]] = {}
    for (group, _), sample in best.items():
        found.setdefault(group, []).append(sample)
    return found


CHOSEN = chosen()


class Elements:
    """A sample for three elements, the second of which is a little smaller, and what NumPy says of each."""

    def __init__(self, sample: Sample, unknown: bool) -> None:
        self.sample = sample
        self.arrays = [np.stack([a * scale if a.dtype.kind == "f" else a for scale in SCALES]) for a in sample.arrays]
        self.inputs = [input(TensorType(x.dtype, (len(SCALES), *x.shape)), x.name) for x in symbolic(sample.arrays, unknown)]
        self.moving = [i for i, a in enumerate(sample.arrays) if a.dtype.kind == "f"]
        random = np.random.default_rng(0)
        self.directions = {i: random.normal(size=sample.arrays[i].shape) for i in self.moving}
        self.values = self.at(0)
        self.weights = random.normal(size=self.values.shape[1:])

    def at(self, step: float) -> np.ndarray:
        rows = [[a[k] + step * self.directions[i] if i in self.directions else a[k] for i, a in enumerate(self.arrays)] for k in range(len(SCALES))]
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return np.stack([np.asarray(self.sample.oracle(*row)) for row in rows])

    def cost(self, y: Expr) -> Expr:
        return (y * self.weights).sum()

    def along(self, derivatives: Any) -> Expr:
        """What derivatives with respect to what moves say of the direction."""
        return sum([(derivative * self.directions[i]).sum() for i, derivative in zip(self.moving, derivatives)], cr.asarray(0.0))

    def pushed(self, function: Callable[..., Expr], *xs: Expr) -> Expr:
        tangents = [self.directions[i] * cr.ones(xs[i].shape) for i in self.moving]
        return cr.jvp(function(*xs), [xs[i] for i in self.moving], tangents, disconnected="zero")

    def pulled(self, *xs: Expr) -> Expr:
        return self.along(cr.grad(self.cost(self.sample.function(*xs)), [xs[i] for i in self.moving], disconnected="zero"))

    def looped(self, function: Callable[..., Expr], waits: bool) -> Expr:
        """The function of each element in a loop; where it `waits` for a carry, which is always 1, no step is known before."""

        def step(carry: Expr, xs: Any) -> tuple[Expr, Expr]:
            return cr.sqrt(carry), function(*[cr.where(carry > 0, x, x[::-1] if x.ndim else 1 - x) if waits and x.dtype.is_float else x for x in xs])

        return cr.scan(step, cr.asarray(1.0), tuple(self.inputs))[1]

    def asked(self) -> tuple[list[Expr], list[np.ndarray], list[str]]:
        """Expressions, their values, and what they are."""
        function = self.sample.function
        found = [
            ("vmap", cr.vmap(function)(*self.inputs), self.values),
            ("scan", self.looped(function, False), self.values),
            ("a step of scan", self.looped(function, True), self.values),
        ]
        if self.sample.smooth:
            slopes = (self.at(STEP) - self.at(-STEP)) / (2 * STEP)
            totals = (slopes * self.weights).reshape(len(SCALES), -1).sum(axis=1)
            found += [
                ("jvp in vmap", cr.vmap(lambda *xs: self.pushed(function, *xs))(*self.inputs), slopes),
                ("vmap in jvp", self.pushed(cr.vmap(function), *self.inputs), slopes),
                ("grad in vmap", cr.vmap(self.pulled)(*self.inputs), totals),
                ("grad in a step of scan", self.looped(self.pulled, True), totals),
                ("jvp in a step of scan", self.looped(lambda *xs: self.pushed(function, *xs), True), slopes),
            ]
        return [one[1] for one in found], [one[2] for one in found], [one[0] for one in found]

    def second(self) -> list[list[Expr]]:
        """Second derivatives of a cost of all elements along the direction, forward and backward in any order: all are the same."""
        moving = [self.inputs[i] for i in self.moving]
        cost = self.cost(cr.sin(cr.vmap(self.sample.function)(*self.inputs)))
        slopes = cr.grad(cost, moving, disconnected="zero")
        tangents = [self.directions[i] * cr.ones(x.shape) for i, x in zip(self.moving, moving)]
        forward = cr.jvp(slopes, moving, tangents, disconnected="zero")
        backward = cr.grad(self.along(slopes), moving, disconnected="zero")
        mixed = cr.grad(cr.jvp(cost, moving, tangents, disconnected="zero"), moving, disconnected="zero")
        each = cr.vmap(lambda *xs: cr.grad(self.pulled_of_sine(*xs), [xs[i] for i in self.moving], disconnected="zero"))(*self.inputs)
        return [list(forward), list(backward), list(mixed), list(each)]

    def pulled_of_sine(self, *xs: Expr) -> Expr:
        return self.along(cr.grad(self.cost(cr.sin(self.sample.function(*xs))), [xs[i] for i in self.moving], disconnected="zero"))


def check(sample: Sample, unknown: bool, compiled: bool) -> None:
    elements = Elements(sample, unknown)
    exprs, wanted, names = elements.asked()
    second = elements.second() if sample.smooth else []
    every = [*exprs, *[one for group in second for one in group]]
    found = cr.function(elements.inputs, every)(*elements.arrays) if compiled else cr.reference.evaluate(every, dict(zip(elements.inputs, elements.arrays)))
    for value, right, name in zip(found, wanted, names):
        assert value.shape == right.shape, (sample.name, name)
        tolerance = 1e-9 if right is elements.values else 3e-4
        np.testing.assert_allclose(value, right, rtol=tolerance, atol=tolerance, err_msg=f"{name} of {sample.name}")
    rest, count = found[len(wanted) :], len(elements.moving)
    for place in range(count, len(rest)):
        np.testing.assert_allclose(rest[place], rest[place % count], rtol=1e-7, atol=1e-7, err_msg=f"second derivative of {sample.name}")


@pytest.mark.parametrize("group", CHOSEN)
def test_values_and_derivatives_of_each_element(group: str) -> None:
    for sample in CHOSEN[group]:
        for unknown in (False, True) if sample.unknown else (False,):
            check(sample, unknown, compiled=False)


@pytest.mark.parametrize("group", [group for group, found in CHOSEN.items() if any(sample.smooth for sample in found)])
def test_they_are_compiled(group: str) -> None:
    with quick_code():
        for sample in CHOSEN[group]:
            if sample.smooth:
                check(sample, sample.unknown, compiled=True)
