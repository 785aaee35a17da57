"""The user's graph in the algebra: every operation by its meaning, every derivative worked out.

Derivatives are nodes of the user's graph that ask for something (`gradient`, `jacobian`, `pushforward`). All requests about the same outputs are
answered by one reverse sweep, whether the user made them in one call or in many. The order is stabilise, derive: a derivative of an
unstable formula cannot be repaired afterwards.

A derivative with respect to an intermediate value needs that value to stay a node of its own. So what lies between the value and the output is lowered once
more with the value anchored by `identity`, a function that nothing looks through; the anchor is taken away from the derivative as soon as it is there, and
everything meets in one normal form. A value may be the same along an axis of its array (zeros, a broadcast); its elements are variables of their own all the
same, so below the anchor zeros are added that do depend on the axis, `Spread`, which go with the anchor. Likewise where two variables have one value, as both
arguments in `f(x, x)`: they differ by zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

from croton import algebra
from croton.algebra.batch_axes import kept_in_loops
from croton.algebra.node import Label, Node, Operand, Use, origin
from croton.derivatives.derive import derive
from croton.dtypes import DType
from croton.expr.expr import Constant, Expr
from croton.expr.op import Op
from croton.expr.walk import walk
from croton.rewriting.loops_of_one import loops_of_one
from croton.rewriting.stabilise import stabilise
from croton.sizes import Poly, Size, Symbol, substitute
from croton.transforms.loop_nodes import LOOPS, check_closed
from croton.transforms.recurrence import Loops
from croton.transforms.release import Spread, release
from croton.transforms.requests import GRADIENT, JACOBIAN, PUSHFORWARD
from croton.transforms.unify import Check, unify
from croton.transforms.vmap import COLLECT, MAPPED
from croton.transforms.waiting import without_unknown, without_waiting


class Lowered(NamedTuple):
    """A graph in the algebra.

    outputs  one operand for each expression that was asked for
    leaves   the inputs and shared variables that are read; the id of each is the key of its algebra input
    shapes   their shapes after unification, and those of the others that were named
    checks   pairs of sizes that each call must find equal
    """

    outputs: list[Operand]
    leaves: list[Expr]
    shapes: dict[Expr, tuple[Size, ...]]
    checks: tuple[Check, ...]


def lower(roots: Sequence[Expr], others: Iterable[Expr] = ()) -> Lowered:
    """The algebra of some expressions. `others` are leaves that have sizes of the graph too, whether or not anything reads them."""
    order = list(walk(roots))
    check_closed(roots, order)
    unified = unify(order)
    lowering = _Lowering(order, unified.mapping)
    previous = origin.current
    try:
        lowering.run()
    finally:
        origin.current = previous
    outputs = [lowering.operands[root] for root in roots]
    uses = release([operand.use for operand in outputs])
    outputs = [Operand(operand.axes, use) for operand, use in zip(outputs, uses)]
    shapes = {leaf: tuple([substitute(size, unified.mapping) for size in leaf.shape]) for leaf in others}
    return Lowered(outputs, lowering.leaves, {**shapes, **lowering.shapes}, unified.checks)


class _Lowering:
    """The state of one lowering: what each expression became."""

    def __init__(self, order: Sequence[Expr], sizes: dict[Symbol, Size]) -> None:
        self.order = order
        self.sizes = sizes
        self.operands: dict[Expr, Operand] = {}
        self.leaves: list[Expr] = []
        self.shapes: dict[Expr, tuple[Size, ...]] = {}
        self.mapped: dict[tuple[int, Size], Label] = {}
        self.requests = _group(order)
        self.anchored: frozenset[Expr] = frozenset()
        self.spread: dict[Expr, Node] = {}
        self.owners: dict[Node, Expr] = {}
        self.loops = Loops(self.operands, sizes, self.order)

    def within(self, outputs: Sequence[Expr], variables: Iterable[Expr]) -> _Lowering:
        """A lowering of the same outputs in which the variables are anchored; what does not depend on them is shared."""
        order = list(walk(outputs))
        inner = _Lowering(order, self.sizes)
        inner.mapped = self.mapped
        inner.owners = self.owners
        inner.anchored = self.anchored.union(variables)
        dependent = set(variables)
        for node in order:
            if node in dependent or any(x in dependent for x in node.inputs):
                dependent.add(node)
            else:
                inner.operands[node] = self.operands[node]
        inner.run()
        return inner

    def run(self) -> None:
        self.lower(self.order)

    def lower(self, order: Iterable[Expr]) -> None:
        """Lower these nodes, inputs first, and whatever is asked for with them."""
        for node in order:
            if node in self.operands:
                continue
            origin.current = node.line
            if node.op is None:
                self.operands[node] = self.leaf(node)
            elif node.op in REQUESTS:
                # All requests about the same outputs are answered in one sweep.
                REQUESTS[node.op](self, self.requests[_key(node)])
            elif node.op in LOOPS:
                self.operands[node] = self.loops.lower(node, self.lower)
            elif node.op is MAPPED or node.op is COLLECT:
                self.operands[node] = self.element(node) if node.op is MAPPED else self.collect(node)
            else:
                inputs = [self.operands[x] for x in node.inputs]
                operand = node.op.meaning(inputs, self.params(node.params))
                self.operands[node] = _narrowed(operand, node.shape) if node.constraints else operand
            if node in self.anchored:
                self.operands[node] = self.anchor(node, self.operands[node])

    def anchor(self, node: Expr, operand: Operand) -> Operand:
        """The value as a node of its own, which no other variable has, with an element for each element of its array."""
        use = operand.use
        same = [axis for axis in operand.axes if axis.size != 1 and axis not in use.labels]
        if same or self.owners.setdefault(algebra.scalar("identity", use).node, node) is not node:
            zeros = algebra.input_(Spread(node.id), same, node.dtype)
            self.spread[node] = zeros.node
            use = algebra.add([(use, 1), (zeros, 1)])
        return Operand(operand.axes, algebra.scalar("identity", use))

    def leaf(self, node: Expr) -> Operand:
        if isinstance(node, Constant):
            return algebra.constant_operand(node.value, node.dtype)
        shape = tuple(substitute(size, self.sizes) for size in node.shape)
        self.leaves.append(node)
        self.shapes[node] = shape
        axes = tuple(Label(size) for size in shape)
        return Operand(axes, algebra.input_(node.id, axes, node.dtype))

    def ambient(self, depth: int, size: Size) -> Label:
        """The label of the elements that a vectorised function at this depth is mapped over."""
        label = self.mapped.get((depth, size))
        if label is None:
            label = self.mapped[depth, size] = Label(size, ambient=True)
        return label

    def element(self, node: Expr) -> Operand:
        axis, depth, size = self.params(node.params)
        operand = self.operands[node.inputs[0]]
        axes = operand.axes
        return Operand(axes[:axis] + axes[axis + 1 :], algebra.relabel(operand.use, {axes[axis]: self.ambient(depth, size)}))

    def collect(self, node: Expr) -> Operand:
        axis, depth, size = self.params(node.params)
        operand = self.operands[node.inputs[0]]
        inside = self.ambient(depth, size)
        label = Label(size)
        return Operand((*operand.axes[:axis], label, *operand.axes[axis:]), algebra.relabel(operand.use, {inside: label}))

    def params(self, params: Any) -> Any:
        """Params with unified sizes in place of the user's."""
        if not self.sizes:
            return params
        if isinstance(params, Poly):
            return substitute(params, self.sizes)
        if isinstance(params, tuple):
            items = [self.params(item) for item in params]
            return type(params)(*items) if hasattr(params, "_fields") else tuple(items)
        return params


def _narrowed(operand: Operand, shape: Sequence[Size]) -> Operand:
    """An operand without the axes whose sizes are only checked to be 1, where its type says 1: what stretches has no axis."""
    single = [label for label, size in zip(operand.axes, shape) if size == 1 and label.size != 1]
    if not single:
        return operand
    kept = [label for label in operand.axes if label not in single]
    factors = [(operand.use, 1), *[(algebra.affine({label: 1}), 1) for label in single]]
    use = algebra.contract(kept, factors, summed=single, dtype=operand.dtype)
    return Operand(tuple(Label(1) if label in single else label for label in operand.axes), use)


class _Question:
    """Requests about the same outputs, lowered so that their variables are nodes, in stable form."""

    def __init__(self, lowering: _Lowering, members: Sequence[Expr], count: int) -> None:
        self.lowering = lowering
        # A variable that is not lowered yet cannot be below the outputs; it is asked for later, as is what has a tangent that is not lowered yet.
        self.members = [node for node in members if node not in lowering.operands and all(x in lowering.operands for x in node.inputs)]
        outputs = self.members[0].inputs[:count]
        variables = [node.inputs[-1] for node in self.members]
        hidden = [w for w in variables if (w.inputs or isinstance(w, Constant)) and w not in lowering.anchored]
        context = lowering.within(outputs, hidden) if hidden else lowering
        operands = [context.operands[x] for x in outputs]
        operands += [context.operands[w] if w in context.operands else lowering.operands[w] for w in variables]
        uses = stabilise([operand.use for operand in operands])
        uses[: len(outputs)], _ = loops_of_one(uses[: len(outputs)])
        # A value in stable form may be a node with its axes in another order.
        stable = [Operand(operand.axes, use) for operand, use in zip(operands, uses)]
        self.outputs, self.variables = stable[: len(outputs)], stable[len(outputs) :]
        self.wrt = [variable.use.node for variable in self.variables]
        anchors = [node for w, node in zip(variables, self.wrt) if w not in lowering.anchored and node.kind == "map"]
        self.anchors = frozenset([*anchors, *(context.spread[w] for w in hidden if w in context.spread)])

    def put(self, node: Expr, seeds: Sequence[Label], derivative: Operand) -> None:
        """Answer a request: the axes are the seeds and then those of the variable. The anchors of this question have served."""
        use = release([derivative.use], self.anchors)[0] if self.anchors else derivative.use
        self.lowering.operands[node] = Operand((*seeds, *derivative.axes), use)


def _key(node: Expr) -> tuple:
    """What requests must share to be answered together: all but the variable (the last input) and a tangent of its own."""
    if node.op is PUSHFORWARD:
        return (node.op, node.inputs[0].id)
    return (node.op, node.params, *(x.id for x in node.inputs[:-1]))


def _group(order: Iterable[Expr]) -> dict[tuple, list[Expr]]:
    groups: dict[tuple, list[Expr]] = {}
    for node in order:
        if node.op in REQUESTS:
            groups.setdefault(_key(node), []).append(node)
    return groups


def answer_gradients(lowering: _Lowering, members: Sequence[Expr]) -> None:
    """sum_i <cotangent_i, output_i> differentiated with respect to each variable."""
    count = len(members[0].inputs) // 2
    question = _Question(lowering, members, count)
    cotangents = [lowering.operands[x] for x in members[0].inputs[count:-1]]
    pulled = [_pulled(_at(cotangent, output.axes), output) for cotangent, output in zip(cotangents, question.outputs)]
    found = _derive(question.outputs, pulled, question.wrt)
    for node, variable, derivative in zip(question.members, question.variables, found):
        question.put(node, (), _of_variable(variable, derivative, node.dtype))


def answer_jacobians(lowering: _Lowering, members: Sequence[Expr]) -> None:
    """Every element of an output differentiated with respect to each variable: reverse mode seeded with deltas.

    Elements that have loops of their own are outputs of their own, as those of a mapped function are: a delta would be an axis more in each of these loops.
    """
    question = _Question(lowering, members, 1)
    (output,) = question.outputs
    own = kept_in_loops(output.use, [axis for axis in output.axes if axis.size != 1])
    inside = {axis: Label(axis.size, ambient=True) for axis in output.axes if axis in own}
    output = Operand(tuple([inside.get(axis, axis) for axis in output.axes]), algebra.relabel(output.use, inside))
    seeds = tuple(Label(axis.size) for axis in output.axes)
    factors = [(algebra.delta(seed, axis), 1) for seed, axis in zip(seeds, output.axes) if not axis.ambient]
    cotangent = algebra.contract({*seeds, *output.axes}, factors, dtype=output.dtype)
    outward = {axis: seed for seed, axis in zip(seeds, output.axes) if axis.ambient}
    found = _derive([output], [_pulled(cotangent, output)], question.wrt)
    for node, variable, derivative in zip(question.members, question.variables, found):
        of_variable = _of_variable(variable, derivative, node.dtype)
        question.put(node, seeds, Operand(of_variable.axes, algebra.relabel(of_variable.use, outward)))


def answer_pushforwards(lowering: _Lowering, members: Sequence[Expr]) -> None:
    """The derivative of an output along a tangent of each variable.

    A pullback is linear in its cotangent, and its derivative with respect to that cotangent is the pushforward; so forward mode needs no rule
    of its own.
    """
    question = _Question(lowering, members, 1)
    (output,) = question.outputs
    axes = tuple(Label(axis.size) for axis in output.axes)
    probe = Operand(axes, algebra.input_(("probe", members[0].id), axes, output.dtype))
    pulled = _derive([output], [_pulled(_at(probe, output.axes), output)], question.wrt)
    for node, variable, derivative in zip(question.members, question.variables, pulled):
        result = None
        if derivative is not None:
            pullback = _of_variable(variable, derivative, node.dtype)
            pullback = Operand(pullback.axes, without_waiting([pullback.use], probe.use.node)[0])
            cotangent = _pulled(_at(lowering.operands[node.inputs[1]], pullback.axes), pullback)
            (result,) = _derive([pullback], [cotangent], [probe.use.node])
            if result is not None:
                result = without_unknown(result[0], probe.use.node), result[1]
        question.put(node, (), _of_variable(probe, result, node.dtype))


def _derive(outputs: Sequence[Operand], cotangents: Sequence[Use], wrt: Sequence[Node]) -> list[tuple[Use, tuple[Label, ...]] | None]:
    """`derive` for values that may have labels around them: each element of what is around is an output of its own."""
    batch = {label for output in outputs for label in output.use.labels if label.ambient}
    return derive([output.use for output in outputs], cotangents, wrt, batch)


def _of_variable(variable: Operand, found: tuple[Use, tuple[Label, ...]] | None, dtype: DType) -> Operand:
    """A derivative as an array with the axes of its variable.

    It comes at labels of the variable's node; the variable's array has its own order, axes of size 1 besides, and perhaps labels around it, where the
    element at hand is meant.
    """
    if found is None:
        return Operand(tuple(Label(axis.size) for axis in variable.axes), algebra.constant(0, dtype))
    use, labels = found
    place = dict(zip(variable.use.labels, labels))
    around = {inside: label for label, inside in place.items() if label.ambient}
    # Of an axis of the array only the element at hand counts: the others have a derivative too, of 0.
    alone = {label: Label(inside.size) for label, inside in place.items() if inside.ambient and not label.ambient}
    deltas = [(algebra.delta(place[label], other), 1) for label, other in alone.items()]
    place |= alone
    axes = tuple(place.get(axis) or Label(axis.size) for axis in variable.axes)
    if around or deltas:
        moved = algebra.relabel(use, around)
        use = algebra.contract({*moved.labels, *alone.values()}, [(moved, 1), *deltas])
    return Operand(axes, use)


def _at(operand: Operand, axes: Sequence[Label]) -> Use:
    """The value of an operand at other labels for its axes."""
    return algebra.relabel(operand.use, dict(zip(operand.axes, axes)))


def _pulled(cotangent: Use, output: Operand) -> Use:
    """A cotangent at the labels that the output's value depends on: along the others the output is broadcast, so they are summed."""
    broadcast = [axis for axis in output.axes if axis not in output.use.labels and axis.size != 1]
    if not broadcast:
        return cotangent
    return algebra.contract(set(cotangent.labels) - set(broadcast), [(cotangent, 1)], summed=broadcast)


REQUESTS: dict[Op, Callable[[_Lowering, Sequence[Expr]], None]] = {
    GRADIENT: answer_gradients,
    JACOBIAN: answer_jacobians,
    PUSHFORWARD: answer_pushforwards,
}
