"""What there is to know of dtypes: limits, kinds, and which convert to which."""

from __future__ import annotations

from typing import Any

import numpy as np

from croton.dtypes import DType
from croton.dtypes import dtype as dtype_of
from croton.expr.expr import Expr


def _kind(value: Any) -> DType:
    return value.dtype if isinstance(value, Expr) else dtype_of(value.dtype if isinstance(value, np.ndarray) else value)


def finfo(kind: Any) -> np.finfo:
    """The limits of a floating dtype, or of the dtype of an array, as NumPy's finfo: `finfo("float32").eps`."""
    return np.finfo(_kind(kind).numpy)


def iinfo(kind: Any) -> np.iinfo:
    """The limits of an integer dtype, or of the dtype of an array, as NumPy's iinfo: `iinfo("int8").max`."""
    return np.iinfo(_kind(kind).numpy)


def isdtype(dtype: Any, kind: Any) -> bool:
    """Whether a dtype is of a kind: a dtype, or "bool", "signed integer", "unsigned integer", "integral", "real floating", "numeric", or a tuple of these."""
    names = {"bool", "signed integer", "unsigned integer", "integral", "real floating", "complex floating", "numeric"}
    kinds = kind if isinstance(kind, tuple) else (kind,)
    return np.isdtype(_kind(dtype).numpy, tuple([entry if isinstance(entry, str) and entry in names else _kind(entry).numpy for entry in kinds]))


def can_cast(value: Any, to: Any) -> bool:
    """Whether a dtype, or the dtype of an array, converts to another without losing anything."""
    return bool(np.can_cast(_kind(value).numpy, _kind(to).numpy))
