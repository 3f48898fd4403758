"""Files with secrets: only their owner can read them, and links to them are refused.

A project may come from anywhere, so existing files in place of the engine's files are not trusted.
The engine does not write into an existing file, but replaces it by a new one.
"""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from pulumi_standin.errors import EngineError


def check_folder(folder: Path) -> None:
    """Raises `EngineError` if the folder is a link."""
    if folder.is_symlink():
        raise EngineError(f"{folder} is a link, which is not followed; name its target instead")


def make_folder(folder: Path) -> None:
    """Make a folder that only its owner can use, unless it exists. Raises `EngineError`."""
    check_folder(folder)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{folder} can't be made: {error.strerror}") from error


def read(path: Path) -> str | None:
    """The content of a regular file, or None if there is none. Raises `EngineError`."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise EngineError(_refusal(path) or f"{path}: {error.strerror}") from error
    with os.fdopen(handle, encoding="utf-8") as file:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise EngineError(_refusal(path) or f"{path} is not a regular file")
        try:
            return file.read()
        except UnicodeDecodeError as error:
            raise EngineError(f"{path} is not text: {error}") from error


def write(path: Path, text: str) -> None:
    """Replace the file atomically. Raises `EngineError`.

    A reader sees the old text or the new one, also after a crash.
    """
    if refusal := _refusal(path):
        raise EngineError(refusal)
    try:
        # Created exclusively, with mode 0600 and an unpredictable name.
        handle, draft = tempfile.mkstemp(dir=path.parent, prefix=_draft(path), suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(handle)
            os.replace(draft, path)
        except BaseException:
            Path(draft).unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise EngineError(f"{path} can't be written: {error.strerror}") from error


def remove_drafts(path: Path) -> None:
    """Remove what a killed `write` of that file left. No other process may be writing it."""
    for draft in path.parent.glob(f"{_draft(path)}*.tmp"):
        draft.unlink(missing_ok=True)


def open_lock(path: Path) -> int:
    """Open a file for locking, for reading and writing. Raises `EngineError`."""
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, 0o600)
    except OSError as error:
        raise EngineError(_refusal(path) or f"{path}: {error.strerror}") from error
    found = os.fstat(handle)
    # A hard link to another file is as dangerous as a symbolic link.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        os.close(handle)
        raise EngineError(_refusal(path) or f"{path} is not a file of its own; remove it")
    os.fchmod(handle, 0o600)
    return handle


def _refusal(path: Path) -> str:
    if path.is_symlink():
        return f"{path} is a link, which is not followed; put a file in its place"
    return ""


def _draft(path: Path) -> str:
    return f".{path.name}."
