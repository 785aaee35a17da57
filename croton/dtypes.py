"""Element types and promotion: the array API standard's rules, NumPy's names."""

from __future__ import annotations

import numpy as np

from croton.util.errors import DTypeError


class DType:
    """An element type. There is one object for each, so that `is` compares them; `==` also takes what names a dtype elsewhere: NumPy's dtypes and
    types, Python's, strings. NumPy reads it as the dtype that it is, `np.zeros(3, x.dtype)`.
    """

    __slots__ = ("bits", "itemsize", "kind", "name", "numpy")

    def __init__(self, name: str) -> None:
        self.numpy = np.dtype(name)
        self.name = name
        self.kind = self.numpy.kind
        self.itemsize = self.numpy.itemsize
        self.bits = 8 * self.itemsize

    def __repr__(self) -> str:
        return self.name

    def __eq__(self, other: object) -> bool:
        if isinstance(other, DType) or other is None:
            return self is other
        try:
            return self.numpy == np.dtype(other)  # type: ignore[call-overload]
        except TypeError:
            return NotImplemented

    __hash__ = object.__hash__

    @property
    def dtype(self) -> np.dtype:
        """NumPy's dtype, where NumPy looks for it."""
        return self.numpy

    __numpy_dtype__ = dtype

    def __reduce__(self) -> tuple:
        return (dtype, (self.name,))

    def own(self, array: np.ndarray) -> np.ndarray:
        """An array of an equal dtype under the one dtype object that compiled code knows: unpickled arrays and C's `long long` have others."""
        return array if array.dtype is self.numpy else array.view(self.numpy)

    @property
    def is_float(self) -> bool:
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        return self.kind in "iu"

    @property
    def is_bool(self) -> bool:
        return self.kind == "b"


_NAMES = ("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float32", "float64")
_by_name = {name: DType(name) for name in _NAMES}
bool_ = _by_name["bool"]
int8, int16, int32, int64 = (_by_name[f"int{bits}"] for bits in (8, 16, 32, 64))
uint8, uint16, uint32, uint64 = (_by_name[f"uint{bits}"] for bits in (8, 16, 32, 64))
float32, float64 = _by_name["float32"], _by_name["float64"]
ALL = tuple(_by_name.values())
_by_numpy = {found.numpy: found for found in ALL}


def dtype(name: object) -> DType:
    """The DType for a name, a NumPy dtype or type, a Python type or a DType.

    An error for a type that Croton has no arrays of (complex, object, strings, dates).
    """
    if isinstance(name, DType):
        return name
    if isinstance(name, np.dtype) and name in _by_numpy:
        return _by_numpy[name]
    try:
        found = _by_name.get(np.dtype(name).name)  # type: ignore[call-overload]
    except TypeError:
        found = None
    if found is None:
        known = ", ".join(_NAMES)
        more = "; a shape of several sizes is one argument, as zeros((3, 4))" if isinstance(name, int) else ""
        raise DTypeError(f"no arrays of dtype {name!r}; the dtypes are {known}{more}")
    return found


def unit(reduction: str, kind: DType) -> bool | int | float:
    """The value that leaves every other unchanged under sum, prod, max, min, any or all, and that the reduction of nothing has."""
    if reduction in ("max", "min"):
        if kind.is_float:
            return float("-inf") if reduction == "max" else float("inf")
        limits = np.iinfo(kind.numpy)
        return int(limits.min) if reduction == "max" else int(limits.max)
    return {"sum": 0, "prod": 1, "any": False, "all": True}[reduction]
