"""Products that a loop computes in its steps, although they need no carry.

What needs no carry is lifted out of a loop: a product of all elements with a matrix is one product. Its value is then written for all steps and read
again, which takes longer than a step loses by multiplying its own few rows: a matrix that stays the same is rearranged once (`runtime/packed.py`). So
a product that only the loop reads goes back into the step, where it is added up with that of the carry.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from croton.algebra.contract import contract, is_read
from croton.algebra.loop import Loop, loop_key, open_loop, part_of, results_of, slot
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Operand, Use, walk
from croton.algebra.operand import fresh_axes
from croton.algebra.rebuild import Memo, rebuild
from croton.dtypes import bool_
from croton.schedule.product import LEAST_PACKED, MOST_ROWS, OFTEN
from croton.schedule.summation import LEAST_PRODUCT
from croton.sizes import Size, product

LEAST_ROWS = 16
"""Rows of a step from which on it multiplies as fast as all steps at once."""

MOST_PACKED = 1 << 20
"""Elements of a matrix above which it comes from memory in each step, and costs more than what it saves."""


class _Lifted(NamedTuple):
    """A product of elements with a matrix: how it is made of the two.

    changing   the elements, at the labels of the product and of its sum; likewise the `matrix`, which is the same in all steps
    """

    changing: Use
    matrix: Use
    coef: Coef
    sums: tuple[Label, ...]


def sink_products(outputs: Sequence[Operand]) -> Sequence[Operand]:
    """The outputs with such products inside of the loops that read them."""
    order = list(walk([output.use.node for output in outputs]))
    loops = {node: loop_key(node) for node in order if node.kind == "loop"}
    if not loops:
        return outputs
    alone = _read_by_one_loop(order, [output.use.node for output in outputs], loops)
    if not alone:
        return outputs

    def visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        if node not in loops:
            return None
        loop = open_loop(node, labels, uses)
        originals = open_loop(node, labels).sequences
        found = {place: _lifted(use, loop) for place, use in enumerate(loop.sequences) if originals[place].node in alone}
        chosen = {place: lifted for place, lifted in found.items() if lifted is not None}
        return _with_products(node, labels, loop, chosen) if chosen else None

    uses = rebuild([output.use for output in outputs], visit)
    return [Operand(output.axes, use) for output, use in zip(outputs, uses)]


def _read_by_one_loop(order: Sequence[Node], roots: Sequence[Node], loops: dict[Node, tuple]) -> set[Node]:
    """The products that nobody reads but the parts of one loop."""
    readers: dict[Node, Hashable] = {}
    shared = set(roots)
    for node in order:
        reader = loops.get(node, node)
        for arg in node.args:
            if arg[0].kind == "contract" and readers.setdefault(arg[0], reader) != reader:
                shared.add(arg[0])
    keys = set(loops.values())
    return {node for node, reader in readers.items() if reader in keys and node not in shared and node.sums}


def _lifted(use: Use, loop: Loop) -> _Lifted | None:
    """What a sequence is made of, if it is a product that its loop should compute in its steps."""
    node, axes = use
    if not (node.dtype.is_float and len(set(axes)) == len(axes)) or (isinstance(loop.core.length, int) and loop.core.length < OFTEN):
        return None
    labels = (*axes, *[Label(size) for size in node.sums])
    factors = [Use(child, tuple([labels[i] for i in positions])) for child, positions, _ in node.args]
    values = [factor for factor in factors if factor.node.kind not in RELATIONS]
    if len(values) != 2 or any(arg[2] != 1 or arg[0].dtype not in (node.dtype, bool_) for arg in node.args):
        return None
    relations = [(factor, 1) for factor in factors if factor.node.kind in RELATIONS]
    tied = {loop.step, *[label for relation, _ in relations for label in relation.labels]}
    same = [value for value in values if tied.isdisjoint(value.labels)]
    if len(same) != 1:
        return None
    (matrix,) = same
    (changing,) = [value for value in values if value is not matrix]
    around = {label for factor in factors if factor is not matrix for label in factor.labels}
    sums = tuple([label for label in matrix.labels if label in around])
    if loop.step not in around or not sums or not {*sums}.isdisjoint(axes) or len(set(matrix.labels)) < len(matrix.labels):
        return None
    if relations:
        # What is read of the elements, by itself.
        changing = contract(around & {*axes, *sums}, [(changing, 1), *relations], ONE, around - {*axes, *sums}, node.dtype)
        if changing.node.kind == "contract" and not is_read(changing.node):
            return None
    if loop.step not in changing.labels or len(set(changing.labels)) < len(changing.labels):
        return None
    rows = _extent([label for label in changing.labels if label not in sums and label is not loop.step])
    columns, inner = _extent([label for label in matrix.labels if label not in sums]), _extent(sums)
    if rows is None or columns is None or inner is None or min(columns, inner) < LEAST_PRODUCT:
        return None
    if not (LEAST_ROWS <= rows <= MOST_ROWS and LEAST_PACKED <= columns * inner <= MOST_PACKED):
        return None
    return _Lifted(changing, matrix, node.param, sums)


def _extent(labels: Sequence[Label]) -> int | None:
    """How many values some labels have together, if that is known."""
    found: Size = product([label.size for label in labels])
    return found if isinstance(found, int) else None


def _with_products(node: Node, labels: tuple[Label, ...], loop: Loop, chosen: dict[int, _Lifted]) -> Use:
    """A part of a loop that computes some of its elements itself."""
    core, part = loop.core, part_of(node)
    elements, fixed = list(core.elements), list(core.fixed)
    element_axes, fixed_axes = list(loop.element_axes), list(loop.fixed_axes)
    sequences, matrices = list(loop.sequences), list(loop.fixed)
    inside: Memo = {}
    for place, lifted in chosen.items():
        row = tuple([label for label in lifted.changing.labels if label is not loop.step])
        given, matrix = lifted.changing.node, lifted.matrix.node
        element = slot("element", place, [label.size for label in row], given.dtype)
        same = slot("fixed", len(fixed), matrix.dims, matrix.dtype)
        names = dict(zip(loop.element_axes[place], fresh_axes(core.elements[place])))
        names |= {label: Label(label.size) for label in lifted.sums}
        factors = [(Use(one, tuple([names[label] for label in own])), 1) for one, own in ((element, row), (same, lifted.matrix.labels))]
        axes = tuple([names[label] for label in loop.element_axes[place]])
        inside[core.elements[place]] = axes, contract(axes, factors, lifted.coef, [names[label] for label in lifted.sums], given.dtype)
        # Labels of a loop are its own.
        own = {label: label if label is loop.step else Label(label.size) for label in lifted.changing.labels}
        sequences[place] = Use(given, tuple(own.values()))
        element_axes[place] = tuple([label for label in own.values() if label is not loop.step])
        elements[place] = element
        fixed.append(same)
        fixed_axes.append(fresh_axes(matrix))
        matrices.append(Use(matrix, fixed_axes[-1]))
    roots = results_of(loop)
    inner = () if part.node is None else fresh_axes(part.node)
    if part.node is not None:
        roots.append(Use(part.node, inner))
    found = rebuild(roots, _keep, inside)
    results = []
    for use, axes in zip(found, loop.carry_axes):
        at = {label: i for i, label in enumerate(axes)}
        results.append((use.node, tuple([at[label] for label in use.labels])))
    core = core._replace(elements=tuple(elements), fixed=tuple(fixed), results=tuple(results))
    changed = Loop(core, loop.step, loop.carry_axes, tuple(element_axes), tuple(fixed_axes), (*loop.inits, *sequences, *matrices))
    if part.node is None:
        return changed.part(part, labels[: len(node.dims)])
    names = dict(zip(inner, labels[1:]))
    return changed.tap(Use(found[-1].node, tuple([names[label] for label in found[-1].labels])))


def _keep(*_: object) -> None:
    return None
