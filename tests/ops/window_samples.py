"""Examples for windows, convolutions and pooling."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import numpy as np
from samples import Sample, values

from croton.ops import windows

view = np.lib.stride_tricks.sliding_window_view


def strided(x: np.ndarray, window: int, axis: int, stride: int = 1, dilation: int = 1, before: int = 0, after: int = 0, fill: float = 0) -> np.ndarray:
    """Windows by slicing NumPy's."""
    x = np.pad(x, [(before, after) if i == axis % x.ndim else (0, 0) for i in range(x.ndim)], constant_values=fill)
    all_ = view(x, (window - 1) * dilation + 1, axis)[..., ::dilation]
    return np.take(all_, np.arange(0, all_.shape[axis % x.ndim], stride), axis % x.ndim)


def correlation(x: np.ndarray, w: np.ndarray, stride: tuple, padding: tuple, dilation: tuple, groups: int) -> np.ndarray:
    """conv by loops over filters and places."""
    count = x.ndim - 2
    x = np.pad(x, [(0, 0), (0, 0), *padding])
    spans = [(k - 1) * d + 1 for k, d in zip(w.shape[2:], dilation)]
    sizes = [(n - span) // s + 1 for n, span, s in zip(x.shape[2:], spans, stride)]
    result = np.zeros((x.shape[0], w.shape[0], *sizes))
    for f, place in itertools.product(range(w.shape[0]), itertools.product(*map(range, sizes))):
        first = f // (w.shape[0] // groups) * w.shape[1]
        at = tuple(slice(p * s, p * s + span, d) for p, s, span, d in zip(place, stride, spans, dilation))
        patch = x[(slice(None), slice(first, first + w.shape[1]), *at)]
        result[(slice(None), f, *place)] = (patch * w[f]).sum(axis=tuple(range(1, count + 2)))
    return result


def convolution(stride: object, padding: object, dilation: object, groups: int) -> tuple[Callable, Callable]:
    def pairs(x: np.ndarray) -> tuple:
        entries = padding if isinstance(padding, tuple) else (padding,) * (x.ndim - 2)
        return tuple(entry if isinstance(entry, tuple) else (entry, entry) for entry in entries)

    def each(entry: object, x: np.ndarray) -> tuple:
        return entry if isinstance(entry, tuple) else (entry,) * (x.ndim - 2)

    return (
        lambda x, w: windows.conv(x, w, stride, padding, dilation, groups),
        lambda x, w: correlation(x, w, each(stride, x), pairs(x), each(dilation, x), groups),
    )


def _samples() -> Iterator[Sample]:
    a = values("float64", (2, 7), 1)
    for arguments in ((3, 1), (2, 0), (3, 1, 2), (3, 1, 1, 2), (3, 1, 2, 3, 1, 1), (1, 1), (7, 1), (2, 1, 3, 1, 0, 2)):
        window, axis, stride, dilation, before, after = (*arguments, *(1, 1, 0, 0)[len(arguments) - 2 :])
        yield Sample(
            f"window {arguments}",
            lambda x, w=window, i=axis, s=stride, d=dilation, b=before, e=after: windows.sliding_window_view(x, w, i, s, d, ((b, e),)),
            lambda x, w=window, i=axis, s=stride, d=dilation, b=before, e=after: strided(x, w, i, s, d, b, e),
            (a,),
            smooth=True,
        )
    yield Sample("window two", lambda x: windows.sliding_window_view(x, (2, 3)), lambda x: view(x, (2, 3)), (a,), smooth=True)
    yield Sample("window order", lambda x: windows.sliding_window_view(x, (3, 2), (1, 0)), lambda x: view(x, (3, 2), (1, 0)), (a,), smooth=True)
    yield Sample("window same", lambda x: windows.sliding_window_view(x, 3, 1, padding="same"), lambda x: strided(x, 3, 1, 1, 1, 1, 1), (a,))
    yield Sample("window int", lambda x: windows.sliding_window_view(x, 3, 0), lambda x: view(x, 3, 0), (values("int32", (5,)),))
    yield Sample("window size", lambda x: windows.sliding_window_view(x, x.shape[0], 1), lambda x: view(x, 2, 1), (a,), smooth=True)
    one = (values("float64", (2, 2, 7), 1), values("float64", (3, 2, 3), 2))
    two = (values("float64", (2, 2, 5, 4), 1), values("float64", (4, 2, 3, 2), 2))
    three = (values("float64", (1, 1, 3, 3, 4), 1), values("float64", (2, 1, 2, 2, 2), 2))
    for arguments in ((1, 0, 1, 1), (2, 1, 1, 1), (1, 2, 2, 1), (3, (2,), 2, 1), (2, ((0, 1),), 1, 1)):
        yield Sample(f"conv one {arguments}", *convolution(*arguments), one, smooth=True)
    for arguments in ((1, 0, 1, 1), ((2, 1), (1, 0), 1, 1), (1, ((0, 1), (2, 0)), (2, 1), 1)):
        yield Sample(f"conv two {arguments}", *convolution(*arguments), two, smooth=True)
    yield Sample("conv three", *convolution(1, 1, 1, 1), three, smooth=True)
    grouped = (values("float64", (2, 4, 5), 1), values("float64", (6, 2, 3), 2))
    yield Sample("conv groups", *convolution(1, 1, 1, 2), grouped, smooth=True, unknown=False)
    deep = (values("float64", (2, 3, 5), 1), values("float64", (3, 1, 2), 2))
    yield Sample("conv depthwise", *convolution(2, 0, 1, 3), deep, smooth=True, unknown=False)
    yield Sample("max_pool", lambda x: windows.max_pool(x, 2), lambda x: strided(x, 2, 2, 2).max(-1), (one[0],), smooth=True)
    yield Sample(
        "max_pool padding", lambda x: windows.max_pool(x, (3,), 2, 1), lambda x: strided(x, 3, 2, 2, 1, 1, 1, -np.inf).max(-1), (-abs(one[0]),), smooth=True
    )
    yield Sample("max_pool int", lambda x: windows.max_pool(x, (2,), 1, 1), lambda x: strided(x, 2, 0, 1, 1, 1, 1, -128).max(-1), (values("int8", (5,)),))
    yield Sample("max_pool two", lambda x: windows.max_pool(x, (2, 2)), lambda x: x[..., :4, :].reshape(2, 2, 2, 2, 2, 2).max((3, 5)), (two[0],), smooth=True)
    yield Sample("mean_pool", lambda x: windows.mean_pool(x, (2, 2)), lambda x: x[..., :4, :].reshape(2, 2, 2, 2, 2, 2).mean((3, 5)), (two[0],), smooth=True)
    yield Sample("mean_pool padding", lambda x: windows.mean_pool(x, 3, 1, 1), lambda x: strided(x, 3, 2, 1, 1, 1, 1).mean(-1), (one[0],), smooth=True)

    def counted(x: np.ndarray) -> np.ndarray:
        return strided(x, 3, 2, 1, 1, 1, 1).sum(-1) / strided(np.ones_like(x), 3, 2, 1, 1, 1, 1).sum(-1)

    yield Sample("mean_pool counted", lambda x: windows.mean_pool(x, 3, 1, 1, count_padding=False), counted, (one[0],), smooth=True)
    yield Sample("mean_pool int", lambda x: windows.mean_pool(x, (2,)), lambda x: x[:4].reshape(2, 2).mean(1), (values("int8", (5,)),))


def window_samples() -> list[Sample]:
    """All of them."""
    return [*_samples()]
