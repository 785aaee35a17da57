"""What has to hold in a Program before machine code may run it: a wrong index there reads or writes foreign memory."""

from __future__ import annotations

from croton.runtime.calls.kinds import every_call, kind_of
from croton.runtime.calls.scope import Scope
from croton.runtime.program import OUTPUT_KINDS, SIZE_FUNCTIONS, SIZE_RELATIONS, STRUCTURES, Array, Program, Shared


def check(program: Program, kernels: int, routines: int) -> None:
    """Raise MalformedProgram unless every index is in range, every size is known before it is used, and every name is one of those that exist.

    `kernels` and `routines` are how many of them the program is loaded with.
    """
    scope = Scope(program.sizes, kernels, routines)
    _check_tables(program, scope)
    for number, call in enumerate(every_call(program.calls)):
        scope.where = f"call {number}, {type(call).__name__}"
        kind = kind_of(call)
        kind.layout.check(scope, call)
        kind.check(scope, call)


def _check_tables(program: Program, scope: Scope) -> None:
    """Check everything but the calls; the scope is that of the calls afterwards."""
    arguments: list[Array | Shared] = [*program.inputs, *program.shared]
    for number, constant in enumerate(program.constants):
        scope.where = f"constant {number}"
        scope.demand(0 <= constant.place < program.sizes, f"there is no S[{constant.place}]")
        scope.known.add(constant.place)
    for number, array in enumerate(arguments):
        scope.where = f"argument {number}"
        scope.dtype(array.dtype)
        scope.demand(all(0 <= size < program.sizes for size in array.sizes), f"{array} names a size outside of S")
        scope.known.update(array.sizes)
    for number, operation in enumerate(program.size_operations):
        scope.where = f"size operation {number}"
        scope.demand(operation.function in SIZE_FUNCTIONS, f"no function {operation.function!r}")
        scope.size(operation.left)
        scope.size(operation.right)
        scope.demand(0 <= operation.target < program.sizes, f"there is no S[{operation.target}]")
        scope.known.add(operation.target)
    for number, relation in enumerate(program.size_checks):
        scope.where = f"size check {number}"
        scope.demand(relation.relation in SIZE_RELATIONS, f"no relation {relation.relation!r}")
        scope.size(relation.left)
        scope.size(relation.right)
    scope.where = "extents"
    wanted = len(arguments) if program.donated else 0
    scope.demand(len(program.extents) == wanted, f"{wanted} are wanted, got {len(program.extents)}")
    for size in program.extents:
        scope.size(size)
    for number, slot in enumerate(program.slots):
        scope.where = f"slot {number}"
        scope.size(slot)
    scope.where = "arena"
    if program.slots:
        scope.size(program.arena)
    for number, output in enumerate(program.outputs):
        scope.where = f"output {number}"
        scope.demand(output.kind in OUTPUT_KINDS, f"no kind {output.kind!r}")
        for size in output.sizes:
            scope.size(size)
        sources = {"new": 1, "input": len(program.inputs), "shared": len(program.shared)}[output.kind]
        scope.demand(0 <= output.source < sources, f"there is no {output.kind} {output.source}")
    for number, update in enumerate(program.updates):
        scope.where = f"update {number}"
        scope.demand(0 <= update.shared < len(program.shared), f"there is no shared variable {update.shared}")
        for size in update.sizes:
            scope.size(size)
    scope.where = "structure"
    scope.demand(program.structure in STRUCTURES, f"no structure {program.structure!r}")
    scope.demand(program.structure != "one" or len(program.outputs) == 1, f'structure "one" with {len(program.outputs)} outputs')
    scope.where = "work"
    scope.maybe_size(program.work)
    scope.first_view = scope.pointers = program.pointer("view", 0)
    for number, view in enumerate(program.views):
        scope.where = f"view {number}"
        scope.demand(0 <= view.base < scope.pointers, f"P[{view.base}] is not known there")
        scope.size(view.offset)
        scope.pointers += 1
