"""Building values again through the constructors: the one traversal behind every pass that rewrites.

A pass is a function `visit(node, labels, uses)`: the node, a label for each of its axes and each label it sums over, and its arguments as they are
now, read at those labels. It returns what the node becomes at its axes, or None to build it as it was on the new arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from croton.algebra.add import add
from croton.algebra.call import call_again
from croton.algebra.contract import contract
from croton.algebra.node import RELATIONS, Label, Node, Use, origin
from croton.algebra.pointwise import scalar
from croton.algebra.reduce import SORTS, arg, cumulate, ranks_of, reduce
from croton.algebra.relation import select

Visit = Callable[[Node, tuple[Label, ...], list[Use]], Use | None]
CONSTRUCTORS: dict[str, Callable[[Node, Sequence[Label], Sequence[Use]], Use]] = {}
"""Constructors of kinds that need `rebuild` themselves, by kind."""

Memo = dict[Node, tuple[tuple[Label, ...], Use]]
"""For a node labels for its axes, and what it became at those labels."""


def rebuild(
    uses: Sequence[Use],
    visit: Visit,
    memo: Memo | None = None,
    leave: Callable[[Node], bool] | None = None,
    names: Mapping[Node, Sequence[Label | None]] | None = None,
    at: Callable[[Node], bool] | None = None,
) -> list[Use]:
    """The uses after every node below them has been visited, arguments first. A memo kept between calls makes them share the work.

    Nodes of which `leave` is true stay as they are, with all that is below them. What a node mentions and `names` has a label for is visited at that label:
    where a value that is put in place of a node is read at it too, the two meet. Named otherwise, all pairs of their elements would be computed, and the
    diagonal be read.

    With `at`, nodes of which it is not true are visited only where their arguments have changed: most of a graph is nothing that a pass looks for.
    """
    if memo is None:
        memo = {}
    previous = origin.current
    for node in _unvisited([use.node for use in uses], memo, leave):
        stays = leave is not None and leave(node)
        changed = not stays and bool([1 for argument in node.args if memo[argument[0]][1][0] is not argument[0]])
        if stays or (at is not None and not changed and not at(node)):
            axes = tuple([Label(size) for size in node.dims])
            memo[node] = (axes, Use(node, axes))
            continue
        origin.current = node.origin
        labels = tuple([Label(size) for size in node.dims + node.sums])
        if names is not None and node in names:
            labels = tuple([name or label for name, label in zip(names[node], labels)])
        arguments = [read(memo, argument[0], [labels[i] for i in argument[1]]) for argument in node.args]
        axes = labels[: len(node.dims)]
        result = visit(node, labels, arguments)
        if result is None:
            result = construct(node, labels, arguments) if changed else Use(node, axes)
        memo[node] = (axes, result)
    origin.current = previous
    return [read(memo, use.node, use.labels) for use in uses]


def _unvisited(roots: Sequence[Node], memo: Memo, leave: Callable[[Node], bool] | None) -> Iterator[Node]:
    """Nodes that the memo does not have, arguments first. Whoever asks puts each into the memo before asking for the next."""
    for root in roots:
        if root in memo:
            continue
        stack = [(root, iter(() if leave is not None and leave(root) else root.args))]
        while stack:
            node, rest = stack[-1]
            for argument in rest:
                child = argument[0]
                if child not in memo:
                    stack.append((child, iter(() if leave is not None and leave(child) else child.args)))
                    break
            else:
                stack.pop()
                yield node


def read(memo: Memo, node: Node, labels: Sequence[Label]) -> Use:
    """What a node became, at these labels for its axes."""
    axes, use = memo[node]
    if use.labels is axes:
        return Use(use.node, tuple(labels))
    place = dict(zip(axes, labels))
    # What it became may be read at labels around, too.
    return Use(use.node, tuple([place.get(label, label) for label in use.labels]))


def construct(node: Node, labels: tuple[Label, ...], uses: Sequence[Use]) -> Use:
    """A node of the same kind and param on other arguments, through its constructor."""
    rank = len(node.dims)
    axes, inner = labels[:rank], labels[rank:]
    kind = node.kind
    if kind == "contract":
        factors = [(use, argument[2]) for use, argument in zip(uses, node.args)]
        return contract(axes, factors, node.param, inner, node.dtype)
    if kind == "add":
        return add([(use, argument[2]) for use, argument in zip(uses, node.args)], node.dtype)
    if kind == "map":
        return scalar(node.param, *uses, dtype=node.dtype)
    if kind == "reduce":
        return reduce(node.param, uses[0], inner)
    if kind == "select":
        return select(axes[0], uses[0], node.param)
    if kind == "arg":
        if node.param not in SORTS:
            return arg(node.param, uses[0], inner[0])
        return arg(node.param, uses[0], inner[0], axes[-1] if ranks_of(node) != 1 else Label(1))
    if kind == "cumulate":
        function, position, reverse, exclusive = node.param
        return cumulate(function, uses[0], axes[position], reverse, exclusive)
    if kind == "call":
        return call_again(node, labels, uses)
    if kind in CONSTRUCTORS:
        return CONSTRUCTORS[kind](node, labels, uses)
    assert not node.args or kind in RELATIONS, f"{kind} has arguments but no constructor"
    return Use(node, axes)
