"""Every operation against NumPy: by its reference and by its meaning, with known and with unknown sizes, dtypes exact."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from evaluation import by_meaning, by_reference, symbolic
from numpy_samples import numpy_samples
from rearranging_samples import rearranging_samples
from samples import Sample, samples
from window_samples import window_samples
from writing_samples import writing_samples

from croton.expr.walk import walk
from croton.ops.registry import OPERATIONS

SAMPLES = [*samples(), *rearranging_samples(), *writing_samples(), *window_samples(), *numpy_samples()]
GROUPS = sorted({sample.name.split()[0] for sample in SAMPLES})


def close(found: np.ndarray, wanted: np.ndarray, sample: Sample, how: str) -> None:
    assert found.shape == wanted.shape, (sample.name, how, found.shape, wanted.shape)
    if wanted.dtype.kind == "f":
        tolerance = 2e-5 if wanted.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=f"{sample.name} by {how}")
    else:
        np.testing.assert_array_equal(found, wanted, err_msg=f"{sample.name} by {how}")


@pytest.mark.parametrize("group", GROUPS)
def test_values_are_numpys(group: str) -> None:
    for sample in SAMPLES:
        if sample.name.split()[0] != group:
            continue
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = np.asarray(sample.oracle(*sample.arrays))
        for unknown in (False, True) if sample.unknown else (False,):
            inputs = symbolic(sample.arrays, unknown)
            result = sample.function(*inputs)
            half = wanted.dtype == np.float16
            assert half or result.dtype.numpy == wanted.dtype, (sample.name, result.dtype, wanted.dtype)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                if half:
                    wanted = np.asarray(sample.oracle(*[a.astype(np.float32) for a in sample.arrays]))
                values = dict(zip(inputs, sample.arrays))
                close(by_reference([result], values)[0], wanted, sample, "reference")
                close(by_meaning([result], values)[0], wanted, sample, "meaning")


def test_every_operation_is_sampled() -> None:
    seen = set()
    for sample in SAMPLES:
        for unknown in (False, True) if sample.unknown else (False,):
            seen |= {node.op for node in walk([sample.function(*symbolic(sample.arrays, unknown))])}
    assert [op.name for op in OPERATIONS if op not in seen] == []


def test_names_are_different() -> None:
    names = [op.name for op in OPERATIONS]
    assert len(set(names)) == len(names)
