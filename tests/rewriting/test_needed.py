"""Only what is read of a value is computed: the same values, at the cost of what is read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.rewriting.needed import _strongest
from croton.util.errors import ShapeError

ROWS, STEPS, WIDTH = 6, 40, 8


def padded(x: Any) -> Any:
    return cr.pad(cr.sin(x)[:, :5] * cr.cos(x)[:, :5], ((0, 0), (0, x.shape[1] - 5), (0, 0)))


PROGRAMS: dict[str, Callable[[Any, Any], Any]] = {
    "the first rows of a function": lambda x, w: cr.exp(x)[:2],
    "the last step of a layer": lambda x, w: cr.tanh(x @ w)[:, -1],
    "two layers": lambda x, w: cr.tanh(cr.tanh(x @ w) @ w)[:, 3],
    "part of a softmax": lambda x, w: cr.softmax(x, -1)[:, 5:9],
    "part of a softmax along the axis": lambda x, w: cr.softmax(x, 1)[:, 5:9],
    "from one reader to the other": lambda x, w: (cr.exp(x)[:, 4:6], cr.exp(x)[:, 9:12]),
    "readers at both ends": lambda x, w: cr.exp(x)[:, :2] + cr.exp(x)[:, -2:],
    "a reader of everything": lambda x, w: cr.exp(x)[:, 0] + cr.exp(x).sum(1),
    "backwards": lambda x, w: cr.exp(x)[:, 7:2:-1],
    "in steps": lambda x, w: cr.exp(x)[:, 3:12:4],
    "one element": lambda x, w: cr.sin(x)[2, 3, 4],
    "a part of a part": lambda x, w: cr.cos(cr.exp(x)[:, 2:14])[:, 3:5],
    "what is behind the end": lambda x, w: cr.pad(cr.exp(x), ((0, 0), (2, 0), (0, 0)))[:, :4],
    "a product with what is 0 elsewhere": lambda x, w: cr.tanh(cr.exp(x) * padded(x)),
    "a quotient by what is 0 elsewhere": lambda x, w: cr.exp(-cr.abs(cr.exp(x) / padded(x))),
    "a running sum along another axis": lambda x, w: cr.cumulative_sum(cr.exp(x), axis=0)[:, :3],
    "a running sum along the axis": lambda x, w: cr.cumulative_sum(cr.exp(x), axis=1)[:, :3],
    "in order along another axis": lambda x, w: cr.sort(cr.sin(x), axis=-1)[:, :3],
    "in order along the axis": lambda x, w: cr.sort(cr.sin(x), axis=1)[:, :3],
    "the last ones in order": lambda x, w: cr.argsort(cr.sin(x), axis=1)[:, -3:],
    "extremes": lambda x, w: (cr.exp(x).max(2)[:, -4:], cr.argmax(cr.exp(x), 2)[:, -4:]),
    "means": lambda x, w: cr.exp(x).mean(-1)[1],
    "rows that an index picks": lambda x, w: cr.exp(w)[cr.argmax(x, 2)][:, 2:5],
    "rows that an index adds up": lambda x, w: (cr.zeros((WIDTH, STEPS, WIDTH)).at[cr.argmax(x, 2)[:, 0]].add(cr.exp(x)) ** 2)[:3],
    "the greatest that an index names": lambda x, w: cr.zeros((WIDTH, STEPS, WIDTH)).at[cr.argmax(x, 2)[:, 0]].max(cr.exp(x))[1],
    "a diagonal": lambda x, w: cr.diagonal(cr.exp(w))[:2],
    "a loop over all": lambda x, w: cr.scan(lambda c, t: (cr.tanh(c + t), c * 2), cr.zeros((ROWS, WIDTH)), cr.exp(x).transpose(1, 0, 2))[1][3],
    "bools": lambda x, w: (x > 0)[:, 2] & cr.isfinite(cr.exp(x))[:, 2],
    "attention of one step": lambda x, w: (cr.softmax(cr.tanh(x @ w) @ x.transpose(0, 2, 1), -1) @ x)[:, 0],
    "a merged axis": lambda x, w: cr.exp(x).reshape(ROWS * STEPS, WIDTH)[:5],
    "nothing": lambda x, w: cr.exp(x)[:, 3:3],
}
WHOLE = {
    "readers at both ends", "a reader of everything", "in order along the axis", "the last ones in order",
    "part of a softmax along the axis", "a loop over all", "nothing",
    "a merged axis", "a diagonal", "rows that an index adds up",
    "the greatest that an index names", "a quotient by what is 0 elsewhere", "from one reader to the other",
}  # fmt: skip
"""Where what is needed is all there is, or not known to be less."""


def values() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    return generator.standard_normal((ROWS, STEPS, WIDTH)), generator.standard_normal((WIDTH, WIDTH))


def compiled(name: str, shapes: tuple[Any, Any], **flags: Any) -> cr.Function:
    x, w = cr.tensor("x", shapes[0]), cr.tensor("w", shapes[1])
    with cr.config.use(check=True, **flags):
        return cr.function([x, w], PROGRAMS[name](x, w))


KNOWN = ((ROWS, STEPS, WIDTH), (WIDTH, WIDTH))
UNKNOWN = ((None, None, WIDTH), (None, WIDTH))


@pytest.mark.parametrize("shapes", [KNOWN, UNKNOWN], ids=["known sizes", "unknown sizes"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_values_are_the_same(name: str, shapes: tuple[Any, Any]) -> None:
    found, wanted = [compiled(name, shapes, algebra=how)(*values()) for how in ("default", "strict")]
    for one, other in zip(found if isinstance(found, tuple) else [found], wanted if isinstance(wanted, tuple) else [wanted]):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", PROGRAMS)
def test_what_nobody_reads_is_not_computed(name: str) -> None:
    less, all_of_it = [compiled(name, KNOWN, algebra=how).flops() for how in ("default", "strict")]
    if name not in WHOLE:
        assert less < 0.6 * all_of_it
    assert less <= 1.05 * all_of_it


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("bools", "the last ones in order", "a quotient by what is 0 elsewhere")])
def test_derivatives_are_the_same(name: str) -> None:
    def slopes(how: str) -> list[np.ndarray]:
        x, w = cr.tensor("x", KNOWN[0]), cr.tensor("w", KNOWN[1])
        results = PROGRAMS[name](x, w)
        cost = sum([(result**2).sum() for result in (results if isinstance(results, tuple) else [results])])
        with cr.config.use(check=True, algebra=how):
            return list(cr.function([x, w], cr.grad(cost, [x, w], disconnected="zero"))(*values()))

    for one, other in zip(slopes("default"), slopes("strict")):
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


def test_a_network_of_which_the_last_step_is_used_costs_one_step() -> None:
    x, w = cr.tensor("x", (4, 100, 16)), cr.tensor("w", (16, 16))

    def network(h: Any) -> Any:
        for _ in range(5):
            h = h + cr.tanh(h @ w)
            h = (h - h.mean(-1, keepdims=True)) / cr.std(h, axis=-1, keepdims=True)
        return h

    last, of_last = cr.function([x, w], network(x)[:, -1]), cr.function([x, w], network(x[:, -1]))
    assert last.flops() == of_last.flops() and last.explain().kernels <= of_last.explain().kernels + 1
    assert "only what is read of it is computed" in str(last.explain())
    step = cr.function([x, w], cr.grad((network(x)[:, -1] ** 2).sum(), w))
    assert step.flops() < 1.1 * cr.function([x, w], cr.grad((network(x[:, -1]) ** 2).sum(), w)).flops()


def test_the_first_few_in_order_are_had_without_the_others() -> None:
    x = cr.tensor("x", (5, 300))
    function = cr.function([x], cr.sort(x)[:, :3])
    assert function.memory_peak() < 0.4 * cr.function([x], cr.sort(x)).memory_peak()
    value = np.random.default_rng(0).standard_normal((5, 300))
    np.testing.assert_array_equal(function(value), np.sort(value)[:, :3])


def test_a_graph_may_be_deep() -> None:
    x = cr.tensor("x", (50, 3))
    h = x
    for i in range(10_000):
        h = cr.sin(h) + float(i % 3)
    function = cr.function([x], h[:2])
    assert function.flops() < 10_000 * 6 * 30


@pytest.mark.parametrize("steps", [1, 2])
def test_axes_of_unknown_size_may_be_short(steps: int) -> None:
    x, w = cr.tensor("x", (None, None, 3)), cr.matrix("w")
    function = cr.function([x, w], [cr.tanh(x @ w)[:, -1], cr.exp(x)[:, 0]])
    a, b = np.random.default_rng(0).standard_normal((2, steps, 3)), np.ones((3, 3))
    last, first = function(a, b)
    np.testing.assert_allclose(last, np.tanh(a @ b)[:, -1], rtol=1e-12)
    np.testing.assert_allclose(first, np.exp(a)[:, 0], rtol=1e-12)
    with pytest.raises(ShapeError):
        function(a[:, :0], b)


def test_a_part_of_nothing() -> None:
    x = cr.tensor("x", (None, 5))
    function = cr.function([x], cr.exp(x)[:, 1])
    assert function(np.ones((0, 5))).shape == (0,)


def test_facts_that_differ_by_a_number_are_one() -> None:
    """Each element of a vector that is read says how long the vector is at least: a thousand of them are no thousand facts to prove with."""
    n, m = cr.vector("x").shape[0], cr.vector("y").shape[0]
    assert _strongest([n - 4, m + n - 1, n - 3, n - 5, m + n + 2, 3]) == [n - 5, m + n - 1]
