"""Values that stay in registers: kernels mean what they did, whatever lies in one memory, and what they hand on to themselves is gone from memory."""

from __future__ import annotations

import random

import numpy as np
import pytest

from croton.dtypes import bool_, float32, float64, int64
from croton.kernel.check import check
from croton.kernel.interpret import interpret
from croton.kernel.join import joined
from croton.kernel.language import Acc, Buffer, Const, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import every_statement
from croton.kernel.print import to_text
from croton.kernel.registers import Memory, in_registers, with_numbers

from .sample_kernels import SOFTMAX, at


def element(number: int) -> tuple[Index]:
    return (Index((), number),)


def halves(buffers: tuple[str, str, str], count: int = 3) -> Kernel:
    """Some elements of the second are twice those of the first, one by one; the third is the sum of both, as a vector."""
    one, two, three = buffers
    body: list[Stmt] = []
    for number in range(count):
        body.append(Load(f"v{2 * number}", float64, one, element(number)))
        body.append(Let(f"v{2 * number + 1}", float64, "mul", (Var(f"v{2 * number}"), Const(2.0))))
        body.append(Store(two, element(number), Var(f"v{2 * number + 1}")))
    lanes = (
        Load("v90", float64, one, (at("i0"),)),
        Load("v91", float64, two, (at("i0"),)),
        Let("v92", float64, "add", (Var("v90"), Var("v91"))),
        Store(three, (at("i0"),), Var("v92")),
    )
    body.append(Lanes("i0", count, lanes))
    return Kernel(tuple(Buffer(name, float64, (count,)) for name in buffers), (), tuple(body))


def test_what_is_handed_on_is_not_in_memory() -> None:
    kernel = joined([halves(("b0", "b1", "b2")), halves(("b0", "b1", "b2"))])
    names = dict(zip([buffer.name for buffer in kernel.buffers], ("x", "s0", "s1", "s1", "s2", "y")))
    found = in_registers(kernel, Memory(names, {"s0", "s1", "s2"}))
    check(found)
    statements = list(every_statement(found.body))
    assert [names[buffer.name] for buffer in found.buffers] == ["x", "y"]
    assert sum(isinstance(s, Load) for s in statements) == sum(isinstance(s, Store) for s in statements) == 3
    assert not any(isinstance(s, Lanes) for s in statements)
    x, y = np.arange(3.0), np.zeros(3)
    interpret(found, [x, y], [])
    np.testing.assert_array_equal(y, 9 * x)


def test_vectors_stay_vectors() -> None:
    """Where no single elements are touched, where there are more than a few, and where functions take long."""
    for kernel, long in ((SOFTMAX, ()), (halves(("b0", "b1", "b2"), 8), ()), (halves(("b0", "b1", "b2")), ("add",))):
        memory = Memory({buffer.name: buffer.name for buffer in kernel.buffers}, {"b1"} if kernel is not SOFTMAX else ())
        assert to_text(in_registers(kernel, memory, long)) == to_text(kernel)


def test_results_may_lie_where_inputs_do() -> None:
    """What is stored into memory that others see is read again, and so is what it may have changed."""
    body = (
        Load("v0", float64, "b0", element(0)),
        Let("v1", float64, "add", (Var("v0"), Const(1.0))),
        Store("b1", element(0), Var("v1")),
        Load("v2", float64, "b0", element(0)),
        Store("b1", element(1), Var("v2")),
    )
    kernel = Kernel((Buffer("b0", float64, (2,)), Buffer("b1", float64, (2,))), (), body)
    found = in_registers(kernel, Memory({"b0": "input", "b1": "output"}, ()))
    shared = np.array([5.0, 0.0])
    interpret(found, [shared, shared], [])
    np.testing.assert_array_equal(shared, [6.0, 6.0])


def test_numbers_for_sizes() -> None:
    x = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    found, wanted = np.zeros((2, 3, 4), np.float32)
    known = with_numbers(SOFTMAX, {"n1": 4})
    check(known)
    assert "n1" not in to_text(known).split(")", 1)[1]
    interpret(known, [x, found], [3, 4])
    interpret(SOFTMAX, [x, wanted], [3, 4])
    np.testing.assert_array_equal(found, wanted)


MEMORIES = ("input", "slot 0", "slot 1", "slot 2", "output")


class _Maker:
    """A random kernel of few statements on tiny arrays, of which some are one memory."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.count = 0
        self.size = self.random.choice((2, 3, 4, 5))
        self.names = {f"b{number}": name for number, name in enumerate(MEMORIES * 2)}
        self.known: list[str] = []

    def name(self) -> str:
        self.count += 1
        return f"v{self.count}"

    def buffer(self, *memories: str) -> str:
        return self.random.choice([buffer for buffer, name in self.names.items() if name in memories])

    def load(self, index: Index) -> Load:
        guard = "truth" if self.random.random() < 0.1 else None
        return Load(self.name(), float64, self.buffer(*MEMORIES), (index,), guard)

    def store(self, index: Index, value: str) -> Store:
        op = self.random.choice(("sum", "max")) if self.random.random() < 0.2 else None
        guard = "truth" if self.random.random() < 0.1 else None
        return Store(self.buffer(*MEMORIES[1:]), (index,), Var(value), op, guard)

    def place(self) -> Index:
        return self.random.choice([*[Index((), number) for number in range(self.size)], at("where")])

    def scalars(self) -> list[Stmt]:
        load = self.load(self.place())
        self.known.append(load.name)
        let = Let(self.name(), float64, self.random.choice(("add", "sub", "maximum")), (Var(load.name), Var(self.random.choice(self.known))))
        self.known.append(let.name)
        return [load, let, self.store(self.place(), self.random.choice(self.known))]

    def lanes(self) -> list[Stmt]:
        label, acc = f"i{self.count}", self.name()
        index = self.random.choice((at(label), at((label, -1), const=self.size - 1)))
        loads = [self.load(index), self.load(self.place())]
        let = Let(self.name(), float64, "sub", (Var(loads[0].name), Var(self.random.choice([loads[1].name, *self.known]))))
        store = self.store(index, let.name)
        # The iterations of lanes run together.
        touched = {self.names[load.buffer] for load in loads}
        body: list[Stmt] = [*loads, let, Update(acc, Var(let.name))]
        if self.names[store.buffer] not in touched:
            body.append(store)
        before = [Acc(acc, float64, "sum")]
        loop: Stmt = Lanes(label, self.size, tuple(body))
        if self.random.random() < 0.3:
            loop = For(f"j{self.count}", 2, (loop,))
        self.known.append(acc)
        return [*before, loop]

    def kernel(self) -> Kernel:
        body: list[Stmt] = [
            Load("where", int64, "place", ()),
            Let("truth", bool_, "lt", (Var("where"), Const(1))),
            Load("v0", float64, "b0", element(0)),
        ]
        self.known.append("v0")
        for _ in range(self.random.randint(4, 14)):
            body += self.random.choice((self.scalars, self.scalars, self.lanes))()
        buffers = [Buffer(name, float64, (self.size,)) for name in self.names]
        return Kernel((*buffers, Buffer("place", int64, ())), (), tuple(body))


@pytest.mark.parametrize("seed", range(150))
def test_random_kernels_mean_what_they_did(seed: int) -> None:
    maker = _Maker(seed)
    kernel = maker.kernel()
    check(kernel)
    names = {**maker.names, "place": "place"}
    found = in_registers(kernel, Memory(names, {"slot 0", "slot 1", "slot 2"}))
    check(found)
    results = []
    for each in (kernel, found):
        arrays = {name: np.arange(maker.size) + 10.0 * number for number, name in enumerate(MEMORIES)}
        where = np.asarray(seed % 2)
        interpret(each, [where if buffer.name == "place" else arrays[names[buffer.name]] for buffer in each.buffers], [])
        results.append([arrays["input"], arrays["output"]])
    for one, other in zip(*results):
        np.testing.assert_array_equal(one, other, err_msg=to_text(kernel))


def test_one_memory_for_values_of_two_dtypes() -> None:
    """A slot is used again: what was known of it is forgotten."""
    body = (
        Load("v0", float64, "b0", element(0)),
        Store("b1", element(0), Var("v0")),
        Let("v1", float32, "cast", (Var("v0"),)),
        Store("b2", element(0), Var("v1")),
        Load("v2", float64, "b1", element(0)),
        Store("b3", element(0), Var("v2")),
        Load("v3", float32, "b2", element(0)),
        Let("v4", float64, "cast", (Var("v3"),)),
        Store("b3", element(1), Var("v4")),
    )
    buffers = (Buffer("b0", float64, (2,)), Buffer("b1", float64, (2,)), Buffer("b2", float32, (2,)), Buffer("b3", float64, (2,)))
    found = in_registers(Kernel(buffers, (), body), Memory({"b0": "x", "b1": "slot", "b2": "slot", "b3": "y"}, {"slot"}))
    assert [s.buffer for s in found.body if isinstance(s, Load)] == ["b0", "b1"]
