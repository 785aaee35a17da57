"""Who may import whom. A cycle or an upward import means that a layer is wrong."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "croton"

FOUNDATION = {"dtypes", "util"}
LANGUAGES = FOUNDATION | {"sizes"}
OPERATIONS = LANGUAGES | {"expr", "algebra"}
ALGEBRAS = LANGUAGES | {"algebra", "loops", "derivatives", "rewriting"}
TRANSFORMS = OPERATIONS | ALGEBRAS | {"ops"}
MAY_IMPORT: dict[str, set[str]] = {
    "dtypes": {"util"},
    "util": set(),
    "sizes": {"util"},
    "kernel": LANGUAGES,
    "algebra": LANGUAGES,
    "loops": LANGUAGES | {"algebra"},
    "derivatives": LANGUAGES | {"algebra", "loops"},
    "rewriting": LANGUAGES | {"algebra", "loops", "derivatives"},
    "expr": LANGUAGES,
    "ops": OPERATIONS,
    "transforms": TRANSFORMS,
    "random": TRANSFORMS | {"transforms"},
    "linalg": TRANSFORMS | {"transforms"},
    "schedule": LANGUAGES | {"algebra", "kernel"},
    "codegen": LANGUAGES | {"kernel"},
    "runtime": FOUNDATION,
    "compile": TRANSFORMS | {"transforms", "schedule", "kernel", "codegen", "runtime"},
}
FILES = sorted(path for path in PACKAGE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path: Path) -> Iterator[tuple[str, ast.stmt]]:
    """The modules of ours that a file imports, with the statement."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "croton":
                    yield alias.name, node
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            if node.module and node.module.split(".")[0] == "croton":
                if node.module == "croton":
                    for alias in node.names:
                        yield f"croton.{alias.name}", node
                else:
                    yield node.module, node


def file_of(name: str) -> Path | None:
    """The file of a module."""
    path = PACKAGE.parent.joinpath(*name.split("."))
    return next((found for found in (path.with_suffix(".py"), path / "__init__.py") if found.exists()), None)


def files_imported(path: Path) -> set[Path]:
    """The files that a file imports; also those that it imports for type checkers only."""
    found: set[Path | None] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update([file_of(alias.name) for alias in node.names if alias.name.split(".")[0] == "croton"])
        elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "croton":
            found.update([file_of(f"{node.module}.{alias.name}") or file_of(node.module or "") for alias in node.names])
    return {file for file in found if file is not None}


def test_there_is_something_to_check() -> None:
    assert len(FILES) > 20


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downward(path: Path) -> None:
    layer = layer_of(path)
    if layer == "__init__":
        return
    assert layer in MAY_IMPORT, f"{layer} is not in the table"
    for name, statement in imports_of(path):
        parts = name.split(".")
        assert len(parts) > 1, f"{path}:{statement.lineno}: nothing inside the package imports croton itself"
        target = parts[1]
        assert target == layer or target in MAY_IMPORT[layer], f"{path}:{statement.lineno}: {layer} may not import {target}"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_hides_inside_a_function(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            for inner in ast.walk(node):
                assert not isinstance(inner, ast.Import | ast.ImportFrom), f"{path}:{inner.lineno}: import inside {node.name}"


def test_no_two_files_know_each_other() -> None:
    """An import for type checkers is one like any other: what names a type knows it."""
    order = list(graphlib.TopologicalSorter({path: files_imported(path) for path in FILES}).static_order())
    assert len(order) == len(FILES)
    assert PACKAGE / "schedule" / "draft.py" in files_imported(PACKAGE / "schedule" / "contract.py")


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_import_is_for_type_checkers_only(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            hidden = [inner.lineno for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)]
            assert not hidden, f"{path}:{hidden[0]}: move what both files need below them, and import that"
