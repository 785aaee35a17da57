"""The processor's mode of floating-point arithmetic, as LLVM IR: read, set, and the bits that flush subnormal numbers."""

from __future__ import annotations

import platform

from croton.runtime.assembler import Assembler

_FLUSH_RESULTS, _SUBNORMALS_ARE_ZERO = 0x8000, 0x0040


def can_flush() -> bool:
    """Whether the mode can be read and set here. Elsewhere nothing is emitted for it."""
    return platform.machine() == "x86_64"


def declarations() -> str:
    """What the emitted text calls."""
    names = ("stmxcsr", "ldmxcsr") if can_flush() else ()
    return "\n".join(f"declare void @llvm.x86.sse.{name}(ptr)" for name in names)


def save(a: Assembler, place: str) -> None:
    """Write the mode to an i32."""
    if can_flush():
        a.do(f"call void @llvm.x86.sse.stmxcsr(ptr {place})")


def restore(a: Assembler, place: str) -> None:
    """Set the mode that `save` wrote."""
    if can_flush():
        a.do(f"call void @llvm.x86.sse.ldmxcsr(ptr {place})")


def flush(a: Assembler, place: str, scratch: str) -> None:
    """Set the mode that `save` wrote, with subnormal numbers taken for 0."""
    flushing = a.value(f"or i32 {a.get(place, 'i32')}, {_FLUSH_RESULTS | _SUBNORMALS_ARE_ZERO}")
    a.set(scratch, flushing, "i32")
    restore(a, scratch)
