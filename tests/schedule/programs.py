"""Plans of programs written with the public names, for tests that count kernels, passes and instructions."""

from __future__ import annotations

from collections.abc import Sequence

from croton.compile.job import Job
from croton.compile.pipeline import lower_expressions, optimise_contractions, schedule_calls, stabilise_values
from croton.expr.expr import Expr, SharedVariable
from croton.kernel.language import For, Kernel, Lanes, Let, Stmt, Store
from croton.schedule.plan import KernelCall, Plan


def planned(inputs: Sequence[Expr], outputs: Sequence[Expr], updates: Sequence[tuple[SharedVariable, Expr]] = ()) -> Plan:
    """What the scheduler makes of these outputs and updates."""
    job = Job(inputs, [*outputs, *[new for _, new in updates]], [None] * len(outputs) + [variable for variable, _ in updates], "tuple")
    for step in (lower_expressions, stabilise_values, optimise_contractions, schedule_calls):
        step(job)
    return job.plan


def statements(kernel: Kernel) -> list[Stmt]:
    """All statements of a kernel, loops before what is in them."""
    found: list[Stmt] = []
    pending: list[Stmt] = list(reversed(kernel.body))
    while pending:
        statement = pending.pop()
        found.append(statement)
        if isinstance(statement, For | Lanes):
            pending += reversed(statement.body)
    return found


def calls_of(kernel: Kernel, function: str) -> int:
    """How often a function stands in a kernel."""
    return sum(isinstance(statement, Let) and statement.function == function for statement in statements(kernel))


def row_passes(kernel: Kernel) -> int:
    """The loops over the lane inside the rows."""
    loops = [statement for statement in statements(kernel) if isinstance(statement, For)]
    return max([sum(isinstance(statement, Lanes) for statement in loop.body) for loop in loops], default=0)


def kernel_calls(plan: Plan) -> int:
    """The number of kernel calls."""
    return sum(isinstance(call, KernelCall) for call in plan.calls)


def passes(plan: Plan) -> int:
    """The number of passes of kernels over their arrays."""
    return sum(len(call.passes) for call in plan.calls if isinstance(call, KernelCall))


def nests_of(plan: Plan) -> list[Kernel]:
    """Each loop of each kernel that is in no other loop, as a kernel."""
    return [kernel._replace(body=(loop,)) for kernel in plan.kernels for loop in kernel.body if isinstance(loop, For | Lanes)]


def stores(kernel: Kernel) -> list[Store]:
    """All stores of a kernel."""
    return [statement for statement in statements(kernel) if isinstance(statement, Store)]
