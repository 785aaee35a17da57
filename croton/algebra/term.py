"""Values with arithmetic, for writing algebra as formulas: derivatives and rewrites read like mathematics."""

from __future__ import annotations

from croton.algebra.add import add
from croton.algebra.constant import constant
from croton.algebra.contract import contract
from croton.algebra.node import Coef, Label, Use
from croton.algebra.pointwise import scalar
from croton.dtypes import DType

Number = int | float


class Term:
    """A use with + - * ** and the scalar functions; labels meet by identity, numbers take the dtype of the value they meet."""

    __slots__ = ("use",)

    def __init__(self, use: Use) -> None:
        self.use = use

    @property
    def dtype(self) -> DType:
        return self.use[0].dtype

    def lift(self, other: Term | Number) -> Term:
        return other if isinstance(other, Term) else Term(constant(other, self.dtype))

    def apply(self, function: str, *arguments: Term | Number) -> Term:
        """The scalar function of the arguments; a number has the dtype of self."""
        return Term(scalar(function, *[self.lift(argument).use for argument in arguments]))

    def like(self, other: Term) -> Term:
        """The same value in the dtype of another; a bool counts as 0 or 1."""
        return Term(scalar("cast", self.use, dtype=other.dtype))

    def guard(self, other: Term) -> Term:
        """`other` where self (a bool) holds, exactly 0 elsewhere."""
        return self * other

    def __mul__(self, other: Term | Number | Coef) -> Term:
        if not isinstance(other, Term):
            return Term(contract(self.use[1], [(self.use, 1)], other))
        labels: set[Label] = {*self.use[1], *other.use[1]}
        return Term(contract(labels, [(self.use, 1), (other.use, 1)]))

    __rmul__ = __mul__

    def __pow__(self, exponent: int) -> Term:
        return Term(contract(self.use[1], [(self.use, exponent)]))

    def __add__(self, other: Term | Number) -> Term:
        return Term(add([(self.use, 1), (self.lift(other).use, 1)]))

    __radd__ = __add__

    def __neg__(self) -> Term:
        return self * -1

    def __sub__(self, other: Term | Number) -> Term:
        return Term(add([(self.use, 1), (self.lift(other).use, -1)]))

    def __rsub__(self, other: Term | Number) -> Term:
        return Term(add([(self.lift(other).use, 1), (self.use, -1)]))

