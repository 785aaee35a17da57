"""Reverse mode on the kinds: the derivative of every value that has a meaning, to any order.

The adjoint of a node is a value at labels for the node's axes and, besides, at the labels of the seed. With a seed of deltas
the result is a Jacobian, and it stays factored: nothing here makes an array. A relation is a constant, so that slicing, padding,
gathering and reshaping need no rule.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from croton.algebra.add import add
from croton.algebra.batch_axes import BatchAxes, first_parts
from croton.algebra.call import arguments_of, results_of
from croton.algebra.coefficient import among, multiply
from croton.algebra.constant import number_of
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Coef, Label, Node, Use, origin, walk
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import cumulate, reduce
from croton.algebra.relation import at_least_zero, delta
from croton.algebra.scalar import FLAT, FUNCTIONS
from croton.algebra.sign import is_sum_of_squares
from croton.algebra.term import Term
from croton.derivatives.loop_derivative import Received, pull_back
from croton.derivatives.running_product import received_after
from croton.dtypes import DType
from croton.util.errors import NotSupportedError

Derivative = tuple[Use, tuple[Label, ...]]


def derive(
    outputs: Sequence[Use], cotangents: Sequence[Use | None], wrt: Sequence[Node], batch: Collection[Label] = ()
) -> list[Derivative | None]:
    """d sum(cotangent * output) / d node, for each node of `wrt`.

    A cotangent is read at the labels of its output, and may be read at more: these are seeds, and each derivative is read at them
    too. The result for a node is `(use, labels)`, with `labels` for the axes of the node, in order; None where no output depends on it.
    What an output does not depend on (a broadcast axis) is no label of its use: sum a cotangent over it beforehand.

    `batch` are labels of outputs over which nothing is summed up: the derivative at such a label is that of the output's element at this label. It is a seed;
    an axis of the node at which only the same element counts is read at it too, and is that label among `labels`.
    """
    for node in wrt:
        if not node.dtype.is_float:
            raise TypeError(f"no derivative with respect to a value of dtype {node.dtype}; only floating values have one")
    order = list(walk([output.node for output in outputs]))
    targets = set(wrt)
    reached = _reached(order, targets)
    sweep = _Sweep(reached, BatchAxes(outputs, order, batch, first_parts(order)))
    for output, cotangent in zip(outputs, cotangents):
        if cotangent is not None and output.node in reached:
            sweep.pull(output, [cotangent], ONE, output.labels)
    results: dict[Node, Derivative] = {}
    line = origin.current
    try:
        for node in reversed(order):
            sweep.visit(node, targets, results, line)
    finally:
        origin.current = line
    return [results.get(node) for node in wrt]


def _reached(order: Sequence[Node], targets: set[Node]) -> set[Node]:
    """The nodes that a derivative passes through on its way to a target."""
    reached: set[Node] = set()
    for node in order:
        if not node.dtype.is_float:
            continue
        if node in targets or any(arg[0] in reached and not _is_flat(node, place) for place, arg in enumerate(node.args)):
            reached.add(node)
    return reached


def _is_flat(node: Node, place: int) -> bool:
    if node.kind == "map":
        return FUNCTIONS[node.param].derivatives[place] == FLAT
    return node.kind == "arg"


class _Sweep:
    """Adjoints on their way: what each node has received so far, at labels chosen for its axes."""

    __slots__ = ("axes", "batch", "parts", "reached", "received")

    def __init__(self, reached: set[Node], batch: BatchAxes) -> None:
        self.reached = reached
        self.batch = batch
        self.parts: dict[Node, list[Received]] = {}
        self.received: dict[Node, list[Use]] = {}
        self.axes: dict[Node, tuple[Label, ...]] = {}

    def pull(
        self,
        child: Use,
        factors: Sequence[Use | tuple[Use, int]],
        coef: Coef | float,
        frame: Sequence[Label],
        dtype: DType | None = None,
    ) -> None:
        """Give the node of `child` the product of the factors, summed over the labels of the frame that the child is not read at."""
        node, labels = child
        axes = self.axes.get(node)
        if axes is None:
            axes = self.axes[node] = tuple([name or Label(size) for name, size in zip(self.batch.of(node), node.dims)])
        place: dict[Label, Label] = {label: label for label in self.batch.labels}
        product: list[tuple[Use, int]] = []
        for label, axis in zip(labels, axes):
            other = place.setdefault(label, axis)
            if other is not axis:
                product.append((delta(other, axis), 1))
        summed = [label for label in frame if label not in place]
        out = set(axes)
        for factor in factors:
            use, exponent = (factor, 1) if isinstance(factor, Use) else factor
            renamed = Use(use.node, tuple([place.get(label, label) for label in use.labels]))
            out.update(renamed.labels)
            product.append((renamed, exponent))
        out.difference_update(summed)
        result = contract(out, product, coef, summed, dtype or node.dtype)
        if result.node.dtype is not node.dtype:
            result = scalar("cast", result, dtype=node.dtype)
        self.received.setdefault(node, []).append(result)

    def visit(self, node: Node, targets: set[Node], results: dict[Node, Derivative], line: Any) -> None:
        """Sum up what a node has received, and pass it on to its arguments."""
        received = self.received.pop(node, None)
        if received is None:
            if node.kind in TOGETHER:
                TOGETHER[node.kind](self, node, None)
            return
        # What a line costs backwards is shown with that line; what comes together at a leaf, with the line that asks for the derivative.
        origin.current = (node.origin if node.args else None) or line
        adjoint = received[0] if len(received) == 1 else add([(use, 1) for use in received], node.dtype)
        axes = self.axes[node]
        if number_of(adjoint.node) == 0:
            if node.kind in TOGETHER:
                TOGETHER[node.kind](self, node, None)
            return
        if node in targets:
            results[node] = (adjoint, axes)
        if node.kind in TOGETHER:
            TOGETHER[node.kind](self, node, Received(node, adjoint, axes))
        elif node.args:
            _RULES[node.kind](self, node, adjoint, axes)

    def together(self, node: Node, received: Received | None) -> list[Received]:
        """What the parts of one loop, or the results of one call, have received, when the first of them is reached: they go back together."""
        first = self.batch.firsts[node]
        if received is not None:
            self.parts.setdefault(first, []).append(received)
        return self.parts.pop(first, []) if node is first else []


def _loop(sweep: _Sweep, node: Node, received: Received | None) -> None:
    parts, batch = sweep.together(node, received), sweep.batch
    for child, adjoint, frame in pull_back(parts, sweep.reached, derive, batch.labels, batch.slots.get(node, {})):
        sweep.pull(child, [adjoint], ONE, frame)


def _call(sweep: _Sweep, node: Node, received: Received | None) -> None:
    parts = sweep.together(node, received)
    if not parts:
        return
    routine = node.param[0]
    if routine.vjp is None:
        raise NotSupportedError(f"not supported: the derivative of {routine.name}; give the routine a vjp", node.origin)
    labels = [Label(size) for size in node.dims + node.sums]
    arguments, results = arguments_of(node, labels), results_of(node, labels)
    # A batch axis of a result has the batch's label: an argument of which other readers meet it elsewhere is not read at that label, so `pull` must see it.
    named = {label: axis for part, _, axes in parts for label, axis in zip(results[part.param[1]].use.labels, axes) if axis in sweep.batch.labels}
    if named:
        labels = [named.get(label, label) for label in labels]
        arguments, results = arguments_of(node, labels), results_of(node, labels)
    cotangents: list[Use | None] = [None] * len(results)
    for part, adjoint, axes in parts:
        place = part.param[1]
        at = dict(zip(axes, results[place].use.labels))
        cotangents[place] = Use(adjoint.node, tuple([at.get(label, label) for label in adjoint.labels]))
    for argument, cotangent in zip(arguments, routine.vjp(arguments, results, cotangents, sweep.batch.labels)):
        if cotangent is not None and argument.use.node in sweep.reached:
            sweep.pull(argument.use, [cotangent], ONE, argument.axes)


def _contract(sweep: _Sweep, node: Node, adjoint: Use, axes: tuple[Label, ...]) -> None:
    labels = axes + tuple([Label(size) for size in node.sums])
    uses = [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in node.args]
    for place, (use, exponent) in enumerate(uses):
        if use.node not in sweep.reached:
            continue
        factors: list[tuple[Use, int]] = [(adjoint, 1)]
        factors += [other for position, other in enumerate(uses) if position != place]
        if exponent != 1:
            factors.append((use, exponent - 1))
        coef = multiply(node.param, Coef(float(exponent)))
        sweep.pull(use, factors, among(coef, [label.size for label in use.labels]), labels)


def _add(sweep: _Sweep, node: Node, adjoint: Use, axes: tuple[Label, ...]) -> None:
    for child, positions, coef in node.args:
        if child in sweep.reached:
            sweep.pull(Use(child, tuple([axes[i] for i in positions])), [adjoint], coef, axes)


def _map(sweep: _Sweep, node: Node, adjoint: Use, axes: tuple[Label, ...]) -> None:
    function = FUNCTIONS[node.param]
    arguments = [Term(Use(child, tuple([axes[i] for i in positions]))) for child, positions in node.args]
    value = Term(Use(node, axes))
    for argument, derivative in zip(arguments, function.derivatives):
        if argument.use.node not in sweep.reached or derivative == FLAT:
            continue
        if derivative is None:
            raise NotSupportedError(f"not supported: the derivative of {function.name}", node.origin)
        assert callable(derivative)
        if node.param == "sqrt" and is_sum_of_squares(argument.use.node):
            # A norm: at 0, where every square is, so is the derivative.
            slope = Term(scalar("safe_reciprocal", value.use)) * 0.5
        else:
            slope = derivative(*arguments, value)
        factors = [adjoint, slope.use] if isinstance(slope, Term) else [adjoint]
        sweep.pull(argument.use, factors, ONE, axes, node.dtype)


def _reduce(sweep: _Sweep, node: Node, adjoint: Use, axes: tuple[Label, ...]) -> None:
    inner = tuple([Label(size) for size in node.sums])
    labels = axes + inner
    (child, positions), *_ = node.args
    use = Use(child, tuple([labels[i] for i in positions]))
    value = Use(node, axes)
    factors: list[Use | tuple[Use, int]] = [adjoint]
    if node.param == "lse":
        factors.append(scalar("exp", add([(use, 1), (value, -1)])))
    elif node.param == "prod":
        # Everything but the element, so that a zero elsewhere or here does no harm.
        current = use
        for label in inner:
            factors.append(cumulate("prod", current, label, exclusive=True))
            factors.append(cumulate("prod", current, label, reverse=True, exclusive=True))
            current = reduce("prod", current, [label])
    else:
        factors += _shared_equally(use, value, inner, [])
    sweep.pull(use, factors, ONE, labels)


def _shared_equally(use: Use, value: Use, over: Sequence[Label], guards: Sequence[Use]) -> list[Use | tuple[Use, int]]:
    """Among all that are equal to the extreme value, an equal share each."""
    equal = scalar("eq", use, value)
    guarded = [(factor, 1) for factor in (equal, *guards)]
    labels = {label for factor, _ in guarded for label in factor.labels}
    count = contract(labels.difference(over), guarded, ONE, over, use.node.dtype)
    return [equal, *guards, (count, -1)]


def _cumulate(sweep: _Sweep, node: Node, adjoint: Use, axes: tuple[Label, ...]) -> None:
    function, position, reverse, exclusive = node.param
    child, _ = node.args[0]
    until = axes[position]
    if function == "prod":
        source = Use(child, axes)
        before = cumulate("prod", source, until, reverse, exclusive=True)
        sweep.pull(source, [before, received_after(source, adjoint, until, reverse, exclusive)], ONE, axes)
        return
    here = Label(until.size)
    source = Use(child, tuple([here if i == position else axis for i, axis in enumerate(axes)]))
    sign = -1 if reverse else 1
    factors = [adjoint, *_shared_equally(source, Use(node, axes), [here], [at_least_zero({until: sign, here: -sign}, 0)])]
    sweep.pull(source, factors, ONE, (*axes, here))


_RULES: dict[str, Callable[[_Sweep, Node, Use, tuple[Label, ...]], Any]] = {
    "contract": _contract,
    "add": _add,
    "map": _map,
    "reduce": _reduce,
    "cumulate": _cumulate,
}

TOGETHER: dict[str, Callable[[_Sweep, Node, Received | None], None]] = {"loop": _loop, "call": _call}
"""Kinds of which several nodes are one thing, whose derivative is passed on once."""
