"""What is proven of derivatives, in words; that it is true; and that using a Jacobian costs what its structure costs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import croton as cr
from croton.expr.expr import Input
from croton.expr.walk import leaves
from croton.util.errors import KindError, ShapeError

LONG, WINDOW, SECOND = 2002, 3, 4


def array(name: str, *shape: int, dtype: str = "float64") -> cr.Expr:
    return cr.tensor(name, shape=shape, dtype=dtype)


def convolved(s: cr.Expr, k: cr.Expr) -> cr.Expr:
    return cr.sliding_window_view(s, k.shape[0]) @ k


def factorisation_hessian() -> cr.Expr:
    R, U, V = array("R", 4, 5), array("U", 4, 2), array("V", 5, 2)
    return cr.hessian(((R - U @ V.T) ** 2).sum(), U)


def text(expr: cr.Expr) -> str:
    return str(cr.structure(expr))


# ---- what is said --------------------------------------------------------------------------------------------------


def test_an_element_wise_function_is_diagonal() -> None:
    x = array("x", 6)
    found = cr.structure(cr.jacobian(cr.tanh(x) * x, x))
    assert found.is_diagonal() and not found.is_zero
    assert str(found).splitlines()[:2] == ["an array of shape (6, 6)", "  zero unless axis 0 = axis 1"]


def test_a_softmax_is_diagonal_and_an_outer_product() -> None:
    x = array("x", 6)
    found = cr.structure(cr.jacobian(cr.softmax(x), x))
    assert not found.is_diagonal() and [term.facts for term in found.terms] == [
        ["zero unless axis 0 = axis 1"],
        ["an outer product between axes (0) and (1)"],
    ]
    assert str(found) == "\n".join(
        [
            "an array of shape (6, 6), the sum of 2 terms",
            "  1. zero unless axis 0 = axis 1",
            "       y[i,j] = t2[i] (sum_k t2[k])^-1 delta[i,j]",
            "           with t2[i] = exp(x[i] - (max_j x[j]))",
            "  2. an outer product between axes (0) and (1)",
            "       y[i,j] = -t2[i] t2[j] (sum_k t2[k])^-2",
            "           with t2[i] = exp(x[i] - (max_j x[j]))",
        ]
    )


def test_examples_of_a_batch_do_not_mix() -> None:
    X, W = array("X", 3, 6), array("W", 6, 5)
    found = cr.structure(cr.jacobian(cr.tanh(X @ W), X))
    assert found.is_diagonal(0, 2) and found.is_diagonal(-4, -2) and not found.is_diagonal(1, 3)
    mixed = cr.structure(cr.jacobian(cr.tanh((X - X.mean(0)) @ W), X))
    assert not mixed.is_diagonal(0, 2)


def test_windows_are_bands() -> None:
    s, k, l = array("s", 20), array("k", 3), array("l", 4)
    assert "zero unless -2 <= axis 0 - axis 1 <= 0" in text(cr.jacobian(convolved(s, k), s))
    assert "zero unless -5 <= axis 0 - axis 1 <= 0" in text(cr.jacobian(convolved(cr.tanh(convolved(s, k)), l), s))


def test_slices_flips_sums_and_shapes() -> None:
    s, X = array("s", 20), array("X", 3, 6)
    assert "zero unless 3 axis 0 - axis 1 = -2" in text(cr.jacobian(s[2:10:3], s))
    assert "zero unless axis 0 + axis 1 = 19" in text(cr.jacobian(cr.flip(s), s))
    assert "zero unless 0 <= axis 0 - axis 1" in text(cr.jacobian(cr.cumsum(s), s))
    assert "zero unless 3 axis 0 + axis 1 - 6 axis 2 - axis 3 = 0" in text(cr.jacobian(cr.reshape(X, (6, 3)), X))
    assert [term.facts for term in cr.structure(cr.jacobian(cr.diff(s), s)).terms] == [["zero unless axis 0 - axis 1 = -1"], ["zero unless axis 0 = axis 1"]]


def states(xs: cr.Expr, reverse: bool = False) -> cr.Expr:
    """The states of a recurrent network with two carries."""
    inward, around = array("inward", xs.shape[1], 3), array("around", 3, 3)

    def step(carry: tuple[cr.Expr, cr.Expr], x: cr.Expr) -> tuple[tuple[cr.Expr, cr.Expr], cr.Expr]:
        state, memory = carry
        memory = cr.sigmoid(x @ inward) * memory + cr.tanh(state @ around + x @ inward)
        state = cr.tanh(memory)
        return (state, memory), state

    nothing = cr.zeros((3,))
    return cr.scan(step, (nothing, nothing), xs, reverse=reverse)[1]


def test_states_do_not_depend_on_what_comes_later() -> None:
    xs = array("xs", 5, 2)
    assert all("zero unless 0 <= axis 0 - axis 2" in term.facts for term in cr.structure(cr.jacobian(states(xs), xs)).terms)
    assert all("zero unless 0 <= -axis 0 + axis 2" in term.facts for term in cr.structure(cr.jacobian(states(xs, True), xs)).terms)
    # A loop that begins with what is differentiated depends on it everywhere.
    first = array("first", 3)
    later = cr.scan(lambda state, x: (cr.tanh(state + x),) * 2, first, array("ys", 5, 3))[1]
    assert all("unless 0 <=" not in fact for term in cr.structure(cr.jacobian(later, first)).terms for fact in term.facts)


def by_weights(steps: int, reverse: bool = False, begin: bool = False) -> cr.Expr:
    """The Jacobian of a recurrent network's states by the matrix between them."""
    around = array("around", 6, 6)
    first = array("first", 6) if begin else cr.zeros(6)
    ys = cr.scan(lambda h, x: (cr.tanh(h @ around + x),) * 2, first, array("xs", steps, 6), reverse=reverse)[1]
    return cr.jacobian(ys, around)


def test_states_by_weights_are_sums_of_outer_products() -> None:
    """One for each step before, of which the first has a state of zeros; so the first state does not depend on the weights at all."""
    for reverse, first in ((False, "zero unless 1 <= axis 0"), (True, "zero unless axis 0 <= 2")):
        terms = cr.structure(by_weights(4, reverse)).terms
        assert terms and all(first in term.facts for term in terms)
        assert all("of rank at most 3 between axes (0, 1, 3) and (2)" in term.facts for term in terms)
    jacobian = by_weights(4)
    inputs = inputs_of(jacobian)
    value = cr.function(inputs, jacobian)(*[np.random.default_rng(0).standard_normal(leaf.shape) for leaf in inputs])
    assert np.linalg.matrix_rank(np.moveaxis(value, 2, 0).reshape(6, -1)) == 3 and not value[0].any()
    # More steps than units bound nothing, and a state to begin with is a product more.
    assert not any("rank" in fact for term in cr.structure(by_weights(9)).terms for fact in term.facts)
    begun = cr.structure(by_weights(4, begin=True)).terms
    assert all("of rank at most 4 between axes (0, 1, 3) and (2)" in term.facts for term in begun)
    assert not any("unless" in fact for term in begun for fact in term.facts)


def test_what_is_divided_by_says_nothing() -> None:
    xs = array("xs", 5, 2)
    assert not any("unless" in fact for term in cr.structure(1 / cr.jacobian(states(xs), xs)).terms for fact in term.facts)


def test_rows_that_are_looked_up() -> None:
    E, i = array("E", 10, 4), array("i", 7, dtype="int64")
    facts = cr.structure(cr.jacobian(cr.take(E, i, axis=0), E)).terms[0].facts
    assert "zero unless axis 2 = index[axis 0]" in facts and "zero unless axis 1 = axis 3" in facts


def test_low_rank() -> None:
    x, W, X = array("x", 6), array("W", 6, 2), array("X", 3, 6)
    assert "of rank at most 2 between axes (0) and (1)" in text(cr.jacobian((x @ W) @ W.T, x))
    assert "of rank at most 3 between axes (0) and (1)" in text(cr.hessian(cr.softplus(X @ x).sum(), x))
    assert "zero unless axis 0 = axis 2; an outer product between axes (0, 2) and (1, 3)" in text(factorisation_hessian())


def test_nothing_is_claimed_without_a_proof() -> None:
    W = array("W", 4, 5)
    assert "no structure was found" in text(W)
    assert text(cr.hessian(W.sum(), W)) == "zeros of shape (4, 5, 4, 5)"
    assert "the same along axis 0" in text(cr.broadcast_to(W[0], (3, 5)))


def test_unknown_sizes() -> None:
    v = cr.vector("v")
    assert cr.structure(cr.jacobian(cr.exp(v), v)).is_diagonal()


def test_mistakes() -> None:
    with pytest.raises(KindError, match="an expression is wanted, got ndarray"):
        cr.structure(np.ones(3))
    with pytest.raises(ShapeError, match="axis 2 of an array with 2 axes"):
        cr.structure(array("X", 3, 6)).is_diagonal(0, 2)


def jacobian_of(shape: tuple[int, ...], function: Callable[[cr.Expr], cr.Expr]) -> cr.Expr:
    x = array("x", *shape)
    return cr.jacobian(function(x), x)


CLAIMS: dict[str, Callable[[], cr.Expr]] = {
    "window": lambda: jacobian_of((12,), lambda s: convolved(s, array("k", 3))),
    "windows": lambda: jacobian_of((14,), lambda s: convolved(cr.tanh(convolved(s, array("k", 3))), array("l", 2))),
    "stride": lambda: jacobian_of((13,), lambda s: cr.sin(s[1:12:3])),
    "flip": lambda: jacobian_of((7,), lambda s: cr.flip(s) * s),
    "running sum": lambda: jacobian_of((7,), lambda s: cr.cumsum(cr.tanh(s))),
    "batch": lambda: jacobian_of((3, 4), lambda X: cr.tanh(X @ array("W", 4, 2))),
    "centred": lambda: jacobian_of((3, 4), lambda X: X - X.mean(0)),
    "split": lambda: jacobian_of((4, 6), lambda X: cr.exp(cr.reshape(X, (8, 3)))),
    "padded": lambda: jacobian_of((6,), lambda s: cr.pad(s, 2) ** 2),
    "factorisation": factorisation_hessian,
    "states": lambda: jacobian_of((5, 2), states),
    "states, backward": lambda: jacobian_of((5, 2), lambda xs: states(xs, True)),
    "later states": lambda: jacobian_of((6, 2), lambda xs: states(xs[2:])[1:]),
    "states by weights": lambda: by_weights(4),
    "states by weights, backward": lambda: by_weights(4, True),
}


@pytest.mark.parametrize("name", CLAIMS)
def test_what_is_said_is_true(name: str) -> None:
    """No term has anything outside of its bands, and these leave something out."""
    expr = CLAIMS[name]()
    generator = np.random.default_rng(0)
    inputs = inputs_of(expr)
    value = cr.function(inputs, expr)(*[generator.standard_normal(leaf.shape) for leaf in inputs])
    possible = np.zeros(value.shape, bool)
    index = np.indices(value.shape)
    for term in cr.structure(expr).terms:
        held = np.ones(value.shape, bool)
        for band in term.bands:
            total = sum(c * index[axis] for axis, c in band.coefficients)
            if band.low is not None:
                held &= total >= band.low
            if band.high is not None:
                held &= total <= band.high
        possible |= held
    assert not value[~possible].any() and not possible.all()


def inputs_of(expr: cr.Expr) -> list[cr.Expr]:
    return [leaf for leaf in leaves([expr]) if isinstance(leaf, Input)]


# ---- what it costs -------------------------------------------------------------------------------------------------


def counted(expr: cr.Expr) -> tuple[int, int]:
    """Operations, and the bytes of temporaries."""
    function = cr.function(inputs_of(expr), expr)
    return function.flops(), function.memory_peak() - sum(function.account.results)


def test_a_convolution_jacobian_is_never_built() -> None:
    s, k, v = array("s", LONG, dtype="float32"), array("k", WINDOW, dtype="float32"), array("v", LONG, dtype="float32")
    J = cr.jacobian(convolved(s, k), s)
    assert counted(J @ v) == (2 * WINDOW * (LONG - WINDOW + 1), 0)
    assert counted((J**2).sum())[0] < 30 * LONG and counted((J**2).sum())[1] < 1000
    assert counted(cr.diagonal(J))[0] == 0 and counted(cr.trace(J))[0] < 10
    u = array("u", LONG - WINDOW + 1, dtype="float32")
    assert counted(J @ (u @ J))[0] < 40 * LONG
    assert counted(cr.trace(J @ J.T))[0] < 30 * LONG


def test_the_jacobian_of_two_convolutions_is_never_built() -> None:
    s, k, l = array("s", LONG, dtype="float32"), array("k", WINDOW, dtype="float32"), array("l", SECOND, dtype="float32")
    v = array("v", LONG, dtype="float32")
    J = cr.jacobian(convolved(cr.tanh(convolved(s, k)), l), s)
    forward = counted(convolved(cr.tanh(convolved(s, k)), l))[0]
    flops, temporaries = counted(J @ v)
    assert flops < 2 * forward and temporaries <= 4 * 4 * LONG
    flops, temporaries = counted((J**2).sum())
    assert flops < 250 * LONG and temporaries < 20 * 4 * LONG
    assert counted(cr.diagonal(J))[0] < 60 * LONG and counted(cr.trace(J))[0] < 60 * LONG


def test_the_sum_of_squares_of_two_convolutions_is_right() -> None:
    s, k, l = array("s", 11), array("k", 3), array("l", 2)
    J = cr.jacobian(convolved(cr.tanh(convolved(s, k)), l), s)
    function = cr.function([s, k, l], [(J**2).sum(), J, cr.trace(J), J @ s])
    alone = cr.function([s, k, l], (J**2).sum())
    generator = np.random.default_rng(0)
    arguments = [generator.standard_normal(size) for size in (11, 3, 2)]
    total, dense, trace, product = function(*arguments)
    np.testing.assert_allclose([total, alone(*arguments)], (dense**2).sum())
    np.testing.assert_allclose(trace, np.trace(dense))
    np.testing.assert_allclose(product, dense @ arguments[0])


def test_products_with_hessians_never_build_them() -> None:
    A, w, v = array("A", 2000, 1000, dtype="float32"), array("w", 1000, dtype="float32"), array("v", 1000, dtype="float32")
    H = cr.hessian(cr.softplus(A @ w).sum(), w)
    assert counted(H @ v)[0] < 4 * 2 * 2000 * 1000 and counted(H @ v)[1] < 4 * 6 * 3000
    assert counted(cr.diagonal(H))[0] < 3 * 2 * 2000 * 1000
    assert counted((H**2).sum())[0] < 1.1 * 2 * 1000 * 1000 * 2000


def decay(t: cr.Expr, y: cr.Expr, p: cr.Expr) -> cr.Expr:
    return ((p[0] * cr.exp(-p[1] * t) + p[2] - y) ** 2).sum()


def stacked(t: cr.Expr, y: cr.Expr, p: cr.Expr) -> cr.Expr:
    q = cr.stack([p[0] ** 2, cr.exp(p[1]), p[2]])
    return cr.softplus(q[0] * cr.exp(-q[1] * t) + q[2] - y).sum() + 0.1 * (p**2).sum()


@pytest.mark.parametrize("task", [decay, stacked])
def test_blocks_whose_parameters_are_read_one_by_one(task: Callable[..., cr.Expr]) -> None:
    """Tasks that do not know of each other: what is read of their Hessian costs a few gradients, and only who wants all of it has its zeros."""
    count, rows = 50, 7
    t, y, P, V = (array(name, count, size) for name, size in (("t", rows), ("y", rows), ("P", 3), ("V", 3)))
    gradient = cr.grad(cr.vmap(task)(t, y, P).sum(), P)
    H = cr.hessian(cr.vmap(task)(t, y, P).sum(), P)
    assert cr.structure(H).is_diagonal(0, 2) and cr.structure(abs(H)).is_diagonal(0, 2)
    reads = [cr.tensordot(H, V, 2), cr.einsum("ijij->", H), (H**2).sum((2, 3)), abs(H).sum((2, 3)), cr.maximum(H, 0.0).max((0, 1))]
    for one in reads[:4]:
        assert counted(one)[0] <= 4 * counted(gradient)[0] and counted(one)[1] <= 8 * 3 * 3 * count * rows
    generator = np.random.default_rng(5)
    values = [generator.uniform(0.2, 1.5, size=one.shape) for one in (t, y, P, V)]
    dense, *found = cr.function([t, y, P, V], [H, *reads])(*values)
    wanted = np.tensordot(dense, values[3], 2), np.einsum("ijij->", dense), (dense**2).sum((2, 3)), abs(dense).sum((2, 3)), np.maximum(dense, 0).max((0, 1))
    for one, other in zip(found, wanted):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)
    apart = cr.function([t, y, P], cr.vmap(cr.hessian(task, 2))(t, y, P))(*values[:3])
    for place in range(count):
        np.testing.assert_allclose(dense[place, :, place], apart[place], rtol=1e-9, atol=1e-12)


# ---- per-example gradients of other layers -------------------------------------------------------------------------

BATCH, LENGTH, CHANNELS, FILTERS = 8, 40, 6, 5


def conv_gradients() -> tuple[list[cr.Expr], cr.Expr, cr.Expr]:
    """Inputs, the gradients of each example, and the plain gradient, of a layer with a window of 3."""
    x, W = array("x", BATCH, LENGTH, CHANNELS, dtype="float32"), array("W", 3, CHANNELS, FILTERS, dtype="float32")

    def cost(x: cr.Expr) -> cr.Expr:
        windows = cr.sliding_window_view(x, 3, axis=-2)
        return (cr.tanh(cr.einsum("...tck,kcf->...tf", windows, W)) ** 2).sum((-2, -1))

    return [x, W], cr.vmap(lambda one: cr.grad(cost(one), W))(x), cr.grad(cost(x).sum(), W)


def test_squared_gradients_of_convolutions() -> None:
    inputs, each, plain = conv_gradients()
    windows = 4 * BATCH * (LENGTH - 2) * 3 * CHANNELS
    for wanted in ((each**2).mean(0), (each**2).sum((1, 2, 3))):
        function = cr.function(inputs, wanted)
        assert function.flops() <= 3 * cr.function(inputs, plain).flops()
        assert function.memory_peak() - sum(function.account.results) <= 2 * windows
        generator = np.random.default_rng(0)
        arguments = [generator.standard_normal(leaf.shape).astype("float32") for leaf in inputs]
        dense = cr.function(inputs, each)(*arguments).astype("float64")
        expected = (dense**2).mean(0) if wanted.ndim == 3 else (dense**2).sum((1, 2, 3))
        np.testing.assert_allclose(function(*arguments), expected, rtol=2e-4)


WORDS, WIDTH, TOKENS = 5000, 16, 12


def embedding_gradients() -> tuple[list[cr.Expr], cr.Expr]:
    E, i, w = array("E", WORDS, WIDTH, dtype="float32"), array("i", BATCH, TOKENS, dtype="int64"), array("w", WIDTH, dtype="float32")

    def cost(i: cr.Expr) -> cr.Expr:
        return cr.tanh(E[i].sum(-2) @ w)

    return [E, i, w], cr.vmap(lambda one: cr.grad(cost(one), E))(i)


@pytest.mark.parametrize("wanted", ["norms", "mean squares"])
def test_squared_gradients_of_embeddings_touch_only_their_rows(wanted: str) -> None:
    """Rows that meet in one example are added before they are squared."""
    inputs, each = embedding_gradients()
    expr = (each**2).sum((1, 2)) if wanted == "norms" else (each**2).mean(0)
    function = cr.function(inputs, expr)
    rows = 4 * BATCH * TOKENS * max(WIDTH, TOKENS)
    assert function.memory_peak() - sum(function.account.results) <= 4 * rows
    generator = np.random.default_rng(0)
    E, w = (generator.standard_normal(leaf.shape).astype("float32") for leaf in (inputs[0], inputs[2]))
    i = generator.integers(0, 6, (BATCH, TOKENS))
    dense = np.zeros((BATCH, WORDS, WIDTH))
    for b in range(BATCH):
        slope = 1 - np.tanh(E[i[b]].sum(0).astype("float64") @ w) ** 2
        np.add.at(dense[b], i[b], slope * w)
    expected = (dense**2).sum((1, 2)) if wanted == "norms" else (dense**2).mean(0)
    np.testing.assert_allclose(function(E, i, w), expected, rtol=1e-3, atol=1e-6)
