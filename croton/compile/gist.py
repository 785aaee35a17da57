"""What a kernel computes, in a line: each of its results as a formula of what it reads, with what is deep inside left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from croton.kernel.language import Acc, Atom, Const, For, Kernel, Lanes, Let, Load, Stmt, Store, Update, Var

MOST_CHARACTERS = 64
"""Of one formula; what does not fit is left out from the inside."""

MOST_IN_A_LINE = 110
"""Of all formulas of a kernel."""

DEEPEST = 7
LEFT_OUT = "..."

SIGNS = {
    "add": ("+", 2), "sub": ("-", 2), "mul": ("*", 3), "div": ("/", 3), "remainder": ("%", 3), "floor_divide": ("//", 3), "pow": ("**", 5),
    "eq": ("==", 1), "ne": ("!=", 1), "lt": ("<", 1), "le": ("<=", 1), "gt": (">", 1), "ge": (">=", 1), "logical_and": ("and", 0), "logical_or": ("or", 0),
}  # fmt: skip
"""Functions that are written between their arguments, and how tightly they hold them together."""

SILENT = ("cast", "identity", "stop")
"""Functions that say nothing to a reader."""

UNARY, ATOMIC = 4, 6

POSITIONS = "ijkl"
SIZES = "nmpq"
OWN = "@"
"""What names of positions and sizes begin with, as long as they are no text: arrays may have these names too."""

BUFFER = "#"
"""What the name of a buffer begins with, as long as it is not said which array that is."""


class Expression(NamedTuple):
    """A function of values, or with no arguments a name."""

    function: str
    args: tuple[Expression, ...] = ()


T = TypeVar("T")

Made = dict[str, Expression]


Results = dict[str, Expression]
"""What is stored to buffers at last, by their names in `Expression`."""


def gist(results: Results, names: Mapping[str, str]) -> str:
    """The results of a kernel as formulas: `t1 = tanh(x + b); t2 = sum(t1*t1)`. `names` are those of the arrays that its buffers are."""
    texts = [f"{names[buffer]} = {_fitting(value, names)}" for buffer, value in results.items()]
    line = ""
    for number, text in enumerate(texts):
        longer = f"{line}; {text}" if line else text
        if line and len(longer) > MOST_IN_A_LINE:
            return f"{line}; and {len(texts) - number} more"
        line = longer
    return line


def without_parts(results: Results, own: Collection[str]) -> Results:
    """The results without partial ones of the kernel's own that it adds up: t0 = sum(t1) of t1 = sum(x) is t0 = sum(x)."""
    whole = dict(results)
    for buffer, value in results.items():
        part = value.args[0] if len(value.args) == 1 else None
        if part is not None and not part.args and part.function in own and part.function in results and results[part.function].function == value.function:
            whole[buffer] = results[part.function]
            whole.pop(part.function, None)
    return whole


def mentioned(results: Results) -> set[str]:
    """The buffers that are made, or read in what is made."""
    found = set(results)
    pending = list(results.values())
    # What is read in many places is one object: written out it would be far longer than the kernel.
    seen: set[int] = set()
    while pending:
        value = pending.pop()
        if id(value) not in seen:
            seen.add(id(value))
            found.add(value.function)
            pending += value.args
    return {name for name in found if name.startswith(BUFFER)}


def named(kernel: Kernel, values: Iterable[T]) -> dict[str, T]:
    """What is given for the buffers of a kernel in their order, by their names in `Expression`."""
    return {f"{BUFFER}{buffer.name}": value for buffer, value in zip(kernel.buffers, values)}


def results_of(kernel: Kernel) -> Results:
    """What a kernel stores to each buffer at last; zeros that sums begin with are part of the sums."""
    made: Made = {}
    operations: dict[str, str] = {}
    sizes: dict[str, int] = {}
    results: dict[str, Expression] = {}
    statements = _flat(kernel.body)
    stored = Counter([statement.buffer for statement in statements if isinstance(statement, Store) and statement.op is None])
    for statement in statements:
        if isinstance(statement, Acc):
            operations[statement.name] = statement.op
        elif isinstance(statement, Let):
            made[statement.name] = _function(statement, made, sizes)
        elif isinstance(statement, Load):
            # What is stored twice is on the way to a result: what is read of it has no name of its own.
            found = results.get(statement.buffer) if stored[statement.buffer] > 1 else None
            made[statement.name] = _read(statement, made) if found is None or not found.args else found
        elif isinstance(statement, Update):
            value = _guarded(_atom(statement.value, made), statement.guard, made)
            made[statement.name] = Expression(operations.get(statement.name, "sum"), (value,))
        elif isinstance(statement, Store):
            value = _guarded(_atom(statement.value, made), statement.guard, made)
            if statement.op is not None:
                results[statement.buffer] = value if value.function == statement.op and len(value.args) == 1 else Expression(statement.op, (value,))
            else:
                results[statement.buffer] = value
    return {f"{BUFFER}{buffer.name}": results[buffer.name] for buffer in kernel.buffers if buffer.name in results}


def _flat(body: Sequence[Stmt]) -> list[Stmt]:
    """All statements in order, those of loops in their places."""
    found: list[Stmt] = []
    pending = list(reversed(body))
    while pending:
        statement = pending.pop()
        if isinstance(statement, For | Lanes):
            pending += reversed(statement.body)
        else:
            found.append(statement)
    return found


def _function(statement: Let, made: Made, sizes: dict[str, int]) -> Expression:
    """A function of what was made before; `sizes` numbers the sizes that the kernel computes with, in the order in which it mentions them."""
    if statement.function == "index":
        (label,) = statement.args
        return Expression(_position(label.name if isinstance(label, Var) else ""))
    if statement.function == "size":
        (size,) = statement.args
        number = sizes.setdefault(size.name if isinstance(size, Var) else "", len(sizes))
        return Expression(f"{OWN}{SIZES[number] if number < len(SIZES) else f'n{number}'}")
    args = tuple([_atom(arg, made) for arg in statement.args])
    if statement.function in SILENT:
        return args[0]
    if statement.function == "add":
        return _sum(*args)
    if statement.function == "mul":
        return _product(*args)
    if statement.function == "fma":
        return _sum(_product(*args[:2]), args[2])
    return Expression(statement.function, args)


def _position(label: str) -> str:
    """i, j, k, ... for the loops of a kernel from the outermost, which are i0, i1, i2, ..."""
    number = int(label[1:]) if label[1:].isdigit() else 0
    return f"{OWN}{POSITIONS[number] if number < len(POSITIONS) else f'i{number}'}"


def _sum(left: Expression, right: Expression) -> Expression:
    if right.function == "neg":
        return Expression("sub", (left, right.args[0]))
    if left.function == "neg":
        return Expression("sub", (right, left.args[0]))
    if right.function == "mul" and right.args[0].function.startswith("-"):
        number = right.args[0].function[1:]
        return Expression("sub", (left, right.args[1] if number == "1" else Expression("mul", (Expression(number), right.args[1]))))
    if right.function.startswith("-"):
        return Expression("sub", (left, Expression(right.function[1:])))
    return Expression("add", (left, right))


def _product(left: Expression, right: Expression) -> Expression:
    """With numbers in front; a value by itself is a square."""
    if left == right:
        return Expression("pow", (left, Expression("2")))
    if right.function == "div" and _is_number(right.args[0]) and not _is_number(left):
        return _quotient(left, *right.args)
    if left.function == "div" and _is_number(left.args[0]) and not _is_number(right):
        return _quotient(right, *left.args)
    return Expression("mul", (right, left) if _is_number(right) and not _is_number(left) else (left, right))


def _quotient(value: Expression, number: Expression, divisor: Expression) -> Expression:
    """value * (number / divisor) as one quotient."""
    sign, size = ("-", number.function[1:]) if number.function.startswith("-") else ("", number.function)
    found = Expression("div", (value if size == "1" else _product(Expression(size), value), divisor))
    return Expression("neg", (found,)) if sign else found


def _is_number(value: Expression) -> bool:
    return not value.args and value.function.lstrip("-")[:1].isdigit()


def _read(statement: Load, made: Made) -> Expression:
    """An element of a buffer; where computed indices say which, these stand beside its name."""
    name = f"{BUFFER}{statement.buffer}"
    at = [made[label] for index in statement.index for label, _ in index.terms if label in made and _reads(made[label])]
    # Of a computed index a guard says no more than that it is within its axis.
    return Expression("[]", (Expression(name), *at)) if at else _guarded(Expression(name), statement.guard, made)


def _guarded(value: Expression, guard: str | None, made: Made) -> Expression:
    """A value that is 0 where its guard is false."""
    return value if guard is None else Expression("where", (made.get(guard, Expression(LEFT_OUT)), value, Expression("0")))


def _reads(value: Expression) -> bool:
    """Whether a value is made of anything but positions and sizes."""
    return any(map(_reads, value.args)) if value.args else not value.function.startswith(OWN) and not _is_number(value)


def _atom(atom: Atom, made: Made) -> Expression:
    if isinstance(atom, Var):
        return made.get(atom.name, Expression(LEFT_OUT))
    assert isinstance(atom, Const)
    return Expression(str(atom.value) if isinstance(atom.value, bool | int) else f"{atom.value:g}")


def _fitting(value: Expression, names: Mapping[str, str]) -> str:
    """The longest text that is short enough."""
    for depth in range(DEEPEST, 0, -1):
        text = _text(value, depth, names)[0]
        if len(text) <= MOST_CHARACTERS:
            return text
    return f"{value.function}({LEFT_OUT})"


def _text(value: Expression, depth: int, names: Mapping[str, str]) -> tuple[str, int]:
    """A text, and how tightly it holds together."""
    function, args = value
    if not args:
        return names.get(function) or function.removeprefix(OWN), UNARY if function.startswith("-") else ATOMIC
    if depth == 0:
        return LEFT_OUT, ATOMIC
    if function in SIGNS and len(args) == 2:
        sign, tight = SIGNS[function]
        left = _within(args[0], depth, tight, names)
        right = _within(args[1], depth, tight + (function in ("sub", "div", "pow", "remainder", "floor_divide")), names)
        return (f"{left}{sign}{right}" if tight > 2 else f"{left} {sign} {right}"), tight
    if function == "neg":
        return f"-{_within(args[0], depth, UNARY, names)}", UNARY
    inner = [_text(arg, depth - 1, names)[0] for arg in args]
    if function == "[]":
        return f"{inner[0]}[{', '.join(inner[1:])}]", ATOMIC
    return f"{function}({', '.join(inner)})", ATOMIC


def _within(value: Expression, depth: int, tight: int, names: Mapping[str, str]) -> str:
    text, own = _text(value, depth - 1, names)
    return f"({text})" if own < tight else text
