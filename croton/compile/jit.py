"""The same compiler for a Python function of arrays: traced once for each combination of dtypes and ranks, for sizes only where it looks at them."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Collection
from typing import Any, NamedTuple

import numpy as np

from croton.compile.function import Function, function
from croton.compile.profile import Profile
from croton.compile.report import Report
from croton.dtypes import DType, dtype, float64
from croton.expr.expr import Expr
from croton.expr.expr import input as new_input
from croton.expr.types import TensorType
from croton.ops.arguments import check_function
from croton.sizes import listening, unused_symbol
from croton.util.arrays import read_array
from croton.util.config import config
from croton.util.errors import KindError, ShapeError
from croton.util.keywords import also_named, not_taken
from croton.util.structure import Mapping, flatten, paths, unflatten


class Request(NamedTuple):
    """A call, and what decides which program it uses."""

    structure: Mapping
    types: tuple[tuple[DType, tuple[bool, ...]], ...]
    static: tuple[tuple[str, type, Any], ...]
    leaves: list[Any]

    @property
    def free(self) -> tuple:
        """The key of the program for all sizes."""
        return self.structure, self.types, self.static

    @property
    def sized(self) -> tuple:
        """The key of the program for the sizes of this call; the same where there are no sizes to know."""
        shapes = tuple([np.shape(leaf) for leaf in self.leaves])
        return (*self.free, shapes) if any(extent != 1 for shape in shapes for extent in shape) else self.free


class Jit:
    """A function of arrays compiled when it is called.

    Arguments are arrays, numbers, or nested lists, tuples and dicts of them; `static` names arguments that are Python values and
    must be hashable: each value gets a program of its own. A program is made for each combination of dtypes, numbers of axes and axes of
    size 1 (which broadcast); other sizes are free, and likely to be what they are in the first call. A function that cannot be traced with free sizes,
    because it looks at them, or whose program refuses the sizes of a call, is traced with the sizes of each call. A Python float takes the dtype of the
    floating arrays beside it if they agree, an integer is int64: name axes, exponents and counts in `static`.
    Called with expressions, as inside another compiled function or under `grad` and `vmap`, it
    is the function that it was made from. A method names its `self` in `static`.
    """

    def __init__(self, definition: Callable[..., Any], static: str | Collection[str] = ()) -> None:
        check_function(definition, "jit", "jit(function), or @jit above it")
        functools.update_wrapper(self, definition)
        self.definition = definition
        self.name = getattr(definition, "__name__", "the function")
        self.signature = inspect.signature(definition)
        self.static = frozenset(_names(static))
        unknown = self.static - set(self.signature.parameters)
        if unknown:
            raise KindError(f"static names {sorted(unknown)} are no arguments of {self.name}{self.signature}")
        self.programs: dict[Any, Function] = {}
        self.of_sizes: set[Any] = set()
        self.calls: dict[Any, tuple[Function, list[Any]]] = {}
        parameters = self.signature.parameters.values()
        self.places = frozenset(place for place, parameter in enumerate(parameters) if parameter.name in self.static)
        self.is_plain = not any(parameter.kind is parameter.VAR_POSITIONAL and parameter.name in self.static for parameter in parameters)

    def __repr__(self) -> str:
        made = len(self.programs)
        return f"<croton jit of {self.name}{self.signature}: {made} program{'' if made == 1 else 's'} so far>"

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # A call by position like one before needs neither the signature nor conversions: what remains is the time of looking at each array.
        leaves: list[Any] = []
        call = None if kwargs or not self.is_plain else self._call_of(args, leaves)
        known = None if call is None else self.calls.get(call)
        if known is not None:
            program, defaults = known
            return program(*leaves, *defaults)
        if any(isinstance(leaf, Expr) for leaf in flatten((args, kwargs))[0]):
            return self.definition(*args, **kwargs)
        request = self._request(args, kwargs)
        program = self._program(request)
        refused = None
        try:
            result = program(*request.leaves)
        except ShapeError as error:
            refused = error
        if refused is not None:
            program = self._program_of_sizes(request, refused)
            result = program(*request.leaves)
        if call is not None:
            if len(self.calls) >= MOST_CALLS:
                self.calls.clear()
            self.calls[call] = program, request.leaves[len(leaves) :]
        return result

    def _call_of(self, args: tuple, leaves: list[Any]) -> Any:
        """All that decides which program a call by position uses, as a key, its arrays and numbers added to `leaves`; None where that is not plain to see."""
        try:
            call = tuple([(type(value), value) if place in self.places else _form(value, leaves) for place, value in enumerate(args)])
            if self.places:
                hash(call)
        except TypeError:
            return None
        return call

    def function_for(self, *args: Any, **kwargs: Any) -> Function:
        """The compiled function that a call with these arguments uses, an argument for each array in them: for `flops`, `memory_peak` and the like."""
        return self._program(self._request(args, kwargs))

    def explain(self, *args: Any, **kwargs: Any) -> Report:
        """What a call with these arguments does, as a `Report` to print, with the costs at their sizes."""
        request = self._request(args, kwargs)
        return self._program(request).explain(*[np.shape(leaf) for leaf in request.leaves])

    def profile(self, *args: Any, **kwargs: Any) -> Profile:
        """Where the time of a call with these arguments goes: each kernel, product and routine with its lines."""
        request = self._request(args, kwargs)
        return self._program(request).profile(*request.leaves)

    def _request(self, args: tuple, kwargs: dict[str, Any]) -> Request:
        try:
            bound = self.signature.bind(*args, **kwargs)
        except TypeError as error:
            raise KindError(f"{self.name}{self.signature}: {error}") from None
        bound.apply_defaults()
        # 1, 1.0 and True are equal, and not the same to Python code.
        static = tuple((name, type(value), value) for name, value in bound.arguments.items() if name in self.static)
        traced = {name: value for name, value in bound.arguments.items() if name not in self.static}
        leaves, structure = flatten(traced)
        assert isinstance(structure, Mapping)
        leaves = [leaf if isinstance(leaf, np.ndarray) else self._value(leaf) for leaf in leaves]
        number = _number_dtype(leaves)
        return Request(structure, tuple([_key(leaf, number) for leaf in leaves]), static, leaves)

    def _program(self, request: Request) -> Function:
        """The program for a call: that of its sizes where there is one, else the one for all sizes."""
        try:
            program = self.programs.get(request.sized) or self.programs.get(request.free)
        except TypeError:
            static = request.static
            wrong = ", ".join(name for name, kind, _ in static if kind.__hash__ is None) or ", ".join(name for name, _, _ in static)
            raise KindError(f"static arguments of {self.name} must be hashable, which {wrong} is not; pass tuples, not lists") from None
        if program is not None:
            return program
        failed = None
        if request.free not in self.of_sizes:
            try:
                with listening():
                    program = self.programs[request.free] = self._trace(request, False)
                return program
            except Exception as error:
                failed = error
        program = self._program_of_sizes(request, failed)
        self.of_sizes.add(request.free)
        return program

    def _program_of_sizes(self, request: Request, failed: Exception | None) -> Function:
        """The program for the sizes of a call, after what went wrong with free ones.

        Sizes that do not fit are told as those of the arguments, where the call was refused; where nothing could be made for free sizes, at the line where
        those of the call do not fit.
        """
        if failed is not None and (request.sized in self.programs or request.sized == request.free):
            raise failed
        try:
            program = self._trace(request, True)
        except ShapeError:
            if isinstance(failed, ShapeError) and request.free in self.programs:
                raise failed from None
            raise
        self.programs[request.sized] = program
        return program

    def _trace(self, request: Request, sized: bool) -> Function:
        structure = request.structure
        names = [path for name, item in zip(structure.keys, structure.items) for path in paths(item, name)]
        types = [
            TensorType(kind, np.shape(leaf)) if sized else _type(kind, ones, name, np.shape(leaf))
            for (kind, ones), name, leaf in zip(request.types, names, request.leaves)
        ]
        inputs = [new_input(type_, name) for type_, name in zip(types, names)]
        arguments = {**unflatten(structure, inputs), **{name: value for name, _, value in request.static}}
        bound = inspect.BoundArguments(self.signature, {name: arguments[name] for name in self.signature.parameters if name in arguments})  # type: ignore[arg-type]
        outputs = self.definition(*bound.args, **bound.kwargs)
        return function(inputs, outputs, name=self.name)

    def _value(self, leaf: Any) -> Any:
        # NumPy's float64 is a float of Python's too, and has a dtype of its own.
        if isinstance(leaf, bool | int | float) and not isinstance(leaf, np.generic):
            return leaf
        speaks = hasattr(leaf, "__dlpack__") and not hasattr(leaf, "__array__")
        array = read_array(leaf, f"an argument of {self.name}") if speaks else np.asarray(leaf)
        if array.dtype.kind not in "biuf":
            raise KindError(
                f"{self.name} was compiled for arrays and numbers, got {type(leaf).__name__} {leaf!r}; "
                'name an argument that is a Python value in static, jit(..., static=("name",))'
            )
        return array


def _names(static: Any) -> tuple[str, ...]:
    """The names of static arguments; one may stand by itself."""
    names = (static,) if isinstance(static, str) else static
    if not isinstance(names, Collection) or not all(isinstance(name, str) for name in names):
        raise KindError(f'jit: static are names of arguments, static=("axis",), got {static!r}')
    return tuple(names)


@also_named(static_argnames="static")
@not_taken(
    static_argnums='name the arguments that are Python values, static=("axis",)',
    donate_argnums="leave it out; cr.function(..., donate=...) gives the memory of an input to a result",
    donate_argnames="leave it out; cr.function(..., donate=...) gives the memory of an input to a result",
)
def jit(definition: Callable[..., Any] | None = None, *, static: str | Collection[str] = ()) -> Any:
    """Compile a function of arrays when it is called: `@jit` or `@jit(static=("axis",))`.

        @cr.jit
        def step(params, x, y):
            cost, slopes = cr.value_and_grad(loss)(params, x, y)
            return cost, [p - 0.1 * s for p, s in zip(params, slopes)]

    Arguments are arrays, numbers, or nested lists, tuples and dicts of them; results are NumPy arrays in the structure that the function returns. The function
    is called with expressions, once for each combination of dtypes, numbers of axes and axes of size 1 (which broadcast); other sizes are free, and a new
    size compiles nothing: the program is made with sizes like those of the first call in mind, and right for all. A function that looks at its sizes
    (`if x.shape[1] == 3`, `range(x.shape[0])`, a slice that wants more elements than there are) has a program for each. `static` names arguments that are
    Python values (axes, exponents, counts, `self` of a method); they must be hashable, and each value gets a program of its own.
    A Python float takes the dtype of the floating arrays beside it if they agree, an integer is int64.

    `step.explain(params, x, y)` says what a call with these arguments does, `step.profile(params, x, y)` where its time goes.
    `step.function_for(params, x, y)` is the compiled function that it uses, with one argument for each array.
    """
    if definition is None:
        return functools.partial(jit, static=static)
    return Jit(definition, static)


def _form(value: Any, leaves: list[Any]) -> Any:
    """What an argument is but for its numbers, its leaves added to `leaves`; TypeError for what has to be converted first, or is no array."""
    kind = type(value)
    if kind is np.ndarray:
        leaves.append(value)
        return value.shape, value.dtype
    if kind is dict:
        return kind, tuple(value), tuple([_form(item, leaves) for item in value.values()])
    if kind is list or kind is tuple:
        return kind, tuple([_form(item, leaves) for item in value])
    if kind is float:
        leaves.append(value)
        return kind, config.float_dtype
    if kind is int or kind is bool:
        leaves.append(value)
        return kind
    if value is None:
        return None
    if isinstance(value, np.generic):
        return _form(np.asarray(value), leaves)
    raise TypeError(f"{kind.__name__} is not plain")


def _type(kind: DType, ones: tuple[bool, ...], name: str, shape: tuple[int, ...]) -> TensorType:
    """The type of an argument; sizes are free, and are likely to be what they are in the first call."""
    return TensorType(kind, tuple([1 if one else unused_symbol(f"{name}.{axis}", _likely(shape[axis])) for axis, one in enumerate(ones)]))


def _likely(extent: int) -> int:
    """About an extent, so that calls of similar sizes have one program in the cache: the nearest power of two, and small ones as they are."""
    return max(extent, 1) if extent <= SMALL else 1 << round(math.log2(extent))


MOST_CALLS = 256
"""So many calls of other shapes are remembered."""

SMALL = 8
"""Extents up to this (of windows, of coordinates) are hints as they are."""


def _number_dtype(leaves: list[Any]) -> DType:
    found = {dtype(leaf.dtype) for leaf in leaves if isinstance(leaf, np.ndarray) and leaf.dtype.kind == "f"}
    return found.pop() if len(found) == 1 else dtype(config.float_dtype) if not found else float64


def _key(leaf: Any, number: DType) -> tuple[DType, tuple[bool, ...]]:
    if isinstance(leaf, np.ndarray):
        return dtype(leaf.dtype), tuple([extent == 1 for extent in leaf.shape])
    return (number if isinstance(leaf, float) else dtype(type(leaf))), ()
