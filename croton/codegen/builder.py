"""LLVM IR text for values of one element type and lane count.

A `Sink` collects lines and the declarations of the intrinsics they call; any number of `Builder`s write to one sink, each for its
own element type (`float`, `double`, `i1`, `i8` .. `i64`) and number of lanes (1 is a scalar). Values are texts: names (`%v7`) or
constants (`splat (float 0x..)`).

LLVM kills the process when an intrinsic cannot be compiled, so only the intrinsics in `INTRINSICS` can be called.

A floating-point builder may carry fast-math flags for + - *; `builder.exact()` carries none. Nothing here does: every operation rounds once,
so that a value has the same bits wherever it is computed, and what is to be fused is emitted as `fma` or `fmuladd`.
"""

from __future__ import annotations

import struct

from croton.dtypes import DType

INTRINSICS = frozenset(
    (
        "fma",
        "fmuladd",
        "fabs",
        "sqrt",
        "floor",
        "ceil",
        "trunc",
        "rint",
        "roundeven",
        "copysign",
        "maximum",
        "minimum",
        "smax",
        "smin",
        "umax",
        "umin",
        "sadd.sat",
        "ssub.sat",
        "ctpop",
        "bswap",
    )
)
"""Intrinsics that every CPU target of LLVM lowers, for scalars and vectors of any length, without a library of vector mathematics."""

ELEMENT = {
    "bool": "i1",
    "int8": "i8",
    "uint8": "i8",
    "int16": "i16",
    "uint16": "i16",
    "int32": "i32",
    "uint32": "i32",
    "int64": "i64",
    "uint64": "i64",
    "float32": "float",
    "float64": "double",
}
"""The LLVM type in which a value of a dtype is computed, by name of the dtype. Memory holds a bool as i8."""

_BITS = {"i1": 1, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "float": 32, "double": 64}


def element(dtype: DType) -> str:
    """The LLVM type in which values of a dtype are computed."""
    return ELEMENT[dtype.name]


def float_text(value: float, element: str) -> str:
    """A floating-point constant as LLVM reads it exactly: the bits of the double that equals it. Overflow of a float32 gives infinity."""
    if element == "float":
        try:
            value = struct.unpack("<f", struct.pack("<f", value))[0]
        except OverflowError:
            value = float("inf") if value > 0 else float("-inf")
    return f"0x{struct.unpack('<Q', struct.pack('<d', value))[0]:016X}"


KEPT = 16
"""How many constants of a loop are kept in registers: as many as leave room for its values."""


class Sink:
    """Where builders write: instruction lines in order, declarations by name, and one counter for fresh names.

    `scales` says that the target multiplies a vector by powers of two in one instruction (AVX-512's scalef). `kept` are the vector
    constants of the loop that is written, to be loaded once before it: LLVM would load them again for every use. `called` are the mathematical
    functions of which it has so many that they are called, and `definitions` what is called, by name.
    """

    __slots__ = ("called", "count", "declarations", "definitions", "kept", "lines", "scales")

    def __init__(self, scales: bool = False) -> None:
        self.scales = scales
        self.kept: dict[tuple[str, str], str] | None = None
        self.called: frozenset[str] = frozenset()
        self.definitions: dict[str, str] = {}
        self.lines: list[str] = []
        self.declarations: dict[str, str] = {}
        self.count = 0

    def fresh(self) -> str:
        """A value name not used before in this sink."""
        self.count += 1
        return f"%v{self.count}"

    def emit(self, text: str) -> str:
        """Append `name = text` and return the name."""
        self.count += 1
        name = f"%v{self.count}"
        self.lines.append(f"  {name} = {text}")
        return name

    def keep_constants(self) -> int:
        """From here on vector constants of arithmetic are loaded at this place; gives what `constants_kept` wants."""
        self.kept = {}
        self.lines.append("")
        return len(self.lines) - 1

    def constants_kept(self, place: int) -> None:
        """Write the loads of the constants that have been asked for since `keep_constants`."""
        lines = []
        for (type, scalar), name in (self.kept or {}).items():
            kind, bits = scalar.split()
            table = f"constant.{kind}.{bits}"
            self.declare(table, f"@{table} = private unnamed_addr constant {scalar}")
            lanes = type[1:].split()[0]
            lines.append(f"  {name}.s = load {kind}, ptr @{table}")
            lines.append(f"  {name}.i = insertelement {type} poison, {kind} {name}.s, i64 0")
            lines.append(f"  {name} = shufflevector {type} {name}.i, {type} poison, <{lanes} x i32> zeroinitializer")
        self.lines[place] = "\n".join(lines)
        self.kept = None

    def line(self, text: str) -> None:
        """Append an instruction without a result."""
        self.lines.append("  " + text)

    def declare(self, name: str, declaration: str) -> None:
        """Note that `name` (without @) is called and must be declared by this line."""
        self.declarations[name] = declaration


class Builder:
    """Emits instructions on values of one type. `type` is the LLVM type of its values, `integer` the integer type of the same width and
    lanes (for bit patterns), `mask` that of its comparisons."""

    __slots__ = ("_others", "bits", "element", "flags", "integer", "integer_element", "is_float", "lanes", "mask", "sink", "suffix", "type")

    def __init__(self, sink: Sink, element: str, lanes: int = 1, flags: str = "") -> None:
        self.sink = sink
        self.element = element
        self.lanes = lanes
        self.flags = flags
        self.bits = _BITS[element]
        self.is_float = element in ("float", "double")
        self.integer_element = f"i{self.bits}"
        self.type = element if lanes == 1 else f"<{lanes} x {element}>"
        self.integer = self.integer_element if lanes == 1 else f"<{lanes} x {self.integer_element}>"
        self.mask = "i1" if lanes == 1 else f"<{lanes} x i1>"
        kind = f"{'f' if self.is_float else 'i'}{self.bits}"
        self.suffix = kind if lanes == 1 else f"v{lanes}{kind}"
        self._others: dict[tuple[str, int, str], Builder] = {(element, lanes, flags): self}

    # Other types, same sink

    def at(self, element: str, lanes: int | None = None, flags: str | None = None) -> Builder:
        """The builder of another element type (or lane count, or flags) writing to the same place."""
        key = (element, self.lanes if lanes is None else lanes, self.flags if flags is None else flags)
        found = self._others.get(key)
        if found is None:
            found = self._others[key] = Builder(self.sink, *key)
            found._others = self._others
        return found

    def exact(self) -> Builder:
        """This builder without fast-math flags: every operation rounds once, as IEEE 754 says."""
        return self.at(self.element, flags="")

    def let_go(self) -> None:
        """Forget the other builders, which hold each other. After the last instruction."""
        self._others.clear()

    # Text

    def fresh(self) -> str:
        """A value name not used before."""
        return self.sink.fresh()

    def emit(self, text: str) -> str:
        """Append `name = text` and return the name."""
        return self.sink.emit(text)

    # Constants

    def constant(self, value: float | int | bool) -> str:
        """A constant of this builder's type, splat over the lanes. Integers wrap to the width."""
        text = float_text(float(value), self.element) if self.is_float else self._integer_text(int(value))
        return text if self.lanes == 1 else f"splat ({self.element} {text})"

    def integer_constant(self, value: int) -> str:
        """A constant of the integer type of the same width (bit patterns, shift counts, exponents)."""
        text = self._integer_text(value)
        return text if self.lanes == 1 else f"splat ({self.integer_element} {text})"

    def _integer_text(self, value: int) -> str:
        if self.bits == 1:
            return "true" if value else "false"
        value &= (1 << self.bits) - 1
        return str(value - (1 << self.bits) if value >> (self.bits - 1) else value)

    def splat(self, scalar: str) -> str:
        """A scalar value of this element type, repeated in all lanes."""
        if self.lanes == 1:
            return scalar
        first = self.emit(f"insertelement {self.type} poison, {self.element} {scalar}, i64 0")
        return self.emit(f"shufflevector {self.type} {first}, {self.type} poison, <{self.lanes} x i32> zeroinitializer")

    # Floating point

    def kept(self, a: str) -> str:
        """The operand, or where it is kept if it is a constant."""
        kept = self.sink.kept
        if kept is None or a[0] != "s" or not self.is_float:
            return a
        key = (self.type, a[7:-1])
        name = kept.get(key)
        if name is None:
            if len(kept) >= KEPT:
                return a
            name = kept[key] = self.sink.fresh()
        return name

    def fadd(self, a: str, b: str) -> str:
        return self.emit(f"fadd {self.flags} {self.type} {self.kept(a)}, {self.kept(b)}")

    def fsub(self, a: str, b: str) -> str:
        return self.emit(f"fsub {self.flags} {self.type} {self.kept(a)}, {self.kept(b)}")

    def fmul(self, a: str, b: str) -> str:
        return self.emit(f"fmul {self.flags} {self.type} {self.kept(a)}, {self.kept(b)}")

    def fdiv(self, a: str, b: str) -> str:
        return self.emit(f"fdiv {self.type} {a}, {b}")

    def fneg(self, a: str) -> str:
        return self.emit(f"fneg {self.type} {a}")

    def fma(self, a: str, b: str, c: str) -> str:
        """a * b + c with one rounding, whatever it costs."""
        return self.intrinsic("fma", self.kept(a), self.kept(b), self.kept(c))

    def fmuladd(self, a: str, b: str, c: str) -> str:
        """a * b + c, fused where the target has the instruction."""
        return self.intrinsic("fmuladd", self.kept(a), self.kept(b), self.kept(c))

    def fcmp(self, predicate: str, a: str, b: str) -> str:
        """A mask; predicates oeq ogt oge olt ole one ord ueq ugt uge ult ule une uno."""
        return self.emit(f"fcmp {predicate} {self.type} {a}, {b}")

    def to_bits(self, a: str) -> str:
        """The bit pattern of a floating-point value, as `integer`."""
        return self.emit(f"bitcast {self.type} {a} to {self.integer}")

    def from_bits(self, a: str) -> str:
        """The floating-point value of a bit pattern."""
        return self.emit(f"bitcast {self.integer} {a} to {self.type}")

    def from_signed(self, a: str) -> str:
        """The `integer` value a, rounded to floating point."""
        return self.emit(f"sitofp {self.integer} {a} to {self.type}")

    # Integers of the same width; on an integer builder, its own values

    def iadd(self, a: str, b: str) -> str:
        return self.emit(f"add {self.integer} {a}, {b}")

    def isub(self, a: str, b: str) -> str:
        return self.emit(f"sub {self.integer} {a}, {b}")

    def imul(self, a: str, b: str) -> str:
        return self.emit(f"mul {self.integer} {a}, {b}")

    def iand(self, a: str, b: str) -> str:
        return self.emit(f"and {self.integer} {a}, {b}")

    def ior(self, a: str, b: str) -> str:
        return self.emit(f"or {self.integer} {a}, {b}")

    def ixor(self, a: str, b: str) -> str:
        return self.emit(f"xor {self.integer} {a}, {b}")

    def shl(self, a: str, b: str) -> str:
        """Shift left; poison when the count is not below the width."""
        return self.emit(f"shl {self.integer} {a}, {b}")

    def ashr(self, a: str, b: str) -> str:
        return self.emit(f"ashr {self.integer} {a}, {b}")

    def lshr(self, a: str, b: str) -> str:
        return self.emit(f"lshr {self.integer} {a}, {b}")

    def icmp(self, predicate: str, a: str, b: str) -> str:
        """A mask; predicates eq ne sgt sge slt sle ugt uge ult ule."""
        return self.emit(f"icmp {predicate} {self.integer} {a}, {b}")

    # Masks and choice

    def select(self, mask: str, a: str, b: str) -> str:
        """a where the mask is set, else b: values of `type`."""
        return self.emit(f"select {self.mask} {mask}, {self.type} {a}, {self.type} {b}")

    def iselect(self, mask: str, a: str, b: str) -> str:
        """a where the mask is set, else b: values of `integer`."""
        return self.emit(f"select {self.mask} {mask}, {self.integer} {a}, {self.integer} {b}")

    def mask_and(self, a: str, b: str) -> str:
        return self.emit(f"and {self.mask} {a}, {b}")

    def mask_or(self, a: str, b: str) -> str:
        return self.emit(f"or {self.mask} {a}, {b}")

    def mask_not(self, a: str) -> str:
        ones = "true" if self.lanes == 1 else "splat (i1 true)"
        return self.emit(f"xor {self.mask} {a}, {ones}")

    # Conversions and calls

    def convert(self, instruction: str, a: str, source: Builder) -> str:
        """A value of `source` brought to this type by fpext, fptrunc, sext, zext, trunc, sitofp, uitofp, fptosi, fptoui or bitcast."""
        return self.emit(f"{instruction} {source.type} {a} to {self.type}")

    def intrinsic(self, name: str, *arguments: str, flags: str = "") -> str:
        """Call llvm.`name` on values of `type`; the declaration is collected."""
        if name not in INTRINSICS:
            known = ", ".join(sorted(INTRINSICS))
            raise ValueError(f"not supported: LLVM intrinsic {name!r}; those known to compile on every target are {known}")
        full = f"llvm.{name}.{self.suffix}"
        declarations = self.sink.declarations
        if full not in declarations:
            declarations[full] = f"declare {self.type} @{full}({', '.join([self.type] * len(arguments))})"
        return self.emit(f"call {flags} {self.type} @{full}({', '.join(f'{self.type} {argument}' for argument in arguments)})")

    def can_scale(self) -> bool:
        """Whether `scale` may be called."""
        return self.sink.scales and self.is_float and self.lanes & (self.lanes - 1) == 0 and self.bits * self.lanes >= 128

    def scale(self, a: str, n: str) -> str:
        """a * 2**n with one rounding, n whole numbers in floating point."""
        width = min(self.lanes, 512 // self.bits)
        piece = self if width == self.lanes else self.at(self.element, width)
        name = f"llvm.x86.avx512.mask.scalef.{'ps' if self.element == 'float' else 'pd'}.{width * self.bits}"
        bits = f"i{max(width, 8)}"
        rounding = "" if width * self.bits < 512 else ", i32 4"
        self.sink.declare(
            name, f"declare {piece.type} @{name}({piece.type}, {piece.type}, {piece.type}, {bits}{', i32' if rounding else ''})"
        )
        parts = []
        for start in range(0, self.lanes, width):
            one, two = (self._part(value, start, width) for value in (a, n))
            parts.append(self.emit(f"call {piece.type} @{name}({piece.type} {one}, {piece.type} {two}, {piece.type} zeroinitializer, {bits} -1{rounding})"))
        while len(parts) > 1:
            lanes = self.lanes // len(parts)
            order = ", ".join(f"i32 {k}" for k in range(2 * lanes))
            half = self.at(self.element, lanes).type
            parts = [
                self.emit(f"shufflevector {half} {parts[k]}, {half} {parts[k + 1]}, <{2 * lanes} x i32> <{order}>")
                for k in range(0, len(parts), 2)
            ]
        return parts[0]

    def _part(self, value: str, start: int, width: int) -> str:
        """Neighbouring lanes of a vector."""
        if width == self.lanes:
            return value
        order = ", ".join(f"i32 {start + k}" for k in range(width))
        return self.emit(f"shufflevector {self.type} {value}, {self.type} poison, <{width} x i32> <{order}>")

    def fabs(self, a: str) -> str:
        return self.intrinsic("fabs", a)

    def sqrt(self, a: str) -> str:
        return self.intrinsic("sqrt", a)

    def copysign(self, magnitude: str, sign: str) -> str:
        return self.intrinsic("copysign", magnitude, sign)

    def maximum(self, a: str, b: str) -> str:
        """The larger; NaN if either is NaN. Which zero wins is not said: asking costs three instructions."""
        return self.intrinsic("maximum", a, b, flags="nsz")

    def minimum(self, a: str, b: str) -> str:
        """The smaller; NaN if either is NaN; either zero."""
        return self.intrinsic("minimum", a, b, flags="nsz")
