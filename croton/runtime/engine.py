"""Machine code from LLVM IR text: text in, object bytes out; object bytes in, addresses out.

Everything goes through an object in memory, so that what the disk cache hands back and what was just compiled take one path.
"""

from __future__ import annotations

import functools

import llvmlite.binding as llvm


class Code:
    """Loaded machine code. Addresses are valid as long as this object lives."""

    __slots__ = ("_engine",)

    def __init__(self, data: bytes) -> None:
        machine = _new_target_machine(2)  # the engine frees it
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
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


_target_machine = functools.cache(_new_target_machine)
"""The machine that compiles at a level."""


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
    machine = _target_machine(level)
    module = llvm.parse_assembly(text)
    module.triple = host()[0]
    module.data_layout = str(machine.target_data)
    module.verify()
    if variables:
        passes = llvm.create_new_module_pass_manager()
        passes.add_sroa_pass()
        passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    return machine.emit_object(module)


def load_object(data: bytes) -> Code:
    """Machine code of an object that `compile_object` made on a machine with the same `identity()`."""
    return Code(data)
