"""Jacobians of what a recurrent network makes of each example of a batch: elements that have loops of their own do not meet in them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.util.structure import flatten

EXAMPLES, STEPS, INPUTS, STATES = 3, 4, 2, 3
RNG = np.random.default_rng(1)
SHAPES = {"xs": (EXAMPLES, STEPS, INPUTS), "inward": (INPUTS, STATES), "around": (STATES, STATES), "begin": (EXAMPLES, STATES)}
VALUES = {name: RNG.normal(size=shape) for name, shape in SHAPES.items()}


@pytest.fixture(autouse=True)
def _compiled_here() -> Any:
    with cr.config.use(cache=False):
        yield


def variables() -> dict[str, Any]:
    return {name: cr.tensor(name, shape) for name, shape in SHAPES.items()}


def looped(v: dict[str, Any], xs: Any, begin: Any) -> tuple[Any, Any]:
    return cr.scan(lambda h, x: (cr.tanh(x @ v["inward"] + h @ v["around"]), cr.sin(h)), begin, xs)


def written(v: dict[str, Any], xs: Any, begin: Any) -> tuple[Any, Any]:
    h, rows = begin, []
    for step in range(STEPS):
        rows.append(cr.sin(h))
        h = cr.tanh(xs[step] @ v["inward"] + h @ v["around"])
    return h, cr.stack(rows)


def results(v: dict[str, Any], in_loops: bool) -> dict[str, Any]:
    if in_loops:
        last, ys = cr.vmap(lambda xs, begin: looped(v, xs, begin))(v["xs"], v["begin"])
    else:
        each = [written(v, v["xs"][k], v["begin"][k]) for k in range(EXAMPLES)]
        last, ys = [cr.stack(list(values)) for values in zip(*each)]
    costs = (last**2).sum(axis=1)
    again, _ = cr.scan(lambda c, y: (cr.tanh(c + y), None), costs, ys.sum(axis=2).T)
    return {
        "costs": costs,
        "states": last,
        "every step": ys,
        "axes turned": ys.transpose(),
        "axes joined": cr.reshape(ys, (EXAMPLES * STEPS, STATES)).sum(axis=1),
        "with what comes from around": costs * cr.arange(EXAMPLES) + v["begin"].sum(axis=1),
        "examples that meet behind": cr.softmax(last, axis=0) / (1 + costs.sum()),
        "a loop on a loop": again if in_loops else _again(costs, ys),
    }


def _again(c: Any, ys: Any) -> Any:
    for step in range(STEPS):
        c = cr.tanh(c + ys[:, step].sum(axis=1))
    return c


@pytest.mark.parametrize("wrt", SHAPES)
@pytest.mark.parametrize("name", results(variables(), True))
def test_values_are_those_of_the_steps_written_out(name: str, wrt: str) -> None:
    v = variables()
    direction = RNG.normal(size=SHAPES[wrt])
    found, wanted = [], []
    for outputs, in_loops in ((found, True), (wanted, False)):
        y = results(v, in_loops)[name]
        J = cr.jacobian(y, v[wrt], disconnected="zero")
        rank = len(SHAPES[wrt])
        along = cr.tensordot(J, direction, (list(range(y.ndim, y.ndim + rank)), list(range(rank))))
        slopes = cr.grad(cr.sin(J).sum(), [v[wrt], v["xs"]], disconnected="zero")
        outputs += flatten([J, along, (J**2).sum(), (J**2).mean(axis=0), *slopes])[0]
    values = {v[key]: value for key, value in VALUES.items()}
    right = cr.reference.evaluate(wanted, values)
    for interpreted, one in zip(cr.reference.evaluate(found, values), right):
        np.testing.assert_allclose(interpreted, one, rtol=1e-8, atol=1e-9)
    for compiled, one in zip(cr.function(list(values), found)(*VALUES.values()), right):
        np.testing.assert_allclose(compiled, one, rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("wrt", ["inward", "around"])
def test_squared_gradients_of_examples_cost_what_mapped_gradients_cost(wrt: str) -> None:
    v = variables()

    def cost(xs: Any, begin: Any) -> Any:
        return (looped(v, xs, begin)[0] ** 2).sum()

    costs = cr.vmap(cost)(v["xs"], v["begin"])
    whole = (cr.jacobian(costs, v[wrt]) ** 2).mean(axis=0)
    mapped = (cr.vmap(lambda xs, begin: cr.grad(cost(xs, begin), v[wrt]))(v["xs"], v["begin"]) ** 2).mean(axis=0)
    first, second = [cr.function(list(v.values()), outputs) for outputs in (whole, mapped)]
    assert first.flops() == second.flops() and first.memory_peak() == second.memory_peak()


def test_maps_loops_and_second_derivatives() -> None:
    v = variables()

    def costs(xs: Any, in_loops: bool) -> Any:
        if in_loops:
            return cr.vmap(lambda x, begin: (looped(v, x, begin)[0] ** 2).sum())(xs, v["begin"])
        return cr.stack([(written(v, xs[k], v["begin"][k])[0] ** 2).sum() for k in range(EXAMPLES)])

    found, wanted = [], []
    for outputs, in_loops in ((found, True), (wanted, False)):
        y = costs(v["xs"], in_loops)
        outputs += [cr.jacobian(cr.jacobian(y, v["around"]), v["inward"]), cr.jacobian(cr.grad(y.sum(), v["xs"]), v["around"])]
        jacobians = [cr.jacobian(costs(v["xs"] * scale, in_loops), v["around"]) for scale in (1.0, 0.5)]
        outputs.append(cr.stack(jacobians) if not in_loops else cr.vmap(lambda s: cr.jacobian(costs(v["xs"] * s, True), v["around"]))(cr.asarray([1.0, 0.5])))
        total: Any = cr.asarray(1.0)
        if in_loops:
            total, _ = cr.scan(lambda c, s: (c + (cr.jacobian(costs(v["xs"] * s * c, True), v["around"]) ** 2).sum(), None), total, cr.asarray([1.0, 0.5]))
        else:
            for scale in (1.0, 0.5):
                before = cr.stop_gradient(total)  # as a carry is, to a derivative in the body
                total = total + (cr.jacobian(costs(v["xs"] * scale * before, False), v["around"]) ** 2).sum()
        outputs.append(total)
    values = {v[key]: value for key, value in VALUES.items()}
    for one, other in zip(cr.function(list(values), found)(*VALUES.values()), cr.reference.evaluate(wanted, values)):
        np.testing.assert_allclose(one, other, rtol=1e-8, atol=1e-9)
