"""Random functions that are transformed again and again, against the same with maps and loops written out and branches taken apart.

A function takes an array it goes through, `r`, and one it uses everywhere, `s`.

`python -m tests.fuzz.transformed --count 1000 --seed N` runs as many as wanted.
"""

from __future__ import annotations

import argparse
import random
import traceback
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import croton as cr
from croton.compile import store
from croton.util.errors import MemoryBudgetError

from .compare import Failure, compiled, quick_code
from .ways import Way, taken, way_of

Function = Callable[[Any, Any, bool], Any]
"""A function of r, s, and of whether it is to be written out."""

MOST_ELEMENTS = 4000


def _first(x: Any) -> Any:
    return x[0] if x.ndim else x


def _row(x: Any) -> Any:
    return cr.ravel(x)


def _indices(x: Any, count: int) -> Any:
    """Places that may be the same, and depend on values."""
    return cr.astype(cr.remainder(cr.floor(3 * _row(x)), count), "int64")


def _square(x: Any) -> Any:
    v = _row(x)[:2]
    return cr.eye(v.shape[0]) * 2 + 0.2 * cr.tanh(v[:, None] * v)


BODIES: dict[str, Callable[[Any, Any], Any]] = {
    "product": lambda r, s: cr.tanh(r) * s.sum(),
    "outer": lambda r, s: cr.sin(_row(r)[:, None] * _row(s)),
    "softmax": lambda r, s: cr.softmax(_row(r)) * s.mean(),
    "sum": lambda r, s: (cr.sin(r) * 0.5).sum() * s,
    "matrix": lambda r, s: cr.tanh(_row(r)[:, None] * _row(s)) @ _row(s),
    "sorted": lambda r, s: cr.sort(_row(r)) * _first(_row(s)),
    "cumulated": lambda r, s: cr.cumsum(_row(r)) * cr.cumprod(cr.cos(_row(r))) + s.sum(),
    "running": lambda r, s: cr.cummax(_row(r)) - s.max(),
    "collisions": lambda r, s: cr.zeros(3).at[_indices(r, 3)].add(cr.sin(_row(r))) * s.sum(),
    "set": lambda r, s: cr.tanh(_row(s).at[0].set(r.sum())),
    "gathered": lambda r, s: cr.take(_row(s), _indices(r, 4), mode="wrap") * _row(r),
    "where": lambda r, s: cr.where(r > 0, cr.exp(r), s.sum() * r),
    "distances": lambda r, s: ((_row(r)[:, None] - _row(s)) ** 2).sum(axis=0),
    "norm": lambda r, s: r / cr.sqrt((r * r).sum() + 0.3) + s.sum(),
    "lse": lambda r, s: cr.logsumexp(_row(r)[:, None] + _row(s), axis=0),
    "solve": lambda r, s: cr.linalg.solve(_square(r), cr.ones((min(2, _row(r).shape[0]),)) * s.sum()),
    "inverse": lambda r, s: cr.linalg.inv(_square(r)) + s.sum(),
    "cast": lambda r, s: cr.astype(cr.astype(r, "float32"), "float64") * s.sum(),
    "masked": lambda r, s: (r * (r > 0.1)).sum() + s * 0.5,
    "reversed": lambda r, s: _row(r)[::-1] * cr.tril(cr.ones((_row(s).shape[0], _row(r).shape[0]))),
    "windows": lambda r, s: cr.concatenate([_row(r), _row(s)])[1:] - cr.concatenate([_row(r), _row(s)])[:-1],
    "constant": lambda r, s: cr.tanh(s),
}


def _cost(y: Any) -> Any:
    return (y * cr.cos(cr.arange(y.shape[-1]) if y.ndim else 1.0)).sum()


def _elements(function: Function, r: Any, s: Any, axis: int) -> list[Any]:
    at = (slice(None),) * (axis % r.ndim)
    return [function(r[(*at, k)], s, True) for k in range(r.shape[axis])]


def mapped(function: Function) -> Function:
    def vmap(r: Any, s: Any, written: bool) -> Any:
        return cr.stack(_elements(function, r, s, 0)) if written else cr.vmap(lambda a: function(a, s, False))(r)

    return vmap


def mapped_behind(function: Function) -> Function:
    def vmap_behind(r: Any, s: Any, written: bool) -> Any:
        if written:
            return cr.stack(_elements(function, r, s, -1), axis=-1)
        return cr.vmap(lambda a, b: function(a, b, False), in_axes=(-1, None), out_axes=-1)(r, s)

    return vmap_behind


def mapped_together(function: Function) -> Function:
    """Over rows of r, each with an s of its own that is made of s."""

    def vmap_together(r: Any, s: Any, written: bool) -> Any:
        many = s * cr.reshape(cr.sin(cr.arange(r.shape[0]) + 1.0), (r.shape[0], *[1] * s.ndim))
        if written:
            return cr.stack([function(r[k], many[k], True) for k in range(r.shape[0])])
        return cr.vmap(lambda a, b: function(a, b, False))(r, many)

    return vmap_together


def scanned(reverse: bool, checkpoint: Any) -> Callable[[Function], Function]:
    def transform(function: Function) -> Function:
        def scan(r: Any, s: Any, written: bool) -> Any:
            def step(carry: Any, e: Any) -> tuple[Any, Any]:
                y = function(e, carry, written)
                return cr.tanh(0.7 * carry + 0.3 * y.sum()), y

            if not written:
                last, ys = cr.scan(step, s, r, reverse=reverse, checkpoint=checkpoint)
                return ys * (1 + last.sum())
            count, ys = r.shape[0], {}
            for k in range(count)[:: -1 if reverse else 1]:
                s, ys[k] = step(s, r[k])
            return cr.stack([ys[k] for k in range(count)]) * (1 + s.sum())

        return scan

    return transform


def repeated(function: Function) -> Function:
    def fori(r: Any, s: Any, written: bool) -> Any:
        def body(k: Any, c: Any) -> Any:
            return cr.tanh(c + 0.2 * function(c, s, written).mean() + 0.1 * k)

        if not written:
            return cr.fori(0, 3, body, r)
        for k in range(3):
            r = body(k, r)
        return r

    return fori


def ending(function: Function) -> Function:
    def while_loop(r: Any, s: Any, written: bool) -> Any:
        def goes_on(c: Any) -> Any:
            return (c * c).sum() < 3.0

        def body(c: Any) -> Any:
            return 1.3 * c + 0.3 * function(c, s, written).mean() + 0.4

        if not written:
            last, *_ = cr.scan(lambda c, _: (cr.where(goes_on(c), body(c), c), None, cr.until(cr.logical_not(goes_on(c)))), r, length=4)
            return last
        for _ in range(4):
            r = cr.where(goes_on(r), body(r), r)
        return r

    return while_loop


def counted(function: Function) -> Function:
    def while_counted(r: Any, s: Any, written: bool) -> Any:
        def body(c: Any) -> Any:
            return cr.tanh(0.8 * c + 0.3 * function(c, s, written).mean() + 0.1)

        if not written:
            return cr.while_loop(lambda c: c[0] < 2, lambda c: (c[0] + 1, body(c[1])), (cr.asarray(0), r), max_steps=3)[1]
        return body(body(r))

    return while_counted


def branched(function: Function) -> Function:
    def cond(r: Any, s: Any, written: bool) -> Any:
        def other(a: Any, b: Any) -> Any:
            return 0.5 * function(cr.sin(a), b, written)

        if written:
            return cr.where(_cost(r) > 0, function(r, s, True), other(r, s))
        return cr.cond(_cost(r) > 0, lambda a, b: function(a, b, False), other, r, s)

    return cond


def checkpointed(function: Function) -> Function:
    return lambda r, s, written: function(r, s, True) if written else cr.checkpoint(lambda a, b: function(a, b, False))(r, s)


def with_own_pullback(function: Function) -> Function:
    def custom(r: Any, s: Any, written: bool) -> Any:
        if written:
            return function(r, s, True)
        own = cr.custom_vjp(
            lambda a, b: function(a, b, False),
            lambda args, y, g: tuple(cr.vjp(function(*args, False), list(args), g, disconnected="zero")),
        )
        return own(r, s)

    return custom


# Written out, what a derivative is asked for may be made of what is held: a function's argument is not. In a loop, or a map, it is another value anyway.


def slope_of_r(function: Function) -> Function:
    def slope(r: Any, s: Any, written: bool) -> Any:
        if written:
            return cr.grad(lambda a: _cost(function(a, s, True)), disconnected="zero")(r)
        return cr.grad(_cost(function(r, s, False)), r, disconnected="zero")

    return slope


def slope_of_s(function: Function) -> Function:
    return lambda r, s, written: cr.grad(lambda b: _cost(function(r, b, written)), disconnected="zero")(s)


def jacobian_of_r(function: Function) -> Function:
    def jacobian(r: Any, s: Any, written: bool) -> Any:
        if written:
            return cr.jacobian(lambda a: function(a, s, True), disconnected="zero")(r)
        return cr.jacobian(function(r, s, False), r, disconnected="zero")

    return jacobian


def jacobian_squares(function: Function) -> Function:
    return lambda r, s, written: (cr.jacobian(lambda b: function(r, b, written), disconnected="zero")(s) ** 2).sum() + r


def pushed(function: Function) -> Function:
    return lambda r, s, written: cr.jvp(lambda a: function(a, s, written), (r,), (cr.cos(r),), disconnected="zero")[1]


def product_of_hessian(function: Function) -> Function:
    slope = slope_of_r(function)
    return lambda r, s, written: cr.jvp(lambda a, b: slope(a, b, written), (r, s), (cr.cos(r), cr.sin(s)), disconnected="zero")[1]


class Transformation(NamedTuple):
    """`rows` says that r has an axis more outside than inside: in front (0) or behind (-1)."""

    apply: Callable[[Function], Function]
    weight: float
    rows: int | None = None


TRANSFORMATIONS: dict[str, Transformation] = {
    "vmap": Transformation(mapped, 3, 0),
    "vmap behind": Transformation(mapped_behind, 1, -1),
    "vmap together": Transformation(mapped_together, 1.5, 0),
    "scan": Transformation(scanned(False, None), 2, 0),
    "scan back": Transformation(scanned(True, None), 1, 0),
    "scan in segments": Transformation(scanned(False, 2), 1, 0),
    "fori": Transformation(repeated, 1),
    "until": Transformation(ending, 1),
    "while": Transformation(counted, 1),
    "cond": Transformation(branched, 1.5),
    "checkpoint": Transformation(checkpointed, 1),
    "custom": Transformation(with_own_pullback, 1),
    "grad r": Transformation(slope_of_r, 2),
    "grad s": Transformation(slope_of_s, 2),
    "jacobian": Transformation(jacobian_of_r, 1),
    "squares of jacobian": Transformation(jacobian_squares, 0.7),
    "jvp": Transformation(pushed, 1.5),
    "hvp": Transformation(product_of_hessian, 0.7),
}
DERIVATIVES = {"grad r", "grad s", "jacobian", "squares of jacobian", "jvp", "hvp"}


class Case(NamedTuple):
    """A body, the transformations from the inside out, the inner shape of r and that of s, and the sizes of the axes that transformations add."""

    body: str
    chain: tuple[str, ...]
    inner: tuple[int, ...]
    shared: tuple[int, ...]
    sizes: tuple[int, ...]
    open: bool

    def function(self) -> Function:
        body = BODIES[self.body]

        def found(r: Any, s: Any, written: bool) -> Any:
            return body(r, s)

        function: Function = found
        for name in self.chain:
            function = TRANSFORMATIONS[name].apply(function)
        return function

    def shape(self, more: int = 0) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        """The shape of r with axes that are longer, and which of its axes transformations have added."""
        shape, added = self.inner, (False,) * len(self.inner)
        sizes = iter(self.sizes)
        for name in self.chain:
            rows = TRANSFORMATIONS[name].rows
            if rows is not None:
                size = next(sizes) + more
                shape, added = ((size, *shape), (True, *added)) if rows == 0 else ((*shape, size), (*added, True))
        return shape, added


def case_of(seed: int) -> Case:
    chance = random.Random(seed)
    names = list(TRANSFORMATIONS)
    weights = [TRANSFORMATIONS[name].weight for name in names]
    chain: list[str] = []
    for name in chance.choices(names, weights, k=chance.choice((1, 2, 2, 3, 3, 4))):
        if name not in DERIVATIVES or sum(other in DERIVATIVES for other in chain) < 2:
            chain.append(name)
    inner = chance.choice(((), (2,), (3,), (1,), (2, 2)))
    shared = chance.choice(((), (2,), (3,), (1,)))
    return Case(chance.choice(list(BODIES)), tuple(chain), inner, shared, tuple(chance.choice((1, 2, 2, 3)) for _ in chain), chance.random() < 0.5)


def check(case: Case, seed: int, way: Way | None = None) -> str:
    """Raise Failure where what is compiled differs from what is written out."""
    way = way or way_of(seed)
    rng = np.random.default_rng(seed)
    function = case.function()
    shape, added = case.shape()
    r = cr.tensor("r", tuple([None if case.open and new else size for size, new in zip(shape, added)]))
    s = cr.tensor("s", case.shared)
    with taken(way, seed):
        compiled.clear()
        store.forget()
        y = function(r, s, False)
        outputs = [y, *cr.grad(_cost(cr.sin(y)), [r, s], disconnected="zero")]
        f = cr.function([r, s], outputs)
        word = "compared"
        for more in (0, 1, 2) if case.open else (0,):
            shape, _ = case.shape(more)
            arrays = [rng.uniform(-1, 1.2, shape), rng.uniform(-1, 1.2, case.shared)]
            word = _compare(function, f, arrays, way, (r, s), outputs, word)
    return word if way.name == "plain" else f"{word} {way.name}"


def _compare(function: Function, f: Any, arrays: list[np.ndarray], way: Way, inputs: tuple, given: Sequence[Any], word: str) -> str:
    known = [cr.tensor("r", arrays[0].shape), cr.tensor("s", arrays[1].shape)]
    written = function(*known, True)
    if written.size > MOST_ELEMENTS:
        return "too large"
    outputs = [written, *cr.grad(_cost(cr.sin(written)), known, disconnected="zero")]
    with np.errstate(all="ignore"):
        wanted = cr.reference.evaluate(outputs, dict(zip(known, arrays)))
        moved = cr.reference.evaluate(outputs, {node: array * (1 + 1e-9) for node, array in zip(known, arrays)})
    if way.budget is not None:
        results = sum([value.nbytes for value in wanted])
        budget = results + int(way.budget * (f.memory_peak(*[array.shape for array in arrays]) - results))
        try:
            f = cr.function(list(inputs), list(given), memory_budget=budget)
        except MemoryBudgetError:
            return "more than the budget"
    found = f(*arrays)
    for place, (mine, right, near) in enumerate(zip(found, wanted, moved)):
        if mine.shape != right.shape or mine.dtype != right.dtype:
            raise Failure(f"output {place}: got {mine.dtype}{list(mine.shape)}, wanted {right.dtype}{list(right.shape)}")
        scale = float(np.max(np.abs(right), initial=0.0, where=np.isfinite(right)))
        with np.errstate(all="ignore"):
            far = ~(np.abs(mine - right) <= 1e-7 * (np.abs(right) + 0.1 * scale + 0.1) + 100 * np.abs(near - right))
        far &= np.isfinite(right) | np.isfinite(mine)
        far &= ~((mine == right) | (np.isnan(mine) & np.isnan(right)))
        if far.any():
            at = tuple(int(n) for n in np.argwhere(far)[0])
            shapes = [array.shape for array in arrays]
            raise Failure(f"output {place}, shapes {shapes}: {int(far.sum())} of {far.size} differ, first at {at}: got {mine[at]!r}, wanted {right[at]!r}")
    return word


def trial(seed: int) -> tuple[str, str]:
    """What became of one seed, in a word and in full."""
    case = case_of(seed)
    try:
        return check(case, seed), ""
    except Exception as error:
        text = str(error)[:1500] if isinstance(error, Failure) else "".join(traceback.format_exception(error)[-4:])
        kind = type(error)
        small = case
        progress = True
        while progress:
            progress = False
            for smaller in _smaller(small):
                try:
                    check(smaller, seed, way_of(seed))
                except kind as other:
                    if isinstance(other, Failure) or str(other)[:40] == str(error)[:40]:
                        small, progress = smaller, True
                        break
                except Exception:
                    continue  # it fails in another way
        return "FAILED", f"seed {seed} ({way_of(seed).name}): {case}\nsmaller: {small}\n{text}"


def _smaller(case: Case) -> list[Case]:
    found = [case._replace(chain=case.chain[:i] + case.chain[i + 1 :]) for i in range(len(case.chain))]
    if case.open:
        found.append(case._replace(open=False))
    found += [case._replace(sizes=tuple([2] * len(case.sizes)))] if set(case.sizes) != {2} else []
    found += [case._replace(inner=())] if case.inner else []
    found += [case._replace(shared=())] if case.shared else []
    return found + ([case._replace(body="product")] if case.body != "product" else [])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    words: dict[str, int] = {}
    with quick_code():
        for seed in range(options.seed, options.seed + options.count):
            word, text = trial(seed)
            words[word] = words.get(word, 0) + 1
            if text:
                print(text + "\n", flush=True)
            if seed % 100 == 99:
                print(f"-- {seed + 1 - options.seed} functions, {words}", flush=True)
    return int("FAILED" in words)


if __name__ == "__main__":
    raise SystemExit(main())
