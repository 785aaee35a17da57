"""Plans compute what the algebra means, with the kernels that an expert would have written."""

from __future__ import annotations

import numpy as np
import pytest
from execute import run

from croton.algebra.add import add
from croton.algebra.coefficient import multiply, of_size
from croton.algebra.constant import constant, input_, iota
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Operand, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.algebra.relation import select
from croton.dtypes import float32, float64, int64
from croton.kernel.parallelise import sweeps
from croton.kernel.print import to_text
from croton.schedule.build import build_plan
from croton.schedule.plan import KernelCall, Plan, ProductCall
from croton.sizes import symbol

R, C, M = symbol("R", 100), symbol("C", 1000), symbol("M", 50)
SIZES = {"R": 5, "C": 7, "M": 4}


def kernels(plan: Plan) -> int:
    """Kernels, of which some may be passes of one."""
    return sum(len(call.passes) for call in plan.calls if isinstance(call, KernelCall))


def products(plan: Plan) -> int:
    return sum(isinstance(call, ProductCall) for call in plan.calls)


def passes(plan: Plan) -> list[int]:
    return [to_text(kernel).count("lanes") for kernel in plan.kernels]


def check(outputs: list[Operand], arrays: dict, sizes: dict | None = None, rtol: float = 1e-5) -> Plan:
    sizes = SIZES if sizes is None else sizes
    plan = build_plan(outputs)
    wanted = interpret(outputs, arrays, sizes)
    found = run(plan, {key: array.copy() for key, array in arrays.items()}, sizes)
    for one, two in zip(found, wanted):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=rtol, atol=1e-6)
    return plan


def array(rng: np.random.Generator, *shape: int, dtype: str = "float32") -> np.ndarray:
    return rng.standard_normal(shape).astype(dtype)


def labels(*sizes) -> tuple[Label, ...]:
    return tuple(Label(size) for size in sizes)


RNG = np.random.default_rng(0)


def softmax(z: Use, over: Label) -> Use:
    top = reduce("max", z, [over])
    e = scalar("exp", add([(z, 1), (top, -1)]))
    total = contract([label for label in z.labels if label is not over], [(e, 1)], summed=[over])
    return contract(z.labels, [(e, 1), (total, -1)])


def test_elementwise_chain_is_one_kernel():
    r, c = labels(R, C)
    x, y = input_("x", (r, c), float32), input_("y", (c,), float32)
    z = scalar("tanh", add([(contract((r, c), [(x, 2), (y, 1)], 0.5), 1), (x, -3)]))
    z = scalar("exp", scalar("where", scalar("lt", z, constant(0.1, float32)), z, x))
    plan = check([Operand((r, c), z)], {"x": array(RNG, 5, 7), "y": array(RNG, 7)})
    assert kernels(plan) == 1 and len(plan.slots) == 0


def test_row_softmax_is_one_kernel_of_three_passes():
    r, c = labels(R, C)
    x = input_("x", (r, c), float32)
    plan = check([Operand((r, c), softmax(x, c))], {"x": array(RNG, 5, 7)})
    assert kernels(plan) == 1 and passes(plan) == [3]


def test_transposed_output_and_input_outputs():
    r, c = labels(R, C)
    x = input_("x", (r, c), float32)
    y = scalar("exp", x)
    outs = [Operand((c, r), y), Operand((r, c), y), Operand((r, c), x), Operand((r, Label(3), c), x)]
    check(outs, {"x": array(RNG, 5, 7)})


def test_column_and_total_reductions():
    r, c = labels(R, C)
    x = input_("x", (r, c), float32)
    columns = contract((c,), [(x, 2)], summed=[r])
    rows = reduce("min", x, [c])
    total = contract((), [(x, 1)], 0.25, summed=[r, c])
    plan = check([Operand((c,), columns), Operand((r,), rows), Operand((), total)], {"x": array(RNG, 5, 7)})
    assert kernels(plan) == 1


def test_matrix_product_with_bias_and_activation():
    b, i, o = labels(R, C, M)
    x, w, bias = input_("x", (b, i), float32), input_("w", (i, o), float32), input_("b", (o,), float32)
    h = scalar("tanh", add([(contract((b, o), [(x, 1), (w, 1)], summed=[i]), 1), (bias, 1)]))
    plan = check([Operand((b, o), h)], {"x": array(RNG, 5, 7), "w": array(RNG, 7, 4), "b": array(RNG, 4)})
    assert (products(plan), kernels(plan)) == (1, 1)


def test_sum_of_products_accumulates():
    b, i, o = labels(R, C, M)
    x, w = input_("x", (b, i), float32), input_("w", (i, o), float32)
    u, v = input_("u", (b, i), float32), input_("v", (i, o), float32)
    e = input_("e", (b, o), float32)
    one, two = contract((b, o), [(x, 1), (w, 1)], summed=[i]), contract((b, o), [(u, 1), (v, 1)], 2.0, summed=[i])
    total = add([(one, 1), (two, -0.5), (contract((b, o), [(e, 2)]), 1), (scalar("exp", e), 1)])
    arrays = {"x": array(RNG, 5, 7), "w": array(RNG, 7, 4), "u": array(RNG, 5, 7), "v": array(RNG, 7, 4), "e": array(RNG, 5, 4)}
    plan = check([Operand((b, o), total)], arrays)
    assert (products(plan), kernels(plan), len(plan.slots)) == (2, 1, 0)


def test_transposed_products():
    b, i, o = labels(R, C, M)
    g, w, x = input_("g", (b, o), float32), input_("w", (i, o), float32), input_("x", (b, i), float32)
    dx = contract((b, i), [(g, 1), (w, 1)], summed=[o])
    dw = contract((i, o), [(g, 1), (x, 1)], coef=2, summed=[b])
    arrays = {"g": array(RNG, 5, 4), "w": array(RNG, 7, 4), "x": array(RNG, 5, 7)}
    plan = check([Operand((b, i), dx), Operand((i, o), dw), Operand((o, i), scalar("exp", dw))], arrays)
    assert (products(plan), kernels(plan)) == (2, 1)


def test_mean_has_a_symbolic_coefficient():
    r, c = labels(R, C)
    x = input_("x", (r, c), float32)
    mean = contract((c,), [(x, 1)], multiply(of_size(R, -1), of_size(C, -1)), summed=[r])
    check([Operand((c,), mean)], {"x": array(RNG, 5, 7)})


def test_batch_norm_of_columns_is_a_kernel_of_three_sweeps():
    r, c = labels(R, C)
    x, g, b = input_("x", (r, c), float32), input_("g", (c,), float32), input_("b", (c,), float32)
    mean = contract((c,), [(x, 1)], of_size(R, -1), summed=[r])
    d = add([(x, 1), (mean, -1)])
    var = contract((c,), [(d, 2)], of_size(R, -1), summed=[r])
    std = scalar("sqrt", add([(var, 1), (constant(1e-5, float32), 1)]))
    y = add([(contract((r, c), [(d, 1), (g, 1), (std, -1)]), 1), (b, 1)])
    plan = check([Operand((r, c), y), Operand((c,), mean)], {"x": array(RNG, 5, 7), "g": array(RNG, 7), "b": array(RNG, 7)}, rtol=1e-4)
    assert [len(sweeps(kernel)) for kernel in plan.kernels] == [3]


def test_constant_iota_and_int_outputs():
    r, c = labels(R, C)
    n = input_("n", (r, c), int64)
    outs = [
        Operand((r, c), constant(3.0, float32)),
        Operand((r, c), iota(c)),
        Operand((r, c), add([(n, 2), (iota(r), -1)])),
        Operand((r,), reduce("max", n, [c])),
        Operand((), contract((), [(n, 1)], summed=[r, c])),
    ]
    check(outs, {"n": RNG.integers(-5, 5, (5, 7))})


@pytest.mark.parametrize("shape", [(0, 7), (5, 0), (1, 1), (1, 7), (5, 1)])
def test_sizes_zero_and_one(shape):
    r, c = labels(R, C)
    x = input_("x", (r, c), float64)
    total = contract((), [(x, 1)], summed=[r, c])
    rows, columns = contract((r,), [(x, 1)], summed=[c]), contract((c,), [(x, 1)], summed=[r])
    outs = [Operand((c, r), scalar("exp", x)), Operand((r,), rows), Operand((c,), columns), Operand((), total)]
    check(outs, {"x": array(RNG, *shape, dtype="float64")}, {"R": shape[0], "C": shape[1]})


def test_log_sum_exp_of_infinities():
    r, c = labels(R, C)
    x = input_("x", (r, c), float64)
    z = array(RNG, 5, 7, dtype="float64")
    z[0], z[1, 2], z[2, 3] = -np.inf, np.inf, np.nan
    check([Operand((r,), reduce("lse", x, [c]))], {"x": z})


def test_a_mask_selects():
    r, c = labels(R, C)
    x = input_("x", (r, c), float64)
    z = array(RNG, 5, 7, dtype="float64")
    z[0, 0], z[1, 1] = np.inf, np.nan
    small = scalar("lt", scalar("abs", x), constant(1.0, float64))
    chosen = contract((r, c), [(x, 1), (small, 1)])
    check([Operand((r, c), chosen), Operand((r,), contract((r,), [(x, 1), (small, 1)], summed=[c]))], {"x": z})


def updated(outputs: list[Operand], donated: dict, arrays: dict, sizes: dict) -> tuple[Plan, list]:
    """The plan with donated inputs, run and compared."""
    plan = build_plan(outputs, donated)
    wanted = interpret(outputs, arrays, sizes)
    arrays = {key: value.copy() for key, value in arrays.items()}
    for one, two in zip(run(plan, arrays, sizes), wanted):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=1e-5, atol=1e-6)
    return plan, [plan.values[number].home for number in plan.outputs]


def test_a_gradient_step_is_added_into_the_parameter():
    b, i, o = labels(R, C, M)
    x, w, g = input_("x", (b, i), float32), input_("w", (i, o), float32), input_("g", (b, o), float32)
    step = add([(w, 1), (contract((i, o), [(x, 1), (g, 1)], summed=[b]), -0.1)])
    y = contract((b, o), [(x, 1), (w, 1)], summed=[i])
    arrays = {"x": array(RNG, 5, 7), "w": array(RNG, 7, 4), "g": array(RNG, 5, 4)}
    plan, homes = updated([Operand((b, o), y), Operand((i, o), step)], {"w": 1}, arrays, SIZES)
    assert homes == [("output", 0), ("input", "w")]
    assert (products(plan), kernels(plan)) == (2, 0) and plan.calls[-1].beta == 1


def test_an_elementwise_update_is_in_place():
    i, o = labels(C, M)
    w, m = input_("w", (i, o), float32), input_("m", (i, o), float32)
    momentum = add([(m, 0.9), (scalar("exp", w), 1)])
    arrays = {"w": array(RNG, 7, 4), "m": array(RNG, 7, 4)}
    plan, homes = updated([Operand((i, o), add([(w, 1), (momentum, -0.1)])), Operand((i, o), momentum)], {"w": 0, "m": 1}, arrays, SIZES)
    assert homes == [("input", "w"), ("input", "m")] and kernels(plan) == 1


def test_an_update_that_is_read_elsewhere_is_not_in_place():
    i, o = labels(C, C)
    w = input_("w", (i, o), float32)
    swapped = Use(w.node, (o, i))
    plan, homes = updated([Operand((i, o), add([(w, 1), (swapped, 1)]))], {"w": 0}, {"w": array(RNG, 7, 7)}, SIZES)
    assert homes == [("output", 0)]


@pytest.mark.parametrize("read", [False, True])
def test_a_row_sparse_update_touches_used_rows_only(read):
    v, b, e = labels(R, M, C)
    table, index, g = input_("t", (v, e), float32), input_("n", (b,), int64), input_("g", (b, e), float32)
    if read:
        g = scalar("tanh", contract((b, e), [(table, 1), (select(v, index), 1)], summed=[v]))
    step = add([(table, 1), (contract((v, e), [(g, 1), (select(v, index), 1)], summed=[b]), -0.5)])
    arrays = {"t": array(RNG, 5, 7), "n": np.array([1, 4, 1, 0]), "g": array(RNG, 4, 7)}
    if read:
        del arrays["g"]
    plan, homes = updated([Operand((v, e), step), Operand((), contract((), [(table, 2)], summed=[v, e]))], {"t": 0}, arrays, SIZES)
    assert homes[0] == ("input", "t") and kernels(plan) == 2 + read
