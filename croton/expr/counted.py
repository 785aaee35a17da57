"""Sizes that are counted in the call: symbols whose value an expression says.

How many elements a mask holds is known when the mask is. Such a size is a symbol as any other, so that shapes, proofs and programs know nothing new; what is
new is kept here: the integer scalar that it is the value of. `transforms.counts` divides a graph into stages by it.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from croton.expr.expr import Expr
from croton.sizes import Poly, Size, Symbol, fresh_symbol, hint, symbols
from croton.util.provenance import Line, user_line


class Count(NamedTuple):
    """What counts a size: an integer scalar, and the line that wants the size."""

    value: Expr
    line: Line | None


_counts: weakref.WeakKeyDictionary[Symbol, Count] = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def counted(count: Expr, likely: Size | None = None, line: Line | None = None) -> Poly:
    """The size that an integer scalar has as its value. Equal scalars are one size; `likely` is a size near which it may be, `line` the user's line for it."""
    with _lock:
        memo = count.memo = {} if count.memo is None else count.memo
        known = memo.get("counted")
        found = None if known is None else known()
        if found is None:
            size = fresh_symbol("count_", None if likely is None else max(1, hint(likely)))
            (found,) = symbols(size)
            memo["counted"] = weakref.ref(found)
            _counts[found] = Count(count, line or user_line())
        return found.size


def count_of(symbol: Symbol) -> Count:
    """What counts a counted size."""
    return _counts[symbol]


def counted_by(symbol: Symbol) -> Count | None:
    """What counts a size; None for a size that arguments have."""
    return _counts.get(symbol)


def counted_as(node: Expr) -> Symbol | None:
    """The size that has the value of a node, where somebody has it."""
    known = None if node.memo is None else node.memo.get("counted")
    return None if known is None else known()


def any_counted() -> bool:
    """Whether there is any such size in the process."""
    return bool(_counts)


def counted_sizes(node: Expr) -> list[Symbol]:
    """The counted sizes that a node brings in: those of its params, and of its shape where it is a leaf. All others are of its inputs."""
    found: list[Symbol] = []
    for size in sizes_of(node.shape if node.op is None else node.params):
        found += [symbol for symbol in symbols(size) if symbol in _counts]
    return found


def counts_below(node: Expr) -> Sequence[Expr]:
    """What a node is computed from: its inputs, and the counts of its sizes."""
    if not node.params and node.op is not None:
        return node.inputs
    found = [_counts[symbol].value for symbol in counted_sizes(node)]
    return (*node.inputs, *found) if found else node.inputs


def sizes_of(params: Any) -> Iterator[Poly]:
    """The symbolic sizes in params, which are nested as the user nested them: a few levels."""
    for item in params:
        if isinstance(item, Poly):
            yield item
        elif isinstance(item, tuple):
            yield from sizes_of(item)
