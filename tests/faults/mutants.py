"""Copies of the package with one protection taken out, to show that the tests would see it."""

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
    """In `file` of the package, `old` (found exactly once) becomes `new`."""

    file: str
    old: str
    new: str


MUTANTS = {
    "the intent is taken out": Mutant(
        "lifecycle/fleet/intent.py",
        "    if baseline.run > runs.worked:\n        return Licence(before, True)\n",
        "",
    ),
    "a lost answer is retried": Mutant(
        "api/accounts.py",
        'call = Call("POST", "im", "/accounts", body=order.body(), repeat=Repeat.NEVER)',
        'call = Call("POST", "im", "/accounts", body=order.body(), repeat=Repeat.HARMLESS)',
    ),
    "removal goes by nickname": Mutant(
        "lifecycle/removal.py",
        "            await client.accounts.delete(account_id, now="
        "on_delete is OnDelete.DELETE_NOW)",
        "            doomed = await client.accounts.get(account_id)\n"
        "            for one in await client.accounts.find(doomed.nickname if doomed else ''):\n"
        "                await client.accounts.delete(one.account_id)",
    ),
    "a token in the state": Mutant(
        "resources/account/provider.py",
        "            _DECLARED: kept,\n",
        '            _DECLARED: kept,\n            "debug": f"{self.settings.token()}",\n',
    ),
}


@contextmanager
def mutated(mutant: Mutant) -> Iterator[Path]:
    """A directory for PYTHONPATH that holds the changed package."""
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
        assert text.count(mutant.old) == 1, f"{mutant.file} has changed: mend this mutant"
        file.write_text(text.replace(mutant.old, mutant.new))
        yield folder
    finally:
        shutil.rmtree(folder)
