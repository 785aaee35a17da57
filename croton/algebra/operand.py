"""Arrays of the user as operands: alignment by position, renaming, new labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from croton.algebra.node import Label, Node, Operand, Use


def fresh_axes(node: Node) -> tuple[Label, ...]:
    """New labels for the axes of a node."""
    return tuple([Label(size) for size in node.dims])


def fresh_use(node: Node) -> Use:
    """A node read at new labels."""
    return Use(node, fresh_axes(node))


def relabel(use: Use, mapping: Mapping[Label, Label]) -> Use:
    """The use with its labels renamed, all at once; labels that `mapping` does not have stay."""
    node, labels = use
    return Use(node, tuple([mapping.get(label, label) for label in labels]))


def rename(operand: Operand) -> Operand:
    """The same array with new labels for all its axes."""
    mapping = {axis: Label(axis.size) for axis in operand.axes}
    return Operand(tuple([mapping[axis] for axis in operand.axes]), relabel(operand.use, mapping))


def align(operands: Sequence[Operand]) -> tuple[tuple[Label, ...], list[Use]]:
    """Common axes of arrays that meet element by element, and their values at these axes.

    Axes are matched from the right. A size of 1 broadcasts, which costs nothing because no value depends on such an axis; other
    sizes must be equal, unknown ones once there is a call.
    """
    rank = max([len(operand.axes) for operand in operands], default=0)
    axes: list[Label] = []
    for position in range(rank):
        chosen: Label | None = None
        for operand in operands:
            place = position - rank + len(operand.axes)
            if place < 0:
                continue
            axis = operand.axes[place]
            if chosen is None or (chosen.size == 1 and axis.size != 1):
                chosen = axis
            elif axis.size not in (1, chosen.size) and isinstance(axis.size, int) and isinstance(chosen.size, int):
                shapes = " and ".join(str(operand.shape) for operand in operands)
                sizes = f"{chosen.size} in one and {axis.size} in another"
                raise ValueError(f"shapes {shapes} do not go together: axis {position - rank} is {sizes}; reshape or repeat one of them")
        assert chosen is not None
        axes.append(Label(chosen.size) if chosen in axes else chosen)
    return tuple(axes), [_at(operand, axes) for operand in operands]


def _at(operand: Operand, axes: list[Label]) -> Use:
    use = operand.use
    own = operand.axes
    if not own or not use.labels:
        return use
    mapping = {mine: theirs for mine, theirs in zip(own, axes[len(axes) - len(own) :]) if mine is not theirs}
    return relabel(use, mapping) if mapping else use
