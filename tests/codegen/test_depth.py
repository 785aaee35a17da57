"""Long functions that wait for one another are computed for twice as many elements at a time, with the same values."""

from __future__ import annotations

import re

import numpy as np
import pytest
from native import compile_kernel

from croton.codegen import called, lanes
from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, AVX512, Target
from croton.dtypes import float32
from croton.kernel.language import Acc, Buffer, Const, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var


def chain(length: int, function: str = "tanh", together: bool = True, summed: bool = True, extent: int | str = "n0") -> Kernel:
    """A function of itself again and again, and the sum; or as many functions of one value."""
    here = (Index((("i0", 1),)),)
    body: list[Stmt] = [Load("v0", float32, "b0", here)]
    for number in range(length):
        before = f"v{3 * number}" if together else "v0"
        body += [
            Let(f"v{3 * number + 1}", float32, "mul", (Var(before), Const(0.5 + number / 8))),
            Let(f"v{3 * number + 2}", float32, function, (Var(f"v{3 * number + 1}"),)),
            Let(f"v{3 * number + 3}", float32, "add", (Var(f"v{3 * number + 2}"), Var(f"v{3 * number}"))),
        ]
    body.append(Store("b1", here, Var(f"v{3 * length}")))
    buffers = (Buffer("b0", float32, ("n0",)), Buffer("b1", float32, ("n0",)))
    if not summed:
        return Kernel(buffers, ("n0",), (Lanes("i0", extent, tuple(body)),))
    body.append(Update("s0", Var(f"v{3 * length}")))
    buffers += (Buffer("b2", float32, ()),)
    return Kernel(buffers, ("n0",), (Acc("s0", float32, "sum"), Lanes("i0", "n0", tuple(body)), Store("b2", (), Var("s0"))))


def width(kernel: Kernel, target: Target) -> int:
    """The elements that are computed at a time."""
    text = compile_text([("k", kernel)], target)
    return max(lanes for lanes in (16, 32, 64, 128) if f"<{lanes} x float>" in text)


def test_only_chains_are_wide_and_only_with_registers_enough() -> None:
    assert [width(chain(length), AVX512) for length in (1, 2, 3, 8)] == [32, 32, 64, 64]
    assert width(chain(8, together=False), AVX512) == 32, "they do not wait for one another"
    assert width(chain(8, "abs"), AVX512) == 32, "an instruction takes no time to wait for"
    assert width(chain(8), AVX2) == 16


def test_many_functions_that_wait_are_written_once() -> None:
    text = compile_text([("k0", chain(8)), ("k1", chain(6))], AVX512)
    assert text.count("define internal") == 1 and text.count("= call <64 x float> @tanh.v64f32") == 14
    assert "define internal" not in compile_text([("k", chain(4))], AVX512), "few are written where they are used"
    assert "define internal" not in compile_text([("k", chain(8, together=False))], AVX512), "the processor goes on with the next"


def test_called_functions_have_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    results = []
    for often in (called.OFTEN, 100):
        monkeypatch.setattr(called, "OFTEN", often)
        for function in ("tanh", "sin"):
            found, total = np.empty(1000, np.float32), np.zeros((), np.float32)
            compile_kernel(chain(8, function))([x, found, total], [1000])
            results.append((found, total))
    for (found, total), (wanted, sum_of_it) in zip(results[:2], results[2:]):
        assert np.array_equal(found, wanted) and total == sum_of_it


@pytest.mark.parametrize("count", [0, 1, 15, 16, 31, 33, 63, 64, 65, 100, 128, 129, 1000])
def test_values_of_chains(count: int) -> None:
    run = compile_kernel(chain(4), None)
    x = np.random.default_rng(count).standard_normal(count).astype(np.float32)
    found, total = np.full(count + 1, 7, np.float32), np.zeros((), np.float32)
    run([x, found, total], [count])
    wanted = x.astype(np.float64)
    for number in range(4):
        wanted = np.tanh(wanted * (0.5 + number / 8)) + wanted
    np.testing.assert_allclose(found[:count], wanted, rtol=2e-6, atol=1e-6)
    np.testing.assert_allclose(total, wanted.sum(), rtol=1e-5, atol=1e-4)
    assert found[count] == 7, "written behind the end"


def test_vectors_take_turns_where_functions_are_called() -> None:
    text = compile_text([("k", chain(8, summed=False))], AVX512)
    assert text.count("= call <64 x float> @tanh.v64f32") == 2 * 8 + 8, "two vectors, and what is left where there is no second one"
    loop = text[text.index("define void @k") :]
    order = "".join("c" if "@tanh" in found else "l" for found in re.findall(r"= call <64 x float> (@tanh|@llvm.masked.load)", loop))
    assert order.startswith("lclc" + 14 * "c"), "both have begun before the first one goes on"


@pytest.mark.parametrize("extent", ["n0", 100, 128, 300])
@pytest.mark.parametrize("function", ["tanh", "sin"])
def test_values_do_not_depend_on_whose_turn_it_is(extent: int | str, function: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for count in [extent] if isinstance(extent, int) else [0, 1, 63, 64, 65, 127, 128, 129, 191, 192, 193, 256, 257, 1000]:
        x = np.random.default_rng(count).standard_normal(count).astype(np.float32) * 50
        results = []
        for turns in (2, 1):
            monkeypatch.setattr(lanes, "TURNS", turns)
            found = np.full(count + 1, 7, np.float32)
            compile_kernel(chain(8, function, summed=False, extent=extent))([x, found], [count])
            assert found[count] == 7, "written behind the end"
            results.append(found)
        assert np.array_equal(*results)
        assert not count or np.isfinite(results[0]).all()
