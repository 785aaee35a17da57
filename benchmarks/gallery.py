"""The examples of docs/gallery beside what one would write in JAX: `python -m benchmarks.gallery [name ...] [--threads 1]`.

"jax" is the same definition in JAX, jitted; "jax by hand" is the program that an expert writes after working it out on paper. Arrays are
given to each in its own form, and JAX's results are waited for.
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import alternate

import functools
import itertools
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import croton as cr

Run = Callable[[], object]
EXAMPLES: dict[str, Callable[[np.random.Generator], dict[str, Run]]] = {}


def example(make: Callable[[np.random.Generator], dict[str, Run]]) -> None:
    EXAMPLES[make.__name__] = make


def in_jax(function: Callable[..., Any], *values: Any) -> Run:
    """The function jitted, on arrays of JAX's own."""
    compiled = peers.jax.jit(function)
    arrays = peers.jax.tree.map(peers.jax.numpy.asarray, values)
    return lambda: peers.jax.block_until_ready(compiled(*arrays))


def single(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


@example
def contractive_autoencoder(rng: np.random.Generator) -> dict[str, Run]:
    batch, visible, hidden = 128, 784, 500
    examples, start = single(rng.random((batch, visible))), single(rng.standard_normal((visible, hidden)) / 28)
    x, weights = cr.matrix("x", dtype="float32"), cr.matrix("weights", dtype="float32")

    def penalty(x: Any, weights: Any) -> Any:
        jacobians = cr.vmap(lambda one: cr.jacobian(cr.sigmoid(one @ weights), one))(x)
        return (jacobians**2).sum(axis=(1, 2)).mean()

    cost = penalty(x, weights)
    step = cr.function([x, weights], [cost, cr.grad(cost, weights)])
    runs: dict[str, Run] = {"croton": lambda: step(examples, start)}
    if peers.jax:

        def by_definition(w: Any, x: Any) -> Any:
            jacobians = peers.jax.vmap(peers.jax.jacobian(lambda one: peers.jax.nn.sigmoid(one @ w)))(x)
            return (jacobians**2).sum(axis=(1, 2)).mean()

        def by_hand(w: Any, x: Any) -> Any:
            code = peers.jax.nn.sigmoid(x @ w)
            return ((code * (1 - code)) ** 2 @ (w**2).sum(axis=0)).mean()

        runs["jax"] = in_jax(peers.jax.value_and_grad(by_definition), start, examples)
        runs["jax by hand"] = in_jax(peers.jax.value_and_grad(by_hand), start, examples)
    return runs


@example
def per_example_gradients(rng: np.random.Generator) -> dict[str, Run]:
    batch, sizes = 128, [784, 500, 500, 10]
    inputs, classes = single(rng.standard_normal((batch, 784))), np.eye(10, dtype=np.float32)[rng.integers(0, 10, batch)]
    start = [single(rng.standard_normal((a, b)) / np.sqrt(a)) for a, b in itertools.pairwise(sizes)]
    x, y = cr.matrix("x", dtype="float32"), cr.matrix("y", dtype="float32")
    weights = [cr.shared(value) for value in start]

    def cost(one: Any, target: Any) -> Any:
        for matrix in weights[:-1]:
            one = cr.tanh(one @ matrix)
        return cr.logsumexp(one @ weights[-1]) - (target * (one @ weights[-1])).sum()

    gradients = cr.vmap(lambda one, target: tuple(cr.grad(cost(one, target), weights)))(x, y)
    squares = cr.function([x, y], [(g**2).mean(axis=0) for g in gradients])
    runs: dict[str, Run] = {"croton": lambda: squares(inputs, classes)}
    if peers.jax:

        def cost_in_jax(parameters: Any, one: Any, target: Any) -> Any:
            for matrix in parameters[:-1]:
                one = peers.jax.numpy.tanh(one @ matrix)
            return peers.jax.nn.logsumexp(one @ parameters[-1]) - (target * (one @ parameters[-1])).sum()

        def squares_in_jax(parameters: Any, x: Any, y: Any) -> Any:
            gradients = peers.jax.vmap(peers.jax.grad(cost_in_jax), in_axes=(None, 0, 0))(parameters, x, y)
            return [(g**2).mean(axis=0) for g in gradients]

        def plain_in_jax(parameters: Any, x: Any, y: Any) -> Any:
            return peers.jax.grad(lambda p: peers.jax.vmap(cost_in_jax, in_axes=(None, 0, 0))(p, x, y).mean())(parameters)

        runs["jax"] = in_jax(squares_in_jax, start, inputs, classes)
        runs["jax, one gradient of the mean"] = in_jax(plain_in_jax, start, inputs, classes)
    return runs


@example
def newton(rng: np.random.Generator) -> dict[str, Run]:
    rows, columns = 5000, 200
    inputs, labels, start = rng.standard_normal((rows, columns)), (rng.random(rows) < 0.5) * 1.0, np.zeros(columns)
    x, y, w = cr.matrix("x"), cr.vector("y"), cr.vector("w")
    cost = (cr.softplus(x @ w) - y * (x @ w)).sum() + 0.5 * (w**2).sum()
    system = cr.function([x, y, w], [cr.grad(cost, w), cr.hessian(cost, w)])
    runs: dict[str, Run] = {"croton": lambda: system(inputs, labels, start)}
    if peers.jax:

        def cost_in_jax(w: Any, x: Any, y: Any) -> Any:
            return (peers.jax.nn.softplus(x @ w) - y * (x @ w)).sum() + 0.5 * (w**2).sum()

        def by_hand(w: Any, x: Any, y: Any) -> Any:
            p = peers.jax.nn.sigmoid(x @ w)
            return x.T @ (p - y) + w, (x.T * (p * (1 - p))) @ x + peers.jax.numpy.eye(len(w))

        runs["jax"] = in_jax(lambda w, x, y: (peers.jax.grad(cost_in_jax)(w, x, y), peers.jax.hessian(cost_in_jax)(w, x, y)), start, inputs, labels)
        runs["jax by hand"] = in_jax(by_hand, start, inputs, labels)
    return runs


@example
def banded_hessian(rng: np.random.Generator) -> dict[str, Run]:
    at, along = rng.standard_normal((2, 2000))
    x, v = cr.vector("x"), cr.vector("v")

    def cost(x: Any) -> Any:
        return (100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()

    hessian = cr.hessian(cost(x), x)
    reads = cr.function([x, v], [hessian @ v, cr.diagonal(hessian), cr.trace(hessian), (hessian**2).sum()])
    runs: dict[str, Run] = {"croton": lambda: reads(at, along)}
    if peers.jax:
        slope = peers.jax.grad(cost)

        def reads_in_jax(x: Any, v: Any) -> Any:
            hessian = peers.jax.hessian(cost)(x)
            return hessian @ v, peers.jax.numpy.diagonal(hessian), peers.jax.numpy.trace(hessian), (hessian**2).sum()

        def by_hand(x: Any, v: Any) -> Any:
            # of columns that are three apart no two meet in a row, so three products hold all the numbers of three bands
            def product(v: Any) -> Any:
                return peers.jax.jvp(slope, (x,), (v,))[1]

            every_third = 1.0 * (peers.jax.numpy.arange(len(x)) % 3 == peers.jax.numpy.arange(3)[:, None])
            columns = peers.jax.vmap(product)(every_third)
            diagonal = (every_third * columns).sum(axis=0)
            return product(v), diagonal, diagonal.sum(), (columns**2).sum()

        runs["jax"] = in_jax(reads_in_jax, at, along)
        runs["jax by hand"] = in_jax(by_hand, at, along)
    return runs


@example
def block_diagonal_hessian(rng: np.random.Generator) -> dict[str, Run]:
    tasks, rows, features = 200, 50, 10
    inputs, start = rng.standard_normal((tasks, rows, features)), np.zeros((tasks, features))
    labels = (rng.random((tasks, rows)) < 0.5) * 1.0
    x, y, w = cr.tensor3("x"), cr.matrix("y"), cr.matrix("w")

    def regression(softplus: Any, x: Any, y: Any, w: Any) -> Any:
        return (softplus(x @ w) - y * (x @ w)).sum() + 0.5 * (w**2).sum()

    cost = cr.vmap(lambda x, y, w: regression(cr.softplus, x, y, w))(x, y, w).sum()
    blocks = cr.moveaxis(cr.diagonal(cr.hessian(cost, w), axis1=0, axis2=2), -1, 0)
    step = cr.function([x, y, w], w - cr.linalg.solve(blocks, cr.grad(cost, w)[:, :, None])[:, :, 0])
    runs: dict[str, Run] = {"croton": lambda: step(inputs, labels, start)}
    if peers.jax:
        of_one = functools.partial(regression, peers.jax.nn.softplus)

        def cost_in_jax(w: Any, x: Any, y: Any) -> Any:
            return peers.jax.vmap(of_one)(x, y, w).sum()

        def solved(w: Any, blocks: Any, slopes: Any) -> Any:
            return w - peers.jax.numpy.linalg.solve(blocks, slopes[:, :, None])[:, :, 0]

        def step_in_jax(w: Any, x: Any, y: Any) -> Any:
            hessian = peers.jax.hessian(cost_in_jax)(w, x, y)
            blocks = peers.jax.numpy.moveaxis(peers.jax.numpy.diagonal(hessian, axis1=0, axis2=2), -1, 0)
            return solved(w, blocks, peers.jax.grad(cost_in_jax)(w, x, y))

        def by_hand(w: Any, x: Any, y: Any) -> Any:
            return solved(w, peers.jax.vmap(peers.jax.hessian(of_one, 2))(x, y, w), peers.jax.vmap(peers.jax.grad(of_one, 2))(x, y, w))

        runs["jax"] = in_jax(step_in_jax, start, inputs, labels)
        runs["jax by hand"] = in_jax(by_hand, start, inputs, labels)
    return runs


@example
def low_rank_hessian(rng: np.random.Generator) -> dict[str, Run]:
    rows, columns = 500, 2000
    inputs, labels, (start, along) = rng.standard_normal((rows, columns)), (rng.random(rows) < 0.5) * 1.0, rng.standard_normal((2, columns))
    x, y, w, v = cr.matrix("x"), cr.vector("y"), cr.vector("w"), cr.vector("v")
    cost = (cr.softplus(x @ w) - y * (x @ w)).sum() + 0.5 * (w**2).sum()
    hessian = cr.hessian(cost, w)
    reads = cr.function([x, y, w, v], [hessian @ v, cr.diagonal(hessian)])
    runs: dict[str, Run] = {"croton": lambda: reads(inputs, labels, start, along)}
    if peers.jax:

        def cost_in_jax(w: Any, x: Any, y: Any) -> Any:
            return (peers.jax.nn.softplus(x @ w) - y * (x @ w)).sum() + 0.5 * (w**2).sum()

        def reads_in_jax(w: Any, v: Any, x: Any, y: Any) -> Any:
            hessian = peers.jax.hessian(cost_in_jax)(w, x, y)
            return hessian @ v, peers.jax.numpy.diagonal(hessian)

        def by_hand(w: Any, v: Any, x: Any, y: Any) -> Any:
            p = peers.jax.nn.sigmoid(x @ w)
            product = peers.jax.jvp(lambda w: peers.jax.grad(cost_in_jax)(w, x, y), (w,), (v,))[1]
            return product, (p * (1 - p)) @ x**2 + 1

        runs["jax"] = in_jax(reads_in_jax, start, along, inputs, labels)
        runs["jax by hand"] = in_jax(by_hand, start, along, inputs, labels)
    return runs


@example
def gaussians(rng: np.random.Generator) -> dict[str, Run]:
    times, curve = np.linspace(0, 10, 20_000), rng.standard_normal(20_000)
    start = np.array([[1, 2, 0.5], [2, 4, 0.7], [1, 6, 0.4], [1.5, 8, 0.6]])
    t, y, p = cr.vector("t"), cr.vector("y"), cr.tensor("p", (4, 3))
    residual = (p[:, 0] * cr.exp(-(((t[:, None] - p[:, 1]) / p[:, 2]) ** 2) / 2)).sum(axis=1) - y
    slopes = cr.jacobian(residual, p).reshape((-1, 12))
    system = cr.function([t, y, p], [slopes.T @ slopes, residual @ slopes])
    runs: dict[str, Run] = {"croton": lambda: system(times, curve, start)}
    if peers.jax:

        def residual_in_jax(p: Any, t: Any, y: Any) -> Any:
            return (p[:, 0] * peers.jax.numpy.exp(-(((t[:, None] - p[:, 1]) / p[:, 2]) ** 2) / 2)).sum(axis=1) - y

        def system_in_jax(p: Any, t: Any, y: Any) -> Any:
            slopes = peers.jax.jacfwd(residual_in_jax)(p, t, y).reshape((-1, 12))
            return slopes.T @ slopes, residual_in_jax(p, t, y) @ slopes

        runs["jax"] = in_jax(system_in_jax, start, times, curve)
    return runs


@example
def windows(rng: np.random.Generator) -> dict[str, Run]:
    picture, patch = single(rng.random((512, 512))), single(rng.random((7, 7)))
    image, template = cr.matrix("image", dtype="float32"), cr.tensor("template", (7, 7), dtype="float32")
    views = cr.sliding_window_view(image, (7, 7))
    distances = cr.function([image, template], cr.vmap(cr.vmap(lambda window: ((window - template) ** 2).sum()))(views))
    runs: dict[str, Run] = {"croton": lambda: distances(picture, patch)}
    if peers.jax:

        def in_two_loops(image: Any, template: Any) -> Any:
            def at(i: Any, j: Any) -> Any:
                return ((peers.jax.lax.dynamic_slice(image, (i, j), (7, 7)) - template) ** 2).sum()

            return peers.jax.vmap(peers.jax.vmap(at, (None, 0)), (0, None))(peers.jax.numpy.arange(506), peers.jax.numpy.arange(506))

        runs["jax"] = in_jax(in_two_loops, picture, patch)
    return runs


@example
def pairwise(rng: np.random.Generator) -> dict[str, Run]:
    count = 5000
    left, right = single(rng.standard_normal((count, 8, 8))), single(rng.standard_normal((count, 8, 8)))
    a, b = cr.tensor("a", (None, 8, 8), dtype="float32"), cr.tensor("b", (None, 8, 8), dtype="float32")
    alike = cr.vmap(lambda one: cr.vmap(lambda other: cr.trace(one.T @ other) / (cr.norm(one) * cr.norm(other)))(b))(a)
    similarities = cr.function([a, b], alike)
    runs: dict[str, Run] = {"croton": lambda: similarities(left, right)}
    if peers.jax:

        def alike_in_jax(a: Any, b: Any) -> Any:
            def pair(one: Any, other: Any) -> Any:
                return peers.jax.numpy.trace(one.T @ other) / (peers.jax.numpy.linalg.norm(one) * peers.jax.numpy.linalg.norm(other))

            return peers.jax.vmap(peers.jax.vmap(pair, (None, 0)), (0, None))(a, b)

        def by_hand(a: Any, b: Any) -> Any:
            a, b = a.reshape((count, 64)), b.reshape((count, 64))
            a, b = (v / peers.jax.numpy.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
            return a @ b.T

        runs["jax"] = in_jax(alike_in_jax, left, right)
        runs["jax by hand"] = in_jax(by_hand, left, right)
    return runs


@example
def padded_embeddings(rng: np.random.Generator) -> dict[str, Run]:
    vocabulary, width, batch, longest = 50_000, 128, 256, 100
    start, words = single(rng.standard_normal((vocabulary, width))), rng.integers(0, vocabulary, (batch, longest))
    counts, wanted = rng.integers(1, longest, batch), single(rng.standard_normal((batch, width)))
    table = cr.shared(start, name="table")
    w, n, target = cr.matrix("words", dtype="int64"), cr.vector("lengths", dtype="int64"), cr.matrix("target", dtype="float32")
    mask = cr.arange(w.shape[1]) < n[:, None]
    mean = (table[w] * mask[:, :, None]).sum(axis=1) / n[:, None].astype("float32")
    cost = ((mean - target) ** 2).mean()
    step = cr.function([w, n, target], cost, updates={table: table - 0.1 * cr.grad(cost, table)})
    runs: dict[str, Run] = {"croton": lambda: step(words, counts, wanted)}
    if peers.jax:

        def cost_in_jax(table: Any, words: Any, lengths: Any, target: Any) -> Any:
            mask = peers.jax.numpy.arange(words.shape[1]) < lengths[:, None]
            mean = (table[words] * mask[:, :, None]).sum(axis=1) / lengths[:, None].astype("float32")
            return ((mean - target) ** 2).mean()

        def update(table: Any, words: Any, lengths: Any, target: Any) -> Any:
            cost, slope = peers.jax.value_and_grad(cost_in_jax)(table, words, lengths, target)
            return cost, table - 0.1 * slope

        compiled = peers.jax.jit(update, donate_argnums=0)
        state = [peers.jax.numpy.asarray(start)]
        given = [peers.jax.numpy.asarray(value) for value in (words, counts, wanted)]

        def run() -> object:
            cost, state[0] = compiled(state[0], *given)
            return peers.jax.block_until_ready(cost)

        runs["jax"] = run
    return runs


@example
def experts(rng: np.random.Generator) -> dict[str, Run]:
    batch, width, count = 256, 64, 16
    inputs, gates = single(rng.standard_normal((batch, width))), single(rng.standard_normal((width, count)))
    matrices = single(rng.standard_normal((count, width, width)) / 8)
    x, gate, expert = cr.matrix("x", dtype="float32"), cr.matrix("gate", dtype="float32"), cr.tensor3("expert", dtype="float32")
    scores, chosen = cr.top_k(x @ gate, 2)
    shares = cr.softmax(scores, axis=-1)
    y = (shares[:, :, None] * cr.tanh(cr.einsum("bd,bkde->bke", x, expert[chosen]))).sum(axis=1)
    mixture = cr.function([x, gate, expert], y)
    runs: dict[str, Run] = {"croton": lambda: mixture(inputs, gates, matrices)}
    if peers.jax:

        def mixture_in_jax(x: Any, gate: Any, expert: Any) -> Any:
            scores, chosen = peers.jax.lax.top_k(x @ gate, 2)
            shares = peers.jax.nn.softmax(scores, axis=-1)
            return (shares[:, :, None] * peers.jax.numpy.tanh(peers.jax.numpy.einsum("bd,bkde->bke", x, expert[chosen]))).sum(axis=1)

        runs["jax"] = in_jax(mixture_in_jax, inputs, gates, matrices)
    return runs


@example
def principal_components(rng: np.random.Generator) -> dict[str, Run]:
    data, start = single(rng.standard_normal((5000, 784))), single(rng.standard_normal((784, 10)))
    x, v = cr.matrix("x", dtype="float32"), cr.matrix("v", dtype="float32")
    centred = x - x.mean(axis=0)
    step = cr.function([x, v], [centred.T @ (centred @ v), (centred**2).sum()])
    runs: dict[str, Run] = {"croton": lambda: step(data, start)}
    if peers.jax:

        def step_in_jax(x: Any, v: Any) -> Any:
            centred = x - x.mean(axis=0)
            return centred.T @ (centred @ v), (centred**2).sum()

        runs["jax"] = in_jax(step_in_jax, data, start)
    return runs


@example
def recurrent(rng: np.random.Generator) -> dict[str, Run]:
    time, batch, features, hidden = 100, 64, 32, 128
    start = {
        "inward": single(rng.standard_normal((features, 4 * hidden)) / 6),
        "around": single(rng.standard_normal((hidden, 4 * hidden)) / 12),
        "bias": np.zeros(4 * hidden, np.float32),
    }
    sequences, first = single(rng.standard_normal((time, batch, features))), np.zeros((batch, hidden), np.float32)

    def cell_with(np: Any, sigmoid: Any, p: Any) -> Any:
        def cell(carry: Any, x: Any) -> Any:
            state, memory = carry
            keep, write, show, new = np.split(x @ p["inward"] + state @ p["around"] + p["bias"], 4, axis=-1)
            memory = sigmoid(keep) * memory + sigmoid(write) * np.tanh(new)
            state = sigmoid(show) * np.tanh(memory)
            return (state, memory), None

        return cell

    xs, zero = cr.tensor("xs", (None, None, features), dtype="float32"), cr.matrix("zero", dtype="float32")
    p = {name: cr.tensor(name, value.shape, dtype="float32") for name, value in start.items()}
    (last, _), _ = cr.scan(cell_with(cr, cr.sigmoid, p), (zero, zero), xs)
    cost = (last**2).mean()
    step = cr.function([xs, zero, *p.values()], [cost, *cr.grad(cost, list(p.values()))])
    runs: dict[str, Run] = {"croton": lambda: step(sequences, first, *start.values())}
    if peers.jax:

        def cost_in_jax(p: Any, xs: Any, zero: Any) -> Any:
            (last, _), _ = peers.jax.lax.scan(cell_with(peers.jax.numpy, peers.jax.nn.sigmoid, p), (zero, zero), xs)
            return (last**2).mean()

        runs["jax"] = in_jax(peers.jax.value_and_grad(cost_in_jax), start, sequences, first)
    return runs


def main() -> None:
    wanted = [name for name in sys.argv[1:] if not name.startswith("-") and not name.isdigit()] or list(EXAMPLES)
    # what JAX makes of this by definition takes gigabytes, which slows down whoever runs beside it: timed apart
    alone = {"pairwise": "jax"}
    print(f"{peers.THREADS} thread(s); JAX {peers.jax.__version__ if peers.jax else 'is missing'}")
    for name in wanted:
        runs = EXAMPLES[name](np.random.default_rng(0))
        apart = {contender: runs.pop(contender) for contender in list(runs) if alone.get(name) == contender}
        alternate(name, runs, rounds=7, at_least=0.05)
        if apart:
            alternate(f"{name}, by itself", apart, rounds=1, at_least=0.05)


if __name__ == "__main__":
    main()
