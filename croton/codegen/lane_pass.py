"""One pass over the body of a vector loop, for one or several instances of the values around it: rows that go together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.codegen.access import CONTIGUOUS, UNIFORM, Access, Memory, access_of
from croton.codegen.builder import Builder
from croton.codegen.cast import cast
from croton.codegen.function import Function, emit_let, is_number, operand_dtype, updates
from croton.codegen.lane_body import LaneBody
from croton.codegen.lane_places import bound_text, compare
from croton.codegen.reduction import combine, combine_all, unit_text
from croton.dtypes import DType, bool_, float32, int64
from croton.kernel.language import Atom, Const, Let, Load, Store, Update

Summand = str | tuple[str, str]
"""A value, or two that are to be multiplied: added with one rounding."""


class Instance(NamedTuple):
    """What names stand for around a loop, and the accumulators that this instance has for itself."""

    values: dict[str, str]
    own: dict[str, str]


class Total(NamedTuple):
    """A reduction over the lanes: into an accumulator (of one instance, if it has a number), or (store given) into a place of memory that
    does not move."""

    key: str
    op: str
    dtype: DType
    store: Store | None
    name: str = ""
    number: int = -1


class Reciprocal(NamedTuple):
    """x / d with a fixed d is x * inverse * scale, where the scale is 1 or a power of two that keeps the inverse normal; `simple` says whether it is 1."""

    inverse: str
    scale: str
    simple: str


class LanePass:
    """The body for some lanes, and what is known of it before the loop: fixed values in all lanes, addresses, reciprocals of fixed divisors.

    With `one_product` every scale of a reciprocal is known to be 1.
    """

    def __init__(self, function: Function, body: LaneBody, instances: Sequence[Instance], lanes: int) -> None:
        self.function = function
        self.body = body
        self.instances = instances
        self.lanes = lanes
        self.memory = Memory(function, lanes)
        self.totals = self._totals()
        self.one_product = False
        self.splats: list[dict[str, str]] = []
        self.accesses: list[dict[int, Access]] = []
        self.reciprocals: list[dict[str, Reciprocal]] = []
        self.bounds: list[dict[str, str]] = []

    def _totals(self) -> list[Total]:
        accumulators = self.function.accumulators
        found = []
        for name in updates(self.body.statements):
            numbers = range(len(self.instances)) if name in self.instances[0].own else (-1,)
            found += [Total(_key(name, n), accumulators[name].op, accumulators[name].dtype, None, name, n) for n in numbers]
        for place, statement in enumerate(self.body.statements):
            if isinstance(statement, Store) and statement.op is not None and not self.body.moves(statement):
                found.append(Total(f"store {place}", statement.op, self.function.buffers[statement.buffer].dtype, statement))
        return found

    def states(self, total: Total) -> dict[str, str]:
        """Where the value of a total's accumulator is."""
        return self.function.states if total.number < 0 else self.instances[total.number].own

    def vector(self, total: Total) -> Builder:
        """The builder of a total's running value."""
        return self.function.at(total.dtype, self.lanes)

    def prepare(self) -> None:
        """Emit what is known before the loop."""
        function = self.function
        outer, outer_states = function.values, function.states
        for instance in self.instances:
            function.values = instance.values
            function.states = {**outer_states, **instance.own}
            for statement in self.body.fixed:
                function.statement(statement)
            self._prepare_instance()
        function.values, function.states = outer, outer_states

    def narrower(self, lanes: int) -> LanePass:
        """The same pass for fewer lanes, with what is known before the loop."""
        other = LanePass(self.function, self.body, self.instances, lanes)
        outer = self.function.values
        for instance in self.instances:
            self.function.values = instance.values
            other._prepare_instance()
        self.function.values = outer
        return other

    def _prepare_instance(self) -> None:
        function, body = self.function, self.body
        splats: dict[str, str] = {}
        accesses: dict[int, Access] = {}
        reciprocals: dict[str, Reciprocal] = {}
        for place, statement in enumerate(body.statements):
            if isinstance(statement, Load | Store):
                accesses[place] = access_of(function, statement, body.loop.label, body.varying)
                if isinstance(statement, Store):
                    self._splat(statement.value, accesses[place].dtype, splats)
            elif isinstance(statement, Update):
                self._splat(statement.value, function.types[statement.name], splats)
            elif isinstance(statement, Let) and statement.function not in ("index", "size") and not self._reciprocal(statement, splats, reciprocals):
                self._splat_arguments(statement, splats)
            guard = getattr(statement, "guard", None)
            if guard is not None and guard not in body.varying and guard not in splats:
                splats[guard] = self.memory.mask.splat(function.scalar(guard))
        self.splats.append(splats)
        self.accesses.append(accesses)
        self.reciprocals.append(reciprocals)
        self.bounds.append({name: bound_text(function, comparison) for name, comparison in body.comparisons.items()})

    def _splat_arguments(self, let: Let, splats: dict[str, str]) -> None:
        operand = operand_dtype(let, self.function.types)
        for place, atom in enumerate(let.args):
            if isinstance(atom, Const):
                continue
            dtype = bool_ if let.function == "where" and place == 0 else operand
            self._splat(atom, self.function.types[atom.name] if let.function == "cast" else dtype, splats)

    def _splat(self, atom: Atom, dtype: DType, splats: dict[str, str]) -> None:
        if not isinstance(atom, Const) and atom.name not in self.body.varying and atom.name not in splats:
            splats[atom.name] = self.function.at(dtype, self.lanes).splat(self.function.atom(atom, dtype))

    def _reciprocal(self, let: Let, splats: dict[str, str], reciprocals: dict[str, Reciprocal]) -> bool:
        """Note the reciprocal of a divisor that is fixed; False if there is none. What decides something is divided as it is where the divisor is not fixed."""
        if let.function != "div" or let.name in self.body.decisive or isinstance(let.args[1], Const) or let.args[1].name in self.body.varying:
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
        reciprocals[divisor] = Reciprocal(wide.splat(inverse), wide.splat(scale), b.fcmp("oeq", scale, b.constant(1.0)))
        return True

    def simple_reciprocals(self) -> str | None:
        """Whether no fixed divisor needs to be scaled, known before the loop; None where there are no divisors."""
        result: str | None = None
        for reciprocals in self.reciprocals:
            for one in reciprocals.values():
                result = one.simple if result is None else self.function.sink.emit(f"and i1 {result}, {one.simple}")
        return result

    def ask_ahead(self, index: str) -> None:
        """Ask for the memory that the loop comes to some passes after `index`: what it writes, and what it reads if a pass is long. Small arrays, and what rows
        are added to, are in the cache anyway.

        Measured (Intel, float32, one thread), time where it is asked for: two arrays added 0.65 to 0.85 for 1e6 and 1e7 elements, 0.45 to 0.65 for 1e4 and
        1e5, 0.97 for 1e3; exp of 1e7 elements 0.7, of 1e6 1.0; a sum of exp 0.55 and 0.85. Sums of products take as long as before.
        """
        asked = set()
        for kind in (Store, Load) if self.body.is_long() else (Store,):
            for accesses in self.accesses:
                for place, access in accesses.items():
                    statement = self.body.statements[place]
                    if not isinstance(statement, kind) or access.kind != CONTIGUOUS or access.pointer in asked:
                        continue
                    if (isinstance(statement, Store) and statement.op is not None) or self.function.is_small(statement.buffer):
                        continue
                    asked.add(access.pointer)
                    self.memory.ask(access, index, kind is Store)

    def emit(self, index: str, mask: str | None, state: list[str]) -> list[str]:
        """The body once, for the lanes from `index` on; gives the totals' next values."""
        totals = dict(zip((total.key for total in self.totals), state))
        combined: dict[int, list[Summand]] = {}
        local: list[dict[str, str]] = []
        for number in range(len(self.instances)):
            local.append(self._instance(number, index, mask, totals, combined))
        for place, values in combined.items():
            store = self.body.statements[place]
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
        for place, statement in enumerate(self.body.statements):
            if isinstance(statement, Let) and statement.name in self.body.products:
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
                self._update(_key(statement.name, number if statement.name in self.instances[0].own else -1), value, chosen, totals)
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
        b = self.vector(total)
        if isinstance(value, tuple):
            added = b.fmuladd(*value, totals[key])
            totals[key] = added if mask is None else b.select(mask, added, totals[key])
            return
        if mask is not None:
            value = b.select(mask, value, unit_text(b, total.op, total.dtype))
        totals[key] = combine(b, total.op, total.dtype, totals[key], value)

    def _let(self, let: Let, number: int, index: str, local: dict[str, str]) -> str:
        comparison = self.body.comparisons.get(let.name)
        if comparison is not None:
            return compare(self.function, self.lanes, comparison, self.bounds[number][let.name], index)
        b = self.function.builder.at("i64", self.lanes)
        if let.function == "index":
            position = self.memory.iota(b)
            if index != "0":
                position = b.iadd(position, b.constant(int(index)) if is_number(index) else b.splat(index))
            return cast(b, position, int64, let.dtype)
        if let.function == "div" and let.name not in self.body.decisive and not isinstance(let.args[1], Const) and let.args[1].name in self.reciprocals[number]:
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


def _key(name: str, number: int) -> str:
    """The name of an accumulator's running value: that of one instance, if it has a number."""
    return name if number < 0 else f"{name} {number}"
