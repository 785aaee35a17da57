"""The operations that random programs are made of: how one is drawn from the values there are, and how it is built."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import croton as cr
from croton.sizes import Symbol, symbols

from .functions import ALONG, BINARY, BITS, COSTS, MAPPED, MATRICES, ON_FLOATS, REDUCTIONS, TESTS, UNARY


class Value(NamedTuple):
    """A value of a program: its expression, and the shape and dtype it has for the sizes at hand."""

    expr: Any
    shape: tuple[int, ...]
    dtype: str
    sizes: dict[Symbol, int]


Drawn = tuple[Sequence[int], tuple] | None


class Operation(NamedTuple):
    """`draw` chooses operands and params, or None where nothing fits; `build` makes the expression."""

    draw: Callable[[random.Random, list[Value]], Drawn]
    build: Callable[[list[Any], tuple], Any]
    weight: float


def usable(size: Any) -> Symbol:
    """The symbol of a size that is one."""
    (symbol,) = symbols(size)
    return symbol


def _pick(chance: random.Random, values: list[Value], fits: Callable[[Value], bool]) -> int | None:
    """A value that fits, more often a late one."""
    places = [i for i, v in enumerate(values) if fits(v)]
    if not places:
        return None
    return places[-1] if chance.random() < 0.35 else chance.choice(places)


def is_float(v: Value) -> bool:
    return v.dtype.startswith("float")


def has_axes(v: Value) -> bool:
    return bool(v.shape)


def _one(
    fits: Callable[[Value], bool], params: Callable[[random.Random, Value], tuple | None]
) -> Callable[[random.Random, list[Value]], Drawn]:
    def draw(chance: random.Random, values: list[Value]) -> Drawn:
        place = _pick(chance, values, fits)
        if place is None:
            return None
        found = params(chance, values[place])
        return None if found is None else ((place,), found)

    return draw


def _boolean(v: Value) -> bool:
    return v.dtype == "bool"


def _unary(chance: random.Random, v: Value) -> tuple:
    return (chance.choice(list(UNARY)),)


def _test(chance: random.Random, v: Value) -> tuple:
    return (chance.choice(list(TESTS)),)


def _bits(chance: random.Random, values: list[Value]) -> Drawn:
    """Two whole numbers or bools of one dtype and shape."""
    first = _pick(chance, values, lambda v: not is_float(v))
    if first is None:
        return None
    mine = values[first]
    second = _pick(chance, values, lambda v: v.dtype == mine.dtype and v.shape == mine.shape)
    return None if second is None else ((first, second), (chance.choice(list(BITS)),))


def _unit_axis(chance: random.Random, v: Value) -> tuple:
    return (chance.choice([axis for axis, extent in enumerate(v.shape) if extent == 1]),)


def _binary(chance: random.Random, values: list[Value]) -> Drawn:
    first = _pick(chance, values, lambda v: True)
    assert first is not None
    mine = values[first].shape

    def fits(v: Value) -> bool:
        return all(a == b or a == 1 or b == 1 for a, b in zip(reversed(mine), reversed(v.shape)))

    second = _pick(chance, values, fits)
    if second is None:
        return None
    pair = (first, second) if chance.random() < 0.5 else (second, first)
    name = chance.choice(list(BINARY))
    if is_float(values[first]) and name.startswith("logical"):
        return None
    if "bool" in (values[first].dtype, values[second].dtype) and not name.startswith(("logical", "equal", "not_equal", "mult", "max")):
        return None
    return pair, (name,)


def _reduce(chance: random.Random, v: Value) -> tuple:
    axes: Any = None
    if v.shape and chance.random() < 0.8:
        axes = tuple(sorted(chance.sample(range(len(v.shape)), chance.randint(1, len(v.shape)))))
        axes = axes[0] - len(v.shape) if len(axes) == 1 and chance.random() < 0.5 else axes
    # whether a float is exactly 0 is a matter of rounding
    names = [n for n in REDUCTIONS if (n not in ("any", "all") if is_float(v) else n not in ON_FLOATS)]
    return chance.choice(names), axes, chance.random() < 0.4


def _along(chance: random.Random, v: Value) -> tuple:
    names = [n for n in ALONG if is_float(v) or n not in ON_FLOATS]
    return chance.choice(names), chance.randrange(-len(v.shape), len(v.shape))


def _where(chance: random.Random, values: list[Value]) -> Drawn:
    mask = _pick(chance, values, _boolean)
    if mask is None:
        return None
    fits = [
        i for i, v in enumerate(values) if all(a == b or a == 1 or b == 1 for a, b in zip(reversed(values[mask].shape), reversed(v.shape)))
    ]
    pair = [chance.choice(fits), chance.choice(fits)] if fits else None
    if pair is None or any(a != b and 1 not in (a, b) for a, b in zip(reversed(values[pair[0]].shape), reversed(values[pair[1]].shape))):
        return None
    return (mask, *pair), ()


def _product(chance: random.Random, values: list[Value]) -> Drawn:
    """An einsum of two or three values with letters by their sizes, summing some of them."""
    count = chance.choice((2, 2, 2, 3))
    taken = [_pick(chance, values, lambda v: is_float(v) and len(v.shape) <= 3) for _ in range(count)]
    if None in taken:
        return None
    letters: dict[int, list[str]] = {}
    fresh = iter("ijklmnopqrst")
    words = []
    for place in taken:
        word = ""
        for extent in values[place].shape:  # type: ignore[index]
            known = letters.setdefault(extent, [])
            if not known or chance.random() < 0.25:
                known.append(next(fresh))
            word += chance.choice(known)
        words.append(word)
    present = sorted(set("".join(words)))
    total = np.prod([extent ** len(names) for extent, names in letters.items()], dtype=float)
    if total > 20_000:
        return None
    kept = [c for c in present if chance.random() < 0.5]
    chance.shuffle(kept)
    return [t for t in taken if t is not None], (",".join(words) + "->" + "".join(kept),)


def _matmul(chance: random.Random, values: list[Value]) -> Drawn:
    first = _pick(chance, values, lambda v: is_float(v) and len(v.shape) >= 1)
    if first is None:
        return None
    inner = values[first].shape[-1]
    second = _pick(chance, values, lambda v: bool(v.shape) and (v.shape[-2] if len(v.shape) > 1 else v.shape[0]) == inner)
    return None if second is None else ((first, second), ())


def _transpose(chance: random.Random, v: Value) -> tuple:
    order = list(range(len(v.shape)))
    chance.shuffle(order)
    return (tuple(order),)


def _reshape(chance: random.Random, v: Value) -> tuple | None:
    kind = chance.choice(("ravel", "ravel", "split", "merge", "unit"))
    return kind, chance.randrange(len(v.shape)) if v.shape else 0


def build_reshape(x: Any, params: tuple) -> Any:
    kind, axis = params
    if kind == "unit":
        return cr.expand_dims(x, axis)
    if kind == "ravel" or x.ndim < 2:
        return cr.ravel(x)
    axis = min(axis, x.ndim - 2)
    if kind == "merge":
        return cr.flatten(x, axis, axis + 1)
    if isinstance(x.shape[axis], int) and x.shape[axis] % 2 == 0 and x.shape[axis] > 0:
        return cr.reshape(x, (*x.shape[:axis], 2, x.shape[axis] // 2, *x.shape[axis + 1 :]))
    return cr.reshape(x, (*x.shape[:-2], x.shape[-1], x.shape[-2]))


def _slice(chance: random.Random, v: Value) -> tuple:
    entries = []
    for extent in v.shape:
        kind = chance.random()
        if kind < 0.35:
            entries.append((None, None, None))
        elif kind < 0.5 and extent:
            entries.append(chance.randrange(-extent, extent))
        else:
            bounds = [None if chance.random() < 0.4 else chance.randint(-extent - 1, extent + 1) for _ in range(2)]
            entries.append((*bounds, chance.choice((None, 1, 2, -1, -2, 3))))
    return tuple(entries)


def build_slice(x: Any, params: tuple) -> Any:
    return x[tuple(slice(*entry) if isinstance(entry, tuple) else entry for entry in params)]


def _take(chance: random.Random, values: list[Value]) -> Drawn:
    place = _pick(chance, values, lambda v: bool(v.shape) and min(v.shape) > 0)
    if place is None:
        return None
    v = values[place]
    axis = chance.randrange(len(v.shape))
    index = _pick(chance, values, lambda v: v.dtype.startswith("int") and len(v.shape) <= 2)
    if index is not None and chance.random() < 0.7:
        return (place, index), (axis, None, chance.choice(("clip", "wrap", "wrap")))
    known = tuple(chance.randrange(-v.shape[axis], v.shape[axis]) for _ in range(chance.randint(0, 5)))
    return (place,), (axis, known, "raise")


def build_take(taken: list[Any], params: tuple) -> Any:
    axis, known, mode = params
    index = np.array(known, np.int64) if len(taken) == 1 else taken[1]
    return cr.take(taken[0], index, axis=axis, mode=mode)


def _scatter(chance: random.Random, values: list[Value]) -> Drawn:
    found = _take(chance, values)
    if found is None:
        return None
    taken, (axis, known, mode) = found
    if values[taken[0]].dtype == "bool":
        return None
    return taken, (axis, known, mode, chance.choice(("add", "set", "multiply", "max", "min")))


def build_scatter(taken: list[Any], params: tuple) -> Any:
    axis, known, _, how = params
    x = taken[0]
    n = x.shape[axis]
    index = np.array(known, np.int64) if len(taken) == 1 else cr.remainder(taken[1], cr.size(n))
    place = x.at[(slice(None),) * axis + (index,)]
    source = cr.take(x, index, axis=axis) * 2 + 1
    return getattr(place, how)(source)


def _join(chance: random.Random, values: list[Value]) -> Drawn:
    first = _pick(chance, values, has_axes)
    if first is None:
        return None
    shape = values[first].shape
    axis = chance.randrange(len(shape))

    def fits(v: Value) -> bool:
        return len(v.shape) == len(shape) and all(a == b for i, (a, b) in enumerate(zip(v.shape, shape)) if i != axis)

    others = [_pick(chance, values, fits) for _ in range(chance.randint(1, 2))]
    return [first, *[o for o in others if o is not None]], (axis,)


def _pad(chance: random.Random, v: Value) -> tuple:
    widths = tuple((chance.randint(0, 2), chance.randint(0, 2)) if chance.random() < 0.6 else (0, 0) for _ in v.shape)
    modes = ("constant", "constant", "edge", "reflect", "wrap") if min(v.shape) > 2 else ("constant",)
    return widths, chance.choice(modes), chance.choice((0, 0, 1.5 if is_float(v) else 1))


def build_pad(x: Any, params: tuple) -> Any:
    widths, mode, constant = params
    return cr.pad(x, widths, mode, constant_values=constant) if mode == "constant" else cr.pad(x, widths, mode)


def _matrix(chance: random.Random, v: Value) -> tuple:
    return (chance.choice(list(MATRICES)),)


def _derivative(largest: int) -> Callable[[random.Random, list[Value]], Drawn]:
    def draw(chance: random.Random, values: list[Value]) -> Drawn:
        y = _pick(chance, values, is_float)
        x = _pick(chance, values, is_float)
        if y is None or x is None:
            return None
        if np.prod(values[y].shape, dtype=int) * np.prod(values[x].shape, dtype=int) > largest:
            return None
        return (y, x), (chance.choice(list(COSTS)),)

    return draw


def _grad(taken: list[Any], params: tuple) -> Any:
    y, x = taken
    return cr.grad(COSTS[params[0]](y), x, disconnected="zero")


def _second(taken: list[Any], params: tuple) -> Any:
    y, x = taken
    g = cr.grad(COSTS[params[0]](y), x, disconnected="zero")
    return cr.grad((g * g).sum() + g.sum(), x, disconnected="zero")


def _jacobian(taken: list[Any], params: tuple) -> Any:
    y, x = taken
    J = cr.jacobian(y, x, disconnected="zero")
    return {"sum": J, "squares": (J * J).sum(), "mean cube": (J**2).sum(axis=0) if J.ndim else J}.get(params[0], J)


def _vmap(chance: random.Random, values: list[Value]) -> Drawn:
    x = _pick(chance, values, lambda v: is_float(v) and 1 <= len(v.shape) <= 3)
    s = _pick(chance, values, lambda v: is_float(v) and len(v.shape) <= 2)
    if x is None or s is None:
        return None
    return (x, s), (chance.choice(list(MAPPED)), chance.randrange(len(values[x].shape)), chance.choice((0, 0, -1)))


def build_vmap(taken: list[Any], params: tuple) -> Any:
    name, axis, out = params
    return cr.vmap(MAPPED[name], in_axes=(axis, None), out_axes=out)(*taken)


def _cast(chance: random.Random, v: Value) -> tuple:
    # whether a float is exactly 0 is a matter of rounding
    return (chance.choice(("float32", "float64") if is_float(v) else ("float32", "float64", "int64", "bool", "int32")),)


def no_params(chance: random.Random, v: Value) -> tuple:
    return ()


TABLE: dict[str, Operation] = {
    "unary": Operation(_one(is_float, _unary), lambda x, p: UNARY[p[0]](x[0]), 3),
    "test": Operation(_one(lambda v: v.dtype != "bool", _test), lambda x, p: TESTS[p[0]](x[0]), 0.5),
    "bits": Operation(_bits, lambda x, p: BITS[p[0]](*x), 0.7),
    "squeeze": Operation(_one(lambda v: 1 in v.shape, _unit_axis), lambda x, p: cr.squeeze(x[0], p[0]), 0.3),
    "binary": Operation(_binary, lambda x, p: BINARY[p[0]](*x), 4),
    "reduce": Operation(_one(lambda v: True, _reduce), lambda x, p: REDUCTIONS[p[0]](x[0], axis=p[1], keepdims=p[2]), 3),
    "along": Operation(_one(has_axes, _along), lambda x, p: ALONG[p[0]](x[0], axis=p[1]), 1.5),
    "where": Operation(_where, lambda x, p: cr.where(*x), 1),
    "einsum": Operation(_product, lambda x, p: cr.einsum(p[0], *x), 2),
    "matmul": Operation(_matmul, lambda x, p: cr.matmul(*x), 1.5),
    "transpose": Operation(_one(has_axes, _transpose), lambda x, p: cr.permute_dims(x[0], p[0]), 1),
    "reshape": Operation(_one(lambda v: True, _reshape), lambda x, p: build_reshape(x[0], p), 1.5),
    "slice": Operation(_one(has_axes, _slice), lambda x, p: build_slice(x[0], p), 2),
    "take": Operation(_take, build_take, 1),
    "scatter": Operation(_scatter, build_scatter, 0.6),
    "join": Operation(_join, lambda x, p: cr.concatenate(x, axis=p[0]), 1),
    "pad": Operation(_one(has_axes, _pad), lambda x, p: build_pad(x[0], p), 1),
    "matrix": Operation(_one(lambda v: is_float(v) and len(v.shape) >= 2, _matrix), lambda x, p: MATRICES[p[0]](x[0]), 2.5),
    "cast": Operation(_one(lambda v: True, _cast), lambda x, p: cr.astype(x[0], p[0]), 0.3),
    "grad": Operation(_derivative(10**6), _grad, 2),
    "second": Operation(_derivative(10**5), _second, 0.8),
    "jacobian": Operation(_derivative(600), _jacobian, 0.8),
    "vmap": Operation(_vmap, build_vmap, 1),
}
WEIGHTS = {name: operation.weight for name, operation in TABLE.items()}
