"""How a fleet's accounts stand in the state: a line each. Imported by programs: nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator

STATES = {"o": "open", "q": "connecting", "c": "close"}
LETTERS = {state: letter for letter, state in STATES.items()}


def write_line(account_id: str, state: str, terms: int, key: str, nickname: str) -> str:
    """``acc0123… c0 alice``: ID, the state's letter and the number of the terms, key, and after a
    tab the nickname where it is another. Keys and nicknames hold no control characters.
    """
    line = f"{account_id} {LETTERS.get(state, 'c')}{terms} {key}"
    return line if nickname == key else f"{line}\t{nickname}"


def read_lines(text: str | None) -> Iterator[tuple[str, str, int, str, str]]:
    """What `write_line` took, of each line."""
    for line in (text or "").split("\n"):
        if line:
            account_id, mark, rest = line.split(" ", 2)
            key, _, nickname = rest.partition("\t")
            yield account_id, STATES[mark[0]], int(mark[1:]), key, nickname or key
