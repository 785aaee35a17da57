"""Products of arrays: one record, einsum, and the NumPy-named functions that are spellings of it."""

from __future__ import annotations

import itertools
import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, Use, affine, contract, relabel
from croton.dtypes import bool_, int64
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.ops.arguments import Axes, axes_in_order, axes_of, axis_of, index_of
from croton.ops.arithmetic import abs as absolute
from croton.ops.arithmetic import multiply, pow, square
from croton.ops.axes import expand_dims, moveaxis
from croton.ops.broadcasting import Pairs, equal_sizes, typed
from croton.ops.casting import asarray, astype, converted, floats, promoted
from croton.ops.comparisons import equal, not_equal
from croton.ops.logic import where
from croton.ops.reductions import count_nonzero
from croton.ops.reductions import max as max_
from croton.ops.reductions import min as min_
from croton.ops.reductions import sum as sum_
from croton.ops.transcendental import sqrt
from croton.sizes import Size, greatest, least
from croton.util.errors import ArgumentError, ShapeError
from croton.util.keywords import along_axes, not_taken


def _split(spec: str) -> tuple[list[str], str]:
    left, right = spec.split("->")
    return left.split(","), right


def _einsum_infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    inputs, output = _split(params[0])
    pairs: Pairs = []
    sizes: dict[str, Size] = {}
    for letters, x in zip(inputs, types):
        for axis, (letter, size) in enumerate(zip(letters, x.shape)):
            known = sizes.get(letter, 1)
            if type(known) is int and known == 1:
                sizes[letter] = size
            elif not (type(size) is int and size == 1):
                if not equal_sizes(known, size, pairs):
                    given = " and ".join(show(t.shape) for t in types)
                    raise ShapeError(
                        f"product {params[0]!r} of {given}: axis {axis} of shape {show(x.shape)} (label {letter!r}) has size {size}, "
                        f"elsewhere the label has size {known}. Check the order of the operands, or transpose one."
                    )
                if type(size) is int:
                    sizes[letter] = size
    return typed(types[0].dtype, tuple([sizes[letter] for letter in output]), pairs)


def _einsum_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    inputs, output = _split(params[0])
    labels: dict[str, Label] = {}
    for letters, x in zip(inputs, operands):
        for letter, axis in zip(letters, x.axes):
            known = labels.get(letter)
            if known is None or (known.size == 1 and axis.size != 1):
                labels[letter] = Label(axis.size)
    factors = [(relabel(x.use, {axis: labels[letter] for letter, axis in zip(letters, x.axes)}), 1) for letters, x in zip(inputs, operands)]
    out = tuple([labels[letter] for letter in output])
    summed = [label for letter, label in labels.items() if letter not in output]
    return Operand(out, contract(out, factors, summed=summed, dtype=operands[0].dtype))


def _einsum_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    inputs, output = _split(params[0])
    number = {letter: i for i, letter in enumerate(dict.fromkeys("".join(inputs)))}
    terms: list[Any] = []
    for letters, x in zip(inputs, arrays):
        terms += [x, [number[letter] for letter in letters]]
    return np.asarray(np.einsum(*terms, [number[letter] for letter in output]))


EINSUM = Op("einsum", _einsum_infer, _einsum_meaning, _einsum_reference, parameters=("spec",))


def _diagonal_length(rows: Size, columns: Size, offset: int) -> Size:
    down, right = (-offset, 0) if offset < 0 else (0, offset)
    # The size of the axes is 0 or more, so that only an offset can leave nothing.
    return greatest(least(rows - down, columns - right), 0) if offset else least(rows, columns)


def _diagonal_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    (x,), (offset,) = types, params
    return TensorType(x.dtype, (*x.shape[:-2], _diagonal_length(x.shape[-2], x.shape[-1], offset)))


def _diagonal_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (offset,) = operands, params
    row, column = x.axes[-2:]
    along = Label(_diagonal_length(row.size, column.size, offset))
    down, right = (-offset, 0) if offset < 0 else (0, offset)
    axes = (*x.axes[:-2], along)
    if row.size == column.size == along.size:
        # Through contract, so that reading a product at equal labels is a product.
        return Operand(axes, contract(axes, [(relabel(x.use, {row: along, column: along}), 1)], dtype=x.dtype))
    factors: list[tuple[Use, int]] = [(x.use, 1), (affine({row: 1, along: -1}, -down), 1), (affine({column: 1, along: -1}, -right), 1)]
    return Operand(axes, contract(axes, factors, summed=(row, column), dtype=x.dtype))


def _diagonal_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.diagonal(arrays[0], params[0], -2, -1)


DIAGONAL = Op("diagonal", _diagonal_infer, _diagonal_meaning, _diagonal_reference, parameters=("offset",))
OPERATIONS = [EINSUM, DIAGONAL]

_LETTERS = string.ascii_letters


def _letters(count: int) -> str:
    """So many different labels."""
    return "".join(_LETTERS[i] if i < len(_LETTERS) else chr(0x100 + i) for i in range(count))


def _product(spec: str, arrays: Sequence[Any]) -> Expr:
    inputs, dtype = promoted(*arrays)
    if dtype is bool_:
        # NumPy's bool product asks whether any term is true.
        return not_equal(apply(EINSUM, [converted(x, int64) for x in inputs], (spec,)), 0)
    return apply(EINSUM, inputs, (spec,))


def matmul(x: Any, y: Any) -> Expr:
    """The matrix product over the last axis of x and the last but one of y; leading axes broadcast. An array of one axis is a vector."""
    x, y = asarray(x), asarray(y)
    if x.ndim == 0 or y.ndim == 0:
        raise ShapeError(f"matmul takes arrays of at least one axis, got shapes {show(x.shape)} and {show(y.shape)}; use * for numbers")
    batch = max(x.ndim, y.ndim, 2) - 2
    letters = _letters(batch + 3)
    lead, i, j, k = letters[:batch], letters[batch], letters[batch + 1], letters[batch + 2]
    left = lead[batch - max(x.ndim - 2, 0) :] + (i + j if x.ndim > 1 else j)
    right = lead[batch - max(y.ndim - 2, 0) :] + (j + k if y.ndim > 1 else j)
    _same_size("matmul", x, -1, y, -2 if y.ndim > 1 else -1)
    output = lead + (i if x.ndim > 1 else "") + (k if y.ndim > 1 else "")
    return _product(f"{left},{right}->{output}", (x, y))


def dot(x: Any, y: Any) -> Expr:
    """NumPy's dot: the sum over the last axis of x and the last but one of y (the only one of a vector); numbers multiply."""
    x, y = asarray(x), asarray(y)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    return tensordot(x, y, ((-1,), (-2 if y.ndim > 1 else -1,)))


def tensordot(x: Any, y: Any, axes: int | Sequence[Any] = 2) -> Expr:
    """The sum of products over pairs of axes: the last `axes` of x with the first of y, or (axes of x, axes of y)."""
    x, y = asarray(x), asarray(y)
    if isinstance(axes, int):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ShapeError(f"tensordot: shapes {show(x.shape)} and {show(y.shape)} do not have {axes} axes to sum over")
        left, right = list(range(x.ndim - axes, x.ndim)), list(range(axes))
    else:
        first, second = axes
        left = [axis_of(a, x.ndim, "tensordot") for a in (first if isinstance(first, (tuple, list)) else (first,))]
        right = [axis_of(a, y.ndim, "tensordot") for a in (second if isinstance(second, (tuple, list)) else (second,))]
    if len(left) != len(right) or len(set(left)) < len(left) or len(set(right)) < len(right):
        raise ArgumentError(f"tensordot: axes come in pairs, each once; got {axes!r}")
    for a, b in zip(left, right):
        _same_size("tensordot", x, a, y, b)
    letters = _letters(x.ndim + y.ndim)
    first_spec, second_spec = list(letters[: x.ndim]), list(letters[x.ndim :])
    for a, b in zip(left, right):
        second_spec[b] = first_spec[a]
    output = [c for i, c in enumerate(first_spec) if i not in left] + [c for i, c in enumerate(second_spec) if i not in right]
    return _product(f"{''.join(first_spec)},{''.join(second_spec)}->{''.join(output)}", (x, y))


def _same_size(what: str, x: Expr, a: int, y: Expr, b: int) -> None:
    # A product does not stretch a size of 1 over the axis that it sums.
    n, m = x.shape[a], y.shape[b]
    if n != m and (isinstance(n - m, int) or n == 1 or m == 1):
        raise ShapeError(
            f"{what}: axis {a} of shape {show(x.shape)} and axis {b} of shape {show(y.shape)} are summed together "
            f"and have sizes {n} and {m}; transpose an operand, or check their order"
        )


def outer(x: Any, y: Any) -> Expr:
    """The products of all pairs of elements of two vectors."""
    x, y = asarray(x), asarray(y)
    if x.ndim != 1 or y.ndim != 1:
        raise ShapeError(f"outer takes two vectors, got shapes {show(x.shape)} and {show(y.shape)}; tensordot(x, y, 0) takes any arrays")
    return multiply(expand_dims(x, 1), y)


def inner(x: Any, y: Any) -> Expr:
    """The sum of products over the last axes of both."""
    x, y = asarray(x), asarray(y)
    if x.ndim == 0 or y.ndim == 0:
        return multiply(x, y)
    return tensordot(x, y, ((-1,), (-1,)))


@along_axes
def vecdot(x: Any, y: Any, axis: int = -1) -> Expr:
    """The sum of products along one axis of both; the other axes broadcast."""
    x, y = asarray(x), asarray(y)
    a, b = axis_of(axis, x.ndim, "vecdot"), axis_of(axis, y.ndim, "vecdot")
    _same_size("vecdot", x, a, y, b)
    x, y = moveaxis(x, a, -1), moveaxis(y, b, -1)
    letters = _letters(max(x.ndim, y.ndim))
    return _product(f"{letters[-x.ndim :]},{letters[-y.ndim :]}->{letters[:-1]}", (x, y))


@not_taken(optimize="leave it out, the order of products is chosen by cost")
def einsum(spec: Any, *arrays: Any) -> Expr:
    """The sum of products that the labels say: `einsum("bij,bjk->bik", a, b)`.

    A label that the output lacks is summed over; a label repeated in one operand takes the diagonal; `...` stands for axes that
    broadcast; without `->` the output has the labels that occur once, in alphabetical order. The order of the products is found when a function is compiled.
    As in NumPy, labels may also be numbers, listed after each operand: `einsum(a, [0, 1], b, [1, 2], [0, 2])`.
    """
    if not isinstance(spec, str):
        spec, arrays = _numbered_labels((spec, *arrays))
    given = [asarray(x) for x in arrays]
    return _product(_explicit(spec, [x.ndim for x in given]), given)


def _numbered_labels(given: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The specification of operands that are each followed by a list of numbers."""
    pairs, last = given[: len(given) // 2 * 2], given[len(given) // 2 * 2 :]
    lists = [*pairs[1::2], *last]
    if not all(isinstance(labels, (list, tuple)) for labels in lists):
        raise ArgumentError('einsum takes a specification and operands, einsum("ij,jk->ik", a, b), or operands each followed by a list of numbers')

    def letters(labels: Sequence[Any]) -> str:
        if not all(label is Ellipsis or (isinstance(label, int) and 0 <= label < len(_LETTERS)) for label in labels):
            raise ArgumentError(f"einsum: labels as numbers are 0 .. {len(_LETTERS) - 1} or an ellipsis, got {list(labels)}")
        return "".join(["..." if label is Ellipsis else _LETTERS[label] for label in labels])

    spec = ",".join(letters(labels) for labels in pairs[1::2])
    return (f"{spec}->{letters(last[0])}" if last else spec), tuple(pairs[::2])


def _explicit(spec: str, ranks: Sequence[int]) -> str:
    """The specification with the ellipsis and the output written out."""
    text = spec.replace(" ", "")
    left, arrow, right = text.partition("->")
    inputs = left.split(",")
    if len(inputs) != len(ranks):
        raise ArgumentError(f"einsum {spec!r}: {len(inputs)} operands are named, {len(ranks)} are given")
    used = set(text) - set(".,->")
    for letter in used:
        if not letter.isalpha():
            raise ArgumentError(f"einsum {spec!r}: labels are letters, got {letter!r}")
    free = (letter for letter in itertools.chain(_LETTERS, map(chr, itertools.count(0x100))) if letter not in used)
    counts = [_ellipsis(spec, letters, rank) for letters, rank in zip(inputs, ranks)]
    stretched = "".join(itertools.islice(free, max((count for count in counts if count is not None), default=0)))
    inputs = [
        letters if count is None else letters.replace("...", stretched[len(stretched) - count :]) for letters, count in zip(inputs, counts)
    ]
    if not arrow:
        occurring = "".join(inputs)
        right = stretched + "".join(sorted(c for c in set(occurring) if occurring.count(c) == 1 and c not in stretched))
    else:
        if "..." not in right and "." in right:
            raise ArgumentError(f"einsum {spec!r}: an ellipsis is three dots")
        right = right.replace("...", stretched)
    for letter in right:
        if right.count(letter) > 1 or not any(letter in letters for letters in inputs):
            raise ArgumentError(f"einsum {spec!r}: the output names label {letter!r} twice, or no operand has it")
    return f"{','.join(inputs)}->{right}"



def _ellipsis(spec: str, letters: str, rank: int) -> int | None:
    """How many axes the ellipsis of an operand stands for, None where there is none."""
    named = letters.replace("...", "", 1)
    if "." in named:
        raise ArgumentError(f"einsum {spec!r}: an operand has one ellipsis of three dots at most, got {letters!r}")
    if named == letters:
        if len(named) != rank:
            raise ShapeError(f"einsum {spec!r}: {letters!r} names {len(named)} axes, the operand has {rank}")
        return None
    if len(named) > rank:
        raise ShapeError(f"einsum {spec!r}: {letters!r} names {len(named)} axes, the operand has {rank}")
    return rank - len(named)


def diagonal(x: Any, offset: int = 0, axis1: int = -2, axis2: int = -1) -> Expr:
    """The diagonal over two axes, as the last axis; `offset` counts to the right of the main one."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"diagonal takes an array of at least 2 axes, got shape {show(x.shape)}; diag makes a matrix of a vector")
    return apply(DIAGONAL, (moveaxis(x, axes_in_order((axis1, axis2), x.ndim, "diagonal"), (-2, -1)),), (index_of(offset, "diagonal: the offset"),))


def trace(x: Any, offset: int = 0, axis1: int = -2, axis2: int = -1, dtype: object = None) -> Expr:
    """The sum of the diagonal."""
    return sum_(diagonal(x, offset, axis1, axis2), -1, dtype)




@along_axes
def norm(x: Any, axis: Axes = None, order: int | float | None = None, keepdims: bool = False, *, ord: int | float | None = None) -> Expr:
    """The length of the vectors along the axes, or of all elements together: (sum |x|**order) ** (1 / order), by default of order 2.

    inf and -inf give the greatest and the smallest absolute value, 0 counts the elements that are not 0. `ord` is NumPy's name of the order.
    """
    order = ord if order is None else order
    (x,) = floats(x)
    if order is not None and not isinstance(order, (int, float, np.number)):
        raise ArgumentError(f"norm: the order of a norm of vectors is a number, got {order!r}; linalg.matrix_norm has those of matrices")
    axis = axes_of(axis, x.ndim, "norm")
    if order is None or order == 2:
        return sqrt(sum_(square(x), axis, None, keepdims))
    if order == 0:
        return astype(count_nonzero(x, axis, keepdims), x.dtype)
    sizes = absolute(x)
    if order == math.inf:
        return max_(sizes, axis, keepdims)
    if order == -math.inf:
        return min_(sizes, axis, keepdims)
    if order == 1:
        return sum_(sizes, axis, None, keepdims)
    total = sum_(pow(sizes, order), axis, None, keepdims)
    if order < 1:
        return pow(total, 1 / order)
    # At 0 the root has no slope, the norm's is 0.
    nothing = equal(total, 0)
    return where(nothing, total, pow(where(nothing, 1, total), 1 / order))
