"""What each pass has made: printed where `config.debug` asks for it, checked where `config.check` does.

    1    the passes and their times               4    what is left after optimisation
    2    the user's graph                         5    the kernels
    3    what it means, before it is optimised    6    their LLVM code
"""

from __future__ import annotations

import sys

from croton.algebra.check import check as check_algebra
from croton.algebra.print import show
from croton.codegen.module import compile_text
from croton.compile.job import Job
from croton.expr.print import describe
from croton.kernel.check import check as check_kernel
from croton.kernel.print import to_text
from croton.schedule.plan import every_body

LOWERED, OPTIMISED, SCHEDULED = "stabilise_values", "optimise_contractions", "schedule_calls"


def print_stage(job: Job, step: str, level: int) -> None:
    """Write to the error stream what a pass has made, as far as the level asks for it; what it has made of each program, where there are several."""
    out = sys.stderr
    print(f"-- {step}: {1e3 * job.seconds[step]:.2f} ms", file=out)
    if step == "lower_expressions" and level >= 2:
        print(describe(job.results, lines=True), file=out)
    for number, one in enumerate(job.programs):
        if number > 0 and ((step == OPTIMISED and level >= 4) or (step == SCHEDULED and level >= 5)):
            print(f"-- as with {', '.join([f'{name} = {value}' for name, value in one.regime.items()])}", file=out)
        if (step == LOWERED and level >= 3) or (step == OPTIMISED and level >= 4):
            print(show([operand.use for operand in one.operands]), file=out)
            if step == OPTIMISED:
                print("\n".join(map(str, one.decisions)), file=out)
        elif step == SCHEDULED and level >= 5:
            for place, kernel in enumerate(one.plan.kernels):
                print(to_text(kernel, f"k{place}"), file=out)
                if level >= 6:
                    print(compile_text([(f"k{place}", kernel)]), file=out)


def check_stage(job: Job, step: str) -> None:
    """Raise, naming what is wrong, where a pass has broken an invariant of its language."""
    for one in job.programs:
        if step in ("lower_expressions", LOWERED, OPTIMISED):
            check_algebra([operand.use for operand in one.operands])
        elif step == SCHEDULED:
            for plan in every_body(one.plan):
                for kernel in plan.kernels:
                    check_kernel(kernel)
