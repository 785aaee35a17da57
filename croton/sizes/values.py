"""Values of sizes: where symbols have values, likely ones, or other sizes in their place."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

from croton.sizes.poly import Least, Size, Symbol, quotient, smaller


def evaluate(size: Size, env: Mapping[Any, int]) -> int:
    """The value of a size where `env` gives each symbol's; its keys are symbols, their names, or what `symbol` returned."""
    return _with(size, lambda atom: _look_up(atom, env), min, operator.floordiv)


def hint(size: Size, hints: Mapping[Any, int] | None = None, default: int = 64) -> int:
    """A likely value: symbols count as `hints` says, else as their own hint, else `default`. At least 0; never an error."""
    if isinstance(size, int):
        return size

    def likely(atom: Symbol) -> int:
        found = _find(atom, hints or {})
        return found if found is not None else default if atom.hint is None else atom.hint

    return max(0, _with(size, likely, min, lambda numerator, denominator: numerator // max(1, denominator)))


def substitute(size: Size, mapping: Mapping[Any, Size]) -> Size:
    """The size with symbols replaced by sizes; the keys are as for `evaluate`, a symbol that is not there stays."""

    def replaced(atom: Symbol) -> Size:
        found = _find(atom, mapping)
        return atom.size if found is None else found

    return _with(size, replaced, smaller, quotient)


def _with(size: Size, symbol: Callable[[Symbol], Any], least: Callable[[Any, Any], Any], divide: Callable[[Any, Any], Any]) -> Any:
    """A size with a value for each of its symbols, by arithmetic of such values."""
    if isinstance(size, int):
        return size
    total: Any = 0
    for monomial, coefficient in size.terms:
        value: Any = coefficient
        for atom in monomial:
            if isinstance(atom, Symbol):
                value = value * symbol(atom)
            elif isinstance(atom, Least):
                value = value * least(_with(atom.left, symbol, least, divide), _with(atom.right, symbol, least, divide))
            else:
                value = value * divide(_with(atom.numerator, symbol, least, divide), _with(atom.denominator, symbol, least, divide))
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
