"""Vectorisation: a function of one element becomes a function of all of them, by one more label.

`MAPPED` takes an axis away from an array and leaves its label on the value; what is computed from it keeps the label; `COLLECT` makes it an axis again.
No operation needs a rule for this, and nothing is traced twice. What is collected knows nothing of its label, so equal work is found to be equal.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType
from croton.ops.arguments import check_function
from croton.ops.casting import asarray
from croton.sizes import Size
from croton.util.depth import Depth
from croton.util.errors import ArgumentError, KindError, ShapeError
from croton.util.structure import Structure, flatten, map_structure, unflatten


def _mapped_type(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    axis, _, size = params
    (x,) = types
    shape = x.shape[:axis] + x.shape[axis + 1 :]
    found = x.shape[axis]
    if found == size:
        return TensorType(x.dtype, shape)
    if isinstance(found, int) and isinstance(size, int):
        raise ShapeError(f"vmap maps over axes of one size, got {size} and {found}; check in_axes")
    return Constrained(TensorType(x.dtype, shape), ((found, size),))


def _collect_type(types: Sequence[TensorType], params: tuple) -> TensorType:
    axis, _, size = params
    (y,) = types
    return TensorType(y.dtype, (*y.shape[:axis], size, *y.shape[axis:]))


def _resolved(*_: Any) -> Any:
    raise AssertionError("a mapped axis has no meaning by itself: the whole graph is lowered by croton.transforms.lower")


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return _resolved()


MAPPED = Op("mapped", _mapped_type, _resolved, _reference, parameters=("axis", "depth", "size"))
"""(x): the element of x along an axis that a vectorised function at this depth looks at."""

COLLECT = Op("collect", _collect_type, _resolved, _reference, parameters=("axis", "depth", "size"))
"""(y): what a vectorised function at this depth gives, for all elements, along a new axis."""

deeper = Depth("vmap").deeper
"""The depth of a function that is mapped or looped over, while it is called: what stands for elements in it differs from what does outside."""


def vmap(function: Callable[..., Any], in_axes: Any = 0, out_axes: Any = 0) -> Callable[..., Any]:
    """A function that applies `function` to every element along an axis of its arguments, at once.

    `in_axes` says which axis of each argument is mapped: an integer for all, or a list or tuple with an entry an argument, which is an integer,
    None for an argument that every element shares, or a nested structure of these that matches the argument. `out_axes` says
    where the mapped axis goes in each result, in the same way. `function` takes and returns expressions, or nested structures of them, and sees
    them without the mapped axis. Everything composes: gradients inside, gradients outside, vmap in vmap.
    """
    check_function(function, "vmap", "vmap(function)(arguments)")

    def mapped(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, list | tuple) else (in_axes,) * len(args)
        if len(axes) != len(args):
            raise ArgumentError(f"in_axes has {len(axes)} entries for {len(args)} arguments; give one for each, or one number for all")
        found = [_mapped(argument, axis) for argument, axis in zip(args, axes)]
        sizes = [size for _, _, places in found for _, _, size in places]
        if not sizes:
            raise ArgumentError("vmap needs an argument to map over; in_axes is None for all of them")
        size = next((size for size in sizes if isinstance(size, int)), sizes[0])
        arrays = [leaves[position] for _, leaves, places in found for position, _, _ in places]
        with deeper(max([_depth_after(array) for array in arrays])) as depth:
            for array in arrays:
                _note_depth(array, depth)
            inside = [
                unflatten(structure, [leaf if axis is None else apply(MAPPED, (leaf,), (axis, depth, size)) for leaf, axis, _ in _each(leaves, places)])
                for structure, leaves, places in found
            ]
            results = function(*inside)
        return _collected(results, out_axes, depth, size)

    return mapped


def map(function: Callable[..., Any], *xs: Any) -> Any:
    """`function` of every element of arrays along their first axis, which become one axis in front of each result. The same as `vmap(function)(*xs)`.

    As in Python's `map`, the function gets one element of each. A function of a nested structure takes it as one argument.
    """
    check_function(function, "map", "map(function, arguments)")
    return vmap(function)(*xs)


def _depth_after(array: Expr) -> int:
    """A depth at which nobody has mapped over an array: what earlier functions made of its elements depends on none of those at hand."""
    return 0 if array.memo is None else array.memo.get("mapped", 0)


def _note_depth(array: Expr, depth: int) -> None:
    if array.memo is None:
        array.memo = {}
    array.memo["mapped"] = depth + 1


def _mapped(argument: Any, axes: Any) -> tuple[Structure, list[Expr], list[tuple[int, int, Size]]]:
    """An argument's structure and leaves, and (position, axis, size) of the leaves that are mapped."""
    leaves, structure = flatten(map_structure(asarray, argument))
    wanted = [axes] * len(leaves) if axes is None or isinstance(axes, int) else _flat_axes(axes, len(leaves))
    places = []
    for position, (leaf, axis) in enumerate(zip(leaves, wanted)):
        if axis is None:
            continue
        if not isinstance(axis, int) or isinstance(axis, bool):
            raise KindError(f"an axis is an integer or None, got {axis!r}")
        if not -leaf.ndim <= axis < leaf.ndim:
            raise ShapeError(f"vmap: axis {axis} of {leaf!r}, which has {leaf.ndim} axes; use None for an argument that is shared")
        places.append((position, axis % leaf.ndim, leaf.shape[axis]))
    return structure, leaves, places


def _each(leaves: Sequence[Expr], places: Sequence[tuple[int, int, Size]]) -> list[tuple[Expr, int | None, Size]]:
    mapped = {position: (axis, size) for position, axis, size in places}
    return [(leaf, *mapped.get(position, (None, 1))) for position, leaf in enumerate(leaves)]  # type: ignore[misc]


def _flat_axes(axes: Any, count: int) -> list[int | None]:
    """The axes of a nested structure; None is an entry here, not an empty place."""
    found: list[int | None] = []
    pending = [axes]
    while pending:
        item = pending.pop()
        if isinstance(item, dict):
            pending.extend(reversed(list(item.values())))
        elif isinstance(item, list | tuple):
            pending.extend(reversed(item))
        else:
            found.append(item)
    if len(found) != count:
        raise ArgumentError(f"an entry of in_axes or out_axes has {len(found)} axes for {count} arrays; give the structure of the argument, or one number")
    return found


def _collected(results: Any, out_axes: Any, depth: int, size: Size) -> Any:
    leaves, structure = flatten(results)
    wanted = [out_axes] * len(leaves) if isinstance(out_axes, int) else _flat_axes(out_axes, len(leaves))
    collected = []
    for leaf, axis in zip(leaves, wanted):
        leaf = asarray(leaf)
        if axis is None or not -leaf.ndim - 1 <= axis <= leaf.ndim:
            raise ShapeError(f"vmap: a result with {leaf.ndim} axes has no place {axis} for the mapped axis")
        collected.append(apply(COLLECT, (leaf,), (axis % (leaf.ndim + 1), depth, size)))
    return unflatten(structure, collected)
