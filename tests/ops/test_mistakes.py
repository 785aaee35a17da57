"""Mistakes: each raises one of our exceptions, which names what was given and what to try."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.ops import axes, creation, extremes, linalg, nn, reductions
from croton.ops.casting import asarray
from croton.ops.creation import matrix, shared, tensor, vector
from croton.ops.sugar import install_operators
from croton.util.errors import ArgumentError, DTypeError, KindError, NotSupportedError, OutOfRangeError, ShapeError

install_operators()

x: Any = matrix("x", (2, 3))
u: Any = matrix("u", ("n", "m"))
v: Any = vector("v", (4,))
i: Any = vector("i", (4,), dtype="uint8")
b: Any = vector("b", (4,), dtype="bool")

MISTAKES: list[tuple[type[Exception], str, Callable[[], Any]]] = [
    (ShapeError, r"add: shapes \(2, 3\) and \(4,\) do not broadcast, axis -1 has sizes 3 and 4", lambda: x + v),
    (ShapeError, r"where: shapes .* do not broadcast", lambda: cr.where(x > 0, x, np.ones((3, 3)))),
    (ShapeError, r"matmul: axis -1 of shape \(2, 3\) and axis -2 of shape \(2, 3\) .* sizes 3 and 2", lambda: x @ x),
    (ShapeError, r"matmul: axis -1 of shape \(2, 3\) and axis -1 of shape \(4,\)", lambda: x @ v),
    (ShapeError, r"sizes n and 1", lambda: u.T @ np.ones((1, 2))),
    (ShapeError, r"matmul takes arrays of at least one axis.*use \*", lambda: x @ 2),
    (ShapeError, r"'ij,jk->ik' of .*label 'j'.* size 2, elsewhere the label has size 3", lambda: linalg.einsum("ij,jk->ik", x, x)),
    (ShapeError, r"'ijk' names 3 axes, the operand has 2", lambda: linalg.einsum("ijk->i", x)),
    (ArgumentError, r"2 operands are named, 1 are given", lambda: linalg.einsum("ij,jk->ik", x)),
    (ArgumentError, r"the output names label 'k'", lambda: linalg.einsum("ij->k", x)),
    (ArgumentError, r"labels are letters, got '1'", lambda: linalg.einsum("i1->i", x)),
    (ArgumentError, r"one ellipsis", lambda: linalg.einsum("...i...->i", x)),
    (ArgumentError, r"axes come in pairs", lambda: linalg.tensordot(x, x, ((0, 0), (0, 1)))),
    (ShapeError, r"do not have 3 axes to sum over", lambda: linalg.tensordot(x, x, 3)),
    (ShapeError, r"outer takes two vectors.*tensordot", lambda: linalg.outer(x, v)),
    (ShapeError, r"diagonal takes an array of at least 2 axes", lambda: linalg.diagonal(v)),
    (ShapeError, r"sum: axis 2 does not exist, the array has 2 axes", lambda: x.sum(2)),
    (ShapeError, r"max: axis -2 does not exist, the array has 1 axis$", lambda: v.max(-2)),
    (ArgumentError, r"an axis is named twice", lambda: x.sum((0, -2))),
    (KindError, r"an axis is an integer, got 'rows'", lambda: x.sum("rows")),
    (KindError, r"diagonal: the offset is an integer, got 1.7", lambda: linalg.diagonal(x, 1.7)),
    (KindError, r"diagonal_matrix: the offset is an integer, got 0.5", lambda: cr.diag(v, 0.5)),
    (KindError, r"tril: k is an integer, got 1.7", lambda: cr.tril(x, 1.7)),
    (KindError, r"triu: k is an integer, got 1.7", lambda: cr.triu(x, 1.7)),
    (KindError, r"eye: k is an integer, got 0.5", lambda: cr.eye(3, k=0.5)),
    (KindError, r"diff: n is an integer, got 1.5", lambda: cr.diff(v, 1.5)),
    (KindError, r"split: a position is an integer, got 1.5", lambda: cr.split(v, [1.5])),
    (ShapeError, r"max of nothing: axis 0 of shape \(0, 2\)", lambda: reductions.max(np.zeros((0, 2)), 0)),
    (ShapeError, r"argmin of nothing", lambda: extremes.argmin(np.zeros((0, 2)))),
    (DTypeError, r"mean is computed in a floating dtype, got dtype=int64", lambda: x.mean(dtype="int64")),
    (DTypeError, r"subtract is not defined for bool; use logical_xor", lambda: b - b),
    (DTypeError, r"negative is not defined for bool", lambda: -b),
    (DTypeError, r"bitwise_and takes integers, got float64", lambda: x & x),
    (DTypeError, r"bitwise_left_shift takes integers, got float64; compare with 0", lambda: x << x),
    (DTypeError, r"bitwise_invert takes integers", lambda: ~x),
    (ArgumentError, r"polygamma: the order is an integer from 0 to 170, got -1", lambda: cr.polygamma(-1, x)),
    (ArgumentError, r"polygamma: the order is an integer from 0 to 170, got 171", lambda: cr.polygamma(171, x)),
    (KindError, r"polygamma: the order is an integer or a symbolic size, got 1.5", lambda: cr.polygamma(1.5, x)),
    (DTypeError, r"reciprocal takes a floating array, got uint8; write 1 / x", lambda: cr.reciprocal(i)),
    (DTypeError, r"numbers are wanted, got str", lambda: x + "a"),
    (DTypeError, r"numbers are wanted", lambda: asarray(1j)),
    (TypeError, r"no arrays of dtype", lambda: x.astype("complex64")),
    (TypeError, r"no arrays of dtype", lambda: x + np.zeros(3, "complex128")),
    (OutOfRangeError, r"the integer 300 does not fit into uint8; convert the array first", lambda: i + 300),
    (OutOfRangeError, r"the integer -1 does not fit into uint8", lambda: i * -1),
    (ArgumentError, r"an integer array to the power -1; write x.astype\('float64'\) \*\* -1", lambda: i**-1),
    (KindError, r"a list that holds expressions.*stack", lambda: asarray([x, x])),
    (KindError, r"numbers or arrays are wanted", lambda: asarray([[1, 2], [3]])),
    (ShapeError, r"\(2, 3\) does not stretch to \(3,\)", lambda: axes.broadcast_to(x, (3,))),
    (ShapeError, r"\(2, 3\) does not stretch to \(2, 6\)", lambda: axes.broadcast_to(x, (2, 6))),
    (ShapeError, r"squeeze: axis 0 of shape \(2, 3\) has size 2", lambda: axes.squeeze(x, 0)),
    (ArgumentError, r"every axis is named once", lambda: axes.permute_dims(x, (0,))),
    (ArgumentError, r"2 axes cannot go to 1 positions", lambda: axes.moveaxis(x, (0, 1), 0)),
    (ShapeError, r"matrix_transpose takes an array of at least 2 axes", lambda: v.mT),
    (ShapeError, r"a shape of 2 sizes is wanted", lambda: matrix("m", (1, 2, 3))),
    (ShapeError, r"a size is at least 0, got -1", lambda: creation.zeros((2, -1))),
    (KindError, r"a size is an integer or a symbolic size, got 2.5", lambda: creation.zeros(2.5)),
    (KindError, r"a size is an integer or a symbolic size, got .*astype\('int64'\)", lambda: creation.zeros(v.sum())),
    (OutOfRangeError, r"the integer 1000 does not fit into int8", lambda: creation.arange(1000, 1003, dtype="int8")),
    (ArgumentError, r"arange: the step is 0", lambda: creation.arange(0, 5, 0)),
    (KindError, r"floating and symbolic bounds do not mix", lambda: creation.arange(0.5, u.shape[0])),
    (KindError, r"the first argument is a name", lambda: tensor((2, 3))),  # type: ignore[arg-type]
    (KindError, r"got the expression", lambda: shared(x)),
    (ShapeError, r"tril takes an array of at least 2 axes", lambda: creation.tril(v)),
    (ArgumentError, r'indexing is "xy" or "ij"', lambda: creation.meshgrid(v, v, indexing="yx")),
    (ArgumentError, r'approximate is "none" or "tanh"', lambda: nn.gelu(x, "fast")),
    (NotSupportedError, r"not supported: round to -1 decimals of uint8", lambda: cr.round(i, -1)),
]


@pytest.mark.parametrize("kind, message, mistake", MISTAKES, ids=[message[:40] for _, message, _ in MISTAKES])
def test_a_mistake_teaches(kind: type[Exception], message: str, mistake: Callable[[], Any]) -> None:
    with pytest.raises(kind, match="(?m)" + message) as caught:
        mistake()
    line = getattr(caught.value, "line", None)
    if line is not None:
        assert line.file == __file__


NAMED_AXES: dict[str, Callable[[Any], Any]] = {
    "softmax": lambda axis: cr.softmax(x, axis),
    "log_softmax": lambda axis: cr.log_softmax(x, axis),
    "standardize": lambda axis: cr.standardize(x, axis),
    "glu": lambda axis: cr.glu(x, axis),
    "std": lambda axis: cr.std(x, axis),
    "average": lambda axis: cr.average(x, axis, x),
    "count_nonzero": lambda axis: cr.count_nonzero(x, axis),
    "median": lambda axis: cr.median(x, axis),
    "percentile": lambda axis: cr.percentile(x, 50, axis),
    "nansum": lambda axis: cr.nansum(x, axis),
    "nanprod": lambda axis: cr.nanprod(x, axis),
    "nanmean": lambda axis: cr.nanmean(x, axis),
    "nanvar": lambda axis: cr.nanvar(x, axis),
    "nanstd": lambda axis: cr.nanstd(x, axis),
    "nanmax": lambda axis: cr.nanmax(x, axis),
    "nanmin": lambda axis: cr.nanmin(x, axis),
    "ptp": lambda axis: cr.ptp(x, axis),
    "append": lambda axis: cr.append(x, x, axis),
    "norm": lambda axis: cr.norm(x, axis),
    "diagonal": lambda axis: cr.diagonal(x, 0, 0, axis),
}
"""Functions that others make up, of an axis."""


@pytest.mark.parametrize("name", NAMED_AXES)
def test_a_wrong_axis_names_the_function_that_was_called(name: str) -> None:
    with pytest.raises(ShapeError, match=f"^{name}: axis 7 does not exist, the array has 2 axes"):
        NAMED_AXES[name](7)


WANT_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "jit": lambda f: cr.jit(f),
    "vmap": lambda f: cr.vmap(f),
    "map": lambda f: cr.map(f, v),
    "scan": lambda f: cr.scan(f, 0.0, v),
    "fori": lambda f: cr.fori(0, 3, f, 0.0),
    "while_loop": lambda f: cr.while_loop(lambda c: c < 3, f, 0.0),
    "associative_scan": lambda f: cr.associative_scan(f, v),
    "checkpoint": lambda f: cr.checkpoint(f),
    "custom_vjp": lambda f: cr.custom_vjp(f, f),
}


@pytest.mark.parametrize("name", WANT_FUNCTIONS)
def test_what_is_no_function_is_refused_by_name(name: str) -> None:
    with pytest.raises(KindError, match=f"^{name} wants a function, got int; write .*{name}"):
        WANT_FUNCTIONS[name](3)
