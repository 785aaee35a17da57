"""Calls of library routines and of the user's own code: whole arrays in, whole arrays out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Sequence
from typing import Any

from croton.algebra.matrix_routine import MatrixRoutine
from croton.algebra.node import Label, Node, Operand, Use, intern
from croton.dtypes import DType
from croton.util.errors import NotSupportedError

Lift = Callable[[int, tuple[tuple[int, ...], ...]], "Routine"]
Vjp = Callable[[list[Operand], list[Operand], list["Use | None"], Collection[Label]], "list[Use | None]"]


class Routine:
    """What a call runs.

    name     how it prints
    numpy    arrays -> array, or a tuple of arrays: its meaning; leading axes may be batches, as the routine defines
    vjp      (arguments, results, cotangents, batch) -> the cotangent of each argument, or None for one that has none. A cotangent is
             read at the axes of its result and perhaps at seeds; what is returned is read at the axes of the argument and the same
             seeds. An axis around that is one of `batch` is such a seed too: an argument without it has a cotangent for each place
             along it, where along others these are summed up. Without a vjp there is no derivative.
    identity what makes two routines equal, with their name; by default the object itself
    around   how many axes it has around it, in front of its results: it is called for each place along them
    lift     (number, for each argument which axes around it has from now on, in front) -> the routine with so many axes more around it, which
             come before those that it has. Without it the routine cannot be called in a loop.
    machine  what the scheduler has to know of a routine that is machine code; None for one that is Python
    """

    __slots__ = ("around", "identity", "lift", "machine", "name", "numpy", "vjp")

    def __init__(
        self,
        name: str,
        numpy: Callable[..., Any],
        vjp: Vjp | None = None,
        identity: Hashable = None,
        lift: Lift | None = None,
        around: int = 0,
        machine: MatrixRoutine | None = None,
    ) -> None:
        self.around = around
        self.machine = machine
        self.name = name
        self.lift = lift
        self.numpy = numpy
        self.vjp = vjp
        self.identity = (name, id(self) if identity is None else identity)

    def __repr__(self) -> str:
        return self.name

    def __hash__(self) -> int:
        return hash(self.identity)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Routine) and self.identity == other.identity


def call(routine: Routine, arguments: Sequence[Operand], results: Sequence[tuple[Sequence[Label], DType]]) -> list[Operand]:
    """The results of a routine, for each its axes and dtype. A label that an argument and a result share is a batch axis.

    There is one node a result. Its param is `(routine, place among the results, layouts of arguments, layouts and dtypes of results)`,
    where a layout has the number of a label for each axis, and None for an axis of size 1. Labels are numbered from the axes of the
    result on; the others are `sums`.
    """
    operands = []
    for place, (axes, dtype) in enumerate(results):
        labels = [axis for axis in axes if axis.size != 1]
        every = [*labels]
        every += [axis for argument in arguments for axis in argument.axes if axis.size != 1]
        every += [axis for others, _ in results for axis in others if axis.size != 1]
        number = {label: position for position, label in enumerate(dict.fromkeys(every))}
        inputs = tuple(tuple(number.get(axis) for axis in argument.axes) for argument in arguments)
        outputs = tuple((tuple(number.get(axis) for axis in others), other) for others, other in results)
        args = tuple((argument.use.node, tuple(number[label] for label in argument.use.labels)) for argument in arguments)
        sums = tuple(label.size for label in list(number)[len(labels) :])
        node = intern("call", tuple(label.size for label in labels), dtype, args, (routine, place, inputs, outputs), sums)
        operands.append(Operand(tuple(axes), Use(node, tuple(labels))))
    return operands


def _same(value: Any, *after: Any) -> Any:
    return value


def _pulled_back(arguments: list[Operand], results: list[Operand], cotangents: list[Use | None], batch: Collection[Label]) -> list[Use | None]:
    return [cotangents[0]] + [None] * (len(arguments) - 1)


AGAIN = Routine("again", _same, _pulled_back, "again")
"""(x, other values...): x, as what is computed again reads it. See `again`."""


def again(use: Use, after: Sequence[Use]) -> Use:
    """The value of a use under a name of its own, which is there once the other values are.

    What is computed from it is not what is computed from the use itself: so a value is made a second time, when it is needed again, in place of being kept
    until then. It takes no memory and no time. In a loop whose carries the other values come from, what is computed from it stays inside of the loop.
    """
    if not use.node.args and use.node.kind not in ("input", "constant"):
        return use  # a number or the value of a label
    axes = tuple(dict.fromkeys(use.labels))
    arguments = [Operand(axes, use)]
    for other in dict.fromkeys([other.node for other in after]):
        # All of it, wherever it is read.
        own = tuple([Label(size) for size in other.dims])
        arguments.append(Operand(own, Use(other, own)))
    return call(AGAIN, arguments, [(axes, use.dtype)])[0].use


def first_result(node: Node) -> Node:
    """The node of the first result of the call that a node is one of."""
    if len(node.param[3]) == 1:
        return node
    return results_of(node, [Label(size) for size in node.dims + node.sums])[0].use.node


def arguments_of(node: Node, labels: Sequence[Label]) -> list[Operand]:
    """The arguments of a call as arrays, read at labels for all that the node mentions."""
    return [
        Operand(_axes(layout, labels), Use(child, tuple([labels[i] for i in positions])))
        for layout, (child, positions) in zip(node.param[2], node.args)
    ]


def results_of(node: Node, labels: Sequence[Label]) -> list[Operand]:
    """All results of the call that a node is one of."""
    results = [(_axes(layout, labels), dtype) for layout, dtype in node.param[3]]
    return call(node.param[0], arguments_of(node, labels), results)


def call_again(node: Node, labels: Sequence[Label], uses: Sequence[Use]) -> Use:
    """The same routine on other values of its arguments, read at the same labels, and perhaps at labels around: then it is called for each of those."""
    routine, place, _, layouts = node.param
    if routine is AGAIN:
        return again(uses[0], uses[1:])
    arguments = [Operand(argument.axes, use) for argument, use in zip(arguments_of(node, labels), uses)]
    results = [(_axes(layout, labels), dtype) for layout, dtype in layouts]
    if all(label in argument.axes for argument in arguments for label in argument.use.labels):
        return call(routine, arguments, results)[place].use
    if routine.lift is None:
        raise NotSupportedError(f"not supported: {routine.name} in a loop or for each element of something; call it on whole arrays", node.origin)
    return _lifted(routine, arguments, results, place, labels)


def _lifted(
    routine: Routine, arguments: Sequence[Operand], results: Sequence[tuple[tuple[Label, ...], DType]], place: int, labels: Sequence[Label]
) -> Use:
    """A result of a routine of which arguments are read at labels that are not among their axes: it is called for each place along those."""
    front = results[place][0][: routine.around]
    # What is an axis of an array already is another axis around, at which the same place is read.
    more: dict[Label, Label] = {}
    for argument in arguments:
        for label in argument.use.labels:
            if label not in argument.axes and label not in front and label not in more:
                more[label] = Label(label.size) if label in labels else label
    number = {label: position for position, label in enumerate((*more.values(), *front))}
    assert routine.lift is not None
    has, given = [], []
    for argument in arguments:
        own = dict.fromkeys([more.get(label, label) for label in argument.use.labels if label not in argument.axes])
        use = Use(argument.use.node, tuple([label if label in argument.axes else more.get(label, label) for label in argument.use.labels]))
        has.append(tuple([number[label] for label in own]))
        given.append(Operand((*own, *argument.axes), use))
    lifted = routine.lift(len(more), tuple(has))
    found = call(lifted, given, [((*more.values(), *axes), dtype) for axes, dtype in results])[place].use
    back = {other: label for label, other in more.items()}
    return Use(found.node, tuple([back.get(label, label) for label in found.labels]))


def _axes(layout: Sequence[int | None], labels: Sequence[Label]) -> tuple[Label, ...]:
    return tuple([Label(1) if position is None else labels[position] for position in layout])
