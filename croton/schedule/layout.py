"""The storage order of every value, by votes.

Values that one step reads or writes at the same set of labels form a class that should be stored alike. Inputs and outputs have a
fixed order and vote; a class without them follows the operands of its first writer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from croton.algebra.cost import extent
from croton.schedule.step import UNDECIDED, Instruction, Operands, Order, Step, Value, behind, order_inside, plain_labels
from croton.sizes import Size, hint, product

MANY = 1 << 20
"""What an unknown weight of a digit is taken for."""

FAR = 8
"""Steps that are looked back through for where a value's order comes from."""

SHORT = 8
"""A last axis with fewer elements than this leaves vectors partly empty."""


def choose_layouts(
    steps: Sequence[Step],
    inputs: Iterable[Value] = (),
    alike: Iterable[tuple[Value, Order, Value, Order]] = (),
    hints: Iterable[tuple[Value, Order]] = (),
) -> None:
    """Set `order` of every value that has none.

    `inputs` are values that perhaps nobody reads, `alike` pairs of values, with labels for their axes, that have to be stored alike; `hints` are
    orders that would suit others.
    """
    leaves = dict.fromkeys([*[value for step in steps for value in step.reads() if value.home is not None], *inputs])
    election = _Election()
    for one, labels, other, other_labels in alike:
        election.classes.join(one, labels, other, other_labels)
    roles: dict[Value, tuple[Step, bool]] = {}
    for step in steps:
        if step.kind == "product":
            roles.setdefault(step.detail.left, (step, True))
            roles.setdefault(step.detail.right, (step, False))
        for group in _alike(step):
            first, labels = group[0]
            for other, other_labels in group[1:]:
                election.classes.join(first, labels, other, other_labels)
    _vote(election, steps, leaves, hints)
    for step in steps:
        for value, axes in _walked_at_positions(step):
            election.note_walked(value, axes)
    for step in steps:
        if step.out.order is UNDECIDED:
            _settle(election, step, roles)
    for value in leaves:
        if value.order is UNDECIDED:
            value.order = election.order_of(value, _as_it_is)
    for step in steps:
        if step.kind == "joined":
            for piece in step.detail:
                piece.order = order_inside(piece, step.out.order)
    for step in reversed(steps):
        # what is accumulated into shares the memory of the result
        if step.kind == "product" and step.detail.accumulate is not None and step.detail.accumulate.home is None:
            step.detail.accumulate.order = step.out.order


def _vote(election: _Election, steps: Sequence[Step], leaves: Iterable[Value], hints: Iterable[tuple[Value, Order]]) -> None:
    """The votes: of what has an order, twice of results; of what is read through a view; of rows that a scatter adds; of hints."""
    pinned = [value for value in leaves if value.order is not UNDECIDED]
    pinned += [value for step in steps if step.out.order is not UNDECIDED for value in step.makes()]
    for value in pinned:
        if len(value.dims) > 1:
            election.vote(value, value.order, 2 if value.output >= 0 else 1)
    for step in steps:
        if step.kind == "view" and len(step.detail[0].dims) > 1:
            election.vote(step.detail[0], _as_it_is(step.detail[0]), 2)
    for step in steps:
        if step.kind == "scatter":
            for value, order in _added(step):
                election.vote(value, order)
    for value, order in hints:
        election.vote(value, order)


def _settle(election: _Election, step: Step, roles: Mapping[Value, tuple[Step, bool]]) -> None:
    """Choose the order of what a step makes."""
    value = step.out
    if step.kind == "again":
        # It is that memory, whatever else is asked for.
        source = step.detail[0]
        if source.order is UNDECIDED:
            source.order = election.order_of(source, _as_it_is)
        value.order = source.order
    elif len(value.dims) < 2 or not step.is_free:
        value.order = _as_it_is(value)
    else:
        value.order = election.order_of(value, lambda value: _gathered(_default(step, election.walked(value)), value, roles.get(value)))


def likely_order(value: Value) -> Order:
    """The order that a value will have if nobody asks for another, as far as what makes it says."""
    # For each axis of what is looked at, the axis of the value that was asked for.
    place = tuple(range(len(value.dims)))
    for _ in range(FAR):
        value = behind(value)
        step = value.step
        if value.order is not UNDECIDED or step is None:
            break
        if step.kind == "product":
            return tuple([place[axis] for axis in _default(step)])
        whole = [i for i in step.body if i[0] == "load" and len(i[3]) == len(place) and plain_labels(i[3]) and max(i[3], default=0) < len(place)]
        if step.kind != "map" or not whole:
            break
        place = tuple([place[label] for label in whole[0][3]])
        value = whole[0][2]
    return tuple([place[axis] for axis in _stored_order(value)])


def _stored_order(value: Value) -> Order:
    """The order of a value, that of its axes where it is not chosen yet."""
    return _as_it_is(value) if value.order is UNDECIDED else value.order


def _as_it_is(value: Value) -> Order:
    """The order of a value's axes."""
    return tuple(range(len(value.dims)))


class _Election:
    """The orders that classes of values are stored in, by votes; whoever is asked first decides where there are none."""

    def __init__(self) -> None:
        self.classes = _Classes()
        self._votes: dict[Value, dict[Order, int]] = {}
        self._chosen: dict[Value, Order] = {}
        self._walked: dict[Value, set[int]] = {}

    def note_walked(self, value: Value, axes: Iterable[int]) -> None:
        """Say that a value is read along these axes in windows, or in strides. All classes are joined before."""
        root, places = self.classes.find(value)
        self._walked.setdefault(root, set()).update([places[axis] for axis in axes])

    def walked(self, value: Value) -> list[int]:
        """The axes along which somebody walks through a value of this class in windows."""
        root, places = self.classes.find(value)
        found = self._walked.get(root, ())
        return [axis for axis, place in enumerate(places) if place in found]

    def vote(self, value: Value, order: Order, weight: int = 1) -> None:
        """Ask that a value's class is stored so that the value has this order. All classes are joined before the first vote."""
        root, places = self.classes.find(value)
        ballot = self._votes.setdefault(root, {})
        moved = tuple([places[axis] for axis in order])
        ballot[moved] = ballot.get(moved, 0) + weight

    def order_of(self, value: Value, default: Callable[[Value], Order]) -> Order:
        """The order of a value; all votes are in."""
        root, places = self.classes.find(value)
        stored = self._chosen.get(root)
        if stored is None:
            ballot = self._votes.get(root)
            stored = max(ballot, key=ballot.__getitem__) if ballot else tuple([places[axis] for axis in default(value)])
            self._chosen[root] = stored
        axes = {place: axis for axis, place in enumerate(places)}
        return tuple([axes[place] for place in stored])


class _Classes:
    """Union-find of values, each with the position of its axes in its root."""

    def __init__(self) -> None:
        self._parent: dict[Value, tuple[Value, Order]] = {}

    def find(self, value: Value) -> tuple[Value, Order]:
        """The root of a value's class, and for each axis of the value the axis of the root."""
        path = []
        while True:
            up = self._parent.get(value)
            if up is None:
                break
            path.append((value, up[1]))
            value = up[0]
        places: Order = tuple(range(len(value.dims)))
        for child, step in reversed(path):
            places = tuple([places[axis] for axis in step])
            self._parent[child] = (value, places)
        return value, places

    def join(self, one: Value, labels: Sequence[int], two: Value, other: Sequence[int]) -> None:
        """Say that two values read at these labels should be stored alike."""
        root, places = self.find(one)
        second, second_places = self.find(two)
        if root is second:
            return
        at = dict(zip(labels, places))
        moved = [0] * len(second_places)
        for axis, place in enumerate(second_places):
            moved[place] = at[other[axis]]
        self._parent[second] = (root, tuple(moved))


def _alike(step: Step) -> Iterable[list[tuple[Value, tuple[int, ...]]]]:
    """Groups of values that the step touches at one set of labels."""
    rank = len(step.out.dims)
    if step.kind == "product":
        if step.detail.accumulate is not None and rank > 1:
            same = tuple(range(rank))
            return [[(step.out, same), (step.detail.accumulate, same)]]
        return ()
    if step.kind == "joined" and rank > 1:
        # A piece whose axes are not those of the array follows what it is made of.
        same = tuple(range(rank))
        return [[(value, same) for value in (step.out, *[piece for piece in step.detail if order_inside(piece, same) == same])]]
    if step.kind == "again" and rank > 1:
        same = tuple(range(rank))
        return [[(step.detail[0], same), (step.out, same)]]
    if step.kind not in ("map", "scan") or len(step.dims) < 2:
        return ()
    groups: dict[frozenset[int], list[tuple[Value, tuple[int, ...]]]] = {}
    if rank > 1:
        groups[frozenset(range(rank))] = [(step.out, tuple(range(rank)))]
    for instruction in step.body:
        if instruction[0] == "load" and len(instruction[3]) > 1 and plain_labels(instruction[3]):
            groups.setdefault(frozenset(instruction[3]), []).append((instruction[2], instruction[3]))
    return [group for group in groups.values() if len(group) > 1]


def _gathered(order: Order, value: Value, role: tuple[Step, bool] | None) -> Order:
    """The order with the axes of each side of the product that reads a value next to each other.

    The batch is outermost, the side of the last axis innermost. Within a side axes go as those of what is stored already if that is as large, else as
    they did.
    """
    if role is None:
        return order
    step, is_left = role
    detail: Operands = step.detail
    labels, others = (detail.left_labels, detail.right_labels) if is_left else (detail.right_labels, detail.left_labels)
    other = detail.right if is_left else detail.left
    # Where they differ the smaller one is copied.
    around = ((step.out, range(step.rank)), (other, others))
    size = extent(product(value.dims))
    stored = [at[axis] for one, at in around if one.order is not UNDECIDED and extent(product(one.dims)) >= size for axis in one.order]
    place = {label: number for number, label in enumerate(dict.fromkeys([*stored, *[labels[axis] for axis in order]]))}
    groups: list[list[int]] = [[], [], []]
    for axis in sorted(order, key=lambda axis: place[labels[axis]]):
        label = labels[axis]
        groups[2 if label >= step.rank else 0 if label in others else 1].append(axis)
    batch, *sides = groups
    sides.sort(key=lambda side: order[-1] in side)
    return tuple([axis for side in (batch, *sides) for axis in side])


def _added(step: Step) -> Iterable[tuple[Value, Order]]:
    """What a scatter adds to rows should be stored in rows."""
    index = step.detail.at
    lane = index[-1] if index else None
    if type(lane) is not int:
        return
    for instruction in step.body:
        if instruction[0] == "load" and len(instruction[3]) > 1 and plain_labels(instruction[3]) and lane in instruction[3]:
            along = instruction[3].index(lane)
            yield instruction[2], (*[axis for axis in range(len(instruction[3])) if axis != along], along)


def _walked_at_positions(step: Step) -> Iterable[tuple[Value, list[int]]]:
    """The values that a step reads in windows, in strides or in parts, each with the axes along which it does, where there are others too."""
    for instruction in step.body:
        if instruction[0] == "load" and len(instruction[3]) > 1:
            axes = [axis for axis, entry in enumerate(instruction[3]) if type(entry) is not int]
            if 0 < len(axes) < len(instruction[3]):
                yield instruction[2], axes


def _default(step: Step, walked: Collection[int] = ()) -> Order:
    """The order that suits the operands of a step, and readers that walk along some axes of its value in windows: these would rather not end it."""
    rank = len(step.out.dims)
    if step.kind == "product":
        left, right = step.detail.left, step.detail.right
        rows = [step.detail.left_labels[axis] for axis in _stored_order(left)]
        columns = [step.detail.right_labels[axis] for axis in _stored_order(right)]
        batch = [label for label in rows if label < rank and label in columns]
        mine = [label for label in rows if label < rank and label not in batch]
        others = [label for label in columns if label < rank and label not in batch]
        # the side that is contiguous in its operand ends
        if (columns[-1] not in others and rows[-1] in mine) if mine[-1] not in walked else others[-1] in walked:
            return tuple(batch + others + mine)
        return tuple(batch + mine + others)
    if step.kind == "scatter":
        return _as_it_is(step.out)
    best: list[int] = []
    behind: list[list[int]] = []
    for instruction in step.body:
        found = [label for label in _walked(instruction, behind) if label < rank]
        behind.append(found)
        if instruction[0] == "load" and len(found) > len(best):
            best = found
    return _ending_long([label for label in range(rank) if label not in best] + best, step.dims)


def _ending_long(order: Sequence[int], dims: Sequence[Size]) -> Order:
    """The order, with the longest axis last where the last one is short, unless vectors may go along a long axis that is summed over."""
    lengths = [hint(size) for size in dims]
    longest = max(order, key=lengths.__getitem__, default=0)
    if not order or lengths[order[-1]] >= SHORT or lengths[longest] < SHORT or max(lengths[len(order) :], default=0) >= SHORT:
        return tuple(order)
    return (*[axis for axis in order if axis != longest], longest)


def _walked(instruction: Instruction, behind: Sequence[Sequence[int]]) -> list[int]:
    """The labels that an instruction depends on, those of a load as it walks through memory; `behind` are those of the instructions before it."""
    kind = instruction[0]
    if kind == "index":
        return [instruction[2]]
    if kind in ("const", "coef"):
        return []
    found: dict[int, None] = {}
    if kind != "load":
        for argument in instruction[2]:
            found.update(dict.fromkeys(behind[argument]))
        return list(found)
    for axis in _stored_order(instruction[2]):
        entry = instruction[3][axis]
        if type(entry) is int:
            found[entry] = None
            continue
        # A digit of greater weight moves more slowly.
        for term, _ in sorted(entry.terms, key=lambda part: -part[1] if isinstance(part[1], int) else -MANY):
            found.update(dict.fromkeys([term] if term >= 0 else behind[~term]))
    return list(found)
