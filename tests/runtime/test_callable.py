"""Function objects: attributes, methods, weak references, protocols."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref
from typing import Any

import numpy as np
import pytest

from croton.runtime import layout
from croton.runtime.function import function_type, load
from croton.runtime.program import Array, Output, Program

pytestmark = pytest.mark.skipif(layout.WHY_NOT is not None, reason=str(layout.WHY_NOT))
SAME = Program(inputs=(Array("float64", (0,)),), outputs=(Output("input", source=0),), calls=(), sizes=1)


def test_attributes_and_methods() -> None:
    f = load(SAME)
    assert type(f) is function_type() and callable(f)
    f.__name__, f.__doc__ = "same", "The same."
    function_type().shout = lambda self: self.__name__.upper()
    try:
        assert f.shout() == "SAME" and f.__doc__ == "The same."
    finally:
        del function_type().shout
    with pytest.raises(AttributeError):
        f.shout  # noqa: B018
    assert "croton.Function" in repr(f)


def test_all_ways_of_calling() -> None:
    f, x = load(SAME), np.ones(3)
    arguments: Any = (x,)
    no_keywords: Any = {}
    assert f(x) is x and f(*arguments) is x and f(*arguments, **no_keywords) is x and f.__call__(x) is x
    assert next(map(f, arguments)) is x


def test_weak_references_and_collection() -> None:
    f = load(SAME)
    f.itself = f
    dead: list[Any] = []
    reference = weakref.ref(f, dead.append)
    assert reference() is f
    del f
    gc.collect()
    assert reference() is None and len(dead) == 1


def test_many_functions_come_and_go() -> None:
    before = None
    for repeat in range(3):
        for _ in range(1000):
            load(SAME)(np.ones(2))
        gc.collect()
        found = sum(type(thing) is function_type() for thing in gc.get_objects())
        assert before is None or found <= before, repeat
        before = found


def test_an_object_made_without_a_program_cannot_be_called() -> None:
    with pytest.raises(TypeError, match="vectorcall"):
        function_type()()()


def test_programs_are_plain_data() -> None:
    assert pickle.loads(pickle.dumps(SAME)) == SAME
    assert SAME.pointer("input", 0) == 0 and SAME.pointer("output", 0) == 1 and SAME.pointer("view", 0) == 2
    with pytest.raises(ValueError, match="one of input, shared"):
        SAME.pointer("nothing", 0)


def test_copies_are_the_function_itself_and_pickles_are_refused() -> None:
    f = load(SAME)
    assert copy.copy(f) is f and copy.deepcopy([f])[0] is f
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(f)
