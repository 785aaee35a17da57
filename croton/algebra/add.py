"""Sums of a few terms: the normalising constructor of Add."""

from __future__ import annotations

from collections.abc import Iterable

from croton.algebra.coefficient import among, multiply, of_number, wrapped
from croton.algebra.constant import zero
from croton.algebra.contract import may_not_cancel, normalise
from croton.algebra.guards import Pattern, apart, pattern_of, placed_under
from croton.algebra.mapping import map_
from croton.algebra.node import ONE, Coef, Label, Node, Use, intern
from croton.algebra.seal import seal_unordered
from croton.dtypes import DType, bool_

MOST_TERMS = 8
"""A sum of more terms is not taken apart again, so that a long chain of sums stays linear."""


Term = tuple[Node, tuple[Label, ...], Coef]


def add(terms: Iterable[tuple[Use, Coef | int | float]], dtype: DType | None = None) -> Use:
    """The sum of coef * term. Terms may depend on different labels; bools count as 0 and 1, in `dtype` if all are bool."""
    terms = list(terms)
    for use, _ in terms:
        found = use[0].dtype
        if found is bool_:
            continue
        if dtype is None:
            dtype = found
        elif dtype is not found:
            raise TypeError(f"terms of one sum need one dtype, got {dtype} and {found}; convert one with scalar('cast', ...)")
    if dtype is None or dtype is bool_:
        raise TypeError("a sum of bool terms needs a dtype to count in; give dtype='int64', or use logical_or")
    return _normalise([(use, of_number(coef, dtype)) for use, coef in terms], dtype)


def _normalise(work: list[tuple[Use, Coef]], dtype: DType) -> Use:
    collected: dict[tuple[Node, tuple[Label, ...], tuple], int | float] = {}
    axes = [use.labels for use, _ in work]
    work.reverse()
    while work:
        use, coef = work.pop()
        if coef.number == 0:
            continue
        node, labels = use
        if node.kind == "add" and len(node.args) <= MOST_TERMS:
            for child, positions, inner in node.args:
                work.append((Use(child, tuple([labels[i] for i in positions])), multiply(coef, inner)))
            continue
        if node.kind == "contract":
            if node.param != ONE:
                coef = multiply(coef, node.param)
                if coef.number == 0:
                    continue
            node, labels = without_coefficient(node, labels)
            if node.kind == "add":
                work.append((Use(node, labels), coef))
                continue
            if node.dtype is bool_ and node.kind == "contract" and not node.args:
                node = intern("contract", (), dtype, (), ONE)
        if coef.sizes:
            coef = among(coef, {label.size for labels in axes for label in labels})
            if _is_guarded(node) and any(exponent < 0 for _, exponent in coef.sizes):
                # 1 / n of a mean may be infinite, and is nothing where the guard is 0
                node, labels = normalise(set(labels), [(Use(node, labels), 1)], Coef(of_number(1, dtype).number, coef.sizes), set(), dtype)
                coef = of_number(coef.number, dtype)
        key = (node, labels, coef.sizes)
        while collected.get(key, 0) + coef.number == 0 and may_not_cancel(node):
            # x - x is NaN where x is not finite
            node, labels = map_("kept", [Use(node, labels)], node.dtype)
            key = (node, labels, coef.sizes)
        collected[key] = collected.get(key, 0) + coef.number
    if dtype.is_integer:
        collected = {key: wrapped(number, dtype) for key, number in collected.items()}  # type: ignore[arg-type]
    terms = [(node, labels, Coef(number, sizes)) for (node, labels, sizes), number in collected.items() if number != 0]
    if not terms:
        return zero(dtype)
    if len(terms) > 1:
        terms = _placed_together(terms, dtype)
    if len(terms) == 1:
        node, labels, coef = terms[0]
        if coef == ONE and node.dtype is dtype:
            return Use(node, labels)
        return normalise(set(labels), [(Use(node, labels), 1)], coef, set(), dtype)
    return seal_unordered("add", dtype, terms)


def _is_guarded(node: Node) -> bool:
    """Whether a term is 0 wherever some bool is."""
    return node.dtype is bool_ or (node.kind == "contract" and any(arg[0].dtype is bool_ for arg in node.args))


def without_coefficient(node: Node, labels: tuple[Label, ...]) -> Use:
    """The product without its coefficient; a single plain factor, also a bool one, stands for itself."""
    if len(node.args) == 1 and not node.sums:
        child, positions, exponent = node.args[0]
        if exponent == 1:
            return Use(child, tuple([labels[i] for i in positions]))
    if node.param == ONE:
        return Use(node, labels)
    return Use(intern("contract", node.dims, node.dtype, node.args, Coef(1), node.sums), labels)


def _placed_together(terms: list[Term], dtype: DType) -> list[Term]:
    """R9: terms under the same relations are added first, [i == j] x + [i == j] y = [i == j] (x + y), so that structure survives a sum."""
    patterns = [pattern_of(Use(node, labels)) for node, labels, _ in terms]
    if not any(patterns):
        return terms
    common = frozenset.intersection(*patterns)
    if common:
        groups = {common: list(range(len(terms)))}
    else:
        groups = {}
        for place, pattern in enumerate(patterns):
            if pattern:
                groups.setdefault(pattern, []).append(place)
        groups = {pattern: group for pattern, group in groups.items() if len(group) > 1}
        if not groups:
            return terms
    gone = {place for group in groups.values() for place in group}
    result = [(Use(node, labels), coef) for place, (node, labels, coef) in enumerate(terms) if place not in gone]
    result += [(_sum_under([terms[place] for place in group], pattern, dtype), ONE) for pattern, group in groups.items()]
    if len(result) > 1:
        total = _normalise(result, dtype)
        return [(total.node, total.labels, ONE)]
    return [(result[0][0].node, result[0][0].labels, ONE)]


def _sum_under(terms: list[Term], pattern: Pattern, dtype: DType) -> Use:
    """The sum of terms all of which are under the relations of a pattern: these relations times the sum of what is left."""
    relations, cores = apart([Use(node, labels) for node, labels, _ in terms], pattern, dtype)
    core = _normalise([(use, coef) for use, (_, _, coef) in zip(cores, terms)], dtype)
    return placed_under(relations, core)
