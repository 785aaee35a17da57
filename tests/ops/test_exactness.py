"""docs/exactness.md: every operation of two arguments, every pair of dtypes, and the values that are not ordinary."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import croton as cr

DTYPES = ("bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64")
NAMES = (
    "add", "subtract", "multiply", "divide", "floor_divide", "remainder", "fmod", "pow", "maximum", "minimum", "atan2", "hypot", "logaddexp", "copysign",
    "nextafter", "equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "logical_and", "logical_or", "logical_xor", "bitwise_and",
    "bitwise_or", "bitwise_xor", "bitwise_left_shift", "bitwise_right_shift",
)  # fmt: skip
IN_NUMPY = {"divide": "true_divide", "pow": "power", "atan2": "arctan2", "bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"}
NUMBERS: tuple[Any, ...] = (True, 2, -1, 2.5, 300, np.float32(1.5), np.int8(3), np.array(2.5))
ROUNDED = ("divide", "pow", "atan2", "hypot", "logaddexp")


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"), cr.config.use(cache=False):
        yield


def values(dtype: str) -> np.ndarray:
    if dtype == "bool":
        return np.array([True, False])
    if dtype.startswith("f"):
        return np.array([0.0, -1.5, 2.0, np.nan, np.inf, -0.0], dtype)
    limits = np.iinfo(dtype)
    return np.array([0, 1, limits.max, limits.min, 3, 5], dtype)


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """The value, or the kind of error."""
    try:
        return function(*arguments)
    except (TypeError, OverflowError, ValueError, IndexError) as error:
        return error


def symbolic(value: Any) -> Any:
    return cr.tensor("x", value.shape, dtype=str(value.dtype)) if isinstance(value, np.ndarray) and value.ndim else value


def check(name: str, pairs: list[tuple[Any, Any]], compiled: Callable[[Any, Any], bool]) -> None:
    """The dtype, or that it is an error, of all pairs; the values of those that are compiled."""
    ours, numpy = getattr(cr, name), getattr(np, IN_NUMPY.get(name, name))
    inputs: list[Any] = []
    given: list[np.ndarray] = []
    outputs: list[Any] = []
    wanted: list[tuple[Any, Any, np.ndarray]] = []
    for x, y in pairs:
        right = attempt(numpy, x, y)
        left = [symbolic(x), symbolic(y)]
        found = attempt(ours, *left)
        if isinstance(right, Exception):
            # A negative power is found in the data.
            in_data = name == "pow" and "negative integer powers" in str(right) and isinstance(found, cr.Expr)
            assert in_data or isinstance(found, (TypeError, OverflowError, ValueError, IndexError)), (x, y, right, found)
            continue
        assert isinstance(found, cr.Expr), (x, y, right, found)
        kind = "float32" if right.dtype == np.float16 else str(right.dtype)
        assert str(found.dtype) == kind, (x, y)
        if compiled(x, y):
            for array, expression in zip((x, y), left):
                if isinstance(expression, cr.Expr):
                    inputs.append(expression)
                    given.append(array)
            outputs.append(found)
            wanted.append((x, y, right))
    for value, (x, y, right) in zip(cr.function(inputs, outputs)(*given) if outputs else (), wanted):
        if name == "nextafter" and right.dtype == np.float16:
            continue
        tolerance = {np.dtype(np.float16): 1e-3, np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-14}.get(right.dtype, 0) if name in ROUNDED else 0
        np.testing.assert_allclose(value, right, rtol=tolerance, atol=0, err_msg=f"{x} {y}")
        if right.dtype.kind == "f" and name not in ("maximum", "minimum"):
            known = ~np.isnan(right)
            np.testing.assert_array_equal(np.signbit(value)[known], np.signbit(right)[known], f"{x} {y}")


@pytest.mark.parametrize("name", NAMES)
def test_every_pair_of_dtypes(name: str) -> None:
    pairs = [(values(a)[:, None], values(b)) for a, b in itertools.product(DTYPES, DTYPES)]
    with cr.config.use(algebra="strict"):
        check(name, pairs, lambda x, y: x.dtype == y.dtype or (x.dtype.itemsize * 3 + y.dtype.itemsize) % 5 == 0)


@pytest.mark.parametrize("name", NAMES)
def test_numbers_adapt_to_arrays(name: str) -> None:
    pairs = [pair for dtype in DTYPES for number in NUMBERS for pair in ((values(dtype), number), (number, values(dtype)))]
    with cr.config.use(algebra="strict"):
        check(name, pairs, lambda x, y: any(getattr(z, "dtype", None) in (np.int8, np.uint32, np.float32) and np.ndim(z) for z in (x, y)))


X = np.array([1.0, np.nan, np.inf, -np.inf, 0.0, -0.0, 2.5])
Y = np.array([3.0, 1, 1, 1, 2, np.inf, 5])
MASK = np.array([1, 0, 0, 1, 0, 1, 1], bool)
CANCELLING: dict[str, tuple[Callable[..., Any], Callable[..., Any]]] = {
    # written, and what it is in default
    "x - x": (lambda x, y, m: x - x, lambda x, y, m: 0 * Y),
    "(x + y) - x": (lambda x, y, m: (x + y) - x, lambda x, y, m: y),
    "(2 x + y) - (y + x 2)": (lambda x, y, m: (2 * x + y) - (y + x * 2), lambda x, y, m: np.zeros(7)),
    "(x - x) - (x - x)": (lambda x, y, m: (x - x) - (x - x), lambda x, y, m: np.zeros(7)),
    "(x - x) + (x - x) + x": (lambda x, y, m: (x - x) + (x - x) + x, lambda x, y, m: x),
    "x / x": (lambda x, y, m: x / x, lambda x, y, m: np.ones(7)),
    "x y / y": (lambda x, y, m: (x * y) / y, lambda x, y, m: x),
    "x**3 / x**2": (lambda x, y, m: x**3 / x**2, lambda x, y, m: x),
    "x 0": (lambda x, y, m: x * 0.0, lambda x, y, m: np.zeros(7)),
    "mask x": (lambda x, y, m: m * x, lambda x, y, m: np.where(m, x, 0)),
    "(x > 0) x": (lambda x, y, m: (x > 0) * x, lambda x, y, m: np.where(x > 0, x, 0)),
    "mask / mask": (lambda x, y, m: m / m, lambda x, y, m: np.where(m, 1.0, 0.0)),
}


@pytest.mark.parametrize("name", CANCELLING)
def test_what_cancels(name: str) -> None:
    written, simpler = CANCELLING[name]
    x, y, m = cr.vector("x"), cr.vector("y"), cr.vector("m", dtype="bool")
    with cr.config.use(algebra="strict"):
        value = cr.function([x, y, m], written(x, y, m))(X, Y, MASK)
    right = written(X, Y, MASK)
    np.testing.assert_array_equal(value, right)
    known = ~np.isnan(right)
    np.testing.assert_array_equal(np.signbit(value)[known], np.signbit(right)[known])
    # By default it is what holds for finite numbers, the same ones.
    default = cr.function([x, y, m], written(x, y, m))(X, Y, MASK)
    np.testing.assert_array_equal(default, simpler(X, np.where(np.isnan(X), Y, Y), MASK) if name != "x - x" else np.zeros(7))
    ordinary = np.linspace(-2, 2, 8)[:7]
    np.testing.assert_allclose(cr.function([x, y, m], written(x, y, m))(ordinary, Y[:1].repeat(7), np.ones(7, bool)), written(ordinary, 3.0, np.ones(7, bool)))


def test_what_is_kept_apart_has_its_derivative() -> None:
    x, y = cr.vector("x"), cr.vector("y")
    with cr.config.use(algebra="strict"):
        f = cr.function([x, y], cr.grad(((x * y) / y + (x - x) * y + 0.0 * x).sum(), [x, y]))
        dx, dy = f(np.array([1.0, 2.0]), np.array([4.0, 8.0]))
    np.testing.assert_array_equal(dx, [1, 1])
    np.testing.assert_array_equal(dy, [0, 0])


def test_a_logarithm_of_one_share_is_zero_in_every_policy() -> None:
    x = cr.tensor("x", (1,))
    for policy in ("strict", "default", "aggressive"):
        with cr.config.use(algebra=policy):
            np.testing.assert_array_equal(cr.function([x], cr.log_softmax(x))(np.array([-1.5])), [0])


def test_a_choice_is_exact_in_every_policy() -> None:
    x = cr.vector("x")
    for policy in ("strict", "default", "aggressive"):
        with cr.config.use(algebra=policy):
            f = cr.function([x], [cr.where(x > 0, cr.log(x), 0.0), cr.grad(cr.where(x > 0, cr.log(x), 0.0).sum(), x)])
            value, slope = f(np.array([-1.0, 0.0, 2.0, np.nan]))
        np.testing.assert_array_equal(value, [0, 0, np.log(2.0), 0])
        np.testing.assert_array_equal(slope, [0, 0, 0.5, 0])
