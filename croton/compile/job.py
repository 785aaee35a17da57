"""One compilation: what was asked for, and what each pass has made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from croton.algebra.node import Operand
from croton.compile.account import Account
from croton.compile.assemble import Assembled
from croton.compile.budget import Chunks
from croton.compile.choose import Choosing
from croton.expr.expr import Expr, Input, SharedVariable
from croton.kernel.language import Kernel
from croton.rewriting.contest import Regime
from croton.schedule.plan import Plan
from croton.transforms.lower import Lowered
from croton.transforms.thrift import Segmented


@dataclass
class Job:
    """One compilation: what was asked for, and what each pass has made of it.

    Where no one program is good at all plausible sizes there are a few, each a job: this one for likely sizes, and `others` for the sizes of their `regime`.
    `choosing` says how a call chooses. The kernels and the object code are those of all.
    """

    inputs: Sequence[Input]
    results: Sequence[Expr]
    replaced: Sequence[SharedVariable | None]
    structure: str
    donated: Sequence[Input] = ()
    budget: int = 0
    lowered: Lowered = field(init=False)
    operands: list[Operand] = field(init=False)
    decisions: list[Any] = field(default_factory=list)
    chunks: tuple[Chunks, ...] = ()
    remade: int = 0
    segmented: Sequence[Segmented] = ()
    shared: list[SharedVariable] = field(init=False)
    donors: dict[int, Input] = field(init=False)
    plan: Plan = field(init=False)
    assembled: Assembled = field(init=False)
    objects: tuple[bytes, ...] = ()
    account: Account = field(init=False)
    kernels: list[Kernel] = field(default_factory=list)
    regime: Regime = field(default_factory=dict)
    others: list[Job] = field(default_factory=list)
    choosing: Choosing | None = None
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def programs(self) -> list[Job]:
        """This one and the others."""
        return [self, *self.others]
