"""Arrays made from nothing: ranges, identity, constants, masks; and the symbolic variables themselves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Label, Operand, affine, at_least_zero, contract, iota
from croton.dtypes import bool_, int64
from croton.dtypes import dtype as dtype_of
from croton.expr.counted import counted
from croton.expr.expr import Constant, Expr, Input, SharedVariable, apply, input
from croton.expr.expr import shared as new_shared
from croton.expr.op import Op
from croton.expr.types import TensorType, show
from croton.expr.walk import leaves
from croton.ops.arguments import index_of, is_computed, shape_of, size_of
from croton.ops.arithmetic import add, divide, floor_divide, maximum, multiply, negative, subtract
from croton.ops.axes import expand_dims
from croton.ops.broadcasting import broadcast_shapes, stretch
from croton.ops.casting import asarray, astype, common_dtype, converted, operands
from croton.ops.comparisons import equal
from croton.ops.logic import where
from croton.ops.rounding import floor
from croton.sizes import Poly, Size, symbol, unused_symbol
from croton.util.config import config
from croton.util.errors import ArgumentError, KindError, ShapeError
from croton.util.keywords import also_named


def _iota_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(int64, params)


def _iota_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    label = Label(params[0])
    return Operand((label,), iota(label))


def _iota_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.arange(params[0], dtype=np.int64)


def _matrix_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(bool_, params[:2])


def _eye_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    row, column = Label(params[0]), Label(params[1])
    return Operand((row, column), contract((row, column), [(affine({row: 1, column: -1}, params[2]), 1)]))


def _eye_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.eye(params[0], params[1], params[2], dtype=bool)


def _tri_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    row, column = Label(params[0]), Label(params[1])
    return Operand((row, column), contract((row, column), [(at_least_zero({row: 1, column: -1}, params[2]), 1)]))


def _tri_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.tri(params[0], params[1], params[2], dtype=bool)


IOTA = Op("iota", _iota_infer, _iota_meaning, _iota_reference, differentiable=False, parameters=("size",))
EYE = Op("eye", _matrix_infer, _eye_meaning, _eye_reference, differentiable=False, parameters=("rows", "columns", "offset"))
TRI = Op("tri", _matrix_infer, _tri_meaning, _tri_reference, differentiable=False, parameters=("rows", "columns", "offset"))
OPERATIONS = [IOTA, EYE, TRI]


# Variables


def tensor(name: str | None = None, shape: Sequence[int | str | Size | None] = (), dtype: object = None) -> Input:
    """A symbolic input. Each entry of the shape is an integer, None for an unknown size, or a string that names an unknown size; one entry is one axis.

    Inputs that name the same size have it in common, which is checked when a function is called. Without a dtype it is `config.float_dtype`, float64
    unless set.
    """
    if name is not None and not isinstance(name, str):
        raise KindError(f"tensor: the first argument is a name, got {name!r}; give the shape as tensor(name, shape=...)")
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    sizes = tuple([_declared(size, f"{name or 'x'}.{axis}") for axis, size in enumerate(entries)])
    return input(TensorType(dtype_of(config.float_dtype if dtype is None else dtype), sizes), name)


def _declared(size: Any, otherwise: str) -> Size:
    if size is None:
        return unused_symbol(otherwise)
    return symbol(size) if isinstance(size, str) else size_of(size, "tensor")


def scalar(name: str | None = None, dtype: object = None) -> Input:
    """A symbolic number."""
    return tensor(name, (), dtype)


def vector(name: str | None = None, shape: Sequence[Any] = (None,), dtype: object = None) -> Input:
    """A symbolic array of one axis."""
    return _of_rank(1, name, shape, dtype)


def matrix(name: str | None = None, shape: Sequence[Any] = (None, None), dtype: object = None) -> Input:
    """A symbolic array of two axes."""
    return _of_rank(2, name, shape, dtype)


def tensor3(name: str | None = None, shape: Sequence[Any] = (None,) * 3, dtype: object = None) -> Input:
    """A symbolic array of three axes."""
    return _of_rank(3, name, shape, dtype)


def tensor4(name: str | None = None, shape: Sequence[Any] = (None,) * 4, dtype: object = None) -> Input:
    """A symbolic array of four axes."""
    return _of_rank(4, name, shape, dtype)


def _of_rank(rank: int, name: str | None, shape: Sequence[Any], dtype: object) -> Input:
    entries = shape if isinstance(shape, (tuple, list)) else (shape,)
    if len(entries) != rank:
        raise ShapeError(f"a shape of {rank} sizes is wanted, got {tuple(entries)}; tensor(name, shape) takes any number")
    return tensor(name, shape, dtype)


def shared(value: Any, name: str | None = None, dtype: object = None, shape: Sequence[Any] | None = None) -> SharedVariable:
    """An array that lives between calls, with its first value: functions read it, and updates write it.

    Its shape stays that of the value unless `shape` says otherwise: there None or a name is an unknown size, as for `tensor`. An expression of no inputs
    (`cr.zeros((3, 4))`, a random key) is computed.
    """
    if isinstance(value, Expr):
        if any(isinstance(leaf, Input) for leaf in leaves([value])):
            raise KindError(
                f"shared: the first value is an array or a number, got {value!r}, which depends on inputs; compute it first with eval({{input: value}})"
            )
        value = np.asarray(value)
    array = asarray(value, dtype).value  # type: ignore[attr-defined]
    if shape is None:
        return new_shared(array, name, array.shape)
    sizes = tuple([_declared(size, f"{name or 'w'}_{axis}_") for axis, size in enumerate(shape)])
    return new_shared(array, name, sizes)


# Filled arrays


def full(shape: Any, fill_value: Any, dtype: object = None) -> Expr:
    """An array of this shape in which every element is the value, a number or an expression that broadcasts to the shape."""
    return stretch(asarray(fill_value, dtype), shape_of(shape, "full"))


def zeros(shape: Any, dtype: object = None) -> Expr:
    """An array of zeros."""
    return full(shape, 0, config.float_dtype if dtype is None else dtype)


def ones(shape: Any, dtype: object = None) -> Expr:
    """An array of ones."""
    return full(shape, 1, config.float_dtype if dtype is None else dtype)


def full_like(x: Any, fill_value: Any, dtype: object = None) -> Expr:
    """An array of x's shape, and of its dtype unless told otherwise, in which every element is the value."""
    x = asarray(x)
    return full(x.shape, fill_value, x.dtype if dtype is None else dtype)


def zeros_like(x: Any, dtype: object = None) -> Expr:
    """An array of zeros of x's shape and dtype."""
    return full_like(x, 0, dtype)


def ones_like(x: Any, dtype: object = None) -> Expr:
    """An array of ones of x's shape and dtype."""
    return full_like(x, 1, dtype)


# Ranges


def arange(start: Any, stop: Any = None, step: Any = 1, dtype: object = None) -> Expr:
    """start, start + step, ... up to, not including, stop. With one argument that is the stop, and the start is 0.

    Bounds are numbers, sizes, or computed integers; the length is counted in the call then.
    """
    if stop is None:
        start, stop = 0, start
    start, stop, step = (_bound(value, "arange") for value in (start, stop, step))
    if isinstance(step, (int, float)) and step == 0:
        raise ArgumentError("arange: the step is 0")
    floats = any(isinstance(value, float) for value in (start, stop, step))
    computed = any(isinstance(value, Expr) for value in (start, stop, step))
    if computed:
        if floats:
            raise KindError("arange: floating and computed bounds do not mix; scale the range, arange(n) * 0.1")
        start, stop, step = [astype(asarray(value), int64) for value in (start, stop, step)]
        length: Size = counted(maximum(negative(floor_divide(subtract(start, stop), step)), 0))
    elif floats:
        if any(isinstance(value, Poly) for value in (start, stop, step)):
            raise KindError("arange: floating and symbolic bounds do not mix; scale the range, arange(n) * 0.1")
        length = max(0, math.ceil((stop - start) / step))
    else:
        forward = isinstance(step, Poly) or step > 0
        length = (stop - start + (step - 1)) // step if forward else (start - stop - (step + 1)) // -step
        length = max(0, length) if isinstance(length, int) else length
    if dtype is None:
        dtype = config.float_dtype if floats else int64
    wanted = dtype_of(dtype)
    if type(start) is int and wanted.is_integer:
        converted(start, wanted)  # as in NumPy, the start has to fit
    positions = astype(apply(IOTA, (), (length,)), wanted if wanted.is_float else int64)
    if not _is_number(step, 1):
        positions = multiply(positions, astype(step, positions.dtype) if computed else converted(step, positions.dtype))
    if not _is_number(start, 0):
        positions = add(positions, astype(start, positions.dtype) if computed else converted(start, positions.dtype))
    return astype(positions, wanted)


def _is_number(value: Any, number: int) -> bool:
    if isinstance(value, Constant):
        return bool(value.value == number)
    return isinstance(value, (int, float)) and value == number


def _bound(value: Any, what: str) -> Any:
    """A bound as a Python number, a size or a computed integer; integers may be negative here."""
    if is_computed(value):
        return value
    if isinstance(value, (np.generic, np.ndarray)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool):
        return int(value)
    return value if isinstance(value, (int, float)) else size_of(value, what)


def linspace(start: Any, stop: Any, num: int = 50, endpoint: bool = True, dtype: object = None) -> Expr:
    """`num` evenly spaced numbers from start to stop; `endpoint` says whether stop is the last of them. Of arrays that broadcast, along a new first axis."""
    given = operands(start, stop)
    kind = common_dtype(given)
    kind = kind if kind.is_float and any(isinstance(value, Expr) for value in given) else dtype_of(config.float_dtype)
    first, last = (converted(value, kind) for value in given)
    count = size_of(num, "linspace")
    steps = count - 1 if endpoint else count
    at: Expr = apply(IOTA, (), (count,))
    rank = len(broadcast_shapes([first.shape, last.shape], "linspace: the bounds", []))
    at = expand_dims(at, tuple(range(1, rank + 1))) if rank else at
    positions = astype(at, kind)
    if not (isinstance(steps, int) and steps <= 0):
        positions = add(multiply(positions, divide(subtract(last, first), steps)), first)
    else:
        positions = add(positions, first)
    if endpoint and not (isinstance(count, int) and count < 2):
        # Rounding would miss the end by a little.
        positions = where(equal(at, steps), last, positions)
    wanted = kind if dtype is None else dtype_of(dtype)
    # NumPy rounds integers down.
    return astype(floor(positions) if wanted.is_integer else positions, wanted)


# Matrices


@also_named(N="rows", M="columns")
def eye(rows: Any, columns: Any = None, k: int = 0, dtype: object = None) -> Expr:
    """Ones on a diagonal, `k` to the right of the main one, and zeros elsewhere."""
    n = size_of(rows, "eye")
    m = n if columns is None else size_of(columns, "eye")
    return astype(apply(EYE, (), (n, m, index_of(k, "eye: k"))), config.float_dtype if dtype is None else dtype)


@also_named(N="rows", M="columns")
def tri(rows: Any, columns: Any = None, k: int = 0, dtype: object = None) -> Expr:
    """Ones on and below a diagonal, `k` to the right of the main one, and zeros above."""
    n = size_of(rows, "tri")
    m = n if columns is None else size_of(columns, "tri")
    return astype(apply(TRI, (), (n, m, index_of(k, "tri: k"))), config.float_dtype if dtype is None else dtype)


def tril(x: Any, k: int = 0) -> Expr:
    """The matrix (or stack of matrices) with zeros above a diagonal, `k` to the right of the main one."""
    x = _matrices(x, "tril")
    return where(tri(x.shape[-2], x.shape[-1], index_of(k, "tril: k"), bool_), x, converted(0, x.dtype))


def triu(x: Any, k: int = 0) -> Expr:
    """The matrix (or stack of matrices) with zeros below a diagonal, `k` to the right of the main one."""
    x = _matrices(x, "triu")
    return where(tri(x.shape[-2], x.shape[-1], index_of(k, "triu: k") - 1, bool_), converted(0, x.dtype), x)


def _matrices(x: Any, what: str) -> Expr:
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"{what} takes an array of at least 2 axes, got shape {show(x.shape)}")
    return x


def meshgrid(*vectors: Any, indexing: str = "xy") -> list[Expr]:
    """Each vector spread over the grid of all of them. With "xy" the first two axes are exchanged, with "ij" they are not."""
    if indexing not in ("xy", "ij"):
        raise ArgumentError(f'meshgrid: indexing is "xy" or "ij", got {indexing!r}')
    given = [asarray(x) for x in vectors]
    for x in given:
        if x.ndim > 1:
            raise ShapeError(f"meshgrid takes vectors, got shape {show(x.shape)}")
    count = len(given)
    places = list(range(count))
    if indexing == "xy" and count > 1:
        places[0], places[1] = 1, 0
    spread = []
    for x, place in zip(given, places):
        x = x if x.ndim else expand_dims(x, 0)
        spread.append(expand_dims(x, [axis for axis in range(count) if axis != place]))
    shape = broadcast_shapes([x.shape for x in spread], "meshgrid", [])
    return [stretch(x, shape) for x in spread]
