"""fmod, exact.

One step takes trunc(x / y) times y off with a fused multiply-add. That is exact: where the quotient has no more bits than a number, the rest is a
multiple of the last place of y, and no greater than y. Larger quotients are taken in pieces, with y times a power of two as the divisor.
"""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.flow import Carried, counted_loop
from croton.codegen.vecmath.branch import where_any
from croton.codegen.vecmath.common import by_element


def fmod(b: Builder, x: str, y: str) -> str:
    """What division rounded towards zero leaves, with the sign of x; NaN for infinite x and for y = 0. Exact."""
    b = b.exact()
    a, divisor = b.fabs(x), b.fabs(y)
    zero, infinity = b.constant(0.0), b.constant(float("inf"))
    bits = by_element(b, 22, 51)
    piece, inverse = b.constant(2.0**bits), b.constant(2.0**-bits)
    # From the least to the greatest number it is 277 or 2098 powers of two.
    pieces = by_element(b, 13, 42)

    def step(rest: str, divisor: str) -> str:
        quotient = b.intrinsic("trunc", b.fdiv(rest, divisor))
        left = b.fma(b.fneg(quotient), divisor, rest)
        left = b.select(b.fcmp("olt", left, zero), b.fadd(left, divisor), left)
        return b.select(b.fcmp("olt", rest, divisor), rest, left)

    def in_pieces() -> list[str]:
        def up(_: str, values: list[str]) -> list[str]:
            (scaled,) = values
            room = b.fcmp("ole", scaled, b.fmul(a, inverse))
            return [b.select(room, b.fmul(scaled, piece), scaled)]

        def down(_: str, values: list[str]) -> list[str]:
            rest, scaled = values
            higher = b.fcmp("ogt", scaled, divisor)
            return [step(rest, scaled), b.select(higher, b.fmul(scaled, inverse), scaled)]

        (top,) = counted_loop(b.sink, "0", str(pieces), 1, [Carried(b.type, b.select(far, divisor, infinity))], up)
        top = b.select(far, top, divisor)
        rest, _ = counted_loop(b.sink, "0", str(pieces + 1), 1, [Carried(b.type, a), Carried(b.type, top)], down)
        return [rest]

    within = b.mask_and(b.fcmp("olt", a, infinity), b.fcmp("ogt", divisor, zero))
    far = b.mask_and(within, b.fcmp("oge", a, b.fmul(divisor, piece)))
    (rest,) = where_any(b, far, in_pieces, [step(a, divisor)])
    return b.copysign(rest, x)
