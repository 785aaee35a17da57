"""Values of sizes: where symbols have values, likely ones, or other sizes in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from croton.sizes.poly import Least, Size, Symbol, quotient, smaller


def evaluate(size: Size, env: Mapping[Any, int]) -> int:
    """The value of a size where `env` gives each symbol's; its keys are symbols, their names, or what `symbol` returned."""
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        value = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                value *= _look_up(atom, env)
            elif isinstance(atom, Least):
                value *= min(evaluate(atom.left, env), evaluate(atom.right, env))
            else:
                value *= evaluate(atom.numerator, env) // evaluate(atom.denominator, env)
        total += value
    return total


def hint(size: Size, hints: Mapping[Any, int] | None = None, default: int = 64) -> int:
    """A likely value: symbols count as `hints` says, else as their own hint, else `default`. At least 0; never an error."""
    if isinstance(size, int):
        return size
    return max(0, _likely(size, hints or {}, default))


def substitute(size: Size, mapping: Mapping[Any, Size]) -> Size:
    """The size with symbols replaced by sizes; the keys are as for `evaluate`, a symbol that is not there stays."""
    if isinstance(size, int):
        return size
    total: Size = 0
    for monomial, coefficient in size.terms:
        value: Size = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                found = _find(atom, mapping)
                value = value * (atom.size if found is None else found)
            elif isinstance(atom, Least):
                value = value * smaller(substitute(atom.left, mapping), substitute(atom.right, mapping))
            else:
                value = value * quotient(substitute(atom.numerator, mapping), substitute(atom.denominator, mapping))
        total = total + value
    return total


def symbols(size: Size) -> tuple[Symbol, ...]:
    """The symbols a size mentions, each once, by name."""
    if isinstance(size, int):
        return ()
    found: dict[Symbol, None] = {}
    for monomial, _ in size.terms:
        for atom in monomial:
            if isinstance(atom, Symbol):
                found[atom] = None
            else:
                parts = (atom.left, atom.right) if isinstance(atom, Least) else (atom.numerator, atom.denominator)
                found.update(dict.fromkeys((*symbols(parts[0]), *symbols(parts[1]))))
    return tuple(sorted(found, key=lambda symbol: symbol.name))


def _look_up(atom: Symbol, env: Mapping[Any, int]) -> int:
    found = _find(atom, env)
    if found is None:
        known = ", ".join(sorted(str(key) for key in env)) or "none"
        raise ValueError(f"the size {atom.name!r} has no value here; sizes with a value: {known}")
    return found


def _find(atom: Symbol, mapping: Mapping[Any, Any]) -> Any:
    for key in (atom, atom.size, atom.name):
        found = mapping.get(key)
        if found is not None:
            return found
    return None


def _likely(size: Size, hints: Mapping[Any, int], default: int) -> int:
    if isinstance(size, int):
        return size
    total = 0
    for monomial, coefficient in size.terms:
        value = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                found = _find(atom, hints)
                if found is None:
                    found = default if atom.hint is None else atom.hint
                value *= found
            elif isinstance(atom, Least):
                value *= min(_likely(atom.left, hints, default), _likely(atom.right, hints, default))
            else:
                value *= _likely(atom.numerator, hints, default) // max(1, _likely(atom.denominator, hints, default))
        total += value
    return total
