"""That each value is read in the order of axes in which it is stored: the order is chosen in one place and relied on in others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from croton.schedule.draft import Draft
from croton.schedule.step import UNDECIDED, Order, Step, Value, order_inside


def check_orders(draft: Draft, steps: Sequence[Step]) -> None:
    """Stop the compiler where a value would be read in another order than the one it is stored in. Views are settled by then."""
    for step in steps:
        for value in step.makes():
            if value.order is UNDECIDED:
                raise AssertionError(f"nobody has said in which order what a {step.kind} makes is stored")
        for value, order in _same_memory(step):
            _check(value, order, f"a {step.kind}")
    # A loop of which nothing is wanted relies on nothing: what it would have read may not even be made.
    read = {value for step in steps if step.kind == "loop" for value in step.reads()}
    for value, order in draft.relied_on:
        if value in read:
            _check(value, order, "a loop")


def _same_memory(step: Step) -> Iterator[tuple[Value, Order]]:
    """The values whose memory a step shares, with the order in which they will be read or written there."""
    kind, out = step.kind, step.out
    if kind == "again":
        yield step.detail[0], out.order
    elif kind == "view":
        source, _, order = step.detail
        yield source, tuple(range(len(source.dims)))
        yield out, order
    elif kind == "joined":
        for piece in step.detail:
            yield piece, order_inside(piece, out.order)
    elif kind == "product" and step.detail.accumulate is not None:
        yield step.detail.accumulate, out.order
    elif kind == "scatter" and step.detail.base is not None:
        yield step.detail.base, out.order


def _check(value: Value, order: Order, reader: str) -> None:
    if value.order != order:
        raise AssertionError(f"{reader} takes for stored in the order {order} what is stored in the order {value.order}: {value}")
