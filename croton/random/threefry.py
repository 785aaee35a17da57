"""The generator: Threefry-2x32 with 20 rounds.

Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3. SC 2011. Tested against the vectors published with it.
"""

from __future__ import annotations

from croton.dtypes import uint32
from croton.expr.expr import Expr
from croton.ops.casting import asarray

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA


def threefry(key: tuple[Expr, Expr], counter: tuple[Expr, Expr]) -> tuple[Expr, Expr]:
    """Two words of 32 random bits for each pair of words of the counter. All are uint32 and broadcast."""
    words = (*key, key[0] ^ key[1] ^ _word(PARITY))
    x, y = counter[0] + words[0], counter[1] + words[1]
    for group in range(5):
        for distance in ROTATIONS[group % 2]:
            x = x + y
            y = _rotated(y, distance) ^ x
        x = x + words[(group + 1) % 3]
        y = y + (words[(group + 2) % 3] + _word(group + 1))
    return x, y


def _rotated(x: Expr, distance: int) -> Expr:
    return (x << _word(distance)) | (x >> _word(32 - distance))


def _word(value: int) -> Expr:
    return asarray(value, dtype=uint32)
