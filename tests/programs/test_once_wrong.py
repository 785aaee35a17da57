"""Small programs that random ones led to: each was wrong once."""

from __future__ import annotations

import numpy as np

import croton as cr

RNG = np.random.default_rng(0)


def test_what_is_written_into_a_guarded_reader_reads_under_the_guard() -> None:
    x = cr.tensor("x", shape=(2, 4))
    rows = cr.take(x, np.array([0, 0, 1, 0, 1]), axis=0)
    slopes = cr.grad(rows.max(), rows)
    f = cr.function([x], cr.concatenate([slopes, slopes], axis=0))
    # the joined rows are more than there are indices: none may be read beyond them
    text = next(kernel for kernel in f.account.kernels if "n0, 4" in kernel)
    reads = [line for line in text.splitlines() if "= b0[i0" in line]
    assert all(" if " in line for line in reads)
    np.testing.assert_allclose(f(np.ones((2, 4))), np.full((10, 4), 0.05))
