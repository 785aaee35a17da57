"""Sums that are added into the memory of an input that dies."""

from __future__ import annotations

from croton.algebra.coefficient import multiply
from croton.algebra.node import ONE, Coef, Node
from croton.dtypes import bool_
from croton.schedule.contract import sole_product
from croton.schedule.draft import Draft
from croton.schedule.step import SHARING, BodyBuilder, Scatter, Step, Value, arguments_of, moved, renumbered


def updated(draft: Draft, node: Node) -> Value | None:
    """A donated input plus scatters or products that are used once: they are added into its memory, after all that reads it."""
    key, operand = draft.replaced[node]
    base: Value | None = None
    others = []
    for child, labels, coef in node.args:
        if child.kind == "input" and child.param == key and coef == ONE and base is None:
            axes = [axis for axis in operand.axes if axis.size != 1]
            if [operand.use.labels[label] for label in labels] != axes:
                return None
            base = draft.inputs[key]
        else:
            others.append((child, labels, coef))
    if base is None or len(others) != 1:
        return None
    child, labels, coef = _without_coefficient(draft, *others[0])
    value = draft.source(child)
    if type(value) is not Value or value.step is None or draft.uses[child] != 1 or len(labels) != len(node.dims):
        return None
    if value.step.kind == "scatter" and value.step.detail.op in (None, "sum") and draft.claims.get(value, 1) == 1:
        return _scattered_into(draft, base, value.step, labels, coef, node)
    sole = sole_product(draft, child, labels)
    if sole is not None:
        dims, operands = sole
        if not (is_donated(draft, operands.left) or is_donated(draft, operands.right)):
            operands = operands._replace(alpha=multiply(operands.alpha, coef), accumulate=base)
            found = draft.product(dims, len(node.dims), node.dtype, operands, own=True)
            draft.steps[-1].last = True
            return found
    return None


def _without_coefficient(draft: Draft, node: Node, labels: tuple[int, ...], coef: Coef) -> tuple[Node, tuple[int, ...], Coef]:
    """A term without a number that only it is multiplied with, such as the 1/n of a mean that stays with what a guard lets through: what is not
    there is not added, whatever the number is."""
    while node.kind == "contract" and not node.sums and len(node.args) == 1 and draft.uses[node] == 1:
        inner, positions, exponent = node.args[0]
        if exponent != 1 or inner.dtype is not node.dtype:
            break
        node, labels, coef = inner, tuple([labels[place] for place in positions]), multiply(coef, node.param)
    return node, labels, coef


def is_donated(draft: Draft, value: Value) -> bool:
    """Whether a value is a donated input, or may be read where one lies."""
    while value.step is not None and value.step.kind in SHARING:
        value = value.step.detail[0]
    return value.home is not None and value.home[0] == "input" and value.home[1] in draft.donated


def _scattered_into(draft: Draft, base: Value, step: Step, labels: tuple[int, ...], coef: Coef, node: Node) -> Value | None:
    detail = step.detail
    body = BodyBuilder()
    numbers: list[int] = []
    for instruction in step.body:
        numbers.append(body.add(renumbered(instruction, numbers, None)))
    result = numbers[detail.result]
    if any(i[0] == "load" and is_donated(draft, i[2]) for i in step.body):
        # what is added must be known before any donated memory is written
        apart = BodyBuilder()
        same = apart.splice(step.body[: detail.result + 1], range(len(step.dims)))
        value = draft.emit(step.dims, len(step.dims), None, apart.finish(same), own=True)
        result = body.load(value, tuple(range(len(step.dims))))
        kept = {argument for entry in detail.at if type(entry) is not int for term, _ in entry.terms if term < 0 for argument in (~term,)}
        if detail.guard >= 0:
            kept.add(detail.guard)
        needed = set(kept)
        for number in range(len(step.body) - 1, -1, -1):
            if number in needed:
                needed.update(arguments_of(step.body[number]))
        if any(step.body[number][0] == "load" and is_donated(draft, step.body[number][2]) for number in needed):
            return None
        body = BodyBuilder()
        numbers = [-1] * len(step.body)
        for number in sorted(needed):
            numbers[number] = body.add(renumbered(step.body[number], numbers, None))
        result = body.load(value, tuple(range(len(step.dims))))
    guard = numbers[detail.guard] if detail.guard >= 0 else -1
    summand = body.instructions[result]
    if summand[0] == "where" and body.instructions[summand[2][2]][0] == "const" and body.instructions[summand[2][2]][2] == 0:
        # where nothing is added nothing is written
        condition, result, _ = summand[2]
        guard = condition if guard < 0 else body.call("logical_and", bool_, guard, condition)
    if coef != ONE:
        result = body.call("mul", node.dtype, result, body.coef(node.dtype, coef))
    index: list = [0] * len(labels)
    for axis, label in enumerate(labels):
        index[label] = moved(detail.at[axis], numbers, None)
    found = Value(node.dims, node.dtype)
    into = Scatter(result, tuple(index), guard, "sum", base, None)
    draft.add(Step(found, "scatter", step.dims, "sum", tuple(body.instructions), into, draft.origin))
    draft.steps[-1].last = True
    return found
