"""The body of a loop, called once: what it makes of what stands for its carries and elements."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from croton.dtypes import bool_
from croton.expr.expr import Expr, apply
from croton.ops.casting import asarray, converted
from croton.transforms.loop_nodes import CARRY
from croton.util.errors import DTypeError, KindError, ShapeError
from croton.util.provenance import Line
from croton.util.structure import Single, Structure, flatten, paths, text, unflatten


class Until:
    """What a body of `scan` returns last where the loop may end early."""

    __slots__ = ("condition",)

    def __init__(self, condition: Expr) -> None:
        self.condition = condition


def until(condition: Any) -> Until:
    """Where the bool scalar `condition` holds, the step of `scan` whose body returns this, `(carry, y, until(condition))`, is the last one."""
    return Until(bool_scalar(condition, "until: the condition"))


def bool_scalar(value: Any, what: str, instead: str = "use any or all, or vmap for a loop for each element") -> Expr:
    """What a loop or branch asks, `what` in words, which must be one bool; `instead` says what to do about an array of them."""
    found = asarray(value)
    line = line_of(found)
    if found.dtype is not bool_:
        raise DTypeError(f"{what} is a bool, got dtype {found.dtype}; compare it with something", line)
    if found.ndim:
        raise ShapeError(f"{what} is a scalar, got {found.type}; {instead}", line)
    return found


def line_of(value: Expr) -> Line | None:
    """The line that made what a function returned; None, which in an error is the line at hand, for what is no operation and so was made somewhere else."""
    return value.line if value.inputs else None


class Given(NamedTuple):
    """What a body of `scan` returned: the leaves of the new carry, y, and when to end."""

    carry: list[Any]
    ys: Any
    until: Until | None


def given_by(result: Any, structure: Structure, name: str, more: str = "") -> Given:
    """The parts of what a body returned, for a carry of this structure; `more` is what else to say to who returns another one."""
    ends = None
    if isinstance(result, tuple) and len(result) == 3 and isinstance(result[2], Until):
        result, ends = result[:2], result[2]
    elif not isinstance(result, tuple) or len(result) != 2:
        raise KindError(
            f"{name}: the body returns a pair (carry, y), got {'an expression' if isinstance(result, Expr) else type(result).__name__}; "
            "return (carry, None) where there is no y, and (carry, y, until(condition)) to end the loop early"
        )
    carry, ys = result
    leaves, found = flatten(carry)
    if found != structure:
        raise KindError(f"{name}: the body returns the carry in the structure it came in, wanted {text(structure)}, got {text(found)}{more}")
    return Given(leaves, ys, ends)


class Traced(NamedTuple):
    """A body that was called: for each leaf of the carry what stands for it and its next value, and what the body gives besides."""

    carries: list[Expr]
    news: list[Expr]
    ys: Any
    until: Until | None


class Body(NamedTuple):
    """The body of a loop and what it is called with: a carry of this structure, and what stands for an element."""

    function: Callable[[Any, Any], tuple[Any, ...]]
    structure: Structure
    element: Any
    name: str

    def traced(self, first: Sequence[Expr], depth: int) -> Traced:
        """What the body makes of carries that begin with these values."""
        carries: list[Expr] = [apply(CARRY, (value,), (depth, place)) for place, value in enumerate(first)]
        given = given_by(self.function(unflatten(self.structure, carries), self.element), self.structure, self.name)
        return Traced(carries, [asarray(leaf) for leaf in given.carry], given.ys, given.until)

    def begun(self, plain: Sequence[Any], depth: int) -> tuple[list[Expr], Traced]:
        """The first values, and what the body makes of carries that begin with them: of the dtypes and shapes that they will keep."""
        first = [asarray(leaf) for leaf in plain]
        traced = self.traced(first, depth)
        adopted = [adopted_value(value, leaf, new) for value, leaf, new in zip(first, plain, traced.news)]
        if any(a is not b for a, b in zip(adopted, first)):
            first = adopted
            traced = self.traced(first, depth)
        for value, new, which in zip(first, traced.news, carry_names(self.structure)):
            check_carry(value, new, which, self.name)
        return first, traced


def adopted_value(value: Expr, given: Any, new: Expr) -> Expr:
    """A first value that is a Python number takes the dtype of what follows it."""
    if isinstance(given, bool | int | float) and value.dtype is not new.dtype and value.ndim == new.ndim:
        return converted(given, new.dtype)
    return value


def carry_names(structure: Structure) -> list[str]:
    """What the leaves of a carry are called where an error is about one of them."""
    return list(paths(structure, "carry")) if structure is not Single.LEAF else ["the carry"]


def check_carry(carry: Expr, new: Expr, which: str, name: str) -> None:
    if new.dtype is not carry.dtype:
        raise DTypeError(
            f"{name}: {which} begins with dtype {carry.dtype}, and the body makes it {new.dtype}; convert one of them with astype", line_of(new)
        )
    fits = new.ndim == carry.ndim and all(a == b or not (isinstance(a, int) and isinstance(b, int)) for a, b in zip(carry.shape, new.shape))
    if not fits:
        raise ShapeError(
            f"{name}: {which} begins with shape {carry.type}, and the body makes it {new.type}; a carry keeps its shape, "
            "and what each step adds is returned as y and stacked",
            line_of(new),
        )
