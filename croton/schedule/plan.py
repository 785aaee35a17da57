"""What the scheduler hands on: kernels, calls in order, values and where they live. Plain data.

    build_plan(outputs, inputs) -> Plan
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from croton.algebra.loop import UNLIMITED
from croton.algebra.matrix_routine import MatrixRoutine
from croton.algebra.node import Coef
from croton.dtypes import DType
from croton.kernel.language import Kernel
from croton.schedule.arena import Arena, Slot
from croton.schedule.carried import Carried
from croton.schedule.matrices import Matrix
from croton.schedule.product import Shape
from croton.sizes import Size

Home = tuple[str, Any]
"""Where a value lives: ("input", key), ("output", number), ("slot", number) or ("constant", array)."""


class PlanValue(NamedTuple):
    """An array of the program.

    shape   extents as stored, row-major
    order   the axis of the array that each stored axis is
    """

    dtype: DType
    shape: tuple[Size, ...]
    order: tuple[int, ...]
    home: Home

    @property
    def bytes(self) -> Size:
        """The memory it takes."""
        total: Size = self.dtype.itemsize
        for extent in self.shape:
            total = total * extent
        return total


class Pass(NamedTuple):
    """A pass of a kernel over its arrays: operations, bytes that it moves, and the number of the sweep that it belongs to."""

    flops: Size
    bytes: Size
    sweep: int = 0


class KernelCall(NamedTuple):
    """A call of kernels[kernel] with values for its buffers and sizes for its size parameters."""

    kernel: int
    values: tuple[int, ...]
    sizes: tuple[Size, ...]
    origins: tuple[Any, ...]
    passes: tuple[Pass, ...]

    @property
    def flops(self) -> Size:
        """Operations of all passes."""
        return _total([each.flops for each in self.passes])

    @property
    def bytes(self) -> Size:
        """Bytes that all passes move."""
        return _total([each.bytes for each in self.passes])


class ProductCall(NamedTuple):
    """out = alpha * left @ right + beta * out, for each matrix of a batch; strides are in elements. k may be 0, which leaves beta * out.

    `packed` is a slot for the operand that is the same in all steps of the loop that the product is in, rearranged; -1 if there is none.
    """

    left: int
    right: int
    out: int
    shape: Shape
    alpha: Coef
    beta: int
    origins: tuple[Any, ...]
    flops: Size
    bytes: Size
    packed: int = -1


class RoutineCall(NamedTuple):
    """outputs = routine(*inputs), a Python callable or the name of a library routine."""

    routine: Any
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    params: Any
    origins: tuple[Any, ...]
    flops: Size = 0
    bytes: Size = 0


class MatrixCall(NamedTuple):
    """outputs = routine(*inputs, *options) for each member of a stack of matrices, by machine code. An output that nobody wants is -1.

    matrices   where those of the inputs and then of the outputs lie
    stack      the sizes of the stack's axes
    work       a slot for working memory, -1 for none: so many bytes for each of so many parts
    """

    record: MatrixRoutine
    options: tuple[bool, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    matrices: tuple[Matrix, ...]
    stack: tuple[Size, ...]
    origins: tuple[Any, ...]
    flops: Size
    bytes: Size
    work: int = -1
    work_bytes: Size = 0
    parts: Size = 0

    @property
    def made(self) -> list[int]:
        """The values that it writes."""
        return [value for value in self.outputs if value >= 0]


class BoundsCheck(NamedTuple):
    """low <= every element of a value < bound, else the user's index is out of range; without a bound they are exponents of integers.

    Where one of the sizes `among` is 0 nothing is read with the index, whatever it is.
    """

    value: int
    bound: Size | None
    origins: tuple[Any, ...]
    low: Size = 0
    among: tuple[Size, ...] = ()
    flops: Size = 0
    bytes: Size = 0


class LoopCall(NamedTuple):
    """The calls of `body` for each of `length` steps, from the last one if `reverse`.

    The inputs of the body have the keys Slot(role, number); its outputs are the next carries, then what is tapped. Values are those of the plan around
    it: kernels too, and the slots of the body are slots of it.

    carried    where the carries lie
    elements   number of an element, and its array: a row a step
    fixed      number of a fixed value, and the value
    taps       number of an output of the body, and its array: a row a step
    slots      the slot of the plan around it for each slot of the body
    limit      a fixed value that says how many steps are done, or -1: the last ones if `late`; rows of others are what was there before
    steps      a value that gets the number of steps that were done, or -1
    stop       a carry that ends the loop once it is false everywhere, or -1: what later steps would write is what the last one has left
    seldom     whether it is likely that no step is done
    """

    length: Size
    reverse: bool
    body: Plan
    carried: Carried[int]
    elements: tuple[tuple[int, int], ...]
    fixed: tuple[tuple[int, int], ...]
    taps: tuple[tuple[int, int], ...]
    slots: tuple[int, ...]
    stop: int
    limit: int
    late: bool
    steps: int
    origins: tuple[Any, ...]
    seldom: bool = False

    @property
    def made(self) -> list[int]:
        """The values that it writes, with memory that it works on."""
        return [*self.carried.made, *[value for _, value in self.taps], *([] if self.steps < 0 else [self.steps])]

    @property
    def flops(self) -> Size:
        return self.body.flops * self.counted

    @property
    def bytes(self) -> Size:
        return self.body.bytes * self.counted

    @property
    def counted(self) -> Size:
        """How many steps to count: one where nobody knows."""
        if self.seldom:
            return 0
        return 1 if self.length == UNLIMITED else self.length


Call = KernelCall | ProductCall | RoutineCall | MatrixCall | BoundsCheck | LoopCall


class Plan(NamedTuple):
    """A program: run the calls in order.

    span     the time that `slots` speak of: its calls, a loop lasting as long as a step of it
    slots    the memory of temporaries, with those of its loops
    again    the user's lines whose values are computed again in place of being kept
    arena    where the slots lie; for the step of a loop that is said by the plan around it
    inputs   the value of each input key that is read
    outputs  the value of each output; one whose home is an input is written in that input's memory
    """

    kernels: tuple[Kernel, ...]
    calls: tuple[Call, ...]
    values: tuple[PlanValue, ...]
    slots: tuple[Slot, ...]
    inputs: Mapping[Hashable, int]
    outputs: tuple[int, ...]
    span: int
    again: tuple[Any, ...] = ()
    arena: Arena = Arena()

    @property
    def flops(self) -> Size:
        """Predicted floating point operations."""
        return _total([call.flops for call in self.calls])

    @property
    def bytes(self) -> Size:
        """Predicted memory traffic: what each call touches of each array, once."""
        return _total([call.bytes for call in self.calls])


def every_body(plan: Plan) -> Iterator[Plan]:
    """The plan and the plans of its loops, each after the one around it."""
    stack = [plan]
    while stack:
        current = stack.pop()
        yield current
        stack += [call.body for call in current.calls if isinstance(call, LoopCall)]


def with_kernels(plan: Plan, others: Sequence[tuple[int, tuple[int, ...]]]) -> Plan:
    """The plan with other kernels in its calls, also in those of its loops: for each kernel the number of another one, and the sizes that it is given besides.

    Loops nest as deep as the user's, so recursion is bounded.
    """
    calls: list[Call] = []
    for call in plan.calls:
        if isinstance(call, KernelCall):
            number, constants = others[call.kernel]
            call = call._replace(kernel=number, sizes=(*call.sizes, *constants))
        elif isinstance(call, LoopCall):
            call = call._replace(body=with_kernels(call.body, others))
        calls.append(call)
    return plan._replace(calls=tuple(calls))


def _total(sizes: Sequence[Size]) -> Size:
    total: Size = 0
    for size in sizes:
        total = total + size
    return total

