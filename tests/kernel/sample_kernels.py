"""Kernels written by hand, for the tests of this package."""

from __future__ import annotations

from croton.dtypes import bool_, float32, int64
from croton.kernel.language import Acc, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Store, Update, Var


def at(*terms: str | tuple[str, Extent], const: Extent = 0) -> Index:
    """An index: names with coefficient 1, or (name, coefficient)."""
    return Index(tuple((term, 1) if isinstance(term, str) else term for term in terms), const)


SOFTMAX = Kernel(
    (Buffer("b0", float32, ("n0", "n1")), Buffer("b1", float32, ("n0", "n1"))),
    ("n0", "n1"),
    (
        For(
            "i0",
            "n0",
            (
                Acc("v0", float32, "max"),
                Lanes("i1", "n1", (Load("v1", float32, "b0", (at("i0"), at("i1"))), Update("v0", Var("v1")))),
                Acc("v2", float32, "sum"),
                Lanes(
                    "i2",
                    "n1",
                    (
                        Load("v3", float32, "b0", (at("i0"), at("i2"))),
                        Let("v4", float32, "sub", (Var("v3"), Var("v0"))),
                        Let("v5", float32, "exp", (Var("v4"),)),
                        Store("b1", (at("i0"), at("i2")), Var("v5")),
                        Update("v2", Var("v5")),
                    ),
                ),
                Lanes(
                    "i3",
                    "n1",
                    (
                        Load("v6", float32, "b1", (at("i0"), at("i3"))),
                        Let("v7", float32, "div", (Var("v6"), Var("v2"))),
                        Store("b1", (at("i0"), at("i3")), Var("v7")),
                    ),
                ),
            ),
            True,
        ),
    ),
)

WINDOW = Kernel(
    (Buffer("b0", float32, ("n0", 7)), Buffer("b1", int64, (7,)), Buffer("b2", float32, (7, "n0"))),
    ("n0",),
    (
        For(
            "i0",
            "n0",
            (
                Let("v0", int64, "index", (Var("i0"),)),
                Let("v1", bool_, "gt", (Var("v0"), Const(0))),
                Lanes(
                    "i1",
                    7,
                    (
                        Load("v2", int64, "b1", (at("i1"),)),
                        Load("v3", float32, "b0", (at("i0", const=-1), at("v2")), "v1"),
                        Store("b2", (at(("i1", -1), const=6), at("i0")), Var("v3"), "max", "v1"),
                    ),
                ),
            ),
        ),
    ),
)
