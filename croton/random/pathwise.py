"""How a gamma variate moves with its concentration while its place in the distribution stays.

The variate z of concentration a is where the distribution function F(z; a) has its chance, so dz/da = -(dF/da) / (dF/dz): Figurnov, Mohamed and Mnih,
Implicit Reparameterization Gradients (2018). The derivative of the proposal that was accepted is another one, and biased: which one is accepted depends on
the concentration too.

With t = z e^v in dF/da, the integral of the density times (log t - digamma(a)) below z, and less the same integral above z since both together are 0,

    d(log z)/da = integral over v >= 0 of exp(s a v - z (e^(s v) - 1)) (s (log z - digamma(a)) + v)        with s = 1 above z, -1 below.

Where log z >= digamma(a) the one above has no negative part, else the one below, so neither loses digits. The integrand is an entire function that falls like
exp(-v) or faster: Gauss's nodes up to where it is exp(-40) give 11 digits. Below, where a is small, it falls too slowly, and there

    d(log z)/da (a) = (digamma(a + 1) - log z + z * d(log z)/da (a + 1)) / a

steps up to a greater concentration, again of positive parts as long as log z <= digamma(a + 1).
"""

from __future__ import annotations

import functools

import numpy as np

from croton.dtypes import float64
from croton.expr.expr import Expr
from croton.ops.axes import expand_dims
from croton.ops.casting import astype
from croton.ops.comparisons import equal
from croton.ops.logic import where
from croton.ops.reductions import sum
from croton.ops.transcendental import digamma, exp, expm1, log1p, sqrt

_FALLS = 40.0
"""The integrand is left where it has fallen to exp(-40) of what it is at 0."""

_STEPS = 6
"""Concentrations below this are raised by as much for the integral below z."""


@functools.cache
def _rule() -> tuple[np.ndarray, np.ndarray]:
    """Places between 0 and 1, and weights, of an integral."""
    nodes, weights = np.polynomial.legendre.leggauss(24)
    return nodes / 2 + 0.5, weights / 2


def slope_of_logarithm(concentration: Expr, logarithm: Expr) -> Expr:
    """d(log z)/da at a gamma variate z > 0 of rate 1 given by its logarithm, which may be too small for z itself; in float64, to 11 digits."""
    a, l = astype(concentration, float64), astype(logarithm, float64)
    z = exp(l)
    small = a < _STEPS
    raised = where(small, a + _STEPS, a)
    at_raised = digamma(raised)
    at_a = at_raised
    for step in range(_STEPS):
        at_a = at_a - where(small, 1 / (a + step), 0.0)
    above = l >= where(small, at_a + 1 / a, at_a)

    concentration_there = where(above, a, raised)
    side = where(above, 1.0, -1.0)
    end = where(above, _end_above(a, z), _end_below(raised, z))
    nodes, weights = _rule()
    v = expand_dims(end, -1) * nodes
    exponent = expand_dims(side * concentration_there, -1) * v - expand_dims(z, -1) * expm1(expand_dims(side, -1) * v)
    lead = side * (l - where(above, at_a, at_raised))
    integral = end * sum(weights * exp(exponent) * (expand_dims(lead, -1) + v), -1)

    stepped, at_next = integral, at_raised
    for step in reversed(range(_STEPS)):
        stepped = (at_next - l + z * stepped) / (a + step)
        at_next = at_next - 1 / (a + step)
    return where(equal(a, 0), 0.0, where(small & ~above, stepped, integral))


def _end_above(a: Expr, z: Expr) -> Expr:
    """A bound of the v for which z (e^v - 1) - a v is `_FALLS`: from e^v >= 1 + v + v**2 / 2, and once more from that."""
    excess = z - a
    bound = 2 * _FALLS / (excess + sqrt(excess * excess + 2 * _FALLS * z))
    return log1p((_FALLS + a * bound) / z)


def _end_below(a: Expr, z: Expr) -> Expr:
    """A bound of the v for which a v - z (1 - e^-v) is `_FALLS`: from e^-v >= 1 - v + v**2 / (2 + v)."""
    excess = 2 * (a - z) - _FALLS
    return 4 * _FALLS / (excess + sqrt(excess * excess + 8 * _FALLS * a))
