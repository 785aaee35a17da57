"""Places in the arena: nothing that is there together overlaps, at any sizes, and little is wasted."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.schedule.arena import ALIGNMENT, Arena, Slot, aligned, arrange, flattened, least_bytes, shifted
from croton.sizes import Size, evaluate, symbol

N, M = symbol("arena n", hint=100), symbol("arena m", hint=7)
SIZES: tuple[Size, ...] = (N, M, N * M, 3 * N + 5, N // 2, 64 * M, 4096, 1, N * 8 + M)


def check(slots: list[Slot], arena: Arena, sizes: dict) -> None:
    """No two slots that are there together overlap, none reaches beyond the end."""
    starts, total = arena.starts(lambda size: evaluate(size, sizes), lambda a, b: a + b, max)
    ends = [start + evaluate(slot.size, sizes) for slot, start in zip(slots, starts)]
    assert total == arena.bytes(sizes) and all(end <= total for end in ends)
    assert all(start % ALIGNMENT == 0 for start in starts)
    for i, one in enumerate(slots):
        for j, other in enumerate(slots[:i]):
            if one.first <= other.last and other.first <= one.last:
                assert ends[i] <= starts[j] or ends[j] <= starts[i], (one, other)


def drawn(seed: int, count: int, sizes: tuple[Size, ...]) -> list[Slot]:
    chance = random.Random(seed)
    slots = []
    for _ in range(count):
        first = chance.randrange(count)
        slots.append(Slot(chance.choice(sizes), first, first + chance.choice([0, 1, 1, 2, 5, count])))
    return slots


@given(st.integers(0, 2**32), st.integers(0, 40), st.integers(0, 200), st.integers(0, 50))
@settings(max_examples=60, deadline=None)
def test_nothing_overlaps_at_any_sizes(seed: int, count: int, n: int, m: int) -> None:
    slots = drawn(seed, count, SIZES)
    check(slots, arrange(slots), {"arena n": n, "arena m": m})


@given(st.integers(0, 2**32), st.integers(1, 60))
@settings(max_examples=40, deadline=None)
def test_known_sizes_are_placed_without_work_left_for_the_call(seed: int, count: int) -> None:
    slots = drawn(seed, count, (64, 100, 1000, 5000, 100_000))
    arena = arrange(slots)
    assert not any(place.after for place in arena.places)
    check(slots, arena, {})
    assert least_bytes(slots) <= arena.bytes({}) <= 1.25 * least_bytes(slots)


@given(st.integers(0, 2**32), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_values_without_elements_take_nothing(seed: int, count: int) -> None:
    """One that lies last must not be taken for the end."""
    slots = drawn(seed, count, (0, 0, 32, 64, 100))
    check(slots, arrange(slots), {})


def test_a_chain_takes_turns() -> None:
    slots = [Slot(N * 8, i, i + 1) for i in range(100)]
    arena = arrange(slots)
    assert len(set(arena.places)) == 2 and not any(place.after for place in arena.places)


def test_a_hole_is_filled_by_what_fits() -> None:
    """A slot that had to be as large as the largest value that it ever holds would waste what these leave."""
    slots = [Slot(1024, 0, 1), Slot(512, 1, 5), Slot(512, 2, 5), Slot(512, 2, 5), Slot(1024, 6, 7)]
    assert arrange(slots).bytes({}) == 1536


def test_of_ten_thousand_values_every_one_is_placed() -> None:
    chance = random.Random(1)
    slots = [Slot(chance.choice(SIZES), i, i + chance.choice([1, 2, 3, 500])) for i in range(10_000)]
    arena = arrange(slots)
    assert sum(len(place.after) for place in arena.places) <= 2 * len(slots)


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65])
def test_sizes_are_aligned(size: int) -> None:
    assert aligned(size) == -(-size // ALIGNMENT) * ALIGNMENT


def test_a_loop_lasts_as_long_as_its_step() -> None:
    """What is around a loop is there for all of it; what is in its step for a part of it."""
    outer, begins = flattened([Slot(8, 0, 1), Slot(8, 1, 2), Slot(8, 2, 2)], {1: 5}, 3)
    assert begins == [0, 1, 6, 7]
    assert [slot[1:] for slot in outer] == [(0, 5), (1, 6), (6, 6)]
    assert list(shifted([Slot(8, 0, 4)], begins[1])) == [Slot(8, 1, 5)]
