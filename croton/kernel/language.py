"""The loop language: what the scheduler emits and code generators read.

    kernel ::= name(buffers; sizes) [step] stmt*
    step   ::= each step buffer += extent, ..., buffer = buffer, ..., buffer <-> buffer, ...    what changes from one run of the statements to the next
    buffer ::= name: dtype [extent, ...]                     row-major; extent is an int or a size name
    stmt   ::= for label < extent [block]: stmt*              in order; `parallel for` where iterations are independent
             | lanes label < extent [block]: stmt*            the vector loop, innermost
             | acc x: dtype op                                an accumulator, starting at the unit of op
             | x op= atom [if var]                            a reduction; in `lanes` known only after the loop
             | x: dtype = function(atom, ...)
             | x: dtype = buffer[index, ...] [if var]         0 where the guard is false
             | buffer[index, ...] = atom [if var]  |  buffer[index, ...] op= atom [if var]
    block  ::= in label of extent                             a part of the range: the block of this number, of blocks as large as extent
    atom   ::= variable | constant
    index  ::= const + coef * (label or int64 variable) + ...
    op     ::= sum | max | min | prod | any | all

`buffer[index] op= x` whose index does not hold an enclosing `for` label is a reduction over that loop (a column
reduction); with an int64 variable in the index it is a scatter. In `for` an accumulator may be read at any time (a running sum); in
`lanes` only after the loop. A guard is a bool variable. Names are canonical (b0.. buffers, n0.. sizes, i0.. labels, v0.. values), so
the printed text identifies a kernel (compare texts, not tuples: Const(0.0) == Const(-0.0) == Const(False)).

What may be relied on:

* The iterations of `lanes` run together: a buffer stored in one is read there only at the index it is stored at. Stores of several
  lanes to one place happen in order of the label (the last wins), `op=` to one place takes all of them.
* A kernel with `each step` is called with a number of steps, which it runs in order: between two of them buffers move along, by elements, are
  where others were, or change places. Its loops are not shared out.
* A name is not defined again while it can be seen; loops side by side may use the same names.
* A parallel loop that is in no other, with scalars before it and what follows up to the scalars of the next such loop, is a sweep
  (`parallelise.sweeps`). A kernel is called for one sweep at a time, with the part of its loop to run, and once more for what follows the loop when
  all parts are done. Its scalars are computed in every call, and its names are seen in no other sweep.
* Every function rounds once. Only a product that a sum alone reads (`x sum= v`, `buffer[index] sum= v`) may be added unrounded.
* max and min are NaN if any value is; any and all reduce bool, the others numbers. Integers wrap, a division by zero gives 0.
* A float32 sum, over `lanes`, `for` or into a column, does not lose accuracy with its length: it is kept in float64 between blocks.
  The exception is `buffer[index] sum= x` in a `for` whose body is more than scalars and one `lanes` of such stores; the scheduler
  writes those over blocks of few rows.
* `floor`, `ceil`, `trunc`, `round`, `identity` and `stop` of integers are the value itself.
"""

from __future__ import annotations

from typing import NamedTuple

from croton.dtypes import DType

Extent = int | str
"""An integer, or the name of one of the kernel's sizes."""


class Const(NamedTuple):
    """A literal of the dtype that its statement asks for."""

    value: bool | int | float


class Var(NamedTuple):
    """A value named by an earlier statement."""

    name: str


Atom = Const | Var


class Index(NamedTuple):
    """const + sum of coef * name, with name a loop label or an int64 variable."""

    terms: tuple[tuple[str, Extent], ...] = ()
    const: Extent = 0


class Buffer(NamedTuple):
    """A pointer parameter: row-major memory of the given extents."""

    name: str
    dtype: DType
    shape: tuple[Extent, ...]


class Let(NamedTuple):
    """name: dtype = function(args); the functions are in `functions.py`. `index` takes a label's name, `size` and `bits` a size's name, as Var,
    and give any number dtype, `bits` the float that has these bits; `cast` converts to dtype."""

    name: str
    dtype: DType
    function: str
    args: tuple[Atom, ...]


class Load(NamedTuple):
    """name = buffer[index]; where the guard is false the memory is not touched and the value is 0."""

    name: str
    dtype: DType
    buffer: str
    index: tuple[Index, ...]  # type: ignore[assignment]
    guard: str | None = None


class Store(NamedTuple):
    """buffer[index] = value, or op= value."""

    buffer: str
    index: tuple[Index, ...]  # type: ignore[assignment]
    value: Atom
    op: str | None = None
    guard: str | None = None


class Acc(NamedTuple):
    """An accumulator of the given operation, set to its unit."""

    name: str
    dtype: DType
    op: str


class Update(NamedTuple):
    """accumulator op= value."""

    name: str
    value: Atom
    guard: str | None = None


class Block(NamedTuple):
    """A part of a loop's range: [number * size, number * size + size), as far as it is in the range. `number` is the label of a loop around."""

    number: str
    size: Extent


class For(NamedTuple):
    """A loop in order. `parallel` promises that iterations touch disjoint memory and update no outer accumulator."""

    label: str
    extent: Extent
    body: tuple[Stmt, ...]
    parallel: bool = False
    block: Block | None = None


class Lanes(NamedTuple):
    """The innermost loop, run in vector lanes. Its body holds no loop and no Acc."""

    label: str
    extent: Extent
    body: tuple[Stmt, ...]
    parallel: bool = False
    block: Block | None = None


Stmt = Let | Load | Store | Acc | Update | For | Lanes
OPS = ("sum", "max", "min", "prod", "any", "all")


class Steps(NamedTuple):
    """How a kernel that is a step of a loop goes on to the next step.

    moves       buffers, and by how many elements each moves along
    follows     buffers, and those that they lie where: where these were in the step before
    exchanges   pairs of memory that change places, each known by the names of one or more buffers
    """

    moves: tuple[tuple[str, Extent], ...]
    follows: tuple[tuple[str, str], ...]
    exchanges: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]


class Kernel(NamedTuple):
    """A function over buffers. `sizes` are the names its extents and indices use, in parameter order. With `steps` a call runs it for many steps."""

    buffers: tuple[Buffer, ...]
    sizes: tuple[str, ...]
    body: tuple[Stmt, ...]
    steps: Steps | None = None
