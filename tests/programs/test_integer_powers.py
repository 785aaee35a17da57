"""An integer to a negative integer power is refused, in the graph where the exponent is known there, else in the call, before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError


def checks(f: Any) -> int:
    return sum(entry.kind == "check" for entry in f.account.entries)


@pytest.mark.parametrize("exponent", [-1, np.int64(-2), np.array([2, -3]), cr.asarray(-4)])
def test_known_exponents_are_refused_in_the_graph(exponent: Any) -> None:
    for base in (cr.vector("i", dtype="int64"), cr.vector("i", dtype="int8"), 2 + cr.arange(2)):
        with pytest.raises(ArgumentError, match="an integer array to the power -"):
            cr.pow(base, exponent)
    assert (cr.vector("x") ** exponent).dtype.is_float


@pytest.mark.parametrize("dtype", ["int8", "int16", "int32", "int64"])
def test_exponents_of_the_call_are_checked(dtype: str) -> None:
    i, j = cr.vector("i", dtype=dtype), cr.vector("j", dtype=dtype)
    f = cr.function([i, j], i**j)
    assert checks(f) == 1
    base, good = np.array([2, -3, 0, 1], dtype), np.array([3, 2, 0, 100], dtype)
    np.testing.assert_array_equal(f(base, good), base**good)
    with pytest.raises(ArgumentError, match=r"an integer to the power -2 \(element 2 of the exponents\)") as caught:
        f(base, np.array([3, 2, -2, -1], dtype))
    assert "i**j" in str(caught.value)
    assert f(base[:0], good[:0]).shape == (0,)


def test_the_largest_exponent_is_allowed() -> None:
    j = cr.scalar("j", dtype="int64")
    f = cr.function([j], cr.asarray(-1) ** j)
    assert f(2**63 - 1) == -1
    with pytest.raises(ArgumentError):
        f(-(2**63))


def test_computed_exponents_in_loops_and_for_each_element() -> None:
    i, j = cr.vector("i", dtype="int64"), cr.vector("j", dtype="int64")
    total = cr.scan(lambda h, v: (h + 2 ** (v - 1), None), cr.asarray(0), j)[0]
    f = cr.function([i, j], [total, cr.vmap(lambda v: (v ** (j - 1)).sum())(i)])
    total_, each = f(np.array([2, 3]), np.array([1, 2, 4]))
    assert total_ == 1 + 2 + 8 and each.tolist() == [1 + 2 + 8, 1 + 3 + 27]
    with pytest.raises(ArgumentError, match="to the power -1"):
        f(np.array([2, 3]), np.array([1, 0]))


def test_a_refused_power_changes_nothing() -> None:
    j, w = cr.vector("j", dtype="int64"), cr.shared(np.arange(3), name="w")
    f = cr.function([j], [], updates={w: w + 2**j})
    with pytest.raises(ArgumentError):
        f(np.array([1, -1, 0]))
    np.testing.assert_array_equal(w.get_value(), [0, 1, 2])
    f(np.array([1, 0, 0]))
    np.testing.assert_array_equal(w.get_value(), [2, 2, 3])


def test_exponents_that_cannot_be_negative_are_not_checked() -> None:
    i, u, b = cr.vector("i", dtype="int64"), cr.vector("u", dtype="uint8"), cr.vector("b", dtype="bool")
    x, j = cr.vector("x"), cr.vector("j", dtype="int64")
    for power in (i**u, 2 ** cr.arange(i.shape[0]), i ** abs(j), i ** b.astype("int64"), i**3, i ** cr.asarray(np.array([1, 2])), x**j, i ** (1.0 * j)):
        f = cr.function([i, u, b, x, j], power)
        assert checks(f) == 0, power


def test_products_of_integers_have_no_checks() -> None:
    """The exponents of a repeated product are counts."""
    i = cr.vector("i", dtype="int64")
    f = cr.function([i], [cr.prod(cr.broadcast_to(i[None], (5, i.shape[0])), axis=0), cr.cumprod(i)])
    assert checks(f) == 0
    np.testing.assert_array_equal(f(np.array([2, -1]))[0], [32, -1])
