"""Examples for every operation: how to call it, what NumPy says, and arrays of every kind of dtype, size and shape that it takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import scipy.special as special

import croton as cr
from croton.ops import axes, casting, creation, extremes, linalg, nn, reductions

FLOATS = ("float32", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
NUMBERS = (*FLOATS, *INTEGERS)
EVERY = (*NUMBERS, "bool")
FEW = ("float32", "float64", "int32", "uint8", "bool")


class Sample(NamedTuple):
    """A call: `function` on expressions means what `oracle` means on arrays.

    smooth   the function has derivatives of all orders at these arrays
    unknown  the call also makes sense with unknown sizes
    """

    name: str
    function: Callable[..., Any]
    oracle: Callable[..., Any]
    arrays: tuple[np.ndarray, ...]
    smooth: bool = False
    unknown: bool = True


def values(dtype: str, shape: tuple[int, ...], seed: int = 0, low: float = -3, high: float = 3) -> np.ndarray:
    """Random values, small enough that nothing overflows and never 0 for floats."""
    random = np.random.default_rng(seed + len(shape) + sum(shape))
    if dtype == "bool":
        return random.integers(0, 2, shape).astype(bool)
    if dtype.startswith("float"):
        return (random.uniform(low, high, shape) + 0.01).astype(dtype)
    return random.integers(max(low, 0) if dtype.startswith("u") else low, high + 1, shape).astype(dtype)


SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1.5, 2.5, -2.5, np.inf, -np.inf, np.nan, 1e-30, 1e30, -700.0, 700.0])
UNARY_SHAPES = ((), (3,), (2, 1, 3), (0, 2))
PAIRS = (((3,), (3,)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((), (2,)), ((0, 2), (1, 2)), ((1,), (1, 1)))

UNARY: dict[str, tuple[Callable[..., Any], tuple[str, ...], float, float]] = {
    # name: oracle, dtypes, low, high of the smooth range
    "exp": (np.exp, EVERY, -2, 2), "exp2": (np.exp2, EVERY, -2, 2), "expm1": (np.expm1, EVERY, -2, 2),
    "log": (np.log, EVERY, 0.5, 3), "log1p": (np.log1p, EVERY, -0.5, 3), "log2": (np.log2, EVERY, 0.5, 3), "log10": (np.log10, EVERY, 0.5, 3),
    "sqrt": (np.sqrt, EVERY, 0.5, 3), "sin": (np.sin, EVERY, -2, 2), "cos": (np.cos, EVERY, -2, 2), "tan": (np.tan, EVERY, -1, 1),
    "asin": (np.arcsin, FEW, -0.8, 0.8), "acos": (np.arccos, FEW, -0.8, 0.8), "atan": (np.arctan, FEW, -2, 2),
    "sinh": (np.sinh, FEW, -2, 2), "cosh": (np.cosh, FEW, -2, 2), "tanh": (np.tanh, EVERY, -2, 2),
    "asinh": (np.arcsinh, FEW, -2, 2), "acosh": (np.arccosh, FEW, 1.5, 3), "atanh": (np.arctanh, FEW, -0.8, 0.8),
    "abs": (np.abs, EVERY, 0.5, 3), "sign": (np.sign, NUMBERS, 0.5, 3), "square": (np.square, EVERY, -2, 2),
    "negative": (np.negative, NUMBERS, -2, 2), "positive": (np.positive, NUMBERS, -2, 2),
    "conj": (np.conj, NUMBERS, -2, 2), "real": (np.real, NUMBERS, -2, 2), "imag": (np.imag, NUMBERS, -2, 2), "reciprocal": (np.reciprocal, FLOATS, 0.5, 2),
    "floor": (np.floor, NUMBERS, 0.1, 0.8), "ceil": (np.ceil, NUMBERS, 0.1, 0.8), "trunc": (np.trunc, NUMBERS, 0.1, 0.8),
    "round": (np.round, NUMBERS, 0.6, 0.9), "deg2rad": (np.deg2rad, FLOATS, -2, 2), "rad2deg": (np.rad2deg, FLOATS, -2, 2),
}  # fmt: skip
PREDICATES: dict[str, Callable[..., Any]] = {
    "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite, "signbit": np.signbit, "logical_not": np.logical_not,
}  # fmt: skip
SPECIAL_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "erf": special.erf, "erfc": special.erfc, "erfinv": special.erfinv, "sigmoid": special.expit, "softplus": lambda x: np.logaddexp(np.zeros_like(x), x),
    "lgamma": special.gammaln, "digamma": special.digamma, "logit": special.logit,
}  # fmt: skip
BINARY: dict[str, tuple[Callable[..., Any], tuple[str, ...], bool]] = {
    # name: oracle, dtypes, smooth
    "add": (np.add, EVERY, True), "subtract": (np.subtract, NUMBERS, True), "multiply": (np.multiply, EVERY, True),
    "divide": (np.true_divide, EVERY, True), "pow": (np.power, FLOATS, True), "floor_divide": (np.floor_divide, EVERY, False),
    "remainder": (np.remainder, EVERY, False), "fmod": (np.fmod, NUMBERS, False), "maximum": (np.maximum, EVERY, True),
    "minimum": (np.minimum, EVERY, True), "atan2": (np.arctan2, FEW, True), "hypot": (np.hypot, FEW, True),
    "logaddexp": (np.logaddexp, FLOATS, True), "copysign": (np.copysign, FEW, False), "nextafter": (np.nextafter, FLOATS, False),
    "equal": (np.equal, EVERY, False), "not_equal": (np.not_equal, EVERY, False), "less": (np.less, EVERY, False),
    "less_equal": (np.less_equal, EVERY, False), "greater": (np.greater, EVERY, False), "greater_equal": (np.greater_equal, EVERY, False),
    "logical_and": (np.logical_and, EVERY, False), "logical_or": (np.logical_or, EVERY, False), "logical_xor": (np.logical_xor, EVERY, False),
    "bitwise_and": (np.bitwise_and, (*INTEGERS, "bool"), False), "bitwise_or": (np.bitwise_or, (*INTEGERS, "bool"), False),
    "bitwise_xor": (np.bitwise_xor, (*INTEGERS, "bool"), False),
}  # fmt: skip
REDUCTIONS: dict[str, tuple[Callable[..., Any], tuple[str, ...], bool]] = {
    "sum": (np.sum, EVERY, True), "prod": (np.prod, EVERY, True), "mean": (np.mean, EVERY, True), "max": (np.max, EVERY, True),
    "min": (np.min, EVERY, True), "any": (np.any, EVERY, False), "all": (np.all, EVERY, False),
    "var": (np.var, FEW, True), "std": (np.std, FEW, True),
}  # fmt: skip


def elementwise_samples() -> Iterator[Sample]:
    """One argument, then two, then the rest."""
    for name, (oracle, dtypes, low, high) in UNARY.items():
        function = getattr(cr, name)
        for dtype in dtypes:
            yield Sample(f"{name} {dtype}", function, oracle, (values(dtype, (2, 3), 1),))
        for shape in UNARY_SHAPES:
            yield Sample(f"{name} {shape}", function, oracle, (values("float64", shape, 2, low, high),), smooth=True)
        for dtype in FLOATS:
            yield Sample(f"{name} special {dtype}", function, oracle, (SPECIAL.astype(dtype),))
    for name, oracle in PREDICATES.items():
        for dtype in EVERY:
            array = SPECIAL.astype(dtype) if dtype.startswith("float") else values(dtype, (3,))
            yield Sample(f"{name} {dtype}", getattr(cr, name), oracle, (array,))
    for name, oracle in SPECIAL_FUNCTIONS.items():
        for dtype in FLOATS:
            yield Sample(
                f"{name} {dtype}",
                getattr(cr, name),
                oracle,
                (values(dtype, (3, 2), 3, 0.1, 0.9),),
                smooth=True,
            )
        if name not in ("digamma", "lgamma"):
            yield Sample(f"{name} special", getattr(cr, name), oracle, (SPECIAL,))
    for name, (oracle, dtypes, smooth) in BINARY.items():
        function = getattr(cr, name)
        for dtype in dtypes:
            # A bool factor is a guard, so False / False is 0 and not NaN.
            right = values(dtype, (2, 3), 5) if (name, dtype) != ("divide", "bool") else np.ones((2, 3), bool)
            yield Sample(f"{name} {dtype}", function, oracle, (values(dtype, (2, 3), 4), right))
        if smooth:
            for left, right in PAIRS:
                pair = (values("float64", left, 6, 0.5, 2), values("float64", right, 9, 2.5, 4))
                yield Sample(f"{name} {left} {right}", function, oracle, pair, smooth=True)
        if "float64" in dtypes:
            x, y = (grid.ravel() for grid in np.meshgrid(SPECIAL, SPECIAL))
            yield Sample(f"{name} special", function, oracle, (x, y))
    for left, right in (
        ("int32", "float32"),
        ("int8", "uint8"),
        ("bool", "int16"),
        ("uint64", "int64"),
        ("float32", "float64"),
        ("bool", "float32"),
    ):
        pair = (values(left, (3,), 4), values(right, (2, 1), 5))
        yield Sample(f"promotion {left} {right}", cr.add, np.add, pair)
        yield Sample(f"promoted quotient {left} {right}", cr.divide, np.true_divide, pair)
        yield Sample(f"promoted comparison {left} {right}", cr.less, np.less, pair)
    for dtype in INTEGERS:
        shift = values(dtype, (4,), 2, 0, 6)
        yield Sample(f"left shift {dtype}", cr.bitwise_left_shift, np.left_shift, (values(dtype, (4,)), shift))
        yield Sample(f"right shift {dtype}", cr.bitwise_right_shift, np.right_shift, (values(dtype, (4,)), shift))
        yield Sample(f"invert {dtype}", cr.bitwise_invert, np.invert, (values(dtype, (4,)),))
        yield Sample(f"integer power {dtype}", cr.pow, np.power, (values(dtype, (4,)), shift))
        yield Sample(f"integer square {dtype}", lambda x: x**2, np.square, (values(dtype, (4,)),))
    yield Sample("invert bool", cr.bitwise_invert, np.invert, (values("bool", (4,)),))
    x = values("float64", (2, 3), 7)
    yield Sample(
        "xlogy", cr.xlogy, special.xlogy, (values("float64", (3,), 1, 0.5, 2), values("float64", (2, 1), 2, 0.5, 2)), smooth=True
    )
    grid = np.meshgrid(SPECIAL[[0, 1, 2, 9, 11]], SPECIAL[[0, 2, 9, 11]])
    yield Sample("xlogy special", cr.xlogy, special.xlogy, tuple(g.ravel() for g in grid))
    for array in (
        np.ones((1,)),
        np.ones((1, 1)),
        np.full((2, 3), 2.5),
        np.arange(3.0),
        np.arange(2.0)[:, None],
        np.zeros((0, 1, 1)),
        np.float32(2),
        [1, 2, 3],
    ):
        yield Sample(f"constant {np.shape(array)}", lambda a, b=array: a * b, lambda a, b=array: a * np.asarray(b), (x,), smooth=True)
    for order in (0, 1, 2, 5):
        array = values("float64", (3, 2), 3, 0.1, 4)
        name = f"polygamma {order}"
        yield Sample(name, lambda a, n=order: cr.polygamma(n, a), lambda a, n=order: special.polygamma(n, a), (array,), smooth=True)
    orders = np.array([0, 1, 3, 2])
    yield Sample("polygamma of orders", lambda n, a: cr.polygamma(n, a), special.polygamma, (orders, values("float64", (2, 4), 3, 0.1, 4)))
    yield Sample("where", cr.where, np.where, (x > 0, x, values("float64", (3,), 8)), smooth=True)
    yield Sample("where of numbers", lambda c, a: cr.where(c, a, 0), lambda c, a: np.where(c, a, 0), (values("int32", (3,)), x))
    yield Sample(
        "where guards", lambda a: cr.where(a > 0, cr.log(a), 0.0), lambda a: np.where(a > 0, np.log(a), 0), (SPECIAL,)
    )
    yield Sample("clip", lambda a: cr.clip(a, -1, 1), lambda a: np.clip(a, -1, 1), (x,), smooth=True)
    yield Sample("clip below", lambda a: cr.clip(a, -1), lambda a: np.clip(a, -1, None), (values("int32", (5,)),))
    yield Sample("round decimals", lambda a: cr.round(a, 2), lambda a: np.round(a, 2), (x,))
    yield Sample("round tens", lambda a: cr.round(a, -1), lambda a: np.round(a, -1), (x * 30,))
    yield Sample("isclose", cr.isclose, np.isclose, (SPECIAL, SPECIAL * (1 + 1e-9)))
    yield Sample(
        "isclose nan",
        lambda a, b: cr.isclose(a, b, equal_nan=True),
        lambda a, b: np.isclose(a, b, equal_nan=True),
        (SPECIAL, SPECIAL),
    )
    for scalar in (2, 2.0, True, -1, 0.5, 3):
        for dtype in ("float32", "int32", "uint8", "bool"):
            if scalar == -1 and dtype == "uint8":
                continue
            array = (values(dtype, (3,), 3, 1, 4),)
            yield Sample(f"{dtype} + {scalar!r}", lambda a, s=scalar: a + s, lambda a, s=scalar: a + s, array)
            yield Sample(f"{scalar!r} * {dtype}", lambda a, s=scalar: s * a, lambda a, s=scalar: s * a, array)
            yield Sample(f"{dtype} / {scalar!r}", lambda a, s=scalar: a / s, lambda a, s=scalar: a / s, array)
            yield Sample(f"{dtype} < {scalar!r}", lambda a, s=scalar: a < s, lambda a, s=scalar: a < s, array)
            if not (dtype != "float32" and scalar == -1):
                # The square of a bool is int8, as np.square has it; `**` has followed it since NumPy 2.4.
                power = np.square if (dtype, scalar, type(scalar)) == ("bool", 2, int) else lambda a, s=scalar: a**s
                yield Sample(f"{dtype} ** {scalar!r}", lambda a, s=scalar: a**s, power, array)
    for number in (300, -1, 2**40, 2**70, -(2**70)):
        for dtype in ("uint8", "int32", "uint64", "int64"):
            array = (values(dtype, (3,)),)
            yield Sample(f"{dtype} < {number}", lambda a, s=number: a < s, lambda a, s=number: a < s, array)
            yield Sample(f"{number} == {dtype}", lambda a, s=number: s == a, lambda a, s=number: s == a, array)


def reduction_samples() -> Iterator[Sample]:
    """Every reduction over every kind of axis."""
    for name, (oracle, dtypes, smooth) in REDUCTIONS.items():
        function = getattr(reductions, name)
        for dtype in dtypes:
            yield Sample(f"{name} {dtype}", function, oracle, (values(dtype, (2, 3), 1),))
        for shape, axis in (
            ((3,), None),
            ((2, 3), 0),
            ((2, 3), -1),
            ((2, 1, 3), (0, 2)),
            ((2, 3, 2), (-1, 0)),
            ((2, 2), ()),
            ((), None),
            ((1, 1), 0),
        ):
            for keepdims in (False, True):
                sample = Sample(
                    f"{name} {shape} {axis} {keepdims}",
                    lambda x, f=function, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                    lambda x, f=oracle, a=axis, k=keepdims: f(x, axis=a, keepdims=k),
                    (values("float64", shape, 3, 0.5, 2),),
                    smooth=smooth
                    and not (name == "std" and (axis == () or (3 not in shape and 2 not in shape)))
                    and not (name == "std" and axis == 0 and shape == (1, 1)),
                )
                yield sample
        if name in ("max", "min"):
            for kind in ("float64", "int64"):
                yield Sample(
                    f"{name} {kind} of nothing but an initial value",
                    lambda x, f=function: f(x, axis=0, initial=2),
                    lambda x, f=oracle: f(x, axis=0, initial=2),
                    (np.zeros((0, 2), kind),),
                )
        if name not in ("max", "min", "mean", "var", "std"):
            yield Sample(
                f"{name} of nothing",
                lambda x, f=function: f(x, axis=0),
                lambda x, f=oracle: f(x, axis=0),
                (np.zeros((0, 2)),),
                unknown=False,
            )
        yield Sample(f"{name} to nothing", lambda x, f=function: f(x, axis=1), lambda x, f=oracle: f(x, axis=1), (np.zeros((0, 2)),))
        if smooth:
            yield Sample(
                f"{name} special",
                lambda x, f=function: f(x, axis=0),
                lambda x, f=oracle: f(x, axis=0),
                (np.array([[1.0, np.nan, np.inf, -np.inf], [2, 3, 4, 5]]),),
            )
    x = values("float64", (3, 4), 2)
    for axis in (0, -1):
        for keepdims in (False, True):
            for name in ("argmax", "argmin"):
                yield Sample(
                    f"{name} {axis} {keepdims}",
                    lambda a, n=name, i=axis, k=keepdims: getattr(extremes, n)(a, i, k),
                    lambda a, n=name, i=axis, k=keepdims: getattr(np, n)(a, i, keepdims=k),
                    (x,),
                )
    for array in (np.array([1, 3, 3, 0, 0]), np.array([1.0, np.nan, 3, np.nan, -np.inf]), np.array([False, True, True, False])):
        yield Sample(f"argmax ties {array.dtype}", lambda a: extremes.argmax(a, 0), lambda a: np.argmax(a, 0), (array,))
        yield Sample(f"argmin ties {array.dtype}", lambda a: extremes.argmin(a, 0), lambda a: np.argmin(a, 0), (array,))
    for shape, axis in (((3,), None), ((2, 3), 0), ((2, 3), (0, 1)), ((2, 1, 3), -1)):
        yield Sample(
            f"logsumexp {shape} {axis}",
            lambda a, i=axis: reductions.logsumexp(a, i),
            lambda a, i=axis: special.logsumexp(a, i),
            (values("float64", shape),),
            smooth=True,
        )
    yield Sample("argmax of all", extremes.argmax, np.argmax, (x,))
    yield Sample("argmin of all", lambda a: extremes.argmin(a, keepdims=True), lambda a: np.argmin(a, keepdims=True), (x,))
    yield Sample("count_nonzero", reductions.count_nonzero, np.count_nonzero, (values("int32", (5,), 1, -1, 1),))
    weights = np.array([0.1, 0.2, 0.3, 0.4])
    yield Sample("average", lambda a, w: reductions.average(a, 1, w), lambda a, w: np.average(a, 1, w), (x, weights), smooth=True)
    edges = np.array([[1e4, 1e4], [-np.inf, -np.inf], [np.inf, 0], [-1e4, -1e4 - 1]])
    yield Sample("logsumexp special", lambda a: reductions.logsumexp(a, 1), lambda a: special.logsumexp(a, 1), (edges,))
    yield Sample("sum dtype", lambda a: reductions.sum(a, dtype="float32"), lambda a: np.sum(a, dtype="float32"), (values("int32", (4,)),))
    yield Sample("prod dtype", lambda a: reductions.prod(a, dtype="int8"), lambda a: np.prod(a, dtype="int8"), (values("int32", (4,)),))
    yield Sample(
        "mean dtype", lambda a: reductions.mean(a, dtype="float32"), lambda a: np.mean(a, dtype="float32"), (values("int32", (4,)),)
    )
    yield Sample("var correction", lambda a: reductions.var(a, 0, 1), lambda a: np.var(a, 0, ddof=1), (x,), smooth=True)
    yield Sample("var of one", lambda a: reductions.var(a, 0, 1), lambda a: np.var(a, 0, ddof=1), (x[:1],), unknown=False)
    yield Sample("std correction", lambda a: reductions.std(a, 1, 1.5), lambda a: np.std(a, 1, ddof=1.5), (x,), smooth=True)


def product_samples() -> Iterator[Sample]:
    """Matrix products and their kin."""
    shapes = (
        ((3,), (3,)),
        ((2, 3), (3,)),
        ((3,), (3, 2)),
        ((2, 3), (3, 4)),
        ((5, 2, 3), (3, 4)),
        ((5, 2, 3), (5, 3, 2)),
        ((5, 1, 2, 3), (6, 3, 4)),
        ((2, 0), (0, 3)),
        ((1, 1), (1, 4)),
        ((4, 1), (1, 2)),
        ((1, 2, 3), (5, 3, 1)),
    )
    for left, right in shapes:
        pair = (values("float64", left, 1), values("float64", right, 2))
        yield Sample(f"matmul {left} {right}", linalg.matmul, np.matmul, pair, smooth=True)
    for dtype in EVERY:
        yield Sample(f"matmul {dtype}", linalg.matmul, np.matmul, (values(dtype, (2, 3), 1), values(dtype, (3, 2), 2)))
    a, b, v = values("float64", (2, 3, 4), 1), values("float64", (4, 3, 5), 2), values("float64", (4,), 3)
    for pair in (((), (2,)), ((3,), (3,)), ((2, 3), (3,)), ((2, 3, 4), (5, 4, 2))):
        yield Sample(f"dot {pair}", linalg.dot, np.dot, (values("float64", pair[0]), values("float64", pair[1])), smooth=True)
        yield Sample(
            f"inner {pair[0]}", linalg.inner, np.inner, (values("float64", pair[0], 1), values("float64", pair[0], 2)), smooth=True
        )
    for axes_ in (0, 1, ((2, 1), (0, 1)), (2, 0)):
        yield Sample(
            f"tensordot {axes_}", lambda x, y, k=axes_: linalg.tensordot(x, y, k), lambda x, y, k=axes_: np.tensordot(x, y, k), (a, b)
        )
    yield Sample("tensordot 2", linalg.tensordot, np.tensordot, (a, values("float64", (3, 4, 2))), smooth=True)
    yield Sample("outer", linalg.outer, np.outer, (v, v[:3]), smooth=True)
    yield Sample("vecdot", linalg.vecdot, np.vecdot, (a, v), smooth=True)
    yield Sample(
        "vecdot axis",
        lambda x, y: linalg.vecdot(x, y, 0),
        lambda x, y: np.vecdot(x, y, axis=0),
        (values("float64", (3, 2)), values("float64", (3, 1))),
    )
    for order in (None, 1, 2, 3, np.inf, -np.inf, 0):
        yield Sample(
            f"norm {order}",
            lambda x, o=order: linalg.norm(x, 1, o),
            lambda x, o=order: np.linalg.norm(x, o, 1),
            (values("float64", (2, 3)),),
            smooth=order != 0,
        )
    yield Sample("norm of all", linalg.norm, lambda x: np.linalg.norm(x.ravel()), (a,), smooth=True)
    specs = (
        ("ij,jk->ik", (2, 3), (3, 4)), ("ij,jk", (2, 3), (3, 4)), ("ij->ji", (2, 3)), ("ii->i", (3, 3)), ("ii", (3, 3)), ("ij->", (2, 3)),
        ("i,i->", (3,), (3,)), ("i,j->ij", (3,), (2,)), ("...ij,...jk->...ik", (5, 2, 3), (3, 4)), ("...i->...", (2, 3)),
        ("i...,i...", (3, 2), (3, 1)), ("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)), ("iij,ij->j", (3, 3, 2), (3, 2)), ("b...,b...->b...", (2, 3, 4), (2, 4)),
        ("ab,ab,ab->a", (2, 3), (2, 3), (2, 3)), ("ba", (2, 3)), ("ij,kj->ikj", (2, 3), (4, 3)), ("i,i->i", (1,), (3,)), (",i->i", (), (2,)),
    )  # fmt: skip
    for spec, *shapes_ in specs:
        arrays = tuple(values("float64", s, i) for i, s in enumerate(shapes_))
        yield Sample(
            f"einsum {spec}", lambda *xs, s=spec: linalg.einsum(s, *xs), lambda *xs, s=spec: np.einsum(s, *xs), arrays, smooth=True
        )
    yield Sample(
        "einsum ints",
        lambda x, y: linalg.einsum("ij,j", x, y),
        lambda x, y: np.einsum("ij,j", x, y),
        (values("int32", (2, 3)), values("int8", (3,))),
    )
    for offset in (-3, -1, 0, 1, 2, 5):
        for shape in ((3, 3), (2, 4), (4, 2), (2, 3, 3), (1, 3), (0, 2)):
            yield Sample(
                f"diagonal {shape} {offset}",
                lambda x, k=offset: linalg.diagonal(x, k),
                lambda x, k=offset: np.diagonal(x, k, -2, -1),
                (values("float64", shape),),
                smooth=True,
            )
    yield Sample("diagonal of a square", linalg.diagonal, np.diagonal, (values("float64", (3, 3)),), smooth=True)
    yield Sample("diagonal axes", lambda x: linalg.diagonal(x, 1, 2, 0), lambda x: np.diagonal(x, 1, 2, 0), (a,))
    yield Sample("trace", linalg.trace, np.trace, (values("float64", (3, 3)),), smooth=True)
    yield Sample("trace ints", lambda x: linalg.trace(x, 1), lambda x: np.trace(x, 1), (values("int32", (3, 3)),))


def axis_samples() -> Iterator[Sample]:
    """Axes moved, added and taken away."""
    a = values("float64", (2, 3, 1, 4), 1)
    calls: tuple[tuple[str, Callable, Callable], ...] = (
        ("transpose", axes.transpose, np.transpose),
        ("transpose order", lambda x: x.transpose(2, 0, -1, 1), lambda x: x.transpose(2, 0, -1, 1)),
        ("T", lambda x: x.T, lambda x: x.T),
        ("mT", lambda x: x.mT, lambda x: x.mT),
        ("permute_dims", lambda x: axes.permute_dims(x, (3, 2, 0, 1)), lambda x: np.permute_dims(x, (3, 2, 0, 1))),
        ("moveaxis", lambda x: axes.moveaxis(x, 0, -1), lambda x: np.moveaxis(x, 0, -1)),
        ("moveaxis two", lambda x: axes.moveaxis(x, (0, 3), (2, 0)), lambda x: np.moveaxis(x, (0, 3), (2, 0))),
        ("swapaxes", lambda x: axes.swapaxes(x, 0, -1), lambda x: np.swapaxes(x, 0, -1)),
        ("expand_dims", lambda x: axes.expand_dims(x, (0, -1)), lambda x: np.expand_dims(x, (0, -1))),
        ("expand_dims one", lambda x: axes.expand_dims(x, 2), lambda x: np.expand_dims(x, 2)),
        ("squeeze", axes.squeeze, np.squeeze),
        ("squeeze axis", lambda x: axes.squeeze(x, 2), lambda x: np.squeeze(x, 2)),
        ("broadcast_to", lambda x: axes.broadcast_to(x, (5, 2, 3, 6, 4)), lambda x: np.broadcast_to(x, (5, 2, 3, 6, 4))),
    )
    for name, function, oracle in calls:
        yield Sample(name, function, oracle, (a,), smooth=True, unknown=name != "broadcast_to")
    yield Sample("broadcast_arrays", lambda x, y: axes.broadcast_arrays(x, y)[1], lambda x, y: np.broadcast_arrays(x, y)[1], (a, a[0, 0]))
    yield Sample("x + x.T", lambda x: x + x.T, lambda x: x + x.T, (values("float64", (3, 3)),), smooth=True)
    yield Sample("x.T with itself", lambda x: x * x.T + x.T, lambda x: x * x.T + x.T, (values("float64", (3, 3)),), smooth=True)


def creation_samples() -> Iterator[Sample]:
    """Arrays made from nothing; the argument lends its sizes."""
    x = values("float64", (3, 5), 1)
    for arguments in ((5,), (2, 5), (5, 2), (0, 10, 3), (10, 0, -3), (1, 2, 0.25), (0.5,), (3, 3), (5, 1, -0.5)):
        yield Sample(f"arange {arguments}", lambda a, s=arguments: creation.arange(*s), lambda a, s=arguments: np.arange(*s), (x,))
    yield Sample("arange dtype", lambda a: creation.arange(4, dtype="float32"), lambda a: np.arange(4, dtype="float32"), (x,))
    yield Sample("arange size", lambda a: creation.arange(a.shape[0]), lambda a: np.arange(a.shape[0]), (x,))
    yield Sample("arange sizes", lambda a: creation.arange(1, a.shape[1], 2), lambda a: np.arange(1, a.shape[1], 2), (x,))
    yield Sample("arange down", lambda a: creation.arange(a.shape[1], 0, -2), lambda a: np.arange(a.shape[1], 0, -2), (x,))
    for num in (0, 1, 2, 7):
        for endpoint in (True, False):
            yield Sample(
                f"linspace {num} {endpoint}",
                lambda a, n=num, e=endpoint: creation.linspace(-1, 2, n, e),
                lambda a, n=num, e=endpoint: np.linspace(-1, 2, n, e),
                (x,),
            )
    yield Sample(
        "linspace expr",
        lambda a: creation.linspace(reductions.min(a), reductions.max(a), 4),
        lambda a: np.linspace(a.min(), a.max(), 4),
        (x,),
    )
    for arguments in ((3,), (2, 4), (4, 2, 1), (3, 3, -1), (2, 2, 5), (1, 1), (0, 2)):
        yield Sample(f"eye {arguments}", lambda a, s=arguments: creation.eye(*s), lambda a, s=arguments: np.eye(*s), (x,))
        yield Sample(f"tri {arguments}", lambda a, s=arguments: creation.tri(*s), lambda a, s=arguments: np.tri(*s), (x,))
    yield Sample("eye size", lambda a: creation.eye(a.shape[0], a.shape[1], 1), lambda a: np.eye(a.shape[0], a.shape[1], 1), (x,))
    for offset in (-1, 0, 2):
        yield Sample(f"tril {offset}", lambda a, k=offset: creation.tril(a, k), lambda a, k=offset: np.tril(a, k), (x,), smooth=True)
        yield Sample(f"triu {offset}", lambda a, k=offset: creation.triu(a, k), lambda a, k=offset: np.triu(a, k), (x,), smooth=True)
    yield Sample("zeros", lambda a: creation.zeros(a.shape), lambda a: np.zeros(a.shape), (x,))
    yield Sample("ones", lambda a: creation.ones((2, a.shape[0]), "int8"), lambda a: np.ones((2, a.shape[0]), "int8"), (x,))
    yield Sample("full", lambda a: creation.full((2, 3), 7, "float32"), lambda a: np.full((2, 3), 7, "float32"), (x,))
    yield Sample("full expr", lambda a: creation.full((2,), reductions.sum(a)), lambda a: np.full((2,), a.sum()), (x,))
    yield Sample("zeros_like", creation.zeros_like, np.zeros_like, (values("int16", (2, 1)),))
    yield Sample("ones_like", creation.ones_like, np.ones_like, (values("bool", (2, 1)),))
    yield Sample("full_like", lambda a: creation.full_like(a, 3), lambda a: np.full_like(a, 3), (x,))
    for indexing in ("xy", "ij"):
        for place in (0, 1):
            yield Sample(
                f"meshgrid {indexing} {place}",
                lambda a, b, i=indexing, p=place: creation.meshgrid(a, b, indexing=i)[p],
                lambda a, b, i=indexing, p=place: np.meshgrid(a, b, indexing=i)[p],
                (x[0], x[:, 0]),
            )
    for source in EVERY:
        for target in EVERY:
            array = values(source, (4,), 1, 0, 3)
            yield Sample(f"{source} as {target}", lambda a, t=target: a.astype(t), lambda a, t=target: a.astype(t), (array,))
    yield Sample("nan as bool", lambda a: a.astype("bool"), lambda a: a.astype("bool"), (SPECIAL,))
    yield Sample("stop_gradient", casting.stop_gradient, lambda a: a, (x,))
    yield Sample("size", lambda a: casting.size(a.shape[0]), lambda a: np.int64(a.shape[0]), (x,))
    yield Sample("size arithmetic", lambda a: reductions.sum(a) / a.shape[0], lambda a: np.sum(a) / a.shape[0], (x.astype("float32"),))


def network_samples() -> Iterator[Sample]:
    """Functions of neural networks."""
    x = values("float64", (2, 3), 1)

    def softmax(a: np.ndarray, axis: Any = -1) -> np.ndarray:
        return special.softmax(a, axis)

    yield Sample("softmax", nn.softmax, softmax, (x,), smooth=True)
    yield Sample("softmax both", lambda a: nn.softmax(a, (0, 1)), lambda a: softmax(a, (0, 1)), (x,), smooth=True)
    yield Sample("softmax large", nn.softmax, softmax, (x * 1e3,))
    yield Sample("log_softmax", nn.log_softmax, lambda a: special.log_softmax(a, -1), (x,), smooth=True)
    yield Sample("log_softmax large", lambda a: nn.log_softmax(a, 0), lambda a: special.log_softmax(a, 0), (x * 1e3,))
    yield Sample("relu", nn.relu, lambda a: np.maximum(a, 0), (x,), smooth=True)
    yield Sample("relu special", nn.relu, lambda a: np.maximum(a, 0), (SPECIAL,))
    yield Sample("relu ints", nn.relu, lambda a: np.maximum(a, 0), (values("int32", (3,)),))
    yield Sample("leaky_relu", nn.leaky_relu, lambda a: np.where(a > 0, a, 0.01 * a), (x,), smooth=True)
    yield Sample("elu", nn.elu, lambda a: np.where(a > 0, a, np.expm1(a)), (x,), smooth=True)
    yield Sample("silu", nn.silu, lambda a: a * special.expit(a), (x,), smooth=True)
    yield Sample("gelu", nn.gelu, lambda a: a * special.ndtr(a), (x,), smooth=True)
    tanh_form = lambda a: 0.5 * a * (1 + np.tanh(np.sqrt(2 / np.pi) * (a + 0.044715 * a**3)))
    yield Sample("gelu tanh", lambda a: nn.gelu(a, "tanh"), tanh_form, (x,), smooth=True)
    yield Sample("log_sigmoid", nn.log_sigmoid, special.log_expit, (np.array([-800.0, -1, 0, 2, 800]),))


def samples() -> list[Sample]:
    """All of them."""
    return [
        *elementwise_samples(),
        *reduction_samples(),
        *product_samples(),
        *axis_samples(),
        *creation_samples(),
        *network_samples(),
    ]
