"""A small directed check of the algebra's rules; it exits with the name of the first program whose value is wrong.

`python -m tests.mutation.probe MODULE OLD NEW` plants a bug first: the text OLD of the module becomes NEW as the module is imported.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np


class Planted(importlib.abc.SourceLoader):
    """The loader of one module with one text in place of another."""

    def __init__(self, name: str, path: str, old: str, new: str) -> None:
        self.name, self.path, self.old, self.new = name, path, old, new

    def get_filename(self, fullname: str) -> str:
        return self.path

    def get_data(self, path: str) -> bytes:
        with open(self.path) as file:
            text = file.read()
        if path != self.path:
            raise OSError("compiled code is not the planted one")
        if text.count(self.old) != 1:
            sys.exit(f"cannot plant: {self.old!r} occurs {text.count(self.old)} times")
        return text.replace(self.old, self.new).encode()


class Finder(importlib.abc.MetaPathFinder):
    """Finds the planted module before anyone else."""

    def __init__(self, name: str, old: str, new: str) -> None:
        self.name, self.old, self.new = name, old, new

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> Any:
        if fullname != self.name:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        assert spec is not None and spec.origin is not None
        spec.loader = Planted(fullname, spec.origin, self.old, self.new)
        return spec


def programs(cr: Any) -> Iterator[tuple[str, Any, Any]]:
    """Names, expressions of constants-free inputs, and what NumPy says, for the arrays of `arrays`."""
    x, y, v, w = (cr.tensor(name, shape=array.shape) for name, array in arrays().items())
    a, b, c, d = arrays().values()
    eye = np.eye(4)
    e, f = np.exp(c)[:, None], np.exp(d)[None, :]
    yield "repeated sum", cr.broadcast_to(x, (5, 4, 4)).sum(), ((x,), 5 * a.sum())
    yield "power of a product", ((x * y) ** 3).sum(axis=0), ((x, y), ((a * b) ** 3).sum(0))
    banded = cr.hessian(((v[1:] - v[:-1] ** 2) ** 2).sum() + 0.5 * (v[1:3] * v[:2] * w[:2]).sum(), v)
    above = np.diag(-4 * c[:3] + np.array([0.5, 0.5, 0.0]) * d[:3], 1)
    dense = np.diag(np.append(12 * c[:3] ** 2 - 4 * c[1:], 0.0) + np.array([0.0, 2.0, 2.0, 2.0])) + above + above.T
    yield "product of a sum of diagonals", banded @ v, ((v, w), dense @ c)
    yield "squares of a sum of diagonals", (banded**2).sum(), ((v, w), (dense**2).sum())
    yield "sizes of a sum of diagonals", abs(banded).sum(1), ((v, w), abs(dense).sum(1))
    first = cr.eye(4) * (v[2] * cr.exp(v) + 3 * v[1])
    yield "reads under one diagonal", first + 2 * cr.eye(4) * (v[0] * w), ((v, w), eye * (c[2] * np.exp(c) + 3 * c[1] + 2 * c[0] * d))
    yield "a function that is 1 at 0", cr.cos(first), ((v,), np.cos(eye * (c[2] * np.exp(c) + 3 * c[1])))
    mask, none = v[:, None] > w + 9, cr.where(w > v + 9, w, 0)[:, None]
    less, lesser = x - x.mean(0) + y, x - x.mean(0) / 2 + y
    yield "deviations and the rest", (3 * less * v).sum(0) + lesser.sum(0), ((x, y, v), 3 * b.sum(0) * c + a.sum(0) / 2 + b.sum(0))
    nothing = cr.where(mask, x / none, 0).sum(1) + cr.where(mask, y / none, 0).sum(1)
    yield "a mask that leaves nothing", nothing, ((x, y, v, w), 0 * c)
    yield "coefficient of a square", ((0.5 * (x @ y)) ** 2).sum(), ((x, y), (0.25 * (a @ b) ** 2).sum())
    yield "coefficient of a cube", ((0.5 * x) @ y) ** 3 + 1 / ((0.25 * x) @ y), ((x, y), (0.5 * (a @ b)) ** 3 + 1 / (0.25 * (a @ b)))
    yield "cube of a mean", x.mean(axis=0) ** 3 + 1 / y.mean(axis=1), ((x, y), a.mean(0) ** 3 + 1 / b.mean(1))
    lower = cr.tril(cr.ones((4, 4)))
    yield "squares up to here", cr.einsum("s,s,ts,t->", v, v, lower, w), ((v, w), (np.cumsum(c * c) * d).sum())
    yield "trace", cr.trace(x @ y), ((x, y), np.trace(a @ b))
    yield "diagonal", cr.einsum("ii,ij->j", x, y), ((x, y), np.einsum("ii,ij->j", a, b))
    yield "sum of identities", (x * cr.eye(4) * 2 + y * cr.eye(4) * 3) @ v, ((x, y, v), (a * eye * 2 + b * eye * 3) @ c)
    yield "pairwise", ((v[:, None] + w[None, :]) ** 2).sum(), ((v, w), ((c[:, None] + d[None, :]) ** 2).sum())
    yield "positive pairs", ((cr.exp(v)[:, None] + cr.exp(w)[None, :]) ** 2).sum(), ((v, w), ((e + f) ** 2).sum())
    yield "running squares", (cr.cumsum(v * v) * w).sum(), ((v, w), (np.cumsum(c * c) * d).sum())
    yield "causal", cr.tril(x @ y) @ v, ((x, y, v), np.tril(a @ b) @ c)
    yield "slope of a cube", cr.grad((v**3).sum(), v), ((v,), 3 * c**2)
    yield "slope of a trace", cr.grad(cr.einsum("ii->", x * x), x), ((x,), 2 * a * eye)
    places = 2 * np.arange(3)[:, None] + np.arange(3)[None, :]
    long = cr.concatenate([v, w])
    count = np.bincount(places.ravel(), minlength=8)
    where = 2 * cr.arange(3)[:, None] + cr.arange(3)[None, :]
    yield "overlapping windows", cr.grad((cr.take(long, where) ** 2).sum(), long), ((v, w), 2 * np.concatenate([c, d]) * count)
    windows = cr.jacobian(cr.take(long, where), long)
    same = places[:, :, None, None] == places[None, None]
    yield "windows that meet", cr.einsum("iks,jls->ikjl", windows, windows), ((v, w), same.astype(float))
    slopes = cr.grad(cr.take(long, where).sum(), long)
    yield "squares of overlapping windows", slopes**2, ((v, w), count**2)
    yield "gathered", cr.take(long, cr.arange(4) + 2) * 1.0, ((v, w), np.concatenate([c, d])[2:6])
    yield "softmax", cr.jacobian(cr.softmax(v), v), ((v,), _softmax_jacobian(c))
    of_first, of_second = cr.grad(lambda p, q: (p**2 * q).sum(), (0, 1))(v, v)
    yield "one value, two variables", of_first - 5 * of_second, ((v,), -3 * c**2)
    yield "running differences", cr.scan(lambda s, e: (s - 2 * e, s), 0 * v[0], v)[1], ((v,), -2 * (np.cumsum(c) - c))
    doubled = cr.scan(lambda s, e: (2 * s + e, s), 0 * v[0], v)[0]
    yield "a sum that doubles", doubled, ((v,), (c * [8, 4, 2, 1]).sum())
    yield "slopes of a sum that doubles", cr.grad(doubled, v), ((v,), np.array([8.0, 4, 2, 1]))
    last = cr.scan(lambda s, e: (cr.sin(s) + e, None), v[0], w)[0]
    states = [c[0]]
    for e in d:
        states.append(np.sin(states[-1]) + e)
    slopes_of_last = np.cumprod([1.0, *np.cos(states[3:0:-1])])[::-1]
    yield "slopes of a loop", cr.grad(last, w), ((v, w), slopes_of_last)
    yield "a step's slopes beside it", cr.grad(last * v[0], v)[0], ((v, w), states[-1] + c[0] * np.cos(c[0]) * slopes_of_last[0])


def _in_chunks(cr: Any, lowered: Any, values: dict[str, np.ndarray]) -> str | None:
    """Values that are computed for two or three of four elements of an axis at a time: each region of each program."""
    from croton import algebra  # noqa: PLC0415 - after the bug is planted
    from croton.rewriting.chunk import chunked, regions  # noqa: PLC0415

    x, y = cr.tensor("x", shape=(4, 4)), cr.tensor("y", shape=(4, 4))
    h = cr.exp(x @ y)
    found = 0
    cases = {"pairs": cr.tanh(h @ h.T), "running": cr.cumprod(h, axis=0) * h, "sums": cr.exp(h).sum(axis=0), "rows": h / h.sum(axis=1)[:, None]}
    for name, expression in cases.items():
        graph = lowered(expression)
        given = {leaf.id: values[leaf.name] for leaf in graph.leaves}
        (operand,) = graph.outputs
        (wanted,) = algebra.interpret([operand], given, {})
        for region in regions([operand.use], 100):
            for each in (2, 3):
                found += 1
                (use,) = chunked([operand.use], region, each)
                (value,) = algebra.interpret([algebra.Operand(operand.axes, use)], given, {})
                if not np.allclose(value, wanted, rtol=1e-9):
                    return f"{name} in chunks"
    return None if found > 8 else "too few regions"


def _variances(cr: Any, value: Any) -> str | None:
    """Squares worth multiplying out, of values that vary, that hardly do, and whose squares are infinite."""
    generator = np.random.default_rng(2)
    s, t, m = cr.tensor("s", shape=(40, 50)), cr.tensor("t", shape=(40, 60)), cr.tensor("m", shape=(50, 60))
    squares = 0.25 * ((cr.einsum("ia,ic->iac", s, t) - m) ** 2).sum(0)
    for name, around, width, scale in (("varied", 0.0, 1.0, 1.0), ("nearly alike", 1.0, 1e-6, 1.0), ("alike", 1.0, 1e-9, 1.0), ("infinite", 1.0, 1e-9, 1e80)):
        p, q = [around + width * generator.standard_normal((40, count)) for count in (50, 60)]
        p[:, 5:], q[:, 5:] = (p[:, 5:], q[:, 5:]) if name in ("varied", "infinite") else (generator.random((40, size)) for size in (45, 55))
        p, q = p * scale, q * scale
        each = p[:, :, None] * q[:, None]
        found = value(squares, {"s": p, "t": q, "m": each.mean(0)})
        if not np.allclose(found, 0.25 * ((each - each.mean(0)) ** 2).sum(0), rtol=1e-5, atol=0):
            return f"squares of deviations that are {name}"
    return None


def _softmax_jacobian(c: np.ndarray) -> np.ndarray:
    e = np.exp(c - c.max())
    s = e / e.sum()
    return np.diag(s) - np.outer(s, s)


def arrays() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    return {
        "x": generator.uniform(-1, 1, (4, 4)),
        "y": generator.uniform(-1, 1, (4, 4)),
        "v": generator.uniform(-1, 1, 4),
        "w": generator.uniform(-1, 1, 4),
    }


def main() -> str | None:
    """The first program that is wrong."""
    if len(sys.argv) == 4:
        sys.meta_path.insert(0, Finder(*sys.argv[1:]))
    import croton as cr  # noqa: PLC0415 - after the bug is planted
    from croton import algebra  # noqa: PLC0415
    from croton.rewriting.optimise import optimise  # noqa: PLC0415
    from croton.rewriting.stabilise import stabilise  # noqa: PLC0415
    from croton.transforms.lower import lower  # noqa: PLC0415

    def value(expression: Any, values: dict[Any, np.ndarray]) -> np.ndarray:
        lowered = lower([expression])
        uses = stabilise([operand.use for operand in lowered.outputs])
        uses, _ = optimise(uses)
        operands = [algebra.Operand(operand.axes, use) for operand, use in zip(lowered.outputs, uses)]
        return algebra.interpret(operands, {leaf.id: values[leaf.name] for leaf in lowered.leaves}, {})[0]

    given: dict[Any, np.ndarray] = dict(arrays())
    for name, expression, (_, wanted) in programs(cr):
        if not np.allclose(value(expression, given), wanted, rtol=1e-9, atol=1e-12):
            return name
    # ties of a maximum share its slope
    q = cr.tensor("q", shape=(3,))
    if not np.allclose(value(cr.grad(q.max(), q), {"q": np.array([2.0, 1.0, 2.0])}), [0.5, 0.0, 0.5]):
        return "ties of a maximum"
    # gradients of examples with many inputs, outputs and few times: the squares of sums are worth writing as products
    t, u = cr.tensor("t", shape=(2, 2, 40)), cr.tensor("u", shape=(2, 2, 50))
    generator = np.random.default_rng(1)
    p, r = generator.random((2, 2, 40)), generator.random((2, 2, 50))
    norms = value(((0.5 * cr.einsum("btd,bto->bdo", t, u)) ** 2).sum(axis=(1, 2)), {"t": p, "u": r})
    if not np.allclose(norms, ((0.5 * np.einsum("btd,bto->bdo", p, r)) ** 2).sum((1, 2))):
        return "norms of gradients of examples"
    wrong = _variances(cr, value) or _in_chunks(cr, lambda expression: lower([expression]), given)
    if wrong:
        return wrong
    # an index that leaves its array raises, also where it is an affine function of a position
    try:
        value(cr.take(q, cr.arange(3) + 1), {"q": np.ones(3)})
    except (IndexError, ValueError):
        return None
    return "an index out of range"


if __name__ == "__main__":
    wrong = main()
    print(wrong or "all right")
    sys.exit(1 if wrong else 0)
