"""The thread pool: who gets which part, changing the number of threads, callers at the same time, forks."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hand_kernels import INTRINSICS, elementwise, fill_low

from croton.runtime import engine, layout, packed, pool
from croton.runtime.assembler import Assembler
from croton.runtime.calls.kernel import PARTS, PIECES, Kernel, Sweep
from croton.runtime.function import load
from croton.runtime.program import Array, Output, Program
from croton.runtime.stream import Limits
from croton.util.cores import available_cores

pytestmark = pytest.mark.skipif(layout.WHY_NOT is not None or not pool.has_threads(), reason="there is no pool here")


@pytest.fixture(autouse=True)
def _same_threads_after() -> Iterator[None]:
    before = pool.get_threads()
    yield
    pool.set_threads(before)


def shares(grain: int = 1, limit: int = 0) -> Any:
    """A function from a vector to the `low` that each of its places was written with."""
    address, code = fill_low()
    program = Program(
        inputs=(Array("float64", (0,)),),
        outputs=(Output("new", "int64", (0,)),),
        calls=(Kernel(0, (1,), (), (Sweep(0, 0, grain),)),),
        sizes=1,
    )
    return load(program, [address], keep=[code], limits=Limits(parallel_work=limit))


def next_goes(backwards: bool) -> None:
    """Share sweeps out until it is the next one's turn to go this way. Those that go backwards show by their pieces."""
    threads, probe = pool.get_threads(), shares()
    pool.set_threads(1)
    while (len(np.unique(probe(np.empty(PIECES)))) > 1) is backwards:
        pass
    pool.set_threads(threads)


@pytest.mark.parametrize("backwards", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3, 5])
@pytest.mark.parametrize("grain", [1, 3, 64])
@pytest.mark.parametrize("length", [0, 1, 2, 63, 64, 65, 1000, 5000])
def test_parts_are_contiguous_and_cut_at_the_grain(threads: int, grain: int, length: int, backwards: bool) -> None:
    pool.set_threads(threads)
    f = shares(grain)
    for _ in range(10):
        next_goes(backwards)
        low = f(np.empty(length))
        starts, counts = np.unique(low, return_counts=True)
        assert len(starts) <= (threads * PARTS if threads > 1 else 1) * (PIECES if backwards else 1)
        assert (starts % grain == 0).all()
        np.testing.assert_array_equal(low, np.repeat(starts, counts))
        assert starts.tolist() == [0, *np.cumsum(counts)[:-1].tolist()][: len(starts)]
        if threads > 1 and length >= threads * grain:
            assert len(starts) > 1


def test_small_loops_are_not_shared_out() -> None:
    pool.set_threads(4)
    f = shares(limit=100)
    assert not f(np.empty(99)).any()
    assert f(np.empty(100)).any()


def test_number_of_threads() -> None:
    assert pool.set_threads(3) == pool.get_threads() == 3
    assert pool.set_threads(1000) == 255
    assert 1 <= available_cores() <= (os.cpu_count() or 1)
    assert pool.set_threads(0) == available_cores()
    with pytest.raises(ValueError, match="a number of threads >= 1 is wanted, or 0 for one a processor, got -1"):
        pool.set_threads(-1)


def test_results_do_not_depend_on_changes_between_calls() -> None:
    f = shares()
    x = np.empty(1000)
    for threads in (1, 4, 2, 3, 1, 4, 2) * 30:
        pool.set_threads(threads)
        next_goes(backwards=False)
        assert len(np.unique(f(x))) == (threads * PARTS if threads > 1 else 1)


def test_every_other_sweep_begins_where_the_one_before_has_ended() -> None:
    """Each call adds 1 to a counter, and writes it to the elements of its range, in a row for each sweep."""
    a = Assembler("void @k(ptr %P, ptr %S, ptr %record, i64 %low, i64 %high, i64 %sweep)")
    counter, rows = (a.load("%P", a.load("%record", number), "ptr") for number in range(2))
    count = a.add(a.load(counter, 0), 1)
    a.store(count, counter, 0)
    with a.loop(a.subtract("%high", "%low")) as step:
        a.store(count, rows, a.add(a.multiply("%sweep", 1000), a.add("%low", step)))
    a.do("ret void")
    code = engine.load_object(engine.compile_object(INTRINSICS + a.text()))
    program = Program(
        inputs=(Array("int64", (0,)), Array("int64", (1, 2))),
        outputs=(Output("input", source=0), Output("input", source=1)),
        calls=(Kernel(0, (0, 1), (), (Sweep(2, 2),) * 3),),
        sizes=3,
        structure="tuple",
    )
    f = load(program, [code.address("k")], keep=[code], limits=Limits(parallel_work=0))
    pool.set_threads(1)
    next_goes(backwards=False)
    for turns in ([1, PIECES, 1], [PIECES, 1, PIECES]):
        counter, order = np.zeros(1, np.int64), np.zeros((3, 1000), np.int64)
        f(counter, order)
        assert counter == sum(turns)
        for row, calls, before in zip(order, turns, np.cumsum([0, *turns])):
            steps = np.unique(np.diff(row)).tolist()
            assert steps == ([0] if calls == 1 else [-1, 0]), "one call, or the last piece first"
            assert (row.min(), row.max()) == (before + 1, before + calls)


def test_what_follows_the_loop_runs_once_after_all_parts() -> None:
    """The last call has low -1 and high -1: it adds 1 to a counter, and its parts 1 to each element of their range."""
    a = Assembler("void @k(ptr %P, ptr %S, ptr %record, i64 %low, i64 %high, i64 %sweep)")
    counter, counts = (a.load("%P", a.load("%record", number), "ptr") for number in range(2))
    with a.when(a.compare("slt", "%high", 0)):
        a.store(a.add(a.load(counter, 0), 1), counter, 0)
    with a.loop(a.larger(a.subtract("%high", "%low"), 0)) as step:
        index = a.add("%low", step)
        a.store(a.add(a.load(counts, index), a.load(counter, 0)), counts, index)
    a.do("ret void")
    code = engine.load_object(engine.compile_object(INTRINSICS + a.text()))
    program = Program(
        inputs=(Array("int64", (0,)), Array("int64", (1,))),
        outputs=(Output("input", source=0), Output("input", source=1)),
        calls=(Kernel(0, (0, 1), (), (Sweep(1, 1, finishes=True),)),),
        sizes=2,
        structure="tuple",
    )
    f = load(program, [code.address("k")], keep=[code], limits=Limits(parallel_work=0))
    for threads in (1, 2, 5):
        pool.set_threads(threads)
        for length in (0, 1, 7, 1000):
            counter, counts = np.full(1, 3), np.zeros(length, np.int64)
            f(counter, counts)
            assert counter[0] == 4 and (counts == 3).all()


def test_a_thread_begins_with_the_parts_that_are_its_own() -> None:
    """The first part of each of two threads waits for that of the other; the rest find both begun, since nobody comes to them earlier."""
    a = Assembler("void @k(ptr %P, ptr %S, ptr %record, i64 %low, i64 %high, i64 %sweep)")
    begun, seen = (a.load("%P", a.load("%record", number), "ptr") for number in range(2))

    def how_many_begun() -> str:
        return a.add(*(a.value(f"load atomic i64, ptr {a.at(begun, thread)} seq_cst, align 8") for thread in range(2)))

    share = 1 << PARTS - 1
    thread, place = a.value(f"udiv i64 %low, {share}"), a.value(f"urem i64 %low, {share}")
    with a.when(a.compare("eq", place, 0)):
        a.do(f"store atomic i64 1, ptr {a.at(begun, thread)} seq_cst, align 8")
        tries, wait, go_on = a.variable("i64", 0), a.label(), a.label()
        a.jump(wait)
        a.begin(wait)
        a.set(tries, a.add(a.get(tries), 1))
        some = a.compare("slt", how_many_begun(), 2)
        a.fork(a.value(f"and i1 {some}, {a.compare('slt', a.get(tries), 1 << 32)}"), wait, go_on)
        a.begin(go_on)
    a.store(how_many_begun(), seen, "%low")
    a.do("ret void")
    code = engine.load_object(engine.compile_object(INTRINSICS + a.text()))
    program = Program(
        inputs=(Array("int64", (0,)), Array("int64", (1,))),
        outputs=(Output("input", source=1),),
        calls=(Kernel(0, (0, 1), (), (Sweep(1, 1),)),),
        sizes=2,
    )
    f = load(program, [code.address("k")], keep=[code], limits=Limits(parallel_work=0))
    pool.set_threads(2)
    starts = [share - (share >> number) for number in range(PARTS)]
    for _ in range(20):
        next_goes(backwards=False)
        assert f(np.zeros(2, np.int64), np.zeros(2 * share, np.int64)).reshape(2, share)[:, starts].tolist() == [[2] * PARTS] * 2


def test_no_thread_has_more_parts_than_there_is_room_for() -> None:
    assert 1 <= max(PARTS, packed.EACH) <= pool.MOST_EACH


def test_callers_at_the_same_time() -> None:
    """All but one run their parts themselves."""
    pool.set_threads(3)
    address, code = elementwise("fadd", ranged=True)
    program = Program(
        inputs=(Array("float64", (0,)), Array("float64", (0,))),
        outputs=(Output("new", "float64", (0,)),),
        calls=(Kernel(0, (0, 1, 2), (0,), (Sweep(0),)),) * 3,
        sizes=1,
        work=0,
    )
    f = load(program, [address], keep=[code], limits=Limits(0, 0, 0))
    wrong = []

    def work(number: int) -> None:
        x = np.full(3000, float(number))
        for _ in range(200):
            if not (f(x, x) == 2 * number).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_a_forked_child_starts_its_own_threads() -> None:
    pool.set_threads(3)
    f, x = shares(), np.empty(960)

    def is_shared_out() -> bool:
        next_goes(backwards=False)
        return len(np.unique(f(x))) == 3 * PARTS

    assert is_shared_out()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        good = all(is_shared_out() for _ in range(50))
        os._exit(0 if good else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert is_shared_out()


def test_workers_take_no_signals() -> None:
    pool.set_threads(4)
    shares()(np.empty(1000))
    python_threads = {thread.native_id for thread in threading.enumerate()}
    blocked = []
    for task in os.listdir("/proc/self/task"):
        with open(f"/proc/self/task/{task}/status") as file:
            masks = dict(line.split(":\t") for line in file.read().splitlines() if line.startswith("SigBlk"))
        if int(task) not in python_threads and int(masks["SigBlk"], 16) >> (signal.SIGINT - 1) & 1:
            blocked.append(task)
    assert len(blocked) >= 3
