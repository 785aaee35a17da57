"""Mistakes in shapes, joins, order and windows, and the errors that teach what was wanted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from evaluation import symbolic

from croton.dtypes import dtype
from croton.expr.expr import input
from croton.expr.types import TensorType
from croton.ops.arranging import pad, repeat, roll
from croton.ops.at import At
from croton.ops.cumulative import diff
from croton.ops.joining import array_split, concatenate, split, stack, unstack
from croton.ops.shape import diag, diagonal_matrix, flatten, reshape, tile
from croton.ops.sorting import searchsorted, top_k
from croton.ops.windows import conv, max_pool, sliding_window_view
from croton.sizes import fresh_symbol
from croton.util.errors import ArgumentError, DTypeError, KindError, NotSupportedError, ShapeError

X = input(TensorType(dtype("float64"), (2, 3)), "x")
N = fresh_symbol("rows")
ROWS = input(TensorType(dtype("float64"), (N, 3)), "rows")
COUNTS = input(TensorType(dtype("int32"), (4,)), "counts")
FLAGS = input(TensorType(dtype("bool"), (4,)), "flags")
IMAGE = input(TensorType(dtype("float64"), (2, 4, 5)), "image")
FILTERS = input(TensorType(dtype("float64"), (3, 2, 3)), "filters")

MISTAKES: tuple[tuple[Callable[[], object], type[Exception], str], ...] = (
    (lambda: reshape(X, (4, 2)), ShapeError, r"\(2, 3\) has 6 elements and \(4, 2\) has 8"),
    (lambda: reshape(X, (-1, 4)), ShapeError, "6 elements of shape .* do not divide by 4"),
    (lambda: reshape(X, (-1, -1)), ArgumentError, "only one size can be -1"),
    (lambda: reshape(X[:0], (0, -1)), ShapeError, "write it out"),
    (lambda: reshape(X, (X[0, 0], 2)), KindError, r"a size is an integer or a symbolic size, got .*float64.*astype\('int64'\)"),
    (lambda: reshape(X, (COUNTS, 2)), KindError, "a size is an integer or a symbolic size, got .*; index it"),
    (lambda: flatten(X, 1, 0), ArgumentError, "the first axis comes before the last"),
    (lambda: tile(X, -1), ShapeError, "at least 0, got -1"),
    (lambda: diag(IMAGE), ShapeError, "a vector or a matrix"),
    (lambda: diagonal_matrix(1.0), ShapeError, "at least one axis"),
    (lambda: concatenate([]), ArgumentError, "at least one array"),
    (lambda: concatenate([X, X[0]]), ShapeError, "as many axes as each other"),
    (lambda: concatenate([X, X.T]), ShapeError, r"shapes \(2, 3\), \(3, 2\) do not join along axis 0"),
    (lambda: concatenate([1.0, 2.0]), ShapeError, "stack makes one"),
    (lambda: concatenate([X, X], 2), ShapeError, "axis 2 does not exist"),
    (lambda: stack([X, X.T]), ShapeError, "arrays have one shape"),
    (lambda: split(X, 2, 1), ShapeError, "use array_split"),
    (lambda: split(X, 0), ArgumentError, "at least 1, got 0"),
    (lambda: split(X, N), KindError, "number of parts must be known"),
    (lambda: array_split(X, 0), ArgumentError, "at least 1"),
    (lambda: unstack(ROWS), ShapeError, "size that is not known"),
    (lambda: unstack(1.0), ShapeError, "no axis to take apart"),
    (lambda: roll(X, (1, 2), (0,)), ArgumentError, "one shift for each axis"),
    (lambda: repeat(X, [1, 2, 3], 0), ShapeError, "2 numbers are wanted"),
    (lambda: repeat(ROWS, [1, 2], 0), NotSupportedError, "not supported: repeat with a number for each element along an axis of unknown size"),
    (lambda: pad(X, 1, "linear_ramp"), NotSupportedError, "not supported: padding by 'linear_ramp'"),
    (lambda: pad(X, ((1, 2), (1, 2), (1, 2))), ArgumentError, "a pair for each of the 2 axes"),
    (lambda: pad(X, 2, "reflect"), NotSupportedError, "at most 1 elements can come from it"),
    (lambda: pad(X, 1, "edge", 3.0), ArgumentError, "constant_values go with mode 'constant'"),
    (lambda: pad(X, -1), ShapeError, "at least 0, got -1"),
    (lambda: diff(X, -1), ArgumentError, "n is at least 0"),
    (lambda: diff(1.0), ShapeError, "at least one axis"),
    (lambda: top_k(X, 4), ArgumentError, "4 elements are wanted of an axis of size 3"),
    (lambda: searchsorted(X, 1.0), ShapeError, "the sorted array is a vector"),
    (lambda: searchsorted(X[0], 1.0, "middle"), ArgumentError, "'left' or 'right'"),
    (lambda: At(X)[0].set("a"), DTypeError, "numbers are wanted, got str"),
    (lambda: At(COUNTS)[0].set(1.5), DTypeError, "dtype float64 does not go into an array of dtype int32"),
    (lambda: At(COUNTS)[0].set(X[0, 0]), DTypeError, "convert one of them with astype"),
    (lambda: At(X)[0].set(X), ShapeError, r"shape \(2, 3\) does not fit x\[index\], which has shape \(3,\)"),
    (lambda: At(COUNTS)[0].divide(2), DTypeError, "divide takes floating arrays"),
    (lambda: At(X)[0].set(1.0, mode="fill"), ArgumentError, "mode is one of 'raise', 'clip', 'wrap', 'drop'"),
    (lambda: sliding_window_view(X, 3), ArgumentError, "say which axis"),
    (lambda: sliding_window_view(X, 4, 1), ShapeError, "reaches over 4 elements does not fit axis 1"),
    (lambda: sliding_window_view(X, 0, 1), ArgumentError, "at least one element"),
    (lambda: sliding_window_view(X, 2, 1, stride=0), ArgumentError, "stride is an integer of at least 1"),
    (lambda: sliding_window_view(ROWS, 3, 0, stride=2, padding="same"), NotSupportedError, "not supported: padding='same' with stride 2"),
    (lambda: conv(IMAGE, FILTERS), ShapeError, "x has 4 channels and w has 2 for each of 1 groups"),
    (lambda: conv(IMAGE, FILTERS, groups=2), ArgumentError, "the 3 filters do not fall into 2 equal groups"),
    (lambda: conv(X, FILTERS), ShapeError, "equal numbers of axes"),
    (lambda: max_pool(FLAGS, 2), DTypeError, "numbers, got bool"),
)


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_mistakes_teach(number: int) -> None:
    call, error, says = MISTAKES[number]
    with pytest.raises(error, match=says):
        call()


def test_values_are_converted_to_the_array() -> None:
    assert At(X)[0].set(1).dtype is X.dtype
    assert At(X)[0].add(COUNTS[:3]).dtype is X.dtype
    assert At(FLAGS)[0].set(True).dtype is FLAGS.dtype
    (x,) = symbolic([np.zeros(3, "uint8")], unknown=False)
    assert At(x)[0].set(200).dtype is x.dtype
