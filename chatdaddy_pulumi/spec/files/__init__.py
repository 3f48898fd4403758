"""`load_fleet`: a fleet's accounts from a YAML, JSON or CSV file."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Literal, cast

if TYPE_CHECKING:
    from chatdaddy_pulumi.spec.types import AccountArgs

Format = Literal["yaml", "json", "csv"]

_SHOWN = 20


class WrongFile(Exception):
    """A fleet file that can't be read, or that has problems."""


def load_fleet(
    path: str | PathLike[str], *, format: Format | None = None
) -> dict[str, AccountArgs]:
    """Read a fleet file into a mapping from keys to arguments.

    Args:
        path: The file, relative to the working directory.
        format: ``"yaml"``, ``"json"`` or ``"csv"``; by the file's ending if left out.

    Raises:
        WrongFile: The message names every problem (of many, the first 20) with file, line and
            column.
    """
    # PyYAML is imported only if there is a file to read.
    from chatdaddy_pulumi.spec.files.reading import read_file

    accounts, problems = read_file(path, format)
    if problems:
        raise WrongFile("\n  ".join([problems.title(), *problems.lines(_SHOWN)]))
    return cast("dict[str, AccountArgs]", accounts)
