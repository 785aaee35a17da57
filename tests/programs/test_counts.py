"""Programs by what they cost: kernels, library calls, operations and memory, whatever way they are spelled."""

from __future__ import annotations

from benchmarks import autoencoder_model as autoencoder

from typing import Any

import numpy as np
import pytest

import croton as cr

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False):
        yield


def kinds(f: Any) -> list[str]:
    return [entry.kind for entry in f.account.entries]


def test_a_chain_of_elementwise_functions_is_one_kernel() -> None:
    x, y = cr.matrix("x"), cr.vector("y")
    f = cr.function([x, y], cr.exp(-(cr.tanh(x * y + 1) ** 2)) / (1 + cr.abs(x)))
    assert kinds(f) == ["kernel"]


def test_softmax_of_rows_is_one_kernel() -> None:
    x = cr.matrix("x", dtype="float32")
    assert kinds(cr.function([x], cr.softmax(x, axis=1))) == ["kernel"]


def test_cross_entropy_and_its_gradient_are_one_kernel() -> None:
    x, y = cr.matrix("x", dtype="float32"), cr.tensor("y", shape=(None,), dtype="int64")
    cost = -cr.log_softmax(x, axis=1)[cr.arange(x.shape[0]), y].mean()
    f = cr.function([x, y], [cost, cr.grad(cost, x)])
    assert kinds(f).count("kernel") == 1 and set(kinds(f)) <= {"kernel", "check"}


def test_batch_normalisation_takes_few_passes() -> None:
    x, scale, shift = cr.matrix("x"), cr.vector("scale"), cr.vector("shift")
    centred = x - x.mean(axis=0)
    y = centred / cr.sqrt((centred**2).mean(axis=0) + 1e-5) * scale + shift
    forward = cr.function([x, scale, shift], y)
    assert set(kinds(forward)) == {"kernel"} and len(kinds(forward)) <= 3
    weight = cr.matrix("weight")
    back = cr.function([x, scale, shift, weight], cr.grad((y * weight).sum(), [x, scale, shift]))
    assert set(kinds(back)) == {"kernel"} and len(kinds(back)) <= 5


def test_every_spelling_of_the_autoencoder_costs_the_same() -> None:
    costs = set()
    batch, visible, hidden = 128, autoencoder.VISIBLE, autoencoder.HIDDEN
    for spelling in autoencoder.SPELLINGS:
        W = cr.tensor("W", shape=(visible, hidden), dtype="float32")
        bh, bv = cr.tensor("bh", shape=(hidden,), dtype="float32"), cr.tensor("bv", shape=(visible,), dtype="float32")
        x = cr.tensor("x", shape=(None, visible), dtype="float32")
        c = autoencoder.cost(cr, cr.sigmoid, W, bh, bv, x, spelling)
        f = cr.function([W, bh, bv, x], [c, *cr.grad(c, [W, bh, bv])])
        costs.add((f.flops(x=(batch, visible)), f.memory_peak(x=(batch, visible))))
    assert len(costs) == 1
    ((flops, memory),) = costs
    assert flops < 6 * 2 * batch * visible * hidden
    assert memory < batch * visible * hidden * 4 / 10


def test_squares_of_gradients_of_examples_cost_the_same_in_every_spelling() -> None:
    x, W, V = cr.tensor("x", shape=(None, 30)), cr.tensor("W", shape=(30, 20)), cr.tensor("V", shape=(20, 10))
    hidden = cr.tanh(x @ W)
    costs = (cr.tanh(hidden @ V) ** 2).sum(axis=1)

    def of(row: Any) -> Any:
        return (cr.tanh(cr.tanh(row @ W) @ V) ** 2).sum()

    spellings = {
        "vmap of grad": (cr.vmap(lambda row: cr.grad(of(row), W))(x) ** 2).mean(axis=0),
        "jacobian": (cr.jacobian(costs, W) ** 2).mean(axis=0),
        "an index at a time": cr.vmap(lambda i: cr.grad(costs[i], W) ** 2)(cr.arange(x.shape[0])).mean(axis=0),
    }
    found = {name: cr.function([x, W, V], y).flops(x=(16, 30)) for name, y in spellings.items()}
    assert len(set(found.values())) == 1, found
    plain = cr.function([x, W, V], cr.grad(costs.sum(), W)).flops(x=(16, 30))
    assert next(iter(found.values())) < 1.5 * plain


def test_attention_without_softmax_makes_no_square() -> None:
    q, k, v = (cr.tensor(name, shape=(None, 16)) for name in "qkv")
    n = 1000
    f = cr.function([q, k, v], (q @ k.T) @ v)
    shapes = {"q": (n, 16), "k": (n, 16), "v": (n, 16)}
    assert f.flops(**shapes) < 5 * n * 16 * 16 and f.memory_peak(**shapes) < 10 * n * 16 * 8


def test_the_trace_of_a_product_multiplies_no_matrices() -> None:
    a, b = cr.tensor("a", shape=("n", "m")), cr.tensor("b", shape=("m", "n"))
    f = cr.function([a, b], cr.trace(a @ b))
    assert f.flops(a=(300, 200), b=(200, 300)) < 4 * 300 * 200 and kinds(f) == ["kernel"]


def test_a_deep_graph() -> None:
    x = cr.vector("x")
    y = x
    for i in range(10_000):
        y = cr.sin(y) if i % 2 else y * 1.001
    f = cr.function([x], y)
    wanted = np.ones(3)
    for i in range(10_000):
        wanted = np.sin(wanted) if i % 2 else wanted * 1.001
    np.testing.assert_allclose(f(np.ones(3)), wanted, rtol=1e-9)


def test_a_wide_graph() -> None:
    count = 10_000
    xs = [cr.scalar(f"x{i}") for i in range(count)]
    f = cr.function(xs, [x * 2.0 for x in xs])
    found = f(*np.arange(float(count)))
    assert [float(v) for v in found] == [2.0 * i for i in range(count)]


def test_one_program_for_forty_batch_sizes() -> None:
    x, W = cr.matrix("x"), cr.matrix("W")
    f = cr.function([x, W], cr.grad((cr.tanh(x @ W) ** 2).sum(), W))
    w = RNG.standard_normal((4, 3))
    for n in range(40):
        a = RNG.standard_normal((n, 4))
        t = np.tanh(a @ w)
        np.testing.assert_allclose(f(a, w), a.T @ (2 * t * (1 - t * t)), atol=1e-12)


def test_gradients_one_by_one_and_together_are_one_program() -> None:
    x, W, b = cr.matrix("x"), cr.matrix("W"), cr.vector("b")
    cost = (cr.tanh(x @ W + b) ** 2).sum()
    together = cr.function([x, W, b], cr.grad(cost, [W, b]))
    apart = cr.function([x, W, b], [cr.grad(cost, W), cr.grad(cost, b)])
    assert together.program.program._replace(structure="") == apart.program.program._replace(structure="")
    assert together.account.kernels == apart.account.kernels


def test_running_sums_of_joined_axes_take_one_pass() -> None:
    x = cr.matrix("x")
    totals = cr.function([x], cr.cumsum(x))
    assert totals.flops(x=(200, 100)) < 10 * 200 * 100
    values = RNG.normal(size=(7, 5))
    np.testing.assert_allclose(totals(values), np.cumsum(values), rtol=1e-12)
    for chosen in (x[x > 0], x.ravel()[(x > 0).ravel()], cr.flatnonzero(x > 0)):
        f = cr.function([x], chosen)
        assert f.flops(x=(200, 100), count1=10_000) < 100 * 200 * 100


def test_elements_of_a_gradient_that_come_from_many_places() -> None:
    """A long sum is taken in parts, so that no kernel grows with it."""
    x = cr.vector("x")
    cost = sum([cr.sin(x[i] * (i + 1)) for i in range(80)], cr.asarray(0.0))
    value = np.linspace(0.1, 1.0, 81)
    number = np.arange(80) + 1
    expected = np.append(np.cos(value[:80] * number) * number, 0.0)
    np.testing.assert_allclose(cr.function([x], cr.grad(cost, x))(value), expected)


def test_a_weight_that_a_step_uses_twice_has_a_product_for_each_use() -> None:
    """Over all steps at once: no step has a matrix of its own."""
    steps, batch, size = 50, 4, 64
    y, W, hs = cr.tensor("y", (batch, size)), cr.tensor("W", (size, size)), cr.tensor("hs", (steps,))

    def midpoint(y: Any, h: Any) -> tuple[Any, Any]:
        half = y + 0.5 * h * cr.tanh(y @ W)
        y = y + h * cr.tanh(half @ W)
        return y, y

    _, ys = cr.scan(midpoint, y, hs)
    f = cr.function([y, W, hs], cr.grad((ys**2).sum(), W))
    assert kinds(f).count("product") == 2 and kinds(f).count("loop") == 2
    assert f.memory_peak() < 8 * steps * size * size
    assert f.flops() < 3 * cr.function([y, W, hs], ys).flops()
