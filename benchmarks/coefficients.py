"""Derives the polynomials of croton/codegen/vecmath/coefficients.py; run to write that file again (needs mpmath, takes some seconds).

Each table is a weighted minimax polynomial from a Remez exchange in 200-bit arithmetic. Its first coefficients are rounded one after
another, lowest power first, the rest fitted again to what the rounding left, so that rounded polynomials keep nearly the accuracy of
unrounded ones.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path

import mpmath as mp

mp.mp.prec = 200
Function = Callable[[mp.mpf], mp.mpf]
TARGET = Path(__file__).parent.parent / "croton" / "codegen" / "vecmath" / "coefficients.py"


def solve(f: Function, weight: Function, nodes: list, powers: range) -> tuple[list, mp.mpf]:
    """Coefficients and levelled error of the polynomial in `powers` whose weighted error alternates over the nodes."""
    size = len(nodes)
    matrix, right = mp.matrix(size, size), mp.matrix(size, 1)
    for row, x in enumerate(nodes):
        for column, power in enumerate(powers):
            matrix[row, column] = x**power
        matrix[row, size - 1] = (-1) ** row / weight(x)
        right[row] = f(x)
    solution = mp.lu_solve(matrix, right)
    return [solution[k] for k in range(len(powers))], solution[size - 1]


def remez(f: Function, low: mp.mpf, high: mp.mpf, powers: range, weight: Function, rounds: int = 6) -> list:
    """The polynomial with powers in `powers` that minimises max |weight * (polynomial - f)| on [low, high]."""
    size = len(powers) + 1
    chebyshev = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * (2 * k + 1) / (2 * size)) for k in range(size)]
    grid = [(low + high) / 2 - (high - low) / 2 * mp.cos(mp.pi * k / (16 * size)) for k in range(16 * size + 1)]
    values = [(x, f(x), weight(x)) for x in grid]
    table = {x: (y, w) for x, y, w in values}
    nodes = chebyshev
    coefficients: list = []
    for _ in range(rounds):
        coefficients, _ = solve(
            lambda x: table[x][0] if x in table else f(x), lambda x: table[x][1] if x in table else weight(x), nodes, powers
        )
        errors = [w * (sum(c * x**p for c, p in zip(coefficients, powers)) - y) for x, y, w in values]
        peaks: list[int] = []
        for k in range(len(grid)):
            if peaks and errors[k] * errors[peaks[-1]] > 0:
                if abs(errors[k]) > abs(errors[peaks[-1]]):
                    peaks[-1] = k
            else:
                peaks.append(k)
        while len(peaks) > size:
            peaks.pop(0 if abs(errors[peaks[0]]) < abs(errors[peaks[-1]]) else -1)
        if len(peaks) < size:
            break
        nodes = [grid[k] for k in peaks]
    return coefficients


def rounded(value: mp.mpf, single: bool) -> float:
    """The nearest float32 or float64."""
    return struct.unpack("<f", struct.pack("<f", float(value)))[0] if single else float(value)


def fit(f: Function, low: float, high: float, degree: int, weight: Function, single: bool, refit: int) -> tuple[list[float], float]:
    """Rounded coefficients and the log2 of the largest weighted error. The first `refit` coefficients are rounded one by one, unless 0
    is inside the interval: there a rounded first coefficient leaves an error that higher powers cannot mend."""
    a, b = mp.mpf(low), mp.mpf(high)
    fixed: list[float] = []
    refit = 0 if a < 0 < b else refit

    def rest(x: mp.mpf) -> mp.mpf:
        return f(x) - sum((mp.mpf(c) * x**k for k, c in enumerate(fixed)), mp.mpf(0))

    while len(fixed) <= degree:
        found = remez(rest, a, b, range(len(fixed), degree + 1), weight)
        fixed.extend(rounded(c, single) for c in (found[:1] if len(fixed) < refit else found))
    points = [a + (b - a) * k / 500 for k in range(501)]
    worst = max(abs(weight(x) * rest(x)) for x in points)
    return fixed, float(mp.log(worst, 2))


def removable(f: Function, series: Function, radius: float = 1e-9) -> Function:
    """f, with its series at 0 where f itself cancels."""
    return lambda x: series(x) if abs(x) < radius else f(x)


def one(x: mp.mpf) -> mp.mpf:
    """The weight of an absolute error."""
    return mp.mpf(1)


def near_zero(f: Function) -> Function:
    """A weight that vanishes at 0 but for a floor, so that the exchange stays solvable."""
    return lambda x: abs(f(x)) + mp.mpf(2) ** -12


HALF_LN2 = float(mp.log(2) / 2) * 1.002
SQUARE_OCTANT = float((mp.pi / 4) ** 2) * 1.04
LOG_SQUARE = float(((mp.sqrt(2) - 1) / (mp.sqrt(2) + 1)) ** 2) * 1.001
TAN_EIGHTH = float((mp.sqrt(2) - 1) ** 2) * 1.001


def root(f: Function) -> Function:
    """z -> f(sqrt(z))."""
    return lambda z: f(mp.sqrt(z))


def inverse_over_x(w: mp.mpf) -> mp.mpf:
    """erfinv(x)/x where w = -log(1 - x**2)."""
    if abs(w) < mp.mpf(2) ** -80:
        return mp.sqrt(mp.pi) / 2
    # Newton's method on log(erfc), which is nearly quadratic, so that it converges from anywhere.
    x = mp.sqrt(-mp.expm1(-w))
    y = mp.sqrt(w) if w > 1 else x * mp.sqrt(mp.pi) / 2
    target = mp.log(mp.exp(-w) / (1 + x))
    for _ in range(60):
        tail = mp.erfc(y)
        step = (mp.log(tail) - target) * tail * mp.sqrt(mp.pi) / 2 * mp.exp(y * y)
        y += step
        if abs(step) < abs(y) * mp.mpf(2) ** -150:
            break
    return y / x


EULER = mp.euler
DIGAMMA_ROOT = mp.findroot(mp.digamma, 1.46)
LGAMMA_RESOLVED = 17
"""Below -17 the numbers are too far apart to come near a zero of lgamma: those lie within 1/n! of -n."""

TABLES: dict[str, tuple[str, Function, tuple[float, float], Function, int, int]] = {
    "EXP": (
        "e**r = 1 + r + r**2/2 + r**3 EXP(r) for |r| <= log(2)/2",
        removable(lambda r: (mp.expm1(r) - r - r**2 / 2) / r**3, lambda r: mp.mpf(1) / 6 + r / 24 + r**2 / 120),
        (-HALF_LN2, HALF_LN2),
        near_zero(lambda r: r**2),
        4,
        9,
    ),
    "EXP_TWICE": (
        "e**(2 h) = 1 + 2 h + h**2 EXP_TWICE(h) for |h| <= log(2)/4",
        removable(lambda h: (mp.expm1(2 * h) - 2 * h) / h**2, lambda h: 2 + 4 * h / 3 + 2 * h**2 / 3),
        (-HALF_LN2 / 2, HALF_LN2 / 2),
        near_zero(lambda h: h),
        4,
        9,
    ),
    "LOG": (
        "log((1 + s)/(1 - s)) = 2 s + s z LOG(z), z = s**2, for (1 + s)/(1 - s) in [sqrt(1/2), sqrt(2)]",
        removable(lambda z: (2 * mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 2) / z, lambda z: mp.mpf(2) / 3 + 2 * z / 5, 1e-18),
        (0, LOG_SQUARE),
        near_zero(lambda z: z),
        2,
        6,
    ),
    "LOG_TAIL": (
        "atanh(s)/s = 1 + z/3 + z**2 LOG_TAIL(z), z = s**2, same range",
        removable(lambda z: (mp.atanh(mp.sqrt(z)) / mp.sqrt(z) - 1 - z / 3) / z**2, lambda z: mp.mpf(1) / 5 + z / 7 + z**2 / 9, 1e-9),
        (0, LOG_SQUARE),
        near_zero(lambda z: z**2),
        2,
        7,
    ),
    "SIN": (
        "sin(r) = r + r z SIN(z), z = r**2, for |r| <= pi/4",
        removable(lambda z: (mp.sin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 6 + z / 120, 1e-18),
        (0, SQUARE_OCTANT),
        near_zero(lambda z: z),
        2,
        5,
    ),
    "COS": (
        "cos(r) = 1 - z/2 + z**2 COS(z), z = r**2, for |r| <= pi/4",
        removable(lambda z: (mp.cos(mp.sqrt(z)) - 1 + z / 2) / z**2, lambda z: mp.mpf(1) / 24 - z / 720, 1e-12),
        (0, SQUARE_OCTANT),
        near_zero(lambda z: z**2),
        2,
        5,
    ),
    "ATAN": (
        "atan(t) = t + t z ATAN(z), z = t**2, for |t| <= tan(pi/8)",
        removable(lambda z: (mp.atan(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: -mp.mpf(1) / 3 + z / 5, 1e-18),
        (0, TAN_EIGHTH),
        near_zero(lambda z: z),
        4,
        10,
    ),
    "ASIN": (
        "asin(x) = x + x z ASIN(z), z = x**2, for |x| <= 1/2",
        removable(lambda z: (mp.asin(mp.sqrt(z)) / mp.sqrt(z) - 1) / z, lambda z: mp.mpf(1) / 6 + 3 * z / 40, 1e-18),
        (0, 0.25),
        near_zero(lambda z: z),
        4,
        12,
    ),
    "ERF": (
        "erf(x) = x + x ERF(x**2) for |x| <= 1",
        removable(lambda z: mp.erf(mp.sqrt(z)) / mp.sqrt(z) - 1, lambda z: 2 / mp.sqrt(mp.pi) * (1 - z / 3) - 1, 1e-30),
        (0, 1.0),
        one,
        6,
        13,
    ),
    "ERF_TAIL": (
        "erfc(x) = exp(x ERF_TAIL(x)) for x in [1, 6], with an error absolute in erfc",
        lambda x: mp.log(mp.erfc(x)) / x,
        (1.0, 6.0),
        lambda x: x * mp.erfc(x),
        6,
        18,
    ),
    "ERFC": (
        "(1 + 2 x) exp(x**2) erfc(x) = ERFC(t), t = (x - 3.75)/(x + 3.75), x >= 1/2 (after Shepherd and Laframboise, Math. Comp. 36, 1981)",
        lambda t: (lambda x: (1 + 2 * x) * mp.exp(x**2) * mp.erfc(x))(3.75 * (1 + t) / (1 - t)),
        (-3.25 / 4.25, 24.25 / 31.75),
        one,
        10,
        21,
    ),
    "ERF_INVERSE": (
        "erfinv(x) = x ERF_INVERSE(w), w = -log(1 - x**2), for w in [0, 6]",
        inverse_over_x,
        (0.0, 6.0),
        one,
        11,
        24,
    ),
    "ERF_INVERSE_TAIL": (
        "erfinv(x) = x ERF_INVERSE_TAIL(sqrt(w) - 4), w = -log(1 - x**2), for w in [6, 37.5]",
        lambda s: inverse_over_x((s + 4) ** 2),
        (6**0.5 - 4, 2.13),
        lambda s: 1 / inverse_over_x((s + 4) ** 2),
        12,
        30,
    ),
    "LOG_GAMMA": (
        "lgamma(2 + d) = d (1 - euler + d LOG_GAMMA(d)) for |d| <= 1/2",
        removable(lambda d: (mp.loggamma(2 + d) / d - 1 + EULER) / d, lambda d: (mp.zeta(2) - 1) / 2 - d * (mp.zeta(3) - 1) / 3, 1e-15),
        (-0.5, 0.5),
        near_zero(lambda d: d),
        8,
        18,
    ),
    "STIRLING": (
        "lgamma(x) = (x - 1/2) log(x) - x + log(2 pi)/2 + STIRLING(w)/x, w = 1/x**2, for x >= 7",
        lambda w: (
            mp.mpf(1) / 12 - w / 360
            if w < mp.mpf("1e-12")
            else (lambda x: x * (mp.loggamma(x) - (x - mp.mpf(1) / 2) * mp.log(x) + x - mp.log(2 * mp.pi) / 2))(1 / mp.sqrt(w))
        ),
        (0, 1 / 49),
        one,
        2,
        6,
    ),
    "DIGAMMA": (
        "digamma(x) = log(x) - 1/(2 x) - w DIGAMMA(w), w = 1/x**2, for x >= 2",
        lambda w: (
            mp.mpf(1) / 12 - w / 120
            if w < mp.mpf("1e-12")
            else (lambda x: x**2 * (mp.log(x) - 1 / (2 * x) - mp.digamma(x)))(1 / mp.sqrt(w))
        ),
        (0, 0.25),
        lambda w: w + mp.mpf(2) ** -12,
        4,
        15,
    ),
    "DIGAMMA_NEAR": (
        "digamma(x) = (x - DIGAMMA_ROOT) DIGAMMA_NEAR(x - 3/2) for x in [1, 2]",
        lambda d: mp.polygamma(1, DIGAMMA_ROOT) if abs(d + 1.5 - DIGAMMA_ROOT) < 1e-18 else mp.digamma(d + 1.5) / (d + 1.5 - DIGAMMA_ROOT),
        (-0.5, 0.5),
        one,
        10,
        23,
    ),
}


def lgamma_zeros() -> list[tuple[float, float, float, float]]:
    """For each zero of lgamma between -17 and -2: the zero as high + low, the slope there, and half the second derivative."""
    rows = []
    for n in range(2, LGAMMA_RESOLVED):
        for side in (-n - 1, -n):
            # Near a pole |gamma(-k + e)| is about 1/(k! |e|), so that the zero is where |e| is about 1/k!; in the middle lgamma is negative.
            inwards = 1 if side == -n - 1 else -1
            near = side + inwards / mp.factorial(-side) / 4
            zero = mp.findroot(lambda x: mp.re(mp.loggamma(x)), (near, -n - mp.mpf(1) / 2), solver="anderson", tol=1e-100)
            assert -n - 1 < zero < -n
            high = float(zero)
            rows.append((high, float(zero - high), float(mp.digamma(zero)), float(mp.polygamma(1, zero) / 2)))
    return rows


def literal(values: list[float]) -> str:
    """A tuple, one coefficient a line."""
    return "(\n" + "".join(f"        {value!r},\n" for value in values) + "    ),\n"


def main() -> None:
    """Fit every table, or those named on the command line, and write the file, keeping tables that were not fitted."""
    chosen = sys.argv[1:] or list(TABLES)
    previous: dict[str, object] = {}
    if TARGET.exists():
        exec(TARGET.read_text(), previous)
    text = [
        '"""Polynomial coefficients, lowest power first: a pair for float32 and float64. Written by benchmarks/coefficients.py.\n\n'
        "ERRORS holds log2 of the weighted error of either polynomial, without rounding errors of its evaluation.\n"
        '"""\n\nfrom __future__ import annotations\n\nTable = tuple[tuple[float, ...], tuple[float, ...]]\n'
    ]
    notes: dict[str, str] = dict(previous.get("ERRORS", {}))  # type: ignore[call-overload]
    for name, (formula, f, (low, high), weight, single_degree, double_degree) in TABLES.items():
        if name in chosen:
            single, single_error = fit(f, low, high, single_degree, weight, True, 3)
            double, double_error = fit(f, low, high, double_degree, weight, False, 2)
            notes[name] = f"{single_error:.1f} {double_error:.1f}"
            print(name, notes[name], flush=True)
        elif name in previous:
            single, double = map(list, previous[name])  # type: ignore[call-overload]
        else:
            continue
        text.append(f"\n{name}: Table = (\n    {literal(single)}    {literal(double)})\n" + f'"""{formula}."""\n')
    high, single = float(DIGAMMA_ROOT), rounded(DIGAMMA_ROOT, True)
    text.append(f"\nDIGAMMA_ROOT: Table = (({single!r}, {rounded(DIGAMMA_ROOT - single, True)!r}), ({high!r}, {float(DIGAMMA_ROOT - high)!r}))\n")
    text.append('"""The positive zero of digamma, high + low."""\n')
    text.append("\nLGAMMA_ZEROS = (\n" + "".join(f"    {row!r},\n" for row in lgamma_zeros()) + ")\n")
    text.append('"""The zeros of lgamma between -17 and -2: high, low, the slope there, and half the second derivative."""\n')
    text.append("\nERRORS = {\n" + "".join(f'    "{name}": "{note}",\n' for name, note in notes.items()) + "}\n")
    TARGET.write_text("".join(text))


if __name__ == "__main__":
    main()
