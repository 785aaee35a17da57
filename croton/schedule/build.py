"""The scheduler: outputs of the algebra to a Plan, as a list of passes."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence

from croton.algebra.constant import array_of
from croton.algebra.loop import Slot as BodyInput
from croton.algebra.loop import has_loops
from croton.algebra.node import Operand
from croton.kernel.language import Kernel
from croton.schedule.alike import merge_alike
from croton.schedule.arena import Slot, arrange, flattened, shifted
from croton.schedule.draft import Draft
from croton.schedule.emit import Emitted
from croton.schedule.emit_nest import emit_scan, emit_scatter
from croton.schedule.fuse import Group, fuse
from croton.schedule.layout import choose_layouts
from croton.schedule.lives import Lives, lives
from croton.schedule.loop_detail import LoopDetail
from croton.schedule.lower import lower
from croton.schedule.matrices import Routine, flops_of, matrix_of, memory_of_parts, with_one_axis
from croton.schedule.memory import CallUse, plan_memory
from croton.schedule.plan import (
    BoundsCheck,
    Call,
    KernelCall,
    LoopCall,
    MatrixCall,
    Pass,
    Plan,
    PlanValue,
    ProductCall,
    RoutineCall,
    with_kernels,
)
from croton.schedule.product import OFTEN, Shape, legalise, likeness, packed_bytes, shape_of
from croton.schedule.recompute import inline_free, recompute
from croton.schedule.repeat import Repeats
from croton.schedule.rounding import fuse_products
from croton.schedule.same_order import check_orders
from croton.schedule.sink import sink_products
from croton.schedule.step import Step, Value, memory_of
from croton.schedule.stepping import with_steps
from croton.schedule.sweeps import in_sweeps
from croton.schedule.trailing import only_after
from croton.schedule.work import flops_of_kernel, traffic_of_arrays, traffic_of_kernel, traffic_of_product
from croton.sizes import Size

EMITTERS = {"scatter": emit_scatter, "scan": emit_scan}


def build_plan(
    outputs: Sequence[Operand],
    donated: Mapping[Hashable, int] | None = None,
) -> Plan:
    """The program that computes these arrays, in C order, from the inputs that they read, which are stored in C order.

    `donated` maps the key of an input to the number of the output that replaces it: that output may be written in the input's memory.
    """
    return _built(outputs, donated or {})[0]


def plan_with_lives(outputs: Sequence[Operand], donated: Mapping[Hashable, int]) -> tuple[Plan, Lives]:
    """What `build_plan` gives, and how long each value is kept."""
    plan, assembly, operands = _built(outputs, donated)
    return plan, lives(operands, assembly.draft, assembly.uses)


def _built(outputs: Sequence[Operand], donated: Mapping[Hashable, int]) -> tuple[Plan, _Assembly, Sequence[Operand]]:
    operands = only_after(sink_products(outputs)) if has_loops([output.use for output in outputs]) else outputs
    draft = lower(operands, donated)
    fuse_products(draft.steps, draft.kept())
    steps = inline_free(draft.steps, draft.kept())
    choose_layouts(steps)
    plan, assembly = _in_memory(draft, steps, donated, fresh=True)
    return in_sweeps(merge_alike(plan))._replace(arena=arrange(plan.slots)), assembly, operands


def _in_memory(
    draft: Draft, steps: Sequence[Step], donated: Mapping[Hashable, int], often: bool = False, fresh: bool = False
) -> tuple[Plan, _Assembly]:
    """The program of steps on values whose storage orders are known; it may be one that is run often, with inputs of which some stay the same. Outputs are
    `fresh` where nothing that the program reads may lie in their memory: not those of a step that reads carries.

    Nothing is said yet of where in the arena its slots lie.
    """
    steps = legalise(steps)
    check_orders(draft, steps)
    groups = recompute(fuse(steps), draft.kept())
    assembly = _Assembly(draft, groups, donated, often, fresh)
    plan = assembly.plan()
    _let_go([*draft.steps, *steps, *[member.step for group in groups for member in group.members]])
    return plan, assembly


def _let_go(steps: Sequence[Step]) -> None:
    """Values no longer know who makes them, so that all of this is freed at once and leaves nothing to the cyclic collector."""
    for step in steps:
        for value in step.makes():
            value.step = value.group = None


class _Assembly:
    """Groups to calls, and values to memory."""

    def __init__(self, draft: Draft, groups: Sequence[Group], donated: Mapping[Hashable, int], often: bool, fresh: bool) -> None:
        self.draft = draft
        self.often = often
        self.fresh = fresh
        self.donated = donated
        self.kernels: dict[Kernel, int] = {}
        self.taken: dict[Value, Value] = {}
        self.bodies: dict[Group, Plan] = {}
        self.uses: list[CallUse] = []
        # A kernel for the same sizes does the same work, and a product of the same shape: layers repeat.
        self.work: dict[tuple[int, tuple[Size, ...]], Pass] = {}
        self.products: dict[Hashable, tuple[Shape, Size, Size]] = {}
        self.parts: list[tuple[Group, Emitted | None]] = []
        self.checks = draft.checks
        stored = {*draft.outputs, *map(memory_of, draft.outputs)}
        stored.update([memory_of(check[0]) for check in self.checks])
        for group in groups:
            for member in group.members:
                for value in member.step.reads():
                    if value.group is not group:
                        stored.add(memory_of(value))
        stored.update([m.step.out for group in groups for m in group.members if m.step.out.inside is not None and memory_of(m.step.out) in stored])
        repeats = Repeats()
        for group in groups:
            if group.kind == "loop":
                step = group.members[0].step
                self.bodies[group] = self._body(step)
                self.uses.append(CallUse((*step.reads(), *step.makes()), (), None, -1))
                self.parts.append((group, None))
                continue
            if group.kind == "matrices":
                step = group.members[0].step
                self.uses.append(CallUse((*step.reads(), *step.makes()), (), None, -1))
                self.parts.append((group, None))
                continue
            if group.kind in ("product", "routine"):
                step = group.members[0].step
                accumulate = step.detail.accumulate if step.kind == "product" else None
                if accumulate is not None and accumulate.home is None:
                    step.out.donor = accumulate
                elif accumulate is not None:
                    self.taken[step.out] = accumulate
                self.uses.append(CallUse((*step.reads(), step.out), (), None, -1))
                self.parts.append((group, None))
                continue
            if group.kind == "scatter" and group.members[0].step.detail.base is not None:
                self.taken[group.members[0].step.out] = group.members[0].step.detail.base
            emitted = repeats.emit(group, stored) if group.kind == "map" else EMITTERS[group.kind](group, stored)
            number = self.kernels.setdefault(emitted.kernel, len(self.kernels))
            kernel = emitted.kernel
            self.uses.append(CallUse(emitted.values, tuple([buffer.name for buffer in kernel.buffers]), kernel, number))
            self.parts.append((group, emitted))

    def _body(self, step: Step) -> Plan:
        """The program of a step of a loop, with the kernels of this plan."""
        detail: LoopDetail = step.detail
        length = detail.core.length
        fresh = not any(isinstance(key, BodyInput) and key.role == "carry" for key in detail.body.draft.inputs)
        body, _ = _in_memory(detail.body.draft, detail.body.steps, {}, not (isinstance(length, int) and length < OFTEN), fresh)
        body = with_steps(body, detail)
        numbers = [self.kernels.setdefault(kernel, len(self.kernels)) for kernel in body.kernels]
        return with_kernels(body, [(number, ()) for number in numbers])

    def plan(self) -> Plan:
        """The plan."""
        draft = self.draft
        memory = plan_memory(self.uses, draft.outputs, self.donated, draft.inputs, self.taken, self._settled(), self.fresh)
        self.numbers: dict[Value, int] = {}
        self.values: list[PlanValue] = []
        self.memory = memory
        # A loop lasts as long as the calls of one of its steps.
        spans = {position: max(1, self.bodies[group].span) for position, (group, _) in enumerate(self.parts) if group.kind == "loop"}
        self.slots, begins = flattened(memory.slots, spans, len(self.parts))
        self.end = begins[-1]
        calls: list[Call] = []
        for use, (group, emitted), begin in zip(self.uses, self.parts, begins):
            origins = tuple(dict.fromkeys([line for member in group.members for line in member.step.origin]))
            if emitted is not None:
                values = tuple([self._number(value) for value in emitted.values])
                work = self.work.get((use.number, emitted.sizes))
                if work is None:
                    work = self.work[use.number, emitted.sizes] = Pass(flops_of_kernel(group), traffic_of_kernel(group, emitted.values))
                calls.append(KernelCall(use.number, values, emitted.sizes, origins, (work,)))
            elif group.kind == "loop":
                calls.append(self._loop_call(group, origins, begin))
            elif group.kind == "matrices":
                calls.append(self._matrix_call(group.members[0].step, origins, begin))
            else:
                calls.append(self._library_call(group.members[0].step, origins))
        checks = [BoundsCheck(self._number(value), bound, origins, low, among) for value, bound, origins, low, among in self.checks]
        if checks:
            calls = self._with_checks(calls, checks)
        inputs = {key: self._number(value) for key, value in draft.inputs.items()}
        outputs = tuple([self._number(value) for value in draft.outputs])
        return Plan(tuple(self.kernels), tuple(calls), tuple(self.values), tuple(self.slots), inputs, outputs, begins[-1], draft.again)

    def _settled(self) -> int:
        """The position of the last call that may be refused: a routine, a loop, or the kernel that makes indices which are checked after it."""
        checked = {memory_of(check[0]) for check in self.checks}
        settled = -1
        for position, (use, (group, _)) in enumerate(zip(self.uses, self.parts)):
            made = [value for value in map(memory_of, use.values) if value in checked and value.home is None]
            checked.difference_update(made)
            if made or group.kind in ("routine", "matrices", "loop"):
                settled = position
        return settled

    def _with_checks(self, calls: list[Call], checks: list[BoundsCheck]) -> list[Call]:
        """Checks as early as their values are known."""
        pending = list(checks)
        ready = [check for check in pending if self.values[check.value].home[0] in ("input", "constant")]
        result: list[Call] = list(ready)
        pending = [check for check in pending if self.values[check.value].home[0] not in ("input", "constant")]
        for call in calls:
            result.append(call)
            if pending:
                written = set(call.values) if isinstance(call, KernelCall) else set(_made_by(call))
                result += [check for check in pending if check.value in written]
                pending = [check for check in pending if check.value not in written]
        return result

    def _loop_call(self, group: Group, origins: tuple, begin: int) -> LoopCall:
        detail: LoopDetail = group.members[0].step.detail
        body, number = self.bodies[group], self._number
        slots = tuple(range(len(self.slots), len(self.slots) + len(body.slots)))
        self.slots += shifted(body.slots, begin)
        return LoopCall(
            length=detail.core.length,
            reverse=detail.core.reverse,
            body=body,
            carried=detail.carried.mapped(number),
            elements=tuple([(place, number(value)) for place, value in detail.elements]),
            fixed=tuple([(place, number(value)) for place, value in detail.fixed]),
            taps=tuple([(place, number(value)) for place, value in detail.taps]),
            slots=slots,
            stop=-1 if detail.core.stop is None else detail.core.stop,
            limit=-1 if detail.limit is None else number(detail.limit),
            late=detail.core.late,
            steps=-1 if detail.steps is None else number(detail.steps),
            origins=origins,
            seldom=detail.core.seldom,
        )

    def _matrix_call(self, step: Step, origins: tuple, position: int) -> MatrixCall:
        detail: Routine = step.detail
        inputs = tuple([self._number(value) for value in step.reads()])
        outputs = tuple([-1 if result.value is None else self._number(result.value) for result in detail.results])
        matrices = tuple([matrix_of(operand, detail) for operand in (*detail.arguments, *detail.results)])
        stack, matrices = with_one_axis([detail.sizes[label] for label in detail.stack], matrices)
        each, parts = memory_of_parts(detail)
        work = -1
        if each != 0:
            work = len(self.slots)
            self.slots.append(Slot(each * parts, position, position))
        traffic = traffic_of_arrays([*step.reads(), *step.makes()])
        return MatrixCall(detail.record, detail.options, inputs, outputs, matrices, stack, origins, flops_of(detail), traffic, work, each, parts)

    def _library_call(self, step: Step, origins: tuple) -> Call:
        if step.kind == "product":
            detail = step.detail
            key = likeness(step)
            if key not in self.products:
                shape = shape_of(step)
                self.products[key] = shape, shape.flops, traffic_of_product(step)
            shape, flops, traffic = self.products[key]
            beta = 0 if detail.accumulate is None else 1
            left, right, out = self._number(detail.left), self._number(detail.right), self._number(step.out)
            packed = packed_bytes(step, shape) if self.often else None
            if packed is not None:
                # It stays from step to step.
                self.slots.append(Slot(packed, 0, self.end - 1))
            place = -1 if packed is None else len(self.slots) - 1
            return ProductCall(left, right, out, shape, detail.alpha, beta, origins, flops, traffic, place)
        routine, values, params = step.detail
        inputs = tuple([self._number(value) for value in values])
        return RoutineCall(routine, inputs, (self._number(step.out),), params, origins, 0, traffic_of_arrays([*values, step.out]))

    def _number(self, value: Value) -> int:
        number = self.numbers.get(value)
        if number is None:
            number = self.numbers[value] = len(self.values)
            self.values.append(PlanValue(value.dtype, tuple([value.dims[axis] for axis in value.order]), value.order, self._home(value)))
        return number

    def _home(self, value: Value) -> tuple:
        top = value = memory_of(value)
        if value in self.memory.taken:
            return _given(self.memory.taken[value])
        while top.output < 0 and top in self.memory.alias:
            top = self.memory.alias[top]
        if top.output >= 0:
            return _given(self.memory.taken[top]) if top in self.memory.taken else ("output", top.output)
        if value.home is None:
            return ("slot", self.memory.slot[value])
        if value.home[0] == "constant":
            return ("constant", array_of(value.home[1]))
        return value.home


def _made_by(call: Call) -> Sequence[int]:
    """The values that a call which is no kernel makes."""
    if isinstance(call, LoopCall | MatrixCall):
        return call.made
    return call.outputs if isinstance(call, RoutineCall) else ()


def _given(value: Value) -> tuple:
    """Where a value lives that the program is given."""
    assert value.home is not None, "only inputs give their memory away"
    return value.home
