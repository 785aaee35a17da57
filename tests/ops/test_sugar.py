"""Operators and methods say what the functions say."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as e
from croton.dtypes import bool_, float32, float64, int64
from croton.expr.expr import Expr
from croton.ops import linalg, reductions
from croton.ops.casting import result_type
from croton.ops.creation import matrix, scalar, tensor, vector
from croton.ops.sugar import install_operators
from croton.util.errors import KindError, NotSupportedError

install_operators()


def test_operators_are_the_functions() -> None:
    x, y = vector("x", ("n",)), vector("y", ("n",))
    i, j = vector("i", ("n",), dtype="int32"), vector("j", ("n",), dtype="int32")
    pairs: list[tuple[Any, Expr]] = [
        (x + y, e.add(x, y)), (x - y, e.subtract(x, y)), (x * y, e.multiply(x, y)), (x / y, e.divide(x, y)), (x // y, e.floor_divide(x, y)),
        (x % y, e.remainder(x, y)), (x**y, e.pow(x, y)), (x @ y, linalg.matmul(x, y)), (-x, e.negative(x)), (+x, x), (abs(x), e.abs(x)),
        (x == y, e.equal(x, y)), (x != y, e.not_equal(x, y)), (x < y, e.less(x, y)), (x <= y, e.less_equal(x, y)), (x > y, e.greater(x, y)),
        (x >= y, e.greater_equal(x, y)), (i & j, e.bitwise_and(i, j)), (i | j, e.bitwise_or(i, j)), (i ^ j, e.bitwise_xor(i, j)),
        (~i, e.bitwise_invert(i)), (i << j, e.bitwise_left_shift(i, j)), (i >> j, e.bitwise_right_shift(i, j)), (2 - x, e.subtract(2, x)),
        (2 / x, e.divide(2, x)), (2**x, e.pow(2, x)), (2 // x, e.floor_divide(2, x)), (2 % x, e.remainder(2, x)), (1 << i, e.bitwise_left_shift(1, i)),
        (divmod(x, y)[1], x % y), (round(x), e.round(x)), (x**0.5, e.sqrt(x)), (x**2, e.square(x)), (x > 2, e.greater(x, 2)),
    ]  # fmt: skip
    for found, wanted in pairs:
        assert found is wanted


def test_arrays_leave_the_operator_to_expressions() -> None:
    x = matrix("x", (3, 3))
    array = np.arange(9.0).reshape(3, 3)
    assert array + x is e.add(array, x)
    assert array @ x is linalg.matmul(array, x)
    assert (array < x) is e.less(array, x)
    assert np.float32(2) * x is e.multiply(np.float32(2), x)
    assert isinstance(np.float64(2) - x, Expr)


def test_numpys_functions_take_expressions() -> None:
    x = vector("x")
    assert np.exp(x) is e.exp(x)  # type: ignore[call-overload]
    assert np.arctan2(1.0, x) is e.atan2(1.0, x)  # type: ignore[call-overload]
    with pytest.raises(NotSupportedError, match=r"np\.add\.reduce"):
        np.add.reduce(x)  # type: ignore[call-overload]
    with pytest.raises(NotSupportedError, match=r"np\.ldexp"):
        np.ldexp(x, 2)  # type: ignore[call-overload]


def test_methods_are_the_functions() -> None:
    x: Any = matrix("x", ("n", 3))
    assert x.sum(0) is reductions.sum(x, 0)
    assert x.mean(axis=-1, keepdims=True) is reductions.mean(x, 1, None, True)
    assert x.max() is reductions.max(x)
    assert x.std(0, 1) is reductions.std(x, 0, 1)
    assert x.T.shape == (3, x.shape[0])
    assert x.T is x.transpose(1, 0) is x.transpose((1, 0)) is x.transpose() is x.mT
    assert x.T.T is not x and x.T.T.shape == x.shape
    assert x.reshape(-1).shape == (3 * x.shape[0],)
    assert x.reshape(3, -1) is x.reshape((3, -1))
    assert x.astype("float64") is x
    assert x.argmax(1).dtype is int64
    assert x.all().dtype is bool_
    assert x[0].shape == (3,)


def test_length_and_iteration_need_a_known_size() -> None:
    x: Any = matrix("x", (2, None))
    assert len(x) == 2
    assert [row.shape for row in x] == [(x.shape[1],)] * 2
    with pytest.raises(KindError, match="not known yet"):
        len(x.T)
    with pytest.raises(KindError, match="not known yet"):
        list(x.T)
    with pytest.raises(KindError, match="no length"):
        len(scalar("s"))


def test_sizes_take_part_in_arithmetic_like_numbers() -> None:
    x: Any = tensor("x", (None, 3), "float32")
    n = x.shape[0]
    for value in (x * n, n * x, x / n, n / x, x + (n - 1) * 2, n - x):
        assert value.dtype is float32
    assert (x.astype("int8") * n).dtype.name == "int8"
    assert result_type(x, n) is float32


def test_result_type_is_numpys() -> None:
    x = vector("x", dtype="float32")
    assert result_type(x, 2.5) is float32
    assert result_type(x, np.float64(2.5)) is float64
    assert result_type(np.zeros(2, "int32"), x) is float64
    assert result_type(2, True) is int64
    assert result_type(float32, int64) is float64


def test_assignment_says_what_to_write() -> None:
    x: Any = vector("x")
    with pytest.raises(KindError, match=r"x\.at\[index\]\.set"):
        x[0] = 1
