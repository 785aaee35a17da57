"""Long rows in order: by one digit of the keys after the other, the lowest first, each time keeping the order that there was.

What is moved are words of 64 bits, half a key and the place of its element. A key of 64 bits is gone through in two halves, the lower one first; for the
upper one elements are read again, in the order that they have by then. A digit that is the same in all keys is left out, and of a row that is in order,
or in the opposite one, nothing is moved. Of a row of which a part is wanted that part is found first (`selection.py`).
"""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime.matrices import selection
from croton.runtime.matrices.keys import Keys
from croton.runtime.matrices.member import Member

DIGIT = 8
"""Bits of a digit."""
VALUES = 1 << DIGIT
HALF = 32
"""Bits of a word that are key; the others are a place."""
PLACE = (1 << 64 - HALF) - 1
AHEAD = 32
"""An element is asked for when this one is so many before it: those of a long row are in no cache."""


SELECTIVE = 4
"""If there are so many elements for each that is wanted, these are found first."""
MANY_BITS = 32
"""Keys of fewer bits are in order before that pays."""


def emit(m: Member, keys: Keys) -> None:
    """Write the indices in order."""
    a = m.a
    _leave_if_ordered(m, keys, "uge", lambda place: place)
    # Equal elements would have to keep their order.
    _leave_if_ordered(m, keys, "ult", lambda place: m.a.subtract(m.a.subtract(keys.count, 1), place))
    chosen, total = "false", keys.count
    if keys.dtype.bits >= MANY_BITS:
        chosen = a.compare("sle", a.multiply(keys.wanted, SELECTIVE), keys.count)
        total = a.choose(chosen, keys.wanted, keys.count)
        with a.when(chosen):
            selection.emit(m, keys)
    halves = [(first, min(HALF, keys.dtype.bits - first)) for first in range(0, keys.dtype.bits, HALF)]
    source, target = a.variable("ptr"), a.variable("ptr")
    a.set(source, "%work", "ptr")
    a.set(target, a.at("%work", keys.count), "ptr")
    most = min(HALF, keys.dtype.bits) // DIGIT
    counts = a.variable(f"[{most * VALUES} x i64]", align=64)
    for low, bits in halves:
        with a.loop(most * VALUES) as value:
            a.store(0, counts, value)
        words = a.get(source, "ptr")
        with a.loop(total) as number:
            place = a.choose(chosen, _place_of(m, words, number), number)
            if low:
                place = _place_of(m, words, number)
                ahead = a.smaller(a.add(number, AHEAD), a.subtract(total, 1))
                m.declared["llvm.prefetch.p0"] = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
                a.do(f"call void @llvm.prefetch.p0(ptr {keys.place(_place_of(m, words, ahead))}, i32 0, i32 3, i32 1)")
            part = a.value(f"lshr i64 {keys.at(place)}, {low}")
            word = a.value(f"or i64 {a.value(f'shl i64 {part}, {HALF}')}, {place}")
            a.store(word, words, number)
            for digit in range(bits // DIGIT):
                count = a.at(counts, _digit(m, word, digit * DIGIT, digit * VALUES))
                a.set(count, a.add(a.get(count), 1))
        with a.loop(bits // DIGIT) as step:
            _by_digit(m, total, source, target, a.multiply(step, DIGIT), a.at(counts, a.multiply(step, VALUES)))
    words = a.get(source, "ptr")
    with a.loop(keys.wanted) as rank:
        keys.put(rank, _place_of(m, words, rank))


def _leave_if_ordered(m: Member, keys: Keys, relation: str, index: Callable[[str], str]) -> None:
    """Where each key has this relation to the one before it, it is known which index comes at each place."""
    a = m.a
    before, other = a.variable("i64"), a.label()
    a.set(before, keys.at("0"))
    with m.steps(1, keys.count) as place:
        key = keys.at(place)
        with a.when(a.negated(a.compare(relation, key, a.get(before)))):
            a.leave(other)
        a.set(before, key)
    with a.loop(keys.wanted) as place:
        keys.put(place, index(place))
    m.done()
    a.jump(other)
    a.begin(other)


def _place_of(m: Member, words: str, number: str) -> str:
    return m.a.value(f"and i64 {m.a.load(words, number)}, {PLACE}")


def _digit(m: Member, word: str, first: str | int, offset: int = 0) -> str:
    """The digit of a word's key that begins at a bit of it, as the number of a count."""
    a = m.a
    digit = a.value(f"and i64 {a.value(f'lshr i64 {word}, {a.add(first, HALF)}')}, {VALUES - 1}")
    return a.add(digit, offset)


def _by_digit(m: Member, total: str, source: str, target: str, first: str, counts: str) -> None:
    """Move the words from the source to the target in the order of a digit, and let the two change places; unless all have the same digit."""
    a = m.a
    words, moved = a.get(source, "ptr"), a.get(target, "ptr")
    same = a.compare("eq", a.load(counts, _digit(m, a.load(words, 0), first)), total)
    with a.when(a.negated(same)):
        behind = a.variable("i64")
        a.set(behind, 0)
        with a.loop(VALUES) as value:
            begin = a.get(behind)
            a.set(behind, a.add(begin, a.load(counts, value)))
            a.store(begin, counts, value)
        with a.loop(total) as number:
            word = a.load(words, number)
            free = a.at(counts, _digit(m, word, first))
            place = a.get(free)
            a.store(word, moved, place)
            a.set(free, a.add(place, 1))
        a.set(source, moved, "ptr")
        a.set(target, words, "ptr")
