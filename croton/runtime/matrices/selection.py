"""The places of the first elements in order, as many as are wanted, found without sorting.

The key of the last of them is found by one digit after the other, the highest first: it is counted how many keys have which value of the digit, and for the
next digit only those are looked at that agree with the last key so far. Then whatever comes before that key is taken, and of what is equal to it the elements
that stand first.

Measured on a Zen 5, one thread: 4 to 6 ns an element, whatever is wanted, where sorting takes 5 to 25.
"""

from __future__ import annotations

from croton.runtime.matrices.keys import Keys
from croton.runtime.matrices.member import Member

DIGIT = 8
"""Bits of a digit."""
VALUES = 1 << DIGIT


def emit(m: Member, keys: Keys) -> None:
    """Write the places to the working memory, a word each, in the order in which they stand. Fewer are wanted than there are."""
    a = m.a
    bits = keys.dtype.bits
    with a.loop(keys.count) as place:
        a.store(keys.at(place), "%work", place)
    counts = a.variable(f"[{VALUES} x i64]", align=64)
    left, among, last = (a.variable("i64") for _ in range(3))
    a.set(left, keys.wanted)
    a.set(among, keys.count)
    a.set(last, 0)
    with a.loop(bits // DIGIT) as step:
        shift = a.subtract(bits - DIGIT, a.multiply(step, DIGIT))
        with a.loop(VALUES) as value:
            a.store(0, counts, value)
        with a.loop(a.get(among)) as number:
            count = a.at(counts, _digit(m, a.load("%work", number), shift))
            a.set(count, a.add(a.get(count), 1))
        found = _value_of_last(m, counts, left)
        a.set(last, a.value(f"or i64 {a.get(last)}, {a.value(f'shl i64 {found}, {shift}')}"))
        kept = a.variable("i64")
        a.set(kept, 0)
        with a.loop(a.get(among)) as number:
            key = a.load("%work", number)
            a.store(key, "%work", a.get(kept))
            _count(m, kept, a.compare("eq", _digit(m, key, shift), found))
        a.set(among, a.get(kept))
    _take(m, keys, a.get(last), left)


def _digit(m: Member, key: str, shift: str) -> str:
    return m.a.value(f"and i64 {m.a.value(f'lshr i64 {key}, {shift}')}, {VALUES - 1}")


def _value_of_last(m: Member, counts: str, left: str) -> str:
    """The digit of the last key that is wanted; `left` becomes how many are wanted of those with that digit."""
    a = m.a
    value = a.variable("i64")
    a.set(value, 0)
    head, body, after = a.label(), a.label(), a.label()
    a.jump(head)
    a.begin(head)
    count = a.load(counts, a.get(value))
    a.fork(a.compare("slt", count, a.get(left)), body, after)
    a.begin(body)
    a.set(left, a.subtract(a.get(left), count))
    a.set(value, a.add(a.get(value), 1))
    a.jump(head)
    a.begin(after)
    return a.get(value)


def _take(m: Member, keys: Keys, last: str, left: str) -> None:
    """The places of keys before the last one, and of so many that are equal to it."""
    a = m.a
    taken, equal_ones = a.variable("i64"), a.variable("i64")
    a.set(taken, 0)
    a.set(equal_ones, 0)
    with a.loop(keys.count) as place:
        key = keys.at(place)
        a.store(place, "%work", a.get(taken))
        first = a.both(a.compare("eq", key, last), a.compare("slt", a.get(equal_ones), a.get(left)))
        _count(m, equal_ones, first)
        _count(m, taken, a.either(first, a.compare('ult', key, last)))


def _count(m: Member, number: str, condition: str) -> None:
    """One more where a condition holds, without a branch."""
    m.a.set(number, m.a.add(m.a.get(number), m.a.value(f"zext i1 {condition} to i64")))
