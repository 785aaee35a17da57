"""`function`: a graph made callable.

What is asked for is checked, the program found or made; `caller.py` is what a call does that is not native.
"""

from __future__ import annotations

import abc
from collections.abc import Mapping, Sequence
from typing import Any

from croton.compile.account import Account
from croton.compile.caller import Caller, native_structure
from croton.compile.counted import CountedFunction
from croton.compile.executable import Executable, executable
from croton.compile.finite import CheckedProgram
from croton.compile.options import check_inputs, read_donated, read_givens, read_updates
from croton.compile.profile import Profile
from croton.compile.report import Report, report, sizes_of
from croton.compile.signature import Param, Signature
from croton.expr.expr import Expr, Input, SharedVariable
from croton.expr.walk import substitute, walk, walk_with_counts
from croton.ops.casting import asarray
from croton.transforms.counts import Stage, has_counts, stages
from croton.transforms.recorded import recorded
from croton.util.config import config
from croton.util.structure import Structure, flatten


class Function(abc.ABC):
    """A compiled function. Call it with values for its inputs, by position or by name.

    name          what it is called in reports
    explain(...)  its kernels and library calls, what they compute, cost and come from, as a `Report` to print
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
    def explain(self, *shapes: Any, **named: Any) -> Report:
        """What a call does, as a `Report` to print: kernels and library calls in order, what each computes and costs, and the lines of yours it comes from.

        Costs are those of a call with arguments of these shapes, `f.explain(x=(128, 784))`, given as for `flops`; without shapes those of likely sizes.
        The report counts (`kernels`, `library_calls`), says what the optimiser rewrote (`decisions`), and its `detail()` adds the kernels' code.
        """

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


def _explain(self: Any, *shapes: Any, **named: Any) -> Report:
    found: Executable = self.program
    if shapes or named:
        sizes = sizes_of(self.account, shapes, named)
        return report(self.name, [found.with_sizes(sizes).account], None, sizes)
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
_complete: set[type] = set()
"""The types of function objects that have these methods."""


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
    `config.memory_budget` says. What would take more goes through an axis in chunks, with sums over it kept running, or computes values a second time
    that would wait for a derivative; where that does not help, a MemoryBudgetError says what is needed at least. Unknown sizes are taken to be their hints,
    and a call with larger ones may be refused.
    """
    called = name or "function"
    signature = Signature(list(inputs) if isinstance(inputs, list | tuple) else [inputs], called)
    leaves, structure = flatten(outputs)
    results = [asarray(leaf) for leaf in leaves]
    pairs = read_updates(updates)
    roots = results + [new for _, new in pairs]
    if givens is not None:
        roots = substitute(roots, read_givens(givens))
    order = list(walk_with_counts(roots))
    check_inputs(signature.inputs, order)
    lengths = recorded(roots, order)
    if any(a is not b for a, b in zip(lengths, roots)):
        roots, order = lengths, list(walk(lengths))
    replaced = [None] * len(results) + [variable for variable, _ in pairs]
    donated = read_donated(donate, signature)
    with config.use(**({} if memory_budget is None else {"memory_budget": memory_budget})):
        budget = config.memory_budget

    def caller(own: Signature, shape: Structure, results: Sequence[Expr], stage: Stage | None = None, last: bool = True) -> Caller:
        # Only the last stage writes anything that outlives the call.
        kept, given = (replaced, donated) if last else ([None] * len(results), [])
        program = executable(own.inputs, results, kept, native_structure(shape), [own.inputs[place] for place in given], budget)
        # What one stage gives to another may be infinite and do no harm.
        checked = CheckedProgram(program, own.inputs, results, kept) if config.check_finite and last else None
        return Caller(called, own, shape, program, results, checked, given, stage)

    if not has_counts(order):
        return _function_of(caller(signature, structure, roots))
    callers = []
    *before, end = stages(roots)
    for stage in before:
        callers.append(caller(Signature([*signature.inputs, *stage.inputs], called), flatten(stage.results)[1], stage.results, stage, last=False))
    callers.append(caller(Signature([*signature.inputs, *end.inputs], called), structure, end.results, end))
    result: Any = CountedFunction(called, signature, callers)
    return result


def _function_of(caller: Caller) -> Function:
    """The function object of a function of one program, with the methods of `Function`."""
    found = caller.made()
    kind = type(found)
    if kind not in _complete:
        _complete.add(kind)
        for name, method in METHODS.items():
            setattr(kind, name, method)
        Function.register(kind)
    found.name, found.account, found.signature = caller.name, caller.executable.account, caller.signature
    found.program, found.caller = caller.executable, caller
    return found


__all__ = ["Function", "Param", "function"]
