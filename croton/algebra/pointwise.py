"""Scalar functions of values: the normalising constructor of Map."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from croton.algebra.affine_index import affine_of
from croton.algebra.constant import constant, number_of, truth, zero
from croton.algebra.contract import contract
from croton.algebra.guards import apart, pattern_of, placed_under
from croton.algebra.mapping import map_
from croton.algebra.node import Label, Use
from croton.algebra.relation import affine, at_least_zero, row_of
from croton.algebra.rows import negated, plus
from croton.algebra.scalar import FUNCTIONS, Function, evaluate
from croton.dtypes import DType, bool_

GREATEST_POWER = 64
"""Constant integer exponents up to this are powers of a product."""


def scalar(function: str, *uses: Use, dtype: DType | None = None) -> Use:
    """The scalar function at each label. `dtype` is the result's, for "cast" only."""
    entry = FUNCTIONS.get(function)
    if entry is None:
        raise ValueError(f"no scalar function {function!r}; the functions are {', '.join(sorted(FUNCTIONS))}")
    result = _result(entry, uses, dtype)
    if function not in ("identity", "kept", "stop"):
        numbers = [number_of(use[0]) for use in uses]
        if None not in numbers:
            arrays = [np.array(number, use[0].dtype.numpy) for number, use in zip(numbers, uses)]
            return constant(evaluate(function, result, *arrays), result)
        simpler = _SIMPLER.get(function)
        if simpler is not None:
            found = simpler(uses, numbers, result)
            if found is not None:
                return found
        found = _under_relations(function, uses, numbers, result)
        if found is not None:
            return found
    return map_(function, uses, result)


def _under_relations(function: str, uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    """f([i == j] x) as [i == j] f(x) for functions that are 0 at 0, so that structure survives them; None for others, and where nothing has fewer axes."""
    values = [use for use, number in zip(uses, numbers) if number is None]
    pattern = frozenset.intersection(*[pattern_of(use) for use in values])
    if not pattern or not keeps_zero(function, uses, result):
        return None
    relations, cores = apart(values, pattern)
    if not len(_labels(*cores)) < len(_labels(*values)):
        return None
    left = iter(cores)
    return placed_under(relations, scalar(function, *[next(left) if number is None else use for use, number in zip(uses, numbers)], dtype=result))


def keeps_zero(function: str, uses: Sequence[Use], result: DType) -> bool:
    """Whether the function is 0 where all of its arguments that are not numbers are 0."""
    arrays = [np.array(number_of(use[0]) or 0, use[0].dtype.numpy) for use in uses]
    return bool(evaluate(function, result, *arrays) == 0)


def _result(entry: Function, uses: tuple[Use, ...], wanted: DType | None) -> DType:
    name = entry.name
    if len(uses) != entry.arity:
        raise TypeError(f"{name} takes {entry.arity} arguments, got {len(uses)}")
    data = uses
    if name == "where":
        if uses[0][0].dtype is not bool_:
            raise TypeError(f"the condition of where must be bool, got {uses[0][0].dtype}; compare it with 0 first")
        data = uses[1:]
    dtype = data[0][0].dtype
    if len(data) > 1 and data[1][0].dtype is not dtype:
        raise TypeError(f"{name} needs arguments of one dtype, got {dtype} and {data[1][0].dtype}; convert one with scalar('cast', ...)")
    if dtype.kind not in entry.takes:
        raise TypeError(f"{name} is not defined for dtype {dtype}; convert the argument first")
    if entry.result == "given":
        if wanted is None:
            raise TypeError(f"{name} needs the dtype of its result")
        return wanted
    return bool_ if entry.result == "bool" else dtype


def _labels(*uses: Use) -> set[Label]:
    return {label for use in uses for label in use[1]}


def _cast(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    (use,) = uses
    if use[0].dtype is result:
        return use
    if use[0].dtype is bool_:
        return contract(use[1], [(use, 1)], dtype=result)
    return None


def _pow(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    exponent = numbers[1]
    if exponent is None or exponent != exponent or abs(exponent) > GREATEST_POWER or exponent != int(exponent):
        return None
    exponent = int(exponent)
    if exponent < 0 and result.kind != "f":
        return None
    if exponent == 0:
        return constant(1, result)
    return contract(uses[0][1], [(uses[0], exponent)])


def _logical_and(uses: tuple[Use, ...], numbers: list, result: DType) -> Use:
    return contract(_labels(*uses), [(use, 1) for use in uses])


def _logical_or(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    for number, other in zip(numbers, reversed(uses)):
        if number is not None:
            return truth(True) if number else other
    return uses[0] if uses[0] == uses[1] else None


def _logical_not(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    node, labels = uses[0]
    if node.kind == "map" and node.param == "logical_not":
        child, positions = node.args[0]
        return Use(child, tuple([labels[i] for i in positions]))
    if node.kind == "range":
        coefficients, constant = negated(row_of(uses[0]))
        return at_least_zero(coefficients, constant - 1)
    return None


def _where(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
    condition, x, y = uses
    if numbers[0] is not None:
        return x if numbers[0] else y
    if x == y:
        return x
    # A guard says the same as a choice against 0, and the algebra knows guards.
    if _is_zero(y, numbers[2]):
        return contract(_labels(condition, x), [(condition, 1), (x, 1)], dtype=result)
    if _is_zero(x, numbers[1]):
        other = scalar("logical_not", condition)
        return contract(_labels(other, y), [(other, 1), (y, 1)], dtype=result)
    return None


def _comparison(uses: tuple[Use, ...], numbers: list, result: DType, function: str) -> Use | None:
    """A comparison of affine functions of label values is a relation."""
    if uses[0] == uses[1] and not uses[0][0].dtype.is_float:
        return truth(function in ("eq", "le", "ge"))
    left = affine_of(uses[0])
    if left is None:
        return None
    right = affine_of(uses[1])
    if right is None or not (left[0] or right[0]):
        return None
    if function in ("lt", "le"):
        left, right = right, left
    row = plus(left, right, -1)
    if function in ("eq", "ne"):
        equal = affine(*row)
        return equal if function == "eq" else scalar("logical_not", equal)
    return at_least_zero(row[0], row[1] - 1 if function in ("gt", "lt") else row[1])


def _comparing(function: str) -> Callable[[tuple[Use, ...], list, DType], Use | None]:
    def simpler(uses: tuple[Use, ...], numbers: list, result: DType) -> Use | None:
        return _comparison(uses, numbers, result, function)

    return simpler


def _is_zero(use: Use, number: bool | int | float | None) -> bool:
    return number == 0 and use == zero(use[0].dtype)


_SIMPLER = {
    **{function: _comparing(function) for function in ("eq", "ne", "lt", "le", "gt", "ge")},
    "cast": _cast,
    "pow": _pow,
    "logical_and": _logical_and,
    "logical_or": _logical_or,
    "logical_not": _logical_not,
    "where": _where,
}
