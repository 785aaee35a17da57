"""Matrix products, of the library or of a routine of our own."""

from __future__ import annotations

from typing import Annotated, NamedTuple

import numpy as np

from croton.dtypes import dtype
from croton.runtime import product
from croton.runtime.calls.field import Counted, Distance, MaybePointer, Number, OwnRoutine, Pointer, Real, RealName, Size, Transposed
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Most, Record
from croton.runtime.calls.run import Run, refused
from croton.runtime.calls.scope import Scope
from croton.runtime.product import WORD

MAXIMUM_BATCH_AXES = 8

_LIBRARY_LIMIT = 2**31
"""The library's integers have 32 bits."""

_SIZES = ("m", "n", "k", "lda", "ldb", "ldc")


class Power(NamedTuple):
    """S[size] ** exponent."""

    size: Size
    exponent: Number


class Axis(NamedTuple):
    """A batch axis: its length, and how far apart the matrices of a, b and c are along it, in elements. With 0 the same matrix is read again."""

    length: Size
    a: Size
    b: Size
    c: Size


class Gemm(NamedTuple):
    """C[m,n] = alpha * prod(S[i] ** e for i, e in powers) * A[m,k] @ B[k,n] + beta * C, row-major, each `ld*` the distance of
    rows in elements, for all members of a batch.

    `a_transposed` says that A is stored as [k,m]. `own` names a routine of our own, by dtype: "narrow float32" and "narrow float64" are for products whose rows
    may be few or whose columns not many, "columns float32" and "columns float64" for those whose columns are few. A "symmetric" one computes half of each
    product and copies the other half; then m is n and beta 0. "packed float32" and "packed float64" are for a loop whose steps S[counter] counts, where B is
    the same in all of them and there are no batch axes: in the first step B is rearranged into the memory at P[packed], which holds k * n elements, n rounded
    up to a multiple of 32.
    """

    dtype: RealName
    a_transposed: Transposed
    b_transposed: Transposed
    m: Size
    n: Size
    k: Size
    a: Pointer
    lda: Distance
    b: Pointer
    ldb: Distance
    c: Pointer
    ldc: Distance
    alpha: Real = 1.0
    powers: tuple[Power, ...] = ()
    beta: Real = 0.0
    batch: Annotated[tuple[Axis, ...], Most(MAXIMUM_BATCH_AXES, "batch axes of a matrix product")] = ()
    own: OwnRoutine = ""
    packed: MaybePointer = -1
    counter: Counted = -1


def _check(scope: Scope, call: Gemm) -> None:
    routines = ("", "symmetric", *[f"{name} {call.dtype}" for name in ("narrow", "columns", "packed")])
    scope.demand(call.own in routines, f"there is no routine for {call.own!r} products")
    if call.own == "symmetric":
        scope.demand(call.m == call.n and not call.beta, f"a symmetric product has equal sides and adds to nothing, got {call!r}")
    if call.own.startswith("packed"):
        whole = call.packed >= 0 and call.counter >= 0 and not call.batch
        scope.demand(whole, f"a product of a loop has memory, a counter and no batch axes, got {call!r}")


def _matrix(run: Run, call: Gemm, name: str, rows: int, columns: int, transposed: bool) -> np.ndarray:
    """An operand with its batch axes, as the product reads it."""
    leading = max(1, run.S[getattr(call, "ld" + name)])
    shape = [*[run.S[axis[0]] for axis in call.batch], rows, columns]
    strides = [*[run.S[axis[1 + "abc".index(name)]] for axis in call.batch], *((1, leading) if transposed else (leading, 1))]
    return run.view(getattr(call, name), call.dtype, shape, strides)


def _run(run: Run, call: Gemm) -> None:
    one = dtype(call.dtype).numpy.type
    largest = max([run.S[getattr(call, name)] for name in _SIZES])
    if largest >= _LIBRARY_LIMIT:
        raise refused("too_large", 0, 0, largest)
    m, n, k = run.shape((call.m, call.n, call.k))
    scale = call.alpha
    for size, exponent in call.powers:
        scale *= np.float64(run.S[size]) ** exponent
    fresh = one(scale) * np.matmul(_matrix(run, call, "a", m, k, call.a_transposed), _matrix(run, call, "b", k, n, call.b_transposed))
    if call.own == "symmetric":
        fresh = np.where(np.tri(*fresh.shape[-2:]) > 0, fresh.swapaxes(-1, -2), fresh)
    target = _matrix(run, call, "c", m, n, False)
    target[...] = fresh if call.beta == 0 else fresh + one(call.beta) * target


def _scale(record: Record) -> str:
    """The bits of alpha times the powers of sizes."""
    a = record.frame.a
    alpha = a.variable("double")
    a.set(alpha, a.double(record["alpha"]), "double")
    with record.each("powers") as power:
        size, exponent = a.value(f"sitofp i64 {power['size']} to double"), power["exponent"]
        with a.loop(a.larger(exponent, a.subtract(0, exponent))):
            now = a.get(alpha, "double")
            up, down = a.value(f"fmul double {now}, {size}"), a.value(f"fdiv double {now}, {size}")
            a.set(alpha, a.choose(a.compare("sgt", exponent, 0), up, down, "double"), "double")
    return a.get(alpha, "i64")


def _emit(emission: Emission, record: Record) -> None:
    frame = emission.frame
    a = frame.a
    context = a.variable(f"[{product.AXES + 4 * MAXIMUM_BATCH_AXES} x i64]")
    words = {name: record[name] for name in ("a_transposed", "b_transposed", *_SIZES, "beta")}
    words |= {name: a.integer(record[name]) for name in "abc"}
    words |= {"type": record["dtype"], "alpha": _scale(record), "routine": record["own"], "axes": record.count("batch")}
    largest = words["m"]
    for name in _SIZES[1:]:
        largest = a.larger(largest, words[name])
    frame.need(a.compare("slt", largest, _LIBRARY_LIMIT), "too_large", 0, 0, largest)
    total, place = a.variable("i64", 1), a.variable("i64", product.AXES)
    with record.each("batch") as axis:
        length = axis["length"]
        a.set(total, a.multiply(a.get(total), length))
        for word in (length, axis["a"], axis["b"], axis["c"]):
            a.store(word, context, a.get(place))
            a.set(place, a.add(a.get(place), 1))
    words["total"] = a.get(total)
    for name, word in words.items():
        a.store(word, context, WORD[name])
    packed, threshold = record["packed"], frame.header("parallel_flops")
    library, own, after = a.label(), a.label(), a.label()
    a.fork(a.compare("slt", packed, 0), library, own)
    a.begin(library)
    a.do(f"call void @croton_gemm(ptr {context}, i64 {threshold})")
    a.jump(after)
    a.begin(own)
    a.store(a.load(frame.P, packed), context, WORD["packed"])
    a.do(f"call void {a.pointer(record['own'])}(ptr {context}, i64 {a.load(frame.S, record['counter'])}, i64 {threshold})")
    a.jump(after)
    a.begin(after)


GEMM = Kind(Gemm, _emit, _run, _check)
