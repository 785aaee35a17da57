"""Examples for x.at[...]: what is written where, against NumPy's assignments and ufunc.at."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from rearranging_samples import at, span
from samples import EVERY, Sample, values

from croton.ops.at import put_along_axis

_ = builtins.slice(None)


def written(method: str, item: Any) -> Callable[[Any, Any], Any]:
    """x.at[item].method(value) on expressions."""
    return lambda x, v: getattr(x.at[item], method)(v)


UFUNCS = {"add": np.add, "subtract": np.subtract, "multiply": np.multiply, "mul": np.multiply, "divide": np.divide, "max": np.maximum, "min": np.minimum}


def assigned(method: str, item: Any) -> Callable[[np.ndarray, Any], np.ndarray]:
    """The same by NumPy."""

    def oracle(x: np.ndarray, v: Any) -> np.ndarray:
        result = np.array(x)
        if method == "set":
            result[item] = v
        else:
            UFUNCS[method].at(result, item, np.asarray(v, x.dtype))
        return result

    return oracle


PLACES: tuple[tuple[Any, bool], ...] = (
    (0, True), (-1, True), (span(1, None), True), (span(None, None, -1), True), (at(_, span(None, None, 2)), True),
    (at(Ellipsis, 1), True), (at(None, 0), True),
    (at(1, 2, 3), True), (at(_, 0, span(1, 3)), True), (Ellipsis, True), ([0, 1], True), ([1, 1], True), (at(_, [2, 0]), True), (at(_, [2, 2, 0]), True),
    (at([0, 1, 0], [2, 0, 2]), True), (at([0, 1], _, [3, 0]), True), (at([0, 0], span(1, None), [3, 3]), True), (at([[0], [1]], [0, 0]), True),
    (at(span(None, None, -1), [1, 1, 2], span(1, None)), True), (at(_, np.array([True, False, True])), False), (at(0, [0, 0], _), True), ([], True),
    (at(_, [-1, 2, -1]), False), (at(None, [1, 0, 1], None), True), (at(_, [1]), True),
)  # fmt: skip


def writing_samples() -> list[Sample]:
    return [*_writing_samples()]


def _writing_samples() -> Iterator[Sample]:
    x = values("float64", (2, 3, 4), 1)
    for item, unknown in PLACES:
        shape = x[item].shape
        for method in ("set", "add", "multiply", "max"):
            value = values("float64", shape, 7, 0.5, 2)
            repeated = method == "max" and shape != np.unique(np.arange(24).reshape(2, 3, 4)[item]).shape
            yield Sample(f"at.{method} {item!r}", written(method, item), assigned(method, item), (x, value), smooth=not repeated, unknown=unknown)
        yield Sample(f"at.set {item!r} number", lambda a, i=item: a.at[i].set(2.5), lambda a, i=item: assigned("set", i)(a, 2.5), (x,), unknown=unknown)
    for method in ("subtract", "divide", "min", "mul"):
        for item in (span(1, None), [1, 0, 1]):
            value = values("float64", x[item].shape, 5, 1, 2)
            yield Sample(f"at.{method} {item!r}", written(method, item), assigned(method, item), (x, value))
    for dtype in EVERY:
        array, value = values(dtype, (4,), 1), values(dtype, (3,), 2)
        for method in ("set", "add", "max", "min", "multiply"):
            yield Sample(f"at.{method} {dtype}", written(method, [2, 0, 2]), assigned(method, [2, 0, 2]), (array, value))
            yield Sample(f"at.{method} {dtype} slice", written(method, span(1, None)), assigned(method, span(1, None)), (array, value))
    index = np.array([[2, 0], [-1, 2]])
    value = values("float64", (2, 2, 2), 3)
    for method in ("set", "add", "min"):
        yield Sample(
            f"at.{method} computed",
            lambda a, i, v, m=method: getattr(a.at[:, i, 1], m)(v),
            lambda a, i, v, m=method: assigned(m, (_, i, 1))(a, v),
            (x, index, value),
            smooth=method != "min",
        )
    number = np.array(-2)
    yield Sample("at.set by a number", lambda a, i: a.at[:, i].set(0.5), lambda a, i: assigned("set", (_, i))(a, 0.5), (x, number), smooth=True)

    def put(a: np.ndarray, i: np.ndarray, v: np.ndarray) -> np.ndarray:
        result = a.copy()
        np.put_along_axis(result, i, v, 1)
        return result

    for i in (np.array([[[0, 2, 1, 0]], [[2, 2, -1, 1]]]), np.array([[[0], [2]]]), np.array([[[1, 2, 0, 0], [1, 0, 0, 2]]] * 2)):
        name = f"put_along_axis {i.shape}"
        yield Sample(name, lambda a, i, v: put_along_axis(a, i, v, 1), put, (x, i, values("float64", (2, i.shape[1], 4), 9)), smooth=True)
    special = np.array([np.nan, np.inf, -np.inf, 1.0])
    yield Sample("at.set special", lambda a, i: a.at[i].set(0.0), lambda a, i: assigned("set", i)(a, 0.0), (special, np.array([0, 1, 1])))
    yield Sample("at.set of special", lambda a, v, i: a.at[i].set(v), lambda a, v, i: assigned("set", i)(a, v), (special, special[:3], np.array([3, 3, 0])))
    yield Sample("at.set of nothing", lambda a, i: a.at[i].set(0.0), lambda a, i: a, (special[3:], np.zeros(0, int)), unknown=False)
    yield Sample("at.get", lambda a: a.at[1:, [0, 2]].get(), lambda a: a[1:, [0, 2]], (x,), smooth=True)
    outside = np.array([0, 5, -4, -1, 0])

    def dropped(a: np.ndarray, i: np.ndarray, v: np.ndarray, method: str) -> np.ndarray:
        inside = (i >= -len(a)) & (i < len(a))
        return assigned(method, i[inside])(a, v[inside])

    for method in ("set", "add", "max", "multiply"):
        yield Sample(
            f"at.{method} drop",
            lambda a, i, v, m=method: getattr(a.at[i], m)(v, mode="drop"),
            lambda a, i, v, m=method: dropped(a, i, v, m),
            (x[0, 0, :3], outside, values("float64", (5,), 4)),
        )
    clipped = lambda a, i, v: assigned("set", np.clip(i, 0, 3))(a, v)
    yield Sample("at.set clip", lambda a, i, v: a.at[i].set(v, mode="clip"), clipped, (x[0, 0], outside, values("float64", (5,), 4)))
    yield Sample(
        "at.set wrap",
        lambda a, i, v: a.at[i].set(v, mode="wrap"),
        lambda a, i, v: assigned("set", i % 4)(a, v),
        (x[0, 0], outside, values("float64", (5,), 4)),
    )
