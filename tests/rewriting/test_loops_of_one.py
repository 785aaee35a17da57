"""Loops over a batch of which one member is read: the same values, at the cost of a loop of that member."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

INPUTS, STATES = 2, 3
NAMES = ("xs", "begin", "inward", "around", "bias")


@pytest.fixture(autouse=True)
def _compiled_here() -> Any:
    with cr.config.use(cache=False):
        yield


def variables(examples: int, steps: int, dtype: str = "float64") -> dict[str, Any]:
    shapes = ((steps, examples, INPUTS), (examples, STATES), (INPUTS, STATES), (STATES, STATES), (STATES,))
    return {name: cr.tensor(name, shape, dtype=dtype) for name, shape in zip(NAMES, shapes)}


def values(v: dict[str, Any], seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=x.shape).astype(str(x.dtype)) for x in v.values()]


def written_out(step: Callable[[Any, Any], tuple[Any, Any]], begin: Any, xs: Any, reverse: bool = False) -> tuple[Any, Any]:
    """What `scan` gives, a step after another."""
    carry, rows = begin, []
    order = range(xs.shape[0])
    for t in reversed(order) if reverse else order:
        carry, row = step(carry, xs[t])
        rows.append(row)
    return carry, cr.stack(rows[::-1] if reverse else rows) if rows else None


def recurrent(v: dict[str, Any]) -> Callable[[Any, Any], tuple[Any, Any]]:
    def step(h: Any, x: Any) -> tuple[Any, Any]:
        return cr.tanh(x @ v["inward"] + h @ v["around"]), cr.sin(h)

    return step


def simple(v: dict[str, Any], scan: Any) -> Any:
    return (scan(recurrent(v), v["begin"], v["xs"])[0] ** 2).sum(axis=1)


def backward_in_time(v: dict[str, Any], scan: Any) -> Any:
    return (scan(recurrent(v), v["begin"], v["xs"], reverse=True)[0] ** 2).sum(axis=1)


def every_step(v: dict[str, Any], scan: Any) -> Any:
    return (scan(recurrent(v), v["begin"], v["xs"])[1] ** 2).sum(axis=(0, 2))


def long_memory(v: dict[str, Any], scan: Any) -> Any:
    def step(carry: Any, x: Any) -> tuple[Any, Any]:
        h, memory = carry
        z = x @ v["inward"] + h @ v["around"]
        keep = cr.sigmoid(z + v["bias"])
        memory = keep * memory + (1 - keep) * cr.tanh(z)
        return (keep * cr.tanh(memory), memory), memory

    (h, memory), _ = scan(step, (v["begin"], v["begin"] * 0.5), v["xs"])
    return (h * memory).sum(axis=1) + h[:, 0]


def two_layers(v: dict[str, Any], scan: Any) -> Any:
    _, ys = scan(recurrent(v), v["begin"], v["xs"])
    last, _ = scan(lambda h, y: (cr.tanh(y + h @ v["around"]), y), v["begin"], ys)
    return cr.tanh(last @ v["around"]).sum(axis=1)


def one_input_for_all(v: dict[str, Any], scan: Any) -> Any:
    def step(h: Any, x: Any) -> tuple[Any, Any]:
        return cr.tanh(x.sum(axis=0) @ v["inward"] + h @ v["around"]), h

    return (scan(step, v["begin"], v["xs"])[0] ** 2).sum(axis=1)


def members_meet_in_a_step(v: dict[str, Any], scan: Any) -> Any:
    def step(h: Any, x: Any) -> tuple[Any, Any]:
        return cr.tanh(x @ v["inward"] + (h - h.mean(axis=0)) @ v["around"]), h

    return (scan(step, v["begin"], v["xs"])[0] ** 2).sum(axis=1)


def members_meet_behind(v: dict[str, Any], scan: Any) -> Any:
    return cr.softmax(simple(v, scan))


def two_steps_ago(v: dict[str, Any], scan: Any) -> Any:
    if scan is cr.scan:
        begin = cr.stack([v["begin"], cr.sin(v["begin"])])
        states, _ = cr.scan(lambda h, x: (cr.tanh(x @ v["inward"] + h[1] @ v["around"] + h[0]), None), cr.taps(begin, (-1, -2)), v["xs"])
        return (states[-1] ** 2).sum(axis=1)
    before, h = v["begin"], cr.sin(v["begin"])
    for t in range(v["xs"].shape[0]):
        before, h = h, cr.tanh(v["xs"][t] @ v["inward"] + before @ v["around"] + h)
    return (h**2).sum(axis=1)


FUNCTIONS = (
    simple, backward_in_time, every_step, long_memory, two_layers, two_steps_ago, one_input_for_all, members_meet_in_a_step, members_meet_behind,
)  # fmt: skip
COSTS = {function.__name__.replace("_", " "): function for function in FUNCTIONS}
MEETING = {"members meet in a step", "members meet behind"}


def spellings(costs: Any, w: Any, examples: int) -> dict[str, Any]:
    """The squared gradients of each cost with respect to a variable."""

    def squared(i: Any) -> Any:
        return cr.grad(costs[i], w, disconnected="zero") ** 2

    return {
        "scan": cr.scan(lambda c, i: (c, squared(i)), 0.0, cr.arange(examples))[1],
        "map": cr.map(squared, cr.arange(examples)),
        "jacobian": cr.jacobian(costs, w, disconnected="zero") ** 2,
    }


EDGES = [("long memory", 2, 1), ("two layers", 1, 3), ("long memory", 3, 0), ("simple", 0, 3), ("two steps ago", 0, 2)]


@pytest.mark.parametrize("name, examples, steps", [*[(name, 3, 4) for name in COSTS], *EDGES])
def test_squared_gradients_of_members_are_those_of_the_steps_written_out(name: str, examples: int, steps: int) -> None:
    v = variables(examples, steps)
    given = values(v)
    for wrt in ("around", "xs"):
        written = COSTS[name](v, written_out if steps else cr.scan)
        gradients = [cr.grad(written[k], v[wrt], disconnected="zero") ** 2 for k in range(examples)]
        right = cr.reference.evaluate(cr.stack(gradients), dict(zip(v.values(), given))) if examples else np.zeros((0, *v[wrt].shape))
        found = spellings(COSTS[name](v, cr.scan), v[wrt], examples)
        for spelling, value in zip(found, cr.function(list(v.values()), list(found.values()))(*given)):
            np.testing.assert_allclose(value, right, rtol=1e-8, atol=1e-10, err_msg=f"{spelling}, {wrt}")


@pytest.mark.parametrize("name, dtype", [*[(name, "float64") for name in COSTS], ("long memory", "float32")])
def test_one_member(name: str, dtype: str) -> None:
    v = variables(3, 4, dtype)
    given = values(v)
    k = cr.tensor("k", (), dtype="int64")
    results = []
    for scan in (cr.scan, written_out):
        costs = COSTS[name](v, scan)
        gradient = cr.grad(costs[2], v["around"])
        results.append(
            [
                costs[1],
                costs[k],
                gradient,
                cr.grad(costs[k], v["xs"]),
                cr.grad((gradient**2).sum() + costs[0], v["inward"]),
                cr.grad(costs[k] * costs.sum(), v["around"]),
                cr.grad(costs[0] * costs[k], v["around"]),
                cr.jacobian(costs, v["around"])[k],
                cr.vmap(lambda i, c=costs: cr.grad(c[i] * c[k], v["begin"]))(cr.asarray([2, 0])),
                cr.grad(costs[1:].sum(), v["around"]),
            ]
        )
    found, written = results
    for place in (0, 2):
        right = cr.reference.evaluate(written, {**dict(zip(v.values(), given)), k: np.int64(place)})
        tolerance = {"rtol": 1e-8, "atol": 1e-10} if dtype == "float64" else {"rtol": 2e-3, "atol": 2e-5}
        for value, one in zip(cr.function([*v.values(), k], found)(*given, place), right):
            np.testing.assert_allclose(value, one, **tolerance)


def test_derivatives_with_respect_to_values_on_the_way() -> None:
    v = variables(3, 4)
    given = values(v)
    results = []
    for scan in (cr.scan, written_out):
        weight = cr.sin(v["around"])
        begin = simple(v, scan)[1] * v["begin"]
        costs = simple({**v, "around": weight, "begin": begin}, scan)
        gradient = cr.grad(costs[2], weight)
        size = (gradient**2).sum()
        results.append(
            [
                gradient,
                cr.grad(size * costs.sum(), weight),
                cr.grad(size * costs[0], begin),
                cr.grad(size, v["around"]),
                cr.grad(cr.grad(cr.sin(costs[1]) + costs[1] * (begin**2).sum(), begin).sum(), costs, disconnected="zero"),
                cr.jacobian(cr.grad(costs[1], begin), v["around"]),
            ]
        )
    found, written = results
    right = cr.reference.evaluate(written, dict(zip(v.values(), given)))
    for value, one in zip(cr.function(list(v.values()), found)(*given), right):
        np.testing.assert_allclose(value, one, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", sorted(COSTS.keys() - MEETING))
def test_a_scan_over_the_members_costs_what_a_jacobian_costs(name: str) -> None:
    v = variables(8, 6)
    found = spellings(COSTS[name](v, cr.scan), v["around"], 8)
    of_scan, of_map, of_jacobian = [cr.function(list(v.values()), value.sum(axis=0)) for value in found.values()]
    assert of_scan.flops() == of_jacobian.flops() == of_map.flops()
    assert of_scan.memory_peak() <= 1.1 * of_jacobian.memory_peak()


@pytest.mark.parametrize("name", sorted(COSTS.keys() - MEETING))
def test_one_member_costs_one_loop(name: str) -> None:
    v, alone = variables(8, 6), variables(1, 6)
    of_all, of_one = COSTS[name](v, cr.scan), COSTS[name](alone, cr.scan)
    for all_, one in ((of_all[3], of_one[0]), (cr.grad(of_all[3], v["around"]), cr.grad(of_one[0], alone["around"]))):
        function = cr.function(list(v.values()), all_)
        # Inputs that all members share are added up for all of them.
        assert function.flops() <= 1.05 * cr.function(list(alone.values()), one).flops() + (6 * 8 * INPUTS if name == "one input for all" else 0)
    assert "a loop of one member of a batch" in str(cr.function(list(v.values()), of_all[3]).explain())


def test_a_place_that_is_no_number_costs_one_loop_too() -> None:
    v, alone, k = variables(8, 6), variables(1, 6), cr.tensor("k", (), dtype="int64")
    function = cr.function([*v.values(), k], cr.grad(simple(v, cr.scan)[k], v["around"]))
    assert function.flops() <= 1.1 * cr.function(list(alone.values()), cr.grad(simple(alone, cr.scan)[0], alone["around"])).flops()
    with pytest.raises(IndexError):
        function(*values(v), 8)


def test_a_step_of_descent_costs_one_loop() -> None:
    """A loop whose steps depend on one another computes nothing of the members that a step does not ask for."""
    v = variables(8, 6)
    given = values(v)

    def descend(costs_of: Callable[[Any, Any], Any]) -> Any:
        def step(weight: Any, i: Any) -> tuple[Any, Any]:
            cost = costs_of(weight, i)
            return weight - 0.1 * cr.grad(cost, weight), cost

        return list(cr.scan(step, v["around"], cr.arange(8)))

    def of_batch(weight: Any, i: Any) -> Any:
        return simple({**v, "around": weight}, cr.scan)[i]

    def of_member(weight: Any, i: Any) -> Any:
        own = {**v, "around": weight, "xs": v["xs"][:, i][:, None], "begin": v["begin"][i][None]}
        return simple(own, cr.scan)[0]

    whole, single = [cr.function(list(v.values()), descend(costs_of)) for costs_of in (of_batch, of_member)]
    for one, other in zip(whole(*given), single(*given)):
        np.testing.assert_allclose(one, other, rtol=1e-10)
    assert whole.flops() <= 1.02 * single.flops()


def test_what_is_read_as_a_whole_stays_one_loop() -> None:
    v = variables(8, 6)
    costs = simple(v, cr.scan)
    whole, both = cr.function(list(v.values()), costs), cr.function(list(v.values()), [costs, costs[3]])
    assert both.flops() <= whole.flops() + 1


def test_sizes_that_are_not_known() -> None:
    shapes = {"xs": ("t", "n", INPUTS), "begin": ("n", STATES), "inward": (INPUTS, STATES), "around": (STATES, STATES), "bias": (STATES,)}
    v = {name: cr.tensor(name, shape) for name, shape in shapes.items()}
    costs = simple(v, cr.scan)
    squares = cr.scan(lambda c, i: (c, cr.grad(costs[i], v["around"]) ** 2), 0.0, cr.arange(v["xs"].shape[1]))[1]
    last = cr.function(list(v.values()), [cr.grad(costs[-1], v["around"]), costs[0]])
    every = cr.function(list(v.values()), squares)
    for examples, steps in ((3, 4), (1, 1), (2, 0), (0, 2)):
        known = variables(examples, steps)
        given = values(known)
        written = simple(known, written_out if steps else cr.scan)
        gradients = [cr.grad(written[k], known["around"], disconnected="zero") for k in range(examples)]
        right = [cr.reference.evaluate(g, dict(zip(known.values(), given))) for g in gradients]
        np.testing.assert_allclose(every(*given), np.array(right).reshape(examples, STATES, STATES) ** 2, rtol=1e-8, atol=1e-10)
        if examples:
            np.testing.assert_allclose(last(*given)[0], right[-1], rtol=1e-8, atol=1e-10)
        else:
            with pytest.raises((IndexError, ValueError)):
                last(*given)
