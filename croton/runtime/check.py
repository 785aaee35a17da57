"""What has to hold in a Program before machine code may run it: a wrong index there reads or writes foreign memory."""

from __future__ import annotations

from collections.abc import Iterable

from croton.dtypes import dtype
from croton.runtime.program import (
    OUTPUT_KINDS,
    POINTER_KINDS,
    SIZE_FUNCTIONS,
    SIZE_RELATIONS,
    STRUCTURES,
    Array,
    Call,
    Check,
    Copy,
    Gemm,
    Gemv,
    Ger,
    Kernel,
    Loop,
    Program,
    Routine,
    Shared,
    Zero,
    every_call,
)


class MalformedProgram(AssertionError):
    """A Program that the compiler should not have made."""


def _demand(condition: bool, what: str) -> None:
    if not condition:
        raise MalformedProgram(what)


def _uses(call: Call) -> tuple[Iterable[int], Iterable[int]]:
    """The entries of P and of S that a call names."""
    match call:
        case Kernel():
            optional = [size for size in (call.range, call.work) if size != -1]
            return call.pointers, (*call.sizes, *optional)
        case Gemm():
            if call.symmetric and (call.m != call.n or call.beta):
                raise MalformedProgram(f"a symmetric product has equal sides and adds to nothing, got {call!r}")
            batch = [size for axis in call.batch for size in axis]
            powers = [size for size, _ in call.powers]
            if call.packed >= 0 and (batch or call.counter < 0):
                raise MalformedProgram(f"a product of a loop has a counter and no batch axes, got {call!r}")
            packed = [call.packed] * (call.packed >= 0)
            return (call.a, call.b, call.c, *packed), (call.m, call.n, call.k, call.lda, call.ldb, call.ldc, *batch, *powers)
        case Gemv():
            return (call.a, call.x, call.y), (call.m, call.n, call.lda, call.incx, call.incy, *(size for size, _ in call.powers))
        case Ger():
            return (call.a, call.x, call.y), (call.m, call.n, call.lda, call.incx, call.incy, *(size for size, _ in call.powers))
        case Check():
            return (call.pointer,), (call.length, call.low, call.high)
        case Copy():
            return (call.target, call.source), (call.size,)
        case Zero():
            return (call.target,), (call.size,)
        case Loop():
            pointers = [word for advance in call.advances for word in advance[:2]]
            pointers += [word for begin in call.begins for word in begin[:2]] + [word for rotate in call.rotates for word in rotate[:5]]
            pointers += [entry for entry in (call.going, call.limit, call.steps) if entry >= 0]
            sizes = [word for advance in call.advances for word in advance[2:] if word >= 0]
            sizes += [call.going_size] * (call.going >= 0) + [entry[-1] for entry in (*call.begins, *call.rotates)]
            return pointers, [call.length, call.weight, *sizes]
        case Routine():
            return [pointer for pointer, _, _ in call.arrays], [size for _, _, sizes in call.arrays for size in sizes]
    raise MalformedProgram(f"{call!r} is no call")


def check(program: Program, kernels: int, routines: int) -> None:
    """Raise MalformedProgram unless every index is in range, every size is known before it is used, and every name is one of those that exist.

    `kernels` and `routines` are how many of them the program is loaded with.
    """
    known = set(range(len(program.constants)))
    arguments: list[Array | Shared] = [*program.inputs, *program.shared]
    for number, array in enumerate(arguments):
        dtype(array.dtype)
        _demand(all(0 <= size < program.sizes for size in array.sizes), f"argument {number}: {array} names a size outside of S")
        known.update(array.sizes)

    def sizes_known(sizes: Iterable[int], where: str) -> None:
        for size in sizes:
            _demand(size in known, f"{where}: S[{size}] is not known there")

    for number, operation in enumerate(program.size_operations):
        where = f"size operation {number}"
        _demand(operation.function in SIZE_FUNCTIONS, f"{where}: no function {operation.function!r}")
        sizes_known((operation.left, operation.right), where)
        _demand(0 <= operation.target < program.sizes, f"{where}: there is no S[{operation.target}]")
        known.add(operation.target)
    for number, relation in enumerate(program.size_checks):
        _demand(relation.relation in SIZE_RELATIONS, f"size check {number}: no relation {relation.relation!r}")
        sizes_known((relation.left, relation.right), f"size check {number}")
    for number, slot in enumerate(program.slots):
        sizes_known((slot,), f"slot {number}")
    sizes_known([program.arena] if program.slots else [], "arena")
    for number, output in enumerate(program.outputs):
        where = f"output {number}"
        _demand(output.kind in OUTPUT_KINDS, f"{where}: no kind {output.kind!r}")
        sizes_known(output.sizes, where)
        sources = {"new": 1, "input": len(program.inputs), "shared": len(program.shared)}[output.kind]
        _demand(0 <= output.source < sources, f"{where}: there is no {output.kind} {output.source}")
    for number, update in enumerate(program.updates):
        _demand(0 <= update.shared < len(program.shared), f"update {number}: there is no shared variable {update.shared}")
        sizes_known(update.sizes, f"update {number}")
    _demand(program.structure in STRUCTURES, f"no structure {program.structure!r}")
    _demand(program.structure != "one" or len(program.outputs) == 1, f'structure "one" with {len(program.outputs)} outputs')
    sizes_known([program.work] if program.work != -1 else [], "work")
    first_view = program.pointer("view", 0)
    for number, view in enumerate(program.views):
        _demand(0 <= view.base < first_view + number, f"view {number}: P[{view.base}] is not known there")
        sizes_known((view.offset,), f"view {number}")
    pointers = first_view + len(program.views)
    counters: set[int] = set()
    for number, call in enumerate(every_call(program.calls)):
        where = f"call {number}, {type(call).__name__}"
        used, sizes = _uses(call)
        _demand(
            all(0 <= pointer < pointers for pointer in used), f"{where}: an address outside of P ({', '.join(POINTER_KINDS)}: {pointers})"
        )
        sizes_known(sizes, where)
        if isinstance(call, Kernel):
            _demand(0 <= call.kernel < kernels, f"{where}: there is no kernel {call.kernel}")
            _demand(call.range >= 0 or not call.finishes, f"{where}: nothing follows a loop that has no range")
            _demand(call.grain > 0, f"{where}: a grain > 0 is wanted, got {call.grain}")
        if isinstance(call, Loop):
            moving = [entry for entry, *_ in call.advances] + [entry for rotate in call.rotates for entry in rotate[:2]]
            _demand(all(entry >= first_view for entry in moving), f"{where}: only views move")
            for own in (call.counter, call.pause, call.pause + 1, *[call.bound] * (call.limit >= 0)):
                free = 0 <= own < program.sizes and own not in known and own not in counters
                _demand(free, f"{where}: S[{own}] is taken, a counter is wanted")
                counters.add(own)
        if isinstance(call, Routine):
            _demand(0 <= call.routine < routines, f"{where}: there is no routine {call.routine}")
