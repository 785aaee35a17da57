"""Squares that are expanded with a check: when they are, and that no data makes the result worse than what was written by more than is said."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import croton as cr
from croton.algebra import Label, Use, add, contract, input_, interpret, scalar, walk
from croton.algebra.check import check
from croton.dtypes import DType, float64
from croton.rewriting.checked import checked, expand, is_checked
from croton.rewriting.optimise import optimise

EXAMPLES, ROWS, COLUMNS = 40, 48, 50


def spread(dtype: DType = float64, weight: str = "") -> tuple[Use, tuple[Label, ...]]:
    """The sum over i of (x[i, a] d[i, c] - m[a, c])^2, perhaps times a weight, and the labels i, a, c."""
    i, a, c = labels = Label(EXAMPLES), Label(ROWS), Label(COLUMNS)
    x, d, m = input_("x", [i, a], dtype), input_("d", [i, c], dtype), input_("m", [a, c], dtype)
    deviation = add([(contract(labels, [(x, 1), (d, 1)], 1.0), 1), (m, -1)])
    w = input_("w", [i], dtype)
    rest = {"": [], "even": [(w, 2)], "exp": [(scalar("exp", w), 1)], "signed": [(w, 1)]}[weight]
    return contract([a, c], [(deviation, 2), *rest], 1.0, [i]), labels


def environment(around: float, width: float, seed: int = 0) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(seed)
    shapes = {"x": (EXAMPLES, ROWS), "d": (EXAMPLES, COLUMNS), "w": (EXAMPLES,)}
    given = {name: around + width * generator.standard_normal(shape) for name, shape in shapes.items()}
    return {**given, "m": np.einsum("ia,ic->ac", given["x"], given["d"]) / EXAMPLES}


@pytest.mark.parametrize("weight", ["", "even", "exp"])
@pytest.mark.parametrize("width", [1.0, 1e-9])
def test_a_checked_square_is_what_was_written(weight: str, width: float) -> None:
    base, _ = spread(weight=weight)
    found = expand(base)
    assert found is not None and len(found.pieces) == 3 and len(found.squares) == 2
    result = checked(base, found)
    check([result])
    assert is_checked(result.node) and result.labels == base.labels
    before, after = interpret([base, result], environment(1.0, width))
    if width == 1.0:
        np.testing.assert_allclose(after, before, rtol=1e-12)
        assert not np.array_equal(after, before), "nothing has been expanded"
    else:
        np.testing.assert_array_equal(after, before, "it has cancelled, and that was not noticed")


def test_one_lost_element_is_enough() -> None:
    base, _ = spread()
    found = expand(base)
    assert found is not None
    values = environment(1.0, 1.0)
    values["x"][:, 3], values["d"][:, 7] = 2.0, 3.0
    values["m"][3, 7] = 6.0 * (1 + 1e-7)
    before, after = interpret([base, checked(base, found)], values)
    np.testing.assert_array_equal(after, before)
    assert before[3, 7] == pytest.approx(EXAMPLES * 36e-14, rel=1e-8)


def test_what_is_not_a_number_is_computed_as_written() -> None:
    """The squares are infinite where the deviations are not."""
    base, _ = spread()
    found = expand(base)
    assert found is not None
    values = {name: value * (1e80 if name != "m" else 1e160) for name, value in environment(1.0, 1e-8).items()}
    before, after = interpret([base, checked(base, found)], values)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(after, before)


def test_the_square_of_a_sum_of_one_array_is_that_of_a_sum() -> None:
    """Its Gram form is what was written (random program 20104263)."""
    i, j = Label(4), Label(8)
    base = contract([], [(contract([i], [(input_("x", [i, j], float64), 1)], 1.0, [j]), 2)], 1.0, [i])
    assert expand(base) is None


def test_what_cannot_be_checked_is_not_expanded() -> None:
    signed, (i, a, c) = spread(weight="signed")
    assert expand(signed) is None
    # all terms move: a table of distances has zeros
    x, y = input_("x", [a, i], float64), input_("y", [c, i], float64)
    table = contract([a, c], [(add([(x, 1), (y, -1)]), 2)], 1.0, [i])
    assert expand(table) is None
    # nothing is summed
    assert expand(contract([a, c, i], [(add([(x, 1), (y, -1)]), 2)], 1.0)) is None
    # a cube has no sign
    m = input_("m", [a], float64)
    assert expand(contract([a], [(add([(x, 1), (m, -1)]), 3)], 1.0, [i])) is None
    # integers do not round
    whole, least = input_("x", [a, i], cr.int64), input_("m", [a], cr.int64)
    assert expand(contract([a], [(add([(whole, 1), (least, -1)]), 2)], 1, [i])) is None


def test_it_is_done_where_it_saves_a_matrix_of_matrices_and_only_by_default() -> None:
    base, _ = spread()
    (result,), decisions = optimise([base])
    assert [decision.rule for decision in decisions] == ["expand the square, checked"] and is_checked(result.node)
    assert optimise([base], "strict")[0] == [base]
    (asked,), decisions = optimise([base], "aggressive")
    assert not any(is_checked(node) for node in walk([asked.node])) and "may cancel" in decisions[0].rule
    # the deviations of an array from its mean are as cheap as its squares
    i, a = Label(4000), Label(100)
    x = input_("x", [i, a], float64)
    mean = contract([a], [(x, 1)], 1 / 4000, [i])
    plain = contract([a], [(add([(x, 1), (mean, -1)]), 2)], 1.0, [i])
    assert optimise([plain])[0] == [plain]


def test_a_number_is_multiplied_on_both_ways() -> None:
    base, (_, a, c) = spread()
    scaled_base = contract([a, c], [(base, 1)], 0.25)
    (result,), _ = optimise([scaled_base])
    assert is_checked(result.node)
    for width in (1.0, 1e-9):
        before, after = interpret([scaled_base, result], environment(1.0, width))
        np.testing.assert_allclose(after, before, rtol=1e-12 if width == 1.0 else 0)


def variance(how: str, dtype: str = "float32") -> cr.Function:
    x, d = cr.tensor("x", (EXAMPLES, ROWS), dtype=dtype), cr.tensor("d", (EXAMPLES, COLUMNS), dtype=dtype)
    g = x[:, :, None] * d[:, None]
    with cr.config.use(algebra=how):
        return cr.function([x, d], ((g - g.mean(0)) ** 2).mean(0))


FUNCTIONS = {how: variance(how) for how in ("default", "strict")}


@settings(max_examples=60, deadline=None)
@given(
    centres=st.tuples(st.floats(-2, 2), st.floats(-2, 2)),
    widths=st.tuples(st.floats(-7, 1), st.floats(-7, 1)),
    scale=st.floats(-8, 8),
    constant=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_no_data_costs_more_than_what_is_said(
    centres: tuple[float, float], widths: tuple[float, float], scale: float, constant: bool, seed: int
) -> None:
    """Beside float64: at most what rounding loses in sums of terms that are not negative, sixteen times, or what the form as written loses."""
    generator = np.random.default_rng(seed)
    x = (10**scale * (centres[0] + 10 ** widths[0] * generator.standard_normal((EXAMPLES, ROWS)))).astype(np.float32)
    d = (centres[1] + 10 ** widths[1] * generator.standard_normal((EXAMPLES, COLUMNS))).astype(np.float32)
    if constant:
        x[:, 0] = x[0, 0]
    g = x[:, :, None].astype(np.float64) * d[:, None]
    wanted = ((g - g.mean(0)) ** 2).mean(0)
    epsilon, n = 2.0**-24, EXAMPLES + 4
    size = np.sqrt((g**2).mean(0))
    found = FUNCTIONS["default"](x, d).astype(np.float64)
    assert (found >= 0).all()
    # as written: each deviation is rounded by as much as its terms, and the mean by as much as sums are
    as_written = n * epsilon * wanted + 4 * epsilon * np.sqrt(wanted) * size + (n * epsilon * size) ** 2
    allowed = np.maximum(as_written, 3 * n * epsilon * 16 * wanted)
    assert (np.abs(found - wanted) <= allowed + 1e-37).all()


def test_the_memory_is_that_of_the_expanded_form() -> None:
    """What is written in place of a checked value is written where it is."""
    with cr.config.use(algebra="aggressive"):
        x, d = cr.tensor("x", (EXAMPLES, 200), dtype="float32"), cr.tensor("d", (EXAMPLES, 200), dtype="float32")
        g = x[:, :, None] * d[:, None]
        unchecked = cr.function([x, d], g.var(0))
    function = cr.function([x, d], g.var(0))
    assert "checked" in function.explain().decisions[0]
    assert function.memory_peak() <= unchecked.memory_peak() + 4 * 200 * 200 + 1024
    assert function.flops() <= 1.1 * unchecked.flops()


def test_a_budget_is_kept_as_it_was_written() -> None:
    """What is computed as written needs no array for each of its terms."""
    x, d = cr.tensor("x", (EXAMPLES, 200), dtype="float32"), cr.tensor("d", (EXAMPLES, 200), dtype="float32")
    function = cr.function([x, d], (x[:, :, None] * d[:, None]).var(0), memory_budget=9 * 200 * 200)
    assert function.memory_peak() <= 9 * 200 * 200 and not function.explain().decisions


@pytest.mark.parametrize("shape", [(0, 60, 70), (1, 60, 70), (30, 0, 70), (30, 1, 70), (30, 60, 70)])
def test_sizes_that_are_not_known(shape: tuple[int, int, int]) -> None:
    x, d = cr.matrix("x"), cr.matrix("d")
    function = cr.function([x, d], ((x[:, :, None] * d[:, None]) - (x[:, :, None] * d[:, None]).mean(0)).__pow__(2).sum(0))
    assert "checked" in function.explain().decisions[0]
    generator = np.random.default_rng(0)
    n, a, c = shape
    for around in (0.0, 1e7):
        given_x, given_d = around + generator.standard_normal((n, a)), generator.standard_normal((n, c)) * (around == 0) + 1
        g = given_x[:, :, None] * given_d[:, None]
        wanted = ((g - g.mean(0)) ** 2).sum(0) if n else np.zeros((a, c))
        np.testing.assert_allclose(function(given_x, given_d), wanted, rtol=1e-6)


def test_derivatives_and_vmap_go_through() -> None:
    x, d, s = cr.tensor("x", (3, 30, 40)), cr.tensor("d", (3, 30, 50)), cr.scalar("s")
    spreads = cr.vmap(lambda one, two: ((s * one[:, :, None]) * two[:, None]).var(0))(x, d)
    function = cr.function([x, d, s], [spreads, cr.grad(spreads.sum(), s)])
    generator = np.random.default_rng(0)
    for around in (0.0, 1e4):
        a, b = around + generator.standard_normal((3, 30, 40)), generator.standard_normal((3, 30, 50)) * (around == 0) + 1
        g = a[:, :, :, None] * b[:, :, None]
        values, slope = function(a, b, 0.5)
        np.testing.assert_allclose(values, 0.25 * g.var(1), rtol=1e-6)
        np.testing.assert_allclose(slope, g.var(1).sum(), rtol=1e-6)


ROWS_OF_B, HIDDEN, COLUMNS_OF_A = 400, 20, 300


def product_squared(dtype: DType = float64) -> Use:
    """The sum over i, k of (sum over h of b[i, h] a[h, k])^2."""
    i, h, k = Label(ROWS_OF_B), Label(HIDDEN), Label(COLUMNS_OF_A)
    return contract((), [(contract([i, k], [(input_("b", [i, h], dtype), 1), (input_("a", [h, k], dtype), 1)], 1.0, [h]), 2)], 1.0, [i, k])


def matrices(cancelling: bool) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    b, a = generator.standard_normal((ROWS_OF_B, HIDDEN)), generator.standard_normal((HIDDEN, COLUMNS_OF_A))
    if cancelling:
        b[:, 1::2] = -b[:, ::2]
        a[1::2] = a[::2] + 1e-9 * a[1::2]
    return {"b": b, "a": a}


def test_a_product_that_is_squared_is_not_needed() -> None:
    base = product_squared()
    found = expand(base)
    assert found is not None and found.apart is not None and len(found.pieces) == len(found.squares) == 1
    (result,), decisions = optimise([base])
    assert [decision.rule for decision in decisions] == ["multiply the square out, checked"] and is_checked(result.node)
    check([result])
    assert optimise([base], "strict")[0] == [base]
    for cancelling in (False, True):
        before, after = interpret([base, result], matrices(cancelling))
        np.testing.assert_allclose(after, before, rtol=1e-13)


def test_the_terms_of_a_product_that_cancel_are_noticed() -> None:
    base = product_squared()
    (gram,), _ = optimise([base], "aggressive")
    before, after = interpret([base, gram], matrices(True))
    assert abs(after - before) > 1e-3 * before, "nothing cancels here"


def test_what_is_written_in_place_of_a_product_is_computed_in_parts() -> None:
    b, a = cr.tensor("b", (2000, 8)), cr.tensor("a", (8, 3000))
    function = cr.function([b, a], ((b @ a) ** 2).sum())
    assert "checked" in function.explain().decisions[0]
    assert function.flops() < 2 * 5000 * 8 * 8 + 6 * 5000 * 8
    assert function.memory_peak() < 2000 * 3000 * 8 / 20
    given_b, given_a = np.random.default_rng(0).standard_normal((2000, 8)), np.random.default_rng(1).standard_normal((8, 3000))
    given_a[4:], given_b[:, 4:] = given_a[:4], -given_b[:, :4] * (1 + 1e-8)
    np.testing.assert_allclose(function(given_b, given_a), ((given_b @ given_a) ** 2).sum(), rtol=1e-6)


@pytest.mark.parametrize("shape", [(0, 30, 70), (1, 1, 1), (2, 1, 700), (3, 0, 5), (3, 5, 0), (2, 300, 513), (17, 90, 80)])
def test_products_of_sizes_that_are_not_known(shape: tuple[int, int, int]) -> None:
    b, a = cr.tensor("b", (None, None, 2)), cr.tensor("a", (None, 2, None))
    with cr.config.use(check=True):
        function = cr.function([b, a], ((b @ a) ** 2).sum((1, 2)))
    assert "checked" in function.explain().decisions[0]
    batch, n, m = shape
    generator = np.random.default_rng(0)
    given_b, given_a = generator.standard_normal((batch, n, 2)), generator.standard_normal((batch, 2, m))
    for _ in range(2):
        np.testing.assert_allclose(function(given_b, given_a), ((given_b @ given_a) ** 2).sum((1, 2)), rtol=1e-6)
        given_b[-1:, :, 1], given_a[-1:, 1] = -given_b[-1:, :, 0], given_a[-1:, 0] * (1 + 1e-8)


@pytest.mark.parametrize(("rows", "batch"), [(513, 0), (17, 0), (131, 0), (513, 5), (300, 17)])
def test_parts_of_a_product_that_leave_some_over(rows: int, batch: int) -> None:
    """Parts of one element, and one element or more that no part has."""
    columns, lead = (70000 if rows == 17 else 4096 if not batch else 400), (batch,) * bool(batch)
    b, a = cr.tensor("b", (*lead, rows, 2)), cr.tensor("a", (*lead, 2, columns))
    with cr.config.use(check=True):
        function = cr.function([b, a], ((b @ a) ** 2).sum((-2, -1)))
    assert "checked" in function.explain().decisions[0]
    generator = np.random.default_rng(0)
    given_b, given_a = generator.standard_normal((*lead, rows, 2)), generator.standard_normal((*lead, 2, columns))
    given_b[..., 1], given_a[..., 1, :] = -given_b[..., 0], given_a[..., 0, :] * (1 + 1e-8)
    np.testing.assert_allclose(function(given_b, given_a), ((given_b @ given_a) ** 2).sum((-2, -1)), rtol=1e-6)


def squares_of(how: str) -> cr.Function:
    b, a = cr.tensor("b", (ROWS_OF_B, HIDDEN), dtype="float32"), cr.tensor("a", (HIDDEN, COLUMNS_OF_A), dtype="float32")
    with cr.config.use(algebra=how):
        return cr.function([b, a], ((b @ a) ** 2).sum())


SQUARES = squares_of("default")


@settings(max_examples=60, deadline=None)
@given(
    alike=st.tuples(st.booleans(), st.booleans()),
    signs=st.tuples(st.booleans(), st.booleans()),
    widths=st.tuples(st.floats(-7, 1), st.floats(-7, 1), st.floats(-6, 0)),
    seed=st.integers(0, 1000),
)
def test_no_matrices_cost_more_than_what_is_said(
    alike: tuple[bool, bool], signs: tuple[bool, bool], widths: tuple[float, float, float], seed: int
) -> None:
    """Columns that are nearly alike, with signs that make them cancel. Beside float64: what rounding loses in as many terms as a product's element has,
    sixteen times, or what the form as written loses."""
    generator = np.random.default_rng(seed)

    def matrix(rows: int, number: int) -> np.ndarray:
        columns = generator.standard_normal((rows, 1)) * alike[number] + 10 ** widths[number] * generator.standard_normal((rows, HIDDEN))
        sign = np.resize([1, -1], HIDDEN) * (1 + 10 ** widths[2] * generator.standard_normal(HIDDEN))
        return (columns * sign if signs[number] else columns).astype(np.float32)

    b, a = matrix(ROWS_OF_B, 0), matrix(COLUMNS_OF_A, 1).T.copy()
    wide_b, wide_a = b.astype(np.float64), a.astype(np.float64)
    wanted = ((wide_b @ wide_a) ** 2).sum()
    terms = ((wide_b**2).sum(0) * (wide_a**2).sum(1)).sum()
    epsilon = 2.0**-24
    as_written = 2 * HIDDEN * epsilon * np.sqrt(terms * wanted) + HIDDEN**2 * epsilon**2 * terms + 20 * epsilon * wanted
    assert abs(float(SQUARES(b, a)) - wanted) <= max(as_written, 16 * HIDDEN * epsilon * wanted) + 1e-37
