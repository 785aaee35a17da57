"""What a code generator must know about the processor."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

from llvmlite import binding


class Target(NamedTuple):
    """A processor.

    bits    width of its vector registers
    masked  whether loads and stores under a mask are instructions for every element size (AVX-512), so that odd ends cost no scalar loop
    fused   whether it has fused multiply-add
    scales  whether it multiplies by powers of two in one instruction (AVX-512's scalef)
    """

    bits: int
    masked: bool
    fused: bool
    scales: bool = False

    def lanes(self, element_bits: int) -> int:
        """The length of a vector of two registers: long enough to hide latencies, short enough for the register file."""
        return max(2, min(64, 2 * self.bits // element_bits))


AVX512 = Target(512, True, True, True)
AVX2 = Target(256, False, True)
BASELINE = Target(128, False, False)
NEON = Target(128, False, True)


@cache
def host() -> Target:
    """The processor that this process runs on."""
    triple = binding.get_process_triple()
    if triple.startswith(("aarch64", "arm64")):
        return NEON
    features = binding.get_host_cpu_features()
    if all(features.get(name, False) for name in ("avx512f", "avx512bw", "avx512vl", "avx512dq")):
        return AVX512
    if features.get("avx2", False) and features.get("fma", False):
        return AVX2
    return BASELINE
