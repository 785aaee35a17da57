"""Control flow: counted loops and conditional work, with values carried by phis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from croton.codegen.builder import Sink


class Carried(NamedTuple):
    """A value that changes from iteration to iteration: its LLVM type and what it is before the first."""

    type: str
    initial: str


def open_block(sink: Sink, hint: str = "b") -> str:
    """End the current block by falling into a fresh one, whose name is returned: a phi needs to know where it comes from."""
    sink.count += 1
    name = f"{hint}{sink.count}"
    sink.line(f"br label %{name}")
    sink.lines.append(f"{name}:")
    return name


def counted_loop(
    sink: Sink, low: str, high: str, step: int | str, carried: Sequence[Carried], body: Callable[[str, list[str]], list[str]]
) -> list[str]:
    """for (i = low; i < high; i += step), testing before the first iteration and after each; gives the final carried values.

    `body(i, values)` emits one iteration and returns the next values.
    """
    initial = [value.initial for value in carried]

    def loop() -> list[str]:
        first = open_block(sink, "q")
        sink.count += 1
        mark = sink.count
        sink.line(f"br label %l{mark}")
        sink.lines.append(f"l{mark}:")
        index = sink.fresh()
        names = [sink.fresh() for _ in carried]
        at = len(sink.lines)
        sink.lines.append("")
        values = body(index, names)
        latch = open_block(sink, "t")
        following = sink.emit(f"add nsw i64 {index}, {step}")
        sink.line(f"br i1 {sink.emit(f'icmp slt i64 {following}, {high}')}, label %l{mark}, label %x{mark}")
        heads = [f"  {index} = phi i64 [ {low}, %{first} ], [ {following}, %{latch} ]"]
        for name, value, next_value in zip(names, carried, values, strict=True):
            heads.append(f"  {name} = phi {value.type} [ {value.initial}, %{first} ], [ {next_value}, %{latch} ]")
        sink.lines[at] = "\n".join(heads)
        sink.lines.append(f"x{mark}:")
        return values

    if low.isdecimal() and high.isdecimal():
        return loop() if int(low) < int(high) else initial
    return region(sink, sink.emit(f"icmp slt i64 {low}, {high}"), loop, carried)


def region(sink: Sink, condition: str, body: Callable[[], list[str]], carried: Sequence[Carried] = ()) -> list[str]:
    """`body()` only where the i1 is true: its values, or else the initial ones."""
    start = open_block(sink, "s")
    sink.count += 1
    mark = sink.count
    sink.line(f"br i1 {condition}, label %y{mark}, label %z{mark}")
    sink.lines.append(f"y{mark}:")
    values = body()
    end = open_block(sink, "e")
    sink.line(f"br label %z{mark}")
    sink.lines.append(f"z{mark}:")
    return [
        sink.emit(f"phi {value.type} [ {value.initial}, %{start} ], [ {last}, %{end} ]")
        for value, last in zip(carried, values, strict=True)
    ]
