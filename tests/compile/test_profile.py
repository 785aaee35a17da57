"""Where the time of a call goes."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, OutOfRangeError, ShapeError


@pytest.fixture
def step():
    x, W = cr.matrix("x"), cr.shared(np.arange(2048.0).reshape(64, 32) / 1e4, name="W")
    cost = (cr.tanh(x @ W) ** 2).mean()
    order = cr.argsort(x, axis=1)
    f = cr.function([x], {"cost": cost, "order": order, "x": x}, updates={W: W - 0.1 * cr.grad(cost, W)}, name="step")
    return f, W


def test_every_call_of_the_program_is_timed(step) -> None:
    f, _ = step
    found = f.profile(np.ones((5, 64)), repeat=3)
    kinds = [call.kind for call in found.calls]
    report = f.explain()
    assert kinds.count("kernel") == report.kernels
    assert kinds.count("product") + kinds.count("routine") == report.library_calls
    assert "routine" in kinds and "product" in kinds
    assert found.repeat == 3
    assert all(call.seconds >= 0 for call in found.calls)
    assert found.total > 0 and found.whole > 0
    assert sum(call.share for call in found.calls) == pytest.approx(1)
    assert [call.seconds for call in found.calls] == sorted((call.seconds for call in found.calls), reverse=True)
    product = next(call for call in found.calls if call.kind == "product")
    assert product.flops == 2 * 5 * 64 * 32
    assert product.title.split(": ")[0] in ("matrix product (5, 64) @ (64, 32)", "matrix product (64, 5) @ (5, 32)")
    assert all("test_profile.py" in line.file for call in found.calls for line in call.lines)


def test_it_prints_with_lines(step) -> None:
    f, _ = step
    text = str(f.profile(np.ones((5, 64)), repeat=1))
    assert text.startswith("step: ")
    assert "tanh(x @ W)" in text
    assert "flop/s" in text and "%" in text


def test_nothing_is_changed(step) -> None:
    f, W = step
    before, a = W.get_value(), np.ones((5, 64))
    f.profile(a)
    np.testing.assert_array_equal(W.get_value(), before)
    x = cr.vector("x")
    g = cr.function([x], x + 1, donate=x)
    v = np.arange(3.0)
    g.profile(v)
    np.testing.assert_array_equal(v, np.arange(3.0))


def test_arguments_are_those_of_a_call(step) -> None:
    f, _ = step
    f.profile(x=[[1] * 64], repeat=1)
    with pytest.raises(TypeError, match="misses"):
        f.profile()
    with pytest.raises(ShapeError):
        f.profile(np.ones((5, 3)))
    with pytest.raises(ArgumentError, match="at least 1"):
        f.profile(np.ones((5, 64)), repeat=0)


def test_a_refused_call_says_why() -> None:
    x, i = cr.vector("x"), cr.vector("i", dtype="int64")
    f = cr.function([x, i], x[i])
    with pytest.raises(OutOfRangeError, match="out of range"):
        f.profile(np.ones(2), np.array([3]))


def test_sizes_zero() -> None:
    x = cr.matrix("x")
    found = cr.function([x], cr.exp(x).sum(axis=0)).profile(np.ones((0, 3)), repeat=2)
    assert len(found.calls) >= 1
    assert str(found)
