"""Sums of products, pair by pair in a planned order.

A pair without a sum is no step: its factors go on, unmultiplied, to the next sum (a lazy product). A pair with a sum is a matrix product where it is one and
large enough, else a reduction.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from croton.algebra.cost import Tree, extent, pairs_of, search
from croton.algebra.node import ONE, Coef
from croton.dtypes import DType, bool_, float32, float64
from croton.schedule.draft import Draft
from croton.schedule.factors import Factor, multiplied
from croton.schedule.step import BodyBuilder, Operands, Value, plain_labels
from croton.sizes import Size

LEAST_PRODUCT = 16
"""Products whose sides are at least this are the library's."""
LEAST_SIDE = 2
"""So are those without a batch where one side is long and the others are at least this,"""
SMALL_SIDE, LEAST_VOLUME = 4, 1000
"""and those with as many multiplications a member: ten a side take the library 50 ns, a loop nest ten times as long."""
FEW_SIDE, LONG_SUM, NEAR = 3, 256, 1 << 20
"""So are long sums of at least so few rows and columns whose operands have to be written first, each of no more elements than stay in a cache: the covariances
of a mixture take the library a half to a third of the time of a nest, which makes each element anew for each row."""

NOTHING_HELD: Mapping[int, int] = MappingProxyType({})


def summed(
    draft: Draft,
    dims: tuple[Size, ...],
    rank: int,
    factors: list[Factor],
    coef: Coef,
    dtype: DType,
    tree: Tree | None = None,
    held: Mapping[int, int] = NOTHING_HELD,
) -> Value:
    """coef * the sum over the labels from `rank` on of the product of the factors, in the order of a tree over them if one is given.

    Factors that are `held` are multiplied with another one before anything is summed.
    """
    items = [[factor, *[factors[other] for other in held if held[other] == number]] for number, factor in enumerate(factors) if number not in held]
    labels: list[set[int]] = [{label for factor in item for label in factor[1]} for item in items]
    if held:
        tree = None
    count: dict[int, int] = {}
    for found in labels:
        for label in found:
            count[label] = count.get(label, 0) + 1
    if tree is None and len(items) > 2:
        extents = {label: extent(size) for label, size in enumerate(dims)}
        tree = search([frozenset(found) for found in labels], frozenset(range(rank)), extents).tree
    single = len(items) == 1
    pairs = [(0, 1)] if len(items) == 2 else [] if single else pairs_of(tree, len(items))
    applied = False
    if not single:
        for number in range(len(items)):
            gone = sorted([label for label in labels[number] if label >= rank and count[label] == 1])
            if gone:
                items[number] = [_reduction(draft, dims, items[number], None, gone, ONE, dtype)]
                labels[number] = set(items[number][0][1])
    last = len(pairs) - 1
    for number, (left, right) in enumerate(pairs):
        for label in labels[left] & labels[right]:
            count[label] -= 1
        together = labels[left] | labels[right]
        gone = sorted([label for label in together if label >= rank and count[label] == 1])
        if not gone:
            items.append(items[left] + items[right])
            labels.append(together)
            continue
        scale = coef if number == last else ONE
        applied = number == last
        items.append([_reduction(draft, dims, items[left], items[right], gone, scale, dtype)])
        labels.append(set(items[-1][0][1]))
    result = items[-1]
    if single:
        result, applied = [_reduction(draft, dims, result, None, list(range(rank, len(dims))), coef, dtype)], True
    if (applied or coef == ONE) and len(result) == 1 and result[0][1:] == (tuple(range(rank)), 1) and type(result[0][0]) is Value:
        return result[0][0]
    body = BodyBuilder()
    return draft.emit(dims[:rank], rank, None, body.finish(multiplied(draft, body, result, ONE if applied else coef, dtype)))


def _reduction(
    draft: Draft, dims: tuple[Size, ...], left: list[Factor], right: list[Factor] | None, gone: list[int], coef: Coef, dtype: DType
) -> Factor:
    """The factor that a sum of products leaves."""
    mine = {label for factor in left for label in factor[1]}
    others = set() if right is None else {label for factor in right for label in factor[1]}
    kept = sorted((mine | others).difference(gone))
    places = {label: place for place, label in enumerate([*kept, *gone])}
    own = tuple([dims[label] for label in places])
    rank = len(kept)
    if right is not None and dtype in (float32, float64) and _is_product(dims, left, right, gone, dtype):
        first, first_labels = _operand(draft, dims, left, dtype)
        second, second_labels = _operand(draft, dims, right, dtype)
        first_labels = tuple([places[label] for label in first_labels])
        second_labels = tuple([places[label] for label in second_labels])
        twins = tuple([(places[one], places[two]) for one, two in _twins(dims, left, right, mine - others, others - mine)])
        value = draft.product(own, rank, dtype, Operands(first, first_labels, second, second_labels, coef, None, twins))
        return (value, tuple(kept), 1)
    body = BodyBuilder()
    factors = left if right is None else left + right
    moved = [(source, tuple([places[label] for label in labels]), power) for source, labels, power in factors]
    value = draft.emit(own, rank, "any" if dtype is bool_ else "sum", body.finish(multiplied(draft, body, moved, ONE, dtype)))
    if coef != ONE:
        body = BodyBuilder()
        scaled = multiplied(draft, body, [(value, tuple(range(rank)), 1)], coef, dtype)
        value = draft.emit(own[:rank], rank, None, body.finish(scaled))
    return (value, tuple(kept), 1)


def _is_product(dims: tuple[Size, ...], left: list[Factor], right: list[Factor], gone: list[int], dtype: DType) -> bool:
    """Whether a sum of products is a matrix product, and one that the library computes faster than a loop nest does."""
    mine, others = ({label for factor in factors for label in factor[1]} for factors in (left, right))
    inner = mine & others
    if not inner.issuperset(gone):
        return False
    rows, columns = mine - others, others - mine
    if not rows or not columns:
        return False
    sides = [_volume(dims, group) for group in (rows, columns, gone)]
    least = min(sides)
    if least >= LEAST_PRODUCT or (least >= LEAST_SIDE and max(sides) > 4 * LEAST_PRODUCT and len(inner) == len(gone)):
        return True
    if min(sides[:2]) >= FEW_SIDE and sides[2] >= LONG_SUM and all(_volume(dims, labels) <= NEAR for labels in (mine, others)):
        return True
    if least < SMALL_SIDE or math.prod(sides) < LEAST_VOLUME:
        return False
    # a nest would not write down what it multiplies
    result = _volume(dims, (mine | others).difference(gone))
    return all(_lies(factors, dtype) or _volume(dims, labels) <= result for factors, labels in ((left, mine), (right, others)))


def _volume(dims: tuple[Size, ...], labels: Iterable[int]) -> int:
    return math.prod([extent(dims[label]) for label in labels])


def _lies(factors: list[Factor], dtype: DType) -> bool:
    """Whether factors are an array that a matrix product may read as it lies."""
    source, labels, power = factors[0]
    return len(factors) == 1 and power == 1 and type(source) is Value and source.dtype is dtype and plain_labels(labels)


def _twins(dims: tuple[Size, ...], left: list[Factor], right: list[Factor], rows: set[int], columns: set[int]) -> list[tuple[int, int]]:
    """The columns that the rows may be exchanged with, all at once, so that the factors are the same; none if they cannot."""
    if len(rows) != len(columns):
        return []
    twin: dict[int, int] = {}
    for source, labels, power in left:
        if rows.isdisjoint(labels):
            continue
        for other, other_labels, other_power in right:
            if other is source and other_power == power and _matched(twin, labels, other_labels, rows, columns):
                break
        else:
            return []
    if len(twin) != len(rows) or any(dims[row] != dims[column] for row, column in twin.items()):
        return []
    exchanged = twin | {column: row for row, column in twin.items()}
    factors = [*left, *right]
    mirrored = [(source, tuple([exchanged.get(label, label) for label in labels]), power) for source, labels, power in factors]
    return sorted(twin.items()) if Counter(factors) == Counter(mirrored) else []


def _matched(twin: dict[int, int], labels: tuple[int, ...], others: tuple[int, ...], rows: set[int], columns: set[int]) -> bool:
    """Whether two factors are read alike but for rows and columns, which are twins from then on."""
    found = dict(twin)
    for label, other in zip(labels, others):
        if label in rows and other in columns:
            if found.setdefault(label, other) != other:
                return False
        elif label != other:
            return False
    twin.update(found)
    return len(set(twin.values())) == len(twin)


def _operand(draft: Draft, dims: tuple[Size, ...], factors: list[Factor], dtype: DType) -> tuple[Value, tuple[int, ...]]:
    """An array for a side of a matrix product."""
    if _lies(factors, dtype):
        source, at, _ = factors[0]
        assert isinstance(source, Value), "an array"
        return source, at
    # In the order in which the factors have them, so that two products which read it make it once, whichever side it is.
    labels = list(dict.fromkeys([label for _, at, _ in factors for label in at]))
    places = {label: place for place, label in enumerate(labels)}
    body = BodyBuilder()
    moved = [(source, tuple([places[label] for label in at]), power) for source, at, power in factors]
    result = multiplied(draft, body, moved, ONE, dtype)
    return draft.emit(tuple([dims[label] for label in labels]), len(labels), None, body.finish(result)), tuple(labels)
