"""Arrays that the caller gives away become results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, OutOfRangeError


def both(outputs: Callable[..., Any], donate: Callable[..., Any]) -> tuple[cr.Function, cr.Function]:
    x, y = cr.vector("x"), cr.vector("y")
    return cr.function([x, y], outputs(x, y)), cr.function([x, y], outputs(x, y), donate=donate(x, y))


def test_the_result_is_the_donated_array() -> None:
    plain, donating = both(lambda x, y: [x.sum(), cr.exp(x) * y], lambda x, y: [x])
    a, b = np.arange(4.0), np.arange(1.0, 5.0)
    wanted = plain(a, b)
    total, result = donating(a, b)
    assert result is a
    assert total == wanted[0]
    np.testing.assert_array_equal(result, wanted[1])
    np.testing.assert_array_equal(b, np.arange(1.0, 5.0))


def test_the_memory_is_not_taken_again() -> None:
    plain, donating = both(lambda x, y: cr.exp(x) * y, lambda x, y: x)
    assert plain.memory_peak(x=(1000,), y=(1000,)) == 8000
    assert donating.memory_peak(x=(1000,), y=(1000,)) == 0


def test_several_inputs_and_results_that_read_each_other() -> None:
    plain, donating = both(lambda x, y: [y * 2 + x, x - y, x, y], lambda x, y: (x, y))
    a, b = np.arange(4.0), np.arange(4.0) ** 2
    wanted = plain(a, b)
    for found, value in zip(donating(a.copy(), b.copy()), wanted):
        np.testing.assert_array_equal(found, value)


@pytest.mark.parametrize("outputs", [lambda x, y: x, lambda x, y: [x, x], lambda x, y: [x[::-1] + y], lambda x, y: [x.cumsum(), x * y]])
def test_values_do_not_depend_on_donation(outputs: Callable[..., Any]) -> None:
    plain, donating = both(outputs, lambda x, y: x)
    a, b = np.arange(1.0, 6.0), np.arange(5.0)
    wanted, found = plain(a, b), donating(a.copy(), b)
    for one, other in zip([wanted] if isinstance(wanted, np.ndarray) else wanted, [found] if isinstance(found, np.ndarray) else found):
        np.testing.assert_array_equal(one, other)


def test_results_in_a_structure_and_updates_beside_them() -> None:
    x, w = cr.vector("x"), cr.shared(np.ones(3), name="w")
    f = cr.function([x], {"a": (x * 2,)}, updates={w: w + x}, donate=[x])
    array = np.arange(3.0)
    assert f(array)["a"][0] is array
    np.testing.assert_array_equal(array, [0, 2, 4])
    np.testing.assert_array_equal(w.get_value(), [1, 2, 3])


def test_what_must_not_be_overwritten_is_copied() -> None:
    _, donating = both(lambda x, y: x + y, lambda x, y: x)
    a = np.arange(4.0)
    np.testing.assert_array_equal(donating(a, a), a * 2)
    np.testing.assert_array_equal(a, np.arange(4.0))
    a.flags.writeable = False
    np.testing.assert_array_equal(donating(a, np.ones(4)), np.arange(1.0, 5.0))
    np.testing.assert_array_equal(a, np.arange(4.0))
    np.testing.assert_array_equal(donating([1, 2], np.ones(2)), [2, 3])
    strided = np.arange(8.0)[::2]
    np.testing.assert_array_equal(donating(strided, np.ones(4)), strided + 1)


def test_a_refused_call_leaves_the_donated_array_alone() -> None:
    x, i = cr.vector("x"), cr.vector("i", dtype="int64")
    f = cr.function([x, i], [x + 1, cr.arange(4)[i * 2]], donate=x)
    array = np.arange(3.0)
    with pytest.raises(OutOfRangeError):
        f(array, np.array([0, 2]))
    np.testing.assert_array_equal(array, np.arange(3.0))


def test_sizes_that_are_found_equal_later() -> None:
    """The result's type mentions the size of y, which the sum makes the size of x."""
    x, y = cr.vector("x"), cr.vector("y")
    f = cr.function([x, y], cr.exp(y) + x, donate=x)
    array = np.zeros(3)
    assert f(array, np.zeros(3)) is array


def test_wrong_donations_are_refused() -> None:
    x, y, w = cr.vector("x"), cr.vector("y"), cr.shared(np.ones(3), name="w")
    with pytest.raises(ArgumentError, match="twice"):
        cr.function([x], x + 1, donate=[x, x])
    for wrong in (y, w, x + 1, "x"):
        with pytest.raises(ArgumentError, match="names inputs"):
            cr.function([x], x + 1, donate=[wrong])
    with pytest.raises(ArgumentError, match="no result is left"):
        cr.function([x], x.sum(), donate=x)
    with pytest.raises(ArgumentError, match="no result is left"):
        cr.function([x, y], x + y, donate=[x, y])


def test_the_call_is_native() -> None:
    """Python is asked only about arguments that cannot be taken as they are."""
    _, donating = both(lambda x, y: [x + y, x * y], lambda x, y: [x, y])
    asked = []
    donating.caller.call = lambda *args: asked.append(args)  # type: ignore[attr-defined]
    a, b = np.arange(4.0), np.ones(4)
    first, second = donating(a, b)
    assert first is a and second is b and not asked
    whole = np.arange(8.0)
    for overlapping in ((whole, whole), (whole[:5], whole[3:])):
        assert donating(*overlapping) is None
    assert len(asked) == 2
    donating(whole[:4], whole[4:])
    donating(whole[4:], whole[:4])
    assert len(asked) == 2
    a.flags.writeable = False
    assert donating(a, b) is None
    assert len(asked) == 3


def test_a_donated_array_that_shares_memory_with_a_variable_is_copied() -> None:
    x, w = cr.vector("x"), cr.shared(np.arange(6.0), name="w")
    f = cr.function([x], x * 2 + w.sum(), donate=x)
    part = w.cell[0][1:3]
    np.testing.assert_array_equal(f(part), [17, 19])
    np.testing.assert_array_equal(w.get_value(), np.arange(6.0))


def test_empty_arrays_may_lie_anywhere() -> None:
    _, donating = both(lambda x, y: x + y, lambda x, y: x)
    whole = np.arange(4.0)
    assert donating(whole[2:2], whole[1:1]).shape == (0,)
    assert donating(whole[2:2], whole[2:2]).shape == (0,)


def test_donation_with_several_programs_and_in_a_structure() -> None:
    """Whichever program a call runs writes into the array that it was given."""
    A, B, v = cr.matrix("A", ("n", "k")), cr.matrix("B", ("k", "n")), cr.matrix("v", ("n", "m"))
    f = cr.function([A, B, v], cr.exp(A @ B @ v), donate=v)
    assert f.program.others
    for n, k, m in ((100, 1, 100), (3, 100, 3), (1, 1, 0)):
        a, b, array = np.full((n, k), 2.0), np.full((k, n), 0.01), np.ones((n, m))
        result = f(a, b, array)
        assert result is array
        np.testing.assert_allclose(result, np.full((n, m), np.exp(0.02 * n * k)))
