"""A result that is another value with other axes is written where it belongs: nothing is copied."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from programs import planned

import croton as cr

X, Y, T, W = cr.tensor("x", (30, 40)), cr.matrix("y"), cr.tensor("t", (None, None, 3)), cr.tensor("w", (40, 50))

CASES: dict[str, tuple[list[cr.Expr], Any, int]] = {
    "a map": ([X], lambda m, x: [(x + 1).reshape(-1)], 1),
    "of open sizes": ([Y], lambda m, y: [(y + 1).reshape(-1)], 1),
    "some axes of it": ([T], lambda m, t: [(t + 1).reshape((t.shape[0], -1))], 1),
    "more axes": ([X], lambda m, x: [m.tanh(x).reshape((30, 5, 8))], 1),
    "twice over": ([X], lambda m, x: [m.tanh(x).reshape((30, 5, 8)).reshape((15, 10, 8))], 1),
    "a product": ([X, W], lambda m, x, w: [(x @ w).reshape((3, 10, 50))], 1),
    "what others read too": ([X], lambda m, x: [m.tanh(x).reshape(-1), m.tanh(x).sum(), m.tanh(x).sum(0)], 1),
    "pieces": ([X], lambda m, x: [m.concatenate([m.tanh(x), m.sin(x)], 0).reshape(-1)], 2),
    "it and itself": ([X], lambda m, x: [x + 1, (x + 1).reshape(-1)], 2),
    "itself and it": ([X], lambda m, x: [(x + 1).reshape(-1), x + 1], 2),
    "two of one": ([X], lambda m, x: [(x + 1).reshape(-1), (x + 1).reshape((40, 30))], 2),
    "the same twice": ([X], lambda m, x: [(x + 1).reshape(-1), (x + 1).reshape(-1)], 2),
    "an input": ([X], lambda m, x: [x.reshape(-1)], 1),
    "other memory": ([X], lambda m, x: [(x + 1).T.reshape(-1), (x + 1)[:15].reshape(-1)], 3),
}


COPIED = ("pieces", "other memory")
"""Cases in which what is made is not stored in the order of its axes."""


@pytest.mark.parametrize("name", CASES)
def test_results_with_other_axes(name: str) -> None:
    inputs, build, calls = CASES[name]
    outputs = build(cr, *inputs)
    plan = planned(inputs, outputs)
    assert len(plan.calls) <= calls and (name in COPIED or not plan.slots)
    function = cr.function(inputs, outputs)
    for rows, columns in ((4, 7), (1, 1), (0, 3), (3, 0)):
        chance = np.random.default_rng(rows)
        values = [chance.standard_normal([size if isinstance(size, int) else (rows, columns)[axis] for axis, size in enumerate(i.shape)]) for i in inputs]
        if any(0 in value.shape for value in values) and name == "some axes of it":
            continue  # NumPy does not know what -1 is then
        found = function(*values)
        for one, other in zip(found, build(np, *values)):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)
        memory = [array.ctypes.data for array in found if array.size]
        assert len(set(memory)) == len(memory)


def test_a_shared_variable_takes_it_as_its_new_value() -> None:
    w = cr.shared(np.arange(12.0), name="w")
    step = cr.function([], w.sum(), updates=[(w, (cr.sin(w.reshape((3, 4))) + w.reshape((3, 4))).reshape(-1))])
    wanted = np.arange(12.0)
    for _ in range(3):
        np.testing.assert_allclose(step(), wanted.sum(), rtol=1e-12)
        wanted = np.sin(wanted) + wanted
    np.testing.assert_allclose(w.get_value(), wanted, rtol=1e-12)


def test_a_donated_input() -> None:
    x = cr.tensor("x", (24,))
    function = cr.function([x], cr.cumsum(cr.tanh(x).reshape((6, 4)), axis=1).reshape(-1), donate=[x])
    value = np.random.default_rng(0).standard_normal(24)
    np.testing.assert_allclose(function(value.copy()), np.cumsum(np.tanh(value).reshape(6, 4), axis=1).reshape(-1), rtol=1e-12)


def test_in_loops() -> None:
    """What a step gives is stored with the rows of the loop."""
    xs = cr.tensor("xs", (5, 3, 4))
    last, rows = cr.scan(lambda h, x: (cr.tanh(h + x.reshape(-1)), (h * 2).reshape((3, 4))), cr.zeros((12,)), xs)
    value = np.random.default_rng(0).standard_normal((5, 3, 4))
    h, wanted = np.zeros(12), []
    for x in value:
        wanted.append((h * 2).reshape(3, 4))
        h = np.tanh(h + x.reshape(-1))
    found = cr.function([xs], [last.reshape((4, 3)), rows.reshape(-1)])(value)
    np.testing.assert_allclose(found[0], h.reshape(4, 3), rtol=1e-12)
    np.testing.assert_allclose(found[1], np.stack(wanted).reshape(-1), rtol=1e-12)
