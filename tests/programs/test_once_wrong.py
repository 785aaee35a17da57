"""Small programs that random ones led to: each was wrong once."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)


def test_what_is_written_into_a_guarded_reader_reads_under_the_guard() -> None:
    x = cr.tensor("x", shape=(2, 4))
    rows = cr.take(x, np.array([0, 0, 1, 0, 1]), axis=0)
    greatest = rows == rows.max()
    f = cr.function([x], cr.concatenate([greatest, greatest], axis=0) / greatest.sum())
    # the joined rows are more than there are indices: none may be read beyond them
    text = next(kernel for kernel in f.account.kernels if "n0, 4" in kernel)
    reads = [line for line in text.splitlines() if "= b0[i0" in line]
    assert reads and all(" if " in line for line in reads)
    np.testing.assert_allclose(f(np.ones((2, 4))), np.full((10, 4), 0.05))
    slopes = cr.grad(rows.max(), rows)
    np.testing.assert_allclose(cr.function([x], cr.concatenate([slopes, slopes], axis=0))(np.ones((2, 4))), np.full((10, 4), 0.05))


def test_any_and_all_of_nothing_repeated() -> None:
    x = cr.matrix("x")
    rows = cr.broadcast_to(x.sum() > 0, (x.shape[0],))
    f = cr.function([x], [cr.any(rows), cr.all(rows), cr.any(~rows), cr.all(~rows)])
    assert [bool(v) for v in f(np.ones((0, 2)))] == [False, True, False, True]
    assert [bool(v) for v in f(np.ones((3, 2)))] == [True, True, False, False]
    one = cr.tensor("one", shape=(1, 1))
    nothing = cr.take(one, np.array([], np.int64), axis=0)
    assert not cr.function([one], cr.any(nothing))(np.ones((1, 1)))


def test_sizes_that_only_a_call_can_tell_to_be_equal() -> None:
    x = cr.vector("x")
    f = cr.function([x], x + x[::2])
    np.testing.assert_array_equal(f(np.ones(1)), np.full(1, 2.0))
    with pytest.raises(cr.ShapeError):
        f(np.ones(3))
    y = cr.vector("y")
    g = cr.function([x, y], cr.pad(x, ((1, 2),)) * cr.pad(y, ((2, 2),)))
    np.testing.assert_array_equal(g(np.ones(3), np.ones(2)), [0, 0, 1, 1, 0, 0])
    with pytest.raises(cr.ShapeError):
        g(np.ones(3), np.ones(3))
    nothing = cr.function([x], cr.repeat(x, 2) + np.zeros(0))
    assert nothing(np.ones(0)).shape == (0,)
    with pytest.raises(cr.ShapeError):
        nothing(np.ones(1))


def test_the_greatest_of_nothing_has_no_index() -> None:
    x = cr.matrix("x")
    f = cr.function([x], cr.one_hot(cr.argmax(x, axis=1), x.shape[1]) * x)
    np.testing.assert_array_equal(f(np.array([[1.0, 3.0]])), [[0.0, 3.0]])
    assert f(np.ones((0, 2))).shape == (0, 2)
    with pytest.raises(cr.ShapeError):
        f(np.ones((2, 0)))


@pytest.mark.parametrize("bad", [3, -4])
def test_indices_are_checked_also_where_they_are_compared(bad: int) -> None:
    x, i, one = cr.matrix("x"), cr.tensor("i", dtype="int64"), cr.tensor("one", shape=(1,), dtype="int64")
    programs = [x[i].sum(), x[i] @ x[i], x[one].sum(), x.at[i].add(1.0), x.at[i].set(2.0), x.at[one].add(1.0), x.at[one].multiply(3.0)]
    for y in programs:
        f = cr.function([x, i, one], y)
        with pytest.raises(cr.OutOfRangeError):
            f(np.ones((3, 2)), np.array(bad), np.array([bad]))
        f(np.ones((3, 2)), np.array(-3), np.array([2]))


def test_known_indices_say_how_long_an_unknown_axis_must_be() -> None:
    x = cr.matrix("x")
    rows = cr.take(x, np.array([2, 2]), axis=0)
    last = x[np.array([-3, -3, -1])]
    for y in (rows, rows.sum(), rows @ rows.T, last, last.sum()):
        f = cr.function([x], y)
        with pytest.raises(cr.ShapeError, match="too short"):
            f(np.ones((2, 2)))
        f(np.ones((3, 2)))


def test_every_factor_that_is_read_at_a_solved_place_is_guarded() -> None:
    x = cr.tensor("x", shape=(3, 3, 3))
    rows = cr.reshape(x / (cr.abs(x) + 0.5), (3, 9))
    # Overlapping, so that they are no pieces of one array, and read where they lie.
    f = cr.function([x], cr.pad(rows, ((0, 0), (0, 12))) + cr.pad(rows, ((0, 0), (6, 6))) + cr.pad(rows, ((0, 0), (12, 0))))
    reads = [line for kernel in f.account.kernels for line in kernel.splitlines() if "b1[i0, v" in line]
    assert reads and all(" if " in line for line in reads)
    a = RNG.standard_normal((3, 3, 3))
    one = (a / (np.abs(a) + 0.5)).reshape(3, 9)
    np.testing.assert_allclose(f(a), sum(np.pad(one, ((0, 0), (place, 12 - place))) for place in (0, 6, 12)))


def test_a_diagonal_is_sorted() -> None:
    x = cr.tensor("x", shape=(4, 4))
    a = RNG.standard_normal((4, 4))
    np.testing.assert_array_equal(cr.function([x], cr.argsort(cr.diagonal(x)))(a), np.argsort(np.diagonal(a)))
    np.testing.assert_array_equal(cr.function([x], cr.sort(cr.diagonal(x)))(a), np.sort(np.diagonal(a)))


def test_arrays_of_one_row_and_of_as_many_as_a_call_finds_are_joined() -> None:
    x = cr.tensor("x", shape=(1, None))
    row = x[:, 2:-3:-2]
    column = cr.swapaxes(row, -1, -2)
    f = cr.function([x], cr.concatenate([column, row, column], axis=1))
    np.testing.assert_array_equal(f(np.array([[1.0, 2.0, 3.0, 4.0]])), [[3.0, 3.0, 3.0]])
    with pytest.raises(cr.ShapeError):
        f(np.ones((1, 2)))


def test_an_array_that_is_updated_with_a_part_of_itself_in_other_axes() -> None:
    """What is read where the array lies must be read before it is added into."""
    start = RNG.standard_normal((64, 64))
    for axes in ((64, 64), (128, 32)):
        w, g = cr.shared(start.copy(), name="w"), cr.tensor("g", (32, 64))
        update = cr.reshape(w, axes)[:64, :32] @ g
        cr.function([g], [], updates=[(w, w - 0.5 * update)])(start[:32])
        np.testing.assert_allclose(w.get_value(), start - 0.5 * (start.reshape(axes)[:64, :32] @ start[:32]), rtol=1e-12, atol=1e-12)
    square, h = cr.shared(start.reshape(4096 // 16, 16).copy(), name="square"), cr.tensor("h", (64, 64))
    told = cr.reshape(cr.reshape(square, (64, 64)) @ h, (256, 16))
    cr.function([h], [], updates=[(square, square - told)])(start)
    np.testing.assert_allclose(square.get_value(), start.reshape(256, 16) - (start @ start).reshape(256, 16), rtol=1e-12, atol=1e-12)


def test_a_mean_of_nothing_stays_where_it_is_put() -> None:
    """It is NaN, and zero times that is nothing elsewhere: in a sum beside others, in a map, in a derivative."""
    s, v, w = cr.vector("s"), cr.tensor("v", (3,)), cr.tensor("w", (4,))
    joined = cr.concatenate([v, s.mean(keepdims=True)])
    padded = cr.pad(s.mean(keepdims=True), (3, 0))
    slopes = cr.jacobian(cr.concatenate([v * v, (v * s.mean()).sum(keepdims=True)]), v)
    outputs = [joined + w, cr.vmap(lambda r: r * 2)(joined), padded + w, padded * w + w, slopes]
    x, nan, one = np.array([1.0, -2.0, 3.0]), np.full(1, np.nan), np.append(np.ones(3), np.nan)
    wanted = [np.append(x + 1, nan), np.append(2 * x, nan), one, one, np.vstack([np.diag(2 * x), np.full(3, np.nan)])]
    given = {v: x, s: np.zeros(0), w: np.ones(4)}
    for found in (cr.function(list(given), outputs)(*given.values()), cr.reference.evaluate(outputs, given)):
        for mine, other in zip(found, wanted):
            np.testing.assert_array_equal(mine, other)
