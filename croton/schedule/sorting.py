"""Sorting along an axis: a routine of machine code on the rows of a stack."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.matrix_routine import MatrixRoutine, Shapes
from croton.algebra.node import Node
from croton.schedule.draft import Draft
from croton.schedule.matrices import Operand, Routine
from croton.schedule.step import Step, Value
from croton.sizes import Size
from croton.util.sorting import FEW, SHORT

WORDS = 2
"""Words of working memory for each element of a row that is neither short nor one of which few are wanted."""
WORD_BYTES = 8
EACH = 16
"""Operations for each element of such a row; of others the work on an element is that of the routine too."""


def _memory(shapes: Shapes, made: Sequence[bool]) -> Size:
    """Of open sizes what they may take."""
    (count,), (wanted,) = shapes
    short = isinstance(count, int) and count <= SHORT
    few = isinstance(wanted, int) and wanted <= FEW
    return 0 if short or few else WORDS * count


ARGSORT = MatrixRoutine("argsort", lambda shapes, options: EACH * shapes[0][0], _memory, item=WORD_BYTES)


def lower_sort(draft: Draft, node: Node) -> Value:
    """The ranks of elements along an axis, which is summed; ranks are the last axis of the result, if there is more than one."""
    child, labels = node.args[0][:2]
    source = draft.materialised(draft.source(child), child.dims)
    key = ("sort", node.param, source, labels, node.dims)
    value = draft.known.get(key)
    if value is None:
        value = draft.known[key] = Value(node.dims, node.dtype)
        value.order = tuple(range(len(node.dims)))
        over, stack = len(node.dims), tuple(range(len(labels) - 1))
        ranks = tuple(range(len(stack), over))
        argument, result = Operand(source, labels, (over,)), Operand(value, (*stack, *ranks), ranks or (None,))
        detail = Routine(ARGSORT, (node.param != "argsort",), (argument,), (result,), stack, node.dims + node.sums)
        draft.add(Step(value, "matrices", node.dims, None, (), detail, draft.origin))
    return value
