"""Identities that keep accuracy: the same real value, in a form that loses less to rounding and overflow.

One rule a function, all of them in one list, applied arguments first. Run before deriving, so that the derivative of a stable form is
taken, and again after it, for what only a derivative shows (the norm at 0). Two rules are here and not with the other logarithms: they make
logarithms to which all rules are applied at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from croton.algebra.add import add
from croton.algebra.constant import constant, number_of
from croton.algebra.contract import contract, is_read
from croton.algebra.loop import with_body
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Use
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import Memo, construct, rebuild
from croton.algebra.sign import positive
from croton.algebra.solve import has_relations, solve
from croton.rewriting.exponents import without_powers
from croton.rewriting.reading import argument_of, exponent_of_sum, factors_of, is_map, scaled
from croton.rewriting.stable_exponentials import (
    exp_minus_one,
    exp_of_difference_to_lse,
    exp_times_sigmoid,
    quotient_by_one_plus_exp,
    quotient_by_sum_of_exponentials,
)
from croton.rewriting.stable_logarithms import (
    log_of_cosh,
    log_of_exp,
    log_of_expm1,
    log_of_minus_expm1,
    log_of_one_minus_sigmoid,
    log_of_one_minus_tanh_squared,
    log_of_one_plus,
    log_of_one_plus_exp,
    log_of_one_plus_tanh,
    log_of_sigmoid,
    log_of_sum_of_exponentials,
    log_of_sum_of_two_exponentials,
    log_of_terms,
    log_of_weighted_exponentials,
)
from croton.rewriting.stable_quotients import (
    difference_over_sum,
    exp_over_exp,
    exp_over_expm1,
    exp_over_terms,
    quotient_of_powers,
    quotient_of_sums,
)
from croton.rewriting.stable_zeros import x_log_x

Rule = Callable[[Use], Use | None]

MOST_STEPS = 16
"""Rules applied to one node."""


def log_of_product(use: Use) -> Use | None:
    """log(product of x^p) = sum of p log x, where all x but one are positive and a logarithm simplifies"""
    if not is_map(use, "log"):
        return None
    product = argument_of(use)
    node = product.node
    if node.kind != "contract" or not node.args or not node.param.number > 0 or not _is_total_read(node):
        return None
    factors, sums = factors_of(product)
    data = [(factor, exponent) for factor, exponent in factors if factor.dtype.is_float]
    relations = [(factor, 1) for factor, _ in factors if not factor.dtype.is_float]
    unknown = [(factor, exponent) for factor, exponent in data if not positive(factor.node) and exponent_of_sum(factor.node) is None]
    if len(unknown) > 1 or any(exponent % 2 == 0 for _, exponent in unknown):
        # Their signs are those of their product: what is positive leaves it.
        together = contract({label for factor, _ in unknown for label in factor.labels}, unknown, 1, (), node.dtype)
        if relations or together.node is node:
            return None
        data = [factor for factor in data if factor not in unknown] + [(together, 1)]
    if len(data) == 1 and data[0][1] == 1 and not relations and node.param == ONE:
        return None
    if not any(_log_is_simple(factor) or exponent != 1 for factor, exponent in data):
        return None
    terms = [(_apply(scalar("log", factor), None), Coef(float(exponent))) for factor, exponent in data]
    if node.param != Coef(1.0):
        terms.append((scalar("log", constant(node.param, node.dtype)), Coef(1.0)))
    total = add(terms, node.dtype)
    if not relations:
        return total
    return contract(use.labels, [(total, 1), *relations], 1.0, sums, node.dtype)


def log_to_another_base(use: Use) -> Use | None:
    """log2 x = log x / log 2 and log10 x = log x / log 10, where the logarithm simplifies"""
    if not is_map(use, "log2") and not is_map(use, "log10"):
        return None
    natural = scalar("log", argument_of(use))
    if not _log_is_simple(argument_of(use)) and all(rule(natural) is None for rule in (log_of_product, log_of_power, log_of_powers)):
        return None
    return scaled(_apply(natural, None), 1 / math.log(2 if use.node.param == "log2" else 10))


def log_of_powers(use: Use) -> Use | None:
    """log f(b**x) = log f(exp(x log b)) for numbers b, where the logarithm simplifies"""
    if not is_map(use, "log") and not is_map(use, "log1p"):
        return None
    written = argument_of(use)
    spelled = without_powers(written)
    if spelled == written:
        return None
    log = scalar(use.node.param, spelled)
    return _apply(log, None) if any(rule(log) is not None for rule in RULES[use.node.param]) else None


def log_of_power(use: Use) -> Use | None:
    """log(x**c) = c log x and log(sqrt x) = log(x) / 2, where the logarithm simplifies"""
    if not is_map(use, "log"):
        return None
    written = argument_of(use)
    if is_map(written, "sqrt"):
        times: float | None = 0.5
    elif is_map(written, "pow"):
        times = number_of(written.node.args[1][0])
    else:
        return None
    inner = argument_of(written)
    if times is None or not math.isfinite(times) or not _log_is_simple(inner):
        return None
    return scaled(_apply(scalar("log", inner), None), times)


def _log_is_simple(use: Use) -> bool:
    """Whether a logarithm has a form without one."""
    log = scalar("log", use)
    return exponent_of_sum(use.node) is not None or any(rule(log) is not None for rule in LOGARITHMS)


def _is_total_read(node: Node) -> bool:
    """Whether exactly one term of the sum is there, for every output: a product, or a read that never falls outside."""
    if any(child.dtype.is_bool and child.kind not in RELATIONS for child, *_ in node.args):
        return False
    if not has_relations(node):
        return not node.sums
    if not is_read(node):
        return False
    solved = solve(node)
    return solved.plain and not solved.predicates and not solved.repeat


def log_of_product_reduction(use: Use) -> Use | None:
    """log(prod over j of x) = sum over j of log x, for positive x"""
    if not is_map(use, "log"):
        return None
    node, labels = argument_of(use)
    if node.kind != "reduce" or node.param != "prod" or not positive(node.args[0][0]):
        return None
    inner = [Label(size) for size in node.sums]
    every = (*labels, *inner)
    child, positions = node.args[0]
    factor = _apply(scalar("log", Use(child, tuple([every[i] for i in positions]))), None)
    return contract(labels, [(factor, 1)], 1.0, inner, node.dtype)


LOGARITHMS: list[Rule] = [
    log_of_exp,
    log_of_sigmoid,
    log_of_one_plus_exp,
    log_of_one_minus_sigmoid,
    log_of_one_plus_tanh,
    log_of_one_minus_tanh_squared,
    log_of_sum_of_two_exponentials,
    log_of_terms,
    log_of_cosh,
    log_of_sum_of_exponentials,
    log_of_weighted_exponentials,
]
"""Rules that leave no logarithm of data."""

RULES: dict[str, list[Rule]] = {
    "log": [*LOGARITHMS, log_of_one_plus, log_of_minus_expm1, log_of_expm1, log_of_product, log_of_product_reduction, log_of_power, log_of_powers],
    "log1p": [*LOGARITHMS, log_of_powers],
    "log2": [log_to_another_base],
    "log10": [log_to_another_base],
    "exp": [exp_of_difference_to_lse],
    "contract": [
        quotient_by_sum_of_exponentials,
        difference_over_sum,
        quotient_by_one_plus_exp,
        exp_times_sigmoid,
        x_log_x,
        exp_over_expm1,
        exp_over_exp,
        exp_over_terms,
        quotient_of_sums,
        quotient_of_powers,
    ],
    "add": [exp_minus_one],
}
"""The rules for each function, and for sums and products, tried in order."""


def stabilise(uses: Sequence[Use], applied: dict[str, int] | None = None) -> list[Use]:
    """The same values in forms that lose less to rounding and overflow. `applied` counts the rules that were used, by name."""

    bodies: Memo = {}

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node.kind == "loop":
            return with_body(node, labels, arguments, lambda roots: rebuild(roots, visit, bodies))
        if not node.dtype.is_float:
            return None
        if all(use.node is argument[0] for use, argument in zip(arguments, node.args)):
            result = Use(node, labels[: len(node.dims)])
        else:
            result = construct(node, labels, arguments)
        return _apply(result, applied)

    return rebuild(uses, visit, at=_may_have_rules)


def _may_have_rules(node: Node) -> bool:
    """Rules for sums and products are about functions among what is added or multiplied, and about quotients."""
    if node.kind in ("add", "contract"):
        return any(arg[0].kind == "map" or (node.kind == "contract" and arg[2] < 0) for arg in node.args)
    return node.kind == "loop" or bool(_rules_for(node))


def _rules_for(node: Node) -> Sequence[Rule]:
    return RULES.get(node.param if node.kind == "map" else node.kind, ())


def _apply(use: Use, applied: dict[str, int] | None) -> Use:
    for _ in range(MOST_STEPS):
        found = _step(use, applied)
        if found is None:
            inner = _multiplied(use)
            rest = None if inner is None else _step(inner, applied)
            if rest is None:
                return use
            found = scaled(rest, use.node.param)
        use = found
    return use


def _step(use: Use, applied: dict[str, int] | None) -> Use | None:
    """What the first rule that applies makes of a value."""
    for rule in _rules_for(use.node):
        found = rule(use)
        if found is not None:
            if applied is not None:
                applied[rule.__name__] = applied.get(rule.__name__, 0) + 1
            return found
    return None


def _multiplied(use: Use) -> Use | None:
    """The product that a number is multiplied with, which the constructor has put outside."""
    node = use.node
    if node.kind != "contract" or node.sums or len(node.args) != 1 or node.args[0][0].kind != "contract" or node.args[0][2] != 1:
        return None
    return argument_of(use)
