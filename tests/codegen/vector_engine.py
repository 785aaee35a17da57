"""A small engine for tests and benchmarks: builds a function over arrays from a function on a builder."""

from __future__ import annotations

import ctypes
from collections.abc import Callable

import llvmlite.binding as llvm
import numpy as np

from croton.codegen.builder import Builder, Sink
from croton.codegen.target import host

llvm.initialize_native_target()
llvm.initialize_native_asmprinter()

PROGRAM = """{declarations}
define void @apply(ptr %out, {parameters}, i64 %count) "prefer-vector-width"="512" "min-legal-vector-width"="512" {{
entry:
  br label %loop
loop:
  %i = phi i64 [ 0, %entry ], [ %next, %latch ]
{loads}
{body}
  %address = getelementptr {element}, ptr %out, i64 %i
  store {type} {result}, ptr %address, align 4
  br label %latch
latch:
  %next = add i64 %i, {lanes}
  %more = icmp slt i64 %next, %count
  br i1 %more, label %loop, label %exit
exit:
  ret void
}}
"""


class VectorFunction:
    """`emit(builder, *values)` compiled for `lanes` lanes of `element`; call it with arrays whose length is a multiple of `lanes`."""

    def __init__(self, emit: Callable[..., str], element: str, lanes: int, arity: int = 1, plain: bool = False) -> None:
        sink = Sink(host().scales and not plain)
        builder = Builder(sink, element, lanes, flags="contract")
        self.result = emit(builder, *(f"%x{k}" for k in range(arity)))
        self.text = PROGRAM.format(
            declarations="\n".join(sink.declarations.values()),
            parameters=", ".join(f"ptr %in{k}" for k in range(arity)),
            loads="\n".join(
                f"  %p{k} = getelementptr {element}, ptr %in{k}, i64 %i\n  %x{k} = load {builder.type}, ptr %p{k}, align 4"
                for k in range(arity)
            ),
            body="\n".join(sink.lines),
            element=element,
            type=builder.type,
            result=self.result,
            lanes=lanes,
        )
        self.dtype = np.dtype(np.float32 if element == "float" else np.float64)
        self.lanes = lanes
        self.arity = arity
        module = llvm.parse_assembly(self.text)
        module.verify()
        target = llvm.Target.from_triple(llvm.get_process_triple())
        machine = target.create_target_machine(
            cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=2, jit=True
        )
        features = llvm.get_host_cpu_features()
        self.has_fma = features.get("fma", False) or "neon" in features
        self.assembly = machine.emit_assembly(llvm.parse_assembly(self.text))
        self.engine = llvm.create_mcjit_compiler(module, machine)
        self.engine.finalize_object()
        address = self.engine.get_function_address("apply")
        self.call = ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * (arity + 1), ctypes.c_int64)(address)

    def __call__(self, *arrays: np.ndarray) -> np.ndarray:
        arrays = tuple(np.ascontiguousarray(array, self.dtype).ravel() for array in arrays)
        count = len(arrays[0])
        padded = -(-count // self.lanes) * self.lanes
        inputs = [np.pad(array, (0, padded - count)) for array in arrays]
        out = np.empty(padded, self.dtype)
        if count:
            self.call(out.ctypes.data, *(array.ctypes.data for array in inputs), padded)
        return out[:count]
