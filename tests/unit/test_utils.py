from __future__ import annotations

import pickle
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from src.utils import (
    atomic_open,
    dump_object,
    sha256,
    to_json,
    write_bytes,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_sha256_is_the_one_that_everyone_computes() -> None:
    assert sha256(b"abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_file_takes_its_name_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with atomic_open(path, "w", encoding="utf-8", newline="") as file:
        file.write("Zoë\r\n")
        assert not path.exists()
    assert path.read_bytes() == "Zoë\r\n".encode()
    assert names(tmp_path) == ["a.csv"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, OSError])
def test_an_error_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: type[BaseException]
) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")

    def write() -> None:
        with atomic_open(path) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        write()
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["a"]


def test_a_failing_rename_leaves_no_temporary_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(tmp_path / "a", b"new")
    assert names(tmp_path) == []


def test_a_folder_that_is_not_there_is_an_error_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        write_bytes(tmp_path / "nowhere" / "a", b"x")


def test_json_is_canonical() -> None:
    assert to_json({"b": 1, "a": "é"}) == '{\n  "a": "é",\n  "b": 1\n}\n'.encode()


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_knows_neither_nan_nor_infinity(number: float) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        to_json([number])


@settings(max_examples=25)
@given(st.recursive(st.none() | st.integers() | st.text(), st.lists, max_leaves=9))
def test_objects_come_back_as_they_were_saved(value: object) -> None:
    assert pickle.loads(dump_object(value)) == value
