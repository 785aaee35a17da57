"""Products that windows read are computed once for each place, before the windows; and what is read in windows is stored so that these are long runs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.algebra.node import Node, walk
from croton.rewriting.window_factors import compute_before_windows
from croton.transforms.lower import lower

BATCH, CHANNELS, SIDE, FILTERS = 2, 2, 5, 3


@pytest.fixture(autouse=True)
def _without_cache() -> Iterator[None]:
    with cr.config.use(cache=False, check=True):
        yield


def half_pooled(h: Any) -> Any:
    b, c, rows, columns = h.shape
    return h.reshape((b, c, rows // 2, 2, columns // 2, 2)).max((3, 5))


POOLS: dict[str, Callable[[Any], Any]] = {
    "none": lambda h: h,
    "max_pool": lambda h: cr.max_pool(h, 2),
    "overlapping": lambda h: cr.max_pool(h, 3, 2),
    "mean_pool": lambda h: cr.mean_pool(h, 2),
    "reshaped": lambda h: half_pooled(h[:, :, :4, :4]),
}


def gradients(pool: Callable[[Any], Any], x: Any, k: Any, b: Any, w: Any) -> list[Any]:
    h = pool(cr.relu(cr.conv(x, k, padding="same") + b[:, None, None]))
    return cr.grad(cr.tanh(cr.conv(h, w, padding=1)).sum(), [k, b, w, x])


def arrays(batch: int = BATCH, side: int = SIDE, dtype: str = "float64") -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    shapes = (batch, CHANNELS, side, side), (FILTERS, CHANNELS, 3, 3), (FILTERS,), (4, FILTERS, 3, 3)
    return [chance.normal(size=shape).astype(dtype) for shape in shapes]


def variables(values: list[np.ndarray], known: bool = True) -> list[Any]:
    return [cr.tensor(name, value.shape if known else (None,) * value.ndim, dtype=str(value.dtype)) for name, value in zip("xkbw", values)]


def apart(expressions: list[Any], inputs: list[Any]) -> set[Node]:
    """The values that nothing looks through."""
    before = [operand.use for operand in lower(expressions, inputs).outputs]
    return {node for node in walk([use.node for use in compute_before_windows(before)]) if node.kind == "map" and node.param == "identity"}


@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
@pytest.mark.parametrize("pool", POOLS.values(), ids=POOLS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_gradients_are_those_of_the_formula(pool: Callable[[Any], Any], known: bool, dtype: str) -> None:
    values = arrays(dtype=dtype)
    inputs = variables(values, known)
    wanted = gradients(pool, *inputs)
    f = cr.function(inputs, wanted)
    tolerance = 1e-4 if dtype == "float32" else 1e-10
    for found, reference in zip(f(*values), cr.reference.evaluate(wanted, dict(zip(inputs, values)))):
        np.testing.assert_allclose(found, reference, rtol=tolerance, atol=tolerance * max(1.0, float(np.abs(reference).max())))


@pytest.mark.parametrize(("batch", "side"), [(0, SIDE), (1, SIDE), (2, 4), (1, 2), (3, 3)])
def test_small_sizes(batch: int, side: int) -> None:
    values = arrays(batch, side)
    for known in (True, False):
        inputs = variables(values, known)
        wanted = gradients(POOLS["max_pool"], *inputs)
        for found, reference in zip(cr.function(inputs, wanted)(*values), cr.reference.evaluate(wanted, dict(zip(inputs, values)))):
            np.testing.assert_allclose(found, reference, rtol=1e-10, atol=1e-10)


def test_all_gradients_read_one_value() -> None:
    """What follows the first convolution is multiplied once: by its kernel and by its bias. The input needs windows into it as well."""
    inputs = variables(arrays())
    for pool in ("max_pool", "reshaped"):
        k, b, _, x = gradients(POOLS[pool], *inputs)
        # Behind the second convolution there is one factor, which is a value of its own anyway.
        (of_input,) = apart([x], inputs)
        assert apart([k, x], inputs) == apart([k, b, x], inputs) == {of_input}


def test_what_no_window_reads_stays_a_product() -> None:
    x, y, w = cr.matrix("x", shape=(6, 5)), cr.matrix("y", shape=(6, 5)), cr.matrix("w", shape=(5, 4))
    assert not apart([(x * y) @ w], [x, y, w])
    v, u = cr.vector("v", shape=(20,)), cr.vector("u", shape=(3,))
    assert not apart([cr.sliding_window_view(v, 3) @ u], [v, u])
    assert len(apart([cr.sliding_window_view(v * cr.exp(v), 3) @ u], [v, u])) == 1


def test_programs_stay_as_written_if_that_is_asked_for() -> None:
    values = arrays()
    inputs = variables(values)
    with cr.config.use(algebra="strict"):
        f = cr.function(inputs, gradients(POOLS["none"], *inputs))
    for one, other in zip(f(*values), cr.function(inputs, gradients(POOLS["none"], *inputs))(*values)):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_operations_are_those_of_the_products() -> None:
    """Beside three matrix products for two gradients by a kernel of 7 by 7 there are a few operations for each place, not for each element of a window."""
    shapes = (8, 16, 16, 16), (16, 16, 7, 7)
    x, k = [cr.tensor(name, shape, dtype="float32") for name, shape in zip("xk", shapes)]
    f = cr.function([x, k], cr.grad((cr.tanh(cr.conv(x, k, padding="same")) ** 2).sum(), [x, k]))
    places = 8 * 16 * 16
    assert f.flops() < 3 * 2 * places * 16 * 16 * 49 + 200 * places * 16


@pytest.mark.parametrize("pool", [POOLS["max_pool"], half_pooled], ids=["max_pool", "reshaped"])
@pytest.mark.parametrize("known", [True, False], ids=["known", "unknown"])
def test_no_kernel_goes_along_a_window(pool: Callable[[Any], Any], known: bool) -> None:
    """Channels are the vectors: rows of a window and of pooled squares have two or three elements. Only the kernels of convolutions are copied as they lie."""
    shapes = (8, 8, 16, 16), (16, 8, 3, 3), (16,), (32, 16, 3, 3)
    inputs = [cr.tensor(name, shape if known else (None,) * len(shape), dtype="float32") for name, shape in zip("xkbw", shapes)]
    if known:
        f = cr.function(inputs, gradients(pool, *inputs))
    else:
        step = cr.jit(lambda x, k, b, w: gradients(pool, x, k, b, w))
        f = step.function_for(*[np.zeros(shape, "float32") for shape in shapes])
    guarded = [text for text in f.account.kernels if re.search(r"\] if v", text)]
    assert guarded and not any(re.search(r"lanes \w+ < 3\b", text) for text in guarded)
    assert not any(re.search(r"lanes \w+ < 2\b", text) for text in f.account.kernels)
