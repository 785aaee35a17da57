"""Formulas as people read them: the text of well-known programs, worked out and simplified."""

from __future__ import annotations

import pytest

import croton as cr
from croton.util.errors import CrotonError


def contractive_penalty() -> cr.Expr:
    x, W, b = cr.tensor("x", shape=(None, 784), dtype="float32"), cr.tensor("W", shape=(784, 500), dtype="float32"), cr.vector("b", dtype="float32")
    h = cr.sigmoid(x @ W + b)
    return ((W[None] * (h * (1 - h))[:, None]) ** 2).sum((1, 2))


def logistic_hessian() -> cr.Expr:
    A, w, y = cr.matrix("A"), cr.vector("w"), cr.vector("y")
    return cr.hessian(cr.softplus(-y * (A @ w)).sum(), w)


def test_contractive_penalty() -> None:
    assert cr.formula(contractive_penalty()).splitlines() == [
        "y[i] = sum_j t2[j,i]^2 (1 - t2[j,i])^2 (sum_k W[k,j]^2)",
        "    with t2[j,i] = sigmoid(sum_k W[k,j] x[i,k] + b[j])",
    ]
    assert cr.formula(contractive_penalty(), latex=True).splitlines() == [
        r"y_{i} = \sum_{j} {t_{2}}_{ji}^{2}\,\left(1 - {t_{2}}_{ji}\right)^{2}\,\left(\sum_{k} W_{kj}^{2}\right)",
        r"\\ {t_{2}}_{ji} = \operatorname{sigmoid}\left(\sum_{k} W_{kj}\,x_{ik} + b_{j}\right)",
    ]


def test_softmax() -> None:
    z = cr.tensor("z", shape=(4, 5))
    assert cr.formula(cr.softmax(z, axis=1)).splitlines() == [
        "y[i,j] = t2[i,j] (sum_k t2[i,k])^-1",
        "    with t2[i,j] = exp(z[i,j] - (max_k z[i,k]))",
    ]
    assert cr.formula(cr.softmax(z, axis=1), latex=True).splitlines() == [
        r"y_{ij} = {t_{2}}_{ij}\,\left(\sum_{k} {t_{2}}_{ik}\right)^{-1}",
        r"\\ {t_{2}}_{ij} = \exp\left(z_{ij} - \left(\max_{k} z_{ik}\right)\right)",
    ]


def test_cross_entropy_gradient() -> None:
    z = cr.tensor("z", shape=(4, 5))
    assert cr.formula(cr.grad(-cr.log_softmax(z, axis=1)[:, 0].sum(), z)).splitlines() == [
        "y[i,j] = t2[i,j] (sum_k t2[i,k])^-1 - [j = 0]",
        "    with t2[i,j] = exp(z[i,j] - (max_k z[i,k]))",
    ]


def test_logistic_regression_hessian() -> None:
    assert cr.formula(logistic_hessian()).splitlines() == [
        "y[i,j] = sum_k y[k]^2 A[k,j] A[k,i] (t2[k] - t2[k]^2)",
        "    with t2[k] = sigmoid(-y[k] (sum_i A[k,i] w[i]))",
    ]
    assert cr.formula(cr.trace(logistic_hessian()), latex=True).splitlines() == [
        r"y = \sum_{i} y_{i}^{2}\,\left({t_{2}}_{i} - {t_{2}}_{i}^{2}\right)\,\left(\sum_{j} A_{ij}^{2}\right)",
        r"\\ {t_{2}}_{i} = \operatorname{sigmoid}\left(-y_{i}\,\left(\sum_{j} A_{ij}\,w_{j}\right)\right)",
    ]


def test_letters_follow_the_axes_of_the_expression() -> None:
    A, B = cr.tensor("A", shape=(3, 4)), cr.tensor("B", shape=(4, 5))
    assert cr.formula((A @ B).T) == "y[i,j] = sum_k A[j,k] B[k,i]"
    assert cr.formula(cr.broadcast_to(A[0], (2, 4))) == "y[i,j] = sum_k A[k,j] [k = 0]"


def test_as_written() -> None:
    A, B = cr.tensor("A", shape=(30, 40)), cr.tensor("B", shape=(40, 30))
    assert cr.formula(cr.trace(A @ B)) == "y = sum_i,j A[i,j] B[j,i]"
    assert cr.formula(cr.trace(A @ B), optimised=False).splitlines() == ["y = sum_i t0[i,i]", "    with t0[i,j] = sum_k A[i,k] B[k,j]"]
    with cr.config.use(algebra="strict"):
        assert cr.formula(cr.trace(A @ B)) == cr.formula(cr.trace(A @ B), optimised=False)


def test_what_is_no_expression() -> None:
    with pytest.raises(CrotonError, match="formula: an expression is wanted, got list"):
        cr.formula([cr.vector("x")])
