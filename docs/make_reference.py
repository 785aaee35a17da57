"""Writes docs/reference.md, the list of everything public, from the docstrings.

    python docs/make_reference.py

A test holds that the page is what this writes.
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import croton as cr
from croton.compile.jit import Jit

PAGE = Path(__file__).resolve().parent / "reference.md"

SUBJECTS: tuple[tuple[str, str], ...] = (
    ("Inputs, shared variables, arrays to begin with", "ops.creation"),
    ("Compiling and looking inside", "compile.function compile.jit compile.signature compile.formula compile.structure"),
    ("Derivatives", "transforms.grad transforms.custom"),
    ("Maps, loops, branches", "transforms.vmap transforms.scan transforms.associative transforms.while_loop transforms.cond transforms.body transforms.taps"),
    ("Memory, and code of your own", "transforms.checkpoint transforms.routine"),
    ("Arithmetic", "ops.arithmetic ops.complex_parts"),
    ("Elementary and special functions", "ops.transcendental"),
    ("Rounding and signs", "ops.rounding"),
    ("Comparisons", "ops.comparisons"),
    ("Logic, choice and bits", "ops.logic"),
    ("Reductions", "ops.reductions ops.extremes"),
    ("Statistics", "ops.statistics"),
    ("Running along an axis", "ops.cumulative"),
    ("Products of arrays", "ops.linalg"),
    ("Shapes and axes", "ops.shape ops.axes"),
    ("Joining and splitting", "ops.joining"),
    ("Moving and repeating", "ops.arranging"),
    ("Indexing", "ops.indexing ops.selection ops.at ops.compressing"),
    ("Sorting and sets", "ops.sorting ops.unique"),
    ("Windows, convolution, pooling", "ops.windows"),
    ("Numerical work", "ops.numerics"),
    ("Neural networks", "ops.nn"),
    ("Conversion and dtypes", "ops.casting ops.dtype_info dtypes"),
    ("Kinds of expressions", "expr.expr"),
    ("Settings", "util.config"),
    ("Errors", "util.errors compile.finite"),
)


def module_of(value: Any) -> str:
    """Where it is defined, without the package; an object that is no function or class counts to the module of its type."""
    return (getattr(value, "__module__", None) or type(value).__module__).removeprefix("croton.")


def called(name: str, value: Any) -> str:
    """The name with its arguments, as it would be called; without annotations."""
    if inspect.isclass(value) or not callable(value):
        return name
    signature = inspect.signature(value)
    plain = [parameter.replace(annotation=inspect.Parameter.empty) for parameter in signature.parameters.values()]
    return f"{name}{signature.replace(parameters=plain, return_annotation=inspect.Signature.empty)}"


def sentence(value: Any) -> str:
    """The first paragraph of the docstring in one line."""
    first = (inspect.getdoc(value) or "").split("\n\n")[0]
    return " ".join(first.split()).replace("|", "\\|")


def rows(space: ModuleType | type, names: list[str], prefix: str) -> list[str]:
    """A table row for each object, in alphabetical order; other names of one object come after its own."""
    own: dict[int, list[str]] = {}
    for name in names:
        own.setdefault(id(getattr(space, name)), []).append(name)
    found = []
    for group in own.values():
        value = getattr(space, group[0])
        given = getattr(value, "__name__", group[0])
        first = given if given in group else group[0]
        others = [f"`{prefix}{name}`" for name in sorted(group) if name != first]
        also = f" Also {', '.join(others)}." if others else ""
        found.append(f"| `{called(prefix + first, value)}` | {sentence(value)}{also} |")
    return sorted(found, key=str.lower)


def methods(kind: type) -> list[str]:
    """The public methods and attributes of a class."""
    return sorted(name for name in dir(kind) if name[0] != "_" and inspect.getdoc(getattr(kind, name)))


def table(title: str, found: list[str]) -> list[str]:
    return ["", f"## {title}", "", "| | |", "|---|---|", *found]


def page() -> str:
    """The whole page."""
    left = {name: getattr(cr, name) for name in cr.__all__}
    lines = [
        "# Reference",
        "",
        "Everything public, by subject: `import croton as cr`, then `cr.name`; `help(cr.name)` says more. Written by `docs/make_reference.py`.",
        "",
        "Functions of arrays take expressions, NumPy arrays, numbers and lists of numbers, and follow NumPy's names and the Python array API standard.",
        "A negative `axis` counts from the end; dtypes promote one another as in NumPy 2, and Python numbers and symbolic sizes adapt to arrays.",
    ]
    for title, modules in SUBJECTS:
        names = [name for name, value in left.items() if module_of(value) in modules.split()]
        lines += table(title, rows(cr, names, ""))
        for name in names:
            del left[name]
    numbers = [name for name, value in left.items() if isinstance(value, float) or value is None]
    listed = ", ".join(f"`{name}`" for name in sorted(numbers))
    lines += ["", f"Numbers with a name, and the marker of a new axis: {listed}."]
    for name in (*numbers, "linalg", "random", "reference"):
        del left[name]
    if left:
        raise SystemExit(f"no subject in docs/make_reference.py for {', '.join(left)}; add their modules to SUBJECTS")
    lines += table("Linear algebra: `cr.linalg`", rows(cr.linalg, list(cr.linalg.__all__), "linalg."))
    lines += table("Random numbers: `cr.random`", rows(cr.random, list(cr.random.__all__), "random."))
    lines += table("Methods of expressions", [f"| `x.{name}` | {sentence(getattr(cr.Expr, name))} |" for name in methods(cr.Expr)])
    lines += table("Methods of shared variables", [f"| `w.{name}` | {sentence(getattr(cr.SharedVariable, name))} |" for name in ("get_value", "set_value")])
    lines += table("Methods of compiled functions", [f"| `f.{name}` | {sentence(getattr(cr.Function, name))} |" for name in methods(cr.Function)])
    lines += table("Methods of functions made by jit", [f"| `f.{name}` | {sentence(getattr(Jit, name))} |" for name in ("explain", "function_for", "profile")])
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PAGE.write_text(page())
