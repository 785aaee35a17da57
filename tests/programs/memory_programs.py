"""Programs whose memory is measured, each with arguments that make it take some ten megabytes.

Run as a script, it prints for each the peak that is predicted and the growth of the process in one call, as the system counts it.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import croton as cr
from croton.runtime.function import release_arena
from croton.runtime.native import native

RNG = np.random.default_rng(0)
Made = tuple[Any, list[np.ndarray]]


def _array(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape) / np.sqrt(shape[0])


def autoencoder_step() -> Made:
    names = {"W": (784, 500), "bh": (500,), "bv": (784,)}
    W, bh, bv = (cr.shared(_array(*shape).astype("float32"), name=name) for name, shape in names.items())
    x = cr.tensor("x", shape=(None, 784), dtype="float32")
    h = cr.sigmoid(x @ W + bh)
    jacobian = (h * (1 - h))[:, :, None] * W.T[None]
    y = cr.sigmoid(h @ W.T + bv)
    cost = ((y - x) ** 2).sum(axis=1).mean() + 0.1 * (jacobian**2).sum() / x.shape[0]
    updates = {v: v - 0.1 * g for v, g in zip((W, bh, bv), cr.grad(cost, [W, bh, bv]))}
    return cr.function([x], cost, updates=updates, name="autoencoder"), [RNG.random((2000, 784)).astype("float32")]


def perceptron() -> Made:
    x = cr.matrix("x")
    weights = [cr.shared(_array(256, 256), name=f"w{i}") for i in range(6)]
    h = x
    for w in weights:
        z = h @ w
        h = cr.tanh((z - z.mean(axis=0)) / cr.sqrt(z.var(axis=0) + 1e-5))
    cost = (h**2).mean()
    return cr.function([x], [cost, *cr.grad(cost, weights)], name="perceptron"), [_array(1500, 256)]


def recurrent() -> Made:
    xs = cr.tensor("xs", shape=(None, None, 40))
    W, U = cr.shared(_array(40, 4 * 64), name="W"), cr.shared(_array(64, 4 * 64), name="U")
    zeros = cr.zeros((xs.shape[1], 64))

    def step(carry: Any, x: Any) -> Any:
        h, c = carry
        gates = x @ W + h @ U
        i, f, o, g = (gates[:, 64 * k : 64 * (k + 1)] for k in range(4))
        c = cr.sigmoid(f) * c + cr.sigmoid(i) * cr.tanh(g)
        h = cr.sigmoid(o) * cr.tanh(c)
        return (h, c), h

    (h, _), hs = cr.scan(step, (zeros, zeros), xs)
    cost = (hs**2).mean() + h.sum()
    return cr.function([xs], [cost, *cr.grad(cost, [W, U])], name="recurrent"), [_array(60, 32, 40)]


def convolution() -> Made:
    x, w = cr.tensor("x", shape=(None, 3, 64, 64)), cr.shared(_array(8, 3, 5, 5), name="w")
    windows = cr.sliding_window_view(x, (5, 5), axis=(2, 3))
    y = cr.tanh((windows[:, None] * w[None, :, :, None, None]).sum(axis=(2, 5, 6)))
    cost = (y**2).mean()
    return cr.function([x], [y, cr.grad(cost, w)], name="convolution"), [_array(16, 3, 64, 64)]


def running_sums() -> Made:
    x = cr.matrix("x")
    y = cr.cumsum(cr.exp(x), axis=0)
    return cr.function([x], [cr.grad((y**2).sum(), x), y.max(axis=1)], name="running sums"), [_array(1000, 800)]


def chain_of_products() -> Made:
    """Sizes that differ, so that what is left of one value's memory is worth having."""
    x = cr.matrix("x")
    h = x
    for width in (700, 100, 900, 300, 800, 50):
        h = cr.relu(h @ cr.shared(_array(h.shape[1] if isinstance(h.shape[1], int) else 400, width)))
    return cr.function([x], h, name="chain"), [_array(1200, 400)]


def computed_again() -> Made:
    """A network that is as deep as its budget is small."""
    x = cr.tensor("x", (8000, 64))
    weights = [cr.shared(_array(64, 64) / 8) for _ in range(24)]
    h = x
    for w in weights:
        z = h @ w
        h = cr.relu((z - z.mean(axis=0)) / cr.sqrt(z.var(axis=0) + 1e-5))
    cost = (h**2).mean()
    return cr.function([x], [cost, *cr.grad(cost, weights)], name="computed again", memory_budget="64MB"), [_array(8000, 64)]


def decompositions() -> Made:
    x = cr.matrix("x")
    values, vectors = cr.linalg.eigh(x + x.T)
    cost = (vectors[:, -1] ** 2).sum() + cr.linalg.slogdet(x)[1] + (values**2).sum()
    return cr.function([x], cost, name="decompositions"), [_array(700, 700)]


def in_order() -> Made:
    """Rows in order, a few of each, and the slope of a sum with weights."""
    x = cr.matrix("x")
    ordered = cr.sort(x)
    cost = (ordered * cr.arange(x.shape[1])).sum()
    return cr.function([x], [ordered, cr.top_k(cr.exp(x), 20).indices, cr.grad(cost, x)], name="in order"), [_array(1500, 700)]


def one_long_row() -> Made:
    x = cr.vector("x")
    return cr.function([x], cr.argsort(x), name="one long row"), [_array(1_500_000)]


PROGRAMS: tuple[Callable[[], Made], ...] = (
    autoencoder_step,
    perceptron,
    recurrent,
    convolution,
    running_sums,
    chain_of_products,
    computed_again,
    decompositions,
    in_order,
    one_long_row,
)


_NO_LARGE_PAGES = 41
"""PR_SET_THP_DISABLE of prctl."""


def _resident(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(1024 * int(line.split()[1]) for line in file if line.startswith(field + ":"))


def grown(f: Any, arguments: list[np.ndarray]) -> int:
    """How much larger the process is at most during a call; libraries and threads have what they keep for ever from a call before."""
    f(*arguments)
    native().interpreter.wait()  # the compiler takes memory too
    release_arena(f)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # the high-water mark begins anew
    before = _resident("VmRSS")
    f(*arguments)
    return _resident("VmHWM") - before


def main() -> None:
    # NumPy asks for pages of 2 MB for large arrays. Where their memory is used again, a byte would count as much.
    ctypes.CDLL(None).prctl(_NO_LARGE_PAGES, 1, 0, 0, 0)
    for make in PROGRAMS:
        f, arguments = make()
        print(f.name.replace(" ", "_"), f.memory_peak(*arguments), grown(f, arguments))
        del f


if __name__ == "__main__":
    sys.exit(main())
