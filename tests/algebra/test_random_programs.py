"""Random programs over every kind: values against NumPy twins, Jacobians against central differences, squared norms of Jacobians."""

from __future__ import annotations

import numpy as np
import pytest
from algebra_arrays import (
    Array,
    apply,
    arange,
    array,
    concat,
    einsum,
    int64,
    jacobian,
    tanh,
    value,
    values,
    where,
)

from croton.algebra.check import check
from croton.sizes import symbol

SIZES = ("P", "Q", "M")
Pair = tuple[Array, np.ndarray]


class Program:
    """One random program: arrays with the values that NumPy gives them."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.sizes = {name: int(self.rng.integers(1, 5)) for name in SIZES}
        # Some sizes are known when the program is built, some are not.
        self.size = {name: symbol(name) if self.rng.random() < 0.6 else extent for name, extent in self.sizes.items()}
        self.inputs: dict[str, np.ndarray] = {}
        self.pool: list[Pair] = []
        for place, names in enumerate((("P",), ("P", "Q"), ("Q", "P"))):
            key = f"x{place}"
            self.inputs[key] = self.rng.normal(size=[self.sizes[name] for name in names]) * 0.7
            self.pool.append((array(key, *[self.size[name] for name in names]), self.inputs[key]))
        self.leaves = list(self.pool)
        for _ in range(int(self.rng.integers(3, 16))):
            pair = self.step(int(self.rng.integers(30)))
            if pair is not None and len(pair[0].axes) <= 3 and pair[1].size <= 200 and np.abs(pair[1]).max(initial=0) < 1e3:
                self.pool.append(pair)

    def pick(self) -> Pair:
        # The latest value often, so that programs grow deep.
        return self.pool[-1 if self.rng.random() < 0.5 else self.rng.integers(len(self.pool))]

    def index(self, extent: int, *names: str) -> Pair:
        key = f"i{len(self.inputs)}"
        self.inputs[key] = self.rng.integers(0, extent, [self.sizes[name] for name in names])
        return array(key, *[self.size[name] for name in names], dtype=int64), self.inputs[key]

    def step(self, choice: int) -> Pair | None:
        rng = self.rng
        a, A = self.pick()
        rank = A.ndim
        axis = int(rng.integers(rank)) if rank else 0
        if choice < 20 and not rank:
            return None
        n = A.shape[axis] if rank else 0
        if choice == 0 and n >= 2 and rank < 3:
            width, stride, pad = int(rng.integers(1, min(n, 3) + 1)), int(rng.integers(1, 3)), int(rng.integers(0, 2))
            padded = np.pad(A, [(pad, pad) if i == axis else (0, 0) for i in range(rank)])
            windows = np.lib.stride_tricks.sliding_window_view(padded, width, axis=axis)
            strided = windows[tuple(slice(None, None, stride) if i == axis else slice(None) for i in range(rank))]
            return a.window(axis, width, stride, 1, pad), np.moveaxis(strided, -1, axis + 1)
        if choice == 1 and n >= 2:
            start = int(rng.integers(0, n))
            return a.slice(axis, start), np.take(A, np.arange(start, n), axis)
        if choice == 2:
            low, high = (int(k) for k in rng.integers(0, 3, 2))
            return a.pad(axis, low, high), np.pad(A, [(low, high) if i == axis else (0, 0) for i in range(rank)])
        if choice == 3:
            return a.flip(axis), np.flip(A, axis)
        if choice == 4 and n:
            return a.shift(axis), np.concatenate([np.zeros_like(np.take(A, [0], axis)), np.take(A, np.arange(n - 1), axis)], axis)
        if choice == 5 and rank >= 2:
            axis = min(axis, rank - 2)
            return a.merge(axis), A.reshape(*A.shape[:axis], -1, *A.shape[axis + 2 :])
        if choice == 6:
            return a.cumsum(axis), np.cumsum(A, axis)
        if choice == 7:
            return a.cumsum(axis, True), np.flip(np.cumsum(np.flip(A, axis), axis), axis)
        if choice == 8 and n:
            return a.reduce("max", axis), A.max(axis)
        if choice == 9 and n and rank < 3:
            index, values_ = self.index(n, "M")
            return a.take(index, axis), np.take(A, values_, axis)
        if choice == 10 and rank == 2 and A.shape[1]:
            key = f"i{len(self.inputs)}"
            self.inputs[key] = rng.integers(0, A.shape[1], A.shape[0])
            index = array(key, a.shape[0], dtype=int64)
            return a.take_along(index), A[np.arange(A.shape[0]), self.inputs[key]]
        if choice == 11 and rank == 2:
            return a * apply("le", arange(a.shape[1]), arange(a.shape[0]).insert(1)), np.tril(A)
        if choice == 12:
            weight = apply("cast", arange(a.shape[-1]), dtype=a.use.dtype)
            return a * weight, A * np.arange(A.shape[-1])
        if choice == 13 and rank == 2:
            return a.T, A.T
        if choice == 14:
            return a.sum(axis), A.sum(axis)
        if choice == 15:
            return concat([a, a], axis), np.concatenate([A, A], axis)
        if choice == 16 and n:
            return a.reduce("prod", axis), A.prod(axis)
        if choice == 17 and n:
            return a.reduce("lse", axis), np.logaddexp.reduce(A, axis)
        if choice == 18 and n:
            function = ("max", "prod")[int(rng.integers(2))]
            return a.cumulate(function, axis), (np.maximum.accumulate if function == "max" else np.cumprod)(A, axis)
        if choice == 19 and rank == 2 and a.shape[0] == a.shape[1]:
            return einsum("ii->i", a), np.diagonal(A).copy()
        b, B = self.pick()
        if choice == 20 and a.shape == b.shape:
            return a * b, A * B
        if choice == 21 and rank == 2 and B.ndim == 2 and a.shape[1] == b.shape[0]:
            return a @ b, A @ B
        if choice == 22:
            return a**2, A**2
        if choice == 23:
            return tanh(a), np.tanh(A)
        if choice == 24 and a.shape == b.shape:
            return a - b * 2, A - B * 2
        if choice == 25 and a.shape == b.shape:
            return where(apply("gt", a, b), a * b, b), np.where(A > B, A * B, B)
        if choice == 26:
            return 1 / (a**2 + 1), 1 / (A**2 + 1)
        if choice == 27 and rank and B.ndim and a.shape[0] == b.shape[0]:
            letters = "ijk"[:rank], "i" + "lm"[: B.ndim - 1]
            out = (letters[0] + letters[1][1:])[: int(rng.integers(0, 4))]
            spec = f"{letters[0]},{letters[1]}->{out}"
            return (einsum(spec, a, b), np.einsum(spec, A, B)) if rank < 4 and B.ndim < 4 else None
        if choice == 28 and rank:
            return a.mean(0), A.mean(0)
        if choice == 29 and rank == 1:
            eye = apply("eq", arange(a.shape[0]), arange(a.shape[0]).insert(1))
            return eye * a, np.diag(A)
        return None


def differences(f, A: np.ndarray) -> np.ndarray:
    result = np.zeros(f().shape + A.shape)
    for place in np.ndindex(A.shape):
        kept = A[place]
        A[place] = kept + 1e-5
        above = f()
        A[place] = kept - 1e-5
        below = f()
        A[place] = kept
        result[(..., *place)] = (above - below) / 2e-5
    return result


def difference(found: np.ndarray, expected: np.ndarray, floor: float) -> float:
    assert found.shape == np.shape(expected), (found.shape, np.shape(expected))
    return float(np.max(np.abs(found - expected), initial=0) / (floor + np.max(np.abs(expected), initial=0)))


def run(seed: int) -> None:
    program = Program(seed)
    inputs, sizes = program.inputs, program.sizes
    arrays = program.pool[-3:]
    check([a.use for a, _ in arrays])
    for found, (_, expected) in zip(values([a for a, _ in arrays], inputs, sizes), arrays):
        assert difference(found, expected, 1e-6) < 1e-9
    y, _ = arrays[-1]
    x, A = program.leaves[int(program.rng.integers(3))]
    J = jacobian(y, x)
    check([J.use])
    found = value(J, inputs, sizes)
    numeric = differences(lambda: value(y, inputs, sizes), A)
    assert difference(found, numeric, 1e-2) < 1e-3
    squared = (J**2).sum()
    check([squared.use])
    assert difference(value(squared, inputs, sizes), (found**2).sum(), 1e-6) < 1e-9
    if len(J.axes) > 1:
        part = (J * J).sum(0)
        assert difference(value(part, inputs, sizes), (found**2).sum(0), 1e-6) < 1e-9


@pytest.mark.parametrize("block", range(4))
def test_random_programs_mean_what_numpy_says(block: int) -> None:
    for seed in range(1000 * block, 1000 * block + 30):
        try:
            run(seed)
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
