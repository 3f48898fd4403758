"""The problems of a fleet file, and their places."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from chatdaddy_pulumi.spec.problem import more, printable

#: Line and column, from 1.
Place = tuple[int, int]

#: The most problems that are kept: a file of another kind has one in each line.
_KEPT = 1_000

_LONGEST = 300


@dataclass
class Problems:
    """The problems of one file; false if there are none."""

    file: str
    count: int = 0
    _found: list[tuple[Place, str]] = field(default_factory=list)

    def add(self, place: Place | Callable[[], Place], message: str) -> None:
        self.count += 1
        if len(self._found) < _KEPT:
            at = place() if callable(place) else place
            self._found.append((at, printable(message, _LONGEST)))

    def __bool__(self) -> bool:
        return bool(self.count)

    def title(self) -> str:
        return f"{self.file} has {'a problem' if self.count == 1 else f'{self.count:,} problems'}:"

    def lines(self, most: int = _KEPT) -> list[str]:
        """``file:line:column: problem`` each, in the file's order."""
        shown = [
            f"{self.file}:{line}:{column}: {message}"
            for (line, column), message in sorted(self._found)[:most]
        ]
        rest = more(self.count, len(shown))
        return [*shown, rest] if rest else shown
