"""Calls that are checked: where a result is NaN or infinite, the first operation that made it so is named, forward or backward.

Only what leaves the function counts: results and new values of shared variables. What is infinite on the way and harmless (the logarithm in the
branch of a `where` that is not taken, masked logits) raises nothing, and neither do infinities that the caller gave. The program runs on
copies of the shared variables, so that an error leaves them as they were; the graph is interpreted, slowly, only when there is something to be found.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from croton.algebra.interpret import follow, interpret
from croton.algebra.node import Node, walk
from croton.algebra.operand import fresh_use
from croton.compile.executable import Executable
from croton.expr.expr import Expr, SharedVariable
from croton.rewriting.stabilise import stabilise
from croton.runtime.function import call_native
from croton.sizes import bind
from croton.transforms.lower import lower
from croton.util.errors import CrotonError

Test = Callable[[np.ndarray], np.ndarray]
"""Which elements are bad: NaN, or infinite."""


class NotFiniteError(CrotonError, FloatingPointError):
    """A value that is NaN or infinite while `config.check_finite` is on."""


class CheckedProgram:
    """A program whose calls are checked. `roots` are its results, then the new values of the shared variables that `replaced` names."""

    def __init__(self, executable: Executable, inputs: Sequence[Expr], roots: Sequence[Expr], replaced: Sequence[SharedVariable | None]) -> None:
        self.inputs = inputs
        self.roots = roots
        self.replaced = replaced
        programs = (executable, *executable.others)
        self.cells = list({id(cell): cell for one in programs for cell in one.cells}.values())
        self.written = {id(variable.cell) for variable in replaced if variable is not None}
        self.own: list[list[np.ndarray]] = [[cell[0]] for cell in self.cells]
        own = {id(cell): copy for cell, copy in zip(self.cells, self.own)}
        self.structure = executable.program.structure
        self.native = executable.load([[own[id(cell)] for cell in one.cells] for one in programs])
        self.lock = threading.Lock()

    def call(self, arrays: Sequence[np.ndarray]) -> Any:
        """The results. Raises NotFiniteError, and Refused as any call."""
        for leaf, array in zip(self.inputs, arrays):
            if _has_nan(array):
                raise NotFiniteError(f"the argument {leaf.name or leaf!r} holds {_what(array, np.isnan)}", leaf.line)
        with self.lock:
            for cell, own in zip(self.cells, self.own):
                own[0] = cell[0].copy() if id(cell) in self.written else cell[0]
            result = call_native(self.native, arrays)
            new = {id(cell): own[0] for cell, own in zip(self.cells, self.own)}
            results = [] if result is None else [result] if self.structure == "one" else list(result)
            values = [*results, *[new[id(variable.cell)] for variable in self.replaced if variable is not None]]
            for root, variable, value in zip(self.roots, self.replaced, values):
                if not _finite(value):
                    self.explain(root, variable, value, arrays)
            for cell, own in zip(self.cells, self.own):
                if id(cell) in self.written:
                    cell[0] = own[0]
        return result

    def explain(self, root: Expr, variable: SharedVariable | None, value: np.ndarray, arrays: Sequence[np.ndarray]) -> None:
        """Raise where a value that is not finite was born; nothing if the caller gave it so."""
        test = np.isnan if _has_nan(value) else np.isinf
        end = "a result of the function" if variable is None else f"the new value of the shared variable {variable.name or variable!r}"
        born, given = _birth(root, dict(zip(self.inputs, arrays)), test)
        if born is not None:
            raise NotFiniteError(f"{born.words} made {_what(born.value, test)}, which reached {end}{born.cause}", born.node.origin or root.line)
        if isinstance(given, SharedVariable) and test is np.isnan:
            raise NotFiniteError(f"the shared variable {given.name or given!r} holds {_what(given.cell[0], test)}, which reached {end}", given.line)
        if given is None or test is np.isnan:
            raise NotFiniteError(f"{end} holds {_what(value, test)}", root.line)


class _Birth(NamedTuple):
    """An operation that made a bad value of good ones: what it is called, and where infinities came from that it made NaN of."""

    node: Node
    value: np.ndarray
    words: str
    cause: str


def _birth(root: Expr, values: dict[Expr, np.ndarray], test: Test) -> tuple[_Birth | None, Expr | bool | None]:
    """The first operation on the way to a bad value that is bad while what it reads is not; and a leaf that was bad from the start.

    A constant that is bad is True in place of a leaf.
    """
    lowered = lower([root])
    for leaf in lowered.leaves:
        if isinstance(leaf, SharedVariable):
            values[leaf] = leaf.cell[0]
    sizes = bind([pair for leaf, array in values.items() for pair in zip(lowered.shapes.get(leaf, leaf.shape), array.shape)])
    (use,) = stabilise([operand.use for operand in lowered.outputs])
    order = list(walk([use.node]))
    # Every node is a value of its own here, read at its own axes.
    found = dict(zip(order, interpret([fresh_use(node) for node in order], {leaf.id: array for leaf, array in values.items()}, sizes)))
    given: Expr | bool | None = None
    by_key: dict[Any, Expr] = {leaf.id: leaf for leaf in values}
    for node in _first_bad([use.node], found, test):
        if not _is_leaf(node):
            return _told(node, found, sizes, test), given
        if given is None:
            given = by_key[node.param] if node.kind == "input" else True
    return None, given


def _first_bad(roots: Sequence[Node], values: Mapping[Node, np.ndarray], test: Test) -> Iterator[Node]:
    """Of values in the order in which they are computed: what is bad, reaches a root through what is bad, and reads nothing that is."""
    bad = {node for node, value in values.items() if node.dtype.is_float and test(value).any()}
    reached = bad.intersection(roots)
    for node in reversed(list(values)):
        if node in reached:
            reached.update(child for child, *_ in node.args if child in bad)
    for node in values:
        if node in reached and not any(child in reached for child, *_ in node.args):
            yield node


def _is_leaf(node: Node) -> bool:
    return node.kind in ("input", "constant") or (node.kind == "contract" and not node.args and not np.isfinite(node.param.number))


def _told(node: Node, values: Mapping[Node, np.ndarray], sizes: Mapping[Any, int], test: Test) -> _Birth:
    """What there is to say of the operation that made a bad value: in a loop, the operation and the step."""
    if node.kind == "loop":
        inside: list[_Birth] = []

        def watch(step: int, roots: list[Node], within: Mapping[Node, np.ndarray]) -> None:
            born = None if inside else next((node for node in _first_bad(roots, within, test) if not _is_leaf(node)), None)
            if born is not None:
                told = _told(born, within, sizes, test)
                inside.append(told._replace(words=f"{told.words} in step {step} of a loop"))

        follow(node, [values[child] for child, *_ in node.args], sizes, watch)
        if inside:
            return inside[0]
    return _Birth(node, values[node], _words(node), _cause(node, values) if test is np.isnan else "")


def _cause(node: Node, values: Mapping[Node, np.ndarray]) -> str:
    """Where an infinity was born that NaN was made of."""
    for born in _first_bad([child for child, *_ in node.args], values, np.isinf):
        if not _is_leaf(born) and born.origin is not None and born.origin != node.origin:
            return f"; it was made of inf, which {_words(born)} made at {born.origin}"
    return ""


_KINDS = {
    "contract": "a product or a sum of products",
    "add": "a sum",
    "loop": "a loop",
}
_REDUCTIONS = {"lse": "logsumexp"}


def _words(node: Node) -> str:
    """What a node does, as a user would call it."""
    if node.kind == "contract" and any(exponent < 0 for _, _, exponent in node.args):
        return "a division"
    if node.kind == "map":
        return str(node.param)
    if node.kind == "reduce":
        return _REDUCTIONS.get(node.param, node.param)
    if node.kind == "cumulate":
        return f"a running {node.param[0]}"
    if node.kind == "call":
        return f"the routine {node.param[0].name}"
    return _KINDS.get(node.kind, node.kind)


def _finite(array: np.ndarray) -> bool:
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())


def _has_nan(array: np.ndarray) -> bool:
    return array.dtype.kind == "f" and bool(np.isnan(array).any())


def _what(array: np.ndarray, test: Any) -> str:
    bad = test(array)
    count = int(bad.sum())
    first = tuple(int(i) for i in np.argwhere(bad)[0])
    value = array[first]
    if not array.ndim:
        return str(value)
    return f"{value} in {count} of {array.size} elements, the first at {first}"
