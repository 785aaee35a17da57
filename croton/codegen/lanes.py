"""`lanes`: the innermost loop in vectors two registers wide, or four where one long function waits for another again and again.

What does not depend on the label is computed once before the loop and splat. A division by such a value is a multiplication by its
reciprocal, scaled so that it cannot overflow or lose bits (at most one more rounding). On processors with masked memory instructions
odd ends run under a mask; on others in a scalar loop. Pure reductions keep four vectors, to hide the latency of additions.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from croton.codegen.builder import Builder, element
from croton.codegen.called import called_often, in_turns
from croton.codegen.flow import Carried, counted_loop, region
from croton.codegen.function import Function, is_number
from croton.codegen.lane_body import HEAVY, LIGHT, LaneBody
from croton.codegen.lane_pass import Instance, LanePass
from croton.codegen.reduction import BLOCK, combine, combine_all, folded, horizontal, state_element, unit_text
from croton.dtypes import float32
from croton.kernel.language import Const, Lanes, Stmt, Store

UNROLL = 4
TURNS = 2
"""So many vectors call their functions in turns: the processor goes on with one of them while the other waits for itself. Measured (float32, chains of 25
tanh): two thirds of the time, as of that with the functions written out for both; more than two gain nothing."""

LEAST_HALVED = 8
"""Lanes that a vector has at least of which the end is done in halves."""


def emit_lanes(function: Function, loop: Lanes, low: str, high: str) -> None:
    """The loop over [low, high). What is little work beside the rest of the kernel is not worth a second body."""
    little = function.finishing or all(isinstance(statement, Store) and isinstance(statement.value, Const) for statement in loop.body)
    VectorLoop(function, loop, low, high, [Instance(function.values, {})], compact=little).emit()


class VectorLoop:
    """Emits one lanes loop, for one or several instances of the values around it. A `compact` loop has one masked body where it can: for work that is done
    seldom. `unroll` is how many vectors are taken at a time at most. A loop that is known to be `within` so many lanes is a single pass.
    """

    def __init__(
        self, function: Function, loop: Lanes, low: str, high: str, instances: Sequence[Instance], compact: bool = False, unroll: int = UNROLL, within: int = 0
    ) -> None:
        self.function = function
        self.sink = function.sink
        self.loop = loop
        self.low = low
        self.high = high
        self.extent = int(high) - int(low) if is_number(low) and is_number(high) else None
        self.instances = instances
        self.compact = compact
        self.unroll = unroll
        self.within = within
        self.body = LaneBody(function, loop)

    def emit(self) -> None:
        """Emit the loop."""
        if self.extent is not None and self.extent <= 0:
            return
        if self.extent == 1 or self.body.must_be_scalar():
            self._scalar(self.loop.body, self.low)
            return
        self.lanes = 1 << (self.within - 1).bit_length() if self.within else self.body.lanes(self.extent)
        self.run = LanePass(self.function, self.body, self.instances, self.lanes)
        self.totals = self.run.totals
        if self.within:
            self._single_pass()
            return
        if self.extent is not None:
            self._inside()
            return
        function = self.function
        kept = [(total, self.run.states(total)) for total in self.totals if total.store is None]
        carried = [Carried(function.state_builder(function.accumulators[total.name]).type, states[total.name]) for total, states in kept]
        condition = self.sink.emit(f"icmp slt i64 {self.low}, {self.high}")
        results = region(self.sink, condition, self._inside, carried)
        for (total, states), result in zip(kept, results):
            states[total.name] = result

    def _scalar(self, body: Sequence[Stmt], low: str) -> None:
        """The statements for one lane after the other."""
        for instance in self.instances:
            with self.function.instance(instance.values, instance.own):
                self.function.scalar_loop(self.loop.label, body, low, self.high)

    def _single_pass(self) -> None:
        """The loop where one vector holds all lanes."""
        self.run.prepare()
        self.wide = [False] * len(self.totals)
        self._finish(self._once([unit_text(self.run.vector(total), total.op, total.dtype) for total in self.totals]))

    def _inside(self) -> list[str]:
        """The loop where it has at least one lane; gives the accumulators' values."""
        self.run.prepare()
        lanes, weight = self.lanes, self.body.weight()
        # More constants than one such function has are better left to LLVM.
        kept = self.sink.keep_constants() if weight < HEAVY else -1
        self.sink.called = called_often(self.body.statements) if self.body.deep else frozenset()
        unroll = self.unroll if self.totals and self.body.reduces_only() and weight <= LIGHT else 1
        if self.extent is not None and self.extent < 2 * lanes * unroll:
            unroll = 1
        if self.sink.called and not self.totals and not self.compact:
            unroll = 1 if self.extent is not None and self.extent <= lanes else TURNS
        step = lanes * unroll
        self.wide = [
            total.op == "sum" and total.dtype is float32 and (self.extent is None or self.extent > step * BLOCK) for total in self.totals
        ]
        state = [unit_text(self._state(k), total.op, total.dtype) for k, total in enumerate(self.totals)]
        scalar_from: str | None = None
        if self.extent is not None and self.extent % step == 0:
            state = self._stage(self.low, self.high, unroll, False, state, True)
        elif self.function.target.masked:
            state = self._masked(weight, step, unroll, state)
        else:
            scalar_from = self._middle(step)
            state = self._stage(self.low, scalar_from, unroll, False, state, True)
        self.sink.called = frozenset()
        if kept >= 0:
            self.sink.constants_kept(kept)
        self._finish(state)
        if scalar_from is not None:
            self._scalar(self.body.statements, scalar_from)
        return [self.run.states(total)[total.name] for total in self.totals if total.store is None]

    def _masked(self, weight: int, step: int, unroll: int, state: list[str]) -> list[str]:
        """All lanes, the odd end under a mask. Where a division needs no scale, which is seen before the loop, a body of its own leaves it out."""
        if self.extent is not None and self.extent < self.lanes:
            return self._once(state)
        if weight >= HEAVY or self.compact:
            return self._in_turns(step, state) if unroll > 1 else self._stage(self.low, self.high, 1, True, state, True)
        simple = self.run.simple_reciprocals() if weight < HEAVY // 2 else None
        if simple is None:
            return self._stages(step, unroll, state)
        carried = [Carried(self._state(k).type, value) for k, value in enumerate(state)]
        self.run.one_product = True
        state = region(self.sink, simple, lambda: self._stages(step, unroll, state), carried)
        self.run.one_product = False
        carried = [Carried(part.type, value) for part, value in zip(carried, state)]
        rare = self.sink.emit(f"xor i1 {simple}, true")
        return region(self.sink, rare, lambda: self._stage(self.low, self.high, 1, True, state, True), carried)

    def _in_turns(self, step: int, state: list[str]) -> list[str]:
        """Under masks, several vectors at a time while there is more than one left."""
        begun = step - self.lanes - 1
        if self.extent is not None:
            middle = str(int(self.low) + (self.extent + begun) // step * step)
        else:
            length = self.sink.emit(f"sub i64 {self.high}, {self.low}") if self.low != "0" else self.high
            middle = self.function.add(self.low, self.sink.emit(f"and i64 {self.function.add(length, str(begun))}, {-step}"))
        state = self._stage(self.low, middle, TURNS, True, state, True)
        if self.extent is not None and int(middle) >= int(self.high):
            return state
        return self._stage(middle, self.high, 1, True, state, False, once=True)

    def _stages(self, step: int, unroll: int, state: list[str]) -> list[str]:
        """Whole steps, and the rest under a mask. Where there are totals the rest comes first, so that it joins the first block of them."""
        middle = self._middle(step)
        if not self.totals or not self.body.in_any_order():
            state = self._stage(self.low, middle, unroll, False, state, True)
            if not self.totals and self.extent is None and not self.body.deep and not any(self.run.reciprocals) and self.lanes >= LEAST_HALVED:
                return self._rest_in_halves(middle)
            return self._stage(middle, self.high, 1, True, state, False, once=unroll == 1)
        inner = self._middle(self.lanes)
        first = [unit_text(self.run.vector(total), total.op, total.dtype) if self.wide[k] else state[k] for k, total in enumerate(self.totals)]
        first = self._where_less(inner, self.high, lambda: self.run.emit(inner, self.run.memory.before(inner, self.high), first), first)
        if unroll > 1:
            carried = [Carried(self.run.vector(total).type, value) for total, value in zip(self.totals, first)]
            first = counted_loop(self.sink, middle, inner, self.lanes, carried, lambda index, parts: self.run.emit(index, None, parts))
        return self._stage(self.low, middle, unroll, False, state, True, first)

    def _rest_in_halves(self, middle: str) -> list[str]:
        """What is left under a mask, one register at a time: rows that are shorter than that, of which there may be many, do not pay for two."""
        whole, lanes = self.run, self.lanes
        some = self.sink.emit(f"icmp slt i64 {middle}, {self.high}")

        def rest() -> list[str]:
            self.lanes = lanes // 2
            self.run = whole.narrower(self.lanes)
            end = self._middle(self.lanes)
            self._stage(middle, end, 1, False, [], False, once=True)
            return self._stage(end, self.high, 1, True, [], False, once=True)

        found = region(self.sink, some, rest, [])
        self.run, self.lanes = whole, lanes
        return found

    def _where_less(self, low: str, high: str, body: Callable[[], list[str]], first: list[str]) -> list[str]:
        """`body()` where low < high, else what was first."""
        if is_number(low) and is_number(high):
            return body() if int(low) < int(high) else first
        carried = [Carried(self.run.vector(total).type, value) for total, value in zip(self.totals, first)]
        return region(self.sink, self.sink.emit(f"icmp slt i64 {low}, {high}"), body, carried)

    def _middle(self, step: int) -> str:
        """Where the last whole step of the loop ends."""
        if self.extent is not None:
            return str(int(self.low) + self.extent // step * step)
        length = self.sink.emit(f"sub i64 {self.high}, {self.low}") if self.low != "0" else self.high
        return self.function.add(self.low, self.sink.emit(f"and i64 {length}, {-step}"))

    def _state(self, k: int) -> Builder:
        """The builder of a total's running value between stages."""
        total = self.totals[k]
        if not self.wide[k]:
            return self.run.vector(total)
        return self.function.builder.at("double", min(self.lanes, max(2, self.function.target.bits // 64)))

    def _stage(
        self, low: str, high: str, unroll: int, masked: bool, state: list[str], blocks: bool, first: list[str] | None = None, once: bool = False
    ) -> list[str]:
        """The loop over [low, high), `unroll` vectors at a time; float32 sums are emptied into float64 after every block. `first` are vectors of
        the totals to begin with.

        What is less than a step runs `once`, or not at all: no loop, which the code generator would spend its time on.
        """
        step = self.lanes * unroll
        units = [unit_text(self.run.vector(total), total.op, total.dtype) for total in self.totals]

        def vectors(low: str, high: str, state: list[str], first: list[str]) -> list[str]:
            carried = []
            for k, total in enumerate(self.totals):
                type = self.run.vector(total).type
                carried += [Carried(type, units[k] if copy else first[k] if self.wide[k] else state[k]) for copy in range(unroll)]
            if once:
                some = self.sink.emit(f"icmp slt i64 {low}, {high}")
                parts = region(self.sink, some, lambda: self._step(low, [each.initial for each in carried], unroll, masked, False), carried)
            else:
                parts = counted_loop(self.sink, low, high, step, carried, lambda index, parts: self._step(index, parts, unroll, masked, not self.compact))
            return self._gathered(parts, unroll, state)

        count = len(state)
        if first is None:
            begin = units
        else:
            begin = first
            state = [value if wide else part for value, part, wide in zip(state, first, self.wide)]
        length = step * BLOCK
        if not (blocks and any(self.wide)) or (is_number(low) and is_number(high) and int(high) - int(low) <= length):
            return vectors(low, high, state, begin)

        def block(index: str, values: list[str]) -> list[str]:
            end = self.function.smaller(self.function.add(index, str(length)), high)
            return [*vectors(index, end, values[:count], values[count:] or units), *units[: len(values) - count]]

        carried = [Carried(self._state(k).type, value) for k, value in enumerate(state)]
        if first is None:
            return counted_loop(self.sink, low, high, length, carried, block)
        carried += [Carried(self.run.vector(total).type, value) for total, value in zip(self.totals, first)]
        # once at least, for what there is to begin with
        end = self.function.larger(high, self.function.add(low, "1"))
        return counted_loop(self.sink, low, end, length, carried, block)[:count]

    def _gathered(self, parts: list[str], unroll: int, state: list[str]) -> list[str]:
        """The vectors of each total as one; of a wide total, added to its float64 state."""
        result = []
        for k, total in enumerate(self.totals):
            b = self.run.vector(total)
            value = combine_all(b, total.op, total.dtype, parts[k * unroll : (k + 1) * unroll])
            if self.wide[k]:
                wide = self._state(k)
                value = folded(b, total.op, total.dtype, value, wide.lanes)
                value = wide.fadd(state[k], wide.convert("fpext", value, b.at(b.element, wide.lanes)))
            result.append(value)
        return result

    def _once(self, state: list[str]) -> list[str]:
        """A loop that is known to be no longer than a vector: a single pass under a mask."""
        if self.extent is None:
            return self.run.emit(self.low, self.run.memory.before(self.low, self.high), state)
        bits = ", ".join(f"i1 {'true' if lane < (self.extent or 0) else 'false'}" for lane in range(self.lanes))
        return self.run.emit(self.low, f"<{bits}>", state)

    def _step(self, index: str, parts: list[str], unroll: int, masked: bool, ahead: bool) -> list[str]:
        result = list(parts)
        if ahead:
            for copy in range(unroll):
                self.run.ask_ahead(self.function.add(index, str(copy * self.lanes)))
        begins = []
        for copy in range(unroll):
            begins.append(len(self.sink.lines))
            here = self.function.add(index, str(copy * self.lanes))
            mask = self.run.memory.before(here, self.high) if masked else None
            for k, value in enumerate(self.run.emit(here, mask, [parts[k * unroll + copy] for k in range(len(self.totals))])):
                result[k * unroll + copy] = value
        if self.sink.called and unroll > 1:
            in_turns(self.sink, begins)
        return result

    def _finish(self, state: Sequence[str]) -> None:
        """The lanes of each total as one value, added to the accumulator or the place in memory."""
        function = self.function
        for k, total in enumerate(self.totals):
            value = horizontal(self._state(k), total.op, total.dtype, state[k])
            b = function.builder.at(state_element(total.op, total.dtype), 1)
            if self._state(k).element != b.element:
                value = b.convert("fpext", value, function.at(total.dtype))
            if total.store is None:
                states = self.run.states(total)
                states[total.name] = combine(b, total.op, total.dtype, states[total.name], value)
                continue
            old = function.read(total.store)
            narrow = function.at(total.dtype)
            if b.element != element(total.dtype):
                value = narrow.convert("fptrunc", b.fadd(b.convert("fpext", old, narrow), value), b)
            else:
                value = combine(b, total.op, total.dtype, old, value)
            function.write_value(total.store, value)
