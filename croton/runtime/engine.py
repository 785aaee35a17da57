"""Machine code from LLVM IR text: text in, object bytes out; object bytes in, addresses out.

Everything goes through an object in memory, so that what the disk cache hands back and what was just compiled take one path.
"""

from __future__ import annotations

import ctypes
import functools
import threading
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import llvmlite.binding as llvm
from llvmlite.binding import ffi

from croton.util.cores import available_cores


class Code:
    """Loaded machine code. Addresses are valid as long as this object lives."""

    __slots__ = ("_engine",)

    def __init__(self, *objects: bytes) -> None:
        machine = _new_target_machine(2)  # the engine frees it
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        for data in objects:
            self._engine.add_object_file(llvm.ObjectFileRef.from_data(data))
        self._engine.finalize_object()

    def address(self, name: str) -> int:
        """The address of a function or global by its name in the IR."""
        found = self._engine.get_function_address(name) or self._engine.get_global_value_address(name)
        if not found:
            raise KeyError(f"no function @{name} in this object")
        return found


@functools.cache
def _initialise() -> None:
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()


@functools.cache
def host() -> tuple[str, str, str]:
    """The triple, the CPU's name and its features, as LLVM writes them."""
    _initialise()
    return llvm.get_process_triple(), llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def _new_target_machine(level: int) -> llvm.TargetMachine:
    triple, cpu, features = host()
    target = llvm.Target.from_triple(triple)
    return target.create_target_machine(cpu=cpu, features=features, opt=level, codemodel="jitdefault", jit=True)


class _Machines(threading.local):
    """The machine that compiles at a level. A thread has its own, since a machine is changed by being used."""

    def __init__(self) -> None:
        self.at = functools.cache(_new_target_machine)


_machines = _Machines()


EMIT = "LLVMPY_TargetMachineEmitToMemory"
"""What `emit_object` calls for all of its work."""


def _free(name: str) -> Any:
    """A function of the library that may run in several threads at once: llvmlite lets one thread into LLVM at a time, whatever it does there."""
    locked = getattr(ffi.lib, name)
    return getattr(locked, "_cfn", locked)


def _emit(machine: llvm.TargetMachine, module: llvm.ModuleRef) -> bytes:
    """What `machine.emit_object(module)` gives, without llvmlite's lock: LLVM asks for no other than that threads have contexts and machines of their own."""
    with ffi.OutputString() as error:
        buffer = _free(EMIT)(machine, module, 1, error)
        if not buffer:
            raise RuntimeError(str(error))
    try:
        return ctypes.string_at(ffi.lib.LLVMPY_GetBufferStart(buffer), ffi.lib.LLVMPY_GetBufferSize(buffer))
    finally:
        ffi.lib.LLVMPY_DisposeMemoryBuffer(buffer)


@functools.cache
def _processor() -> str:
    """What a module says of the machine it is for."""
    return f'target triple = "{host()[0]}"\ntarget datalayout = "{_machines.at(2).target_data}"\n'


@functools.cache
def identity() -> str:
    """What object code depends on besides the text: LLVM's version and the machine."""
    return "|".join((".".join(map(str, llvm.llvm_version_info)), *host()))


def add_symbol(name: str, address: int) -> None:
    """Let IR refer to @name as something that lives at an address of this process."""
    llvm.add_symbol(name, address)


def compile_object(text: str, level: int = 2, variables: bool = False) -> bytes:
    """Object code of LLVM IR text.

    `level` is the code generator's. `variables` says that the text keeps its variables in memory, from where they are moved to registers first.
    LLVM's other passes are not run: text is emitted in its final form, and on text of the runtime they took four times as
    long as all the rest and made nothing faster.
    """
    machine = _machines.at(level)
    module = llvm.parse_assembly(_processor() + text, llvm.create_context())
    module.verify()
    if variables:
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return _emit(machine, module)


def compile_objects(texts: Iterable[str]) -> tuple[bytes, ...]:
    """Object code of each text, on as many threads as there are processors. Texts that are made when they are asked for are made meanwhile."""
    with ThreadPoolExecutor(available_cores(), "croton-code") as threads:
        return tuple([found.result() if isinstance(found, Future) else found for found in [_begun(threads, text) for text in texts]])


def _begun(threads: ThreadPoolExecutor, text: str) -> Future[bytes] | bytes:
    try:
        return threads.submit(compile_object, text)
    except RuntimeError:  # no thread can be started
        return compile_object(text)


def load_object(*objects: bytes) -> Code:
    """Machine code of objects that `compile_object` made on a machine with the same `identity()`."""
    return Code(*objects)
