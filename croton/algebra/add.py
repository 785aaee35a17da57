"""Sums of a few terms: the normalising constructor of Add."""

from __future__ import annotations

from collections.abc import Iterable

from croton.algebra.coefficient import multiply, of_number
from croton.algebra.constant import zero
from croton.algebra.contract import normalise
from croton.algebra.node import ONE, Coef, Label, Node, Use, intern
from croton.algebra.seal import seal_unordered
from croton.dtypes import DType, bool_

MOST_TERMS = 8
"""A sum of more terms is not taken apart again, so that a long chain of sums stays linear."""


def add(terms: Iterable[tuple[Use, Coef | int | float]], dtype: DType | None = None) -> Use:
    """The sum of coef * term. Terms may depend on different labels; bool terms count as 0 and 1 and need a term or `dtype` that is not bool."""
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
            node, labels = _without_coefficient(node, labels)
            if node.kind == "add":
                work.append((Use(node, labels), coef))
                continue
            if node.dtype is bool_ and node.kind == "contract" and not node.args:
                node = intern("contract", (), dtype, (), ONE)
        key = (node, labels, coef.sizes)
        found = collected.get(key)
        collected[key] = coef.number if found is None else found + coef.number
    terms = [(node, labels, Coef(number, sizes)) for (node, labels, sizes), number in collected.items() if number != 0]
    if not terms:
        return zero(dtype)
    if len(terms) == 1:
        node, labels, coef = terms[0]
        if coef == ONE and node.dtype is dtype:
            return Use(node, labels)
        return normalise(set(labels), [(Use(node, labels), 1)], coef, set(), dtype)
    return seal_unordered("add", dtype, terms)


def _without_coefficient(node: Node, labels: tuple[Label, ...]) -> Use:
    """The product without its coefficient; a single plain factor, also a bool one, stands for itself."""
    if len(node.args) == 1 and not node.sums:
        child, positions, exponent = node.args[0]
        if exponent == 1:
            return Use(child, tuple([labels[i] for i in positions]))
    if node.param == ONE:
        return Use(node, labels)
    return Use(intern("contract", node.dims, node.dtype, node.args, Coef(1), node.sums), labels)
