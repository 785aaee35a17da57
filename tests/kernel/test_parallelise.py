"""Which outermost loops may be cut into pieces."""

from __future__ import annotations

from croton.dtypes import float32
from croton.kernel.language import Acc, Buffer, For, Index, Kernel, Lanes, Load, Store, Update, Var
from croton.kernel.parallelise import marked_parallel, sweeps

from .sample_kernels import SOFTMAX, at


def _loop(*index: Index, op: str | None = None) -> Kernel:
    body = (Lanes("i1", "n1", (Load("v0", float32, "b0", (at("i0"), at("i1"))), Store("b1", index, Var("v0"), op))),)
    shape = tuple("n0" for _ in index)
    return Kernel((Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, shape)), ("n0", "n1"), (For("i0", "n0", body),))


def shared(kernel: Kernel) -> For | Lanes | None:
    """The loop of a kernel of one sweep that threads share."""
    (sweep,) = sweeps(kernel)
    return sweep.loop


def parallelise(kernel: Kernel, disjoint: bool = False) -> Kernel:
    return kernel._replace(body=marked_parallel(kernel.body, disjoint))


def test_the_parallel_loop_of_a_kernel() -> None:
    assert shared(SOFTMAX) is SOFTMAX.body[0]
    assert shared(_loop(at("i0"), at("i1"))) is None


def test_iterations_that_own_what_they_write_are_parallel() -> None:
    assert shared(parallelise(_loop(at("i1"), at("i0", const=2)))) is not None
    assert shared(parallelise(_loop(at("i0"), op="sum"))) is not None
    assert shared(parallelise(_loop(at(("i0", "n1"), "i1")))) is not None


def test_iterations_that_may_meet_are_not() -> None:
    assert shared(parallelise(_loop(at("i1"), op="sum"))) is None
    assert shared(parallelise(_loop(at("i0", "i1")))) is None
    assert shared(parallelise(_loop(at(("i0", "n0"), "i1")))) is None
    total = Kernel((Buffer("b0", float32, ()),), ("n0",), (Acc("v0", float32, "sum"), For("i0", "n0", (Update("v0", Var("v0")),))))
    assert parallelise(total) == total


def test_labels_of_one_name_and_different_extents_prove_nothing() -> None:
    store = Store("b1", (at(("i0", "n1"), "i1"),), Var("v0"))
    loops = tuple(Lanes("i1", extent, (Load("v0", float32, "b0", (at("i1"),)), store)) for extent in ("n1", "n2"))
    for body, legal in ((loops[:1], True), (loops, False), (loops[::-1], False)):
        assert marked_parallel((For("i0", "n0", body),))[0].parallel is legal


def test_a_promise_holds_for_what_is_only_written() -> None:
    scattered = _loop(at("v1"))
    assert shared(parallelise(scattered)) is None
    assert shared(parallelise(scattered, disjoint=True)) is not None
    loop = scattered.body[0]
    met = loop._replace(body=(*loop.body, Load("v2", float32, "b1", (at("i1"),))))
    assert shared(parallelise(scattered._replace(body=(met,)), disjoint=True)) is None
