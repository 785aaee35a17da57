"""Croton: a tensor compiler. Write the mathematics on symbolic arrays, get its derivatives, call native code.

    import croton as cr

    x, W = cr.matrix("x"), cr.shared(weights)
    cost = (cr.tanh(x @ W) ** 2).mean()
    step = cr.function([x], cost, updates={W: W - 0.1 * cr.grad(cost, W)})

Array functions follow NumPy's names and the Python array API standard. Only names are gathered here; each is defined, and documented,
where it belongs.
"""

import sys as _sys
from types import ModuleType as _ModuleType
from typing import Any as _Any

from croton import linalg, random
from croton.compile import reference
from croton.compile.evaluate import install_evaluation as _install_evaluation
from croton.compile.finite import NotFiniteError
from croton.compile.formula import formula
from croton.compile.function import Function, function
from croton.compile.jit import jit
from croton.compile.signature import Param
from croton.compile.structure import Structure, structure
from croton.dtypes import (
    bool_,
    dtype,
    float32,
    float64,
    int8,
    int16,
    int32,
    int64,
    uint8,
    uint16,
    uint32,
    uint64,
)
from croton.expr.expr import Expr, Input, SharedVariable
from croton.ops.arithmetic import (
    abs,
    add,
    clip,
    divide,
    divmod,
    floor_divide,
    fmod,
    maximum,
    minimum,
    multiply,
    negative,
    positive,
    pow,
    reciprocal,
    remainder,
    sign,
    square,
    subtract,
)
from croton.ops.arranging import flip, pad, repeat, roll
from croton.ops.at import put_along_axis
from croton.ops.axes import (
    broadcast_arrays,
    broadcast_to,
    expand_dims,
    matrix_transpose,
    moveaxis,
    permute_dims,
    squeeze,
    swapaxes,
    transpose,
)
from croton.ops.casting import asarray, astype, result_type, size, stop_gradient
from croton.ops.comparisons import (
    equal,
    greater,
    greater_equal,
    isclose,
    isfinite,
    isinf,
    isnan,
    less,
    less_equal,
    not_equal,
)
from croton.ops.complex_parts import conj, imag, real
from croton.ops.compressing import argwhere, compress, flatnonzero, nonzero
from croton.ops.constants import e, inf, nan, newaxis, pi
from croton.ops.creation import (
    arange,
    eye,
    full,
    full_like,
    linspace,
    matrix,
    meshgrid,
    ones,
    ones_like,
    scalar,
    shared,
    tensor,
    tensor3,
    tensor4,
    tri,
    tril,
    triu,
    vector,
    zeros,
    zeros_like,
)
from croton.ops.cumulative import cummax, cummin, cumprod, cumsum, cumulative_prod, cumulative_sum, diff
from croton.ops.dtype_info import can_cast, finfo, iinfo, isdtype
from croton.ops.extremes import argmax, argmin
from croton.ops.indexing import take
from croton.ops.joining import array_split, column_stack, concatenate, hstack, split, stack, unstack, vstack
from croton.ops.linalg import diagonal, dot, einsum, inner, matmul, norm, outer, tensordot, trace, vecdot
from croton.ops.logic import (
    bitwise_and,
    bitwise_invert,
    bitwise_left_shift,
    bitwise_or,
    bitwise_right_shift,
    bitwise_xor,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    where,
)
from croton.ops.nn import (
    attention,
    celu,
    elu,
    gelu,
    glu,
    hard_sigmoid,
    hard_silu,
    hard_tanh,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    mish,
    relu,
    relu6,
    selu,
    silu,
    soft_sign,
    softmax,
    squareplus,
    standardize,
)
from croton.ops.numerics import (
    allclose,
    append,
    array_equal,
    bincount,
    broadcast_shapes,
    cbrt,
    convolve,
    correlate,
    cross,
    fliplr,
    flipud,
    fmax,
    fmin,
    heaviside,
    interp,
    isin,
    kron,
    logaddexp2,
    nan_to_num,
    polyval,
    ptp,
    ravel_multi_index,
    rot90,
    segment_sum,
    select,
    sinc,
    trapezoid,
    unravel_index,
    vander,
    vdot,
)
from croton.ops.other_names import INSTEAD as _INSTEAD
from croton.ops.other_names import (
    absolute,
    amax,
    amin,
    arccos,
    arccosh,
    arcsin,
    arcsinh,
    arctan,
    arctan2,
    arctanh,
    around,
    array,
    bitwise_not,
    degrees,
    empty,
    empty_like,
    expit,
    fix,
    gammaln,
    hard_swish,
    invert,
    left_shift,
    mod,
    radians,
    right_shift,
    swish,
    true_divide,
)
from croton.ops.reductions import all, any, average, count_nonzero, logsumexp, max, mean, min, prod, std, sum, var
from croton.ops.rounding import ceil, copysign, floor, nextafter, rint, round, signbit, trunc
from croton.ops.selection import one_hot, take_along_axis
from croton.ops.shape import atleast_1d, atleast_2d, diag, diagonal_matrix, flatten, ravel, reshape, tile
from croton.ops.sorting import argsort, searchsorted, sort, top_k
from croton.ops.statistics import (
    corrcoef,
    cov,
    median,
    nanmax,
    nanmean,
    nanmin,
    nanprod,
    nanstd,
    nansum,
    nanvar,
    percentile,
    quantile,
)
from croton.ops.sugar import install_operators as _install_operators
from croton.ops.transcendental import (
    acos,
    acosh,
    asin,
    asinh,
    atan,
    atan2,
    atanh,
    cos,
    cosh,
    deg2rad,
    digamma,
    erf,
    erfc,
    erfinv,
    exp,
    exp2,
    expm1,
    hypot,
    lgamma,
    log,
    log1p,
    log2,
    log10,
    logaddexp,
    logit,
    polygamma,
    rad2deg,
    sigmoid,
    sin,
    sinh,
    softplus,
    sqrt,
    tan,
    tanh,
    xlogy,
)
from croton.ops.unique import unique, unique_all, unique_counts, unique_inverse, unique_values
from croton.ops.windows import conv, max_pool, mean_pool, sliding_window_view
from croton.transforms.associative import associative_scan
from croton.transforms.body import until
from croton.transforms.checkpoint import checkpoint
from croton.transforms.cond import cond
from croton.transforms.custom import custom_vjp
from croton.transforms.grad import grad, hessian, jacobian, jvp, value_and_grad, vjp
from croton.transforms.routine import routine
from croton.transforms.scan import fori, scan
from croton.transforms.taps import taps
from croton.transforms.vmap import map, vmap
from croton.transforms.while_loop import while_loop
from croton.util.config import config
from croton.util.errors import (
    ArgumentError,
    CrotonError,
    DTypeError,
    GradientError,
    KindError,
    MatrixError,
    MemoryBudgetError,
    NotSupportedError,
    OutOfRangeError,
    ShapeError,
)

__version__ = "0.1.0"

power = pow
concat = concatenate
bool = bool_

_install_operators(_sys.modules[__name__])
_install_evaluation()

__all__ = [name for name, value in list(globals().items()) if name[0] != "_" and (not isinstance(value, _ModuleType) or value in (linalg, random, reference))]


def __dir__() -> list[str]:
    return [*__all__, "__version__"]


def __getattr__(name: str) -> _Any:
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else ""
    raise AttributeError(f"croton has no {name!r}{instead}", name=name, obj=_sys.modules[__name__])
