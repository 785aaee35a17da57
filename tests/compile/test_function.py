"""Calling compiled functions: arguments, results, updates, and what is refused."""

from __future__ import annotations

import re
import threading

import numpy as np
import pytest

import croton as cr
from croton.util.errors import ArgumentError, DTypeError, KindError, OutOfRangeError, ShapeError

RNG = np.random.default_rng(0)


@pytest.fixture
def two():
    x, y = cr.vector("x"), cr.vector("y")
    return cr.function([x, y], x + 2 * y)


def test_positions_names_and_defaults() -> None:
    x, rate = cr.vector("x"), cr.scalar("rate")
    f = cr.function([x, cr.Param(rate, default=0.5)], x * rate)
    a = np.arange(3.0)
    np.testing.assert_array_equal(f(a), a * 0.5)
    np.testing.assert_array_equal(f(a, 2.0), a * 2)
    np.testing.assert_array_equal(f(rate=3.0, x=a), a * 3)


@pytest.mark.parametrize(
    "structure",
    [
        lambda a, b: a,
        lambda a, b: [a, b],
        lambda a, b: (a,),
        lambda a, b: {"sum": a, "parts": [b, (a, None)]},
        lambda a, b: [],
        lambda a, b: None,
    ],
)
def test_results_come_in_the_structure_asked_for(structure) -> None:
    x = cr.vector("x")
    asked = structure(x.sum(), x * 2)
    value = np.arange(4.0)
    found = cr.function([x], asked)(value)
    wanted = structure(value.sum(), value * 2)

    def same(a, b) -> None:
        if isinstance(b, dict):
            assert list(a) == list(b)
            for key in b:
                same(a[key], b[key])
        elif isinstance(b, (list, tuple)):
            assert type(a) is type(b) and len(a) == len(b)
            for p, q in zip(a, b):
                same(p, q)
        elif b is None:
            assert a is None
        else:
            np.testing.assert_array_equal(a, b)

    same(found, wanted)


def test_nested_arguments() -> None:
    W, b, x = cr.matrix("W"), cr.vector("b"), cr.matrix("x")
    f = cr.function([{"W": W, "b": [b]}, x], x @ W + b)
    values = {"W": RNG.standard_normal((3, 2)), "b": [np.ones(2)]}
    data = RNG.standard_normal((4, 3))
    np.testing.assert_allclose(f(values, data), data @ values["W"] + 1)
    with pytest.raises(ArgumentError, match="structure"):
        f({"W": values["W"]}, data)


def test_what_is_not_an_exact_array_is_converted_or_copied(two) -> None:
    a = np.arange(6.0)
    wanted = a[::2] + 2 * a[::2]
    for first in (a[::2], [0, 2, 4], (0.0, 2.0, 4.0), a[::2].astype("f4"), a[::2].astype("i4"), np.array([0, 2, 4], ">f8")):
        np.testing.assert_array_equal(two(first, a[::2]), wanted)
    backwards = np.arange(3.0)[::-1]
    np.testing.assert_array_equal(two(backwards, np.zeros(3)), backwards)


def test_nothing_is_cast_down() -> None:
    x = cr.vector("x", dtype="float32")
    f = cr.function([x], x * 2)
    assert f(np.ones(2, "f4")).dtype == np.float32
    assert f([1.5, 2.5]).dtype == np.float32
    with pytest.raises(DTypeError, match="without loss"):
        f(np.ones(2))
    n = cr.vector("n", dtype="int32")
    with pytest.raises(DTypeError, match="out of its range"):
        cr.function([n], n + 1)([2**40])
    with pytest.raises(DTypeError):
        cr.function([n], n + 1)([1.5])


def test_wrong_calls_are_refused_with_words(two) -> None:
    a = np.ones(3)
    with pytest.raises(TypeError, match="misses 1 of its arguments: 'y'"):
        two(a)
    with pytest.raises(TypeError, match="got 3 arguments"):
        two(a, a, a)
    with pytest.raises(TypeError, match="no argument 'z'"):
        two(a, z=a)
    with pytest.raises(TypeError, match="twice"):
        two(a, a, x=a)
    with pytest.raises(ShapeError, match="1 axes"):
        two(a, np.ones((3, 1)))
    with pytest.raises(ShapeError, match=r"has 4 along axis 0, where it wants 3 \(x.0\), as 'x' of shape \(3,\)") as error:
        two(a, np.ones(4))
    assert "test_function.py" in str(error.value)
    with pytest.raises((KindError, DTypeError)):
        two(a, "abc")


def test_sizes_zero_and_one() -> None:
    x = cr.matrix("x")
    f = cr.function([x], [x.sum(axis=0), x.sum(axis=1), x.sum(), cr.exp(x), x.T @ x])
    for shape in ((0, 3), (3, 0), (0, 0), (1, 1), (1, 5), (5, 1)):
        v = RNG.standard_normal(shape)
        for found, wanted in zip(f(v), [v.sum(0), v.sum(1), v.sum(), np.exp(v), v.T @ v]):
            assert found.shape == wanted.shape
            np.testing.assert_allclose(found, wanted, atol=1e-12)


def test_updates_happen_at_once_and_read_old_values() -> None:
    a, b = cr.shared(np.array([1.0, 2.0]), name="a"), cr.shared(np.array([10.0, 20.0]), name="b")
    swap = cr.function([], [a + b], updates=[(a, b), (b, a)])
    np.testing.assert_array_equal(swap()[0], [11, 22])
    np.testing.assert_array_equal(a.get_value(), [10, 20])
    np.testing.assert_array_equal(b.get_value(), [1, 2])
    kept = a.get_value(borrow=True)
    x = cr.vector("x")
    f = cr.function([x], a * 1.0, updates={a: a + x})
    before = f(np.ones(2))
    np.testing.assert_array_equal(before, [10, 20])
    np.testing.assert_array_equal(a.get_value(), [11, 21])
    assert kept.shape == (2,)


def test_a_failed_call_leaves_shared_variables_alone() -> None:
    w = cr.shared(np.ones(3), name="w")
    x, y = cr.vector("x"), cr.vector("y")
    f = cr.function([x, y], (x * y).sum(), updates={w: w + x})
    for bad in ((np.ones(3), np.ones(4)), (np.ones(4), np.ones(4)), (np.ones(3),)):
        with pytest.raises((ShapeError, TypeError)):
            f(*bad)
        np.testing.assert_array_equal(w.get_value(), np.ones(3))


def test_wrong_updates_are_refused() -> None:
    w = cr.shared(np.ones(3, "f4"), name="w")
    x = cr.vector("x", dtype="float32")
    with pytest.raises(ArgumentError, match="updated twice"):
        cr.function([], updates=[(w, w + 1), (w, w * 2)])
    with pytest.raises(DTypeError, match="float64"):
        cr.function([], updates={w: w.astype("float64")})
    with pytest.raises(ShapeError, match="shape"):
        cr.function([x], updates={w: w.sum()})
    with pytest.raises(KindError, match="shared"):
        cr.function([x], updates={x: x})
    for given in ({"updates": [w]}, {"updates": [(w, w, w)]}, {"updates": 3}, {"givens": [x]}, {"givens": 3}):
        with pytest.raises(KindError, match="a dict or a list of pairs"):
            cr.function([x], x * 2, **given)


LOSSY = [
    ("int64", 1.7), ("int64", np.float64(1.0)), ("float32", np.zeros(3)), ("uint8", [300, 1]), ("uint8", np.array([1, 2, 3])), ("bool", np.array([0.5, 1, 2])),
]  # fmt: skip


@pytest.mark.parametrize(("dtype", "new"), LOSSY, ids=str)
def test_an_update_by_numbers_is_not_cast_down(dtype: str, new: object) -> None:
    w = cr.shared(np.zeros(np.shape(new), dtype), name="w")
    with pytest.raises(DTypeError, match=f"the update of <w: {dtype}.* wants dtype {dtype}") as caught:
        cr.function([], updates={w: new})
    assert caught.value.line is not None and caught.value.line.file == __file__


def test_an_update_by_numbers_takes_the_dtype_of_the_variable() -> None:
    w, v, n = cr.shared(np.zeros(3, "f4")), cr.shared(np.zeros(())), cr.shared(np.zeros(2, "i8"))
    x = cr.vector("x")
    cr.function([x], updates={w: [0.1, 1, True], v: x.shape[0], n: np.array([1, 2], "i4")})(np.ones(5))
    np.testing.assert_array_equal(w.get_value(), np.array([0.1, 1, 1], "f4"))
    assert v.get_value() == 5 and n.get_value().tolist() == [1, 2]


def test_inputs_that_are_missing_or_wrong_are_refused() -> None:
    x, y = cr.vector("x"), cr.vector("y")
    with pytest.raises(ArgumentError, match="depend on inputs that are not given"):
        cr.function([x], x + y)
    with pytest.raises(ArgumentError, match="twice"):
        cr.function([x, x], x)
    with pytest.raises(KindError, match="inputs are made by"):
        cr.function([x + y], x + y)
    unused = cr.function([x, y], x * 2)
    np.testing.assert_array_equal(unused(np.ones(2), np.ones(5)), [2, 2])


def test_givens_replace_expressions() -> None:
    x, y = cr.vector("x"), cr.vector("y")
    h = x * 3
    f = cr.function([y], h + 1, givens={h: y - 1})
    np.testing.assert_array_equal(f(np.arange(3.0)), np.arange(3.0))
    with pytest.raises(DTypeError):
        cr.function([y], h, givens={h: y.sum()})
    with pytest.raises(DTypeError, match=r"what givens puts for <x: float64.* wants dtype float64, got complex128"):
        cr.function([], h, givens={x: np.ones(2) * 1j})
    np.testing.assert_array_equal(cr.function([], h, givens={x: [1, 2]})(), [3, 6])


def test_what_is_donated_is_an_input() -> None:
    x = cr.vector("x")
    with pytest.raises(ArgumentError, match="donate names inputs of the function, got 3"):
        cr.function([x], x * 2, donate=3)


def test_results_do_not_alias_arguments_or_each_other() -> None:
    x = cr.vector("x")
    w = cr.shared(np.ones(3))
    value = np.arange(3.0)
    first, second, third = cr.function([x], [x, x, w])(value)
    first[:] = 7
    second[:] = 8
    third[:] = 9
    np.testing.assert_array_equal(value, np.arange(3.0))
    np.testing.assert_array_equal(first, [7, 7, 7])
    np.testing.assert_array_equal(w.get_value(), np.ones(3))


def test_a_new_size_compiles_nothing() -> None:
    x, W = cr.matrix("x"), cr.matrix("W")
    f = cr.function([x, W], cr.grad((cr.tanh(x @ W) ** 2).mean(), W))
    weights = RNG.standard_normal((4, 5))
    entries = f.explain().kernels
    for n in (1, 2, 7, 33):
        value = RNG.standard_normal((n, 4))
        t = np.tanh(value @ weights)
        np.testing.assert_allclose(f(value, weights), value.T @ (2 * t * (1 - t**2)) / t.size, rtol=1e-10)
    assert f.explain().kernels == entries


def test_many_threads_call_one_function() -> None:
    x = cr.matrix("x")
    f = cr.function([x], (cr.exp(x) @ x.T).sum(axis=1))
    values = [RNG.standard_normal((40, 30)) for _ in range(4)]
    wanted = [(np.exp(v) @ v.T).sum(axis=1) for v in values]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(200):
            if not np.allclose(f(values[i]), wanted[i]):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_predictions_are_functions_of_the_sizes() -> None:
    x = cr.matrix("x")
    f = cr.function([x], x @ x.T)
    assert f.flops(x=(10, 20)) == 10 * 11 * 20  # half of it, as it is symmetric
    assert f.memory_peak(x=(10, 20)) == 10 * 10 * 8
    assert f.memory_peak(np.zeros((3, 4))) == 9 * 8
    with pytest.raises(ArgumentError, match="give the shapes"):
        f.flops()
    with pytest.raises(ShapeError):
        f.flops(x=(3,))
    assert isinstance(f, cr.Function)
    text = str(f.explain())
    assert "matrix product" in text and "test_function.py" in text


def test_a_new_value_that_is_also_used_does_not_overwrite_the_old_one_early() -> None:
    a = np.arange(6.0).reshape(3, 2) / 4
    w = cr.shared(a, name="w")
    new = cr.cos(w)
    joined, kept, top = cr.function([], [cr.concatenate([new, w, new]), w, new.max(axis=0)], updates={w: new})()
    np.testing.assert_allclose(joined, np.concatenate([np.cos(a), a, np.cos(a)]))
    np.testing.assert_array_equal(kept, a)
    np.testing.assert_allclose(top, np.cos(a).max(axis=0))
    np.testing.assert_allclose(w.get_value(), np.cos(a))


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_indices_of_every_integer_dtype(kind: str) -> None:
    x, i = cr.vector("x"), cr.vector("i", dtype=kind)
    f = cr.function([x, i], x[i])
    values = np.arange(3.0)
    np.testing.assert_array_equal(f(values, np.array([2, 0], kind)), [2, 0])
    with pytest.raises(OutOfRangeError, match=r"index 3 \(element 1 of the indices\) is out of range for an axis of size 3 \(x.0\)"):
        f(values, np.array([0, 3], kind))
    if kind.startswith("int"):
        np.testing.assert_array_equal(f(values, np.array([-1, -3], kind)), [2, 0])
        with pytest.raises(OutOfRangeError, match="index -4"):
            f(values, np.array([-4], kind))


def test_an_index_that_nothing_is_read_with_may_be_any() -> None:
    """An axis of 0 elements has none to choose: NumPy refuses where there is an index, and there is none where the index has no elements."""
    x, i = cr.matrix("x"), cr.vector("i", dtype="int64")
    first = i * 0
    reads = {
        "taken": cr.take(x, first, axis=0),
        "slope": cr.grad(cr.take(x, first, axis=0).sum(), x),
        "added": cr.zeros((x.shape[0],)).at[first].add(1.0),
        "greatest": cr.zeros((x.shape[0],)).at[first].max(1.0),
        "along": cr.take_along_axis(x[:, :1] * cr.ones(i.shape), first[None], axis=0),
        "one_hot": cr.one_hot(first, x.shape[0]),
    }
    for name, value in reads.items():
        f = cr.function([x, i], value)
        shape = f(np.ones((0, 3)), np.ones(0, int)).shape
        assert 0 in shape, name
        f(np.ones((2, 3)), np.ones(4, int))
        with pytest.raises(OutOfRangeError, match="is out of range for an axis of size 0"):
            f(np.ones((0, 3)), np.ones(2, int))


@pytest.mark.parametrize("scattered", [False, True])
def test_an_index_that_is_computed_and_wrong_leaves_shared_variables_alone(scattered: bool) -> None:
    """The check comes after the kernel that computes the index, which computes the update too."""
    x, i = cr.vector("x"), cr.vector("i", dtype="int64")
    w = cr.shared(np.zeros(5), name="w")
    new = w.at[i].add((x * 3).sum()) if scattered else w + x.sum()
    places = (new[:3] * 7 if not scattered else (x * 3).cumsum()).astype("int64")
    f = cr.function([x, i], [x[places]], updates={w: new})
    with pytest.raises(OutOfRangeError):
        f(np.arange(4.0), np.array([0, 1]))
    np.testing.assert_array_equal(w.get_value(), np.zeros(5))


def test_an_update_of_unknown_size_keeps_the_shape_of_its_variable() -> None:
    v, w = cr.vector("v"), cr.shared(np.ones(3), name="w")
    f = cr.function([v], updates={w: v})
    with pytest.raises(cr.ShapeError, match=r"argument 'v' of shape \(4,\) has 4 along axis 0, where it wants 3"):
        f(np.ones(4))
    np.testing.assert_array_equal(w.get_value(), np.ones(3))
    f(np.arange(3.0))
    np.testing.assert_array_equal(w.get_value(), np.arange(3.0))
    free = cr.shared(np.ones(3), name="free", shape=(None,))
    cr.function([v], updates={free: v})(np.ones(5))
    assert free.get_value().shape == (5,)


def test_givens_say_what_sizes_are() -> None:
    v, s = cr.vector("v"), cr.scalar("s")
    f = cr.function([s], [v * 2, cr.size(v.shape[0])], givens={v: cr.ones(3) * s})
    doubled, count = f(2.0)
    np.testing.assert_array_equal(doubled, [4, 4, 4])
    assert count == 3


@pytest.mark.parametrize("convert", [float, int, complex])
def test_an_expression_is_no_number(convert: type) -> None:
    with pytest.raises(cr.KindError, match=r"a symbolic array has no value while the graph is built: <s: float64\[\]>.*eval\(\)"):
        convert(cr.scalar("s"))


def test_wrong_arguments_are_errors_of_ours_that_name_the_line() -> None:
    f = cr.function([cr.vector("v"), cr.vector("u")], cr.ones(1))
    for args, kwargs, says in (
        ((np.ones(1),), {}, "misses 1 of its arguments: 'u'"),
        ((1, 2, 3), {}, "got 3 arguments by position"),
        ((np.ones(1),), {"t": 1}, "has no argument 't'"),
        ((np.ones(1), np.ones(1)), {"v": 1}, "got argument 'v' twice"),
    ):
        with pytest.raises(cr.KindError, match=rf"{says}[^\n]*\n  at .*test_function.py"):
            f(*args, **kwargs)


def test_a_dtype_without_arrays_is_an_error_of_ours() -> None:
    for make in (lambda: cr.vector("h", dtype="float16"), lambda: cr.vector("v").astype("complex64"), lambda: cr.zeros(3, dtype="S1")):
        with pytest.raises(cr.DTypeError, match=r"no arrays of dtype .*; the dtypes are bool, .*float64"):
            make()


@pytest.mark.parametrize(
    "new, words",
    [
        (lambda w, t, rate, n: w * (1 - 0.9 ** (t + 1)), r"<add: int64\[\]>, an integer that was computed with in float64"),
        (lambda w, t, rate, n: w - rate * w, r"the operand that promoted it, <rate: float64\[\]> at "),
        (lambda w, t, rate, n: cr.exp(w) + 2 * (w * np.ones(3)), r"the operand that promoted it, <constant: float64\[3\]>"),
        (lambda w, t, rate, n: w / n, r"<n: int32\[3\]>, an integer that was computed with in float64"),
        (lambda w, t, rate, n: w.astype("float64"), r"the operand that promoted it$"),
    ],
)
def test_an_update_of_another_dtype_names_what_promoted_it(new, words: str) -> None:
    w, t, n = cr.shared(np.ones(3, "float32"), name="w"), cr.shared(0, name="t"), cr.shared(np.ones(3, "int32"), name="n")
    rate = cr.scalar("rate")
    with pytest.raises(cr.DTypeError) as caught:
        cr.function([rate], [], updates={w: new(w, t, rate, n)})
    assert re.search(words, caught.value.message)


def test_an_argument_that_would_have_to_broadcast_is_told_how() -> None:
    x, y = cr.matrix("x"), cr.matrix("y")
    f = cr.function([x, y], x + y)
    for shapes in ((3, 4), (1, 4)), ((1, 4), (3, 4)):
        with pytest.raises(cr.ShapeError, match=r"an axis of size 1 broadcasts where it is declared so"):
            f(*map(np.ones, shapes))
    with pytest.raises(cr.ShapeError) as caught:
        f(np.ones((3, 4)), np.ones((2, 4)))
    assert "broadcasts" not in str(caught.value)
