"""Sizes: integers, and integer polynomials in named sizes with floor division and the smaller of two.

A `Size` is an int or a `Poly`. Arithmetic between the two is closed and collapses to an int when the result is constant, and
equal polynomials are equal and hash alike, so a size can be a key. A `Poly` is truthy: it is never identically zero.
"""

from __future__ import annotations

import itertools
import math
import operator
import weakref
from collections.abc import Callable, Iterable
from typing import Any, ClassVar

from croton.sizes import asked
from croton.sizes.written import bracketed, natural, written
from croton.util.errors import KindError


class Symbol:
    """A named unknown size >= 0. There is one object for each name; `hint` is a likely value and never decides what is correct."""

    __slots__ = ("__weakref__", "hint", "name", "rank", "size")
    divided: ClassVar[bool] = False

    def __init__(self, name: str, hint: int | None) -> None:
        self.name = name
        self.hint = hint
        self.rank = natural(name)
        self.size: Poly = Poly((((self,), 1),))

    def __repr__(self) -> str:
        return self.name

    def __reduce__(self) -> tuple:
        return (_symbol, (self.name, self.hint))

    @property
    def key(self) -> str:
        return self.name


class Quotient:
    """An atom: `numerator // denominator`, where neither is divisible further. Compared by what it says."""

    __slots__ = ("_hash", "denominator", "key", "numerator", "rank")
    divided: ClassVar[bool] = True

    def __init__(self, numerator: Poly, denominator: Size) -> None:
        self.numerator = numerator
        self.denominator = denominator
        self.key = f"{bracketed(str(numerator))} // {bracketed(str(denominator))}"
        self.rank = natural(self.key)
        self._hash = hash((numerator, denominator))

    def __repr__(self) -> str:
        return self.key

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return isinstance(other, Quotient) and self.numerator == other.numerator and self.denominator == other.denominator

    def __reduce__(self) -> tuple:
        return (Quotient, (self.numerator, self.denominator))


class Least:
    """An atom: the smaller of two sizes, of which none is known to be that. Compared by what it says."""

    __slots__ = ("_hash", "key", "left", "rank", "right")
    divided: ClassVar[bool] = False

    def __init__(self, left: Size, right: Size) -> None:
        self.left = left
        self.right = right
        self.key = f"min({left}, {right})"
        self.rank = natural(self.key)
        self._hash = hash((left, right, "least"))

    def __repr__(self) -> str:
        return self.key

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Least) and self.left == other.left and self.right == other.right)

    def __reduce__(self) -> tuple:
        return (Least, (self.left, self.right))


Atom = Symbol | Quotient | Least
Monomial = tuple[Atom, ...]


class Poly:
    """A polynomial that is not constant: terms (atoms, coefficient) in canonical order, no coefficient 0.

    Arithmetic with integers and sizes gives sizes. What is beyond them (`1 / n`, `n**0.5`, `n > 3`) is that of `number(n)`, which
    a layer above installs.
    """

    __slots__ = ("_hash", "_rank", "_text", "terms")

    number: ClassVar[Callable[[Any], Any] | None] = None

    def __init__(self, terms: tuple[tuple[Monomial, int], ...]) -> None:
        self.terms = terms
        self._hash = hash(terms)
        self._text: str | None = None
        self._rank: str | None = None

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if isinstance(other, Poly) and self._hash == other._hash and self.terms == other.terms:
            return True
        if asked.listeners and asked.by_user() and self._may_be(other):
            raise asked.SizeAsked(f"the size {self} is not known while the graph is built, so there is no telling whether it is {other}")
        return False

    def _may_be(self, other: object) -> bool:
        if isinstance(other, float):
            return other.is_integer()
        other = other if isinstance(other, Poly) else _integer(other)
        return other is not None and not isinstance(self - other, int)

    def __bool__(self) -> bool:
        if asked.listeners and asked.by_user():
            raise asked.SizeAsked(f"the size {self} is not known while the graph is built, so there is no telling whether it is 0")
        return True

    def __repr__(self) -> str:
        if self._text is None:
            self._text = written(self.terms)
        return self._text

    @property
    def rank(self) -> str:
        """What it is sorted by."""
        if self._rank is None:
            self._rank = natural(repr(self))
        return self._rank

    def __reduce__(self) -> tuple:
        return (_restore, (self.terms,))

    def __add__(self, other: Size) -> Size:
        return _combine(self, other, 1)

    __radd__ = __add__

    def __sub__(self, other: Size) -> Size:
        return _combine(self, other, -1)

    def __rsub__(self, other: int) -> Size:
        return (-self) + other

    def __neg__(self) -> Poly:
        return Poly(tuple((monomial, -coefficient) for monomial, coefficient in self.terms))

    def __mul__(self, other: Size) -> Size:
        if isinstance(other, int):
            if other == 0:
                return 0
            return self if other == 1 else Poly(tuple([(monomial, coefficient * other) for monomial, coefficient in self.terms]))
        if not isinstance(other, Poly):
            return _times_integer(self, other)
        return _multiplied(self, other)

    __rmul__ = __mul__

    def __floordiv__(self, other: Size) -> Size:
        return quotient(self, other)

    def __rfloordiv__(self, other: int) -> Size:
        return quotient(other, self)

    def __mod__(self, other: Size) -> Size:
        return self - quotient(self, other) * other

    def __rmod__(self, other: int) -> Size:
        return other - quotient(other, self) * self

    def __pow__(self, exponent: int) -> Size:
        if _integer(exponent) is None or exponent < 0:
            return _beyond(operator.pow, self, exponent)
        result: Size = 1
        for _ in range(exponent):
            result = result * self
        return result

    def __rpow__(self, base: Any) -> Any:
        return _beyond(_reflected(operator.pow), self, base)

    def __truediv__(self, other: Any) -> Any:
        return _beyond(operator.truediv, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return _beyond(_reflected(operator.truediv), self, other)

    def __lt__(self, other: Any) -> Any:
        return _beyond(operator.lt, self, other)

    def __le__(self, other: Any) -> Any:
        return _beyond(operator.le, self, other)

    def __gt__(self, other: Any) -> Any:
        return _beyond(operator.gt, self, other)

    def __ge__(self, other: Any) -> Any:
        return _beyond(operator.ge, self, other)

    def _no_number(self, *_: Any) -> Any:
        raise KindError(
            f"the size {self} is not known while the graph is built, so it is no Python number; compute with it as it is "
            "(n / 2, n**0.5), use cr.sqrt and the like for math's functions, or declare the axis with an integer"
        )

    __float__ = __int__ = __index__ = _no_number


Size = int | Poly

_symbols: weakref.WeakValueDictionary[str, Symbol] = weakref.WeakValueDictionary()
_fresh = itertools.count()


def symbol(name: str, hint: int | None = None) -> Poly:
    """The unknown size called `name`. The same name is the same size; a hint given later replaces an earlier one."""
    return _symbol(name, hint).size


def fresh_symbol(prefix: str = "n", hint: int | None = None) -> Poly:
    """An unknown size whose name nobody has used yet: the prefix and a number."""
    name = f"{prefix}{next(_fresh)}"
    while name in _symbols:
        name = f"{prefix}{next(_fresh)}"
    return symbol(name, hint)


def product(sizes: Iterable[Size]) -> Size:
    """The number of elements of an array of these sizes."""
    number: int = 1
    unknown: Size | None = None
    for size in sizes:
        if isinstance(size, int):
            number *= size
        else:
            unknown = size if unknown is None else unknown * size
    return number if unknown is None else unknown * number


def unused_symbol(name: str, hint: int | None = None) -> Poly:
    """An unknown size of this name, or with a number behind it where another size has the name."""
    return fresh_symbol(f"{name}_", hint) if name in _symbols else symbol(name, hint)


def quotient(numerator: Size, denominator: Size) -> Size:
    """`numerator // denominator` as Python rounds it (down).

    Says what holds wherever the denominator is not 0: `(n*m) // m` is `n`.
    """
    if isinstance(denominator, int):
        if denominator == 0:
            raise ZeroDivisionError(f"the size {numerator} is divided by 0")
        if isinstance(numerator, int):
            return numerator // denominator
        return _divide_by_integer(numerator, denominator)
    if isinstance(numerator, int):
        return 0 if numerator == 0 else _polynomial({(Quotient(_constant(numerator), denominator),): 1})
    exact = _divide_exactly(numerator, denominator)
    if exact is not None:
        return exact
    whole, rest = _divide_terms(numerator, denominator)
    if whole:
        return quotient(rest, denominator) + _polynomial(whole)
    return _polynomial({(Quotient(numerator, denominator),): 1})


def undivided(size: Size) -> Size:
    """What the size is if its divisions leave nothing: `d * (n // d)` is n. It is never less than the size, where all factors are at least 0."""
    total: Size = 0
    for monomial, coefficient in _terms(size):
        total = total + _undivided_term(monomial, coefficient)
    return total


def _undivided_term(monomial: Monomial, coefficient: int) -> Size:
    for place, atom in enumerate(monomial):
        if isinstance(atom, Quotient):
            rest = _polynomial({(*monomial[:place], *monomial[place + 1 :]): coefficient})
            times = quotient(rest, atom.denominator)
            if times * atom.denominator == rest:
                return undivided(times * atom.numerator)
    return _polynomial({monomial: coefficient})


def smaller(left: Size, right: Size) -> Size:
    """The smaller of two sizes, as an atom unless they differ by a number. See `least` for what can be proved."""
    difference = left - right
    if isinstance(difference, int):
        return left if difference <= 0 else right
    first, second = sorted((left, right), key=order_key)
    return _polynomial({(Least(first, second),): 1})


def order_key(size: Size) -> tuple[int, int, str]:
    """A key that sorts sizes: ints first by value, then polynomials by their text. Equal sizes have equal keys, in every process."""
    return (0, size, "") if isinstance(size, int) else (1, 0, size.rank)


def _symbol(name: str, hint: int | None) -> Symbol:
    found = _symbols.get(name)
    if found is None:
        found = _symbols[name] = Symbol(name, hint)
    elif hint is not None:
        found.hint = hint
    return found


def _restore(terms: tuple[tuple[Monomial, int], ...]) -> Poly:
    if len(terms) == 1 and terms[0][1] == 1 and len(terms[0][0]) == 1 and isinstance(terms[0][0][0], Symbol):
        return terms[0][0][0].size
    return Poly(terms)


def _constant(value: int) -> Poly:
    """A constant in the form of a Poly: only as a numerator, never as a size."""
    return Poly((((), value),))


def _terms(size: Size) -> tuple[tuple[Monomial, int], ...]:
    if isinstance(size, Poly):
        return size.terms
    return (((), size),) if size else ()


def _polynomial(terms: dict[Monomial, int]) -> Size:
    kept = [(monomial, coefficient) for monomial, coefficient in terms.items() if coefficient]
    if not kept:
        return 0
    if len(kept) == 1:
        monomial, coefficient = kept[0]
        if not monomial:
            return coefficient
        if coefficient == 1 and len(monomial) == 1 and isinstance(monomial[0], Symbol):
            return monomial[0].size
        return Poly(((monomial, coefficient),))
    kept.sort(key=_term_key)
    return Poly(tuple(kept))


def _combine(left: Poly, right: Size, sign: int) -> Size:
    if isinstance(right, int):
        return left if right == 0 else _shifted(left, sign * right)
    if isinstance(right, Poly):
        right_terms = right.terms
    else:
        converted = _integer(right)
        if converted is None:
            return _beyond(operator.add if sign == 1 else operator.sub, left, right)
        return _combine(left, converted, sign)
    terms = dict(left.terms)
    for monomial, coefficient in right_terms:
        terms[monomial] = terms.get(monomial, 0) + sign * coefficient
    return _polynomial(terms)


def _shifted(left: Poly, by: int) -> Size:
    """The sum of a polynomial and a number other than 0: the constant is the last term."""
    terms = left.terms
    if terms[-1][0]:
        return Poly((*terms, ((), by)))
    constant = terms[-1][1] + by
    rest = terms[:-1]
    if not rest:
        return constant
    if constant:
        return Poly((*rest, ((), constant)))
    return _restore(rest)


def _multiplied(left: Poly, right: Poly) -> Size:
    """The product of two polynomials."""
    terms: dict[Monomial, int] = {}
    for a, c in left.terms:
        for b, d in right.terms:
            monomial = tuple(sorted(a + b, key=_atom_key)) if a and b else a or b
            terms[monomial] = terms.get(monomial, 0) + c * d
    return _polynomial(terms)


def _times_integer(left: Poly, right: object) -> Size:
    converted = _integer(right)
    return _beyond(operator.mul, left, right) if converted is None else left * converted


def _beyond(operation: Callable[[Any, Any], Any], left: Poly, right: Any) -> Any:
    """An operation that gives no size, on the number that a size is. Arrays of any kind answer it themselves."""
    number = Poly.number
    return operation(number(left), right) if number is not None and isinstance(right, (int, float, Poly)) else NotImplemented


def _reflected(operation: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    return lambda x, y: operation(y, x)


def _integer(value: object) -> int | None:
    """The int of an integer that is not one, such as NumPy's; None when it is no integer."""
    index = getattr(type(value), "__index__", None)
    return None if index is None else index(value)


def _divide_by_integer(numerator: Poly, denominator: int) -> Size:
    if denominator < 0:
        return _divide_by_integer(-numerator, -denominator)
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in numerator.terms:
        if monomial:
            times = abs(coefficient) // denominator
            times = times if coefficient > 0 else -times
        else:
            times = coefficient // denominator
        whole[monomial] = times
        rest[monomial] = coefficient - times * denominator
    remaining = _polynomial(rest)
    if isinstance(remaining, int):
        whole[()] = whole.get((), 0) + remaining // denominator
        return _polynomial(whole)
    divisor = math.gcd(denominator, *(coefficient for monomial, coefficient in remaining.terms if monomial))
    if divisor > 1:
        # (g*p + c) // (g*k) == (p + c // g) // k for g, k > 0.
        shrunk = _polynomial({monomial: coefficient // divisor for monomial, coefficient in remaining.terms})
        return quotient(shrunk, denominator // divisor) + _polynomial(whole)
    inner = [(monomial, coefficient) for monomial, coefficient in remaining.terms if monomial]
    if len(inner) == 1 and inner[0][1] == 1 and len(inner[0][0]) == 1:
        atom = inner[0][0][0]
        if isinstance(atom, Quotient) and isinstance(atom.denominator, int) and atom.denominator > 0:
            # (a // b + c) // k == (a + c*b) // (b*k) for b, k > 0.
            constant = dict(remaining.terms).get((), 0)
            return quotient(atom.numerator + constant * atom.denominator, atom.denominator * denominator) + _polynomial(whole)
    return _polynomial({(Quotient(remaining, denominator),): 1}) + _polynomial(whole)


def _divide_terms(numerator: Poly, denominator: Poly) -> tuple[dict[Monomial, int], Size]:
    """The terms of the numerator that a one-term denominator divides, divided, and the rest."""
    if len(denominator.terms) > 1:
        return {}, numerator
    divisor, factor = denominator.terms[0]
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, coefficient in numerator.terms:
        cofactor = _cofactor(monomial, divisor)
        if cofactor is not None and coefficient % factor == 0:
            whole[cofactor] = coefficient // factor
        else:
            rest[monomial] = coefficient
    return whole, _polynomial(rest)


def _divide_exactly(numerator: Poly, denominator: Poly) -> Size | None:
    """The quotient if the division leaves nothing: polynomial long division by leading terms."""
    lead, factor = denominator.terms[0]
    remaining: Size = numerator
    result: dict[Monomial, int] = {}
    for _ in range(16):
        if isinstance(remaining, int):
            return _polynomial(result) if remaining == 0 else None
        monomial, coefficient = remaining.terms[0]
        cofactor = _cofactor(monomial, lead)
        if cofactor is None or coefficient % factor:
            return None
        result[cofactor] = result.get(cofactor, 0) + coefficient // factor
        remaining = remaining - _polynomial({cofactor: coefficient // factor}) * denominator
    return None


def _cofactor(monomial: Monomial, divisor: Monomial) -> Monomial | None:
    remaining = list(monomial)
    for atom in divisor:
        if atom not in remaining:
            return None
        remaining.remove(atom)
    return tuple(remaining)


def _atom_key(atom: Atom) -> str:
    return atom.rank


def _term_key(term: tuple[Monomial, int]) -> tuple[int, tuple[str, ...]]:
    return (-len(term[0]), tuple(atom.rank for atom in term[0]))
