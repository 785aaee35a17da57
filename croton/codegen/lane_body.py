"""What the body of a vector loop is, before it is emitted: what changes from lane to lane, and what follows from that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from croton.codegen.access import distinct_places
from croton.codegen.function import Function, names_read, operand_dtype
from croton.codegen.lane_places import comparisons
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.kernel.language import Const, Lanes, Let, Load, Stmt, Store, Update

LIGHT = 12
"""The weight up to which a reduction is unrolled."""
HEAVY = 60
"""The weight from which on a loop has a single masked body: a second body would cost more to compile than it saves."""
DEEP = 3
"""So many functions that take long, one after the other, leave the processor waiting: the vectors are twice as wide then, so that it has more to do at a
time. Measured (float32, 20,000 elements): chains of 2 take as long as before, of 3 a fifth to a third less, of 8 two fifths less."""


DISCRETE = frozenset({"eq", "ne", "lt", "le", "gt", "ge", "floor", "ceil", "trunc", "round", "sign", "floor_divide", "remainder", "fmod", "cast"})
"""Functions of which the last bit of an argument may decide."""


class LaneBody:
    """The body of a vector loop.

    varying      the names of what changes from lane to lane
    fixed        the statements that do not, computed once before the loop
    statements   the others
    products     products of floats that are only added to a sum: one rounding for both
    decisive     values that are compared, or of which the least or greatest is wanted: who computes them again has to get the same bits
    comparisons  those that are about the places of lanes only, by name; `places` names all such places
    deep         whether long functions wait for one another
    """

    def __init__(self, function: Function, loop: Lanes) -> None:
        self.function = function
        self.loop = loop
        self.stored = {statement.buffer for statement in loop.body if isinstance(statement, Store)}
        self.varying: set[str] = {loop.label}
        self.fixed: list[Stmt] = []
        self.statements: list[Stmt] = []
        self._classify()
        self.products = self._products()
        self.decisive = self._decisive()
        self.comparisons, self.places = comparisons(self.statements, loop.label, self.varying)
        self.deep = function.target.masked and _depth(self.statements) >= DEEP

    def _classify(self) -> None:
        types = self.function.types
        for statement in self.loop.body:
            if isinstance(statement, Let):
                types[statement.name] = statement.dtype
                changes = any(not isinstance(atom, Const) and atom.name in self.varying for atom in statement.args)
            elif isinstance(statement, Load):
                types[statement.name] = statement.dtype
                changes = self.moves(statement) or statement.guard in self.varying or statement.buffer in self.stored
            else:
                self.statements.append(statement)
                continue
            if changes:
                self.varying.add(statement.name)
                self.statements.append(statement)
            else:
                self.fixed.append(statement)

    def _decisive(self) -> set[str]:
        accumulators = self.function.accumulators
        found: set[str] = set()
        for statement in reversed(self.loop.body):
            if isinstance(statement, Let):
                decides = statement.function in DISCRETE or statement.name in found
            elif isinstance(statement, Update | Store):
                decides = (accumulators[statement.name].op if isinstance(statement, Update) else statement.op) in ("min", "max")
            else:
                continue
            if decides:
                found.update(names_read(statement))
        return found

    def _products(self) -> set[str]:
        used: Counter[str] = Counter()
        for statement in self.loop.body:
            used.update(names_read(statement))
        products = {s.name for s in self.statements if isinstance(s, Let) and s.function == "mul" and s.dtype.is_float and used[s.name] == 1}
        if not products:
            return products
        accumulators = self.function.accumulators
        summed = set()
        for statement in self.statements:
            if isinstance(statement, Update | Store) and not isinstance(statement.value, Const):
                op = accumulators[statement.name].op if isinstance(statement, Update) else statement.op
                if op == "sum":
                    summed.add(statement.value.name)
        return products & summed

    def moves(self, access: Load | Store) -> bool:
        """Whether an access goes to another place in each lane."""
        return any(name in self.varying for index in access.index for name, _ in index.terms)

    def must_be_scalar(self) -> bool:
        """Lanes that may meet in one place and combine there go one by one, as does what reads a place that the loop keeps writing."""
        loaded = {statement.buffer for statement in self.statements if isinstance(statement, Load)}
        for statement in self.statements:
            if not isinstance(statement, Store):
                continue
            if not self.moves(statement):
                if statement.buffer in loaded or statement.guard is not None:
                    return True
            elif statement.op is not None and not distinct_places(statement, self.loop.label, self.varying):
                return True
        return False

    def bits(self) -> int:
        """The width that most values have."""
        widths: Counter[int] = Counter()
        for statement in self.statements:
            if isinstance(statement, Load):
                widths[statement.dtype.bits] += 1
            elif isinstance(statement, Let) and statement.name not in self.comparisons and statement.name not in self.places:
                widths[operand_dtype(statement, self.function.types).bits] += 1
            elif isinstance(statement, Store):
                widths[self.function.buffers[statement.buffer].dtype.bits] += 1
            elif isinstance(statement, Update):
                widths[self.function.types[statement.name].bits] += 1
        most = max(widths.values(), default=0)
        return max((width for width, count in widths.items() if count == most), default=32)

    def lanes(self, extent: int | None) -> int:
        """By the width of values; fewer if the loop is known to be short."""
        bits = self.bits()
        lanes = self.function.target.lanes(bits)
        if bits >= 32 and self.deep:
            lanes *= 2
        while extent is not None and lanes > 2 and lanes // 2 >= extent:
            lanes //= 2
        return lanes

    def weight(self) -> int:
        """How much work a pass is, in simple instructions."""
        return sum(25 if isinstance(statement, Let) and statement.function in MATHEMATICS else 1 for statement in self.statements)

    def reduces_only(self) -> bool:
        """Whether nothing is stored but totals."""
        return all(not isinstance(statement, Store) or not self.moves(statement) for statement in self.statements)

    def is_long(self) -> bool:
        """Whether passes are so long that the processor, as far as it looks ahead, sees only one or two of them: it would wait for what the next ones read."""
        return self.weight() > LIGHT

    def in_any_order(self) -> bool:
        """Whether no store depends on the order of the lanes."""
        stores = [statement for statement in self.statements if isinstance(statement, Store)]
        return all(store.op is not None or distinct_places(store, self.loop.label, self.varying) for store in stores)


def _depth(body: Sequence[Stmt]) -> int:
    """How many functions that take long wait for one another."""
    depth: dict[str, int] = {}
    for statement in body:
        if isinstance(statement, Let):
            before = max([depth.get(name, 0) for name in names_read(statement)], default=0)
            depth[statement.name] = before + (statement.function in MATHEMATICS)
    return max(depth.values(), default=0)
