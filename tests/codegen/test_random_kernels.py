"""Compiled kernels mean what the interpreter says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from native import compile_kernel, compile_kernels
from random_kernels import Case, random_case

from croton.codegen.target import AVX2, BASELINE, Target
from croton.kernel.interpret import interpret
from croton.kernel.language import For
from croton.kernel.parallelise import sweeps
from croton.kernel.print import to_text


def compare(case: Case, native: object, seed: int) -> None:
    """Run both; a parallel kernel in two parts."""
    wanted = [array.copy() for array in case.arrays]
    found = [array.copy() for array in case.arrays]
    interpret(case.kernel, wanted, case.sizes)
    if isinstance(sweeps(case.kernel)[0].loop, For):
        middle = case.sizes[0] // 2
        native(found, case.sizes, (0, middle))  # type: ignore[operator]
        native(found, case.sizes, (middle, case.sizes[0]))  # type: ignore[operator]
    else:
        native(found, case.sizes)  # type: ignore[operator]
    for one, two in zip(wanted, found, strict=True):
        tolerance = 2e-5 if one.dtype == np.float32 else 1e-12
        np.testing.assert_allclose(two, one, rtol=tolerance, err_msg=f"seed {seed}, sizes {case.sizes}\n{to_text(case.kernel)}")


@given(seed=st.integers(0, 10**9))
@settings(max_examples=40, deadline=None)
def test_random_kernels(seed: int) -> None:
    case = random_case(seed)
    compare(case, compile_kernel(case.kernel), seed)


@pytest.mark.parametrize("target", [None, AVX2, BASELINE], ids=["host", "avx2", "baseline"])
def test_a_fixed_set_on_every_target(target: Target | None) -> None:
    cases = [random_case(seed) for seed in range(40)]
    for seed, (case, native) in enumerate(zip(cases, compile_kernels([case.kernel for case in cases], target))):
        compare(case, native, seed)
