"""Nested lists, tuples and dicts of leaves: taken apart into a flat list and put together again."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple


class Single(enum.Enum):
    """A leaf, or None, which holds no leaf."""

    LEAF = "*"
    EMPTY = "None"


class Sequence(NamedTuple):
    """A list, a tuple or a named tuple."""

    cls: type
    items: tuple[Structure, ...]


class Mapping(NamedTuple):
    """A dict; its keys stay in the order they were given."""

    keys: tuple[Any, ...]
    items: tuple[Structure, ...]


Structure = Single | Sequence | Mapping


def flatten(tree: Any) -> tuple[list[Any], Structure]:
    """The leaves of a tree in order, and its structure. None holds no leaf."""
    leaves: list[Any] = []
    return leaves, _structure(tree, leaves)


def _structure(tree: Any, leaves: list[Any]) -> Structure:
    if tree is None:
        return Single.EMPTY
    if isinstance(tree, dict):
        return Mapping(tuple(tree), tuple(_structure(item, leaves) for item in tree.values()))
    if isinstance(tree, list | tuple):
        return Sequence(type(tree), tuple(_structure(item, leaves) for item in tree))
    leaves.append(tree)
    return Single.LEAF


def unflatten(structure: Structure, leaves: Iterable[Any]) -> Any:
    """The tree with this structure and these leaves."""
    return _rebuild(structure, iter(leaves))


def _rebuild(structure: Structure, leaves: Iterator[Any]) -> Any:
    if isinstance(structure, Single):
        return next(leaves) if structure is Single.LEAF else None
    items = [_rebuild(item, leaves) for item in structure.items]
    if isinstance(structure, Mapping):
        return dict(zip(structure.keys, items))
    if hasattr(structure.cls, "_fields"):
        return structure.cls(*items)
    return structure.cls(items)


def map_structure(function: Callable[[Any], Any], tree: Any) -> Any:
    """The same tree with `function` of each leaf."""
    leaves, structure = flatten(tree)
    return unflatten(structure, map(function, leaves))


def paths(structure: Structure, root: str) -> Iterator[str]:
    """For each leaf what one would write to reach it from the tree called `root`."""
    if isinstance(structure, Single):
        if structure is Single.LEAF:
            yield root
        return
    if isinstance(structure, Mapping):
        steps = [f"[{key!r}]" for key in structure.keys]
    else:
        fields = getattr(structure.cls, "_fields", None)
        steps = [f"[{number}]" for number in range(len(structure.items))] if fields is None else [f".{field}" for field in fields]
    for step, item in zip(steps, structure.items):
        yield from paths(item, root + step)


def text(structure: Structure) -> str:
    """The structure as it would be typed, with * for a leaf."""
    if isinstance(structure, Single):
        return structure.value
    if isinstance(structure, Mapping):
        return "{" + ", ".join(f"{key!r}: {text(item)}" for key, item in zip(structure.keys, structure.items)) + "}"
    inner = ", ".join(text(item) for item in structure.items)
    return f"[{inner}]" if structure.cls is list else f"({inner})"
