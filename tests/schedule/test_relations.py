"""Slices, pads, gathers, scatters, prefixes, sorts and calls as plans."""

from __future__ import annotations

import numpy as np
import pytest
from execute import OutOfBounds, run

import croton as cr
from croton.algebra.add import add
from croton.algebra.call import Routine, call
from croton.algebra.constant import constant, input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Operand
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import arg, cumulate, reduce
from croton.algebra.relation import affine, at_least_zero, select
from croton.dtypes import bool_, float64, int32, int64
from croton.kernel.print import to_text
from croton.schedule.build import build_plan
from croton.schedule.plan import BoundsCheck, KernelCall, MatrixCall, Plan, ProductCall
from croton.sizes import symbol

N, M = symbol("N", 100), symbol("M", 50)
RNG = np.random.default_rng(1)


def check(outputs: list[Operand], arrays: dict, sizes: dict) -> Plan:
    plan = build_plan(outputs)
    wanted = interpret(outputs, arrays, sizes)
    for one, two in zip(run(plan, {key: array.copy() for key, array in arrays.items()}, sizes), wanted):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=1e-9, atol=1e-12)
    return plan


def count(plan: Plan, kind: type) -> int:
    """Calls of a kind, of kernels their passes."""
    return sum(len(call.passes) if isinstance(call, KernelCall) else 1 for call in plan.calls if isinstance(call, kind))


def test_slice_flip_and_pad_are_elementwise():
    i, o, p, c = Label(N), Label(N), Label(N + 3), Label(M)
    x = input_("x", (i, c), float64)
    flipped = contract((o, c), [(x, 1), (affine({i: 1, o: 1}, 1 - N), 1)], summed=[i])
    padded = contract((p, c), [(x, 1), (affine({i: 1, p: -1}, 2), 1)], summed=[i])
    outs = [Operand((o, c), scalar("exp", flipped)), Operand((p, c), scalar("exp", padded))]
    plan = check(outs, {"x": RNG.normal(size=(5, 4))}, {"N": 5, "M": 4})
    assert count(plan, KernelCall) == 2


def test_convolution():
    b, i, o, k, c, f = Label(3), Label(N), Label(N - 2), Label(3), Label(4), Label(5)
    x, w = input_("x", (b, i, c), float64), input_("w", (k, c, f), float64)
    y = contract((b, o, f), [(x, 1), (w, 1), (affine({i: 1, o: -1, k: -1}), 1)], summed=[i, k, c])
    check([Operand((b, f, o), y)], {"x": RNG.normal(size=(3, 9, 4)), "w": RNG.normal(size=(3, 4, 5))}, {"N": 9})


def test_reshape_merges_and_splits():
    b, t, m = Label(N), Label(4), Label(4 * N)
    x = input_("x", (b, t), float64)
    merged = contract((m,), [(x, 1), (affine({m: 1, b: -4, t: -1}), 1)], summed=[b, t])
    y = input_("y", (m,), float64)
    split = contract((b, t), [(y, 1), (affine({m: 1, b: -4, t: -1}), 1)], summed=[m])
    arrays = {"x": RNG.normal(size=(3, 4)), "y": RNG.normal(size=12)}
    plan = check([Operand((m,), merged), Operand((t, b), split), Operand((m,), scalar("exp", merged))], arrays, {"N": 3})
    # the memory is the same: no divisions
    assert not any("floor_divide" in to_text(kernel) or "remainder" in to_text(kernel) for kernel in plan.kernels)
    mixed = contract((m,), [(input_("z", (t, b), float64), 1), (affine({m: 1, b: -4, t: -1}), 1)], summed=[b, t])
    check([Operand((m,), scalar("exp", mixed))], {"z": RNG.normal(size=(4, 3))}, {"N": 3})


def test_a_reshaped_value_goes_into_a_product_as_it_is():
    b, h, w, f, o = Label(N), Label(4), Label(M), Label(4 * M), Label(8)
    x, v, bias = input_("x", (b, h, w), float64), input_("v", (f, o), float64), input_("bias", (w,), float64)
    a = scalar("tanh", add([(x, 1), (bias, 1)]))
    flat = contract((b, f), [(a, 1), (affine({f: 1, h: -M, w: -1}), 1)], summed=[h, w])
    y = contract((b, o), [(flat, 1), (v, 1)], summed=[f])
    arrays = {"x": RNG.normal(size=(20, 4, 9)), "v": RNG.normal(size=(36, 8)), "bias": RNG.normal(size=9)}
    plan = check([Operand((b, o), y)], arrays, {"N": 20, "M": 9})
    assert (count(plan, ProductCall), count(plan, KernelCall), len(plan.slots)) == (1, 1, 1)


@pytest.mark.parametrize("dtype", [int64, int32])
def test_embedding_and_its_gradient(dtype):
    v, b, t, e = Label(N), Label(3), Label(M), Label(6)
    table, index = input_("table", (v, e), float64), input_("index", (b, t), dtype)
    g = input_("g", (b, t, e), float64)
    picked = contract((b, t, e), [(table, 1), (select(v, index), 1)], summed=[v])
    spread = contract((v, e), [(g, 1), (select(v, index), 1)], summed=[b, t])
    arrays = {"table": RNG.normal(size=(7, 6)), "index": RNG.integers(0, 7, (3, 4)).astype(dtype.numpy), "g": RNG.normal(size=(3, 4, 6))}
    plan = check([Operand((b, t, e), scalar("tanh", picked)), Operand((v, e), spread)], arrays, {"N": 7, "M": 4})
    assert count(plan, BoundsCheck) == 1 and isinstance(plan.calls[0], BoundsCheck)
    arrays["index"][1, 2] = 7
    with pytest.raises(OutOfBounds):
        run(plan, arrays, {"N": 7, "M": 4})


def test_cross_entropy_picks_inside_the_pass():
    r, c = Label(N), Label(M)
    x, y = input_("x", (r, c), float64), input_("y", (r,), int64)
    z = scalar("tanh", x)
    picked = contract((r,), [(z, 1), (select(c, y), 1)], summed=[c])
    loss = add([(reduce("lse", z, [c]), 1), (picked, -1)])
    plan = check([Operand((r,), loss)], {"x": RNG.normal(size=(5, 4)), "y": np.array([0, 3, 1, 2, 2])}, {"N": 5, "M": 4})
    assert count(plan, KernelCall) == 1 and len(plan.slots) <= 1


def test_an_index_that_is_the_same_everywhere_is_compared_with_what_is_not_known() -> None:
    """Whether 0 is at least 0 is no question for a kernel, which does not know of numbers alone what dtype they have."""
    x = cr.tensor("x", shape=(5, None), dtype="float32")
    given = np.arange(10, dtype=np.float32).reshape(5, 2)
    with cr.config.use(check=True, cache=False):
        found = cr.function([x], cr.take(x, np.array([0, 0]), axis=1))(given)
    np.testing.assert_array_equal(found, given[:, [0, 0]])


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
def test_running_sums_and_products(reverse, exclusive, axis):
    r, c = Label(N), Label(M)
    x = input_("x", (r, c), float64)
    s = (r, c)[axis]
    t = Label(s.size)
    sign = -1 if reverse else 1
    prefix = at_least_zero({t: sign, s: -sign}, -1 if exclusive else 0)
    axes = tuple(t if label is s else label for label in (r, c))
    total = contract(axes, [(x, 1), (prefix, 1)], 0.5, summed=[s])
    product = cumulate("prod", x, s, reverse, exclusive)
    outs = [Operand(axes, total), Operand((c, r), product)]
    if not exclusive:
        outs.append(Operand((r, c), cumulate("max", x, s, reverse)))
    plan = check(outs, {"x": RNG.normal(size=(5, 4))}, {"N": 5, "M": 4})
    assert count(plan, KernelCall) == len(outs)


def test_positions_of_extremes_and_sorting():
    r, c, k = Label(N), Label(M), Label(M)
    x = input_("x", (r, c), float64)
    z = RNG.integers(0, 3, (6, 5)).astype(float)
    z[1, 3] = z[1, 4] = np.nan
    z[2] = -np.inf
    order = arg("argsort", x, c, k)
    outs = [Operand((r,), arg("argmax", x, c)), Operand((c,), arg("argmin", x, r)), Operand((k, r), order)]
    sorted_ = contract((r, k), [(x, 1), (select(c, order), 1)], summed=[c])
    plan = check([*outs, Operand((r, k), sorted_)], {"x": z}, {"N": 6, "M": 5})
    assert count(plan, MatrixCall) == 1


def test_a_call_of_a_routine():
    r, c = Label(3), Label(3)
    x = input_("x", (r, c), float64)
    inverse = Routine("inverse", np.linalg.inv)
    (found,) = call(inverse, [Operand((c, r), scalar("exp", x))], [((r, c), float64)])
    check([Operand(found.axes, scalar("exp", found.use))], {"x": RNG.normal(size=(3, 3))}, {})


def test_masks_under_matrix_products():
    b, i, j, d = Label(2), Label(N), Label(N), Label(M)
    q, k, v = input_("q", (b, i, d), float64), input_("k", (b, j, d), float64), input_("v", (b, j, d), float64)
    scores = contract((b, i, j), [(q, 1), (k, 1)], summed=[d])
    causal = at_least_zero({i: 1, j: -1})
    hidden = contract((i, j), [(scalar("logical_not", causal), 1)], dtype=float64)
    masked = add([(contract((b, i, j), [(scores, 1), (causal, 1)]), 1), (hidden, -1e9)])
    e = scalar("exp", add([(masked, 1), (reduce("max", masked, [j]), -1)]))
    p = contract((b, i, j), [(e, 1), (contract((b, i), [(e, 1)], summed=[j]), -1)])
    y = contract((b, i, d), [(p, 1), (v, 1)], summed=[j])
    arrays = {key: RNG.normal(size=(2, 5, 4)) for key in "qkv"}
    plan = check([Operand((b, i, d), y)], arrays, {"N": 5, "M": 4})
    assert (count(plan, ProductCall), count(plan, KernelCall)) == (2, 2)


def test_any_and_counts_of_masks():
    r, c = Label(N), Label(M)
    x = input_("x", (r, c), float64)
    mask = scalar("lt", x, constant(0.0, float64))
    outs = [
        Operand((r,), reduce("any", mask, [c])),
        Operand((c,), reduce("all", mask, [r])),
        Operand((r,), contract((r,), [(mask, 1)], summed=[c], dtype=int64)),
        Operand((r, c), contract((r, c), [(mask, 1), (mask, 1)], dtype=bool_)),
    ]
    check(outs, {"x": RNG.normal(size=(5, 4))}, {"N": 5, "M": 4})
