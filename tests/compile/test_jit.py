"""`jit` traces once for each combination of dtypes and ranks."""

from __future__ import annotations

import collections
import functools
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.compile.fingerprint import fingerprint
from croton.compile.jit import MOST_CALLS, _likely
from croton.sizes import unused_symbol
from croton.util.errors import KindError


def test_one_program_for_every_size() -> None:
    traced = []

    @cr.jit
    def loss(params, x):
        traced.append(1)
        return ((x @ params["W"] + params["b"]) ** 2).mean()

    rng = np.random.default_rng(0)
    for n in (1, 3, 8, 20):
        params = {"W": rng.standard_normal((4, 2)), "b": np.ones(2)}
        x = rng.standard_normal((n, 4))
        np.testing.assert_allclose(loss(params, x), ((x @ params["W"] + 1) ** 2).mean())
    # An axis of size 1 broadcasts, which is another program.
    assert len(traced) == 2


def test_static_arguments_and_numbers() -> None:
    @cr.jit(static=("axis",))
    def total(x, scale=2.0, axis=0):
        return x.sum(axis=axis) * scale

    x = np.arange(6, dtype="f4").reshape(2, 3)
    np.testing.assert_array_equal(total(x), x.sum(0) * 2)
    np.testing.assert_array_equal(total(x, axis=1), x.sum(1) * 2)
    assert total(x, 3.0).dtype == np.float32
    assert len(total.programs) == 2
    assert "kernel" in str(total.function_for(x).explain())


def test_a_call_explains_itself_and_says_where_its_time_goes() -> None:
    @cr.jit(static=("power",))
    def loss(params, x, power=2):
        return ((x @ params["W"] + params["b"]) ** power).sum()

    arguments = {"W": np.ones((3, 2)), "b": np.zeros(2)}, np.ones((5, 3))
    report = loss.explain(*arguments, power=3)
    assert "x.0 = 5" in str(report)
    assert report.kernels == loss.function_for(*arguments, power=3).explain().kernels
    assert loss.profile(*arguments).total >= 0
    assert len(loss.programs) == 2


def test_gradients_inside() -> None:
    @cr.jit
    def slope(x):
        return cr.grad((cr.sin(x) ** 2).sum(), x)

    v = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(slope(v), 2 * np.sin(v) * np.cos(v))


def test_with_expressions_it_is_the_function_itself() -> None:
    @cr.jit
    def square(x):
        return x * x

    @cr.jit
    def slope(x):
        return cr.grad(square(x).sum(), x)

    v = np.arange(3.0)
    np.testing.assert_array_equal(slope(v), 2 * v)
    x = cr.vector("x")
    np.testing.assert_array_equal(cr.function([x], cr.vmap(square)(x))(v), v * v)
    assert not square.programs


def test_structures_keywords_and_numpy_scalars() -> None:
    Point = collections.namedtuple("Point", "x y")

    @cr.jit
    def f(point, *rest, weights=None, **more):
        total = point.x + point.y * more["scale"]
        for r in rest:
            total = total + r
        return Point(total, None) if weights is None else {"total": total * weights["w"][0], "count": (1, [total.sum()])}

    a = np.arange(3.0)
    found = f(Point(a, 2 * a), scale=3.0)
    assert isinstance(found, Point) and found.y is None
    np.testing.assert_array_equal(found.x, 7 * a)
    np.testing.assert_array_equal(f(point=Point(a, 2 * a), scale=3.0).x, 7 * a)
    np.testing.assert_array_equal(f(Point(a, a), a, np.float64(1), scale=0).x, 2 * a + 1)
    found = f(Point(a, a), weights={"w": [np.full(3, 2.0)]}, scale=1)
    np.testing.assert_array_equal(found["total"], 4 * a)
    assert found["count"][0] == 1 and found["count"][1][0] == 6
    assert len(f.programs) == 3


def test_one_program_for_each_type() -> None:
    @cr.jit
    def f(x, y):
        return x + y

    v = np.ones(3, "f4")
    assert f(v, v).dtype == np.float32
    assert f(v, 1.0).dtype == np.float32
    assert f(v, np.float32(1)).dtype == np.float32
    assert f(v, np.float64(1)).dtype == np.float64
    assert f(np.ones(3, "i4"), True).dtype == np.int32
    # float32 of a Python float and of a NumPy scalar are one type
    assert len(f.programs) == 4
    assert f(np.arange(6, dtype="f4")[::2], v).dtype == np.float32
    assert len(f.programs) == 4


def test_equal_static_values_of_different_types_are_told_apart() -> None:
    @cr.jit(static=("flag",))
    def f(x, flag):
        return x + 1 if flag is True else x - 1

    assert f(1.0, True) == 2 and f(1.0, 1) == 0 and f(1.0, flag=True) == 2
    with pytest.raises(KindError, match="hashable, which flag is not"):
        f(1.0, [1])


def test_methods() -> None:
    class Model:
        def __init__(self, scale: float) -> None:
            self.scale = scale

        @cr.jit(static=("self",))
        def predict(self, x):
            return x * self.scale

    v = np.arange(3.0)
    two, three = Model(2.0), Model(3.0)
    np.testing.assert_array_equal([two.predict(v), three.predict(v), two.predict(x=v)], [2 * v, 3 * v, 2 * v])
    assert len(Model.predict.programs) == 2


def test_shared_variables_are_read_when_it_is_called() -> None:
    w = cr.shared(np.ones(3), name="w")
    f = cr.jit(lambda x: x * w)
    v = np.arange(3.0)
    np.testing.assert_array_equal(f(v), v)
    w.set_value(np.full(3, 5.0))
    np.testing.assert_array_equal(f(v), 5 * v)
    assert len(f.programs) == 1


def test_errors_name_the_line_inside() -> None:
    @cr.jit
    def f(x, y):
        z = x + 1
        return z @ y

    with pytest.raises(cr.ShapeError) as error:
        f(np.ones((2, 3)), np.ones((2, 3)))
    assert "return z @ y" in str(error.value) or "return f" in str(error.value)
    with pytest.raises(cr.ShapeError) as error:
        f(np.ones((2, 3)), np.ones((4, 3)))
    assert "return z @ y" in str(error.value)
    g = cr.jit(lambda x: cr.grad(x * 2, x))
    with pytest.raises(cr.ShapeError, match="needs a scalar") as error:
        g(np.ones(2))
    assert "test_jit.py" in str(error.value)


def test_arguments_that_are_no_arrays_are_refused() -> None:
    f = cr.jit(lambda x, mode: x)
    with pytest.raises(KindError, match="name an argument that is a Python value in static"):
        f(np.ones(2), "fast")
    with pytest.raises(KindError, match="static names"):
        cr.jit(lambda x: x, static=("nothing",))
    with pytest.raises(TypeError, match="missing a required argument"):
        f(np.ones(2))


def test_results_are_arrays_of_their_own() -> None:
    f = cr.jit(lambda x: x)
    v = np.ones(3)
    f(v)[0] = 5
    np.testing.assert_array_equal(v, 1)


def test_sizes_of_the_first_call_are_likely() -> None:
    """Windows are small, which decides how a convolution is computed; they are free all the same."""

    def cost(kernel: cr.Expr, second: cr.Expr, x: cr.Expr) -> cr.Expr:
        return (cr.relu(cr.conv(cr.relu(cr.conv(x, kernel, padding=1)), second, padding=1)) ** 2).sum()

    rng = np.random.default_rng(0)
    arguments = rng.standard_normal((4, 2, 3, 3)), rng.standard_normal((3, 4, 3, 3)), rng.standard_normal((2, 2, 10, 12))
    open_ = cr.jit(lambda *args: cr.value_and_grad(cost, (0, 1))(*args))
    inputs = [cr.tensor(name, array.shape) for name, array in zip("kwx", arguments)]
    known = cr.function(inputs, cr.value_and_grad(cost, (0, 1))(*inputs))
    (one, slopes), (other, others) = open_(*arguments), known(*arguments)
    np.testing.assert_allclose(one, other)
    for found, wanted in zip(slopes, others):
        np.testing.assert_allclose(found, wanted, rtol=1e-10)
    assert open_.function_for(*arguments).flops(*arguments) <= 2 * known.flops()
    wider = rng.standard_normal((4, 2, 5, 3)), rng.standard_normal((3, 4, 3, 1)), rng.standard_normal((1, 2, 7, 8))
    value, _ = open_(*wider)
    check = [cr.tensor(name, array.shape) for name, array in zip("kwx", wider)]
    np.testing.assert_allclose(value, cr.function(check, cost(*check))(*wider))
    assert len(open_.programs) == 2


def test_likely_sizes_are_part_of_what_a_stored_program_is_known_by() -> None:
    def keyed(hint: int) -> str:
        x = cr.tensor("x", (unused_symbol("x.0", hint),))
        return fingerprint([x], [x * 2], []).key

    assert keyed(3) == keyed(3) != keyed(1000)


def test_hints_of_similar_sizes_are_equal() -> None:
    assert [_likely(n) for n in (0, 1, 3, 8, 9, 28, 100, 1000)] == [1, 1, 3, 8, 8, 32, 128, 1024]


def test_a_call_like_one_before_needs_no_signature() -> None:
    @cr.jit
    def f(params, x, *rest, rate=2.0):
        return {"value": (params["w"] * x).sum() * rate, "rest": [r + 1 for r in rest]}

    params, x = {"w": np.arange(3.0)}, np.ones(3)
    wanted = f(params, x, x)
    f.signature = None
    found = f({"w": np.arange(3.0)}, x, x)
    assert found["value"] == wanted["value"] == 6
    np.testing.assert_array_equal(found["rest"], wanted["rest"])
    with pytest.raises(AttributeError):
        f(params, x)


def test_calls_that_look_alike_are_told_apart() -> None:
    @cr.jit(static=("flag", "rest"))
    def f(d, x=1.0, flag=None, *rest):
        return d["a"] - 2 * d["b"] + x + len(rest) + (flag is True)

    one, two = np.float32(1), np.float32(2)
    for _ in range(2):
        assert f({"a": one, "b": two}) == -2 and f({"b": one, "a": two}) == 1
        assert f({"a": one, "b": two}, 2, True, 5) == 1 and f({"a": one, "b": two}, 2, 1, 5) == 0 and f({"a": one, "b": two}, 2, True, 5, 6) == 2
    g = cr.jit(lambda x: x * 2)
    for _ in range(2):
        assert g(1.5).dtype == np.float64
        with cr.config.use(float_dtype="float32"):
            assert g(1.5).dtype == np.float32
        assert g(1).dtype == np.int64 and g(True).dtype == np.int64 and g(np.int8(1)).dtype == np.int8
    for n in range(2, MOST_CALLS + 10):
        assert g(np.ones(n)).shape == (n,)
    assert len(g.calls) <= MOST_CALLS


def test_one_static_argument_is_named_by_itself() -> None:
    f = cr.jit(lambda x, axis: x.sum(axis), static="axis")
    np.testing.assert_array_equal(f(np.ones((2, 3)), 1), [3, 3])
    with pytest.raises(KindError, match='static are names of arguments, static=\\("axis",\\), got 1'):
        cr.jit(lambda x, axis: x.sum(axis), static=1)


def test_what_is_called_like_a_function_is_compiled() -> None:
    """Also where it has no name, or attributes named as ours."""

    class Model:
        def __init__(self) -> None:
            self.definition, self.name, self.static = None, "model", {"w"}

        def __call__(self, x: Any) -> Any:
            return x * 2

    np.testing.assert_array_equal(cr.jit(Model())(np.ones(2)), [2, 2])
    f = cr.jit(functools.partial(lambda k, x: x * k, 3))
    np.testing.assert_array_equal(f(np.ones(2)), [3, 3])
    with pytest.raises(KindError, match="was compiled for arrays and numbers"):
        f("three")


LOOKS: dict[str, Any] = {
    "equal": lambda x: x * 2 if x.shape[1] == 3 else x * 5,
    "not equal": lambda x: x * 2 if x.shape[0] != 4 else x * 5,
    "reflected": lambda x: x * 2 if np.int64(3) == x.shape[1] else x * 5,
    "float": lambda x: x * 2 if x.shape[1] == 3.0 else x * 5,
    "shape": lambda x: x * 2 if x.shape == (4, 3) else x * 5,
    "among": lambda x: x * 2 if x.shape[1] in (2, 3) else x * 5,
    "even": lambda x: x * 2 if x.shape[0] % 2 == 0 else x * 5,
    "two sizes": lambda x: x * 2 if x.shape[0] - 1 == x.shape[1] else x * 5,
    "truth": lambda x: x * 2 if x.shape[0] else x.sum(),
    "greater": lambda x: x * 2 if x.shape[0] > 3 else x * 5,
    "key": lambda x: x * {3: 2.0, 4: 3.0}[x.shape[0]],
    "range": lambda x: sum(x[i] for i in range(x.shape[0])),
    "loop": lambda x: cr.stack([row * 2 for row in x]),
    "taken apart": lambda x: (lambda a, b, c: a + b * c)(*x.T),
    "an array of NumPy's": lambda x: x + np.arange(x.shape[1]),
    "mathematics": lambda x: x / np.sqrt(int(x.shape[1])),
    "a short slice": lambda x: x[:10] * 2,
    "an axis of 1": lambda x: x[:, 2:] * x,
    "a long roll": lambda x: cr.roll(x, 9),
}


@pytest.mark.parametrize("name", LOOKS)
def test_a_function_that_looks_at_its_sizes_is_traced_with_them(name: str) -> None:
    """Comparing a size that is not known with a number is no answer: the other branch was taken."""
    function = LOOKS[name]
    f = cr.jit(function)
    for shape in ((4, 3), (4, 3), (3, 3), (4, 3)):
        x = np.arange(1.0, 1.0 + shape[0] * shape[1]).reshape(shape)
        np.testing.assert_allclose(f(x), np.asarray(function(cr.asarray(x)).eval()), err_msg=str(shape))
    assert len(f.programs) <= 3
    gradient = cr.jit(cr.grad(lambda x: (function(x) ** 2).sum()))
    assert gradient(np.ones((4, 3))).shape == (4, 3)


def test_sizes_that_are_compared_inside_of_us_stay_free() -> None:
    traced = []

    def softened(x: Any, w: Any) -> Any:
        traced.append(x.shape)
        h = cr.softmax(x @ w).reshape(-1, 2)
        assert h.ndim == 2
        return cr.concatenate([h[1:], h[:1]]) + cr.ones(h.shape)

    f = cr.jit(softened)
    for n in (4, 6, 8):
        f(np.ones((n, 3)), np.ones((3, 2)))
    assert len(traced) == 1


def test_what_is_wrong_with_every_size_is_told_once() -> None:
    with pytest.raises(cr.ShapeError, match=r"argument 'y' of shape \(4,\) has 4 along axis 0, where it wants 3"):
        cr.jit(lambda x, y: x + y)(np.ones(3), np.ones(4))

    with pytest.raises(cr.OutOfRangeError, match="index 5 is out of range for an axis of size 3"):
        cr.jit(lambda x: x[5])(np.ones(3))
    same = [cr.vector("x") for _ in range(2)]
    with pytest.raises(cr.ShapeError, match=r"x\.0 - 9 must be at least 0"):
        cr.function(same[1:], same[1][:9])(np.ones(3))

    def differs(p: Any, x: Any, y: Any) -> Any:
        return cr.cond(p, lambda: x @ y, lambda: x)

    # With free sizes the results of the branches have other numbers of axes; with those of the call the product is wrong first.
    with pytest.raises(cr.ShapeError, match=r"(?s)matmul: axis -1 of shape \(3,\) and axis -1 of shape \(4,\).*lambda: x @ y"):
        cr.jit(differs)(True, np.ones(3), np.ones(4))
    with pytest.raises(cr.ShapeError, match=r"cond: result 0 is float64\[\] in one function and float64\[3\] in the other"):
        cr.jit(differs)(True, np.ones(3), np.ones(3))

    def wrong(x: Any) -> Any:
        raise LookupError("of the user's own")

    with pytest.raises(LookupError, match="of the user's own") as caught:
        cr.jit(wrong)(np.ones(3))
    assert caught.value.__context__ is None


def test_missing_and_extra_arguments_are_named() -> None:
    @cr.jit
    def scaled(a: Any, b: Any = 2.0) -> Any:
        return a * b

    for call, message in (
        (lambda: scaled(), r"scaled\(a: .*b: .* = 2.0\).*: missing a required argument: 'a'"),
        (lambda: scaled(1.0, 2.0, 3.0), r"scaled\(.*\).*: too many positional arguments"),
        (lambda: scaled(1.0, c=3.0), r"scaled\(.*\).*: got an unexpected keyword argument 'c'"),
    ):
        with pytest.raises(KindError, match=message) as caught:
            call()
        assert caught.value.line is not None and caught.value.line.file == __file__


def test_a_flag_that_is_traced_says_what_to_do() -> None:
    with pytest.raises(KindError, match="An argument of jit that is a Python value is named in static"):
        cr.jit(lambda a, flag: a if flag else -a)(1.0, True)


class Exchanged:
    """An array of another library, which speaks DLPack only."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.array.__dlpack_device__()


def test_an_argument_may_speak_dlpack() -> None:
    doubled = cr.jit(lambda a: a * 2)
    for array in (np.arange(6.0)[::2], np.arange(3, dtype="float32")):
        result = doubled(Exchanged(array))
        np.testing.assert_array_equal(result, array * 2)
        assert result.dtype == array.dtype
