"""Kernels as the text of one LLVM module."""

from __future__ import annotations

from collections.abc import Sequence

from croton.codegen.columns import emit_columns
from croton.codegen.function import Function
from croton.codegen.lanes import emit_lanes
from croton.codegen.short_columns import emit_short_columns
from croton.codegen.target import Target, host
from croton.codegen.transposed import emit_transposed
from croton.kernel.language import For, Kernel


def compile_text(kernels: Sequence[tuple[str, Kernel]], target: Target | None = None) -> str:
    """The module that defines each kernel under its name, for the processor of this process unless told otherwise.

    The text needs no optimisation passes: code generation at level 2 is what it is written for.
    """
    chosen = host() if target is None else target
    definitions = []
    declarations: dict[str, str] = {}
    called: dict[str, str] = {}
    for name, kernel in kernels:
        function = Function(kernel, chosen, emit_lanes, _emit_rows)
        definitions.append(function.text(name))
        declarations.update(function.sink.declarations)
        called.update(function.sink.definitions)
        function.builder.let_go()
    width = chosen.bits
    attributes = f'attributes #0 = {{ nounwind "prefer-vector-width"="{width}" "min-legal-vector-width"="{width}" }}\n'
    return "\n".join([*declarations.values(), "", *called.values(), *definitions, attributes])


def _emit_rows(function: Function, loop: For, low: str, high: str) -> bool:
    """The loops that are emitted several rows at a time."""
    if function.finishing and emit_short_columns(function, loop, low, high):
        return True
    return emit_columns(function, loop, low, high) or emit_transposed(function, loop, low, high)
