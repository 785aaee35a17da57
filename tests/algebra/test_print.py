"""The prints of the algebra are read by people; these are what they see."""

from __future__ import annotations

from algebra_arrays import apply, arange, array, einsum, int64, jacobian, softmax, tanh

from croton import algebra
from croton.algebra.formula import formula
from croton.algebra.print import show
from croton.sizes import symbol

B, V, H, N, K, T, E = (symbol(name) for name in "BVHNKTE")


def test_a_graph_prints_a_line_a_node() -> None:
    W, G = array("W", V, H), array("G", B, H)
    penalty = ((W.insert(0) * G.insert(1)) ** 2).sum((1, 2))
    assert show([penalty.use]).splitlines() == [
        "G: input float64[b<B, h<H]",
        "W: input float64[v<V, h<H]",
        "t0: contract h <- W[v,h]^2 sum v",
        "t1: contract b <- G[b,h]^2 t0[h] sum h",
        "-> t1[b]",
    ] or show([penalty.use]).splitlines() == [
        "W: input float64[v<V, h<H]",
        "t0: contract h <- W[v,h]^2 sum v",
        "G: input float64[b<B, h<H]",
        "t1: contract b <- t0[h] G[b,h]^2 sum h",
        "-> t1[b]",
    ]


def test_relations_print_as_what_they_say() -> None:
    a, k, W, index = array("a", N), array("k", K), array("W", V, E), array("idx", B, dtype=int64)
    band = show([jacobian(einsum("ok,k->o", a.window(0, K), k), a).use])
    assert "[" in band and "==" in band and "k[" in band
    assert "[v == idx[b]]" in show([W.take(index).use])
    q = array("q", N, N)
    masked = show([(q * apply("le", arange(N), arange(N).insert(1))).use])
    assert "q[n,i] [n >= i]" in masked or "[i >= n]" in masked


def test_every_kind_prints() -> None:
    x = array("x", B, N)
    label = algebra.Label(N)
    uses = [
        x.reduce("max", 1).use,
        algebra.arg("argsort", x.use, x.axes[1], label),
        algebra.arg("argmax", x.use, x.axes[1]),
        x.cumulate("prod", 1, True).use,
        apply("cast", arange(N), dtype=x.use.dtype).use,
        algebra.constant([1.0, 2.0], labels=[algebra.Label(2)]),
        x.mean().use,
    ]
    text = show(uses)
    for piece in ("max x[b,n] over n", "argsort x[", "running prod x[b,i] along i reverse", "cast float64(", "[1.0, 2.0]", "(B)^-1 (N)^-1"):
        assert piece in text, piece


def test_formulas_read_as_mathematics() -> None:
    x, W = array("x", B, V), array("W", V, H)
    assert formula(tanh(x @ W).use) == "y[b,h] = tanh(sum_v x[b,v] W[v,h])"
    assert formula(tanh(x @ W).use, latex=True) == r"y_{bh} = \tanh\left(\sum_{v} x_{bv}\,W_{vh}\right)"
    z = array("z", N)
    assert formula(jacobian(z**2 * 3, z).use, "J") == "J[n,i] = 6 z[n] delta[n,i]"
    assert formula(((z**2).mean() - 1).use, latex=True).startswith("y = ")
    assert r"\frac{1}{N}" in formula((z**2).mean().use, latex=True)


def test_shared_parts_of_a_formula_get_a_name() -> None:
    text = formula(softmax(array("s", B, N)).use)
    assert text.splitlines()[0].startswith("y[b,n] = t")
    assert "with t" in text and "exp(s[b,n])" in text


def test_a_deep_formula_does_not_recurse() -> None:
    x = array("x", N)
    y = x
    for _ in range(3000):
        y = apply("tanh", y)
    assert len(formula(y.use).splitlines()) > 10
    assert len(show([y.use]).splitlines()) == 3002
