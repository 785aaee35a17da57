"""What can be seen and checked between passes."""

from __future__ import annotations

import numpy as np
import pytest

import croton as cr
from croton.algebra.node import Use
from croton.compile import pipeline


def program() -> cr.Function:
    x = cr.matrix("x", dtype="float32")
    return cr.function([x], cr.grad((cr.tanh(x) ** 2).sum(), x), name="stages")


def test_each_level_prints_one_more_stage(capsys: pytest.CaptureFixture[str]) -> None:
    program()
    assert capsys.readouterr().err == ""
    printed = []
    for level in range(1, 7):
        with cr.config.use(debug=level):
            program()
        printed.append(capsys.readouterr().err)
    assert all(step.__name__ in printed[0] for step in pipeline.PASSES)
    marks = ["gradient(", "tanh", "tanh", "lanes", "define"]
    for level, mark in enumerate(marks, start=1):
        assert mark in printed[level], (level, printed[level])
    assert [len(text) for text in printed] == sorted(len(text) for text in printed)
    assert "define" not in printed[4]


def test_a_pass_that_breaks_an_invariant_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(job: pipeline.Job) -> None:
        (operand,) = job.operands
        job.operands = [operand._replace(use=Use(operand.use.node, operand.use.labels[:1]))]

    with cr.config.use(check=True):
        value = np.ones((2, 3), "float32")
        np.testing.assert_allclose(program()(value), 2 * np.tanh(value) / np.cosh(value) ** 2, rtol=1e-5)
        monkeypatch.setattr(pipeline, "PASSES", (pipeline.lower_expressions, broken))
        broken.__name__ = "optimise_contractions"
        with pytest.raises(AssertionError, match="labels"):
            program()


def test_every_program_of_a_function_is_printed_and_checked(capsys: pytest.CaptureFixture[str]) -> None:
    a, b, c = (cr.matrix(name) for name in "abc")
    with cr.config.use(debug=5, check=True):
        f = cr.function([a, b, c], cr.tanh(a @ b @ c))
    text = capsys.readouterr().err
    assert len(f.program.others) == 1 and text.count("-- as with ") == 2
