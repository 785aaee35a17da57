"""Every operation, compiled: for each operation and kind of dtype one sample through the whole compiler, with unknown sizes where it takes them."""

from __future__ import annotations

import warnings

import numpy as np
from evaluation import symbolic
from samples import Sample, samples

from croton.compile.function import function
from croton.expr.walk import walk


def chosen() -> list[Sample]:
    """The first sample that shows each operation with each kind of input."""
    seen: set[tuple] = set()
    result = []
    for sample in samples():
        nodes = walk([sample.function(*symbolic(sample.arrays, False))])
        kinds = {(node.op.name, *(x.dtype.kind for x in node.inputs)) for node in nodes if node.op is not None}
        if not kinds <= seen:
            seen |= kinds
            result.append(sample)
    return result


def test_compiled_values_are_numpys() -> None:
    for sample in chosen():
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wanted = np.asarray(sample.oracle(*sample.arrays))
            if wanted.dtype == np.float16:
                wanted = np.asarray(sample.oracle(*[a.astype(np.float32) for a in sample.arrays]))
        inputs = symbolic(sample.arrays, sample.unknown)
        found = np.asarray(function(inputs, sample.function(*inputs))(*sample.arrays))
        assert found.dtype == wanted.dtype and found.shape == wanted.shape, sample.name
        tolerance = 2e-5 if wanted.dtype == np.float32 else 1e-11
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance, err_msg=sample.name)
