"""Kernels joined into one: it does what they do in turn."""

from __future__ import annotations

import numpy as np

from croton.kernel.check import check
from croton.kernel.interpret import interpret
from croton.kernel.join import joined, swept
from croton.kernel.parallelise import sweeps
from croton.kernel.print import to_text

from .sample_kernels import SOFTMAX, WINDOW


def test_two_kernels_in_turn() -> None:
    for pair in ((SOFTMAX, WINDOW), (WINDOW, SOFTMAX), (SOFTMAX, SOFTMAX)):
        both = joined(pair)
        check(both)
        assert [sweep.loop for sweep in sweeps(both)] == [None]
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


def test_sweeps_keep_their_loops_and_share_what_is_the_same() -> None:
    kernel, buffers, sizes = swept((SOFTMAX, SOFTMAX), (("x", "y"), ("y", "z")), (("rows", "columns"), ("rows", "columns")))
    check(kernel)
    assert (buffers, sizes) == (("x", "y", "z"), ("rows", "columns"))
    assert [sweep.loop is not None and sweep.loop.parallel for sweep in sweeps(kernel)] == [True, True]
    x, y, z, once = np.random.default_rng(0).standard_normal((4, 3, 4)).astype(np.float32)
    interpret(kernel, [x, y, z], [3, 4])
    for given, found in ((x, y), (y, z)):
        interpret(SOFTMAX, [given, once], [3, 4])
        np.testing.assert_array_equal(found, once)
    z[:] = 0
    interpret(kernel, [x, y, z], [3, 4], (1, 2), sweep=1)
    np.testing.assert_array_equal(z, np.where([[False], [True], [False]], once, 0))


def test_what_is_seen_otherwise_is_a_buffer_of_its_own() -> None:
    kernel, buffers, _ = swept((SOFTMAX, SOFTMAX), (("x", "y"), ("x", "z")), (("rows", "columns"), ("columns", "rows")))
    check(kernel)
    assert buffers == ("x", "y", "x", "z")
