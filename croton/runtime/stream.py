"""A Program as one array of integers, in the order in which the native interpreter reads it. `entry` is the reader: change
both or neither."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.dtypes import dtype
from croton.runtime import layout, rounding
from croton.runtime.product import PLAIN
from croton.runtime.program import (
    OUTPUT_KINDS,
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

HEADER_WORDS = 9
"""The arena's address, then the numbers of inputs, sizes, pointers, objects, views of a routine at most; then the index of the work,
its threshold, and whether subnormal numbers are flushed."""

CALLS = (Kernel, Gemm, Gemv, Ger, Check, Copy, Zero, Routine, Loop)
"""The position of a kind of call is its code."""

LOOP_END, LOOP_LEFT = len(CALLS), len(CALLS) + 1
"""The codes of what comes after the calls of a loop: one goes back to them, or on; the other puts things in order where steps have been left out."""

MAXIMUM_BATCH_AXES = 8


class Limits(NamedTuple):
    """From which size on work is shared out or other Python threads are let run: measured to pay for the wake-up of a sleeping thread."""

    parallel_work: int = 50_000
    parallel_flops: int = 500_000
    release_work: int = 500_000


def _bits(number: float) -> int:
    return struct.unpack("<q", struct.pack("<d", number))[0]


def _type(name: str) -> int:
    return id(dtype(name).numpy)


def _blas_type(name: str) -> int:
    if name not in ("float32", "float64"):
        raise ValueError(f"not supported: a library product of {name}; the dtypes are float32 and float64")
    return int(name == "float64")


def _scale(alpha: float, powers: Sequence[tuple[int, int]]) -> list[int]:
    return [_bits(alpha), len(powers), *(word for power in powers for word in power)]


def _array(array: Array | Shared, known: set[int]) -> list[int]:
    flags = layout.C_CONTIGUOUS | layout.ALIGNED
    if isinstance(array, Shared) and array.written:
        flags |= layout.WRITEABLE
    words = [_type(array.dtype), flags, len(array.sizes)]
    for size in array.sizes:
        if size in known:
            words.append(~size)
        else:
            known.add(size)
            words.append(size)
    return words


def _fresh(name: str, sizes: tuple[int, ...]) -> list[int]:
    if len(sizes) > layout.MAXIMUM_RANK:
        raise ValueError(f"not supported: an array of rank {len(sizes)}; the largest rank is {layout.MAXIMUM_RANK}")
    return [_type(name), len(sizes), *sizes]


class _Links(NamedTuple):
    """What a program's calls refer to outside of it; `own` gives the address of a routine of the runtime's that not every process has loaded."""

    kernels: Sequence[int]
    routines: Sequence[Any]
    limits: Limits
    own: Callable[[str], int]


def _not_loaded(name: str) -> int:
    raise ValueError(f"the program has {name} products; give the address of their routine")


def _call(call: Call, links: _Links) -> list[int]:
    code = CALLS.index(type(call))
    if isinstance(call, Kernel):
        record = [*call.pointers, *call.sizes]
        return [code, links.kernels[call.kernel], call.range, call.work, links.limits.parallel_work, call.grain, int(call.finishes), len(record), *record]
    if isinstance(call, Gemm):
        if len(call.batch) > MAXIMUM_BATCH_AXES:
            raise ValueError(f"not supported: {len(call.batch)} batch axes of a matrix product; the most is {MAXIMUM_BATCH_AXES}")
        transposes = [PLAIN + call.a_transposed, PLAIN + call.b_transposed]
        places = [call.m, call.n, call.k, call.a, call.lda, call.b, call.ldb, call.c, call.ldc]
        batch = [len(call.batch), *(word for axis in call.batch for word in axis)]
        return [
            code,
            _blas_type(call.dtype),
            *transposes,
            *places,
            *_scale(call.alpha, call.powers),
            _bits(call.beta),
            links.own("symmetric") if call.symmetric else 0,
            call.packed,
            links.own("packed") if call.packed >= 0 else 0,
            call.counter,
            links.limits.parallel_flops,
            *batch,
        ]
    if isinstance(call, Gemv):
        places = [PLAIN + call.transposed, call.m, call.n, call.a, call.lda, call.x, call.incx, call.y, call.incy]
        return [code, _blas_type(call.dtype), *places, *_scale(call.alpha, call.powers), _bits(call.beta)]
    if isinstance(call, Ger):
        places = [call.m, call.n, call.x, call.incx, call.y, call.incy, call.a, call.lda]
        return [code, _blas_type(call.dtype), *places, *_scale(call.alpha, call.powers)]
    if isinstance(call, Check):
        if call.dtype not in ("int32", "int64"):
            raise ValueError(f"not supported: a check of {call.dtype} indices; cast them to int64")
        return [code, int(call.dtype == "int64"), call.pointer, call.length, call.low, call.high, call.error]
    if isinstance(call, Copy):
        return [code, call.target, call.source, call.size]
    if isinstance(call, Zero):
        return [code, call.target, call.size]
    if isinstance(call, Loop):
        return _loop(call, code, links)
    words = [code, id(links.routines[call.routine]), len(call.arrays)]
    for pointer, name, sizes in call.arrays:
        words += [pointer, *_fresh(name, sizes)]
    return words


def _loop(call: Loop, code: int, links: _Links) -> list[int]:
    """The way in, the calls, the way back, the way out. Where a record jumps to is relative to what follows it."""
    inside = [word for inner in call.calls for word in _call(inner, links)]
    limited = call.limit >= 0
    going, looks = [call.going, call.going_size], [call.pause, call.weight]
    moves = [word for advance in call.advances for word in advance[:4]]
    turns = [word for rotate in call.rotates for word in rotate[:5]]
    begins = [word for begin in call.begins for word in begin]
    steps = [word for entry, _, _, stride, _ in call.advances for word in (entry, stride)]
    turned = [word for rotate in call.rotates for word in (rotate.before, rotate.after, rotate.last, rotate.scratch)]
    filled = [word for entry, _, _, stride, fill in call.advances if fill >= 0 for word in (entry, stride, fill)]
    behind = [word for entry, _, _, stride, fill in call.advances for word in (entry, stride, fill)] if limited and call.late else []
    copied = [word for rotate in call.rotates for word in (rotate.before, rotate.last, rotate.size)]
    end = [LOOP_END, call.counter, *going, call.pause, len(call.advances), *steps, len(call.rotates), *turned]
    back = len(inside) + len(end) + 1
    seldom = [call.bound if limited else call.length, call.weight]  # read where a loop ends, or looks for signals
    head = [code, call.length, call.counter, *going, *looks, call.limit, call.bound, len(call.advances), *moves, len(call.rotates), *turns]
    head += [len(call.begins), *begins, len(behind) // 3, *behind, back + len(seldom)]
    left = [LOOP_LEFT, call.bound if limited and call.late else call.length, call.counter, *going, *looks, call.error, call.steps]
    left += [len(filled) // 3, *filled, len(call.rotates), *copied]
    return [*head, *inside, *end, -back, *seldom, *left]


def encode(
    program: Program,
    kernels: Sequence[int] = (),
    cells: Sequence[list[np.ndarray]] = (),
    routines: Sequence[Any] = (),
    limits: Limits = Limits(),  # noqa: B008 - immutable
    own: Callable[[str], int] = _not_loaded,
) -> np.ndarray:
    """The stream of a program whose kernels lie at these addresses, whose shared variables are these lists of one array,
    whose routines are these, and whose symmetric and packed products are done by the routines that `own` knows by these words.

    The stream holds addresses: the lists and routines have to live as long as it does.
    """
    if len(cells) != len(program.shared):
        raise ValueError(f"{len(program.shared)} shared variables are wanted, got {len(cells)}")
    pointers = sum(map(len, (program.inputs, program.shared, program.slots, program.outputs, program.updates, program.views)))
    objects = len(program.shared) + len(program.outputs) + len(program.updates)
    most_views = max((len(call.arrays) for call in every_call(program.calls) if isinstance(call, Routine)), default=0)
    writes = bool(program.updates) or any(shared.written for shared in program.shared)
    work = -1 if writes else program.work
    words = [0, len(program.inputs), program.sizes, pointers, objects, most_views, work, limits.release_work, int(program.flush_subnormals)]
    if program.flush_subnormals and not rounding.can_flush():
        raise ValueError("not supported: flushing subnormal numbers on this processor; leave config.flush_subnormals off")
    known = set(range(len(program.constants)))
    words += [len(program.constants), *program.constants]
    for array in program.inputs:
        words += _array(array, known)
    words.append(len(program.shared))
    for shared, cell in zip(program.shared, cells):
        words += [id(cell), *_array(shared, known)]
    words.append(len(program.size_operations))
    for function, target, left, right in program.size_operations:
        words += [SIZE_FUNCTIONS.index(function), target, left, right]
    words.append(len(program.size_checks))
    for relation, left, right, error in program.size_checks:
        words += [SIZE_RELATIONS.index(relation), left, right, error]
    words += [len(program.slots), *([program.arena, *program.slots] if program.slots else [])]
    words.append(len(program.outputs))
    for output in program.outputs:
        kind = OUTPUT_KINDS.index(output.kind)
        words += [kind, *(_fresh(output.dtype, output.sizes) if output.kind == "new" else [output.source])]
    words.append(len(program.updates))
    for update in program.updates:
        words += _fresh(update.dtype, update.sizes)
    words.append(len(program.views))
    for view in program.views:
        words += view
    links = _Links(kernels, routines, limits, own)
    calls = [word for call in program.calls for word in _call(call, links)]
    words += [len(calls), *calls]
    words += [STRUCTURES.index(program.structure)]
    words += [id(cells[update.shared]) for update in program.updates]
    return np.array(words, np.int64)
