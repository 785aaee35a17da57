"""Walks of the user's graph."""

from __future__ import annotations

import numpy as np

import croton as e
from croton.expr.expr import constant
from croton.expr.walk import leaves, rebuild, substitute, walk
from croton.ops.creation import shared, vector
from croton.ops.sugar import install_operators

install_operators()


def test_inputs_come_first_and_once() -> None:
    x = vector("x")
    y = e.exp(x)
    z = y * y + y  # type: ignore[operator]
    order = list(walk([z, y]))
    assert len(order) == len(set(order)) == 4
    place = {node: i for i, node in enumerate(order)}
    assert all(place[child] < place[node] for node in order for child in node.inputs)


def test_leaves() -> None:
    x, w = vector("x"), shared(np.ones(3), "w")
    z = x * 2 + w  # type: ignore[operator]
    assert [leaf.name for leaf in leaves([z])] == ["x", None, "w"]


def test_substitute_replaces_inner_nodes() -> None:
    x, y = vector("x", ("n",)), vector("y", ("n",))
    inner = e.exp(x)
    z = inner + e.sin(inner) * x  # type: ignore[operator]
    (found,) = substitute([z], {inner: y})
    assert found is y + e.sin(y) * x  # type: ignore[operator]
    (same,) = substitute([z], {y: x})
    assert same is z


def test_a_copy_keeps_the_users_line() -> None:
    x, y = vector("x", ("n",)), vector("y", ("n",))
    z = e.exp(x)
    (found,) = substitute([z], {x: y})
    assert found.line == z.line


def test_rebuild_of_a_deep_graph() -> None:
    x = vector("x", ("n",))
    y = x
    for _ in range(10_000):
        y = y + 1  # type: ignore[operator]
    one, two = constant(1.0), constant(2.0)
    (found,) = rebuild([y], lambda node, inputs: two if node is one else None)
    assert len(list(walk([found]))) == 10_002
