"""The cache on disk: what it stores, what it distrusts, what it survives."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from croton.runtime import engine, objectcache
from croton.util.config import config

TEXT = "define i64 @answer() {\n  ret i64 42\n}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Iterator[Path]:
    with config.use(cache=True, cache_directory=str(tmp_path / "cache")):
        yield tmp_path / "cache"


def files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_entries_come_back(folder: Path) -> None:
    assert objectcache.get("kind", "key") is None
    objectcache.put("kind", "key", b"data")
    objectcache.put("kind", "empty", b"")
    assert objectcache.get("kind", "key") == b"data"
    assert objectcache.get("kind", "empty") == b""
    assert objectcache.get("other kind", "key") is None
    assert objectcache.get("kind", "other key") is None
    objectcache.put("kind", "key", b"newer")
    assert objectcache.get("kind", "key") == b"newer"
    assert len(files(folder)) == 2


def test_kind_and_key_do_not_run_together() -> None:
    objectcache.put("a", "bc", b"1")
    assert objectcache.get("ab", "c") is None


def test_object_code_is_compiled_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = objectcache.object_code(TEXT)
    monkeypatch.setattr(engine, "compile_object", None)
    assert objectcache.object_code(TEXT) == first
    assert engine.load_object(first).address("answer")
    assert len(files(folder)) == 1


@pytest.mark.parametrize("damage", [b"", b"short", None])
def test_damaged_files_are_made_again(folder: Path, damage: bytes | None) -> None:
    good = objectcache.object_code(TEXT)
    (file,) = files(folder)
    content = file.read_bytes()
    file.write_bytes(content[:-1] if damage is None else damage)
    assert objectcache.get("object", f"2 False\n{TEXT}") is None
    assert objectcache.object_code(TEXT) == good
    assert file.read_bytes() == content


def test_flipped_bit(folder: Path) -> None:
    objectcache.put("kind", "key", bytes(1000))
    (file,) = files(folder)
    content = bytearray(file.read_bytes())
    content[500] ^= 1
    file.write_bytes(content)
    assert objectcache.get("kind", "key") is None


def test_an_entry_in_the_place_of_another_is_damaged(folder: Path) -> None:
    objectcache.put("kind", "one", b"1")
    objectcache.put("kind", "two", b"2")
    one, two = files(folder)
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    assert objectcache.get("kind", "one") is None and objectcache.get("kind", "two") is None


def test_nothing_is_written_where_nothing_can_be(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("a file, not a directory")
    with config.use(cache_directory=str(blocked)):
        assert objectcache.directory() is None
        assert objectcache.object_code(TEXT)
        objectcache.put("kind", "key", b"data")
        assert objectcache.get("kind", "key") is None


def test_no_home_means_no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with config.use(cache_directory="~/.cache/croton"):
        assert objectcache.directory() is None
        assert objectcache.object_code(TEXT)
    assert not (tmp_path / "~").exists()


def test_cache_can_be_switched_off(folder: Path) -> None:
    with config.use(cache=False):
        objectcache.put("kind", "key", b"data")
    assert not folder.exists()


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="no owners of files here")
def test_directories_that_others_can_write_are_not_used(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / f"v{objectcache.FORMAT}").mkdir(parents=True)
    (shared / f"v{objectcache.FORMAT}").chmod(0o777)
    with config.use(cache_directory=str(shared)):
        assert objectcache.directory() is None


def test_what_was_not_used_for_longest_is_removed_from_the_folder_that_is_written_to(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys: dict[Path, list[str]] = {}
    for number in range(2000):
        key = str(number)
        path = objectcache._path("kind", key)
        assert path is not None
        keys.setdefault(path.parent, []).append(key)
    one, other = [group[:10] for group in keys.values() if len(group) >= 11][:2]
    for age, key in enumerate([*one, *other]):
        objectcache.put("kind", key, bytes(1000))
        path = objectcache._path("kind", key)
        assert path is not None
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    assert objectcache.get("kind", one[3]) is not None  # used: now the youngest
    monkeypatch.setattr(objectcache, "SIZE_LIMIT", 8000 * objectcache.FOLDERS)
    objectcache.put("kind", one[0], bytes(1000))
    assert len(files(folder)) == 5 + 10
    kept = [key for key in one if objectcache.get("kind", key) is not None]
    assert kept == [one[0], one[3], *one[-3:]]
    # What is larger than all that there is room for stays until the next one comes.
    objectcache.put("kind", one[1], bytes(10_000))
    assert [key for key in one if objectcache.get("kind", key) is not None] == [one[1]]


def test_two_processes_at_once(folder: Path) -> None:
    """Each writes and reads the same entries; every read gives nothing or the whole."""
    script = (
        "from croton.runtime import objectcache\n"
        "from croton.util.config import config\n"
        f"config.cache_directory = {str(folder)!r}\n"
        "for repeat in range(40):\n"
        "    for key in 'abc':\n"
        "        objectcache.put('kind', key, key.encode() * 50_000)\n"
        "        assert objectcache.get('kind', key) == key.encode() * 50_000\n"
    )
    children = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [child.wait(60) for child in children] == [0, 0]
    assert len(files(folder)) == 3


def test_package_identity_is_a_fingerprint() -> None:
    assert len(objectcache.package_identity()) == 64
