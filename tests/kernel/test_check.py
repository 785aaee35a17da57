"""Wrong kernels are named with their statement and the rule they break."""

from __future__ import annotations

import pytest

from croton.dtypes import bool_, float32, float64, int32, int64
from croton.kernel.check import KernelError, check
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Steps, Stmt, Store, Update, Var

from .sample_kernels import SOFTMAX, WINDOW, at

BUFFERS = (Buffer("b0", float32, ("n0",)), Buffer("b1", int64, ("n0",)), Buffer("b2", float32, ()))


def test_good_kernels_pass() -> None:
    check(SOFTMAX)
    check(WINDOW)


def test_what_is_stored_in_two_places_may_be_read_in_either() -> None:
    """The other place is no other iteration's, or storing to both would depend on their order."""
    stores = (Store("b0", (at("i0"),), Var("v0")), Store("b0", (at("i0", const="n0"),), Var("v0")))
    for both in (stores, stores[::-1]):
        check(Kernel(BUFFERS, ("n0",), (Lanes("i0", "n0", (Load("v0", float32, "b0", (at("i0"),)), *both)),)))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ((Let("v0", float32, "twice", (Const(1),)),), "no function 'twice'"),
        ((Let("v0", float32, "add", (Const(1),)),), "add takes 2 arguments, 1 given"),
        ((Let("v0", float32, "neg", (Var("v1"),)),), "v1 is not defined here"),
        ((Let("v0", float32, "neg", (Var("n0"),)),), "a label or size enters through"),
        ((Let("v0", bool_, "neg", (Const(True),)),), "neg does not take bool"),
        ((Let("v0", int32, "sqrt", (Const(1),)),), "sqrt does not take int32"),
        ((Let("v0", int64, "neg", (Const(0.5),)),), "the constant 0.5 is not int64"),
        (
            (Let("v0", float32, "neg", (Const(1),)), Let("v1", float64, "neg", (Var("v0"),))),
            "v0 is float32, float64 is wanted; cast it first",
        ),
        ((Let("v0", bool_, "lt", (Const(1), Const(2))),), "of constants only"),
        ((Let("v0", float32, "neg", (Const(1),)), Let("v1", float32, "isnan", (Var("v0"),))), "isnan gives bool, not float32"),
        ((Let("v0", int64, "index", (Const(1),)),), "index wants the name of a label"),
        ((Let("v0", int64, "size", (Var("n9"),)),), "size wants the name of a size"),
        ((Let("n0", int64, "size", (Var("n0"),)),), "the name n0 is taken"),
        ((Load("v0", float32, "b9", ()),), "no buffer b9"),
        ((Load("v0", float32, "b0", ()),), "b0 has 1 axes, the index has 0"),
        ((Load("v0", float64, "b0", (Index(),)),), "b0 holds float32"),
        ((Load("v0", float32, "b0", (at("i9"),)),), "i9 is neither"),
        ((Load("v0", float32, "b0", (at(const="n9"),)),), "no size n9"),
        ((Load("v0", float32, "b2", (), "v9"),), "a guard is a bool variable, v9 is not"),
        ((Store("b2", (), Const(1.0), "mean"),), "no reduction 'mean'"),
        ((Store("b2", (), Const(1.0), "any"),), "any does not reduce float32"),
        ((Acc("v0", bool_, "sum"),), "sum does not reduce bool"),
        ((Update("v0", Const(1)),), "v0 is not an accumulator"),
        ((For("i0", "n9", ()),), "no size n9"),
        ((For("i0", -1, ()),), "an extent is an integer >= 0"),
        ((For("i0", "n0", (For("i0", "n0", ()),)),), "the name i0 is taken"),
        ((Lanes("i0", "n0", (Acc("v0", float32, "sum"),)),), "lanes is the innermost loop"),
        ((Lanes("i0", "n0", (For("i1", "n0", ()),)),), "lanes is the innermost loop"),
        (
            (Acc("v0", float32, "sum"), Lanes("i0", "n0", (Update("v0", Const(1)), Store("b0", (at("i0"),), Var("v0"))))),
            "known only after it",
        ),
        (
            (Lanes("i0", "n0", (Load("v0", float32, "b0", (at("i0", const=1),)), Store("b0", (at("i0"),), Var("v0")))),),
            "iterations must be independent",
        ),
        (
            (For("i1", 3, (Acc("v0", float32, "sum"), For("i0", "n0", (Update("v0", Const(1)),), True))),),
            "cannot update an accumulator from outside",
        ),
        (
            (Acc("v0", float32, "sum"), For("i0", "n0", (Update("v0", Const(1)),), True)),
            "v0 is not an accumulator",
        ),
        ((For("i0", "n0", (Store("b2", (), Const(1.0)),), True),), "would write the same place"),
        ((For("i0", "n0", (Let("v0", float32, "neg", (Const(1),)),)), Store("b2", (), Var("v0"))), "v0 is not defined here"),
    ],
)
def test_wrong_kernels_are_refused(body: tuple[Stmt, ...], message: str) -> None:
    with pytest.raises(KernelError) as caught:
        check(Kernel(BUFFERS, ("n0",), body))
    assert message in str(caught.value)


def test_parameters_have_distinct_names() -> None:
    with pytest.raises(KernelError, match="b0 stands for two parameters"):
        check(Kernel((BUFFERS[0], BUFFERS[0]), ("n0",), ()))
    with pytest.raises(KernelError, match="not distinct"):
        check(Kernel((), ("n0", "n0"), ()))


def test_what_changes_from_step_to_step_is_known_and_changes_in_one_way() -> None:
    twice, both, unknown, alone = (("b0", 1), ("b0", 2)), ((("b0",), ("b1",)),), (("b0", "n7"),), (((), ("b1",)),)
    for moves, exchanges in (((("b9", 1),), ()), (twice, ()), (twice[:1], both), (unknown, ()), ((), alone)):
        with pytest.raises(KernelError):
            check(Kernel(BUFFERS, ("n0",), (), Steps(moves, (), exchanges)))
    check(Kernel(BUFFERS, ("n0",), (), Steps((("b0", "n0"), ("b1", -3)), (), ())))
