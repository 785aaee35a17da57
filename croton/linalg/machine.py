"""Routines of linear algebra that run as machine code: each is one operation on expressions, without a derivative of its own.

A routine says what it takes and gives by letters, as in "nn,nk->nk": an axis each, equal letters for equal sizes, the axes of stacks in front left out.
`l` is the lesser of `m` and `n`, `k` counts columns that have nothing to do with each other, and results are of the arguments' dtype but for those with
another one behind them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from croton.algebra.call import call
from croton.algebra.matrix_call import MatrixCall
from croton.algebra.matrix_routine import MatrixRoutine
from croton.algebra.node import Label, Operand, Use
from croton.algebra.operand import align, rename
from croton.dtypes import DType, dtype
from croton.expr.expr import Expr, apply
from croton.expr.op import Op
from croton.expr.types import Constrained, TensorType, show
from croton.ops.broadcasting import Pairs, broadcast_shapes, equal_sizes, typed
from croton.sizes import Size, least
from croton.util.errors import ShapeError


class Machine:
    """A routine as a function of expressions, and its signature taken apart."""

    def __init__(self, record: MatrixRoutine, signature: str) -> None:
        self.record = record
        taken, given = signature.split("->")
        self.arguments = taken.split(",")
        results = [result.split(":") for result in given.split(",")]
        self.results = [result[0] for result in results]
        self.dtypes: list[DType | None] = [dtype(result[1]) if len(result) > 1 else None for result in results]
        self.op = Op(record.name, self._infer, self._meaning, self._reference, False, ("place", "options"))

    def __call__(self, *xs: Expr, **options: bool) -> tuple[Expr, ...]:
        """The results for arguments of one dtype; options in the order of the routine's."""
        chosen = tuple(options.values())
        return tuple([apply(self.op, xs, (place, chosen)) for place in range(len(self.results))])

    def _sizes(self, shapes: Sequence[Sequence[Size]], pairs: Pairs) -> dict[str, Size]:
        """The size of each letter."""
        sizes: dict[str, Size] = {}
        for letters, shape in zip(self.arguments, shapes):
            for letter, size in zip(letters, shape[len(shape) - len(letters) :]):
                if letter not in sizes:
                    sizes[letter] = size
                elif not equal_sizes(sizes[letter], size, pairs):
                    given = " and ".join(show(tuple(shape)) for shape in shapes)
                    raise ShapeError(f"{self.record.name}: shapes {given} do not go together, sizes {sizes[letter]} and {size} have to be equal")
                elif isinstance(size, int):
                    sizes[letter] = size
        if "m" in sizes:
            sizes["l"] = least(sizes["m"], sizes["n"])
        return sizes

    def _infer(self, types: Sequence[TensorType], params: tuple) -> TensorType | Constrained:
        place, _ = params
        pairs: Pairs = []
        shapes = [type_.shape for type_ in types]
        sizes = self._sizes(shapes, pairs)
        stack = broadcast_shapes([shape[: len(shape) - len(letters)] for shape, letters in zip(shapes, self.arguments)], self.record.name, pairs)
        return typed(self.dtypes[place] or types[0].dtype, (*stack, *[sizes[letter] for letter in self.results[place]]), pairs)

    def _meaning(self, operands: Sequence[Operand], params: tuple) -> Operand:
        place, options = params
        sizes = self._sizes([operand.shape for operand in operands], [])
        dtypes = [chosen or operands[0].dtype for chosen in self.dtypes]
        operands = [rename(operand) for operand in operands]
        ranks = [len(letters) for letters in self.arguments]
        fronts = [Operand(operand.axes[: len(operand.axes) - rank], operand.use) for operand, rank in zip(operands, ranks)]
        stack, uses = align(fronts)
        own = [operand.axes[len(operand.axes) - rank :] for operand, rank in zip(operands, ranks)]
        around = [label for use in uses for label in use.labels if label.ambient]
        around += [label for label in stack if any(label in use.labels for use in uses)]
        around = list(dict.fromkeys(around))
        columns = self._columns(around, uses, own)
        if columns is not None:
            around.remove(columns)
            own[-1] = (*own[-1][:-1], columns)
        has = [[label for label in around if label in use.labels] for use in uses]
        given = [Operand((*front, *axes), use) for front, axes, use in zip(has, own, uses)]
        labels = [tuple([columns if columns and letter == "k" else Label(sizes[letter]) for letter in letters]) for letters in self.results]
        results = [((*around, *axes), chosen) for axes, chosen in zip(labels, dtypes)]
        mapped = tuple([tuple([around.index(label) for label in front]) for front in has])
        found = call(MatrixCall(self.record.name, options, len(around), mapped).routine(self.record), given, results)[place]
        axes = found.axes[len(around) :]
        return Operand((*stack, *axes) if columns is None else (*stack, *axes[:-1], Label(1)), found.use)

    def _columns(self, around: Sequence[Label], uses: Sequence[Use], own: Sequence[tuple[Label, ...]]) -> Label | None:
        """An axis around that only the last argument has, where that is of single columns: those along it are the columns of one call."""
        if self.arguments[-1][-1] != "k" or own[-1][-1].size != 1:
            return None
        others = {label for use in uses[:-1] for label in use.labels}
        return next((label for label in reversed(around) if label not in others and label in uses[-1].labels), None)

    def _reference(self, arrays: Sequence[np.ndarray], params: tuple) -> np.ndarray:
        place, options = params
        found = self.record.meaning.function(*arrays, *options)[place]
        stack = np.broadcast_shapes(*[array.shape[: array.ndim - len(letters)] for array, letters in zip(arrays, self.arguments)])
        chosen = self.dtypes[place]
        return np.broadcast_to(found, (*stack, *found.shape[len(stack) :])).astype(arrays[0].dtype if chosen is None else chosen.numpy)


def _cubed(factor: int, divisor: int = 1) -> Any:
    """So many operations for each element of the first argument's matrix times its rows."""
    return lambda shapes, options: factor * shapes[0][0] * shapes[0][0] * shapes[0][0] // divisor


_SINGULAR = "solve: the matrix {}is singular; pinv, or adding a small multiple of eye(n), gives an answer"

CHOLESKY = Machine(
    MatrixRoutine(
        "cholesky",
        _cubed(1, 3),
        failure="cholesky: the matrix {}is not positive definite; check that it is symmetric; adding a small multiple of eye(n) often helps",
    ),
    "nn->nn",
)
SOLVE_TRIANGULAR = Machine(
    MatrixRoutine(
        "solve_triangular",
        lambda shapes, options: shapes[0][0] * shapes[0][0] * shapes[1][1] // (3 if options[2] else 1),
        in_place=(0,),
        failure="solve_triangular: the matrix {}is singular, it has a 0 on its diagonal; check what it is made of",
    ),
    "nn,nk->nk",
)
LU = Machine(MatrixRoutine("lu", _cubed(2, 3)), "nn->nn,n:int32")
LU_SOLVE = Machine(
    MatrixRoutine("lu_solve", lambda shapes, options: 2 * shapes[0][0] * shapes[0][0] * shapes[2][1], in_place=(0,), failure=_SINGULAR), "nn,n,nk->nk"
)
LU_INVERSE = Machine(
    MatrixRoutine(
        "lu_inverse",
        _cubed(4, 3),
        lambda shapes, made: 64 * shapes[0][0],
        in_place=(1,),
        failure=_SINGULAR.replace("solve", "inv"),
    ),
    "nn,n->nn",
)
EIGH = Machine(
    MatrixRoutine(
        "eigh",
        _cubed(9),
        lambda shapes, made: shapes[0][0] * ((2 if made[1] else 3) * shapes[0][0] + 11) + 4,
        turned=(1,),
        optional=((1,),),
        failure="eigh: no eigenvalues were found of the matrix {}; look for NaN and infinite elements",
    ),
    "nn->n,nn",
)


def _svd_memory(shapes: Sequence[tuple[Size, ...]], made: Sequence[bool]) -> Size:
    (rows, columns), count = shapes[0], shapes[2][0]
    return rows * columns + count * (4 * count + 72) + 64 * (rows + columns)


SVD = Machine(
    MatrixRoutine(
        "svd",
        lambda shapes, options: 6 * shapes[0][0] * shapes[0][1] * shapes[2][0] + 16 * shapes[2][0] * shapes[2][0] * shapes[2][0],
        _svd_memory,
        turned=(0, 2),
        optional=((0, 2),),
        failure="svd: no singular values were found of the matrix {}; look for NaN and infinite elements",
    ),
    "mn->ml,l,ln",
)
QR = Machine(
    MatrixRoutine(
        "qr",
        lambda shapes, options: 4 * shapes[0][0] * shapes[0][1] * shapes[1][1],
        lambda shapes, made: shapes[0][0] * shapes[0][1] + shapes[1][1] + 64 * shapes[0][1],
        turned=(0,),
        optional=((0,), (1,)),
    ),
    "mn->ml,ln",
)
