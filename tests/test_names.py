"""The names that people meet: those of the array API standard are there, each has words, and a wrong one says what to write."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import croton as cr
from croton.ops.other_names import INSTEAD

# Python array API standard 2024.12, but for complex numbers
STANDARD = """
e inf nan newaxis pi
arange asarray empty empty_like eye full full_like linspace meshgrid ones ones_like tril triu zeros zeros_like
astype can_cast finfo iinfo isdtype result_type
bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float32 float64
abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_left_shift bitwise_invert bitwise_or bitwise_right_shift bitwise_xor ceil clip copysign cos
cosh divide equal exp expm1 floor floor_divide greater greater_equal hypot isfinite isinf isnan less less_equal log log1p log2 log10 logaddexp logical_and
logical_not logical_or logical_xor maximum minimum multiply negative nextafter not_equal positive pow reciprocal remainder round sign signbit sin sinh square
sqrt subtract tan tanh trunc
take take_along_axis matmul matrix_transpose tensordot vecdot
broadcast_arrays broadcast_shapes broadcast_to concat expand_dims flip moveaxis permute_dims repeat reshape roll squeeze stack tile unstack
unique_all unique_counts unique_inverse unique_values
argmax argmin count_nonzero nonzero searchsorted where isin argsort sort cumulative_prod cumulative_sum max mean min prod std sum var all any diff
"""
ATTRIBUTES = "dtype device mT ndim shape size T __array_namespace__ to_device __abs__ __getitem__ __matmul__ __pow__ __invert__ __rshift__"


def test_names_of_the_standard() -> None:
    assert [name for name in STANDARD.split() if name not in cr.__all__] == []
    x = cr.matrix()
    assert [name for name in ATTRIBUTES.split() if not hasattr(x, name)] == []
    assert x.__array_namespace__() is cr and x.to_device(x.device) is x and x.size == x.shape[0] * x.shape[1]
    assert cr.bool is cr.bool_ and x[:, cr.newaxis].ndim == 3


def test_only_what_is_meant_is_public() -> None:
    assert sorted({*dir(cr)} - {*cr.__all__}) == ["__version__"]
    assert [name for name in cr.__all__ if inspect.ismodule(getattr(cr, name))] == ["linalg", "random", "reference"]
    assert "function" in cr.__all__ and not [name for name in cr.__all__ if name.startswith("install")]


def names() -> list[tuple[str, object]]:
    """All public names with what they are, those of random and of reference too."""
    found = [(name, getattr(cr, name)) for name in cr.__all__]
    found += [(f"random.{name}", getattr(cr.random, name)) for name in cr.random.__all__]
    found += [(f"linalg.{name}", getattr(cr.linalg, name)) for name in cr.linalg.__all__]
    return [(name, value) for name, value in found if callable(value) or inspect.ismodule(value)]


def test_every_name_has_words() -> None:
    assert len(names()) > 300
    assert [name for name, value in names() if not inspect.getdoc(value)] == []
    # what a class does is told by its methods
    methods = [
        (f"{name}.{method}", function)
        for name, value in names()
        if inspect.isclass(value)
        for method, function in vars(value).items()
        if method[0] != "_" and inspect.isfunction(function)
    ]
    assert len(methods) > 10
    assert [name for name, function in methods if not inspect.getdoc(function)] == []


def test_methods_have_words() -> None:
    x = cr.matrix()
    methods = [name for name in dir(type(x)) if name[0] != "_" and callable(getattr(type(x), name, None))]
    assert {"sum", "reshape", "eval", "astype"} <= {*methods}
    assert [name for name in methods if not inspect.getdoc(getattr(type(x), name))] == []


@pytest.mark.parametrize(
    "name, words",
    [("fori_loop", "use fori"), ("lax", "scan"), ("argmaxx", "croton has no 'argmaxx'"), ("jacfwd", "use jacobian"), ("segment_max", r"\.at\[segments\]")],
)
def test_a_wrong_name_says_what_to_write(name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(cr, name)


def test_dtypes_tell_of_themselves() -> None:
    assert cr.finfo("float32").eps == cr.finfo(cr.vector(dtype="float32")).eps < 1e-6
    assert cr.iinfo(cr.int8).max == 127
    kinds = {"int8": "signed integer", "uint16": "unsigned integer", "float32": "real floating", "bool": "bool"}
    for dtype, kind in kinds.items():
        assert [other for other in kinds.values() if cr.isdtype(dtype, other)] == [kind]
    assert cr.isdtype(cr.int8, (cr.int8, "bool")) and not cr.isdtype(cr.int8, cr.int16) and cr.isdtype("bool", ("bool", "numeric"))
    assert cr.can_cast("int8", "int16") and not cr.can_cast(cr.vector("x"), "float32")
    assert cr.broadcast_shapes((3, 1), (4,)) == (3, 4)


@pytest.mark.parametrize(
    "space, name, words", [(cr.random, "PRNGKey", "use key"), (cr.random, "nothing", "croton.random has no 'nothing'"), (cr.linalg, "eig", "by routine")]
)
def test_a_wrong_name_of_a_part_does_too(space, name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(space, name)


def test_calls_as_other_libraries_have_them_say_what_to_write() -> None:
    x, i = cr.vector("x"), cr.scalar("i", dtype="int64")
    f = cr.function([x], x * 2)
    table = [1.0, 2.0]
    for wrong, words in (
        (lambda: cr.random.randint(cr.random.key(0), (2,), 0, 5), "bounds come before the shape"),
        (lambda: cr.cond(i > 0, x, -x), r"where\(p, x, y\)"),
        (lambda: f(x), "called with values"),
        (lambda: cr.scan(lambda c, j: (c + np.array(table)[j], None), 0.0, cr.arange(2)), r"cr\.asarray\(array\)\[index\]"),
        (lambda: cr.concatenate(x, x), r"concatenate\(\[x, y\]\)"),
        (lambda: cr.zeros(3, 4), r"zeros\(\(3, 4\)\)"),
        (lambda: cr.while_loop(lambda c: c < 3, lambda c: (c + 1, 2), 0), r"wanted \*, got \(\*, \*\)"),
        (lambda: cr.jit(lambda x, n: x.sum(axis=n))(np.ones(3), 0), "name the argument in static"),
    ):
        with pytest.raises(cr.CrotonError, match=words):
            wrong()
    np.testing.assert_allclose(cr.norm(np.array([3.0, -4.0]), ord=1).eval(), 7)
    np.testing.assert_array_equal(cr.vector("y", shape=3).shape, (3,))


def test_what_is_there_is_not_said_to_be_missing() -> None:
    assert [name for name in INSTEAD if name in cr.__all__] == []
