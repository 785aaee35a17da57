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
    assert found is not None and len(found.pieces) == 3 and found.squares == 2
    result = checked(base, found.pieces, found.squares)
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
    before, after = interpret([base, checked(base, found.pieces, found.squares)], values)
    np.testing.assert_array_equal(after, before)
    assert before[3, 7] == pytest.approx(EXAMPLES * 36e-14, rel=1e-8)


def test_what_is_not_a_number_is_computed_as_written() -> None:
    """The squares are infinite where the deviations are not."""
    base, _ = spread()
    found = expand(base)
    assert found is not None
    values = {name: value * (1e80 if name != "m" else 1e160) for name, value in environment(1.0, 1e-8).items()}
    before, after = interpret([base, checked(base, found.pieces, found.squares)], values)
    assert np.isfinite(before).all()
    np.testing.assert_array_equal(after, before)


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
