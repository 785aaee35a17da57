"""Whatever holds numbers, read as a NumPy array, and whether its numbers have a dtype of their own."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.util.errors import KindError


def read_array(value: Any, what: str) -> np.ndarray:
    """The value as an array, shared where it can be. `what` names it in errors.

    Takes NumPy arrays, numbers, nested lists of them, and objects that speak the array protocol or DLPack. A masked array must not hide anything.
    """
    if type(value) is np.ndarray or isinstance(value, (bool, int, float, np.generic)):
        return np.asarray(value)
    if isinstance(value, np.ndarray):
        return unmasked(value, what)
    try:
        if hasattr(value, "__dlpack__") and not hasattr(value, "__array__"):
            return np.from_dlpack(value)
        array = np.asarray(value)
    except (ValueError, TypeError, BufferError, RuntimeError, OverflowError) as error:
        raise KindError(f"{what}: this {type(value).__name__} cannot be read as an array in this computer's memory ({error})") from error
    if array.dtype.kind == "O" and not hasattr(value, "dtype"):
        raise KindError(f"{what}: numbers are wanted, got {type(value).__name__} {_short(value)}")
    return array


def unmasked(array: np.ndarray, what: str) -> np.ndarray:
    """A plain array; an error for a masked array that hides elements, whose values mean nothing."""
    mask = getattr(array, "mask", None)
    if mask is not None and np.any(mask):
        raise KindError(f"{what}: a masked array with {int(np.sum(mask))} masked elements, for which there is no value; fill them first, x.filled(value)")
    return np.asarray(array)


def has_dtype(value: Any) -> bool:
    """Whether the numbers have a dtype, which must not be narrowed silently: of all but Python's numbers and lists of nothing else."""
    left = [value]
    while left:
        entry = left.pop()
        if isinstance(entry, (list, tuple)):
            left.extend(entry)
        elif not isinstance(entry, (bool, int, float, range)) or isinstance(entry, np.generic):
            return True
    return False


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
