"""What is known of a recurrence while it is taken apart: its steps, its carries, and the values that have been found for all steps."""

from __future__ import annotations

from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.stand_in import is_closed


def keep(*_: object) -> None:
    """What `rebuild` is to do with a node of which nothing but its arguments changes."""
    return None


class Course:
    """The carries of a recurrence, in order, and what has been found.

    nodes, axes    what stands for a carry, at which labels; `inits` and `news` are its first and its next value
    elements       what stands for the values that a step is given
    masks          the carries that a node depends on, a bit each
    bound          the nodes that are computed again in a step, once something that depends on a carry is known
    wanted         values that will be asked for in all steps
    memo           values of nodes in all steps, at `step`
    stop, limit    the carry that says whether there is another step, and how many there may be; with either all is `whole`: nothing is outside of the loop.
                   Steps that are left out are the last ones, or the first ones if `late`; a loop that is `seldom` gone through is not counted
    """

    def __init__(self, step: Label, reverse: bool, stop: int | None, limited: bool, late: bool, seldom: bool) -> None:
        self.step, self.reverse = step, reverse
        self.stop, self.late, self.seldom = stop, late, seldom
        self.whole = stop is not None or limited
        self.limit: Use | None = None
        self.nodes: list[Node] = []
        self.axes: list[list[Label]] = []
        self.inits: list[Use] = []
        self.news: list[Use] = []
        self.elements: list[Node] = []
        self.masks: dict[Node, int] = {}
        self.bound: set[Node] = set()
        self.wanted: list[Use] = []
        self.memo: Memo = {}

    def lifted(self, use: Use) -> Use:
        """The values in all steps of something that depends on no carry but those that are known."""
        return rebuild([use], keep, self.memo, is_closed)[0]
