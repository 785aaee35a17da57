"""Both calling paths, so that every test of what a Program means holds for either."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from croton.runtime import layout
from croton.runtime.function import load
from croton.runtime.portable import PortableFunction
from croton.runtime.program import Program


def _load_portable(
    program: Program, kernels: Any = (), cells: Any = (), routines: Any = (), fallback: Any = None, keep: Any = (), limits: Any = None
) -> PortableFunction:
    return PortableFunction(program, kernels, cells, routines, fallback, keep)


@pytest.fixture(params=["native", "portable"])
def loader(request: pytest.FixtureRequest) -> Callable[..., Any]:
    if request.param == "native" and layout.WHY_NOT is not None:
        pytest.skip(layout.WHY_NOT)
    return load if request.param == "native" else _load_portable
