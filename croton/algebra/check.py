"""What holds of every node, checked: for tests and for debugging a pass."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.contract import MOST_FACTORS, is_read, joins
from croton.algebra.node import KINDS, RELATIONS, Node, Use, walk
from croton.dtypes import bool_


def check(uses: Sequence[Use]) -> None:
    """Raise AssertionError, naming the node, where one below the uses breaks an invariant."""
    for use in uses:
        _require(len(use.labels) == len(use.node.dims), use.node, "is read at as many labels as it has axes")
        for label, size in zip(use.labels, use.node.dims):
            _require(label.size == size, use.node, f"is read at labels of its sizes, not {label.size} for {size}")
    for node in walk([use.node for use in uses]):
        _check_node(node)


def _check_node(node: Node) -> None:
    _require(node.kind in KINDS, node, "is of a known kind")
    _require(not any(isinstance(size, int) and size == 1 for size in node.dims + node.sums), node, "has no axis and no sum of size 1")
    sizes = node.dims + node.sums
    for arg in node.args:
        child, positions = arg[0], arg[1]
        _require(len(positions) == len(child.dims), node, f"reads {child!r} at as many labels as it has axes")
        for position, size in zip(positions, child.dims):
            _require(sizes[position] == size, node, f"reads {child!r} at labels of its sizes")
    if node.kind in ("contract", "add", "map", "reduce"):
        seen = list(dict.fromkeys(position for arg in node.args for position in arg[1]))
        axes = [position for position in seen if position < len(node.dims)]
        _require(axes == list(range(len(node.dims))), node, "has axes in order of first occurrence, and no other")
        inner = [position for position in seen if position >= len(node.dims)]
        _require(inner == list(range(len(node.dims), len(sizes))), node, "sums over labels in order of first occurrence, and no other")
    if node.kind == "contract":
        _check_contract(node)
    elif node.kind == "add":
        _require(len(node.args) > 1, node, "adds two terms or more")
        for child, _, coef in node.args:
            _require(child.dtype in (node.dtype, bool_), node, "adds terms of its dtype or bools")
            _require(coef.number != 0, node, "adds no zero")


def _check_contract(node: Node) -> None:
    occurrences: dict[int, int] = {}
    borders = [set(positions) for child, positions, _ in node.args if child.kind == "range" and len(positions) == 2]
    running = {place for border in borders for place in border if place >= len(node.dims)}
    for child, positions, exponent in node.args:
        _require(exponent != 0, node, "has no factor to the power 0")
        _require(child.dtype in (node.dtype, bool_), node, "has factors of its dtype or guards")
        if child.dtype is bool_:
            _require(exponent == 1, node, "has guards to the power 1")
        elif exponent < 0:
            _require(node.dtype.is_float, node, "has negative powers of floats only")
        if child.kind == "contract" and len(child.args) <= MOST_FACTORS and exponent > 0:
            apart = joins(child) and not running.isdisjoint(positions)
            _require(apart or not is_read(child), node, f"is flat: {child!r} is no sum")
        for position in set(positions):
            occurrences[position] = occurrences.get(position, 0) + 1
    pairs = [(child.id, positions) for child, positions, _ in node.args]
    _require(len(set(pairs)) == len(pairs), node, "has equal factors merged into powers")
    kinds = [child.kind in RELATIONS for child, _, _ in node.args]
    _require(kinds == sorted(kinds), node, "has its relations last")
    if node.dtype is not bool_:
        for child, positions, _ in node.args:
            # What is read at something is summed where it is read.
            if child.kind not in ("affine", "select") and len(node.args) > 1 and not _is_read(node, positions):
                lonely = [position for position in positions if position >= len(node.dims) and occurrences[position] == 1]
                _require(not lonely or child.kind == "range", node, f"sums what only {child!r} mentions inside it")
    for child, positions, _ in node.args:
        if child.kind == "affine" and child.param == ((1, -1), 0) and child.dims[0] == child.dims[1]:
            _require(all(position < len(node.dims) for position in positions), node, "has no delta that touches a summed label")


def _is_read(node: Node, positions: tuple[int, ...]) -> bool:
    """Whether a relation mentions one of a factor's summed labels."""
    related = {place for child, places, _ in node.args if child.kind in RELATIONS for place in places}
    return any(place >= len(node.dims) and place in related for place in positions)


def _require(condition: bool, node: Node, claim: str) -> None:
    if not condition:
        raise AssertionError(f"{node!r} does not hold that it {claim}: args {node.args}, sums {node.sums}, param {node.param}")
