"""What rules look for in a node: its terms, its factors, a 1, a maximum that is subtracted."""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.constant import constant, number_of
from croton.algebra.contract import contract
from croton.algebra.node import Coef, Label, Node, Use
from croton.algebra.pointwise import scalar


def is_map(use: Use, function: str) -> bool:
    return use.node.kind == "map" and use.node.param == function


def argument_of(use: Use) -> Use:
    child, positions = use.node.args[0][:2]
    return Use(child, tuple([use.labels[i] for i in positions]))


def terms_of(use: Use) -> list[tuple[Use, Coef]]:
    return [(Use(child, tuple([use.labels[i] for i in positions])), coef) for child, positions, coef in use.node.args]


def factors_of(use: Use) -> tuple[list[tuple[Use, int]], list[Label]]:
    inner = [Label(size) for size in use.node.sums]
    labels = (*use.labels, *inner)
    return [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in use.node.args], inner


def product_like(use: Use, factors: list[tuple[Use, int]], sums: list[Label]) -> Use:
    kept = [(factor, exponent) for factor, exponent in factors if exponent]
    return contract(use.labels, kept, use.node.param, sums, use.node.dtype)


def scaled(use: Use, number: float | Coef) -> Use:
    return contract(use.labels, [(use, 1)], number, (), use.node.dtype)


def number_in(use: Use, coef: Coef) -> float | None:
    """The number that a term is, or None."""
    number = number_of(use.node)
    return None if number is None or coef.sizes else number * coef.number


def one_and(use: Use) -> tuple[Use, Coef] | None:
    """(rest, coefficient) of a sum 1 + coefficient * rest."""
    if use.node.kind != "add" or len(use.node.args) != 2:
        return None
    terms = terms_of(use)
    for (one, weight), other in zip(terms, terms[::-1]):
        if number_in(one, weight) == 1:
            return other
    return None


def as_shift(top: Use) -> Use:
    """What exponents are lowered by: a constant to the derivative, 0 where it is infinite."""
    return scalar("stop", scalar("where", scalar("isfinite", top), top, constant(0.0, top.dtype)))


def is_shifted(use: Use) -> bool:
    """Whether a value is something, or nothing, minus a constant to the derivative, or minus its own maximum: an exponent that cannot overflow."""
    node = use.node
    if is_map(use, "minimum") and any(number_of(child) is not None for child, _ in node.args):
        return True
    if node.kind == "contract" and not node.sums:
        if node.param.number < 0:
            return _is_shift(node)
        return len(node.args) == 1 and node.args[0][2] == 1 and node.args[0][0].kind == "add" and is_shifted(argument_of(use))
    if node.kind != "add":
        return False
    for place, (child, _, coef) in enumerate(node.args):
        if coef.number < 0 and _is_shift(child):
            return True
        greatest = greatest_of(child) if coef == Coef(-1.0) else None
        if greatest is not None:
            rest = [term for other, term in enumerate(terms_of(use)) if other != place]
            if add(rest, node.dtype).node is greatest:
                return True
    return False


def _is_shift(node: Node) -> bool:
    """Whether a value is what exponents are lowered by, as `as_shift` wrote it; once derivatives have been taken it is no `stop` any more."""
    if node.kind == "map":
        return bool(node.param == "stop")
    if node.kind != "contract" or node.sums:
        return False
    tested = {arg[0].args[0][0] for arg in node.args if arg[0].kind == "map" and arg[0].param == "isfinite"}
    return any(arg[0] in tested or (arg[0].kind == "map" and arg[0].param == "stop") for arg in node.args)


def greatest_of(node: Node) -> Node | None:
    """What a value is the maximum of; also of one that is 0 where it is infinite."""
    if node.kind == "contract" and len(node.args) == 2 and not node.sums and node.param == Coef(1.0):
        top = next((child for child, _, _ in node.args if child.kind == "reduce"), None)
        if top is None or not any(child.kind == "map" and child.param == "isfinite" and child.args[0][0] is top for child, _, _ in node.args):
            return None
        node = top
    return node.args[0][0] if node.kind == "reduce" and node.param == "max" else None


def exponent_of_sum(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """For a plain sum of exponentials, the exponential and the labels it is read at inside the node."""
    if node.kind != "contract" or not node.sums or len(node.args) != 1 or node.param != Coef(1.0):
        return None
    child, positions, exponent = node.args[0]
    if exponent != 1 or child.kind != "map" or child.param != "exp" or len(set(positions)) < len(positions):
        return None
    return child, positions
