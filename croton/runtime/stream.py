"""A Program as one array of integers, in the order in which the native interpreter reads it. `entry` is the reader: change
both or neither."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.runtime import layout, rounding
from croton.runtime.calls import kinds
from croton.runtime.calls.field import Links, descriptor
from croton.runtime.header import Header
from croton.runtime.program import OUTPUT_KINDS, SIZE_FUNCTIONS, SIZE_RELATIONS, STRUCTURES, Array, Program, Shared
from croton.util.errors import NotSupportedError


class Limits(NamedTuple):
    """From which size on work is shared out or other Python threads are let run: measured to pay for the wake-up of a sleeping thread."""

    parallel_work: int = 50_000
    parallel_flops: int = 500_000
    release_work: int = 500_000


def _array(array: Array | Shared, known: set[int]) -> list[int]:
    flags = layout.C_CONTIGUOUS | layout.ALIGNED
    if array.written:
        flags |= layout.WRITEABLE
    words = [descriptor(array.dtype), flags, len(array.sizes)]
    for size in array.sizes:
        if size in known:
            words.append(~size)
        else:
            known.add(size)
            words.append(size)
    return words


def _fresh(name: str, sizes: tuple[int, ...]) -> list[int]:
    if len(sizes) > layout.MAXIMUM_RANK:
        raise NotSupportedError(f"not supported: an array of rank {len(sizes)}; the largest rank is {layout.MAXIMUM_RANK}")
    return [np.dtype(name).itemsize, descriptor(name), len(sizes), *sizes]


def _not_loaded(name: str) -> int:
    raise ValueError(f"the program calls {name!r}; give the address of the routine")


def encode(
    program: Program,
    kernels: Sequence[int] = (),
    cells: Sequence[list[np.ndarray]] = (),
    routines: Sequence[Any] = (),
    limits: Limits = Limits(),  # noqa: B008 - immutable
    own: Callable[[str], int] = _not_loaded,
) -> np.ndarray:
    """The stream of a program whose kernels lie at these addresses, whose shared variables are these lists of one array,
    whose routines are these, and whose products are done, where they name one, by the routines that `own` knows by these words.

    The stream holds addresses: the lists and routines have to live as long as it does.
    """
    if len(cells) != len(program.shared):
        raise ValueError(f"{len(program.shared)} shared variables are wanted, got {len(cells)}")
    pointers = sum(map(len, (program.inputs, program.shared, program.slots, program.outputs, program.updates, program.views)))
    objects = len(program.shared) + len(program.outputs) + len(program.updates)
    views = max([kinds.kind_of(call).lends(call) for call in kinds.every_call(program.calls)], default=0)
    writes = bool(program.updates) or any(shared.written for shared in program.shared)
    work, flushes = -1 if writes else program.work, int(program.flush_subnormals)
    words = [*Header(0, len(program.inputs), program.sizes, pointers, objects, views, work, flushes=flushes, **limits._asdict())]
    if program.flush_subnormals and not rounding.can_flush():
        raise ValueError("not supported: flushing subnormal numbers on this processor; leave config.flush_subnormals off")
    known = {constant.place for constant in program.constants}
    words += [len(program.constants), *[word for constant in program.constants for word in constant]]
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
    words += [len(program.donated), *([len(program.extents), *program.extents, *program.donated] if program.donated else [])]
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
    links = Links(kernels, routines, own, lambda call: kinds.encode(call, links))
    calls = [word for call in program.calls for word in kinds.encode(call, links)]
    words += [len(calls), *calls]
    words += [STRUCTURES.index(program.structure)]
    words += [id(cells[update.shared]) for update in program.updates]
    return np.array(words, np.int64)
