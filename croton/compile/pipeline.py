"""The list of passes: from expressions to a program, in the order in which they run."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from copy import copy

from croton.algebra.cost import assuming
from croton.algebra.loop import has_loops
from croton.algebra.node import Operand
from croton.codegen.module import compile_texts
from croton.compile.account import account
from croton.compile.assemble import assemble
from croton.compile.budget import Chunks, fitted
from croton.compile.choose import choosing
from croton.compile.interface import Interface, Leaf, Result
from croton.compile.job import Job
from croton.compile.stages import check_stage, print_stage
from croton.expr.expr import Expr, Input, SharedVariable
from croton.expr.types import bounded
from croton.rewriting.batch_loop import one_at_a_time
from croton.rewriting.loops_of_one import loops_of_one
from croton.rewriting.needed import only_needed
from croton.rewriting.optimise import STRICT, Decision
from croton.rewriting.stabilise import stabilise
from croton.rewriting.versions import versions
from croton.rewriting.window_factors import compute_before_windows
from croton.rewriting.windows import windows_in_chunks
from croton.runtime.engine import compile_objects
from croton.runtime.native import own_meanwhile
from croton.schedule.build import build_plan, plan_with_lives
from croton.schedule.work import work
from croton.transforms.lower import lower
from croton.transforms.thrift import loops_in_segments
from croton.util.config import config
from croton.util.errors import ArgumentError


def lower_expressions(job: Job) -> None:
    """Every operation has become its meaning, and every derivative is worked out."""
    written = [variable for variable in job.replaced if variable is not None]
    job.lowered = lower(job.results, [*job.inputs, *written])
    job.operands = job.lowered.outputs
    read = [leaf for leaf in job.lowered.leaves if isinstance(leaf, SharedVariable)]
    job.shared = list(dict.fromkeys([*read, *written]))
    job.donors = _donors(job)


def _donors(job: Job) -> dict[int, Input]:
    """For each donated input the first result of its type that no other has: the result that may be written in its memory."""
    donors: dict[int, Input] = {}
    for leaf in job.donated:
        shape = job.lowered.shapes[leaf]
        fitting = [
            number
            for number, (operand, variable) in enumerate(zip(job.operands, job.replaced))
            if variable is None and number not in donors and operand.dtype is leaf.dtype and operand.shape == shape
        ]
        if not fitting:
            raise ArgumentError(f"donate: no result is left that has the type {leaf.type} of {leaf!r} and could take its memory; do not donate it", leaf.line)
        donors[fitting[0]] = leaf
    return donors


def stabilise_values(job: Job) -> None:
    """Formulas that lose accuracy or overflow have been replaced by equal ones that do not."""
    uses = stabilise([operand.use for operand in job.operands])
    job.operands = [Operand(operand.axes, use) for operand, use in zip(job.operands, uses)]


def optimise_contractions(job: Job) -> None:
    """Sums of products are factored: what is left is worth computing as it stands. Where that depends on sizes nobody knows, there are a few programs."""
    operands = job.operands
    uses = [operand.use for operand in operands]
    parts: list[Decision] = []
    if config.algebra != STRICT:
        uses, ones = loops_of_one(uses)
        uses, parts = only_needed(uses, [size for check in job.lowered.checks if (size := bounded(check.left)) is not None and check.right == 0])
        parts = [*ones, *parts]
        uses = compute_before_windows(uses)
    first, *others = versions(uses, config.algebra, not job.budget)
    job.others = [copy(job) for _ in others]
    for one, (uses, decisions, regime) in zip(job.programs, (first, *others)):
        one.decisions, one.regime = [*parts, *decisions], regime
        if not job.budget:
            with assuming(regime):
                uses, taken = one_at_a_time(uses)
                uses, cuts = windows_in_chunks(uses)
            one.chunks = (*[Chunks(batch.size, 1, batch.bytes, batch.node.origin) for batch in taken], *[Chunks(*cut) for cut in cuts])
        one.operands = [Operand(operand.axes, use) for operand, use in zip(operands, uses)]


def schedule_calls(job: Job) -> None:
    """There are kernels, library calls, an order and a place in memory for every value."""
    donated: dict[Hashable, int] = {variable.id: number for number, variable in enumerate(job.replaced) if variable is not None}
    donated |= {leaf.id: number for number, leaf in job.donors.items()}
    if job.budget:
        found = fitted(_forms(job), lambda operands: plan_with_lives(operands, donated), lambda plan: _interface(job).returned(plan), job.budget)
        job.plan, job.operands, job.chunks, job.remade = found.plan, found.operands, found.chunks, found.remade
        return
    for one in job.programs:
        with assuming(one.regime):
            one.plan = build_plan(one.operands, donated)


def _forms(job: Job) -> Iterator[list[Operand]]:
    """The values of a program that is to stay within a budget, and those of the same program with its loops in segments. The job has those given last."""
    # What is within the budget at likely sizes is for all sizes.
    job.others = []
    yield job.operands
    if has_loops([operand.use for operand in job.operands]):
        job.results, job.segmented = loops_in_segments(job.results)
        if job.segmented:
            for step in (lower_expressions, stabilise_values, optimise_contractions):
                step(job)
            job.others = []
            yield job.operands


def assemble_program(job: Job) -> None:
    """The plan is plain data for the runtime, and every size is an entry of one table. Of a few programs those are left that are worth having."""
    interface = _interface(job)
    if job.others:
        job.choosing = choosing([one.plan for one in job.programs], [one.regime for one in job.programs], interface.inputs)
        job.others = [job.programs[number] for number in job.choosing.kept[1:]] if job.choosing is not None else []
    for one in job.programs:
        one.assembled = assemble(one.plan, interface, work(one.plan.flops, one.plan.bytes), config.flush_subnormals)
        one.account = account(one.plan, interface, one.assembled.copied, one.decisions, one.lowered.checks, one.chunks, one.remade, one.segmented)


def _interface(job: Job) -> Interface:
    """What every program of a job is called with and gives."""
    shapes = job.lowered.shapes
    position = {variable: i for i, variable in enumerate(job.shared)}

    def leaf(node: Expr, label: str) -> Leaf:
        return Leaf(node.id, node.dtype, shapes[node], label, node.name)

    inputs = tuple(leaf(node, repr(node.name) if node.name else str(i)) for i, node in enumerate(job.inputs))
    shared = tuple(leaf(node, repr(node.name) if node.name else f"shared variable {i}") for i, node in enumerate(job.shared))
    place = {node: i for i, node in enumerate(job.inputs)}
    results = tuple(
        Result(
            operand.dtype,
            operand.shape,
            -1 if variable is None else position[variable],
            place[job.donors[number]] if number in job.donors else -1,
        )
        for number, (operand, variable) in enumerate(zip(job.operands, job.replaced))
    )
    checks = tuple((check.left, check.right) for check in job.lowered.checks)
    return Interface(inputs, shared, results, checks, job.structure, job.budget)


def generate_code(job: Job) -> None:
    """Each distinct kernel is machine code, of whichever program it is."""
    job.kernels = list(dict.fromkeys([kernel for one in job.programs for kernel in one.plan.kernels]))
    kernels = [(f"k{i}", kernel) for i, kernel in enumerate(job.kernels)]
    with own_meanwhile({name for one in job.programs for name in one.assembled.own}):
        job.objects = compile_objects(compile_texts(kernels))


PASSES: tuple[Callable[[Job], None], ...] = (
    lower_expressions,
    stabilise_values,
    optimise_contractions,
    schedule_calls,
    assemble_program,
    generate_code,
)


def run(job: Job) -> Job:
    """Run the passes."""
    for step in PASSES:
        start = time.perf_counter()
        step(job)
        job.seconds[step.__name__] = time.perf_counter() - start
        if config.debug:
            print_stage(job, step.__name__, config.debug)
        if config.check:
            check_stage(job, step.__name__)
    return job


@contextmanager
def without_collector() -> Iterator[None]:
    """The cyclic collector finds nothing in a compilation, or in what the cache gives back, and takes a third of its time; more where the user's own
    libraries have left much to look through. What a compilation made should be gone at the end of this, or the collector looks through all of it then."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
