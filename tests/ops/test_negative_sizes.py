"""A size of an array is not negative: where that depends on unknown sizes, each call checks it and names the line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr

Made = Callable[[Any, Any], Any]

OF_SIZE: dict[str, Made] = {
    "zeros": lambda x, n: cr.zeros((n,)),
    "ones summed": lambda x, n: cr.ones((n,)).sum() + x.sum(),
    "full": lambda x, n: cr.full((2, n), x[0, 0]),
    "broadcast_to": lambda x, n: cr.broadcast_to(x[0, 0], (n, 2)).sum(0),
    "arange": lambda x, n: cr.arange(n),
    "arange in steps": lambda x, n: cr.arange(0, 2 * n, 2),
    "linspace": lambda x, n: cr.linspace(0, 1, n),
    "eye": lambda x, n: cr.eye(n),
    "tri": lambda x, n: cr.tri(n, 2),
    "one_hot": lambda x, n: cr.one_hot(np.zeros(0, int), n),
    "repeat": lambda x, n: cr.repeat(x, n, 0),
    "tile": lambda x, n: cr.tile(x, n),
    "pad": lambda x, n: cr.pad(x, ((n, 5), (0, 0))),
    "pad with ones": lambda x, n: cr.pad(x, ((0, 0), (5, n)), constant_values=1),
    "pad with the edge": lambda x, n: cr.pad(x, ((5, n), (0, 0)), mode="edge"),
    "window": lambda x, n: cr.sliding_window_view(x, n, axis=1),
    "random": lambda x, n: cr.random.normal(cr.random.key(0), (n,)).sum(),
    "scan": lambda x, n: cr.scan(lambda carry, _: (carry + 1, carry), 0.0, length=n)[0],
    "fori": lambda x, n: cr.fori(0, n, lambda i, carry: carry + 1, x.sum()),
}


@pytest.mark.parametrize("name", OF_SIZE)
def test_a_negative_size_is_an_error_of_the_call(name: str) -> None:
    x = cr.matrix("x")
    f = cr.function([x], OF_SIZE[name](x, x.shape[0] - 3))
    with pytest.raises(cr.ShapeError, match=r"must be at least 0; the arguments are 'x' of shape \(2, 3\)") as caught:
        f(np.ones((2, 3)))
    assert caught.value.line is not None and caught.value.line.file == __file__
    f(np.ones((4, 3)))


@pytest.mark.parametrize("name", OF_SIZE)
def test_the_reference_refuses_it_too(name: str) -> None:
    x = cr.matrix("x")
    with pytest.raises(cr.ShapeError, match="must be at least 0"):
        cr.reference.evaluate(OF_SIZE[name](x, x.shape[0] - 3), {x: np.ones((2, 3))})


def test_what_follows_from_other_sizes_is_not_checked_again() -> None:
    x = cr.vector("x")
    after, before = x[1:], x[:-1]
    assert after.constraints == before.constraints and len(after.constraints) == 1
    assert not (after - before).constraints
    assert not cr.concatenate([after, before]).constraints
    assert not cr.zeros(after.shape).constraints or cr.zeros(after.shape).constraints == after.constraints


def test_a_remainder_is_said_in_words() -> None:
    x = cr.matrix("x")
    f = cr.function([x], x.reshape(4, -1))
    with pytest.raises(cr.ShapeError, match=r"size x.0\*x.1 must divide without a remainder, but it is 6, of which 4 fit"):
        f(np.ones((2, 3)))
