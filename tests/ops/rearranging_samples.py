"""Examples for what moves, joins, chooses and orders elements."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import Any

import numpy as np
from samples import EVERY, Sample, values

from croton.ops import arranging, cumulative, indexing, joining, selection, shape, sorting
from croton.ops.positions import positions

_ = builtins.slice(None)


def at(*item: Any) -> tuple:
    return item


def span(*bounds: Any) -> builtins.slice:
    return builtins.slice(*bounds)


def shape_samples() -> Iterator[Sample]:
    """reshape, what it composes, and diagonal matrices."""
    shapes: tuple[tuple[tuple[int, ...], Any], ...] = (
        ((6,), (2, 3)), ((2, 3), (6,)), ((2, 3), (3, 2)), ((2, 3, 4), (6, -1)), ((2, 3, 4), (4, 3, 2)), ((4, 6), (3, 8)), ((2, 1, 3), (3, 1, 2, 1)),
        ((), (1, 1)), ((1, 1), ()), ((2, 3, 4), (2, 12)), ((2, 3, 4), (24,)), ((0, 3), (3, 0)), ((0, 3), (0, 5)), ((0, 2),
        (0,)), ((3,), -1), ((12,), (2, -1, 2)),
        ((2, 6), (4, 3)), ((5,), (5,)), ((2, 3, 5), (3, 2, 5)),
    )  # fmt: skip
    for old, new in shapes:
        yield Sample(
            f"reshape {old} {new}",
            lambda x, s=new: shape.reshape(x, s),
            lambda x, s=new: x.reshape(s),
            (values("float64", old),),
            smooth=True,
            unknown=-1 in np.atleast_1d(new) and 0 not in old,
        )
    a = values("float64", (2, 3, 4))
    yield Sample("reshape merge", lambda x: shape.reshape(x, (x.shape[0] * x.shape[1], -1)), lambda x: x.reshape(6, 4), (a,), smooth=True)
    yield Sample("reshape split", lambda x: shape.reshape(x, (x.shape[0], 2, -1)), lambda x: x.reshape(2, 2, 6), (a,), smooth=True)
    yield Sample("reshape transpose", lambda x: shape.reshape(x.T, (12, 2)), lambda x: x.T.reshape(12, 2), (a,), smooth=True)
    yield Sample("reshape broadcast", lambda x: shape.reshape(x + 0 * x.T, (-1,)), lambda x: x.repeat(3), (values("float64", (3, 1)),), smooth=True)
    yield Sample("reshape bool", lambda x: shape.reshape(x, (-1,)), lambda x: x.reshape(-1), (values("bool", (2, 3)),))
    yield Sample("ravel", shape.ravel, np.ravel, (a,), smooth=True)
    yield Sample("ravel number", shape.ravel, np.ravel, (values("float64", ()),))
    yield Sample("flatten middle", lambda x: shape.flatten(x, 0, 1), lambda x: x.reshape(6, 4), (a,), smooth=True)
    for times in (2, (2, 1), (1, 3), (2, 0), (2, 1, 2), (1, 1)):
        yield Sample(f"tile {times}", lambda x, t=times: shape.tile(x, t), lambda x, t=times: np.tile(x, t), (a[0],), smooth=True)
    yield Sample("tile number", lambda x: shape.tile(x, 3), lambda x: np.tile(x, 3), (values("float64", ()),), smooth=True)
    for offset in (-2, -1, 0, 1):
        for n in (0, 1, 3):
            yield Sample(f"diag {n} {offset}", lambda x, k=offset: shape.diag(x, k), lambda x, k=offset: np.diag(x, k), (a[0, 0, :n],), smooth=True)
    yield Sample("diag of a matrix", shape.diag, np.diag, (a[0],), unknown=False)
    yield Sample("diagonal_matrix", shape.diagonal_matrix, lambda x: np.stack([np.diag(r) for r in x]), (a[0],), smooth=True)
    yield Sample("atleast_1d", shape.atleast_1d, np.atleast_1d, (values("float64", ()),))
    yield Sample("atleast_2d", shape.atleast_2d, np.atleast_2d, (a[0, 0],))


INDICES: tuple[tuple[Any, bool], ...] = (
    (0, True), (-1, True), (span(1, None), True), (span(None, -1), True), (span(None, None, 2), True), (span(None, None, -1), True),
    (span(None, None, -2), True), (span(1, None, 2), True), (span(-2, None), True), (span(0, 2), True), (span(1, 1), True), (span(7, None), False),
    (span(-9, 9, 2), False), (span(-1, 0, -1), True), (span(2, 0, -1), False), (None, True), (Ellipsis, True), (at(), True), (at(Ellipsis, 0), True),
    (at(_, 1), True), (at(_, None, 1), True), (at(span(1, None), span(None, None, -1), None, Ellipsis, -1), True), (at(0, _, 1), True), (at(1, 2, 3), True),
    (at(_, span(0, 1)), True), (at(span(None, None, 3), Ellipsis, span(1, 3)), True), (at(-1, Ellipsis, None), True),
    ([0, 1, 1], True), (np.array([-1, 0]), False), (np.array([[0, 1], [1, 1]]), True), (np.array([0, 1]), True),
    (at(_, [2, 0]), True), (at(_, np.array([-1])), False),
    (at([0, 1], [2, 0]), True), (at([0, 1], _, [3, 0]), True), (at(0, _, [3, 0]), True), (at(_, [2, 0], [1, 3]), True), (at([[0], [1]], [0, 2]), True),
    (at(Ellipsis, [0, 2], None), True), (at([1, 0], None, [1, 2]), True), (at(_, 0, [1, 1]), True), (at(span(None, None, -1), [1, 1, 2], span(1, None)), True),
    (np.array([True, False]), False), (at(_, np.array([True, False, True])), False), (np.array([[True, False, True], [False, False, True]]), False),
    (at(np.array([True, True]), [0, 2]), False), (np.zeros(2, bool), False), ([], True), (np.int64(1), True), (np.array(1), True),
)  # fmt: skip


def indexing_samples() -> Iterator[Sample]:
    """Indices of every kind."""
    a = values("float64", (2, 3, 4))
    for item, unknown in INDICES:
        yield Sample(f"index {item!r}", lambda x, i=item: indexing.index(x, i), lambda x, i=item: x[i], (a,), smooth=True, unknown=unknown)
    for dtype in EVERY:
        array = values(dtype, (3, 4))
        yield Sample(f"index {dtype}", lambda x: x[1:, ::-1], lambda x: x[1:, ::-1], (array,))
        yield Sample(f"index {dtype} gather", lambda x: x[[2, 0, 2]], lambda x: x[[2, 0, 2]], (array,))
    for kind in ("int8", "uint8", "int64", "uint64", "int32"):
        index = np.array([[2, 0], [1, 2]], kind)
        yield Sample(f"gather by {kind}", lambda x, i: x[:, i], lambda x, i: x[:, i], (a, index), smooth=True)
    signed = np.array([-1, 0, 1, -2], "int8")
    yield Sample("gather negative", lambda x, i: x[i], lambda x, i: x[i], (a, signed), smooth=True)
    yield Sample("gather number", lambda x, i: x[:, i], lambda x, i: x[:, i], (a, np.array(-2)), smooth=True)
    yield Sample("gather two", lambda x, i, j: x[i, :, j], lambda x, i, j: x[i, :, j], (a, signed, np.array([[1], [3]])), smooth=True)
    yield Sample("gather by itself", lambda i: i[i], lambda i: i[i], (np.array([2, 0, 1, 1]),))
    yield Sample("gather nothing", lambda x, i: x[i], lambda x, i: x[i], (a, np.zeros((0, 2), int)), unknown=False)
    yield Sample("gather one", lambda x, i: x[i], lambda x, i: x[i], (a[:1], np.array([0, 0])), smooth=True)
    yield Sample("gather by sum", lambda x, i: x[i + i.T], lambda x, i: x[i + i.T], (a, np.array([[0, 0], [1, 0]])), smooth=True)
    bounds = lambda x: x[:, x.shape[0] - 1 :]
    yield Sample("slice from a size", bounds, bounds, (a,), smooth=True)
    half = lambda x: x[:, : x.shape[2] // 2]
    yield Sample("slice to half", half, half, (a,), smooth=True)
    last = lambda x: x[x.shape[0] - 1, -x.shape[0] :]
    yield Sample("slice last", last, last, (a,), smooth=True)
    yield Sample("slice of slice", lambda x: x[:, 1:][:, ::2], lambda x: x[:, 1:][:, ::2], (a,), smooth=True)
    for axis in (None, 0, 1, -1):
        for mode in ("raise", "clip", "wrap"):
            index = np.array([[0, 1], [1, 0]]) if mode == "raise" else np.array([-5, 0, 7])
            yield Sample(
                f"take {axis} {mode}",
                lambda x, i, a=axis, m=mode: indexing.take(x, i, a, m),
                lambda x, i, a=axis, m=mode: np.take(x, i, a, mode=m),
                (a, index),
                smooth=True,
            )

    def filled(x: np.ndarray, i: np.ndarray) -> np.ndarray:
        inside = (i >= -x.shape[1]) & (i < x.shape[1])
        return np.where(inside[None, :, None], x[:, np.where(inside, i, 0)], 7)

    yield Sample("take fill", lambda x, i: indexing.take(x, i, 1, "fill", 7), filled, (a, np.array([-4, -3, 0, 2, 3])), smooth=True)
    yield Sample("take fill nothing", lambda x: indexing.take(x, [0, 2], 0, "fill", 7), lambda x: np.full((2, 1), 7.0), (a[0, :0, :1],), unknown=False)


def selection_samples() -> Iterator[Sample]:
    """Along an axis, one-hot."""
    a = values("float64", (2, 3, 4))
    index = np.array([[[0, 2, 1, 0]], [[2, 2, -1, 1]]])
    yield Sample("take_along_axis", lambda x, i: selection.take_along_axis(x, i, 1), lambda x, i: np.take_along_axis(x, i, 1), (a, index), smooth=True)
    yield Sample("take_along_axis broadcast", lambda x, i: selection.take_along_axis(x, i, 1), lambda x, i: np.take_along_axis(x, i, 1), (a[:1], index))
    yield Sample("take_along_axis argmax", lambda x: selection.take_along_axis(x, x.argmax(1, True), 1), lambda x: x.max(1, keepdims=True), (a,), smooth=True)
    yield Sample("one_hot", lambda i: selection.one_hot(i, 3), lambda i: np.eye(3)[i], (np.array([[0, 2], [1, 1]]),))
    yield Sample("one_hot size", lambda i, x: selection.one_hot(i, x.shape[0], "int8"), lambda i, x: np.eye(2, dtype="int8")[i], (np.array([0, 1, 1]), a))
    yield Sample("one_hot of one", lambda i: selection.one_hot(i, 1, bool), lambda i: np.ones((2, 1), bool), (np.array([0, 0]),))


def joining_samples() -> Iterator[Sample]:
    """Joined and taken apart."""
    a, b = values("float64", (2, 3), 1), values("float64", (2, 3), 2)
    for axis in (0, 1, -1, None):
        yield Sample(
            f"concatenate {axis}",
            lambda x, y, i=axis: joining.concatenate([x, y, x], i),
            lambda x, y, i=axis: np.concatenate([x, y, x], i),
            (a, b),
            smooth=True,
        )
    for dtype in EVERY:
        pair = (values(dtype, (2,), 1), values(dtype, (3,), 2))
        yield Sample(f"concatenate {dtype}", lambda x, y: joining.concatenate([x, y]), lambda x, y: np.concatenate([x, y]), pair)
    yield Sample(
        "concatenate dtypes",
        lambda x, y: joining.concat([x, y]),
        lambda x, y: np.concatenate([x, y]),
        (values("int32", (2,)), values("float32", (1,))),
    )
    yield Sample("concatenate empty", lambda x, y: joining.concatenate([x, y, x[:0]]), lambda x, y: np.concatenate([x, y]), (a[:0], b), smooth=True)
    yield Sample("concatenate ones", lambda x, y: joining.concatenate([x, y], 1), lambda x, y: np.concatenate([x, y], 1), (a[:, :1], b[:, :1]), smooth=True)
    yield Sample("concatenate one", lambda x: joining.concatenate([x]), lambda x: np.concatenate([x]), (a,))
    special = np.array([np.inf, np.nan, -np.inf])
    yield Sample("concatenate special", lambda x, y: joining.concatenate([x, y]), lambda x, y: np.concatenate([x, y]), (special, special[::-1].copy()))
    for axis in (0, 1, 2, -1):
        yield Sample(f"stack {axis}", lambda x, y, i=axis: joining.stack([x, y], i), lambda x, y, i=axis: np.stack([x, y], i), (a, b), smooth=True)
    yield Sample("stack numbers", lambda x, y: joining.stack([x, y, 1.5]), lambda x, y: np.stack([x, y, 1.5]), (a[0, 0], a[1, 1]), smooth=True)
    yield Sample("hstack", lambda x, y: joining.hstack([x, y]), lambda x, y: np.hstack([x, y]), (a, b))
    yield Sample("hstack vectors", lambda x, y: joining.hstack([x, y]), lambda x, y: np.hstack([x, y]), (a[0], b[0]))
    yield Sample("vstack", lambda x, y: joining.vstack([x, y]), lambda x, y: np.vstack([x, y]), (a, b[0]))
    yield Sample("column_stack", lambda x, y: joining.column_stack([x, y]), lambda x, y: np.column_stack([x, y]), (a, b[:, 0]))
    long = values("float64", (7, 6))
    for part in range(3):
        yield Sample(f"split {part}", lambda x, p=part: joining.split(x, 3, 1)[p], lambda x, p=part: np.split(x, 3, 1)[p], (long,), smooth=True)
        yield Sample(f"split at {part}", lambda x, p=part: joining.split(x, [2, 5])[p], lambda x, p=part: np.split(x, [2, 5])[p], (long,), smooth=True)
        yield Sample(f"array_split {part}", lambda x, p=part: joining.array_split(x, 3)[p], lambda x, p=part: np.array_split(x, 3)[p], (long,), smooth=True)
    yield Sample("unstack", lambda x: joining.unstack(x, 1)[2], lambda x: x[:, 2], (a,), unknown=False)


def arranging_samples() -> Iterator[Sample]:
    """flip, roll, repeat, pad."""
    a = values("float64", (3, 4), 1)
    for axis in (None, 0, -1, (0, 1)):
        yield Sample(f"flip {axis}", lambda x, i=axis: arranging.flip(x, i), lambda x, i=axis: np.flip(x, i), (a,), smooth=True)
    for shift, axis in ((1, 0), (-1, 1), (3, 0), (0, 0), ((1, -2), (0, 1)), (2, (0, 1))):
        yield Sample(f"roll {shift} {axis}", lambda x, s=shift, i=axis: arranging.roll(x, s, i), lambda x, s=shift, i=axis: np.roll(x, s, i), (a,), smooth=True)
    yield Sample("roll far", lambda x: arranging.roll(x, -9, 1), lambda x: np.roll(x, -9, 1), (a,), unknown=False)
    yield Sample("roll flat", lambda x: arranging.roll(x, 5), lambda x: np.roll(x, 5), (a,))
    yield Sample("roll nothing", lambda x: arranging.roll(x, 5, 0), lambda x: np.roll(x, 5, 0), (a[:0],), unknown=False)
    yield Sample("roll by a size", lambda x: arranging.roll(x, x.shape[0] // 2, 0), lambda x: np.roll(x, 1, 0), (a,))
    for axis in (None, 0, 1):
        for count in (0, 1, 2):
            yield Sample(
                f"repeat {count} {axis}",
                lambda x, n=count, i=axis: arranging.repeat(x, n, i),
                lambda x, n=count, i=axis: np.repeat(x, n, i),
                (a,),
                smooth=True,
            )
    yield Sample("repeat each", lambda x: arranging.repeat(x, [2, 0, 1], 0), lambda x: np.repeat(x, [2, 0, 1], 0), (a,), unknown=False)
    for width in (1, (1, 2), ((0, 1), (2, 0)), 0, ((0, 0), (1, 0)), (3,), ((1, 2),)):
        yield Sample(f"pad {width}", lambda x, w=width: arranging.pad(x, w), lambda x, w=width: np.pad(x, w), (a,), smooth=True)
        yield Sample(
            f"pad {width} inf",
            lambda x, w=width: arranging.pad(x, w, constant_values=-np.inf),
            lambda x, w=width: np.pad(x, w, constant_values=-np.inf),
            (a,),
        )
        for mode in ("edge", "reflect", "symmetric", "wrap"):
            if width == (3,) and mode == "reflect":
                continue
            yield Sample(
                f"pad {width} {mode}",
                lambda x, w=width, m=mode: arranging.pad(x, w, m),
                lambda x, w=width, m=mode: np.pad(x, w, m),
                (a,),
                smooth=True,
            )
    corners = ((1, 2), (3, 4))
    yield Sample("pad values", lambda x: arranging.pad(x, 1, constant_values=corners), lambda x: np.pad(x, 1, constant_values=corners), (a,), smooth=True)
    yield Sample("pad bool", lambda x: arranging.pad(x, 1, constant_values=True), lambda x: np.pad(x, 1, constant_values=True), (values("bool", (2, 3)),))
    yield Sample("pad int", lambda x: arranging.pad(x, 1, constant_values=3), lambda x: np.pad(x, 1, constant_values=3), (values("int8", (2, 3)),))
    yield Sample("pad nothing", lambda x: arranging.pad(x, 1), lambda x: np.pad(x, 1), (a[:0],))
    yield Sample("pad one", lambda x: arranging.pad(x, 2), lambda x: np.pad(x, 2), (a[:1, :1],), smooth=True)
    yield Sample("pad size", lambda x: arranging.pad(x, ((x.shape[1], 0), (0, 0))), lambda x: np.pad(x, ((4, 0), (0, 0))), (a,), smooth=True)


def cumulative_samples() -> Iterator[Sample]:
    """Running reductions and differences."""
    calls = {"cumsum": np.cumsum, "cumprod": np.cumprod, "cummax": np.maximum.accumulate, "cummin": np.minimum.accumulate}
    a = values("float64", (3, 4), 1)
    for name, oracle in calls.items():
        function = getattr(cumulative, name)
        for dtype in EVERY:
            yield Sample(f"{name} {dtype}", lambda x, f=function: f(x, 0), lambda x, f=oracle: f(x, 0), (values(dtype, (4,), 1, 0, 2),))
        for axis in (0, -1):
            yield Sample(f"{name} {axis}", lambda x, f=function, i=axis: f(x, i), lambda x, f=oracle, i=axis: f(x, i), (a,), smooth=True)
        yield Sample(f"{name} one", lambda x, f=function: f(x, 0), lambda x, f=oracle: f(x, 0), (a[:1],), smooth=True)
        yield Sample(f"{name} nothing", lambda x, f=function: f(x, 1), lambda x, f=oracle: f(x, 1), (a[:, :0],))
        special = np.array([1.0, 2, np.nan, np.inf, 3])
        yield Sample(f"{name} special", lambda x, f=function: f(x, 0), lambda x, f=oracle: f(x, 0), (special,))
    yield Sample("cumsum flat", cumulative.cumsum, np.cumsum, (a,), smooth=True)
    yield Sample("cumsum dtype", lambda x: cumulative.cumsum(x, 0, "float32"), lambda x: np.cumsum(x, 0, "float32"), (values("int8", (3,)),))
    ones = lambda f, i=0: lambda x: f(x * 0 + 2, i)
    yield Sample("cumsum of equal", ones(cumulative.cumsum), ones(np.cumsum), (a,))
    yield Sample("cumprod of equal", ones(cumulative.cumprod), ones(np.cumprod), (a,))
    for name in ("cumulative_sum", "cumulative_prod"):
        function, oracle = getattr(cumulative, name), getattr(np, name)
        for initial in (False, True):
            yield Sample(
                f"{name} {initial}",
                lambda x, f=function, i=initial: f(x, 1, include_initial=i),
                lambda x, f=oracle, i=initial: f(x, axis=1, include_initial=i),
                (a,),
                smooth=True,
            )
    for n in (0, 1, 2):
        yield Sample(f"diff {n}", lambda x, k=n: cumulative.diff(x, k), lambda x, k=n: np.diff(x, k), (a,), smooth=True)
    yield Sample("diff axis", lambda x: cumulative.diff(x, axis=0), lambda x: np.diff(x, axis=0), (a,), smooth=True)
    yield Sample("diff bool", cumulative.diff, np.diff, (values("bool", (5,)),))
    yield Sample(
        "diff around",
        lambda x: cumulative.diff(x, prepend=0.0, append=x[:, :1]),
        lambda x: np.diff(x, prepend=0.0, append=x[:, :1]),
        (a,),
        smooth=True,
    )


def sorting_samples() -> Iterator[Sample]:
    """Order, stable and with NaN last."""
    a = values("float64", (3, 4), 1)
    ties = np.array([2, 1, 2, 0, 1, 2])
    special = np.array([np.nan, 1, -np.inf, np.inf, 0, np.nan, -1])
    for dtype in EVERY:
        array = values(dtype, (7,))
        yield Sample(f"sort {dtype}", sorting.sort, np.sort, (array,))
        yield Sample(f"argsort {dtype}", sorting.argsort, lambda x: np.argsort(x, kind="stable"), (array,))
    for axis in (None, 0, 1):
        yield Sample(f"sort {axis}", lambda x, i=axis: sorting.sort(x, i), lambda x, i=axis: np.sort(x, i), (a,), smooth=True)
        yield Sample(f"argsort {axis}", lambda x, i=axis: sorting.argsort(x, i), lambda x, i=axis: np.argsort(x, i, kind="stable"), (a,))
    yield Sample("sort special", sorting.sort, np.sort, (special,))
    yield Sample("sort down", lambda x: sorting.sort(x, descending=True), lambda x: np.sort(x)[::-1], (special,))
    yield Sample("sort equal", lambda x: sorting.sort(x * 0 + 1), lambda x: x * 0 + 1, (a,))
    yield Sample("sort one", lambda x: sorting.sort(x, 0), lambda x: np.sort(x, 0), (a[:1],), smooth=True)
    yield Sample("sort nothing", lambda x: sorting.sort(x, 0), lambda x: np.sort(x, 0), (a[:0],))
    yield Sample("argsort down", lambda x: sorting.argsort(x, descending=True), lambda x: np.argsort(-x, kind="stable"), (ties,))
    yield Sample("top_k values", lambda x: sorting.top_k(x, 2)[0], lambda x: np.sort(x)[:, :-3:-1], (a,), smooth=True)
    yield Sample("top_k indices", lambda x: sorting.top_k(x, 3, largest=False)[1], lambda x: np.argsort(x, kind="stable")[:3], (ties,))
    yield Sample("top_k ties", lambda x: sorting.top_k(x, 4)[1], lambda x: np.argsort(-x, kind="stable")[:4], (ties,))
    flags = np.array([[0, 1, 0, 1], [0, 0, 0, 0], [1, 1, 0, 0]]) > 0
    for room in (0, 1, 3, 9):
        for axis in (0, 1):
            yield Sample(
                f"positions {room} {axis}",
                lambda x, k=room, i=axis: positions(x, k)[i],
                lambda x, k=room, i=axis: np.pad(np.nonzero(x)[i], (0, k))[:k],
                (flags,),
            )
    for side in ("left", "right"):
        search = (np.sort(special), np.array([[-2.0, 0], [np.nan, np.inf]]))
        yield Sample(f"searchsorted {side}", lambda x, v, s=side: sorting.searchsorted(x, v, s), lambda x, v, s=side: np.searchsorted(x, v, s), search)
        yield Sample(
            f"searchsorted {side} sorter",
            lambda x, v, i, s=side: sorting.searchsorted(x, v, s, sorter=i),
            lambda x, v, i, s=side: np.searchsorted(x, v, s, i),
            (special, search[1], np.argsort(special)),
        )
        yield Sample(
            f"searchsorted {side} int",
            lambda x, v, s=side: sorting.searchsorted(x, v, s),
            lambda x, v, s=side: np.searchsorted(x, v, s),
            (np.sort(ties), 1.0 * ties),
        )


def rearranging_samples() -> list[Sample]:
    groups = (shape_samples, indexing_samples, selection_samples, joining_samples, arranging_samples, cumulative_samples, sorting_samples)
    return [sample for group in groups for sample in group()]
