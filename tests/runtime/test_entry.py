"""The native interpreter and its portable twin: what they accept, compute, refuse and leave behind."""

from __future__ import annotations

import gc
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hand_kernels import elementwise
from hand_programs import constants
from hypothesis import given, settings
from hypothesis import strategies as st

from croton.dtypes import ALL
from croton.runtime import layout, pool, rounding
from croton.runtime.calls.bounds import Check
from croton.runtime.calls.copy import Copy
from croton.runtime.calls.gemm import Gemm
from croton.runtime.calls.kernel import Kernel, Sweep
from croton.runtime.calls.routine import Routine
from croton.runtime.function import call_native, load, release_arena
from croton.runtime.native import native
from croton.runtime.portable import PortableFunction
from croton.runtime.program import SIZE_FUNCTIONS, Array, Output, Program, Shared, SizeCheck, SizeOperation, Update, View
from croton.runtime.status import Refused, Status
from croton.runtime.stream import Limits

Loader = Callable[..., Any]
VECTOR = Array("float64", (0,))
ADD = Program(inputs=(VECTOR, VECTOR), outputs=(Output("new", "float64", (0,)),), calls=(Kernel(0, (0, 1, 2), (0,)),), sizes=1)
native_only = pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))


def add_function(loader: Loader, program: Program = ADD, **options: Any) -> Any:
    address, code = elementwise("fadd")
    return loader(program, [address], keep=[code], **options)


def refusal(function: Any, *arguments: Any, **keywords: Any) -> Status:
    with pytest.raises(Refused) as caught:
        function(*arguments, **keywords)
    return caught.value.status


# Arguments


@pytest.mark.parametrize("length", [0, 1, 2, 7, 1000])
def test_adds(loader: Loader, length: int) -> None:
    x, y = np.arange(length, dtype=float), np.ones(length)
    result = add_function(loader)(x, y)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(result, x + y)


def test_refuses_what_does_not_fit(loader: Loader) -> None:
    f, x = add_function(loader), np.ones(8)
    unaligned = np.zeros(65, np.uint8)[1:].view(np.float64)
    assert refusal(f, x).reason == "arity"
    assert refusal(f, x, b=x) == Status(1, 0, 0, 1)
    assert refusal(f, x, [1.0] * 8)[:3] == (2, 1, 0)
    assert refusal(f, np.ones((2, 2)).view(np.matrix), x)[:3] == (2, 0, 0)
    assert refusal(f, x, x.astype("f4")).wanted == "dtype"
    assert refusal(f, x.astype(">f8"), x).wanted == "dtype"
    assert refusal(f, np.ones(16)[::2], x).wanted == "layout"
    assert refusal(f, x, unaligned).wanted == "layout"
    assert refusal(f, x[None], x).wanted == "rank"
    size = refusal(f, x, x[:5])
    assert (size.reason, size.place, size.detail, size.value) == ("size", 1, 0, 5)
    assert all(str(refusal(f, *arguments)) for arguments in ((), (x, 1), (x, x[:3])))


def test_a_size_may_have_to_equal_a_constant(loader: Loader) -> None:
    program = Program(inputs=(Array("int8", (0, 1)),), outputs=(Output("input", source=0),), calls=(), constants=constants(3), sizes=2)
    f, x = loader(program), np.zeros((3, 5), np.int8)
    assert f(x) is x
    assert refusal(f, np.zeros((5, 3), np.int8)) == Status(3, 0, 0, 5)


def test_a_square_matrix(loader: Loader) -> None:
    f = loader(Program(inputs=(Array("bool", (0, 0)),), outputs=(Output("input", source=0),), calls=(), sizes=1))
    x = np.zeros((4, 4), np.bool_)
    assert f(x) is x
    assert refusal(f, np.zeros((4, 5), np.bool_)) == Status(3, 0, 1, 5)


def test_fallback_gets_status_and_arguments_and_may_call_again(loader: Loader) -> None:
    seen = []

    def fallback(status: tuple[int, int, int, int], *arguments: Any, **keywords: Any) -> Any:
        seen.append((Status(*status).reason, len(arguments), keywords))
        return call_native(f, [np.ascontiguousarray(argument, float) for argument in (*arguments, *keywords.values())])

    f = add_function(loader, fallback=fallback)
    np.testing.assert_array_equal(f([1, 2, 3], np.arange(6.0)[::2]), [1.0, 4.0, 7.0])
    np.testing.assert_array_equal(f([1], y=[2]), [3.0])
    assert seen == [("argument", 2, {}), ("arity", 1, {"y": [2]})]
    with pytest.raises(Refused):
        f([1, 2], [3])


def test_fallback_error_passes_through(loader: Loader) -> None:
    def fallback(status: object, *arguments: Any) -> None:
        raise ZeroDivisionError("mine")

    with pytest.raises(ZeroDivisionError, match="mine"):
        add_function(loader, fallback=fallback)(1, 2)


# Results


@pytest.mark.parametrize("dtype", [dtype.name for dtype in ALL])
@pytest.mark.parametrize("shape", [(), (3,), (0,), (2, 0, 3), (1, 2, 3, 4)])
def test_copies_of_every_dtype_and_rank(loader: Loader, dtype: str, shape: tuple[int, ...]) -> None:
    sizes = tuple(range(1, len(shape) + 1))
    bytes_ = len(shape) + 1
    operations = [SizeOperation("maximum", bytes_, 0, 0), *(SizeOperation("multiply", bytes_, bytes_, size) for size in sizes)]
    program = Program(
        inputs=(Array(dtype, sizes),),
        outputs=(Output("new", dtype, sizes),),
        calls=(Copy(1, 0, bytes_),),
        constants=constants(np.dtype(dtype).itemsize),
        sizes=bytes_ + 1,
        size_operations=tuple(operations),
    )
    x = np.asarray(np.random.default_rng(0).normal(size=shape) * 100).astype(dtype)
    result = loader(program)(x)
    assert result is not x and type(result) is np.ndarray and result.dtype == x.dtype and result.flags.owndata
    np.testing.assert_array_equal(result, x)


@pytest.mark.parametrize(("structure", "kind"), [("tuple", tuple), ("list", list)])
@pytest.mark.parametrize("count", [0, 1, 3])
def test_structures(loader: Loader, structure: str, kind: type, count: int) -> None:
    program = Program(
        inputs=(VECTOR,),
        outputs=(Output("input", source=0),) * count,
        calls=(),
        sizes=1,
        structure=structure,
    )
    x = np.ones(2)
    result = loader(program)(x)
    assert type(result) is kind and len(result) == count and all(entry is x for entry in result)


def test_structure_none_drops_outputs(loader: Loader) -> None:
    assert loader(Program(inputs=(), outputs=(), calls=(), structure="none"))() is None
    program = ADD._replace(structure="none")
    assert add_function(loader, program)(np.ones(3), np.ones(3)) is None


def test_views_point_into_other_memory(loader: Loader) -> None:
    """The second half of x is added to its first half; both halves of the result are written."""
    program = Program(
        inputs=(Array("float64", (2,)),),
        outputs=(Output("new", "float64", (2,)),),
        calls=(Kernel(0, (0, 2, 1), (3,)), Kernel(0, (2, 2, 3), (3,))),
        constants=constants(2, 8),
        sizes=5,
        size_operations=(SizeOperation("floor_divide", 3, 2, 0), SizeOperation("multiply", 4, 3, 1)),
        views=(View(0, 4), View(1, 4)),
    )
    x = np.arange(6.0)
    np.testing.assert_array_equal(add_function(loader, program)(x), [3.0, 5.0, 7.0, 6.0, 8.0, 10.0])


def test_slots_hold_intermediate_values(loader: Loader) -> None:
    """((x + y) + x) through a slot; sizes vary from call to call, so the arena grows and shrinks."""
    program = ADD._replace(
        calls=(Kernel(0, (0, 1, 2), (3,)), Kernel(0, (2, 0, 4), (3,))),
        constants=constants(8, 0, 64),
        sizes=7,
        inputs=(Array("float64", (3,)),) * 2,
        outputs=(Output("new", "float64", (3,)),),
        size_operations=(SizeOperation("multiply", 4, 0, 3), SizeOperation("multiply", 5, 2, 3), SizeOperation("add", 6, 5, 5)),
        slots=(1, 5),
        arena=6,
    )
    f = add_function(loader, program)
    for length in (3, 0, 1000, 5, 100_000, 2):
        x, y = np.arange(length, dtype=float), np.ones(length)
        np.testing.assert_array_equal(f(x, y), 2 * x + 1)
    release_arena(f)
    np.testing.assert_array_equal(f(np.ones(2), np.ones(2)), [3.0, 3.0])


def test_memory_that_cannot_be_had(loader: Loader) -> None:
    program = Program(inputs=(VECTOR,), outputs=(Output("input", source=0),), calls=(), sizes=2, slots=(1,), arena=1)
    huge = program._replace(size_operations=(SizeOperation("multiply", 1, 0, 0),))
    f = loader(huge._replace(inputs=(Array("bool", (0,)),)))
    assert f(np.zeros(3, np.bool_)).shape == (3,)
    wide = np.broadcast_to(np.zeros(1, np.bool_), (2**40,))
    with pytest.raises((MemoryError, Refused)):
        f(wide)
    output = Program(inputs=(), outputs=(Output("new", "float64", (0, 0)),), calls=(), constants=constants(2**33), sizes=1)
    with pytest.raises((ValueError, MemoryError)):
        loader(output)()
    negative = Program(inputs=(), outputs=(Output("new", "float64", (0,)),), calls=(), constants=constants(-1), sizes=1)
    with pytest.raises(ValueError, match="negative"):
        loader(negative)()


@native_only
def test_arena_that_cannot_be_had() -> None:
    f = load(Program(inputs=(), outputs=(), calls=(), constants=constants(2**50, 0), sizes=2, slots=(1,), arena=0, structure="none"))
    with pytest.raises(MemoryError):
        f()


# Sizes


@settings(max_examples=60, deadline=None)
@given(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**63), 2**63 - 1) | st.integers(-20, 20), st.sampled_from(SIZE_FUNCTIONS))
def test_size_operations_are_pythons(left: int, right: int, function: str) -> None:
    program = Program(
        inputs=(Array("int64", ()),),
        outputs=(Output("input", source=0),),
        calls=(),
        constants=constants(left, right),
        sizes=4,
        size_operations=(SizeOperation(function, 2, 0, 1),),
        size_checks=(SizeCheck("equal", 2, 3, 7),),
    )
    seen = []
    for load_ in (load, lambda program: PortableFunction(program, (), (), (), None, ())):
        seen.append(refusal(load_(program._replace(inputs=(Array("int64", (3,)),))), np.zeros(123457, np.int64)))
    assert seen[0] == seen[1]
    if function not in ("floor_divide", "modulo") or right:
        wanted = {
            "add": lambda: left + right,
            "subtract": lambda: left - right,
            "multiply": lambda: left * right,
            "floor_divide": lambda: left // right,
            "modulo": lambda: left % right,
            "maximum": lambda: max(left, right),
            "minimum": lambda: min(left, right),
        }[function]()
        if -(2**63) <= wanted < 2**63 and function != "modulo":
            assert (seen[0].reason, seen[0].place, seen[0].detail, seen[0].value) == ("relation", 7, wanted, 123457)
    else:
        assert seen[0].reason == "division"


@pytest.mark.parametrize(("relation", "good", "bad"), [("equal", (3, 3), (3, 4)), ("at_least", (4, 3), (3, 4))])
def test_size_checks(loader: Loader, relation: str, good: tuple[int, int], bad: tuple[int, int]) -> None:
    program = Program(
        inputs=(Array("float32", (0, 1)),),
        outputs=(Output("input", source=0),),
        calls=(),
        sizes=2,
        size_checks=(SizeCheck(relation, 0, 1, 5),),
    )
    f = loader(program)
    assert f(np.zeros(good, "f4")).shape == good
    assert refusal(f, np.zeros(bad, "f4")) == Status(4, 5, *bad)


# Checks of indices


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_index_checks(loader: Loader, dtype: str) -> None:
    """Indices count from the end when negative: -n <= i < n."""
    program = Program(
        inputs=(VECTOR, Array(dtype, (1,))),
        outputs=(Output("input", source=1),),
        calls=(Check(dtype, 1, 1, 3, 0, 9),),
        sizes=4,
        size_operations=(SizeOperation("subtract", 2, 0, 0), SizeOperation("subtract", 3, 2, 0)),
    )
    f = loader(program)
    for good in ([], [0], [-3, 2, 1]):
        assert f(np.ones(3), np.array(good, dtype)).tolist() == good
    assert refusal(f, np.ones(3), np.array([0, 1, 3], dtype)) == Status(5, 9, 2, 3)
    assert refusal(f, np.ones(3), np.array([0, -4, 3], dtype)) == Status(5, 9, 1, -4)
    assert refusal(f, np.ones(0), np.array([0], dtype)) == Status(5, 9, 0, 0)
    assert "index 0 at position 0" in str(refusal(f, np.ones(0), np.array([0], dtype)))


def test_checks_of_other_dtypes_are_not_supported() -> None:
    program = Program(inputs=(Array("int8", (0,)),), outputs=(), calls=(Check("int8", 0, 0, 0, 0, 1),), sizes=1, structure="none")
    with pytest.raises(ValueError, match="not supported: a check of int8"):
        load(program)


# Shared variables


def test_shared_variables_are_read_and_checked(loader: Loader) -> None:
    program = ADD._replace(inputs=(VECTOR,), shared=(Shared("float64", (0,)),))
    cell = [np.ones(3)]
    f = add_function(loader, program, cells=[cell])
    np.testing.assert_array_equal(f(np.arange(3.0)), [1.0, 2.0, 3.0])
    cell[0] = np.full(4, 2.0)
    assert refusal(f, np.arange(3.0)) == Status(3, 1, 0, 4)
    np.testing.assert_array_equal(f(np.arange(4.0)), [2.0, 3.0, 4.0, 5.0])
    cell[0] = cell[0].astype("f4")
    assert refusal(f, np.arange(4.0)).place == 1
    cell.clear()
    with pytest.raises(IndexError):
        f(np.arange(4.0))


def test_update_in_place_needs_a_writeable_array(loader: Loader) -> None:
    program = ADD._replace(
        inputs=(VECTOR,), outputs=(), shared=(Shared("float64", (0,), written=True),), calls=(Kernel(0, (0, 1, 1), (0,)),)
    )
    cell = [np.ones(3)]
    array = cell[0]
    f = add_function(loader, program._replace(structure="none"), cells=[cell])
    f(np.arange(3.0))
    f(np.arange(3.0))
    assert cell[0] is array
    np.testing.assert_array_equal(array, [1.0, 3.0, 5.0])
    array.flags.writeable = False
    assert refusal(f, np.arange(3.0)).wanted == "layout"


UPDATES = Program(
    inputs=(VECTOR, Array("int64", (1,))),
    shared=(Shared("float64", (0,)), Shared("float64", (0,))),
    outputs=(Output("shared", source=0),),
    updates=(Update(1, "float64", (0,)), Update(0, "float64", (0,))),
    calls=(Kernel(0, (0, 3, 5), (0,)), Kernel(0, (0, 2, 6), (0,)), Check("int64", 1, 1, 2, 0, 3)),
    sizes=3,
    size_operations=(SizeOperation("subtract", 2, 0, 0),),
)


def test_updates_are_stored_at_the_end_all_or_none(loader: Loader) -> None:
    first, second = [np.zeros(3)], [np.ones(3)]
    before = first[0]
    f = add_function(loader, UPDATES, cells=[first, second])
    x = np.arange(3.0)
    assert f(x, np.array([0, 2])) is before
    np.testing.assert_array_equal(first[0], x)
    np.testing.assert_array_equal(second[0], x + 1)
    kept = first[0], second[0]
    assert refusal(f, x, np.array([0, 3])).reason == "index"
    assert first[0] is kept[0] and second[0] is kept[1]
    np.testing.assert_array_equal(before, 0)


# Routines


def test_routines_fill_arrays(loader: Loader) -> None:
    def sort(source: np.ndarray, target: np.ndarray) -> None:
        target[...] = np.sort(source, axis=-1)

    program = Program(
        inputs=(Array("float32", (0, 1)),),
        outputs=(Output("new", "float32", (0, 1)),),
        calls=(Routine(0, ((0, "float32", (0, 1)), (1, "float32", (0, 1)))),) * 2,
        sizes=2,
        work=0,
    )
    f = loader(program, routines=[sort], limits=Limits(release_work=0))
    for shape in ((3, 5), (0, 2), (4, 0), (1, 1)):
        x = np.random.default_rng(0).normal(size=shape).astype("f4")
        np.testing.assert_array_equal(f(x), np.sort(x))


def test_an_error_in_a_routine_is_the_calls(loader: Loader) -> None:
    def fail(source: np.ndarray) -> None:
        raise np.linalg.LinAlgError("singular")

    cell = [np.zeros(3)]
    program = Program(
        inputs=(VECTOR,),
        shared=(Shared("float64", (0,)),),
        outputs=(Output("new", "float64", (0,)),),
        updates=(Update(0, "float64", (0,)),),
        calls=(Routine(0, ((0, "float64", (0,)),)),),
        sizes=1,
    )
    before = cell[0]
    f = loader(program, cells=[cell], routines=[fail])
    for _ in range(3):
        with pytest.raises(np.linalg.LinAlgError, match="singular"):
            f(np.ones(3))
    assert cell[0] is before


def test_routine_may_call_the_function_again(loader: Loader) -> None:
    depth = []

    def again(source: np.ndarray, target: np.ndarray) -> None:
        depth.append(1)
        target[...] = f(source[:-1].copy()).sum() if len(source) > 1 else 1.0

    program = Program(
        inputs=(Array("float64", (1,)),),
        outputs=(Output("new", "float64", ()),),
        calls=(Routine(0, ((1, "float64", (1,)), (2, "float64", ()))),),
        sizes=4,
        constants=constants(0),
        slots=(0,),
        arena=3,
        size_operations=(SizeOperation("add", 2, 1, 1), SizeOperation("multiply", 3, 2, 2)),
    )
    f = loader(program, routines=[again])
    assert f(np.ones(5)) == 1.0
    assert len(depth) == 5


# Lifetime


@native_only
def test_references_are_stable() -> None:
    f, x, y = add_function(load), np.ones(8), np.ones(8)
    cells = [[np.zeros(3)], [np.ones(3)]]
    g = add_function(load, UPDATES, cells=cells)
    index, bad, three = np.zeros(2, np.int64), np.full(2, 7), np.ones(3)
    descriptor = np.dtype(float)
    f(x, y), g(three, index)
    watched = (x, y, three, index, bad, descriptor, f, g, cells[0], cells[1], None)
    refusal(g, three, bad)
    native().interpreter.wait()  # the thread that compiles it takes memory
    gc.collect()
    before = [sys.getrefcount(thing) for thing in watched]
    blocks = sys.getallocatedblocks()
    for _ in range(100_000):
        f(x, y)
    for _ in range(20_000):
        g(three, index)
    for _ in range(2_000):
        with pytest.raises(Refused):
            g(three, bad)
        with pytest.raises(Refused):
            f(x, three)
    gc.collect()
    after = [sys.getrefcount(thing) for thing in watched]
    assert [b - a for a, b in zip(before[:-1], after[:-1])] == [0] * (len(watched) - 1)
    assert abs(sys.getallocatedblocks() - blocks) < 200


@native_only
def test_functions_are_collected_with_their_code_and_cycles() -> None:
    class Token:
        pass

    def make() -> Any:
        token = Token()

        def fallback(*arguments: Any) -> Any:
            return f, token

        f = add_function(load, fallback=fallback)
        f.token, f.itself = token, f
        return f

    gc.collect()
    f = make()
    f(np.ones(3), np.ones(3))
    del f
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, Token)]


# Threads


@native_only
def test_many_threads_call_one_function() -> None:
    """Through a slot of the arena, with the GIL released during the calls."""
    program = Program(
        inputs=(Array("float64", (2,)), Array("float64", (2,))),
        outputs=(Output("new", "float64", (2,)),),
        calls=(Kernel(0, (0, 1, 2), (2,)), Kernel(0, (2, 0, 3), (2,))),
        constants=constants(8, 0),
        sizes=4,
        size_operations=(SizeOperation("multiply", 3, 0, 2),),
        slots=(1,),
        arena=3,
        work=1,
    )
    f = add_function(load, program, limits=Limits(release_work=0))
    wrong = []

    def work(number: int) -> None:
        for repeat in range(60):
            x, y = np.full(500 + 100 * (repeat % 7), float(number)), np.ones(500 + 100 * (repeat % 7))
            if not (f(x, y) == 2 * number + 1).all():
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@native_only
def test_the_gil_is_released_during_large_calls_only() -> None:
    """Another thread is ready to set a flag; it can only do so while the call lets it run."""
    program = Program(
        inputs=(Array("float32", (0, 0)),),
        outputs=(Output("new", "float32", (0, 0)),),
        calls=(Gemm("float32", False, False, 0, 0, 0, 0, 0, 0, 0, 1, 0),) * 2,
        sizes=1,
        work=0,
    )
    x = np.zeros((400, 400), "f4")

    def another_thread_ran(f: Any, calls: int) -> bool:
        ready, ran = threading.Lock(), []
        ready.acquire()
        thread = threading.Thread(target=lambda: (ready.acquire(), ran.append(True)))
        thread.start()
        ready.release()
        for _ in range(calls):
            f(x)
            if ran:
                break
        result = bool(ran)
        thread.join()
        return result

    interval = sys.getswitchinterval()
    sys.setswitchinterval(10.0)
    try:
        assert not another_thread_ran(load(program, limits=Limits(release_work=10**9)), 1)
        assert another_thread_ran(load(program, limits=Limits(release_work=0)), 1000)
    finally:
        sys.setswitchinterval(interval)


@native_only
@pytest.mark.skipif(not rounding.can_flush(), reason="the mode cannot be set here")
@pytest.mark.parametrize("threads", [1, 3])
def test_subnormal_numbers_are_flushed_during_calls_only(threads: int) -> None:
    """In every thread, and not in the Python code that a program calls."""
    tiny, seen = np.finfo(float).tiny / 4, []
    address, code = elementwise("fadd", ranged=True)
    program = ADD._replace(
        calls=(Kernel(0, (0, 1, 2), (), (Sweep(0),)), Routine(0, ()), Kernel(0, (0, 1, 2), (), (Sweep(0),))),
        flush_subnormals=True,
    )
    f = load(program, [address], routines=[lambda: seen.append(np.float64(tiny) * 2)], keep=[code])
    plain = load(program._replace(flush_subnormals=False), [address], routines=[lambda: None], keep=[code])
    before = pool.get_threads()
    pool.set_threads(threads)
    try:
        x = np.full(100, tiny)
        assert not f(x, x).any()
        assert (plain(x, x) == 2 * tiny).all()
    finally:
        pool.set_threads(before)
    assert seen == [2 * tiny]
    assert (x + x == 2 * tiny).all()


@native_only
def test_flushing_is_not_supported_by_the_portable_path() -> None:
    with pytest.raises(ValueError, match="not supported: flushing subnormal numbers"):
        PortableFunction(ADD._replace(flush_subnormals=True), (), (), (), None, ())


# Inputs that are written


def test_a_written_input_is_alone_in_its_memory(loader: Loader) -> None:
    program = ADD._replace(
        inputs=(Array("float64", (0,), True), VECTOR),
        outputs=(Output("input", source=0),),
        calls=(Kernel(0, (0, 1, 0), (0,)),),
        constants=(),
        sizes=3,
        size_operations=(SizeOperation("add", 1, 0, 0), SizeOperation("add", 1, 1, 1), SizeOperation("add", 2, 1, 1)),
        extents=(2, 2),
    )
    f = add_function(loader, program)
    whole = np.arange(6.0)
    assert f(whole[:3], whole[3:]) is not None
    np.testing.assert_array_equal(whole, [3, 5, 7, 3, 4, 5])
    for first, second in ((whole, whole), (whole[:4], whole[2:]), (whole[2:], whole[:4])):
        status = refusal(f, first, second)
        assert (status.reason, status.place, status.wanted) == ("argument", 0, "memory")
        assert "memory" in str(status)
    frozen = whole[:3].copy()
    frozen.flags.writeable = False
    assert refusal(f, frozen, whole[3:]).wanted == "layout"
    np.testing.assert_array_equal(whole, [3, 5, 7, 3, 4, 5])
