"""What is known of the sign of a value from what it says, whatever the data."""

from __future__ import annotations

from croton.algebra.constant import number_of
from croton.algebra.node import Node

POSITIVE = frozenset({"exp", "exp2", "sigmoid", "softplus", "cosh"})
"""Functions whose value is > 0, as real numbers; rounding may reach 0."""

NEVER_NEGATIVE = POSITIVE | {"abs", "sqrt", "hypot", "acosh"}

ITSELF = frozenset({"identity", "kept", "stop"})
"""Functions whose value is their argument, whatever else they say."""

MOST_DEPTH = 8


def never_negative(node: Node) -> bool:
    """Whether a value is known to be >= 0 (or NaN). False says nothing."""
    return _known(node, False, MOST_DEPTH)


def positive(node: Node) -> bool:
    """Whether a value is known to be > 0 as a real number (or NaN). False says nothing."""
    return _known(node, True, MOST_DEPTH)


def is_sum_of_squares(node: Node) -> bool:
    """Whether a value is known to be 0 only where all terms of a sum of even powers are, so that its root is a norm. False says nothing."""
    return _squares(node, MOST_DEPTH)


def _squares(node: Node, depth: int) -> bool:
    if depth == 0 or not node.args or not node.dtype.is_float:
        return False
    if node.kind == "add":
        return all(coef.number > 0 and _squares(child, depth - 1) for child, _, coef in node.args)
    if node.kind != "contract" or not node.param.number > 0:
        return False
    data = [(child, exponent) for child, _, exponent in node.args if not child.dtype.is_bool]
    others = [(child, exponent) for child, exponent in data if exponent % 2 and not positive(child)]
    if not others:
        return any(exponent > 0 and exponent % 2 == 0 for _, exponent in data)
    return len(others) == 1 and others[0][1] == 1 and _squares(others[0][0], depth - 1)


def _known(node: Node, strictly: bool, depth: int) -> bool:
    if node.dtype.is_bool or node.dtype.kind == "u":
        return not strictly
    if depth == 0:
        return False
    kind = node.kind
    number = number_of(node)
    if number is not None:
        return number > 0 if strictly else number >= 0
    if kind == "map" and node.param == "cast" and node.dtype.is_integer:
        (child, _), *_ = node.args
        return not child.dtype.is_float and child.dtype.bits <= node.dtype.bits and _known(child, strictly, depth - 1)
    if kind == "map" and node.param in ITSELF:
        return _known(node.args[0][0], strictly, depth - 1)
    if kind == "map":
        return node.param in POSITIVE or (not strictly and node.param in NEVER_NEGATIVE)
    if kind == "contract":
        if not node.param.number > 0:
            return False
        if strictly and (node.sums or any(arg[0].dtype.is_bool for arg in node.args)):
            # A sum over an empty label is 0.
            return False
        return all((not strictly and e % 2 == 0) or _known(child, strictly, depth - 1) for child, _, e in node.args)
    if kind == "add":
        if not all(coef.number > 0 and _known(child, False, depth - 1) for child, _, coef in node.args):
            return False
        return not strictly or any(_known(child, True, depth - 1) for child, _, _ in node.args)
    if kind == "reduce" and node.param in ("max", "min", "prod"):
        return not strictly and _known(node.args[0][0], False, depth - 1)
    return kind == "iota" and not strictly
