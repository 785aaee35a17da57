"""sin, cos, tan over the whole range of arguments, and the inverse functions.

x = n pi/2 + r, r as high + low. For ordinary arguments three pieces of pi/2 are subtracted with fused multiply-adds: the first
difference is exact (Cody and Waite). From there on the fraction of x 2/pi is taken from the bits of 2/pi that matter (Payne and Hanek),
in integers: the bits are picked by a tree of selects over constants, so that there is no table in memory. That text is only run for
the lanes that need it, one at a time.
"""

from __future__ import annotations

from croton.codegen.builder import Builder
from croton.codegen.vecmath.branch import where_lanes
from croton.codegen.vecmath.coefficients import ASIN, ATAN, COS, SIN
from croton.codegen.vecmath.common import by_element, estrin, fast_two_sum, round_magic, two_product, two_sum

HALF_PI = {
    "float": (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15),
    "double": (1.5707963267948966, 6.123233995736766e-17, -1.4973849048591698e-33),
}
TWO_OVER_PI = 0.6366197723675814
PI_LOW = {"float": -8.742277657347586e-08, "double": 1.2246467991473532e-16}
HALF_PI_LOW = {"float": -4.371138828673793e-08, "double": 6.123233995736766e-17}
QUARTER_PI_LOW = {"float": -2.1855694143368964e-08, "double": 3.061616997868383e-17}
PI = 3.141592653589793
TAN_EIGHTH_PI = 0.41421356237309503
WORD = (1 << 32) - 1


def arctangent_of_inverse(n: int, bits: int) -> int:
    """atan(1/n) * 2**bits, truncated term by term."""
    total, power, k = 0, (1 << bits) // n, 0
    while power:
        total += (-power if k & 1 else power) // (2 * k + 1)
        power //= n * n
        k += 1
    return total


def two_over_pi_words(count: int) -> list[int]:
    """The first count 32-bit words of 2/pi behind the binary point, from Machin's formula."""
    bits = 32 * count + 128
    pi = 4 * (4 * arctangent_of_inverse(5, bits) - arctangent_of_inverse(239, bits))
    fraction = (2 << (2 * bits)) // pi
    return [(fraction >> (bits - 32 * (k + 1))) & WORD for k in range(count)]


WORDS = [0] * 2 + two_over_pi_words(40)
"""2/pi as 32-bit words, highest first, behind 64 zero bits: the point lies after the second."""


def pick_words(b: Builder, position: str, count: int, highest: int) -> list[str]:
    """Words position .. position + count - 1 of WORDS in each lane of an i64 builder, for 0 <= position <= highest."""
    steps = max(1, highest.bit_length())
    words = [b.constant(word) for word in (WORDS + [0] * 96)[: (1 << steps) + count - 1]]
    for step in reversed(range(steps)):
        bit = b.icmp("ne", b.iand(position, b.constant(1 << step)), b.constant(0))
        keep = count + (1 << step) - 1
        words = [b.iselect(bit, words[k + (1 << step)], words[k]) if k + (1 << step) < len(words) else words[k] for k in range(keep)]
    return words


def reduce_huge(b: Builder, x: str, largest_exponent: int) -> tuple[str, str, str]:
    """(quadrant as i64, r, low) for finite |x| >= 2**17, on doubles: x = quadrant pi/2 + r + low modulo 2 pi."""
    i = b.at("i64", flags="")
    pattern = i.iand(b.to_bits(x), i.constant((1 << 63) - 1))
    exponent = i.lshr(pattern, i.constant(52))
    mantissa = i.ior(i.iand(pattern, i.constant((1 << 52) - 1)), i.constant(1 << 52))
    # |x| = mantissa * 2**(exponent - 1075). Bits of 2/pi whose product with it is a multiple of 4 can go: the window starts
    # (exponent - 1075 - 2) bits behind the point, which is bit 64 of WORDS.
    offset = i.isub(exponent, i.constant(1075 + 2 - 64))
    position = i.lshr(offset, i.constant(5))
    shift = i.iand(offset, i.constant(31))
    raw = pick_words(i, position, 7, (largest_exponent + 1023 - 1013) >> 5)
    back = i.isub(i.constant(32), shift)
    word = i.constant(WORD)
    thirty_two = i.constant(32)
    window = [i.iand(i.ior(i.shl(raw[k], shift), i.lshr(raw[k + 1], back)), word) for k in range(6)]
    # The product of the mantissa (two words) and the window, modulo 2**192: word j of the sum has weight 2**(-32 j) below 4.
    upper, lower = i.lshr(mantissa, thirty_two), i.iand(mantissa, word)
    digits: list[str] = [""] * 6
    carry = i.constant(0)
    columns: list[list[str]] = [[] for _ in range(6)]
    for k in range(6):
        low_product = i.imul(lower, window[k])
        columns[k].append(i.iand(low_product, word))
        if k > 0:
            columns[k - 1].append(i.lshr(low_product, thirty_two))
            high_product = i.imul(upper, window[k])
            columns[k - 1].append(i.iand(high_product, word))
            if k > 1:
                columns[k - 2].append(i.lshr(high_product, thirty_two))
    for k in reversed(range(6)):
        total = carry
        for part in columns[k]:
            total = i.iadd(total, part)
        digits[k] = i.iand(total, word)
        carry = i.lshr(total, thirty_two)
    # Round to the nearest quadrant; what is left is a signed fraction of one.
    top = i.iadd(digits[0], i.constant(1 << 29))
    quadrant = i.lshr(top, i.constant(30))
    rest = i.isub(i.iand(top, i.constant((1 << 30) - 1)), i.constant(1 << 29))
    pieces = [b.fmul(b.from_signed(rest), b.constant(2.0**-30))]
    pieces += [b.fmul(b.from_signed(digits[k]), b.constant(2.0 ** (-30 - 32 * k))) for k in (1, 2, 3, 4)]
    high, low = two_sum(b, pieces[0], pieces[1])
    high, next_low = two_sum(b, high, pieces[2])
    low, last_low = two_sum(b, low, next_low)
    low, last = two_sum(b, low, pieces[3])
    low = b.fadd(low, b.fadd(last_low, b.fadd(last, pieces[4])))
    high, low = fast_two_sum(b, high, low)
    product, error = two_product(b, high, b.constant(HALF_PI["double"][0]))
    error = b.fadd(error, b.fma(high, b.constant(HALF_PI["double"][1]), b.fmul(low, b.constant(HALF_PI["double"][0]))))
    r, low = fast_two_sum(b, product, error)
    negative = b.fcmp("olt", x, b.constant(0.0))
    quadrant = i.iselect(negative, i.isub(i.constant(0), quadrant), quadrant)
    return quadrant, b.select(negative, b.fneg(r), r), b.select(negative, b.fneg(low), low)


def reduce_ordinary(b: Builder, x: str) -> tuple[str, str, str]:
    """(quadrant in the low bits, r, low) for |x| up to about 2**17 (float32) or 2**30 (float64)."""
    magic = b.constant(round_magic(b))
    shifted = b.fma(x, b.constant(TWO_OVER_PI), magic)
    n = b.fsub(shifted, magic)
    first, second, third = HALF_PI[b.element]
    r = b.fma(n, b.constant(-first), x)
    product, error = two_product(b, n, b.constant(second))
    r, low = two_sum(b, r, b.fneg(product))
    low = b.fma(n, b.constant(-third), b.fsub(low, error))
    r, low = fast_two_sum(b, r, low)
    return b.to_bits(shifted), r, low


def reduce(b: Builder, x: str) -> tuple[str, str, str]:
    """(quadrant in the low bits of the integer, r, low): x = quadrant pi/2 + r + low modulo 2 pi; NaN for infinite x."""
    huge = b.fcmp("oge", b.fabs(x), b.constant(by_element(b, 2.0**17, 2.0**30)))
    quadrant, r, low = where_lanes(b, huge, (x,), reduce_huge_lane, reduce_ordinary(b, x), (False, True, True))
    return quadrant, r, low


def reduce_huge_lane(b: Builder, x: str) -> list[str]:
    """`reduce` of one huge or infinite value."""
    if b.element == "double":
        quadrant, r, low = reduce_huge(b, x, 1023)
    else:
        d, i, i32 = b.at("double"), b.at("i64"), b.at("i32")
        wide_quadrant, wide, _ = reduce_huge(d, d.convert("fpext", x, b), 127)
        quadrant = i32.convert("trunc", wide_quadrant, i)
        r = b.convert("fptrunc", wide, d)
        low = b.convert("fptrunc", d.fsub(wide, d.convert("fpext", r, b)), d)
    infinite = b.fcmp("oeq", b.fabs(x), b.constant(float("inf")))
    return [quadrant, b.select(infinite, b.constant(float("nan")), r), low]


def sine_reduced(b: Builder, r: str, low: str, z: str) -> str:
    """sin(r + low), |r| <= pi/4, z = r**2."""
    cube = b.fmul(r, z)
    # cos(r) low, with 1 - z/2 for the cosine
    correction = b.fma(b.fmul(z, b.constant(-0.5)), low, low)
    return b.fadd(r, b.fma(cube, estrin(b, z, SIN), correction))


def cosine_reduced(b: Builder, r: str, low: str, z: str) -> str:
    """cos(r + low), |r| <= pi/4, z = r**2."""
    half = b.fmul(z, b.constant(0.5))
    one = b.constant(1.0)
    top = b.fsub(one, half)
    lost = b.fsub(b.fsub(one, top), half)
    tail = b.fma(b.fmul(z, z), estrin(b, z, COS), b.fma(b.fneg(r), low, lost))
    return b.fadd(top, tail)


def sine_or_cosine(b: Builder, x: str, ahead: int) -> str:
    """sin(x + ahead pi/2)."""
    quadrant, r, low = reduce(b, x)
    z = b.fmul(r, r)
    sine, cosine = sine_reduced(b, r, low, z), cosine_reduced(b, r, low, z)
    if ahead:
        quadrant = b.iadd(quadrant, b.integer_constant(ahead))
    odd = b.icmp("ne", b.iand(quadrant, b.integer_constant(1)), b.integer_constant(0))
    chosen = b.to_bits(b.select(odd, cosine, sine))
    sign = b.shl(b.iand(quadrant, b.integer_constant(2)), b.integer_constant(b.bits - 2))
    return b.from_bits(b.ixor(chosen, sign))


def sin(b: Builder, x: str) -> str:
    """The sine. Largest error seen: float32 0.81 ULP, float64 0.81 ULP, huge arguments included."""
    b = b.exact()
    result = sine_or_cosine(b, x, 0)
    return b.select(b.fcmp("oeq", x, b.constant(0.0)), x, result)


def cos(b: Builder, x: str) -> str:
    """The cosine. Largest error seen: float32 0.81 ULP, float64 0.81 ULP, huge arguments included."""
    return sine_or_cosine(b.exact(), x, 1)


def tan(b: Builder, x: str) -> str:
    """The tangent. Largest error seen: float32 2.35 ULP, float64 2.2 ULP, huge arguments included."""
    b = b.exact()
    quadrant, r, low = reduce(b, x)
    z = b.fmul(r, r)
    sine, cosine = sine_reduced(b, r, low, z), cosine_reduced(b, r, low, z)
    odd = b.icmp("ne", b.iand(quadrant, b.integer_constant(1)), b.integer_constant(0))
    result = b.fdiv(b.select(odd, b.fneg(cosine), sine), b.select(odd, sine, cosine))
    return b.select(b.fcmp("oeq", x, b.constant(0.0)), x, result)


def arctangent(b: Builder, y: str, x: str) -> str:
    """atan(y/x) in [0, pi/2] for y, x >= 0 whose sum is finite; 0 for 0/0. One division: either y/x, (y - x)/(y + x) or -x/y."""
    small = b.fcmp("olt", y, b.fmul(x, b.constant(TAN_EIGHTH_PI)))
    large = b.fcmp("ogt", b.fmul(y, b.constant(TAN_EIGHTH_PI)), x)
    numerator = b.select(small, y, b.select(large, b.fneg(x), b.fsub(y, x)))
    denominator = b.select(small, x, b.select(large, y, b.fadd(y, x)))
    zero = b.constant(0.0)
    nothing = b.fcmp("oeq", y, zero)
    t = b.fdiv(numerator, denominator)
    quarter, half = PI / 4, PI / 2
    base = b.select(small, zero, b.select(large, b.constant(half), b.constant(quarter)))
    base_low = b.select(small, zero, b.select(large, b.constant(HALF_PI_LOW[b.element]), b.constant(QUARTER_PI_LOW[b.element])))
    z = b.fmul(t, t)
    result = b.fadd(base, b.fadd(t, b.fma(b.fmul(t, z), estrin(b, z, ATAN), base_low)))
    return b.select(nothing, zero, result)


def atan(b: Builder, x: str) -> str:
    """The arc tangent. Largest error seen: float32 1.85 ULP, float64 1.85 ULP."""
    b = b.exact()
    a = b.fabs(x)
    # Beyond this the result is pi/2 in any case, and the quotients below stay finite.
    capped = b.select(b.fcmp("ogt", a, b.constant(2.0**60)), b.constant(2.0**60), a)
    tiny = b.fcmp("olt", a, b.constant(by_element(b, 2.0**-13, 2.0**-28)))
    return b.select(tiny, x, b.copysign(arctangent(b, capped, b.constant(1.0)), x))


def atan2(b: Builder, y: str, x: str) -> str:
    """The angle of the point (x, y), in [-pi, pi]. Largest error seen: float32 1.9 ULP, float64 1.9 ULP."""
    b = b.exact()
    up, along = b.fabs(y), b.fabs(x)
    infinity = b.constant(float("inf"))
    both = b.mask_and(b.fcmp("oeq", up, infinity), b.fcmp("oeq", along, infinity))
    one = b.constant(1.0)
    up, along = b.select(both, one, up), b.select(both, one, along)
    # Halved twice where the sum could overflow, raised where the comparison with a product would meet subnormals.
    largest = b.select(b.fcmp("olt", up, along), along, up)
    shrink = b.fcmp("ogt", largest, b.constant(by_element(b, 2.0**125, 2.0**1021)))
    grow = b.fcmp("olt", largest, b.constant(by_element(b, 2.0**-60, 2.0**-500)))
    factor = b.select(shrink, b.constant(0.25), b.select(grow, b.constant(by_element(b, 2.0**60, 2.0**500)), one))
    angle = arctangent(b, b.fmul(up, factor), b.fmul(along, factor))
    left = b.icmp("slt", b.to_bits(x), b.integer_constant(0))
    angle = b.select(left, b.fsub(b.constant(PI), b.fsub(angle, b.constant(PI_LOW[b.element]))), angle)
    unordered = b.fcmp("uno", x, y)
    return b.select(unordered, b.fadd(x, y), b.copysign(angle, y))


def arcsine_terms(b: Builder, a: str) -> tuple[str, str, str]:
    """(is a < 1/2, u, v): asin(u) = u + v for u = a, or for u = sqrt((1 - a)/2), where asin(a) = pi/2 - 2 asin(u)."""
    near = b.fcmp("olt", a, b.constant(0.5))
    half = b.constant(0.5)
    z = b.select(near, b.fmul(a, a), b.fma(a, b.constant(-0.5), half))
    u = b.select(near, a, b.sqrt(z))
    return near, u, b.fmul(b.fmul(u, z), estrin(b, z, ASIN))


def asin(b: Builder, x: str) -> str:
    """The arc sine; NaN outside [-1, 1]. Largest error seen: float32 2.35 ULP, float64 2.2 ULP."""
    b = b.exact()
    near, u, v = arcsine_terms(b, b.fabs(x))
    inner = b.fadd(u, v)
    outer = b.fsub(b.constant(PI / 2), b.fsub(b.fma(v, b.constant(2.0), b.fadd(u, u)), b.constant(HALF_PI_LOW[b.element])))
    return b.copysign(b.select(near, inner, outer), x)


def acos(b: Builder, x: str) -> str:
    """The arc cosine; NaN outside [-1, 1]. Largest error seen: float32 1.1 ULP, float64 1.1 ULP."""
    b = b.exact()
    near, u, v = arcsine_terms(b, b.fabs(x))
    negative = b.fcmp("olt", x, b.constant(0.0))
    signed_u, signed_v = b.copysign(u, x), b.copysign(v, x)
    middle = b.fsub(b.constant(PI / 2), b.fadd(signed_u, b.fsub(signed_v, b.constant(HALF_PI_LOW[b.element]))))
    right = b.fma(v, b.constant(2.0), b.fadd(u, u))
    left = b.fsub(b.constant(PI), b.fsub(right, b.constant(PI_LOW[b.element])))
    return b.select(near, middle, b.select(negative, left, right))
