"""Numbers with a name, and the marker of a new axis."""

from __future__ import annotations

import math

e: float = math.e
pi: float = math.pi
inf: float = math.inf
nan: float = math.nan
newaxis: None = None
"""`x[:, newaxis]` has a new axis of size 1 there."""
