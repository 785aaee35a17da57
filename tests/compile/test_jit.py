"""`jit` traces once for each combination of dtypes and ranks."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
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


def test_gradients_inside() -> None:
    @cr.jit
    def slope(x):
        return cr.grad((cr.sin(x) ** 2).sum(), x)

    v = np.linspace(-1, 1, 5)
    np.testing.assert_allclose(slope(v), 2 * np.sin(v) * np.cos(v))


def test_symbolic_arguments_are_refused() -> None:
    f = cr.jit(lambda x: x + 1)
    with pytest.raises(KindError, match="takes values"):
        f(cr.vector("x"))
    with pytest.raises(KindError, match="static names"):
        cr.jit(lambda x: x, static=("nothing",))


def test_programs_speak_of_the_arguments() -> None:
    @cr.jit
    def predicted(x, params):
        return x @ params["weights"] + params["bias"]

    program = predicted.function_for(np.ones((2, 3)), {"weights": np.ones((3, 4)), "bias": np.ones(4)})
    text = str(program.explain())
    assert "x.0" in text and "params['weights'].1" in text
    assert "params['bias']" in repr(program)
