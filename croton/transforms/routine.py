"""The user's own NumPy code inside a graph."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.call import Routine, call
from croton.algebra.node import Label, Operand
from croton.dtypes import DType
from croton.expr.expr import apply
from croton.expr.op import Op
from croton.expr.types import TensorType
from croton.ops.casting import asarray
from croton.sizes import Size
from croton.transforms.custom import custom_vjp
from croton.util.errors import DTypeError, KindError, ShapeError
from croton.util.structure import flatten, map_structure, unflatten


class Foreign(NamedTuple):
    """A Python function on arrays: what it is called, and the dtype and shape of each of its results."""

    function: Callable[..., Any]
    name: str
    results: tuple[tuple[DType, tuple[Size, ...]], ...]
    batched: bool = False


def routine(
    function: Callable[..., Any],
    like: Callable[..., Any],
    *,
    vjp: Callable[..., Any] | None = None,
    name: str | None = None,
    batched: bool = False,
) -> Callable[..., Any]:
    """A function of expressions that calls Python code on NumPy arrays when the compiled program runs.

    `function` gets the values of its arguments as arrays of its own and returns an array, or a structure of arrays. `like` gets the arguments as expressions
    and returns an expression of the dtype and shape of each result, in that structure: `lambda x: x` for a result like x, `lambda a, b: a @ b` for one like
    their product; it is never computed. `vjp` is the derivative, as `backward` of `custom_vjp`: `vjp(args, y, cotangent)` in expressions, where `args` is
    a tuple; without it there is none. The function should depend on its arguments only: equal calls are made once, and calls that nothing needs are not made.
    Under `vmap` it is called once for each element; if it is `batched`, once for all of them, with more axes in front, as many for each argument, which
    broadcast. A function with several results is called once for each of them that is used.
    """
    if not callable(function) or not callable(like):
        raise KindError("routine wants a Python function on arrays and `like`, a function of expressions that shows what comes out")
    label: str = name or getattr(function, "__name__", None) or "routine"

    def value(*args: Any) -> Any:
        xs = [asarray(x) for x in args]
        examples, structure = flatten(map_structure(asarray, like(*xs)))
        foreign = Foreign(function, label, tuple([(example.dtype, example.shape) for example in examples]), batched)
        return unflatten(structure, [apply(FOREIGN, xs, (foreign, place)) for place in range(len(examples))])

    value.__name__ = label
    value.__doc__ = getattr(function, "__doc__", None)
    return value if vjp is None else custom_vjp(value, vjp)


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType:
    foreign, place = params
    return TensorType(*foreign.results[place])


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    foreign, place = params
    return _checked(foreign, arrays)[place]


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    foreign, place = params
    around = tuple(dict.fromkeys([label for operand in operands for label in operand.use.labels if label.ambient]))
    # Each argument has only those axes around it that it depends on.
    own = [tuple([label for label in around if label in operand.use.labels]) for operand in operands]
    given = [Operand((*labels, *operand.axes), operand.use) for labels, operand in zip(own, operands)]
    results = [((*around, *[Label(size) for size in shape]), dtype) for dtype, shape in foreign.results]
    mapped = tuple([tuple([around.index(label) for label in labels]) for labels in own])
    found = call(Run(foreign, len(around), mapped).routine(), given, results)[place]
    return Operand(found.axes[len(around) :], found.use)


class Run(NamedTuple):
    """The function on whole arrays; with `around` axes in front of the results, once for each place along them.

    `mapped` says for each argument which of these axes it has, in front.
    """

    foreign: Foreign
    around: int
    mapped: tuple[tuple[int, ...], ...]

    def routine(self) -> Routine:
        """The call of it; the run is what makes two such calls equal."""
        return Routine(f"{self.foreign.name} (Python)", self.__call__, None, self, self.lifted, self.around)

    def lifted(self, count: int, mapped: tuple[tuple[int, ...], ...]) -> Routine:
        """The same with more axes around it."""
        every = tuple([(*new, *[count + i for i in old]) for new, old in zip(mapped, self.mapped)])
        return self._replace(around=self.around + count, mapped=every).routine()

    def __call__(self, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
        if not self.around:
            return tuple(_checked(self.foreign, arrays))
        extents = [1] * self.around
        for array, axes in zip(arrays, self.mapped):
            for axis, extent in zip(axes, array.shape):
                extents[axis] = extent
        if self.foreign.batched:
            return self._at_once(arrays, extents)
        found = [
            _checked(self.foreign, [array[tuple([place[axis] for axis in axes])] for array, axes in zip(arrays, self.mapped)])
            for place in np.ndindex(*extents)
        ]
        results = []
        for number, (dtype, shape) in enumerate(self.foreign.results):
            if found:
                stacked = np.stack([values[number] for values in found])
                results.append(stacked.reshape((*extents, *stacked.shape[1:])))
            else:
                results.append(np.zeros((*extents, *[size if isinstance(size, int) else 0 for size in shape]), dtype.numpy))
        return tuple(results)

    def _at_once(self, arrays: Sequence[np.ndarray], extents: Sequence[int]) -> tuple[np.ndarray, ...]:
        """One call of a function that takes stacks: every argument has all axes around in front, of size 1 where it is the same along one."""
        lifted = []
        for array, axes in zip(arrays, self.mapped):
            front = array.transpose(*np.argsort(axes), *range(len(axes), array.ndim))
            lifted.append(np.expand_dims(front, tuple([axis for axis in range(self.around) if axis not in axes])))
        found = _checked(self.foreign, lifted, self.around)
        return tuple([np.broadcast_to(value, (*extents, *value.shape[self.around :])) for value in found])


def _checked(foreign: Foreign, arrays: Sequence[np.ndarray], around: int = 0) -> list[np.ndarray]:
    """The results of one call, which are as they were declared, perhaps with axes in front."""
    # The memory behind the arguments is lent for the call only.
    leaves, _ = flatten(foreign.function(*[np.array(array) for array in arrays]))
    if len(leaves) != len(foreign.results):
        raise KindError(f"the routine {foreign.name} returned {len(leaves)} arrays where `like` shows {len(foreign.results)}")
    values = [np.asarray(leaf) for leaf in leaves]
    for value, (dtype, shape) in zip(values, foreign.results):
        if value.dtype != dtype.numpy:
            raise DTypeError(f"the routine {foreign.name} returned {value.dtype} where `like` shows {dtype}; convert it with .astype({dtype.name!r})")
        if value.ndim != around + len(shape) or any(isinstance(size, int) and size != extent for size, extent in zip(shape, value.shape[around:])):
            raise ShapeError(f"the routine {foreign.name} returned the shape {value.shape} where `like` shows ({', '.join(map(str, shape))})")
    return values


FOREIGN = Op("routine", _infer, _meaning, _reference, parameters=("function", "place"))

