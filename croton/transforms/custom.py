"""Derivatives that the user gives: a value with a pullback of its own.

`custom_vjp` marks a value. The mark is an operation that stands for the value and knows, as a graph on placeholders, what its cotangent becomes; when
a derivative passes through it, that graph is lowered with the arguments at hand in place of the placeholders. So a pullback is
made of expressions like any other, and has a derivative, a vectorised form and an optimised program itself. When all derivatives are worked out the
marks are gone: they cost nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Collection, Mapping, Sequence
from contextvars import ContextVar
from typing import Any

import numpy as np

from croton import algebra
from croton.algebra.call import Routine, call
from croton.algebra.node import Label, Operand, Use, origin
from croton.algebra.operand import relabel
from croton.expr.counted import counted_by
from croton.expr.expr import Constant, Expr, Input, apply
from croton.expr.expr import input as new_input
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType
from croton.expr.walk import substitute, walk, walk_with_counts
from croton.ops.arguments import check_function
from croton.ops.casting import asarray
from croton.sizes import Poly, Size, Symbol, symbols
from croton.transforms.loop_nodes import inner_values
from croton.transforms.lower import _Lowering
from croton.transforms.mark import Mark
from croton.transforms.requests import GRADIENT, JACOBIAN, PUSHFORWARD
from croton.util.errors import DTypeError, GradientError, KindError, NotSupportedError, ShapeError
from croton.util.structure import Structure, flatten, map_structure, unflatten

_traced: ContextVar[tuple[Callable[..., Any], ...]] = ContextVar("croton_traced_pullbacks", default=())
"""The backward functions that are being called."""


def custom_vjp(forward: Callable[..., Any] | None = None, backward: Callable[..., Any] | None = None) -> Any:
    """A function of expressions whose value is that of `forward` and whose derivative is given by `backward`.

    `forward(*args)` returns an expression, or a nested structure of them. `backward(args, y, cotangent)` gets the tuple of arguments, the
    result and the cotangent of the result (in the result's structure, None for what is not floating), and returns the cotangent of each
    argument: a tuple with one entry for each, None for an argument without a derivative; for a single argument the entry by itself will do.
    It must be linear in the cotangent, and its own derivative is that of its expressions, so that it serves at any order, under `vmap` and
    in a Jacobian. What either function reads from outside counts as constant. Use it where the derivative of the formula is not the one you
    want: implicit functions, straight-through estimates, clipped gradients. As a decorator: `@custom_vjp(backward=...)`.
    """
    if backward is None:
        raise KindError("custom_vjp wants two functions, custom_vjp(forward, backward), or @custom_vjp(backward=...) above the forward one")
    if forward is None:
        return functools.partial(custom_vjp, backward=backward)
    for function in (forward, backward):
        check_function(function, "custom_vjp", "custom_vjp(forward, backward)")
    value_of, pullback = forward, backward

    @functools.wraps(forward)
    def marked(*args: Any) -> Any:
        arguments = map_structure(asarray, args)
        xs, _ = flatten(arguments)
        ys, structure = flatten(map_structure(asarray, value_of(*arguments)))
        if pullback in _traced.get():
            raise NotSupportedError(
                f"not supported: the backward function of {getattr(value_of, '__name__', 'this function')} calls it again, and would be traced without end; "
                "call a second custom_vjp or routine of the same function there, whose own backward function gives the second derivative"
            )
        token = _traced.set((*_traced.get(), pullback))
        try:
            rule = Rule(pullback, arguments, ys, structure)
        finally:
            _traced.reset(token)
        return unflatten(structure, rule.marked("custom_vjp", ys, xs))

    return marked


class Rule:
    """A pullback as a graph on placeholders. Compared by identity.

    placeholders  inputs that stand for the results, the arguments and what is captured from outside, in this order
    cotangents    inputs that stand for the cotangents of the results, None for those that are not floating
    gradients     the cotangent of each argument, None for none
    captured      the expressions that the pullback reads from outside
    symbols       the unknown sizes of the graph
    constraints   sizes that must be equal for it to have a value
    counts        what the sizes are outside that are counted by placeholders
    """

    __slots__ = ("captured", "constraints", "cotangents", "counts", "gradients", "placeholders", "results", "symbols")

    def __init__(
        self, pullback: Callable[..., Any], arguments: tuple, ys: Sequence[Expr], structure: Structure, counts: Mapping[Symbol, Size] | None = None
    ) -> None:
        xs, tree = flatten(arguments)
        self.counts = counts or {}
        self.results = len(ys)
        self.placeholders: list[Input] = [new_input(value.type, value.name) for value in (*ys, *xs)]
        self.cotangents: list[Input | None] = [new_input(y.type, "cotangent") if y.dtype.is_float else None for y in ys]
        # What the pullback may differentiate with respect to has to be computed from something.
        held = [apply(HOLD, (leaf,)) for leaf in self.placeholders]
        seeds = [None if leaf is None else apply(HOLD, (leaf,)) for leaf in self.cotangents]
        given = pullback(unflatten(tree, held[len(ys) :]), unflatten(structure, held[: len(ys)]), unflatten(structure, seeds))
        gradients = _gradients(given, arguments)
        for x, gradient in zip(xs, gradients):
            _check(x, gradient)
        self._close([*held, *[seed for seed in seeds if seed is not None]], gradients)
        self._measure(xs)

    def marked(self, name: str, ys: Sequence[Expr], xs: Sequence[Expr]) -> list[Expr]:
        """The results, marked as having this pullback to the arguments."""
        inputs = (*ys, *xs, *self.captured)
        carried = (*[False] * len(ys), *[True] * len(xs), *[False] * len(self.captured))
        op = Op(name, _infer, _meaning, _reference, carried, ("rule", "place", "sizes"))
        sizes = tuple([self.counts.get(symbol, symbol.size) for symbol in self.symbols])
        return [apply(op, inputs, (self, place, sizes)) if y.dtype.is_float else y for place, y in enumerate(ys)]

    def _close(self, held: Sequence[Expr], gradients: Sequence[Expr | None]) -> None:
        """What is read from outside becomes an argument like the others."""
        inside = set(held)
        outside: dict[Expr, Expr] = {}
        roots = [gradient for gradient in gradients if gradient is not None]
        order = list(walk(roots))
        inner = inner_values(roots, order)
        for node in order:
            if node in inside or (node not in inner and not any(x in inside for x in node.inputs)):
                continue
            inside.add(node)
            if node.op in (GRADIENT, JACOBIAN, PUSHFORWARD) and node.inputs[-1] not in inside:
                raise NotSupportedError(
                    f"not supported: the backward function of custom_vjp differentiates with respect to {node.inputs[-1]!r}, which comes from outside; "
                    "pass it as an argument",
                    node.line,
                )
            for x in node.inputs:
                if x not in inside and not isinstance(x, Constant):
                    outside[x] = x
        for root in roots:
            if root not in inside and not isinstance(root, Constant):
                outside[root] = root
        self.captured = tuple(outside)
        leaves = [new_input(value.type, value.name) for value in self.captured]
        self.placeholders += leaves
        replaced = iter(substitute(roots, {value: apply(HOLD, (leaf,)) for value, leaf in zip(self.captured, leaves)}))
        self.gradients: list[Expr | None] = [None if gradient is None else next(replaced) for gradient in gradients]

    def _measure(self, xs: Sequence[Expr]) -> None:
        found: dict[Symbol, None] = {}
        constraints: list[tuple[Size, Size]] = []
        for node in walk([gradient for gradient in self.gradients if gradient is not None]):
            constraints += node.constraints
            for size in (*node.shape, *_sizes(node.params)):
                found.update(dict.fromkeys(symbols(size)))
        for leaf in (*self.placeholders, *self.cotangents):
            if leaf is not None:
                found.update(dict.fromkeys([symbol for size in leaf.shape for symbol in symbols(size)]))
        for x, gradient in zip(xs, self.gradients):
            if gradient is not None:
                constraints += [(a, b) for a, b in zip(gradient.shape, x.shape) if a != b]
        for symbol in found:
            if symbol not in self.counts:
                _check_counted(symbol)
        self.symbols = tuple(found)
        self.constraints = tuple(dict.fromkeys(constraints))


def _check_counted(symbol: Symbol) -> None:
    """Sizes are counted before a derivative goes back, so that a pullback cannot count one of its own."""
    count = counted_by(symbol)
    if count is not None and any(node.op is HOLD for node in walk_with_counts([count.value])):
        raise NotSupportedError(
            "not supported: a size that is counted inside of the backward function of custom_vjp; where(mask, x, 0) keeps the shape, and what has the size "
            "may be made by the forward function",
            count.line,
        )


def _sizes(params: Any) -> list[Poly]:
    """The sizes in params."""
    if isinstance(params, Poly):
        return [params]
    return [size for item in params for size in _sizes(item)] if isinstance(params, tuple) else []


def _gradients(given: Any, arguments: tuple) -> list[Expr | None]:
    """The cotangents that a backward function returned, in the order of the leaves of the arguments."""
    if len(arguments) == 1 and not (isinstance(given, tuple) and len(given) == 1):
        given = (given,)
    if not isinstance(given, list | tuple) or len(given) != len(arguments):
        count = len(given) if isinstance(given, list | tuple) else 1
        raise GradientError(f"the backward function of custom_vjp returns one cotangent for each of the {len(arguments)} arguments, got {count}")
    found: list[Expr | None] = []
    pending = list(zip(given, arguments))[::-1]
    while pending:
        gradient, argument = pending.pop()
        if isinstance(argument, Expr):
            found.append(None if gradient is None else asarray(gradient, None if isinstance(gradient, Expr) else argument.dtype))
        elif argument is not None:
            children = list(argument.values()) if isinstance(argument, dict) else list(argument)
            if gradient is None:
                parts: list[Any] = [None] * len(children)
            elif isinstance(argument, dict) and isinstance(gradient, dict) and gradient.keys() == argument.keys():
                parts = [gradient[key] for key in argument]
            elif isinstance(argument, list | tuple) and isinstance(gradient, list | tuple) and len(gradient) == len(argument):
                parts = list(gradient)
            else:
                raise GradientError(
                    f"the backward function of custom_vjp returns cotangents in the structure of the arguments; "
                    f"for a {type(argument).__name__} of {len(children)} entries it gave {gradient!r}"
                )
            pending += list(zip(parts, children))[::-1]
    return found


def _check(x: Expr, gradient: Expr | None) -> None:
    if gradient is None:
        return
    if not x.dtype.is_float:
        raise DTypeError(f"the backward function of custom_vjp gave a cotangent for {x!r}, which is not floating; return None for it", gradient.line)
    if gradient.dtype is not x.dtype:
        raise DTypeError(f"a cotangent has the dtype of its argument, {x.dtype}, got {gradient.dtype}; convert it with astype", gradient.line)
    if gradient.ndim != x.ndim or any(isinstance(a, int) and isinstance(b, int) and a != b for a, b in zip(gradient.shape, x.shape)):
        raise ShapeError(
            f"the backward function of custom_vjp gave a cotangent {gradient.type} for an argument {x.type}; they have the same shape: "
            "sum over what was broadcast, or broadcast_to what was reduced",
            gradient.line,
        )


def _hold_meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    return operands[0]


HOLD = Op("argument", lambda types, params: types[0], _hold_meaning, lambda arrays, params: arrays[0])
"""(x): x. What a backward function is given."""


def _infer(types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
    rule, place, _ = params
    pairs = list(rule.constraints)
    for leaf, given in zip(rule.placeholders, types):
        pairs += [(a, b) for a, b in zip(leaf.shape, given.shape) if a != b]
    return Constrained(types[place], tuple(pairs)) if pairs else types[place]


def _reference(arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
    return arrays[params[1]]


def _meaning(operands: Sequence[Operand], params: tuple) -> Operand:
    rule, place, sizes = params
    return marked_value(operands, rule, place, sizes)


def marked_value(operands: Sequence[Operand], rule: Any, place: int, sizes: tuple[Size, ...] = ()) -> Operand:
    """One of the values, which come before the arguments, marked: a call that `release` replaces by its argument. The rule has been written down, or is
    one that is when it is needed."""
    # Whatever a vectorised function is mapped over is an axis of the call, in front.
    around = tuple(dict.fromkeys([label for operand in operands for label in operand.use.labels if label.ambient]))
    mapped = tuple([tuple([i for i, label in enumerate(around) if label in operand.use.labels]) for operand in operands])
    given = [Operand((*[around[i] for i in has], *operand.axes), operand.use) for has, operand in zip(mapped, operands)]
    results = [((*around, *operand.axes), operand.dtype) for operand in operands[: rule.results]]
    return Operand(operands[place].axes, call(_routine(Mark(rule, sizes, len(around), mapped)), given, results)[place].use)


def _routine(mark: Mark) -> Routine:
    return Routine("custom_vjp", _unreachable, functools.partial(_pullback, mark), mark, functools.partial(_lifted, mark), mark.around)


def _lifted(mark: Mark, count: int, mapped: tuple[tuple[int, ...], ...]) -> Routine:
    """The mark with more axes around it."""
    every = tuple([(*new, *[count + i for i in old]) for new, old in zip(mapped, mark.mapped)])
    return _routine(mark._replace(around=mark.around + count, mapped=every))


def _unreachable(*_: Any) -> Any:
    raise AssertionError("a mark is removed before a program is made of what is marked")


def _pullback(
    mark: Mark,
    arguments: list[Operand],
    results: list[Operand],
    cotangents: list[Use | None],
    batch: Collection[Label],
) -> list[Use | None]:
    """The cotangents of the arguments: the graph of the rule, with what is here in place of its placeholders."""
    rule, around, sizes = mark.rule, mark.around, mark.sizes
    captured: Sequence[Expr] = ()
    if not isinstance(rule, Rule):
        rule = rule.written([TensorType(x.dtype, tuple([axis.size for axis in x.axes[len(has) :]])) for x, has in zip(arguments, mark.mapped)])
        sizes = tuple([symbol.size for symbol in rule.symbols])
        # What it reads from outside, such as an identity, depends on nothing.
        captured = rule.captured
    front = results[0].axes[:around]
    seeds = [label for result, use in zip(results, cotangents) if use is not None for label in use.labels if label not in result.axes]
    outer = list(dict.fromkeys([*front, *seeds]))
    inside = {label: Label(label.size, ambient=True) for label in outer}
    # The results themselves are differentiated by this rule too.
    given = [_inner(operand, around, inside) for operand in results]
    given += [_inner(operand, len(has), inside) for operand, has in zip(arguments[len(results) :], mark.mapped[len(results) :])]
    operands: dict[Expr, Operand] = dict(zip(rule.placeholders, given))
    for i, leaf in enumerate(rule.cotangents):
        if leaf is not None:
            use = cotangents[i]
            operands[leaf] = _inner(Operand(results[i].axes, algebra.constant(0, leaf.dtype) if use is None else use), around, inside)
    wanted = [gradient for gradient in rule.gradients if gradient is not None]
    lowering = _Lowering(list(walk([*captured, *wanted])), dict(zip(rule.symbols, sizes)))
    lowering.operands.update(operands)
    line = origin.current
    try:
        for leaf, value in zip(rule.placeholders[len(given) :], captured):
            lowering.lower(walk([value]))
            lowering.operands[leaf] = lowering.operands[value]
        lowering.run()
    finally:
        origin.current = line
    back = {label: other for other, label in inside.items()}
    found: list[Use | None] = [None] * len(results)
    for argument, has, gradient in zip(arguments[len(results) :], mark.mapped[len(results) :], rule.gradients):
        if gradient is None:
            found.append(None)
            continue
        operand = lowering.operands[gradient]
        use = relabel(operand.use, {**back, **dict(zip(operand.axes, argument.axes[len(has) :]))})
        # What is around the call but not around this argument shares it: each element of a batch on its own account.
        shared = [label for i, label in enumerate(front) if i not in has and label not in batch]
        found.append(algebra.contract(set(use.labels).difference(shared), [(use, 1)], summed=shared) if shared else use)
    return found + [None] * (len(arguments) - len(found))


def _inner(operand: Operand, around: int, inside: dict[Label, Label]) -> Operand:
    """An argument of the call as the rule sees it: what is mapped over is around it, and its axes are its own."""
    axes = {axis: Label(axis.size) for axis in operand.axes[around:]}
    return Operand(tuple(axes.values()), relabel(operand.use, {**inside, **axes}))
