"""Twenty problems, each in every spelling: the values, and what the program that was found costs beside the best one known."""

from __future__ import annotations

from benchmarks.structured_problems import PROBLEMS, Problem

import numpy as np
import pytest

import croton as cr

MEGABYTE = 2**20
"""What a program may keep beside its ideal temporaries before the ratio counts."""

MOST_MEMORY = 1.5

CASES = [pytest.param(found, spelling, id=f"{found.name}: {spelling}") for found in PROBLEMS for spelling in found.spellings]


@pytest.mark.parametrize("found, spelling", CASES)
def test_values(found: Problem, spelling: str) -> None:
    with cr.config.use(algebra=found.algebra):
        function = cr.function(*found.expressions(spelling, found.small, "float64"))
    arguments = found.arguments(found.small, "float64")
    results, wanted = function(*arguments), found.expected(arguments, found.small)
    if not isinstance(results, list):
        results, wanted = [results], [wanted]
    for result, value in zip(results, wanted, strict=True):
        assert result.shape == np.shape(value)
        np.testing.assert_allclose(result, value, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("found, spelling", CASES)
def test_counted_cost(found: Problem, spelling: str) -> None:
    with cr.config.use(algebra=found.algebra):
        function = cr.function(*found.expressions(spelling, found.sizes, "float32"))
    shapes = [found.shape(name, found.sizes) for name in found.inputs]
    assert function.flops(*shapes) <= found.slack * found.ideal_flops(found.sizes)
    returned = sum(function.account.results)
    temporaries = function.memory_peak(*shapes) - returned
    assert temporaries <= MOST_MEMORY * (4 * found.ideal_temporaries(found.sizes) + MEGABYTE)


def test_a_clone_costs_nothing() -> None:
    """Built twice, a graph is the same objects: the second copy adds no node, however large it is."""
    found = next(problem for problem in PROBLEMS if "clone" in problem.name)
    _, (first, second) = found.expressions("built twice", {"n": 3, "layers": 6000}, "float32")
    assert first is second
