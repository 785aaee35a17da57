"""Large batches of products, one member at a time: what goes into the loop, what does not, and that the values stay the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import croton as cr
from croton.algebra import Use, add, contract, input_, interpret, reduce, scalar, walk
from croton.algebra.check import check
from croton.algebra.node import Label
from croton.dtypes import float64
from croton.rewriting import batch_loop
from croton.rewriting.batch_loop import one_at_a_time

B, T, D, H = 5, 3, 7, 6


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large."""
    monkeypatch.setattr(batch_loop, "LARGE", 1)
    monkeypatch.setattr(batch_loop, "LEAST_MEMBER", 1)


def scores() -> tuple[Use, list[Label]]:
    b, t, d, h = labels = [Label(size) for size in (B, T, D, H)]
    x, y = input_("x", [b, t, d], float64), input_("y", [b, t, h], float64)
    return contract([b, d, h], [(x, 1), (y, 1)], 1.0, [t]), labels


def environment() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    shapes = {"x": (B, T, D), "y": (B, T, H), "v": (B, H), "w": (B,), "m": (D, H), "k": (T,)}
    return {name: generator.standard_normal(shape) for name, shape in shapes.items()}


def taken(*uses: Use) -> int:
    """How many batches are gone through one by one; the values are the same."""
    found, batches = one_at_a_time(uses)
    check(found)
    for use, new, before, after in zip(uses, found, interpret(list(uses), environment()), interpret(found, environment())):
        axes = [new.labels.index(label) for label in use.labels]
        np.testing.assert_allclose(after.transpose(axes), before, rtol=1e-12, atol=1e-12)
    assert len(batches) == len({node.param[0] for node in walk([use.node for use in found]) if node.kind == "loop"})
    return len(batches)


@pytest.mark.usefixtures("tiny")
def test_norms_of_products() -> None:
    product, (b, _, d, h) = scores()
    assert taken(contract([b], [(product, 2)], 1.0, [d, h])) == 1
    # a sum over the batch of what is not summed before is not of one member
    assert taken(contract([d], [(product, 2), (input_("v", [b, h], float64), 1)], 0.5, [b, h])) == 0
    each = contract([b], [(product, 2), (input_("w", [b], float64), 1)], 1.0, [d, h])
    assert taken(each, contract([], [(each, 1)], 1.0, [b])) == 1


@pytest.mark.usefixtures("tiny")
def test_a_softmax_between_two_products() -> None:
    product, (b, _, d, h) = scores()
    greatest = reduce("max", product, [h])
    power = scalar("exp", add([(product, 1), (greatest, -1), (input_("m", [d, h], float64), 1)]))
    total = contract([b, d], [(power, 1)], 1.0, [h])
    result = contract([b, d], [(power, 1), (input_("v", [b, h], float64), 1), (total, -1)], 1.0, [h])
    assert taken(result) == 1
    # what others read as well is small, or it is not done
    assert taken(result, total) == 1
    assert taken(result, power) == 0


@pytest.mark.usefixtures("tiny")
def test_what_comes_back_from_outside_is_inside() -> None:
    """A number for each member that is made of the batch and that the batch is multiplied with."""
    product, (b, _, d, h) = scores()
    norm = scalar("sqrt", contract([b], [(product, 2)], 1.0, [d, h]))
    unit = contract([b, d], [(product, 1), (norm, -1), (input_("m", [d, h], float64), 1)], 1.0, [h])
    assert taken(unit) == 1
    # one number for all of them is made of all of them
    whole = contract([], [(norm, 1)], 1.0, [b])
    assert taken(contract([b, d], [(scalar("exp", add([(product, 1), (whole, 1)])), 1)], 1.0, [h])) == 0


@pytest.mark.usefixtures("tiny")
def test_batches_one_behind_the_other() -> None:
    product, (b, t, d, h) = scores()
    first = contract([b], [(product, 2)], 1.0, [d, h])
    scaled = contract([b, t, d], [(input_("x", [b, t, d], float64), 1), (first, 1)], 1.0)
    # with the result of the first among its factors
    other = Label(D)
    again = contract([b, d, other], [(scalar("tanh", scaled), 1), (Use(scaled.node, (b, t, other)), 1)], 1.0, [t])
    result = contract([b, d], [(scalar("tanh", again), 1)], 1.0, [other])
    found, batches = one_at_a_time([result])
    before, after = interpret([result], environment())[0], interpret(found, environment())[0]
    np.testing.assert_allclose(after, before, rtol=1e-12)
    assert len(batches) == 2 and not any(batch_loop._is_batch(node) for node in walk([found[0].node]))


def test_only_what_is_large_and_worth_a_step() -> None:
    product, (b, _, d, h) = scores()
    use = contract([b], [(product, 2)], 1.0, [d, h])
    assert one_at_a_time([use]) == ([use], [])


@settings(max_examples=25, deadline=None)
@given(shape=st.tuples(*[st.integers(0, 4)] * 4), masked=st.booleans(), squared=st.booleans())
def test_programs_of_any_sizes(shape: tuple[int, int, int, int], masked: bool, squared: bool) -> None:
    """With sizes that are not known, so that the program is made for large ones."""
    b, t, d, h = shape
    x, y = cr.tensor("x", (None, None, None)), cr.tensor("y", (None, None, None))
    scores_ = cr.einsum("btd,bth->bdh", x, y)
    if masked:
        scores_ = cr.where(cr.arange(scores_.shape[2]) > 1, scores_, 0.0)
    use = (scores_**2).sum((1, 2)) if squared else cr.tanh(scores_).sum(2)
    before = batch_loop.LARGE, batch_loop.LEAST_MEMBER
    batch_loop.LARGE = batch_loop.LEAST_MEMBER = 1
    try:
        with cr.config.use(cache=False):
            function = cr.function([x, y], use)
    finally:
        batch_loop.LARGE, batch_loop.LEAST_MEMBER = before
    assert "one by one" in str(function.explain())
    generator = np.random.default_rng(sum(shape))
    one, other = generator.standard_normal((b, t, d)), generator.standard_normal((b, t, h))
    table = np.einsum("btd,bth->bdh", one, other)
    if masked:
        table = np.where(np.arange(h) > 1, table, 0)
    np.testing.assert_allclose(function(one, other), (table**2).sum((1, 2)) if squared else np.tanh(table).sum(2), rtol=1e-12, atol=1e-12)


def test_the_norm_of_a_shared_layer_takes_the_memory_of_a_gradient() -> None:
    batch, steps, inputs, outputs = 16, 32, 512, 513
    shapes = {"x": (batch, steps, inputs), "y": (batch, steps, outputs), "w": (inputs, outputs)}
    x, y, w = [cr.tensor(name, shape, "float32") for name, shape in shapes.items()]

    def cost(one: object, target: object) -> object:
        return ((one @ w - target) ** 2).sum((-2, -1))

    plain = cr.function([x, y, w], cr.grad(cost(x, y).mean(), w))
    for policy in ("strict", "default"):
        with cr.config.use(algebra=policy):
            norms = cr.function([x, y, w], cr.vmap(lambda a, b: (cr.grad(cost(a, b), w) ** 2).sum())(x, y))
        assert norms.memory_peak() <= 1.1 * plain.memory_peak()
        assert norms.flops() <= 1.05 * plain.flops()
    generator = np.random.default_rng(0)
    values = [(generator.standard_normal(shape) / 20).astype(np.float32) for shape in shapes.values()]
    slope = 2 * (values[0].astype(np.float64) @ values[2] - values[1])
    wanted = (np.einsum("btd,bth->bdh", values[0], slope) ** 2).sum((1, 2))
    np.testing.assert_allclose(norms(*values), wanted, rtol=1e-5)


def test_attention_and_its_derivative() -> None:
    """The scores are never there for all; where a derivative needs them they are."""
    batch, length, width = 32, 256, 16
    q, k, v = [cr.tensor(name, (batch, length, width), "float32") for name in "qkv"]

    def attention(q: object, k: object, v: object) -> object:
        return cr.einsum("bij,bjd->bid", cr.softmax(cr.einsum("bid,bjd->bij", q, k) / 4.0, axis=-1), v)

    function = cr.function([q, k, v], attention(q, k, v))
    slope = cr.function([q, k, v], cr.grad((attention(q, k, v) ** 2).sum(), q))
    result = 4 * batch * length * width
    assert function.memory_peak() < 2 * result + 3 * 4 * length * length < slope.memory_peak() / 3
    generator = np.random.default_rng(0)
    values = [generator.standard_normal((batch, length, width)).astype(np.float32) for _ in range(3)]
    scores_ = np.einsum("bid,bjd->bij", *values[:2]) / 4
    weight = np.exp(scores_ - scores_.max(-1, keepdims=True))
    weight /= weight.sum(-1, keepdims=True)
    np.testing.assert_allclose(function(*values), np.einsum("bij,bjd->bid", weight, values[2]), rtol=1e-4, atol=1e-5)
    step = 1e-2 * generator.standard_normal((batch, length, width)).astype(np.float32)
    more, less = [(function(values[0] + sign * step, *values[1:]).astype(np.float64) ** 2).sum() for sign in (1, -1)]
    np.testing.assert_allclose((slope(*values) * step).sum(), (more - less) / 2, rtol=1e-2)
