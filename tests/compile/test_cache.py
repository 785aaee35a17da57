"""Programs are compiled once: kept on disk between processes, in memory where there is no disk, and never trusted blindly."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile import store
from croton.runtime import engine, objectcache

PROGRAM = """
import json
import numpy as np
import croton as cr

if __name__ == "__main__":
    x, W = cr.matrix("x"), cr.shared(np.arange(6.0).reshape(3, 2), name="W")
    cost = (cr.tanh(x @ W) ** 2).mean() + cr.sort(x, axis=1)[:, 0].sum()
    f = cr.function([x], [cost, {"best": cr.argsort(x, axis=1)}], updates={W: W - 0.1 * cr.grad(cost, W)}, name="step")
    a = np.random.default_rng(0).standard_normal((4, 3))
    cost, rest = f(a)
    report = str(f.explain())
    print(json.dumps([len(f.program.seconds), cost.item(), rest["best"].tolist(), W.get_value().tolist(), report, f.flops(x=(4, 3))]))
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    store.forget()
    with cr.config.use(cache=True, cache_directory=str(tmp_path / "cache")):
        yield tmp_path / "cache"
    store.forget()


def started(folder: Path, text: str = PROGRAM, **environment: str) -> subprocess.Popen:
    path = folder.parent / "program.py"
    path.write_text(text)
    found = {**os.environ, "CROTON_CACHE_DIRECTORY": str(folder), "CROTON_CACHE": "1", "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    return subprocess.Popen([sys.executable, str(path)], env=found, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def ended(process: subprocess.Popen) -> Any:
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    return json.loads(out)


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def programs(folder: Path) -> int:
    """Compiled programs on disk; the runtime's own machine code is kept there too."""
    return sum(isinstance(_unpickled(path.read_bytes()[32:]), store.Stored) for path in files(folder))


def _unpickled(data: bytes) -> Any:
    try:
        return pickle.loads(data)
    except Exception:
        return None


def built(line: int = 0) -> cr.Function:
    """The same graph each time, from the same lines."""
    x, w = cr.vector("x"), cr.shared(np.array([1.0, 2.0, 3.0]), name="w")
    return cr.function([x], cr.exp(x) @ w)


def compiled(f: cr.Function) -> bool:
    return bool(f.program.seconds)


def test_another_process_compiles_nothing_and_says_the_same(folder: Path) -> None:
    first, second = ended(started(folder)), ended(started(folder))
    assert first[0] > 0
    assert second[0] == 0
    assert second[1:] == first[1:]
    assert "program.py" in second[4]
    assert programs(folder) == 1


def test_two_processes_at_once(folder: Path) -> None:
    both = [started(folder), started(folder)]
    results = [ended(process) for process in both]
    assert results[0][1:] == results[1][1:]
    assert ended(started(folder))[0] == 0
    assert programs(folder) == 1


def test_another_program_is_another_entry(folder: Path) -> None:
    def made(factor: float, other_line: bool) -> cr.Function:
        x = cr.vector("x")
        y = cr.exp(x) * factor if other_line else cr.exp(x)
        return cr.function([x], y if other_line else y * factor)

    assert compiled(made(2.0, True)) and not compiled(made(2.0, True))
    assert compiled(made(3.0, True))
    assert compiled(made(2.0, False))  # the same values, of other lines
    assert programs(folder) == 3


def test_off_means_off(folder: Path) -> None:
    assert ended(started(folder, CROTON_CACHE="0"))[0] > 0
    assert not folder.exists()


@pytest.mark.parametrize("damage", ["truncated", "empty", "flipped", "no program", "no pickle"])
def test_a_damaged_entry_is_made_again(folder: Path, damage: str) -> None:
    assert compiled(built())
    for path in files(folder):
        content = bytearray(path.read_bytes())
        if damage == "truncated":
            content = content[: len(content) // 2]
        elif damage == "empty":
            content = bytearray()
        elif damage == "flipped":
            content[len(content) // 2] ^= 16
        else:
            data = pickle.dumps({"a": 1}) if damage == "no program" else b"neither a pickle nor a program"
            content = bytearray(objectcache._checksum(path, data) + data)
        path.write_bytes(content)
    store.forget()
    f = built()
    assert compiled(f)
    np.testing.assert_allclose(f(np.zeros(3)), 6.0)
    store.forget()
    assert not compiled(built())


@pytest.mark.parametrize("module, name", [(objectcache, "package_identity"), (engine, "identity")])
def test_a_changed_package_or_machine_compiles_again(monkeypatch: pytest.MonkeyPatch, module: Any, name: str) -> None:
    assert compiled(built())
    store.forget()
    assert not compiled(built())
    store.forget()
    monkeypatch.setattr(module, name, lambda: "another")
    assert compiled(built())


def test_flags_that_change_programs_are_part_of_the_key() -> None:
    assert compiled(built())
    with cr.config.use(flush_subnormals=True):
        f = built()
        assert compiled(f)
        assert f.program.program.flush_subnormals


def test_where_nothing_can_be_written_programs_are_kept_in_memory(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file, not a directory")
    with cr.config.use(cache_directory=str(blocked)):
        assert compiled(built())
        f = built()
        assert not compiled(f)
        np.testing.assert_allclose(f(np.zeros(3)), 6.0)


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="the administrator writes everywhere")
def test_a_directory_that_is_read_only(folder: Path) -> None:
    (folder / "v1").mkdir(parents=True, mode=0o700)
    (folder / "v1").chmod(0o500)
    assert compiled(built())
    assert not compiled(built())


def test_in_memory_without_a_cache(folder: Path) -> None:
    with cr.config.use(cache=False):
        first = built()
        second = built()
        assert compiled(first) and not compiled(second)
        np.testing.assert_allclose([first(np.zeros(3)), second(np.zeros(3))], 6.0)
    assert not folder.exists()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_PROGRAMS", 2)
    with cr.config.use(cache=False):
        x = cr.vector("x")
        make = [lambda k=k: cr.function([x], x * k) for k in (2.0, 3.0, 4.0)]
        assert compiled(make[0]()) and compiled(make[1]()) and not compiled(make[0]())
        assert compiled(make[2]())
        assert not compiled(make[0]())
        assert compiled(make[1]())


def test_programs_found_again_have_their_own_shared_variables() -> None:
    """Equal graphs share machine code, not memory."""
    functions, variables = [], []
    for start in (0.0, 10.0):
        w = cr.shared(np.full(2, start), name="w")
        functions.append(cr.function([], w * 1.0, updates={w: w + 1}))
        variables.append(w)
    assert not compiled(functions[1])
    for f in functions:
        f()
    functions[1]()
    np.testing.assert_array_equal(variables[0].get_value(), [1, 1])
    np.testing.assert_array_equal(variables[1].get_value(), [12, 12])


def test_order_of_variables_is_not_confused() -> None:
    """Two graphs that differ only in which variable stands where are two programs."""
    results = []
    for swapped in (False, True):
        a, b = cr.shared(np.full(2, 1.0), name="v"), cr.shared(np.full(2, 5.0), name="v")
        first, second = (b, a) if swapped else (a, b)
        results.append(cr.function([], first - 2 * second)())
    np.testing.assert_array_equal(results, [[-9, -9], [3, 3]])


def test_open_sizes_of_another_graph_do_not_show() -> None:
    """A program from memory was made for other symbols than those of the graph at hand."""
    fs = []
    for _ in range(2):
        x = cr.matrix("x")
        fs.append(cr.function([x], x @ x.T))
    assert not compiled(fs[1])
    assert fs[0].flops(x=(3, 4)) == fs[1].flops(x=(3, 4)) == 48


def of_functions(crossed: bool) -> cr.Function:
    x = cr.vector("x")
    (_, first), (_, second) = [cr.value_and_grad(lambda u: (u**3).sum())(x) for _ in range(2)]
    known = second if crossed else first
    return cr.function([x], cr.grad(lambda u: ((u * known) ** 2).sum())(x) + first)


def test_calls_of_functions_that_are_differentiated_are_numbered() -> None:
    """Each call has arguments of its own, and the graph built again has others."""
    assert compiled(of_functions(False)) and not compiled(of_functions(False))
    x = np.arange(3.0)
    np.testing.assert_allclose(of_functions(True)(x), of_functions(False)(x))


def marked(factor: float) -> cr.Function:
    x = cr.vector("x")
    f = cr.custom_vjp(lambda x: x * 1.5, lambda args, y, g: g * factor)
    return cr.function([x], cr.grad(f(x).sum(), x))


def test_pullbacks_of_the_user_are_part_of_the_key() -> None:
    assert compiled(marked(2.0)) and not compiled(marked(2.0))
    f = marked(3.0)
    assert compiled(f)
    np.testing.assert_array_equal(f(np.zeros(2)), [3, 3])


def test_code_of_the_user_is_bound_where_a_program_is_loaded(folder: Path) -> None:
    """Two functions of one name may be different code: they share a program, and each runs its own."""
    found, made = [], []
    for function in (np.sin, np.cos):
        x = cr.vector("x")
        f = cr.function([x], cr.routine(function, lambda x: x, name="same")(x))
        made.append(compiled(f))
        found.append(f(np.zeros(1)).item())
        store.forget()  # what is on disk knows none of them
    assert found == [0, 1] and made == [True, False]
    assert programs(folder) == 1


def two_routines(first: Any, second: Any) -> cr.Function:
    x = cr.vector("x")
    return cr.function([x], cr.routine(first, lambda x: x, name="f")(x) - 2 * cr.routine(second, lambda x: x, name="f")(x))


def test_which_routines_are_the_same_is_part_of_the_key() -> None:
    """Equal calls are made once; so a program for one routine twice is not one for two."""
    one, two = np.zeros_like, np.ones_like
    same, other = two_routines(two, two), two_routines(two, one)
    assert compiled(same) and compiled(other)
    swapped = two_routines(one, two)
    assert not compiled(swapped)
    assert [f(np.zeros(1)).item() for f in (same, other, swapped)] == [-1, 1, -2]
    assert not compiled(two_routines(one, one))


def test_what_a_routine_gives_is_part_of_the_key() -> None:
    for like in (lambda x: x, lambda x: x.astype("float32"), lambda x: x[:1]):
        x = cr.vector("x", (3,))
        assert compiled(cr.function([x], cr.routine(np.sin, like, name="f")(x)))


def mapped(function: Any) -> cr.Function:
    X = cr.matrix("X")
    f = cr.routine(function, lambda v: v.sum(), name="f")
    rows = cr.vmap(f)(X)
    return cr.function([X], [rows, cr.scan(lambda h, v: (h + f(v), None), 0.0, X)[0]])


def test_routines_for_each_element_and_in_loops_are_kept() -> None:
    assert compiled(mapped(np.sum))
    f = mapped(np.prod)
    assert not compiled(f)
    rows, total = f(np.array([[2.0, 3.0], [4.0, 5.0]]))
    assert rows.tolist() == [6.0, 20.0] and total == 26.0


def slope(function: Any, weight: Any) -> cr.Function:
    """The derivative calls a routine that the value does not."""
    x = cr.vector("x")
    f = cr.routine(np.sin, lambda x: x, vjp=lambda args, y, g: (g * cr.routine(weight, lambda v: v, name="w")(cr.routine(function, lambda v: v)(args[0])),))
    return cr.function([x], cr.grad(f(x).sum(), x))


def test_routines_in_pullbacks_are_kept() -> None:
    first = slope(np.cos, np.negative)
    assert compiled(first)
    store.forget()
    second = slope(np.cos, np.square)
    assert not compiled(second)
    x = np.array([0.5, 1.0])
    np.testing.assert_allclose(first(x), -np.cos(x))
    np.testing.assert_allclose(second(x), np.cos(x) ** 2)


WITH_ROUTINE = """
import json
import numpy as np
import croton as cr

if __name__ == "__main__":
    x = cr.vector("x")
    f = cr.function([x], cr.routine(lambda a: a * FACTOR, lambda x: x, name="scaled")(cr.exp(x)))
    print(json.dumps([len(f.program.seconds), f(np.zeros(2)).tolist()]))
"""


def test_another_process_binds_its_own_routines(folder: Path) -> None:
    first = ended(started(folder, WITH_ROUTINE.replace("FACTOR", "2")))
    second = ended(started(folder, WITH_ROUTINE.replace("FACTOR", "3")))
    assert first[0] > 0 and second[0] == 0
    assert [first[1], second[1]] == [[2.0, 2.0], [3.0, 3.0]]
