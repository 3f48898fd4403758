"""Sets of resources to which a run is limited. The rules are those of `deploy.UrnTargets`."""

from __future__ import annotations

import re
from collections.abc import Iterable


class Targets:
    """URNs, and globs of URNs: ``*`` matches within a part of a URN, ``**`` across parts.

    If the set is empty at first, it means all resources.
    """

    def __init__(self, urns_or_globs: Iterable[str] = ()) -> None:
        given = list(urns_or_globs)
        self.literals = [text for text in given if "*" not in text]
        self._globs = [_pattern(text) for text in given if "*" in text]

    def __bool__(self) -> bool:
        """Whether the set limits the run."""
        return bool(self.literals or self._globs)

    def __contains__(self, urn: str) -> bool:
        return not self or self.names(urn)

    def names(self, urn: str) -> bool:
        """Whether the URN is in a set that limits the run."""
        return urn in self.literals or any(glob.fullmatch(urn) for glob in self._globs)

    def add(self, urn: str) -> None:
        """Add a URN, unless the set means all resources."""
        if self:
            self.literals.append(urn)

    def copy(self) -> Targets:
        other = Targets()
        other.literals, other._globs = list(self.literals), list(self._globs)
        return other


def _pattern(glob: str) -> re.Pattern[str]:
    parts = ("[^:]*".join(map(re.escape, part.split("*"))) for part in glob.split("**"))
    return re.compile(".*".join(parts))
