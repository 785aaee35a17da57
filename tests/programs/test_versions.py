"""Functions whose best program depends on sizes that are not known: each call runs the one for its sizes, and nothing is compiled again."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile import store
from croton.util.errors import ShapeError

RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def _without_cache() -> Iterator[None]:
    with cr.config.use(cache=False):
        yield


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    return [RNG.standard_normal(shape) for shape in shapes]


def programs(f: Any) -> list[Any]:
    return [f.program, *f.program.others]


def agrees(f: Any, given: list[np.ndarray], wanted: np.ndarray) -> None:
    """The function, and every one of its programs by itself."""
    np.testing.assert_allclose(f(*given), wanted, rtol=1e-9, atol=1e-9)
    for program in programs(f):
        alone = program._replace(others=(), choosing=None).load()
        np.testing.assert_allclose(alone(*given), wanted, rtol=1e-9, atol=1e-9)


def chain(count: int) -> Any:
    matrices = [cr.matrix(f"m{i}") for i in range(count)]
    product = matrices[0]
    for matrix in matrices[1:]:
        product = product @ matrix
    return cr.function(matrices, product)


def test_a_product_of_three_matrices_is_taken_in_either_order() -> None:
    f = chain(3)
    assert len(programs(f)) == 2
    for n, k, m, p in ((3, 90, 80, 70), (90, 80, 70, 3), (60, 60, 60, 60), (1, 1, 1, 1), (0, 3, 2, 1), (5, 0, 4, 3)):
        given = arrays((n, k), (k, m), (m, p))
        agrees(f, given, given[0] @ given[1] @ given[2])
        left, right = 2 * n * m * (k + p), 2 * k * p * (m + n)
        assert f.flops(*given) in (left, right)
        if max(left, right) > 2 * min(left, right) > 100_000:
            assert f.flops(*given) == min(left, right)
            # In the arena is what the first product gives, in whole cache lines.
            first = (n * m if left < right else k * p) * 8
            assert f.memory_peak(*given) == (first + 63) // 64 * 64 + n * p * 8


def test_the_norm_of_a_sum_of_outer_products_is_taken_directly_or_by_its_gram_matrices() -> None:
    X, D = cr.tensor("X", (None, None, None)), cr.tensor("D", (None, None, None))
    with cr.config.use(algebra="aggressive"):
        f = cr.function([X, D], (cr.einsum("btd,bte->bde", X, D) ** 2).sum(axis=(1, 2)))
    assert len(programs(f)) == 2
    for b, t, d, e in ((8, 3, 90, 100), (8, 90, 12, 10)):
        given = arrays((b, t, d), (b, t, e))
        agrees(f, given, (np.einsum("btd,bte->bde", *given) ** 2).sum(axis=(1, 2)))
        direct, gram = 2 * b * t * d * e, 2 * b * t * t * (d + e)
        assert f.flops(*given) < 1.3 * min(direct, gram) < 0.6 * max(direct, gram)


def test_attention_without_softmax_makes_a_square_only_where_it_is_small() -> None:
    q, k, v = (cr.matrix(name) for name in "qkv")
    f = cr.function([q, k, v], (q @ k.T) @ v)
    for n, d in ((2000, 8), (8, 500)):
        given = arrays((n, d), (n, d), (n, d))
        agrees(f, given, given[0] @ given[1].T @ given[2])
        assert f.flops(*given) == 4 * n * d * min(n, d)
        assert f.memory_peak(*given) <= (min(n, d) ** 2 + n * d) * 8


def test_sizes_with_a_minimum_take_part_in_choices() -> None:
    """The first rows of x, as many as y has: with few of them, or few columns, the left product comes first."""
    x, y, b, c = cr.matrix("x"), cr.vector("y"), cr.matrix("b"), cr.matrix("c")
    f = cr.function([x, y, b, c], x[: y.shape[0]] @ b @ c)
    assert len(programs(f)) > 1
    for n, rows, k, m, p in ((300, 2, 90, 80, 70), (2, 300, 90, 80, 70), (200, 200, 80, 70, 3), (5, 0, 4, 3, 2)):
        given = arrays((n, k), (rows,), (k, m), (m, p))
        agrees(f, given, given[0][:rows] @ given[2] @ given[3])
        least = min(n, rows)
        left, right = 2 * least * m * (k + p), 2 * k * p * (m + least)
        if max(left, right) > 2 * min(left, right) > 100_000:
            assert f.flops(*given) == min(left, right)


def test_many_orders_have_a_few_programs() -> None:
    f = chain(6)
    assert len(programs(f)) == 3
    for sizes in ((70, 70, 70, 70, 70, 70, 2), (2, 70, 70, 70, 70, 70, 70), (70, 70, 70, 2, 70, 70, 70), (9, 8, 7, 6, 5, 4, 3)):
        given = arrays(*pairwise(sizes))
        agrees(f, given, np.linalg.multi_dot(given))
        picked = f.program.at([array.shape for array in given])
        costs = [program.account.flops(f.account.sizes(given)) for program in programs(f)]
        if max(sizes) > 20:
            assert picked.account.flops(f.account.sizes(given)) == min(costs)


@pytest.mark.parametrize("policy", ["strict", "default", "aggressive"])
def test_one_program_where_one_is_good_at_all_sizes(policy: str) -> None:
    x, W, b = cr.matrix("x"), cr.matrix("W"), cr.vector("b")
    cost = (cr.tanh(x @ W + b) ** 2).mean()
    J = cr.vmap(lambda row: cr.jacobian(cr.softmax(row @ W), row))(x)
    with cr.config.use(algebra=policy):
        for outputs in (cr.grad(cost, [W, b]), [x @ W @ b], [(J**2).sum(axis=(1, 2)).mean()]):
            f = cr.function([x, W, b], outputs)
            assert len(programs(f)) == 1 and f.program.choosing is None


def test_what_is_done_in_each_step_of_a_loop_is_taken_in_either_order() -> None:
    h, U, V = cr.matrix("h"), cr.matrix("U"), cr.matrix("V")
    states = cr.fori(0, 10, lambda i, value: cr.tanh(value @ U @ V), h)
    f = cr.function([h, U, V], states)
    assert len(programs(f)) == 2
    for b, n, r in ((100, 60, 2), (300, 5, 300)):
        given = [array / 8 for array in arrays((b, n), (n, r), (r, n))]
        wanted = given[0]
        for _ in range(10):
            wanted = np.tanh(wanted @ given[1] @ given[2])
        agrees(f, given, wanted)
        narrow, wide = 10 * 4 * b * n * r, 10 * (2 * n * n * r + 2 * b * n * n)
        assert f.flops(*given) < 1.5 * min(narrow, wide) + 10 * 20 * b * n < max(narrow, wide)


def test_known_sizes_have_one_program() -> None:
    a, b, c = (cr.tensor(name, (64, 64)) for name in "abc")
    assert len(programs(cr.function([a, b, c], a @ b @ c))) == 1


def test_updates_donation_names_and_lists_go_to_the_chosen_program() -> None:
    a, b, c = (cr.matrix(name) for name in "abc")
    total = cr.shared(np.zeros(()), name="total")
    product = a @ b @ c
    f = cr.function([a, b, c], {"product": product, "twice": 2 * a}, updates={total: total + product.sum()}, donate=[a])
    assert len(programs(f)) == 2
    wanted = 0.0
    for n, k, m, p in ((2, 60, 50, 60), (60, 60, 50, 2), (50, 60, 60, 60)):
        given = arrays((n, k), (k, m), (m, p))
        expected = given[0] @ given[1] @ given[2]
        wanted += expected.sum()
        donated = given[0].copy()
        found = f(donated, c=given[2].tolist(), b=np.asfortranarray(given[1]))
        np.testing.assert_allclose(found["product"], expected, rtol=1e-9, atol=1e-9)
        np.testing.assert_array_equal(found["twice"], 2 * given[0])
        np.testing.assert_allclose(total.get_value(), wanted, rtol=1e-9, atol=1e-9)


def test_errors_and_profiles_are_of_the_chosen_program() -> None:
    a, b, c, i = cr.matrix("a"), cr.matrix("b"), cr.matrix("c"), cr.tensor("i", (None,), dtype="int64")
    f = cr.function([a, b, c, i], (a @ b @ c)[i])
    assert len(programs(f)) == 2
    for n, k, m, p in ((2, 300, 300, 300), (300, 300, 300, 2)):
        given = arrays((n, k), (k, m), (m, p))
        np.testing.assert_allclose(f(*given, np.array([1, 0])), (given[0] @ given[1] @ given[2])[[1, 0]], rtol=1e-9, atol=1e-9)
        with pytest.raises(IndexError, match=f"index {n}.*out of range for an axis of size {n}"):
            f(*given, np.array([0, n]))
        with pytest.raises(ShapeError, match="along axis"):
            f(given[0], given[1][1:], given[2], np.array([0]))
        assert sum(call.flops for call in f.profile(*given, np.array([0]), repeat=1).calls) == f.flops(*given, np.array([0]))


def test_checked_calls_name_what_is_wrong() -> None:
    a, b, c = (cr.matrix(name) for name in "abc")
    with cr.config.use(check_finite=True):
        f = cr.function([a, b, c], cr.log(a @ b @ c))
    assert len(programs(f)) == 2
    for n, k, m, p in ((2, 300, 300, 300), (300, 300, 300, 2)):
        given = [np.abs(array) for array in arrays((n, k), (k, m), (m, p))]
        np.testing.assert_allclose(f(*given), np.log(given[0] @ given[1] @ given[2]))
        with pytest.raises(FloatingPointError, match="log made nan"):
            f(-given[0], *given[1:])


def test_the_report_says_which_programs_there_are_and_when_they_run() -> None:
    text = str(chain(3).explain())
    assert text.startswith("function: 2 programs; each call runs the one that costs least at its sizes\n")
    first, second = text.split("\n")[1:3]
    assert first.startswith("Program 1, at likely sizes, costs 0.25*m0.0*m0.1*m1.1 + ")
    assert second.startswith("Program 2, as with ") and "m2.1 = 4" in second and "0.25*m0.1*m1.1*m2.1" in second
    assert text.count("library calls") == 2 and text.count("\n\nProgram ") == 2


SCRIPT = """
import numpy as np
import croton as cr

if __name__ == "__main__":
    a, b, c = (cr.matrix(name) for name in "abc")
    f = cr.function([a, b, c], a @ cr.tanh(b) @ c)
    counts = [f.flops(a=(n, 50), b=(50, 50), c=(50, p)) for n, p in ((2, 50), (50, 2))]
    x, y, z = np.ones((2, 50)), np.ones((50, 50)), np.ones((50, 50))
    print(len(f.program.seconds), len(f.program.others), *counts, f(x, y, z).sum(), f(z, y, x.T.copy()).sum(), repr(str(f.explain())))
"""


def test_all_programs_come_from_the_cache(tmp_path: Path) -> None:
    path = tmp_path / "program.py"
    path.write_text(SCRIPT)
    environment = {"CROTON_CACHE_DIRECTORY": str(tmp_path / "cache"), "PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    first, second = (
        subprocess.run([sys.executable, str(path)], env=environment, capture_output=True, text=True, check=True, timeout=120).stdout.split(" ", 1)
        for _ in range(2)
    )
    assert int(first[0]) > 0 and int(second[0]) == 0
    assert first[1] == second[1] and first[1].split(" ")[0] == "1"


def test_equal_programs_are_compiled_once() -> None:
    store.forget()
    first, second = chain(3), chain(3)
    assert first.program.seconds and not second.program.seconds and len(programs(second)) == 2
    given = arrays((3, 90), (90, 80), (80, 70))
    np.testing.assert_array_equal(first(*given), second(*given))


def softmax_penalty(x: Any, W: Any) -> Any:
    J = cr.vmap(lambda row: cr.jacobian(cr.softmax(row @ W), row))(x)
    return (J**2).sum(axis=(1, 2)).mean()


def jacobian_of_layers(x: Any, V: Any, W: Any, U: Any) -> Any:
    return cr.jacobian(cr.tanh(cr.tanh(x @ V) @ W) @ U, x)


def hessian_times_vectors(X: Any, w: Any, V: Any) -> Any:
    return cr.jacobian(cr.grad(cr.softplus(X @ w).sum(), w), w) @ V


def gradient_of_a_table(table: Any, i: Any, W: Any) -> Any:
    return cr.grad(((table[i].mean(axis=1) @ W) ** 2).sum(), table)


WIDE = {"b": 300, "c": 300, "d": 300}
SETTINGS: list[Any] = [
    (softmax_penalty, "bv vh", [{"b": 4, "v": 300, "h": 200}, {"b": 2000, "v": 20, "h": 30}]),
    (jacobian_of_layers, "a ab bc cd", [{**WIDE, "a": 500, "c": 6}, {**WIDE, "a": 500, "b": 5}, {**WIDE, "a": 4}]),
    (hessian_times_vectors, "nd d dk", [{"n": 1000, "d": 50, "k": 2}, {"n": 20, "d": 300, "k": 200}]),
    (gradient_of_a_table, "nd bt dk", [{"n": 1000, "d": 64, "b": 30, "t": 20, "k": 10}, {"n": 10, "d": 8, "b": 30, "t": 20, "k": 500}]),
]


@pytest.mark.parametrize(("define", "axes", "ends"), SETTINGS, ids=[setting[0].__name__ for setting in SETTINGS])
def test_unknown_sizes_take_hardly_more_than_known_ones(define: Any, axes: str, ends: list[dict[str, int]]) -> None:
    def inputs(shapes: list[tuple[int | None, ...]]) -> list[Any]:
        return [cr.tensor(f"x{i}", shape, dtype="int64" if axes.split()[i] == "bt" else "float64") for i, shape in enumerate(shapes)]

    unknown = inputs([(None,) * len(names) for names in axes.split()])
    f = cr.function(unknown, define(*unknown))
    for sizes in ends:
        shapes = [tuple([sizes[name] for name in names]) for names in axes.split()]
        known = inputs(list(shapes))
        best = cr.function(known, define(*known))
        assert f.flops(*shapes) < 1.5 * best.flops()
        given = [RNG.integers(0, sizes["n"], shape) if names == "bt" else RNG.standard_normal(shape) / 10 for names, shape in zip(axes.split(), shapes)]
        np.testing.assert_allclose(f(*given), best(*given), rtol=1e-8, atol=1e-10)
