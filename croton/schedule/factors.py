"""The product of factors at one element, as instructions. A bool factor selects; it never multiplies."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.node import ONE, Coef
from croton.dtypes import DType, bool_
from croton.schedule.draft import Draft
from croton.schedule.step import BodyBuilder, Source

Factor = tuple[Source, tuple[int, ...], int]
"""A source, the labels that it is read at, and its power."""


def multiplied(draft: Draft, body: BodyBuilder, factors: Sequence[Factor], coef: Coef, dtype: DType) -> int:
    """The product of the factors at their labels."""
    over: list[int] = []
    under: list[int] = []
    guards: list[int] = []
    above: set[int] = set()
    below: set[int] = set()
    composite = False
    for source, labels, power in factors:
        read = draft.read(body, source, labels)
        if source.dtype is bool_:
            guards.append(read)
        else:
            last = body.instructions[read]
            if len(factors) > 1 and last[0] == "load" and last[4] >= 0:
                guards.append(last[4])
            (over if power > 0 else under).append(_power(body, read, abs(power), dtype))
            (above if power > 0 else below).update(labels)
            composite = composite or power < -1
    if dtype is bool_:
        if coef != ONE and not coef.number:
            return body.const(bool_, False)
        result = guards[0] if guards else body.const(bool_, True)
        for guard in guards[1:]:
            result = body.call("logical_and", bool_, result, guard)
        return result
    result = -1
    for factor in over:
        result = factor if result < 0 else body.call("mul", dtype, result, factor)
    divisor = -1
    for factor in under:
        divisor = factor if divisor < 0 else body.call("mul", dtype, divisor, factor)
    if over and (composite or len(under) > 1) and below < above:
        # Nobody wrote such a quotient, so that nobody expects its rounding: divide where there are fewer elements.
        result = body.call("mul", dtype, result, body.call("div", dtype, body.coef(dtype, coef), divisor))
        coef, divisor = ONE, -1
    if result < 0:
        result = body.coef(dtype, coef)
    elif coef == (-1, ()):
        result = body.call("neg", dtype, result)
    elif coef != ONE:
        result = body.call("mul", dtype, result, body.coef(dtype, coef))
    if divisor >= 0:
        result = body.call("div", dtype, result, divisor)
    if guards:
        guard = guards[0]
        for other in guards[1:]:
            guard = body.call("logical_and", bool_, guard, other)
        result = body.call("where", dtype, guard, result, body.const(dtype, 0))
    return result


def _power(body: BodyBuilder, base: int, power: int, dtype: DType) -> int:
    result = -1
    while power:
        if power & 1:
            result = base if result < 0 else body.call("mul", dtype, result, base)
        power >>= 1
        if power:
            base = body.call("mul", dtype, base, base)
    return result
