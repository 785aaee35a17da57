"""Random programs: the native interpreter of the stream against the portable one of the Program."""

from __future__ import annotations

import pickle
import random
from collections.abc import Sequence

import numpy as np
import pytest
from hand_kernels import elementwise
from hand_programs import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.runtime import layout, pool
from croton.runtime.calls.copy import Copy
from croton.runtime.calls.gemm import Gemm
from croton.runtime.calls.kernel import Kernel, Sweep
from croton.runtime.function import load
from croton.runtime.header import HEADER_WORDS
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Array, Output, Program, Shared, SizeOperation, Update
from croton.runtime.stream import Limits, encode
from croton.util.errors import NotSupportedError

FREE = 3
"""Free sizes; S[0] is the constant 8 and S[1..3] are bound by a first input of rank 3."""


class _Draft:
    """A program in the making, with placeholders ("kind", index) for pointers until all entries of P are known."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.operations: list[SizeOperation] = []
        self.sizes = FREE + 1
        self.elements: dict[tuple[int, ...], int] = {}
        self.inputs = [Array("float64", (1, 2, 3))]
        self.shared: list[Shared] = []
        self.slots: list[int] = []
        self.outputs: list[Output] = []
        self.updates: list[Update] = []
        self.values: list[tuple[tuple[str, int], tuple[int, ...]]] = []
        self.calls: list[tuple[str, list[tuple[str, int]], tuple[int, ...]]] = []
        self.arena = self.operation("subtract", 0, 0)

    def operation(self, function: str, left: int, right: int) -> int:
        self.operations.append(SizeOperation(function, self.sizes, left, right))
        self.sizes += 1
        return self.sizes - 1

    def count(self, shape: tuple[int, ...]) -> int:
        """The entry of S with the number of elements."""
        if shape not in self.elements:
            total = self.operation("floor_divide", 0, 0)
            for size in shape:
                total = self.operation("multiply", total, size)
            self.elements[shape] = total
        return self.elements[shape]

    def new(self, shape: tuple[int, ...]) -> tuple[str, int]:
        kind = self.chance.choice(["slot", "slot", "output", "update"])
        if kind == "update" and len(self.updates) == len(self.shared):
            kind = "output"
        if kind == "slot":
            self.slots.append(self.arena)
            self.arena = self.operation("add", self.arena, self.operation("multiply", 0, self.count(shape)))
            return kind, len(self.slots) - 1
        if kind == "output":
            self.outputs.append(Output("new", "float64", shape))
            return kind, len(self.outputs) - 1
        self.updates.append(Update(len(self.updates), "float64", shape))
        return kind, len(self.updates) - 1

    def step(self) -> None:
        chance = self.chance
        (left, shape), (right, other) = chance.choice(self.values), chance.choice(self.values)
        if len(shape) == len(other) == 2 and shape[1] == other[0]:
            result = (shape[0], other[1])
            target = self.new(result)
            self.calls.append(("gemm", [left, right, target], (shape[0], shape[1], other[1])))
        elif shape == other:
            result, target = shape, self.new(shape)
            self.calls.append(("add", [left, right, target], (self.count(shape),)))
        else:
            result, target = shape, self.new(shape)
            self.calls.append(("copy", [target, left], (self.operation("multiply", 0, self.count(shape)),)))
        self.values.append((target, result))

    def program(self) -> Program:
        fixed = Program(
            inputs=tuple(self.inputs),
            outputs=tuple(self.outputs),
            calls=(),
            constants=constants(8),
            sizes=self.sizes,
            shared=tuple(self.shared),
            size_operations=tuple(self.operations),
            slots=tuple(self.slots),
            arena=self.arena,
            updates=tuple(self.updates),
            structure=self.chance.choice(["list", "tuple"]),
            work=self.chance.choice([-1, 1]),
        )
        calls: list[tuple] = []
        for kind, places, sizes in self.calls:
            pointers = tuple(fixed.pointer(*place) for place in places)
            if kind == "gemm":
                m, k, n = sizes
                a, b, c = pointers
                calls.append(Gemm("float64", False, False, m, n, k, a, k, b, n, c, n))
            elif kind == "add":
                calls.append(Kernel(0, pointers, sizes, (Sweep(sizes[0], grain=self.chance.choice([1, 16])),)))
            else:
                calls.append(Copy(*pointers, *sizes))
        return fixed._replace(calls=tuple(calls))


def _draft(seed: int) -> _Draft:
    chance = random.Random(seed)
    draft = _Draft(chance)
    draft.values.append((("input", 0), (1, 2, 3)))

    def shape() -> tuple[int, ...]:
        return tuple(chance.choices(range(1, FREE + 1), k=chance.choice([1, 2, 2, 2])))

    for number in range(chance.randrange(1, 4)):
        draft.inputs.append(Array("float64", shape()))
        draft.values.append((("input", number + 1), draft.inputs[-1].sizes))
    for number in range(chance.randrange(3)):
        draft.shared.append(Shared("float64", shape()))
        draft.values.append((("shared", number), draft.shared[-1].sizes))
    for _ in range(chance.randrange(1, 12)):
        draft.step()
    return draft


def _arrays(described: Sequence[Array | Shared], sizes: Sequence[int], seed: int) -> list[np.ndarray]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=[sizes[size - 1] for size in array.sizes]) for array in described]


@pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))
@settings(max_examples=150, deadline=None)
@given(
    st.integers(0, 2**32),
    st.lists(st.tuples(*[st.sampled_from([0, 1, 2, 5, 40])] * FREE), min_size=1, max_size=3),
    st.sampled_from([Limits(), Limits(0, 0, 0)]),
    st.sampled_from([1, 2, 3]),
)
def test_random_programs(seed: int, calls: list[tuple[int, ...]], limits: Limits, threads: int) -> None:
    before = pool.get_threads()
    pool.set_threads(threads)
    try:
        program = pickle.loads(pickle.dumps(_draft(seed).program()))
        address, code = elementwise("fadd", ranged=True)
        cells: list[list[list[np.ndarray]]] = [[[np.empty(0)] for _ in program.shared] for _ in range(2)]
        native = load(program, [address], cells[0], keep=[code], limits=limits)
        portable = PortableFunction(program, [address], cells[1], (), None, [code])
        for sizes in calls:
            for side in cells:
                for cell, array in zip(side, _arrays(program.shared, sizes, seed + 1)):
                    cell[0] = array
            arguments = _arrays(program.inputs, sizes, seed)
            for left, right in zip(native(*arguments), portable(*arguments), strict=True):
                np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-9)
            for first, second in zip(*cells):
                np.testing.assert_allclose(first[0], second[0], rtol=1e-9, atol=1e-9)
    finally:
        pool.set_threads(before)


def test_stream_of_the_smallest_program() -> None:
    stream = encode(Program(inputs=(), outputs=(), calls=(), structure="none"))
    assert stream.dtype == np.int64
    assert stream[:HEADER_WORDS].tolist() == [0, 0, 0, 0, 0, 0, -1, Limits().release_work, 0, Limits().parallel_work, Limits().parallel_flops]
    assert stream[HEADER_WORDS:].tolist() == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 3]


def test_wrong_number_of_shared_variables() -> None:
    with pytest.raises(ValueError, match="1 shared variables are wanted, got 0"):
        encode(Program(inputs=(), outputs=(), calls=(), shared=(Shared("bool", ()),), structure="none"))


def test_too_many_axes_are_not_supported() -> None:
    with pytest.raises(NotSupportedError, match="not supported: an array of rank 33"):
        encode(Program(inputs=(), outputs=(Output("new", "bool", (0,) * 33),), calls=(), constants=constants(1), sizes=1))
    gemm = Gemm("float64", False, False, *(0,) * 9, batch=((0, 0, 0, 0),) * 9)
    with pytest.raises(NotSupportedError, match="not supported: 9 batch axes"):
        encode(Program(inputs=(), outputs=(), calls=(gemm,), constants=constants(1), sizes=1))
