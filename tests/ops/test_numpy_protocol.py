"""NumPy's own functions and dtypes meet expressions."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr

x = cr.matrix("x")
DATA = np.arange(6.0).reshape(2, 3) - 2


@pytest.mark.parametrize(
    "text",
    [
        "np.sum(x)", "np.sum(x, axis=0)", "np.mean(x, 0)", "np.dot(x, x.T)", "np.concatenate([x, x])", "np.where(x > 0, x, 0)", "np.stack([x, x], axis=1)",
        "np.max(x, axis=1, keepdims=True)", "np.einsum('ij,kj', x, x)", "np.transpose(x)", "np.reshape(x, (-1,))", "np.zeros_like(x)", "np.cumsum(x, 1)",
        "np.argmax(x, 1)", "np.clip(x, 0, 2)", "np.var(x, 0)", "np.trace(x @ x.T)", "np.take(x, [0], axis=0)", "np.sort(x)", "np.round(x, 1)", "np.tile(x, 2)",
        "np.exp(np.negative(x))", "np.pad(x, 1)", "np.ndim(x) + x",
    ],
)  # fmt: skip
def test_functions_of_arrays_build_graphs(text: str) -> None:
    found = eval(text, {"np": np, "x": x})
    assert isinstance(found, cr.Expr)
    np.testing.assert_allclose(cr.function([x], found)(DATA), eval(text, {"np": np, "x": DATA}))


def test_what_has_no_namesake() -> None:
    with pytest.raises(cr.NotSupportedError, match=r"np\.fft\.fft of an expression"):
        np.fft.fft(x)
    # what depends on no inputs has values
    assert np.allclose(cr.shared(DATA), DATA)
    np.testing.assert_allclose(np.linalg.norm(cr.shared(DATA)), np.linalg.norm(DATA))
    assert np.shape(cr.zeros((2, 3))) == (2, 3)


def test_an_input_has_no_values() -> None:
    table, index = np.ones((4, 3)), cr.scalar("i", dtype="int64")
    for wrong in (lambda: np.array([x, x]), lambda: table[index]):
        with pytest.raises(cr.KindError, match=r"NumPy wants the values of <\w+: .*cr\.asarray\(array\)\[index\]"):
            wrong()
    np.testing.assert_array_equal(cr.function([index], cr.asarray(table)[index])(2), table[2])


def test_dtypes_are_numpys() -> None:
    kind = cr.vector(dtype=np.float32).dtype
    assert kind is cr.float32 and kind == np.float32 and kind == "float32" and np.dtype("float32") == kind and np.float32 == kind
    assert kind != np.float64 and kind != "nothing" and kind != None and kind in (np.float64, np.float32)  # noqa: E711
    assert np.zeros(3, kind).dtype == np.ones(2).astype(kind).dtype == np.dtype(kind) == kind
    assert np.finfo(kind).eps == np.finfo("float32").eps and np.issubdtype(kind, np.floating)
    assert [cr.bool_, cr.int64, cr.float64] == [bool, int, float] and len({*cr.dtypes.ALL}) == 11
