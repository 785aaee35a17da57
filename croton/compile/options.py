"""What `function` is asked for beside inputs and outputs, read and checked: updates, replacements, donated inputs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from croton.compile.convert import in_dtype
from croton.compile.promotion import promoter
from croton.compile.signature import Signature
from croton.expr.expr import Expr, Input, SharedVariable
from croton.ops.broadcasting import stretch
from croton.ops.casting import asarray
from croton.sizes import Poly
from croton.util.errors import ArgumentError, DTypeError, KindError, ShapeError


def read_updates(updates: Any) -> list[tuple[SharedVariable, Expr]]:
    """Shared variables, and the new value of each."""
    pairs: list[tuple[SharedVariable, Expr]] = []
    seen: set[Expr] = set()
    for variable, new in _pairs(() if updates is None else updates, "updates"):
        if not isinstance(variable, SharedVariable):
            raise KindError(f"updates change shared variables, got {variable!r}")
        if variable in seen:
            raise ArgumentError(f"{variable!r} is updated twice; combine the two into one expression")
        seen.add(variable)
        value = _value(new, variable, f"the update of {variable!r}")
        if value.dtype is not variable.dtype:
            raise DTypeError(
                f"the update of {variable!r} has dtype {value.dtype}; it must be {variable.dtype}: convert it with astype({variable.dtype.name!r}), "
                f"or the operand that promoted it{_promoter(value)}",
                value.line,
            )
        if value.ndim != variable.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(value.shape, variable.shape)):
            raise ShapeError(f"the update of {variable!r} has shape {value.type}; it must have the shape of the variable", value.line)
        # An axis whose size the variable fixes keeps it; what is not known of the update is compared in the call.
        kept = [a if isinstance(a, int) else b for a, b in zip(variable.shape, value.shape)]
        pairs.append((variable, stretch(value, kept)))
    return pairs


def _value(new: Any, old: Expr, what: str) -> Expr:
    """An expression as it is; numbers in the dtype of what they stand for, where that loses nothing, as for an argument of a call."""
    if isinstance(new, Expr):
        return new
    return asarray(new, dtype=old.dtype) if isinstance(new, Poly) else asarray(in_dtype(new, old.dtype, what))


def _pairs(given: Any, what: str) -> list[tuple[Any, Any]]:
    """What is given as a dict, or as a sequence of pairs."""
    if not isinstance(given, Iterable):
        raise KindError(f"{what} are a dict or a list of pairs, (what, its new value), got {given!r}")
    pairs = list(given.items() if isinstance(given, Mapping) else given)
    for pair in pairs:
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise KindError(f"{what} are a dict or a list of pairs, (what, its new value), got {pair!r} in place of a pair")
    return pairs


def _promoter(value: Expr) -> str:
    """The operand that made the dtype of a value, and where, if there is one to be named."""
    found = promoter(value)
    if found is None:
        return ""
    operand, reader = found
    line = operand.line if reader is None else reader.line
    place = f" at {line}" if line is not None and line != value.line else ""
    # NumPy computes with an integer and a Python float in float64.
    return f", {operand!r}{place}" if reader is None or operand.dtype.is_float else f", {operand!r}, an integer that was computed with in {value.dtype}{place}"


def read_givens(givens: Any) -> dict[Expr, Expr]:
    """Expressions, and what replaces each."""
    found: dict[Expr, Expr] = {}
    for old, new in _pairs(givens, "givens"):
        if not isinstance(old, Expr):
            raise KindError(f"givens replaces expressions, got {type(old).__name__}")
        replacement = _value(new, old, f"what givens puts for {old!r}")
        if replacement.dtype is not old.dtype or replacement.ndim != old.ndim:
            raise DTypeError(f"givens replaces {old!r} by {replacement!r}; both need one dtype and number of axes")
        # What is said of the sizes of the one holds for the other.
        found[old] = stretch(replacement, [b if b == 1 else a for a, b in zip(old.shape, replacement.shape)])
    return found


def read_donated(donate: Any, signature: Signature) -> list[int]:
    """The positions of the donated inputs."""
    positions: dict[Expr, int] = {leaf: i for i, leaf in enumerate(signature.inputs)}
    found: list[int] = []
    for leaf in donate if isinstance(donate, Iterable) and not isinstance(donate, Expr) else [donate]:
        if not isinstance(leaf, Expr) or leaf not in positions:
            raise ArgumentError(f"donate names inputs of the function, got {leaf!r}; a shared variable is reused by giving it an update")
        if positions[leaf] in found:
            raise ArgumentError(f"donate: {leaf!r} is donated twice; its memory can become one result only")
        found.append(positions[leaf])
    return found


def check_inputs(inputs: Sequence[Expr], order: Sequence[Expr]) -> None:
    """Raise where a graph, given by its nodes, has an input that is none of the function's."""
    given = set(inputs)
    missing = [node for node in order if isinstance(node, Input) and node not in given]
    if missing:
        names = ", ".join(repr(node) for node in missing)
        raise ArgumentError(f"the outputs depend on inputs that are not given: {names}; add them to inputs, or replace them with givens", missing[0].line)
