"""The exceptions that a user's mistake raises. Each message says what was wanted, what was given, and what to try."""

from __future__ import annotations

import numpy as np

from croton.util.provenance import Line, user_line


class CrotonError(Exception):
    """The base of all our exceptions; it adds the user's line to the message."""

    def __init__(self, message: str, line: Line | None = None) -> None:
        self.line = line if line is not None else user_line()
        self.message = message
        super().__init__(message if self.line is None else f"{message}\n  at {self.line}{_source(self.line)}")


def _source(line: Line) -> str:
    text = line.text
    return f"\n      {text}" if text else ""


class ShapeError(CrotonError, ValueError):
    """Sizes or numbers of axes that do not fit."""


class DTypeError(CrotonError, TypeError):
    """Element types that an operation does not take."""


class ArgumentError(CrotonError, ValueError):
    """An argument with a value that has no meaning."""


class KindError(CrotonError, TypeError):
    """An argument that is not the kind of thing that was wanted."""


class OutOfRangeError(CrotonError, IndexError):
    """An index outside of its axis."""


class GradientError(CrotonError, ValueError):
    """A derivative that does not exist, or of something that does not depend on what was asked for."""


class MemoryBudgetError(CrotonError, MemoryError):
    """A computation that takes more memory than it may."""


class MatrixError(CrotonError, np.linalg.LinAlgError):
    """A matrix that has no answer: singular, or not positive definite."""


class NotSupportedError(CrotonError, NotImplementedError):
    """Something with a meaning that Croton cannot do yet."""
