"""Products and sums: fused where nothing else reads the product, and the same bits wherever a value is computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import calls_of, planned

import croton as cr

RNG = np.random.default_rng(8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_product_is_never_less_than_its_greatest_element(dtype: str, axis: int | None) -> None:
    """The product is recomputed where it is subtracted: unrounded there, differences would be below 0."""
    x, w = cr.matrix("x", dtype=dtype), cr.vector("w", dtype=dtype)
    one, two = RNG.standard_normal((70, 90)).astype(dtype), RNG.standard_normal(90).astype(dtype)
    for p, numpy_p in ((x * w, one * two), (x * 1.1 * w, None), (x * x[::-1] + 0 * w, one * one[::-1])):
        outputs = [cr.sign(p.max(axis=axis, keepdims=True) - p), p - p.min(axis=axis, keepdims=True), p.max(axis=axis)]
        signs, above, greatest = cr.function([x, w], outputs)(one, two)
        assert (signs >= 0).all() and (signs == 0).any(axis=axis).all() and (above >= 0).all() and (above == 0).any(axis=axis).all()
        if numpy_p is None:
            continue  # in whatever order its factors are multiplied
        np.testing.assert_array_equal(signs, np.sign(numpy_p.max(axis=axis, keepdims=True) - numpy_p))
        np.testing.assert_array_equal(above, numpy_p - numpy_p.min(axis=axis, keepdims=True))
        np.testing.assert_array_equal(greatest, numpy_p.max(axis=axis))


def count(output: Any, *inputs: Any) -> tuple[int, int]:
    """How many fused and plain products a program has."""
    kernels = planned(inputs, [output] if not isinstance(output, list) else output).kernels
    return sum(calls_of(kernel, "fma") for kernel in kernels), sum(calls_of(kernel, "mul") for kernel in kernels)


def test_products_that_one_sum_reads_are_fused() -> None:
    x, y, z, w = cr.matrix("x"), cr.matrix("y"), cr.matrix("z"), cr.vector("w")
    assert count(x * y + z, x, y, z) == (1, 0)
    assert count(x * w - z, x, w, z) == (1, 0)
    assert count(z - x * y, x, y, z) == (1, 0)
    assert count([x * y + z, x * y], x, y, z) == (0, 1)
    assert count((x * y + z) * cr.exp(x * y), x, y, z)[0] == 0


def test_a_fused_product_rounds_once() -> None:
    x, y, z = (cr.vector(name, dtype="float32") for name in "xyz")
    a, b = RNG.standard_normal(1000).astype("float32"), RNG.standard_normal(1000).astype("float32")
    c = -(a * b)
    exact = a.astype("float64") * b.astype("float64") + c.astype("float64")
    for output, sign in ((x * y + z, 1), (-z - x * y, -1)):
        np.testing.assert_array_equal(cr.function([x, y, z], output)(a, b, c), (sign * exact).astype("float32"))
