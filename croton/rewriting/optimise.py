"""Cheaper programs of the same value: a pass, arguments first, that prices a few forms of every product.

The forms of a product are: as it is; with sums among its factors opened up and multiplied out in another order (R8); with a sum of
terms distributed over (R6, R7); with a square of differences centred; with a running sum computed first; with a power of rows that an index adds up collected
on the index (`collide`). Those of a sum of terms: as it
is; with what its terms have in common taken out (R9). Everything not said here, the constructors do.

What may change is rounding, and three policies say how far. `strict` rewrites nothing: programs stay as written, up to the constructors' normal
form. `default` re-associates, which cannot cancel more than before; centres, which cancels less; and distributes where a relation in a
term removes a sum (as in the derivative of a softmax) or all terms are known not to be negative; and squares sums of a few terms (those of
a window in a window) where that saves much; and multiplies out squares of deviations and of products, with a check of the result (`checked`).
`aggressive` also distributes where terms of different sign are taken apart, which may cancel, and checks nothing: squared distances as differences
of squares, the norm of a sum of outer products by its Gram matrices, the squares of a recurrent net's Jacobian by those of its steps.
Each application is in the list of decisions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from croton.algebra.add import add
from croton.algebra.coefficient import multiply
from croton.algebra.contract import contract
from croton.algebra.loop import bodies_of, has_loops, with_body
from croton.algebra.node import RELATIONS, Coef, Label, Node, Use, walk
from croton.algebra.operand import fresh_use, relabel
from croton.algebra.plan import cost
from croton.algebra.rebuild import Memo, construct, rebuild
from croton.rewriting.bands import part_into_bands
from croton.rewriting.checked import Expansion, checked, expand, is_checked, scaled
from croton.rewriting.common_factors import take_out
from croton.rewriting.contest import Bill, Contest, amount, is_open
from croton.rewriting.deviations import without_deviations
from croton.rewriting.diagonal import sink_diagonals
from croton.rewriting.distribute import MOST_FACTORS, centred, distribute, may_distribute
from croton.rewriting.first_steps import take_first_steps
from croton.rewriting.late_strands import begin_strands_late
from croton.rewriting.nested_sums import is_indexed, nested
from croton.rewriting.replaced import Replaced
from croton.rewriting.scattered_powers import collected
from croton.rewriting.second_moments import sum_squares_of_strands
from croton.rewriting.transpose_loops import transpose_loops

STRICT, DEFAULT, AGGRESSIVE = POLICIES = ("strict", "default", "aggressive")
"""How far rewriting may change rounding."""

MOST_REGION = 24
"""Nodes below a product that are looked at."""

SAFE = 1.0
LEAST_GAIN = 1.25
"""A rewrite that may cancel must save this factor, even when it is asked for."""

GREAT_GAIN = 8.0
"""A rewrite that may cancel among a few terms is done by default if it saves this factor."""

CHECKED_GAIN = 2.0
"""A square is multiplied out with a check if that saves this factor: what was written may be needed as well."""

INDEXED_GAIN = 2.0
"""Elements that indices say are written and read by themselves: to add them up first must save this factor of the operations."""

LEAST_CHECKED = 1 << 16
"""So much must what was written cost for a check to be worth its calls."""

MOST_PASSES = 3

NOTICEABLE = 0.95
"""A rewrite must save more than the rest of this, or the program stays as it was written."""


class Decision(NamedTuple):
    """A rewrite that was chosen: the rule, the node it applied to, and the cost before and after."""

    rule: str
    node: Node
    before: float
    after: float

    def __str__(self) -> str:
        shape = ", ".join([str(size) for size in self.node.dims])
        return f"{self.rule}: a value of shape ({shape}) costs {self.after:.3g} where it cost {self.before:.3g}"


class Form(NamedTuple):
    """A candidate: the rule that makes it, its value, and the factor that it must save: more than 1 if rounding may be worse."""

    rule: str
    use: Use
    gain: float


def optimise(
    uses: Sequence[Use], policy: str = DEFAULT, contests: list[Contest] | None = None, checks: bool = True
) -> tuple[list[Use], list[Decision]]:
    """The same values by cheaper programs, at likely values of unknown sizes, and the rewrites that were chosen.

    Choices that other sizes would turn are added to `contests`. Without `checks` nothing is expanded that has to be checked, which takes memory.
    """
    if policy not in POLICIES:
        raise ValueError(f"a policy is one of {', '.join(POLICIES)}, got {policy!r}")
    if policy == STRICT:
        return list(uses), []
    loops = has_loops(uses)
    if loops:
        uses = take_first_steps(uses)
    uses, left_out = without_deviations(uses)
    uses, replaced = part_into_bands(sink_diagonals(uses))
    replaced += left_out
    bodies: Memo = {}
    inside: list[Decision] = []
    if loops:
        uses, around = _around_loops(uses, policy)
        replaced += around
        bodies, inside = _optimised_bodies(uses, policy, contests, checks)
    inside += [Decision(found.rule, found.node, found.before, found.after) for found in replaced]
    kept: set[Node] = set()
    for _ in range(MOST_PASSES):
        work = _Optimiser(uses, policy, kept, bodies, checks)
        result = rebuild(uses, work.visit)
        # Whoever opened up a value that another reader kept has saved nothing by it, and did not know: again, knowing it.
        conflicts = work.opened.intersection(walk([use.node for use in result])) if work.opened else ()
        origins = {origin for node in conflicts for origin in work.origins.get(node, ())} - kept
        if not origins:
            break
        kept |= origins
    if contests is not None:
        contests += [contest for contest in work.contests if is_open(contest)]
    return result, inside + work.decisions


def _around_loops(uses: Sequence[Use], policy: str) -> tuple[list[Use], list[Replaced]]:
    """The values with what depends on how loops and what is around them fit together, and what was chosen."""
    uses, summed = sum_squares_of_strands(uses, policy == AGGRESSIVE)
    uses, turned = transpose_loops(uses)
    uses, begun = begin_strands_late(uses)
    return uses, [*summed, *turned, *begun]


def _optimised_bodies(uses: Sequence[Use], policy: str, contests: list[Contest] | None, checks: bool) -> tuple[Memo, list[Decision]]:
    """What a step of every loop becomes: a program of its own."""
    bodies: Memo = {}
    decisions: list[Decision] = []
    for core, wanted in bodies_of(walk([use.node for use in uses])).items():
        roots = [fresh_use(node) for node in wanted]
        inside: list[Contest] | None = None if contests is None else []
        found, chosen = optimise(roots, policy, inside, checks)
        if contests is not None and inside:
            contests += [contest._replace(loops=(core, *contest.loops)) for contest in inside]
        decisions += chosen
        bodies.update({root.node: (root.labels, use) for root, use in zip(roots, found)})
    return bodies, decisions


class _Optimiser:
    __slots__ = ("alive", "bodies", "checks", "committed", "contests", "decisions", "opened", "origins", "policy", "readers", "whole")

    def __init__(self, uses: Sequence[Use], policy: str, kept: set[Node], bodies: Memo, checks: bool) -> None:
        self.bodies = bodies
        self.checks = checks and policy == DEFAULT
        self.contests: list[Contest] = []
        self.decisions: list[Decision] = []
        self.opened: set[Node] = set()
        self.origins: dict[Node, list[Node]] = {}
        self.policy = policy
        self.committed: set[Node] = set()
        order = list(walk([use.node for use in uses]))
        self.readers: dict[Node, int] = dict.fromkeys(order, 0)
        self.whole: set[Node] = {*kept, *[use.node for use in uses]}
        self.alive = set(self.whole)
        for node in reversed(order):
            whole = node.kind not in ("contract", "add") or (node.kind == "add" and node in self.alive)
            for arg in node.args:
                child = arg[0]
                self.readers[child] += 1
                # A value that somebody needs whole is computed anyway: opening it up elsewhere saves nothing.
                if whole or (node.kind == "contract" and arg[2] not in (1, 2)):
                    self.alive.add(child)

    def visit(self, node: Node, labels: tuple[Label, ...], uses: list[Use]) -> Use:
        """The cheapest form of a node on its new arguments."""
        axes = labels[: len(node.dims)]
        if node.kind == "loop":
            result = with_body(node, labels, uses, lambda roots: rebuild(roots, self.visit, self.bodies))
        elif all(use[0] is arg[0] for use, arg in zip(uses, node.args)):
            result = Use(node, axes)
        else:
            result = self._settled(construct(node, labels, uses))
        made = result.node
        if made.kind == "contract" and len(made.args) == 1 and is_checked(made.args[0][0]) and made.args[0][2] == 1 and self.readers[node.args[0][0]] == 1:
            inner, positions, _ = made.args[0]
            result = scaled(Use(inner, tuple([result.labels[i] for i in positions])), made.param)
            made = result.node
        if made.kind == "contract" and made.args and not made.dtype.is_bool:
            result = self._cheapest(node, result)
        elif made.kind == "add":
            result = self._taken_out(node, result)
        self._commit(node, result.node)
        return result

    def _settled(self, made: Use) -> Use:
        """A value whose constructor has made sums of its own below it, with these at their cheapest."""
        node, axes = made
        fresh = {arg[0] for arg in node.args if arg[0] not in self.committed and arg[0].kind == "contract" and arg[0].sums}
        if not fresh:
            return made
        labels = axes + tuple([Label(size) for size in node.sums])
        uses = []
        for child, positions, *_ in node.args:
            at = tuple([labels[i] for i in positions])
            if child in fresh:
                own = fresh_use(child)
                best = self._cheapest(child, own)
                self._commit(child, best.node)
                uses.append(relabel(best, dict(zip(own.labels, at))))
            else:
                uses.append(Use(child, at))
        return construct(node, labels, uses)

    def _commit(self, origin: Node, chosen: Node) -> None:
        """What was chosen is paid for. Whoever reads a node now counts as its reader."""
        self.origins.setdefault(chosen, []).append(origin)
        if chosen is not origin:
            self.readers[chosen] = self.readers.get(chosen, 0) + self.readers.get(origin, 0)
            if origin in self.alive:
                self.alive.add(chosen)
        stack = [chosen]
        while stack:
            node = stack.pop()
            if node not in self.committed:
                self.committed.add(node)
                stack.extend([arg[0] for arg in node.args])

    def _cheapest(self, origin: Node, atomic: Use) -> Use:
        shares = self._shares(atomic.node)
        if not shares and not may_distribute(atomic.node) and not _is_tied(atomic.node):
            return atomic
        plain = Form("", atomic, SAFE)
        forms = _opened(atomic, shares)
        forms += [form for opened in (plain, *forms[:1]) for form in _running(opened)]
        forms += [Form("collect rows that meet", use, SAFE) for use in [collected(atomic)] if use is not None]
        forms += [form for base in (plain, *forms) for form in self._distributed(base, shares)]
        forms += self._checked(atomic, shares)
        for base in (plain, *forms):
            gain = max(base.gain, INDEXED_GAIN) if is_indexed(base.use.node) else base.gain
            forms = [*forms, *[Form(_named(base.rule, "sum a part first"), use, gain) for use in nested(base.use)]]
        if not forms:
            self._keep_whole(shares)
            return atomic
        bills = (self._bill(atomic.node, shares), *[self._bill(form.use.node, shares) for form in forms])
        before = amount(bills[0])
        best, chosen, least = None, 0, before * NOTICEABLE
        for number, form in enumerate(forms, 1):
            after = amount(bills[number])
            if after < least and (form.gain == SAFE or after * form.gain <= before):
                best, chosen, least = form, number, after
        self.contests.append(Contest(bills, (SAFE, *[form.gain for form in forms]), chosen))
        if best is None:
            self._keep_whole(shares)
            return atomic
        self.opened.update(shares)
        self.decisions.append(Decision(best.rule + (" (may cancel)" if best.gain not in (SAFE, CHECKED_GAIN, INDEXED_GAIN) else ""), origin, before, least))
        return best.use

    def _keep_whole(self, shares: dict[Node, float]) -> None:
        """What others read too stays whole here, so they have it for nothing."""
        self.alive.update([child for child in shares if self.readers.get(child, 1) > 1])

    def _taken_out(self, origin: Node, terms: Use) -> Use:
        """What the terms of a sum have in common is multiplied once, where that saves something."""
        found = take_out(terms)
        if found is None:
            return terms
        shares: dict[Node, float] = {}
        for child, *_ in terms.node.args:
            readers = max(1, self.readers.get(child, 1))
            if child.kind == "contract" and child not in (self.whole if readers == 1 else self.alive):
                shares[child] = 1.0 / readers
        bills = self._bill(terms.node, shares), self._bill(found.node, shares)
        before, after = map(amount, bills)
        better = after < before * NOTICEABLE
        self.contests.append(Contest(bills, (SAFE, SAFE), int(better)))
        if not better:
            return terms
        self.opened.update(shares)
        self.decisions.append(Decision("take out common factors", origin, before, after))
        return found

    def _shares(self, node: Node) -> dict[Node, float]:
        """For values below a product that nobody needs whole: the part of their cost that this product bears."""
        shares: dict[Node, float] = {}
        stack = [(arg[0], 1.0) for arg in node.args if arg[2] in (1, 2)]
        while stack and len(shares) < MOST_REGION:
            child, weight = stack.pop()
            if child in self.alive or child in shares or not _can_open(child):
                continue
            weight /= max(1, self.readers.get(child, 1))
            shares[child] = weight
            stack += [(arg[0], weight) for arg in child.args]
        return shares

    def _bill(self, root: Node, shares: dict[Node, float]) -> Bill:
        """What a form costs beyond what is computed already. Only new nodes are looked at."""
        bill = [(root, 1.0)]
        stack, seen = [arg[0] for arg in root.args], {root}
        while stack:
            node = stack.pop()
            if node in seen:
                continue
            seen.add(node)
            if node not in self.committed:
                bill.append((node, 1.0))
            elif node in shares:
                bill.append((node, shares[node]))
            else:
                continue
            stack += [arg[0] for arg in node.args]
        return bill

    def _distributed(self, base: Form, shares: dict[Node, float]) -> list[Form]:
        node = base.use.node
        if node.kind != "contract" or not may_distribute(node):
            return []
        forms = []
        middle = centred(base.use)
        if middle is not None:
            forms.append(Form(_named(base.rule, "centre the square"), middle, SAFE))
        # The second choice is for squares of sums whose factors are themselves sums of terms: these stay together.
        dtype = base.use.dtype
        seen: list[list[Use]] = []
        squares = any(arg[2] == 2 and arg[0].kind == "contract" for arg in node.args)
        for choice in (("add", "contract"), ("contract",)) if squares else (("add",),):
            found = distribute(base.use, self.policy == AGGRESSIVE, choice)
            if found is None or found.pieces in seen:
                continue
            seen.append(found.pieces)
            name = _named(base.rule, *found.rules)
            gain = LEAST_GAIN if found.cancels and self.policy == AGGRESSIVE else GREAT_GAIN if found.cancels else SAFE
            forms.append(Form(name, add([(piece, 1) for piece in found.pieces], dtype), gain))
            better = [self._best_opening(piece, shares) for piece in found.pieces]
            if any(new is not old for new, old in zip(better, found.pieces)):
                forms.append(Form(f"{name} + open", add([(piece, 1) for piece in better], dtype), gain))
        return forms

    def _checked(self, atomic: Use, shares: dict[Node, float]) -> list[Form]:
        """A square of a sum multiplied out, with a check that this has not cancelled."""
        found = expand(atomic) if self.checks and cost(atomic.node) >= LEAST_CHECKED else None
        if found is None:
            return []
        name = "multiply the square out, checked" if found.apart else "expand the square, checked"
        pieces, squares = [[self._best_opening(use, shares) for use in uses] for uses in (found.pieces, found.squares)]
        choices = _different(found, found._replace(pieces=pieces, squares=squares))
        return [Form(name, checked(atomic, choice), CHECKED_GAIN) for choice in choices]

    def _best_opening(self, piece: Use, shares: dict[Node, float]) -> Use:
        node = piece.node
        if node.kind == "contract" and not node.sums and len(node.args) == 1 and node.args[0][2] == 1:
            # a number times a sum: the sum is what can be opened
            child, positions, _ = node.args[0]
            inner = Use(child, tuple([piece.labels[i] for i in positions]))
            better = self._best_opening(inner, shares) if child.sums else inner
            return piece if better is inner else contract(set(better.labels), [(better, 1)], node.param, (), node.dtype)
        if piece.node.kind != "contract" or not any(arg[0] in shares for arg in piece.node.args):
            return piece
        forms = [form.use for form in _opened(piece, shares)]
        return min([piece, *forms], key=lambda use: amount(self._bill(use.node, shares)))


def _different(*choices: Expansion) -> list[Expansion]:
    return [choice for place, choice in enumerate(choices) if choice not in choices[:place]]


def _is_tied(node: Node) -> bool:
    """Whether a product has a range, several relations that read or gather, or one with something else to sum before it."""
    kinds = [arg[0].kind for arg in node.args if arg[0].kind in RELATIONS]
    return len(kinds) > 1 or "range" in kinds or (len(kinds) == 1 and is_indexed(node))


def _named(*rules: str) -> str:
    return " + ".join([rule for rule in rules if rule])


def _can_open(node: Node) -> bool:
    return node.kind == "add" or (node.kind == "contract" and bool(node.sums) and not node.dtype.is_bool)


def _opened(atomic: Use, shares: dict[Node, float]) -> list[Form]:
    """R8: sums among the factors opened up; one level, and as far down as nobody else needs them."""
    node = atomic.node
    shallow, more = _open(atomic, shares, 1)
    if shallow is None:
        return []
    forms = [Form("open", shallow, SAFE)]
    deep = _open(atomic, shares, 4)[0] if more else None
    if deep is not None and deep.node is not shallow.node:
        forms.append(Form("open deeply", deep, SAFE))
    summed = [place for place, arg in enumerate(node.args) if arg[0].kind == "contract" and arg[0].sums and arg[2] == 1]
    if 2 <= len(summed) <= 3:
        for place in summed:
            alone, _ = _open(atomic, shares, 1, place)
            if alone is not None:
                forms.append(Form("open one", alone, SAFE))
    return forms


def _open(atomic: Use, shares: dict[Node, float], depth: int, only: int | None = None) -> tuple[Use | None, bool]:
    """The product with the sums among its factors opened up, so many levels of them, and whether there are more below; of one factor only, if it is given."""
    node, axes = atomic
    labels = list(axes) + [Label(size) for size in node.sums]
    sums = labels[len(axes) :]
    coef = node.param
    done: list[tuple[Use, int]] = []
    work = [
        (Use(child, tuple([labels[i] for i in positions])), exponent, depth if only is None or place == only else 0)
        for place, (child, positions, exponent) in enumerate(node.args)
    ]
    opened = more = False
    while work:
        use, exponent, left = work.pop()
        child = use.node
        fits = len(done) + len(work) + len(child.args) <= MOST_FACTORS
        can = exponent == 1 and child.kind == "contract" and _can_open(child) and (left == depth or child in shares)
        if can and not left:
            more = True
        if can and left and fits:
            inner = list(use.labels) + [Label(size) for size in child.sums]
            sums += inner[len(use.labels) :]
            coef = multiply(coef, child.param)
            work += [(Use(below, tuple([inner[i] for i in positions])), e, left - 1) for below, positions, e in child.args]
            opened = True
        else:
            done.append((use, exponent))
    return _finish(atomic, done, coef, sums) if opened else None, more


def _finish(atomic: Use, factors: list[tuple[Use, int]], coef: Coef, sums: list[Label]) -> Use:
    return contract(atomic.labels, factors, coef, sums, atomic.node.dtype)


def _running(base: Form) -> list[Form]:
    """The sum over s of A[t] B[s] C[s] [s <= t] as A[t] times a running sum of B C."""
    node, axes = base.use
    if node.kind != "contract":
        return []
    rank = len(node.dims)
    found = []
    for place, (relation, pair, _) in enumerate(node.args):
        if relation.kind != "range" or len(set(pair)) != 2:
            continue
        for summed, along in (pair, pair[::-1]):
            others = [arg for position, arg in enumerate(node.args) if position != place]
            inside = [arg for arg in others if summed in arg[1]]
            outside = [arg for arg in others if summed not in arg[1]]
            if summed < rank or not outside or not inside or any(arg[0].kind in RELATIONS or along in arg[1] for arg in inside):
                continue
            labels = list(axes) + [Label(size) for size in node.sums]
            needed = {i for arg in outside for i in arg[1]} | set(range(rank)) | {along}
            local = {i for arg in inside for i in arg[1]} - needed
            remaining = [labels[i] for i in sorted(({i for arg in inside for i in arg[1]} | {along}) - local)]
            factors = [(Use(child, tuple([labels[i] for i in positions])), e) for child, positions, e in [*inside, node.args[place]]]
            running = contract(remaining, factors, 1, [labels[i] for i in local], node.dtype)
            rest = [(Use(child, tuple([labels[i] for i in positions])), e) for child, positions, e in outside]
            sums = [labels[i] for i in range(rank, len(labels)) if i not in local]
            if not set(running.labels) <= {*axes, *sums}:
                continue
            use = contract(axes, [*rest, (running, 1)], node.param, sums, node.dtype)
            found.append(Form(_named(base.rule, "running sum"), use, base.gain))
    return found
