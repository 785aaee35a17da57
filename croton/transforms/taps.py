"""Taps: what a step of a loop sees around its element, and of the steps before the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from croton.expr.expr import Expr
from croton.ops.casting import asarray
from croton.ops.joining import stack
from croton.transforms.body import carry_names, check_carry, given_by
from croton.util.errors import ArgumentError, KindError, ShapeError
from croton.util.structure import flatten, unflatten


class Taps:
    """An array of which a step sees several elements: see `taps`."""

    __slots__ = ("offsets", "single", "values")

    def __init__(self, values: Expr, offsets: tuple[int, ...], single: bool) -> None:
        self.values = values
        self.offsets = offsets
        self.single = single

    def __repr__(self) -> str:
        return f"taps({self.values!r}, {self.offsets[0] if self.single else self.offsets})"

    def shown(self, elements: Sequence[Expr]) -> Any:
        """What the body is given: one element, or a tuple of them."""
        return elements[0] if self.single else tuple(elements)

    @property
    def reach(self) -> tuple[int, int]:
        """How far before and behind a place the elements lie."""
        return -min(0, *self.offsets), max(0, *self.offsets)

    def sequences(self) -> list[Expr]:
        """For each offset the elements there of all places that have every one of them."""
        x, (back, ahead) = self.values, self.reach
        rows = x.shape[0]
        if isinstance(rows, int) and rows < back + ahead:
            raise ShapeError(f"taps at {self.offsets} need a sequence of at least {back + ahead} elements, got {x.type}: {x!r}", x.line)
        stops = [offset - ahead for offset in self.offsets]
        return [x[offset + back : stop or None] for offset, stop in zip(self.offsets, stops)]

    def past(self) -> list[Expr]:
        """The values that a carry is begun with: of the step before the first, the one before that, and so on."""
        count, x = self.reach[0], self.values
        if max(self.offsets) >= 0:
            raise ArgumentError(f"taps of a carry are steps ago, negative integers, got {self.offsets}; what comes later can be had of a sequence only")
        if isinstance(x.shape[0], int) and x.shape[0] != count:
            raise ShapeError(f"taps of a carry at {self.offsets} begin with {count} rows, the oldest first, got {x.type}: {x!r}", x.line)
        return [x[-ago] for ago in range(1, count + 1)]

    def seen(self, carries: Sequence[Expr]) -> Any:
        """What the body is given of a carry whose values are known for each number of steps ago."""
        return self.shown([carries[-offset - 1] for offset in self.offsets])

    @staticmethod
    def rows(finals: Sequence[Expr]) -> Expr:
        """The last values in the form of those that the loop was begun with."""
        return stack(list(reversed(finals)))


def taps(x: Any, offsets: Any) -> Taps:
    """What a body of `scan` is to see of an array: a tuple with an element for each offset; only the element where `offsets` is one integer.

    Of a sequence: `scan(body, init, taps(x, (-1, 0, 1)))` gives the body `x[t-1], x[t], x[t+1]`, for every t that has all of them, so that
    there are two steps fewer than elements. Offsets are places in the array, whichever direction the loop takes.

    Of a carry: `scan(body, taps(past, (-1, -5)), xs)` gives the body what it returned one step ago and five steps ago. It returns one new value,
    and the loop gives back the last five. `past` has the first five as its rows, the oldest first.
    """
    single = isinstance(offsets, int) and not isinstance(offsets, bool)
    found = (offsets,) if single else offsets
    if not isinstance(found, list | tuple) or not found or any(not isinstance(offset, int) or isinstance(offset, bool) for offset in found):
        raise ArgumentError(f"taps: the offsets are integers, as in taps(x, (-1, 0, 1)), got {offsets!r}")
    values = asarray(x)
    if values.ndim == 0:
        raise ShapeError(f"taps are elements along the first axis of an array, got a scalar: {values!r}", values.line)
    return Taps(values, tuple(found), single)


class Plain(NamedTuple):
    """A loop without taps that says what one with taps says: with a carry for each number of steps ago, and a sequence for each offset.

    restored    what the loop with taps returns as its last carry, for that of this one
    """

    function: Callable[[Any, Any], tuple[Any, ...]]
    init: Any
    xs: Any
    restored: Callable[[Any], Any]


def without_taps(function: Callable[[Any, Any], tuple[Any, ...]], init: Any, xs: Any, name: str) -> Plain:
    """The loop with every number of steps ago and every offset written out."""
    begun, structure = flatten(init)
    given, structure_of_xs = flatten(xs)
    if not any(isinstance(leaf, Taps) for leaf in (*begun, *given)):
        return Plain(function, init, xs, lambda carry: carry)
    first = [leaf.past() if isinstance(leaf, Taps) else leaf for leaf in begun]
    sequences = [leaf.sequences() if isinstance(leaf, Taps) else leaf for leaf in given]

    def body(carry: Any, x: Any) -> tuple[Any, ...]:
        carries, elements = list(_grouped(first, carry)), list(_grouped(sequences, x))
        shown = [leaf.seen(group) if isinstance(leaf, Taps) else group for leaf, group in zip(begun, carries)]
        element = [leaf.shown(group) if isinstance(leaf, Taps) else group for leaf, group in zip(given, elements)]
        result = function(unflatten(structure, shown), unflatten(structure_of_xs, element))
        new, ys, until = given_by(result, structure, name, "; a carry with taps is returned as its one new value")
        for place, (leaf, group, which) in enumerate(zip(begun, carries, carry_names(structure))):
            if isinstance(leaf, Taps):
                value = asarray(new[place])
                check_carry(group[0], value, which, name)
                new[place] = [value, *group[:-1]]
        return (unflatten(structure, new), ys) if until is None else (unflatten(structure, new), ys, until)

    def restored(carry: Any) -> Any:
        return unflatten(structure, [leaf.rows(group) if isinstance(leaf, Taps) else group for leaf, group in zip(begun, _grouped(first, carry))])

    return Plain(body, unflatten(structure, first), unflatten(structure_of_xs, sequences), restored)


def _grouped(entries: Sequence[Any], tree: Any) -> Iterator[Any]:
    """The leaves of a tree that has lists in place of some leaves, as these entries are lists: a list for each of those."""
    values = iter(flatten(tree)[0])
    for entry in entries:
        yield [next(values) for _ in entry] if isinstance(entry, list) else next(values)


def untapped(value: Any, name: str) -> Any:
    """The value; raise KindError for taps where there cannot be any."""
    if isinstance(value, Taps):
        raise KindError(f"{name}: {value!r} where an array is wanted; taps are for the carries and sequences of scan")
    return value
