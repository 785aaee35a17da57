"""Random kernels of the loop language, with arrays to run them on: every kind of access, guard, reduction and dtype."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from croton import dtypes
from croton.dtypes import DType, bool_, int64
from croton.kernel.functions import FUNCTIONS
from croton.kernel.language import Acc, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var

SIZES = (0, 1, 2, 3, 5, 8, 17, 31, 33, 64, 70, 130, 300)
SIMPLE = (
    "neg",
    "add",
    "sub",
    "mul",
    "maximum",
    "minimum",
    "abs",
    "sign",
    "floor",
    "where",
    "eq",
    "ne",
    "lt",
    "le",
    "gt",
    "ge",
    "bitwise_and",
    "bitwise_or",
    "bitwise_xor",
    "bitwise_not",
    "floor_divide",
    "remainder",
    "fmod",
    "logical_and",
    "logical_or",
    "logical_xor",
    "logical_not",
    "isnan",
    "copysign",
    "index",
    "cast",
    "div",
)


class Case(NamedTuple):
    """A kernel, arrays for its buffers (inputs and outputs) and values of its sizes."""

    kernel: Kernel
    arrays: list[np.ndarray]
    sizes: list[int]


def at(*terms: str | tuple[str, Extent], const: Extent = 0) -> Index:
    """An index: names with coefficient 1, or (name, coefficient)."""
    return Index(tuple((term, 1) if isinstance(term, str) else term for term in terms), const)


def values(dtype: DType, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """Small whole numbers of either sign, so that sums are exact in every order."""
    if dtype.is_bool:
        return np.asarray(generator.random(shape) < 0.6)
    low = 0 if dtype.kind == "u" else -4
    return np.asarray(generator.integers(low, 5, shape)).astype(dtype.numpy)


class _Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.generator = np.random.default_rng(seed)
        self.dtype = self.random.choice(dtypes.ALL)
        self.rows, self.columns = (self.random.choice(SIZES[:7]), self.random.choice(SIZES))
        self.fixed_columns = self.random.random() < 0.3
        self.count = 0
        self.buffers: list[Buffer] = []
        self.arrays: list[np.ndarray] = []
        self.known: dict[str, DType] = {}

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def buffer(self, dtype: DType, shape: tuple[Extent, ...], sizes: dict[str, int]) -> str:
        name = f"b{len(self.buffers)}"
        self.buffers.append(Buffer(name, dtype, shape))
        self.arrays.append(values(dtype, tuple(sizes[e] if isinstance(e, str) else e for e in shape), self.generator))
        return name

    def case(self) -> Case:
        sizes = {"n0": self.rows, "n1": self.columns}
        across: Extent = self.columns if self.fixed_columns else "n1"
        dtype, choose = self.dtype, self.random
        matrix = self.buffer(dtype, ("n0", across), sizes)
        turned = self.buffer(dtype, (across, "n0"), sizes)
        row = self.buffer(dtype, ("n0",), sizes)
        column = self.buffer(dtype, (across,), sizes)
        other = self.buffer(choose.choice(dtypes.ALL), ("n0", across), sizes)
        flat = self.buffer(dtype, ("n0", across, 3), sizes)
        places = self.buffer(int64, (across,), sizes)
        self.arrays[-1][...] = self.generator.integers(0, max(self.columns, 1), self.columns)
        body: list[Stmt] = [self.load(row, at("i0"))]
        ops = ("any", "all") if dtype.is_bool else ("sum", "max", "min", "prod")
        parallel = choose.random() < 0.4
        outer = None
        if not parallel and choose.random() < 0.5:
            outer = Acc("total", dtype, choose.choice(ops[:3]))
            self.known["total"] = dtype
        for number in range(choose.randint(1, 3)):
            label = f"j{number}"
            saved = dict(self.known)
            lanes: list[Stmt] = []
            reads = [
                (matrix, (at("i0"), at(label))),
                (turned, (at(label), at("i0"))),
                (column, (at(label),)),
                (other, (at("i0"), at(label))),
                (flat, (at("i0"), at(label), at(const=1))),
            ]
            if isinstance(across, int):
                reads.append((column, (at((label, -1), const=across - 1),)))
            for _ in range(choose.randint(1, 3)):
                buffer, index = choose.choice(reads)
                lanes.append(self.load(buffer, *index, guard=self.any(bool_)))
            if choose.random() < 0.4:
                place = self.load(places, at(label))
                lanes += [place, self.load(matrix, at("i0"), at(place.name), guard=self.any(bool_))]
            for _ in range(choose.randint(1, 6)):
                let = self.let(label)
                if let is not None:
                    lanes.append(let)
            value = self.any(dtype)
            if value is not None:
                lanes += self.results(label, value, across, sizes, parallel)
                if outer is not None:
                    lanes.append(Update("total", Var(value), self.any(bool_) if choose.random() < 0.3 else None))
            if choose.random() < 0.6 and value is not None:
                op = choose.choice(ops)
                acc = self.name()
                body.append(Acc(acc, dtype, op))
                lanes.append(Update(acc, Var(value), self.any(bool_) if choose.random() < 0.4 else None))
                self.known = {**saved, acc: dtype}
            else:
                self.known = saved
            body.append(Lanes(label, across, tuple(s for s in lanes if not self.reads_outer(s))))
        result = self.any(dtype, exclude="total")
        if result is not None and choose.random() < 0.7:
            body.append(Store(self.buffer(dtype, ("n0",), sizes), (at("i0"),), Var(result)))
        loop = For("i0", "n0", tuple(body), parallel)
        kernel_body: tuple[Stmt, ...] = (loop,)
        if outer is not None:
            kernel_body = (outer, loop, Store(self.buffer(dtype, (), sizes), (), Var("total")))
        return Case(Kernel(tuple(self.buffers), ("n0", "n1"), kernel_body), self.arrays, [self.rows, self.columns])

    def reads_outer(self, statement: Stmt) -> bool:
        """Whether it uses the accumulator that its own loop updates."""
        atoms = statement.args if isinstance(statement, Let) else (statement.value,) if isinstance(statement, Update | Store) else ()
        return any(isinstance(atom, Var) and atom.name == "total" for atom in atoms)

    def results(self, label: str, value: str, across: Extent, sizes: dict[str, int], parallel: bool) -> list[Stmt]:
        choose, dtype = self.random, self.dtype
        op = choose.choice(("any", "all") if dtype.is_bool else ("sum", "max", "min"))
        guard = self.any(bool_) if choose.random() < 0.4 else None
        kind = choose.choice(("plain", "turned", "strided", "columns", "row", "bins", "none"))
        if kind == "plain":
            return [Store(self.buffer(dtype, ("n0", across), sizes), (at("i0"), at(label)), Var(value), None, guard)]
        if kind == "turned":
            return [Store(self.buffer(dtype, (across, "n0"), sizes), (at(label), at("i0")), Var(value), choose.choice((None, op)), guard)]
        if kind == "strided":
            shape: tuple[Extent, ...] = ("n0", 2 * across + 1 if isinstance(across, int) else 2 * SIZES[-1] + 1)
            return [
                Store(self.buffer(dtype, shape, sizes), (at("i0"), at((label, 2), const=1)), Var(value), choose.choice((None, op)), guard)
            ]
        if kind == "row":
            return [Store(self.buffer(dtype, ("n0",), sizes), (at("i0"),), Var(value), op, guard)]
        if parallel or kind == "none":
            return []
        if kind == "columns":
            return [Store(self.buffer(dtype, (across,), sizes), (at(label),), Var(value), op, guard)]
        place = self.name()
        bins = 7
        made: list[Stmt] = [Let(place, int64, "index", (Var(label),)), Let(place + "m", int64, "remainder", (Var(place), Const(bins)))]
        return [*made, Store(self.buffer(dtype, (bins,), sizes), (at(place + "m"),), Var(value), op, guard)]

    def load(self, buffer: str, *index: Index, guard: str | None = None) -> Load:
        name = self.name()
        dtype = next(b.dtype for b in self.buffers if b.name == buffer)
        self.known[name] = dtype
        return Load(name, dtype, buffer, index, guard)

    def any(self, dtype: DType, exclude: str = "total") -> str | None:
        found = [name for name, known in self.known.items() if known is dtype and name != exclude]
        return self.random.choice(found) if found else None

    def let(self, label: str) -> Let | None:
        function = FUNCTIONS[self.random.choice(SIMPLE)]
        name = self.name()
        if function.form == "label":
            let = Let(name, self.random.choice([int64, dtypes.float32, dtypes.int32]), "index", (Var(label),))
        elif function.form == "cast":
            source = self.random.choice([known for known in self.known if known != "total"])
            result = self.random.choice(dtypes.ALL)
            if self.known[source].is_float and result.kind == "u":
                return None
            let = Let(name, result, "cast", (Var(source),))
        else:
            operand = self.random.choice([self.dtype, self.dtype, bool_, int64])
            if operand.kind not in function.takes:
                return None
            wanted = [bool_, operand, operand] if function.form == "where" else [operand] * function.arity
            args: list[Var | Const] = []
            for place, dtype in enumerate(wanted):
                found = self.any(dtype)
                if found is None and place == 0 and function.form in ("compare", "test"):
                    return None
                literal = found is None or (place > 0 and self.random.random() < 0.2)
                args.append(
                    Const(self.random.choice((True, False)) if dtype.is_bool else self.random.randint(0, 3)) if literal else Var(str(found))
                )
            let = Let(name, bool_ if function.form in ("compare", "test") else operand, function.name, tuple(args))
        self.known[name] = let.dtype
        return let


def random_case(seed: int) -> Case:
    """The kernel of a seed."""
    return _Maker(seed).case()
