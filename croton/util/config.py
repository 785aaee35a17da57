"""Every flag in one table. A flag is an attribute of `config`, an environment variable and an argument of `config.use`."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, NamedTuple

from croton.util.errors import ArgumentError


class Flag(NamedTuple):
    """One row of the table: `read` turns a text or a value into the flag's value, or raises ValueError."""

    name: str
    default: Any
    read: Callable[[Any], Any]
    meaning: str

    @property
    def variable(self) -> str:
        return "CROTON_" + self.name.upper()


def _truth(value: Any) -> bool:
    if isinstance(value, str):
        word = value.strip().lower()
        if word in ("1", "true", "yes", "on"):
            return True
        if word in ("0", "false", "no", "off", ""):
            return False
        raise ValueError(f"a truth value is wanted, got {value!r}")
    return bool(value)


def _count(value: Any) -> int:
    number = int(value)
    if number < 0:
        raise ValueError(f"a number >= 0 is wanted, got {value!r}")
    return number


def _bytes(value: Any) -> int:
    """A number of bytes; as text also with a unit."""
    found = re.fullmatch(r"\s*([0-9.]+)\s*([kKMGT]?)B?\s*", value) if isinstance(value, str) else None
    if isinstance(value, bool) or (isinstance(value, str) and found is None):
        raise ValueError(f"a number of bytes >= 0 is wanted, got {value!r}")
    return _count(float(found[1]) * 1000 ** " kMGT".index((found[2] or " ").replace("K", "k")) if found is not None else value)


def _one_of(*names: str) -> Callable[[Any], str]:
    def read(value: Any) -> str:
        name = getattr(value, "__name__", None) or str(value)
        if name not in names:
            raise ValueError(f"one of {', '.join(names)} is wanted, got {value!r}")
        return name

    return read


def _cache_directory() -> str:
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "croton")


FLAGS: tuple[Flag, ...] = (
    Flag("float_dtype", "float64", _one_of("float32", "float64"), "dtype of float arrays that name none"),
    Flag("threads", 0, _count, "threads that one call may use; 0 is one for each processor available"),
    Flag("cache_directory", _cache_directory(), str, "where compiled code is kept between runs"),
    Flag("cache", True, _truth, "keep compiled code between runs"),
    Flag("check", False, _truth, "check the invariants of every stage of the compiler, and every program (slow)"),
    Flag("check_finite", False, _truth, "functions compiled now raise if a result is NaN or infinite, and name the operation and line that made it so"),
    Flag("memory_budget", 0, _bytes, "bytes that a call of a function compiled now may take beyond its arguments (also 512MB, 4G); 0 for no limit"),
    Flag("flush_subnormals", False, _truth, "treat numbers below the smallest normal one as 0"),
    Flag("algebra", "default", _one_of("strict", "default", "aggressive"), "rewriting: none, what cannot cancel, or also what may cancel"),
    Flag("debug", 0, _count, "each level prints one more stage of the compiler: 1 passes, 2 graph, 3 meaning, 4 what is left of it, 5 kernels, 6 LLVM code"),
)
_ROWS = {flag.name: flag for flag in FLAGS}


def _checked(name: str, value: Any) -> Any:
    flag = _ROWS.get(name)
    if flag is None:
        raise ArgumentError(f"no flag {name!r}; the flags are {', '.join(_ROWS)}")
    try:
        return flag.read(value)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"flag {name} ({flag.meaning}): {error}") from None


_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Config:
    """The flags. Read and set them as attributes; `use` sets some for a while, in this thread only."""

    __slots__ = ("_local", "_values")

    def __init__(self) -> None:
        values = {flag.name: flag.default for flag in FLAGS}
        for flag in FLAGS:
            if flag.variable in os.environ:
                values[flag.name] = _checked(flag.name, os.environ[flag.variable])
        object.__setattr__(self, "_values", values)
        object.__setattr__(self, "_local", ContextVar("croton_config", default=_NOTHING))

    def __getattr__(self, name: str) -> Any:
        local = self._local.get()
        if name in local:
            return local[name]
        try:
            return self._values[name]
        except KeyError:
            raise AttributeError(f"no flag {name!r}; the flags are {', '.join(_ROWS)}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        self._values[name] = _checked(name, value)

    def __dir__(self) -> list[str]:
        return [*_ROWS, "use"]

    def __repr__(self) -> str:
        return "\n".join(f"{flag.name:18} {getattr(self, flag.name)!s:20} {flag.variable:26} {flag.meaning}" for flag in FLAGS)

    def use(self, **flags: Any) -> AbstractContextManager[Config]:
        """Set flags inside a `with` block."""
        return self._used({name: _checked(name, value) for name, value in flags.items()})

    @contextmanager
    def _used(self, flags: dict[str, Any]) -> Iterator[Config]:
        token = self._local.set({**self._local.get(), **flags})
        try:
            yield self
        finally:
            self._local.reset(token)


config = Config()
