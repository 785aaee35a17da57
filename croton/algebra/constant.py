"""Leaves: inputs, constants and label values."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from croton.algebra.coefficient import of_number
from croton.algebra.node import Coef, Label, Node, Operand, Use, intern
from croton.dtypes import DType, bool_, int64
from croton.dtypes import dtype as dtype_of


def input_(key: Hashable, labels: Sequence[Label], dtype: DType) -> Use:
    """The array that the environment holds under `key`, read at labels. Axes of size 1 are no axes of the value."""
    kept = tuple([label for label in labels if type(label.size) is not int or label.size != 1])
    if len(set(kept)) != len(kept):
        raise ValueError(f"an input needs a label of its own for each axis, but {key!r} was given {list(labels)}")
    return Use(intern("input", tuple([label.size for label in kept]), dtype, (), key), kept)


def constant(value: Any, dtype: DType | None = None, labels: Sequence[Label] = ()) -> Use:
    """A number or a coefficient of the given dtype, or an array read at one label an axis (see `constant_operand` for new labels)."""
    if isinstance(value, Coef):
        if dtype is None:
            raise TypeError("a constant made from a coefficient needs a dtype")
        return Use(_scalar(of_number(value, dtype), dtype), ())
    array = np.asarray(value)
    if dtype is None:
        dtype = dtype_of(array.dtype)
    if array.dtype != dtype.numpy:
        array = array.astype(dtype.numpy)
    if array.ndim != len(labels):
        raise ValueError(f"a constant of {array.ndim} axes needs as many labels, got {len(labels)}")
    if array.size:
        array, labels = _without_repetition(array, labels)
    if array.ndim == 0:
        number = array.item()
        if number == 0 and dtype.kind == "f" and np.signbit(array):
            return Use(_array(array, dtype), ())  # a coefficient cannot say -0.0
        return Use(_scalar(of_number(number, dtype), dtype), ())
    return Use(_array(array, dtype), tuple(labels))


def constant_operand(value: Any, dtype: DType | None = None) -> Operand:
    """A constant array with new labels for its axes."""
    axes = tuple(Label(int(extent)) for extent in np.shape(value))
    return Operand(axes, constant(value, dtype, axes))


def zero(dtype: DType) -> Use:
    """The number 0."""
    return Use(_scalar(of_number(0, dtype), dtype), ())


def truth(value: bool) -> Use:
    """The constant True or False."""
    return Use(_scalar(Coef(int(value)), bool_), ())


def iota(label: Label) -> Use:
    """The value of a label, as int64."""
    if label.size == 1:
        return zero(int64)
    return Use(intern("iota", (label.size,), int64), (label,))


def scalar_value(node: Node) -> Coef | None:
    """The coefficient a node consists of, or None where it is more than a number."""
    return node.param if node.kind == "contract" and not node.args else None


def number_of(node: Node) -> bool | int | float | None:
    """The number a node consists of, or None; powers of unknown sizes are not numbers."""
    if node.kind == "contract":
        return node.param.number if not node.args and not node.param.sizes else None
    if node.kind == "constant" and not node.dims:
        return array_of(node).item()
    return None


def array_of(node: Node) -> np.ndarray:
    """The value of a constant node."""
    data, shape = node.param
    return np.frombuffer(data, node.dtype.numpy).reshape(shape)


def _scalar(coef: Coef, dtype: DType) -> Node:
    if dtype.kind == "b" and coef.number not in (0, 1):
        coef = Coef(1)
    return intern("contract", (), dtype, (), coef)


def _array(array: np.ndarray, dtype: DType) -> Node:
    return intern("constant", array.shape, dtype, (), (array.tobytes(), array.shape))


def _without_repetition(array: np.ndarray, labels: Sequence[Label]) -> tuple[np.ndarray, Sequence[Label]]:
    """The array without the axes along which it does not change (bit for bit)."""
    if array.ndim == 0:
        return array, labels
    bits = array.view(f"u{array.dtype.itemsize}") if array.dtype.kind == "f" else array
    kept = []
    for axis in range(array.ndim):
        first = bits[tuple(slice(0, 1) if i == axis else slice(None) for i in range(array.ndim))]
        if array.shape[axis] == 1 or (first == bits).all():
            bits = first
        else:
            kept.append(axis)
    if len(kept) == array.ndim:
        return array, labels
    index = tuple(slice(None) if axis in kept else 0 for axis in range(array.ndim))
    # ascontiguousarray would give a number an axis.
    return np.asarray(array[index], order="C"), [labels[axis] for axis in kept]
