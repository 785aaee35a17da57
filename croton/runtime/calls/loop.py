"""Loops over calls, while addresses move.

In the stream a loop's record is followed by how far it is to go past the calls, the calls, what goes back to them (`_Back`), and what puts things in
order where the loop is left (`_Left`). Those two find the loop's record by their distance from it.
"""

from __future__ import annotations

import ctypes
from typing import NamedTuple

from croton.runtime.calls.field import Counter, Counters, Flag, Links, Made, MaybePointer, MaybeSize, Moving, Number, Pointer, Size
from croton.runtime.calls.kind import Emission, Kind
from croton.runtime.calls.record import Inner, Record, layout_of
from croton.runtime.calls.run import Run, refused
from croton.runtime.calls.scope import Scope
from croton.runtime.frame import Frame


class Advance(NamedTuple):
    """An address that moves along: P[entry] = P[base] + S[offset] before the first step, and S[stride] more after each.

    With `fill` >= 0 it is where each step writes S[fill] bytes: where a loop ends early, what the last step wrote is copied to where later ones would have.
    """

    entry: Moving
    base: Pointer
    offset: Size
    stride: Size
    fill: MaybeSize = -1


class Begin(NamedTuple):
    """Copy S[size] bytes to P[entry], an address that moves along, before the first step."""

    entry: Pointer
    source: Pointer
    size: Size


class Rotate(NamedTuple):
    """Two addresses that change roles: P[before] = P[first] in the first step, later what P[after] was in the step before.

    P[after] is P[last] in the last step, P[scratch] in the one before it, and so on in turn. Where the loop ends early, or there is no step, S[size] bytes are
    copied to P[last] from where they are.
    """

    before: Moving
    after: Moving
    first: Pointer
    last: Pointer
    scratch: Pointer
    size: Size


class Follow(NamedTuple):
    """An address that follows another: P[before] = P[first] in the first step, later what P[after] was in the step before. They are set one after the other,
    before addresses move along."""

    before: Moving
    after: Moving
    first: Pointer


class End(NamedTuple):
    """Copy S[size] bytes from P[entry], an address that moves along, after the last step."""

    target: Pointer
    entry: Pointer
    size: Size


class Loop(NamedTuple):
    """Run the calls S[length] times. S[counter], which nothing else uses, counts the steps that are done. S[pause] and S[pause + 1], likewise, say when to look
    for signals next; a step is about S[weight] operations.

    The entries of `P` that move are views; they are set anew each time the loop begins. With `going` >= 0 there is a step only while one of the S[going_size]
    bytes at P[going] is not 0; if one still is after all steps, the call is refused with `error`. With `limit` >= 0 there are only S[bound] steps, which
    nothing else uses: the int64 at P[limit], or S[length] if that is less. Those that are left out are the last ones, or the first ones if `late`:
    then what moves along begins behind them, and what they would write is what was there before. With `steps` >= 0 the number of steps that were
    done is written to P[steps], an int64. With `batch` >= 0 the calls do S[batch] steps in one go, and move the addresses themselves.
    """

    length: Size
    counter: Counter
    pause: Counters
    weight: Size
    advances: tuple[Advance, ...]
    begins: tuple[Begin, ...]
    rotates: tuple[Rotate, ...]
    calls: Inner
    going: MaybePointer = -1
    going_size: MaybeSize = -1
    error: Number = -1
    limit: MaybePointer = -1
    bound: Counter = -1
    late: Flag = False
    steps: MaybePointer = -1
    batch: Made = -1
    follows: tuple[Follow, ...] = ()
    ends: tuple[End, ...] = ()


class _Back(NamedTuple):
    """The end of a step: move the addresses, and go back while there are steps to do."""

    distance: Number


class _Left(NamedTuple):
    """The end of a loop: put what is wanted of it where it belongs, also where steps were left out."""

    distance: Number


def _check(scope: Scope, call: Loop) -> None:
    scope.demand(call.going == -1 or call.going_size >= 0, "the size of what says that a loop goes on is wanted")
    scope.demand(call.going == -1 or call.batch == -1, "what ends a loop is looked at after each step")
    scope.demand(call.limit == -1 or call.bound >= 0, "the number of steps there may be has no entry of S")


def _behind(call: Loop, links: Links, length: int) -> list[int]:
    inside = [word for inner in call.calls for word in links.encode(inner)]
    back, left = (len(links.encode(kind(0))) for kind in (_Back, _Left))
    end = length + 1 + len(inside) + back
    return [len(inside) + back, *inside, *links.encode(_Back(end)), *links.encode(_Left(end + left))]


# ---- in Python ------------------------------------------------------------------------------------------------------


def _goes_on(run: Run, call: Loop) -> bool:
    return call.going < 0 or any(ctypes.string_at(run.P[call.going], run.S[call.going_size]))


def _pass_over(run: Run, advance: Advance, steps: int) -> None:
    """Write what steps that are left out would have written: what was there before them."""
    for _ in range(steps):
        run.move(run.P[advance.entry], run.P[advance.entry] - run.S[advance.stride], advance.fill)
        run.P[advance.entry] += run.S[advance.stride]


def _begin(run: Run, call: Loop, count: int, skipped: int) -> None:
    for advance in call.advances:
        run.P[advance.entry] = run.P[advance.base] + run.S[advance.offset]
    for rotate in call.rotates:
        run.P[rotate.before] = run.P[rotate.first]
        run.P[rotate.after] = run.P[rotate.last if count % 2 else rotate.scratch]
        if call.batch >= 0:
            run.P[rotate.before] = run.P[rotate.scratch if count % 2 else rotate.last]
            run.move(run.P[rotate.before], run.P[rotate.first], rotate.size)
    for follow in call.follows:
        run.P[follow.before] = run.P[follow.first]
    for begin in call.begins:
        run.move(run.P[begin.entry], run.P[begin.source], begin.size)
    for advance in call.advances if call.late else ():
        if advance.fill >= 0:
            _pass_over(run, advance, skipped)
        else:
            run.P[advance.entry] += skipped * run.S[advance.stride]


def _run(run: Run, call: Loop) -> None:
    length = count = run.S[call.length]
    if call.limit >= 0:
        count = run.S[call.bound] = min(length, max(0, ctypes.c_int64.from_address(run.P[call.limit]).value))
    _begin(run, call, count, length - count)
    done = 0
    if call.batch >= 0 and count:
        run.S[call.batch] = done = count
        run.calls(call.calls)
    while done < count and _goes_on(run, call):
        run.S[call.counter] = done
        run.calls(call.calls)
        for follow in call.follows:
            run.P[follow.before] = run.P[follow.after]
        for advance in call.advances:
            run.P[advance.entry] += run.S[advance.stride]
        for rotate in call.rotates:
            written = run.P[rotate.after]
            run.P[rotate.before] = written
            run.P[rotate.after] = run.P[rotate.last] + run.P[rotate.scratch] - written
        done += 1
    if call.going >= 0 and _goes_on(run, call):
        raise refused("steps", call.error, 0, count)
    if call.steps >= 0:
        ctypes.c_int64.from_address(run.P[call.steps]).value = done
    for advance in call.advances:
        if advance.fill >= 0:
            _pass_over(run, advance, (count if call.late else length) - done)
    for end in call.ends:
        run.move(run.P[end.target], run.P[end.entry], end.size)
    for rotate in call.rotates:
        if run.P[rotate.before] != run.P[rotate.last]:
            run.move(run.P[rotate.last], run.P[rotate.before], rotate.size)


# ---- in machine code ------------------------------------------------------------------------------------------------


def _loop_of(record: Record) -> Record:
    """The record of the loop that another record belongs to."""
    frame = record.frame
    return Record(frame, layout_of(Loop), frame.a.subtract(frame.a.get(frame.place), record["distance"]))


def _limited(record: Record) -> str:
    return record.frame.a.compare("sge", record["limit"], 0)


def _count(record: Record) -> str:
    """How many steps there may be, once the loop has begun."""
    a, frame = record.frame.a, record.frame
    return a.load(frame.S, a.choose(_limited(record), record["bound"], record.word("length")))


def _in_batches(record: Record) -> str:
    return record.frame.a.compare("sge", record["batch"], 0)


def _emit_batch(record: Record, done: str) -> None:
    """Say how many steps the calls are to do, where that is more than one: all until the loop looks for signals."""
    a, frame = record.frame.a, record.frame
    with a.when(_in_batches(record)):
        a.store(a.subtract(a.load(frame.S, record["pause"]), done), frame.S, record["batch"])


def _emit_goes_on(record: Record) -> str:
    """Whether one of the bytes that say whether a loop goes on is not 0, or nothing says so."""
    a, frame = record.frame.a, record.frame
    going = record["going"]
    set_ = a.variable("i64", 0)
    a.set(set_, a.value(f"zext i1 {a.compare('slt', going, 0)} to i64"))
    with a.when(a.compare("sge", going, 0)):
        flags = a.load(frame.P, going, "ptr")
        with a.loop(a.load(frame.S, record["going_size"])) as place:
            byte = a.value(f"zext i8 {a.load(flags, place, 'i8')} to i64")
            a.set(set_, a.value(f"or i64 {a.get(set_)}, {byte}"))
    return a.compare("ne", a.get(set_), 0)


def _emit_pass_over(frame: Frame, advance: Record, steps: str) -> None:
    """Write what steps that are left out would have written: what was there before them."""
    a = frame.a
    entry, stride, size = advance["entry"], advance["stride"], a.load(frame.S, advance["fill"])
    with a.loop(steps):
        target = a.load(frame.P, entry, "ptr")
        frame.copy(target, a.at(target, a.subtract(0, stride), "i8"), size)
        a.store(a.at(target, stride, "i8"), frame.P, entry, "ptr")


def _emit_begin(emission: Emission, record: Record) -> None:
    """Set the addresses that move, or pass over the loop."""
    frame = emission.frame
    a = frame.a
    length = record["length"]
    a.store(0, frame.S, record["counter"])
    with a.when(_limited(record)):
        wanted = a.load(a.load(frame.P, record["limit"], "ptr"), 0)
        a.store(a.smaller(length, a.larger(wanted, 0)), frame.S, record["bound"])
    count = _count(record)
    emission.interrupts.begin(count, record["pause"], record["weight"])
    with record.each("advances") as advance:
        a.store(a.at(advance["base"], advance["offset"], "i8"), frame.P, advance["entry"], "ptr")
    odd = a.compare("ne", a.value(f"and i64 {count}, 1"), 0)
    with record.each("rotates") as rotate:
        a.store(rotate["first"], frame.P, rotate["before"], "ptr")
        a.store(a.choose(odd, rotate["last"], rotate["scratch"], "ptr"), frame.P, rotate["after"], "ptr")
        with a.when(_in_batches(record)):
            # Whatever is done at once begins with the two that change places.
            before = a.choose(odd, rotate["scratch"], rotate["last"], "ptr")
            frame.copy(before, rotate["first"], rotate["size"])
            a.store(before, frame.P, rotate["before"], "ptr")
    with record.each("follows") as follow:
        a.store(follow["first"], frame.P, follow["before"], "ptr")
    with record.each("begins") as begin:
        frame.copy(begin["entry"], begin["source"], begin["size"])
    with a.when(a.both(_limited(record), a.compare("ne", record["late"], 0))):
        skipped = a.subtract(length, count)
        with record.each("advances") as advance:
            fills = a.compare("sge", advance["fill"], 0)
            with a.when(a.negated(fills)):
                entry = advance["entry"]
                a.store(a.at(a.load(frame.P, entry, "ptr"), a.multiply(skipped, advance["stride"]), "i8"), frame.P, entry, "ptr")
            with a.when(fills):
                _emit_pass_over(frame, advance, skipped)
    _emit_batch(record, "0")
    past = frame.next()
    again = a.both(a.compare("sgt", count, 0), _emit_goes_on(record))
    with a.when(a.negated(again)):
        a.set(frame.place, a.add(a.get(frame.place), past))


def _emit_back(emission: Emission, own: Record) -> None:
    frame = emission.frame
    a = frame.a
    record = _loop_of(own)
    counter, steps = record["counter"], a.variable("i64", 1)
    one, many, moved = a.label(), a.label(), a.label()
    a.set(steps, 1)
    a.fork(_in_batches(record), many, one)
    a.begin(many)
    a.set(steps, a.load(frame.S, record["batch"]))
    a.jump(moved)
    a.begin(one)
    with record.each("follows") as follow:
        a.store(a.load(frame.P, follow["after"], "ptr"), frame.P, follow["before"], "ptr")
    with record.each("advances") as advance:
        entry = advance["entry"]
        a.store(a.at(a.load(frame.P, entry, "ptr"), advance["stride"], "i8"), frame.P, entry, "ptr")
    with record.each("rotates") as rotate:
        after = rotate["after"]
        both = a.add(a.integer(rotate["last"]), a.integer(rotate["scratch"]))
        written = a.load(frame.P, after, "ptr")
        a.store(written, frame.P, rotate["before"], "ptr")
        a.store(a.pointer(a.subtract(both, a.integer(written))), frame.P, after, "ptr")
    a.jump(moved)
    a.begin(moved)
    done = a.add(a.load(frame.S, counter), a.get(steps))
    a.store(done, frame.S, counter)

    def again() -> None:
        _emit_batch(record, done)
        with a.when(_emit_goes_on(record)):
            a.set(frame.place, a.add(record.end(), 1))

    emission.interrupts.go_on(done, record["pause"], lambda: (_count(record), record["weight"]), again)


def _emit_left(emission: Emission, own: Record) -> None:
    frame = emission.frame
    a = frame.a
    record = _loop_of(own)
    done, count, length = a.load(frame.S, record["counter"]), _count(record), record["length"]
    emission.interrupts.end(done, record["pause"], record["weight"])
    with a.when(a.compare("sge", record["going"], 0)):
        ended = a.negated(_emit_goes_on(record))
        frame.need(ended, "steps", record["error"], 0, count)
    steps = record["steps"]
    with a.when(a.compare("sge", steps, 0)):
        a.store(done, a.load(frame.P, steps, "ptr"), 0)
    most = a.choose(a.compare("ne", record["late"], 0), count, length)
    with record.each("advances") as advance, a.when(a.compare("sge", advance["fill"], 0)):
        _emit_pass_over(frame, advance, a.subtract(most, done))
    with record.each("ends") as end:
        frame.copy(end["target"], end["entry"], end["size"])
    with record.each("rotates") as rotate:
        source, target = a.load(frame.P, rotate["before"], "ptr"), rotate["last"]
        with a.when(a.compare("ne", source, target, "ptr")):
            frame.copy(target, source, rotate["size"])


def _never(run: Run, call: tuple) -> None:
    raise AssertionError(f"{call!r} is of the stream, no program has it")


LOOP = Kind(Loop, _emit_begin, _run, _check, _behind)
LOOP_BACK = Kind(_Back, _emit_back, _never)
LOOP_LEFT = Kind(_Left, _emit_left, _never)
