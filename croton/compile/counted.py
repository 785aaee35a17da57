"""Functions with sizes that are counted in the call: a program for each stage, one after the other.

What a stage gives are arrays. A count becomes an array of that size without elements, from which the next stage has the size; other values are arguments as
any. Only the last stage writes anything that outlives the call.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from croton.compile.convert import arguments
from croton.compile.profile import Profile
from croton.compile.report import Report, report, sizes_of
from croton.compile.words import Lines, counted
from croton.runtime.function import call_native
from croton.runtime.status import Refused
from croton.sizes import evaluate
from croton.util.errors import ArgumentError, ShapeError
from croton.util.provenance import Line


class CountedFunction:
    """A function of a few programs. `callers` are the slow paths of its stages, in order."""

    def __init__(self, name: str, signature: Any, callers: Sequence[Any]) -> None:
        self.name = name
        self.signature = signature
        self.callers = callers
        for caller in callers:
            caller.made()
        self.program = callers[-1].executable
        self.account = self.program.account

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        first, *rest = self.callers
        try:
            # Arrays that machine code takes as they are need not be looked at here.
            given, results = args, [call_native(first.native, args)] if not kwargs else []
        except Refused:
            results = []
        if not results:
            given = tuple(arguments(self.signature, args, kwargs))
            results.append(first.run(list(given)))
        for caller in rest:
            results.append(caller.run([*given, *_taken(caller.stage, results)]))
        return results[-1]

    def explain(self, *shapes: Any, **named: Any) -> CountedReport:
        """The report of each stage; with shapes and counts, given as for `flops`, at these sizes."""
        if not shapes and not named:
            stages = [_report(f"stage {number}", caller.executable) for number, caller in enumerate(self.callers, 1)]
        else:
            at = enumerate(self._at(shapes, named), 1)
            stages = [report(f"stage {number}", [program.account], None, sizes) for number, (program, sizes) in at]
        return CountedReport(self.name, self.callers, stages)

    def flops(self, *shapes: Any, **named: Any) -> int:
        """Operations of a call with arguments of these shapes and with these counts: `f.flops(x=(1000,), count1=300)`."""
        return sum(program.account.flops(sizes) for program, sizes in self._at(shapes, named))

    def memory_peak(self, *shapes: Any, **named: Any) -> int:
        """Bytes that a call takes beyond its arguments, given as for `flops`: what stages hand over is there until the end."""
        peak = handed = 0
        for program, sizes in self._at(shapes, named):
            account = program.account
            peak = max(peak, handed + account.memory_peak(sizes))
            handed += sum(evaluate(size, sizes) for size in account.results)
        return peak

    def profile(self, *args: Any, repeat: int = 10, **kwargs: Any) -> Profile:
        """Where the time of a call with these arguments goes, stage by stage. Shared variables and arguments stay as they are."""
        given = arguments(self.signature, args, kwargs)
        results: list[Any] = []
        found = []
        for number, caller in enumerate(self.callers, 1):
            arrays = [*given, *_taken(caller.stage, results)]
            found.append(caller.profile_of(arrays, repeat))
            if number < len(self.callers):
                results.append(caller.run(arrays))
        total = sum(one.total for one in found) or 1.0
        calls = [
            call._replace(title=f"stage {number}: {call.title}", share=call.seconds / total) for number, one in enumerate(found, 1) for call in one.calls
        ]
        return Profile(self.name, calls, sum(one.whole for one in found), repeat)

    def __repr__(self) -> str:
        return f"<croton function {self.name}({self.signature.describe()})>"

    def _at(self, shapes: Sequence[Any], named: dict[str, Any]) -> Iterator[tuple[Any, dict]]:
        """The program of each stage that runs at these sizes, and its sizes."""
        counts = {leaf.name for caller in self.callers for leaf in caller.stage.inputs[: caller.stage.counted]}
        own = {name: value for name, value in named.items() if name not in counts}
        for caller in self.callers:
            needed = [leaf.name for leaf in caller.stage.inputs[: caller.stage.counted]]
            missing = [name for name in needed if name not in named]
            if missing:
                raise ArgumentError(f"the sizes {', '.join(missing)} are counted in the call; say what they are, as {missing[0]}=10")
            sizes = sizes_of(caller.executable.account, shapes, {**own, **{name: (named[name], 0) for name in needed}})
            yield caller.executable.with_sizes(sizes), sizes


class CountedReport:
    """The programs of all stages explained. Print it; `detail()` adds the kernels' code.

    stages   the report of each
    kernels, library_calls, decisions    of all of them together
    """

    def __init__(self, name: str, callers: Sequence[Any], stages: Sequence[Report]) -> None:
        self.name = name
        self.stages = tuple(stages)
        self.kernels = sum(stage.kernels for stage in self.stages)
        self.library_calls = sum(stage.library_calls for stage in self.stages)
        self.decisions = tuple([decision for stage in self.stages for decision in stage.decisions])
        self.counts = {leaf.name: leaf.line for caller in callers for leaf in caller.stage.inputs[: caller.stage.counted]}

    def __str__(self) -> str:
        rows = [f"{self.name}: {counted(len(self.stages), 'stage')}, since some sizes are counted in the call"]
        lines = Lines(line for line in self.counts.values() if line is not None)
        rows += [text for text in (lines.heading(),) if text]
        for name, line in self.counts.items():
            rows += [f"  {name}, counted here:", *[f"        {row}" for row in lines.rows([line])]]
        return "\n\n".join(["\n".join(rows), *map(str, self.stages)])

    def __repr__(self) -> str:
        return str(self)

    def detail(self) -> str:
        """The report with the code of each distinct kernel in the loop language."""
        return "\n\n".join([str(self), *[stage.detail().removeprefix(str(stage)).strip() for stage in self.stages]])


def _report(name: str, program: Any) -> Report:
    return report(name, [program.account, *[other.account for other in program.others]], program.choosing)


def _taken(stage: Any, results: Sequence[Any]) -> Iterator[np.ndarray]:
    """What a stage has from those before it."""
    for number, (leaf, (source, place)) in enumerate(zip(stage.inputs, stage.sources)):
        value = results[source][place]
        yield np.empty((counted_size(int(value), leaf.line), 0), bool) if number < stage.counted else value


def counted_size(count: int, line: Line | None) -> int:
    """A size that was counted, by the line that counts it. It may have come out negative."""
    if count < 0:
        raise ShapeError(f"a size is at least 0, and this one, counted in the call, is {count}; maximum(n, 0) makes it 0 there", line)
    return count
