"""Threads that share out a loop: fork and join in 0.2 microseconds while they are awake.

Machine code calls `croton_parallel(task, context, each)`, which cuts the work into `each` parts for every thread, calls
`task(context, part, parts)` for each and returns when all are done. A thread takes parts of its own first, of which it may have in its cache
what it wrote in the job before or read in the last call; then those that others have not come to, from their last one on. So nobody waits
for a thread that the system has not woken yet, or has put aside: the more parts, the less is left for it to finish. What the parts are
depends on the number of threads alone. Threads start when first needed, spin for a moment after a job and then sleep in the kernel.
A second caller at the same time runs its parts itself. Where there are no futexes everything runs in the calling thread.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

from croton.runtime import rounding
from croton.runtime.assembler import Assembler
from croton.util.config import config
from croton.util.cores import available_cores

MAXIMUM_THREADS = 255

_SPINS = 2000
_FUTEX_NUMBERS = {"x86_64": 202, "aarch64": 98, "riscv64": 98}
_WAIT, _WAKE = 128, 129
MOST_EACH = 8
"""Parts that a thread may have: the claims on them are one line of the cache."""
_GENERATION_BITS = 48
_ALL_SIGNALS_WORDS = 16
_SET_MASK = 2

_GLOBALS = f"""
; the ticket: number of threads of the job (8 bits), parts of each (8), generation of the job ({_GENERATION_BITS}; its low half is what sleepers watch)
@croton_ticket = internal global i64 0, align 64
; for each part the generation of the last job in which it was taken. Claims only grow, and a job ends when all of its parts were taken: so a late
; thread, whose ticket is of a job that has ended, finds none of them left to take
@croton_claims = internal global [{MAXIMUM_THREADS * MOST_EACH} x i64] zeroinitializer, align 64
@croton_pending = internal global i32 0, align 64
@croton_sleepers = internal global i32 0, align 64
@croton_waiting = internal global i32 0, align 64
@croton_lock = internal global i32 0, align 64
@croton_started = internal global i32 0
@croton_task = internal global ptr null
@croton_context = internal global ptr null
@croton_mode = internal global i32 0
@croton_threads = global i32 1
declare i64 @syscall(i64, ...)
declare i32 @pthread_create(ptr, ptr, ptr, ptr)
declare i32 @pthread_detach(i64)
declare i32 @pthread_sigmask(i32, ptr, ptr)
declare i32 @sigfillset(ptr)
"""

DECLARATIONS = """
@croton_threads = external global i32
declare void @croton_parallel(ptr, ptr, i64)
"""
"""What others have of the pool."""

_SERIAL = """
@croton_threads = global i32 1
define void @croton_parallel(ptr %task, ptr %context, i64 %each) {
  call void %task(ptr %context, i64 0, i64 1)
  ret void
}
define void @croton_pool_reset() {
  ret void
}
"""


def has_threads() -> bool:
    """Whether loops can be shared out on this platform."""
    return sys.platform == "linux" and platform.machine() in _FUTEX_NUMBERS


def _pause() -> tuple[str, str]:
    """The declaration and the call that tell the processor of a waiting loop. Inline assembly would need a parser that may be absent."""
    if platform.machine() == "x86_64":
        return "declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()"
    if platform.machine() == "aarch64":
        return "declare void @llvm.aarch64.hint(i32)", "call void @llvm.aarch64.hint(i32 1)"
    return "", ""


def _futex(a: Assembler, address: str, operation: int, value: str | int) -> None:
    number = _FUTEX_NUMBERS[platform.machine()]
    a.value(f"call i64 (i64, ...) @syscall(i64 {number}, ptr {address}, i64 {operation}, i32 {value}, ptr null, ptr null, i32 0)")


def _atomic(a: Assembler, address: str) -> str:
    return a.value(f"load atomic i32, ptr {address} seq_cst, align 4")


def _ticket(a: Assembler) -> str:
    return a.value("load atomic i64, ptr @croton_ticket seq_cst, align 8")


def _spin_until_changed(a: Assembler, address: str, unwanted: str, changed: str, tired: str) -> None:
    """Watch a number; go to `changed` when it differs from `unwanted`, to `tired` after a while."""
    spins = a.variable("i64", 0)
    watch, rest = a.label(), a.label()
    a.jump(watch)
    a.begin(watch)
    now = a.value(f"load atomic i32, ptr {address} acquire, align 4")
    a.fork(a.compare("ne", now, unwanted, "i32"), changed, rest)
    a.begin(rest)
    pause = _pause()[1]
    if pause:
        a.do(pause)
    a.set(spins, a.add(a.get(spins), 1))
    a.fork(a.compare("slt", a.get(spins), _SPINS), watch, tired)


def _fields(a: Assembler, ticket: str) -> tuple[str, str, str]:
    """Of a ticket the threads, the parts of each, and the generation."""
    each = a.value(f"and i64 {a.value(f'lshr i64 {ticket}, {_GENERATION_BITS}')}, 255")
    return a.value(f"lshr i64 {ticket}, {_GENERATION_BITS + 8}"), each, a.value(f"and i64 {ticket}, {(1 << _GENERATION_BITS) - 1}")


def _take_parts() -> str:
    """Run parts of the job of a ticket until all are taken, those of the thread `%first` before others. Having taken one keeps the job alive, so its
    task may be read then."""
    a = Assembler("internal void @croton_take_parts(i64 %ticket, i64 %first)")
    threads, each, generation = _fields(a, "%ticket")
    with a.loop(threads) as turn:
        owner = a.value(f"urem i64 {a.add('%first', turn)}, {threads}")
        claims = a.at("@croton_claims", a.multiply(owner, MOST_EACH))
        with a.loop(each) as number:
            place = a.choose(a.compare("eq", turn, 0), number, a.subtract(a.subtract(each, 1), number))
            claim = a.at(claims, place)
            before = a.value(f"load atomic i64, ptr {claim} acquire, align 8")
            with a.when(a.compare("slt", before, generation)):
                got = a.value(f"cmpxchg ptr {claim}, i64 {before}, i64 {generation} seq_cst seq_cst")
                with a.when(a.value(f"extractvalue {{ i64, i1 }} {got}, 1")):
                    _run(a, a.add(a.multiply(owner, each), place), a.multiply(threads, each))
    a.do("ret void")
    return a.text()


def _run(a: Assembler, part: str, parts: str) -> None:
    """Run a part that is taken; wake the caller if it was the last and the caller sleeps."""
    rounding.restore(a, "@croton_mode")  # the caller's arithmetic is everybody's
    a.do(f"call void {a.get('@croton_task', 'ptr')}(ptr {a.get('@croton_context', 'ptr')}, i64 {part}, i64 {parts})")
    before = a.value("atomicrmw sub ptr @croton_pending, i32 1 seq_cst")
    with a.when(a.compare("eq", before, 1, "i32")), a.when(a.compare("ne", _atomic(a, "@croton_waiting"), 0, "i32")):
        _futex(a, "@croton_pending", _WAKE, 1)


def _worker() -> str:
    """A worker. Its argument is its number, and in the low half the generation that it need not look at any more."""
    a = Assembler("internal ptr @croton_worker(ptr %argument)")
    argument = a.integer("%argument")
    number = a.value(f"lshr i64 {argument}, 32")
    last = a.variable("i32", a.value(f"trunc i64 {argument} to i32"))
    watch, sleep, look = a.label(), a.label(), a.label()
    a.jump(watch)
    a.begin(watch)
    _spin_until_changed(a, "@croton_ticket", a.get(last, "i32"), look, sleep)
    a.begin(sleep)
    a.value("atomicrmw add ptr @croton_sleepers, i32 1 seq_cst")
    _futex(a, "@croton_ticket", _WAIT, a.get(last, "i32"))
    a.value("atomicrmw sub ptr @croton_sleepers, i32 1 seq_cst")
    a.jump(watch)
    a.begin(look)
    ticket = _ticket(a)
    a.set(last, a.value(f"trunc i64 {ticket} to i32"), "i32")
    # When the number of threads was lowered there are workers left over.
    with a.when(a.compare("slt", number, _fields(a, ticket)[0])):
        a.do(f"call void @croton_take_parts(i64 {ticket}, i64 {number})")
    a.jump(watch)
    return a.text()


def _start() -> str:
    """Bring the number of workers up to `wanted`, as far as the system lets us. Workers take no signals: those belong to
    Python's threads."""
    a = Assembler("internal void @croton_start_workers(i32 %wanted)")
    thread, everything, before = a.variable("i64"), a.variable(f"[{_ALL_SIGNALS_WORDS} x i64]"), a.variable(f"[{_ALL_SIGNALS_WORDS} x i64]")
    a.value(f"call i32 @sigfillset(ptr {everything})")
    a.value(f"call i32 @pthread_sigmask(i32 {_SET_MASK}, ptr {everything}, ptr {before})")
    again, create, created, after = a.label(), a.label(), a.label(), a.label()
    a.jump(again)
    a.begin(again)
    started = a.get("@croton_started", "i32")
    a.fork(a.compare("slt", started, "%wanted", "i32"), create, after)
    a.begin(create)
    number = a.value(f"add i32 {started}, 1")
    high = a.value(f"shl i64 {a.value(f'zext i32 {number} to i64')}, 32")
    argument = a.value(f"or i64 {high}, {a.value(f'and i64 {_ticket(a)}, 4294967295')}")
    failed = a.value(f"call i32 @pthread_create(ptr {thread}, ptr null, ptr @croton_worker, ptr {a.pointer(argument)})")
    a.fork(a.compare("eq", failed, 0, "i32"), created, after)
    a.begin(created)
    a.value(f"call i32 @pthread_detach(i64 {a.get(thread)})")
    a.set("@croton_started", number, "i32")
    a.jump(again)
    a.begin(after)
    a.value(f"call i32 @pthread_sigmask(i32 {_SET_MASK}, ptr {before}, ptr null)")
    a.do("ret void")
    return a.text()


def _parallel() -> str:
    """Share a job out. The caller is the first of the threads."""
    a = Assembler("void @croton_parallel(ptr %task, ptr %context, i64 %each)")
    threads = a.get("@croton_threads", "i32")
    threads_wide = a.value(f"zext i32 {threads} to i64")
    parts_wide = a.multiply(threads_wide, "%each")
    parts = a.value(f"trunc i64 {parts_wide} to i32")
    single, alone, ask, have = (a.label() for _ in range(4))
    a.fork(a.compare("sgt", threads, 1, "i32"), ask, single)
    a.begin(single)
    a.do("call void %task(ptr %context, i64 0, i64 1)")
    a.do("ret void")
    a.begin(alone)
    with a.loop(parts_wide) as part:
        a.do(f"call void %task(ptr %context, i64 {part}, i64 {parts_wide})")
    a.do("ret void")
    a.begin(ask)
    got = a.value("cmpxchg ptr @croton_lock, i32 0, i32 1 seq_cst seq_cst")
    a.fork(a.value(f"extractvalue {{ i32, i1 }} {got}, 1"), have, alone)
    a.begin(have)
    others = a.value(f"sub i32 {threads}, 1")
    with a.when(a.compare("slt", a.get("@croton_started", "i32"), others, "i32")):
        a.do(f"call void @croton_start_workers(i32 {others})")
    a.set("@croton_task", "%task", "ptr")
    a.set("@croton_context", "%context", "ptr")
    rounding.save(a, "@croton_mode")
    a.do(f"store atomic i32 {parts}, ptr @croton_pending seq_cst, align 4")
    shape = a.value(f"or i64 {a.value(f'shl i64 {threads_wide}, 8')}, %each")
    generation = _fields(a, a.add(_ticket(a), 1))[2]
    ticket = a.value(f"or i64 {a.value(f'shl i64 {shape}, {_GENERATION_BITS}')}, {generation}")
    a.value(f"atomicrmw xchg ptr @croton_ticket, i64 {ticket} seq_cst")
    with a.when(a.compare("ne", _atomic(a, "@croton_sleepers"), 0, "i32")):
        _futex(a, "@croton_ticket", _WAKE, a.get("@croton_started", "i32"))
    a.do(f"call void @croton_take_parts(i64 {ticket}, i64 0)")
    wait, changed, tired, done = a.label(), a.label(), a.label(), a.label()
    a.jump(wait)
    a.begin(wait)
    pending = _atomic(a, "@croton_pending")
    spin = a.label()
    a.fork(a.compare("eq", pending, 0, "i32"), done, spin)
    a.begin(spin)
    _spin_until_changed(a, "@croton_pending", pending, changed, tired)
    a.begin(changed)
    a.jump(wait)
    a.begin(tired)
    a.do("store atomic i32 1, ptr @croton_waiting seq_cst, align 4")
    _futex(a, "@croton_pending", _WAIT, pending)
    a.do("store atomic i32 0, ptr @croton_waiting seq_cst, align 4")
    a.jump(wait)
    a.begin(done)
    a.do("store atomic i32 0, ptr @croton_lock seq_cst, align 4")
    a.do("ret void")
    return a.text()


def _reset() -> str:
    """What a forked child calls: it has no workers and no job."""
    a = Assembler("void @croton_pool_reset()")
    for name in ("pending", "sleepers", "waiting", "lock", "started"):
        a.set(f"@croton_{name}", 0, "i32")
    a.do("ret void")
    return a.text()


def text() -> str:
    """The pool as LLVM IR."""
    if not has_threads():
        return _SERIAL
    return "\n".join((_GLOBALS, rounding.declarations(), _pause()[0], _take_parts(), _worker(), _start(), _parallel(), _reset()))


class Pool:
    """The loaded pool. The number of threads is a word of the machine code's memory."""

    def __init__(self, threads_address: int, reset_address: int) -> None:
        self._threads = ctypes.c_int32.from_address(threads_address)
        self._reset = ctypes.PYFUNCTYPE(None)(reset_address)
        os.register_at_fork(after_in_child=self._reset)
        self._threads.value = _wanted

    def set(self, threads: int) -> None:
        self._threads.value = threads


def _allowed(threads: int) -> int:
    if threads < 0:
        raise ValueError(f"a number of threads >= 1 is wanted, or 0 for one a processor, got {threads}")
    return min(threads or available_cores(), MAXIMUM_THREADS) if has_threads() else 1


def _at_start() -> int:
    """What the flag says; where it was left at the machine's number of cores, those of them that this process may use."""
    return _allowed(0 if config.threads == os.cpu_count() else config.threads)


_wanted = _at_start()
_pool: Pool | None = None


def install(threads_address: int, reset_address: int) -> None:
    """Take the loaded pool over; called once, by whoever loads the machine code."""
    global _pool
    _pool = Pool(threads_address, reset_address)


def get_threads() -> int:
    """How many threads one call may use."""
    return _wanted


def set_threads(threads: int) -> int:
    """Let one call use so many threads from now on; 0 is one for each processor. Returns the number set: 1 where there are no threads,
    255 at most."""
    global _wanted
    _wanted = _allowed(threads)
    if _pool is not None:
        _pool.set(_wanted)
    return _wanted
