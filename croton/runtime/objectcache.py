"""Compiled code on disk, between runs and between processes.

An entry is a file named by the hash of what it was made from, holding a checksum and the data. It is written beside its place and
moved there, so that another process sees all of it or nothing; what fails its checksum is made again. Where nothing can be written,
nothing is. Code from a directory that other users can write to is not run.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import tempfile
from pathlib import Path

from croton.runtime import engine
from croton.util.config import config

FORMAT = "2"
"""Changes when the layout of the directory or of its files does."""

SIZE_LIMIT = 1024 * 1024 * 1024
"""Bytes above which the entries that were not used for longest are removed, down to three quarters."""

_CHECKSUM_BYTES = 32
FOLDERS = 256
"""Where entries are, by the first two digits of their names."""


def _digest(*parts: str | bytes) -> str:
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(len(data).to_bytes(8, "little"))
        total.update(data)
    return total.hexdigest()


@functools.cache
def _trusted(directory: str) -> bool:
    """Whether only we, or the administrator, can have written the files of a directory; creates it if it is not there."""
    if not os.path.isabs(directory):
        return False  # there is no home directory
    with contextlib.suppress(OSError):
        os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        found = os.stat(directory)
    except OSError:
        return False
    if not hasattr(os, "getuid"):
        return True
    return found.st_uid in (0, os.getuid()) and not found.st_mode & 0o022


def directory() -> Path | None:
    """Where the entries are, or None if there is no cache."""
    if not config.cache:
        return None
    path = os.path.join(config.cache_directory, "v" + FORMAT)
    return Path(path) if _trusted(path) else None


@functools.cache
def package_identity() -> str:
    """Changes with every change of the package's own source: part of the key of anything that depends on more than its text."""
    package = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    rows = []
    folders = [package]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    folders.append(entry.path)
                elif entry.name.endswith(".py"):
                    found = entry.stat()
                    rows.append(f"{os.path.relpath(entry.path, package)} {found.st_size} {found.st_mtime_ns}")
    return _digest(*sorted(rows))


def _path(kind: str, key: str) -> Path | None:
    folder = directory()
    if folder is None:
        return None
    name = _digest(FORMAT, kind, key, engine.identity())
    return folder / name[:2] / name[2:]


def _checksum(path: Path, data: bytes) -> bytes:
    """Of the name too, so that an entry in the place of another one counts as damaged."""
    total = hashlib.sha256((path.parent.name + path.name).encode())
    total.update(data)
    return total.digest()


def get(kind: str, key: str) -> bytes | None:
    """What `put` stored for a kind of entry and a key, on a machine and LLVM like this one; None if it is not there or damaged."""
    path = _path(kind, key)
    if path is None:
        return None
    try:
        content = path.read_bytes()
    except OSError:
        return None
    data = content[_CHECKSUM_BYTES:]
    if _checksum(path, data) != content[:_CHECKSUM_BYTES]:
        return None
    with contextlib.suppress(OSError):
        os.utime(path)
    return data


def put(kind: str, key: str, data: bytes) -> None:
    """Store an entry, replacing one with the same key. Does nothing where there is no cache or no room."""
    path = _path(kind, key)
    if path is None:
        return
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".new-", delete=False) as file:
            try:
                file.write(_checksum(path, data) + data)
                file.close()
                os.replace(file.name, path)
            except OSError:
                os.unlink(file.name)
                raise
    except OSError:
        return
    prune(path.parent, SIZE_LIMIT // FOLDERS)


def prune(folder: Path, limit: int) -> None:
    """Remove the entries of a folder that were not used for longest if they exceed the limit in bytes, but for the last one.

    Whoever writes looks after the folder that is written to: names are digests, so that each folder comes to its share, and nobody has to look at
    all of them, which takes a second where there are many.
    """
    found = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                state = entry.stat()
                found.append((state.st_mtime_ns, state.st_size, entry.path))
    total = sum(size for _, size, _ in found)
    if total <= limit:
        return
    for _, size, path in sorted(found)[:-1]:
        with contextlib.suppress(OSError):
            os.unlink(path)
        total -= size
        if total <= limit * 3 // 4:
            return


def kept(text: str, level: int = 2, variables: bool = False) -> bytes | None:
    """Object code of LLVM IR text, if it is in the cache."""
    return get("object", _object_key(text, level, variables))


def object_code(text: str, level: int = 2, variables: bool = False) -> bytes:
    """Object code of LLVM IR text: from the cache, or compiled and stored there."""
    data = kept(text, level, variables)
    if data is None:
        data = engine.compile_object(text, level, variables)
        put("object", _object_key(text, level, variables), data)
    return data


def _object_key(text: str, level: int, variables: bool) -> str:
    return f"{level} {variables}\n{text}"
