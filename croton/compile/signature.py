"""How a compiled function is called: positions, names, defaults and nested arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from croton.expr.expr import Expr, Input
from croton.util.errors import ArgumentError, KindError
from croton.util.structure import flatten, text


class Param:
    """An input with a default value: `function([x, Param(rate, default=0.1)], ...)`."""

    __slots__ = ("default", "variable")

    def __init__(self, variable: Expr, default: Any) -> None:
        if not isinstance(variable, Expr):
            raise KindError(f"Param wants an input expression, got {type(variable).__name__}")
        self.variable = variable
        self.default = default


class Argument:
    """One argument: an input, or a nested structure of inputs."""

    __slots__ = ("default", "has_default", "inputs", "name", "structure")

    def __init__(self, given: Any, position: int, name: str | None = None) -> None:
        self.has_default = isinstance(given, Param)
        self.default = given.default if isinstance(given, Param) else None
        leaves, self.structure = flatten(given.variable if isinstance(given, Param) else given)
        for leaf in leaves:
            if not isinstance(leaf, Input):
                raise KindError(
                    f"input {position}: inputs are made by scalar, vector, matrix or tensor, got {leaf!r}; "
                    "a value computed from others is replaced with givens={...}"
                )
        self.inputs: list[Input] = leaves
        plain = len(leaves) == 1 and leaves[0] is (given.variable if isinstance(given, Param) else given)
        self.name = name or (leaves[0].name if plain else None)

    def leaves_of(self, value: Any) -> list[Any]:
        """The values for the inputs, in order."""
        if self.plain:
            return [value]
        leaves, structure = flatten(value)
        if structure != self.structure:
            raise ArgumentError(f"argument {self.label} wants the structure {text(self.structure)}, got {text(structure)}")
        return leaves

    @property
    def plain(self) -> bool:
        return not isinstance(self.structure, tuple)

    @property
    def label(self) -> str:
        return repr(self.name) if self.name else "without a name"


class Signature:
    """The arguments of a function in order."""

    __slots__ = ("arguments", "function_name", "inputs")

    def __init__(self, inputs: Sequence[Any], function_name: str, names: Sequence[str] | None = None) -> None:
        self.function_name = function_name
        self.arguments = [Argument(given, i, names[i] if names else None) for i, given in enumerate(inputs)]
        self.inputs = [leaf for argument in self.arguments for leaf in argument.inputs]
        seen: set[Expr] = set()
        for leaf in self.inputs:
            if leaf in seen:
                raise ArgumentError(f"input {leaf!r} is given twice; each input stands for one argument")
            seen.add(leaf)

    def bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        """The values of a call for all inputs in order. Missing, extra or repeated arguments are an error that is a TypeError too, as in Python."""
        wanted = self.arguments
        if len(args) > len(wanted):
            raise KindError(f"{self.function_name}() takes {self.describe()}, got {len(args)} arguments by position")
        values: dict[int, Any] = dict(enumerate(args))
        for name, value in kwargs.items():
            places = [i for i, argument in enumerate(wanted) if argument.name == name]
            if not places:
                raise KindError(f"{self.function_name}() has no argument {name!r}; it takes {self.describe()}")
            if len(places) > 1:
                raise KindError(f"{self.function_name}() has {len(places)} arguments named {name!r}; pass them by position")
            if places[0] in values:
                raise KindError(f"{self.function_name}() got argument {name!r} twice, by position and by name")
            values[places[0]] = value
        leaves = []
        for i, argument in enumerate(wanted):
            if i in values:
                leaves += argument.leaves_of(values[i])
            elif argument.has_default:
                leaves += argument.leaves_of(argument.default)
            else:
                missing = [a.label for j, a in enumerate(wanted) if j not in values and not a.has_default]
                raise KindError(f"{self.function_name}() misses {len(missing)} of its arguments: {', '.join(missing)}; it takes {self.describe()}")
        return leaves

    def describe(self) -> str:
        """The arguments in words, with the types of the inputs."""
        if not self.arguments:
            return "no arguments"
        return ", ".join(
            f"{a.name or '_'}: {a.inputs[0].type}" if a.plain else f"{a.name or '_'}: {text(a.structure)} of {len(a.inputs)} arrays"
            for a in self.arguments
        )
