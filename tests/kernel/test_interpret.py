"""The NumPy meaning of kernels, against NumPy written out."""

from __future__ import annotations

import numpy as np
import pytest

from croton.dtypes import float32, int64
from croton.kernel.interpret import interpret
from croton.kernel.language import Acc, Buffer, For, Kernel, Lanes, Load, Store, Update, Var

from .sample_kernels import SOFTMAX, WINDOW, at


def test_softmax() -> None:
    x = np.random.default_rng(1).standard_normal((4, 9)).astype(np.float32)
    y = np.zeros_like(x)
    interpret(SOFTMAX, [x, y], [4, 9])
    e = np.exp(x - x.max(1, keepdims=True))
    np.testing.assert_allclose(y, e / e.sum(1, keepdims=True), rtol=1e-6)


def test_a_span_runs_a_part_of_a_parallel_loop() -> None:
    x = np.ones((4, 5), np.float32)
    y = np.zeros_like(x)
    interpret(SOFTMAX, [x, y], [4, 5], (1, 3))
    np.testing.assert_allclose(y.sum(1), [0, 1, 1, 0])


def test_guards_gathers_and_reductions_in_place() -> None:
    x = np.arange(14, dtype=np.float32).reshape(2, 7)
    places = np.array([6, 5, 4, 3, 2, 1, 0])
    y = np.full((7, 2), -1, np.float32)
    interpret(WINDOW, [x, places, y], [2])
    np.testing.assert_array_equal(y[:, 0], np.full(7, -1))
    np.testing.assert_array_equal(y[:, 1], x[0])


def test_a_running_sum_reads_its_accumulator() -> None:
    kernel = Kernel(
        (Buffer("b0", float32, ("n0",)), Buffer("b1", float32, ("n0",))),
        ("n0",),
        (
            Acc("v0", float32, "sum"),
            For("i0", "n0", (Load("v1", float32, "b0", (at("i0"),)), Update("v0", Var("v1")), Store("b1", (at("i0"),), Var("v0")))),
        ),
    )
    x = np.arange(5, dtype=np.float32)
    y = np.zeros_like(x)
    interpret(kernel, [x, y], [5])
    np.testing.assert_array_equal(y, np.cumsum(x))


def test_an_index_outside_names_the_statement() -> None:
    kernel = Kernel((Buffer("b0", int64, ("n0",)),), ("n0",), (Lanes("i0", "n0", (Load("v0", int64, "b0", (at("i0", const=1),)),)),))
    with pytest.raises(IndexError, match=r"v0: int64 = b0\[i0 \+ 1\]"):
        interpret(kernel, [np.zeros(3, np.int64)], [3])
