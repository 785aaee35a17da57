"""Errors carry the user's line."""

from __future__ import annotations

import pytest

from croton.ops.creation import vector
from croton.util.errors import CrotonError, NotSupportedError, ShapeError
from croton.util.provenance import Line, user_line


def test_the_message_ends_with_the_users_line() -> None:
    with pytest.raises(ShapeError) as caught:
        vector("x", (2, 3))  # here
    assert caught.value.line is not None
    assert caught.value.line.file == __file__
    assert "vector(" in str(caught.value) and "# here" in str(caught.value)
    assert "test_errors.py:" in str(caught.value)


def test_a_given_line_is_kept() -> None:
    error = CrotonError("wrong", Line("model.py", 7))
    assert str(error) == "wrong\n  at model.py:7"
    assert error.message == "wrong"


def test_errors_are_pythons_too() -> None:
    assert issubclass(ShapeError, ValueError)
    assert issubclass(NotSupportedError, NotImplementedError)


def test_user_line_is_ours_when_called_from_here() -> None:
    line = user_line()
    assert line is not None and line.file == __file__
    assert line.text.startswith("line = user_line()")
