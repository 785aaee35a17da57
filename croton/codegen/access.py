"""How the lanes of a vector loop reach memory: one place for all, neighbours, a fixed stride, or places that an int64 variable names."""

from __future__ import annotations

from typing import NamedTuple

from croton.codegen.builder import Builder, element
from croton.codegen.function import Function, memory_element
from croton.dtypes import DType
from croton.kernel.language import Load, Store

UNIFORM, CONTIGUOUS, STRIDED, SCATTERED = "uniform", "contiguous", "strided", "scattered"

AHEAD = 1024
"""How many bytes before they are needed neighbours are asked for. From 1024 to 4096 makes no difference, 512 is late."""
LINE = 64
"""The bytes that come from memory together."""


class Access(NamedTuple):
    """The element of lane i is at `pointer` + i * `stride` + sum of factor * variable, in elements.

    stride      an i64 text; a number where it is known
    variables   lane-varying int64 variables and what each is multiplied by
    """

    kind: str
    pointer: str
    stride: str
    variables: tuple[tuple[str, str], ...]
    dtype: DType


def access_of(function: Function, access: Load | Store, label: str, varying: set[str]) -> Access:
    """Work out, before the loop, what does not change in it."""
    buffer = function.buffers[access.buffer]
    add, multiply = function.add, function.multiply
    base, stride, pitch = "0", "0", "1"
    variables = []
    for index, extent in zip(reversed(access.index), reversed(buffer.shape), strict=True):
        fixed = function.extent(index.const)
        for name, coef in index.terms:
            factor = function.extent(coef)
            if name == label:
                stride = add(stride, multiply(factor, pitch))
            elif name in varying:
                variables.append((name, multiply(factor, pitch)))
            else:
                fixed = add(fixed, multiply(factor, function.scalar(name)))
        base = add(base, multiply(fixed, pitch))
        pitch = multiply(pitch, function.extent(extent))
    if variables:
        kind = SCATTERED
    else:
        kind = UNIFORM if stride == "0" else CONTIGUOUS if stride == "1" else STRIDED
    return Access(kind, function.offset_pointer(buffer, base), stride, tuple(variables), buffer.dtype)


def distinct_places(access: Store, label: str, varying: set[str]) -> bool:
    """Whether no two lanes can reach the same element: some axis moves with the label alone, by a number that is not 0."""
    for index in access.index:
        moving = [(name, coef) for name, coef in index.terms if name in varying]
        if len(moving) == 1 and moving[0][0] == label and isinstance(moving[0][1], int) and moving[0][1] != 0:
            return True
    return False


class Memory:
    """Reads and writes vectors of one length."""

    def __init__(self, function: Function, lanes: int) -> None:
        self.function = function
        self.sink = function.sink
        self.lanes = lanes
        self.long = function.builder.at("i64", lanes)
        self.mask = function.builder.at("i1", lanes)

    def read(self, access: Access, index: str, mask: str | None, variables: dict[str, str]) -> str:
        """The elements, 0 where the mask is not set."""
        b = self._stored(access)
        align = access.dtype.itemsize
        if access.kind == CONTIGUOUS:
            pointer = self._at(access, index)
            if mask is None:
                value = self.sink.emit(f"load {b.type}, ptr {pointer}, align {align}")
            else:
                name = f"llvm.masked.load.{b.suffix}.p0"
                self.sink.declare(name, f"declare {b.type} @{name}(ptr, i32, {b.mask}, {b.type})")
                value = self.sink.emit(f"call {b.type} @{name}(ptr {pointer}, i32 {align}, {b.mask} {mask}, {b.type} zeroinitializer)")
        elif access.stride == "-1" and access.kind == STRIDED and mask is None:
            first = self.function.add(self.function.multiply(index, "-1"), str(1 - self.lanes))
            ahead = self.sink.emit(f"load {b.type}, ptr {self._at(access, first)}, align {align}")
            order = ", ".join(f"i32 {lane}" for lane in reversed(range(self.lanes)))
            value = self.sink.emit(f"shufflevector {b.type} {ahead}, {b.type} poison, <{self.lanes} x i32> <{order}>")
        else:
            pointers = self._places(access, index, variables)
            name = f"llvm.masked.gather.{b.suffix}.v{self.lanes}p0"
            self.sink.declare(name, f"declare {b.type} @{name}(<{self.lanes} x ptr>, i32, {b.mask}, {b.type})")
            chosen = self.mask.constant(True) if mask is None else mask
            arguments = f"<{self.lanes} x ptr> {pointers}, i32 {align}, {b.mask} {chosen}, {b.type} zeroinitializer"
            value = self.sink.emit(f"call {b.type} @{name}({arguments})")
        return b.icmp("ne", value, b.constant(0)) if access.dtype.is_bool else value

    def write(self, access: Access, index: str, mask: str | None, variables: dict[str, str], value: str) -> None:
        """Store the elements whose mask is set; of lanes that meet in one place the last wins."""
        b = self._stored(access)
        align = access.dtype.itemsize
        if access.dtype.is_bool:
            value = b.convert("zext", value, self.mask)
        if access.kind == CONTIGUOUS:
            pointer = self._at(access, index)
            if mask is None:
                self.sink.line(f"store {b.type} {value}, ptr {pointer}, align {align}")
                return
            name = f"llvm.masked.store.{b.suffix}.p0"
            self.sink.declare(name, f"declare void @{name}({b.type}, ptr, i32, {b.mask})")
            self.sink.line(f"call void @{name}({b.type} {value}, ptr {pointer}, i32 {align}, {b.mask} {mask})")
            return
        pointers = self._places(access, index, variables)
        name = f"llvm.masked.scatter.{b.suffix}.v{self.lanes}p0"
        self.sink.declare(name, f"declare void @{name}({b.type}, <{self.lanes} x ptr>, i32, {b.mask})")
        chosen = self.mask.constant(True) if mask is None else mask
        self.sink.line(f"call void @{name}({b.type} {value}, <{self.lanes} x ptr> {pointers}, i32 {align}, {b.mask} {chosen})")

    def ask(self, access: Access, index: str, writes: bool) -> None:
        """Ask for the neighbours that are read or written some passes after those from `index` on. Past the end of an array that does nothing."""
        name = "llvm.prefetch.p0"
        self.sink.declare(name, f"declare void @{name}(ptr, i32, i32, i32)")
        pointer = self._at(access, index)
        for line in range(AHEAD, AHEAD + self.lanes * access.dtype.itemsize, LINE):
            self.sink.line(f"call void @{name}(ptr {self.sink.emit(f'getelementptr i8, ptr {pointer}, i64 {line}')}, i32 {int(writes)}, i32 3, i32 1)")

    def before(self, index: str, end: str) -> str:
        """The mask of the lanes from `index` on that come before the end."""
        left = self.sink.emit(f"sub i64 {end}, {index}")
        left = self.sink.emit(f"select i1 {self.sink.emit(f'icmp slt i64 {left}, {self.lanes}')}, i64 {left}, i64 {self.lanes}")
        b = self.function.builder.at("i8", self.lanes)
        return b.icmp("sgt", b.splat(self.sink.emit(f"trunc i64 {left} to i8")), self.iota(b))

    def iota(self, b: Builder) -> str:
        """The constant 0, 1, 2, ... of an integer builder's type."""
        return f"<{', '.join(f'{b.element} {lane}' for lane in range(self.lanes))}>"

    def _stored(self, access: Access) -> Builder:
        return self.function.builder.at("i8" if access.dtype.is_bool else element(access.dtype), self.lanes)

    def _at(self, access: Access, index: str) -> str:
        if index == "0":
            return access.pointer
        return self.sink.emit(f"getelementptr {memory_element(access.dtype)}, ptr {access.pointer}, i64 {index}")

    def _places(self, access: Access, index: str, variables: dict[str, str]) -> str:
        b = self.long
        total: str | None = None
        if access.stride != "0":
            steps = self.iota(b) if access.stride == "1" else b.imul(self.iota(b), self._splat(access.stride))
            start = self.function.multiply(index, access.stride)
            total = steps if start == "0" else b.iadd(self._splat(start), steps)
        for name, factor in access.variables:
            part = variables[name] if factor == "1" else b.imul(variables[name], self._splat(factor))
            total = part if total is None else b.iadd(total, part)
        offsets = b.constant(0) if total is None else total
        return self.sink.emit(f"getelementptr {memory_element(access.dtype)}, ptr {access.pointer}, {b.type} {offsets}")

    def _splat(self, text: str) -> str:
        return self.long.constant(int(text)) if text.lstrip("-").isdecimal() else self.long.splat(text)
