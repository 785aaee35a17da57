"""Sums of products with named axes: nodes, the constructors that normalise them, and their NumPy meaning."""

from croton.algebra.add import add
from croton.algebra.call import Routine, call
from croton.algebra.check import check
from croton.algebra.coefficient import of_number, of_size
from croton.algebra.constant import constant, constant_operand, input_, iota, truth, zero
from croton.algebra.contract import contract
from croton.algebra.formula import formula
from croton.algebra.interpret import interpret
from croton.algebra.node import KINDS, ONE, RELATIONS, Coef, Label, Node, Operand, Use, walk
from croton.algebra.operand import align, fresh_axes, fresh_use, relabel, rename
from croton.algebra.pointwise import scalar
from croton.algebra.print import show
from croton.algebra.reduce import arg, cumulate, reduce
from croton.algebra.relation import affine, at_least_zero, delta, select
from croton.algebra.scalar import FUNCTIONS, Function
from croton.algebra.term import Term

__all__ = [
    "FUNCTIONS",
    "KINDS",
    "ONE",
    "RELATIONS",
    "Coef",
    "Function",
    "Label",
    "Node",
    "Operand",
    "Routine",
    "Term",
    "Use",
    "add",
    "affine",
    "align",
    "arg",
    "at_least_zero",
    "call",
    "check",
    "constant",
    "constant_operand",
    "contract",
    "cumulate",
    "delta",
    "formula",
    "fresh_axes",
    "fresh_use",
    "input_",
    "interpret",
    "iota",
    "of_number",
    "of_size",
    "reduce",
    "relabel",
    "rename",
    "scalar",
    "select",
    "show",
    "truth",
    "walk",
    "zero",
]
