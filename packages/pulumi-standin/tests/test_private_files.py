"""The stand-in's files: only their owner can read them, and links are not followed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pulumi_standin import private_files
from pulumi_standin.errors import EngineError
from pulumi_standin.project import load
from pulumi_standin.stack_config import set_config
from pulumi_standin.state_file import StateFile

STATE = '{"version": 3, "deployment": {"resources": []}}'


def mode(path: Path) -> int:
    return path.lstat().st_mode & 0o777


@pytest.fixture(autouse=True)
def _an_open_umask() -> Iterator[None]:
    """The most permissive umask."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def other(tmp_path: Path) -> Path:
    """Another file, which may not be changed."""
    path = tmp_path / "other"
    path.write_text("precious")
    path.chmod(0o644)
    return path


def test_only_the_owner_can_read_a_state(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "states" / "dev.json")
    with file.locked():
        file.write(STATE)
    assert mode(file.path.parent) == 0o700
    assert mode(file.path) == mode(file.path.with_suffix(".lock")) == 0o600


def test_a_public_state_becomes_private(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "dev.json")
    for path in (file.path, tmp_path / "dev.lock"):
        path.write_text(STATE)
        path.chmod(0o666)
    with file.path.open() as before, file.locked():
        file.write(STATE.replace("[]", "[1]"))
        assert before.read() == STATE, "the old file is as it was"
    assert mode(file.path) == mode(tmp_path / "dev.lock") == 0o600


def test_drafts_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "dev.json")
    draft = tmp_path / ".dev.json.abc.tmp"
    draft.write_text("half of a sta")
    with file.locked():
        assert not draft.exists()


def test_a_state_that_is_a_link_is_refused(tmp_path: Path, other: Path) -> None:
    file = StateFile(tmp_path / "dev.json")
    file.path.symlink_to(other)
    for use in (file.read, lambda: file.write(STATE)):
        with pytest.raises(EngineError, match="is a link"):
            use()
    assert other.read_text() == "precious"
    assert file.path.is_symlink()


def test_a_state_that_is_a_hard_link_does_not_change_the_other_file(
    tmp_path: Path, other: Path
) -> None:
    file = StateFile(tmp_path / "dev.json")
    os.link(other, file.path)
    file.write(STATE)
    assert other.read_text() == "precious"
    assert file.read() == {"resources": []}


@pytest.mark.parametrize("linked", [os.symlink, os.link])
def test_a_lock_that_is_a_link_is_refused(tmp_path: Path, other: Path, linked: object) -> None:
    assert callable(linked)
    linked(other, tmp_path / "dev.lock")
    with pytest.raises(EngineError, match=r"is a link|a file of its own"):
        StateFile(tmp_path / "dev.json").locked().__enter__()
    assert other.read_text() == "precious"
    assert mode(other) == 0o644


def test_a_folder_of_states_that_is_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / ".sandbox").symlink_to("elsewhere")
    file = StateFile(tmp_path / ".sandbox" / "dev.json")
    with pytest.raises(EngineError, match="is a link"):
        file.locked().__enter__()
    with pytest.raises(EngineError, match="is a link"):
        file.read()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    for name in ("dev.json", "dev.lock"):
        os.mkfifo(tmp_path / name)
    file = StateFile(tmp_path / "dev.json")
    with pytest.raises(EngineError, match="not a regular file"):
        file.read()
    with pytest.raises(EngineError, match=r"dev\.lock"):
        file.locked().__enter__()


def test_a_stacks_configuration_is_written_privately(tmp_path: Path, other: Path) -> None:
    (tmp_path / "Pulumi.yaml").write_text("name: shop\nruntime: python\n")
    project = load(tmp_path)
    path = project.stack_file("dev")
    path.write_text("config: {shop:a: 1}\n")
    path.chmod(0o666)
    set_config(project, "dev", {"b": "2"}, {}, None)
    assert mode(path) == 0o600
    assert "shop:a" in path.read_text()
    path.unlink()
    path.symlink_to(other)
    other.write_text("config: {}\n")
    with pytest.raises(EngineError, match="is a link"):
        set_config(project, "dev", {"b": "2"}, {}, None)
    assert other.read_text() == "config: {}\n"


def test_a_file_that_can_not_be_written_leaves_no_draft(tmp_path: Path) -> None:
    (tmp_path / "dev.json").mkdir()
    with pytest.raises(EngineError, match="can't be written"):
        private_files.write(tmp_path / "dev.json", STATE)
    assert [path.name for path in tmp_path.iterdir()] == ["dev.json"]
