"""A small engine for tests: kernels to machine code, called on NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence

import numpy as np
from llvmlite import binding

from croton.codegen.module import compile_text
from croton.codegen.target import AVX2, BASELINE, Target
from croton.kernel.check import check
from croton.kernel.language import Kernel

binding.initialize_native_target()
binding.initialize_native_asmprinter()
_alive: list[object] = []

Native = Callable[..., None]
_CPU = {AVX2: ("haswell", ""), BASELINE: ("x86-64-v2", "")}


def compile_kernels(kernels: Sequence[Kernel], target: Target | None = None) -> list[Native]:
    """Each kernel as a function of (arrays, sizes, span=(0, 0), sweep=0) that changes the arrays in place."""
    for kernel in kernels:
        check(kernel)
    text = compile_text([(f"k{place}", kernel) for place, kernel in enumerate(kernels)], target)
    module = binding.parse_assembly(text)
    module.verify()
    host = (binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    cpu, features = host if target is None else _CPU.get(target, host)
    machine = binding.Target.from_triple(binding.get_process_triple()).create_target_machine(
        cpu=cpu, features=features, opt=2, codemodel="jitdefault", jit=True
    )
    engine = binding.create_mcjit_compiler(module, machine)
    engine.finalize_object()
    _alive.extend((engine, module, machine))
    kind = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
    return [_caller(kind(engine.get_function_address(f"k{place}")), kernel) for place, kernel in enumerate(kernels)]


def compile_kernel(kernel: Kernel, target: Target | None = None) -> Native:
    return compile_kernels([kernel], target)[0]


def _caller(native: Callable[..., None], kernel: Kernel) -> Native:
    record = np.concatenate([np.arange(len(kernel.buffers)), np.arange(len(kernel.sizes))]).astype(np.int64)

    def call(arrays: Sequence[np.ndarray], sizes: Sequence[int] = (), span: tuple[int, int] = (0, 0), sweep: int = 0) -> None:
        for buffer, array in zip(kernel.buffers, arrays, strict=True):
            assert array.dtype == buffer.dtype.numpy and array.flags.c_contiguous
        pointers = np.array([array.ctypes.data for array in arrays] or [0], np.uint64)
        values = np.array(list(sizes) or [0], np.int64)
        native(pointers.ctypes.data, values.ctypes.data, record.ctypes.data, *span, sweep)

    return call
