"""The documents run."""

from __future__ import annotations

import re
import runpy
import textwrap
from pathlib import Path

import pytest

from croton.util.config import FLAGS

DOCS = Path(__file__).resolve().parents[2] / "docs"
README = DOCS.parent / "README.md"
GALLERY = sorted((DOCS / "gallery").glob("*.md"))


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


def printed(path: Path) -> list[str]:
    """What a page says that its program prints: the indented blocks outside of code."""
    outside = re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    return [textwrap.dedent(block).rstrip() for block in re.findall(r"(?:^ {4}.*\n)+", outside, flags=re.MULTILINE)]


def unnumbered(text: str) -> str:
    """A text with sizes as they are in a process that has made no other of their name, and without spaces at ends of lines."""
    return re.sub(r" +$", "", re.sub(r"\b(\w+\.\d+)_\d+\b", r"\1", text), flags=re.MULTILINE)


@pytest.mark.parametrize("path", [DOCS / "add_an_op.md", README, *GALLERY], ids=lambda path: path.name)
def test_page(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    exec(compile(blocks(path), str(path), "exec"), {"__name__": path.stem})
    output = unnumbered(capsys.readouterr().out)
    for text in printed(path) if path in GALLERY else ():
        assert text in output, f"{path.name} says that this is printed:\n{text}\nand this is:\n{output}"


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
