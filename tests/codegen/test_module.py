"""Kernels written by hand: shapes of loops that random ones reach seldom, and how accurate sums are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from native import compile_kernel

from croton import dtypes
from croton.codegen.module import compile_text, compile_texts
from croton.codegen.target import AVX2, AVX512, BASELINE, Target
from croton.dtypes import DType, bool_, float32, float64, int64
from croton.kernel.interpret import interpret
from croton.kernel.language import Acc, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var

TARGETS = pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])


def at(*terms: str | tuple[str, Extent], const: Extent = 0) -> Index:
    return Index(tuple((term, 1) if isinstance(term, str) else term for term in terms), const)


def total(dtype: dtypes.DType, op: str) -> Kernel:
    return Kernel(
        (Buffer("b0", dtype, ("n0",)), Buffer("b1", dtype, ())),
        ("n0",),
        (
            Acc("v0", dtype, op),
            Lanes("i0", "n0", (Load("v1", dtype, "b0", (at("i0"),)), Update("v0", Var("v1")))),
            Store("b1", (), Var("v0")),
        ),
    )


@TARGETS
def test_the_error_of_a_float32_sum_does_not_grow(target: Target | None) -> None:
    native = compile_kernel(total(float32, "sum"), target)
    result = np.zeros((), np.float32)
    for values in (np.random.default_rng(3).random(10**7, np.float32), np.full(10**7, 0.1, np.float32)):
        native([values, result], [len(values)])
        assert abs(float(result) / values.sum(dtype=np.float64) - 1) < 5e-7


def test_a_float32_sum_over_rows_does_not_lose_rows() -> None:
    kernel = Kernel(
        (Buffer("b0", float32, ("n0", 3)), Buffer("b1", float32, ())),
        ("n0",),
        (
            Acc("v0", float32, "sum"),
            For("i0", "n0", (Lanes("i1", 3, (Load("v1", float32, "b0", (at("i0"), at("i1"))), Update("v0", Var("v1")))),)),
            Store("b1", (), Var("v0")),
        ),
    )
    values = np.full((10**6, 3), 0.1, np.float32)
    result = np.zeros((), np.float32)
    compile_kernel(kernel)([values, result], [10**6])
    assert abs(float(result) / values.sum(dtype=np.float64) - 1) < 2e-7


@TARGETS
def test_reductions_of_every_dtype(target: Target | None) -> None:
    generator = np.random.default_rng(5)
    for dtype in dtypes.ALL:
        ops = {"any": np.any, "all": np.all} if dtype.is_bool else {"sum": np.sum, "max": np.max, "min": np.min, "prod": np.prod}
        for op, reference in ops.items():
            native = compile_kernel(total(dtype, op), target)
            for count in (1, 7, 300):
                values = (
                    generator.integers(0, 2 if dtype.is_bool else 3, count).astype(dtype.numpy)
                    if op != "prod"
                    else np.ones(count, dtype.numpy)
                )
                values[:2] = 2 if not dtype.is_bool else 1
                result = np.zeros((), dtype.numpy)
                native([values, result], [count])
                kind = {} if dtype.is_bool or op in ("max", "min") else {"dtype": dtype.numpy}
                assert result == reference(values, **kind), (op, dtype, count)


@pytest.mark.parametrize(("op", "place"), [("max", 0), ("max", 70), ("min", 33), ("sum", 99)])
def test_nan_travels_through_reductions(op: str, place: int) -> None:
    values = np.arange(100, dtype=np.float32)
    values[place] = np.nan
    result = np.zeros((), np.float32)
    compile_kernel(total(float32, op))([values, result], [100])
    assert np.isnan(result)


def test_nothing_to_reduce_gives_the_unit() -> None:
    result = np.full((), 7, np.float32)
    for op, unit in (("sum", 0), ("prod", 1), ("max", -np.inf), ("min", np.inf)):
        compile_kernel(total(float32, op))([np.zeros(0, np.float32), result], [0])
        assert result == unit


def test_division_by_a_fixed_value_keeps_extreme_quotients() -> None:
    for dtype, tiny, huge in ((float32, 1e-44, 3e38), (float64, 5e-323, 1.7e308)):
        kernel = Kernel(
            (Buffer("b0", dtype, ("n0",)), Buffer("b1", dtype, ()), Buffer("b2", dtype, ("n0",))),
            ("n0",),
            (
                Load("v0", dtype, "b1", ()),
                Lanes(
                    "i0",
                    "n0",
                    (
                        Load("v1", dtype, "b0", (at("i0"),)),
                        Let("v2", dtype, "div", (Var("v1"), Var("v0"))),
                        Store("b2", (at("i0"),), Var("v2")),
                    ),
                ),
            ),
        )
        native = compile_kernel(kernel)
        values = np.array([0, tiny, -tiny, huge, -huge, 1, 3, np.inf, np.nan, -0.0] * 5, dtype.numpy)
        for divisor in (tiny, huge, -huge, 3, 0, np.inf, np.nan, 1e30, 1e-30):
            result = np.zeros_like(values)
            native([values, np.array(divisor, dtype.numpy), result], [len(values)])
            with np.errstate(all="ignore"):
                wanted = values / dtype.numpy.type(divisor)
            np.testing.assert_allclose(
                result, wanted, rtol=4 * np.finfo(dtype.numpy).eps, atol=2 * np.finfo(dtype.numpy).smallest_subnormal
            )


@TARGETS
@pytest.mark.parametrize("count", [0, 1, 4, 5, 11])
@pytest.mark.parametrize("across", [1, 6, 33, 100])
def test_column_reductions_take_rows_together(target: Target | None, count: int, across: int) -> None:
    kernel = Kernel(
        (
            Buffer("b0", float32, ("n0", "n1")),
            Buffer("b1", float32, ("n0",)),
            Buffer("b2", float32, ("n1",)),
            Buffer("b3", float32, ("n1",)),
        ),
        ("n0", "n1"),
        (
            For(
                "i0",
                "n0",
                (
                    Load("v0", float32, "b1", (at("i0"),)),
                    Lanes(
                        "i1",
                        "n1",
                        (
                            Load("v1", float32, "b0", (at("i0"), at("i1"))),
                            Let("v2", float32, "mul", (Var("v1"), Var("v0"))),
                            Store("b2", (at("i1"),), Var("v2"), "sum"),
                            Store("b3", (at("i1"),), Var("v1"), "max"),
                        ),
                    ),
                ),
            ),
        ),
    )
    generator = np.random.default_rng(count + across)
    x, w = generator.standard_normal((count, across)).astype(np.float32), generator.standard_normal(count).astype(np.float32)
    sums, most = np.ones(across, np.float32), np.zeros(across, np.float32)
    compile_kernel(kernel, target)([x, w, sums, most], [count, across])
    np.testing.assert_allclose(sums, 1 + w @ x, rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(most, np.vstack([np.zeros((1, across), np.float32), x]).max(0))


@TARGETS
@pytest.mark.parametrize("window", [1, 2, 3, 5, 7, 100])
def test_windows_of_known_length(target: Target | None, window: int) -> None:
    body = (
        Load("v0", float32, "b1", (at("i0"),)),
        Lanes(
            "i1",
            "n1",
            (
                Load("v1", float32, "b0", (at("i0", "i1"),)),
                Let("v2", float32, "mul", (Var("v0"), Var("v1"))),
                Store("b2", (at("i1"),), Var("v2"), "sum"),
            ),
        ),
    )
    buffers = (Buffer("b0", float32, ("n0",)), Buffer("b1", float32, (window,)), Buffer("b2", float32, ("n1",)))
    kernel = Kernel(buffers, ("n0", "n1"), (For("i0", window, body),))
    generator = np.random.default_rng(window)
    x, w = generator.standard_normal(150 + window - 1).astype(np.float32), generator.standard_normal(window).astype(np.float32)
    result = np.zeros(150, np.float32)
    compile_kernel(kernel, target)([x, w, result], [len(x), 150])
    np.testing.assert_allclose(result, np.correlate(x, w, "valid"), rtol=1e-5, atol=1e-5)


@TARGETS
@pytest.mark.parametrize("count", [0, 1, 31, 64, 200])
def test_reading_backwards(target: Target | None, count: int) -> None:
    for dtype in (float32, bool_, int64):
        kernel = Kernel(
            (Buffer("b0", dtype, ("n0",)), Buffer("b1", dtype, ("n0",))),
            ("n0", "n1"),
            (Lanes("i0", "n0", (Load("v0", dtype, "b0", (at(("i0", -1), const="n1"),)), Store("b1", (at("i0"),), Var("v0")))),),
        )
        x = np.random.default_rng(count).integers(0, 2, count).astype(dtype.numpy)
        result = np.zeros_like(x)
        compile_kernel(kernel, target)([x, result], [count, count - 1])
        np.testing.assert_array_equal(result, x[::-1])


@TARGETS
def test_lanes_that_meet_add_up_one_by_one(target: Target | None) -> None:
    kernel = Kernel(
        (Buffer("b0", int64, ("n0",)), Buffer("b1", float32, ("n0",)), Buffer("b2", float32, (4,)), Buffer("b3", float32, (4,))),
        ("n0",),
        (
            Lanes(
                "i0",
                "n0",
                (
                    Load("v0", int64, "b0", (at("i0"),)),
                    Load("v1", float32, "b1", (at("i0"),)),
                    Store("b2", (at("v0"),), Var("v1"), "sum"),
                    Store("b3", (at("v0"),), Var("v1")),
                ),
            ),
        ),
    )
    places = np.random.default_rng(2).integers(0, 4, 101)
    values = np.arange(101, dtype=np.float32)
    sums, last = np.zeros((2, 4), np.float32)
    compile_kernel(kernel, target)([places, values, sums, last], [101])
    np.testing.assert_array_equal(sums, np.bincount(places, values))
    np.testing.assert_array_equal(last, [values[places == k][-1] for k in range(4)])


@TARGETS
def test_a_guard_keeps_memory_untouched(target: Target | None) -> None:
    """The lanes whose guard is false have an index far outside of the buffers: reading or writing there would crash."""
    far = 1 << 40
    kernel = Kernel(
        (Buffer("b0", float32, ("n0",)), Buffer("b1", float32, ("n0",))),
        ("n0",),
        (
            Lanes(
                "i0",
                "n0",
                (
                    Let("v0", int64, "index", (Var("i0"),)),
                    Let("v1", int64, "remainder", (Var("v0"), Const(3))),
                    Let("v2", bool_, "eq", (Var("v1"), Const(0))),
                    Let("v3", int64, "where", (Var("v2"), Var("v0"), Const(far))),
                    Load("v4", float32, "b0", (at("v3"),), "v2"),
                    Store("b1", (at("v3"),), Var("v4"), None, "v2"),
                    Store("b1", (at("v3"),), Var("v4"), "sum", "v2"),
                ),
            ),
        ),
    )
    x, y = np.arange(50, dtype=np.float32), np.full(50, -1, np.float32)
    compile_kernel(kernel, target)([x, y], [50])
    np.testing.assert_array_equal(y, np.where(np.arange(50) % 3 == 0, 2 * x, -1))


def test_a_parallel_vector_loop_runs_its_part() -> None:
    kernel = Kernel(
        (Buffer("b0", float64, ("n0",)),),
        ("n0",),
        (
            Let("v0", float64, "size", (Var("n0"),)),
            Lanes(
                "i0",
                "n0",
                (
                    Load("v1", float64, "b0", (at("i0"),)),
                    Let("v2", float64, "add", (Var("v1"), Var("v0"))),
                    Store("b0", (at("i0"),), Var("v2")),
                ),
                True,
            ),
        ),
    )
    native = compile_kernel(kernel)
    values = np.zeros(100)
    for low, high in ((0, 0), (0, 37), (37, 99), (99, 100)):
        native([values], [100], (low, high))
    np.testing.assert_array_equal(values, np.full(100, 100))


@pytest.mark.parametrize("dtype", [float32, float64])
@pytest.mark.parametrize("number", [0.1, -0.0, 1e-310, 3e38, 1e300, float("inf"), float("nan")])
def test_a_number_whose_bits_are_a_size(dtype: DType, number: float) -> None:
    buffers = (Buffer("b0", dtype, ("n0",)),)
    kernel = Kernel(buffers, ("n0", "n1"), (Let("v0", dtype, "bits", (Var("n1"),)), Lanes("i0", "n0", (Store("b0", (at("i0"),), Var("v0")),))))
    found, wanted = np.zeros((2, 5), dtype.numpy)
    sizes = [5, int(np.float64(number).view(np.int64))]
    compile_kernel(kernel)([found], sizes)
    with np.errstate(over="ignore"):
        interpret(kernel, [wanted], sizes)
        assert found.tobytes() == wanted.tobytes() == np.full(5, number).astype(dtype.numpy).tobytes()


@pytest.mark.parametrize("across", [1, 2, 3, 10, 16, 17, 40, 64, 100])
def test_extents_that_are_known(across: int) -> None:
    kernel = Kernel(
        (Buffer("b0", float32, ("n0", across)), Buffer("b1", float32, ("n0",))),
        ("n0",),
        (
            For(
                "i0",
                "n0",
                (
                    Acc("v0", float32, "sum"),
                    Lanes("i1", across, (Load("v1", float32, "b0", (at("i0"), at("i1"))), Update("v0", Var("v1")))),
                    Store("b1", (at("i0"),), Var("v0")),
                ),
            ),
        ),
    )
    x = np.random.default_rng(across).standard_normal((5, across)).astype(np.float32)
    result = np.zeros(5, np.float32)
    compile_kernel(kernel)([x, result], [5])
    np.testing.assert_allclose(result, x.sum(1), rtol=1e-5, atol=1e-6)


@TARGETS
@pytest.mark.parametrize("shape", [(10**6, 3), (1000, 2500)])
def test_the_error_of_a_column_sum_does_not_grow(target: Target | None, shape: tuple[int, int]) -> None:
    kernel = Kernel(
        (Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, ("n1",))),
        ("n0", "n1"),
        (
            For(
                "i0",
                "n0",
                (Lanes("i1", "n1", (Load("v0", float32, "b0", (at("i0"), at("i1"))), Store("b1", (at("i1"),), Var("v0"), "sum"))),),
            ),
        ),
    )
    values = np.full(shape, 0.1, np.float32)
    result = np.zeros(shape[1], np.float32)
    compile_kernel(kernel, target)([values, result], list(shape))
    np.testing.assert_allclose(result, np.full(shape[1], float(np.float32(0.1)) * shape[0]), rtol=1e-6)


def test_the_text_of_a_loop() -> None:
    """What is fixed is computed before the loop; a division by it becomes a multiplication; odd ends run under a mask, once, if the target has masks."""
    body = (
        Load("v1", float32, "b0", (at("i0"),)),
        Let("v2", float32, "div", (Var("v1"), Var("v0"))),
        Store("b0", (at("i0"),), Var("v2")),
    )
    kernel = Kernel((Buffer("b0", float32, ("n0",)), Buffer("b1", float32, ())), ("n0",), (Load("v0", float32, "b1", ()), Lanes("i0", "n0", body)))
    masked = compile_text([("k", kernel)], AVX512)
    assert masked.count("fdiv") == 1 and masked.index("fdiv") < masked.index("load <32 x float>")
    # whole vectors and their rest; and all of it under masks for a divisor whose reciprocal has to be scaled
    assert masked.count("call void @llvm.masked.store.v32f32.p0") == 2 and masked.count("store <32 x float>") == 1
    assert masked.count("= phi i64") == 2, "a loop for each"
    plain = compile_text([("k", kernel)], AVX2)
    assert "masked" not in plain and plain.count("store <16 x float>") == 1 and plain.count("fdiv") == 2
    assert "alloca" not in masked + plain


def asked(body: Sequence[Stmt], *shape: int | str, target: Target = AVX512) -> list[str]:
    """The lines of a loop's text that ask for memory: a loop over the first buffer, which is written or reduced, the others being read."""
    buffers = tuple(Buffer(name, float32, shape) for name in ("b0", "b1"))
    kernel = Kernel((*buffers, Buffer("b2", float32, ())), ("n0",), (*body, Store("b2", (), Var("s0"))))
    return [line for line in compile_text([("k", kernel)], target).splitlines() if "call void @llvm.prefetch" in line]


def test_loops_ask_for_memory_early() -> None:
    """Each line of 64 bytes once in a pass: what is written, and what is read in long passes. Nothing for the end of a row, and for small arrays."""
    here, sum_ = (at("i0"),), Acc("s0", float32, "sum")
    read, written = (Load(f"v{i}", float32, f"b{i}", here) for i in (1, 0))

    def loop(function: str, last: Stmt, extent: Extent = "n0") -> list[Stmt]:
        return [sum_, Lanes("i0", extent, (read, written, Let("v2", float32, function, (Var("v1"),)), last))]

    store, update = Store("b0", here, Var("v2")), Update("s0", Var("v2"))
    for target, lines in ((AVX512, 2), (AVX2, 1)):
        assert [line[-20:] for line in asked(loop("neg", store), "n0", target=target)] == ["i32 1, i32 3, i32 1)"] * lines
        both = asked(loop("exp", store), "n0", target=target)
        assert [line[-20:] for line in both] == ["i32 1, i32 3, i32 1)"] * lines + ["i32 0, i32 3, i32 1)"] * lines, "b0, which is read too, once"
        assert len(asked(loop("exp", update), "n0", target=target)) == 2 * lines
    assert not asked(loop("neg", update), "n0"), "the processor looks far enough ahead"
    assert not asked(loop("neg", Store("b0", here, Var("v2"), "sum")), "n0"), "a row that others are added to"
    assert not asked(loop("exp", store, 1000), 1000), "small"


def test_kernels_are_put_into_modules_until_they_are_full() -> None:
    body = (Load("v0", float32, "b0", (at("i0"),)), Let("v1", float32, "exp", (Var("v0"),)), Store("b0", (at("i0"),), Var("v1")))
    kernels = [(f"k{i}", Kernel((Buffer("b0", float32, ("n0",)),), ("n0",), (Lanes("i0", "n0", body),))) for i in range(5)]
    one = len(compile_text(kernels[:1], AVX512))
    texts = list(compile_texts(iter(kernels), AVX512, one))
    names = [[name for name, _ in kernels if f"@{name}(" in text] for text in texts]
    assert names == [["k0", "k1"], ["k2", "k3"], ["k4"]]
    assert list(compile_texts(kernels[:1], AVX512, one)) == [compile_text(kernels[:1], AVX512)]
    assert list(compile_texts([], AVX512)) == []
