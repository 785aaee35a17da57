"""A group to a kernel of the loop language."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from croton.dtypes import DType, unit
from croton.kernel.language import Acc, Atom, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import marked_parallel
from croton.schedule.collapse import merged_places
from croton.schedule.fuse import Group, Member
from croton.schedule.names import Names, Scope
from croton.schedule.partial import in_parts
from croton.schedule.pieces import located
from croton.schedule.step import COSTS, HEAVY, Body, Position, Value
from croton.sizes import Size


class Emitted(NamedTuple):
    """A kernel with what it is called with."""

    kernel: Kernel
    values: tuple[Value, ...]
    sizes: tuple[Size, ...]
    scratch: tuple[Value, ...]


class GroupEmitter:
    """Emission of one group."""

    def __init__(self, group: Group, stored: set[Value]) -> None:
        self.group = group
        self.stored = stored
        self.names = Names()
        self.members = {member.step.out: member for member in group.members}
        numbers = merged_places(group, stored)
        self.loops = numbers[-1] + 1 if numbers else 0
        self.number = numbers
        self.sizes: list[Size] = [1] * self.loops
        for place, number in enumerate(numbers):
            self.sizes[number] = self.sizes[number] * group.dims[place]
        self.labels = [f"i{number}" for number in range(self.loops)]
        self.lane = len(group.dims) - 1
        self.rows = max(0, self.loops - 1)
        self.scratch: dict[Value, Value] = {}
        self.first: dict[Value, int] = {}
        self.last_read: dict[Value, int] = {}
        self.atoms: dict[Value, Atom] = {}
        self.before: list[list[Stmt]] = [[] for _ in range(self.rows + 1)]
        self.after: list[list[Stmt]] = [[] for _ in range(self.rows + 1)]
        self.in_lane = {member.step.out: self.lane in member.labels.values() for member in group.members}
        self.passes = self._plan_passes()
        self.shared = self._share_rows()

    # ---- which values are evaluated in which pass ---------------------------------------------------------------

    def _plan_passes(self) -> dict[int, list[Member]]:
        members = [member for member in self.group.members if self.in_lane[member.step.out]]
        times = sorted({member.time for member in members})
        done: set[Value] = set()
        passes: dict[int, list[Member]] = {}
        pointwise = {member.step.out for member in members if member.step.op is None}
        inside = {
            member.step.out: [i[2] for i in member.step.body if i[0] == "load" and i[2] in pointwise] for member in members
        }
        for time in times:
            costs: dict[Value, int] = {}
            if done:
                for member in members:
                    own = 0
                    for instruction in member.step.body:
                        own += COSTS[instruction[0]]
                    for value in inside[member.step.out]:
                        if not (value in done and (value in self.stored or value in self.scratch)):
                            own += costs[value]
                    costs[member.step.out] = min(own, HEAVY)
            needed: set[Value] = set()
            for member in reversed(members):
                out = member.step.out
                if member.time == time and (member.step.op is not None or out in self.stored):
                    needed.add(out)
                if out not in needed:
                    continue
                for value in inside[out]:
                    if value in needed:
                        continue
                    if value in done:
                        if value in self.stored:
                            continue
                        if value in self.scratch or costs[value] >= HEAVY:
                            self._scratch_row(value)
                            self.last_read[value] = time
                            continue
                    needed.add(value)
            for value in needed:
                self.first.setdefault(value, time)
            done |= needed
            passes[time] = [member for member in members if member.step.out in needed]
        return passes

    def _scratch_row(self, value: Value) -> Value:
        """Memory of one row for a value that later passes read."""
        found = self.scratch.get(value)
        if found is None:
            found = self.scratch[value] = Value((self.sizes[-1],), value.dtype)
            found.order = (0,)
        return found

    def _share_rows(self) -> dict[Value, Member]:
        """Rows of scratch that fit in the array of a value that is written only when they have been read: rows stay independent."""
        shared: dict[Value, Member] = {}
        full = len(self.group.dims)
        hosts = [m for m in self.group.members if m.step.op is None and m.step.out in self.stored and len(m.labels) == full]
        for value in self.scratch:
            member = self.members[value]
            if member.step.op is not None or len(member.labels) != full:
                continue
            for host in hosts:
                if host.step.out.dtype is value.dtype and self.first[value] < host.time >= self.last_read[value]:
                    shared[value] = host
                    hosts.remove(host)
                    break
        return shared

    # ---- memory -------------------------------------------------------------------------------------------------

    def place(self, value: Value, index: tuple, member: Member, numbers: list[Atom]) -> tuple[str, tuple[Index, ...]]:
        """The buffer and position of a value at an index of a step."""
        value, index = located(value, index)
        shape: list[Size] = []
        entries: list[Index] = []
        last = -2
        for axis in value.order:
            entry = index[axis]
            size = value.dims[axis]
            if type(entry) is int:
                place = member.labels[entry]
                number = self.number[place]
                if place == last + 1 > 0 and number == self.number[last]:
                    shape[-1] = shape[-1] * size
                    last = place
                    continue
                last = place
                entries.append(Index(((self.labels[number], 1),)))
            else:
                last = -2
                entries.append(self._position(entry, member, numbers))
            shape.append(size)
        return self.names.buffer(value, tuple(shape)), tuple(entries)

    def _position(self, entry: Position, member: Member, numbers: list[Atom]) -> Index:
        terms: list[tuple[str, Extent]] = []
        const = entry.const
        for term, coefficient in entry.terms:
            if term >= 0:
                terms.append((self.labels[self.number[member.labels[term]]], self.names.integer(coefficient)))
                continue
            atom = numbers[~term]
            if isinstance(atom, Const):
                const = const + coefficient * int(atom.value)
            else:
                terms.append((atom.name, self.names.integer(coefficient)))
        return Index(tuple(terms), self.names.integer(const))

    def home(self, value: Value, member: Member) -> tuple[str, tuple[Index, ...]]:
        """Where a value of the group is stored: its own array, or a scratch of one row."""
        if value in self.stored:
            return self.place(value, tuple(range(len(value.dims))), member, [])
        host = self.shared.get(value)
        if host is not None:
            return self.place(host.step.out, tuple(range(len(host.step.out.dims))), host, [])
        scratch = self._scratch_row(value)
        return self.names.buffer(scratch, scratch.dims), (Index(((self.labels[-1], 1),)),)

    # ---- expressions --------------------------------------------------------------------------------------------

    def evaluate(self, member: Member, scope: Scope, now: dict[Value, Atom], count: int | None = None) -> list[Atom]:
        """The atoms of the first instructions of a step's body (all, if no count is given)."""
        numbers: list[Atom] = []
        for instruction in member.step.body[:count]:
            kind, dtype = instruction[0], instruction[1]
            if kind == "const":
                numbers.append(Const(instruction[2]))
            elif kind == "load":
                numbers.append(self._load(instruction, member, scope, now, numbers))
            elif kind == "coef":
                numbers.append(self.names.coef(dtype, instruction[2]))
            elif kind == "index":
                name = self.labels[self.number[member.labels[instruction[2]]]]
                numbers.append(self._let(scope, dtype, "index", (Var(name),)))
            else:
                arguments = tuple([numbers[argument] for argument in instruction[2]])
                numbers.append(self._let(scope, dtype, kind, arguments))
        return numbers

    def _let(self, scope: Scope, dtype: DType, function: str, arguments: tuple[Atom, ...]) -> Atom:
        # 0 and 0.0 and False are equal as keys
        key = (function, dtype, *[(a, type(a.value)) if type(a) is Const else a for a in arguments])
        found = scope.find(key)
        if found is None:
            name = self.names.variable()
            scope.statements.append(Let(name, dtype, function, arguments))
            found = scope.known[key] = Var(name)
        return found

    def _load(self, instruction: tuple, member: Member, scope: Scope, now: dict[Value, Atom], numbers: list[Atom]) -> Atom:
        _, dtype, value, index, guard = instruction
        other = self.members.get(value)
        if other is not None:
            here: Atom | None = None
            if value in now:
                here = now[value]
            elif not self.in_lane[value] or (other.step.op is not None and not self._is_column(other)):
                here = self.atoms[value]
            if here is not None:
                return here if guard < 0 else self._let(scope, dtype, "where", (numbers[guard], here, Const(0)))
            buffer, entries = self.home(value, other)
        else:
            buffer, entries = self.place(value, index, member, numbers)
        check: str | None = None
        if guard >= 0:
            condition = numbers[guard]
            if type(condition) is Const:
                if not condition.value:
                    return Const(0)
            else:
                check = condition.name
        key = ("load", buffer, entries, check)
        found = scope.find(key)
        if found is None:
            name = self.names.variable()
            scope.statements.append(Load(name, dtype, buffer, entries, check))
            found = scope.known[key] = Var(name)
        return found

    # ---- reductions ---------------------------------------------------------------------------------------------

    def _summed(self, member: Member) -> set[int]:
        step = member.step
        return {self.number[member.labels[label]] for label in range(len(step.out.dims), len(step.dims))}

    def _is_column(self, member: Member) -> bool:
        """Whether a reduction keeps the lane, so that it is collected in memory."""
        return member.step.op is not None and self.in_lane[member.step.out] and self.loops - 1 not in self._summed(member)

    def _depth(self, member: Member) -> int:
        """How many loops enclose an accumulator; -1 if the reduction needs memory instead."""
        summed = self._summed(member)
        outer = sorted([number for number in summed if number < self.rows])
        depth = outer[0] if outer else self.rows
        return depth if outer == list(range(depth, self.rows)) else -1

    def _guarded(self, member: Member, scope: Scope, now: dict[Value, Atom]) -> tuple[Atom, str | None]:
        """The summand, with the guard taken off a summand that is 0 where a condition is false."""
        body: Body = member.step.body
        last = body[-1]
        if last[0] == "where" and member.step.op == "sum" and body[last[2][2]][0] == "const" and body[last[2][2]][2] == 0:
            numbers = self.evaluate(member, scope, now, len(body) - 1)
            condition, summand, _ = (numbers[argument] for argument in last[2])
            if type(condition) is Var:
                return summand, condition.name
        return self.evaluate(member, scope, now)[-1], None

    def _fill(self, member: Member) -> None:
        """Set the memory of a reduction to its unit before the loops that it runs over."""
        step = member.step
        assert step.op is not None, "a reduction"
        buffer, entries = self.home(step.out, member)
        summed = self._summed(member)
        kept = {self.number[place] for place in (member.labels[label] for label in range(len(step.out.dims)))}
        outer = [number for number in sorted(summed) if number < self.rows]
        depth = outer[0] if outer else self.rows
        statement: Stmt = Store(buffer, entries, Const(unit(step.op, step.out.dtype)))
        inner = [number for number in sorted(kept) if number >= depth]
        for place, number in enumerate(reversed(inner)):
            loop = Lanes if place == 0 else For
            statement = loop(self.labels[number], self.names.extent(self.sizes[number]), (statement,))
        earlier = self.before[depth][-1] if self.before[depth] else None
        if type(statement) is Lanes and type(earlier) is Lanes and earlier.label == statement.label and earlier.extent == statement.extent:
            self.before[depth][-1] = earlier._replace(body=earlier.body + statement.body)
        else:
            self.before[depth].append(statement)

    def _accumulate(
        self, member: Member, target: list[Stmt], near: list[Stmt], late: list[Stmt], scope: Scope, now: dict[Value, Atom]
    ) -> None:
        """A reduction's statements: the update into `target`, an accumulator of this row into `near`, what follows it into `late`."""
        step, value = member.step, member.step.out
        assert step.op is not None, "a reduction"
        summand, guard = self._guarded(member, scope, now)
        if self._is_column(member):
            self._fill(member)
            buffer, entries = self.home(value, member)
            target.append(Store(buffer, entries, summand, step.op, guard))
            return
        depth = self._depth(member)
        name = self.names.variable()
        if depth >= 0:
            in_row = depth == self.rows and self.in_lane[value]
            (near if in_row else self.before[depth]).append(Acc(name, value.dtype, step.op))
            target.append(Update(name, summand, guard))
            self.atoms[value] = Var(name)
            if value in self.stored:
                (late if in_row else self.after[depth]).append(Store(*self.home(value, member), Var(name)))
            return
        # over the lane and a part of the row: one accumulator a row, collected in memory
        self._fill(member)
        buffer, entries = self.home(value, member)
        if self.in_lane[value]:
            near.append(Acc(name, value.dtype, step.op))
            target.append(Update(name, summand, guard))
            late.append(Store(buffer, entries, Var(name), step.op))
        else:
            target.append(Store(buffer, entries, summand, step.op, guard))

    # ---- statements ---------------------------------------------------------------------------------------------

    def _slot(self, time: int, domain: int, scope: Scope) -> None:
        """The statements between passes: members without the lane, with this number of labels."""
        for member in self.group.members:
            step = member.step
            if member.time != time or self.in_lane[step.out] or len(member.labels) != domain:
                continue
            if step.op is not None:
                self._accumulate(member, scope.statements, scope.statements, scope.statements, scope, {})
                continue
            atom = self.evaluate(member, scope, {})[-1]
            self.atoms[step.out] = atom
            if step.out in self.stored:
                scope.statements.append(Store(*self.home(step.out, member), atom))

    def _pass(self, time: int, scope: Scope) -> None:
        """One loop over the lane."""
        lanes = Scope(scope)
        now: dict[Value, Atom] = {}
        near: list[Stmt] = []
        late: list[Stmt] = []
        effects: list[Stmt] = []
        for member in self.passes.get(time, ()):
            step, value = member.step, member.step.out
            if step.op is not None:
                self._accumulate(member, effects, near, late, lanes, now)
                continue
            atom = now[value] = self.evaluate(member, lanes, now)[-1]
            if (member.time == time and value in self.stored) or (value in self.scratch and self.first[value] == time):
                effects.append(Store(*self.home(value, member), atom))
        if effects:
            scope.statements += near
            body = tuple(lanes.statements + effects)
            scope.statements.append(Lanes(self.labels[-1], self.names.extent(self.sizes[-1]), body))
            scope.statements += late

    def _passes(self, times: Iterable[int], scope: Scope, domain: int) -> None:
        for time in times:
            self._pass(time, scope)
            self._slot(time + 1, domain, scope)

    def emit(self) -> Emitted:
        """The kernel."""
        end = self.group.end
        top = Scope(self.names.head)
        self._slot(-1, 0, top)
        spots = {member.time - member.time % 2 for member in self.group.members if member.time >= 0}
        if end:
            row = Scope(top)
            wide = len(self.group.dims) - 1
            self._slot(-1, wide, row)
            self._passes(sorted([time for time in spots if time < end - 2]), row, wide)
            inner: list[Stmt] = self.before[self.rows] + row.statements + self.after[self.rows] if self.rows else row.statements
            if self.rows:
                for depth in range(self.rows - 1, -1, -1):
                    loop = For(self.labels[depth], self.names.extent(self.sizes[depth]), tuple(inner))
                    inner = [*self.before[depth], loop, *self.after[depth]]
            else:
                inner = self.before[0] + inner + self.after[0]
            top.statements += inner
            if not self.rows:
                # without rows the accumulators of the nest are in scope
                top.known.update(row.known)
            self._slot(end - 1, 0, top)
            self.before = [top.statements, *self.before[1:]]
            self._passes(sorted([time for time in spots if time >= end]), top, 0)
        else:
            self.before = [top.statements]
            self._passes(sorted(spots), top, 0)
        body, partial = in_parts(self.names.head.statements + top.statements, self.names, dict(zip(self.labels, self.sizes)))
        names, sizes = self.names.sizes()
        kernel = Kernel(tuple(self.names.buffers), names, marked_parallel(body))
        scratch = [row for value, row in self.scratch.items() if value not in self.shared]
        return Emitted(kernel, tuple(self.names.values), sizes, (*scratch, *partial))


def emit(group: Group, stored: set[Value]) -> Emitted:
    """The kernel of a group; `stored` are the values that are read outside of it."""
    return GroupEmitter(group, stored).emit()

