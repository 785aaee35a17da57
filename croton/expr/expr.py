"""The user's graph: immutable nodes, equal ones the same object.

There are four kinds, and all are `Expr`: `Input` and `SharedVariable` (told apart by identity), `Constant` (equal small ones are
one object) and `Apply` (an operation on others; the same op, inputs and params give the same object).
"""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from croton.dtypes import DType, dtype
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, not_negative, show
from croton.sizes import Size
from croton.util.arrays import has_dtype, read_array, unmasked
from croton.util.errors import DTypeError, KindError, ShapeError
from croton.util.provenance import Line, user_line

_ids = itertools.count()
_lock = threading.Lock()
_SMALL = 256
"""Constants of up to this many bytes are compared by value, larger ones by identity."""


class Expr:
    """A symbolic array.

    inputs       the arrays it is computed from
    type         dtype and shape
    line         the user's line that made it first; no part of its identity
    name         a name for people; no part of its identity
    constraints  pairs of sizes that must be equal for it to have a value
    id           a number that no other Expr of this process ever has
    memo         what later layers remember about it; no part of its identity

    `==` compares elements, as in NumPy; whether two are the same node is asked with `is`. The hash is by identity, and Python
    compares dictionary keys of equal hash only, so sets and dictionaries of Expr are safe. `in` on a list is not, and neither are weak
    sets and dictionaries, which compare a key even with itself.
    """

    __slots__ = ("__weakref__", "constraints", "id", "inputs", "line", "memo", "name", "op", "params", "type")

    # NumPy arrays leave `array + expr` to our reflected operators.
    __array_ufunc__ = None

    constraints: tuple[tuple[Size, Size], ...]
    id: int
    inputs: tuple[Expr, ...]
    line: Line | None
    memo: dict[str, Any] | None
    name: str | None
    op: Op | None
    params: tuple
    type: TensorType

    def __init__(self, type: TensorType, name: str | None, line: Line | None) -> None:
        self.type, self.name, self.line = type, name, line
        self.op, self.inputs, self.params, self.constraints, self.memo = None, (), (), (), None
        self.id = next(_ids)

    if TYPE_CHECKING:
        # What the layers above install, for type checkers.
        def __add__(self, other: Any) -> Expr: ...
        def __radd__(self, other: Any) -> Expr: ...
        def __sub__(self, other: Any) -> Expr: ...
        def __rsub__(self, other: Any) -> Expr: ...
        def __mul__(self, other: Any) -> Expr: ...
        def __rmul__(self, other: Any) -> Expr: ...
        def __truediv__(self, other: Any) -> Expr: ...
        def __rtruediv__(self, other: Any) -> Expr: ...
        def __floordiv__(self, other: Any) -> Expr: ...
        def __rfloordiv__(self, other: Any) -> Expr: ...
        def __mod__(self, other: Any) -> Expr: ...
        def __rmod__(self, other: Any) -> Expr: ...
        def __pow__(self, other: Any) -> Expr: ...
        def __rpow__(self, other: Any) -> Expr: ...
        def __matmul__(self, other: Any) -> Expr: ...
        def __rmatmul__(self, other: Any) -> Expr: ...
        def __and__(self, other: Any) -> Expr: ...
        def __rand__(self, other: Any) -> Expr: ...
        def __or__(self, other: Any) -> Expr: ...
        def __ror__(self, other: Any) -> Expr: ...
        def __xor__(self, other: Any) -> Expr: ...
        def __rxor__(self, other: Any) -> Expr: ...
        def __lshift__(self, other: Any) -> Expr: ...
        def __rlshift__(self, other: Any) -> Expr: ...
        def __rshift__(self, other: Any) -> Expr: ...
        def __rrshift__(self, other: Any) -> Expr: ...
        def __lt__(self, other: Any) -> Expr: ...
        def __le__(self, other: Any) -> Expr: ...
        def __gt__(self, other: Any) -> Expr: ...
        def __ge__(self, other: Any) -> Expr: ...
        def __eq__(self, other: Any) -> Expr: ...  # type: ignore[override]
        def __ne__(self, other: Any) -> Expr: ...  # type: ignore[override]
        def __neg__(self) -> Expr: ...
        def __pos__(self) -> Expr: ...
        def __abs__(self) -> Expr: ...
        def __invert__(self) -> Expr: ...
        def __getitem__(self, item: Any) -> Expr: ...
        def __iter__(self) -> Iterator[Expr]: ...
        def __len__(self) -> int: ...
        def __getattr__(self, name: str) -> Any: ...  # the methods

    __hash__ = object.__hash__  # type: ignore[assignment]

    @property
    def dtype(self) -> DType:
        """The element type; it compares equal to NumPy's."""
        return self.type.dtype

    @property
    def shape(self) -> tuple[Size, ...]:
        """The sizes of the axes: integers, or symbolic sizes, which arithmetic takes like numbers."""
        return self.type.shape

    @property
    def ndim(self) -> int:
        """How many axes there are."""
        return len(self.type.shape)

    def __bool__(self) -> bool:
        raise KindError(
            f"a symbolic array has no truth value while the graph is built: {self!r}. "
            "Use where or cond to choose by its value, `is` to ask whether two expressions are the same, or eval() to compute it."
            + (" An argument of jit that is a Python value is named in static." if isinstance(self, Input) else "")
        )

    def _no_number(self, *_: Any) -> Any:
        raise KindError(
            f"a symbolic array has no value while the graph is built: {self!r}. Keep it symbolic (astype converts it), or call eval() to compute it."
        )

    __float__ = __int__ = __complex__ = _no_number

    def __copy__(self) -> Expr:
        return self

    def __deepcopy__(self, memo: dict) -> Expr:
        return self

    def __reduce__(self) -> tuple:
        raise KindError("expressions cannot be pickled; pickle the values of the shared variables (get_value) and build the graph again")

    def __repr__(self) -> str:
        label = self.name or (self.op.name if self.op is not None else type(self).__name__.lower())
        return f"<{label}: {self.type}>"


class Input(Expr):
    """An argument of the function to come. Two inputs are never the same, even with one name."""

    __slots__ = ()


class SharedVariable(Expr):
    """An array that lives between calls. Functions read it, and updates write it.

    `cell` is a list with one entry, the current array: aligned, C-contiguous, of the variable's dtype.
    """

    __slots__ = ("cell",)

    cell: list[np.ndarray]

    def get_value(self, borrow: bool = False) -> np.ndarray:
        """The current value; a copy unless `borrow`."""
        return self.cell[0] if borrow else self.cell[0].copy()

    def set_value(self, value: object, borrow: bool = False) -> None:
        """Replace the value by one of the same dtype and shape. `borrow` keeps the array itself where it can be kept."""
        self.cell[0] = _owned(value, self.type, self.name, borrow)


class Constant(Expr):
    """An array known while the graph is built. `value` is read-only."""

    __slots__ = ("value",)

    value: np.ndarray


class Apply(Expr):
    """An operation on other arrays."""

    __slots__ = ()

    op: Op


_applied: weakref.WeakValueDictionary[tuple, Apply] = weakref.WeakValueDictionary()
_constants: weakref.WeakValueDictionary[tuple, Constant] = weakref.WeakValueDictionary()


def apply(op: Op, inputs: Sequence[Expr], params: tuple = ()) -> Apply:
    """The node of this operation on these inputs, type-checked. Raises what the op's type rule raises."""
    key = (op, *[x.id for x in inputs], params)
    node = _applied.get(key)
    if node is not None:
        return node
    inferred = op.infer([x.type for x in inputs], params)
    constraints: tuple[tuple[Size, Size], ...] = ()
    if isinstance(inferred, Constrained):
        inferred, constraints = inferred
    constraints += not_negative(inferred.shape, [x.type for x in inputs], constraints)
    with _lock:
        node = _applied.get(key)
        if node is None:
            node = Apply(inferred, None, user_line())
            node.op, node.inputs, node.params, node.constraints = op, tuple(inputs), params, constraints
            _applied[key] = node
    return node


def input(type: TensorType, name: str | None = None) -> Input:
    """A new input."""
    return Input(type, name, user_line())


def constant(value: object, dtype_name: object = None) -> Constant:
    """A constant array. The value is copied; equal small values of one dtype and shape give the same node, which has no line: it has many."""
    if isinstance(value, np.ndarray) and type(value) is not np.ndarray:
        value = unmasked(value, "a constant")
    array = np.asarray(value, None if dtype_name is None else dtype(dtype_name).numpy)
    kind = dtype(array.dtype)
    key = (kind, array.shape, array.tobytes()) if array.nbytes <= _SMALL else None
    node = _constants.get(key) if key is not None else None
    if node is not None:
        return node
    array = kind.own(np.array(array, kind.numpy, order="C", copy=True))
    array.flags.writeable = False
    node = Constant(TensorType(kind, array.shape), None, user_line() if key is None else None)
    node.value = array
    if key is None:
        return node
    with _lock:
        return _constants.setdefault(key, node)


def shared(value: np.ndarray, name: str | None, shape: tuple[Size, ...]) -> SharedVariable:
    """A shared variable with this first value; the sizes of its shape may be symbolic."""
    node = SharedVariable(TensorType(dtype(value.dtype), shape), name, user_line())
    node.cell = [_owned(value, node.type, name, False)]
    return node


def _owned(value: object, wanted: TensorType, name: str | None, borrow: bool) -> np.ndarray:
    """The value as an array that compiled code may read and write: its own memory unless borrowed, aligned, C-contiguous."""
    label = f"shared variable {name!r}" if name else "this shared variable"
    array = read_array(value, label)
    if array.dtype != wanted.dtype.numpy:
        exact = not has_dtype(value) and np.can_cast(array.dtype, wanted.dtype.numpy, "same_kind")
        if not exact:
            raise DTypeError(f"{label} holds {wanted.dtype}, got {array.dtype}; convert it with value.astype({wanted.dtype.name!r})")
        array = array.astype(wanted.dtype.numpy)
        borrow = True
    fits = array.ndim == wanted.ndim and all(not isinstance(s, int) or s == n for s, n in zip(wanted.shape, array.shape))
    if not fits:
        raise ShapeError(
            f"{label} has shape {show(wanted.shape)}, got a value of shape {array.shape}; reshape the value, "
            "or declare the axes that change as None in shared(value, shape=...)"
        )
    if borrow and array.flags.c_contiguous and array.flags.aligned and array.flags.writeable:
        return wanted.dtype.own(array)
    return wanted.dtype.own(np.array(array, wanted.dtype.numpy, order="C", copy=True, subok=False))


def install(name: str, value: Any) -> None:
    """Give all expressions a method or attribute. Layers above install what they know: operators, eval, __array__."""
    setattr(Expr, name, value)
