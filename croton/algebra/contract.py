"""Products and sums of products: the normalising constructor of the one kind that most arrays consist of.

    value[out] = coef * sum over summed labels of the product of factors ** power

Every rule keeps the value: flattening, powers, eliminated labels, partial sums. A factor that is bool is a guard: where it is 0
the product is 0, whatever the other factors are.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from croton.algebra.coefficient import multiply, of_number, of_size, power
from croton.algebra.constant import zero
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Use, intern
from croton.algebra.seal import seal_unordered
from croton.dtypes import DType, bool_

MOST_FACTORS = 16
"""A product of more factors is not taken apart again, so that a long chain of products stays linear."""

Factors = dict[tuple[Node, tuple[Label, ...]], int]


def contract(
    out_labels: Collection[Label],
    factors: Iterable[tuple[Use, int]],
    coef: Coef | bool | int | float = ONE,
    summed: Collection[Label] = (),
    dtype: DType | None = None,
) -> Use:
    """coef * the sum over `summed` of the product of the factors, each to its integer power.

    Labels of the factors are in `out_labels` or in `summed`. The dtype is that of the factors that are not bool; where all are bool it
    is bool, unless `dtype` says otherwise.
    """
    factors = list(factors)
    dtype = _dtype(factors, dtype)
    out = out_labels if isinstance(out_labels, (set, frozenset)) else set(out_labels)
    sums = set(summed)
    for use, _ in factors:
        for label in use[1]:
            if label not in out and label not in sums:
                raise ValueError(f"label {label} of {use[0]!r} is neither an output nor summed; name it in one of the two")
    if not out.isdisjoint(sums):
        raise ValueError(f"labels {list(out & sums)} are both outputs and summed")
    return normalise(out, factors, of_number(coef, dtype), sums, dtype)


def normalise(out: set[Label], factors: list[tuple[Use, int]], coef: Coef, sums: set[Label], dtype: DType) -> Use:
    """`contract` for callers that know their labels are right. `sums` is consumed."""
    while True:
        merged, coef, related = _flatten(factors, coef, sums, dtype)
        if coef.number == 0:
            return zero(dtype)
        # R4: a label that no factor has is summed by its size
        occurrences: dict[Label, tuple | None] = {}
        for key in merged:
            for label in key[1]:
                if label in sums:
                    occurrences[label] = key if occurrences.get(label, key) == key else None
        if len(occurrences) < len(sums):
            for label in sums:
                if label not in occurrences:
                    coef = multiply(coef, of_size(label.size))
            sums = set(occurrences)
            if coef.number == 0:
                return zero(dtype)
        if not sums or len(merged) < 2:
            break
        private = _private(occurrences)
        if not private:
            break
        factors = _partial_sums(merged, private, sums, dtype)
    return _seal(merged, coef, sums, dtype)


def _dtype(factors: list[tuple[Use, int]], wanted: DType | None) -> DType:
    found = wanted
    for use, exponent in factors:
        dtype = use[0].dtype
        if dtype is bool_:
            if exponent < 0:
                raise TypeError("a bool factor has no negative power; convert it to a floating dtype first")
            continue
        if found is None:
            found = dtype
        elif dtype is not found:
            raise TypeError(f"factors of one product need one dtype, got {found} and {dtype}; convert one with scalar('cast', ...)")
        if exponent < 0 and dtype.kind != "f":
            raise TypeError(f"a factor of dtype {dtype} has no negative power; convert it to a floating dtype first")
    return bool_ if found is None else found


def _flatten(factors: list[tuple[Use, int]], coef: Coef, sums: set[Label], dtype: DType) -> tuple[Factors, Coef, bool]:
    """R1, R2: products inside products are taken apart, equal factors become powers."""
    merged: Factors = {}
    related = False
    negative = False
    work = list(factors)
    while work:
        use, exponent = work.pop()
        node, labels = use
        if exponent == 0:
            continue
        if node.kind == "contract":
            args = node.args
            if node.dtype is bool_:
                exponent = 1
            if len(args) <= MOST_FACTORS and (exponent > 0 or _plain(node)) and is_read(node):
                inner = labels
                if node.sums:
                    fresh = [Label(size) for size in node.sums]
                    sums.update(fresh)
                    inner = labels + tuple(fresh)
                if node.param is not ONE:
                    coef = multiply(coef, power(node.param, exponent))
                for child, positions, inner_exponent in args:
                    use = Use(child, tuple([inner[i] for i in positions]))
                    work.append((use, inner_exponent if child.dtype is bool_ else inner_exponent * exponent))
                continue
        key = (node, labels)
        if node.dtype is bool_:
            merged[key] = 1
            related = related or node.kind in RELATIONS
        else:
            found = merged.get(key)
            merged[key] = exponent if found is None else found + exponent
            negative = negative or found is not None
    if negative:
        merged = {key: exponent for key, exponent in merged.items() if exponent}
    return merged, coef, related


def _plain(node: Node) -> bool:
    """Whether a product has neither a sum nor a guard, so that negative powers go inside."""
    return not node.sums and all(child.dtype is not bool_ for child, _, _ in node.args)


def is_read(node: Node) -> bool:
    """Whether at most one term of a product's sum is not zero: a read, not a sum."""
    return not node.sums


def _private(occurrences: dict[Label, tuple | None]) -> dict[tuple, list[Label]]:
    private: dict[tuple, list[Label]] = {}
    for label, key in occurrences.items():
        if key is not None and key[0].kind not in ("affine", "select"):
            private.setdefault(key, []).append(label)
    return private


def _partial_sums(merged: Factors, private: dict[tuple, list[Label]], sums: set[Label], dtype: DType) -> list[tuple[Use, int]]:
    """R5: what only one factor mentions is summed there."""
    factors = []
    for key, exponent in merged.items():
        use = Use(*key)
        labels = private.get(key)
        if labels is None:
            factors.append((use, exponent))
        else:
            sums.difference_update(labels)
            factors.append((_seal({key: exponent}, ONE, set(labels), dtype), 1))
    return factors


def _seal(merged: Factors, coef: Coef, sums: set[Label], dtype: DType) -> Use:
    if not merged:
        return Use(intern("contract", (), dtype, (), Coef(1) if dtype is bool_ else coef), ())
    if len(merged) == 1 and not sums and coef == ONE:
        (key, exponent), *_ = merged.items()
        if exponent == 1 and key[0].dtype is dtype:
            return Use(*key)
    if dtype is bool_ and coef != ONE:
        coef = ONE
    return seal_unordered("contract", dtype, [(node, labels, exponent) for (node, labels), exponent in merged.items()], coef, sums)
