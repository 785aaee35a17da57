"""The catalogue of errors: every example raises what its section says, with the message that is printed there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

import croton as cr
from croton.util import errors

PAGE = Path(__file__).resolve().parents[2] / "docs" / "errors.md"


class Example(NamedTuple):
    """A block of code, the name of the error it raises, and the first line of its message."""

    section: str
    code: str
    message: str


def named(message: str) -> str:
    """A message with sizes that nobody named as the page has them: x.0 for axis 0 of x, which gets a running number where there is another x."""
    return re.sub(r"\b(\w+\.\d+)_\d+\b", r"\1", message)


def examples() -> list[Example]:
    """The examples of the page in order."""
    found = []
    for section in re.split(r"^## ", PAGE.read_text(), flags=re.M)[1:]:
        name = section.split("\n", 1)[0].strip()
        blocks = re.findall(r"^```(\w+)\n(.*?)^```$", section, flags=re.M | re.S)
        assert [kind for kind, _ in blocks] == ["python", "text"] * (len(blocks) // 2), name
        found += [Example(name, code, message.strip("\n")) for (_, code), (_, message) in zip(blocks[::2], blocks[1::2])]
    return found


def raised(code: str) -> Exception:
    """What a block of code raises."""
    with pytest.raises(Exception) as error:
        exec(compile(code, "example.py", "exec"), {"np": np, "cr": cr, "__name__": "example"})
    return error.value


@pytest.mark.parametrize("example", examples(), ids=lambda example: f"{example.section}: {example.code.splitlines()[-1]}")
def test_example(example: Example) -> None:
    error = raised(example.code)
    assert type(error).__name__ == example.section
    assert named(str(error).split("\n")[0]) == example.message
    if isinstance(error, cr.CrotonError) and error.line is not None:
        assert error.line.file == "example.py"


def test_every_class_has_a_section() -> None:
    classes = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, errors.CrotonError)} - {"CrotonError"}
    assert classes | {"NotFiniteError"} <= {example.section for example in examples()}
    for name in classes:
        assert getattr(cr, name) is getattr(errors, name)
