"""Arguments by the names that they have elsewhere."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.util.errors import KindError
from croton.util.keywords import also_named, not_taken


def test_other_names_mean_the_same() -> None:
    x, key = cr.vector("x", (4,)), cr.random.key(0)
    assert cr.clip(x, a_min=0, a_max=1) is cr.clip(x, 0, 1)
    assert cr.segment_sum(x, segment_ids=np.array([0, 0, 1, 1]), num_segments=2) is cr.segment_sum(x, np.array([0, 0, 1, 1]), 2)
    assert cr.one_hot([1, 2], num_classes=3) is cr.one_hot([1, 2], 3)
    assert cr.random.uniform(key, (3,), minval=1, maxval=2) is cr.random.uniform(key, (3,), 1, 2)
    assert cr.random.normal(key, (3,), loc=1, scale=2) is cr.random.normal(key, (3,), 1, 2)
    assert cr.pad(x, pad_width=1) is cr.pad(x, 1) and cr.tile(x, reps=2) is cr.tile(x, 2)
    assert cr.split(x, indices_or_sections=2)[0] is cr.split(x, 2)[0]
    assert cr.eye(N=2, M=3) is cr.eye(2, 3) and cr.tri(N=2, M=3) is cr.tri(2, 3)
    assert cr.interp(x, xp=[0, 1], fp=[2, 3]) is cr.interp(x, [0, 1], [2, 3])
    assert cr.leaky_relu(x, negative_slope=0.1) is cr.leaky_relu(x, 0.1)
    assert cr.gelu(x, approximate=True) is cr.gelu(x, "tanh")
    assert cr.gelu(x, approximate=False) is cr.gelu(x)


def test_positions_of_arguments_have_their_other_name() -> None:
    def loss(x: cr.Expr, w: cr.Expr) -> cr.Expr:
        return (x * w**2).sum()

    x, w = np.array([1.0, 2.0]), np.array([3.0, 4.0])
    for derivative in (cr.grad, cr.jacobian):
        np.testing.assert_array_equal(cr.jit(derivative(loss, argnums=1))(x, w), 2 * x * w)
    value, slope = cr.jit(cr.value_and_grad(loss, argnums=1))(x, w)
    assert value == 41
    np.testing.assert_array_equal(cr.jit(cr.hessian(loss, argnums=1))(x, w), np.diag(2 * x))
    power = cr.jit(lambda x, n: x**n, static_argnames="n")
    np.testing.assert_array_equal(power(x, 3), x**3)


def test_what_to_write_instead() -> None:
    with pytest.raises(KindError, match=r"jit has no argument static_argnums; name the arguments"):
        cr.jit(lambda x, n: x**n, static_argnums=1)
    with pytest.raises(KindError, match=r"jit has no argument donate_argnums; leave it out"):
        cr.jit(lambda x: x, donate_argnums=0)
    with pytest.raises(KindError, match=r"randint has no argument minval; write randint\(key, low, high, shape\)"):
        cr.random.randint(cr.random.key(0), (3,), minval=0, maxval=2)
    with pytest.raises(KindError, match="clip: a_min is another name of min; give one of the two"):
        cr.clip(np.ones(3), min=0, a_min=0)
    with pytest.raises(TypeError, match="unexpected keyword argument 'least'"):
        cr.clip(np.ones(3), least=0)


x: Any = cr.matrix("x")
ELSEWHERE: list[tuple[str, Callable[[], Any]]] = [
    ("sum has no argument dim; it is named axis", lambda: x.sum(dim=0)),
    ("mean has no argument keepdim; it is named keepdims", lambda: cr.mean(x, keepdim=True)),
    ("logsumexp has no argument dim; it is named axis", lambda: cr.logsumexp(x, dim=1)),
    (r"logsumexp has no argument b; write log\(\(b \* exp\(x\)\).sum", lambda: cr.logsumexp(x, b=[1.0, -1.0])),
    ("concatenate has no argument dim", lambda: cr.concatenate([x, x], dim=1)),
    ("softmax has no argument dim", lambda: cr.softmax(x, dim=1)),
    ("argmax has no argument dim", lambda: x.argmax(dim=1)),
    ("cumsum has no argument dim", lambda: x.cumsum(dim=1)),
    ("argsort has no argument kind; leave it out", lambda: cr.argsort(x, kind="stable")),
    ("sort has no argument kind; leave it out", lambda: x.sort(kind="quicksort")),
    ("sum has no argument initial; add it", lambda: cr.sum(x, initial=1)),
    ("reshape has no argument order; .* transpose first", lambda: cr.reshape(x, (-1,), order="F")),
    ("einsum has no argument optimize; leave it out", lambda: cr.einsum("ij->i", x, optimize=True)),
]


@pytest.mark.parametrize("message, call", ELSEWHERE, ids=[message[:30] for message, _ in ELSEWHERE])
def test_names_of_other_libraries_are_answered(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(KindError, match=message) as caught:
        call()
    assert caught.value.line is not None and caught.value.line.file == __file__


def test_other_names_are_in_no_signature() -> None:
    assert list(inspect.signature(also_named(a="b")(lambda b: b)).parameters) == ["b"]
    assert not_taken(a="write b")(lambda b: b)(b=3) == 3
    assert cr.clip.__doc__ == "x, not below min and not above max; None for no bound."
