"""What a program will do, before it does it: its calls, flops, bytes and memory as functions of the sizes, with the user's lines.

Plain data, so that a program from the disk cache can explain itself too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.loop import UNLIMITED
from croton.compile.budget import Chunks
from croton.compile.flow import Flow
from croton.compile.interface import Interface
from croton.compile.words import Rewrite, SizeNames, counted, rewrite
from croton.kernel.print import to_text
from croton.schedule.arena import Arena
from croton.schedule.plan import BoundsCheck, KernelCall, LoopCall, MatrixCall, Plan, ProductCall, RoutineCall, every_body
from croton.sizes import Size, Symbol, bind, evaluate, hint, symbols
from croton.transforms.thrift import Segmented
from croton.util.provenance import Line


class Entry(NamedTuple):
    """One call of the program.

    kind    "kernel", "product", "routine", "check" or "copy"
    what    what it does, with {} for each of `sizes`
    kernel  the number of the kernel, -1 for anything else
    lines   the user's lines that are computed in it
    flow    the names of what it reads and writes
    does    what a kernel computes, as formulas in these names, a line for each sweep
    error   what is said where it is refused, with {} for what number the matrix has
    passes  how often a kernel goes over its arrays
    """

    kind: str
    what: str
    sizes: tuple[Size, ...]
    kernel: int
    flops: Size
    bytes: Size
    lines: tuple[Line, ...]
    flow: str = ""
    does: str = ""
    error: str = ""
    passes: int = 1

    def title(self, text: Callable[[Size], str]) -> str:
        """What it does, with its sizes as `text` has them."""
        return self.what.format(*map(text, self.sizes))


class Argument(NamedTuple):
    """An array that comes in: for reading sizes off a caller's shapes."""

    label: str
    name: str | None
    dtype: str
    shape: tuple[Size, ...]


class Account(NamedTuple):
    """The whole program."""

    entries: tuple[Entry, ...]
    kernels: tuple[str, ...]
    arena: Arena
    results: tuple[Size, ...]
    arguments: tuple[Argument, ...]
    shared: tuple[Argument, ...]
    decisions: tuple[Rewrite, ...]
    checks: tuple[tuple[Size, Size, Line | None], ...]
    budget: int = 0
    chunks: tuple[Chunks, ...] = ()
    again: tuple[Line, ...] = ()
    remade: int = 0
    segmented: tuple[Segmented, ...] = ()

    def flops(self, sizes: dict) -> int:
        """Floating point operations of a call; a transcendental function counts as twenty."""
        return sum(evaluate(entry.flops, sizes) for entry in self.entries)

    def bytes(self, sizes: dict) -> int:
        """Memory traffic of a call: what each kernel or library call touches of each array, once."""
        return sum(evaluate(entry.bytes, sizes) for entry in self.entries)

    def memory_peak(self, sizes: dict) -> int:
        """Bytes a call takes beyond its arguments: the arena of temporaries and the arrays it returns."""
        return self.arena.bytes(sizes) + sum(evaluate(size, sizes) for size in self.results)

    def sizes(self, arrays: Sequence[np.ndarray]) -> dict[Symbol, int]:
        """The unknown sizes that arrays for the arguments and then the shared variables have; the first that has a size says what it is."""
        every = zip((*self.arguments, *self.shared), arrays)
        return bind([pair for argument, array in every for pair in zip(argument.shape, array.shape)])

    def names(self) -> SizeNames:
        """How sizes are called."""
        every = (*self.arguments, *self.shared)
        return SizeNames((argument.name or f"arg{position}", argument.shape) for position, argument in enumerate(every))

    def likely(self) -> dict[Symbol, int]:
        """Sizes to show where nobody gave any: the hints of the arguments' sizes."""
        names = {name for argument in (*self.arguments, *self.shared) for size in argument.shape for name in symbols(size)}
        return {name: hint(name.size) for name in names}


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _check(call: BoundsCheck) -> Entry:
    what, sizes = ("check that exponents are not negative", ()) if call.bound is None else ("check that indices are within {}", (call.bound,))
    return Entry("check", what, sizes, -1, 0, 0, tuple(line for line in call.origins if line is not None))


def _matrices(call: MatrixCall) -> Entry:
    record, first = call.record, call.matrices[0]
    own = (first.rows, first.columns)[: record.meaning.arguments[0]]
    sizes = (*call.stack, *own)
    what = f"{record.name} of " + "{} x " * len(call.stack) + "(" + ", ".join(["{}"] * len(own)) + ")"
    return Entry("routine", what, sizes, -1, call.flops, call.bytes, tuple(line for line in call.origins if line is not None), error=record.failure)


def _checks_of(loop: LoopCall) -> list[Entry]:
    """The checks in a loop and in loops in it, in the order of their calls. They come behind the calls, for their errors to name."""
    found: list[Entry] = []
    for call in loop.body.calls:
        if isinstance(call, BoundsCheck):
            found.append(_check(call))
        elif isinstance(call, MatrixCall) and call.record.failure:
            entry = _matrices(call)
            found.append(entry._replace(kind="check", what=f"check {entry.what}", flops=0, bytes=0))
        elif isinstance(call, LoopCall):
            found += [_loop(call)._replace(kind="check", flops=0, bytes=0)] if call.stop >= 0 else []
            found += _checks_of(call)
    return found


def _loop(call: LoopCall) -> Entry:
    kernels = sum(isinstance(inner, KernelCall) for inner in call.body.calls)
    each = f"{counted(kernels, 'kernel')} and {counted(len(call.body.calls) - kernels, 'other call')}"
    lines = tuple(line for line in call.origins if line is not None)
    if call.seldom:
        return Entry("loop", f"only if the check fails: {each} (not counted)", (), -1, 0, 0, lines)
    if call.length == UNLIMITED:
        return Entry("loop", f"loop while a condition holds, each step {each} (one step is counted)", (), -1, call.flops, call.bytes, lines)
    most = "at most " if call.stop >= 0 or call.limit >= 0 else ""
    return Entry("loop", f"loop of {most}{{}} steps, each {each}", (call.length,), -1, call.flops, call.bytes, lines)


def account(
    plan: Plan,
    interface: Interface,
    copied: Sequence[int],
    decisions: Sequence[Any],
    checks: Sequence[Any],
    chunks: Sequence[Chunks] = (),
    remade: int = 0,
    segmented: Sequence[Segmented] = (),
) -> Account:
    """The account of a plan. `copied` are the results that are copied from where they are when all has been computed."""
    entries = []
    inside: list[Entry] = []
    flow = Flow(plan, interface)
    for call in plan.calls:
        lines = tuple(line for line in call.origins if line is not None)
        if isinstance(call, KernelCall):
            passes = len(call.passes)
            what = f"kernel {call.kernel}" + (f" of {passes} passes" if passes > 1 else "")
            entries.append(Entry("kernel", what, (), call.kernel, call.flops, call.bytes, lines, passes=passes))
        elif isinstance(call, ProductCall):
            shape = call.shape
            sizes = (*shape.batch, shape.m, shape.k, shape.k, shape.n)
            what = ("symmetric " if shape.symmetric else "") + "matrix product " + "{} x " * len(shape.batch) + "({}, {}) @ ({}, {})"
            entries.append(Entry("product", what, sizes, -1, call.flops, call.bytes, lines))
        elif isinstance(call, RoutineCall):
            entries.append(Entry("routine", f"routine {_escaped(str(call.routine))}", (), -1, call.flops, call.bytes, lines))
        elif isinstance(call, MatrixCall):
            entries.append(_matrices(call))
        elif isinstance(call, LoopCall):
            entries.append(_loop(call))
            inside += _checks_of(call)
        else:
            assert isinstance(call, BoundsCheck)
            entries.append(_check(call))
        entries[-1] = entries[-1]._replace(flow=flow.text(call), does=flow.does(call))
    for number in copied:
        count = plan.values[plan.outputs[number]].bytes
        entries.append(Entry("copy", "copy to a result", (), -1, 0, count * 2, ()))
    entries += inside
    return Account(
        tuple(entries),
        tuple(to_text(kernel, f"kernel_{i}") for i, kernel in enumerate(plan.kernels)),
        plan.arena,
        tuple(interface.returned(plan)),
        tuple(Argument(leaf.label, leaf.name, leaf.dtype.name, leaf.shape) for leaf in interface.inputs),
        tuple(Argument(leaf.label, leaf.name, leaf.dtype.name, leaf.shape) for leaf in interface.shared),
        tuple(rewrite(decision) for decision in decisions),
        tuple((check.left, check.right, check.line) for check in checks),
        interface.budget,
        tuple(chunks),
        tuple([line for body in every_body(plan) for line in body.again]),
        remade,
        tuple(segmented),
    )
