"""A value as mathematics, in plain text or LaTeX: what the algebra found, for people to read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from croton.algebra.coefficient import unguarded
from croton.algebra.constant import array_of
from croton.algebra.lettering import Lettering
from croton.algebra.node import Coef, Node, Operand, Use
from croton.algebra.print import coefficient, is_number, row
from croton.algebra.seal import is_delta
from croton.sizes import Size

LONGEST = 160
"""A longer part gets a name and a line of its own."""


class _Piece(NamedTuple):
    """Text, and how tightly it binds: 0 a sum, 1 a product, 2 an atom."""

    text: str
    tightness: int


def formula(value: Use | Operand, name: str = "y", latex: bool = False, names: Mapping[Any, str] | None = None) -> str:
    """The value as a formula in its inputs, with a line for each part that is used more than once. `names` says what inputs are called, by key."""
    use, labels = (value.use, value.axes) if isinstance(value, Operand) else (value, ())
    lettering = Lettering([use], labels, names)
    style: _Text = _LATEX if latex else _TEXT
    pieces: dict[Node, _Piece] = {}
    lines: list[str] = []
    for node in lettering.order:
        piece = _piece(node, lettering, pieces, style)
        plain = node.kind in ("input", "iota", "affine", "range", "select") or is_number(node)
        if plain or (node in lettering.single and len(piece.text) <= LONGEST) or node is use.node:
            pieces[node] = piece
        else:
            axes = lettering.letters[node][: len(node.dims)]
            lines.append(f"{style.indexed(lettering.names[node], axes)} = {piece.text}")
    letters = lettering.outputs[0]
    text = pieces[use.node].text
    if len(set(letters)) < len(letters):
        text = style.indexed(lettering.names[use.node], letters)
    head = f"{style.indexed(name, lettering.axes or tuple(dict.fromkeys(letters)))} = {text}"
    return style.joined([head, *reversed(lines)])


class _Text:
    """Plain text."""

    __slots__ = ()
    space = " "

    def indexed(self, name: str, letters: Sequence[str]) -> str:
        return f"{name}[{','.join(letters)}]" if letters else name

    def power(self, base: str, exponent: int) -> str:
        return f"{base}^{exponent}"

    def total(self, letters: Sequence[str], body: str, function: str = "sum") -> str:
        return f"{function}_{','.join(letters)} {body}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        return f"{name}({', '.join(arguments)})"

    def delta(self, letters: Sequence[str]) -> str:
        return f"delta[{','.join(letters)}]"

    def relation(self, node: Node, letters: Sequence[str]) -> str:
        return f"[{row(node, letters, '=')}]"

    def number(self, coef: Coef) -> str:
        return coefficient(coef)

    def bracket(self, text: str) -> str:
        return f"({text})"

    def joined(self, lines: Sequence[str]) -> str:
        return "\n    with ".join(lines)


class _Latex:
    """LaTeX for a formula environment."""

    __slots__ = ()
    space = r"\,"
    known = frozenset({"exp", "log", "sin", "cos", "tan", "sinh", "cosh", "tanh", "max", "min"})

    def indexed(self, name: str, letters: Sequence[str]) -> str:
        if len(name) == 1:
            stem = name
        elif name[0] == "t" and name[1:].isdigit():
            stem = f"t_{{{name[1:]}}}"
        else:
            stem = rf"\mathrm{{{name.replace('_', chr(92) + '_')}}}"
        if not letters:
            return stem
        index = "".join(letters) if all(len(one) == 1 for one in letters) else ",".join(letters)
        return f"{{{stem}}}_{{{index}}}" if "_" in stem else f"{stem}_{{{index}}}"

    def power(self, base: str, exponent: int) -> str:
        return f"{base}^{{{exponent}}}"

    def total(self, letters: Sequence[str], body: str, function: str = "sum") -> str:
        sign = {"sum": r"\sum", "prod": r"\prod", "max": r"\max", "min": r"\min"}.get(function, rf"\operatorname{{{function}}}")
        return f"{sign}_{{{','.join(letters)}}} {body}"

    def call(self, name: str, arguments: Sequence[str]) -> str:
        if name == "sqrt":
            return rf"\sqrt{{{arguments[0]}}}"
        if name == "abs":
            return rf"\left|{arguments[0]}\right|"
        head = f"\\{name}" if name in self.known else rf"\operatorname{{{name.replace('_', chr(92) + '_')}}}"
        return rf"{head}\left({', '.join(arguments)}\right)"

    def delta(self, letters: Sequence[str]) -> str:
        return rf"\delta_{{{''.join(letters)}}}"

    def relation(self, node: Node, letters: Sequence[str]) -> str:
        return rf"\left[{row(node, letters, '=', chr(92) + 'ge')}\right]"

    def number(self, coef: Coef) -> str:
        above = [f"{coef.number:g}"] if coef.number != 1 else []
        above += [self._power_of(size, exponent) for size, exponent in coef.sizes if exponent > 0]
        below = [self._power_of(size, -exponent) for size, exponent in coef.sizes if exponent < 0]
        top = " ".join(above)
        return rf"\frac{{{top or 1}}}{{{' '.join(below)}}}" if below else top

    def _power_of(self, size: Size, exponent: int) -> str:
        name = str(unguarded(size))
        text = name if name.isidentifier() else f"({name})"
        return text if exponent == 1 else f"{text}^{{{exponent}}}"

    def bracket(self, text: str) -> str:
        return rf"\left({text}\right)"

    def joined(self, lines: Sequence[str]) -> str:
        return "\n\\\\ ".join(lines)


_TEXT = _Text()
_LATEX: _Text = _Latex()  # type: ignore[assignment]


def _read(node: Node, letters: Sequence[str], lettering: Lettering, pieces: dict[Node, _Piece], style: _Text) -> _Piece:
    kind = node.kind
    if is_number(node):
        return _Piece(style.number(node.param) or "1", 1 if node.param.sizes or node.param.number < 0 else 2)
    if kind == "iota":
        return _Piece(letters[0], 2)
    if is_delta(node):
        return _Piece(style.delta(letters), 2)
    if kind in ("affine", "range"):
        return _Piece(style.relation(node, letters), 2)
    if kind == "select":
        index, positions = node.args[0]
        inner = _read(index, [letters[i] for i in positions], lettering, pieces, style)
        return _Piece(f"[{letters[0]} = {inner.text}]", 2)
    if kind != "input" and node in lettering.single and node in pieces:
        return pieces[node]
    return _Piece(style.indexed(lettering.names[node], letters), 2)


def _piece(node: Node, lettering: Lettering, pieces: dict[Node, _Piece], style: _Text) -> _Piece:
    """The text of a node in its own letters."""
    letters = lettering.letters[node]
    axes, inner = letters[: len(node.dims)], letters[len(node.dims) :]
    if not node.args:
        if node.kind == "constant" and not node.dims:
            return _Piece(str(array_of(node).item()), 2)
        return _read(node, axes, lettering, pieces, style)
    if node.kind == "select":
        return _Piece("", 2)
    reads = [_read(arg[0], [letters[i] for i in arg[1]], lettering, pieces, style) for arg in node.args]
    kind = node.kind
    if kind == "contract":
        factors = [style.number(node.param)] if style.number(node.param) else []
        for piece, arg in zip(reads, node.args):
            if arg[2] != 1:
                factors.append(style.power(piece.text if piece.tightness == 2 and "^" not in piece.text else style.bracket(piece.text), arg[2]))
            else:
                factors.append(piece.text if piece.tightness else style.bracket(piece.text))
        negative = node.param.number < 0
        body = style.space.join(factors)
        if negative and node.param.number == -1 and not node.param.sizes:
            body = "-" + style.space.join(factors[1:])
        return _Piece(style.total(inner, body), 0) if inner else _Piece(body, 0 if negative else 1)
    if kind == "add":
        return _Piece(_signed([(arg[2], piece) for arg, piece in zip(node.args, reads)], style), 0)
    texts = [piece.text for piece in reads]
    if kind == "map":
        return _Piece(style.call(node.param, texts), 2)
    if kind in ("reduce", "arg"):
        return _Piece(style.total(inner, reads[0].text if reads[0].tightness else style.bracket(reads[0].text), node.param), 0)
    if kind == "cumulate":
        return _Piece(style.call("running " + node.param[0], [*texts, axes[node.param[1]]]), 2)
    if kind == "loop":
        return _Piece(style.call("loop", texts), 2)
    return _Piece(style.call(node.param[0].name, texts), 2)


def _signed(terms: Sequence[tuple[Coef, _Piece]], style: _Text) -> str:
    result = ""
    for coef, piece in sorted(terms, key=lambda term: term[0].number < 0):
        negative = coef.number < 0
        scale = style.number(Coef(abs(coef.number), coef.sizes))
        body = piece.text if piece.tightness or not (scale or negative) else style.bracket(piece.text)
        if scale:
            body = scale if piece.text == "1" else scale + style.space + body
        result += (" - " if negative else " + ") + body if result else ("-" if negative else "") + body
    return result
