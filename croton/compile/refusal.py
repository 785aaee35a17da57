"""What a refused call means to the user: the argument, the size or the index that is not as wanted, and the line that wants it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from croton.compile.executable import Executable
from croton.compile.signature import Signature
from croton.expr.expr import Expr
from croton.expr.types import describe
from croton.expr.walk import walk
from croton.runtime.status import Status
from croton.sizes import Poly, Size, evaluate
from croton.transforms.counts import Stage
from croton.util.errors import ArgumentError, CrotonError, KindError, MatrixError, MemoryBudgetError, OutOfRangeError, ShapeError


class Refusal:
    """A call that was refused: why, of which program, and the arrays of its inputs.

    `roots` are what the program computes, and `stage` is which of several it is, where sizes are counted in the call.
    """

    def __init__(
        self, status: Status, arrays: Sequence[np.ndarray], program: Executable, signature: Signature, roots: Sequence[Expr], stage: Stage | None
    ) -> None:
        self.status = status
        self.program = program
        self.account = program.at([array.shape for array in arrays]).account
        self.arguments = (*self.account.arguments, *self.account.shared)
        self.values = [*arrays, *(cell[0] for cell in program.cells)]
        self.roots = roots
        self.stage = stage
        # Behind the user's own inputs a stage has those that other stages give it.
        self.given = range(len(signature.inputs) - (0 if stage is None else len(stage.inputs)), len(signature.inputs))

    def error(self) -> Exception:
        """The exception to raise."""
        meaning = {
            "size": self._size_differs,
            "relation": self._relation_fails,
            "index": self._index_out_of_range,
            "steps": self._too_many_steps,
            "matrix": self._no_answer,
            "argument": self._other_kind,
        }.get(self.status.reason)
        return CrotonError(f"the call was refused: {self.status}; {self._shapes()}") if meaning is None else meaning()

    def _size_differs(self) -> Exception:
        status, place = self.status, self.status.place
        argument = self.arguments[place]
        size = argument.shape[status.detail]
        like = self._shown([i for i, other in enumerate(self.arguments) if i != place and size in other.shape])
        wanted = self._size(size) + (f", as {like}" if like else "")
        if self._is_counted(place):
            return ShapeError(f"{argument.name}, a size that is counted in the call, is {status.value}, where it wants {wanted}{self._why()}")
        if 1 in (status.value, self._number(size)):
            wanted += "; an axis of size 1 broadcasts where it is declared so, as in tensor('y', (1, None))"
        given = f"argument {argument.label} of shape {self.values[place].shape}"
        return ShapeError(f"{given} has {status.value} along axis {status.detail}, where it wants {wanted}{self._why()}")

    def _relation_fails(self) -> Exception:
        """Sizes of arguments do not fit together. The checks are those of sizes that are expressions, those of the graph, and that of the budget."""
        status, account = self.status, self.account
        checks = account.checks
        number = status.place - (len(self.program.program.size_checks) - len(checks) - bool(account.budget))
        if account.budget and number == len(checks):
            return MemoryBudgetError(
                f"memory_budget: this call takes {status.value} bytes beyond its arguments, and may take {status.detail}; "
                f"{self._shapes()}; allow more, or give the sizes hints near what they will be, so that the function is made for them"
            )
        if number >= 0:
            left, right, line = checks[number]
            names = account.names()
            left, right = names.of(left), names.of(right)
            return ShapeError(f"{describe(left, right, status.detail, status.value)}; {self._shapes()}", line)
        differ = self._misfit() or f"{status.detail} and {status.value} must be equal"
        return ShapeError(f"the sizes of the arguments do not fit together: {differ}; {self._shapes()}")

    def _misfit(self) -> str | None:
        """The extent that is not what its size is made of."""
        for argument, array in zip(self.arguments, self.values):
            for axis, (size, extent) in enumerate(zip(argument.shape, array.shape)):
                if isinstance(size, Poly) and self._number(size) != extent:
                    coefficient = size.terms[0][1] if len(size.terms) == 1 else 1
                    wanted = f"a multiple of {coefficient}" if coefficient > 1 else self._size(size)
                    return f"{argument.label} has {extent} along axis {axis}, where it wants {wanted}"
        return None

    def _index_out_of_range(self) -> Exception:
        status, entry = self.status, self.account.entries[self.status.place]
        line = entry.lines[0] if entry.lines else None
        if not entry.sizes:
            return ArgumentError(
                f"pow: an integer to the power {status.value} (element {status.detail} of the exponents); convert the base with astype('float64')", line
            )
        return OutOfRangeError(
            f"index {status.value} (element {status.detail} of the indices) is out of range for an axis of size {self._size(entry.sizes[0])}; "
            'clip or check the indices, or use take(..., mode="clip")',
            line,
        )

    def _no_answer(self) -> Exception:
        entry, member = self.account.entries[self.status.place], self.status.detail
        which = f"number {member} of the stack " if len(entry.sizes) > 2 else ""
        return MatrixError(entry.error.format(which), entry.lines[0] if entry.lines else None)

    def _too_many_steps(self) -> Exception:
        entry = self.account.entries[self.status.place]
        return ArgumentError(
            f"while_loop: the condition still holds after max_steps = {self.status.value} steps; allow more, or find out why it does not end",
            entry.lines[0] if entry.lines else None,
        )

    def _other_kind(self) -> Exception:
        argument, array = self.arguments[self.status.place], self.values[self.status.place]
        return KindError(f"argument {argument.label} wants {argument.dtype}{list(argument.shape)}, got {array.dtype} of shape {array.shape}")

    def _number(self, size: Size) -> int:
        return evaluate(size, self.account.sizes(self.values))

    def _size(self, size: Size) -> str:
        """A size in numbers, and what it is the size of."""
        return str(size) if isinstance(size, int) else f"{self._number(size)} ({self.account.names().text(size)})"

    def _shapes(self) -> str:
        return "the arguments are " + self._shown(range(len(self.arguments)))

    def _shown(self, places: Iterable[int]) -> str:
        """Some arguments with their shapes; of what one stage has from another the counted sizes only."""
        rows = []
        for place in places:
            argument, shape = self.arguments[place], self.values[place].shape
            if self._is_counted(place):
                rows.append(f"{argument.name} = {shape[0]}")
            elif place not in self.given:
                rows.append(f"{argument.label} of shape {shape}")
        return ", ".join(rows)

    def _is_counted(self, place: int) -> bool:
        return self.stage is not None and place in self.given[: self.stage.counted]

    def _why(self) -> str:
        """The lines that made sizes equal, in words."""
        lines = {node.line: None for node in walk(self.roots) if node.constraints and node.line is not None}
        shown = "".join(f"\n  at {line}" + (f"\n      {line.text}" if line.text else "") for line in list(lines)[:3])
        return f"; sizes are made equal{shown}" if shown else ""
