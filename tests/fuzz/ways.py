"""The ways in which a random program is compiled and called: none may change what it computes.

What large arrays alone would make happen (products of the library, several threads, regions in chunks, loops over batches, programs by size) small ones do
where the limits it depends on are turned down.
"""

from __future__ import annotations

import importlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import croton as cr
from croton.algebra.node import Operand
from croton.compile import pipeline
from croton.compile.job import Job
from croton.rewriting.chunk import chunked, regions
from croton.rewriting.remake import remade
from croton.runtime import function as runtime_function
from croton.runtime.engine import compile_object
from croton.runtime.stream import Limits
from croton.schedule.build import plan_with_lives


class Way(NamedTuple):
    """Flags, limits in modules of ours that are other numbers for a while, and how far machine code is optimised.

    `rewrite` is a pass of its own on values that are optimised, `budget` the share of the memory of a call that a second compilation may take, `donates`
    whether inputs are given away.
    """

    name: str
    weight: float
    flags: Mapping[str, Any] = {}
    limits: Mapping[str, float] = {}
    level: int = 0
    rewrite: Callable[[Job, random.Random], None] | None = None
    budget: float | None = None
    donates: bool = False


def in_pieces(job: Job, chance: random.Random) -> None:
    """An axis of whatever values is gone through in chunks, as a budget makes those of large ones."""
    for one in job.programs:
        for _ in range(chance.randint(1, 2)):
            uses = [operand.use for operand in one.operands]
            found = [(region, each) for region in regions(uses, 20) for each in (2, 3, 5) if not isinstance(region.size, int) or _fits(region.size, each)]
            if found:
                region, each = chance.choice(found)
                one.operands = [Operand(operand.axes, use) for operand, use in zip(one.operands, chunked(uses, region, each))]


def _fits(size: int, each: int) -> bool:
    return size // each >= 2 and size % each != 1


def made_again(job: Job, chance: random.Random) -> None:
    """What is read late is computed a second time."""
    for one in job.programs:
        _, lives = plan_with_lives(one.operands, {})
        if lives.busiest < 0:
            continue
        found = remade([operand.use for operand in lives.operands], lives.of, lives.busiest, chance.choice((0, 2, 3, 4)))
        if found is not None:
            one.operands = [Operand(operand.axes, use) for operand, use in zip(one.operands, found[0])]


LIBRARY = {
    "schedule.summation.LEAST_PRODUCT": 2,
    "schedule.summation.SMALL_SIDE": 2,
    "schedule.summation.LEAST_VOLUME": 2,
    "schedule.sink.LEAST_PRODUCT": 2,
    "schedule.sink.LEAST_ROWS": 1,
    "schedule.sink.LEAST_PACKED": 2,
    "schedule.product.LEAST_SYMMETRIC": 2,
    "schedule.product.LEAST_PACKED": 2,
    "schedule.product.OFTEN": 2,
    "rewriting.price.LEAST_PRODUCT": 2,
    "algebra.cost.LEAST_PRODUCT": 2,
}
PARTS = {
    "schedule.partial.SMALL": 1,
    "schedule.partial.ELEMENTS": 8,
    "schedule.partial.ROWS": 2,
    "schedule.partial.LONGEST": 2,
    "schedule.partial.PARTS": 3,
}
CHUNKS = {
    "rewriting.windows.LARGE": 64,
    "rewriting.windows.LEAST_CHUNK": 1,
    "rewriting.batch_loop.LARGE": 64,
    "rewriting.batch_loop.LEAST_MEMBER": 1,
}
EAGER = {
    "rewriting.optimise.LEAST_GAIN": 1.0,
    "rewriting.optimise.GREAT_GAIN": 1.0,
    "rewriting.optimise.CHECKED_GAIN": 1.0,
    "rewriting.optimise.INDEXED_GAIN": 1.0,
    "rewriting.optimise.LEAST_CHECKED": 1,
    "rewriting.transpose_loops.LEAST_GAIN": 1.0,
    "rewriting.contest.WORTH": 1.05,
    "rewriting.versions.WORTH": 1.05,
    "compile.choose.WORTH": 1.05,
}
FREE = {"schedule.recompute.CHEAP_FREE": 100, "schedule.recompute.CHEAP_READ": 100, "schedule.recompute.CHEAP_WIDE": 100, "schedule.recompute.CHEAP_AGAIN": 100}
DEAR = {"schedule.recompute.CHEAP_FREE": 0, "schedule.recompute.CHEAP_READ": 0, "schedule.recompute.CHEAP_WIDE": 0, "schedule.recompute.CHEAP_AGAIN": 0}

WAYS = (
    Way("plain", 8),
    Way("strict", 1, {"algebra": "strict"}),
    Way("aggressive", 1, {"algebra": "aggressive"}),
    Way("threads", 2, {"threads": 3}, PARTS),
    Way("library", 1.5, {}, LIBRARY),
    Way("library on threads", 1, {"threads": 2}, LIBRARY | PARTS),
    Way("chunks", 1.5, {}, CHUNKS),
    Way("eager", 1.5, {}, EAGER),
    Way("recomputed", 0.7, {}, FREE),
    Way("kept", 0.7, {}, DEAR),
    Way("in pieces", 2, rewrite=in_pieces),
    Way("made again", 1, rewrite=made_again),
    Way("budget", 1.5, budget=0.9),
    Way("small budget", 1.5, budget=0.6),
    Way("donated", 1.5, donates=True),
    Way("optimised code", 1, level=2),
    Way("checked", 0.5, {"check": True}),
)


def way_of(seed: int) -> Way:
    """The way of a seed."""
    return random.Random(seed + 3).choices(WAYS, [way.weight for way in WAYS])[0]


@contextmanager
def taken(way: Way, seed: int) -> Iterator[None]:
    """Everything is compiled and called in this way."""
    originals: list[tuple[Any, str, Any]] = [
        (pipeline, "compile_objects", pipeline.compile_objects),
        (pipeline, "PASSES", pipeline.PASSES),
        (runtime_function, "encode", runtime_function.encode),
    ]
    for path in way.limits:
        module, _, name = path.rpartition(".")
        owner = importlib.import_module(f"croton.{module}")
        originals.append((owner, name, getattr(owner, name)))
    encode: Callable[..., Any] = runtime_function.encode
    try:
        for owner, name, _ in originals[3:]:
            setattr(owner, name, way.limits[f"{owner.__name__.removeprefix('croton.')}.{name}"])
        if way.level:
            pipeline.compile_objects = lambda texts: tuple([compile_object(text, way.level) for text in texts])
        if way.rewrite is not None:
            chance, rewrite = random.Random(seed + 4), way.rewrite
            place = pipeline.PASSES.index(pipeline.optimise_contractions) + 1
            pipeline.PASSES = (*pipeline.PASSES[:place], lambda job: rewrite(job, chance), *pipeline.PASSES[place:])
        if "threads" in way.flags:
            runtime_function.encode = lambda program, kernels, cells, routines, limits, own: encode(program, kernels, cells, routines, Limits(1, 1, 1), own)
        with cr.config.use(**way.flags):
            yield
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)
