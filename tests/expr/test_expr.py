"""Nodes: equal ones are one object, types are checked, leaves behave."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
import weakref

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import croton as e
from croton.dtypes import ALL, float32, float64, int64
from croton.expr.expr import Apply, Constant, Expr, SharedVariable, constant, input
from croton.expr.types import TensorType
from croton.ops.creation import matrix, shared, tensor, vector
from croton.ops.linalg import matmul
from croton.ops.reductions import sum as sum_
from croton.ops.sugar import install_operators
from croton.sizes import symbol
from croton.util.errors import DTypeError, KindError, ShapeError

install_operators()


def test_equal_expressions_are_one_object() -> None:
    x, y = vector("x"), vector("y", shape=("n",))
    assert e.exp(x) is e.exp(x)
    assert (y + 1) * y is (y + 1) * y
    assert x + 1 is not x + 2
    assert sum_(y, 0) is sum_(y, -1)
    assert sum_(y, 0) is not sum_(y, 0, keepdims=True)


def test_inputs_and_shared_variables_are_themselves() -> None:
    assert vector("x") is not vector("x")
    value = np.ones(3)
    assert shared(value) is not shared(value)


def test_nodes_nobody_holds_are_forgotten() -> None:
    x = vector("x")
    y = e.exp(e.sin(x))
    died = weakref.ref(y)
    number = y.id
    del y
    gc.collect()
    assert died() is None
    assert e.exp(e.sin(x)).id != number


@given(st.sampled_from(ALL), st.lists(st.integers(0, 100), max_size=4))
def test_small_constants_are_compared_by_value(dtype: object, numbers: list[int]) -> None:
    array = np.array(numbers, dtype.numpy)  # type: ignore[attr-defined]
    first, second = constant(array), constant(array.copy())
    assert first is second
    assert first.line is None, "it stands for all places where it is written"
    assert first.dtype is dtype
    assert first.shape == array.shape


def test_constants_of_different_type_or_sign_are_different() -> None:
    assert constant(0.0) is not constant(-0.0)
    assert constant(1, float32) is not constant(1, float64)
    assert constant(1, "int8") is not constant(True, "bool")
    assert constant(np.ones((2, 1))) is not constant(np.ones((1, 2)))
    assert constant(np.nan) is constant(np.nan)


def test_constants_cannot_change() -> None:
    array = np.ones(3)
    c = constant(array)
    array[0] = 5
    assert c.value[0] == 1
    with pytest.raises(ValueError):
        c.value[0] = 2


def test_shared_variables_own_their_value() -> None:
    value = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    w = shared(value, "w")
    value[0, 0] = 9
    assert w.get_value()[0, 0] == 0
    assert w.cell[0].flags.c_contiguous
    w.get_value()[0, 0] = 7
    assert w.get_value()[0, 0] == 0
    w.get_value(borrow=True)[0, 0] = 7
    assert w.get_value()[0, 0] == 7
    replacement = np.zeros((2, 3))
    w.set_value(replacement, borrow=True)
    assert w.cell[0] is replacement
    w.set_value(replacement)
    assert w.cell[0] is not replacement


def test_shared_variables_keep_their_type() -> None:
    w = shared(np.zeros((2, 3), np.float32), "w")
    with pytest.raises(DTypeError, match=r"'w' holds float32, got float64; .*astype"):
        w.set_value(np.zeros((2, 3)))
    with pytest.raises(ShapeError, match=r"\(2, 3\), got a value of shape \(3, 2\)"):
        w.set_value(np.zeros((3, 2), np.float32))
    w.set_value([[1, 2, 3], [4, 5, 6]])
    assert w.get_value().dtype == np.float32
    with pytest.raises(DTypeError):
        shared(np.zeros(2, np.int32)).set_value([0.5, 1])
    growing = shared(np.zeros((2, 3)), shape=(symbol("rows"), 3))
    growing.set_value(np.zeros((5, 3)))
    assert growing.get_value().shape == (5, 3)


def test_a_read_only_value_is_copied() -> None:
    value = np.zeros(3)
    value.flags.writeable = False
    w = shared(value)
    w.set_value(value, borrow=True)
    assert w.cell[0].flags.writeable


def test_an_expression_has_no_truth_value() -> None:
    x = vector("x")
    with pytest.raises(KindError, match=r"no truth value.*where or cond"):
        bool(x > 0)
    with pytest.raises(KindError):
        assert x in [vector("y"), x]


def test_expressions_are_keys_by_identity() -> None:
    xs = [vector(f"x{i}") for i in range(300)]
    table = {x: i for i, x in enumerate(xs)}
    assert [table[x] for x in xs] == list(range(300))
    assert len(set(xs) | set(xs)) == 300


def test_copies_are_the_same_and_pickles_are_refused() -> None:
    x = e.exp(vector("x"))
    assert copy.copy(x) is x
    assert copy.deepcopy([x])[0] is x
    with pytest.raises(KindError, match="get_value"):
        pickle.dumps(x)


def test_unknown_sizes_never_stretch() -> None:
    x, y = vector("x"), vector("y")
    z = x + y
    assert z.constraints == ((x.shape[0], y.shape[0]),)
    assert z.shape == x.shape
    fixed = x + constant(np.ones(5))
    assert fixed.shape == (5,)
    assert fixed.constraints == ((x.shape[0], 5),)
    assert (x + constant(np.ones(1))).constraints == ()
    assert (x + x).constraints == ()
    product = matmul(matrix("a"), matrix("b"))
    assert len(product.constraints) == 1


def test_sizes_known_to_differ_raise_at_once() -> None:
    x = tensor("x", shape=("n",))
    y = tensor("y", shape=(x.shape[0] + 1,))
    with pytest.raises(ShapeError, match=r"\(n,\) and \(n \+ 1,\) do not broadcast"):
        x + y  # type: ignore[operator]


def test_named_sizes_are_shared_between_inputs() -> None:
    x, y = tensor("x", ("batch", 3)), tensor("y", ("batch", 4))
    assert x.shape[0] == y.shape[0]
    assert matmul(x.T, y).shape == (3, 4)  # type: ignore[attr-defined]


def test_the_line_is_the_users() -> None:
    x = vector("x")
    y = e.exp(x) + 1  # this line
    assert y.line is not None
    assert y.line.file == __file__
    assert "this line" in y.line.text


def test_a_deep_graph_is_built_and_dropped() -> None:
    x = vector("x")
    y: Expr = x
    for _ in range(10_000):
        y = e.sin(y)
    assert isinstance(y, Apply)
    del y
    gc.collect()


def test_threads_make_the_same_nodes() -> None:
    x = vector("x")
    found: list[list[Expr]] = []

    def work() -> None:
        found.append([e.exp(x + i) for i in range(200)])

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for other in found[1:]:
        assert all(a is b for a, b in zip(found[0], other))


def test_kinds_are_told_apart() -> None:
    x = input(TensorType(int64, ()), "i")
    assert x.op is None and x.inputs == ()
    assert isinstance(constant(1), Constant)
    assert isinstance(shared(np.ones(1)), SharedVariable)
    assert repr(e.exp(matrix("m", (2, "n")))) == "<exp: float64[2, n]>"
