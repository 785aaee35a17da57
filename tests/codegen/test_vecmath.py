"""Vector mathematics against wider references: errors, special values, lanes, and that nothing is called."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import mpmath
import numpy as np
import pytest
from vector_accuracy import CASES, SPECIAL, double_points, errors, exact_errors, log_gamma_exact, pair_points, single_patterns
from vector_engine import VectorFunction

from croton.codegen.builder import Builder, Sink
from croton.codegen.vecmath import FUNCTIONS
from croton.codegen.vecmath.coefficients import LGAMMA_ZEROS
from croton.codegen.vecmath.trigonometric import two_over_pi_words

LANES = {"float": 32, "double": 16}
EXTENDED = np.finfo(np.longdouble).nmant > 60
ONE = sorted(name for name, case in CASES.items() if case.arity == 1)
TWO = sorted(name for name, case in CASES.items() if case.arity == 2 and name != "polygamma")
_built: dict[tuple[str, str, int], VectorFunction] = {}


def built(name: str, element: str, lanes: int = 0) -> VectorFunction:
    """The function compiled, once."""
    key = (name, element, lanes or LANES[element])
    if key not in _built:
        _built[key] = VectorFunction(FUNCTIONS[name], key[1], key[2], CASES[name].arity)
    return _built[key]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    with np.errstate(all="ignore"):
        yield


def check(distance: np.ndarray, wrong: np.ndarray, bound: float, *inputs: np.ndarray) -> None:
    """Fail with the arguments of the first wrong value or of the largest error."""
    assert not wrong.any(), f"wrong special value at {[x[wrong][:5] for x in inputs]}"
    worst = int(np.argmax(distance))
    assert distance[worst] <= bound, f"{distance[worst]:.3f} ULP at {[x[worst] for x in inputs]}"


def test_every_function_is_held_to_a_bound() -> None:
    assert set(CASES) == set(FUNCTIONS)


@pytest.mark.parametrize("name", ONE)
def test_float32_over_the_whole_range(name: str) -> None:
    case = CASES[name]
    x = np.concatenate([single_patterns(0, 1 << 32, case.stride), SPECIAL.astype(np.float32)])
    distance, wrong = errors(built(name, "float")(x), case.reference(x.astype(np.float64)), case.floor(x))
    check(distance, wrong, case.single, x)


@pytest.mark.parametrize("name", ONE)
def test_float64_at_sampled_points(name: str) -> None:
    case = CASES[name]
    f = built(name, "double")
    if case.exact is None:
        if not EXTENDED:
            pytest.skip("no extended precision to compare with")
        x = double_points(case, 20_000)
        distance, wrong = errors(f(x), np.asarray(case.reference(x.astype(np.longdouble))), case.floor(x))
        check(distance, wrong, case.double, x)
        return
    generator = np.random.default_rng(0)
    x = np.concatenate([generator.uniform(low, high, 150) for low, high in case.ranges])
    result = f(x)
    distance = exact_errors(case.exact, x, result, case.floor(x))
    check(distance, np.isnan(result), case.double, x)
    every = SPECIAL[~((np.abs(SPECIAL) < 1e-300) & (SPECIAL != 0))]  # the float64 reference itself fails on subnormals
    _, wrong = errors(f(every), case.reference(every))
    check(np.zeros(1), wrong, 0.0, every)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", TWO)
def test_two_arguments(name: str, dtype: type) -> None:
    case = CASES[name]
    single = dtype is np.float32
    if not EXTENDED and not single:
        pytest.skip("no extended precision to compare with")
    x, y = pair_points(name, dtype, 50_000)
    wide = np.longdouble if EXTENDED else np.float64
    reference = np.asarray(case.reference(x.astype(wide), y.astype(wide)))
    result = built(name, "float" if single else "double")(x, y)
    distance, wrong = errors(result, reference, case.floor(x, y))
    check(distance, wrong, case.single if single else case.double, x, y)


@pytest.mark.parametrize("element", ["float", "double"])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_any_lane_count_gives_the_same_bits(name: str, element: str) -> None:
    dtype = np.float32 if element == "float" else np.float64
    generator = np.random.default_rng(1)
    x = np.concatenate([generator.normal(size=40) * 3, SPECIAL, 10 ** generator.uniform(-30, 30, 40)]).astype(dtype)
    y = generator.permutation(x)
    arguments = (x, y)[: CASES[name].arity]
    expected = built(name, element)(*arguments)
    for lanes in (1, 5):
        np.testing.assert_array_equal(built(name, element, lanes)(*arguments), expected)


@pytest.mark.parametrize("element", ["float", "double"])
@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_nothing_is_called(name: str, element: str) -> None:
    f = built(name, element)
    calls = re.findall(r"call [^@]*@(\w+)", f.text)
    assert all(callee == "llvm" for callee in calls), calls
    if f.has_fma:
        assert not re.search(r"^\s+(call|callq|bl|blr)\s", f.assembly, re.MULTILINE)


def test_text_without_blocks_for_what_is_hot() -> None:
    for name in ("exp", "log", "tanh", "sigmoid", "softplus", "erf", "pow"):
        sink = Sink()
        FUNCTIONS[name](Builder(sink, "float", 32), *("%x", "%y")[: CASES[name].arity])
        assert not any(line.endswith(":") for line in sink.lines)


@pytest.mark.parametrize("element", ["float", "double"])
@pytest.mark.parametrize("name", ["asin", "asinh", "atan", "atanh", "erf", "expm1", "log1p", "sin", "sinh", "tan", "tanh"])
def test_odd_at_zero_and_the_identity_on_subnormals(name: str, element: str) -> None:
    least = 2.0**-149 if element == "float" else 5e-324
    x = np.array([0.0, -0.0, 3 * least, -least])
    result = built(name, element)(x)
    np.testing.assert_array_equal(np.signbit(result), np.signbit(x))
    scale = 2 / math.sqrt(math.pi) if name == "erf" else 1.0
    np.testing.assert_array_equal(result, [0, 0, round(3 * scale) * least, -least])


@pytest.mark.parametrize(
    ("name", "argument", "value"),
    [
        ("exp", 0.0, 1.0),
        ("exp", -np.inf, 0.0),
        ("exp2", -1074.0, 5e-324),
        ("exp2", 10.0, 1024.0),
        ("expm1", -np.inf, -1.0),
        ("log", 1.0, 0.0),
        ("log", -1.0, np.nan),
        ("log2", 2.0**-1060, -1060.0),
        ("log10", 1e15, 15.0),
        ("log1p", -1.0, -np.inf),
        ("sin", np.inf, np.nan),
        ("cos", 0.0, 1.0),
        ("asin", 1.5, np.nan),
        ("acos", 1.0, 0.0),
        ("atan", np.inf, math.pi / 2),
        ("acosh", 0.5, np.nan),
        ("atanh", 1.0, np.inf),
        ("tanh", 400.0, 1.0),
        ("sigmoid", -np.inf, 0.0),
        ("sigmoid", 800.0, 1.0),
        ("softplus", -np.inf, 0.0),
        ("softplus", np.inf, np.inf),
        ("erf", -np.inf, -1.0),
        ("erfc", np.inf, 0.0),
        ("erfc", -30.0, 2.0),
        ("erfinv", 1.0, np.inf),
        ("erfinv", 1.5, np.nan),
        ("lgamma", 1.0, 0.0),
        ("lgamma", 2.0, 0.0),
        ("lgamma", -3.0, np.inf),
        ("lgamma", -np.inf, np.inf),
        ("digamma", -2.0, np.nan),
    ],
)
def test_exact_values(name: str, argument: float, value: float) -> None:
    np.testing.assert_array_equal(built(name, "double")(np.array([argument])), [value])


def test_huge_and_ordinary_arguments_in_one_vector() -> None:
    hard = 6381956970095103 * 2.0**797
    x = np.array([0.5, hard, -hard, 1e300, 3.0, np.inf, 2.0**30, -0.0, np.nan, 1e22])
    with mpmath.workprec(1300):
        for name, function in (("sin", mpmath.sin), ("cos", mpmath.cos), ("tan", mpmath.tan)):
            result = built(name, "double")(x)
            finite = np.isfinite(x)
            np.testing.assert_array_equal(np.isnan(result), ~finite)
            expected = [float(function(mpmath.mpf(v))) for v in x[finite].tolist()]
            np.testing.assert_array_almost_equal_nulp(result[finite], np.array(expected), 2)


def test_two_over_pi() -> None:
    with mpmath.workprec(1500):
        expected = int(mpmath.floor(2 / mpmath.pi * mpmath.mpf(2) ** 1280))
    assert int("".join(f"{word:08x}" for word in two_over_pi_words(40)), 16) == expected


@pytest.mark.parametrize("element", ["float", "double"])
@pytest.mark.parametrize("name", ["exp", "exp2", "sinh", "cosh", "pow"])
def test_powers_of_two_in_one_instruction_give_the_same_bits(name: str, element: str) -> None:
    arity = CASES[name].arity
    plain = VectorFunction(FUNCTIONS[name], element, LANES[element], arity, plain=True)
    dtype = np.float32 if element == "float" else np.float64
    limit = 110 if element == "float" else 750
    x = np.concatenate([np.linspace(-limit, limit, 4001), SPECIAL]).astype(dtype)
    arguments = (x,) if arity == 1 else (np.abs(x), np.resize(np.array([0.5, 3, -2, 20]), len(x)).astype(dtype))
    np.testing.assert_array_equal(built(name, element)(*arguments), plain(*arguments))


ORDERS = (1.0, 2.0, 3.0, 4.0, 7.0, 20.0, 100.0)


@pytest.mark.parametrize("order", ORDERS)
def test_polygamma_of_every_kind_of_argument(order: float) -> None:
    generator = np.random.default_rng(2)
    x = np.concatenate([np.exp(generator.uniform(-3, 6, 40)), generator.uniform(-9, 0, 20) if order % 2 else np.empty(0)])
    exact = lambda z: mpmath.polygamma(int(order), z)
    for element, bound in (("float", 0.6), ("double", 2.7)):
        f = built("polygamma", element)
        given = x.astype(f.dtype)
        result = f(np.full_like(given, order), given)
        with mpmath.workprec(140):
            expected = [exact(mpmath.mpf(z)) for z in given.tolist()]
        limit = np.finfo(f.dtype)
        for z, value, right in zip(given, result, expected):
            if limit.tiny < abs(right) < limit.max:
                assert abs(mpmath.mpf(float(value)) - right) <= bound * float(np.spacing(f.dtype.type(abs(right)))), (z, value)


def test_zeros_of_polygamma_count_in_units_of_what_cancels() -> None:
    x = np.random.default_rng(3).uniform(-9, 0, 200)
    result = built("polygamma", "double")(np.full_like(x, 2.0), x)
    d = np.abs(x - np.round(x))
    terms = 2 / d**3
    exact = np.array([float(mpmath.polygamma(2, mpmath.mpf(z))) for z in x.tolist()])
    assert (np.abs(result - exact) <= 3 * np.spacing(terms)).all()


def test_polygamma_at_its_ends() -> None:
    f = built("polygamma", "double")
    x = np.array([0.0, -0.0, -1.0, -2.0, np.inf, -np.inf, np.nan, 1e-300, 2.0**900])
    for order, expected in (
        (1.0, [np.inf, np.inf, np.inf, np.inf, 0, np.nan, np.nan, np.inf, 2.0**-900]),
        (2.0, [-np.inf, np.inf, np.nan, np.nan, 0, np.nan, np.nan, -np.inf, 0]),
        (1.5, [np.nan] * 9),
        (0.0, [np.nan] * 9),
        (171.0, [np.nan] * 9),
    ):
        np.testing.assert_array_equal(f(np.full_like(x, order), x), expected)


def around(points: list[float], dtype: type, count: int) -> np.ndarray:
    """Numbers at growing distances from some points, the nearest ones first."""
    at = np.array(points, dtype)
    steps = np.array([2.0**k - 1 for k in range(count)], dtype)
    near = at[:, None] + np.spacing(np.abs(at))[:, None] * np.concatenate([steps, -steps[1:]])[None, :]
    return near[near != np.round(near)].astype(dtype)


@pytest.mark.parametrize("element", ["float", "double"])
def test_lgamma_keeps_full_precision_at_its_zeros(element: str) -> None:
    dtype = np.float32 if element == "float" else np.float64
    x = around([row[0] for row in LGAMMA_ZEROS], dtype, 20 if element == "float" else 42)
    result = built("lgamma", element)(x)
    with mpmath.workprec(140):
        for z, value in zip(x.tolist(), result):
            right = log_gamma_exact(mpmath.mpf(z))
            assert abs(mpmath.mpf(float(value)) - right) <= 2.5 * float(np.spacing(dtype(abs(right)))), (z, value)


@pytest.mark.parametrize("element", ["float", "double"])
def test_digamma_keeps_full_precision_at_its_zeros(element: str) -> None:
    dtype = np.float32 if element == "float" else np.float64
    zeros = [float(mpmath.findroot(mpmath.digamma, (-n - 0.999, -n - 0.001), solver="anderson")) for n in (0, 1, 2, 3, 10, 50)]
    x = around([*zeros, 1.4616321449683622], dtype, 20 if element == "float" else 42)
    result = built("digamma", element)(x)
    with mpmath.workprec(140):
        for z, value in zip(x.tolist(), result):
            right = mpmath.digamma(mpmath.mpf(z))
            assert abs(mpmath.mpf(float(value)) - right) <= 3 * float(np.spacing(dtype(abs(right)))), (z, value)


def test_fmod_of_numbers_far_apart_is_exact() -> None:
    generator = np.random.default_rng(4)
    for element in ("float", "double"):
        f = built("fmod", element)
        bits = generator.integers(0, 1 << 64, (2, 4000), dtype=np.uint64)
        x, y = bits.view(np.float64) if element == "double" else bits.astype(np.uint32).view(np.float32)
        np.testing.assert_array_equal(f(x, y), np.fmod(x, y))
        least, most = np.finfo(f.dtype).smallest_subnormal, np.finfo(f.dtype).max
        x = np.array([most, -most, most, least, 0.0, -0.0, np.inf, 1.0, 1.0, np.nan], f.dtype)
        y = np.array([least, 3 * least, 3.0, most, 5.0, 5.0, 5.0, np.inf, 0.0, 1.0], f.dtype)
        np.testing.assert_array_equal(f(x, y), np.fmod(x, y))
        known = ~np.isnan(np.fmod(x, y))
        np.testing.assert_array_equal(np.signbit(f(x, y)[known]), np.signbit(np.fmod(x, y)[known]))
