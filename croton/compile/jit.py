"""The same compiler for a Python function of arrays: traced once for each combination of dtypes and ranks, never for a size."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from croton.compile.function import Function, function
from croton.dtypes import DType, dtype, float32, float64
from croton.expr.expr import Expr
from croton.expr.expr import input as new_input
from croton.expr.types import TensorType
from croton.sizes import unused_symbol
from croton.util.errors import KindError
from croton.util.structure import Mapping, flatten, paths, unflatten


class Jit:
    """A function of arrays compiled when it is called.

    Arguments are arrays, numbers, or nested lists, tuples and dicts of them; `static` names arguments that are Python values and
    must be hashable: each value gets a program of its own. A program is made for each combination of dtypes, numbers of axes and axes of
    size 1 (which broadcast); other sizes are free. A Python number takes the dtype of the floating arrays beside it if they agree.
    """

    def __init__(self, definition: Callable[..., Any], static: Collection[str] = ()) -> None:
        self.definition = definition
        self.signature = inspect.signature(definition)
        self.static = frozenset(static)
        unknown = self.static - set(self.signature.parameters)
        if unknown:
            raise KindError(f"static names {sorted(unknown)} are no arguments of {definition.__name__}{self.signature}")
        self.programs: dict[Any, Function] = {}
        functools.update_wrapper(self, definition)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        leaves, program = self._program(args, kwargs)
        return program(*leaves)

    def function_for(self, *args: Any, **kwargs: Any) -> Function:
        """The compiled function that a call with these arguments uses: for `explain()` and its relatives."""
        return self._program(args, kwargs)[1]

    def _program(self, args: tuple, kwargs: dict[str, Any]) -> tuple[list[Any], Function]:
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        static = tuple((name, value) for name, value in bound.arguments.items() if name in self.static)
        traced = {name: value for name, value in bound.arguments.items() if name not in self.static}
        leaves, structure = flatten(traced)
        leaves = [leaf if isinstance(leaf, np.ndarray) else _value(leaf) for leaf in leaves]
        number = _number_dtype(leaves)
        types = tuple(_key(leaf, number) for leaf in leaves)
        key = (structure, types, static)
        program = self.programs.get(key)
        if program is None:
            program = self.programs[key] = self._trace(structure, types, static)
        return leaves, program

    def _trace(self, structure: Mapping, types: tuple, static: tuple) -> Function:
        names = [path for name, item in zip(structure.keys, structure.items) for path in paths(item, name)]
        inputs = [new_input(_type(kind, ones, name), name) for (kind, ones), name in zip(types, names)]
        arguments = {**unflatten(structure, inputs), **dict(static)}
        bound = inspect.BoundArguments(self.signature, {name: arguments[name] for name in self.signature.parameters if name in arguments})  # type: ignore[arg-type]
        outputs = self.definition(*bound.args, **bound.kwargs)
        return function(inputs, outputs, name=getattr(self.definition, "__name__", "function"))


def jit(definition: Callable[..., Any] | None = None, *, static: Collection[str] = ()) -> Any:
    """Compile a function of arrays: `@jit` or `@jit(static=("axis",))`. See `Jit`."""
    if definition is None:
        return functools.partial(jit, static=static)
    return Jit(definition, static)


def _type(kind: DType, ones: tuple[bool, ...], name: str) -> TensorType:
    return TensorType(kind, tuple([1 if one else unused_symbol(f"{name}.{axis}") for axis, one in enumerate(ones)]))


def _value(leaf: Any) -> Any:
    if isinstance(leaf, Expr):
        raise KindError("a compiled function takes values; it was given a symbolic expression. Call the original function to build a graph")
    if isinstance(leaf, bool | int | float):
        return leaf
    return np.asarray(leaf)


def _number_dtype(leaves: list[Any]) -> DType:
    found = {dtype(leaf.dtype) for leaf in leaves if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"}
    return float32 if found == {float32} else float64


def _key(leaf: Any, number: DType) -> tuple[DType, tuple[bool, ...]]:
    if isinstance(leaf, np.ndarray):
        return dtype(leaf.dtype), tuple([extent == 1 for extent in leaf.shape])
    return (number if isinstance(leaf, float) else dtype(type(leaf))), ()
