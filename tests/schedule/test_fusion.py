"""Fusion by counting: kernels, passes and products of programs whose best form is known."""

from __future__ import annotations

import numpy as np
from execute import run
from programs import statements

from croton.algebra.add import add
from croton.algebra.coefficient import of_size
from croton.algebra.constant import constant, input_
from croton.algebra.contract import contract
from croton.algebra.interpret import interpret
from croton.algebra.node import Label, Operand, Use
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import reduce
from croton.algebra.relation import select
from croton.derivatives.derive import derive
from croton.dtypes import float32, int64
from croton.kernel.language import For, Kernel, Lanes
from croton.schedule.build import build_plan
from croton.schedule.partial import PARTS
from croton.schedule.plan import KernelCall, Plan, ProductCall
from croton.sizes import evaluate, symbol

B, V, H = symbol("B", 128), symbol("V", 784), symbol("H", 500)
SIZES = {"B": 6, "V": 9, "H": 5}
RNG = np.random.default_rng(2)


def count(plan: Plan, kind: type) -> int:
    """Calls of a kind, of kernels their passes."""
    return sum(len(call.passes) if isinstance(call, KernelCall) else 1 for call in plan.calls if isinstance(call, kind))


def passes(kernel: Kernel) -> int:
    """The loops over the lane inside the rows."""
    loops = [statement for statement in statements(kernel) if isinstance(statement, For)]
    return max([sum(isinstance(statement, Lanes) for statement in loop.body) for loop in loops], default=0)


def check(outputs: list[Operand], arrays: dict[str, np.ndarray], rtol: float = 2e-4) -> Plan:
    plan = build_plan(outputs)
    for one, two in zip(run(plan, {key: array.copy() for key, array in arrays.items()}, SIZES), interpret(outputs, arrays, SIZES)):
        np.testing.assert_allclose(one.reshape(two.shape), two, rtol=rtol, atol=1e-5)
    return plan


def gradients(cost: Use, wrt: list[Use]) -> list[Operand]:
    """The cost and its gradients, each in the axes of its parameter."""
    one = constant(1.0, cost.dtype)
    found = derive([cost], [one], [use.node for use in wrt])
    return [Operand((), cost), *[Operand(labels, use) for use, labels in (pair for pair in found if pair is not None)]]


def values(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype("float32")


def test_cross_entropy_with_its_gradient_is_one_kernel_of_three_passes():
    b, v = Label(B), Label(V)
    x, y = input_("x", (b, v), float32), input_("y", (b,), int64)
    picked = contract((b,), [(x, 1), (select(v, y), 1)], summed=[v])
    loss = contract((), [(add([(reduce("lse", x, [v]), 1), (picked, -1)]), 1)], of_size(B, -1), summed=[b])
    plan = check(gradients(loss, [x]), {"x": values(6, 9), "y": RNG.integers(0, 9, 6)})
    assert count(plan, KernelCall) == 1 and passes(plan.kernels[0]) == 3
    # the loss of each part of the rows
    assert max(evaluate(size, {B: 100_000}) for slot in plan.slots for size in slot) <= 4 * PARTS


def test_contractive_penalty_is_two_kernels():
    b, v, h = Label(B), Label(V), Label(H)
    x, w, c = input_("x", (b, v), float32), input_("w", (v, h), float32), input_("c", (h,), float32)
    hidden = scalar("sigmoid", add([(contract((b, h), [(x, 1), (w, 1)], summed=[v]), 1), (c, 1)]))
    slope = add([(hidden, 1), (contract((b, h), [(hidden, 2)]), -1)])
    squares = contract((h,), [(w, 2)], summed=[v])
    penalty = contract((b,), [(slope, 2), (squares, 1)], summed=[h])
    plan = check([Operand((b,), penalty)], {"x": values(6, 9), "w": values(9, 5), "c": values(5)})
    assert (count(plan, KernelCall), count(plan, ProductCall)) == (2, 1)


def test_gradient_of_a_network_is_products_and_their_epilogues():
    b, v, h, o = Label(B), Label(V), Label(H), Label(10)
    x, y = input_("x", (b, v), float32), input_("y", (b, o), float32)
    w1, b1, w2 = input_("w1", (v, h), float32), input_("b1", (h,), float32), input_("w2", (h, o), float32)
    hidden = scalar("tanh", add([(contract((b, h), [(x, 1), (w1, 1)], summed=[v]), 1), (b1, 1)]))
    error = add([(contract((b, o), [(hidden, 1), (w2, 1)], summed=[h]), 1), (y, -1)])
    loss = contract((), [(error, 2)], of_size(B, -1), summed=[b, o])
    arrays = {"x": values(6, 9), "y": values(6, 10), "w1": values(9, 5), "b1": values(5), "w2": values(5, 10)}
    plan = check(gradients(loss, [w1, b1, w2]), arrays)
    assert count(plan, ProductCall) == 5 and count(plan, KernelCall) <= 4


def test_layer_norm_over_three_axes_shares_a_kernel_with_two():
    b, t, d = Label(B), Label(3), Label(H)
    x = input_("x", (b, t, d), float32)

    def normed(z: Use) -> Use:
        rows = [label for label in z.labels if label is not d]
        mean = contract(rows, [(z, 1)], of_size(H, -1), summed=[d])
        centred = add([(z, 1), (mean, -1)])
        variance = contract(rows, [(centred, 2)], of_size(H, -1), summed=[d])
        return contract(z.labels, [(centred, 1), (scalar("sqrt", add([(variance, 1), (constant(1e-5, float32), 1)])), -1)])

    y = input_("y", (b, d), float32)
    plan = check([Operand((b, t, d), normed(x)), Operand((b, d), normed(y))], {"x": values(6, 3, 5), "y": values(6, 5)})
    assert count(plan, KernelCall) == 2 and len(plan.kernels) == 1
    (loop,) = [statement for statement in plan.kernels[0].body if isinstance(statement, For)]
    assert loop.parallel and passes(plan.kernels[0]) == 3


def test_equal_layers_share_kernels():
    b = Label(B)
    z: Use = input_("x", (b, Label(H)), float32)
    for layer in range(8):
        inner = next(label for label in z.labels if label is not b)
        outer = Label(H)
        w, c = input_(f"w{layer}", (inner, outer), float32), input_(f"c{layer}", (outer,), float32)
        z = scalar("tanh", add([(contract((b, outer), [(z, 1), (w, 1)], summed=[inner]), 1), (c, 1)]))
    plan = build_plan([Operand((b, *[label for label in z.labels if label is not b]), z)])
    assert count(plan, KernelCall) == 8 and len(plan.kernels) == 1 and len(set(plan.arena.places)) == 2


def test_elementwise_work_on_contiguous_axes_is_one_lane():
    a, b, c = Label(B), Label(3), Label(4)
    x, y = input_("x", (a, b, c), float32), input_("y", (a, b, c), float32)
    plan = check([Operand((a, b, c), scalar("exp", contract((a, b, c), [(x, 1), (y, 1)])))], {"x": values(6, 3, 4), "y": values(6, 3, 4)})
    (kernel,) = plan.kernels
    (loop,) = kernel.body
    assert isinstance(loop, Lanes) and loop.parallel


def test_chains_are_cut_and_depth_is_no_limit():
    a = Label(B)
    z = x = input_("x", (a,), float32)
    for _ in range(3000):
        z = scalar("tanh", add([(z, 1), (x, 0.5)]))
    plan = build_plan([Operand((a,), z)])
    assert max(len(statement.body) for kernel in plan.kernels for statement in kernel.body if isinstance(statement, Lanes)) <= 400
    assert len(set(plan.arena.places)) <= 2


def test_peak_memory_is_a_size():
    b, h = Label(B), Label(H)
    x, w = input_("x", (b, h), float32), input_("w", (Label(H), h), float32)
    z = scalar("tanh", x)
    inner = w.labels[0]
    z = contract((b, h), [(Use(z.node, (b, inner)), 1), (w, 1)], summed=[inner])
    plan = build_plan([Operand((b,), reduce("max", z, [h]))])
    assert plan.arena.bytes(SIZES) == 2 * 128  # of 4 * 6 * 5 bytes each, aligned
    assert evaluate(plan.flops, SIZES) > 2 * 6 * 5 * 5
