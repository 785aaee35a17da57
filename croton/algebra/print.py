"""A graph as text, one line a node: `t0: contract b <- W[v,h]^2 G[b,h]^2 sum v,h`."""

from __future__ import annotations

from collections.abc import Sequence

from croton.algebra.coefficient import unguarded
from croton.algebra.constant import array_of
from croton.algebra.lettering import Lettering
from croton.algebra.node import Coef, Node, Use
from croton.sizes import Size

MOST_NUMBERS = 4


def show(uses: Sequence[Use]) -> str:
    """All nodes below some uses, arguments first and each once, then the uses themselves."""
    lettering = Lettering(uses)
    lines = [_line(node, lettering) for node in lettering.order if node.kind not in ("affine", "range", "select") and not is_number(node)]
    for letters, use in zip(lettering.outputs, uses):
        lines.append(f"-> {read(use.node, letters, lettering)}")
    return "\n".join(lines)


def is_number(node: Node) -> bool:
    """Whether a node is written as the number it is."""
    return node.kind == "contract" and not node.args


def read(node: Node, letters: Sequence[str], lettering: Lettering) -> str:
    """A node read at letters: a name with an index, a number, or a relation in brackets."""
    if is_number(node):
        return coefficient(node.param) or "1"
    if node.kind in ("affine", "range"):
        return f"[{row(node, letters)}]"
    if node.kind == "select":
        index, positions = node.args[0]
        return f"[{letters[0]} == {read(index, [letters[i] for i in positions], lettering)}]"
    if node.kind == "iota":
        return letters[0]
    return lettering.names[node] + (f"[{','.join(letters)}]" if letters else "")


def row(node: Node, letters: Sequence[str], equal: str = "==", at_least: str = ">=") -> str:
    """A relation with its positive terms on one side and its negative ones on the other."""
    coefficients, constant = node.param
    left: list[str] = []
    right: list[str] = []
    for c, name in zip(coefficients, letters):
        negative = isinstance(c, int) and c < 0
        (right if negative else left).append(_times(-c if negative else c, name))
    if not isinstance(constant, int):
        left.append(f"({constant})")
    elif constant:
        (left if constant > 0 else right).append(str(abs(constant)))
    return f"{' + '.join(left) or '0'} {equal if node.kind == 'affine' else at_least} {' + '.join(right) or '0'}"


def _times(c: Size, name: str) -> str:
    if isinstance(c, int):
        return name if c == 1 else f"{c} {name}"
    return f"({c}) {name}"


def coefficient(coef: Coef) -> str:
    """A coefficient as text; nothing for 1."""
    parts = []
    if coef.number != 1 or not coef.sizes:
        parts.append(f"{coef.number:g}" if isinstance(coef.number, float) else str(coef.number))
    parts += [f"({unguarded(size)})" + (f"^{exponent}" if exponent != 1 else "") for size, exponent in coef.sizes]
    return "" if parts == ["1"] else " ".join(parts)


def _line(node: Node, lettering: Lettering) -> str:
    letters = lettering.letters[node]
    axes, inner = letters[: len(node.dims)], letters[len(node.dims) :]
    reads = [read(arg[0], [letters[i] for i in arg[1]], lettering) for arg in node.args]
    kind = node.kind
    head = f"{lettering.names[node]}: {kind}"
    if kind == "input":
        return f"{head} {node.dtype}[{', '.join(f'{name}<{size}' for name, size in zip(axes, node.dims))}]"
    if kind == "constant":
        array = array_of(node)
        data = str(array.tolist()) if array.size <= MOST_NUMBERS else f"{array.size} numbers"
        return f"{head} {','.join(axes)} <- {data}"
    if kind == "contract":
        factors = [text + (f"^{arg[2]}" if arg[2] != 1 else "") for text, arg in zip(reads, node.args)]
        body = " ".join([text for text in [coefficient(node.param)] if text] + factors)
        over = f" sum {','.join(inner)}" if inner else ""
        return f"{head} {','.join(axes)} <- {body}{over}"
    if kind == "add":
        terms = [" ".join(part for part in (coefficient(arg[2]), text) if part) for text, arg in zip(reads, node.args)]
        return f"{head} {','.join(axes)} <- {' + '.join(terms)}"
    if kind == "map":
        name = f"cast {node.dtype}" if node.param == "cast" else node.param
        return f"{head} {','.join(axes)} <- {name}({', '.join(reads)})"
    if kind in ("reduce", "arg"):
        return f"{head} {','.join(axes)} <- {node.param} {reads[0]} over {','.join(inner)}"
    if kind == "cumulate":
        function, position, reverse, exclusive = node.param
        how = "".join(word for word, is_so in ((" reverse", reverse), (" exclusive", exclusive)) if is_so)
        return f"{head} {','.join(axes)} <- running {function} {reads[0]} along {axes[position]}{how}"
    if kind == "call":
        return f"{head} {','.join(axes)} <- {node.param[0].name}({', '.join(reads)}) result {node.param[1]}"
    if kind == "loop":
        core, part = node.param
        what = f"{part.kind} {part.place}" if part.kind in ("states", "final") else part.kind
        return f"{head} {','.join(axes)} <- {what} of {core.length} steps{' in reverse' if core.reverse else ''} from {', '.join(reads)}"
    return f"{head} {','.join(axes)}"
