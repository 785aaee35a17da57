"""Kernels joined into one: it does what they do in turn."""

from __future__ import annotations

import numpy as np

from croton.kernel.check import check
from croton.kernel.interpret import interpret
from croton.kernel.join import joined
from croton.kernel.parallelise import parallel_loop
from croton.kernel.print import to_text

from .sample_kernels import SOFTMAX, WINDOW


def test_two_kernels_in_turn() -> None:
    for pair in ((SOFTMAX, WINDOW), (WINDOW, SOFTMAX), (SOFTMAX, SOFTMAX)):
        both = joined(pair)
        check(both)
        assert parallel_loop(both) is None
        assert len({buffer.name for buffer in both.buffers}) == sum(len(kernel.buffers) for kernel in pair)


def test_the_values_of_both() -> None:
    x, first, second = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32), *np.zeros((2, 3, 4), np.float32)
    interpret(joined((SOFTMAX, SOFTMAX)), [x, first, first, second], [3, 4, 3, 4])
    once = np.zeros_like(x)
    interpret(SOFTMAX, [x, once], [3, 4])
    twice = np.zeros_like(x)
    interpret(SOFTMAX, [once, twice], [3, 4])
    np.testing.assert_array_equal(first, once)
    np.testing.assert_array_equal(second, twice)


def test_one_kernel_is_itself_but_in_order() -> None:
    assert to_text(joined((SOFTMAX,)), "softmax") == to_text(SOFTMAX, "softmax").replace("parallel ", "")
