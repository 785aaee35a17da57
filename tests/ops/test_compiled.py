"""Moved, joined, chosen and written elements through the whole compiler, a few of each kind."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import numpy as np
import pytest
from evaluation import symbolic
from numpy_samples import numpy_samples
from rearranging_samples import rearranging_samples
from samples import Sample
from window_samples import window_samples
from writing_samples import writing_samples

import croton as cr


def chosen() -> Iterator[Sample]:
    """Every tenth sample; which they are changes as samples are added, and all of them pass."""
    yield from (*rearranging_samples(), *writing_samples(), *window_samples(), *numpy_samples())[::10]


@pytest.mark.parametrize("sample", list(chosen()), ids=lambda sample: sample.name)
def test_compiled_values_are_numpys(sample: Sample) -> None:
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = np.asarray(sample.oracle(*sample.arrays))
    inputs = symbolic(sample.arrays, sample.unknown)
    found = np.asarray(cr.function(inputs, sample.function(*inputs))(*sample.arrays))
    assert found.dtype == wanted.dtype and found.shape == wanted.shape
    if wanted.dtype.kind == "f":
        np.testing.assert_allclose(found, wanted, rtol=2e-5 if wanted.dtype == np.float32 else 1e-12)
    else:
        np.testing.assert_array_equal(found, wanted)


def test_a_program_with_constant_indices_is_read_back() -> None:
    x = cr.tensor("x", (4,), "bool")
    for _ in range(2):  # the second program comes from the cache on disk
        f = cr.function([x], x.at[[2, 0, 2]].multiply(False))
        np.testing.assert_array_equal(f(np.ones(4, bool)), [False, True, False, True])


def test_the_first_columns_are_not_contiguous() -> None:
    x = cr.matrix("x")
    array = np.arange(42.0).reshape(7, 6)
    np.testing.assert_array_equal(cr.function([x], x[:, :2])(array), array[:, :2])
    np.testing.assert_array_equal(cr.function([x], x[:, :2] + x[:, 2:4])(array), array[:, :2] + array[:, 2:4])


def test_the_last_of_repeated_values_is_found_without_comparing_all_pairs() -> None:
    x, i = cr.vector("x"), cr.tensor("i", (None,), "int64")
    f = cr.function([x, i], x.at[i].set(cr.arange(i.shape[0]) * 1.0))
    index = np.random.default_rng(0).integers(0, 200_000, 300_000)
    wanted = np.zeros(200_000)
    wanted[index] = np.arange(300_000)
    # comparing every index with every element would take minutes
    np.testing.assert_array_equal(f(np.zeros(200_000), index), wanted)


def test_a_call_with_too_short_an_axis_raises() -> None:
    x = cr.matrix("x")
    f = cr.function([x], x[:5])
    assert f(np.ones((6, 2))).shape == (5, 2)
    with pytest.raises(cr.ShapeError, match=r"for what is taken or made of it .*: .* - 5 must be at least 0; the arguments are 'x' of shape \(3, 2\)"):
        f(np.ones((3, 2)))


def test_a_computed_index_out_of_range_raises() -> None:
    x, i = cr.vector("x"), cr.tensor("i", (None,), "int64")
    for result in (x[i], x.at[i].set(1.0), x.at[i].add(1.0), x.at[i].max(0.0)):
        f = cr.function([x, i], result)
        f(np.zeros(3), np.array([0, -3, 2]))
        for bad in (3, -4):
            with pytest.raises(IndexError):
                f(np.zeros(3), np.array([0, bad]))


def test_gradients_through_several_indices() -> None:
    x, i = cr.matrix("x"), cr.tensor("i", (None,), "int64")
    array, index = np.arange(6.0).reshape(2, 3), np.array([0, 1, 0])
    wanted = np.zeros((2, 3))
    np.add.at(wanted, (index, index), 2 * array[index, index])
    np.testing.assert_allclose(cr.function([x, i], cr.grad((x[i, i] ** 2).sum(), x))(array, index), wanted)
    np.testing.assert_allclose(cr.function([x, i], cr.grad(x.at[i, i].add(x[i, i]).sum(), x))(array, index), [[3, 1, 1], [1, 2, 1]])


def test_a_slice_of_halves_says_what_it_needs() -> None:
    x = cr.vector("x")
    f = cr.function([x], x.reshape(-1, 2)[:3][::2])
    np.testing.assert_array_equal(f(np.arange(8.0)), [[0, 1], [4, 5]])
    with pytest.raises(cr.ShapeError, match=r"x\.0[^ ]* // 2 - 3 must be at least 0"):
        f(np.arange(4.0))


@pytest.mark.parametrize("shape", [(2, 4), (3, 3), (4, 2), (1, 3), (0, 3)])
def test_diagonals_of_unknown_sizes_are_as_long_as_the_shorter_side(shape: tuple[int, int]) -> None:
    x = cr.matrix("x")
    d = cr.diagonal(x)
    f = cr.function([x], [d, cr.trace(x), cr.diagonal(x, 1), cr.grad((d**2).sum(), x), d.mean()])
    data = np.random.default_rng(0).standard_normal(shape)
    diagonal, trace, above, slope, mean = f(data)
    np.testing.assert_array_equal(diagonal, np.diagonal(data))
    np.testing.assert_allclose(trace, np.trace(data))
    np.testing.assert_array_equal(above, np.diagonal(data, 1))
    np.testing.assert_allclose(slope, 2 * np.eye(*shape) * data)
    if min(shape):
        np.testing.assert_allclose(mean, np.diagonal(data).mean())


def test_positions_in_turn_are_a_diagonal() -> None:
    """The cost of labels by x[arange(n), y] is the one by take_along_axis, whether the positions are made here or by NumPy."""
    z, y = cr.tensor("z", (128, 10)), cr.tensor("y", (128,), dtype="int64")
    logs = cr.log_softmax(z, axis=-1)
    costs = [-cr.take_along_axis(logs, y[:, None], axis=1).mean(), -logs[cr.arange(128), y].mean(), -logs[np.arange(128), y].mean()]
    functions = [cr.function([z, y], [cost, cr.grad(cost, z)]) for cost in costs]
    assert {f.explain().passes for f in functions} == {1}
    rng = np.random.default_rng(0)
    arguments = rng.standard_normal((128, 10)), rng.integers(0, 10, 128)
    for f in functions[1:]:
        for one, other in zip(f(*arguments), functions[0](*arguments)):
            np.testing.assert_allclose(one, other, rtol=1e-12)


def test_constant_positions_that_step_meet_others() -> None:
    x = np.random.default_rng(0).standard_normal((7, 5, 4))
    a, b = np.array([1, 3, 5]), np.array([0, 2, 4])
    t, y = cr.tensor("t", (7, 5, 4)), cr.vector("y", dtype="int64")
    f = cr.function([t, y], [t[a, y], t[a, :, y], t[y, b, [0, 2, 3]], t[[6, 4, 2], y], t.at[a, y].add(1.0)])
    at = np.array([3, 0, 3])
    added = x.copy()
    added[a, at] += 1
    for found, wanted in zip(f(x, at), [x[a, at], x[a, :, at], x[at, b, [0, 2, 3]], x[[6, 4, 2], at], added]):
        np.testing.assert_array_equal(found, wanted)
