"""Who may import whom. A cycle or an upward import means that a layer is wrong."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "croton"

FOUNDATION = {"dtypes", "util"}
LANGUAGES = FOUNDATION | {"sizes"}
OPERATIONS = LANGUAGES | {"expr", "algebra"}
TRANSFORMS = OPERATIONS | {"ops"}
MAY_IMPORT: dict[str, set[str]] = {
    "dtypes": {"util"},
    "util": set(),
    "sizes": {"util"},
    "kernel": LANGUAGES,
    "algebra": LANGUAGES,
    "expr": LANGUAGES,
    "ops": OPERATIONS,
    "random": TRANSFORMS,
    "transforms": TRANSFORMS,
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
