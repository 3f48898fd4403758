"""`load_fleet`: a fleet's accounts from a YAML, JSON or CSV file."""

from __future__ import annotations

from os import PathLike
from typing import Any, Literal

import pulumi

Format = Literal["yaml", "json", "csv"]

_SHOWN = 20


def load_fleet(
    path: str | PathLike[str], *, format: Format | None = None
) -> dict[str, dict[str, Any]]:
    """Read a fleet file into the mapping that `AccountFleet` takes: key to arguments.

    Args:
        path: The file; where relative, to the working directory, which Pulumi sets to the
            program's folder.
        format: ``"yaml"``, ``"json"`` or ``"csv"``; by the file's ending where left out.

    Raises:
        pulumi.RunError: The file can't be read, or something in it is wrong. The message names
            every problem (of many, the first 20) with file, line and column.
    """
    # The program imports pydantic and PyYAML only where it has a file to read.
    from chatdaddy_pulumi.resources.fleet_file.reading import read_fleet

    accounts, problems = read_fleet(path, format)
    if problems:
        raise pulumi.RunError("\n  ".join([problems.title(), *problems.lines(_SHOWN)]))
    return accounts
