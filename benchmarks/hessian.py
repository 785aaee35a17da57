"""The Hessian of logistic regression, 500 features and 1,000 rows, beside its closed form in NumPy.

    python -m benchmarks.hessian [--threads 1]
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate, note

from typing import Any

import numpy as np

import croton as cr

ROWS, FEATURES = 1_000, 500


def cost(np_: Any, softplus: Any, w: Any, x: Any, y: Any) -> Any:
    scores = x @ w
    return (softplus(scores) - y * scores).sum() + 0.5 * (w**2).sum()


def closed_form(w: np.ndarray, x: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-(x @ w)))
    return (x.T * (p * (1 - p))) @ x + np.eye(len(w), dtype=x.dtype)


def measured(dtype: str, threads: int) -> Result:
    rng = np.random.default_rng(0)
    x_, y_, w_ = rng.standard_normal((ROWS, FEATURES)), (rng.random(ROWS) < 0.5) * 1.0, rng.standard_normal(FEATURES) / 20
    x_, y_, w_ = (array.astype(dtype) for array in (x_, y_, w_))
    w, x, y = cr.tensor("w", w_.shape, dtype=dtype), cr.tensor("x", x_.shape, dtype=dtype), cr.tensor("y", y_.shape, dtype=dtype)
    hessian = cr.function([w, x, y], cr.hessian(cost(cr, cr.softplus, w, x, y), w))
    note(f"{dtype}: {hessian.flops() / 1e6:.0f} Mflop; {hessian.explain().kernels} kernel and {hessian.explain().library_calls} library calls")
    contenders: dict[str, peers.Run] = {"croton": lambda: hessian(w_, x_, y_), "numpy, closed form": lambda: closed_form(w_, x_)}
    expected = closed_form(w_, x_)
    peers.close(hessian(w_, x_, y_), expected)
    if peers.jax:
        jax = peers.jax
        in_jax = jax.jit(jax.hessian(lambda w, x, y: cost(jax.numpy, jax.nn.softplus, w, x, y)))
        arrays = [jax.numpy.asarray(array) for array in (w_, x_, y_)]
        peers.close(in_jax(*arrays), expected)
        contenders["jax"] = lambda: jax.block_until_ready(in_jax(*arrays))
    if peers.torch:
        torch = peers.torch
        tw, tx, ty = (torch.tensor(array) for array in (w_, x_, y_))
        by_vmap = torch.func.hessian(lambda w: cost(torch, torch.nn.functional.softplus, w, tx, ty))
        peers.close(by_vmap(tw), expected)
        contenders["torch"] = lambda: by_vmap(tw)
    if peers.pytensor:
        pytensor, pt = peers.pytensor, peers.pytensor.tensor
        pw, px, py = pt.vector("w", dtype=dtype), pt.matrix("x", dtype=dtype), pt.vector("y", dtype=dtype)
        graph = pytensor.gradient.hessian(cost(pt, pt.softplus, pw, px, py), pw)
        theirs = pytensor.function([pw, px, py], graph, on_unused_input="ignore")
        peers.close(theirs(w_, x_, y_), expected)
        contenders["pytensor"] = lambda: theirs(w_, x_, y_)
    return alternate(f"Hessian of logistic regression, {dtype} ({threads} threads)", contenders, rounds=11)


def run(threads: int = 1) -> list[Result]:
    return [measured(dtype, threads) for dtype in ("float64", "float32")]


if __name__ == "__main__":
    peers.main(run)
