"""Mathematical functions in a loop: written where they are used, or, where a loop has many of one that wait for one another, called.

A long function that is written ten times is ten times the work for LLVM, and more: what it does with registers takes longer than in proportion to
the length of a block. A call keeps the processor from going on with the next function before this one is done. Measured (20,000 elements, one
thread, time relative to functions that are written out): chains of 5 to 10 tanh or exp, which cannot go on anyway, 0.90 to 1.01; 5 to 8 functions of the
same argument 1.0 to 1.16.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from croton.codegen.builder import Builder, Sink
from croton.codegen.vecmath import FUNCTIONS
from croton.kernel.language import Let, Stmt

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
