"""A product with relations as a loop nest: what `solve` finds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from croton.algebra.cost import Order, elements, extent, search
from croton.algebra.rows import Row
from croton.sizes import Size


class Gather(NamedTuple):
    """label = index[at...], where `index` is the array that the select at position `argument` holds.

    Where one of the predicates at the positions `guards` is false, `at` may lie outside the index: any value in range will do.
    """

    label: int
    argument: int
    at: tuple[Row, ...]
    guards: tuple[int, ...] = ()


class Digit(NamedTuple):
    """label = (row // divisor) % modulus; without a modulus the quotient is known to be in range."""

    label: int
    row: Row
    divisor: Size
    modulus: Size | None


class Predicate(NamedTuple):
    """[row == 0] or, with `at_least`, [row >= 0]: where it is false the product is 0.

    The reads of the factors `hosts` are guarded by it: such a read gives 0 where it is false (1 if the power is negative). That is
    enough, unless `term` says that the predicate must be multiplied in as a factor of its own.
    """

    row: Row
    at_least: bool
    hosts: tuple[int, ...]
    term: bool


class Factor(NamedTuple):
    """The data factor at position `argument`, read at one index an axis, to a power."""

    argument: int
    at: tuple[Row, ...]
    power: int


class Check(NamedTuple):
    """The index of the select at position `argument` must be checked, once, to lie in 0 .. extent - 1."""

    argument: int
    extent: Size


class Solved(NamedTuple):
    """A product as a loop nest. Rows are over loop labels and defined labels; a label is its number inside the node.

    loop         the labels that are looped over: first those the output depends on, then the summed ones
    sizes        the size of each loop label and defined label
    definitions  values of the other labels that rows mention, each in terms of what comes before it
    factors      the data factors
    predicates   guards; reads of factors and indices are safe only where theirs hold
    output       the index of the result along each axis of the node
    kept         the loop labels that the output depends on
    plain        the output has one loop label an axis: element by element, nothing is scattered
    injective    no two values of the kept labels meet in one element, so that a scatter may store instead of add
    covers       every element is met, so that nothing must be set to 0 first
    repeat       sizes of summed labels that nothing mentions: the result is multiplied by them
    terms        the loop labels of each factor and then of each predicate that is a term; `order` contracts these
    """

    loop: tuple[int, ...]
    sizes: Mapping[int, Size]
    definitions: tuple[Gather | Digit, ...]
    factors: tuple[Factor, ...]
    predicates: tuple[Predicate, ...]
    output: tuple[Row, ...]
    kept: tuple[int, ...]
    plain: bool
    injective: bool
    covers: bool
    repeat: tuple[Size, ...]
    checks: tuple[Check, ...]
    terms: tuple[frozenset[int], ...]
    order: Order
    time: float


UNTIMED = Order(None, 0, 0.0, 0)


def timed(dims: Sequence[Size], solved: Solved) -> Solved:
    """A loop nest for a value of these dims with its order and time, at the assumed sizes."""
    sizes, kept, terms = solved.sizes, solved.kept, solved.terms
    order = search(terms, frozenset(kept), {label: extent(sizes[label]) for label in solved.loop})
    used = solved.definitions
    time = order.time + 0.01 * len(used) + sum([0.02 for definition in used if isinstance(definition, Digit)])
    if not solved.plain:
        time += 2 * elements([sizes[label] for label in kept]) + (0 if solved.covers else elements(dims))
    time += sum([elements([sizes[label] for label in term]) for term in terms[len(solved.factors) :]])
    return solved._replace(order=order, time=time)
