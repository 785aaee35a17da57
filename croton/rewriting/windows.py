"""Windows into an array, a few members of a batch at a time.

    sum over c, i, j of x[b, c, h + i, w + j] k[f, c, i, j]        a convolution

is a matrix product of the windows of x, written out, with the kernel. For a whole batch they are many times as large as x, and a cache does not hold
them: they are written to memory for one product and read from there by the next. So where that is the case, and there is an axis that x has as it is,
everything around such a product is computed for a chunk of this axis at a time. The windows of a chunk stay in the cache, for the derivative too.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.node import RELATIONS, Node, Use, walk
from croton.algebra.solve import has_relations, solve
from croton.rewriting.chunk import Region, chunked, region_around
from croton.sizes import product
from croton.util.provenance import Line

LARGE = 1 << 22
"""Bytes of windows that do not stay in a cache."""

CHUNK = 3 << 20
"""Bytes of the windows of a chunk, at most."""

LEAST_CHUNK = 1 << 18
"""Bytes of the windows of a chunk below which its products are too small."""

OVERLAP = 2
"""So many times larger than what they are windows into are windows that are worth it."""

MOST_WHOLE = 1 << 18
"""Bytes of what is read for each chunk as a whole, such as a kernel, or added up over the chunks, at most."""

MOST = 8
"""So many products with windows are looked at."""


class Cut(NamedTuple):
    """An axis of a size that is gone through in chunks; the bytes of the windows that are not all there at once, and the user's line."""

    size: int
    each: int
    bytes: int
    line: Line | None


def windows_in_chunks(uses: Sequence[Use]) -> tuple[list[Use], list[Cut]]:
    """The same values with large windows in loops over chunks, and which these are."""
    found, cuts = list(uses), []
    seen: set[Node] = set()
    for _ in range(MOST):
        order = list(walk([use.node for use in found]))
        cut = next(filter(None, [_cut(found, node) for node in order if node not in seen and _is_product(node)]), None)
        if cut is None:
            break
        region, made = cut
        seen.update(region.order)
        found = chunked(found, region, made.each)
        cuts.append(made)
    return found, cuts


def _is_product(node: Node) -> bool:
    return node.kind == "contract" and bool(node.sums) and node.dtype.is_float and all(isinstance(size, int) for size in node.dims) and has_relations(node)


def _cut(uses: Sequence[Use], node: Node) -> tuple[Region, Cut] | None:
    """The region around a product with large windows that is computed in chunks, and how."""
    for labels, size in _windows(node):
        for axis, count in enumerate(node.dims):
            if axis not in labels or not isinstance(count, int):
                continue
            each = _chunk(count, size)
            whole = [argument[0] for argument in node.args if axis not in argument[1] and argument[0].kind not in RELATIONS]
            region = region_around(uses, node, axis) if each and _bytes(whole) <= MOST_WHOLE else None
            if region is not None and _bytes(region.totals) <= MOST_WHOLE and size - _bytes(region.wanted) >= LARGE:
                return region, Cut(count, each, size, node.origin)
    return None


def _windows(node: Node) -> list[tuple[set[int], int]]:
    """For each factor of a product that is windows, and large: the axes of the result that it has, and its bytes written out."""
    solved = solve(node)
    if not solved.plain or len(solved.factors) < 2:
        return []
    # Which loop label is which axis of the result.
    axes = {next(iter(row)): axis for axis, (row, _) in enumerate(solved.output)}
    found = []
    for factor in solved.factors:
        labels = {label for row, _ in factor.at for label in row}
        size, whole = [product(sizes) for sizes in ([solved.sizes[label] for label in labels], node.args[factor.argument][0].dims)]
        if isinstance(size, int) and isinstance(whole, int) and size >= OVERLAP * whole and size * node.dtype.itemsize >= LARGE:
            found.append(({axes[label] for label in labels if label in axes}, size * node.dtype.itemsize))
    return found


def _chunk(count: int, size: int) -> int:
    """How many of so many members with windows of a size in all go together, which leaves none over; 0 for no number."""
    fitting = [each for each in range(2, count // 2 + 1) if count % each == 0 and LEAST_CHUNK <= size // count * each <= CHUNK]
    return max(fitting, default=0)


def _bytes(nodes: Sequence[Node]) -> int:
    total = 0
    for node in nodes:
        size = product(node.dims)
        total += size * node.dtype.itemsize if isinstance(size, int) else LARGE
    return total
