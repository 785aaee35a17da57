"""Identities that keep accuracy: the same real value, in a form that loses less to rounding and overflow.

One rule a function, all of them in one list, applied arguments first. Run before deriving, so that the derivative of a stable form is
taken, and again after it, for what only a derivative shows (the norm at 0).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.algebra.add import add
from croton.algebra.constant import constant, number_of
from croton.algebra.contract import contract, is_read
from croton.algebra.loop import with_body
from croton.algebra.node import RELATIONS, Coef, Label, Node, Use
from croton.algebra.pointwise import scalar
from croton.algebra.rebuild import Memo, construct, rebuild
from croton.algebra.reduce import reduce
from croton.algebra.sign import positive
from croton.algebra.solve import has_relations, solve

Rule = Callable[[Use], Use | None]

MOST_STEPS = 16
"""Rules applied to one node."""


def stabilise(uses: Sequence[Use], applied: dict[str, int] | None = None) -> list[Use]:
    """The same values in forms that lose less to rounding and overflow. `applied` counts the rules that were used, by name."""

    bodies: Memo = {}

    def visit(node: Node, labels: tuple[Label, ...], arguments: list[Use]) -> Use | None:
        if node.kind == "loop":
            return with_body(node, labels, arguments, lambda roots: rebuild(roots, visit, bodies))
        if node.kind not in RULES or not node.dtype.is_float:
            return None
        if all(use.node is argument[0] for use, argument in zip(arguments, node.args)):
            result = Use(node, labels[: len(node.dims)])
        else:
            result = construct(node, labels, arguments)
        return _apply(result, applied)

    return rebuild(uses, visit)


def _apply(use: Use, applied: dict[str, int] | None) -> Use:
    for _ in range(MOST_STEPS):
        for rule in RULES.get(use.node.kind, ()):
            found = rule(use)
            if found is not None:
                break
        else:
            return use
        if applied is not None:
            applied[rule.__name__] = applied.get(rule.__name__, 0) + 1
        use = found
    return use


# ---- reading nodes -------------------------------------------------------------------------------------------------


def _is(use: Use, function: str) -> bool:
    return use.node.kind == "map" and use.node.param == function


def _argument(use: Use) -> Use:
    child, positions = use.node.args[0][:2]
    return Use(child, tuple([use.labels[i] for i in positions]))


def _terms(use: Use) -> list[tuple[Use, Coef]]:
    return [(Use(child, tuple([use.labels[i] for i in positions])), coef) for child, positions, coef in use.node.args]


def _factors(use: Use) -> tuple[list[tuple[Use, int]], list[Label]]:
    inner = [Label(size) for size in use.node.sums]
    labels = (*use.labels, *inner)
    return [(Use(child, tuple([labels[i] for i in positions])), exponent) for child, positions, exponent in use.node.args], inner


def _product(use: Use, factors: list[tuple[Use, int]], sums: list[Label]) -> Use:
    kept = [(factor, exponent) for factor, exponent in factors if exponent]
    return contract(use.labels, kept, use.node.param, sums, use.node.dtype)


def _scaled(use: Use, number: float | Coef) -> Use:
    return contract(use.labels, [(use, 1)], number, (), use.node.dtype)


def _value(use: Use, coef: Coef) -> float | None:
    """The number that a term is, or None."""
    number = number_of(use.node)
    return None if number is None or coef.sizes else number * coef.number


def _one_and(use: Use) -> tuple[Use, Coef] | None:
    """(rest, coefficient) of a sum 1 + coefficient * rest."""
    if use.node.kind != "add" or len(use.node.args) != 2:
        return None
    terms = _terms(use)
    for (one, weight), other in zip(terms, terms[::-1]):
        if _value(one, weight) == 1:
            return other
    return None


def _is_shifted(use: Use) -> bool:
    """Whether a value is something minus a constant to the derivative, or minus its own maximum: an exponent that cannot overflow."""
    node = use.node
    if node.kind != "add":
        return False
    for place, (child, _, coef) in enumerate(node.args):
        if child.kind == "map" and child.param == "stop":
            return True
        greatest = _greatest_of(child) if coef == Coef(-1.0) else None
        if greatest is not None:
            rest = [term for other, term in enumerate(_terms(use)) if other != place]
            if add(rest, node.dtype).node is greatest:
                return True
    return False


def _greatest_of(node: Node) -> Node | None:
    """What a value is the maximum of; also of one that is 0 where it is infinite."""
    if node.kind == "contract" and len(node.args) == 2 and not node.sums and node.param == Coef(1.0):
        top = next((child for child, _, _ in node.args if child.kind == "reduce"), None)
        if top is None or not any(child.kind == "map" and child.param == "isfinite" and child.args[0][0] is top for child, _, _ in node.args):
            return None
        node = top
    return node.args[0][0] if node.kind == "reduce" and node.param == "max" else None


def _exponent_of_sum(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """For a plain sum of exponentials, the exponential and the labels it is read at inside the node."""
    if node.kind != "contract" or not node.sums or len(node.args) != 1 or node.param != Coef(1.0):
        return None
    child, positions, exponent = node.args[0]
    if exponent != 1 or child.kind != "map" or child.param != "exp" or len(set(positions)) < len(positions):
        return None
    return child, positions


# ---- logarithms ----------------------------------------------------------------------------------------------------


def log_of_exp(use: Use) -> Use | None:
    """log(exp x) = x"""
    if not _is(use, "log") or not _is(_argument(use), "exp"):
        return None
    return _argument(_argument(use))


def log_of_sigmoid(use: Use) -> Use | None:
    """log(sigmoid x) = -softplus(-x)"""
    if not _is(use, "log") or not _is(_argument(use), "sigmoid"):
        return None
    return _scaled(scalar("softplus", _scaled(_argument(_argument(use)), -1)), -1)


def log_of_one_plus_exp(use: Use) -> Use | None:
    """log(1 + exp x) = softplus x"""
    inner = _after_one(use)
    if inner is None or not _is(inner[0], "exp") or inner[1] != Coef(1.0):
        return None
    return scalar("softplus", _argument(inner[0]))


def log_of_one_minus_sigmoid(use: Use) -> Use | None:
    """log(1 - sigmoid x) = -softplus x"""
    inner = _after_one(use)
    if inner is None or not _is(inner[0], "sigmoid") or inner[1] != Coef(-1.0):
        return None
    return _scaled(scalar("softplus", _argument(inner[0])), -1)


def _after_one(use: Use) -> tuple[Use, Coef] | None:
    """The second term of log(1 + c*u) or log1p(c*u)."""
    if _is(use, "log"):
        return _one_and(_argument(use))
    if not _is(use, "log1p"):
        return None
    argument = _argument(use)
    node = argument.node
    if node.kind == "contract" and len(node.args) == 1 and not node.sums and node.args[0][2] == 1:
        return _argument(argument), node.param
    return argument, Coef(1.0)


def log_of_sum_of_two_exponentials(use: Use) -> Use | None:
    """log(exp x + exp y) = logaddexp(x, y)"""
    if not _is(use, "log") or _argument(use).node.kind != "add":
        return None
    terms = _terms(_argument(use))
    if len(terms) != 2 or any(not _is(term, "exp") or coef != Coef(1.0) for term, coef in terms):
        return None
    return scalar("logaddexp", _argument(terms[0][0]), _argument(terms[1][0]))


def log_of_one_plus(use: Use) -> Use | None:
    """log(1 + x) = log1p x"""
    if not _is(use, "log"):
        return None
    rest = _one_and(_argument(use))
    return None if rest is None else scalar("log1p", _scaled(*rest))


def log_of_minus_expm1(use: Use) -> Use | None:
    """log(1 - exp x) = log(-expm1 x) near 0, log1p(-exp x) away from it (Maechler, Accurately computing log(1 - exp(-|a|)), 2012)"""
    if not _is(use, "log"):
        return None
    argument = _argument(use)
    node = argument.node
    if node.kind != "contract" or node.sums or len(node.args) != 1 or node.args[0][2] != 1 or node.param != Coef(-1.0):
        return None
    inner = _argument(argument)
    if not _is(inner, "expm1"):
        return None
    x = _argument(inner)
    near = scalar("gt", x, constant(-0.6931471805599453, x.dtype))
    # Each branch sees a value it is good for, so that neither derivative is infinite where it is not taken.
    low = scalar("where", near, constant(-1.0, x.dtype), x)
    high = scalar("where", near, x, constant(-0.5, x.dtype))
    close = scalar("log", scalar("identity", _scaled(scalar("expm1", high), -1)))
    return scalar("where", near, close, scalar("log1p", _scaled(scalar("exp", low), -1)))


def log_of_sum_of_exponentials(use: Use) -> Use | None:
    """log(sum exp x) = lse x"""
    if not _is(use, "log"):
        return None
    total = _argument(use)
    if _exponent_of_sum(total.node) is None:
        return None
    factors, inner = _factors(total)
    exponent = _argument(factors[0][0])
    if _is_shifted(exponent) or not set(inner) <= set(exponent.labels):
        return None
    return reduce("lse", exponent, inner)


def log_of_product(use: Use) -> Use | None:
    """log(product of x^p) = sum of p log x, where all x but one are positive and a logarithm simplifies"""
    if not _is(use, "log"):
        return None
    product = _argument(use)
    node = product.node
    if node.kind != "contract" or not node.args or not node.param.number > 0 or not _is_total_read(node):
        return None
    factors, sums = _factors(product)
    data = [(factor, exponent) for factor, exponent in factors if factor.dtype.is_float]
    relations = [(factor, 1) for factor, _ in factors if not factor.dtype.is_float]
    unknown = [(factor, exponent) for factor, exponent in data if not positive(factor.node) and _exponent_of_sum(factor.node) is None]
    if len(unknown) > 1 or any(exponent % 2 == 0 for _, exponent in unknown):
        return None
    if len(data) == 1 and data[0][1] == 1 and not relations:
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


def _log_is_simple(use: Use) -> bool:
    return _is(use, "exp") or _is(use, "sigmoid") or _exponent_of_sum(use.node) is not None


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
    if not _is(use, "log"):
        return None
    node, labels = _argument(use)
    if node.kind != "reduce" or node.param != "prod" or not positive(node.args[0][0]):
        return None
    inner = [Label(size) for size in node.sums]
    every = (*labels, *inner)
    child, positions = node.args[0]
    factor = _apply(scalar("log", Use(child, tuple([every[i] for i in positions]))), None)
    return contract(labels, [(factor, 1)], 1.0, inner, node.dtype)


# ---- exponentials --------------------------------------------------------------------------------------------------


def exp_of_difference_to_lse(use: Use) -> Use | None:
    """exp(x - lse x) = softmax x, shifted by the maximum: the rounding error of lse grows with the offset of x"""
    if not _is(use, "exp") or _argument(use).node.kind != "add":
        return None
    terms = _terms(_argument(use))
    for lse, weight in terms:
        if lse.node.kind != "reduce" or lse.node.param != "lse" or weight != Coef(-1.0) or len(terms) != 2:
            continue
        ((x, times),) = [term for term in terms if term[0] != lse]
        child, positions = lse.node.args[0]
        rank = len(lse.node.dims)
        if times != Coef(1.0) or child is not x.node or len(set(positions)) < len(positions):
            continue
        if any(x.labels[axis] != lse.labels[i] for axis, i in enumerate(positions) if i < rank):
            continue
        inner = [label for label, i in zip(x.labels, positions) if i >= rank]
        return _softmax(x, inner)
    return None


def _softmax(x: Use, over: list[Label]) -> Use:
    """exp(x - m) / sum exp(x - m) with m the maximum, a constant to the derivative."""
    numerator = scalar("exp", add([(x, 1), (_top(x, over), -1)]))
    return contract(set(x.labels), [(numerator, 1), (_sum_over(numerator, over), -1)])


def _top(x: Use, over: list[Label]) -> Use:
    """The maximum, a constant to the derivative; 0 where it is infinite, as in lse, so that both share their exponentials."""
    top = reduce("max", x, over)
    return scalar("stop", scalar("where", scalar("isfinite", top), top, constant(0.0, x.dtype)))


def _sum_over(use: Use, over: list[Label]) -> Use:
    return contract(set(use.labels) - set(over), [(use, 1)], 1, over)


def quotient_by_sum_of_exponentials(use: Use) -> Use | None:
    """exp(x) / sum exp(x) = exp(x - m) / sum exp(x - m) with m = max x, a constant to the derivative"""
    node = use.node
    if not any(arg[2] < 0 and _exponent_of_sum(arg[0]) is not None for arg in node.args):
        return None
    factors, sums = _factors(use)
    for j, (total, q) in enumerate(factors):
        numerator_of = _exponent_of_sum(total.node) if q < 0 else None
        if numerator_of is None:
            continue
        rank = len(total.node.dims)
        for i, (numerator, p) in enumerate(factors):
            if numerator.node is not numerator_of[0] or p < 1:
                continue
            if any(numerator.labels[axis] != total.labels[k] for axis, k in enumerate(numerator_of[1]) if k < rank):
                continue
            # The sum runs over labels of its own.
            own = [Label(size) for size in total.node.sums]
            summed = Use(numerator.node, tuple([(*total.labels, *own)[k] for k in numerator_of[1]]))
            inner, outer = _argument(summed), _argument(numerator)
            if _is_shifted(outer) or not set(own) <= set(inner.labels):
                continue
            top = _top(inner, own)
            times = min(p, -q)
            shifted = _sum_over(scalar("exp", add([(inner, 1), (top, -1)])), own)
            factors[i], factors[j] = (numerator, p - times), (total, q + times)
            factors += [(scalar("exp", add([(outer, 1), (top, -1)])), times), (shifted, -times)]
            return _product(use, factors, sums)
    return None


def quotient_by_one_plus_exp(use: Use) -> Use | None:
    """1 / (1 + exp x) = sigmoid(-x)"""
    if not any(arg[2] < 0 and arg[0].kind == "add" for arg in use.node.args):
        return None
    factors, sums = _factors(use)
    for place, (factor, exponent) in enumerate(factors):
        rest = _one_and(factor) if exponent < 0 else None
        if rest is not None and _is(rest[0], "exp") and rest[1] == Coef(1.0):
            factors[place] = (scalar("sigmoid", _scaled(_argument(rest[0]), -1)), -exponent)
            return _product(use, factors, sums)
    return None


def exp_times_sigmoid(use: Use) -> Use | None:
    """exp(x) * sigmoid(-x) = sigmoid x"""
    functions = [arg[0].param for arg in use.node.args if arg[0].kind == "map"]
    if "exp" not in functions or "sigmoid" not in functions:
        return None
    factors, sums = _factors(use)
    for i, (grown, p) in enumerate(factors):
        if p < 1 or not _is(grown, "exp"):
            continue
        wanted = _scaled(_argument(grown), -1)
        for j, (shrunk, q) in enumerate(factors):
            if q < 1 or not _is(shrunk, "sigmoid") or _argument(shrunk) != wanted:
                continue
            times = min(p, q)
            factors[i], factors[j] = (grown, p - times), (shrunk, q - times)
            factors.append((scalar("sigmoid", _argument(grown)), times))
            return _product(use, factors, sums)
    return None


def exp_minus_one(use: Use) -> Use | None:
    """exp(x) - 1 = expm1 x"""
    terms = _terms(use)
    for i, (grown, weight) in enumerate(terms):
        if not _is(grown, "exp") or weight.sizes:
            continue
        for j, (one, times) in enumerate(terms):
            if _value(one, times) == -weight.number:
                rest = [term for place, term in enumerate(terms) if place not in (i, j)]
                return add([*rest, (scalar("expm1", _argument(grown)), weight)], use.node.dtype)
    return None


# ---- at zero -------------------------------------------------------------------------------------------------------


def x_log_x(use: Use) -> Use | None:
    """x log x = 0 at x = 0"""
    if not any(arg[0].kind == "map" and arg[0].param == "log" and arg[2] == 1 for arg in use.node.args):
        return None
    factors, sums = _factors(use)
    for i, (log, p) in enumerate(factors):
        if p != 1 or not _is(log, "log"):
            continue
        x = _argument(log)
        for j, (factor, q) in enumerate(factors):
            if factor == x and q >= 1:
                factors[i], factors[j] = (scalar("xlogx", x), 1), (factor, q - 1)
                return _product(use, factors, sums)
    return None


def quotient_by_norm(use: Use) -> Use | None:
    """x / sqrt(sum of x^2) = 0 at x = 0: the subgradient of the norm that is smallest"""
    if not any(arg[2] < 0 and arg[0].kind == "map" and arg[0].param == "sqrt" for arg in use.node.args):
        return None
    factors, sums = _factors(use)
    present = {factor.node for factor, exponent in factors if exponent > 0}
    for place, (norm, exponent) in enumerate(factors):
        if exponent < 0 and _is(norm, "sqrt") and not _squared(norm.node.args[0][0]).isdisjoint(present):
            factors[place] = (scalar("safe_reciprocal", norm), -exponent)
            return _product(use, factors, sums)
    return None


def _squared(node: Node) -> set[Node]:
    """Values that are all 0 where a sum of even powers is 0; empty where a value is no such sum."""
    if node.kind == "contract" and node.param.number > 0 and node.args:
        data = [arg for arg in node.args if not arg[0].dtype.is_bool]
        return {data[0][0]} if len(data) == 1 and data[0][2] > 0 and data[0][2] % 2 == 0 else set()
    if node.kind == "add":
        found: set[Node] = set()
        for child, _, coef in node.args:
            below = _squared(child) if child.kind == "contract" and coef.number > 0 else set()
            if not below:
                return set()
            found |= below
        return found
    return set()


RULES: dict[str, list[Rule]] = {
    "map": [
        log_of_exp,
        log_of_sigmoid,
        log_of_one_plus_exp,
        log_of_one_minus_sigmoid,
        log_of_sum_of_two_exponentials,
        log_of_one_plus,
        log_of_minus_expm1,
        log_of_sum_of_exponentials,
        log_of_product,
        log_of_product_reduction,
        exp_of_difference_to_lse,
    ],
    "contract": [
        quotient_by_sum_of_exponentials,
        quotient_by_one_plus_exp,
        exp_times_sigmoid,
        x_log_x,
        quotient_by_norm,
    ],
    "add": [exp_minus_one],
}
"""The rules for each kind of node, tried in order."""
