"""Matrix products in memory: which storage a library can take, and the copies that make the others so."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import NamedTuple

from croton.algebra.cost import extent
from croton.algebra.loop import Slot
from croton.schedule.matrices import with_copies
from croton.schedule.step import BodyBuilder, Operands, Step, Value, memory_of
from croton.sizes import Size, product

LEAST_SYMMETRIC = 64
"""The sides from which on half of a product and a copy take less time than all of it: a quarter less at 128, nearly half at 1000."""


class Matrix(NamedTuple):
    """A value as a stack of matrices: strides in elements."""

    row_stride: Size
    column_stride: Size
    batch_strides: tuple[Size, ...]


class Shape(NamedTuple):
    """A stack of products out[m, n] = left[m, k] * right[k, n]. Half of each is computed if it is `symmetric` and that pays."""

    m: Size
    n: Size
    k: Size
    batch: tuple[Size, ...]
    left: Matrix
    right: Matrix
    out: Matrix
    symmetric: bool = False

    @property
    def flops(self) -> Size:
        """Operations: two for each multiplication."""
        total = self.m * (self.n + 1) * self.k if self.symmetric else self.m * self.n * self.k * 2
        return total * product(self.batch)


class _Roles(NamedTuple):
    rows: list[int]
    columns: list[int]
    inner: list[int]
    batch: list[int]


def _roles(step: Step) -> _Roles:
    """The labels of a product by what they do, each list in the storage order of the largest array that has it: what differs is copied, the smaller ones."""
    detail: Operands = step.detail
    out = list(step.out.order)
    left, right = set(detail.left_labels), set(detail.right_labels)
    sides = [(_count(step.out), out)]
    sides += [(_count(value), [at[axis] for axis in value.order]) for value, at in ((detail.left, detail.left_labels), (detail.right, detail.right_labels))]

    def of(one: int, other: int) -> list[int]:
        return sides[one if sides[one][0] >= sides[other][0] else other][1]

    rows = [label for label in of(0, 1) if label in left and label not in right and label < len(out)]
    columns = [label for label in of(0, 2) if label in right and label not in left and label < len(out)]
    batch = [label for label in out if label in left and label in right]
    inner = [label for label in of(1, 2) if label >= len(out)]
    return _Roles(rows, columns, inner, batch)


def _count(value: Value) -> int:
    return extent(product(value.dims))


def _strides(value: Value, labels: Sequence[int]) -> dict[int, Size]:
    found: dict[int, Size] = {}
    stride: Size = 1
    for axis in reversed(value.order):
        found[labels[axis]] = stride
        stride = stride * value.dims[axis]
    return found


def _block(group: list[int], strides: dict[int, Size], dims: tuple[Size, ...]) -> Size | None:
    """The stride of labels that follow each other in memory, None if they do not."""
    stride = strides[group[-1]]
    expected = stride
    for label in reversed(group):
        if strides[label] != expected:
            return None
        expected = expected * dims[label]
    return stride


def _matrix(
    value: Value, labels: Sequence[int], rows: list[int], columns: list[int], batch: list[int], dims: tuple[Size, ...]
) -> Matrix | None:
    strides = _strides(value, labels)
    row, column = _block(rows, strides, dims), _block(columns, strides, dims)
    if row is None or column is None or (row != 1 and column != 1):
        return None
    return Matrix(row, column, tuple([strides[label] for label in batch]))


def likeness(step: Step) -> Hashable:
    """All that the library call of a product depends on, but for where its operands lie: those of the layers of a network are alike."""
    detail: Operands = step.detail
    left, right, out = detail.left, detail.right, step.out
    stored = (left.dims, left.order, detail.left_labels, right.dims, right.order, detail.right_labels, out.dims, out.order, out.dtype)
    return (step.dims, stored, detail.twins, detail.accumulate is None, left is right)


def shape_of(step: Step) -> Shape:
    """The library call of a product whose operands are stored as it needs them."""
    roles, dims = _roles(step), step.dims
    left, right, out = _matrices(step, roles)
    if left is None or right is None or out is None:
        raise AssertionError("a product whose operands no library call takes")
    m, n, k = (product([dims[label] for label in group]) for group in (roles.rows, roles.columns, roles.inner))
    return _merge_batch(Shape(m, n, k, tuple([dims[label] for label in roles.batch]), left, right, out, _is_symmetric(step.detail, roles, dims)))


def _matrices(step: Step, roles: _Roles) -> tuple[Matrix | None, Matrix | None, Matrix | None]:
    """The operands of a product and its value, None for what no library takes as it is stored."""
    detail, dims, batch = step.detail, step.dims, roles.batch
    return (
        _matrix(detail.left, detail.left_labels, roles.rows, roles.inner, batch, dims),
        _matrix(detail.right, detail.right_labels, roles.inner, roles.columns, batch, dims),
        _matrix(step.out, range(len(step.out.dims)), roles.rows, roles.columns, batch, dims),
    )


def _is_symmetric(detail: Operands, roles: _Roles, dims: tuple[Size, ...]) -> bool:
    """Whether a product equals its transpose and is so large that the half that need not be computed outweighs copying it."""
    twin = dict(detail.twins)
    if not twin or detail.accumulate is not None or [twin[label] for label in roles.rows] != roles.columns:
        return False
    return min(extent(product([dims[label] for label in roles.rows])), extent(product([dims[label] for label in roles.inner]))) >= LEAST_SYMMETRIC


def _merge_batch(shape: Shape) -> Shape:
    """Neighbouring batch labels that one stride walks through become one."""
    sizes = list(shape.batch)
    columns = [list(matrix.batch_strides) for matrix in (shape.left, shape.right, shape.out)]
    for place in range(len(sizes) - 2, -1, -1):
        if all(strides[place] == strides[place + 1] * sizes[place + 1] for strides in columns):
            sizes[place] = sizes[place] * sizes.pop(place + 1)
            for strides in columns:
                strides[place] = strides.pop(place + 1)
    left, right, out = (
        matrix._replace(batch_strides=tuple(strides)) for matrix, strides in zip((shape.left, shape.right, shape.out), columns)
    )
    return shape._replace(batch=tuple(sizes), left=left, right=right, out=out)


OFTEN = 4
"""Steps of a loop from which on it pays to prepare what stays the same in all of them."""

MOST_ROWS = 128
"""Rows of a product above which rearranging the other matrix costs little beside it."""

LEAST_PACKED = 4096
"""Elements of a matrix below which rearranging it costs little anyway."""

PANEL = 32
"""The columns of a matrix that is rearranged are filled up to a multiple of this."""


def packed_bytes(step: Step, shape: Shape) -> Size | None:
    """The memory for an operand of a product in a loop that is the same in all steps, rearranged for products of few rows; None if that does not pay."""
    transposed = shape.out.column_stride != 1
    changing, same = (step.detail.right, step.detail.left) if transposed else (step.detail.left, step.detail.right)
    m, n = (shape.n, shape.m) if transposed else (shape.m, shape.n)
    if shape.batch or shape.symmetric or not _is_fixed(same) or _is_fixed(changing):
        return None
    if not (isinstance(m, int) and isinstance(n, int) and isinstance(shape.k, int)) or m > MOST_ROWS or n * shape.k < LEAST_PACKED:
        return None
    return (n + PANEL - 1) // PANEL * PANEL * shape.k * step.out.dtype.itemsize


def _is_fixed(value: Value) -> bool:
    """Whether a value of a step of a loop is the same in all steps."""
    home = value.home
    return home is not None and (home[0] == "constant" or (home[0] == "input" and isinstance(home[1], Slot) and home[1].role == "fixed"))


def legalise(steps: Sequence[Step]) -> list[Step]:
    """The steps with copies around products whose operands are stored in an order that no library takes."""
    result: list[Step] = []
    copies: dict[tuple, Value] = {}
    known: dict[Hashable, tuple[_Roles, list[bool]]] = {}
    for step in steps:
        if step.kind == "view":
            source, copy, order = step.detail
            if _in_order(source) and step.out.order == order:
                step.out.view = source
                if step.out.output >= 0:
                    # What the result is a view of is written where the result belongs.
                    memory_of(source).output = step.out.output
            else:
                step = _copying(step, copy)
        elif step.kind == "again":
            step.out.view = step.detail[0]
        elif step.kind == "matrices":
            result += with_copies(step, copies)
            continue
        if step.kind != "product":
            result.append(step)
            continue
        key = likeness(step)
        if key not in known:
            roles = _roles(step)
            known[key] = roles, [matrix is not None for matrix in _matrices(step, roles)]
        roles, (takes_left, takes_right, takes_out) = known[key]
        after: Step | None = None
        if not takes_out:
            step, after = _product_elsewhere(step, roles)
        detail = step.detail
        left, right = detail.left, detail.right
        if not takes_left:
            left, labels = _copied(step, left, detail.left_labels, roles.batch, (roles.rows, roles.inner), copies, result)
            detail = detail._replace(left=left, left_labels=labels)
        if not takes_right:
            right, labels = _copied(step, right, detail.right_labels, roles.batch, (roles.inner, roles.columns), copies, result)
            detail = detail._replace(right=right, right_labels=labels)
        step.detail = detail
        result.append(step)
        if after is not None:
            result.append(after)
    return result


def _in_order(value: Value) -> bool:
    return value.order == tuple(range(len(value.dims)))


def _copying(view: Step, copy: Step) -> Step:
    """The step that makes a view's value by copying."""
    step = Step(view.out, copy.kind, copy.dims, copy.op, copy.body, copy.detail, None)
    step.origin = view.origin
    view.out.step = step
    return step


def _copied(
    step: Step,
    value: Value,
    labels: tuple[int, ...],
    batch: list[int],
    sides: tuple[list[int], list[int]],
    copies: dict[tuple, Value],
    result: list[Step],
) -> tuple[Value, tuple[int, ...]]:
    """The value with the axes of the batch outermost and those of the matrices' sides together: the side last that it has last."""
    outer, inner = sides[::-1] if labels[value.order[-1]] in sides[0] else sides
    order = [*batch, *outer, *inner]
    axes = tuple([labels.index(label) for label in order])
    # Of an array with more rows than are multiplied, such as the states of a loop, the rows that are.
    dims = tuple([step.dims[label] for label in order])
    key = (value, axes, dims)
    copy = copies.get(key)
    if copy is None:
        copy = copies[key] = Value(dims, value.dtype)
        copy.order = tuple(range(len(axes)))
        body = BodyBuilder()
        body.load(value, tuple([axes.index(axis) for axis in range(len(axes))]))
        copy.step = Step(copy, "map", copy.dims, None, tuple(body.instructions), None, None)
        copy.step.origin = step.origin
        result.append(copy.step)
    return copy, tuple(order)


def _product_elsewhere(step: Step, roles: _Roles) -> tuple[Step, Step]:
    """The product into memory of a suitable order, and the copy (or sum) into the value that was wanted."""
    out, detail = step.out, step.detail
    rank = len(out.dims)
    fresh = Value(out.dims, out.dtype)
    fresh.order = (*roles.batch, *roles.rows, *roles.columns)
    product = Step(fresh, "product", step.dims, None, (), detail._replace(accumulate=None), None)
    product.origin = step.origin
    fresh.step = product
    body = BodyBuilder()
    same = tuple(range(rank))
    read = body.load(fresh, same)
    if detail.accumulate is not None:
        body.call("add", out.dtype, body.load(detail.accumulate, same), read)
    copy = Step(out, "map", out.dims, None, tuple(body.instructions), None, None)
    copy.origin = step.origin
    out.step = copy
    return product, copy
