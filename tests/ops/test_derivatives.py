"""Derivatives of every smooth sample against central differences, to second order. No operation has a rule: the meaning gives them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from evaluation import bind, operands_of, symbolic
from numpy_samples import numpy_samples
from rearranging_samples import rearranging_samples
from samples import Sample, samples
from window_samples import window_samples
from writing_samples import writing_samples

from croton import algebra
from croton.derivatives.derive import derive
from croton.expr.expr import Expr
from croton.ops.casting import asarray
from croton.ops.reductions import sum as sum_

EVERY = (*samples(), *rearranging_samples(), *writing_samples(), *window_samples(), *numpy_samples())
SMOOTH = [sample for sample in EVERY if sample.smooth and all(a.dtype.kind == "f" or a.dtype == bool for a in sample.arrays)]
GROUPS = sorted({sample.name.split()[0] for sample in SMOOTH})
STEP = 1e-5


def squeezed(array: np.ndarray) -> np.ndarray:
    return array.reshape([n for n in array.shape if n != 1])


class Derivatives:
    """A random combination of the elements of a sample's result: its value, its gradient, and its Hessian times a direction."""

    def __init__(self, sample: Sample, unknown: bool) -> None:
        random = np.random.default_rng(3)
        self.inputs = symbolic(sample.arrays, unknown)
        self.sizes = bind(dict(zip(self.inputs, sample.arrays)))
        result = sample.function(*self.inputs)
        shape = np.shape(sample.oracle(*sample.arrays))
        self.moving = [i for i, x in enumerate(self.inputs) if x.dtype.is_float]
        self.directions = [random.normal(size=squeezed(sample.arrays[i]).shape) for i in self.moving]
        cost: Expr = sum_(result * asarray(random.normal(size=shape)))
        meanings = operands_of([cost, *self.inputs], dict(self.sizes) if unknown else None)
        self.nodes = [meanings[self.inputs[i]].use.node for i in self.moving]
        self.cost = meanings[cost].use
        one = algebra.constant(1.0, cost.dtype)
        self.gradient = self.along(derive([self.cost], [one], self.nodes))
        terms = []
        for direction, (use, labels) in zip(self.directions, self.gradient):
            factors = [(use, 1), (algebra.constant(direction, labels=labels), 1)]
            terms.append((algebra.contract((), factors, summed=labels), 1))
        self.slope = algebra.add(terms)
        self.curvature = self.along(derive([self.slope], [one], self.nodes))

    def along(self, found: Sequence) -> list[tuple[algebra.Use, tuple[algebra.Label, ...]]]:
        """Derivatives, with zeros where there is none."""
        results = []
        for node, derivative in zip(self.nodes, found):
            if derivative is None:
                labels = tuple(algebra.Label(size) for size in node.dims)
                derivative = (algebra.constant(0, node.dtype), labels)
            results.append(derivative)
        return results

    def at(self, arrays: Sequence[np.ndarray], derivatives: Sequence) -> list[np.ndarray]:
        environment = {x: squeezed(a) for x, a in zip(self.inputs, arrays)}
        return algebra.interpret([algebra.Operand(labels, use) for use, labels in derivatives], environment, self.sizes)

    def moved(self, arrays: Sequence[np.ndarray], step: float) -> list[np.ndarray]:
        result = list(arrays)
        for i, direction in zip(self.moving, self.directions):
            result[i] = arrays[i] + step * direction.reshape(arrays[i].shape)
        return result


def check(sample: Sample, unknown: bool) -> None:
    arrays = [a.astype("float64") if a.dtype.kind == "f" else a for a in sample.arrays]
    sample = sample._replace(arrays=tuple(arrays))
    d = Derivatives(sample, unknown)
    ahead, behind = d.moved(arrays, STEP), d.moved(arrays, -STEP)
    slope = [(d.cost, ())]
    (high,), (low,) = d.at(ahead, slope), d.at(behind, slope)
    (found,) = d.at(arrays, [(d.slope, ())])
    np.testing.assert_allclose(found, (high - low) / (2 * STEP), rtol=2e-6, atol=2e-6, err_msg=f"gradient of {sample.name}")
    after, before = d.at(ahead, d.gradient), d.at(behind, d.gradient)
    for h, a, b in zip(d.at(arrays, d.curvature), after, before):
        np.testing.assert_allclose(h, (a - b) / (2 * STEP), rtol=1e-5, atol=2e-5, err_msg=f"second derivative of {sample.name}")


@pytest.mark.parametrize("group", GROUPS)
def test_derivatives_are_differences(group: str) -> None:
    for sample in SMOOTH:
        if sample.name.split()[0] == group:
            check(sample, unknown=False)
