"""Mathematical functions in a loop: written where they are used, or, where a loop has many of one that wait for one another, called.

A long function that is written ten times is ten times the work for LLVM, and more: what it does with registers takes longer than in proportion to
the length of a block. A call keeps the processor from going on with the next function before this one is done. Measured (20,000 elements, one
thread, time relative to functions that are written out): chains of 5 to 10 tanh or exp, which cannot go on anyway, 0.90 to 1.01; 5 to 8 functions of the
same argument 1.0 to 1.16. Two vectors in turns, each waiting for itself alone, take two thirds of the time of one after the other (`in_turns`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from croton.codegen.builder import Builder, Sink
from croton.codegen.vecmath import FUNCTIONS
from croton.kernel.language import Let, Stmt

_CALL = re.compile(r"= call (?!.*@llvm\.)")

OFTEN = 5
"""So many of one function are calls."""


def called_often(body: Iterable[Stmt]) -> frozenset[str]:
    """The functions of which there are so many in the body of a loop that they are called, if they wait for one another."""
    counts = Counter([statement.function for statement in body if isinstance(statement, Let) and statement.function in FUNCTIONS])
    return frozenset([name for name, count in counts.items() if count >= OFTEN])


def mathematics(name: str, b: Builder, *values: str) -> str:
    """A mathematical function of values of the builder's type: written here, or called if the sink says so."""
    return _call(name, b, values) if name in b.sink.called else FUNCTIONS[name](b, *values)


def _call(name: str, b: Builder, values: tuple[str, ...]) -> str:
    full = f"{name}.{b.suffix}"
    if full not in b.sink.definitions:
        b.sink.definitions[full] = _definition(full, name, b, len(values))
    return b.emit(f"call {b.type} @{full}({', '.join([f'{b.type} {value}' for value in values])})")


def _definition(full: str, name: str, b: Builder, arity: int) -> str:
    """The function as one of the module's own."""
    sink = Sink(b.sink.scales)
    own = Builder(sink, b.element, b.lanes)
    parameters = [f"%x{place}" for place in range(arity)]
    result = FUNCTIONS[name](own, *parameters)
    own.let_go()
    b.sink.declarations.update(sink.declarations)
    head = f"define internal {b.type} @{full}({', '.join([f'{b.type} {parameter}' for parameter in parameters])}) #0"
    body = "\n".join(sink.lines)
    return f"{head} {{\nentry:\n{body}\n  ret {b.type} {result}\n}}\n"


def in_turns(sink: Sink, begins: Sequence[int]) -> None:
    """Interleave the last lines: what begins at each of these places is the same work for other elements, and each goes on to its next call in turn."""
    parts = [_up_to_calls(sink.lines[begin:end]) for begin, end in zip(begins, [*begins[1:], len(sink.lines)])]
    if len(set(map(len, parts))) == 1 and all(line.startswith("  ") for part in parts for piece in part for line in piece):
        sink.lines[begins[0] :] = [line for pieces in zip(*parts) for piece in pieces for line in piece]


def _up_to_calls(lines: Sequence[str]) -> list[list[str]]:
    """The lines in pieces that end with a call of one of the module's own functions."""
    pieces: list[list[str]] = [[]]
    for line in lines:
        pieces[-1].append(line)
        if _CALL.search(line):
            pieces.append([])
    return pieces
