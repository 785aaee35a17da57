"""Where a product and a sum round once: x * y + z as one fused multiply-add.

A value may be computed in more than one place: again in another pass or kernel, or stored in one and recomputed in another. All of them must
have the same bits, or `max(p) - p` is not 0 where it should be. So nothing is left to the code generator, which sees one kernel at a
time: every instruction rounds once, and a product is fused into a sum here, before anything is computed twice, if that sum is the only thing
that ever reads it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from croton.schedule.step import Body, BodyBuilder, Instruction, Step, Value, loads, plain_labels, renumbered


def fuse_products(steps: Sequence[Step], kept: Iterable[Value]) -> None:
    """Write products that are read by one addition only into it."""
    readers = Counter([value for step in steps for value in step.reads()])
    readers.update(kept)
    products = {step.out: step for step in steps if readers[step.out] == 1 and _is_product(step)}
    if not products:
        return
    for step in steps:
        if step.kind == "map" and any(load[2] in products for load in loads(step.body)):
            step.body = _fused(step, products)


def _is_product(step: Step) -> bool:
    """Whether a step is a product of two arrays, and nothing else."""
    body = step.body
    if step.kind != "map" or step.op is not None or not step.out.dtype.is_float or len(body) > 3 or body[-1][0] != "mul":
        return False
    return all(instruction[0] == "load" and plain_labels(instruction[3]) and instruction[4] < 0 for instruction in body[:-1])


def _fused(step: Step, products: dict[Value, Step]) -> Body:
    body = BodyBuilder()
    numbers: list[int] = []
    for instruction in step.body:
        numbers.append(body.add(_one_rounding(step, instruction, products, numbers, body) or renumbered(instruction, numbers, None)))
    return body.finish(numbers[-1])


def _one_rounding(step: Step, instruction: Instruction, products: dict[Value, Step], numbers: list[int], body: BodyBuilder) -> Instruction | None:
    """The instruction as a fused multiply-add, if it adds a product to something or subtracts one from it."""
    if instruction[0] not in ("add", "sub"):
        return None
    dtype, (left, right) = instruction[1], instruction[2]
    for product, other in ((left, right), (right, left)):
        load = step.body[product]
        if load[0] != "load" or load[2] not in products or load[4] >= 0 or other == product:
            continue
        # Of the same rank: else it would be multiplied again for every element of the sum.
        if len(load[3]) != len(step.dims) or not plain_labels(load[3]):
            continue
        made = products[load[2]].body
        step.origin = (*products[load[2]].origin, *step.origin)
        factors = []
        for place in made[-1][2]:
            _, _, value, index, _ = made[place]
            factors.append(body.load(value, tuple([load[3][label] for label in index])))
        rest = numbers[other]
        if instruction[0] == "sub" and product == left:
            rest = body.call("neg", dtype, rest)
        elif instruction[0] == "sub":
            factors[0] = body.call("neg", dtype, factors[0])
        return ("fma", dtype, (*factors, rest))
    return None
