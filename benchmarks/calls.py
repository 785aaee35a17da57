"""What a call costs: a function of two 8-element arrays.

    python -m benchmarks.calls
"""

from __future__ import annotations

from benchmarks import peers
from benchmarks.measure import Result, alternate

import numpy as np


def run(threads: int = 1) -> list[Result]:
    import croton as cr

    a, b = np.arange(8.0), np.ones(8)
    x, y = cr.vector("x"), cr.vector("y")
    function = cr.function([x, y], x + y)
    peers.close(function(a, b), a + b)
    contenders: dict[str, peers.Run] = {"croton": lambda: function(a, b), "np.add": lambda: np.add(a, b)}
    if peers.jax:
        jax = peers.jax
        jitted, p, q = jax.jit(lambda u, v: u + v), jax.numpy.asarray(a), jax.numpy.asarray(b)
        contenders["jax"] = lambda: jitted(p, q)
    if peers.torch:
        s, t = peers.torch.tensor(a), peers.torch.tensor(b)
        contenders["torch"] = lambda: s + t
    if peers.pytensor:
        pt = peers.pytensor.tensor
        u, v = pt.dvector(), pt.dvector()
        compiled = peers.pytensor.function([u, v], u + v)
        contenders["pytensor"] = lambda: compiled(a, b)
    return [alternate("x + y, 8 elements", contenders)]


if __name__ == "__main__":
    peers.main(run)
