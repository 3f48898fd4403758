"""`load_fleet`, whose errors the engine shows without a traceback."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

import pulumi

from chatdaddy_pulumi.spec import files

if TYPE_CHECKING:
    from chatdaddy_pulumi.spec.types import AccountArgs


def load_fleet(
    path: str | PathLike[str], *, format: files.Format | None = None
) -> dict[str, AccountArgs]:
    """Read a fleet file into the mapping that `AccountFleet` takes: key to arguments.

    Args:
        path: The file, relative to the working directory, which Pulumi sets to the program's
            folder.
        format: ``"yaml"``, ``"json"`` or ``"csv"``; by the file's ending if left out.

    Raises:
        pulumi.RunError: The file can't be read, or something in it is wrong. The message names
            every problem (of many, the first 20) with file, line and column.
    """
    if not isinstance(path, (str, PathLike)):
        raise pulumi.RunError(
            f"load_fleet: the path is of type {type(path).__name__}, but must be a text or a path. "
            "An output is not known when the program runs"
        )
    try:
        return files.load_fleet(path, format=format)
    except files.WrongFile as error:
        raise pulumi.RunError(str(error)) from None
