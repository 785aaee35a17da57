"""What the algebra knows of moved elements: programs that mean the same are one node, whatever their sizes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from evaluation import operands_of

from croton.dtypes import dtype
from croton.expr.expr import Expr, input
from croton.expr.types import TensorType
from croton.ops.arranging import flip, pad
from croton.ops.creation import arange, tri
from croton.ops.cumulative import cumsum
from croton.ops.indexing import take
from croton.ops.linalg import diagonal
from croton.ops.selection import one_hot
from croton.ops.shape import diag, ravel, reshape
from croton.ops.windows import sliding_window_view
from croton.sizes import fresh_symbol


def array(kind: str, *shape: Any) -> Expr:
    return input(TensorType(dtype(kind), shape))


def inputs(known: bool) -> tuple[Expr, Expr, Expr, Expr, Expr]:
    n, m = (4, 6) if known else (fresh_symbol("n"), fresh_symbol("m"))
    count = 3 if known else fresh_symbol("count")
    return array("float64", n, m), array("float64", n, m), array("float64", m), array("int64", count), array("uint8", count)


CLAIMS: dict[str, Callable[..., tuple[Expr, Expr]]] = {
    "flip of flip": lambda x, y, v, i, u: (flip(flip(x, 0), 0), x),
    "slice of slice": lambda x, y, v, i, u: (x[:, 1:][:, ::2], x[:, 1::2]),
    "slice of flip": lambda x, y, v, i, u: (x[::-1][1:], x[-2::-1]),
    "slice of pad": lambda x, y, v, i, u: (pad(x, ((1, 2), (0, 0)))[1:-2], x),
    "take": lambda x, y, v, i, u: (take(x, i, 1), x[:, i]),
    "all rows": lambda x, y, v, i, u: (x[arange(x.shape[0])], x),
    "rows from one on": lambda x, y, v, i, u: (x[arange(x.shape[0] - 1) + 1], x[1:]),
    "rows from the end": lambda x, y, v, i, u: (x[x.shape[0] - 1 - arange(x.shape[0])], flip(x, 0)),
    "one-hot times matrix": lambda x, y, v, i, u: (one_hot(u, x.shape[0]) @ x, x[u]),
    "gather of transpose": lambda x, y, v, i, u: (x[i].T, x.T[:, i]),
    "slice of gather": lambda x, y, v, i, u: (x[i][:, 1:], x[:, 1:][i]),
    "gather of gather": lambda x, y, v, i, u: (x[i][arange(i.shape[0])], x[i]),
    "split of merge": lambda x, y, v, i, u: (reshape(ravel(x) * 2, x.shape), 2 * x),
    "transposed merge": lambda x, y, v, i, u: (reshape(ravel(x.T) * 2, (x.shape[1], x.shape[0])).T, 2 * x),
    "gather of merge": lambda x, y, v, i, u: (ravel(x)[arange(x.shape[0])[:, None] * x.shape[1] + arange(x.shape[1])], x),
    "sum of merge": lambda x, y, v, i, u: (ravel(x).sum(), x.sum()),
    "sum of flip": lambda x, y, v, i, u: (flip(x).sum(), x.sum()),
    "dot of merges": lambda x, y, v, i, u: ((ravel(x) * ravel(y)).sum(), (x * y).sum()),
    "split of product of merge": lambda x, y, v, i, u: (reshape(ravel(x)[:, None] * v, (*x.shape, -1)), x[:, :, None] * v),
    "product with diagonal": lambda x, y, v, i, u: (x @ diag(v), x * v),
    "diagonal of diagonal": lambda x, y, v, i, u: (diagonal(diag(v)), v),
    "window of pad": lambda x, y, v, i, u: (sliding_window_view(pad(v, 1), 3), sliding_window_view(v, 3, padding=1)),
    "adding nothing": lambda x, y, v, i, u: (x.at[1:].add(0.0), x),
    "setting all": lambda x, y, v, i, u: (x.at[:].set(y), y),
    "running sum": lambda x, y, v, i, u: (cumsum(v), tri(v.shape[0]) @ v),
}


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("claim", CLAIMS)
def test_same_node(claim: str, known: bool) -> None:
    left, right = CLAIMS[claim](*inputs(known))
    meanings = operands_of([left, right])
    a, b = meanings[left], meanings[right]
    assert a.use.node is b.use.node
    assert [a.axes.index(label) for label in a.use.labels] == [b.axes.index(label) for label in b.use.labels]


def test_same_expression() -> None:
    x, _, _, i, _ = inputs(False)
    assert take(x, i, 1) is x[:, i]
    assert flip(x, 0) is x[::-1]
    assert x[:] is x[...] is x[: x.shape[0]] is x
    assert reshape(reshape(x, (-1,)), x.shape) is x
    assert x[[0, 1, 2]] is x[0:3]
