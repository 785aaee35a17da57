"""Memory budgets: kept by going through an axis in chunks, or refused with what is needed and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile.budget import without_one_left
from croton.runtime import layout
from croton.runtime.function import arena_bytes

ROWS, SIZE = 200, 24
VALUE = np.random.default_rng(0).normal(size=(ROWS, SIZE))


@pytest.fixture(autouse=True)
def _without_cache() -> Any:
    with cr.config.use(cache=False):
        yield


def weight() -> Any:
    return cr.shared(np.random.default_rng(1).normal(size=(SIZE, SIZE)) / 5, name="W")


def one(row: Any, W: Any) -> Any:
    """A matrix for each example, which is more than a kernel passes on."""
    return cr.tanh(cr.tanh(row[:, None] * row[None, :]) @ W)


def mapped(rows: int | None, budget: Any) -> Any:
    x, W = cr.tensor("x", (rows, SIZE)), weight()
    return cr.function([x], cr.vmap(lambda row: one(row, W))(x).sum(axis=0), memory_budget=budget, name="mapped")


def looped(rows: int | None, budget: Any) -> Any:
    x, W = cr.tensor("x", (rows, SIZE)), weight()
    total, _ = cr.scan(lambda t, row: (t + one(row, W), None), cr.zeros((SIZE, SIZE)), x)
    return cr.function([x], total, memory_budget=budget, name="looped")


def per_example_gradients(rows: int | None, budget: Any) -> Any:
    x, W = cr.tensor("x", (rows, SIZE)), weight()
    gradients = cr.vmap(lambda row: cr.grad((cr.tanh(cr.tanh(row @ W) @ W) ** 3).sum(), W))(x)
    clipped = gradients * cr.minimum(1.0, 1 / cr.sqrt((gradients**2).sum(axis=(1, 2), keepdims=True)))
    return cr.function([x], cr.tanh(clipped).sum(axis=0), memory_budget=budget, name="gradients")


@pytest.mark.parametrize("rows", [ROWS, None], ids=["known", "open"])
@pytest.mark.parametrize("make", [mapped, looped, per_example_gradients], ids=lambda make: make.__name__)
def test_examples_go_through_in_chunks(make: Callable[[int | None, Any], Any], rows: int | None) -> None:
    plain = make(rows, None)
    whole = plain.memory_peak(VALUE)
    assert whole > ROWS * SIZE * SIZE * 8 and not plain.account.chunks
    for budget in (whole // 2, whole // 10):
        f = make(rows, budget)
        np.testing.assert_allclose(f(VALUE), plain(VALUE), rtol=1e-9, atol=1e-12)
        assert f.memory_peak(VALUE) <= budget and len(f.account.chunks) == 1
        assert f.flops(VALUE) <= 1.1 * plain.flops(VALUE)
        if layout.WHY_NOT is None:
            assert arena_bytes(f) <= budget
        assert "is gone through in chunks of" in str(f.explain())


def test_what_fits_is_left_alone() -> None:
    plain, allowed = mapped(ROWS, None), mapped(ROWS, 10**9)
    assert [entry.kind for entry in plain.account.entries] == [entry.kind for entry in allowed.account.entries] and not allowed.account.chunks


def test_a_training_step_takes_its_batch_in_parts() -> None:
    """The gradients of weights are kept running over parts of the batch."""

    def make(budget: Any) -> tuple[Any, list[Any]]:
        x = cr.tensor("x", (1000, 16))
        weights = [cr.shared(np.random.default_rng(i).normal(size=(16, 16)) / 4) for i in range(4)]
        h = x
        for w in weights:
            h = cr.tanh(h @ w)
        cost = (h**2).mean()
        updates = {w: w - 0.1 * g for w, g in zip(weights, cr.grad(cost, weights))}
        return cr.function([x], cost, updates=updates, memory_budget=budget), weights

    value = np.random.default_rng(5).normal(size=(1000, 16))
    (plain, one), (parts, other) = make(None), make(200_000)
    assert plain.memory_peak() > 600_000 and parts.memory_peak() <= 200_000
    np.testing.assert_allclose(parts(value), plain(value), rtol=1e-12)
    for a, b in zip(one, other):
        np.testing.assert_allclose(np.asarray(b.get_value()), np.asarray(a.get_value()), rtol=1e-9)


def network(activation: Callable[[Any], Any], layers: int, budget: Any) -> Any:
    """A cost and the norms of its gradients: what is kept are the values that the way back goes through."""
    x = h = cr.tensor("x", (40, 32))
    weights = [cr.shared(np.random.default_rng(i).normal(size=(32, 32)) / 6) for i in range(layers)]
    for w in weights:
        h = activation(h @ w)
    cost = (h**2).mean()
    return cr.function([x], [cost, *[(g**2).sum() for g in cr.grad(cost, weights)]], memory_budget=budget)


def normalised(z: Any) -> Any:
    return cr.relu((z - z.mean(axis=0)) / cr.sqrt(z.var(axis=0) + 1e-5))


def gelu(z: Any) -> Any:
    return 0.5 * z * (1 + cr.erf(z / np.sqrt(2)))


@pytest.mark.parametrize(("activation", "part"), [(normalised, 0.3), (gelu, 0.3), (cr.tanh, 0.5), (lambda z: z + cr.tanh(z), 0.5)])
def test_a_deep_network_computes_again_what_its_way_back_reads(activation: Callable[[Any], Any], part: float) -> None:
    """In sqrt(n) pieces of sqrt(n) layers each, for the time of one more forward pass at most."""
    value = np.random.default_rng(7).normal(size=(40, 32))
    plain = network(activation, 24, None)
    budget = int(plain.memory_peak() * part)
    f = network(activation, 24, budget)
    assert f.memory_peak() <= budget
    assert f.flops() <= 1.36 * plain.flops()
    np.testing.assert_allclose(f(value), plain(value), rtol=1e-10)
    assert f.account.remade > 0 and "of values are computed again when they are read late, for a budget of" in str(f.explain())
    if layout.WHY_NOT is None:
        assert arena_bytes(f) <= budget


def test_memory_grows_with_the_root_of_the_depth() -> None:
    peaks = []
    for layers in (9, 36):
        with pytest.raises(cr.MemoryBudgetError) as error:
            network(cr.tanh, layers, 1000)
        peaks.append(int(str(error.value).split("at least ")[1].split()[0]))
    assert peaks[1] <= 2.5 * peaks[0] and peaks[1] <= 0.4 * network(cr.tanh, 36, None).memory_peak()


def test_what_is_elementwise_work_on_others_is_not_kept() -> None:
    """Before a normalised layer and after it: what comes out of the products is kept, and nothing else."""
    plain = network(normalised, 24, None)
    f = network(normalised, 24, plain.memory_peak() // 2)
    assert f.flops() <= 1.06 * plain.flops()


def recurrent(steps: int | None, budget: Any, layers: int = 1) -> Any:
    xs, h0 = cr.tensor("xs", (steps, 8, 4)), cr.zeros((8, 16))
    U, W, V = [cr.shared(np.random.default_rng(i).normal(size=size) / 4) for i, size in enumerate([(4, 16), (16, 16), (16, 16)])]
    last, hs = cr.scan(lambda h, x: (cr.tanh(x @ U + h @ W), h), h0, xs)
    weights = [U, W]
    if layers > 1:
        last, _ = cr.scan(lambda h, x: (cr.tanh(x @ V + h @ W), None), h0, hs, reverse=True)
        weights.append(V)
    cost = (last**2).sum()
    return cr.function([xs], [cost, *cr.grad(cost, weights)], memory_budget=budget)


@pytest.mark.parametrize(("layers", "part"), [(1, 0.2), (2, 0.4)])
def test_a_loop_keeps_the_states_between_segments(layers: int, part: float) -> None:
    value = np.random.default_rng(3).normal(size=(400, 8, 4))
    plain = recurrent(400, None, layers)
    budget = int(part * plain.memory_peak())
    f = recurrent(400, budget, layers)
    assert f.memory_peak() <= budget and len(f.account.segmented) == layers
    assert f.flops() <= 1.6 * plain.flops()
    for a, b in zip(f(value), plain(value)):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-14)
    assert "a loop of 400 steps keeps the states between segments" in str(f.explain())
    if layout.WHY_NOT is None:
        assert arena_bytes(f) <= budget
    with pytest.raises(cr.MemoryBudgetError) as error:
        recurrent(400, 1000, layers)
    least = int(str(error.value).split("at least ")[1].split()[0])
    assert recurrent(400, least, layers).memory_peak() <= least <= f.memory_peak()


def test_a_loop_in_a_loop_keeps_the_states_of_the_outer_one() -> None:
    def make(budget: Any) -> Any:
        xs, W = cr.tensor("xs", (100, 8, 16)), cr.shared(np.random.default_rng(0).normal(size=(16, 16)) / 4)
        last, _ = cr.scan(lambda h, x: (cr.fori(0, 3, lambda i, h: cr.tanh(h @ W + x), h), None), cr.zeros((8, 16)), xs)
        return cr.function([xs], cr.grad((last**2).sum(), W), memory_budget=budget)

    value = np.random.default_rng(3).normal(size=(100, 8, 16))
    plain = make(None)
    f = make(plain.memory_peak() // 5)
    assert f.memory_peak() <= plain.memory_peak() // 5
    np.testing.assert_allclose(f(value), plain(value), rtol=1e-10)


def random_network(seed: int, budget: Any) -> Any:
    """Values that are read by some of the later ones, and the gradients of all weights."""
    rng = np.random.default_rng(seed)
    x = cr.tensor("x", (50, 16))
    weights = [cr.shared(rng.normal(size=(16, 16)) / 4) for _ in range(14)]
    values = [x]
    for w in weights:
        a, b = [values[-1 - min(len(values) - 1, int(rng.integers(0, 4)))] for _ in range(2)]
        kind = rng.integers(0, 6)
        values.append(
            cr.tanh(a @ w) + b if kind == 0
            else cr.softmax(a @ w, axis=1) * b if kind == 1
            else normalised(a @ w) if kind == 2
            else cr.cumsum(cr.tanh(values[-1] @ w), axis=0) / 10 if kind == 3
            else cr.concatenate([cr.tanh(a @ w)[:, :8], b[:, :8]], axis=1) if kind == 4
            else cr.tanh(values[-1] @ w) * (a * b).mean()
        )  # fmt: skip
    cost = sum([(value**2).mean() for value in values[-3:]])
    gradients = cr.grad(cost, weights, disconnected="zero")
    return cr.function([x], [cost, values[5].sum(axis=0), *[(g**2).sum() for g in gradients]], memory_budget=budget)


@pytest.mark.parametrize("seed", range(6))
def test_values_computed_again_are_the_same(seed: int) -> None:
    value = np.random.default_rng(seed).normal(size=(50, 16))
    plain = random_network(seed, None)
    with pytest.raises(cr.MemoryBudgetError) as error:
        random_network(seed, 1000)
    least = int(str(error.value).split("at least ")[1].split()[0])
    assert least < 0.8 * plain.memory_peak()
    for budget in (least, (least + plain.memory_peak()) // 2):
        f = random_network(seed, budget)
        assert f.memory_peak() <= budget
        for a, b in zip(f(value), plain(value)):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-14)


def test_what_cannot_be_done_says_what_it_needs_and_where() -> None:
    x = cr.tensor("x", (300, 300))
    with pytest.raises(cr.MemoryBudgetError, match=r"takes at least (\d+) bytes .* may take 1000; allow more(.|\n)*test_budget.py") as error:
        cr.function([x], cr.tanh(x) @ x, memory_budget=1000)
    least = int(str(error.value).split("at least ")[1].split()[0])
    assert cr.function([x], cr.tanh(x) @ x, memory_budget=least).memory_peak() <= least
    assert isinstance(error.value, MemoryError)


def test_a_call_with_larger_sizes_is_refused() -> None:
    x = cr.matrix("x")
    f = cr.function([x], cr.tanh(x), memory_budget=500_000)
    small = np.ones((50, 4))
    np.testing.assert_allclose(f(small), np.tanh(small))
    with pytest.raises(cr.MemoryBudgetError, match=r"this call takes .* may take 500000; the arguments are 'x' of shape"):
        f(np.ones((30000, 4)))
    np.testing.assert_allclose(f(small), np.tanh(small))


def test_the_flag_and_its_units() -> None:
    x = cr.tensor("x", (300, 300))
    for budget in (1000, "1kB", "0.001 MB"):
        with cr.config.use(memory_budget=budget), pytest.raises(cr.MemoryBudgetError, match="may take 1000;"):
            cr.function([x], cr.tanh(x) @ x)
    with cr.config.use(memory_budget=1000):
        assert cr.function([x], cr.tanh(x) @ x, memory_budget=0).memory_peak() > 1000
    for wrong in ("much", -1, True, "5 apples"):
        with pytest.raises(cr.ArgumentError, match="memory_budget"):
            cr.function([x], cr.tanh(x) @ x, memory_budget=wrong)


def test_programs_of_different_budgets_are_different_programs() -> None:
    with cr.config.use(cache=True):
        x, W = cr.tensor("x", (ROWS, SIZE)), cr.matrix("W")
        y = cr.vmap(lambda row: one(row, W))(x).sum(axis=0)
        plain, cut = cr.function([x, W], y), cr.function([x, W], y, memory_budget="400kB")
    shapes = VALUE.shape, (SIZE, SIZE)
    assert plain.memory_peak(*shapes) > cut.memory_peak(*shapes)


def test_the_report_says_what_is_computed_again() -> None:
    x, W = cr.matrix("x"), weight()
    y = cr.checkpoint(lambda h: cr.tanh(cr.tanh(h @ W) @ W))(x)
    text = str(cr.function([x], cr.grad((y**2).sum(), W)).explain())
    assert "computed again for derivatives" in text and "y = cr.checkpoint(lambda h" in text


def test_chunks_of_a_short_axis_leave_no_single_one_over() -> None:
    """Nor are they one chunk only, or one of most of the axis and another of the rest: a loop of one step would have no axis of steps."""
    for size in range(2, 40):
        for wanted in range(2, size // 2 + 1):
            each = without_one_left(size, wanted)
            assert each == 0 or (size // each > 1 and size % each != 1)
    assert [without_one_left(size, 2) for size in (3, 4, 5, 6, 7, 9)] == [0, 2, 0, 2, 0, 3]


MASKS: dict[str, Callable[[Any, Any], Any]] = {
    "causal attention": lambda s, i: cr.softmax(cr.where(i[:, None] >= i, s, -1e9)),
    "all but the diagonal": lambda s, i: cr.sin(s) * (1 - cr.eye(s.shape[0], s.shape[1])),
    "a large diagonal": lambda s, i: s + 1e9 * cr.eye(s.shape[0], s.shape[1], 2),
    "a triangle": lambda s, i: cr.triu(cr.exp(s), -3),
    "a steeper one": lambda s, i: cr.where(2 * i[:, None] + 5 >= 3 * i, cr.tanh(s), s),
}


@pytest.mark.parametrize("rows", [300, 311])
@pytest.mark.parametrize("name", MASKS)
def test_masks_go_through_in_chunks(name: str, rows: int) -> None:
    """Which elements are in the mask depends on the chunk. Of 311 rows some are left over."""
    x, y = cr.tensor("x", (rows, 4)), cr.tensor("y", (rows, 4))
    masked = MASKS[name](x @ y.T, cr.arange(x.shape[0]))
    given = [np.random.default_rng(i).standard_normal((rows, 4)) for i in range(2)]
    for result in (masked.argmin(axis=1), *([masked @ y] if name in ("causal attention", "a triangle") else [])):
        plain = cr.function([x, y], result)
        budget = max(plain.memory_peak(*given) // 4, 60_000)
        tight = cr.function([x, y], result, memory_budget=budget)
        assert tight.memory_peak(*given) <= budget < plain.memory_peak(*given)
        np.testing.assert_allclose(tight(*given), plain(*given), rtol=1e-10, atol=1e-12)


def test_the_gradient_of_causal_attention_goes_through_in_chunks() -> None:
    q, k, v = [cr.tensor(name, (400, 8)) for name in "qkv"]
    place = cr.arange(400)
    y = cr.softmax(cr.where(place[:, None] >= place, q @ k.T, -1e9)) @ v
    gradients = cr.grad((y**2).sum(), [q, k, v])
    plain = cr.function([q, k, v], gradients)
    tight = cr.function([q, k, v], gradients, memory_budget=plain.memory_peak() // 3)
    given = [np.random.default_rng(i).standard_normal((400, 8)) for i in range(3)]
    for found, wanted in zip(tight(*given), plain(*given)):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


REDUCED: dict[str, Callable[[Any], list[Any]]] = {
    "the greatest of all": lambda s: [cr.sin(s).max(), cr.sin(s).min()],
    "logarithms of sums of all": lambda s: [cr.logsumexp(cr.sin(s))],
    "both ways": lambda s: [s.max(axis=0), s.max(axis=1), cr.any(s > 5, axis=0), cr.all(s < 9, axis=1)],
}


@pytest.mark.parametrize("rows", [300, None])
@pytest.mark.parametrize("name", REDUCED)
def test_reductions_go_over_chunks(name: str, rows: int | None) -> None:
    x, y = cr.tensor("x", (rows, 4)), cr.tensor("y", (300, 4))
    given = [np.random.default_rng(i).standard_normal((300, 4)) for i in range(2)]
    outputs = REDUCED[name](x @ y.T)
    plain = cr.function([x, y], outputs)
    budget = plain.memory_peak(*given) // 4
    tight = cr.function([x, y], outputs, memory_budget=budget)
    assert tight.memory_peak(*given) <= budget
    for found, wanted in zip(tight(*given), plain(*given)):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_random_numbers_of_several_axes_are_drawn_in_chunks() -> None:
    """And are the same."""
    x, key = cr.tensor("x", (200, 30)), cr.random.key(3)
    value = np.random.default_rng(0).standard_normal((200, 30))
    noise, kept = cr.random.normal(key, (200, 200)), cr.random.dropout(key, cr.tanh(x @ x.T), 0.3)
    for result in (noise @ x, cr.tanh(noise).sum(axis=1), kept @ x, cr.random.bernoulli(key, 0.3, (20, 10, 200)).sum(axis=(0, 2))):
        plain = cr.function([x], result)
        budget = plain.memory_peak(value) // 3
        tight = cr.function([x], result, memory_budget=budget)
        assert tight.memory_peak(value) <= budget
        np.testing.assert_allclose(tight(value), plain(value), rtol=1e-12)
