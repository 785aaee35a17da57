"""Walks of the user's graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from croton.expr.counted import any_counted, count_of, counted, counted_sizes, counts_below
from croton.expr.expr import Apply, Expr, apply
from croton.sizes import Poly, Size, Symbol
from croton.sizes import substitute as in_size
from croton.util.order import children_first


def walk(roots: Iterable[Expr]) -> Iterator[Expr]:
    """Every node below the roots once, inputs first."""
    return children_first(roots, _inputs)


def walk_with_counts(roots: Iterable[Expr]) -> Iterator[Expr]:
    """Every node below the roots once, inputs first, and what the counted sizes of each are counted by before it."""
    return children_first(roots, counts_below) if any_counted() else walk(roots)


def _inputs(node: Expr) -> tuple[Expr, ...]:
    return node.inputs


def leaves(roots: Iterable[Expr]) -> list[Expr]:
    """The inputs, shared variables and constants that the roots depend on, in order of first meeting."""
    return [node for node in walk_with_counts(roots) if node.op is None]


def substitute(roots: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> list[Expr]:
    """The roots with some nodes replaced by others. Sizes that are counted by what is replaced are counted again."""
    return rebuild(roots, lambda node, inputs: replacements.get(node))


def rebuild(roots: Sequence[Expr], visit: Callable[[Expr, tuple[Expr, ...]], Expr | None]) -> list[Expr]:
    """The roots after `visit` has seen every node with its new inputs. Where it returns None the node is kept, on the new inputs."""
    new = _rebuilt(walk_with_counts(roots), visit, any_counted())
    return [new[root] for root in roots]


def replaced(order: Iterable[Expr], replacements: Mapping[Expr, Expr]) -> dict[Expr, Expr]:
    """What becomes of each node of a walk when some are replaced by others of the same type. Counted sizes stay what they are."""
    return _rebuilt(order, lambda node, inputs: replacements.get(node), False)


def _rebuilt(order: Iterable[Expr], visit: Callable[[Expr, tuple[Expr, ...]], Expr | None], with_counts: bool) -> dict[Expr, Expr]:
    new: dict[Expr, Expr] = {}
    for node in order:
        inputs = tuple([new[x] for x in node.inputs])
        result = visit(node, inputs)
        if result is None:
            params = _recounted(node, new) if with_counts and node.params else node.params
            unchanged = params is node.params and all(a is b for a, b in zip(inputs, node.inputs))
            result = node if unchanged else _again(node, inputs, params)
        new[node] = result
    return new


def _recounted(node: Expr, new: Mapping[Expr, Expr]) -> tuple:
    """The params of a node with the sizes that other nodes count now."""
    mapping: dict[Symbol, Size] = {}
    for symbol in counted_sizes(node):
        count, line = count_of(symbol)
        if new[count] is not count:
            mapping[symbol] = counted(new[count], symbol.size, line)
    return _with_sizes(node.params, mapping) if mapping else node.params


def _with_sizes(params: Any, mapping: Mapping[Symbol, Size]) -> Any:
    """Params with other sizes in place of symbols."""
    if isinstance(params, Poly):
        return in_size(params, mapping)
    if isinstance(params, tuple):
        items = [_with_sizes(item, mapping) for item in params]
        return type(params)(*items) if hasattr(params, "_fields") else tuple(items)
    return params


def _again(node: Expr, inputs: tuple[Expr, ...], params: tuple) -> Expr:
    assert isinstance(node, Apply)
    result = apply(node.op, inputs, params)
    # The copy stands for what the user wrote there, not for the line that asked for the copy.
    result.line = node.line
    result.name = result.name or node.name
    return result
