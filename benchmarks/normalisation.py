"""Reductions, softmax, cross-entropy with gradient and batch normalisation, forward and backward, large and small.

    python -m benchmarks.normalisation [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate

from collections.abc import Callable
from typing import Any

import numpy as np

SHAPES = ((1000, 1000), (128, 10))


def weighted(m: Any, axis: Any) -> Callable[..., Any]:
    return lambda x, mean, w: ((x - mean) ** 2 * w).sum(axis) if axis is not None else ((x - mean) ** 2 * w).sum()


def batch_norm(m: Any) -> Callable[..., Any]:
    def forward(x: Any, gamma: Any, beta: Any) -> Any:
        mean = x.mean(0)
        variance = ((x - mean) ** 2).mean(0)
        return gamma * (x - mean) / m.sqrt(variance + 1e-5) + beta

    return forward


def croton_function(definition: Callable[..., Any], values: tuple[np.ndarray, ...], wrt: tuple[int, ...] = (), weights: bool = False) -> Callable[..., Any]:
    import croton as cr

    symbols = [cr.tensor(f"a{i}", shape=(None,) * v.ndim, dtype=v.dtype.name) for i, v in enumerate(values)]
    y = definition(*symbols)
    if not wrt:
        return cr.function(symbols, y)
    if weights:
        t = cr.tensor("t", shape=(None, None), dtype=values[0].dtype.name)
        return cr.function([*symbols, t], [y, *cr.grad((y * t).sum(), [symbols[i] for i in wrt])])
    return cr.function(symbols, [y, *cr.grad(y, [symbols[i] for i in wrt])])


def jax_function(definition: Callable[..., Any], wrt: tuple[int, ...] = (), weights: bool = False) -> Callable[..., Any]:
    jax = peers.jax
    if not wrt:
        return jax.jit(definition)
    if weights:

        def both(*a: Any) -> Any:
            y, pull = jax.vjp(definition, *a[:-1])
            g = pull(a[-1])
            return [y, *[g[i] for i in wrt]]

        return jax.jit(both)
    f = jax.value_and_grad(definition, argnums=wrt)
    return jax.jit(lambda *a: (lambda r: [r[0], *r[1]])(f(*a)))


def torch_function(definition: Callable[..., Any], wrt: tuple[int, ...], weights: bool, compiled: bool) -> Callable[..., Any]:
    torch = peers.torch

    def both(*a: Any) -> Any:
        inputs = a[:-1] if weights else a
        y = definition(*inputs)
        if not wrt:
            return y
        return [y, *torch.autograd.grad(y, [inputs[i] for i in wrt], a[-1] if weights else None)]

    if not compiled:
        return both
    if not wrt:
        return torch.compile(both)
    forward = torch.compile(definition)

    def compiled_both(*a: Any) -> Any:
        inputs = a[:-1] if weights else a
        y = forward(*inputs)
        return [y, *torch.autograd.grad(y, [inputs[i] for i in wrt], a[-1] if weights else None)]

    return compiled_both


def problems(m: str, shape: tuple[int, int]) -> dict[str, tuple[Callable[..., Any], tuple[int, ...], bool]]:
    """name -> (definition, what to differentiate, whether a cotangent is given), in the dialect of one library."""
    if m == "croton":
        import croton as cr

        softmax: Any = lambda x: cr.softmax(x, axis=-1)
        entropy: Any = lambda x, y: -cr.take_along_axis(cr.log_softmax(x, axis=-1), y[:, None], axis=1).mean()
        lib: Any = cr
    elif m == "jax":
        jax, jnp = peers.jax, peers.jax.numpy
        softmax = lambda x: jax.nn.softmax(x, -1)
        entropy = lambda x, y: -jnp.take_along_axis(jax.nn.log_softmax(x, -1), y[:, None], 1).mean()
        lib = jnp
    else:
        torch = peers.torch
        softmax = lambda x: torch.softmax(x, -1)
        entropy = torch.nn.functional.cross_entropy
        lib = torch
    return {
        "sum((x-m)^2 w)": (weighted(lib, None), (), False),
        "sum((x-m)^2 w, 0)": (weighted(lib, 0), (), False),
        "sum((x-m)^2 w, 1)": (weighted(lib, 1), (), False),
        "softmax": (softmax, (), False),
        "cross-entropy + gradient": (entropy, (0,), False),
        "batch norm forward": (batch_norm(lib), (), False),
        "batch norm + gradient": (batch_norm(lib), (0, 1, 2), True),
    }


def values_of(name: str, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype("float32")
    row = lambda: rng.standard_normal(shape[1]).astype("float32")
    if name.startswith("sum"):
        return x, row(), row()
    if name == "softmax":
        return (x,)
    if name.startswith("cross"):
        return x, rng.integers(0, shape[1], shape[0])
    return x, row(), row()


def run(threads: int = 1) -> list[Result]:
    results = []
    for shape in SHAPES:
        for name, (definition, wrt, weights) in problems("croton", shape).items():
            values = values_of(name, shape)
            # the gradient for a cotangent of ones is 0: nothing to compare
            cotangent = np.random.default_rng(1).standard_normal(shape).astype("float32")
            arguments = (*values, cotangent) if weights else values
            mine = croton_function(definition, values, wrt, weights)
            contenders: dict[str, peers.Run] = {"croton": lambda f=mine, a=arguments: f(*a)}
            if peers.jax:
                d, w, c = problems("jax", shape)[name]
                theirs = jax_function(d, w, c)
                arrays = [peers.jax.numpy.asarray(a) for a in arguments]
                first, second = mine(*arguments), theirs(*arrays)
                for p, q in zip(first, second) if wrt else [(first, second)]:
                    peers.close(p, q)
                contenders["jax"] = lambda f=theirs, a=arrays: peers.jax.block_until_ready(f(*a))
            if peers.torch:
                d, w, c = problems("torch", shape)[name]
                peers.torch.compiler.reset()  # it compiles no more than eight variants of one piece of code
                tensors = [peers.torch.tensor(a) for a in arguments]
                for i in w:
                    tensors[i].requires_grad_()
                for compiled in (False, True):
                    f = torch_function(d, w, c, compiled)
                    contenders["torch.compile" if compiled else "torch"] = lambda f=f, a=tensors: f(*a)
            results.append(alternate(f"{name} {shape[0]}x{shape[1]} ({threads} threads)", contenders))
    return results


if __name__ == "__main__":
    peers.main(run)
