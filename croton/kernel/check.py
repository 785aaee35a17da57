"""What makes a kernel well formed. A pass that emits a wrong kernel is named by the statement that is wrong."""

from __future__ import annotations

from typing import NamedTuple

from croton.dtypes import DType, bool_, int64
from croton.kernel.functions import FUNCTIONS
from croton.kernel.language import OPS, Acc, Atom, Buffer, Const, Extent, For, Index, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var
from croton.kernel.parallelise import sweeps
from croton.kernel.print import statement_text


class KernelError(ValueError):
    """A kernel that breaks a rule of the loop language: a bug in whoever built it."""


class _Scope(NamedTuple):
    """Names that can be seen: values by dtype, accumulators, labels; and of the innermost `lanes`, what it updates."""

    values: dict[str, DType]
    accumulators: dict[str, Acc]
    labels: dict[str, Extent]


def check(kernel: Kernel) -> None:
    """Raise KernelError, with the statement, unless the kernel obeys the language: names are defined before use and not hidden, dtypes
    and ranks agree, `lanes` is innermost and its iterations are independent, `parallel` loops update no outer accumulator."""
    _Checker(kernel).run()


class _Checker:
    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.sizes = frozenset(kernel.sizes)
        self.buffers: dict[str, Buffer] = {}

    def run(self) -> None:
        self.parameters()
        for sweep in sweeps(self.kernel):
            self.block(sweep.body, _Scope({}, {}, {}))

    def parameters(self) -> None:
        if len(self.sizes) != len(self.kernel.sizes):
            raise KernelError(f"the sizes {', '.join(self.kernel.sizes)} are not distinct")
        for buffer in self.kernel.buffers:
            if buffer.name in self.buffers or buffer.name in self.sizes:
                raise KernelError(f"the name {buffer.name} stands for two parameters")
            for extent in buffer.shape:
                self.extent(extent, f"buffer {buffer.name}")
            self.buffers[buffer.name] = buffer
        self.steps()

    def steps(self) -> None:
        """Each buffer changes in one way, and by a size that is known."""
        if self.kernel.steps is None:
            return
        moves, follows, exchanges = self.kernel.steps
        changing = [*[buffer for buffer, _ in (*moves, *follows)], *[buffer for pair in exchanges for buffers in pair for buffer in buffers]]
        for buffer in changing:
            if buffer not in self.buffers or changing.count(buffer) > 1:
                raise KernelError(f"each step: a buffer that changes in one way is wanted, got {buffer}")
        for buffer, by in moves:
            self.extent(by, f"each step {buffer} +=", signed=True)
        for buffer, other in follows:
            if other not in self.buffers or self.buffers[other].dtype is not self.buffers[buffer].dtype:
                raise KernelError(f"each step: {buffer} cannot follow {other}")
        for some, others in exchanges:
            if not some or not others or len({self.buffers[buffer].dtype for buffer in (*some, *others)}) > 1:
                raise KernelError(f"each step: {some} and {others} change places but are not alike")

    def block(self, body: tuple[Stmt, ...], scope: _Scope) -> None:
        """Loops nest as deep as arrays have axes, so recursion is bounded here."""
        for statement in body:
            kind = type(statement)
            if kind is Let:
                self.let(statement, scope)  # type: ignore[arg-type]
            elif kind is Load:
                self.load(statement, scope)  # type: ignore[arg-type]
            elif kind is Store:
                self.store(statement, scope)  # type: ignore[arg-type]
            elif kind is Acc:
                self.accumulator(statement, scope)  # type: ignore[arg-type]
            elif kind is Update:
                self.update(statement, scope)  # type: ignore[arg-type]
            elif kind is For or kind is Lanes:
                self.loop(statement, scope)  # type: ignore[arg-type]
            else:
                raise KernelError(f"not a statement: {statement!r}")

    def loop(self, loop: For | Lanes, scope: _Scope) -> None:
        self.extent(loop.extent, statement_text(loop))
        if loop.block is not None:
            self.extent(loop.block.size, statement_text(loop))
            if loop.block.number not in scope.labels:
                raise self.error(loop, f"the number of a block is a label, {loop.block.number} is not")
            if loop.parallel:
                raise self.error(loop, "a loop over a block is not parallel itself")
        self.define(loop.label, scope, loop)
        inner = _Scope(dict(scope.values), dict(scope.accumulators), {**scope.labels, loop.label: loop.extent})
        if isinstance(loop, Lanes):
            self.lanes(loop, scope)
        self.block(loop.body, inner)
        if loop.parallel:
            self.parallel(loop, scope)

    def lanes(self, loop: Lanes, scope: _Scope) -> None:
        updated = {statement.name for statement in loop.body if isinstance(statement, Update)}
        # Of an element that is read where it is stored: what else an iteration stores is no other iteration's, or these would not be independent.
        stored: dict[str, set[tuple[Index, ...]]] = {}
        for statement in loop.body:
            if isinstance(statement, Store):
                stored.setdefault(statement.buffer, set()).add(statement.index)
        for statement in loop.body:
            if isinstance(statement, For | Lanes | Acc):
                raise self.error(statement, "lanes is the innermost loop: it holds no loop and no accumulator of its own")
            if isinstance(statement, Let | Update | Store):
                atoms = statement.args if isinstance(statement, Let) else (statement.value,)
                for atom in atoms:
                    if isinstance(atom, Var) and atom.name in updated:
                        raise self.error(statement, f"{atom.name} is updated in this lanes loop, so its value is known only after it")
            if isinstance(statement, Load) and statement.index not in stored.get(statement.buffer, {statement.index}):
                problem = f"{statement.buffer} is stored elsewhere in this lanes loop, whose iterations must be independent"
                raise self.error(statement, problem)

    def parallel(self, loop: For | Lanes, scope: _Scope) -> None:
        pending: list[Stmt] = list(loop.body)
        depends = {loop.label}
        while pending:
            statement = pending.pop(0)
            if isinstance(statement, For | Lanes):
                if statement.block is not None and statement.block.number in depends:
                    depends.add(statement.label)
                pending = [*statement.body, *pending]
            elif isinstance(statement, Update) and statement.name in scope.accumulators:
                raise self.error(statement, f"the parallel loop over {loop.label} cannot update an accumulator from outside of it")
            elif isinstance(statement, Let):
                if any(isinstance(atom, Var) and atom.name in depends for atom in statement.args):
                    depends.add(statement.name)
            elif isinstance(statement, Load):
                if _names(statement.index) & depends or statement.guard in depends:
                    depends.add(statement.name)
            elif isinstance(statement, Store) and not _names(statement.index) & depends:
                raise self.error(statement, f"every iteration of the parallel loop over {loop.label} would write the same place")

    def let(self, let: Let, scope: _Scope) -> None:
        function = FUNCTIONS.get(let.function)
        if function is None:
            raise self.error(let, f"no function {let.function!r}; the functions are {', '.join(sorted(FUNCTIONS))}")
        if len(let.args) != function.arity:
            raise self.error(let, f"{let.function} takes {function.arity} arguments, {len(let.args)} given")
        form = function.form
        if form in ("label", "size"):
            known = scope.labels if form == "label" else self.sizes
            if not (isinstance(let.args[0], Var) and let.args[0].name in known):
                raise self.error(let, f"{let.function} wants the name of a {form}, got {let.args[0]}")
            operands = let.dtype
        elif form == "cast":
            operands = self.dtype_of(let.args[0], scope, let) or let.dtype
        elif form == "where":
            self.has(let.args[0], bool_, scope, let)
            operands = let.dtype
            for atom in let.args[1:]:
                self.has(atom, operands, scope, let)
        elif form == "same":
            operands = let.dtype
            for atom in let.args:
                self.has(atom, operands, scope, let)
        else:
            found = [dtype for dtype in (self.dtype_of(atom, scope, let) for atom in let.args) if dtype is not None]
            if not found:
                raise self.error(let, f"{let.function} of constants only: its argument's dtype is unknown")
            operands = found[0]
            for atom in let.args:
                self.has(atom, operands, scope, let)
            if let.dtype is not bool_:
                raise self.error(let, f"{let.function} gives bool, not {let.dtype}")
        if operands.kind not in function.takes:
            raise self.error(let, f"{let.function} does not take {operands}")
        self.define(let.name, scope, let)
        scope.values[let.name] = let.dtype

    def load(self, load: Load, scope: _Scope) -> None:
        buffer = self.access(load, scope)
        if buffer.dtype is not load.dtype:
            raise self.error(load, f"{buffer.name} holds {buffer.dtype}")
        self.define(load.name, scope, load)
        scope.values[load.name] = load.dtype

    def store(self, store: Store, scope: _Scope) -> None:
        buffer = self.access(store, scope)
        self.has(store.value, buffer.dtype, scope, store)
        if store.op is not None:
            self.operation(store.op, buffer.dtype, store)

    def accumulator(self, acc: Acc, scope: _Scope) -> None:
        self.operation(acc.op, acc.dtype, acc)
        self.define(acc.name, scope, acc)
        scope.values[acc.name] = acc.dtype
        scope.accumulators[acc.name] = acc

    def update(self, update: Update, scope: _Scope) -> None:
        acc = scope.accumulators.get(update.name)
        if acc is None:
            raise self.error(update, f"{update.name} is not an accumulator")
        self.has(update.value, acc.dtype, scope, update)
        self.guard(update, scope)

    def access(self, access: Load | Store, scope: _Scope) -> Buffer:
        buffer = self.buffers.get(access.buffer)
        if buffer is None:
            raise self.error(access, f"no buffer {access.buffer}")
        if len(access.index) != len(buffer.shape):
            raise self.error(access, f"{buffer.name} has {len(buffer.shape)} axes, the index has {len(access.index)}")
        for index in access.index:
            self.extent(index.const, statement_text(access), signed=True)
            for name, coef in index.terms:
                self.extent(coef, statement_text(access), signed=True)
                if name not in scope.labels and scope.values.get(name) is not int64:
                    raise self.error(access, f"an index is made of labels and int64 variables, {name} is neither")
        self.guard(access, scope)
        return buffer

    def guard(self, statement: Load | Store | Update, scope: _Scope) -> None:
        if statement.guard is not None and scope.values.get(statement.guard) is not bool_:
            raise self.error(statement, f"a guard is a bool variable, {statement.guard} is not")

    def operation(self, op: str, dtype: DType, statement: Stmt) -> None:
        if op not in OPS:
            raise self.error(statement, f"no reduction {op!r}; the reductions are {', '.join(OPS)}")
        if (op in ("any", "all")) is not dtype.is_bool:
            raise self.error(statement, f"{op} does not reduce {dtype}; any and all reduce bool, the others numbers")

    def extent(self, extent: Extent, where: str, signed: bool = False) -> None:
        if isinstance(extent, str):
            if extent not in self.sizes:
                raise KernelError(f"{where}: no size {extent}; the sizes are {', '.join(self.kernel.sizes) or 'none'}")
        elif isinstance(extent, bool) or not isinstance(extent, int) or (extent < 0 and not signed):
            raise KernelError(f"{where}: an extent is an integer >= 0 or the name of a size, got {extent!r}")

    def define(self, name: str, scope: _Scope, statement: Stmt) -> None:
        if name in scope.values or name in scope.labels or name in self.buffers or name in self.sizes:
            raise self.error(statement, f"the name {name} is taken")

    def dtype_of(self, atom: Atom, scope: _Scope, statement: Stmt) -> DType | None:
        """The dtype of a variable, None for a constant."""
        if isinstance(atom, Const):
            return None
        found = scope.values.get(atom.name)
        if found is None:
            hint = " (a label or size enters through `index` or `size`)" if atom.name in scope.labels or atom.name in self.sizes else ""
            raise self.error(statement, f"{atom.name} is not defined here{hint}")
        return found

    def has(self, atom: Atom, dtype: DType, scope: _Scope, statement: Stmt) -> None:
        found = self.dtype_of(atom, scope, statement)
        if found is not None and found is not dtype:
            raise self.error(statement, f"{atom.name} is {found}, {dtype} is wanted; cast it first")  # type: ignore[union-attr]
        if found is None and dtype.kind in "iu" and isinstance(atom.value, float):  # type: ignore[union-attr]
            raise self.error(statement, f"the constant {atom.value} is not {dtype}")  # type: ignore[union-attr]

    def error(self, statement: Stmt, problem: str) -> KernelError:
        return KernelError(f"`{statement_text(statement)}`: {problem}")


def _names(index: tuple[Index, ...]) -> set[str]:
    return {name for part in index for name, _ in part.terms}
