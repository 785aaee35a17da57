"""Random programs on demand: `python -m tests.fuzz --count 30000 --seed 0`. Each chunk is a process, so that a crash is reported with its seed."""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import traceback
from collections import Counter

from .compare import Failure, check, quick_code
from .programs import Program, generate
from .shrink import shrink

CHUNK = 200
SECONDS = 60
BYTES = 8 << 30
"""The address space of a chunk: the reference, which computes products as they are written, raises MemoryError before the machine is out of memory."""


def trial(seed: int) -> tuple[str, str]:
    """What became of one seed, in a word and in full."""
    program = generate(seed)
    try:
        return check(program, seed), ""
    except MemoryError:
        return "too large for the reference", ""
    except Exception as error:
        kind = _kind(error)

        def fails(smaller: Program) -> bool:
            try:
                check(smaller, seed)
            except Exception as other:
                return _kind(other) == kind
            return False

        small = shrink(program, fails)
        try:
            check(small, seed)
        except Exception as last:
            text = str(last) if isinstance(last, Failure) else "".join(traceback.format_exception(last)[-6:])
            return "FAILED", f"seed {seed}: {kind}\n{small}\n{text}"
        return "FAILED", f"seed {seed}: {kind}, only unshrunk\n{program}\n{error}"


def _kind(error: Exception) -> str:
    if isinstance(error, Failure):
        return " ".join(word for word in str(error).split()[:4] if word.isalpha())
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.filename.rsplit('/', 1)[-1]}:{last.name}"


def chunk(first: int, count: int) -> None:
    """Run some seeds in this process; each is announced before it starts."""
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    words: Counter[str] = Counter()
    with quick_code():
        for seed in range(first, first + count):
            print(f"@{seed}", flush=True)
            word, text = trial(seed)
            words[word] += 1
            if text:
                print(text + "\n", flush=True)
    print(f"={dict(words)}", flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--chunk", type=int, nargs=2)
    options = parser.parse_args()
    if options.chunk:
        chunk(*options.chunk)
        return 0
    words: Counter[str] = Counter()
    seed, end = options.seed, options.seed + options.count
    while seed < end:
        count = min(CHUNK, end - seed)
        command = [sys.executable, "-m", "tests.fuzz", "--chunk", str(seed), str(count)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS * 20)
            output, how = done.stdout, f"exit status {done.returncode}\n{done.stderr[-3000:]}"
        except subprocess.TimeoutExpired as late:
            output, how = (late.stdout or b"").decode(), "no end in sight"
        last, finished = seed, False
        for line in output.splitlines():
            if line.startswith("@"):
                last = int(line[1:])
            elif line.startswith("="):
                words.update(eval(line[1:]))
                finished = True
            else:
                print(line)
        if not finished:
            words["CRASHED"] += 1
            print(f"seed {last}: the process ended: {how}\n{generate(last)}\n", flush=True)
        seed = seed + count if finished else last + 1
        print(f"-- {seed - options.seed} programs, {dict(words)}", flush=True)
    return 1 if words["FAILED"] or words["CRASHED"] else 0


if __name__ == "__main__":
    sys.exit(main())
