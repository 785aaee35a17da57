"""The documents run."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from croton.util.config import FLAGS

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"


def blocks(path: Path) -> str:
    """All Python blocks of a page as one program, at the lines they have in the page."""
    lines = path.read_text().split("\n")
    code = [""] * len(lines)
    inside = False
    for number, line in enumerate(lines):
        if line.startswith("```"):
            inside = line.strip() == "```python"
            continue
        if inside:
            code[number] = line
    return "\n".join(code)


@pytest.mark.parametrize("path", [DOCS / "add_an_op.md", README, *sorted((DOCS / "gallery").glob("*.md"))], ids=lambda path: path.name)
def test_page(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks(path), str(path), "exec"), {"__name__": path.stem})


def test_tour(capsys: pytest.CaptureFixture[str]) -> None:
    runpy.run_path(str(DOCS / "tour.py"), run_name="__main__")
    assert "never made" in capsys.readouterr().out


@pytest.mark.parametrize("path", [README, *sorted(DOCS.rglob("*.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_architecture_lists_every_flag() -> None:
    page = (DOCS / "architecture.md").read_text()
    for flag in FLAGS:
        assert re.search(rf"^\| `{flag.name}` \| `[^|]+` \| {re.escape(flag.meaning)} \|$", page, re.MULTILINE), flag.name


def test_the_architecture_lists_every_package() -> None:
    page = (DOCS / "architecture.md").read_text()
    for path in (DOCS.parent / "croton").iterdir():
        if path.is_dir() and (path / "__init__.py").exists():
            assert re.search(rf"^\| ([a-z]+, )*{path.name}(, [a-z]+)* \|", page, re.MULTILINE), path.name
