"""Routines on stacks of matrices, or of vectors, as machine code: linear algebra and sorting."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from croton.runtime.calls.field import DTypeWidth, MaybePointer, MaybeSize, Number, OwnRoutine, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Most, Record
from croton.runtime.calls.run import Run, refused
from croton.runtime.calls.scope import Scope
from croton.runtime.matrices.stack import AXES, CONTEXT_WORDS, MATRICES, MOST_AXES, MOST_MATRICES, NONE_FAILED, WORD
from croton.util.matrix_routines import MATRIX_ROUTINES

_LIBRARY_LIMIT = 2**31
"""The library's integers have 32 bits."""


class Stack(NamedTuple):
    """The first matrix of a stack: its dtype, where it lies, its rows and columns, and how far apart they are, in elements. A vector has one column.

    A result that nobody wants has the pointer -1.
    """

    dtype: DTypeWidth
    pointer: MaybePointer
    rows: Size
    columns: Size
    row: Size
    column: Size


class Matrices(NamedTuple):
    """A routine for each member of a stack of matrices, which are first the arguments, then the results. Its name is one of `util/matrix_routines.py` with a
    dtype: "cholesky float64".

    `lengths` are those of the axes of the stack; `strides` says for each axis how far apart each of the matrices is along it, in elements. Bit i of `options`
    is option i. Where the routine works in memory of its own, each of at most `parts` parts of the stack has S[work_bytes] bytes at P[work]. The stack is
    shared out if S[flops] is large. Where a matrix has no answer the call is refused with `error`.
    """

    routine: OwnRoutine
    matrices: Annotated[tuple[Stack, ...], Most(MOST_MATRICES, "matrices of a routine")]
    options: Number
    lengths: Annotated[tuple[Size, ...], Most(MOST_AXES, "axes of a stack of matrices")]
    strides: tuple[Size, ...]
    flops: Size
    error: Number
    work: MaybePointer = -1
    work_bytes: MaybeSize = -1
    parts: MaybeSize = -1


def _check(scope: Scope, call: Matrices) -> None:
    name = call.routine.split()[0]
    scope.demand(name in MATRIX_ROUTINES, f"there is no routine {call.routine!r}")
    meaning = MATRIX_ROUTINES[name]
    wanted = len(meaning.arguments) + len(meaning.results)
    scope.demand(len(call.matrices) == wanted, f"{call.routine} has {wanted} arguments and results, got {len(call.matrices)}")
    scope.demand(len(call.strides) == len(call.lengths) * wanted, "each matrix has a stride along each axis")
    scope.demand((call.work < 0) == (call.work_bytes < 0) == (call.parts < 0), "working memory has a size, for so many parts")


def _array(run: Run, call: Matrices, number: int, rank: int) -> np.ndarray:
    """An argument or result with the axes of the stack in front."""
    matrix = call.matrices[number]
    own = ((matrix.rows, matrix.row), (matrix.columns, matrix.column))[:rank]
    strides = call.strides[number :: len(call.matrices)]
    sizes, distances = (*call.lengths, *[size for size, _ in own]), (*strides, *[distance for _, distance in own])
    return run.view(matrix.pointer, matrix.dtype, run.shape(sizes), run.shape(distances))


def _run(run: Run, call: Matrices) -> None:
    meaning = MATRIX_ROUTINES[call.routine.split()[0]]
    arrays = [
        _array(run, call, number, rank) if call.matrices[number].pointer >= 0 else None for number, rank in enumerate((*meaning.arguments, *meaning.results))
    ]
    options = [bool(call.options >> bit & 1) for bit in range(meaning.options)]
    count = len(meaning.arguments)
    for member, index in enumerate(np.ndindex(*run.shape(call.lengths))):
        try:
            found = meaning.function(*[array[index] for array in arrays[:count] if array is not None], *options)
        except np.linalg.LinAlgError:
            raise refused("matrix", call.error, member) from None
        for array, value in zip(arrays[count:], found):
            if array is not None:
                # Of a vector that is sorted the first elements may be wanted, as many as there is room for.
                array[index] = value[tuple([slice(extent) for extent in array[index].shape])]


def _emit(emission: Emission, record: Record) -> None:
    frame = emission.frame
    a = frame.a
    context = a.variable(f"[{CONTEXT_WORDS} x i64]")
    place, largest = a.variable("i64", MATRICES), a.variable("i64", 0)
    a.set(place, MATRICES)
    a.set(largest, 0)

    def put(word: str) -> None:
        a.store(word, context, a.get(place))
        a.set(place, a.add(a.get(place), 1))

    with record.each("matrices") as matrix:
        pointer = matrix["pointer"]
        address = a.integer(a.load(frame.P, a.larger(pointer, 0), "ptr"))
        put(a.choose(a.compare("slt", pointer, 0), 0, address))
        for name in ("rows", "columns", "row", "column"):
            word = matrix[name]
            a.set(largest, a.larger(a.get(largest), word))
            put(word)
        put(matrix["dtype"])
    frame.need(a.compare("slt", a.get(largest), _LIBRARY_LIMIT), "too_large", 0, 0, a.get(largest))
    count, total = record.count("matrices"), a.variable("i64", 1)
    a.set(total, 1)
    a.set(place, AXES)
    lengths, strides = record.place("lengths"), record.place("strides")
    with a.loop(record.count("lengths")) as axis:
        length = a.load(frame.S, a.load(frame.stream, a.add(lengths, axis)))
        a.set(total, a.multiply(a.get(total), length))
        put(length)
        with a.loop(count) as number:
            put(a.load(frame.S, a.load(frame.stream, a.add(strides, a.add(a.multiply(axis, count), number)))))
    work, work_bytes = record["work"], record["work_bytes"]
    words: dict[str, str | int] = {
        "total": a.get(total),
        "options": record["options"],
        "failed": NONE_FAILED,
        "work": a.integer(a.load(frame.P, a.larger(work, 0), "ptr")),
        "work_bytes": a.load(frame.S, a.larger(work_bytes, 0)),
        "parts": a.choose(a.compare("slt", work, 0), NONE_FAILED, a.load(frame.S, a.larger(record["parts"], 0))),
        "axes": record.count("lengths"),
        "matrices": count,
    }
    for name, known in words.items():
        a.store(known, context, WORD[name])
    large = a.value(f"zext i1 {a.compare('sge', record['flops'], frame.header('parallel_work'))} to i64")
    a.do(f"call void {a.pointer(record['routine'])}(ptr {context}, i64 {large})")
    failed = a.load(context, WORD["failed"])
    frame.need(a.compare("eq", failed, NONE_FAILED), "matrix", record["error"], failed)


MATRICES_CALL = Kind(Matrices, _emit, _run, _check)
