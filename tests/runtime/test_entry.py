"""The native interpreter: what it accepts, what it computes, what it refuses, what it keeps."""

from __future__ import annotations

import gc
import sys
import threading
from typing import Any

import numpy as np
import pytest
from hand_kernels import elementwise, nothing

from croton.runtime.function import call_native, load
from croton.runtime.program import (
    Array,
    Check,
    Copy,
    Gemm,
    Gemv,
    Ger,
    Kernel,
    Output,
    Program,
    Routine,
    Shared,
    SizeCheck,
    SizeOperation,
    Syrk,
    Update,
    View,
    Zero,
)
from croton.runtime.status import Refused, Status
from croton.runtime.stream import Limits

VECTOR = Array("float64", (0,))
ADD = Program(
    inputs=(VECTOR, VECTOR),
    outputs=(Output("new", "float64", (0,)),),
    calls=(Kernel(0, (0, 1, 2), (0,)),),
    sizes=1,
)


def add_function(**options: Any) -> Any:
    address, code = elementwise("fadd")
    return load(ADD, [address], keep=[code], **options)


@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000])
def test_adds(length: int) -> None:
    x, y = np.arange(length, dtype=float), np.ones(length)
    result = add_function()(x, y)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, x + y)


def refusal(function: Any, *arguments: Any, **keywords: Any) -> Status:
    with pytest.raises(Refused) as caught:
        function(*arguments, **keywords)
    return caught.value.status


def test_refuses_what_does_not_fit() -> None:
    f, x = add_function(), np.ones(8)
    subclass = x.view(np.matrix)
    swapped = x.astype(">f8")
    odd = np.zeros(65, np.uint8)[1:].view(np.float64)
    assert refusal(f, x).reason == "arity"
    assert refusal(f, x, b=x) == Status(1, 0, 0, 1)
    assert refusal(f, x, [1.0] * 8)[:3] == (2, 1, 0)
    assert refusal(f, subclass, x)[:3] == (2, 0, 0)
    assert refusal(f, x, x.astype("f4")).wanted == "dtype"
    assert refusal(f, swapped, x).wanted == "dtype"
    assert refusal(f, np.ones(16)[::2], x).wanted == "layout"
    assert refusal(f, x, odd).wanted == "layout"
    assert refusal(f, x[None], x).wanted == "rank"
    size = refusal(f, x, x[:5])
    assert (size.reason, size.place, size.detail, size.value) == ("size", 1, 0, 5)
    assert all(str(refusal(f, *arguments)) for arguments in ((), (x, 1), (x, x[:3])))


def test_fallback_gets_status_and_arguments_and_may_call_again() -> None:
    seen = []

    def fallback(status: tuple[int, int, int, int], *arguments: Any, **keywords: Any) -> Any:
        seen.append((Status(*status).reason, len(arguments), keywords))
        return call_native(f, [np.ascontiguousarray(argument, float) for argument in (*arguments, *keywords.values())])

    f = add_function(fallback=fallback)
    np.testing.assert_array_equal(f([1, 2, 3], np.arange(6.0)[::2]), [1.0, 4.0, 7.0])
    np.testing.assert_array_equal(f([1], y=[2]), [3.0])
    assert seen == [("argument", 2, {}), ("arity", 1, {"y": [2]})]
    with pytest.raises(Refused):
        f([1, 2], [3])


def test_fallback_error_passes_through() -> None:
    def fallback(status: object, *arguments: Any) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        add_function(fallback=fallback)(1, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("a_transposed", [False, True])
@pytest.mark.parametrize("b_transposed", [False, True])
@pytest.mark.parametrize("sizes", [(3, 5, 4), (1, 1, 1), (0, 3, 2), (3, 0, 2), (3, 2, 0), (40, 30, 20)])
@pytest.mark.parametrize("flops", [0, 10**9])
def test_gemm(dtype: str, a_transposed: bool, b_transposed: bool, sizes: tuple[int, int, int], flops: int) -> None:
    m, n, k = sizes
    program = Program(
        inputs=(Array(dtype, (2, 0) if a_transposed else (0, 2)), Array(dtype, (1, 2) if b_transposed else (2, 1))),
        outputs=(Output("new", dtype, (0, 1)),),
        calls=(
            Gemm(
                dtype,
                a_transposed,
                b_transposed,
                *(0, 1, 2),
                *(0, 0 if a_transposed else 2),
                *(1, 2 if b_transposed else 1),
                *(2, 1),
                alpha=3.0,
                powers=((3, -2), (3, 1)),
            ),
        ),
        sizes=4,
        size_operations=(SizeOperation("add", 3, 0, 1),),
    )
    random = np.random.default_rng(1)
    x = random.normal(size=(k, m) if a_transposed else (m, k)).astype(dtype)
    y = random.normal(size=(n, k) if b_transposed else (k, n)).astype(dtype)
    result = load(program, limits=Limits(parallel_flops=flops))(x, y)
    wanted = (x.T if a_transposed else x) @ (y.T if b_transposed else y) * 3.0 / max(m + n, 1)
    assert result.dtype == dtype
    np.testing.assert_allclose(result, wanted, rtol=1e-4 if dtype == "float32" else 1e-12, atol=1e-5 if dtype == "float32" else 1e-12)
