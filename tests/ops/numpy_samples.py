"""Samples of the functions that are composed of others and named as NumPy's."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from samples import Sample, values

import croton as cr

SPECIAL = np.array([0.0, -1.5, 2.0, np.inf, -np.inf, np.nan])
MATRIX, OTHER = values("float64", (4, 5), 1), values("float64", (4, 5), 2)
HOLES = np.where(values("float64", (4, 5), 3) > 1, np.nan, MATRIX)
EMPTY = np.where(np.arange(5) == 2, np.nan, MATRIX)


def numpy_samples() -> Iterator[Sample]:
    """Elements, whole arrays, products, an axis, places, statistics."""
    for dtype in ("float32", "float64", "int32"):
        x = values(dtype, (3, 4), 5)
        yield Sample(f"cbrt {dtype}", cr.cbrt, np.cbrt, (x,))
        yield Sample(f"sinc {dtype}", cr.sinc, np.sinc, (x,))
        yield Sample(f"median {dtype}", lambda a: cr.median(a, 1), lambda a: np.median(a, 1).astype(np.result_type(a, np.float32)), (x,))
        yield Sample(f"nansum {dtype}", lambda a: cr.nansum(a, 0), lambda a: np.nansum(a, 0), (x,))
        yield Sample(f"kron {dtype}", cr.kron, np.kron, (x, x[:2]))
        yield Sample(f"convolve {dtype}", cr.convolve, np.convolve, (x[0], x[1, :3]))
    for dtype in ("int8", "uint16", "int64", "float32"):
        # NumPy rounds 8-bit integers in float16.
        wide = np.float64 if dtype == "int64" else np.float32
        yield Sample(f"rint {dtype}", cr.rint, lambda a, w=wide: np.rint(a).astype(w), (values(dtype, (3, 4), 5),))
        yield Sample(f"sinc of {dtype}", cr.sinc, np.sinc, (values(dtype, (3, 4), 5),))
    yield Sample("cbrt", cr.cbrt, np.cbrt, (values("float64", (5,), 1, 0.5, 2),), smooth=True)
    yield Sample("sinc at 0", cr.sinc, np.sinc, (SPECIAL[:3],))
    yield Sample("heaviside", lambda a: cr.heaviside(a, 0.5), lambda a: np.heaviside(a, 0.5), (SPECIAL,))
    grid = [g.ravel() for g in np.meshgrid(SPECIAL, SPECIAL)]
    for name in ("logaddexp2", "fmax", "fmin"):
        yield Sample(f"{name} special", getattr(cr, name), getattr(np, name), tuple(grid))
        yield Sample(name, getattr(cr, name), getattr(np, name), (MATRIX, OTHER), smooth=True)
    for dtype in ("float32", "float64"):
        yield Sample(f"nan_to_num {dtype}", cr.nan_to_num, np.nan_to_num, (SPECIAL.astype(dtype),))
    yield Sample("nan_to_num other", lambda a: cr.nan_to_num(a, 1, 2, 3), lambda a: np.nan_to_num(a, nan=1, posinf=2, neginf=3), (SPECIAL,))
    yield Sample("select", lambda a: cr.select([a > 1, a > 0], [a, 2 * a], -1), lambda a: np.select([a > 1, a > 0], [a, 2 * a], -1), (MATRIX,))
    for invert in (False, True):
        yield Sample("isin", lambda a, i=invert: cr.isin(a, [1, 2], i), lambda a, i=invert: np.isin(a, [1, 2], invert=i), (values("int32", (3, 4)),))
    yield Sample("allclose", lambda a, b: cr.stack([cr.allclose(a, a), cr.allclose(a, b)]), lambda a, b: np.array([True, False]), (MATRIX, OTHER))
    yield Sample("array_equal", lambda a, b: cr.stack([cr.array_equal(a, a), cr.array_equal(a, b)]), lambda a, b: np.array([True, False]), (MATRIX, OTHER))
    yield Sample("ptp", lambda a: cr.ptp(a, 1), lambda a: np.ptp(a, 1), (MATRIX,), smooth=True)
    yield from product_samples()
    yield from axis_samples()
    yield from statistics_samples()


def product_samples() -> Iterator[Sample]:
    """Products and convolutions."""
    triple, other = values("float64", (2, 3), 1), values("float64", (2, 3), 2)
    yield Sample("vdot", cr.vdot, np.vdot, (triple, other), smooth=True)
    yield Sample("cross", cr.cross, np.cross, (triple, other), smooth=True)
    yield Sample("cross rows", lambda a, b: cr.cross(a, b, 0), lambda a, b: np.cross(a, b, axis=0), (triple.T.copy(), other.T.copy()))
    yield Sample("kron ranks", cr.kron, np.kron, (MATRIX[0], triple))
    vector = values("float64", (7,), 1)
    for size in (1, 2, 3, 7):
        kernel = values("float64", (size,), 2)
        for mode in ("full", "same", "valid"):
            for name in ("convolve", "correlate"):
                ours, theirs = getattr(cr, name), getattr(np, name)
                one, two = (lambda a, b, f=f, m=mode: f(a, b, m) for f in (ours, theirs))
                known = mode == "full"
                yield Sample(f"{name} {mode} {size}", one, two, (vector, kernel), smooth=True, unknown=known)
                yield Sample(f"{name} {mode} {size} turned", one, two, (kernel, vector), unknown=known)
    yield Sample("einsum numbers", lambda a, b: cr.einsum(a, [0, 1], b, [2, 1], [0, 2]), lambda a, b: np.einsum(a, [0, 1], b, [2, 1], [0, 2]), (MATRIX, OTHER))
    yield Sample("einsum implicit", lambda a, b: cr.einsum(a, [0, ...], b, [0, ...]), lambda a, b: np.einsum(a, [0, ...], b, [0, ...]), (MATRIX, OTHER))


def axis_samples() -> Iterator[Sample]:
    """Functions along an axis, and of places."""
    yield Sample("trapezoid", cr.trapezoid, np.trapezoid, (MATRIX,), smooth=True)
    yield Sample("trapezoid x", lambda a, b: cr.trapezoid(a, b, axis=0), lambda a, b: np.trapezoid(a, b, axis=0), (MATRIX, np.arange(4.0) ** 2), smooth=True)
    yield Sample("trapezoid dx", lambda a: cr.trapezoid(a, dx=0.5, axis=0), lambda a: np.trapezoid(a, dx=0.5, axis=0), (MATRIX,))
    points, heights = np.array([-1.0, 0.0, 2.5]), np.array([1.0, -1.0, 3.0])
    places = np.array([-2, -1, -0.5, 0, 1, 2.5, 3, np.nan])
    yield Sample("interp", cr.interp, np.interp, (places, points, heights))
    yield Sample("interp ends", lambda a, b, c: cr.interp(a, b, c, -7.0, 8.0), lambda a, b, c: np.interp(a, b, c, -7.0, 8.0), (places, points, heights))
    yield Sample("interp matrix", cr.interp, np.interp, (MATRIX, points, heights), smooth=True)
    yield Sample("interp one", cr.interp, np.interp, (places[:-1], points[:1], heights[:1]))
    yield Sample("polyval", lambda a: cr.polyval([1.0, -2.0, 3.0], a), lambda a: np.polyval([1.0, -2.0, 3.0], a), (MATRIX,), smooth=True)
    yield Sample("vander", lambda a: cr.vander(a, 4), lambda a: np.vander(a, 4), (MATRIX[0],), smooth=True)
    yield Sample("vander up", lambda a: cr.vander(a, increasing=True), lambda a: np.vander(a, increasing=True), (np.arange(4),))
    for turns in range(-1, 4):
        yield Sample(f"rot90 {turns}", lambda a, k=turns: cr.rot90(a, k), lambda a, k=turns: np.rot90(a, k), (MATRIX,))
    yield Sample("fliplr", cr.fliplr, np.fliplr, (MATRIX,))
    yield Sample("flipud", cr.flipud, np.flipud, (MATRIX,))
    yield Sample("append", cr.append, np.append, (MATRIX, MATRIX[0]))
    yield Sample("append rows", lambda a, b: cr.append(a, b, 0), lambda a, b: np.append(a, b, 0), (MATRIX, OTHER))
    flat = np.array([[0, 5], [11, 7]])
    yield Sample("unravel_index", lambda a: cr.stack(cr.unravel_index(a, (3, 4))), lambda a: np.stack(np.unravel_index(a, (3, 4))), (flat,))
    pair = (np.array([0, 1, 2]), np.array([3, 0, 1]))
    yield Sample("ravel_multi_index", lambda a, b: cr.ravel_multi_index((a, b), (3, 4)), lambda a, b: np.ravel_multi_index((a, b), (3, 4)), pair)
    counted = np.array([1, 1, 5, 0])
    yield Sample("bincount", lambda a: cr.bincount(a, length=7), lambda a: np.bincount(a, minlength=7), (counted,))
    weighed = (counted, values("float64", (4,)))
    yield Sample("bincount weights", lambda a, w: cr.bincount(a, w, length=7), lambda a, w: np.bincount(a, w, 7), weighed)
    yield Sample("bincount of small numbers", lambda a: cr.bincount(a, length=7), lambda a: np.bincount(a, minlength=7), (counted.astype("uint8"),))
    sums = lambda a, s: np.stack([a[s == i].sum(0) for i in range(6)])
    yield Sample("segment_sum", lambda a, s: cr.segment_sum(a, s, 6), sums, (MATRIX, counted))


def statistics_samples() -> Iterator[Sample]:
    """Order statistics, covariances, and what skips NaN."""
    for share in (0.0, 0.25, 0.5, 1.0, np.array([0.1, 0.6]), np.array([[0.1], [0.6]])):
        for axis, keepdims in ((None, False), (0, True), (-1, False), ((0, 1), True)):
            options = {"axis": axis, "keepdims": keepdims}
            yield Sample("quantile", lambda a, q=share, o=options: cr.quantile(a, q, **o), lambda a, q=share, o=options: np.quantile(a, q, **o), (MATRIX,))
    for method in ("lower", "higher", "midpoint", "linear"):
        options = {"axis": 1, "method": method}
        ours, theirs = (lambda a, f=f, o=options: f(a, 0.37, **o) for f in (cr.quantile, np.quantile))
        yield Sample(f"quantile {method}", ours, theirs, (MATRIX,), smooth=True)
    yield Sample("percentile", lambda a: cr.percentile(a, 30), lambda a: np.percentile(a, 30), (MATRIX,))
    yield Sample("median nan", lambda a: cr.median(a, 0), lambda a: np.median(a, 0), (HOLES,))
    for name in ("nansum", "nanprod", "nanmean", "nanmax", "nanmin", "nanvar", "nanstd"):
        for axis, keepdims in ((None, False), (0, True), (1, False)):
            options = {"axis": axis, "keepdims": keepdims}
            ours, theirs = (lambda a, f=f, o=options: f(a, **o) for f in (getattr(cr, name), getattr(np, name)))
            for array in (HOLES, EMPTY, values("int32", (3, 4))):
                yield Sample(f"{name} {axis} {array.dtype}", ours, theirs, (array,))
    small = np.array([100, -100, 7], "int8")
    yield Sample("trapezoid of integers", cr.trapezoid, np.trapezoid, (small,))
    yield Sample("vander of integers", cr.vander, np.vander, (small,))
    yield Sample("cov of integers", cr.cov, np.cov, (small,))
    yield Sample("average of integers", lambda a: cr.average(a, 0, a - 9), lambda a: np.average(a, 0, a - 9), (small,))
    square = np.arange(9.0).reshape(3, 3) ** 1.5
    for axis in (0, 1, -1):
        yield Sample(
            f"average {axis}",
            lambda a, w, axis=axis: cr.average(a, axis, w),
            lambda a, w, axis=axis: np.average(a, axis, w),
            (square, np.array([1.0, 2.0, 5.0])),
            smooth=True,
        )
    yield Sample(
        "average 2, 0",
        lambda a, w: cr.average(a, (2, 0), w),
        lambda a, w: np.average(a, (2, 0), w),
        (np.arange(12.0).reshape(2, 3, 2) ** 1.5, np.array([[1.0, 2.0], [5.0, 9.0]])),
        smooth=True,
    )
    yield Sample("linspace of arrays", lambda a, b: cr.linspace(a, b, 5), lambda a, b: np.linspace(a, b, 5), (MATRIX, MATRIX[0] ** 2), smooth=True)
    for kind in ("int64", "bool"):
        yield Sample(f"linspace {kind}", lambda a, k=kind: cr.linspace(a, 2, 5, dtype=k), lambda a, k=kind: np.linspace(a, 2, 5, dtype=k), (np.float64(-1.5),))
    yield Sample("linspace without end", lambda a: cr.linspace(a, 1, 3, endpoint=False), lambda a: np.linspace(a, 1, 3, endpoint=False), (MATRIX[0],))
    yield Sample("cov", cr.cov, np.cov, (MATRIX,), smooth=True)
    yield Sample("cov columns", lambda a: cr.cov(a, False, 0), lambda a: np.cov(a, rowvar=False, ddof=0), (MATRIX,))
    yield Sample("cov vector", cr.cov, np.cov, (MATRIX[0],))
    yield Sample("corrcoef", cr.corrcoef, np.corrcoef, (MATRIX,), smooth=True)
    yield Sample("var ddof", lambda a: cr.var(a, 0, ddof=1), lambda a: np.var(a, 0, ddof=1), (MATRIX,), smooth=True)
    yield Sample("std ddof", lambda a: a.std(axis=1, ddof=1), lambda a: a.std(axis=1, ddof=1), (MATRIX,))
    yield Sample("sort stable", lambda a: cr.sort(a, stable=True), lambda a: np.sort(a, stable=True), (MATRIX,))
    yield Sample("argsort stable", lambda a: cr.argsort(a, stable=True), lambda a: np.argsort(a, stable=True), (values("int32", (9,)),))
