"""Screens in text files. The output of a command must be equal to its file.

`UPDATE_SCREENS=1 pytest …` writes the files.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

_MASKS = (
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "2026-01-01T00:00:00.000Z"),
    (re.compile(r"\b\d+[smh] +(?=acc)"), "1s   "),
)


@dataclass
class Screens:
    """The screens of a folder. `names` gives each account ID a number, in the order of creation."""

    folder: Path
    ids: list[str] = field(default_factory=list)
    also: dict[str, str] = field(default_factory=dict)

    def check(self, name: str, screen: str) -> None:
        """The screen must be equal to its file."""
        shown = self.masked(screen)
        file = self.folder / f"{name}.txt"
        if os.environ.get("UPDATE_SCREENS"):
            file.parent.mkdir(exist_ok=True)
            file.write_text(shown)
        assert file.exists(), f"{file} is missing: UPDATE_SCREENS=1 writes it"
        assert shown == file.read_text(), f"UPDATE_SCREENS=1 writes {file.name} anew"

    def masked(self, text: str) -> str:
        """The text with placeholders of the same width for what differs from run to run."""
        for old, new in self.also.items():
            text = text.replace(old, new)
        # All at once, since an ID may end with the number of another one.
        short = {account_id[-4:]: f"{n:04}" for n, account_id in enumerate(self.ids, 1)}
        names = short | {one: one[:-4] + short[one[-4:]] for one in self.ids}
        if names:
            either = "|".join([*self.ids, *(rf"(?<=-){end}\b" for end in short)])
            text = re.sub(either, lambda found: names[found[0]], text)
        for pattern, mask in _MASKS:
            text = pattern.sub(mask, text)
        return text
