"""The compiler's account of a program in words: what `explain()` returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from croton.compile.account import Account, Argument
from croton.sizes import Poly, Symbol, symbols
from croton.util.errors import ArgumentError, ShapeError


class Report:
    """A program explained. Print it; `detail()` adds the kernels' code.

    kernels         calls of generated kernels
    library_calls   calls of matrix products and other routines
    decisions       what the optimiser rewrote, in words
    """

    def __init__(self, name: str, account: Account) -> None:
        self.name = name
        self.account = account
        self.kernels = sum(entry.kind == "kernel" for entry in account.entries)
        self.library_calls = sum(entry.kind in ("product", "routine") for entry in account.entries)
        self.decisions = account.decisions

    def __str__(self) -> str:
        account = self.account
        likely = account.likely()
        sizes = sorted((symbol.name, value) for symbol, value in likely.items())
        shown = f" with {', '.join(f'{name} = {value}' for name, value in sizes)}" if sizes else ""
        lines = [
            f"{self.name}: {self.kernels} kernel calls ({len(account.kernels)} distinct kernels), {self.library_calls} library calls",
            f"for example{shown}: {_count(account.flops(likely))}flop, {_count(account.bytes(likely))}B of memory traffic, "
            f"{_count(account.memory_peak(likely))}B beyond the arguments",
            "",
        ]
        for number, entry in enumerate(account.entries):
            lines.append(f"{number:4d}  {entry.title}: {entry.flops} flop, {entry.bytes} bytes")
            for line, times in Counter(entry.lines).items():
                text = f"        {line}" + (f"  {line.text}" if line.text else "")
                lines.append(text + (f"  (x{times})" if times > 1 else ""))
        if self.decisions:
            lines += ["", "decisions:"]
            lines += [f"  {decision}" + (f"  (x{times})" if times > 1 else "") for decision, times in Counter(self.decisions).items()]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return str(self)

    def detail(self) -> str:
        """The report with the code of each distinct kernel in the loop language."""
        return "\n\n".join([str(self), *self.account.kernels])


def report(name: str, account: Account) -> Report:
    """The report of a program."""
    return Report(name, account)


def sizes_of(account: Account, shapes: Sequence[Any], named: Mapping[str, Any]) -> dict[Symbol, int]:
    """The unknown sizes, read off shapes (or arrays) of the arguments by position or name."""
    found: dict[Symbol, int] = {}
    arguments = {argument.name: argument for argument in (*account.arguments, *account.shared) if argument.name}
    given = list(zip(account.arguments, shapes))
    for name, shape in named.items():
        if name not in arguments:
            raise ArgumentError(f"no argument {name!r}; the arguments are {', '.join(arguments)}")
        given.append((arguments[name], shape))
    for argument, shape in given:
        _match(argument, tuple(shape) if isinstance(shape, tuple | list) else np.shape(shape), found)
    missing = {
        symbol.name for argument in account.arguments for size in argument.shape for symbol in symbols(size) if symbol not in found
    }
    if missing:
        raise ArgumentError(f"the sizes {', '.join(sorted(missing))} are open; give the shapes of the arguments that have them, as x=(128, 784)")
    return found


def _match(argument: Argument, shape: Sequence[int], found: dict[Symbol, int]) -> None:
    if len(shape) != len(argument.shape):
        raise ShapeError(f"argument {argument.label} has {len(argument.shape)} axes, got the shape {tuple(shape)}")
    for size, extent in zip(argument.shape, shape):
        if isinstance(size, int):
            if size != extent:
                raise ShapeError(f"argument {argument.label} has the shape {argument.shape}, got {tuple(shape)}")
        elif isinstance(size, Poly) and len(names := symbols(size)) == 1 and size == names[0].size:
            if found.setdefault(names[0], extent) != extent:
                raise ShapeError(f"the size {size} is {found[names[0]]} in one argument and {extent} in {argument.label}")


def _count(number: float) -> str:
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor:
            return f"{number / factor:.3g} {prefix}"
    return f"{number:.0f} "
