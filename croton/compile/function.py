"""`function`: a graph made callable.

What a call does natively is decided by the runtime; what is here is the way in (checking what is asked for, finding or making
the program) and the slow path: arguments that are not exactly arrays of the wanted kind, names, defaults, nested results, and errors that teach.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from croton.compile.account import Account
from croton.compile.convert import arguments
from croton.compile.counted import CountedFunction
from croton.compile.executable import Executable, executable
from croton.compile.finite import CheckedProgram
from croton.compile.profile import Profile, profile
from croton.compile.promotion import promoter
from croton.compile.report import Report, report, sizes_of
from croton.compile.signature import Param, Signature
from croton.expr.expr import Expr, Input, SharedVariable
from croton.expr.types import describe
from croton.expr.walk import substitute, walk, walk_with_counts
from croton.ops.broadcasting import stretch
from croton.ops.casting import asarray
from croton.runtime.function import call_native
from croton.runtime.status import Refused, Status
from croton.sizes import Size, evaluate
from croton.transforms.counts import Stage, has_counts, stages
from croton.transforms.recorded import recorded
from croton.util.config import config
from croton.util.errors import ArgumentError, CrotonError, DTypeError, KindError, MemoryBudgetError, OutOfRangeError, ShapeError
from croton.util.structure import Single, Structure, flatten, unflatten


class Function(abc.ABC):
    """A compiled function. Call it with values for its inputs, by position or by name.

    name          what it is called in reports
    explain()     its kernels, library calls, flops, bytes, memory and the lines they come from, as a `Report` to print
    flops(...)    operations of a call with arguments of these shapes, by name: `f.flops(x=(128, 784))`
    memory_peak(...)  bytes a call takes beyond its arguments
    profile(*args)    where the time of a call goes, as a `Profile` to print
    """

    name: str
    account: Account
    program: Executable

    @abc.abstractmethod
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...

    @abc.abstractmethod
    def explain(self) -> Report:
        """Kernels, library calls, flops, bytes, memory and the lines they come from, as a `Report` to print; its `detail()` adds the kernels' code."""

    @abc.abstractmethod
    def flops(self, *shapes: Any, **named: Any) -> int:
        """Floating point operations of a call with arguments of these shapes, by position or by name: `f.flops(x=(128, 784))`.

        A transcendental function counts as twenty. Shapes are needed as far as sizes are unknown; arrays will do.
        """

    @abc.abstractmethod
    def memory_peak(self, *shapes: Any, **named: Any) -> int:
        """Bytes that a call with arguments of these shapes takes beyond them, results included: `f.memory_peak(x=(128, 784))`."""

    @abc.abstractmethod
    def profile(self, *args: Any, repeat: int = 10, **kwargs: Any) -> Profile:
        """Where the time of a call with these arguments goes: each kernel, product and routine with its lines, medians of `repeat` calls."""


class SlowFunction:
    """A function whose every call passes through Python: its results are nested, or its values are checked."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._call(*args, **kwargs)


def _explain(self: Any) -> Report:
    found: Executable = self.program
    return report(self.name, [found.account, *[other.account for other in found.others]], found.choosing)


def _flops(self: Any, *shapes: Any, **named: Any) -> int:
    sizes = sizes_of(self.account, shapes, named)
    return self.program.with_sizes(sizes).account.flops(sizes)


def _memory_peak(self: Any, *shapes: Any, **named: Any) -> int:
    sizes = sizes_of(self.account, shapes, named)
    return self.program.with_sizes(sizes).account.memory_peak(sizes)


def _profile(self: Any, *args: Any, repeat: int = 10, **kwargs: Any) -> Profile:
    """Where the time of a call with these arguments goes: each kernel, product and routine with its lines. Shared variables and arguments stay as they are."""
    return self.caller.profile(args, kwargs, repeat)


def _repr(self: Any) -> str:
    signature = getattr(self, "signature", None)
    return f"<croton function {self.name}({signature.describe()})>" if signature is not None else object.__repr__(self)


Function.register(CountedFunction)
METHODS = {"explain": _explain, "flops": _flops, "memory_peak": _memory_peak, "profile": _profile, "__repr__": _repr}
_dressed: set[type] = set()


def _dress(kind: type) -> None:
    """Give a type of function object the methods of `Function`."""
    if kind in _dressed:
        return
    _dressed.add(kind)
    for name, method in METHODS.items():
        setattr(kind, name, method)
    Function.register(kind)


def function(
    inputs: Any,
    outputs: Any = None,
    updates: Mapping[SharedVariable, Any] | Sequence[tuple[SharedVariable, Any]] | None = None,
    givens: Mapping[Expr, Any] | Sequence[tuple[Expr, Any]] | None = None,
    name: str | None = None,
    donate: Sequence[Input] = (),
    memory_budget: int | str | None = None,
) -> Function:
    """Compile a graph into a function of its inputs.

    `inputs` is a list of inputs (or nested lists and dicts of them, each one argument; `Param(x, default=...)` gives a default value). `outputs` is one
    expression, or a list, tuple or dict of them, nested as you like: results come in the same structure, as NumPy arrays. `updates` gives shared variables
    new values, computed from the old ones, all at once at the end of each call. `givens` replaces expressions by others before compiling.

    `donate` names inputs whose arrays the caller gives away: each may be overwritten with the first result of its dtype and shape, which then is that very
    array and takes no memory of its own. After the call (also one that fails) use only what it returns. An array that cannot be
    written, has to be converted, or shares memory with another argument is copied first and stays as it was.

    `memory_budget` is how many bytes a call may take beyond its arguments (`memory_peak` says what it takes), as a number or as "512MB"; by default what
    `config.memory_budget` says. What would take more goes through an axis in chunks, with sums over it kept running; where that does not help, a
    MemoryBudgetError says what is needed at least. Unknown sizes are taken to be their hints, and a call with larger ones may be refused.
    """
    signature = Signature(list(inputs) if isinstance(inputs, list | tuple) else [inputs], name or "function")
    leaves, structure = flatten(outputs)
    results = [asarray(leaf) for leaf in leaves]
    pairs = _updates(updates)
    roots = results + [new for _, new in pairs]
    if givens is not None:
        roots = substitute(roots, _givens(givens))
    order = list(walk_with_counts(roots))
    _check_inputs(signature.inputs, order)
    lengths = recorded(roots, order)
    if any(a is not b for a, b in zip(lengths, roots)):
        roots, order = lengths, list(walk(lengths))
    replaced = [None] * len(results) + [variable for variable, _ in pairs]
    donated = _donated(donate, signature)
    with config.use(**({} if memory_budget is None else {"memory_budget": memory_budget})):
        budget = config.memory_budget
    called, check = name or "function", bool(config.check_finite)

    def caller(inputs: Signature, shape: Structure, results: Sequence[Expr], last: bool, stage: Stage | None) -> _Caller:
        kept = replaced if last else [None] * len(results)
        given = [inputs.inputs[place] for place in donated] if last else []
        found = executable(inputs.inputs, results, kept, _native_structure(shape), given, budget)
        return _Caller(inputs, shape, found, results, kept, called, donated if last else [], check and last, stage)

    if not has_counts(order):
        return caller(signature, structure, roots, True, None).made()
    found = stages(roots)
    callers = []
    for stage in found:
        last = stage is found[-1]
        own = Signature([*signature.inputs, *stage.inputs], called)
        # What one stage gives to another may be infinite and do no harm.
        callers.append(caller(own, structure if last else flatten(stage.results)[1], stage.results, last, stage))
    result: Any = CountedFunction(called, signature, callers)
    return result


def _native_structure(structure: Structure) -> str:
    if structure is Single.LEAF:
        return "one"
    if structure is Single.EMPTY:
        return "none"
    return "list" if _flat(structure) and structure.cls is list else "tuple"  # type: ignore[union-attr]


def _flat(structure: Structure) -> bool:
    """Whether results come straight from the native call: one array, or a list or tuple of arrays."""
    if isinstance(structure, Single):
        return True
    plain = getattr(structure, "cls", None) in (list, tuple)
    return plain and all(item is Single.LEAF for item in structure.items)


class _Caller:
    """The slow path of one function, or of one stage of a function."""

    def __init__(
        self,
        signature: Signature,
        structure: Structure,
        found: Executable,
        roots: Sequence[Expr],
        replaced: Sequence[SharedVariable | None],
        name: str,
        donated: Sequence[int],
        check: bool,
        stage: Stage | None,
    ) -> None:
        self.signature = signature
        self.structure = structure
        self.executable = found
        self.roots = roots
        self.replaced = replaced
        self.name = name
        self.checked = CheckedProgram(found, signature.inputs, roots, replaced) if check else None
        self.donated = donated
        self.stage = stage
        self.own = len(signature.inputs) - (0 if stage is None else len(stage.inputs))
        self.direct = _flat(structure) and self.checked is None

    def made(self) -> Any:
        """The function object."""
        found = self.executable
        self.native = found.load(fallback=self.fallback if self.direct else None)
        result: Any = self.native if self.direct else SlowFunction(self.call)
        _dress(type(result))
        result.name, result.account, result.signature, result.program, result.caller = self.name, found.account, self.signature, found, self
        return result

    def fallback(self, status: tuple[int, int, int, int], *args: Any, **kwargs: Any) -> Any:
        return self.call(*args, **kwargs)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """A call with whatever the user gave."""
        return self.run(self.arrays(args, kwargs))

    def run(self, arrays: list[np.ndarray]) -> Any:
        """A call with the arrays of all inputs."""
        for place in self.donated:
            arrays[place] = self.given_away(place, arrays)
        try:
            result = call_native(self.native, arrays) if self.checked is None else self.checked.call(arrays)
        except Refused as refused:
            raise self.error(refused.status, arrays) from None
        if self.structure is Single.LEAF or (_flat(self.structure)):
            return result
        return unflatten(self.structure, result)

    def profile(self, args: tuple, kwargs: dict[str, Any], repeat: int) -> Profile:
        """The profile of a call with whatever the user gave."""
        return self.profile_of(self.arrays(args, kwargs), repeat)

    def profile_of(self, arrays: list[np.ndarray], repeat: int) -> Profile:
        """The profile of a call with the arrays of all inputs."""
        try:
            return profile(self.name, self.executable, [np.array(array) if i in self.donated else array for i, array in enumerate(arrays)], repeat)
        except Refused as refused:
            raise self.error(refused.status, arrays) from None

    def arrays(self, args: tuple, kwargs: dict[str, Any]) -> list[np.ndarray]:
        """The arrays of a call."""
        return arguments(self.signature, args, kwargs)

    def given_away(self, place: int, arrays: Sequence[np.ndarray]) -> np.ndarray:
        """A donated array, or a copy where writing to it would change another array that the call reads, or cannot be."""
        array = arrays[place]
        others = [*arrays[:place], *arrays[place + 1 :], *[cell[0] for cell in self.executable.cells]]
        # A call that is checked may have to be retraced from its arguments.
        if self.checked is not None or not array.flags.writeable or any(np.may_share_memory(array, other) for other in others):
            return array.copy()
        return array

    def error(self, status: Status, arrays: Sequence[np.ndarray]) -> Exception:
        """What a refused call means to the user."""
        account = self.executable.at([array.shape for array in arrays]).account
        arguments = (*account.arguments, *account.shared)
        values = [*arrays, *(cell[0] for cell in self.executable.cells)]
        if status.reason == "size":
            argument, array = arguments[status.place], values[status.place]
            others = [i for i, other in enumerate(arguments) if i != status.place and set(other.shape) & {argument.shape[status.detail]}]
            like = self._shown(arguments, values, others)
            wanted = self._size(argument.shape[status.detail], values) + (f", as {like}" if like else "")
            if self._is_counted(status.place):
                return ShapeError(f"{argument.name}, a size that is counted in the call, is {status.value}, where it wants {wanted}{self._why()}")
            if 1 in (status.value, _number(wanted)):
                wanted += "; an axis of size 1 broadcasts where it is declared so, as in tensor('y', (1, None))"
            return ShapeError(
                f"argument {argument.label} of shape {array.shape} has {status.value} along axis {status.detail}, where it wants {wanted}{self._why()}"
            )
        if status.reason == "relation":
            composite = len(self.executable.program.size_checks) - len(account.checks) - bool(account.budget)
            if account.budget and status.place == composite + len(account.checks):
                return MemoryBudgetError(
                    f"memory_budget: this call takes {status.value} bytes beyond its arguments, and may take {status.detail}; "
                    f"{self._shapes(arguments, values)}; allow more, or give the sizes hints near what they will be, so that the function is made for them"
                )
            if status.place >= composite:
                left, right, line = account.checks[status.place - composite]
                if self.stage is not None:
                    names = account.names()
                    left, right = names.of(left), names.of(right)
                return ShapeError(f"{describe(left, right, status.detail, status.value)}; {self._shapes(arguments, values)}", line)
            differ = f"{status.detail} and {status.value} must be equal"
            return ShapeError(f"the sizes of the arguments do not fit together: {differ}; {self._shapes(arguments, values)}")
        if status.reason == "index":
            entry = account.entries[status.place]
            line = entry.lines[0] if entry.lines else None
            if not entry.sizes:
                return ArgumentError(
                    f"pow: an integer to the power {status.value} (element {status.detail} of the exponents); convert the base with astype('float64')", line
                )
            bound = self._size(entry.sizes[0], values)
            return OutOfRangeError(
                f"index {status.value} (element {status.detail} of the indices) is out of range for an axis of size {bound}; "
                'clip or check the indices, or use take(..., mode="clip")',
                line,
            )
        if status.reason == "steps":
            entry = account.entries[status.place]
            return ArgumentError(
                f"while_loop: the condition still holds after max_steps = {status.value} steps; allow more, or find out why it does not end",
                entry.lines[0] if entry.lines else None,
            )
        if status.reason == "argument":
            argument, array = arguments[status.place], values[status.place]
            return KindError(f"argument {argument.label} wants {argument.dtype}{list(argument.shape)}, got {array.dtype} of shape {array.shape}")
        return CrotonError(f"the call was refused: {status}; {self._shapes(arguments, values)}")

    def _size(self, size: Size, values: Sequence[np.ndarray]) -> str:
        """A size in numbers, and what it is the size of."""
        if isinstance(size, int):
            return str(size)
        return f"{evaluate(size, self.executable.account.sizes(values))} ({self.executable.account.names().text(size)})"

    def _shapes(self, arguments: Sequence[Any], values: Sequence[np.ndarray]) -> str:
        return "the arguments are " + self._shown(arguments, values, range(len(arguments)))

    def _shown(self, arguments: Sequence[Any], values: Sequence[np.ndarray], places: Iterable[int]) -> str:
        """Some arguments with their shapes; of what one stage has from another the counted sizes only."""
        rows = []
        for place in places:
            argument, shape = arguments[place], values[place].shape
            if self._is_counted(place):
                rows.append(f"{argument.name} = {shape[0]}")
            elif self.stage is None or not self.own <= place < len(self.signature.inputs):
                rows.append(f"{argument.label} of shape {shape}")
        return ", ".join(rows)

    def _is_counted(self, place: int) -> bool:
        return self.stage is not None and self.own <= place < self.own + self.stage.counted

    def _why(self) -> str:
        """The lines that made sizes equal, in words."""
        lines = {node.line: None for node in walk(self.roots) if node.constraints and node.line is not None}
        shown = "".join(f"\n  at {line}" + (f"\n      {line.text}" if line.text else "") for line in list(lines)[:3])
        return f"; sizes are made equal{shown}" if shown else ""


def _donated(donate: Any, signature: Signature) -> list[int]:
    """The positions of the donated inputs."""
    positions: dict[Expr, int] = {leaf: i for i, leaf in enumerate(signature.inputs)}
    found: list[int] = []
    for leaf in [donate] if isinstance(donate, Expr) else donate:
        if not isinstance(leaf, Expr) or leaf not in positions:
            raise ArgumentError(f"donate names inputs of the function, got {leaf!r}; a shared variable is reused by giving it an update")
        if positions[leaf] in found:
            raise ArgumentError(f"donate: {leaf!r} is donated twice; its memory can become one result only")
        found.append(positions[leaf])
    return found


def _check_inputs(inputs: Sequence[Expr], order: Sequence[Expr]) -> None:
    given = set(inputs)
    missing = [node for node in order if isinstance(node, Input) and node not in given]
    if missing:
        names = ", ".join(repr(node) for node in missing)
        raise ArgumentError(f"the outputs depend on inputs that are not given: {names}; add them to inputs, or replace them with givens", missing[0].line)


def _givens(givens: Any) -> dict[Expr, Expr]:
    found: dict[Expr, Expr] = {}
    for old, new in givens.items() if isinstance(givens, Mapping) else givens:
        if not isinstance(old, Expr):
            raise KindError(f"givens replaces expressions, got {type(old).__name__}")
        replacement = asarray(new)
        if replacement.dtype is not old.dtype or replacement.ndim != old.ndim:
            raise DTypeError(f"givens replaces {old!r} by {replacement!r}; both need one dtype and number of axes")
        # What is said of the sizes of the one holds for the other.
        found[old] = stretch(replacement, [b if b == 1 else a for a, b in zip(old.shape, replacement.shape)])
    return found


def _number(wanted: str) -> int | None:
    """The number that a size is said to be."""
    first = wanted.split(" ", 1)[0].rstrip(",")
    return int(first) if first.isdigit() else None


def _promoter(value: Expr) -> str:
    found = promoter(value)
    if found is None:
        return ""
    operand, reader = found
    line = operand.line if reader is None else reader.line
    place = f" at {line}" if line is not None and line != value.line else ""
    # NumPy computes with an integer and a Python float in float64.
    return f", {operand!r}{place}" if reader is None or operand.dtype.is_float else f", {operand!r}, an integer that was computed with in {value.dtype}{place}"


def _updates(updates: Any) -> list[tuple[SharedVariable, Expr]]:
    pairs: list[tuple[SharedVariable, Expr]] = []
    seen: set[Expr] = set()
    for variable, new in (updates.items() if isinstance(updates, Mapping) else updates) or ():
        if not isinstance(variable, SharedVariable):
            raise KindError(f"updates change shared variables, got {variable!r}")
        if variable in seen:
            raise ArgumentError(f"{variable!r} is updated twice; combine the two into one expression")
        seen.add(variable)
        value = asarray(new) if isinstance(new, Expr) else asarray(new, dtype=variable.dtype)
        if value.dtype is not variable.dtype:
            raise DTypeError(
                f"the update of {variable!r} has dtype {value.dtype}; it must be {variable.dtype}: convert it with astype({variable.dtype.name!r}), "
                f"or the operand that promoted it{_promoter(value)}",
                value.line,
            )
        if value.ndim != variable.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(value.shape, variable.shape)):
            raise ShapeError(f"the update of {variable!r} has shape {value.type}; it must have the shape of the variable", value.line)
        # An axis whose size the variable fixes keeps it; what is not known of the update is compared in the call.
        kept = [a if isinstance(a, int) else b for a, b in zip(variable.shape, value.shape)]
        pairs.append((variable, stretch(value, kept)))
    return pairs


__all__ = ["Function", "Param", "function"]
