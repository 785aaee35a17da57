"""Runs a Plan in NumPy: kernels by the interpreter of the loop language, products by matmul. The arena starts full of NaN."""

from __future__ import annotations

import operator
from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np

from croton.algebra.loop import Slot
from croton.algebra.node import Coef
from croton.dtypes import DType
from croton.kernel.check import check
from croton.kernel.interpret import interpret
from croton.schedule.arena import arrange
from croton.schedule.plan import BoundsCheck, KernelCall, LoopCall, MatrixCall, Plan, ProductCall, RoutineCall
from croton.sizes import Size, evaluate


class OutOfBounds(IndexError):
    """A bounds check that failed."""


def run(plan: Plan, inputs: Mapping[Hashable, np.ndarray], sizes: Mapping[Any, int] | None = None) -> list[np.ndarray]:
    """The outputs; arrays of donated inputs may be written."""
    return Execution(plan, inputs, sizes or {}).run()


class Execution:
    def __init__(self, plan: Plan, inputs: Mapping[Hashable, np.ndarray], sizes: Mapping[Any, int]) -> None:
        self.plan = plan
        self.sizes = sizes
        # The step of a loop has an arena of its own here.
        starts, count = (plan.arena if plan.arena.sizes else arrange(plan.slots)).starts(self.size, operator.add, max)
        arena = np.full(count, 0xFF, np.uint8)
        self.slots = [arena[start : start + self.size(slot.size)] for start, slot in zip(starts, plan.slots)]
        self.outputs: dict[int, np.ndarray] = {}
        self.arrays = []
        for value in plan.values:
            shape = [self.size(extent) for extent in value.shape]
            kind, where = value.home
            if kind == "input":
                array = inputs[where].reshape(shape)
                assert array.dtype == value.dtype.numpy and array.flags.c_contiguous
            elif kind == "constant":
                array = np.ascontiguousarray(where).reshape(shape)
            elif kind == "slot":
                count = int(np.prod(shape)) * value.dtype.itemsize
                array = self.slots[where][:count].view(value.dtype.numpy).reshape(shape)
            else:
                array = self.outputs.get(where)
                if array is None:
                    array = self.outputs[where] = np.full(shape, 0, value.dtype.numpy)
                    array.view(np.uint8).fill(0xFF) if array.ndim and value.dtype.kind == "f" else None
                array = array.reshape(shape)
            self.arrays.append(array)
        for kernel in plan.kernels:
            check(kernel)

    def size(self, size: Size) -> int:
        return evaluate(size, self.sizes)

    def coef(self, coef: Coef, dtype: DType) -> Any:
        value = coef.number
        for size, exponent in coef.sizes:
            value = value * float(self.size(size)) ** exponent
        return dtype.numpy.type(value)

    def run(self) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            for call in self.plan.calls:
                if isinstance(call, KernelCall):
                    arrays = [self.arrays[number] for number in call.values]
                    interpret(self.plan.kernels[call.kernel], arrays, [self.size(size) for size in call.sizes])
                elif isinstance(call, ProductCall):
                    self.product(call)
                elif isinstance(call, BoundsCheck):
                    array, bound = self.arrays[call.value], np.inf if call.bound is None else self.size(call.bound)
                    if array.size and (array.min() < self.size(call.low) or array.max() >= bound):
                        raise OutOfBounds(f"index out of range of {bound}")
                elif isinstance(call, RoutineCall):
                    self.routine(call)
                elif isinstance(call, MatrixCall):
                    self.matrices(call)
                elif isinstance(call, LoopCall):
                    self.loop(call)
        return [self.arrays[number] for number in self.plan.outputs]

    def loop(self, call: LoopCall) -> None:
        """Step by step: the body on rows of the arrays."""
        kernels = call.body._replace(kernels=self.plan.kernels)
        carried = call.carried
        carries = {place: self.arrays[first] for place, first in carried.firsts.items()}
        for _, first, rows in carried.stacked:
            self.arrays[rows][-1 if call.reverse else 0] = self.arrays[first]
        fixed = {Slot("fixed", number): self.arrays[value] for number, value in call.fixed}
        for step in range(self.size(call.length))[:: -1 if call.reverse else 1]:
            if call.stop >= 0 and not carries[call.stop].any():
                for place, _, rows in carried.stacked:
                    self.arrays[rows][step + 1 :] = carries[place]
                break
            inputs = {**fixed, **{Slot("carry", place): array for place, array in carries.items()}}
            inputs |= {Slot("element", number): self.arrays[value][step] for number, value in call.elements}
            found = run(kernels, inputs, self.sizes)
            carries = {place: found[place] for place in carries}
            for place, _, rows in carried.stacked:
                self.arrays[rows][step if call.reverse else step + 1] = found[place]
            for place, _, rows in carried.trailing:
                self.arrays[rows][step] = found[place]
            for number, value in call.taps:
                self.arrays[value][step] = found[number]
        for place, last in [*carried.copied.items(), *[(carry.place, carry.last) for carry in carried.rotating]]:
            self.arrays[last][...] = carries[place]

    def routine(self, call: RoutineCall) -> None:
        place, shapes = call.params
        arrays = []
        for number, shape in zip(call.inputs, shapes):
            order = self.plan.values[number].order
            array = self.arrays[number].transpose(np.argsort(order)) if order else self.arrays[number]
            arrays.append(array.reshape([self.size(size) for size in shape]))
        found = call.routine.numpy(*arrays)
        found = found[place] if isinstance(found, tuple) else found
        out = self.arrays[call.outputs[0]]
        order = self.plan.values[call.outputs[0]].order
        out[...] = np.reshape(found, np.array(out.shape)[np.argsort(order)] if order else ()).transpose(order)

    def matrices(self, call: MatrixCall) -> None:
        meaning = call.record.meaning
        ranks = (*meaning.arguments, *meaning.results)
        arrays = []
        for number, where, rank in zip((*call.inputs, *call.outputs), call.matrices, ranks):
            sizes, distances = (*call.stack, where.rows, where.columns), (*where.stack, where.row, where.column)
            array, used = self.arrays[number], len(call.stack) + rank
            shape, strides = ([self.size(size) for size in sizes_][:used] for sizes_ in (sizes, distances))
            assert array.size == 0 or sum((extent - 1) * stride for extent, stride in zip(shape, strides)) < array.size
            arrays.append(np.lib.stride_tricks.as_strided(array.reshape(-1), shape, [stride * array.itemsize for stride in strides]))
        count = len(meaning.arguments)
        for out, found in zip(arrays[count:], meaning.function(*arrays[:count], *call.options)):
            out[...] = found[tuple([slice(extent) for extent in out.shape])]

    def matrix(self, number: int, matrix: Any, rows: Size, columns: Size, batch: tuple[Size, ...]) -> np.ndarray:
        array = self.arrays[number]
        item = array.itemsize
        strides = [self.size(stride) * item for stride in (*matrix.batch_strides, matrix.row_stride, matrix.column_stride)]
        shape = [self.size(size) for size in (*batch, rows, columns)]
        assert 1 in (matrix.row_stride, matrix.column_stride)
        if array.size == 0:
            return np.zeros(shape, array.dtype)
        last = sum((extent - 1) * stride for extent, stride in zip(shape, strides))
        assert 0 in shape or last < array.nbytes
        return np.lib.stride_tricks.as_strided(array.reshape(-1), shape, strides)

    def product(self, call: ProductCall) -> None:
        shape = call.shape
        left = self.matrix(call.left, shape.left, shape.m, shape.k, shape.batch)
        right = self.matrix(call.right, shape.right, shape.k, shape.n, shape.batch)
        out = self.matrix(call.out, shape.out, shape.m, shape.n, shape.batch)
        found = self.coef(call.alpha, self.plan.values[call.out].dtype) * np.matmul(left, right)
        out[...] = out + found if call.beta else found
