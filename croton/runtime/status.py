"""Why the native path refused a call: what it tells the Python fallback."""

from __future__ import annotations

from typing import NamedTuple

REASONS = ("none", "arity", "argument", "size", "relation", "index", "division", "overflow", "too_large", "steps", "matrix")
"""The position of a reason is its code.

arity       `value` positional arguments were given, or there were keyword arguments
argument    argument `place` is not an array ("type"), or has another dtype ("dtype"), layout ("layout") or rank ("rank"), or is written and not alone
            in its memory ("memory"): see `detail`
size        axis `detail` of argument `place` has size `value`, and another was wanted
relation    size check with error `place`: S[left] is `detail`, S[right] is `value`
index       index check with error `place`: the index at position `detail` is `value`
division    size operation `place` divides by 0
overflow    size operation `place` exceeds 64 bits, or the arena does
steps       the loop with error `place` is still going after `value` steps
matrix      member `detail` of the stack of matrices with error `place` has no answer: it is singular, or not positive definite
too_large   a matrix of a library product has a size or distance of rows `value` of 2**31 or more

Arguments are counted through the inputs and then the shared variables.
"""

ARGUMENT_DETAILS = ("type", "dtype", "layout", "rank", "memory")


class Status(NamedTuple):
    """A refusal: the reason's code and three numbers whose meaning is the reason's."""

    code: int
    place: int
    detail: int
    value: int

    @property
    def reason(self) -> str:
        return REASONS[self.code]

    @property
    def wanted(self) -> str:
        """For reason "argument": what was not as wanted, "type", "dtype", "layout", "rank" or "memory"."""
        return ARGUMENT_DETAILS[self.detail]

    def __str__(self) -> str:
        place, detail, value = self.place, self.detail, self.value
        match self.reason:
            case "arity":
                return f"{value} positional arguments, or keyword arguments, were given"
            case "argument":
                return f"argument {place} has another {self.wanted} than the compiled function takes"
            case "size":
                return f"axis {detail} of argument {place} has size {value}, and another is wanted"
            case "relation":
                return f"size check {place}: {detail} and {value} do not fit"
            case "index":
                return f"index check {place}: index {value} at position {detail} is out of range"
            case "division":
                return f"size operation {place} divides by 0"
            case "overflow":
                return "a size exceeds 64 bits"
            case "steps":
                return f"loop {place} is still going after {value} steps"
            case "matrix":
                return f"matrix {detail} of routine {place} is singular or not positive definite, or has no answer"
            case "too_large":
                return f"a matrix product with a size of {value}: the library takes sizes below 2**31"
        return "no refusal"


class Refused(Exception):
    """Raised by `call_native` where the native path takes the arguments neither as they are nor converted."""

    def __init__(self, status: Status) -> None:
        self.status = status
        super().__init__(str(status))
