"""What a computation costs, in units of one fused floating point operation, at the hinted sizes or others that are assumed.

The model is as coarse as its use: to tell a program from one that does several times the work. A matrix product runs its
operations faster than a fused loop does, and an intermediate value is written and read.
"""

from __future__ import annotations

import functools
import heapq
import math
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from croton.sizes import Size, Symbol, hint

PRODUCT_RATE = 8.0
"""How much faster a matrix product runs an operation than a fused loop."""

LEAST_PRODUCT = 16
"""The least extent of each side of a matrix product that reaches that rate; below, the rate falls with each side."""

WRITE = 1.0
"""The cost of writing an element of an intermediate value and reading it again."""

MOST_EXACT = 7
"""Up to so many factors every order is compared; above, the greedy choice is taken."""

Tree = int | tuple["Tree", "Tree"]  # type: ignore[misc]


class Order(NamedTuple):
    """An order of pairwise contractions: a tree over term positions, operations, time, and the elements of its largest intermediate."""

    tree: Tree | None
    flops: int
    time: float
    largest: int


@functools.lru_cache(maxsize=1 << 14)
def _likely(size: Size) -> int:
    return hint(size)


class _Assumed(threading.local):
    """The sizes at which this thread takes costs: the hints, or what `assuming` says."""

    extents: dict[Size, int] | None = None
    sizes: Mapping[Symbol, int]


_assumed = _Assumed()


def likely(size: Size) -> int:
    """The value of a size at the hints, whatever is assumed."""
    return size if isinstance(size, int) else _likely(size)


def extent(size: Size) -> int:
    """The value of a size at which costs are taken: the likely one, where nothing else is assumed."""
    if isinstance(size, int):
        return size
    extents = _assumed.extents
    if extents is None:
        return _likely(size)
    found = extents.get(size)
    if found is None:
        found = extents[size] = hint(size, _assumed.sizes)
    return found


def assumes() -> bool:
    """Whether costs are taken at other sizes than the likely ones."""
    return _assumed.extents is not None


@contextmanager
def assuming(sizes: Mapping[Symbol, int]) -> Iterator[None]:
    """Costs are taken at these sizes, and at the hints of others. Correctness never depends on it."""
    before = _assumed.extents, getattr(_assumed, "sizes", {})
    _assumed.extents, _assumed.sizes = ({}, sizes) if sizes else (None, {})
    try:
        yield
    finally:
        _assumed.extents, _assumed.sizes = before


def elements(sizes: Sequence[Size]) -> int:
    """The likely number of elements of an array."""
    return math.prod([extent(size) for size in sizes])


def pairs_of(tree: Tree | None, count: int) -> list[tuple[int, int]]:
    """A tree of pairs as a list: positions of the terms, each result taking the next one."""
    pairs: list[tuple[int, int]] = []
    results: list[int] = []
    stack: list[tuple[Tree, bool]] = [] if tree is None else [(tree, False)]
    while stack:
        here, ready = stack.pop()
        if ready:
            right, left = results.pop(), results.pop()
            results.append(count + len(pairs))
            pairs.append((left, right))
        elif isinstance(here, int):
            results.append(here)
        else:
            stack += [(here, True), (here[1], False), (here[0], False)]
    return pairs


def follow(terms: Sequence[frozenset], out: frozenset, extents: Mapping, tree: Tree | None) -> float:
    """The time of a given order."""
    return _Search(terms, out, extents).follow(tree) if terms else 0.0


def search(terms: Sequence[frozenset], out: frozenset, extents: Mapping, rate: float = PRODUCT_RATE) -> Order:
    """The cheapest order of contracting terms, given the labels of each, to the labels `out`."""
    count = len(terms)
    if count == 0:
        return Order(None, 0, 0.0, 0)
    work = _Search(terms, out, extents, rate)
    if count == 1:
        return work.single()
    return work.exact() if count <= MOST_EXACT else work.greedy()


class _Search:
    """Label sets as bit masks, and the cost of a step between two of them."""

    __slots__ = ("bits", "extents", "masks", "out", "products", "rate")

    def __init__(self, terms: Sequence[frozenset], out: frozenset, extents: Mapping, rate: float = PRODUCT_RATE) -> None:
        self.rate = rate
        labels = list(dict.fromkeys(label for term in terms for label in term))
        self.bits = {label: 1 << position for position, label in enumerate(labels)}
        self.extents = [extents[label] for label in labels]
        self.masks = [self._mask(term) for term in terms]
        self.out = self._mask(out.intersection(labels))
        self.products: dict[int, int] = {0: 1}

    def _mask(self, labels: frozenset) -> int:
        return sum(self.bits[label] for label in labels)

    def product(self, mask: int) -> int:
        """The number of elements over these labels."""
        found = self.products.get(mask)
        if found is None:
            low = mask & -mask
            found = self.products[mask] = self.product(mask ^ low) * self.extents[low.bit_length() - 1]
        return found

    def step(self, a: int, b: int, keep: int) -> tuple[int, float, int]:
        """Operations, time and elements written of one contraction."""
        union = self.product(a | b)
        written = self.product(keep)
        summed = (a | b) & ~keep
        if not summed:
            return union, union + WRITE * written, written
        flops = 2 * union
        rate = self.rate
        for side in (summed & a & b, a & ~b & keep, b & ~a & keep):
            rate *= min(1.0, self.product(side) / LEAST_PRODUCT)
        return flops, flops / max(1.0, rate) + WRITE * written, written

    def leaf(self, mask: int, keep: int) -> tuple[int, float, int]:
        """What it takes to sum the labels that only one term has."""
        if mask == keep:
            return 0, 0.0, 0
        union, written = self.product(mask), self.product(keep)
        return union, union + WRITE * written, written

    def single(self) -> Order:
        keep = self.masks[0] & self.out
        flops, time, _ = self.leaf(self.masks[0], keep)
        return Order(0, flops, time, 0)

    def exact(self) -> Order:
        """Dynamic programming over subsets of the terms."""
        count = len(self.masks)
        full = (1 << count) - 1
        union = [0] * (full + 1)
        for subset in range(1, full + 1):
            low = subset & -subset
            union[subset] = union[subset ^ low] | self.masks[low.bit_length() - 1]
        keep = [union[subset] & (self.out | union[full ^ subset]) for subset in range(full + 1)]
        best: list[tuple[float, int, int, Tree]] = [(math.inf, 0, 0, 0)] * (full + 1)
        for subset in range(1, full + 1):
            if subset & (subset - 1) == 0:
                position = subset.bit_length() - 1
                flops, time, written = self.leaf(self.masks[position], keep[subset])
                best[subset] = (time, flops, written, position)
                continue
            half = subset
            found = best[subset]
            while half := (half - 1) & subset:
                other = subset ^ half
                if half < other:
                    break
                left, right = best[half], best[other]
                time = left[0] + right[0]
                if time >= found[0]:
                    continue
                flops, more, written = self.step(keep[half], keep[other], keep[subset])
                if time + more < found[0]:
                    last = 0 if subset == full else written
                    found = (time + more, left[1] + right[1] + flops, max(left[2], right[2], last), (right[3], left[3]))
            best[subset] = found
        time, flops, largest, tree = best[full]
        return Order(tree, flops, time, largest)

    def greedy(self) -> Order:
        """Again and again the pair whose result is smallest beside its operands."""
        users: dict[int, int] = {}
        live: dict[int, tuple[int, Tree]] = {}
        flops, total, largest = 0, 0.0, 0
        for mask in self.masks:
            for bit in _bits(mask):
                users[bit] = users.get(bit, 0) + 1
        for position, mask in enumerate(self.masks):
            private = sum(bit for bit in _bits(mask) if users[bit] == 1 and not bit & self.out)
            more, time, _ = self.leaf(mask, mask & ~private)
            flops, total = flops + more, total + time
            live[position] = (mask & ~private, position)
        heap: list[tuple[int, int, int]] = []
        places = list(live)
        for i, first in enumerate(places):
            for second in places[:i]:
                heap.append((self._gain(live[first][0], live[second][0], users), second, first))
        heapq.heapify(heap)
        fresh = len(self.masks)
        while len(live) > 1:
            _, first, second = heapq.heappop(heap)
            if first not in live or second not in live:
                continue
            a, left = live.pop(first)
            b, right = live.pop(second)
            keep = self._keep(a, b, users)
            more, time, written = self.step(a, b, keep)
            flops, total = flops + more, total + time
            if live:
                largest = max(largest, written)
            for bit in _bits(a & b):
                users[bit] -= 1
            for other, (mask, _) in live.items():
                heapq.heappush(heap, (self._gain(mask, keep, users), other, fresh))
            live[fresh] = (keep, (left, right))
            fresh += 1
        ((_, tree),) = live.values()
        return Order(tree, flops, total, largest)

    def follow(self, tree: Tree | None) -> float:
        """The time of a given order."""
        users: dict[int, int] = {}
        for mask in self.masks:
            for bit in _bits(mask):
                users[bit] = users.get(bit, 0) + 1
        items, total = [], 0.0
        for mask in self.masks:
            kept = mask & ~sum(bit for bit in _bits(mask) if users[bit] == 1 and not bit & self.out)
            total += self.leaf(mask, kept)[1]
            items.append(kept)
        for left, right in pairs_of(tree, len(items)):
            a, b = items[left], items[right]
            items.append(self._keep(a, b, users))
            total += self.step(a, b, items[-1])[1]
            for bit in _bits(a & b):
                users[bit] -= 1
        return total

    def _keep(self, a: int, b: int, users: Mapping[int, int]) -> int:
        both = a & b
        gone = sum(bit for bit in _bits(a | b) if not bit & self.out and users[bit] == (2 if bit & both else 1))
        return (a | b) & ~gone

    def _gain(self, a: int, b: int, users: Mapping[int, int]) -> int:
        return self.product(self._keep(a, b, users)) - self.product(a) - self.product(b)


def _bits(mask: int) -> list[int]:
    found = []
    while mask:
        low = mask & -mask
        found.append(low)
        mask ^= low
    return found
