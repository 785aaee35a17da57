"""A small array front for the tests of the algebra: each operation is one expression in its constructors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton import algebra
from croton.algebra import Label, Operand, Use, add, affine, align, at_least_zero, contract, delta, interpret, iota, scalar
from croton.derivatives.derive import derive
from croton.dtypes import float64, int64
from croton.sizes import Size


class Array:
    def __init__(self, axes: Sequence[Label], use: Use) -> None:
        self.axes = tuple(axes)
        self.use = use

    @property
    def operand(self) -> Operand:
        return Operand(self.axes, self.use)

    @property
    def shape(self) -> tuple[Size, ...]:
        return tuple(axis.size for axis in self.axes)

    def same(self, other: Array) -> bool:
        """Whether two arrays are the same node read the same way."""
        place = dict(zip(other.axes, self.axes))
        return self.use == Use(other.use.node, tuple(place[label] for label in other.use.labels))

    def __mul__(self, other: Any) -> Array:
        other = lift(other, self)
        axes, uses = align([self.operand, other.operand])
        return Array(axes, contract(axes, [(use, 1) for use in uses]))

    __rmul__ = __mul__

    def __add__(self, other: Any) -> Array:
        return self.plus(other, 1)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Array:
        return self.plus(other, -1)

    def __rsub__(self, other: Any) -> Array:
        return lift(other, self).plus(self, -1)

    def __neg__(self) -> Array:
        return self * -1

    def plus(self, other: Any, coef: int) -> Array:
        axes, uses = align([self.operand, lift(other, self).operand])
        return Array(axes, add([(uses[0], 1), (uses[1], coef)]))

    def __truediv__(self, other: Any) -> Array:
        return self * lift(other, self) ** -1

    def __rtruediv__(self, other: Any) -> Array:
        return lift(other, self) / self

    def __pow__(self, exponent: int) -> Array:
        return Array(self.axes, contract(self.axes, [(self.use, exponent)]))

    def __matmul__(self, other: Array) -> Array:
        a, b = algebra.rename(self.operand), algebra.rename(other.operand)
        inner = a.axes[-1]
        place = b.axes[-2] if len(b.axes) > 1 else b.axes[0]
        axes = (*a.axes[:-1], *(axis for axis in b.axes if axis is not place))
        return Array(axes, contract(axes, [(a.use, 1), (algebra.relabel(b.use, {place: inner}), 1)], 1, [inner]))

    def over(self, axes: int | Sequence[int] | None) -> list[Label]:
        if axes is None:
            return list(self.axes)
        return [self.axes[axis] for axis in ([axes] if isinstance(axes, int) else axes)]

    def sum(self, axes: int | Sequence[int] | None = None) -> Array:
        over = self.over(axes)
        kept = [axis for axis in self.axes if axis not in over]
        return Array(kept, contract(kept, [(self.use, 1)], 1, over))

    def mean(self, axes: int | Sequence[int] | None = None) -> Array:
        total = self.sum(axes)
        coef = algebra.ONE
        for label in self.over(axes):
            coef = algebra.coefficient.multiply(coef, algebra.of_size(label.size, -1))
        return Array(total.axes, contract(total.axes, [(total.use, 1)], coef))

    def reduce(self, function: str, axes: int | Sequence[int] | None = None) -> Array:
        over = self.over(axes)
        return Array([axis for axis in self.axes if axis not in over], algebra.reduce(function, self.use, over))

    @property
    def T(self) -> Array:
        return Array(self.axes[::-1], self.use)

    def insert(self, position: int) -> Array:
        axes = list(self.axes)
        axes.insert(position, Label(1))
        return Array(axes, self.use)

    def read(self, axis: int, sizes: Sequence[Size], row: Any) -> Array:
        """New labels in place of an axis, tied to it by a row."""
        axis %= len(self.axes)
        old, new = self.axes[axis], [Label(size) for size in sizes]
        axes = (*self.axes[:axis], *new, *self.axes[axis + 1 :])
        return Array(axes, contract(axes, [(self.use, 1), (affine(*row(old, new)), 1)], 1, [old]))

    def window(self, axis: int, width: Size, stride: Size = 1, dilation: Size = 1, pad: Size = 0) -> Array:
        count = (self.axes[axis].size + 2 * pad - dilation * (width - 1) - 1) // stride + 1
        return self.read(axis, (count, width), lambda old, new: ({old: -1, new[0]: stride, new[1]: dilation}, -pad))

    def slice(self, axis: int, start: Size = 0, length: Size | None = None, step: int = 1) -> Array:
        count = (self.axes[axis].size - start - 1) // step + 1 if length is None else length
        return self.read(axis, (count,), lambda old, new: ({old: -1, new[0]: step}, start))

    def pad(self, axis: int, low: Size, high: Size) -> Array:
        return self.read(axis, (self.axes[axis].size + low + high,), lambda old, new: ({old: -1, new[0]: 1}, -low))

    def flip(self, axis: int) -> Array:
        size = self.axes[axis].size
        return self.read(axis, (size,), lambda old, new: ({old: -1, new[0]: -1}, size - 1))

    def shift(self, axis: int, count: int = 1) -> Array:
        return self.read(axis, (self.axes[axis].size,), lambda old, new: ({old: -1, new[0]: 1}, -count))

    def at(self, axis: int, index: int) -> Array:
        return self.read(axis, (), lambda old, new: ({old: 1}, -index))

    def split(self, axis: int, first: Size, second: Size) -> Array:
        return self.read(axis, (first, second), lambda old, new: ({old: -1, new[0]: second, new[1]: 1}, 0))

    def merge(self, axis: int) -> Array:
        b, t = self.axes[axis : axis + 2]
        m = Label(b.size * t.size)
        axes = (*self.axes[:axis], m, *self.axes[axis + 2 :])
        return Array(axes, contract(axes, [(self.use, 1), (affine({m: -1, b: t.size, t: 1}, 0), 1)], 1, [b, t]))

    def take(self, index: Array, axis: int = 0) -> Array:
        index = Array(*algebra.rename(index.operand))
        old = self.axes[axis]
        axes = (*self.axes[:axis], *index.axes, *self.axes[axis + 1 :])
        return Array(axes, contract(axes, [(self.use, 1), (algebra.select(old, index.use), 1)], 1, [old]))

    def take_along(self, index: Array) -> Array:
        """self[b, index[b]] over the last axis."""
        axes = self.axes[:-1]
        read = algebra.relabel(index.use, dict(zip(index.axes, axes)))
        return Array(axes, contract(axes, [(self.use, 1), (algebra.select(self.axes[-1], read), 1)], 1, [self.axes[-1]]))

    def cumsum(self, axis: int, reverse: bool = False) -> Array:
        old = self.axes[axis]
        new = Label(old.size)
        sign = -1 if reverse else 1
        axes = tuple(new if label is old else label for label in self.axes)
        return Array(axes, contract(axes, [(self.use, 1), (at_least_zero({new: sign, old: -sign}, 0), 1)], 1, [old]))

    def cumulate(self, function: str, axis: int, reverse: bool = False) -> Array:
        return Array(self.axes, algebra.cumulate(function, self.use, self.axes[axis], reverse))


def lift(value: Any, like: Array) -> Array:
    return value if isinstance(value, Array) else Array((), algebra.constant(value, like.use.dtype))


def array(key: str, *shape: Size, dtype: Any = float64) -> Array:
    axes = tuple(Label(size) for size in shape)
    return Array(axes, algebra.input_(key, axes, dtype))


def apply(function: str, *arrays: Any, dtype: Any = None) -> Array:
    like = next(a for a in arrays if isinstance(a, Array))
    axes, uses = align([lift(a, like).operand for a in arrays])
    return Array(axes, scalar(function, *uses, dtype=dtype))


def where(condition: Array, x: Any, y: Any) -> Array:
    like = next(a for a in (x, y) if isinstance(a, Array))
    axes, uses = align([a.operand for a in (condition, lift(x, like), lift(y, like))])
    return Array(axes, scalar("where", *uses))


def arange(size: Size) -> Array:
    label = Label(size)
    return Array((label,), iota(label))


def one_hot(index: Array, size: Size) -> Array:
    v = Label(size)
    return Array((*index.axes, v), contract({*index.axes, v}, [(algebra.select(v, index.use), 1)], dtype=float64))


def concat(arrays: Sequence[Array], axis: int) -> Array:
    total: Size = 0
    for a in arrays:
        total = total + a.shape[axis]
    result, start = None, 0
    for a in arrays:
        part = a.read(axis, (total,), lambda old, new, start=start: ({old: -1, new[0]: 1}, -start))
        start = start + a.shape[axis]
        result = part if result is None else result + part
    return result


def einsum(spec: str, *arrays: Array) -> Array:
    inputs, output = spec.split("->")
    labels: dict[str, Label] = {}
    factors = []
    for letters, a in zip(inputs.split(","), arrays):
        for letter, axis in zip(letters, a.axes):
            labels.setdefault(letter, Label(axis.size))
        factors.append((algebra.relabel(a.use, {axis: labels[letter] for letter, axis in zip(letters, a.axes)}), 1))
    axes = tuple(labels[letter] for letter in output)
    return Array(axes, contract(axes, factors, 1, [label for label in labels.values() if label not in axes]))


def tanh(x: Array) -> Array:
    return apply("tanh", x)


def exp(x: Array) -> Array:
    return apply("exp", x)


def softmax(x: Array) -> Array:
    e = exp(x)
    return e / Array((*x.axes[:-1], Label(1)), e.sum(-1).use)


def jacobian(y: Array, x: Array) -> Array:
    """d y / d x, the axes of y in front. An axis of y that its value does not depend on is one of ones."""
    seeds = tuple(Label(axis.size) for axis in y.axes)
    factors = [(delta(seed, axis), 1) for seed, axis in zip(seeds, y.axes)]
    unread = [axis for axis in y.axes if axis not in y.use.labels]
    cotangent = contract({*seeds, *y.use.labels}, factors, 1, unread, y.use.dtype)
    (found,) = derive([y.use], [cotangent], [x.use.node])
    if found is None:
        return Array((*seeds, *(Label(axis.size) for axis in x.axes)), algebra.constant(0, y.use.dtype))
    use, labels = found
    place = dict(zip(x.use.labels, labels))
    return Array((*seeds, *(place.get(axis) or Label(axis.size) for axis in x.axes)), use)


def values(arrays: Sequence[Array], environment: dict, sizes: dict | None = None) -> list[np.ndarray]:
    return interpret([a.operand for a in arrays], environment, sizes)


def value(a: Array, environment: dict, sizes: dict | None = None) -> np.ndarray:
    return values([a], environment, sizes)[0]


__all__ = [
    "Array", "apply", "arange", "array", "concat", "einsum", "exp", "int64", "jacobian", "one_hot", "softmax", "tanh", "value", "values", "where",
]  # fmt: skip
