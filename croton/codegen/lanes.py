"""`lanes`: the innermost loop in vectors two registers wide, or four where one long function waits for another again and again.

What does not depend on the label is computed once before the loop and splat. A division by such a value is a multiplication by its
reciprocal, scaled so that it cannot overflow or lose bits (at most one more rounding). On processors with masked memory instructions
odd ends run under a mask; on others in a scalar loop. Pure reductions keep four vectors, to hide the latency of additions.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import NamedTuple

from croton.codegen.access import UNIFORM, Access, Memory, access_of, distinct_places
from croton.codegen.builder import Builder, element
from croton.codegen.called import called_often
from croton.codegen.cast import cast
from croton.codegen.flow import Carried, counted_loop, region
from croton.codegen.function import Function, emit_let, is_number, names_read, operand_dtype, updates
from croton.codegen.place import bound_text, compare, comparisons
from croton.codegen.reduction import BLOCK, combine, combine_all, folded, horizontal, state_element, unit_text
from croton.codegen.vecmath import FUNCTIONS as MATHEMATICS
from croton.dtypes import DType, bool_, float32, int64
from croton.kernel.language import Atom, Const, Lanes, Let, Load, Stmt, Store, Update

LIGHT = 12
"""The weight up to which a reduction is unrolled."""
HEAVY = 60
"""The weight from which on a loop has a single masked body: a second body would cost more to compile than it saves."""
UNROLL = 4
DEEP = 3
"""So many functions that take long, one after the other, leave the processor waiting: the vectors are twice as wide then, so that it has more to do at a
time. Measured (float32, 20,000 elements): chains of 2 take as long as before, of 3 a fifth to a third less, of 8 two fifths less."""


Summand = str | tuple[str, str]
"""A value, or two that are to be multiplied: added with one rounding."""


class _Total(NamedTuple):
    """A reduction over the lanes: into an accumulator (of one instance, if it has a number), or (store given) into a place of memory that
    does not move."""

    key: str
    op: str
    dtype: DType
    store: Store | None
    name: str = ""
    number: int = -1


def emit_lanes(function: Function, loop: Lanes, low: str, high: str) -> None:
    """The loop over [low, high). What is little work beside the rest of the kernel is not worth a second body."""
    little = function.finishing or all(isinstance(statement, Store) and isinstance(statement.value, Const) for statement in loop.body)
    VectorLoop(function, loop, low, high, [function.values], compact=little).emit()


class VectorLoop:
    """Emits one lanes loop, for one or several instances of the values around it: rows that go together. `own` are the accumulators that each
    instance has for itself. A `compact` loop has one masked body where it can: for work that is done seldom. `unroll` is how many vectors
    are taken at a time at most.
    """

    def __init__(
        self,
        function: Function,
        loop: Lanes,
        low: str,
        high: str,
        instances: list[dict[str, str]],
        compact: bool = False,
        own: list[dict[str, str]] | None = None,
        unroll: int = UNROLL,
    ) -> None:
        self.own: list[dict[str, str]] = [{} for _ in instances] if own is None else own
        self.unroll = unroll
        self.function = function
        self.compact = compact
        self.sink = function.sink
        self.loop = loop
        self.low = low
        self.high = high
        self.extent = int(high) - int(low) if is_number(low) and is_number(high) else None
        self.instances = instances
        self.stored = {statement.buffer for statement in loop.body if isinstance(statement, Store)}
        self.varying: set[str] = {loop.label}
        self.fixed_body: list[Stmt] = []
        self.body: list[Stmt] = []
        self.one_product = False
        self._classify()
        self.products = self._products()

    # What changes from lane to lane

    def _classify(self) -> None:
        types = self.function.types
        for statement in self.loop.body:
            if isinstance(statement, Let):
                types[statement.name] = statement.dtype
                changes = any(not isinstance(atom, Const) and atom.name in self.varying for atom in statement.args)
            elif isinstance(statement, Load):
                types[statement.name] = statement.dtype
                changes = self._moves(statement) or statement.guard in self.varying or statement.buffer in self.stored
            else:
                self.body.append(statement)
                continue
            if changes:
                self.varying.add(statement.name)
                self.body.append(statement)
            else:
                self.fixed_body.append(statement)

    def _products(self) -> set[str]:
        """Products of floats that are only added to a sum."""
        used: Counter[str] = Counter()
        for statement in self.loop.body:
            used.update(names_read(statement))
        products = {s.name for s in self.body if isinstance(s, Let) and s.function == "mul" and s.dtype.is_float and used[s.name] == 1}
        if not products:
            return products
        accumulators = self.function.accumulators
        summed = set()
        for statement in self.body:
            if isinstance(statement, Update | Store) and not isinstance(statement.value, Const):
                op = accumulators[statement.name].op if isinstance(statement, Update) else statement.op
                if op == "sum":
                    summed.add(statement.value.name)
        return products & summed

    def _moves(self, access: Load | Store) -> bool:
        return any(name in self.varying for index in access.index for name, _ in index.terms)

    def _totals(self) -> list[_Total]:
        accumulators = self.function.accumulators
        found = []
        for name in updates(self.body):
            numbers = range(len(self.instances)) if name in self.own[0] else (-1,)
            found += [_Total(_key(name, n), accumulators[name].op, accumulators[name].dtype, None, name, n) for n in numbers]
        for place, statement in enumerate(self.body):
            if isinstance(statement, Store) and statement.op is not None and not self._moves(statement):
                found.append(_Total(f"store {place}", statement.op, self.function.buffers[statement.buffer].dtype, statement))
        return found

    def _must_be_scalar(self) -> bool:
        """Lanes that may meet in one place and combine there go one by one, as does what reads a place that the loop keeps writing."""
        loaded = {statement.buffer for statement in self.body if isinstance(statement, Load)}
        for statement in self.body:
            if not isinstance(statement, Store):
                continue
            if not self._moves(statement):
                if statement.buffer in loaded or statement.guard is not None:
                    return True
            elif statement.op is not None and not distinct_places(statement, self.loop.label, self.varying):
                return True
        return self.extent == 1

    def _lanes(self) -> int:
        """By the width that most values have; fewer if the loop is known to be short."""
        widths: Counter[int] = Counter()
        for statement in self.body:
            if isinstance(statement, Load):
                widths[statement.dtype.bits] += 1
            elif isinstance(statement, Let) and statement.name not in self.comparisons and statement.name not in self.places:
                widths[operand_dtype(statement, self.function.types).bits] += 1
            elif isinstance(statement, Store):
                widths[self.function.buffers[statement.buffer].dtype.bits] += 1
            elif isinstance(statement, Update):
                widths[self.function.types[statement.name].bits] += 1
        most = max(widths.values(), default=0)
        bits = max((width for width, count in widths.items() if count == most), default=32)
        lanes = self.function.target.lanes(bits)
        if bits >= 32 and self.deep:
            lanes *= 2
        while self.extent is not None and lanes > 2 and lanes // 2 >= self.extent:
            lanes //= 2
        return lanes

    def _weight(self) -> int:
        return sum(25 if isinstance(statement, Let) and statement.function in MATHEMATICS else 1 for statement in self.body)

    # Emission

    def emit(self) -> None:
        if self.extent is not None and self.extent <= 0:
            return
        if self._must_be_scalar():
            self._scalar(self.loop.body, self.low)
            return
        self.comparisons, self.places = comparisons(self.body, self.loop.label, self.varying)
        self.deep = self.function.target.masked and _depth(self.body) >= DEEP
        self.lanes = self._lanes()
        self.totals = self._totals()
        if self.extent is not None:
            self._inside()
            return
        function = self.function
        kept = [(total, self._states(total)) for total in self.totals if total.store is None]
        carried = [Carried(function.state_builder(function.accumulators[total.name]).type, states[total.name]) for total, states in kept]
        condition = self.sink.emit(f"icmp slt i64 {self.low}, {self.high}")
        results = region(self.sink, condition, self._inside, carried)
        for (total, states), result in zip(kept, results):
            states[total.name] = result

    def _states(self, total: _Total) -> dict[str, str]:
        """Where the value of a total's accumulator is."""
        return self.function.states if total.number < 0 else self.own[total.number]

    def _scalar(self, body: Sequence[Stmt], low: str) -> None:
        """The statements for one lane after the other."""
        for values, own in zip(self.instances, self.own):
            with self.function.instance(values, own):
                self.function.scalar_loop(self.loop.label, body, low, self.high)

    def _inside(self) -> list[str]:
        self.memory = Memory(self.function, self.lanes)
        self._prepare()
        lanes, target = self.lanes, self.function.target
        weight = self._weight()
        # More constants than one such function has are better left to LLVM.
        kept = self.sink.keep_constants() if weight < HEAVY else -1
        self.sink.called = called_often(self.body) if self.deep else frozenset()
        reduces_only = all(not isinstance(statement, Store) or not self._moves(statement) for statement in self.body)
        unroll = self.unroll if self.totals and reduces_only and weight <= LIGHT else 1
        if self.extent is not None and self.extent < 2 * lanes * unroll:
            unroll = 1
        step = lanes * unroll
        self.wide = [
            total.op == "sum" and total.dtype is float32 and (self.extent is None or self.extent > step * BLOCK) for total in self.totals
        ]
        state = [unit_text(self._state(k), total.op, total.dtype) for k, total in enumerate(self.totals)]
        scalar_from: str | None = None
        if self.extent is not None and self.extent % step == 0:
            state = self._stage(self.low, self.high, unroll, False, state, True)
        elif target.masked:
            if self.extent is not None and self.extent < lanes:
                state = self._once(state)
            elif weight >= HEAVY or self.compact:
                state = self._stage(self.low, self.high, 1, True, state, True)
            else:
                simple = self._simple_reciprocals() if weight < HEAVY // 2 else None
                if simple is None:
                    state = self._stages(step, unroll, state)
                else:
                    carried = [Carried(self._state(k).type, value) for k, value in enumerate(state)]
                    self.one_product = True
                    state = region(self.sink, simple, lambda: self._stages(step, unroll, state), carried)
                    self.one_product = False
                    carried = [Carried(part.type, value) for part, value in zip(carried, state)]
                    rare = self.sink.emit(f"xor i1 {simple}, true")
                    state = region(self.sink, rare, lambda: self._stage(self.low, self.high, 1, True, state, True), carried)
        else:
            scalar_from = self._middle(step)
            state = self._stage(self.low, scalar_from, unroll, False, state, True)
        self.sink.called = frozenset()
        if kept >= 0:
            self.sink.constants_kept(kept)
        self._finish(state)
        if scalar_from is not None:
            self._scalar(self.body, scalar_from)
        return [self._states(total)[total.name] for total in self.totals if total.store is None]

    def _stages(self, step: int, unroll: int, state: list[str]) -> list[str]:
        """Whole steps, and the rest under a mask. Where there are totals the rest comes first, so that it joins the first block of them."""
        middle = self._middle(step)
        if not self.totals or not self._in_any_order():
            state = self._stage(self.low, middle, unroll, False, state, True)
            return self._stage(middle, self.high, 1, True, state, False, once=unroll == 1)
        inner = self._middle(self.lanes)
        first = [unit_text(self._vector(total), total.op, total.dtype) if self.wide[k] else state[k] for k, total in enumerate(self.totals)]
        first = self._where_less(inner, self.high, lambda: self._pass(inner, self.memory.before(inner, self.high), first), first)
        if unroll > 1:
            carried = [Carried(self._vector(total).type, value) for total, value in zip(self.totals, first)]
            first = counted_loop(self.sink, middle, inner, self.lanes, carried, lambda index, parts: self._pass(index, None, parts))
        return self._stage(self.low, middle, unroll, False, state, True, first)

    def _where_less(self, low: str, high: str, body: Callable[[], list[str]], first: list[str]) -> list[str]:
        """`body()` where low < high, else what was first."""
        if is_number(low) and is_number(high):
            return body() if int(low) < int(high) else first
        carried = [Carried(self._vector(total).type, value) for total, value in zip(self.totals, first)]
        return region(self.sink, self.sink.emit(f"icmp slt i64 {low}, {high}"), body, carried)

    def _in_any_order(self) -> bool:
        """Whether no store depends on the order of the lanes."""
        stores = [statement for statement in self.body if isinstance(statement, Store)]
        return all(store.op is not None or distinct_places(store, self.loop.label, self.varying) for store in stores)

    def _simple_reciprocals(self) -> str | None:
        """Whether no fixed divisor needs to be scaled, known before the loop; None where there are no divisors."""
        result: str | None = None
        for reciprocals in self.reciprocals:
            for _, _, simple in reciprocals.values():
                result = simple if result is None else self.sink.emit(f"and i1 {result}, {simple}")
        return result

    def _middle(self, step: int) -> str:
        """Where the last whole step of the loop ends."""
        if self.extent is not None:
            return str(int(self.low) + self.extent // step * step)
        length = self.sink.emit(f"sub i64 {self.high}, {self.low}") if self.low != "0" else self.high
        return self.function.add(self.low, self.sink.emit(f"and i64 {length}, {-step}"))

    def _vector(self, total: _Total) -> Builder:
        return self.function.at(total.dtype, self.lanes)

    def _state(self, k: int) -> Builder:
        """The builder of a total's running value between stages."""
        total = self.totals[k]
        if not self.wide[k]:
            return self._vector(total)
        return self.function.builder.at("double", min(self.lanes, max(2, self.function.target.bits // 64)))

    def _stage(
        self, low: str, high: str, unroll: int, masked: bool, state: list[str], blocks: bool, first: list[str] | None = None, once: bool = False
    ) -> list[str]:
        """The loop over [low, high), `unroll` vectors at a time; float32 sums are emptied into float64 after every block. `first` are vectors of
        the totals to begin with.

        What is less than a step runs `once`, or not at all: no loop, which the code generator would spend its time on.
        """
        step = self.lanes * unroll
        units = [unit_text(self._vector(total), total.op, total.dtype) for total in self.totals]

        def vectors(low: str, high: str, state: list[str], first: list[str]) -> list[str]:
            carried = []
            for k, total in enumerate(self.totals):
                type = self._vector(total).type
                carried += [Carried(type, units[k] if copy else first[k] if self.wide[k] else state[k]) for copy in range(unroll)]
            if once:
                some = self.sink.emit(f"icmp slt i64 {low}, {high}")
                parts = region(self.sink, some, lambda: self._step(low, [each.initial for each in carried], unroll, masked), carried)
            else:
                parts = counted_loop(self.sink, low, high, step, carried, lambda index, parts: self._step(index, parts, unroll, masked))
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
        carried += [Carried(self._vector(total).type, value) for total, value in zip(self.totals, first)]
        # once at least, for what there is to begin with
        end = self.function.larger(high, self.function.add(low, "1"))
        return counted_loop(self.sink, low, end, length, carried, block)[:count]

    def _gathered(self, parts: list[str], unroll: int, state: list[str]) -> list[str]:
        """The vectors of each total as one; of a wide total, added to its float64 state."""
        result = []
        for k, total in enumerate(self.totals):
            b = self._vector(total)
            value = combine_all(b, total.op, total.dtype, parts[k * unroll : (k + 1) * unroll])
            if self.wide[k]:
                wide = self._state(k)
                value = folded(b, total.op, total.dtype, value, wide.lanes)
                value = wide.fadd(state[k], wide.convert("fpext", value, b.at(b.element, wide.lanes)))
            result.append(value)
        return result

    def _once(self, state: list[str]) -> list[str]:
        """A loop that is known to be shorter than a vector: a single pass under a constant mask."""
        bits = ", ".join(f"i1 {'true' if lane < (self.extent or 0) else 'false'}" for lane in range(self.lanes))
        return self._pass(self.low, f"<{bits}>", state)

    def _step(self, index: str, parts: list[str], unroll: int, masked: bool) -> list[str]:
        result = list(parts)
        for copy in range(unroll):
            here = self.function.add(index, str(copy * self.lanes))
            mask = self.memory.before(here, self.high) if masked else None
            for k, value in enumerate(self._pass(here, mask, [parts[k * unroll + copy] for k in range(len(self.totals))])):
                result[k * unroll + copy] = value
        return result

    def _prepare(self) -> None:
        """Everything that is known before the loop: fixed values, addresses, splats, reciprocals."""
        function = self.function
        outer = function.values
        self.splats: list[dict[str, str]] = []
        self.accesses: list[dict[int, Access]] = []
        self.reciprocals: list[dict[str, tuple[str, str, str]]] = []
        self.bounds: list[dict[str, str]] = []
        outer_states = function.states
        for instance, own in zip(self.instances, self.own):
            function.values = instance
            function.states = {**outer_states, **own}
            for statement in self.fixed_body:
                function.statement(statement)
            splats: dict[str, str] = {}
            accesses: dict[int, Access] = {}
            reciprocals: dict[str, tuple[str, str, str]] = {}
            for place, statement in enumerate(self.body):
                if isinstance(statement, Load | Store):
                    accesses[place] = access_of(function, statement, self.loop.label, self.varying)
                    if isinstance(statement, Store):
                        self._splat(statement.value, accesses[place].dtype, splats)
                elif isinstance(statement, Update):
                    self._splat(statement.value, function.types[statement.name], splats)
                elif (
                    isinstance(statement, Let)
                    and statement.function not in ("index", "size")
                    and not self._reciprocal(statement, splats, reciprocals)
                ):
                    self._splat_arguments(statement, splats)
                guard = getattr(statement, "guard", None)
                if guard is not None and guard not in self.varying and guard not in splats:
                    splats[guard] = self.memory.mask.splat(function.scalar(guard))
            self.splats.append(splats)
            self.accesses.append(accesses)
            self.reciprocals.append(reciprocals)
            self.bounds.append({name: bound_text(function, comparison) for name, comparison in self.comparisons.items()})
        function.values, function.states = outer, outer_states

    def _splat_arguments(self, let: Let, splats: dict[str, str]) -> None:
        operand = operand_dtype(let, self.function.types)
        for place, atom in enumerate(let.args):
            if isinstance(atom, Const):
                continue
            dtype = bool_ if let.function == "where" and place == 0 else operand
            self._splat(atom, self.function.types[atom.name] if let.function == "cast" else dtype, splats)

    def _splat(self, atom: Atom, dtype: DType, splats: dict[str, str]) -> None:
        if not isinstance(atom, Const) and atom.name not in self.varying and atom.name not in splats:
            splats[atom.name] = self.function.at(dtype, self.lanes).splat(self.function.atom(atom, dtype))

    def _reciprocal(self, let: Let, splats: dict[str, str], reciprocals: dict[str, tuple[str, str, str]]) -> bool:
        """x / d with a fixed d is x * r * s, where s is 1 or a power of two that keeps r = 1 / (d * s) normal; the third part says whether s is 1."""
        if let.function != "div" or isinstance(let.args[1], Const) or let.args[1].name in self.varying:
            return False
        divisor = let.args[1].name
        self._splat(let.args[0], let.dtype, splats)
        if divisor in reciprocals:
            return True
        b = self.function.at(let.dtype).exact()
        value = self.function.atom(let.args[1], let.dtype)
        limit, shift = (2.0**100, 2.0**64) if let.dtype is float32 else (2.0**960, 2.0**512)
        size = b.fabs(value)
        down = b.select(b.fcmp("ogt", size, b.constant(limit)), b.constant(1 / shift), b.constant(1.0))
        scale = b.select(b.fcmp("olt", size, b.constant(1 / limit)), b.constant(shift), down)
        inverse = b.fdiv(b.constant(1.0), b.fmul(value, scale))
        wide = b.at(b.element, self.lanes)
        reciprocals[divisor] = (wide.splat(inverse), wide.splat(scale), b.fcmp("oeq", scale, b.constant(1.0)))
        return True

    def _pass(self, index: str, mask: str | None, state: list[str]) -> list[str]:
        """The body once, for the lanes from `index` on; gives the totals' next values."""
        totals = dict(zip((total.key for total in self.totals), state))
        combined: dict[int, list[Summand]] = {}
        local: list[dict[str, str]] = []
        for number in range(len(self.instances)):
            local.append(self._instance(number, index, mask, totals, combined))
        for place, values in combined.items():
            store = self.body[place]
            assert isinstance(store, Store) and store.op is not None
            access = self.accesses[0][place]
            b = self.function.at(access.dtype, self.lanes)
            old = self.memory.read(access, index, mask, local[0])
            products = [value for value in values if isinstance(value, tuple)]
            for one, two in products:
                old = b.fmuladd(one, two, old)
            if not products:
                old = combine(b, store.op, access.dtype, old, combine_all(b, store.op, access.dtype, [str(value) for value in values]))
            self.memory.write(access, index, mask, local[0], old)
        return [totals[total.key] for total in self.totals]

    def _instance(
        self, number: int, index: str, mask: str | None, totals: dict[str, str], combined: dict[int, list[Summand]]
    ) -> dict[str, str]:
        """The body for one instance; what several add to one place is left in `combined`."""
        local: dict[str, str] = {}
        products: dict[str, tuple[str, str]] = {}
        accesses = self.accesses[number]
        for place, statement in enumerate(self.body):
            if isinstance(statement, Let) and statement.name in self.products:
                one, two = (self._atom(atom, statement.dtype, number, local) for atom in statement.args)
                products[statement.name] = (one, two)
                continue
            if isinstance(statement, Let):
                local[statement.name] = self._let(statement, number, index, local)
                continue
            guard = statement.guard  # type: ignore[union-attr]
            chosen = mask if guard is None else self._both(mask, local.get(guard) or self.splats[number][guard])
            if isinstance(statement, Load):
                local[statement.name] = self.memory.read(accesses[place], index, chosen, local)
            elif isinstance(statement, Update):
                value = self._summand(statement, self.function.types[statement.name], number, local, products)
                self._update(_key(statement.name, number if statement.name in self.own[0] else -1), value, chosen, totals)
            elif isinstance(statement, Store):
                access = accesses[place]
                value = self._summand(statement, access.dtype, number, local, products)
                if statement.op is None:
                    assert isinstance(value, str)
                    self.memory.write(access, index, chosen, local, value)
                elif access.kind == UNIFORM:
                    self._update(f"store {place}", value, chosen, totals)
                elif len(self.instances) > 1:
                    combined.setdefault(place, []).append(value)
                else:
                    b = self.function.at(access.dtype, self.lanes)
                    old = self.memory.read(access, index, chosen, local)
                    new = b.fmuladd(*value, old) if isinstance(value, tuple) else combine(b, statement.op, access.dtype, old, value)
                    self.memory.write(access, index, chosen, local, new)
        return local

    def _summand(
        self, statement: Update | Store, dtype: DType, number: int, local: dict[str, str], products: dict[str, tuple[str, str]]
    ) -> Summand:
        """What is stored or added: a value, or the factors of a product that nothing else reads."""
        atom = statement.value
        found = None if isinstance(atom, Const) else products.get(atom.name)
        return self._atom(atom, dtype, number, local) if found is None else found

    def _update(self, key: str, value: Summand, mask: str | None, totals: dict[str, str]) -> None:
        total = next(total for total in self.totals if total.key == key)
        b = self._vector(total)
        if isinstance(value, tuple):
            added = b.fmuladd(*value, totals[key])
            totals[key] = added if mask is None else b.select(mask, added, totals[key])
            return
        if mask is not None:
            value = b.select(mask, value, unit_text(b, total.op, total.dtype))
        totals[key] = combine(b, total.op, total.dtype, totals[key], value)

    def _let(self, let: Let, number: int, index: str, local: dict[str, str]) -> str:
        comparison = self.comparisons.get(let.name)
        if comparison is not None:
            return compare(self.function, self.lanes, comparison, self.bounds[number][let.name], index)
        b = self.function.builder.at("i64", self.lanes)
        if let.function == "index":
            position = self.memory.iota(b)
            if index != "0":
                position = b.iadd(position, b.constant(int(index)) if is_number(index) else b.splat(index))
            return cast(b, position, int64, let.dtype)
        if let.function == "div" and not isinstance(let.args[1], Const) and let.args[1].name in self.reciprocals[number]:
            inverse, scale, _ = self.reciprocals[number][let.args[1].name]
            own = self.function.at(let.dtype, self.lanes)
            product = own.exact().fmul(self._atom(let.args[0], let.dtype, number, local), inverse)
            return product if self.one_product else own.fmul(product, scale)
        return emit_let(let, b, self.function.types, lambda atom, dtype: self._atom(atom, dtype, number, local))

    def _atom(self, atom: Atom, dtype: DType, number: int, local: dict[str, str]) -> str:
        if isinstance(atom, Const):
            return self.function.at(dtype, self.lanes).constant(atom.value)
        found = local.get(atom.name)
        return self.splats[number][atom.name] if found is None else found

    def _both(self, mask: str | None, guard: str | None) -> str | None:
        if mask is None or guard is None:
            return guard if mask is None else mask
        return self.memory.mask.mask_and(mask, guard)

    def _finish(self, state: Sequence[str]) -> None:
        """The lanes of each total as one value, added to the accumulator or the place in memory."""
        function = self.function
        for k, total in enumerate(self.totals):
            value = horizontal(self._state(k), total.op, total.dtype, state[k])
            b = function.builder.at(state_element(total.op, total.dtype), 1)
            if self._state(k).element != b.element:
                value = b.convert("fpext", value, function.at(total.dtype))
            if total.store is None:
                states = self._states(total)
                states[total.name] = combine(b, total.op, total.dtype, states[total.name], value)
                continue
            old = function.read(total.store)
            narrow = function.at(total.dtype)
            if b.element != element(total.dtype):
                value = narrow.convert("fptrunc", b.fadd(b.convert("fpext", old, narrow), value), b)
            else:
                value = combine(b, total.op, total.dtype, old, value)
            function.write_value(total.store, value)


def _depth(body: Sequence[Stmt]) -> int:
    """How many functions that take long wait for one another."""
    depth: dict[str, int] = {}
    for statement in body:
        if isinstance(statement, Let):
            before = max([depth.get(name, 0) for name in names_read(statement)], default=0)
            depth[statement.name] = before + (statement.function in MATHEMATICS)
    return max(depth.values(), default=0)


def _key(name: str, number: int) -> str:
    """The name of an accumulator's running value: that of one instance, if it has a number."""
    return name if number < 0 else f"{name} {number}"
