"""Programs in words: sizes named after the arguments that have them, lines of the user, amounts, decisions."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from croton.sizes import Poly, Size, Symbol, determined, quotient, substitute, symbol, symbols, undivided
from croton.util.provenance import Line

_MADE_UP = re.compile(r"[._]\d+$")
"""How the names of sizes end that nobody named."""


class SizeNames:
    """Unknown sizes as a reader knows them: by the name the user gave, else as an axis of an argument, `x.0`."""

    __slots__ = ("mapping", "texts")

    def __init__(self, arguments: Iterable[tuple[str, Sequence[Size]]]) -> None:
        self.mapping: dict[Symbol, Size] = {}
        self.texts: dict[Size, str] = {}
        taken: set[str] = set()
        for name, shape in arguments:
            for axis, size in enumerate(shape):
                one = determined(size, self.mapping)
                if one is None:
                    continue
                # What has no elements is there for its size.
                short = name if tuple(shape[axis + 1 :]) == (0,) else f"{name}.{axis}"
                if one.coefficient != 1 or one.rest != 0 or (_MADE_UP.search(one.symbol.name) and short not in taken):
                    self.mapping[one.symbol] = quotient(symbol(short) - self.of(one.rest), self.of(one.coefficient))
                    taken.add(short)

    def name(self, size: Symbol) -> str:
        """What a symbol is called."""
        return self.text(size.size)

    def text(self, size: Size) -> str:
        """A size in terms of the arguments."""
        if not isinstance(size, Poly):
            return str(size)
        found = self.texts.get(size)
        if found is None:
            found = self.texts[size] = repr(self.of(size))
        return found

    def of(self, size: Size) -> Size:
        """A size in terms of the arguments, as a size."""
        known = {name: self.mapping[name] for name in symbols(size) if name in self.mapping}
        return undivided(substitute(size, known)) if known else size


class Rewrite(NamedTuple):
    """A decision of the optimiser as plain data: which rule, the shape of the value, its cost before and after, and the line it belongs to."""

    rule: str
    shape: tuple[Size, ...]
    before: float
    after: float
    line: Line | None

    def text(self, names: SizeNames) -> str:
        """One sentence."""
        shape = f"of shape ({', '.join(map(names.text, self.shape))})" if self.shape else "that is a number"
        how = [sentence for name, sentence in RULES.items() if name in self.rule] or [self.rule]
        return f"a value {shape}: {' and '.join(how)}; {amount(self.after)}flop in place of {amount(self.before)}flop"


RULES = {
    "read in parts": "only what is read of it is computed, and of what it is made of",
    "open": "the sums in its factors were multiplied out in another order",
    "collect rows that meet": "rows that an index adds up are collected where the index has them, in place of an array of all rows",
    "running sum": "a running sum is kept in place of a sum for each element",
    "diagonal by diagonal": "a matrix that is zero but for a few diagonals is multiplied by these alone",
    "distribute": "a product with a sum was taken apart into products",
}
"""What the optimiser's rules do, by a word in their names."""


def rewrite(decision: Any) -> Rewrite:
    """A decision of `algebra.optimise` without its node."""
    node = decision.node
    return Rewrite(decision.rule, tuple(node.dims), float(decision.before), float(decision.after), node.origin)


def amount(number: float) -> str:
    """1.5 G, 12 k: three digits and a prefix, ready for a unit."""
    for factor, prefix in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= factor * 0.9995:
            return f"{number / factor:.3g} {prefix}"
    return f"{number:.3g} "


def seconds(number: float) -> str:
    """1.5 ms, 12 us."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "us")):
        if number >= factor * 0.9995:
            return f"{number / factor:.3g} {unit}"
    return f"{number / 1e-9:.3g} ns"


def counted(number: int, what: str) -> str:
    """1 kernel, 2 kernels."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class Lines:
    """The user's lines as they are shown. Where all are in one file, it is named once."""

    __slots__ = ("file",)

    def __init__(self, lines: Iterable[Line]) -> None:
        files = {line.file for line in lines}
        self.file = files.pop() if len(files) == 1 else None

    def heading(self) -> str:
        """Where the lines are, if that is one place."""
        return "" if self.file is None else f"lines are of {self.file}"

    def rows(self, lines: Iterable[Line | None]) -> list[str]:
        """Each different line once, with its text, in the order of the program."""
        counts = Counter(line for line in lines if line is not None)
        found = sorted(counts.items(), key=lambda pair: (pair[0].file, pair[0].number))
        return [self._row(line) + (f"  (x{times})" if times > 1 else "") for line, times in found]

    def _row(self, line: Line) -> str:
        place = f"line {line.number}" if self.file is not None else f"{os.path.basename(line.file)}:{line.number}"
        text = line.text
        return f"{place}: {text if len(text) <= _WIDTH else text[: _WIDTH - 3] + '...'}" if text else place


_WIDTH = 110
"""Characters of a line of source that are shown."""
