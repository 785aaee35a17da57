"""The memory of large arrays that calls return: what one leaves that nobody has any more is the next one's.

The C library gives a block of more than 32 MB back to the system at once, and the next one of that size is made of new pages, each filled with zeros when it
is first written: that takes as long as the work of many a kernel. So the block of such an array is put aside when the array is gone, for the next array of that
size. The system is told that it may have the pages whenever it wants memory (MADV_FREE), so this memory is spare, not taken. Large results begin at a cache
line, and have huge pages where the system gives them to those who ask.

NumPy knows allocators: an array holds the one that made it, and gives its memory back to that (PyDataMem_SetHandler). Ours is set only while a large result is
made, and only where the user has set none. Everything here is called with the GIL.
"""

from __future__ import annotations

import mmap
import sys

from croton.runtime.assembler import Assembler

LARGE = 1 << 25
"""Bytes from which on blocks are put aside. Those of smaller arrays stay with the C library (glibc's M_MMAP_THRESHOLD never rises above this)."""
KEPT = 8
"""A block is freed once so many others have been put aside after it."""
_SLACK = 1 << 16
"""By how many bytes a block may be larger than an array that takes it: page sizes, rounding."""
_LINE = 64
_MADV_FREE, _MADV_HUGEPAGE = 8, 14
_NAME_BYTES = 127
_NAME = "croton".ljust(_NAME_BYTES, "@").replace("@", r"\00")
"""NumPy's allocators begin with a name of so many bytes, and a version of one."""

PYTHON_FUNCTIONS = ("PyCapsule_New",)

_GLOBALS = f"""
declare ptr @croton_array_from_descriptor(ptr, ptr, i32, ptr, ptr, ptr, i32, ptr)
@croton_array_type = external global i8
declare ptr @croton_PyCapsule_New(ptr, ptr, ptr)
declare ptr @croton_set_allocator(ptr)
declare ptr @aligned_alloc(i64, i64)
declare ptr @calloc(i64, i64)
declare ptr @realloc(ptr, i64)
declare void @free(ptr)
declare i64 @malloc_usable_size(ptr)
declare i32 @madvise(ptr, i64, i32)
@croton_default_allocator = external global ptr
@croton_blocks = internal global [{KEPT} x ptr] zeroinitializer
@croton_oldest_block = internal global i64 0
@croton_allocator_kind = internal constant [12 x i8] c"mem_handler\\00"
@croton_allocator_capsule = internal global ptr null
@croton_allocator = internal global {{ [{_NAME_BYTES} x i8], i8, ptr, ptr, ptr, ptr, ptr }} {{ [{_NAME_BYTES} x i8] c"{_NAME}", i8 1,
  ptr null, ptr @croton_block_new, ptr @croton_block_zeros, ptr @croton_block_resize, ptr @croton_block_free }}
define internal ptr @croton_block_zeros(ptr %context, i64 %count, i64 %size) {{
  %block = call ptr @calloc(i64 %count, i64 %size)
  ret ptr %block
}}
define internal ptr @croton_block_resize(ptr %context, ptr %block, i64 %size) {{
  %other = call ptr @realloc(ptr %block, i64 %size)
  ret ptr %other
}}
"""


EXPORTED = ("croton_large_array",) if sys.platform == "linux" else ()
"""What the interpreter calls."""


def can_recycle() -> bool:
    """Whether blocks are put aside on this platform."""
    return bool(EXPORTED)


def _new_block() -> str:
    """A block that was put aside and has this size, or a new one."""
    a = Assembler("internal ptr @croton_block_new(ptr %context, i64 %size)")
    with a.loop(KEPT) as place:
        block = a.load("@croton_blocks", place, "ptr")
        with a.when(a.compare("ne", block, "null", "ptr")):
            more = a.subtract(a.value(f"call i64 @malloc_usable_size(ptr {block})"), "%size")
            with a.when(a.value(f"icmp ule i64 {more}, {_SLACK}")):
                a.store("null", "@croton_blocks", place, "ptr")
                a.do(f"ret ptr {block}")
                a.begin(a.label())
    bytes_ = a.round_up("%size", _LINE)
    found = a.variable("ptr", a.value(f"call ptr @aligned_alloc(i64 {_LINE}, i64 {bytes_})"))
    with a.when(a.compare("eq", a.get(found, "ptr"), "null", "ptr")):
        with a.loop(KEPT) as place:
            a.do(f"call void @free(ptr {a.load('@croton_blocks', place, 'ptr')})")
            a.store("null", "@croton_blocks", place, "ptr")
        a.set(found, a.value(f"call ptr @aligned_alloc(i64 {_LINE}, i64 {bytes_})"), "ptr")
    with a.when(a.compare("ne", a.get(found, "ptr"), "null", "ptr")):
        _advise(a, a.get(found, "ptr"), "%size", _MADV_HUGEPAGE)
    a.do(f"ret ptr {a.get(found, 'ptr')}")
    return a.text()


def _advise(a: Assembler, block: str, size: str, advice: int) -> str:
    """Tell the system what the pages that lie in a block are for; 0 if it understands."""
    low = a.round_up(a.integer(block), mmap.PAGESIZE)
    high = a.value(f"and i64 {a.add(a.integer(block), size)}, {-mmap.PAGESIZE}")
    return a.value(f"call i32 @madvise(ptr {a.pointer(low)}, i64 {a.subtract(high, low)}, i32 {advice})")


def _free_block() -> str:
    """Put a large block aside, unless the system does not take its pages for spare ones."""
    a = Assembler("internal void @croton_block_free(ptr %context, ptr %block, i64 %size)")
    kept, freed = a.label(), a.label()
    usable = a.value("call i64 @malloc_usable_size(ptr %block)")
    large = a.label()
    a.fork(a.compare("sge", usable, LARGE), large, freed)
    a.begin(large)
    a.fork(a.compare("eq", _advise(a, "%block", usable, _MADV_FREE), 0, "i32"), kept, freed)
    a.begin(kept)
    place = a.get("@croton_oldest_block")
    a.do(f"call void @free(ptr {a.load('@croton_blocks', place, 'ptr')})")
    a.store("%block", "@croton_blocks", place, "ptr")
    a.set("@croton_oldest_block", a.value(f"urem i64 {a.add(place, 1)}, {KEPT}"))
    a.do("ret void")
    a.begin(freed)
    a.do("call void @free(ptr %block)")
    a.do("ret void")
    return a.text()


def array_from_descriptor(arguments: str, data: str = "null", flags: int = 0) -> str:
    """The call that makes an array: `arguments` are its descriptor, its rank and its sizes."""
    return f"call ptr @croton_array_from_descriptor(ptr @croton_array_type, {arguments}, ptr null, ptr {data}, i32 {flags}, ptr null)"


def _large_array() -> str:
    """A fresh array with our allocator; null with Python's error where there is none."""
    a = Assembler("ptr @croton_large_array(ptr %descriptor, i32 %rank, ptr %dimensions)")
    with a.when(a.compare("eq", a.get("@croton_allocator_capsule", "ptr"), "null", "ptr")):
        made = a.value("call ptr @croton_PyCapsule_New(ptr @croton_allocator, ptr @croton_allocator_kind, ptr null)")
        a.set("@croton_allocator_capsule", made, "ptr")
    before = a.value(f"call ptr @croton_set_allocator(ptr {a.get('@croton_allocator_capsule', 'ptr')})")
    with a.when(a.compare("eq", before, "null", "ptr")):
        a.do("call void @croton_Py_DecRef(ptr %descriptor)")
        a.do("ret ptr null")
        a.begin(a.label())
    users = a.compare("ne", before, a.get("@croton_default_allocator", "ptr"), "ptr")
    with a.when(users):
        _set_back(a, before)
    array = a.value(array_from_descriptor("ptr %descriptor, i32 %rank, ptr %dimensions"))
    with a.when(a.negated(users)):
        _set_back(a, before)
    a.do(f"call void @croton_Py_DecRef(ptr {before})")
    a.do(f"ret ptr {array}")
    return a.text()


def _set_back(a: Assembler, allocator: str) -> None:
    ours = a.value(f"call ptr @croton_set_allocator(ptr {allocator})")
    with a.when(a.compare("ne", ours, "null", "ptr")):
        a.do(f"call void @croton_Py_DecRef(ptr {ours})")


def text() -> str:
    """The making of large results, as LLVM IR."""
    return "\n".join((_GLOBALS, _new_block(), _free_block(), _large_array())) if can_recycle() else ""
