"""Malformed programs are named, not run."""

from __future__ import annotations

from typing import Any

import pytest
from hand_programs import constants

from croton.runtime.calls.copy import Copy
from croton.runtime.calls.gemm import Gemm
from croton.runtime.calls.kernel import Kernel, Sweep
from croton.runtime.calls.routine import Routine
from croton.runtime.calls.scope import MalformedProgram
from croton.runtime.check import check
from croton.runtime.function import load
from croton.runtime.program import Array, Constant, Output, Program, SizeCheck, SizeOperation, Update, View
from croton.util.config import config

GOOD = Program(
    inputs=(Array("float64", (1,)),),
    outputs=(Output("new", "float64", (2,)),),
    calls=(Kernel(0, (0, 2), (1,), (Sweep(2),)), Copy(2, 1, 2), Routine(0, ((1, "float64", (2,)),))),
    constants=constants(8),
    sizes=3,
    size_operations=(SizeOperation("multiply", 2, 0, 1),),
    slots=(2,),
    arena=2,
)


def test_a_good_program() -> None:
    check(GOOD, 1, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"calls": (Kernel(1, (), ()),)}, "there is no kernel 1"),
        ({"calls": (Kernel(0, (3,), ()),)}, "an address outside of P"),
        ({"calls": (Kernel(0, (-1,), ()),)}, "an address outside of P"),
        ({"calls": (Kernel(0, (), (3,)),)}, r"S\[3\] is not known"),
        ({"calls": (Kernel(0, (), (), (Sweep(grain=0),)),)}, "a grain > 0"),
        ({"calls": (Routine(1, ()),)}, "there is no routine 1"),
        ({"calls": (Gemm("float64", False, False, 1, 1, 1, 0, 1, 0, 1, 2, 9),)}, r"call 0, Gemm: S\[9\]"),
        ({"size_operations": (SizeOperation("power", 2, 0, 1),)}, "no function 'power'"),
        ({"size_operations": (SizeOperation("add", 3, 0, 1),)}, r"there is no S\[3\]"),
        ({"constants": (Constant(3, 8),)}, r"constant 0: there is no S\[3\]"),
        ({"size_operations": (SizeOperation("add", 2, 2, 1),)}, r"S\[2\] is not known"),
        ({"size_checks": (SizeCheck("less", 0, 1, 0),)}, "no relation 'less'"),
        ({"slots": (7,)}, r"slot 0: S\[7\]"),
        ({"arena": 7}, r"arena: S\[7\]"),
        ({"outputs": (Output("input", source=1),)}, "there is no input 1"),
        ({"outputs": (Output("old"),)}, "no kind 'old'"),
        ({"outputs": ()}, 'structure "one" with 0 outputs'),
        ({"structure": "dict"}, "no structure 'dict'"),
        ({"updates": (Update(0, "float64", ()),)}, "there is no shared variable 0"),
        ({"views": (View(3, 0),)}, r"P\[3\] is not known"),
        ({"inputs": (Array("float64", (5,)),)}, "a size outside of S"),
        ({"work": 5}, r"work: S\[5\]"),
    ],
)
def test_faults_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(MalformedProgram, match=message):
        check(GOOD._replace(**change), 1, 1)


def test_load_checks_when_asked_to() -> None:
    with config.use(check=True), pytest.raises(MalformedProgram):
        load(GOOD)
