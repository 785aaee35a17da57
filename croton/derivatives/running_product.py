"""The derivative of a running product: a linear recurrence that runs the other way.

With y[t] = x[0] ... x[t], what x[s] receives is all that comes before it times

    g[s] = sum over t >= s of (adjoint of y[t]) x[s + 1] ... x[t] = (adjoint of y[s]) + x[s + 1] g[s + 1]

which is right where x is 0, and takes as many operations as there are elements.
"""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.constant import zero
from croton.algebra.contract import contract
from croton.algebra.node import ONE, Label, Use
from croton.algebra.stand_in import mark
from croton.loops.course import Steps
from croton.loops.history import read_at
from croton.loops.recurrence import Carry, Element, Recurrence


def received_after(values: Use, adjoint: Use, along: Label, reverse: bool, exclusive: bool) -> Use:
    """For each element the sum over the running products that it is in of their adjoints, each times the elements between the two.

    `values` are what is multiplied along a label, and `adjoint` is that of the products, at the same labels and others around. Running products that are
    `exclusive` leave the element of their own place out: x[s] is in those after s.
    """
    axes = tuple([label for label in values.labels if label is not along])
    factor, given, later = mark(axes, values.node), mark(axes, values.node), mark(axes, values.node)
    product = contract({*axes}, [(factor, 1), (later, 1)], ONE, (), values.dtype)
    carry = Carry(later.node, axes, zero(values.dtype), add([(given, ONE), (product, ONE)], values.dtype))
    shift = -1 if reverse else 1
    following = read_at(values, along, {along: 1}, shift)
    adjoint = read_at(adjoint, along, {along: 1}, shift) if exclusive else adjoint
    back = Recurrence(Steps(along, not reverse), [carry], [Element(factor.node, axes, following), Element(given.node, axes, adjoint)])
    return back.after(0)
