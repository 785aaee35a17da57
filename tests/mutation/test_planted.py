"""Bugs of one line, planted in the algebra's rules, are noticed: a check of the checks."""

from __future__ import annotations

import subprocess
import sys

import pytest

PLANTED = {
    "a repeated sum forgets its size": ("algebra.contract", "coef = multiply(coef, of_size(label.size))", "pass"),
    "a label that is equal to another stays a sum": (
        "algebra.system",
        "        parent[b] = a\n        sums.discard(b)\n",
        "        parent[b] = a\n",
    ),
    "a power of a product keeps the powers": ("algebra.contract", "else inner_exponent * exponent", "else inner_exponent"),
    "a square has each mixed term once": ("rewriting.distribute", "math.factorial(exponent)", "1"),
    "terms under one relation lose their coefficients": ("algebra.add", "[(use, coef) for use, (_, _, coef)", "[(use, ONE) for use, (_, _, coef)"),
    "what a read under relations sums stays free": (
        "algebra.guards",
        "for label in use.labels} - sums, rest, coef, sums,",
        "for label in use.labels}, rest, coef, set(),",
    ),
    "a reciprocal leaves its mask": ("algebra.masked", "if power < 0 and not _is_never_zero(node):", "if False:"),
    "any function keeps zero": ("algebra.pointwise", "if not pattern or not keeps_zero(function, uses, result):", "if not pattern:"),
    "a function of diagonals is one of the first": ("rewriting.bands", "dtype=node.dtype) for band in bands]", "dtype=node.dtype) for band in bands[:1]]"),
    "a derivative forgets the power": ("derivatives.derive", "multiply(node.param, Coef(float(exponent)))", "node.param"),
    "a derivative forgets the diagonal": ("derivatives.derive", "product.append((delta(other, axis), 1))", "pass"),
    "any numbers are digits": ("algebra.rows", "if not nonnegative(weight[label] - below - 1, known):", "if False:"),
    "ties have the whole slope each": ("derivatives.derive", "return [equal, *guards, (count, -1)]", "return [equal, *guards]"),
    "an index in a row is not checked": (
        "algebra.system",
        "if row is not None and in_range(",
        "if row is not None and True or row is not None and in_range(",
    ),
    "a running sum forgets the power": (
        "algebra.contract",
        "running = _seal({value: merged[value], border: 1}",
        "running = _seal({value: 1, border: 1}",
    ),
    "the coefficient of what is squared is not": (
        "algebra.contract",
        "coef = multiply(coef, power(node.param, exponent))\n                for child",
        "coef = multiply(coef, node.param)\n                for child",
    ),
    "an expanded square has each mixed term once": ("rewriting.checked", "ONE if one == other else Coef(2)", "ONE"),
    "an expanded square has no weight": ("rewriting.checked", "        coef = multiply(node.param, weight)", "        coef = node.param"),
    "terms may cancel altogether": ("rewriting.checked", "LEAST_SHARE = 1 / 16", "LEAST_SHARE = 0.0"),
    "all elements must be lost": ("rewriting.checked", 'reduce("any", lost, lost.labels)', 'reduce("all", lost, lost.labels)'),
    "infinite squares are good enough": ("rewriting.checked", 'scalar("logical_not", scalar("ge", total, bound))', 'scalar("lt", total, bound)'),
    "what is left is compared with the mixed terms": ("rewriting.checked", "pieces[: len(terms)])", "pieces[len(terms) :])"),
    "diagonals lie on the other side": ("rewriting.bands", "= -constant * coefficients[first]", "= constant * coefficients[first]"),
    "diagonals forget their coefficients": ("rewriting.bands", "coef, [second], total.dtype), ONE)", "ONE, [second], total.dtype), ONE)"),
    "two variables of one value are one": ("transforms.lower", "is not node:", "is None:"),
    "what a loop adds up forgets its coefficient": ("loops.recurrence", "rest.append((use, coef))", "rest.append((use, ONE))"),
    "a loop that doubles only adds": ("loops.recurrence", "use.labels == axes and coef == ONE:", "use.labels == axes:"),
    "the way back goes forward": ("derivatives.loop_derivative", "Steps(loop.step, not core.reverse, None", "Steps(loop.step, core.reverse, None"),
    "the way back reads the state after a step": ("derivatives.loop_derivative", "1}, int(core.reverse))", "1}, int(not core.reverse))"),
    "what is left over goes too": ("rewriting.deviations", "in together if left is not None and not left.sums for place", "in together for place"),
    "half of it is all of it": ("rewriting.deviations", "ROUNDING * abs(more)", "abs(more)"),
    "a chunk does not wait for a whole axis": ("rewriting.chunk", "max(level, stage[child] + after)", "max(level, stage[child])"),
    "what runs along an axis is cut along it": ("rewriting.chunk", "return bool(node.param[1] != axis)", "return True"),
    "chunks begin one after the other": ("rewriting.chunk", "{axes[at]: 1, step: each}, 0)", "{axes[at]: 1, step: 1}, 0)"),
    "what a chunk leaves over is left out": ("rewriting.chunk", "add([(use, ONE), (more, ONE)], node.dtype)", "use"),
    "a number is multiplied on one way only": ("rewriting.checked", "core=loop.core._replace(results=results), arguments", "arguments"),
    "a number is multiplied on the other way only": ("rewriting.checked", "arguments=(start, *rest)", "arguments=(first, *rest)"),
}


def probe(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "tests.mutation.probe", *arguments], capture_output=True, text=True, timeout=120)


def test_nothing_is_wrong_without_a_bug() -> None:
    done = probe()
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_bug_is_noticed(name: str) -> None:
    module, old, new = PLANTED[name]
    done = probe(f"croton.{module}", old, new)
    assert "cannot plant" not in done.stderr, f"the rule has been written otherwise; plant the bug again: {done.stderr}"
    assert done.returncode != 0, done.stdout
