"""Turning values into expressions, and expressions into other dtypes: conversion and promotion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra import Operand, of_size, scalar
from croton.algebra import constant as algebra_constant
from croton.dtypes import DType, bool_, dtype, float32, float64, int64, uint64
from croton.expr.expr import Constant, Expr, apply, constant
from croton.expr.op import Op
from croton.expr.types import TensorType
from croton.ops.size_number import SizeNumber
from croton.sizes import Poly, Size
from croton.util.arrays import read_array
from croton.util.config import config
from croton.util.errors import DTypeError, KindError, OutOfRangeError


def _cast_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(params[0], types[0].shape)


def _cast_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    (x,), (wanted,) = operands, params
    cast = scalar("cast", x.use, dtype=wanted)
    if config.algebra == "strict" and x.use.node.dtype is bool_ and wanted.is_float:
        # A bool factor is a guard: where it is False the product is 0, even times NaN. NumPy multiplies by the number 0.
        cast = scalar("kept", cast)
    return Operand(x.axes, cast)


def _cast_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    with np.errstate(all="ignore"):
        return arrays[0].astype(params[0].numpy)


CAST = Op("astype", _cast_infer, _cast_meaning, _cast_reference, parameters=("dtype",))


def _size_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return TensorType(params[1], ())


def _size_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return Operand((), algebra_constant(of_size(params[0]), params[1]))


def _size_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return np.array(params[0], params[1].numpy)


SIZE = Op("size", _size_infer, _size_meaning, _size_reference, parameters=("size", "dtype"))


def _stop_infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    return types[0]


def _stop_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return Operand(operands[0].axes, scalar("stop", operands[0].use))


def _stop_reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[0]


STOP_GRADIENT = Op("stop_gradient", _stop_infer, _stop_meaning, _stop_reference, differentiable=False)
OPERATIONS = [CAST, SIZE, STOP_GRADIENT]


def size(value: Size, dtype_name: object = int64) -> Expr:
    """A size as a scalar expression, int64 unless told otherwise: `size(x.shape[0])`."""
    if not isinstance(value, Poly):
        return constant(value, dtype_name)
    return apply(SIZE, (), (value, dtype(dtype_name)))


def asarray(value: Any, dtype: object = None, *, copy: bool | None = None) -> Expr:
    """The value as an expression: an expression itself, a number, a NumPy array, nested lists of numbers, a symbolic size.

    Python floats get the dtype `config.float_dtype` unless told otherwise. Arrays are copied and are constants from then on,
    whatever `copy` says.
    """
    if isinstance(value, Expr):
        return value if dtype is None else astype(value, dtype)
    if isinstance(value, Poly):
        return size(value, int64 if dtype is None else dtype)
    if isinstance(value, SizeNumber):
        return astype(value.expr, config.float_dtype if dtype is None else dtype)
    if dtype is None and not isinstance(value, (np.ndarray, np.generic)):
        value = _numbers(value)
        if value.dtype == float64.numpy:
            dtype = config.float_dtype
    elif not isinstance(value, (np.ndarray, np.generic, bool, int, float)):
        value = _numbers(value)
    return constant(value, dtype)


def _numbers(value: Any) -> np.ndarray:
    if isinstance(value, (list, tuple)) and any(isinstance(x, (Expr, Poly, SizeNumber)) for x in value):
        raise KindError("a list that holds expressions or sizes is not an array; join them with stack or concatenate")
    if value is None:
        raise KindError("an array or a number is wanted, got None; `x is None` asks whether there is one")
    array = read_array(value, "an array")
    if array.dtype.kind not in "biuf":
        raise DTypeError(f"numbers are wanted, got {type(value).__name__} {value!r} of dtype {array.dtype}")
    return array


def astype(x: Any, dtype: object, *, copy: bool | None = None) -> Expr:
    """x converted to the dtype, as NumPy's astype: floats are cut to integers, numbers other than 0 are True.

    `copy` is accepted as in NumPy; expressions do not change, so that there is nothing to copy.
    """
    wanted = _dtype(dtype)
    x = asarray(x)
    if x.dtype is wanted:
        return x
    if isinstance(x, Constant):
        return constant(_cast_reference([x.value], (wanted,)))
    return apply(CAST, (x,), (wanted,))


_dtype = dtype


def stop_gradient(x: Any) -> Expr:
    """x, as a constant to derivatives."""
    return apply(STOP_GRADIENT, (asarray(x),))


_STAND_IN = {bool: False, int: 0, float: 0.0, Poly: 0, SizeNumber: 0.0}
_results: dict[tuple, DType] = {}


def result_type(*values: Any) -> DType:
    """The dtype that NumPy 2 computes these in: arrays and dtypes promote one another, Python numbers and sizes adapt."""
    return common_dtype([value if isinstance(value, DType) else operands(value)[0] for value in values])


def common_dtype(values: Sequence[Any]) -> DType:
    """`result_type` of expressions, dtypes, Python numbers and sizes."""
    key = tuple([value.type.dtype if isinstance(value, Expr) else value if isinstance(value, DType) else type(value) for value in values])
    found = _results.get(key)
    if found is None:
        found = _results[key] = dtype(np.result_type(*[k.numpy if isinstance(k, DType) else _STAND_IN[k] for k in key]))
    return found


def operands(*values: Any) -> list[Any]:
    """The values as expressions, except for Python numbers and sizes, which adapt to the others' dtype."""
    return [value if isinstance(value, Expr) or type(value) in _STAND_IN else asarray(value) for value in values]


def promoted(*values: Any, least: DType | None = None) -> tuple[list[Expr], DType]:
    """The values as expressions of their common dtype, which is returned too; `least` takes part as if it were a value's."""
    given = operands(*values)
    common = common_dtype(given if least is None else [*given, least])
    return [converted(value, common) for value in given], common


def converted(value: Any, wanted: DType) -> Expr:
    """An expression, Python number or size as an expression of the dtype. An integer that does not fit is an error, as in NumPy."""
    if isinstance(value, Expr):
        return value if value.type.dtype is wanted else astype(value, wanted)
    if isinstance(value, (Poly, SizeNumber)):
        return asarray(value, wanted)
    if type(value) is int and wanted.is_integer:
        limits = np.iinfo(wanted.numpy)
        if not limits.min <= value <= limits.max:
            raise OutOfRangeError(f"the integer {value} does not fit into {wanted}; convert the array first, x.astype('int64')")
    return constant(value, wanted)


_HALF_IN_NUMPY = {"bool", "int8", "uint8", "int16", "uint16"}


def floating(kind: DType) -> DType:
    """The floating dtype in which NumPy computes exp or sin of this one (float32 where NumPy takes float16)."""
    if kind.is_float:
        return kind
    return float32 if kind.name in _HALF_IN_NUMPY else float64


def accumulator(kind: DType, wanted: object) -> DType:
    """The dtype in which NumPy sums and multiplies, unless another is wanted."""
    if wanted is not None:
        return dtype(wanted)
    if kind.is_float:
        return kind
    return uint64 if kind.kind == "u" else int64


def floats(*values: Any) -> list[Expr]:
    """The values as expressions of their common floating dtype: of integers the least one that NumPy would compute all of them in."""
    given = operands(*values)
    common = common_dtype(given)
    if not common.is_float:
        numbers = [value for value in given if not isinstance(value, Expr)]
        kinds = [floating(common_dtype([value, *numbers])) for value in given if isinstance(value, Expr)]
        common = float32 if kinds and all(kind is float32 for kind in kinds) else float64
    return [converted(value, common) for value in given]


def truths(value: Any) -> Expr:
    """The value as bool: True where it is not 0."""
    x = asarray(value)
    return x if x.dtype is bool_ else astype(x, bool_)
