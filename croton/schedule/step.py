"""Values and steps: what the graph of the algebra becomes before it is cut into kernels.

A step makes one value. Its labels are integers: 0..rank-1 are the axes of its value, the following ones are what it reduces over.
Its body is a flat list of instructions, so that no expression is ever walked by recursion:

    ("load", dtype, value, index, guard)     an element of another value; guard is an instruction or -1; 0 where it is false
    ("const", dtype, number)                 a literal
    ("coef", dtype, coef)                    a coefficient: a number times powers of sizes
    ("index", dtype, label)                  the value of a label
    (function, dtype, arguments)             a scalar function of earlier instructions

An index has an entry for each axis of the value: an integer is a label, a `Position` is anything else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from croton.algebra.node import Coef, Node
from croton.algebra.scalar import FUNCTIONS
from croton.dtypes import DType, bool_, int64
from croton.sizes import Size

Instruction = tuple
Body = tuple[Instruction, ...]

Labels = Sequence[Any] | Mapping[int, int]
"""What stands for the labels of a body: other labels, or a `Position` for one that is read by itself only."""

HEAVY = 20
"""The cost from which on an expression counts as expensive: a transcendental function."""

COSTS = dict.fromkeys(("load", "const", "coef", "index"), 0)
COSTS.update({name: {"cheap": 1, "moderate": 5}.get(function.cost, HEAVY) for name, function in FUNCTIONS.items()})
COSTS.update(add=1, sub=1, mul=1, fma=2, neg=1, div=4)
"""Costs of instructions in additions."""


SHARING = ("view", "again")
"""Kinds of steps that compute nothing: their value is the memory of another."""

MANY = ("loop", "matrices")
"""Kinds of steps that may make several values."""

Order = tuple[int, ...]
"""The axes of a value as they are stored, from the outermost to the contiguous one."""

UNDECIDED: Any = (None,)
"""The order of a value whose layout is not chosen yet."""


FREE = frozenset({"map", "product", "scan", "joined", "scatter"})
"""The kinds of steps whose values may be stored in any order, if they are not written into the memory of another."""


class Position(NamedTuple):
    """const + sum of coef * term, a term being a label (>= 0) or the instruction ~term, an int64."""

    terms: tuple[tuple[int, Size], ...]
    const: Size = 0


class Value:
    """An array between steps.

    dims     sizes of its axes
    home     ("input", key), ("constant", node) or None for what a step makes
    order    its axes from the outermost to the contiguous one, as stored
    output   the number of the output that it is, or -1
    step     what makes it
    donor    the value that it accumulates into
    view     the value whose memory, in C order, it is
    inside   the place in `view` of which it is a piece, for each axis of that in the axes of the piece; None if it is all of it
    """

    __slots__ = ("dims", "donor", "dtype", "group", "home", "inside", "level", "order", "output", "step", "view")

    def __init__(self, dims: tuple[Size, ...], dtype: DType, home: tuple | None = None) -> None:
        self.dims = dims
        self.dtype = dtype
        self.home = home
        self.order: Order = UNDECIDED if home is None else tuple(range(len(dims)))
        self.output = -1
        self.step: Step | None = None
        self.donor: Value | None = None
        self.group: Any = None
        self.level = -1
        self.view: Value | None = None
        self.inside: tuple[int | Position, ...] | None = None

    def __repr__(self) -> str:
        return f"<{'' if self.home is None else self.home[0]}{id(self) % 9973}{list(self.dims)}>"


def behind(value: Value) -> Value:
    """The value that another is which is to be read once others are there: it is stored as that one is."""
    while value.step is not None and value.step.kind == "again":
        value = value.step.detail[0]
    return value


def memory_of(value: Value) -> Value:
    """The value whose memory this one is."""
    while value.view is not None:
        value = value.view
    return value


def order_inside(piece: Value, order: Order) -> Order:
    """The order of a piece in an array that is stored in an order: what an axis of the array goes through in the piece, the outermost axis first."""
    assert piece.inside is not None, "a piece has a place"
    entries = [piece.inside[axis] for axis in order]
    return tuple([axis for entry in entries for axis in ([entry] if isinstance(entry, int) else [term for term, _ in entry.terms])])


class Inline(NamedTuple):
    """What is no array but a body over its labels 0..n-1, written into its readers."""

    dtype: DType
    body: Body


Source = Value | Node | Inline
"""A value, or what is written into its readers: a label's value, a number, a relation, a read at computed positions."""


class Scatter(NamedTuple):
    """What a scatter does with its instruction `result`: buffer[at] op= result where the guard (an instruction or -1) holds.

    The buffer starts as a copy of `base`, whose memory it takes over, or with the unit of the reduction that `fill` names.
    """

    result: int
    at: tuple
    guard: int
    op: str | None
    base: Value | None
    fill: str | None


class Scan(NamedTuple):
    """A running reduction: the value `at` an index is the reduction of all up to it (`exclusive`: before it) along the label."""

    op: str
    label: int
    at: tuple
    exclusive: bool


class Operands(NamedTuple):
    """A matrix product: its value is alpha * sum over the labels that are not its own of left * right, plus `accumulate`.

    `twins` are pairs of its labels, of the left and of the right: the product does not change when all of them are exchanged.
    """

    left: Value
    left_labels: tuple[int, ...]
    right: Value
    right_labels: tuple[int, ...]
    alpha: Coef
    accumulate: Value | None
    twins: tuple[tuple[int, int], ...] = ()


class Step:
    """One value's making.

    kind     "map" (with `op` None, or the reduction), "product", "scan", "scatter", "routine", "matrices", "loop", "view": other axes for the same memory,
             "joined": values that lie side by side, or "again": the same memory, read once other values are there
    dims     sizes of its labels
    body     its instructions, the last being the result (of a scatter `detail` says which)
    detail   Operands of a product, Scan, Scatter, (routine, values, params), Routine of `matrices.py`, LoopDetail, (source, step that copies, order) of a
             view, the pieces of what is joined, or (source, other values) of "again"
    last     it writes memory that others read, so it comes after everything else
    """

    __slots__ = ("body", "detail", "dims", "kind", "last", "op", "origin", "out")

    def __init__(self, out: Value, kind: str, dims: tuple[Size, ...], op: str | None, body: Body, detail: Any, origin: Any) -> None:
        self.out = out
        self.kind = kind
        self.dims = dims
        self.op = op
        self.body = body
        self.detail = detail
        self.origin: tuple = () if origin is None else (origin,)
        self.last = False

    @property
    def rank(self) -> int:
        return len(self.out.dims)

    def makes(self) -> list[Value]:
        """The values it makes: one, but for a loop and a routine of linear algebra."""
        return self.detail.makes() if self.kind in MANY else [self.out]

    @property
    def is_free(self) -> bool:
        """Whether what it makes may be stored in any order."""
        return self.kind in FREE and not (self.kind == "scatter" and self.detail.base is not None)

    def reads(self) -> list[Value]:
        """The values it reads, with repetition."""
        found = [i[2] for i in self.body if i[0] == "load"]
        if self.kind == "map":
            return found
        if self.kind == "product":
            found += [self.detail.left, self.detail.right]
            if self.detail.accumulate is not None:
                found.append(self.detail.accumulate)
        elif self.kind == "routine":
            found += self.detail[1]
        elif self.kind in MANY:
            found += self.detail.reads()
        elif self.kind == "view":
            source, copy, _ = self.detail
            # the copy that a view may become reads other views, which must not be dropped before that is known
            found += [source, *[value for value in copy.reads() if value.step is not None and value.step.kind == "view"]]
        elif self.kind == "joined":
            found += self.detail
        elif self.kind == "again":
            # The others are waited for if something else reads them; nothing is computed for that.
            found.append(self.detail[0])
        elif self.kind == "scatter" and self.detail.base is not None:
            found.append(self.detail.base)
        return found


class BodyBuilder:
    """A list of instructions without repetition."""

    __slots__ = ("instructions", "seen")

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.seen: dict[Instruction, int] = {}

    def add(self, instruction: Instruction) -> int:
        """The number of this instruction."""
        number = self.seen.get(instruction)
        if number is None:
            number = self.seen[instruction] = len(self.instructions)
            self.instructions.append(instruction)
        return number

    def load(self, value: Value, index: tuple, guard: int = -1) -> int:
        return self.add(("load", value.dtype, value, index, guard))

    def const(self, dtype: DType, number: bool | int | float) -> int:
        return self.add(("const", dtype, number))

    def coef(self, dtype: DType, coef: Coef) -> int:
        return self.add(("coef", dtype, coef) if coef.sizes else ("const", dtype, coef.number))

    def index(self, label: int) -> int:
        return self.add(("index", int64, label))

    def call(self, function: str, dtype: DType, *arguments: int) -> int:
        return self.add((function, dtype, arguments))

    def splice(self, body: Body, labels: Labels, guard: int = -1) -> int:
        """The result of another body whose labels are renamed, which reads nothing where the guard is false."""
        numbers: list[int] = []
        for instruction in body:
            found = renumbered(instruction, numbers, labels)
            if guard >= 0 and found[0] == "load" and found[3]:
                both = guard if found[4] < 0 else self.call("logical_and", bool_, found[4], guard)
                found = (*found[:4], both)
            numbers.append(self.add(found))
        return numbers[-1]

    def finish(self, result: int) -> Body:
        """The instructions that the result needs, the result last."""
        if result == len(self.instructions) - 1 and _all_used(self.instructions):
            return tuple(self.instructions)
        needed = {result}
        for number in range(result, -1, -1):
            if number in needed:
                needed.update(arguments_of(self.instructions[number]))
        kept = BodyBuilder()
        numbers = [-1] * len(self.instructions)
        for number in sorted(needed):
            numbers[number] = kept.add(renumbered(self.instructions[number], numbers, None))
        if numbers[result] != len(kept.instructions) - 1:
            raise AssertionError("an instruction after the result")
        return tuple(kept.instructions)


def _all_used(instructions: list[Instruction]) -> bool:
    used: set[int] = set()
    for instruction in instructions:
        used.update(arguments_of(instruction))
    return len(used) == len(instructions) - 1


def arguments_of(instruction: Instruction) -> Sequence[int]:
    """The instructions that this one reads."""
    kind = instruction[0]
    if kind == "load":
        found = [~term for entry in instruction[3] if type(entry) is not int for term, _ in entry.terms if term < 0]
        if instruction[4] >= 0:
            found.append(instruction[4])
        return found
    if kind in ("const", "coef", "index"):
        return ()
    return instruction[2]


def renumbered(instruction: Instruction, numbers: Sequence[int], labels: Labels | None) -> Instruction:
    """The instruction with arguments and labels replaced."""
    kind = instruction[0]
    if kind == "load":
        _, dtype, value, index, guard = instruction
        if labels is not None or guard >= 0 or any(type(entry) is not int for entry in index):
            index = tuple([moved(entry, numbers, labels) for entry in index])
            guard = numbers[guard] if guard >= 0 else -1
        return ("load", dtype, value, index, guard)
    if kind == "index":
        return instruction if labels is None else ("index", instruction[1], labels[instruction[2]])
    if kind in ("const", "coef"):
        return instruction
    return (kind, instruction[1], tuple([numbers[argument] for argument in instruction[2]]))


def moved(entry: int | Position, numbers: Sequence[int], labels: Labels | None) -> int | Position:
    """An index entry with instructions and labels replaced."""
    if isinstance(entry, int):
        return entry if labels is None else labels[entry]
    terms = tuple([(~numbers[~term] if term < 0 else term if labels is None else labels[term], c) for term, c in entry.terms])
    return Position(terms, entry.const)


def loads(body: Body) -> Iterator[Instruction]:
    """The load instructions of a body."""
    for instruction in body:
        if instruction[0] == "load":
            yield instruction


def plain_labels(index: tuple) -> bool:
    """Whether an index consists of different labels and nothing else."""
    for entry in index:
        if type(entry) is not int:
            return False
    return len(set(index)) == len(index)


def cost_of(body: Body) -> int:
    """What evaluating a body once costs, in additions; capped."""
    total = 0
    for instruction in body:
        total += COSTS[instruction[0]]
    return total
