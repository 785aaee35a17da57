"""The one traversal behind the passes that rewrite."""

from __future__ import annotations

from croton.algebra import input_, scalar
from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import rebuild
from croton.dtypes import float64


def test_what_nobody_looks_for_is_visited_where_its_arguments_have_changed() -> None:
    label = Label(3)
    x, y = input_("x", [label], float64), input_("y", [label], float64)
    above, beside = scalar("exp", scalar("tanh", x)), scalar("exp", scalar("sin", y))
    seen: list[str] = []

    def visit(node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use | None:
        seen.append(node.param)
        return scalar("sin", uses[0]) if node.param == "tanh" else None

    result = rebuild([above, beside], visit, at=lambda node: node.param == "tanh")
    assert result == [scalar("exp", scalar("sin", x)), beside]
    assert seen == ["tanh", "exp"]
