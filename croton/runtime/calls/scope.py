"""What is known of a program at one of its calls: whether the entries of the tables that the call names are there."""

from __future__ import annotations

from croton import dtypes


class MalformedProgram(AssertionError):
    """A Program that the compiler should not have made."""


class Scope:
    """The tables of a program while it is checked. `where` begins the messages; `kernels` and `routines` are how many the program is loaded with."""

    def __init__(self, sizes: int, kernels: int, routines: int) -> None:
        self.where = ""
        self.sizes = sizes
        self.known: set[int] = set()
        self.pointers = self.first_view = 0
        self.kernels, self.routines = kernels, routines
        self.counting: set[int] = set()

    def demand(self, condition: bool, what: str) -> None:
        """Raise MalformedProgram unless the condition holds."""
        if not condition:
            raise MalformedProgram(f"{self.where}: {what}")

    def size(self, entry: int) -> None:
        self.demand(entry in self.known, f"S[{entry}] is not known there")

    def maybe_size(self, entry: int) -> None:
        if entry != -1:
            self.size(entry)

    def pointer(self, entry: int) -> None:
        self.demand(0 <= entry < self.pointers, f"P[{entry}] is an address outside of P, which has {self.pointers}")

    def maybe_pointer(self, entry: int) -> None:
        if entry != -1:
            self.pointer(entry)

    def view(self, entry: int) -> None:
        """An address that a loop moves."""
        self.pointer(entry)
        self.demand(entry >= self.first_view, f"only views move, P[{entry}] is none")

    def counter(self, entry: int) -> None:
        """An entry of S that nothing else uses, if it is one."""
        if entry == -1:
            return
        free = 0 <= entry < self.sizes and entry not in self.known and entry not in self.counting
        self.demand(free, f"S[{entry}] is taken, a counter is wanted")
        self.counting.add(entry)

    def made(self, entry: int) -> None:
        """An entry of S that nothing else sets, and that what follows may read, if it is one."""
        self.counter(entry)
        if entry != -1:
            self.known.add(entry)

    def counters(self, entry: int) -> None:
        """Two such entries next to each other."""
        self.counter(entry)
        self.counter(entry + 1)

    def counted(self, entry: int) -> None:
        """Such an entry of a loop that the call is in, if it is one."""
        self.demand(entry == -1 or entry in self.counting, f"S[{entry}] counts nothing")

    def kernel(self, number: int) -> None:
        self.demand(0 <= number < self.kernels, f"there is no kernel {number}")

    def routine(self, number: int) -> None:
        self.demand(0 <= number < self.routines, f"there is no routine {number}")

    def dtype(self, name: str) -> None:
        dtypes.dtype(name)
