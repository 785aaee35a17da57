"""The reference is what its script writes."""

from __future__ import annotations

import runpy
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_the_reference_is_current() -> None:
    wanted = runpy.run_path(str(DOCS / "make_reference.py"))["page"]()
    assert (DOCS / "reference.md").read_text() == wanted, "run python docs/make_reference.py"
    assert "| `grad(cost, wrt=0, *, known_grads=None" in wanted and "| `random.normal(key, shape=()" in wanted and "| `x.reshape`" in wanted
