"""From whatever the caller has to the array that compiled code reads: exact, or an error."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.compile.signature import Signature
from croton.dtypes import DType
from croton.expr.expr import Expr
from croton.expr.types import TensorType
from croton.util.arrays import has_dtype, read_array
from croton.util.errors import DTypeError, KindError, ShapeError


def as_argument(value: Any, wanted: TensorType, label: str) -> np.ndarray:
    """A C-contiguous, aligned array of the wanted dtype and rank with the caller's value, copied only where it must be.

    Takes NumPy arrays (any strides), numbers, nested lists, and objects that speak DLPack or the array protocol. Numbers without a dtype of their
    own (Python's) take the wanted one; an array is converted only where NumPy calls it safe, never down.
    """
    if isinstance(value, Expr):
        raise KindError(
            f"argument {label}: a compiled function is called with values, got the expression {value!r}; call the Python function that made the graph, "
            "or give its value, eval({input: value})"
        )
    array = in_dtype(value, wanted.dtype, f"argument {label}")
    if array.ndim != wanted.ndim:
        raise ShapeError(f"argument {label} wants {wanted.ndim} axes, {wanted}, got shape {array.shape}")
    for axis, (size, found) in enumerate(zip(wanted.shape, array.shape)):
        if isinstance(size, int) and size != found:
            raise ShapeError(f"argument {label} wants {size} along axis {axis}, {wanted}, got shape {array.shape}")
    if not (array.flags.c_contiguous and array.flags.aligned and array.dtype.isnative) or type(array) is not np.ndarray:
        array = np.array(array, wanted.dtype.numpy, order="C", copy=True, subok=False)
    return wanted.dtype.own(array)


def in_dtype(value: Any, wanted: DType, what: str) -> np.ndarray:
    """A value as an array of the dtype, or an error that calls it `what` where that would lose something."""
    array = read_array(value, what)
    target = wanted.numpy
    if array.dtype == target:
        return array
    typed = has_dtype(value)
    if array.dtype.kind in "biuf" and np.can_cast(array.dtype, target, "safe"):
        return array.astype(target)
    if not typed and array.dtype.kind in "biuf" and np.can_cast(array.dtype, target, "same_kind"):
        return _from_numbers(array, wanted, what)
    if not typed and array.size == 0:
        return array.astype(target)
    if not typed and array.dtype.kind == "i" and wanted.kind == "u":
        return _from_numbers(array, wanted, what)
    raise DTypeError(
        f"{what} wants dtype {wanted}, got {array.dtype}, which does not convert without loss; convert it yourself with .astype({wanted.name!r})"
    )


def _from_numbers(array: np.ndarray, wanted: DType, what: str) -> np.ndarray:
    """Python numbers in the wanted dtype, in whose range they must be."""
    with np.errstate(over="ignore"):
        result = array.astype(wanted.numpy)
    if not (np.array_equal(result, array) if wanted.is_integer else np.array_equal(np.isfinite(result), np.isfinite(array))):
        raise DTypeError(f"{what} wants dtype {wanted}, and a number is out of its range")
    return result


def arguments(signature: Signature, args: tuple, kwargs: dict[str, Any]) -> list[np.ndarray]:
    """The arrays for the inputs of a function that was called with these arguments."""
    values = zip(signature.bind(args, kwargs), signature.inputs)
    return [as_argument(value, leaf.type, repr(leaf.name) if leaf.name else str(i)) for i, (value, leaf) in enumerate(values)]
