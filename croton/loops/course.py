"""What is known of a recurrence while it is taken apart: its steps, its carries, and the values that have been found for all steps."""

from __future__ import annotations

from typing import NamedTuple

from croton.algebra.node import Label, Node, Use
from croton.algebra.rebuild import Memo, rebuild
from croton.algebra.stand_in import is_closed


def keep(*_: object) -> None:
    """What `rebuild` is to do with a node of which nothing but its arguments changes."""
    return None


class Steps(NamedTuple):
    """How a recurrence goes through its steps.

    label     what values are read at; its size is the number of steps
    reverse   from the last one to the first
    stop      the carry that says whether there is another step, if one does; `limit` a value that says how many there are at most
    late      of steps that are left out by the limit these are the first ones, not the last
    seldom    it is likely that no step is done, and they are not counted
    """

    label: Label
    reverse: bool = False
    stop: int | None = None
    limit: Use | None = None
    late: bool = False
    seldom: bool = False


class Course:
    """The carries of a recurrence, in order, and what has been found.

    nodes, axes    what stands for a carry, at which labels; `inits` and `news` are its first and its next value
    elements       what stands for the values that a step is given
    masks          the carries that a node depends on, a bit each
    bound          the nodes that are computed again in a step, once something that depends on a carry is known
    wanted         values that will be asked for in all steps
    memo           values of nodes in all steps, at `step`
    whole          where there may be fewer steps than usual: nothing is outside of the loop
    """

    def __init__(self, steps: Steps) -> None:
        self.step, self.reverse, self.stop, self.limit, self.late, self.seldom = steps
        self.whole = steps.stop is not None or steps.limit is not None
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
