from __future__ import annotations

import os
import pickle
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from src.utils import (
    atomic_open,
    dump_object,
    load_object,
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


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_objects_come_back_as_they_were_saved(value: object) -> None:
    assert pickle.loads(dump_object(value)) == value


def test_load_object_returns_what_was_dumped(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    write_bytes(path, dump_object({"coefficients": [1.5, -2.0]}))
    assert load_object(path) == {"coefficients": [1.5, -2.0]}
    assert load_object(path, sha256(path.read_bytes())) == {"coefficients": [1.5, -2.0]}


class Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_a_pickle_that_runs_a_command_is_refused_and_the_command_does_not_run(
    tmp_path: Path,
) -> None:
    """M2."""
    proof = tmp_path / "ran"
    good, evil = dump_object([1, 2, 3]), pickle.dumps(Command(f"echo ran > '{proof}'"))
    path = tmp_path / "model.pkl"
    path.write_bytes(evil)
    with pytest.raises(ValueError, match=r"model\.pkl is not the file that was saved"):
        load_object(path, sha256(good))
    assert not proof.exists()
    load_object(path, sha256(evil))  # the test means something: unchecked it would run
    assert proof.exists()


def test_one_changed_byte_is_enough(tmp_path: Path) -> None:
    """M2."""
    content = dump_object(list(range(100)))
    path = tmp_path / "model.pkl"
    path.write_bytes(content[:50] + bytes([content[50] ^ 1]) + content[51:])
    with pytest.raises(ValueError, match="SHA-256 differs"):
        load_object(path, sha256(content))
