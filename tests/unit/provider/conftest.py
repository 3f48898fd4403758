"""A team in memory, and a stack."""

from __future__ import annotations

import pytest

from tests.support.provider import Stack, in_memory
from tests.support.team import Team


@pytest.fixture
def team() -> Team:
    return Team()


@pytest.fixture
def stack(team: Team) -> Stack:
    return in_memory(team)
