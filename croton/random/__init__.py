"""Random numbers by counting: a key and a position give a number, the same on every machine and for any number of threads.

    key = cr.random.key(0)
    first, second = cr.random.split(key, 2)
    noise = cr.random.normal(first, (100, 10))

A key is used once; `split` and `fold_in` make new ones. Everything is composed of integer operations, so it fuses with what uses it, works under `vmap` and
in loops, and distributions have derivatives with respect to their parameters where they are transformations of fixed noise.
"""

import sys
from typing import Any

from croton.random.continuous import (
    beta,
    cauchy,
    dirichlet,
    exponential,
    gamma,
    gumbel,
    laplace,
    logistic,
    multivariate_normal,
    normal,
    truncated_normal,
    uniform,
)
from croton.random.discrete import bernoulli, binomial, categorical, choice, multinomial, permutation, poisson, randint, shuffle
from croton.random.key import bits, fold_in, key, split
from croton.random.mask import dropout
from croton.random.stream import Stream, stream

__all__ = [
    "Stream",
    "bernoulli",
    "beta",
    "binomial",
    "bits",
    "categorical",
    "cauchy",
    "choice",
    "dirichlet",
    "dropout",
    "exponential",
    "fold_in",
    "gamma",
    "gumbel",
    "key",
    "laplace",
    "logistic",
    "multinomial",
    "multivariate_normal",
    "normal",
    "permutation",
    "poisson",
    "randint",
    "shuffle",
    "split",
    "stream",
    "truncated_normal",
    "uniform",
]

_INSTEAD = {
    "PRNGKey": "use key",
    "default_rng": "use key, or stream for numbers that are new in every call",
    "rand": "use uniform(key, shape)",
    "randn": "use normal(key, shape)",
    "random": "use uniform(key, shape)",
    "seed": "use key(seed): a key is given to each function",
    "standard_normal": "use normal(key, shape)",
}


def __getattr__(name: str) -> Any:
    instead = f"; {_INSTEAD[name]}" if name in _INSTEAD else ""
    raise AttributeError(f"croton.random has no {name!r}{instead}", name=name, obj=sys.modules[__name__])
