"""Layers that are alike become kernels once, and are what they would be if each were written for itself."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import croton as cr
from croton.runtime.calls.kernel import Kernel
from croton.schedule import emit as emission
from croton.schedule import repeat


def layers(count: int) -> tuple[Any, ...]:
    """A training step with normalised layers, whose kernels have rows of memory of their own."""
    x = cr.tensor("x", shape=(None, 96), dtype="float32")
    weights = [cr.shared(np.eye(96, dtype="float32")) for _ in range(count)]
    h = x
    for weight in weights:
        z = h @ weight
        centred = z - z.mean(0)
        h = cr.softmax(centred / cr.sqrt((centred**2).mean(0) + 1e-3), axis=-1) + h
    cost = (h**2).sum()
    function = cr.function([x], [cost, *cr.grad(cost, weights)])
    return function(np.random.default_rng(0).random((7, 96), dtype="float32")), function.program.program


@pytest.fixture
def emitted(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """The groups that were written as kernels."""
    groups: list[object] = []
    original = repeat.emit

    def counted(group: Any, stored: Any) -> emission.Emitted:
        groups.append(group)
        return original(group, stored)

    monkeypatch.setattr(repeat, "emit", counted)
    return groups


def test_a_layer_that_is_like_another_is_not_written_again(emitted: list[object]) -> None:
    with cr.config.use(cache=False):
        _, program = layers(30)
    sweeps = sum(len(call.sweeps) for call in program.calls if isinstance(call, Kernel))
    assert sweeps >= 4 * 30, "the layers are there"
    assert len(emitted) < sweeps // 3


def test_programs_are_the_same_as_without_repeats(monkeypatch: pytest.MonkeyPatch) -> None:
    with cr.config.use(cache=False, check=True):
        results, program = layers(5)
        monkeypatch.setattr(repeat.Repeats, "emit", lambda self, group, stored: emission.emit(group, stored))
        others, other = layers(5)
    assert program == other
    for found, wanted in zip(results, others):
        np.testing.assert_array_equal(found, wanted)
