"""Print a graph as text: one line a node, shared nodes once, iterative."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from croton.expr.counted import counted_as
from croton.expr.expr import Constant, Expr, Input, SharedVariable
from croton.expr.walk import walk_with_counts


def describe(roots: Expr | Iterable[Expr], lines: bool = False) -> str:
    """The graph below the roots, inputs first. `lines` adds the user's line to each.

    A scalar constant is written where it is used; everything else has a line `name = op(arguments): type`.
    """
    wanted = [roots] if isinstance(roots, Expr) else list(roots)
    names: dict[Expr, str] = {}
    taken: set[str] = set()
    text: list[str] = []
    for node in walk_with_counts(wanted):
        if isinstance(node, Constant) and node.ndim == 0 and not any(node is root for root in wanted):
            names[node] = str(node.value[()])
            continue
        names[node] = name = _name(node, len(text), taken)
        taken.add(name)
        where = f"    # {node.line}" if lines and node.line is not None else ""
        size = counted_as(node)
        as_size = "" if size is None else f", the size {size}"
        text.append(f"{name} = {_right_side(node, names)}: {node.type}{as_size}{where}")
    if len(wanted) > 1 or not text or not text[-1].startswith(f"{names[wanted[0]]} ="):
        text.append(f"return {', '.join(names[root] for root in wanted)}")
    return "\n".join(text)


def _name(node: Expr, number: int, taken: set[str]) -> str:
    if node.name is None:
        return f"%{number}"
    return node.name if node.name not in taken else f"{node.name}%{number}"


def _right_side(node: Expr, names: dict[Expr, str]) -> str:
    if isinstance(node, Input):
        return "input"
    if isinstance(node, SharedVariable):
        return "shared"
    if isinstance(node, Constant):
        return np.array2string(node.value, threshold=8, edgeitems=2, separator=", ").replace("\n", "")
    assert node.op is not None
    labels = node.op.parameters
    extra = [f"{labels[i]}={_show(p)}" if i < len(labels) else _show(p) for i, p in enumerate(node.params)]
    return f"{node.op.name}({', '.join([names[x] for x in node.inputs] + extra)})"


def _show(param: object) -> str:
    return repr(param) if isinstance(param, str) else str(param)
