"""Work that few arguments need, skipped when no lane needs it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.builder import Builder


def where_any(b: Builder, mask: str, slow: Callable[[], tuple[str, ...]], fast: Sequence[str], types: Sequence[str]) -> tuple[str, ...]:
    """`slow()` where any lane of the mask is set, else the values `fast`; `types` are their LLVM types.

    Opens basic blocks: a code generator must end a loop's body with a branch to a latch block of its own, since the block that
    follows a value is then not the one that began the body.
    """
    name = b.fresh()[1:]
    head, body, join = f"{name}.head", f"{name}.any", f"{name}.join"
    sink = b.sink
    sink.line(f"br label %{head}")
    sink.lines.append(f"{head}:")
    if b.lanes == 1:
        any_lane = mask
    else:
        integer = f"i{b.lanes}"
        any_lane = b.emit(f"icmp ne {integer} {b.emit(f'bitcast {b.mask} {mask} to {integer}')}, 0")
    sink.line(f"br i1 {any_lane}, label %{body}, label %{join}")
    sink.lines.append(f"{body}:")
    slow_values = slow()
    # slow() may have opened blocks of its own: its values arrive from a block that is known by name
    sink.line(f"br label %{name}.done")
    sink.lines.append(f"{name}.done:")
    sink.line(f"br label %{join}")
    sink.lines.append(f"{join}:")
    return tuple(
        b.emit(f"phi {kind} [ {value}, %{head} ], [ {other}, %{name}.done ]") for kind, value, other in zip(types, fast, slow_values)
    )
