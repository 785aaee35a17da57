"""Every function of the loop language that is not mathematics proper, on every dtype and target, against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from native import compile_kernel, compile_kernels

from croton import dtypes
from croton.codegen.module import compile_text
from croton.codegen.scalar import CodegenError
from croton.codegen.target import AVX2, BASELINE, Target
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.dtypes import DType, bool_, float32, int32
from croton.kernel.functions import FUNCTIONS, Function, evaluate
from croton.kernel.language import Buffer, Const, Index, Kernel, Lanes, Let, Load, Store, Var

LENGTHS = (0, 1, 5, 64, 257)
HERE = (Index((("i0", 1),)),)


def samples(dtype: DType, count: int, generator: np.random.Generator) -> np.ndarray:
    """Random values, many of them the awkward ones."""
    if dtype.is_bool:
        return generator.random(count) < 0.5
    if dtype.is_float:
        drawn = (generator.standard_normal(count) * 10.0 ** generator.integers(-2, 3, count)).astype(dtype.numpy)
        awkward = [0, -0.0, 1, -1, 0.5, -0.5, 1.5, 2.5, np.inf, -np.inf, np.nan, 3, 1e-40, 2**0.5, 7]
    else:
        limits = np.iinfo(dtype.numpy)
        drawn = generator.integers(limits.min, limits.max, count, dtype=dtype.numpy, endpoint=True)
        awkward = [0, 1, limits.max, limits.min, 2, 3, 7, limits.max - 1]
    return np.where(generator.random(count) < 0.5, generator.choice(np.array(awkward, dtype.numpy), count), drawn)


def kernel_of(function: Function, takes: list[DType], gives: DType) -> Kernel:
    buffers = tuple(Buffer(f"b{place}", dtype, ("n0",)) for place, dtype in enumerate([*takes, gives]))
    loads = tuple(Load(f"v{place}", dtype, f"b{place}", HERE) for place, dtype in enumerate(takes))
    value = Let("v9", gives, function.name, tuple(Var(f"v{place}") for place in range(len(takes))))
    return Kernel(buffers, ("n0",), (Lanes("i0", "n0", (*loads, value, Store(f"b{len(takes)}", HERE, Var("v9")))),))


def signatures() -> list[tuple[Function, list[DType], DType]]:
    found = []
    for function in FUNCTIONS.values():
        if function.form in ("cast", "label", "size") or function.name in MATHEMATICS or function.name in ("pow", "xlogx", "xlogy", "fma"):
            continue
        for dtype in dtypes.ALL:
            if dtype.kind in function.takes:
                takes = [bool_, dtype, dtype] if function.form == "where" else [dtype] * function.arity
                found.append((function, takes, bool_ if function.form in ("compare", "test") else dtype))
    return found


@pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
def test_functions_equal_numpy_exactly(target: Target | None) -> None:
    generator = np.random.default_rng(7)
    wanted = signatures()
    natives = compile_kernels([kernel_of(*signature) for signature in wanted], target)
    for native, (function, takes, gives) in zip(natives, wanted):
        for count in LENGTHS:
            arrays = [samples(dtype, count, generator) for dtype in takes]
            if function.name.startswith("shift"):
                arrays[1] = (arrays[1].astype(np.int64) % (takes[1].bits + 2)).astype(takes[1].numpy)
            result = np.zeros(count, gives.numpy)
            native([*arrays, result], [count])
            np.testing.assert_array_equal(result, evaluate(function.name, gives, *arrays), f"{function.name} of {takes[-1]}")


def test_casts_equal_numpy() -> None:
    generator = np.random.default_rng(8)
    pairs = [(one, two) for one in dtypes.ALL for two in dtypes.ALL]
    natives = compile_kernels([kernel_of(FUNCTIONS["cast"], [one], two) for one, two in pairs])
    for native, (one, two) in zip(natives, pairs):
        values = samples(one, 131, generator)
        if one.is_float and two.is_integer:
            limits = np.iinfo(two.numpy)
            values = generator.uniform(max(limits.min, -1e18) * 0.9, min(limits.max, 1.8e19) * 0.9, 131).astype(one.numpy)
        result = np.zeros(131, two.numpy)
        native([values, result], [131])
        with np.errstate(all="ignore"):
            np.testing.assert_array_equal(result, values.astype(two.numpy), f"{one} to {two}")


def test_casts_of_what_does_not_fit_do_not_crash() -> None:
    for two in dtypes.ALL:
        native = compile_kernel(kernel_of(FUNCTIONS["cast"], [float32], two))
        native([np.array([np.nan, np.inf, -np.inf, 1e30, -1e30] * 9, np.float32), np.zeros(45, two.numpy)], [45])


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 5, 11, 16, -1, -2, 0.5, -0.5, 1.5, -1.5, 2.5, 3.5, -3.5, 4.5])
def test_powers_with_a_constant_exponent(exponent: float) -> None:
    for dtype in (float32, dtypes.float64, int32):
        if dtype is int32 and (exponent < 0 or exponent % 1):
            continue
        kernel = Kernel(
            (Buffer("b0", dtype, ("n0",)), Buffer("b1", dtype, ("n0",))),
            ("n0",),
            (
                Lanes(
                    "i0",
                    "n0",
                    (
                        Load("v0", dtype, "b0", HERE),
                        Let("v1", dtype, "pow", (Var("v0"), Const(exponent))),
                        Store("b1", HERE, Var("v1")),
                    ),
                ),
            ),
        )
        values = np.array([0, 1, -1, 2, 3, -5, 7] + ([] if dtype is int32 else [0.5, -0.0, 1e-300, 1e-40, 1e15, np.inf, -np.inf, np.nan]), dtype.numpy)
        result = np.zeros_like(values)
        compile_kernel(kernel)([values, result], [len(values)])
        with np.errstate(all="ignore"):
            # The power 0.5 of -inf is nan, as the root is, since NumPy 2.3; it was inf.
            expected = np.sqrt(values) if exponent == 0.5 else np.power(values, dtype.numpy.type(exponent))
            np.testing.assert_allclose(result, expected, rtol=2e-6 if dtype is float32 else 2e-15)


def test_integer_powers_with_a_variable_exponent() -> None:
    native = compile_kernel(kernel_of(FUNCTIONS["pow"], [int32, int32], int32))
    base, exponent = np.array([2, 3, -3, 0, 7, 5], np.int32), np.array([30, 4, 5, 0, 11, 1], np.int32)
    result = np.zeros_like(base)
    native([base, exponent, result], [6])
    np.testing.assert_array_equal(result, base**exponent)


def test_what_has_no_code_says_so() -> None:
    kernel = Kernel((), (), (Let("v0", int32, "sqrt", (Const(4),)),))
    with pytest.raises(CodegenError, match="not supported: native code for sqrt of int32"):
        compile_text([("k", kernel)])


@pytest.mark.parametrize("exponent", [1.5, -0.5, -2.5])
def test_powers_of_half_an_odd_number_take_a_root(exponent: float) -> None:
    lanes = (Load("v0", float32, "b0", HERE), Let("v1", float32, "pow", (Var("v0"), Const(exponent))), Store("b1", HERE, Var("v1")))
    kernel = Kernel((Buffer("b0", float32, ("n0",)), Buffer("b1", float32, ("n0",))), ("n0",), (Lanes("i0", "n0", lanes),))
    text = compile_text([("k", kernel)])
    assert "@llvm.sqrt" in text and "@llvm.fma" not in text
