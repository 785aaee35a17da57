"""Kernels as the text of LLVM modules."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from croton.codegen.columns import emit_columns
from croton.codegen.function import Function
from croton.codegen.lanes import emit_lanes
from croton.codegen.row_functions import emit_row_functions
from croton.codegen.short_columns import emit_short_columns
from croton.codegen.short_rows import emit_short_rows
from croton.codegen.target import Target, host
from croton.codegen.transposed import emit_transposed
from croton.kernel.language import For, Kernel

MODULE = 30_000
"""Characters after which a module is full: LLVM takes some 20 ms for as many, and below 1 for what is there once a module."""


def compile_text(kernels: Sequence[tuple[str, Kernel]], target: Target | None = None) -> str:
    """The module that defines each kernel under its name, for the processor of this process unless told otherwise.

    The text needs no optimisation passes: code generation at level 2 is what it is written for.
    """
    (text,) = compile_texts(kernels, target, sys.maxsize) if kernels else ("",)
    return text


def compile_texts(kernels: Iterable[tuple[str, Kernel]], target: Target | None = None, full: int = MODULE) -> Iterator[str]:
    """The same in as many modules as are `full` when they have so many characters, one after the other: they can be compiled at the same time."""
    module = _Module(host() if target is None else target)
    for name, kernel in kernels:
        module.add(name, kernel)
        if module.characters >= full:
            yield module.text()
            module = _Module(module.target)
    if module.definitions:
        yield module.text()


class _Module:
    """Definitions of kernels, and once what they declare and call."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.definitions: list[str] = []
        self.declarations: dict[str, str] = {}
        self.called: dict[str, str] = {}
        self.characters = 0

    def add(self, name: str, kernel: Kernel) -> None:
        function = Function(kernel, self.target, emit_lanes, _emit_rows)
        definition = function.text(name)
        self.definitions.append(definition)
        self.declarations.update(function.sink.declarations)
        self.called.update(function.sink.definitions)
        self.characters += len(definition)
        function.builder.let_go()

    def text(self) -> str:
        width = self.target.bits
        attributes = f'attributes #0 = {{ nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}" }}\n'
        return "\n".join([*self.declarations.values(), "", *self.called.values(), *self.definitions, attributes])


def _emit_rows(function: Function, loop: For, low: str, high: str) -> bool:
    """The loops that are emitted several rows at a time."""
    if function.finishing and emit_short_columns(function, loop, low, high):
        return True
    return any(emit(function, loop, low, high) for emit in (emit_columns, emit_transposed, emit_row_functions, emit_short_rows))
