"""The interpreter is compiled fast at first, and well by a thread of its own, in processes that have nothing in the cache and in those that do."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from croton.runtime import interpreter, layout
from croton.runtime.native import native

pytestmark = pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))

FUNCTION = """
import numpy as np
from croton.runtime import engine, objectcache
from croton.runtime.function import load
from croton.runtime.calls.gemm import Gemm
from croton.runtime.native import native
from croton.runtime.program import Array, Output, Program
gemm = Gemm("float64", False, False, 0, 0, 0, 0, 0, 0, 0, 1, 0)
program = Program((Array("float64", (0, 0)),), (Output("new", "float64", (0, 0)),), (gemm,), sizes=1)
levels, compile_object = [], engine.compile_object
def counted(text, level=2, variables=False):
    levels.append(level)
    return compile_object(text, level, variables)
engine.compile_object = counted
code = native().interpreter
first = code._place.value
f = load(program)
x = np.eye(3)
assert (f(x) == x).all()
"""
COLD = """
code.wait()
assert code.is_final and code._place.value != first, (first, code._place.value)
assert sorted(levels) == [0, 2, 2], levels
assert (f(x) == x).all() and (load(program)(x) == x).all()
"""
WARM = """
code.wait()
assert code.is_final and code._place.value == first and not levels, levels
"""
FORKED = """
child = os.fork()
if not child:
    os._exit(0 if code.is_final and (f(x) == x).all() and len(compile_object("define void @a() { ret void }")) else 1)
assert os.waitpid(child, 0)[1] == 0
"""


def run(script: str, cache: Path, kept: bool = True) -> None:
    environment = {"CROTON_CACHE_DIRECTORY": str(cache), "CROTON_CACHE": str(int(kept)), "PYTHONPATH": ":".join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_first_fast_then_well_and_in_the_next_process_at_once(tmp_path: Path) -> None:
    run(FUNCTION + COLD, tmp_path)
    run(FUNCTION + WARM, tmp_path)


def test_without_a_cache_each_process_does_both(tmp_path: Path) -> None:
    run(FUNCTION + COLD, tmp_path, kept=False)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
def test_a_fork_waits_for_the_thread(tmp_path: Path) -> None:
    run("import os\n" + FUNCTION + FORKED, tmp_path)


def test_there_is_one_thread_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []
    monkeypatch.setattr(threading.Thread, "start", lambda thread: started.append(thread.name))
    code = native().interpreter
    monkeypatch.setattr(code, "is_final", False)
    monkeypatch.setattr(code, "_thread", None)
    for _ in range(3):
        code.improve()
    assert started == ["croton-interpreter"]
    code.wait()  # it has not begun


def test_where_no_thread_can_be_started_it_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    code = native().interpreter
    monkeypatch.setattr(code, "is_final", False)
    monkeypatch.setattr(code, "_thread", None)
    code.improve()
    code.wait()
    assert not code.is_final


def test_text_is_the_same_each_time() -> None:
    """It is the key of its object code in the cache."""
    assert interpreter.text() == interpreter.text()
