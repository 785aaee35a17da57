"""What a compiled function does when it is called, as plain data: what the disk cache stores and `stream` encodes for the
native interpreter.

A call works on two tables. `S` holds integers: the constants first, then the sizes that arguments bind, then the results of size
operations. `P` holds the addresses of memory, in this order: inputs, shared variables, slots of the arena, outputs, updates, views.
Everything below refers to entries of these tables by index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Array(NamedTuple):
    """An array argument: its dtype's name and the index in `S` of each of its sizes.

    An index that is neither a constant nor met before (in the order inputs, then shared variables) is bound by the array; any other must
    equal the array's size.
    """

    dtype: str
    sizes: tuple[int, ...]


class Shared(NamedTuple):
    """A shared variable: a list of one array, given to `load`. `written` says that calls change the array in place.

    Whatever changes it in place has to come after every `Check` and `Routine`, so that an error leaves it untouched.
    """

    dtype: str
    sizes: tuple[int, ...]
    written: bool = False


class SizeOperation(NamedTuple):
    """S[target] = function(S[left], S[right]), one of SIZE_FUNCTIONS; quotients and remainders are Python's."""

    function: str
    target: int
    left: int
    right: int


SIZE_FUNCTIONS = ("add", "subtract", "multiply", "floor_divide", "modulo", "maximum", "minimum")


class SizeCheck(NamedTuple):
    """S[left] must be `relation` S[right], one of SIZE_RELATIONS; else the call is refused with `error`."""

    relation: str
    left: int
    right: int
    error: int


SIZE_RELATIONS = ("equal", "at_least")


class Output(NamedTuple):
    """What a call returns at one place: a fresh array ("new"), or the very object of an input or a shared variable ("input", "shared").

    The entry of `P` is the array's memory in every case. `source` counts inputs or shared variables.
    """

    kind: str
    dtype: str = ""
    sizes: tuple[int, ...] = ()
    source: int = 0


OUTPUT_KINDS = ("new", "input", "shared")


class Update(NamedTuple):
    """A fresh array that is stored into a shared variable when the call has come to its end without an error."""

    shared: int
    dtype: str
    sizes: tuple[int, ...]


class View(NamedTuple):
    """An address inside other memory: P[base] + S[offset] bytes. The base is an earlier entry of `P`."""

    base: int
    offset: int


class Kernel(NamedTuple):
    """kernels[kernel](P, S, record of pointers then sizes, low, high).

    With `range` >= 0 the kernel takes a part of its outermost loop, which has S[range] iterations: the parts go to the threads when
    S[work] (scalar operations of the whole loop) is large, split at multiples of `grain`. Else low and high are 0. Where it `finishes`, it
    is called once more after all parts, with low and high -1.
    """

    kernel: int
    pointers: tuple[int, ...]
    sizes: tuple[int, ...]
    range: int = -1
    work: int = -1
    grain: int = 1
    finishes: bool = False


class Gemm(NamedTuple):
    """C[m,n] = alpha * prod(S[i] ** e for i, e in powers) * A[m,k] @ B[k,n] + beta * C, row-major, each `ld*` the distance of
    rows in elements.

    `a_transposed` says that A is stored as [k,m]. `batch` holds a (count, stride of a, of b, of c) in elements for each batch axis, as
    indices of `S`; a stride of 0 reads the same matrix again. `symmetric` says that each product is, so that half of it is computed and
    the other half copied; then m is n and beta 0.

    With `packed` >= 0 the product is one of a loop whose steps S[counter] counts, B is the same in all of them, and there are no batch axes: in the first
    step B is rearranged into the memory at P[packed], which holds k * n elements with n rounded up to a multiple of 32.
    """

    dtype: str
    a_transposed: bool
    b_transposed: bool
    m: int
    n: int
    k: int
    a: int
    lda: int
    b: int
    ldb: int
    c: int
    ldc: int
    alpha: float = 1.0
    powers: tuple[tuple[int, int], ...] = ()
    beta: float = 0.0
    batch: tuple[tuple[int, int, int, int], ...] = ()
    symmetric: bool = False
    packed: int = -1
    counter: int = -1


class Gemv(NamedTuple):
    """y = alpha * ... * A @ x + beta * y with A stored as [m,n]; A.T @ x when transposed. `incx`, `incy` are distances in elements, > 0."""

    dtype: str
    transposed: bool
    m: int
    n: int
    a: int
    lda: int
    x: int
    incx: int
    y: int
    incy: int
    alpha: float = 1.0
    powers: tuple[tuple[int, int], ...] = ()
    beta: float = 0.0


class Ger(NamedTuple):
    """A[m,n] += alpha * ... * outer(x, y)."""

    dtype: str
    m: int
    n: int
    x: int
    incx: int
    y: int
    incy: int
    a: int
    lda: int
    alpha: float = 1.0
    powers: tuple[tuple[int, int], ...] = ()


class Check(NamedTuple):
    """Every one of S[length] integers (int32 or int64) at P[pointer] must be in S[low] <= value < S[high]; else the call is
    refused with `error`."""

    dtype: str
    pointer: int
    length: int
    low: int
    high: int
    error: int


class Copy(NamedTuple):
    """Copy S[size] bytes."""

    target: int
    source: int
    size: int


class Zero(NamedTuple):
    """Fill S[size] bytes with 0."""

    target: int
    size: int


class Routine(NamedTuple):
    """routines[routine](*arrays): Python code that fills some of the arrays. They are (pointer, dtype, sizes), writeable and
    only valid during the call."""

    routine: int
    arrays: tuple[tuple[int, str, tuple[int, ...]], ...]


class Advance(NamedTuple):
    """An address that moves along: P[entry] = P[base] + S[offset] before the first step, and S[stride] more after each.

    With `fill` >= 0 it is where each step writes S[fill] bytes: where a loop ends early, what the last step wrote is copied to where later ones would have.
    """

    entry: int
    base: int
    offset: int
    stride: int
    fill: int = -1


class Begin(NamedTuple):
    """Copy S[size] bytes to P[entry], an address that moves along, before the first step."""

    entry: int
    source: int
    size: int


class Rotate(NamedTuple):
    """Two addresses that change roles: P[before] = P[first] in the first step, later what P[after] was in the step before.

    P[after] is P[last] in the last step, P[scratch] in the one before it, and so on in turn. Where the loop ends early, or there is no step, S[size] bytes are
    copied to P[last] from where they are.
    """

    before: int
    after: int
    first: int
    last: int
    scratch: int
    size: int


class Loop(NamedTuple):
    """Run the calls S[length] times. S[counter], which nothing else uses, counts the steps that are done. S[pause] and S[pause + 1], likewise, say when to look
    for signals next; a step is about S[weight] operations.

    The entries of `P` that move are views; they are set anew each time the loop begins. With `going` >= 0 there is a step only while one of the S[going_size]
    bytes at P[going] is not 0; if one still is after all steps, the call is refused with `error`. With `limit` >= 0 there are only S[bound] steps, which
    nothing else uses: the int64 at P[limit], or S[length] if that is less. Those that are left out are the last ones, or the first ones if `late`:
    then what moves along begins behind them, and what they would write is what was there before. With `steps` >= 0 the number of steps that were
    done is written to P[steps], an int64.
    """

    length: int
    counter: int
    pause: int
    weight: int
    advances: tuple[Advance, ...]
    begins: tuple[Begin, ...]
    rotates: tuple[Rotate, ...]
    calls: tuple[Call, ...]
    going: int = -1
    going_size: int = 0
    error: int = -1
    limit: int = -1
    bound: int = -1
    late: bool = False
    steps: int = -1


Call = Kernel | Gemm | Gemv | Ger | Check | Copy | Zero | Routine | Loop


def every_call(calls: Iterable[Call]) -> Iterator[Call]:
    """The calls and those inside of loops."""
    stack = [iter(calls)]
    while stack:
        for call in stack[-1]:
            yield call
            if isinstance(call, Loop):
                stack.append(iter(call.calls))
                break
        else:
            stack.pop()


class Program(NamedTuple):
    """A compiled function without its kernels' addresses, shared arrays and routines, which `load` takes.

    S[arena] is the size of the arena in bytes; `slots` lists for each slot the entry of `S` with its offset there, a multiple of
    64. The GIL is released during the calls if S[work] is large and there is neither an update nor a shared variable that is
    written. `flush_subnormals` makes the calls take numbers below the smallest normal one for 0.
    """

    inputs: tuple[Array, ...]
    outputs: tuple[Output, ...]
    calls: tuple[Call, ...]
    constants: tuple[int, ...] = ()
    sizes: int = 0
    shared: tuple[Shared, ...] = ()
    size_operations: tuple[SizeOperation, ...] = ()
    size_checks: tuple[SizeCheck, ...] = ()
    slots: tuple[int, ...] = ()
    arena: int = -1
    updates: tuple[Update, ...] = ()
    views: tuple[View, ...] = ()
    structure: str = "one"
    work: int = -1
    flush_subnormals: bool = False

    def pointer(self, kind: str, index: int) -> int:
        """The index in `P` of an entry: pointer("slot", 2)."""
        start = 0
        for name, entries in zip(POINTER_KINDS, (self.inputs, self.shared, self.slots, self.outputs, self.updates, self.views)):
            if name == kind:
                return start + index
            start += len(entries)
        raise ValueError(f"one of {', '.join(POINTER_KINDS)} is wanted, got {kind!r}")


POINTER_KINDS = ("input", "shared", "slot", "output", "update", "view")
STRUCTURES = ("one", "tuple", "list", "none")
