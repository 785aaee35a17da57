"""What is spelled differently and means the same is one node of the algebra; meaning costs no recursion."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation import operands_of

import croton as cr
from croton import algebra
from croton.ops import axes, linalg, nn, reductions
from croton.ops.creation import matrix, tensor, vector

x: Any = matrix("x", ("n", "m"))
y: Any = matrix("y", ("m", "k"))
z: Any = matrix("z", ("n", "m"))
s: Any = matrix("s", ("n", "n"))
v: Any = vector("v", ("n",))
one: Any = tensor("one", (1, "m"))

SAME: dict[str, tuple[Any, ...]] = {
    "squares": (x * x, x**2, x**2.0, cr.square(x), cr.pow(x, 2), linalg.einsum("ij,ij->ij", x, x)),
    "products": (
        x @ y,
        linalg.einsum("ij,jk->ik", x, y),
        linalg.tensordot(x, y, 1),
        linalg.dot(x, y),
        (x[:, :, None] * y).sum(1),
        (y.T @ x.T).T,
        linalg.inner(x, y.T),
    ),
    "quotients": (x / z, x * z**-1, x * cr.reciprocal(z)),
    "differences": (x - z, x + -z, -(z - x), x + z * -1.0),
    "means": (x.mean(0), x.sum(0) / x.shape[0], x.sum(0) * (1 / cr.multiply(x.shape[0], 1.0))),
    "sums": (x.sum(), x.sum(0).sum(), x.sum(1, keepdims=True).sum(), linalg.einsum("ij->", x), x.T.sum()),
    "traces": (linalg.trace(s), linalg.einsum("ii", s), linalg.trace(s.T), linalg.diagonal(s).sum()),
    "transposes": (x.T.T, axes.swapaxes(x.T, 0, 1), axes.permute_dims(x.T, (1, 0)), x),
    "outer": (linalg.outer(v, v), v[:, None] * v, linalg.einsum("i,j->ij", v, v)),
    "axes of size 1": (one + one, axes.expand_dims(axes.squeeze(one) * 2.0, 0), 2 * one),
    "softmax": (nn.softmax(x, 1), nn.softmax(x, -1), nn.softmax(x.T, 0).T),
}


@pytest.mark.parametrize("name", SAME)
def test_spellings_are_one_node(name: str) -> None:
    spellings = SAME[name]
    meanings = operands_of(spellings)
    first = meanings[spellings[0]]
    for other in map(meanings.__getitem__, spellings[1:]):
        assert other.use.node is first.use.node
        where = [first.axes.index(label) if label in first.axes else None for label in first.use.labels]
        assert len(other.axes) == len(first.axes) and len(where) == len(other.use.labels)


def test_broadcasting_and_transposing_make_no_node() -> None:
    meanings = operands_of([axes.broadcast_to(x.T[None], (5, x.shape[1], x.shape[0])), x])
    uses = {operand.use.node for expr, operand in meanings.items() if expr.shape}
    assert len(uses) == 1


def test_a_deep_graph_has_a_meaning() -> None:
    deep: Any = v
    for _ in range(10_000):
        deep = cr.sin(deep) * 2.0 + v
    meaning = operands_of([deep])[deep]
    assert len(list(algebra.walk([meaning.use.node]))) >= 20_000


def test_reductions_of_an_axis_that_is_broadcast_count_it() -> None:
    wide = axes.broadcast_to(v, (7, v.shape[0]))
    total = operands_of([reductions.sum(wide, 0), v * 7.0])
    nodes = [operand.use.node for expr, operand in total.items() if expr.ndim == 1 and expr is not v and expr.op is not None]
    assert nodes[0] is nodes[1]
