"""Every sample of every operation through the whole compiler: exact dtypes and shapes, with inputs that are not contiguous, and with one size unknown."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from evaluation import symbolic
from rearranging_samples import rearranging_samples
from samples import Sample, samples
from window_samples import window_samples
from writing_samples import writing_samples

import croton as cr
from croton.expr.walk import walk
from croton.ops.registry import OPERATIONS
from tests.fuzz.compare import quick_code

SAMPLES = [*samples(), *rearranging_samples(), *writing_samples(), *window_samples()]
CHUNK = 40


def wanted(sample: Sample) -> np.ndarray:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = np.asarray(sample.oracle(*sample.arrays))
        if found.dtype == np.float16:
            found = np.asarray(sample.oracle(*[a.astype(np.float32) for a in sample.arrays]))
    return found


def strided(array: np.ndarray) -> np.ndarray:
    """The same values, two places apart and backwards."""
    return np.repeat(array, 2, axis=-1)[..., ::-1].copy()[..., ::-1][..., ::2] if array.ndim else array


def close(found: np.ndarray, right: np.ndarray, name: str) -> None:
    assert found.dtype == right.dtype and found.shape == right.shape, (name, found.dtype, right.dtype, found.shape, right.shape)
    tolerance = {"float32": 3e-5, "float64": 1e-11}.get(right.dtype.name, 0)
    np.testing.assert_allclose(found, right, rtol=tolerance, atol=tolerance, err_msg=name)


@pytest.mark.parametrize("first", range(0, len(SAMPLES), CHUNK))
def test_compiled_values_are_numpys(first: int) -> None:
    with quick_code():
        for sample in SAMPLES[first : first + CHUNK]:
            inputs = symbolic(sample.arrays, sample.unknown)
            f = cr.function(inputs, sample.function(*inputs))
            close(np.asarray(f(*sample.arrays)), wanted(sample), sample.name)
            close(np.asarray(f(*map(strided, sample.arrays))), wanted(sample), f"{sample.name}, strided")


def test_elementwise_functions_of_sizes_zero_and_one() -> None:
    with quick_code():
        for name in ("exp", "tanh", "log1p", "erf", "sqrt", "sin"):
            for dtype in ("float32", "float64"):
                x = cr.matrix("x", dtype=dtype)
                y = getattr(cr, name)(x)
                results = [y, y.sum(axis=0), y.sum(axis=1), cr.any(y > 0.5, axis=0), cr.cumsum(y, axis=1), y @ y.T]
                f = cr.function([x], results)
                for shape in ((0, 0), (0, 3), (3, 0), (1, 1), (1, 17), (17, 1), (33, 5)):
                    a = np.random.default_rng(0).random(shape).astype(dtype)
                    for found, right in zip(f(a), cr.reference.evaluate(results, {x: a})):
                        close(found, right, f"{name} {shape}")


def test_every_operation_is_there() -> None:
    seen = set()
    for sample in SAMPLES:
        seen |= {node.op for node in walk([sample.function(*symbolic(sample.arrays, sample.unknown))])}
    missing = [op.name for op in OPERATIONS if op not in seen]
    assert len(missing) < 5, missing
