"""The type of an array: its dtype, and a size for each axis."""

from __future__ import annotations

from typing import NamedTuple

from croton.dtypes import DType
from croton.sizes import Size


class TensorType(NamedTuple):
    """What is known of an array before it has a value. A size is an int or a symbolic polynomial."""

    dtype: DType
    shape: tuple[Size, ...]

    @property
    def ndim(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


class Constrained(NamedTuple):
    """A type that holds only if each pair of sizes turns out to be equal."""

    type: TensorType
    constraints: tuple[tuple[Size, Size], ...]
