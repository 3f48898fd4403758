"""Copies of the package without one protection, to show that the tests detect it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import chatdaddy_pulumi


@dataclass(frozen=True)
class Mutant:
    """Replace `old` (which occurs exactly once) by `new` in `file` of the package."""

    file: str
    old: str
    new: str


MUTANTS = {
    "a token in the state": Mutant(
        "provider/account.py",
        "        return state.dump(_secrets(inputs))\n",
        "        debug = {'debug': f'{self._host.settings.token()}'}\n"
        "        return {**state.dump(_secrets(inputs)), **debug}\n",
    ),
}


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """Make a directory for PYTHONPATH with the changed package."""
    folder = Path(tempfile.mkdtemp(prefix="mutant-"))
    try:
        package = folder / "chatdaddy_pulumi"
        shutil.copytree(
            Path(chatdaddy_pulumi.__file__).parent,
            package,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        file = package / mutant.file
        text = file.read_text()
        assert text.count(mutant.old) == 1, f"{mutant.file} has changed: update this mutant"
        file.write_text(text.replace(mutant.old, mutant.new))
        yield folder
    finally:
        shutil.rmtree(folder)
