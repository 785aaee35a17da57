"""What the routines of our own for products share: a thread's part of a product that is theirs, or the library's where they do not suit."""

from __future__ import annotations

from collections.abc import Callable

from croton.runtime.assembler import Assembler
from croton.runtime.product import WORD

DECLARATION = "declare void @croton_library_part(ptr, ptr, ptr, ptr, i64, i64)"


def own_part(name: str, fits: Callable[[Assembler], str], compute: Callable[[Assembler], None]) -> str:
    """The function `name` for a thread's part of a product: `compute` where `fits` holds, else the library's share."""
    a = Assembler(f"void @{name}(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    suits = fits(a)
    own, library = a.label(), a.label()
    a.fork(suits, own, library)
    a.begin(library)
    a.do("call void @croton_library_part(ptr %context, ptr %a, ptr %b, ptr %c, i64 %part, i64 %parts)")
    a.do("ret void")
    a.begin(own)
    compute(a)
    a.do("ret void")
    return a.text()


def scale(a: Assembler, kind: str, name: str) -> str:
    """alpha or beta as a number of the matrices' kind, "float" or "double"."""
    wide = a.double(a.load("%context", WORD[name]))
    return wide if kind == "double" else a.value(f"fptrunc double {wide} to float")
