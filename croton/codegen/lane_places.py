"""Comparisons of a lane's place with something fixed, such as `j == target` of a one-hot code, `j <= i` of a mask, `j - 5 >= 0` of a pad.

As vectors of int64 they would take four registers for one of float32. The difference of what is fixed and the place of the first lane
is a scalar: brought to a byte, it is compared with 0, 1, 2, ... in a vector of bytes.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from croton.codegen.function import Function
from croton.dtypes import int64
from croton.kernel.language import Atom, Const, Let, Stmt, Var

PREDICATES = {"eq": "eq", "ne": "ne", "lt": "slt", "le": "sle", "gt": "sgt", "ge": "sge"}
SWAPPED = {"eq": "eq", "ne": "ne", "slt": "sgt", "sle": "sge", "sgt": "slt", "sge": "sle"}


class Linear(NamedTuple):
    """sign * label + the sum of weight * atom, the atoms fixed and the weights 1 or -1."""

    sign: int
    terms: tuple[tuple[int, Atom], ...] = ()

    def plus(self, weight: int, atom: Atom) -> Linear:
        """With another fixed term."""
        return Linear(self.sign, (*self.terms, (weight, atom)))

    def negated(self) -> Linear:
        """The negative."""
        return Linear(-self.sign, tuple([(-weight, atom) for weight, atom in self.terms]))


class Comparison(NamedTuple):
    """place `predicate` bound, where the place is the label and the bound the sum of the terms."""

    predicate: str
    terms: tuple[tuple[int, Atom], ...]


def comparisons(body: Collection[Stmt], label: str, varying: Collection[str]) -> tuple[dict[str, Comparison], set[str]]:
    """The comparisons of a lanes loop that are about places only, by name, and the names of all places; `varying` names what differs from
    lane to lane."""
    linear: dict[str, Linear] = {}
    found: dict[str, Comparison] = {}
    for statement in body:
        if not isinstance(statement, Let):
            continue
        if statement.dtype is int64:
            value = _linear(statement, label, linear, varying)
            if value is not None:
                linear[statement.name] = value
        elif statement.function in PREDICATES:
            comparison = _comparison(statement, linear, varying)
            if comparison is not None:
                found[statement.name] = comparison
    return found, set(linear)


def _fixed(atom: Atom, varying: Collection[str]) -> bool:
    return isinstance(atom, Const) or atom.name not in varying


def _linear(let: Let, label: str, linear: dict[str, Linear], varying: Collection[str]) -> Linear | None:
    if let.function == "index":
        return Linear(1) if let.args[0] == Var(label) else None
    known = [None if isinstance(atom, Const) else linear.get(atom.name) for atom in let.args]
    if let.function == "neg" and known[0] is not None:
        return known[0].negated()
    if let.function not in ("add", "sub", "mul"):
        return None
    for place in (0, 1):
        value, other = known[place], let.args[1 - place]
        if value is None or not _fixed(other, varying):
            continue
        if let.function == "mul":
            return value.negated() if isinstance(other, Const) and other.value == -1 else None
        if let.function == "add":
            return value.plus(1, other)
        return value.plus(-1, other) if place == 0 else value.negated().plus(1, other)
    return None


def _comparison(let: Let, linear: dict[str, Linear], varying: Collection[str]) -> Comparison | None:
    for place in (0, 1):
        atom, other = let.args[place], let.args[1 - place]
        value = None if isinstance(atom, Const) else linear.get(atom.name)
        if value is None or not _fixed(other, varying):
            continue
        predicate = PREDICATES[let.function]
        if place == 1:
            predicate = SWAPPED[predicate]
        terms = (*((-weight, term) for weight, term in value.terms), (1, other))
        if value.sign < 0:
            return Comparison(SWAPPED[predicate], tuple([(-weight, term) for weight, term in terms]))
        return Comparison(predicate, terms)
    return None


def bound_text(function: Function, comparison: Comparison) -> str:
    """The bound of a comparison as an i64, before the loop. Sums stop at the ends of the range, since an index of the user may be anything."""
    total = "0"
    b = function.builder.at("i64", 1)
    for weight, atom in comparison.terms:
        value = str(int(atom.value)) if isinstance(atom, Const) else function.scalar(atom.name)
        if weight > 0:
            total = value if total == "0" else b.intrinsic("sadd.sat", total, value)
        else:
            total = b.intrinsic("ssub.sat", total, value)
    return total


def compare(function: Function, lanes: int, comparison: Comparison, bound: str, index: str) -> str:
    """The mask of the lanes from `index` on whose places compare so with the bound."""
    b = function.builder.at("i64", 1)
    left = bound if index == "0" else b.intrinsic("ssub.sat", bound, index)
    left = b.intrinsic("smax", b.intrinsic("smin", left, str(lanes)), "-1")
    narrow = function.builder.at("i8", lanes)
    places = f"<{', '.join(f'i8 {lane}' for lane in range(lanes))}>"
    return narrow.icmp(comparison.predicate, places, narrow.splat(function.sink.emit(f"trunc i64 {left} to i8")))
