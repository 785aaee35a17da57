"""The NumPy meaning of every kind: slow, dense, simple, and independent of every rewrite.

A product is formed over all its labels at once, relations are 0/1 arrays. It is the oracle of the tests and of debugging, and no
more than that.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from croton.algebra import scalar
from croton.algebra.constant import array_of
from croton.algebra.loop import open_loop, part_of, results_of
from croton.algebra.node import RELATIONS, Coef, Label, Node, Operand, Use, walk
from croton.algebra.reduce import SORTS, ranks_of
from croton.dtypes import DType, bool_, unit
from croton.sizes import Size, evaluate
from croton.util.sorting import argsort

Array = np.ndarray


def interpret(uses: Sequence[Use | Operand], environment: Mapping[Hashable, Any], sizes: Mapping[Any, int] | None = None) -> list[Array]:
    """The values of uses or operands.

    A use gives an array with one axis for each of its different labels, in their order; an operand one axis for each of its axes.
    `environment` holds the arrays of inputs by key, `sizes` the values of unknown sizes. An index that is out of range raises IndexError.
    """
    plain = [use.use if isinstance(use, Operand) else use for use in uses]
    meaning = _Meaning(environment, sizes or {})
    values: dict[Node, Array] = {}
    with np.errstate(all="ignore"):
        for node in walk([use.node for use in plain]):
            values[node] = meaning.value(node, [values[arg[0]] for arg in node.args])
    results = []
    for use, read in zip(uses, plain):
        axes = use.axes if isinstance(use, Operand) else tuple(dict.fromkeys(read.labels))
        array = _at(values[read.node], read.labels, axes)
        results.append(np.array(np.broadcast_to(array, [meaning.size(axis.size) for axis in axes])))  # a copy: inputs may be views
    return results


def _at(array: Array, labels: Sequence[Label | int], axes: Sequence[Label | int]) -> Array:
    """The array read at labels, with an axis (of extent 1 where absent) for each of `axes`."""
    own = list(dict.fromkeys(labels))
    if len(own) < len(labels):
        array = np.einsum(array, [own.index(label) for label in labels], list(range(len(own))))
    order = [own.index(label) for label in axes if label in own]
    shape = iter(array.transpose(order).shape)
    return array.transpose(order).reshape([next(shape) if label in own else 1 for label in axes])


Watch = Callable[[int, list[Node], Mapping[Node, Array]], None]
"""Gets the number of a step, what the step is for, and the values of all nodes in it."""


def follow(node: Node, arguments: Sequence[Array], sizes: Mapping[Any, int], watch: Watch) -> None:
    """Go through the steps of a loop, on the values of its arguments, with somebody looking at each."""
    with np.errstate(all="ignore"):
        _Meaning({}, sizes, watch).value(node, list(arguments))


class _Meaning:
    """One evaluation: inputs and sizes, and who looks at the steps of a loop."""

    __slots__ = ("environment", "sizes", "watch")

    def __init__(self, environment: Mapping[Hashable, Any], sizes: Mapping[Any, int], watch: Watch | None = None) -> None:
        self.environment = environment
        self.sizes = sizes
        self.watch = watch

    def size(self, size: Size) -> int:
        return size if isinstance(size, int) else max(evaluate(size, self.sizes), 0)

    def shape(self, sizes: Sequence[Size]) -> list[int]:
        return [self.size(size) for size in sizes]

    def number(self, coef: Coef, dtype: DType) -> Any:
        value: Any = coef.number
        for size, exponent in coef.sizes:
            extent = evaluate(size, self.sizes) if not isinstance(size, int) else size
            value = value * extent**exponent if dtype.is_integer else np.float64(value) * np.float64(extent) ** exponent
        if dtype.is_integer:
            value = int(value) % (1 << dtype.bits)
            return np.array(value, f"u{dtype.itemsize}").view(dtype.numpy)[()]
        return dtype.numpy.type(value)

    def value(self, node: Node, args: list[Array]) -> Array:
        result = getattr(self, "_" + node.kind)(node, args)
        expected = tuple(self.shape(node.dims))
        if result.shape != expected:
            result = np.broadcast_to(result, expected)
        assert result.dtype == node.dtype.numpy, (node, result.dtype)
        return result

    def _input(self, node: Node, args: list[Array]) -> Array:
        if node.param not in self.environment:
            raise KeyError(f"no value for the input {node.param!r}")
        array = np.asarray(self.environment[node.param])
        expected = self.shape(node.dims)
        if [extent for extent in array.shape if extent != 1] != [extent for extent in expected if extent != 1]:
            raise ValueError(f"the input {node.param!r} has shape {array.shape}, wanted {tuple(expected)} (without axes of size 1)")
        return array.reshape(expected).astype(node.dtype.numpy, copy=False)

    def _constant(self, node: Node, args: list[Array]) -> Array:
        return array_of(node)

    def _iota(self, node: Node, args: list[Array]) -> Array:
        return np.arange(self.size(node.dims[0]), dtype=np.int64)

    def _contract(self, node: Node, args: list[Array]) -> Array:
        rank = len(node.dims)
        labels = range(rank + len(node.sums))
        shape = self.shape(node.dims + node.sums)
        dtype = node.dtype.numpy
        guard = np.ones([1] * len(shape), bool)
        product = np.ones([1] * len(shape), dtype)
        for (child, positions, exponent), array in zip(node.args, args):
            array = _at(array, positions, labels)
            if child.dtype is bool_:
                guard = guard & array
            else:
                product = product * _power(array, exponent)
        if node.dtype is bool_:
            product = np.broadcast_to(guard, shape) & (node.param.number != 0)
            return product.any(axis=tuple(range(rank, len(shape))))
        number = self.number(node.param, node.dtype)
        guarded = not guard.all()
        if guarded and not np.isfinite(number):
            # where a guard is 0 the product is 0, also for an infinite coefficient
            product, number = product * number, dtype.type(1)
        product = np.where(guard, product, dtype.type(0)) if guarded else product
        product = np.broadcast_to(product, shape)
        total = product.sum(axis=tuple(range(rank, len(shape))), dtype=dtype)
        if number == 1:
            return np.asarray(total)
        return np.asarray(total * number).astype(dtype, copy=False)

    def _add(self, node: Node, args: list[Array]) -> Array:
        labels = range(len(node.dims))
        total: Any = node.dtype.numpy.type(0)
        for position, ((_, positions, coef), array) in enumerate(zip(node.args, args)):
            term = _at(array.astype(node.dtype.numpy, copy=False), positions, labels)
            if coef.number != 1 or coef.sizes:
                term = term * self.number(coef, node.dtype)
            total = term if position == 0 else total + term
        return np.asarray(total)

    def _map(self, node: Node, args: list[Array]) -> Array:
        labels = range(len(node.dims))
        arrays = [_at(array, positions, labels) for (_, positions), array in zip(node.args, args)]
        if node.param == "cast":
            return arrays[0].astype(node.dtype.numpy)
        return scalar.evaluate(node.param, node.dtype, *arrays)

    def _rows(self, node: Node, args: list[Array]) -> Array:
        """The only argument with the axes of the node in front and what is reduced flattened behind."""
        rank = len(node.dims)
        inner = self.shape(node.sums)
        array = _at(args[0], node.args[0][1], range(rank + len(inner)))
        return array.reshape(*array.shape[:rank], int(np.prod(inner)))

    def _reduce(self, node: Node, args: list[Array]) -> Array:
        rows = self._rows(node, args)
        function = node.param
        if function == "prod":
            return np.prod(rows, axis=-1, dtype=node.dtype.numpy)
        if function == "any":
            return np.asarray(rows.any(axis=-1))
        if function == "all":
            return np.asarray(rows.all(axis=-1))
        if function == "lse":
            return np.asarray(_logsumexp(rows))
        limit = node.dtype.numpy.type(unit(function, node.dtype))
        return (np.max if function == "max" else np.min)(rows, axis=-1, initial=limit)

    def _arg(self, node: Node, args: list[Array]) -> Array:
        if node.param in SORTS:
            labels, over = node.args[0][1], len(node.dims)
            array = _at(args[0], labels, [*range(len(labels) - 1), over])
            (count,) = self.shape((ranks_of(node),))
            found = argsort(array, node.param != "argsort")[..., :count]
            return found if over == len(labels) else found[..., 0]
        rows = self._rows(node, args)
        if rows.shape[-1] == 0:
            return np.zeros(rows.shape[:-1], np.int64)
        return np.asarray((np.argmax if node.param == "argmax" else np.argmin)(rows, axis=-1), np.int64)

    def _cumulate(self, node: Node, args: list[Array]) -> Array:
        function, axis, reverse, exclusive = node.param
        array = np.flip(args[0], axis) if reverse else args[0]
        if function == "prod":
            result = np.cumprod(array, axis=axis, dtype=node.dtype.numpy)
            if exclusive:
                first = np.ones_like(np.take(result, range(min(1, result.shape[axis])), axis))
                result = np.concatenate([first, np.take(result, range(max(result.shape[axis] - 1, 0)), axis)], axis)
        else:
            result = (np.maximum if function == "max" else np.minimum).accumulate(array, axis=axis)
        return np.flip(result, axis) if reverse else result

    def _call(self, node: Node, args: list[Array]) -> Array:
        routine, place, layouts, _ = node.param
        shape = self.shape(node.dims + node.sums)
        arrays = []
        for layout, (_, positions), array in zip(layouts, node.args, args):
            axes = [~axis if position is None else position for axis, position in enumerate(layout)]
            array = _at(array, positions, axes)
            arrays.append(np.broadcast_to(array, [1 if position is None else shape[position] for position in layout]))
        results = routine.numpy(*arrays)
        result = results[place] if isinstance(results, tuple) else results
        return np.asarray(result, node.dtype.numpy).reshape(self.shape(node.dims))

    def _loop(self, node: Node, args: list[Array]) -> Array:
        """A part of a loop, step by step."""
        loop, part = open_loop(node, [Label(size) for size in node.dims + node.sums]), part_of(node)
        core, length = loop.core, self.size(loop.core.length)
        frames = [*loop.carry_axes, *[(loop.step, *axes) for axes in loop.element_axes], *loop.fixed_axes]
        given = []
        for use, axes, array in zip(loop.arguments, frames, args):
            given.append(np.broadcast_to(_at(array, use.labels, axes), self.shape([axis.size for axis in axes])))
        count = len(core.carries)
        carries, sequences, fixed = given[:count], given[count : count + len(core.elements)], given[count + len(core.elements) :]
        results = results_of(loop)
        roots = [use.node for use in results] + ([part.node] if part.node is not None else [])
        order = list(walk(roots))
        rows, taps, done = [carries], [], 0
        wanted = range(length)
        if core.limit is not None:
            most = min(length, int(fixed[core.limit]))
            wanted = range(length - most, length) if core.late else range(most)
        for time, step in enumerate(range(length)[:: -1 if core.reverse else 1]):
            if time not in wanted:
                rows.append(carries)
                continue
            if core.stop is not None and not carries[core.stop].any():
                rows += [carries] * (length - len(rows) + 1 if part.kind == "states" else 0)
                break
            arrays = [*zip(core.carries, carries), *zip(core.elements, [x[step] for x in sequences]), *zip(core.fixed, fixed)]
            inner = _Meaning({slot.param: array for slot, array in arrays}, self.sizes)
            values: dict[Node, Array] = {}
            for child in order:
                values[child] = inner.value(child, [values[arg[0]] for arg in child.args])
            if self.watch is not None:
                self.watch(time, roots, values)
            carries = [
                np.broadcast_to(_at(values[use.node], use.labels, axes), carry.shape)
                for use, axes, carry in zip(results, loop.carry_axes, carries)
            ]
            rows.append(carries)
            done += 1
            if part.node is not None:
                taps.append(values[part.node])
        if core.stop is not None and carries[core.stop].any():
            raise RuntimeError(f"a loop that is still going after {length} steps")
        if part.kind == "final":
            return carries[part.place]
        if part.kind == "steps":
            return np.array(done)
        found = taps if part.kind == "tap" else [row[part.place] for row in rows]
        return np.array(found[:: -1 if core.reverse else 1], node.dtype.numpy).reshape(self.shape(node.dims))

    def _row(self, node: Node) -> Array:
        coefficients, constant = node.param
        shape = self.shape(node.dims)
        total = np.full([1] * len(shape), self._exact(constant), np.int64)
        for position, c in enumerate(coefficients):
            values = np.arange(shape[position], dtype=np.int64) * self._exact(c)
            total = total + values.reshape([-1 if i == position else 1 for i in range(len(shape))])
        return np.broadcast_to(total, shape)

    def _exact(self, size: Size) -> int:
        return size if isinstance(size, int) else evaluate(size, self.sizes)

    def _affine(self, node: Node, args: list[Array]) -> Array:
        return np.asarray(self._row(node) == 0)

    def _range(self, node: Node, args: list[Array]) -> Array:
        return np.asarray(self._row(node) >= 0)

    def _select(self, node: Node, args: list[Array]) -> Array:
        index, extent = args[0], self.size(node.dims[0])
        is_read = index.size and all(self._exact(size) for size in node.param)
        if is_read and (index.min() < 0 or index.max() >= extent):
            raise IndexError(f"an index out of range: {index.min()} to {index.max()} where there are {extent}")
        return np.arange(extent).reshape(-1, *[1] * index.ndim) == index


def _power(array: Array, exponent: int) -> Array:
    if exponent == 1:
        return array
    if exponent > 0:
        return np.power(array, np.array(exponent, array.dtype))
    return 1 / np.power(array, np.array(-exponent, array.dtype)) if exponent != -1 else 1 / array


def _logsumexp(rows: Array) -> Array:
    greatest = rows.max(axis=-1, initial=-np.inf)
    shift = np.where(np.isfinite(greatest), greatest, greatest.dtype.type(0))
    return np.log(np.exp(rows - shift[..., None]).sum(axis=-1)) + shift


assert frozenset({"affine", "range", "select"}) == RELATIONS
