"""Walks of the user's graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from croton.expr.expr import Apply, Expr, apply
from croton.util.order import children_first


def walk(roots: Iterable[Expr]) -> Iterator[Expr]:
    """Every node below the roots once, inputs first."""
    return children_first(roots, _inputs)


def _inputs(node: Expr) -> tuple[Expr, ...]:
    return node.inputs


def leaves(roots: Iterable[Expr]) -> list[Expr]:
    """The inputs, shared variables and constants that the roots depend on, in order of first meeting."""
    return [node for node in walk(roots) if node.op is None]


def depends_on(roots: Iterable[Expr], nodes: Iterable[Expr]) -> bool:
    """Whether any of the roots is computed from any of the nodes."""
    wanted = set(nodes)
    return any(node in wanted for node in walk(roots))


def substitute(roots: Sequence[Expr], replacements: Mapping[Expr, Expr]) -> list[Expr]:
    """The roots with some nodes replaced by others."""
    return rebuild(roots, lambda node, inputs: replacements.get(node))


def rebuild(roots: Sequence[Expr], visit: Callable[[Expr, tuple[Expr, ...]], Expr | None]) -> list[Expr]:
    """The roots after `visit` has seen every node with its new inputs. Where it returns None the node is kept, on the new inputs."""
    new: dict[Expr, Expr] = {}
    for node in walk(roots):
        inputs = tuple([new[x] for x in node.inputs])
        result = visit(node, inputs)
        if result is None:
            unchanged = all(a is b for a, b in zip(inputs, node.inputs))
            result = node if unchanged else _again(node, inputs)
        new[node] = result
    return [new[root] for root in roots]


def _again(node: Expr, inputs: tuple[Expr, ...]) -> Expr:
    assert isinstance(node, Apply)
    result = apply(node.op, inputs, node.params)
    # The copy stands for what the user wrote there, not for the line that asked for the copy.
    result.line = node.line
    result.name = result.name or node.name
    return result
