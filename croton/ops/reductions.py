"""Reductions along axes: sum, prod, max, min, any, all, logsumexp, and what they compose."""

from __future__ import annotations

import builtins
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, Use, contract, reduce
from croton.dtypes import DType, bool_, float64, unit
from croton.dtypes import dtype as dtype_of
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, at_least_zero, show
from croton.ops.arguments import Axes, axes_in_order, axes_of, count_of
from croton.ops.arithmetic import divide, maximum, minimum, multiply, square, subtract
from croton.ops.axes import expand_dims, permute_dims
from croton.ops.broadcasting import stretch, typed
from croton.ops.casting import accumulator, asarray, astype, converted, floating, floats, truths
from croton.ops.comparisons import greater
from croton.ops.logic import where as choose
from croton.ops.transcendental import sqrt
from croton.sizes import Size
from croton.sizes import greatest as greater_size
from croton.util.errors import ArgumentError, DTypeError, ShapeError
from croton.util.keywords import along_axes, not_taken


def _kept(shape: Sequence[Any], axes: tuple[int, ...], keepdims: bool, one: Callable[[], Any]) -> tuple:
    if keepdims:
        return tuple([one() if axis in axes else entry for axis, entry in enumerate(shape)])
    return tuple([entry for axis, entry in enumerate(shape) if axis not in axes])


Value = Callable[[Use, set[Label], list[Label]], Use]


def reduction(name: str, value: Value, reference: Callable[..., Any], result: DType | None = None, chooses: bool = False) -> Op:
    """The record of a reduction with the params (axes, keepdims). `value` gets the use, the labels that stay and those that go.

    What `chooses` an element needs one.
    """

    def infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
        (x,), (axes, keepdims) = types, params
        pairs = [at_least_zero(x.shape[axis] - 1) for axis in axes] if chooses else []
        return typed(result or x.dtype, _kept(x.shape, axes, keepdims, lambda: 1), [pair for pair in pairs if pair is not None])

    def meaning(operands: Sequence[Operand], params: tuple) -> Operand:
        (x,), (axes, keepdims) = operands, params
        over = [x.axes[axis] for axis in axes]
        rest = {label for axis, label in enumerate(x.axes) if axis not in axes}
        return Operand(_kept(x.axes, axes, keepdims, lambda: Label(1)), value(x.use, rest, over))

    def of_arrays(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
        with np.errstate(all="ignore"):
            return np.asarray(reference(arrays[0], axis=params[0], keepdims=params[1]))

    return Op(name, infer, meaning, of_arrays, differentiable=result is None, parameters=("axes", "keepdims"))


def _by(function: str) -> Callable[[Use, set[Label], list[Label]], Use]:
    return lambda use, rest, over: reduce(function, use, over)


def _lse_reference(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    greatest = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(greatest), greatest, x.dtype.type(0))
    value = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return value if keepdims else value.squeeze(axis)


# Typed as Any: NumPy 2.5 declares no sum to a dtype that is not known when types are checked.
_add: Any = np.add
_multiply: Any = np.multiply


def _sum_reference(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return _add.reduce(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


def _prod_reference(x: np.ndarray, axis: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return _multiply.reduce(x, axis=axis, keepdims=keepdims, dtype=x.dtype)


_SUM = reduction("sum", lambda use, rest, over: contract(rest, [(use, 1)], summed=over, dtype=use.dtype), _sum_reference)
_PROD = reduction("prod", _by("prod"), _prod_reference)
_MAX, _MIN = reduction("max", _by("max"), np.max, chooses=True), reduction("min", _by("min"), np.min, chooses=True)
_MAX_OF_BOOLS = reduction("max_of_bools", _by("any"), np.max, bool_, chooses=True)
_MIN_OF_BOOLS = reduction("min_of_bools", _by("all"), np.min, bool_, chooses=True)
_GREATEST = reduction("greatest", _by("max"), lambda x, axis, keepdims: np.max(x, axis=axis, keepdims=keepdims, initial=unit("max", dtype_of(x.dtype))))
_LEAST = reduction("least", _by("min"), lambda x, axis, keepdims: np.min(x, axis=axis, keepdims=keepdims, initial=unit("min", dtype_of(x.dtype))))
_ANY, _ALL = reduction("any", _by("any"), np.any, bool_), reduction("all", _by("all"), np.all, bool_)
_LOGSUMEXP = reduction("logsumexp", _by("lse"), _lse_reference)
OPERATIONS = [_SUM, _PROD, _MAX, _MIN, _MAX_OF_BOOLS, _MIN_OF_BOOLS, _GREATEST, _LEAST, _ANY, _ALL, _LOGSUMEXP]


@along_axes
@not_taken(initial="add it to the sum")
def sum(x: Any, axis: Axes = None, dtype: object = None, keepdims: bool = False, *, where: Any = None) -> Expr:
    """The sum over axes, over all of them by default; of the elements that `where`, a mask, lets in. Integers and bools are summed in 64 bits."""
    x = asarray(x)
    x = _let_in("sum", converted(x, accumulator(x.dtype, dtype)), where, 0)
    return apply(_SUM, (x,), (axes_of(axis, x.ndim, "sum"), bool(keepdims)))


@along_axes
@not_taken(initial="multiply the product by it")
def prod(x: Any, axis: Axes = None, dtype: object = None, keepdims: bool = False, *, where: Any = None) -> Expr:
    """The product over axes, over all of them by default; of the elements that `where` lets in. Integers and bools are multiplied in 64 bits."""
    x = asarray(x)
    x = _let_in("prod", converted(x, accumulator(x.dtype, dtype)), where, 1)
    return apply(_PROD, (x,), (axes_of(axis, x.ndim, "prod"), bool(keepdims)))


def _extreme(name: str, ops: tuple[Op, Op], of_any_number: tuple[Op, Op], x: Any, axis: Axes, keepdims: bool, initial: Any, where: Any) -> Expr:
    """An extreme by one of the records for numbers and for bools: of at least one element, or of any number of them where there is an initial value."""
    x = asarray(x)
    axes = axes_of(axis, x.ndim, name)
    if initial is None:
        not_empty(name, x.shape, axes)
        if where is not None:
            raise ArgumentError(f"{name}: where lets in some elements only, so say what it is of none: {name}(x, where=mask, initial=value)")
        return apply(ops[x.dtype is bool_], (x,), (axes, bool(keepdims)))
    found = apply(of_any_number[x.dtype is bool_], (_let_in(name, x, where, initial),), (axes, bool(keepdims)))
    return (maximum if name == "max" else minimum)(found, converted(initial, x.dtype))


@along_axes
def max(x: Any, axis: Axes = None, keepdims: bool = False, *, initial: Any = None, where: Any = None) -> Expr:
    """The greatest element along axes; NaN if there is one. The derivative is shared equally among equal elements.

    Not below `initial`, which is the value where there are no elements; of the elements that `where` lets in.
    """
    return _extreme("max", (_MAX, _MAX_OF_BOOLS), (_GREATEST, _ANY), x, axis, keepdims, initial, where)


@along_axes
def min(x: Any, axis: Axes = None, keepdims: bool = False, *, initial: Any = None, where: Any = None) -> Expr:
    """The smallest element along axes; NaN if there is one. The derivative is shared equally among equal elements.

    Not above `initial`, which is the value where there are no elements; of the elements that `where` lets in.
    """
    return _extreme("min", (_MIN, _MIN_OF_BOOLS), (_LEAST, _ALL), x, axis, keepdims, initial, where)


def greatest(x: Expr, axes: tuple[int, ...]) -> Expr:
    """The greatest element of a floating array along axes, counted from the front, which stay with size 1; minus infinity where there is none."""
    return apply(_GREATEST, (x,), (axes, True))


@along_axes
def any(x: Any, axis: Axes = None, keepdims: bool = False, *, where: Any = None) -> Expr:
    """Whether an element along the axes is true, of those that `where` lets in."""
    x = _let_in("any", truths(x), where, False)
    return apply(_ANY, (x,), (axes_of(axis, x.ndim, "any"), bool(keepdims)))


@along_axes
def all(x: Any, axis: Axes = None, keepdims: bool = False, *, where: Any = None) -> Expr:
    """Whether all elements along the axes are true, of those that `where` lets in."""
    x = _let_in("all", truths(x), where, True)
    return apply(_ALL, (x,), (axes_of(axis, x.ndim, "all"), bool(keepdims)))


@along_axes
@not_taken(b="write log((b * exp(x)).sum(axis)), which does not overflow either")
def logsumexp(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """log(sum(exp(x))) over axes, without overflow on the way."""
    x = asarray(x)
    x = converted(x, floating(x.dtype))
    return apply(_LOGSUMEXP, (x,), (axes_of(axis, x.ndim, "logsumexp"), bool(keepdims)))


@along_axes
def mean(x: Any, axis: Axes = None, dtype: object = None, keepdims: bool = False, *, where: Any = None) -> Expr:
    """The arithmetic mean over axes, of the elements that `where` lets in; of integers and bools in float64."""
    x = asarray(x)
    wanted = dtype_of(dtype) if dtype is not None else x.dtype if x.dtype.is_float else float64
    if not wanted.is_float:
        raise DTypeError(f"mean is computed in a floating dtype, got dtype={wanted}; use sum(...) // count for integers")
    axes = axes_of(axis, x.ndim, "mean")
    total = sum(converted(x, wanted), axes, None, keepdims, where=where)
    if where is None:
        return divide(total, count_of(x.shape, axes))
    count = _how_many(x, axes, keepdims, where)
    return _of_some(count, divide(total, converted(count, wanted)))


@along_axes
def var(
    x: Any, axis: Axes = None, correction: int | float = 0, keepdims: bool = False, *, ddof: int | float | None = None, where: Any = None
) -> Expr:
    """The mean squared difference from the mean over axes; the sum is divided by the count less `correction` (`ddof` is NumPy's other name of it).

    `where` says which elements there are.
    """
    x = asarray(x)
    correction = _correction(correction, ddof, "var")
    x = converted(x, x.dtype if x.dtype.is_float else float64)
    axes = axes_of(axis, x.ndim, "var")
    squares = sum(square(subtract(x, mean(x, axes, None, True, where=where))), axes, None, keepdims, where=where)
    if where is not None:
        there = _how_many(x, axes, keepdims, where)
        return _of_some(there, divide(squares, maximum(subtract(converted(there, x.dtype), correction), 0)))
    count = count_of(x.shape, axes)
    # As in NumPy what is left is 0 where there are fewer elements than the correction takes away.
    if isinstance(count, int):
        return divide(squares, builtins.max(count - correction, 0))
    if isinstance(correction, int):
        return divide(squares, greater_size(count - correction, 0))
    return divide(squares, maximum(subtract(converted(count, x.dtype), correction), 0))


@along_axes
def std(
    x: Any, axis: Axes = None, correction: int | float = 0, keepdims: bool = False, *, ddof: int | float | None = None, where: Any = None
) -> Expr:
    """The square root of var."""
    x = asarray(x)
    return sqrt(var(x, axes_of(axis, x.ndim, "std"), _correction(correction, ddof, "std"), keepdims, where=where))


def _let_in(what: str, x: Expr, mask: Any, nothing: Any) -> Expr:
    """x with a number that changes nothing in place of what a mask leaves out. The mask stretches to the shape of x."""
    if mask is None:
        return x
    mask = asarray(mask)
    if mask.dtype is not bool_:
        raise DTypeError(f"{what}: where is a mask of bools, got dtype {mask.dtype}; compare it with something, x > 0")
    return choose(stretch(mask, x.shape), x, converted(nothing, x.dtype))


def _how_many(x: Expr, axes: tuple[int, ...], keepdims: bool, mask: Any) -> Expr:
    return sum(stretch(asarray(mask), x.shape), axes, None, keepdims)


def _of_some(count: Expr, value: Expr) -> Expr:
    """The value, and NaN where it is one of nothing: a mask that leaves all out would win over the division by 0."""
    return choose(greater(count, 0), value, converted(math.nan, value.dtype))


def _correction(correction: int | float, ddof: int | float | None, what: str) -> int | float:
    if ddof is not None and correction != 0:
        raise ArgumentError(f"{what}: correction and ddof are two names of one argument, got {correction} and {ddof}; give one")
    return correction if ddof is None else ddof


@along_axes
def count_nonzero(x: Any, axis: Axes = None, keepdims: bool = False) -> Expr:
    """How many elements along the axes are not 0."""
    x = truths(x)
    return sum(x, axes_of(axis, x.ndim, "count_nonzero"), None, keepdims)


@along_axes
def average(x: Any, axis: Axes = None, weights: Any = None, keepdims: bool = False) -> Expr:
    """The mean over axes, each element counted with its weight; of integers in float64.

    There is a weight for each place along the axes, in their order, or the weights broadcast against x.
    """
    x = asarray(x)
    axes = axes_of(axis, x.ndim, "average")
    if weights is None:
        return mean(x, axes, None, keepdims)
    x, weights = floats(x if x.dtype.is_float else astype(x, float64), weights)
    if axis is not None and weights.ndim == len(axes) < x.ndim:
        given = axes_in_order(axis, x.ndim, "average")
        weights = expand_dims(permute_dims(weights, [given.index(a) for a in axes]), tuple([a for a in range(x.ndim) if a not in axes]))
    weights = stretch(weights, x.shape)
    return divide(sum(multiply(x, weights), axes, None, keepdims), sum(weights, axes, None, keepdims))


def not_empty(name: str, shape: Sequence[Size], axes: tuple[int, ...]) -> None:
    """Raise where there is no element to choose."""
    for axis in axes:
        if isinstance(shape[axis], int) and shape[axis] == 0:
            raise ShapeError(f"{name} of nothing: axis {axis} of shape {show(shape)} has size 0, and {name} has no value for that")
