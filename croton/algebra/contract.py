"""Products and sums of products: the normalising constructor of the one kind that most arrays consist of.

    value[out] = coef * sum over summed labels of the product of factors ** power

Every rule keeps the value: flattening, powers, eliminated labels, partial sums. A factor that is bool is a guard: where it is 0
the product is 0, whatever the other factors are.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable

from croton.algebra.coefficient import multiply, of_number, of_size, power
from croton.algebra.constant import zero
from croton.algebra.mapping import map_
from croton.algebra.node import ONE, RELATIONS, Coef, Label, Node, Use, intern
from croton.algebra.reads import Factors, Reads, is_one_read, read_at
from croton.algebra.relation import Row, at_least_zero, row_of
from croton.algebra.rows import determined, is_unit, radix
from croton.algebra.seal import seal, seal_unordered
from croton.algebra.system import System
from croton.dtypes import DType, bool_
from croton.util.config import config

MOST_FACTORS = 16
"""A product of more factors is not taken apart again, so that a long chain of products stays linear."""

MINUS_ONE = Coef(-1)


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
    out = out_labels if isinstance(out_labels, set) else set(out_labels)
    sums = set(summed)
    for use, _ in factors:
        for label in use[1]:
            if label not in out and label not in sums:
                if label.ambient:
                    out = out | {label}
                    continue
                raise ValueError(f"label {label} of {use[0]!r} is neither an output nor summed; name it in one of the two")
    if not out.isdisjoint(sums):
        raise ValueError(f"labels {list(out & sums)} are both outputs and summed")
    return normalise(out, factors, of_number(coef, dtype), sums, dtype)


def normalise(out: set[Label], factors: list[tuple[Use, int]], coef: Coef, sums: set[Label], dtype: DType) -> Use:
    """`contract` for callers that know their labels are right. `sums` is consumed."""
    while True:
        merged, coef, related = _flatten(factors, coef, sums, dtype)
        if coef.number == 0 or (not math.isfinite(coef.number) and any(label.size == 0 for label in out)):
            return zero(dtype)
        if related:
            simpler = System(merged, out, sums).simplify()
            if isinstance(simpler, str):
                return zero(dtype)  # FALSE
            if simpler is not None:
                factors = simpler
                continue
        if not sums:
            break
        # R4: a label that no factor has is summed by its size
        readers: dict[Label, list[tuple]] = {}
        for key in merged:
            for label in set(key[1]):
                if label in sums:
                    readers.setdefault(label, []).append(key)
        if len(readers) < len(sums):
            for label in sums:
                if label in readers:
                    continue
                if dtype is not bool_ or label.size == 0:
                    coef = multiply(coef, of_size(label.size))
                elif not isinstance(label.size, int):
                    merged[at_least_zero({}, label.size - 1)] = 1
            sums = set(readers)
            if coef.number == 0:
                return zero(dtype)
        if not sums:
            break
        if len(merged) < 2:
            inner = _sum_of_sum(merged, sums)
            if inner is None:
                break
            factors = inner
            continue
        if related:
            parts = _parts(merged, out, sums, dtype)
            if parts is not None:
                factors = parts
                continue
        private = _private(readers)
        if private and related:
            reads = read_at(merged, private, sums)
            if is_one_read(merged, private, reads):
                break
            if reads:
                factors = _summed_where_read(merged, private, reads, sums, dtype)
                continue
        if private:
            factors = _partial_sums(merged, private, sums, dtype)
            continue
        prefix = _prefix(merged, sums, readers, dtype) if related else None
        if prefix is None:
            break
        factors = prefix
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
    related = negative = signed = False
    # What is summed up to a border: a running sum, as long as it goes along one axis.
    running = {label for (node, labels), _ in factors if node.kind == "range" and len(labels) == 2 for label in labels if label in sums}
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
            apart = running and not running.isdisjoint(labels) and joins(node)
            if len(args) <= MOST_FACTORS and (exponent > 0 or _plain(node)) and is_read(node) and not apart:
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
            if node.param != ONE:
                coef = multiply(coef, power(node.param, exponent))
                node = intern("contract", node.dims, node.dtype, args, ONE, node.sums)
        key = (node, labels)
        if node.dtype is bool_:
            merged[key] = 1
            related = related or node.kind in RELATIONS
        else:
            found = merged.get(key)
            if found is not None and found * exponent < 0 and may_not_cancel(node):
                # x / x is NaN where x is 0 or not finite
                key = map_("kept", [Use(node, labels)], node.dtype)
                found = merged.get(key)
            merged[key] = exponent if found is None else found + exponent
            negative = negative or found is not None
            signed = signed or node.kind == "add"
    if negative:
        merged = {key: exponent for key, exponent in merged.items() if exponent}
    if signed:
        merged = _turned(merged)
    return merged, coef, related


def joins(node: Node) -> bool:
    """Whether a read makes one axis of several, as a reshape does."""
    rank = len(node.dims)
    return any(child.kind == "affine" and sum(place >= rank for place in set(positions)) > 1 for child, positions, _ in node.args)


def may_not_cancel(node: Node) -> bool:
    """Whether the policy keeps a value apart from its negative or its inverse: where it could be infinite or NaN, and rewriting is off."""
    return config.algebra == "strict" and node.dtype.is_float and not (node.kind == "contract" and not node.args)


def _turned(merged: Factors) -> Factors:
    """(m - x)^2 is (x - m)^2: under an even power a sum is written with a positive number or first term, where that tells the two apart."""
    result: Factors = {}
    for (node, labels), exponent in merged.items():
        if exponent % 2 == 0 and node.kind == "add" and _leading(node) < 0:
            turned = _negated(node, labels)
            if turned[0] is not node:
                node, labels = turned
        key = (node, labels)
        result[key] = result.get(key, 0) + exponent
    return result


def _leading(node: Node) -> int | float:
    """What decides the sign of a sum: the number in it, or its first term."""
    numbers = [coef.number for child, _, coef in node.args if child.kind == "contract" and not child.args]
    return numbers[0] if numbers else node.args[0][2].number


def _negated(node: Node, labels: tuple[Label, ...]) -> Use:
    """Minus a sum of terms, as a sum of terms."""
    terms = [(child, tuple([labels[i] for i in places]), multiply(MINUS_ONE, c)) for child, places, c in node.args]
    return seal_unordered("add", node.dtype, terms)


def _plain(node: Node) -> bool:
    """Whether a product has neither a sum nor a guard, so that negative powers go inside."""
    return not node.sums and all(child.dtype is not bool_ for child, _, _ in node.args)


def is_read(node: Node) -> bool:
    """A7: whether at most one term of a product's sum is not zero, because relations determine the summed labels: a read, not a sum."""
    if not node.sums:
        return True
    memo = node.memo
    if memo is None:
        memo = node.memo = {}
    found = memo.get("read")
    if found is None:
        found = memo["read"] = False
        if any(child.kind in ("affine", "select") for child, _, _ in node.args):
            labels = [Label(size) for size in node.dims + node.sums]
            factors = [(child, tuple([labels[i] for i in positions])) for child, positions, _ in node.args]
            rank = len(node.dims)
            found = memo["read"] = _determined(set(labels[:rank]), factors).issuperset(labels)
    return found


def _determined(known: set[Label], factors: Iterable[tuple[Node, tuple[Label, ...]]]) -> set[Label]:
    """The labels that relations give at most one value, once the known ones have theirs."""
    rows: list[Row] = []
    selects: list[tuple[Label, tuple[Label, ...]]] = []
    for node, labels in factors:
        if node.kind == "affine":
            rows.append(row_of(Use(node, labels)))
        elif node.kind == "select":
            selects.append((labels[0], labels[1:]))
    sizes = {label: label.size for row in rows for label in row[0]}
    return determined(known, rows, selects, sizes)


def _parts(merged: Factors, out: set[Label], sums: set[Label], dtype: DType) -> list[tuple[Use, int]] | None:
    """R3b, R3c: the factors of a true sum as a core and the relations that place it; None where the sum stays as it is.

    A relation between outputs one of which nothing else mentions spreads the core along that label: the core is the compressed
    value. An output m = b T + t that nothing else mentions, with b and t summed, only renames a core on b and t. What stays to be
    summed is left in `sums`.
    """
    relations = [key for key in merged if key[0].kind in ("affine", "select")]
    if _determined(out, relations).issuperset(sums):
        return None
    count: dict[Label, int] = {}
    for key in merged:
        for label in set(key[1]):
            count[label] = count.get(label, 0) + 1
    placed = [key for key in merged if key[0].dtype is bool_ and out.issuperset(key[1]) and _is_outer(key, count)]
    renamed: set[Label] = set()
    if not placed:
        for key in relations:
            inner = [label for label in key[1] if label in sums]
            outer = [label for label in key[1] if label in out]
            if key[0].kind == "affine" and len(outer) == 1 and len(inner) > 1 and count[outer[0]] == 1 and _merges(key, outer[0], inner):
                placed = [key]
                renamed = set(inner)
                break
        else:
            return None
    inside = {key: exponent for key, exponent in merged.items() if key not in placed}
    wanted = {label for key in inside for label in key[1] if label in out or label in renamed}
    core = normalise(wanted, [(Use(*key), exponent) for key, exponent in inside.items()], ONE, sums - renamed, dtype)
    sums.intersection_update(renamed)
    return [(core, 1), *((Use(*key), 1) for key in placed)]


def _is_outer(key: tuple[Node, tuple[Label, ...]], count: dict[Label, int]) -> bool:
    """Whether a guard between outputs is better applied to the sum than to each of its terms."""
    return key[0].kind not in ("affine", "select") or any(count[label] == 1 for label in key[1])


def _merges(key: tuple[Node, tuple[Label, ...]], label: Label, inner: list[Label]) -> bool:
    coefficients, _ = row_of(Use(*key))
    return is_unit(coefficients.get(label)) and radix(inner, coefficients, {digit: digit.size for digit in inner}) is not None


def _sum_of_sum(merged: Factors, sums: set[Label]) -> list[tuple[Use, int]] | None:
    """A sum of nothing but a sum of one factor is one sum: x.sum(0).sum(). Whether a sum of products is worth opening is a matter of cost."""
    ((node, labels), exponent), *_ = merged.items()
    if node.kind != "contract" or exponent != 1 or node.param != ONE or len(node.args) != 1:
        return None
    fresh = tuple([Label(size) for size in node.sums])
    sums.update(fresh)
    labels = labels + fresh
    return [(Use(child, tuple([labels[i] for i in positions])), inner) for child, positions, inner in node.args]


def _private(readers: dict[Label, list[tuple]]) -> dict[tuple, list[Label]]:
    private: dict[tuple, list[Label]] = {}
    for label, keys in readers.items():
        if len(keys) == 1 and keys[0][0].kind not in ("affine", "select"):
            private.setdefault(keys[0], []).append(label)
    return private


def _prefix(merged: Factors, sums: set[Label], readers: dict[Label, list[tuple]], dtype: DType) -> list[tuple[Use, int]] | None:
    """A9: sum_s x[s] [s <= t] y[t] is a running sum of x, read at t."""
    for label, keys in readers.items():
        ranges = [key for key in keys if key[0].kind == "range" and len(key[1]) == 2]
        if len(keys) != 2 or len(ranges) != 1 or len(merged) < 3:
            continue
        (border,) = ranges
        value = keys[1] if keys[0] is border else keys[0]
        (until,) = [other for other in border[1] if other is not label] or [label]
        if value[0].kind in RELATIONS or until is label or until in value[1]:
            continue
        alone = {other for other in value[1] if other in sums and len(readers[other]) == 1} | {label}
        running = _seal({value: merged[value], border: 1}, ONE, alone, dtype)
        sums.difference_update(alone)
        return [(Use(*key), exponent) for key, exponent in merged.items() if key not in (value, border)] + [(running, 1)]
    return None


def _partial_sums(merged: Factors, private: dict[tuple, list[Label]], sums: set[Label], dtype: DType) -> list[tuple[Use, int]]:
    """R5: what only one factor mentions is summed there."""
    factors = []
    for key, exponent in merged.items():
        labels = private.get(key)
        if labels is None:
            factors.append((Use(*key), exponent))
        else:
            sums.difference_update(labels)
            factors += _partial_sum(key, {key: exponent}, set(labels), dtype)
    return factors


def _summed_where_read(merged: Factors, private: dict[tuple, list[Label]], reads: Reads, sums: set[Label], dtype: DType) -> list[tuple[Use, int]]:
    """R5 for a factor that is read at something: what only it mentions is summed for what is read, sum over k of x[index[b], k], not for all there is."""
    key, mine = next(iter(reads.items()))
    elsewhere = {label for other in merged if other != key and other not in mine.values() for label in other[1]}
    names = {label: Label(label.size) if label in elsewhere else label for label in mine}
    inside: Factors = {(node, tuple([names.get(label, label) for label in at])): merged[node, at] for node, at in (key, *mine.values())}
    gone = {key, *[relation for label, relation in mine.items() if label not in elsewhere]}
    sums.difference_update(private[key], [label for label in mine if label not in elsewhere])
    rest = [(Use(*other), exponent) for other, exponent in merged.items() if other not in gone]
    return rest + _partial_sum(key, inside, {*private[key], *names.values()}, dtype)


def _partial_sum(key: tuple[Node, tuple[Label, ...]], inside: Factors, labels: set[Label], dtype: DType) -> list[tuple[Use, int]]:
    """A factor summed, by itself or where it is read. A mask that is counted stays a guard: where the count is 0 the product is."""
    part = _seal(inside, ONE, labels, dtype)
    if key[0].dtype is bool_ and dtype.kind == "f" and key[0].kind not in RELATIONS and part[1]:
        return [(part, 1), (map_("ne", [part, zero(dtype)], bool_), 1)]
    return [(part, 1)]


def _seal(merged: Factors, coef: Coef, sums: set[Label], dtype: DType) -> Use:
    if dtype.is_integer:
        coef = of_number(coef, dtype)
    if not merged:
        return Use(intern("contract", (), dtype, (), Coef(1) if dtype is bool_ else coef), ())
    if len(merged) == 1 and not sums:
        (key, exponent), *_ = merged.items()
        if exponent == 1 and coef == ONE and key[0].dtype is dtype:
            return Use(*key)
        if exponent == 1 and key[0].kind == "add" and coef == MINUS_ONE:
            # -(z - x) is x - z; other numbers stay outside, where they cost one product.
            return _negated(*key)
    if dtype is bool_ and coef != ONE:
        coef = ONE
    if sums and coef != ONE and not any(node.kind in RELATIONS for node, _ in merged):
        # A sum of products carries no coefficient, so that there is one matrix product however it is scaled. One under relations may be a scatter.
        node, labels = _seal(merged, ONE, sums, dtype)
        return seal("contract", dtype, [(node, labels, 1)], coef)
    return seal_unordered("contract", dtype, [(node, labels, exponent) for (node, labels), exponent in merged.items()], coef, sums)
