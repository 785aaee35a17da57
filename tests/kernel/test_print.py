"""The text of a kernel, which is its cache key."""

from __future__ import annotations

from croton.dtypes import float32
from croton.kernel.language import Buffer, Const, Kernel, Let, Steps
from croton.kernel.print import to_text

from .sample_kernels import SOFTMAX, WINDOW

SOFTMAX_TEXT = """\
softmax(b0: float32 [n0, n1], b1: float32 [n0, n1]; n0, n1)
    parallel for i0 < n0:
        acc v0: float32 max
        lanes i1 < n1:
            v1: float32 = b0[i0, i1]
            v0 max= v1
        acc v2: float32 sum
        lanes i2 < n1:
            v3: float32 = b0[i0, i2]
            v4: float32 = sub(v3, v0)
            v5: float32 = exp(v4)
            b1[i0, i2] = v5
            v2 sum= v5
        lanes i3 < n1:
            v6: float32 = b1[i0, i3]
            v7: float32 = div(v6, v2)
            b1[i0, i3] = v7"""

WINDOW_TEXT = """\
kernel(b0: float32 [n0, 7], b1: int64 [7], b2: float32 [7, n0]; n0)
    for i0 < n0:
        v0: int64 = index(i0)
        v1: bool = gt(v0, 0)
        lanes i1 < 7:
            v2: int64 = b1[i1]
            v3: float32 = b0[i0 + -1, v2] if v1
            b2[-1 * i1 + 6, i0] max= v3 if v1"""


def test_golden_texts() -> None:
    assert to_text(SOFTMAX, "softmax") == SOFTMAX_TEXT
    assert to_text(WINDOW) == WINDOW_TEXT


def test_constants_that_compare_equal_print_apart() -> None:
    texts = {to_text(Kernel((), (), (Let("v0", float32, "neg", (Const(value),)),))) for value in (0.0, -0.0, 0, False)}
    assert len(texts) == 4


def test_what_changes_from_step_to_step() -> None:
    buffers = tuple([Buffer(f"b{place}", float32, ("n0",)) for place in range(5)])
    text = to_text(Kernel(buffers, ("n0",), (), Steps((("b0", "n0"), ("b1", -3)), (("b4", "b0"),), ((("b2",), ("b3",)),))))
    assert text.splitlines()[1] == "    each step b0 += n0, b1 += -3, b4 = b0, b2 <-> b3"
