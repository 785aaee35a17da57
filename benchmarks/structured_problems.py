"""Twenty problems whose obvious spelling hides a program that is far cheaper, each in several spellings.

A problem is gated by counting: `flops` are the operations of the best program we know, `temporaries` the elements it keeps beside its arguments and
results, both as functions of the sizes. They are counted as `Function.flops` counts: an addition or product is one operation, a matrix product two
for each multiplication (of a symmetric one half is computed), a division or square root five (`MODERATE`), an exponential, tanh or sigmoid twenty (`DEAR`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

import croton as cr

DEAR = 20
MODERATE = 5

Arrays = Any
"""The arguments of a problem by name, as attributes: expressions or NumPy arrays."""


@dataclass(frozen=True)
class Problem:
    """One problem.

    inputs      the sizes of each argument's axes, by letter
    sizes       the extents that are gated and timed
    small       extents for comparing values
    spellings   what a user may write
    by_hand     the best program we know, in NumPy: the values, and what the roofline is taken from
    flops       its operations, where `slack` times as many are allowed
    functions   how many exponentials, tanh and sigmoids are among them
    temporaries elements of its largest set of values that live at one time, beside arguments and results
    algebra     the accuracy policy that the rewriting needs
    """

    name: str
    inputs: Mapping[str, str]
    sizes: Mapping[str, int]
    small: Mapping[str, int]
    spellings: Mapping[str, Callable[[Any], Any]]
    by_hand: Callable[[Any], Any]
    flops: Callable[[Any], float]
    temporaries: Callable[[Any], float]
    functions: Callable[[Any], float] = lambda s: 0
    slack: float = 1.1
    algebra: str = "default"

    def shape(self, name: str, extents: Mapping[str, int]) -> tuple[int, ...]:
        return tuple(extents[letter] for letter in self.inputs[name])

    def expressions(self, spelling: str, extents: Mapping[str, int], dtype: str) -> tuple[list[Any], Any]:
        """The inputs and the result of a spelling."""
        inputs = {name: cr.tensor(name, shape=self.shape(name, extents), dtype=dtype) for name in self.inputs}
        return list(inputs.values()), self.spellings[spelling](SimpleNamespace(**inputs, **extents))

    def arguments(self, extents: Mapping[str, int], dtype: str, seed: int = 0) -> list[np.ndarray]:
        generator = np.random.default_rng(seed)
        return [(generator.standard_normal(self.shape(name, extents)) / extents.get("scale", 4)).astype(dtype) for name in self.inputs]

    def expected(self, arguments: list[np.ndarray], extents: Mapping[str, int]) -> Any:
        return self.by_hand(SimpleNamespace(**dict(zip(self.inputs, arguments)), **extents))

    def ideal_flops(self, extents: Mapping[str, int]) -> float:
        return self.flops(SimpleNamespace(**extents))

    def ideal_functions(self, extents: Mapping[str, int]) -> float:
        return self.functions(SimpleNamespace(**extents))

    def ideal_temporaries(self, extents: Mapping[str, int]) -> float:
        return self.temporaries(SimpleNamespace(**extents))


PROBLEMS: list[Problem] = []


def problem(name: str, **parts: Any) -> None:
    PROBLEMS.append(Problem(name, **parts))


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


# ---- the contractive autoencoder -----------------------------------------------------------------------------------


def each_jacobian(function: Callable[[Any], Any], x: Any) -> Any:
    """The Jacobian of a function of one example, for each example."""

    def one(example: Any) -> Any:
        return cr.jacobian(function(example), example)

    return cr.vmap(one)(x)


def penalty_by_index(a: Any) -> Any:
    return cr.map(lambda i: ((a.W * a.G[i]) ** 2).sum(), cr.arange(a.b))


problem(
    "contractive penalty",
    inputs={"W": "vh", "G": "bh"},
    sizes={"b": 128, "v": 784, "h": 512},
    small={"b": 3, "v": 5, "h": 4},
    spellings={
        "naive": lambda a: ((a.W[None] * a.G[:, None]) ** 2).sum((1, 2)),
        "other order": lambda a: ((a.G[:, None] * a.W[None]) ** 2).sum((2, 1)),
        "one axis at a time": lambda a: ((a.W[None] * a.G[:, None]) ** 2).sum(1).sum(1),
        "other axis first": lambda a: ((a.W[None] * a.G[:, None]) ** 2).sum(2).sum(1),
        "square": lambda a: cr.square(a.W[None] * a.G[:, None]).sum((1, 2)),
        "product with itself": lambda a: ((a.W[None] * a.G[:, None]) * (a.W[None] * a.G[:, None])).sum((1, 2)),
        "square first": lambda a: (a.W[None] ** 2 * a.G[:, None] ** 2).sum((1, 2)),
        "transposed": lambda a: ((a.W.T[None] * a.G[:, :, None]) ** 2).sum((1, 2)),
        "reshaped": lambda a: ((a.W.reshape((1, a.v, a.h)) * a.G.reshape((a.b, 1, a.h))) ** 2).sum((1, 2)),
        "einsum": lambda a: cr.einsum("vh,bh,vh,bh->b", a.W, a.G, a.W, a.G),
        "norm": lambda a: cr.norm((a.W[None] * a.G[:, None]).reshape((a.b, a.v * a.h)), axis=1) ** 2,
        "diagonal matrices": lambda a: cr.vmap(lambda g: ((a.W @ cr.diag(g)) ** 2).sum())(a.G),
        "vmap": lambda a: cr.vmap(lambda g: ((a.W * g) ** 2).sum())(a.G),
        "by index": penalty_by_index,
        "factored": lambda a: (a.G**2) @ (a.W**2).sum(0),
    },
    by_hand=lambda a: (a.G**2) @ (a.W**2).sum(0),
    flops=lambda s: 2 * s.v * s.h + 3 * s.b * s.h,
    temporaries=lambda s: s.h,
)


def contractive_cost(spelling: str) -> Callable[[Any], Any]:
    def build(a: Any) -> Any:
        def encode(x: Any) -> Any:
            return cr.sigmoid(x @ a.W + a.c)

        h = encode(a.x)
        slope = h * (1 - h)
        if spelling == "naive":
            penalty = ((a.W[None] * slope[:, None]) ** 2).sum((1, 2))
        elif spelling == "jacobian":
            penalty = (each_jacobian(encode, a.x) ** 2).sum((1, 2))
        elif spelling == "whole jacobian":
            # Of the whole batch, by the whole batch: (batch, hidden, batch, visible), nearly all of it zero.
            penalty = (cr.jacobian(h, a.x) ** 2).sum((1, 2, 3))
        else:
            penalty = (slope**2) @ (a.W**2).sum(0)
        return cr.grad(penalty.mean(), [a.W, a.c])

    return build


def contractive_gradient(a: Any) -> Any:
    h = sigmoid(a.x @ a.W + a.c)
    slope = h * (1 - h)
    squares = (a.W**2).sum(0)
    z = 2 / a.b * slope**2 * squares * (1 - 2 * h)
    return [a.x.T @ z + 2 / a.b * a.W * (slope**2).sum(0), z.sum(0)]


problem(
    "gradient of the contractive penalty",
    inputs={"x": "bv", "W": "vh", "c": "h"},
    sizes={"b": 128, "v": 784, "h": 512},
    small={"b": 3, "v": 5, "h": 4},
    spellings={name: contractive_cost(name) for name in ("naive", "jacobian", "whole jacobian", "factored")},
    by_hand=contractive_gradient,
    flops=lambda s: 4 * s.b * s.v * s.h + 5 * s.v * s.h + (DEAR + 10) * s.b * s.h,
    functions=lambda s: s.b * s.h,
    temporaries=lambda s: 3 * s.b * s.h,
)


# ---- gradients of every example ------------------------------------------------------------------------------------

NET = {"x": "bd", "y": "bq", "U": "dh", "V": "hk", "W": "kq"}
NET_SIZES = {"b": 128, "d": 512, "h": 512, "k": 512, "q": 512, "scale": 20}
NET_SMALL = {"b": 3, "d": 4, "h": 5, "k": 2, "q": 3, "scale": 2}


def net_cost(a: Any, x: Any, y: Any) -> Any:
    """The cost of each example, or of one."""
    return ((cr.tanh(cr.tanh(cr.tanh(x @ a.U) @ a.V) @ a.W) - y) ** 2).sum(-1)


def per_example(a: Any, spelling: str) -> list[Any]:
    """The gradient of each example's cost with respect to each weight, the example in front."""
    weights = [a.U, a.V, a.W]
    if spelling == "jacobian":
        return cr.jacobian(net_cost(a, a.x, a.y), weights)
    if spelling == "vmap of grad":
        return cr.vmap(lambda x, y: cr.grad(net_cost(a, x, y), weights))(a.x, a.y)
    if spelling == "by index":
        cost = net_cost(a, a.x, a.y)
        return cr.map(lambda i: cr.grad(cost[i], weights), cr.arange(a.b))
    if spelling == "one example at a time":
        return cr.map(lambda i: cr.grad(net_cost(a, a.x[i], a.y[i]), weights), cr.arange(a.b))
    assert spelling == "row vectors"
    return cr.vmap(lambda x, y: cr.grad(net_cost(a, x[None], y[None]).sum(), weights))(a.x, a.y)


EXAMPLES = ("jacobian", "vmap of grad", "by index", "one example at a time", "row vectors")


def net_backward(a: Any) -> list[tuple[np.ndarray, np.ndarray]]:
    """For each weight the input of its layer and the derivative of its output."""
    first = np.tanh(a.x @ a.U)
    second = np.tanh(first @ a.V)
    third = np.tanh(second @ a.W)
    d = 2 * (third - a.y) * (1 - third**2)
    e = d @ a.W.T * (1 - second**2)
    f = e @ a.V.T * (1 - first**2)
    return [(a.x, f), (first, e), (second, d)]


def net_flops(s: Any) -> float:
    """Forward, and backward down to the outputs of the first layer."""
    products = 2 * s.b * (s.d * s.h + s.h * s.k + s.k * s.q) + 2 * s.b * (s.h * s.k + s.k * s.q)
    return products + s.b * ((s.h + s.k + s.q) * (DEAR + 4) + 2 * s.q)


def net_functions(s: Any) -> float:
    return s.b * (s.h + s.k + s.q)


def weights_flops(s: Any) -> float:
    """One product for each weight over the batch."""
    return 2 * s.b * (s.d * s.h + s.h * s.k + s.k * s.q)


def weights(s: Any) -> float:
    return s.d * s.h + s.h * s.k + s.k * s.q


problem(
    "mean squared gradient of examples",
    inputs=NET,
    sizes=NET_SIZES,
    small=NET_SMALL,
    spellings={name: lambda a, name=name: [(g**2).mean(0) for g in per_example(a, name)] for name in EXAMPLES},
    by_hand=lambda a: [(i**2).T @ (d**2) / a.b for i, d in net_backward(a)],
    flops=lambda s: net_flops(s) + weights_flops(s) + s.b * (s.d + 2 * (s.h + s.k) + s.q),
    functions=net_functions,
    temporaries=lambda s: s.b * (s.d + 2 * (s.h + s.k) + s.q),
)

problem(
    "gradient norm of examples",
    inputs=NET,
    sizes=NET_SIZES,
    small=NET_SMALL,
    spellings={
        **{name: lambda a, name=name: sum((g**2).sum((1, 2)) for g in per_example(a, name)) for name in EXAMPLES},
        "norms": lambda a: cr.vmap(lambda x, y: sum(cr.norm(g) ** 2 for g in cr.grad(net_cost(a, x, y), [a.U, a.V, a.W])))(a.x, a.y),
    },
    by_hand=lambda a: sum((i**2).sum(1) * (d**2).sum(1) for i, d in net_backward(a)),
    flops=lambda s: net_flops(s) + 2 * s.b * (s.d + 2 * (s.h + s.k) + s.q),
    functions=net_functions,
    temporaries=lambda s: s.b * (s.h + s.k + s.q + max(s.h, s.k, s.q)),
)


def time_cost(a: Any, x: Any, y: Any) -> Any:
    return ((x @ a.W - y) ** 2).sum((-2, -1))


def ghost(spelling: str) -> Callable[[Any], Any]:
    def build(a: Any) -> Any:
        if spelling == "jacobian":
            return (cr.jacobian(time_cost(a, a.x, a.y), a.W) ** 2).sum((1, 2))
        if spelling == "vmap of grad":
            return cr.vmap(lambda x, y: (cr.grad(time_cost(a, x, y), a.W) ** 2).sum())(a.x, a.y)
        if spelling == "by index":
            return cr.map(lambda i: (cr.grad(time_cost(a, a.x, a.y)[i], a.W) ** 2).sum(), cr.arange(a.b))
        d = 2 * (a.x @ a.W - a.y)
        return (cr.einsum("btd,bth->bdh", a.x, d) ** 2).sum((1, 2))

    return build


def ghost_by_hand(a: Any) -> Any:
    d = 2 * (a.x @ a.W - a.y)
    return ((a.x @ a.x.transpose(0, 2, 1)) * (d @ d.transpose(0, 2, 1))).sum((1, 2))


problem(
    "gradient norm of a layer shared over time",
    inputs={"x": "btd", "y": "bth", "W": "dh"},
    sizes={"b": 32, "t": 64, "d": 512, "h": 513, "scale": 20},
    small={"b": 3, "t": 2, "d": 7, "h": 6},
    spellings={name: ghost(name) for name in ("jacobian", "vmap of grad", "by index", "einsum")},
    by_hand=ghost_by_hand,
    flops=lambda s: 2 * s.b * s.t * s.d * s.h + s.b * s.t * (s.t + 1) * (s.d + s.h) + 2 * s.b * s.t * (s.h + s.t),
    temporaries=lambda s: s.b * s.t * (s.h + 2 * s.t),
    algebra="aggressive",
)

problem(
    "gradient variance of examples",
    inputs=NET,
    sizes=NET_SIZES,
    small=NET_SMALL,
    spellings={
        **{name: lambda a, name=name: [(g**2).mean(0) - g.mean(0) ** 2 for g in per_example(a, name)] for name in EXAMPLES},
        "products": lambda a: [(g * g).mean(0) - cr.square(g.sum(0) / a.b) for g in per_example(a, "jacobian")],
        "deviations": lambda a: [((g - g.mean(0)) ** 2).mean(0) for g in per_example(a, "jacobian")],
        "var": lambda a: [g.var(0) for g in per_example(a, "vmap of grad")],
    },
    by_hand=lambda a: [(i**2).T @ (d**2) / a.b - (i.T @ d / a.b) ** 2 for i, d in net_backward(a)],
    flops=lambda s: net_flops(s) + 2 * weights_flops(s) + s.b * (s.d + 2 * (s.h + s.k) + s.q) + 4 * weights(s),
    functions=net_functions,
    temporaries=lambda s: 2 * s.b * (s.d + 2 * (s.h + s.k) + s.q) + weights(s),
)

problem(
    "Gram matrix of the gradients of examples",
    inputs=NET,
    sizes=NET_SIZES,
    small=NET_SMALL,
    spellings={
        **{name: lambda a, name=name: sum(cr.einsum("iab,jab->ij", g, g) for g in per_example(a, name)) for name in EXAMPLES},
        "flattened": lambda a: sum(flat(g, a.b) @ flat(g, a.b).T for g in per_example(a, "jacobian")),
        "broadcast": lambda a: sum((g[:, None] * g[None]).sum((2, 3)) for g in per_example(a, "jacobian")),
    },
    by_hand=lambda a: sum((i @ i.T) * (d @ d.T) for i, d in net_backward(a)),
    flops=lambda s: net_flops(s) + s.b * (s.b + 1) * (s.d + 2 * (s.h + s.k) + s.q) + 6 * s.b * s.b,
    functions=net_functions,
    temporaries=lambda s: s.b * (2 * (s.h + s.k) + s.q),
)


def flat(g: Any, count: int) -> Any:
    return g.reshape((count, -1))


# ---- Jacobians and Hessians ----------------------------------------------------------------------------------------


def wave(x: Any) -> Any:
    return cr.tanh(x) * x + cr.exp(-(x**2))


problem(
    "diagonal of an element-wise Jacobian",
    inputs={"x": "n"},
    sizes={"n": 20000},
    small={"n": 6},
    spellings={
        "diagonal": lambda a: cr.diagonal(cr.jacobian(wave(a.x), a.x)),
        "einsum": lambda a: cr.einsum("ii->i", cr.jacobian(wave(a.x), a.x)),
        "row sums": lambda a: cr.jacobian(wave(a.x), a.x).sum(1),
        "product with ones": lambda a: cr.jacobian(wave(a.x), a.x) @ cr.ones((a.n,), a.x.dtype),
        "vmap of grad": lambda a: cr.vmap(lambda x: cr.grad(wave(x), x))(a.x),
        "by index": lambda a: cr.map(lambda i: cr.jacobian(wave(a.x), a.x)[i, i], cr.arange(a.n)),
    },
    by_hand=lambda a: np.tanh(a.x) + a.x * (1 - np.tanh(a.x) ** 2) - 2 * a.x * np.exp(-(a.x**2)),
    flops=lambda s: s.n * (2 * DEAR + 9),
    functions=lambda s: 2 * s.n,
    temporaries=lambda s: 0,
)


def softplus_sum(a: Any, x: Any) -> Any:
    return cr.softplus(a.W @ x).sum()


def laplacian_by_hand(a: Any) -> Any:
    h = sigmoid(a.W @ a.x)
    return (a.W**2).sum(1) @ (h * (1 - h))


problem(
    "trace of a Hessian",
    inputs={"W": "mn", "x": "n"},
    sizes={"m": 2000, "n": 1000},
    small={"m": 5, "n": 4},
    spellings={
        "trace": lambda a: cr.trace(cr.hessian(softplus_sum(a, a.x), a.x)),
        "sum of the diagonal": lambda a: cr.diagonal(cr.hessian(softplus_sum(a, a.x), a.x)).sum(),
        "times the identity": lambda a: (cr.hessian(softplus_sum(a, a.x), a.x) * cr.eye(a.n, dtype=a.x.dtype)).sum(),
        "jacobian of grad": lambda a: cr.einsum("ii->", cr.jacobian(cr.grad(softplus_sum(a, a.x), a.x), a.x)),
        "by index": lambda a: cr.map(lambda i: cr.hessian(softplus_sum(a, a.x), a.x)[i, i], cr.arange(a.n)).sum(),
        "transposed": lambda a: cr.trace(cr.hessian(cr.softplus(a.x @ a.W.T).sum(), a.x)),
    },
    by_hand=laplacian_by_hand,
    flops=lambda s: 4 * s.m * s.n + s.m * (DEAR + 4),
    functions=lambda s: s.m,
    temporaries=lambda s: 2 * s.m,
)


def logistic(a: Any, w: Any) -> Any:
    return cr.softplus(-a.y * (a.A @ w)).sum()


def logistic_by_hand(a: Any) -> Any:
    h = sigmoid(-a.y * (a.A @ a.w))
    return a.A.T @ (a.A * (a.y**2 * h * (1 - h))[:, None])


problem(
    "Hessian of a logistic regression",
    inputs={"A": "mn", "y": "m", "w": "n"},
    sizes={"m": 2000, "n": 1000},
    small={"m": 5, "n": 4},
    spellings={
        "hessian": lambda a: cr.hessian(logistic(a, a.w), a.w),
        "jacobian of grad": lambda a: cr.jacobian(cr.grad(logistic(a, a.w), a.w), a.w),
        "log of the sigmoid": lambda a: cr.hessian(-cr.log(cr.sigmoid(a.y * (a.A @ a.w))).sum(), a.w),
        "log1p of exp": lambda a: cr.hessian(cr.log1p(cr.exp(-(a.A @ a.w) * a.y)).sum(), a.w),
        "row by row": lambda a: cr.hessian(cr.vmap(lambda r, y: cr.softplus(-y * (r @ a.w)))(a.A, a.y).sum(), a.w),
        "products with unit vectors": lambda a: cr.vmap(lambda e: cr.jvp(cr.grad(logistic(a, a.w), a.w), a.w, e))(cr.eye(a.n, dtype=a.w.dtype)),
    },
    by_hand=logistic_by_hand,
    flops=lambda s: s.m * s.n * (s.n + 1) + 3 * s.m * s.n + s.m * (DEAR + 6),
    functions=lambda s: s.m,
    temporaries=lambda s: s.m * s.n,
)

problem(
    "Hessian of a quadratic form",
    inputs={"A": "nn", "x": "n"},
    sizes={"n": 1000},
    small={"n": 5},
    spellings={
        "x @ (A @ x)": lambda a: cr.hessian(a.x @ (a.A @ a.x), a.x),
        "(x @ A) @ x": lambda a: cr.hessian((a.x @ a.A) @ a.x, a.x),
        "einsum": lambda a: cr.hessian(cr.einsum("i,ij,j->", a.x, a.A, a.x), a.x),
        "broadcast": lambda a: cr.hessian((a.x[:, None] * a.A * a.x[None]).sum(), a.x),
        "products with unit vectors": lambda a: cr.vmap(lambda e: cr.jvp(cr.grad(a.x @ (a.A @ a.x), a.x), a.x, e))(cr.eye(a.n, dtype=a.x.dtype)),
    },
    by_hand=lambda a: a.A + a.A.T,
    flops=lambda s: s.n * s.n,
    temporaries=lambda s: 0,
    slack=2.0,
)


def residual(a: Any, U: Any) -> Any:
    return ((a.R - U @ a.V.T) ** 2).sum()


def factorisation_by_hand(a: Any) -> Any:
    return 2 * np.einsum("ij,kl->ikjl", np.eye(a.p), a.V.T @ a.V)


problem(
    "Hessian of a matrix factorisation, for a product with a vector",
    inputs={"R": "pm", "U": "pk", "V": "mk", "t": "pk"},
    sizes={"p": 100, "m": 101, "k": 10},
    small={"p": 3, "m": 4, "k": 2},
    spellings={
        "contracted": lambda a: (cr.hessian(residual(a, a.U), a.U) * a.t).sum((2, 3)),
        "einsum": lambda a: cr.einsum("ikjl,jl->ik", cr.hessian(residual(a, a.U), a.U), a.t),
        "jvp": lambda a: cr.jvp(cr.grad(residual(a, a.U), a.U), a.U, a.t),
        "flattened": lambda a: (cr.hessian(residual(a, a.U), a.U).reshape((a.p * a.k, -1)) @ a.t.reshape((-1,))).reshape((a.p, a.k)),
        "compressed": lambda a: (a.t @ cr.einsum("ikil->kl", cr.hessian(residual(a, a.U), a.U))) / a.p,
    },
    by_hand=lambda a: a.t @ (2 * a.V.T @ a.V),
    flops=lambda s: 2 * s.m * s.k * s.k + 2 * s.p * s.k * s.k,
    temporaries=lambda s: s.k * s.k,
    slack=1.5,
)


def two_layers(a: Any, U: Any) -> Any:
    return (cr.tanh(cr.tanh(a.x @ U) @ a.W) ** 2).sum()


def two_layers_by_hand(a: Any) -> Any:
    h = np.tanh(a.x @ a.U)
    z = np.tanh(h @ a.W)
    g, gg = 2 * z * (1 - z**2), 2 * (1 - z**2) * (1 - 3 * z**2)
    s = 1 - h**2
    curvature = np.einsum("bo,ho,ko->bhk", gg, a.W, a.W) * s[:, :, None] * s[:, None]
    curvature[:, range(a.h), range(a.h)] += (g @ a.W.T) * -2 * h * s
    return np.einsum("bi,bj,bhk->ihjk", a.x, a.x, curvature)


problem(
    "Hessian of the first layer of two",
    inputs={"x": "bd", "U": "dh", "W": "hq"},
    sizes={"b": 256, "d": 32, "h": 24, "q": 10},
    small={"b": 3, "d": 2, "h": 3, "q": 2},
    spellings={
        "hessian": lambda a: cr.hessian(two_layers(a, a.U), a.U),
        "jacobian of grad": lambda a: cr.jacobian(cr.grad(two_layers(a, a.U), a.U), a.U),
        "sum of examples": lambda a: cr.vmap(lambda x: cr.hessian((cr.tanh(cr.tanh(x @ a.U) @ a.W) ** 2).sum(), a.U))(a.x).sum(0),
    },
    by_hand=two_layers_by_hand,
    # The curvature of each example at its hidden units, then one product (batch) with the pairs of inputs.
    flops=lambda s: 2 * s.b * (s.d * s.h) ** 2 + s.b * (s.d * s.h) * (s.d + s.h) + 3 * s.b * s.h * s.h * s.q,
    # The pairs of inputs, the curvatures, and the product before its axes are in order.
    temporaries=lambda s: s.b * (s.d * s.d + s.h * s.h) + (s.d * s.h) ** 2,
    slack=1.5,
)


def softmax_by_hand(a: Any) -> Any:
    e = np.exp(a.x - a.x.max(1, keepdims=True))
    p = e / e.sum(1, keepdims=True)
    square = (p**2).sum(1)
    return square - 2 * (p**3).sum(1) + square**2


problem(
    "norm of a softmax's Jacobian, each example",
    inputs={"x": "bn"},
    sizes={"b": 64, "n": 1000, "scale": 1},
    small={"b": 3, "n": 4, "scale": 1},
    spellings={
        "vmap of jacobian": lambda a: (each_jacobian(cr.softmax, a.x) ** 2).sum((1, 2)),
        "whole jacobian": lambda a: (cr.jacobian(cr.softmax(a.x, axis=1), a.x) ** 2).sum((1, 2, 3)),
        "formula": lambda a: cr.vmap(lambda x: (cr.jacobian(cr.exp(x) / cr.exp(x).sum(), x) ** 2).sum())(a.x),
        "norm": lambda a: cr.vmap(lambda x: cr.norm(cr.jacobian(cr.softmax(x), x)) ** 2)(a.x),
        "one at a time": lambda a: cr.map(lambda i: (cr.jacobian(cr.softmax(a.x[i]), a.x) ** 2).sum(), cr.arange(a.b)),
    },
    by_hand=softmax_by_hand,
    # Of each element its maximum, difference, exponential, sum, square, sum of squares; then p^2 (a + c p), and its sum.
    flops=lambda s: s.b * s.n * (DEAR + 10),
    functions=lambda s: s.b * s.n,
    temporaries=lambda s: s.b * s.n,
)


def pairwise_by_hand(a: Any) -> Any:
    centred = a.X - a.X.mean(0)
    return np.asarray(2 * a.n * (centred**2).sum())


problem(
    "sum of all squared distances",
    inputs={"X": "nd"},
    sizes={"n": 2000, "d": 64, "scale": 1},
    small={"n": 5, "d": 3, "scale": 1},
    spellings={
        "broadcast": lambda a: ((a.X[:, None] - a.X[None]) ** 2).sum(),
        "other order": lambda a: cr.square(a.X[None] - a.X[:, None]).sum((2, 0, 1)),
        "distances first": lambda a: ((a.X[:, None] - a.X[None]) ** 2).sum(-1).sum(),
        "product with itself": lambda a: ((a.X[:, None] - a.X[None]) * (a.X[:, None] - a.X[None])).sum(),
        "vmap": lambda a: cr.vmap(lambda x: cr.vmap(lambda y: ((x - y) ** 2).sum())(a.X))(a.X).sum(),
        "transposed": lambda a: ((a.X.T[:, :, None] - a.X.T[:, None, :]) ** 2).sum(),
    },
    by_hand=pairwise_by_hand,
    # The mean, and for each element the mean's scale, a difference, a square and a sum. Without centring it would be 3 n d and lose digits.
    flops=lambda s: 5 * s.n * s.d,
    temporaries=lambda s: s.d,
)


# ---- products ------------------------------------------------------------------------------------------------------

problem(
    "trace of a product",
    inputs={"A": "nn", "B": "nn"},
    sizes={"n": 2000},
    small={"n": 5},
    spellings={
        "trace": lambda a: cr.trace(a.A @ a.B),
        "einsum": lambda a: cr.einsum("ij,ji->", a.A, a.B),
        "diagonal": lambda a: cr.diagonal(a.A @ a.B).sum(),
        "other order": lambda a: cr.trace(a.B @ a.A),
        "transposed": lambda a: cr.trace(a.B.T @ a.A.T),
        "by index": lambda a: cr.map(lambda i: (a.A @ a.B)[i, i], cr.arange(a.n)).sum(),
        "times the identity": lambda a: ((a.A @ a.B) * cr.eye(a.n, dtype=a.A.dtype)).sum(),
    },
    by_hand=lambda a: np.asarray((a.A * a.B.T).sum()),
    flops=lambda s: 2 * s.n * s.n,
    temporaries=lambda s: 0,
)

problem(
    "sum of a product",
    inputs={"A": "nn", "B": "nn"},
    sizes={"n": 2000},
    small={"n": 5},
    spellings={
        "sum": lambda a: (a.A @ a.B).sum(),
        "one axis at a time": lambda a: (a.A @ a.B).sum(0).sum(),
        "broadcast": lambda a: (a.A[:, :, None] * a.B[None]).sum(),
        "mean": lambda a: (a.A @ a.B).mean() * (a.n * a.n),
        "einsum": lambda a: cr.einsum("ij,jk->", a.A, a.B),
        "vmap": lambda a: cr.vmap(lambda r: (r @ a.B).sum())(a.A).sum(),
    },
    by_hand=lambda a: np.asarray(a.A.sum(0) @ a.B.sum(1)),
    flops=lambda s: 2 * s.n * s.n + 2 * s.n,
    temporaries=lambda s: 2 * s.n,
)

problem(
    "attention without softmax",
    inputs={"q": "td", "k": "sd", "v": "se"},
    sizes={"t": 8192, "s": 8192, "d": 64, "e": 64},
    small={"t": 9, "s": 8, "d": 3, "e": 2},
    spellings={
        "(q @ k.T) @ v": lambda a: (a.q @ a.k.T) @ a.v,
        "einsum": lambda a: cr.einsum("td,sd,se->te", a.q, a.k, a.v),
        "two einsums": lambda a: cr.einsum("st,se->te", cr.einsum("td,sd->st", a.q, a.k), a.v),
        "broadcast": lambda a: ((a.q[:, None] * a.k[None]).sum(-1)[:, :, None] * a.v[None]).sum(1),
        "vmap": lambda a: cr.vmap(lambda q: (a.k @ q) @ a.v)(a.q),
        "transposed": lambda a: (a.v.T @ (a.k @ a.q.T)).T,
    },
    by_hand=lambda a: a.q @ (a.k.T @ a.v),
    flops=lambda s: 2 * s.d * s.e * (s.t + s.s),
    temporaries=lambda s: s.d * s.e,
)


def bottleneck(a: Any, x: Any) -> Any:
    return cr.tanh(cr.tanh(cr.tanh(cr.tanh(x @ a.P) @ a.Q) @ a.S) @ a.T)


def bottleneck_by_hand(a: Any) -> Any:
    h, slopes = a.x, []
    for weight in (a.P, a.Q, a.S, a.T):
        h = np.tanh(h @ weight)
        slopes.append(1 - h**2)
    left = (a.P * slopes[0]) @ (a.Q * slopes[1])
    right = (a.S * slopes[2]) @ (a.T * slopes[3])
    return (left @ right).T


problem(
    "Jacobian through a bottleneck",
    inputs={"x": "n", "P": "nm", "Q": "mk", "S": "km", "T": "mn"},
    sizes={"n": 1000, "m": 800, "k": 8},
    small={"n": 4, "m": 3, "k": 2},
    spellings={
        "jacobian": lambda a: cr.jacobian(bottleneck(a, a.x), a.x),
        "products with unit vectors": lambda a: cr.vmap(lambda e: cr.jvp(bottleneck(a, a.x), a.x, e))(cr.eye(a.n, dtype=a.x.dtype)).T,
        "pullbacks of unit vectors": lambda a: cr.vmap(lambda e: cr.vjp(bottleneck(a, a.x), a.x, e))(cr.eye(a.n, dtype=a.x.dtype)),
        "by index": lambda a: cr.map(lambda i: cr.grad(bottleneck(a, a.x)[i], a.x), cr.arange(a.n)),
        "transposed weights": lambda a: cr.jacobian(cr.tanh(a.T.T @ cr.tanh(a.S.T @ cr.tanh(a.Q.T @ cr.tanh(a.P.T @ a.x)))), a.x),
    },
    by_hand=bottleneck_by_hand,
    flops=lambda s: 4 * s.n * s.m * s.k + 2 * s.n * s.n * s.k + 4 * s.n * s.m + 4 * s.m * s.k + (2 * s.m + s.n + s.k) * (DEAR + 2),
    functions=lambda s: 2 * s.m + s.n + s.k,
    temporaries=lambda s: 2 * s.n * s.k + 2 * s.m * s.k,
)

problem(
    "a product inside a loop",
    inputs={"x": "bd", "U": "dh", "W": "hq"},
    sizes={"b": 512, "d": 512, "h": 512, "q": 512},
    small={"b": 3, "d": 4, "h": 5, "q": 2},
    spellings={
        "map": lambda a: cr.map(lambda x: x @ (a.U @ a.W), a.x),
        "other order": lambda a: cr.map(lambda x: (x @ a.U) @ a.W, a.x),
        "by index": lambda a: cr.map(lambda i: a.x[i] @ (a.U @ a.W), cr.arange(a.b)),
        "batched": lambda a: a.x @ (a.U @ a.W),
    },
    by_hand=lambda a: a.x @ (a.U @ a.W),
    flops=lambda s: min(2 * s.d * s.h * s.q + 2 * s.b * s.d * s.q, 2 * s.b * s.d * s.h + 2 * s.b * s.h * s.q),
    temporaries=lambda s: min(s.d * s.q, s.b * s.h),
)


def twins(a: Any) -> Any:
    """Two copies of a graph, built one after the other: 24,000 nodes at full size."""
    results = []
    for _ in range(2):
        h = a.x
        for _ in range(a.layers):
            h = cr.tanh(h * 2.0 + 1.0)
        results.append(h)
    return results


def twins_by_hand(a: Any) -> Any:
    h = a.x
    for _ in range(a.layers):
        h = np.tanh(h * 2 + 1)
    return [h, h]


problem(
    "a graph and its clone",
    inputs={"x": "n"},
    sizes={"n": 100, "layers": 100},
    small={"n": 3, "layers": 5},
    spellings={"built twice": twins},
    by_hand=twins_by_hand,
    flops=lambda s: s.layers * s.n * (DEAR + 2),
    functions=lambda s: s.layers * s.n,
    temporaries=lambda s: 0,
)
