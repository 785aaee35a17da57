"""How Python's garbage collector and allocator treat a function object, as LLVM IR: its tp_traverse, tp_clear and tp_dealloc."""

from __future__ import annotations

from croton.runtime import layout
from croton.runtime.assembler import Assembler
from croton.runtime.frame import FALLBACK_WORD, OWNER_WORD, object_word

PYTHON_FUNCTIONS = ("PyObject_GC_UnTrack", "PyObject_GC_Del", "PyObject_ClearWeakRefs")

DECLARATIONS = """
declare void @croton_Py_DecRef(ptr)
declare void @croton_PyObject_GC_UnTrack(ptr)
declare void @croton_PyObject_GC_Del(ptr)
declare void @croton_PyObject_ClearWeakRefs(ptr)
"""

VECTORCALL_WORD, DICTIONARY_WORD, WEAK_WORD = 0, 1, 2
WORDS = OWNER_WORD + 1


def _traverse() -> str:
    a = Assembler("i32 @croton_traverse(ptr %self, ptr %visit, ptr %argument)")
    kept = [a.at("%self", layout.TYPE, "i8"), *(object_word(a, word) for word in (DICTIONARY_WORD, FALLBACK_WORD, OWNER_WORD))]
    for place in kept:
        found = a.get(place, "ptr")
        with a.when(a.compare("ne", found, "null", "ptr")):
            stop = a.value(f"call i32 %visit(ptr {found}, ptr %argument)")
            with a.when(a.compare("ne", stop, 0, "i32")):
                a.do(f"ret i32 {stop}")
                a.begin(a.label())
    a.do("ret i32 0")
    return a.text()


def _clear() -> str:
    """Only the dictionary: the fallback and the owner stay callable as long as anyone can still call the function. A cycle through the
    fallback ends in some cell or dictionary, which the collector clears."""
    a = Assembler("i32 @croton_clear(ptr %self)")
    place = object_word(a, DICTIONARY_WORD)
    found = a.get(place, "ptr")
    a.set(place, "null", "ptr")
    with a.when(a.compare("ne", found, "null", "ptr")):
        a.do(f"call void @croton_Py_DecRef(ptr {found})")
    a.do("ret i32 0")
    return a.text()


def _deallocate() -> str:
    a = Assembler("void @croton_deallocate(ptr %self)")
    a.do("call void @croton_PyObject_GC_UnTrack(ptr %self)")
    with a.when(a.compare("ne", a.get(object_word(a, WEAK_WORD), "ptr"), "null", "ptr")):
        a.do("call void @croton_PyObject_ClearWeakRefs(ptr %self)")
    a.value("call i32 @croton_clear(ptr %self)")
    for word in (FALLBACK_WORD, OWNER_WORD):
        found = a.get(object_word(a, word), "ptr")
        with a.when(a.compare("ne", found, "null", "ptr")):
            a.do(f"call void @croton_Py_DecRef(ptr {found})")
    type_ = a.get(a.at("%self", layout.TYPE, "i8"), "ptr")
    a.do("call void @croton_PyObject_GC_Del(ptr %self)")
    a.do(f"call void @croton_Py_DecRef(ptr {type_})")
    a.do("ret void")
    return a.text()


def text() -> str:
    """The three functions."""
    return "\n".join((DECLARATIONS, _traverse(), _clear(), _deallocate()))
