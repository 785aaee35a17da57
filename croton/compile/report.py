"""The compiler's account of a program in words: what `explain()` returns."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from croton.compile.account import Account, Argument
from croton.compile.budget import Chunks
from croton.compile.choose import Choosing
from croton.compile.words import Lines, SizeNames, amount, counted
from croton.sizes import Poly, Size, Symbol, Weighted, bind, evaluate, symbols
from croton.util.errors import ArgumentError, ShapeError


class Report:
    """A program explained. Print it; `detail()` adds the kernels' code.

    Each call has a row: what it reads and writes, its operations and the bytes that it touches at the sizes in the second line, below it what a kernel
    computes (`t0 = tanh(x + b)`; what is too long is left out, `i, j, ...` stand for positions, `n` for sizes), and your lines that it is part of.

    kernels         calls of generated kernels
    passes          how often these go over their arrays
    library_calls   calls of matrix products and other routines
    decisions       what the optimiser rewrote, in words
    others          reports of programs that run at other sizes; what is above is of the one for likely sizes
    """

    def __init__(
        self, name: str, account: Account, others: Sequence[Account] = (), choosing: Choosing | None = None, sizes: Mapping[Symbol, int] | None = None
    ) -> None:
        self.name = name
        self.account = account
        self.sizes = account.likely() if sizes is None else dict(sizes)
        self.others = tuple([Report(name, other) for other in others])
        self.choosing = choosing
        self.kernels = sum(entry.kind == "kernel" for entry in account.entries)
        self.passes = sum(entry.passes for entry in account.entries if entry.kind == "kernel")
        self.library_calls = sum(entry.kind in ("product", "routine") for entry in account.entries)
        names = account.names()
        self.decisions = tuple(decision.text(names) for decision in account.decisions)

    def __str__(self) -> str:
        if self.choosing is None:
            return self._text(self.sizes)
        programs = (self, *self.others)
        rows = [f"{self.name}: {counted(len(programs), 'program')}; each call runs the one that costs least at its sizes"]
        names = self.account.names()
        for number, (cost, example) in enumerate(zip(self.choosing.costs, self.choosing.examples), 1):
            where = ", ".join(sorted([f"{names.name(symbol)} = {value}" for symbol, value in example.items()]))
            rows.append(f"Program {number}, {f'as with {where}' if where else 'at likely sizes'}, costs {formula(cost, names)}")
        for number, (program, example) in enumerate(zip(programs, self.choosing.examples), 1):
            rows += ["", f"Program {number}", program._text({**self.account.likely(), **example})]
        return "\n".join(rows)

    def _text(self, likely: dict[Symbol, int]) -> str:
        account, names = self.account, self.account.names()
        sizes = sorted((names.name(symbol), value) for symbol, value in likely.items())
        shown = f" with {', '.join(f'{name} = {value}' for name, value in sizes)}" if sizes else ""
        lines = Lines(line for entry in account.entries for line in entry.lines)
        passes = f", {self.passes} passes" if self.passes > self.kernels else ""
        rows = [
            f"{self.name}: {counted(self.kernels, 'kernel call')} ({counted(len(account.kernels), 'distinct kernel')}{passes}), "
            f"{counted(self.library_calls, 'library call')}",
            f"One call{shown}: {amount(account.flops(likely))}flop, {amount(account.bytes(likely))}B of memory traffic, "
            f"{amount(account.memory_peak(likely))}B taken beyond its arguments",
        ]
        if sizes:
            rows.append(f"In general: {_leading(_total(entry.flops for entry in account.entries), likely, names)} flop, {self._memory(names)}")
        rows += [text for text in (lines.heading(),) if text]
        rows.append("")
        rows += self._calls(names, lines, likely)
        if account.chunks or account.again:
            rows += ["", "What was done to save memory:"]
            for chunks in account.chunks:
                rows.append("  " + self._chunks(chunks, names))
                rows += [f"        {row}" for row in lines.rows([chunks.line])]
            for steps, line in account.segmented:
                rows.append(
                    f"  a loop of {names.text(steps)} steps keeps the states between segments for its derivative, for a budget of {amount(account.budget)}B, "
                    "and goes through each segment again"
                )
                rows += [f"        {row}" for row in lines.rows([line])]
            if account.again and (account.remade or not account.segmented):
                rows.append(
                    f"  {amount(account.remade)}B of values are computed again when they are read late, for a budget of {amount(account.budget)}B"
                    if account.remade
                    else "  values are computed again for derivatives instead of being kept, as checkpoint says"
                )
                rows += [f"        {row}" for row in lines.rows(account.again)[:MOST_LINES]]
        if account.decisions:
            rows += ["", "What was rewritten:"]
            for (decision, line), times in Counter(zip(self.decisions, (d.line for d in account.decisions))).items():
                rows.append(f"  {decision}" + (f"  (x{times})" if times > 1 else ""))
                rows += [f"        {row}" for row in lines.rows([line])]
        return "\n".join(rows)

    def _chunks(self, chunks: Chunks, names: SizeNames) -> str:
        size, there = names.text(chunks.size), amount(chunks.bytes)
        if chunks.each == 1:
            return f"a batch of {size} is gone through one by one: {there}B of values are there one member at a time"
        if not self.account.budget:
            return f"an axis of size {size} is gone through in chunks of {chunks.each}, whose windows stay in a cache: of all together they take {there}B"
        why = f"for a budget of {amount(self.account.budget)}B: {there}B of values are there a chunk at a time"
        return f"an axis of size {size} is gone through in chunks of {chunks.each}, {why}"

    def _memory(self, names: SizeNames) -> str:
        arena, results = self.account.arena, _total(self.account.results)
        ends = [arena.places[number].start + arena.sizes[number] for number in arena.last if not arena.places[number].after]
        in_turn = f"{names.text(results)} bytes for what is returned, and memory that {counted(len(arena.sizes), 'other value')} take in turn"
        if len(ends) < len(arena.last) or len(ends) > MOST_ENDS:
            return in_turn
        text = names.text(_total([results, *ends])) if len(ends) < 2 else f"{names.text(results)} + max({', '.join(map(names.text, ends))})"
        # Sizes rounded up to lines of the cache and to blocks make formulas that nobody reads.
        return f"{text} bytes taken" if len(text) <= MOST_CHARACTERS else in_turn

    def _calls(self, names: SizeNames, lines: Lines, likely: dict[Symbol, int]) -> list[str]:
        """A row for each call, and below it the lines that are fused into it. Calls that say the same are one row."""
        groups: dict[tuple, list[int]] = {}
        for number, entry in enumerate(self.account.entries):
            groups.setdefault((entry.title(names.text), entry.flops, entry.bytes, entry.lines), []).append(number)
        titles = []
        for (title, *_), numbers in groups.items():
            flow = self.account.entries[numbers[0]].flow
            titles.append(f"{title}: {flow}" if flow and len(numbers) == 1 else title)
        width = min(max(map(len, titles), default=0), 60)
        rows = []
        for title, ((_, flops, traffic, origins), numbers) in zip(titles, groups.items()):
            numbered = _ranges(numbers)
            costs = f"{amount(evaluate(flops, likely))}flop", f"{amount(evaluate(traffic, likely))}B"
            row = f"{numbered:>4}  {title:{width}}  {costs[0]:>12}  {costs[1]:>10}".rstrip()
            found = lines.rows(origins)
            if self.account.entries[numbers[0]].kind == "kernel" and len(found) > 1:
                row += f"  {len(found)} lines fused"
            rows.append(row + (f"  (x{len(numbers)})" if len(numbers) > 1 else ""))
            if len(numbers) == 1 and self.account.entries[numbers[0]].does:
                rows += [f"        {line}" for line in self.account.entries[numbers[0]].does.splitlines()]
            rows += [f"        {line}" for line in found[:MOST_LINES]]
            if len(found) > MOST_LINES:
                rows.append(f"        ... and {counted(len(found) - MOST_LINES, 'more line')}")
        return rows

    def __repr__(self) -> str:
        return str(self)

    def detail(self) -> str:
        """The report with the code of each distinct kernel in the loop language."""
        return "\n\n".join([str(self), *self.account.kernels, *[kernel for other in self.others for kernel in other.account.kernels]])


MOST_LINES = 8
"""Lines of the user that are shown with one call."""

MOST_CHARACTERS = 60
"""Of a formula of the memory that is written out."""

MOST_OF_A_TOTAL = 120
"""Characters of the operations of a call as a function of the sizes."""

MOST_ENDS = 3
"""Of which so many the greatest is written out, where sizes are open."""


def _total(sizes: Iterable[Size]) -> Size:
    total: Size = 0
    for size in sizes:
        total = total + size
    return total


def _ranges(numbers: Sequence[int]) -> str:
    """The numbers of calls that say the same: 3, or 3.. for the first of several."""
    return str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}.."


def formula(cost: Weighted, names: SizeNames) -> str:
    """A cost in operations of a loop, its greatest terms first."""
    terms = sorted([(monomial, weight) for monomial, weight in cost.items() if weight], key=lambda term: -len(term[0]))
    if not terms:
        return "0"
    return " + ".join([_term(weight, monomial, names) for monomial, weight in terms]).replace("+ -", "- ")


def _term(weight: float, monomial: tuple, names: SizeNames) -> str:
    number = f"{weight:.3g}"
    if not monomial:
        return number
    text = names.text(Poly(((monomial, 1),)))
    return text if number == "1" else f"{number}*{text}"


def _leading(total: Size, likely: Mapping[Symbol, int], names: SizeNames) -> str:
    """A sum of sizes as far as it is short; of a long one the terms that are greatest."""
    text = names.text(total)
    if not isinstance(total, Poly) or len(text) <= MOST_OF_A_TOTAL:
        return text
    terms = sorted([Poly((term,)) for term in total.terms], key=lambda term: -abs(evaluate(term, likely)))
    shown = 1
    while len(" + ".join(map(names.text, terms[: shown + 1]))) <= MOST_OF_A_TOTAL:
        shown += 1
    return f"{' + '.join(map(names.text, terms[:shown]))} + {counted(len(terms) - shown, 'smaller term')}".replace("+ -", "- ")


def report(name: str, accounts: Sequence[Account], choosing: Choosing | None, sizes: Mapping[Symbol, int] | None = None) -> Report:
    """The report of a function: of its program, or of each of them and how a call chooses; at given sizes, or at likely ones."""
    return Report(name, accounts[0], accounts[1:], choosing, sizes)


def sizes_of(account: Account, shapes: Sequence[Any], named: Mapping[str, Any]) -> dict[Symbol, int]:
    """The unknown sizes, read off shapes (or arrays) of the arguments by position or name."""
    arguments = {argument.name: argument for argument in (*account.arguments, *account.shared) if argument.name}
    if len(shapes) > len(account.arguments):
        raise ArgumentError(f"{len(shapes)} shapes are given; the arguments are {', '.join(arguments)}")
    given = list(zip(account.arguments, shapes))
    for name, shape in named.items():
        if name not in arguments:
            raise ArgumentError(f"no argument {name!r}; the arguments are {', '.join(arguments)}")
        given.append((arguments[name], shape))
    extents = [(argument, tuple(shape) if isinstance(shape, tuple | list) else np.shape(shape)) for argument, shape in given]
    for argument, shape in extents:
        if len(shape) != len(argument.shape):
            raise ShapeError(f"argument {argument.label} has {len(argument.shape)} axes, got the shape {shape}")
        if not all(isinstance(extent, int | np.integer) and extent >= 0 for extent in shape):
            raise ShapeError(f"argument {argument.label}: a shape is of integers that are not negative, got {shape}")
    found = bind([pair for argument, shape in extents for pair in zip(argument.shape, shape)])
    missing = {
        symbol.name for argument in account.arguments for size in argument.shape for symbol in symbols(size) if symbol not in found
    }
    if missing:
        raise ArgumentError(f"the sizes {', '.join(sorted(missing))} are open; give the shapes of the arguments that have them, as x=(128, 784)")
    for argument, shape in extents:
        _match(argument, shape, found)
    return found


def _match(argument: Argument, shape: Sequence[int], found: Mapping[Symbol, int]) -> None:
    for size, extent in zip(argument.shape, shape):
        if isinstance(size, int):
            if size != extent:
                raise ShapeError(f"argument {argument.label} has the shape {argument.shape}, got {tuple(shape)}")
        elif all(name in found for name in symbols(size)) and evaluate(size, found) != extent:
            raise ShapeError(f"the size {size} is {evaluate(size, found)} in one argument and {extent} in {argument.label}")
