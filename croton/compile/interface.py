"""What a program is called with and what it gives."""

from __future__ import annotations

from collections.abc import Hashable
from typing import NamedTuple

from croton.dtypes import DType
from croton.schedule.plan import Plan
from croton.sizes import Size, product


class Leaf(NamedTuple):
    """An array that comes in: its key in the plan, dtype and shape."""

    key: Hashable
    dtype: DType
    shape: tuple[Size, ...]
    label: str
    name: str | None = None


class Result(NamedTuple):
    """An array that goes out: its dtype and shape; an update names the shared variable it replaces, by position.

    `donor` is the input whose memory it may be, by position; -1 for none.
    """

    dtype: DType
    shape: tuple[Size, ...]
    shared: int = -1
    donor: int = -1


class Interface(NamedTuple):
    """What a program is called with and what it gives: results that are no updates first. `budget` is what a call may take, 0 for anything."""

    inputs: tuple[Leaf, ...]
    shared: tuple[Leaf, ...]
    results: tuple[Result, ...]
    size_checks: tuple[tuple[Size, Size], ...]
    structure: str
    budget: int = 0

    def returned(self, plan: Plan) -> list[Size]:
        """The bytes of each array that a call makes for its results and updates."""
        return [
            product(result.shape) * result.dtype.itemsize
            for number, result in enumerate(self.results)
            if plan.values[plan.outputs[number]].home[0] == "output" or (result.shared < 0 and not self.in_donor(plan, number))
        ]

    def in_donor(self, plan: Plan, number: int) -> bool:
        """Whether a plan puts a result into the memory of the input that was donated to it."""
        donor = self.results[number].donor
        return donor >= 0 and plan.values[plan.outputs[number]].home == ("input", self.inputs[donor].key)
