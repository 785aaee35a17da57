"""Machine code from text: compiling, loading, symbols, errors."""

from __future__ import annotations

import ctypes
import threading

import pytest
from llvmlite.binding import ffi

from croton.runtime import engine

TWICE = "define i64 @twice(i64 %x) {\n  %y = add i64 %x, %x\n  ret i64 %y\n}\n"


def call(code: engine.Code, name: str, *arguments: int) -> int:
    return ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * len(arguments))(code.address(name))(*arguments)


@pytest.mark.parametrize("level", [0, 2])
@pytest.mark.parametrize("variables", [False, True])
def test_text_to_address(level: int, variables: bool) -> None:
    code = engine.load_object(engine.compile_object(TWICE, level, variables))
    assert call(code, "twice", 21) == 42


def test_same_name_in_two_objects() -> None:
    first = engine.load_object(engine.compile_object(TWICE))
    second = engine.load_object(engine.compile_object(TWICE.replace("add", "mul")))
    assert (call(first, "twice", 5), call(second, "twice", 5)) == (10, 25)


def test_unknown_name() -> None:
    code = engine.load_object(engine.compile_object(TWICE))
    with pytest.raises(KeyError, match="no function @thrice"):
        code.address("thrice")


def test_symbols_are_found_by_name_when_the_object_is_loaded() -> None:
    text = "declare i64 @croton_test_symbol(i64)\ndefine i64 @k(i64 %x) {\n  %y = call i64 @croton_test_symbol(i64 %x)\n  ret i64 %y\n}\n"
    data = engine.compile_object(text)
    callback = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64)(lambda x: x + 1)
    engine.add_symbol("croton_test_symbol", ctypes.cast(callback, ctypes.c_void_p).value or 0)
    assert call(engine.load_object(data), "k", 1) == 2


def test_global_values_have_addresses() -> None:
    code = engine.load_object(engine.compile_object("@value = global i64 7\n"))
    assert ctypes.c_int64.from_address(code.address("value")).value == 7


@pytest.mark.parametrize("text", ["define i64 @k(", "define i64 @k() {\n  ret i32 0\n}\n", "define void @k() {\n}\n"])
def test_bad_text_raises(text: str) -> None:
    with pytest.raises(RuntimeError):
        engine.compile_object(text)


def test_identity_names_llvm_and_machine() -> None:
    version, triple, cpu, features = engine.identity().split("|")
    assert version[0].isdigit() and triple and cpu and "+" in features


def test_compiling_goes_on_after_code_was_freed() -> None:
    data = engine.compile_object(TWICE)
    for _ in range(50):
        assert call(engine.load_object(data), "twice", 3) == 6
    assert engine.compile_object(TWICE) == data


def test_several_texts_are_compiled_at_the_same_time_and_loaded_together() -> None:
    texts = [TWICE.replace("twice", f"f{i}").replace("%x, %x", f"%x, {i}") for i in range(20)]
    objects = engine.compile_objects(iter(texts))
    assert objects == tuple(map(engine.compile_object, texts))
    code = engine.load_object(*objects)
    assert [call(code, f"f{i}", 100) for i in range(20)] == list(range(100, 120))
    assert engine.compile_objects([]) == ()


def test_one_bad_text_of_several_raises() -> None:
    with pytest.raises(RuntimeError):
        engine.compile_objects([TWICE, "define i64 @k(", TWICE])


def test_code_is_compiled_here_where_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert engine.compile_objects([TWICE, TWICE]) == (engine.compile_object(TWICE),) * 2


def test_emitting_code_does_not_wait_for_other_threads() -> None:
    """Should llvmlite change how it locks its functions, code is compiled one text after the other: nothing else would show it."""
    assert engine._free(engine.EMIT) is not getattr(ffi.lib, engine.EMIT)
