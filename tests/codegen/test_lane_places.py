"""Comparisons of places: masks as vectors of bytes agree with arithmetic on int64."""

from __future__ import annotations

import operator

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import bool_, float32, int64
from croton.kernel.language import Atom, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Store, Var

OPERATORS = {"eq": operator.eq, "ne": operator.ne, "lt": operator.lt, "le": operator.le, "gt": operator.gt, "ge": operator.ge}


def mask_kernel(lets: tuple[Let, ...], function: str, left: Atom, right: Atom) -> Kernel:
    """b1[i, j] = 1 where a comparison holds, for an index b0[i]."""
    at = (Index((("i0", 1),)), Index((("i1", 1),)))
    body = (*lets, Let("v8", bool_, function, (left, right)), Let("v9", float32, "where", (Var("v8"), Const(1.0), Const(0.0))))
    rows = (Load("v0", int64, "b0", (Index((("i0", 1),)),)), Lanes("i1", "n1", (*body, Store("b1", at, Var("v9")))))
    buffers = (Buffer("b0", int64, ("n0",)), Buffer("b1", float32, ("n0", "n1")))
    return Kernel(buffers, ("n0", "n1"), (For("i0", "n0", rows),))


PLACE = Let("v1", int64, "index", (Var("i1"),))
SPELLINGS = {
    "j ? b": ((PLACE,), Var("v1"), Var("v0")),
    "b ? j": ((PLACE,), Var("v0"), Var("v1")),
    "j - 5 ? b": ((PLACE, Let("v2", int64, "add", (Var("v1"), Const(-5)))), Var("v2"), Var("v0")),
    "b - j ? 7": ((PLACE, Let("v2", int64, "sub", (Var("v0"), Var("v1")))), Var("v2"), Const(7)),
    "40 - j ? b": (
        (PLACE, Let("v2", int64, "mul", (Var("v1"), Const(-1))), Let("v3", int64, "add", (Const(40), Var("v2")))),
        Var("v3"),
        Var("v0"),
    ),
}
MEANINGS = {
    "j ? b": lambda j, b: (j, b),
    "b ? j": lambda j, b: (b, j),
    "j - 5 ? b": lambda j, b: (j - 5, b),
    "b - j ? 7": lambda j, b: (b - j, 0 * j + 7),
    "40 - j ? b": lambda j, b: (40 - j, b),
}


@pytest.mark.parametrize("target", [None, AVX2, BASELINE])
@pytest.mark.parametrize("spelling", sorted(SPELLINGS))
def test_masks_of_places(spelling: str, target: Target | None) -> None:
    lets, left, right = SPELLINGS[spelling]
    index = np.array([0, 1, 31, 32, 33, 69, 70, 71, -1, -5, 10**12, -(10**12)])
    for function, meaning in OPERATORS.items():
        result = np.full((len(index), 71), 7, np.float32)
        compile_kernel(mask_kernel(lets, function, left, right), target)([index, result], [len(index), 71])
        one, two = MEANINGS[spelling](np.arange(71)[None, :], index[:, None])
        np.testing.assert_array_equal(result, meaning(one, two).astype(np.float32), err_msg=function)


def test_the_ends_of_the_range_do_not_wrap() -> None:
    lets, left, right = SPELLINGS["j ? b"]
    index = np.array([2**63 - 1, -(2**63)])
    result = np.zeros((2, 71), np.float32)
    compile_kernel(mask_kernel(lets, "lt", left, right))([index, result], [2, 71])
    np.testing.assert_array_equal(result, [[1.0] * 71, [0.0] * 71])


def test_no_vector_of_int64_is_compared() -> None:
    lets, left, right = SPELLINGS["j ? b"]
    text = compile_text([("k", mask_kernel(lets, "eq", left, right))], AVX512)
    assert "icmp eq <32 x i8>" in text and "icmp eq <32 x i64>" not in text
