"""Each rule is broken once in the core. Fixed histories must detect it.

If `history.py` changes, `python -m tests.simulation --mutant RULE --seed 20000 --histories 300`
finds other seeds.
"""

from __future__ import annotations

import pytest

from tests.simulation.found import FOUND
from tests.simulation.history import generate
from tests.simulation.mutants import MUTANTS, Mutant

#: By rule: seeds, and names of the histories in `found.py`.
RED: dict[int, tuple[int | str, ...]] = {
    1: (20011, 20016),
    2: ("a colleague buys what an interrupted run did not",),
    3: ("killed during a slow purchase", 20014),
    4: (20004, 20016),
    5: (20016, 20047),
    6: (20057, 20075),
    7: (20005, 20011),
    8: (20000, 20002),
    9: (20003, 20005),
    10: (20005, 20012),
    11: (20357, 20518),
    12: (20048, 20213),
}


@pytest.mark.slow
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda one: f"rule {one.rule}")
def test_histories_detect_each_mutant(mutant: Mutant) -> None:
    for one in RED[mutant.rule]:
        history = FOUND[one] if isinstance(one, str) else generate(one)
        assert mutant.breaks(history) is not None, one


def test_every_rule_has_a_mutant() -> None:
    assert [mutant.rule for mutant in MUTANTS] == list(range(1, 13))
