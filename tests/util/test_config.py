"""Flags: one table, three ways to set them."""

from __future__ import annotations

import threading

import pytest

from croton.util.config import FLAGS, Config, config
from croton.util.errors import ArgumentError


def test_a_flag_can_be_set_for_a_while() -> None:
    before = config.float_dtype
    with config.use(float_dtype="float32", threads=1):
        assert config.float_dtype == "float32"
        assert config.threads == 1
        with config.use(float_dtype="float64"):
            assert config.float_dtype == "float64"
            assert config.threads == 1
    assert config.float_dtype == before


def test_a_flag_set_for_a_while_is_seen_by_its_thread_only() -> None:
    found = []
    with config.use(debug=3):
        thread = threading.Thread(target=lambda: found.append(config.debug))
        thread.start()
        thread.join()
        assert config.debug == 3
    assert found == [0]


def test_environment_variables_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CROTON_FLOAT_DTYPE", "float32")
    monkeypatch.setenv("CROTON_CACHE", "off")
    fresh = Config()
    assert fresh.float_dtype == "float32"
    assert fresh.cache is False
    monkeypatch.setenv("CROTON_THREADS", "many")
    with pytest.raises(ArgumentError, match="threads"):
        Config()


def test_mistakes_name_the_flags() -> None:
    with pytest.raises(ArgumentError, match=r"no flag 'flaot_dtype'; the flags are float_dtype"):
        config.flaot_dtype = "float32"
    with pytest.raises(AttributeError, match="no flag"):
        _ = config.nothing
    with pytest.raises(ArgumentError, match="float32, float64 is wanted, got 'int8'"):
        config.float_dtype = "int8"
    with pytest.raises(ArgumentError), config.use(threads=-1):
        pass


def test_the_table_prints() -> None:
    text = repr(config)
    assert all(flag.name in text and flag.variable in text and flag.meaning in text for flag in FLAGS)
