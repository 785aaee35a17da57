"""What comes into a loop, in the order of storage that its step asks for."""

from __future__ import annotations

from collections.abc import Iterable

from croton.algebra.node import Label, Use
from croton.schedule.draft import Draft
from croton.schedule.layout import likely_order
from croton.schedule.step import UNDECIDED, BodyBuilder, Order, Value, behind


class Given:
    """What there is outside of a loop for an input of its step: the value that may be read as it lies, if there is one.

    order    how the input is stored then, in its axes; None where the step may choose
    """

    def __init__(self, draft: Draft, use: Use, axes: tuple[Label, ...], step: Label | None) -> None:
        self.use = use
        self.axes = axes
        self.step = step
        self.value: Value | None = None
        self.order: Order | None = None
        source = draft.source(use.node)
        if type(source) is not Value or set(use.labels) != set(self.labels) or len(use.labels) != len(self.labels):
            return
        stored_as = behind(source)
        if stored_as.order is UNDECIDED:
            # What others make is stored in the order of its axes.
            free = stored_as.step is None or stored_as.step.is_free
            order = None if free else tuple(range(len(source.dims)))
        else:
            order = stored_as.order
        if order is not None:
            stored = [use.labels[axis] for axis in order]
            if step is not None and stored.pop(0) is not step:
                return
            self.order = tuple([axes.index(label) for label in stored])
        self.value = source

    @property
    def labels(self) -> tuple[Label, ...]:
        """The axes of the array, the step in front."""
        return self.axes if self.step is None else (self.step, *self.axes)

    def likely(self) -> Order | None:
        """The order that the input would be stored in if nobody asked for another one, as far as one can say."""
        if self.value is None:
            return None
        stored = [self.use.labels[axis] for axis in likely_order(self.value)]
        return tuple([self.axes.index(label) for label in stored if label is not self.step])

    def array(self, draft: Draft, order: Order, own: bool = False) -> Value:
        """The array whose rows are stored in an order: the value itself if it is or can be stored so, else a copy; its own one, if it will be written again."""
        if self.step is not None:
            order = in_rows(order)
        labels, use = self.labels, self.use
        if self.value is not None and not own:
            wanted = tuple([use.labels.index(labels[axis]) for axis in order])
            stored_as = behind(self.value)
            # From here on it is read so: where it is still open that settles it.
            if stored_as.order is UNDECIDED and (self.order is None or wanted == tuple(range(len(wanted)))):
                stored_as.order = wanted
            if stored_as.order == wanted:
                draft.relied_on.append((self.value, wanted))
                return self.value
        body = BodyBuilder()
        places = {axis: place for place, axis in enumerate(labels)}
        result = draft.read(body, draft.source(use.node), tuple([places[label] for label in use.labels]))
        value = draft.emit(tuple([axis.size for axis in labels]), len(labels), None, body.finish(result), own=True)
        value.order = order
        draft.relied_on.append((value, order))
        return value


def in_rows(order: Iterable[int]) -> Order:
    """The order of an array that has a row for each step, of rows that are stored in an order."""
    return (0, *[axis + 1 for axis in order])
