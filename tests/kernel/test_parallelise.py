"""Which outermost loops may be cut into pieces."""

from __future__ import annotations

from croton.dtypes import float32
from croton.kernel.language import Acc, Buffer, For, Index, Kernel, Lanes, Load, Store, Update, Var
from croton.kernel.parallelise import parallel_loop, parallelise

from .sample_kernels import SOFTMAX, at


def _loop(*index: Index, op: str | None = None) -> Kernel:
    body = (Lanes("i1", "n1", (Load("v0", float32, "b0", (at("i0"), at("i1"))), Store("b1", index, Var("v0"), op))),)
    shape = tuple("n0" for _ in index)
    return Kernel((Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, shape)), ("n0", "n1"), (For("i0", "n0", body),))


def test_the_parallel_loop_of_a_kernel() -> None:
    assert parallel_loop(SOFTMAX) is SOFTMAX.body[0]
    assert parallel_loop(_loop(at("i0"), at("i1"))) is None


def test_iterations_that_own_what_they_write_are_parallel() -> None:
    assert parallel_loop(parallelise(_loop(at("i1"), at("i0", const=2)))) is not None
    assert parallel_loop(parallelise(_loop(at("i0"), op="sum"))) is not None
    assert parallel_loop(parallelise(_loop(at(("i0", "n1"), "i1")))) is not None


def test_iterations_that_may_meet_are_not() -> None:
    assert parallel_loop(parallelise(_loop(at("i1"), op="sum"))) is None
    assert parallel_loop(parallelise(_loop(at("i0", "i1")))) is None
    assert parallel_loop(parallelise(_loop(at(("i0", "n0"), "i1")))) is None
    total = Kernel((Buffer("b0", float32, ()),), ("n0",), (Acc("v0", float32, "sum"), For("i0", "n0", (Update("v0", Var("v0")),))))
    assert parallelise(total) is total
