"""The calling path without machine code in the vectorcall slot, for interpreters that `layout` refuses."""

from __future__ import annotations

from typing import Any

from croton.runtime import layout


class PortableFunction:
    """Runs a Program in Python."""

    def __init__(self, *parts: Any) -> None:
        raise NotImplementedError(f"not supported: {layout.WHY_NOT}; use 64-bit CPython with the GIL on Linux or macOS")
